"""The map of whole cities in a browser, desktop and phone: the demo city, a real district, an invented city.

What is under the pointer is asked of GeoPandas, 200 places a city and screen. Data of Monaco © OpenStreetMap
contributors, ODbL.
"""

from __future__ import annotations

import gzip
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gridmap.accounts import add_account
from gridmap.city_tiles import make_tiles, tiles_folder
from gridmap.maps.tiles.mvt import Shape, shapes_of
from gridmap.maps.tiles.shelf import Shelf
from gridmap.pipeline import build
from gridmap.stores import open_store
from tests.gridmap.maps.tiles.drawn import HALF, geometry, tile_square
from tests.test_districts import DISTRICTS, city_toml
from tests.webapp.small_city import PASSWORD
from tests.webapp.test_browser import browser  # noqa: F401  # a fixture
from tests.webapp.test_tile_map import TileVisit, served
from webapp.demo import prepare

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from city import city as invented_city

pytestmark = pytest.mark.browser

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True,
              "is_mobile": True},
}
#: Nearer to a border than a step of the tiles or a corner that was left out, either side may answer.
STEP_M = 0.7

#: Places of the free ground of the map: not under a panel, a button or a glyph.
FREE = """([number, seed]) => {
  const { map } = gridmap.app, box = map.getContainer().getBoundingClientRect(), found = [];
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647 };
  for (let tries = 0; found.length < number && tries < 50 * number; tries++) {
    const x = Math.round(box.left + random() * box.width), y = Math.round(box.top + random() * box.height);
    const on = document.elementFromPoint(x, y);
    if (!on || !on.closest('.leaflet-container') || on.closest('.leaflet-marker-icon, .leaflet-control')) continue;
    const { lat, lng } = map.containerPointToLatLng([x - box.left, y - box.top]);
    found.push([x, y, lng, lat]);
  }
  return found;
}"""

#: The events that a pointer makes, at every place: what is named under it, and what a press opens.
POINTED = """async (places) => {
  const { app } = gridmap, { codes } = await app.namesOf(app.level), found = [];
  const frame = () => new Promise(requestAnimationFrame);
  const open = app.open;
  let opened = null;
  app.open = (layer, id) => { opened = layer === app.level ? codes[id - 1] : layer; };
  const close = app.close;
  app.close = () => {};
  try {
    for (const [x, y] of places) {
      opened = null;
      const event = { clientX: x, clientY: y, bubbles: true, cancelable: true, view: window, detail: 1 };
      const on = document.elementFromPoint(x, y);
      on.dispatchEvent(new MouseEvent('mousemove', event));
      for (let tries = 0; app._pointer && tries < 100; tries++) await frame();
      const id = app._hovered === null ? null : Number(app._hovered.split(' ')[1]);
      const named = !app.tip.hidden && id !== null && app.tip.textContent === app.sayFeature(id);
      for (const name of ['mousedown', 'mouseup']) on.dispatchEvent(new MouseEvent(name, event));
      on.dispatchEvent(new PointerEvent('click', { ...event, pointerType: 'mouse' })); // two of a finger zoom in
      found.push([id === null ? null : codes[id - 1], named, opened]);
    }
  } finally {
    [app.open, app.close] = [open, close];
  }
  return found;
}"""


def _invented(folder: Path) -> Path:
    """An invented city of 12,000 households, 470 micro-grids, 3,400 buildings."""
    folder.mkdir()
    for name, frame in invented_city(12_000, seed=0).items():
        frame.to_parquet(folder / f"{name}.parquet")
    build(folder, folder / "city.gpkg")
    make_tiles(folder / "city.gpkg")
    return folder / "city.gpkg"


def _district(folder: Path, shared_data: Path) -> Path:
    folder.mkdir()
    bundle = shared_data / "monaco" / "monaco.gpkg"
    (folder / "city.toml").write_text(city_toml(bundle, *DISTRICTS["monaco"]), encoding="utf-8")
    build(folder, folder / "city.gpkg")
    make_tiles(folder / "city.gpkg")
    return folder / "city.gpkg"


