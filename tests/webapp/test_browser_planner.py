"""A planner in a real browser: coverage, a facility put on the map and taken back; no other host, no complaint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.stores import open_store
from tests.webapp.small_city import PASSWORD
from webapp import create_app

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (390, 844)]


@pytest.fixture(scope="module", params=["tiles", "layers"])
def address(request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service of the sample town, with vector tiles and without."""
    folder = tmp_path_factory.mktemp("planner")
    if request.param == "tiles":
        make_tiles(str(built), folder=folder / "tiles")
    site: Flask = create_app(built, INSTANCE=folder / "instance", TILES=str(folder / "tiles"), TILE_JOBS=False)
    server = make_server("127.0.0.1", 0, site, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


class Visit:
    """A planner who is logged in; what the page asked for and complained about is written down."""

    def __init__(self, browser: Any, address: str, size: tuple[int, int]) -> None:
        self.address = address
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=size[0] < 500)
        self.page = self.context.new_page()
        self.page.set_default_timeout(40_000)
        self.wrong: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.goto(f"{address}/login")
        self.page.fill("#name", "planner")
        self.page.fill("#password", PASSWORD)
        self.page.click("button[type=submit]")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"asked {url}")

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))


@pytest.fixture
def visit(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    made = Visit(browser, address, request.param)
    yield made
    made.context.close()


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_from_a_gap_to_a_facility_that_closes_it(visit: Visit, built: Path) -> None:
    page = visit.page
    page.goto(f"{visit.address}/coverage?lang=zh")
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    page.click("[data-kind=canteen] a")
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    beyond = int(visit.text("[data-figure=uncovered]").replace(",", ""))
    assert beyond > 0
    # the map is coloured by this kind, and a gap is shown where it lies
    assert page.evaluate("() => gridmap.app.measure && gridmap.app.measure.name") == "coverage:canteen"
    page.click("[data-gap='1'] [data-go]")
    page.wait_for_selector(".gp-here")
    page.click("[data-unit-code]")
    page.click("[data-gap='1'] a.gw-button")
    page.wait_for_selector("[data-answered='1']")
    before, after = (int(visit.text(f"[data-figure={name}]").replace(",", "")) for name in ("before", "after"))
    assert after > before and page.locator(".gp-pin-add").count() == 1
    with open_store(built) as store:
        homes = int(store.read("buildings")["households"].sum())
    assert homes - beyond == before, "what if begins where coverage stands"
    # a second one by a press on the map, then back, forth, and back by the browser's own button
    page.wait_for_selector("[data-ready=yes]")
    page.click("[data-centre]")
    page.wait_for_selector("[data-answered='2']")
    assert page.url.count("do=add") == 2
    page.click("[data-undo]")
    page.wait_for_selector("[data-answered='1']")
    assert page.url.count("do=add") == 1 and visit.text("[data-figure=after]").replace(",", "") == str(after)
    page.click("[data-redo]")
    page.wait_for_selector("[data-answered='2']")
    page.go_back()
    page.wait_for_selector("[data-answered='1']")
    # kept under a name, and there after it was opened again
    page.fill("#name", "补一处")
    page.click("[data-keep] button")
    page.wait_for_selector("[data-scenarios] a")
    page.click("[data-scenarios] a")
    page.wait_for_selector("[data-answered='1']")
    assert visit.text("[data-figure=after]").replace(",", "") == str(after)
    page.click("[data-scenarios] form button")
    page.wait_for_selector("[data-scenarios]", state="detached")
    assert visit.wrong == []


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_a_facility_is_closed_on_the_map_and_a_place_elsewhere_is_refused(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.address}/what-if?kind=canteen&lang=en")
    page.wait_for_selector("[data-ready=yes]")
    page.wait_for_selector(".gp-there")
    page.locator(".gp-there").first.click()
    page.click(".gp-popup button >> nth=1")
    page.wait_for_selector("[data-answered='1']")
    assert visit.text("[data-figure=after]") == "0" and "Close" in visit.text("[data-steps]")
    # a place in the empty world around is taken back, and the reader is told why
    page.evaluate("""() => {
        const { lat, lng } = gridmap.app.map.getCenter();
        gridmap.app.onPress(L.latLng(lat + 0.008, lng));
    }""")
    page.wait_for_selector("[data-problem]:not([hidden])")
    assert "not in your area" in visit.text("[data-problem]") and page.url.count("do=") == 1
    assert visit.wrong == []


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_sites_are_asked_for_left_and_tried(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.address}/siting?kind=canteen&lang=en")
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    if page.locator("[data-form][open]").count() == 0:
        page.click("[data-form] summary")
    page.fill("[name=count]", "1")
    page.click("[data-form] button[type=submit]")
    page.wait_for_selector("[data-job]")
    # left and come back to
    page.goto(f"{visit.address}/coverage?lang=en")
    page.goto(f"{visit.address}/siting?kind=canteen&lang=en")
    page.wait_for_selector("[data-job][data-state=done]", timeout=120_000)
    page.wait_for_selector("[data-shown]", timeout=60_000)
    planned = visit.text("[data-figure=after] b")
    assert page.locator(".gp-pin-plan").count() >= 1
    page.click("[data-try]")
    page.wait_for_selector("[data-answered='1']")
    assert visit.text("[data-figure=after]") == planned, "what if says what the plan promised"
    assert visit.wrong == []
