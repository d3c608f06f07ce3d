"""Exports that run beside the service: who asked for what, how far it is, the file, and the record that stays.

The record of a job is a row of the store's `export_jobs`; its file and its progress lie in a folder of the
installation, never under `static`. A job lives as long as the system holds the lock that its process was given, so any
worker of the service can tell a job that runs from one that was broken off, also after a restart.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import or_

from gridmap.audit import AuditLog
from gridmap.roles import User
from gridmap.stores import open_store
from gridmap.stores.records import change_record, keep_records, new_id, now, read_records
from gridmap.stores.sql_store import SqlStore
from layers.errors import MoveNotAllowed, NotFound

__all__ = ["OPEN", "ExportJob", "ExportJobs", "Wishes", "sha256_of", "try_lock"]

#: States of a job that is not over; the others are done, failed and broken.
OPEN = ("waiting", "running")
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What was asked for; `as_of` is an ISO day or "", `crs` and `datum` are "" for the city's own coordinates."""

    layers: tuple[str, ...]
    scope: tuple[str, ...]
    as_of: str = ""
    format: str = "shapefile"
    encoding: str = "gb18030"
    crs: str = ""
    datum: str = ""
    names: str = "zh"


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """One export: its wishes, its state (waiting, running, done, failed, broken), and what came of it.

    `rows` by layer; `removed_at` once the file is gone and the record alone is left.
    """

    id: str
    at: str
    by: str
    role: str
    wishes: Wishes
    state: str = "waiting"
    started_at: str | None = None
    ended_at: str | None = None
    message: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    size: int | None = None
    sha256: str | None = None
    file: str | None = None
    removed_at: str | None = None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN

    @property
    def total(self) -> int:
        """Rows of all layers."""
        return sum(self.rows.values())


