"""Walks: worked out by hand on a drawn town, by brute force on drawn and real streets, and every wrong call.

            (0,100)      (100,100)
    y=100      +------------+           Streets: the ring A and, from its south-east corner, the lane to (200, 0).
               |            |           A door at (40, 10) stands 10 m above the south side.
    y=0        +---door-----+------+
             (0,0)      (100,0)  (200,0)
"""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point, box

from gridmap.access.network import build_network
from gridmap.access.walk import DETOUR, access_legs, nearest_facilities, walk_distances
from layers.errors import CrsMismatch, WrongCall
from layers.sample import town

CRS = "EPSG:4549"
RING = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]


def roads(*lines: list, **columns: object) -> gpd.GeoDataFrame:
    columns = {"class": ["residential"] * len(lines), **columns}
    return gpd.GeoDataFrame(columns, geometry=[LineString(line) for line in lines], crs=CRS)


def homes(*shapes: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries([Point(s) if isinstance(s, tuple) else s for s in shapes], crs=CRS))


def shops(**kinds: tuple) -> gpd.GeoDataFrame:
    rows = [(kind, Point(spot)) for kind, spots in kinds.items() for spot in spots]
    return gpd.GeoDataFrame(
        {"kind": [kind for kind, _ in rows], "code": [f"f{n}" for n in range(len(rows))]},
        geometry=[spot for _, spot in rows], crs=CRS,
    )


@pytest.fixture(scope="module")
def streets() -> gpd.GeoDataFrame:
    return roads(RING, [(100, 0), (200, 0)])


@pytest.mark.parametrize(
    ("facility", "metres"),
    [
        ((70, 0), 10 + 30),  # on the same stretch: along it, not round by its ends
        ((40, 0), 10),
        ((30, 5), 10 + 10 + 5),  # on the same stretch, the other way
        ((150, -20), 10 + 60 + 50 + 20),
        ((0, 0), 10 + 40),  # at a corner
        ((50, 105), 10 + 40 + 100 + 50 + 5),  # half-way round, either way
        ((300, 0), 10 + 160 + 100),  # beyond the end of the lane
        ((40, 10), 10 + 0 + 10),  # in the house itself: down to the street and back
    ],
)
def test_walks_worked_out_by_hand(streets, facility, metres):
    assert walk_distances(homes((40, 10)), shops(market=(facility,)), streets).loc[0, "market"] == pytest.approx(metres)


def test_of_several_the_nearest_counts_kind_by_kind(streets):
    sites = shops(toilet=((150, 0), (90, 0)), market=((60, 30), (-60, 0)))
    metres, which = nearest_facilities(homes((40, 10), (190, 5)), sites, streets)
    assert metres.columns.tolist() == which.columns.tolist() == ["market", "toilet"]
    assert metres.loc[0].tolist() == pytest.approx([10 + 20 + 30, 10 + 50])
    assert which.loc[0].tolist() == ["f2", "f1"]
    assert metres.loc[1].tolist() == pytest.approx([5 + 130 + 30, 5 + 40])
    assert which.loc[1].tolist() == ["f2", "f0"]


def test_the_nearest_place_is_not_always_the_shortest_leg(streets):
    sites = shops(market=((100, 60), (30, 95)))
    metres, which = nearest_facilities(homes((0, 60)), sites, streets)
    assert (metres.loc[0, "market"], which.loc[0, "market"]) == (pytest.approx(40 + 30 + 5), "f1")


def test_limit_leaves_out_what_is_beyond_and_keeps_what_is_on_it(streets):
    sites = shops(market=((150, -20),), toilet=((70, 0),))
    metres, which = nearest_facilities(homes((40, 10)), sites, streets, limit_m=140)
    assert metres.loc[0].tolist() == pytest.approx([140, 40])
    metres, which = nearest_facilities(homes((40, 10)), sites, streets, limit_m=139.9)
    assert np.isnan(metres.loc[0, "market"])
    assert pd.isna(which.loc[0, "market"])
    assert (metres.loc[0, "toilet"], which.loc[0, "toilet"]) == (pytest.approx(40), "f1")


