"""A background map from a server of tiles: its address, whether it lies in GCJ-02, and how far the overlay must move.

Off unless a city sets one: without internet there is none, and the city's own streets, water and buildings are the
base map. Public maps of the mainland are drawn in GCJ-02, some hundred metres from where WGS 84 puts them; Tianditu is
drawn in CGCS2000, where nothing has to move.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import pyproj

from layers.datum import shift
from layers.errors import BadSettings

__all__ = ["TIANDITU", "Background", "background", "overlay_shift"]

#: Tianditu's street map and its labels in the projection of the web, by WMTS; the key is one's own.
TIANDITU = (
    "https://t{s}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"
)
_NAMED = {"tianditu": "vec", "tianditu-labels": "cva", "tianditu-image": "img"}
_DATUMS = ("wgs84", "cgcs2000", "gcj02")


@dataclass(frozen=True)
class Background:
    """A server of pictures: `{z}`, `{x}` and `{y}` in its address, `{-y}` where rows count from the south."""

    template: str
    key: str = ""
    datum: str = "wgs84"
    attribution: str = ""
    minzoom: int = 3
    maxzoom: int = 18

    def address(self, z: int, x: int, y: int) -> str:
        """Where a tile is fetched; it holds the key and is for the server alone."""
        parts = {"{z}": z, "{x}": x, "{y}": y, "{-y}": 2**z - 1 - y, "{s}": (x + y) % 8, "{key}": self.key}
        found = self.template
        for mark, value in parts.items():
            found = found.replace(mark, str(value))
        return found

    def facts(self, bounds: tuple[float, float, float, float] | None) -> dict:
        """What a page is told: nothing of the address or the key."""
        told: dict = {
            "url": "/base/{z}/{x}/{y}", "minzoom": self.minzoom, "maxzoom": self.maxzoom,
            "attribution": self.attribution, "datum": "gcj02" if self.datum == "gcj02" else "wgs84",
        }
        if self.datum == "gcj02" and bounds is not None:
            east_m, north_m, off_m = overlay_shift(bounds)
            told["shift"] = {"east_m": east_m, "north_m": north_m, "off_m": off_m}
        return told


def background(
    url: str, *, key: str = "", datum: str = "", attribution: str = "", maxzoom: int = 18
) -> Background | None:
    """A background as settings name it.

    Parameters
    ----------
    url
        Address with `{z}`, `{x}` and `{y}` (XYZ, or WMTS with its parameters), or `tianditu`, `tianditu-labels`,
        `tianditu-image`; "" for none.
    key
        Put where the address says `{key}`.
    datum
        wgs84, cgcs2000 or gcj02: what the pictures are drawn in.
    attribution
        Whom to thank, shown on the map.
    maxzoom
        Deepest zoom that the server has.

    Raises
    ------
    BadSettings
        Where the address is none, its key is missing, or the datum is unknown.

    Examples
    --------
    >>> background("https://maps.example.org/{z}/{x}/{y}.png").address(3, 6, 2)
    'https://maps.example.org/3/6/2.png'
    >>> background("") is None
    True
    """
    if not url:
        return None
    named = url in _NAMED
    template = TIANDITU.replace("{layer}", _NAMED[url]) if named else url
    if urlsplit(template).scheme not in ("http", "https") or not urlsplit(template).hostname:
        raise BadSettings(f"the background {url[:60]!r} is no address; begin it with https://, or write tianditu")
    if not ("{z}" in template and "{x}" in template and ("{y}" in template or "{-y}" in template)):
        raise BadSettings("the address of the background lacks {z}, {x} or {y}; put them where the numbers belong")
    if "{key}" in template and not key:
        raise BadSettings("the background needs a key; set GRIDMAP_BACKGROUND_KEY to yours")
    datum = datum or ("cgcs2000" if named else "wgs84")
    if datum not in _DATUMS:
        raise BadSettings(f"a background lies in {', '.join(_DATUMS)}, not in {datum[:20]!r}")
    if not 1 <= maxzoom <= 22:
        raise BadSettings(f"the deepest zoom of a background is 1 to 22, not {maxzoom}")
    return Background(template, key, datum, attribution or ("天地图" if named else ""), maxzoom=maxzoom)


def overlay_shift(bounds: tuple[float, float, float, float]) -> tuple[float, float, float]:
    """How far an overlay in WGS 84 moves to lie on a background in GCJ-02.

    Parameters
    ----------
    bounds
        West, south, east, north of what is shown, degrees in WGS 84.

    Returns
    -------
    east_m, north_m, off_m
        One move for all of it, in metres of the web's projection (EPSG:3857), and how far the worst place within the
        bounds is off after it. Outside the mainland nothing moves.

    Examples
    --------
    >>> east_m, north_m, off_m = overlay_shift((113.59, 29.29, 113.61, 29.31))
    >>> 500 < east_m < 700 and abs(north_m) < 400 and off_m < 10
    True
    """
    west, south, east, north = bounds
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(west, east, 5), np.linspace(south, north, 5)))
    moved_lon, moved_lat = shift(lon, lat, source="wgs84", target="gcj02")
    to_metres = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform
    moves = np.stack(to_metres(moved_lon, moved_lat), axis=1) - np.stack(to_metres(lon, lat), axis=1)
    # the middle between the extremes leaves the least for the worst place
    best = (moves.min(axis=0) + moves.max(axis=0)) / 2
    off = float(np.hypot(*(moves - best).T).max())
    return round(float(best[0]), 2), round(float(best[1]), 2), round(off, 2)
