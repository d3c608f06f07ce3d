"""A large table is read by column: the same rows, cells and findings as the careful reader finds, whatever is in it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis.strategies import DrawFn, booleans, composite, integers, lists, sampled_from, text

from layers import quick_csv, tables
from layers.errors import GridmapError
from layers.findings import Findings
from layers.quick_csv import quick
from layers.read import read_file
from layers.schema import layer
from layers.workbooks import Sheet

HEADS = {
    "incidents": ("编号", "类别", "上报时间", "结案时间", "状态", "地址", "经度", "纬度", "备注", ""),
    "buildings": ("编码", "名称", "户数", "层数", "建成日期", "地址", "经度", "纬度", "合计", "Total"),
    "facilities": ("名称", "类别", "电话", "经度", "纬度", "容量", "Source", "code"),
    "staff": ("姓名", "角色", "区域", "任职日期", "电话"),
}  # fmt: skip
#: What cells hold: plain, odd, and what only looks like something else.
CELLS = (
    "", " ", "　", "1", "02", "3.0", "3E17", "1.5e3", "-3", "+7", "25户", "１１６", "1,234", "三十二",
    "约300平方米", "9" * 20, "2024-03-05", "2024-03-05 10:11:12", "2024-02-31", "0900-01-01", "2024/3/5",
    "2024年3月5日", "05/04/2024", "45000", "是", "否", "√", "路灯", " 中山路 ", "中山路１号", "R0001", "r-2",
    "'0571", "118.78", "32.04", "118", "32", "0", "500", "113°15′36″E", "?", "合计", "合 计", "小计数", "Total",
    "ｔｏｔａｌ", "(合计)", "合计(户)", "注：见下", "填表人: 某", "Note: x", "sum", "编号", "编 号", "編號", "名称",
    "#REF!", "#N/A", " #REF!", "-", "nan", "\ufeff", "\u200b", "\xa0", "a\x1cb", "𠮷", "㊟", "é", "e\u0301", "小区",
    "source", "=1+1", "true", "\\n", "x" * 90,
)  # fmt: skip
QUOTED = ('"a,b"', '"a ""b"""', '"甲\n乙"', '"\r\n"', '""', '"合计"', '" "', '"1"', '"a;b\tc|d"')
BROKEN = ('"a', 'a"b', '"a"b', '"" x', '"a" ', "'a\"", '""""', '"\n"x', '"a";"b"')


