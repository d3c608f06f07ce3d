"""A river, a wall and a motorway each change the walk the way a person expects; gates and private ways too.

        shop                                     y = 100    North Street, over the river by the bridge at x = 400
    ----+------------------------------+----
                                       | bridge
    ====== barrier, y = 60 ============| ====
                                       |
    ----+------------------------------+----     y = 0      South Street
       door at (50, 56)
"""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

from gridmap.access.barriers import build_barriers
from gridmap.access.cells import Cells
from gridmap.access.network import build_network
from gridmap.access.snap import AROUND_M, snap
from gridmap.access.walk import access_legs, meet_streets, nearest_facilities, walk_distances, walk_pairs
from gridmap.access.way import way_between

CRS = "EPSG:4549"
LINE = LineString([(-500, 60), (900, 60)])


def frame(*shapes, **columns) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS)


def streets(**more) -> gpd.GeoDataFrame:
    lines = [LineString([(0, 0), (400, 0)]), LineString([(0, 100), (400, 100)]), LineString([(400, 0), (400, 100)])]
    return frame(*lines, **{"class": ["residential"] * 3, "bridge": [None, None, "yes"], **more})


SHOP = frame(Point(50, 105), kind=["market"], code=["m"])
ROUND = 350 + 100 + 350  # along South Street, over the bridge, back along North Street


def metres(door: Point, barriers) -> float:
    return walk_distances(frame(door), SHOP, build_network(streets(), barriers=barriers)).loc[0, "market"]


@pytest.mark.parametrize(
    "barriers",
    [
        build_barriers(water=frame(LINE, kind=["river"])),
        build_barriers(water=frame(box(-500, 58, 900, 62), kind=["lake"])),
        build_barriers(barriers=frame(LINE, kind=["wall"])),
        build_barriers(barriers=frame(LINE)),
        build_barriers(barriers=frame(LINE, kind=["rail"])),
        build_barriers(roads=frame(LINE, **{"class": ["motorway"]})),
        build_barriers(roads=frame(LINE, **{"class": ["trunk"], "foot": ["no"]})),
    ],
)
def test_a_river_a_wall_a_railway_and_a_motorway_send_the_door_to_its_own_side(barriers):
    # the door stands 44 m from North Street and 56 m from South Street
    door = Point(50, 56)
    assert metres(door, None) == pytest.approx(44 + 5)
    assert metres(door, barriers) == pytest.approx(56 + ROUND + 5)
    # north of it nothing changes, nor for the shop
    assert metres(Point(50, 70), barriers) == pytest.approx(30 + 5)


@pytest.mark.parametrize(
    "barriers",
    [
        {"barriers": frame(LINE, kind=["subway"])},
        {"barriers": frame(LINE, kind=["rail"], railway=["tram"])},
        {"barriers": frame(LINE, kind=["rail"], bridge=["yes"])},
        {"barriers": frame(LINE, kind=["rail"], layer=["-1"])},
        {"barriers": frame(LINE, kind=["kerb"])},
        {"water": frame(LINE, kind=["ditch"])},
        {"water": frame(LINE, kind=["river"], tunnel=["culvert"])},
        {"roads": frame(LINE, **{"class": ["motorway"], "bridge": ["yes"]})},
        {"roads": frame(LINE, **{"class": ["trunk"]})},
        {"barriers": None},
    ],
)
def test_what_bars_nobody(barriers):
    assert build_barriers(**barriers) is None


def test_a_short_wall_is_walked_round_not_fled():
    # the wall hides South Street right below the door; its ends at x = 40 and 60 do not reach far
    wall = build_barriers(barriers=frame(LineString([(40, 20), (60, 20)]), kind=["wall"]))
    made = snap(build_network(streets(), barriers=wall), np.array([[50.0, 40.0]]))
    assert made.around.tolist() == [True]
    assert made.line.tolist() == [0]
    # straight past the wall's end: the first of the places tried every 5 m that the door sees
    assert 40 < made.leg[0] < 50
    assert made.metres[0] == pytest.approx(30, abs=5.1)


def test_a_door_walled_in_all_round_goes_through_and_says_so():
    walls = build_barriers(barriers=frame(box(40, 30, 60, 45), kind=["wall"]))
    made = snap(build_network(streets(), barriers=walls), np.array([[50.0, 40.0], [50.0, 20.0]]))
    assert made.through.tolist() == [True, False]
    assert made.leg.tolist() == [40, 20]
    assert AROUND_M < 400


