"""The process that makes one export: forked from a server that has everything loaded, so that it starts at once.

It reads the city as the person who asked may see it now, in one moment of it, and holds the job's locks until it ends.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from multiprocessing import forkserver, reduction
from typing import Any

from gridmap.delivery import export_layers
from gridmap.export_jobs import ExportJob, ExportJobs, sha256_of, try_lock
from gridmap.roles import User, may, rights_of
from gridmap.stores import open_store
from gridmap.stores.records import now
from layers.errors import GridmapError, NotYourArea
from webapp.seen import Seen

__all__ = ["Handed", "runner", "still_his", "warm_up"]

_log = logging.getLogger(__name__)
#: So many exports of an installation run side by side; others wait.
_SLOTS = 2


class _TooLong(Exception):
    """The time that one export may take is over."""


def warm_up() -> None:
    """Have the server ready before somebody presses the button; returns at once where it is."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
    forkserver.ensure_running()


def runner(jobs: ExportJobs, seconds: float) -> Callable[[str, Sequence[int]], None]:
    """What `ExportJobs.start` takes: begins the work of a job in a process of its own."""

    def begin(id_: str, locks: Sequence[int]) -> None:
        warm_up()
        multiprocessing.active_children()  # those that ended are let go of
        work = multiprocessing.get_context("forkserver").Process(
            target=_work, args=(jobs, id_, seconds, Handed(locks)), daemon=True, name=f"gridmap-export-{id_[:6]}"
        )
        work.start()

    return begin


class Handed:
    """Open files on their way to another process."""

    def __init__(self, handles: Sequence[int]) -> None:
        self.handles = handles

    def __reduce__(self) -> Any:
        return _arrived, ([reduction.DupFd(handle) for handle in self.handles],)


def _arrived(sent: Sequence[Any]) -> list[int]:
    return [one.detach() for one in sent]


def _work(jobs: ExportJobs, id_: str, seconds: float, locks: Sequence[int]) -> None:
    """All of it; `locks` stay open until this process ends."""
    job = jobs.read(id_)
    slot = _slot(jobs)
    jobs.change(job, state="running", started_at=now())
    signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        done = _made(jobs, job)
    except GridmapError as error:
        _ended(jobs, job, state="failed", message=f"{type(error).__name__}: {error}")
    except _TooLong:
        _ended(jobs, job, state="failed", message="too_long")
    except MemoryError:
        _ended(jobs, job, state="failed", message="too_large")
    except Exception:
        _log.exception("export %s", id_)
        _ended(jobs, job, state="failed", message="broke")
    else:
        _ended(jobs, job, state="done", **done)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.close(slot)


def _over(_: int, __: Any) -> None:
    # what does not listen to the first call is ended by the second
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 20)
    raise _TooLong


def _slot(jobs: ExportJobs) -> int:
    while True:
        for number in range(_SLOTS):
            slot = try_lock(jobs.folder / f"slot-{number}.lock")
            if slot is not None:
                return slot
        time.sleep(0.2)


def _made(jobs: ExportJobs, job: ExportJob) -> dict[str, Any]:
    """The file of a job, and what its record says of it."""
    wishes = job.wishes
    with open_store(jobs.city) as store, store.snapshot():
        account = store.account(job.by)
        if account is None or not account.active:
            raise NotYourArea("the account may not log in any more; ask the administrator of the city")
        user = User(name=account.name, role=account.role, area=account.area)
        if not (may(user, "export.make") and still_his(user, job)):
            raise NotYourArea("the area or the layers are not yours any more; ask the administrator of the city")
        name = f"gridmap-{'-'.join(code for code in wishes.scope[:3] if code) or 'city'}-{job.at[:10]}.zip"
        made = export_layers(
            _Telling(Seen(store, user), jobs, job),  # type: ignore[arg-type]  # reads as a store does
            wishes.layers, jobs.folder / job.id / name, within=wishes.scope, format=wishes.format,
            encoding=wishes.encoding, crs=wishes.crs or None, datum=wishes.datum or None, names=wishes.names,
            as_of=date.fromisoformat(wishes.as_of) if wishes.as_of else None,
        )
    return {
        "rows": made.rows, "size": made.path.stat().st_size, "sha256": sha256_of(made.path), "file": name,
        "message": f"warnings: {len(made.warnings)}" if made.warnings else "",
    }


def still_his(user: User, job: ExportJob) -> bool:
    """Whether a person's reach and rights still hold all that a job took."""
    seen = Seen(None, user)  # type: ignore[arg-type]  # asked for its reach alone
    held = all(any(code.startswith(own) for own in seen.reach) for code in job.wishes.scope)
    asked = {f"layer.{name}.view" for name in job.wishes.layers} | {"contact.view", "incident.text.view"}
    return held and asked & rights_of(job.role) <= rights_of(user.role) and all(map(seen.sees, job.wishes.layers))


class _Telling:
    """What a person sees, and a word on how far its reading is."""

    def __init__(self, seen: Seen, jobs: ExportJobs, job: ExportJob) -> None:
        self._seen, self._jobs, self._job, self._done = seen, jobs, job, 0

    def meta(self) -> dict[str, str]:
        """Facts about the city."""
        return self._seen.meta()

    def read(self, name: str, **how: Any) -> Any:
        """Rows of a layer."""
        self._jobs.tell(self._job.id, layer=name, done=self._done, of=len(self._job.wishes.layers))
        self._done += 1
        return self._seen.read(name, **how)


def _ended(jobs: ExportJobs, job: ExportJob, **values: Any) -> None:
    values["ended_at"] = now()
    if jobs.change(job, **values):
        jobs.note(replace(job, **values))
