"""Rows of buildings and of cells: who stands where, and what ground belongs to it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.cell_places import by_first_code
from gridmap.micro_grids.cells import Cells
from gridmap.micro_grids.codes import reading_order
from gridmap.micro_grids.given import Given
from gridmap.micro_grids.graph import ALONE
from layers.schema import NEEDS

__all__ = ["COUNTS", "building_rows", "cell_rows", "part_codes"]

#: Counts of people that a building may carry.
COUNTS = ("residents", *(column.name for column in NEEDS))


def part_codes(parts: pd.DataFrame, buildings: gpd.GeoDataFrame) -> np.ndarray:
    """Code of each part: that of its building, with a number where the building has several."""
    whole = buildings["code"].to_numpy()[parts["building"].to_numpy()]
    several = parts["building"].duplicated(keep=False).to_numpy()
    number = parts.groupby("building").cumcount().to_numpy() + 1
    codes = [f"{code}-{n}" if cut else code for code, n, cut in zip(whole, number, several, strict=True)]
    return np.array(codes, dtype=object)


def cell_rows(
    cells: Cells, parts: pd.DataFrame, buildings: gpd.GeoDataFrame, micro_grid: np.ndarray, given: Given
) -> gpd.GeoDataFrame:
    """One row a cell, in the order of `cells`.

    A cell is named after the first building part that stands on it; ground without a building has the code of its
    community, the letter G and a number in reading order.

    Parameters
    ----------
    cells
        Cells of the city.
    parts
        One row a building part with its `cell`.
    buildings
        The buildings that were split.
    micro_grid
        Code of the drawn micro-grid of each cell: of a stack the lowest of its codes.
    given
        For the CRS.
    """
    standing = pd.Series(part_codes(parts, buildings)).groupby(parts["cell"].to_numpy()).min()
    codes = pd.Series(standing.reindex(range(len(cells))).to_numpy(), dtype="object")
    community = pd.Series(micro_grid).str[:12].to_numpy()
    bare = np.flatnonzero(codes.isna().to_numpy())
    centre = shapely.get_coordinates(shapely.centroid(cells.geometry[bare]))
    area = shapely.area(cells.geometry[bare])
    groups = pd.Series(np.arange(len(bare))).groupby(community[bare]).indices
    for name in sorted(groups):
        here = groups[name]
        order = here[reading_order(centre[here, 0], centre[here, 1], area[here])]
        codes.iloc[bare[order]] = [f"{name}G{number:04d}" for number in range(1, len(order) + 1)]
    frame = pd.DataFrame(
        {
            "code": codes,
            "micro_grid": micro_grid,
            "community": community,
            "households": cells.graph.households.astype(np.int64),
            "alone": cells.graph.weight >= ALONE,
            **by_first_code(cells.told, codes.to_numpy(dtype=object)),
        }
    )
    return gpd.GeoDataFrame(frame, geometry=cells.geometry, crs=given.crs)


def building_rows(
    parts: pd.DataFrame, buildings: gpd.GeoDataFrame, cell_codes: np.ndarray, crs: object
) -> gpd.GeoDataFrame:
    """One row a building, or one a part where a building was cut, ordered by code.

    Parameters
    ----------
    parts
        One row a part: `building` (position), `cell` (position), `micro_grid` (code) and what `Part` says.
    buildings
        The buildings that were split.
    cell_codes
        Code of each cell.
    crs
        Of the footprints.
    """
    rows = buildings.iloc[parts["building"].to_numpy()].reset_index(drop=True)
    several = parts["building"].duplicated(keep=False).to_numpy()
    whole_code = rows["code"].to_numpy()
    rows["code"] = part_codes(parts, buildings)
    rows["part_of"] = pd.Series(np.where(several, whole_code, None), dtype="object")
    rows["unit_no"] = parts["unit"].array
    rows["floor_from"], rows["floor_to"] = parts["floor_from"].array, parts["floor_to"].array
    rows["part"] = pd.Series(
        [
            _part_name(unit, low, high) if cut else None
            for unit, low, high, cut in zip(parts["unit"], parts["floor_from"], parts["floor_to"], several, strict=True)
        ],
        dtype="object",
    )
    rows["households"] = parts["households"].to_numpy(dtype=np.int64)
    for column in COUNTS:
        if column in parts:
            rows[column] = parts[column].to_numpy()
            rows[column] = rows[column].astype("Int64")
    rows["micro_grid"] = parts["micro_grid"].to_numpy()
    rows["grid"] = rows["micro_grid"].str[:15]
    rows["community"] = rows["micro_grid"].str[:12]
    rows["cell"] = cell_codes[parts["cell"].to_numpy()]
    geometry = rows.geometry.to_numpy().copy()
    geometry[several] = parts["geometry"].to_numpy()[several]
    rows = rows.set_geometry(gpd.GeoSeries(geometry, crs=crs))
    return rows.sort_values("code", ignore_index=True, kind="stable")


def _part_name(unit: object, low: object, high: object) -> str:
    words = []
    if pd.notna(unit):
        words.append(f"unit {unit}")
    if pd.notna(low):
        words.append(f"floors {low}-{high}" if low != high else f"floor {low}")
    return " ".join(words) or "part"
