"""A city split again after a change: as few households as possible change their micro-grid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.micro_grids.carry import Carried, carry, match, shut_between
from gridmap.micro_grids.cell_graph import graph_of_cells
from gridmap.micro_grids.cell_places import places_of_cells
from gridmap.micro_grids.edit_ground import Ground
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.levels import Rules, plan_levels
from gridmap.micro_grids.lineage import flows
from gridmap.micro_grids.mend import Mending, mend
from gridmap.micro_grids.own_kinds import Own, keep_apart, own_kinds, sorts_of_zones
from gridmap.micro_grids.patch import patch, whole_buildings
from gridmap.micro_grids.places import CellPlaces, welcome_outlines
from gridmap.micro_grids.regrid import Regrid, regrid
from gridmap.micro_grids.regroup import Regrouped, regroup
from gridmap.micro_grids.sorts import Sort
from layers.errors import DataBroken
from layers.findings import Findings

__all__ = ["Resplit", "drawn_codes", "resplit", "say_unknown"]


@dataclass
class Resplit:
    """What a re-split gives back.

    `micro_grids`, `cells`, `buildings` as a store keeps them; `flows` one row a building part and pair of micro-grids,
    old and new, with the households that went from one to the other; `findings` what had to be resolved.
    """

    micro_grids: gpd.GeoDataFrame
    cells: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    flows: pd.DataFrame
    findings: Findings

    @property
    def kept(self) -> float:
        """Share of the households there before and after that keep their micro-grid."""
        total = int(self.flows["households"].sum())
        same = self.flows["households"][self.flows["old"] == self.flows["new"]].sum()
        return float(same) / total if total else 1.0


def drawn_codes(micro_grids: pd.DataFrame) -> pd.Series:
    """Code of the drawn area of each micro-grid: of a stack that of the stack."""
    return micro_grids["stack"].where(micro_grids["stack"].notna(), micro_grids["code"])


def resplit(
    cells: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    micro_grids: gpd.GeoDataFrame,
    *,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    rules: Rules,
    wanted: gpd.GeoDataFrame | None = None,
    keep_old: bool = True,
    same_band: bool = True,
    locked: Collection[str] = (),
    taken: Collection[str] = (),
    day: str | None = None,
    grids: Regrid | None = None,
    given_grids: Collection[str] = (),
) -> Resplit:
    """Split again, keeping the cells and, with `keep_old`, the plan wherever it is still good.

    Parameters
    ----------
    cells, buildings, micro_grids
        As kept, of whole communities or grids; `buildings` may have other households than when it was split.
    layers
        `roads`, `barriers`, `water`, `estates`, `resident_groups`, `old_grids`, `special_sites`, `green` where there
        are any.
    rules
        Band, seed and weights.
    wanted
        The buildings as they are now, one row each by `code`, for footprints that came, went or moved; None where only
        the households in `buildings` changed.
    keep_old
        Mend only what is out of order; False plans every grid anew, on the same cells.
    same_band
        Whether the buildings were divided by the same band.
    locked
        Micro-grids that keep their buildings and take no others.
    taken
        Codes that ever existed beside those in `micro_grids`.
    day
        ISO day from which what changes is valid.
    grids
        What is asked of the grids, where they are planned again too; None where they stay.
    given_grids
        Grids whose boundary does not move.

    Returns
    -------
    Resplit

    Raises
    ------
    DataBroken
        Where households were lost: a fault of gridmap.

    Examples
    --------
    >>> from layers.sample import town
    >>> from gridmap.micro_grids.split import split_levels
    >>> layers = town()
    >>> split = split_levels(layers)
    >>> again = resplit(split.cells, split.buildings, split.units["micro_grids"], layers=layers, rules=Rules())
    >>> again.kept, again.micro_grids["code"].tolist() == split.units["micro_grids"]["code"].tolist()
    (1.0, True)
    """
    band = rules.micro_grids
    kinds = own_kinds(micro_grids, cells)
    drawn = dict(zip(micro_grids["code"], drawn_codes(micro_grids), strict=True))
    held = {drawn.get(code, code) for code in locked}
    barred = [code for code, area in drawn.items() if area in held]
    wanted = whole_buildings(buildings) if wanted is None else wanted
    patched = patch(
        cells, buildings, wanted, band, layers=layers, locked=barred, same_band=same_band, given_grids=given_grids
    )
    ground_cells = patched.cells
    ground_cells["alone"] = ground_cells["stacked"] | (ground_cells["households"] > band.high)
    areas = {name: frame for name, layer in layers.items() if (frame := _frame(layer)) is not None}
    lines = {name: areas.get(name) for name in ("roads", "barriers", "water", "estates")}
    built = ground_cells["code"].isin(patched.buildings["cell"]).to_numpy()
    places = places_of_cells(ground_cells, rules.places)
    graph, _ = graph_of_cells(
        ground_cells, **lines, built=built, places=places, outlines=welcome_outlines(areas, rules.places)
    )
    if places is None:
        say_unknown(kinds, patched.findings)

    codes = sorted(set(ground_cells["micro_grid"]))
    place = np.searchsorted(codes, ground_cells["micro_grid"].to_numpy(dtype=object).astype(str)).astype(np.int64)
    home = np.where(ground_cells["fresh"].to_numpy(dtype=bool), -1, place)
    parents = ground_cells["micro_grid"].astype(str).str[:15].to_numpy(dtype=object)
    loads = micro_grids.groupby(drawn_codes(micro_grids).to_numpy())["households"].sum()
    before = loads.reindex(codes).fillna(0).astype(np.int64).to_numpy()
    numbers = {code: number for number, code in enumerate(codes)}
    stacks = [numbers[code] for code in set(micro_grids["stack"].dropna()) if code in numbers]
    frozen = [numbers[code] for code in held if code in numbers]
    if grids is not None:
        held_cells = np.where(np.isin(place, frozen), place, -1)
        parents = regrid(ground_cells, graph, parents, held_cells, grids, rules, keep_old=keep_old, places=places)
    grid = np.unique(parents.astype(str), return_inverse=True)[1].ravel()
    shut = shut_between(graph, grid)
    own = {numbers[code]: kind for code, kind in kinds.items() if code in numbers}
    carried = carry(shut, place, len(codes), before, band, locked=frozen, stacks=stacks, own=own)
    made: dict[int, Sort | None] = {}
    if keep_old:
        marked = np.isin(np.arange(len(codes)), list(own))
        keep_apart(shut, carried.zone, marked, places)
        _open_for_small(shut, grid, carried, band.low, own)
        mending = Mending(band, rules.seed, rules.wishes, frozen=carried.frozen)
        zone = mend(Ground(ground_cells, shut), carried.zone, home, carried.todo, mending)
    else:
        # without knowing the places of cells, what was special stays as it is
        still = frozen if places is not None else sorted({*frozen, *own})
        zone, sorts = _anew(graph, grid, carried.zone, still, before, rules, places)
        own = {number: kind for number, kind in own.items() if number in still}
        made = dict(enumerate(sorts))
    zone = np.unique(zone, return_inverse=True)[1].ravel().astype(np.int64)
    continues = match(home, zone, graph.households, len(codes), share=0.0 if keep_old else 0.5)
    goes_on = [codes[old] if old >= 0 else None for old in continues.tolist()]
    first = np.unique(zone, return_index=True)[1]
    result = regroup(
        ground_cells.drop(columns=["fresh", "stacked"]), zone, goes_on, parents[first].tolist(), patched.buildings,
        micro_grids, graph, band, taken=taken, day=day,
        sort_of=sorts_of_zones(ground_cells, zone, _own_of(zone, carried.zone, graph.households, own), made),
    )  # fmt: skip
    _must_hold(result, wanted, patched.findings)
    moved = flows(buildings, result.buildings)
    return Resplit(result.micro_grids, result.cells, result.buildings, moved, patched.findings)


def _frame(layer: gpd.GeoDataFrame | pd.DataFrame | None) -> gpd.GeoDataFrame | None:
    return layer if isinstance(layer, gpd.GeoDataFrame) and len(layer) else None


def say_unknown(kinds: Mapping[str, Own], findings: Findings) -> None:
    """A finding where a store was built before the places of cells were kept."""
    findings.add(
        "cells", "places_unknown",
        "the city was built by an older gridmap and does not keep what lies where: residents' groups, old grids, "
        "special sites, settlements",
        f"{len(kinds)} special and village micro-grids stay as they are, preferred lines do not count; build the city "
        "again to have them count", level="warning",
    )  # fmt: skip


def _own_of(
    zone: np.ndarray, before: np.ndarray, households: np.ndarray, own: Mapping[int, Own]
) -> dict[int, Own]:
    """Zones that are what an old zone was, because most of their households were in it (of empty ones, their cells)."""
    total = int(before.max(initial=-1)) + 1
    pair, which = np.unique(zone * total + before, return_inverse=True)
    share = np.bincount(which.ravel(), weights=households + 1e-6, minlength=len(pair))
    order = np.lexsort((pair, -share, pair // total))
    first = pair[order][np.unique(pair[order] // total, return_index=True)[1]]
    return {int(item // total): own[int(item % total)] for item in first.tolist() if item % total in own}


def _open_for_small(
    graph: CellGraph, grid: np.ndarray, carried: Carried, low: int, own: Collection[int]
) -> None:
    """Open hard edges that pieces below the minimum need to reach a neighbour, in grids where something is to mend."""
    loose = ~np.isin(carried.zone, [*carried.frozen, *own])
    wanted = np.unique(grid[np.isin(carried.zone, list(carried.todo))])
    for number in wanted.tolist():
        cells = np.flatnonzero(loose & (grid == number))
        inside = np.zeros(len(graph), dtype=bool)
        inside[cells] = True
        edges = np.flatnonzero(inside[graph.a] & inside[graph.b])
        part = graph.part(cells)
        graph.open[edges[part.join_small(low)]] = True


def _anew(
    graph: CellGraph, grid: np.ndarray, old: np.ndarray, locked: Collection[int], before: np.ndarray, rules: Rules,
    places: CellPlaces | None,
) -> tuple[np.ndarray, list[Sort | None]]:  # fmt: skip
    """Every grid planned from scratch on the cells that there are, and what each unit is; locked zones stay, empty
    land stays apart."""
    held = np.where(np.isin(old, list(locked)), old, -1)
    empty = old < len(before)
    empty &= before[np.minimum(old, len(before) - 1)] == 0
    nothing = np.zeros(len(graph), dtype=np.int64)
    given = {"districts": nothing, "streets": nothing, "communities": nothing, "grids": grid, "micro_grids": held}
    plan = plan_levels(graph, given, np.zeros(len(graph)), empty & (graph.households == 0), rules, places)
    return plan.units["micro_grids"], plan.sorts["micro_grids"]


def _must_hold(result: Regrouped, wanted: gpd.GeoDataFrame, findings: Findings) -> None:
    left_out = {item.code for item in findings if item.rule == "outside_outline"}
    want = int(wanted["households"][~wanted["code"].isin(left_out)].astype("Int64").fillna(0).sum())
    have = int(result.micro_grids["households"].sum())
    if want != have:
        raise DataBroken(
            f"{want} households went in and {have} came out of the re-split; this is a fault of gridmap, please report "
            "it with the input"
        )
