"""Whether areas tile an outline, told from their geometry alone.

Nothing here knows how the areas were made: it is the second opinion on what the split promises. All coordinates are
metres; every function takes arrays of shapely geometries and works on all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Segments", "area_outside", "missing_area", "overlaps", "segments"]

#: Grid on which two vertices count as the same, in metres.
_GRID_M = 0.001


def overlaps(areas: NDArray[np.object_], *, at_least_m2: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """
    Pairs of areas that share ground.

    Returns
    -------
    pairs, shape (n, 2), positions in `areas`, the smaller first; and the shared ground in m2, more than
    `at_least_m2` each.

    Examples
    --------
    >>> squares = shapely.box([0, 1, 1.5], 0, [1, 2, 3], 1)
    >>> overlaps(squares, at_least_m2=0.01)
    (array([[1, 2]]), array([0.5]))
    """
    one, other = shapely.STRtree(areas).query(areas, predicate="intersects")
    once = one < other
    one, other = one[once], other[once]
    # neighbours of a tiling touch only: whether inner points meet is quicker to ask than how much they share
    meet = shapely.relate_pattern(areas[one], areas[other], "T********")
    one, other = one[meet], other[meet]
    shared = shapely.area(shapely.intersection(areas[one], areas[other]))
    much = shared > at_least_m2
    order = np.lexsort((other[much], one[much]))
    return np.column_stack([one[much], other[much]])[order], shared[much][order]


def missing_area(areas: NDArray[np.object_], outline: shapely.Geometry) -> tuple[float, float]:
    """
    Ground of the outline that no area covers, and ground of the areas beyond the outline, in m2.

    Examples
    --------
    >>> missing_area(shapely.box([0, 1], 0, [1, 2.5], 1), shapely.box(0, 0, 2, 2))
    (2.0, 0.5)
    """
    union = shapely.union_all(areas)
    return float(shapely.area(outline.difference(union))), float(shapely.area(union.difference(outline)))


def area_outside(parts: NDArray[np.object_], wholes: NDArray[np.object_]) -> NDArray[np.float64]:
    """
    How much of each part lies outside the whole at the same position, in m2; all of it where the whole is None.

    Examples
    --------
    >>> area_outside(shapely.box([0, 0], 0, [1, 3], 1), shapely.box([0, 0], 0, [2, 2], 1))
    array([0., 1.])
    """
    outside = np.asarray(shapely.area(parts), dtype=float)
    asked = ~shapely.is_missing(wholes)
    # one answer for each pair, the quick one first: a prepared whole says for most parts that it covers them
    shapely.prepare(wholes[asked])
    covered = np.zeros(len(parts), dtype=bool)
    covered[asked] = shapely.covers(wholes[asked], parts[asked])
    outside[covered] = 0.0
    rest = np.flatnonzero(asked & ~covered)
    outside[rest] = shapely.area(shapely.difference(parts[rest], wholes[rest]))
    return outside


@dataclass(frozen=True)
class Segments:
    """How often the borders of areas are used, segment by segment.

    `twice` lie between two areas, `edge` are used once and lie on the outline, `odd` are neither; `areas` holds the
    positions of the areas that have an odd one.
    """

    twice: int
    edge: int
    odd: int
    areas: NDArray[np.intp]


def segments(areas: NDArray[np.object_], outline: shapely.Geometry) -> Segments:
    """
    Count how often each border segment is used, on a grid of a millimetre.

    Where areas tile the outline exactly, node by node, every segment is used by two of them, or by one on the
    outline: no sliver, no gap and no vertex that only one neighbour knows of.

    Examples
    --------
    >>> segments(shapely.box([0, 1], 0, [1, 2], 1), shapely.box(0, 0, 2, 1))
    Segments(twice=1, edge=6, odd=0, areas=array([], dtype=int64))
    >>> segments(shapely.box([0, 1], 0, [1, 2], [1, 1.5]), shapely.box(0, 0, 2, 1)).odd
    4
    """
    parts, owner = shapely.get_parts(areas, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    ends, owner = _segments_of(rings, owner[part])
    order = np.lexsort(ends.T)
    ends, owner = ends[order], owner[order]
    new = np.ones(len(ends), dtype=bool)
    new[1:] = (ends[1:] != ends[:-1]).any(axis=1)
    kind = np.cumsum(new) - 1
    uses = np.bincount(kind, minlength=0)
    first = np.flatnonzero(new)
    single = np.flatnonzero(uses == 1)
    on_edge = np.zeros(len(uses), dtype=bool)
    on_edge[single] = _on_boundary(ends[first[single]] * _GRID_M, outline)
    good = (uses == 2) | on_edge
    return Segments(
        twice=int((uses == 2).sum()),
        edge=int(on_edge.sum()),
        odd=int((~good).sum()),
        areas=np.unique(owner[~good[kind]]).astype(np.int64),
    )


def _segments_of(rings: NDArray[np.object_], owner: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Ends (x1, y1, x2, y2) of every segment in steps of the grid, the smaller end first, and whose ring it is of."""
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    steps = np.rint(xy / _GRID_M).astype(np.int64)
    same = ring[1:] == ring[:-1]
    start, end = steps[:-1][same], steps[1:][same]
    whose = owner[ring[1:][same]]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    start[swap], end[swap] = end[swap], start[swap]
    long = (start != end).any(axis=1)
    return np.hstack([start, end])[long], whose[long]


def _on_boundary(ends: NDArray[np.floating], outline: shapely.Geometry) -> NDArray[np.bool_]:
    """Whether both ends and the middle of each segment lie on the outline's border, within the grid."""
    border = shapely.get_rings(shapely.get_parts(outline))
    xy, ring = shapely.get_coordinates(border, return_index=True)
    same = ring[1:] == ring[:-1]
    pieces = shapely.linestrings(np.stack([xy[:-1][same], xy[1:][same]], axis=1))
    tree = shapely.STRtree(pieces)
    found = np.ones(len(ends), dtype=bool)
    for points in (ends[:, :2], ends[:, 2:], (ends[:, :2] + ends[:, 2:]) / 2):
        near, _ = tree.query(shapely.points(points), predicate="dwithin", distance=2 * _GRID_M)
        hit = np.zeros(len(ends), dtype=bool)
        hit[near] = True
        found &= hit
    return found
