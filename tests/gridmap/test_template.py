"""`gridmap new`: an office that starts from nothing starts right."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from gridmap.cli import main
from gridmap.norms import load_norms
from gridmap.template import SHEETS, write_new
from layers.datum import DATUMS, shift
from layers.errors import WrongCall
from layers.kinds import kind_words
from layers.read import read_city
from layers.schema import LAYERS


def test_every_kind_of_the_lists_is_a_kind_of_the_norms() -> None:
    assert set(kind_words()["facilities"]) <= set(load_norms(None).keys())
    words = [word for words in kind_words()["facilities"].values() for word in words]
    assert len(words) == len(set(words))


def test_what_is_filled_in_reads_without_a_finding(tmp_path: Path) -> None:
    made = write_new(tmp_path / "guihua")
    book = openpyxl.load_workbook(made.workbook)
    rows = {
        "设施": {"名称": "桂花食堂", "类别": "社区食堂", "编码": "007", "容量": "300", "经度": 116.384, "纬度": 39.913},
        "人员": {"姓名": "某某", "角色": "网格长", "负责区域编码": "330106001001001", "任职日期": "2024年3月5日"},
    }
    for title, cells in rows.items():
        sheet = book[title]
        heads = {cell.value: cell.column for cell in sheet[1]}
        for heading, value in cells.items():
            sheet.cell(row=2, column=heads[heading], value=value)
    book.save(made.workbook)
    city = read_city(made.folder)
    assert sorted(city.layers) == ["facilities", "staff"]
    assert city.layers["facilities"].loc[0, ["name", "kind", "code", "capacity"]].tolist() == [
        "桂花食堂", "canteen", "007", 300
    ]  # fmt: skip
    assert [item.rule for item in city.findings if item.level != "note"] == []


def test_every_heading_of_the_workbook_is_known_and_kinds_are_chosen_from_a_list(tmp_path: Path) -> None:
    made = write_new(tmp_path / "new")
    book = openpyxl.load_workbook(made.workbook)
    for name in SHEETS:
        sheet = book[LAYERS[name].zh]
        titles = {column.zh for column in LAYERS[name]} | {"经度", "纬度"}
        assert {cell.value for cell in sheet[1]} <= titles
    (rule,) = (rule for rule in book["设施"].data_validations.dataValidation if rule.formula1.endswith("_kind"))
    there = book.defined_names["facilities_kind"].attr_text
    assert rule.type == "list" and there.startswith("'选项'!")
    assert book["选项"].sheet_state == "hidden"


def test_nothing_is_replaced(tmp_path: Path) -> None:
    write_new(tmp_path)
    with pytest.raises(WrongCall, match="there already"):
        write_new(tmp_path)
    assert CliRunner().invoke(main, ["new", str(tmp_path)]).exit_code == 2
    assert CliRunner().invoke(main, ["new", str(tmp_path / "other")]).exit_code == 0


def test_the_datum_is_written_with_its_choices_and_an_unfilled_workbook_is_nothing_odd(tmp_path: Path) -> None:
    made = write_new(tmp_path / "new")
    text = made.city_toml.read_text(encoding="utf-8")
    above, _, _ = text.partition('\ndatum = "gcj02"\n')
    assert set(re.findall(r'^#   "(\w+)" ', above, flags=re.M)) == set(DATUMS) - {"bd09mc"}
    assert "gridmap doctor" in above
    table = "名称,类别,经度,纬度\n桂花食堂,社区食堂,116.384,39.913\n"
    (made.folder / "facilities.csv").write_text(table, encoding="utf-8")
    city = read_city(made.folder)
    lon, lat = shift(116.384, 39.913, source="gcj02", target="wgs84")
    place = city.layers["facilities"].to_crs(4326).geometry.iloc[0]
    assert (place.x, place.y) == pytest.approx((float(lon), float(lat)), abs=1e-8)
    told = next(item for item in city.findings if item.file == "city.xlsx")
    assert told.what == "nothing is filled in yet" and told.level == "note"
