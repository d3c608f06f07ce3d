"""How good the plan is: bands, shapes, boundaries, and the exceptions with their reasons."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.quality import measure_quality
from layers.errors import MissingLayer
from webapp.guard import get_seen, get_user, needs
from webapp.pages import Page
from webapp.replies import data_answer, kept_text

__all__ = ["bp"]

bp = Blueprint("quality", __name__)

#: Rows of a list on one page.
_ROWS = 50
#: What is listed, one list at a time.
_LISTS = ("exceptions", "missed", "level_exceptions", "communities", "grids")


def _made() -> str:
    seen = get_seen()
    try:
        told = measure_quality(seen, whole=seen.reach == ("",)).to_dict()
    except MissingLayer:
        return "null"  # an area without micro-grids, or none at all
    return _json(told)


def _json(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _lists() -> tuple[Any, dict[str, list[Any]]]:
    """What was measured, and the lists of it that a person reads: of what is out of the band, where people live."""
    told = json.loads(kept_text("quality", _made))
    lists = {name: told.pop(name) for name in _LISTS} if told else {}
    if told:
        lists["exceptions"] = [row for row in lists["exceptions"] if row["households"] > 0]
    return told, lists


def _figures() -> str:
    """Everything but the lists, of which only the lengths are told."""
    told, lists = _lists()
    if told:
        told["lists"] = {name: len(rows) for name, rows in lists.items()}
        told["nearest"] = [
            {name: found[name] for name in ("area", "sentence", "sentence_zh")} for found in told["nearest"]
            if found["obstacles"]
        ]  # fmt: skip
    return _json(told)


@bp.get("/quality")
@needs("quality.view")
def show() -> ResponseReturnValue:
    """The figures of what the asker sees, and one `list` of it page by page."""
    told = json.loads(kept_text("quality page", _figures))
    chosen = request.args.get("list", "")
    chosen = chosen if chosen in _LISTS else _LISTS[0]
    page = Page(told["lists"][chosen] if told else 0, _ROWS)

    def rows() -> str:
        return _json(_lists()[1][chosen][page.skip : page.skip + _ROWS])

    listed = json.loads(kept_text(f"quality {chosen} {page.number}", rows)) if told else []
    return render_template("quality.html", told=told, chosen=chosen, listed=listed, page=page, user=get_user())


@bp.get("/quality.json")
@needs("quality.view")
def figures() -> Response:
    """The same as JSON."""
    return data_answer("quality", _made)
