"""Places that a facility might be built on: corners of streets, cells of buildable land, less what is barred."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gridmap.access.frames import require_metres, spots
from gridmap.access.roads import levels, walkable
from gridmap.access.siting_problem import Ints
from layers.errors import WrongCall

__all__ = ["buildable_cells", "closer_than", "inside", "street_corners", "thinned"]


def street_corners(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Places where at least three walkable streets at ground level meet, from west to east.

    Parameters
    ----------
    roads
        Lines, metric CRS, with any of the columns that `access.roads.walkable` reads.

    Returns
    -------
    GeoDataFrame of points in the CRS of `roads`.

    Examples
    --------
    >>> lines = [shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(50, -9), (50, 50), (70, 50)])]
    >>> street_corners(gpd.GeoDataFrame(geometry=lines, crs="EPSG:4549")).geometry.to_wkt().tolist()
    ['POINT (50 0)']
    """
    require_metres(roads=roads)
    layer, off_ground = levels(roads)
    lines = roads.geometry[walkable(roads).to_numpy() & ~off_ground & (layer == 0)].to_numpy()
    lines = shapely.force_2d(lines[~(shapely.is_missing(lines) | shapely.is_empty(lines))])
    if not len(lines):
        return gpd.GeoDataFrame(geometry=[], crs=roads.crs)
    # noded on a grid of 0.1 m, so that lines that nearly meet do
    pieces = shapely.get_parts(shapely.node(shapely.set_precision(shapely.union_all(lines, grid_size=0.1), 0.1)))
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(pieces, at)) for at in (0, -1)])
    xy, arms = np.unique(np.round(ends, 3), axis=0, return_counts=True)
    return gpd.GeoDataFrame(geometry=shapely.points(xy[arms >= 3]), crs=roads.crs)


def buildable_cells(
    buildable: NDArray, *, west: float, north: float, cell_m: float, crs: object, every_m: float = 100.0
) -> gpd.GeoDataFrame:
    """Candidates on a raster of buildable land: in each square of `every_m` the middle one of its buildable cells.

    Parameters
    ----------
    buildable
        Rows from north to south, columns from west to east; true or above 0 where one may build. NaN is false.
    west, north
        Outer corner of the first cell, metres in `crs`.
    cell_m
        Side of a cell, metres.
    crs
        Metric CRS of the raster.
    every_m
        One candidate a square of this side.

    Raises
    ------
    WrongCall
        Where the raster has not two dimensions, or a side is no length.

    Examples
    --------
    >>> land = np.array([[0, 0, 0, 0], [0, 1, 1, 0]])
    >>> cells = buildable_cells(land, west=0, north=20, cell_m=10, crs="EPSG:4549", every_m=20)
    >>> cells.geometry.to_wkt().tolist()
    ['POINT (15 5)', 'POINT (25 5)']
    """
    land = np.asarray(buildable)
    if land.ndim != 2:
        raise WrongCall(f"a raster of buildable land has rows and columns, not {land.ndim} dimensions")
    for name, metres in (("cell_m", cell_m), ("every_m", every_m)):
        if not (isinstance(metres, int | float) and math.isfinite(metres) and metres > 0):
            raise WrongCall(f"{name} must be metres above 0, not {metres!r}; correct it")
    row, column = np.nonzero(np.nan_to_num(land.astype(np.float64)) > 0)
    x, y = west + (column + 0.5) * cell_m, north - (row + 0.5) * cell_m
    square = np.stack([np.floor((y - north) / every_m), np.floor((x - west) / every_m)], axis=1)
    # in each square the cell nearest to the middle of its buildable cells
    _, number = np.unique(square, axis=0, return_inverse=True)
    number = number.ravel()
    size = np.bincount(number)
    middle_x, middle_y = np.bincount(number, x) / size, np.bincount(number, y) / size
    away = np.hypot(x - middle_x[number], y - middle_y[number])
    order = np.lexsort((y, x, np.round(away, 6), number))
    first = order[np.unique(number[order], return_index=True)[1]]
    first = first[np.lexsort((y[first], x[first]))]
    return gpd.GeoDataFrame(geometry=shapely.points(x[first], y[first]), crs=crs)


def thinned(candidates: gpd.GeoDataFrame, *, apart_m: float, most: int) -> gpd.GeoDataFrame:
    """Candidates no nearer to each other than `apart_m`, and at most so many: the distance grows until they fit.

    The first in the order of rows stays.

    Examples
    --------
    >>> row = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 30, 90, 200], [0] * 4), crs="EPSG:4549")
    >>> thinned(row, apart_m=50, most=9).index.tolist(), thinned(row, apart_m=50, most=2).index.tolist()
    ([0, 2, 3], [0, 3])
    """
    xy = spots(candidates)
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    while True:
        kept = np.ones(len(known), dtype=bool)
        if apart_m > 0:
            near = cKDTree(xy[known]).query_pairs(apart_m * (1 - 1e-9), output_type="ndarray")
            near = np.sort(near, axis=1)
            # pair by pair in the order of rows: whether the later one goes hangs on whether the earlier one stayed
            for one, other in near[np.lexsort((near[:, 1], near[:, 0]))]:
                if kept[one]:
                    kept[other] = False
        if kept.sum() <= most:
            return candidates.iloc[known[kept]]
        apart_m = max(apart_m, 10.0) * 1.25


def inside(candidates: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, *, within_m: float = 0.0) -> NDArray[np.bool_]:
    """Which candidates lie in one of the areas, on its edge, or within some metres of it.

    Examples
    --------
    >>> row = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 30, 90], [0] * 3), crs="EPSG:4549")
    >>> school = gpd.GeoDataFrame(geometry=[shapely.box(-5, -5, 20, 5)], crs="EPSG:4549")
    >>> inside(row, school).tolist(), inside(row, school, within_m=10).tolist()
    ([True, False, False], [True, True, False])
    """
    require_metres(candidates=candidates, areas=areas)
    shapes = np.array(areas.geometry.array, dtype=object)
    shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    found = np.zeros(len(candidates), dtype=bool)
    where = np.array(candidates.geometry.array, dtype=object)
    hit = shapely.STRtree(where).query(shapes, predicate="dwithin", distance=within_m)[1]
    found[hit] = True
    return found


def closer_than(candidates: gpd.GeoDataFrame, spacing_m: float) -> Ints:
    """Pairs of candidates nearer to each other than the minimum spacing, in straight metres: `apart` of `solve_siting`.

    Examples
    --------
    >>> row = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 30, 90], [0] * 3), crs="EPSG:4549")
    >>> closer_than(row, 61).tolist()
    [[0, 1], [1, 2]]
    """
    if not (isinstance(spacing_m, int | float) and math.isfinite(spacing_m) and spacing_m >= 0):
        raise WrongCall(f"the minimum spacing must be metres, 0 or more, not {spacing_m!r}; correct it")
    if spacing_m == 0 or not len(candidates):
        return np.empty((0, 2), dtype=np.intp)
    pairs = cKDTree(np.nan_to_num(spots(candidates), nan=1e12)).query_pairs(
        spacing_m * (1 - 1e-9), output_type="ndarray"
    )
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.intp)
