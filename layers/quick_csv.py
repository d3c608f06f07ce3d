"""Large CSV files by column, through Arrow's reader, where both readers surely agree.

The file is looked through once for what the two read differently (quotes within cells, zero bytes), then parsed in
small pieces; it is never in memory as a whole. Short rows and titles above the headings are taken along. Whatever else
is drawn oddly goes to the careful reader: `None` says so.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from layers.cells import first_bytes
from layers.findings import Findings
from layers.headings import normal, variants
from layers.rows import tell_rows
from layers.schema import Layer
from layers.table_shape import REMARKS, TOTALS, Shape, find_shape, no_things, tell_above, tidied, unique_headings
from layers.workbooks import ERRORS

__all__ = ["by_column", "quick", "separator_of"]

_HEAD = 200_000  # bytes in which the headings must stand
_PIECE = 1 << 20
_MOST_ODD = 10_000  # rows of too few cells that are mended one by one

_SPACES = r"\s\x{85}\x{A0}\x{3000}"
#: What `normal` takes away: marks, and brackets with what is in them.
_JUNK = rf"(?:[{_SPACES}_\-.:：、/*#'\"]|[(（\[【〔<《].*?[)）\]】〕>》])*"
#: Beyond everyday characters and full-width marks and digits, another form of a letter may stand.
_STRANGE = r"[^\x00-\x7F\x{3000}-\x{3020}\x{4E00}-\x{9FFF}\x{FF01}-\x{FF20}\x{FF3B}-\x{FF40}\x{FF5B}-\x{FF5E}]"

#: Bytes with which a space starts in UTF-8.
_MAY_BE_SPACE = np.isin(np.arange(256), [*range(0x21), 0xC2, 0xE1, 0xE2, 0xE3])

Cells = list[list[str]]


def separator_of(text: str) -> str:
    """The separator that cuts most of the first lines with content; a comma where there is none.

    A title above the table has none or few: the line with most parts decides.

    Examples
    --------
    >>> separator_of("名称;户数\\n甲,乙;3\\n")
    ';'
    """
    lines = [line for line in text[:50_000].splitlines() if line.strip()][:10]
    best = {mark: max((line.count(mark) for line in lines), default=0) for mark in ",\t;|"}
    first = lines[0] if lines else ""
    return max(",\t;|", key=lambda mark: (first.count(mark) > 0, best[mark], mark == ","))


def quick(given: Path | bytes, layer: Layer, file: str, findings: Findings) -> pd.DataFrame | None:
    """Read a CSV in UTF-8 by column; None, and nothing found, where it is not drawn plainly.

    Parameters
    ----------
    given
        The file, or what it holds.

    Examples
    --------
    >>> from layers.schema import layer
    >>> data = "2024年台账,,\\n编号,名称,户数\\n1,甲,25\\n2,乙\\n合计,,25\\n".encode()
    >>> findings = Findings()
    >>> quick(data, layer("buildings"), "a.csv", findings).values.tolist()
    [['1', '甲', '25', 3], ['2', '乙', nan, 4]]
    >>> [item.rule for item in findings]
    ['heading_row', 'totals_row']
    """
    with io.BytesIO(given) if isinstance(given, bytes) else given.open("rb") as source:
        start = source.read(_HEAD)
        try:
            text = start[: start.rfind(b"\n") + 1].decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
        separator = separator_of(text)
        shape = _head(text, separator, layer)
        if shape is None:
            return None
        source.seek(0)
        seen = _looked_through(source, separator.encode())
        if seen is None:
            return None
        source.seek(0)
        return _parsed(given, source, separator, shape, seen, layer, file, findings)


def _parsed(
    given: Path | bytes, source: BinaryIO, separator: str, shape: Shape, seen: _Seen, layer: Layer, file: str,
    findings: Findings,
) -> pd.DataFrame | None:  # fmt: skip
    """The rows; None where Arrow cannot cut them, or one has cells beyond the headings."""
    top = shape.last + 1
    names = [str(number) for number in range(len(shape.headings))]
    odd: list[tuple[int, str]] = []

    def keep_odd(row: pacsv.InvalidRow) -> str:
        if len(odd) >= _MOST_ODD or row.number is None:
            return "error"
        odd.append((row.number, row.text))
        return "skip"

    whole: Any
    if seen.quotes:
        whole = pa.PythonFile(_Pieces(source), mode="r")
    else:
        whole = pa.BufferReader(given) if isinstance(given, bytes) else pa.OSFile(str(given))
    try:
        table = pacsv.read_csv(
            whole,
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=top, block_size=_PIECE, use_threads=False),
            parse_options=pacsv.ParseOptions(
                delimiter=separator, newlines_in_values=seen.quotes, ignore_empty_lines=False,
                invalid_row_handler=keep_odd,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )  # fmt: skip
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
        return None
    found = Findings()
    short = _short_rows(odd, separator, len(names))
    if short is None or (not table.num_rows and not short):
        return None
    frame = by_column(_with_rows(table, short, top), shape, layer, file, found, short=short, errors=seen.errors)
    findings.extend(found)
    return frame


class _Pieces(io.RawIOBase):
    """A file read in pieces of which none ends between carriage return and line feed: there Arrow loses the latter."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(max(size - 1, 1) if size > 0 else size)
        return piece + self._source.read(1) if piece.endswith(b"\r") else piece


