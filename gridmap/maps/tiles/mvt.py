"""Vector tiles as bytes: read what GDAL writes, write what we serve, leave features out, without a geometry library.

A tile of ours holds, for each layer, features with one attribute: `id`, the row's number in the version's list. What
a feature is called or how many live in it comes another way (`gridmap.maps.values`), so that a tile may be kept for
ever and gives away nothing but shapes.

Format: Mapbox Vector Tile 2.1, https://github.com/mapbox/vector-tile-spec (a protocol buffer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from layers.errors import DataBroken

__all__ = ["EXTENT", "Shape", "keep", "layers_of", "pack", "shapes_of"]

#: Steps along one side of a tile.
EXTENT = 4096

_POINT, _LINE, _POLYGON = 1, 2, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Shape(NamedTuple):
    """One feature of a tile: its number, its kind (1 point, 2 line, 3 polygon) and its packed geometry."""

    id: int
    kind: int
    geometry: bytes


def pack(name: str, shapes: Iterable[Shape]) -> bytes:
    """A tile with one layer; tiles of several layers are their bytes one after the other.

    Parameters
    ----------
    name
        Of the layer.
    shapes
        Its features. They are written in the order of their numbers.

    Returns
    -------
    Bytes, not compressed; b"" where there is no feature.

    Examples
    --------
    >>> tile = pack("grids", [Shape(7, 1, bytes([9, 50, 34]))])
    >>> [(name, list(shapes)) for name, shapes in layers_of(tile)]
    [('grids', [Shape(id=7, kind=1, geometry=b'\\t2"')])]
    """
    ordered = sorted(shapes)
    if not ordered:
        return b""
    numbers = sorted({shape.id for shape in ordered})
    place = {number: index for index, number in enumerate(numbers)}
    parts = [b"\x78\x02", _block(0x0A, name.encode())]
    for shape in ordered:
        tags = b"\x00" + _varint(place[shape.id])
        feature = _block(0x12, tags) + b"\x18" + bytes([shape.kind]) + _block(0x22, shape.geometry)
        parts.append(_block(0x12, feature))
    parts.append(_block(0x1A, b"id"))
    parts += [_block(0x22, b"\x28" + _varint(number)) for number in numbers]
    parts.append(b"\x28" + _varint(EXTENT))
    return _block(0x1A, b"".join(parts))


def layers_of(tile: bytes) -> Iterator[tuple[str, list[Shape]]]:
    """Name and features of each layer of a tile.

    Raises
    ------
    DataBroken
        Where the bytes are no tile, a layer has another extent, or a feature has no attribute `id`.
    """
    for number, wire, value in _fields(tile):
        if number == 3 and wire == _BYTES:
            assert isinstance(value, bytes)
            yield _layer(value)


def shapes_of(tile: bytes, name: str) -> list[Shape]:
    """Features of one layer of a tile; none where it has no such layer."""
    return [shape for found, shapes in layers_of(tile) if found == name for shape in shapes]


def keep(tile: bytes, wanted: Callable[[str, int], bool]) -> bytes:
    """The tile without the features that are not wanted; b"" where none is left.

    Parameters
    ----------
    tile
        Not compressed.
    wanted
        Asked for each feature, with the layer's name and the feature's number.

    Examples
    --------
    >>> tile = pack("grids", [Shape(1, 1, bytes([9, 2, 2])), Shape(2, 1, bytes([9, 4, 4]))])
    >>> [shape.id for shape in shapes_of(keep(tile, lambda layer, number: number == 2), "grids")]
    [2]
    >>> keep(tile, lambda layer, number: False)
    b''
    """
    return b"".join(
        pack(name, [shape for shape in shapes if wanted(name, shape.id)]) for name, shapes in layers_of(tile)
    )


def _layer(content: bytes) -> tuple[str, list[Shape]]:
    name, extent, keys, values = "", EXTENT, [], []
    features: list[bytes] = []
    for number, _, value in _fields(content):
        if isinstance(value, bytes):
            if number == 1:
                name = value.decode(errors="replace")
            elif number == 2:
                features.append(value)
            elif number == 3:
                keys.append(value.decode(errors="replace"))
            elif number == 4:
                values.append(_number(value))
        elif number == 5:
            extent = value
    if extent != EXTENT:
        raise DataBroken(f"layer {name!r} of a tile has the extent {extent}, not {EXTENT}; make the tiles again")
    return name, [_shape(name, feature, keys, values) for feature in features]


def _shape(name: str, content: bytes, keys: list[str], values: list[int | None]) -> Shape:
    kind, geometry, tags = 0, b"", b""
    for number, _, value in _fields(content):
        if number == 2 and isinstance(value, bytes):
            tags = value
        elif number == 3 and isinstance(value, int):
            kind = value
        elif number == 4 and isinstance(value, bytes):
            geometry = value
    pairs = list(_varints(tags))
    for key, index in zip(pairs[::2], pairs[1::2], strict=False):
        if keys[key] == "id" and values[index] is not None:
            return Shape(int(values[index] or 0), kind, geometry)
    raise DataBroken(f"a feature of layer {name!r} in a tile has no id; make the tiles again")


def _number(content: bytes) -> int | None:
    """A whole number, however a writer put it down; None for a text or a fraction."""
    for number, _, value in _fields(content):
        if number in (4, 5) and isinstance(value, int):
            return value
        if number == 6 and isinstance(value, int):
            return (value >> 1) ^ -(value & 1)
    return None


def _fields(content: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field of a message."""
    at, end = 0, len(content)
    try:
        while at < end:
            key, at = _read(content, at)
            wire = key & 7
            if wire == _VARINT:
                value, at = _read(content, at)
                yield key >> 3, wire, value
                continue
            if wire == _BYTES:
                size, at = _read(content, at)
            elif wire in (_FIXED64, _FIXED32):
                size = 8 if wire == _FIXED64 else 4
            else:
                raise DataBroken("a tile holds a field of an unknown type; make the tiles again")
            if at + size > end:
                raise IndexError
            yield key >> 3, wire, content[at : at + size]
            at += size
    except IndexError:
        raise DataBroken("a tile ends in the middle of a field; make the tiles again") from None


def _varints(content: bytes) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = _read(content, at)
        yield value


def _read(content: bytes, at: int) -> tuple[int, int]:
    """A varint and where the next byte stands."""
    byte = content[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value, shift = byte & 0x7F, 7
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _block(key: int, content: bytes) -> bytes:
    return bytes([key]) + _varint(len(content)) + content
