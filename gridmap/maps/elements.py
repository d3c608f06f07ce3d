"""Folium elements of our own: a map without tiles or public servers, and the page's app that draws on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import folium
from branca.element import Element, Figure
from folium.elements import JSCSSMixin
from folium.template import Template

from gridmap.maps.assets import WHOLE, Asset, assets
from gridmap.maps.geojson import safe_json
from gridmap.maps.words import words

__all__ = ["AssetTag", "CityMap", "DataBlock", "GridmapApp", "OwnAssets"]


class OwnAssets(JSCSSMixin):
    """Puts scripts and styles into the page's head: as text ("inline"), or as links below an address."""

    asset_names: tuple[str, ...] = ()
    where = "inline"

    def render(self, **kwargs: Any) -> None:  # type: ignore[override]  # as Folium's own
        """Render into the figure's head, and on."""
        figure = self.get_root()
        assert isinstance(figure, Figure), "a map is rendered in its figure"
        for asset in assets():
            if asset.name in self.asset_names:
                figure.header.add_child(AssetTag(asset, self.where), name=asset.name)
        super().render(**kwargs)


class AssetTag(Element):
    """One script or style in the head of a page."""

    _template = Template(
        "{% if this.where == 'inline' %}"
        "{% if this.asset.kind == 'js' %}<script>{{ this.asset.text }}</script>"
        "{% else %}<style>{{ this.asset.text }}</style>{% endif %}"
        "{% else %}"
        "{% if this.asset.kind == 'js' %}<script src=\"{{ this.where }}{{ this.asset.file_name }}\"></script>"
        "{% else %}<link rel=\"stylesheet\" href=\"{{ this.where }}{{ this.asset.file_name }}\">{% endif %}"
        "{% endif %}"
    )

    def __init__(self, asset: Asset, where: str) -> None:
        super().__init__()
        self._name = "AssetTag"
        self.asset, self.where = asset, where


class DataBlock(Element):
    """JSON that stands in a page and that no browser runs.

    An element of its own with a fixed template: what a macro of an element gives, branca takes for a template again,
    and a name with braces in the data would be run on the server.
    """

    _template = Template('<script type="application/json" id="{{ this.element_id }}">{{ this.text }}</script>')

    def __init__(self, element_id: str, text: str) -> None:
        super().__init__()
        self._name = "DataBlock"
        self.element_id, self.text = element_id, safe_json(text)


class CityMap(OwnAssets, folium.Map):
    """A `folium.Map` that asks no public server: Leaflet alone, from this machine, and no tiles.

    `where` is "inline" or the address below which the files of `install_assets` are served. Elements of Folium may be
    added to it as to any map; `write_page` finds their scripts in the offline copy.
    """

    asset_names = ("leaflet", "leaflet_css")

    _template = Template(
        """
        {% macro header(this, kwargs) %}
            <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
        {% endmacro %}
        {% macro html(this, kwargs) %}
            <div class="folium-map gm-map" id="{{ this.get_name() }}"></div>
        {% endmacro %}
        {% macro script(this, kwargs) %}{{ this.leaflet_script() }}{% endmacro %}
        """
    )

    def __init__(self, *, where: str = "inline", name: str = "city", **options: Any) -> None:
        super().__init__(tiles=None, prefer_canvas=True, zoom_control=False, attribution_control=False, **options)
        self.where = where
        # Folium's own lists hold jQuery, Bootstrap and two icon fonts, which nothing here needs
        self.default_js: list[tuple[str, str]] = []
        self.default_css: list[tuple[str, str]] = []
        # a steady name: the same data make the same page
        self._id = name

    def leaflet_script(self) -> str:
        """The script that makes the Leaflet map, as Folium writes it."""
        return str(folium.Map._template.module.script(self, {}))


class GridmapApp(OwnAssets):
    """Panel, legend, cards and the drawing on the map: added to a `CityMap`.

    `config` is what the page must know before its data; `data` holds documents (JSON text) that stand in the page,
    by name: `data-<layer>` and `cards`. Both stand in `DataBlock`s. `tiles` is the name of a layer of vector tiles
    that the app draws by, where the data come as tiles; `asset_names` are then those of a page of tiles.
    """

    _template = Template(
        """
        {% macro html(this, kwargs) %}
            <div class="gm-app" id="{{ this.element_id }}"></div>
            <noscript>{{ this.noscript }}</noscript>
        {% endmacro %}
        {% macro script(this, kwargs) %}
            gridmap.start({{ this._parent.get_name() }}, {{ this.element_id|tojson }}, {{ this.tiles }});
        {% endmacro %}
        """
    )

    def __init__(
        self,
        config: Mapping[str, Any],
        data: Mapping[str, str],
        *,
        where: str,
        name: str = "city",
        asset_names: tuple[str, ...] = WHOLE,
        tiles: str = "",
    ) -> None:
        super().__init__()
        self._name = "GridmapApp"
        self.element_id = f"gridmap-{name}"
        self.config = dict(config)
        self.data = dict(data)
        self.where = where
        self.asset_names = asset_names
        self.tiles = tiles or "null"
        self.noscript = " ".join(words()["noscript"].values())

    def render(self, **kwargs: Any) -> None:  # type: ignore[override]  # as Folium's own
        """Render into the figure: data blocks into the page, the start into its script."""
        figure = self.get_root()
        assert isinstance(figure, Figure), "a map is rendered in its figure"
        config = json.dumps(self.config, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        for name, text in {"config": config, **self.data}.items():
            block = DataBlock(f"{self.element_id}-{name}", text)
            figure.html.add_child(block, name=block.element_id)
        super().render(**kwargs)
