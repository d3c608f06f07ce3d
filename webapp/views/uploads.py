"""Bring files in: send, look at what was found, say what a heading means, import, take back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, Response, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask import send_file as send
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gridmap.importing import IMPORTED, imports, undo_import
from gridmap.maps.elements import CityMap
from gridmap.maps.geojson import safe_json, to_geojson
from gridmap.maps.page import page_parts
from gridmap.roles import may
from gridmap.uploads import Job, Uploads
from layers.datum import DATUMS
from layers.errors import GridmapError, MoveNotAllowed, NotFound, WrongCall
from layers.finding_words import say_sentence, title
from layers.findings import LEVELS
from layers.headings import PLACES
from layers.schema import LAYERS
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say
from webapp.refusals import say_failure, say_refusal
from webapp.told_files import findings_file, refused_file

__all__ = ["bp", "init_app"]

bp = Blueprint("uploads", __name__, url_prefix="/upload")

#: Files that the reading made and a person may take away, with their types.
_FILES = {
    "refused.csv": "text/csv; charset=utf-8", "findings.csv": "text/csv; charset=utf-8",
    "refused.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
_ENCODINGS = ("utf-8", "gb18030", "big5hkscs", "utf-16")
#: What a heading is taken for that nobody wants.
IGNORED = "-"
#: Streets under the rows; of a larger city the named ones.
_MOST_ROADS = 3000
#: Findings that stand on the page.
_MOST = 500


def init_app(app: Flask) -> None:
    """Make room for uploads, and let large forms through where somebody may send one; before the token is looked at."""
    app.extensions["uploads"] = Uploads(
        app.config["UPLOADS"], app.config["CITY"], seconds=app.config["UPLOAD_SECONDS"],
        most_bytes=app.config["UPLOAD_BYTES"], tiles=app.config["TILES"],
    )  # fmt: skip

    @app.before_request
    def room() -> None:
        large = request.endpoint in ("uploads.receive", "uploads.again")
        if large and current_user.is_authenticated and may(get_user(), "data.import"):
            request.max_content_length = int(app.config["UPLOAD_BYTES"])
            request.max_form_memory_size = 1 << 20


def _uploads() -> Uploads:
    found: Uploads = current_app.extensions["uploads"]
    return found


def _job(code: str) -> Job:
    return _uploads().read(code, by=get_user().name)


@bp.get("")
@needs("data.import")
def show() -> ResponseReturnValue:
    """The form, what is in hand, and what was brought in."""
    user = get_user()
    try:
        table = imports(current_app.config["CITY"])
    except GridmapError:
        table = None
    records: list[dict[str, Any]] = []
    if table is not None and len(table):
        mine = table if user.role == "admin" else table[table["by"] == user.name]
        records = mine.head(20).astype(object).where(mine.head(20).notna(), None).to_dict("records")
    return render_template(
        "upload.html", jobs=_uploads().of(user.name), records=records, choices=_choices(), user=user,
        most=current_app.config["UPLOAD_BYTES"] >> 20, minutes=round(current_app.config["UPLOAD_SECONDS"] / 60),
    )


@bp.post("")
@needs("data.import")
def receive() -> ResponseReturnValue:
    """Take files, start to read each."""
    form = _checked({name: request.form.get(name, "") for name in ("layer", "datum", "encoding")})
    return _received({"layer": form["layer"], "datum": form["datum"], "encoding": form["encoding"]})


@bp.get("/<job>")
@needs("data.import")
def look(job: str) -> ResponseReturnValue:
    """How far a file is, or what was found in it."""
    found = _job(job)
    uploads = _uploads()
    told = uploads.answer(found, "preview.json") or {}
    items = uploads.answer(found, "findings.json") or [] if found.state in ("read", "done") else []
    rules: dict[str, int] = {}
    for item in items:
        rules[item["rule"]] = rules.get(item["rule"], 0) + 1
    doubtful = uploads.answer(found, "doubtful.json") or [] if found.state == "read" else []
    record = uploads.answer(found, "record.json")
    return render_template(
        "upload_job.html", job=found, told=told, record=record, findings=[_in_words(item) for item in items[:_MOST]],
        of=len(items), rules={rule: (title(rule, current()), n) for rule, n in rules.items()}, levels=LEVELS,
        doubtful=doubtful, left_out=IGNORED, stale=_stale() if record else False,
        parts=_map(found) if found.state == "read" and (told.get("placed") or doubtful) else None,
        places=_places(found) if found.state == "read" else "", columns=_columns(found.layer), choices=_choices(),
        refused=uploads.path(found.code, "refused.csv").is_file(), user=get_user(), message=_said(found),
        undone=_undone(found), files=[name for name in _FILES if uploads.path(found.code, name).is_file()],
    )


@bp.get("/<job>/state")
@needs("data.import")
def state(job: str) -> Response:
    """The same for the page's script: `state`, and for how many seconds already."""
    found = _job(job)
    return jsonify(state=found.state)


