"""What both stores share: the promise of `gridmap.stores.base`, kept with SQLAlchemy Core.

A keeper adds how it connects, makes and fills tables and finds by a box; see `geopackage` and `postgis`.
"""

from __future__ import annotations

import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import compress
from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from gridmap.stores.base import Account, Store
from gridmap.stores.frames import Ready, make_ready, schema_columns, to_frame
from gridmap.stores.history import with_past
from gridmap.stores.incident_log import put_back
from gridmap.stores.models import FID, GEOM, Kept, control_tables, layer_table
from gridmap.stores.scope import CODE_OF, LEVEL_OF, covering, starts_with, valid_on
from gridmap.stores.unchanged import while_unchanged
from layers.errors import GridmapError, StoreBusy, WrongCall
from layers.schema import LAYERS, Layer, layer

__all__ = ["RESERVED", "SqlStore", "check_facts", "new_version"]

#: Facts that the store keeps about itself; not part of `meta()`.
RESERVED = ("schema_version", "crs")

Box = tuple[float, float, float, float]


class SqlStore(Store, ABC):
    """A city in a database; open one with `gridmap.stores.open_store`."""

    def __init__(self, url: str, engine: Engine, schema: str | None) -> None:
        self.url = url
        self.schema = schema
        self._engine = engine
        self.control = control_tables(schema)
        self._crs: tuple[str | None, pyproj.CRS] | None = None
        # a transaction over several calls belongs to the thread that opened it
        self._held = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title}>"

    # what a keeper adds

    @property
    @abstractmethod
    def title(self) -> str:
        """The store as messages call it, without a password."""

    @abstractmethod
    def explain(self, error: BaseException | None) -> GridmapError | None:
        """The driver's error in words a clerk can act on; None where it is a bug."""

    @abstractmethod
    def scaffold(self, connection: Connection, crs: pyproj.CRS) -> None:
        """Make what the database needs before any table of ours."""

    @abstractmethod
    def srid(self, connection: Connection, crs: pyproj.CRS) -> int:
        """The number by which the database knows the CRS; it is made known where it was not."""

    @abstractmethod
    def fresh_layer(self, connection: Connection, ready: Ready, crs: pyproj.CRS) -> None:
        """Put a layer's rows, and the columns for them, in place of the old ones."""

    @abstractmethod
    def clear_layer(self, connection: Connection, layer: Layer) -> None:
        """Leave a layer of the store without rows."""

    @abstractmethod
    def _lock(self, connection: Connection) -> None:
        """Let no other writer change layers until the transaction ends."""

    @abstractmethod
    def _geometry_column(self, table: Table) -> Any:
        """The expression that selects the geometry."""

    @abstractmethod
    def _geometries(self, values: Sequence[Any]) -> np.ndarray:
        """What `_geometry_column` selected, as shapely geometries."""

    @abstractmethod
    def _near(self, table: Table, box: Box) -> Any:
        """A condition that finds, by the spatial index, at least all rows whose extent meets the box."""

    # transactions

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            plain = self.explain(error.orig)
            if plain is None:
                raise
            raise plain from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store."""
        held = self._held_connection
        if held is not None:
            yield held
            return
        with self._speaking(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def changing(self, *, layers: bool = True) -> Iterator[Connection]:
        """A transaction that writes, all or nothing; `layers` where it changes more than an account."""
        held = self._held_connection
        if held is not None:
            yield held
            return
        with (
            self._speaking(),
            self._engine.connect().execution_options(gridmap_writes=True) as connection,
            connection.begin(),
        ):
            if layers:
                self._lock(connection)
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Everything that this thread does with the store inside the block is one transaction, all or nothing."""
        with self.changing() as connection, self._holding(connection):
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Everything that this thread reads from the store inside the block is of one moment."""
        with self.reading() as connection, self._holding(connection):
            yield connection

    @property
    def _held_connection(self) -> Connection | None:
        return getattr(self._held, "connection", None)

    @contextmanager
    def _holding(self, connection: Connection) -> Iterator[None]:
        before = self._held_connection
        self._held.connection = connection
        try:
            yield
        finally:
            self._held.connection = before

    def stamp(self) -> object | None:
        """Something that is another one after every change to the store; None where asking costs as much as reading."""
        return None

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    # facts

    @property
    def crs(self) -> pyproj.CRS:
        """The city's metric CRS."""
        with self.reading() as connection:
            return self.crs_of(connection)

    def crs_of(self, connection: Connection) -> pyproj.CRS:
        """The city's CRS as a transaction sees it: another process may build the city anew in another one."""
        wkt = self.fact(connection, "crs")
        if self._crs is None or self._crs[0] != wkt:
            self._crs = (wkt, pyproj.CRS.from_user_input(wkt))
        return self._crs[1]

    def fact(self, connection: Connection, key: str) -> str | None:
        """One fact, also a reserved one; None where there is none."""
        table = self.control["gridmap_meta"]
        return connection.execute(select(table.c.value).where(table.c.key == key)).scalar()

    def put_facts(self, connection: Connection, facts: dict[str, str]) -> None:
        """Keep facts, also reserved ones, within a transaction."""
        table = self.control["gridmap_meta"]
        connection.execute(delete(table).where(table.c.key.in_(list(facts))))
        if facts:
            connection.execute(insert(table), [{"key": key, "value": value} for key, value in facts.items()])

    @while_unchanged
    def meta(self) -> dict[str, str]:
        """Facts about the city as text, by name."""
        table = self.control["gridmap_meta"]
        with self.reading() as connection:
            rows = connection.execute(select(table.c.key, table.c.value).order_by(table.c.key)).all()
        return {key: value for key, value in rows if key not in RESERVED}

    def set_meta(self, **facts: str) -> None:
        """Keep facts about the city, over those of the same name."""
        check_facts(facts)
        with self.changing(layers=False) as connection:
            self.put_facts(connection, facts)

    # layers

    def kept(self, connection: Connection, name: str) -> tuple[Kept, ...]:
        """The columns that a layer has in the store; empty where the store never had the layer."""
        table = self.control["gridmap_columns"]
        query = select(table.c.name, table.c.column, table.c.kind).where(table.c.layer == name)
        return tuple(Kept(*row) for row in connection.execute(query.order_by(table.c.position)))

    def put_kept(self, connection: Connection, name: str, kept: Sequence[Kept]) -> None:
        """Write down which columns a layer has."""
        table = self.control["gridmap_columns"]
        connection.execute(delete(table).where(table.c.layer == name))
        connection.execute(insert(table), [
            {"layer": name, "position": position, "name": item.name, "column": item.column, "kind": item.kind}
            for position, item in enumerate(kept)
        ])

    @while_unchanged
    def layers(self) -> list[str]:
        """Names of the layers that have rows, in the order of the schema."""
        with self.reading() as connection:
            return [
                name for name, item in LAYERS.items()
                if (kept := self.kept(connection, name))
                and connection.execute(select(layer_table(item, kept, schema=self.schema).c.fid).limit(1)).first()
            ]

    @while_unchanged
    def count(self, layer: str, *, within: Sequence[str] = ("",)) -> int:
        """How many rows the layer has within the areas."""
        item = _layer(layer, within)
        if layer not in CODE_OF and item.geometry and covering(within) != [""]:
            return len(self.read(layer, within=within))
        with self.reading() as connection:
            kept = self.kept(connection, layer)
            if not kept:
                return 0
            table = layer_table(item, kept, schema=self.schema)
            counting = select(func.count()).select_from(table)
            for condition in _by_code(table, item, within):
                counting = counting.where(condition)
            return int(connection.execute(counting).scalar_one())

    def read(
        self,
        layer: str,
        *,
        within: Sequence[str] = ("",),
        bbox: Box | None = None,
        as_of: date | None = None,
        most: int | None = None,
    ) -> gpd.GeoDataFrame | pd.DataFrame:
        """
        Rows of a layer as a frame, the first `most` of them; see `gridmap.stores.base.Store.read`.

        Raises
        ------
        UnknownLayer
            No layer of that name.
        WrongCall
            `within` is one text instead of several, `bbox` is not (minx, miny, maxx, maxy) or the layer has no
            geometry to compare it with.
        """
        item = _layer(layer, within)
        box = None if bbox is None else _box(item, bbox)
        with self.reading() as connection:
            kept = self.kept(connection, layer)
            crs = self.crs_of(connection)
            if not kept:
                nothing = np.array([], dtype=object) if item.geometry else None
                return to_frame(item, schema_columns(item), [], nothing, crs)
            table = layer_table(item, kept, schema=self.schema)
            conditions = _by_code(table, item, within)
            whole = covering(within) == [""]
            exact = [] if box is None else [box]
            if layer not in CODE_OF and item.geometry and not whole:
                exact.append(self._area(connection, covering(within)))
            conditions += [self._near(table, shape.bounds) for shape in exact if not shape.is_empty]
            if as_of is not None and (valid := valid_on(table, as_of.isoformat())) is not None:
                conditions.append(valid)
            rows, geometry = self._fetch(connection, item, kept, table, conditions, exact, most)
        frame = to_frame(item, kept, rows, geometry, crs)
        return frame if as_of is None else with_past(self, layer, frame, within=within, bbox=bbox, as_of=as_of)

    def _fetch(
        self, connection: Connection, item: Layer, kept: Sequence[Kept], table: Table, conditions: list[Any],
        exact: list[shapely.Geometry], most: int | None,
    ) -> tuple[Sequence[Any], np.ndarray | None]:
        columns = [table.c[one.column] for one in kept]
        if item.geometry:
            columns.append(self._geometry_column(table))
        names = {one.name: one.column for one in kept}
        key = [table.c[names[name]].nulls_first() for name in item.key if name in names]
        query = select(*columns).where(*conditions).order_by(*key, table.c[FID])
        if any(shape.is_empty for shape in exact):
            query = query.limit(0)
        elif most is not None and not exact:
            query = query.limit(most)
        rows: Sequence[Any] = connection.execute(query).all()
        if not item.geometry:
            return rows, None
        geometry = self._geometries([row[-1] for row in rows])
        for shape in exact:
            # the index keeps single precision: what is in is decided here, the same way for every store
            shapely.prepare(shape)
            inside = shapely.intersects(shape, geometry)
            rows, geometry = list(compress(rows, inside))[:most], geometry[inside][:most]
        return rows, geometry

    def _area(self, connection: Connection, codes: Sequence[str]) -> shapely.Geometry:
        """The areas that codes name, joined: each from its own level, else from the units whose codes start so."""
        left, parts = set(codes), [np.array([], dtype=object)]
        for size, name in LEVEL_OF.items():
            asked = sorted(code for code in left if len(code) <= size)
            kept = self.kept(connection, name)
            if not asked or not kept:
                continue
            table = layer_table(LAYERS[name], kept, schema=self.schema)
            query = select(table.c.code, self._geometry_column(table)).where(table.c[GEOM].is_not(None))
            rows = connection.execute(query.where(starts_with(table.c.code, asked))).all()
            parts.append(self._geometries([row[1] for row in rows]))
            left -= {row[0][:length] for row in rows for length in {len(code) for code in asked}}
        return shapely.union_all(np.concatenate(parts))

    def write(self, layer: str, frame: gpd.GeoDataFrame | pd.DataFrame) -> None:
        """Put the frame in place of all rows of the layer, in one transaction; see `write_all`."""
        self.write_all([(layer, frame)])

    def write_all(self, frames: Iterable[tuple[str, gpd.GeoDataFrame | pd.DataFrame]]) -> None:
        """
        Put several layers in place, all or none.

        Raises
        ------
        UnknownLayer, WrongCall, CrsMismatch
            A frame is not one of its layer, or a layer is named twice; nothing was written.
        StoreBusy
            Another process wrote for too long; nothing was written.
        """
        # everything is judged and turned into plain values before the store is locked
        crs = self.crs
        ready = [make_ready(layer(name), frame, crs) for name, frame in frames]
        names = [item.layer.name for item in ready]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise WrongCall(f"{twice} is given twice and a layer is written once; join the frames first")
        with self.changing() as connection:
            if self.crs_of(connection) != crs:
                raise StoreBusy(f"{self.title} was built anew in another CRS meanwhile; read it and try again")
            for item in ready:
                self.fresh_layer(connection, item, crs)
                self.put_kept(connection, item.layer.name, item.kept)
            if "incidents" in names:
                put_back(self, connection)
            self.put_facts(connection, {"data_version": new_version()})

    # accounts

    def accounts(self) -> list[Account]:
        """Every account, by name."""
        table = self.control["accounts"]
        with self.reading() as connection:
            return [_account(row) for row in connection.execute(select(table).order_by(table.c.name))]

    def account(self, name: str) -> Account | None:
        """One account, or None."""
        table = self.control["accounts"]
        with self.reading() as connection:
            row = connection.execute(select(table).where(table.c.name == name)).first()
        return None if row is None else _account(row)

    def keep_account(self, account: Account) -> None:
        """Add an account or put it in place of the one of the same name, whose `created_at` stays."""
        if not account.name.strip():
            raise WrongCall("an account needs a name; give one that is not empty")
        table = self.control["accounts"]
        values = {
            "role": account.role, "area": account.area, "password_hash": account.password_hash,
            "active": account.active,
        }
        with self.changing(layers=False) as connection:
            changed = connection.execute(update(table).where(table.c.name == account.name).values(values))
            if not changed.rowcount:
                made = account.created_at or datetime.now(UTC).isoformat(timespec="seconds")
                connection.execute(insert(table).values(name=account.name, created_at=made, **values))


