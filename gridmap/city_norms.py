"""The norms that a city holds its services to: the packaged ones, with what its administrators changed laid over them.

A change is a row of the store's `norm_changes` with the row before it, so that the history tells who set what when; the
packaged file stays as it is. The latest change of a kind holds; one without an `after` goes back to the package.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridmap.audit import me, note
from gridmap.norms import Norm, Norms, load_norms
from gridmap.stores import Store, open_store
from gridmap.stores.records import keep_records, new_id, now, read_records
from gridmap.stores.sql_store import SqlStore
from layers.errors import BadSettings, MoveNotAllowed

__all__ = ["change_norm", "changed_kinds", "norm_history", "norms_in_force", "undo_norm"]

#: What of a norm may be changed.
_FIELDS = ("distance_m", "source", "clause", "verified")
_MOST_M = 20_000.0


def norms_in_force(store: Store, path: str | Path | None = None) -> Norms:
    """The norms of a city.

    Parameters
    ----------
    store
        An open store.
    path
        A norms file that stands alone: then nothing that is kept in the store counts.
    """
    base = load_norms(path)
    if path is not None or not isinstance(store, SqlStore):
        return base
    latest = _latest(store)
    return replace(base, items=tuple(_over(norm, latest.get(norm.key)) for norm in base))


def changed_kinds(store: Store) -> set[str]:
    """Kinds whose norm was ever changed in the store, also those that went back to the packaged one."""
    return set(_latest(store)) if isinstance(store, SqlStore) else set()


def _latest(store: SqlStore) -> dict[str, Any]:
    return {row["kind"]: row["after"] for row in reversed(read_records(store, "norm_changes"))}


def change_norm(
    city: str | Path, kind: str, *, metres: float | str | None, source: str, clause: str = "", verified: bool = False,
    by: str | None = None,
) -> Norm:  # fmt: skip
    """Change the norm of a kind of facility; coverage follows when it is computed anew.

    Parameters
    ----------
    city
        Store URL.
    kind
        Kind of facility that has a norm.
    metres
        Longest walk.
    source, clause
        Who says so, and where; a distance that is not the package's needs a source of its own.
    verified
        Whether somebody laid it beside the source.
    by
        The account that changes it; None for the user of this machine.

    Raises
    ------
    WrongCall
        No norm of that kind.
    BadSettings
        A distance that is none, or a source that is missing.
    """
    packaged = load_norms()[kind]
    source, clause = " ".join(source.split())[:300], " ".join(clause.split())[:200]
    value = _metres(kind, metres)
    if not source:
        raise BadSettings(f"{kind}: the source is missing; say which standard or decision gives the distance")
    if value != packaged.metres and source == packaged.source:
        raise BadSettings(f"{kind}: a distance of one's own needs its own source, not {source}; say who decided it")
    told = {"distance_m": value, "source": source, "clause": clause or None, "verified": bool(verified)}
    with open_store(city) as store, store.transaction():
        before = norms_in_force(store)[kind]
        after = _over(packaged, json.dumps(told))
        if after == before:
            raise MoveNotAllowed(f"the norm of {kind} is so already; nothing was changed")
        _keep(store, kind, before, json.dumps(told, ensure_ascii=False), by)
        note(
            store, "norms.set", by=by, kind=kind, before=before.metres, after=after.metres, source=source,
            verified=bool(verified),
        )  # fmt: skip
        store.set_meta(coverage_stale=f"norms {kind}")
    return after


def undo_norm(city: str | Path, kind: str, *, by: str | None = None) -> Norm:
    """Go back to the packaged norm of a kind.

    Raises
    ------
    WrongCall, MoveNotAllowed
        No norm of that kind, or it is the packaged one.
    """
    packaged = load_norms()[kind]
    with open_store(city) as store, store.transaction():
        before = norms_in_force(store)[kind]
        if before == packaged:
            raise MoveNotAllowed(f"the norm of {kind} is the packaged one; nothing was changed")
        _keep(store, kind, before, None, by)
        note(store, "norms.back", by=by, kind=kind, before=before.metres, after=packaged.metres)
        store.set_meta(coverage_stale=f"norms {kind}")
    return packaged


def norm_history(store: SqlStore, kind: str = "") -> list[dict[str, Any]]:
    """Changes, the latest first: id, at, by, kind, before and after (dicts; None where the package holds)."""
    rows = read_records(store, "norm_changes", where=lambda table: [table.c.kind == kind] if kind else [])
    return [
        {**row, **{name: None if row[name] is None else json.loads(row[name]) for name in ("before", "after")}}
        for row in rows
    ]


def _keep(store: SqlStore, kind: str, before: Norm, after: str | None, by: str | None) -> None:
    was = {"distance_m": before.metres, "source": before.source, "clause": before.clause, "verified": before.verified}
    keep_records(store, "norm_changes", [{
        "id": new_id(), "at": now(), "by": by or me(), "kind": kind, "before": json.dumps(was, ensure_ascii=False),
        "after": after,
    }])


def _over(norm: Norm, told: str | None) -> Norm:
    if told is None:
        return norm
    values = {name: value for name, value in json.loads(told).items() if name in _FIELDS}
    if values.get("distance_m") == norm.metres and norm.distance_m is None:
        values.pop("distance_m")  # a proposal that was only looked at stays a proposal
        return replace(norm, **values)
    return replace(norm, proposed_m=None, corroboration=None, **values)


def _metres(kind: str, metres: float | str | None) -> float:
    try:
        value = float(metres if metres is not None else "nan")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and 0 < value <= _MOST_M):
        raise BadSettings(f"{kind}: the distance must be metres above 0 and up to {_MOST_M:g}, not {metres!r}")
    return value
