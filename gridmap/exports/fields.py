"""The columns of a frame as a file will hold them: their type, their name, and a dictionary of both.

Every format starts here: `fields_of` brings each column into one of six types (text, integer, number, boolean, date,
datetime), so that no writer has to guess at pandas dtypes; `short_names` and `headings` give the names, `dictionary`
the table that goes beside the file.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.exports.notices import Notices
from gridmap.exports.texts import UNHOLDABLE, UNHOLDABLE_IN_XML, changed, without
from layers.schema import Column, Layer

__all__ = ["DICTIONARY", "MOST_DIGITS", "Field", "as_text", "dictionary", "fields_of", "headings", "short_names"]

#: Columns of `fields.csv`.
DICTIONARY = ("layer", "file", "short", "name", "zh", "en", "type", "unit", "stored", "width", "note")

#: A double, which is what dBASE readers, spreadsheets and JavaScript make of a number, holds 15 digits exactly.
MOST_DIGITS = 15

#: ArcGIS keeps these for itself; made-up names stay clear of them.
_TAKEN = frozenset({"fid", "oid", "objectid", "shape", "shape_leng", "shape_area"})
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column in its plain form.

    `values` stands on a RangeIndex: objects (`str` or None) for text, date and datetime (ISO 8601), Int64 for
    integer, float64 (NaN where missing) for number, nullable boolean for boolean. `column` is the schema's, None for a
    column that a file brought along.
    """

    name: str
    type: str
    values: pd.Series
    column: Column | None = None

    @property
    def zh(self) -> str:
        """Its Chinese title; its own name where the schema does not know it."""
        return self.column.zh if self.column else self.name

    @property
    def en(self) -> str:
        """Its English title; its own name where the schema does not know it."""
        return self.column.en if self.column else self.name


def fields_of(frame: pd.DataFrame, layer: Layer, notices: Notices) -> list[Field]:
    """The frame's columns but for its geometry, in order, each in its plain form.

    A column that the schema calls text is text, whatever a file made of it: a code of 12 digits that was read as a
    number is digits again. Further geometry columns become WKT.

    Examples
    --------
    >>> from layers.schema import layer
    >>> frame = pd.DataFrame({"code": [330101, 330102], "households": [25.0, None], "derived": [True, False]})
    >>> for field in fields_of(frame, layer("grids"), Notices("grids")):
    ...     print(field.name, field.type, field.values.tolist())
    code text ['330101', '330102']
    households integer [25, <NA>]
    derived boolean [True, False]
    """
    geometry = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name else None
    found = []
    for position, label in enumerate(frame.columns):  # columns may repeat a name, so by position
        if label == geometry:
            continue
        # a name with control characters or half characters could stand in no file, README and dictionary included
        name, column = re.sub(UNHOLDABLE_IN_XML, "", str(label)), layer.column(str(label))
        type_, values, odd = _plain(frame.iloc[:, position].reset_index(drop=True), column)
        notices.add("value_as_text", odd, field=name)
        if type_ == "text":
            clean = without(values, UNHOLDABLE)
            notices.add("characters_removed", changed(values, clean).sum(), field=name)
            values = clean
        found.append(Field(name=name, type=type_, values=values, column=column))
    return found


def _plain(series: pd.Series, column: Column | None) -> tuple[str, pd.Series, int]:
    """Type, plain values, and how many values had to be made text for want of a better type."""
    wanted = column.type if column else None
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    type_, values, odd = _by_dtype(series)
    if values.isna().all():
        type_ = wanted or type_
        return type_, _nothing(type_, len(values)), odd
    if wanted == "text" and type_ != "text":
        return "text", as_text(Field(name="", type=type_, values=values)), odd
    if wanted == "integer" and type_ == "number":
        whole = values.isna() | ((values == values.round()) & (values.abs() < 10**MOST_DIGITS))
        if whole.all():
            return "integer", values.astype("Int64"), odd
    if wanted == "date" and type_ == "datetime" and values.dropna().str.endswith("T00:00:00").all():
        return "date", values.str.slice(0, 10).astype(object).where(values.notna(), None), odd
    if wanted == "date" and type_ == "text" and values.dropna().str.match(_ISO_DATE).all():
        return "date", values, odd
    return type_, values, odd


