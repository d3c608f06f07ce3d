"""A shorter way to a tile for who has just been let in: half of the time of an answer went into asking who asks.

The first tile of a session goes the long way: the cookie is read, its signature checked, the account looked up, the
right and the area asked for. What came out is kept for a minute, by the very text of the cookie and where it came from,
and only as long as nothing in the store changes: an account that is disabled, a new password or a new area ends it at
once. A tile that is not at hand, or not plainly theirs, goes the long way too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, current_app

from gridmap.roles import User, reach
from webapp.store import get_account_stamp
from webapp.tiles import TILE_HEADERS, Tiles

__all__ = ["TileDoor", "init_app", "remember"]

#: How long an answer to "who is it" holds, seconds.
HOLDS = 60.0
_MOST = 20_000
_WHO = ("HTTP_COOKIE", "REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_USER_AGENT")
_HEADERS = [
    *TILE_HEADERS.items(),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]


class TileDoor:
    """Answers for tiles in front of the service.

    Parameters
    ----------
    inner
        The service.
    app
        Its application, whose store and tiles are asked.
    clock
        Seconds that only grow.
    """

    def __init__(self, inner: Any, app: Flask, clock: Callable[[], float] = time.monotonic) -> None:
        self.inner = inner
        self._shared = app.extensions["store"]
        self._tiles: Tiles = app.extensions["tiles"]
        self._clock = clock
        self._known: dict[tuple, tuple[Any, float, User, tuple[str, ...]]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer, or pass the request on."""
        path = environ.get("PATH_INFO", "")
        if path.endswith(".pbf") and path.startswith("/tiles/") and environ.get("REQUEST_METHOD") == "GET":
            packed = self._at_hand(environ, path)
            if packed:
                start_response("200 OK", [*_HEADERS, ("Content-Length", str(len(packed)))])
                return [packed]
        answer: Iterable[bytes] = self.inner(environ, start_response)
        return answer

    def remember(self, environ: dict[str, Any], user: User, stamp: Any) -> None:
        """Keep who it is that sends these words; `stamp` is the state of the store at which the service found out."""
        if stamp is None or not environ.get("HTTP_COOKIE"):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[_who(environ)] = (stamp, self._clock() + HOLDS, user, reach(user))

    def _at_hand(self, environ: dict[str, Any], path: str) -> bytes | None:
        known = self._known.get(_who(environ))
        if known is None:
            return None
        stamp, until, user, areas = known
        if self._clock() > until or stamp != self._shared.stamp():
            return None
        parts = path.split("/")
        version = self._tiles.shelf.current()
        if len(parts) != 7 or version is None or parts[2] != version.name:
            return None
        numbers = (parts[4], parts[5], parts[6][:-4])
        if not all(number.isascii() and number.isdigit() for number in numbers):
            return None
        z, x, y = (int(number) for number in numbers)
        return self._tiles.at_hand(user, areas, version, parts[3], z, x, y)


def _who(environ: dict[str, Any]) -> tuple:
    return tuple(environ.get(name) for name in _WHO)


def remember(environ: dict[str, Any], user: User) -> None:
    """Let who was let in by the long way come by the short one."""
    door: TileDoor = current_app.extensions["tile_door"]
    door.remember(environ, user, get_account_stamp())


def init_app(app: Flask) -> None:
    """Put the door before the service."""
    door = TileDoor(app.wsgi_app, app)
    app.extensions["tile_door"] = door
    app.wsgi_app = door  # type: ignore[method-assign]
