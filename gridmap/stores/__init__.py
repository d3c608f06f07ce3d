"""A city kept: in a GeoPackage or in PostGIS, with one promise (`Store`).

`CITY` is a path that ends in ``.gpkg`` or a ``postgresql://`` URL. The same frames go in, the same frames come out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridmap.stores.base import Account, Store
from gridmap.stores.frames import metric
from gridmap.stores.geopackage import GeoPackage
from gridmap.stores.migrations import check_version, found, lay_ground, migrate_store
from gridmap.stores.postgis import Postgis
from gridmap.stores.sql_store import SqlStore, check_facts
from layers.errors import NotACity, NotFound, WrongCall

__all__ = ["Account", "Store", "create_store", "migrate", "open_store"]


def create_store(url: str | Path, *, crs: Any, **meta: str) -> Store:
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
    path = _file(url)
    if path is None:
        store: SqlStore = Postgis(str(url))
    else:
        if path.exists():
            raise WrongCall(f"{path} exists already; choose another name or remove it first")
        if not path.parent.is_dir():
            raise NotFound(f"there is no folder {path.parent}; make it first")
        store = GeoPackage(path, new=True)
    try:
        with store.transaction(), store.changing() as connection:
            if found(store, connection):
                raise WrongCall(f"{store.title} holds a city already; choose another schema or remove it first")
            lay_ground(store, connection, known, meta)
    except BaseException:
        store.close()
        if path is not None:
            path.unlink(missing_ok=True)
        raise
    return store


def open_store(url: str | Path, *, busy_seconds: float = 15.0) -> Store:
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
    store = _keeper(url, busy_seconds)
    try:
        check_version(store)
    except BaseException:
        store.close()
        raise
    return store


def migrate(url: str | Path) -> list[str]:
    """
    Bring a city up to date; running it twice is safe.

    Returns
    -------
    Names of the steps taken.

    Raises
    ------
    NotFound, NotACity, StoreTooNew, StoreBusy, WrongCall
        As `open_store`.
    """
    with _keeper(url, 15.0) as store:
        return migrate_store(store)


def _keeper(url: str | Path, busy_seconds: float) -> SqlStore:
    path = _file(url)
    if path is None:
        return Postgis(str(url), busy_seconds=busy_seconds)
    if not path.is_file():
        raise NotFound(f"there is no city at {path}; make one with gridmap build")
    with path.open("rb") as file:
        if not file.read(16).startswith(b"SQLite format 3"):
            raise NotACity(f"{path} is no GeoPackage; give the .gpkg that gridmap build made")
    return GeoPackage(path, busy_seconds=busy_seconds)


def _file(url: str | Path) -> Path | None:
    """The path of a GeoPackage; None for a database."""
    if isinstance(url, str) and url.startswith(("postgresql://", "postgres://")):
        return None
    if str(url).lower().endswith(".gpkg"):
        return Path(url)
    raise WrongCall(f"{str(url)[:80]!r} is no city; give a path ending in .gpkg or a postgresql:// URL")
