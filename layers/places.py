"""From a table to places: longitude and latitude columns, or a WKT column, made into geometry on WGS 84.

A table cannot say its datum, so somebody must; a row whose coordinates make no sense keeps its other cells, gets an
empty geometry and a finding, so that the incident is still on the list.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from layers.coordinates import as_degrees, as_pair, columns_by_value, projection_of
from layers.datum import CHOICES, shift
from layers.errors import BadSettings, CrsMismatch, NoDatum
from layers.findings import Findings
from layers.headings import find_heading, normal
from layers.rows import tell_rows
from layers.schema import Layer

__all__ = ["Places", "place_columns", "places_of", "shift_geometry", "to_points"]

_LON = (
    "lon", "lng", "long", "longitude", "经度", "x", "x坐标", "坐标x", "lon_wgs84", "longitude_wgs84", "东坐标",
        "横坐标",
    "easting", "百度经度", "高德经度",
)  # fmt: skip
_LAT = (
    "lat", "latitude", "纬度", "y", "y坐标", "坐标y", "lat_wgs84", "latitude_wgs84", "北坐标", "纵坐标", "northing",
    "百度纬度", "高德纬度",
)  # fmt: skip
_UNPLACED = "row kept without a place"
_WKT = ("wkt", "geom_wkt", "wkt_geom", "geometry", "geom", "the_geom", "shape")
#: Columns with both numbers in one cell.
_BOTH = (
    "坐标", "经纬度", "经纬度坐标", "坐标点", "位置坐标", "地理坐标", "location", "geolocation", "coordinates",
        "coordinate",
    "coord", "coords", "lnglat", "lonlat", "latlng", "latlon", "point", "gps",
)  # fmt: skip
#: So many rows on one point whose degrees are round are no places: nobody stands on the middle of a degree.
_ROUND_ROWS = 10

Floats = NDArray[np.float64]
#: The cells of the rows of a mask, as they were typed.
Seen = Callable[[NDArray[np.bool_]], pd.Series]


def place_columns(
    columns: list[Hashable], *, mapping: Mapping[str, str] | None = None
) -> tuple[Hashable, ...] | None:
    """The columns that say where: (wkt,) or one with both numbers, (lon, lat), or None where there are none.

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
        forms = {normal(str(column).rpartition(" / ")[2]): column for column in reversed(columns)}
        forms |= {normal(column): column for column in reversed(columns)}
        return next((forms[normal(word)] for word in words if normal(word) in forms), None)

    if "wkt" in named:
        return (named["wkt"],)
    lon, lat = named.get("lon", first(_LON)), named.get("lat", first(_LAT))
    if lon is not None and lat is not None:
        return (lon, lat)
    one = first(_WKT) or first(_BOTH)
    return None if one is None else (one,)


@dataclass(frozen=True)
class Places:
    """Where the rows of a table lie, on WGS 84: a geometry each, or points as numbers, NaN for nowhere.

    `table` holds the columns that are left. A million points as numbers take a tenth of what they take as geometries.
    """

    table: pd.DataFrame
    geometry: NDArray[Any] | None = None
    x: Floats | None = None
    y: Floats | None = None

    def frame(self) -> gpd.GeoDataFrame:
        """The table with its geometry."""
        geometry = points_of(self.x, self.y) if self.geometry is None else self.geometry
        return gpd.GeoDataFrame(self.table, geometry=geometry, crs="EPSG:4326")


def points_of(x: Any, y: Any) -> NDArray[Any]:
    """Points, empty where a number is missing.

    Examples
    --------
    >>> points_of(np.array([1.0, np.nan]), np.array([2.0, 3.0])).tolist()
    [<POINT (1 2)>, <POINT EMPTY>]
    """
    nowhere = np.isnan(x) | np.isnan(y)
    if not nowhere.any():
        return np.asarray(shapely.points(x, y))
    geometry = np.full(len(x), shapely.Point(), dtype=object)
    geometry[~nowhere] = shapely.points(x[~nowhere], y[~nowhere])
    return geometry


