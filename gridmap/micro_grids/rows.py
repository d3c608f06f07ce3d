"""A plan made into frames: units with their figures, buildings with their micro-grid."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.atoms import Atoms
from gridmap.micro_grids.built import COUNTS, building_rows, cell_rows
from gridmap.micro_grids.cells import Cells, dissolve
from gridmap.micro_grids.codes import LENGTHS, child_codes, reading_order
from gridmap.micro_grids.given import Given
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.levels import LEVELS, Plan, Rules
from gridmap.micro_grids.reasons import explain
from gridmap.micro_grids.sorts import Sort, grid_reasons, say_sorts
from gridmap.micro_grids.towers import share_out
from gridmap.micro_grids.wish_reasons import explain_wish
from layers.findings import Findings
from layers.schema import LAYERS

__all__ = ["Result", "make_rows"]

_BASE = Sort("base")


@dataclass
class Result:
    """Frames of every level, the buildings, the cells, and the share of micro-grid boundary on streets and barriers."""

    units: dict[str, gpd.GeoDataFrame]
    buildings: gpd.GeoDataFrame
    cells: gpd.GeoDataFrame
    street_share: float


def make_rows(
    cells: Cells,
    plan: Plan,
    atoms: Atoms,
    buildings: gpd.GeoDataFrame,
    given: Given,
    rules: Rules,
    findings: Findings,
) -> Result:
    """Frames of a plan.

    Parameters
    ----------
    cells, plan, atoms
        From the steps before.
    buildings
        The buildings that were split, in the order of `atoms.parts["building"]`.
    given, rules, findings
        As in `gridmap.micro_grids.split.split_levels`.
    """
    graph = cells.graph
    areas = {"micro_grids": dissolve(cells.geometry, plan.units["micro_grids"])}
    for above, level in zip(LEVELS[-2::-1], LEVELS[:0:-1], strict=True):
        areas[above] = dissolve(areas[level], _parents(plan, level))
    upper = _upper_codes(plan, areas, given, findings)
    parts = _parts(atoms, buildings, cells.atom, plan)
    table = _micro_rows(parts, plan, areas["micro_grids"], upper["grids"], given)
    parts["row"] = _rows_of_parts(parts, table)
    frame = _micro_frame(table, parts, areas["micro_grids"], graph, plan, given, rules)
    parts["micro_grid"] = frame["code"].to_numpy()[parts["row"].to_numpy()]
    order = np.argsort(frame["code"].to_numpy(), kind="stable")
    units = {"micro_grids": frame.iloc[order].reset_index(drop=True)}
    for level in LEVELS[:-1]:
        units[level] = _upper_frame(level, plan, areas[level], upper, parts, given, rules)
    drawn = pd.Series(frame["code"].to_numpy()).groupby(table["zone"].to_numpy()).min().to_numpy()
    ground = cell_rows(cells, parts, buildings, drawn[plan.units["micro_grids"]], given)
    built = building_rows(parts, buildings, ground["code"].to_numpy(), given.crs)
    share = _street_share(graph, plan.units["micro_grids"], cells.border)
    return Result(
        {level: units[level] for level in LEVELS}, built, ground.sort_values("code", ignore_index=True), share
    )


def _street_share(graph: CellGraph, zone: np.ndarray, border: tuple[float, float]) -> float:
    between = zone[graph.a] != zone[graph.b]
    length = float(graph.length[between].sum()) + border[0]
    return 1.0 - (float(graph.bare[between].sum()) + border[1]) / length if length else 0.0


def _parents(plan: Plan, level: str) -> np.ndarray:
    """Number of the mother unit of each unit of a level."""
    above = LEVELS[LEVELS.index(level) - 1]
    first = np.unique(plan.units[level], return_index=True)[1]
    return plan.units[above][first]


def _order(areas: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Positions of some areas in reading order."""
    centre = shapely.get_coordinates(shapely.centroid(areas[among]))
    return reading_order(centre[:, 0], centre[:, 1], shapely.area(areas[among]))


