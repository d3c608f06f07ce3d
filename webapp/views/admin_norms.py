"""The norms editor: distances by kind with source, clause and whether somebody checked them; who changed what when."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gridmap.city_norms import change_norm, norm_history, norms_in_force, undo_norm
from gridmap.norms import load_norms
from layers.errors import GridmapError
from webapp.admin_jobs import get_admin_jobs
from webapp.guard import get_user, needs
from webapp.language import say
from webapp.own_tables import get_sql
from webapp.refusals import say_refusal

__all__ = ["bp"]

bp = Blueprint("admin_norms", __name__, url_prefix="/admin/norms")


@bp.get("")
@needs("norms.edit")
def show() -> ResponseReturnValue:
    """Norms with a distance, what they were in the package, and the history."""
    store = get_sql()
    packaged = load_norms()
    return render_template(
        "admin_norms.html", norms=list(norms_in_force(store).with_distance()), packaged={n.key: n for n in packaged},
        history=norm_history(store)[:50], titles={norm.key: (norm.zh, norm.en) for norm in packaged},
        stale=store.meta().get("coverage_stale", ""), user=get_user(),
        busy=any(job.kind == "cover" and job.state == "running" for job in get_admin_jobs().listed()),
    )


@bp.post("/<kind>")
@needs("norms.edit")
def change(kind: str) -> ResponseReturnValue:
    """Keep a norm; coverage follows when it is computed anew."""
    form = request.form
    try:
        done = change_norm(
            current_app.config["CITY"], kind, metres=form.get("metres", ""), source=form.get("source", ""),
            clause=form.get("clause", ""), verified=form.get("verified") == "1", by=get_user().name,
        )
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
    else:
        flash(say("norms.changed", metres=f"{done.metres:g}"), "success")
    return redirect(url_for(".show", _anchor=kind))


@bp.post("/<kind>/back")
@needs("norms.edit")
def back(kind: str) -> ResponseReturnValue:
    """Go back to the packaged norm."""
    try:
        done = undo_norm(current_app.config["CITY"], kind, by=get_user().name)
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
    else:
        flash(say("norms.changed", metres=f"{done.metres:g}"), "success")
    return redirect(url_for(".show", _anchor=kind))
