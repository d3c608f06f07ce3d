"""The figures of a split say what is broken: each promise is broken once, and the figure must tell."""

from __future__ import annotations

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap.micro_grids.split import Split, split_levels
from layers.sample import town
from tests.figures import Figures, bounding_lines, figures, put_together


@pytest.fixture(scope="module")
def layers() -> dict[str, gpd.GeoDataFrame]:
    return town()


@pytest.fixture(scope="module")
def split(layers: dict[str, gpd.GeoDataFrame]) -> Split:
    return split_levels(layers)


def outline(layers: dict[str, gpd.GeoDataFrame]) -> shapely.Geometry:
    top = next(layers[level] for level in ("districts", "streets", "communities", "grids") if level in layers)
    return shapely.union_all(top.geometry.to_numpy())


def measured(split: Split, layers: dict[str, gpd.GeoDataFrame], micro_grids: gpd.GeoDataFrame | None = None) -> Figures:
    units = split.units if micro_grids is None else {**split.units, "micro_grids": micro_grids}
    return figures(units, split.buildings, layers, outline(layers), said=split.findings.to_frame())


def broken(found: Figures) -> set[str]:
    """Names of the figures that say a promise is broken."""
    values = dataclasses.asdict(found)
    lists = {name for name, value in values.items() if isinstance(value, list) and value}
    return lists | {name for name in ("lost_households", "bad_segments") if values[name]} | {
        name for name in ("gap_m2", "overlap_m2") if values[name] > 0.01
    }  # fmt: skip


def test_a_good_split_breaks_nothing(split: Split, layers: dict[str, gpd.GeoDataFrame]) -> None:
    found = measured(split, layers)
    assert broken(found) == set()
    assert found.in_band == 1.0
    assert 0.3 < found.compactness < 0.8
    assert 0.05 < found.on_lines < 1.0


def two_neighbours(micro_grids: gpd.GeoDataFrame) -> tuple[int, int]:
    """Positions of two micro-grids of one grid, with a boundary between them and no stack."""
    shapes = micro_grids.geometry.to_numpy()
    alone = micro_grids["stack"].isna().to_numpy()
    for a in range(len(shapes)):
        for b in range(a + 1, len(shapes)):
            same = micro_grids["parent"].iat[a] == micro_grids["parent"].iat[b]
            if same and alone[a] and alone[b] and shapely.intersection(shapes[a], shapes[b]).length > 20:
                return a, b
    raise AssertionError("no neighbours in the town")


def test_ground_moved_between_micro_grids_is_seen(split: Split, layers: dict[str, gpd.GeoDataFrame]) -> None:
    table = split.units["micro_grids"].copy()
    a, b = two_neighbours(table)
    shapes = table.geometry.to_numpy().copy()
    hole = shapely.point_on_surface(shapes[a]).buffer(0.5)
    shapes[a] = shapely.difference(shapes[a], hole)
    assert {"gap_m2", "bad_segments", "not_nested"} <= broken(measured(split, layers, table.set_geometry(shapes)))
    shapes = table.geometry.to_numpy().copy()
    shapes[a] = shapely.union(shapes[a], shapely.intersection(shapes[b], shapely.buffer(shapes[a], 1.0)))
    assert {"overlap_m2", "bad_segments"} <= broken(measured(split, layers, table.set_geometry(shapes)))


def test_two_micro_grids_as_one_row_are_in_pieces_or_silent(
    split: Split, layers: dict[str, gpd.GeoDataFrame]
) -> None:
    table = split.units["micro_grids"].copy()
    shapes = table.geometry.to_numpy().copy()
    far = int(np.argmax(shapely.distance(shapes, shapes[0])))
    shapes[0] = shapely.union(shapes[0], shapes[far])
    moved = table.assign(households=table["households"].where(table.index != 0, 99)).set_geometry(shapes)
    assert {"unconnected", "without_reason", "lost_households"} <= broken(measured(split, layers, moved))


def test_a_building_across_a_boundary_is_cut(split: Split, layers: dict[str, gpd.GeoDataFrame]) -> None:
    table = split.units["micro_grids"]
    a, b = two_neighbours(table)
    shared = shapely.intersection(table.geometry.iat[a], table.geometry.iat[b])
    across = shapely.buffer(shapely.line_interpolate_point(shapely.line_merge(shared), 0.5, normalized=True), 3.0)
    more = gpd.GeoDataFrame({"code": ["X"], "households": [3]}, geometry=[across], crs=table.crs)
    found = measured(split, {**layers, "buildings": pd.concat([layers["buildings"], more], ignore_index=True)})
    assert "X" in found.cut and "X" in found.cut_unsaid
    assert found.lost_households >= 3


def test_a_railway_through_a_micro_grid_is_crossed(split: Split, layers: dict[str, gpd.GeoDataFrame]) -> None:
    table = split.units["micro_grids"]
    parts = split.buildings[split.buildings["households"] > 0]
    several = parts.groupby("micro_grid").size()
    code = several.index[several > 1][0]
    mine = parts[parts["micro_grid"] == code].geometry.iloc[:2]
    a, b = (np.array(shape.centroid.coords[0]) for shape in mine)
    middle, way = (a + b) / 2, np.array([a[1] - b[1], b[0] - a[0]])
    rail = shapely.LineString([middle - way * 500, middle + way * 500])
    barriers = gpd.GeoDataFrame({"kind": ["rail"]}, geometry=[rail], crs=table.crs)
    found = measured(split, {**layers, "barriers": barriers})
    assert code in found.crossed and code in found.crossed_unsaid
    fence = barriers.assign(kind="fence")
    assert measured(split, {**layers, "barriers": fence}).crossed == []
    # A line that ends inside parts nobody.
    short = barriers.set_geometry([shapely.LineString([middle - way / 20, middle + way / 20])])
    assert code not in measured(split, {**layers, "barriers": short}).crossed


def test_lines_underground_bound_nothing() -> None:
    roads = gpd.GeoDataFrame(
        {"class": ["motorway", "motorway", "footway", "service"], "tunnel": ["yes", None, None, "no"]},
        geometry=[shapely.LineString([(0, y), (9, y)]) for y in range(4)], crs="EPSG:4547",
    )  # fmt: skip
    lines = bounding_lines({"roads": roads})
    assert [line.coords[0][1] for line in lines.all] == [1.0, 3.0]
    assert [line.coords[0][1] for line in lines.hard] == [1.0]


def test_what_counts_as_put_together() -> None:
    codes = ["one", "two", "entrance", "floors", "empty"]
    micro_grids = pd.DataFrame({"code": codes, "households": [36, 36, 25, 22, 0]})
    parts = pd.DataFrame(
        {
            "micro_grid": ["one", "one", "two", "two", "entrance", "floors", "empty"],
            "households": [36, 0, 18, 18, 25, 22, 0],
            "floor_from": [None, None, None, None, None, 1, 1],
        }
    )
    assert put_together(micro_grids, parts).tolist() == [False, True, False, True, False]
