"""Files that were sent, each in a folder of its own outside `static`, and the process that reads them.

A reading runs in a process of its own with a time limit, so that a hostile or endless file costs the service nothing
but that process. What it finds lies in the folder as JSON, so that any worker of the service can answer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from layers.errors import BadFile, MoveNotAllowed, NotFound
from layers.received import receive

__all__ = ["REFRESH", "Job", "Uploads"]

#: In place of a job's code: bring coverage and tiles up to date.
REFRESH = "refresh"

_CODE = re.compile(r"[0-9a-f]{24}")
_KEPT_DAYS = 7
_QUEUE_S = 900  # a job may wait so long for its turn
_REMEMBERED = 50  # kinds of file whose headings are remembered for a person
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to bring in: who sent it, for which layer, how it is to be read.

    `state` is one of waiting, reading, read, importing, done, failed; `layer` "" until somebody says it; `parent` the
    job whose refused rows these are, corrected; `ignore` headings that are left out; `places` row -> longitude and
    latitude that a person chose; `as_before` says that headings were taken as in an earlier file.
    """

    code: str
    by: str
    within: tuple[str, ...]
    name: str
    file: str
    layer: str
    at: float
    datum: str = ""
    encoding: str = ""
    part: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    ignore: list[str] = field(default_factory=list)
    places: dict[str, list[float]] = field(default_factory=dict)
    as_before: bool = False
    state: str = "waiting"
    since: float = 0.0
    message: str = ""
    complete: bool | None = None
    import_code: str = ""
    parent: str = ""