def to_points(
    table: pd.DataFrame,
    layer: Layer,
    *,
    datum: str | None,
    mapping: Mapping[str, str] | None = None,
    crs: pyproj.CRS | None = None,
    findings: Findings,
    file: str | None = None,
) -> gpd.GeoDataFrame | None:
    """Give a table its geometry: the places of `places_of` as a frame in EPSG:4326, None where it has none.

    Examples
    --------
    >>> from layers.schema import layer
    >>> table = pd.DataFrame({"name": ["a", "b"], "lon": ["32.04", "?"], "lat": ["118.78", ""], "source_row": [2, 3]})
    >>> findings = Findings()
    >>> frame = to_points(table, layer("facilities"), datum="wgs84", findings=findings)
    >>> frame.geometry.to_wkt().tolist(), [item.rule for item in findings]
    (['POINT (118.78 32.04)', 'POINT EMPTY'], ['lon_lat_swapped', 'no_coordinates'])
    """
    found = places_of(table, layer, datum=datum, mapping=mapping, crs=crs, findings=findings, file=file)
    return None if found is None else found.frame()


def places_of(
    table: pd.DataFrame,
    layer: Layer,
    *,
    datum: str | None,
    mapping: Mapping[str, str] | None = None,
    crs: pyproj.CRS | None = None,
    findings: Findings,
    file: str | None = None,
) -> Places | None:
    """Find out where the rows of a table lie.

    Parameters
    ----------
    table
        Cells as text, with `source_row`.
    datum
        Name of `layers.datum.DATUMS` that the coordinates are in; bd09mc means metres.
    mapping
        May name the columns `lon` and `lat`, or `wkt` (also one cell such as '113.2,23.1').
    crs
        CRS of coordinates in metres, where they do not say it themselves.

    Returns
    -------
    The places on WGS 84, and the table without the coordinate columns (which stay where a cell of them could not be
    used), or None where it has none; where no heading says so, two columns of degrees in China are found by their
    values. Rows without usable coordinates lie nowhere; so do ten and more rows on one point of round degrees, which
    stands for "unknown". Longitude and latitude are taken for swapped where the latitude is beyond 90,
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
    >>> places = places_of(table, layer("facilities"), datum="wgs84", findings=findings)
    >>> places.x.tolist(), places.y.tolist(), [item.rule for item in findings]
    ([118.78, nan], [32.04, nan], ['lon_lat_swapped', 'no_coordinates'])
    """
    columns = [column for column in table.columns if column != "source_row"]
    found = place_columns(columns, mapping=mapping)
    if found is None and (by_value := columns_by_value(table, columns)) is not None:
        found = by_value
        findings.add(
            layer.name, "coordinates_by_value", f"{found[0]!r} and {found[1]!r} hold degrees of China",
            "taken as longitude and latitude; a mapping makes it sure", file=file,
        )  # fmt: skip
    if found is None or (len(found) == 1 and not _holds_places(table[found[0]])):
        return None
    if datum is None and crs is None:
        raise NoDatum(f"{file or 'the table'} has coordinates ({', '.join(map(str, found))})", CHOICES)
    tell = _Tell(findings, layer, table["source_row"].reset_index(drop=True), file)
    table = table.reset_index(drop=True)
    kept = table.drop(columns=list(found))
    if len(found) == 1 and _is_wkt(table[found[0]]):
        geometry = shift_geometry(_from_wkt(table[found[0]], found[0], tell), datum or "wgs84")
        return Places(kept, geometry)
    if len(found) == 1:
        x, y, bad = as_pair(table[found[0]])
        x, y = _in_order(x, y, found[0], tell)
    else:
        (lon, lon_bad), (lat, lat_bad) = as_degrees(table[found[0]]), as_degrees(table[found[1]])
        x, y, bad = lon.to_numpy(dtype=float), lat.to_numpy(dtype=float), (lon_bad | lat_bad).to_numpy(dtype=bool)

    def seen(rows: NDArray[np.bool_]) -> pd.Series:
        return functools.reduce(
            lambda before, after: before + ", " + after, (table[name][rows].astype("str").fillna("") for name in found)
        )

    x, y = _from_numbers(x, y, bad, seen, found, datum, crs, tell)
    nowhere = np.isnan(x) | np.isnan(y)
    if nowhere.any() and (~seen(nowhere).isin(["", ", "])).any():
        kept = table  # what could not be used stays to be seen
    return Places(kept, x=x, y=y)


