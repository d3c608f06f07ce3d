"""Rows of micro-grids after a plan was changed: codes kept where a micro-grid goes on, new ones never used before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.built import COUNTS
from gridmap.micro_grids.cells import dissolve
from gridmap.micro_grids.codes import child_codes, reading_order
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.levels import crosses
from gridmap.micro_grids.own_kinds import SortOf
from gridmap.micro_grids.reasons import explain
from gridmap.micro_grids.sorts import Sort, say_sorts
from gridmap.micro_grids.wish_reasons import explain_wish
from layers.schema import LAYERS

__all__ = ["Regrouped", "count_up", "regroup"]


@dataclass
class Regrouped:
    """Micro-grids by code, and the cells and buildings with the micro-grid that each is in now."""

    micro_grids: gpd.GeoDataFrame
    cells: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame


def regroup(
    cells: gpd.GeoDataFrame,
    zone: np.ndarray,
    goes_on: Sequence[str | None],
    grid: Sequence[str],
    buildings: gpd.GeoDataFrame,
    before: gpd.GeoDataFrame,
    graph: CellGraph,
    band: Band,
    *,
    taken: Collection[str],
    day: str | None = None,
    named: Mapping[int, str] | None = None,
    sort_of: SortOf | None = None,
) -> Regrouped:
    """Frames of a changed plan.

    Parameters
    ----------
    cells
        All cells that the micro-grids consist of.
    zone
        Number of the drawn micro-grid of each cell, from 0 without a gap.
    goes_on
        Per zone the code of the drawn micro-grid that it continues; None for a new one.
    grid
        Per zone the code of its grid.
    buildings
        Rows with `cell`; `micro_grid` is the one before the change.
    before
        Micro-grids before the change.
    graph
        Of the cells, with hard edges shut.
    band
        Households a micro-grid.
    taken
        Codes that exist or ever existed.
    day
        ISO day from which new and changed micro-grids are valid; not written where None.
    named
        Codes that new zones were promised, by zone; others get the next free ones.
    sort_of
        What a zone of so many households is; without it all that are derived are base ones where people live.

    Returns
    -------
    Regrouped
    """
    old = before.drop_duplicates("code").set_index("code")
    rows = buildings.reset_index(drop=True)
    at = pd.Series(np.arange(len(cells)), index=cells["code"].to_numpy())
    rows_zone = zone[at.reindex(rows["cell"]).to_numpy(dtype=np.int64)]
    areas = dissolve(cells.geometry.to_numpy(), zone)
    table = _table(rows, rows_zone, goes_on, old)
    table["code"] = _codes(table, rows, areas, goes_on, grid, old, set(taken) | set(old.index), named or {})
    row_of = _row_of(rows, rows_zone, table)
    rows["micro_grid"] = table["code"].to_numpy()[row_of]
    rows["grid"], rows["community"] = rows["micro_grid"].str[:15], rows["micro_grid"].str[:12]
    frame = _frame(table, rows, row_of, areas, old, graph, cells, zone, band, sort_of or _plain)
    if day is not None:
        _date(frame, old, areas[table["zone"].to_numpy()], day)
    drawn = table.groupby("zone")["code"].min().to_numpy()
    done = cells.assign(micro_grid=drawn[zone])
    done["community"] = done["micro_grid"].str[:12]
    return Regrouped(frame.sort_values("code", ignore_index=True), done, rows)


def _plain(_: int, households: int) -> Sort | None:
    return None if households else Sort("special", None, None, "nobody lives here", "无人居住")


def _table(
    rows: pd.DataFrame, rows_zone: np.ndarray, goes_on: Sequence[str | None], old: pd.DataFrame
) -> pd.DataFrame:
    """One row a micro-grid: its zone and floors."""
    single = set(old.index[old["floor_from"].isna() & old["stack"].isna()]) if len(old) else set()
    undivided = {number for number, code in enumerate(goes_on) if code in single and not old.at[code, "derived"]}
    floors = pd.DataFrame({"zone": rows_zone, "floor_from": rows["floor_from"], "floor_to": rows["floor_to"]})
    floors = floors[floors["floor_from"].notna() & ~floors["zone"].isin(undivided)].drop_duplicates()
    plain = np.setdiff1d(np.arange(len(goes_on)), floors["zone"].to_numpy())
    empty = pd.array([pd.NA] * len(plain), dtype="Int64")
    table = pd.concat(
        [pd.DataFrame({"zone": plain, "floor_from": empty, "floor_to": empty}), floors.astype({"floor_to": "Int64"})]
    )
    table = table.astype({"zone": "int64", "floor_from": "Int64", "floor_to": "Int64"})
    return table.sort_values(["zone", "floor_from", "floor_to"], ignore_index=True)


def _row_of(rows: pd.DataFrame, rows_zone: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Position in `table` of each building row; what has no floors goes to the lowest of its zone."""
    keys = zip(table["zone"], table["floor_from"].fillna(-1), table["floor_to"].fillna(-1), strict=True)
    exact = {key: row for row, key in enumerate(keys)}
    lowest: dict[int, int] = {}
    for row, number in enumerate(table["zone"].tolist()):
        lowest.setdefault(number, row)
    asked = zip(rows_zone.tolist(), rows["floor_from"].fillna(-1), rows["floor_to"].fillna(-1), strict=True)
    return np.array([exact.get(key, lowest[key[0]]) for key in asked], dtype=np.int64)


