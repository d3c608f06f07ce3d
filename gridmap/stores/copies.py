"""A city copied whole: to another store, or to a file as a backup."""

from __future__ import annotations

import secrets
from pathlib import Path

from gridmap.stores.geopackage import GeoPackage
from gridmap.stores.incident_log import copy_log
from gridmap.stores.keepers import writing
from gridmap.stores.records import carry_records
from gridmap.stores.sql_store import SqlStore
from layers.errors import NotFound, WrongCall

__all__ = ["backup", "copy_store"]


def copy_store(source: SqlStore, url: str | Path) -> None:
    """
    Copy a city with its facts, layers, accounts, moves, photos and logs, of one moment, in place of what `url` holds.

    Accounts that only the other city had stay there; its moves and photos do not, since its incidents go.

    Raises
    ------
    WrongCall
        `url` is the city itself, or no city's name.
    CrsMismatch, NotACity, NotFound, StoreBusy, StoreTooNew
        As `gridmap.stores.writing`; nothing was changed.

    Examples
    --------
    >>> import tempfile
    >>> from gridmap.stores import create_store, open_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> with create_store(f"{folder.name}/one.gpkg", crs=4549, name="玉溪里") as one:
    ...     copy_store(one, f"{folder.name}/two.gpkg")
    >>> with open_store(f"{folder.name}/two.gpkg") as two:
    ...     two.meta()["name"]
    '玉溪里'
    >>> folder.cleanup()
    """
    with source.snapshot():
        crs, meta, accounts = source.crs, source.meta(), source.accounts()
        if _same(source, url):
            raise WrongCall(f"{source.title} cannot be copied onto itself; name another city")
        frames = [(name, source.read(name)) for name in source.layers()]
        with writing(url, crs=crs, **meta) as target:
            # first, since the layer is held to the log
            copy_log(source, target)
            target.write_all(frames)
            # the copy holds the same data, so caches of it stay true
            target.set_meta(**meta)
            for account in accounts:
                target.keep_account(account)
            carry_records(source, target)


def backup(store: SqlStore, file: str | Path) -> Path:
    """
    Write a city, of one moment and with its accounts, to a GeoPackage that does not exist yet.

    Raises
    ------
    WrongCall
        The file exists, or does not end in ``.gpkg``.
    NotFound
        Its folder does not exist.
    """
    path = Path(file)
    if path.suffix.lower() != ".gpkg":
        raise WrongCall(f"a backup is a GeoPackage and {path.name} does not end in .gpkg; name it so")
    if path.exists():
        raise WrongCall(f"{path} exists already; choose another name or remove it first")
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}; make it first")
    if not isinstance(store, GeoPackage):
        copy_store(store, path)
        return path
    side = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.gpkg")
    try:
        store.save_as(side)
        side.replace(path)
    finally:
        side.unlink(missing_ok=True)
    return path


def _same(source: SqlStore, url: str | Path) -> bool:
    if isinstance(source, GeoPackage):
        return Path(url).exists() and source.path.exists() and Path(url).samefile(source.path)
    return str(url) == source.url
