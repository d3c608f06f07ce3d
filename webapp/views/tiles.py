"""What the vector map fetches: which layers there are, their tiles, and one thing of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from flask import Blueprint, Response, current_app, make_response, request

from gridmap.maps.cards import micro_grid_cards
from gridmap.maps.geojson import plain_records
from gridmap.maps.sums import sum_points
from gridmap.maps.tiles.mvt import EXTENT
from gridmap.maps.tiles.plan import PLAN, tile_layer
from gridmap.maps.tiles.shelf import TilesOf, Version, keys_of
from gridmap.maps.underlay import Background
from gridmap.maps.values import values_document
from layers.errors import NotFound, NotYourArea, WrongCall
from layers.schema import LAYERS
from webapp.guard import get_seen, get_user, needs
from webapp.replies import data_answer
from webapp.seen import Seen
from webapp.tile_door import remember
from webapp.tile_job import keep_up
from webapp.tile_values import floors_of, measure_list, rows_with, values_of
from webapp.tiles import TILE_HEADERS, get_tiles, seen_box

__all__ = ["bp", "layers_document"]

bp = Blueprint("tiles", __name__)

Box = tuple[float, float, float, float]
#: Of so many micro-grids this share at each side does not decide where the map opens.
_MANY, _FEW = 50, 0.02
#: Layers whose rows the card of a micro-grid lists.
_ON_CARD = ("buildings", "organizations", "facilities", "incidents", "coverage")


@bp.get("/tiles/layers.json")
@needs("map.view")
def current() -> Response:
    """The layers of the current tiles; where the city has changed since, new ones are begun."""
    keep_up(get_seen().meta().get("data_version", ""))
    return _layers(get_tiles().version())


@bp.get("/tiles/<version>/layers.json")
@needs("map.view")
def layers(version: str) -> Response:
    """The layers of these tiles."""
    return _layers(get_tiles().version(version))


@bp.get("/tiles/<version>/<names>/<int:z>/<int:x>/<int:y>.pbf")
@needs("map.view")
def tile(version: str, names: str, z: int, x: int, y: int) -> Response:
    """A tile; `names` are layers with commas between."""
    tiles = get_tiles()
    packed = tiles.tile(get_seen(), tiles.version(version), names.split(",")[: len(PLAN)], z, x, y)
    remember(request.environ, get_user())
    answer = make_response(packed or b"", 200 if packed else 204)
    answer.headers.update({name: text for name, text in TILE_HEADERS.items() if packed or "Content" not in name})
    return answer


@bp.get("/values/<version>/<layer>/names.json")
@needs("map.view")
def names(version: str, layer: str) -> Response:
    """Codes and names in the order of the numbers; null for what is not the person's."""
    seen, tiles = get_seen(), get_tiles()
    shown = tiles.version(version)
    known = tiles.layer(seen, shown, layer)

    def make() -> str:
        mine, _ = tiles.scope(seen, shown, known)
        table = known.table[["code", "name"]]
        table = table if mine is None else table.where(pd.Series(mine[1:]), None)
        return _json({"codes": table["code"].tolist(), "names": table["name"].tolist()})

    return data_answer(f"names {shown.name} {layer}", make)


@bp.get("/values/<version>/<layer>/sums/<int:z>.json")
@needs("map.view")
def sums(version: str, layer: str, z: int) -> Response:
    """Points of a layer counted by cells of the screen, for zooms at which its tiles hold none; only one's own.

    `?by=week&is=2879` (or by kind, category, state) counts those alone.
    """
    seen, tiles = get_seen(), get_tiles()
    shown = tiles.version(version)
    known = tiles.layer(seen, shown, layer)
    by, value = request.args.get("by", ""), request.args.get("is", "")
    plan = tile_layer(layer)
    if plan is None or plan.geometry != "point":
        raise WrongCall(f"only points are counted by cells, and {layer} are none; ask for its tiles")
    if z > 22:
        raise WrongCall(f"a map has zooms up to 22, not {z}")

    def make() -> str:
        mine, _ = tiles.scope(seen, shown, known)
        kept = np.ones(known.count, dtype=bool) if mine is None else mine[1:].copy()
        if by:
            kept &= rows_with(values_of(seen, shown, known, by), value)
        rows = np.flatnonzero(kept)
        return _json({"zoom": z, "sums": sum_points(*known.boxes[rows, :2].T, rows + 1, z)})

    return data_answer(f"sums {shown.name} {layer} {z} {by} {value}", make, incidents=layer == "incidents")


