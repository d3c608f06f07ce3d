"""Where the next facilities belong: asked as a job that can be left, answers side by side, each on the map."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import FileStorage

from gridmap.ask_what_if import Step
from gridmap.maps.assets import outside_links
from gridmap.roles import may
from gridmap.site_jobs import SiteJob, SiteJobs
from gridmap.table_file import TABLE_TYPES, table_file
from layers.errors import GridmapError, NotFound, WrongCall
from layers.schema import LAYERS, NEEDS
from webapp.city_map import city_parts, lived_in, made_at
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say
from webapp.refusals import say_failure, say_refusal

__all__ = ["bp", "init_app"]

bp = Blueprint("siting", __name__, url_prefix="/siting")

METHODS = ("max-cover", "p-median", "p-center")
#: Answers that stand side by side, and the most new places of one question.
_MOST_SHOWN, _MOST_PLACES = 4, 40
_DATUMS = ("", "wgs84", "cgcs2000", "gcj02", "bd09")
_COLOURS = ("#0b6e69", "#b3480c", "#5b3f8c", "#2b62a8")


def init_app(app: Flask) -> None:
    """Make room for jobs in the instance's folder; a question may bring files, before its token is looked at."""
    jobs = SiteJobs(app.config["SITING"], app.config["CITY"])
    app.extensions["siting"] = jobs

    @app.before_request
    def room() -> None:
        if request.endpoint == "siting.start" and current_user.is_authenticated and may(get_user(), "site.make"):
            request.max_content_length = 2 * jobs.most_bytes
            request.max_form_memory_size = 1 << 20


def _jobs() -> SiteJobs:
    found: SiteJobs = current_app.extensions["siting"]
    return found


@bp.get("")
@needs("site.make")
def show() -> ResponseReturnValue:
    """The form, one's questions, and the answers that `show` names side by side."""
    return _page(_asked(request.args), "")


@bp.post("")
@needs("site.make")
def start() -> ResponseReturnValue:
    """Begin to answer a question."""
    form = _asked(request.form)
    try:
        asked = _arguments(form)
        files = [(what, sent.filename or what, sent.stream) for what in ("candidates", "exclude")
                 if (sent := _sent(what, form))]
        job = _jobs().start(asked, by=get_user().name, within=get_seen().reach, files=files)
    except GridmapError as error:
        return make_response(_page(form, say_refusal(error)), 422)
    # the answer will stand beside those that are looked at
    beside = request.form.getlist("show")[-(_MOST_SHOWN - 1):]
    return redirect(url_for(".show", kind=form["kind"], show=[*beside, job.code]))


@bp.get("/jobs.json")
@needs("site.make")
def states() -> Response:
    """How far one's questions are."""
    return _json([
        {"code": job.code, "state": job.state, "doing": _doing(job), "share": job.share}
        for job in _jobs().of(get_user().name)
    ])  # fmt: skip


@bp.get("/<site_job>.json")
@needs("site.make")
def figures(site_job: str) -> Response:
    """One answer as JSON, with its places and the micro-grids that gain."""
    return _json(_answer(_jobs().read(site_job, by=get_user().name)))


@bp.get("/<site_job>.<any(csv, xlsx, geojson):places>")
@needs("site.make")
def places(site_job: str, places: str) -> Response:
    """The places of one answer, to take away."""
    told = _answer(_jobs().read(site_job, by=get_user().name))
    rows = told["sites"]
    if places == "geojson":
        content = json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
             "properties": {name: row[name] for name in ("code", "rank", "gain", "serves")} | {"kind": told["kind"]}}
            for row in rows
        ]}, ensure_ascii=False).encode()  # fmt: skip
    else:
        columns = ("rank", "code", "lon", "lat", "x", "y", "gain", "serves")
        frame = pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=list(columns))
        titles = {name: say(f"siting.column.{name}") for name in columns}
        content = table_file(frame.rename(columns=titles), places)
    answer = make_response(content)
    answer.headers["Content-Type"] = TABLE_TYPES.get(places, "application/geo+json")
    answer.headers["Content-Disposition"] = f"attachment; filename=sites-{site_job[:8]}.{places}"
    return answer


@bp.post("/<site_job>/drop")
@needs("site.make")
def drop(site_job: str) -> ResponseReturnValue:
    """Forget a question and its answer."""
    jobs = _jobs()
    jobs.drop(jobs.read(site_job, by=get_user().name))
    return redirect(url_for(".show", show=[code for code in request.form.getlist("show") if code != site_job]))


# the question


def _asked(form: Any) -> dict[str, str]:
    """What the form holds, as typed."""
    names = ("kind", "goal", "count", "method", "radius", "weight", "candidates", "spacing", "datum")
    usual = {"goal": "count", "count": "3", "method": "max-cover", "weight": "households", "candidates": "corners"}
    return {name: (form.get(name) or usual.get(name, "")).strip() for name in names}


