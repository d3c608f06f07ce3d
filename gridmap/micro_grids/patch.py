"""Cells after a change: only the ground that a change touches is cut anew, all other cells stay as they are.

A building whose households changed keeps its cells as long as it is divided as before. Where buildings are new, other,
or divided otherwise, the cells that they touch are joined and cut again, and the neighbours get the vertices that are
new on the common border. What was demolished leaves its ground as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.atoms import make_atoms
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.built import COUNTS
from gridmap.micro_grids.cell_places import knows_places
from gridmap.micro_grids.patch_cut import cut_anew
from gridmap.micro_grids.towers import share_out
from layers.errors import DataBroken
from layers.findings import Findings

__all__ = ["Patched", "patch", "whole_buildings"]

#: Square metres by which a footprint may differ and still be the same.
_SAME_M2 = 0.05
#: Square metres of common ground from which on two footprints overlap.
_OVERLAP_M2 = 0.1
_GRID_M = 0.001
_PART = ("part", "part_of", "unit_no", "floor_from", "floor_to", "micro_grid", "grid", "community", "cell")


@dataclass
class Patched:
    """Ground after a change.

    `cells` and `buildings` as a store keeps them; `micro_grid` of a cell is where its building belonged before, else
    where its ground did, and `fresh` marks cells on which only new buildings stand; `buildings["micro_grid"]` is the
    one before the change, None for a new building. `touched` are codes of cells that are new or hold other households.
    """

    cells: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    touched: set[str]
    findings: Findings


def whole_buildings(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Buildings as they were before they were divided: one row each, counts added up, footprints joined.

    Parameters
    ----------
    rows
        The layer `buildings`, one row a building or part.

    Examples
    --------
    >>> from layers.sample import town
    >>> from gridmap.micro_grids.split import split_levels
    >>> rows = split_levels(town()).buildings
    >>> whole = whole_buildings(rows)
    >>> len(whole), int(whole["households"].sum()), int(whole.set_index("code").at["990101001001-T", "households"])
    (51, 500, 96)
    """
    cut = rows["part_of"].notna().to_numpy()
    rest = rows.drop(columns=[name for name in _PART if name in rows])
    if not cut.any():
        return rest.reset_index(drop=True)
    owner = rows["part_of"][cut]
    parts = rest[cut]
    joined = parts.groupby(owner.to_numpy()).first()
    for column in ("households", *(name for name in COUNTS if name in rest)):
        joined[column] = parts[column].groupby(owner.to_numpy()).sum(min_count=1)
    shapes = pd.Series(parts.geometry.to_numpy(), index=owner.to_numpy()).groupby(level=0)
    geometry = shapes.agg(lambda shape: shapely.union_all(np.array(shape.tolist(), dtype=object), grid_size=_GRID_M))
    joined["code"] = joined.index
    frame = gpd.GeoDataFrame(
        joined.drop(columns=parts.geometry.name), geometry=gpd.GeoSeries(geometry.reindex(joined.index), crs=rows.crs)
    )
    both = pd.concat([rest[~cut], frame[rest.columns.tolist()].reset_index(drop=True)], ignore_index=True)
    return gpd.GeoDataFrame(both, geometry="geometry", crs=rows.crs).sort_values("code", ignore_index=True)


