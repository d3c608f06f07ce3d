"""The tiles of a city made again after its data changed through the web, beside the requests that go on."""

from __future__ import annotations

import logging
import threading

from flask import current_app

from gridmap.city_tiles import make_tiles
from layers.errors import GridmapError

__all__ = ["remake_tiles"]

_log = logging.getLogger(__name__)
#: One at a time; who comes while one is being made waits for it and makes the next.
_ONE = threading.Lock()


def remake_tiles() -> None:
    """Start to make the tiles of the city that is served; until they are there the map says that they are old."""
    city, has = current_app.config["CITY"], current_app.extensions["tiles"].shelf.current()
    if has is None:
        return  # a city without tiles is drawn from whole layers

    def work() -> None:
        with _ONE:
            try:
                make_tiles(city)
            except (GridmapError, OSError) as error:
                _log.warning("the tiles are not up to date (%s); make them with gridmap tiles %s", error, city)

    threading.Thread(target=work, name="tiles", daemon=True).start()
