"""The tables of a store as SQLAlchemy sees them, the same for a GeoPackage and for PostGIS.

Layers come from `layers.schema.LAYERS`; a frame's further columns become real columns beside them, so that QGIS
shows them. `gridmap_columns` keeps which column of which kind stands for which name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Integer, LargeBinary, MetaData, Table, UniqueConstraint
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import UserDefinedType

from layers.schema import Layer

__all__ = [
    "FID", "GEOM", "Geometry", "Kept", "Kind", "control_tables", "index_columns", "index_sql",
    "layer_table", "safe_names",
]  # fmt: skip

#: Names of the row number and of the geometry in every layer table.
FID, GEOM = "fid", "geom"

# String would be VARCHAR, which GDAL leaves out of a GeoPackage: TEXT it is.
_SQLITE = {
    "text": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "BOOLEAN", "date": "DATE",
    "datetime": "DATETIME", "datetime_utc": "DATETIME",
}
# Collation "C" orders by bytes of UTF-8, as SQLite does: same answers, and codes find their index.
_POSTGRESQL = {
    "text": 'TEXT COLLATE "C"', "integer": "BIGINT", "number": "DOUBLE PRECISION", "boolean": "BOOLEAN",
    "date": "DATE", "datetime": "TIMESTAMP", "datetime_utc": "TIMESTAMP",
}
_RESERVED = frozenset({
    FID, GEOM, "ogc_fid", "rowid", "_rowid_", "oid", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid",
})
#: Further columns by which the rows of a long list are found and sorted.
_LISTED = {"incidents": ("category", "reported_at", "closed_at")}
#: Indexes of several columns: layer -> name -> columns. With that of incidents, those of an area are counted, narrowed
#: by state and category, and put in order by time without a look at the table.
_JOINT = {"incidents": {"ix_incidents_list": ("micro_grid", "closed_at", "status", "category", "reported_at")}}
#: The time by which a list has the newest first, and last what has none: SQLite reads any index of it backwards so,
#: PostgreSQL needs one of its own.
_NEWEST = {"incidents": "reported_at"}
_UNSAFE = re.compile(r"[^\w]+")


class Kind(UserDefinedType):
    """A column of one of `values.KINDS`, in the words of each database; values pass unchanged."""

    cache_ok = True

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        return _SQLITE[self.kind]


@compiles(Kind, "postgresql")
def _postgresql_kind(kind: Kind, compiler: Any, **_: Any) -> str:
    return _POSTGRESQL[kind.kind]


class Geometry(UserDefinedType):
    """A geometry: a GeoPackage blob of one declared type, or a PostGIS geometry of any type with its SRID."""

    cache_ok = True

    def __init__(self, declared: str, srid: int) -> None:
        self.declared = declared
        self.srid = srid

    def get_col_spec(self, **_: Any) -> str:
        return self.declared


@compiles(Geometry, "postgresql")
def _postgresql_geometry(geometry: Geometry, compiler: Any, **_: Any) -> str:
    return "geometry"


@dataclass(frozen=True)
class Kept:
    """One column of a layer as kept: the frame's `name`, the table's `column`, its `kind`."""

    name: str
    column: str
    kind: str


@cache
def control_tables(schema: str | None) -> dict[str, Table]:
    """
    The store's own tables by name: meta, steps, columns, accounts, and the logs of offices; the same objects each time.

    Examples
    --------
    >>> {"accounts", "audit", "gridmap_meta"} < set(control_tables(None))
    True
    """
    text, integer = Kind("text"), Kind("integer")
    metadata = MetaData(schema=schema)
    Table(
        "gridmap_meta", metadata, Column("key", text, primary_key=True), Column("value", text, nullable=False)
    )
    Table(
        "gridmap_steps", metadata,
        Column("number", integer, primary_key=True, autoincrement=False),
        Column("name", text, nullable=False), Column("done_at", text, nullable=False),
    )
    Table(
        "gridmap_columns", metadata,
        Column("layer", text, primary_key=True),
        Column("position", integer, primary_key=True, autoincrement=False),
        Column("name", text, nullable=False), Column("column", text, nullable=False),
        Column("kind", text, nullable=False),
    )
    Table(
        "accounts", metadata,
        Column("name", text, primary_key=True),
        Column("role", text, nullable=False), Column("area", text, nullable=False),
        Column("password_hash", text, nullable=False), Column("active", Kind("boolean"), nullable=False),
        Column("created_at", text, nullable=False),
    )
    # a log: rows are added and never changed, so that no move is lost and each has its place
    Table(
        "incident_moves", metadata,
        Column("code", text, primary_key=True),
        Column("number", integer, primary_key=True, autoincrement=False),
        Column("move", text, nullable=False),
        Column("by", text, nullable=False), Column("role", text, nullable=False), Column("at", text, nullable=False),
        Column("text", text, nullable=False), Column("from_state", text), Column("to_state", text, nullable=False),
        Column("key", text), Column("facts", text, nullable=False),
        # what a phone sends twice is one move
        UniqueConstraint("by", "key", name="incident_moves_once"),
    )
    Table(
        "incident_photos", metadata,
        Column("code", text, primary_key=True),
        Column("number", integer, primary_key=True, autoincrement=False),
        Column("move", integer, nullable=False),
        Column("width", integer, nullable=False), Column("height", integer, nullable=False),
        Column("content", LargeBinary, nullable=False),
    )
    _office_tables(metadata)
    return {table.name: table for table in metadata.tables.values()}


def _office_tables(metadata: MetaData) -> None:
    """What offices and administrators leave behind: `id` sorts by time, rows of `audit` are never changed."""
    text, integer = Kind("text"), Kind("integer")

    def known(name: str) -> Column[Any]:
        return Column(name, text, nullable=False)

    Table(
        "audit", metadata, Column("id", text, primary_key=True),
        known("at"), known("by"), known("role"), known("what"), known("area"), known("facts"),
    )
    Table(
        "export_jobs", metadata, Column("id", text, primary_key=True),
        known("at"), known("by"), known("role"), known("layers"), known("scope"), known("wishes"), known("state"),
        Column("started_at", text), Column("ended_at", text), known("message"), Column("rows", text),
        Column("size", integer), Column("sha256", text), Column("file", text), Column("removed_at", text),
    )
    Table(
        "norm_changes", metadata, Column("id", text, primary_key=True),
        known("at"), known("by"), known("kind"), Column("before", text), Column("after", text),
    )
    Table(
        "placements", metadata, Column("id", text, primary_key=True),
        known("at"), known("by"), known("layer"), known("code"), known("before"), known("after"),
        Column("undone_at", text), Column("undone_by", text),
    )


@lru_cache(maxsize=512)
def layer_table(
    layer: Layer, kept: tuple[Kept, ...], *, schema: str | None = None, declared: str = "GEOMETRY", srid: int = 0
) -> Table:
    """
    The table of a layer with the columns that it keeps; the same object for the same columns.

    Examples
    --------
    >>> from layers.schema import layer
    >>> table = layer_table(layer("roads"), (Kept("code", "code", "text"),), srid=4549)
    >>> list(table.columns.keys())
    ['fid', 'code', 'geom']
    """
    row_number = BigInteger().with_variant(Integer, "sqlite")
    columns: list[Column[Any]] = [Column(FID, row_number, Identity(), primary_key=True)]
    columns += [Column(item.column, Kind(item.kind)) for item in kept]
    if layer.geometry:
        columns.append(Column(GEOM, Geometry(declared, srid)))
    return Table(layer.name, MetaData(schema=schema), *columns, sqlite_autoincrement=True)


def index_columns(layer: Layer) -> list[str]:
    """
    Columns by which a layer is looked up: its key and the micro-grid that a thing belongs to.

    Examples
    --------
    >>> from layers.schema import layer
    >>> index_columns(layer("buildings"))
    ['code', 'micro_grid']
    """
    wanted = dict.fromkeys((*layer.key[:1], "code", "micro_grid", "area", *_LISTED.get(layer.name, ())))
    return [name for name in wanted if name in layer]


def index_sql(layer: Layer, quoted: str, *, sqlite: bool) -> dict[str, str]:
    """
    Statements that make the indexes of a layer that are not there yet, by the name of the index.

    Examples
    --------
    >>> from layers.schema import layer
    >>> index_sql(layer("estates"), '"estates"', sqlite=True)
    {'ix_estates_code': 'CREATE INDEX IF NOT EXISTS "ix_estates_code" ON "estates" ("code")'}
    """
    columns = {f"ix_{layer.name}_{column}": f'"{column}"' for column in index_columns(layer)}
    columns |= {name: ", ".join(f'"{one}"' for one in joint) for name, joint in _JOINT.get(layer.name, {}).items()}
    if not sqlite and layer.name in _NEWEST:
        columns[f"ix_{layer.name}_newest"] = f'"{_NEWEST[layer.name]}" DESC NULLS LAST, "{FID}" DESC'
    return {name: f'CREATE INDEX IF NOT EXISTS "{name}" ON {quoted} ({of})' for name, of in columns.items()}


def safe_names(names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """
    Column names that every database takes, for names as files have them.

    Letters of any script, digits and underscores stay; anything else becomes an underscore; at most 63 bytes of
    UTF-8 (PostgreSQL's limit); no name twice, however capitals are written.

    Examples
    --------
    >>> safe_names(["备注", "Code", 'x"; DROP TABLE'], taken=["code"])
    {'备注': '备注', 'Code': 'Code_2', 'x"; DROP TABLE': 'x_DROP_TABLE'}
    """
    used = {name.casefold() for name in taken} | _RESERVED
    safe: dict[str, str] = {}
    for name in names:
        stem = _UNSAFE.sub("_", _shortened(name, 63)).strip("_") or "column"
        candidate, number = stem, 1
        while candidate.casefold() in used:
            number += 1
            candidate = f"{_shortened(stem, 63 - len(f'_{number}'))}_{number}"
        used.add(candidate.casefold())
        safe[name] = candidate
    return safe


def _shortened(name: str, size: int) -> str:
    return name.encode(errors="replace")[:size].decode(errors="ignore")