def patch(
    cells: gpd.GeoDataFrame,
    rows: gpd.GeoDataFrame,
    wanted: gpd.GeoDataFrame,
    band: Band,
    *,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    locked: Collection[str] = (),
    same_band: bool = True,
    given_grids: Collection[str] = (),
) -> Patched:
    """Cells and building rows after a change.

    Parameters
    ----------
    cells
        Kept cells of whole communities.
    rows
        The buildings and parts on them, each with its `cell` and `micro_grid`.
    wanted
        The buildings as they are now, one row each with `code` and `households`; `units` and `levels` where known.
    band
        Households a micro-grid; a building above the maximum is divided.
    layers
        `roads`, `barriers`, `water` where there are any.
    locked
        Micro-grids whose buildings are not divided otherwise than they are.
    same_band
        Whether the rows were divided by the same band: then only buildings whose households changed are looked at.
    given_grids
        Grids whose boundary no cell may cross; that of others moves with the cells.

    Returns
    -------
    Patched

    Raises
    ------
    DataBroken
        Where cells do not fit or households were lost: a fault of gridmap.
    """
    findings = Findings()
    owner = rows["part_of"].where(rows["part_of"].notna(), rows["code"]).to_numpy(dtype=object)
    wanted = _on_the_ground(wanted, cells, findings).set_index("code", drop=False)
    redo, loads = _divided_otherwise(cells, rows, owner, wanted, band, frozenset(locked), same_band)
    ground = _ground_of(cells, rows, owner, wanted, redo)
    kept = _kept_rows(rows, owner, wanted, redo, loads)
    if not len(ground):
        return _result(cells.assign(fresh=False), kept, cells, findings)
    made = cut_anew(cells, rows, owner, wanted, kept, redo, ground, band, layers, findings, given_grids)
    return _result(*made, cells, findings)


def _on_the_ground(wanted: gpd.GeoDataFrame, cells: gpd.GeoDataFrame, findings: Findings) -> gpd.GeoDataFrame:
    """The buildings that stand on the cells."""
    spots = shapely.point_on_surface(wanted.geometry.to_numpy())
    inside = np.zeros(len(wanted), dtype=bool)
    inside[shapely.STRtree(cells.geometry.to_numpy()).query(spots, predicate="intersects")[0]] = True
    for code in wanted["code"][~inside]:
        findings.add(
            "buildings", "outside_outline", f"building {code} lies outside the outline", "left out of the split",
            level="warning", code=code,
        )  # fmt: skip
    return wanted[inside].sort_values("code", ignore_index=True)


def _divided_otherwise(
    cells: gpd.GeoDataFrame,
    rows: gpd.GeoDataFrame,
    owner: np.ndarray,
    wanted: gpd.GeoDataFrame,
    band: Band,
    locked: frozenset[str],
    same_band: bool,
) -> tuple[set[str], dict[str, int]]:
    """Buildings that need other cells than they have, and the households of parts that stay as they are."""
    load = rows["households"].astype("Int64").fillna(0).astype(int).to_numpy()
    total = pd.Series(load).groupby(owner).sum()
    count = pd.Series(1, index=range(len(rows))).groupby(owner).sum()
    held = set(owner[rows["micro_grid"].isin(locked).to_numpy()])
    now = wanted["households"].astype(int)
    redo = {str(code) for code in wanted.index.difference(total.index)}
    common = wanted.index.intersection(total.index)
    redo |= {str(code) for code in _moved(rows, owner, wanted.loc[common])}

    # households of a cell as they were when it was cut, against the rows as they are
    was = cells.set_index("code")["households"]
    by_cell = pd.Series(load).groupby(rows["cell"].to_numpy()).sum()
    other = by_cell.index[by_cell.to_numpy() != was.reindex(by_cell.index).fillna(-1).to_numpy()]
    changed = set(owner[rows["cell"].isin(other).to_numpy()])
    changed |= {str(code) for code in common[(total[common] != now[common]).to_numpy()]}
    if not same_band:
        changed |= set(common)
    changed = (changed & set(common)) - redo
    big = {code for code in changed - held if now[code] > band.high}
    redo |= {code for code in changed - held if now[code] <= band.high and count[code] > 1}
    loads: dict[str, int] = {}
    if big:
        chosen = wanted.loc[sorted(big)].reset_index(drop=True)
        for code, parts in _parts_by_code(chosen, band).items():
            own = rows[owner == code].sort_values("code", key=lambda names: names.map(_tail))
            if _signature(own["unit_no"], own) == _signature(parts["unit"], parts):
                loads |= dict(zip(own["code"], parts["households"].astype(int), strict=True))
            else:
                redo.add(code)
    # buildings that share a cell because their footprints overlap must fit together
    shared = pd.DataFrame({"cell": rows["cell"].to_numpy(), "owner": owner}).drop_duplicates()
    shared = shared[shared["cell"].duplicated(keep=False)].sort_values(["cell", "owner"])
    for _, group in shared.groupby("cell")["owner"]:
        alive = [name for name in group if name in now.index]
        if sum(int(now[name]) for name in alive) > band.high and not held & set(alive) and changed & set(alive):
            redo |= set(alive)
    return redo, loads


