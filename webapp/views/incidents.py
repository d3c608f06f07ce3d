"""Incidents: the list, one of them with all that was done to it, the form to report one, and the next moves."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup
from werkzeug.exceptions import Forbidden

from gridmap.desk import MOST_PHOTOS, MOST_TEXT, Filed
from gridmap.desk_moves import MOVES, moves_from, state_of_row
from gridmap.maps.words import pair
from gridmap.roles import may
from gridmap.stores.incident_rows import MOST_COUNTED
from layers.errors import NotYourArea, WrongCall
from layers.incidents import CATEGORIES, OPEN, STATES
from webapp.desk import file_move, file_report, known_categories
from webapp.guard import get_seen, get_user, needs
from webapp.incident_parts import path_of, small_map, units_in_reach
from webapp.language import current, say
from webapp.replies import desk_version, kept_text

__all__ = ["bp", "init_app"]

bp = Blueprint("incidents", __name__, url_prefix="/incidents")

#: Rows on a page of the list.
_ROWS = 50


def init_app(app: Flask) -> None:
    """Let photos through where somebody may send them; before the token is looked at."""

    @app.before_request
    def room() -> None:
        right = {"incidents.report": "incident.report", "incidents.move": "incident.note"}.get(request.endpoint or "")
        if right and current_user.is_authenticated and may(get_user(), right):
            request.max_content_length = int(app.config["PHOTO_BYTES"])
            request.max_form_memory_size = 1 << 18

    @app.template_global()
    def incident_word(prefix: str, value: str | None) -> str:
        """A category or state in the reader's language; as it is where a file calls it otherwise."""
        titles = pair(f"{prefix}.{value}")
        return (titles[0 if current() == "zh" else 1] if titles else value) or "–"

    @app.template_global()
    def moment(value: datetime | None) -> str:
        """Day and time as the reader's language writes them."""
        if value is None:
            return "–"
        shown = value.astimezone() if value.tzinfo is not None else value
        if current() == "zh":
            return f"{shown.year}年{shown.month}月{shown.day}日 {shown:%H:%M}"
        return f"{shown.day} {shown:%b %Y, %H:%M}"


