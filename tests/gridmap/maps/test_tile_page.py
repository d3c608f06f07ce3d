"""The page of a city in tiles, in a browser: figures, cards, search, weeks, choosing, hostile text, a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from shapely.geometry import Point

from gridmap.maps.vector_tiles import draw_tiles
from tests.gridmap.maps.tile_site import HOSTILE, VERSION, Site

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("site"))
    found.page = lambda: draw_tiles(found.document, title=HOSTILE, attribution=HOSTILE)
    yield found
    found.close()


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


class Opened:
    """The page; other hosts are blocked and counted, complaints kept."""

    def __init__(self, browser: Any, site: Site, hash_: str = "", **context: Any) -> None:
        self.site = site
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context})
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.route("**/*", self._gate)
        # reading a canvas back is what these tests do, not the page
        self.page.on("console", lambda m: None if "willReadFrequently" in m.text else self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{site.address}/{hash_}")
        self.settled()

    def _gate(self, route: Any) -> None:
        if route.request.url.startswith((self.site.address, "data:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def settled(self) -> None:
        self.page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
        self.page.wait_for_function(
            "() => { const t = gridmap.app.tiles; return gridmap.painting() === 0 && t.store.waiting.size === 0 &&"
            " gridmap.app._words === 0"
            " && gridmap.app.level === gridmap.app.shownLevel && Object.values(t._tiles).every(tile => tile.loaded) }")
        # names and kinds for the words on the map have come
        self.page.evaluate("() => Promise.all([...gridmap.app.kept.values()])")

    def at(self, point: Point) -> tuple[float, float]:
        """Where a place in degrees is in the window."""
        found = self.page.evaluate(f"() => gridmap.app.map.latLngToContainerPoint([{point.y}, {point.x}])")
        return found["x"], found["y"]

    def leave(self) -> None:
        self.context.close()
        assert self.elsewhere == []
        assert self.complaints == []


DRAWN = "() => gridmap.app.tiles.rulesAt(17, 1).map(i => gridmap.app.tiles.options.rules[i].layer)"


def middle(site: Site, number: int, layer: str = "micro_grids") -> Point:
    return site.frames[layer].to_crs(4326).geometry.iloc[number].representative_point()


def near_the_middle(site: Site, count: int) -> list[int]:
    """Rows of micro-grids near the middle of the city."""
    frame = site.frames["micro_grids"]
    return frame.distance(frame.union_all().centroid).argsort()[:count].tolist()


def view(site: Site, zoom: int) -> str:
    centre = site.frames["micro_grids"].to_crs(4326).union_all().centroid
    return f"#measure=households&view={zoom}/{centre.y:.5f}/{centre.x:.5f}"


def test_a_press_opens_the_card_and_a_pointer_names_what_lies_under_it(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 17))
    page, frame = opened.page, site.frames["micro_grids"]
    opened_codes: list[str] = []
    page.expose_function("heard", lambda detail: opened_codes.append(detail["code"]))
    page.evaluate("() => document.addEventListener('gridmap:feature', e => heard(e.detail))")
    rows = near_the_middle(site, 6)
    for number in rows:
        row = frame.iloc[number]
        x, y = opened.at(middle(site, number))
        page.mouse.move(x, y)
        page.wait_for_function(
            "text => document.querySelector('.gm-tip').textContent === text",
            arg=f"{row['name']} · 户数 {row['households']}")
        page.mouse.click(x, y)
        page.wait_for_function(
            "code => document.querySelector('.gm-code')?.textContent.endsWith(code)", arg=row["code"])
        assert page.locator(".gm-card h2").text_content() == row["name"]
        assert f"at={row['code']}" in page.url
        page.keyboard.press("Escape")
    assert opened_codes == [frame["code"].iloc[number] for number in rows]
    assert page.evaluate("() => window.hacked") is None
    opened.leave()


def test_legend_and_table_say_what_the_map_shows(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 17))
    page, frame = opened.page, site.frames["micro_grids"]
    counts = [int(text) for text in page.locator(".gm-legend li .gm-count").all_text_contents()]
    edges = np.quantile(frame["households"], [0, 0.2, 0.4, 0.6, 0.8, 1]).astype(int)
    edges[-1] += 1
    assert counts == [*np.histogram(frame["households"], bins=edges)[0], 0]
    page.locator(".gm-fold-table summary").click()
    page.wait_for_selector("tbody tr")
    codes = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.code)")
    values = [int(text) for text in page.locator("tbody td.gm-amount").all_text_contents()]
    by_code = frame.set_index("code")["households"]
    assert values == [by_code[code] for code in codes] and values == sorted(by_code, reverse=True)[: len(values)]
    # farther out the grids are coloured: legend and table follow
    page.evaluate("() => gridmap.app.map.setZoom(12, {animate: false})")
    page.wait_for_function("() => gridmap.app.shownLevel === 'grids'")
    page.wait_for_function("n => document.querySelectorAll('tbody tr').length === n", arg=len(site.frames["grids"]))
    assert page.locator(".gm-legend-title .gm-count").text_content() == "grids"
    opened.leave()


def test_a_switch_of_measure_asks_for_one_array(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 17))
    page = opened.page
    site.requests.clear()
    page.select_option(".gm-field select", "even")
    page.wait_for_function("() => gridmap.app.shownValues.measure === 'even'")
    opened.settled()
    assert site.requests == [f"values/{VERSION}/micro_grids/even.json"]
    rows = page.locator(".gm-legend li span:nth-child(2)").all_text_contents()
    assert rows[:2] == [HOSTILE, "单"]
    assert page.locator(".gm-breaks").is_hidden()  # kinds have no classes to choose
    page.select_option(".gm-field select", "")
    page.wait_for_function("() => gridmap.app.shownValues === null")
    opened.leave()


def test_search_finds_what_is_named_and_goes_there(browser: Any, site: Site) -> None:
    opened = Opened(browser, site)
    page = opened.page
    page.keyboard.press("/")
    page.keyboard.type("微网格30")
    page.locator(".gm-results button").first.click()
    page.wait_for_selector(".gm-card h2")
    assert page.locator(".gm-card h2").text_content() == "微网格30"
    page.wait_for_function("() => gridmap.app.map.getZoom() >= 16")
    opened.leave()


def test_hostile_names_are_shown_as_typed_and_never_run(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 18))
    page = opened.page
    assert page.locator(".gm-title").text_content() == HOSTILE
    page.fill(".gm-search-input", "<img")
    page.wait_for_selector(".gm-results button")
    assert HOSTILE in str(page.locator(".gm-results").text_content())
    page.fill(".gm-search-input", "")
    page.locator(".gm-fold-table summary").click()
    page.wait_for_selector("tbody tr")
    assert HOSTILE in str(page.locator("tbody").text_content())
    for layer in ("facilities", "incidents", "buildings", "grids"):
        page.evaluate(f"() => gridmap.app.open('{layer}', 2)")
        page.wait_for_function(
            "code => document.querySelector('.gm-code')?.textContent.includes(code)",
            arg=site.frames[layer]["code"].iloc[1])
        assert HOSTILE in str(page.locator(".gm-card").text_content())
    page.evaluate("() => { gridmap.app.chooser.toggle(); gridmap.app.tiles.select('buildings', [1, 2]); }")
    page.wait_for_function("() => document.querySelectorAll('.gm-card .gm-row').length === 2")
    assert str(page.locator(".gm-card").text_content()).count(HOSTILE) == 2
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.hacked") is None
    assert page.locator(".gm-app img, .gm-app script, .gm-map img, .gm-map script").count() == 0
    opened.leave()


def test_weeks_of_incidents(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 15))
    page = opened.page
    page.locator(".gm-fold-time summary").click()
    page.wait_for_selector(".gm-bars span")
    assert page.locator(".gm-bars span").count() == 80
    assert page.locator(".gm-week b").text_content() == "200 件"
    assert "另有 40 件没有日期" in str(page.locator(".gm-time").text_content())
    page.locator(".gm-time input").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".gm-week b").text_content() == "2 件"
    assert page.locator(".gm-week small").text_content() == "2025年1月13日 – 2025年1月19日"
    shown = page.evaluate(
        "() => { const seen = []; const p = gridmap.app.points; const keep = p._keeps('incidents');"
        " for (let id = 1; id <= 200; id++) if (keep(id)) seen.push(id); return seen }")
    assert shown == [3, 4]
    page.locator(".gm-time .gm-button").click()
    assert page.locator(".gm-week b").text_content() == "200 件"
    opened.leave()


def test_points_that_crowd_are_one_number(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 14))
    numbers = [int(text) for text in opened.page.locator(".gm-cluster-number").all_text_contents()]
    alone = opened.page.locator(".gm-point").count()
    assert sum(numbers) + alone == len(site.frames["facilities"]) + len(site.frames["incidents"])
    boxes = [mark.bounding_box() for mark in opened.page.locator(".gm-cluster").all()]
    centres = np.array([(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes])
    apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1)) + 1e6 * np.eye(len(centres))
    assert apart.min() >= 44
    opened.leave()


def test_choosing_many_and_taking_back(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 17))
    page = opened.page
    page.evaluate(
        "() => { window.told = []; document.addEventListener('gridmap:selection', e => told.push(e.detail)); }")
    page.locator(".gm-tool-choose").click()
    page.mouse.move(600, 250)
    page.mouse.down()
    for corner in ((900, 250), (900, 600), (600, 600), (600, 250)):
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    page.wait_for_function("() => told.length && told[told.length - 1].ids.length > 3")
    last = page.evaluate("() => told[told.length - 1]")
    assert last["layer"] == "buildings"
    assert last["codes"] == [site.frames["buildings"]["code"].iloc[number - 1] for number in last["ids"]]
    page.get_by_text("撤销").click()
    page.wait_for_function("() => told[told.length - 1].ids.length === 0")
    page.keyboard.press("Escape")
    assert not page.locator(".gm-card").is_visible()
    assert page.locator(".gm-tool-choose").get_attribute("aria-pressed") == "false"
    opened.leave()


def test_hands_without_a_mouse_hear_where_they_are(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 17))
    page = opened.page
    page.locator(".gm-map").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.wait_for_function("() => /户数 \\d+ \\(2\\//.test(document.querySelector('.gm-spoken').textContent)")
    page.keyboard.press("Enter")
    page.wait_for_selector(".gm-card h2")
    name = str(page.locator(".gm-card h2").text_content())
    assert str(page.locator(".gm-spoken").text_content()).startswith(name)
    opened.leave()


def test_on_a_phone_the_map_fills_and_fingers_fit(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, view(site, 17), **PHONE)
    page = opened.page
    box = page.locator(".gm-map").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    x, y = opened.at(middle(site, near_the_middle(site, 1)[0]))
    page.touchscreen.tap(x, y)
    page.wait_for_selector(".gm-card h2")
    card = page.locator(".gm-card").bounding_box()
    assert card["x"] == 0 and card["width"] == 390
    page.locator(".gm-close").tap()
    page.locator(".gm-handle").tap()
    page.wait_for_function("() => document.querySelector('.gm-panel').getBoundingClientRect().height > 380")
    pressed = ", ".join(f".gm-panel {tag}:visible" for tag in ("select", "summary", "input", "button.gm-button"))
    for thing in page.locator(f".gm-tool:visible, {pressed}").all():
        size = thing.bounding_box()
        assert size["height"] >= 44, thing.get_attribute("class")
    opened.leave()


def test_the_page_speaks_english_too(browser: Any, site: Site) -> None:
    before = site.page
    site.page = lambda: draw_tiles(site.document, title="City", lang="en")
    try:
        opened = Opened(browser, site)
        words = str(opened.page.locator(".gm-panel").inner_text())
        for chinese in ("分级方法", "图层", "数据表", "地图显示", "事件时间"):
            assert chinese not in words
        assert "Classes" in words and "Layers" in words
        opened.leave()
    finally:
        site.page = before


def test_a_background_lies_below_and_where_the_city_is(browser: Any, site: Site) -> None:
    before = site.page
    background = {
        "url": "/base/{z}/{x}/{y}", "minzoom": 3, "maxzoom": 16, "attribution": HOSTILE,
        "shift": {"east_m": 500.0, "north_m": -200.0},
    }
    site.page = lambda: draw_tiles({**site.document, "background": background})
    try:
        opened = Opened(browser, site, view(site, 17))
        page = opened.page
        tile = page.locator(".leaflet-gm-base-pane img").first
        tile.wait_for()
        assert page.evaluate(DRAWN).count("roads") == 0
        # overlays 500 m to the east are the pictures 500 m to the west, in metres of the projection
        moved = page.evaluate("() => new DOMMatrix(getComputedStyle(document.querySelector('.leaflet-gm-base-pane'))"
                              ".transform)")
        metres = 156543.03392804097 / 2**17
        assert moved["e"] == pytest.approx(-500 / metres, abs=0.2)
        assert moved["f"] == pytest.approx(-200 / metres, abs=0.2)
        page.locator(".gm-fold-layers summary").click()
        assert HOSTILE in str(page.locator(".gm-check-base").text_content())
        page.locator(".gm-check-base input").uncheck()
        assert page.locator(".leaflet-gm-base-pane img").count() == 0
        assert page.evaluate(DRAWN).count("roads") > 0
        opened.leave()
    finally:
        site.page = before
