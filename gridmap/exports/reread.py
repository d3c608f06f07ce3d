"""Every file is read back and compared before anyone gets it; what does not match is never handed over."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.exports.notices import Notices
from gridmap.exports.texts import changed
from layers.errors import DataBroken

__all__ = ["check_geometry", "check_numbers", "check_rows", "check_values"]

#: Numbers may differ by this share before they count as rounded: twelve digits.
RELATIVE = 1e-12
#: dBASE keeps 15 decimals; half a unit of the last, and what a double adds to it.
ABSOLUTE = 6e-16


def _broken(file: str, what: str) -> DataBroken:
    return DataBroken(f"{file} {what} when read back, so nothing was delivered; take geopackage and report this")


def check_rows(file: str, wanted: int, got: int) -> None:
    """Raise `DataBroken` where the file does not hold as many rows as were written.

    Examples
    --------
    >>> check_rows("roads.shp", 7, 7)
    """
    if wanted != got:
        raise _broken(file, f"has {got} rows instead of {wanted}")


def check_values(file: str, name: str, wanted: pd.Series, got: pd.Series) -> None:
    """Raise `DataBroken` where a text, a whole number, a truth value or an empty cell is not the one written.

    Examples
    --------
    >>> check_values("roads.shp", "name", pd.Series(["长安街"], dtype=object), pd.Series(["长安"], dtype=object))
    Traceback (most recent call last):
    layers.errors.DataBroken: roads.shp has 1 other values in name (first in row 1) when read back, so nothing was ...
    """
    before, after = (_objects(values) for values in (wanted, got))
    if before.tolist() == after.tolist():
        return
    differs = changed(before, after)
    if differs.any():
        raise _broken(file, f"has {differs.sum()} other values in {name} (first in row {differs.idxmax() + 1})")


def _objects(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), None).reset_index(drop=True)


def check_numbers(
    file: str, name: str, wanted: pd.Series, got: pd.Series, notices: Notices, *, field: str | None = None
) -> None:
    """Raise `DataBroken` where a number is another; a number that only lost decimals beyond the 15th is noted.

    Examples
    --------
    >>> notices = Notices("gaps")
    >>> check_numbers("gaps.shp", "share", pd.Series([1e-9 / 3]), pd.Series([0.000000000333333]), notices)
    >>> [(notice.rule, notice.rows) for notice in notices]
    [('number_rounded', 1)]
    """
    before = wanted.to_numpy(dtype="float64", na_value=np.nan)
    after = pd.to_numeric(got, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(invalid="ignore"):
        error = np.abs(before - after)
        exact = (before == after) | (np.isnan(before) & np.isnan(after))
        near = error <= RELATIVE * np.abs(before)
        rounded = ~exact & ~near & (error <= ABSOLUTE)
    bad = ~(exact | near | rounded)
    if bad.any():
        raise _broken(file, f"has {bad.sum()} other numbers in {name} (first in row {bad.argmax() + 1})")
    notices.add("number_rounded", rounded.sum(), field=field or name)


def check_geometry(
    file: str, wanted: gpd.GeoSeries, got: gpd.GeoSeries, notices: Notices, *, tolerance: float = 0.0
) -> None:
    """Raise `DataBroken` where a valid geometry is not the one that was written, within `tolerance` (CRS units).

    A polygon and a multipolygon of it count as equal, since most formats know but one of the two. Readers put the
    rings of an *invalid* polygon together anew; where that gives another shape it is noted.

    Examples
    --------
    >>> square = gpd.GeoSeries([shapely.box(0, 0, 1, 1)])
    >>> check_geometry("green.shp", square, gpd.GeoSeries([shapely.MultiPolygon([square[0]])]), Notices("green"))
    >>> check_geometry("green.shp", square, square.translate(1), Notices("green"))
    Traceback (most recent call last):
    layers.errors.DataBroken: green.shp has 1 other geometries (first in row 1) when read back, so nothing was ...
    """
    before, after = np.array(wanted.array, dtype=object), np.array(got.array, dtype=object)
    same = shapely.is_missing(before) & shapely.is_missing(after)
    same |= shapely.equals_exact(before, after, tolerance)
    left = np.flatnonzero(~same)
    # the few that come back with their parts wrapped or their rings begun elsewhere
    same[left] = [_alike(a, b, tolerance) for a, b in zip(before[left], after[left], strict=True)]
    bad = ~same
    excused = bad & ~shapely.is_missing(before) & ~shapely.is_missing(after) & ~shapely.is_valid(before)
    notices.add("invalid_geometry_changed", excused.sum())
    bad &= ~excused
    if bad.any():
        raise _broken(file, f"has {bad.sum()} other geometries (first in row {bad.argmax() + 1})")


def _alike(before: shapely.Geometry | None, after: shapely.Geometry | None, tolerance: float) -> bool:
    if before is None or after is None:
        return False
    if shapely.is_empty(before) or shapely.is_empty(after):
        return bool(shapely.is_empty(before) and shapely.is_empty(after))
    if shapely.get_dimensions(before) != shapely.get_dimensions(after) or before.has_z != after.has_z:
        return False
    a, b = (shapely.normalize(shapely.get_parts(shape)) for shape in (before, after))
    if len(a) == len(b) and shapely.equals_exact(a, b, tolerance).all():
        return True
    if not shapely.is_valid(before):
        return _same_linework(before, after)
    return tolerance > 0 and bool(shapely.hausdorff_distance(before, after) <= tolerance)


def _same_linework(before: shapely.Geometry, after: shapely.Geometry) -> bool:
    """Whether two invalid polygons are of the same vertices, length and area, though a ring may run the other way."""
    a, b = (np.unique(shapely.get_coordinates(shape), axis=0) for shape in (before, after))
    measures = [(shape.length, shape.area) for shape in (before, after)]
    return a.shape == b.shape and bool((a == b).all()) and np.allclose(measures[0], measures[1], rtol=1e-9)
