"""Which roads one may walk, and at which level they lie.

The rules read OpenStreetMap's words (`class` holds values of `highway`); columns that are missing say nothing.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["levels", "walkable"]

#: Never walked unless `foot` says so.
_FAST = frozenset({"motorway", "motorway_link", "高速公路"})

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
    allows it. One-way rules bind no walker.

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
    kind, foot, access = (_words(roads, name) for name in ("class", "foot", "access"))
    allowed = foot.isin(_FOOT_YES)
    barred = (
        kind.isin(_ABSENT)
        | foot.isin(_FOOT_NO)
        | (kind.isin(_FAST) & ~allowed)
        | (access.isin(_ACCESS_NO) & ~allowed)
    )
    return (~barred).rename("walkable")


def levels(roads: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Level of each road (`layer`, 0 where nothing is said), and whether it is off the ground.

    A road is off the ground on a bridge or in a tunnel; a passage through a building is not.

    Examples
    --------
    >>> levels(pd.DataFrame({"bridge": ["yes", None, "no"], "layer": ["1", None, "x"]}))
    (array([1, 0, 0]), array([ True, False, False]))
    """
    layer = pd.to_numeric(_words(roads, "layer"), errors="coerce").fillna(0).round().astype("int64").to_numpy()
    bridge, tunnel = (_words(roads, name) for name in ("bridge", "tunnel"))
    off = ~bridge.isin(_NEGATIVE) | ~tunnel.isin(_NEGATIVE | {"building_passage"})
    return layer, off.to_numpy(dtype=bool)


def _words(roads: pd.DataFrame, name: str) -> pd.Series:
    if name not in roads:
        return pd.Series("", index=roads.index, dtype="object")
    return roads[name].astype("object").where(roads[name].notna(), "").astype(str).str.strip().str.lower()
