"""What a map page reads: one document a layer, the same whether it stands in the page or behind an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from gridmap.maps.colouring import measures, packaged_norms
from gridmap.maps.geojson import to_geojson, with_place
from gridmap.maps.words import words
from layers.schema import LAYERS, NEEDS, layer

__all__ = [
    "ON_MAP", "PAGE_COLUMNS", "SHOWN", "kinds", "layer_document", "layer_facts", "micro_grids_document",
    "page_facts",
]  # fmt: skip

_UNIT = ("code", "name", "parent", "households", "residents")
_ALL = {name: tuple(column.name for column in item) for name, item in LAYERS.items()}

#: Layers that a map page draws, lowest first -> the columns that it reads.
PAGE_COLUMNS: dict[str, tuple[str, ...]] = {
    "green": ("name", "kind"),
    "water": ("name", "kind"),
    "roads": ("name", "class"),
    "barriers": ("kind",),
    "buildings": ("code", "name", "address", "micro_grid"),
    "estates": ("name", "kind", "managed"),
    "gaps": ("kind", "households", "residents", "walk_m_mean", "rank"),
    "districts": _UNIT,
    "streets": _UNIT,
    "communities": _UNIT,
    "grids": _UNIT,
    "micro_grids": ("code", "name", "parent", "kind", "households", "residents", "stack", "floor_from", "floor_to"),
    "organizations": _ALL["organizations"],
    "facilities": _ALL["facilities"],
    "incidents": _ALL["incidents"],
}
ON_MAP = tuple(PAGE_COLUMNS)

#: Layers that are shown when the page opens; the others wait in the list. Facilities of a kind come with its coverage.
SHOWN = frozenset({
    "green", "water", "roads", "barriers", "buildings", "communities", "grids", "micro_grids",
})


def layer_document(name: str, frame: gpd.GeoDataFrame) -> str:
    """GeoJSON text of one layer of the map other than `micro_grids`.

    Parameters
    ----------
    name
        One of `ON_MAP`.
    frame
        Its rows, in any CRS.

    Examples
    --------
    >>> from shapely.geometry import box
    >>> green = gpd.GeoDataFrame({"code": ["G1"], "name": ["竹园"]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    >>> layer_document("green", green)[:85]
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"竹园"},'
    """
    return to_geojson(frame, columns=PAGE_COLUMNS[layer(name).name])


def micro_grids_document(
    micro_grids: gpd.GeoDataFrame,
    *,
    coverage: pd.DataFrame | None = None,
    incidents: pd.DataFrame | None = None,
) -> str:
    """GeoJSON text of the micro-grids, with the member `measures`: what they can be coloured by.

    Values of a measure stand in the order of the features. Rows without geometry are left out of both.
    """
    drawn = with_place(micro_grids)
    found = measures(drawn, coverage=coverage, incidents=incidents)
    members = {"measures": [measure.as_json() for measure in found]}
    return to_geojson(drawn, columns=PAGE_COLUMNS["micro_grids"], members=members)


def layer_facts(name: str) -> dict[str, Any]:
    """What the page must know of a layer before its rows come."""
    item = layer(name)
    return {"name": name, "zh": item.zh, "en": item.en, "show": name in SHOWN}


def kinds() -> dict[str, dict[str, str]]:
    """Kind of facility -> its titles and its circle of life, for glyphs and cards."""
    return {norm.key: {"zh": norm.zh, "en": norm.en, "group": norm.group} for norm in packaged_norms()}


def page_facts() -> dict[str, Any]:
    """What is the same for every page: words, kinds of facilities, titles of columns."""
    return {"words": words(), "kinds": kinds(), **column_facts()}


def column_facts() -> dict[str, Any]:
    """Titles of the columns that cards of points show, by layer, and of the needs."""

    def facts(columns: Any) -> list[dict[str, Any]]:
        return [
            {"name": column.name, "zh": column.zh, "en": column.en, "type": column.type, "unit": column.unit}
            for column in columns
        ]

    points: Mapping[str, Any] = {name: facts(LAYERS[name]) for name in ("organizations", "facilities", "incidents")}
    return {"columns": points, "needs": facts(NEEDS)}
