"""The layer of vector tiles in a browser: right features under the pointer, values without tiles, choosing, no gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pytest
import shapely
from folium.plugins import Fullscreen, LocateControl, MarkerCluster, MiniMap, MousePosition, Search

from gridmap.maps.assets import outside_links
from gridmap.maps.vector_tiles import VectorTiles, draw_tiles
from layers.errors import WrongCall
from tests.gridmap.maps.tile_site import VERSION, Site

LAYER = {"name": "micro_grids", "minzoom": 11, "maxzoom": 15, "bounds": [114, 30.5, 114.1, 30.6], "count": 9}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("site"))
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


#: The pixels of a sheet: it shows a picture that was handed over, so they are read from a copy.
PIXELS = """window.pixels = (sheet) => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [sheet.width, sheet.height];
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  return context;
};"""


class Opened:
    """A Folium map with the layer `tiles` and what it complained about; other hosts are blocked and counted."""

    def __init__(self, browser: Any, site: Site, zoom: int = 16, **options: Any) -> None:
        self.site = site
        self.centre = site.frames["micro_grids"].to_crs(4326).union_all().centroid

        def page() -> folium.Map:
            drawn = folium.Map((self.centre.y, self.centre.x), zoom_start=zoom, tiles=None, zoom_control=False)
            drawn._id = "m"
            values = {"micro_grids": f"/values/{VERSION}/micro_grids/households.json"}
            layer = VectorTiles(f"/tiles/{VERSION}/", site.document["layers"], assets="/assets/", values=values)
            layer._id = "t"
            layer.add_to(drawn)
            for plugin in options.get("plugins", ()):
                plugin.add_to(drawn)
            return drawn

        site.page = page
        self.context = browser.new_context(viewport={"width": 1000, "height": 700}, **options.get("context", {}))
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.route("**/*", self._gate)
        # reading a canvas back is what these tests do, not the page
        self.page.on("console", lambda m: None if "willReadFrequently" in m.text else self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.add_init_script(PIXELS)
        self.page.add_init_script(options.get("script", ""))
        self.page.goto(site.address)
        self.settled()

    def _gate(self, route: Any) -> None:
        if route.request.url.startswith((self.site.address, "data:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def settled(self) -> None:
        self.page.wait_for_function(
            "() => { const t = vector_tiles_t, tiles = Object.values(t._tiles); return gridmap.painting() === 0 &&"
            " t.values.size && t.store.waiting.size === 0 && tiles.length > 0 && tiles.every(tile => tile.loaded) }")

    def leave(self) -> None:
        self.context.close()
        assert self.elsewhere == []
        assert self.complaints == []


def places(frame: gpd.GeoDataFrame, number: int) -> np.ndarray:
    """Random places in degrees within the frame's bounds."""
    west, south, east, north = frame.total_bounds
    return np.random.default_rng(3).uniform((west, south), (east, north), (number, 2))


@pytest.mark.browser
def test_the_unit_under_the_pointer_is_the_one_geopandas_finds(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, zoom=15)
    frame = site.frames["micro_grids"]
    at = places(frame.to_crs(4326), 200)
    found = opened.page.evaluate(
        "at => at.map(([lng, lat]) => vector_tiles_t.hit('micro_grids', L.latLng(lat, lng)))", at.tolist())
    points = gpd.GeoSeries(gpd.points_from_xy(at[:, 0], at[:, 1]), crs=4326).to_crs(frame.crs)
    sure = 0
    for ids, point in zip(found, points, strict=True):
        under = {int(number) + 1 for number in frame.index[frame.geometry.distance(point) == 0]}
        # tiles count in steps of 0.15 m here: within one of a border either side may answer
        near = {int(number) + 1 for number in frame.index[frame.geometry.distance(point) < 0.3]}
        if len(near) == 1:
            sure += 1
            assert set(ids) == under
        else:
            assert set(ids) <= near
    assert sure > 190
    opened.leave()


