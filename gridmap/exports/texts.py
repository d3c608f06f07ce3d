"""Text brought into the form that a file format can hold, with a mask of the rows that had to change.

Series in and out are of dtype object, `str` or None, on one index.
"""

from __future__ import annotations

import re

import pandas as pd

__all__ = [
    "UNHOLDABLE",
    "UNHOLDABLE_IN_XML",
    "beginning",
    "byte_lengths",
    "changed",
    "empty_as_null",
    "modern_gb18030",
    "plain_breaks",
    "without",
    "without_outer_spaces",
]

#: No format here holds these: NUL ends a text early, a lone surrogate is half a character.
UNHOLDABLE = "[\x00\ud800-\udfff]"
#: Characters that XML 1.0 (section 2.2) forbids, for workbooks and KML.
UNHOLDABLE_IN_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"

#: Places of the private use area that GB18030-2000 used for characters that Unicode has since been given
#: (editions of 2005 and 2022). Python decodes GB18030 by the edition of 2000; iconv, with which GDAL encodes, follows
#: the later ones and drops these places without a word, so a text that came in from a GB18030 file would lose them.
_OLD_PLACES = {
    0xE78D: 0xFE10, 0xE78E: 0xFE12, 0xE78F: 0xFE11, 0xE790: 0xFE13, 0xE791: 0xFE14, 0xE792: 0xFE15, 0xE793: 0xFE16,
    0xE794: 0xFE17, 0xE795: 0xFE18, 0xE796: 0xFE19, 0xE7C7: 0x1E3F, 0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC,
    0xE81E: 0x9FB4, 0xE826: 0x9FB5, 0xE82B: 0x9FB6, 0xE82C: 0x9FB7, 0xE831: 0x215D7, 0xE832: 0x9FB8, 0xE83B: 0x2298F,
    0xE843: 0x9FB9, 0xE854: 0x9FBA, 0xE855: 0x241FE, 0xE864: 0x9FBB,
}  # fmt: skip
_OLD_PATTERN = "[" + "".join(map(chr, _OLD_PLACES)) + "]"


def changed(before: pd.Series, after: pd.Series) -> pd.Series:
    """Which rows differ, an empty cell counting as equal to an empty cell.

    Examples
    --------
    >>> changed(pd.Series(["a", None, "b"], dtype=object), pd.Series(["a", None, None], dtype=object)).tolist()
    [False, False, True]
    """
    if after is before:  # what had nothing to change gives back what it was given
        return pd.Series(False, index=before.index)
    both_missing = before.isna() & after.isna()
    return (before != after).astype(bool) & ~both_missing


def without(values: pd.Series, pattern: str) -> pd.Series:
    r"""The texts without the characters of the pattern.

    Examples
    --------
    >>> without(pd.Series(["a\x00b", None], dtype=object), UNHOLDABLE).tolist()
    ['ab', None]
    """
    return values.str.replace(pattern, "", regex=True) if _anywhere(pattern, values) else values


def _anywhere(pattern: str, values: pd.Series) -> bool:
    """Whether a character of the pattern stands in any of the texts: one look at all of them in a row."""
    return re.search(pattern, "".join(filter(None, values))) is not None


def modern_gb18030(values: pd.Series) -> pd.Series:
    r"""Texts with the 25 characters of GB18030-2000's private places at their Unicode places.

    Ten vertical forms, ḿ and 14 ideographs, each to where glibc's iconv puts the same bytes.

    Examples
    --------
    >>> modern_gb18030(pd.Series(["\ue816"], dtype=object))[0] == "\U00020087"
    True
    """
    return values.str.translate(_OLD_PLACES) if _anywhere(_OLD_PATTERN, values) else values


def plain_breaks(values: pd.Series) -> pd.Series:
    r"""Texts with every line break as one `\n`, as XML readers give them.

    Examples
    --------
    >>> plain_breaks(pd.Series(["a\r\nb\rc"], dtype=object))[0]
    'a\nb\nc'
    """
    return values.str.replace("\r\n?", "\n", regex=True) if values.notna().any() else values


def without_outer_spaces(values: pd.Series) -> pd.Series:
    """Texts without spaces at either end (only U+0020: a dBASE cell is filled up with it).

    Examples
    --------
    >>> without_outer_spaces(pd.Series([" a b "], dtype=object))[0]
    'a b'
    """
    ends = any(text[0] == " " or text[-1] == " " for text in values if text)
    return values.str.strip(" ") if ends else values


def empty_as_null(values: pd.Series) -> pd.Series:
    """Texts with None in place of the empty text.

    Examples
    --------
    >>> empty_as_null(pd.Series(["", "a"], dtype=object)).tolist()
    [None, 'a']
    """
    empty = values == ""
    return values.where(~empty, None) if empty.any() else values


def byte_lengths(values: pd.Series, encoding: str) -> pd.Series:
    """How many bytes each text takes in the encoding, 0 for an empty cell.

    Python's GB18030 is that of 2000, which for some characters takes more bytes than that of 2005, never fewer
    (after `modern_gb18030`), so what fits by this count fits in the file.

    Examples
    --------
    >>> byte_lengths(pd.Series(["王", None], dtype=object), "gb18030").tolist()
    [2, 0]
    """
    # letters and digits alone take a byte each, whatever the encoding
    lengths = [0 if not text else len(text) if text.isascii() else len(text.encode(encoding)) for text in values]
    return pd.Series(lengths, index=values.index, dtype="int64")


def beginning(text: str, encoding: str, limit: int) -> str:
    """The longest beginning of whole characters that takes at most `limit` bytes in the encoding.

    Examples
    --------
    >>> beginning("王府井", "utf-8", 8)
    '王府'
    """
    return text.encode(encoding)[:limit].decode(encoding, "ignore")
