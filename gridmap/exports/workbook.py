"""CSV and XLSX that Excel and WPS open with the right text, whole codes and no formula.

Points become two columns of coordinates, other geometry a column of WKT. A CSV says nothing about types, so a text that
would run as a formula is made safe with an apostrophe; a workbook says it, so there every text stays as it is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import python_calamine
import shapely
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from gridmap.exports import reread
from gridmap.exports.delivered import Staged
from gridmap.exports.fields import MOST_DIGITS, Field, as_text, headings
from gridmap.exports.notices import Notices
from gridmap.exports.opened import Opened, opened
from gridmap.exports.order import Order
from gridmap.exports.position import Position, decimals
from gridmap.exports.texts import UNHOLDABLE_IN_XML, changed, empty_as_null, plain_breaks, without
from layers.errors import WrongCall
from layers.schema import Column, Layer
from layers.text import cell_text

__all__ = ["CELL", "MOST_ROWS", "stage_csv", "stage_xlsx"]

#: Characters (UTF-16 units) of a cell, rows and columns of a sheet, by Microsoft's "Excel specifications and limits".
CELL = 32_767
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
#: The largest number of a cell, by the same page.
LARGEST = 9.99999999999999e307

_LON = Column(name="lon", type="number", zh="经度", en="Longitude", short="lon", unit="degrees")
_LAT = Column(name="lat", type="number", zh="纬度", en="Latitude", short="lat", unit="degrees")
_X = Column(name="x", type="number", zh="东坐标", en="Easting", short="x", unit="m")
_Y = Column(name="y", type="number", zh="北坐标", en="Northing", short="y", unit="m")
_Z = Column(name="z", type="number", zh="高程", en="Height", short="z", unit="m")
_WKT = Column(name="wkt", type="text", zh="几何", en="Geometry (WKT)", short="wkt")

#: A number that Excel would round, or whose leading zeros it would drop.
_DIGITS = re.compile(rf"(0\d+|\d{{{MOST_DIGITS + 1},}})\Z")
#: How Excel writes a character by number inside a text; a text that happens to look so is written as such itself.
_ESCAPE = r"_(?=x[0-9A-Fa-f]{4}_)"
_FORMULA_STARTS = ("=", "+", "-", "@")


def _opened(frame: pd.DataFrame, order: Order, layer: Layer) -> Opened:
    """The frame ready for a table, its place among the fields."""
    ready = opened(frame, order, layer)
    if ready.geometry is None:
        return ready
    return replace(ready, fields=[*ready.fields, *_place(ready.geometry, ready.position, layer)])


def _place(geometry: gpd.GeoSeries, position: Position, layer: Layer) -> list[Field]:
    """Coordinates where all rows are points (or, with no geometry at all, where the schema says points), else WKT."""
    kinds = set(geometry.geom_type.dropna().unique())
    if kinds == {"Point"} or (not kinds and layer.geometry[:1] == ("point",)):
        columns = [_LON, _LAT] if position.degrees else [_X, _Y]
        digits, points = decimals(position), geometry.array
        values = [shapely.get_x(points), shapely.get_y(points)]
        if geometry.has_z.any():
            columns, values = [*columns, _Z], [*values, shapely.get_z(points)]
        return [
            Field(name=column.name, type="number", values=pd.Series(np.round(value, digits)), column=column)
            for column, value in zip(columns, values, strict=True)
        ]
    text = shapely.to_wkt(geometry.array, rounding_precision=decimals(position))
    values_of_text = pd.Series(text, dtype=object).where(geometry.notna().to_numpy(), None)
    return [Field(name="wkt", type="text", values=values_of_text, column=_WKT)]


def _check_place(path: Path, ready: Opened, got: pd.DataFrame) -> None:
    """Build the geometry again from what stands in the file, and compare it within half of the last decimal."""
    if ready.geometry is None:
        return
    if ready.fields[-1].column is _WKT:
        again = shapely.from_wkt(got.iloc[:, -1].where(got.iloc[:, -1].notna(), None).to_numpy(dtype=object))
    else:
        place = sum(field.column in (_LON, _LAT, _X, _Y, _Z) for field in ready.fields)
        numbers = got.iloc[:, -place:].apply(pd.to_numeric).to_numpy(dtype="float64", na_value=np.nan)
        again = shapely.points(numbers)
        again[np.isnan(numbers[:, 0])] = None
    series = gpd.GeoSeries(again, crs=ready.geometry.crs)
    tolerance = 0.75 * 10.0 ** -decimals(ready.position)
    reread.check_geometry(path.name, ready.geometry, series, ready.notices, tolerance=tolerance)


def stage_csv(frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None = None) -> Staged:
    """Write and compare one layer as CSV (RFC 4180) in UTF-8 with a byte-order mark; see `Stager`.

    Truth values are TRUE and FALSE, dates and times ISO 8601. Excel takes long digits for numbers and rounds them:
    such columns are noted. Texts that start like a formula get an apostrophe.
    """
    ready = _opened(frame, order, layer)
    fields, notices = ready.fields, ready.notices
    names = headings(fields, names=order.names, notices=notices)
    columns = [_csv_text(field, notices) for field in fields]
    path = folder / f"{name or layer.name + ready.position.suffix}.csv"
    table = pd.concat(columns, axis=1, keys=range(len(columns))) if columns else pd.DataFrame()
    table.to_csv(
        path, index=False, header=[cell_text(heading) for heading in names], encoding="utf-8-sig", lineterminator="\r\n"
    )
    got = _read_csv(path, len(fields))
    reread.check_rows(path.name, len(table), len(got))
    for place, (heading, written) in enumerate(zip(names, columns, strict=True)):
        reread.check_values(path.name, heading, written, got[place])
    _check_place(path, ready, got)
    return Staged.one_file(ready, fields, names, _stored(fields), path)


def _csv_text(field: Field, notices: Notices) -> pd.Series:
    values = as_text(field, true="TRUE", false="FALSE")
    if field.type in ("text", "integer"):
        digits = values.str.match(_DIGITS).fillna(False).astype(bool) if values.notna().any() else values.notna()
        notices.add("digits_lost_in_excel", digits.sum(), field=field.name)
    notices.add("empty_text_as_null", (values == "").sum(), field=field.name)
    safe = values
    if field.type == "text":  # numbers and dates cannot run, whatever sign they begin with
        safe = values.map(cell_text, na_action="ignore").astype(object).where(values.notna(), None)
        notices.add("formula_quoted", changed(values, safe).sum(), field=field.name)
    return empty_as_null(safe)


def _read_csv(path: Path, width: int) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))[1:]
    # a table of one column has an empty line for an empty cell, which the reader gives as no cell at all
    table = [row or [""] * width for row in rows]
    return pd.DataFrame(table, columns=range(width), dtype=object).replace({"": None})


def stage_xlsx(frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None = None) -> Staged:
    """Write and compare one layer as a workbook; see `gridmap.exports.package.Stager`.

    One sheet holds the layer, with codes as text cells and no formula anywhere; the sheet `fields` says what its
    columns are; texts beyond 32,767 characters stand in pieces in the sheet `long_text`.
    """
    ready = _opened(frame, order, layer)
    fields, notices = ready.fields, ready.notices
    if len(frame) >= MOST_ROWS or len(fields) > MOST_COLUMNS:
        raise WrongCall(
            f"{layer.name} has {len(frame)} rows and {len(fields)} columns, and a sheet holds {MOST_ROWS - 1} and "
            f"{MOST_COLUMNS}; choose a smaller area or take csv"
        )
    names = headings(fields, names=order.names, notices=notices)
    cells = [_sheet_values(field, notices) for field in fields]
    shown = [_shortened(field, values, notices) for field, values in zip(fields, cells, strict=True)]
    path = folder / f"{name or layer.name + ready.position.suffix}.xlsx"
    staged = Staged.one_file(ready, fields, names, _stored(fields), path)
    pieces = _pieces(fields, names, cells, shown)
    _write_book(path, layer, order, names, shown, staged.dictionary, pieces)
    _compare_book(path, names, shown, fields, pieces, notices)
    if cells:
        _check_place(path, ready, pd.concat(cells, axis=1, keys=range(len(cells))))
    # once more, because the comparison may have noted what it saw
    return replace(staged, notices=tuple(notices))


def _sheet_values(field: Field, notices: Notices) -> pd.Series:
    """A field as a sheet holds it: objects (`str`, `int`, `float`, `bool` or None)."""
    if field.type == "boolean":
        return field.values.astype(object).where(field.values.notna(), None)
    if field.type == "integer":
        beyond = ~field.values.between(-(10**MOST_DIGITS) + 1, 10**MOST_DIGITS - 1).fillna(True)
        notices.add("integer_as_text", beyond.sum(), field=field.name)
        if not beyond.any():
            return field.values.astype(object).where(field.values.notna(), None)
    if field.type == "number":
        endless = field.values.abs() > LARGEST
        notices.add("number_as_text", endless.sum(), field=field.name)
        if not endless.any():
            return field.values.astype(object).where(field.values.notna(), None)
    values = as_text(field)
    clean = without(values, UNHOLDABLE_IN_XML)
    notices.add("characters_removed", changed(values, clean).sum(), field=field.name)
    broken = plain_breaks(clean)
    notices.add("line_breaks_unified", changed(clean, broken).sum(), field=field.name)
    notices.add("empty_text_as_null", (values == "").sum(), field=field.name)
    return empty_as_null(broken)


def _shortened(field: Field, values: pd.Series, notices: Notices) -> pd.Series:
    """The values with texts beyond a cell cut to its length; of WKT, which is nothing by halves, none at all."""
    units = values.map(lambda value: len(value.encode("utf-16-le")) // 2 if isinstance(value, str) else 0)
    long = (units > CELL).astype(bool) if len(values) else pd.Series([], dtype=bool)
    notices.add("long_text", long.sum(), field=field.name, detail="the sheet long_text / 工作表 long_text")
    if not long.any():
        return values
    cut = values.copy()
    cut[long] = None if field.column is _WKT else [_units(text, 0) for text in values[long]]
    return cut


def _units(text: str, start: int) -> str:
    """The text from a UTF-16 unit on, as far as a cell holds, without half characters."""
    return text.encode("utf-16-le")[2 * start : 2 * (start + CELL)].decode("utf-16-le", "ignore")


def _pieces(
    fields: Sequence[Field], names: Sequence[str], cells: Sequence[pd.Series], shown: Sequence[pd.Series]
) -> list[tuple[int, str | None, str, int, str]]:
    """Row of the sheet, code, column, number and text of each piece of a text that was cut."""
    code = next((field.values for field in fields if field.name == "code"), None)
    found = []
    # long texts are few: a loop over them, and over the pieces of each
    for name, whole, cut in zip(names, cells, shown, strict=True):
        for row in np.flatnonzero(changed(whole, cut).to_numpy()):
            text, number = whole.iloc[row], 0
            while text:
                number += 1
                piece = _units(text, 0)
                found.append((int(row) + 2, None if code is None else code.iloc[row], name, number, piece))
                text = text[len(piece) :]
    return found


def _write_book(
    path: Path,
    layer: Layer,
    order: Order,
    names: Sequence[str],
    columns: Sequence[pd.Series],
    fields: pd.DataFrame,
    pieces: Sequence[tuple[Any, ...]],
) -> None:
    book = openpyxl.Workbook(write_only=True)
    rows = zip(*(column.tolist() for column in columns), strict=True) if columns else iter(())
    _write_sheet(book, layer.zh if order.names == "zh" else layer.name, names, rows)
    plain = fields.astype(object).where(fields.notna(), None)
    _write_sheet(book, "fields", list(plain.columns), plain.itertuples(index=False, name=None))
    if pieces:
        _write_sheet(book, "long_text", ["row", "code", "column", "piece", "text"], iter(pieces))
    book.save(path)


def _write_sheet(book: Any, title: str, headings_: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    bold = Font(bold=True)
    first = [_cell(sheet, heading) for heading in headings_]
    for cell in first:
        cell.font = bold
    sheet.append(first)
    for row in rows:  # openpyxl streams a sheet row by row
        sheet.append([_cell(sheet, value) if isinstance(value, str) else value for value in row])


def _cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=re.sub(_ESCAPE, "_x005F_", text))
    # openpyxl takes "=..." for a formula and "#N/A" for an error; here every text is text
    cell.data_type = "s"
    if text.startswith(_FORMULA_STARTS):
        cell.quotePrefix = True  # so that editing the cell does not make it run
    if len(text) <= 255:  # older Excel shows longer ones in this format as ####
        cell.number_format = "@"
    return cell


def _compare_book(
    path: Path,
    names: Sequence[str],
    columns: Sequence[pd.Series],
    fields: Sequence[Field],
    pieces: Sequence[tuple[Any, ...]],
    notices: Notices,
) -> None:
    """Read the workbook with calamine, another reader than openpyxl's."""
    with python_calamine.CalamineWorkbook.from_path(path) as book:
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)[1:]
        extra = book.get_sheet_by_name("long_text").to_python() if pieces else [[]]
    wanted_rows = len(columns[0]) if columns else 0
    # rows of nothing but empty cells at the end are not part of what calamine calls the sheet
    rows += [[""] * len(names)] * (wanted_rows - len(rows))
    reread.check_rows(path.name, wanted_rows, len(rows))
    got = pd.DataFrame(rows, columns=range(len(names)), dtype=object)
    for place, (heading, written, field) in enumerate(zip(names, columns, fields, strict=True)):
        values = got[place].replace({"": None})
        if field.type == "number" and not written.map(lambda value: isinstance(value, str)).any():
            reread.check_numbers(path.name, heading, written, values, notices, field=field.name)
        else:
            # calamine gives some texts of nothing but white space as empty cells
            reread.check_values(path.name, heading, *(_blank_as_null(side) for side in (written, values)))
    reread.check_values(
        path.name,
        "long_text",
        pd.Series([piece[-1] for piece in pieces], dtype=object),
        pd.Series([row[-1] for row in extra[1:]], dtype=object),
    )


def _blank_as_null(values: pd.Series) -> pd.Series:
    blank = values.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool)
    return values.where(~blank, None)


def _stored(fields: Sequence[Field]) -> list[str]:
    return ["text" if field.type in ("date", "datetime") else field.type for field in fields]