def _by_dtype(series: pd.Series) -> tuple[str, pd.Series, int]:
    types = pd.api.types
    if types.is_bool_dtype(series.dtype):
        return "boolean", series.astype("boolean"), 0
    if types.is_integer_dtype(series.dtype):
        return _whole(series)
    if types.is_float_dtype(series.dtype):
        return "number", pd.Series(series.to_numpy(dtype="float64", na_value=np.nan)), 0
    if types.is_datetime64_any_dtype(series.dtype):
        return "datetime", _times(series), 0
    if types.is_string_dtype(series.dtype) or types.is_object_dtype(series.dtype):
        return _by_content(series.astype(object))
    return "text", _objects(series.astype(object), str), int(series.notna().sum())


def _by_content(series: pd.Series) -> tuple[str, pd.Series, int]:
    kind = _content(series)
    if kind in ("string", "empty"):
        return "text", _objects(series, str), 0
    if kind == "boolean":
        return "boolean", series.astype("boolean"), 0
    if kind == "integer":
        return _whole(series)
    if kind in ("floating", "mixed-integer-float"):
        return "number", pd.Series(pd.to_numeric(series).to_numpy(dtype="float64", na_value=np.nan)), 0
    if kind == "date":
        return "date", _objects(series, lambda day: day.isoformat()), 0
    if kind in ("datetime", "datetime64"):
        return "datetime", _objects(series, lambda time: time.isoformat()), 0
    odd = series.map(lambda value: not isinstance(value, str)) & series.notna()
    return "text", _objects(series, _written_out), int(odd.sum())


def _content(series: pd.Series) -> str:
    """What pandas finds among the values that are there: 'string', 'integer', 'mixed' and so on."""
    return str(pd.api.types.infer_dtype(series[series.notna()], skipna=True))


def _whole(series: pd.Series) -> tuple[str, pd.Series, int]:
    try:
        return "integer", series.astype("Int64"), 0
    except (OverflowError, TypeError, ValueError):  # beyond 64 bits
        return "text", _objects(series.astype(object), str), 0


def _objects(series: pd.Series, write: Any) -> pd.Series:
    """Each value written, None where missing, as dtype object whatever pandas would rather have."""
    missing = series.isna().to_numpy(dtype=bool)
    values = series.astype(object).to_numpy()
    if write is str and pd.api.types.infer_dtype(values[~missing], skipna=False) in ("string", "empty"):
        written = values.copy()
        written[missing] = None
        return pd.Series(written, dtype=object)
    return pd.Series([None if gap else write(value) for value, gap in zip(values, missing, strict=True)], dtype=object)


def _times(series: pd.Series) -> pd.Series:
    """Times as `isoformat` writes them; where they have no zone and no parts of a second, all in one go."""
    exact = series.to_numpy()
    if exact.dtype.kind == "M" and series.dt.tz is None:
        seconds = exact.astype("datetime64[s]")
        gaps = np.isnat(exact)
        if (seconds == exact)[~gaps].all():
            written = np.datetime_as_string(seconds, unit="s").astype(object)
            written[gaps] = None
            return pd.Series(written, dtype=object)
    return _objects(series, pd.Timestamp.isoformat)


def _nothing(type_: str, length: int) -> pd.Series:
    dtype = {"integer": "Int64", "number": "float64", "boolean": "boolean"}.get(type_, "object")
    return pd.Series([None] * length, dtype=dtype)


def _written_out(value: object) -> str:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def as_text(field: Field, *, true: str = "T", false: str = "F") -> pd.Series:
    """A field's values as text: whole numbers without a decimal point, others as Python writes them in full.

    Examples
    --------
    >>> as_text(Field(name="share", type="number", values=pd.Series([25.0, 0.1, None]))).tolist()
    ['25', '0.1', None]
    """
    if field.type == "boolean":
        return _objects(field.values, lambda value: true if value else false)
    if field.type == "number":
        return _objects(field.values, _number_as_text)
    return _objects(field.values, str)


def _number_as_text(value: float) -> str:
    return str(int(value)) if abs(value) < 10**MOST_DIGITS and value == int(value) else repr(float(value))


