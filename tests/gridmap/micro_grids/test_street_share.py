"""Boundary on streets and barriers of kept cells: what the first split says of the same plan."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.places import PlaceRules
from gridmap.micro_grids.split import split_levels
from gridmap.micro_grids.street_share import share_on_streets
from tests.gridmap.micro_grids.test_chunks import rows_of_houses


def test_kept_cells_say_what_the_split_said() -> None:
    layers = rows_of_houses(7)
    names = [f"第{number % 7}组" for number in range(len(layers["buildings"]))]
    layers["buildings"] = layers["buildings"].assign(resident_group=names)
    rules = Rules()
    split = split_levels(layers, rules=rules)
    assert "resident_groups" in rules.places.prefer and split.cells["resident_group"].notna().any()
    assert len(split.units["communities"]) == 2 and 0.0 < split.street_share < 1.0
    assert share_on_streets(split.cells, layers, rules.places) == pytest.approx(split.street_share, abs=1e-6)
    shuffled = split.cells.sample(frac=1.0, random_state=1)
    assert share_on_streets(shuffled, layers, rules.places) == pytest.approx(split.street_share, abs=1e-6)


def test_the_outer_boundary_does_not_count_and_one_micro_grid_has_none() -> None:
    cells = gpd.GeoDataFrame(
        {"code": ["a", "b"], "micro_grid": ["1", "2"], "community": "0"},
        geometry=list(shapely.box([0, 10], 0, [10, 20], 10)), crs="EPSG:4547",
    )  # fmt: skip
    around = gpd.GeoDataFrame({"class": ["primary"]}, geometry=[shapely.box(0, 0, 20, 10).exterior], crs="EPSG:4547")
    between = gpd.GeoDataFrame(
        {"class": ["residential"]}, geometry=[shapely.LineString([(10, 0), (10, 10)])], crs="EPSG:4547"
    )
    assert share_on_streets(cells, {"roads": around}, PlaceRules()) == 0.0
    assert share_on_streets(cells, {"roads": between}, PlaceRules()) == pytest.approx(0.6)
    assert share_on_streets(cells.assign(micro_grid="1"), {"roads": between}, PlaceRules()) == 0.0
