"""The card of a micro-grid for the notice board: a page to print, a PDF, and its map."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pandas as pd
from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from gridmap.maps.notice import Notice, duties, nearby, qr_svg, rows_of
from webapp.guard import get_seen, needs
from webapp.language import current
from webapp.replies import kept_text
from webapp.seen import GROUND, Seen

__all__ = ["bp"]

bp = Blueprint("cards", __name__, url_prefix="/card")

#: The map on the card: pixels, how much of its surroundings it shows, and the least it shows, metres.
_SIZE, _AROUND, _LEAST_M = (910, 520), 1.8, 120.0


@bp.get("/<code>")
@needs("card.view")
def show(code: str) -> ResponseReturnValue:
    """The card as a page that prints on one sheet of A4."""

    def made() -> str:
        notice, _ = _notice(get_seen(), code)
        sheet = render_template(
            "card_sheet.html", notice=notice, people=rows_of(notice.people), qr=qr_svg(notice.report),
        )
        return json.dumps([notice.title, sheet], ensure_ascii=False)

    # who is on duty changes with the day, what the code says with the address
    mark = json.dumps([current(), _today().isoformat(), _address(), code])
    title, sheet = json.loads(kept_text(f"card {mark}", made))
    return render_template("card.html", title=title, sheet=Markup(sheet))  # noqa: S704 - made by our template


@bp.get("/<code>.pdf")
@needs("card.view")
def pdf(code: str) -> Response:
    """The card as a PDF."""
    from gridmap.maps.notice_pdf import notice_pdf  # drawing is loaded where it is asked for

    seen = get_seen()
    notice, nearest = _notice(seen, code)
    content = notice_pdf(notice, _map(seen, code, nearest, sharpness=2), lang=current())
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'attachment; filename="gridmap-{code}.pdf"'
    return answer


@bp.get("/<code>.png")
@needs("card.view")
def image(code: str) -> Response:
    """The map of the card."""
    seen = get_seen()
    _, nearest = _notice(seen, code)
    answer = Response(_map(seen, code, nearest, sharpness=2), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _notice(seen: Seen, code: str) -> tuple[Notice, Any]:
    """What the card says, and the facilities that it names."""
    today = _today()
    grids = seen.micro_grid(code)
    own = grids[grids["code"] == code].iloc[0]
    coverage = seen.read("coverage", within=(code,)) if seen.sees("coverage") else pd.DataFrame()
    names = seen.nearest(code)
    people = duties(seen.answerable(code, as_of=today), code, lang=current())
    floors = own.get("floor_from"), own.get("floor_to")
    notice = Notice(
        code=code, title=_text(own.get("name")) or code, path=tuple(seen.above(code)),
        households=_number(own.get("households")), buildings=_number(own.get("buildings")),
        floors="" if any(pd.isna(floor) for floor in floors) else f"{floors[0]}–{floors[1]}",
        people=people, near=nearby(coverage, names, lang=current()) if len(coverage) else (),
        report=f"{_address()}/incidents/new?micro_grid={code}", day=today,
        attribution=seen.meta().get("attribution", ""),
    )  # fmt: skip
    return notice, names[names["name"].isin([near.name for near in notice.near])]


def _map(seen: Seen, code: str, nearest: Any, *, sharpness: float) -> bytes:
    from gridmap.maps.picture import picture_bytes

    grids = seen.micro_grid(code)
    west, south, east, north = grids[grids["code"] == code].total_bounds
    ratio = _SIZE[0] / _SIZE[1]
    half = max((east - west) / 2, (north - south) / 2 * ratio, _LEAST_M / 2) * _AROUND
    x, y = (west + east) / 2, (south + north) / 2
    view = (x - half, y - half / ratio, x + half, y + half / ratio)
    layers = {name: seen.ground(name, bbox=view) for name in GROUND if name in seen.layers()}
    layers["buildings"] = seen.read("buildings", bbox=view)
    facilities = seen.read("facilities", bbox=view)
    layers["facilities"] = facilities[facilities["code"].isin(nearest["code"])]
    return picture_bytes(
        seen.read("micro_grids", bbox=view, as_of=_today()), layers=layers, chosen=code, key=False, size=_SIZE,
        view=view, sharpness=sharpness, lang=current(),
    )


def _address() -> str:
    """Where people reach the service."""
    address: str = current_app.config["ADDRESS"] or request.url_root
    return address.rstrip("/")


def _today() -> date:
    return datetime.now().astimezone().date()


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else int(value)
