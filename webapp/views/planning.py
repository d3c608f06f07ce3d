"""Plans edited on the map: buildings go to other micro-grids, with the answer at once; nothing is drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import geopandas as gpd
from flask import (
    Blueprint,
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

from gridmap.maps.assets import outside_links
from gridmap.maps.geojson import plain_records, to_geojson
from gridmap.maps.page import page_parts
from gridmap.maps.plan_editor import draw_editor
from gridmap.replan_draft import planned_moves, refuse_where_locked, set_lock
from gridmap.replan_hand import Answer, Move, Opened, save_draft
from gridmap.roles import may
from gridmap.table_file import TABLE_TYPES, table_file
from layers.errors import MoveNotAllowed, NotFound, NotYourArea, WrongCall
from webapp.drafts import Draft, get_drafts
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say
from webapp.replies import kept_text

__all__ = ["bp"]

bp = Blueprint("planning", __name__, url_prefix="/plan")

#: Most micro-grids beside a choice for which it is worked out what joining them would do.
_MOST_TARGETS = 8
#: Plans put in force that are listed.
_MOST_ADOPTED = 20
#: Characters of a note.
_LONGEST_NOTE = 400
#: Layers under the plan, with the columns that the page reads.
_GROUND = {"roads": ("name", "class"), "water": (), "green": (), "barriers": ("kind",)}
#: Digits of the units that are opened for editing, the whole city left out: a person looks at one part at a time.
_PARTS = (9, 12, 15)


@bp.get("/")
@needs("plan.edit")
def show() -> ResponseReturnValue:
    """The parts that can be opened, and the drafts that are open."""
    parts = json.loads(kept_text("plan-parts", _parts))
    drafts = [draft.facts() for draft in get_drafts().listed() if _mine(draft.within)]
    adopted = [told for told in get_drafts().adopted() if _mine(told["within"])][:_MOST_ADOPTED]
    return render_template(
        "plan.html", communities=parts, drafts=drafts, adopted=adopted, user=get_user(),
        names={row["code"]: row["name"] for row in parts},
    )


def _parts() -> str:
    """Codes and names of the communities in reach."""
    return get_seen().columns("communities", ["code", "name"]).to_json(orient="records", force_ascii=False)


@bp.post("/drafts")
@needs("plan.edit")
def make() -> ResponseReturnValue:
    """Open a part of the plan."""
    within = request.form.get("within", "")
    if len(within) not in _PARTS or not within.isdigit():
        raise WrongCall(f"a street, community or grid is opened for editing, not {within[:40]!r}; choose one")
    _check_area(within)
    draft = get_drafts().make(within, get_user().name)
    return redirect(url_for("planning.edit", draft=draft.id))


@bp.get("/drafts/<draft>")
@needs("plan.edit")
def edit(draft: str) -> ResponseReturnValue:
    """The page on which a draft is edited."""
    kept = _own(draft)
    seen = get_seen()
    drawn = draw_editor(
        url_for("planning.edit", draft=draft) + "/", lang=current(), title=_title(kept.within), assets="/assets/",
        attribution=seen.meta().get("attribution", ""), done=url_for("planning.show"),
        may_adopt=may(get_user(), "plan.adopt"), four_eyes=current_app.config["FOUR_EYES"],
    )
    parts = page_parts(drawn)
    page = render_template("plan_edit.html", parts=parts, title=_title(kept.within), user=get_user())
    assert not outside_links(page), "the page must ask no other host"
    return page


@bp.get("/drafts/<draft>/ground.json")
@needs("plan.edit")
def ground(draft: str) -> Response:
    """Cells with what stands on them, buildings, streets and water, and the plan as it is now."""
    _own(draft)
    seen = get_seen()
    with get_drafts().open(draft) as kept:
        opened = _opened(kept)
        cells = opened.scope.cells[opened.scope.free]
        block = opened.draft.blocks()
        rows = cells.assign(block=cells["code"].map(block))
        box = tuple(cells.total_bounds)
        present = {name: columns for name, columns in _GROUND.items() if name in seen.layers()}
        told = {
            "cells": json.loads(to_geojson(rows, columns=("code", "households", "alone", "block"))),
            **{name: json.loads(to_geojson(seen.ground(name, bbox=box), columns=columns))
               for name, columns in present.items()},
            "buildings": json.loads(to_geojson(
                opened.scope.buildings, columns=("code", "name", "address", "households", "cell")
            )),
            "state": _state(kept),
        }  # fmt: skip
    return _json(told)


@bp.post("/drafts/<draft>/targets")
@needs("plan.edit")
def targets(draft: str) -> Response:
    """Where the chosen cells could go, and what each choice would do; the best first."""
    _own(draft)
    cells = _cells(_asked())
    with get_drafts().open(draft) as kept:
        opened = _opened(kept)
        plan = opened.draft
        beside = [code for code in plan.neighbours(cells) if _inside(opened, code)]
        found = [_told(opened, plan.preview(plan.move(cells, code), geometry=True), code) for code in
                 beside[:_MOST_TARGETS]]  # fmt: skip
        found.append(_told(opened, plan.preview(plan.move(cells, None), geometry=True), "new"))
    found.sort(key=lambda each: (not each["allowed"], len(each["breaches"])))
    return _json({"targets": found, "left_out": max(0, len(beside) - _MOST_TARGETS)})


@bp.post("/drafts/<draft>/moves")
@needs("plan.edit")
def move(draft: str) -> Response:
    """Make a move: cells to a micro-grid or a new one, one micro-grid joined to another, or one divided."""
    _own(draft)
    asked = _asked()
    with get_drafts().open(draft) as kept:
        opened = _editable(kept)
        wanted = _move(opened, asked)
        answer = opened.draft.preview(wanted)
        if answer.allowed:
            answer = opened.draft.apply(wanted)
        told = {"answer": _told(opened, answer, str(asked.get("to") or "new")), "state": _state(kept)}
    return _json(told)


@bp.post("/drafts/<draft>/<any(undo, redo):what>")
@needs("plan.edit")
def back(draft: str, what: str) -> Response:
    """Take the last move back, or make it again."""
    _own(draft)
    with get_drafts().open(draft) as kept:
        opened = _editable(kept)
        refuse_where_locked(opened, back=what == "undo")
        done = opened.draft.undo() if what == "undo" else opened.draft.redo()
        told = {"done": done, "state": _state(kept)}
    return _json(told)


@bp.post("/drafts/<draft>/<any(lock, unlock):hold>")
@needs("plan.edit")
def lock(draft: str, hold: str) -> Response:
    """Keep a micro-grid as it is in the draft, or let it be changed again."""
    _own(draft)
    code = _asked().get("code")
    if not isinstance(code, str):
        raise WrongCall("name the micro-grid that is locked or unlocked")
    with get_drafts().open(draft) as kept:
        set_lock(_editable(kept), code, locked=hold == "lock")
        told = {"state": _state(kept)}
    return _json(told)


@bp.get("/drafts/<draft>/list.<any(json, xlsx, csv):listing>")
@needs("plan.edit")
def listed(draft: str, listing: str) -> Response:
    """The buildings that would change their micro-grid, with households and leaders of both sides."""
    _own(draft)
    with get_drafts().open(draft) as kept:
        moves = planned_moves(_opened(kept))
    if listing == "json":
        return _json({"moves": plain_records(moves), "households": int(moves["households"].sum())})
    titles = {name: say(f"planning.column.{name}") for name in moves.columns}
    answer = make_response(table_file(moves.rename(columns=titles), listing))
    answer.headers["Content-Type"] = TABLE_TYPES[listing]
    answer.headers["Content-Disposition"] = f"attachment; filename=moves-{draft[:8]}.{listing}"
    return answer


@bp.post("/drafts/<draft>/propose")
@needs("plan.edit")
def propose(draft: str) -> Response:
    """Put the draft forward, to be looked at and adopted; nobody changes it until it is taken back."""
    _own(draft)
    asked = _asked()
    day = _day(asked)
    with get_drafts().open(draft) as kept:
        if not kept.moves and not kept.locks:
            raise WrongCall("nothing was changed in this draft; there is nothing to propose")
        _editable(kept)
        kept.proposed = {
            "by": get_user().name, "at": datetime.now(UTC).isoformat(timespec="seconds"), "day": day or "",
            "note": " ".join(str(asked.get("note") or "").split())[:_LONGEST_NOTE],
        }  # fmt: skip
        told = {"state": _state(kept)}
    return _json(told)


@bp.post("/drafts/<draft>/take-back")
@needs("plan.edit")
def take_back(draft: str) -> Response:
    """A proposed draft can be edited again."""
    _own(draft)
    with get_drafts().open(draft) as kept:
        kept.proposed = {}
        told = {"state": _state(kept)}
    return _json(told)


@bp.post("/drafts/<draft>/adopt")
@needs("plan.adopt")
def adopt(draft: str) -> Response:
    """Put the draft in force from a day on; where four eyes are asked for, only what somebody else has proposed."""
    _own(draft)
    day, user = _day(_asked()), get_user().name
    with get_drafts().open(draft) as kept:
        if not kept.moves and not kept.locks:
            raise WrongCall("nothing was changed in this draft; there is nothing to adopt")
        if current_app.config["FOUR_EYES"] and kept.proposed.get("by", user) == user:
            raise MoveNotAllowed("a plan is adopted by somebody else than who proposed it; ask a colleague")
        day = day or kept.proposed.get("day") or None
        done = save_draft(_opened(kept), day=day, by=user)
        get_drafts().record(kept, {
            "adopted_by": user, "at": datetime.now(UTC).isoformat(timespec="seconds"), "proposed": kept.proposed,
            "day": day or datetime.now().astimezone().date().isoformat(), "moves": len(done.moves),
            "households_moved": done.figures["households_moved"],
        })  # fmt: skip
    get_drafts().drop(draft)
    return _json({"figures": done.figures, "moves": len(done.moves)})


@bp.post("/drafts/<draft>/close")
@needs("plan.edit")
def close(draft: str) -> ResponseReturnValue:
    """Forget a draft."""
    _own(draft)
    get_drafts().drop(draft)
    return redirect(url_for("planning.show"))


# what may be asked


def _mine(within: str) -> bool:
    return get_seen().within((within,)) == (within,)


def _check_area(within: str) -> None:
    """Refuse a part that does not lie wholly in one's area."""
    if not _mine(within):
        raise NotYourArea(f"{within} is not in your area; choose a part of it")


