"""The bar: only where one may go, in groups where there is much."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient

from webapp.guard import PUBLIC, right_of
from webapp.language import translations
from webapp.navigation import GROUPS


def test_every_entry_and_group_has_a_word() -> None:
    for lang, words in translations().items():
        for group, endpoints in GROUPS.items():
            assert not group or words[f"nav.group.{group}"], lang
            for endpoint in endpoints:
                assert words[f"nav.{endpoint.removesuffix('.show')}"], (lang, endpoint)


def test_a_grid_leader_has_few_links_without_groups(clients: dict[str, FlaskClient]) -> None:
    page = clients["grid_leader"].get("/").text
    assert "gw-group-box" not in page.partition("</nav>")[0]
    assert "gw-group-box" in clients["admin"].get("/").text


def test_every_page_with_a_place_of_its_own_stands_in_the_bar(app: Flask, clients: dict[str, FlaskClient]) -> None:
    listed = {endpoint for endpoints in GROUPS.values() for endpoint in endpoints}
    plain = {rule.endpoint for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in (rule.methods or ())}
    pages = {name for name in plain if name.endswith(".show") and right_of(app, name) != PUBLIC}
    inside = {"admin_audit.show", "admin_norms.show"}  # tabs of the administration
    assert pages - inside <= listed
    here = re.findall(r'<a href="([^"]+)" aria-current="page"', clients["admin"].get("/export").text)
    assert here[0] == "/export"
