"""Rows of the past beside those of now: what a layer of units was like on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

import geopandas as gpd
import pandas as pd

from layers.schema import LAYERS, LEVEL_PARENTS

__all__ = ["HISTORY", "with_past"]

#: Level -> the layer that keeps its rows of the past.
HISTORY = {level: f"{level}_history" for level in ("districts", *LEVEL_PARENTS) if f"{level}_history" in LAYERS}


class _Reads(Protocol):
    def read(
        self, layer: str, *, within: Sequence[str] = ..., bbox: Any = ..., as_of: date | None = ...
    ) -> gpd.GeoDataFrame | pd.DataFrame: ...


def with_past(
    store: _Reads, layer: str, now: gpd.GeoDataFrame | pd.DataFrame, *, within: Sequence[str], bbox: Any, as_of: date
) -> gpd.GeoDataFrame | pd.DataFrame:
    """Rows that are valid on a day, with those that ended or changed since.

    Parameters
    ----------
    store
        An open store.
    layer
        Any layer; one without a history is given back as it is.
    now
        Its own rows that are valid on the day.
    within, bbox, as_of
        As for `Store.read`.
    """
    if layer not in HISTORY:
        return now
    past = store.read(HISTORY[layer], within=within, bbox=bbox, as_of=as_of)
    past = past[~past["code"].isin(now["code"])]
    if not len(past):
        return now
    past = past.reindex(columns=now.columns) if len(now) else past
    both = pd.concat([now, past], ignore_index=True) if len(now) else past
    return gpd.GeoDataFrame(both, geometry="geometry", crs=past.crs).sort_values("code", ignore_index=True)
