"""Tiles back to geometry, told from the specification of vector tiles and sharing no code with what writes them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import shapely

from gridmap.maps.tiles.archive import Archive
from gridmap.maps.tiles.mvt import Shape, shapes_of

HALF = 20037508.342789244


def integers(content: bytes) -> list[int]:
    values, value, shift = [], 0, 0
    for byte in content:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value, shift = 0, 0
    return values


def rings(shape: Shape) -> list[list[tuple[int, int]]]:
    """Paths of a feature in steps of its tile."""
    found: list[list[tuple[int, int]]] = []
    values = integers(shape.geometry)
    at, x, y = 0, 0, 0
    while at < len(values):
        command, count = values[at] & 7, values[at] >> 3
        at += 1
        for _ in range(count):
            if command == 7:
                found[-1].append(found[-1][0])
                continue
            x += (values[at] >> 1) ^ -(values[at] & 1)
            y += (values[at + 1] >> 1) ^ -(values[at + 1] & 1)
            at += 2
            if command == 1:
                found.append([])
            found[-1].append((x, y))
    return found


def area(ring: list[tuple[int, int]]) -> float:
    x, y = np.array(ring, dtype=float).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def geometry(shape: Shape, tile: tuple[int, int, int]) -> shapely.Geometry:
    """A feature in metres of EPSG:3857."""
    z, column, row = tile
    side = 2 * HALF / 2**z

    def world(path: list[tuple[int, int]]) -> list[tuple[float, float]]:
        return [(column * side - HALF + x / 4096 * side, HALF - row * side - y / 4096 * side) for x, y in path]

    paths = rings(shape)
    if shape.kind == 1:
        return shapely.MultiPoint([world(path)[0] for path in paths])
    if shape.kind == 2:
        return shapely.MultiLineString([world(path) for path in paths])
    whole = shapely.Polygon()
    for path in paths:
        part = shapely.make_valid(shapely.Polygon(world(path)))
        # an outer ring is positive in the tile's own system, whose y points down
        whole = whole.union(part) if area(path) > 0 else whole.difference(part)
    return whole


def tile_square(tile: tuple[int, int, int]) -> shapely.Geometry:
    z, x, y = tile
    side = 2 * HALF / 2**z
    return shapely.box(x * side - HALF, HALF - (y + 1) * side, (x + 1) * side - HALF, HALF - y * side)


def whole_zoom(path: Path, name: str, zoom: int) -> dict[int, shapely.Geometry]:
    """Every feature of a zoom, put together from its tiles, each tile giving only what is within its own square."""
    parts: dict[int, list[shapely.Geometry]] = {}
    with Archive(path) as archive:
        for tile in archive:
            if tile[0] == zoom:
                square = tile_square(tile)
                for shape in shapes_of(gzip.decompress(archive.get(*tile) or b""), name):
                    parts.setdefault(shape.id, []).append(geometry(shape, tile).intersection(square))
    return {number: shapely.union_all(found) for number, found in parts.items()}
