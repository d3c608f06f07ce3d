"""GeoPackage, GeoJSON and KML, each read back by another way than it was written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from gridmap.exports import reread
from gridmap.exports.delivered import Staged
from gridmap.exports.fields import MOST_DIGITS, Field, as_text, headings
from gridmap.exports.notices import Notices
from gridmap.exports.opened import opened
from gridmap.exports.order import Order
from gridmap.exports.shapes import turned
from gridmap.exports.texts import UNHOLDABLE_IN_XML, changed, empty_as_null, plain_breaks, without
from layers.errors import DataBroken
from layers.schema import Layer

__all__ = ["GEOJSON_DECIMALS", "stage_geojson", "stage_geopackage", "stage_kml"]

#: RFC 7946 (11.2) thinks 6 decimals, about 10 cm, enough; 7 are a centimetre.
GEOJSON_DECIMALS = 7

#: Column names that a GeoPackage table keeps for itself.
_GEOPACKAGE_OWN = frozenset({"fid", "geom"})
#: Columns that GDAL's KML driver makes into elements of the placemark rather than of its table.
_KML_OWN = frozenset({"name", "description"})
#: Characters that the driver writes into an XML attribute as they are, when they stand in a column's name.
_KML_UNSAFE = "\"'<>&"
_KML = "{http://www.opengis.net/kml/2.2}"


def _write(columns: Mapping[str, pd.Series], geometry: gpd.GeoSeries | None, path: Path, **options: Any) -> None:
    rows = len(next(iter(columns.values()))) if columns else (0 if geometry is None else len(geometry))
    table = pd.DataFrame(dict(columns), index=pd.RangeIndex(rows))
    if geometry is not None:
        name = "geometry"
        while name in table.columns:
            name += "_"
        table = gpd.GeoDataFrame(
            table.assign(**{name: geometry.set_axis(table.index)}), geometry=name, crs=geometry.crs
        )
    try:
        pyogrio.write_dataframe(table, path, **options)
    except (RuntimeError, ValueError) as error:  # what pyogrio raises for GDAL's refusals
        raise DataBroken(f"{path.name} could not be written ({error}); report this") from error


def stage_geopackage(
    frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None = None
) -> Staged:
    """Write and compare one layer of a GeoPackage; see `gridmap.exports.package.Stager`.

    The format holds all there is: empty and missing text, whole numbers of 64 bits, truth values, dates, mixed
    geometry. Times are kept to the millisecond. Layers written under one `name` share one file.
    """
    ready = opened(frame, order, layer)
    fields, notices = ready.fields, ready.notices
    names = headings(fields, names=order.names, reserved=_GEOPACKAGE_OWN, notices=notices)
    path = folder / f"{name or layer.name + ready.position.suffix}.gpkg"
    columns = {heading: _typed(field, notices) for heading, field in zip(names, fields, strict=True)}
    # through Arrow, because otherwise dates become text
    options = {"driver": "GPKG", "layer": layer.name, "use_arrow": True, **_geometry_options(ready.geometry)}
    _write(columns, ready.geometry, path, **options)
    stored = _compare_geopackage(path, layer.name, columns, fields, ready.geometry, notices)
    return Staged.one_file(ready, fields, names, stored, path)


def _geometry_options(geometry: gpd.GeoSeries | None) -> dict[str, Any]:
    if geometry is None:
        return {}
    kinds = set(geometry.geom_type.dropna().unique())
    # one type where the layer is of one, so that QGIS draws it as that; else any
    one = kinds.pop() if len(kinds) == 1 else "Unknown"
    has_z = bool(geometry.has_z.any())
    return {"geometry_type": f"{one} Z" if has_z and one != "Unknown" else one, "promote_to_multi": False}


def _typed(field: Field, notices: Notices) -> pd.Series:
    if field.type == "date":
        return pd.Series([None if pd.isna(day) else pd.Timestamp(day).date() for day in field.values], dtype=object)
    if field.type == "datetime" and (times := _times(field.values)) is not None:
        short = times.dt.floor("ms")
        notices.add("time_rounded", (short != times)[times.notna()].sum(), field=field.name)
        return short.astype("datetime64[ms]") if times.dt.tz is None else short
    return field.values.astype("string") if field.values.dtype == object else field.values


def _times(values: pd.Series) -> pd.Series | None:
    """The texts as times; None where they mix time zones or lie outside what pandas can count."""
    try:
        times = pd.to_datetime(values, format="ISO8601")
    except ValueError:
        return None
    return times if times.dtype.kind == "M" else None


def _compare_geopackage(
    path: Path,
    table: str,
    columns: Mapping[str, pd.Series],
    fields: Sequence[Field],
    geometry: gpd.GeoSeries | None,
    notices: Notices,
) -> list[str]:
    """Read the table with SQLite, which shows each value as it is stored; the geometry with GDAL."""
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns) or "NULL"
    with closing(sqlite3.connect(path)) as base:
        rows = base.execute(f'SELECT {quoted} FROM "{table}" ORDER BY fid').fetchall()  # noqa: S608, names are quoted
        types = {row[1]: row[2] for row in base.execute(f'PRAGMA table_info("{table}")')}
    got = pd.DataFrame(rows, columns=list(columns) or ["none"], dtype=object)
    first = next(iter(columns.values()), None)
    reread.check_rows(path.name, len(got) if first is None else len(first), len(got))
    for (name, written), field in zip(columns.items(), fields, strict=True):
        if field.type == "number":
            reread.check_numbers(path.name, name, written, got[name], notices, field=field.name)
        elif field.type == "datetime" and not isinstance(written.dtype, pd.StringDtype):
            back = pd.to_datetime(got[name], format="ISO8601", utc=True)
            wanted = written.dt.tz_localize("UTC") if written.dt.tz is None else written.dt.tz_convert("UTC")
            reread.check_values(
                path.name, name, wanted.astype("datetime64[ms, UTC]"), back.astype("datetime64[ms, UTC]")
            )
        elif field.type == "date":
            reread.check_values(path.name, name, field.values, got[name])
        else:
            reread.check_values(path.name, name, written, got[name])
    if geometry is not None:
        shapes = pyogrio.read_dataframe(path, layer=table, columns=[])
        reread.check_rows(path.name, len(geometry), len(shapes))
        reread.check_geometry(path.name, geometry, shapes.geometry, notices)
    return [types[name] for name in columns]


def _bare(geometry: gpd.GeoSeries | None, rows: int) -> gpd.GeoSeries:
    """The coordinates as they are under the label of WGS 84, the only one that GeoJSON and KML know.

    Else GDAL would move CGCS2000 and refuse GCJ-02. A plain table becomes features without a place.
    """
    return (gpd.GeoSeries([None] * rows) if geometry is None else geometry).set_crs(4326, allow_override=True)


def _rounded(geometry: gpd.GeoSeries, notices: Notices) -> gpd.GeoSeries:
    shapes = shapely.transform(
        geometry.array,
        lambda coordinates: np.round(coordinates, GEOJSON_DECIMALS),
        include_z=bool(geometry.has_z.any()),
    )
    worse = shapely.is_valid(geometry.array) & ~shapely.is_valid(shapes)
    notices.add("invalid_after_rounding", (worse & ~shapely.is_missing(shapes)).sum(), detail=str(GEOJSON_DECIMALS))
    return gpd.GeoSeries(shapes, crs=geometry.crs)


def stage_geojson(frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None = None) -> Staged:
    """Write and compare one layer as GeoJSON (RFC 7946); see `gridmap.exports.package.Stager`.

    Longitude and latitude of WGS 84 to 7 decimals, outer rings against the clock. JavaScript reads numbers as doubles,
    so whole numbers of more than 15 digits become text, as do infinite ones; dates are ISO 8601 text.
    """
    ready = opened(frame, order, layer)
    fields, notices = ready.fields, ready.notices
    names = headings(fields, names=order.names, notices=notices)
    columns = {heading: _json_values(field, notices) for heading, field in zip(names, fields, strict=True)}
    path = folder / f"{name or layer.name + ready.position.suffix}.geojson"
    # 15 digits of coordinates that were rounded before: of a shorter number GDAL drops a last digit that follows
    # zeros (32.0000008 becomes 32.0), by up to 10 cm
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": "15", "AUTODETECT_JSON_STRINGS": "NO"}
    bare = turned(_rounded(_bare(ready.geometry, len(frame)), notices), exterior_cw=False)
    _write(columns, bare, path, driver="GeoJSON", layer=layer.name, layer_options=options)
    _compare_geojson(path, columns, fields, bare, notices)
    stored = [_json_type(values) for values in columns.values()]
    return Staged.one_file(ready, fields, names, stored, path)


def _json_values(field: Field, notices: Notices) -> pd.Series:
    if field.type == "integer":
        beyond = ~field.values.between(-(10**MOST_DIGITS) + 1, 10**MOST_DIGITS - 1).fillna(True)
        notices.add("integer_as_text", beyond.sum(), field=field.name)
        return as_text(field) if beyond.any() else field.values
    if field.type == "number":
        endless = np.isinf(field.values)
        notices.add("number_as_text", endless.sum(), field=field.name)
        return as_text(field) if endless.any() else field.values
    return field.values


def _json_type(values: pd.Series) -> str:
    return {"Int64": "number", "float64": "number", "boolean": "boolean"}.get(str(values.dtype), "string")


def _compare_geojson(
    path: Path, columns: Mapping[str, pd.Series], fields: Sequence[Field], geometry: gpd.GeoSeries, notices: Notices
) -> None:
    """Read the properties with Python's own JSON, which makes nothing of texts that look like dates."""
    features = json.loads(path.read_bytes())["features"]
    properties = [feature["properties"] for feature in features]
    reread.check_rows(path.name, len(geometry), len(features))
    for (name, written), field in zip(columns.items(), fields, strict=True):
        got = pd.Series([row[name] for row in properties], dtype=object)
        if written.dtype == "float64":
            reread.check_numbers(path.name, name, written, got, notices, field=field.name)
        else:
            reread.check_values(path.name, name, written, got)
    # by GEOS rather than GDAL, which takes a property "id" for the number of the feature
    texts = [json.dumps(feature["geometry"]) if feature["geometry"] else None for feature in features]
    got_shapes = gpd.GeoSeries(shapely.from_geojson(np.array(texts, dtype=object)), crs=geometry.crs)
    reread.check_geometry(path.name, geometry, got_shapes, notices)


