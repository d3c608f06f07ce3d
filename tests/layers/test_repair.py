"""Geometry mended, and nothing lost without a word."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis.strategies import floats, lists, tuples

from layers.findings import Findings
from layers.repair import clear_absurd, repair
from layers.schema import layer

BOX = shapely.box(0, 0, 10, 10)
BOWTIE = shapely.Polygon([(0, 0), (20, 20), (20, 0), (0, 20)])
SPIKE = shapely.Polygon([(0, 0), (10, 0), (10, 10), (10, 30), (10, 10), (0, 10)])
POINT = shapely.Point(5, 5)
LINE = shapely.LineString([(0, 0), (9, 9)])
MIXED = shapely.GeometryCollection([POINT, LINE, BOX, shapely.box(20, 0, 30, 10)])


def mend(geometry: list, name: str, /, **columns: list) -> tuple[gpd.GeoDataFrame, Findings]:
    findings = Findings()
    rows = range(1, len(geometry) + 1)
    frame = gpd.GeoDataFrame({"source_row": rows, **columns}, geometry=geometry, crs=4549)
    return repair(frame, layer(name), findings=findings, file="x.shp"), findings


def rules(findings: Findings) -> list[tuple[str, int | None, str]]:
    return [(item.rule, item.row, item.level) for item in findings]


def test_sound_geometry_is_left_alone() -> None:
    frame, findings = mend([BOX, shapely.box(20, 0, 30, 10)], "districts")
    assert frame.geometry.iloc[0] is BOX or frame.geometry.iloc[0].equals_exact(BOX, 0)
    assert len(frame) == 2 and len(findings) == 0


@pytest.mark.parametrize("broken", [BOWTIE, SPIKE])
def test_invalid_areas_are_mended_and_said(broken: shapely.Polygon) -> None:
    frame, findings = mend([broken], "districts")
    assert frame.geometry.is_valid.all() and frame.geometry.iloc[0].geom_type in ("Polygon", "MultiPolygon")
    assert rules(findings) == [("invalid_geometry", 1, "warning")]
    assert "elf-intersection" in findings.items[0].what and findings.items[0].file == "x.shp"


def test_what_geos_leaves_invalid_is_mended_too() -> None:
    ring = shapely.Polygon([(0, 1), (0, 0), (1, 1), (1, 0), (0, 0), (1, 1)])
    frame, _ = mend([ring], "districts")
    assert frame.geometry.is_valid.all() and frame.area.iloc[0] == pytest.approx(1.0)


millimetres = floats(0, 100).map(lambda metres: round(metres, 3))


@settings(deadline=None)  # a busy machine is no fault of a ring
@given(lists(tuples(millimetres, millimetres), min_size=4, max_size=9))
def test_any_ring_ends_valid_or_left_out_and_said(ring: list[tuple[float, float]]) -> None:
    frame, findings = mend([shapely.Polygon(ring)], "districts")
    assert frame.geometry.is_valid.all() and (frame.area > 0).all()
    assert len(frame) == 1 or [item.rule for item in findings if item.level == "error"] == ["no_geometry"]


def test_holes_stay_holes() -> None:
    # two holes that overlap: the linework method would fill their common part
    ground = shapely.Polygon(BOX.exterior, [shapely.box(2, 2, 6, 6).exterior, shapely.box(4, 4, 8, 8).exterior])
    frame, _ = mend([ground], "green")
    assert frame.area.iloc[0] == pytest.approx(100 - 28)


def test_collections_keep_the_parts_of_their_own_kind() -> None:
    frame, findings = mend([MIXED], "districts")
    assert frame.geometry.iloc[0].geom_type == "MultiPolygon" and frame.area.iloc[0] == 200
    assert rules(findings) == [("mixed_geometry", 1, "warning")]
    assert mend([MIXED], "roads")[0].geometry.iloc[0].equals(LINE)
    assert mend([MIXED], "incidents")[0].geometry.iloc[0].equals(POINT)
    nested = shapely.GeometryCollection([shapely.GeometryCollection([BOX, POINT])])
    assert mend([nested], "districts")[0].geometry.iloc[0].equals(BOX)


def test_layers_of_areas_leave_rows_without_geometry_out_and_name_each() -> None:
    frame, findings = mend([None, shapely.Polygon(), BOX, POINT, LINE], "districts", code=["a", "b", "c", "d", "e"])
    assert frame["source_row"].tolist() == [3] and frame.index.tolist() == [0]
    assert rules(findings) == [("no_geometry", 1, "error"), ("no_geometry", 2, "error"),
                               ("wrong_geometry", 4, "error"), ("wrong_geometry", 5, "error")]  # fmt: skip
    assert findings.items[0].code == "a" and findings.items[3].what == "row 5: not area: 'line'"


def test_an_area_without_extent_is_left_out_and_said() -> None:
    flat = shapely.Polygon([(0, 0), (5, 5), (9, 9)])
    frame, findings = mend([flat, BOX], "districts")
    assert len(frame) == 1
    assert rules(findings) == [("invalid_geometry", 1, "warning"), ("no_geometry", 1, "error")]


def test_layers_of_points_keep_rows_without_a_place() -> None:
    frame, findings = mend([POINT, None, shapely.Polygon()], "incidents")
    assert len(frame) == 3 and frame.geometry.is_empty.tolist() == [False, True, True]
    assert frame.geometry.geom_type.tolist() == ["Point"] * 3 and len(findings) == 0


def test_several_points_become_their_middle() -> None:
    frame, findings = mend([shapely.MultiPoint([(1, 1)]), shapely.MultiPoint([(0, 0), (2, 4)])], "facilities")
    assert frame.geometry.to_wkt().tolist() == ["POINT (1 1)", "POINT (1 2)"]
    assert rules(findings) == [("several_points", 2, "warning")]


def test_areas_are_welcome_among_facilities_and_points_among_buildings() -> None:
    assert mend([BOX, POINT], "facilities")[0].geometry.geom_type.tolist() == ["Polygon", "Point"]
    frame, findings = mend([BOX, POINT, None], "buildings")
    assert len(frame) == 2 and rules(findings) == [("no_geometry", 3, "error")]


def test_a_layer_that_is_all_wrong_is_one_finding() -> None:
    frame, findings = mend([POINT] * 50, "roads")
    assert len(frame) == 0 and rules(findings) == [("wrong_geometry", None, "error")]
    assert "all 50 rows are point, and roads must be line" in findings.items[0].what


def test_strays_are_said() -> None:
    x = [0.0] * 30 + [300_000.0]
    _, findings = mend(gpd.points_from_xy(x, np.arange(31.0)).tolist(), "incidents")
    assert rules(findings) == [("far_away", 31, "warning")]


def test_heaps_on_one_point_are_said() -> None:
    _, findings = mend([POINT] * 25 + gpd.points_from_xy(range(100), range(100)).tolist(), "incidents")
    assert [item.rule for item in findings] == ["same_place"]
    assert findings.items[0].what.startswith("26 of 125 rows lie on one point") and "1-25, 31" in findings.items[0].what
    assert mend([POINT] * 19, "incidents")[1].counts() == {}


def test_twins_are_said_but_not_those_that_are_meant() -> None:
    turned = shapely.Polygon([(10, 10), (0, 10), (0, 0), (10, 0)])
    _, findings = mend([BOX, turned], "buildings")
    assert rules(findings) == [("same_geometry", 2, "warning")]
    assert len(mend([BOX, BOX], "micro_grids", stack=["s", "s"], floor_from=[1, 9])[1]) == 0
    assert len(mend([POINT, POINT], "facilities", name=["a", "b"], kind=["x", "x"])[1]) == 0
    assert rules(mend([POINT, POINT], "facilities", name=["a", "a"], kind=["x", "x"])[1])
    assert len(mend([POINT, POINT], "incidents")[1]) == 0


def test_absurd_coordinates_are_taken_away_and_said() -> None:
    geometry = [shapely.Point(7, 43), shapely.Point(181, 43), shapely.Point(7, -91), shapely.box(7, 43, 999, 44), None]
    findings = Findings()
    frame = gpd.GeoDataFrame({"source_row": range(1, 6)}, geometry=geometry, crs=4326)
    cleared = clear_absurd(frame, layer("facilities"), findings=findings)
    assert cleared.geometry.is_empty.tolist()[:4] == [False, True, True, True] and len(cleared) == 5
    assert rules(findings) == [("absurd_coordinates", row, "warning") for row in (2, 3, 4)]
    points = [shapely.Point(5e5, 3e6), shapely.Point(np.inf, 1)]
    metric = gpd.GeoDataFrame({"source_row": [1, 2]}, geometry=points, crs=4549)
    assert clear_absurd(metric, layer("facilities"), findings=findings).geometry.is_empty.tolist() == [False, True]
