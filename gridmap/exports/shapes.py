"""Geometry made fit for a file: one dimension, one kind a shapefile, rings the way the format turns them."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.exports.notices import Notices
from layers.schema import Layer

__all__ = ["Part", "by_kind", "even", "kinds_of", "turned"]

#: Kinds of the schema -> shapely's type numbers.
_TYPES = {"point": (0, 4), "line": (1, 2, 5), "area": (3, 6)}
_COLLECTION = 7
#: Kinds -> the geometry type that GDAL opens a shapefile with, where no row can tell.
GDAL_TYPES = {"area": "Polygon", "line": "LineString", "point": "Point"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of a layer that go into one shapefile: their places in the frame, and their geometry."""

    kind: str
    rows: np.ndarray
    geometry: gpd.GeoSeries
    gdal_type: str


def even(geometry: gpd.GeoSeries, notices: Notices) -> gpd.GeoSeries:
    """The geometries all flat or all with a height; M values go; invalid ones are counted and kept.

    A file of points with and without heights comes back with heights of 0, made up by the writer without a word; so
    they are made up here, and counted.

    Examples
    --------
    >>> notices = Notices("facilities")
    >>> even(gpd.GeoSeries([shapely.Point(1, 2, 3), shapely.Point(1, 2)]), notices).to_wkt().tolist()
    ['POINT Z (1 2 3)', 'POINT Z (1 2 0)']
    >>> [(notice.rule, notice.rows) for notice in notices]
    [('height_filled', 1)]
    """
    shapes = np.array(geometry.array, dtype=object)
    # a closed ring on its own is a line to every format
    rings = shapely.get_type_id(shapes) == 2
    shapes[rings] = shapely.from_wkb(shapely.to_wkb(shapes[rings]))
    with_m = shapely.has_m(shapes)
    shapes[with_m] = shapely.force_2d(shapes[with_m])
    notices.add("measure_dropped", with_m.sum())
    # an empty geometry has no dimension to speak of
    there = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)
    with_z = shapely.has_z(shapes) & there
    flat = there & ~with_z
    if with_z.any() and flat.any():
        shapes[flat] = shapely.force_3d(shapes[flat], z=0.0)
        notices.add("height_filled", flat.sum())
    notices.add("invalid_geometry", (there & ~shapely.is_valid(shapes)).sum())
    return gpd.GeoSeries(shapes, index=geometry.index, crs=geometry.crs)


def turned(geometry: gpd.GeoSeries, *, exterior_cw: bool) -> gpd.GeoSeries:
    """Rings turned: outer ones clockwise for a shapefile, against the clock for GeoJSON (RFC 7946, 3.1.6).

    GDAL turns them too; turned beforehand, what is read back compares at once.

    Examples
    --------
    >>> turned(gpd.GeoSeries([shapely.box(0, 0, 1, 1)]), exterior_cw=True)[0].exterior.is_ccw
    False
    """
    shapes = shapely.orient_polygons(geometry.array, exterior_cw=exterior_cw)
    return gpd.GeoSeries(shapes, index=geometry.index, crs=geometry.crs)


def kinds_of(shapes: np.ndarray) -> np.ndarray:
    """Kind of each geometry: area, line, point, collection, or "" where there is none.

    Examples
    --------
    >>> kinds_of(np.array([shapely.Point(0, 0), None, shapely.box(0, 0, 1, 1)])).tolist()
    ['point', '', 'area']
    """
    numbers = shapely.get_type_id(shapes)
    found = np.full(len(shapes), "", dtype=object)
    for kind, members in _TYPES.items():
        found[np.isin(numbers, members)] = kind
    found[numbers == _COLLECTION] = "collection"
    return found


def by_kind(geometry: gpd.GeoSeries, layer: Layer, notices: Notices) -> list[Part]:
    """The rows sorted into one part a geometry kind, since a shapefile holds one kind only.

    Collections are taken apart, and their rows stand in each part they have a piece of. Rows without geometry go
    with the kind that most rows have. Single points among multipoints become multipoints.

    Examples
    --------
    >>> from layers.schema import layer
    >>> mixed = gpd.GeoSeries([shapely.box(0, 0, 1, 1), shapely.Point(0, 0), None, shapely.box(1, 0, 2, 1)])
    >>> [(part.kind, part.rows.tolist()) for part in by_kind(mixed, layer("green"), Notices("green"))]
    [('area', [0, 2, 3]), ('point', [1])]
    """
    shapes = np.array(geometry.array, dtype=object)
    rows, shapes = _taken_apart(np.arange(len(shapes)), shapes, notices)
    kinds = kinds_of(shapes)
    counts = pd.Series(kinds[kinds != ""], dtype=object).value_counts()
    main = str(counts.index[0]) if len(counts) else (layer.geometry or ("point",))[0]
    kinds[kinds == ""] = main
    parts = []
    for kind in GDAL_TYPES:
        mine = kinds == kind
        if mine.any() or (kind == main and not len(counts)):
            pieces, gdal_type = _one_type(shapes[mine], kind, notices)
            order = np.argsort(rows[mine], kind="stable")
            series = gpd.GeoSeries(pieces[order], crs=geometry.crs)
            parts.append(Part(kind=kind, rows=rows[mine][order], geometry=series, gdal_type=gdal_type))
    return parts


def _taken_apart(rows: np.ndarray, shapes: np.ndarray, notices: Notices) -> tuple[np.ndarray, np.ndarray]:
    """Each collection as one multi-geometry a kind, with the number of the row it came from."""
    collections = shapely.get_type_id(shapes) == _COLLECTION
    notices.add("collection_split", collections.sum())
    if not collections.any():
        return rows, shapes
    pieces, owners = shapely.get_parts(shapes[collections]), rows[collections]
    owners = np.repeat(owners, shapely.get_num_geometries(shapes[collections]))
    # collections within collections, and multi-geometries within them, down to single geometries
    while (shapely.get_type_id(pieces) >= 4).any():
        owners = np.repeat(owners, shapely.get_num_geometries(pieces))
        pieces = shapely.get_parts(pieces)
    there = ~shapely.is_empty(pieces)
    table = pd.DataFrame({"row": owners[there], "kind": kinds_of(pieces[there])})
    makers = {"area": shapely.multipolygons, "line": shapely.multilinestrings, "point": shapely.multipoints}
    found_rows, found = [rows[~collections]], [shapes[~collections]]
    for kind, group in table.groupby("kind", sort=False):
        mine = pieces[there][group.index.to_numpy()]
        # the numbers rise, as shapely wants them: the owners came in the order of the rows
        numbers, first, indices, counts = np.unique(
            group["row"].to_numpy(), return_index=True, return_inverse=True, return_counts=True
        )
        together = makers[str(kind)](mine, indices=indices)
        found_rows.append(numbers)
        found.append(np.where(counts == 1, mine[first], together))
    return np.concatenate(found_rows), np.concatenate(found)


def _one_type(shapes: np.ndarray, kind: str, notices: Notices) -> tuple[np.ndarray, str]:
    """Shapes that one shapefile takes, and GDAL's name of its type."""
    shapes = shapes.copy()
    numbers = shapely.get_type_id(shapes)
    gdal_type = GDAL_TYPES[kind]
    if kind == "point" and (numbers == 4).any():
        single = numbers == 0
        shapes[single] = shapely.multipoints(shapes[single], indices=np.arange(single.sum()))
        notices.add("points_as_multipoints", single.sum())
        gdal_type = "MultiPoint"
    if shapely.has_z(shapes).any():
        gdal_type += " Z"
    return shapes, gdal_type
