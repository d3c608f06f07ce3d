"""Attaching: the four steps of the rule on a drawn block, its laws, and every wrong call.

        0        100       200              The town: three micro-grids in a row, `003` twice as long, and a tower
    100 +---------+---------+---------+     in 002 whose footprint the micro-grids 901 and 902 share.
        |   001   |   002   |   003   |
        |         |  [90x]  |         |     [90x] = box(140, 40, 160, 60)
      0 +---------+---------+---------+     300
"""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

from gridmap.micro_grids.attach import ATTACHED_BY, attach, attach_findings
from layers.errors import CrsMismatch, WrongCall

CRS = "EPSG:4549"
GRID = "330106001001001"
RNG = np.random.default_rng(7)


def things(*shapes: object, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(list(shapes), crs=CRS))


@pytest.fixture(scope="module")
def row() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": [GRID + "003", GRID + "001", GRID + "002"]},
        geometry=[box(200, 0, 300, 100), box(0, 0, 100, 100), box(100, 0, 200, 100)],
        crs=CRS,
    )


def outcome(points: gpd.GeoDataFrame, micro_grids: gpd.GeoDataFrame, **options: float) -> list[tuple]:
    attached = attach(points, micro_grids, **options)
    ends = attached["micro_grid"].str[-3:].astype(object).where(attached["micro_grid"].notna(), None)
    return list(zip(ends, attached["attached_by"], strict=True))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Point(50, 50), ("001", "within")),
        (Point(0, 0), ("001", "within")),
        (Point(100, 50), ("001", "border_rule")),
        (Point(200, 100), ("002", "border_rule")),
        (Point(310, 50), ("003", "nearest")),
        (Point(100, 130), ("001", "nearest")),
        (Point(350, 50), ("003", "nearest")),
        (Point(350.001, 50), (None, "none")),
        (Point(), (None, "none")),
        (None, (None, "none")),
        (Point(np.nan, 50), (None, "none")),
        (box(90, 0, 130, 10), ("002", "within")),
        (shapely.LineString([(50, 50), (60, 50), (70, 50)]), ("001", "within")),
    ],
)
def test_each_step_of_the_rule(row, shape, expected):
    assert outcome(things(shape), row) == [expected]


def test_distance_is_zero_inside_metres_beside_and_null_for_none(row):
    attached = attach(things(Point(50, 50), Point(100, 50), Point(303, 104), Point(999, 0)), row)
    assert attached["attach_distance_m"].tolist()[:3] == [0, 0, 5]
    assert np.isnan(attached["attach_distance_m"].iloc[3])


def test_units_above_are_prefixes_of_the_code(row):
    attached = attach(things(Point(50, 50), Point(999, 0)), row)
    assert attached.loc[0, ["micro_grid", "grid", "community"]].tolist() == [GRID + "001", GRID, GRID[:12]]
    assert attached.loc[1, ["micro_grid", "grid", "community"]].isna().all()


def test_a_code_of_another_length_names_no_units_above(row):
    attached = attach(things(Point(50, 50)), row.assign(code=["c", "a", "b"]))
    assert attached.loc[0, "micro_grid"] == "a"
    assert attached.loc[0, ["grid", "community"]].isna().all()


def test_limit_is_the_callers(row):
    assert outcome(things(Point(310, 50)), row, nearest_m=9.9) == [(None, "none")]
    assert outcome(things(Point(310, 50), Point(300, 50)), row, nearest_m=0) == [(None, "none"), ("003", "within")]


@pytest.mark.parametrize("order", list(itertools.permutations("1234")))
def test_of_four_that_are_equally_near_the_smallest_code_takes_it(order):
    around = [box(10, -5, 20, 5), box(-20, -5, -10, 5), box(-5, 10, 5, 20), box(-5, -20, 5, -10)]
    blocks = gpd.GeoDataFrame({"code": order}, geometry=around, crs=CRS)
    assert outcome(things(Point(0, 0)), blocks) == [("1", "nearest")]


def test_a_tower_shared_by_two_micro_grids_goes_to_the_smaller_code():
    tower = gpd.GeoDataFrame(
        {"code": [GRID + "902", GRID + "901"]}, geometry=[box(140, 40, 160, 60)] * 2, crs=CRS
    )
    assert outcome(things(Point(150, 50), Point(170, 50)), tower) == [("901", "border_rule"), ("901", "nearest")]


