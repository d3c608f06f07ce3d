"""The border inbox, what areas cover, and attaching again after a change."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

from gridmap.micro_grids.attach import attach, attach_changes
from gridmap.micro_grids.attach_inbox import REASONS, border_inbox
from gridmap.micro_grids.attach_overlaps import overlaps, service_areas
from gridmap.micro_grids.attach_pairs import runs_in_boxes
from layers.errors import WrongCall

CRS = "EPSG:4549"
GRID = "330483001001001"


@pytest.fixture
def row() -> gpd.GeoDataFrame:
    """Three squares of 100 m in a row; the last is a tower that two micro-grids share.

    ::

        100 +------+------+------+
            |  001 |  002 | 003  |
            |      |      | 004  |
          0 +------+------+------+
            0     100    200    300
    """
    squares = [box(x, 0, x + 100, 100) for x in (0, 100, 200, 200)]
    codes = [f"{GRID}{n:03d}" for n in (1, 2, 3, 4)]
    return gpd.GeoDataFrame({"code": codes, "stack": [None, None, "t", "t"]}, geometry=squares, crs=CRS)


def things(*places, **columns) -> gpd.GeoDataFrame:
    columns = columns or {"code": [f"x{at}" for at in range(len(places))]}
    return gpd.GeoDataFrame(columns, geometry=list(places), crs=CRS)


def test_the_inbox_lists_each_reason_once_and_counts_them(row):
    points = things(
        Point(50, 50), Point(100, 50), Point(98.5, 50), Point(250, 50), Point(330, 50), Point(900, 50), None,
        Point(0.5, 50), Point(200, 50), Point(60, 60),
        code=["inside", "tie", "near", "tower", "stray", "far", "nowhere", "outer edge", "tower side", "by hand"],
    )
    points["micro_grid"] = [None] * 9 + [f"{GRID}999"]
    points["attached_by"] = [None] * 9 + ["manual"]
    inbox = border_inbox(attach(points, row), row, layer="facilities")
    listed = dict(zip(inbox["code"], inbox["reason"], strict=True))
    assert listed == {
        "tie": "tie", "near": "near_border", "tower": "shared_footprint", "stray": "stray", "far": "outside",
        "nowhere": "no_place", "tower side": "tie", "by hand": "manual_lost",
    }
    assert [reason for reason in REASONS if reason in inbox.attrs["counts"]] == list(inbox.attrs["counts"])
    assert sum(inbox.attrs["counts"].values()) == len(inbox)
    near = inbox[inbox["code"] == "near"].iloc[0]
    assert (near["micro_grid"], near["others"], near["distance_m"]) == (f"{GRID}001", f"{GRID}002", 1.5)
    side = inbox[inbox["code"] == "tower side"].iloc[0]
    assert (side["micro_grid"], side["others"]) == (f"{GRID}002", f"{GRID}003 {GRID}004")
    assert inbox[inbox["code"] == "stray"]["distance_m"].tolist() == [30.0]


def test_the_inbox_is_empty_where_all_is_clear_and_refuses_what_is_no_distance(row):
    inside = attach(things(Point(50, 50)), row)
    assert len(border_inbox(inside, row, layer="incidents")) == 0
    assert len(border_inbox(inside, row, layer="incidents", near_m=60)) == 1
    with pytest.raises(WrongCall, match="near_m"):
        border_inbox(inside, row, layer="incidents", near_m=-1)


def test_areas_cover_what_they_overlap_and_not_what_they_touch(row):
    park, touching = box(50, 0, 150, 100), box(-50, 0, 0, 100)
    table = overlaps(things(park, touching, Point(5, 5), None), row, layer="green")
    assert table["code"].tolist() == ["x0", "x0"]
    assert table["micro_grid"].str[-3:].tolist() == ["001", "002"]
    assert table["share_of_micro_grid"].tolist() == [0.5, 0.5]
    assert table["share_of_area"].tolist() == [0.5, 0.5]
    # a whole district over all of it: every micro-grid wholly, the tower's twice
    whole = overlaps(things(box(-10, -10, 310, 110)), row, layer="estates")
    assert whole["share_of_micro_grid"].tolist() == [1.0] * 4


@given(st.lists(st.tuples(st.integers(-50, 250), st.integers(-50, 90), st.integers(1, 120)), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_shares_of_an_area_inside_the_plan_add_up_to_one(squares):
    tiles = [box(x, y, x + 50, y + 50) for x in range(-100, 400, 50) for y in range(-100, 300, 50)]
    plan = gpd.GeoDataFrame({"code": [f"{n:018d}" for n in range(len(tiles))]}, geometry=tiles, crs=CRS)
    table = overlaps(things(*(box(x, y, x + side, y + side) for x, y, side in squares)), plan, layer="green")
    sums = table.groupby("code")["share_of_area"].sum()
    assert len(sums) == len(squares)
    assert sums.to_numpy() == pytest.approx(1.0)
    assert table["share_of_micro_grid"].between(0, 1).all()


def test_service_areas_are_read_as_codes_radius_or_the_drawn_area(row):
    teams = things(
        Point(50, 50), Point(50, 50), box(0, 0, 10, 10), Point(5, 5), Point(6, 6), None,
        code=["codes", "radius", "drawn", "nothing", "words", "nowhere"],
    )
    teams["service_area"] = [f"{GRID}001，{GRID}002", "半径 30 米", None, None, "本街道", "500 m"]
    served, findings = service_areas(teams, row)
    area = dict(zip(served["code"], served.area, strict=True))
    assert area["codes"] == 20_000
    assert area["radius"] == pytest.approx(np.pi * 900, rel=0.02)
    assert area["drawn"] == 100
    assert set(area) == {"codes", "radius", "drawn"}
    assert [(item.code, item.rule) for item in findings] == [
        ("words", "service_area_unread"), ("nowhere", "service_area_unread"),
    ]
    table = overlaps(served, row, layer="organizations", basis="service_area")
    assert table[table["code"] == "codes"]["share_of_micro_grid"].tolist() == [1.0, 1.0]
    strange, wrong = service_areas(teams.assign(service_area="330483009"), row)
    assert len(strange) == 0 and len(wrong) == len(teams)


# ---- after a change, the same answer as anew

SPOTS = st.lists(st.tuples(st.integers(-80, 380), st.integers(-80, 180)), min_size=1, max_size=25)


@given(spots=SPOTS, cut=st.integers(20, 180), moved=st.booleans(), gone=st.booleans(), hand=st.booleans())
@settings(max_examples=80, deadline=None)
def test_attaching_changes_equals_attaching_anew(spots, cut, moved, gone, hand):
    before = gpd.GeoDataFrame(
        {"code": [f"{GRID}{n:03d}" for n in (1, 2, 3)]},
        geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100), box(200, 0, 300, 100)], crs=CRS,
    )
    points = things(*map(Point, spots))
    if hand:
        points["micro_grid"], points["attached_by"] = f"{GRID}003", ["manual"] + [None] * (len(points) - 1)
    was = attach(points, before)
    now = before.assign(geometry=[box(0, 0, cut, 100), box(cut, 0, 200, 100), box(200, 0, 300, 100)])
    if gone:
        now = now.iloc[:2]
    changed = []
    if moved:
        was = was.set_geometry([Point(150, 50), *was.geometry.iloc[1:]], crs=CRS)
        changed = [0]
    expected = attach(was, now)
    done = attach_changes(was, now, before=before, changed=changed)
    pd.testing.assert_frame_equal(pd.DataFrame(done), pd.DataFrame(expected))
    assert done.attrs.get("manual_lost") == expected.attrs.get("manual_lost")


def test_a_change_in_one_corner_looks_at_few():
    tiles = [box(x, y, x + 100, y + 100) for x in range(0, 2000, 100) for y in range(0, 2000, 100)]
    before = gpd.GeoDataFrame({"code": [f"{n:018d}" for n in range(400)]}, geometry=tiles, crs=CRS)
    rng = np.random.default_rng(1)
    was = attach(things(*shapely.points(rng.uniform(0, 2000, (4000, 2)))), before)
    now = before.copy()
    now.loc[0, "geometry"] = box(0, 0, 90, 100)
    done = attach_changes(was, now, before=before)
    assert 0 < done.attrs["attached_again"] < 200
    assert (done["micro_grid"] == attach(was, now)["micro_grid"]).all()
    assert attach_changes(was, before, before=before).attrs["attached_again"] == 0


@given(
    boxes=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 60), st.integers(0, 9)),
                   min_size=1, max_size=12),
    spots=st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70)), min_size=1, max_size=40),
    far=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_no_point_in_a_box_is_missed(boxes, spots, far):
    shapes = np.array([box(x, y, x + w, y + h) for x, y, w, h in boxes] + [box(1e7, 1e7, 1e7 + 1, 1e7 + 1)] * far)
    x, y = np.array(spots, dtype=float).T
    runs = runs_in_boxes(shapes, x, y)
    found = set(zip(runs.area.tolist(), runs.order[runs.at].tolist(), strict=True))
    assert len(found) == len(runs.at)
    assert found >= {
        (a, p) for a, (left, low, right, high) in enumerate(shapely.bounds(shapes)) for p in range(len(x))
        if left <= x[p] <= right and low <= y[p] <= high
    }
