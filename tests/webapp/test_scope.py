"""Everyone sees their own area and nothing else: on the map, on cards, in exports, in findings."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import shapely
from flask.testing import FlaskClient

from gridmap.maps.documents import ON_MAP
from gridmap.roles import User
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, GRIDS, STREETS, in_reach, token_of
from webapp.seen import AROUND_M, Seen

ROLES = list(AREAS)
CODE = re.compile(r"9901010\d{11}")
#: Layers whose rows carry a micro-grid's code, or are one.
CODED = ("micro_grids", "buildings", "facilities", "organizations", "incidents")


def codes_in(text: str) -> set[str]:
    """Every code of a micro-grid that a text holds, in whatever column."""
    return set(CODE.findall(text))


def expected(role: str) -> set[str]:
    return {code for code in CODES if in_reach(role, code)}


def test_the_expectation_is_not_empty_and_not_all() -> None:
    assert [len(expected(role)) for role in ROLES] == [4, 2, 8, 16, 16, 0]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("layer", CODED)
def test_map_data_hold_ones_own_and_all_of_ones_own(clients: dict[str, FlaskClient], role: str, layer: str) -> None:
    answer = clients[role].get(f"/data/{layer}.geojson")
    assert answer.status_code == 200
    assert codes_in(answer.text) == expected(role)
    assert len(answer.json["features"]) == len(expected(role))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("layer", ["grids", "communities", "streets", "districts"])
def test_units_above_are_shown_within_ones_area_only(clients: dict[str, FlaskClient], role: str, layer: str) -> None:
    found = {f["properties"]["code"] for f in clients[role].get(f"/data/{layer}.geojson").json["features"]}
    assert all(in_reach(role, code) for code in found)
    if layer == "grids" and role in ("grid_leader", "street_office", "planner", "admin"):
        assert found == {code for code in GRIDS if in_reach(role, code)}


@pytest.mark.parametrize("role", ROLES)
def test_roads_are_shown_where_they_meet_ones_area(clients: dict[str, FlaskClient], role: str) -> None:
    features = clients[role].get("/data/roads.geojson").json["features"]
    assert len(features) == (1 if expected(role) else 0)


@pytest.mark.parametrize("role", ROLES)
def test_streets_around_are_on_the_map_but_not_in_an_export(city: str, role: str) -> None:
    if role not in ("grid_leader", "street_office"):
        return
    user = User(name="x", role=role, area=AREAS[role])
    with open_store(city) as store:
        seen, all_roads = Seen(store, user), store.read("roads")
        own = shapely.box(*(seen.read("micro_grids").buffer(AROUND_M).total_bounds))
        assert len(seen.ground("roads")) == int(all_roads.intersects(own).sum())
        far = tuple(float(value) for value in seen.read("micro_grids").total_bounds + 10_000.0)
        assert len(seen.ground("roads", bbox=far)) == 0
        for layer in ("buildings", "facilities", "micro_grids"):  # nothing but the ground itself
            assert len(seen.ground(layer)) == len(seen.read(layer))


@pytest.mark.parametrize("role", ROLES)
def test_measures_stand_for_ones_own_micro_grids(clients: dict[str, FlaskClient], role: str) -> None:
    answer = clients[role].get("/data/micro_grids.geojson").json
    measures = {measure["name"]: measure for measure in answer["measures"]}
    households = [10 + CODES.index(f["properties"]["code"]) for f in answer["features"]]
    if expected(role):
        assert measures["households"]["values"] == households
        assert measures["incidents"]["values"] == [1] * len(households)
        assert measures["households"]["breaks"][0] == min(households)  # classes give away no number of others
    else:
        assert "households" not in measures


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("code", CODES)
def test_cards_open_for_ones_own_only(clients: dict[str, FlaskClient], role: str, code: str) -> None:
    answer = clients[role].get(f"/data/micro_grids/{code}")
    if not in_reach(role, code):
        assert answer.status_code == 403
        assert codes_in(answer.text) <= {code}
        return
    assert answer.status_code == 200
    card = answer.json
    assert card["facts"]["code"] == code
    assert [row["code"] for row in card["lists"]["buildings"]] == [f"B{code}"]
    assert [row["code"] for row in card["lists"]["facilities"]] == [f"F{code}"]
    # The nearest canteen may lie in another's area: its code and name are told, and nothing else of it.
    for row in card["services"]:
        for told in ("nearest", "nearest_name"):
            row.pop(told, None)
    assert codes_in(json.dumps(card)) <= expected(role)


def test_the_nearest_service_is_named_across_a_border_and_no_other(clients: dict[str, FlaskClient], city: str) -> None:
    across = CODES[12]  # the square north of CODES[3], in the other street
    for role in ("grid_leader", "street_office"):
        (service,) = clients[role].get(f"/data/micro_grids/{CODES[3]}").json["services"]
        assert service["nearest_name"] == "食堂" + across
        assert across not in clients[role].get("/data/facilities.geojson").text
    with open_store(city) as store:
        found = Seen(store, User(name="x", role="grid_leader", area=GRIDS[0])).nearest(CODES[3])
        assert found.to_dict("list") == {"code": ["F" + across], "name": ["食堂" + across], "kind": ["canteen"]}
        assert Seen(store, User(name="x", role="grid_leader", area=GRIDS[0])).nearest(across).empty  # not in reach


@pytest.mark.parametrize("role", ROLES)
def test_a_card_outside_says_the_same_whether_or_not_it_exists(clients: dict[str, FlaskClient], role: str) -> None:
    outside = [code for code in CODES if not in_reach(role, code)]
    if not outside:
        return
    missing = outside[0][:15] + "999"
    real, none = (clients[role].get(f"/data/micro_grids/{code}") for code in (outside[0], missing))
    assert (real.status_code, none.status_code) == (403, 403)
    assert real.text.replace(outside[0], "X") == none.text.replace(missing, "X")


def test_what_does_not_exist_within_ones_area_is_not_found(clients: dict[str, FlaskClient]) -> None:
    assert clients["grid_leader"].get(f"/data/micro_grids/{GRIDS[0]}999").status_code == 404
    assert clients["grid_leader"].get(f"/data/micro_grids/{GRIDS[0]}").status_code == 404  # a grid is no micro-grid
    assert clients["admin"].get("/data/micro_grids/%25").status_code == 404


def test_a_stack_lists_its_floors(clients: dict[str, FlaskClient]) -> None:
    stack = clients["grid_leader"].get(f"/data/micro_grids/{CODES[2]}").json["stack"]
    assert [(row["code"], row["floor_from"]) for row in stack] == [(CODES[1], 1), (CODES[2], 9)]


def test_a_stack_hides_floors_of_others(city: str) -> None:
    from gridmap.roles import User

    with open_store(city) as store:
        seen = Seen(store, User(name="x", role="grid_member", area=CODES[1]))
        assert seen.micro_grid(CODES[1])["code"].tolist() == [CODES[1]]


@pytest.mark.parametrize("role", ROLES)
def test_the_table_of_coverage_holds_ones_own(clients: dict[str, FlaskClient], role: str) -> None:
    rows = clients[role].get("/data/coverage.json").json
    assert {row["micro_grid"] for row in rows} == expected(role)


def _export(client: FlaskClient, layers: list[str], **more: str) -> Any:
    token = token_of(client.get("/export").text)
    form = {"layers": layers, "format": "geojson", "encoding": "utf-8", "datum": "", "names": "en", **more}
    return client.post("/export", data={**form, "csrf_token": token})


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("grid_member", "grid_leader_without_area")])
def test_exports_hold_ones_own(clients: dict[str, FlaskClient], role: str, tmp_path: Path) -> None:
    layers = [*CODED, "coverage", "grids"]
    with _export(clients[role], layers) as answer:
        assert answer.mimetype == "application/zip"
        archive = zipfile.ZipFile(io.BytesIO(answer.data))
    texts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith((".geojson", ".csv"))}
    assert len([name for name in texts if name.endswith(".geojson")]) >= len(CODED)
    rows = [feature["properties"] for feature in json.loads(texts["coverage.geojson"])["features"]]
    assert {row["micro_grid"] for row in rows} == expected(role)
    for layer in CODED:
        assert codes_in(texts[f"{layer}.geojson"]) == expected(role), layer


def test_a_shapefile_comes_in_the_citys_own_coordinates(clients: dict[str, FlaskClient], tmp_path: Path) -> None:
    with _export(clients["grid_leader"], ["micro_grids"], format="shapefile", encoding="gb18030") as answer:
        zipfile.ZipFile(io.BytesIO(answer.data)).extractall(tmp_path)
    (path,) = tmp_path.rglob("micro_grids*.shp")
    read = pyogrio.read_dataframe(path)
    assert set(read["code"]) == expected("grid_leader")
    assert read.crs.to_epsg() == 4547


def test_who_reaches_nothing_takes_nothing_away(clients: dict[str, FlaskClient]) -> None:
    page = clients["grid_leader_without_area"].get("/export").text
    assert "您的范围内没有数据" in page and 'name="layers"' not in page
    answer = _export(clients["grid_leader_without_area"], ["micro_grids"])
    assert answer.status_code == 404
    assert not codes_in(answer.text)


def test_an_export_asked_for_by_hand_knows_no_other_layers(clients: dict[str, FlaskClient]) -> None:
    assert 'value="staff"' not in clients["planner"].get("/export").text
    for layers, status in ((["staff"], 403), (["micro_grids", "staff"], 403), (["moon"], 422), ([], 200)):
        answer = _export(clients["planner"], layers)
        assert answer.status_code == status and answer.mimetype == "text/html"
        assert not codes_in(answer.text)
    for field in ("format", "encoding", "datum", "names"):
        assert _export(clients["planner"], ["micro_grids"], **{field: "moon"}).status_code == 422


@pytest.mark.parametrize("role", ["street_office", "planner", "admin"])
def test_findings_are_about_ones_own(clients: dict[str, FlaskClient], role: str) -> None:
    for path in ("/findings", "/findings.csv"):
        text = clients[role].get(path).text
        assert codes_in(text) == expected(role)
        assert ("道路缺少名称" in text) is (role != "street_office")  # about a whole layer: for who sees the district


@pytest.mark.parametrize("role", ROLES)
def test_telephone_numbers_and_reports_are_for_who_needs_them(clients: dict[str, FlaskClient], role: str) -> None:
    kept = role.removesuffix("_without_area")
    phones, texts = (clients[role].get(f"/data/{name}.geojson").text for name in ("organizations", "incidents"))
    card = "".join(clients[role].get(f"/data/micro_grids/{code}").text for code in expected(role))
    if not expected(role):
        return
    may_call = kept in ("grid_leader", "street_office", "admin")
    may_read = kept in ("grid_leader", "grid_member", "street_office", "admin")
    assert ("138" in phones) is may_call and ('"phone"' in card) is may_call
    assert ("路灯不亮" in texts) is may_read and ("路灯不亮" in card) is may_read
    assert ("某号" in texts) is may_read


def test_an_export_without_the_right_lacks_the_columns(clients: dict[str, FlaskClient]) -> None:
    for role, expected_in in (("planner", False), ("street_office", True)):
        with _export(clients[role], ["organizations", "incidents"]) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.data))
        text = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".geojson"))
        assert ("路灯不亮" in text) is expected_in
        assert ("IDx" in text.replace("ID99", "IDx")) is expected_in  # a column that only the file knew
        rows = [f["properties"] for name in archive.namelist() if "organizations" in name and name.endswith(".geojson")
                for f in json.loads(archive.read(name))["features"]]
        assert any("138" in str(row.get("phone")) for row in rows) is expected_in


def test_the_map_page_holds_no_data_of_anybody(clients: dict[str, FlaskClient]) -> None:
    for role in ROLES:
        page = clients[role].get("/").text
        assert not codes_in(page)
        assert "青溪区" in page


def test_a_box_gives_a_part_and_never_more(clients: dict[str, FlaskClient]) -> None:
    whole = clients["street_office"].get("/data/micro_grids.geojson").json["features"]
    first = whole[0]["geometry"]["coordinates"][0]
    lons, lats = [p[0] for p in first], [p[1] for p in first]
    box = f"{min(lons) + 1e-5},{min(lats) + 1e-5},{max(lons) - 1e-5},{max(lats) - 1e-5}"
    part = clients["street_office"].get(f"/data/micro_grids.geojson?bbox={box}").json["features"]
    assert 0 < len(part) < len(whole)
    world = clients["street_office"].get("/data/micro_grids.geojson?bbox=-180,-80,180,80").json["features"]
    assert {f["properties"]["code"] for f in world} == expected("street_office")
    for wrong in ("1,2,3", "a,b,c,d", "9,9,1,1", "nan,0,1,1"):
        assert clients["street_office"].get(f"/data/micro_grids.geojson?bbox={wrong}").status_code == 422


def test_every_layer_of_the_map_can_be_fetched(clients: dict[str, FlaskClient]) -> None:
    for name in ON_MAP:
        assert clients["admin"].get(f"/data/{name}.geojson").status_code == 200, name
    for path in ("/data/staff.geojson", "/data/moon.geojson", "/data/staff.json", "/data/accounts.json"):
        assert clients["admin"].get(path).status_code == 404, path


def test_a_street_is_reached_by_its_code_not_by_its_beginning() -> None:
    assert not in_reach("street_office", STREETS[1]) and STREETS[1].startswith(STREETS[0][:8])
