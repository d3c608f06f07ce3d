"""Tiles as one person may see them: which rows, where, and the bytes of a tile without those of others."""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import pyarrow.compute as pc
from flask import Flask, current_app

from gridmap.city_tiles import tiles_folder
from gridmap.maps.tiles.cut import tile_box
from gridmap.maps.tiles.mvt import keep
from gridmap.maps.tiles.plan import tile_layer
from gridmap.maps.tiles.shelf import Shelf, TilesOf, Version, keys_of
from gridmap.roles import User, may
from layers.errors import NotFound, NotYourArea
from webapp.replies import Kept
from webapp.seen import GROUND, Seen

__all__ = ["TILE_HEADERS", "Tiles", "get_tiles", "init_app", "meets", "seen_box", "tile_degrees"]

Box = tuple[float, float, float, float]

#: What goes with the bytes of a tile.
TILE_HEADERS = {
    "Content-Type": "application/vnd.mapbox-vector-tile",
    "Content-Encoding": "gzip",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Vary": "Cookie",
}
#: Sets of rows kept in memory: one for each area and layer that somebody asked about.
_MOST_SCOPES = 512


class Tiles:
    """The tiles of a service.

    Parameters
    ----------
    shelf
        Where they stand.
    most
        Bytes of tiles made for areas that are kept in memory.
    """

    def __init__(self, shelf: Shelf, most: int) -> None:
        self.shelf = shelf
        self._made = Kept(most)
        self._scopes: OrderedDict[tuple, tuple[np.ndarray | None, Box | None]] = OrderedDict()
        self._lock = threading.Lock()

    def version(self, name: str | None = None) -> Version:
        """The current version, which must be the one asked for where one is named.

        Raises
        ------
        NotFound
            Where the city has no tiles, or others by now.
        """
        version = self.shelf.current()
        if version is None:
            raise NotFound("the city has no tiles; make them with gridmap tiles CITY")
        if name is not None and version.name != name:
            raise NotFound(f"there are no tiles {name[:40]!r} any more; ask for /tiles/layers.json again")
        return version

    def layer(self, seen: Seen, version: Version, name: str) -> TilesOf:
        """A layer of a version that the person may see.

        Raises
        ------
        NotFound
            Where there is no such layer.
        NotYourArea
            Where the person's role may not see it.
        """
        tiles = version.layers.get(name)
        if tiles is None:
            raise NotFound(f"there are no tiles of {name[:40]!r}; there are {', '.join(version.layers)}")
        if not seen.sees(name):
            raise NotYourArea(f"a {seen.user.role} may not see {name}; ask the administrator of the city")
        return tiles

    def scope(self, seen: Seen, version: Version, tiles: TilesOf) -> tuple[np.ndarray | None, Box | None]:
        """What of a layer the person sees.

        Returns
        -------
        mine, box
            `mine[number]` says whether a row is theirs (place 0 stands for none); None where all are. `box` is the
            extent of those rows, west, south, east and north in degrees; None where there is none.
        """
        key = (version.name, tiles.name, seen.user.role, seen.reach)
        with self._lock:
            found = self._scopes.get(key)
            if found is not None:
                self._scopes.move_to_end(key)
                return found
        mine = _mine(seen, tiles)
        boxes = tiles.boxes if mine is None else tiles.boxes[mine[1:]]
        found = mine, seen_box(boxes)
        with self._lock:
            self._scopes[key] = found
            while len(self._scopes) > _MOST_SCOPES:
                self._scopes.popitem(last=False)
        return found

    def at_hand(
        self, user: User, areas: tuple[str, ...], version: Version, names: str, z: int, x: int, y: int
    ) -> bytes | None:
        """What `tile` gives, where it was made before or needs no making; None where it has to be asked."""
        if areas == ("",) and "," not in names:
            tiles = version.layers.get(names)
            if tiles is None or not may(user, f"layer.{names}.view") or not tiles.minzoom <= z <= tiles.maxzoom:
                return None
            return tiles.get(z, x, y)
        return self._made.get(_key(version, names, user, areas, z, x, y)) or None

    def tile(self, seen: Seen, version: Version, names: list[str], z: int, x: int, y: int) -> bytes | None:
        """A tile of one or several layers, packed with gzip, without what the person may not see.

        Returns
        -------
        None where there is nothing of theirs.

        Raises
        ------
        NotFound, NotYourArea
            Where no layer asked for exists, or has tiles of that zoom; or the tile does not meet what the person
            sees of any of them, whether or not there is something in it.
        """
        refusal: NotFound | NotYourArea | None = None
        parts: list[tuple[TilesOf, np.ndarray | None]] = []
        for name in names:
            try:
                tiles = self.layer(seen, version, name)
                if not tiles.minzoom <= z <= tiles.maxzoom:
                    raise NotFound(f"tiles of {name} are of zoom {tiles.minzoom} to {tiles.maxzoom}, not {z}")
                mine, box = self.scope(seen, version, tiles)
                if mine is not None and not meets(box, tile_degrees(z, x, y)):
                    raise NotYourArea("this tile is outside your area; ask the administrator of the city")
            except (NotFound, NotYourArea) as error:
                # somebody else's area weighs more than a zoom that is not there
                refusal = error if refusal is None or isinstance(error, NotYourArea) else refusal
            else:
                parts.append((tiles, mine))
        if not parts:
            raise refusal or NotFound("name the layers whose tiles you want")
        if len(parts) == len(names) == 1 and parts[0][1] is None:
            return parts[0][0].get(z, x, y)
        key = _key(version, ",".join(names), seen.user, seen.reach, z, x, y)
        made = self._made.get(key)
        if made is None:
            made = _made(parts, z, x, y)
            self._made.put(key, made)
        return made or None


