"""What was odd in the data: one list, the worst first."""

from __future__ import annotations

from typing import Any

import pandas as pd
from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from layers.finding_words import in_words
from layers.findings import LEVELS
from layers.schema import LAYERS
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.parts import kept_part
from webapp.told_files import findings_in_words

__all__ = ["bp"]

bp = Blueprint("findings", __name__)

#: Rows on the page; the file has all.
_MOST = 500


@bp.get("/findings")
@needs("findings.view")
def show() -> ResponseReturnValue:
    """The list, filtered by `layer` and `level`."""
    chosen = {name: request.args.get(name, "")[:40] for name in ("layer", "level")}
    listed = kept_part(f"findings {chosen['layer']} {chosen['level']}", "findings_list.html", lambda: _list(chosen))
    return render_template("findings.html", listed=listed, user=get_user())


def _list(chosen: dict[str, str]) -> dict[str, Any]:
    every = rows = _sorted(get_seen().read("findings"))
    for name, value in chosen.items():
        if value:
            rows = rows[rows[name] == value]
    counts = every["level"].value_counts().reindex(LEVELS, fill_value=0)
    shown = in_words(rows.head(_MOST), current()).astype(object)
    return {
        "rows": shown.where(shown.notna(), None).to_dict("records"), "total": len(rows), "chosen": chosen,
        "levels": counts.to_dict(), "present": [name for name in LAYERS if name in set(every["layer"])],
    }


@bp.get("/findings.csv")
@needs("findings.view")
def table() -> Response:
    """The whole list as CSV that Excel and WPS open with the right text."""
    every = _sorted(get_seen().read("findings"))
    told = findings_in_words(every, current())
    answer = make_response(told.to_csv(index=False).encode("utf-8-sig"))
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = "attachment; filename=findings.csv"
    return answer


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame["level"].map({level: number for number, level in enumerate(LEVELS)}).fillna(len(LEVELS))
    return frame.iloc[order.argsort(kind="stable")].reset_index(drop=True)
