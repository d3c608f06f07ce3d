"""What the map fetches for an earlier day: when the plan changed, and its units as they were."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from flask import Blueprint, Response, make_response, request, url_for

from gridmap.maps.cards import micro_grid_cards
from gridmap.maps.geojson import plain_records
from gridmap.maps.tiles.plan import PLAN
from gridmap.maps.values import Values, values_document
from layers.errors import NotFound, NotYourArea, WrongCall
from layers.schema import LAYERS
from webapp.guard import get_seen, needs
from webapp.past import LEVELS, PastLevel, days_of, get_level, read_day, stamp_of
from webapp.replies import data_answer
from webapp.seen import Seen
from webapp.tiles import TILE_HEADERS, get_tiles, meets, seen_box, tile_degrees

__all__ = ["bp"]

bp = Blueprint("past", __name__, url_prefix="/past")


@bp.get("/days.json")
@needs("map.view")
def days() -> Response:
    """When the plan began and changed, and which day it is today."""
    found, today = days_of(get_seen()), _today()
    told = {"first": found.first, "changes": [day for day in found.changes if day <= today], "today": today}
    return data_answer(f"past days {today}", lambda: _json(told))


@bp.get("/<day>.json")
@needs("map.view")
def layers(day: str) -> Response:
    """The units of a day as `/tiles/layers.json` lists them, where their tiles are, and what is known of the day."""
    seen, asked = get_seen(), read_day(day)
    version = get_tiles().version()
    stamp = stamp_of(seen, version)
    return data_answer(f"past {stamp} {asked}", lambda: _json(_document(seen, asked, stamp)))


@bp.get("/<stamp>/<plan>/tiles/<names>/<int:z>/<int:x>/<int:y>.pbf")
@needs("map.view")
def tile(stamp: str, plan: str, names: str, z: int, x: int, y: int) -> Response:
    """A tile of that day: units as they were, all else as it is today; `names` are layers with commas between."""
    seen = _checked(stamp)
    asked = names.split(",")[: len(PLAN)]
    units = [name for name in asked if name in LEVELS]
    others = [name for name in asked if name not in LEVELS]
    parts: list[bytes] = []
    refusal: NotFound | NotYourArea | None = None
    for name in units:
        try:
            parts.append(_units(seen, get_level(seen, name, read_day(plan)), z, x, y))
        except (NotFound, NotYourArea) as error:
            refusal = error if refusal is None or isinstance(error, NotYourArea) else refusal
    if others:
        tiles = get_tiles()
        try:
            packed = tiles.tile(seen, tiles.version(), others, z, x, y)
            parts.append(gzip.decompress(packed) if packed else b"")
        except (NotFound, NotYourArea) as error:
            refusal = error if refusal is None or isinstance(error, NotYourArea) else refusal
    if not parts:
        raise refusal or NotFound("name the layers whose tiles you want")
    content = b"".join(parts)
    answer = make_response(gzip.compress(content, mtime=0) if content else b"", 200 if content else 204)
    answer.headers.update({name: text for name, text in TILE_HEADERS.items() if content or "Content" not in name})
    return answer


@bp.get("/<stamp>/<plan>/values/<layer>/names.json")
@needs("map.view")
def names(stamp: str, plan: str, layer: str) -> Response:
    """Codes and names of that day in the order of the numbers."""
    known = get_level(_checked(stamp), layer, read_day(plan))

    def make() -> str:
        frame = known.frame
        named = frame["name"] if "name" in frame else pd.Series(None, frame.index, dtype=object)
        return _json({"codes": frame["code"].tolist(), "names": named.where(named.notna(), None).tolist()})

    return data_answer(f"past names {stamp} {plan} {layer}", make)


@bp.get("/<stamp>/<plan>/values/<layer>/<path:measure>.json")
@needs("map.view")
def values(stamp: str, plan: str, layer: str, measure: str) -> Response:
    """One measure of that day as an array in the order of the numbers, with its classes."""
    known = get_level(_checked(stamp), layer, read_day(plan))
    method, classes = request.args.get("breaks", "quantile"), request.args.get("classes", "5")
    if not classes.isdecimal():
        raise WrongCall(f"a legend has 2 to 9 classes, not {classes[:20]!r}")
    found = [item for item in known.values if item.name == measure]
    if not found:
        kept = ", ".join(item.name for item in known.values) or "nothing"
        raise NotFound(f"{layer} of that day cannot be shown by {measure[:60]!r}; there is {kept}")
    return data_answer(
        f"past values {stamp} {plan} {layer} {measure} {method} {int(classes)}",
        lambda: _json(values_document(found[0], layer, method=method, classes=int(classes))),
    )


@bp.get("/<stamp>/<plan>/feature/<layer>/<int:number>.json")
@needs("map.view")
def feature(stamp: str, plan: str, layer: str, number: int) -> Response:
    """What the card of that day says of a unit, by its number."""
    seen = _checked(stamp)
    known = get_level(seen, layer, read_day(plan))
    if not 0 < number <= len(known.frame):
        # the same words whether it exists elsewhere or not
        raise NotYourArea(f"this is not in your area; ask the administrator of the city about {layer}")
    return data_answer(
        f"past feature {stamp} {plan} {layer} {number}", lambda: _json(_card(seen, known, number, plan))
    )


@bp.get("/<stamp>/<plan>/feature/<layer>/code/<path:code>.json")
@needs("map.view")
def feature_by_code(stamp: str, plan: str, layer: str, code: str) -> Response:
    """What the card of that day says of a unit, by its code."""
    return feature(stamp, plan, layer, get_level(_checked(stamp), layer, read_day(plan)).number(code))


def _checked(stamp: str) -> Seen:
    """What the person sees, where the address is of the city as it is now."""
    seen = get_seen()
    if stamp != stamp_of(seen, get_tiles().version()):
        raise NotFound("the city has changed since; ask for the day again")
    return seen


def _document(seen: Seen, day: str, stamp: str) -> dict[str, Any]:
    found = days_of(seen)
    plan, state = found.plan(day), found.state(day)
    told, boxes = [], []
    for order, item in enumerate(LEVELS.values()):
        if not seen.sees(item.name):
            continue
        known = get_level(seen, item.name, plan) if state != "before" else None
        box = None if known is None else seen_box(known.tiles.boxes)
        told.append({
            "name": item.name, "zh": item.zh, "en": item.en, "group": item.group, "geometry": item.geometry,
            "minzoom": item.minzoom if known is None else known.minzoom, "maxzoom": item.maxzoom, "bounds": box,
            "count": 0 if known is None else len(known.frame), "show": item.shown, "order": order,
            "measures": [] if known is None else [_fact(one) for one in known.values],
        })  # fmt: skip
        if box is not None:
            boxes.append(box)
    base = url_for("past.names", stamp=stamp, plan=plan, layer="-").split("values/")[0]
    return {
        "day": day, "plan": plan, "state": state, "first": found.first, "since": found.since(day),
        "until": found.until(day), "base": base, "layers": told,
        "bounds": seen_box(np.array(boxes, dtype="float64").reshape(-1, 4)),
    }  # fmt: skip


def _units(seen: Seen, known: PastLevel, z: int, x: int, y: int) -> bytes:
    if not known.minzoom <= z <= known.item.maxzoom:
        raise NotFound(f"tiles of {known.item.name} are of zoom {known.minzoom} to {known.item.maxzoom}, not {z}")
    if not meets(seen_box(known.tiles.boxes), tile_degrees(z, x, y)):
        if seen.reach == ("",):
            return b""
        raise NotYourArea("this tile is outside your area; ask the administrator of the city")
    return known.tiles.tile(z, x, y)


def _card(seen: Seen, known: PastLevel, number: int, plan: str) -> dict[str, Any]:
    row = known.frame.iloc[[number - 1]]
    columns = [column for column in LAYERS[known.item.name] if column.name in row]
    code = str(row["code"].iloc[0])
    name = row["name"].iloc[0] if "name" in row else None
    west, south, east, north = known.tiles.boxes[number - 1].tolist()
    card: dict[str, Any] = {
        "layer": known.item.name, "id": number, "code": code, "name": name if isinstance(name, str) else None,
        "bounds": [west, south, east, north], "plan": plan,
        "facts": plain_records(row[[column.name for column in columns]])[0],
        "columns": [{"name": c.name, "zh": c.zh, "en": c.en, "unit": c.unit, "type": c.type} for c in columns],
    }  # fmt: skip
    if known.item.name == "micro_grids":
        stack = row["stack"].iloc[0] if "stack" in row else None
        shared = known.frame[known.frame["stack"] == stack] if isinstance(stack, str) else row
        # what is attached is kept as it is today only: the card of an earlier day has the unit's own figures
        card["card"] = {**micro_grid_cards(shared)[code], "later": _later(seen, code, plan)}
    return card


def _later(seen: Seen, code: str, plan: str) -> list[dict[str, Any]]:
    """What became of a micro-grid at the first change after that day: the codes that its households went to."""
    lineage = seen.read("lineage")
    after = lineage[(lineage["old_code"] == code) & (lineage["date"].astype("string") > plan)]
    after = after[after["date"] == after["date"].min()].dropna(subset=["new_code"]) if len(after) else after
    wanted = [name for name in ("new_code", "households", "date") if name in after]
    return plain_records(pd.DataFrame(after[wanted])) if len(after) else []


def _fact(one: Values) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("name", "zh", "en", "group", "kind", "unit")}


def _today() -> str:
    return datetime.now().astimezone().date().isoformat()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
