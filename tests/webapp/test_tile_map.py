"""The map in tiles, served: the right codes, one's own area only, no other host, hostile text as typed, old tiles."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.stores import Account, open_store
from tests.webapp.small_city import CODES, DISTRICT, GRIDS, PASSWORD, in_reach
from tests.webapp.test_browser import HOSTILE, Visit, browser, hostile_city  # noqa: F401  # fixtures
from webapp import create_app

pytestmark = pytest.mark.browser


class TileVisit(Visit):
    """A person before the map in tiles."""

    def loaded(self) -> None:
        super().loaded()
        self.page.wait_for_function("() => gridmap.painting() === 0 && gridmap.app.tiles.store.waiting.size === 0")


def served(path: Path, instance: Path) -> Any:
    app = create_app(str(path), INSTANCE=instance)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def tiled(city: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small city with its tiles."""
    path = tmp_path_factory.mktemp("tiled") / "city.gpkg"
    shutil.copy(city, path)
    make_tiles(path)
    return path


@pytest.fixture(scope="module")
def address(tiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = served(tiled, tmp_path_factory.mktemp("instance"))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def grids(tiled: Path) -> gpd.GeoDataFrame:
    with open_store(tiled) as store:
        return store.read("micro_grids")


def code_of(visit: Visit) -> str:
    visit.page.wait_for_selector(".gm-card .gm-figures")
    return str(visit.page.locator(".gm-card .gm-code").first.text_content()).split(" ")[0]


def test_a_press_gives_the_code_that_geopandas_gives(browser: Any, address: str, grids: gpd.GeoDataFrame) -> None:  # noqa: F811
    visit = TileVisit(browser, address, "admin")
    assert visit.page.locator(".gm-tile canvas").count() > 0
    west, south, east, north = grids.total_bounds
    at = np.random.default_rng(5).uniform((west, south), (east, north), (200, 2))
    points = gpd.GeoSeries(gpd.points_from_xy(at[:, 0], at[:, 1]), crs=grids.crs)
    degrees = points.to_crs(4326)
    found = visit.page.evaluate(
        """async at => {
          const { app } = gridmap, { codes } = await app.namesOf('micro_grids');
          return at.map(([lng, lat]) => app.tiles.hit('micro_grids', L.latLng(lat, lng)).map(id => codes[id - 1]));
        }""",
        [[point.x, point.y] for point in degrees])
    sure = 0
    for codes, point in zip(found, points, strict=True):
        distance = grids.distance(point)
        if ((distance > 0) & (distance < 0.6)).any() or (grids.boundary.distance(point) < 0.6).any():
            continue  # within a step of the tiles from a border
        sure += 1
        assert sorted(codes) == sorted(grids.loc[distance == 0, "code"])
    assert sure > 150
    # and with the mouse, through the card of the server
    for number in (0, 6, 15):
        spot = grids.to_crs(4326).geometry.iloc[number]
        w, s, e, n = spot.bounds
        visit.press(Point(w + 0.1 * (e - w), s + 0.1 * (n - s)))
        visit.page.wait_for_function(f"() => document.querySelector('.gm-code')?.textContent === '{CODES[number]}'")
        visit.page.keyboard.press("Escape")
    visit.leave()


def test_a_press_on_a_tower_goes_through_its_floors(browser: Any, address: str, grids: gpd.GeoDataFrame) -> None:  # noqa: F811
    visit = TileVisit(browser, address, "grid_leader")
    tower = grids.to_crs(4326).geometry.iloc[1]
    w, s, e, n = tower.bounds
    place = Point(w + 0.1 * (e - w), s + 0.1 * (n - s))
    visit.press(place)
    first = code_of(visit)
    visit.press(place)
    visit.page.wait_for_function(
        "code => { const found = document.querySelector('.gm-card .gm-figures') &&"
        " document.querySelector('.gm-code').textContent.split(' ')[0]; return found && found !== code }", arg=first)
    assert {first, code_of(visit)} == {CODES[1], CODES[2]}
    visit.leave()


@pytest.mark.parametrize("role", ["grid_leader", "street_office", "grid_member"])
def test_everybody_sees_the_own_area_and_no_more(browser: Any, address: str, role: str) -> None:  # noqa: F811
    visit = TileVisit(browser, address, role)
    page = visit.page
    page.evaluate("() => gridmap.app.map.setZoom(18, {animate: false})")
    page.wait_for_function("() => gridmap.app.shownLevel === 'micro_grids'")
    page.locator(".gm-fold-table summary").click()
    page.wait_for_selector("tbody tr")
    shown = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.code)")
    assert sorted(shown) == sorted(code for code in CODES if in_reach(role, code))
    other = next(code for code in CODES if not in_reach(role, code))
    page.evaluate(f"() => gridmap.app.select('{other}', true)")
    page.wait_for_function("code => document.querySelector('.gm-note').textContent.includes(code)", arg=other)
    assert not page.locator(".gm-card").is_visible()
    # the browser tells of the refusal; the page asked for nothing else that it may not have
    assert len(visit.complaints) == 1 and "403" in visit.complaints[0]
    assert visit.elsewhere == []
    visit.context.close()