def short_names(fields: Sequence[Field]) -> list[str]:
    """A shapefile name for each field: ASCII, a letter first, at most 10 characters, unlike any other in any case.

    The schema's own where there is one; else what ASCII the name has, cut and numbered where it must be; else `f01`,
    `f02` by the column's place. GDAL is never left to cut a name: it cuts within a Chinese character.

    Examples
    --------
    >>> def field(name):
    ...     return Field(name=name, type="text", values=pd.Series([None], dtype=object))
    >>> short_names([field("residents_total"), field("residents_2020"), field("微网格名称"), field("OID")])
    ['residents', 'resident02', 'f03', 'oid02']
    """
    used = {field.column.short.lower() for field in fields if field.column}
    given: set[str] = set()
    names = []
    for place, field in enumerate(fields, start=1):
        if field.column and field.column.short.lower() not in given:
            name = field.column.short
        else:
            name = _made_up(field.name, place, used | given | _TAKEN)
        given.add(name.lower())
        names.append(name)
    return names


def _made_up(name: str, place: int, used: Collection[str]) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    stem = f"f_{stem}" if stem[:1].isdigit() else stem
    if not re.search("[a-z]", stem) or stem == "f_":
        stem = f"f{place:02d}"
    if stem[:10].rstrip("_") not in used:
        return stem[:10].rstrip("_")
    numbers = (f"{number:02d}" for number in range(2, 10**4))
    return next(made for number in numbers if (made := stem[: 10 - len(number)] + number) not in used)


def headings(
    fields: Sequence[Field], *, names: str, notices: Notices, reserved: Iterable[str] = (), forbidden: str = ""
) -> list[str]:
    """A heading for each field where names may be long: its own name, or its Chinese title for `names="zh"`.

    Names that differ only in case, repeat, or are `reserved` by the format (lower case) get `_2`, `_3` ...; `forbidden`
    characters become `_`, line breaks and spaces at the ends go; each with a notice.

    Examples
    --------
    >>> from layers.schema import layer
    >>> frame = pd.DataFrame({"code": ["1"], "fid": [7], "Code": ["x"]})
    >>> fields = fields_of(frame, layer("grids"), Notices("grids"))
    >>> headings(fields, names="zh", reserved={"fid"}, notices=Notices("grids"))
    ['编码', 'fid_2', 'Code']
    """
    used, blank = set(reserved), str.maketrans(dict.fromkeys(forbidden, "_"))
    found = []
    for field in fields:
        title = field.zh if names == "zh" else field.name
        wanted = " ".join(title.split()).translate(blank) or "column"
        heading, number = wanted, 1
        while heading.lower() in used:
            number += 1
            heading = f"{wanted}_{number}"
        if heading != title:
            notices.note("column_renamed", field=field.name, detail=heading)
        used.add(heading.lower())
        found.append(heading)
    return found


def dictionary(
    fields: Sequence[Field],
    names: Sequence[str],
    *,
    layer: Layer,
    file: str,
    stored: Sequence[str],
    widths: Sequence[int | None],
    notices: Notices,
) -> pd.DataFrame:
    """One row a field: its name in the file and in full, its titles, type, unit, width, and what to know about it.

    `stored` says in the format's own words how each field is kept ("C", "N 24.15", "TEXT"); `widths` its width in
    bytes, None where the format has none.
    """
    notes: dict[Hashable, list[str]] = {}
    for notice in notices:
        notes.setdefault(notice.field, []).append(f"{notice.zh} / {notice.en}")
    rows = [
        {
            "layer": layer.name,
            "file": file,
            "short": name,
            "name": field.name,
            "zh": field.zh,
            "en": field.en,
            "type": field.type,
            "unit": (field.column.unit or "") if field.column else "",
            "stored": how,
            "width": width,
            "note": "; ".join([*_standing_notes(field, how), *notes.get(field.name, [])]),
        }
        for field, name, how, width in zip(fields, names, stored, widths, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(DICTIONARY)).astype({"width": "Int64"})


def _standing_notes(field: Field, how: str) -> list[str]:
    notes = []
    if field.type == "boolean" and how.startswith("C"):
        notes.append("T 是, F 否, 空为未知 / T yes, F no, empty unknown")
    if how.startswith("N") and (missing := int(field.values.isna().sum())):
        notes.append(f"{missing} 行为空,ArcMap 显示为 0 / {missing} rows are empty, which ArcMap shows as 0")
    if field.type in ("date", "datetime"):
        notes.append("ISO 8601")
    return notes
