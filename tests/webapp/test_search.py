"""The search of the service: everyone finds their own, nobody else's."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.small_city import AREAS, CODES, GRIDS, in_reach, log_in
from webapp.searches import Kept


@pytest.mark.parametrize("role", list(AREAS))
def test_everyone_finds_what_lies_in_their_area(clients: dict[str, FlaskClient], role: str) -> None:
    for code in CODES:
        for text, prefix in ((f"食堂{code}", "F"), (f"楼{code}", "B"), (f"zyd{code}", "O")):
            hits = clients[role].get("/search/found.json", query_string={"q": text}).json
            expected = [f"{prefix}{code}"] if in_reach(role, code) else []
            assert [hit["code"] for hit in hits] == expected, (role, text)
        page = clients[role].get("/search", query_string={"q": f"微网格{code}"}).text
        assert (f"/#at={code}" in page) is in_reach(role, code)


def test_a_facility_is_found_by_what_its_kind_is_called(clients: dict[str, FlaskClient]) -> None:
    hits = clients["grid_leader"].get("/search/found.json?q=长者饭堂").json
    assert {hit["code"] for hit in hits} == {f"F{code}" for code in CODES if code.startswith(GRIDS[0])}


def test_units_above_ones_area_are_not_found(clients: dict[str, FlaskClient]) -> None:
    hits = clients["grid_leader"].get("/search/found.json?q=网格").json
    assert {hit["code"] for hit in hits if hit["layer"] == "grids"} == {GRIDS[0]}


def test_a_street_is_found_by_who_has_it_around(clients: dict[str, FlaskClient]) -> None:
    hits = clients["grid_leader"].get("/search/found.json?q=ghj").json
    assert [(hit["layer"], hit["name"], hit["at"]) for hit in hits] == [("roads", "桂花街", "")]
    assert clients["grid_leader_without_area"].get("/search/found.json?q=ghj").json == []


def test_what_is_typed_is_shown_as_typed(clients: dict[str, FlaskClient]) -> None:
    page = clients["admin"].get("/search", query_string={"q": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert clients["admin"].get("/search").status_code == 200
    assert clients["nobody"].get("/search/found.json?q=a").status_code in (302, 401)


def test_the_search_is_made_ready_at_the_first_visit(fresh: Callable[..., Flask]) -> None:
    app = fresh(SEARCH_AHEAD=True)
    kept = app.extensions["searches"]
    assert not kept._ready
    app.test_client().get("/login")
    deadline = time.monotonic() + 30
    while not kept._ready and time.monotonic() < deadline:
        time.sleep(0.02)
    made = kept._index
    assert kept._ready and len(made)
    assert log_in(app, "admin").get("/search/found.json?q=ghj").json and kept._index is made


def test_a_city_that_cannot_be_read_at_the_first_visit_is_no_error(
    fresh: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept(f"{fresh().config['CITY']}.gone.gpkg")
    kept._first()
    assert "when somebody asks" in caplog.text and not kept._ready
