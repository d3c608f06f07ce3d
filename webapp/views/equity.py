"""How evenly what the asker sees is served: one page in words, figures, curves, and clusters of low coverage."""

from __future__ import annotations

import json

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from gridmap.equity import draw_lorenz, find_hot_spots, measure_equity
from layers.errors import MissingLayer
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.replies import data_answer, kept_text

__all__ = ["bp"]

bp = Blueprint("equity", __name__)

#: Rows of a list on the page.
_MOST = 100


def _made() -> str:
    try:
        found = measure_equity(get_seen())
    except MissingLayer:
        return "null"  # an area without coverage
    told = found.facts()
    told["titles"] = {kind: {"zh": zh, "en": en} for kind, (zh, en) in found.titles.items()}
    told["names"] = dict(found.names)
    told["pictures"] = {kind: draw_lorenz(curve) for kind, curve in found.curves.items()}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@bp.get("/equity")
@needs("equity.view")
def show() -> ResponseReturnValue:
    """The page; `kind` chooses the curve and the clusters."""
    told = json.loads(kept_text("equity", _made))
    kind, spots = request.args.get("kind", ""), None
    if told:
        kinds = [row["kind"] for row in told["kinds"] if row["group"] == "households"]
        kind = kind if kind in kinds else min(
            kinds, key=lambda name: next(r["covered"] for r in told["kinds"] if r["kind"] == name)
        )  # fmt: skip
        spots = json.loads(kept_text(f"hot-spots {kind}", lambda: _spots(kind)))
    return render_template(
        "equity.html", told=told, kind=kind, spots=spots, words=told["words"][current()] if told else "", most=_MOST,
        # our own drawing of numbers, no text from the data in it
        picture=Markup(told["pictures"][kind]) if told else "", user=get_user(),  # noqa: S704
    )


@bp.get("/equity.json")
@needs("equity.view")
def figures() -> Response:
    """The figures as JSON."""
    return data_answer("equity", _made)


def _spots(kind: str) -> str:
    found = find_hot_spots(get_seen(), kind)
    counts = {str(name): int(n) for name, n in found["cluster"].value_counts().items()}
    low = found[found["cluster"] == "low"].sort_values("gi_star")
    rows = low[["code", "households", "coverage", "gi_star"]].to_json(orient="records")
    return json.dumps({"counts": counts, "low": json.loads(rows)})
