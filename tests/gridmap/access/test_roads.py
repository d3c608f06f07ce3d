"""Which roads one may walk: every rule by its case, in OpenStreetMap's words."""

from __future__ import annotations

import pandas as pd
import pytest

from gridmap.access.roads import levels, walkable


def allowed(**tags: object) -> bool:
    return bool(walkable(pd.DataFrame([tags])).iloc[0])


@pytest.mark.parametrize("kind", [
    "footway", "steps", "path", "pedestrian", "corridor", "platform", "living_street", "residential", "service",
    "unclassified", "tertiary", "primary", "trunk", "trunk_link", "cycleway", "track", "小路", None,
])
def test_all_but_a_few_classes_are_walked(kind):
    assert allowed(**{"class": kind})


@pytest.mark.parametrize("kind", ["motorway", "motorway_link", "Motorway", "高速公路"])
def test_motorways_are_walked_only_where_foot_says_so(kind):
    assert not allowed(**{"class": kind})
    assert not allowed(**{"class": kind, "foot": "no"})
    assert allowed(**{"class": kind, "foot": "yes"})


@pytest.mark.parametrize("kind", ["construction", "proposed", "raceway", "abandoned"])
def test_what_is_not_there_is_not_walked_whatever_foot_says(kind):
    assert not allowed(**{"class": kind, "foot": "yes"})


@pytest.mark.parametrize(
    ("foot", "access", "expected"),
    [
        (None, None, True), ("yes", None, True), ("no", None, False), ("private", None, False),
        ("use_sidepath", None, False), ("designated", "no", True), ("yes", "private", True), (None, "private", False),
        (None, "no", False), (None, "destination", True), (None, "permissive", True), ("permissive", "private", True),
        ("no", "yes", False), (" No ", None, False),
    ],
)
def test_foot_goes_before_access(foot, access, expected):
    assert allowed(**{"class": "service", "foot": foot, "access": access}) is expected
    assert allowed(**{"class": "trunk", "foot": foot, "access": access}) is expected


def test_one_way_binds_no_walker_and_missing_columns_say_nothing():
    assert allowed(**{"class": "residential", "oneway": "yes"})
    assert walkable(pd.DataFrame(index=[4, 7])).to_dict() == {4: True, 7: True}


def test_levels_read_text_numbers_and_nothing():
    frame = pd.DataFrame({
        "layer": ["-1", "2", None, "x", "1.0", pd.NA],
        "bridge": [None, "yes", "no", "viaduct", "", pd.NA],
        "tunnel": ["yes", None, None, None, "building_passage", "no"],
    })
    layer, off = levels(frame)
    assert layer.tolist() == [-1, 2, 0, 0, 1, 0]
    assert off.tolist() == [True, True, False, True, False, False]
    layer, off = levels(pd.DataFrame({"layer": pd.array([1, None], dtype="Int64"), "bridge": [True, False]}))
    assert (layer.tolist(), off.tolist()) == ([1, 0], [True, False])
    layer, off = levels(pd.DataFrame(index=range(2)))
    assert (layer.tolist(), off.tolist()) == ([0, 0], [False, False])
