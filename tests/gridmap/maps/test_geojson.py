"""Frames to GeoJSON: right places, plain values, nothing that could end a script."""

from __future__ import annotations

import json
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from gridmap.maps.geojson import degrees, plain_records, safe_json, to_geojson
from layers.errors import CrsMismatch


def test_places_are_those_that_geopandas_gives(micro_grids: gpd.GeoDataFrame) -> None:
    read = gpd.GeoDataFrame.from_features(json.loads(to_geojson(micro_grids)), crs=4326).to_crs(micro_grids.crs)
    apart = read.geometry.hausdorff_distance(micro_grids.geometry)
    assert apart.max() < 0.15  # metres: six digits of a degree
    assert read["code"].tolist() == micro_grids["code"].tolist()


def test_degrees_need_a_crs(micro_grids: gpd.GeoDataFrame) -> None:
    with pytest.raises(CrsMismatch, match="set_crs"):
        to_geojson(micro_grids.set_crs(None, allow_override=True))


def test_outer_rings_run_anticlockwise_and_holes_clockwise() -> None:
    hole = Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(2, 2), (5, 2), (5, 5), (2, 5)]])
    frame = gpd.GeoDataFrame(geometry=[hole, shapely.reverse(hole)], crs=4326)
    for geometry in degrees(frame):
        assert geometry.exterior.is_ccw
        assert not geometry.interiors[0].is_ccw


def test_rows_without_a_place_and_values_that_are_missing_are_left_out() -> None:
    frame = gpd.GeoDataFrame(
        {"n": pd.array([1, None, 3], dtype="Int64"), "t": ["a", None, "c"]},
        geometry=[Point(1, 2), Point(3, 4), None], crs=4326,
    )
    found = json.loads(to_geojson(frame))["features"]
    assert [feature["properties"] for feature in found] == [{"n": 1, "t": "a"}, {}]


def test_columns_and_members_are_as_asked() -> None:
    frame = gpd.GeoDataFrame({"a": [1], "b": [2]}, geometry=[Point(0, 0)], crs=4326)
    read = json.loads(to_geojson(frame, columns=["b", "missing"], members={"measures": [{"name": "x"}]}))
    assert read["measures"] == [{"name": "x"}]
    assert read["features"][0]["properties"] == {"b": 2}


def test_heights_and_mixed_kinds_pass() -> None:
    frame = gpd.GeoDataFrame(geometry=[Point(1, 2, 3), LineString([(0, 0), (1, 1)]), box(0, 0, 1, 1)], crs=4326)
    kinds = [feature["geometry"]["type"] for feature in json.loads(to_geojson(frame))["features"]]
    assert kinds == ["Point", "LineString", "Polygon"]
    assert json.loads(to_geojson(frame))["features"][0]["geometry"]["coordinates"] == [1.0, 2.0]


def test_every_kind_of_column_becomes_plain() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"), "number": [0.123456789, np.inf], "yes": [True, False],
            "text": pd.array(["甲", None], dtype="str"),
            "time": pd.to_datetime(["2026-03-02 08:15", None]), "day": pd.to_datetime(["2026-03-02", None]),
            "thing": [Point(0, 0), None],
        }
    )
    first, second = plain_records(frame)
    assert first == {"whole": 1, "number": 0.12346, "yes": True, "text": "甲", "time": "2026-03-02 08:15",
                     "day": "2026-03-02", "thing": "POINT (0 0)"}
    assert {name: value for name, value in second.items() if value is not None} == {"yes": False}
    assert math.isfinite(json.loads(json.dumps(first, allow_nan=False))["number"])


plain = st.recursive(
    st.text() | st.integers() | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(plain)
def test_safe_json_says_the_same_and_holds_no_markup(value: object) -> None:
    text = safe_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)
