"""Tiles made anew while the service runs: when the city changed, by a process of its own, one at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from flask import Flask, current_app

from gridmap.city_tiles import make_tiles
from webapp.tiles import get_tiles

__all__ = ["MOST_REPORTS", "TileJob", "init_app", "keep_up", "keep_up_reports"]

_log = logging.getLogger(__name__)

#: So many reports stand on a map beside its tiles, at most about.
MOST_REPORTS = 200
#: A sign that somebody makes tiles; older than this it is from a process that died.
_SIGN, _STALE_SECONDS = ".making", 1800.0


class TileJob:
    """Makes tiles of a city, at most once for each of its states.

    Parameters
    ----------
    city
        Store URL.
    folder
        Where the tiles stand.
    """

    def __init__(self, city: str, folder: Path) -> None:
        self.city, self.folder = city, folder
        self._lock = threading.Lock()
        self._tried: str | None = None

    def start(self, state: str) -> bool:
        """Begin to make tiles of this state; False where that is being done, here or by another service, or was."""
        with self._lock:
            if self._tried == state or not self._sign():
                return False
            self._tried = state
        threading.Thread(target=self._run, daemon=True, name="gridmap-tiles").start()
        return True

    def _sign(self) -> bool:
        sign = self.folder / _SIGN
        self.folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            if time.time() - sign.stat().st_mtime > _STALE_SECONDS:
                sign.unlink()
        try:
            os.close(os.open(sign, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except OSError:
            return False
        return True

    def _run(self) -> None:
        try:
            # its own process: cutting takes a processor for itself, and the address may hold a password
            work = multiprocessing.get_context("spawn").Process(
                target=make_tiles, args=(self.city,), kwargs={"folder": self.folder}, daemon=True
            )
            work.start()
            work.join()
            if (work.exitcode or 0) > 0:  # less than 0: the service ends, and the work with it
                _log.error("the tiles could not be made anew; the old ones stay. Try gridmap tiles CITY")
        finally:
            with suppress(OSError):
                (self.folder / _SIGN).unlink()


def keep_up(state: str) -> None:
    """Make tiles where those there are of another state of the city; does not wait for them."""
    job: TileJob | None = current_app.extensions["tile_job"]
    version = get_tiles().shelf.current()
    if job is not None and state and (version is None or version.data_version != state):
        job.start(state)


def keep_up_reports(count: int) -> None:
    """Make the tiles of incidents anew where more reports came after them than a map should carry beside them.

    `count` is of the whole city. Layers that did not change are taken over from the tiles there are.
    """
    job: TileJob | None = current_app.extensions["tile_job"]
    version = get_tiles().shelf.current()
    if job is not None and version is not None and count >= MOST_REPORTS:
        job.start(f"{version.name} {count}")


def init_app(app: Flask) -> None:
    """Take the job on, unless `TILE_JOBS` is False."""
    wanted = app.config["TILE_JOBS"]
    folder = app.extensions["tiles"].shelf.folder
    app.extensions["tile_job"] = TileJob(app.config["CITY"], folder) if wanted else None
