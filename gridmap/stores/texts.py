"""Some texts of every row of a layer, and where each row lies: what an index of a whole city needs, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.stores.history import HISTORY
from gridmap.stores.models import Kept, layer_table
from gridmap.stores.scope import valid_on
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.values import from_values
from layers.schema import LAYERS

__all__ = ["Texts", "texts_of"]


@dataclass(frozen=True)
class Texts:
    """Rows of a layer in its order: texts by column, "" where there is none, and geometries (None in a table)."""

    texts: dict[str, list[str]]
    shapes: np.ndarray

    def middles(self) -> np.ndarray:
        """The middle of the box of each row, x and y in the city's CRS; NaN without one."""
        west, south, east, north = shapely.bounds(self.shapes).reshape(-1, 4).T
        return np.column_stack([(west + east) / 2, (south + north) / 2])


def texts_of(store: SqlStore, layer: str, columns: Sequence[str], *, as_of: date | None = None) -> Texts:
    """Some columns of every row of a layer as texts, with the geometries.

    Parameters
    ----------
    store
        An open store.
    layer
        Its name.
    columns
        Names; one that the layer lacks is "" in every row.
    as_of
        As for `Store.read`.

    Examples
    --------
    >>> import tempfile
    >>> from gridmap.stores import create_store
    >>> with tempfile.TemporaryDirectory() as folder, create_store(f"{folder}/city.gpkg", crs=4549) as store:
    ...     store.write("staff", pd.DataFrame({"name": ["王"], "area": ["330483001001001"]}))
    ...     texts_of(store, "staff", ["name", "phone"]).texts
    {'name': ['王'], 'phone': ['']}
    """
    if as_of is not None and layer in HISTORY and store.count(HISTORY[layer]):
        # rows of the past may stand in for those of today
        return _of_frame(store.read(layer, as_of=as_of), columns)
    item = LAYERS[layer]
    with store.reading() as connection:
        kept = store.kept(connection, layer)
        if not kept:
            return Texts({name: [] for name in columns}, np.array([], dtype=object))
        table = layer_table(item, kept, schema=store.schema)
        valid = None if as_of is None else valid_on(table, as_of.isoformat())
        # the columns of the key put the rows in order
        wanted = [one for one in kept if one.name in columns or one.name in item.key]
        rows, geometry = store._fetch(connection, item, wanted, table, [] if valid is None else [valid], [], None)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(wanted)
    texts = {one.name: _told(said, one, layer) for one, said in zip(wanted, values, strict=False)}
    shapes = np.full(len(rows), None, dtype=object) if geometry is None else geometry
    return Texts({name: texts.get(name, [""] * len(rows)) for name in columns}, shapes)


def _told(values: Sequence[Any], kept: Kept, layer: str) -> list[str]:
    if kept.kind == "text":
        return ["" if value is None else str(value) for value in values]
    return _said(pd.Series(from_values(values, kept.kind, f"column {kept.name} of {layer}")))


def _said(values: pd.Series) -> list[str]:
    """The texts of a column of a frame."""
    plain = values.astype("object")
    return [str(value) for value in plain.where(plain.notna(), "")]


def _of_frame(frame: Any, columns: Sequence[str]) -> Texts:
    texts = {name: _said(frame[name]) if name in frame else [""] * len(frame) for name in columns}
    shapes = frame.geometry.to_numpy() if isinstance(frame, gpd.GeoDataFrame) else np.full(len(frame), None)
    return Texts(texts, shapes)
