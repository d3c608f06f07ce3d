"""The log of what was done to incidents, and the photos: kept beside the layer, and the layer kept true to it.

A layer is put in place as a whole, by a build, an import, a split; the log stays. So whoever writes `incidents` gets
back what only the log knows: reports that the frame did not have, and the state to which the moves have led.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyproj
import shapely
from sqlalchemy import Connection, delete, func, insert, select

from gridmap.stores.single_rows import change_rows, open_table, put_rows

if TYPE_CHECKING:
    from gridmap.stores.sql_store import SqlStore

__all__ = [
    "LoggedMove", "Photo", "add_move", "add_photos", "copy_log", "last_moves", "log_of", "move_by_key", "photo_of",
    "photos_of", "put_back", "reports_at_desk", "untrue_to_log",
]  # fmt: skip



@dataclass(frozen=True, kw_only=True)
class LoggedMove:
    """One move as it was made: on which incident, its number there from 1 on, who (in which role), when (UTC), what.

    `key` is what the sender calls it, for what is sent twice; `facts` is what a report needs to be a row again.
    """

    code: str
    number: int
    move: str
    by: str
    role: str
    at: datetime
    text: str = ""
    from_state: str | None = None
    to_state: str
    key: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo of an incident, without its bytes: its number from 1 on, and the number of the move that brought it."""

    code: str
    number: int
    move: int
    width: int
    height: int


def log_of(store: SqlStore, connection: Connection, code: str) -> list[LoggedMove]:
    """Every move of an incident, the oldest first."""
    table = store.control["incident_moves"]
    rows = connection.execute(select(table).where(table.c.code == code).order_by(table.c.number))
    return [_move(row) for row in rows]


def last_moves(store: SqlStore, connection: Connection) -> dict[str, LoggedMove]:
    """The latest move of every incident that has any, by code."""
    table = store.control["incident_moves"]
    last = select(table.c.code, func.max(table.c.number).label("number")).group_by(table.c.code).subquery()
    rows = connection.execute(
        select(table).join(last, (table.c.code == last.c.code) & (table.c.number == last.c.number))
    )
    return {row.code: _move(row) for row in rows}


def move_by_key(store: SqlStore, connection: Connection, by: str, key: str) -> LoggedMove | None:
    """The move that somebody sent under a key; None where nothing came under it."""
    table = store.control["incident_moves"]
    row = connection.execute(select(table).where(table.c.by == by, table.c.key == key)).first()
    return None if row is None else _move(row)


def add_move(store: SqlStore, connection: Connection, move: LoggedMove) -> None:
    """Write a move down, within a transaction; the database refuses a number or a key that is taken."""
    values = {
        **{name: getattr(move, name) for name in ("code", "number", "move", "by", "role", "text", "key")},
        "from_state": move.from_state, "to_state": move.to_state, "at": move.at.isoformat(timespec="milliseconds"),
        "facts": json.dumps(move.facts, ensure_ascii=False, sort_keys=True),
    }
    connection.execute(insert(store.control["incident_moves"]).values(values))


def reports_at_desk(store: Any) -> int:
    """How many incidents were reported at the desk, and came in no file."""
    table = store.control["incident_moves"]
    query = select(func.count()).select_from(table).where(table.c.number == 1, table.c.move == "report")
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def untrue_to_log(store: Any) -> tuple[list[str], int]:
    """Codes of incidents whose state in the layer is not where their moves led, and how many have moves.

    A report that is no row of the layer is one of them; an incident that a file brought and a later file took away
    is not.
    """
    with store.reading() as connection:
        last, found = last_moves(store, connection), open_table(store, connection, "incidents")
        bad = set(_reported(store, connection))
        if found is not None:
            code, status = (found[0].c[found[1][name].column] for name in ("code", "status"))
            in_log = select(store.control["incident_moves"].c.code)
            rows = connection.execute(select(code, status).where(code.in_(in_log))).all()
            bad -= {row[0] for row in rows}
            bad |= {row[0] for row in rows if row[1] != last[row[0]].to_state}
    return sorted(bad), len(last)


def _reported(store: SqlStore, connection: Connection) -> list[str]:
    table = store.control["incident_moves"]
    query = select(table.c.code).where(table.c.number == 1, table.c.move == "report")
    return list(connection.execute(query).scalars())


def photos_of(store: SqlStore, connection: Connection, code: str) -> list[Photo]:
    """The photos of an incident, the oldest first."""
    table = store.control["incident_photos"]
    columns = [table.c[name] for name in Photo.__dataclass_fields__]
    rows = connection.execute(select(*columns).where(table.c.code == code).order_by(table.c.number))
    return [Photo(**row._mapping) for row in rows]


def photo_of(store: SqlStore, connection: Connection, code: str, number: int) -> bytes | None:
    """The bytes of one photo (JPEG); None where there is none."""
    table = store.control["incident_photos"]
    found = connection.execute(
        select(table.c.content).where(table.c.code == code, table.c.number == number)
    ).scalar()
    return None if found is None else bytes(found)


