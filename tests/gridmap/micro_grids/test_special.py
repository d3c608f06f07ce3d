"""Special grids: big sites have grids of their own, named, numbered after the others, and never strand anyone."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import shapely

from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.places import PlaceRules
from gridmap.micro_grids.special import SITE_KINDS, site_kind
from gridmap.micro_grids.split import Split, split_levels
from tests import checks
from tests.gridmap.micro_grids.houses import frame, houses


def around_a_school(*, caretakers: int = 0, school: shapely.Geometry | None = None) -> dict[str, gpd.GeoDataFrame]:
    """600 households round a school of 120 by 120 m."""
    ground = school or shapely.box(180, 120, 300, 240)
    homes = houses(16, 12, 4)
    homes = homes[~homes.intersects(frame([ground]).geometry[0])]
    block = frame([shapely.box(220, 160, 260, 190)], households=[caretakers])
    return {
        "communities": frame([shapely.box(0, 0, 480, 360)], code=["990101001001"]),
        "special_sites": frame([ground], name=["桥头小学"], kind=["school"]),
        "buildings": pd.concat([homes, block], ignore_index=True),
    }


def promises(split: Split) -> None:
    checks.assert_tiles(split.units["micro_grids"], split.units["communities"].geometry.union_all())
    checks.assert_connected(split.units["micro_grids"])
    checks.assert_conserved(split.units["micro_grids"], split.buildings, split.households)
    checks.assert_band(split.units["micro_grids"], 15, 40)
    checks.assert_codes(split.units)


def test_a_school_has_a_grid_of_its_own_with_a_named_micro_grid() -> None:
    layers = around_a_school(caretakers=3)
    split = split_levels(layers)
    promises(split)
    grids = split.units["grids"]
    special = grids[grids["kind"] == "special"]
    assert special["name"].tolist() == ["桥头小学"] and special["site"].tolist() == ["school"]
    assert special["households"].tolist() == [3]  # the caretakers are counted
    assert special.geometry.iloc[0].symmetric_difference(layers["special_sites"].geometry[0]).area < 1500
    assert special["code"].tolist() == grids["code"].tolist()[-1:]  # numbered after the base grids
    inside = split.units["micro_grids"].query(f"parent == '{special['code'].iloc[0]}'")
    assert len(inside) == 1 and inside["name"].iloc[0].endswith("桥头小学")
    assert inside["reason"].tolist() == ["special: school; 3 households, the band is not for it"]


def test_a_dormitory_is_cut_into_micro_grids_of_the_special_grid() -> None:
    split = split_levels(around_a_school(caretakers=90))
    promises(split)
    special = split.units["grids"].query("kind == 'special'")
    inside = split.units["micro_grids"].query(f"parent == '{special['code'].iloc[0]}'")
    assert len(inside) >= 3 and inside["households"].sum() == 90 and (inside["kind"] == "special").all()


def test_special_kinds_are_chosen_in_the_settings() -> None:
    for kinds in ((), ("park",)):
        split = split_levels(around_a_school(), rules=Rules(places=PlaceRules(special=kinds)))
        assert not (split.units["grids"]["kind"] == "special").any()
        assert split.units["grids"]["site"].isna().all()


def test_a_small_site_is_ordinary_ground() -> None:
    split = split_levels(around_a_school(school=shapely.box(180, 120, 240, 180)))
    assert not (split.units["grids"]["kind"] == "special").any()


def test_a_site_in_two_pieces_is_ordinary_ground() -> None:
    two = shapely.union_all([shapely.box(90, 120, 180, 210), shapely.box(300, 120, 390, 210)])
    split = split_levels(around_a_school(school=two))
    promises(split)
    assert not (split.units["grids"]["kind"] == "special").any()


def test_a_site_that_would_strand_its_neighbours_is_ordinary_ground() -> None:
    split = split_levels(around_a_school(school=shapely.box(60, 0, 210, 360)))  # two columns of houses lie behind it
    left = split.buildings[split.buildings.geometry.centroid.x < 400_060]
    assert left["households"].sum() >= 15  # enough behind it: the school may part them
    assert (split.units["grids"]["kind"] == "special").any()
    thin = around_a_school(school=shapely.box(30, 0, 210, 360))
    thin["buildings"] = thin["buildings"][thin["buildings"].geometry.centroid.x > 400_030].reset_index(drop=True)
    few = frame([shapely.box(5, 5, 20, 20)], households=[4])
    thin["buildings"] = pd.concat([thin["buildings"], few], ignore_index=True)
    assert not (split_levels(thin).units["grids"]["kind"] == "special").any()


def test_in_a_given_grid_a_site_is_a_special_micro_grid() -> None:
    layers = around_a_school()
    layers["grids"] = frame([shapely.box(0, 0, 480, 360)], code=["990101001001004"])
    split = split_levels(layers)
    promises(split)
    assert split.units["grids"]["code"].tolist() == ["990101001001004"]
    special = split.units["micro_grids"].query("site == 'school'")
    assert len(special) == 1 and (special["kind"] == "special").all()


def test_uses_of_buildings_make_sites_and_parks_come_from_the_green() -> None:
    layers = around_a_school()
    del layers["special_sites"]
    mall = frame([shapely.box(190, 125, 290, 235)], households=[0], use=["购物中心"])
    homes = layers["buildings"]
    layers["buildings"] = pd.concat([homes[~homes.intersects(mall.geometry[0])], mall], ignore_index=True)
    layers["green"] = frame([shapely.box(480, 0, 640, 360)], kind=["park"], name=["竹园"])
    layers["communities"] = frame([shapely.box(0, 0, 640, 360)], code=["990101001001"])
    split = split_levels(layers)
    promises(split)
    special = split.units["grids"].query("kind == 'special'")
    assert set(special["site"]) == {"mall", "park"}
    assert "竹园" in special["name"].tolist()


def test_every_kind_has_its_words_and_least_ground() -> None:
    assert all(item.least_m2 >= 5000 and item.zh and item.en for item in SITE_KINDS.values())
    assert site_kind("Industrial") == "factory" and site_kind(None) is None and site_kind("residential") is None


def test_row_order_changes_no_special_grid() -> None:
    layers = around_a_school(caretakers=3)
    first = split_levels(layers, rules=replace(Rules(), seed=2))
    second = split_levels({k: v.iloc[::-1].reset_index(drop=True) for k, v in layers.items()}, rules=Rules(seed=2))
    for level in ("grids", "micro_grids"):
        one, other = first.units[level], second.units[level]
        assert one[["code", "name", "kind"]].equals(other[["code", "name", "kind"]])
        assert shapely.equals_exact(one.geometry.to_numpy(), other.geometry.to_numpy(), 0).all()
