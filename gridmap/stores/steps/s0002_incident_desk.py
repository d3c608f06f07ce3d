"""The second step: the log of moves, photos, and the indexes by which a list of incidents is found."""

from __future__ import annotations

from sqlalchemy import Connection

from gridmap.stores.models import index_columns, layer_table
from gridmap.stores.sql_store import SqlStore
from layers.schema import LAYERS


def run(store: SqlStore, connection: Connection) -> None:
    """Make what is not there yet; a new store has it from its first step."""
    for name in ("incident_moves", "incident_photos"):
        store.control[name].create(connection, checkfirst=True)
    layer = LAYERS["incidents"]
    kept = store.kept(connection, layer.name)
    if not kept:
        return
    table = layer_table(layer, kept, schema=store.schema)
    name = connection.dialect.identifier_preparer.format_table(table)
    for column in index_columns(layer):
        connection.exec_driver_sql(f'CREATE INDEX IF NOT EXISTS "ix_{layer.name}_{column}" ON {name} ("{column}")')
