"""A layer to tiles: cut by GDAL, thinned out for small scales with neighbours still meeting, every row found again."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from gridmap.maps.tiles.archive import Archive, Tile
from gridmap.maps.tiles.mvt import EXTENT, Shape, pack, shapes_of
from gridmap.maps.tiles.plan import GREAT_ROADS, MAIN_ROADS, TileLayer
from layers.errors import CrsMismatch, DataBroken

__all__ = ["BUFFER", "check_found", "cut", "first_zoom", "packed", "tile_box", "tiles_meeting"]

#: How far beyond its border a tile shows its features, in steps of `EXTENT`.
BUFFER = 64
#: Deeper than this nothing is simplified: a step of the tile is finer than what one sees.
_EXACT_FROM = 14
#: How far a line may move when it is simplified, and how small an area may get, in pixels.
_SLACK_PIXELS, _LEAST_PIXELS = 0.25, 2.0
_ROADS_ALL_FROM, _ROADS_MAIN_FROM = 13, 11

#: Half the width of the world in EPSG:3857, metres.
_HALF = 20_037_508.342789244
#: GDAL throws features away, or makes them coarser, where a tile gets larger; so no tile is too large.
_NO_LIMIT = 2_000_000_000


def cut(frame: gpd.GeoDataFrame, item: TileLayer) -> dict[Tile, list[Shape]]:
    """Shapes of a layer by tile.

    Parameters
    ----------
    frame
        The rows, in any CRS; the first has the number 1. Rows without geometry are left out.
    item
        How the layer becomes tiles.

    Returns
    -------
    Tile -> its shapes, from the first zoom at which no tile is fuller than `item.most` to the deepest.

    Raises
    ------
    CrsMismatch
        Where the frame has no CRS.
    DataBroken
        Where a row is not found again at the deepest zoom.

    Notes
    -----
    Areas of a level are simplified together as a coverage (`shapely.coverage_simplify`), so that what bounds two of
    them bounds them still. Where they overlap to begin with, they are left as they are.

    Examples
    --------
    >>> from shapely.geometry import box
    >>> from gridmap.maps.tiles.plan import tile_layer
    >>> grids = gpd.GeoDataFrame(geometry=[box(113.60, 29.30, 113.61, 29.31)], crs=4326)
    >>> sorted({zoom for zoom, _, _ in cut(grids, tile_layer("grids"))})
    [10, 11, 12, 13, 14, 15]
    """
    if frame.crs is None:
        raise CrsMismatch(f"{item.name} has no CRS; set the one its coordinates are in with set_crs()")
    drawn = _drawn(frame, item)
    tiles: dict[Tile, list[Shape]] = {}
    if drawn.empty:
        return tiles
    first = first_zoom(drawn, item)
    for zooms, rows in _bands(drawn, item, first):
        for tile, shapes in _by_gdal(rows, item.name, zooms):
            tiles[tile] = shapes
    _add_specks(tiles, drawn, item)
    check_found(tiles, drawn["id"], item)
    return tiles


def check_found(tiles: dict[Tile, list[Shape]], numbers: Iterable[int], item: TileLayer) -> None:
    """Look for every row in the tiles of the deepest zoom.

    Raises
    ------
    DataBroken
        Names rows that no tile shows, or shapes that belong to no row.
    """
    found = {shape.id for tile, shapes in tiles.items() if tile[0] == item.maxzoom for shape in shapes}
    wanted = {int(number) for number in numbers}
    if found != wanted:
        odd = sorted(found ^ wanted)
        raise DataBroken(
            f"{len(odd)} of {len(wanted)} rows of {item.name} are not as they should be in the tiles of zoom "
            f"{item.maxzoom}, the first is row {odd[0]}; report this with the layer, the old tiles stay"
        )


def tile_box(tile: Tile) -> tuple[float, float, float, float]:
    """West, south, east and north of a tile, in metres of EPSG:3857.

    Examples
    --------
    >>> tile_box((1, 0, 0))
    (-20037508.342789244, 0.0, 0.0, 20037508.342789244)
    """
    z, x, y = tile
    side = 2 * _HALF / 2**z
    west, north = x * side - _HALF, _HALF - y * side
    return west, north - side, west + side, north


def tiles_meeting(bounds: tuple[float, float, float, float], zoom: int) -> list[Tile]:
    """Tiles of a zoom that meet a box in metres of EPSG:3857.

    Examples
    --------
    >>> tiles_meeting((-1.0, 1.0, 1.0, 2.0), 1)
    [(1, 0, 0), (1, 1, 0)]
    """
    side, last = 2 * _HALF / 2**zoom, 2**zoom - 1
    columns = [min(max(int((value + _HALF) // side), 0), last) for value in (bounds[0], bounds[2])]
    rows = [min(max(int((_HALF - value) // side), 0), last) for value in (bounds[3], bounds[1])]
    return [(zoom, x, y) for x in range(columns[0], columns[1] + 1) for y in range(rows[0], rows[1] + 1)]


def _drawn(frame: gpd.GeoDataFrame, item: TileLayer) -> gpd.GeoDataFrame:
    """Numbered rows that have a place, in EPSG:3857, with the column that thins them out."""
    geometry = np.asarray(frame.geometry.array)
    there = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    rows = gpd.GeoDataFrame(
        {"id": np.arange(1, len(frame) + 1, dtype="int32")[there],
         "style": frame[item.style].to_numpy(dtype=object)[there] if item.style in frame else None},
        geometry=geometry[there], crs=frame.crs,
    )
    rows = rows.to_crs(3857)
    if item.geometry == "point":
        # a clinic drawn as an area is still one sign on the map
        rows.geometry = np.where(shapely.get_type_id(rows.geometry) == 0, rows.geometry, rows.representative_point())
    return rows


def first_zoom(rows: gpd.GeoDataFrame, item: TileLayer) -> int:
    """The smallest zoom at which no tile gets more than `item.most` features, by their middles."""
    bounds = rows.bounds.to_numpy()
    middles = (bounds[:, :2] + bounds[:, 2:]) / 2
    for zoom in range(item.minzoom, item.maxzoom):
        shown = middles[_shown_at(rows, item, zoom, 0.0)]
        cells = np.floor(shown / (2 * _HALF / 2**zoom)).astype("int64")
        if not len(cells) or np.unique(cells, axis=0, return_counts=True)[1].max() <= item.most:
            return zoom
    return item.maxzoom


def _shown_at(rows: gpd.GeoDataFrame, item: TileLayer, zoom: int, least_m2: float) -> np.ndarray:
    """Which rows a zoom shows: of roads the large ones first, of water and green what is large enough to be seen."""
    if item.name == "roads" and zoom < _ROADS_ALL_FROM:
        return rows["style"].isin(MAIN_ROADS if zoom >= _ROADS_MAIN_FROM else GREAT_ROADS).to_numpy()
    if item.group == "base" and item.geometry == "polygon" and zoom < _EXACT_FROM - 1:
        # areas in square metres of the projection: so is the least
        size = np.maximum(rows.area.to_numpy(), rows.length.to_numpy() ** 2 / 64)
        return size >= least_m2
    return np.ones(len(rows), dtype=bool)


def _bands(
    rows: gpd.GeoDataFrame, item: TileLayer, first: int
) -> Iterator[tuple[tuple[int, int], gpd.GeoDataFrame]]:
    """Zooms, from and to, and the rows as they are shown there."""
    for exact, group in groupby(range(first, item.maxzoom + 1), key=lambda zoom: zoom >= _EXACT_FROM):
        zooms = list(group)
        if exact or item.geometry == "point":
            yield (zooms[0], zooms[-1]), rows
            continue
        for zoom in zooms:
            pixel = 2 * _HALF / 2**zoom / 256  # metres of the projection
            shown = rows[_shown_at(rows, item, zoom, _LEAST_PIXELS * pixel**2)]
            if len(shown):
                yield (zoom, zoom), _simplified(shown, item, _SLACK_PIXELS * pixel)


def _simplified(rows: gpd.GeoDataFrame, item: TileLayer, slack: float) -> gpd.GeoDataFrame:
    geometry = np.asarray(rows.geometry.array)
    if item.group != "units":
        return rows.set_geometry(shapely.simplify(geometry, slack))
    # micro-grids of one tower share one footprint, which would overlap itself
    keys, index = np.unique(shapely.to_wkb(geometry), return_inverse=True)
    single = shapely.from_wkb(keys)
    if not shapely.coverage_is_valid(single):
        return rows
    return rows.set_geometry(shapely.coverage_simplify(single, slack)[index])


def _by_gdal(rows: gpd.GeoDataFrame, name: str, zooms: tuple[int, int]) -> Iterator[tuple[Tile, list[Shape]]]:
    with tempfile.TemporaryDirectory(prefix="gridmap-tiles-") as folder:
        path = Path(folder, "layer.pmtiles")
        pyogrio.write_dataframe(
            rows[["id", "geometry"]], path, driver="PMTiles", layer=name, geometry_type="Unknown",
            MINZOOM=zooms[0], MAXZOOM=zooms[1], MAX_SIZE=_NO_LIMIT, MAX_FEATURES=_NO_LIMIT, BUFFER=BUFFER,
            EXTENT=EXTENT,
        )
        with Archive(path) as archive:
            for tile in archive:
                yield tile, shapes_of(gzip.decompress(archive.get(*tile) or b""), name)


def _add_specks(tiles: dict[Tile, list[Shape]], rows: gpd.GeoDataFrame, item: TileLayer) -> None:
    """Add what GDAL leaves out because it is smaller than a step of the deepest tile: one step large."""
    found = {shape.id for tile, shapes in tiles.items() if tile[0] == item.maxzoom for shape in shapes}
    lost = rows[~rows["id"].isin(found)]
    for number, geometry in zip(lost["id"], lost.geometry, strict=True):
        place = geometry.representative_point()
        (tile,) = tiles_meeting((place.x, place.y, place.x, place.y), item.maxzoom)[:1]
        west, _, east, north = tile_box(tile)
        step = (east - west) / EXTENT
        at = [min(int(value // step), EXTENT - 1) for value in (place.x - west, north - place.y)]
        kind = {0: 1, 4: 1, 1: 2, 2: 2, 5: 2}.get(shapely.get_type_id(geometry), 3)
        tiles.setdefault(tile, []).append(Shape(int(number), kind, _speck(kind, *at)))


def _speck(kind: int, x: int, y: int) -> bytes:
    """Packed geometry one step large: commands and zigzag steps, as in the specification of vector tiles."""
    move = [9, 2 * x, 2 * y]
    steps = {1: move, 2: [*move, 10, 2, 2], 3: [*move, 26, 2, 0, 0, 2, 1, 0, 15]}[kind]
    content = bytearray()
    for value in steps:
        while value > 0x7F:
            content.append(value & 0x7F | 0x80)
            value >>= 7
        content.append(value)
    return bytes(content)


def packed(name: str, tiles: dict[Tile, list[Shape]]) -> Iterator[tuple[Tile, bytes]]:
    """Tiles as bytes, not compressed."""
    return ((tile, pack(name, shapes)) for tile, shapes in tiles.items())
