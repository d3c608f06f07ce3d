"""Columns of what people typed, made into the schema's types.

Every function takes a column and gives back (values, bad): the typed column, and a mask of cells that held something
that could not be read and are now empty. Nothing is guessed: '25户' is 25, 'about 20-30' is unreadable.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from layers.cells import bare, only, plain_times, text_of

__all__ = ["as_boolean", "as_code", "as_number", "as_text", "as_time", "is_blank", "plain"]

_EMPTY = {
    "#ref!", "#div/0!", "#value!", "#name?", "#null!", "#num!",
    "", "-", "--", "—", "——", "/", "\\", "\\n", "null", "none", "nan", "n/a", "#n/a", "<na>", "<null>", "nil",
}  # fmt: skip
_NO_VALUE = _EMPTY | {"不详", "未知", "暂无", "不明", "待定", "unknown"}
_TRUE = {"是", "有", "true", "yes", "y", "t", "1", "1.0", "√", "✓", "✔", "对"}
_FALSE = {"否", "无", "没有", "false", "no", "n", "f", "0", "0.0", "×", "✗", "x", "错", "不是"}
_NUMBER = re.compile(
    r"(?:约|大约|近|≈|~)?([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+)(?:[eE]([+-]?\d{1,2}))?\s*"
    r"(?:(万)?(?:户|人|口|层|栋|幢|座|个|单元|间|名|位|家|张|床|床位|米|m|m2|m²|㎡|平方米|平米|"
    r"households?|people|persons?|floors?|levels?|stor(?:ey|ie)s?|units?|beds?))?(万)?"
)
_SPACED = re.compile(r"\d\s+(?!\d{3}(?:\D|$))\d")
_FLOAT_DIGITS = 1e15  # a double holds 15 decimal digits for certain

_TIME = r"(?:[T\s]*(上午|下午|AM|PM)?\s*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})(?:\.\d+)?)?[秒分]?\s*(AM|PM)?)?"
_ZONE = r"\s*(Z|[+-]\d{2}:?\d{2})?"
_YEAR_FIRST = rf"(\d{{4}})\s*[-/.年]\s*(\d{{1,2}})\s*[-/.月]\s*(\d{{1,2}})日?{_TIME}{_ZONE}"
_YEAR_LAST = rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){_TIME}{_ZONE}"
_ISO = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)?"
_PRINTABLE = bytes(range(0x20, 0x7F))
#: A code of these bytes alone, and no number with an exponent, is a code as it stands.
_CODE_BYTES = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COMPACT = r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?"


def plain(value: object) -> str:
    """Text without full-width forms and outer spaces ('' for a missing value).

    Examples
    --------
    >>> plain(" １１６ "), plain(None)
    ('116', '')
    """
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return unicodedata.normalize("NFKC", str(value)).strip().strip("﻿​").strip()


def is_blank(column: pd.Series) -> pd.Series:
    """Whether each cell is missing or holds only spaces.

    Examples
    --------
    >>> is_blank(pd.Series(["a", " ", None])).tolist()
    [False, True, True]
    """
    if (whole := bare(column)) is not None:
        return whole.isna()
    missing = column.isna()
    if _numeric(column) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return missing
    return missing | (column.astype("str").str.strip() == "")


def as_text(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Text as typed, without outer spaces; numbers as a person would write them. `bad` is always empty.

    Examples
    --------
    >>> as_text(pd.Series([" 王府井 ", "", 12.0, None], dtype="object"))[0].tolist()
    ['王府井', nan, '12', nan]
    """
    none_bad = pd.Series(False, index=column.index)
    if column.dtype == bool or isinstance(column.dtype, pd.BooleanDtype):
        # astype(object) first: what is missing stays missing
        return column.astype("object").map({True: "true", False: "false"}).astype("str"), none_bad
    if _numeric(column):
        return column.astype("object").map(_number_text, na_action="ignore").astype("str"), none_bad
    if (whole := bare(column)) is not None:
        return whole, none_bad
    text = column.where(column.isna(), column.map(_cell_text, na_action="ignore")).astype("str").str.strip()
    return text.mask(text == ""), none_bad


