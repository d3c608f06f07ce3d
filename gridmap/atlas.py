"""From a store to a map: a page, or a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gridmap.maps.folium_map import draw
from gridmap.maps.page import write_page
from gridmap.maps.picture import FORMATS, picture
from gridmap.stores import Store, open_store
from layers.errors import NotFound, WrongCall

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
    size: tuple[int, int] = (1600, 1100),
    chosen: str = "",
) -> Path:
    """Write a map of a city, or of one of its units: a page that opens without a network, or a picture.

    Parameters
    ----------
    city
        Store URL.
    path
        A page where it ends in `.html`, a picture where it ends in `.png` or `.svg`.
    within
        Code of the unit to draw; "" for the whole city.
    measure, lang
        See `gridmap.draw`.
    self_contained
        One file in place of a page and a folder beside it.
    size
        Width and height of a picture, pixels.
    chosen
        Code of the micro-grid with a strong border in a picture.

    Raises
    ------
    NotFound
        Where the unit does not exist.
    WrongCall
        Where the measure does not exist, or the path ends otherwise.
    NoChineseFont
        Where a picture is asked for and no font on this machine can write Chinese.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (".html", *(f".{name}" for name in FORMATS)):
        raise WrongCall(f"a map ends in .html, .png or .svg, not {path.name!r}")
    with open_store(city) as store:
        meta = store.meta()
        micro_grids = store.read("micro_grids", within=(within,))
        if not len(micro_grids):
            raise NotFound(f"{meta.get('name') or city} has no micro-grid within {within!r}; give a code of the city")
        kept = [name for name in DRAWN if name in store.layers()]
        frames: dict[str, Any] = {name: store.read(name, within=(within,)) for name in kept}
        title = _title(store, within) or meta.get("name", "")
    if ending != ".html":
        return picture(
            micro_grids, path, measure=measure, layers=frames, title=title, lang=lang, size=size, chosen=chosen,
            attribution=meta.get("attribution", ""),
        )  # fmt: skip
    band = json.loads(meta.get("settings", "{}")).get("split", {}).get("households", [15, 25, 40])
    page = draw(
        micro_grids,
        measure=measure,
        layers=frames,
        title=title,
        lang=lang,
        households=(int(band[0]), int(band[1]), int(band[2])),
    )
    return write_page(page, path, self_contained=self_contained)


def _title(store: Store, within: str) -> str:
    """Name of the unit drawn; "" where it has none or the whole city is drawn."""
    level = {6: "districts", 9: "streets", 12: "communities", 15: "grids", 18: "micro_grids"}.get(len(within))
    if level is None or level not in store.layers():
        return ""
    rows = store.read(level, within=(within,))
    if "name" not in rows:
        return ""
    named = rows.loc[rows["code"] == within, "name"].dropna()
    return str(named.iloc[0]) if len(named) else ""
