"""The service in a real browser: no other host, no complaint, the right card, hostile names as typed, a phone."""

from __future__ import annotations

import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
from shapely.geometry import Point
from werkzeug.serving import make_server

from gridmap.stores import open_store
from tests.webapp.small_city import CODES, PASSWORD, STREETS, in_reach
from webapp import create_app

pytestmark = pytest.mark.browser

HOSTILE = "<script>window.hacked=1</script> ${window.hacked=1} `x` \"'<img src=x onerror=window.hacked=1> {{ 7*7 }}"


@pytest.fixture(scope="module")
def hostile_city(city: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The small city with hostile text in every column of text that is no code."""
    path = tmp_path_factory.mktemp("hostile") / "city.gpkg"
    shutil.copy(city, path)
    columns = {
        "micro_grids": ("name", "leader"), "buildings": ("name",), "facilities": ("name",), "roads": ("name",),
        "organizations": ("name", "kind", "phone"), "incidents": ("category", "text", "address", "status"),
        "grids": ("name",), "communities": ("name",), "findings": ("what",),
    }
    with open_store(path) as store:
        for layer, names in columns.items():
            frame = store.read(layer)
            store.write(layer, frame.assign(**dict.fromkeys(names, HOSTILE)))
        store.set_meta(name=HOSTILE, attribution=HOSTILE)
    return str(path)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serves a city on a free port of this machine; gives the address."""
    running = []

    def start(path: str) -> str:
        app = create_app(path, INSTANCE=tmp_path_factory.mktemp("instance"))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def city(city: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The small city without tiles: its map comes in whole layers. `test_tile_map.py` is for cities with tiles."""
    path = tmp_path_factory.mktemp("whole") / "city.gpkg"
    shutil.copy(city, path)
    return str(path)


@pytest.fixture(scope="module")
def address(serve: Any, city: str) -> str:
    address: str = serve(city)
    return address


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield found
        found.close()


class Visit:
    """A person in front of the service: what the page asked for and complained about is written down."""

    def __init__(self, browser: Any, address: str, name: str, **screen: Any) -> None:
        self.address = address
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "zh-CN", **screen})
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.route("**/*", self._gate)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{address}/login?next=/")  # the map, also for who begins elsewhere
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("button[type=submit]")
        self.loaded()

    def _gate(self, route: Any) -> None:
        if route.request.url.startswith((self.address, "data:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def loaded(self) -> None:
        self.page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")

    def press(self, point: Point) -> None:
        """Press a place on the map, given in degrees."""
        at = self.page.evaluate(
            f"() => gridmap.app.map.latLngToContainerPoint([{point.y}, {point.x}])")
        box = self.page.locator(".gm-map").bounding_box()
        self.page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])

    def card_code(self) -> str:
        self.page.wait_for_selector(".gm-card .gm-figures")
        return str(self.page.locator(".gm-card .gm-code").first.text_content())

    def leave(self) -> None:
        self.context.close()
        assert self.elsewhere == []
        assert self.complaints == []


def degrees_of(city: str) -> gpd.GeoDataFrame:
    with open_store(city) as store:
        return store.read("micro_grids").to_crs(4326)


def test_a_press_opens_the_card_of_the_micro_grid_under_it(browser: Any, address: str, city: str) -> None:
    visit = Visit(browser, address, "admin")
    grids = degrees_of(city)
    for number in (0, 6, 15):
        row = grids.iloc[number]
        west, south, east, north = row.geometry.bounds
        place = Point(west + 0.1 * (east - west), south + 0.1 * (north - south))
        under = grids[grids.geometry.contains(place)]["code"].tolist()  # geopandas says what lies there
        assert under == [CODES[number]]
        visit.press(place)
        visit.page.wait_for_function(f"() => document.querySelector('.gm-code')?.textContent === '{under[0]}'")
        assert visit.card_code() == under[0]
        assert f"at={under[0]}" in visit.page.url
        visit.page.keyboard.press("Escape")
    visit.leave()


def test_a_press_on_a_tower_goes_through_its_floors(browser: Any, address: str, city: str) -> None:
    visit = Visit(browser, address, "grid_leader")
    tower = degrees_of(city).iloc[1].geometry
    west, south, east, north = tower.bounds
    place = Point(west + 0.1 * (east - west), south + 0.1 * (north - south))
    visit.press(place)
    assert visit.card_code() == f"{CODES[1]} · 1-8层"
    visit.press(place)
    visit.page.wait_for_function(f"() => document.querySelector('.gm-code')?.textContent.startsWith('{CODES[2]}')")
    assert visit.page.locator(".gm-stack [aria-pressed=true] span").text_content() == "9-16层"
    visit.leave()


def test_a_switch_of_measure_needs_no_new_data(browser: Any, address: str) -> None:
    visit = Visit(browser, address, "planner")
    page = visit.page
    pixel = (
        "() => { const copy = Object.assign(document.createElement('canvas'), {width: 64, height: 64});"
        " const context = copy.getContext('2d', {willReadFrequently: true}); let sum = 0;"
        " for (const tile of document.querySelectorAll('canvas.leaflet-tile')) {"
        " context.clearRect(0, 0, 64, 64); context.drawImage(tile, 0, 0, 64, 64);"
        " const d = context.getImageData(0, 0, 64, 64).data;"
        " for (let i = 0; i < d.length; i += 4) sum += d[i] + 3 * d[i + 1] + 7 * d[i + 2]; } return sum }"
    )
    before, asked = page.evaluate(pixel), []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("within_band", "coverage:canteen", "residents"):
        page.select_option("select", name)
        assert page.evaluate("() => gridmap.app.measure.name") == name
        assert f"measure={name.replace(':', '%3A')}" in page.url
        after = page.evaluate(pixel)
        assert after != before
        before = after
    # the icon is asked for again with every address, since a gate on requests switches the browser's cache off
    assert [url for url in asked if "icon.svg" not in url] == []
    page.select_option("select", "within_band")
    counts = page.locator(".gm-legend li .gm-count").all_text_contents()
    assert counts == ["11", "5", "0"]
    visit.leave()


def test_a_leader_sees_the_own_grid_and_no_more(browser: Any, address: str) -> None:
    visit = Visit(browser, address, "grid_leader")
    shown = visit.page.evaluate("() => gridmap.app.layers.micro_grids.features.map(f => f.props.code)")
    assert sorted(shown) == sorted(code for code in CODES if in_reach("grid_leader", code))
    visit.page.locator(".gm-fold-table summary").click()
    visit.page.wait_for_selector("tbody tr")
    assert visit.page.locator("tbody tr").count() == 4
    visit.page.goto(f"{visit.page.url.split('#')[0]}#at={CODES[-1]}")
    visit.page.reload()
    visit.loaded()
    assert CODES[-1] in str(visit.page.locator(".gm-note").text_content())
    assert not visit.page.locator(".gm-card").is_visible()
    visit.leave()


def test_a_link_shows_the_same_to_a_colleague(browser: Any, address: str) -> None:
    visit = Visit(browser, address, "street_office")
    visit.page.select_option("select", "coverage:canteen")
    visit.page.evaluate(f"() => gridmap.app.select('{CODES[3]}', true)")
    visit.card_code()
    visit.page.wait_for_timeout(800)  # the flight to the micro-grid ends
    link = visit.page.url
    visit.leave()
    other = browser.new_context(viewport={"width": 1440, "height": 900})
    page = other.new_page()
    page.goto(link)
    page.fill("#name", "planner")  # asked to log in first; what the link shows survives it
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".gm-card .gm-figures")
    assert page.input_value("select") == "coverage:canteen"
    assert page.locator(".gm-card .gm-code").first.text_content() == CODES[3]
    assert page.url.split("view=")[1] == link.split("view=")[1]
    other.close()


def test_on_a_phone_the_map_fills_and_fingers_fit(browser: Any, address: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
    visit = Visit(browser, address, "grid_leader", **phone)
    page = visit.page
    box = page.locator(".gm-map").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    for button in page.locator(".gm-tool:visible, .gw-menu summary:visible").all():
        size = button.bounding_box()
        assert min(size["width"], size["height"]) >= 44
    assert page.locator(".gm-panel").bounding_box()["height"] == pytest.approx(96, abs=1)
    page.locator(".gm-handle").tap()
    page.wait_for_function("() => document.querySelector('.gm-panel').getBoundingClientRect().height > 380")
    page.evaluate(f"() => gridmap.app.select('{CODES[0]}', true)")
    assert visit.card_code() == CODES[0]
    card = page.locator(".gm-card").bounding_box()
    assert card["x"] == 0 and card["width"] == 390 and card["y"] + card["height"] == pytest.approx(844, abs=1)
    page.locator(".gm-close").tap()
    assert not page.locator(".gm-card").is_visible()
    page.locator(".gw-menu summary").tap()
    assert page.locator(".gw-menu-box").is_visible()
    visit.leave()


def test_a_large_layer_comes_where_the_map_is(browser: Any, city: str, tmp_path: Path) -> None:
    app = create_app(city, INSTANCE=tmp_path, NEAR_ROWS=10)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    visit = Visit(browser, f"http://127.0.0.1:{server.server_port}", "street_office")
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    # the whole street lies in view
    visit.page.wait_for_function("() => gridmap.app.layers.buildings.features.length === 8")
    codes = visit.page.evaluate("() => gridmap.app.layers.buildings.features.map(f => f.props.code)")
    assert sorted(codes) == sorted(f"B{code}" for code in CODES if in_reach("street_office", code))
    visit.page.evaluate("() => gridmap.app.map.setZoom(12, {animate: false})")
    visit.page.evaluate("() => gridmap.app.map.setZoom(18, {animate: false})")
    visit.page.wait_for_timeout(300)
    assert [url for url in asked if "buildings.geojson" in url and "bbox=" not in url] == []
    assert len([url for url in asked if "buildings" in url]) == len({url for url in asked if "buildings" in url})
    visit.leave()
    server.shutdown()
    server.server_close()


def test_search_finds_and_goes_there(browser: Any, address: str) -> None:
    visit = Visit(browser, address, "admin")
    page = visit.page
    page.keyboard.press("/")
    page.keyboard.type("食堂" + CODES[5])
    page.locator(".gm-results button").first.click()
    page.wait_for_selector(".gm-card .gm-facts")
    assert page.locator(".gm-card h2").text_content() == "食堂" + CODES[5]
    page.locator(".gm-card .gm-button").click()
    assert visit.card_code() == CODES[5]
    visit.leave()


def test_hostile_names_are_shown_as_typed_and_never_run(browser: Any, serve: Any, hostile_city: str) -> None:
    visit = Visit(browser, serve(hostile_city), "admin")
    page = visit.page
    page.evaluate("() => Object.keys(gridmap.app.layers).forEach(name => gridmap.app.showLayer(name, true))")
    page.locator(".gm-fold-table summary").click()
    page.locator(".gm-fold-layers summary").click()
    assert page.locator(".gm-title").text_content() == HOSTILE
    assert str(page.locator("tbody td").first.text_content()).startswith(HOSTILE)
    page.evaluate(f"() => gridmap.app.select('{CODES[0]}', true)")
    visit.card_code()
    assert str(page.locator(".gm-card").text_content()).count(HOSTILE) >= 8
    for layer in ("facilities", "organizations", "incidents"):
        page.evaluate(f"() => gridmap.app.showThing('{layer}', gridmap.app.layers.{layer}.features[0])")
        assert HOSTILE in str(page.locator(".gm-card").text_content())
    page.fill(".gm-search-input", "<img")
    assert HOSTILE in str(page.locator(".gm-results").text_content())
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.hacked") is None
    assert page.locator(".gm-app img, .gm-app script").count() == 0
    page.goto(f"{visit.address}/findings")
    assert HOSTILE in str(page.locator("tbody").text_content())
    assert page.evaluate("() => window.hacked") is None
    visit.leave()


def test_an_export_is_downloaded(browser: Any, address: str, tmp_path: Path) -> None:
    visit = Visit(browser, address, "street_office")
    page = visit.page
    page.goto(f"{address}/export")
    page.select_option("[data-scope]", STREETS[0])
    page.click("[data-look]")
    page.wait_for_selector(".gw-piece > .gw-scroll table")
    page.select_option("#encoding", "utf-8")
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/export/jobs/*")
    job = page.url
    page.goto(f"{address}/findings")  # leave it, and come back by the list
    page.goto(f"{address}/export")
    page.wait_for_selector(f".gw-exports a[href='{job.removeprefix(address)}/file']")
    with page.expect_download() as waiting:
        page.click(f".gw-exports a[href='{job.removeprefix(address)}/file']")
    waiting.value.save_as(tmp_path / "export.zip")
    assert waiting.value.suggested_filename.startswith(f"gridmap-{STREETS[0]}-")
    zipfile.ZipFile(tmp_path / "export.zip").extractall(tmp_path)
    (shape,) = tmp_path.rglob("micro_grids*.shp")
    read = pyogrio.read_dataframe(shape)
    assert shape.with_suffix(".cpg").read_text().strip() == "UTF-8"
    assert set(read["name"]) == {f"微网格{code}" for code in CODES if code.startswith(STREETS[0])}
    visit.leave()


def test_dark_and_english_are_at_home_too(browser: Any, address: str) -> None:
    visit = Visit(browser, address, "planner", color_scheme="dark", locale="en-GB")
    page = visit.page
    page.goto(f"{address}/?lang=en")
    page.wait_for_selector("[data-loaded=yes]", state="attached")
    assert page.locator(".gm-legend-title").text_content() == "Legendmicro-grids"
    ground = page.evaluate("() => getComputedStyle(document.querySelector('.gm-panel')).backgroundColor")
    assert max(int(part) for part in ground[4:-1].split(",")) < 80
    page.evaluate(f"() => gridmap.app.select('{CODES[0]}')")
    visit.card_code()
    words = str(page.locator(".gm-card").inner_text()) + str(page.locator(".gm-panel").inner_text())
    for chinese in ("户数", "楼栋", "服务设施", "图例", "图层"):
        assert chinese not in words
    visit.leave()
