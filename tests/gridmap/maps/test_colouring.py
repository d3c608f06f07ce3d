"""Classes hold what they say: every value falls into one, few values have their own."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmap.maps.colouring import SEQUENTIAL, Measure, class_breaks, measures

numbers = st.floats(min_value=-1e7, max_value=1e7, allow_nan=False) | st.integers(0, 5000).map(float)


def by_name(found: list[Measure]) -> dict[str, Measure]:
    return {measure.name: measure for measure in found}


@given(st.lists(numbers, min_size=1, max_size=200))
def test_edges_rise_and_reach_from_the_least_to_the_most(values: list[float]) -> None:
    breaks = class_breaks(values)
    assert breaks[0] == min(values) and breaks[-1] == max(values)
    assert 2 <= len(breaks) <= 6
    rising = list(breaks[:-1])
    assert rising == sorted(set(rising)) and breaks[-1] >= rising[-1]


@given(st.lists(st.integers(0, 4), min_size=1))
def test_few_values_have_their_own_class(values: list[int]) -> None:
    assert class_breaks(values) == (*sorted({float(value) for value in values}), float(max(values)))


def test_classes_are_of_about_equal_size() -> None:
    values = np.random.default_rng(3).integers(10, 50, 5000)
    counts, _ = np.histogram(values, class_breaks(values))
    assert len(counts) == 5
    assert counts.min() > 600


def test_no_value_no_class() -> None:
    assert class_breaks([float("nan")]) == ()


def test_columns_that_hold_something_become_measures(micro_grids: gpd.GeoDataFrame) -> None:
    found = by_name(measures(micro_grids.assign(aged_60=pd.array([None] * 6, dtype="Int64"))))
    assert list(found) == ["households", "residents", "aged_80", "area_m2", "compactness", "within_band"]
    assert found["households"].values == [18, 25, 31, 52, 40, 38]
    assert found["residents"].values[-1] is None
    assert found["within_band"].values == [True, True, True, False, True, True]
    assert (found["households"].zh, found["households"].en) == ("户数", "Households")
    assert found["households"].unit == "households"


def test_incidents_are_counted(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    found = by_name(measures(micro_grids, incidents=layers["incidents"]))
    assert found["incidents"].values == [2, 0, 0, 1, 0, 0]


def test_coverage_keeps_gaps_and_missing_apart(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    shuffled = layers["coverage"].sample(frac=1, random_state=1)  # rows of the table come in any order
    found = by_name(measures(micro_grids, coverage=shuffled))["coverage:kindergarten"]
    assert found.values == [1, 1, 0.3226, 0, 1, None]
    assert found.status == "ccpgcn"
    assert (found.zh, found.norm_m, found.verified) == ("幼儿园", 300.0, False)


def test_a_kind_without_data_is_not_offered(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    table = layers["coverage"].copy()
    table.loc[table["kind"] == "canteen", ["coverage", "status"]] = [None, "no_data"]
    assert [name for name in by_name(measures(micro_grids, coverage=table)) if ":" in name] == ["coverage:kindergarten"]


def test_an_unknown_kind_is_called_what_it_is(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    table = layers["coverage"].replace({"kind": {"canteen": "tea_house"}})
    found = by_name(measures(micro_grids, coverage=table))
    assert found["coverage:tea_house"].zh == "tea_house"


def test_a_micro_grid_without_a_row_has_no_data(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    found = by_name(measures(micro_grids, coverage=layers["coverage"].iloc[1:]))["coverage:kindergarten"]
    assert (found.values[0], found.status[0]) == (None, "n")


def _lightness(colour: str) -> float:
    """Relative luminance, WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_colours_grow_darker_step_by_step() -> None:
    steps = [_lightness(colour) for colour in SEQUENTIAL]
    assert all((light + 0.05) / (dark + 0.05) > 1.25 for light, dark in itertools.pairwise(steps))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_there_is_one_colour_a_class_light_to_dark(count: int) -> None:
    frame = pd.DataFrame({"code": [str(i) for i in range(count)], "households": range(count)})
    (found,) = measures(frame)
    assert len(found.colours) == len(found.breaks) - 1 == count
    assert list(found.colours) == sorted(found.colours, key=SEQUENTIAL.index)
