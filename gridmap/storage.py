"""How much a city and its installation keep: sizes, rows, versions, room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

import gridmap
from gridmap.stores.geopackage import GeoPackage
from gridmap.stores.migrations import steps_taken
from gridmap.stores.sql_store import SqlStore
from layers.schema import LAYERS

__all__ = ["Storage", "size_of", "storage_of"]


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What is kept: bytes of the store and of folders by name, free bytes of the disk, rows by layer, versions."""

    kind: str
    store_bytes: int
    folders: dict[str, int]
    free_bytes: int
    disk_bytes: int
    rows: dict[str, int]
    schema_version: int
    data_version: str
    gridmap_version: str
    built_with: str


def storage_of(store: SqlStore, folders: Mapping[str, Path]) -> Storage:
    """The state of a store and of the folders beside it.

    Parameters
    ----------
    store
        An open store.
    folders
        Name -> folder, such as `tiles`; those that do not exist hold nothing.
    """
    if isinstance(store, GeoPackage):
        log = store.path.with_name(f"{store.path.name}-wal")
        own, kind, disk = size_of(store.path) + size_of(log), "GeoPackage", store.path.resolve().parent
    else:
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relkind = 'r'"
        )
        with store.reading() as connection:
            own = int(connection.execute(text(query), {"schema": store.schema}).scalar_one())
        kind, disk = "PostGIS", next((path for path in folders.values() if path.exists()), Path.cwd())
    room = shutil.disk_usage(disk)
    facts = store.meta()
    return Storage(
        kind=kind, store_bytes=own, folders={name: size_of(path) for name, path in folders.items()},
        free_bytes=room.free, disk_bytes=room.total,
        rows={name: count for name in LAYERS if (count := store.count(name))},
        schema_version=steps_taken(store)[-1][0], data_version=facts.get("data_version", ""),
        gridmap_version=gridmap.__version__, built_with=facts.get("gridmap_version", ""),
    )


def size_of(path: Path) -> int:
    """Bytes of a file, or of everything in a folder; 0 where there is none."""
    try:
        if path.is_file():
            return path.stat().st_size
        return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    except OSError:  # something that came and went meanwhile
        return 0
