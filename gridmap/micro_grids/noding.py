"""Lines cut where they meet, and the faces between them, on a grid of one millimetre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from gridmap.micro_grids.edges import Edges
from gridmap.micro_grids.kernels.faces import faces_between
from gridmap.micro_grids.kernels.noding import bucket_segments, crossings, snapped
from layers.errors import DataBroken

__all__ = ["Faces", "Noded", "faces_of", "node", "well_inside"]

_MM = 1000.0
#: Lines over more than this many millimetres would overflow whole numbers of 64 bits.
_WIDEST = 1 << 29
#: Rounds of snapping until nothing moves: two or three in practice.
_ROUNDS = 20


@dataclass(frozen=True)
class Noded:
    """Segments that meet in their ends only: `points` in whole millimetres, (n, 2), by x and y, and two `ends` each."""

    points: np.ndarray
    ends: np.ndarray

    @property
    def lines(self) -> np.ndarray:
        """The segments as lines, metres."""
        return np.asarray(shapely.linestrings(self.points[self.ends] / _MM))


@dataclass(frozen=True)
class Faces:
    """Faces that tile an outline: `areas` (polygons, normalized), a point well inside each, their common `edges`."""

    areas: np.ndarray
    middle: np.ndarray
    edges: Edges

    def __len__(self) -> int:
        return len(self.areas)


def node(lines: Sequence[shapely.Geometry] | np.ndarray, *, onto: Noded | None = None) -> Noded:
    """All lines cut where they meet, on the millimetre grid (snap rounding).

    Parameters
    ----------
    lines
        Lines of any kind, metres; all within 500 km.
    onto
        What was noded before and is cut further.

    Raises
    ------
    DataBroken
        Where the lines reach over more than 500 km.

    Examples
    --------
    >>> cross = node(shapely.linestrings([[(0, 0), (2, 2)], [(0, 2), (2, 0)]]))
    >>> cross.points.tolist(), len(cross.ends)
    ([[0, 0], [0, 2000], [1000, 1000], [2000, 0], [2000, 2000]], 4)
    """
    parts = shapely.get_parts(np.asarray(lines, dtype=object))
    points, line = shapely.get_coordinates(parts, return_index=True)
    grid = np.round(points * _MM).astype(np.int64)
    same = line[1:] == line[:-1]
    segments = np.hstack([grid[:-1][same], grid[1:][same]])
    if onto is not None:
        segments = np.vstack([segments, onto.points[onto.ends].reshape(-1, 4)])
    return _snap(segments)


def _snap(segments: np.ndarray) -> Noded:
    """Segments in whole millimetres, (n, 4), cut where they meet."""
    if not len(segments):
        return Noded(np.empty((0, 2), dtype=np.int64), np.empty((0, 2), dtype=np.int64))
    origin = segments.reshape(-1, 2).min(axis=0)
    segments = segments - np.tile(origin, 2)
    wide, tall = (int(item) + 1 for item in segments.reshape(-1, 2).max(axis=0))
    if max(wide, tall) > _WIDEST:
        raise DataBroken(
            f"lines reach over {max(wide, tall) / 1e6:.0f} km; split a region of that size city by city, or look for a "
            "place with a wrong coordinate"
        )
    # Each segment once and in an order of its own, so that nothing depends on how lines came.
    keys = segments[:, [0, 2]] * tall + segments[:, [1, 3]]
    keys.sort(axis=1)
    keys = keys[keys[:, 0] != keys[:, 1]]
    corners, ends = np.unique(keys, return_inverse=True)
    pairs = np.unique(ends.reshape(-1, 2) @ np.array([len(corners), 1]))
    for _ in range(_ROUNDS):
        before, count = pairs, len(corners)
        corners, pairs = _snap_once(corners, pairs, wide, tall)
        # A segment that moved may now pass through a pixel that it missed before.
        if len(corners) == count and np.array_equal(pairs, before):
            break
    used, ends = np.unique(np.column_stack(np.divmod(pairs, len(corners))), return_inverse=True)
    return Noded(np.column_stack(np.divmod(corners[used], tall)) + origin, ends.reshape(-1, 2))


def _snap_once(corners: np.ndarray, pairs: np.ndarray, wide: int, tall: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners (x * tall + y) and the pairs of them that segments join (a * their number + b), snapped."""
    points = np.column_stack(np.divmod(corners, tall))
    segments = points[np.column_stack(np.divmod(pairs, len(corners)))].reshape(-1, 4)
    # About two segments start in a bucket.
    size = max(int(np.sqrt(wide * tall / max(len(segments) / 2.0, 1.0))), 1000)
    columns, rows = wide // size + 1, tall // size + 1
    start, held = bucket_segments(segments, size, columns, rows)
    met = crossings(segments, start, held)
    if len(met):
        corners = np.unique(np.concatenate([corners, met[:, 0] * tall + met[:, 1]]))
        points = np.column_stack(np.divmod(corners, tall))
    bucket = points[:, 1] // size * columns + points[:, 0] // size
    order = np.argsort(bucket, kind="stable")
    begin = np.searchsorted(bucket[order], np.arange(columns * rows + 1))
    found = snapped(segments, size, columns, points, begin, order)
    return corners, np.unique(found @ np.array([len(corners), 1]))