def test_a_switch_of_measure_asks_for_no_tile(browser: Any, address: str) -> None:  # noqa: F811
    visit = TileVisit(browser, address, "planner")
    page = visit.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("within_band", "residents", "households"):
        page.select_option(".gm-field select", name)
        page.wait_for_function("name => gridmap.app.shownValues?.measure === name", arg=name)
        page.wait_for_function("name => location.hash.includes(`measure=${name}`)", arg=name)
    assert [url for url in asked if "/tiles/" in url] == []
    assert len([url for url in asked if "/values/" in url]) <= 3
    page.select_option(".gm-breaks select", "equal")
    page.wait_for_function("() => gridmap.app.shownValues.breaks_by === 'equal'")
    assert [url for url in asked if "/tiles/" in url] == []
    page.select_option(".gm-field select", "coverage:canteen")
    page.wait_for_function("() => document.querySelectorAll('.gm-point').length > 0")  # the canteens themselves
    visit.leave()


def test_a_link_shows_the_same_to_a_colleague(browser: Any, address: str) -> None:  # noqa: F811
    visit = TileVisit(browser, address, "street_office")
    visit.page.select_option(".gm-field select", "residents")
    visit.page.evaluate(f"() => gridmap.app.select('{CODES[3]}', true)")
    code_of(visit)
    visit.page.wait_for_timeout(800)  # the flight to the micro-grid ends
    link = visit.page.url
    visit.leave()
    other = browser.new_context(viewport={"width": 1440, "height": 900})
    page = other.new_page()
    page.goto(link)
    page.fill("#name", "planner")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".gm-card .gm-figures")
    assert page.input_value(".gm-field select") == "residents"
    assert page.locator(".gm-card .gm-code").first.text_content() == CODES[3]
    assert page.url.split("view=")[1] == link.split("view=")[1]
    other.close()


def test_the_panel_links_to_the_picture_of_the_view(
    browser: Any, address: str, grids: gpd.GeoDataFrame  # noqa: F811
) -> None:
    visit = TileVisit(browser, address, "planner")
    page = visit.page
    page.locator(".gm-fold-picture summary").click()
    page.wait_for_selector(".gm-picture a")

    def asked() -> dict[str, str]:
        address = page.locator(".gm-picture a").first.get_attribute("href")
        return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

    assert asked() == {"within": DISTRICT, "measure": "households"}
    middle = grids[grids["code"].str.startswith(GRIDS[3])].to_crs(4326).union_all().centroid
    page.evaluate(f"() => gridmap.app.map.setView([{middle.y}, {middle.x}], 20, {{animate: false}})")
    page.wait_for_function("code => document.querySelector('.gm-picture a').href.includes(code)", arg=GRIDS[3])
    page.select_option(".gm-field select", "within_band")
    page.wait_for_function("() => document.querySelector('.gm-picture a').href.includes('within_band')")
    page.evaluate(f"() => gridmap.app.select('{CODES[5]}', true)")
    code_of(visit)
    page.wait_for_function("() => document.querySelector('.gm-picture a').href.includes('chosen')")
    assert asked() == {"within": CODES[5][:15], "measure": "within_band", "chosen": CODES[5]}
    for form in ("png", "svg"):
        with page.expect_download() as got:
            page.locator(".gm-picture a", has_text=form.upper()).click()
        assert Path(got.value.path()).stat().st_size > 5000 and got.value.suggested_filename.endswith(form)
    visit.leave()


