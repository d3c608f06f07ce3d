"""The first step: the tables of the store itself, and an empty table for every layer."""

from __future__ import annotations

from sqlalchemy import Connection

from gridmap.stores.frames import no_rows
from gridmap.stores.sql_store import SqlStore
from layers.schema import LAYERS


def run(store: SqlStore, connection: Connection) -> None:
    """Make the layers, each empty and with the columns of the schema."""
    crs = store.crs_of(connection)
    for layer in LAYERS.values():
        ready = no_rows(layer)
        store.fresh_layer(connection, ready, crs)
        store.put_kept(connection, layer.name, ready.kept)