def test_a_walk_that_ends_on_a_corner_may_be_as_long_as_the_limit(streets):
    sites = shops(market=((150, -20),))
    for limit, expected in ((70, 70), (69.9, math.nan)):
        metres = walk_distances(homes((100, 0)), sites, streets, limit_m=limit)
        assert metres.loc[0, "market"] == pytest.approx(expected, nan_ok=True)


def test_of_two_facilities_in_one_place_the_same_is_taken_in_any_order(streets):
    spots = [(70, 5), (70, 5), (10, 5)]
    sites = shops(market=spots).assign(code=["m2", "m1", "m3"])
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        for roads_given in (streets, None):
            which = nearest_facilities(homes((60, 10)), sites.iloc[order], roads_given)[1]
            assert which.loc[0, "market"] == "m1"


def test_what_no_street_leads_to_is_nan(streets):
    apart = pd.concat([streets, roads([(5000, 0), (6000, 0)])], ignore_index=True)
    metres = walk_distances(homes((40, 10), (5500, 5)), shops(market=((70, 0),)), apart)
    assert metres["market"].isna().tolist() == [False, True]


def test_the_shorter_of_two_ways_between_the_same_corners_counts():
    # two lines join the same two corners; added up (as a sparse matrix would) they would be longer than either
    both = roads([(0, 0), (100, 0)], [(0, 0), (50, 60), (100, 0)], [(-50, 0), (0, 0)], [(100, 0), (150, 0)])
    assert walk_distances(homes((-50, 0)), shops(market=((150, 0),)), both).loc[0, "market"] == pytest.approx(200)


def test_areas_count_at_a_point_inside_and_rows_without_place_give_nan(streets):
    houses = homes(box(35, 5, 45, 15), Point(), None, (40, 10))
    houses.index = pd.Index(["a", "b", "c", "d"])
    metres = walk_distances(houses, shops(market=((70, 0),)), streets)
    assert metres.index.tolist() == ["a", "b", "c", "d"]
    assert metres.loc[["a", "d"], "market"].tolist() == pytest.approx([40, 40])
    assert metres.loc[["b", "c"], "market"].isna().all()


def test_facilities_without_kind_or_place_are_not_asked_for(streets):
    sites = gpd.GeoDataFrame(
        {"kind": ["market", None, "toilet", "market"]}, geometry=[Point(70, 0), Point(41, 0), None, Point()], crs=CRS
    )
    metres, which = nearest_facilities(homes((40, 10)), sites, streets)
    assert metres.columns.tolist() == ["market"]
    assert which.loc[0, "market"] == 0  # its index label: these have no code


def test_a_facility_without_a_code_goes_by_its_label(streets):
    sites = shops(market=((70, 0), (45, 0))).assign(code=["f0", None])
    assert nearest_facilities(homes((40, 10)), sites, streets)[1].loc[0, "market"] == "1"


def test_no_facilities_and_no_buildings(streets):
    metres, which = nearest_facilities(homes((40, 10)), shops(), streets)
    assert metres.shape == which.shape == (1, 0)
    assert walk_distances(homes(), shops(market=((70, 0),)), streets).shape == (0, 1)


@pytest.mark.parametrize("nothing", [None, "empty", "closed"])
def test_without_streets_straight_lines_stand_in_and_say_so(streets, nothing):
    given_roads = {"empty": streets.iloc[:0], "closed": streets.assign(foot="no")}.get(nothing)
    metres, which = nearest_facilities(
        homes((0, 0), (99, 0), None), shops(market=((30, 40), (100, 0)), toilet=((500, 0),)), given_roads, limit_m=600
    )
    assert metres.attrs["basis"] == which.attrs["basis"] == "straight_line"
    assert metres["market"].tolist()[:2] == pytest.approx([50 * DETOUR, 1 * DETOUR])
    assert which["market"].tolist()[:2] == ["f0", "f1"]
    assert np.isnan(metres.loc[0, "toilet"])  # 650 m
    assert metres.loc[1, "toilet"] == pytest.approx(401 * DETOUR)
    assert metres.loc[2].isna().all()


