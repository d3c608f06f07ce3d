"""The page of quality: figures of one's own area, in both languages, for those who plan."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from tests.webapp.small_city import CODES
from webapp.replies import Kept


def test_the_page_shows_the_figures_of_what_one_may_see(clients: dict[str, FlaskClient]) -> None:
    whole = clients["admin"].get("/quality.json").get_json()
    office = clients["street_office"].get("/quality.json").get_json()
    assert whole["city"]["micro_grids"] + whole["city"]["unpeopled"] + whole["city"]["special"] == len(CODES)
    assert len(office["grids"]) == 2 and len(whole["grids"]) == 4
    assert all(item["code"].startswith("990101001") for item in office["grids"])
    for role in ("admin", "planner", "street_office"):
        page = clients[role].get("/quality?lang=zh").text
        assert "划分质量" in page and "紧凑度" in page
        assert "Compactness" in clients[role].get("/quality?lang=en").text


def test_leaders_have_no_page_of_quality(clients: dict[str, FlaskClient]) -> None:
    for role in ("grid_leader", "grid_member"):
        assert clients[role].get("/quality").status_code == 403
        assert "/quality" not in clients[role].get("/").text


def test_the_page_has_every_figure_of_the_report(clients: dict[str, FlaskClient]) -> None:
    told = clients["admin"].get("/quality.json").get_json()
    assert {"bands", "levels", "nearest", "missed", "exceptions", "level_exceptions"} <= set(told)
    for lang, words in (
        ("zh", ["平均偏差", "连成一片", "紧凑度", "沿街道屏障", "逐级包含", "户数一致", "由多块组成", "社区与网格"]),
        ("en", ["Mean deviation", "In one piece", "On streets and barriers", "Nested", "Households agree"]),
    ):
        page = clients["admin"].get(f"/quality?list=grids&lang={lang}").text
        assert [word for word in words if word not in page] == []
        sentence = told["nearest"][0]["sentence_zh" if lang == "zh" else "sentence"]
        assert (sentence in html.unescape(page)) == bool(told["nearest"][0]["obstacles"])
    columns = {name for item in told["communities"] for name in item}
    named = {"in_band", "deviation", "connected", "compactness", "on_lines", "nested", "out", "silent", "missed"}
    assert columns >= named


LISTS = ("exceptions", "missed", "level_exceptions", "communities", "grids")


def test_lists_are_read_page_by_page(clients: dict[str, FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    told = clients["admin"].get("/quality.json").get_json()
    told["exceptions"] = [row for row in told["exceptions"] if row["households"] > 0]
    assert len(told["grids"]) == 4 and told["exceptions"]
    monkeypatch.setattr("webapp.views.quality._ROWS", 3)
    clients["admin"].application.extensions["kept"] = Kept(1 << 20)  # pages of another length are other pages
    for name in LISTS:
        found: list[str] = []
        for number in range(1, 1 + max(1, -(-len(told[name]) // 3))):
            page = clients["admin"].get(f"/quality?list={name}&page={number}&lang=en").text
            table = page[page.index('id="list"') :]
            found += re.findall(r'<(?:span|td) class="gw-code">(?:<a [^>]*>)?(\d+)<', table)
            assert f'<a href="/quality?list={name}#list" aria-current="true">' in page
        assert found == [row["code"] for row in told[name]]
    # the first list, where another was asked for that is none
    assert 'list=exceptions#list" aria-current' in clients["admin"].get("/quality?list=passwords").text
    clients["admin"].application.extensions["kept"] = Kept(1 << 20)


def test_an_office_pages_through_its_own_street_only(clients: dict[str, FlaskClient]) -> None:
    clients["admin"].get("/quality?list=grids")
    page = clients["street_office"].get("/quality?list=grids").text
    assert re.findall(r'gw-code">(\d{15})<', page) == [
        item["code"] for item in clients["street_office"].get("/quality.json").get_json()["grids"]
    ]
