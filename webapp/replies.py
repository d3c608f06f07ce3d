"""Answers with data: kept in memory by the city's version and the asker's reach, packed, and not sent twice."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from flask import Flask, Response, current_app, make_response, request

from webapp.guard import get_seen

__all__ = ["Kept", "data_answer", "desk_version", "init_app", "kept_text"]


class Kept:
    """Packed answers by key, the longest unused dropped first.

    Parameters
    ----------
    most
        Bytes.

    Examples
    --------
    >>> kept = Kept(most=10)
    >>> kept.put("a", b"123456"); kept.put("b", b"123456")
    >>> kept.get("a"), kept.get("b")
    (None, b'123456')
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._items: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The answer, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Keep an answer; one that is larger than everything together is not kept."""
        with self._lock:
            self._size += len(content) - len(self._items.pop(key, b""))
            self._items[key] = content
            while self._size > self.most:
                self._size -= len(self._items.popitem(last=False)[1])


def data_answer(
    what: str, make: Callable[[], str], *, content_type: str = "application/json", incidents: bool = False,
    soon: bool = False,
) -> Response:
    """An answer with data that the asker may see.

    Parameters
    ----------
    what
        Names the answer within the city: path and parameters. Role, reach and the city's version are added here, so
        that nobody is given what was made for another.
    make
        Makes the text, where it is not at hand.
    incidents
        Whether incidents are in it: then it is made anew after each move of the desk, which leaves the rest of the
        city as it is.
    soon
        That it need not be made anew after each move, but within `REPORTS_SECONDS`: it counts all there are.

    Returns
    -------
    200 with an ETag, packed where the browser takes that; 304 where the browser has it already.
    """
    key, version = _key(what, desk_version(soon=soon) if incidents else None)
    tag = hashlib.sha256(key.encode()).hexdigest()[:32]
    if version and request.if_none_match.contains_weak(tag):
        answer = make_response("", 304)
    else:
        packed = _packed(key, version, make)
        if request.accept_encodings.quality("gzip") > 0:
            answer = make_response(packed)
            answer.headers["Content-Encoding"] = "gzip"
        else:
            answer = make_response(gzip.decompress(packed))
        answer.headers["Content-Type"] = content_type
    if version:
        answer.set_etag(tag)
    # the browser keeps it and asks each time whether it still holds; nobody in between keeps it
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Vary"] = "Cookie, Accept-Encoding"
    return answer


def kept_text(what: str, make: Callable[[], str], *, incidents: bool = False) -> str:
    """A text made once for everyone of the same role and reach, as long as the city stays as it is.

    Parameters
    ----------
    what, make, incidents
        As for `data_answer`.
    """
    desk = desk_version(soon=False) if incidents else None
    return gzip.decompress(_packed(*_key(what, desk), make)).decode()


def desk_version(*, soon: bool) -> str:
    """The state of the incidents: another one after each move; with `soon`, at most one in `REPORTS_SECONDS`."""
    version = get_seen().meta().get("incidents_version", "")
    if not soon:
        return version
    shown: list[tuple[str, float]] = current_app.extensions["desk_version"]
    now = time.monotonic()
    if not shown or now - shown[0][1] >= current_app.config["REPORTS_SECONDS"]:
        shown[:] = [(version, now)]
    return shown[0][0]


def _key(what: str, desk: str | None = None) -> tuple[str, str]:
    """Key of an answer for who asks, and the city's version ("" where it has none)."""
    seen = get_seen()
    version = seen.meta().get("data_version", "")
    if version and desk is not None:
        version = f"{version} {desk}"
    return "\n".join([version, seen.user.role, *seen.reach, "", what]), version


def _packed(key: str, version: str, make: Callable[[], str]) -> bytes:
    kept: Kept = current_app.extensions["kept"]
    packed = kept.get(key) if version else None
    if packed is None:
        packed = gzip.compress(make().encode(), compresslevel=6, mtime=0)
        if version:
            kept.put(key, packed)
    return packed


def init_app(app: Flask) -> None:
    """Make room for answers."""
    app.extensions["kept"] = Kept(app.config["CACHE_BYTES"])
    app.extensions["desk_version"] = []
