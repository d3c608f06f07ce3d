"""Tables as offices send them: encodings, separators, titles above the heading, merged cells, broken rows."""

from __future__ import annotations

import codecs
import datetime as dt
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis.strategies import characters, text

from layers import tables
from layers.errors import BadFile, BadSettings, MissingLayer
from layers.schema import layer
from layers.tables import decode, read_table, sheets

STAFF = "姓名,角色,区域\n李雷,网格长,330106001001001\n"


def write(folder: Path, data: str | bytes, *, encoding: str = "utf-8", name: str = "staff.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
    return path


def workbook(folder: Path, **rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, cells in rows.items():
        sheet = book.create_sheet(title)
        for row in cells:
            sheet.append(row)
    path = folder / "book.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_encodings_found_by_rule(tmp_path: Path, encoding: str) -> None:
    frame, findings = read_table(write(tmp_path, STAFF, encoding=encoding), layer("staff"))
    assert frame.to_dict("list") == {
        "姓名": ["李雷"], "角色": ["网格长"], "区域": ["330106001001001"], "source_row": [2]
    }  # fmt: skip
    assert len(findings) == 0


def test_one_chinese_row_below_3000_others(tmp_path: Path) -> None:
    lines = "name,role,area\n" + "a,b,c\n" * 3000 + "𠮷,網格長,㙍\n"
    frame, _ = read_table(write(tmp_path, lines, encoding="gb18030"), layer("staff"))
    assert frame.iloc[-1].tolist() == ["𠮷", "網格長", "㙍", 3002]


@given(text(alphabet=characters(codec="gb18030", exclude_characters="\ufeff")))
def test_the_rule_never_garbles_utf8(sample: str) -> None:
    assert decode(sample.encode("utf-8"), name="x") == sample
    assert decode(codecs.BOM_UTF8 + sample.encode("utf-8"), name="x") == sample


def test_encoding_asked_for_wins_and_fallback_stands_in_for_gb18030(tmp_path: Path) -> None:
    big5 = "姓名,角色,區域\n李,組長,1\n".encode("big5")
    assert decode(big5, encoding="big5", name="x").endswith("李,組長,1\n")
    assert decode(big5, fallback="big5", name="x").endswith("李,組長,1\n")
    assert decode("李".encode(), fallback="big5", name="x") == "李"
    with pytest.raises(BadFile, match=r"x\.csv as utf-8"):
        decode(big5, encoding="utf-8", name="x.csv")
    with pytest.raises(BadSettings, match="utf-9"):
        decode(b"", encoding="utf-9", name="x")
    with pytest.raises(BadFile, match="neither UTF-8 nor GB18030"):
        decode(b"\xff\xff\xff", name="x")


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separators(tmp_path: Path, separator: str) -> None:
    frame, _ = read_table(write(tmp_path, STAFF.replace(",", separator)), layer("staff"))
    assert frame["区域"].tolist() == ["330106001001001"]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    text = 'name,role,area\n"a\nb",x,1\n\n , ,\nc,y,007\n'
    frame, findings = read_table(write(tmp_path, text), layer("staff"))
    assert frame.values.tolist() == [["a\nb", "x", "1", 2], ["c", "y", "007", 5]]
    assert len(findings) == 0


def test_title_rows_above_the_heading_are_left_out_and_said(tmp_path: Path) -> None:
    frame, findings = read_table(write(tmp_path, "网格员花名册\n2024年5月\n" + STAFF), layer("staff"))
    assert frame["姓名"].tolist() == ["李雷"] and frame["source_row"].tolist() == [4]
    assert [(item.rule, item.row) for item in findings] == [("heading_row", 3)]


def test_no_cell_is_lost(tmp_path: Path) -> None:
    text = "name,role,area,,name\na,b,c,d,e,f\nshort\n"
    frame, findings = read_table(write(tmp_path, text), layer("staff"))
    assert frame.columns.tolist() == ["name", "role", "area", "column_4", "name_5", "column_6", "source_row"]
    assert frame.iloc[0].tolist() == ["a", "b", "c", "d", "e", "f", 2]
    assert frame.iloc[1, 0] == "short" and frame.iloc[1, 1:6].isna().all()
    assert sorted(item.rule for item in findings) == ["heading_twice", "too_many_cells"]


def test_columns_without_heading_and_content_go(tmp_path: Path) -> None:
    frame, findings = read_table(write(tmp_path, "name,role,area,,\na,b,c,,\n"), layer("staff"))
    assert frame.columns.tolist() == ["name", "role", "area", "source_row"] and len(findings) == 0


def test_quotes(tmp_path: Path) -> None:
    frame, findings = read_table(write(tmp_path, 'name,role,area\n"a"b,12" pipe,c\n'), layer("staff"))
    assert frame.iloc[0].tolist() == ["ab", '12" pipe', "c", 2]
    assert [(item.rule, item.row) for item in findings] == [("stray_quote", 2)]
    with pytest.raises(BadFile, match="line 3 and never closes"):
        read_table(write(tmp_path, 'name,role,area\na,b,c\n"d,e,f\ng,h,i\n'), layer("staff"))


def test_long_cells(tmp_path: Path) -> None:
    outline = "POLYGON ((" + ", ".join(f"{i} {i * i}" for i in range(20_000)) + ", 0 0))"
    frame, _ = read_table(write(tmp_path, f'name,wkt\na,"{outline}"\n'), layer("facilities"))
    assert frame.loc[0, "wkt"] == outline


@pytest.mark.parametrize("data", [b"", b"\n\n", b" , \n"])
def test_a_table_without_content_is_no_rows(tmp_path: Path, data: bytes) -> None:
    frame, findings = read_table(write(tmp_path, data), layer("staff"))
    assert len(frame) == 0 and [item.rule for item in findings] == ["empty_table"]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="zero bytes"):
        read_table(write(tmp_path, b"a\0b\n"), layer("staff"))
    with pytest.raises(BadFile, match=r"cannot read none\.csv"):
        read_table(tmp_path / "none.csv", layer("staff"))
    with pytest.raises(BadSettings, match="no sheets"):
        read_table(write(tmp_path, STAFF), layer("staff"), sheet="x")


def test_workbook_cells_become_text(tmp_path: Path) -> None:
    row = ["李", 330106001001, 2.5, True, dt.date(2024, 5, 6), dt.datetime(2024, 5, 6, 7, 8), None, "007"]  # noqa: DTZ001
    heading = ["name", "area", "x", "y", "from", "t", "z", "role"]
    frame, findings = read_table(workbook(tmp_path, staff=[heading, row]), layer("staff"))
    assert frame.drop(columns="z").iloc[0].tolist() == [
        "李", "330106001001", "2.5", "true", "2024-05-06", "2024-05-06 07:08:00", "007", 2
    ]  # fmt: skip
    assert frame["z"].isna().all() and len(findings) == 0


def test_workbook_numbers_that_lost_digits_are_said_and_stay_visible(tmp_path: Path) -> None:
    frame, findings = read_table(
        workbook(tmp_path, staff=[["name", "role", "area"], ["李", "x", 330106001001000123.0]]), layer("staff")
    )
    assert frame.loc[0, "area"] == "3.301060010010001e+17"
    assert [(item.rule, item.row) for item in findings] == [("digits_lost", 2)]


def test_merged_cells_count_for_every_row_they_cover(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        花名册=[["桂花社区网格员"], ["area", "role", "name"], ["1", "x", "a"], [None, "y", "b"], ["2", "x", "c"]],
    )
    book = openpyxl.load_workbook(path)
    book["花名册"].merge_cells("A1:C1")
    book["花名册"].merge_cells("A3:A4")
    book.save(path)
    frame, findings = read_table(path, layer("staff"))
    assert frame["area"].tolist() == ["1", "1", "2"] and frame["source_row"].tolist() == [3, 4, 5]
    assert [item.rule for item in findings] == ["heading_row"]


def test_sheets(tmp_path: Path) -> None:
    path = workbook(tmp_path, 说明=[["read me"]], staff=[["name", "role", "area"], ["a", "b", "c"]], empty=[])
    assert sheets(path) == {"说明": 1, "staff": 2, "empty": 0}
    assert read_table(path, layer("staff"))[0]["name"].tolist() == ["a"]
    with pytest.raises(MissingLayer, match="no sheet 'x'; its sheets are 说明, staff, empty"):
        read_table(path, layer("staff"), sheet="x")
    _, findings = read_table(path, layer("incidents"))
    assert [item.rule for item in findings] == ["sheet_not_read"] and "staff" in findings.items[0].what


def test_hidden_sheets_are_not_taken_by_themselves(tmp_path: Path) -> None:
    path = workbook(tmp_path, old=[["name"], ["gone"]], new=[["name"], ["there"]])
    book = openpyxl.load_workbook(path)
    book["old"].sheet_state = "hidden"
    book.save(path)
    assert read_table(path, layer("staff"))[0]["name"].tolist() == ["there"]
    assert read_table(path, layer("staff"), sheet="old")[0]["name"].tolist() == ["gone"]


def test_a_workbook_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"cannot read a\.xlsx"):
        read_table(write(tmp_path, b"PK\x03\x04nonsense", name="a.xlsx"), layer("staff"))
    with pytest.raises(BadFile, match=r"cannot read a\.xlsx"):
        sheets(write(tmp_path, b"hello", name="a.xlsx"))


