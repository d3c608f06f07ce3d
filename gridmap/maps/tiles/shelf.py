"""Where the tiles of a city stand: each version under the hash of its content, one of them the current one.

::

    city.tiles/
        current.json           which version, and of which state of the city
        3f0c9a…/               a version: never changed once it has this name
            version.json       its layers
            grids.pmtiles      their tiles
            grids.parquet      what each number means: key, code, name, area, box

A version is written under another name and takes its own when it is whole; `current.json` is replaced in one step. So
whoever reads finds the old tiles or the new, also while two services of one city run beside each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from gridmap.maps.tiles.archive import Archive, write_archive
from gridmap.maps.tiles.cut import cut, packed
from gridmap.maps.tiles.plan import PLAN, TileLayer
from layers.errors import DataBroken

__all__ = ["KEEP_SECONDS", "Rows", "Shelf", "TilesOf", "Version", "keys_of", "publish"]

#: Number of the way tiles are made: another one makes all of them anew.
FORMAT = 1
#: How long a version that is no longer current is kept.
KEEP_SECONDS = 3600.0

_CURRENT, _FACTS = "current.json", "version.json"
_TEXTS = ("key", "code", "name", "area", "style")
_BOX = ("west", "south", "east", "north")


@dataclass(frozen=True)
class Rows:
    """What goes into the tiles of one layer: its rows in order, and the code of the unit each belongs to.

    `area` is None for layers that are found by their place (water, roads, gaps), not by a code.
    """

    frame: gpd.GeoDataFrame
    area: pd.Series | None = None


@dataclass(frozen=True)
class TilesOf:
    """One layer of a version: `count` rows numbered from 1, tiles from `minzoom` to `maxzoom`.

    `coded` says whether each row carries the code of the unit that it belongs to, `columns` which columns of the layer
    hold anything.
    """

    name: str
    folder: Path
    count: int
    minzoom: int
    maxzoom: int
    coded: bool
    columns: tuple[str, ...]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @cached_property
    def archive(self) -> Archive:
        """The tiles, mapped at the first use."""
        return Archive(self.folder / f"{self.name}.pmtiles")

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a number, number 1 first: `key`, `code`, `name`, `area`, `style`, and its box in degrees."""
        read = pd.read_parquet(self.folder / f"{self.name}.parquet")
        texts = {name: read[name].astype("object") for name in _TEXTS}
        return read.assign(**{name: text.where(text.notna(), None) for name, text in texts.items()})

    @cached_property
    def boxes(self) -> np.ndarray:
        """West, south, east and north of each row in degrees, NaN where it has no place."""
        return self.table[list(_BOX)].to_numpy(dtype="float64")

    @cached_property
    def areas(self) -> pa.Array:
        """The code of the unit that each row belongs to, "" where there is none, as Arrow compares texts."""
        return pa.array(self.table["area"].fillna(""), type=pa.large_string())

    @cached_property
    def by_key(self) -> pd.Series:
        """Key -> number."""
        return pd.Series(np.arange(1, self.count + 1), index=pd.Index(self.table["key"], dtype="object"))

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """A tile as it is kept, packed with gzip."""
        if "archive" not in self.__dict__:
            with self._lock:  # two requests at once map the file once
                self.archive  # noqa: B018
        return self.archive.get(z, x, y)


@dataclass(frozen=True)
class Version:
    """A whole set of tiles, the state of the city (`data_version`) that it shows, and the kinds of its coverage."""

    name: str
    data_version: str
    layers: Mapping[str, TilesOf]
    kinds: tuple[str, ...] = ()


