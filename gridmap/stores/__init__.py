"""A city kept: in a GeoPackage or in PostGIS, with one promise (`Store`).

`CITY` is a path that ends in ``.gpkg`` or a ``postgresql://`` URL. The same frames go in, the same frames come out:

- `create_store` makes an empty city, `open_store` opens one, `writing` builds one anew, whole or not at all;
- `migrate` brings one up to date, `copy_store` and `backup` copy one.
"""

from __future__ import annotations

from pathlib import Path

from gridmap.stores.base import Account, Store
from gridmap.stores.copies import backup, copy_store
from gridmap.stores.keepers import create_store, keeper, open_store, writing
from gridmap.stores.migrations import migrate_store

__all__ = ["Account", "Store", "backup", "copy_store", "create_store", "migrate", "open_store", "writing"]


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

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> create_store(f"{folder.name}/city.gpkg", crs=4549).close()
    >>> migrate(f"{folder.name}/city.gpkg")
    []
    >>> folder.cleanup()
    """
    with keeper(url) as store:
        return migrate_store(store)
