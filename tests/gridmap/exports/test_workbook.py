"""CSV and XLSX: codes whole, no formula, places found again."""

from __future__ import annotations

import csv
import json

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely

from gridmap.exports import workbook, write_layer
from layers.errors import DataBroken, WrongCall

FORMULAS = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "#N/A", "_x0041_", "007", "TRUE", "王府井"]


def told(made) -> dict[tuple[str, str | None], int]:
    return {(notice.rule, notice.field): notice.rows for notice in made.warnings}


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def sheet_of(path, number=0):
    book = openpyxl.load_workbook(path)
    try:
        return [list(row) for row in book.worksheets[number].iter_rows()]
    finally:
        book.close()


@pytest.fixture
def rich(points):
    return points(
        {
            "code": [f"33010100100100100{number}" for number in range(9)],
            "name": FORMULAS,
            "households": pd.array([None, *range(8)], dtype="Int64"),
            "within_band": pd.array([True, None, False] * 3, dtype="boolean"),
            "area_m2": [None, 0.1, 1e300, -1e-20, 1 / 3, 5.0, 6.5, -7.0, 8.0],
            "valid_from": [pd.Timestamp("2024-02-29").date()] * 9,
        }
    )


def test_csv_opens_with_the_right_text_and_runs_nothing(tmp_path, rich):
    made = write_layer(rich, tmp_path / "out.csv", layer="micro_grids", format="csv", crs="EPSG:4326")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    rows = rows_of(tmp_path / "out.csv")
    assert rows[0] == ["code", "name", "households", "within_band", "area_m2", "valid_from", "lon", "lat"]
    assert [row[0] for row in rows[1:]] == rich["code"].tolist()
    assert [row[1] for row in rows[1:]] == ["'" + text if text[0] in "=+-@" else text for text in FORMULAS]
    assert [row[2] for row in rows[1:]] == ["", *map(str, range(8))]
    assert [row[3] for row in rows[1:4]] == ["TRUE", "", "FALSE"]
    assert [row[4] for row in rows[1:5]] == ["", "0.1", "1e+300", "-1e-20"]
    assert "Excel rounds them" in made.dictionary.set_index("name").loc["code", "note"]
    here = rich.geometry.to_crs(4326)
    assert float(rows[1][6]) == pytest.approx(here.x[0], abs=1e-10)
    assert told(made) == {
        ("digits_lost_in_excel", "code"): 9, ("digits_lost_in_excel", "name"): 1, ("formula_quoted", "name"): 4,
    }  # fmt: skip


def test_csv_in_metres_and_with_chinese_headings(tmp_path, points):
    write_layer(points({"code": ["1"]}), tmp_path / "out.csv", layer="facilities", format="csv", names="zh")
    assert rows_of(tmp_path / "out.csv") == [["编码", "东坐标", "北坐标"], ["1", "500000", "3540000"]]


def test_csv_of_areas_holds_wkt(tmp_path, shapes):
    frame = shapes(shapely.box(500000, 3540000, 500010, 3540010), None)
    write_layer(frame, tmp_path / "out.csv", layer="grids", format="csv")
    rows = rows_of(tmp_path / "out.csv")
    assert rows[0] == ["code", "wkt"] and rows[2][1] == ""
    assert shapely.from_wkt(rows[1][1]).equals(frame.geometry[0])


def test_csv_headings_are_safe_and_unlike(tmp_path, points):
    frame = points({"=cmd()": ["1"], "lon": [7], "Lon": [8]})
    made = write_layer(frame, tmp_path / "out.csv", layer="facilities", format="csv", crs="EPSG:4490")
    assert rows_of(tmp_path / "out.csv")[0] == ["'=cmd()", "lon", "Lon_2", "lon_3", "lat"]
    assert told(made) == {("column_renamed", "Lon"): 0, ("column_renamed", "lon"): 0}


def test_xlsx_keeps_every_text_a_text(tmp_path, rich):
    made = write_layer(rich, tmp_path / "out.xlsx", layer="micro_grids", format="xlsx")
    sheet = sheet_of(tmp_path / "out.xlsx")
    assert [cell.value for cell in sheet[0]] == [
        "code", "name", "households", "within_band", "area_m2", "valid_from", "x", "y",
    ]  # fmt: skip
    kinds = {row[1].data_type for row in sheet[1:]} | {row[0].data_type for row in sheet[1:]}
    assert kinds <= {"s", "inlineStr"}
    assert [row[0].value for row in sheet[1:]] == rich["code"].tolist()
    # as Excel reads it: a character by number stands for itself only where it is escaped
    assert [row[1].value.replace("_x005F_", "_") for row in sheet[1:]] == FORMULAS
    assert sheet[1][1].quotePrefix and sheet[1][0].number_format == "@"
    assert [row[2].value for row in sheet[1:4]] == [None, 0, 1]
    assert [row[3].value for row in sheet[1:4]] == [True, None, False]
    assert sheet[4][4].value == pytest.approx(-1e-20)
    assert told(made) == {}


