"""The store of the service: looked over once, its connections let go after each request.

A connection that stays open for hours would be left behind: where another part of this process opens and closes the
file by other means than SQLite, the system drops the locks that tell other processes that somebody is there; the next
one of them to leave removes the log, and the connection would read the old state for ever.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g

from gridmap.stores import Account, Store, open_store
from gridmap.stores.keepers import gpkg_path

__all__ = ["close_store", "get_account", "get_account_stamp", "get_store", "init_app"]

#: Accounts kept in memory, against names made up by who knocks at the door.
_MOST_ACCOUNTS = 5000


class Shared:
    """One store of a service, whose version is looked at once: that takes longer than most answers.

    Parameters
    ----------
    url
        Store URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = gpkg_path(url)
        self._lock = threading.Lock()
        self._open: tuple[Any, Store] | None = None
        self._accounts: tuple[Any, dict[str, Account | None]] = (None, {})

    def get(self) -> Store:
        """The store; a file of the same name that is another file is opened in place of the old one."""
        mark = _identity(self._path)
        kept = self._open
        if kept is not None and kept[0] == mark:
            return kept[1]
        with self._lock:
            kept = self._open
            if kept is None or kept[0] != mark:
                fresh = (mark, open_store(self.url))
                self._open = fresh
                if kept is not None:
                    kept[1].close()  # requests that still read the old file let go of it when they are done
                return fresh[1]
            return kept[1]

    def stamp(self) -> Any:
        """The state of the store: another one after every change; None where asking costs as much as reading."""
        store = self.get()
        stamp = store.stamp()
        return None if stamp is None else (id(store), stamp)

    def account(self, name: str) -> tuple[Account | None, Any]:
        """An account as it is now, read again only where the store changed since, and the state it is of."""
        store, mark = self.get(), self.stamp()
        if mark is None:
            return store.account(name), None
        if self._accounts[0] != mark:
            self._accounts = (mark, {})
        known = self._accounts[1]
        try:
            return known[name], mark
        except KeyError:
            account = store.account(name)
        if len(known) < _MOST_ACCOUNTS:
            known[name] = account
        return account, mark

    def close(self) -> None:
        """Let go of files and connections."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _identity(path: Path | None) -> Any:
    if path is None:
        return ""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def init_app(app: Flask) -> None:
    """Make room for the store."""
    shared = Shared(app.config["CITY"])
    app.extensions["store"] = shared
    weakref.finalize(app, shared.close)


def get_store() -> Store:
    """The city's store, the same one within a request."""
    if "store" not in g:
        g.store = current_app.extensions["store"].get()
    return g.store


def get_account(name: str) -> Account | None:
    """An account as it is now."""
    get_store()  # so that it is let go of after this request
    shared: Shared = current_app.extensions["store"]
    account, g.account_stamp = shared.account(name)
    return account


def get_account_stamp() -> Any:
    """The state of the store that the account of this request was read at; None where it is not known."""
    return g.get("account_stamp")


def close_store(_: BaseException | None = None) -> None:
    """Let go of what this request opened."""
    store = g.pop("store", None)
    if store is not None:
        store.close()
