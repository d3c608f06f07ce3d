"""Whole columns of text looked at through their bytes: what is true of every cell is found without touching one by one.

Each question here is answered for sure or not at all: who gets no answer looks at the cells themselves. The pieces are
small, so that what is worked on stays in the processor's cache.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = [
    "bare", "calm", "distinct_count", "first_bytes", "only", "plain_times", "repeated", "repeated_rows", "text_of",
]  # fmt: skip

_PIECE = 1 << 15
_WORDS = 8  # of 8 bytes: longer cells are compared one by one
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(9)], dtype=np.uint64)
_FIRST_TIME = np.datetime64("1000-01-01", "ms")
_TIME_BYTES = b"0123456789-: T"

_calm = 0
_lock = Lock()


@contextmanager
def calm() -> Iterator[None]:
    """Without Python's collector of cycles, which walks over a million new geometries again and again.

    Examples
    --------
    >>> with calm():
    ...     gc.isenabled()
    False
    """
    global _calm
    with _lock:
        was = gc.isenabled() or _calm > 0
        _calm += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _calm -= 1
            if was and not _calm:
                gc.enable()


def text_of(column: pd.Series) -> pa.ChunkedArray | None:
    """The text of a column as Arrow has it, nothing copied; None where it is no column of text.

    Examples
    --------
    >>> text_of(pd.Series(["a", None], dtype="str")).null_count, text_of(pd.Series([1])) is None
    (1, True)
    """
    if not isinstance(column.dtype, pd.StringDtype):
        return None
    text = pa.array(column)
    text = text if isinstance(text, pa.ChunkedArray) else pa.chunked_array([text])
    return text.cast(pa.large_string()) if text.type != pa.large_string() else text


Piece = tuple[slice, NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]


def _pieces(text: pa.ChunkedArray) -> Iterator[Piece]:
    """Rows, the bytes that hold them, where each cell starts in these, and how long it is (0 where it is missing)."""
    first = 0
    for chunk in text.chunks:
        for start in range(0, len(chunk), _PIECE):
            part = chunk.slice(start, _PIECE)
            valid, ends, data = part.buffers()
            bounds = np.frombuffer(ends, np.int64, len(part) + 1, 8 * part.offset)
            if data is None or not len(data):
                data = pa.py_buffer(b"\0" * 8)
            size = np.diff(bounds)
            if valid is not None and part.null_count:
                size = np.where(np.asarray(part.is_valid()), size, 0)
            yield slice(first, first + len(part)), np.frombuffer(data, np.uint8), bounds[:-1], size
            first += len(part)


def _held(text: pa.ChunkedArray) -> tuple[int, int]:
    """Bytes of all cells, and how many cells have none."""
    held = empty = 0
    for _, _, _, size in _pieces(text):
        held += int(size.sum())
        empty += len(size) - int(np.count_nonzero(size))
    return held, empty


def first_bytes(text: pa.ChunkedArray) -> NDArray[np.uint8]:
    """First byte of each cell; 0 where there is none."""
    out = np.zeros(len(text), dtype=np.uint8)
    for rows, data, starts, size in _pieces(text):
        out[rows] = np.where(size > 0, data[np.minimum(starts, len(data) - 1)], 0)
    return out


def only(text: pa.ChunkedArray, allowed: bytes) -> bool:
    """Whether no cell holds any byte but these.

    Examples
    --------
    >>> only(pa.chunked_array([pa.array(["12", None, "3"], pa.large_string())]), b"0123456789")
    True
    """
    for _, data, starts, size in _pieces(text):
        if len(starts):
            held = data[starts[0] : starts[-1] + size[-1]].tobytes()
            if held.translate(None, allowed):
                return False
    return True


def bare(column: pd.Series) -> pd.Series | None:
    """A column of text without outer spaces, empty cells missing: itself where it is so already.

    None where it is no column of text.

    Examples
    --------
    >>> column = pd.Series(["a", "b"], dtype="str")
    >>> bare(column) is column, bare(pd.Series([" a", " ", None], dtype="str")).tolist()
    (True, ['a', nan, nan])
    """
    text = text_of(column)
    if text is None:
        return None
    stripped = pc.utf8_trim_whitespace(text)
    held, empty = _held(stripped)
    if empty != text.null_count:
        stripped = pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.large_string()), stripped)
    elif held == _held(text)[0]:
        return column
    return pd.Series(pd.array(stripped, dtype="str"), index=column.index, name=column.name)


def plain_times(column: pd.Series) -> NDArray[np.datetime64] | None:
    """Times that are all written 2024-04-16 or 2024-04-16 03:03:15, NaT where missing; None where any is not.

    Examples
    --------
    >>> plain_times(pd.Series(["2024-04-16", None], dtype="str")).tolist()[1] is None
    True
    >>> plain_times(pd.Series(["2024-04-31"], dtype="str")) is None
    True
    """
    text = text_of(column)
    if text is None or not only(text, _TIME_BYTES):
        return None
    empty = 0
    for _, _, _, size in _pieces(text):
        if not ((size == 10) | (size == 19) | (size == 0)).all():
            return None
        empty += len(size) - int(np.count_nonzero(size))
    if empty != text.null_count:
        return None
    try:
        times = pc.cast(text, pa.timestamp("ms")).to_numpy()
    except pa.ArrowInvalid:
        return None
    times = np.asarray(times, dtype="datetime64[ms]")
    if len(times) and not (np.isnat(times) | (times >= _FIRST_TIME)).all():
        return None  # four digits of the year: none is too late
    return times


def repeated(column: pd.Series) -> NDArray[np.bool_] | None:
    """Rows whose text may stand in another row too; who is not among them stands alone, for sure.

    Missing cells are never among them. None where the column is no text, or its cells are long.

    Examples
    --------
    >>> repeated(pd.Series(["a", "b", "a", None], dtype="str")).tolist()
    [True, False, True, False]
    >>> repeated(pd.Series(["", "", "a"], dtype="str")).tolist()
    [True, True, False]
    """
    text = text_of(column)
    if text is None:
        return None
    mixed = np.empty(len(text), dtype=np.uint64)
    there = np.asarray(text.is_valid()) if text.null_count else np.ones(len(text), dtype=bool)
    for rows, data, starts, size in _pieces(text):
        most = int(size.max()) if len(size) else 0
        if most > 8 * _WORDS:
            return None
        if len(data) < 8:
            data = np.concatenate([data, np.zeros(8, dtype=np.uint8)])
        words = np.ndarray((len(data) - 7,), "<u8", data.data, strides=(1,))
        value = size.astype(np.uint64)
        for number in range(-(-most // 8)):
            at = starts + 8 * number
            near = np.minimum(at, len(words) - 1)
            shift = (8 * np.minimum(at - near, 7)).astype(np.uint64)
            word = (words[near] >> shift) & _MASKS[np.clip(size - 8 * number, 0, 8)]
            more = (value ^ word) * _MIX
            more ^= more >> np.uint64(29)
            # a cell that has ended stays as it is, whatever longer ones lie in the same piece
            longer = size > 8 * number
            value = more if longer.all() else np.where(longer, more, value)
        mixed[rows] = value
    values = np.sort(mixed[there] if not there.all() else mixed)
    twice = np.unique(values[1:][values[1:] == values[:-1]])
    if not len(twice):
        return np.zeros(len(text), dtype=bool)
    place = np.minimum(np.searchsorted(twice, mixed), len(twice) - 1)
    return np.asarray((twice[place] == mixed) & there)


def repeated_rows(column: pd.Series, *, later: bool = False) -> NDArray[np.bool_]:
    """Rows whose value stands in another row too, or (`later`) in one before; missing values are no values.

    Examples
    --------
    >>> repeated_rows(pd.Series(["a", "b", "a", None, None])).tolist()
    [True, False, True, False, False]
    >>> repeated_rows(pd.Series(["a", "b", "a"], dtype="str"), later=True).tolist()
    [False, False, True]
    """
    suspects = repeated(column)
    if suspects is None:
        suspects = column.notna().to_numpy(dtype=bool, copy=True)
    if suspects.any():
        suspects[suspects] = column[suspects].duplicated(keep="first" if later else False).to_numpy(dtype=bool)
    return suspects


def distinct_count(column: pd.Series) -> int:
    """How many values a column has.

    Examples
    --------
    >>> distinct_count(pd.Series(["a", "b", "a", None], dtype="str"))
    2
    """
    return int(column.notna().sum()) - int(repeated_rows(column, later=True).sum())
