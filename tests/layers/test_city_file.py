"""A folder and its city.toml."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
import shapely

from layers.city_file import CityFile, read_city_file
from layers.errors import BadFile, BadSettings, NotACity

FRAME = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.Point(118.8, 32.0)], crs=4326)


def city(folder: Path, toml: str | None = None) -> CityFile:
    if toml is not None:
        (folder / "city.toml").write_text(toml, encoding="utf-8")
    return read_city_file(folder)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("name,role,area\na,b,c\n")


def sources(found: CityFile) -> dict[str, str]:
    return {source.layer: source.file.name for source in found.sources}


def test_files_named_after_layers(tmp_path: Path) -> None:
    touch(tmp_path, "Roads.SHP", "roads.dbf", "roads.shx", "楼栋.csv", "staff.xlsx", ".hidden.csv", "~$staff.xlsx")
    (tmp_path / "water.gpkg").mkdir()
    found = city(tmp_path)
    assert sources(found) == {"buildings": "楼栋.csv", "roads": "Roads.SHP", "staff": "staff.xlsx"}
    assert found.name == tmp_path.name and found.code is None and len(found.findings) == 0


def test_two_files_for_a_layer_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "staff.csv", "staff.xlsx")
    with pytest.raises(BadFile, match=r"staff\.csv and staff\.xlsx both hold staff"):
        city(tmp_path)
    found = city(tmp_path, '[layers.staff]\nfile = "staff.csv"')
    assert sources(found) == {"staff": "staff.csv"}
    assert [item.file for item in found.findings] == ["staff.xlsx"]


def test_layers_of_a_file_with_several(tmp_path: Path) -> None:
    for name in ("buildings", "道路", "landuse"):
        FRAME.to_file(tmp_path / "everything.gpkg", layer=name)
    found = city(tmp_path)
    assert {s.layer: s.source_layer for s in found.sources} == {"buildings": "buildings", "roads": "道路"}
    assert [item.rule for item in found.findings] == ["not_read"] and "landuse" in found.findings.items[0].what
    taken = city(tmp_path, '[layers.green]\nfile = "everything.gpkg"\nlayer = "landuse"\n[layers.roads]\nskip = true')
    assert {s.layer: s.source_layer for s in taken.sources} == {"buildings": "buildings", "green": "landuse"}


def test_empty_sheets_of_a_template_do_not_count(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "incidents"
    book.active.append(["category"])
    sheet = book.create_sheet("staff")
    sheet.append(["name", "role", "area"])
    sheet.append(["a", "b", "c"])
    book.save(tmp_path / "city.xlsx")
    touch(tmp_path, "incidents.csv")
    assert sources(city(tmp_path)) == {"incidents": "incidents.csv", "staff": "city.xlsx"}


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "staff.csv", "shops.csv", "plan.dwg", "notes.txt")
    found = city(tmp_path)
    assert {item.file for item in found.findings} == {"shops.csv", "plan.dwg"}
    assert {item.level for item in found.findings} == {"note"}


def test_a_folder_that_is_no_city(tmp_path: Path) -> None:
    with pytest.raises(NotACity, match="there is no folder"):
        read_city_file(tmp_path / "none")
    touch(tmp_path, "notes.txt")
    with pytest.raises(NotACity, match=r"holds no layer; looked for .*buildings.*\.gpkg"):
        city(tmp_path)


def test_everything_that_city_toml_may_say(tmp_path: Path) -> None:
    touch(tmp_path, "pois.csv")
    found = city(tmp_path, """
        [city]
        name = "龙马潭"
        code = "510504"
        crs = "EPSG:4544"
        datum = "gcj02"
        encoding = "gb18030"
        [layers.facilities]
        file = "pois.csv"
        datum = "bd09"
        encoding = "big5"
        where = "a = 1"
        layer = "x"
        kinds = {"shop=*" = "shops"}
        [layers.facilities.columns]
        name = "名"
        lon = "东经"
        [layers.facilities.values]
        hours = "24/7"
        [split]
        target = 25
        [map.colours]
        a = 1
    """)
    assert (found.name, found.code, found.crs, found.datum, found.encoding) == (
        "龙马潭", "510504", "EPSG:4544", "gcj02", "gb18030"
    )  # fmt: skip
    (source,) = found.sources
    assert (source.datum, source.encoding, source.where, source.source_layer) == ("bd09", "big5", "a = 1", "x")
    assert (source.columns, source.values, source.kinds) == (
        {"name": "名", "lon": "东经"}, {"hours": "24/7"}, {"shop=*": "shops"}
    )  # fmt: skip
    assert found.options == {"split": {"target": 25}, "map": {"colours": {"a": 1}}}


def test_files_elsewhere(tmp_path: Path) -> None:
    inner = tmp_path / "city"
    inner.mkdir()
    touch(tmp_path, "people.csv")
    assert sources(city(inner, '[layers.staff]\nfile = "../people.csv"')) == {"staff": "people.csv"}
    assert sources(city(inner, f"[layers.staff]\nfile = '{tmp_path / 'people.csv'}'")) == {"staff": "people.csv"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[city]\nnme = 'x'", r"\[city\] has no key 'nme'; its keys are name, code"),
        ("[layers.staff]\nfiel = 'x'", r"\[layers\.staff\] has no key 'fiel'; its keys are file, layer"),
        ("[layers.shops]\nfile = 'x.csv'", r"\[layers\.shops\] is no layer; the layers are districts"),
        ("[layers.gaps]\nfile = 'x.csv'", r"\[layers\.gaps\] is no layer"),
        ("[city]\ncode = '51050'", "code = '51050' must be 6, 9 or 12 digits"),
        ("[city]\ncode = 510504", "code = 510504 must be text in quotes"),
        ("[city]\ndatum = 'wgs'", "datum = 'wgs' is no datum; take one of wgs84"),
        ("[city]\nencoding = 'gb'", "encoding = 'gb' is no encoding"),
        ("[city]\ncrs = '4549'", 'crs = \'4549\' must read "EPSG:N"'),
        ("[layers.staff]\nskip = 'yes'", "skip = 'yes' must be true or false"),
        ("[layers.staff]\nkinds = 'osm'", "staff has no kinds"),
        ("[layers.facilities]\nkinds = 'google'", "kinds = 'google' is not known"),
        ("[layers.staff]\ncolumns = 'x'", r"must be a section \[layers\.staff\.columns\]"),
        ("[layers.staff.columns]\nnmae = 'x'", r"columns: staff has no column 'nmae'"),
        ("[layers.staff.values]\nnmae = 'x'", r"values: staff has no column 'nmae'; its columns are name"),
        ("[layers.staff.values]\nrole = ['x']", "role must be one value"),
        ("[layers.green]\ndatum = 'gcj02'", r"\[layers\.green\] belongs to no file"),
        ("name = 'x'", r"name stands outside any section; put it under \[city\]"),
        ("city = 3", r"city must be a section"),
        ("layers = 3", r"layers must be sections"),
        ("[layers]\nstaff = 3", r"layers\.staff must be a section"),
        ("[city\nname = 'x'", r"city\.toml cannot be read: .*line 1"),
        ('[layers.staff]\nfile = "C:\\data\\x.csv"', "Windows paths with /"),
    ],
)
def test_mistakes_in_city_toml_name_the_key_and_the_rule(tmp_path: Path, toml: str, said: str) -> None:
    touch(tmp_path, "staff.csv")
    with pytest.raises(BadSettings, match=said):
        city(tmp_path, toml)


def test_files_that_are_not_there_or_not_read(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"\[layers\.staff\] file = 'gone\.csv' is not there"):
        city(tmp_path, "[layers.staff]\nfile = 'gone.csv'")
    touch(tmp_path, "staff.txt")
    with pytest.raises(BadFile, match=r"staff\.txt is not read; its ending may be \.gpkg"):
        city(tmp_path, "[layers.staff]\nfile = 'staff.txt'")


def test_city_toml_of_a_windows_editor(tmp_path: Path) -> None:
    touch(tmp_path, "staff.csv")
    (tmp_path / "city.toml").write_bytes("\ufeff[city]\r\nname = '龙'\r\n".encode())
    assert read_city_file(tmp_path).name == "龙"
    (tmp_path / "city.toml").write_bytes("[city]\nname = '龙'\n".encode("gb18030"))
    with pytest.raises(BadSettings, match="not UTF-8"):
        read_city_file(tmp_path)


def test_a_city_that_was_built_in_its_own_folder_is_not_read_as_input(tmp_path: Path) -> None:
    import sqlite3

    from layers.sample import town

    for name in ("communities", "buildings"):
        town()[name].to_file(tmp_path / f"{name}.gpkg")
    town()["buildings"].to_file(tmp_path / "city.gpkg", layer="buildings")
    with sqlite3.connect(tmp_path / "city.gpkg") as db:
        db.execute("CREATE TABLE gridmap_meta (key TEXT, value TEXT)")
    db.close()
    found = read_city_file(tmp_path)
    assert {source.layer: source.file.name for source in found.sources}["buildings"] == "buildings.gpkg"
    assert any("gridmap built" in item.what for item in found.findings)
