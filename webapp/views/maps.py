"""The map page."""

from __future__ import annotations

import json
from datetime import datetime

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from gridmap.maps import draw
from gridmap.maps.assets import outside_links
from gridmap.maps.documents import ON_MAP
from gridmap.maps.page import page_parts
from webapp.guard import get_seen, get_user, needs
from webapp.language import current

__all__ = ["bp"]

bp = Blueprint("maps", __name__)


@bp.get("/")
@needs("map.view")
def show() -> ResponseReturnValue:
    """The city, as far as the person sees it; the data come by themselves."""
    seen = get_seen()
    meta = seen.meta()
    present = [name for name in seen.layers() if name in ON_MAP]
    band = json.loads(meta.get("settings", "{}")).get("split", {}).get("households", [15, 25, 40])
    drawn = draw(
        layers=present, title=meta.get("name", ""), lang=current(), households=(band[0], band[1], band[2]),
        attribution=meta.get("attribution", ""), assets="/assets/", data="/data/", language_switch=False,
        ways="/way/",
        near=[name for name in present if seen.rows(name) > current_app.config["NEAR_ROWS"]],
    )
    parts = page_parts(drawn)
    page = render_template("map.html", parts=parts, city=meta.get("name", ""), made=made_at(meta), user=get_user())
    assert not outside_links(page), "the map page must ask no other host"
    return page


def made_at(meta: dict[str, str]) -> str:
    """The day the city was computed, as the reader's language writes it; "" where unknown."""
    try:
        day = datetime.fromisoformat(meta.get("made_at", ""))
    except ValueError:
        return ""
    if current() == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%b %Y}"
