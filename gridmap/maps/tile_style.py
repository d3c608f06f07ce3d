"""How vector tiles are drawn: one list of rules, lowest first, read by the painter in the browser.

A rule names a `layer` (`@level` is the unit that is coloured at the present zoom), what to do with it, a `zoom` range
[from, below) of the map, a `colour` of the theme (`gridmap-style.js`), for lines a `width` in pixels: a number, stops
[[zoom, px], ...], or {"at16": px} for streets, which grow with the zoom. `group` takes only features of these groups
(`GROUPS`). Sheet 0 is what values colour, sheet 1 the map over it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["GROUPS", "LEVELS", "POINTS", "RULES"]

Rule = dict[str, Any]

#: Units from coarse to fine; the finest whose mean size on the screen can be seen is coloured.
LEVELS: tuple[dict[str, str], ...] = tuple(
    {"layer": name} for name in ("districts", "streets", "communities", "grids", "micro_grids")
)

#: Layers of points: glyphs and clusters, not painted into tiles.
POINTS = ("facilities", "organizations", "incidents")

_RANKS = {
    6: ("motorway", "motorway_link", "trunk", "trunk_link"), 5: ("primary", "primary_link"),
    4: ("secondary", "secondary_link"), 3: ("tertiary", "tertiary_link"),
    2: ("unclassified", "residential", "living_street", "road", "pedestrian"), 1: ("service", "track"),
    0: ("cycleway", "footway", "path", "steps", "bridleway", "corridor"),
}
_RAILS = ("rail", "railway", "subway", "tram", "light_rail")

#: Layer -> the measure by which it is drawn, the group of each of its keys, and of all others.
GROUPS: dict[str, dict[str, Any]] = {
    "roads": {"by": "class", "of": {key: rank for rank, keys in _RANKS.items() for key in keys}, "other": 2},
    "barriers": {"by": "kind", "of": dict.fromkeys(_RAILS, 1), "other": 0},
    "gaps": {"by": "kind", "of": {}, "other": 1},
}

#: rank -> (width at zoom 16, first zoom of the map on which it is drawn)
_ROADS = {1: (3.2, 15), 2: (5.5, 15), 3: (7.5, 12), 4: (9, 11), 5: (10, 9), 6: (11, 8)}


def _roads() -> list[Rule]:
    """Paths, then casings of all streets, then their grounds, great ones over small ones."""
    rules: list[Rule] = [{
        "layer": "roads", "group": 0, "what": "line", "colour": "path", "width": [[16, 1.1], [20, 2.2]], "dash": [4, 3],
        "zoom": [16, 99], "sheet": 1,
    }]
    for rank, (width, zoom) in _ROADS.items():
        rules.append({
            "layer": "roads", "group": rank, "what": "line", "colour": "roadEdge", "width": {"at16": width},
            "more": 1.6, "zoom": [max(zoom, 15), 99], "sheet": 1,
        })
    for rank, (width, zoom) in _ROADS.items():
        rules.append({
            "layer": "roads", "group": rank, "what": "line", "colour": "road", "width": {"at16": width},
            "zoom": [zoom, 99], "sheet": 1,
        })
    return rules


def _unit(layer: str, width: list[list[float]], alpha: float, zoom: list[int], **more: Any) -> Rule:
    return {
        "layer": layer, "what": "line", "colour": "line", "width": width, "alpha": alpha, "zoom": zoom, "sheet": 1,
        "levelAbove": True, **more,
    }


RULES: tuple[Rule, ...] = (
    # the land under the colours, so that no light shows between neighbours; from far units of many, so larger ones
    {"layer": "communities", "what": "fill", "colour": "land", "zoom": [0, 17], "sheet": 0, "always": True},
    {"layer": "@level", "what": "fill", "colour": "land", "zoom": [17, 99], "sheet": 0, "always": True},
    {"layer": "@level", "what": "value", "sheet": 0, "always": True},
    {"layer": "green", "what": "fill", "colour": "green", "sheet": 1, "smallest": 1.5},
    {"layer": "water", "what": "fill", "colour": "water", "sheet": 1},
    {"layer": "water", "what": "line", "colour": "water", "width": [[10, 0.6], [16, 3], [20, 12]], "sheet": 1},
    *_roads(),
    {"layer": "barriers", "group": 1, "what": "line", "colour": "rail", "width": [[12, 1.2], [17, 3]], "zoom": [12, 99],
     "sheet": 1},
    {"layer": "barriers", "group": 1, "what": "line", "colour": "road", "width": [[12, 0.5], [17, 1.6]],
     "dash": [5, 5], "zoom": [14, 99], "sheet": 1},
    {"layer": "barriers", "group": 0, "what": "line", "colour": "wall", "width": 1.1, "dash": [1, 3], "zoom": [17, 99],
     "sheet": 1},
    # a shade rather than a colour: in dense quarters the values are still read through it
    {"layer": "buildings", "what": "fill", "colour": "buildingOver", "alpha": 0.3, "zoom": [16, 99], "smallest": 1.2,
     "sheet": 1},
    {"layer": "buildings", "what": "line", "colour": "buildingEdge", "width": [[16, 0.5], [18, 0.9]], "zoom": [16, 99],
     "sheet": 1},
    {"layer": "gaps", "group": 1, "what": "pattern", "colour": "gap", "alpha": 0.9, "sheet": 1},
    {"layer": "gaps", "group": 1, "what": "line", "colour": "gapInk", "width": 2, "dash": [8, 4], "sheet": 1},
    {"layer": "estates", "what": "line", "colour": "gapInk", "width": 1.2, "dash": [2, 4], "zoom": [15, 99],
     "sheet": 1},
    _unit("micro_grids", [[13, 0.4], [15, 0.7], [17, 1.2]], 0.6, [13, 99]),
    _unit("grids", [[11, 0.5], [14, 0.9], [16, 2]], 0.8, [11, 99]),
    _unit("communities", [[10, 0.5], [14, 1.4], [16, 2.6]], 0.85, [10, 99]),
    _unit("streets", [[9, 0.6], [13, 1.8], [16, 2.8]], 0.85, [9, 99]),
    _unit("districts", [[6, 1], [13, 2.4], [16, 3]], 0.9, [5, 99]),
)
