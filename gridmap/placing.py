"""Things on borders given to a micro-grid by hand: one deed, with a record of what was before, taken back by another.

`attach` leaves a thing that was placed by hand (`attached_by` is `manual`) where it is, as long as that micro-grid
exists; so a decision outlives imports and later attaching.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from gridmap.attaching import ATTACHED
from gridmap.audit import me, note
from gridmap.stores import open_store
from gridmap.stores.cells import cells_of, place_of, set_cells
from gridmap.stores.records import change_record, keep_records, new_id, now, read_records
from gridmap.stores.sql_store import SqlStore
from layers.errors import MoveNotAllowed, NotFound, NotYourArea, WrongCall

__all__ = ["COLUMNS", "Placement", "decided_things", "place", "placements", "undo_placement"]

#: What a placing changes.
COLUMNS = ("micro_grid", "grid", "community", "attached_by", "attach_distance_m")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One decision: the thing, its cells before and after, who and when; `undone_at` once it was taken back."""

    id: str
    at: str
    by: str
    layer: str
    code: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    undone_at: str | None = None
    undone_by: str | None = None


def place(
    city: str | Path, layer: str, code: str, micro_grid: str, *, by: str | None = None, within: Sequence[str] = ("",)
) -> Placement:  # fmt: skip
    """Give a thing to a micro-grid.

    Parameters
    ----------
    city
        Store URL.
    layer, code
        The thing: an organization, a facility or an incident.
    micro_grid
        Code of the micro-grid, in force today.
    by, within
        Who decides, and the areas in which they may: both where the thing is now, as far as it is anywhere, and
        where it goes.

    Raises
    ------
    WrongCall, NotFound, NotYourArea, MoveNotAllowed
        No such layer, thing or micro-grid; one that is not the decider's; a thing that is there by hand already.
    """
    if layer not in ATTACHED:
        raise WrongCall(f"things of {layer[:40]!r} are not placed by hand; take one of {', '.join(ATTACHED)}")
    with open_store(city) as store, store.transaction():
        before = cells_of(store, layer, code, COLUMNS)
        if before is None:
            raise NotFound(f"there is no {code[:40]} among the {layer}; look at the list again")
        now_in = before["micro_grid"] or ""
        if not (_mine(now_in, within) if now_in else _listed(store, layer, code)) or not _mine(micro_grid, within):
            raise NotYourArea(f"{code[:40]} or the micro-grid is not in your area; ask the administrator of the city")
        unit = store.read("micro_grids", within=(micro_grid,), most=1)
        if len(micro_grid) != 18 or not len(unit) or unit["code"].iloc[0] != micro_grid:
            raise NotFound(f"there is no micro-grid {micro_grid[:18]}; give the 18 digits that the map shows")
        if before["attached_by"] == "manual" and now_in == micro_grid:
            raise MoveNotAllowed(f"{code} is in {micro_grid} by hand already")
        after = {
            "micro_grid": micro_grid, "grid": micro_grid[:15], "community": micro_grid[:12], "attached_by": "manual",
            "attach_distance_m": _distance(store, layer, code, unit),
        }  # fmt: skip
        done = Placement(id=new_id(), at=now(), by=by or me(), layer=layer, code=code, before=before, after=after)
        keep_records(store, "placements", [_to_row(done)])
        set_cells(store, layer, code, after)
        note(store, "placement.set", by=by, area=micro_grid, layer=layer, code=code, before=now_in)
    return done


def undo_placement(
    city: str | Path, id_: str, *, by: str | None = None, within: Sequence[str] = ("",)
) -> Placement:  # fmt: skip
    """Take a decision back: the thing is attached as it was before.

    Raises
    ------
    NotFound
        No such decision in one's area, or one that was taken back.
    MoveNotAllowed
        The thing was moved again since.
    """
    with open_store(city) as store, store.transaction():
        rows = read_records(store, "placements", where=lambda table: [table.c.id == id_])
        if not rows or rows[0]["undone_at"] or not _mine(json.loads(rows[0]["after"])["micro_grid"], within):
            raise NotFound("there is no such decision to take back; look at the list again")
        found = _from_row(rows[0])
        have = cells_of(store, found.layer, found.code, COLUMNS)
        if have is None or have["micro_grid"] != found.after["micro_grid"] or have["attached_by"] != "manual":
            raise MoveNotAllowed(f"{found.code} was moved again since; take the later decision back first")
        change_record(store, "placements", id_, undone_at=now(), undone_by=by or me())
        set_cells(store, found.layer, found.code, found.before)
        note(store, "placement.undone", by=by, area=found.after["micro_grid"], layer=found.layer, code=found.code)
    return found


def placements(store: SqlStore, *, within: Sequence[str] = ("",), most: int = 50) -> list[Placement]:
    """Decisions, the latest first, that put something into these areas."""
    rows = map(_from_row, read_records(store, "placements", most=None if "" not in within else most))
    return [row for row in rows if _mine(row.after["micro_grid"], within)][:most]


def decided_things(store: SqlStore) -> set[tuple[str, str]]:
    """Layer and code of everything whose place was decided by hand and not taken back."""
    rows = read_records(store, "placements", where=lambda table: [table.c.undone_at.is_(None)])
    return {(row["layer"], row["code"]) for row in rows}


def _mine(code: str, within: Sequence[str]) -> bool:
    return any(code.startswith(own) for own in within)


def _listed(store: SqlStore, layer: str, code: str) -> bool:
    """Whether a thing in no micro-grid waits in the inbox: whoever knows the place may take it in."""
    inbox = pd.DataFrame(store.read("border_inbox"))
    return bool(((inbox["layer"] == layer) & (inbox["code"] == code)).any())


def _distance(store: SqlStore, layer: str, code: str, unit: Any) -> float | None:
    """Metres from the thing to the micro-grid; None for a thing without a place. An area counts at a point within."""
    shape = place_of(store, layer, code)
    if shape is None:
        return None
    point = shape if shape.geom_type == "Point" else shapely.point_on_surface(shape)
    return round(float(unit.geometry.iloc[0].distance(point)), 2)


def _to_row(done: Placement) -> dict[str, Any]:
    return {
        **done.__dict__, "before": json.dumps(dict(done.before)), "after": json.dumps(dict(done.after)),
    }  # fmt: skip


def _from_row(row: dict[str, Any]) -> Placement:
    return Placement(**{**row, "before": json.loads(row["before"]), "after": json.loads(row["after"])})
