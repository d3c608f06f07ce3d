"""Who is in charge of what: units without anybody first, hand over, end, with the past kept; as CSV and XLSX."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from gridmap.delivery import export_layers
from gridmap.export_jobs import ExportJob, Wishes, sha256_of
from gridmap.roles import may
from gridmap.roster import assign, end_duty
from gridmap.stores.records import new_id, now
from gridmap.street import leaders, leads
from layers.errors import GridmapError, NotYourArea
from webapp.exporting import get_jobs
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say
from webapp.offices import ROLES, chosen_area, role_titles, today, unit_name, units_to_choose
from webapp.pages import Page
from webapp.refusals import say_refusal
from webapp.replies import kept_text

__all__ = ["bp"]

bp = Blueprint("roster", __name__, url_prefix="/roster")

_COLUMNS = ("name", "role", "area", "from", "to", "phone")
_ROWS, _BARE, _LONGEST = 30, 8, 80


@bp.get("")
@needs("roster.view")
def show() -> ResponseReturnValue:
    """Units without a leader, then everybody by area and role; `past=1` shows those who ended too."""
    within, day = chosen_area(), today().isoformat()
    past, role = request.args.get("past") == "1", request.args.get("role", "")[:_LONGEST]
    text = request.args.get("q", "").strip()[:_LONGEST]
    mark = f"roster-page {','.join(within)} {day} {past}\n{role}\n{text}\n{request.args.get('page', '')[:8]}"
    kept = json.loads(kept_text(mark, lambda: _shown(within, past, role, text)))
    return render_template(
        "roster.html", **kept, page=Page(kept["of"], _ROWS), past=past, role=role, q=text,
        within=request.args.get("within", ""), name=unit_name(within), units=units_to_choose(), day=day,
        offered=_offered(kept["roles"]), user=get_user(), phones=may(get_user(), "contact.view"),
        edits=may(get_user(), "roster.edit"), role_title=_role,
    )


def _shown(within: tuple[str, ...], past: bool, role: str, text: str) -> str:
    """What one page shows, for everyone of the same role and reach."""
    mark = f"{','.join(within)} {today().isoformat()}"
    kept = kept_text(f"roster {mark} {past}", lambda: _everybody(within, past))
    staff = pd.DataFrame(json.loads(kept), columns=list(_COLUMNS), dtype="object")
    roles = sorted({str(one) for one in staff["role"].dropna()}, key=lambda one: (not leads(one), one))
    if role:
        staff = staff[staff["role"] == role]
    if text:
        hit = staff["name"].astype("object").str.contains(text, regex=False, na=False)
        staff = staff[hit | staff["area"].astype("object").str.startswith(text, na=False)]
    page = Page(len(staff), _ROWS)
    bare = json.loads(kept_text(f"roster-bare {mark}", lambda: _bare(within)))
    return json.dumps({
        "rows": _told(staff.iloc[page.skip : page.skip + _ROWS]), "of": len(staff), "roles": roles,
        "bare": bare["micro_grids"], "bare_grids": bare["grids"],
    }, ensure_ascii=False)  # fmt: skip


@bp.post("")
@needs("roster.edit")
def give() -> ResponseReturnValue:
    """Put somebody in charge of a unit."""
    form = request.form
    try:
        ended = assign(
            current_app.config["CITY"], area=form.get("area", "").strip()[:18], name=form.get("name", ""),
            role=_plain(form.get("role", "")), day=form.get("day", ""), phone=form.get("phone", "").strip()[:40],
            replace=form.get("beside") != "1", by=get_user().name, within=get_seen().reach,
        )
    except NotYourArea:
        raise
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
    else:
        flash(say("roster.given", name=form.get("name", "").strip(), n=ended), "success")
    return redirect(_back())


@bp.post("/end")
@needs("roster.edit")
def end() -> ResponseReturnValue:
    """End what somebody is in charge of."""
    form = request.form
    try:
        end_duty(
            current_app.config["CITY"], area=form.get("area", "")[:18], name=form.get("name", ""),
            role=form.get("role", ""), day=form.get("day", ""), by=get_user().name, within=get_seen().reach,
        )
    except NotYourArea:
        raise
    except GridmapError as refusal:
        flash(say_refusal(refusal), "danger")
    else:
        flash(say("roster.ended", name=form.get("name", "")), "success")
    return redirect(_back())


@bp.get("/roster.<any(csv, xlsx):table>")
@needs("roster.view")
def download(table: str) -> Response:
    """The roster as a file, the past included: no cell is a formula, telephone numbers by right; it is recorded."""
    seen, user, within = get_seen(), get_user(), chosen_area()
    with tempfile.TemporaryDirectory(prefix="gridmap-") as folder:
        path = Path(folder) / f"roster.{table}"
        made = export_layers(
            seen,  # type: ignore[arg-type]  # reads as a store does, within what the person may see
            ["staff"], path, within=within, format=table, names=current(),
        )
        get_jobs().record(ExportJob(
            id=new_id(), at=now(), by=user.name, role=user.role, state="done", started_at=now(), ended_at=now(),
            wishes=Wishes(layers=("staff",), scope=within, format=table, encoding="utf-8", names=current()),
            rows=made.rows, size=path.stat().st_size, sha256=sha256_of(path), removed_at=now(),
        ))
        content = io.BytesIO(path.read_bytes())
    kind = "text/csv" if table == "csv" else "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return send_file(content, mimetype=kind, as_attachment=True, download_name=f"roster-{today().isoformat()}.{table}")


def _bare(within: tuple[str, ...]) -> str:
    """Units that nobody is in charge of."""
    return json.dumps(leaders(get_seen(), within, today(), most=_BARE), ensure_ascii=False)


def _everybody(within: tuple[str, ...], past: bool) -> str:
    """The staff by area, leaders first: with telephone numbers where the asker's role sees them."""
    staff = get_seen().columns("staff", list(_COLUMNS), within=within, as_of=None if past else today())
    staff = staff.assign(order=staff["role"].map(leads)).sort_values(
        ["area", "order", "role", "name", "from"], ascending=[True, False, True, True, True]
    )[list(_COLUMNS)]
    return json.dumps(staff.astype(object).where(staff.notna(), None).to_numpy().tolist(), ensure_ascii=False)


