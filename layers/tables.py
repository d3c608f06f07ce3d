"""Tables in: CSV text and Excel workbooks, every cell as text, every row with its number.

Nothing is typed here: '007' stays '007'. The encoding of a CSV is found by rule: byte-order mark, else strict UTF-8,
else strict GB18030 (statistical guessing took 3,000 lines with one Chinese row for Western European).
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import python_calamine

from layers.errors import BadFile, BadSettings, MissingLayer
from layers.findings import Findings
from layers.headings import known_headings, normal
from layers.rows import tell_rows
from layers.schema import Layer

__all__ = ["TABLES", "WORKBOOKS", "decode", "read_table", "sheets"]

WORKBOOKS = (".xlsx", ".xls")
#: Endings of files that this page reads.
TABLES = (".csv", *WORKBOOKS)

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HEADING_DEPTH = 10  # rows above which the heading must stand
_LOST_DIGITS = 1e15  # from here on a spreadsheet's number no longer holds every digit

Cells = list[list[str]]


def read_table(
    path: str | Path,
    layer: Layer,
    *,
    encoding: str | None = None,
    fallback: str | None = None,
    sheet: str | None = None,
) -> tuple[pd.DataFrame, Findings]:
    """Read a CSV or Excel file as text.

    The heading is the row, among the first ten, with most words that the schema knows for `layer`; without any, the
    first row with content. Rows above it (titles, notes) and rows without content are no data. Merged cells count
    for every row they cover.

    Parameters
    ----------
    encoding
        Of a CSV; None to find it by rule.
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
    if path.suffix.lower() in WORKBOOKS:
        cells = _workbook_cells(path, layer, sheet, findings)
    else:
        if sheet is not None:
            raise BadSettings(f"{path.name} is a CSV, which has no sheets; leave out layer = {sheet!r}")
        cells = _csv_cells(path, layer, encoding, fallback, findings)
    return _frame(cells, layer, path.name, findings), findings


def decode(data: bytes, *, encoding: str | None = None, fallback: str | None = None, name: str) -> str:
    """Bytes to text: by `encoding`, else by the rule byte-order mark, strict UTF-8, strict GB18030 (or `fallback`).

    Raises
    ------
    BadFile
        Neither of them fits, or `encoding` does not.

    Examples
    --------
    >>> decode("网格".encode("gb18030"), name="x.csv"), decode(b"\\xef\\xbb\\xbfa", name="x.csv")
    ('网格', 'a')
    """
    if encoding is not None:
        try:
            text = data.decode(codecs.lookup(encoding).name)
        except LookupError:
            raise BadSettings(f"{encoding!r} is not an encoding; take one such as utf-8, gb18030 or big5") from None
        except UnicodeDecodeError as error:
            raise BadFile(f"cannot read {name} as {encoding}: {error.reason}; leave out the encoding") from None
        return text.lstrip("﻿")
    for mark, named in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(named)
            except UnicodeDecodeError:
                raise BadFile(f"cannot read {name}: it starts as {named} but is not; save it as UTF-8") from None
    for candidate in ("utf-8", fallback or "gb18030"):
        try:
            return data.decode(candidate)
        except UnicodeDecodeError:
            continue
    other = fallback or "GB18030"
    raise BadFile(f'cannot read {name}: neither UTF-8 nor {other}; name its encoding (encoding = "big5")')


def sheets(path: str | Path) -> dict[str, int]:
    """Sheets of a workbook that people see -> how many rows with content each has.

    Raises
    ------
    BadFile
        Not a workbook.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "city.xlsx"
    >>> pd.DataFrame({"姓名": ["李"]}).to_excel(path, sheet_name="staff", index=False)
    >>> sheets(path)
    {'staff': 2}
    """
    path = Path(path)
    with _workbook(path) as book:
        return {name: sum(any(map(_text, row)) for row in _rows(book, name, path)) for name in _visible(book)}


def _workbook(path: Path) -> python_calamine.CalamineWorkbook:
    try:
        return python_calamine.CalamineWorkbook.from_path(str(path))
    except python_calamine.PasswordError:
        raise BadFile(f"cannot read {path.name}: it has a password; save it without one") from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise BadFile(f"cannot read {path.name}: {error}; open it in Excel or WPS and save it again") from None


def _visible(book: python_calamine.CalamineWorkbook) -> list[str]:
    shown = python_calamine.SheetVisibleEnum.Visible
    table = python_calamine.SheetTypeEnum.WorkSheet
    return [sheet.name for sheet in book.sheets_metadata if sheet.visible == shown and sheet.typ == table]


def _rows(book: python_calamine.CalamineWorkbook, name: str, path: Path) -> list[list[object]]:
    try:
        return [list(row) for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]
    except (python_calamine.CalamineError, ValueError) as error:
        raise BadFile(f"cannot read sheet {name!r} of {path.name}: {error}; save the workbook again") from None


