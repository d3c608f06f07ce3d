"""Take data of one's area away as files: within the request for scripts, as a job that can be left for people."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from gridmap.delivery import export_layers
from gridmap.export_jobs import ExportJob, Wishes, sha256_of
from gridmap.roles import may
from gridmap.stores.records import new_id, now
from layers.errors import GridmapError, MoveNotAllowed, NotFound, NotYourArea, StoreBusy
from layers.schema import LAYERS
from webapp.export_run import runner, still_his, warm_up
from webapp.exporting import CHOICES, get_audit, get_jobs, offered, preview, scopes, wishes_of
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say
from webapp.refusals import say_failure, say_refusal

__all__ = ["bp"]

bp = Blueprint("export", __name__, url_prefix="/export")

#: Rows of the list of exports.
_MOST = 100
#: Files that were kept long enough go when somebody looks, at most so often; each new job takes them away too.
_TIDY_S = 60.0


@bp.get("")
@needs("export.make")
def show() -> ResponseReturnValue:
    """The form, and what was exported."""
    if current_app.config["EXPORT_WARM"]:
        warm_up()
    get_jobs().tidy(every=_TIDY_S)
    chosen = {name: request.args.get(name, next(iter(choices))) for name, choices in CHOICES.items()}
    chosen |= {"names": request.args.get("names", current()), "scope": request.args.get("scope", "")[:18]}
    today = datetime.now().astimezone().date().isoformat()
    chosen |= {"as_of": request.args.get("as_of", today), "crs": request.args.get("crs", "")}
    return _form({**chosen, "layers": request.args.getlist("layers") or ["micro_grids"]})


@bp.post("")
@needs("export.make")
def make() -> ResponseReturnValue:
    """A .zip with the layers, within the asker's reach, rights and columns: for scripts."""
    if not request.form.getlist("layers"):
        return _form({**request.form.to_dict(), "layers": []}, problem=say("export.none_chosen"))
    return _delivery(wishes_of(request.form))


@bp.post("/jobs")
@needs("export.make")
def start() -> ResponseReturnValue:
    """Begin a job; the page of it can be left."""
    typed = {**request.form.to_dict(), "layers": request.form.getlist("layers")}
    if not typed["layers"]:
        return _form(typed, problem=say("export.none_chosen")), 422
    try:
        wishes = wishes_of(request.form)
        job = get_jobs().start(get_user(), wishes, runner(get_jobs(), current_app.config["EXPORT_SECONDS"]))
    except (NotYourArea, StoreBusy):
        raise
    except MoveNotAllowed:
        return _form(typed, refusal=say("export.one_at_a_time")), 409
    except GridmapError as refusal:
        return _form(typed, refusal=say_refusal(refusal)), 422
    return redirect(url_for(".look", job=job.id))


@bp.post("/preview")
@needs("export.make")
def look_first() -> ResponseReturnValue:
    """Fields and first rows of what a form asks for, as a piece of the page."""
    if not request.form.getlist("layers"):
        return render_template("export_preview.html", tables=[])
    return render_template("export_preview.html", tables=preview(wishes_of(request.form)))


@bp.get("/jobs/<job>")
@needs("export.make")
def look(job: str) -> ResponseReturnValue:
    """How far a job is, or what came of it."""
    found = _readable(job)
    jobs = get_jobs()
    return render_template(
        "export_job.html", job=found, progress=jobs.progress(found), said=_said(found), titles=LAYERS,
        mine=found.by == get_user().name, path=jobs.path(found), until=jobs.until(found), choices=_choices(),
        user=get_user(),
    )


@bp.get("/jobs/<job>/state")
@needs("export.make")
def state(job: str) -> Response:
    """The same for the page's script."""
    found = _readable(job)
    told = get_jobs().progress(found)
    title = str(getattr(LAYERS[told["layer"]], current())) if told["layer"] in LAYERS else ""
    return jsonify(state=found.state, layer=title, done=told["done"], of=told["of"])


@bp.get("/jobs/<job>/file")
@needs("export.make")
def file(job: str) -> Response:
    """The file, for who made it, as long as their reach and rights hold what is in it."""
    jobs, user = get_jobs(), get_user()
    found = jobs.read(job)
    if found.by != user.name:
        raise NotFound("there is no such export; see the list of exports")
    if not still_his(user, found):
        raise NotYourArea("its area or layers are not yours any more; ask the administrator of the city")
    path = jobs.path(found)
    if path is None:
        raise NotFound("the file is not there any more; export again")
    get_audit().add(
        "export.download", by=user.name, role=user.role, area=",".join(found.wishes.scope), job=found.id,
        layers=", ".join(found.wishes.layers),
    )
    return send_file(path, mimetype="application/zip", as_attachment=True, download_name=path.name)


def _readable(job: str) -> ExportJob:
    """A job of the asker's own, or one that took something of an area that the asker answers for."""
    user = get_user()
    jobs = get_jobs()
    found = jobs.read(job)
    if found.by == user.name:
        return found
    seen = get_seen()
    scope = found.wishes.scope
    if may(user, "export.history") and any(
        code.startswith(own) or own.startswith(code) for code in scope for own in seen.reach
    ):
        return found
    raise NotFound("there is no such export; see the list of exports")


def _form(chosen: dict[str, Any], problem: str = "", refusal: str = "") -> str:
    seen, user, jobs = get_seen(), get_user(), get_jobs()
    answers = may(user, "export.history")
    code = str(chosen.get("scope") or "")
    inside = any(code.startswith(own) for own in seen.reach)
    # one's own exports stay one's own after a change of area
    of = {"within": seen.reach, "beside": user.name} if answers else {"by": user.name}
    listed = jobs.listed(most=_MOST, **of)
    return render_template(
        "export.html", present=offered((code,) if code and inside else seen.reach), choices=_choices(), chosen=chosen,
        problem=problem, refusal=refusal, user=user, titles=LAYERS, scopes=scopes(), jobs=listed, answers=answers,
        path=jobs.path, until=jobs.until, days=round(jobs.kept_days), said=_said,
        busy=any(job.open and job.by == user.name for job in listed),
    )


def _choices() -> dict[str, dict[str, str]]:
    return {**CHOICES, "datum": {**CHOICES["datum"], "": say("export.datum_city")}}


def _said(job: ExportJob) -> str:
    """What went wrong or is worth knowing, in the reader's words where they are ours."""
    head, _, rest = job.message.partition(": ")
    return say("export.warnings", n=rest) if head == "warnings" else say_failure(job.message, "export")


def _delivery(wishes: Wishes) -> Response:
    seen, user = get_seen(), get_user()
    with tempfile.TemporaryDirectory(prefix="gridmap-") as folder:
        made = export_layers(
            seen,  # type: ignore[arg-type]  # reads as a store does, within what the person may see
            wishes.layers, Path(folder) / "gridmap.zip", within=wishes.scope, format=wishes.format,
            encoding=wishes.encoding, crs=wishes.crs or None, datum=wishes.datum or None, names=wishes.names,
            as_of=date.fromisoformat(wishes.as_of) if wishes.as_of else None,
        )
        get_jobs().record(ExportJob(
            id=new_id(), at=now(), by=user.name, role=user.role, wishes=wishes, state="done", started_at=now(),
            ended_at=now(), rows=made.rows, size=made.path.stat().st_size, sha256=sha256_of(made.path),
            removed_at=now(),
        ))
        # open before the folder goes; the file is gone with its last reader
        content = made.path.open("rb")
    name = f"gridmap-{'-'.join(wishes.layers)[:60]}.zip"
    return send_file(content, mimetype="application/zip", as_attachment=True, download_name=name)