@composite
def files(draw: DrawFn) -> tuple[str, bytes]:
    """A layer and a CSV of it, mutated: titles, blank and ragged rows, totals, quotes, line ends, encodings."""
    name = draw(sampled_from(sorted(HEADS)))
    heads = draw(lists(sampled_from(HEADS[name]), min_size=2, max_size=7, unique=draw(booleans())))
    separator = draw(sampled_from(",,,;\t|"))
    pools = [draw(lists(sampled_from(CELLS), min_size=1, max_size=4)) for _ in heads]
    rows = [heads]
    for number in range(draw(integers(1, 14))):
        rows.append([pool[draw(integers(0, len(pool) - 1))] for pool in pools])
        if draw(booleans()) and "编" in heads[0]:
            rows[-1][0] = f"R{number:04d}"
    for _ in range(draw(integers(0, 3))):
        at = draw(integers(0, len(rows)))
        kind = draw(sampled_from(("title", "blank", "short", "long", "empty", "totals", "heads", "group", "spaces")))
        row = {
            "title": ["某某街道台账"], "blank": [], "short": ["x"], "empty": [""] * len(heads), "totals": ["合计", "9"],
            "heads": heads, "spaces": [" "], "group": ["基本信息", "", "位置", ""][: len(heads)],
            "long": [*(pool[0] for pool in pools), draw(sampled_from(("", " ", "more")))],
        }[kind]  # fmt: skip
        rows.insert(at, list(row))
    for _ in range(draw(sampled_from((0, 0, 1, 3)))):
        row = rows[draw(integers(0, len(rows) - 1))]
        if row:
            broken = draw(sampled_from((False, False, True)))
            row[draw(integers(0, len(row) - 1))] = draw(sampled_from(BROKEN if broken else QUOTED))
    end = draw(sampled_from(("\n", "\n", "\n", "\r\n", "\r\n", "\r")))
    whole = end.join(separator.join(row) for row in rows) + draw(sampled_from(("", end, end * 2)))
    whole += draw(text(max_size=3)) if draw(sampled_from((False, False, False, True))) else ""
    encoding = draw(sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16")))
    data = whole.encode(encoding, errors="replace")
    if draw(sampled_from((False, False, False, False, True))):
        at = draw(integers(0, len(data)))
        data = data[:at] + draw(sampled_from((b"\xff", b"\0", b'"', b"\n", b"\r"))) + data[at:]
    return name, data


def outcome(path: Path, name: str) -> tuple[Any, ...]:
    """Everything that a reading says; of one that is refused, why."""
    try:
        read = read_file(path, name, datum="wgs84")
    except GridmapError as error:
        return (type(error), str(error))
    frame = pd.DataFrame(read.frame)
    crs = read.frame.crs if isinstance(read.frame, gpd.GeoDataFrame) else None
    if "geometry" in frame:
        frame["geometry"] = read.frame.geometry.to_wkb(hex=True)
    return (frame, crs, list(read.findings), read.tally.rows, read.tally.kept, read.tally.merged, read.tally.refused,
        read.original)  # fmt: skip


def same(left: tuple[Any, ...], right: tuple[Any, ...]) -> None:
    assert len(left) == len(right), (left, right)
    for one, other in zip(left, right, strict=True):
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other)
        else:
            assert one == other


taken: Counter[bool] = Counter()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files())
@example(("incidents", "编号,类别\nR1,灯\n\n合计,2\nR2,灯\n总计,2\n".encode()))
@example(("incidents", 'a,类别\n"" x,灯\n"1\n",灯\n'.encode()))
@example(("incidents", '编号,类别\n"a\n"b,灯\n2,灯\n'.encode()))
@example(("incidents", "编号,类别\n1,灯\n2,灯\n".encode() + b"\xff\n3,a\n"))
@example(("incidents", "台账\n\n编号,类别,地址\n1,灯\n2,灯,a,\n3,灯,a, \n".encode()))
def test_both_readers_say_the_same(tmp_path: Path, file: tuple[str, bytes]) -> None:
    name, data = file
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with mock.patch.object(tables, "LARGE", 1 << 60):
        careful = outcome(path, name)

    def watched(*arguments: Any) -> pd.DataFrame | None:
        found = quick(*arguments)
        taken[found is not None] += 1
        return found

    with mock.patch.object(tables, "LARGE", 0), mock.patch.object(tables, "quick", watched):
        by_column = outcome(path, name)
    same(careful, by_column)


def test_many_of_them_were_read_by_column() -> None:
    if not taken:
        pytest.skip("the law ran in another process")
    assert taken[True] >= 20 and taken[False] >= 20, taken


VALUES = (
    "", "", None, "甲", " 乙 ", "12.0", "1,200", "合计", "2024-03-05", "#N/A", True, False, 0, 7, -0.0, 1.0, 25.0, 2.5,
    0.1 + 0.2, 1e-7, 999999999999999.0, 1e15, 3.3e17, -4e20, 118.78, 32.04, dt.date(2024, 3, 5), dt.time(8, 30),
    *(pd.Timestamp(time).to_pydatetime() for time in ("2024-03-05", "2024-03-05 08:30:01")), dt.timedelta(hours=30),
)  # fmt: skip


