"""Borders between chunks made to fit: each chunk is cut by itself, and both sides end up with the same vertices.

A street that meets a community's border leaves a vertex on one side only. Along each straight piece of a common border
the vertices of both sides are put in order and given to both: then every segment is shared exactly. The outermost
border is put back on the outline as it was given.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import cKDTree

__all__ = ["Border", "Stitched", "insert_vertices", "onto_outline", "outer_rings", "stitch"]

_GRID_M = 0.001
Ends = tuple[int, int]


@dataclass
class Border:
    """The outer boundary of one chunk: rings in whole millimetres, and for each segment the share that is bare.

    `bare[r][i]` belongs to the segment from vertex i to vertex i + 1 of ring r: 1 where it follows no line.
    """

    rings: list[np.ndarray]
    bare: list[np.ndarray]


@dataclass
class Stitched:
    """Cells that fit each other; metres of border between chunks and metres of it that follow no line; vertices of the
    outermost border in whole millimetres, each once and in order.
    """

    cells: np.ndarray
    length: float
    bare: float
    outer: np.ndarray


def outer_rings(cells: np.ndarray) -> list[np.ndarray]:
    """Rings around cells, in one piece or several, in whole millimetres, every vertex kept."""
    rings = shapely.get_rings(shapely.get_parts(shapely.coverage_union_all(cells)))
    return [np.round(shapely.get_coordinates(ring) * 1000.0).astype(np.int64) for ring in rings]


def stitch(
    outlines: np.ndarray, cells: np.ndarray, chunk: np.ndarray, borders: Sequence[Border]
) -> Stitched:
    """Cells whose common borders have the same vertices on both sides.

    Parameters
    ----------
    outlines
        Areas of the chunks, a noded tiling on the millimetre grid.
    cells
        Cells of all chunks.
    chunk
        Number of the chunk of each cell.
    borders
        Outer boundary of each chunk, as it was cut.

    Returns
    -------
    Stitched
    """
    sides = _sides(outlines)
    runs: dict[tuple[Ends, Ends], list[tuple[int, list[Ends]]]] = {}
    outer: list[np.ndarray] = []
    length = bare = 0.0
    for number, border in enumerate(borders):
        own = sides[number]
        corners = {point for key in own for point in key}
        for ring, share in zip(border.rings, border.bare, strict=True):
            for line, part in _runs(ring, share, corners):
                ends = [(int(x), int(y)) for x, y in line]
                start, end = ends[0], ends[-1]
                key = (min(start, end), max(start, end))
                if own.get(key, 1) == 1:
                    outer.append(line)
                    continue
                runs.setdefault(key, []).append((number, ends[1:-1] if start <= end else ends[-2:0:-1]))
                steps = np.hypot(*(np.diff(line, axis=0).T / 1000.0))
                length += 0.5 * float(steps.sum())
                bare += 0.5 * float((steps * part).sum())
    added: list[dict[tuple[Ends, Ends], list[Ends]]] = [{} for _ in borders]
    for (start, end), here in runs.items():
        if len(here) == 2 and here[0][1] != here[1][1]:
            for number, extra in _merged(start, end, here):
                added[number] |= extra
    done = cells.copy()
    where = np.argsort(chunk, kind="stable")
    begin = np.searchsorted(chunk[where], np.arange(len(borders) + 1))
    for number, extra in enumerate(added):
        if extra:
            mine = where[begin[number] : begin[number + 1]]
            insert_vertices(done, mine, extra)
    edge = np.unique(np.concatenate(outer), axis=0) if outer else np.empty((0, 2), dtype=np.int64)
    return Stitched(done, length, bare, edge)


def _sides(outlines: np.ndarray) -> list[dict[tuple[Ends, Ends], int]]:
    """For each chunk its border segments, and how many chunks have each of them."""
    found: list[dict[tuple[Ends, Ends], int]] = []
    uses: dict[tuple[Ends, Ends], int] = {}
    for outline in outlines:
        mine: dict[tuple[Ends, Ends], int] = {}
        for ring in shapely.get_rings(shapely.get_parts(outline)):
            points = [(int(x), int(y)) for x, y in np.round(shapely.get_coordinates(ring) * 1000.0)]
            for start, end in itertools.pairwise(points):
                key = (min(start, end), max(start, end))
                mine[key] = 0
                uses[key] = uses.get(key, 0) + 1
        found.append(mine)
    return [{key: uses[key] for key in mine} for mine in found]


def _runs(ring: np.ndarray, share: np.ndarray, corners: set[Ends]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stretches of a ring between two corners of the chunk's outline, each with the bare shares of its segments."""
    stops = [position for position, (x, y) in enumerate(ring[:-1].tolist()) if (x, y) in corners]
    if not stops:
        return [(ring, share)]
    first = stops[0]
    ring = np.concatenate([ring[first:-1], ring[: first + 1]])
    share = np.concatenate([share[first:], share[:first]])
    stops = [stop - first for stop in stops] + [len(ring) - 1]
    return [(ring[i : j + 1], share[i:j]) for i, j in itertools.pairwise(stops)]


