"""Jobs that lie in folders of their own, each worked on by a process of its own.

A job is a frozen dataclass, kept as `job.json`; what comes of it lies beside it. A hostile or endless piece of work
costs the service nothing but its process, and any worker of the service can tell how far it is: whoever looks after
the process touches the file `alive` in the folder, so that work whose worker is gone is told from work that goes on.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from layers.errors import NotFound

__all__ = ["FolderJob", "JobFolders"]

#: Whoever looks after a job says so about so often; after so many seconds of silence it is gone.
_BEAT_S, _SILENCE_S = 1.0, 60.0
#: A file that was written less than so many nanoseconds ago is read anew: its date may stand still for a moment.
_MOMENT_NS = 100_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FolderJob:
    """One piece of work: whose, for which area; since when its process runs, when it was over; why it failed.

    Times are seconds of the epoch, 0 for not yet.
    """

    code: str
    by: str
    within: tuple[str, ...]
    at: float
    state: str = "waiting"
    since: float = 0.0
    ended: float = 0.0
    message: str = ""


J = TypeVar("J", bound=FolderJob)


class JobFolders(Generic[J]):
    """The jobs of one kind of an installation.

    Parameters
    ----------
    folder
        Where they lie; made with the first.
    city
        Store URL; handed to the process in its environment, never in an argument or a file.
    seconds
        Longest work; it is ended then.
    most_bytes
        Largest file that is sent for a job.
    most_jobs
        So many jobs one person may keep; the oldest go.
    side_by_side
        So many processes at once.
    """

    #: What a kind of jobs says of itself: its dataclass, the module that works on one, digits of a code, states in
    #: which somebody looks after a job, days after which it goes, and what is said where there is none.
    kind: ClassVar[type[Any]] = FolderJob
    module: ClassVar[str] = ""
    digits: ClassVar[int] = 16
    busy: ClassVar[tuple[str, ...]] = ("waiting", "working")
    kept_days: ClassVar[int] = 7
    missing: ClassVar[str] = "there is no such job; it may have been deleted"

    def __init__(
        self, folder: Path, city: str, *, seconds: float, most_bytes: int, most_jobs: int, side_by_side: int = 1
    ) -> None:
        self.folder, self.city, self.seconds = folder, city, seconds
        self.most_bytes, self.most_jobs = most_bytes, most_jobs
        self._turn = threading.BoundedSemaphore(side_by_side)
        self._known: dict[str, tuple[tuple[int, int, int], J]] = {}

    def new_code(self) -> str:
        """A name for a job that nobody can guess."""
        return secrets.token_hex(self.digits // 2)

    def read(self, code: str, *, by: str) -> J:
        """A job of a person.

        Raises
        ------
        NotFound
            There is none, or it is somebody else's: nobody learns which.
        """
        job = self.load(code) if self._is_code(code) else None
        if job is None or job.by != by:
            raise NotFound(self.missing)
        return job

    def load(self, code: str) -> J | None:
        """A job by its code, whoever it belongs to; as failed where nobody looks after it any more."""
        path = self.path(code, "job.json")
        try:
            found = path.stat()
            mark = (found.st_ino, found.st_mtime_ns, found.st_size)
            kept = self._known.get(code)
            if kept is None or kept[0] != mark or time.time_ns() - found.st_mtime_ns < _MOMENT_NS:
                told = json.loads(path.read_text(encoding="utf-8"))
                kept = self._known[code] = (mark, self.kind(**{**told, "within": tuple(told["within"])}))
        except (FileNotFoundError, NotADirectoryError):
            self._known.pop(code, None)
            return None
        job = kept[1]
        if job.state in self.busy and (last := self._last_beat(code)) < time.time() - _SILENCE_S:
            job = replace(job, state="failed", message="stopped", ended=last)
            self.keep(job)
        return job

    def of(self, by: str) -> list[J]:
        """Jobs of a person, the latest first."""
        return [job for job in self.everything() if job.by == by]

    def everything(self) -> list[J]:
        """Jobs of everybody, the latest first: for who looks after the installation."""
        codes = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        found = [job for code in codes if self._is_code(code) and (job := self.load(code)) is not None]
        return sorted(found, key=lambda job: -job.at)

    def keep(self, job: J) -> None:
        """Write a job down, whole or not at all; one that was dropped meanwhile stays away."""
        if job.state in ("done", "failed") and not job.ended:
            job = replace(job, ended=time.time())
        if self.path(job.code).is_dir():
            self.write(job.code, "job.json", asdict(job))

    def drop(self, job: J) -> None:
        """Forget a job and what came of it; work on it ends."""
        shutil.rmtree(self.path(job.code), ignore_errors=True)

    def path(self, code: str, name: str = "") -> Path:
        """A file of a job, or its folder."""
        return self.folder / code / name

    def answer(self, job: J, name: str = "answer.json") -> Any:
        """What came of a job; None where it is not there."""
        try:
            return json.loads(self.path(job.code, name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def write(self, code: str, name: str, told: Any) -> None:
        """Write a file of a job, whole or not at all."""
        path = self.path(code, name)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as part:
            json.dump(told, part, ensure_ascii=False, allow_nan=False, default=str)
        Path(part.name).replace(path)

    def begin(self, job: J, state: str) -> J:
        """Have a process work on a job, which is in that state while it does; does not wait for it."""
        self._beat(job.code)
        self.keep(job)
        threading.Thread(target=self._run, args=(job, state), daemon=True, name=f"gridmap-{job.code}").start()
        return job

    def _run(self, job: J, state: str) -> None:
        """Start the process and see it through."""
        while not self._turn.acquire(timeout=_BEAT_S):
            self._beat(job.code)
        try:
            job = replace(job, state=state, since=time.time())
            self._beat(job.code)
            self.keep(job)
            message = self._process(job.code)
            after = self.load(job.code)
            # the process ends a little after its answer: by then somebody may have started the next one
            if after is not None and after.state in self.busy and after.since == job.since:
                self.keep(replace(after, state="failed", message=message or "broke"))
        finally:
            self._turn.release()

    def _process(self, code: str) -> str:
        """Run the process of a job; what went wrong, "" where nothing did."""
        root = str(Path(__file__).resolve().parent.parent)
        known = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([root, known] if known else [root])
        own, end = self.path(code).is_dir(), time.monotonic() + self.seconds
        with subprocess.Popen(
            [sys.executable, "-m", self.module, str(self.folder), code],
            env={**os.environ, "GRIDMAP_CITY": self.city, "PYTHONPATH": paths, **self._environment()},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        ) as work:  # fmt: skip
            while True:
                try:
                    _, said = work.communicate(timeout=_BEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    dropped = own and not self.path(code).is_dir()
                    if dropped or time.monotonic() > end:
                        work.kill()
                        return "stopped" if dropped else "too_long"
                    self._beat(code)
        if work.returncode:
            _log.error("%s %s failed: %s", self.module, code, said[-4000:].decode(errors="replace"))
            return "broke"
        return ""

    def _environment(self) -> dict[str, str]:
        """What the process is told besides."""
        return {}

    def _beat(self, code: str) -> None:
        if self.path(code).is_dir():
            self.path(code, "alive").touch()

    def _last_beat(self, code: str) -> float:
        try:
            return self.path(code, "alive").stat().st_mtime
        except OSError:
            return 0.0

    def _is_code(self, name: str) -> bool:
        return len(name) == self.digits and re.fullmatch("[0-9a-f]+", name) is not None

    def _tidy(self, by: str) -> None:
        """Old jobs go, and the oldest of who has many."""
        self.folder.mkdir(parents=True, exist_ok=True)
        old = time.time() - self.kept_days * 86400
        for job in self.everything():
            if job.at < old and job.state not in self.busy:
                self.drop(job)
        for job in self.of(by)[self.most_jobs - 1 :]:
            if job.state not in self.busy:
                self.drop(job)
        for code in set(self._known) - {job.code for job in self.everything()}:
            self._known.pop(code, None)
