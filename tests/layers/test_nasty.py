"""Nasty files, each with what must be found in it; and a fuzz: no bytes give a traceback, hang or write elsewhere."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis.strategies import binary, integers, sampled_from

from layers.errors import GridmapError
from layers.finding_words import say_sentence, title
from layers.read import read_file

ROW = "1号楼,中山路１号,25户,2024年3月5日,118.78,32.04\n2号楼,中山路2号,三十户,2024/3/6,118.79,32.05\n"
HEAD = "楼栋名称,地址,户数,建成日期,经度,纬度\n"


def book(*rows: list[object], merge: tuple[str, ...] = (), title: str = "表") -> bytes:
    made = openpyxl.Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    for span in merge:
        made.active.merge_cells(span)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (100 << 20))
    return out.getvalue()


def geojson(*geometries: str, crs: str | None = None) -> bytes:
    features = [
        {"type": "Feature", "properties": {"name": f"n{i}"}, "geometry": json.loads(text) if text else None}
        for i, text in enumerate(geometries)
    ]
    member = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    return json.dumps({"type": "FeatureCollection", **member, "features": features}).encode()


def shape(**change: bytes | None) -> bytes:
    """A zipped shapefile with some of its parts changed or left out (None)."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        square = gpd.GeoDataFrame({"名称": ["甲苑"]}, geometry=[shapely.box(118.7, 32, 118.701, 32.001)], crs=4326)
        square.to_file(Path(folder) / "a.shp", encoding="GB18030")
        parts = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    for ending, data in change.items():
        parts.pop(f"a.{ending}", None)
        if data is not None:
            parts[f"a.{ending}"] = data
    return zipped(**parts)


SQUARE = '{"type":"Polygon","coordinates":[[[118.7,32],[118.701,32],[118.701,32.001],[118.7,32.001],[118.7,32]]]}'
TIE = '{"type":"Polygon","coordinates":[[[118.7,32],[118.702,32.002],[118.702,32],[118.7,32.002],[118.7,32]]]}'
LINE = '{"type":"LineString","coordinates":[[118.7,32],[118.71,32]]}'
MIX = f'{{"type":"GeometryCollection","geometries":[{SQUARE},{LINE}]}}'

