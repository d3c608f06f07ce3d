"""What is said of a whole column is what its cells say one by one."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis.strategies import lists, none, one_of, sampled_from, text

from layers.cells import bare, calm, distinct_count, plain_times, repeated_rows, text_of

CELLS = lists(one_of(none(), text(max_size=3), sampled_from(
    ["", "a", "ab", "网格", "x" * 9, "x" * 70, " 网", "\u3000"])))
TIMES = lists(one_of(none(), sampled_from(
    ["2024-03-05", "2024-03-05 10:11:12", "2024-03-05T10:11:12", "1000-01-01", "9999-12-31 23:59:59", "2024-02-29"])))


def in_pieces(cells: list[str | None]) -> pd.Series:
    """A column whose cells lie in several blocks, as a file read in pieces gives them."""
    half = len(cells) // 2
    parts = [pd.Series(part, dtype="str") for part in (cells[:half], cells[half:])]
    return pd.concat(parts, ignore_index=True)


@settings(deadline=None)
@given(CELLS)
def test_repeated_cells_and_counts_are_those_of_pandas(cells: list[str | None]) -> None:
    column = in_pieces(cells)
    there = column.notna()
    for later, keep in ((False, False), (True, "first")):
        expected = there & column.duplicated(keep=keep)  # type: ignore[arg-type]
        assert repeated_rows(column, later=later).tolist() == expected.tolist()
    assert distinct_count(column) == column.nunique()


@settings(deadline=None)
@given(CELLS)
def test_outer_spaces_go_and_empty_cells_are_missing(cells: list[str | None]) -> None:
    column = in_pieces(cells)
    stripped = column.str.strip()
    found = bare(column)
    assert found is not None
    pd.testing.assert_series_equal(found, stripped.mask(stripped == ""))


@settings(deadline=None)
@given(TIMES)
def test_plain_times_are_those_of_pandas(cells: list[str | None]) -> None:
    column = in_pieces(cells)
    found = plain_times(column)
    assert found is not None
    expected = pd.to_datetime(column, format="ISO8601").astype("datetime64[ms]").to_numpy()
    assert np.array_equal(found, expected, equal_nan=True)


def test_other_times_are_not_plain() -> None:
    for cell in ("2024-02-30", "2024-3-5", "0999-01-01", "2024-03-05 10:11", "soon", "", "2024-03-05 25:00:00"):
        assert plain_times(pd.Series(["2024-03-05", cell], dtype="str")) is None, cell


def test_what_is_no_text_has_none() -> None:
    assert text_of(pd.Series([1.0])) is None and bare(pd.Series([1.0])) is None


def test_the_collector_comes_back_however_deep() -> None:
    assert gc.isenabled()
    with calm():
        with calm():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
