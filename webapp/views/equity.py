"""How evenly what the asker sees is served: a map with figures, a curve, and clusters of low coverage."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from gridmap.equity import draw_lorenz, find_hot_spots, measure_equity
from gridmap.maps.assets import outside_links
from layers.errors import MissingLayer, NotFound
from webapp.city_map import city_parts, lived_in, made_at
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.replies import data_answer, kept_text

__all__ = ["bp"]

bp = Blueprint("equity", __name__)

#: Rows of a list on the page.
_MOST = 40


def _made() -> str:
    try:
        found = measure_equity(get_seen())
    except MissingLayer:
        return "null"  # an area without coverage
    told = found.facts()
    told["titles"] = {kind: {"zh": zh, "en": en} for kind, (zh, en) in found.titles.items()}
    told["names"] = dict(found.names)
    told["pictures"] = {kind: draw_lorenz(curve) for kind, curve in found.curves.items()}
    return _json(told)


def _json(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _figures() -> str:
    """Without the curves, which are many numbers."""
    told = json.loads(kept_text("equity", _made))
    return _json({name: value for name, value in told.items() if name not in ("lorenz", "pictures")} if told else None)


def _picture(kind: str) -> str:
    told = json.loads(kept_text("equity", _made))
    return str(told["pictures"][kind])


@bp.get("/equity")
@needs("equity.view")
def show() -> ResponseReturnValue:
    """The page; `kind` chooses the curve and the clusters."""
    told = json.loads(kept_text("equity page", _figures))
    kind, spots, kinds, one = request.args.get("kind", ""), None, [], None
    if told:
        kinds = sorted(
            (row for row in told["kinds"] if row["group"] == "households"),
            key=lambda row: (row["covered"] is None, row["covered"]),
        )  # the least covered first
        one = next((row for row in kinds if row["kind"] == kind), kinds[0])
        kind = one["kind"]
        spots = json.loads(kept_text(f"hot-spots page {kind}", lambda: _first(kind)))
    seen = get_seen()
    meta = seen.meta()
    page = render_template(
        "equity.html", parts=city_parts(seen, measure=f"coverage:{kind}" if told else None),
        city=meta.get("name", ""), made=made_at(meta), lived=lived_in(seen),
        told=told, kind=kind, kinds=kinds, one=one, spots=spots,
        words=told["words"][current()] if told else "",
        groups=[row for row in told["kinds"] if row["kind"] == kind and row["group"] != "households"] if told else [],
        # our own drawing of numbers, no text from the data in it
        picture=Markup(kept_text(f"equity picture {kind}", lambda: _picture(kind))) if told else "",  # noqa: S704
        user=get_user(),
    )
    assert not outside_links(page), "the page must ask no other host"
    return page


@bp.get("/equity.json")
@needs("equity.view")
def figures() -> Response:
    """The figures as JSON."""
    return data_answer("equity", _made)


@bp.get("/equity/low.json")
@needs("equity.view")
def low() -> Response:
    """Codes of the micro-grids where low coverage of a `kind` clusters, for the map."""
    kind, told = request.args.get("kind", ""), json.loads(kept_text("equity page", _figures))
    if not told or kind not in (row["kind"] for row in told["kinds"]):
        raise NotFound(f"there is no coverage of {kind!r} in your area; choose another kind")
    return data_answer(f"equity low {kind}", lambda: _json(_clusters(kind)["codes"]))


def _first(kind: str) -> str:
    """The clusters without their codes, which may be thousands."""
    told = _clusters(kind)
    return _json({"counts": told["counts"], "rows": told["rows"], "many": len(told["codes"])})


def _clusters(kind: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(kept_text(f"hot-spots {kind}", lambda: _spots(kind)))
    return told


def _spots(kind: str) -> str:
    found = find_hot_spots(get_seen(), kind)
    counts = {str(name): int(n) for name, n in found["cluster"].value_counts().items()}
    low = found[found["cluster"] == "low"].sort_values("gi_star")
    rows = low[["code", "name", "households", "coverage"]].head(_MOST).to_json(orient="records")
    return _json({"counts": counts, "rows": json.loads(rows), "codes": low["code"].tolist()})
