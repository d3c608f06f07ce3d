"""Files that were sent, each in a folder of its own outside `static`, and the process that reads them.

A reading runs in a process of its own with a time limit (`gridmap.job_folders`). What it finds lies in the folder as
JSON, so that any worker of the service can answer: `preview.json`, `places.json`, `findings.json`, `refused.csv`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from gridmap.job_folders import FolderJob, JobFolders
from layers.errors import BadFile, MoveNotAllowed
from layers.received import receive

__all__ = ["REFRESH", "Job", "Uploads"]

#: In place of a job's code: bring coverage and tiles up to date.
REFRESH = "refresh"

_REMEMBERED = 50  # kinds of file whose headings are remembered for a person


@dataclass(frozen=True, kw_only=True)
class Job(FolderJob):
    """One file to bring in: who sent it, for which layer, how it is to be read.

    `state` is one of waiting, reading, read, importing, done, failed; `layer` "" until somebody says it; `parent` the
    job whose refused rows these are, corrected; `ignore` headings that are left out; `places` row -> longitude and
    latitude that a person chose; `as_before` says that headings were taken as in an earlier file.
    """

    name: str
    file: str
    layer: str
    datum: str = ""
    encoding: str = ""
    part: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    ignore: list[str] = field(default_factory=list)
    places: dict[str, list[float]] = field(default_factory=dict)
    as_before: bool = False
    complete: bool | None = None
    import_code: str = ""
    parent: str = ""


def _fingerprint(layer: str, headings: Iterable[str]) -> str:
    told = json.dumps([layer, sorted(headings)], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


class Uploads(JobFolders[Job]):
    """The files of an installation; parameters as for `JobFolders`, and:

    Parameters
    ----------
    most_bytes
        Largest upload, as sent and unpacked.
    tiles
        Folder of the city's vector tiles; None for the one beside it.
    """

    kind, module, digits, busy = Job, "gridmap.upload_reading", 24, ("reading", "importing")
    missing = "there is no such upload; it may have been tidied away, send the file again"

    def __init__(
        self, folder: Path, city: str, *, seconds: float, most_bytes: int, most_jobs: int = 30, side_by_side: int = 2,
        tiles: str | None = None,
    ) -> None:
        super().__init__(
            folder, city, seconds=seconds, most_bytes=most_bytes, most_jobs=most_jobs, side_by_side=side_by_side
        )
        self.tiles = tiles

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
                code=self.new_code(), by=by, within=within, name=thing.name, layer=layer or thing.layer or "",
                file=str(thing.path.relative_to(self.folder)), at=time.time(), datum=datum, encoding=encoding,
                parent=parent, mapping=mapping or {}, part=part, ignore=ignore or [],
            )  # fmt: skip
            self.path(job.code).mkdir()
            self.keep(job)
            jobs.append(job)
        return jobs, left

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
        if job.state in self.busy:
            raise MoveNotAllowed(f"{job.name} is being read already; wait for it")
        return self.begin(replace(job, state=what, ended=0.0, message=""), what)

    def refresh(self) -> None:
        """Have coverage made anew where a change left it of yesterday, and the tiles, while nobody waits for them."""
        threading.Thread(target=self._process, args=(REFRESH,), daemon=True).start()

    def drop(self, job: Job) -> None:
        """Forget a job and what was sent for it."""
        super().drop(job)
        sent = self.folder / Path(*Path(job.file).parts[:2])
        if not any(other.file.startswith(str(sent.relative_to(self.folder))) for other in self.everything()):
            shutil.rmtree(sent, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        return {"GRIDMAP_TILES": self.tiles or ""}

    def _tidy(self, by: str) -> None:
        super()._tidy(by)
        if len(self.of(by)) >= 2 * self.most_jobs:
            raise BadFile(f"{2 * self.most_jobs} files of yours are being read; wait for them")