def faces_of(noded: Noded, outline: shapely.Geometry) -> Faces:
    """Faces of noded lines that lie in the outline, in an order that depends on the geometry alone.

    Parameters
    ----------
    noded
        From `node`; lines that end in nothing part nothing.
    outline
        Polygon or MultiPolygon.

    Examples
    --------
    >>> square = shapely.box(0, 0, 2, 2)
    >>> faces = faces_of(node([square.exterior, shapely.LineString([(-1, 1), (3, 1)])]), square)
    >>> shapely.area(faces.areas).tolist(), float(faces.edges.length[faces.edges.inner].sum())
    ([2.0, 2.0], 2.0)
    """
    nodes, start, face, shell, sides, count = faces_between(noded.points, noded.ends)
    lowest = noded.points[nodes[start[:-1]]]
    # The outer loop first, then holes as GEOS has them: the longest, and of those the last by its lowest corner.
    order = np.lexsort((-lowest[:, 1], -lowest[:, 0], -np.diff(start), ~shell, face))
    order = order[face[order] >= 0]
    length = np.diff(start)[order] + 1
    offset = np.r_[0, np.cumsum(length)]
    place = np.repeat(start[:-1][order] - offset[:-1], length) + np.arange(offset[-1])
    place[offset[1:] - 1] = start[:-1][order]  # closed
    rings = np.searchsorted(face[order], np.arange(count + 1))
    coordinates = noded.points[nodes[place]] / _MM
    areas = shapely.from_ragged_array(shapely.GeometryType.POLYGON, coordinates, (offset, rings))
    middle = well_inside(areas)
    inside = np.flatnonzero(shapely.intersects(outline, middle))
    areas, middle = areas[inside], middle[inside]
    bounds = np.round(shapely.bounds(areas), 3)
    order = np.lexsort((np.round(shapely.area(areas), 4), *bounds.T[::-1]))
    rank = np.full(count + 1, -1, dtype=np.int64)  # the last one for no face
    rank[inside[order]] = np.arange(len(order))
    return Faces(areas[order], middle[order], _edges(noded, rank[sides], len(order)))


def _edges(noded: Noded, sides: np.ndarray, faces: int) -> Edges:
    between = np.flatnonzero((sides >= 0).any(axis=1))
    one, two = np.sort(sides[between], axis=1).T
    low, high = noded.points[noded.ends[between, 0]], noded.points[noded.ends[between, 1]]
    delta = (high - low) / _MM
    return Edges(
        left=np.where(one >= 0, one, two), right=np.where(one >= 0, two, -1),
        length=np.hypot(delta[:, 0], delta[:, 1]), middle=(low + high) / (2.0 * _MM), start=low, end=high,
        overused=0, faces=faces,
    )  # fmt: skip


def well_inside(faces: np.ndarray) -> np.ndarray:
    """A point of each face that does not lie in a spike of it: the centroid where it is inside."""
    found = shapely.centroid(faces)
    beside = ~shapely.contains(faces, found)
    found[beside] = shapely.point_on_surface(faces[beside])
    return found
