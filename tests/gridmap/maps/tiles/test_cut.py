"""Layers cut into tiles: every row is found again, neighbours meet, small scales are small."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gridmap.maps.tiles.archive import write_archive
from gridmap.maps.tiles.cut import check_found, cut, packed
from gridmap.maps.tiles.mvt import Shape
from gridmap.maps.tiles.plan import PLAN, TileLayer, tile_layer
from layers.errors import CrsMismatch, DataBroken
from tests.gridmap.maps.tiles.drawn import HALF, geometry, whole_zoom

CRS = "EPSG:4547"
X, Y = 512000.0, 3381000.0


def plan(name: str) -> TileLayer:
    item = tile_layer(name)
    assert item is not None
    return item


@pytest.fixture(scope="module")
def units() -> gpd.GeoDataFrame:
    """Ragged areas that fill a square of 6 km without a gap: Voronoi cells, in no order."""
    points = np.random.default_rng(7).uniform(0, 6000, (150, 2)) + np.array([X, Y])
    square = shapely.box(X, Y, X + 6000, Y + 6000)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=square))
    return gpd.GeoDataFrame(geometry=shapely.intersection(cells, square), crs=CRS)


def test_every_row_is_found_at_the_deepest_zoom(units: gpd.GeoDataFrame) -> None:
    tiles = cut(units, plan("micro_grids"))
    found = {shape.id for tile, shapes in tiles.items() if tile[0] == 15 for shape in shapes}
    assert found == set(range(1, len(units) + 1))


@pytest.mark.parametrize("zoom", [11, 12, 13, 14, 15])
def test_neighbours_meet_without_a_gap(units: gpd.GeoDataFrame, zoom: int, tmp_path: Path) -> None:
    write_archive(tmp_path / "x.pmtiles", packed("micro_grids", cut(units, plan("micro_grids"))), bounds=(0, 0, 1, 1))
    drawn = whole_zoom(tmp_path / "x.pmtiles", "micro_grids", zoom)
    assert len(drawn) == len(units)
    step = 2 * HALF / 2**zoom / 4096
    outline = shapely.union_all(units.to_crs(3857).geometry.array)
    slack = 3 * step + (0.5 * 2 * HALF / 2**zoom / 256 if zoom < 14 else 0)
    gaps = outline.buffer(-slack).difference(shapely.union_all(list(drawn.values())))
    # tiles round to their own steps: what is left is thinner than one
    assert gaps.buffer(-step).is_empty
    overlaps = sum(part.area for part in drawn.values()) - shapely.union_all(list(drawn.values())).area
    assert overlaps < step * sum(part.length for part in drawn.values())


def test_simplified_areas_alone_would_leave_gaps(units: gpd.GeoDataFrame) -> None:
    """The test above can fail: areas simplified one by one do not meet."""
    alone = units.simplify(200)
    outline = shapely.union_all(units.geometry.array)
    assert not outline.buffer(-5).difference(shapely.union_all(alone.array)).buffer(-5).is_empty


def test_places_are_where_they_were(units: gpd.GeoDataFrame, tmp_path: Path) -> None:
    write_archive(tmp_path / "x.pmtiles", packed("micro_grids", cut(units, plan("micro_grids"))), bounds=(0, 0, 1, 1))
    drawn = whole_zoom(tmp_path / "x.pmtiles", "micro_grids", 15)
    there = units.to_crs(3857).geometry
    for number in (1, 20, 99, 150):
        assert shapely.hausdorff_distance(drawn[number], there.iloc[number - 1]) < 1.0


def test_what_is_smaller_than_a_step_is_still_there() -> None:
    tiny = gpd.GeoDataFrame(
        geometry=[
            shapely.box(X, Y, X + 0.01, Y + 0.01), shapely.LineString([(X + 50, Y), (X + 50.01, Y)]),
            shapely.Point(X + 99, Y), None, shapely.box(X + 70, Y, X + 170, Y + 0.02), shapely.Polygon(),
        ],
        crs=CRS,
    )  # fmt: skip
    tiles = cut(tiny, plan("barriers"))
    shapes = {shape.id: (shape, tile) for tile, found in tiles.items() if tile[0] == 15 for shape in found}
    assert sorted(shapes) == [1, 2, 3, 5]
    there = tiny.to_crs(3857).geometry
    for number, (shape, tile) in shapes.items():
        drawn = geometry(shape, tile)
        assert drawn.distance(there.iloc[number - 1].centroid) < 0.6
        assert drawn.geom_type.replace("Multi", "") in ("Point", "LineString", "Polygon")
    assert geometry(*shapes[1]).area > 0 and geometry(*shapes[2]).length > 0


def test_the_search_for_rows_can_fail() -> None:
    item = plan("grids")
    one, two = Shape(1, 1, b"\x09\x02\x02"), Shape(2, 1, b"\x09\x04\x04")
    check_found({(15, 0, 0): [one], (15, 1, 0): [two]}, [1, 2], item)
    for tiles in (
        {(15, 0, 0): [one]}, {(15, 0, 0): [one], (14, 0, 0): [two]}, {(15, 0, 0): [one, two, Shape(3, 1, b"")]},
    ):  # fmt: skip
        with pytest.raises(DataBroken, match=r"rows of grids"):
            check_found(tiles, [1, 2], item)


def test_many_rows_in_one_place_are_all_there() -> None:
    """GDAL leaves features out where a tile grows too large, unless told otherwise."""
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 300, (9000, 2)) + np.array([X, Y])
    points = gpd.GeoDataFrame(geometry=shapely.points(places), crs=CRS)
    tiles = cut(points, plan("incidents"))
    assert len({shape.id for tile, shapes in tiles.items() if tile[0] == 15 for shape in shapes}) == 9000
    # and none at scales where one could not tell them apart
    assert {tile[0] for tile in tiles} == {15}


def test_stacked_micro_grids_are_all_there_and_simplified_once(units: gpd.GeoDataFrame) -> None:
    stacked = gpd.GeoDataFrame(geometry=[*units.geometry, units.geometry.iloc[3]], crs=CRS)
    tiles = cut(stacked, plan("micro_grids"))
    for tile, shapes in tiles.items():
        found = {shape.id: shape.geometry for shape in shapes}
        assert found.get(4) == found.get(151), tile


def test_small_scales_show_large_streets_only() -> None:
    classes = ["motorway", "tertiary", "footway"]
    roads = gpd.GeoDataFrame(
        {"class": classes},
        geometry=[shapely.LineString([(X, Y + n * 100), (X + 3000, Y + n * 100)]) for n in range(3)], crs=CRS,
    )
    tiles = cut(roads, plan("roads"))
    shown = {zoom: {s.id for tile, shapes in tiles.items() if tile[0] == zoom for s in shapes} for zoom in (9, 11, 13)}
    assert shown == {9: {1}, 11: {1, 2}, 13: {1, 2, 3}}


def test_rows_without_a_crs_are_refused() -> None:
    with pytest.raises(CrsMismatch):
        cut(gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)]), plan("incidents"))


def test_the_plan_leaves_no_scale_without_units() -> None:
    units = [item for item in PLAN if item.group == "units"]
    for zoom in range(8, 16):
        assert any(item.minzoom <= zoom and (item.until is None or zoom < item.until) for item in units), zoom
