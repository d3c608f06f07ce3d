"""Areas cut as they are asked for: neighbours meet, holes stay holes, specks are there, numbers are right."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from gridmap.maps.tiles.cut import tile_box, tiles_meeting
from gridmap.maps.tiles.encode import AreaTiles
from gridmap.maps.tiles.mvt import EXTENT, shapes_of
from tests.gridmap.maps.tiles.drawn import geometry

CRS = "EPSG:4547"
X, Y = 512000.0, 3381000.0


def drawn(tiles: AreaTiles, bounds: tuple[float, float, float, float], zoom: int) -> dict[int, shapely.Geometry]:
    """Each area as its tiles show it, in EPSG:3857, each tile within its own edges."""
    parts: dict[int, list[shapely.Geometry]] = {}
    for tile in tiles_meeting(bounds, zoom):
        for shape in shapes_of(tiles.tile(*tile), "micro_grids"):
            inside = shapely.intersection(shapely.make_valid(geometry(shape, tile)), shapely.box(*tile_box(tile)))
            parts.setdefault(shape.id, []).append(inside)
    return {number: shapely.union_all(found) for number, found in parts.items()}


def test_neighbours_meet_and_everybody_is_there() -> None:
    points = np.random.default_rng(3).uniform(0, 3000, (120, 2)) + np.array([X, Y])
    square = shapely.box(X, Y, X + 3000, Y + 3000)
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points))), square)
    frame = gpd.GeoSeries(cells, crs=CRS)
    there = frame.to_crs(3857)
    tiles = AreaTiles("micro_grids", frame)
    for zoom in (12, 14, 15):
        found = drawn(tiles, tuple(there.total_bounds), zoom)
        assert sorted(found) == list(range(1, len(cells) + 1))
        step = (tile_box((zoom, 0, 0))[2] - tile_box((zoom, 0, 0))[0]) / EXTENT
        whole = shapely.union_all(there.array)
        assert whole.buffer(-2 * step).difference(shapely.union_all(list(found.values()))).buffer(-step).is_empty
        for number, area in found.items():
            was = there.iloc[number - 1]
            assert area.buffer(step).covers(was.buffer(-step)) and was.buffer(2 * step).covers(area)


def test_holes_pieces_and_specks() -> None:
    ring = shapely.box(X, Y, X + 300, Y + 300).difference(shapely.box(X + 100, Y + 100, X + 200, Y + 200))
    two = shapely.union(shapely.box(X + 400, Y, X + 500, Y + 100), shapely.box(X + 600, Y, X + 700, Y + 100))
    speck = shapely.box(X + 800, Y, X + 800.01, Y + 0.01)
    frame = gpd.GeoSeries([ring, two, speck], crs=CRS)
    there = frame.to_crs(3857)
    found = drawn(AreaTiles("micro_grids", frame), tuple(there.total_bounds), 15)
    assert sorted(found) == [1, 2, 3]
    assert abs(found[1].area / there.iloc[0].area - 1) < 0.02
    assert not found[1].contains(there.iloc[0].envelope.centroid)
    assert len(shapely.get_parts(found[2])) == 2
    assert 0 < found[3].area < 2 and found[3].distance(there.iloc[2]) < 1
