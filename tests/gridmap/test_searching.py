"""The search: what is typed, what is found, and for whom."""

from __future__ import annotations

import random

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


def plainly(
    things: list[tuple[str, ...]], text: str, within: list[str], layers: list[str], roads: list[str] | None, most: int
) -> list[tuple[str, ...]]:
    """What is found by looking at one thing after another."""
    ranked = []
    for row, (layer, code, name, address, area, called) in enumerate(things):
        street = layer == "roads"
        shown = (roads is None or name in roads) if street else any(area.startswith(one) for one in within)
        told, number, lies, kind = (plain(said) for said in (name, code, address, called))
        chinese = any("\u3400" <= letter <= "\u9fff" for letter in told)
        full, first = (
            "".join(lazy_pinyin(told, style=style)) if chinese else "" for style in (Style.NORMAL, Style.FIRST_LETTER)
        )
        fits = all(
            any(word in said for said in (told, number, lies, kind))
            or (word.isascii() and word.isalnum() and (word in full or word in first))
            for word in plain(text).split(" ")
        )
        if not (plain(text) and shown and layer in layers and fits):
            continue
        asked = plain(text)
        rank = (
            0 if asked in (told, number) else 1 if told.startswith(asked) else 2 if asked in told or asked == full
            else 3 if any(said.startswith(asked) for said in (first, full, number)) else 4 if asked in first
            else 5 if asked in full else 6 if asked in lies else 7
        )  # fmt: skip
        ranked.append((rank, SEARCHED.index(layer), len(told), row, (layer, "" if street else code, name)))
    return list(dict.fromkeys(key for *_, key in sorted(ranked)))[:most]


def test_the_same_is_found_as_by_looking_at_one_after_another() -> None:
    chance = random.Random(11)

    def word(letters: str, most: int = 4) -> str:
        return "".join(chance.choices(letters, k=chance.randint(0, most)))

    for _ in range(400):
        things = [
            (chance.choice(["facilities", "buildings", "grids", "roads"]), word("lA1n"), word("龙南路lA1 "),
             word("路1 n"), chance.choice(["", A, B, A[:15], "9"]), chance.choice(["", "龙 lan"]))
            for _ in range(chance.randint(0, 60))
        ]  # fmt: skip
        frame = pd.DataFrame(things, columns=["layer", "code", "name", "address", "area", "words"]).astype("object")
        index = SearchIndex(frame.assign(lon=105.0, lat=float("nan")))
        for _ in range(5):
            same_as_plainly(
                index, things, word("龙南路lnogA1 ", 3), chance.choice([[""], [A], [A[:12]], [B, "9"], [A, ""], []]),
                chance.choice([list(SEARCHED), ["facilities", "roads"], ["buildings"]]),
                chance.choice([None, [], ["路", "龙", word("龙南路")]]), chance.randint(1, 20),
            )  # fmt: skip


def same_as_plainly(
    index: SearchIndex, things: list[tuple[str, ...]], text: str, within: list[str], layers: list[str],
    roads: list[str] | None, most: int,
) -> None:  # fmt: skip
    found = index.find(text, within=within, layers=layers, roads=roads, most=most)
    keys = [(hit.layer, "" if hit.layer == "roads" else hit.code, hit.name) for hit in found]
    assert keys == plainly(things, text, within, layers, roads, most)
    assert {(hit.lon, hit.lat) for hit in found} <= {(105.0, None)}


def test_every_searched_layer_has_an_order() -> None:
    assert len(set(SEARCHED)) == len(SEARCHED) and plain("Ａ　１") == "a 1"
