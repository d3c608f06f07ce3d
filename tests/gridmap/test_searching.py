"""The search: what is typed, what is found, and for whom."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from gridmap.searching import SEARCHED, SearchIndex, plain

A, B = "510504001001001001", "510504001001002001"


def index_of(rows: list[tuple[str, str, str, str, str]]) -> SearchIndex:
    frame = pd.DataFrame(rows, columns=["layer", "code", "name", "address", "area"])
    return SearchIndex(frame.assign(lon=105.0, lat=28.0))


TOWN = index_of([
    ("micro_grids", A, "龙南微网格", "", A),
    ("facilities", "F1", "龙南社区食堂", "学士路8号", A),
    ("facilities", "F2", "龙南", "", B),
    ("facilities", "F3", "重庆小面", "重庆路12号", B),
    ("buildings", "B1", "", "学士路12号3幢", A),
    ("roads", "", "学士路", "", ""), ("roads", "", "学士路", "", ""),
])


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("龙南", ["F2", A, "F1"]), ("lnsqst", ["F1"]), ("longnan", ["F2", A, "F1"]), ("chongqing", ["F3"]),
        ("cqxm", ["F3"]), ("学士路 3幢", ["B1"]), ("１２号", ["F3", "B1"]), ("f1", ["F1"]), (A, [A]),
        ("%", []), ("", []), ("   ", []), ("没有这个", []),
    ],
)  # fmt: skip
def test_names_codes_addresses_and_pinyin(text: str, codes: list[str]) -> None:
    assert [hit.code for hit in TOWN.find(text)] == codes


def test_a_street_of_many_pieces_is_one_answer() -> None:
    assert [hit.layer for hit in TOWN.find("学士路")] == ["roads", "facilities", "buildings"]


def test_nothing_beyond_the_area_is_found() -> None:
    assert [hit.code for hit in TOWN.find("龙南", within=[A])] == [A, "F1"]
    assert [hit.code for hit in TOWN.find("龙南", within=[B[:15]])] == ["F2"]
    assert TOWN.find("龙南", within=[]) == []
    assert [hit.code for hit in TOWN.find("学士路", within=[B], roads=["学士路"])] == [""]
    assert TOWN.find("学士路", within=[B], roads=[]) == []


def test_layers_that_one_may_not_see_are_not_found() -> None:
    assert [hit.code for hit in TOWN.find("龙南", layers=["facilities"])] == ["F2", "F1"]


def test_the_most_that_is_given_are_the_best() -> None:
    many = index_of([("buildings", f"B{n}", f"{n}号楼", "", A) for n in range(500)])
    assert [hit.name for hit in many.find("7号楼", most=2)] == ["7号楼", "17号楼"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("龙南社区食堂桂花街学士路福", min_size=2, max_size=6), min_size=1, max_size=8), st.data())
def test_whatever_has_a_name_is_found_by_it_and_by_its_initials(names: list[str], data: st.DataObject) -> None:
    town = index_of([("facilities", f"F{n}", name, "", A if n % 2 else B) for n, name in enumerate(names)])
    wanted = data.draw(st.sampled_from(range(len(names))))
    initials = "".join(lazy_pinyin(names[wanted], style=Style.FIRST_LETTER))
    for text in (names[wanted], names[wanted][1:], initials):
        hits = town.find(text, most=50)
        assert f"F{wanted}" in [hit.code for hit in hits], text
        own = town.find(text, within=[A], most=50)
        assert {hit.code for hit in own} == {hit.code for hit in hits if int(hit.code[1:]) % 2}


def test_every_searched_layer_has_an_order() -> None:
    assert len(set(SEARCHED)) == len(SEARCHED) and plain("Ａ　１") == "a 1"
