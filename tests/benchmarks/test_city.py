"""The invented city that the benchmarks run on: what its figures rest on."""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from city import city
from sparse import sparse

City = dict[str, gpd.GeoDataFrame]


@pytest.fixture(scope="module")
def town() -> City:
    return city(6000, seed=3)


def same(one: City, other: City) -> bool:
    return list(one) == list(other) and all(
        one[name].drop(columns="geometry").equals(other[name].drop(columns="geometry"))
        and (shapely.to_wkb(one[name].geometry.to_numpy()) == shapely.to_wkb(other[name].geometry.to_numpy())).all()
        for name in one
    )


def test_the_same_seed_is_the_same_city_and_another_is_not(town: City) -> None:
    assert same(town, city(6000, seed=3))
    assert not same(town, city(6000, seed=4))


def test_households_add_up_through_the_levels(town: City) -> None:
    total = int(town["buildings"]["households"].sum())
    assert 0.9 * 6000 < total < 1.1 * 6000
    for level in ("communities", "streets", "districts"):
        assert int(town[level]["households"].sum()) == total
    residents = int(town["buildings"]["residents"].sum())
    assert 2.4 * total < residents < 3.4 * total


def test_footprints_do_not_overlap_and_stand_clear_of_water_and_borders(town: City) -> None:
    shapes = town["buildings"].geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    keep = left < right
    assert keep.sum() > 100  # village houses touch
    assert shapely.area(shapely.intersection(shapes[left[keep]], shapes[right[keep]])).max() < 0.02
    assert not shapely.intersects(shapely.union_all(town["water"].geometry.to_numpy()), shapes).any()
    borders = shapely.boundary(town["communities"].geometry.to_numpy())
    assert not shapely.intersects(shapely.union_all(borders), shapes).any()


def test_communities_tile_the_city_and_nest_by_code(town: City) -> None:
    areas = town["communities"].geometry.to_numpy()
    assert (shapely.get_type_id(areas) == 3).all()
    assert shapely.coverage_is_valid(areas)
    outline = shapely.union_all(town["districts"].geometry.to_numpy())
    assert shapely.area(areas).sum() == pytest.approx(outline.area)
    assert town["communities"]["code"].str.len().unique().tolist() == [12]
    assert (town["communities"]["parent"] == town["communities"]["code"].str[:9]).all()
    assert set(town["communities"]["parent"]) == set(town["streets"]["code"])


def test_streets_are_no_lattice(town: City) -> None:
    lines = town["roads"].geometry.to_numpy()
    ends = shapely.get_coordinates(shapely.get_point(lines, -1)) - shapely.get_coordinates(shapely.get_point(lines, 0))
    turn = np.degrees(np.arctan2(ends[:, 1], ends[:, 0])) % 90
    share, _ = np.histogram(turn, bins=9, range=(0, 90), weights=shapely.length(lines))
    assert share.max() < 0.35 * share.sum()
    chords = shapely.linestrings([[line.coords[0], line.coords[-1]] for line in lines])
    assert (shapely.hausdorff_distance(lines, chords) > 0.5).mean() > 0.25  # many are bent


def test_a_city_has_all_that_makes_it_hard(town: City) -> None:
    buildings = town["buildings"]
    assert {"apartments", "house", "residential", "garage"} <= set(buildings["use"])
    assert (buildings["households"] > 40).sum() > 20
    assert buildings.query("use == 'apartments'")["units"].isna().any()
    assert (town["water"]["kind"] == "river").any()
    assert (town["barriers"]["kind"] == "wall").any()
    assert (town["estates"]["managed"]).any() and not town["estates"]["managed"].all()


def test_a_bigger_city_has_a_railway_as_the_border_of_communities() -> None:
    layers = city(14_000, seed=1)
    rail = shapely.union_all(layers["barriers"].query("kind == 'rail'").geometry.to_numpy())
    borders = shapely.union_all(shapely.boundary(layers["communities"].geometry.to_numpy()))
    assert rail.length > 500
    assert shapely.intersection(rail, borders).length > 0.5 * rail.length


def test_a_sparse_outline_is_almost_empty() -> None:
    layers = sparse(3000, seed=0)
    area = layers["districts"].geometry.area.iloc[0]
    built = shapely.union_all(layers["buildings"].buffer(20).to_numpy())
    assert built.area < 0.02 * area
    assert layers["buildings"].within(layers["districts"].geometry.iloc[0]).all()
    assert int(layers["districts"]["households"].iloc[0]) == int(layers["buildings"]["households"].sum())
