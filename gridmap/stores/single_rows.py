"""Single rows of a layer put in or changed where they stand, in milliseconds however long the layer is.

The tables' own indexes and triggers keep up with each row, so that QGIS finds it by its place at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from sqlalchemy import Connection, Table, insert, update

from gridmap.stores.gpkg_format import blobs
from gridmap.stores.models import GEOM, Kept, layer_table
from layers.schema import LAYERS

if TYPE_CHECKING:
    from gridmap.stores.sql_store import SqlStore

__all__ = ["as_kept", "change_rows", "open_table", "put_rows"]


def open_table(store: SqlStore, connection: Connection, name: str) -> tuple[Table, dict[str, Kept]] | None:
    """The table of a layer and its columns by name; None where the store never had the layer."""
    kept = store.kept(connection, name)
    if not kept:
        return None
    return layer_table(LAYERS[name], kept, schema=store.schema), {item.name: item for item in kept}


def put_rows(
    store: SqlStore, connection: Connection, name: str, rows: Iterable[tuple[Mapping[str, Any], shapely.Geometry]]
) -> None:
    """Add rows to a layer, within a transaction.

    Parameters
    ----------
    rows
        Values by column and a geometry in the city's CRS; an aware datetime is kept as the column keeps times, and
        what the layer has no column for is left out.
    """
    found = open_table(store, connection, name)
    given = list(rows)
    if found is None or not given:
        return
    table, kept = found
    srid = store.srid(connection, store.crs_of(connection))
    sqlite = connection.dialect.name == "sqlite"
    # all with the same columns, so that one statement takes them
    columns = [item for item in kept.values() if any(item.name in values for values, _ in given)]
    made = [
        {
            **{item.column: as_kept(values.get(item.name), item.kind) for item in columns},
            GEOM: blobs(np.array([shape], dtype=object), srid)[0] if sqlite
            else shapely.to_wkb(shapely.set_srid(shape, srid), hex=True, include_srid=True),
        }
        for values, shape in given
    ]  # fmt: skip
    connection.execute(insert(table), made)
    if sqlite:
        _grow(connection, name, [shape for _, shape in given])


def change_rows(
    store: SqlStore, connection: Connection, name: str, changes: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Change columns of the rows with a code, within a transaction; `changes` are (code, values by column)."""
    found = open_table(store, connection, name)
    if found is None:
        return
    table, kept = found
    changed = False
    for code, values in changes:
        known = {kept[key].column: as_kept(value, kept[key].kind) for key, value in values.items() if key in kept}
        if known:
            connection.execute(update(table).where(table.c[kept["code"].column] == code).values(known))
            changed = True
    if changed and connection.dialect.name == "sqlite":
        _grow(connection, name, [])


def as_kept(value: Any, kind: str) -> Any:
    """
    A value as a column of that kind keeps it: an instant in UTC, or as the clock on the wall shows it here.

    Examples
    --------
    >>> as_kept(datetime(2026, 11, 1, 8, 30, tzinfo=UTC), "datetime_utc")
    '2026-11-01T08:30:00.000Z'
    """
    if not isinstance(value, datetime):
        return value
    shown = value.astimezone(UTC if kind == "datetime_utc" else None).replace(tzinfo=None)
    return f"{shown.isoformat(timespec='milliseconds')}Z"


def _grow(connection: Connection, name: str, shapes: Sequence[shapely.Geometry]) -> None:
    """Let the contents of the GeoPackage say that the layer changed, and how far it reaches now."""
    run = connection.exec_driver_sql
    now = "strftime('%Y-%m-%dT%H:%M:%fZ','now')"
    bounds = shapely.total_bounds(np.array(shapes, dtype=object)) if shapes else np.full(4, np.nan)
    if not np.isfinite(bounds).all():
        run(f"UPDATE gpkg_contents SET last_change = {now} WHERE table_name = ?", (name,))  # noqa: S608 - a constant
        return
    # min and max of several values, of which the old one may be missing
    sides = ", ".join(
        f"{side} = {'min' if side.startswith('min') else 'max'}(coalesce({side}, ?), ?)"
        for side in ("min_x", "min_y", "max_x", "max_y")
    )
    values = [float(bound) for bound in bounds for _ in range(2)]
    run(
        f"UPDATE gpkg_contents SET last_change = {now}, {sides} WHERE table_name = ?",  # noqa: S608 - constants
        (*values, name),
    )
