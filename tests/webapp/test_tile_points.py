"""Points that crowd: sums by cells for everyone's own area, and 50,000 on the map without a collision or a loss."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from flask.testing import FlaskClient

from gridmap.accounts import add_account
from gridmap.city_tiles import make_tiles
from gridmap.maps.tiles.shelf import Version
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, PASSWORD, in_reach
from tests.webapp.test_browser import browser  # noqa: F401  # a fixture
from tests.webapp.test_tile_map import TileVisit, served, tiled  # noqa: F401  # a fixture
from tests.webapp.test_tiles import version  # noqa: F401  # a fixture

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from tile_city import write

POINTS = 50_000
WORLD = 256


@pytest.mark.parametrize("role", list(AREAS))
@pytest.mark.parametrize("layer", ["facilities", "organizations", "incidents"])
def test_sums_are_of_ones_own(clients: dict[str, FlaskClient], version: Version, role: str, layer: str) -> None:  # noqa: F811
    own = [number for number, code in enumerate(CODES) if in_reach(role, code)]
    for zoom in (0, 9, 15, 22):
        answer = clients[role].get(f"/values/{version.name}/{layer}/sums/{zoom}.json")
        if answer.status_code == 403:
            assert not own
            continue
        sums = answer.json["sums"]
        assert sum(item[2] for item in sums) == len(own)
        assert zoom or len(sums) <= 1
        # a thing of its own is named, and it is one of theirs
        alone = [item[3] for item in sums if item[2] == 1]
        codes = version.layers[layer].table["code"]
        assert all(in_reach(role, codes[number - 1][1:]) for number in alone)
        if zoom == 22:
            assert len(alone) == len(own)


def test_sums_of_one_kind_or_week(clients: dict[str, FlaskClient], version: Version) -> None:  # noqa: F811
    def total(layer: str, query: str) -> int:
        answer = clients["admin"].get(f"/values/{version.name}/{layer}/sums/12.json?{query}")
        assert answer.status_code == 200, answer.text
        return sum(item[2] for item in answer.json["sums"])

    week = clients["admin"].get(f"/values/{version.name}/incidents/week.json").json["values"][0]
    assert total("incidents", f"by=week&is={week}") == len(CODES)
    assert total("incidents", f"by=week&is={week + 1}") == 0
    assert total("facilities", "by=kind&is=canteen") == len(CODES)
    assert total("facilities", "by=kind&is=clinic") == 0
    root = f"/values/{version.name}"
    refused = ("incidents/sums/12.json?by=week&is=x", "incidents/sums/99.json", "micro_grids/sums/12.json")
    assert [clients["admin"].get(f"{root}/{path}").status_code for path in refused] == [422, 422, 422]
    assert clients["admin"].get(f"{root}/incidents/sums/12.json?by=nothing&is=1").status_code == 404


@pytest.mark.parametrize("role", list(AREAS))
def test_floors_are_of_ones_own(clients: dict[str, FlaskClient], version: Version, role: str) -> None:  # noqa: F811
    answer = clients[role].get(f"/values/{version.name}/micro_grids/floors.json")
    codes = version.layers["micro_grids"].table["code"]
    if answer.status_code == 403:
        assert not any(in_reach(role, code) for code in CODES)
        return
    found = {codes[int(number) - 1]: floors for number, floors in answer.json.items()}
    assert found == {code: floors for code, floors in ((CODES[1], "1-8"), (CODES[2], "9-16")) if in_reach(role, code)}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, gpd.GeoSeries]]:
    """A city of 50,000 incidents that is served, and where they are, in pixels of the world at zoom 0."""
    folder = tmp_path_factory.mktemp("crowded")
    path = folder / "city.gpkg"
    write(path, micro_grids=900, buildings=1500, incidents=POINTS)
    add_account(path, "tester", role="admin", area="", password=PASSWORD)
    make_tiles(path)
    with open_store(path) as store:
        places = store.read("incidents").to_crs(3857).geometry
    server = served(path, folder / "instance")
    yield f"http://127.0.0.1:{server.server_port}", places
    server.shutdown()
    server.server_close()


#: Every mark of points that is on the screen or at its edge: where it stands and how many it says.
MARKS = """() => [...document.querySelectorAll('.gm-cluster, .gm-point')].map(mark => {
  const box = mark.getBoundingClientRect(), number = mark.querySelector('.gm-cluster-number');
  const count = number ? Number(number.textContent.replace(/,/g, '')) : 1;
  return [box.left + box.width / 2, box.top + box.height / 2, box.width, count];
})"""


@pytest.mark.browser
def test_fifty_thousand_points_are_summed_without_a_loss(
    browser: Any, crowded: tuple[str, gpd.GeoSeries]  # noqa: F811
) -> None:
    address, places = crowded
    visit = TileVisit(browser, address, "tester")
    page = visit.page
    page.evaluate("() => gridmap.app.showLayer('incidents', true)")
    held = page.evaluate("() => gridmap.app.tiles.info.get('incidents').minzoom")
    assert held >= 14  # nearer in, tiles hold the points themselves
    for zoom in (11, 12, 13, 14, 15):
        page.evaluate("zoom => gridmap.app.map.setZoom(zoom, {animate: false})", zoom)
        page.wait_for_function("() => gridmap.app._words === 0")
        visit.loaded()
        page.evaluate("() => Promise.all([...gridmap.app.kept.values()])")
        page.wait_for_function("() => document.querySelector('.gm-cluster')")
        marks = np.array(page.evaluate(MARKS))
        apart = np.hypot(*(marks[:, None, :2] - marks[None, :, :2]).transpose(2, 0, 1)) + 1e6 * np.eye(len(marks))
        assert apart.min() > (marks[:, 2].max() + marks[:, 2].min()) / 2 - 1, "two marks collide"
        inside = page.evaluate(
            "() => { const { min, max } = gridmap.app.map.getPixelBounds(); return [min.x, min.y, max.x, max.y] }")
        side = WORLD * 2.0**zoom / 40075016.68557849
        x, y = (places.x + 20037508.342789244) * side, (20037508.342789244 - places.y) * side
        near, far = [
            int(((x > inside[0] - pad) & (x < inside[2] + pad) & (y > inside[1] - pad) & (y < inside[3] + pad)).sum())
            for pad in (-60, 100)
        ]
        total = int(marks[:, 3].sum())
        if zoom <= 12:
            assert near == far == POINTS == total  # the whole city is in view
        assert near <= total <= far, zoom
    visit.leave()


@pytest.mark.browser
def test_a_tower_says_its_floors(browser: Any, tiled: Path, tmp_path: Path) -> None:  # noqa: F811
    server = served(tiled, tmp_path / "instance")
    visit = TileVisit(browser, f"http://127.0.0.1:{server.server_port}", "grid_leader")
    page = visit.page
    page.evaluate(
        "() => { window.written = new Set(); const write = CanvasRenderingContext2D.prototype.fillText;"
        " CanvasRenderingContext2D.prototype.fillText = function (text, ...at) { written.add(text);"
        " return write.call(this, text, ...at) } }")
    page.evaluate("() => gridmap.app.map.setZoom(18, {animate: false})")
    page.wait_for_function("() => written.has('1-8 | 9-16')")
    visit.leave()
    server.shutdown()
    server.server_close()
