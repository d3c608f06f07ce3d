"""Tiles, values and cards of the vector map: everyone gets their own whole, and of others nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.city_tiles import make_tiles, tiles_folder
from gridmap.maps.tiles.cut import tiles_meeting
from gridmap.maps.tiles.mvt import layers_of
from gridmap.maps.tiles.shelf import Shelf, Version, keys_of
from gridmap.roles import User
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, in_reach, log_in
from webapp.seen import GROUND, Seen

ROLES = list(AREAS)
#: Layers of the small city whose rows carry a micro-grid's code in their own.
CODED = {"micro_grids": "", "buildings": "B", "facilities": "F", "organizations": "O", "incidents": "E"}


@pytest.fixture(scope="module")
def version(city: str) -> Iterator[Version]:
    make_tiles(city)
    found = Shelf(tiles_folder(city)).current()
    assert found is not None
    yield found


def all_tiles(version: Version, layer: str) -> list[tuple[int, int, int]]:
    return list(version.layers[layer].archive)


def numbers_in(content: bytes, layer: str) -> set[int]:
    return {shape.id for name, shapes in layers_of(gzip.decompress(content)) if name == layer for shape in shapes}


def mine(version: Version, layer: str, role: str) -> set[int]:
    """Numbers that a role should see: told by the areas of the small city, not by the code under test."""
    codes = version.layers[layer].table["code"]
    strip = len(CODED[layer])
    return {number for number, code in enumerate(codes, start=1) if in_reach(role, code[strip:])}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("layer", list(CODED))
def test_a_layer_comes_whole_and_nothing_of_others(
    clients: dict[str, FlaskClient], version: Version, role: str, layer: str
) -> None:
    found: set[int] = set()
    for z, x, y in all_tiles(version, layer):
        answer = clients[role].get(f"/tiles/{version.name}/{layer}/{z}/{x}/{y}.pbf")
        assert answer.status_code in (200, 204, 403)
        if answer.status_code == 200:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
            shown = numbers_in(answer.data, layer)
            assert shown <= mine(version, layer, role)
            found |= shown if z == 15 else set()
        else:
            assert answer.status_code == 204 or not version.layers[layer].get(z, x, y) or b"\x1a" not in answer.data
    assert found == mine(version, layer, role)


@pytest.mark.parametrize("role", ROLES)
def test_tiles_agree_with_the_one_scope_function(
    app: Flask, city: str, version: Version, clients: dict[str, FlaskClient], role: str
) -> None:
    """For every layer: the rows in the tiles are the rows that `Seen` gives."""
    user = User(name=role, role=role.removesuffix("_without_area"), area=AREAS[role])
    with open_store(city) as store:
        seen = Seen(store, user)
        for name, tiles in version.layers.items():
            if not seen.sees(name):
                continue
            rows = seen.ground(name) if name in GROUND else seen.read(name)
            with app.test_request_context():
                allowed, box = app.extensions["tiles"].scope(seen, version, tiles)
            keys = set(tiles.table["key"] if allowed is None else tiles.table["key"][allowed[1:]])
            if not (name in GROUND and seen.whole_city()):
                assert keys == set(keys_of(rows, placed=not tiles.coded)), name
            assert (box is None) == (not keys)


def test_guessing_the_address_of_another_area_is_refused(clients: dict[str, FlaskClient], version: Version) -> None:
    """The leader of the first grid asks for every deepest tile of the city, and for some where nothing is."""
    import pyproj

    west, south, east, north = version.layers["micro_grids"].boxes.min(axis=0)[:2].tolist() + (
        version.layers["micro_grids"].boxes.max(axis=0)[2:].tolist()
    )
    transform = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
    box = (*transform.transform(west, south), *transform.transform(east, north))
    own = version.layers["micro_grids"].boxes[[CODES.index(code) for code in CODES if in_reach("grid_leader", code)]]
    own_box = (*transform.transform(*own.min(axis=0)[:2]), *transform.transform(*own.max(axis=0)[2:]))
    everything, own_tiles = set(tiles_meeting(box, 15)), set(tiles_meeting(own_box, 15))
    far = {(15, 0, 0), (15, 20000, 12000)}
    for layer in ("micro_grids", "buildings", "incidents"):
        for z, x, y in everything | far:
            answer = clients["grid_leader"].get(f"/tiles/{version.name}/{layer}/{z}/{x}/{y}.pbf")
            if (z, x, y) not in own_tiles:
                assert answer.status_code == 403, (layer, z, x, y)
            assert clients["grid_leader_without_area"].get(answer.request.path).status_code == 403
            assert clients["nobody"].get(answer.request.path).status_code == 401


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("layer", list(CODED))
def test_cards_open_for_ones_own_only(
    clients: dict[str, FlaskClient], version: Version, role: str, layer: str
) -> None:
    own = mine(version, layer, role)
    codes = version.layers[layer].table["code"].tolist()
    said = set()
    for number in range(0, len(codes) + 3):
        answer = clients[role].get(f"/feature/{version.name}/{layer}/{number}.json")
        if number in own:
            assert answer.status_code == 200
            assert answer.json["code"] == codes[number - 1] == answer.json["facts"]["code"]
            again = clients[role].get(f"/feature/{version.name}/{layer}/code/{codes[number - 1]}.json")
            assert again.json == answer.json
        else:
            assert answer.status_code == (404 if role == "admin" else 403)
            said.add(answer.text)
    assert len(said) == 1  # the same words whether it exists or not
    none = clients[role].get(f"/feature/{version.name}/{layer}/code/none.json")
    assert none.status_code == (404 if role == "admin" else 403)


def test_cards_hide_the_columns_that_a_role_may_not_see(clients: dict[str, FlaskClient], version: Version) -> None:
    for role, sees in (("planner", False), ("street_office", True)):
        facts = clients[role].get(f"/feature/{version.name}/organizations/1.json").json["facts"]
        assert (facts.get("phone") is not None) == sees and "id_card" not in facts
        facts = clients[role].get(f"/feature/{version.name}/incidents/1.json").json["facts"]
        assert (facts.get("text") is not None) == sees


def test_the_card_of_a_micro_grid_is_the_one_of_the_page(clients: dict[str, FlaskClient], version: Version) -> None:
    code = CODES[1]
    card = clients["grid_leader"].get(f"/feature/{version.name}/micro_grids/code/{code}.json").json
    assert card["card"] == clients["grid_leader"].get(f"/data/micro_grids/{code}").json


@pytest.mark.parametrize("role", ROLES)
def test_values_and_names_are_ones_own(clients: dict[str, FlaskClient], version: Version, role: str) -> None:
    own = mine(version, "micro_grids", role)
    households = clients[role].get(f"/values/{version.name}/micro_grids/households.json").json
    assert households["values"] == [9 + number if number in own else None for number in range(1, 17)]
    if own:
        # classes give away no number of others
        assert (households["breaks"][0], households["breaks"][-1]) == (9 + min(own), 9 + max(own))
    else:
        assert households["breaks"] == [] == households["classes"]
    names = clients[role].get(f"/values/{version.name}/micro_grids/names.json").json
    assert [code for code in names["codes"] if code] == [code for code in CODES if in_reach(role, code)]
    assert [bool(name) for name in names["names"]] == [bool(code) for code in names["codes"]]


@pytest.mark.parametrize("role", ROLES)
def test_every_measure_that_is_offered_is_there(clients: dict[str, FlaskClient], version: Version, role: str) -> None:
    document = clients[role].get("/tiles/layers.json").json
    assert document == clients[role].get(f"/tiles/{version.name}/layers.json").json
    assert [item["order"] for item in document["layers"]] == sorted(item["order"] for item in document["layers"])
    for item in document["layers"]:
        for measure in item["measures"]:
            answer = clients[role].get(f"/values/{version.name}/{item['name']}/{measure['name']}.json")
            assert answer.status_code == 200, (item["name"], measure, answer.text)
            found = answer.json
            assert len(found["values"]) == item["count"]
            told = {key: found[key] for key in ("zh", "en", "kind", "group", "unit")}
            assert told | {"name": found["measure"]} == measure
            places = [value for value in found["values"] if value is not None]
            if found["kind"] == "class":
                assert set(places) <= set(range(len(found["classes"])))
            elif places:
                assert found["breaks"][0] <= min(places) and max(places) <= found["breaks"][-1]
                assert len(found["classes"]) == len(found["breaks"]) - 1


def test_counts_of_units_above_are_sums(clients: dict[str, FlaskClient], version: Version) -> None:
    get = clients["admin"].get
    assert get(f"/values/{version.name}/grids/incidents.json").json["values"] == [4, 4, 4, 4]
    assert get(f"/values/{version.name}/districts/incidents_open.json").json["values"] == [16]
    assert get(f"/values/{version.name}/grids/within_band_share.json").json["values"] == [0, 7500, 10000, 10000]
    covered = get(f"/values/{version.name}/micro_grids/coverage:canteen.json").json
    assert (covered["scale"], set(covered["values"]), covered["status"]) == (10000, {5000}, "p" * 16)
    assert get(f"/values/{version.name}/incidents/week.json").json["origin"] == "2026-03-02"


def test_classes_are_made_as_asked(clients: dict[str, FlaskClient], version: Version) -> None:
    address = f"/values/{version.name}/micro_grids/households.json"
    ways = ("equal", "natural")
    breaks = {how: clients["admin"].get(f"{address}?breaks={how}&classes=3").json["breaks"] for how in ways}
    assert breaks["equal"] == [10, 15, 20, 25] and len(breaks["natural"]) == 4
    for wrong in ("breaks=moon", "classes=1", "classes=10", "classes=x"):
        assert clients["admin"].get(f"{address}?{wrong}").status_code == 422


def test_what_does_not_exist_is_not_found(clients: dict[str, FlaskClient], version: Version) -> None:
    v = version.name
    z, x, y = next(tile for tile in all_tiles(version, "micro_grids") if tile[0] == 15)
    for address, status in (
        (f"/tiles/{'0' * 16}/micro_grids/{z}/{x}/{y}.pbf", 404), (f"/tiles/{v}/moon/{z}/{x}/{y}.pbf", 404),
        (f"/tiles/{v}/micro_grids/3/1/1.pbf", 404), (f"/tiles/{v}/micro_grids/16/{2 * x}/{2 * y}.pbf", 404),
        (f"/tiles/{v}/micro_grids/15/0/0.pbf", 204), (f"/tiles/{v}/micro_grids/15/99999999/1.pbf", 204),
        (f"/tiles/{'0' * 16}/layers.json", 404), (f"/values/{v}/moon/households.json", 404),
        (f"/values/{v}/micro_grids/moon.json", 404), (f"/values/{'0' * 16}/micro_grids/households.json", 404),
        (f"/feature/{v}/moon/1.json", 404), (f"/tiles/{v}/staff/{z}/{x}/{y}.pbf", 404),
    ):  # fmt: skip
        answer = clients["admin"].get(address)
        assert answer.status_code == status, address
        assert status == 204 or answer.is_json, address


def test_several_layers_come_as_one_tile(clients: dict[str, FlaskClient], version: Version) -> None:
    z, x, y = next(tile for tile in all_tiles(version, "roads") if tile[0] == 15)
    both = clients["admin"].get(f"/tiles/{version.name}/roads,micro_grids,buildings/{z}/{x}/{y}.pbf")
    for name in ("roads", "micro_grids", "buildings"):
        answer = clients["admin"].get(f"/tiles/{version.name}/{name}/{z}/{x}/{y}.pbf")
        assert numbers_in(both.data, name) == (numbers_in(answer.data, name) if answer.status_code == 200 else set())
    # a name that does not fit is passed over, but not where none does
    assert clients["admin"].get(f"/tiles/{version.name}/districts,roads/{z}/{x}/{y}.pbf").status_code == 200
    assert clients["admin"].get(f"/tiles/{version.name}/districts,moon/{z}/{x}/{y}.pbf").status_code == 404


def test_two_people_of_different_areas_never_share_an_answer(
    clients: dict[str, FlaskClient], version: Version
) -> None:
    z, x, y = next(tile for tile in all_tiles(version, "micro_grids") if tile[0] == 11)
    address = f"/tiles/{version.name}/micro_grids/{z}/{x}/{y}.pbf"
    for _ in range(2):  # the second time from memory
        for role in ("admin", "grid_leader", "street_office", "grid_member", "planner"):
            assert numbers_in(clients[role].get(address).data, "micro_grids") == mine(version, "micro_grids", role)


def test_a_change_of_the_city_is_another_version_and_the_old_one_is_gone(
    fresh: Callable[..., Flask], city: str, version: Version
) -> None:
    app = fresh()
    copy = app.config["CITY"]
    client = log_in(app, "admin")
    assert client.get("/tiles/layers.json").status_code == 404  # none yet
    make_tiles(copy)
    before = client.get("/tiles/layers.json").json["version"]
    assert before == version.name  # the same content has the same name
    with open_store(copy) as store:
        frame: Any = store.read("micro_grids")
        store.write("micro_grids", frame.assign(geometry=frame.geometry.translate(3.0)))
    z, x, y = next(tile for tile in all_tiles(version, "micro_grids") if tile[0] == 11)
    assert client.get(f"/tiles/{before}/micro_grids/{z}/{x}/{y}.pbf").status_code == 200  # until there are new ones
    make_tiles(copy)
    after = client.get("/tiles/layers.json").json["version"]
    assert after != before
    assert client.get(f"/tiles/{before}/micro_grids/{z}/{x}/{y}.pbf").status_code == 404
    assert client.get(f"/tiles/{after}/micro_grids/{z}/{x}/{y}.pbf").status_code == 200


def test_values_follow_the_city_without_new_tiles(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    copy = app.config["CITY"]
    make_tiles(copy)
    client = log_in(app, "admin")
    version = client.get("/tiles/layers.json").json["version"]
    address = f"/values/{version}/micro_grids/households.json"
    tag = client.get(address).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    with open_store(copy) as store:
        frame: Any = store.read("micro_grids")
        # in another order, one fewer, one of another size
        store.write("micro_grids", frame.iloc[::-1].assign(households=frame["households"] * 2).iloc[1:])
    answer = client.get(address, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json["values"] == [2 * (10 + n) for n in range(15)] + [None]


def test_an_account_that_is_disabled_gets_nothing_more(fresh: Callable[..., Flask]) -> None:
    from gridmap.accounts import disable_account

    app = fresh()
    copy = app.config["CITY"]
    make_tiles(copy)
    client = log_in(app, "grid_leader")
    assert client.get("/tiles/layers.json").status_code == 200
    disable_account(copy, "grid_leader")
    assert client.get("/tiles/layers.json").status_code == 401