def stage_kml(frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None = None) -> Staged:
    """Write and compare one layer as KML 2.2; see `gridmap.exports.package.Stager`.

    The column `name` names the placemarks; the others stand in a table that Google Earth, 奥维 and QGIS show, as text.
    """
    ready = opened(frame, order, layer)
    fields, notices = ready.fields, ready.notices
    own = next((field for field in fields if field.name == "name"), None)
    others = [field for field in fields if field is not own]
    names = headings(others, names=order.names, notices=notices, reserved=_KML_OWN, forbidden=_KML_UNSAFE)
    columns = {heading: _xml_text(field, notices) for heading, field in zip(names, others, strict=True)}
    if own is not None:
        columns = {"name": _xml_text(own, notices), **columns}
        others, names = [own, *others], ["name", *names]
    path = folder / f"{name or layer.name + ready.position.suffix}.kml"
    bare = _bare(ready.geometry, len(frame))
    _write(columns, bare, path, driver="KML", layer=layer.name)
    _compare_kml(path, columns, bare, notices)
    return Staged.one_file(ready, others, names, ["string"] * len(names), path)


def _xml_text(field: Field, notices: Notices) -> pd.Series:
    values = as_text(field, true="true", false="false")
    clean = without(values, UNHOLDABLE_IN_XML)
    notices.add("characters_removed", changed(values, clean).sum(), field=field.name)
    broken = plain_breaks(clean)
    notices.add("line_breaks_unified", changed(clean, broken).sum(), field=field.name)
    # GDAL's KML driver drops spaces at the beginning, though not at the end
    trimmed = broken.str.lstrip(" ") if broken.notna().any() else broken
    notices.add("outer_spaces_lost", changed(broken, trimmed).sum(), field=field.name)
    notices.add("empty_text_as_null", (values == "").sum(), field=field.name)
    return empty_as_null(trimmed)


def _compare_kml(path: Path, columns: Mapping[str, pd.Series], geometry: gpd.GeoSeries, notices: Notices) -> None:
    """Read the placemarks as XML, and the geometry with GDAL, whose reader gives every point a height of 0."""
    root = ElementTree.parse(path).getroot()  # noqa: S314, a file of our own making
    marks = list(root.iter(f"{_KML}Placemark"))
    reread.check_rows(path.name, len(geometry), len(marks))
    found: list[dict[str, str | None]] = []
    for mark in marks:
        row: dict[str, str | None] = {data.get("name", ""): data.text for data in mark.iter(f"{_KML}SimpleData")}
        found.append({**row, "name": mark.findtext(f"{_KML}name")})
    for name, written in columns.items():
        got = pd.Series([row.get(name) for row in found], dtype=object)
        reread.check_values(path.name, name, written, empty_as_null(got))
    if not len(geometry):
        return
    shapes = pyogrio.read_dataframe(path, columns=[]).geometry
    if not geometry.has_z.any():
        shapes = gpd.GeoSeries(shapely.force_2d(shapes.array), crs=shapes.crs)
    # GDAL writes 15 digits of a degree
    reread.check_geometry(path.name, geometry, shapes, notices, tolerance=1e-12)
