"""Jobs in folders: work ends when it is too long or forgotten, and what nobody looks after says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gridmap import job_folders
from gridmap.job_folders import FolderJob, JobFolders
from layers.errors import NotFound

#: Work that tells its process, then waits for a file, or ends badly where there is one.
IDLE = """
import os, sys, time
from pathlib import Path
folder, code = sys.argv[1:]
Path(folder, f"pid-{code}").write_text(str(os.getpid()))
while not Path(folder, "bad").exists():
    time.sleep(0.05)
sys.exit(3)
"""


class Idle(JobFolders[FolderJob]):
    module = "idle_work"

    def start(self, by: str = "li") -> FolderJob:
        job = FolderJob(code=self.new_code(), by=by, within=("",), at=time.time())
        self.path(job.code).mkdir(parents=True)
        return self.begin(job, "working")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Idle:
    (tmp_path / "idle_work.py").write_text(IDLE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folder = tmp_path / "jobs"
    folder.mkdir()
    return Idle(folder, "city.gpkg", seconds=60, most_bytes=0, most_jobs=9)


def until(true: Callable[[], object]) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")


def state(jobs: Idle, job: FolderJob) -> str:
    return jobs.read(job.code, by=job.by).state


def runs(jobs: Idle, job: FolderJob) -> int:
    path = jobs.folder / f"pid-{job.code}"
    until(lambda: path.is_file() and path.read_text())
    return int(path.read_text())


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_work_that_is_forgotten_ends(jobs: Idle) -> None:
    job = jobs.start()
    process = runs(jobs, job)
    assert state(jobs, job) == "working" and not gone(process)
    jobs.drop(jobs.read(job.code, by="li"))
    until(lambda: gone(process))
    assert jobs.everything() == [] and not jobs.path(job.code).exists()
    with pytest.raises(NotFound):
        jobs.read(job.code, by="li")


def test_work_that_takes_too_long_is_ended(jobs: Idle) -> None:
    jobs.seconds = 1
    job = jobs.start()
    process = runs(jobs, job)
    until(lambda: state(jobs, job) == "failed")
    found = jobs.read(job.code, by="li")
    assert found.message == "too_long" and gone(process) and found.ended >= found.since > 0


def test_work_that_breaks_says_so_and_one_waits_for_the_other(jobs: Idle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_folders, "_SILENCE_S", 2.5)
    first = jobs.start()
    runs(jobs, first)
    second = jobs.start("wang")
    time.sleep(4)  # longer than silence may last: whoever waits is looked after too
    assert [state(jobs, job) for job in (first, second)] == ["working", "waiting"]
    assert [job.by for job in jobs.everything()] == ["wang", "li"] and [job.by for job in jobs.of("li")] == ["li"]
    (jobs.folder / "bad").touch()
    until(lambda: state(jobs, second) == "failed")
    assert {jobs.read(job.code, by=job.by).message for job in (first, second)} == {"broke"}


def test_what_nobody_looks_after_was_stopped(jobs: Idle) -> None:
    job = FolderJob(code=jobs.new_code(), by="li", within=("",), at=time.time(), state="working", since=1.0)
    jobs.path(job.code).mkdir()
    jobs.keep(job)
    alive = jobs.path(job.code, "alive")
    alive.touch()
    assert state(jobs, job) == "working"
    os.utime(alive, (1000, 1000))  # the service was ended long ago
    found = jobs.read(job.code, by="li")
    assert (found.state, found.message, found.ended) == ("failed", "stopped", 1000)


def test_what_another_worker_writes_is_seen(jobs: Idle) -> None:
    other = Idle(jobs.folder, jobs.city, seconds=60, most_bytes=0, most_jobs=9)
    job = FolderJob(code=jobs.new_code(), by="li", within=("",), at=time.time(), state="done")
    jobs.path(job.code).mkdir()
    jobs.keep(job)
    time.sleep(0.2)
    assert [other.read(job.code, by="li").message for _ in range(2)] == ["", ""]
    for message in ("one", "two", "six"):  # of one length, at once
        jobs.keep(replace(job, message=message))
        assert other.read(job.code, by="li").message == message
