"""Tables in: CSV text and workbooks, every cell as text, every row with its number.

Nothing is typed here: '007' stays '007'. What a file is, its first bytes say and not its ending: many a `.xls` is a web
page or text with tabs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from layers.encodings import Decoded, decode, detect
from layers.errors import BadFile, BadSettings
from layers.findings import Findings
from layers.headings import normal
from layers.quick_csv import by_column, quick, separator_of
from layers.rows import tell_rows
from layers.schema import Layer
from layers.table_shape import Shape, find_shape, no_things, tell_above, tidied, unique_headings
from layers.workbooks import ERRORS, WORKBOOKS, Sheet, html_rows, read_sheet, sheets, what_it_is

__all__ = ["TABLES", "WORKBOOKS", "decode", "read_table", "sheets"]

#: Endings of files that this page reads.
TABLES = (".csv", ".tsv", *WORKBOOKS)

#: Bytes from which a CSV is read by column, if it is drawn plainly.
LARGE = 4 << 20
#: Rows from which a sheet is.
MANY = 2_000

Cells = list[list[str]]


def read_table(
    path: str | Path,
    layer: Layer,
    *,
    encoding: str | None = None,
    fallback: str | None = None,
    sheet: str | None = None,
) -> tuple[pd.DataFrame, Findings]:
    """Read a CSV or a workbook as text.

    The headings are found by `table_shape.find_shape`. Rows above them (titles, notes), rows without content, totals
    and remarks below are no things; each is a finding. Merged cells count for every row they cover.

    Parameters
    ----------
    encoding
        Of a CSV; None to find it by rule (`layers.encodings`).
    fallback
        Tried instead of GB18030 where a CSV is not UTF-8.
    sheet
        Of a workbook; None for the one named after the layer, else the first with content.

    Returns
    -------
    (frame, findings): columns of text (NaN where a cell is empty) under the headings of the file, and `source_row`,
    the row in the file with its first row as 1. For a CSV with line breaks inside cells, records are counted, as a
    spreadsheet shows them.

    Raises
    ------
    BadFile
        Not a table, corrupt, or in another encoding than given.
    MissingLayer
        A sheet that the workbook does not have.

    Examples
    --------
    >>> import tempfile
    >>> from layers.schema import layer
    >>> path = Path(tempfile.mkdtemp()) / "staff.csv"
    >>> _ = path.write_text("姓名,角色,区域\\n李,网格长,330106001001001\\n", encoding="gb18030")
    >>> read_table(path, layer("staff"))[0].to_dict("list")
    {'姓名': ['李'], '角色': ['网格长'], '区域': ['330106001001001'], 'source_row': [2]}
    """
    path = Path(path)
    findings = Findings()
    if encoding is None and (plain := _plain_utf8(path, layer, sheet, findings)) is not None:
        return plain, findings
    data = _bytes(path)
    kind = what_it_is(data)
    if path.suffix.lower() in WORKBOOKS and (kind in ("zip", "ole") or not _is_text(data)):
        drawn = read_sheet(path, layer, sheet, findings)
        if len(drawn.values) >= MANY and (shape := _shape_above(drawn, layer)) is not None:
            return _sheet_by_column(drawn, shape, layer, path.name, findings), findings
        return _frame(drawn.cells, layer, path.name, findings, merges=drawn.merges), findings
    if kind in ("zip", "ole"):
        raise BadFile(f"cannot read {path.name}: it is a workbook under another name; give it the ending .xlsx or .xls")
    if sheet is not None and sheet != "*":
        raise BadSettings(f"{path.name} is a CSV, which has no sheets; leave out layer = {sheet!r}")
    large = len(data) >= LARGE
    found = _text_of(data, layer, path, encoding, fallback, findings)
    text = found.text
    del data
    if kind == "html":
        findings.add(
            layer.name, "html_table", f"{path.name} is a web page that calls itself a workbook", "its table read",
            level="note", file=path.name,
        )  # fmt: skip
        return _frame(html_rows(text), layer, path.name, findings), findings
    if path.suffix.lower() in WORKBOOKS:
        findings.add(
            layer.name, "text_table", f"{path.name} is text that calls itself a workbook", "read as text",
            level="note", file=path.name,
        )  # fmt: skip
    if large and (encoding is not None or found.encoding not in ("utf-8", "utf-8-sig")):
        plain = quick(text.encode(), layer, path.name, findings)
        if plain is not None:
            return plain, findings
    separator = separator_of(text)
    return _frame(_csv_cells(text, separator, layer, path, findings), layer, path.name, findings), findings


def _shape_above(drawn: Sheet, layer: Layer) -> Shape | None:
    """The shape of a sheet by its first rows; None where more of them must be looked at."""
    first = drawn.first(200)
    if sum(any(cell.strip() for cell in row) for row in first) < 20:
        return None
    shape = find_shape(first, layer, drawn.merges)
    return None if shape is None or not all(map(normal, filter(str.strip, shape.headings))) else shape


def _sheet_by_column(drawn: Sheet, shape: Shape, layer: Layer, file: str, findings: Findings) -> pd.DataFrame:
    """The rows of a large sheet, which has as many cells in each."""
    columns = drawn.columns()
    for (first, left), (last, _) in drawn.merges:
        if first > shape.last:
            columns[left][first : last + 1] = [columns[left][first]] * (min(last + 1, len(columns[left])) - first)
    names = [str(number) for number in range(len(columns))]
    table = pa.table([pa.array(column[shape.last + 1 :], pa.large_string()) for column in columns], names=names)
    return by_column(table, shape, layer, file, findings)


def _plain_utf8(path: Path, layer: Layer, sheet: str | None, findings: Findings) -> pd.DataFrame | None:
    """A large CSV in UTF-8, read by column from its file; None where it must be looked at more closely."""
    try:
        if path.suffix.lower() in WORKBOOKS or sheet not in (None, "*") or path.stat().st_size < LARGE:
            return None
        with path.open("rb") as source:
            if what_it_is(source.read(4096)) != "text":
                return None
        return quick(path, layer, path.name, findings)
    except OSError:
        return None  # said where the bytes are read


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"cannot read {path.name}: {error.strerror}; check its path and rights") from None


def _is_text(data: bytes) -> bool:
    return what_it_is(data) == "html" or (b"\0" not in data[:4096] and (b"\n" in data[:65536] or b"\r" in data[:65536]))


def _text_of(
    data: bytes, layer: Layer, path: Path, encoding: str | None, fallback: str | None, findings: Findings
) -> Decoded:
    """The text, with a finding on the encoding where that is more than plain."""
    found = detect(data, encoding=encoding, fallback=fallback, name=path.name)
    if "\0" in found.text:
        raise BadFile(f"cannot read {path.name}: it holds zero bytes and is not text; export it as CSV again")
    if found.encoding == "big5hkscs" or " and " in found.encoding or found.encoding.startswith("utf-16-"):
        findings.add(
            layer.name, "encoding_found", f"read as {found.encoding}: {found.evidence}",
            "look at a few names; name the encoding if they are wrong", level="warning", file=path.name,
        )  # fmt: skip
    if found.broken_lines:
        tell_rows(
            findings, layer.name, "unreadable_text", "bytes that are no character",
            "a mark (\ufffd) in their place", pd.Series(found.broken_lines), file=path.name,
        )  # fmt: skip
    return found


def _csv_cells(text: str, separator: str, layer: Layer, path: Path, findings: Findings) -> Cells:
    """Records of a CSV."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # outlines as WKT pass the limit of 128 KB
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    cells: Cells = []
    start = 1
    try:
        for record in reader:
            cells.append(record)
            start = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise BadFile(
                f"cannot read {path.name}: a quote opens in the record of line {start} and never closes; close it"
            ) from None
        findings.add(
            layer.name, "stray_quote", f"line {reader.line_num}: a quote inside a quoted cell", "read as it stands",
            row=len(cells) + 1, file=path.name,
        )  # fmt: skip
        try:
            cells = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        except csv.Error as again:
            raise BadFile(f"cannot read {path.name}: {again}; export it as CSV again") from None
    return cells