class Shelf:
    """The tiles of a city as a reader sees them.

    Parameters
    ----------
    folder
        See `gridmap.city_tiles.tiles_folder`; it need not exist.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._lock = threading.Lock()
        self._seen: tuple[Any, Version | None] = (None, None)

    def current(self) -> Version | None:
        """The current version; None where there are no tiles. Asking costs one look at a file's date."""
        try:
            found = (self.folder / _CURRENT).stat()
        except OSError:
            return None
        mark = (found.st_mtime_ns, found.st_ino, found.st_size)
        if self._seen[0] != mark:
            with self._lock:
                if self._seen[0] != mark:
                    self._seen = (mark, self._open())
        return self._seen[1]

    def _open(self) -> Version | None:
        try:
            current = json.loads((self.folder / _CURRENT).read_text(encoding="utf-8"))
            before = self._seen[1]
            folder = self.folder / current["version"]
            if before is not None and before.name == current["version"]:
                # the same tiles of a later state: what is mapped stays mapped
                return Version(before.name, current["data_version"], before.layers, before.kinds)
            facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                return None
            layers = {
                name: TilesOf(
                    name, folder, item["count"], item["minzoom"], item["maxzoom"], item["coded"],
                    tuple(item["columns"]),
                )
                for name, item in facts["layers"].items()
            }  # fmt: skip
            return Version(current["version"], current["data_version"], layers, tuple(facts["kinds"]))
        except (OSError, ValueError, KeyError):
            return None  # none yet, or from another gridmap


