"""Scripts and styles of the map, the same for everyone and for ever: their names change with their content."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, send_from_directory

from webapp.guard import public

__all__ = ["bp"]

bp = Blueprint("assets", __name__)


@bp.get("/assets/<name>")
@public
def file(name: str) -> Response:
    """One file."""
    answer = send_from_directory(current_app.config["ASSETS"], name)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