def _parts_by_code(buildings: gpd.GeoDataFrame, band: Band) -> dict[str, pd.DataFrame]:
    """How each building would be divided, taken by itself."""
    found = {}
    for position in range(len(buildings)):  # each by itself: neighbours that it overlaps do not matter here
        alone = buildings.iloc[[position]].reset_index(drop=True)
        found[str(alone["code"].iat[0])] = make_atoms(alone, band, Findings()).parts
    return found


def _signature(units: pd.Series, rows: pd.DataFrame) -> list[tuple[int, int, int]]:
    columns = (units, rows["floor_from"], rows["floor_to"])
    return list(zip(*([-1 if pd.isna(value) else int(value) for value in column] for column in columns), strict=True))


def _tail(code: str) -> int:
    tail = str(code).rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _moved(rows: gpd.GeoDataFrame, owner: np.ndarray, wanted: gpd.GeoDataFrame) -> list[str]:
    """Buildings whose footprint is not what it was."""
    cut = rows["part_of"].notna().to_numpy()
    old = pd.Series(rows.geometry.to_numpy()[~cut], index=owner[~cut])
    if cut.any():
        shapes = pd.Series(rows.geometry.to_numpy()[cut], index=owner[cut]).groupby(level=0)
        joined = shapes.agg(lambda shape: shapely.union_all(np.array(shape.tolist(), dtype=object), grid_size=_GRID_M))
        old = pd.concat([old, joined])
    before, after = old.reindex(wanted.index).to_numpy(dtype=object), wanted.geometry.to_numpy()
    other = np.flatnonzero(~shapely.equals_exact(before, after, 1e-9))
    apart = shapely.area(shapely.symmetric_difference(before[other], after[other]))
    points = shapely.get_dimensions(after[other]) == 0
    far = np.where(points, shapely.distance(before[other], after[other]) > 0.01, apart > _SAME_M2)
    return wanted.index[other[far]].tolist()


def _ground_of(
    cells: gpd.GeoDataFrame, rows: gpd.GeoDataFrame, owner: np.ndarray, wanted: gpd.GeoDataFrame, redo: set[str]
) -> np.ndarray:
    """Positions of the cells to be cut anew; buildings whose footprints overlap a new one are added to `redo`."""
    shapes = cells.geometry.to_numpy()
    position = pd.Series(np.arange(len(cells)), index=cells["code"].to_numpy())
    tree = shapely.STRtree(shapes)
    footprints = rows.geometry.to_numpy()
    while True:
        own = position.reindex(rows["cell"][np.isin(owner, list(redo))]).dropna().astype(int)
        built = _areas(wanted.geometry.to_numpy()[wanted.index.isin(redo)])
        which, cell = tree.query(built, predicate="intersects")
        common = shapely.area(shapely.intersection(built[which], shapes[cell])) > _SAME_M2
        ground = np.union1d(own.to_numpy(), cell[common]).astype(np.int64)
        near = np.flatnonzero(rows["cell"].isin(cells["code"].to_numpy()[ground]).to_numpy())
        near = near[[name not in redo and name in wanted.index for name in owner[near]]]
        if not len(near) or not len(built):
            return ground
        which, row = shapely.STRtree(_areas(footprints[near])).query(built, predicate="intersects")
        row, which = which, row
        shared = shapely.area(shapely.intersection(built[row], _areas(footprints[near])[which])) > _OVERLAP_M2
        more = set(owner[near[which[shared]]])
        if not more:
            return ground
        redo |= more


