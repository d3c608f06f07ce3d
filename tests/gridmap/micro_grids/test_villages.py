"""Villages by settlement, ground without people, and a sparse outline."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.places import PlaceRules
from gridmap.micro_grids.split import Split, split_levels
from gridmap.micro_grids.villages import VillageRules, find_settlements
from tests import checks
from tests.gridmap.micro_grids.houses import frame, houses


def country(*settlements: gpd.GeoDataFrame, side: float = 2000.0, **more: gpd.GeoDataFrame) -> Split:
    """A community of some settlements in open country."""
    layers = {
        "communities": frame([shapely.box(0, 0, side, side)], code=["990101201001"]),
        "buildings": pd.concat(settlements, ignore_index=True), **more,
    }  # fmt: skip
    split = split_levels(layers)
    checks.assert_tiles(split.units["micro_grids"], split.units["communities"].geometry.union_all())
    checks.assert_connected(split.units["micro_grids"])
    checks.assert_conserved(split.units["micro_grids"], split.buildings, split.households)
    checks.assert_band(split.units["micro_grids"], 15, 40)
    checks.assert_codes(split.units)
    return split


def peopled(split: Split) -> pd.DataFrame:
    return split.units["micro_grids"].query("households > 0")


def test_settlements_are_whole_and_say_what_they_are() -> None:
    split = country(houses(3, 3, 1, x=200, y=200), houses(6, 6, 1, x=900, y=900), houses(5, 5, 1, x=1600, y=300))
    units = peopled(split).sort_values("households")
    assert units["households"].tolist() == [9, 25, 36]
    assert (units["kind"] == "village").all()
    assert units["reason"].iloc[0].startswith("village: a settlement of 9 households kept whole, ")
    assert units["reason"].isna().tolist() == [False, True, True]


def test_a_settlement_above_the_maximum_is_cut_in_two_or_three() -> None:
    split = country(houses(6, 5, 2, x=200, y=200), houses(5, 5, 1, x=1200, y=1200))
    loads = sorted(peopled(split)["households"])
    assert loads[0] >= 15 and sum(loads) == 85 and len(loads) in (3, 4)


def test_a_farm_joins_the_settlement_beside_it() -> None:
    farm = frame([shapely.box(455, 250, 470, 262)], households=[2])
    split = country(houses(5, 5, 1, x=200, y=200), farm)
    assert peopled(split)["households"].tolist() == [27]


def test_a_farm_behind_a_river_with_enough_neighbours_does_not() -> None:
    river = frame([shapely.LineString([(400, -10), (400, 2010)])], kind=["river"])
    farm = frame([shapely.box(440, 250, 455, 262)], households=[2])
    across = houses(5, 4, 1, x=500, y=200)
    split = country(houses(5, 5, 1, x=200, y=200), farm, across, barriers=river)
    own = split.buildings.set_index(split.buildings.geometry.centroid.x - 400_000)["micro_grid"]
    assert len(set(own[own.index < 400])) == 1
    assert own[own.index > 400].nunique() == 1


def test_a_village_says_how_far_the_next_one_is_not_how_far_its_own_farms_are() -> None:
    farm = houses(1, 1, 2, x=420, y=200)
    split = country(houses(3, 3, 1, x=200, y=200), farm, houses(5, 5, 1, x=1600, y=300))
    small = peopled(split).sort_values("households").iloc[0]
    assert small["households"] == 11
    # From the farm's east wall at x = 445 to the next village's west wall at 1605.
    assert "1,16" in small["reason"] and " m from the next" in small["reason"]


def test_two_villages_never_share_a_micro_grid_though_both_would_fit() -> None:
    split = country(houses(4, 4, 1, x=200, y=200), houses(4, 4, 1, x=420, y=200))
    assert sorted(peopled(split)["households"]) == [16, 16]


def test_a_town_is_not_a_village() -> None:
    dense = np.arange(40) * 12.0
    town = shapely.box(dense, 0, dense + 10, 10)
    assert not find_settlements(town, np.full(40, 9), 5000.0, VillageRules()).any
    assert not find_settlements(town, np.full(40, 9), 1e7, VillageRules()).village.any()  # big, not small houses
    assert find_settlements(town, np.full(40, 2), 1e7, VillageRules()).village.all()
    assert not find_settlements(town, np.full(40, 2), 1e7, VillageRules(on=False)).any
    # Few homes between works that fill the ground stand in a town too.
    works = shapely.box(np.arange(5) * 250.0, 100, np.arange(5) * 250.0 + 240, 600)
    mixed, homes = np.concatenate([town, works]), np.r_[np.full(40, 2), np.zeros(5, dtype=int)]
    assert not find_settlements(mixed, homes, 1e7, VillageRules()).any
    assert find_settlements(mixed, homes, 2e7, VillageRules()).any


def test_villages_can_be_switched_off() -> None:
    layers = {
        "communities": frame([shapely.box(0, 0, 2000, 2000)], code=["990101201001"]),
        "buildings": houses(3, 3, 1, x=200, y=200),
    }
    rules = Rules(places=PlaceRules(villages=VillageRules(on=False)))
    assert "village" not in set(split_levels(layers, rules=rules).units["micro_grids"]["kind"])


def test_a_village_is_in_one_grid() -> None:
    corners = [(x, y) for x in range(300, 4600, 900) for y in range(300, 4600, 900)]
    split = country(*(houses(5, 5, 1, x=x, y=y) for x, y in corners), side=4800.0)
    grids = split.units["grids"]
    assert len(grids) > 1 and (grids["kind"] == "village").all()
    middle = split.buildings.geometry.centroid
    spot = ((middle.x - 400_000) // 900).astype(str) + "-" + ((middle.y - 3_300_000) // 900).astype(str)
    assert (split.buildings.groupby(spot)["grid"].nunique() == 1).all()


def sparse(seed: int) -> dict[str, gpd.GeoDataFrame]:
    """100 km2 of which a hundredth is mapped: hamlets and farms here and there, a river and a road through all."""
    rng = np.random.default_rng(seed)
    shapes: list[shapely.Geometry] = []
    for x, y in rng.uniform(300, 9700, (40, 2)):
        for _ in range(int(rng.integers(1, 30))):
            a, b = x + rng.normal(0, 70), y + rng.normal(0, 70)
            shapes.append(shapely.affinity.rotate(shapely.box(a, b, a + 14, b + 10), float(rng.uniform(0, 90))))
    loads = rng.integers(0, 4, len(shapes))
    return {
        "communities": frame([shapely.box(0, 0, 10_000, 10_000)], code=["990101201001"]),
        "buildings": frame(shapes, households=loads),
        "roads": frame([shapely.LineString([(0, 4000), (5000, 5200), (10_000, 4800)])], **{"class": ["secondary"]}),
        "barriers": frame([shapely.LineString([(3000, 0), (3600, 5000), (3100, 10_000)])], kind=["river"]),
        "green": frame([shapely.box(5500, 6000, 10_000, 10_000)], kind=["forest"]),
        "water": frame([shapely.box(0, 0, 2500, 1500)], kind=["lake"]),
    }  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sparse_outline_gives_a_few_wide_areas_and_no_slivers(seed: int) -> None:
    layers = sparse(seed)
    split = split_levels(layers)
    units = split.units["micro_grids"]
    checks.assert_tiles(units, split.units["communities"].geometry.union_all())
    checks.assert_connected(units)
    checks.assert_band(units, 15, 40)
    empty, lived = units.query("households == 0"), units.query("households > 0")
    assert len(empty) <= 25
    assert (empty["area_m2"] >= 9_000).all()
    assert empty["area_m2"].sum() > 0.85 * units["area_m2"].sum()
    assert empty["name"].str.contains("无人区").all() and {"forest", "open"} <= set(empty["site"])
    assert lived["area_m2"].max() < 250_000  # no tentacles over the fields
    inside = split.buildings.groupby("micro_grid")["households"].sum()
    assert (inside.reindex(lived["code"]) == lived.set_index("code")["households"]).all()
