"""The incident desk for the person who asks: in their name, and within their reach, to which the desk holds them."""

from __future__ import annotations

import json
from typing import Any

from gridmap.desk import Filed, make_move, report_once
from gridmap.stores.incident_rows import categories_of
from gridmap.stores.sql_store import SqlStore
from layers.incidents import CATEGORIES
from webapp.guard import get_user
from webapp.replies import kept_text
from webapp.store import get_store

__all__ = ["file_move", "file_report", "known_categories"]


def file_report(**told: Any) -> Filed:
    """Report an incident; see `gridmap.desk.report_once`."""
    return report_once(_store(), by=get_user(), **told)


def file_move(code: str, move: str, **told: Any) -> Filed:
    """Make a move; see `gridmap.desk.make_move`."""
    return make_move(_store(), code, move, by=get_user(), **told)


def known_categories() -> tuple[str, ...]:
    """Categories that a report may have: ours, and those that the city's own files brought."""
    own: list[str] = json.loads(kept_text("incident categories", lambda: json.dumps(categories_of(_store()))))
    return (*CATEGORIES, *(name for name in own if name not in CATEGORIES))


def _store() -> SqlStore:
    store = get_store()
    assert isinstance(store, SqlStore), "the desk writes to a database"
    return store