def _own(draft: str) -> Draft:
    """A draft of one's area; one of elsewhere is as good as none."""
    kept = get_drafts().read(draft)
    if not _mine(kept.within):
        raise NotFound(f"there is no draft {draft[:40]!r}; it was closed or adopted")
    return kept


def _asked() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        raise WrongCall("a move is sent as a JSON object")
    return asked


def _cells(asked: dict[str, Any]) -> list[str]:
    cells = asked.get("cells")
    if not isinstance(cells, list) or not cells or not all(isinstance(cell, str) for cell in cells):
        raise WrongCall("choose at least one building or piece of ground first")
    return list(dict.fromkeys(cells))


def _move(opened: Opened, asked: dict[str, Any]) -> Move:
    plan, what, to = opened.draft, asked.get("what", "move"), asked.get("to")
    if to is not None and not isinstance(to, str):
        raise WrongCall("'to' is the code of a micro-grid, or null for a new one")
    if what == "move":
        return plan.move(_cells(asked), None if to in (None, "new") else to)
    code = asked.get("code")
    if not isinstance(code, str):
        raise WrongCall("name the micro-grid that is joined or divided")
    if what == "merge" and to is not None:
        return plan.merge(code, to)
    if what == "divide":
        return plan.divide(code)
    raise WrongCall(f"a move is 'move', 'merge' (with 'to') or 'divide', not {str(what)[:20]!r}")


