"""Places for facilities asked for as jobs: long work that can be left, its answers kept side by side for its owner.

Each job has a folder of its own with what was asked, files that came with it, how far it is, and the answer. The work
runs in a process of its own (`gridmap.site_work`), so that it costs the service nothing but that process, and any
worker of the service can tell how far it is.
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
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from layers.errors import BadFile, NotFound
from layers.received import receive

__all__ = ["SiteJob", "SiteJobs"]

_CODE = re.compile(r"[0-9a-f]{16}")
_KEPT_DAYS = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SiteJob:
    """One question: who asked, for which area, what; `files` are those that came with it, by what they are for.

    `state` is one of waiting, working, done, failed; `doing` and `share` say how far it is, `message` why it failed.
    """

    code: str
    by: str
    within: tuple[str, ...]
    asked: dict[str, Any]
    at: float
    files: dict[str, str] = field(default_factory=dict)
    state: str = "waiting"
    doing: str = ""
    share: float = 0.0
    since: float = 0.0
    message: str = ""


class SiteJobs:
    """The jobs of an installation.

    Parameters
    ----------
    folder
        Where they lie; made with the first.
    city
        Store URL; handed to the process in its environment, never in an argument or a file.
    seconds
        Longest work; it is ended then.
    most_bytes
        Largest file that comes with a question.
    most_jobs
        So many answers one person may keep; the oldest go.
    """

    def __init__(
        self, folder: Path, city: str, *, seconds: float = 1800.0, most_bytes: int = 20 << 20, most_jobs: int = 24
    ) -> None:
        self.folder, self.city, self.seconds = folder, city, seconds
        self.most_bytes, self.most_jobs = most_bytes, most_jobs
        self._turn = threading.BoundedSemaphore(1)

    def start(
        self, asked: dict[str, Any], *, by: str, within: tuple[str, ...],
        files: Iterable[tuple[str, str, BinaryIO]] = (),
    ) -> SiteJob:  # fmt: skip
        """Begin to answer a question; does not wait for the answer.

        Parameters
        ----------
        asked
            Arguments of `gridmap.siting.site_city`.
        by, within
            Who asks, and for which areas.
        files
            What each is for (`candidates`, `exclude`), its name and its bytes.

        Raises
        ------
        BadFile
            Where a file cannot be read; nothing is begun.
        """
        self._tidy(by)
        job = SiteJob(code=secrets.token_hex(8), by=by, within=within, asked=asked, at=time.time())
        place = self._place(job.code)
        place.mkdir(parents=True)
        kept: dict[str, str] = {}
        try:
            for what, name, content in files:
                own = place / what
                own.mkdir()
                things, left = receive([(name, content)], own, most_bytes=self.most_bytes)
                if not things:
                    raise BadFile(f"{(left or [name])[0]} holds nothing that can be read; send another file")
                kept[what] = str(things[0].path.relative_to(place))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        job = replace(job, files=kept)
        self.keep(job)
        threading.Thread(target=self._run, args=(job,), daemon=True, name="gridmap-site").start()
        return job

    def read(self, code: str, *, by: str) -> SiteJob:
        """A job of a person.

        Raises
        ------
        NotFound
            There is none, or it is somebody else's: nobody learns which.
        """
        job = self.load(code) if _CODE.fullmatch(code) else None
        if job is None or job.by != by:
            raise NotFound("there is no such answer; it may have been deleted, ask again")
        if job.state == "working" and time.time() - job.since > self.seconds + 30:
            job = replace(job, state="failed", message="stopped")  # the worker that looked after it is gone
            self.keep(job)
        return job

    def of(self, by: str) -> list[SiteJob]:
        """Jobs of a person, the latest first."""
        codes = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        found = [job for code in codes if _CODE.fullmatch(code) and (job := self.load(code)) and job.by == by]
        return sorted(found, key=lambda job: -job.at)

    def answer(self, job: SiteJob) -> dict[str, Any] | None:
        """What was found; None before it was."""
        try:
            told: dict[str, Any] = json.loads((self._place(job.code) / "answer.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return told

    def write_answer(self, job: SiteJob, told: dict[str, Any]) -> None:
        """Keep what was found."""
        self._write(self._place(job.code) / "answer.json", told)

    def drop(self, job: SiteJob) -> None:
        """Forget a job and its answer."""
        shutil.rmtree(self._place(job.code), ignore_errors=True)

    def keep(self, job: SiteJob) -> None:
        """Write a job down, whole or not at all; one that was dropped meanwhile stays away."""
        if self._place(job.code).is_dir():
            self._write(self._place(job.code) / "job.json", asdict(job))

    def load(self, code: str) -> SiteJob | None:
        """A job by its code, whoever it belongs to."""
        try:
            told = json.loads((self._place(code) / "job.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return SiteJob(**{**told, "within": tuple(told["within"])})

    def file(self, job: SiteJob, what: str) -> Path | None:
        """A file that came with the question."""
        name = job.files.get(what)
        return None if name is None else self._place(job.code) / name

    def _run(self, job: SiteJob) -> None:
        with self._turn:
            job = replace(job, state="working", since=time.time())
            self.keep(job)
            message = self._process(job.code)
            after = self.load(job.code)
            if after is not None and after.state == "working":
                self.keep(replace(after, state="failed", message=message or "broke"))

    def _process(self, code: str) -> str:
        """Run the process of a job; what went wrong, "" where nothing did."""
        root = str(Path(__file__).resolve().parent.parent)
        known = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([root, known] if known else [root])
        try:
            done = subprocess.run(
                [sys.executable, "-m", "gridmap.site_work", str(self.folder), code],
                env={**os.environ, "GRIDMAP_CITY": self.city, "PYTHONPATH": paths}, timeout=self.seconds, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "too_long"
        if done.returncode:
            _log.error("siting %s failed: %s", code, done.stderr[-4000:].decode(errors="replace"))
            return "broke"
        return ""

    def _place(self, code: str) -> Path:
        return self.folder / code

    def _write(self, path: Path, told: Any) -> None:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8"
        ) as part:
            json.dump(told, part, ensure_ascii=False, allow_nan=False)
        Path(part.name).replace(path)

    def _tidy(self, by: str) -> None:
        """Old answers go, and the oldest of who has many."""
        self.folder.mkdir(parents=True, exist_ok=True)
        own, busy = self.of(by), ("waiting", "working")
        for job in own:
            if job.at < time.time() - _KEPT_DAYS * 86400 and job.state not in busy:
                self.drop(job)
        for job in own[self.most_jobs - 1 :]:
            if job.state not in busy:
                self.drop(job)
