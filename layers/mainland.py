"""Where GCJ-02 is shifted: the mainland of China, by its border and not by a box."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from layers.errors import WrongCall
from layers.text import packaged_yaml

__all__ = ["ASKED", "in_mainland"]

#: What may be asked for besides the mainland: `also=` of `shift`.
ASKED = ("hongkong", "macau", "taiwan")

# the box around the mainland, degrees, and the side of its squares
_WEST, _EAST, _SOUTH, _NORTH, _SQUARE = 73.0, 136.0, 17.0, 54.0, 0.5
_MIXED, _IN = 1, 2


@lru_cache(maxsize=1)
def _said() -> dict[str, Any]:
    return packaged_yaml("mainland.yaml")


@lru_cache(maxsize=1)
def _mainland() -> shapely.Polygon:
    """The area of the GCJ-02 shift, prepared for point tests."""
    text = _said()
    ring, hole = (
        np.array([[float(number) for number in pair.split(",")] for pair in pairs.split()])
        for pairs in (f"{text['land']} {text['sea']}", text["macau"])
    )
    area = shapely.Polygon(ring, [hole])
    shapely.prepare(area)
    return area


@lru_cache(maxsize=1)
def _squares() -> NDArray[np.int8]:
    """Squares of half a degree, rows from the south: wholly outside, wholly inside, or on the border."""
    west, south = np.meshgrid(np.arange(_WEST, _EAST, _SQUARE), np.arange(_SOUTH, _NORTH, _SQUARE))
    # a hair wider, so that no rounding puts a point into its neighbour's square
    squares = shapely.box(west - 1e-6, south - 1e-6, west + _SQUARE + 1e-6, south + _SQUARE + 1e-6)
    kind = np.where(shapely.intersects(_mainland(), squares), _MIXED, 0)
    kind[shapely.contains_properly(_mainland(), squares)] = _IN
    return np.asarray(kind, dtype=np.int8)


def in_mainland(lon: ArrayLike, lat: ArrayLike, *, also: Collection[str] = ()) -> NDArray[np.bool_]:
    """Whether points lie where GCJ-02 is shifted: the mainland of China with Hainan and the coastal waters.

    The border is right to about 1 km on land and followed closely at Hong Kong and Macau, which are outside, as is
    Taiwan. Within that distance of the border a place may be taken for its neighbour's.

    Parameters
    ----------
    lon, lat
        Degrees, arrays of one shape or numbers.
    also
        Any of "hongkong", "macau" and "taiwan" to count as well: some makers of maps shift them, others do not.

    Returns
    -------
    Array of bool in the shape of the input; False where a coordinate is missing.

    Raises
    ------
    WrongCall
        A word in `also` that is none of `ASKED`.

    Examples
    --------
    >>> in_mainland([116.39, 114.17, 126.98], [39.91, 22.30, 37.57]).tolist()  # Beijing, Hong Kong, Seoul
    [True, False, False]
    >>> in_mainland([116.39, 114.17, 126.98], [39.91, 22.30, 37.57], also=["hongkong"]).tolist()
    [True, True, False]
    """
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    # Whole millimetres: a point on the border stays on its side when it comes back with the last digit changed.
    shape, x, y = x.shape, np.round(x.ravel(), 8), np.round(y.ravel(), 8)
    # Most points lie far from the border: where their square is all in or all out, thousands of vertices are spared.
    kind = np.zeros(len(x), dtype=np.int8)
    near = np.flatnonzero((x > _WEST) & (x < _EAST) & (y > _SOUTH) & (y < _NORTH))
    columns = ((x[near] - _WEST) / _SQUARE).astype(np.intp)
    kind[near] = _squares()[((y[near] - _SOUTH) / _SQUARE).astype(np.intp), columns]
    inside = kind == _IN
    rest = np.flatnonzero(kind == _MIXED)
    inside[rest] = shapely.contains_xy(_mainland(), x[rest], y[rest])
    for name in also:
        if name not in ASKED:
            raise WrongCall(f"also={name!r} is not known; take any of {', '.join(ASKED)}")
        west, south, east, north = (float(number) for number in _said()["asked"][name].split(","))
        inside |= (x > west) & (x < east) & (y > south) & (y < north)
    return inside.reshape(shape)
