"""Seams around ground that was cut anew: the neighbours get the vertices that are new on the common border."""

from __future__ import annotations

import itertools

import numpy as np
import shapely

from gridmap.micro_grids.stitch import insert_vertices

__all__ = ["sew"]

Point = tuple[int, int]


def sew(before: shapely.Geometry, made: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make new cells and the cells around them fit.

    Parameters
    ----------
    before
        The ground before it was cut anew, with every vertex of its border.
    made
        The new cells; they cover the ground, with more vertices on its border where new lines meet it.
    around
        Cells that touch the ground from outside.

    Returns
    -------
    made, around
        The same cells: of `made` every old vertex of the border stands again exactly where it was, `around` have the
        new ones too.

    Examples
    --------
    >>> left, right = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
    >>> halves = np.array([shapely.box(0, 0, 1, 0.5), shapely.box(0, 0.5, 1, 1)])
    >>> _, (mended,) = sew(left, halves, np.array([right]))
    >>> len(mended.exterior.coords) - len(right.exterior.coords)
    1
    """
    old_points = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(before)))
    exact = {_key(point): (float(point[0]), float(point[1])) for point in old_points}
    made = shapely.transform(made, lambda points: _restored(points, exact))
    border = shapely.coverage_union_all(made)
    extra: dict[tuple[Point, Point], list[Point]] = {}
    for ring in shapely.get_rings(shapely.get_parts(border)):
        keys = [_key(point) for point in shapely.get_coordinates(ring)][:-1]
        stops = [position for position, key in enumerate(keys) if key in exact]
        if len(stops) < 2:
            continue
        turned = keys[stops[0] :] + keys[: stops[0] + 1]
        stops = [position - stops[0] for position in stops] + [len(keys)]
        for first, last in itertools.pairwise(stops):
            between = turned[first + 1 : last]
            if between:
                extra[turned[first], turned[last]] = between
                extra[turned[last], turned[first]] = between[::-1]
    around = around.copy()
    if not extra:
        return made, around
    shared = _segments(around)
    if len(around):
        insert_vertices(around, np.arange(len(around)), extra)
    # on the outermost border nobody else has the segment: there a vertex lies on it exactly
    outer: dict[Point, tuple[float, float]] = {}
    for (start, end), between in extra.items():
        if (start, end) not in shared and (end, start) not in shared:
            line = shapely.LineString([exact[start], exact[end]])
            for point in between:
                spot = shapely.line_interpolate_point(line, line.project(shapely.Point(point[0] / 1e3, point[1] / 1e3)))
                outer[point] = (spot.x, spot.y)
    return shapely.transform(made, lambda points: _restored(points, outer)) if outer else made, around


def _segments(areas: np.ndarray) -> set[tuple[Point, Point]]:
    found: set[tuple[Point, Point]] = set()
    for ring in shapely.get_rings(areas):
        found.update(itertools.pairwise(_key(point) for point in shapely.get_coordinates(ring)))
    return found


def _key(point: np.ndarray) -> Point:
    return round(float(point[0]) * 1000.0), round(float(point[1]) * 1000.0)


def _restored(points: np.ndarray, exact: dict[Point, tuple[float, float]]) -> np.ndarray:
    """Points with those that stand within half a millimetre of an old vertex put onto it."""
    return np.array([exact.get(_key(point), (float(point[0]), float(point[1]))) for point in points]).reshape(-1, 2)
