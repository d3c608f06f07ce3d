"""GeoPackage 1.3 as bytes and SQL: blobs, the tables it prescribes, the spatial index.

Source: OGC 12-128r17, GeoPackage Encoding Standard 1.3, clauses 1.1.1 to 2.1.3 and extension F.3 (RTree).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

__all__ = [
    "APPLICATION_ID",
    "CORE_TABLES",
    "USER_VERSION",
    "WGS84_WKT",
    "blobs",
    "envelope_functions",
    "rtree_name",
    "rtree_sql",
    "wkb_of",
]

#: "GPKG" as a decimal number: PRAGMA application_id does not take hexadecimal ones.
APPLICATION_ID = 1196444487
USER_VERSION = 10300

WGS84_WKT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]'
)

#: The tables that make an SQLite file a GeoPackage (annex C of the standard).
CORE_TABLES = (
    """CREATE TABLE IF NOT EXISTS gpkg_spatial_ref_sys (
        srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
        organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT)""",
    """CREATE TABLE IF NOT EXISTS gpkg_contents (
        table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
        description TEXT DEFAULT '',
        last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
        min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
        CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))""",
    """CREATE TABLE IF NOT EXISTS gpkg_geometry_columns (
        table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
        srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
        CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
        CONSTRAINT uk_gc_table_name UNIQUE (table_name),
        CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
        CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))""",
    """CREATE TABLE IF NOT EXISTS gpkg_extensions (
        table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
        scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))""",
)

# header: "GP", version 0, flags (bits: 0 little endian, 1-3 kind of envelope, 4 empty), SRS
_HEAD = struct.Struct("<2sBBi")
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
_FLAG_EMPTY = 0x11
_FLAG_ENVELOPE = 0x03


def blobs(geometry: np.ndarray, srs_id: int) -> list[bytes | None]:
    """
    Geometries as GeoPackage binary, with their envelope; None stays None.

    Examples
    --------
    >>> blobs(np.array([shapely.Point(1, 2), None]), 4549)[0][:2]
    b'GP'
    """
    wkb = shapely.to_wkb(geometry, byte_order=1, flavor="iso", output_dimension=4)
    empty = _HEAD.pack(b"GP", 0, _FLAG_EMPTY, srs_id)
    full = _HEAD.pack(b"GP", 0, _FLAG_ENVELOPE, srs_id)
    # the envelope is written minx, maxx, miny, maxy
    envelopes = np.ascontiguousarray(shapely.bounds(geometry)[:, [0, 2, 1, 3]], dtype="<f8")
    finite = np.isfinite(envelopes).all(axis=1)
    raw = envelopes.tobytes()
    return [
        None if data is None else (full + raw[32 * i : 32 * i + 32] if finite[i] else empty) + data
        for i, data in enumerate(wkb)
    ]


def wkb_of(values: Sequence[bytes | None]) -> list[bytes | None]:
    """
    The WKB within GeoPackage blobs, whoever wrote them.

    Examples
    --------
    >>> shapely.from_wkb(wkb_of(blobs(np.array([shapely.Point(1, 2)]), 4549))[0])
    <POINT (1 2)>
    """
    return [None if blob is None else blob[8 + _ENVELOPE_BYTES[blob[3] >> 1 & 7] :] for blob in values]


def rtree_name(table: str, column: str) -> str:
    """
    The name that the standard gives to a spatial index.

    Examples
    --------
    >>> rtree_name("roads", "geom")
    'rtree_roads_geom'
    """
    return f"rtree_{table}_{column}"


def rtree_sql(table: str, column: str, key: str) -> tuple[str, tuple[str, ...]]:
    """The statement that makes a spatial index, and its triggers (F.3 of the standard) to be made after filling."""
    tree = rtree_name(table, column)
    box = f'ST_MinX(NEW."{column}"), ST_MaxX(NEW."{column}"), ST_MinY(NEW."{column}"), ST_MaxY(NEW."{column}")'
    has = f'(NEW."{column}" NOTNULL AND NOT ST_IsEmpty(NEW."{column}"))'
    none = f'(NEW."{column}" ISNULL OR ST_IsEmpty(NEW."{column}"))'
    put = f'INSERT OR REPLACE INTO "{tree}" VALUES (NEW."{key}", {box})'  # noqa: S608 - names of the schema
    drop_old = f'DELETE FROM "{tree}" WHERE id = OLD."{key}"'  # noqa: S608
    drop_both = f'DELETE FROM "{tree}" WHERE id IN (OLD."{key}", NEW."{key}")'  # noqa: S608
    moved, same = f'OLD."{key}" != NEW."{key}"', f'OLD."{key}" = NEW."{key}"'
    triggers = {
        "insert": f"AFTER INSERT ON \"{table}\" WHEN {has} BEGIN {put}",
        "update1": f'AFTER UPDATE OF "{column}" ON "{table}" WHEN {same} AND {has} BEGIN {put}',
        "update2": f'AFTER UPDATE OF "{column}" ON "{table}" WHEN {same} AND {none} BEGIN {drop_old}',
        "update3": f'AFTER UPDATE ON "{table}" WHEN {moved} AND {has} BEGIN {drop_old}; {put}',
        "update4": f'AFTER UPDATE ON "{table}" WHEN {moved} AND {none} BEGIN {drop_both}',
        "delete": f'AFTER DELETE ON "{table}" WHEN OLD."{column}" NOTNULL BEGIN {drop_old}',
    }
    make = f'CREATE VIRTUAL TABLE "{tree}" USING rtree(id, minx, maxx, miny, maxy)'
    return make, tuple(f'CREATE TRIGGER "{tree}_{name}" {body}; END' for name, body in triggers.items())


def envelope_functions() -> dict[str, Any]:
    """The SQL functions that the triggers of the spatial index call, each of one blob."""

    def bound(position: int) -> Any:
        def of(blob: bytes | None) -> float | None:
            envelope = _envelope(blob)
            return None if envelope is None else envelope[position]

        return of

    def is_empty(blob: bytes | None) -> int | None:
        return None if blob is None else int(_envelope(blob) is None)

    return {
        "ST_MinX": bound(0), "ST_MaxX": bound(1), "ST_MinY": bound(2), "ST_MaxY": bound(3), "ST_IsEmpty": is_empty,
    }


def _envelope(blob: bytes | None) -> tuple[float, ...] | None:
    """minx, maxx, miny, maxy of a blob; None where it has no extent."""
    if blob is None or len(blob) < _HEAD.size or blob[3] & 0x10:
        return None
    if blob[3] >> 1 & 7:
        return struct.unpack_from("<4d" if blob[3] & 1 else ">4d", blob, _HEAD.size)
    minx, miny, maxx, maxy = shapely.bounds(shapely.from_wkb(wkb_of([blob])[0]))
    return None if np.isnan(minx) else (minx, maxx, miny, maxy)
