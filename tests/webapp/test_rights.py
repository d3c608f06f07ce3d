"""Every route carries a right, and every role meets every route as the table says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.roles import RIGHTS
from tests.webapp.small_city import AREAS, CODES, log_in, token_of
from webapp.guard import PUBLIC, needs, right_of

#: What stands for the parts of a route that vary.
VALUES = {
    "name": "micro_grids", "code": CODES[0], "filename": "gridmap-web.css", "building": f"B{CODES[0]}",
    "kind": "canteen", "version": "0" * 16, "names": "micro_grids", "layer": "micro_grids", "measure": "households",
    "number": 1, "z": 14, "x": 13000, "y": 6000, "day": "2026-04-30", "plan": "2026-04-30", "stamp": "0" * 16,
    "form": "png", "job": "0" * 24, "draft": "0123456789abcdef", "what": "undo",
    "table": "csv", "move": "note", "scenario": "0" * 16, "places": "csv", "hold": "lock", "listing": "csv",
    "site_job": "0" * 16, "decision": "0" * 24,
}


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, address) of everything that the service answers."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            values = {name: VALUES[name] for name in rule.arguments}
            address = app.url_map.bind("localhost").build(rule.endpoint, values)
            found += [(rule.endpoint, method, address) for method in rule.methods - {"OPTIONS", "HEAD"}]
    return found


def test_every_route_has_a_right(app: Flask) -> None:
    rights = {endpoint: right_of(app, endpoint) for endpoint, _, _ in routes(app)}
    assert {endpoint for endpoint, right in rights.items() if right is None} == set()
    assert {right for right in rights.values() if right != PUBLIC} <= RIGHTS["admin"]


def test_only_the_door_and_files_are_public(app: Flask) -> None:
    public = {endpoint for endpoint, _, _ in routes(app) if right_of(app, endpoint) == PUBLIC}
    doors = {"static", "bootstrap.static", "assets.file", "auth.login", "auth.logout"}
    # the phone's worker and manifest tell nothing; the public page is closed unless the city opens it
    assert public == doors | {"mine.worker", "mine.manifest", "public.show", "public.image"}


@pytest.mark.parametrize("role", [*AREAS, "nobody"])
def test_every_role_meets_every_route_as_the_table_says(
    app: Flask, clients: dict[str, FlaskClient], role: str
) -> None:
    rights = RIGHTS.get(role.removesuffix("_without_area"), frozenset())
    for endpoint, method, address in routes(app):
        right = right_of(app, endpoint)
        if right == PUBLIC:
            continue
        answer = clients[role].open(address, method=method)
        answer.close()
        if role == "nobody":
            door = answer.status_code == 302 and answer.location.startswith("/login")
            # without a token a form is refused before anyone asks who it is from
            assert door or answer.status_code in (400, 401), (endpoint, method, answer.status_code)
        elif right not in rights:
            assert answer.status_code in (400, 403) if method == "POST" else answer.status_code == 403, endpoint
        else:
            assert answer.status_code < 500 and answer.status_code != 401, (endpoint, answer.status_code)
            # those ask for a place as well
            placed = ("micro_grid", "ways", "cards", "mine.unit", "incidents.one", "incidents.photo")
            own = not any(word in endpoint for word in placed)
            if method == "GET" and own:
                assert answer.status_code in (200, 404, 302), (endpoint, answer.status_code)


@pytest.mark.parametrize("role", ["grid_member", "grid_leader", "street_office", "planner"])
def test_a_form_with_its_token_is_still_refused_without_the_right(
    fresh: Callable[..., Flask], role: str
) -> None:
    app = fresh()
    client = log_in(app, role)
    token = token_of(client.get("/").text)
    for path in ("/users", "/users/admin/disable", "/users/admin/password"):
        answer = client.post(path, data={"csrf_token": token, "password": "my-own-password", "name": "x"})
        assert answer.status_code == 403
    assert log_in(app, "admin").get("/users").status_code == 200


def test_a_view_without_a_right_is_refused_to_everyone(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    app.add_url_rule("/forgotten", "forgotten", lambda: "everything")
    for name in ("admin", "grid_leader"):
        assert log_in(app, name).get("/forgotten").status_code == 403
    assert app.test_client().get("/forgotten").status_code == 302


def test_a_right_that_nobody_has_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"map\.burn"):
        needs("map.burn")


def test_pages_link_only_to_where_one_may_go(app: Flask, clients: dict[str, FlaskClient]) -> None:
    for role in AREAS:
        page = clients[role].get("/").text
        for address in set(re.findall(r'<a[^>]+href="(/[^"?]*)', page)):
            assert clients[role].get(address).status_code == 200, (role, address)


def test_no_view_reads_the_store_past_the_getter() -> None:
    views = Path(__file__).resolve().parents[2] / "webapp" / "views"
    for path in views.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "open_store" not in text, path.name
        # accounts have no area: only their page asks the store itself
        assert ("get_store" in text) is (path.name == "users.py"), path.name
