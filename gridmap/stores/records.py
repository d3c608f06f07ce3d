"""Rows of the store's own tables: written one at a time, found by their columns, carried to a copy.

For the deeds that keep a log (`gridmap.audit`, `gridmap.export_jobs`, `gridmap.placing`): they say which rows, this
page knows the database.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, func, insert, select, update

from gridmap.stores.sql_store import SqlStore

__all__ = [
    "CARRIED", "carry_records", "change_record", "count_records", "keep_records", "new_id", "now", "read_records",
]

#: Tables that a copy of a city takes along.
CARRIED = ("audit", "export_jobs", "norm_changes", "placements")

Where = Callable[[Table], Iterable[Any]]


def new_id() -> str:
    """A name for a row: sorts by time, and no two processes make the same.

    Examples
    --------
    >>> new_id() < new_id(), len(new_id())
    (True, 24)
    """
    return f"{time.time_ns():016x}{secrets.token_hex(4)}"


def now() -> str:
    """This moment, UTC, as ISO text of seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def keep_records(store: SqlStore, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add rows; those whose `id` is there already are passed over. How many were added."""
    if not rows:
        return 0
    of = store.control[table]
    with store.changing(layers=False) as connection:
        known = set(connection.execute(select(of.c.id).where(of.c.id.in_([row["id"] for row in rows]))).scalars())
        fresh = [dict(row) for row in rows if row["id"] not in known]
        if fresh:
            connection.execute(insert(of), fresh)
    return len(fresh)


def change_record(store: SqlStore, table: str, id_: str, *, where: Where = lambda _: (), **values: Any) -> bool:
    """Change columns of one row, where it is as `where` says; whether it was."""
    of = store.control[table]
    with store.changing(layers=False) as connection:
        done = connection.execute(update(of).where(of.c.id == id_, *where(of)).values(values))
    return bool(done.rowcount)


def read_records(
    store: SqlStore, table: str, *, where: Where = lambda _: (), most: int | None = None, skip: int = 0
) -> list[dict[str, Any]]:
    """Rows as dicts, the latest first."""
    of = store.control[table]
    query = select(of).where(*where(of)).order_by(of.c.id.desc()).limit(most).offset(skip or None)
    with store.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def count_records(store: SqlStore, table: str, *, where: Where = lambda _: ()) -> int:
    """How many rows."""
    of = store.control[table]
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(of).where(*where(of))).scalar_one())


def carry_records(source: SqlStore, target: SqlStore) -> None:
    """Add the rows of one store to another, which keeps its own."""
    for table in CARRIED:
        rows = read_records(source, table)
        for at in range(0, len(rows), 500):
            keep_records(target, table, rows[at : at + 500])
