"""A workbook whose last cell stands so far off that its reader would lay out millions of empty cells."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

__all__ = ["MOST_CELLS", "far_cell"]

#: So many cells are laid out at most, unless a twentieth of them are filled.
MOST_CELLS = 30_000_000
_FILLED = 20
_ROW = re.compile(rb'<row [^>]*?\br="(\d+)"')
_LOW = re.compile(rb'\br="[A-Z]{1,3}(\d{6,7})"')
_WIDE = tuple(re.compile(rb'\br="([A-Z]{%d})\d' % letters) for letters in (3, 2))


def far_cell(data: bytes) -> str | None:
    """Name of the corner of a sheet that is far too large for what stands in it; None where all sheets are fine.

    The reader lays out every cell between the first and the last one: one number in XFD1048576, 5 KB in a file, is 17
    thousand million cells, and the memory for them is asked for at once.

    Parameters
    ----------
    data
        The workbook (.xlsx, .et) as bytes; another kind of file has no such sheets.

    Raises
    ------
    One of `layers.archives.ZIP_ERRORS`
        The archive is damaged.
    """
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for item in archive.infolist():
            if item.filename.startswith("xl/worksheets/") and item.filename.endswith(".xml"):
                xml = archive.read(item)
                rows, columns = _last_row(xml), _last_column(xml)
                if rows * columns > max(MOST_CELLS, _FILLED * xml.count(b"<c ")):
                    return f"{_letters(columns)}{rows}"
    return None


def _last_row(xml: bytes) -> int:
    """Rows by their own numbers, and by those of cells far down."""
    return max((int(number) for number in {*_ROW.findall(xml), *_LOW.findall(xml)}), default=1)


def _last_column(xml: bytes) -> int:
    """The widest column, looked for among names of three letters first: few sheets have any."""
    for names in _WIDE:
        found = set(names.findall(xml))
        if found:
            return max(_number(name) for name in found)
    return 26


def _number(letters: bytes) -> int:
    """
    Examples
    --------
    >>> _number(b"A"), _number(b"XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _letters(number: int) -> str:
    """
    Examples
    --------
    >>> _letters(1), _letters(16384)
    ('A', 'XFD')
    """
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text