class ExportJobs:
    """The export jobs of one installation.

    Parameters
    ----------
    city
        Store URL.
    folder
        Where files and locks lie; made where it does not exist.
    kept_days
        Files go after so many days; their records stay.
    audit
        Where the end of a job is written down; None for the city's own log.
    """

    def __init__(self, city: str, folder: Path, *, kept_days: float = 7.0, audit: AuditLog | None = None) -> None:
        self.city, self.folder, self.kept_days = city, folder, kept_days
        self.audit = audit or AuditLog(city)
        self._store: SqlStore | None = None
        self._tidied = [-math.inf]  # seconds of this machine's running clock; shared with copies

    def over(self, store: SqlStore) -> ExportJobs:
        """The same jobs, their records read through a store that is open already: to open one takes longer."""
        jobs = copy(self)
        jobs._store = store
        return jobs

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_store": None}  # what goes to another process opens one of its own

    def start(self, user: User, wishes: Wishes, run: Callable[[str, Sequence[int]], None]) -> ExportJob:
        """Write a job down and have it run.

        Parameters
        ----------
        run
            Begins the work in a process of its own, given the job's id and the locks (open files) that the process
            has to hold until it ends.

        Raises
        ------
        MoveNotAllowed
            The user has an export that is not over.
        """
        self.tidy()
        mine = self._user_lock(user.name)
        if mine is None:
            raise MoveNotAllowed("an export of yours is being made; wait for it, or come back later")
        job = ExportJob(id=new_id(), at=now(), by=user.name, role=user.role, wishes=wishes)
        held = [mine]
        try:
            (self.folder / job.id).mkdir()
            lock = try_lock(self.folder / job.id / "lock")
            assert lock is not None  # nobody else knows the name yet
            held.append(lock)
            self._write(job)
            run(job.id, held)
        finally:
            for handle in held:  # the process that runs has its own
                os.close(handle)
        return job

    def record(self, job: ExportJob) -> None:
        """Write down an export that was made and handed over within one request; it leaves no file here."""
        self._write(job)
        self.note(job)

    def note(self, job: ExportJob) -> None:
        """Write the end of a job to the audit log."""
        facts: dict[str, Any] = {
            "layers": ", ".join(job.wishes.layers), "format": job.wishes.format, "job": job.id,
            "as_of": job.wishes.as_of,
        }  # fmt: skip
        if job.state == "done":
            facts |= {"rows": job.total, "size": job.size, "sha256": job.sha256}
        else:
            facts["reason"] = job.message or job.state
        self.audit.add(
            "export.done" if job.state == "done" else "export.failed", by=job.by, role=job.role,
            area=",".join(job.wishes.scope), **facts,
        )

    def read(self, id_: str) -> ExportJob:
        """A job.

        Raises
        ------
        NotFound
            There is none.
        """
        found = self._rows(lambda table: [table.c.id == id_], most=1) if _ID.fullmatch(id_) else []
        if not found:
            raise NotFound("there is no such export; see the list of exports")
        return found[0]

    def listed(
        self, *, by: str | None = None, within: Sequence[str] | None = None, most: int = 200, beside: str | None = None
    ) -> list[ExportJob]:
        """Jobs, the latest first.

        Parameters
        ----------
        by
            Only those of this account.
        within
            Only those that took something of these areas; ("",) and None are the whole city.
        most
            So many.
        beside
            Those of this account too, whatever they took.
        """
        if within is not None and "" not in within:
            # scopes are written with a comma before each code, so that a beginning is found as text
            areas = list(within)

            def where(table: Any) -> list[Any]:
                tests = [table.c.scope.contains(f",{area}", autoescape=True) for area in areas]
                wider = {f",{area[:size]}" for area in areas for size in (0, 6, 9, 12, 15) if size < len(area)}
                tests += [table.c.scope == code for code in sorted(wider)]
                for code in sorted(wider - {","}):  # in the middle, or at the end
                    tests += [table.c.scope.like(f"%{code},%"), table.c.scope.like(f"%{code}")]
                tests += [table.c.by == beside] if beside is not None else []
                joined = or_(*tests) if tests else table.c.id.is_(None)
                return [joined, *([table.c.by == by] if by is not None else [])]
        else:
            def where(table: Any) -> list[Any]:
                return [table.c.by == by] if by is not None else []

        return self._rows(where, most=most)

    def progress(self, job: ExportJob) -> dict[str, Any]:
        """How far a job is: `layer`, and `done` of `of` layers."""
        try:
            told = json.loads((self.folder / job.id / "progress.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {"layer": "", "done": 0, "of": len(job.wishes.layers)}
        return dict(told)

    def tell(self, id_: str, **told: Any) -> None:
        """Write down how far a job is, whole or not at all."""
        path = self.folder / id_ / "progress.json"
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(told), encoding="utf-8")
        partial.replace(path)

    def change(self, job: ExportJob, **values: Any) -> bool:
        """Change the record of a job that is not over; whether it was still open."""
        changed = replace(job, **values)
        told = _to_row(changed)
        with open_store(self.city) as store:
            return change_record(
                store, "export_jobs", job.id, where=lambda table: [table.c.state.in_(OPEN)],
                **{name: told[name] for name in values},
            )

    def path(self, job: ExportJob) -> Path | None:
        """The file of a job; None where there is none, or none any more."""
        if job.state != "done" or job.removed_at or not job.file:
            return None
        path = self.folder / job.id / job.file
        return path if path.is_file() else None

    def until(self, job: ExportJob) -> datetime:
        """When the file of a job goes."""
        return datetime.fromisoformat(job.ended_at or job.at) + timedelta(days=self.kept_days)

    def tidy(self, *, every: float = 0.0) -> int:
        """Take away files that were kept long enough, and what broken jobs left; how many.

        Parameters
        ----------
        every
            Seconds: does nothing where less have passed since the last time.
        """
        if time.monotonic() - self._tidied[0] < every:
            return 0
        self._tidied[0] = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        gone, today = 0, datetime.now(UTC)
        for job in self._rows(lambda table: [table.c.removed_at.is_(None)], most=None):
            if job.open or not (job.state in ("failed", "broken") or self.until(job) <= today):
                continue
            shutil.rmtree(self.folder / job.id, ignore_errors=True)
            with open_store(self.city) as store:
                change_record(store, "export_jobs", job.id, removed_at=now())
            gone += 1
        return gone

    def _rows(self, where: Callable[[Any], list[Any]], *, most: int | None) -> list[ExportJob]:
        with open_store(self.city) if self._store is None else nullcontext(self._store) as store:
            rows = read_records(store, "export_jobs", where=where, most=most)
        return [self._looked_at(_from_row(row)) for row in rows]

    def _looked_at(self, job: ExportJob) -> ExportJob:
        """The same, or as broken off where no process holds its lock."""
        if not job.open:
            return job
        path = self.folder / job.id / "lock"
        if path.is_file():
            lock = try_lock(path)
            if lock is None:
                return job
            os.close(lock)
        # its process is gone; it may have been done a moment ago
        broken = replace(job, state="broken", ended_at=now())
        if self.change(job, state=broken.state, ended_at=broken.ended_at):
            self.note(broken)
        with open_store(self.city) as store:
            return _from_row(read_records(store, "export_jobs", where=lambda table: [table.c.id == job.id])[0])

    def _write(self, job: ExportJob) -> None:
        with open_store(self.city) as store:
            keep_records(store, "export_jobs", [_to_row(job)])

    def _user_lock(self, name: str) -> int | None:
        return try_lock(self.folder / "users" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock")


def try_lock(path: Path) -> int | None:
    """An open file that holds the lock of a path, handed on to processes that are given it; None where it is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_row(job: ExportJob) -> dict[str, Any]:
    told = asdict(job)
    wishes = told.pop("wishes")
    return {
        **told, "layers": ",".join(wishes.pop("layers")), "scope": "".join(f",{code}" for code in wishes.pop("scope")),
        "wishes": json.dumps(wishes), "rows": json.dumps(dict(job.rows)),
    }  # fmt: skip


def _from_row(row: dict[str, Any]) -> ExportJob:
    wishes = Wishes(
        layers=tuple(row.pop("layers").split(",")), scope=tuple(row.pop("scope").split(",")[1:]),
        **json.loads(row.pop("wishes")),
    )
    return ExportJob(**{**row, "rows": json.loads(row["rows"] or "{}")}, wishes=wishes)
