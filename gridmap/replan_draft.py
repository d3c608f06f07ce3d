"""A draft before it is kept: micro-grids locked and unlocked in it, and who would move."""

from __future__ import annotations

import pandas as pd

from gridmap.micro_grids.resplit import drawn_codes
from gridmap.replan_hand import Opened
from layers.errors import MoveNotAllowed, NotFound

__all__ = ["MOVES", "planned_moves", "refuse_where_locked", "set_lock"]

#: Columns of the list of a draft's moves.
MOVES = (
    "building", "name", "address", "part", "floor_from", "floor_to", "households", "from_micro_grid", "from_leader",
    "to_micro_grid", "to_leader", "new",
)  # fmt: skip


def set_lock(opened: Opened, code: str, *, locked: bool) -> None:
    """Lock a micro-grid in a draft, as it stands there, or unlock it; kept with the plan by `save_draft`.

    Raises
    ------
    NotFound
        Where the draft has no such micro-grid within its part of the city.
    """
    draft = opened.draft
    if not code.startswith(opened.within) or code not in set(draft.zones()):
        raise NotFound(f"there is no micro-grid {code[:40]} in this draft; choose one on the map")
    opened.locks[code] = locked
    draft.locked = (draft.locked | {code}) if locked else (draft.locked - {code})


def refuse_where_locked(opened: Opened, *, back: bool) -> None:
    """Refuse to take the last move back, or to make it again, where it touches what was locked since.

    Raises
    ------
    MoveNotAllowed
        With the micro-grid that is locked.
    """
    draft = opened.draft
    moves = draft.history if back else draft.undone
    if not moves:
        return
    move, now = moves[-1], draft.zones()
    touched = {str(now[cell]) for cell in move.cells} | {str(code) for code in move.to}
    held = sorted(touched & draft.locked)
    if held:
        raise MoveNotAllowed(f"{held[0]} is locked in this draft; unlock it first")


def planned_moves(opened: Opened) -> pd.DataFrame:
    """Every building, or part of one, whose households would change their micro-grid.

    Returns
    -------
    DataFrame with the columns `MOVES`, by the micro-grid that they leave; `new` where they go to a micro-grid that
    does not exist yet. A tower that is a stack of floors moves as a whole and is told by the stack.
    """
    scope, draft = opened.scope, opened.draft
    cells = scope.cells.set_index("code")["micro_grid"].astype(str)
    now = draft.zones()
    rows = pd.DataFrame(scope.buildings)
    people = pd.to_numeric(rows["households"]).fillna(0)
    old, new = rows["cell"].map(cells), rows["cell"].map(now)
    away = (old != new) & new.notna() & (people > 0)
    rows, old, new = rows[away], old[away], new[away]
    units = scope.micro_grids.assign(drawn=drawn_codes(scope.micro_grids)).drop_duplicates("drawn").set_index("drawn")
    leaders = units["leader"] if "leader" in units else pd.Series(dtype=object)
    whole = rows["part_of"].where(rows["part_of"].notna(), rows["code"]) if "part_of" in rows else rows["code"]
    found = pd.DataFrame({
        "building": whole, "households": people[away].round().astype("int64"), "from_micro_grid": old,
        "from_leader": old.map(leaders), "to_micro_grid": new, "to_leader": new.map(leaders),
        "new": ~new.isin(set(units.index)),
    })  # fmt: skip
    for column in ("name", "address", "part", "floor_from", "floor_to"):
        found[column] = rows.get(column)
    order = ["from_micro_grid", "to_micro_grid", "building", "floor_from"]
    return found[list(MOVES)].sort_values(order, ignore_index=True)
