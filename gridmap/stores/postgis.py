"""A city in PostGIS: the store for many writers and large cities.

All tables stand in one schema (`gridmap`, or the one that the URL names with `?schema=`), so that several cities
share a database. Through psycopg 3; rows go in by COPY.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
import pyproj
import shapely
from sqlalchemy import URL, Connection, Engine, Table, create_engine, delete, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateSchema, CreateTable

from gridmap.stores.frames import Ready, epsg_number
from gridmap.stores.models import GEOM, Kind, index_sql, layer_table
from gridmap.stores.sql_store import Box, SqlStore
from layers.errors import BadFile, DataBroken, GridmapError, NotACity, NotFound, StoreBusy, WrongCall
from layers.schema import Layer

__all__ = ["Postgis"]

#: PostGIS leaves SRIDs from here to 998999 to its users.
_OWN_SRID = 910_000
_BUSY = (
    psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure,
)


class Postgis(SqlStore):
    """A store in one schema of a PostGIS database.

    Parameters
    ----------
    url
        ``postgresql://user@host:port/database``, with ``?schema=name`` where it is not `gridmap`.
    busy_seconds
        How long a writer waits for another one before `StoreBusy`.

    Raises
    ------
    WrongCall
        The URL cannot be read.
    """

    def __init__(self, url: str, *, busy_seconds: float = 15.0) -> None:
        self._address, schema = _parsed(url)
        self._busy_seconds = busy_seconds
        super().__init__(url, _engine(self._address, busy_seconds), schema)
        self.schema: str = schema

    @property
    def title(self) -> str:
        """The URL without its password."""
        address = self._address.set(drivername="postgresql")
        return f"{address.render_as_string(hide_password=True)}, schema {self.schema}"

    def explain(self, error: BaseException | None) -> GridmapError | None:
        """What PostgreSQL complained about, in words; None where it is a bug."""
        return _explained(error, self.title)

    def scaffold(self, connection: Connection, crs: pyproj.CRS) -> None:
        """Make the schema, and PostGIS where the database does not have it yet."""
        if connection.execute(text("SHOW server_encoding")).scalar() != "UTF8":
            raise NotACity(f"{self.title} is not kept in UTF-8; make the database with ENCODING 'UTF8'")
        if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'postgis'")).scalar() is None:
            connection.execute(text("CREATE EXTENSION postgis"))
        connection.execute(CreateSchema(self.schema, if_not_exists=True))

    def srid(self, connection: Connection, crs: pyproj.CRS) -> int:
        """The SRID of the CRS: its EPSG number, or one of our own from 910000."""
        wkt, epsg = crs.to_wkt("WKT1_GDAL"), epsg_number(crs)
        by_number, by_text = "WHERE srid = :srid AND :wkt <> ''", "WHERE :srid = 0 AND srtext = :wkt"
        known = connection.execute(
            text(f"SELECT srid FROM spatial_ref_sys {by_number if epsg else by_text}"),  # noqa: S608 - one of two
            {"srid": epsg or 0, "wkt": wkt},
        ).scalar()
        if known is not None:
            return int(known)
        number = epsg or int(connection.execute(
            text("SELECT greatest(:own, max(srid) + 1) FROM spatial_ref_sys WHERE srid < 998999"), {"own": _OWN_SRID}
        ).scalar_one())
        with warnings.catch_warnings():
            # a PROJ string says less than WKT, and PostGIS computes with the PROJ string
            warnings.filterwarnings("ignore", "You will likely lose important projection information")
            proj = crs.to_proj4()
        connection.execute(
            text("INSERT INTO spatial_ref_sys VALUES (:srid, :name, :number, :wkt, :proj)"),
            {"srid": number, "name": "EPSG" if epsg else "gridmap", "number": number, "wkt": wkt, "proj": proj},
        )
        return number

    def fresh_layer(self, connection: Connection, ready: Ready, crs: pyproj.CRS) -> None:
        """Put the rows in place of the old ones; the table itself stays, with the rights granted on it."""
        spatial = ready.geometry is not None
        srid = self.srid(connection, crs) if spatial else 0
        table = layer_table(ready.layer, ready.kept, schema=self.schema, srid=srid)
        old = {item.column: item.kind for item in self.kept(connection, table.name)}
        name = self._quoted(connection, table)
        if not old:
            connection.execute(CreateTable(table))
            if spatial:
                self._run(connection, f'CREATE INDEX "ix_{table.name}_{GEOM}" ON {name} USING gist ({GEOM})')
        else:
            # not TRUNCATE, which readers of an older state would see
            self._run(connection, f"DELETE FROM {name}")  # noqa: S608 - name of a layer
            self._fit_columns(connection, name, old, ready)
        # a column that went took its indexes along
        for statement in index_sql(ready.layer, name, sqlite=False).values():
            self._run(connection, statement)
        if spatial:
            self._declare(connection, table, ready.declared, srid)
        self._fill(connection, name, ready, srid)

    def clear_layer(self, connection: Connection, layer: Layer) -> None:
        """Delete the layer's rows, and the rules that they had to keep where the CRS is another one now."""
        kept = self.kept(connection, layer.name)
        if kept:
            table = layer_table(layer, kept, schema=self.schema)
            connection.execute(delete(table))
            if layer.geometry:
                self._declare(connection, table, None, self.srid(connection, self.crs_of(connection)))

    def _fit_columns(self, connection: Connection, name: str, old: dict[str, str], ready: Ready) -> None:
        wanted = {item.column: item.kind for item in ready.kept}
        compiler = connection.dialect.type_compiler_instance
        for column, kind in old.items():
            if wanted.get(column) != kind:
                self._run(connection, f"ALTER TABLE {name} DROP COLUMN {_quote(column)}")
        for column, kind in wanted.items():
            if old.get(column) != kind:
                self._run(connection, f"ALTER TABLE {name} ADD {_quote(column)} {compiler.process(Kind(kind))}")

    def _declare(self, connection: Connection, table: Table, declared: str | None, srid: int) -> None:
        """SRID and type as constraints, from which QGIS learns them; a typmod would refuse heights.

        None leaves the type. Nothing is touched that is so already: a change waits for every reader.
        """
        have = connection.execute(
            text("SELECT srid, type FROM geometry_columns WHERE f_table_schema = :schema AND f_table_name = :name"),
            {"schema": self.schema, "name": table.name},
        ).one()
        rules = []
        if have.srid != srid:
            rules.append(("enforce_srid_geom", f"st_srid({GEOM}) = {srid}"))
        if declared is not None and have.type != declared:
            rules.append(("enforce_geotype_geom", f"geometrytype({GEOM}) = '{declared}'"))
        name = self._quoted(connection, table)
        for rule, check in rules:
            self._run(connection, f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {rule}")
            if not check.endswith("'GEOMETRY'"):
                self._run(connection, f"ALTER TABLE {name} ADD CONSTRAINT {rule} CHECK ({check})")

    def _fill(self, connection: Connection, name: str, ready: Ready, srid: int) -> None:
        columns = [item.column for item in ready.kept]
        values: list[Sequence[Any]] = list(ready.values)
        if ready.geometry is not None:
            columns.append(GEOM)
            with_srid = shapely.set_srid(ready.geometry, srid)
            values.append(shapely.to_wkb(with_srid, hex=True, include_srid=True, output_dimension=4))
        if not ready.count:
            return
        driver: Any = connection.connection.driver_connection
        names = ", ".join(_quote(column) for column in columns)
        try:
            with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({names}) FROM STDIN") as copy:
                # COPY takes rows one at a time
                for row in zip(*values, strict=True):
                    copy.write_row(row)
        except psycopg.Error as error:
            raise _explained(error, self.title) or error from error

    def _lock(self, connection: Connection) -> None:
        number = zlib.crc32(f"gridmap:{self.schema}".encode())
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})

    def _geometry_column(self, table: Table) -> Any:
        return func.ST_AsEWKB(table.c[GEOM])

    def _geometries(self, values: Sequence[Any]) -> np.ndarray:
        wkb = np.array([None if value is None else bytes(value) for value in values], dtype=object)
        return np.asarray(shapely.set_srid(shapely.from_wkb(wkb), 0), dtype=object)

    def _near(self, table: Table, box: Box) -> Any:
        # asked once for the query: an SRID asked of every row would keep the index out
        row = table.alias().c[GEOM]
        srid = select(func.ST_SRID(row)).where(row.is_not(None)).limit(1).scalar_subquery()
        return table.c[GEOM].op("&&")(func.ST_MakeEnvelope(*box, srid))

    def _run(self, connection: Connection, statement: str) -> None:
        connection.exec_driver_sql(statement)

    def _quoted(self, connection: Connection, table: Table) -> str:
        return connection.dialect.identifier_preparer.format_table(table)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parsed(url: str) -> tuple[URL, str]:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise WrongCall("the database URL cannot be read; write postgresql://user@host:port/database") from error
    schema = address.query.get("schema", "gridmap")
    if not isinstance(schema, str) or not re.fullmatch(r"\w{1,60}", schema):
        raise WrongCall("the schema in the database URL is a name of letters, digits and _; write ?schema=name once")
    return address.set(drivername="postgresql+psycopg").difference_update_query(["schema"]), schema


def _explained(error: BaseException | None, title: str) -> GridmapError | None:
    if isinstance(error, _BUSY):
        return StoreBusy(f"{title} is being written by another process; try again when it is done")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return BadFile(f"{title} refused ({_first_line(error)}); ask the database's owner for the right")
    if isinstance(error, psycopg.errors.FeatureNotSupported) and "extension" in str(error):
        return BadFile(f"{title} has no PostGIS; install PostGIS on its server")
    if isinstance(error, (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable)):
        said = _first_line(error)
        return DataBroken(f"{title} lacks what gridmap made ({said}); build it again or restore a backup")
    if isinstance(error, psycopg.errors.DiskFull):
        return BadFile(f"{title} cannot be written ({_first_line(error)}); make room on the disk and try again")
    if isinstance(error, psycopg.OperationalError):
        return NotFound(f"{title} does not answer ({_first_line(error)}); check address, name and password")
    return None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _engine(address: URL, busy_seconds: float) -> Engine:
    engine = create_engine(address, pool_pre_ping=True, max_overflow=-1)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        if not connection.get_execution_options().get("gridmap_writes"):
            # a reader sees one state throughout; a writer must see what was written while it waited for its turn
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(busy_seconds * 1000)}")

    return engine
