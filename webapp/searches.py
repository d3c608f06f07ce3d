"""The index of the search, made once for a version of the city; the old one answers while a new one grows."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection
from datetime import datetime

from flask import Flask, current_app

from gridmap.searching import SEARCHED, Found, SearchIndex, build_index
from gridmap.stores import open_store
from layers.errors import GridmapError
from webapp.replies import kept_text
from webapp.seen import Seen

__all__ = ["find", "init_app"]

_log = logging.getLogger(__name__)


class Kept:
    """The index of one city.

    Parameters
    ----------
    city
        Store URL.
    """

    def __init__(self, city: str) -> None:
        self.city = city
        self._lock = threading.Lock()
        self._version, self._index = "", SearchIndex.__new__(SearchIndex)
        self._ready = False
        self._making = ""

    def get(self, version: str) -> SearchIndex:
        """The index of this version of the city, or for a moment still the one before it.

        Who asks first waits; afterwards nobody does. Codes that are gone meanwhile lead to a page that says so.
        """
        if not self._ready:
            with self._lock:
                if not self._ready:
                    self._make(version)
        elif version != self._version and version != self._making:
            self._making = version
            threading.Thread(target=self._make, args=(version,), daemon=True, name="gridmap-search").start()
        return self._index

    def ahead(self) -> None:
        """Make the index beside the requests, before anybody asks for it."""
        threading.Thread(target=self._first, daemon=True, name="gridmap-search").start()

    def _first(self) -> None:
        try:
            with open_store(self.city) as store:
                version = store.meta().get("data_version", "")
            self.get(version)
        except GridmapError as problem:
            _log.warning("the search is made ready when somebody asks: %s", problem)

    def _make(self, version: str) -> None:
        try:
            with open_store(self.city) as store:
                index = build_index(store, today=datetime.now().astimezone().date())
        except GridmapError as problem:
            if not self._ready:
                raise
            _log.error("the search stays as it was: %s", problem)
        else:
            self._version, self._index, self._ready = version, index, True
        finally:
            self._making = ""


def find(seen: Seen, text: str, most: int) -> list[Found]:
    """What fits a text best of what the person sees."""
    kept: Kept = current_app.extensions["searches"]
    layers = [name for name in SEARCHED if seen.sees(name)]
    return kept.get(seen.meta().get("data_version", "")).find(
        text, within=seen.reach, layers=layers, most=most, roads=_streets(seen)
    )


def _streets(seen: Seen) -> Collection[str] | None:
    """Names of the streets in and around one's area; None for all."""
    if seen.reach == ("",) or "roads" not in seen.layers():
        return None

    def make() -> str:
        roads = seen.ground("roads")
        return json.dumps(sorted(set(roads["name"].dropna())) if "name" in roads else [], ensure_ascii=False)

    names: list[str] = json.loads(kept_text("streets around", make))
    return names


def init_app(app: Flask) -> None:
    """Make room for one index, and make it at the first visit, unless `SEARCH_AHEAD` is False."""
    kept = app.extensions["searches"] = Kept(app.config["CITY"])
    if not app.config["SEARCH_AHEAD"]:
        return
    begun = threading.Event()

    @app.before_request
    def begin() -> None:
        # not before: a server may divide into processes once the service is made, and each needs its own
        if not begun.is_set():
            begun.set()
            kept.ahead()
