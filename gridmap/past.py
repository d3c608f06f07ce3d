"""The plan of another day: micro-grids as they are and as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

import geopandas as gpd
import pandas as pd

__all__ = ["HISTORY", "change_days", "read_as_of"]

#: Layer -> the layer that keeps its rows of the past.
HISTORY = {"micro_grids": "micro_grids_history"}


class Reads(Protocol):
    """A store, or what one user may see of it."""

    def read(self, name: str, *, within: Sequence[str] = ("",), as_of: date | None = None) -> Any:
        """Rows of a layer."""


def read_as_of(store: Reads, layer: str, day: date | None, *, within: Sequence[str] = ("",)) -> Any:
    """Rows of a layer that were valid on a day, those that ended or changed since among them.

    Parameters
    ----------
    store
        An open store, or a user's view of it.
    layer
        Any layer; of those in `HISTORY` the rows of the past are looked at too.
    day
        The day; None for the present state.
    within
        Area codes.
    """
    now = store.read(layer, within=within, as_of=day)
    if day is None or layer not in HISTORY:
        return now
    past = store.read(HISTORY[layer], within=within, as_of=day)
    past = past[~past["code"].isin(now["code"])]
    if not len(past):
        return now
    columns = [name for name in now.columns if name in past.columns]
    both = pd.concat([now, past[columns]], ignore_index=True) if len(now) else past[columns]
    return gpd.GeoDataFrame(both, geometry="geometry", crs=now.crs).sort_values("code", ignore_index=True)


def change_days(store: Reads) -> list[str]:
    """ISO days on which the plan changed, latest first."""
    return sorted({str(day) for day in store.read("lineage")["date"].dropna()}, reverse=True)
