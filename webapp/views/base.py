"""Pictures of a background map, fetched by the service: the key stays here, and readers ask no other host."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import Any

from flask import Blueprint, Flask, Response, current_app, make_response
from werkzeug.exceptions import BadGateway

from gridmap.maps.underlay import Background, background
from layers.errors import NotFound
from webapp.guard import needs
from webapp.replies import Kept

__all__ = ["bp", "init_app"]

bp = Blueprint("base", __name__)

#: Longest wait for a picture, seconds, and its largest size, bytes.
_WAIT, _LARGEST = 6.0, 2_000_000
#: How long a server that cannot be reached is left alone, seconds: each picture would keep a reader's thread waiting.
_REST = 15.0
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")


class _Unreachable(Exception):
    """Nobody answers at the address."""


class _NoDetours(urllib.request.HTTPRedirectHandler):
    """A background server that sends on to another address is not followed: the setting names the host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoDetours)


@bp.get("/base/<int:z>/<int:x>/<int:y>")
@needs("map.view")
def picture(z: int, x: int, y: int) -> Response:
    """One picture of the background."""
    chosen: Background | None = current_app.extensions["background"]
    if chosen is None:
        raise NotFound("the city has no background map; set GRIDMAP_BACKGROUND to use one")
    if not (chosen.minzoom <= z <= chosen.maxzoom and x < 1 << z and y < 1 << z):
        raise NotFound(f"the background has no tile {z}/{x}/{y}")
    kept: Kept = current_app.extensions["background_kept"]
    key = f"{z}/{x}/{y}"
    found = kept.get(key)
    if found is None:
        rest: dict[str, float] = current_app.extensions["background_rest"]
        if time.monotonic() < rest.get("until", 0.0):
            raise BadGateway
        try:
            found = _fetched(chosen.address(z, x, y))
        except _Unreachable:
            rest["until"] = time.monotonic() + _REST
            raise BadGateway from None
        kept.put(key, found)
    kind, _, content = found.partition(b"\n")
    answer = make_response(content)
    answer.headers["Content-Type"] = kind.decode()
    answer.headers["Cache-Control"] = "private, max-age=604800"
    return answer


def _fetched(address: str) -> bytes:
    """Kind and bytes of a picture, with a line break between.

    Raises
    ------
    BadGateway
        Where the server answers with something else. Nothing of the address is told: it holds the key.
    _Unreachable
        Where it does not answer at all.
    """
    asked = urllib.request.Request(address, headers={"User-Agent": "gridmap"})  # noqa: S310  # http(s) by the setting
    try:
        with _opener.open(asked, timeout=_WAIT) as answer:
            kind = answer.headers.get_content_type()
            content = answer.read(_LARGEST + 1)
    except urllib.error.HTTPError as answered:
        answered.close()
        raise BadGateway from None
    except (urllib.error.URLError, OSError):
        raise _Unreachable from None
    except ValueError:
        raise BadGateway from None
    if kind not in _PICTURES or len(content) > _LARGEST:
        raise BadGateway
    return bytes(kind.encode() + b"\n" + content)


def init_app(app: Flask) -> None:
    """Read the setting.

    Raises
    ------
    BadSettings
        Where it cannot be used.
    """
    config = app.config
    app.extensions["background"] = background(
        config["BACKGROUND"], key=config["BACKGROUND_KEY"], datum=config["BACKGROUND_DATUM"],
        attribution=config["BACKGROUND_ATTRIBUTION"],
    )
    app.extensions["background_rest"] = {}
    app.extensions["background_kept"] = Kept(config["CACHE_BYTES"] // 2)