def _workbook_cells(path: Path, layer: Layer, wanted: str | None, findings: Findings) -> Cells:
    """Cells of one sheet as text, merged cells filled."""
    with _workbook(path) as book:
        names = _visible(book)
        everything = {name: _rows(book, name, path) for name in names}
        filled = [name for name in names if any(any(map(_text, row)) for row in everything[name])]
        if wanted is not None:
            if wanted not in book.sheet_names:
                known = ", ".join(book.sheet_names)
                raise MissingLayer(f"{path.name} has no sheet {wanted!r}; its sheets are {known}")
            chosen = wanted
            if chosen not in everything:
                everything[chosen] = _rows(book, chosen, path)
        else:
            words = {normal(layer.name), normal(layer.zh), normal(layer.en)}
            named = [name for name in names if normal(name) in words]
            chosen = (named or filled or names or [""])[0]
            others = [name for name in filled if name != chosen]
            if others and not named:
                findings.add(
                    layer.name, "sheet_not_read", f"{path.name} has further sheets: {', '.join(others)}",
                    f"read was {chosen!r}; say layer = \"...\" for another", level="warning", file=path.name,
                )  # fmt: skip
        rows = everything.get(chosen, [])
        lost = [
            number for number, row in enumerate(rows, start=1)
            if any(isinstance(value, float) and abs(value) >= _LOST_DIGITS for value in row)
        ]  # fmt: skip
        tell_rows(
            findings, layer.name, "digits_lost", "a number of more than 15 digits, of which the last are lost",
            "written as 1.2e+17; format the cells as text and type the number again", pd.Series(lost), file=path.name,
        )  # fmt: skip
        cells = [[_text(value) for value in row] for row in rows]
        if chosen:
            for (top, left), (bottom, _) in book.get_sheet_by_name(chosen).merged_cell_ranges or []:
                # downwards only: what is merged across columns is a title
                for row in cells[top + 1 : bottom + 1]:
                    row[left] = cells[top][left]
    return cells


def _text(value: object) -> str:
    """A cell of a workbook as text; whole numbers without '.0', dates in ISO order."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if abs(value) >= _LOST_DIGITS:
            return f"{value:.15e}"
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        return str(value)
    return str(value).strip()


def _csv_cells(
    path: Path, layer: Layer, encoding: str | None, fallback: str | None, findings: Findings
) -> Cells:
    """Records of a CSV, whatever its separator."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(f"cannot read {path.name}: {error.strerror}; check its path and rights") from None
    text = decode(data, encoding=encoding, fallback=fallback, name=path.name)
    if "\0" in text:
        raise BadFile(f"cannot read {path.name}: it holds zero bytes and is not text; export it as CSV again")
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # outlines as WKT pass the limit of 128 KB
    separator = _separator(text)
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
        cells = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    return cells


def _separator(text: str) -> str:
    """The separator of most parts in the first line with content; a comma where there is none."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return max(",\t;|", key=lambda mark: (line.count(mark), mark == ","))


def _frame(cells: Cells, layer: Layer, file: str, findings: Findings) -> pd.DataFrame:
    """Heading found, rows squared, numbered, empty ones dropped."""
    top = _heading_row(cells, layer)
    if top is None:
        findings.add(layer.name, "empty_table", f"{file} has no row with content", "read as no rows", file=file)
        return pd.DataFrame({"source_row": pd.Series([], dtype="Int64")})
    if top > 0:
        above = sum(any(cell.strip() for cell in row) for row in cells[:top])
        if above:
            findings.add(
                layer.name, "heading_row", f"the headings stand in row {top + 1}", f"{above} rows above it left out",
                level="note", row=top + 1, file=file,
            )  # fmt: skip
    body = cells[top + 1 :]
    headings = _unique_headings(cells[top], layer, file, findings)
    widest = max((_filled(row) for row in body), default=0)
    for number in range(len(headings), widest):
        headings.append(f"column_{number + 1}")
    if widest > len(cells[top]):
        beyond = [i for i, row in enumerate(body, start=top + 2) if _filled(row) > len(cells[top])]
        for row_number in beyond:
            findings.add(
                layer.name, "too_many_cells", f"row {row_number}: more cells than headings; a comma may be unquoted",
                "the cells beyond the headings kept as further columns", row=row_number, file=file,
            )  # fmt: skip
    width = len(headings)
    square = [[*row[:width], *[""] * (width - len(row))] for row in body]
    frame = pd.DataFrame(square, columns=pd.Index(headings, dtype="object"), dtype="str")
    frame = frame.mask(frame.apply(lambda column: column.str.strip() == "")) if len(frame) else frame
    frame["source_row"] = pd.array(range(top + 2, top + 2 + len(frame)), dtype="Int64")
    filled = frame[headings].notna().any(axis=1) if headings else pd.Series(False, index=frame.index)
    unheaded = [name for name in headings if name.startswith("column_") and frame[name].isna().all()]
    return frame[filled].drop(columns=unheaded).reset_index(drop=True)


def _filled(row: Sequence[str]) -> int:
    """Number of cells up to the last one with content."""
    return next((number for number in range(len(row), 0, -1) if row[number - 1].strip()), 0)


def _heading_row(cells: Cells, layer: Layer) -> int | None:
    """Number (from 0) of the row of headings."""
    words = set(known_headings(layer)) | {"lon", "lng", "longitude", "经度", "lat", "latitude", "纬度", "wkt"}
    best, score = None, 0
    for number, row in enumerate(cells[:_HEADING_DEPTH]):
        known = len({normal(cell) for cell in row if cell.strip()} & words)
        if known > score:
            best, score = number, known
    if best is not None:
        return best
    return next((number for number, row in enumerate(cells) if any(cell.strip() for cell in row)), None)


def _unique_headings(row: Sequence[str], layer: Layer, file: str, findings: Findings) -> list[str]:
    """Headings without outer spaces; empty ones numbered, repeated ones told apart."""
    headings: list[str] = []
    for number, cell in enumerate(row, start=1):
        name = cell.strip() or f"column_{number}"
        name = "given_source_row" if name == "source_row" else name
        if name in headings:
            findings.add(
                layer.name, "heading_twice", f"the heading {name!r} stands twice",
                f"the later one kept as '{name}_{number}'", field=name, file=file,
            )  # fmt: skip
            name = f"{name}_{number}"
        headings.append(name)
    return headings