def test_with_streets_the_basis_is_the_network(streets):
    assert walk_distances(homes((40, 10)), shops(market=((70, 0),)), streets).attrs["basis"] == "network"


def test_access_legs_are_told_apart(streets):
    legs = access_legs(homes((40, 10), (250, 0), None), streets)
    assert legs.tolist()[:2] == pytest.approx([10, 50])
    assert np.isnan(legs[2])
    assert access_legs(homes((40, 10)), streets.assign(foot="no")).isna().all()


def test_a_network_made_once_serves_many_times(streets):
    network = build_network(streets)
    for spot in ((70, 0), (150, -20)):
        made = walk_distances(homes((40, 10)), shops(market=(spot,)), network)
        pd.testing.assert_frame_equal(made, walk_distances(homes((40, 10)), shops(market=(spot,)), streets))


def test_nothing_given_is_changed(streets):
    houses, sites = homes((40, 10)), shops(market=((70, 0),))
    before = houses.copy(), sites.copy(), streets.copy()
    walk_distances(houses, sites, streets)
    for frame, old in zip((houses, sites, streets), before, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(old))


# ---- against brute force


def compare(buildings, facilities, lines, reference) -> pd.DataFrame:
    found = walk_distances(buildings, facilities, lines)
    expected = reference(buildings, facilities, lines)
    assert found.columns.tolist() == expected.columns.tolist()
    assert (found.isna() == expected.isna()).all(axis=None)
    assert np.nanmax(np.abs(found.to_numpy() - expected.to_numpy()), initial=0.0) < 1e-6
    return found


GRID = st.integers(0, 12).map(lambda n: n * 10.0)
SPOT = st.tuples(GRID, GRID)
LINE = st.lists(SPOT, min_size=2, max_size=4, unique=True)
HOW = st.sampled_from(["ground", "ground", "ground", "bridge", "up", "private"])
# an odd part, another for x than for y: no place is all but equally near to two lines through whole tens
ODD = st.tuples(st.integers(-20, 140).map(lambda m: m + 0.37), st.integers(-20, 140).map(lambda m: m + 0.73))


