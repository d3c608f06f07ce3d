"""Micro-grids that are no base ones, after a change: special sites stay special, villages stay whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.places import LAND, CellPlaces
from gridmap.micro_grids.sorts import Sort
from gridmap.micro_grids.special import SITE_KINDS, Site, sort_of_site
from gridmap.micro_grids.villages import sort_of_village

__all__ = ["Own", "SortOf", "keep_apart", "land_of_cells", "own_kinds", "sort_land", "sorts_of_zones"]

#: What a drawn micro-grid of so many households is; None for a base one.
SortOf = Callable[[int, int], Sort | None]


@dataclass(frozen=True)
class Own:
    """What a micro-grid is besides so many households: `special` or `village`; the site where it is one; how far the
    next settlement is, metres."""

    kind: str
    site: Site | None = None
    apart_m: float = np.inf

    def sort(self, households: int) -> Sort:
        """The same for so many households, with the reason that follows."""
        if self.kind == "village":
            return sort_of_village(households, self.apart_m)
        if self.site is not None:
            return sort_of_site(self.site, households)
        counted = f"{households} households, the band is not for it" if households else "nobody lives here"
        counted_zh = f"{households}户，不按户数标准" if households else "无人居住"
        return Sort("special", None, None, f"special: {counted}", f"专属网格：{counted_zh}")


def own_kinds(micro_grids: pd.DataFrame, cells: pd.DataFrame) -> dict[str, Own]:
    """What micro-grids are that are special sites or villages, by the code of the drawn area.

    Ground where nobody lives is none of them: it is special only as long as nobody does.

    Parameters
    ----------
    micro_grids
        As kept: `code`, `stack`, `kind`, `site`, `name`, `households`, `reason`.
    cells
        As kept, for the name of a site and the distance of a village from the next settlement.
    """
    found: dict[str, Own] = {}
    zone = cells["micro_grid"].to_numpy()
    apart: Mapping[str, float] = {}
    named: Mapping[str, str] = {}
    if "apart_m" in cells:
        apart = cells["apart_m"].astype("float64").groupby(zone).max().dropna().to_dict()
    if "site_name" in cells:
        named = cells["site_name"].astype("object").groupby(zone).first().dropna().to_dict()
    columns = micro_grids.reindex(columns=["code", "stack", "kind", "site", "name", "households", "reason"])
    for row in columns.sort_values("code").itertuples(index=False):
        code = row.stack if isinstance(row.stack, str) else row.code
        if code in found:
            continue
        if row.kind == "village" and row.households:
            found[code] = Own("village", None, float(apart.get(code, np.inf)))
        elif row.kind == "special":
            said = isinstance(row.reason, str) and row.reason.startswith("special:")
            if row.households or said:
                known = isinstance(row.site, str) and row.site in SITE_KINDS
                found[code] = Own("special", Site(row.site, named.get(code)) if known else None)
    return found


def keep_apart(graph: CellGraph, zone: np.ndarray, own: np.ndarray, places: CellPlaces | None) -> None:
    """Shut the boundaries of special and village zones, and those between settlements of which one is a village.

    Parameters
    ----------
    graph
        Its `open` is changed.
    zone
        Zone of each cell.
    own
        True for zones that are special sites or villages; zones beyond it are not.
    places
        What the cells are besides; None where the store does not say it.
    """
    other = zone[graph.a] != zone[graph.b]
    marked = np.append(own, np.zeros(max(0, int(zone.max(initial=-1)) + 1 - len(own)), dtype=bool))
    shut = other & (marked[zone[graph.a]] | marked[zone[graph.b]])
    if places is not None and places.settlements.any:
        one, two = places.settlement[graph.a], places.settlement[graph.b]
        village = places.settlements.village
        rural = village[np.maximum(one, 0)] | village[np.maximum(two, 0)]
        shut |= other & (one >= 0) & (two >= 0) & (one != two) & rural
    graph.open = graph.open & ~shut


def land_of_cells(cells: pd.DataFrame) -> np.ndarray:
    """Kind of the ground of each cell, None where the store does not say it."""
    if "land" not in cells:
        return np.full(len(cells), None, dtype=object)
    land = cells["land"].astype("object")
    return land.where(land.notna(), None).to_numpy(dtype=object)


def sort_land(land: np.ndarray, area: np.ndarray) -> Sort:
    """What ground without people is: the kind that most of it is.

    Examples
    --------
    >>> sort_land(np.array(["water", None], dtype=object), np.array([30.0, 10.0])).name
    '无人区·水域'
    """
    sizes: dict[str, float] = {}
    for item, size in zip(land.tolist(), area.tolist(), strict=True):
        if item is not None:
            sizes[item] = sizes.get(item, 0.0) + size
    kind = "open"
    if sum(sizes.values()) > 0.5 * float(area.sum()):
        kind = max(sizes, key=lambda item: (sizes[item], item))
    return Sort("special", kind, f"无人区·{LAND[kind]}", "nobody lives here", f"无人居住（{LAND[kind]}）")


def sorts_of_zones(
    cells: gpd.GeoDataFrame, zone: np.ndarray, own: Mapping[int, Own], made: Mapping[int, Sort | None]
) -> SortOf:
    """What each zone is: as it was, as the plan made it, or the land that it is where nobody lives.

    Parameters
    ----------
    cells
        With `land` where the store says it.
    zone
        Zone of each cell.
    own
        Zones that stay what they were.
    made
        Zones of which a plan said what they are.
    """
    land, area = land_of_cells(cells), cells.geometry.area.to_numpy()
    order = np.argsort(zone, kind="stable")
    begin = np.searchsorted(zone[order], np.arange(int(zone.max(initial=-1)) + 2))

    def sort_of(number: int, households: int) -> Sort | None:
        if number in own:
            return own[number].sort(households)
        said = made.get(number)
        if said is not None and (households or said.kind == "special"):
            return said
        if households:
            return None
        here = order[begin[number] : begin[number + 1]]
        return sort_land(land[here], area[here])

    return sort_of
