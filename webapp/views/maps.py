"""The map page, and the map as a picture."""

from __future__ import annotations

import gzip
from datetime import date, datetime

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.atlas import DRAWN
from gridmap.maps.assets import outside_links
from gridmap.stores.scope import LEVEL_OF
from layers.errors import NotFound
from webapp.city_map import city_parts, made_at, written
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.past import days_of, read_day
from webapp.seen import GROUND, Seen

__all__ = ["bp"]

bp = Blueprint("maps", __name__)

#: What a picture of an earlier day leaves out: it follows from the units of today.
_OF_TODAY = ("coverage", "incidents", "gaps")


@bp.get("/")
@needs("map.view")
def show() -> ResponseReturnValue:
    """The city, as far as the person sees it; the data come by themselves."""
    seen = get_seen()
    meta = seen.meta()
    parts = city_parts(seen, past="/past/", picture="/picture.")
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
    """The map as a picture, as far as the person sees it: `within` a unit, `measure`, `chosen`, as of a `day`."""
    from gridmap.maps.picture import picture_bytes  # drawing is loaded where it is asked for

    seen, within = get_seen(), request.args.get("within", "")
    today = datetime.now().astimezone().date()
    asked = request.args.get("day")
    day = today if asked is None else date.fromisoformat(read_day(asked))
    if day != today and days_of(seen).state(day.isoformat()) == "before":
        raise NotFound(f"there was no plan yet on {day}; the first one begins on {days_of(seen).first}")
    micro_grids = seen.read("micro_grids", within=(within,), as_of=day)
    if not len(micro_grids):
        raise NotFound(f"there is no micro-grid within {within!r} that you may see; choose a unit on the map")
    # coverage and incidents are kept as of today only
    present = [name for name in seen.layers() if name in DRAWN and (day == today or name not in _OF_TODAY)]
    frames = {
        name: seen.ground(name) if name in GROUND else seen.read(name, within=(within,), as_of=day)
        for name in present
    }  # fmt: skip
    meta = seen.meta()
    content = picture_bytes(
        micro_grids, format=form, measure=request.args.get("measure"), layers=frames,
        title=_picture_title(seen, within, meta, asked), lang=current(), attribution=meta.get("attribution", ""),
        chosen=request.args.get("chosen", ""),
    )
    answer = Response(content, mimetype={"png": "image/png", "svg": "image/svg+xml"}[form])
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _picture_title(seen: Seen, within: str, meta: dict[str, str], day: str | None) -> str:
    """The city, the unit that is drawn where it has a name, and the day where it is not today."""
    parts = [meta.get("name", "")]
    level = LEVEL_OF.get(len(within))
    if level is not None and level != "micro_grids" and seen.sees(level):
        units = seen.read(level, within=(within,), as_of=None if day is None else date.fromisoformat(day))
        names = units.loc[units["code"] == within, "name"].dropna() if "name" in units else []
        parts += [str(name) for name in names if str(name) != parts[0]]
    if day is not None:
        parts.append(written(date.fromisoformat(day)))
    return " · ".join(part for part in parts if part)
