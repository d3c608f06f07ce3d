"""Folium's own features on our pages: each works with scripts from this machine, under our policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import pytest
from folium import plugins
from shapely.geometry import box

from gridmap.maps import draw, write_page
from gridmap.maps.vector_tiles import draw_tiles
from layers.errors import WrongCall
from tests.gridmap.maps.test_tile_page import Opened, browser  # noqa: F401  # fixture
from tests.gridmap.maps.tile_site import Site

pytestmark = pytest.mark.browser

HERE = (30.55, 114.125)


def search() -> list[Any]:
    place = gpd.GeoDataFrame({"name": ["Guihua 桂花街"]}, geometry=gpd.points_from_xy([HERE[1]], [HERE[0]]), crs=4326)
    layer = folium.GeoJson(place, name="places", marker=folium.CircleMarker())
    return [layer, plugins.Search(layer, search_label="name")]


#: feature -> elements, what shows that it is there, and what a press or a word does
FEATURES: dict[str, tuple[Callable[[], list[Any]], str]] = {
    "clusters": (lambda: [plugins.MarkerCluster([HERE, (HERE[0] + 0.00001, HERE[1])])], ".marker-cluster"),
    "draw": (lambda: [plugins.Draw()], ".leaflet-draw-draw-polygon"),
    "locate": (lambda: [plugins.LocateControl()], ".leaflet-control-locate"),
    "search": (search, ".leaflet-control-search"),
    "fullscreen": (lambda: [plugins.Fullscreen()], ".leaflet-control-zoom-fullscreen"),
    "mini_map": (
        lambda: [plugins.MiniMap(tile_layer=folium.TileLayer("data:,", attr="own"))], ".leaflet-control-minimap"),
    "mouse_position": (lambda: [plugins.MousePosition()], ".leaflet-control-mouseposition"),
    "layer_control": (lambda: [folium.FeatureGroup("一组"), folium.LayerControl()], ".leaflet-control-layers"),
    "heat": (lambda: [plugins.HeatMap([[*HERE, 1.0], [HERE[0], HERE[1] + 0.0001, 0.5]])], ".leaflet-heatmap-layer"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("site"))
    yield found
    found.close()


def work(page: Any, feature: str) -> None:
    """Use the feature: what it is for happens."""
    if feature == "draw":
        page.locator(".leaflet-draw-draw-rectangle").click()
        size = page.viewport_size
        page.mouse.move(size["width"] * 0.6, size["height"] * 0.4)
        page.mouse.down()
        page.mouse.move(size["width"] * 0.7, size["height"] * 0.5, steps=4)
        page.mouse.up()
        page.wait_for_function(
            "() => { let found = 0; gridmap.app.map.eachLayer(one => { if (one instanceof L.Rectangle) found += 1; });"
            " return found > 0; }")
    elif feature == "search":
        page.locator(".leaflet-control-search .search-button").click()
        page.locator(".leaflet-control-search input").press_sequentially("Guihua")
        page.wait_for_selector(".search-tip")
        assert "桂花街" in str(page.locator(".search-tip").first.text_content())
    elif feature == "mouse_position":
        size = page.viewport_size
        page.mouse.move(size["width"] * 0.6, size["height"] * 0.5)
        page.mouse.move(size["width"] * 0.61, size["height"] * 0.5)
        page.wait_for_function("() => /\\d/.test(document.querySelector('.leaflet-control-mouseposition').textContent)")
    elif feature == "layer_control":
        page.locator(".leaflet-control-layers").hover()
        assert "一组" in str(page.locator(".leaflet-control-layers").text_content())
    elif feature == "clusters":
        # while the map still zooms to the city, the cluster that leaves and the one that comes are both there
        page.wait_for_function(
            "() => { const all = [...document.querySelectorAll('.marker-cluster')];"
            " return all.length === 1 && all[0].textContent.trim() === '2'; }")


@pytest.mark.parametrize("feature", FEATURES)
def test_on_the_page_of_a_city_in_tiles(browser: Any, site: Site, feature: str) -> None:  # noqa: F811
    made, shown = FEATURES[feature]

    def page_of() -> folium.Map:
        city = draw_tiles(site.document, title="城")
        for element in made():
            element.add_to(city)
        return city

    site.page = page_of
    middle = site.document["bounds"]
    lat, lon = (middle[1] + middle[3]) / 2, (middle[0] + middle[2]) / 2
    opened = Opened(browser, site, f"#view=15/{lat}/{lon}")
    opened.page.evaluate("place => gridmap.app.map.setView(place, 16, {animate: false})", list(HERE))
    opened.page.wait_for_selector(shown, state="attached")
    work(opened.page, feature)
    opened.leave()


@pytest.mark.parametrize("feature", FEATURES)
def test_in_one_file(browser: Any, tmp_path: Path, feature: str) -> None:  # noqa: F811
    made, shown = FEATURES[feature]
    square = gpd.GeoDataFrame(
        {"code": ["990101001001001001"], "households": [24]},
        geometry=[box(HERE[1] - 0.002, HERE[0] - 0.002, HERE[1] + 0.002, HERE[0] + 0.002)], crs=4326)
    city = draw(square, measure="households")
    for element in made():
        element.add_to(city)
    file = write_page(city, tmp_path / "map.html", self_contained=True)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    page.wait_for_selector(shown, state="attached")
    work(page, feature)
    assert [text for text in complaints if "willReadFrequently" not in text] == []
    context.close()


#: tool of the panel -> what it puts on the map
TOOLS = {
    "fullscreen": ".leaflet-control-zoom-fullscreen", "mouse_position": ".leaflet-control-mouseposition",
    "mini_map": ".leaflet-control-minimap .gm-tile", "heat": ".leaflet-heatmap-layer",
    "draw": ".leaflet-draw-draw-rectangle",
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_of_the_panel_comes_when_it_is_wanted(browser: Any, site: Site, tool: str) -> None:  # noqa: F811
    site.page = lambda: draw_tiles(site.document, title="城", tools=tuple(TOOLS))
    site.requests.clear()
    opened = Opened(browser, site)
    page = opened.page
    assert not [path for path in site.requests if "tool-" in path]  # nothing of them is loaded with the page
    page.locator(".gm-fold-tools summary").click()
    assert page.locator(".gm-fold-tools input:checked").count() == 0
    page.locator(f"[data-tool={tool}]").check()
    page.wait_for_selector(TOOLS[tool], state="attached")
    assert {path.split("/")[1].split(".")[0] for path in site.requests if "tool-" in path} == {f"tool-{tool}"}
    if tool in ("draw", "mouse_position"):
        work(page, tool)
    if tool == "heat":
        page.wait_for_function(
            "() => { const c = document.querySelector('.leaflet-heatmap-layer');"
            " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(value => value > 0); }")
        assert not page.locator(".gm-cluster").first.is_visible()
    page.locator(f"[data-tool={tool}]").uncheck()
    page.wait_for_selector(TOOLS[tool], state="detached")
    opened.leave()


def test_a_tool_that_there_is_not_is_told(site: Site) -> None:
    with pytest.raises(WrongCall, match="mini_map"):
        draw_tiles(site.document, tools=["telescope"])