@dataclass
class Served:
    """A city that is served; `units` are its layers of units in degrees and in its own CRS."""

    path: Path
    address: str
    units: dict[str, gpd.GeoDataFrame]

    def codes_at(self, level: str, places: list[list[float]]) -> list[set[str] | None]:
        """Codes of a level at each place in degrees, by GeoPandas; None where a border is too near to say."""
        frame = self.units[level]
        points = gpd.GeoDataFrame(
            geometry=gpd.points_from_xy(*np.transpose([place[2:] for place in places])), crs=4326).to_crs(frame.crs)
        found: list[set[str] | None] = [set() for _ in places]
        under = gpd.sjoin(points, frame[["code", "geometry"]], predicate="intersects", how="inner")
        for row, code in zip(under.index, under["code"], strict=True):
            found[row].add(code)  # type: ignore[union-attr]
        edges = shapely.STRtree(frame.geometry.boundary.to_numpy())
        near, _ = edges.query(points.geometry.to_numpy(), predicate="dwithin", distance=STEP_M)
        for row in near:
            found[row] = None
        return found


@pytest.fixture(scope="module", params=["demo", "monaco", "invented"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Each city, built once and served on a free port."""
    folder = tmp_path_factory.mktemp("cities") / request.param
    if request.param == "demo":
        path, _ = prepare(folder)
    elif request.param == "monaco":
        path = _district(folder, request.getfixturevalue("shared_data"))
    else:
        path = _invented(folder)
    add_account(path, "tester", role="admin", area="", password=PASSWORD)
    with open_store(path) as store:
        units = {name: store.read(name) for name in ("districts", "streets", "communities", "grids", "micro_grids")
                 if name in store.layers()}
    server = served(path, folder / "serving")
    yield Served(path, f"http://127.0.0.1:{server.server_port}", units)
    server.shutdown()
    server.server_close()
    shutil.rmtree(folder, ignore_errors=True)


def shapes_by_tile(whole: Served, layer: str) -> dict[tuple[int, int, int], list[Shape]]:
    """What the deepest tiles of a layer hold, read by the specification."""
    version = Shelf(tiles_folder(whole.path)).current()
    assert version is not None
    found = version.layers[layer]
    return {
        tile: list(shapes_of(gzip.decompress(found.archive.get(*tile) or b""), layer))
        for tile in found.archive if tile[0] == found.maxzoom
    }


def test_every_row_of_every_layer_is_in_the_deepest_tiles(whole: Served) -> None:
    version = Shelf(tiles_folder(whole.path)).current()
    assert version is not None
    with open_store(whole.path) as store:
        for name, layer in version.layers.items():
            frame = store.read(name)
            drawable = int((~(frame.geometry.is_empty | frame.geometry.isna())).sum())
            found = {shape.id for shapes in shapes_by_tile(whole, name).values() for shape in shapes}
            assert len(found) == drawable > 0 and found <= set(range(1, len(frame) + 1)), name
            assert layer.count == len(frame), name


def test_areas_across_the_edges_of_tiles_are_those_of_the_store(whole: Served) -> None:
    there = whole.units["micro_grids"].to_crs(3857).geometry
    parts: dict[int, list[shapely.Geometry]] = {}
    for tile, shapes in shapes_by_tile(whole, "micro_grids").items():
        square = tile_square(tile)
        for shape in shapes:
            piece = geometry(shape, tile).intersection(square)
            if piece.area:
                parts.setdefault(shape.id, []).append(piece)
    step = 2 * HALF / 2**15 / 4096
    cut = {number: found for number, found in parts.items() if len(found) > 1}
    assert len(cut) > 2
    for number, found in cut.items():
        drawn, kept = shapely.union_all(found), there.iloc[number - 1]
        assert sum(piece.area for piece in found) == pytest.approx(drawn.area)  # no piece lies over another
        assert abs(drawn.area - kept.area) < step * kept.length, number
        # and no column of ground between the pieces: they join to as many parts as the unit has
        assert len(shapely.get_parts(drawn.buffer(step / 4))) <= len(shapely.get_parts(kept)), number


def look(visit: TileVisit) -> str:
    """Wait until all is painted; gives the level that is coloured."""
    visit.page.wait_for_function("() => gridmap.app.level === gridmap.app.shownLevel")
    visit.loaded()
    return str(visit.page.evaluate("() => gridmap.app.level"))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_map_of_a_whole_city(browser: Any, whole: Served, screen: str) -> None:  # noqa: F811
    visit = TileVisit(browser, whole.address, "tester", **SCREENS[screen])
    page = visit.page
    if screen == "phone":
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    middle = whole.units["micro_grids"].to_crs(4326).geometry.iloc[len(whole.units["micro_grids"]) // 2]
    asked, levels = 0, set()
    for zoom, number in ((None, 80), (17, 120)):
        if zoom:
            at = middle.representative_point()
            page.evaluate(f"() => gridmap.app.map.setView([{at.y}, {at.x}], {zoom}, {{animate: false}})")
        level = look(visit)
        levels.add(level)
        places = page.evaluate(FREE, [8 * number, 7 + number])
        truth = whole.codes_at(level, places)
        sure = [(place, codes) for place, codes in zip(places, truth, strict=True) if codes is not None]
        within, outside = [one for one in sure if one[1]], [one for one in sure if not one[1]]
        outside = outside[: max(number // 5, number - len(within))]
        sure = within[: number - len(outside)] + outside
        asked += len(sure)
        found = page.evaluate(POINTED, [place for place, _ in sure])
        for (place, codes), (hovered, named, opened) in zip(sure, found, strict=True):
            if codes:
                assert hovered in codes and opened in codes and named, (level, place, codes, hovered, opened)
            else:
                assert hovered is None and opened is None, (level, place, hovered, opened)
        assert sum(bool(codes) for _, codes in sure) > number / 4  # half of the first view of a coast is sea
    assert asked == 200 and "micro_grids" in levels
    _press_for_real(visit, whole, screen)
    _switch(visit, whole)
    _keyboard(visit)
    visit.leave()


def _press_for_real(visit: TileVisit, whole: Served, screen: str) -> None:
    """The mouse, or a finger, and the card that the service gives; what was chosen is marked."""
    page = visit.page
    for seed in (3, 4, 5):
        places = page.evaluate(FREE, [60, seed])
        truth = whole.codes_at("micro_grids", places)
        (x, y, *_), codes = next((place, codes) for place, codes in zip(places, truth, strict=True) if codes)
        if screen == "phone":
            page.touchscreen.tap(x, y)
        else:
            page.mouse.click(x, y)
        page.wait_for_selector(".gm-card .gm-figures")
        code = str(page.locator(".gm-card .gm-code").first.text_content()).split(" ")[0]
        assert code in codes
        chosen = page.evaluate("() => gridmap.app.tiles.selection()")
        names = page.evaluate("async () => (await gridmap.app.namesOf('micro_grids')).codes")
        assert [names[number - 1] for number in chosen["ids"]] == [code]
        assert page.evaluate("() => document.querySelector('.gm-marks').style.visibility") == ""
        page.keyboard.press("Escape")
        page.wait_for_function("() => gridmap.app.selected === null")
        visit.loaded()


def _switch(visit: TileVisit, whole: Served) -> None:
    """Another measure asks for no tile, and every unit has the value that the store has."""
    page, frame = visit.page, whole.units["micro_grids"]
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    for measure in ("compactness", "area_m2", "households"):
        page.evaluate("name => gridmap.app.setMeasure(name)", measure)
        found = page.evaluate(
            """async () => {
              const { app } = gridmap, { codes } = await app.namesOf('micro_grids');
              const { measure, values, scale } = app.shownValues;
              return [measure, codes, values.map(value => value === null ? null : value / (scale || 1))];
            }""")
        assert found[0] == measure
        drawn = dict(zip(found[1], found[2], strict=True))
        kept = dict(zip(frame["code"], frame[measure].astype("float64"), strict=True))
        assert drawn.keys() == kept.keys()
        for code, value in kept.items():
            known = None if np.isnan(value) else pytest.approx(value, abs=0.005 if measure == "compactness" else 0.51)
            assert drawn[code] == known, (measure, code)
    visit.loaded()
    assert [url for url in urls if "/tiles/" in url] == []


def _keyboard(visit: TileVisit) -> None:
    """Enter goes among the units in view, Tab to the next, Enter opens the card of the one that was read out."""
    page = visit.page
    page.evaluate("() => gridmap.app.map.getContainer().focus()")
    page.keyboard.press("Enter")
    page.wait_for_function("() => gridmap.app.spoken.textContent.includes('(1/')")
    page.keyboard.press("Tab")
    page.wait_for_function("() => gridmap.app.spoken.textContent.includes('(2/')")
    focused = page.evaluate("() => [...gridmap.app.tiles.overlay.marks.hover.ids]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".gm-card .gm-figures")
    assert page.evaluate("() => gridmap.app.tiles.selection().ids") == focused
    page.keyboard.press("Escape")
