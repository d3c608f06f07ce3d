"""Workbooks in: Excel, WPS and OpenDocument, every cell as text, formulas as the values that were kept with them."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Sequence
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pandas as pd
import python_calamine

from layers.archives import ZIP_ERRORS
from layers.errors import BadFile, MissingLayer
from layers.findings import Findings
from layers.headings import normal
from layers.rows import tell_rows
from layers.schema import Layer
from layers.workbook_size import far_cell

__all__ = ["ERRORS", "WORKBOOKS", "Sheet", "html_rows", "read_sheet", "sheets", "what_it_is"]

#: Endings of workbooks; .et is WPS's own, .ods OpenDocument's.
WORKBOOKS = (".xlsx", ".xls", ".et", ".ods", ".xlsm", ".xlsb")
#: What a spreadsheet writes where a formula failed.
ERRORS = ("#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#N/A")

_LOST_DIGITS = 1e15  # from here on a spreadsheet's number no longer holds every digit
_MOST_BYTES = 2 << 30  # unpacked; more is a mistake or an attack
_MOST_RATIO = 400  # a workbook packs to a twentieth of its size, a bomb to a thousandth

Cells = list[list[str]]
Merge = tuple[tuple[int, int], tuple[int, int]]


class Sheet:
    """Cells of a sheet, row by row or column by column, and its merged ranges as ((top, left), (bottom, right)) from 0.

    Examples
    --------
    >>> sheet = Sheet("s", [["户数", "x"], [25.0, None]], [])
    >>> sheet.cells, sheet.columns()
    ([['户数', 'x'], ['25', '']], [['户数', '25'], ['x', '']])
    """

    def __init__(self, name: str, values: Sequence[Sequence[object]], merges: list[Merge]) -> None:
        self.name = name
        self.values = values
        self.merges = merges

    @property
    def cells(self) -> Cells:
        """Text, row by row."""
        return self.first(len(self.values))

    def first(self, rows: int) -> Cells:
        """Text of the first rows."""
        return [[_text(value) for value in row] for row in self.values[:rows]]

    def columns(self) -> list[list[str]]:
        """The same text column by column, for sheets of many rows: what is of one type is made text all at once."""
        return [_text_column(values) for values in zip(*self.values, strict=True)]


def what_it_is(data: bytes) -> str:
    """What a file is by its first bytes, whatever its name says: zip, ole, html or text.

    Examples
    --------
    >>> what_it_is(b"PK\\x03\\x04..."), what_it_is(b"<html><table>"), what_it_is("姓名,角色".encode())
    ('zip', 'html', 'text')
    """
    if data.startswith(b"PK\x03\x04"):
        return "zip"
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") or data[:2] in (b"\x09\x08", b"\x09\x04", b"\x09\x02"):
        return "ole"
    start = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<meta", b"<head")):
        return "html"
    return "text"


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
        return {name: sum(any(map(_text, row)) for row in _drawn(book, name, path).values) for name in _visible(book)}


def read_sheet(path: Path, layer: Layer, wanted: str | None, findings: Findings) -> Sheet:
    """Cells of one sheet as text: the one wanted, else the one named after the layer, else the first with content.

    Raises
    ------
    BadFile
        Not a workbook, or one with a password.
    MissingLayer
        No such sheet.
    """
    with _workbook(path) as book:
        names = _visible(book)
        everything = {name: _drawn(book, name, path) for name in names}
        filled = [name for name in names if any(any(map(_text, row)) for row in everything[name].values)]
        if wanted is not None:
            if wanted not in book.sheet_names:
                known = ", ".join(book.sheet_names)
                raise MissingLayer(f"{path.name} has no sheet {wanted!r}; its sheets are {known}")
            chosen = wanted
            if chosen not in everything:
                everything[chosen] = _drawn(book, chosen, path)
        else:
            words = {normal(layer.name), normal(layer.zh), normal(layer.en)}
            named = [name for name in names if normal(name) in words]
            chosen = (named or filled or names or [""])[0]
            others = [name for name in filled if name != chosen]
            if others and not named:
                findings.add(
                    layer.name, "sheet_not_read", f"{path.name} has further sheets: {', '.join(others)}",
                    f"read was {chosen!r}; say layer = \"...\" for another, or layer = \"*\" for all", level="warning",
                    file=path.name,
                )  # fmt: skip
        drawn = everything.get(chosen) or Sheet(chosen, [], [])
        lost = sorted({
            number for column in zip(*drawn.values, strict=True) if _many_digits(column)
            for number, value in enumerate(column, start=1) if isinstance(value, float) and abs(value) >= _LOST_DIGITS
        })  # fmt: skip
        tell_rows(
            findings, layer.name, "digits_lost", "a number of more than 15 digits, of which the last are lost",
            "written as 1.2e+17; format the cells as text and type the number again", pd.Series(lost), file=path.name,
        )  # fmt: skip
        _tell_formulas(path, layer, findings)
    return drawn


def _tell_formulas(path: Path, layer: Layer, findings: Findings) -> None:
    """Say how many formulas have no value: those that failed, and those that no spreadsheet has computed yet."""
    if what_it_is(path.read_bytes()[:8]) != "zip":
        return
    failed = uncomputed = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                    xml = archive.read(name)
                    failed += len(re.findall(rb'<c [^>]*t="e"', xml))
                    uncomputed += len(re.findall(rb"</f>(?:<v\s*/>|<v></v>)?</c>", xml))
    except ZIP_ERRORS as error:
        raise BadFile(f"cannot read {path.name}: {error}; open it in Excel or WPS and save it again") from None
    for count, rule, what, done in (
        (failed, "formula_failed", "failed, such as #REF!", "read as empty; mend them in the spreadsheet"),
        (uncomputed, "formula_without_value", "have never been computed",
            "read as empty; open the workbook and save it"),
    ):
        if count:
            findings.add(layer.name, rule, f"{count} formulas of the workbook {what}", done, file=path.name)


def _workbook(path: Path) -> python_calamine.CalamineWorkbook:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(f"cannot read {path.name}: {error.strerror}; check its path and rights") from None
    kind = what_it_is(data)
    if kind == "zip":
        _no_bomb(data, path)
    elif kind != "ole":
        raise BadFile(f"cannot read {path.name}: it is not a workbook; open it in Excel or WPS and save it again")
    try:
        return python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    except python_calamine.PasswordError:
        raise BadFile(f"cannot read {path.name}: it has a password; save it without one") from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise BadFile(f"cannot read {path.name}: {error}; open it in Excel or WPS and save it again") from None
    except BaseException as error:  # the reader's own panic is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise BadFile(f"cannot read {path.name}: it is damaged; open it in Excel or WPS and save it again") from None


def _no_bomb(data: bytes, path: Path) -> None:
    """Refuse a workbook that unpacks to more than any office has."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            size = sum(item.file_size for item in archive.infolist())
        far = far_cell(data) if size <= _MOST_BYTES else None
    except ZIP_ERRORS:
        raise BadFile(f"cannot read {path.name}: it is cut off or damaged; copy it again") from None
    if far is not None:
        raise BadFile(
            f"cannot read {path.name}: a sheet reaches to {far} and is almost empty; delete the rows and columns "
            "beyond what is filled, and save it again"
        )
    if size > _MOST_BYTES or (size > 64 << 20 and size > _MOST_RATIO * len(data)):
        raise BadFile(f"cannot read {path.name}: it unpacks to {size >> 20:,} MB; split it into several workbooks")