@bp.post("/<job>/read")
@needs("data.import")
def read_again(job: str) -> ResponseReturnValue:
    """Read once more, with what somebody said of headings, sheet, layer and datum."""
    found = _job(job)
    form = _checked({name: request.form.get(name, getattr(found, name)) for name in ("layer", "datum", "encoding")})
    mapping: dict[str, str] = {}
    ignore: list[str] = []
    for heading, ours in zip(request.form.getlist("heading"), request.form.getlist("ours"), strict=False):
        if ours == IGNORED:
            ignore.append(heading)
        elif ours and ours in {name for name, _ in _columns(form["layer"])}:
            if ours in mapping:
                flash(say("upload.twice", column=ours), "danger")
                return redirect(url_for(".look", job=job))
            mapping[ours] = heading
    if form["layer"] != found.layer:
        mapping, ignore = {}, []
    told = replace(
        found, part=request.form.get("part", found.part)[:200], mapping=mapping, ignore=ignore, places={},
        as_before=form["layer"] == found.layer and not (mapping or ignore), **form,
    )
    _uploads().start(replace(told, within=get_seen().reach), "reading")
    return redirect(url_for(".look", job=job))


@bp.post("/<job>/places")
@needs("data.import")
def place(job: str) -> ResponseReturnValue:
    """Keep where a person says that rows lie whose address nobody could find, and read again with that."""
    found = _job(job)
    told = _uploads().answer(found, "doubtful.json") or []
    chosen = {} if request.form.get("clear") else dict(found.places)
    for row in (str(one["row"]) for one in told):
        if said := request.form.get(f"p{row}", ""):
            chosen[row] = _degrees(said)
    if chosen == found.places:
        flash(say("upload.none_chosen"), "warning")
        return redirect(url_for(".look", job=job))
    _uploads().start(replace(found, places=chosen, within=get_seen().reach), "reading")
    return redirect(url_for(".look", job=job))


@bp.post("/<job>/import")
@needs("data.import")
def bring_in(job: str) -> ResponseReturnValue:
    """Import what was looked at."""
    found = _job(job)
    if found.state != "read":
        raise MoveNotAllowed("the file has not been read yet; look at it first")
    told = _uploads().answer(found, "preview.json") or {}
    whole = request.form.get("complete", "")
    if told.get("asks"):
        flash(say("upload.asks"), "danger")
    elif told["record"]["ended"] and whole not in ("yes", "no"):
        flash(say("upload.whole_asked"), "danger")
    else:
        _uploads().start(replace(found, complete=whole == "yes", within=get_seen().reach), "importing")
    return redirect(url_for(".look", job=job))


@bp.post("/<job>/again")
@needs("data.import")
def again(job: str) -> ResponseReturnValue:
    """Refused rows, corrected: read as their file was."""
    found = _job(job)
    return _received({
        "layer": found.layer, "datum": found.datum, "encoding": "", "parent": found.code, "mapping": found.mapping,
        "ignore": found.ignore,
    })


@bp.post("/<job>/discard")
@needs("data.import")
def discard(job: str) -> ResponseReturnValue:
    """Forget a file; what was imported from it stays."""
    found = _job(job)
    if found.state in ("reading", "importing"):
        raise MoveNotAllowed(f"{found.name} is being read; wait for it")
    _uploads().drop(found)
    return redirect(url_for(".show"))


@bp.get("/<job>/<filename>")
@needs("data.import")
def file(job: str, filename: str) -> Response:
    """Refused rows with their reasons, or the findings, as a file."""
    found = _job(job)
    path = _uploads().path(found.code, filename)
    if filename not in _FILES or not path.is_file():
        raise NotFound("there is no such file")
    stem, _, ending = filename.rpartition(".")
    name = f"{found.name.rpartition('.')[0]}-{stem}.{ending}"
    lang = current()
    made = findings_file(path, lang) if stem == "findings" else refused_file(path.with_suffix(".csv"), ending, lang)
    return send(made, mimetype=_FILES[filename], as_attachment=True, download_name=name)


@bp.post("/undo/<code>")
@needs("data.import")
def undo(code: str) -> ResponseReturnValue:
    """Take an import back: an administrator any, everybody else their own."""
    user = get_user()
    record = undo_import(current_app.config["CITY"], code, by=user.name, own=user.role != "admin", cover=False)
    _uploads().refresh()
    flash(say("upload.undone", code=record.code, file=record.file), "success")
    return redirect(url_for(".show"))


