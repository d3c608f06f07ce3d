"""The map page, and the map as a picture."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

import folium
from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gridmap.atlas import DRAWN
from gridmap.maps import draw
from gridmap.maps.assets import outside_links
from gridmap.maps.documents import ON_MAP
from gridmap.maps.page import page_parts
from gridmap.maps.vector_tiles import draw_tiles
from layers.errors import NotFound
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.replies import kept_text
from webapp.seen import GROUND, Seen
from webapp.tiles import get_tiles
from webapp.views.tiles import layers_document

__all__ = ["bp"]

bp = Blueprint("maps", __name__)


@bp.get("/")
@needs("map.view")
def show() -> ResponseReturnValue:
    """The city, as far as the person sees it; the data come by themselves."""
    seen = get_seen()
    meta = seen.meta()
    parts = page_parts(_in_tiles(seen, meta) or _in_layers(seen, meta))
    page = render_template("map.html", parts=parts, city=meta.get("name", ""), made=made_at(meta), user=get_user())
    assert not outside_links(page), "the map page must ask no other host"
    if not request.accept_encodings["gzip"]:
        return page
    # nothing that the asker sends stands in this page, so packing gives no secret of it away
    answer = Response(gzip.compress(page.encode(), mtime=0), mimetype="text/html")
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Cookie, Accept-Encoding"
    return answer


@bp.get("/picture.<any(png, svg):form>")
@needs("map.view")
def image(form: str) -> Response:
    """The map as a picture, as far as the person sees it; `within` a unit, coloured by `measure`, `chosen` marked."""
    from gridmap.maps.picture import picture_bytes  # drawing is loaded where it is asked for

    seen, within = get_seen(), request.args.get("within", "")
    today = datetime.now().astimezone().date()
    micro_grids = seen.read("micro_grids", within=(within,), as_of=today)
    if not len(micro_grids):
        raise NotFound(f"there is no micro-grid within {within!r} that you may see; choose a unit on the map")
    present = [name for name in seen.layers() if name in DRAWN]
    frames = {
        name: seen.ground(name) if name in GROUND else seen.read(name, within=(within,), as_of=today)
        for name in present
    }  # fmt: skip
    meta = seen.meta()
    content = picture_bytes(
        micro_grids, format=form, measure=request.args.get("measure"), layers=frames, title=meta.get("name", ""),
        lang=current(), attribution=meta.get("attribution", ""), chosen=request.args.get("chosen", ""),
    )
    answer = Response(content, mimetype={"png": "image/png", "svg": "image/svg+xml"}[form])
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _in_tiles(seen: Seen, meta: dict[str, str]) -> folium.Map | None:
    """The city in vector tiles; None where it has none, or none that the person may see."""
    try:
        version = get_tiles().version()
    except NotFound:
        return None
    document = json.loads(kept_text(f"tiles page {version.name}", lambda: json.dumps(layers_document(seen, version))))
    if not document["bounds"]:
        return None
    stale = version.data_version != meta.get("data_version", "")
    return draw_tiles(document, **_facts(meta), search=url_for("search.found"), stale=stale, past="/past/")


def _in_layers(seen: Seen, meta: dict[str, str]) -> folium.Map:
    """The city in whole layers: until its tiles are made."""
    present = [name for name in seen.layers() if name in ON_MAP]
    return draw(
        layers=present, **_facts(meta), data="/data/", language_switch=False,
        near=[name for name in present if seen.rows(name) > current_app.config["NEAR_ROWS"]],
    )


def _facts(meta: dict[str, str]) -> dict[str, Any]:
    """What both maps are told of the city."""
    band = json.loads(meta.get("settings", "{}")).get("split", {}).get("households", [15, 25, 40])
    return {
        "title": meta.get("name", ""), "lang": current(), "households": (band[0], band[1], band[2]),
        "attribution": meta.get("attribution", ""), "assets": "/assets/", "ways": "/way/", "notices": "/card/",
    }


def made_at(meta: dict[str, str]) -> str:
    """The day the city was computed, as the reader's language writes it; "" where unknown."""
    try:
        day = datetime.fromisoformat(meta.get("made_at", ""))
    except ValueError:
        return ""
    if current() == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%b %Y}"
