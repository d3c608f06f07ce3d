"""PMTiles files: written in one go, read by mapping the file and decoding its directory once.

PMTiles 3 (https://github.com/protomaps/PMTiles) keeps all tiles of a layer in one file. Its readers search the
directory, packed, at every tile; a server that asks ten thousand times decodes it once and keeps a dict.
"""

from __future__ import annotations

import gzip
import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pmtiles.tile import (
    Compression,
    TileType,
    deserialize_directory,
    deserialize_header,
    tileid_to_zxy,
    zxy_to_tileid,
)
from pmtiles.writer import Writer

from layers.errors import DataBroken

__all__ = ["Archive", "Tile", "write_archive"]

#: Zoom, column, row.
Tile = tuple[int, int, int]

_DEEPEST = 4


class Archive:
    """One PMTiles file, mapped: `get` gives the stored bytes of a tile, packed with gzip.

    Parameters
    ----------
    path
        The file. It may be removed while it is open.

    Raises
    ------
    DataBroken
        Where it is no PMTiles file of vector tiles.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "x.pmtiles")
    >>> write_archive(path, [((11, 1669, 847), b"shapes")], bounds=(113.5, 29.2, 113.7, 29.4))
    >>> with Archive(path) as archive:
    ...     gzip.decompress(archive.get(11, 1669, 847)), archive.get(11, 0, 0), len(archive)
    (b'shapes', None, 1)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self.path.open("rb") as file:
            try:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise DataBroken(f"{self.path} is empty; make the tiles again") from None
        try:
            header = deserialize_header(self._map[:127])
            self._places = dict(self._read(header, header["root_offset"], header["root_length"], 0))
        except DataBroken:
            raise
        except Exception as error:  # the package raises whatever it meets in the bytes
            self._map.close()
            raise DataBroken(f"{self.path} is no file of tiles ({error}); make the tiles again") from None
        if header["tile_type"] != TileType.MVT or header["tile_compression"] != Compression.GZIP:
            self._map.close()
            raise DataBroken(f"{self.path} does not hold packed vector tiles; make the tiles again")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Tile]:
        """Addresses of all tiles, in the order of the file."""
        return (tileid_to_zxy(number) for number in self._places)

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """A tile as it is kept, packed with gzip; None where there is none."""
        if not (0 <= z <= 26 and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        place = self._places.get(zxy_to_tileid(z, x, y))
        return None if place is None else self._map[place[0] : place[1]]

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _read(self, header: Any, start: int, size: int, depth: int) -> Iterator[tuple[int, tuple[int, int]]]:
        """Number of each tile and where its bytes begin and end; a directory may point to others."""
        if depth == _DEEPEST:
            raise DataBroken(f"{self.path} nests its directory too deep; make the tiles again")
        for entry in deserialize_directory(self._map[start : start + size]):
            if entry.run_length == 0:
                yield from self._read(header, header["leaf_directory_offset"] + entry.offset, entry.length, depth + 1)
                continue
            begin = header["tile_data_offset"] + entry.offset
            for number in range(entry.tile_id, entry.tile_id + entry.run_length):
                yield number, (begin, begin + entry.length)


def write_archive(
    path: str | os.PathLike[str],
    tiles: Iterable[tuple[Tile, bytes]],
    *,
    bounds: tuple[float, float, float, float],
    metadata: dict | None = None,
) -> None:
    """Write tiles to a PMTiles file: the same tiles give the same bytes.

    Parameters
    ----------
    path
        The file; it is overwritten.
    tiles
        Addresses and bytes, not packed. Empty ones are left out.
    bounds
        West, south, east, north in degrees, for the header.
    metadata
        For other readers of the file, such as QGIS.

    Raises
    ------
    DataBroken
        Where no tile has content: PMTiles has no empty file.
    """
    ordered = sorted((zxy_to_tileid(*tile), content) for tile, content in tiles if content)
    if not ordered:
        raise DataBroken(f"there is no tile to write to {Path(path).name}; leave the layer out")
    west, south, east, north = (round(value * 1e7) for value in bounds)
    header = {
        "tile_type": TileType.MVT, "tile_compression": Compression.GZIP,
        "min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north,
    }
    with Path(path).open("wb") as file:
        writer = Writer(file)
        for number, content in ordered:
            writer.write_tile(number, gzip.compress(content, compresslevel=9, mtime=0))
        writer.finalize(header, metadata or {})
