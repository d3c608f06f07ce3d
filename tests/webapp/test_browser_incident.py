"""An incident from the tap on the map to its closing, in a real browser, at a desk and on a phone."""

from __future__ import annotations

import io
import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from pyproj import Transformer
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.desk import moves
from gridmap.stores import open_store
from tests.webapp.small_city import CODES, CRS, PASSWORD, X, Y
from webapp import create_app

pytestmark = pytest.mark.browser

SCREENS = {
    "desk": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


@pytest.fixture(scope="module", params=["tiles", "whole"])
def place(request: pytest.FixtureRequest, city: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Address and path of a city with tiles, and of one without."""
    path = tmp_path_factory.mktemp("incidents") / "city.gpkg"
    with open_store(city):
        shutil.copy(city, path)
    if request.param == "tiles":
        make_tiles(path)
    app = create_app(path, INSTANCE=tmp_path_factory.mktemp("instance"), TILE_JOBS=False)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", str(path)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


def photo() -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (2000, 1500), (90, 60, 30)).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("screen", list(SCREENS))
def test_a_leader_reports_notes_closes_and_opens_again(browser: Any, place: Any, screen: str) -> None:
    address, path = place
    context = browser.new_context(locale="zh-CN", **SCREENS[screen])
    page = context.new_page()
    page.set_default_timeout(20_000)
    elsewhere: list[str] = []
    complaints: list[str] = []
    own = (address, "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else elsewhere.append(asked.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/login?next=/incidents/new")
    page.fill("#name", "grid_leader")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")

    # nothing chosen yet: the form says what is missing and keeps what was typed
    page.wait_for_selector("[data-pick][data-drawn=yes]")
    page.fill("#text", "井盖松动")
    page.click(".gw-kinds label:has-text('市容环境')")
    page.click("form[data-report] button[type=submit]")
    page.wait_for_selector("[data-problem]:not([hidden])")
    assert "先选定地点" in page.inner_text("[data-problem]") and page.input_value("#text") == "井盖松动"

    # the first micro-grid, told to the map by degrees and tapped there
    lon, lat = _degrees(X + 30, Y + 60)
    at = page.evaluate(
        f"() => {{ const map = window[document.querySelector('[data-pick] .folium-map').id];"
        f" map.setView([{lat}, {lon}], 18, {{animate: false}}); return map.latLngToContainerPoint([{lat}, {lon}]); }}"
    )
    page.locator("[data-pick] .folium-map").click(position={"x": at["x"], "y": at["y"]})
    assert abs(float(page.input_value("#lon")) - lon) < 1e-4
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.click("form[data-report] button[type=submit]")
    page.wait_for_url(re.compile(r"/incidents/R\d{8}-\d+$"))
    code = page.url.rpartition("/")[2]
    page.wait_for_selector("[data-at][data-drawn=yes]")
    page.locator(".gw-photos img").scroll_into_view_if_needed()
    image = "document.querySelector('.gw-photos img')"
    page.wait_for_function(f"() => {image}.complete && {image}.naturalWidth === 1600")

    for button, state in (("添加备注", "reported"), ("结案", "closed"), ("重新打开", "reported")):
        page.fill("#text", f"{button}：到场处理")
        page.click(f".gw-next button:has-text('{button}')")
        page.wait_for_selector(".alert-success")
        assert page.get_attribute("[data-state]", "data-state") == state
    assert page.locator(".gw-moves li").count() == 4
    # fits the screen, and is large enough for a thumb
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        "() => [...document.querySelectorAll('main button, main .gw-button, main select')]"
        ".filter(one => one.offsetHeight && one.offsetHeight < 44).map(one => one.outerHTML)"
    )
    assert small == []

    page.goto(f"{address}/incidents")
    page.click(f"a[href='/incidents/{code}']")
    page.wait_for_selector("[data-state=reported]")
    assert complaints == [] and elsewhere == []
    context.close()
    with open_store(path) as store:
        assert [move.move for move in moves(store, code)] == ["report", "note", "close", "reopen"]
        assert store.read("incidents").set_index("code").loc[code, "micro_grid"] == CODES[0]


@pytest.mark.parametrize("screen", list(SCREENS))
def test_the_card_on_the_map_leads_to_the_incident(browser: Any, place: Any, screen: str) -> None:
    address, _ = place
    context = browser.new_context(locale="zh-CN", **SCREENS[screen])
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{address}/login?next=/")
    page.fill("#name", "grid_leader")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    page.goto(f"{address}/?x=1#at={CODES[3]}")
    link = page.locator(f".gm-card a[href='/incidents/E{CODES[3]}']")
    link.wait_for(state="attached")
    link.evaluate("one => one.click()")
    page.wait_for_url(f"{address}/incidents/E{CODES[3]}")
    assert CODES[3] in page.inner_text("main")
    context.close()


def _degrees(x: float, y: float) -> tuple[float, float]:
    return Transformer.from_crs(CRS, 4326, always_xy=True).transform(x, y)
