"""Telling about rows: one finding a row while they are few, one finding with all row numbers where they are many."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from layers.findings import Findings

__all__ = ["FEW", "RUNS", "row_ranges", "tell_rows"]

#: Up to so many rows get a finding each.
FEW = 20
#: So many runs of row numbers stand in one sentence.
RUNS = 200


def row_ranges(rows: Iterable[int]) -> str:
    """Row numbers in order, runs drawn together, the first `RUNS` of them.

    Examples
    --------
    >>> row_ranges([7, 2, 3, 4, 9])
    '2-4, 7, 9'
    >>> row_ranges(range(0, 1000, 2))[-26:]
    '394, 396, 398 and 300 more'
    """
    numbers = np.unique(np.fromiter((int(row) for row in rows), dtype=np.int64))
    if not len(numbers):
        return ""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    said = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs[:RUNS])
    rest = sum(len(run) for run in runs[RUNS:])
    return f"{said} and {rest} more" if rest else said


def tell_rows(
    findings: Findings,
    layer: str,
    rule: str,
    what: str,
    done: str,
    rows: pd.Series,
    *,
    level: str = "warning",
    values: pd.Series | None = None,
    codes: pd.Series | None = None,
    field: str | None = None,
    file: str | None = None,
    each: bool = False,
) -> None:
    """Write down that something was odd in some rows; no row, no finding.

    Parameters
    ----------
    what
        What was seen, without the row: 'no name', 'not a whole number'.
    rows
        Row numbers of the source (`source_row`), one for each odd row.
    values, codes
        The value seen and the code of each odd row, in the order of `rows`, where they help.
    each
        True for one finding a row however many there are; always so for level `error`, since a row that is lost must
        be named.

    Examples
    --------
    >>> findings = Findings()
    >>> tell_rows(findings, "buildings", "not_a_number", "not a number", "left empty", pd.Series([4]),
    ...           values=pd.Series(["many"]), field="households")
    >>> findings.items[0].what
    "row 4: not a number: 'many'"
    >>> tell_rows(findings, "buildings", "no_households", "no households", "left empty", pd.Series(range(2, 99)))
    >>> findings.items[1].what
    '97 rows: no households (rows 2-98)'
    """
    count = len(rows)
    if not count:
        return
    seen = [None] * count if values is None else list(values)
    named = [None] * count if codes is None else list(codes)
    if count <= FEW or each or level == "error":
        for row, value, code in zip(rows, seen, named, strict=True):
            text = f"row {row}: {what}" if values is None else f"row {row}: {what}: {_shown(value)}"
            findings.add(layer, rule, text, done, level=level, row=row, code=code, field=field, file=file)
        return
    examples = "" if values is None else f", such as {', '.join(dict.fromkeys(_shown(value) for value in seen[:5]))}"
    text = f"{count} rows: {what}{examples} (rows {row_ranges(rows)})"
    findings.add(layer, rule, text, done, level=level, field=field, file=file)


def _shown(value: object) -> str:
    """A value in quotes, cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")
