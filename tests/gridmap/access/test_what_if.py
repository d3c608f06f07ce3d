"""What if, and the way of one household: equal to computing everything again, on a drawn town and on random ones."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from gridmap.access.barriers import build_barriers
from gridmap.access.coverage import coverage
from gridmap.access.gap_places import GapPlaces
from gridmap.access.gaps import find_gaps
from gridmap.access.network import build_network
from gridmap.access.walk import nearest_facilities, walk_distances
from gridmap.access.way import way_between
from gridmap.access.whatif import Change, WhatIf
from layers.errors import WrongCall

CRS = "EPSG:4549"
NORMS = {"market": 150.0, "nursery": 100.0}


def town(seed: int):
    rng = np.random.default_rng(seed)
    access = np.where(rng.random(10) < 0.2, "private", None)
    roads = gpd.GeoDataFrame(
        {"access": access}, geometry=[LineString(rng.uniform(0, 400, (3, 2)).round()) for _ in range(10)], crs=CRS
    )
    wall = gpd.GeoDataFrame(geometry=[LineString(rng.uniform(0, 400, (2, 2)))], crs=CRS)
    network = build_network(roads, barriers=build_barriers(barriers=wall))
    homes = gpd.GeoDataFrame(
        {"micro_grid": rng.choice(list("abcd"), 20), "households": rng.integers(0, 9, 20)},
        geometry=gpd.points_from_xy(*rng.uniform(0, 400, (2, 20))), crs=CRS,
    )
    sites = gpd.GeoDataFrame(
        {"kind": ["market", "nursery"] * 3, "code": [f"s{n}" for n in range(6)]},
        geometry=gpd.points_from_xy(*rng.uniform(0, 400, (2, 6))), crs=CRS,
    )
    return pd.DataFrame({"code": list("abcd")}), homes, sites, network, rng


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_an_answer_is_that_of_computing_everything_again(seed):
    units, homes, sites, network, rng = town(seed)
    city = WhatIf(units, homes, sites, network, NORMS)
    new, moved = tuple(rng.uniform(0, 400, 2)), tuple(rng.uniform(0, 400, 2))
    change = Change(add=[("market", new)], move={"s1": moved}, close=["s0"], norms={"nursery": 120.0})
    outcome = city.ask(change)
    added = gpd.GeoDataFrame({"kind": ["market"], "code": ["new-1"]}, geometry=[Point(new)], crs=CRS)
    after = pd.concat([sites, added], ignore_index=True)
    after.loc[after["code"] == "s1", "geometry"] = Point(moved)
    after = after[after["code"] != "s0"]
    norms = {**NORMS, "nursery": 120.0}
    metres, which = nearest_facilities(homes, after, network, limit_m=3000)
    whole = coverage(units, homes, metres, norms, nearest=which).set_index(["micro_grid", "kind"])
    patched = city.coverage.set_index(["micro_grid", "kind"])
    rows = outcome.coverage.drop(columns="covered_before").set_index(["micro_grid", "kind"])
    patched = pd.concat([patched.drop(rows.index), rows]).loc[whole.index]
    pd.testing.assert_frame_equal(patched, whole, check_dtype=False)
    gaps = find_gaps(homes, metres, norms, places=GapPlaces(homes, network))
    told = ["kind", "households", "rank"]
    assert outcome.gaps[told].values.tolist() == gaps[told].values.tolist()
    assert outcome.gaps.geometry.geom_equals(gaps.geometry).all()
    before = city.coverage.groupby("kind")["covered_households"].sum()
    then = whole.groupby("kind")["covered_households"].sum()
    for kind in outcome.kinds:
        assert then[kind] - before[kind] == outcome.gained[kind] - outcome.lost[kind]
    # and nothing of the city has changed
    assert city.ask(Change()).coverage.empty
    assert city.ask(Change(add=[("market", new)])).lost == {"market": 0}


def test_a_wrong_question_is_refused():
    units, homes, sites, network, _ = town(1)
    city = WhatIf(units, homes, sites, network, NORMS)
    with pytest.raises(WrongCall, match="there is no facility 's9'"):
        city.ask(Change(close=["s9"]))
    with pytest.raises(WrongCall, match="there is no norm for 'canteen'"):
        city.ask(Change(add=[("canteen", (0.0, 0.0))]))
    with pytest.raises(WrongCall, match="must be metres above 0"):
        city.ask(Change(norms={"market": -1}))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_way_is_as_long_as_the_walk_and_lies_on_the_streets(seed):
    _, homes, sites, network, _ = town(seed)
    for number in range(3):
        home, site = homes.iloc[[number]], sites.iloc[[number]]
        metres = walk_distances(home, site, network).iloc[0, 0]
        way = way_between(home, site, network)
        if np.isnan(metres):
            assert way.line is None
            assert np.isinf(way.metres)
            continue
        assert way.metres == pytest.approx(metres)
        # short gaps that were bridged are drawn straight
        assert way.line.length == pytest.approx(metres, abs=1e-6)
        assert way.line.coords[0] == homes.geometry.iloc[number].coords[0]
        assert way.straight <= way.metres + 1e-9
        assert way.minutes_aged == pytest.approx(way.minutes / 0.7)


def test_a_way_needs_one_door():
    _, homes, sites, network, _ = town(2)
    with pytest.raises(WrongCall, match="door must be one row with a place"):
        way_between(homes, sites.iloc[[0]], network)


# ---- slope


def hill(**columns) -> gpd.GeoDataFrame:
    lines = [LineString([(0, 0), (100, 0)]), LineString([(100, 0), (300, 0)])]
    return gpd.GeoDataFrame(columns, geometry=lines, crs=CRS, index=range(2))


@pytest.mark.parametrize("manner", ["columns", "coordinates"])
def test_minutes_follow_the_slope_and_metres_do_not(manner):
    roads = hill(height_from=[10, 20], height_to=[20, 20])
    if manner == "coordinates":
        roads = gpd.GeoDataFrame(
            geometry=[LineString([(0, 0, 10), (100, 0, 20)]), LineString([(100, 0, 20), (300, 0, 20)])], crs=CRS)
    spots = [gpd.GeoDataFrame({"kind": ["x"]}, geometry=[Point(x, 0)], crs=CRS) for x in (0, 300)]
    up = way_between(*spots, build_network(roads))
    down = way_between(*spots[::-1], build_network(roads))
    assert up.metres == down.metres == 300
    assert (up.climb, down.climb) == (pytest.approx(10), pytest.approx(0))
    # there and back: 100 m at one in ten, up and down, and 200 m on the flat
    steep = 100 * (math.exp(3.5 * 0.10) + math.exp(3.5 * 0.0)) / 2
    assert up.flat == pytest.approx(200 + steep) == pytest.approx(down.flat)
    assert up.minutes == pytest.approx((200 + steep) / 60)


def test_streets_without_heights_are_flat_and_say_so():
    spots = [gpd.GeoDataFrame({"kind": ["x"]}, geometry=[Point(x, 0)], crs=CRS) for x in (0, 300)]
    way = way_between(*spots, build_network(hill()))
    assert math.isnan(way.climb) and way.minutes == 5
    half = way_between(*spots, build_network(hill(height_from=[10, None], height_to=[20, None])))
    assert half.climb == pytest.approx(10) and half.minutes > 5