def _head(text: str, separator: str, layer: Layer) -> Shape | None:
    """The shape of the first rows; None where the headings are not found there for sure."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    cells: Cells = []
    lines: list[int] = []
    for record in reader:
        cells.append(record)
        lines.append(reader.line_num)
        if len(cells) == 20:
            break
    shape = find_shape(cells, layer)
    if shape is None or shape.last + 1 >= len(cells) or not all(map(normal, filter(str.strip, shape.headings))):
        return None
    if lines[shape.last] != shape.last + 1:
        return None  # a line break in a cell above the rows
    return shape if sum(bool(cell.strip()) for cell in cells[shape.last]) > 1 else None


class _Seen:
    """What the file holds: whether any quotes, whether any mark of a formula that failed."""

    quotes = False
    errors = False


def _looked_through(source: BinaryIO, separator: bytes) -> _Seen | None:
    """Look at every byte; None at bytes that are no text, and where Python's and Arrow's readers part."""
    seen, inside, rest = _Seen(), 0, 0
    room = bytearray(4 * _PIECE)  # the same all along: what was read last starts with the rest of the piece before
    while True:
        count = source.readinto(memoryview(room)[rest : rest + _PIECE])  # type: ignore[attr-defined]
        filled = rest + count
        end = room.rfind(b"\n", 0, filled) + 1 if count else filled
        if room.find(b"\0", 0, end) >= 0 or filled - end > 3 * _PIECE:
            return None
        if room.find(b"\r", 0, end) >= 0 and room.find(b"\r\r", 0, end) >= 0:
            return None
        if not _is_utf8(memoryview(room)[:end]):
            return None
        seen.errors = seen.errors or room.find(b"#", 0, end) >= 0
        if room.find(b'"', 0, end) >= 0:
            seen.quotes = True
            now = _in_quotes(bytes(room[:end]), separator, inside)
            if now is None:
                return None
            inside = now
        if not count:
            return None if inside else seen
        rest = filled - end
        room[:rest] = room[end:filled]


def _is_utf8(piece: memoryview) -> bool:
    """Whether bytes, which end with a line, are text."""
    ends = pa.py_buffer(np.array([0, len(piece)], dtype=np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(piece)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _in_quotes(piece: bytes, separator: bytes, inside: int) -> int | None:
    """Whether the piece, which ends with a line, ends within a quoted cell; None where a quote stands oddly.

    Every quote opens or closes. One that opens stands at the start of a cell, one that closes at its end, or both
    beside one another, which is a quote within the cell.
    """
    data = np.frombuffer(piece, np.uint8)
    at = np.flatnonzero(data == 34)
    opens = (np.arange(len(at)) + inside) % 2 == 0
    edges = np.frombuffer(separator + b"\r\n", np.uint8)
    padded = np.concatenate([[10], data, [10]]).astype(np.uint8)
    twin = np.diff(at, prepend=-2) == 1
    fine_before = np.isin(padded[at], edges) | twin
    fine_after = np.isin(padded[at + 2], edges) | np.r_[twin[1:], False]
    if not np.where(opens, fine_before, fine_after).all():
        return None
    return (len(at) + inside) % 2


def _short_rows(odd: list[tuple[int, str]], separator: str, width: int) -> list[tuple[int, list[str]]] | None:
    """Rows of another number of cells, by their number; None where one has content beyond the headings."""
    rows = []
    for number, text in odd:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        if len(records) != 1 or any(cell.strip() for cell in records[0][width:]):
            return None
        rows.append((number, records[0][:width]))
    return rows


def _with_rows(table: pa.Table, short: list[tuple[int, list[str]]], top: int) -> pa.Table:
    """The table with the short rows in their places."""
    if not short:
        return table
    width = table.num_columns
    square = [[*row, *[""] * (width - len(row))] for _, row in short]
    extra = pa.table([pa.array(cells, pa.large_string()) for cells in zip(*square, strict=True)], schema=table.schema)
    parts, done = [], 0
    for place, (number, _) in enumerate(short):
        before = number - top - 1 - place  # rows of the table above it
        parts += [table.slice(done, before - done), extra.slice(place, 1)]
        done = before
    return pa.concat_tables([*parts, table.slice(done)]).combine_chunks()


def by_column(
    table: pa.Table, shape: Shape, layer: Layer, file: str, findings: Findings,
    *, short: Sequence[tuple[int, list[str]]] = (), errors: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """The rows below the headings as `read_table` gives them.

    Parameters
    ----------
    table
        Text, no cell missing, a column for each heading.
    short
        Rows that have fewer cells in the file, by their number there.
    errors
        Whether any cell may be the mark of a formula that failed.
    """
    top = shape.last + 1
    tell_above(shape, layer, file, findings)
    headings = unique_headings(shape.headings, layer, file, findings)
    columns = [_blanks_missing(column) for column in table.columns]
    keep = np.ones(table.num_rows, dtype=bool)
    given = {number - top - 1: row for number, row in short}
    numbers = _candidates(columns, headings)
    if len(numbers):
        taken = table.take(pa.array(numbers)).to_pylist()
        rows = [given.get(number, list(row.values())) for number, row in zip(numbers, taken, strict=True)]
        out = no_things(rows, headings, [number + top + 1 for number in numbers], layer, file, findings)
        keep[np.asarray(numbers)[np.asarray(out, dtype=bool)]] = False
    if errors:
        failed = [np.asarray(pc.is_in(column, pa.array(ERRORS, pa.large_string()))) for column in columns]
        columns = [
            pc.if_else(pa.array(bad), pa.scalar(None, pa.large_string()), column) if bad.any() else column
            for column, bad in zip(columns, failed, strict=True)
        ]
        broken = np.flatnonzero(np.logical_or.reduce(failed)) + top + 1
        tell_rows(
            findings, layer.name, "formula_failed", "a formula that failed, such as #REF!", "read as empty",
            pd.Series(broken.tolist()), file=file,
        )  # fmt: skip
    frame = pd.DataFrame(dict(zip(headings, [pd.Series(pd.array(c, dtype="str")) for c in columns], strict=True)))
    frame.columns = frame.columns.astype("object")
    rows_at = np.arange(top + 1, top + 1 + len(frame), dtype=np.int64)
    frame["source_row"] = pd.array(rows_at, dtype="Int64")
    return tidied(frame, headings, keep)


def _blanks_missing(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells of spaces alone as missing; a cell that starts with a letter is not looked at."""
    first = first_bytes(column)
    doubtful = np.flatnonzero(_MAY_BE_SPACE[first])
    if not len(doubtful):
        return column
    empty = np.zeros(len(column), dtype=bool)
    empty[doubtful] = np.asarray(pc.equal(pc.utf8_trim_whitespace(column.take(pa.array(doubtful))), ""))
    if not empty.any():
        return column
    return pc.if_else(pa.array(empty), pa.scalar(None, pa.large_string()), column)


