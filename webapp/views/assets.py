"""Scripts and styles of the map, the same for everyone and for ever: their names change with their content."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, request, send_from_directory, url_for
from werkzeug.security import safe_join

from webapp.guard import public

__all__ = ["bp", "static_url"]

bp = Blueprint("assets", __name__)


@lru_cache(maxsize=64)
def _mark(path: Path) -> str:
    """A piece of the file's hash: a new text is a new address, so browsers may keep the old one for long."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


@bp.app_template_global()
def static_url(name: str) -> str:
    """Address of one of the service's own styles or pictures."""
    folder = Path(current_app.static_folder or "")
    return url_for("static", filename=name, v=_mark(folder / name))


_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@lru_cache(maxsize=64)
def _packed(path: Path) -> bytes:
    """The file in gzip, packed once: another content has another name."""
    return gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)


@bp.get("/assets/<name>")
@public
def file(name: str) -> Response:
    """One file, packed where the browser takes that."""
    path = safe_join(str(current_app.config["ASSETS"]), name)
    if path is not None and Path(path).suffix in _TYPES and Path(path).is_file() and request.accept_encodings["gzip"]:
        answer = make_response(_packed(Path(path)))
        answer.headers["Content-Type"] = _TYPES[Path(path).suffix]
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer = send_from_directory(current_app.config["ASSETS"], name)
    answer.headers["Vary"] = "Accept-Encoding"
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
