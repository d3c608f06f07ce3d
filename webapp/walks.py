"""The city's streets kept ready to walk in: read once for a version of the city, asked for one door at a time."""

from __future__ import annotations

import threading

from flask import Flask, current_app

from gridmap.city_walks import CityWalks
from webapp.seen import Seen

__all__ = ["get_walks", "init_app"]


class Kept:
    """The walks of one version of the city; another version takes its place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version, self._walks = "", None

    def get(self, seen: Seen) -> CityWalks:
        """The walks of the city as it is now. The first to ask waits until the streets are read."""
        version = seen.meta().get("data_version", "")
        with self._lock:
            if self._walks is None or not version or version != self._version:
                self._version, self._walks = version, seen.walks()
            return self._walks


def get_walks(seen: Seen) -> CityWalks:
    """The city ready to walk in; streets and facilities of the whole of it, so that a way may leave one's area."""
    walks: CityWalks = current_app.extensions["walks"].get(seen)
    return walks


def init_app(app: Flask) -> None:
    """Make room for one city."""
    app.extensions["walks"] = Kept()