@bp.get("/values/<version>/micro_grids/floors.json")
@needs("map.view")
def floors(version: str) -> Response:
    """Floors of micro-grids that lie over one another in a tower: number -> "1-8"."""
    seen, tiles = get_seen(), get_tiles()
    shown = tiles.version(version)
    known = tiles.layer(seen, shown, "micro_grids")
    return data_answer(f"floors {shown.name}", lambda: _json(floors_of(seen, known)))


@bp.get("/values/<version>/<layer>/<path:measure>.json")
@needs("map.view")
def values(version: str, layer: str, measure: str) -> Response:
    """One measure as an array in the order of the numbers, with its classes; null for what is not the person's."""
    seen, tiles = get_seen(), get_tiles()
    shown = tiles.version(version)
    known = tiles.layer(seen, shown, layer)
    method, classes = request.args.get("breaks", "quantile"), request.args.get("classes", "5")
    if not classes.isdecimal():
        raise WrongCall(f"a legend has 2 to 9 classes, not {classes[:20]!r}")

    def make() -> str:
        found = values_of(seen, shown, known, measure)
        return _json(values_document(found, layer, method=method, classes=int(classes)))

    counts = layer == "incidents" or measure in ("incidents", "incidents_open")
    what = f"values {shown.name} {layer} {measure} {method} {int(classes)}"
    return data_answer(what, make, incidents=counts, soon=True)


@bp.get("/feature/<version>/<layer>/<int:number>.json")
@needs("map.view")
def feature(version: str, layer: str, number: int) -> Response:
    """What a card says of one thing, by its number."""
    return _feature(version, layer, number)


@bp.get("/feature/<version>/<layer>/code/<path:code>.json")
@needs("map.view")
def feature_by_code(version: str, layer: str, code: str) -> Response:
    """What a card says of one thing, by its code."""
    seen, tiles = get_seen(), get_tiles()
    known = tiles.layer(seen, tiles.version(version), layer)
    found = known.table.index[known.table["code"] == code]
    return _feature(version, layer, int(found[0]) + 1 if len(found) else 0)


def _home(seen: Seen, version: Version, bounds: Box | None) -> Box | None:
    """Where the map opens: where nearly all micro-grids are, where a few reach far out; else all that is seen."""
    tiles = version.layers.get("micro_grids")
    if tiles is None or bounds is None or not seen.sees("micro_grids"):
        return bounds
    mine, _ = get_tiles().scope(seen, version, tiles)
    boxes = tiles.boxes if mine is None else tiles.boxes[mine[1:]]
    boxes = boxes[~np.isnan(boxes).any(axis=1)]
    if len(boxes) < _MANY:
        return bounds
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    low, high = np.quantile(middles, [_FEW, 1 - _FEW], axis=0)
    pad = 0.08 * (high - low)
    west, south, east, north = [*np.maximum(low - pad, bounds[:2]), *np.minimum(high + pad, bounds[2:])]
    small = (east - west) * (north - south) < 0.4 * (bounds[2] - bounds[0]) * (bounds[3] - bounds[1])
    return (float(west), float(south), float(east), float(north)) if small else bounds