@composite
def drawn_sheets(draw: DrawFn) -> tuple[str, Sheet]:
    """A layer and a sheet: columns of one type or several, titles, totals, merged cells."""
    name = draw(sampled_from(sorted(HEADS)))
    heads = draw(lists(sampled_from(HEADS[name]), min_size=2, max_size=6, unique=True))
    pools = [draw(lists(sampled_from(VALUES), min_size=1, max_size=3)) for _ in heads]
    seed = draw(integers(0, 1 << 16))
    rows: list[list[Any]] = [
        [pool[(seed + (7 + place) * number) % len(pool)] for place, pool in enumerate(pools)] for number in range(25)
    ]
    rows[:0] = [["台账", *[""] * (len(heads) - 1)]] * draw(integers(0, 2)) + [list(heads)]
    for row in ("合计", "填表人：某"):
        if draw(booleans()):
            rows.insert(draw(integers(2, len(rows))), [row, *[""] * (len(heads) - 1)])
    merges = []
    for _ in range(draw(integers(0, 2))):
        top, left = draw(integers(0, len(rows) - 3)), draw(integers(0, len(heads) - 1))
        merges.append(((top, left), (top + draw(integers(0, 2)), min(left + draw(integers(0, 1)), len(heads) - 1))))
    return name, Sheet("s", rows, merges)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn_sheets())
def test_both_ways_of_reading_a_sheet_say_the_same(tmp_path: Path, drawn: tuple[str, Sheet]) -> None:
    name, sheet = drawn
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04")
    with mock.patch.object(tables, "read_sheet", lambda *_: sheet):
        with mock.patch.object(tables, "MANY", 1 << 60):
            careful = outcome(path, name)
        with mock.patch.object(tables, "MANY", 0):
            same(careful, outcome(path, name))


def test_a_large_workbook_is_read_by_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xlsx"
    rows = {
        "编号": [f"R{i}" for i in range(2500)], "类别": "灯", "上报时间": pd.Timestamp("2024-03-05 08:00"),
        "经度": 118.5, "纬度": [32 + i / 10000 for i in range(2500)],
    }  # fmt: skip
    pd.DataFrame(rows).to_excel(path, index=False)
    by_column = outcome(path, "incidents")
    monkeypatch.setattr(tables, "_sheet_by_column", None)
    with pytest.raises(TypeError):
        outcome(path, "incidents")
    monkeypatch.setattr(tables, "MANY", 1 << 60)
    same(outcome(path, "incidents"), by_column)


PLAIN = {
    "plain": "编号,类别\nR1,灯\nR2,灯\n",
    "a title": "某某台账,\n编号,类别\nR1,灯\nR2,灯\n",
    "two rows of headings": "基本信息,,户数\n名称,地址,\n1号楼,中山路1号,25\n",
    "blank and short rows": "编号,类别,地址\nR1,灯\n\nR2\n合计,2\n",
    "trailing separators": "编号,类别\nR1,灯,\nR2,灯, \n",
    "quotes": '编号,类别\nR1,"a ""b"", c"\nR2,"甲\n乙"\n',
    "a mark": "\ufeff编号,类别\r\nR1,灯\r\n",
}


@pytest.mark.parametrize("shape", PLAIN)
def test_these_are_read_by_column(shape: str) -> None:
    assert quick(PLAIN[shape].encode(), layer("incidents"), "a.csv", Findings()) is not None


@pytest.mark.parametrize("piece", [64, 300])
def test_pieces_may_end_anywhere(piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f'{i},"路灯 ""{i}""\r\n坏",2024-03-0{i % 9 + 1},{118 + i / 1000},32.0{i}\r\n' for i in range(99))
    path = tmp_path / "a.csv"
    path.write_bytes(("编号,类别,上报时间,经度,纬度\r\n" + rows + "98,灯\r\n合计,99\r\n").encode())
    careful = outcome(path, "incidents")
    monkeypatch.setattr(tables, "LARGE", 0)
    monkeypatch.setattr(quick_csv, "_PIECE", piece)
    same(careful, outcome(path, "incidents"))
