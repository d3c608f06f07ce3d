"""Noded lines and their faces, beside GEOS and by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.micro_grids.edges import face_edges
from gridmap.micro_grids.kernels.beside import strongest_beside
from gridmap.micro_grids.noding import Noded, faces_of, node
from layers.errors import DataBroken

Segments = list[tuple[int, int, int, int]]


def _lines(segments: Segments, unit: float) -> np.ndarray:
    ends = np.array(segments, dtype=float).reshape(-1, 2, 2) * unit
    return np.asarray(shapely.linestrings(ends))


def _segments(size: int, most: int) -> st.SearchStrategy[Segments]:
    place = st.integers(0, size)
    return st.lists(st.tuples(place, place, place, place), min_size=1, max_size=most)


def _meet_badly(noded: Noded) -> list[tuple[int, int]]:
    """Pairs of segments that share more than an end: told by GEOS."""
    ends = noded.points[noded.ends]
    bad = []
    for (i, p), (j, q) in itertools.combinations(enumerate(ends.tolist()), 2):
        one, two = shapely.LineString(p), shapely.LineString(q)
        common = {tuple(p[0]), tuple(p[1])} & {tuple(q[0]), tuple(q[1])}
        met = shapely.intersection(one, two)
        if not met.is_empty and not (met.geom_type == "Point" and (met.x, met.y) in common):
            bad.append((i, j))
    return bad


@given(_segments(12, 9))
@settings(max_examples=150, deadline=None)
def test_segments_of_a_few_millimetres_meet_in_their_ends_only(segments: Segments) -> None:
    noded = node(_lines(segments, 0.001))
    assert not _meet_badly(noded)
    again = node(noded.lines) if len(noded.ends) else noded
    assert np.array_equal(again.points, noded.points)
    assert np.array_equal(again.ends, noded.ends)


@given(_segments(60, 14))
@settings(max_examples=100, deadline=None)
def test_faces_are_those_of_geos(segments: Segments) -> None:
    lines = _lines(segments, 0.7)  # crossings far apart, so that both round to the same pixels or to the next
    outline = shapely.box(-1, -1, 50, 50)
    shapely.prepare(outline)
    faces = faces_of(node([*lines, outline.exterior]), outline)
    wanted = shapely.get_parts(
        shapely.polygonize(shapely.get_parts(shapely.union_all([*lines, outline.exterior], grid_size=0.001)))
    )
    assert shapely.is_valid(faces.areas).all()
    assert shapely.coverage_is_valid(faces.areas)
    assert shapely.area(faces.areas).sum() == pytest.approx(51.0 * 51.0)
    big = np.sort(shapely.area(faces.areas[shapely.area(faces.areas) > 0.5]))
    assert big == pytest.approx(np.sort(shapely.area(wanted[shapely.area(wanted) > 0.5])), abs=0.2)


@given(_segments(30, 12))
@settings(max_examples=100, deadline=None)
def test_edges_are_those_of_the_faces(segments: Segments) -> None:
    outline = shapely.box(0, 0, 3, 3)
    cut = faces_of(node([*_lines(segments, 0.1), outline.exterior]), outline)
    wanted = face_edges(cut.areas)
    for name in ("left", "right", "length", "middle", "start", "end", "overused", "faces"):
        assert np.array_equal(getattr(cut.edges, name), getattr(wanted, name)), name
    plain = cut.areas[shapely.get_num_interior_rings(cut.areas) < 2]  # holes that meet have no order of their own
    assert shapely.equals_exact(shapely.normalize(plain), plain).all()
    assert shapely.contains(cut.areas, cut.middle).all()


def test_a_house_in_a_yard_in_a_block_is_a_hole_in_a_hole() -> None:
    outline = shapely.box(0, 0, 100, 100)
    rings = [shapely.box(k, k, 100 - k, 100 - k).exterior for k in (10, 20, 30)]
    boxes = shapely.box([2, 12, 15], [2, 40, 50], [5, 15, 18], [5, 50, 60])
    wing = shapely.Polygon([(2, 60), (4, 60), (4, 62), (3, 62), (3, 64), (2, 64)])
    beside = shapely.get_exterior_ring([*boxes, wing])
    faces = faces_of(node([outline.exterior, *rings, *beside]), outline)
    assert sorted(shapely.area(faces.areas).tolist()) == [6, 9, 30, 30, 1600, 2000, 2740, 3585]
    assert shapely.get_num_interior_rings(faces.areas).tolist() == [3, 0, 0, 3, 0, 0, 1, 0]
    assert shapely.is_valid(faces.areas).all()
    assert shapely.equals_exact(shapely.normalize(faces.areas), faces.areas).all()


def test_lines_that_part_nothing_are_no_edges() -> None:
    outline = shapely.box(0, 0, 10, 10)
    loose = [[(1, 1), (4, 4)], [(0, 5), (3, 5)], [(4, 5), (5, 5)], [(7, 6), (9, 6)]]
    island = shapely.box(5, 4, 7, 7).exterior
    faces = faces_of(node([outline.exterior, island, *shapely.linestrings(loose)]), outline)
    assert sorted(shapely.area(faces.areas).tolist()) == [6, 94]
    assert faces.edges.inner.sum() == 6  # a dead end leaves its corner, but parts nobody


def test_the_order_of_lines_and_their_direction_change_nothing() -> None:
    rng = np.random.default_rng(5)
    ends = np.round(rng.random((60, 2, 2)) * 50, 4)
    first = node(shapely.linestrings(ends))
    second = node(shapely.linestrings(ends[::-1, ::-1]))
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.ends, second.ends)


def test_lines_over_half_a_continent_are_refused() -> None:
    with pytest.raises(DataBroken, match="reach over 700 km"):
        node(shapely.linestrings([[(0, 0), (700_000, 10)]]))


def test_nothing_is_noded_to_nothing() -> None:
    assert len(faces_of(node([]), shapely.box(0, 0, 1, 1))) == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.5, 4.0]))
@settings(max_examples=60, deadline=None)
def test_the_strongest_line_beside_a_point_is_found(seed: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.integers(-40, 140, (25, 4)).astype(float)
    strength = rng.integers(1, 5, 25) / 2.0
    points = rng.random((40, 2)) * [100, 60]
    points[:25] = steps[:, :2] + rng.random((25, 1)) * (steps[:, 2:] - steps[:, :2])  # on a line
    gap = shapely.distance(shapely.points(points)[:, None], shapely.linestrings(steps.reshape(-1, 2, 2))[None])
    wanted = np.where(gap <= reach, strength, 0.0).max(axis=1)
    unsure = (np.abs(gap - reach) < 1e-9).any(axis=1)
    assert (strongest_beside(points, steps, strength, reach) == wanted)[~unsure].all()
    assert (wanted > 0).any()
