"""From a URL to the store that keeps it: made, opened, or built anew in place of the old one."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyproj
from sqlalchemy import delete

from gridmap.stores.frames import metric
from gridmap.stores.geopackage import GeoPackage
from gridmap.stores.incident_log import put_back
from gridmap.stores.migrations import check_version, found, lay_ground, migrate_store
from gridmap.stores.postgis import Postgis
from gridmap.stores.sql_store import RESERVED, SqlStore, check_facts, new_version
from layers.errors import NotACity, NotFound, WrongCall
from layers.schema import LAYERS

__all__ = ["BUSY_SECONDS", "create_store", "keeper", "open_store", "writing"]

#: How long a writer waits for another one.
BUSY_SECONDS = 15.0


def create_store(url: str | Path, *, crs: Any, **meta: str) -> SqlStore:
    """
    Make an empty city and open it.

    Parameters
    ----------
    url
        A path ending in ``.gpkg`` that does not exist yet, or a ``postgresql://`` URL without a city.
    crs
        The city's metric CRS, as pyproj takes it: an EPSG number, "EPSG:4549", WKT.
    meta
        Facts about the city as text: `name`, `seed`, ...

    Raises
    ------
    WrongCall
        There is a city (or another file) already, or the URL is of neither kind.
    NotFound
        No such folder, or no database answers.
    CrsMismatch
        The CRS does not measure in metres.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with create_store(f"{folder.name}/city.gpkg", crs=4549, name="玉溪里") as store:
    ...     store.meta()["name"], store.crs.to_epsg(), store.layers()
    ('玉溪里', 4549, [])
    >>> folder.cleanup()
    """
    known = metric(crs)
    check_facts(meta)
    path = gpkg_path(url)
    if path is not None:
        if path.exists():
            raise WrongCall(f"{path} exists already; choose another name or remove it first")
        return _new_file(path, known, meta)
    store = Postgis(str(url))
    try:
        with store.transaction() as connection:
            if found(store, connection):
                raise WrongCall(f"{store.title} holds a city already; choose another schema or remove it first")
            lay_ground(store, connection, known, meta)
    except BaseException:
        store.close()
        raise
    return store


def open_store(url: str | Path, *, busy_seconds: float = BUSY_SECONDS) -> SqlStore:
    """
    Open a city that exists.

    Parameters
    ----------
    url
        A path ending in ``.gpkg``, or a ``postgresql://`` URL.
    busy_seconds
        How long a writer waits for another one before `StoreBusy`.

    Raises
    ------
    NotFound
        No such file, or no database answers.
    NotACity
        The file or database holds no city of gridmap.
    StoreTooNew, StoreTooOld
        The city was kept by another gridmap.
    WrongCall
        The URL is of neither kind.
    """
    store = keeper(url, busy_seconds)
    try:
        check_version(store)
    except BaseException:
        store.close()
        raise
    return store


@contextmanager
def writing(url: str | Path, *, crs: Any, **meta: str) -> Iterator[SqlStore]:
    """
    A city built anew: whole when the block ends well, as if nothing had been when it does not.

    A new GeoPackage grows under another name in the same folder and takes its own at the end. A city that exists
    is rewritten within one transaction: readers see the old one until the end, its accounts and the log of incidents
    stay, facts and layers that are not written again go; reports of the desk are rows again. Compute first and then
    open the block, since nobody else can write meanwhile; in PostGIS readers wait too, where a layer gets other
    columns or another CRS than it had.

    Parameters
    ----------
    url, crs, meta
        As for `create_store`, but the city may exist.

    Raises
    ------
    NotACity
        There is a file or database that is not a city of gridmap; it is left alone.
    CrsMismatch, NotFound, StoreBusy, StoreTooNew, WrongCall
        As `create_store` and `open_store`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with writing(f"{folder.name}/city.gpkg", crs=4549, name="old"): pass
    >>> with writing(f"{folder.name}/city.gpkg", crs=4527, name="new"): pass
    >>> with open_store(f"{folder.name}/city.gpkg") as store:
    ...     store.meta()["name"], store.crs.to_epsg()
    ('new', 4527)
    >>> folder.cleanup()
    """
    known = metric(crs)
    check_facts(meta)
    path = gpkg_path(url)
    if path is not None and not path.exists():
        side = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.gpkg")
        try:
            with _new_file(side, known, meta) as new:
                yield new
            _move(side, path)
        finally:
            _remove(side)
        return
    with keeper(url) as store, store.transaction() as connection:
        if path is None and not found(store, connection):
            lay_ground(store, connection, known, meta)
        else:
            migrate_store(store)
            _empty(store, connection, known, meta)
        yield store
        put_back(store, connection)


def keeper(url: str | Path, busy_seconds: float = BUSY_SECONDS) -> SqlStore:
    """
    The store of a URL, whatever its version; the file must exist, a database need not hold a city.

    Raises
    ------
    NotFound, NotACity, WrongCall
        No such file, a file of another kind, or a URL of neither kind.
    """
    path = gpkg_path(url)
    if path is None:
        return Postgis(str(url), busy_seconds=busy_seconds)
    if not path.is_file():
        raise NotFound(f"there is no city at {path}; make one with gridmap build")
    if not _is_sqlite(path):
        raise NotACity(f"{path} is no GeoPackage; give the .gpkg that gridmap build made")
    return GeoPackage(path, busy_seconds=busy_seconds)


def _is_sqlite(path: Path) -> bool:
    """Whether SQLite takes a file for its own.

    SQLite itself is asked: opening and closing the file any other way would drop the locks that this process holds on
    it, another process would then take the log of an open city for its own, and reading would end in a disk error.
    """
    if not path.stat().st_size:
        return False
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as asked:
            asked.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:
        return True  # busy, or a log that cannot be read here: whoever opens it is told
    except sqlite3.DatabaseError:
        return False
    return True


def gpkg_path(url: str | Path) -> Path | None:
    """
    The path of a GeoPackage; None for a database.

    Raises
    ------
    WrongCall
        The URL is of neither kind.

    Examples
    --------
    >>> gpkg_path("city.gpkg").name, gpkg_path("postgresql://localhost/city")
    ('city.gpkg', None)
    """
    if isinstance(url, str) and url.startswith(("postgresql://", "postgres://")):
        return None
    if str(url).lower().endswith(".gpkg"):
        return Path(url)
    raise WrongCall(f"{str(url)[:80]!r} is no city; give a path ending in .gpkg or a postgresql:// URL")


def _new_file(path: Path, crs: pyproj.CRS, meta: dict[str, str]) -> GeoPackage:
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}; make it first")
    store = GeoPackage(path, new=True)
    try:
        with store.transaction() as connection:
            lay_ground(store, connection, crs, meta)
    except BaseException:
        store.close()
        _remove(path)
        raise
    return store


def _empty(store: SqlStore, connection: Any, crs: pyproj.CRS, meta: dict[str, str]) -> None:
    """Leave a store as a new one is, but for its accounts and the log of incidents."""
    facts = store.control["gridmap_meta"]
    connection.execute(delete(facts).where(facts.c.key.not_in(RESERVED)))
    store.put_facts(connection, {"crs": crs.to_wkt("WKT2_2019"), "data_version": new_version(), **meta})
    for layer in LAYERS.values():
        store.clear_layer(connection, layer)


def _move(side: Path, path: Path) -> None:
    """Give a closed GeoPackage its name, once it is on the disk."""
    with side.open("rb+") as file:
        os.fsync(file.fileno())
    # the log of a city that was removed by hand would be played into the new one
    _remove_log(path)
    try:
        # a link, unlike a move, never takes the place of a city that came up meanwhile
        path.hardlink_to(side)
    except FileExistsError:
        raise WrongCall(f"{path} was made by another process meanwhile; build again to replace it") from None
    except OSError:
        # a disk without links
        side.replace(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _remove_log(path)


def _remove_log(path: Path) -> None:
    """Take away what SQLite keeps beside a file, where the file itself is not there."""
    if not path.exists():
        for end in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + end).unlink(missing_ok=True)
