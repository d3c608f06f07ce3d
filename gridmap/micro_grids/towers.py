"""Buildings too big for one micro-grid, divided: by entrance units, then by whole floors.

A unit is a piece of ground and may join its neighbours; the floor bands of one unit share its ground and stay
together as a stack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely

from gridmap.micro_grids.band import Band

__all__ = ["Part", "divide_building", "divide_footprint", "share_out"]

#: Metres of building length, or m2 of footprint, that one entrance serves, where entrances are not known (our choice:
#: two flats of about 6 m of facade each); and the least that a piece may have where a wider one would not fit.
UNIT_LENGTH_M, UNIT_AREA_M2 = 12.0, 180.0
TIGHT_LENGTH_M, TIGHT_AREA_M2 = 8.0, 100.0
#: What it costs a number of pieces that they cannot make good units without a neighbour's help.
_LEFT_OVER = 0.5
#: Pieces lie on this grid, so that two neighbours have the same corners.
_GRID_M = 0.001


@dataclass(frozen=True)
class Part:
    """A piece of a building: one entrance unit, or some floors of one."""

    geometry: shapely.Polygon
    households: int
    unit: int | None = None
    floor_from: int | None = None
    floor_to: int | None = None
    #: Why this part is still above the band's maximum; None where it is not.
    reason: str | None = None
    #: True for one whole entrance of a known number: good alone anywhere in the band, as a whole building is.
    known: bool = False


def share_out(total: int, weights: np.ndarray) -> np.ndarray:
    """Whole numbers in proportion to the weights that add up to the total (largest remainder).

    Examples
    --------
    >>> share_out(10, np.array([1.0, 1.0, 1.0]))
    array([4, 3, 3])
    """
    exact = total * weights / weights.sum()
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def _long_axis(polygon: shapely.Polygon) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Origin, direction, length and width of the smallest rectangle around a polygon."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygon))
    sides = np.diff(corners[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    longest = int(np.argmax(lengths))
    along = sides[longest] / lengths[longest]
    # One direction for one line, whatever corner the rectangle starts from: eastward, due north for a tie.
    if along[0] < -1e-9 or (abs(along[0]) <= 1e-9 and along[1] < 0):
        along = -along
    return corners[0], along, float(lengths[longest]), float(lengths[1 - longest])


def divide_footprint(polygon: shapely.Polygon, count: int) -> list[shapely.Polygon]:
    """A footprint in so many connected pieces of about equal area, cut across its long axis.

    Halves are cut at the area that each must hold and then divided again, so that a slab falls into strips along its
    length and a square into a checker of pieces. A cut that leaves crumbs gives them to the other side.

    Parameters
    ----------
    polygon
        Footprint, metric CRS.
    count
        Number of pieces, at least 1.

    Returns
    -------
    list of Polygon, from one end to the other.

    Examples
    --------
    >>> [round(piece.area) for piece in divide_footprint(shapely.box(0, 0, 40, 10), 4)]
    [100, 100, 100, 100]
    """
    if count <= 1:
        return [polygon]
    left_count = count // 2
    origin, along, length, _ = _long_axis(polygon)
    across = np.array([-along[1], along[0]])
    low = float(((shapely.get_coordinates(polygon) - origin) @ along).min())
    reach = 4.0 * (length + 1.0)

    def cut(at: float) -> shapely.Geometry:
        start, end = origin + along * (low - reach), origin + along * at
        ring = [start - across * reach, end - across * reach, end + across * reach, start + across * reach]
        return shapely.intersection(polygon, shapely.Polygon(ring), grid_size=_GRID_M)

    wanted = polygon.area * left_count / count
    edges = _edges_along(polygon, origin, along, across)
    left = _largest(cut(_cut_at(edges, wanted)))
    right = _largest(shapely.difference(polygon, left, grid_size=_GRID_M))
    # Crumbs of the right side that hang on the left go back to it.
    left = _largest(shapely.difference(polygon, right, grid_size=_GRID_M))
    if right is None or left is None or left.area < 0.05 * wanted or right.area < 0.05 * wanted:
        return [polygon]
    return divide_footprint(left, left_count) + divide_footprint(right, count - left_count)


def _edges_along(
    polygon: shapely.Polygon, origin: np.ndarray, along: np.ndarray, across: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of a polygon in the frame of its long axis: lower and upper position along it, and the rise across."""
    shape = shapely.orient_polygons(polygon)
    rings = shapely.get_rings(shape)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    x, y = (points - origin) @ along, (points - origin) @ across
    same = ring[1:] == ring[:-1]
    start, end, rise = x[:-1][same], x[1:][same], np.diff(y)[same]
    return np.minimum(start, end), np.maximum(start, end), rise


