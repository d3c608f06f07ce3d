"""Every route, as every role, inside and outside the area and logged out, beside the table of rights.

The small city has the code of its micro-grid in everything: an answer that holds a code beyond the asker's area has
told too much, whatever the route.
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.city_tiles import make_tiles
from gridmap.roles import RIGHTS, ROLES
from gridmap.stores import open_store
from tests.webapp import rights_table
from tests.webapp.rights_table import CITY, DRAFT, OWN, PRIVATE, SAME, TABLE, Thing
from tests.webapp.small_city import AREAS, CODES, in_reach, log_in, token_of
from tests.webapp.test_rights import VALUES
from webapp import create_app
from webapp.guard import PUBLIC, right_of

#: Layers that are asked one by one where a route takes a layer.
LAYERS = ("micro_grids", "buildings", "facilities", "organizations", "incidents", "grids", "roads")
_CODE = re.compile(r"(F|食堂|O|志愿队)?(99\d{16})(?!\d)")


@pytest.fixture(scope="module")
def served(city: str, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The city with tiles, on a copy of its own."""
    folder = tmp_path_factory.mktemp("crawl")
    with open_store(city):
        shutil.copy(city, folder / "city.gpkg")
    make_tiles(folder / "city.gpkg", folder=folder / "tiles")
    return create_app(
        folder / "city.gpkg", INSTANCE=folder / "instance", TILES=folder / "tiles", TESTING=True,
        PROPAGATE_EXCEPTIONS=False,
    )


@pytest.fixture(scope="module")
def people(served: Flask) -> dict[str, FlaskClient]:
    return {name: log_in(served, name) for name in AREAS}


@pytest.fixture(scope="module")
def values(served: Flask, people: dict[str, FlaskClient]) -> dict[str, Any]:
    """What stands for the parts of an address: the version of the tiles that are there."""
    version = people["admin"].get("/tiles/layers.json").json["version"]
    return {**VALUES, "version": version}


def addresses(app: Flask, values: dict[str, Any], endpoint: str, code: str) -> Iterator[tuple[str, str]]:
    """(method, address) of a route, about the micro-grid `code` where it is about one thing."""
    reach = TABLE[endpoint][1]
    own = reach.values(code) if isinstance(reach, Thing) else {}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules(endpoint):
            several = LAYERS if "layer" in rule.arguments and "layer" not in own else (None,)
            for layer in several:
                given = {**values, **({"layer": layer} if layer else {}), **own}
                address = adapter.build(rule.endpoint, {name: given[name] for name in rule.arguments})
                for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
                    yield method, address


def told(answer: Any) -> str:
    """Everything that an answer says, archives and tables unpacked."""
    content = answer.data
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return str(content.decode("utf-8", "replace"))


def beyond(role: str, text: str) -> set[str]:
    """Codes of micro-grids out of reach in a text; the nearest facility or team may lie across a border."""
    return {
        code for mark, code in _CODE.findall(text) if not mark and code in CODES and not in_reach(role, code)
    }


def test_every_route_stands_in_the_table_with_its_right(served: Flask) -> None:
    assert {name: right_of(served, name) for name in served.view_functions} == {
        name: right for name, (right, _) in TABLE.items()
    }


def test_every_role_has_the_rights_that_were_agreed_on() -> None:
    assert set(rights_table.ROLES) == set(ROLES)
    for role, agreed in rights_table.ROLES.items():
        assert {right for right in RIGHTS[role] if not right.startswith("layer.")} == agreed, role


@pytest.mark.parametrize("role", sorted(AREAS))
def test_who_has_no_right_is_refused_and_who_has_it_sees_no_farther_than_their_area(
    served: Flask, people: dict[str, FlaskClient], values: dict[str, Any], role: str
) -> None:
    client, rights = people[role], rights_table.ROLES[role.removesuffix("_without_area")]
    asked = 0
    for endpoint, (right, reach) in TABLE.items():
        for code in (CODES[0], CODES[-1]):
            for method, address in addresses(served, values, endpoint, code):
                if method == "POST" and right in rights:
                    continue  # below, with a token
                answer = client.open(address, method=method)
                text, status = told(answer), answer.status_code
                answer.close()
                asked += 1
                assert status < 500, (endpoint, address, status)
                if right == PUBLIC:
                    continue
                if right not in rights:
                    assert status in (400, 403), (endpoint, address, status)
                    continue
                if isinstance(reach, Thing) and not in_reach(role, code):
                    assert status in (403, 404), (endpoint, address, status)
                elif isinstance(reach, Thing):
                    assert status in (200, 400, 404), (endpoint, address, status)
                else:
                    assert status in (200, 204, 302, 304, 400, 403, 404, 422), (endpoint, address, status)
                assert status != 200 or not beyond(role, text.replace(address, "")), (endpoint, address)
    assert asked > len(TABLE)


