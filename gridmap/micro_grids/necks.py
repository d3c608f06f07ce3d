"""Footprints that hang together by a hair: noding on a millimetre grid would cut them there, so they are cut before."""

from __future__ import annotations

import numpy as np
import shapely

__all__ = ["ANNEX_SHARE", "cut_at_necks", "without_scraps"]

#: Footprints narrower than this at some place do not survive noding in one piece, metres: both sides of a neck may move
#: by most of a millimetre.
NECK_M = 0.003
#: An outline below this share of its building is an annex, where nobody is counted.
ANNEX_SHARE = 0.05
#: What is smaller than this is a fault of rounding, not an outline, square metres.
_NOTHING_M2 = 0.001


def cut_at_necks(footprints: np.ndarray) -> np.ndarray:
    """Footprints with each neck thinner than the grid can hold opened, so that they say how many outlines they have.

    Parameters
    ----------
    footprints
        Valid polygons and multipolygons on the millimetre grid, metres.

    Returns
    -------
    array; a footprint without such a neck is the same object as before.

    Examples
    --------
    >>> hourglass = shapely.Polygon([(0, 0), (4, 0), (2.001, 2), (4, 4), (0, 4), (2, 2)])
    >>> shapely.get_num_geometries(cut_at_necks(np.array([hourglass, shapely.box(0, 0, 4, 4)]))).tolist()
    [2, 1]
    """
    found = footprints.copy()
    tight = (shapely.minimum_clearance(footprints) < NECK_M) & (shapely.get_dimensions(footprints) == 2)
    for position in np.flatnonzero(tight).tolist():  # few
        found[position] = _opened(footprints[position])
    return found


def _opened(footprint: shapely.Geometry) -> shapely.Geometry:
    rings = shapely.get_rings(shapely.get_parts(footprint))
    corners = np.unique(shapely.get_coordinates(rings), axis=0)
    sides = shapely.linestrings(np.concatenate([_sides(ring) for ring in rings]))
    corner, _ = shapely.STRtree(sides).query(shapely.points(corners), predicate="dwithin", distance=NECK_M)
    # Every corner is near the two sides that end in it.
    tight = corners[np.bincount(corner, minlength=len(corners)) > 2]
    for x, y in tight.tolist():
        reach = 2.0 * NECK_M
        apart = shapely.difference(footprint, shapely.box(x - reach, y - reach, x + reach, y + reach), grid_size=0.001)
        if _outlines(apart) > _outlines(footprint):
            footprint = shapely.set_precision(apart, 0.0)
    return footprint


def _sides(ring: shapely.LinearRing) -> np.ndarray:
    points = shapely.get_coordinates(ring)
    return np.stack([points[:-1], points[1:]], axis=1)


def _outlines(footprint: shapely.Geometry) -> int:
    return int((shapely.area(shapely.get_parts(footprint)) > _NOTHING_M2).sum())


def without_scraps(footprint: shapely.Geometry) -> shapely.Geometry:
    """A footprint that gave up ground, without the corners that this cut off: they go with the ground around them.

    Examples
    --------
    >>> house = shapely.union_all([shapely.box(0, 0, 10, 10), shapely.box(11, 0, 12, 1)])
    >>> without_scraps(house).area
    100.0
    """
    parts = shapely.get_parts(footprint)
    areas = shapely.area(parts)
    kept = parts[areas >= min(ANNEX_SHARE * areas.sum(), areas.max())]  # of scraps alone the largest
    if len(kept) == len(parts):
        return footprint
    return kept[0] if len(kept) == 1 else shapely.multipolygons(kept)
