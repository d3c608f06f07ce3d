"""Incidents found a page at a time: filters and order are the database's, so that a long list costs no more.

A page of the newest among 200,000 takes milliseconds: where many rows fit, the index by time is walked until the page
is full; where few do, those are sorted. Either way the index `ix_incidents_list` says what fits without the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, Table, and_, false, func, or_, select
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from gridmap.stores.models import FID, GEOM, Kept
from gridmap.stores.scope import starts_with
from gridmap.stores.single_rows import open_table
from layers.incidents import CLOSED, OPEN, STATES

if TYPE_CHECKING:
    from gridmap.stores.sql_store import SqlStore

__all__ = [
    "MOST_COUNTED", "Asked", "Found", "categories_of", "find_incidents", "incident_row", "latest_reports",
    "rows_of_codes",
]  # fmt: skip

#: Counting stops here: nobody turns to page 100.
MOST_COUNTED = 5_000
#: In an area of more incidents than this, words are looked for in all rows in their own order, not by its index.
_MANY = 20_000
#: A row that the walk along the index by time looks at costs as much as so many that are sorted.
_STEP = 4
#: Where a state or a category is asked for, one row in so many has it: a guess that only decides how the page is found.
_ONE_IN = 5

#: What of an incident is read.
COLUMNS = (
    "code", "category", "status", "source", "reported_at", "closed_at", "text", "address", "micro_grid", "grid",
    "community", "attached_by", "attach_distance_m",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is looked for: area codes; `state` is "open", "closed", a state or ""; words in `search_in`."""

    within: Sequence[str]
    state: str = ""
    category: str = ""
    text: str = ""
    search_in: Sequence[str] = ("code", "text", "address")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of rows, the newest first, and how many there are in all, counted up to `MOST_COUNTED`."""

    rows: list[dict[str, Any]]
    total: int


def find_incidents(store: SqlStore, asked: Asked, *, limit: int, offset: int = 0) -> Found:
    """A page of incidents, the newest first; those without a time come last."""
    with store.reading() as connection:
        found = open_table(store, connection, "incidents")
        if found is None:
            return Found(rows=[], total=0)
        table, kept = found
        own = asked.text and _rows_of(store, connection, [asked.text.strip()], asked.within)
        if own:
            return Found(rows=own[:limit] if not offset else [], total=len(own))
        # words are looked for in all rows of a large area, which are read fastest in their own order
        wide = bool(asked.text) and _more_than(_MANY, connection, table, kept, asked)
        conditions = _conditions(store, table, kept, asked, wide=wide)
        counted = select(table.c[FID]).where(*conditions).limit(MOST_COUNTED + 1).subquery()
        total = int(connection.execute(select(func.count()).select_from(counted)).scalar_one())
        if not total or offset >= total:
            return Found(rows=[], total=total)
        when = table.c[kept["reported_at"].column]
        order = (when.desc().nulls_last(), table.c[FID].desc())
        query = _query(store, table, kept)
        if total > MOST_COUNTED and _walked(connection, table, kept, asked, offset + limit):
            # no other index than that by time: it is walked only until the page is full
            query = query.where(*_conditions(store, table, kept, asked, wide=True)).order_by(*order)
        else:
            # all that fit first, and then their order: an index by time would be walked to its end for a few. The
            # limit keeps the database from seeing through the inner query
            fitting = select(table.c[FID].label("fid"), when.label("at")).where(*conditions).limit(1 << 40).subquery()
            newest = select(fitting.c.fid).order_by(fitting.c.at.desc().nulls_last(), fitting.c.fid.desc())
            page = connection.execute(newest.limit(limit).offset(offset)).scalars().all()
            query, offset = query.where(table.c[FID].in_(page)).order_by(*order), 0
        rows = connection.execute(query.limit(limit).offset(offset)).all()
        return Found(rows=[_row(store, row, kept) for row in rows], total=total)


def incident_row(store: SqlStore, code: str, *, within: Sequence[str] = ("",)) -> dict[str, Any] | None:
    """One incident within the areas, with `geometry` (None where it has no place); None where there is none."""
    with store.reading() as connection:
        return row_of(store, connection, code, within=within)


def row_of(
    store: SqlStore, connection: Connection, code: str, *, within: Sequence[str] = ("",)
) -> dict[str, Any] | None:
    """The same within a transaction."""
    return next(iter(_rows_of(store, connection, [code], within)), None)


def rows_of_codes(store: SqlStore, codes: Sequence[str], *, within: Sequence[str]) -> list[dict[str, Any]]:
    """Incidents by their codes, those within the areas, each with `geometry`."""
    with store.reading() as connection:
        return _rows_of(store, connection, codes, within)


def _rows_of(
    store: SqlStore, connection: Connection, codes: Sequence[str], within: Sequence[str]
) -> list[dict[str, Any]]:
    found = open_table(store, connection, "incidents")
    if found is None or not codes:
        return []
    table, kept = found
    query = _query(store, table, kept, geometry=True).where(table.c[kept["code"].column].in_(codes))
    rows = connection.execute(query.where(starts_with(table.c[kept["micro_grid"].column], within))).all()
    places = store._geometries([row[-1] for row in rows])
    return [
        {**_row(store, row, kept), "geometry": None if place is None or place.is_empty else place}
        for row, place in zip(rows, places, strict=True)
    ]


def latest_reports(store: SqlStore, *, most: int) -> list[str]:
    """Codes of the latest reports made at the desk, the newest first."""
    table = store.control["incident_moves"]
    query = select(table.c.code).where(table.c.number == 1, table.c.move == "report")
    with store.reading() as connection:
        return list(connection.execute(query.order_by(table.c.code.desc()).limit(most)).scalars())


def categories_of(store: SqlStore) -> list[str]:
    """What incidents of the city are about: every category there is, in order."""
    with store.reading() as connection:
        found = open_table(store, connection, "incidents")
        if found is None:
            return []
        column = found[0].c[found[1]["category"].column]
        return sorted(row[0] for row in connection.execute(select(column).where(column.is_not(None)).distinct()))


def _query(store: SqlStore, table: Table, kept: dict[str, Kept], *, geometry: bool = False) -> Select[Any]:
    columns = [table.c[kept[name].column].label(f"as_{name}") for name in COLUMNS if name in kept]
    return select(*columns, store._geometry_column(table).label(GEOM)) if geometry else select(*columns)


def _more_than(many: int, connection: Connection, table: Table, kept: dict[str, Kept], asked: Asked) -> bool:
    """Whether the areas hold more incidents than so many, whatever else is asked."""
    of = table.c[kept["micro_grid"].column]
    within = select(table.c[FID]).where(starts_with(of, asked.within)).limit(many + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(within)).scalar_one()) > many


def _walked(connection: Connection, table: Table, kept: dict[str, Kept], asked: Asked, rows: int) -> bool:
    """Whether the index by time is walked to so many rows: cheaper than sorting the area's where those are dense."""
    # each end by itself is one step in the index of rows
    first, last = (select(end(table.c[FID])).scalar_subquery() for end in (func.min, func.max))
    city = int(connection.execute(select(last - first + 1)).scalar_one())
    one_in = _ONE_IN ** sum(bool(one) for one in (asked.state, asked.category, asked.text))
    # of n rows in the area, n / one_in are found in a walk through the whole city
    return _more_than(math.isqrt(_STEP * rows * city * one_in), connection, table, kept, asked)