def _upper_codes(
    plan: Plan, areas: dict[str, np.ndarray], given: Given, findings: Findings
) -> dict[str, list[str]]:
    """Codes of districts, streets, communities and grids: given ones where they nest, new ones elsewhere."""
    codes: dict[str, list[str]] = {}
    for level in LEVELS[:-1]:
        origin = plan.given[level]
        count = len(origin)
        if level == "districts":
            parents, above = np.zeros(count, dtype=np.int64), [""]
        else:
            parents, above = _parents(plan, level), codes[LEVELS[LEVELS.index(level) - 1]]
        kept: list[str | None] = [None] * count
        taken: set[str] = set()
        for unit in range(count):
            old = given.code(level, int(origin[unit]))
            if old is None:
                continue
            if not old.startswith(above[parents[unit]]) or old in taken:
                why = "a boundary above parts it" if old in taken else f"does not begin with {above[parents[unit]]}"
                findings.add(
                    level, "code_not_kept", f"code {old}: {why}", "a new code is given", code=old, field="code"
                )
                continue
            kept[unit] = old
            taken.add(old)
        for mother in range(len(above)):
            fresh = np.array([u for u in range(count) if parents[u] == mother and kept[u] is None], dtype=np.int64)
            if not len(fresh):
                continue
            if level == "districts":
                new = _district_codes(given.root, len(fresh), taken)
            else:
                order = _order(areas[level], fresh)
                if level == "grids":
                    # Base grids from west to east and north to south, special ones after them.
                    later = [(plan.sorts["grids"][unit] or _BASE).kind == "special" for unit in fresh[order].tolist()]
                    order = order[np.argsort(later, kind="stable")]
                new = child_codes(above[mother], order, taken, what=level)
            for unit, value in zip(fresh.tolist(), new, strict=True):
                kept[unit] = value
                taken.add(value)
        codes[level] = [str(value) for value in kept]
    return codes


def _district_codes(root: str, count: int, taken: set[str]) -> list[str]:
    """Codes of districts without one: the city's own first, then the next free numbers."""
    found: list[str] = []
    number = int(root)
    while len(found) < count:
        code = f"{number:06d}"
        if code not in taken:
            found.append(code)
        number += 1
    return found


def _parts(atoms: Atoms, buildings: gpd.GeoDataFrame, atom: np.ndarray, plan: Plan) -> pd.DataFrame:
    """One row a building or part of one, with its cell, unit numbers and counts."""
    parts = atoms.parts.copy()
    cell_of_atom = np.full(len(atoms.geometry), -1, dtype=np.int64)
    has = np.flatnonzero(atom >= 0)
    cell_of_atom[atom[has]] = has
    parts["cell"] = cell_of_atom[parts["atom"].to_numpy()]
    for level in LEVELS:
        parts[level] = plan.units[level][parts["cell"].to_numpy()]
    owner = parts["building"].to_numpy()
    weights = np.where(parts["households"].to_numpy() > 0, parts["households"].to_numpy(), 1e-9)
    several = parts["building"].duplicated(keep=False).to_numpy()
    groups = pd.Series(np.arange(len(parts)))[several].groupby(owner[several]).indices
    rows = np.flatnonzero(several)
    for column in COUNTS:
        if column not in buildings:
            continue
        values = pd.to_numeric(buildings[column], errors="coerce").astype("Float64").round().astype("Int64")
        shares = values.iloc[owner].reset_index(drop=True)
        for building, members in groups.items():
            if pd.notna(values.iloc[building]):
                here = rows[members]
                shares.iloc[here] = share_out(int(values.iloc[building]), weights[here])
        parts[column] = shares
    return parts


def _micro_rows(
    parts: pd.DataFrame, plan: Plan, areas: np.ndarray, grid_codes: list[str], given: Given
) -> pd.DataFrame:
    """One row a micro-grid: its zone, floors and grid; a zone with floor bands has several."""
    floors = parts[parts["floor_from"].notna()].drop_duplicates(["micro_grids", "floor_from", "floor_to"])
    zones = np.arange(len(areas))
    plain = np.setdiff1d(zones, floors["micro_grids"].to_numpy())
    table = pd.DataFrame(
        {
            "zone": np.concatenate([plain, floors["micro_grids"].to_numpy()]),
            "floor_from": pd.array([pd.NA] * len(plain) + floors["floor_from"].tolist(), dtype="Int64"),
            "floor_to": pd.array([pd.NA] * len(plain) + floors["floor_to"].tolist(), dtype="Int64"),
        }
    )
    # Given micro-grids keep their area whole: floors inside them are not told apart.
    kept = plan.given["micro_grids"][table["zone"].to_numpy()] >= 0
    table.loc[kept, ["floor_from", "floor_to"]] = pd.NA
    table = table.drop_duplicates(["zone", "floor_from"]).sort_values(["zone", "floor_from"], ignore_index=True)
    grid_of_zone = _parents(plan, "micro_grids")
    table["grid"] = grid_of_zone[table["zone"].to_numpy()]
    codes: list[str | None] = [
        given.code("micro_grids", int(plan.given["micro_grids"][zone])) for zone in table["zone"]
    ]
    of_grid, of_zone = table["grid"].to_numpy(), table["zone"].to_numpy()
    floors = table["floor_from"].fillna(0).to_numpy()
    for grid in range(len(grid_codes)):
        members = np.flatnonzero(of_grid == grid)
        prefix = grid_codes[grid]
        for row in members:
            if codes[row] is not None and not str(codes[row]).startswith(prefix):
                codes[row] = None
        fresh = np.array([row for row in members if codes[row] is None], dtype=np.int64)
        if not len(fresh):
            continue
        own_zones, inverse = np.unique(of_zone[fresh], return_inverse=True)
        rank = np.empty(len(own_zones), dtype=np.int64)
        rank[_order(areas, own_zones)] = np.arange(len(own_zones))
        order = np.lexsort((floors[fresh], rank[inverse]))
        taken = {str(codes[row]) for row in members if codes[row] is not None}
        for row, code in zip(fresh.tolist(), child_codes(prefix, order, taken, what="micro_grids"), strict=True):
            codes[row] = code
    table["code"] = codes
    return table


