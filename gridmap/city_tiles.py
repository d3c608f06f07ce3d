"""From a store to its vector tiles, and whether they are still of the city as it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import geopandas as gpd

from gridmap.maps.tiles.plan import PLAN
from gridmap.maps.tiles.shelf import KEEP_SECONDS, Rows, Shelf, publish
from gridmap.progress import Progress, silent
from gridmap.stores import Store, open_store
from gridmap.stores.keepers import gpkg_path
from gridmap.stores.scope import CODE_OF

__all__ = ["MadeTiles", "are_current", "make_tiles", "rows_for_tiles", "tiles_folder"]


@dataclass(frozen=True)
class MadeTiles:
    """What making tiles gave: where they are, their version, and rows and bytes by layer."""

    folder: Path
    version: str
    rows: dict[str, int]
    bytes: dict[str, int]


def tiles_folder(city: str | Path, *, root: str | os.PathLike[str] | None = None) -> Path:
    """Where the tiles of a city stand: beside a GeoPackage, else in a folder of its own below `root`.

    Parameters
    ----------
    city
        Store URL.
    root
        Folder for the tiles of several cities; None for the one beside the file, and for a database the user's cache.

    Examples
    --------
    >>> tiles_folder("data/city.gpkg").as_posix()
    'data/city.tiles'
    """
    path = gpkg_path(city)
    if root is None and path is not None:
        return path.with_suffix(".tiles")
    # a password in the address is no part of the name
    known = str(path.resolve()) if path is not None else str(city).rsplit("@", 1)[-1]
    name = hashlib.sha256(known.encode()).hexdigest()[:16]
    return Path(root if root is not None else Path.home() / ".cache" / "gridmap" / "tiles") / name


def rows_for_tiles(store: Store, *, today: date | None = None) -> dict[str, Rows]:
    """Layers of a city as they go into tiles: rows in force today, and which unit each belongs to."""
    day = today or datetime.now().astimezone().date()
    rows: dict[str, Rows] = {}
    present = set(store.layers())
    for item in PLAN:
        if item.name not in present:
            continue
        frame = store.read(item.name, as_of=day)
        if isinstance(frame, gpd.GeoDataFrame):
            area = CODE_OF.get(item.name)
            rows[item.name] = Rows(frame, None if area is None else frame[area])
    return rows


def make_tiles(
    city: str | Path,
    *,
    folder: str | os.PathLike[str] | None = None,
    keep_seconds: float = KEEP_SECONDS,
    progress: Progress = silent,
) -> MadeTiles:
    """Make vector tiles of a city and switch to them, whole or not at all; layers that did not change are kept.

    Parameters
    ----------
    city
        Store URL.
    folder
        Where the tiles stand; None for `tiles_folder(city)`.
    keep_seconds
        How long older versions are kept.
    progress
        Told what is being done.

    Raises
    ------
    GridmapError
        Where the city cannot be read, or a row is not found again in its tiles.
    """
    place = Path(folder) if folder is not None else tiles_folder(city)
    progress("reading the city", 0.0)
    with open_store(city) as store:
        # the state first: what changes while we read makes these tiles old, not wrong
        state = store.meta().get("data_version", "")
        rows = rows_for_tiles(store)
        coverage = store.read("coverage")
    known = coverage[coverage["status"] != "no_data"] if "status" in coverage else coverage
    version = publish(
        place, rows, data_version=state, kinds=sorted(set(known["kind"].dropna().astype(str))),
        keep_seconds=keep_seconds, told=_teller(progress, len(rows)),
    )  # fmt: skip
    progress("done", 1.0)
    files = {name: (place / version.name / f"{name}.pmtiles").stat().st_size for name in version.layers}
    return MadeTiles(place, version.name, {name: item.count for name, item in version.layers.items()}, files)


def are_current(city: str | Path, store: Store, *, folder: str | os.PathLike[str] | None = None) -> bool:
    """Whether the tiles are of the city as it is now."""
    version = Shelf(folder if folder is not None else tiles_folder(city)).current()
    return version is not None and version.data_version == store.meta().get("data_version", "")


def _teller(progress: Progress, count: int) -> Callable[[str], None]:
    done = iter(range(count + 1))
    return lambda name: progress(f"tiles of {name}", 0.1 + 0.9 * next(done) / max(count, 1))