def _conditions(store: SqlStore, table: Table, kept: dict[str, Kept], asked: Asked, *, wide: bool) -> list[Any]:
    """What a row has to fulfil; `wide` keeps the database from looking for it by its area."""
    sqlite = store.schema is None

    def column(name: str) -> Any:
        found = table.c[kept[name].column]
        if sqlite and (wide or name != "micro_grid"):
            # SQLite takes "has no closed_at" for rare and would read every such row of the city; a sign before a
            # column keeps it from its index and changes nothing
            return UnaryExpression(found, operator=custom_op("+"), type_=found.type)
        # an expression has no index; "" and what is missing stay what they are
        return found.op("||")("") if wide and name in ("micro_grid", "category", "code", "status") else found

    conditions = [starts_with(column("micro_grid"), asked.within)]
    if asked.category:  # one comparison, before the several of a state
        conditions.append(column("category") == asked.category)
    status, closed = column("status"), column("closed_at")
    is_closed = or_(closed.is_not(None), status.in_(CLOSED))
    is_open = and_(closed.is_(None), or_(status.is_(None), status.not_in(CLOSED)))
    if asked.state == "open":
        conditions.append(is_open)
    elif asked.state == "closed":
        conditions.append(is_closed)
    elif asked.state in STATES:
        # what a file calls otherwise is reported or closed, as `gridmap.desk_moves.state_of_row` has it
        own = status == asked.state
        if asked.state == OPEN[0]:
            own = or_(own, status.is_(None), status.not_in(STATES))
        conditions += [own, is_open if asked.state in OPEN else is_closed]
    elif asked.state:
        conditions.append(false())
    if asked.text:
        words = asked.text.lower()
        found_at = func.instr if sqlite else func.strpos
        # Chinese has no capitals, and looking at it as it stands takes half as long
        cased = words != asked.text.upper()
        conditions.append(or_(*(
            found_at(func.lower(column(name)) if cased else column(name), words) > 0
            for name in asked.search_in if name in kept
        )))
    return conditions


def _row(store: SqlStore, row: Any, kept: dict[str, Kept]) -> dict[str, Any]:
    found = {name: getattr(row, f"as_{name}", None) for name in COLUMNS}
    for name in ("reported_at", "closed_at"):
        found[name] = _moment(found[name], kept[name].kind)
    return found


def _moment(value: Any, kind: str) -> datetime | None:
    """A time as the clock on the wall shows it here, whatever the database gives."""
    if value is None:
        return None
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).rstrip("Z"))
    except ValueError:
        return None  # written by another program
    if kind == "datetime_utc":
        return read.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
    return read.replace(tzinfo=None)
