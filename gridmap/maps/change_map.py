"""Old plan against new plan on a Folium map, offline: both borders, the buildings that move, and the figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import folium
import geopandas as gpd
import shapely
from branca.element import Figure
from folium.template import Template

from gridmap.maps.assets import CHANGE
from gridmap.maps.change_parts import borders, figure_rows, with_colours
from gridmap.maps.elements import CityMap, DataBlock, OwnAssets
from gridmap.maps.geojson import to_geojson
from gridmap.maps.words import check_language, words

__all__ = ["ChangeApp", "draw_change"]

_MOVED = ("code", "name", "part", "households", "was", "micro_grid", "colour")
#: Layer of the ground -> its column that the page reads.
_GROUND = {"water": None, "green": None, "roads": "class"}


class ChangeApp(OwnAssets):
    """Both plans, drawn by `gridmap-change.js` on a `CityMap` from a block of data in the page."""

    asset_names = ("gridmap.css", CHANGE)
    _template = Template(
        """
        {% macro html(this, kwargs) %}
            <div class="gm-app" id="{{ this.element_id }}"></div>
            <noscript>{{ this.noscript }}</noscript>
        {% endmacro %}
        {% macro script(this, kwargs) %}
            gridmapChange({{ this._parent.get_name() }}, {{ this.element_id|tojson }});
        {% endmacro %}
        """
    )

    def __init__(self, text: str, *, where: str, name: str) -> None:
        super().__init__()
        self._name = "ChangeApp"
        self.element_id = f"change-{name}"
        self.noscript = words()["noscript"]["zh"] if "noscript" in words() else ""
        self.where, self.text = where, text

    def render(self, **kwargs: Any) -> None:  # type: ignore[override]  # as Folium's own
        """Render, with the data beside the panel."""
        figure = self.get_root()
        assert isinstance(figure, Figure), "a map is rendered in its figure"
        figure.html.add_child(DataBlock(f"{self.element_id}-data", self.text), name=f"{self.element_id}-data")
        super().render(**kwargs)


def draw_change(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    figures: Mapping[str, Any],
    *,
    ground: Mapping[str, gpd.GeoDataFrame] | None = None,
    title: str = "",
    days: tuple[str, str] = ("", ""),
    lang: str = "zh",
    assets: str = "inline",
    language_switch: bool = True,
) -> folium.Map:
    """A map of two plans that needs no internet.

    Parameters
    ----------
    before, after
        Micro-grids of both plans (those that differ), any CRS.
    buildings
        On their ground: `was` and `micro_grid` are the codes before and after; they are coloured where these differ.
    figures
        From `gridmap.micro_grids.moves.compare`.
    ground
        `roads`, `water`, `green` under the borders.
    title, days
        Heading, and the days of both plans.
    lang, assets, language_switch
        As for `gridmap.draw`.
    """
    check_language(lang)
    moved = with_colours(buildings)
    lines = borders(before, after)
    documents = {
        "buildings": to_geojson(buildings[["geometry"]], columns=()),
        "moved": to_geojson(moved, columns=_MOVED),
        "after": to_geojson(after, columns=("code", "name", "households")),
    }
    for name, shape in lines.items():
        rows = [] if shapely.is_empty(shape) else [shape]
        documents[f"{name}_border"] = to_geojson(gpd.GeoDataFrame(geometry=rows, crs=after.crs), columns=())
    for name, column in _GROUND.items():
        frame = (ground or {}).get(name)
        if frame is not None and len(frame):
            documents[name] = to_geojson(frame, columns=() if column is None else (column,))
    facts = {
        "title": title, "days": list(days), "lang": lang, "switch": language_switch, "figures": figure_rows(figures),
        "words": {key.removeprefix("change."): text for key, text in words().items() if key.startswith("change.")},
    }  # fmt: skip
    parts = [f'"facts":{json.dumps(facts, ensure_ascii=False, sort_keys=True)}']
    parts += [f'"{name}":{text}' for name, text in documents.items()]
    text = "{" + ",".join(parts) + "}"
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    made = CityMap(where=assets, name=name, location=(0.0, 0.0), zoom_start=3, min_zoom=3, max_zoom=20)
    ChangeApp(text, where=assets, name=name).add_to(made)
    return made