@pytest.mark.parametrize("endpoint", sorted(name for name, (_, reach) in TABLE.items() if isinstance(reach, Thing)))
def test_things_within_the_area_are_given(
    served: Flask, people: dict[str, FlaskClient], values: dict[str, Any], endpoint: str
) -> None:
    right = TABLE[endpoint][0]
    seen = 0
    for role in AREAS:
        if right not in rights_table.ROLES[role.removesuffix("_without_area")]:
            continue
        for code in (CODES[0], CODES[-1]):
            for method, address in addresses(served, values, endpoint, code):
                if method == "GET" and in_reach(role, code) and endpoint not in ("incidents.photo", "ways.on_map"):
                    assert people[role].get(address).status_code == 200, (role, address)
                    seen += 1
    assert seen or endpoint in ("incidents.photo", "incidents.move", "ways.on_map")


def test_who_is_not_logged_in_comes_to_the_door(served: Flask, values: dict[str, Any]) -> None:
    client = served.test_client()
    for endpoint, (right, _) in TABLE.items():
        for method, address in addresses(served, values, endpoint, CODES[0]):
            answer = client.open(address, method=method)
            answer.close()
            if right != PUBLIC:
                door = answer.status_code == 302 and answer.location.startswith("/login")
                assert door or answer.status_code in (400, 401), (endpoint, method, answer.status_code)


@pytest.mark.parametrize("role", sorted(AREAS))
def test_forms_about_things_beyond_the_area_change_nothing(
    served: Flask, people: dict[str, FlaskClient], values: dict[str, Any], role: str
) -> None:
    rights = rights_table.ROLES[role.removesuffix("_without_area")]
    far = next(code for code in reversed(CODES) if not in_reach(role, code)) if role not in ("admin", "planner") else ""
    if not far:
        assert all(in_reach(role, code) for code in CODES)  # sees the whole city
        return
    client = people[role]
    token = token_of(client.get("/search").text)
    forms = {
        "incidents.report": {"category": "environment", "micro_grid": far, "key": "k" * 32, "lon": "0", "lat": "0"},
        "incidents.move": {"text": "x"}, "planning.make": {"within": far[:15]},
        "roster.give": {"area": far, "name": "某", "role": "grid_member", "day": "2026-11-01"},
        "roster.end": {"area": far, "name": f"员{far}", "role": "grid_member", "day": "2026-11-01"},
        "border.decide": {"of": "facilities", "code": f"F{far}", "micro_grid": far},
        "export.make": {"layers": "micro_grids", "scope": far}, "export.start": {"layers": "micro_grids", "scope": far},
        "export.look_first": {"layers": "micro_grids", "scope": far},
    }  # fmt: skip
    with open_store(served.config["CITY"]) as store:
        before = {name: store.read(name).to_csv() for name in ("incidents", "staff", "facilities")}
    for endpoint, form in forms.items():
        if TABLE[endpoint][0] not in rights:
            continue
        for method, address in addresses(served, values, endpoint, far):
            if method == "POST":
                answer = client.post(address, data={**form, "csrf_token": token})
                text = told(answer)
                answer.close()
                assert answer.status_code < 500, (endpoint, answer.status_code)
                assert not beyond(role, text.replace(far, "", 3)) or answer.status_code >= 400, endpoint
    with open_store(served.config["CITY"]) as store:
        assert {name: store.read(name).to_csv() for name in before} == before


def test_what_belongs_to_another_account_is_refused(
    served: Flask, people: dict[str, FlaskClient], values: dict[str, Any]
) -> None:
    """A file of the administrator's, asked for by who has the right and the reach but is not they."""
    admin = people["admin"]
    form = {"csrf_token": token_of(admin.get("/search").text), "layers": "micro_grids", "scope": CODES[0][:15]}
    made = re.search(r"/export/jobs/([0-9a-f]+)", admin.post("/export/jobs", data=form).location or "")
    assert made is not None
    for role in ("street_office", "planner", "grid_leader"):
        answer = people[role].get(f"/export/jobs/{made.group(1)}/file")
        answer.close()
        assert answer.status_code in (403, 404), role
    assert people["grid_leader"].get(f"/export/jobs/{made.group(1)}").status_code in (403, 404)


def test_the_crawl_would_see_a_leak() -> None:
    far = CODES[-1]
    assert beyond("grid_leader", f"x{far}y") == {far} and not beyond("grid_leader", f"F{far} 食堂{far} {CODES[0]}")
    assert {SAME, OWN, CITY, PRIVATE, DRAFT} >= {reach for _, reach in TABLE.values() if isinstance(reach, str)}