#: name -> (file name, bytes, layer, rules of the findings that must be there, rows kept or None for a refusal)
CASES: dict[str, tuple[str, Callable[[], bytes], str, set[str], int | None]] = {
    **{
        f"csv in {encoding}": ("a.csv", lambda e=encoding: (HEAD + ROW).encode(e), "buildings", set(), 2)
        for encoding in ("utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-32")
    },
    "utf-16 without a mark": ("a.csv", lambda: (HEAD + ROW).encode("utf-16-le"), "buildings", {"encoding_found"}, 2),
    "big5": ("a.csv", lambda: "名稱,地址,戶數,經度,緯度\n大樓一號,中山路,25,121.5,25.0\n".encode("big5"), "buildings",
             {"encoding_found"}, 1),
    "two encodings": ("a.csv", lambda: HEAD.encode() + ROW.encode("gbk") + b"x,y,1,2024-1-1,118.7,32.0\n",
                      "buildings", {"encoding_found"}, 3),
    "a byte that is no text": ("a.csv", lambda: (HEAD + ROW * 40).encode() + b"\xff\xff,a,1,,118.7,32\n", "buildings",
                               {"unreadable_text", "same_row"}, 3),
    "zero bytes": ("a.csv", lambda: b"a\0b,c\n1,2\n", "buildings", set(), None),
    "empty": ("a.csv", lambda: b"", "buildings", {"empty_table"}, 0),
    "headings only": ("a.csv", HEAD.encode, "buildings", set(), 0),
    "tabs": ("a.tsv", lambda: (HEAD + ROW).replace(",", "\t").encode(), "buildings", set(), 2),
    "semicolons": ("a.csv", lambda: (HEAD + ROW).replace(",", ";").encode(), "buildings", set(), 2),
    "a title above": ("a.csv", lambda: ("某某社区楼栋表\n\n" + HEAD + ROW).encode(), "buildings", {"heading_row"}, 2),
    "totals below": ("a.csv", lambda: (HEAD + ROW + "合计,,55,,,\n").encode(), "buildings", {"totals_row"}, 2),
    "a signature": ("a.csv", lambda: (HEAD + ROW + "填表人：某某,,,,,\n").encode(), "buildings", {"remark_row"}, 2),
    "pages": ("a.csv", lambda: (HEAD + ROW + HEAD + ROW.replace("号楼", "栋")).encode(), "buildings",
        {"heading_again"}, 4),
    "a quote that never closes": ("a.csv", lambda: (HEAD + '"1号楼,a\n' + ROW).encode(), "buildings", set(), None),
    "a stray quote": ("a.csv", lambda: (HEAD + '"1"号楼,a,1,,118.7,32.0\n').encode(), "buildings", {"stray_quote"}, 1),
    "a comma too many": ("a.csv", lambda: (HEAD + "a,b,c,d,e,118.7,32.0\n" + ROW).encode(), "buildings",
                         {"too_many_cells"}, 2),
    "a heading twice": ("a.csv", lambda: ("名称,户数,户数,经度,纬度\n甲,1,2,118.7,32.0\n").encode(), "buildings",
                        {"heading_twice"}, 1),
    "alike headings": ("a.csv", lambda: ("名称,household,经度,纬度\n甲,1,118.7,32.0\n").encode(), "buildings",
                       {"guessed_heading"}, 1),
    "codes through a float": ("a.csv", lambda: ("楼栋编码,经度,纬度\n3.3E+17,118.7,32.0\n").encode(), "buildings",
                              {"digits_lost"}, 1),
    "the same row twice": ("a.csv", lambda: (HEAD + ROW + ROW).encode(), "buildings", {"same_row"}, 2),
    "a code twice": ("a.csv", lambda: ("楼栋编码,户数,经度,纬度\n7,1,118.7,32.0\n7,2,118.8,32.1\n").encode(),
        "buildings",
                     {"duplicate_code"}, 2),
    "words for numbers": ("a.csv", lambda: ("名称,户数,经度,纬度\n甲,不少,118.7,32.0\n").encode(), "buildings",
                          {"not_a_number"}, 1),
    "below zero": ("a.csv", lambda: ("名称,户数,经度,纬度\n甲,-3,118.7,32.0\n").encode(), "buildings", {"negative"}, 1),
    "dates of two orders": ("a.csv", lambda: b"category,reported_at\na,13/04/2024\nb,04/25/2024\n", "incidents",
                            {"ambiguous_date"}, 2),
    "no date": ("a.csv", lambda: "类别,上报时间\na,前天\n".encode(), "incidents", {"not_a_date"}, 1),
    "closed too early": ("a.csv", lambda: "类别,上报时间,结案时间\na,2024-5-2,2024-5-1\n".encode(), "incidents",
                         {"closed_before_reported"}, 1),
    "swapped": ("a.csv", lambda: "名称,类别,经度,纬度\n甲,小学,32.04,118.78\n".encode(), "facilities",
                {"lon_lat_swapped"}, 1),
    "nowhere": ("a.csv",
        lambda: "名称,类别,经度,纬度\n甲,小学,0,0\n乙,小学,500,9\n丙,小学,,\n丁,小学,118.7,32\n".encode(),
                "facilities", {"absurd_coordinates", "no_coordinates"}, 4),
    "one round point": ("a.csv", lambda: ("类别,经度,纬度\n" + "灯,118,32\n" * 12 + "灯,118.7,32.04\n").encode(),
        "incidents",
                        {"placeholder"}, 13),
    "both in one cell": ("a.csv", lambda: '类别,坐标\n灯,"32.04,118.78"\n'.encode(), "incidents", {"latitude_first"},
        1),
    "a zone number": ("a.csv", lambda: "类别,X坐标,Y坐标\n灯,3546000.1,40385000.2\n".encode(), "incidents",
        {"projected"}, 1),
    "no zone number": ("a.csv", lambda: "类别,X坐标,Y坐标\n灯,3546000.1,385000.2\n".encode(), "incidents", set(), None),
    "headings without a name": ("a.csv", lambda: "类别,甲,乙\n灯,118.7812,32.0412\n".encode(), "incidents",
                                {"coordinates_by_value"}, 1),
    "a merged workbook": ("a.xlsx", lambda: book(["楼栋表"], ["基本信息", None, "位置", None], ["名称", "户数",
        "经度", "纬度"],
                                                 ["甲", "25户", 118.7, 32.0], merge=("A1:D1", "A2:B2", "C2:D2")),
                          "buildings", {"heading_row"}, 1),
    "a formula without a value": ("a.xlsx", lambda: book(["名称", "户数", "经度", "纬度"], ["甲", "=1+1", 118.7, 32.0]),
                                  "buildings", {"formula_without_value"}, 1),
    "a web page": ("a.xls",
        lambda: "<table><tr><td>类别<td>经度<td>纬度<tr><td>灯<td>118.7<td>32</table>".encode("gbk"),
                   "incidents", {"html_table"}, 1),
    "text called a workbook": ("a.xls", lambda: (HEAD + ROW).replace(",", "\t").encode("gbk"), "buildings",
                               {"text_table"}, 2),
    "half a workbook": ("a.xlsx", lambda: book(["名称"], ["甲"])[:900], "buildings", set(), None),
    "a bomb": ("a.xlsx", bomb, "buildings", set(), None),
    "a workbook called csv": ("a.csv", lambda: book(["名称"], ["甲"]), "buildings", set(), None),
    "bow-tie": ("a.geojson", lambda: geojson(TIE), "estates", {"invalid_geometry"}, 1),
    "lines among areas": ("a.geojson", lambda: geojson(SQUARE, LINE), "estates", {"wrong_geometry"}, 1),
    "a collection": ("a.geojson", lambda: geojson(MIX), "estates", {"mixed_geometry"}, 1),
    "no geometry": ("a.geojson", lambda: geojson(SQUARE, ""), "estates", {"no_geometry"}, 1),
    "half a geojson": ("a.geojson", lambda: geojson(SQUARE)[:-40], "estates", set(), None),
    "latitude first": ("a.geojson", lambda: geojson('{"type":"Point","coordinates":[32.04,118.78]}'), "incidents",
                       {"lon_lat_swapped"}, 1),
    "shapefile without cpg": ("a.zip", lambda: shape(cpg=None), "estates", set(), 1),
    "shapefile with a wrong cpg": ("a.zip", lambda: shape(cpg=b"UTF-8"), "estates", {"wrong_cpg"}, 1),
    "shapefile without prj": ("a.zip", lambda: shape(prj=None), "estates", set(), 1),
    "shapefile without shx": ("a.zip", lambda: shape(shx=None), "estates", set(), None),
    "a zip of nothing": ("a.zip", lambda: zipped(readme=b"hello"), "estates", set(), None),
    "half a zip": ("a.zip", lambda: shape()[:-60], "estates", set(), None),
}  # fmt: skip


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
def test_nasty_file(name: str, tmp_path: Path) -> None:
    file, make, layer, rules, kept = CASES[name]
    path = tmp_path / file
    path.write_bytes(make())
    if kept is None:
        with pytest.raises(GridmapError) as told:
            read_file(path, layer, datum="wgs84")
        assert file in str(told.value) and len(str(told.value)) > 30
        return
    read = read_file(path, layer, datum="wgs84")
    found = {item.rule for item in read.findings}
    assert rules <= found, found
    quiet = {"no_households", "missing_column", "kind_named", "no_coordinates", "same_place"}
    if not rules:
        assert found <= quiet, found
    assert len(read.frame) == kept
    assert read.tally.rows == read.tally.kept + len(read.tally.refused) + read.tally.merged
    assert sorted(item.name for item in tmp_path.iterdir()) == [file]
    for item in read.findings:  # and a Chinese reader can read it: not as it stood, whatever values it holds
        assert title(item.rule, "zh") != item.rule
        assert say_sentence(item.what, "zh") != item.what and say_sentence(item.done, "zh") != item.done


