"""Single cells of a layer read and changed where they stand, however long the layer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from sqlalchemy import select

from gridmap.stores.models import layer_table
from gridmap.stores.single_rows import change_rows
from gridmap.stores.sql_store import SqlStore, new_version
from layers.schema import LAYERS

__all__ = ["cells_of", "place_of", "set_cells"]


def cells_of(store: SqlStore, layer: str, code: str, columns: Sequence[str]) -> dict[str, Any] | None:
    """Some cells of the row with a code; None where there is none."""
    with store.reading() as connection:
        kept = {one.name: one for one in store.kept(connection, layer)}
        if "code" not in kept:
            return None
        table = layer_table(LAYERS[layer], tuple(kept.values()), schema=store.schema)
        names = [name for name in columns if name in kept]
        query = select(*(table.c[kept[name].column] for name in names)).where(table.c[kept["code"].column] == code)
        row = connection.execute(query.limit(1)).first()
    return None if row is None else {**dict.fromkeys(columns), **dict(zip(names, row, strict=True))}


def place_of(store: SqlStore, layer: str, code: str) -> shapely.Geometry | None:
    """The geometry of the row with a code; None where there is no row, or no geometry."""
    with store.reading() as connection:
        kept = tuple(store.kept(connection, layer))
        column = next((one.column for one in kept if one.name == "code"), None)
        if column is None:
            return None
        table = layer_table(LAYERS[layer], kept, schema=store.schema)
        query = select(store._geometry_column(table)).where(table.c[column] == code).limit(1)
        row = connection.execute(query).first()
    found = None if row is None else store._geometries([row[0]])[0]
    return None if found is None or found.is_empty else found


def set_cells(store: SqlStore, layer: str, code: str, values: Mapping[str, Any]) -> None:
    """Change cells of the row with a code, and let caches know: incidents have a version of their own."""
    with store.changing() as connection:
        change_rows(store, connection, layer, [(code, values)])
        fact = "incidents_version" if layer == "incidents" else "data_version"
        store.put_facts(connection, {fact: new_version()})
