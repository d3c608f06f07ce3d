"""Frames to GeoJSON text, for a browser: longitude and latitude, plain values, small."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.errors import CrsMismatch

__all__ = ["degrees", "plain_records", "safe_json", "to_geojson", "with_place"]

#: Digits after the point in degrees: 6 is 0.1 m.
DIGITS = 6


def to_geojson(
    frame: gpd.GeoDataFrame,
    *,
    columns: Iterable[str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> str:
    """A layer as the text of a GeoJSON FeatureCollection (RFC 7946).

    Parameters
    ----------
    frame
        A layer in any CRS; rows without geometry are left out.
    columns
        Columns to give as properties, those that the frame has; all but the geometry where None. Empty values are
        left out of a feature's properties.
    members
        More members of the collection, such as `measures`.

    Returns
    -------
    JSON text; coordinates are WGS 84 longitude and latitude with 6 digits.

    Raises
    ------
    CrsMismatch
        Where the frame has no CRS.

    Examples
    --------
    >>> from shapely.geometry import Point
    >>> frame = gpd.GeoDataFrame({"name": ["站", None]}, geometry=[Point(114, 30), Point(115, 31)], crs=4326)
    >>> json.loads(to_geojson(frame))["features"][0]["properties"]
    {'name': '站'}
    """
    frame = with_place(frame)
    wanted = [name for name in frame.columns if name != frame.geometry.name]
    if columns is not None:
        wanted = [name for name in columns if name in wanted]
    geometries = shapely.to_geojson(degrees(frame))
    records = plain_records(frame[wanted])
    # one string a feature: building a dict of every coordinate first takes ten times as long
    features = ",".join(
        f'{{"type":"Feature","properties":{_text({k: v for k, v in record.items() if v is not None})},'
        f'"geometry":{geometry}}}'
        for record, geometry in zip(records, geometries, strict=True)
    )
    more = "".join(f",{_text(name)}:{_text(value)}" for name, value in (members or {}).items())
    return f'{{"type":"FeatureCollection"{more},"features":[{features}]}}'


def with_place(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The rows that have a geometry to draw."""
    geometry = np.asarray(frame.geometry.array)
    return frame[~(shapely.is_missing(geometry) | shapely.is_empty(geometry))]


def degrees(frame: gpd.GeoDataFrame) -> np.ndarray:
    """The frame's geometries in WGS 84 degrees, rounded to `DIGITS`; outer rings run anticlockwise, holes clockwise."""
    if frame.crs is None:
        raise CrsMismatch("a layer without a CRS cannot be placed on a map; set it with set_crs()")
    geometry = frame.geometry if frame.crs.to_epsg() == 4326 else frame.geometry.to_crs(4326)
    flat = shapely.orient_polygons(shapely.force_2d(geometry.array))
    return np.asarray(shapely.transform(flat, lambda xy: np.round(xy, DIGITS)))


def plain_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts of plain values: str, int, float, bool, ISO text for times, None for missing.

    Examples
    --------
    >>> plain_records(pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "x": [0.12345678, float("nan")]}))
    [{'n': 1, 'x': 0.12346}, {'n': None, 'x': None}]
    """
    columns = [_plain(frame[name]) for name in frame.columns]
    names = [str(name) for name in frame.columns]
    if not names:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        # midnight is a date without a time
        text = column.dt.strftime("%Y-%m-%d %H:%M").str.removesuffix(" 00:00")
        return text.astype(object).where(column.notna(), None).tolist()
    if pd.api.types.is_float_dtype(column):
        column = column.round(5)
        column = column.where(np.isfinite(column.astype("float64")))
    values = column.astype(object).where(column.notna(), None).tolist()
    return [value if isinstance(value, str | int | float | bool | None) else str(value) for value in values]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def safe_json(text: str) -> str:
    """JSON text that may stand inside a `<script>` of a page: no tag can end or begin in it.

    Examples
    --------
    >>> safe_json('{"name":"</script><b>&"}')
    '{"name":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e\\\\u0026"}'
    """
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
