"""What coverage and gaps are held to: the kinds that have a distance, with that distance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.norms import Norms
from layers.errors import WrongCall

__all__ = ["Limit", "aligned", "limits", "within"]

#: Rounding never makes a walk too long: a micrometre over the norm is within it.
_FORGIVEN_M = 1e-6


@dataclass(frozen=True)
class Limit:
    """The longest walk to one kind of facility, and whether a person has checked it against its source."""

    kind: str
    metres: float
    verified: bool


def limits(norms: Norms | Mapping[str, float]) -> list[Limit]:
    """The kinds to measure against, in alphabetical order.

    Parameters
    ----------
    norms
        `gridmap.norms.Norms` (kinds with a distance, given or proposed), or plain {kind: metres}, which nobody has
        verified.

    Raises
    ------
    WrongCall
        Where it is neither, or a distance is no length.

    Examples
    --------
    >>> limits({"market": 500, "canteen": 300})
    [Limit(kind='canteen', metres=300.0, verified=False), Limit(kind='market', metres=500.0, verified=False)]
    """
    if isinstance(norms, Norms):
        found = [
            Limit(norm.key, norm.metres, norm.distance_verified) for norm in norms if norm.metres is not None
        ]
    elif isinstance(norms, Mapping):
        for kind, metres in norms.items():
            if isinstance(metres, bool) or not isinstance(metres, int | float) or not 0 < metres < math.inf:
                raise WrongCall(f"the norm for {kind} must be metres above 0, not {metres!r}; correct it")
        found = [Limit(str(kind), float(metres), False) for kind, metres in norms.items()]
    else:
        raise WrongCall(f"norms must come from load_norms() or be {{kind: metres}}, not {type(norms).__name__}")
    return sorted(found, key=lambda limit: limit.kind)


def aligned(distances: pd.DataFrame, buildings: pd.DataFrame, name: str = "distances") -> pd.DataFrame:
    """The rows of a frame that belong to the buildings, in their order.

    Raises
    ------
    WrongCall
        Where it is no frame, an index has labels twice, or a building has no row.

    Examples
    --------
    >>> metres = pd.DataFrame({"market": [1.0, 2.0]}, index=["a", "b"])
    >>> aligned(metres, pd.DataFrame(index=["b"]))["market"].tolist()
    [2.0]
    """
    if not isinstance(distances, pd.DataFrame):
        raise WrongCall(f"{name} must be a frame from walk_distances(), not {type(distances).__name__}")
    if distances.index.equals(buildings.index):
        return distances
    for what, frame in ((name, distances), ("buildings", buildings)):
        if frame.index.has_duplicates:
            label = frame.index[frame.index.duplicated()][0]
            raise WrongCall(f"label {label!r} stands twice in the index of {what}; give each row its own")
    missing = buildings.index.difference(distances.index)
    if len(missing):
        raise WrongCall(f"building {missing[0]!r} has no row in {name}; compute them for the same buildings")
    return distances.reindex(buildings.index)


def within(metres: NDArray[np.float64], limit: Limit) -> NDArray[np.bool_]:
    """Which walks reach within the norm; NaN (no way, or beyond the limit of the search) does not.

    Examples
    --------
    >>> within(np.array([299.9, 300.0, 300.1, np.nan]), Limit("nursery", 300.0, False)).tolist()
    [True, True, False, False]
    """
    return metres <= limit.metres + _FORGIVEN_M
