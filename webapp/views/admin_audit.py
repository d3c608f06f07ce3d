"""The audit log: filtered, page by page, and as a table to take away."""

from __future__ import annotations

import csv
import io
import json
import re

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.audit import EVENTS, read_audit
from webapp.exporting import get_audit
from webapp.guard import get_user, needs
from webapp.own_tables import get_sql
from webapp.pages import Page

__all__ = ["bp"]

bp = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")

_ROWS, _MOST = 40, 100_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _asked() -> dict[str, str]:
    """Filters of the address: only such as the log knows."""
    told = {name: request.args.get(name, "").strip()[:200] for name in ("group", "by", "area", "since", "until")}
    if told["group"] not in {*EVENTS, *(name for names in EVENTS.values() for name in names)}:
        told["group"] = ""
    for name in ("since", "until"):
        told[name] = told[name] if _DAY.fullmatch(told[name]) else ""
    return told


@bp.get("")
@needs("audit.view")
def show() -> ResponseReturnValue:
    """Events, the latest first."""
    get_audit().bring_in()
    asked, store = _asked(), get_sql()
    with store.snapshot():
        rows, of = read_audit(store, **asked, most=_ROWS)
        page = Page(of, _ROWS)
        if page.skip:
            rows, _ = read_audit(store, **asked, most=_ROWS, skip=page.skip)
    return render_template("admin_audit.html", rows=rows, page=page, asked=asked, events=EVENTS, user=get_user())


@bp.get("/audit.csv")
@needs("audit.view")
def table() -> Response:
    """The same as CSV, which no spreadsheet takes for formulas."""
    get_audit().bring_in()
    rows, _ = read_audit(get_sql(), **_asked(), most=_MOST)
    user = get_user()
    get_audit().add("audit.download", by=user.name, role=user.role, rows=len(rows))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["at", "by", "role", "what", "area", "facts"])
    for row in rows:
        facts = json.dumps(row["facts"], ensure_ascii=False)
        writer.writerow([_safe(str(cell)) for cell in (*(row[n] for n in ("at", "by", "role", "what", "area")), facts)])
    answer = Response("\ufeff" + out.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = "attachment; filename=audit.csv"
    return answer


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
