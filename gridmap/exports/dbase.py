"""The cells of a dBASE table, as the .dbf of a shapefile is: what each value becomes, and what did not fit."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridmap.exports.delivered import LONG_TEXT
from gridmap.exports.fields import MOST_DIGITS, Field, as_text
from gridmap.exports.notices import Notices
from gridmap.exports.texts import (
    beginning,
    byte_lengths,
    changed,
    empty_as_null,
    modern_gb18030,
    without_outer_spaces,
)
from layers.schema import Layer

__all__ = ["CELL", "MOST_FIELDS", "Cells", "Stored", "cells_of", "long_rows", "stored_fields", "table_bytes"]

#: Bytes of one cell: the descriptor has one byte for the width, and dBASE keeps the 255th to itself.
CELL = 254
#: Columns of one table, in dBASE and in ArcMap.
MOST_FIELDS = 255
#: Where N 24.15, GDAL's cell for a number, has no room for digits behind the point.
_HUGE = 1e15
#: Widths that GDAL begins with; it widens a text column to the longest text.
_FIRST_WIDTH = {"text": 80, "integer": 18, "number": 24}


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One field as the table will hold it.

    `values` are objects (`str` or None), Int64 or float64; `long` marks rows whose text was cut, `whole` holds the
    texts before that.
    """

    values: pd.Series
    long: pd.Series
    whole: pd.Series

    @property
    def type(self) -> str:
        """text, integer or number."""
        return {"Int64": "integer", "float64": "number"}.get(str(self.values.dtype), "text")

    @property
    def written(self) -> pd.Series:
        """The values for GDAL: counts as Int32, whose cell of 9 digits ArcMap reads as a whole number."""
        if self.type == "integer" and (self.values.abs() < 10**8).fillna(True).all():
            return self.values.astype("Int32")
        return self.values


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One field descriptor of a written table: name, dBASE type letter, width in bytes, decimals."""

    name: str
    type: str
    width: int
    decimals: int

    def __str__(self) -> str:
        return f"{self.type} {self.width}.{self.decimals}" if self.decimals else f"{self.type} {self.width}"


def cells_of(field: Field, encoding: str, *, long_file: str, notices: Notices) -> Cells:
    """A field's values as dBASE can hold them in the encoding, every loss noted.

    Truth values are T and F (a logical cell is no type that ArcGIS reads from a shapefile); whole numbers beyond 15
    digits and numbers beyond 10^15 make their column text, for readers take them for doubles.

    Examples
    --------
    >>> field = Field(name="stack", type="integer", values=pd.Series([330101001001001001, 7], dtype="Int64"))
    >>> notices = Notices("micro_grids")
    >>> cells_of(field, "gb18030", long_file="long_text.csv", notices=notices).values.tolist()
    ['330101001001001001', '7']
    >>> [notice.rule for notice in notices]
    ['integer_as_text']
    """
    none = pd.Series(False, index=field.values.index)
    if field.type == "integer":
        beyond = (field.values.abs() >= 10**MOST_DIGITS).fillna(False)
        # the smallest 64-bit number has no positive twin, so abs() leaves it negative
        beyond |= (field.values == np.iinfo(np.int64).min).fillna(False)
        notices.add("integer_as_text", beyond.sum(), field=field.name)
        if not beyond.any():
            return Cells(values=field.values, long=none, whole=field.values)
    if field.type == "number":
        huge = field.values.abs() >= _HUGE
        notices.add("number_as_text", huge.sum(), field=field.name)
        if not huge.any():
            return Cells(values=field.values, long=none, whole=field.values)
    return _text_cells(field.name, as_text(field), encoding, long_file, notices)


def _text_cells(name: str, values: pd.Series, encoding: str, long_file: str, notices: Notices) -> Cells:
    if encoding == "gb18030":
        modern = modern_gb18030(values)
        notices.add("characters_mapped", changed(values, modern).sum(), field=name)
        values = modern
    # no character takes more than four bytes
    short = max(map(len, filter(None, values)), default=0) * 4 <= CELL
    long = pd.Series(False, index=values.index) if short else byte_lengths(values, encoding) > CELL
    notices.add("long_text", long.sum(), field=name, detail=long_file)
    cut = values
    if long.any():
        cut = values.copy()
        # long texts are few, and each is cut at a place of its own
        cut[long] = [beginning(text, encoding, CELL) for text in values[long]]
    trimmed = without_outer_spaces(cut)
    notices.add("outer_spaces_lost", (changed(cut, trimmed) & ~long).sum(), field=name)
    notices.add("empty_text_as_null", (values == "").sum(), field=name)
    return Cells(values=empty_as_null(trimmed), long=long, whole=values)


def long_rows(
    cells: Sequence[Cells], fields: Sequence[Field], shorts: Sequence[str], rows: np.ndarray, layer: Layer, file: str
) -> pd.DataFrame:
    """The whole texts of cut cells among `rows`, as `long_text.csv` lists them, by code and row (1 is the first)."""
    code = next((field.values for field in fields if field.name == "code"), None)
    tables = []
    for cell, field, short in zip(cells, fields, shorts, strict=True):
        places = np.flatnonzero(cell.long.to_numpy()[rows])
        if not len(places):
            continue
        mine = rows[places]
        tables.append(
            pd.DataFrame(
                {
                    "layer": layer.name,
                    "file": file,
                    "row": places + 1,
                    "code": None if code is None else code.iloc[mine].to_numpy(),
                    "short": short,
                    "name": field.name,
                    "text": cell.whole.iloc[mine].to_numpy(),
                },
                columns=list(LONG_TEXT),
            )
        )
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(LONG_TEXT))


def table_bytes(cells: Sequence[Cells], rows: int, encoding: str) -> int:
    """Bytes that the .dbf takes at most."""
    widths = [
        max(_FIRST_WIDTH[cell.type], int(byte_lengths(cell.values, encoding).max() or 0) if cell.type == "text" else 0)
        if len(cell.values)
        else _FIRST_WIDTH[cell.type]
        for cell in cells
    ]
    return 33 + 32 * len(widths) + rows * (1 + sum(widths))


def stored_fields(path: Path) -> list[Stored]:
    """The field descriptors of a .dbf (dBASE III header: 32 bytes, then 32 a field, then 0x0D)."""
    with path.open("rb") as file:
        header = file.read(32)
        length = struct.unpack("<H", header[8:10])[0]
        body = file.read(length - 32)
    found = []
    for start in range(0, len(body) - 31, 32):
        if body[start] == 0x0D:
            break
        name, type_, width, decimals = struct.unpack("<11s c 4x B B 14x", body[start : start + 32])
        found.append(
            Stored(
                name=name.split(b"\0")[0].decode("ascii", "replace"),
                type=type_.decode(),
                width=width,
                decimals=decimals,
            )
        )
    return found
