"""Areas cut into vector tiles one at a time, as they are asked for: what is looked at once needs no tiles in store."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from gridmap.maps.tiles.cut import BUFFER, tile_box
from gridmap.maps.tiles.mvt import EXTENT, Shape, pack

__all__ = ["AreaTiles"]

_POLYGON = 3
_MOVE, _CLOSE = 9, 15


class AreaTiles:
    """Tiles of one layer of areas, made when they are asked for.

    Parameters
    ----------
    name
        Of the layer, as it stands in the tiles.
    areas
        In any CRS; the first has the number 1. Rows without a place are left out.

    Examples
    --------
    >>> square = gpd.GeoSeries([shapely.box(114.0, 30.0, 114.1, 30.1)], crs=4326)
    >>> tiles = AreaTiles("grids", square)
    >>> from gridmap.maps.tiles.mvt import shapes_of
    >>> [shape.id for shape in shapes_of(tiles.tile(8, 209, 105), "grids")], tiles.tile(8, 0, 0)
    ([1], b'')
    """

    def __init__(self, name: str, areas: gpd.GeoSeries) -> None:
        self.name = name
        placed = areas.to_crs(3857)
        self._areas = np.asarray(placed.array)
        self._tree = shapely.STRtree(self._areas)
        self.boxes = areas.to_crs(4326).bounds.to_numpy(dtype="float64")

    def tile(self, z: int, x: int, y: int) -> bytes:
        """One tile, not compressed; b"" where nothing is in it."""
        west, south, east, north = tile_box((z, x, y))
        step = (east - west) / EXTENT
        beyond = BUFFER * step
        box = (west - beyond, south - beyond, east + beyond, north + beyond)
        met = np.sort(self._tree.query(shapely.box(*box)))
        # outer rings run with the clock, as the specification of vector tiles wants them; holes against it
        clipped = shapely.orient_polygons(shapely.clip_by_rect(self._areas[met], *box), exterior_cw=True)
        shapes = []
        for number, area in zip((met + 1).tolist(), clipped, strict=True):
            packed = _geometry(area, west, north, step)
            if packed:
                shapes.append(Shape(number, _POLYGON, packed))
        return pack(self.name, shapes)


def _geometry(area: shapely.Geometry, west: float, north: float, step: float) -> bytes:
    """Commands and steps of an area; where it is smaller than a step, a triangle one step large."""
    content = bytearray()
    at = np.zeros(2, dtype="int64")
    polygons = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon" and not part.is_empty]
    rings = [ring for part in polygons for ring in (part.exterior, *part.interiors)]
    for place, ring in enumerate(rings):
        places = np.rint((shapely.get_coordinates(ring)[:-1] - (west, north)) / (step, -step)).astype("int64")
        moved = np.ones(len(places), dtype=bool)
        moved[1:] = (np.diff(places, axis=0) != 0).any(axis=1)
        places = places[moved]
        if len(places) > 1 and (places[0] == places[-1]).all():
            places = places[:-1]
        if len(places) < 3:
            if place:
                continue
            places = places[0] + np.array([[0, 0], [1, 0], [0, 1]])
        steps = np.diff(places, axis=0, prepend=at[None, :])
        coded = ((steps << 1) ^ (steps >> 63)).ravel().tolist()
        _write(content, [_MOVE, *coded[:2], (len(places) - 1) << 3 | 2, *coded[2:], _CLOSE])
        at = places[-1]
    return bytes(content)


def _write(content: bytearray, values: list[int]) -> None:
    for number in values:
        value = number
        while value > 0x7F:
            content.append(value & 0x7F | 0x80)
            value >>= 7
        content.append(value)
