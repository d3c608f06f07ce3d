"""A piece of the invented city, and a town in wide fields, split and judged by checks of their own."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from gridmap.micro_grids.split import Split, split_levels
from tests.figures import Figures, figures

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from city import city
from sparse import sparse

#: Figures that must be empty or nothing at all.
PROMISES = (
    "unconnected", "bad_segments", "lost_households", "not_nested", "cut_apart", "cut_unsaid", "crossed_unsaid",
    "without_reason",
)  # fmt: skip


def judged(layers: dict[str, gpd.GeoDataFrame]) -> tuple[Split, Figures]:
    split = split_levels(layers)
    outline = shapely.union_all(layers["districts"].geometry.to_numpy())
    return split, figures(split.units, split.buildings, layers, outline, said=split.findings.to_frame())


def broken(found: Figures) -> dict[str, object]:
    values = dataclasses.asdict(found)
    return {name: values[name] for name in PROMISES if values[name]}


@pytest.fixture(scope="module")
def layers() -> dict[str, gpd.GeoDataFrame]:
    """Two communities with a river through them."""
    return city(6000, seed=1)


@pytest.fixture(scope="module")
def piece(layers: dict[str, gpd.GeoDataFrame]) -> tuple[Split, Figures]:
    return judged(layers)


def test_a_piece_of_the_city_keeps_every_promise(piece: tuple[Split, Figures]) -> None:
    _, found = piece
    assert broken(found) == {}
    assert found.overlap_m2 < 0.01
    assert found.gap_m2 < 0.1


def test_a_piece_of_the_city_is_even_round_and_along_streets(piece: tuple[Split, Figures]) -> None:
    _, found = piece
    assert found.in_band_peopled >= 0.985
    assert found.in_wish >= 0.90
    assert found.compactness >= 0.60
    assert found.on_lines >= 0.35


def test_given_communities_keep_their_codes_and_hold_the_households_they_held(
    layers: dict[str, gpd.GeoDataFrame], piece: tuple[Split, Figures]
) -> None:
    split, _ = piece
    given = layers["communities"].set_index("code")["households"]
    found = split.units["communities"].set_index("code")["households"]
    assert found.sort_index().to_dict() == given.sort_index().to_dict()


def test_wide_fields_are_a_few_unpeopled_areas_and_no_slivers() -> None:
    layers = sparse(1500, seed=2)
    split, found = judged(layers)
    assert broken(found) == {}
    table = split.units["micro_grids"]
    empty = table[table["households"] == 0]
    assert 1 <= len(empty) <= 0.25 * len(table)
    assert empty.geometry.area.sum() > 0.5 * table.geometry.area.sum()
    assert (table.geometry.area > 50).all()
    thin = 4 * shapely.area(table.geometry.to_numpy()) / shapely.length(table.geometry.to_numpy())
    assert thin.min() > 2.0  # mean width, metres
