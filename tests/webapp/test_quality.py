"""The page of quality: figures of one's own area, in both languages, for those who plan."""

from __future__ import annotations

import html

from flask.testing import FlaskClient

from tests.webapp.small_city import CODES


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
        page = clients["admin"].get(f"/quality?lang={lang}").text
        assert [word for word in words if word not in page] == []
        sentence = told["nearest"][0]["sentence_zh" if lang == "zh" else "sentence"]
        assert (sentence in html.unescape(page)) == bool(told["nearest"][0]["obstacles"])
    columns = {name for item in told["communities"] for name in item}
    named = {"in_band", "deviation", "connected", "compactness", "on_lines", "nested", "out", "silent", "missed"}
    assert columns >= named
