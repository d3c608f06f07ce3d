"""What grids and the levels above them were before a change, kept as that of micro-grids is."""

from __future__ import annotations

from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.covering import Frames
from gridmap.stores import Store
from gridmap.stores.history import HISTORY

__all__ = ["upper_past"]

#: Ground by which a unit may differ and still be the same, m2: a vertex more on its border.
_SAME_M2 = 1.0


def upper_past(store: Store, frames: Frames, day: str) -> Frames:
    """Rows of the past of every level above the micro-grids that a change touches.

    Parameters
    ----------
    store
        With the levels as they were.
    frames
        The levels as they are now; a unit of other ground or other households than before is valid from the day.
    day
        ISO day of the change.
    """
    found: Frames = {}
    eve = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    for level, history in HISTORY.items():
        if level == "micro_grids" or level not in frames:
            continue
        now, before = gpd.GeoDataFrame(frames[level]).copy(), gpd.GeoDataFrame(store.read(level))
        for frame in (now, before):
            if "valid_from" not in frame:
                frame["valid_from"] = None
        changed = _changed(before, now)
        now["valid_from"] = now["valid_from"].astype("object").where(~now["code"].isin(changed), day)
        frames[level] = now
        gone = set(before["code"]) - set(now["code"])
        past = before[before["code"].isin(changed | gone) & (before["valid_from"] != day)]
        if len(past):
            kept = store.read(history)
            both = [part for part in (kept, past.assign(valid_to=eve)) if len(part)]
            found[history] = gpd.GeoDataFrame(pd.concat(both, ignore_index=True), geometry="geometry", crs=before.crs)
    return found


def _changed(before: gpd.GeoDataFrame, now: gpd.GeoDataFrame) -> set[str]:
    """Codes of units that are there before and after, and are new or have other ground or other households."""
    both = now[["code", "households", "geometry"]].merge(
        before[["code", "households", "geometry"]], on="code", how="left", suffixes=("", "_old"), indicator=True
    )
    shapes = [np.asarray(both[name], dtype=object) for name in ("geometry", "geometry_old")]
    same = shapely.equals_exact(shapes[0], shapes[1], 1e-9)
    other = np.flatnonzero(~same & (both["_merge"] == "both").to_numpy())
    same[other] = shapely.area(shapely.symmetric_difference(shapes[0][other], shapes[1][other])) < _SAME_M2
    same &= (both["households"].fillna(-1) == both["households_old"].fillna(-1)).to_numpy(dtype=bool)
    return set(both["code"][~same])