@pytest.mark.browser
def test_other_values_need_no_other_tile(browser: Any, site: Site) -> None:
    opened = Opened(browser, site)
    colour = (
        "() => { const inView = (t) => t.getBoundingClientRect().left > 0 && t.getBoundingClientRect().top > 0;"
        " const tile = [...document.querySelectorAll('.gm-tile')].find(inView);"
        " const d = pixels(tile.firstChild).getImageData(0, 0, 512, 512).data;"
        " let sum = 0; for (let i = 0; i < d.length; i += 4) sum += d[i] + 3 * d[i + 1] + 7 * d[i + 2]; return sum }"
    )
    before = opened.page.evaluate(colour)
    assert before > 0
    site.requests.clear()
    opened.page.evaluate(f"() => vector_tiles_t.colourBy('micro_grids', '/values/{VERSION}/micro_grids/even.json')")
    assert site.requests == [f"values/{VERSION}/micro_grids/even.json"]
    opened.settled()
    assert opened.page.evaluate(colour) != before
    opened.leave()


#: Browsers that cannot draw in a worker, and those whose worker does not start: the page itself paints.
WITHOUT = {"worker": "", "page": "delete window.OffscreenCanvas", "broken": """(() => {
  const Real = Worker;
  window.Worker = function (url) { return new Real(url.includes("painter") ? "/nothing.js" : url) };
})()"""}


@pytest.mark.browser
@pytest.mark.parametrize("painter", WITHOUT)
def test_every_class_has_its_colour_where_its_units_lie(browser: Any, site: Site, painter: str) -> None:
    opened = Opened(browser, site, zoom=17, script=WITHOUT[painter])
    assert opened.page.evaluate("() => vector_tiles_t.painters.spent") > 0
    by_page = opened.page.evaluate("() => Boolean(document.querySelector('.gm-tile canvas').getContext('2d'))")
    assert by_page == (painter != "worker")
    frame = site.frames["micro_grids"].to_crs(4326)
    colours = opened.page.evaluate(
        """at => {
          const t = vector_tiles_t, map = t._map;
          return at.map(([lng, lat]) => {
            const p = map.project([lat, lng], t._tileZoom), x = Math.floor(p.x / 512), y = Math.floor(p.y / 512);
            const tile = t._tiles[`${x}:${y}:${t._tileZoom}`];
            if (!tile) return null;
            return [...pixels(tile.el.firstChild).getImageData(p.x - 512 * x, p.y - 512 * y, 1, 1).data];
          });
        }""",
        [[point.x, point.y] for point in frame.representative_point()],
    )
    by_class: dict[int, set[tuple[int, ...]]] = {}
    breaks = np.quantile(frame["households"], [0.2, 0.4, 0.6, 0.8]).astype(int)
    for colour, households in zip(colours, frame["households"], strict=True):
        if colour is not None:
            by_class.setdefault(int(np.searchsorted(breaks, households, side="right")), set()).add(tuple(colour))
    assert sorted(by_class) == [0, 1, 2, 3, 4]
    assert all(len(found) == 1 for found in by_class.values())
    assert len({next(iter(found)) for found in by_class.values()}) == 5
    if painter == "broken":
        assert any("painter of tiles stopped" in text for text in opened.complaints)
        opened.complaints.clear()
    opened.leave()


@pytest.mark.browser
def test_borders_stay_sharp_beyond_the_deepest_tile(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, zoom=20)
    # a border is a line of one or two pixels, not a smear of many: count steps between fill and line on a row
    widths = opened.page.evaluate(
        """() => {
          const t = vector_tiles_t, widths = [];
          for (const { el } of Object.values(t._tiles)) {
            const d = pixels(el.lastChild).getImageData(0, 256, 512, 1).data;
            let run = 0;
            for (let x = 0; x < 512; x++) {
              const on = d[4 * x + 3] > 0;
              if (on) run++;
              else if (run) { widths.push(run); run = 0; }
            }
          }
          return widths;
        }""")
    tiles = {path.split("/")[3] for path in site.requests if path.startswith("tiles/")}
    assert max(int(zoom) for zoom in tiles) == 15
    assert widths and min(widths) <= 4
    opened.leave()