def publish(
    folder: str | os.PathLike[str],
    layers: Mapping[str, Rows],
    *,
    data_version: str,
    kinds: Sequence[str] = (),
    keep_seconds: float = KEEP_SECONDS,
    told: Any = None,
) -> Version:
    """Make the tiles of these layers the current ones.

    Parameters
    ----------
    folder
        Made where it does not exist.
    layers
        Layers by name; those that have no plan, or no row with a place, get no tiles.
    data_version
        State of the city that the rows are of.
    kinds
        Kinds of facility whose coverage is known, so that a list of measures need not read the table.
    keep_seconds
        How long versions that are no longer current are kept.
    told
        Called with the name of each layer before it is cut.

    Returns
    -------
    The version. Layers whose content is that of the version before are taken over from it, and where all are, the
    version stays what it was.

    Raises
    ------
    CrsMismatch, DataBroken
        As `gridmap.maps.tiles.cut.cut`; the old tiles stay.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shelf = Shelf(folder)
    before = shelf.current()
    ready: dict[str, tuple[TileLayer, Rows, pd.DataFrame]] = {}
    digests: dict[str, str] = {}
    for item in PLAN:
        if item.name in layers and len(layers[item.name].frame):
            table = _table(layers[item.name], item)
            if table["west"].notna().any():
                ready[item.name] = (item, layers[item.name], table)
                digests[item.name] = _digest(item, layers[item.name].frame, table)
    if not ready:
        raise DataBroken(f"no layer for {folder.name} has a row with a place; there is nothing to make tiles of")
    name = hashlib.sha256(json.dumps([FORMAT, digests, list(kinds)], sort_keys=True).encode()).hexdigest()[:16]
    if not (folder / name / _FACTS).is_file():
        old = {} if before is None else json.loads((folder / before.name / _FACTS).read_text("utf-8"))["layers"]
        side = folder / f".{name}-{secrets.token_hex(4)}"
        side.mkdir()
        try:
            facts = {}
            for layer, (item, rows, table) in ready.items():
                if told is not None:
                    told(layer)
                if before is not None and old.get(layer, {}).get("digest") == digests[layer]:
                    facts[layer] = dict(old[layer])
                    for end in ("pmtiles", "parquet"):
                        _same(folder / before.name / f"{layer}.{end}", side / f"{layer}.{end}")
                else:
                    facts[layer] = {**_write(side, item, rows.frame, table), "digest": digests[layer]}
                facts[layer] |= {"coded": rows.area is not None, "columns": _filled(rows.frame)}
            whole = {"format": FORMAT, "kinds": list(kinds), "layers": facts}
            (side / _FACTS).write_text(json.dumps(whole, indent=1), encoding="utf-8")
            _take_name(side, folder / name)
        finally:
            shutil.rmtree(side, ignore_errors=True)
    if before is not None and before.name != name and (folder / before.name).is_dir():
        os.utime(folder / before.name)  # from now on it is old
    partial = folder / f".{_CURRENT}-{secrets.token_hex(4)}"
    partial.write_text(json.dumps({"version": name, "data_version": data_version}), encoding="utf-8")
    partial.replace(folder / _CURRENT)
    _clear(folder, name, keep_seconds)
    version = Shelf(folder).current()
    assert version is not None, "what was just written can be read"
    return version


def _write(side: Path, item: TileLayer, frame: gpd.GeoDataFrame, table: pd.DataFrame) -> dict[str, Any]:
    tiles = cut(frame, item)
    bounds = (
        float(table["west"].min()), float(table["south"].min()),
        float(table["east"].max()), float(table["north"].max()),
    )
    first = min(zoom for zoom, _, _ in tiles)
    metadata = {
        "name": item.name, "format": "pbf", "type": "overlay",
        "vector_layers": [{"id": item.name, "minzoom": first, "maxzoom": item.maxzoom, "fields": {"id": "Number"}}],
    }
    write_archive(side / f"{item.name}.pmtiles", packed(item.name, tiles), bounds=bounds, metadata=metadata)
    table.to_parquet(side / f"{item.name}.parquet", index=False)
    return {"count": len(frame), "minzoom": first, "maxzoom": item.maxzoom}


def _filled(frame: gpd.GeoDataFrame) -> list[str]:
    return sorted(str(name) for name in frame.columns if name != frame.geometry.name and frame[name].notna().any())


def _table(rows: Rows, item: TileLayer) -> pd.DataFrame:
    """What each number means."""
    frame = rows.frame
    empty = pd.Series([None] * len(frame), dtype="object")

    def text(name: str | None) -> pd.Series:
        if name is None or name not in frame:
            return empty
        column = frame[name].reset_index(drop=True).astype("object")
        return column.where(column.notna(), None)

    area = empty if rows.area is None else rows.area.reset_index(drop=True).astype("object")
    boxes = frame.geometry.to_crs(4326).bounds.reset_index(drop=True).set_axis(_BOX, axis="columns")
    return pd.DataFrame({
        "key": keys_of(frame, placed=rows.area is None),
        "code": text("code"), "name": text("name"), "style": text(item.style),
        "area": area.where(area.notna(), None), **{name: boxes[name] for name in _BOX},
    })  # fmt: skip


def keys_of(frame: gpd.GeoDataFrame, *, placed: bool) -> pd.Series:
    """What tells rows apart between two readings of a city.

    Parameters
    ----------
    frame
        Rows of a layer.
    placed
        Whether the layer is found by its place: then the key is made of code and place, else it is the code.

    Examples
    --------
    >>> from shapely.geometry import Point
    >>> frame = gpd.GeoDataFrame({"code": ["A", None]}, geometry=[Point(0, 0), Point(1, 1)])
    >>> [key[:6] for key in keys_of(frame, placed=False)]
    ['A', 'place:']
    """
    geometry = shapely.to_wkb(np.asarray(frame.geometry.array))
    codes = frame["code"].tolist() if "code" in frame else [None] * len(frame)
    return pd.Series([
        code if isinstance(code, str) and not placed
        else f"place:{hashlib.sha256(f'{code}'.encode() + (place or b'')).hexdigest()[:12]}"
        for code, place in zip(codes, geometry, strict=True)
    ], dtype="object")  # fmt: skip


def _digest(item: TileLayer, frame: gpd.GeoDataFrame, table: pd.DataFrame) -> str:
    """The hash of all that the files of a layer hold."""
    found = hashlib.sha256(json.dumps([repr(item), _filled(frame)]).encode())
    found.update(str(frame.crs.to_wkt() if frame.crs is not None else None).encode())
    for place in shapely.to_wkb(np.asarray(frame.geometry.array)):
        found.update(b"-" if place is None else place)
    texts = table[["key", "code", "name", "style", "area"]]
    found.update(json.dumps(texts.to_numpy().tolist(), ensure_ascii=False, default=str).encode())
    return found.hexdigest()


def _same(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _take_name(side: Path, place: Path) -> None:
    try:
        side.rename(place)
    except OSError:
        if not (place / _FACTS).is_file():
            raise
        # another process made the same version meanwhile


def _clear(folder: Path, current: str, keep_seconds: float) -> None:
    """Remove versions that have not been current for a while, and what a process that died left behind."""
    now = time.time()
    for found in folder.iterdir():
        try:
            if found.is_dir() and found.name != current and now - found.stat().st_mtime > keep_seconds:
                shutil.rmtree(found, ignore_errors=True)
        except OSError:  # another process cleared it
            continue