def as_code(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Codes as text: no '.0' of a spreadsheet, no full-width digits, no leading apostrophe.

    `bad` marks codes that went through a float of more than 15 digits (or stand as '3.3E+17'): digits are lost.

    Examples
    --------
    >>> codes, bad = as_code(pd.Series(["330106001001.0", "３３０１０６", "'0571", "3.30106E+17"]))
    >>> codes.tolist(), bad.tolist()
    (['330106001001', '330106', '0571', nan], [False, False, False, True])
    """
    lost = pd.Series(False, index=column.index)
    if pd.api.types.is_float_dtype(column.dtype):
        lost = column.abs() >= _FLOAT_DIGITS
    text = as_text(column)[0]
    if (cells := text_of(text)) is not None and not lost.any() and only(cells, _CODE_BYTES) and not _exponents(cells):
        return text, lost
    codes = text.str.strip()
    odd = ~codes.str.fullmatch(r"[0-9A-Za-z][!-&(-_a-~]*", na=True)
    if odd.any():
        known = {value: plain(value).lstrip("'’‘`") for value in text[odd].unique()}
        codes.loc[odd] = text[odd].map(known).astype("str")
    codes = codes.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    exponent = codes.str.fullmatch(r"\d(?:\.\d+)?[eE]\+?\d+", na=False)
    lost = (lost | exponent).astype(bool)
    return codes.mask(lost | codes.isin(["", "-", "--", "/"])), lost


def _exponents(cells: pa.ChunkedArray) -> bool:
    """Whether a code may be a number such as 3E17."""
    if only(cells, _CODE_BYTES.replace(b"e", b"").replace(b"E", b"")):
        return False
    return bool(pc.any(pc.match_substring_regex(cells, r"^\d[eE]\d+$")).as_py())


def as_number(column: pd.Series, *, whole: bool) -> tuple[pd.Series, pd.Series]:
    """Numbers from numbers or text: '25户', '１１６', '1,234', '1.2万'.

    Parameters
    ----------
    whole
        True for whole numbers (Int64; '25.0' is whole, '2.5' is bad), False for float64.

    Examples
    --------
    >>> values, bad = as_number(pd.Series(["25户", "１１６", "1,234", "20-30", "-", None]), whole=True)
    >>> values.tolist(), bad.tolist()
    ([25, 116, 1234, <NA>, <NA>, <NA>], [False, False, False, True, False, False])
    """
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.astype("Int64" if whole else "float64"), pd.Series(False, index=column.index)
    bad = pd.Series(False, index=column.index)
    if _numeric(column):
        numbers = column.astype("float64")
    else:
        numbers = _plain_numbers(column)
        # what is no bare number is read by the words around it, each distinct text once
        odd = (numbers.isna() & column.notna()).to_numpy(dtype=bool)
        if odd.any():
            rest = column[odd]
            distinct = {value: _number(plain(value)) for value in rest.unique()}
            read = rest.map(distinct).astype("float64")
            empty = {value for value in distinct if plain(value).casefold() in _NO_VALUE}
            numbers, bad = numbers.copy(), bad.copy()
            numbers[odd], bad[odd] = read.to_numpy(), (read.isna() & ~rest.isin(empty)).to_numpy(dtype=bool)
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        bad |= infinite
        numbers = numbers.mask(infinite)
    if not whole:
        return numbers, bad.astype(bool)
    broken = numbers.notna() & ((numbers % 1 != 0) | (numbers.abs() >= 2**53))
    return numbers.mask(broken).astype("Int64"), (bad | broken).astype(bool)


def as_boolean(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """True and false from 是/否, 有/无, yes/no, true/false, 1/0, √/×.

    Examples
    --------
    >>> values, bad = as_boolean(pd.Series(["是", "no", "1", "maybe", ""]))
    >>> values.tolist(), bad.tolist()
    ([True, False, True, <NA>, <NA>], [False, False, False, True, False])
    """
    if column.dtype == bool or isinstance(column.dtype, pd.BooleanDtype):
        return column.astype("boolean"), pd.Series(False, index=column.index)
    known = {value: plain(value).casefold() for value in column.dropna().unique()}
    words = column.astype("object").map(known).where(column.notna(), "")
    values = words.map({**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}).astype("boolean")
    return values, (values.isna() & ~words.isin(_NO_VALUE)).astype(bool)


def as_time(column: pd.Series, *, day: bool) -> tuple[pd.Series, pd.Series, set[str]]:
    """Dates and times as wall-clock time without a zone.

    Read are 2024-04-16 03:03:15, 2024/4/16, 2024年4月16日, 20240416, 2024-04-16T03:03:15Z, 04/16/2024 03:03 PM,
    and day numbers of Excel. Where day and month change places (04/05/2024) the whole column decides: a first number
    over 12 means day first, else month first.

    Parameters
    ----------
    day
        True to cut the time of the day off.

    Returns
    -------
    (datetime64[ms], bad, remarks), remarks being any of 'ambiguous' (nothing in the column says which is the month),
    'mixed' (both orders occur: those that fit only one are read by it, the others as month first) and 'zone' (a time
    zone was written; the time stands as written, the zone is dropped).

    Examples
    --------
    >>> times, bad, remarks = as_time(pd.Series(["2024年4月16日", "16/04/2024", "soon"]), day=True)
    >>> times.dt.strftime("%Y-%m-%d").tolist(), bad.tolist(), remarks
    (['2024-04-16', '2024-04-16', nan], [False, False, True], set())
    """
    remarks: set[str] = set()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        if getattr(column.dtype, "tz", None) is not None:
            remarks.add("zone")
            column = column.dt.tz_localize(None)
        times = column.astype("datetime64[ms]")
        return (times.dt.normalize() if day else times), pd.Series(False, index=column.index), remarks
    if (quick := plain_times(column)) is not None:
        times = pd.Series(quick, index=column.index)
        return (times.dt.normalize() if day else times), pd.Series(False, index=column.index), remarks
    iso = column.astype("str").str.fullmatch(_ISO, na=False).to_numpy(dtype=bool)
    if iso.any():
        # what machines write is read all at once; only the rest is looked at word by word
        read = pd.to_datetime(column[iso].astype("str"), format="ISO8601", errors="coerce").astype("datetime64[ms]")
        read = read.where(read.dt.year.between(1000, 9999))
        rest, bad, remarks = as_time(column[~iso], day=day) if not iso.all() else (None, None, remarks)
        times = pd.Series(pd.NaT, index=column.index, dtype="datetime64[ms]")
        times.loc[iso] = read.dt.normalize() if day else read
        wrong = pd.Series(False, index=column.index)
        wrong.loc[iso] = read.isna().to_numpy()
        if rest is not None and bad is not None:
            times.loc[~iso], wrong.loc[~iso] = rest.to_numpy(), bad.to_numpy()
        return times, wrong, remarks
    cells = text_of(column)
    if cells is not None and only(cells, _PRINTABLE):
        text = column.astype("str").fillna("").str.strip()
    else:
        known = {value: _western_date(plain(value)) for value in column.dropna().unique()}
        text = column.astype("object").map(known).astype("object").where(column.notna(), "").astype("str")
    places, words = pd.factorize(text)
    distinct = pd.Series(words, dtype="str")
    parts = pd.DataFrame(np.nan, index=distinct.index, columns=["year", "month", "day", "hour", "minute", "second"])
    upper = distinct.str.upper()

    first = _extract(upper, f"^{_YEAR_FIRST}$")
    _fill(parts, first, ("year", "month", "day"))
    last = _extract(upper, f"^{_YEAR_LAST}$")
    one, two = pd.to_numeric(last[0]), pd.to_numeric(last[1])
    day_first, month_first = (one > 12) & (two <= 12), (two > 12) & (one <= 12)
    either = (one <= 12) & (two <= 12)
    if day_first.any() and month_first.any():
        remarks.add("mixed")
    elif (either & (one != two)).any() and not (day_first.any() or month_first.any()):
        remarks.add("ambiguous")
    by_day = day_first | (either & bool(day_first.any() and not month_first.any()))
    _fill(parts, last[by_day.to_numpy(dtype=bool)], ("day", "month", "year"))
    _fill(parts, last[~by_day.to_numpy(dtype=bool)], ("month", "day", "year"))
    compact = _extract(upper, f"^{_COMPACT}$").astype("float64")
    parts = parts.fillna(compact.set_axis(parts.columns, axis=1))
    if first[8].notna().any() or last[8].notna().any():
        remarks.add("zone")

    when = pd.to_datetime(parts.fillna({"hour": 0, "minute": 0, "second": 0}), errors="coerce")
    serial = pd.to_numeric(distinct.where(distinct.str.fullmatch(r"\d{5}(\.\d+)?")), errors="coerce")
    serial = serial.where(serial.between(20000, 80000))  # 1954 to 2119
    when = when.fillna(pd.Timestamp("1899-12-30") + pd.to_timedelta((serial * 86400).round(), unit="s"))
    times = pd.Series(when.to_numpy(dtype="datetime64[ms]")[places], index=column.index)
    bad = times.isna() & ~text.str.casefold().isin(_NO_VALUE)
    return (times.dt.normalize() if day else times), bad.astype(bool), remarks


def _extract(text: pd.Series, pattern: str) -> pd.DataFrame:
    """`Series.str.extract`, through Arrow where that finds something, which takes a tenth of the time."""
    cells = text_of(text)
    assert cells is not None
    count = re.compile(pattern).groups
    numbers = iter(range(count))
    named = re.sub(r"(?<!\\)\((?!\?)", lambda _: f"(?P<g{next(numbers)}>", pattern)
    found = pc.extract_regex(cells, named)
    groups = {}
    for number in range(count):
        group = pc.struct_field(found, [number])
        group = pc.if_else(pc.equal(group, ""), pa.scalar(None, group.type), group)
        groups[number] = pd.Series(pd.array(group.cast(pa.large_string()), dtype="str"), index=text.index)
    frame = pd.DataFrame(groups)
    rest = np.asarray(found.is_null())
    if rest.any():  # other digits and spaces than the everyday ones
        odd = rest & ~text.map(str.isascii).to_numpy(dtype=bool)
        if odd.any():
            frame.loc[odd] = text[odd].str.extract(pattern).set_axis(frame.columns, axis=1)
    return frame


_COUNT = "([一二三四五六七八九十]{1,3})"
_CHINESE_DATE = re.compile(f"([〇零一二三四五六七八九]{{4}})年{_COUNT}月{_COUNT}日?")


def _western_date(text: str) -> str:
    """A date in Chinese numerals with the usual digits; anything else as it is."""
    found = _CHINESE_DATE.match(text)
    if found is None:
        return text
    year, month, day = (int(chinese_number(part)) for part in found.groups())
    return f"{year}-{month}-{day}{text[found.end():]}"


def _fill(parts: pd.DataFrame, found: pd.DataFrame, order: tuple[str, str, str]) -> None:
    """Put what a pattern found (three date groups, then half-day, hour, minute, second, half-day, zone) in place."""
    found = found.dropna(subset=[0, 1, 2])
    if found.empty:
        return
    rows = found.index
    for group, name in enumerate(order):
        parts.loc[rows, name] = found[group].astype("float64")
    half = found[3].fillna(found[7])
    hour = found[4].astype("float64")
    after = half.isin(["PM", "下午"]) & (hour < 12)
    midnight = half.isin(["AM", "上午"]) & (hour == 12)
    parts.loc[rows, "hour"] = hour + 12 * after - 12 * midnight
    parts.loc[rows, "minute"] = found[5].astype("float64")
    parts.loc[rows, "second"] = found[6].astype("float64")


def _plain_numbers(column: pd.Series) -> pd.Series:
    """Cells that are a bare number ('12', '-3.5'), the others NaN: all at once."""
    index = column.index
    text = column.astype("str")
    cells = text_of(text)
    assert cells is not None
    if only(cells, b"0123456789.+-"):
        try:
            return pd.Series(pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False), index=index, dtype="float64")
        except pa.ArrowInvalid:
            pass  # '1-2' or '1.2.3': cell by cell
    bare = text.str.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)", na=False).to_numpy(dtype=bool)
    numbers = pd.Series(np.nan, index=index, dtype="float64")
    if bare.any():
        numbers = numbers.mask(bare, pd.to_numeric(text.where(bare), errors="coerce").astype("float64"))
    return numbers


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0, "两": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6, "柒": 7, "捌": 8, "玖": 9,
}  # fmt: skip
_POWERS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_CHARACTERS = frozenset(_DIGITS) | frozenset(_POWERS) | {"万", "亿"}
_CHINESE = re.compile(
    f"(?:约|大约|近)?([{''.join(sorted(_CHARACTERS))}]+)(?:户|人|口|层|栋|幢|座|个|单元|间|名|家|张|床)?"
)


def chinese_number(text: str) -> float:
    """A number in Chinese characters; NaN where it is none.

    Examples
    --------
    >>> [chinese_number(text) for text in ("二十五", "一百零三", "三万五千", "二〇二四", "十", "甲")]
    [25.0, 103.0, 35000.0, 2024.0, 10.0, nan]
    """
    if not text or not _CHARACTERS.issuperset(text):
        return float("nan")
    if all(character in _DIGITS for character in text):  # digit by digit, as in a year
        return float("".join(str(_DIGITS[character]) for character in text))
    total, section, digit = 0, 0, 0
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in _POWERS:
            section += (digit or (1 if not section else 0)) * _POWERS[character]
            digit = 0
        else:
            total = (total + section + digit) * (10_000 if character == "万" else 100_000_000)
            section = digit = 0
    return float(total + section + digit)


def _number(text: str) -> float:
    """A number written by a person; NaN where it is none."""
    if (words := _CHINESE.fullmatch(text)) is not None:
        return chinese_number(words[1])
    # a space between digits may only part thousands
    found = None if _SPACED.search(text) else _NUMBER.fullmatch(text.replace(" ", ""))
    if found is None:
        return float("nan")
    digits, exponent, ten_thousand, ten_thousand_after = found.groups()
    value = float(digits.replace(",", "")) * 10.0 ** int(exponent or 0)
    return value * 10_000.0 if ten_thousand or ten_thousand_after else value


def _number_text(value: float) -> str:
    """'12' for 12.0, '2.5' for 2.5."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return str(int(value)) if np.isfinite(value) and value == int(value) else repr(float(value))


def _cell_text(value: object) -> str:
    """A cell of mixed content as text."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return _number_text(value)  # type: ignore[arg-type]
    return str(value)