def test_what_a_person_placed_stays(row):
    points = things(
        Point(50, 50), Point(50, 50), Point(), attached_by=["manual", None, "manual"],
        micro_grid=[GRID + "003", GRID + "003", GRID + "002"],
    )
    assert outcome(points, row) == [("003", "manual"), ("001", "within"), ("002", "manual")]
    attached = attach(points, row)
    assert attached["attach_distance_m"].iloc[0] == 150
    assert attached["grid"].iloc[0] == GRID
    # twice over changes nothing
    assert attach(attached, row).equals(attached)


def test_what_a_person_placed_in_a_micro_grid_that_is_gone_is_attached_by_place_and_told(row):
    points = things(
        Point(50, 50), Point(50, 50), attached_by=["manual"] * 2, micro_grid=[GRID + "999", None], code=["shop", "b"]
    )
    assert outcome(points, row) == [("001", "within"), ("001", "within")]
    attached = attach(points, row)
    assert attached.attrs["manual_lost"] == {0: GRID + "999"}
    [finding] = attach_findings(attached, "facilities", row)
    assert (finding.rule, finding.level, finding.code) == ("attach_manual_lost", "warning", "shop")
    assert GRID + "999" in finding.what
    assert "manual_lost" not in attach(attached, row).attrs


def test_input_is_left_alone_and_columns_index_and_order_stay(row):
    points = things(Point(250, 50), Point(50, 50), name=["乙", "甲"], code=["2", "1"]).set_index(pd.Index([9, 4]))
    before = points.copy()
    attached = attach(points, row)
    assert points.equals(before)
    assert attached.index.tolist() == [9, 4]
    assert attached.columns.tolist()[:3] == ["name", "code", "geometry"]
    assert attached[before.columns].equals(before)


def test_nothing_to_attach_and_nothing_to_attach_to(row):
    none = attach(things(Point(1, 1)).iloc[:0], row)
    assert len(none) == 0
    assert {"micro_grid", "grid", "community", "attached_by", "attach_distance_m"} <= set(none.columns)
    assert outcome(things(Point(1, 1), Point()), row.iloc[:0]) == [(None, "none")] * 2
    assert outcome(things(Point(1, 1)), row.assign(geometry=[None] * 3)) == [(None, "none")]


def test_findings_tell_of_borders_once_and_of_the_rest_one_by_one(row):
    points = things(
        Point(100, 50), Point(200, 50), Point(303, 104), Point(500, 50), None, Point(5, 5),
        code=["a", "b", "c", None, "e", "f"], source_row=[2, 3, 4, 5, 6, 7],
    )
    found = attach_findings(attach(points, row), "facilities", row)
    assert [(item.rule, item.level, item.row, item.code) for item in found] == [
        ("attach_border", "note", None, None),
        ("attach_nearest", "note", 4, "c"),
        ("attach_none", "warning", 5, None),
        ("attach_none", "warning", 6, "e"),
    ]
    border, near, far, empty = (item.what for item in found)
    assert border.startswith("2 lie on a border")
    assert near == "c lies 5.0 m outside every micro-grid"
    assert far == "row 5 lies 200.0 m from the nearest micro-grid"
    assert empty == "e has no place (empty geometry)"


def test_findings_need_neither_codes_nor_micro_grids(row):
    found = list(attach_findings(attach(things(Point(500, 50), Point(5, 5)), row), "incidents"))
    assert [(item.rule, item.what, item.row) for item in found] == [
        ("attach_none", "row 0 lies too far from every micro-grid", None)
    ]
    assert not attach_findings(attach(things(Point(5, 5)), row), "incidents", row)


# ---- laws

# whole metres, so that many points fall on borders and corners
SPOTS = st.lists(st.tuples(st.integers(-60, 360), st.integers(-60, 160)), min_size=1, max_size=30)


