"""The drawn town is what its page says, and the same at every call."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from layers.sample import town
from layers.sample.drawn import COMMUNITY, DRAWING
from layers.schema import LAYERS


@pytest.fixture
def layers() -> dict[str, gpd.GeoDataFrame]:
    return town()


def test_two_calls_give_equal_frames_that_share_nothing(layers):
    again = town()
    again["buildings"]["households"] = 0
    assert layers["buildings"]["households"].sum() == 500
    again = town()
    assert list(again) == list(layers)
    for name, frame in layers.items():
        assert_geodataframe_equal(frame, again[name])


def test_layers_keep_the_schema(layers):
    for name, frame in layers.items():
        schema = LAYERS[name]
        assert set(schema.required) <= set(frame.columns)
        assert set(frame.columns) - {"geometry"} <= {column.name for column in schema}
        assert frame["code"].is_unique
        assert frame.geometry.is_valid.all() and not frame.geometry.is_empty.any()
        assert frame.crs.axis_info[0].unit_name == "metre"


def test_every_letter_is_a_building_that_fills_its_rectangle(layers):
    buildings = layers["buildings"]
    drawn = sum(character.isalpha() and character != "H" for character in DRAWING)
    assert buildings.area.sum() == pytest.approx(drawn * 100.0)
    assert shapely.union_all(buildings.geometry.array).area == pytest.approx(buildings.area.sum())


def test_the_oddities_that_other_tests_rely_on(layers):
    buildings = layers["buildings"].set_index("code")
    letters = buildings.rename(index=lambda code: code.removeprefix(f"{COMMUNITY}-"))
    assert letters.loc["T", ["households", "levels", "units"]].tolist() == [96, 16, 2]
    assert letters.loc["U", "households"] > 40
    assert letters.loc[["U"], ["levels", "units"]].isna().all(axis=None)
    assert (letters.loc[list("GISQRZ"), "households"] == 0).all()
    assert letters.geometry["u"].touches(letters.geometry["v"])
    outside = ~layers["incidents"].within(layers["communities"].geometry[0])
    assert layers["incidents"].loc[outside, "category"].tolist() == ["other"]


def test_streets_meet_at_shared_vertices_and_only_the_bridge_is_over_the_river(layers):
    roads, river = layers["roads"], layers["water"].geometry[0]
    graph = nx.Graph()
    for line in roads.geometry:
        nx.add_path(graph, line.coords)
    assert nx.is_connected(graph)
    wet = roads.intersection(river).length > 0
    assert roads.loc[wet, "bridge"].tolist() == ["yes"]
    assert not layers["buildings"].intersects(river).any()
    assert not layers["buildings"].intersects(shapely.union_all(roads.geometry.array)).any()


def test_the_walled_estate_has_one_gate(layers):
    walls = shapely.union_all(layers["barriers"].geometry.array)
    estate = layers["estates"].geometry[0]
    gap = estate.exterior.difference(walls.buffer(0.01))
    assert gap.geom_type == "LineString" and gap.length == pytest.approx(20.0, abs=0.1)