def _frame(
    cells: Cells, layer: Layer, file: str, findings: Findings,
    *, merges: Sequence[tuple[tuple[int, int], tuple[int, int]]] = (),
) -> pd.DataFrame:  # fmt: skip
    """Headings found, rows squared, numbered, empty ones dropped."""
    shape = find_shape(cells, layer, merges)
    if shape is None:
        findings.add(layer.name, "empty_table", f"{file} has no row with content", "read as no rows", file=file)
        return pd.DataFrame({"source_row": pd.Series([], dtype="Int64")})
    top = shape.last
    tell_above(shape, layer, file, findings)
    for (first, left), (last, _) in merges:
        # downwards only: what is merged across columns is a title
        for row in cells[max(first, top) + 1 : last + 1]:
            if first > top and left < len(row):
                row[left] = cells[first][left]
    body = cells[top + 1 :]
    headings = unique_headings(shape.headings, layer, file, findings)
    widest = max((_filled(row) for row in body), default=0)
    for number in range(len(headings), widest):
        headings.append(f"column_{number + 1}")
    if widest > len(shape.headings):
        beyond = [i for i, row in enumerate(body, start=top + 2) if _filled(row) > len(shape.headings)]
        tell_rows(
            findings, layer.name, "too_many_cells", "more cells than headings; a comma may be unquoted",
            "the cells beyond the headings kept as further columns", pd.Series(beyond), file=file,
        )  # fmt: skip
    keep = ~np.array(no_things(body, headings, top + 2, layer, file, findings), dtype=bool)
    width = len(headings)
    square = [[*row[:width], *[""] * (width - len(row))] for row in body]
    frame = pd.DataFrame(square, columns=pd.Index(headings, dtype="object"), dtype="str")
    broken: list[int] = []
    if len(frame):
        failed = frame.isin(ERRORS)
        broken = (failed.any(axis=1).to_numpy().nonzero()[0] + top + 2).tolist()
        frame = frame.mask(frame.apply(lambda column: column.str.strip() == "") | failed)
    tell_rows(
        findings, layer.name, "formula_failed", "a formula that failed, such as #REF!", "read as empty",
        pd.Series(broken), file=file,
    )  # fmt: skip
    frame["source_row"] = pd.array(range(top + 2, top + 2 + len(frame)), dtype="Int64")
    return tidied(frame, headings, keep)


def _filled(row: Sequence[str]) -> int:
    """Number of cells up to the last one with content."""
    return next((number for number in range(len(row), 0, -1) if row[number - 1].strip()), 0)
