"""A facility more, one moved or closed, on trial: the change of coverage on the map; the city stays as it is."""

from __future__ import annotations

import json
import time
from typing import Any

import geopandas as gpd
import pandas as pd
from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gridmap.ask_what_if import Answer, FarAway, Ground, Step, read_steps
from gridmap.maps.assets import outside_links
from gridmap.maps.geojson import to_geojson
from layers.errors import NotYourArea, WrongCall
from layers.schema import NEEDS
from webapp.city_map import city_parts, lived_in, made_at
from webapp.grounds import State, get_grounds
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, translations
from webapp.refusals import say_refusal
from webapp.replies import kept_text
from webapp.scenarios import get_scenarios

__all__ = ["bp"]

bp = Blueprint("what_if", __name__, url_prefix="/what-if")

#: Changed micro-grids that are drawn, the most households first, and larger units that are listed.
_MOST_DRAWN, _MOST_UNITS = 3000, 40


@bp.get("")
@needs("what_if.make")
def show() -> ResponseReturnValue:
    """The page; its changes stand in the address as `do`, the kind that is added next as `kind`."""
    seen = get_seen()
    get_grounds().get(seen)  # begun now, so that it is ready when the first change is made
    norms = list(seen.norms().with_distance())
    kinds = sorted(((norm.key, {"zh": norm.zh, "en": norm.en}) for norm in norms), key=lambda item: item[1][current()])
    kind = request.args.get("kind", "")
    kind = kind if kind in dict(kinds) else _usual(dict(kinds))
    meta = seen.meta()
    parts = city_parts(seen, measure=f"coverage:{kind}" if _covered(kind) else None)
    page = render_template(
        "what_if.html", parts=parts, city=meta.get("name", ""), made=made_at(meta),
        lived=lived_in(seen), kinds=kinds, kind=kind,
        scenarios=get_scenarios().of(get_user().name), user=get_user(),
        facts={"kind": kind, "lang": current(), "words": _words(),
               "needs": {need.name: need.zh if current() == "zh" else need.en for need in NEEDS}},
    )
    assert not outside_links(page), "the map page must ask no other host"
    return page


@bp.get("/ready")
@needs("what_if.make")
def ready() -> Response:
    """How far the city is from being asked."""
    _, state = get_grounds().get(get_seen())
    return _answer(_told(state))


@bp.get("/answer")
@needs("what_if.make")
def answer() -> Response:
    """What the changes `do` would do; how far it is where the city is not `ready` yet.

    A change that cannot be is no error of the page: the answer says `refused`, and `why` where that has a word.
    """
    seen = get_seen()
    steps = read_steps(request.args.getlist("do"))
    ground, state = get_grounds().get(seen)
    if ground is None:
        return _answer(_told(state))
    begun = time.perf_counter()
    try:
        found = ground.ask(steps, seen.reach)
    except (NotYourArea, WrongCall) as error:
        why = "outside" if isinstance(error, NotYourArea) else "far" if isinstance(error, FarAway) else ""
        return _answer({"ready": True, "refused": say_refusal(error), "why": why})
    told = {
        "ready": True, "kinds": found.facts(), "changed": _areas(ground, found), "units": _units(found),
        "places": [_place(ground, step, seen.reach) for step in steps],
    }  # fmt: skip
    told["seconds"] = round(time.perf_counter() - begun, 3)
    return _answer(told)


@bp.get("/facilities.json")
@needs("what_if.make")
def facilities() -> Response:
    """Facilities of a `kind` that one may move or close: code, name and place."""
    seen = get_seen()
    ground, state = get_grounds().get(seen)
    if ground is None:
        return _answer(_told(state))
    own = ground.own_facilities(seen.reach, kind=request.args.get("kind", ""))
    points = own.assign(geometry=own.geometry.representative_point()) if len(own) else own
    return _answer({"ready": True, "facilities": json.loads(to_geojson(points, columns=("code", "name", "kind")))})


@bp.post("/scenarios")
@needs("what_if.make")
def keep() -> ResponseReturnValue:
    """Keep the changes of the address under a name."""
    steps = request.form.getlist("do")
    get_scenarios().keep(get_user().name, request.form.get("name", ""), steps)
    return redirect(url_for(".show", kind=request.form.get("kind") or None, do=steps))


