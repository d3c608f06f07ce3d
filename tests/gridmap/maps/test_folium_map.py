"""A drawn map is a Folium map with everything in it, and says plainly what it cannot draw."""

from __future__ import annotations

import json
import re

import folium
import geopandas as gpd
import pandas as pd
import pytest

import gridmap
from gridmap.maps import draw
from gridmap.maps.assets import WHOLE, assets, outside_links
from gridmap.maps.page import page_parts
from layers.errors import CrsMismatch, UnknownLayer, WrongCall


def blocks(page: str) -> dict[str, dict]:
    """The data blocks of a page, read as a browser would."""
    found = re.findall(r'<script type="application/json" id="gridmap-\w+?-([\w-]+)">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def test_it_is_a_folium_map_that_asks_no_host(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    drawn = gridmap.draw(micro_grids, layers=layers)
    assert isinstance(drawn, folium.Map)
    page = drawn.get_root().render()
    assert outside_links(page) == []
    assert "openstreetmap.org" not in page and "jquery" not in page.lower() and "bootstrap" not in page.lower()


def test_the_page_holds_the_layers_lowest_first_and_a_card_each(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    data = blocks(draw(micro_grids, layers=layers, title="柳岸社区").get_root().render())
    names = [layer["name"] for layer in data["config"]["layers"]]
    assert names == ["water", "roads", "buildings", "micro_grids", "organizations", "facilities", "incidents"]
    assert all(len(data[f"data-{name}"]["features"]) == len(layers.get(name, micro_grids)) for name in names)
    assert list(data["cards"]) == micro_grids["code"].tolist()
    assert data["config"]["title"] == "柳岸社区"


def test_the_same_data_make_the_same_page(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    one, two = (draw(micro_grids, layers=layers).get_root().render() for _ in range(2))
    assert one == two


def test_braces_in_the_data_are_no_template(micro_grids: gpd.GeoDataFrame) -> None:
    micro_grids["name"] = "{{ 7 * 7 }}{% raise %}{# gone #}"
    data = blocks(draw(micro_grids, title="{{ 7 * 7 }}").get_root().render())
    assert data["data-micro_grids"]["features"][0]["properties"]["name"] == "{{ 7 * 7 }}{% raise %}{# gone #}"
    assert data["config"]["title"] == "{{ 7 * 7 }}"


def test_given_frames_stay_as_they_were(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    copies = {name: frame.copy() for name, frame in layers.items()}
    draw(micro_grids, layers=layers, measure="coverage:canteen")
    for name, frame in layers.items():
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(copies[name]))


def test_assets_by_address_are_linked_by_their_hashed_names(micro_grids: gpd.GeoDataFrame) -> None:
    page = draw(micro_grids, assets="/assets/").get_root().render()
    linked = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    names = {"leaflet", "leaflet_css", *WHOLE}  # and nothing of the tiles, which this page does not draw
    wanted = [f"/assets/{asset.file_name}" for asset in assets() if asset.name in names]
    assert sorted(linked) == sorted(wanted) and len(wanted) == 12
    assert len(page) < 60_000


def test_a_map_that_fetches_holds_no_data() -> None:
    parts = page_parts(draw(layers=["roads", "facilities"], data="/data/", assets="/assets/", title="城"))
    data = blocks(parts.body)
    assert set(data) == {"config"}
    urls = {layer["name"]: layer["url"] for layer in data["config"]["layers"]}
    assert urls == {name: f"/data/{name}.geojson" for name in ("roads", "micro_grids", "facilities")}
    assert data["config"]["cards"] == {"url": "/data/micro_grids/"}
    assert parts.head == "" or "<script" not in parts.head


def test_folium_elements_may_be_added(micro_grids: gpd.GeoDataFrame) -> None:
    drawn = draw(micro_grids)
    folium.Circle((30.5, 114.1), radius=50).add_to(drawn)
    assert "L.circle(" in page_parts(drawn).script


def test_folium_keeps_its_own_links() -> None:
    before = list(folium.Map.default_js)
    draw(layers=[], data="/data/")
    assert folium.Map.default_js == before and len(before) == 4


def test_an_empty_city_is_drawn(micro_grids: gpd.GeoDataFrame) -> None:
    data = blocks(draw(micro_grids.iloc[:0]).get_root().render())
    assert data["data-micro_grids"]["features"] == []


@pytest.mark.parametrize(("call", "error", "words"), [
    ({"lang": "fr"}, WrongCall, "zh or en"),
    ({"measure": "happiness"}, WrongCall, "households"),
    ({"layers": {"moon": None}}, UnknownLayer, "moon"),
    ({"layers": ["roads"]}, WrongCall, "name: frame"),
    ({"assets": "/assets"}, WrongCall, "ends in '/'"),
    ({"data": "/data/"}, WrongCall, "either given or fetched"),
])
def test_what_cannot_be_drawn_is_refused(
    micro_grids: gpd.GeoDataFrame, call: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        draw(micro_grids, **call)


def test_micro_grids_must_be_there_and_know_where_they_are(micro_grids: gpd.GeoDataFrame) -> None:
    with pytest.raises(WrongCall, match="column 'code'"):
        draw(micro_grids.drop(columns="code"))
    with pytest.raises(WrongCall, match="column 'code'"):
        draw()
    with pytest.raises(CrsMismatch, match="set_crs"):
        draw(micro_grids.set_crs(None, allow_override=True))
