"""Gaps: clusters of homes beyond the norm, drawn by hand and by chance.

    x:    0    50   100                400                     The market is far east; homes a, b, c stand in a row of
          a    b    c                  d                       50 m steps, d by itself.
"""

from __future__ import annotations

import math

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

from gridmap.access.gap_places import GapPlaces
from gridmap.access.gaps import COLUMNS, find_gaps
from gridmap.access.network import build_network
from gridmap.norms import load_norms
from layers.errors import CrsMismatch, WrongCall
from layers.schema import layer

CRS = "EPSG:4549"


def homes(*spots: tuple, households: list | None = None, **columns: list) -> gpd.GeoDataFrame:
    shapes = [Point(spot) if isinstance(spot, tuple) else spot for spot in spots]
    columns = {"households": households or [10] * len(spots), **columns}
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=CRS))


@pytest.fixture
def row() -> gpd.GeoDataFrame:
    return homes((0, 0), (50, 0), (100, 0), (400, 0), households=[10, 20, 30, 90], residents=[25, 50, 75, 200])


def walks(*metres: float, kind: str = "market") -> pd.DataFrame:
    return pd.DataFrame({kind: metres})


def test_homes_beyond_the_norm_cluster_and_are_ranked_by_households(row):
    gaps = find_gaps(row, walks(800, 700, 600, 501), {"market": 500})
    assert gaps.drop(columns="geometry").values.tolist() == [
        ["market", 90, 200, 501.0, 1], ["market", 60, 150, (8000 + 14000 + 18000) / 60, 2],
    ]
    assert gaps.geometry.contains(shapely.union_all(row.geometry.iloc[[3]])).tolist() == [True, False]
    assert gaps.geometry.iloc[1].covers(shapely.union_all(row.geometry.iloc[:3]))
    assert gaps.geom_type.tolist() == ["Polygon"] * 2


def test_a_home_within_the_norm_parts_a_row_in_two(row):
    gaps = find_gaps(row, walks(800, 500, 600, 400), {"market": 500})
    assert gaps["households"].tolist() == [30, 10]
    assert not gaps.geometry.contains(Point(50, 0)).any()


@pytest.mark.parametrize(("merge_m", "count"), [(49, 4), (51, 2), (301, 1)])
def test_merging_distance_decides_what_is_one_gap(row, merge_m, count):
    gaps = find_gaps(row, walks(900, 900, 900, 900), {"market": 500}, merge_m=merge_m)
    assert len(gaps) == count
    # neighbours at the merging distance stay in one piece
    assert gaps.geom_type.eq("Polygon").all()


def test_distance_is_between_outlines_not_between_centres():
    blocks = homes(box(0, 0, 100, 20), box(150, 0, 250, 20))
    assert len(find_gaps(blocks, walks(900, 900), {"market": 500}, merge_m=50)) == 1
    assert len(find_gaps(blocks, walks(900, 900), {"market": 500}, merge_m=49)) == 2


def test_a_building_where_nobody_lives_joins_nothing():
    houses = homes((0, 0), (50, 0), (100, 0), households=[7, 0, 8])
    assert find_gaps(houses, walks(900, 900, 900), {"market": 500})["households"].tolist() == [8, 7]


def test_the_margin_is_half_the_merging_distance():
    [gap] = find_gaps(homes((0, 0)), walks(900), {"market": 500}, merge_m=80).geometry
    assert gap.bounds == pytest.approx((-40, -40, 40, 40), abs=0.8)
    assert gap.area == pytest.approx(math.pi * 40**2, rel=0.03)


def test_what_nothing_reaches_is_a_gap_without_a_walk(row):
    gaps = find_gaps(row, walks(math.nan, math.nan, 700, 100), {"market": 500})
    assert (gaps["households"].tolist(), gaps["walk_m_mean"].tolist()) == ([60], [700])
    alone = find_gaps(row, walks(math.nan, math.nan, math.nan, 100), {"market": 500})
    assert alone["walk_m_mean"].isna().all()


def test_kinds_without_facilities_or_without_a_distance_have_no_gaps(row):
    metres = pd.DataFrame({"market": [900.0] * 4, "parking": [900.0] * 4, "toilet": [10.0] * 4})
    assert set(find_gaps(row, metres, load_norms())["kind"]) == {"market"}
    assert len(find_gaps(row, metres, {"nursery": 300})) == 0


def test_an_empty_result_has_the_columns_of_the_layer(row):
    for gaps in (find_gaps(row, walks(1, 1, 1, 1), {"market": 500}), find_gaps(row, walks(9, 9, 9, 9), {})):
        assert tuple(gaps.columns) == (*COLUMNS, "geometry")
        assert (len(gaps), gaps.crs) == (0, row.crs)
    assert tuple(column.name for column in layer("gaps"))[: len(COLUMNS)] == COLUMNS