def _told(staff: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with the names of their units."""
    seen, names = get_seen(), {}
    for level, size in (("micro_grids", 18), ("grids", 15), ("communities", 12), ("streets", 9), ("districts", 6)):
        codes = sorted({area for area in staff["area"].dropna() if len(area) == size})
        if codes:
            units = seen.columns(level, ["code", "name"], codes=codes)
            told = units["name"].astype("object").where(units["name"].notna(), None)
            names |= dict(zip(units["code"], told, strict=True))
    day = today().isoformat()
    rows = staff.astype(object).where(staff.notna(), None).to_dict("records")
    for row in rows:
        row["unit"] = names.get(row["area"])
        row["over"] = bool(row["to"] and row["to"] < day)
        row["coming"] = bool(row["from"] and row["from"] > day)
    return rows


def _offered(roles: list[str]) -> list[str]:
    known = {_plain(_role(one)) for one in roles}
    ours = [zh if current() == "zh" else en for zh, en in ROLES.values()]
    return [*map(_role, roles), *(one for one in ours if _plain(one) not in known)]


def _role(role: Any) -> str:
    return role_titles(role, current())


def _plain(role: str) -> str:
    """A role as the city's staff already has it, where the field held its title in the reader's language."""
    text = " ".join(role.split())
    pair = next(((key, zh, en) for key, (zh, en) in ROLES.items() if text in (key, zh, en)), None)
    if pair is None:
        return text
    return next((one for one in _known_roles() if one in pair), pair[1])


def _known_roles() -> list[str]:
    """Roles as the staff of one's area has them."""
    def made() -> str:
        return json.dumps(get_seen().tally("staff", ["role"])["role"].dropna().tolist(), ensure_ascii=False)

    found: list[str] = json.loads(kept_text("roster-roles", made))
    return found


def _back() -> str:
    kept = {name: request.form[name] for name in ("within", "role_shown", "page", "past") if request.form.get(name)}
    if "role_shown" in kept:
        kept["role"] = kept.pop("role_shown")
    return url_for(".show", **kept)
