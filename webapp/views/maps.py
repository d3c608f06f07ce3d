"""The map page, and the map as a picture."""

from __future__ import annotations

import gzip
from datetime import datetime

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.atlas import DRAWN
from gridmap.maps.assets import outside_links
from gridmap.maps.page import page_parts
from layers.errors import NotFound
from webapp.city_map import city_map, made_at
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.seen import GROUND

__all__ = ["bp"]

bp = Blueprint("maps", __name__)


@bp.get("/")
@needs("map.view")
def show() -> ResponseReturnValue:
    """The city, as far as the person sees it; the data come by themselves."""
    seen = get_seen()
    meta = seen.meta()
    parts = page_parts(city_map(seen, past="/past/"))
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
