"""Which micro-grids have homes on both sides of a barrier, told from a store alone.

What counts as a hard barrier is said again here, apart from the split's own table, so that a slip there is seen.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

__all__ = ["hard_lines", "parted"]

#: Kinds of barriers and water that people do not cross (OpenStreetMap's words and gridmap's).
_HARD = {
    "rail", "light_rail", "narrow_gauge", "river", "canal", "motorway", "city_wall", "community_wall", "estate_wall",
}  # fmt: skip
_HARD_ROADS = {"motorway", "motorway_link"}
#: Water wider than this is a barrier, m2.
_WIDE_M2 = 2000.0
#: A line that runs this near to the edge of a micro-grid is its edge, metres.
_EDGE_M = 0.5
#: A hard line inside a micro-grid shorter than this parts nobody, metres.
_SHORT_M = 3.0
_NO = ("", "no", "false", "0", "none", "nan", "<na>")


def _is(frame: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    """True where a yes/no column says anything but no."""
    if column not in frame:
        return np.zeros(len(frame), dtype=bool)
    return ~frame[column].astype("string").fillna("").str.strip().str.lower().isin(_NO).to_numpy(dtype=bool)


def hard_lines(store: Any) -> NDArray[np.object_]:
    """Lines of a store that people do not cross: what lies on the ground, neither in a tunnel nor on a bridge.

    Parameters
    ----------
    store
        Whatever reads `roads`, `barriers` and `water`.
    """
    found: list[NDArray[np.object_]] = []
    for layer in ("roads", "barriers", "water"):
        frame = store.read(layer)
        if not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
            continue
        kind = pd.Series("", index=frame.index, dtype="object")
        for column in ("class",) if layer == "roads" else ("kind", "barrier", "railway", "waterway"):
            if column in frame:
                kind = kind.where(kind != "", frame[column].astype("object").fillna(""))
        hard = kind.isin(_HARD_ROADS if layer == "roads" else _HARD).to_numpy(dtype=bool, copy=True)
        shapes = np.asarray(frame.geometry.array, dtype=object)
        if layer == "water":
            hard |= shapely.area(shapes) > _WIDE_M2
        level = pd.to_numeric(frame["layer"], errors="coerce").astype("Float64") if "layer" in frame else None
        ground = np.ones(len(frame), dtype=bool)
        if level is not None:
            ground = level.fillna(0).eq(0).to_numpy(dtype=bool, copy=True)
        if layer == "water":
            ground[:] = True if level is None else level.fillna(0).ge(0).to_numpy(dtype=bool)
        ground &= ~_is(frame, "tunnel") & ~_is(frame, "covered")
        if layer != "water":
            ground &= ~_is(frame, "bridge")
        shapes = shapes[hard & ground & ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)]
        found.append(np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes))
    return np.concatenate(found) if found else np.empty(0, dtype=object)


def parted(
    areas: NDArray[np.object_], hard: NDArray[np.object_], homes: gpd.GeoDataFrame, codes: NDArray[np.object_]
) -> NDArray[np.bool_]:
    """
    True for areas in which people live on both sides of a hard line.

    Parameters
    ----------
    areas
        Micro-grids, each drawn area once.
    hard
        From `hard_lines`.
    homes
        Inhabited buildings with `micro_grid`; each counts where the middle of it lies.
    codes
        Code of each area.

    Examples
    --------
    >>> area = shapely.box([0, 20], 0, [20, 40], 10)
    >>> rail = np.array([shapely.LineString([(10, -5), (10, 15)])])
    >>> homes = gpd.GeoDataFrame({"micro_grid": ["a", "a", "b"]}, geometry=list(shapely.points([5, 15, 30], 5)))
    >>> parted(area, rail, homes, np.array(["a", "b"], dtype=object)).tolist()
    [True, False]
    """
    crossed = np.zeros(len(areas), dtype=bool)
    if not len(hard) or not len(areas):
        return crossed
    inner = shapely.buffer(areas, -_EDGE_M)
    line, area = shapely.STRtree(inner).query(hard, predicate="intersects")
    length = shapely.length(shapely.intersection(hard[line], inner[area]))
    suspects = np.flatnonzero(np.bincount(area, weights=length, minlength=len(areas)) > _SHORT_M)
    by_code = homes.groupby("micro_grid").indices
    spots = shapely.point_on_surface(np.asarray(homes.geometry.array, dtype=object))
    for number in suspects:  # few
        mine = spots[by_code.get(codes[number], np.empty(0, dtype=np.int64))]
        if len(mine) < 2:
            continue
        cut = shapely.union_all(np.append(hard[line[area == number]], shapely.boundary(areas[number])))
        faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(cut)))
        side = shapely.STRtree(faces).query(mine, predicate="within")[1]
        crossed[number] = len(np.unique(side)) > 1
    return crossed