def _codes(
    table: pd.DataFrame,
    rows: pd.DataFrame,
    areas: np.ndarray,
    goes_on: Sequence[str | None],
    grid: Sequence[str],
    old: pd.DataFrame,
    taken: set[str],
    named: Mapping[int, str],
) -> list[str]:
    """Code of each micro-grid."""
    first = table.drop_duplicates("zone")
    codes: list[str | None] = [None] * len(table)
    for row, number in zip(first.index.tolist(), first["zone"].tolist(), strict=True):
        codes[row] = named.get(int(number))
    members: dict[str, list[str]] = {}
    for code, stack in zip(old.index, old["stack"], strict=True):
        if pd.notna(stack):
            members.setdefault(str(stack), []).append(str(code))
    held: dict[tuple[int, int, str], int] = {}
    where = rows["floor_from"].fillna(-1).astype(int), rows["floor_to"].fillna(-1).astype(int), rows["micro_grid"]
    for low, high, code, load in zip(*where, rows["households"].fillna(0).astype(int), strict=True):
        if low >= 0 and pd.notna(code):
            held[low, high, code] = held.get((low, high, code), 0) + load
    for number, group in table.groupby("zone"):
        code = goes_on[int(str(number))]
        if code is None or not code.startswith(grid[int(str(number))]):
            continue
        if code not in members or len(group) == 1:
            codes[group.index[0]] = code
            continue
        # floors that stay floors keep their code; of floors divided otherwise the largest share decides
        shares = sorted(
            (-held.get((int(low), int(high), name), 0), name, int(row))
            for row, low, high in zip(group.index, group["floor_from"], group["floor_to"], strict=True)
            for name in members[code]
        )
        used: set[str] = set()
        for share, name, row in shares:
            if share < 0 and codes[row] is None and name not in used:
                codes[row] = name
                used.add(name)
        rest = [name for name in sorted(members[code]) if name not in used]
        for row in [row for row in group.index if codes[row] is None][: len(rest)]:
            codes[row] = rest.pop(0)
    _number_new(codes, table, areas, grid, taken | set(named.values()))
    return [str(code) for code in codes]


def _number_new(
    codes: list[str | None], table: pd.DataFrame, areas: np.ndarray, grid: Sequence[str], taken: set[str]
) -> None:
    """Codes for those that have none, in reading order within each grid."""
    zones = table["zone"].to_numpy()
    parent = np.array([grid[number] for number in zones], dtype=object)
    for name in sorted(set(parent)):
        fresh = np.array([row for row in np.flatnonzero(parent == name) if codes[row] is None], dtype=np.int64)
        if not len(fresh):
            continue
        own, inverse = np.unique(zones[fresh], return_inverse=True)
        centre = shapely.get_coordinates(shapely.centroid(areas[own]))
        rank = np.empty(len(own), dtype=np.int64)
        rank[reading_order(centre[:, 0], centre[:, 1], shapely.area(areas[own]))] = np.arange(len(own))
        order = np.lexsort((table["floor_from"].fillna(0).to_numpy(dtype=int)[fresh], rank[inverse]))
        for row, code in zip(fresh.tolist(), child_codes(name, order, taken, what="micro_grids"), strict=True):
            codes[row] = code
            taken.add(code)


