"""A city cut into chunks: exact borders, and the same answer whoever does the work."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.engines import open_engine
from gridmap.micro_grids import split as split_module
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.split import split_levels
from gridmap.micro_grids.stitch import Border, outer_rings, stitch
from layers.errors import WrongCall
from layers.sample import town
from tests import checks

CRS = "EPSG:4547"


def rows_of_houses(seed: int, *, wide: int = 5, deep: int = 4) -> dict[str, gpd.GeoDataFrame]:
    """Houses beside slanting streets, in two communities whose common border follows no street."""
    rng = np.random.default_rng(seed)
    boxes, households = [], []
    for i in range(wide):
        for j in range(deep):
            x, y = 500_000 + 60 * i + rng.uniform(0, 15), 3_000_000 + 60 * j + rng.uniform(0, 15)
            boxes.append(shapely.box(x, y, x + rng.uniform(12, 35), y + rng.uniform(8, 30)))
            households.append(int(rng.integers(1, 70)))
    west, south, east, north = 499_990.0, 2_999_990.0, 500_000.0 + 60 * wide, 3_000_000.0 + 60 * deep
    bend = [(west + 101.3, south), (west + 163.7, (south + north) / 2), (west + 120.9, north)]
    left = shapely.Polygon([(west, south), *bend, (west, north)])
    right = shapely.Polygon([(east, south), (east, north), *bend[::-1]])
    slope = rng.uniform(-0.4, 0.4)
    streets = [
        shapely.LineString([(west - 20, south + 57 * k), (east + 20, south + 57 * k + slope * (east - west))])
        for k in range(deep + 1)
    ]
    return {
        "communities": gpd.GeoDataFrame(
            {"code": ["990101001001", "990101001002"], "name": ["甲社区", "乙社区"]}, geometry=[left, right], crs=CRS
        ),
        "buildings": gpd.GeoDataFrame({"households": households, "levels": 6}, geometry=boxes, crs=CRS),
        "roads": gpd.GeoDataFrame({"class": ["residential"] * len(streets)}, geometry=streets, crs=CRS),
    }


def assert_exact(split: split_module.Split, outline: shapely.Geometry) -> None:
    micro_grids = split.units["micro_grids"]
    checks.assert_tiles(micro_grids, outline)
    checks.assert_tiles(split.cells.assign(stack=None), outline)
    checks.assert_connected(micro_grids)
    checks.assert_codes(split.units)
    checks.assert_conserved(micro_grids, split.buildings, split.households)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_two_communities_meet_exactly(seed: int) -> None:
    layers = rows_of_houses(seed)
    split = split_levels(layers)
    assert_exact(split, layers["communities"].geometry.union_all())
    by_cell = split.cells.groupby("micro_grid")["households"].sum()
    stack = split.units["micro_grids"]["stack"].fillna(split.units["micro_grids"]["code"])
    assert by_cell.to_dict() == split.units["micro_grids"].groupby(stack)["households"].sum().to_dict()
    assert set(split.buildings["cell"]) <= set(split.cells["code"])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_district_without_communities_is_cut_along_its_streets(seed: int) -> None:
    layers = rows_of_houses(seed, wide=7, deep=6)
    outline = layers["communities"].geometry.union_all()
    layers["districts"] = gpd.GeoDataFrame({"code": ["990101"], "name": ["区"]}, geometry=[outline], crs=CRS)
    del layers["communities"]
    split = split_levels(layers, rules=replace(Rules(), community_households=600))
    assert len(split.units["communities"]) > 1
    assert split.units["communities"]["households"].max() <= 600
    assert_exact(split, outline)
    assert not checks.whole_buildings_cut(split.units["micro_grids"], layers["buildings"], 40)


def test_the_number_of_workers_changes_nothing() -> None:
    layers = rows_of_houses(7)
    alone = split_levels(layers)
    with open_engine("local", workers=2) as engine:
        shared = split_levels(layers, mapper=engine.map)
    backwards = split_levels(
        {name: frame.iloc[::-1].reset_index(drop=True) for name, frame in layers.items()},
        mapper=lambda function, parts: [function(part) for part in parts],
    )
    for other in (shared, backwards):
        for level in ("communities", "grids", "micro_grids"):
            mine, theirs = alone.units[level], other.units[level]
            assert mine["code"].tolist() == theirs["code"].tolist()
            assert mine.geometry.to_wkb().tolist() == theirs.geometry.to_wkb().tolist()
        assert alone.cells.geometry.to_wkb().tolist() == other.cells.geometry.to_wkb().tolist()


def test_the_town_with_dask_is_the_same() -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    layers = town()
    cluster = distributed.LocalCluster(
        n_workers=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    )
    with cluster, open_engine("dask", scheduler=cluster.scheduler_address) as engine:
        shared = split_levels(layers, mapper=engine.map)
    alone = split_levels(layers)
    mine, theirs = alone.units["micro_grids"], shared.units["micro_grids"]
    assert mine.geometry.to_wkb().tolist() == theirs.geometry.to_wkb().tolist()


def test_a_scheduler_that_does_not_answer_is_said_in_one_sentence() -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    from gridmap.engines.dask import DaskEngine

    with pytest.raises(WrongCall, match="no Dask scheduler answers"):
        DaskEngine(scheduler="tcp://127.0.0.1:9", wait_s=0.5)
    with pytest.raises(WrongCall, match="the engines are local, dask"):
        open_engine("spark")
    with pytest.raises(WrongCall, match="at least one worker"):
        open_engine("local", workers=0)


def test_a_community_in_two_parts_keeps_both() -> None:
    layers = rows_of_houses(3)
    left, right = layers["communities"].geometry
    strip = shapely.box(*(right.bounds[2] - 70, right.bounds[1], right.bounds[2] - 20, right.bounds[3]))
    layers["communities"] = layers["communities"].set_geometry(
        [left.union(right.intersection(strip)), right.difference(strip)], crs=CRS
    )
    assert set(layers["communities"].geometry.geom_type) == {"MultiPolygon"}
    split = split_levels(layers)
    assert_exact(split, layers["communities"].geometry.union_all())


def test_stitching_gives_both_sides_the_vertices_of_both() -> None:
    outlines = np.array([shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)])
    left = [shapely.box(0, 0, 10, 4), shapely.Polygon([(0, 4), (10, 4), (10, 10), (0, 10)])]
    right = [shapely.box(10, 0, 20, 7), shapely.Polygon([(10, 7), (20, 7), (20, 10), (10, 10)])]
    cells = np.array([*left, *right])
    chunk = np.array([0, 0, 1, 1])
    assert not shapely.coverage_is_valid(cells)
    borders = []
    for part in (left, right):
        rings = outer_rings(np.array(part))
        borders.append(Border(rings, [np.ones(len(ring) - 1) for ring in rings]))
    done = stitch(outlines, cells, chunk, borders)
    assert shapely.coverage_is_valid(done.cells)
    assert (done.length, done.bare) == (10.0, 10.0)
    assert len(done.outer) == 6 + 2  # four corners, the two ends of the border, and one cut on each outer side
