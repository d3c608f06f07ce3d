"""What lies within an area, told by codes: conditions that both databases understand.

Unit codes nest by prefix, so an area is a code and "within" is "starts with". Codes are compared as plain text, never
as a pattern: a code of `%` finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, false, func, or_, true

from layers.schema import LEVEL_PARENTS

__all__ = ["CODE_OF", "LEVEL_OF", "after_prefix", "covering", "starts_with", "valid_on"]

#: The column whose code says where a row belongs; layers that are not here are found by their geometry.
CODE_OF = {
    **dict.fromkeys(("districts", *LEVEL_PARENTS), "code"),
    **dict.fromkeys(
        ("buildings", "buildings_history", "cells", "organizations", "facilities", "incidents", "coverage",
         "border_inbox", "overlaps", "accessibility"),
        "micro_grid",
    ),
    **dict.fromkeys((f"{level}_history" for level in ("districts", *LEVEL_PARENTS)), "code"),
    **dict.fromkeys(("coverage_levels", "coverage_hours", "completeness"), "code"),
    "lineage": "community",
    "staff": "area",
}

#: Digits of a code -> the level it names.
LEVEL_OF = {6: "districts", 9: "streets", 12: "communities", 15: "grids", 18: "micro_grids"}

#: Up to so many codes an index is asked for each; more are compared by their beginnings in one pass.
_FEW = 64


def covering(within: Sequence[str]) -> list[str]:
    """
    The fewest codes that mean the same areas, in order.

    Examples
    --------
    >>> covering(["330483001002", "330483001", "330483001"])
    ['330483001']
    >>> covering(["", "330483"])
    ['']
    """
    kept: list[str] = []
    for code in sorted(set(within)):
        # sorted, a code comes right after the one that covers it or its other parts
        if not (kept and code.startswith(kept[-1])):
            kept.append(code)
    return kept


def starts_with(column: ColumnElement[Any], within: Sequence[str]) -> ColumnElement[bool]:
    """A condition that holds where the column's code starts with one of `within`; for ("",) also where it has none."""
    codes = covering(within)
    if codes == [""]:
        return true()
    if not codes:
        return false()
    if len(codes) <= _FEW:
        return or_(*(_between(column, code) for code in codes))
    lengths = sorted({len(code) for code in codes})
    return or_(
        *(func.substr(column, 1, size).in_([code for code in codes if len(code) == size]) for size in lengths)
    )


def valid_on(table: Table, day: str) -> ColumnElement[bool] | None:
    """A condition that leaves out rows not yet or no longer valid on an ISO day; None where rows have no dates."""
    start = next((table.c[name] for name in ("valid_from", "from") if name in table.c), None)
    end = next((table.c[name] for name in ("valid_to", "to") if name in table.c), None)
    if start is None or end is None:
        return None
    return and_(or_(start.is_(None), start <= day), or_(end.is_(None), end >= day))


def _between(column: ColumnElement[Any], code: str) -> ColumnElement[bool]:
    after = after_prefix(code)
    return column >= code if after is None else and_(column >= code, column < after)


def after_prefix(code: str) -> str | None:
    """The first text, by code points, that no longer starts with `code`; None where there is none."""
    for end in range(len(code), 0, -1):
        point = ord(code[end - 1])
        if point < 0x10FFFF:
            # the surrogates are no characters: step over them
            return code[: end - 1] + chr(0xE000 if point == 0xD7FF else point + 1)
    return None