def _areas(geometry: np.ndarray) -> np.ndarray:
    """Footprints; a point stands for the ground around it."""
    return np.where(shapely.get_dimensions(geometry) == 2, geometry, shapely.buffer(geometry, 3.0, quad_segs=1))


def _kept_rows(
    rows: gpd.GeoDataFrame, owner: np.ndarray, wanted: gpd.GeoDataFrame, redo: set[str], loads: Mapping[str, int]
) -> gpd.GeoDataFrame:
    """Rows of the buildings that stay as they are cut, with what is known of them now."""
    stays = np.array([name in wanted.index and name not in redo for name in owner], dtype=bool)
    old, names = rows[stays].reset_index(drop=True), owner[stays]
    fresh = wanted.loc[names].reset_index(drop=True)
    several = old["part_of"].notna().to_numpy()
    kept = old.copy()
    for column in [name for name in fresh.columns if name not in (*_PART, "code", "geometry")]:
        kept[column] = fresh[column].to_numpy()
    places = np.flatnonzero(several)
    where = [places[members] for members in pd.Series(names[several]).groupby(names[several]).indices.values()]
    known = [loads.get(code) for code in old["code"].to_numpy()[places]]
    known_at = dict(zip(places.tolist(), known, strict=True))
    was = old["households"].astype("Int64").fillna(0).astype(float).to_numpy()
    weight = np.where(was > 0, was, 1e-9)
    for column in ("households", *(name for name in COUNTS if name in kept)):
        values = kept[column].astype("Int64").astype(object).to_numpy(copy=True)
        for here in where:  # few buildings are divided
            own = [known_at[place] for place in here.tolist()]
            total = values[here[0]]
            if column == "households" and None not in own:
                values[here] = own
            elif total is not pd.NA:
                values[here] = share_out(int(total), weight[here])
        kept[column] = pd.array(values, dtype="Int64")
    kept.loc[~several, "geometry"] = fresh.geometry.to_numpy()[~several]
    return kept


def _result(
    cells: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, before: gpd.GeoDataFrame, findings: Findings
) -> Patched:
    """Loads of the cells as the rows say, and which cells are not what they were."""
    load = buildings["households"].astype("Int64").fillna(0).astype(int)
    by_cell = load.groupby(buildings["cell"].to_numpy()).sum()
    households = by_cell.reindex(cells["code"]).fillna(0).astype(int).to_numpy()
    if int(households.sum()) != int(load.sum()):
        raise DataBroken(
            f"{int(load.sum())} households went in and {int(households.sum())} came out of the patch; this is a fault "
            "of gridmap, please report it with the input"
        )
    floors = set(buildings["cell"][buildings["floor_from"].notna()])
    was = before.set_index("code")["households"].reindex(cells["code"]).fillna(-1).astype(int).to_numpy()
    done = cells.assign(households=households).reset_index(drop=True)
    done["stacked"] = done["code"].isin(floors)
    if knows_places(done):
        done["things"] = _things(done, buildings)
    return Patched(done, buildings, set(done["code"][was != households]), findings)


def _things(cells: gpd.GeoDataFrame, rows: gpd.GeoDataFrame) -> np.ndarray:
    """What the households of each cell are made of (`CellGraph.things`) now that others live there."""
    lived = rows[rows["households"].astype("Int64").fillna(0) > 0]
    count = lived.groupby("cell").size().reindex(cells["code"]).fillna(0).astype(int).to_numpy()
    part = cells["code"].isin(lived["cell"][lived["part_of"].notna()]).to_numpy()
    known = cells["things"].astype("Int64").fillna(0).astype(int).to_numpy()
    # a piece of a building is what it was when it was cut, a cell of whole buildings goes by how many live there
    own = np.where(part, np.where(known > 0, known, 2), np.minimum(count, 2))
    return np.where(cells["households"].to_numpy() > 0, own, 0)
