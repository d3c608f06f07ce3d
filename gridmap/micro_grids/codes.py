"""Codes: community 12 digits + grid 3 + micro-grid 3, text, numbered west to east and north to south.

DB6101/T 3185-2024 (Xi'an) numbers base grids within the community from west to east and from north to south; the
18-digit form for micro-grids is gridmap's own, since no national rule is known.
"""

from __future__ import annotations

import numpy as np

from layers.errors import TooManyCodes

__all__ = ["LENGTHS", "child_codes", "reading_order"]

#: Digits of a unit's code by level.
LENGTHS = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}


def reading_order(x: np.ndarray, y: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Positions in the order in which a map is read: rows from north to south, each row from west to east.

    A row is as high as the side of a square of the mean area.

    Parameters
    ----------
    x, y
        Centres, metres, y northward.
    area
        Square metres of each unit.

    Examples
    --------
    >>> reading_order(np.array([9.0, 1.0, 5.0]), np.array([99.0, 100.0, 0.0]), np.array([100.0, 100.0, 100.0])).tolist()
    [1, 0, 2]
    """
    if not len(x):
        return np.empty(0, dtype=np.int64)
    height = max(float(np.sqrt(np.mean(area))), 1e-6)
    row = np.floor((y.max() - y) / height + 1e-9)
    return np.lexsort((-y, np.round(x, 3), row))


def child_codes(parent: str, order: np.ndarray, taken: set[str], *, what: str) -> list[str]:
    """Codes of new units under a parent, in the given order, free of those that are taken.

    Parameters
    ----------
    parent
        Code of the parent unit.
    order
        Positions of the new units in reading order.
    taken
        Codes that exist or ever existed; codes are never used again.
    what
        The level's name, for the error.

    Raises
    ------
    TooManyCodes
        Where three digits do not suffice.

    Examples
    --------
    >>> child_codes("990101001001", np.array([1, 0]), {"990101001001001"}, what="grids")
    ['990101001001003', '990101001001002']
    """
    codes = [""] * len(order)
    number = 0
    for position in order.tolist():
        number += 1
        while f"{parent}{number:03d}" in taken:
            number += 1
        if number > 999:
            raise TooManyCodes(
                f"{what} under {parent} need more than 999 numbers; give smaller communities or grids, or a larger band"
            )
        codes[position] = f"{parent}{number:03d}"
    return codes
