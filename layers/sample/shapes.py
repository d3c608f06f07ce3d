"""The few shapes that a made-up town is drawn with: smooth lines, cuts, boxes along a street.

Everything is in metres of the town's own plan (x east, y north). Points lie on a grid of one centimetre, so that
neighbours which share a corner share it exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

__all__ = ["GRID_M", "box_along", "cut", "longest_side", "smooth", "south_facing", "strip"]

#: Corners are rounded to this, as a surveyor would.
GRID_M = 0.01


def smooth(points: Sequence[tuple[float, float]], *, steps: int = 12) -> np.ndarray:
    """
    A curve through the points, `steps` pieces between two of them (Catmull and Rom 1974).

    Returns
    -------
    Array of x and y in metres; first and last point are those given.

    Examples
    --------
    >>> smooth([(0, 0), (10, 0), (20, 10)], steps=2).round(2).tolist()
    [[0.0, 0.0], [5.0, -0.62], [10.0, 0.0], [15.0, 4.38], [20.0, 10.0]]
    """
    corners = np.asarray(points, dtype=float)
    # the curve starts and ends as if it went on straight
    padded = np.vstack((2 * corners[0] - corners[1], corners, 2 * corners[-1] - corners[-2]))
    before, start, stop, after = (padded[shift : len(padded) - 3 + shift, None, :] for shift in range(4))
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (
        2 * start
        + (stop - before) * t
        + (2 * before - 5 * start + 4 * stop - after) * t**2
        + (3 * start - before - 3 * stop + after) * t**3
    )
    return np.vstack((curve.reshape(-1, 2), corners[-1]))


def cut(area: shapely.Polygon, line: shapely.LineString) -> list[shapely.Polygon]:
    """
    The two parts that a line leaves of an area, larger first; nothing where it does not leave exactly two.

    Both parts have the same corners along the line.

    Examples
    --------
    >>> [part.area for part in cut(shapely.box(0, 0, 3, 1), shapely.LineString([(1, -1), (1, 2)]))]
    [2.0, 1.0]
    """
    edges = shapely.union(area.boundary, line, grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    inside = faces[shapely.contains_properly(shapely.buffer(area, GRID_M), shapely.point_on_surface(faces))]
    if len(inside) != 2:
        return []
    return sorted(inside, key=lambda part: -part.area)


def longest_side(area: shapely.Polygon) -> tuple[np.ndarray, float, float]:
    """
    Direction of the longer side of the smallest box around an area, and the box's length and depth in metres.

    The direction is a unit vector that points east (or north).

    Examples
    --------
    >>> direction, length, depth = longest_side(shapely.box(0, 0, 3, 8))
    >>> direction.round(3).tolist(), length, depth
    ([0.0, 1.0], 8.0, 3.0)
    """
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(area))
    sides = np.diff(corners, axis=0)[:2]
    lengths = np.hypot(*sides.T)
    side, length, depth = sides[lengths.argmax()], float(lengths.max()), float(lengths.min())
    direction = side / length
    if direction[0] < -1e-9 or (abs(direction[0]) <= 1e-9 and direction[1] < 0):
        direction = -direction
    return direction, length, depth


def south_facing(area: shapely.Polygon, *, most_degrees: float = 14.0) -> np.ndarray:
    """
    The direction of rows of houses on a plot: along its side nearest to east-west, turned by no more than allowed.

    Slab blocks in China face south wherever the plot lets them; hence rows do not follow the street at any price.

    Examples
    --------
    >>> south_facing(shapely.box(0, 0, 3, 8)).round(3).tolist()
    [1.0, 0.0]
    """
    direction, _, _ = longest_side(area)
    angle = np.degrees(np.arctan2(direction[1], direction[0]))
    angle -= 90.0 * np.round(angle / 90.0)
    angle = np.radians(np.clip(angle, -most_degrees, most_degrees))
    return np.array([np.cos(angle), np.sin(angle)])


def box_along(start: np.ndarray, along: np.ndarray, length: float, depth: float) -> shapely.Polygon:
    """
    A rectangle from its first corner: `length` metres in the direction, `depth` metres to the left of it.

    Examples
    --------
    >>> box_along(np.array([0.0, 0.0]), np.array([1.0, 0.0]), 12.0, 5.0).bounds
    (0.0, 0.0, 12.0, 5.0)
    """
    left = np.array([-along[1], along[0]])
    corners = [start, start + along * length, start + along * length + left * depth, start + left * depth]
    return shapely.set_precision(shapely.Polygon(corners), GRID_M)


def strip(line: shapely.LineString, near: float, far: float) -> shapely.Geometry:
    """
    What lies between two distances from a line, on both of its sides, in metres.

    Examples
    --------
    >>> round(strip(shapely.LineString([(0, 0), (10, 0)]), 1.0, 2.0).area, 3)
    20.0
    """
    outer, inner = (shapely.buffer(line, width, cap_style="flat", join_style="mitre") for width in (far, near))
    return shapely.difference(outer, inner)
