"""Grids planned again on kept cells, before their micro-grids follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely

from gridmap.micro_grids.balance import balance
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.carry import match, shut_between
from gridmap.micro_grids.codes import child_codes, reading_order
from gridmap.micro_grids.edit_ground import Ground
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.mend import Mending, mend
from gridmap.micro_grids.places import CellPlaces

__all__ = ["Regrid", "regrid"]

#: Cells that are cut anew at once when grids are mended: two or three grids.
_MOST_CELLS = 2000


@dataclass(frozen=True)
class Regrid:
    """What is asked of the grids.

    `fixed` ones stay as they are (given, or outside the scope); `taken` are all codes that a grid has or ever had.
    """

    band: Band
    fixed: frozenset[str]
    taken: frozenset[str]


def regrid(
    cells: gpd.GeoDataFrame,
    graph: CellGraph,
    parents: np.ndarray,
    held: np.ndarray,
    asked: Regrid,
    rules: Rules,
    *,
    keep_old: bool,
    places: CellPlaces | None = None,
) -> np.ndarray:
    """The code of the grid of each cell, planned again within each community.

    Parameters
    ----------
    cells, graph
        As in `resplit`.
    parents
        Code of the grid that each cell is in.
    held
        Number of the locked micro-grid of each cell, -1 for none: one of those is never parted.
    asked
        Band, and what may not change.
    rules
        Seed and weights.
    keep_old
        Mend only grids that are out of the band.
    places
        What the cells are besides: a village stays in one grid.

    Returns
    -------
    array of text, one a cell.
    """
    found = parents.copy()
    taken = set(asked.taken) | set(parents)
    plain = shut_between(graph, np.unique(cells["community"].astype(str), return_inverse=True)[1].ravel())
    plain.weight = plain.households.copy()  # a stack is as good as any other cell here
    free = ~np.isin(parents.astype(str), sorted(asked.fixed))
    for community in sorted(set(cells["community"][free])):
        here = np.flatnonzero(free & (cells["community"] == community).to_numpy())
        part = plain.part(here)
        whole = _whole_villages(part, here, places)
        part.join_small(asked.band.low)
        names, old = np.unique(parents[here].astype(str), return_inverse=True)
        old = old.ravel()
        if part.households.sum() <= asked.band.high and not keep_old:
            label = np.zeros(len(here), dtype=np.int64)
        elif keep_old:
            label = _mended(cells.iloc[here], part, old, asked.band, rules)
        else:
            wishes = replace(rules.wishes, shape=1.2, streets=1.2, inside=1.0, finish=1.0)
            node = np.unique(whole, return_inverse=True)[1].ravel()
            label = balance(part.contract(node), asked.band, seed=rules.seed, wishes=wishes)[node]
        stay = [held[here] == number for number in np.unique(held[here][held[here] >= 0]).tolist()]
        stay += [whole == number for number in np.flatnonzero(np.bincount(whole) > 1).tolist()]
        for mine in stay[::-1]:
            label[mine] = np.argmax(np.bincount(label[mine], weights=part.households[mine] + 1e-6))
        label = np.unique(label, return_inverse=True)[1].ravel()
        kept = match(old, label, part.households, len(names), share=0.0 if keep_old else 0.5)
        codes = [None if number < 0 else str(names[number]) for number in kept.tolist()]
        fresh = np.array([number for number, code in enumerate(codes) if code is None], dtype=np.int64)
        if len(fresh):
            shapes = cells.geometry.to_numpy()[here]
            areas = np.array([shapely.coverage_union_all(shapes[label == number]) for number in fresh], dtype=object)
            centre = shapely.get_coordinates(shapely.centroid(areas))
            order = reading_order(centre[:, 0], centre[:, 1], shapely.area(areas))
            for number, code in zip(fresh.tolist(), child_codes(community, order, taken, what="grids"), strict=True):
                codes[number] = code
                taken.add(code)
        found[here] = np.array(codes, dtype=object)[label]
    return found


def _whole_villages(part: CellGraph, here: np.ndarray, places: CellPlaces | None) -> np.ndarray:
    """Number of what no grid parts: a village as far as it hangs together, else a cell."""
    if places is None or not places.settlements.any:
        return np.arange(len(here))
    settlement = places.settlement[here]
    village = (settlement >= 0) & places.settlements.village[np.maximum(settlement, 0)]
    return part.pieces(among=np.where(village, settlement, -1 - np.arange(len(here))))


def _mended(cells: gpd.GeoDataFrame, part: CellGraph, old: np.ndarray, band: Band, rules: Rules) -> np.ndarray:
    """Grids out of the band put right with their neighbours; the others as they are."""
    loads = np.bincount(old, weights=part.households)
    todo = {int(number) for number in np.flatnonzero((loads < band.low) | (loads > band.high))}
    if not todo or (len(loads) == 1 and loads[0] <= band.high):
        return old.astype(np.int64)
    ground = Ground(cells.assign(alone=False), part)
    asked = Mending(band, rules.seed, rules.wishes, most_cells=_MOST_CELLS)
    return mend(ground, old.astype(np.int64), old.astype(np.int64), todo, asked)
