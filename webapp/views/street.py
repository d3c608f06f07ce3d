"""The figures of a street: sizes, people in charge, what is uncovered, borders, workload, incidents."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.street import borders, coverage_gaps, incident_rates, leaders, sizes, workload
from webapp.guard import get_seen, get_user, needs
from webapp.offices import chosen_area, kind_titles, today, unit_name, units_to_choose
from webapp.parts import kept_part
from webapp.placements import decided
from webapp.replies import kept_text

__all__ = ["bp"]

bp = Blueprint("street", __name__, url_prefix="/street")

#: Rows of a list on the page.
_MOST = 50


@bp.get("")
@needs("street.view")
def show() -> ResponseReturnValue:
    """The page; `within` chooses a unit of one's area."""
    within, facts, chosen = chosen_area(), get_seen().meta(), request.args.get("within", "")
    city, stale = facts.get("name", ""), facts.get("coverage_stale", "")
    mark = f"street-page {','.join(within)} {chosen} {today().isoformat()} {city} {stale}"
    figures = kept_part(
        mark, "street_figures.html", lambda: {**_figures(within), "within": chosen, "city": city, "stale": stale},
        incidents=True,
    )
    return render_template("street.html", figures=figures, user=get_user())


def _figures(within: tuple[str, ...]) -> dict[str, Any]:
    day = today().isoformat()
    mark = f"{','.join(within)} {day}"
    return {
        **json.loads(kept_text(f"street {mark}", lambda: _slow(within))),
        **json.loads(kept_text(f"street-incidents {mark}", lambda: _moving(within), incidents=True)),
        "name": unit_name(within), "day": day, "units": units_to_choose(), "most": _MOST,
    }


def _slow(within: tuple[str, ...]) -> str:
    seen, day = get_seen(), today()
    return json.dumps({
        "sizes": sizes(seen, within, day), "leaders": leaders(seen, within, day),
        "kinds": coverage_gaps(seen, within, kind_titles()),
    }, ensure_ascii=False)  # fmt: skip


def _moving(within: tuple[str, ...]) -> str:
    seen, day = get_seen(), today()
    return json.dumps({
        "work": workload(seen, within, day), "rates": incident_rates(seen, within, day),
        "inbox": borders(seen, within, decided()),
    }, ensure_ascii=False)  # fmt: skip