def count_up(rows: pd.DataFrame, by: np.ndarray, count: int) -> pd.DataFrame:
    """Households, buildings, residents and needs by a number; null where no row knows the figure.

    Examples
    --------
    >>> rows = pd.DataFrame({"code": ["a-1", "a-2"], "part_of": ["a", "a"], "households": [3, 4]})
    >>> count_up(rows, np.array([0, 0]), 1)[["households", "buildings"]].to_numpy().tolist()
    [[7, 1]]
    """
    whole = rows["part_of"].where(rows["part_of"].notna(), rows["code"])
    once = ~pd.DataFrame({"by": by, "whole": whole.to_numpy()}).duplicated().to_numpy()
    load = rows["households"].astype("Int64").fillna(0).astype(int).to_numpy()
    found = pd.DataFrame(
        {
            "households": np.bincount(by, weights=load, minlength=count).astype(np.int64),
            "buildings": np.bincount(by[once], minlength=count).astype(np.int64),
        }
    )
    for column in COUNTS:
        if column in rows:
            found[column] = rows[column].astype("Int64").groupby(by).sum(min_count=1).reindex(range(count))
            found[column] = found[column].astype("Int64")
    return found


def _frame(
    table: pd.DataFrame,
    rows: pd.DataFrame,
    row_of: np.ndarray,
    areas: np.ndarray,
    old: gpd.GeoDataFrame,
    graph: CellGraph,
    cells: gpd.GeoDataFrame,
    zone: np.ndarray,
    band: Band,
    sort_of: SortOf,
) -> gpd.GeoDataFrame:
    """Every micro-grid: what it had before, with figures as they are now."""
    own = table["zone"].to_numpy()
    was = old.reindex(table["code"])
    new = ~table["code"].isin(old.index).to_numpy()
    sums = count_up(rows, row_of, len(table))
    area = shapely.area(areas)
    compact = 4.0 * np.pi * area / np.maximum(shapely.length(areas), 1e-9) ** 2
    frame = pd.DataFrame(was.drop(columns=was.geometry.name)).reset_index(drop=True)
    frame["code"] = table["code"].to_numpy()
    for column in ("floor_from", "floor_to"):
        frame[column] = table[column].array
    for column in sums:
        frame[column] = sums[column].to_numpy() if column in ("households", "buildings") else sums[column].array
    frame["parent"] = frame["code"].str[:15]
    sorts = [sort_of(number, load) for number, load in zip(own.tolist(), frame["households"].tolist(), strict=True)]
    given = ~was["derived"].fillna(True).astype(bool).to_numpy()
    if "site" not in frame:
        frame["site"] = None
    _say_kinds(frame, sorts, given)
    frame["area_m2"], frame["compactness"] = np.round(area[own], 2), np.round(compact[own], 4)
    frame["within_band"] = [band.holds(int(count)) for count in frame["households"]]
    shared = table["zone"].duplicated(keep=False).to_numpy()
    frame["stack"] = pd.Series(
        np.where(shared, table.groupby("zone")["code"].transform("min").to_numpy(), None), dtype="object"
    )
    frame["derived"] = np.where(new, True, frame["derived"].fillna(True).astype(bool))
    reasons, wishes = _reasons(table, frame, graph, cells, zone, band, [sort is None for sort in sorts])
    told = [None if kept else sort for sort, kept in zip(sorts, given.tolist(), strict=True)]
    reasons = say_sorts(reasons, told, frame["within_band"].tolist())
    for column, texts in (*reasons.items(), *wishes.items()):
        frame[column] = texts.to_numpy()
    known = [column.name for column in LAYERS["micro_grids"] if column.name in frame]
    ordered = frame[[*known, *(name for name in frame if name not in known)]]
    return gpd.GeoDataFrame(ordered, geometry=areas[own], crs=cells.crs)


