"""Parts of the pages of incidents: the path of states, a small map, the units that a list can be narrowed to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridmap.maps.elements import CityMap
from gridmap.maps.page import PageParts, page_parts
from gridmap.maps.vector_tiles import VectorTiles
from gridmap.stores.incident_log import LoggedMove
from layers.errors import NotFound
from layers.incidents import CLOSED
from webapp.city_map import Link, Parts
from webapp.guard import get_seen
from webapp.language import current, say
from webapp.replies import kept_text
from webapp.tiles import get_tiles
from webapp.views.tiles import layers_document

__all__ = ["Step", "path_of", "small_map", "units_in_reach"]

#: Levels that a list can be narrowed to, and the most units that it offers.
_LEVELS = ("streets", "communities", "grids", "micro_grids")
_MOST_UNITS = 160
#: Layers of a small map: the ground and the lines of units.
_ON_SMALL_MAP = ("water", "green", "barriers", "roads", "buildings", "communities", "grids", "micro_grids")


@dataclass(frozen=True)
class Step:
    """One state on the way of an incident: since when, and whether it is there now or still ahead."""

    state: str
    at: datetime | None
    now: bool = False
    ahead: bool = False


def path_of(row: dict[str, Any], log: list[LoggedMove]) -> list[Step]:
    """The states that an incident went through, where it is, and the end that lies ahead of an open one."""
    first = log[0].from_state if log else None
    steps = [] if log and first is None else [Step(first or row["state"], row["reported_at"])]
    for move in log:
        if not steps or move.to_state != steps[-1].state:
            steps.append(Step(move.to_state, row["reported_at"] if move.move == "report" else move.at))
    if not log and row["closed_at"] is not None:
        steps = [Step("reported", row["reported_at"]), Step(row["state"], row["closed_at"])]
    steps[-1] = Step(steps[-1].state, steps[-1].at, now=True)
    return steps if steps[-1].state in CLOSED else [*steps, Step("closed", None, ahead=True)]


def small_map(name: str) -> tuple[Parts, dict[str, Any]]:
    """A map of the ground and the units in reach, without panels, and what its script has to know of it.

    Returns
    -------
    parts, facts
        `facts` holds `bounds` (west, south, east, north; None where there is nothing to see), `classes` (where the
        classes of streets are, by which they are drawn; None without tiles) and the words of the script.
    """
    try:
        version = get_tiles().version().name
    except NotFound:
        version = ""

    def make() -> str:
        parts, facts = _small_map(name)
        links = [(link.kind, link.file_name) for link in parts.links]
        return json.dumps([links, parts.head, parts.body, parts.script, facts], ensure_ascii=False)

    links, head, body, script, facts = json.loads(kept_text(json.dumps(["small map", version, name, current()]), make))
    return Parts(tuple(Link(*link) for link in links), head, body, script), facts


def _small_map(name: str) -> tuple[PageParts, dict[str, Any]]:
    seen, city = get_seen(), CityMap(where="/assets/", name=name, location=(0.0, 0.0), zoom_start=3, max_zoom=20)
    facts: dict[str, Any] = {"bounds": None, "classes": None, "tiles": None}
    try:
        version = get_tiles().version()
    except NotFound:
        return page_parts(city), facts
    document = json.loads(kept_text(f"tiles page {version.name}", lambda: json.dumps(layers_document(seen, version))))
    facts["bounds"] = document["bounds"]
    layers = [
        {**layer, "show": layer["name"] in _ON_SMALL_MAP} for layer in document["layers"]
        if layer["count"] and layer["bounds"] and layer["name"] in _ON_SMALL_MAP
    ]
    if layers:
        tiles = VectorTiles(f"/tiles/{version.name}/", layers, assets="/assets/", keyboard=False, control=False)
        tiles._id = name
        tiles.add_to(city)
        facts["tiles"] = tiles.get_name()
        if any(layer["name"] == "roads" for layer in layers):
            facts["classes"] = f"/values/{version.name}/roads/class.json"
    return page_parts(city), facts


def units_in_reach() -> list[tuple[str, str]]:
    """Units that a list can be narrowed to, code and name, coarse ones first: as many levels as fit into one choice."""

    def make() -> str:
        seen, found = get_seen(), []
        for level in _LEVELS:
            if not seen.sees(level) or seen.count(level) > _MOST_UNITS - len(found):
                break
            frame = seen.read(level)
            if "name" not in frame:
                continue
            names = frame["name"].astype("object").where(frame["name"].notna(), None)
            found += [(str(code), _unit_name(level, str(code), name))
                      for code, name in zip(frame["code"], names, strict=True)]  # fmt: skip
        return json.dumps(found if len(found) > 1 else [])

    return [(code, name) for code, name in json.loads(kept_text(f"units of incidents {current()}", make))]


def _unit_name(level: str, code: str, name: str | None) -> str:
    return name or (say("incident.micro_grid", n=code[-3:]) if level == "micro_grids" else code)
