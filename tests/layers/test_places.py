"""Coordinates in tables: named, swapped, missing, absurd, in another datum."""

from __future__ import annotations

import numpy as np
import pandas as pd
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
    assert frame.columns.tolist() == ["name", "source_row", "geometry"]
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
    with pytest.raises(CrsMismatch, match=r"not degrees.*669000"):
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