def _candidates(columns: Sequence[pa.ChunkedArray], headings: list[str]) -> list[int]:
    """Rows that may be totals, remarks or the headings once more, by their first cell with content."""
    lead = columns[0]
    if lead.null_count:
        lead = pc.coalesce(*columns[:6])
    head = normal(headings[0])[:1]
    begins = "".join(variants(head))
    letters = {*"tsgn", *"tsgn".upper(), *begins, *unicodedata.normalize("NFKD", begins)}
    safe = np.zeros(256, dtype=bool)
    safe[[0, *(code for code in range(128) if chr(code).isalnum() and chr(code) not in letters)]] = True
    doubtful = np.flatnonzero(~safe[first_bytes(lead)])
    if not len(doubtful):
        return []
    cells = lead if len(doubtful) == len(lead) else lead.take(pa.array(doubtful))
    totals = "|".join(_JUNK.join(map(re.escape, word)) for word in TOTALS)
    pattern = (
        rf"(?i)^{_JUNK}(?:{totals}){_JUNK}(?:数|\(|（|$)|^[{_SPACES}]*(?:{REMARKS})[{_SPACES}]*[:：]|"
        rf"^{_JUNK}[{re.escape(begins)}]|{_STRANGE}|^{_JUNK}[(（\[【〔<《]"
    )
    odd = pc.fill_null(pc.match_substring_regex(cells, pattern), False)
    return [int(number) for number in doubtful[np.asarray(odd)]]
