"""The four grids that the community has today: quarters between its two main streets, larger than the norm."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from layers.sample.filling import Ground
from layers.sample.names import COMMUNITY

__all__ = ["BETWEEN", "grids"]

#: The streets between the grids.
BETWEEN = ("望溪街", "石榴路")
_NAMES = ("西北网格", "东北网格", "西南网格", "东南网格")


def grids(ground: Ground, homes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """
    Grids with code, name, parent, kind and households, numbered from west to east and north to south.

    Parameters
    ----------
    ground
        The town's ground, with its streets.
    homes
        Buildings with households, same plane.
    """
    outline = ground.bones.outline
    streets = [road.line for road in ground.roads if road.name in BETWEEN]
    noded = shapely.union_all([outline.boundary, *streets], grid_size=0.001)
    pieces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    pieces = pieces[(shapely.area(pieces) > 1000.0) & shapely.intersects(outline, shapely.point_on_surface(pieces))]
    middle = shapely.get_coordinates(shapely.centroid(pieces))
    north = middle[:, 1] > np.median(middle[:, 1])
    pieces = pieces[np.lexsort((middle[:, 0], ~north))]
    codes = [f"{COMMUNITY[0]}{number:03d}" for number in range(1, len(pieces) + 1)]
    inside = [homes["households"][homes.geometry.centroid.within(piece)].sum() for piece in pieces]
    return gpd.GeoDataFrame(
        {
            "code": codes, "name": list(_NAMES[: len(pieces)]), "parent": COMMUNITY[0], "kind": "base",
            "households": [int(count) for count in inside],
        },
        geometry=pieces, crs=homes.crs,
    )