def new_version() -> str:
    """A fresh `data_version`: caches of the city compare it and never take an old one for it."""
    return secrets.token_hex(8)


def check_facts(facts: dict[str, str]) -> None:
    """Refuse facts that are not text or that the store keeps for itself."""
    for key, value in facts.items():
        if key in RESERVED:
            raise WrongCall(f"{key} is kept by the store itself; choose another name for the fact")
        if not isinstance(value, str):
            raise WrongCall(f"the fact {key} must be text, not {type(value).__name__}; turn it into text first")


def _account(row: Any) -> Account:
    return Account(
        name=row.name, role=row.role, area=row.area, password_hash=row.password_hash, active=bool(row.active),
        created_at=row.created_at,
    )


def _layer(name: str, within: Sequence[str]) -> Layer:
    if isinstance(within, str):
        raise WrongCall(f"within takes several codes, not the text {within!r}; write within=[{within!r}]")
    return layer(name)


def _box(item: Layer, bbox: Box) -> shapely.Geometry:
    if not item.geometry:
        raise WrongCall(f"{item.name} has no geometry to compare a box with; leave out bbox")
    bounds = np.asarray(bbox, dtype=float)
    if bounds.shape != (4,) or not np.isfinite(bounds).all() or (bounds[:2] > bounds[2:]).any():
        raise WrongCall(f"bbox is (minx, miny, maxx, maxy) in metres, not {bbox!r}; put it in that order")
    return shapely.box(*bounds)


def _by_code(table: Table, item: Layer, within: Sequence[str]) -> list[Any]:
    """Conditions for a layer whose rows carry a code; findings are about the city and belong to no smaller area."""
    if item.name in CODE_OF:
        return [starts_with(table.c[CODE_OF[item.name]], within)]
    if not item.geometry and covering(within) != [""]:
        return [table.c[FID].is_(None)]
    return []

