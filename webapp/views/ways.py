"""What the households of one building reach on foot, and the way there on a map."""

from __future__ import annotations

import json

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from gridmap.maps import draw
from gridmap.maps.page import page_parts
from gridmap.ways import add_way, reached_from, way_from
from layers.errors import WrongCall
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.replies import data_answer
from webapp.seen import GROUND
from webapp.walks import get_walks

__all__ = ["bp"]

bp = Blueprint("ways", __name__, url_prefix="/way")

#: What a map shows around a way, metres.
_AROUND_M = 250.0


@bp.get("/<building>")
@needs("way.view")
def show(building: str) -> ResponseReturnValue:
    """The nearest facility of every kind, in metres."""
    seen = get_seen()
    home = seen.building(building)
    return render_template(
        "ways.html", home=home, rows=reached_from(get_walks(seen), building).to_dict("records"), user=get_user()
    )


@bp.get("/<building>/<kind>.json")
@needs("way.view")
def figures(building: str, kind: str) -> ResponseReturnValue:
    """One way as JSON, its line in longitude and latitude."""
    seen = get_seen()
    seen.building(building)
    return data_answer(
        f"way/{building}/{kind}",
        lambda: json.dumps(way_from(get_walks(seen), building, kind).facts(), ensure_ascii=False, allow_nan=False),
    )


@bp.get("/<building>/<kind>")
@needs("way.view")
def on_map(building: str, kind: str) -> ResponseReturnValue:
    """One way on a map."""
    seen = get_seen()
    seen.building(building)
    way = way_from(get_walks(seen), building, kind)
    if way.way.line is None:
        raise WrongCall(way.words(current()))
    west, south, east, north = way.way.line.bounds
    box = (west - _AROUND_M, south - _AROUND_M, east + _AROUND_M, north + _AROUND_M)
    layers = {name: seen.ground(name, bbox=box) for name in GROUND if name in seen.layers()}
    layers["buildings"] = seen.read("buildings", bbox=box)
    drawn = draw(
        seen.read("micro_grids", bbox=box), measure="", layers=layers, title=way.words(current()), lang=current(),
        assets="/assets/", language_switch=False, attribution=seen.meta().get("attribution", ""),
    )
    parts = page_parts(add_way(drawn, way))
    return render_template("map.html", parts=parts, city=seen.meta().get("name", ""), made="", user=get_user())
