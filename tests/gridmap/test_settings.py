"""Settings of a city: read once, checked at once, refused in one sentence."""

from __future__ import annotations

import json

import pytest

from gridmap.micro_grids.band import Band
from gridmap.settings import CitySettings
from layers.errors import BadSettings


def test_a_city_without_settings_has_the_usual_ones() -> None:
    settings = CitySettings.from_options({})
    assert settings.split.households == Band(15, 25, 40)
    assert settings.split.grid_households == Band(300, 400, 500)
    assert settings.cover.nearest_m == 50.0


def test_what_is_given_reaches_the_split() -> None:
    options = {"split": {"households": [20, 25, 30], "seed": 7, "streets": 2}, "cover": {"limit_m": 1500}}
    settings = CitySettings.from_options(options)
    assert (settings.split.rules.micro_grids, settings.split.rules.seed) == (Band(20, 25, 30), 7)
    assert settings.split.rules.wishes.streets == 2.0
    assert settings.cover.limit_m == 1500.0
    assert settings.with_seed(9).split.seed == 9 and settings.with_seed(None) is settings
    assert json.loads(settings.to_json())["split"]["households"] == [20, 25, 30]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"spilt": {}}, r"unknown table \[spilt\].*\[split\]"),
        ({"split": {"housholds": 3}}, r"\[split\] housholds is not a setting.*households"),
        ({"split": {"households": 25}}, r"\[split\] households must be \{min = 15"),
        ({"split": {"households": {"min": 30, "target": 25, "max": 40}}}, "min <= target <= max"),
        ({"split": {"households": [15, 25, 40.5]}}, "whole numbers"),
        ({"split": {"seed": "one"}}, r"\[split\] seed must be a number"),
        ({"split": {"seed": 1.5}}, "whole number"),
        ({"split": {"shape": -1}}, "must not be negative"),
        ({"cover": {"norms": 3}}, r"\[cover\] norms must be text"),
        ({"cover": 3}, r"\[cover\] in city.toml must be a table"),
    ],
)
def test_what_is_wrong_is_named_with_its_rule(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        CitySettings.from_options(options)


def test_kinds_with_a_full_register_are_any_kinds():
    settings = CitySettings.from_options({"cover": {"complete": ["clinic", "market"]}})
    assert settings.cover.complete == ("clinic", "market")
    with pytest.raises(BadSettings, match="list of texts"):
        CitySettings.from_options({"cover": {"complete": "clinic"}})