def _fingerprint(layer: str, headings: Iterable[str]) -> str:
    told = json.dumps([layer, sorted(headings)], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


class Uploads:
    """The jobs of an installation.

    Parameters
    ----------
    folder
        Where they lie; made where it does not exist.
    city
        Store URL; handed to the reading process in its environment, never in an argument or a file.
    seconds
        Longest reading; it is ended then.
    most_bytes
        Largest upload, as sent and unpacked.
    most_jobs
        So many jobs one person may have lying about; the oldest go.
    side_by_side
        So many readings at once.
    tiles
        Folder of the city's vector tiles; None for the one beside it.
    """

    def __init__(
        self, folder: Path, city: str, *, seconds: float, most_bytes: int, most_jobs: int = 30, side_by_side: int = 2,
        tiles: str | None = None,
    ) -> None:
        self.folder, self.city, self.seconds = folder, city, seconds
        self.most_bytes, self.most_jobs = most_bytes, most_jobs
        self.tiles = tiles
        self._turn = threading.BoundedSemaphore(side_by_side)

    def receive(
        self, files: Iterable[tuple[str, BinaryIO]], *, by: str, within: tuple[str, ...], layer: str = "",
        datum: str = "", encoding: str = "", parent: str = "", mapping: dict[str, str] | None = None, part: str = "",
        ignore: list[str] | None = None,
    ) -> tuple[list[Job], list[str]]:  # fmt: skip
        """Keep what was sent, a job each; names of what cannot be read.

        Raises
        ------
        BadFile
            An archive is damaged or too large; nothing is kept then.
        """
        self._tidy(by)
        sent = self.folder / "sent" / secrets.token_hex(12)
        sent.mkdir(parents=True)
        try:
            things, left = receive(files, sent, most_bytes=self.most_bytes)
        except BaseException:
            shutil.rmtree(sent, ignore_errors=True)
            raise
        if not things:
            shutil.rmtree(sent, ignore_errors=True)
        jobs = []
        for thing in things:
            job = Job(
                code=secrets.token_hex(12), by=by, within=within, name=thing.name, layer=layer or thing.layer or "",
                file=str(thing.path.relative_to(self.folder)), at=time.time(), datum=datum, encoding=encoding,
                parent=parent, mapping=mapping or {}, part=part, ignore=ignore or [],
            )  # fmt: skip
            self._place(job.code).mkdir()
            self.keep(job)
            jobs.append(job)
        return jobs, left

    def read(self, code: str, *, by: str) -> Job:
        """A job of a person.

        Raises
        ------
        NotFound
            There is none, or it is somebody else's: nobody learns which.
        """
        job = self._load(code) if _CODE.fullmatch(code) else None
        if job is None or job.by != by:
            raise NotFound("there is no such upload; it may have been tidied away, send the file again")
        if job.state in ("reading", "importing") and time.time() - job.since > self.seconds + 30:
            job = replace(job, state="failed", message="stopped")  # the worker that looked after it is gone
            self.keep(job)
        return job

    def of(self, by: str) -> list[Job]:
        """Jobs of a person, the latest first."""
        found = [job for job in self._all() if job.by == by]
        return sorted(found, key=lambda job: -job.at)

    def everything(self) -> list[Job]:
        """Jobs of everybody, the latest first: for who looks after the installation."""
        return sorted(self._all(), key=lambda job: -job.at)

    def keep(self, job: Job) -> None:
        """Write a job down, whole or not at all."""
        path = self._place(job.code) / "job.json"
        partial = path.with_name(f".job.{os.getpid()}.{threading.get_ident()}")
        partial.write_text(json.dumps(asdict(job), ensure_ascii=False), encoding="utf-8")
        partial.replace(path)

    def path(self, job: Job, name: str) -> Path:
        """A file that the reading made: `preview.json`, `places.json`, `findings.json`, `refused.csv`."""
        return self._place(job.code) / name

    def answer(self, job: Job, name: str) -> Any:
        """One of those, where it is JSON; None where it is not there."""
        try:
            return json.loads(self.path(job, name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def known_headings(self, job: Job, headings: Iterable[str]) -> dict[str, Any] | None:
        """What a person once said of a file of the same layer and headings: `mapping` and `ignore`; None for nothing.
        """
        try:
            kept = json.loads(self._memory(job.by).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        found: dict[str, Any] | None = kept.get(_fingerprint(job.layer, headings))
        return found

    def remember_headings(self, job: Job, headings: Iterable[str]) -> None:
        """Keep what a person said of a file's headings, for their next file of the same ones."""
        path = self._memory(job.by)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            kept = {}
        mark = _fingerprint(job.layer, headings)
        kept.pop(mark, None)
        if job.mapping or job.ignore:
            kept[mark] = {"mapping": job.mapping, "ignore": job.ignore}
        partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        partial.write_text(json.dumps(dict(list(kept.items())[-_REMEMBERED:]), ensure_ascii=False), encoding="utf-8")
        partial.replace(path)

    def _memory(self, by: str) -> Path:
        """Where a person's headings are kept; their name may be no file name."""
        return self.folder / "headings" / f"{hashlib.sha256(by.encode()).hexdigest()[:24]}.json"

    def start(self, job: Job, what: str) -> Job:
        """Have a job read ("reading") or brought in ("importing"), in a process of its own.

        Raises
        ------
        MoveNotAllowed
            It is being read already.
        """
        if job.state in ("reading", "importing"):
            raise MoveNotAllowed(f"{job.name} is being read already; wait for it")
        job = replace(job, state=what, since=time.time() + _QUEUE_S, message="")
        self.keep(job)
        threading.Thread(target=self._run, args=(job,), daemon=True).start()
        return job

    def refresh(self) -> None:
        """Have coverage made anew where a change left it of yesterday, and the tiles, while nobody waits for them."""
        threading.Thread(target=self._process, args=(REFRESH,), daemon=True).start()

    def discard(self, job: Job) -> None:
        """Forget a job and what was sent for it."""
        shutil.rmtree(self._place(job.code), ignore_errors=True)
        sent = self.folder / Path(*Path(job.file).parts[:2])
        if not any(other.file.startswith(str(sent.relative_to(self.folder))) for other in self._all()):
            shutil.rmtree(sent, ignore_errors=True)

    def _run(self, job: Job) -> None:
        """Start the process and see it through."""
        with self._turn:
            job = replace(job, since=time.time())
            self.keep(job)
            message = self._process(job.code)
            after = self._load(job.code)
            # the process ends a little after its answer: by then somebody may have started the next one
            if after is not None and after.state in ("reading", "importing") and after.since == job.since:
                self.keep(replace(after, state="failed", message=message or "broke"))

    def _process(self, code: str) -> str:
        """Run the reading process for a job, or for `REFRESH`; what went wrong, "" where nothing did."""
        command = [sys.executable, "-m", "gridmap.upload_reading", str(self.folder), code]
        root = str(Path(__file__).resolve().parent.parent)
        known = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([root, known] if known else [root])
        told = {**os.environ, "GRIDMAP_CITY": self.city, "PYTHONPATH": paths, "GRIDMAP_TILES": self.tiles or ""}
        try:
            done = subprocess.run(
                command, env=told, timeout=self.seconds, check=False, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "too_long"
        if done.returncode:
            _log.error("reading %s failed: %s", code, done.stderr[-4000:].decode(errors="replace"))
            return "broke"
        return ""

    def _place(self, code: str) -> Path:
        return self.folder / code

    def _load(self, code: str) -> Job | None:
        try:
            told = json.loads((self._place(code) / "job.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Job(**{**told, "within": tuple(told["within"])})

    def _all(self) -> list[Job]:
        codes = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return [job for code in codes if _CODE.fullmatch(code) and (job := self._load(code)) is not None]

    def _tidy(self, by: str) -> None:
        """Old jobs go, and the oldest of who has many."""
        self.folder.mkdir(parents=True, exist_ok=True)
        old = time.time() - _KEPT_DAYS * 86400
        busy = ("reading", "importing")
        for job in self._all():
            if job.at < old:
                self.discard(job)
        for job in self.of(by)[self.most_jobs - 1 :]:
            if job.state not in busy:
                self.discard(job)
        if len(self.of(by)) >= 2 * self.most_jobs:
            raise BadFile(f"{2 * self.most_jobs} files of yours are being read; wait for them")