def test_a_wall_that_is_the_buildings_own_bars_nobody():
    network = build_network(streets(), barriers=build_barriers(barriers=frame(LineString([(30, 35), (70, 35)]))))
    house, hut = box(45, 34, 55, 44), box(45, 36, 55, 46)
    made = meet_streets(frame(house, hut), network)
    assert made.around.tolist() == [False, True]


def test_a_street_through_the_wall_is_the_gate():
    # an estate north of the wall whose one way out leads through it at x = 200
    lane = LineString([(200, 0), (200, 80)])
    roads = frame(*streets().geometry, lane, **{"class": ["residential"] * 4, "bridge": [None, None, "yes", None]})
    wall = build_barriers(barriers=frame(LineString([(0, 30), (390, 30)]), kind=["wall"]))
    shop = frame(Point(150, -10), kind=["market"])
    walks = walk_distances(frame(Point(195, 50)), shop, build_network(roads, barriers=wall))
    assert walks.loc[0, "market"] == pytest.approx(5 + 50 + 50 + 10)


def private_town() -> gpd.GeoDataFrame:
    """Two streets joined by a private way at x = 100 and a public one at x = 400."""
    way = LineString([(100, 0), (100, 100)])
    return frame(*streets().geometry, way, **{
        "class": ["residential"] * 3 + ["service"], "access": [None, None, None, "private"],
    })


def test_a_private_way_is_walked_by_who_lives_on_it_and_by_nobody_else():
    network = build_network(private_town())
    homes = frame(Point(50, -5), Point(105, 40))
    shops = frame(Point(50, 105), kind=["market"])
    walks = walk_distances(homes, shops, network)["market"].tolist()
    assert walks == pytest.approx([5 + ROUND + 5, 5 + 60 + 50 + 5])
    # a facility behind the gate is reached by its visitors, from either side, and by its neighbours
    inside = frame(Point(95, 70), kind=["nursery"])
    walks = walk_distances(homes, inside, network)["nursery"].tolist()
    assert walks == pytest.approx([5 + 50 + 70 + 5, 5 + 30 + 5])
    assert network.facts["private"] == 1


def test_pairs_agree_with_the_nearest_of_each(streets_seed=3):
    rng = np.random.default_rng(streets_seed)
    roads = private_town()
    wall = build_barriers(barriers=frame(LINE, kind=["wall"]))
    for network in (build_network(roads), build_network(roads, barriers=wall), None):
        homes = frame(*shapely.points(rng.uniform((0, -30), (420, 130), (40, 2))))
        sites = frame(*shapely.points(rng.uniform((0, -30), (420, 130), (9, 2))), kind=["market"] * 9,
                      code=[f"s{n}" for n in range(9)])
        pairs = walk_pairs(homes, sites, network, limit_m=400)
        best, which = nearest_facilities(homes, sites, network, limit_m=400)
        smallest = pairs.groupby("building")["metres"].min().reindex(homes.index)
        np.testing.assert_allclose(smallest, best["market"])
        for code in sites["code"]:
            alone = walk_distances(homes, sites[sites["code"] == code], network, limit_m=400)["market"]
            own = pairs[pairs["facility"] == code].set_index("building")["metres"].reindex(homes.index)
            np.testing.assert_allclose(own, alone)
        assert which["market"].notna().equals(best["market"].notna())
        assert pairs.attrs["basis"] == best.attrs["basis"]


# ---- pieces in cells


@given(
    seed=st.integers(0, 10_000), count=st.integers(1, 40), far=st.sampled_from([1.0, 100.0, 1e6]),
)
@settings(max_examples=40, deadline=None)
def test_the_nearest_piece_is_that_of_asking_all(seed, count, far):
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 500, (count, 2))
    end = start + rng.normal(0, 80, (count, 2))
    end[0] = start[0] + far  # one piece may be much longer than the others
    places = np.concatenate([rng.uniform(-200, 700, (20, 2)), rng.uniform(-1, 1, (3, 2)) * far])
    found, away = Cells.of(start, end).nearest(places)
    lines = shapely.linestrings(np.stack([start, end], axis=1))
    everything = shapely.distance(shapely.points(places)[:, None], lines[None, :])
    np.testing.assert_allclose(away, everything.min(axis=1), atol=1e-7)
    np.testing.assert_allclose(everything[np.arange(23), found], everything.min(axis=1), atol=1e-7)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_crossings_are_those_of_geos_and_free_places_are_free(seed):
    rng = np.random.default_rng(seed)
    walls = Cells.of(*rng.uniform(0, 100, (2, 12, 2)))
    xy, foot = rng.uniform(0, 100, (2, 25, 2))
    first = walls.first_crossed(xy, foot)
    lines = shapely.linestrings(np.stack([walls.start, walls.end], axis=1))
    ways = shapely.linestrings(np.stack([xy, xy + (foot - xy) * (1 - 0.3 / np.hypot(*(foot - xy).T))[:, None]], axis=1))
    crossed = shapely.intersects(ways[:, None], lines[None, :])
    assert (first >= 0).tolist() == crossed.any(axis=1).tolist()
    met = np.flatnonzero(first >= 0)
    assert crossed[met, first[met]].all()
    streets_ = Cells.of(*rng.uniform(0, 100, (2, 6, 2)))
    usable, level = np.ones(6, dtype=np.bool_), np.zeros(6)
    piece, point = streets_.free_place(xy, walls, aloft=level, usable=usable, within_m=300.0)
    free = np.flatnonzero(piece >= 0)
    assert (walls.first_crossed(xy[free], point[free]) < 0).all()
    _, nearest = streets_.nearest(xy)
    assert (np.hypot(*(point[free] - xy[free]).T) >= nearest[free] - 1e-9).all()