def _day(asked: dict[str, Any]) -> str | None:
    """The ISO day that was sent; None where none was."""
    day = str(asked.get("day") or "") or None
    try:
        return None if day is None else date.fromisoformat(day).isoformat()
    except ValueError:
        raise WrongCall(f"a day is written 2026-11-01, not {day!r}") from None


def _editable(kept: Draft) -> Opened:
    """The plan of a draft, to be changed.

    Raises
    ------
    MoveNotAllowed
        Where it was proposed.
    """
    if kept.proposed:
        raise MoveNotAllowed(f"{kept.proposed['by']} has proposed this plan; take the proposal back to change it")
    return _opened(kept)


def _opened(kept: Draft) -> Opened:
    assert kept.opened is not None, "a draft is opened by its registry"
    return kept.opened


def _inside(opened: Opened, code: str) -> bool:
    return code.startswith(opened.within)


# what is answered


def _told(opened: Opened, answer: Answer, to: str) -> dict[str, Any]:
    """An answer with the areas of both sides, in the reader's language."""
    sides = [side for side in answer.sides if side.geometry is not None]
    frame = gpd.GeoDataFrame(
        {"code": [side.code for side in sides]}, geometry=[side.geometry for side in sides], crs=opened.draft.crs
    )
    return {
        "to": to, **answer.to_dict(), "words": answer.words(current()),
        "areas": json.loads(to_geojson(frame, columns=("code",))),
    }  # fmt: skip


def _state(kept: Draft) -> dict[str, Any]:
    """The plan as it is now: which micro-grid each cell is in, and each micro-grid's figures and area."""
    opened = _opened(kept)
    plan, band = opened.draft, opened.band
    zones = plan.zones()
    inside = zones[zones.str.startswith(opened.within)]
    frame = plan.frame()
    frame = frame[frame["code"].str.startswith(opened.within)]
    stacks, kinds = plan.stacks, plan.kinds
    rows = frame.assign(
        kind=[kinds.get(code, "stack" if code in stacks else "") for code in frame["code"]],
        locked=frame["code"].isin(plan.locked),
        within_band=[bool(band.holds(n)) or code in kinds or code in stacks for code, n in
                     zip(frame["code"], frame["households"], strict=True)],
    )  # fmt: skip
    return {
        "zones": inside.to_dict(), "done": [_said(m) for m in plan.history], "undone": [_said(m) for m in plan.undone],
        "changed": plan.changed(), "proposed": kept.proposed, "locks": kept.opened.locks if kept.opened else {},
        "mine": kept.proposed.get("by") == get_user().name, "band": [band.low, band.target, band.high],
        "areas": json.loads(to_geojson(rows, columns=("code", "households", "kind", "locked", "within_band"))),
    }  # fmt: skip


def _said(move: Move) -> dict[str, Any]:
    return {"what": move.what, "cells": len(move.cells), "to": sorted(set(move.to))}


def _title(within: str) -> str:
    level = {9: "streets", 12: "communities", 15: "grids"}[len(within)]
    rows = get_seen().read(level, within=(within,))
    named: Sequence[Any] = rows.loc[rows["code"] == within, "name"].dropna().tolist() if "name" in rows else []
    return str(named[0]) if named else within


def _json(told: Any) -> Response:
    answer = jsonify(told)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
