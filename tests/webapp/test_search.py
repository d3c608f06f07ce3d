"""The search of the service: everyone finds their own, nobody else's."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.webapp.small_city import AREAS, CODES, GRIDS, in_reach


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
