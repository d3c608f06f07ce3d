"""How good the plan is: bands, shapes, boundaries, and the exceptions with their reasons."""

from __future__ import annotations

import json

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from gridmap.quality import measure_quality
from layers.errors import MissingLayer
from webapp.guard import get_seen, get_user, needs
from webapp.replies import data_answer, kept_text

__all__ = ["bp"]

bp = Blueprint("quality", __name__)

#: Rows of a table on the page; the JSON has all.
_MOST = 300


def _made() -> str:
    seen = get_seen()
    try:
        told = measure_quality(seen, whole=seen.reach == ("",)).to_dict()
    except MissingLayer:
        return "null"  # an area without micro-grids, or none at all
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@bp.get("/quality")
@needs("quality.view")
def show() -> ResponseReturnValue:
    """The figures of what the asker sees: the whole, each community, each grid, the exceptions."""
    told = json.loads(kept_text("quality", _made))
    lived = [row for row in told["exceptions"] if row["households"] > 0] if told else []
    return render_template(
        "quality.html", told=told, exceptions=lived[:_MOST], missed=told["missed"][:_MOST] if told else [], most=_MOST,
        n=len(lived), user=get_user(),
    )  # fmt: skip


@bp.get("/quality.json")
@needs("quality.view")
def figures() -> Response:
    """The same as JSON."""
    return data_answer("quality", _made)