def _arguments(form: dict[str, str]) -> dict[str, Any]:
    """The question as `site_city` takes it.

    Raises
    ------
    WrongCall
        Where something is missing or none of the choices.
    """
    if form["kind"] not in dict(_kinds()):
        raise WrongCall(say("siting.wrong.kind"))
    if form["weight"] not in ("households", *(need.name for need in NEEDS)):
        raise WrongCall(say("siting.wrong.weight"))
    if form["datum"] not in _DATUMS:
        raise WrongCall(say("siting.wrong.datum"))
    asked: dict[str, Any] = {"kind": form["kind"], "weight": form["weight"], "datum": form["datum"] or None}
    if form["goal"] == "all":
        asked |= {"cover_all": True, "method": "set-cover"}
    else:
        if form["method"] not in METHODS:
            raise WrongCall(say("siting.wrong.method"))
        count = _number(form["count"], "count", most=_MOST_PLACES)
        asked |= {"count": int(count or 1), "method": form["method"]}
    radius, spacing = _number(form["radius"], "radius", most=20_000), _number(form["spacing"], "spacing", most=20_000)
    if radius is not None:
        asked["radius_m"] = radius
    if spacing is not None:
        asked["spacing_m"] = spacing
    if form["candidates"] not in ("corners", "plots", "file"):
        raise WrongCall(say("siting.wrong.candidates"))
    if form["candidates"] == "file" and not _sent("candidates", form):
        raise WrongCall(say("siting.wrong.file"))
    if form["candidates"] == "plots":
        asked["candidates"] = "plots"
    return asked


def _number(text: str, what: str, *, most: float) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value <= most) or (what == "count" and value != int(value)):
        raise WrongCall(say(f"siting.wrong.{what}", most=f"{most:,.0f}"))
    return value


def _sent(what: str, form: dict[str, str]) -> FileStorage | None:
    """A file of the form; candidates only where they are to come from a file."""
    if what == "candidates" and form["candidates"] != "file":
        return None
    sent = request.files.get(f"{what}_file")
    return sent if sent is not None and sent.filename else None


def _kinds() -> list[tuple[str, dict[str, str]]]:
    norms = list(get_seen().norms().with_distance())
    found = [(norm.key, {"zh": norm.zh, "en": norm.en, "metres": f"{norm.metres:g}"}) for norm in norms]
    return sorted(found, key=lambda item: item[1][current()])


# the page


def _page(form: dict[str, str], problem: str) -> str:
    seen, name = get_seen(), get_user().name
    jobs = _jobs().of(name)
    kinds = _kinds()
    if not form["kind"]:
        form["kind"] = "canteen" if "canteen" in dict(kinds) else kinds[0][0]
    done = [job.code for job in jobs if job.state == "done"]
    wanted = request.values.getlist("show")[:_MOST_SHOWN]
    if not set(wanted) & set(done):
        wanted = [*done[:1], *wanted][:_MOST_SHOWN]
    shown = [_shown(job, colour) for job, colour in zip(
        [job for code in wanted for job in jobs if job.code == code and job.state == "done"], _COLOURS, strict=False
    )]
    meta = seen.meta()
    measure = f"coverage:{shown[0]['kind'] if shown else form['kind']}"
    parts = city_parts(seen, measure=measure if "coverage" in seen.layers() else None)
    page = render_template(
        "siting.html", parts=parts, city=meta.get("name", ""), made=made_at(meta),
        lived=lived_in(seen), user=get_user(), form=form,
        problem=problem, kinds=kinds, methods=METHODS, datums=_DATUMS, most_shown=_MOST_SHOWN,
        weights=[("households", LAYERS["buildings"].column("households"))] + [(need.name, need) for need in NEEDS],
        jobs=[_row(job, dict(kinds)) for job in jobs], shown=shown, wanted=wanted,
        plots=seen.count("plots") if "plots" in seen.layers() else 0,
    )
    assert not outside_links(page), "the map page must ask no other host"
    return page


def _row(job: SiteJob, kinds: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What the list says of a question."""
    asked = job.asked
    return {
        "code": job.code, "state": job.state, "doing": _doing(job), "share": job.share, "message": _message(job),
        "title": kinds.get(asked["kind"], {"zh": asked["kind"], "en": asked["kind"]}), "asked": asked,
        "at": pd.Timestamp(job.at, unit="s", tz="UTC").tz_convert(None).strftime("%Y-%m-%d %H:%M"),
    }


def _shown(job: SiteJob, colour: str) -> dict[str, Any]:
    """One answer for the table side by side."""
    told = _answer(job)
    steps = [Step(what="add", name=told["kind"], place=(site["lon"], site["lat"])).text() for site in told["sites"]]
    return {**told, "code": job.code, "asked": job.asked, "colour": colour, "steps": steps, "gained": None,
            "said": told["words"][current()]}


def _answer(job: SiteJob) -> dict[str, Any]:
    told = _jobs().answer(job)
    if told is None:
        raise NotFound("there is no answer yet; wait until it is done")
    return told


def _doing(job: SiteJob) -> str:
    """How far a question is, in words."""
    if job.state == "working" and job.doing:
        return say(f"siting.doing.{job.doing.replace(' ', '_')}")
    return say(f"siting.state.{job.state}")


def _message(job: SiteJob) -> str:
    if job.state != "failed":
        return ""
    return say_failure(job.message, "siting.failed")


def _json(told: Any) -> Response:
    made = jsonify(told)
    made.headers["Cache-Control"] = "private, no-store"
    return made
