"""From a store to a map page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gridmap.maps.folium_map import draw
from gridmap.maps.page import write_page
from gridmap.stores import open_store
from layers.errors import NotFound

__all__ = ["DRAWN", "draw_city"]

#: Layers that a map page shows, and the tables its cards read.
DRAWN = (
    "water", "green", "barriers", "roads", "estates", "buildings", "communities", "grids", "gaps",
    "facilities", "organizations", "incidents", "coverage",
)  # fmt: skip


def draw_city(
    city: str | Path,
    path: str | Path,
    *,
    within: str = "",
    measure: str | None = None,
    lang: str = "zh",
    self_contained: bool = False,
) -> Path:
    """Write a map page of a city, or of one of its units, that opens without a network.

    Parameters
    ----------
    city
        Store URL.
    path
        The page, ending in `.html`.
    within
        Code of the unit to draw; "" for the whole city.
    measure, lang
        See `gridmap.draw`.
    self_contained
        One file in place of a page and a folder beside it.

    Raises
    ------
    NotFound
        Where the unit does not exist.
    WrongCall
        Where the measure does not exist.
    """
    with open_store(city) as store:
        meta = store.meta()
        micro_grids = store.read("micro_grids", within=(within,))
        if not len(micro_grids):
            raise NotFound(f"{meta.get('name') or city} has no micro-grid within {within!r}; give a code of the city")
        kept = [name for name in DRAWN if name in store.layers()]
        frames: dict[str, Any] = {name: store.read(name, within=(within,)) for name in kept}
    band = json.loads(meta.get("settings", "{}")).get("split", {}).get("households", [15, 25, 40])
    page = draw(
        micro_grids,
        measure=measure,
        layers=frames,
        title=meta.get("name", ""),
        lang=lang,
        households=(int(band[0]), int(band[1]), int(band[2])),
    )
    return write_page(page, path, self_contained=self_contained)
