"""What is open to everyone, where the city has opened it: made once for a version of the city."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from flask import Flask, current_app
from werkzeug.exceptions import NotFound

from gridmap.publishing import Published, publish
from webapp.replies import Kept
from webapp.store import get_store

__all__ = ["get_published", "init_app", "kept_picture"]


class Open:
    """The published part of one version of the city."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version, self._published = "", None

    def get(self) -> tuple[str, Published]:
        """Version and what is published of it."""
        store = get_store()
        version = store.meta().get("data_version", "")
        with self._lock:
            if self._published is None or version != self._version:
                self._published = publish(store, today=datetime.now().astimezone().date())
                self._version = version
            return version, self._published


def get_published() -> tuple[str, Published, dict[str, str]]:
    """Version, what everyone may see, and the city's name and attribution: the one getter of the public page.

    Raises
    ------
    NotFound
        Where the public page is not switched on: as if there were none.
    """
    if not current_app.config["PUBLIC_PAGE"]:
        raise NotFound
    opened: Open = current_app.extensions["open_door"]
    facts = get_store().meta()
    return *opened.get(), {name: facts.get(name, "") for name in ("name", "attribution")}


def kept_picture(key: str, make: Callable[[], bytes]) -> bytes:
    """A picture made once: who is not logged in cannot keep the service drawing."""
    kept: Kept = current_app.extensions["kept"]
    content = kept.get(f"public\n{key}")
    if content is None:
        content = make()
        kept.put(f"public\n{key}", content)
    return content


def init_app(app: Flask) -> None:
    """Make room for it."""
    app.extensions["open_door"] = Open()