def test_where_nobody_lives_is_no_gap_and_unknown_residents_stay_unknown():
    houses = homes((0, 0), (10, 0), (20, 0), None, households=[5, 0, None, 7])
    [gap] = find_gaps(houses, walks(900, 900, 900, 900), {"market": 500}).to_dict("records")
    assert gap["households"] == 5
    assert pd.isna(gap["residents"])
    partly = houses.assign(residents=[12, None, None, None])
    assert find_gaps(partly, walks(900, 900, 900, 900), {"market": 500})["residents"].tolist() == [12]


def test_small_gaps_are_left_out_before_ranking(row):
    gaps = find_gaps(row, walks(900, 900, 900, 900), {"market": 500}, min_households=61)
    assert gaps[["households", "rank"]].values.tolist() == [[90, 1]]


def test_ties_in_rank_go_west_and_do_not_hang_on_the_order_of_rows():
    houses = homes((500, 0), (0, 0), (0, 900))
    for order in ([0, 1, 2], [2, 0, 1]):
        gaps = find_gaps(houses.iloc[order], walks(900, 900, 900).iloc[order], {"market": 500})
        assert gaps["rank"].tolist() == [1, 2, 3]
        assert gaps.representative_point().x.round(-1).tolist() == [0, 0, 500]
        assert gaps.representative_point().y.round(-1).tolist() == [0, 900, 0]


def test_gaps_end_at_the_outline(row):
    edge = box(-500, -500, 10, 500)
    metres = walks(900, 100, 100, 900)
    for outline in (edge, gpd.GeoSeries([edge], crs=CRS), gpd.GeoDataFrame(geometry=[edge], crs=CRS)):
        gaps = find_gaps(row, metres, {"market": 500}, outline=outline)
        inside, outside = gaps.geometry.iloc[1], gaps.geometry.iloc[0]
        assert inside.bounds[2] == pytest.approx(10)
        assert outside.contains(Point(400, 0))  # a home that the outline leaves out is not lost
        assert set(gaps.geom_type) == {"Polygon"}


def test_nothing_given_is_changed(row):
    metres = walks(900, 900, 900, 900)
    before = row.copy(), metres.copy()
    find_gaps(row, metres, {"market": 500})
    pd.testing.assert_frame_equal(pd.DataFrame(row), pd.DataFrame(before[0]))
    pd.testing.assert_frame_equal(metres, before[1])


# ---- laws

SPOTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=25)


