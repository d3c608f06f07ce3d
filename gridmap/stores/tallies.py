"""Counts and plain columns straight from the database, for pages that show figures of many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import case, false, func, or_, select

from gridmap.stores.models import Kept, layer_table
from gridmap.stores.scope import CODE_OF, starts_with, valid_on
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.values import from_values
from layers.errors import WrongCall
from layers.schema import LAYERS

__all__ = ["columns_of", "tally"]


def columns_of(
    store: SqlStore, layer: str, columns: Sequence[str], *, within: Sequence[str] = ("",), as_of: date | None = None,
    codes: Sequence[str] | None = None, without: Sequence[str] = (), known: Sequence[str] = (),
    only: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Some columns of a layer, without geometry, in the order of its codes; those that it lacks are empty.

    Parameters
    ----------
    store
        An open store.
    layer
        One whose rows carry a code of their area.
    columns
        Names as in `layers.schema`.
    within, as_of
        As for `Store.read`, but rows of the past stay in the past.
    codes
        Only rows with these codes, a few hundred at most.
    without, known
        Only rows where these columns have no value, and where those have one.
    only
        Column -> values, a few hundred at most: only rows that have one of them there.
    """
    with store.reading() as connection:
        found = _opened(store, connection, layer, within, as_of)
        if found is None:
            return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
        table, kept, conditions = found
        if codes is not None:
            conditions.append(table.c[kept["code"].column].in_(list(codes)))
        conditions += _as_asked(table, kept, without, only)
        conditions += [table.c[kept[name].column].is_not(None) if name in kept else false() for name in known]
        names = [name for name in columns if name in kept]
        query = select(*(table.c[kept[name].column] for name in names)).where(*conditions)
        first = LAYERS[layer].key[0]
        if first in kept:
            query = query.order_by(table.c[kept[first].column])
        cursor = connection.execute(query).cursor
        assert cursor is not None, "a query answers with rows"
        # as the database gives them: wrapping half a million rows takes longer than reading them
        rows = cursor.fetchall()
    values = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows and names else {}
    index = pd.RangeIndex(len(rows))
    return pd.DataFrame({
        name: from_values(values.get(name, ()), kept[name].kind, f"column {name} of {layer}")
        if name in kept else pd.Series(None, index=index, dtype="object")
        for name in columns
    }, index=index)  # fmt: skip


def tally(
    store: SqlStore, layer: str, by: Sequence[str], *, sums: Sequence[str] = (), within: Sequence[str] = ("",),
    digits: Mapping[str, int] | None = None, steps: Mapping[str, Sequence[str]] | None = None,
    as_of: date | None = None, only: Mapping[str, Sequence[str]] | None = None, without: Sequence[str] = (),
    unless: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """How many rows of a layer there are of each kind.

    Parameters
    ----------
    by
        Columns whose values make the kinds; a `?` before a name asks only whether there is a value.
    sums
        Columns that are added up.
    digits
        Column -> so many first characters of it count.
    steps
        Column -> rising ISO times; `step_<column>` is how many of them a row has reached, missing where it has no time.
    within, as_of, only, without
        As for `columns_of`.
    unless
        Column -> values: rows that have one of them there are not counted.

    Returns
    -------
    One row a kind: the columns of `by`, `step_...`, `n`, and the sums.
    """
    with store.reading() as connection:
        found = _opened(store, connection, layer, within, as_of)
        asked = [name.lstrip("?") for name in by]
        stepped = [f"step_{name}" for name in steps or {}]
        if found is None:
            return pd.DataFrame({name: pd.Series(dtype="object") for name in (*asked, *stepped, "n", *sums)})
        table, kept, conditions = found
        for name in (*asked, *sums, *(steps or {}), *(unless or {})):
            if name not in kept:
                raise WrongCall(f"{layer} has no column {name!r}; it has {', '.join(kept)}")
        conditions += _as_asked(table, kept, without, only)
        for name, values in (unless or {}).items():
            cell = table.c[kept[name].column]
            conditions.append(or_(cell.is_(None), cell.not_in(list(values))))
        parts: list[Any] = []
        for name, plain in zip(by, asked, strict=True):
            cell = table.c[kept[plain].column]
            if name.startswith("?"):
                cell = case((cell.is_not(None), 1), else_=0)
            elif digits and plain in digits:
                cell = func.substr(cell, 1, digits[plain])
            parts.append(cell.label(f"by_{plain}"))
        for name, times in (steps or {}).items():
            cell = table.c[kept[name].column]
            # the furthest step comes first, so that one comparison decides most rows
            cases = [(cell.is_(None), None), *((cell >= time, n) for n, time in reversed([*enumerate(times, 1)]))]
            parts.append(case(*cases, else_=0).label(f"step_{name}"))
        added = [func.sum(table.c[kept[name].column]).label(f"sum_{name}") for name in sums]
        query = select(*parts, func.count().label("n"), *added).select_from(table).where(*conditions)
        rows = connection.execute(query.group_by(*parts)).all() if parts else connection.execute(query).all()
    frame = pd.DataFrame(rows, columns=[*asked, *stepped, "n", *sums], dtype="object")
    numbers = ["n", *sums]
    frame[numbers] = frame[numbers].apply(pd.to_numeric).fillna(0)
    return frame


def _as_asked(
    table: Any, kept: Mapping[str, Kept], without: Sequence[str], only: Mapping[str, Sequence[str]] | None
) -> list[Any]:
    found = [table.c[kept[name].column].is_(None) for name in without if name in kept]
    for name, values in (only or {}).items():
        found.append(table.c[kept[name].column].in_(list(values)) if name in kept else false())
    return found


def _opened(
    store: SqlStore, connection: Any, layer: str, within: Sequence[str], as_of: date | None
) -> tuple[Any, dict[str, Kept], list[Any]] | None:
    if layer not in CODE_OF:
        raise WrongCall(f"{layer} are not found by a code; read them as frames")
    kept = {one.name: one for one in store.kept(connection, layer)}
    if not kept:
        return None
    table = layer_table(LAYERS[layer], tuple(kept.values()), schema=store.schema)
    conditions = [starts_with(table.c[kept[CODE_OF[layer]].column], within)]
    if as_of is not None and (valid := valid_on(table, as_of.isoformat())) is not None:
        conditions.append(valid)
    return table, kept, conditions
