"""Every finding that the source can write has a title and its sentences in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from layers.finding_words import _words, in_words, say_reason, say_sentence, title
from layers.findings import Findings
from layers.schema import LAYERS

ROOT = Path(__file__).parents[2]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: Names of functions that write findings, and where rule, sentence and deed stand among their arguments.
WRITERS = {"add": (1, 2, 3), "tell_rows": (2, 3, 4), "tell": (1, 2, 3), "once": (0, 1, 2)}
#: Words that functions build in pieces, with a value for each hole: what a scan of the source cannot see.
BUILT = (
    "12.50 m2 between 甲, 乙 belong to nobody", "甲 and 乙 overlap by 5.00 m2",
    "甲 (5.0 m2) lies in no unit of streets",
    "3.0 m2 of 甲 lie outside 乙 of streets", "3.0 m2 of 甲 are in none of its communities",
    "甲 and 乙 overlap by 9.0 m2, 12% of the smaller", "9.0 of 20.0 m2 of 甲 lie outside 乙 of communities",
    "the address '某路1号' may mean 某路3号 (near_number, 0.60)", "no place of the city is like the address '某路1号'",
    "coordinates 0, 0", "coordinates that are not numbers", "unreadable WKT in 'wkt'", "nothing in 'wkt'",
    "10 and more rows on one point of round degrees, which is no place", "3 rows are totals (rows 7-9)",
    "3 rows are remarks (rows 7-9)", "3 rows are the headings once more (rows 7-9)",
    "2 formulas of the workbook failed, such as #REF!", "2 formulas of the workbook have never been computed",
    "F1 has no place (empty geometry)", "F1 lies 900.0 m from the nearest micro-grid",
    "F1 lies too far from every micro-grid", "code 12: a boundary above parts it", "code 12: does not begin with 13",
    "day and month cannot be told apart (04/05/2024)", "some dates have the day first and some the month",
    "times carry a time zone", "no name", "no kind", "no category", "not area",
    "the shared ground counts to 甲", "nothing else is left of 甲: each has half of the ground",
    "read as empty; mend them in the spreadsheet", "read as empty; open the workbook and save it",
    "a.csv: city.toml takes facilities from elsewhere or skips it",
    "a.gpkg: of its layers x, y are not named after one of ours", "row kept without a place",
    "row left out; whoever looks after that area sends it", "7 more, 12.0 m2 together",
)  # fmt: skip


#: A file and why it was not read, the kinds that a layer allows: `BUILT` and a test of their own have them all.
PIECES = ("«0»: «2»", "not «1»", "«0» has «2»")


def texts(node: ast.expr) -> list[str] | None:
    """What an expression may say, a marked value in every hole; None where it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else f"«{n}»" for n, part in enumerate(node.values)]
        return ["".join(parts)]
    if isinstance(node, ast.IfExp):
        one, other = texts(node.body), texts(node.orelse)
        return None if one is None or other is None else [*one, *other]
    return None


def written() -> Iterator[tuple[str, str, list[str]]]:
    """(where, rule, sentences) of every finding that the source writes out."""
    for room in ("layers", "gridmap"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                places = WRITERS.get(name)
                if places is None or len(node.args) <= places[2]:
                    continue
                rule, what, done = (texts(node.args[place]) for place in places)
                if rule is None or len(rule) != 1 or not re.fullmatch(r"[a-z_]+", rule[0]):
                    continue
                said = [text for part in (what, done) if part is not None for text in part]
                yield f"{path.relative_to(ROOT)}:{node.lineno}", rule[0], said


def spoken(text: str) -> bool:
    said = say_sentence(text, "zh")
    ours = re.sub(r"«\d»|'[^']*'", "", said)
    return bool(CHINESE.search(ours)) and all(mark in said for mark in re.findall("«.»", text))


def test_every_written_finding_has_both_languages() -> None:
    every = list(written())
    assert len(every) > 80
    silent = [(where, rule) for where, rule, _ in every if rule not in _words()["rules"]]
    assert silent == []
    silent = [(where, text) for where, _, said in every for text in said if text not in PIECES and not spoken(text)]
    assert silent == []


@pytest.mark.parametrize("at", range(len(BUILT)))
def test_sentences_built_in_pieces(at: int) -> None:
    assert CHINESE.search(re.sub("[甲乙某路号]", "", say_sentence(BUILT[at], "zh"))), BUILT[at]
    assert say_sentence(BUILT[at], "en") == BUILT[at]


@pytest.mark.parametrize("over", ["households", "residents", "both"])
def test_a_crowded_community_is_told_in_chinese_alone(over: str) -> None:
    parts = ["3,056 households (the norm is at most 3,000)", "10,398 residents (the norm is at most 10,000)"]
    chosen = parts if over == "both" else [part for part in parts if over in part]
    said = say_sentence(f"老埠社区 has {' and '.join(chosen)}", "zh")
    assert not re.search("[a-z]", said) and said.startswith("老埠社区 有 "), said


def test_every_kind_of_geometry_is_said() -> None:
    for layer in LAYERS.values():
        if layer.geometry:
            assert "不是" in say_sentence(f"not {' or '.join(layer.geometry)}", "zh")
    assert say_sentence("not a word of ours", "zh") == "not a word of ours"  # no half sentence


def test_titles_in_both_languages() -> None:
    for rule, (zh, en) in _words()["rules"].items():
        assert CHINESE.search(zh) and not CHINESE.search(en) and re.fullmatch(r"[a-z_]+", rule)
    assert title("nobody_named_it", "zh") == "nobody_named_it"


def test_values_go_along() -> None:
    assert say_sentence("row 12: not a number: 'viele'", "zh") == "第 12 行：不是数字：'viele'"
    many = "30 rows: not a date, such as 'x', 'y' (rows 2-9, 40 and 21 more)"
    assert say_sentence(many, "zh") == "30 行不是日期，如 'x', 'y'（第 2-9, 40 等，另有 21 行）"
    swapped = "5 of 9 buildings have no number of households"
    assert say_sentence(swapped, "zh") == "9 栋楼中有 5 栋没有户数"
    assert say_reason("row 3: no geometry; row 3: no name", "zh") == "第 3 行：没有几何；第 3 行：没有名称"
    hostile = "row 1: not a number: '{0} <b>%s'"
    assert say_sentence(hostile, "zh").endswith("'{0} <b>%s'")


def test_a_table_of_findings() -> None:
    findings = Findings()
    findings.add("buildings", "no_name", "row 7: no name", "row kept without one", row=7)
    zh, en = (in_words(findings.to_frame(), lang) for lang in ("zh", "en"))
    assert zh.loc[0, ["kind", "what", "done"]].tolist() == ["没有名称", "第 7 行：没有名称", "保留该行，此项为空"]
    assert en.loc[0, ["kind", "what", "done"]].tolist() == ["No name", "row 7: no name", "row kept without one"]
