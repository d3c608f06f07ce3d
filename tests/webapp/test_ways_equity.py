"""The pages of walks and of equity: what one may ask, and that the answer is that of the walk itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.small_city import CODES, GRIDS, log_in
from webapp.seen import Seen


def test_a_leader_sees_the_walks_of_own_buildings_and_no_others(clients: dict[str, FlaskClient]) -> None:
    leader = clients["grid_leader"]
    page = leader.get(f"/way/B{CODES[0]}?lang=zh")
    assert page.status_code == 200 and "食堂" in page.text and "未核对" in page.text
    own = [code for code in CODES if code.startswith(GRIDS[0])]
    for code in CODES:
        for address in (f"/way/B{code}", f"/way/B{code}/canteen", f"/way/B{code}/canteen.json"):
            assert (leader.get(address).status_code == 200) is (code in own), address
    # what is not there looks like what is not yours
    assert leader.get("/way/B0").status_code == 403 and clients["admin"].get("/way/B0").status_code == 403


def test_the_way_is_drawn_and_its_figures_add_up(clients: dict[str, FlaskClient]) -> None:
    told = clients["planner"].get(f"/way/B{CODES[3]}/canteen.json").get_json()
    # the door 60 m from the street, its own canteen 50 m, and 10 m along the street between
    assert told["facility"] == f"F{CODES[3]}" and told["metres"] == pytest.approx(120.0)
    assert (told["leg_from"], told["leg_to"]) == pytest.approx((60.0, 50.0))
    page = clients["planner"].get(f"/way/B{CODES[3]}/canteen?lang=en").text
    assert "L.polyline(" in page and "120 m on foot" in page
    assert clients["planner"].get(f"/way/B{CODES[3]}/palace").status_code == 422


def test_the_map_page_links_buildings_to_their_walks(clients: dict[str, FlaskClient]) -> None:
    assert '"ways":"/way/"' in clients["grid_leader"].get("/").text


def test_streets_are_read_once_for_a_version_of_the_city(
    fresh: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = fresh()
    read: list[str] = []
    once = Seen.walks
    monkeypatch.setattr(Seen, "walks", lambda self: read.append(self.user.role) or once(self))
    for role in ("planner", "admin"):
        client = log_in(app, role)
        assert client.get(f"/way/B{CODES[0]}").status_code == client.get(f"/way/B{CODES[1]}").status_code == 200
    assert read == ["planner"]


def test_equity_is_for_who_plans_and_of_what_one_sees(clients: dict[str, FlaskClient]) -> None:
    for role in ("grid_leader", "grid_member"):
        assert clients[role].get("/equity").status_code == 403 and "/equity" not in clients[role].get("/").text
    whole, office = (clients[role].get("/equity.json").get_json() for role in ("planner", "street_office"))
    assert whole["kinds"][0]["covered"] == office["kinds"][0]["covered"] == 0.5
    homes = sum(range(10, 26)), sum(range(10, 18))  # households of the micro-grids
    assert (whole["kinds"][0]["people"], office["kinds"][0]["people"]) == homes
    page = clients["planner"].get("/equity?lang=zh").text
    assert "<svg" in page and "基尼" in page and "50.0%" in page
    assert re.search(r"Lorenz curve", clients["planner"].get("/equity?lang=en&kind=canteen").text)


def test_clusters_are_of_what_one_sees(clients: dict[str, FlaskClient]) -> None:
    for role, own in (("planner", ""), ("street_office", CODES[0][:9])):
        told = clients[role].get("/equity/low.json?kind=canteen").get_json()
        assert isinstance(told, list) and all(code in CODES and code.startswith(own) for code in told)
    answer = clients["planner"].get("/equity/low.json?kind=nothing")
    assert answer.status_code == 404 and clients["grid_leader"].get("/equity/low.json?kind=canteen").status_code == 403