# ---- gates


def walled() -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """A walled yard south of a street, its only gate at the far east end; a home at the west end of the yard.

    ::

        ===================================  street, y = 0
        |---------------------------- gate|  wall, y = -20
        |  home                           |
        +---------------------------------+
    """
    roads = gpd.GeoDataFrame(geometry=[LineString([(-50, 0), (250, 0)])], crs=CRS)
    yard = gpd.GeoDataFrame({"kind": ["wall"]}, geometry=[shapely.box(0, -60, 200, -20).boundary], crs=CRS)
    home = gpd.GeoDataFrame(geometry=[Point(20, -40)], crs=CRS)
    return roads, yard, home


def gate_at(x: float, y: float, **more: list) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": ["g"], **more}, geometry=[Point(x, y)], crs=CRS)


def test_a_door_behind_a_wall_walks_to_the_gate_and_on_to_the_street():
    roads, yard, home = walled()
    closed = build_network(roads, barriers=build_barriers(barriers=yard))
    assert access_legs(home, closed).tolist() == [40] and meet_streets(home, closed).through.tolist() == [True]
    # the gate is drawn 2 m off the wall
    network = build_network(roads, barriers=build_barriers(barriers=yard, gates=gate_at(190, -18)))
    met = meet_streets(home, network)
    assert met.through.tolist() == [False] and met.via.tolist() == [[190, -20]]
    assert met.leg.tolist() == pytest.approx([math.hypot(170, 20) + 20])
    assert met.metres.tolist() == pytest.approx([240])
    shop = gpd.GeoDataFrame({"kind": ["shops"]}, geometry=[Point(250, 0)], crs=CRS)
    way = way_between(home, shop, network)
    assert way.metres == pytest.approx(math.hypot(170, 20) + 20 + 60) == walk_distances(home, shop, network).iloc[0, 0]
    assert way.line.length == pytest.approx(way.metres) and way.line.coords[1] == (190, -20)


def test_a_gate_before_the_door_opens_the_wall_there():
    roads, yard, home = walled()
    network = build_network(roads, barriers=build_barriers(barriers=yard, gates=gate_at(21, -20)))
    met = meet_streets(home, network)
    assert met.leg.tolist() == [40] and not met.through.any() and np.isnan(met.via).all()


def test_gates_that_open_nothing():
    roads, yard, home = walled()
    for gate in (gate_at(190, -18, access=["no"]), gate_at(190, 200), gate_at(math.nan, 0)):
        network = build_network(roads, barriers=build_barriers(barriers=yard, gates=gate))
        assert meet_streets(home, network).through.tolist() == [True]
    # a river has no gate
    river = yard.assign(kind="river")
    network = build_network(roads, barriers=build_barriers(barriers=river, gates=gate_at(190, -18)))
    assert meet_streets(home, network).through.tolist() == [True]


def test_another_wall_before_the_gate_keeps_one_from_it():
    roads, yard, home = walled()
    inner = gpd.GeoDataFrame({"kind": ["fence"]}, geometry=[LineString([(100, -60), (100, -20)])], crs=CRS)
    walls = gpd.GeoDataFrame(pd.concat([yard, inner], ignore_index=True), crs=CRS)
    network = build_network(roads, barriers=build_barriers(barriers=walls, gates=gate_at(190, -18)))
    assert meet_streets(home, network).through.tolist() == [True]