@dataclass(frozen=True)
class _Tell:
    """Findings on rows of one table."""

    findings: Findings
    layer: Layer
    rows: pd.Series
    file: str | None

    def __call__(
        self, mask: NDArray[np.bool_], rule: str, what: str, done: str, values: Seen | None = None,
        level: str = "warning",
    ) -> None:  # fmt: skip
        if not mask.any():
            return
        seen = None if values is None else values(mask)
        tell_rows(
            self.findings, self.layer.name, rule, what, done, self.rows[mask], values=seen, level=level, file=self.file
        )

    def once(self, rule: str, what: str, done: str, level: str = "note") -> None:
        self.findings.add(self.layer.name, rule, what, done, level=level, file=self.file)


def _holds_places(column: pd.Series) -> bool:
    """Whether a column that is called a place holds coordinates: 'location' is often an address."""
    text = column.dropna().astype("str").str.strip()
    text = text[text != ""].head(200)
    if not len(text) or _is_wkt(text):
        return True  # nothing, or WKT: told row by row
    return bool(as_pair(text)[2].mean() < 0.5)


def _is_wkt(column: pd.Series) -> bool:
    text = column.dropna().astype("str").str.strip().head(200)
    words = text.str.match(r"(?i)(?:SRID=\d+;)?\s*(MULTI|POLYGON|LINESTRING|GEOMETRYCOLLECTION|POINT)")
    return bool(len(text) and words.mean() > 0.5)


def _in_order(x: Any, y: Any, column: Hashable, tell: _Tell) -> tuple[Any, Any]:
    """Longitude first: by the values where they say so, else by the heading; '(39.0, -77.0)' stands latitude first."""
    there = ~(np.isnan(x) | np.isnan(y)) & ~((x == 0) & (y == 0))
    a, b = np.abs(x[there]), np.abs(y[there])
    china = ((x[there] > 73) & (x[there] < 136) & (y[there] > 3) & (y[there] < 54)).mean() if there.any() else 0.0
    turned = ((y[there] > 73) & (y[there] < 136) & (x[there] > 3) & (x[there] < 54)).mean() if there.any() else 0.0
    name = normal(column)
    lat_first = name.startswith("lat") or name in ("location", "geolocation", "coordinates")
    if (a > 90).any() or china > 0.5:
        lat_first = False
    elif (b > 90).any() or turned > 0.5:
        lat_first = True
    if not lat_first:
        return x, y
    tell.once("latitude_first", f"the cells of {column!r} hold latitude before longitude", "read so")
    return y, x


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


def _from_wkt(column: pd.Series, name: Hashable, tell: _Tell) -> NDArray[Any]:
    """Geometries of a WKT column; what EWKT says of its SRID is left out."""
    text = column.astype("object").where(column.notna(), None).to_numpy()
    text = np.array([None if cell is None else re.sub(r"^\s*SRID=\d+;", "", cell) for cell in text], dtype=object)
    geometry = shapely.from_wkt(text, on_invalid="ignore")
    unread = pd.isna(geometry)
    empty = pd.isna(text)
    for mask, rule, what in (
        (unread & ~empty, "unreadable_wkt", f"unreadable WKT in {name!r}"),
        (empty, "no_coordinates", f"nothing in {name!r}"),
    ):
        tell(mask, rule, what, _UNPLACED)
    geometry[unread] = shapely.Point()
    return np.asarray(shapely.force_2d(geometry))


