"""The audit log: who did what, when, for which area. Rows are added and never changed.

No password, telephone number or text of a report goes in: an event has its name (`EVENTS`) and a few plain facts,
such as the name of a layer or a number of rows.
"""

from __future__ import annotations

import fcntl
import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gridmap.stores import open_store
from gridmap.stores.records import count_records, keep_records, new_id, now, read_records
from gridmap.stores.sql_store import SqlStore
from layers.errors import StoreBusy, WrongCall

__all__ = ["EVENTS", "AuditLog", "Kept", "me", "note", "read_audit"]

#: Every event by group, in the order in which a page offers them.
EVENTS = {
    "login": ("login.ok", "login.failed", "login.wait", "logout"),
    "users": ("user.add", "user.change", "user.disable", "user.password"),
    "data": ("import.done", "import.undone"),
    "export": ("export.done", "export.failed", "export.download"),
    "plan": ("plan.adopt",),
    "incidents": ("incident.move",),
    "street": ("placement.set", "placement.undone", "roster.set"),
    "norms": ("norms.set", "norms.back", "cover.done"),
    "city": ("settings.set", "backup.made", "backup.download", "backup.removed", "audit.download"),
}
_KNOWN = frozenset(name for names in EVENTS.values() for name in names)
#: Longest text of a fact; a name that was typed at the door may be as long as a book.
_LONGEST = 200

Kept = dict[str, Any]


class AuditLog:
    """Writes to a city's audit log; where the city is busy, to a file that is brought in with the next event.

    Parameters
    ----------
    city
        Store URL.
    folder
        Where the file lies; None: a busy city is waited for.
    """

    def __init__(self, city: str | Path, folder: Path | None = None) -> None:
        self.city = city
        self._waiting = None if folder is None else folder / "audit-waiting.jsonl"

    def add(self, what: str, *, by: str, role: str = "", area: str = "", **facts: Any) -> None:
        """Write an event down.

        Parameters
        ----------
        what
            A name in `EVENTS`.
        by, role, area
            Who did it, as what, for which area: codes with commas, "" for the whole city.
        facts
            Plain values; texts are cut to 200 characters.

        Raises
        ------
        WrongCall
            There is no such event: a slip in the caller.
        """
        row = _row(what, by=by, role=role, area=area, facts=facts)
        if self._waiting is None:
            with open_store(self.city) as store:
                keep_records(store, "audit", [row])
            return
        with self._locked():
            self._keep([*self._left(), row])

    def bring_in(self) -> None:
        """Bring in what waits, before somebody looks."""
        if self._waiting is not None and self._waiting.is_file():
            with self._locked():
                self._keep(self._left())

    def _keep(self, rows: list[Kept]) -> None:
        assert self._waiting is not None
        try:
            # nobody waits at the door because somebody else imports a file
            with open_store(self.city, busy_seconds=0.5) as store:
                keep_records(store, "audit", rows)
        except StoreBusy:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            partial = self._waiting.with_suffix(".part")
            partial.write_text(text, encoding="utf-8")
            partial.replace(self._waiting)
        else:
            self._waiting.unlink(missing_ok=True)

    def _left(self) -> list[Kept]:
        assert self._waiting is not None
        try:
            return [json.loads(line) for line in self._waiting.read_text(encoding="utf-8").splitlines()]
        except FileNotFoundError:
            return []

    @contextmanager
    def _locked(self) -> Iterator[None]:
        assert self._waiting is not None
        self._waiting.parent.mkdir(parents=True, exist_ok=True)
        with self._waiting.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def note(store: SqlStore, what: str, *, by: str | None, area: str = "", **facts: Any) -> None:
    """Write an event of a deed down, in the transaction of the deed where there is one.

    Parameters
    ----------
    store
        An open store.
    by
        An account, whose role is looked up; None for the user of this machine.
    what, area, facts
        As for `AuditLog.add`.
    """
    account = store.account(by) if by else None
    row = _row(what, by=by or me(), role=account.role if account else "", area=area, facts=facts)
    keep_records(store, "audit", [row])


def _row(what: str, *, by: str, role: str, area: str, facts: Kept) -> Kept:
    if what not in _KNOWN:
        raise WrongCall(f"there is no event {what!r}; the events are in gridmap.audit.EVENTS")
    plain = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in facts.items()}
    return {
        "id": new_id(), "at": now(), "by": by[:_LONGEST], "role": role, "what": what, "area": area[:2000],
        "facts": json.dumps(plain, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip


def read_audit(
    store: SqlStore, *, group: str = "", by: str = "", area: str = "", since: str = "", until: str = "",
    most: int | None = 100, skip: int = 0,
) -> tuple[list[Kept], int]:  # fmt: skip
    """Events, the latest first, and how many there are in all.

    Parameters
    ----------
    group
        A key of `EVENTS`, or the name of one event; "" for all.
    by
        Name of an account; "" for all.
    area
        A unit code: events of that area, of one within it, or of one that it lies in.
    since, until
        ISO days, both counted in.
    most, skip
        A page of them.

    Returns
    -------
    Rows with `id`, `at`, `by`, `role`, `what`, `area` and `facts` (a dict).
    """
    def where(table: Any) -> list[Any]:
        found = []
        if group:
            found.append(table.c.what.in_(EVENTS.get(group, (group,))))
        if by:
            found.append(table.c.by == by)
        if since:
            found.append(table.c.at >= since)
        if until:
            found.append(table.c.at < f"{until}U")  # after every T of that day
        if area:
            # within the area, or an area around it; several codes stand with commas between
            around = [area[:size] for size in (6, 9, 12, 15) if size < len(area)]
            tests = [table.c.area.startswith(area, autoescape=True), table.c.area.contains(f",{area}", autoescape=True)]
            tests += [table.c.area == code for code in around]
            found.append(tests[0].self_group())
            for test in tests[1:]:
                found[-1] = found[-1] | test
        return found

    rows = read_records(store, "audit", where=where, most=most, skip=skip)
    for row in rows:
        row["facts"] = json.loads(row["facts"])
    return rows, count_records(store, "audit", where=where)


def me() -> str:
    """The user of this machine, for what is done from the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
