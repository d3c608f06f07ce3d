"""A city in one GeoPackage file: the embedded store, which QGIS opens as it is.

Write-ahead logging lets readers (the web service, QGIS, ogrinfo) go on while one process writes. It needs a local
disk: shared memory does not work over a network drive.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyproj
import shapely
from sqlalchemy import Connection, Engine, Table, column, create_engine, event, select
from sqlalchemy import table as plain_table
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateTable

from gridmap.stores.frames import Ready, epsg_number, no_rows
from gridmap.stores.gpkg_format import (
    APPLICATION_ID,
    CORE_TABLES,
    USER_VERSION,
    WGS84_WKT,
    blobs,
    envelope_functions,
    rtree_name,
    rtree_sql,
    wkb_of,
)
from gridmap.stores.models import FID, GEOM, index_sql, layer_table
from gridmap.stores.sql_store import Box, SqlStore
from layers.errors import BadFile, DataBroken, GridmapError, NotACity, StoreBusy
from layers.schema import Layer

__all__ = ["GeoPackage"]

#: Numbers for coordinate systems that have none of their own start here; EPSG ends below.
_OWN_SRS = 100_000
#: What is left of the log beside the file once its content is in the file.
_LOG_BYTES = 4 * 1024 * 1024
#: File systems write dates in steps of some milliseconds.
_MOMENT_NS = 100_000_000
_RTREE_DEFINITION = "http://www.geopackage.org/spec120/#extension_rtree"


class GeoPackage(SqlStore):
    """A store in a GeoPackage.

    Parameters
    ----------
    path
        The file, which must exist unless `new`.
    new
        Make the file.
    busy_seconds
        How long a writer waits for another one before `StoreBusy`.
    """

    def __init__(self, path: Path, *, new: bool = False, busy_seconds: float = 15.0) -> None:
        self.path = path
        super().__init__(str(path), _engine(path, new=new, busy_seconds=busy_seconds), None)

    def stamp(self) -> object | None:
        """Dates and sizes of the file and its log; None within a moment of a change, when a second could look alike."""
        found: list[tuple[int, int, int] | None] = []
        for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            try:
                one = path.stat()
            except OSError:
                found.append(None)
                continue
            if not one.st_size:  # a reader makes an empty log
                found.append(None)
                continue
            if time.time_ns() - one.st_mtime_ns < _MOMENT_NS:
                return None
            found.append((one.st_ino, one.st_mtime_ns, one.st_size))
        return tuple(found)

    @property
    def title(self) -> str:
        """The path."""
        return str(self.path)

    def explain(self, error: BaseException | None) -> GridmapError | None:
        """What SQLite complained about, in words; None where it is a bug."""
        said = str(error)
        if "locked" in said or "busy" in said:
            return StoreBusy(f"{self.title} is being written by another process; try again when it is done")
        if "not a database" in said or "malformed" in said:
            return NotACity(f"{self.title} is no GeoPackage or is damaged ({said}); put a backup in its place")
        if "no such column" in said or "no such table" in said:
            return DataBroken(f"{self.title} lacks what gridmap made ({said}); build it again or restore a backup")
        if "readonly" in said:
            return BadFile(f"{self.title} may not be written to; ask for write permission on the file and its folder")
        if "unable to open" in said:
            return BadFile(f"{self.title} cannot be opened; look whether the folder exists and may be written to")
        if "full" in said or "disk I/O" in said:
            return BadFile(f"{self.title} cannot be written ({said}); make room on the disk and try again")
        return None

    def scaffold(self, connection: Connection, crs: pyproj.CRS) -> None:
        """Make the tables of the GeoPackage standard."""
        for statement in CORE_TABLES:
            connection.exec_driver_sql(statement)
        for row in (
            ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", "undefined cartesian coordinates"),
            ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinates"),
            ("WGS 84", 4326, "EPSG", 4326, WGS84_WKT, "longitude/latitude in degrees on WGS 84"),
        ):
            connection.exec_driver_sql("INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", row)

    def srid(self, connection: Connection, crs: pyproj.CRS) -> int:
        """The `srs_id` of the CRS: its EPSG number, or one of our own above 100000."""
        wkt, epsg = crs.to_wkt("WKT1_GDAL"), epsg_number(crs)
        if epsg is None:
            find = "SELECT srs_id FROM gpkg_spatial_ref_sys WHERE definition = ?"
            known = connection.exec_driver_sql(find, (wkt,)).scalar()
            if known is not None:
                return int(known)
            top = connection.exec_driver_sql("SELECT max(srs_id) FROM gpkg_spatial_ref_sys").scalar_one()
        number = max(_OWN_SRS, int(top) + 1) if epsg is None else epsg
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)",
            (crs.name, number, "NONE" if epsg is None else "EPSG", number, wkt, crs.scope),
        )
        return number

    def fresh_layer(self, connection: Connection, ready: Ready, crs: pyproj.CRS) -> None:
        """Make the layer's table anew with its rows, index, extent and entry in the contents."""
        run = connection.exec_driver_sql
        name, spatial = ready.layer.name, ready.geometry is not None
        srid = self.srid(connection, crs) if spatial else 0
        table = layer_table(ready.layer, ready.kept, declared=ready.declared, srid=srid)
        run(f'DROP TABLE IF EXISTS "{name}"')
        run(f'DROP TABLE IF EXISTS "{rtree_name(name, GEOM)}"')
        connection.execute(CreateTable(table))
        self._fill(connection, ready, srid)
        for statement in index_sql(ready.layer, f'"{name}"', sqlite=True).values():
            run(statement)
        extent: Sequence[float | None] = (None,) * 4
        if ready.geometry is not None:
            self._index(connection, name, ready.geometry)
            extent = _extent(ready.geometry)
        # the identifier is unique in the file, and QGIS shows the description
        run("DELETE FROM gpkg_geometry_columns WHERE table_name = ?", (name,))
        run("DELETE FROM gpkg_contents WHERE table_name = ?", (name,))
        run(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, "
            "srs_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, "features" if spatial else "attributes", name, ready.layer.zh, *extent, srid if spatial else None),
        )
        if spatial:
            dimensions = int(bool(shapely.has_z(ready.geometry).any())) * 2
            run(
                "INSERT INTO gpkg_geometry_columns VALUES (?, ?, ?, ?, ?, 0)",
                (name, GEOM, ready.declared, srid, dimensions),
            )

    def clear_layer(self, connection: Connection, layer: Layer) -> None:
        """Leave the layer with the columns of the schema and no rows."""
        crs = self.crs_of(connection)
        ready = no_rows(layer)
        self.fresh_layer(connection, ready, crs)
        self.put_kept(connection, layer.name, ready.kept)

    def save_as(self, path: Path) -> None:
        """Write the store to another file by VACUUM INTO: copying the file alone would lose what the log holds."""
        with closing(self._engine.raw_connection()) as connection:
            try:
                connection.cursor().execute("VACUUM INTO ?", (str(path),))
            except sqlite3.Error as error:
                raise self.explain(error) or error from error

    def _fill(self, connection: Connection, ready: Ready, srid: int) -> None:
        columns = [FID, *(item.column for item in ready.kept)]
        values: list[Sequence[Any]] = [range(1, ready.count + 1), *ready.values]
        if ready.geometry is not None:
            columns.append(GEOM)
            values.append(blobs(ready.geometry, srid))
        if ready.count:
            names = ", ".join(f'"{one}"' for one in columns)
            marks = ", ".join("?" * len(columns))
            connection.exec_driver_sql(
                f'INSERT INTO "{ready.layer.name}" ({names}) VALUES ({marks})',  # noqa: S608 - names made safe
                list(zip(*values, strict=True)),
            )

    def _index(self, connection: Connection, name: str, geometry: np.ndarray) -> None:
        make, triggers = rtree_sql(name, GEOM, FID)
        connection.exec_driver_sql(make)
        bounds = shapely.bounds(geometry)[:, [0, 2, 1, 3]]
        filled = np.flatnonzero(np.isfinite(bounds).all(axis=1))
        if len(filled):
            rows = [(i + 1, *box) for i, box in zip(filled.tolist(), bounds[filled].tolist(), strict=True)]
            connection.exec_driver_sql(
                f'INSERT INTO "{rtree_name(name, GEOM)}" VALUES (?, ?, ?, ?, ?)',  # noqa: S608 - name of a layer
                rows,
            )
        for trigger in triggers:
            connection.exec_driver_sql(trigger)
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO gpkg_extensions VALUES (?, ?, 'gpkg_rtree_index', ?, 'write-only')",
            (name, GEOM, _RTREE_DEFINITION),
        )

    def _lock(self, connection: Connection) -> None:
        """Nothing to do: BEGIN IMMEDIATE has the one lock that there is."""

    def _geometry_column(self, table: Table) -> Any:
        return table.c[GEOM]

    def _geometries(self, values: Sequence[Any]) -> np.ndarray:
        return np.asarray(shapely.from_wkb(np.array(wkb_of(values), dtype=object)), dtype=object)

    def _near(self, table: Table, box: Box) -> Any:
        minx, miny, maxx, maxy = box
        tree = _rtree(table.name)
        found = select(tree.c.id).where(
            tree.c.maxx >= minx, tree.c.minx <= maxx, tree.c.maxy >= miny, tree.c.miny <= maxy
        )
        return table.c[FID].in_(found)