def _key(version: Version, names: str, user: User, areas: tuple[str, ...], z: int, x: int, y: int) -> str:
    """Names a tile made for everyone of the same role and area."""
    return "\n".join([version.name, names, user.role, *areas, "", f"{z}/{x}/{y}"])


def _made(parts: list[tuple[TilesOf, np.ndarray | None]], z: int, x: int, y: int) -> bytes:
    """Tiles of several layers as one, packed; b"" where nothing is in it."""
    content = []
    for tiles, mine in parts:
        packed = tiles.get(z, x, y)
        if packed is None:
            continue
        plain = gzip.decompress(packed)
        if mine is not None:
            plain = keep(plain, lambda _, number, mine=mine: 0 < number < len(mine) and bool(mine[number]))
        content.append(plain)
    joined = b"".join(content)
    return gzip.compress(joined, compresslevel=6, mtime=0) if joined else b""


def _mine(seen: Seen, tiles: TilesOf) -> np.ndarray | None:
    """Which rows are the person's: by the codes that `gridmap.roles.reach` gives, else by what the store gives them."""
    name, table = tiles.name, tiles.table
    if seen.reach == ("",):
        return None
    plan = tile_layer(name)
    assert plan is not None, name
    if name in GROUND:
        if seen.whole_city():
            return None
        rows = seen.ground(name)
    elif tiles.coded:
        own = np.zeros(len(table), dtype=bool)
        for code in seen.reach:
            own |= np.asarray(pc.starts_with(tiles.areas, code).to_numpy(zero_copy_only=False), dtype=bool)
        return np.concatenate([[False], own])
    else:
        rows = seen.read(name)
    own = table["key"].isin(set(keys_of(rows, placed=True)))
    return np.concatenate([[False], np.asarray(own, dtype=bool)])


def seen_box(boxes: np.ndarray) -> Box | None:
    """The box around boxes; None where none has a place."""
    boxes = boxes[~np.isnan(boxes).any(axis=1)]
    if not len(boxes):
        return None
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    return west, south, east, north


def tile_degrees(z: int, x: int, y: int) -> Box:
    """West, south, east and north of a tile in degrees.

    Examples
    --------
    >>> tile_degrees(1, 0, 0)
    (-180.0, 0.0, 0.0, 85.0511287798066)
    """
    west, south, east, north = (value / 20_037_508.342789244 * 180 for value in tile_box((z, x, y)))
    lat = [float(np.degrees(2 * np.arctan(np.exp(np.radians(value))) - np.pi / 2)) for value in (south, north)]
    return west, lat[0], east, lat[1]


def meets(box: Box | None, tile: Box) -> bool:
    return box is not None and box[0] <= tile[2] and tile[0] <= box[2] and box[1] <= tile[3] and tile[1] <= box[3]


def get_tiles() -> Tiles:
    """The tiles of this service."""
    tiles: Tiles = current_app.extensions["tiles"]
    return tiles


def init_app(app: Flask) -> None:
    """Make room for tiles; they stand beside the city, or in `TILES`."""
    folder: Any = app.config["TILES"] or tiles_folder(app.config["CITY"])
    app.extensions["tiles"] = Tiles(Shelf(folder), app.config["CACHE_BYTES"])
