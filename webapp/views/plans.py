"""Old plan against new plan: figures, the buildings that moved, and both borders on a map."""

from __future__ import annotations

import json

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.maps.assets import outside_links
from gridmap.maps.page import page_parts
from gridmap.past import change_days
from gridmap.plan_change import PlanChange, change_between, map_of
from layers.errors import NotFound
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.replies import data_answer

__all__ = ["bp"]

bp = Blueprint("plans", __name__)

#: Moves on the page; the JSON has all.
_MOST = 300


def _asked() -> tuple[str | None, str | None]:
    """The days in the address."""
    return request.args.get("from") or None, request.args.get("to") or None


def _change() -> PlanChange:
    return change_between(get_seen(), *_asked())


@bp.get("/plans")
@needs("plan.compare")
def show() -> ResponseReturnValue:
    """Figures of both plans and the buildings that moved, as far as the asker sees them."""
    days = change_days(get_seen())
    old, new = _asked()
    try:
        told = _change().to_dict()
    except NotFound:
        told = None  # the plan never changed, or not here
    return render_template(
        "plans.html", told=told, days=days, old=old or (told or {}).get("from", ""), new=new or "", most=_MOST,
        moves=told["moves"][:_MOST] if told else [], user=get_user(),
    )  # fmt: skip


@bp.get("/plans/map")
@needs("plan.compare")
def on_map() -> ResponseReturnValue:
    """Both borders and the buildings that moved."""
    seen = get_seen()
    change = _change()
    if change.same:
        raise NotFound("the two plans are the same here: there is nothing to draw")
    name = seen.meta().get("name", "")
    parts = page_parts(map_of(seen, change, title=name, lang=current(), assets="/assets/", switch=False))
    page = render_template("map.html", parts=parts, city=name, made="", user=get_user())
    assert not outside_links(page), "the map page must ask no other host"
    return page


@bp.get("/plans.json")
@needs("plan.compare")
def figures() -> Response:
    """The same as JSON."""
    old, new = _asked()
    return data_answer(f"plans {old} {new}", lambda: json.dumps(_change().to_dict(), ensure_ascii=False))