def test_no_formula_in_any_cell_of_any_sheet(tmp_path, points):
    frame = points({"=1+1": ["=2+2"], "code": ["=3+3"]})
    write_layer(frame, tmp_path / "out.xlsx", layer="facilities", format="xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    book.close()
    assert len(cells) > 10 and all(cell.data_type != "f" for cell in cells)


def test_xlsx_says_what_its_columns_are(tmp_path, rich):
    write_layer(rich, tmp_path / "out.xlsx", layer="micro_grids", format="xlsx", names="zh")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    titles = book.sheetnames
    book.close()
    assert titles == ["微网格", "fields"]
    fields = sheet_of(tmp_path / "out.xlsx", 1)
    assert [cell.value for cell in fields[3]][2:6] == ["户数", "households", "户数", "Households"]


def test_texts_beyond_a_cell_stand_in_pieces(tmp_path, shapes):
    text = "王😀" * 20_000
    circle = shapely.Point(500000, 3540000).buffer(100, quad_segs=1000)
    frame = shapes(circle, shapely.box(500000, 3540000, 500010, 3540010)).assign(name=[text, "b"])
    made = write_layer(frame, tmp_path / "out.xlsx", layer="grids", format="xlsx")
    assert told(made) == {("long_text", "name"): 1, ("long_text", "wkt"): 1}
    sheet = sheet_of(tmp_path / "out.xlsx")
    assert text.startswith(sheet[1][1].value) and len(sheet[1][1].value) > 20_000
    assert sheet[1][2].value is None and sheet[2][2].value.startswith("POLYGON")
    pieces = [[cell.value for cell in row] for row in sheet_of(tmp_path / "out.xlsx", 2)]
    assert pieces[0] == ["row", "code", "column", "piece", "text"]
    assert "".join(row[4] for row in pieces[1:] if row[2] == "name") == text
    whole = shapely.from_wkt("".join(row[4] for row in pieces[1:] if row[2] == "wkt"))
    assert whole.equals_exact(circle, 1e-5)
    assert {row[1] for row in pieces[1:]} == {frame["code"][0]}


def test_xlsx_losses_are_told(tmp_path, points):
    frame = points({"name": ["a\x01", "b\r\nc", ""], "big": [2**60, 1, 2], "area_m2": [float("inf"), 1, 2]})
    made = write_layer(frame, tmp_path / "out.xlsx", layer="facilities", format="xlsx")
    assert told(made) == {
        ("characters_removed", "name"): 1, ("line_breaks_unified", "name"): 1, ("empty_text_as_null", "name"): 1,
        ("integer_as_text", "big"): 1, ("number_as_text", "area_m2"): 1,
    }  # fmt: skip


def test_more_rows_than_a_sheet_are_refused(tmp_path, points, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 3)
    with pytest.raises(WrongCall, match=r"3 rows and .* a sheet holds 2"):
        write_layer(points({"code": ["1", "2", "3"]}), tmp_path / "o", layer="grids", format="xlsx")


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_table_needs_no_geometry(tmp_path, format):
    staff = pd.DataFrame({"name": ["李"], "role": ["grid_leader"], "area": ["330101001001001"]})
    made = write_layer(staff, tmp_path / "out", layer="staff", format=format)
    assert {rule for rule, _ in told(made)} <= {"digits_lost_in_excel"}
    assert made.rows == 1


def test_heights_of_points_get_a_column(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.Point(500000, 3540000, 12.5)], crs=4549)
    write_layer(frame, tmp_path / "out.csv", layer="facilities", format="csv")
    assert rows_of(tmp_path / "out.csv")[1] == ["1", "500000", "3540000", "12.5"]


def test_a_csv_that_reads_back_otherwise_is_never_handed_over(tmp_path, points, monkeypatch):
    read = workbook._read_csv
    monkeypatch.setattr(workbook, "_read_csv", lambda path, width: read(path, width).replace({"b": "c"}))
    with pytest.raises(DataBroken, match="1 other values in name"):
        write_layer(points({"name": ["a", "b"]}), tmp_path / "out.csv", layer="facilities", format="csv")
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_that_reads_back_otherwise_is_never_handed_over(tmp_path, points, monkeypatch):
    cell = workbook._cell
    monkeypatch.setattr(workbook, "_cell", lambda sheet, text: cell(sheet, text.replace("b", "c")))
    with pytest.raises(DataBroken, match="1 other values in name"):
        write_layer(points({"name": ["a", "b"]}), tmp_path / "out.xlsx", layer="facilities", format="xlsx")
    assert list(tmp_path.iterdir()) == []


def test_lists_in_cells_are_json(tmp_path, points):
    frame = points({"tags": pd.Series([["楼", 1]], dtype=object)})
    made = write_layer(frame, tmp_path / "out.csv", layer="facilities", format="csv")
    assert json.loads(rows_of(tmp_path / "out.csv")[1][0]) == ["楼", 1]
    assert told(made) == {("value_as_text", "tags"): 1}