def _from_numbers(
    x: Any, y: Any, bad: NDArray[np.bool_], seen: Seen, found: tuple[Hashable, ...], datum: str | None,
    crs: pyproj.CRS | None, tell: _Tell,
) -> tuple[Any, Any]:  # fmt: skip
    """Two columns of numbers on WGS 84, NaN where they are no place."""
    missing = np.isnan(x) | np.isnan(y)
    zero = (x == 0) & (y == 0)
    there = ~missing & ~zero
    metres = datum == "bd09mc"
    if not metres and there.any() and ((np.abs(x) > 360) | (np.abs(y) > 360))[there].mean() > 0.5:
        found_in = projection_of(
            np.where(there, x, np.nan), np.where(there, y, np.nan), name=tell.file or "the table", crs=crs
        )
        tell.once("projected", f"coordinates are metres, {found_in.evidence}", f"read as {found_in.crs.name}")
        if found_in.north_first:
            x, y = y, x
        transformer = pyproj.Transformer.from_crs(found_in.crs, 4490, always_xy=True)
        x, y = transformer.transform(np.where(there, x, np.nan), np.where(there, y, np.nan))
        absurd = there & ~(np.isfinite(x) & np.isfinite(y))
        datum = "cgcs2000"
        rounded = np.zeros(len(x), dtype=bool)
    elif metres:
        # Baidu's Mercator ends at 74 degrees: y 12.5 million metres
        absurd = there & ((np.abs(x) > 20037726.4) | (np.abs(y) > 1.26e7))
        rounded = np.zeros(len(x), dtype=bool)
    else:
        swapped = ~missing & (
            ((np.abs(y) > 90) & (np.abs(y) <= 180) & (np.abs(x) <= 90))
            | ((y >= 73) & (y <= 136) & (x >= 3) & (x <= 54) & (y > 54))
        )
        if swapped.any():
            x, y = np.where(swapped, y, x), np.where(swapped, x, y)
        tell(swapped, "lon_lat_swapped", f"{' and '.join(map(str, found))} were swapped", "mended")
        absurd = ~missing & ((np.abs(x) > 180) | (np.abs(y) > 90))
        if absurd.any() and absurd.sum() == (~missing).sum():
            raise CrsMismatch(
                f"{' and '.join(map(str, found))} of {tell.file or 'the table'} are not degrees (such as "
                f"{x[absurd][0]:.12g}, {y[absurd][0]:.12g}); give degrees, or name the CRS of metres, source_crs = "
                '"EPSG:N", or Baidu\'s with datum = bd09mc'
            )
        rounded = _round_heaps(x, y, there & ~absurd)
    tell(missing & ~bad, "no_coordinates", "no coordinates", _UNPLACED)
    for mask, rule, what in (
        (bad, "no_coordinates", "coordinates that are not numbers"),
        (zero, "absurd_coordinates", "coordinates 0, 0"),
        (absurd, "absurd_coordinates", "coordinates that are nowhere on earth"),
        (rounded, "placeholder", f"{_ROUND_ROWS} and more rows on one point of round degrees, which is no place"),
    ):
        tell(mask, rule, what, _UNPLACED, seen)
    unplaced = missing | zero | absurd | rounded
    if unplaced.any():
        x, y = np.where(unplaced, np.nan, x), np.where(unplaced, np.nan, y)
    return (x, y) if datum in (None, "wgs84", "cgcs2000") else shift(x, y, source=datum, target="wgs84")


def _round_heaps(x: Any, y: Any, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows that share a point whose degrees have at most one decimal with many others."""
    round_ = there & (np.round(x, 1) == x) & (np.round(y, 1) == y)
    if not round_.any():
        return round_
    points = pd.DataFrame({"x": x[round_], "y": y[round_]})
    counts = points.groupby(["x", "y"])["x"].transform("size").to_numpy()
    heaps = round_.copy()
    heaps[round_] = counts >= _ROUND_ROWS
    return heaps