@given(
    lines=st.lists(st.tuples(LINE, HOW), min_size=1, max_size=9),
    doors=st.lists(ODD, min_size=1, max_size=5),
    sites=st.lists(st.tuples(ODD, st.sampled_from(["market", "toilet"])), min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_any_small_network_agrees_with_brute_force(reference, lines, doors, sites):
    # whole tens make many crossings, shared corners and lines on top of each other; odd places make few ties
    made = roads(
        *[line for line, _ in lines], bridge=["yes" if how == "bridge" else None for _, how in lines],
        layer=["1" if how == "up" else None for _, how in lines],
        access=["private" if how == "private" else None for _, how in lines],
    )
    facilities = gpd.GeoDataFrame(
        {"kind": [kind for _, kind in sites]}, geometry=[Point(spot) for spot, _ in sites], crs=CRS
    )
    assume(all(line.is_simple for line in made.geometry))
    compare(homes(*doors), facilities, made, reference)


def test_the_drawn_town_agrees_with_brute_force(reference):
    place = town()
    found = compare(place["buildings"], place["facilities"], place["roads"], reference)
    assert found.notna().all(axis=None)


@pytest.mark.district
@pytest.mark.parametrize(("name", "crs"), [("taichung_xitun", "EPSG:32651"), ("monaco", "EPSG:32632")])
def test_two_hundred_doors_of_a_real_district_agree_with_brute_force(shared_data, reference, name, crs):
    path = shared_data / name / f"{name}.gpkg"
    layers = {layer: gpd.read_file(path, layer=layer).to_crs(crs) for layer in ("buildings", "roads", "pois")}
    doors = layers["buildings"].sample(200, random_state=1).sort_index()
    kinds = layers["pois"]["amenity"].isin(["toilets", "pharmacy", "kindergarten", "school", "restaurant", "bank"])
    facilities = layers["pois"].loc[kinds].rename(columns={"amenity": "kind"})
    found = compare(doors, facilities, layers["roads"].rename(columns={"highway": "class"}), reference)
    assert found.notna().to_numpy().mean() > 0.9


# ---- laws


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_order_of_rows_never_matters_and_a_new_facility_never_lengthens_a_walk(seed):
    rng = np.random.default_rng(seed)
    lines = roads(*[rng.uniform(0, 200, (3, 2)).round().tolist() for _ in range(8)])
    doors = homes(*map(tuple, rng.uniform(0, 200, (6, 2))))
    sites = shops(market=tuple(map(tuple, rng.uniform(0, 200, (3, 2)))), toilet=((3.3, 4.4),))
    metres, which = nearest_facilities(doors, sites, lines)
    again = nearest_facilities(
        doors.sample(frac=1, random_state=seed), sites.sample(frac=1, random_state=seed),
        lines.sample(frac=1, random_state=seed),
    )
    pd.testing.assert_frame_equal(again[0].sort_index(), metres)
    pd.testing.assert_frame_equal(again[1].sort_index(), which)
    fewer = walk_distances(doors, sites.drop(index=0), lines)
    assert (metres.fillna(np.inf) <= fewer.fillna(np.inf) + 1e-9).all(axis=None)


# ---- wrong calls


def test_frames_in_different_systems_or_in_degrees_are_refused(streets):
    door, site = homes((40, 10)), shops(market=((70, 0),))
    with pytest.raises(CrsMismatch, match=r"buildings are in .*facilities in .*to_crs"):
        walk_distances(door, site.set_crs("EPSG:4550", allow_override=True), streets)
    with pytest.raises(CrsMismatch, match=r"places are in .*roads in .*to_crs"):
        walk_distances(door, site, streets.set_crs("EPSG:4550", allow_override=True))
    with pytest.raises(CrsMismatch, match="buildings are in WGS 84, not in metres"):
        walk_distances(door.set_crs("EPSG:4326", allow_override=True), site, streets)
    with pytest.raises(CrsMismatch, match="the walking network is in"):
        walk_distances(door, site, build_network(streets.set_crs("EPSG:4550", allow_override=True)))
    with pytest.raises(CrsMismatch, match="roads have no CRS"):
        walk_distances(door, site, gpd.GeoDataFrame(geometry=streets.geometry.array, crs=None).set_crs(
            None, allow_override=True))
    with pytest.raises(WrongCall, match="facilities must be a GeoDataFrame, not DataFrame"):
        walk_distances(door, pd.DataFrame({"kind": ["market"]}), streets)


def test_facilities_need_a_kind_and_the_limit_is_a_length(streets):
    with pytest.raises(WrongCall, match="facilities have no column 'kind'"):
        walk_distances(homes((40, 10)), shops(market=((70, 0),)).drop(columns="kind"), streets)
    for limit in (0, -1, math.nan, "300"):
        with pytest.raises(WrongCall, match="limit_m must be metres above 0"):
            walk_distances(homes((40, 10)), shops(market=((70, 0),)), streets, limit_m=limit)


def test_multilines_are_read_part_by_part():
    many = gpd.GeoDataFrame(geometry=[MultiLineString([[(0, 0), (50, 0)], [(50, 0), (50, 70)]])], crs=CRS)
    assert walk_distances(homes((0, 0)), shops(market=((50, 70),)), many).loc[0, "market"] == pytest.approx(120)
