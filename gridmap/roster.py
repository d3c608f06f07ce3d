"""Who is in charge of what from when to when: given, handed over, ended, with nothing of the past lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from gridmap.audit import note
from gridmap.stores import open_store
from gridmap.stores.scope import LEVEL_OF
from gridmap.stores.sql_store import SqlStore
from layers.errors import MoveNotAllowed, NotFound, NotYourArea, WrongCall

__all__ = ["assign", "end_duty"]

_LONGEST = 80


def assign(
    city: str | Path, *, area: str, name: str, role: str, day: str, phone: str | None = None, replace: bool = True,
    by: str | None = None, within: Sequence[str] = ("",),
) -> int:  # fmt: skip
    """Put somebody in charge of a unit from a day on.

    Parameters
    ----------
    city
        Store URL.
    area
        Code of the unit.
    name, role, phone
        Who, as what; free text, as the office calls it.
    day
        ISO day from which it holds.
    replace
        Whoever has the same role there ends the day before; False leaves them beside the new one.
    by, within
        Who says so, and the areas in which they may.

    Returns
    -------
    How many others ended.

    Raises
    ------
    NotYourArea, NotFound, WrongCall, MoveNotAllowed
        A unit elsewhere, or none; no name, role or day; somebody who holds it already, or begins later.
    """
    name, role = " ".join(name.split())[:_LONGEST], " ".join(role.split())[:_LONGEST]
    if not name or not role:
        raise WrongCall("somebody in charge has a name and a role; give both")
    first = _day(day)
    _check(area, within)
    with open_store(city) as store, store.transaction():
        _known(store, area)
        staff = pd.DataFrame(store.read("staff"))
        here = (staff["area"] == area) & (staff["role"] == role)
        now = here & (staff["to"].isna() | (staff["to"] >= first.isoformat()))
        if (now & (staff["name"] == name)).any():
            raise MoveNotAllowed(f"{name} is {role} of {area} already; end that first, or give another day")
        ended = now if replace else now & False
        late = ended & staff["from"].notna() & (staff["from"] >= first.isoformat())
        if late.any():
            held = staff.loc[late, "from"].iloc[0]
            raise MoveNotAllowed(f"{role} of {area} was given to somebody from {held} on; give a later day than that")
        staff.loc[ended, "to"] = (first - timedelta(days=1)).isoformat()
        row = {"name": name, "role": role, "area": area, "from": first.isoformat(), "to": None, "phone": phone or None}
        store.write("staff", pd.concat([staff, pd.DataFrame([row]).astype(_types(staff))], ignore_index=True))
        note(store, "roster.set", by=by, area=area, role_given=role, day=first.isoformat(), ended=int(ended.sum()))
    return int(ended.sum())


def end_duty(
    city: str | Path, *, area: str, name: str, role: str, day: str, by: str | None = None,
    within: Sequence[str] = ("",),
) -> None:  # fmt: skip
    """End what somebody is in charge of; `day` is the last one.

    Raises
    ------
    NotYourArea, NotFound, WrongCall, MoveNotAllowed
        As `assign`; NotFound where they are not in charge there.
    """
    last = _day(day).isoformat()
    _check(area, within)
    with open_store(city) as store, store.transaction():
        staff = pd.DataFrame(store.read("staff"))
        held = (staff["area"] == area) & (staff["role"] == role) & (staff["name"] == name)
        held &= staff["to"].isna() | (staff["to"] > last)
        if not held.any():
            raise NotFound(f"{name} is not {role} of {area} after {last}; look at the roster again")
        if (staff.loc[held, "from"].fillna("") > last).any():
            raise MoveNotAllowed(f"{name} begins after {last}; give a later day")
        staff.loc[held, "to"] = last
        store.write("staff", staff)
        note(store, "roster.set", by=by, area=area, role_ended=role, day=last)


def _types(staff: pd.DataFrame) -> dict[str, object]:
    return {name: staff[name].dtype for name in ("name", "role", "area", "from", "to", "phone") if name in staff}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongCall(f"a day is written 2026-11-01, not {text[:20]!r}") from None


def _check(area: str, within: Sequence[str]) -> None:
    if not any(area.startswith(own) for own in within):
        raise NotYourArea(f"area {area[:18]} is not yours; ask the administrator of the city")


def _known(store: SqlStore, area: str) -> None:
    level = LEVEL_OF.get(len(area)) if area.isdigit() else None
    found = None if level is None else store.read(level, within=(area,), most=1)
    if found is None or not len(found) or found["code"].iloc[0] != area:
        raise NotFound(f"there is no unit {area[:18]}; give a code that the map shows")