def add_photos(
    store: SqlStore, connection: Connection, code: str, move: int, photos: list[tuple[bytes, int, int]]
) -> None:
    """Keep photos (bytes, width, height) that came with a move, within a transaction."""
    if not photos:
        return
    table = store.control["incident_photos"]
    have = connection.execute(select(func.max(table.c.number)).where(table.c.code == code)).scalar() or 0
    connection.execute(insert(table), [
        {"code": code, "number": have + place, "move": move, "content": content, "width": width, "height": height}
        for place, (content, width, height) in enumerate(photos, start=1)
    ])


def put_back(store: SqlStore, connection: Connection) -> int:
    """Make the layer true to the log, within a transaction.

    Reports that the layer lacks are rows again, at the place where they were reported and attached to nothing yet
    (`gridmap.desk.settle` attaches them); the state of every row with a log is the one that its moves led to.

    Returns
    -------
    How many rows were put back.
    """
    found = open_table(store, connection, "incidents")
    last = last_moves(store, connection)
    if found is None or not last:
        return 0
    table, kept = found
    of = {name: table.c[kept[name].column] for name in ("code", "status", "closed_at")}
    have = {
        row.code: row for row in connection.execute(
            select(of["code"].label("code"), of["status"].label("status"), of["closed_at"].label("closed"))
            .where(of["code"].in_(select(store.control["incident_moves"].c.code)))
        )
    }
    lacking = set(_reported(store, connection)) - have.keys()
    put_rows(store, connection, "incidents", _rows_of(store, connection, lacking))
    closed = _closed_at(store, connection)
    change_rows(store, connection, "incidents", (
        (code, {"status": move.to_state, "closed_at": closed.get(code)})
        for code, move in last.items()
        if code in have and (have[code].status != move.to_state or (have[code].closed is None) != (code not in closed))
    ))
    return len(lacking)


def _rows_of(
    store: SqlStore, connection: Connection, codes: set[str]
) -> Iterator[tuple[dict[str, Any], shapely.Geometry]]:
    """Reports as rows of the layer, as the log tells them."""
    if not codes:
        return
    to_city = pyproj.Transformer.from_crs(4326, store.crs_of(connection), always_xy=True)
    table, closed, last = store.control["incident_moves"], _closed_at(store, connection), last_moves(store, connection)
    query = select(table).where(table.c.number == 1, table.c.move == "report").order_by(table.c.code)
    for move in map(_move, connection.execute(query)):
        if move.code in codes:
            facts = move.facts
            yield {
                "code": move.code, "category": facts["category"], "source": facts.get("source"), "text": move.text,
                "address": facts.get("address"), "reported_at": datetime.fromisoformat(facts["reported_at"]),
                "status": last[move.code].to_state, "closed_at": closed.get(move.code),
                # what a person placed by hand stays there, as long as the micro-grid exists
                "micro_grid": facts.get("micro_grid"), "attached_by": "manual" if facts.get("micro_grid") else None,
            }, shapely.Point(to_city.transform(facts["lon"], facts["lat"]))  # fmt: skip


def _closed_at(store: SqlStore, connection: Connection) -> dict[str, datetime]:
    """When each incident that is closed was closed, by code; facts of the file where no move of ours did it."""
    table = store.control["incident_moves"]
    query = select(table.c.code, table.c.move, table.c.at, table.c.facts).where(
        table.c.move.in_(("close", "reopen")) | (table.c.number == 1)
    ).order_by(table.c.code, table.c.number)
    found: dict[str, datetime] = {}
    for row in connection.execute(query):
        if row.move == "close":
            found[row.code] = datetime.fromisoformat(row.at)
        elif row.move == "reopen":
            found.pop(row.code, None)
        elif closed := json.loads(row.facts).get("closed_at"):
            found[row.code] = datetime.fromisoformat(closed)
    return found


def copy_log(source: SqlStore, target: SqlStore) -> None:
    """Put the log and the photos of one city in place of those of another, in the transaction that is open there."""
    with target.changing() as to, source.reading() as of:
        for name in ("incident_photos", "incident_moves"):
            to.execute(delete(target.control[name]))
        moves, photos = source.control["incident_moves"], source.control["incident_photos"]
        rows = [dict(row._mapping) for row in of.execute(select(moves))]
        if rows:
            to.execute(insert(target.control["incident_moves"]), rows)
        names = [tuple(row) for row in of.execute(select(photos.c.code, photos.c.number))]
        for code, number in names:  # one at a time: together they may be larger than memory
            one = of.execute(select(photos).where(photos.c.code == code, photos.c.number == number)).one()
            to.execute(insert(target.control["incident_photos"]).values(**one._mapping))


def _move(row: Any) -> LoggedMove:
    values = dict(row._mapping)
    return LoggedMove(**{**values, "at": datetime.fromisoformat(row.at), "facts": json.loads(row.facts)})