def _rows_of_parts(parts: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Position in `table` of the micro-grid of each part; what has no floors goes to the lowest band of its zone."""
    by_floor = {
        (zone, None if pd.isna(floor) else int(floor)): row
        for row, (zone, floor) in enumerate(zip(table["zone"], table["floor_from"], strict=True))
    }
    lowest: dict[int, int] = {}
    for row, zone in enumerate(table["zone"]):
        lowest.setdefault(int(zone), row)
    found = [
        by_floor.get((zone, None if pd.isna(floor) else int(floor)), lowest[int(zone)])
        for zone, floor in zip(parts["micro_grids"], parts["floor_from"], strict=True)
    ]
    return np.array(found, dtype=np.int64)


def _sums(parts: pd.DataFrame, by: str, count: int) -> pd.DataFrame:
    """Households, buildings, residents and needs by a number; null where no part knows the figure."""
    keys = parts[by].to_numpy()
    result = pd.DataFrame(
        {
            "households": np.bincount(keys, weights=parts["households"], minlength=count).astype(np.int64),
            "buildings": np.bincount(
                parts.drop_duplicates([by, "building"])[by].to_numpy(), minlength=count
            ).astype(np.int64),
        }
    )
    for column in COUNTS:
        if column in parts:
            result[column] = parts[column].groupby(keys).sum(min_count=1).reindex(range(count)).astype("Int64")
        elif column == "residents":
            result[column] = pd.array([pd.NA] * count, dtype="Int64")
    return result


def _shape(areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area in m2 and compactness (Polsby and Popper 1991: 4 pi area / perimeter squared)."""
    area = shapely.area(areas)
    return area, 4.0 * np.pi * area / np.maximum(shapely.length(areas), 1e-9) ** 2


def _micro_frame(
    table: pd.DataFrame,
    parts: pd.DataFrame,
    areas: np.ndarray,
    graph: CellGraph,
    plan: Plan,
    given: Given,
    rules: Rules,
) -> gpd.GeoDataFrame:
    zone = table["zone"].to_numpy()
    frame = table[["code", "floor_from", "floor_to"]].copy()
    sums = _sums(parts, "row", len(table))
    area, compact = _shape(areas)
    band = rules.micro_grids
    table = table.assign(
        households=sums["households"].to_numpy(),
        given=plan.given["micro_grids"][zone] >= 0,
        unpeopled=plan.unpeopled[zone],
        opened=plan.opened[zone],
        part_reason=parts.groupby("row")["reason"].first().reindex(range(len(table))).to_numpy(),
    )
    grid_unit = plan.units["grids"]
    piece = graph.pieces(among=grid_unit * 2 + (graph.weight >= 1_000_000))
    piece_total = np.bincount(piece, weights=graph.households)
    zone_piece = piece[np.unique(plan.units["micro_grids"], return_index=True)[1]]
    reasons = explain(graph, plan.units["micro_grids"], table, band, piece_total[zone_piece][zone])
    old = [given.row("micro_grids", int(plan.given["micro_grids"][item])) for item in zone]
    sorts = [plan.sorts["micro_grids"][item] for item in zone]
    reasons = say_sorts(reasons, sorts, [band.holds(int(count)) for count in sums["households"]])
    wishes = explain_wish(graph, plan.units["micro_grids"], table, band, [sort is None for sort in sorts])
    shared = table["zone"].duplicated(keep=False).to_numpy()
    first_code = table.groupby("zone")["code"].transform("min")
    frame = frame.assign(
        name=[
            _given_text(row, "name") or f"{int(code[12:15])}-{int(code[15:18]):02d}{(sort and sort.name) or '微网格'}"
            for row, code, sort in zip(old, table["code"], sorts, strict=True)
        ],
        parent=table["code"].str[:15],
        kind=[
            _given_text(row, "kind") or (sort.kind if sort else "special" if empty else "base")
            for row, empty, sort in zip(old, (sums["households"] == 0).tolist(), sorts, strict=True)
        ],
        site=pd.Series([sort.site if sort else None for sort in sorts], dtype="object"),
        **{column: sums[column].to_numpy() for column in sums},
        area_m2=np.round(area[zone], 2),
        compactness=np.round(compact[zone], 4),
        within_band=[band.holds(int(count)) for count in sums["households"]],
        reason=reasons["reason"],
        reason_zh=reasons["reason_zh"],
        **{name: wishes[name] for name in wishes},
        stack=first_code.where(shared, None).astype("object"),
        leader=pd.Series([_given_text(row, "leader") for row in old], dtype="object"),
        derived=~table["given"].to_numpy(),
        valid_from=pd.Series([_given_text(row, "valid_from") for row in old], dtype="object"),
        valid_to=pd.Series([_given_text(row, "valid_to") for row in old], dtype="object"),
    )
    for column in COUNTS:
        if column in frame:
            frame[column] = frame[column].astype("Int64")
    order = [column.name for column in LAYERS["micro_grids"].columns if column.name in frame]
    return gpd.GeoDataFrame(frame[order], geometry=areas[zone], crs=given.crs)


def _given_text(row: pd.Series | None, column: str) -> str | None:
    if row is None or column not in row or pd.isna(row[column]):
        return None
    return str(row[column])


def _upper_frame(
    level: str,
    plan: Plan,
    areas: np.ndarray,
    codes: dict[str, list[str]],
    parts: pd.DataFrame,
    given: Given,
    rules: Rules,
) -> gpd.GeoDataFrame:
    """Frame of a level above the micro-grids, ordered by code."""
    count = len(areas)
    own = codes[level]
    sums = _sums(parts, level, count)
    old = [given.row(level, int(position)) for position in plan.given[level]]
    frame = pd.DataFrame({"code": own})
    pairs = list(zip(old, own, strict=True))
    frame["name"] = [_given_text(row, "name") or _made_name(level, code, given.name) for row, code in pairs]
    frame["parent"] = pd.Series(
        [None if level == "districts" else code[: LENGTHS[LEVELS[LEVELS.index(level) - 1]]] for code in own],
        dtype="object",
    )
    frame["households"] = sums["households"]
    frame["residents"] = sums["residents"].astype("Int64")
    frame["derived"] = [row is None for row in old]
    area, compact = _shape(areas)
    frame["area_m2"] = np.round(area, 2)
    if level == "grids":
        band = rules.grids
        sorts = plan.sorts["grids"]
        frame["kind"] = [
            _given_text(row, "kind") or (sort.kind if sort else "base" if count else "special")
            for row, count, sort in zip(old, sums["households"], sorts, strict=True)
        ]
        frame["site"] = pd.Series([sort.site if sort else None for sort in sorts], dtype="object")
        frame["name"] = [
            _given_text(row, "name") or (sort and sort.name) or _made_name(level, code, given.name)
            for (row, code), sort in zip(pairs, sorts, strict=True)
        ]
        frame["buildings"] = sums["buildings"]
        frame["compactness"] = np.round(compact, 4)
        frame["within_band"] = [band.holds(int(n)) for n in sums["households"]]
        said = grid_reasons(frame["households"].tolist(), frame["derived"].tolist(), band)
        frame[["reason", "reason_zh"]] = say_sorts(said, sorts, frame["within_band"].tolist())
        for column in ("leader", "valid_from", "valid_to"):
            frame[column] = pd.Series([_given_text(row, column) for row in old], dtype="object")
    # What else the office keeps about its units stays with them.
    known = set(frame) | {"geometry", "source_row"}
    extra = given.frames[level].columns if level in given.frames else []
    for column in [name for name in extra if name not in known]:
        frame[column] = pd.Series([None if row is None else row[column] for row in old], dtype="object").infer_objects()
    order = np.argsort(np.array(own), kind="stable")
    result = gpd.GeoDataFrame(frame, geometry=areas, crs=given.crs)
    return result.iloc[order].reset_index(drop=True)


def _made_name(level: str, code: str, city: str) -> str:
    """Name of a unit that had none."""
    number = int(code[-3:])
    made = {"streets": f"第{number}街道", "communities": f"第{number}社区", "grids": f"第{number}网格"}
    return made.get(level) or city or f"区县{code}"
