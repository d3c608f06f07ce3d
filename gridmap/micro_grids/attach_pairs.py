"""Which points may lie in which areas, by boxes: a sort of the points in place of a tree of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["BoxRuns", "runs_in_boxes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: Up to this many cells the places of all cells are written down; beyond, they are looked up in the sorted points.
_WRITTEN_DOWN = 4_000_000


@dataclass(frozen=True, kw_only=True)
class BoxRuns:
    """Points in a new order, and pairs of area and place in that order.

    Parameters
    ----------
    order
        Numbers of the points, cell by cell; points outside the box of all areas are left out.
    area, at
        Pairs, ordered by area: the point `order[at]` lies in the box of the area or less than a cell beside it.
    """

    order: Ints
    area: Ints
    at: Ints


def runs_in_boxes(areas: NDArray[np.object_], x: Floats, y: Floats) -> BoxRuns:
    """Which points may lie in which areas.

    Points are sorted by cells, a small part of the mean box in size, so that a box holds a few runs of neighbours and
    one sort answers for all boxes; whoever asks the areas themselves walks through memory in order.

    Parameters
    ----------
    areas
        Areas; missing and empty ones are in no pair.
    x, y
        Finite coordinates.

    Examples
    --------
    >>> areas = np.array([shapely.box(0, 0, 2, 2), None, shapely.box(2, 0, 4, 2)], dtype=object)
    >>> runs = runs_in_boxes(areas, np.array([2.0, 3.9, 9.0, 0.1]), np.array([1.0, 1.0, 1.0, 0.1]))
    >>> sorted(zip(runs.area.tolist(), runs.order[runs.at].tolist()))
    [(0, 0), (0, 3), (2, 0), (2, 1)]
    """
    box = shapely.bounds(areas)
    real = np.flatnonzero(np.isfinite(box).all(axis=1))
    none = np.empty(0, dtype=np.intp)
    if not len(real) or not len(x):
        return BoxRuns(order=none, area=none, at=none)
    west, south, east, north = box[real].T
    left, bottom, right, top = west.min(), south.min(), east.max(), north.max()
    inside = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top))
    # the more points a box holds, the finer the cells may be
    parts = min(8.0, max(2.0, math.sqrt(len(inside) / len(real)) / 2))
    wide, high = _side(east - west, right - left, 2 * parts), _side(north - south, top - bottom, parts)
    columns = int((right - left) / wide) + 1
    key = ((y[inside] - bottom) / high).astype(np.int64) * columns + ((x[inside] - left) / wide).astype(np.int64)
    order = np.argsort(key)

    # one run of cells for each row that a box touches
    first_row = ((south - bottom) / high).astype(np.int64)
    rows = ((north - bottom) / high).astype(np.int64) - first_row + 1
    run_box = np.repeat(np.arange(len(real)), rows)
    row = first_row[run_box] + np.arange(len(run_box)) - np.repeat(np.cumsum(rows) - rows, rows)
    from_cell = row * columns + ((west - left) / wide).astype(np.int64)[run_box]
    to_cell = row * columns + ((east - left) / wide).astype(np.int64)[run_box] + 1
    cells = (int((top - bottom) / high) + 1) * columns
    if cells <= _WRITTEN_DOWN:
        begins = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=cells))])
        begin, end = begins[from_cell], begins[to_cell]
    else:
        ordered = key[order]
        begin, end = np.searchsorted(ordered, from_cell), np.searchsorted(ordered, to_cell)

    # the runs one behind the other
    length = end - begin
    at = np.arange(int(length.sum())) + np.repeat(begin - np.cumsum(length) + length, length)
    return BoxRuns(order=inside[order], area=np.repeat(real[run_box], length), at=at)


def _side(sides: Floats, whole: float, parts: float) -> float:
    """Side of a cell: a part of the mean box, and no more than 2^20 of them in the whole."""
    return max(float(sides.mean()) / parts, whole / 2**20, math.ulp(1.0))