def layers_document(seen: Seen, version: Version) -> dict[str, Any]:
    """The layers of a version as the map reads them, with what the person sees of each."""
    tiles = get_tiles()
    found, boxes = [], []
    for order, plan in enumerate(PLAN):
        if plan.name not in version.layers or not seen.sees(plan.name):
            continue
        one = version.layers[plan.name]
        mine, box = tiles.scope(seen, version, one)
        shown = one.count if mine is None else int(mine.sum())
        found.append({
            "name": plan.name, "zh": plan.zh, "en": plan.en, "group": plan.group, "geometry": plan.geometry,
            "minzoom": one.minzoom, "maxzoom": one.maxzoom, "bounds": box, "count": one.count, "mine": shown,
            "show": plan.shown, "order": order, "until": plan.until, "class": plan.style,
            "measures": measure_list(version, one),
        })  # fmt: skip
        if box is not None and plan.group == "units":
            boxes.append(box)
    bounds = seen_box(np.array(boxes, dtype="float64").reshape(-1, 4))
    below: Background | None = current_app.extensions["background"]
    return {
        "version": version.name, "data_version": version.data_version, "extent": EXTENT, "bounds": bounds,
        "home": _home(seen, version, bounds),
        "background": None if below is None else below.facts(bounds), "layers": found,
    }  # fmt: skip


def _layers(version: Version) -> Response:
    seen = get_seen()
    return data_answer(f"tiles {version.name} {version.data_version}", lambda: _json(layers_document(seen, version)))


def _feature(version: str, layer: str, number: int) -> Response:
    seen, tiles = get_seen(), get_tiles()
    shown = tiles.version(version)
    known = tiles.layer(seen, shown, layer)
    mine, _ = tiles.scope(seen, shown, known)
    if mine is not None and not (0 < number <= known.count and mine[number]):
        # the same words whether it exists or not
        raise NotYourArea(f"this is not in your area; ask the administrator of the city about {layer}")
    if not 0 < number <= known.count:
        raise NotFound(f"there is no such thing in {layer}; ask for /tiles/layers.json again")
    counts = layer in ("incidents", "micro_grids")
    return data_answer(
        f"feature {shown.name} {layer} {number}", lambda: _json(_card(seen, known, number)), incidents=counts
    )


def _card(seen: Seen, known: TilesOf, number: int) -> dict[str, Any]:
    kept = known.table.iloc[number - 1]
    row = _row(seen, known, kept)
    columns = [column for column in LAYERS[known.name] if column.name in row]
    west, south, east, north = (float(kept[name]) for name in ("west", "south", "east", "north"))
    card: dict[str, Any] = {
        "layer": known.name, "id": number, "code": kept["code"], "name": kept["name"],
        "bounds": None if west != west else [west, south, east, north],
        "facts": plain_records(row[[column.name for column in columns]])[0],
        "columns": [
            {"name": c.name, "zh": c.zh, "en": c.en, "unit": c.unit, "type": c.type} for c in columns
        ],
    }  # fmt: skip
    if known.name == "micro_grids":
        code = str(kept["code"])
        grids = seen.micro_grid(code)
        frames = {name: seen.read(name, within=(code,)) for name in _ON_CARD if seen.sees(name)}
        card["card"] = micro_grid_cards(grids, {**frames, "nearest": seen.nearest(code)})[code]
    return card


def _row(seen: Seen, known: TilesOf, kept: pd.Series) -> Any:
    """The row as the store has it now; layers with codes are read where the row belongs.

    Raises
    ------
    NotFound
        Where the city has no such row any more.
    """
    if known.coded and isinstance(kept["area"], str):
        rows = seen.read(known.name, within=(kept["area"],))
    else:
        rows = seen.ground(known.name)
    rows = rows[(keys_of(rows, placed=not known.coded) == kept["key"]).to_numpy()]
    if rows.empty:
        raise NotFound(f"this is no longer in {known.name}; ask for /tiles/layers.json again")
    return rows.iloc[:1]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

