"""Columns of a frame as plain values of a database, and back.

A column has one of seven kinds, whatever the database: text, integer, number, boolean, date, datetime (a wall clock
without zone) and datetime_utc (an instant). Both stores keep the same plain values, so both give the same frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from layers.errors import DataBroken, WrongCall
from layers.schema import Column

__all__ = ["KINDS", "TEXT", "from_values", "kind_of", "to_values"]

#: Every kind of column that a store keeps.
KINDS = ("text", "integer", "number", "boolean", "date", "datetime", "datetime_utc")

#: The dtype of text: pandas 3 has one of its own, older ones keep objects.
TEXT: Any = "str" if int(pd.__version__.split(".")[0]) >= 3 else object

_INFERRED = {
    "integer": "integer",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "datetime64": "datetime",
}
_LAST_STAMP = np.datetime64("9999-12-31T23:59:59.999", "ms")
_INT64 = np.iinfo(np.int64)


def kind_of(series: pd.Series, column: Column | None = None) -> str:
    """
    The kind in which a column is kept: the schema's type, else what its values are.

    A column of mixed values is text; a datetime with a zone is an instant (`datetime_utc`).

    Examples
    --------
    >>> kind_of(pd.Series([1, None], dtype="Int64")), kind_of(pd.Series(["007", None]))
    ('integer', 'text')
    """
    if column is not None:
        kind = column.type
    elif isinstance(series.dtype, pd.CategoricalDtype):
        kind = kind_of(pd.Series(series.cat.categories))
    else:
        kind = _INFERRED.get(pd.api.types.infer_dtype(series, skipna=True), "text")
        if kind == "integer" and not _fits(series):
            kind = "text"
        if kind == "datetime" and not pd.api.types.is_datetime64_any_dtype(series.dtype):
            return "datetime_utc" if _zoned(series) else "datetime"
    if kind == "datetime" and (isinstance(series.dtype, pd.DatetimeTZDtype) or _zoned(series)):
        return "datetime_utc"
    return kind


def to_values(series: pd.Series, kind: str, where: str) -> list[Any]:
    """
    The values of a column as the database takes them: str, int, float, bool or None.

    Dates become ISO text (2024-05-01), datetimes ISO text in UTC or as on the clock (2024-05-01T08:00:00.000Z), as
    GeoPackage 1.3 asks: to the millisecond, rounded. NUL characters and broken surrogates, which PostgreSQL cannot
    keep, become U+FFFD.

    Parameters
    ----------
    series
        The column.
    kind
        One of `KINDS`.
    where
        What an error calls the column: "code of buildings".

    Raises
    ------
    WrongCall
        A value is not of that kind.

    Examples
    --------
    >>> to_values(pd.Series([3.0, None]), "integer", "levels of buildings")
    [3, None]
    >>> to_values(pd.Series([date(2024, 5, 1)]), "date", "valid_from of grids")
    ['2024-05-01']
    """
    try:
        if kind == "text":
            return _text(series, where)
        if kind == "integer":
            return _nones(pd.array(series.astype(object).tolist(), dtype="Int64"))
        if kind == "number":
            return _nones(pd.array(series.astype(object).tolist(), dtype="Float64"))
        if kind == "boolean":
            return _nones(pd.array(series.astype(object).tolist(), dtype="boolean"))
        if kind == "date":
            return [None if pd.isna(value) else _iso_day(value) for value in series.astype(object)]
        return _iso_times(series, utc=kind == "datetime_utc")
    except (TypeError, ValueError, OverflowError) as error:
        raise WrongCall(f"{where} must hold {kind} or nothing ({error}); convert it before writing") from error


def from_values(values: Sequence[Any], kind: str, where: str) -> Any:
    """
    A column of a frame from the values of a database.

    Text comes back as text, integers as Int64, numbers as float64, booleans as boolean, dates as ISO text,
    datetimes as datetime64[us] (with UTC where an instant was written).

    Raises
    ------
    DataBroken
        Somebody put a value of another kind into the database.

    Examples
    --------
    >>> from_values([7, None], "integer", "levels of buildings").dtype
    Int64Dtype()
    >>> list(from_values(["0571", None], "text", "code of roads"))
    ['0571', nan]
    """
    try:
        if kind == "integer":
            return pd.array(list(values), dtype="Int64")
        if kind == "number":
            return np.array(values, dtype="float64")
        if kind == "boolean":
            return pd.array([None if value is None else bool(value) for value in values], dtype="boolean")
        if kind == "date":
            days = [value.isoformat() if isinstance(value, date) else value for value in values]
            return pd.Series(days, dtype=TEXT)
        if kind == "text":
            return pd.Series(list(values), dtype=TEXT)
        times = pd.Series(_times(values))
        return times.dt.tz_localize("UTC") if kind == "datetime_utc" else times
    except (TypeError, ValueError, OverflowError) as error:
        raise DataBroken(f"{where} holds a value that is not {kind} ({error}); put it right in the store") from error


def _fits(series: pd.Series) -> bool:
    present = series.dropna()
    return present.empty or (int(present.min()) >= _INT64.min and int(present.max()) <= _INT64.max)


def _zoned(series: pd.Series) -> bool:
    if series.dtype != object:
        return False
    first = next((value for value in series if isinstance(value, datetime) and not pd.isna(value)), None)
    return first is not None and first.tzinfo is not None


def _nones(array: Any) -> list[Any]:
    values = np.asarray(array.astype(object))
    values[np.asarray(array.isna())] = None
    return values.tolist()


def _text(series: pd.Series, where: str) -> list[str | None]:
    missing = series.isna().to_numpy(dtype=bool)
    values = [None if gone else value for value, gone in zip(series.astype(object), missing, strict=True)]
    present = [value for value in values if value is not None]
    stranger = next((value for value in present if not isinstance(value, str)), None)
    if stranger is not None:
        raise TypeError(f"it holds {stranger!r}, a {type(stranger).__name__}")
    try:
        whole = "".join(present)
        whole.encode()
    except UnicodeEncodeError:
        whole = "\x00"
    return [None if value is None else _clean(value) for value in values] if "\x00" in whole else values


def _clean(value: str) -> str:
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")


def as_text(series: pd.Series) -> pd.Series:
    """A column of mixed values as text: lists and dicts as JSON, bytes as hex, others as they print."""
    return series.astype(object).map(_printed, na_action=None)


def _printed(value: object) -> object:
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, (list, tuple, dict, set, np.ndarray)):
        plain: Any = value.tolist() if isinstance(value, np.ndarray) else value
        plain = sorted(plain, key=str) if isinstance(value, set) else plain
        return json.dumps(plain, ensure_ascii=False, default=str)
    if isinstance(value, bytes):
        return value.hex()
    return None if pd.isna(value) else str(value)


def _iso_day(value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return datetime.fromisoformat(str(value)).date().isoformat()


def _iso_times(series: pd.Series, *, utc: bool) -> list[str | None]:
    times = series
    if not pd.api.types.is_datetime64_any_dtype(times.dtype):
        times = pd.Series(pd.to_datetime(times.astype(object), format="ISO8601", utc=utc or None))
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    # milliseconds are what GeoPackage prescribes; rounded, since spreadsheets have 08:29:59.999999 for 08:30
    stamps = (times.to_numpy(dtype="datetime64[us]") + np.timedelta64(500, "us")).astype("datetime64[ms]")
    stamps = np.minimum(stamps, _LAST_STAMP)
    text = np.char.add(np.datetime_as_string(stamps, unit="ms"), "Z").astype(object)
    text[np.isnat(stamps)] = None
    return text.tolist()


def _times(values: Sequence[Any]) -> np.ndarray:
    plain = [value.rstrip("Z") if isinstance(value, str) else value for value in values]
    try:
        return np.array(plain, dtype="datetime64[us]")
    except ValueError:
        # written by another program in another form of ISO 8601
        return pd.to_datetime(pd.Series(plain), format="ISO8601", utc=True).dt.tz_localize(None).to_numpy("M8[us]")
