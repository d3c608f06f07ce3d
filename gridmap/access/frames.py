"""What every step of this room asks of the frames it is given."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.errors import CrsMismatch, WrongCall

__all__ = ["require_metres", "spots", "whole_numbers"]


def require_metres(**frames: gpd.GeoDataFrame | None) -> None:
    """Refuse frames that are not in one common CRS in metres; None stands for a frame that was not given.

    Raises
    ------
    WrongCall
        Where one is no GeoDataFrame.
    CrsMismatch
        Where one has no CRS, is not in metres, or is in another CRS than the first.

    Examples
    --------
    >>> require_metres(doors=gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs="EPSG:4549"), roads=None)
    """
    given = {name: frame for name, frame in frames.items() if frame is not None}
    for name, frame in given.items():
        if not isinstance(frame, gpd.GeoDataFrame):
            raise WrongCall(f"{name} must be a GeoDataFrame, not {type(frame).__name__}; read it with read_layer()")
        if frame.crs is None:
            raise CrsMismatch(f"{name} have no CRS; name the one they are in with set_crs()")
        if frame.crs.is_geographic or any(axis.unit_conversion_factor != 1 for axis in frame.crs.axis_info[:2]):
            raise CrsMismatch(f"{name} are in {frame.crs.name}, not in metres; bring them over with to_crs()")
    first, *others = given
    for name in others:
        if given[name].crs != given[first].crs:
            raise CrsMismatch(
                f"{first} are in {given[first].crs.name}, {name} in {given[name].crs.name}; "
                "bring one over with to_crs()"
            )


def spots(frame: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """One place a row, as an array of (rows, 2): points as they are, areas and lines at a representative point.

    Rows without a place (no geometry, an empty one, or coordinates that are no numbers) give NaN.

    Examples
    --------
    >>> spots(gpd.GeoDataFrame(geometry=[shapely.Point(1, 2), shapely.box(0, 0, 4, 2), None])).tolist()
    [[1.0, 2.0], [2.0, 1.0], [nan, nan]]
    """
    shapes = np.array(frame.geometry.array, dtype=object)
    spread = ~shapely.is_missing(shapes) & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    shapes[spread] = shapely.point_on_surface(shapes[spread])
    # GEOS refuses to say where an empty point lies
    shapes[shapely.is_empty(shapes)] = None
    xy = np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])
    xy[~np.isfinite(xy).all(axis=1)] = np.nan
    return xy


def whole_numbers(frame: pd.DataFrame, column: str, name: str) -> NDArray[np.float64]:
    """A column of counts as floats, 0 where a row has none.

    Raises
    ------
    WrongCall
        Where the column is missing, holds what is no number, or holds a negative one.

    Examples
    --------
    >>> whole_numbers(pd.DataFrame({"households": pd.array([3, None], dtype="Int64")}), "households", "buildings")
    array([3., 0.])
    """
    if column not in frame:
        raise WrongCall(f"{name} have no column {column!r}; add it, 0 where there is none")
    try:
        counts = pd.to_numeric(frame[column]).to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError):
        raise WrongCall(f"column {column!r} of {name} holds what is no number; read it with read_layer()") from None
    counts = np.nan_to_num(counts, nan=0.0, posinf=np.inf)
    if (counts < 0).any() or not np.isfinite(counts).all():
        raise WrongCall(f"column {column!r} of {name} holds a count below 0 or without end; correct it")
    return counts
