"""A small table as a file that Excel and WPS open with the right text: whole codes, nothing that runs as a formula."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from layers.errors import WrongCall
from layers.text import cell_text

__all__ = ["TABLE_TYPES", "table_file"]

#: Form -> type of content.
TABLE_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def table_file(frame: pd.DataFrame, form: str, *, sheet: str = "gridmap") -> bytes:
    """A frame with its headings as CSV (UTF-8 with its mark) or as a workbook.

    Raises
    ------
    WrongCall
        For another form.

    Examples
    --------
    >>> table_file(pd.DataFrame({"code": ["990101001001"], "name": ["=1+1"]}), "csv").decode("utf-8-sig").split()
    ['code,name', "990101001001,'=1+1"]
    """
    if form == "csv":
        safe = frame.map(lambda value: cell_text(value) if isinstance(value, str) else value)
        return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")
    if form != "xlsx":
        raise WrongCall(f"a table comes as csv or xlsx, not {form[:20]!r}")
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet(sheet)
    bold = [_cell(page, str(name)) for name in frame.columns]
    for cell in bold:
        cell.font = Font(bold=True)
    page.append(bold)
    for row in frame.itertuples(index=False):
        page.append([_cell(page, value) for value in row])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _cell(page: Any, value: Any) -> WriteOnlyCell:
    if isinstance(value, str):
        cell = WriteOnlyCell(page, value="".join(c for c in value if c in "\n\t" or c >= " "))
        cell.data_type = "s"  # a text that begins with = stays a text
        return cell
    if pd.isna(value):
        return WriteOnlyCell(page, value=None)
    return WriteOnlyCell(page, value=value.item() if hasattr(value, "item") else value)