def _cut_at(edges: tuple[np.ndarray, np.ndarray, np.ndarray], wanted: float) -> float:
    """Position along the axis below which a polygon holds the wanted area.

    Between two corners the area grows as a quadratic of the position: two corners around it, then its root.
    """
    stops = np.unique(np.concatenate(edges[:2]))
    areas = _areas_below(edges, stops)
    above = min(max(int(np.searchsorted(areas, wanted)), 1), len(stops) - 1)
    start, end = float(stops[above - 1]), float(stops[above])
    first, middle, last = _areas_below(edges, np.array([start, (start + end) / 2.0, end])).tolist()
    bend, slope = 2.0 * (first - 2.0 * middle + last), 4.0 * middle - 3.0 * first - last
    short = wanted - first
    root = slope + math.sqrt(max(slope * slope + 4.0 * bend * short, 0.0))
    share = 2.0 * short / root if root > 0.0 else 0.0
    return start + (end - start) * min(max(share, 0.0), 1.0)


def _areas_below(edges: tuple[np.ndarray, np.ndarray, np.ndarray], at: np.ndarray) -> np.ndarray:
    """Area of a polygon on the lower side of lines across its axis (Green: the integral of min(x, at) dy)."""
    low, high, rise = edges
    line = at[:, None]
    inside = np.clip((line - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    mean = inside * (low + np.minimum(high, line)) / 2.0 + (1.0 - inside) * line
    return np.asarray(mean @ rise)


def _largest(geometry: shapely.Geometry) -> shapely.Polygon | None:
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0]
    return max(parts, key=lambda part: part.area) if parts else None


def divide_building(
    footprint: shapely.Polygon,
    households: int,
    band: Band,
    *,
    units: int | None = None,
    levels: int | None = None,
) -> list[Part]:
    """A building of more households than the maximum, as parts that fit.

    Known entrances are kept, and one that is too big is divided by whole floors. Where entrances are not known, the
    number of pieces and of floor bands is the one whose parts suit the wish best (`_suits`): pieces of about half the
    target where the length or area allows, because they join each other and their neighbours; else pieces, or floor
    bands of pieces, that meet the wish themselves.

    Parameters
    ----------
    footprint
        Metric CRS.
    households
        Of the whole building; the parts add up to it exactly.
    band
        Households a micro-grid.
    units, levels
        Entrances and floors, None where unknown.

    Returns
    -------
    list of Part; a part that could not be brought down to the maximum carries its reason.

    Examples
    --------
    >>> parts = divide_building(shapely.box(0, 0, 20, 12), 66, Band(15, 25, 40), units=1, levels=33)
    >>> [(part.floor_from, part.floor_to, part.households) for part in parts]
    [(1, 11, 22), (12, 22, 22), (23, 33, 22)]
    >>> [part.households for part in divide_building(shapely.box(0, 0, 60, 12), 50, Band(15, 25, 40))]
    [13, 13, 12, 12]
    """
    known = bool(units)
    count = min(units, households) if units else _best_count(footprint, households, band, levels)
    pieces = divide_footprint(footprint, count)
    counts = share_out(households, np.ones(len(pieces)))
    parts: list[Part] = []
    for number, (piece, load) in enumerate(zip(pieces, counts.tolist(), strict=True), start=1):
        unit = number if len(pieces) > 1 else None
        parts += _divide_unit(piece, load, band, unit=unit, levels=levels, known=known)
    return parts


def _best_count(footprint: shapely.Polygon, households: int, band: Band, levels: int | None) -> int:
    """Number of pieces of ground, for a building whose entrances are not known."""
    _, _, length, _ = _long_axis(footprint)
    wide = max(int(length // UNIT_LENGTH_M), int(footprint.area // UNIT_AREA_M2), 1)
    tight = max(int(length // TIGHT_LENGTH_M), int(footprint.area // TIGHT_AREA_M2), 1)
    best, best_cost = 1, np.inf
    for count in range(1, min(tight, -(-households * 5 // (2 * band.target)), households) + 1):
        # A piece narrower than an entrance is a makeshift.
        cost = 0.3 * max(0, count - wide)
        big, more = households // count + 1, households % count
        # Five pieces of 14 leave one over where the building stands alone; six of 12 pair off.
        if big <= band.wish_high and not _closes(households, count, band):
            cost += _LEFT_OVER
        for load, times in ((big, more), (big - 1, count - more)):
            if times:
                floors = _best_bands(load, band, levels)
                loads = _band_loads(load, levels or 1, floors)
                cost += times * sum(_suits(part, band, stacked=floors > 1) for part in loads)
        if cost < best_cost - 1e-9:
            best, best_cost = count, cost
    return best


def _closes(households: int, count: int, band: Band) -> bool:
    """Whether so many equal pieces of a building make units within the wish among themselves."""
    small, big = households // count, -(-households // count)
    return any(
        count // units * small >= band.wish_low and -(-count // units) * big <= band.wish_high
        for units in range(-(-households // band.wish_high), households // band.wish_low + 1)
    )


def _suits(households: int, band: Band, *, stacked: bool) -> float:
    """How badly a part suits the wish: 0 for one that joins others easily, more for one that cannot meet it."""
    if households > band.high:
        return 8.0 + (households - band.high) / band.target
    if households > band.wish_high:
        return 1.5
    if households >= band.wish_low:
        return (0.35 if stacked else 0.25) + 0.2 * abs(households - band.target) / band.target
    if stacked:
        return 1.5 if households >= band.low else 8.0
    # Two of up to 15 (target 25) make a unit within the wish; two of 18 do not.
    return 0.05 if 2 * households <= band.wish_high else 0.8


def _best_bands(households: int, band: Band, levels: int | None) -> int:
    """Number of floor bands of a piece: 1 where it is not divided by floors."""
    if households <= band.high or levels is None or levels < 2:
        return 1
    fewest = -(-households // band.high)
    choices = range(min(fewest, levels), min(-(-households // band.wish_low), levels) + 1)

    def cost(bands: int) -> float:
        return sum(_suits(load, band, stacked=True) for load in _band_loads(households, levels, bands))

    return min(choices, key=cost, default=levels)


@lru_cache(maxsize=4096)
def _band_loads(households: int, levels: int, bands: int) -> tuple[int, ...]:
    """Households of each band of whole floors, from the ground up."""
    tops = np.cumsum(share_out(levels, np.ones(bands)))
    return tuple(np.diff(np.round(households * tops / levels).astype(np.int64), prepend=0).tolist())


def _divide_unit(
    piece: shapely.Polygon, households: int, band: Band, *, unit: int | None, levels: int | None, known: bool
) -> list[Part]:
    if households <= band.high:
        return [Part(piece, households, unit=unit, known=known)]
    if levels is None or levels < 2:
        why = "floors unknown" if levels is None else "it has one floor"
        undivided = f"one entrance of {households} households cannot be divided: {why}"
        return [Part(piece, households, unit=unit, reason=undivided, known=known)]
    bands = _best_bands(households, band, levels)
    heights = share_out(levels, np.ones(bands))
    tops = np.cumsum(heights)
    parts = []
    for top, height, count in zip(
        tops.tolist(), heights.tolist(), _band_loads(households, levels, bands), strict=True
    ):
        reason: str | None = None
        if count > band.high:
            reason = f"floors {top - height + 1}-{top} hold {count} households and a floor is not divided"
        parts.append(Part(piece, count, unit=unit, floor_from=top - height + 1, floor_to=top, reason=reason))
    return parts