@pytest.mark.browser
def test_choosing_previewing_and_taking_back(browser: Any, site: Site) -> None:
    opened = Opened(browser, site)
    run = opened.page.evaluate
    run("() => { window.heard = []; vector_tiles_t.on('selection', e => heard.push(e.ids)); }")
    run("() => vector_tiles_t.select('micro_grids', [3, 5])")
    run("() => vector_tiles_t.select('micro_grids', [5, 9], 'toggle')")
    assert run("() => vector_tiles_t.selection()") == {"layer": "micro_grids", "ids": [3, 9]}
    run("() => vector_tiles_t.preview('micro_grids', {3: '#aa3300', 9: '#aa3300', 12: '#0033aa'})")
    assert run("() => [...vector_tiles_t.overlay.marks.preview.colours.keys()]") == [3, 9, 12]
    assert run("() => vector_tiles_t.undo()") is True
    assert run("() => vector_tiles_t.overlay.marks.preview") is None
    run("() => vector_tiles_t.undo()")
    assert run("() => vector_tiles_t.selection().ids") == [3, 5]
    run("() => vector_tiles_t.undo()")
    assert run("() => vector_tiles_t.selection()") == {"layer": None, "ids": []}
    assert run("() => vector_tiles_t.undo()") is False
    assert run("() => heard") == [[3, 5], [3, 9], [3, 9], [3, 5], []]
    opened.leave()


@pytest.mark.browser
def test_a_preview_is_seen_where_its_units_lie(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, zoom=17)
    row = int(np.flatnonzero(site.frames["micro_grids"].to_crs(4326).contains(opened.centre))[0])
    at = site.frames["micro_grids"].to_crs(4326).geometry.iloc[row].representative_point()
    pixel = (
        "([lng, lat]) => { const map = vector_tiles_t._map, p = map.latLngToContainerPoint([lat, lng]);"
        " const context = document.querySelector('.gm-marks').getContext('2d');"
        " return [...context.getImageData(p.x + 160, p.y + 160, 1, 1).data] }"
    )
    opened.page.evaluate(f"() => vector_tiles_t.preview('micro_grids', {{{row + 1}: '#ff0000'}})")
    red, green, blue, alpha = opened.page.evaluate(pixel, [at.x, at.y])
    assert red > 240 and green < 10 and blue < 10 and 140 < alpha < 180
    opened.page.evaluate("() => vector_tiles_t.preview(null, null)")
    assert opened.page.evaluate("() => document.querySelector('.gm-marks').style.visibility") == "hidden"
    opened.leave()


@pytest.mark.browser
def test_a_lasso_chooses_what_lies_in_it(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, zoom=17)
    page = opened.page
    page.evaluate("() => { window.end = vector_tiles_t.lasso('buildings', chosen => { window.chosen = chosen; }); }")
    before = page.evaluate("() => vector_tiles_t._map.getCenter()")
    ring = [(300, 200), (700, 200), (700, 500), (300, 500)]
    page.mouse.move(*ring[0])
    page.mouse.down()
    for corner in [*ring[1:], ring[0]]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    chosen = page.evaluate("() => chosen")
    corners = page.evaluate(
        "ring => ring.map(p => vector_tiles_t._map.containerPointToLatLng(p)).map(p => [p.lng, p.lat])",
        [list(corner) for corner in ring])
    drawn = gpd.GeoSeries([shapely.Polygon(corners)], crs=4326).to_crs(site.frames["buildings"].crs).iloc[0]
    middle = site.frames["buildings"].geometry.centroid
    sure, close = middle.within(drawn.buffer(-0.5)), middle.within(drawn.buffer(0.5))
    assert set(np.flatnonzero(sure) + 1) <= set(chosen["ids"]) <= set(np.flatnonzero(close) + 1)
    assert chosen["layer"] == "buildings" and len(chosen["ids"]) > 10
    # a press takes one away; the map has not moved; after the end it moves again
    x, y = page.evaluate(
        "id => { const [x, y] = vector_tiles_t.middles('buildings').get(id);"
        " const p = vector_tiles_t._map.getPixelBounds().min;"
        " return [x - p.x, y - p.y] }", chosen["ids"][0])
    page.mouse.click(x, y)
    assert page.evaluate("() => vector_tiles_t.selection().ids") == chosen["ids"][1:]
    assert page.evaluate("() => vector_tiles_t._map.getCenter()") == before
    page.evaluate("() => end()")
    page.mouse.move(500, 300)
    page.mouse.down()
    page.mouse.move(560, 340, steps=5)
    page.mouse.up()
    assert page.evaluate("() => vector_tiles_t._map.getCenter()") != before
    opened.leave()


