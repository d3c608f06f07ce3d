"""The facilities and ways of today: what has ended or is yet to open is not counted. All that walk read them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import geopandas as gpd
import pandas as pd

from gridmap.stores import Store

__all__ = ["DATED", "only_valid", "read_today"]

Frames = dict[str, gpd.GeoDataFrame | pd.DataFrame]

#: Layers of which only what is valid today counts.
DATED = ("facilities", "roads", "barriers", "water", "gates")


def _today() -> date:
    return datetime.now().astimezone().date()  # the day on the wall, as pages and tiles have it


def read_today(store: Store, names: Iterable[str]) -> Frames:
    """Layers of a store by name, those of `DATED` as they are today.

    Parameters
    ----------
    store
        An open store.
    names
        Layers; of those that the store does not have, empty frames.
    """
    day = _today()
    return {name: store.read(name, as_of=day if name in DATED else None) for name in names}


def only_valid(frames: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], day: date | None = None) -> Frames:
    """The same of frames that are not in a store yet, today without a day.

    Examples
    --------
    >>> halls = pd.DataFrame({"code": ["old", "new", "kept"], "valid_from": [None, "2027-01-01", "2020-01-01"],
    ...                       "valid_to": ["2025-12-31", None, None]})
    >>> only_valid({"facilities": halls}, date(2026, 1, 1))["facilities"]["code"].tolist()
    ['kept']
    """
    iso = (day or _today()).isoformat()
    return {name: _valid(frame, iso) if name in DATED else frame for name, frame in frames.items()}


def _valid(frame: gpd.GeoDataFrame | pd.DataFrame, day: str) -> gpd.GeoDataFrame | pd.DataFrame:
    if not {"valid_from", "valid_to"} & set(frame.columns):
        return frame
    since, until = (
        frame[name].astype("string").str[:10] if name in frame else pd.Series(pd.NA, frame.index, dtype="string")
        for name in ("valid_from", "valid_to")
    )
    keep = (since.isna() | (since <= day).fillna(False)) & (until.isna() | (until >= day).fillna(False))
    return frame if keep.all() else frame[keep].reset_index(drop=True)
