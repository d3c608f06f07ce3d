"""An impossible wish names what prevents it, and the wish offered is really reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.feasible import nearest_wish
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.split import split_levels
from tests.gridmap.micro_grids.houses import frame
from tests.gridmap.micro_grids.houses import houses as rows_of_houses

BAND = Band(20, 25, 30)


def test_a_piece_apart_and_an_entrance_that_cannot_be_divided_are_named() -> None:
    houses = rows_of_houses(10, 5, 5).assign(code=None, units=1)
    apart = frame([shapely.box(1010, 10, 1022, 30)], households=[17], code=["岛1"], units=[1])
    tower = frame([shapely.box(405, 10, 417, 22)], households=[36], code=["B12"], units=[1])
    buildings = pd.concat([houses, apart, tower], ignore_index=True)
    ground = frame([shapely.box(0, 0, 430, 150), shapely.box(1000, 0, 1040, 40)])
    layers = {"districts": ground.dissolve().reset_index(drop=True), "buildings": buildings}
    answer = nearest_wish(layers, BAND)
    named = {code for item in answer.obstacles for code in item.buildings}
    assert named == {"岛1", "B12"}
    assert "floors unknown" in answer.sentence
    assert answer.wish == Band(17, 25, 36)
    assert "nearest wish that works: (17, 25, 36)" in answer.sentence


def test_a_wish_that_can_be_kept_has_no_obstacles() -> None:
    layers = {"districts": frame([shapely.box(0, 0, 300, 300)]), "buildings": rows_of_houses(10, 10, 5)}
    answer = nearest_wish(layers, BAND)
    assert answer.obstacles == () and answer.wish == BAND
    assert answer.sentence == "(20, 25, 30) can be kept everywhere"


@pytest.mark.parametrize("seed", range(4))
def test_the_wish_offered_is_reached_by_a_split(seed: int) -> None:
    rng = np.random.default_rng(seed)
    houses = rows_of_houses(8, 6, 5).assign(units=1)
    houses["households"] = rng.integers(1, 48, len(houses))
    layers = {"districts": frame([shapely.box(0, 0, 240, 180)]), "buildings": houses}
    answer = nearest_wish(layers, BAND)
    assert answer.obstacles and answer.wish is not None
    rows = split_levels(layers, rules=replace(Rules(), micro_grids=answer.wish)).units["micro_grids"]
    peopled = rows[(rows["households"] > 0) & (rows["kind"] == "base")]
    assert peopled["households"].between(answer.wish.low, answer.wish.high).all()
