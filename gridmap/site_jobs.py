"""Places for facilities asked for as jobs: long work that can be left, its answers kept side by side for its owner.

Each job has a folder of its own with what was asked, files that came with it, how far it is, and the answer
(`gridmap.job_folders`); the work runs in a process of its own (`gridmap.site_work`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from gridmap.job_folders import FolderJob, JobFolders
from layers.errors import BadFile
from layers.received import receive

__all__ = ["SiteJob", "SiteJobs"]


@dataclass(frozen=True, kw_only=True)
class SiteJob(FolderJob):
    """One question: who asked, for which area, what; `files` are those that came with it, by what they are for.

    `state` is one of waiting, working, done, failed; `doing` and `share` say how far it is, `message` why it failed.
    """

    asked: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)
    doing: str = ""
    share: float = 0.0


class SiteJobs(JobFolders[SiteJob]):
    """The questions of an installation; parameters as for `JobFolders`."""

    kind, module, kept_days = SiteJob, "gridmap.site_work", 60
    missing = "there is no such answer; it may have been deleted, ask again"

    def __init__(
        self, folder: Path, city: str, *, seconds: float = 1800.0, most_bytes: int = 20 << 20, most_jobs: int = 24
    ) -> None:
        super().__init__(folder, city, seconds=seconds, most_bytes=most_bytes, most_jobs=most_jobs)

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
        code = self.new_code()
        place = self.path(code)
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
        return self.begin(
            SiteJob(code=code, by=by, within=within, asked=asked, at=time.time(), files=kept), "working"
        )

    def file(self, job: SiteJob, what: str) -> Path | None:
        """A file that came with the question."""
        name = job.files.get(what)
        return None if name is None else self.path(job.code, name)