@pytest.mark.browser
def test_hands_without_a_mouse(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, zoom=16)
    page = opened.page
    page.evaluate(
        "() => { window.went = []; vector_tiles_t.on('featurefocus', e => went.push(e.id));"
        " vector_tiles_t.on('featurepick', e => { window.picked = e.id; }); }")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.id") == "map_m"
    before = page.evaluate("() => vector_tiles_t._map.getCenter().lng")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("lng => vector_tiles_t._map.getCenter().lng > lng", arg=before)
    opened.settled()
    for key in ("Enter", "Tab", "Tab", "Shift+Tab", "Enter"):
        page.keyboard.press(key)
    went = page.evaluate("() => went")
    assert len(went) == 4 and went[1] == went[3] and len(set(went)) == 3
    assert page.evaluate("() => picked") == went[1]
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Tab")  # no trap: the focus leaves the map
    assert page.evaluate("() => document.activeElement.id") != "map_m"
    opened.leave()


@pytest.mark.browser
def test_what_leaves_the_screen_is_not_waited_for_and_nothing_is_asked_twice(browser: Any, site: Site) -> None:
    opened = Opened(browser, site, zoom=14)
    site.requests.clear()
    for zoom in (17, 14, 17, 15):
        opened.page.evaluate(f"() => vector_tiles_t._map.setZoom({zoom}, {{animate: false}})")
        opened.settled()
    asked = [path for path in site.requests if path.startswith("tiles/")]
    assert asked and len(asked) == len(set(asked))
    counted = opened.page.evaluate("() => vector_tiles_t.store.count")
    assert counted["failed"] == 0 and counted["gone"] == 0
    # no tile outside the city's bounds was asked for
    bounds = site.frames["communities"].to_crs(4326).total_bounds
    for path in asked:
        z, x, _ = (int(part) for part in path.removesuffix(".pbf").split("/")[3:])
        west, east = x / 2**z * 360 - 180, (x + 1) / 2**z * 360 - 180
        assert west <= bounds[2] and east >= bounds[0], path
    opened.leave()


@pytest.mark.browser
def test_a_painter_forgets_what_the_page_no_longer_keeps(browser: Any, site: Site) -> None:
    opened = Opened(browser, site)
    has = "() => vector_tiles_t.painters.all.flatMap(painter => [...painter.has].map(key => key.split('/')[0]))"
    assert {"micro_grids", "buildings"} <= set(opened.page.evaluate(has))
    opened.page.evaluate("() => vector_tiles_t.store.move('/tiles/another/', ['micro_grids'])")
    left = set(opened.page.evaluate(has))
    assert "micro_grids" not in left and "buildings" in left
    opened.leave()


@pytest.mark.browser
def test_plain_folium_stands_beside_it(browser: Any, site: Site) -> None:
    centre = site.frames["micro_grids"].to_crs(4326).union_all().centroid
    cluster = MarkerCluster([(centre.y, centre.x), (centre.y + 0.0001, centre.x)])
    found = folium.GeoJson(
        gpd.GeoDataFrame({"name": ["桂花街"]}, geometry=[centre], crs=4326), name="search",
        marker=folium.CircleMarker())
    plugins = [cluster, found, Fullscreen(), LocateControl(), MousePosition(), folium.LayerControl(),
               Search(found, search_label="name"),
               MiniMap(tile_layer=folium.TileLayer("/base/{z}/{x}/{y}", attr="own"))]
    opened = Opened(browser, site, plugins=plugins)
    page = opened.page
    assert page.locator(".marker-cluster").count() == 1
    for part in ("zoom-fullscreen", "locate", "mouseposition", "minimap", "search", "layers"):
        assert page.locator(f".leaflet-control-{part}").count() >= 1, part
    page.wait_for_timeout(300)
    # the mini-map asks for a background that this city does not have
    assert {text for text in opened.complaints if "404" not in text} == set()
    assert opened.elsewhere == []
    opened.context.close()


def test_the_page_names_no_other_host(site: Site) -> None:
    page = draw_tiles(site.document, title="城").get_root().render()
    assert outside_links(page) == []
    assert "unsafe" not in page


def test_a_wrong_call_is_told_what_to_do() -> None:
    with pytest.raises(WrongCall, match="ends in '/'"):
        VectorTiles("/tiles/1", [LAYER], assets="/assets/")
    with pytest.raises(WrongCall, match="ends in '/'"):
        VectorTiles("/tiles/1/", [LAYER], assets="inline")
    with pytest.raises(WrongCall, match="bounds"):
        VectorTiles("/tiles/1/", [{key: LAYER[key] for key in LAYER if key != "bounds"}], assets="/assets/")
    with pytest.raises(WrongCall, match="nothing to draw"):
        draw_tiles({"version": "1", "bounds": None, "layers": []})
