"""A layer of vector tiles for any Folium map, drawn by our own script on canvas; and the page of a city in tiles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import folium
from branca.element import Figure
from folium.map import Layer
from folium.template import Template

from gridmap.maps.assets import PAINTER, TILE_PAGE, TILES, WORKER, asset, tool_assets
from gridmap.maps.elements import CityMap, DataBlock, GridmapApp, OwnAssets
from gridmap.maps.folium_map import page_config
from gridmap.maps.tile_style import GROUPS, LEVELS, POINTS, RULES
from gridmap.maps.words import check_language
from layers.errors import WrongCall

__all__ = ["VectorTiles", "draw_tiles"]


class VectorTiles(OwnAssets, Layer):
    """A Folium layer that draws vector tiles (MVT 2) in the browser.

    Tiles hold geometry and one integer attribute `id`, from 1 on; values, names and cards come apart from them. They
    are unpacked in a worker, painted in slices on canvas, sharp at every zoom also beyond their deepest, and kept once
    for all layers on a page. In a page the layer is a Leaflet layer (`L.GridLayer`) with the calls `hit`, `hover`,
    `highlight`, `select`, `preview`, `undo`, `lasso`, `colourBy`, `show`, `repaint`, and the events `selection`,
    `featurefocus`, `featurepick`, `painted`.

    Parameters
    ----------
    address
        Below which `<layer>,<layer>/<z>/<x>/<y>.pbf` is served; it ends in "/" and holds the version of the data.
    layers
        The layers, lowest first, as dicts: `name`, `minzoom`, `maxzoom`, `bounds` (west, south, east, north in
        degrees), `count` (of features), `show`; more keys are kept.
    assets
        Address below which the files of `install_assets` are served. A worker cannot stand in a page, so "inline" is
        refused.
    rules, levels, groups, points
        How they are drawn; see `gridmap.maps.tile_style`.
    values
        Unit -> address of the document of values that colours it, where the page does not choose that by itself.
    unit_pixels
        A unit is coloured from the zoom on where a mean one is so many pixels wide; below it the unit above it.
    keyboard
        Whether Enter and Tab go through the units in view.
    name, overlay, control, show
        As of any Folium layer.

    Raises
    ------
    WrongCall
        Where an address is none, or a layer lacks what the painter must know.

    Examples
    --------
    >>> city = folium.Map(tiles=None)
    >>> parks = {"name": "green", "minzoom": 9, "maxzoom": 15, "bounds": [114.0, 30.5, 114.1, 30.6], "count": 12}
    >>> VectorTiles("/tiles/1f/", [parks], assets="/assets/", name="绿地").add_to(city).layer_name
    '绿地'
    """

    asset_names = TILES
    _template = Template(
        """
        {% macro script(this, kwargs) %}
            var {{ this.get_name() }} = gridmap.vectorTiles({{ this.get_name()|tojson }});
        {% endmacro %}
        """
    )

    def __init__(
        self,
        address: str,
        layers: Sequence[Mapping[str, Any]],
        *,
        assets: str,
        rules: Iterable[Mapping[str, Any]] = RULES,
        levels: Iterable[Mapping[str, str]] = LEVELS,
        groups: Mapping[str, Any] = GROUPS,
        points: Iterable[str] = POINTS,
        values: Mapping[str, str] | None = None,
        unit_pixels: float = 10.0,
        keyboard: bool = True,
        name: str | None = None,
        overlay: bool = True,
        control: bool = True,
        show: bool = True,
    ) -> None:
        for what, where in (("address", address), ("assets", assets)):
            if not where.endswith("/"):
                raise WrongCall(f"{what} of vector tiles is an address that ends in '/', not {where!r}")
        for layer in layers:
            lacking = [key for key in ("name", "minzoom", "maxzoom", "bounds", "count") if key not in layer]
            if lacking:
                which = layer.get("name", layer)
                raise WrongCall(f"a layer of vector tiles needs {', '.join(lacking)}; {which!r} has none")
        super().__init__(name=name, overlay=overlay, control=control, show=show)
        self._name = "VectorTiles"
        self.where = assets
        self.options = {
            "address": address, "worker": assets + asset(WORKER).file_name,
            "painter": assets + asset(PAINTER).file_name, "layers": [dict(item) for item in layers],
            "rules": [dict(rule) for rule in rules], "levels": [dict(level) for level in levels],
            "groups": dict(groups), "points": list(points), "values": dict(values or {}),
            "unitPixels": unit_pixels, "keyboard": keyboard,
        }

    def render(self, **kwargs: Any) -> None:  # type: ignore[override]  # as Folium's own
        """Render into the figure: the options as a data block, since they hold text of the city."""
        figure = self.get_root()
        assert isinstance(figure, Figure), "a map is rendered in its figure"
        text = json.dumps(self.options, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        block = DataBlock(f"{self.get_name()}-options", text)
        figure.html.add_child(block, name=block.element_id)
        super().render(**kwargs)


def _tool(name: str, where: str) -> dict[str, Any]:
    """A tool as the page is told of it: where its scripts and styles are."""
    found = tool_assets().get(name)
    if found is None:
        raise WrongCall(f"a map has no tool {name!r}; there are {', '.join(tool_assets())}")
    told = {kind: [where + item.file_name for item in found if item.kind == kind] for kind in ("js", "css")}
    return {"name": name, **told}


def draw_tiles(
    document: Mapping[str, Any],
    *,
    title: str = "",
    lang: str = "zh",
    measure: str | None = None,
    households: tuple[int, int, int] = (15, 25, 40),
    attribution: str = "",
    assets: str = "/assets/",
    root: str = "/",
    ways: str = "",
    notices: str = "",
    incidents: str = "",
    reported: str = "",
    search: str = "",
    stale: bool = False,
    past: str = "",
    picture: str = "",
    tools: Sequence[str] = (),
) -> folium.Map:
    """The map of a city whose layers come as vector tiles: a page of a few kilobytes, whatever the city's size.

    Parameters
    ----------
    document
        The city's layers as the server lists them: `version`, `bounds` and `layers`, each with what `VectorTiles`
        needs and `zh`, `en`, `measures`; `background` (None: there is none) is a map of pictures below them: `url`,
        `minzoom`, `maxzoom`, `attribution`, and `shift` (`east_m`, `north_m`) where it is drawn in another datum.
    title, lang, measure, households, attribution, ways, notices, incidents
        As for `draw`.
    assets
        Address below which the files of `install_assets` are served.
    search
        Address that answers `?q=` with what fits, as JSON; "" searches the names that the tiles know.
    root
        Address below which `tiles/`, `values/` and `feature/` are served.
    reported
        Address of GeoJSON with the incidents that came after the tiles were made; "" for none.
    stale
        Whether the tiles are of the city as it was before; the page says so.
    past
        Address below which `days.json` and `<day>.json` tell of earlier days, such as "/past/"; the page then has a
        date by which boundaries are drawn. None without it.
    picture
        Beginning of the address of the map as a picture, such as "/picture.": "png" or "svg" and what is wanted
        (`within`, `measure`, `chosen`, `day`) follow. No links to pictures without it.
    tools
        Of `fullscreen`, `mouse_position`, `mini_map`, `heat`, `draw` those that the panel offers. Each is off, and its
        script is not loaded, until somebody turns it on.

    Returns
    -------
    A `folium.Map` for `page_parts`; other Folium elements may be added to it.

    Raises
    ------
    WrongCall
        Where there is nothing to see: no bounds.

    Examples
    --------
    >>> units = {"name": "micro_grids", "zh": "微网格", "en": "Micro-grids", "minzoom": 11, "maxzoom": 15, "count": 9,
    ...          "bounds": [114.0, 30.5, 114.1, 30.6], "show": True, "measures": []}
    >>> city = draw_tiles({"version": "1f", "bounds": units["bounds"], "layers": [units]}, title="龙南")
    >>> "https://cdn" in city.get_root().render()
    False
    """
    check_language(lang)
    if not document.get("bounds"):
        raise WrongCall("there is nothing to draw: the layers have no bounds for this reader")
    version = document["version"]
    # a reader of a part of the city is told of that part: how many there are, and so how large one is on the screen
    layers = [
        {**layer, "count": layer.get("mine", layer["count"])}
        for layer in document["layers"] if layer["count"] and layer["bounds"]
    ]
    config = page_config(
        title=title, lang=lang, measure=measure, households=households, attribution=attribution,
        language_switch=False, ways=ways, notices=notices, incidents=incidents, reported=reported, search=search,
        stale=stale, past=past, picture=picture,
        tools=[_tool(name, assets) for name in tools],
        layers=[{key: layer.get(key) for key in ("name", "zh", "en", "show")} for layer in layers],
        bounds=document["bounds"], home=document.get("home"), background=document.get("background"),
        values=f"{root}values/{version}/", features=f"{root}feature/{version}/",
    )
    name = hashlib.sha256(json.dumps([config, layers], sort_keys=True).encode()).hexdigest()[:12]
    folium_map = CityMap(where=assets, name=name, location=(0.0, 0.0), zoom_start=3, min_zoom=3, max_zoom=20)
    # the app adds the layer when it knows what to colour
    tiles = VectorTiles(f"{root}tiles/{version}/", layers, assets=assets, show=False, control=False)
    tiles._id = name
    tiles.add_to(folium_map)
    app = GridmapApp(config, {}, where=assets, name=name, asset_names=TILE_PAGE, tiles=tiles.get_name())
    app.add_to(folium_map)
    return folium_map
