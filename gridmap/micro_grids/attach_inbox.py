"""The border inbox: things whose micro-grid a person should look at, with the neighbours that might have them.

Nothing here changes what `attach` decided. It lists ties, things hard by a border, strays, and things without a place,
so that whoever knows the ground can move them by hand.
"""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.micro_grids.attach import areas_by_code, places, same_metres
from layers.errors import WrongCall

__all__ = ["COLUMNS", "REASONS", "border_inbox"]

#: Columns, as the layer `border_inbox` has them.
COLUMNS = ("layer", "code", "reason", "micro_grid", "others", "distance_m")

#: On a border; in a footprint that several micro-grids share; within `near_m` of a neighbour; outside all and given to
#: the nearest; outside all and given to none; without a place; placed by hand in a micro-grid that is gone.
REASONS = ("tie", "shared_footprint", "near_border", "stray", "outside", "no_place", "manual_lost")

Ints = NDArray[np.intp]


def border_inbox(
    attached: gpd.GeoDataFrame, micro_grids: gpd.GeoDataFrame, *, layer: str, near_m: float = 2.0
) -> gpd.GeoDataFrame:
    """Rows of `attached` that a person should look at.

    Parameters
    ----------
    attached
        What `attach` gave; with a column `code`, rows are named by it, else by their index label.
    micro_grids
        Those that it was attached to; a column `stack` tells shared footprints from borders.
    layer
        Name of the layer, written into each row.
    near_m
        How near in metres another micro-grid makes a thing worth a look.

    Returns
    -------
    GeoDataFrame of points ordered by reason (as in `REASONS`) and code: `layer`, `code`, `reason`, `micro_grid` (the
    one that it was given to), `others` (codes of the other micro-grids that touch it or are that near, in order,
    separated by blanks), `distance_m` (to the nearest of the others; for `stray` to its own).
    `attrs["counts"]` has the number of each reason.

    Raises
    ------
    CrsMismatch, WrongCall
        As `attach`.

    Examples
    --------
    >>> from gridmap.micro_grids.attach import attach
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["330106001001001001", "330106001001001002"]},
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame({"code": ["a", "b", "c", "d"]},
    ...                          geometry=gpd.points_from_xy([50, 100, 101, 230], [50] * 4), crs="EPSG:4549")
    >>> inbox = border_inbox(attach(shops, squares), squares, layer="facilities")
    >>> inbox[["code", "reason"]].values.tolist()
    [['b', 'tie'], ['c', 'near_border'], ['d', 'stray']]
    >>> inbox["others"].tolist()[1], inbox["distance_m"].tolist()[1]
    ('330106001001001001', 1.0)
    """
    if not (isinstance(near_m, int | float) and math.isfinite(near_m) and near_m >= 0):
        raise WrongCall(f"near_m must be metres, 0 or more, not {near_m!r}; give a number such as 2")
    same_metres(attached, micro_grids)
    areas, codes = areas_by_code(micro_grids)
    where = places(attached)
    by = attached["attached_by"].to_numpy(dtype=object)
    placed = ~shapely.is_missing(where)
    lost = attached.index.isin(list(attached.attrs.get("manual_lost", {})))

    reason = np.full(len(attached), "", dtype=object)
    reason[(by == "none") & placed] = "outside"
    reason[~placed] = "no_place"
    reason[by == "nearest"] = "stray"
    reason[lost] = "manual_lost"
    # a neighbour: another micro-grid that touches the thing, or lies within `near_m` of it
    ask = np.flatnonzero(placed & np.isin(by, ("within", "border_rule", "manual")))
    mine: Ints = pd.Index(codes).get_indexer(pd.Index(attached["micro_grid"]))
    ask = ask[_by_its_border(areas, where, mine, ask, near_m)]
    thing, other = shapely.STRtree(areas).query(where[ask], predicate="dwithin", distance=near_m)
    thing = ask[thing]
    apart = other != mine[thing]
    thing, other = thing[apart], other[apart]
    away = shapely.distance(where[thing], areas[other])
    hit = np.zeros(len(attached), dtype=bool)
    hit[thing] = True
    reason[hit & (reason == "") & (by != "manual")] = "near_border"
    reason[by == "border_rule"] = np.where(
        _all_in_one_stack(micro_grids, codes, mine, thing, other, away, by), "shared_footprint", "tie"
    )[by == "border_rule"]

    rows = np.flatnonzero(reason != "")
    order = np.lexsort((other, thing))
    named = pd.Series(codes.to_numpy(dtype=object)[other[order]]).groupby(thing[order]).agg(" ".join)
    nearest = pd.Series(away).groupby(thing).min()
    name = attached["code"] if "code" in attached else pd.Series(attached.index.astype(str), index=attached.index)
    own = pd.to_numeric(attached["attach_distance_m"]).to_numpy(dtype="float64", na_value=np.nan)
    inbox = gpd.GeoDataFrame(
        {
            "layer": layer,
            "code": name.iloc[rows].to_numpy(dtype=object),
            "reason": reason[rows],
            "micro_grid": attached["micro_grid"].iloc[rows].to_numpy(dtype=object),
            "others": named.reindex(rows).to_numpy(dtype=object),
            "distance_m": np.where(by[rows] == "nearest", own[rows], nearest.reindex(rows).to_numpy(dtype="float64")),
        },
        geometry=where[rows], crs=attached.crs,
    )
    rank = inbox["reason"].map({name: at for at, name in enumerate(REASONS)})
    inbox = inbox.assign(_rank=rank).sort_values(["_rank", "code"], kind="stable", ignore_index=True)
    inbox = inbox[[*COLUMNS, "geometry"]]
    counts = inbox["reason"].value_counts()
    inbox.attrs["counts"] = {name: int(counts[name]) for name in REASONS if name in counts}
    return inbox


def _by_its_border(
    areas: NDArray[np.object_], where: NDArray[np.object_], mine: Ints, ask: Ints, near_m: float
) -> NDArray[np.bool_]:
    """Which of the things lie within `near_m` of the outline of their own micro-grid: few of many, quickly."""
    held = mine[ask]
    edges = np.full(len(areas), None, dtype=object)
    used = np.unique(held[held >= 0])
    edges[used] = shapely.boundary(areas[used])
    shapely.prepare(edges)
    near = shapely.dwithin(edges[held], where[ask], near_m)
    return near | (held < 0)


def _all_in_one_stack(
    micro_grids: gpd.GeoDataFrame, codes: pd.Series, mine: Ints, thing: Ints, other: Ints,
    away: NDArray[np.float64], by: NDArray[np.object_],
) -> NDArray[np.bool_]:
    """For each thing on a border, whether all that touch it share one footprint."""
    alone = np.ones(len(mine), dtype=bool)
    if "stack" not in micro_grids:
        return np.zeros(len(mine), dtype=bool)
    stack = micro_grids.set_index("code")["stack"].reindex(codes).to_numpy(dtype=object)
    touching = (away == 0) & (by[thing] == "border_rule")
    thing, other = thing[touching], other[touching]
    same = pd.notna(stack[other]) & (stack[other] == stack[mine[thing]])
    alone[thing[~same]] = False
    return alone