@given(spots=SPOTS, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_order_of_rows_never_matters(spots, seed):
    rng = np.random.default_rng(seed)
    micro_grids = gpd.GeoDataFrame(
        {"code": [GRID + f"{n:03d}" for n in range(1, 13)]},
        geometry=[box(x, y, x + 100, y + 50) for x in (0, 100, 200) for y in (0, 50)] * 2, crs=CRS,
    )
    points = things(*map(Point, spots))
    once = attach(points, micro_grids)
    shuffled = rng.permutation(len(points))
    again = attach(points.iloc[shuffled], micro_grids.iloc[rng.permutation(len(micro_grids))])
    pd.testing.assert_frame_equal(pd.DataFrame(again.sort_index()), pd.DataFrame(once))


@given(spots=SPOTS)
@settings(max_examples=60, deadline=None)
def test_attaching_is_a_partition_that_agrees_with_plain_distances(spots):
    micro_grids = gpd.GeoDataFrame(
        {"code": [GRID + f"{n:03d}" for n in (3, 1, 2)]},
        geometry=[box(200, 0, 300, 100), box(0, 0, 100, 100), box(100, 0, 200, 100)], crs=CRS,
    )
    attached = attach(things(*map(Point, spots)), micro_grids)
    assert set(attached["attached_by"]) <= set(ATTACHED_BY)
    held = attached["micro_grid"].notna()
    assert (held == (attached["attached_by"] != "none")).all()
    assert attached["micro_grid"].value_counts().sum() == held.sum()
    # the plain rule, thing by thing: all distances, the smallest code among the least
    for spot, found, away in zip(spots, attached["micro_grid"], attached["attach_distance_m"], strict=True):
        metres = {code: shape.distance(Point(spot)) for code, shape in micro_grids.set_index("code").geometry.items()}
        least = min(metres.values())
        if least > 50:
            assert pd.isna(found)
        else:
            assert found == min(code for code, far in metres.items() if far == least)
            assert away == least


@pytest.mark.district
def test_every_building_of_a_real_district_finds_the_block_that_sjoin_finds(shared_data):
    buildings = gpd.read_file(shared_data / "monaco" / "monaco.gpkg", layer="buildings").to_crs("EPSG:32632")
    spots = gpd.GeoDataFrame(geometry=buildings.representative_point())
    west, south, east, north = spots.total_bounds
    tiles = [box(x, y, x + 150, y + 150) for x in np.arange(west, east, 150) for y in np.arange(south, north, 150)]
    squares = gpd.GeoDataFrame({"code": [f"{n:018d}" for n in RNG.permutation(len(tiles))]}, geometry=tiles,
                               crs="EPSG:32632")
    attached = attach(buildings, squares)
    joined = spots.sjoin(squares, predicate="intersects").groupby(level=0)["code"].min()
    assert (attached["micro_grid"] == joined.reindex(attached.index)).all()
    assert set(attached["attached_by"]) <= {"within", "border_rule"}


# ---- wrong calls


def test_frames_in_different_systems_or_in_degrees_are_refused(row):
    spot = things(Point(5, 5))
    with pytest.raises(CrsMismatch, match=r"points are in .*micro_grids in .*to_crs"):
        attach(spot.set_crs("EPSG:4550", allow_override=True), row)
    with pytest.raises(CrsMismatch, match="points are in degrees"):
        attach(spot.set_crs("EPSG:4326", allow_override=True), row.set_crs("EPSG:4326", allow_override=True))
    with pytest.raises(CrsMismatch, match="points are not in metres"):
        attach(spot.set_crs("EPSG:2263", allow_override=True), row.set_crs("EPSG:2263", allow_override=True))
    with pytest.raises(CrsMismatch, match="micro_grids have no CRS"):
        attach(spot, gpd.GeoDataFrame({"code": ["1"]}, geometry=[box(0, 0, 1, 1)]))


def test_codes_that_are_no_codes_are_refused(row):
    spot = things(Point(5, 5))
    with pytest.raises(WrongCall, match="no column 'code'"):
        attach(spot, row.drop(columns="code"))
    with pytest.raises(WrongCall, match="not text"):
        attach(spot, row.assign(code=[1, 2, 3]))
    with pytest.raises(WrongCall, match=f"code {GRID}001 stands twice"):
        attach(spot, row.assign(code=[GRID + "001"] * 3))


@pytest.mark.parametrize("nearest_m", [-1, float("nan"), float("inf"), "50"])
def test_a_limit_that_is_no_distance_is_refused(row, nearest_m):
    with pytest.raises(WrongCall, match="nearest_m must be metres, 0 or more"):
        attach(things(Point(5, 5)), row, nearest_m=nearest_m)


def test_a_plain_table_is_refused(row):
    with pytest.raises(WrongCall, match="points must be a GeoDataFrame, not DataFrame"):
        attach(pd.DataFrame({"x": [1]}), row)
