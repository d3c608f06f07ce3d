"""The border inbox: things that a person should give to a micro-grid, and decisions that can be taken back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pandas as pd
from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gridmap.attaching import ATTACHED
from gridmap.placing import place, undo_placement
from gridmap.roles import may
from gridmap.street import border_rows
from layers.errors import GridmapError, NotYourArea
from webapp.guard import get_seen, get_user, needs
from webapp.language import say
from webapp.offices import chosen_area, unit_name, units_to_choose
from webapp.pages import Page
from webapp.placements import decided, latest
from webapp.refusals import say_refusal
from webapp.replies import kept_text

__all__ = ["bp"]

bp = Blueprint("border", __name__, url_prefix="/border")

REASONS = ("tie", "shared_footprint", "near_border", "stray", "outside", "no_place", "manual_lost")
_ROWS = 15
_COLUMNS = ("layer", "code", "reason", "micro_grid", "others", "distance_m")


@bp.get("")
@needs("border.decide")
def show() -> ResponseReturnValue:
    """What waits, filtered by layer and reason; buildings that lie in several micro-grids; the latest decisions."""
    within = chosen_area()
    chosen = {name: told for name, allowed in (("layer", ATTACHED), ("reason", REASONS))
              if (told := request.args.get(name)) in allowed}
    # every decision makes a new version of the city or of its incidents, so what is kept is never of before one
    mark = f"border-page {','.join(within)} {' '.join(chosen.values())} {request.args.get('page', '')[:8]}"
    kept = json.loads(kept_text(mark, lambda: _shown(within, chosen), incidents=True))
    return render_template(
        "border.html", **kept, page=Page(kept["of"], _ROWS), chosen=request.args,
        within=request.args.get("within", ""), name=unit_name(within), units=units_to_choose(),
        done=request.args.get("done", ""), user=get_user(),
    )


def _shown(within: tuple[str, ...], chosen: dict[str, str]) -> str:
    """What one page shows, for everyone of the same reach."""
    kept = kept_text(f"border {','.join(within)}", lambda: _waiting(within), incidents=True)
    inbox = pd.DataFrame(json.loads(kept), columns=list(_COLUMNS)).convert_dtypes()
    counts = inbox.groupby(["layer", "reason"]).size()
    for name, told in chosen.items():
        inbox = inbox[inbox[name] == told]
    order = inbox["reason"].map({reason: at for at, reason in enumerate(REASONS)})
    page = Page(len(inbox), _ROWS)
    shown = inbox.assign(order=order).sort_values(["order", "code"]).iloc[page.skip : page.skip + _ROWS]
    return json.dumps({
        "rows": _named(shown.astype(object).where(shown.notna(), None).to_dict("records")), "of": len(inbox),
        "counts": [(layer, reason, int(n)) for (layer, reason), n in counts.items()],
        "decisions": [asdict(one) for one in latest(within)],
        "cut": json.loads(kept_text(f"border-cut {','.join(within)}", lambda: _cut(within))),
    }, ensure_ascii=False, default=str)  # fmt: skip


@bp.post("")
@needs("border.decide")
def decide() -> ResponseReturnValue:
    """Give a thing to a micro-grid by hand."""
    form = request.form
    back = {name: form[name] for name in ("within", "layer", "reason", "page") if form.get(name)}
    try:
        done = place(
            current_app.config["CITY"], form.get("of", ""), form.get("code", "")[:200],
            form.get("micro_grid", "").strip()[:18], by=get_user().name, within=get_seen().reach,
        )
    except NotYourArea:
        raise
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
        return redirect(url_for(".show", **back))
    return redirect(url_for(".show", **back, done=done.id))


@bp.post("/undo/<decision>")
@needs("border.decide")
def undo(decision: str) -> ResponseReturnValue:
    """Take a decision back."""
    found = undo_placement(current_app.config["CITY"], decision[:40], by=get_user().name, within=get_seen().reach)
    flash(say("border.undone", code=found.code), "success")
    return redirect(url_for(".show", **({"within": request.form["within"]} if request.form.get("within") else {})))


def _named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with what the things are called, and the micro-grids that might have them."""
    seen, user = get_seen(), get_user()
    for layer in ATTACHED:
        codes = [row["code"] for row in rows if row["layer"] == layer]
        if not codes:
            continue
        wanted = ["code", "category", "text", "reported_at"] if layer == "incidents" else ["code", "name", "kind"]
        told = seen.columns(layer, wanted, codes=codes).set_index("code")
        for row in rows:
            if row["layer"] == layer and row["code"] in told.index:
                row |= {
                    name: None if value != value else value for name, value in told.loc[row["code"]].to_dict().items()
                }
    units = {code for row in rows for code in [row["micro_grid"], *(row["others"] or "").split()] if code}
    names = seen.columns("micro_grids", ["code", "name"], codes=sorted(units)).set_index("code")["name"].to_dict()
    for row in rows:
        near = dict.fromkeys([row["micro_grid"], *(row["others"] or "").split()])
        mine = [code for code in near if code and any(code.startswith(own) for own in seen.reach)]
        row["choices"] = [(code, names.get(code) or code) for code in mine]
        row["now"] = names.get(row["micro_grid"]) or row["micro_grid"]
        if not may(user, "incident.text.view"):
            row.pop("text", None)
    return rows


def _waiting(within: tuple[str, ...]) -> str:
    rows = border_rows(get_seen(), within, decided())[list(_COLUMNS)]
    return json.dumps(rows.astype(object).where(rows.notna(), None).to_numpy().tolist(), ensure_ascii=False)


def _cut(within: tuple[str, ...]) -> str:
    """Buildings whose parts belong to several micro-grids."""
    parts = get_seen().columns("buildings", ["code", "part_of", "micro_grid"], within=within)
    parts = parts[parts["part_of"].notna() & parts["micro_grid"].notna()]
    grouped = parts.groupby("part_of")["micro_grid"].agg(lambda codes: sorted(set(codes)))
    return json.dumps([(code, units) for code, units in grouped.items() if len(units) > 1], ensure_ascii=False)
