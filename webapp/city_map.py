"""The city on a map as one person sees it: in vector tiles where it has them, else in whole layers. Pages share it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import folium
from flask import current_app, url_for

from gridmap.ask_coverage import where_people_live
from gridmap.maps import draw
from gridmap.maps.documents import ON_MAP
from gridmap.maps.page import page_parts
from gridmap.maps.vector_tiles import draw_tiles
from layers.errors import NotFound
from webapp.language import current
from webapp.replies import kept_text
from webapp.seen import Seen
from webapp.tiles import get_tiles
from webapp.views.tiles import layers_document

__all__ = ["Link", "Parts", "city_map", "city_parts", "made_at", "written"]


#: What the page of the map offers in its panel.
TOOLS = ("fullscreen", "mouse_position", "mini_map", "heat", "draw")


def city_map(seen: Seen, *, measure: str | None = None, past: str = "", picture: str = "") -> folium.Map:
    """The map of what the person sees.

    `measure` colours it at first, the page's own choice without; `past` and `picture` are as for
    `draw_tiles`.
    """
    meta = seen.meta()
    return _in_tiles(seen, meta, measure, past, picture) or _in_layers(seen, meta, measure)


@dataclass(frozen=True)
class Link:
    """A script or style that a map needs, by the name under which it is served."""

    kind: str
    file_name: str


@dataclass(frozen=True)
class Parts:
    """A rendered map in pieces, as `gridmap.maps.page.PageParts`, without the texts of its scripts and styles."""

    links: tuple[Link, ...]
    head: str
    body: str
    script: str


def city_parts(seen: Seen, *, measure: str | None = None, past: str = "", picture: str = "") -> Parts:
    """The pieces of `city_map`, rendered once for everyone of the same role, reach and language."""
    try:
        tiles = get_tiles().version().name
    except NotFound:
        tiles = ""
    # the language, and name, settings and attribution, which may change without the layers
    facts = hashlib.sha256(json.dumps(_facts(seen.meta())).encode()).hexdigest()[:16]

    def make() -> str:
        made = page_parts(city_map(seen, measure=measure, past=past, picture=picture))
        links = [(link.kind, link.file_name) for link in made.links]
        return json.dumps([links, made.head, made.body, made.script], ensure_ascii=False)

    links, head, body, script = json.loads(kept_text(
        json.dumps(["map", tiles, facts, measure, past, picture]), make
    ))  # fmt: skip
    return Parts(tuple(Link(*link) for link in links), head, body, script)


def lived_in(seen: Seen) -> list[float] | None:
    """Where a map of services begins: the part of what the person sees in which people live, in degrees."""
    def make() -> str:
        return json.dumps(where_people_live(seen) if "micro_grids" in seen.layers() else None)

    found: list[float] | None = json.loads(kept_text("lived in", make))
    return found


def _in_tiles(
    seen: Seen, meta: dict[str, str], measure: str | None, past: str, picture: str
) -> folium.Map | None:
    """The city in vector tiles; None where it has none, or none that the person may see."""
    try:
        version = get_tiles().version()
    except NotFound:
        return None
    document = json.loads(kept_text(f"tiles page {version.name}", lambda: json.dumps(layers_document(seen, version))))
    if not document["bounds"]:
        return None
    stale = version.data_version != meta.get("data_version", "")
    return draw_tiles(
        document, **_facts(meta), search=url_for("search.found"), reported=url_for("data.reported"), stale=stale,
        past=past, picture=picture, measure=measure,
        tools=TOOLS if picture else (),
    )


def _in_layers(seen: Seen, meta: dict[str, str], measure: str | None) -> folium.Map:
    """The city in whole layers: until its tiles are made."""
    present = [name for name in seen.layers() if name in ON_MAP]
    return draw(
        layers=present, **_facts(meta), data="/data/", language_switch=False, measure=measure,
        near=[name for name in present if seen.rows(name) > current_app.config["NEAR_ROWS"]],
    )


def _facts(meta: dict[str, str]) -> dict[str, Any]:
    """What both maps are told of the city."""
    band = json.loads(meta.get("settings", "{}")).get("split", {}).get("households", [15, 25, 40])
    return {
        "title": meta.get("name", ""), "lang": current(), "households": (band[0], band[1], band[2]),
        "attribution": meta.get("attribution", ""), "assets": "/assets/", "ways": "/way/", "notices": "/card/",
        "incidents": "/incidents/",
    }


def made_at(meta: dict[str, str]) -> str:
    """The day the city was computed, as the reader's language writes it; "" where unknown."""
    try:
        day = datetime.fromisoformat(meta.get("made_at", ""))
    except ValueError:
        return ""
    return written(day)


def written(day: date) -> str:
    """A day as the reader's language writes it."""
    if current() == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {day:%b %Y}"
