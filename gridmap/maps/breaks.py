"""Where the classes of a map begin and end, and colours for them that also read in grey."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridmap.maps.colouring import SEQUENTIAL, class_breaks
from layers.errors import WrongCall

__all__ = ["METHODS", "QUALITATIVE", "breaks_by", "ramp"]

#: Ways to part numbers into classes.
METHODS = ("quantile", "equal", "natural")

#: Colours for kinds: of different lightness, told apart by colour-blind eyes (after Okabe and Ito, 2008, Color
#: Universal Design); the order is that of the kinds.
QUALITATIVE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4d4d4d", "#9a9a9a")

#: Natural breaks are sought among so many different values; more are rounded to as many steps first.
_STEPS = 400


def breaks_by(method: str, values: Sequence[float] | np.ndarray, *, classes: int = 5) -> tuple[float, ...]:
    """Edges of classes.

    Parameters
    ----------
    method
        `quantile` (classes of about equal size, on round numbers), `equal` (of equal width) or `natural` (of the
        least variance within: Fisher 1958, Jenks 1977).
    values
        Numbers; NaN are left out.
    classes
        The most classes that there may be, 2 to 9.

    Returns
    -------
    Edges from the smallest to the largest value, as `class_breaks`; () where there is no value.

    Raises
    ------
    WrongCall
        Where there is no such method, or not so many classes are allowed.

    Examples
    --------
    >>> breaks_by("equal", [0, 1, 2, 10], classes=2), breaks_by("natural", [1, 2, 2, 10, 11, 30], classes=3)
    ((0.0, 5.0, 10.0), (1.0, 10.0, 30.0, 30.0))
    """
    if method not in METHODS:
        raise WrongCall(f"classes are made by {', '.join(METHODS)}, not by {method[:40]!r}")
    if not 2 <= classes <= 9:
        raise WrongCall(f"a legend has 2 to 9 classes, not {classes}")
    if method == "quantile":
        return class_breaks(values, classes=classes)
    numbers = np.asarray(values, dtype="float64")
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size == 0:
        return ()
    different, counts = np.unique(numbers, return_counts=True)
    low, high = float(different[0]), float(different[-1])
    if different.size <= classes:
        return (*different.tolist(), high)
    if method == "equal":
        return tuple(float(edge) for edge in np.linspace(low, high, classes + 1))
    if different.size > _STEPS:
        step = (high - low) / _STEPS
        rounded = np.minimum(((different - low) / step).astype("int64"), _STEPS - 1)
        firsts = np.flatnonzero(np.diff(rounded, prepend=-1))
        counts = np.add.reduceat(counts, firsts)
        different = different[firsts]
    starts = _natural(different, counts, classes)
    return (*(float(different[start]) for start in starts), high)


def _natural(values: np.ndarray, counts: np.ndarray, classes: int) -> list[int]:
    """Where each class starts so that the squares within all of them add up to the least; by Fisher's recursion."""
    total = np.concatenate([[0.0], np.cumsum(counts)])
    summed = np.concatenate([[0.0], np.cumsum(counts * values)])
    squares = np.concatenate([[0.0], np.cumsum(counts * values**2)])
    size = len(values)
    start, end = np.meshgrid(np.arange(size), np.arange(1, size + 1), indexing="ij")
    with np.errstate(divide="ignore", invalid="ignore"):
        within = (squares[end] - squares[start]) - (summed[end] - summed[start]) ** 2 / (total[end] - total[start])
    within[start >= end] = np.inf
    # best[end]: least sum for the values before `end` in so many classes; the last class starts at `cut`
    best, cuts = np.concatenate([[np.inf], within[0]]), []
    for _ in range(classes - 1):
        sums = best[:size, None] + within
        cuts.append(sums.argmin(axis=0))
        best = np.concatenate([[np.inf], sums.min(axis=0)])
    starts, at = [], size
    for cut in reversed(cuts):
        at = int(cut[at - 1])
        starts.append(at)
    return [0, *reversed(starts)]


def ramp(count: int) -> tuple[str, ...]:
    """So many colours from light to dark, of one hue: in grey print the order stays.

    Examples
    --------
    >>> ramp(5) == SEQUENTIAL, ramp(2), ramp(1)
    (True, ('#e2efe9', '#12595f'), ('#78b9b2',))
    """
    if count <= 0:
        return ()
    if count == 1:
        return (SEQUENTIAL[2],)
    stops = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in SEQUENTIAL])
    at = np.linspace(0, len(stops) - 1, count)
    mixed = np.stack([np.interp(at, range(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    return tuple("#{:02x}{:02x}{:02x}".format(*(round(value) for value in row)) for row in mixed.tolist())
