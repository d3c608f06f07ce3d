"""Pictures of a background map, fetched by the service: the key stays here, and readers ask no other host."""

from __future__ import annotations

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
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")


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
        found = _fetched(chosen.address(z, x, y))
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
        Where the server does not answer, or with something else. Nothing of the address is told: it holds the key.
    """
    asked = urllib.request.Request(address, headers={"User-Agent": "gridmap"})  # noqa: S310  # http(s) by the setting
    try:
        with _opener.open(asked, timeout=_WAIT) as answer:
            kind = answer.headers.get_content_type()
            content = answer.read(_LARGEST + 1)
    except (urllib.error.URLError, OSError, ValueError):
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
    app.extensions["background_kept"] = Kept(config["CACHE_BYTES"] // 2)
