"""Points that crowd, as numbers: how many there are in each cell of the screen at a zoom."""

from __future__ import annotations

import numpy as np

__all__ = ["APART", "sum_points"]

#: Side of a cell in pixels: about what a number on the map takes.
APART = 52


def sum_points(
    lng: np.ndarray, lat: np.ndarray, numbers: np.ndarray, zoom: int, *, apart: int = APART
) -> list[list[int]]:
    """Count points by cells of the screen.

    Parameters
    ----------
    lng, lat
        Places in degrees; one that is NaN is nowhere and not counted.
    numbers
        What each is called in the tiles.
    zoom
        Zoom of the map, whose world is 256 * 2 ** zoom pixels wide.
    apart
        Side of a cell in pixels.

    Returns
    -------
    `[x, y, count]` a cell, the fullest first, at the mean place of its points in pixels of the world;
    `[x, y, 1, number]` where one stands alone. The counts add up to the points that are somewhere.

    Examples
    --------
    >>> sum_points(np.array([0.0, 0.1, 90.0]), np.array([0.0, 0.0, 0.0]), np.array([1, 2, 3]), 0)
    [[128, 128, 2], [192, 128, 1, 3]]
    """
    there = ~(np.isnan(lng) | np.isnan(lat))
    lng, lat, numbers = lng[there], np.clip(lat[there], -85.05, 85.05), numbers[there]
    side = 256 * 2.0**zoom
    x = (lng + 180) / 360 * side
    sine = np.sin(np.radians(lat))
    y = (0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)) * side
    cell = (y // apart).astype(np.int64) * 2**32 + (x // apart).astype(np.int64)
    _, first, of, counts = np.unique(cell, return_index=True, return_inverse=True, return_counts=True)
    middle = [np.rint(np.bincount(of, weights=axis) / counts).astype(np.int64) for axis in (x, y)]
    order = np.argsort(-counts, kind="stable")
    columns = (middle[0], middle[1], counts, numbers[first])
    rows = zip(*(column[order].tolist() for column in columns), strict=True)
    return [[px, py, count] if count > 1 else [px, py, count, number] for px, py, count, number in rows]
