"""Compiled pieces and outlines beside SciPy and GEOS."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridmap.micro_grids.cells import dissolve
from gridmap.micro_grids.fabric import FAR_AREA_M2, _all_near, _far_from_buildings
from gridmap.micro_grids.kernels.pieces import pieces
from gridmap.micro_grids.towers import divide_footprint


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_pieces_are_those_of_scipy(count: int, ties: list[tuple[int, int]]) -> None:
    ends = np.array([(a, b) for a, b in ties if a < count and b < count], dtype=np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    wanted = connected_components(graph, directed=False)[1]
    assert pieces(ends[:, 0].copy(), ends[:, 1].copy(), count).tolist() == wanted.tolist()


def _tiles(side: int) -> np.ndarray:
    """Squares with a diamond in the middle of each, so that outlines have holes and meet themselves in points."""
    x, y = (item.ravel() * 10.0 for item in np.meshgrid(np.arange(side), np.arange(side)))
    squares = shapely.box(x, y, x + 10, y + 10)
    diamonds = shapely.buffer(shapely.points(x + 5, y + 5), 3, quad_segs=1)
    return np.concatenate([shapely.difference(squares, diamonds), diamonds])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_dissolved_areas_are_those_of_geos(data: st.DataObject) -> None:
    tiles = _tiles(4)
    named = data.draw(st.lists(st.integers(0, 5), min_size=len(tiles), max_size=len(tiles)))
    unit = np.unique(named, return_inverse=True)[1]
    made = dissolve(tiles, unit)
    for number in range(int(unit.max()) + 1):
        wanted = shapely.normalize(shapely.coverage_union_all(tiles[unit == number]))
        assert shapely.equals_exact(made[number], wanted, 0.0)


def test_an_outline_runs_around_a_courtyard() -> None:
    sides = [shapely.Polygon(corners) for corners in (
        [(0, 0), (3, 0), (3, 1), (2, 1), (1, 1), (0, 1)], [(0, 1), (1, 1), (1, 2), (0, 2)],
        [(2, 1), (3, 1), (3, 2), (2, 2)], [(0, 2), (1, 2), (2, 2), (3, 2), (3, 3), (0, 3)],
    )]  # fmt: skip
    (made,) = dissolve(np.array(sides, dtype=object), np.zeros(4, dtype=np.int64))
    assert made.area == pytest.approx(8.0)
    assert [len(ring.coords) for ring in (made.exterior, *made.interiors)] == [9, 5]


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("corners", [
    [(0, 0), (60, 5), (58, 25), (40, 22), (38, 40), (20, 38), (22, 18), (-2, 15)], [(0, 0), (70, 3), (0, 30)],
])  # fmt: skip
def test_pieces_of_a_footprint_hold_their_share(corners: list[tuple[int, int]], count: int) -> None:
    shape = shapely.Polygon(corners)
    shares = np.array([piece.area for piece in divide_footprint(shape, count)]) / shape.area
    assert len(shares) == count
    assert np.abs(shares - 1.0 / count).max() < 0.001


def test_ground_far_from_buildings_is_found_whatever_the_spots_say() -> None:
    outline = shapely.box(0, 0, 1200, 600)
    x, y = (item.ravel() for item in np.meshgrid(np.arange(0, 1200, 60.0), np.arange(0, 600, 60.0)))
    crowded = shapely.box(x, y, x + 12, y + 10)
    assert _all_near(outline, crowded)
    half = crowded[x < 600]
    assert not _all_near(outline, half)
    (tract,) = _far_from_buildings(outline, half)
    assert shapely.area(shapely.polygons(shapely.get_coordinates(tract))) > FAR_AREA_M2
