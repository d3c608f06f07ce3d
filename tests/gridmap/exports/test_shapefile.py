"""A shapefile read by pyogrio and by GDAL's own programs says what the frame said."""

from __future__ import annotations

import re
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from gridmap.exports import shapefile, write_shapefile
from gridmap.exports.dbase import stored_fields
from layers.errors import DataBroken, UnknownLayer, WrongCall

#: Rare characters: CJK extension A and B, and those that GBK lacks.
TEXTS = [
    "长安街",
    "㙍𠮷𪚥",
    "王府井" * 28,
    "引号\"与'撇号",
    "第一行\n第二行",
    '=HYPERLINK("x")',
    "逗号,分号;",
    "ḿ龴︐",
    "  中间 空格 ",
    "😀",
    "é ü ß",
    "330101001001001001",
]
CODES = [f"3301010010010010{number:02d}" for number in range(1, len(TEXTS) + 1)]


@pytest.fixture
def rich(points):
    """Every type there is, with gaps."""
    count = len(TEXTS)
    return points(
        {
            "code": CODES,
            "name": TEXTS,
            "households": pd.array([None, *range(count - 1)], dtype="Int64"),
            "area_m2": [np.nan, *np.linspace(0.1, 98765.4321, count - 1)],
            "within_band": pd.array([None, True, False] * (count // 3), dtype="boolean"),
            "valid_from": [pd.Timestamp("2024-02-29").date(), None] * (count // 2),
            "made": pd.to_datetime(["2024-02-29 08:30:00", None] * (count // 2)),
            "微网格长": ["李"] * count,
        }
    )


@pytest.mark.parametrize(("encoding", "page"), [("gb18030", "GB18030"), ("utf-8", "UTF-8")])
def test_every_type_round_trips_in_both_encodings_and_both_readers(tmp_path, rich, gdal, encoding, page):
    made = write_shapefile(rich, tmp_path / "out", layer="micro_grids", encoding=encoding)
    path = tmp_path / "out" / "micro_grids.shp"
    assert path.with_suffix(".cpg").read_text() == page
    by_pyogrio = pyogrio.read_dataframe(path).drop(columns="geometry")
    by_gdal = pd.DataFrame(gdal(path))
    short = dict(zip(made.dictionary["name"], made.dictionary["short"], strict=True))
    wanted = [text.strip(" ") for text in TEXTS]  # the spaces at the ends: see test_losses
    for got in (by_pyogrio, by_gdal):
        assert got[short["code"]].tolist() == CODES
        assert got[short["name"]].tolist() == wanted
        assert got[short["households"]].isna().tolist() == rich["households"].isna().tolist()
        assert got[short["households"]].tolist()[1:] == list(range(len(TEXTS) - 1))
        assert np.allclose(got[short["area_m2"]].astype(float), rich["area_m2"], rtol=1e-12, equal_nan=True)
        assert [x if isinstance(x, str) else None for x in got[short["within_band"]]] == [None, "T", "F"] * 4
        assert [x if isinstance(x, str) else None for x in got[short["valid_from"]]] == ["2024-02-29", None] * 6
        assert got[short["made"]][0] == "2024-02-29T08:30:00"
        assert got[short["微网格长"]].tolist() == ["李"] * len(TEXTS)


def test_a_hundred_characters_fit_in_gb18030_without_a_warning(tmp_path, points):
    text = "微" * 100
    made = write_shapefile(points({"code": ["1"], "name": [text]}), tmp_path / "out", layer="grids")
    assert pyogrio.read_dataframe(tmp_path / "out" / "grids.shp")["name"][0] == text
    assert made.warnings == ()


def test_names_are_ascii_of_ten_bytes_and_the_dictionary_tells_every_one(tmp_path, rich):
    write_shapefile(rich, tmp_path / "out", layer="micro_grids")
    stored = [field.name for field in stored_fields(tmp_path / "out" / "micro_grids.dbf")]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,9}", name) for name in stored)
    table = pd.read_csv(tmp_path / "out" / "fields.csv", encoding="utf-8-sig")
    assert table["short"].tolist() == stored
    assert table["name"].tolist() == [column for column in rich.columns if column != "geometry"]
    row = table.set_index("name").loc["households"]
    assert (row["zh"], row["en"], row["type"], row["unit"]) == ("户数", "Households", "integer", "households")
    assert (tmp_path / "out" / "fields.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_columns_sharing_a_beginning_and_more_than_a_hundred_columns(tmp_path, points, ogrinfo):
    names = ["residents_total", "residents_2020", "residents_2021", *(f"households_year_{n}" for n in range(120))]
    frame = points({name: [number] for number, name in enumerate(names)})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    got = pyogrio.read_dataframe(tmp_path / "out" / "grids.shp")
    for name, short in zip(made.dictionary["name"], made.dictionary["short"], strict=True):
        assert got[short][0] == names.index(name)
    assert ogrinfo(tmp_path / "out" / "grids.shp").count(": Integer (") == len(names)


def test_more_columns_than_dbase_holds_are_refused(tmp_path, points):
    frame = points({f"c{number}": [number] for number in range(256)})
    with pytest.raises(WrongCall, match="256 columns and a shapefile holds 255"):
        write_shapefile(frame, tmp_path / "out", layer="grids")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [4490, 4526, 4528, 4547, 4549, 4326, 3857])
def test_the_crs_comes_back_from_the_prj_alone(tmp_path, points, ogrinfo, code):
    write_shapefile(points({"code": ["1"]}), tmp_path / "out", layer="grids", crs=f"EPSG:{code}")
    path = tmp_path / "out" / "grids.shp"
    assert pyogrio.read_dataframe(path).crs.to_epsg() == code
    assert f'ID["EPSG",{code}]]' in ogrinfo(path)


def test_polygons_and_multipolygons_share_a_file_with_outer_rings_clockwise(tmp_path, shapes):
    hole = shapely.Polygon(shapely.box(500000, 3540000, 500010, 3540010).exterior.coords[::-1], [
        [(500002, 3540002), (500002, 3540004), (500004, 3540004), (500002, 3540002)]
    ])  # fmt: skip
    frame = shapes(
        hole,
        shapely.MultiPolygon(
            [shapely.box(500020, 3540000, 500030, 3540010), shapely.box(500040, 3540000, 500050, 3540010)]
        ),
    )
    made = write_shapefile(frame, tmp_path / "out", layer="communities")
    got = pyogrio.read_dataframe(tmp_path / "out" / "communities.shp")
    assert got.geometry.geom_equals(frame.geometry).all()
    assert [got.geometry[0].exterior.is_ccw, got.geometry[0].interiors[0].is_ccw] == [False, True]
    assert made.warnings == ()


def test_cells_leave_room_for_editing(tmp_path, points):
    frame = points({"code": ["1"], "leader": ["欧阳"], "valid_to": [None], "households": [25]})
    write_shapefile(frame, tmp_path / "out", layer="grids")
    stored = {field.name: field for field in stored_fields(tmp_path / "out" / "grids.dbf")}
    assert stored["leader"].width >= 80 and stored["valid_to"].width >= 80
    assert str(stored["households"]) == "N 9"


def test_a_plain_table_is_a_dbf(tmp_path, gdal):
    table = pd.DataFrame({"micro_grid": ["330101001001001001"], "kind": ["食堂"], "coverage": [0.25]})
    made = write_shapefile(table, tmp_path / "out", layer="coverage")
    assert {path.name for path in made.files} == {"coverage.dbf", "coverage.cpg", "fields.csv", "README.txt"}
    assert gdal(tmp_path / "out" / "coverage.dbf") == [
        {"micro_grid": "330101001001001001", "kind": "食堂", "coverage": 0.25}
    ]


def test_an_empty_layer_keeps_its_columns_and_its_kind(tmp_path, points, ogrinfo):
    made = write_shapefile(points({"code": ["1"], "name": ["a"]}).iloc[:0], tmp_path / "out", layer="micro_grids")
    assert [(notice.rule, notice.rows) for notice in made.warnings] == [("empty_layer", 0)]
    said = ogrinfo(tmp_path / "out" / "micro_grids.shp")
    assert "Geometry: Polygon" in said and "Feature Count: 0" in said and "name: String" in said


def test_a_name_of_ones_own_goes_beside_other_files(tmp_path, points):
    (tmp_path / "diary.txt").write_text("dear diary")
    (tmp_path / "shops.qix").write_text("an index of the old shapefile")
    made = write_shapefile(points({"code": ["1"], "name": ["王" * 200]}), tmp_path / "shops.shp", layer="facilities")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "diary.txt", "shops.shp", "shops.shx", "shops.dbf", "shops.prj", "shops.cpg", "shops_fields.csv",
        "shops_long_text.csv", "shops_README.txt",
    }  # fmt: skip
    assert {path.name for path in made.files} == names - {"diary.txt"}
    assert (tmp_path / "diary.txt").read_text() == "dear diary"


def test_readme_says_what_where_when_and_from_whom(tmp_path, points):
    write_shapefile(
        points({"code": ["1"]}),
        tmp_path / "out",
        layer="facilities",
        scope=["330101001"],
        as_of=date(2026, 5, 1),
        attribution="© OpenStreetMap contributors, ODbL",
    )
    text = (tmp_path / "out" / "README.txt").read_text(encoding="utf-8-sig")
    said = ["facilities (设施, Facilities)", "行数 / rows: 1", "范围 / scope: 330101001", "2026-05-01", "EPSG:4549"]
    for part in [*said, "GB18030", "© OpenStreetMap contributors, ODbL", "fields.csv", "facilities.dbf"]:
        assert part in text
    assert re.search(r"made on: 20\d\d-\d\d-\d\d", text)


def test_a_file_that_reads_back_otherwise_is_never_handed_over(tmp_path, points, monkeypatch):
    def careless(table, path, **options):
        pyogrio.write_dataframe(table.assign(name=table["name"].str[:1]), path, **options)

    class Careless:
        write_dataframe = staticmethod(careless)
        read_dataframe = staticmethod(pyogrio.read_dataframe)

    monkeypatch.setattr(shapefile, "pyogrio", Careless)
    with pytest.raises(DataBroken, match="1 other values in name"):
        write_shapefile(points({"code": ["1"], "name": ["长安街"]}), tmp_path / "out", layer="roads")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("column", ["households", "area_m2"])
def test_a_changed_number_is_never_handed_over(tmp_path, points, monkeypatch, column):
    class Careless:
        read_dataframe = staticmethod(pyogrio.read_dataframe)

        @staticmethod
        def write_dataframe(table, path, **options):
            pyogrio.write_dataframe(table.assign(**{column: table[column] + 1}), path, **options)

    monkeypatch.setattr(shapefile, "pyogrio", Careless)
    with pytest.raises(DataBroken, match=f"2 other (values|numbers) in {column}"):
        write_shapefile(points({"households": [25, 30], "area_m2": [1.5, 2.5]}), tmp_path / "out", layer="grids")
    assert list(tmp_path.iterdir()) == []


def test_codes_stay_text_and_counts_whole_whatever_a_file_made_of_them(tmp_path, points):
    frame = points({"code": [330101001001, 330101001002], "parent": [330101001.0, None], "households": [25.0, None]})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    got = pyogrio.read_dataframe(tmp_path / "out" / "grids.shp")
    assert got["code"].tolist() == ["330101001001", "330101001002"] and got["parent"][0] == "330101001"
    assert made.dictionary.set_index("short").loc["households", "stored"] == "N 9"


def test_a_moved_geometry_is_never_handed_over(tmp_path, points, monkeypatch):
    class Careless:
        read_dataframe = staticmethod(pyogrio.read_dataframe)

        @staticmethod
        def write_dataframe(table, path, **options):
            pyogrio.write_dataframe(table.set_geometry(table.translate(0.001)), path, **options)

    monkeypatch.setattr(shapefile, "pyogrio", Careless)
    with pytest.raises(DataBroken, match="1 other geometries"):
        write_shapefile(points({"code": ["1"]}), tmp_path / "out", layer="facilities")
    assert list(tmp_path.iterdir()) == []


def test_two_gigabytes_are_refused_before_they_are_written(tmp_path, points, monkeypatch):
    monkeypatch.setattr(shapefile, "MOST_BYTES", 200)
    with pytest.raises(WrongCall, match="a shapefile holds 2; choose a smaller area or take geopackage"):
        write_shapefile(points({"code": ["1"], "name": ["王" * 100]}), tmp_path / "out", layer="grids")
    assert list(tmp_path.iterdir()) == []


def test_the_guard_counts_no_less_than_the_files_hold(tmp_path, rich):
    from gridmap.exports.dbase import cells_of, table_bytes
    from gridmap.exports.fields import fields_of
    from gridmap.exports.notices import Notices
    from layers.schema import layer

    write_shapefile(rich, tmp_path / "out", layer="micro_grids")
    notices = Notices("micro_grids")
    fields = fields_of(rich, layer("micro_grids"), notices)
    cells = [cells_of(field, "gb18030", long_file="", notices=notices) for field in fields]
    size = (tmp_path / "out" / "micro_grids.dbf").stat().st_size
    assert size <= table_bytes(cells, len(rich), "gb18030") <= 5 * size


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"layer": "nothing"}, UnknownLayer, "the layers are districts"),
        ({"encoding": "gbk"}, WrongCall, "leaves out characters such as 㙍"),
        ({"encoding": "latin-1"}, WrongCall, "gb18030, utf-8"),
        ({"crs": "EPSG:0"}, WrongCall, "not a coordinate system"),
        ({"crs": "EPSG:4490", "datum": "gcj02"}, WrongCall, "give one of them"),
        ({"datum": "nad27"}, WrongCall, "wgs84, cgcs2000, gcj02, bd09"),
        ({"names": "fr"}, WrongCall, "en, zh"),
    ],
)
def test_wrong_calls_name_what_is_allowed(tmp_path, points, options, error, says):
    with pytest.raises(error, match=says):
        write_shapefile(points({"code": ["1"]}), tmp_path / "out", **{"layer": "grids", **options})
    assert list(tmp_path.iterdir()) == []


def test_a_frame_without_crs_or_no_frame_is_refused(tmp_path, points):
    bare = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.Point(1, 2)])
    with pytest.raises(Exception, match="does not say its coordinate system"):
        write_shapefile(bare, tmp_path / "out", layer="grids")
    with pytest.raises(WrongCall, match="not a frame"):
        write_shapefile(["1"], tmp_path / "out", layer="grids")
