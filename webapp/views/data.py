"""What the map fetches: a layer as GeoJSON, a table as JSON, the card of a micro-grid."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pyproj
from flask import Blueprint, Response, request

from gridmap.maps.cards import micro_grid_cards
from gridmap.maps.documents import ON_MAP, layer_document, micro_grids_document
from gridmap.maps.geojson import plain_records
from layers.errors import NotFound, WrongCall
from layers.schema import LAYERS
from webapp.guard import get_seen, needs
from webapp.replies import data_answer
from webapp.seen import GROUND, Seen
from webapp.tile_job import MOST_REPORTS, keep_up_reports
from webapp.tiles import get_tiles

__all__ = ["bp"]

bp = Blueprint("data", __name__, url_prefix="/data")

#: Layers whose rows a card lists.
_ON_CARD = ("buildings", "organizations", "facilities", "incidents", "coverage")
#: Tables that are given as they are.
_TABLES = ("coverage",)


@bp.get("/<name>.geojson")
@needs("map.view")
def layer(name: str) -> Response:
    """A layer of the map within the asker's reach; `bbox=west,south,east,north` in degrees for a part of it."""
    if name not in ON_MAP:
        raise NotFound(f"the map has no layer {name!r}; it has {', '.join(ON_MAP)}")
    seen = get_seen()
    box = _box(seen, request.args.get("bbox"))
    today = datetime.now().astimezone().date()  # units that are no longer in force are not on the map

    def make() -> str:
        if name in GROUND:
            return layer_document(name, seen.ground(name, bbox=box))
        frame = seen.read(name, bbox=box, as_of=today)
        if name != "micro_grids":
            return layer_document(name, frame)
        more = {other: seen.read(other) for other in ("coverage", "incidents") if seen.sees(other)}
        return micro_grids_document(frame, coverage=more.get("coverage"), incidents=more.get("incidents"))

    counts = name in ("incidents", "micro_grids")
    return data_answer(f"{name}.geojson {box} {today}", make, content_type="application/geo+json", incidents=counts)


@bp.get("/reported.geojson")
@needs("map.view")
def reported() -> Response:
    """Incidents in reach that came after the tiles of the map were made; enough of them begin new tiles."""
    seen, version = get_seen(), get_tiles().shelf.current()
    tiles = None if version is None else version.layers.get("incidents")

    def make() -> str:
        frame, count = seen.reported_since([] if tiles is None else tiles.by_key.index, most=2 * MOST_REPORTS)
        keep_up_reports(count)
        return layer_document("incidents", frame)

    what = f"reported {'' if version is None else version.name}"
    return data_answer(what, make, content_type="application/geo+json", incidents=True)


@bp.get("/<name>.json")
@needs("map.view")
def table(name: str) -> Response:
    """A table within the asker's reach: a list of rows."""
    if name not in _TABLES:
        raise NotFound(f"there is no table {name!r}; there is {', '.join(_TABLES)}")
    seen = get_seen()
    columns = [column.name for column in LAYERS[name]]

    def make() -> str:
        frame = seen.read(name)
        return _json(plain_records(frame[[column for column in columns if column in frame]]))

    return data_answer(f"{name}.json", make)


@bp.get("/micro_grids/<code>")
@needs("map.view")
def micro_grid(code: str) -> Response:
    """The card of one micro-grid."""
    seen = get_seen()
    grids = seen.micro_grid(code)

    def make() -> str:
        layers = {name: seen.read(name, within=(code,)) for name in _ON_CARD if seen.sees(name)}
        card = micro_grid_cards(grids, {**layers, "nearest": seen.nearest(code)})[code]
        return _json(card)

    return data_answer(f"micro_grids/{code}", make, incidents=True)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _box(seen: Seen, text: str | None) -> tuple[float, float, float, float] | None:
    """A box typed in degrees, in the city's CRS."""
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise WrongCall(f"bbox is west,south,east,north in degrees, not {text[:60]!r}") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise WrongCall(f"bbox is west,south,east,north in degrees, not {text[:60]!r}")
    transform = pyproj.Transformer.from_crs(4326, seen.crs, always_xy=True)
    left, bottom, right, top = transform.transform_bounds(west, south, east, north)
    return left, bottom, right, top
