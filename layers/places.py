"""From a table to places: longitude and latitude columns, or a WKT column, made into geometry on WGS 84.

A table cannot say its datum, so somebody must; a row whose coordinates make no sense keeps its other cells, gets an
empty geometry and a finding, so that the incident is still on the list.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.datum import DATUMS, shift
from layers.errors import BadSettings, CrsMismatch, UnknownDatum
from layers.findings import Findings
from layers.headings import find_heading, normal
from layers.rows import tell_rows
from layers.schema import Layer
from layers.values import as_number

__all__ = ["place_columns", "shift_geometry", "to_points"]

_LON = ("lon", "lng", "long", "longitude", "经度", "x", "x坐标", "坐标x", "lon_wgs84", "longitude_wgs84")
_LAT = ("lat", "latitude", "纬度", "y", "y坐标", "坐标y", "lat_wgs84", "latitude_wgs84")
_UNPLACED = "row kept without a place"
_WKT = ("wkt", "geom_wkt", "wkt_geom", "geometry", "geom", "the_geom")


def place_columns(
    columns: list[Hashable], *, mapping: Mapping[str, str] | None = None
) -> tuple[Hashable, ...] | None:
    """The columns that say where: (wkt,), (lon, lat), or None where there are none.

    Examples
    --------
    >>> place_columns(["名称", "经度", "纬度"])
    ('经度', '纬度')
    >>> place_columns(["name"]) is None
    True
    """
    given = mapping or {}
    named: dict[str, Hashable] = {}
    for ours in ("lon", "lat", "wkt"):
        if ours in given:
            heading = find_heading(columns, given[ours])
            if heading is None:
                raise BadSettings(
                    f"the mapping wants {ours} from a column {given[ours]!r}, which the file does not have; "
                    f"its columns are {', '.join(map(str, columns))}"
                )
            named[ours] = heading

    def first(words: tuple[str, ...]) -> Hashable | None:
        forms = {normal(column): column for column in reversed(columns)}
        return next((forms[normal(word)] for word in words if normal(word) in forms), None)

    if "wkt" in named:
        return (named["wkt"],)
    lon, lat = named.get("lon", first(_LON)), named.get("lat", first(_LAT))
    if lon is not None and lat is not None:
        return (lon, lat)
    wkt = first(_WKT)
    return None if wkt is None else (wkt,)


def to_points(
    table: pd.DataFrame,
    layer: Layer,
    *,
    datum: str | None,
    mapping: Mapping[str, str] | None = None,
    findings: Findings,
    file: str | None = None,
) -> gpd.GeoDataFrame | None:
    """Give a table its geometry.

    Parameters
    ----------
    table
        Cells as text, with `source_row`.
    datum
        Name of `layers.datum.DATUMS` that the coordinates are in; bd09mc means metres.
    mapping
        May name the columns `lon` and `lat`, or `wkt`.

    Returns
    -------
    GeoDataFrame in EPSG:4326 without the coordinate columns, or None where the table has none. Rows without usable
    coordinates have an empty geometry. Longitude and latitude are taken for swapped where the latitude is beyond 90,
    or beyond 73 with a "longitude" of 3 to 54: then the two are a place in China the other way round (and never
    Svalbard).

    Raises
    ------
    UnknownDatum
        There are coordinates and nobody named their datum.
    CrsMismatch
        None of the coordinates can be degrees.

    Examples
    --------
    >>> from layers.schema import layer
    >>> table = pd.DataFrame({"name": ["a", "b"], "lon": ["32.04", "?"], "lat": ["118.78", ""], "source_row": [2, 3]})
    >>> findings = Findings()
    >>> frame = to_points(table, layer("facilities"), datum="wgs84", findings=findings)
    >>> frame.geometry.to_wkt().tolist(), [item.rule for item in findings]
    (['POINT (118.78 32.04)', 'POINT EMPTY'], ['lon_lat_swapped', 'no_coordinates'])
    """
    columns = [column for column in table.columns if column != "source_row"]
    found = place_columns(columns, mapping=mapping)
    if found is None:
        return None
    if datum is None:
        raise UnknownDatum(
            f"{file or 'the table'} has coordinates ({', '.join(map(str, found))}) and no datum; say which it is, "
            f"datum = one of {', '.join(DATUMS)} (AMap and Tencent: gcj02, Baidu: bd09, GPS and OpenStreetMap: wgs84)"
        )
    if len(found) == 1:
        geometry = _from_wkt(table, found[0], layer, findings, file)
        geometry = shift_geometry(geometry, datum)
    else:
        geometry = _from_lon_lat(table, found, layer, datum, findings, file)
    return gpd.GeoDataFrame(table.drop(columns=list(found)), geometry=geometry, crs="EPSG:4326")


def shift_geometry(geometry: NDArray[Any], datum: str) -> NDArray[Any]:
    """Bring geometries from a datum to WGS 84, vertex by vertex.

    Parameters
    ----------
    geometry
        Array of shapely geometries in degrees of `datum` (metres for bd09mc).

    Examples
    --------
    >>> line = shapely.linestrings([[[116.384047, 39.913345], [121.531542, 31.175304]]])
    >>> shapely.to_wkt(shift_geometry(line, "gcj02"), rounding_precision=5).tolist()
    ['LINESTRING (116.37782 39.91195, 121.52721 31.17743)']
    """
    if datum in ("wgs84", "cgcs2000"):
        return geometry

    def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(shift(points[:, 0], points[:, 1], source=datum, target="wgs84"))

    return shapely.transform(geometry, moved)


def _from_wkt(
    table: pd.DataFrame, column: Hashable, layer: Layer, findings: Findings, file: str | None
) -> NDArray[Any]:
    """Geometries of a WKT column."""
    text = table[column].astype("object").where(table[column].notna(), None).to_numpy()
    geometry = shapely.from_wkt(text, on_invalid="ignore")
    unread = pd.isna(geometry)
    empty = pd.isna(text)
    for mask, rule, what in (
        (unread & ~empty, "unreadable_wkt", f"unreadable WKT in {column!r}"),
        (empty, "no_coordinates", f"nothing in {column!r}"),
    ):
        tell_rows(findings, layer.name, rule, what, _UNPLACED, table["source_row"][mask], file=file)
    geometry[unread] = shapely.Point()
    return np.asarray(shapely.force_2d(geometry))


def _from_lon_lat(
    table: pd.DataFrame, found: tuple[Hashable, ...], layer: Layer, datum: str, findings: Findings, file: str | None
) -> NDArray[Any]:
    """Points of two columns of numbers."""
    lon_name, lat_name = found
    table = table.reset_index(drop=True)
    lon, lon_bad = as_number(table[lon_name], whole=False)
    lat, lat_bad = as_number(table[lat_name], whole=False)
    x, y = lon.to_numpy(dtype=float), lat.to_numpy(dtype=float)
    bad = (lon_bad | lat_bad).to_numpy(dtype=bool)
    missing = np.isnan(x) | np.isnan(y)
    zero = (x == 0) & (y == 0)
    if datum == "bd09mc":
        # Baidu's Mercator ends at 74 degrees: y 12.5 million metres
        absurd = ~missing & ~zero & ((np.abs(x) > 20037726.4) | (np.abs(y) > 1.26e7))
    else:
        swapped = ~missing & (
            ((np.abs(y) > 90) & (np.abs(y) <= 180) & (np.abs(x) <= 90))
            | ((y >= 73) & (y <= 136) & (x >= 3) & (x <= 54) & (y > 54))
        )
        x, y = np.where(swapped, y, x), np.where(swapped, x, y)
        tell_rows(
            findings, layer.name, "lon_lat_swapped", f"{lon_name} and {lat_name} were swapped", "mended",
            table["source_row"][swapped], file=file,
        )  # fmt: skip
        absurd = ~missing & ((np.abs(x) > 180) | (np.abs(y) > 90))
        if absurd.any() and absurd.sum() == (~missing).sum():
            raise CrsMismatch(
                f"{lon_name} and {lat_name} of {file or 'the table'} are not degrees (such as {x[absurd][0]:.12g}, "
                f"{y[absurd][0]:.12g}); give degrees, Baidu's metres with datum = bd09mc, or a GIS file with its CRS"
            )
    blank = missing & ~bad
    values = table[lon_name].astype("str").fillna("") + ", " + table[lat_name].astype("str").fillna("")
    for mask, rule, what in (
        (blank, "no_coordinates", "no coordinates"),
        (bad, "no_coordinates", "coordinates that are not numbers"),
        (zero, "absurd_coordinates", "coordinates 0, 0"),
        (absurd, "absurd_coordinates", "coordinates that are nowhere on earth"),
    ):
        seen = None if mask is blank else values[mask]
        tell_rows(findings, layer.name, rule, what, _UNPLACED, table["source_row"][mask], values=seen, file=file)
    unplaced = missing | zero | absurd
    x, y = shift(np.where(unplaced, np.nan, x), np.where(unplaced, np.nan, y), source=datum, target="wgs84")
    geometry = np.full(len(table), shapely.Point(), dtype=object)
    geometry[~unplaced] = shapely.points(x[~unplaced], y[~unplaced])
    return geometry
