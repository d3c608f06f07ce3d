"""The city ready to be asked what if: made in the background for each version of the city, one for all who ask.

The process holds one `Ground`. Who comes while it is made is told how far it is and may leave; the answer needs no job
of its own, since it takes less than a second.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from flask import Flask, current_app

from gridmap.ask_what_if import Ground, held_norms
from gridmap.roles import User
from gridmap.stores import open_store
from layers.errors import GridmapError
from webapp.seen import Seen
from webapp.walks import Kept

__all__ = ["Grounds", "State", "get_grounds", "init_app"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """How far the city is from being ready: `stage` is `streets`, `doors`, `ready` or `failed`.

    `seconds` since it was begun; `usual`, how long it took the last time, None where it was never made; `message` says
    what is missing where it failed.
    """

    stage: str
    seconds: float = 0.0
    usual: float | None = None
    message: str = ""


class Grounds:
    """Makes one ground for each version of the city.

    Parameters
    ----------
    city
        Store URL.
    walks
        The streets of the city, shared with the pages that walk on them.
    """

    def __init__(self, city: str, walks: Kept) -> None:
        self._city, self._walks = city, walks
        self._lock = threading.Lock()
        self._version, self._ground = "", None
        self._state, self._begun = State("streets"), 0.0
        self._usual: float | None = None

    def get(self, seen: Seen) -> tuple[Ground | None, State]:
        """The ground of the city as it is now, or None and how far it is; the first to ask begins to make it."""
        version = seen.meta().get("data_version", "")
        with self._lock:
            if version != self._version or (self._state.stage == "failed" and time.monotonic() - self._begun > 30):
                self._version, self._ground = version, None
                self._state, self._begun = State("streets"), time.monotonic()
                threading.Thread(
                    target=self._make, args=(version, seen.user), daemon=True, name="gridmap-what-if"
                ).start()
            state = self._state
            passed = 0.0 if state.stage == "ready" else time.monotonic() - self._begun
            return self._ground, State(state.stage, round(passed, 1), self._usual, state.message)

    def _make(self, version: str, user: User) -> None:
        begun = time.monotonic()
        try:
            with open_store(self._city) as store:
                walks = self._walks.get(Seen(store, user))
                self._tell(version, State("doors"))
                ground = Ground(walks, held_norms(store))
                ground.warm()
        except GridmapError as error:
            self._tell(version, State("failed", message=str(error)))
        except Exception:
            _log.exception("the city could not be made ready for what-if")
            self._tell(version, State("failed"))
        else:
            with self._lock:
                if version == self._version:
                    self._ground, self._state = ground, State("ready")
                    self._usual = round(time.monotonic() - begun, 1)

    def _tell(self, version: str, state: State) -> None:
        with self._lock:
            if version == self._version:
                self._state = state


def get_grounds() -> Grounds:
    """The grounds of the city that is served."""
    grounds: Grounds = current_app.extensions["grounds"]
    return grounds


def init_app(app: Flask) -> None:
    """Make room for one city; after `webapp.walks`."""
    app.extensions["grounds"] = Grounds(app.config["CITY"], app.extensions["walks"])