def _say_kinds(frame: pd.DataFrame, sorts: Sequence[Sort | None], given: np.ndarray) -> None:
    """Kind, site and name of each micro-grid, in place; what is given keeps those that it has."""
    rows = zip(*(frame[name].tolist() for name in ("code", "name", "kind", "site")), sorts, given.tolist(), strict=True)
    told: dict[str, list[str | None]] = {"name": [], "kind": [], "site": []}
    for code, name, kind, site, sort, keep in rows:
        usual = f"{int(code[12:15])}-{int(code[15:18]):02d}"
        # a site, or land that stays empty, goes on as it was; so does a name that an office gave
        same = sort is not None and sort.kind == kind and isinstance(site, str)
        named = isinstance(name, str) and (keep or same or not name.startswith(usual))
        told["name"].append(name if named else f"{usual}{(sort and sort.name) or '微网格'}")
        told["kind"].append(kind if keep and isinstance(kind, str) else "base" if sort is None else sort.kind)
        told["site"].append(site if isinstance(site, str) and (keep or same) else None if sort is None else sort.site)
    for column, values in told.items():
        frame[column] = pd.Series(values, index=frame.index, dtype="object")


def _reasons(
    table: pd.DataFrame, frame: pd.DataFrame, graph: CellGraph, cells: gpd.GeoDataFrame, zone: np.ndarray, band: Band,
    plain: Sequence[bool],
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Why micro-grids are out of the band, and why others miss the wish."""
    own = table["zone"].to_numpy()
    alone = np.bincount(zone, weights=cells["alone"], minlength=int(zone.max()) + 1) > 0
    grids = pd.factorize(frame["parent"], sort=True)[0]
    grid_of_zone = np.zeros(int(zone.max()) + 1, dtype=np.int64)
    grid_of_zone[own] = grids
    crossing = np.bincount(zone, weights=crosses(graph, zone, ~graph.open), minlength=len(grid_of_zone)) > 0
    piece = graph.pieces(among=grid_of_zone[zone] * 2 + cells["alone"].to_numpy(dtype=np.int64))
    total = np.bincount(piece, weights=graph.households)
    zone_piece = np.zeros(len(grid_of_zone), dtype=np.int64)
    zone_piece[zone] = piece
    big = alone[own] & table["floor_from"].isna().to_numpy() & (frame["households"] > band.high).to_numpy()
    told = table.assign(
        households=frame["households"].to_numpy(), given=~frame["derived"].to_numpy(dtype=bool),
        unpeopled=(frame["households"] == 0).to_numpy(), opened=crossing[own], grid=grids,
        part_reason=pd.Series(
            [
                f"one entrance of {load} households cannot be divided: floors unknown" if is_big else None
                for load, is_big in zip(frame["households"], big, strict=True)
            ], dtype="object",
        ),
    )  # fmt: skip
    said = explain(graph, zone, told, band, total[zone_piece][own])
    return said, explain_wish(graph, zone, told, band, plain)


def _date(frame: gpd.GeoDataFrame, old: gpd.GeoDataFrame, areas: np.ndarray, day: str) -> None:
    """Valid from the day where a micro-grid is new, or has other ground or other households than before."""
    same = frame["code"].isin(old.index).to_numpy()
    known = old.reindex(frame["code"])
    here = np.flatnonzero(same)
    ground = np.zeros(len(frame), dtype=bool)
    before = np.asarray(known.geometry.array, dtype=object)[here]
    other = ~shapely.equals_exact(before, areas[here], 1e-9)
    ground[here] = ~other
    ground[here[other]] = shapely.area(shapely.symmetric_difference(before[other], areas[here[other]])) < 1.0
    ground &= (known["households"].fillna(-1).astype(int).to_numpy() == frame["households"].to_numpy())
    frame["valid_from"] = [was if keep else day for was, keep in zip(known["valid_from"], ground, strict=True)]
    frame["valid_to"] = None