def _received(told: dict[str, Any]) -> ResponseReturnValue:
    """Keep what came with this request and start to read it."""
    sent = [item for item in request.files.getlist("files") if item.filename]
    if not sent:
        flash(say("upload.none"), "danger")
        return redirect(url_for(".show"))
    uploads = _uploads()
    try:
        jobs, left = uploads.receive(
            [(str(item.filename), item.stream) for item in sent], by=get_user().name, within=get_seen().reach, **told
        )
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
        return redirect(url_for(".show"))
    for name in left:
        flash(say("upload.unknown_kind", name=name), "warning")
    for one in jobs:
        uploads.start(one, "reading")
    return redirect(url_for(".look", job=jobs[0].code) if len(jobs) == 1 else url_for(".show"))


def _checked(form: dict[str, str]) -> dict[str, str]:
    """Layer, datum and encoding that exist; "" means: find it."""
    allowed = {"layer": IMPORTED, "datum": DATUMS, "encoding": _ENCODINGS}
    for name, value in form.items():
        if value and value not in allowed[name]:
            raise WrongCall(f"{name} is one of {', '.join(allowed[name])}, not {value[:40]!r}")
    return form


def _choices() -> dict[str, dict[str, str]]:
    lang = current()
    return {
        "layer": {"": say("upload.by_name"), **{name: str(getattr(LAYERS[name], lang)) for name in IMPORTED}},
        "datum": {
            "": say("upload.as_file"), "wgs84": "WGS 84", "cgcs2000": "CGCS2000", "gcj02": say("upload.gcj02"),
            "bd09": say("upload.bd09"),
        },
        "encoding": {"": say("upload.find"), **{name: name.upper() for name in _ENCODINGS}},
    }  # fmt: skip


def _columns(layer: str) -> list[tuple[str, str]]:
    """Columns that a heading may be, with their titles."""
    if layer not in LAYERS:
        return []
    lang = current()
    spec = LAYERS[layer]
    places = [(name, say(f"upload.{name}")) for name in PLACES] if spec.geometry else []
    return [*places, *((column.name, str(getattr(column, lang))) for column in spec)]


def _in_words(item: dict[str, Any]) -> dict[str, Any]:
    """A finding in the reader's language."""
    lang = current()
    said = {name: say_sentence(item[name], lang) for name in ("what", "done")}
    column = LAYERS[item["layer"]].column(item["field"]) if item["field"] and item["layer"] in LAYERS else None
    named = item["field"] if column is None else getattr(column, lang)
    return {**item, **said, "kind": title(item["rule"], lang), "field": named}


def _degrees(said: str) -> list[float]:
    """Longitude and latitude of a choice on the map."""
    try:
        lon, lat = (float(part) for part in said.split(","))
    except ValueError:
        raise WrongCall(f"a place is written lon,lat, not {said[:40]!r}; choose it on the map") from None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise WrongCall(f"{said[:40]} is no place on earth; choose it on the map")
    return [round(lon, 7), round(lat, 7)]


def _stale() -> bool:
    """Whether coverage is being made anew."""
    return bool(get_seen().meta().get("coverage_stale", ""))


def _map(job: Job) -> Any:
    """A Folium map without tiles, on which the page's script draws the rows."""
    return page_parts(CityMap(where="/assets/", name=f"preview{job.code[:8]}", location=(0.0, 0.0), zoom_start=3))


def _places(job: Job) -> str:
    """The first rows, the outlines of what the asker sees around them, and its streets with their names."""
    seen = get_seen()
    grids = seen.read("grids")
    outlines = to_geojson(grids[["code", "geometry"]]) if len(grids) else "null"
    roads = seen.ground("roads")
    if len(roads) > _MOST_ROADS:
        roads = roads[roads["name"].notna()].head(_MOST_ROADS)
    streets = to_geojson(roads, columns=("name",)) if len(roads) else "null"
    rows = _uploads().path(job.code, "places.json")
    text = rows.read_text(encoding="utf-8") if rows.is_file() else "null"
    return safe_json(f'{{"rows": {text}, "grids": {outlines}, "roads": {streets}}}')


def _said(job: Job) -> str:
    """What went wrong, in the reader's words where they are ours, else as the reading said it."""
    return say_failure(job.message, "upload")


def _undone(job: Job) -> bool:
    """Whether the import of a job was taken back."""
    if not job.import_code:
        return False
    table = imports(current_app.config["CITY"])
    return bool(table.loc[table["code"] == job.import_code, "undone_at"].notna().any())
