"""What an export gives back: the files of one layer while they are being made, and once they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gridmap.exports.fields import Field, dictionary
from gridmap.exports.notices import Notice
from gridmap.exports.opened import Opened
from gridmap.exports.position import Position

__all__ = ["LONG_TEXT", "Delivered", "Staged"]

#: Columns of `long_text.csv`.
LONG_TEXT = ("layer", "file", "row", "code", "short", "name", "text")


@dataclass(frozen=True, kw_only=True)
class Staged:
    """One layer written aside and compared, not yet at its place.

    `main` holds the names of the files that a person opens; `long_text` the texts that did not fit, in the columns
    of `LONG_TEXT`.
    """

    layer: str
    rows: int
    main: tuple[str, ...]
    dictionary: pd.DataFrame
    notices: tuple[Notice, ...]
    position: Position
    long_text: pd.DataFrame

    @classmethod
    def one_file(
        cls, ready: Opened, fields: Sequence[Field], names: Sequence[str], stored: Sequence[str], path: Path
    ) -> Staged:
        """A layer in one file without widths or cut texts; the parameters as `gridmap.exports.fields.dictionary`'s."""
        table = dictionary(
            fields,
            names,
            layer=ready.layer,
            file=path.name,
            stored=stored,
            widths=[None] * len(fields),
            notices=ready.notices,
        )
        return cls(
            layer=ready.layer.name,
            rows=ready.rows,
            main=(path.name,),
            dictionary=table,
            notices=tuple(ready.notices),
            position=ready.position,
            long_text=pd.DataFrame(columns=list(LONG_TEXT)),
        )


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """One layer delivered.

    Parameters
    ----------
    layer
        Layer name of `layers.schema.LAYERS`.
    path
        Where it went: the folder, the archive, or the file.
    files
        Every file made, sidecars included; the archive alone where it is one.
    rows
        Rows of the layer.
    dictionary
        One row a column, as in `fields.csv`.
    warnings
        What the format could not hold as it was.
    """

    layer: str
    path: Path
    files: tuple[Path, ...]
    rows: int
    dictionary: pd.DataFrame
    warnings: tuple[Notice, ...]
