"""The store of this request: opened when first asked for, closed when the answer is on its way."""

from __future__ import annotations

from flask import current_app, g

from gridmap.stores import Store, open_store

__all__ = ["close_store", "get_store"]


def get_store() -> Store:
    """The city's store, the same one within a request."""
    if "store" not in g:
        g.store = open_store(current_app.config["CITY"])
    return g.store


def close_store(_: BaseException | None = None) -> None:
    """Let go of the store, where it was opened."""
    store = g.pop("store", None)
    if store is not None:
        store.close()
