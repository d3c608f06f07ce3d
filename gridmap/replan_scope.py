"""What a re-split or an edit reads from a store: the units asked for, the ones beside them, and what may not change."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.resplit import drawn_codes
from gridmap.settings import SplitSettings
from gridmap.stores import Store
from layers.errors import MissingLayer, NotFound, WrongCall

__all__ = [
    "LINES", "Scope", "as_areas", "band_of", "bands_of", "codes_ever", "has_own_bands", "read_scope", "settings_of",
    "with_locks",
]

#: Layers that a split looks at beside the buildings.
LINES = ("roads", "barriers", "water", "estates", "resident_groups", "old_grids", "special_sites", "green")


@dataclass
class Scope:
    """Micro-grids within a code, and those that touch them.

    `barred` are codes of micro-grids that may not change: locked ones, and the neighbours outside; `free` marks the
    cells within. `lines` are the layers by which ground is cut.
    """

    cells: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    micro_grids: gpd.GeoDataFrame
    lines: dict[str, gpd.GeoDataFrame | pd.DataFrame]
    barred: frozenset[str]
    free: np.ndarray


def as_areas(store: Store, layer: str) -> gpd.GeoDataFrame:
    """A layer that has to be there.

    Raises
    ------
    MissingLayer
        Where it has no rows.
    """
    frame = store.read(layer)
    if not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
        why = "it was built by an older gridmap; build it again" if layer == "cells" else "build it first"
        raise MissingLayer(f"the city has no {layer}: {why}")
    return frame


def read_scope(
    store: Store, within: str, *, lock: Collection[str] = (), unlock: Collection[str] = ()
) -> Scope:
    """Read what lies within a code, with a ring around it.

    Raises
    ------
    NotFound
        Where nothing lies within the code, or a code to lock is none.
    MissingLayer
        Where the city has no cells.
    WrongCall
        For a code that is neither "" nor that of a district, street, community or grid.
    """
    if within and (not within.isdigit() or len(within) not in (6, 9, 12, 15)):
        raise WrongCall(f"a part of the city is a code of 6, 9, 12 or 15 digits, not {within!r}; leave it out for all")
    cells, rows = as_areas(store, "cells"), as_areas(store, "buildings")
    micro_grids = with_locks(as_areas(store, "micro_grids"), lock, unlock)
    inside = cells["micro_grid"].str.startswith(within).to_numpy(dtype=bool)
    if not inside.any():
        raise NotFound(f"the city has no micro-grid within {within!r}; give a code of one of its units")
    barred = set(micro_grids["code"][micro_grids["locked"]])
    if not inside.all():
        shapes = cells.geometry.to_numpy()
        touching = np.unique(shapely.STRtree(shapes).query(shapes[inside], predicate="intersects")[1])
        wanted = set(cells["micro_grid"].to_numpy()[touching])
        keep = cells["micro_grid"].isin(wanted).to_numpy()
        cells, inside = cells[keep].reset_index(drop=True), inside[keep]
        micro_grids = micro_grids[drawn_codes(micro_grids).isin(wanted)].reset_index(drop=True)
        barred |= set(micro_grids["code"][~micro_grids["code"].str.startswith(within)])
    rows = rows[rows["cell"].isin(cells["code"])].reset_index(drop=True)
    box = tuple(float(value) for value in cells.total_bounds)
    lines = {name: store.read(name, bbox=(box[0], box[1], box[2], box[3])) for name in LINES}
    return Scope(cells, rows, micro_grids, lines, frozenset(barred), inside)


def with_locks(micro_grids: gpd.GeoDataFrame, lock: Collection[str], unlock: Collection[str]) -> gpd.GeoDataFrame:
    """Micro-grids with the column `locked` (bool), some of them locked or unlocked.

    Raises
    ------
    NotFound
        For a code that is none of them.
    """
    unknown = sorted((set(lock) | set(unlock)) - set(micro_grids["code"]))
    if unknown:
        raise NotFound(f"there is no micro-grid {unknown[0]} to lock or unlock; give its 18 digits")
    held = micro_grids["locked"].astype("boolean").fillna(False).astype(bool)
    held = (held | micro_grids["code"].isin(lock)) & ~micro_grids["code"].isin(unlock)
    return micro_grids.assign(locked=held)


def settings_of(store: Store) -> SplitSettings:
    """The settings that the city was split with."""
    kept = json.loads(store.meta().get("settings", "{}")).get("split", {})
    usual = SplitSettings()
    values: dict[str, Any] = {}
    for key, value in kept.items():
        if key in SplitSettings.__dataclass_fields__:
            listed = tuple(value) if isinstance(value, list) else value
            values[key] = Band(*listed) if isinstance(getattr(usual, key), Band) else listed
    return SplitSettings(**values)


def bands_of(store: Store) -> dict[str, Band]:
    """Bands of micro-grids by area code; "" holds for the whole city, a longer code comes before a shorter one."""
    kept = json.loads(store.meta().get("bands", "{}"))
    return {"": settings_of(store).households} | {code: Band(*numbers) for code, numbers in kept.items()}


def band_of(store: Store, code: str) -> Band:
    """The band of micro-grids within a code."""
    bands = bands_of(store)
    return bands[max((area for area in bands if code.startswith(area)), key=len)]


def has_own_bands(store: Store, code: str) -> bool:
    """Whether a smaller area within a code has a band of its own."""
    return any(area.startswith(code) and area != code for area in bands_of(store))


def codes_ever(store: Store) -> set[str]:
    """Every code that a micro-grid has or ever had: none of them is given again."""
    found = set(store.read("micro_grids")["code"]) | set(store.read("micro_grids_history")["code"])
    lineage = store.read("lineage")
    return {str(code) for code in found | set(lineage["old_code"].dropna()) | set(lineage["new_code"].dropna())}