@given(spots=SPOTS, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_every_household_beyond_the_norm_is_in_exactly_one_gap(spots, seed):
    rng = np.random.default_rng(seed)
    houses = homes(*spots, households=rng.integers(0, 9, len(spots)).tolist())
    metres = walks(*rng.choice([100.0, 900.0, np.nan], len(spots)))
    gaps = find_gaps(houses, metres, {"market": 500})
    beyond = (houses["households"] > 0) & ~(metres["market"] <= 500)
    assert gaps["households"].sum() == houses.loc[beyond, "households"].sum()
    # as many as networkx counts chains of neighbours
    chains = nx.Graph()
    chains.add_nodes_from(np.flatnonzero(beyond))
    near = [(a, b) for a in chains for b in chains if a < b and math.dist(spots[a], spots[b]) <= 60]
    chains.add_edges_from(near)
    assert len(gaps) == nx.number_connected_components(chains)
    areas = gaps.geometry.to_numpy()
    assert shapely.is_valid(areas).all()
    assert set(gaps.geom_type) <= {"Polygon"}
    one, _ = shapely.STRtree(areas).query(houses[beyond].geometry.to_numpy(), predicate="intersects")
    assert len(one) == len(set(one)) == beyond.sum()
    # no two overlap
    assert shapely.area(shapely.union_all(areas)) == pytest.approx(shapely.area(areas).sum(), abs=1e-6)
    assert gaps["rank"].tolist() == list(range(1, len(gaps) + 1))
    assert gaps["households"].is_monotonic_decreasing


# ---- clusters too large for one facility


def street_of(count: int, *, step: int = 50, households: int = 20) -> gpd.GeoDataFrame:
    return homes(*((at * step, 0) for at in range(count)), households=[households] * count)


def test_a_long_street_is_parted_into_what_one_facility_each_would_serve():
    houses = street_of(40)  # 2 km in one cluster
    metres = walks(*[2000.0] * 40)
    whole = find_gaps(houses, metres, {"market": 300})
    assert whole["households"].tolist() == [800]
    parted = find_gaps(houses, metres, {"market": 300}, places=GapPlaces(houses, None))
    # 300 m on foot are 231 m straight: nine homes around a door; one or two more go with their neighbours
    assert parted["households"].sum() == 800 and 4 <= len(parted) <= 6
    assert parted["households"].max() <= 20 * 11
    assert parted["rank"].tolist() == list(range(1, len(parted) + 1))
    for part in parted.geometry:
        west, _, east, _ = part.bounds
        assert east - west <= 2 * 231 + 160
    # the parts fill the whole but for a little where its round margin is drawn anew
    union = shapely.union_all(parted.geometry.to_numpy())
    assert union.area == pytest.approx(whole.geometry.iloc[0].area, rel=0.01)
    assert shapely.area(parted.geometry.to_numpy()).sum() == pytest.approx(union.area)


def test_what_one_facility_serves_is_not_parted_and_a_few_beyond_it_go_with_their_neighbours():
    houses = street_of(8)
    near = find_gaps(houses, walks(*[900.0] * 8), {"market": 300}, places=GapPlaces(houses, None))
    assert near["households"].tolist() == [160]
    few = homes(*((at * 50, 0) for at in range(12)), households=[20] * 9 + [1] * 3)
    assert find_gaps(few, walks(*[900.0] * 12), {"market": 300}, places=GapPlaces(few, None))["households"].sum() == 183
    assert len(find_gaps(few, walks(*[900.0] * 12), {"market": 300}, places=GapPlaces(few, None))) == 1


def test_parts_follow_the_streets_and_not_the_straight_line():
    # two streets 40 m apart that meet only at their far east end
    houses = homes(*((x, y) for y in (0, 40) for x in range(0, 500, 50)), households=[20] * 20)
    lines = [shapely.LineString([(0, -5), (900, -5), (900, 45)]), shapely.LineString([(0, 45), (900, 45)])]
    network = build_network(gpd.GeoDataFrame(geometry=lines, crs=CRS))
    parted = find_gaps(houses, walks(*[2000.0] * 20), {"market": 500}, places=GapPlaces(houses, network))
    assert parted["households"].tolist() == [200, 200]
    assert [part.covers(Point(0, y)) for part, y in zip(parted.geometry, (0, 0), strict=True)].count(True) == 1


@given(spots=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=60, unique=True),
       seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_parts_hold_every_household_once_overlap_nowhere_and_do_not_hang_on_the_order_of_rows(spots, seed):
    rng = np.random.default_rng(seed)
    houses = homes(*spots, households=rng.integers(0, 40, len(spots)).tolist())
    metres = walks(*rng.choice([100.0, 900.0, np.nan], len(spots)))
    parted = find_gaps(houses, metres, {"market": 200}, merge_m=200, places=GapPlaces(houses, None))
    beyond = (houses["households"] > 0) & ~(metres["market"] <= 200)
    assert parted["households"].sum() == houses.loc[beyond, "households"].sum()
    areas = parted.geometry.to_numpy()
    assert shapely.is_valid(areas).all()
    assert shapely.area(shapely.union_all(areas)) == pytest.approx(shapely.area(areas).sum(), abs=1e-3)
    area, home = shapely.STRtree(houses.geometry.to_numpy()).query(areas, predicate="intersects")
    inside = houses["households"].to_numpy()[home] * beyond.to_numpy()[home]
    assert np.bincount(area, weights=inside, minlength=len(areas)).tolist() == parted["households"].tolist()
    order = rng.permutation(len(houses))
    again = find_gaps(
        houses.iloc[order], metres.iloc[order], {"market": 200}, merge_m=200,
        places=GapPlaces(houses.iloc[order], None),
    )
    assert again["households"].tolist() == parted["households"].tolist()


# ---- wrong calls


def test_wrong_calls_are_refused(row):
    metres = walks(900, 900, 900, 900)
    for merge_m in (0, -1, math.inf, "60", True):
        with pytest.raises(WrongCall, match="merge_m must be metres above 0"):
            find_gaps(row, metres, {"market": 500}, merge_m=merge_m)
    for least in (0, 1.5, "1"):
        with pytest.raises(WrongCall, match="min_households must be a whole number from 1 on"):
            find_gaps(row, metres, {"market": 500}, min_households=least)
    with pytest.raises(WrongCall, match="building 3 has no row in distances"):
        find_gaps(row, metres.iloc[:3], {"market": 500})
    with pytest.raises(WrongCall, match="no column 'households'"):
        find_gaps(row.drop(columns="households"), metres, {"market": 500})
    with pytest.raises(CrsMismatch, match="buildings are in WGS 84, not in metres"):
        find_gaps(row.set_crs("EPSG:4326", allow_override=True), metres, {"market": 500})
    with pytest.raises(CrsMismatch, match="bring one over"):
        find_gaps(row, metres, {"market": 500}, outline=gpd.GeoSeries([box(0, 0, 1, 1)], crs="EPSG:4550"))