@bp.get("")
@needs("incident.list")
def show() -> ResponseReturnValue:
    """The list, filtered by `state`, `category`, `unit` and words, the newest first."""
    seen = get_seen()
    asked = {name: request.args.get(name, "").strip()[:100] for name in ("category", "unit", "q")}
    asked["state"] = request.args.get("state", "open")
    page = request.args.get("page", "1")
    number = min(max(int(page), 1), MOST_COUNTED // _ROWS) if page.isdecimal() and len(page) < 6 else 1

    def made() -> str:
        found = seen.incidents(
            unit=asked["unit"], state=asked["state"], category=asked["category"], text=asked["q"], limit=_ROWS,
            offset=(number - 1) * _ROWS,
        )
        return render_template(
            "incident_rows.html", rows=[_shown(row) for row in found.rows], total=found.total, counted=MOST_COUNTED,
            page=number, pages=-(-min(found.total, MOST_COUNTED) // _ROWS), asked=asked,
            filtered=any(asked[name] for name in ("category", "unit", "q")),
        )

    # the rows stay as they are until somebody makes a move
    mark = json.dumps([desk_version(soon=False), current(), number, asked], sort_keys=True)
    return render_template(
        "incidents.html", listed=Markup(kept_text(f"incident rows {mark}", made)),  # noqa: S704 - made by our template
        asked=asked, states=STATES, categories=known_categories(), units=units_in_reach(),
    )


@bp.get("/new")
@needs("incident.report")
def new() -> ResponseReturnValue:
    """The form of a report."""
    return render_template(
        "incident_new.html", key=secrets.token_hex(16), categories=CATEGORIES, map=small_map("place"),
        most_photos=MOST_PHOTOS, most_text=MOST_TEXT, user=get_user(), given=request.args,
    )


@bp.post("")
@needs("incident.report")
def report() -> ResponseReturnValue:
    """Take a report; what comes again under its key is the report that is there."""
    form = request.form
    if form.get("category", "") not in known_categories():
        raise WrongCall(say("incident.no_category"))
    lon, lat = _number("lon"), _number("lat")
    if lon is None or lat is None:
        raise WrongCall(say("incident.no_place"))
    try:
        filed = file_report(
            category=form["category"], lon=lon, lat=lat, text=form.get("text", ""),
            photos=_photos(), accuracy_m=_number("accuracy_m"), key=form.get("key") or None, at=_made_at(),
        )  # fmt: skip
    except NotYourArea:
        raise NotYourArea(say("incident.outside")) from None
    return _answer(filed, "incident.reported")


@bp.get("/<path:code>")
@needs("incident.list")
def one(code: str) -> ResponseReturnValue:
    """One incident: its state, its place, its photos, what was done, and what may be done next."""
    seen, user = get_seen(), get_user()
    with seen.moment():
        row = _shown(seen.incident(code))
        log, photos = seen.incident_moves(code), seen.incident_photos(code)
    place = row["geometry"]
    # PROJ begins anew in every thread, which takes as long as ten pages: what a place is in degrees is kept
    where = None if place is None else json.loads(
        kept_text(f"place {place.wkb_hex}", lambda: json.dumps(seen.degrees(place)))
    )
    return render_template(
        "incident.html", row=row, log=log, path=path_of(row, log), photos=photos, where=where,
        moves=[MOVES[name] for name in moves_from(row["state"]) if may(user, MOVES[name].right)],
        map=None if where is None else small_map("incident"), key=secrets.token_hex(16),
        most_photos=MOST_PHOTOS, most_text=MOST_TEXT, user=user,
    )


@bp.get("/<path:code>/photo/<int:number>")
@needs("incident.text.view")
def photo(code: str, number: int) -> Response:
    """One photo."""
    answer = make_response(get_seen().incident_photo(code, number))
    answer.headers["Content-Type"] = "image/jpeg"
    # it never changes, but who may see it can: the browser asks each time
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(f"{code}-{number}")
    answer.headers["Content-Disposition"] = "inline"
    return answer.make_conditional(request)


@bp.post("/<path:code>/<any(note, close, reopen):move>")
@needs("incident.note")
def move(code: str, move: str) -> ResponseReturnValue:
    """Make a move; each has its own right in the table of moves."""
    if not may(get_user(), MOVES[move].right):
        raise Forbidden
    get_seen().incident(code)
    text, photos = request.form.get("text", ""), _photos()
    if move == "note" and not text.strip() and not photos:
        if _wants_json():
            raise WrongCall(say("incident.empty_note"))
        flash(say("incident.empty_note"), "danger")
        return redirect(url_for(".one", code=code))
    filed = file_move(code, move, text=text, photos=photos, key=request.form.get("key") or None)
    return _answer(filed, f"incident.did.{move}")


def _answer(filed: Filed, word: str) -> ResponseReturnValue:
    """What was filed, for a script; for a person the page of the incident."""
    page = url_for(".one", code=filed.code)
    if _wants_json():
        answer = jsonify(code=filed.code, again=filed.again)
        answer.status_code = 200 if filed.again else 201
        answer.headers["Location"] = page
        return answer
    flash(say(word, code=filed.code), "success")
    return redirect(page)


def _wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its state in our words."""
    state = state_of_row(row["status"], row["closed_at"] is not None)
    return {**row, "state": state, "open": state in OPEN}


def _photos() -> list[tuple[str, bytes]]:
    sent = [item for name in ("photo", "photos") for item in request.files.getlist(name) if item.filename]
    return [(str(item.filename), item.stream.read()) for item in sent]


def _number(name: str) -> float | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise WrongCall(f"{name} is a number, not {text[:40]!r}") from None


def _made_at() -> datetime | None:
    """When the phone made the report; None where it does not say so in a form that we know."""
    text = request.form.get("made_at", "").strip()
    try:
        made = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise WrongCall(f"made_at is a time such as 2026-11-01T08:30:00Z, not {text[:40]!r}") from None
    return made if made is None or made.tzinfo is not None else made.astimezone()
