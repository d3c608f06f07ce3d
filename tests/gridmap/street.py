"""A town of one street that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import shapely

from gridmap.stores import create_store

CRS = "EPSG:4549"
GRID = "330483001001001"


def long_street(path: Path) -> str:
    """One street of 1,000 m with corners every 200 m, a home beside each corner, a canteen at the west end.

    ::

        corner    0     1     2     3     4     5
        homes    10    20    30    40    50    60     (one micro-grid for three homes)
        canteen   x
    """
    url = str(path)
    x = [0, 200, 400, 600, 800, 1000]
    lanes = [shapely.LineString([(at, -20), (at, 20)]) for at in x]
    roads = gpd.GeoDataFrame(
        {"code": [f"r{at}" for at in range(7)], "class": "residential"},
        geometry=[shapely.LineString([(at, 0) for at in (-20, *x, 1020)]), *lanes], crs=CRS,
    )
    codes = [f"{GRID}001", f"{GRID}002"]
    homes = gpd.GeoDataFrame(
        {"code": [f"b{at}" for at in range(6)], "households": [10, 20, 30, 40, 50, 60], "aged_80": [9, 0, 0, 0, 0, 1],
         "micro_grid": [codes[0]] * 3 + [codes[1]] * 3},
        geometry=[shapely.Point(at, 10) for at in x], crs=CRS,
    )
    squares = gpd.GeoDataFrame(
        {"code": codes, "parent": GRID, "households": [60, 150]},
        geometry=[shapely.box(-50, -50, 500, 50), shapely.box(500, -50, 1050, 50)], crs=CRS,
    )
    canteen = gpd.GeoDataFrame(
        {"code": ["f1"], "name": ["老食堂"], "kind": ["canteen"], "micro_grid": codes[:1]},
        geometry=[shapely.Point(0, 0)], crs=CRS,
    )
    with create_store(url, crs=CRS, name="长街") as store:
        store.write_all([
            ("roads", roads), ("buildings", homes), ("micro_grids", squares), ("facilities", canteen),
        ])  # fmt: skip
    return url
