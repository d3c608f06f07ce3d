"""The walking network: where lines meet, where they only pass over each other, and what is said about islands."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, Point

from gridmap.access.network import build_network, foot_of
from layers.errors import CrsMismatch, WrongCall

CRS = "EPSG:4549"
ACROSS = [(0, 0), (100, 0)]
UP = [(50, -50), (50, 50)]


def network(*lines: list, join_m: float = 0.5, **columns: list):
    frame = gpd.GeoDataFrame(columns, geometry=[LineString(line) for line in lines], crs=CRS)
    return build_network(frame, join_m=join_m)


def parts(*lines: list, join_m: float = 0.5, **columns: list) -> int:
    """How many parts the lines make; 1 where they all meet."""
    return int(network(*lines, join_m=join_m, **columns).facts["parts"])


@pytest.mark.parametrize(
    ("what", "other", "meet"),
    [
        ("a shared end", [(100, 0), (200, 0)], True),
        ("a shared vertex on one side only", [(50, 0), (50, 50)], True),
        ("a crossing without a vertex", UP, True),
        ("a line on top of another", [(40, 0), (140, 0)], True),
        ("an end half a metre short", [(50, 0.5), (50, 50)], True),
        ("an end farther than that", [(50, 0.51), (50, 50)], False),
        ("ends half a metre apart", [(100.5, 0), (200, 0)], True),
        ("ends farther apart", [(100.6, 0), (200, 0)], False),
        ("an end that runs over", [(50, -0.2), (50, 50)], True),
        ("two lines side by side", [(0, 3), (100, 3)], False),
    ],
)
def test_where_lines_on_one_level_meet(what, other, meet):
    assert (parts(ACROSS, other) == 1) is meet, what
    assert (parts(other, ACROSS) == 1) is meet, what


@pytest.mark.parametrize(
    ("what", "other", "columns", "meet"),
    [
        ("a bridge over a street", UP, {"bridge": [None, "yes"]}, False),
        ("a street in a tunnel", UP, {"tunnel": [None, "yes"]}, False),
        ("two bridges", UP, {"bridge": ["yes", "yes"]}, False),
        ("a passage through a building", UP, {"tunnel": [None, "building_passage"]}, True),
        ("another layer", UP, {"layer": [None, "1"]}, False),
        ("the same layer", UP, {"layer": ["1", "1"]}, True),
        ("a bridge that starts where the street ends", [(100, 0), (200, 0)], {"bridge": [None, "yes"]}, True),
        ("a bridge that starts just beside its end", [(100.4, 0), (200, 0)], {"bridge": [None, "yes"]}, True),
        ("a bridge that ends above the street", [(50, 0.2), (50, 50)], {"bridge": [None, "yes"]}, False),
    ],
)
def test_where_lines_on_different_levels_meet(what, other, columns, meet):
    assert (parts(ACROSS, other, **columns) == 1) is meet, what


def test_a_bridge_meets_a_street_at_a_shared_vertex():
    assert parts([(0, 0), (50, 0), (100, 0)], [*UP[:1], (50, 0), *UP[1:]], bridge=[None, "yes"]) == 1


def test_the_width_of_a_gap_is_the_callers():
    assert parts(ACROSS, [(102, 0), (200, 0)], join_m=2) == 1
    assert parts(ACROSS, [(100.1, 0), (200, 0)], join_m=0) == 2
    assert parts(ACROSS, [(50, 0), (50, 9)], join_m=0) == 1
    assert network(ACROSS, [(102, 0), (200, 0)], join_m=2).links[2].tolist() == [2.0]


def test_a_link_never_cuts_a_corner():
    # the second street leaves the first at its end and comes back to half a metre from that end
    hook = [(100, 0), (100.3, 0.2), (100.1, 0.45), (50, 30)]
    assert network(ACROSS, hook).facts["links"] == 0
    assert network(hook, ACROSS).facts["links"] == 0
    # a street that comes as near without having met the first is linked to it
    assert network(ACROSS, [(100.3, 0.2), (100.1, 0.45), (50, 30)]).facts["links"] > 0


def test_stops_keep_the_length_of_every_line():
    rng = np.random.default_rng(3)
    lines = [rng.uniform(0, 300, (4, 2)).tolist() for _ in range(12)]
    made = network(*lines)
    _, _, metres = made.stops.edges
    assert metres.sum() == pytest.approx(sum(LineString(line).length for line in lines))
    assert made.facts["crossings"] > 10
    # every crossing is where GEOS says that lines cross
    noded = shapely.union_all([LineString(line) for line in lines])
    inner = {(round(x, 3), round(y, 3)) for part in noded.geoms for x, y in (part.coords[0], part.coords[-1])}
    assert made.nodes == len(inner)


def test_facts_count_what_was_made_of_the_roads():
    facts = network(
        ACROSS, UP, [(0, 0), (-100, 0)], [(0, 500), (0, 600)], **{"class": ["path", "path", "path", "motorway"]}
    ).facts
    assert facts == {
        "roads": 4, "walkable": 3, "metres": 300.0, "parts": 1, "largest_share": 1.0, "islands": 0,
        "island_metres": 0.0, "crossings": 1, "links": 0, "private": 0,
    }


def test_islands_are_short_both_in_metres_and_in_share():
    main = [(0, 0), (60_000, 0)]
    facts = network(main, [(0, 500), (299, 500)], [(0, 900), (301, 900)]).facts
    assert (facts["islands"], facts["island_metres"], facts["parts"]) == (1, 299.0, 3)
    # 299 m are no island in a small town
    assert network([(0, 0), (1000, 0)], [(0, 500), (299, 500)]).facts["islands"] == 0
    assert facts["largest_share"] == pytest.approx(60_000 / 60_600, abs=1e-4)
    # where all is in pieces the largest piece still is no island
    pieces = [[(0, y), (10, y)] for y in range(0, 3000, 20)]
    assert network([(0, -50), (11, -50)], *pieces).facts["islands"] == len(pieces)


def test_what_is_no_line_is_left_out():
    with np.errstate(invalid="ignore"):
        hole = LineString([(0, 0), (math.nan, 5), (0, 40)])
    shapes = [
        LineString(ACROSS), LineString(), None, LineString([(3, 3), (3, 3)]), Point(1, 1), hole,
        LineString([(0, 40), (0, 40), (0, 90)]),
        shapely.from_wkt("LINESTRING Z (0 90 5, 0 100 7)"),
    ]
    made = build_network(gpd.GeoDataFrame(geometry=shapes, crs=CRS))
    assert made.facts["metres"] == 200.0
    assert made.facts["parts"] == 1


def test_no_roads_make_an_empty_network():
    made = build_network(gpd.GeoDataFrame({"class": []}, geometry=[], crs=CRS))
    assert (made.facts["metres"], made.facts["parts"], made.nodes, len(made.start)) == (0.0, 0, 0, 0)
    closed = build_network(gpd.GeoDataFrame({"foot": ["no"]}, geometry=[LineString(ACROSS)], crs=CRS))
    assert (closed.facts["roads"], closed.facts["walkable"], len(closed.start)) == (1, 0, 0)


def test_feet_on_segments_end_at_the_very_vertex():
    start, end = np.array([[0.1, 0.3]] * 3), np.array([[7.7, 9.9]] * 3)
    feet = foot_of(np.array([[-5.0, -5.0], [50.0, 50.0], [3.9, 5.1]]), start, end)
    assert feet[0].tolist() == [0.1, 0.3]
    assert feet[1].tolist() == [7.7, 9.9]
    line = LineString([(0.1, 0.3), (7.7, 9.9)])
    assert feet[2].tolist() == pytest.approx(line.interpolate(line.project(Point(3.9, 5.1))).coords[0])


def test_wrong_calls_are_refused():
    frame = gpd.GeoDataFrame(geometry=[LineString(ACROSS)], crs=CRS)
    for join_m in (-1, math.nan, "1"):
        with pytest.raises(WrongCall, match="join_m must be metres"):
            build_network(frame, join_m=join_m)
    with pytest.raises(CrsMismatch, match="roads are in WGS 84, not in metres"):
        build_network(frame.set_crs("EPSG:4326", allow_override=True))
