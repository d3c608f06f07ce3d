"""What people type, and what it becomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis.strategies import datetimes, integers, lists, text

from layers.values import as_boolean, as_code, as_number, as_text, as_time, is_blank


@pytest.mark.parametrize(
    ("typed", "number"),
    [("25户", 25), ("１１６", 116), ("1,234", 1234), ("1，234,567", 1_234_567), (" 12 人 ", 12), ("约30户", 30),
     ("1.2万", 12000), ("3万人", 30000), ("2e3", 2000), ("-4", -4), ("+7", 7), ("25.0", 25), ("6 floors", 6),
     ("12个单元", None), ("12单元", 12), ("20-30", None), ("1,5", None), ("many", None), ("3层半", None),
     ("1 234", 1234), ("1 2", None), ("0x10", None), ("٣", 3)],
)  # fmt: skip
def test_whole_numbers(typed: str, number: int | None) -> None:
    values, bad = as_number(pd.Series([typed]), whole=True)
    assert bad.tolist() == [number is None]
    assert values.dtype == "Int64"
    assert pd.isna(values[0]) if number is None else values[0] == number


@pytest.mark.parametrize("typed", ["", "-", "--", "—", "/", "不详", "未知", "NULL", "n/a", None])
def test_nothing_known_is_empty_and_not_bad(typed: str | None) -> None:
    for values, bad in (
        as_number(pd.Series([typed], dtype="object"), whole=True), as_boolean(pd.Series([typed], dtype="object")),
        as_time(pd.Series([typed], dtype="object"), day=True)[:2],
    ):  # fmt: skip
        assert values.isna().all() and not bad.any()


@settings(deadline=None)
@given(lists(integers(-(10**9), 10**9)))
def test_every_whole_number_is_read_back(numbers: list[int]) -> None:
    typed = pd.Series([f"{number:,}" for number in numbers], dtype="object")
    values, bad = as_number(typed, whole=True)
    assert values.tolist() == numbers and not bad.any()


@settings(deadline=None)
@given(lists(text(max_size=12), min_size=1))
def test_no_text_breaks_a_reader(typed: list[str]) -> None:
    column = pd.Series(typed, dtype="object")
    for values, bad in (
        as_number(column, whole=True), as_number(column, whole=False), as_boolean(column), as_code(column),
        as_text(column), as_time(column, day=False)[:2],
    ):  # fmt: skip
        assert len(values) == len(bad) == len(column) and bad.dtype == bool
        assert values[bad].isna().all()


def test_numbers_that_are_not_whole_or_not_finite_are_bad() -> None:
    values, bad = as_number(pd.Series([1.0, 2.5, np.inf, np.nan, 2.0**60]), whole=True)
    assert bad.tolist() == [False, True, True, False, True]
    assert values.fillna(-1).tolist() == [1, -1, -1, -1, -1]
    assert as_number(pd.Series([2.5, 1e300]), whole=False)[0].tolist() == [2.5, 1e300]


@pytest.mark.parametrize(
    ("given_code", "code"),
    [("330106001001.0", "330106001001"), ("３３０１０６", "330106"), ("'0571", "0571"), ("007", "007"),
     (" A-1 ", "A-1"), (330106001001.0, "330106001001"), (330106001001, "330106001001"),
     ("330106001001000123", "330106001001000123"),
     ("-", None), ("", None), (None, None)],
)  # fmt: skip
def test_codes_stay_text(given_code: object, code: str | None) -> None:
    values, bad = as_code(pd.Series([given_code], dtype="object"))
    assert not bad.any()
    assert pd.isna(values[0]) if code is None else values[0] == code


def test_codes_that_lost_digits_are_bad() -> None:
    _, bad = as_code(pd.Series([330106001001000123.0, 330106.0]))
    assert bad.tolist() == [True, False]
    values, bad = as_code(pd.Series(["3.30106E+17", "3e17x"]))
    assert bad.tolist() == [True, False] and values[1] == "3e17x"


def test_text_keeps_what_was_typed() -> None:
    column = pd.Series([" 王府井 ", "", None, 12.0, True, "NA", "无"], dtype="object")
    values, _ = as_text(column)
    assert values.fillna("<empty>").tolist() == ["王府井", "<empty>", "<empty>", "12", "true", "NA", "无"]
    assert as_text(pd.Series([1.0, np.nan, 2.5]))[0].fillna("").tolist() == ["1", "", "2.5"]
    assert as_text(pd.Series([True, None], dtype="boolean"))[0].fillna("").tolist() == ["true", ""]


@pytest.mark.parametrize(
    ("typed", "truth"),
    [("是", True), ("否", False), ("有", True), ("无", False), ("YES", True), ("no", False), ("１", True), ("0", False),
     ("√", True), ("×", False), (True, True), (0, False), (1.0, True)],
)  # fmt: skip
def test_truth(typed: object, truth: bool) -> None:
    values, bad = as_boolean(pd.Series([typed], dtype="object"))
    assert values.tolist() == [truth] and not bad.any()


@pytest.mark.parametrize(
    ("typed", "when"),
    [("2024-04-16 03:03:15", "2024-04-16 03:03:15"), ("2024-04-16T03:03:15.000", "2024-04-16 03:03:15"),
     ("2024/4/6", "2024-04-06 00:00:00"), ("2024年4月6日", "2024-04-06 00:00:00"), ("2024.4.6", "2024-04-06 00:00:00"),
     ("2024年4月6日 15时04分", "2024-04-06 15:04:00"), ("2024-4-6 下午3:04", "2024-04-06 15:04:00"),
     ("20240416", "2024-04-16 00:00:00"), ("20240416030315", "2024-04-16 03:03:15"),
     ("04/16/2024 03:03:15 PM", "2024-04-16 15:03:15"), ("04/16/2024 12:03:15 AM", "2024-04-16 00:03:15"),
     ("16/04/2024", "2024-04-16 00:00:00"), ("45398", "2024-04-16 00:00:00"), ("45398.5", "2024-04-16 12:00:00"),
     ("２０２４－４－６", "2024-04-06 00:00:00"), ("2024-02-30", None), ("yesterday", None), ("2024-13-01", None)],
)  # fmt: skip
def test_times(typed: str, when: str | None) -> None:
    values, bad, remarks = as_time(pd.Series([typed]), day=False)
    assert bad.tolist() == [when is None]
    assert remarks == set()
    assert values.dtype == "datetime64[ms]"
    if when is not None:
        assert str(values[0]) == when


@settings(deadline=None)
@given(lists(datetimes(min_value=pd.Timestamp("1900-01-01"), max_value=pd.Timestamp("2100-01-01"))))
def test_iso_times_are_read_back(times: list[object]) -> None:
    column = pd.Series([str(time)[:19] for time in times], dtype="object")
    values, bad, _ = as_time(column, day=False)
    assert values.dt.strftime("%Y-%m-%d %H:%M:%S").tolist() == column.tolist() and not bad.any()


def test_the_whole_column_says_whether_the_day_comes_first() -> None:
    day_first, _, remarks = as_time(pd.Series(["05/04/2024", "16/04/2024"]), day=True)
    assert day_first.dt.strftime("%m-%d").tolist() == ["04-05", "04-16"] and remarks == set()
    month_first, _, remarks = as_time(pd.Series(["05/04/2024", "04/16/2024"]), day=True)
    assert month_first.dt.strftime("%m-%d").tolist() == ["05-04", "04-16"] and remarks == set()
    assert as_time(pd.Series(["05/04/2024"]), day=True)[2] == {"ambiguous"}
    assert as_time(pd.Series(["05/05/2024"]), day=True)[2] == set()
    assert as_time(pd.Series(["16/04/2024", "04/16/2024"]), day=True)[2] == {"mixed"}


def test_zones_are_dropped_and_said() -> None:
    values, bad, remarks = as_time(pd.Series(["2024-04-16T03:03:15Z", "2024-04-16 03:03:15+08:00"]), day=False)
    assert values.dt.hour.tolist() == [3, 3] and not bad.any() and remarks == {"zone"}
    zoned = pd.Series(pd.to_datetime(["2024-04-16 03:03:15"])).dt.tz_localize("Asia/Shanghai")
    values, _, remarks = as_time(zoned, day=True)
    assert str(values[0]) == "2024-04-16 00:00:00" and remarks == {"zone"}


def test_blank_cells() -> None:
    assert is_blank(pd.Series([" ", None, "x"])).tolist() == [True, True, False]
    assert is_blank(pd.Series([np.nan, 0.0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "value"),
    [("二十五", 25), ("一百零三户", 103), ("十二层", 12), ("约三万五千人", 35_000), ("两百", 200), ("壹佰贰拾", 120)],
)
def test_numbers_in_chinese_characters(text: str, value: int) -> None:
    values, bad = as_number(pd.Series([text]), whole=True)
    assert values.tolist() == [value] and bad.tolist() == [False]


def test_a_date_in_chinese_characters() -> None:
    values, bad, _ = as_time(pd.Series(["二〇二四年三月十五日", "2024年三月"]), day=True)
    assert values.dt.strftime("%Y-%m-%d").tolist()[0] == "2024-03-15" and bad.tolist() == [False, True]