def never_a_traceback(folder: Path, name: str, layer: str, data: bytes) -> None:
    path = folder / name
    path.write_bytes(data)
    before = sorted(folder.rglob("*"))
    try:
        read = read_file(path, layer, datum="wgs84")
    except GridmapError as error:
        assert len(str(error)) > 20
    else:
        assert read.tally.rows == read.tally.kept + len(read.tally.refused) + read.tally.merged
    assert sorted(folder.rglob("*")) == before


QUICK = settings(max_examples=40, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(data=binary(max_size=400), name=sampled_from(["a.csv", "a.xlsx", "a.xls", "a.geojson", "a.zip", "a.gpkg",
    "a.kml"]))
def test_random_bytes(tmp_path: Path, data: bytes, name: str) -> None:
    never_a_traceback(tmp_path, name, "facilities", data)


@QUICK
@example(name="shapefile without cpg", at=17596, new=b"\x00", cut=0)  # deflate data that zlib itself refuses
@given(
    name=sampled_from(sorted(name for name in CASES if name not in ("a bomb",))), at=integers(0, 10**6),
    new=binary(min_size=1, max_size=6), cut=sampled_from([0, 1, 30]),
)
def test_mutated_files(tmp_path: Path, name: str, at: int, new: bytes, cut: int) -> None:
    file, make, layer, _, _ = CASES[name]
    data = bytearray(make())
    at = at % (len(data) + 1)
    data[at : at + len(new)] = new
    never_a_traceback(tmp_path, file, layer, bytes(data[: len(data) - cut]))


def test_a_zip_writes_nowhere_else(tmp_path: Path) -> None:
    inner = tmp_path / "in"
    inner.mkdir()
    data = zipped(**{"../../evil.geojson": geojson(SQUARE), "/abs.txt": b"x"})
    never_a_traceback(inner, "a.zip", "estates", data)
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["a.zip", "in"]
