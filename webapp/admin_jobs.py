"""Long work that an administrator starts: coverage anew, a copy of the city. One of a kind at a time.

As with exports, a job lives as long as its process holds its lock, so that one broken off is told from one that runs.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask, current_app

from gridmap.audit import AuditLog
from gridmap.export_jobs import try_lock
from gridmap.rework import cover_again
from gridmap.stores import backup, open_store
from gridmap.stores.records import new_id, now
from layers.errors import GridmapError, MoveNotAllowed, NotFound
from webapp.export_run import Handed, warm_up

__all__ = ["KINDS", "AdminJob", "AdminJobs", "get_admin_jobs", "init_app"]

#: Kinds of work.
KINDS = ("cover", "backup")
_NAME = re.compile(r"[\w.-]{1,80}\.gpkg")
_KEPT = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AdminJob:
    """One piece of work: state is running, done, failed or broken; `doing` and `share` tell how far it is."""

    id: str
    kind: str
    by: str
    at: str
    state: str = "running"
    ended_at: str | None = None
    message: str = ""
    doing: str = ""
    share: float = 0.0


class AdminJobs:
    """The jobs of one installation.

    Parameters
    ----------
    city
        Store URL.
    folder
        Where records and locks lie.
    backups
        Where copies of the city lie.
    audit
        The audit log.
    """

    def __init__(self, city: str, folder: Path, backups: Path, audit: AuditLog) -> None:
        self.city, self.folder, self.backups, self.audit = city, folder, backups, audit

    def start(self, kind: str, by: str) -> AdminJob:
        """Begin work in a process of its own.

        Raises
        ------
        MoveNotAllowed
            Work of that kind is being done.
        """
        lock = try_lock(self.folder / f"{kind}.lock")
        if lock is None:
            raise MoveNotAllowed(f"{kind} is being done already; wait for it")
        try:
            self.listed()  # what was broken off says so before the next one begins
            job = AdminJob(id=new_id(), kind=kind, by=by, at=now())
            self.keep(job)
            warm_up()
            multiprocessing.active_children()
            work = multiprocessing.get_context("forkserver").Process(
                target=_work, args=(self, job, Handed([lock])), daemon=True, name=f"gridmap-{kind}"
            )
            work.start()
        finally:
            os.close(lock)
        return job

    def listed(self) -> list[AdminJob]:
        """Jobs, the latest first; what no process works on any more is broken off."""
        found = []
        for path in sorted(self.folder.glob("*.json"), reverse=True)[:_KEPT]:
            job = AdminJob(**json.loads(path.read_text(encoding="utf-8")))
            if job.state == "running" and not any(other.kind == job.kind for other in found):
                lock = try_lock(self.folder / f"{job.kind}.lock")
                if lock is not None:
                    job = AdminJob(**json.loads(path.read_text(encoding="utf-8")))  # it may have ended just now
                    if job.state == "running":
                        job = replace(job, state="broken", ended_at=now())
                        self.keep(job)
                    os.close(lock)
            elif job.state == "running":
                job = replace(job, state="broken", ended_at=now())
                self.keep(job)
            found.append(job)
        return found

    def keep(self, job: AdminJob) -> None:
        """Write a job down, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{job.id}.json"
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(asdict(job)), encoding="utf-8")
        partial.replace(path)

    def copies(self) -> list[Path]:
        """Copies of the city, the latest first; one that is being written is none yet."""
        found = self.backups.glob("*.gpkg") if self.backups.is_dir() else ()
        return sorted((path for path in found if not path.name.startswith(".")), reverse=True)

    def copy(self, name: str) -> Path:
        """One copy.

        Raises
        ------
        NotFound
            There is none of that name.
        """
        path = self.backups / name
        if not _NAME.fullmatch(name) or name.startswith(".") or not path.is_file():
            raise NotFound("there is no such copy; see the list of copies")
        return path


def _work(jobs: AdminJobs, job: AdminJob, locks: Any) -> None:
    """All of it; `locks` stay open until this process ends."""
    try:
        facts = _cover(jobs, job) if job.kind == "cover" else _backup(jobs)
    except GridmapError as error:
        jobs.keep(replace(job, state="failed", ended_at=now(), message=str(error)))
    except Exception:
        _log.exception("%s", job.kind)
        jobs.keep(replace(job, state="failed", ended_at=now(), message="broke"))
    else:
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        jobs.audit.add("cover.done" if job.kind == "cover" else "backup.made", by=job.by, **facts)
        jobs.keep(replace(job, state="done", ended_at=now(), message=told, share=1.0))


def _cover(jobs: AdminJobs, job: AdminJob) -> dict[str, Any]:
    told = [-1.0]

    def progress(doing: str, share: float) -> None:
        if share >= told[0] + 0.01:
            told[0] = share
            jobs.keep(replace(job, doing=doing, share=share))

    made: dict[str, Any] = dict(cover_again(jobs.city, progress=progress))
    return made


def _backup(jobs: AdminJobs) -> dict[str, Any]:
    jobs.backups.mkdir(parents=True, exist_ok=True)
    name = f"city-{now()[:19].replace(':', '').replace('T', '-')}.gpkg"
    with open_store(jobs.city) as store:
        path = backup(store, jobs.backups / name)
    path.chmod(0o600)
    return {"file": name, "size": path.stat().st_size}


def init_app(app: Flask) -> None:
    """Make room for jobs and copies, beside what is served."""
    folder = Path(app.instance_path)
    app.extensions["admin_jobs"] = AdminJobs(
        app.config["CITY"], folder / "jobs", Path(app.config["BACKUPS"]), app.extensions["audit"]
    )


def get_admin_jobs() -> AdminJobs:
    """The jobs of the city that is served."""
    jobs: AdminJobs = current_app.extensions["admin_jobs"]
    return jobs
