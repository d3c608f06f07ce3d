"""The store's own tables (logs, norms, versions), which have no area: for pages that only an administrator opens."""

from __future__ import annotations

from gridmap.stores.sql_store import SqlStore
from webapp.store import get_store

__all__ = ["get_sql"]


def get_sql() -> SqlStore:
    """The city's store as the database that it is."""
    store = get_store()
    assert isinstance(store, SqlStore)
    return store