@bp.post("/scenarios/<scenario>/drop")
@needs("what_if.make")
def drop(scenario: str) -> ResponseReturnValue:
    """Forget a scenario."""
    get_scenarios().drop(get_user().name, scenario)
    return redirect(url_for(".show", kind=request.form.get("kind") or None, do=request.form.getlist("do")))


def _words() -> dict[str, str]:
    """What the page's script says, in the reader's language."""
    start = "what_if.js."
    return {key.removeprefix(start): text for key, text in translations()[current()].items() if key.startswith(start)}


def _covered(kind: str) -> bool:
    seen = get_seen()
    return "coverage" in seen.layers() and bool(kind)


def _usual(kinds: dict[str, Any]) -> str:
    return "canteen" if "canteen" in kinds else next(iter(kinds), "")


def _told(state: State) -> dict[str, Any]:
    return {"ready": state.stage == "ready", "stage": state.stage, "seconds": state.seconds, "usual": state.usual,
            "message": state.message}


def _areas(ground: Ground, found: Answer) -> dict[str, Any]:
    """Changed micro-grids with what they gain or lose, all kinds together."""
    rows = found.changed()
    if not len(rows):
        return {"type": "FeatureCollection", "features": []}
    gain = rows["covered_after"].fillna(0).astype("float64") - rows["covered_before"].fillna(0).astype("float64")
    nearer = rows["walk_m_mean_before"].astype("float64") - rows["walk_m_mean_after"].astype("float64")
    table = pd.DataFrame({
        "code": rows["code"], "gain": gain, "nearer": nearer, "households": rows["households"].astype("int64"),
    }).groupby("code", as_index=False).agg({"gain": "sum", "nearer": "sum", "households": "first"})  # fmt: skip
    table = table.assign(gain=table["gain"].astype("int64"), nearer=table["nearer"].round(0))
    table = table.loc[table["gain"].abs().sort_values(ascending=False, kind="stable").index][:_MOST_DRAWN]
    shapes = ground.shapes(table["code"].tolist())[["code", "geometry"]].merge(table, on="code")
    drawn = gpd.GeoDataFrame(shapes, geometry="geometry", crs=ground.walks.crs)
    drawn = drawn.set_geometry(drawn.geometry.simplify(0.5))
    told: dict[str, Any] = json.loads(to_geojson(drawn, columns=("code", "gain", "nearer", "households")))
    return told


def _units(found: Answer) -> list[dict[str, Any]]:
    """Communities whose figures differ, the largest change first."""
    rows = found.units
    rows = rows[(rows["level"] == "communities") & rows["changed"]]
    if not len(rows):
        return []
    named = json.loads(kept_text("community names", _names))
    told = [
        {"code": row.code, "name": named.get(row.code) or row.code, "kind": row.kind, "households": int(row.households),
         "before": int(row.covered_before or 0), "after": int(row.covered_after or 0)}
        for row in rows.fillna({"covered_before": 0, "covered_after": 0}).itertuples()
    ]
    return sorted(told, key=lambda one: (-abs(one["after"] - one["before"]), one["code"]))[:_MOST_UNITS]


def _names() -> str:
    """Names of communities by code."""
    rows = get_seen().columns("communities", ["code", "name"], known=["name"])
    return json.dumps(dict(zip(rows["code"], rows["name"], strict=True)), ensure_ascii=False)


def _place(ground: Ground, step: Step, reach: tuple[str, ...]) -> dict[str, Any]:
    """What the page says of a step: the facility's name and kind, and from where it is moved."""
    told: dict[str, Any] = {"do": step.text(), "what": step.what, "place": step.place, "kind": step.name, "name": ""}
    if step.what != "add":
        own = ground.own_facilities(reach)
        row = own[own["code"] == step.name].iloc[:1]
        spot = row.geometry.representative_point().to_crs(4326).iloc[0]
        name = row["name"].iloc[0] if "name" in row else None
        told |= {"kind": row["kind"].iloc[0], "name": name if isinstance(name, str) else step.name,
                 "from": (spot.x, spot.y)}
    zh, en = ground.titles(told["kind"])
    return {**told, "title": zh if current() == "zh" else en}


def _answer(told: dict[str, Any]) -> Response:
    made = jsonify(told)
    made.headers["Cache-Control"] = "private, no-store"
    return made
