"""What a store promises: a city kept whole, read by area, changed in one transaction.

Two keepers hold the same promise: a GeoPackage (`gridmap.stores.geopackage`) and PostGIS
(`gridmap.stores.postgis`). The deeds and the web know only this page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, Self

import geopandas as gpd
import pandas as pd
import pyproj

__all__ = ["Account", "Store"]


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who may log in. `area` is a unit code (6 to 18 digits) or "" for the whole city.

    The store fills `created_at` (UTC, ISO text) when it first keeps the account; two accounts compare without it.
    """

    name: str
    role: str
    area: str
    password_hash: str
    active: bool = True
    created_at: str | None = field(default=None, compare=False)


class Store(Protocol):
    """A city kept in one place."""

    url: str

    @property
    def crs(self) -> pyproj.CRS:
        """The city's metric CRS; every geometry is kept and given in it."""
        ...

    def meta(self) -> dict[str, str]:
        """Facts about the city as text: name, made_at, gridmap_version, seed, settings (JSON), data_version."""
        ...

    def set_meta(self, **facts: str) -> None:
        """Keep facts about the city, over those of the same name."""
        ...

    def layers(self) -> list[str]:
        """Names of the layers that have rows, in the order of `layers.schema.LAYERS`."""
        ...

    def count(self, layer: str, *, within: Sequence[str] = ("",)) -> int:
        """How many rows the layer has within the areas."""
        ...

    def read(
        self,
        layer: str,
        *,
        within: Sequence[str] = ("",),
        bbox: tuple[float, float, float, float] | None = None,
        as_of: date | None = None,
        most: int | None = None,
    ) -> gpd.GeoDataFrame | pd.DataFrame:
        """Rows of a layer, ordered by key, with every column that was written.

        `within` holds area codes: a unit is within where its own code starts with one of them, a thing where its
        micro-grid's code does; ("",) is the whole city. Layers without such a code (roads, water, green, barriers,
        estates, gaps) are within where their geometry meets the area. `bbox` is in the city's CRS. `as_of` leaves
        out rows not yet or no longer valid that day, and units that ended or changed since are as they were. `most`
        gives the first rows only. A layer without rows gives an empty frame with its columns.
        """
        ...

    def write(self, layer: str, frame: gpd.GeoDataFrame | pd.DataFrame) -> None:
        """Put the frame in place of all rows of the layer, in one transaction."""
        ...

    def write_all(self, frames: Iterable[tuple[str, gpd.GeoDataFrame | pd.DataFrame]]) -> None:
        """Put several layers in place, all or none."""
        ...

    def accounts(self) -> list[Account]:
        """Every account, by name."""
        ...

    def account(self, name: str) -> Account | None:
        """One account, or None."""
        ...

    def keep_account(self, account: Account) -> None:
        """Add an account or put it in place of the one of the same name."""
        ...

    def stamp(self) -> object | None:
        """Something that is another one after every change to the store; None where asking costs as much as reading.

        For caches: what was read at one stamp holds as long as the stamp does.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; a store is also a context manager."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
