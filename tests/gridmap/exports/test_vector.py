"""GeoPackage, GeoJSON and KML: what they hold, and what they say when they cannot."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from gridmap.exports import vector, write_layer
from layers.datum import shift
from layers.errors import DataBroken, WrongCall

NAMES = ["㙍𠮷", "", " x ", "a\r\nb", None]


def told(made) -> dict[tuple[str, str | None], int]:
    return {(notice.rule, notice.field): notice.rows for notice in made.warnings}


@pytest.fixture
def rich(points):
    return points(
        {
            "code": [f"33010100100100100{number}" for number in range(5)],
            "name": NAMES,
            "households": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "big": [2**60, 1, 2, 3, -(2**63)],
            "within_band": pd.array([True, None, False, True, False], dtype="boolean"),
            "area_m2": [0.1, 1e300, 1e-20, np.nan, 1 / 3],
            "valid_from": [pd.Timestamp("2024-02-29").date(), None, None, None, None],
            "at": pd.to_datetime(
                ["2024-02-29 08:30:00.123456", None, None, None, "1999-12-31 00:00:00"], format="ISO8601"
            ),
            "jsonlike": ['{"a": 1}', "[1]", "2024-01-01", "true", "=1+1"],
            "fid": [5, 5, 5, 5, 5],
        }
    )


def test_a_geopackage_holds_everything(tmp_path, rich):
    made = write_layer(rich, tmp_path / "city.gpkg", layer="facilities", format="geopackage")
    assert told(made) == {("time_rounded", "at"): 1, ("column_renamed", "fid"): 0}
    with closing(sqlite3.connect(tmp_path / "city.gpkg")) as base:
        rows = base.execute("SELECT name, big, within_band, valid_from, jsonlike, fid_2 FROM facilities").fetchall()
    assert [row[0] for row in rows] == NAMES
    assert [row[1] for row in rows] == rich["big"].tolist()
    assert [row[2] for row in rows] == [1, None, 0, 1, 0]
    assert rows[0][3:] == ("2024-02-29", '{"a": 1}', 5)
    got = pyogrio.read_dataframe(tmp_path / "city.gpkg")
    assert got["at"].tolist()[0] == pd.Timestamp("2024-02-29 08:30:00.123")
    assert got.crs.to_epsg() == 4549 and got.geometry.geom_equals(rich.geometry).all()


def test_a_geopackage_of_every_geometry_kind(tmp_path, shapes):
    dot, area = shapely.Point(500000, 3540000), shapely.box(500000, 3540000, 500010, 3540010)
    both = shapely.GeometryCollection([dot, area])
    made = write_layer(
        shapes(dot, area, None, shapely.Point(), both), tmp_path / "out", layer="green", format="geopackage"
    )
    assert told(made) == {}
    got = pyogrio.read_dataframe(tmp_path / "out" / "green.gpkg").geometry
    assert got[2] is None and got[3].is_empty and got[4].geom_type == "GeometryCollection"


def test_geopackage_headings_in_chinese(tmp_path, rich):
    write_layer(rich, tmp_path / "out", layer="micro_grids", format="geopackage", names="zh")
    got = pyogrio.read_dataframe(tmp_path / "out" / "micro_grids.gpkg")
    assert list(got.columns)[:3] == ["编码", "名称", "户数"]


def test_geojson_follows_rfc_7946(tmp_path, shapes):
    corner = (500000.123456, 3540000.654321)
    ring = [corner, (500000, 3540010), (500010, 3540010), (500010, 3540000)]  # clockwise
    frame = shapes(shapely.Polygon(ring), None)
    made = write_layer(frame, tmp_path / "out.geojson", layer="green", format="geojson")
    assert told(made) == {}
    page = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))
    assert "crs" not in page and page["features"][1]["geometry"] is None
    coordinates = page["features"][0]["geometry"]["coordinates"][0]
    assert shapely.LinearRing(coordinates).is_ccw
    wanted = gpd.GeoSeries([shapely.Point(corner)], crs=4549).to_crs(4326)[0]
    assert [round(wanted.x, 7), round(wanted.y, 7)] in coordinates
    assert all(round(number, 7) == number for pair in coordinates for number in pair)


def test_geojson_properties_keep_their_types(tmp_path, rich):
    made = write_layer(rich, tmp_path / "out.geojson", layer="facilities", format="geojson")
    assert told(made) == {("integer_as_text", "big"): 2}
    rows = [row["properties"] for row in json.loads((tmp_path / "out.geojson").read_bytes())["features"]]
    assert [row["name"] for row in rows] == NAMES
    assert [row["big"] for row in rows] == [str(2**60), "1", "2", "3", str(-(2**63))]
    assert [row["within_band"] for row in rows] == [True, None, False, True, False]
    assert [row["area_m2"] for row in rows] == [0.1, 1e300, 1e-20, None, 1 / 3]
    assert [row["jsonlike"] for row in rows] == rich["jsonlike"].tolist()
    assert rows[0]["valid_from"] == "2024-02-29" and rows[0]["at"] == "2024-02-29T08:30:00.123456"


def test_geojson_of_an_endless_number(tmp_path, points):
    made = write_layer(points({"area_m2": [np.inf, 1.5]}), tmp_path / "o.geojson", layer="facilities", format="geojson")
    assert told(made) == {("number_as_text", "area_m2"): 1}


def test_digits_after_zeros_survive(tmp_path):
    """GDAL takes the 8 of 32.0000008 for a rounding error and drops it: 9 cm."""
    places = [(120 + step * 1e-7, 32 + (9 - step) * 1e-7) for step in range(10)]
    frame = gpd.GeoDataFrame(
        {"code": list("0123456789")}, geometry=[shapely.Point(place) for place in places], crs=4326
    )
    write_layer(frame, tmp_path / "o.geojson", layer="facilities", format="geojson")
    features = json.loads((tmp_path / "o.geojson").read_bytes())["features"]
    got = np.array([feature["geometry"]["coordinates"] for feature in features])
    assert np.abs(got - places).max() < 1e-12


def test_a_sliver_that_rounding_spoils_is_told(tmp_path):
    # a neck of a tenth of the last decimal closes, and the polygon touches itself
    neck = [(0, 0), (5e-8, 4e-8), (1e-7, 0), (1e-7, 1e-7), (4e-8, 4e-8), (0, 1e-7)]
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.Polygon(neck)], crs=4326)
    assert frame.is_valid.all()
    made = write_layer(frame, tmp_path / "o.geojson", layer="green", format="geojson")
    assert told(made) == {("invalid_after_rounding", None): 1}


def test_kml_names_its_placemarks_and_says_what_went(tmp_path, rich):
    made = write_layer(rich, tmp_path / "out.kml", layer="facilities", format="kml")
    assert told(made) == {
        ("empty_text_as_null", "name"): 1, ("outer_spaces_lost", "name"): 1, ("line_breaks_unified", "name"): 1,
    }  # fmt: skip
    kml = "{http://www.opengis.net/kml/2.2}"
    marks = list(ElementTree.parse(tmp_path / "out.kml").iter(f"{kml}Placemark"))
    assert [mark.findtext(f"{kml}name") for mark in marks] == ["㙍𠮷", None, "x ", "a\nb", None]
    cells = {data.get("name"): data.text for data in marks[0].iter(f"{kml}SimpleData")}
    assert cells["big"] == str(2**60) and cells["within_band"] == "true" and cells["jsonlike"] == '{"a": 1}'
    got = pyogrio.read_dataframe(tmp_path / "out.kml", columns=[]).geometry
    assert shapely.force_2d(got.array)[0].equals_exact(rich.geometry.to_crs(4326)[0], 1e-12)


def test_kml_with_control_characters_and_unsafe_column_names(tmp_path, points):
    frame = points({"name": ["a\x01b"], 'a"><b': ["x"], "description": ["d"]})
    made = write_layer(frame, tmp_path / "out.kml", layer="facilities", format="kml")
    assert told(made) == {
        ("characters_removed", "name"): 1, ("column_renamed", 'a"><b'): 0, ("column_renamed", "description"): 0,
    }  # fmt: skip
    assert made.dictionary["short"].tolist() == ["name", "a___b", "description_2"]


@pytest.mark.parametrize("format", ["geopackage", "geojson", "kml"])
def test_a_table_or_an_empty_layer_is_written_too(tmp_path, points, format):
    table = pd.DataFrame({"micro_grid": ["330101001001001001"], "coverage": [0.5]})
    assert told(write_layer(table, tmp_path / "coverage", layer="coverage", format=format)) == {}
    made = write_layer(table, tmp_path / "table", layer="facilities", format=format)
    assert told(made) == {("table_only", None): 1}
    empty = points({"code": ["1"]}).iloc[:0]
    made = write_layer(empty, tmp_path / "empty", layer="facilities", format=format)
    assert told(made) == {("empty_layer", None): 0} and made.rows == 0


@pytest.mark.parametrize("format", ["geopackage", "geojson", "kml", "csv", "shapefile"])
def test_shifted_coordinates_say_so_in_name_readme_and_crs(tmp_path, points, format):
    frame = points({"code": ["1"]})
    made = write_layer(frame, tmp_path / "out", layer="facilities", format=format, datum="gcj02")
    assert told(made)[("shifted_datum", None)] == 1
    main = next(path for path in made.files if path.stem == "facilities_gcj02" and path.suffix not in (".cpg", ".shx"))
    readme = (tmp_path / "out" / "README.txt").read_text(encoding="utf-8-sig")
    assert "GCJ-02 (no EPSG code)" in readme and "不是 WGS 84" in readme
    here = frame.geometry.to_crs(4326)
    lon, lat = shift(here.x.to_numpy(), here.y.to_numpy(), source="wgs84", target="gcj02")
    if format == "csv":
        row = pd.read_csv(main)
        got = row["lon"][0], row["lat"][0]
    else:
        main = main.with_suffix(".shp") if format == "shapefile" else main
        read = pyogrio.read_dataframe(main, columns=[])
        got = read.geometry[0].x, read.geometry[0].y
        if format in ("shapefile", "geopackage"):
            assert read.crs.to_epsg() is None and "GCJ-02" in read.crs.name
    assert got == pytest.approx((lon[0], lat[0]), abs=1e-7)
    assert abs(lon[0] - here.x[0]) > 1e-3


@pytest.mark.parametrize("format", ["geojson", "kml"])
def test_no_other_crs_where_the_standard_allows_none(tmp_path, points, format):
    with pytest.raises(WrongCall, match="is always longitude and latitude of WGS 84, not EPSG:4547"):
        write_layer(points({"code": ["1"]}), tmp_path / "o", layer="facilities", format=format, crs="EPSG:4547")


def test_a_crs_that_cannot_hold_the_place_is_refused(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.Point(-150, 0)], crs=4326)
    with pytest.raises(WrongCall, match="cannot hold every coordinate"):
        write_layer(frame, tmp_path / "o", layer="facilities", format="geopackage", crs="EPSG:4549")


@pytest.mark.parametrize("format", ["geopackage", "geojson", "kml"])
@pytest.mark.parametrize("spoil", ["text", "number", "place", "row"])
def test_what_reads_back_otherwise_is_never_handed_over(tmp_path, points, monkeypatch, format, spoil):
    class Careless:
        read_dataframe = staticmethod(pyogrio.read_dataframe)

        @staticmethod
        def write_dataframe(table, path, **options):
            if spoil == "text":
                table = table.assign(code=table["code"].str[:1])
            elif spoil == "number":
                table = table.assign(area_m2=["9.5", "2.5"] if format == "kml" else [9.5, 2.5])
            elif spoil == "place":
                table = table.set_geometry(table.geometry.translate(0.001))
            else:
                table = table.iloc[:1]
            pyogrio.write_dataframe(table, path, **options)

    monkeypatch.setattr(vector, "pyogrio", Careless)
    says = {
        "text": "other values in code",
        "number": "1 other (values|numbers) in area_m2",
        "place": "other geometries",
        "row": "1 rows instead of 2",
    }[spoil]
    frame = points({"code": ["12", "34"], "area_m2": [1.5, 2.5]})
    with pytest.raises(DataBroken, match=says):
        write_layer(frame, tmp_path / "out", layer="facilities", format=format)
    assert list(tmp_path.iterdir()) == []
