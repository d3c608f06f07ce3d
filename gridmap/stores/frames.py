"""A frame made ready for a table, and the rows of a table as a frame: the half of a store that needs no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gridmap.stores.models import Kept, safe_names
from gridmap.stores.values import as_text, from_values, kind_of, to_values
from layers.errors import CrsMismatch, WrongCall
from layers.schema import Layer

__all__ = ["Ready", "epsg_number", "make_ready", "metric", "no_rows", "same_crs", "schema_columns", "to_frame"]


@dataclass(frozen=True)
class Ready:
    """A layer ready to be written: its columns, their values column by column, its geometries."""

    layer: Layer
    kept: tuple[Kept, ...]
    values: tuple[list[Any], ...]
    geometry: np.ndarray | None
    count: int

    @property
    def declared(self) -> str:
        """The geometry type as a GeoPackage names it: the one that all rows have, else GEOMETRY."""
        if self.geometry is None:
            return ""
        types = np.unique(shapely.get_type_id(self.geometry))
        types = types[types >= 0]
        return _TYPE_NAMES.get(int(types[0]), "GEOMETRY") if len(types) == 1 else "GEOMETRY"


_TYPE_NAMES = {
    0: "POINT", 1: "LINESTRING", 3: "POLYGON", 4: "MULTIPOINT", 5: "MULTILINESTRING", 6: "MULTIPOLYGON",
    7: "GEOMETRYCOLLECTION",
}


def metric(crs: Any) -> pyproj.CRS:
    """
    The CRS, where a city can be kept in it.

    Raises
    ------
    CrsMismatch
        It does not exist, or does not measure in metres.

    Examples
    --------
    >>> metric("EPSG:4549").name
    'CGCS2000 / 3-degree Gauss-Kruger CM 120E'
    """
    try:
        known = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise CrsMismatch(f"{str(crs)[:80]!r} is no coordinate system; name one such as EPSG:4549") from error
    if not known.is_projected or any(axis.unit_name != "metre" for axis in known.axis_info[:2]):
        raise CrsMismatch(
            f"a city is kept in metres, and {known.name} does not measure in them; bring it to a metric CRS first"
        )
    try:
        known.to_wkt("WKT1_GDAL")
    except pyproj.exceptions.CRSError as error:
        raise CrsMismatch(f"{known.name} cannot be written the way that stores need; choose an EPSG system") from error
    return known


@lru_cache(maxsize=64)
def epsg_number(crs: pyproj.CRS) -> int | None:
    """
    The number of a CRS in the EPSG register, where it is exactly one of its; None for a city's own.

    Examples
    --------
    >>> epsg_number(metric("EPSG:4549"))
    4549
    """
    authority = crs.to_authority(min_confidence=100)
    return int(authority[1]) if authority is not None and authority[0] == "EPSG" else None


def same_crs(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Whether two CRS mean the same coordinates, however their axes are written down."""
    return one == other or one.equals(other, ignore_axis_order=True)


@lru_cache(maxsize=64)
def schema_columns(layer: Layer) -> tuple[Kept, ...]:
    """
    The columns that a layer has by the schema.

    Examples
    --------
    >>> from layers.schema import layer
    >>> schema_columns(layer("gaps"))[0]
    Kept(name='kind', column='kind', kind='text')
    """
    names = [column.name for column in layer]
    columns = safe_names(names, taken=())
    return tuple(Kept(column.name, columns[column.name], column.type) for column in layer)


def make_ready(layer: Layer, frame: pd.DataFrame, crs: pyproj.CRS) -> Ready:
    """
    Take a frame apart into plain columns; the frame itself stays as it is.

    Columns of the schema that the frame lacks are kept empty; further columns are kept after them.

    Raises
    ------
    CrsMismatch
        The frame is in another CRS than the store.
    WrongCall
        Not a frame of this layer: no geometry where it needs one (or the other way), a name twice, values of
        another type than the schema says.
    """
    geometry = _geometry(layer, frame, crs)
    data = frame if geometry is None else frame.drop(columns=frame.geometry.name)
    data = pd.DataFrame(data).rename(columns=str)
    twice = data.columns[data.columns.duplicated()].tolist()
    if twice:
        raise WrongCall(f"{layer.name} has the column {twice[0]!r} twice; rename one of them")
    kept: list[Kept] = []
    values: list[list[Any]] = []
    for item in schema_columns(layer):
        if item.name in data:
            series = data[item.name]
            kind = kind_of(series, layer.column(item.name))
            values.append(to_values(series, kind, f"column {item.name} of {layer.name}"))
            kept.append(Kept(item.name, item.column, kind))
        else:
            values.append([None] * len(data))
            kept.append(item)
    extras = [name for name in data.columns if layer.column(name) is None]
    columns = safe_names(extras, taken=[item.column for item in kept])
    for name in extras:
        series = data[name]
        if isinstance(series.dtype, gpd.array.GeometryDtype):
            raise WrongCall(f"{layer.name} has a second geometry, {name!r}; leave it out before writing")
        kind = kind_of(series)
        series = as_text(series) if kind == "text" else series
        values.append(to_values(series, kind, f"column {name} of {layer.name}"))
        kept.append(Kept(name, columns[name], kind))
    return Ready(layer, tuple(kept), tuple(values), geometry, len(data))


def no_rows(layer: Layer) -> Ready:
    """
    A layer without rows, with the columns of the schema.

    Examples
    --------
    >>> from layers.schema import layer
    >>> no_rows(layer("roads")).declared
    'GEOMETRY'
    """
    kept = schema_columns(layer)
    geometry = np.array([], dtype=object) if layer.geometry else None
    return Ready(layer, kept, tuple([] for _ in kept), geometry, 0)


def to_frame(
    layer: Layer, kept: Sequence[Kept], rows: Sequence[Sequence[Any]], geometry: np.ndarray | None, crs: pyproj.CRS
) -> gpd.GeoDataFrame | pd.DataFrame:
    """
    Rows of a table, their values in the order of `kept`, as a frame with a plain index.

    Columns of the schema come first, also those that the store was made without, then the others, then geometry.
    """
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(kept)
    found = {item.name: (item, values) for item, values in zip(kept, columns, strict=False)}
    missing = {item.name: (item, [None] * len(rows)) for item in schema_columns(layer)}
    data = pd.DataFrame(
        {
            name: from_values(values, item.kind, f"column {name} of {layer.name}")
            for name, (item, values) in (missing | found).items()
        },
        index=pd.RangeIndex(len(rows)),
    )
    if geometry is None:
        return data
    return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(geometry, index=data.index, crs=crs))


def _geometry(layer: Layer, frame: pd.DataFrame, crs: pyproj.CRS) -> np.ndarray | None:
    has = isinstance(frame, gpd.GeoDataFrame) and frame._geometry_column_name in frame.columns
    if not layer.geometry:
        if has:
            raise WrongCall(f"{layer.name} is a table without geometry; drop the geometry before writing")
        return None
    if not has:
        raise WrongCall(f"{layer.name} needs a GeoDataFrame with its geometry set, not {type(frame).__name__}")
    if frame.crs is None:
        raise CrsMismatch(f"{layer.name} has no CRS and the store is in {crs.name}; set it with set_crs()")
    if not same_crs(frame.crs, crs):
        raise CrsMismatch(
            f"{layer.name} is in {frame.crs.name} and the store in {crs.name}; bring it over with to_crs()"
        )
    return np.asarray(frame.geometry.array, dtype=object)