def _visible(book: python_calamine.CalamineWorkbook) -> list[str]:
    shown = python_calamine.SheetVisibleEnum.Visible
    table = python_calamine.SheetTypeEnum.WorkSheet
    return [sheet.name for sheet in book.sheets_metadata if sheet.visible == shown and sheet.typ == table]


def _drawn(book: python_calamine.CalamineWorkbook, name: str, path: Path) -> Sheet:
    try:
        sheet = book.get_sheet_by_name(name)
        return Sheet(name, sheet.to_python(skip_empty_area=False), list(sheet.merged_cell_ranges or []))
    except (python_calamine.CalamineError, ValueError) as error:
        raise BadFile(f"cannot read sheet {name!r} of {path.name}: {error}; save the workbook again") from None
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise BadFile(f"cannot read sheet {name!r} of {path.name}: it is damaged; save the workbook again") from None


def _text(value: object) -> str:
    """A cell of a workbook as text; whole numbers without '.0', dates in ISO order."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if abs(value) >= _LOST_DIGITS:
            return f"{value:.15e}"
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return str(value).strip()


def _text_column(values: tuple[object, ...]) -> list[str]:
    """`_text` of a column."""
    types = set(map(type, values))
    if types <= {str}:
        return [value.strip() for value in values]  # type: ignore[attr-defined]
    if types <= {float, str} and not _many_digits(values):
        # a heading above numbers, gaps among them
        return [_number_text(value) if type(value) is float else value.strip() for value in values]  # type: ignore
    return list(map(_text, values))


def _many_digits(values: tuple[object, ...]) -> bool:
    """Whether any is a number that has lost digits."""
    return any(map(_LOST_DIGITS.__le__, map(abs, (value for value in values if type(value) is float))))


def _number_text(value: float) -> str:
    """`_text` of a number of at most 15 digits."""
    text = repr(value)
    return (text[:-2] if value else "0") if text[-2:] == ".0" else text


class _Table(HTMLParser):
    """Cells of the first tables of a page; scripts and styles are no text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: Cells = []
        self._cell: list[str] | None = None
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._quiet += 1
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._close()
            self._cell = []
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._quiet = max(0, self._quiet - 1)
        elif tag in ("td", "th", "tr", "table"):
            self._close()

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._quiet:
            self._cell.append(data)

    def _close(self) -> None:
        if self._cell is not None:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("".join(self._cell).strip())
        self._cell = None


def html_rows(text: str) -> Cells:
    """Cells of a page that calls itself a workbook, as many offices' systems export it.

    Examples
    --------
    >>> html_rows("<table><tr><th>名称<th>户数</tr><tr><td>甲<td>25</tr></table>")
    [['名称', '户数'], ['甲', '25']]
    """
    parser = _Table()
    parser.feed(text)
    parser.close()
    return parser.rows
