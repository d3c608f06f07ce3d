"""Row numbers are said shortly and in full."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists

from layers.findings import Findings
from layers.rows import FEW, row_ranges, tell_rows


def expand(text: str) -> list[int]:
    numbers: list[int] = []
    for run in filter(None, text.split(", ")):
        first, _, last = run.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


@given(lists(integers(1, 300), max_size=150))
def test_ranges_say_every_row_once(rows: list[int]) -> None:
    assert expand(row_ranges(rows)) == sorted(set(rows))


def test_no_row_no_finding() -> None:
    findings = Findings()
    tell_rows(findings, "roads", "x", "y", "z", pd.Series([], dtype="Int64"))
    assert len(findings) == 0


@pytest.mark.parametrize(("count", "level", "expected"), [(FEW, "warning", FEW), (FEW + 1, "warning", 1),
                                                          (FEW + 1, "error", FEW + 1)])  # fmt: skip
def test_few_rows_and_lost_rows_have_a_finding_each(count: int, level: str, expected: int) -> None:
    findings = Findings()
    rows = pd.Series(range(10, 10 + count))
    tell_rows(findings, "roads", "x", "odd", "z", rows, values=rows * 2, codes=rows.astype("str"), level=level)
    assert len(findings) == expected
    if expected == 1:
        said = f"{count} rows: odd, such as '20', '22', '24', '26', '28' (rows 10-{9 + count})"
        assert findings.items[0].what == said
    else:
        assert [item.row for item in findings] == rows.tolist()
        assert findings.items[0].code == "10"
        assert findings.items[0].what == "row 10: odd: '20'"
