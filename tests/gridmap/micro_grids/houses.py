"""Rows of houses and lines on plain ground, in metres."""

from __future__ import annotations

import geopandas as gpd
import shapely

CRS = "EPSG:4547"
WEST, SOUTH = 400_000.0, 3_300_000.0


def frame(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    """A frame of shapes drawn around the origin."""
    moved = [shapely.affinity.translate(shape, WEST, SOUTH) for shape in shapes]
    return gpd.GeoDataFrame(columns, geometry=moved, crs=CRS)


def houses(
    across: int, down: int, households: int, *, step: float = 30.0, x: float = 0.0, y: float = 0.0
) -> gpd.GeoDataFrame:
    """Houses of 20 by 12 m in rows, the south-west corner of their plots at (x, y)."""
    corners = [(x + i * step + 5, y + j * step + 5) for j in range(down) for i in range(across)]
    return frame([shapely.box(a, b, a + 20, b + 12) for a, b in corners], households=[households] * len(corners))
