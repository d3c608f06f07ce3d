"""A city on a Folium map: a base map of its own layers, micro-grids coloured by what they hold, cards on a click."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import folium
import geopandas as gpd
import pandas as pd

from gridmap.maps.cards import micro_grid_cards
from gridmap.maps.documents import (
    ON_MAP,
    layer_document,
    layer_facts,
    micro_grids_document,
    page_facts,
)
from gridmap.maps.elements import CityMap, GridmapApp
from gridmap.maps.words import check_language
from layers.errors import UnknownLayer, WrongCall

__all__ = ["draw", "page_config"]

#: Norms are distances; minutes are shown beside them, at 1.0 m/s.
WALK_METRES_PER_MINUTE = 60
#: Tables that a map reads and does not draw.
_TABLES = ("coverage",)


def draw(
    micro_grids: gpd.GeoDataFrame | None = None,
    *,
    measure: str | None = None,
    layers: Mapping[str, pd.DataFrame] | Iterable[str] | None = None,
    title: str = "",
    lang: str = "zh",
    households: tuple[int, int, int] = (15, 25, 40),
    attribution: str = "",
    assets: str = "inline",
    data: str = "inline",
    near: Iterable[str] = (),
    language_switch: bool = True,
    ways: str = "",
    notices: str = "",
    incidents: str = "",
) -> folium.Map:
    """A map of micro-grids that needs no internet: no tiles, no public script.

    Parameters
    ----------
    micro_grids
        Micro-grids with `code` and geometry in any CRS, as `split_micro_grids` or a store gives them; more columns
        of `layers.schema` become measures and figures on the cards. None where the page fetches its data.
    measure
        What colours them at first: a numeric column such as `households`, `within_band`, `incidents`, or
        `coverage:<kind>`; "" for boundaries only. The page offers all others too.
    layers
        More layers by name: `roads`, `water`, `green`, `barriers`, `buildings`, `estates` make the base map, `grids`
        and the levels above it lines, `facilities`, `organizations`, `incidents` glyphs, `gaps` hatched areas; the
        table `coverage` gives measures and services. Where the page fetches its data: the names.
    title
        Heading of the panel, such as the city's name.
    lang
        Language at first, zh or en; the page switches.
    households
        Fewest, wanted and most households of a micro-grid, for the bar on the cards.
    attribution
        Whom to thank for the data, shown at the foot of the panel.
    assets
        "inline" puts scripts and styles into the page; else the address below which the files of `install_assets`
        are served, such as "/assets/".
    data
        "inline" puts the data into the page; else an address such as "/data/": the page fetches
        `<data><layer>.geojson` and `<data>micro_grids/<code>`.
    near
        Of the layers that are fetched, those that come piece by piece as the map moves over them
        (`<data><layer>.geojson?bbox=west,south,east,north`, in degrees): for layers of tens of thousands of rows.
    language_switch
        Whether the panel has a button for the other language.
    ways
        Address below which `<ways><building>` tells what a building's households reach on foot, such as "/way/"; the
        card then links each building to it. None without it.
    notices
        Address below which `<notices><micro-grid>` is its card for the notice board; "" for no link.
    incidents
        Address below which `<incidents><code>` is the page of an incident, such as "/incidents/"; "" for no link.

    Returns
    -------
    A `folium.Map`. `save()` writes it as Folium does; `gridmap.maps.write_page` as a page with its files.

    Raises
    ------
    WrongCall
        Where the language, the measure or an address is none, or data are both given and to be fetched.
    UnknownLayer
        Where `layers` names one that a map does not know.
    CrsMismatch
        Where a layer has no CRS.

    Examples
    --------
    >>> from shapely.geometry import box
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["510504001001001001", "510504001001001002"], "households": [24, 31]},
    ...     geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)], crs="EPSG:4547",
    ... )
    >>> page = draw(squares, measure="households", title="龙南社区").get_root().render()
    >>> "510504001001001002" in page, "https://cdn" in page
    (True, False)
    """
    check_language(lang)
    for name, address in (("assets", assets), ("data", data)):
        if address != "inline" and not address.endswith("/"):
            raise WrongCall(f"{name} is 'inline' or an address that ends in '/', not {address!r}")
    names = _checked_names(layers)
    if data == "inline":
        documents = _documents(micro_grids, layers, names)
        shown, cards = [{**layer_facts(name)} for name in names], {}
        _check_measure(measure, documents["data-micro_grids"])
    else:
        if micro_grids is not None or isinstance(layers, Mapping):
            raise WrongCall("data are either given or fetched; with data='/…/' give only the names of the layers")
        documents = {}
        piecewise = set(near) - {"micro_grids"}
        shown = [
            {**layer_facts(name), "url": f"{data}{name}.geojson", "near": name in piecewise} for name in names
        ]
        cards = {"url": f"{data}micro_grids/"}
    config = page_config(
        title=title, lang=lang, measure=measure, households=households, attribution=attribution,
        language_switch=language_switch, layers=shown, cards=cards, ways=ways, notices=notices,
        incidents=incidents, **page_facts(),
    )
    name = hashlib.sha256(json.dumps([config, documents], sort_keys=True).encode()).hexdigest()[:12]
    folium_map = CityMap(where=assets, name=name, location=(0.0, 0.0), zoom_start=3, min_zoom=3, max_zoom=20)
    GridmapApp(config, documents, where=assets, name=name).add_to(folium_map)
    return folium_map


def page_config(
    *, title: str, lang: str, measure: str | None, households: tuple[int, int, int], attribution: str,
    language_switch: bool, layers: list[dict[str, Any]], **more: Any,
) -> dict[str, Any]:
    """What a page of ours must know before its data come."""
    return {
        "title": title, "lang": lang, "measure": measure, "band": list(households), "attribution": attribution,
        "languageSwitch": language_switch, "layers": layers, "metresPerMinute": WALK_METRES_PER_MINUTE, **more,
    }


def _checked_names(layers: Mapping[str, Any] | Iterable[str] | None) -> list[str]:
    """Layers to draw, lowest first."""
    given = set(layers or ())
    for name in sorted(given - set(ON_MAP) - set(_TABLES)):
        raise UnknownLayer(f"a map does not know the layer {name!r}; it draws {', '.join(ON_MAP)}")
    return [name for name in ON_MAP if name in given or name == "micro_grids"]


def _documents(
    micro_grids: gpd.GeoDataFrame | None, layers: Mapping[str, Any] | Iterable[str] | None, names: list[str]
) -> dict[str, str]:
    """The documents that stand in the page."""
    if not isinstance(layers, Mapping | None):
        raise WrongCall("layers are given as {name: frame} where the data stand in the page")
    frames = {name: frame for name, frame in (layers or {}).items() if frame is not None}
    if micro_grids is None:
        micro_grids = frames.get("micro_grids")
    if micro_grids is None or "code" not in micro_grids:
        raise WrongCall("draw needs micro-grids with a column 'code'; split_micro_grids or a store gives them")
    documents = {
        f"data-{name}": layer_document(name, frames[name])
        for name in names if name != "micro_grids" and name in frames
    }
    documents["data-micro_grids"] = micro_grids_document(
        micro_grids, coverage=frames.get("coverage"), incidents=frames.get("incidents")
    )
    cards = micro_grid_cards(micro_grids, {k: v for k, v in frames.items() if "micro_grid" in v})
    documents["cards"] = json.dumps(cards, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return documents


def _check_measure(measure: str | None, document: str) -> None:
    offered = [item["name"] for item in json.loads(document)["measures"]]
    if measure and measure not in offered:
        allowed = ", ".join(offered) or "nothing"
        raise WrongCall(f"the micro-grids cannot be coloured by {measure!r}; what they hold allows {allowed}")