def _merged(
    start: Ends, end: Ends, here: list[tuple[int, list[Ends]]]
) -> list[tuple[int, dict[tuple[Ends, Ends], list[Ends]]]]:
    """What each of two chunks has to add between its own vertices from `start` to `end`."""
    dx, dy = end[0] - start[0], end[1] - start[1]

    def along(point: Ends) -> int:
        return (point[0] - start[0]) * dx + (point[1] - start[1]) * dy

    every = sorted({point for _, middle in here for point in middle}, key=lambda point: (along(point), point))
    place = {point: position for position, point in enumerate(every)}
    found = []
    for number, middle in here:
        chain = [start, *middle, end]
        at = [-1, *(place[point] for point in middle), len(every)]
        if any(second <= first for first, second in itertools.pairwise(at)):
            return []  # a border that turns back on itself within a millimetre: left as it is
        extra: dict[tuple[Ends, Ends], list[Ends]] = {}
        for left, right, first, second in zip(chain[:-1], chain[1:], at[:-1], at[1:], strict=True):
            between = every[first + 1 : second]
            if between:
                extra[left, right] = between
                extra[right, left] = between[::-1]
        found.append((number, extra))
    return found


def insert_vertices(cells: np.ndarray, mine: np.ndarray, extra: dict[tuple[Ends, Ends], list[Ends]]) -> None:
    """Put the added vertices into the cells of one chunk, in place."""
    ends = np.array([(*start, *end) for start, end in extra], dtype=np.int64)
    reach = np.unique(ends.reshape(-1, 2), axis=0)
    rings, owner = shapely.get_rings(cells[mine], return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    grid = np.round(points * 1000.0).astype(np.int64)
    # Only cells with a vertex at an end of such a segment can hold it.
    span = int(np.ptp(np.concatenate([reach[:, 1], grid[:, 1]]))) + 1
    low = np.minimum(reach.min(axis=0), grid.min(axis=0))
    keys = (reach[:, 0] - low[0]) * span + (reach[:, 1] - low[1])
    hit = np.isin((grid[:, 0] - low[0]) * span + (grid[:, 1] - low[1]), keys)
    for position in np.unique(owner[ring[hit]]):  # the few cells along the border
        shape = cells[mine[position]]
        made = [_longer(line, extra) for line in (shape.exterior, *shape.interiors)]
        cells[mine[position]] = shapely.Polygon(made[0], made[1:])


def _longer(ring: shapely.LinearRing, extra: dict[tuple[Ends, Ends], list[Ends]]) -> np.ndarray:
    points = shapely.get_coordinates(ring)
    grid = [(int(x), int(y)) for x, y in np.round(points * 1000.0)]
    made: list[tuple[float, float]] = []
    for position, (start, end) in enumerate(itertools.pairwise(grid)):
        made.append((points[position, 0], points[position, 1]))
        made += [(x / 1000.0, y / 1000.0) for x, y in extra.get((start, end), ())]
    made.append(made[0])
    return np.array(made)


def onto_outline(areas: np.ndarray, outer: np.ndarray, outline: shapely.Geometry) -> np.ndarray:
    """Areas of a tiling with the vertices of the outer boundary put back on the outline as it was given.

    Noding moves a vertex on the outline by up to a millimetre, which adds up to square metres along a district. A
    vertex moves for all its areas at once, so the tiling stays exact.

    Parameters
    ----------
    areas
        Polygons on the millimetre grid that tile the outline.
    outer
        Vertices of their outer boundary in whole millimetres, each once and in order, (n, 2).
    outline
        The outline before it was put on the grid.
    """
    if not len(outer):
        return areas
    lines = shapely.get_rings(shapely.get_parts(outline))
    ends, ring = shapely.get_coordinates(lines, return_index=True)
    same = ring[1:] == ring[:-1]
    sides = shapely.linestrings(np.stack([ends[:-1][same], ends[1:][same]], axis=1))
    spots = shapely.points(outer / 1000.0)
    which, side = shapely.STRtree(sides).query_nearest(spots, max_distance=2 * _GRID_M, all_matches=False)
    onto = outer / 1000.0
    onto[which] = shapely.get_coordinates(
        shapely.line_interpolate_point(sides[side], shapely.line_locate_point(sides[side], spots[which]))
    )
    # A corner of the outline stays a corner.
    gap, corner = cKDTree(ends).query(onto, distance_upper_bound=1.5 * _GRID_M)
    onto[np.isfinite(gap)] = ends[corner[np.isfinite(gap)]]
    touched = _touched(areas, outer)
    if not len(touched):
        return areas
    done = areas.copy()
    for attempt in range(2):
        moved = _moved(areas[touched], outer, onto)
        if _exact(moved):
            done[touched] = moved
            return done
        if attempt == 0:
            # Two vertices within a few millimetres can change places along the outline: they stay where they are.
            crowded = np.unique(cKDTree(outer / 1000.0).query_pairs(5 * _GRID_M, output_type="ndarray"))
            onto[crowded] = outer[crowded] / 1000.0
    return areas


def _exact(areas: np.ndarray) -> bool:
    return bool(shapely.is_valid(areas).all()) and bool(shapely.coverage_is_valid(areas))


def _found(points: np.ndarray, old: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each point is one of `old` (whole millimetres, in order), and where in it."""
    lookup = np.round(points * 1000.0).astype(np.int64)
    base, span = old.min(axis=0), int(np.ptp(old[:, 1])) + 1
    inside = ((lookup >= base) & (lookup <= old.max(axis=0))).all(axis=1)
    keys = (old[:, 0] - base[0]) * span + (old[:, 1] - base[1])
    wanted = np.where(inside, (lookup[:, 0] - base[0]) * span + (lookup[:, 1] - base[1]), -1)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return keys[at] == wanted, at


def _touched(areas: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Positions of the areas that have a vertex at one of `old`."""
    points, owner = shapely.get_coordinates(areas, return_index=True)
    return np.unique(owner[_found(points, old)[0]])


def _moved(areas: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Areas with every vertex that stands at one of `old` put to its `new` place."""
    points = shapely.get_coordinates(areas)
    hit, at = _found(points, old)
    points[hit] = new[at[hit]]
    return shapely.set_coordinates(areas.copy(), points)