@pytest.mark.parametrize("encoding", ["big5", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_say_nothing_are_found_and_told(tmp_path: Path, encoding: str) -> None:
    text = "姓名,角色,區域,電話號碼,地址\n陳大文,組長,330106001001001,07510000000,臺中市西屯區文心路三段\n"
    frame, findings = read_table(write(tmp_path, text, encoding=encoding), layer("staff"))
    assert frame.loc[0, "姓名"] == "陳大文" and frame.loc[0, "地址"].endswith("文心路三段")
    assert [item.rule for item in findings] == ([] if encoding == "utf-32" else ["encoding_found"])


def test_simplified_text_is_not_taken_for_big5(tmp_path: Path) -> None:
    text = "姓名,角色,区域\n" + "".join(f"王{name},网格员,330106001001\n" for name in "丽杰强敏静军洋勇艳娟")
    frame, findings = read_table(write(tmp_path, text, encoding="gbk"), layer("staff"))
    assert frame["姓名"].tolist()[0] == "王丽" and len(findings) == 0


def test_a_file_put_together_from_two_encodings_is_read_line_by_line(tmp_path: Path) -> None:
    data = STAFF.encode("utf-8") + "韩梅梅,网格员,330106001001002\n".encode("gbk") + "赵,网格员,1\n".encode()
    frame, findings = read_table(write(tmp_path, data), layer("staff"))
    assert frame["姓名"].tolist() == ["李雷", "韩梅梅", "赵"]
    assert [item.rule for item in findings] == ["encoding_found"]


def test_headings_of_two_rows_with_merged_cells(tmp_path: Path) -> None:
    rows = [["桂花社区楼栋台账"], ["序号", "基本信息", None, "户数", None], [None, "名称", "地址", "自有", "租赁"],
            [1, "1号楼", "中山路1号", 20, 5], [2, "2号楼", "中山路2号", 18, 6]]
    path = workbook(tmp_path, buildings=rows)
    book = openpyxl.load_workbook(path)
    for span in ("A1:E1", "A2:A3", "B2:C2", "D2:E2"):
        book["buildings"].merge_cells(span)
    book.save(path)
    frame, findings = read_table(path, layer("buildings"))
    assert frame.columns.tolist() == [
        "序号", "基本信息 / 名称", "基本信息 / 地址", "户数 / 自有", "户数 / 租赁", "source_row"
    ]  # fmt: skip
    assert frame["source_row"].tolist() == [4, 5]
    assert frame.iloc[0].tolist()[:5] == ["1", "1号楼", "中山路1号", "20", "5"]
    assert [item.rule for item in findings] == ["heading_row"]


def test_headings_of_two_rows_in_a_csv(tmp_path: Path) -> None:
    text = "序号,基本信息,,户数,,备注\n,名称,地址,自有,租赁,\n1,1号楼,中山路1号,20,5,\n"
    frame, _ = read_table(write(tmp_path, text), layer("buildings"))
    assert frame.columns.tolist()[:5] == ["序号", "基本信息 / 名称", "基本信息 / 地址", "户数 / 自有", "户数 / 租赁"]
    assert len(frame) == 1


def test_a_first_row_of_things_is_not_taken_for_a_second_row_of_headings(tmp_path: Path) -> None:
    frame, _ = read_table(write(tmp_path, "名称,,户数\n1号楼,甲,25\n,乙,\n"), layer("buildings"))
    assert frame["source_row"].tolist() == [2, 3]


def test_totals_remarks_and_repeated_headings_are_no_things(tmp_path: Path) -> None:
    text = "名称,地址,户数\n1号楼,a,20\n小 计,,20\n名称,地址,户数\n合计楼,b,5\n合计：,,25\n"
    text += "填表人：某某,,\n注：不含商铺,,\n"
    frame, findings = read_table(write(tmp_path, text), layer("buildings"))
    assert frame["名称"].tolist() == ["1号楼", "合计楼"] and frame["source_row"].tolist() == [2, 5]
    assert {item.rule: item.row for item in findings} == {"totals_row": 3, "remark_row": 7, "heading_again": 4}


def test_a_web_page_or_text_that_calls_itself_a_workbook(tmp_path: Path) -> None:
    page = "<html><meta charset='gbk'><table><tr><th>姓名</th><th>角色</th></tr><tr><td>李<td>网格长</tr></table>\n"
    frame, findings = read_table(write(tmp_path, page, encoding="gbk", name="a.xls"), layer("staff"))
    assert frame.to_dict("list") == {"姓名": ["李"], "角色": ["网格长"], "source_row": [2]}
    assert [item.rule for item in findings] == ["html_table"]
    frame, findings = read_table(write(tmp_path, STAFF.replace(",", "\t"), name="b.xls"), layer("staff"))
    assert frame["姓名"].tolist() == ["李雷"] and [item.rule for item in findings] == ["text_table"]


def test_failed_formulas_are_empty_and_said(tmp_path: Path) -> None:
    path = workbook(tmp_path, staff=[["name", "role", "area"], ["李", "x", "#REF!"], ["王", "y", "=1+1"]])
    frame, findings = read_table(path, layer("staff"))
    assert frame["area"].isna().all()
    assert [item.rule for item in findings] == ["formula_failed", "formula_without_value"]
    frame, findings = read_table(write(tmp_path, "name,role,area\n李,x,#REF!\n王,y,1\n"), layer("staff"))
    assert frame["area"].isna().tolist() == [True, False]
    assert [(item.rule, item.row) for item in findings] == [("formula_failed", 2)]


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (80 << 20))
    with pytest.raises(BadFile, match="unpacks to 80 MB"):
        read_table(path, layer("staff"))


@pytest.mark.parametrize("quoted", [False, True])
def test_large_files_are_read_the_same_way_as_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quoted: bool
) -> None:
    cell = '"中山路,\n一号 ""东"""' if quoted else "中山路"
    text = "名称,地址,户数\n" + "".join(f"{i}号楼,{cell}, {i}\n" for i in range(50)) + "合计,,9\n ,\t,\n51号楼,,1\n"
    path = write(tmp_path, text)
    careful, told = read_table(path, layer("buildings"))
    monkeypatch.setattr(tables, "LARGE", 0)
    quick, said = read_table(path, layer("buildings"))
    pd.testing.assert_frame_equal(careful, quick)
    assert [item.rule for item in told] == [item.rule for item in said] == ["totals_row"]
    assert careful["source_row"].tolist()[-1] == 54