def _extent(geometry: np.ndarray) -> Sequence[float | None]:
    """minx, miny, maxx, maxy of all that have an extent; four None where none has."""
    bounds = shapely.bounds(geometry)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    return [*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist()] if len(bounds) else [None] * 4


def _rtree(table: str) -> Any:
    return plain_table(rtree_name(table, GEOM), *(column(name) for name in ("id", "minx", "maxx", "miny", "maxy")))


def _engine(path: Path, *, new: bool, busy_seconds: float) -> Engine:
    """SQLite with the transactions, functions and journal that a shared GeoPackage needs."""
    mode = "rwc" if new else "rw"
    location = f"file:{quote(str(path.resolve()))}?mode={mode}&uri=true"
    engine = create_engine(
        f"sqlite:///{location}",
        poolclass=QueuePool,
        max_overflow=-1,  # as many readers as a service has threads
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        # transactions are opened below, in words: the driver's own way starts them too late
        connection.isolation_level = None
        for name, function in envelope_functions().items():
            connection.create_function(name, 1, function, deterministic=True)
        if new:
            # in the file itself, not in the log, since GDAL looks at the file's first bytes
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {USER_VERSION}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        # QGIS turns the log off when it closes a file, a backup comes without one; a read-only file stays as it is
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # a reader that turns writer fails at once when another one wrote: writers say so from the start
        writes = connection.get_execution_options().get("gridmap_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