def test_hostile_text_in_every_column_is_shown_as_typed(
    browser: Any, hostile_city: str, tmp_path: Path  # noqa: F811
) -> None:
    path = tmp_path / "city.gpkg"
    shutil.copy(hostile_city, path)
    make_tiles(path)
    server = served(path, tmp_path / "instance")
    visit = TileVisit(browser, f"http://127.0.0.1:{server.server_port}", "admin")
    page = visit.page
    page.evaluate("() => [...gridmap.app.tiles.info.keys()].forEach(name => gridmap.app.showLayer(name, true))")
    assert page.locator(".gm-title").text_content() == HOSTILE
    page.locator(".gm-fold-table summary").click()
    page.wait_for_selector("tbody tr")
    assert HOSTILE in str(page.locator("tbody").text_content())
    page.evaluate(f"() => gridmap.app.select('{CODES[0]}', true)")
    code_of(visit)
    assert str(page.locator(".gm-card").text_content()).count(HOSTILE) >= 8
    for layer in ("facilities", "organizations", "incidents", "buildings", "grids", "communities"):
        page.evaluate(f"() => gridmap.app.open('{layer}', 1)")
        page.wait_for_function(
            "text => document.querySelector('.gm-card:not([hidden])')?.textContent.includes(text)", arg=HOSTILE)
        page.keyboard.press("Escape")
    page.fill(".gm-search-input", "<img")
    page.wait_for_selector(".gm-results button")
    assert HOSTILE in str(page.locator(".gm-results").text_content())
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.hacked") is None
    assert page.locator(".gm-app img, .gm-app script, .gm-map script").count() == 0
    visit.leave()
    server.shutdown()
    server.server_close()


def test_the_one_micro_grid_of_a_member_opens_by_itself(browser: Any, tiled: Path, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "city.gpkg"
    shutil.copy(tiled, path)
    shutil.copytree(tiled.with_suffix(".tiles"), path.with_suffix(".tiles"))
    with open_store(path) as store:
        hashed = store.account("grid_member").password_hash
        store.keep_account(Account(name="one", role="grid_member", area=CODES[6], password_hash=hashed))
    server = served(path, tmp_path / "instance")
    address = f"http://127.0.0.1:{server.server_port}"
    visit = TileVisit(browser, address, "one")
    assert code_of(visit) == CODES[6] and f"at={CODES[6]}" in visit.page.url
    assert visit.page.locator(".gm-subtitle").text_content().startswith("1 ")
    visit.leave()
    visit = TileVisit(browser, address, "grid_member")  # of two micro-grids: nothing is opened for them
    assert not visit.page.locator(".gm-card").is_visible()
    visit.leave()
    server.shutdown()
    server.server_close()


def test_tiles_of_earlier_data_are_told(browser: Any, tiled: Path, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "city.gpkg"
    shutil.copy(tiled, path)
    shutil.copytree(tiled.with_suffix(".tiles"), path.with_suffix(".tiles"))
    server = served(path, tmp_path / "instance")
    address = f"http://127.0.0.1:{server.server_port}"
    visit = TileVisit(browser, address, "admin")
    assert visit.page.locator(".gm-stale").count() == 0
    with open_store(path) as store:
        store.write("green", store.read("green"))
    visit.page.reload()
    visit.loaded()
    assert visit.page.locator(".gm-stale").count() == 1
    visit.leave()
    server.shutdown()
    server.server_close()
