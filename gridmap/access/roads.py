"""Which roads one may walk, and at which level they lie.

The rules read OpenStreetMap's words (`class` holds values of `highway`); columns that are missing say nothing.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["FAST", "levels", "private", "walkable", "words"]

#: Never walked unless `foot` says so.
FAST = frozenset({"motorway", "motorway_link", "高速公路"})

#: Not there to be walked, whatever other tags say.
_ABSENT = frozenset({
    "construction", "proposed", "planned", "raceway", "abandoned", "razed", "demolished", "disused", "bus_guideway",
    "escape", "rest_area", "services", "no",
})

_FOOT_NO = frozenset({"no", "private", "use_sidepath", "restricted", "military"})
_FOOT_YES = frozenset({"yes", "designated", "permissive", "destination", "customers", "permit", "public", "official"})
_ACCESS_NO = frozenset({"no", "private", "military", "agricultural", "forestry", "delivery"})
_NEGATIVE = frozenset({"", "no", "false", "0", "none", "nan", "否", "无"})


def walkable(roads: gpd.GeoDataFrame) -> pd.Series:
    """Which roads one may walk.

    Everything but: what is not there yet or any more (`construction`, `proposed`, ...) and raceways; motorways
    without a word for walkers; `foot` of no, private or use_sidepath; `access` of private or no without a `foot` that
    allows it. One-way rules bind no walker. What is barred only because it is private may be walked to and from the
    doors on it: see `private`.

    Parameters
    ----------
    roads
        Lines with any of the columns `class` (OSM `highway`), `foot`, `access`.

    Returns
    -------
    Series of bool on the index of `roads`.

    Examples
    --------
    >>> roads = pd.DataFrame({"class": ["footway", "motorway", "trunk", "service", "service", "construction"],
    ...                       "foot": [None, None, "no", None, "yes", "yes"],
    ...                       "access": [None, None, None, "private", "private", None]})
    >>> walkable(roads).tolist()
    [True, False, False, False, True, False]
    """
    kind, foot, access = _said(roads)
    allowed = foot.isin(_FOOT_YES)
    barred = (
        kind.isin(_ABSENT)
        | foot.isin(_FOOT_NO)
        | (kind.isin(FAST) & ~allowed)
        | (access.isin(_ACCESS_NO) & ~allowed)
    )
    return (~barred).rename("walkable")


def private(roads: gpd.GeoDataFrame) -> pd.Series:
    """Which roads are walked only by who lives or visits there: to and from the doors on them, never through.

    `access` or `foot` says private, and nothing else bars them. A road of an estate is private where a gate stands in
    its way; the gate is where it meets the public street.

    Parameters
    ----------
    roads
        Lines with any of the columns `class`, `foot`, `access`.

    Returns
    -------
    Series of bool on the index of `roads`; never true where `walkable` is.

    Examples
    --------
    >>> roads = pd.DataFrame({"class": ["service", "service", "motorway", "service"],
    ...                       "access": ["private", "private", "private", "no"], "foot": [None, "yes", None, None]})
    >>> private(roads).tolist()
    [True, False, False, False]
    """
    kind, foot, access = _said(roads)
    says_so = (foot == "private") | ((access == "private") & ~foot.isin(_FOOT_YES | _FOOT_NO))
    return (says_so & ~kind.isin(_ABSENT | FAST)).rename("private")


def levels(roads: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Level of each road (`layer`, 0 where nothing is said), and whether it is off the ground.

    A road is off the ground on a bridge or in a tunnel; a passage through a building is not.

    Examples
    --------
    >>> levels(pd.DataFrame({"bridge": ["yes", None, "no"], "layer": ["1", None, "x"]}))
    (array([1, 0, 0]), array([ True, False, False]))
    """
    layer = pd.to_numeric(words(roads, "layer"), errors="coerce").fillna(0).round().astype("int64").to_numpy()
    bridge, tunnel = (words(roads, name) for name in ("bridge", "tunnel"))
    off = ~bridge.isin(_NEGATIVE) | ~tunnel.isin(_NEGATIVE | {"building_passage"})
    return layer, off.to_numpy(dtype=bool)


def _said(roads: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    return words(roads, "class"), words(roads, "foot"), words(roads, "access")


def words(roads: pd.DataFrame, name: str) -> pd.Series:
    """A column of tags in small letters; empty text where there is none."""
    if name not in roads:
        return pd.Series("", index=roads.index, dtype="object")
    return roads[name].astype("object").where(roads[name].notna(), "").astype(str).str.strip().str.lower()
