"""Search: one line for codes, names, buildings, addresses and pinyin initials, everywhere."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gridmap.searching import Found
from webapp.guard import get_seen, needs
from webapp.searches import find

__all__ = ["bp"]

bp = Blueprint("search", __name__, url_prefix="/search")

_MOST_ON_PAGE, _MOST_IN_LIST = 60, 12
#: Layers whose code the map opens.
_UNITS = ("districts", "streets", "communities", "grids", "micro_grids")


@bp.get("")
@needs("search.use")
def page() -> ResponseReturnValue:
    """What was found, with links to the map."""
    asked = _asked()
    found = find(get_seen(), asked, _MOST_ON_PAGE) if asked else []
    rows = [{"found": hit, "href": _on_map(hit)} for hit in found]
    return render_template("search.html", asked=asked, rows=rows, most=_MOST_ON_PAGE)


@bp.get("/found.json")
@needs("search.use")
def found() -> Response:
    """The same for a list that follows the typing."""
    asked = _asked()
    hits = find(get_seen(), asked, _MOST_IN_LIST) if asked else []
    text = json.dumps([_told(hit) for hit in hits], ensure_ascii=False, separators=(",", ":"))
    return Response(text, mimetype="application/json")


def _asked() -> str:
    return request.args.get("q", "").strip()[:100]


def _told(hit: Found) -> dict[str, Any]:
    return {
        "layer": hit.layer, "code": hit.code, "name": hit.name, "address": hit.address, "at": _at(hit),
        "place": None if hit.lon is None or hit.lat is None else [round(hit.lon, 6), round(hit.lat, 6)],
    }  # fmt: skip


def _at(hit: Found) -> str:
    """What the map is to open: a unit by its code, anything else by layer and code; "" where it has no code."""
    if not hit.code or hit.layer == "roads":
        return ""
    return hit.code if hit.layer in _UNITS else f"{hit.layer}:{hit.code}"


def _on_map(hit: Found) -> str:
    parts = [f"at={_at(hit)}"] if _at(hit) else []
    if hit.lat is not None and hit.layer not in _UNITS:
        parts.append(f"view=18/{hit.lat:.5f}/{hit.lon:.5f}")
    return url_for("maps.show", _anchor="&".join(parts))
