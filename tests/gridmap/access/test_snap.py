"""From a door to the street: nearest place, ties, islands, and doors without a place."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString

from gridmap.access.network import build_network
from gridmap.access.snap import ISLAND_DETOUR_M, snap

CRS = "EPSG:4549"


def network(*lines: list, **columns: list):
    return build_network(gpd.GeoDataFrame(columns, geometry=[LineString(line) for line in lines], crs=CRS))


def test_places_are_measured_along_the_whole_line():
    made = network([(0, 0), (30, 0), (30, 40), (90, 40)])
    at = snap(made, np.array([[10.0, -7.0], [33.0, 20.0], [80.0, 41.0], [-3.0, -4.0], [99.0, 40.0]]))
    assert at.metres.tolist() == pytest.approx([10, 50, 120, 0, 130])
    assert at.leg.tolist() == pytest.approx([7, 3, 1, 5, 9])
    assert at.line.tolist() == [0] * 5


def test_many_doors_in_one_place_and_doors_without_one_keep_their_rows():
    made = network([(0, 0), (100, 0)], [(0, 50), (100, 50)])
    at = snap(made, np.array([[9.0, 49.0], [np.nan, np.nan], [5.0, 2.0], [9.0, 49.0], [np.inf, 0.0]]))
    assert at.line.tolist() == [1, -1, 0, 1, -1]
    assert at.metres[[0, 2, 3]].tolist() == [9, 5, 9]
    assert np.isnan(at.leg[[1, 4]]).all()


def test_without_lines_nothing_is_snapped():
    made = build_network(gpd.GeoDataFrame(geometry=[], crs=CRS))
    assert snap(made, np.array([[1.0, 1.0]])).line.tolist() == [-1]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("lines", "columns", "expected"),
    [
        # street level goes before the bridge right above it
        ([[(0, 10), (40, 10)], [(0, 10), (30, 10)]], {"bridge": ["yes", None]}, 1),
        ([[(0, 10), (40, 10)], [(0, 10), (30, 10)]], {"layer": ["1", None]}, 1),
        # west before east, south before north
        ([[(10, -50), (10, 50)], [(-10, -50), (-10, 50)]], {}, 1),
        ([[(-50, 10), (50, 10)], [(-50, -10), (50, -10)]], {}, 1),
    ],
)
def test_ties_do_not_hang_on_the_order_of_roads(lines, columns, expected, order):
    made = network(*lines[::order], **{name: values[::order] for name, values in columns.items()})
    line = snap(made, np.zeros((1, 2))).line[0]
    assert (line if order == 1 else 1 - line) == expected


def test_under_a_bridge_right_above_a_street_the_street_counts_for_every_door():
    made = network([(0, 60), (10, 60)], [(0, 60), (30, 60)], bridge=["yes", None])
    doors = np.random.default_rng(5).uniform((0, 48), (10, 58), (60, 2))
    assert set(snap(made, doors).line) == {1}


def test_a_door_beside_an_island_goes_to_the_mainland_unless_that_is_far():
    far = 10 + ISLAND_DETOUR_M
    made = network([(0, 0), (60_000, 0)], [(0, far + 10), (200, far + 10)], [(0, far + 200), (200, far + 200)])
    assert made.facts["islands"] == 2
    # 10 m from the first island and exactly so much farther from the street; a metre on it is too far
    doors = np.array([[50.0, far], [50.0, far + 1], [50.0, far + 199]])
    at = snap(made, doors)
    assert at.line.tolist() == [0, 1, 2]
    assert at.leg.tolist() == [far, 9, 1]
