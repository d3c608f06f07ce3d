"""Coordinates in tables: named, swapped, missing, absurd, in another datum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from layers.datum import shift
from layers.errors import BadSettings, CrsMismatch, UnknownDatum
from layers.findings import Findings
from layers.places import place_columns, shift_geometry, to_points
from layers.schema import layer


def points(lon: list, lat: list, datum: str | None = "wgs84", **more):
    table = pd.DataFrame({"name": [f"n{i}" for i in range(len(lon))], "lon": lon, "lat": lat}, dtype="str")
    table = table.assign(source_row=range(2, 2 + len(lon)))
    findings = Findings()
    return to_points(table, layer("incidents"), datum=datum, findings=findings, file="i.csv", **more), findings


@pytest.mark.parametrize(
    ("columns", "found"),
    [(["lon", "lat"], ("lon", "lat")), (["LNG", "Lat"], ("LNG", "Lat")),
     (["经度(°)", "纬度(°)"], ("经度(°)", "纬度(°)")),
     (["Longitude", "Latitude", "x", "y"], ("Longitude", "Latitude")), (["X", "Y"], ("X", "Y")), (["WKT"], ("WKT",)),
     (["lon", "lat", "wkt"], ("lon", "lat")), (["lon"], None), (["name"], None)],
)  # fmt: skip
def test_columns_that_say_where(columns: list, found: tuple | None) -> None:
    assert place_columns(columns) == found


def test_mapping_names_the_columns() -> None:
    assert place_columns(["东", "北", "lon", "lat"], mapping={"lon": "东", "lat": "北"}) == ("东", "北")
    assert place_columns(["形", "lon", "lat"], mapping={"wkt": "形"}) == ("形",)
    with pytest.raises(BadSettings, match=r"'西'.*lon, lat"):
        place_columns(["lon", "lat"], mapping={"lon": "西"})


def test_every_row_is_kept_and_every_fault_is_named() -> None:
    frame, findings = points(
        ["118.78", "32.04", "", "x", "0", "500", "118,79", "１１８．８"],
        ["32.04", "118.78", "32", "32", "0", "32", "32.05", "32.1"],
    )
    assert len(frame) == 8 and frame.crs.to_epsg() == 4326
    assert frame.columns.tolist() == ["name", "lon", "lat", "source_row", "geometry"]  # what is unusable stays to see
    assert frame.geometry.is_empty.tolist() == [False, False, True, True, True, True, True, False]
    assert frame.geometry.iloc[1].equals(frame.geometry.iloc[0])
    assert [(item.rule, item.row) for item in findings] == [
        ("lon_lat_swapped", 3), ("no_coordinates", 4), ("no_coordinates", 5), ("no_coordinates", 8),
        ("absurd_coordinates", 6), ("absurd_coordinates", 7),
    ]  # fmt: skip
    assert "'x, 32'" in findings.items[2].what


@pytest.mark.parametrize("place", [(10.75, 59.91), (25.8, 71.0), (-70.0, -53.0), (39.9, 50.0)])
def test_far_northern_places_are_not_taken_for_swapped(place: tuple[float, float]) -> None:
    frame, findings = points([str(place[0])], [str(place[1])])
    assert (frame.geometry.x[0], frame.geometry.y[0]) == place and len(findings) == 0


def test_datum_must_be_named_and_is_used() -> None:
    with pytest.raises(UnknownDatum, match=r"i\.csv.*lon, lat.*gcj02"):
        points(["118.78"], ["32.04"], datum=None)
    frame, _ = points(["118.78"], ["32.04"], datum="gcj02")
    assert (frame.geometry.x[0], frame.geometry.y[0]) == shift(118.78, 32.04, source="gcj02", target="wgs84")


def test_baidu_metres_and_other_metres() -> None:
    x, y = shift(118.78, 32.04, source="wgs84", target="bd09mc")
    frame, findings = points([str(x), "3e7"], [str(y), "1"], datum="bd09mc")
    assert frame.geometry.x[0] == pytest.approx(118.78, abs=1e-9)
    assert [item.rule for item in findings] == ["absurd_coordinates"]
    with pytest.raises(CrsMismatch, match=r"without a zone number.*669000.*EPSG:4549 121"):
        points(["669000", ""], ["3546000", ""])


def test_wkt() -> None:
    table = pd.DataFrame({"WKT": ["POINT Z (1 2 3)", "POINT (1", None], "source_row": [2, 3, 4]})
    findings = Findings()
    frame = to_points(table, layer("incidents"), datum="wgs84", findings=findings)
    assert frame.geometry.to_wkt().tolist() == ["POINT (1 2)", "POINT EMPTY", "POINT EMPTY"]
    assert [(item.rule, item.row) for item in findings] == [("unreadable_wkt", 3), ("no_coordinates", 4)]


def test_a_table_without_coordinates_needs_no_datum() -> None:
    assert to_points(pd.DataFrame({"name": ["a"], "source_row": [2]}), layer("incidents"), datum=None,
                     findings=Findings()) is None  # fmt: skip


def test_shift_geometry_moves_every_vertex() -> None:
    hole = shapely.Polygon([(118, 32), (119, 32), (119, 33)], [[(118.8, 32.1), (118.9, 32.1), (118.9, 32.2)]])
    there = shapely.transform(hole, lambda c: np.column_stack(shift(c[:, 0], c[:, 1], source="wgs84", target="bd09")))
    back = shift_geometry(np.array([there]), "bd09")[0]
    assert shapely.equals_exact(back, hole, tolerance=1e-8) and not shapely.equals_exact(there, hole, tolerance=1e-3)
    assert shift_geometry(np.array([hole]), "cgcs2000")[0] is hole


def one_column(cells: list, heading: str = "坐标", **more):
    table = pd.DataFrame({heading: cells}, dtype="str").assign(source_row=range(2, 2 + len(cells)))
    findings = Findings()
    return to_points(table, layer("incidents"), datum="wgs84", findings=findings, file="i.csv", **more), findings


@pytest.mark.parametrize(
    ("cells", "heading"),
    [(["118.78,32.04"], "坐标"), (["32.04，118.78"], "经纬度"), (["POINT(118.78 32.04)"], "location"),
     (["(32.04, 118.78)"], "GeoLocation"), (["3400 BLVD\n(32.04, 118.78)"], "Location"), (["118.78 32.04"], "lnglat"),
     (["东经118°46′48″，北纬32°2′24″"], "坐标"), (["[118.78;32.04]"], "gps"), (["SRID=4326;POINT(118.78 32.04)"],
         "wkt")],
)  # fmt: skip
def test_both_numbers_in_one_cell(cells: list, heading: str) -> None:
    frame, _ = one_column(cells, heading)
    assert (frame.geometry.x[0], frame.geometry.y[0]) == pytest.approx((118.78, 32.04), abs=1e-9)


def test_a_bracket_with_small_degrees_stands_latitude_first() -> None:
    frame, findings = one_column(["(39.29, -76.61)", ""], "GeoLocation")
    assert (frame.geometry.x[0], frame.geometry.y[0]) == (-76.61, 39.29)
    assert [item.rule for item in findings] == ["latitude_first", "no_coordinates"]


def test_a_column_called_location_that_holds_addresses_is_none() -> None:
    table = pd.DataFrame({"location": ["中山路1号", "中山路2号"], "source_row": [2, 3]})
    assert to_points(table, layer("incidents"), datum=None, findings=Findings()) is None


def test_degrees_minutes_and_seconds() -> None:
    frame, findings = points(["118°46′48″E", "118度46.8分"], ["32°02′24\"N", "N32.04"])
    assert frame.geometry.x.round(9).tolist() == [118.78, 118.78] and frame.geometry.y.round(9).tolist() == [32.04] * 2
    assert len(findings) == 0


def test_columns_without_a_heading_are_found_by_their_values() -> None:
    table = pd.DataFrame({"a": ["32.0412", "32.0500"], "b": ["118.7812", "118.7900"], "n": ["118.5", "3"]})
    findings = Findings()
    frame = to_points(table.assign(source_row=[2, 3]), layer("incidents"), datum="wgs84", findings=findings)
    assert frame.geometry.x.tolist() == [118.7812, 118.79]
    assert [item.rule for item in findings] == ["coordinates_by_value"]


@pytest.mark.parametrize("epsg", [4526, 4528, 4513, 4533, 4497, 4501])
@pytest.mark.parametrize("north_first", [False, True])
def test_gauss_krueger_with_a_zone_number(epsg: int, north_first: bool) -> None:
    crs = pyproj.CRS.from_epsg(epsg)
    area = crs.area_of_use
    lon, lat = (area.west + area.east) / 2 + 0.3, 36.0
    east, north = pyproj.Transformer.from_crs(4490, crs, always_xy=True).transform(lon, lat)
    cells = ([str(north)], [str(east)]) if north_first else ([str(east)], [str(north)])
    frame, findings = points(*cells)
    assert (frame.geometry.x[0], frame.geometry.y[0]) == pytest.approx((lon, lat), abs=1e-8)
    assert [item.rule for item in findings] == ["projected"]


@pytest.mark.parametrize("epsg", [4547, 4549, 4507])
def test_gauss_krueger_without_a_zone_number_needs_a_name(epsg: int) -> None:
    crs = pyproj.CRS.from_epsg(epsg)
    east, north = pyproj.Transformer.from_crs(4490, crs, always_xy=True).transform(crs.area_of_use.west + 1, 30.0)
    with pytest.raises(CrsMismatch, match="source_crs"):
        points([str(east)], [str(north)])
    frame, _ = points([str(north)], [str(east)], crs=crs)
    assert frame.geometry.x[0] == pytest.approx(crs.area_of_use.west + 1, abs=1e-8)


def test_a_point_of_round_degrees_shared_by_many_is_no_place() -> None:
    lon, lat = ["-77"] * 12 + ["-76.61", "-76.5"], ["39.0"] * 12 + ["39.29", "39.1"]
    frame, findings = points(lon, lat)
    assert frame.geometry.is_empty.tolist() == [True] * 12 + [False, False]
    assert {item.rule for item in findings} == {"placeholder"} and len(findings) == 12
    assert frame["lon"].tolist() == lon  # nothing is lost


def test_metres_that_may_be_web_mercator_or_a_far_western_zone_are_asked_about() -> None:
    east, north = pyproj.Transformer.from_crs(4490, 4491, always_xy=True).transform(75.3, 39.5)
    with pytest.raises(CrsMismatch, match="EPSG:3857"):
        points([str(east)], [str(north)])
    frame, _ = points([str(east)], [str(north)], crs=pyproj.CRS.from_epsg(4491))
    assert frame.geometry.x[0] == pytest.approx(75.3, abs=1e-8)
