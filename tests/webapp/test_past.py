"""Boundaries as of a day: the units of that day and no others, one's own area, and a word before the first."""

from __future__ import annotations

import gzip
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.maps.tiles.mvt import layers_of
from gridmap.past import plan_days
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, GRIDS, in_reach, log_in
from tests.webapp.test_browser import browser  # noqa: F401  # fixture
from tests.webapp.test_tile_map import TileVisit
from webapp import create_app

FIRST, CHANGE = "2026-03-02", "2026-05-01"
#: Until the change one micro-grid lay where CODES[4] and CODES[5] are, and GRIDS[1] had another name.
OLD = f"{GRIDS[1]}009"
BEFORE = sorted((set(CODES) - {CODES[4], CODES[5]}) | {OLD})


@pytest.fixture(scope="module")
def past_city(city: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small city, whose second grid was split anew on the first of May."""
    path = tmp_path_factory.mktemp("past") / "city.gpkg"
    shutil.copy(city, path)
    with open_store(path) as store:
        now = store.read("micro_grids")
        merged = now[now["code"].isin(CODES[4:6])]
        since = [CHANGE if code in CODES[4:6] else FIRST for code in now["code"]]
        was = gpd.GeoDataFrame(
            {"code": [OLD], "name": ["旧微网格"], "parent": [GRIDS[1]], "households": pd.array([99], dtype="Int64"),
             "valid_from": [FIRST], "valid_to": ["2026-04-30"]},
            geometry=[merged.union_all()], crs=now.crs,
        )
        grids = store.read("grids")
        old_grid = grids[grids["code"] == GRIDS[1]].assign(name="旧网格", valid_from=FIRST, valid_to="2026-04-30")
        store.write_all({
            "micro_grids": now.assign(valid_from=since), "micro_grids_history": was,
            "grids": grids.assign(valid_from=[CHANGE if code == GRIDS[1] else FIRST for code in grids["code"]]),
            "grids_history": old_grid,
            **{name: store.read(name).assign(valid_from=FIRST) for name in ("districts", "streets", "communities")},
            "lineage": pd.DataFrame({
                "old_code": [OLD, OLD], "new_code": CODES[4:6], "households": pd.array([40, 59], dtype="Int64"),
                "date": CHANGE, "kind": "split", "community": GRIDS[1][:12],
            }),
        }.items())
    make_tiles(path)
    return path


@pytest.fixture(scope="module")
def past_app(past_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    instance = tmp_path_factory.mktemp("instance")
    return create_app(str(past_city), INSTANCE=instance, TESTING=True, PROPAGATE_EXCEPTIONS=False)


@pytest.fixture(scope="module")
def people(past_app: Flask) -> dict[str, FlaskClient]:
    return {name: log_in(past_app, name) for name in AREAS}


def told(client: FlaskClient, day: str) -> dict[str, Any]:
    return dict(client.get(f"/past/{day}.json").json)


def layer(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in document["layers"] if item["name"] == name)


def in_tiles(client: FlaskClient, document: dict[str, Any], name: str = "micro_grids") -> set[int]:
    """Numbers in the deepest tiles around what the person sees."""
    from gridmap.maps.tiles.cut import tiles_meeting

    west, south, east, north = document["bounds"]
    box = gpd.GeoSeries.from_xy([west, east], [south, north], crs=4326).to_crs(3857).total_bounds
    found: set[int] = set()
    for z, x, y in tiles_meeting(tuple(box), 15):
        answer = client.get(f"{document['base']}tiles/{name}/{z}/{x}/{y}.pbf")
        if answer.status_code == 200:
            content = gzip.decompress(answer.data)
            found |= {shape.id for _, shapes in layers_of(content) for shape in shapes}
    return found


@pytest.mark.parametrize(("day", "codes"), [("2026-04-30", BEFORE), (CHANGE, CODES), ("2026-11-01", CODES)])
@pytest.mark.parametrize("role", ["admin", "planner", "street_office", "grid_leader", "grid_member"])
def test_a_day_has_the_units_of_that_day_and_of_ones_area(
    people: dict[str, FlaskClient], role: str, day: str, codes: list[str]
) -> None:
    client, document = people[role], told(people[role], day)
    names = client.get(f"{document['base']}values/micro_grids/names.json").json
    own = [code for code in codes if in_reach(role, code)]
    assert names["codes"] == own
    assert layer(document, "micro_grids")["count"] == len(own)
    assert in_tiles(client, document) == set(range(1, len(own) + 1))
    values = client.get(f"{document['base']}values/micro_grids/households.json").json
    assert len(values["values"]) == len(own)
    if OLD in own:
        assert values["values"][own.index(OLD)] == 99
        card = client.get(f"{document['base']}feature/micro_grids/code/{OLD}.json").json
        assert card["card"]["facts"]["households"] == 99
        if role != "grid_leader":
            assert [row["new_code"] for row in card["card"]["later"]] == list(CODES[4:6])


def test_another_area_of_an_earlier_day_is_refused(people: dict[str, FlaskClient]) -> None:
    """The leader of the first grid asks for the second one's past, by code, number, tile and another's address."""
    whole, client = told(people["admin"], "2026-04-30"), people["grid_leader"]
    document = told(client, "2026-04-30")
    assert document["base"] == whole["base"]  # an address gives nothing away, and nothing by itself
    assert client.get(f"{whole['base']}feature/micro_grids/code/{OLD}.json").status_code == 403
    assert client.get(f"{whole['base']}feature/micro_grids/code/990101009001001001.json").status_code == 403
    numbers = [client.get(f"{whole['base']}feature/micro_grids/{n}.json").status_code for n in range(1, 20)]
    assert numbers == [200] * 4 + [403] * 15
    far = client.get(f"{whole['base']}tiles/micro_grids/15/0/0.pbf")
    assert far.status_code == 403
    assert people["admin"].get(f"{whole['base']}tiles/micro_grids/15/0/0.pbf").status_code == 204


def test_who_is_not_logged_in_sees_no_past(past_app: Flask, people: dict[str, FlaskClient]) -> None:
    nobody, base = past_app.test_client(), told(people["admin"], "2026-04-30")["base"]
    for address in ("/past/days.json", "/past/2026-04-30.json", f"{base}tiles/micro_grids/15/0/0.pbf",
                    f"{base}values/micro_grids/names.json", f"{base}feature/micro_grids/1.json"):
        assert nobody.get(address).status_code == 401, address


def test_before_the_first_plan_there_is_nothing_and_it_is_said(people: dict[str, FlaskClient]) -> None:
    document = told(people["admin"], "2026-03-01")
    assert (document["state"], document["first"], document["bounds"]) == ("before", FIRST, None)
    assert {item["count"] for item in document["layers"]} == {0}
    assert people["admin"].get(f"{document['base']}values/micro_grids/names.json").json["codes"] == []
    assert people["admin"].get("/past/days.json").json["changes"] == [CHANGE]


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "2026-02-30"])
def test_what_is_no_day_is_refused(people: dict[str, FlaskClient], wrong: str) -> None:
    answer = people["admin"].get(f"/past/{wrong}.json")
    assert answer.status_code == 422 and "2026-03-02" in answer.json["message"]


def test_an_address_of_other_data_is_gone(past_city: Path, tmp_path: Path) -> None:
    path = tmp_path / "city.gpkg"
    shutil.copy(past_city, path)
    shutil.copytree(past_city.with_suffix(".tiles"), path.with_suffix(".tiles"))
    client = log_in(create_app(str(path), INSTANCE=tmp_path / "i", TESTING=True, PROPAGATE_EXCEPTIONS=False), "admin")
    base = told(client, "2026-04-30")["base"]
    assert client.get(f"{base}values/micro_grids/names.json").status_code == 200
    with open_store(path) as store:
        store.write("micro_grids_history", store.read("micro_grids_history").assign(households=7))
    assert client.get(f"{base}values/micro_grids/names.json").status_code == 404
    fresh = told(client, "2026-04-30")["base"]
    values = client.get(f"{fresh}values/micro_grids/households.json").json["values"]
    assert 7 in values and 99 not in values


def test_without_a_first_day_the_day_of_building_counts(past_city: Path, tmp_path: Path) -> None:
    path = tmp_path / "city.gpkg"
    shutil.copy(past_city, path)
    with open_store(path) as store:
        for name in ("micro_grids", "micro_grids_history"):
            frame = store.read(name)
            store.write(name, frame.assign(valid_from=frame["valid_from"].where(frame["valid_from"] != FIRST, None)))
        assert plan_days(store, made_at="2026-02-10T12:00:00Z").first == "2026-02-10"
        # something ended before the city was built: nobody knows since when it was
        later = plan_days(store, made_at="2026-08-01T12:00:00Z")
        assert later.first is None and later.state("2026-01-01") == "oldest"
        assert later.plan("2026-01-01") == later.plan("2026-03-01") == "2026-03-01"


@pytest.fixture(scope="module")
def past_address(past_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = create_app(str(past_city), INSTANCE=tmp_path_factory.mktemp("served"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_a_day_is_chosen_on_the_map_and_a_link_shows_it(browser: Any, past_address: str) -> None:  # noqa: F811
    visit = TileVisit(browser, past_address, "planner")
    page = visit.page
    page.locator(".gm-fold-past summary").click()
    page.wait_for_selector(".gm-plans button")
    assert page.locator(".gm-plans button").evaluate_all("all => all.map(one => one.dataset.day)") == [CHANGE, FIRST]
    page.evaluate("() => gridmap.app.map.setZoom(18, {animate: false})")
    kept: list[str] = []
    page.on("request", lambda request: kept.append(request.url))
    page.fill(".gm-past input", "2026-04-30")
    page.wait_for_function("() => gridmap.app.dayNow === '2026-04-30' && gridmap.app.shownValues")
    page.wait_for_function("() => gridmap.painting() === 0 && gridmap.app.tiles.store.waiting.size === 0")
    # what lies below is not fetched again
    assert not [url for url in kept if "/tiles/" in url and ("roads" in url or "buildings" in url)]
    assert "2026年4月30日" in str(page.locator(".gm-past-note").text_content())
    assert "2026年5月1日" in str(page.locator(".gm-past-note").text_content())
    page.locator(".gm-fold-table summary").click()
    page.wait_for_selector(f"tr[data-code='{OLD}']")
    shown = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.code)")
    assert sorted(shown) == BEFORE
    page.locator(f"tr[data-code='{OLD}']").click()
    page.wait_for_selector(".gm-past-card")
    assert page.locator(".gm-card h2").text_content() == "旧微网格"
    assert page.locator(".gm-past-card .gm-row").count() == 2
    page.wait_for_timeout(800)  # the flight ends
    # a press on what was one unit then gives that one, wherever it is pressed
    found = page.evaluate(
        """async () => {
            const app = gridmap.app, at = app.featuresAt('micro_grids') + 'micro_grids/code/OLD.json';
            const [w, s, e, n] = (await app.get(at)).bounds;
            return [0.1, 0.9].map(x => app.tiles.hit('micro_grids', L.latLng((s + n) / 2, w + x * (e - w))));
        }""".replace("OLD", OLD))  # fmt: skip
    assert found[0] == found[1] and len(found[0]) == 1
    link = page.url
    assert "day=2026-04-30" in link and f"at={OLD}" in link
    page.goto("about:blank")
    page.goto(link)
    visit.loaded()
    page.wait_for_selector(".gm-past-card")
    assert page.locator(".gm-card h2").text_content() == "旧微网格"
    page.locator(".gm-past-note button").click()
    page.wait_for_function("() => gridmap.app.dayNow === null && gridmap.app.shownValues")
    page.wait_for_function("() => !location.hash.includes('day=')")
    assert page.locator(".gm-past-note").is_hidden()
    page.goto(link.split("#")[0] + "#day=2026-03-01")
    page.wait_for_function("() => gridmap.app.dayNow === '2026-03-01'")
    assert "2026年3月2日" in str(page.locator(".gm-past-note").text_content())
    assert page.locator("tbody tr").count() == 0
    visit.leave()
