"""Stores brought up to date: numbered steps, each with its record in one transaction.

Running twice is safe: a step whose number is written down is not run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyproj
from sqlalchemy import Connection, insert, inspect, select

from gridmap.stores.models import index_columns, index_sql, layer_table
from gridmap.stores.sql_store import SqlStore, new_version
from gridmap.stores.steps import STEPS, Step
from layers.errors import NotACity, StoreTooNew, StoreTooOld
from layers.schema import LAYERS

__all__ = ["check_version", "found", "lay_ground", "migrate_store", "version"]


def found(store: SqlStore, connection: Connection) -> bool:
    """Whether there is a city of gridmap in the database."""
    return inspect(connection).has_table("gridmap_meta", schema=store.schema)


def version(store: SqlStore, connection: Connection) -> int:
    """
    The number of the last step that the store has seen.

    Raises
    ------
    NotACity
        The database holds no city, or its record is damaged.
    """
    if not found(store, connection):
        raise NotACity(f"{store.title} holds no city of gridmap; make one with gridmap build")
    number = store.fact(connection, "schema_version")
    if number is None or not number.isdecimal():
        raise NotACity(f"{store.title} does not say which version it has; put a backup in its place")
    return int(number)


def check_version(store: SqlStore, steps: Sequence[Step] = STEPS) -> None:
    """
    Refuse a store that this gridmap cannot work with.

    Raises
    ------
    NotACity, StoreTooNew, StoreTooOld
        No city, or one of another version than this gridmap's.
    """
    with store.reading() as connection:
        have = version(store, connection)
    latest = steps[-1].number
    if have > latest:
        raise StoreTooNew(_too_new(store, have, latest))
    if have < latest:
        raise StoreTooOld(
            f"{store.title} has version {have} and this gridmap works with {latest}; run gridmap migrate on it"
        )


def lay_ground(store: SqlStore, connection: Connection, crs: pyproj.CRS, facts: dict[str, str]) -> None:
    """Make a new store, up to date, within a transaction."""
    store.scaffold(connection, crs)
    for table in store.control.values():
        table.create(connection)
    own = {"crs": crs.to_wkt("WKT2_2019"), "schema_version": "0", "data_version": new_version()}
    store.put_facts(connection, {**own, **facts})
    for step in STEPS:
        _take(store, connection, step)


def migrate_store(store: SqlStore, steps: Sequence[Step] = STEPS) -> list[str]:
    """
    Take the steps that a store has not seen, each in a transaction of its own.

    Returns
    -------
    Names of the steps taken, and "indexes" where some were missing; none where the store was up to date.

    Raises
    ------
    NotACity, StoreTooNew
        No city, or one of a later version.
    """
    taken: list[str] = []
    for step in steps:
        with store.transaction() as connection:
            have = version(store, connection)
            if have > steps[-1].number:
                raise StoreTooNew(_too_new(store, have, steps[-1].number))
            if step.number > have:
                _take(store, connection, step)
                taken.append(step.name)
    return [*taken, "indexes"] if _make_indexes(store) else taken


def _make_indexes(store: SqlStore) -> bool:
    """Make the indexes that an older gridmap did not make: nothing breaks without them, but lists take longer."""
    missing: list[str] = []
    with store.reading() as connection:
        look, sqlite = inspect(connection), connection.dialect.name == "sqlite"
        for name, layer in LAYERS.items():
            if not (kept := store.kept(connection, name)):
                continue
            table = layer_table(layer, kept, schema=store.schema)
            quoted = connection.dialect.identifier_preparer.format_table(table)
            wanted = index_sql(layer, quoted, sqlite=sqlite)
            if len(wanted) > len(index_columns(layer)):
                have = {index["name"] for index in look.get_indexes(name, schema=store.schema)}
                missing += [statement for index, statement in wanted.items() if index not in have]
    if missing:
        with store.transaction() as connection:
            for statement in missing:
                connection.exec_driver_sql(statement)
    return bool(missing)


def steps_taken(store: SqlStore) -> list[tuple[int, str, str]]:
    """Number, name and time (UTC) of every step that the store has seen."""
    table = store.control["gridmap_steps"]
    with store.reading() as connection:
        rows = connection.execute(select(table.c.number, table.c.name, table.c.done_at).order_by(table.c.number))
        return [(row.number, row.name, row.done_at) for row in rows]


def _take(store: SqlStore, connection: Connection, step: Step) -> None:
    step.run(store, connection)
    done = datetime.now(UTC).isoformat(timespec="seconds")
    connection.execute(
        insert(store.control["gridmap_steps"]).values(number=step.number, name=step.name, done_at=done)
    )
    store.put_facts(connection, {"schema_version": str(step.number)})


def _too_new(store: SqlStore, have: int, latest: int) -> str:
    return f"{store.title} has version {have} and this gridmap knows up to {latest}; install a newer gridmap"
