"""What an administrator looks after: state of the storage, jobs, copies of the city, settings."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from gridmap.city_settings import LIVE, change_settings, live_settings
from gridmap.importing import imports
from gridmap.site_jobs import SiteJob
from gridmap.storage import storage_of
from layers.errors import BadSettings, GridmapError, MoveNotAllowed, NotFound
from webapp.admin_jobs import get_admin_jobs
from webapp.exporting import get_audit, get_jobs
from webapp.guard import get_user, needs
from webapp.language import say
from webapp.offices import kind_titles
from webapp.own_tables import get_sql
from webapp.refusals import say_refusal
from webapp.replies import kept_text
from webapp.tiles import get_tiles

__all__ = ["bp"]

bp = Blueprint("admin", __name__, url_prefix="/admin")

_MOST = 30


@bp.get("")
@needs("jobs.view")
def show() -> ResponseReturnValue:
    """Sizes, rows, versions, room on the disk, and where everything else is."""
    config, store = current_app.config, get_sql()
    tiles = get_tiles().shelf
    folders = {
        "tiles": Path(tiles.folder), "uploads": Path(config["UPLOADS"]), "exports": Path(config["EXPORTS"]),
        "backups": Path(config["BACKUPS"]),
    }
    version = tiles.current()
    facts = store.meta()
    return render_template(
        "admin.html", state=storage_of(store, folders), facts=facts, stale=facts.get("coverage_stale", ""),
        tiles=version, tiles_old=version is not None and version.data_version != facts.get("data_version", ""),
        accounts=len(store.accounts()), user=get_user(), city=facts.get("name", ""),
        running=[job for job in get_admin_jobs().listed() if job.state == "running"],
    )


@bp.get("/jobs")
@needs("jobs.view")
def jobs() -> ResponseReturnValue:
    """Work that takes long: coverage, copies, tiles, questions of sites, imports, exports; their states and errors."""
    tiles = get_tiles().shelf
    version, facts = tiles.current(), get_sql().meta()
    return render_template(
        "admin_jobs.html", jobs=get_admin_jobs().listed()[:_MOST], exports=get_jobs().listed(most=_MOST),
        uploads=current_app.extensions["uploads"].everything()[:_MOST], sites=_sites(),
        records=json.loads(kept_text("admin-imports", _imports)), tiles=version,
        making=(Path(tiles.folder) / ".making").exists(), facts=facts, user=get_user(),
        stale=facts.get("coverage_stale", ""),
    )  # fmt: skip


def _sites() -> list[dict[str, Any]]:
    """Who asked where the next facilities belong, and for how long it was worked out; answers stay their owner's."""
    titles, now = kind_titles(), time.time()
    found: list[SiteJob] = current_app.extensions["siting"].everything()[:_MOST]
    return [{
        "title": titles.get(job.asked["kind"], (job.asked["kind"],) * 2), "asked": job.asked, "within": job.within,
        "by": job.by, "at": datetime.fromtimestamp(job.at, UTC), "state": job.state, "share": job.share,
        "message": job.message, "took": (job.ended or now) - job.since if job.since else None,
    } for job in found]


def _imports() -> str:
    """The latest imports; each makes a new version of the city."""
    table = imports(current_app.config["CITY"]).head(_MOST)
    return table.to_json(orient="records", force_ascii=False)


@bp.post("/jobs/cover")
@needs("norms.edit")
def cover() -> ResponseReturnValue:
    """Coverage and gaps anew, by the norms and settings of now."""
    return _started("cover")


@bp.get("/backups")
@needs("backup.make")
def backups() -> ResponseReturnValue:
    """Copies of the city, and how one is put back."""
    found = [(path.name, path.stat().st_size) for path in get_admin_jobs().copies()]
    busy = any(job.kind == "backup" and job.state == "running" for job in get_admin_jobs().listed())
    last = next((job for job in get_admin_jobs().listed() if job.kind == "backup"), None)
    return render_template("admin_backups.html", copies=found, busy=busy, last=last, user=get_user())


@bp.post("/backups")
@needs("backup.make")
def make_backup() -> ResponseReturnValue:
    """Make a copy now."""
    return _started("backup", ".backups")


@bp.get("/backups/<filename>")
@needs("backup.make")
def download_backup(filename: str) -> Response:
    """A copy as a file: it holds everything, telephone numbers and hashes of passwords included."""
    path = get_admin_jobs().copy(filename)
    user = get_user()
    get_audit().add("backup.download", by=user.name, role=user.role, file=filename)
    return send_file(path, mimetype="application/geopackage+sqlite3", as_attachment=True, download_name=filename)


@bp.post("/backups/<filename>/remove")
@needs("backup.make")
def remove_backup(filename: str) -> ResponseReturnValue:
    """Take a copy away."""
    path, user = get_admin_jobs().copy(filename), get_user()
    path.unlink()
    get_audit().add("backup.removed", by=user.name, role=user.role, file=filename)
    flash(say("admin.removed", file=filename), "success")
    return redirect(url_for(".backups"))


@bp.get("/settings")
@needs("settings.edit")
def settings() -> ResponseReturnValue:
    """Settings that may change while the city is served."""
    return render_template("admin_settings.html", settings=live_settings(get_sql()), live=LIVE, user=get_user())


@bp.post("/settings")
@needs("settings.edit")
def set_settings() -> ResponseReturnValue:
    """Keep them."""
    try:
        changed = change_settings(current_app.config["CITY"], _typed(), by=get_user().name)
    except (BadSettings, MoveNotAllowed) as refusal:
        flash(say_refusal(refusal), "danger")
    else:
        flash(say("admin.settings_set", names=", ".join(changed)), "success")
    return redirect(url_for(".settings"))


def _typed() -> dict[str, dict[str, Any]]:
    """What the form says, as the types that the settings have now."""
    now = live_settings(get_sql())
    told: dict[str, dict[str, Any]] = {}
    for table, names in now.items():
        for name, value in names.items():
            text = request.form.get(f"{table}.{name}")
            if text is None:
                continue
            if isinstance(value, list | tuple):
                made: Any = [part for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip()]
                made = [part.strip() for part in made]
            else:
                try:
                    made = int(text) if isinstance(value, int) else float(text)
                except ValueError:
                    raise BadSettings(f"[{table}] {name} is a number, not {text[:40]!r}") from None
            told.setdefault(table, {})[name] = made
    return told


def _started(kind: str, back: str = ".jobs") -> ResponseReturnValue:
    try:
        get_admin_jobs().start(kind, get_user().name)
    except MoveNotAllowed:
        flash(say("admin.busy"), "warning")
    except NotFound:
        raise
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
    return redirect(url_for(back))
