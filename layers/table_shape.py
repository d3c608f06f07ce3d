"""The shape of a table as people draw it: where its headings stand, and which rows are no things.

Above the headings stand titles and notes; headings take one row or two ('基本信息' over '名称' and '地址'); below the
things stand totals, signatures and remarks; a table printed over several pages repeats its headings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from layers.findings import Findings
from layers.headings import known_headings, normal
from layers.rows import row_ranges
from layers.schema import Layer
from layers.values import plain

__all__ = ["JOINT", "REMARKS", "TOTALS", "Shape", "find_shape", "no_things", "tell_above", "tidied", "unique_headings"]

#: Between the two parts of a heading of two rows.
JOINT = " / "

_DEPTH = 15  # rows above which the heading must stand
_PLACES = {"lon", "lng", "longitude", "经度", "lat", "latitude", "纬度", "wkt", "坐标", "经纬度", "location", "x", "y"}
#: How a row of totals starts, in normal form, and a row of remarks.
TOTALS = ("合计", "总计", "小计", "共计", "总和", "汇总", "累计", "total", "totals", "subtotal", "grandtotal", "sum")
REMARKS = (
    "注|备注|说明|填表人|填报人|填报单位|制表人?|制表单位|审核人?|负责人签[字名]|联系人|统计时间|填表日期|note|notes|source"
)
_REMARK = re.compile(rf"^\s*({REMARKS})\s*:", re.IGNORECASE)

Cells = Sequence[Sequence[str]]
Merge = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Shape:
    """Headings in full, the row of the lowest of them (from 0), and how many rows with content stand above."""

    headings: list[str]
    last: int
    above: int


def find_shape(cells: Cells, layer: Layer, merges: Sequence[Merge] = ()) -> Shape | None:
    """Find the headings: the row, among the first fifteen, with most words that the schema knows for `layer`.

    Parameters
    ----------
    cells
        Text, row by row.
    merges
        Merged ranges as ((top, left), (bottom, right)) from 0, where the file knows them.

    Returns
    -------
    Shape, or None where no row has content. Without any known word the first row with several cells of text is taken,
    else the first with content.

    Examples
    --------
    >>> from layers.schema import layer
    >>> rows = [["社区楼栋台账", "", ""], ["基本信息", "", "户数"], ["名称", "地址", ""], ["1号楼", "中山路1号", "25"]]
    >>> find_shape(rows, layer("buildings"))
    Shape(headings=['基本信息 / 名称', '基本信息 / 地址', '户数'], last=2, above=1)
    """
    words = set(known_headings(layer)) | _PLACES
    top = _known_row(cells, words)
    if top is None:
        return None
    row = list(cells[top])
    below = list(cells[top + 1]) if top + 1 < len(cells) else []
    group = list(cells[top - 1]) if top > 0 else []
    if _is_group(group, row, merges, top - 1):
        return Shape(_joined(group, row, merges, top - 1), top, _filled_rows(cells[: top - 1]))
    if _is_group(row, below, merges, top):
        return Shape(_joined(row, below, merges, top), top + 1, _filled_rows(cells[:top]))
    return Shape(row, top, _filled_rows(cells[:top]))


def _known_row(cells: Cells, words: set[str]) -> int | None:
    best, score = None, 0
    for number, row in enumerate(cells[:_DEPTH]):
        known = len({normal(cell) for cell in row if cell.strip()} & words)
        if known > score:
            best, score = number, known
    if best is not None:
        return best
    filled = [number for number, row in enumerate(cells) if any(cell.strip() for cell in row)]
    wide = [number for number in filled[:_DEPTH] if sum(bool(cell.strip()) for cell in cells[number]) > 1]
    return wide[0] if wide else (filled[0] if filled else None)


def _filled_rows(rows: Cells) -> int:
    return sum(any(cell.strip() for cell in row) for row in rows)


def _is_group(upper: Sequence[str], lower: Sequence[str], merges: Sequence[Merge], number: int) -> bool:
    """Whether `upper` (row `number`) stands over `lower` as its groups.

    Every blank of the one must be filled by the other, and a group must span several cells of the lower row: so no
    title, and no row of things.
    """
    width = max(len(upper), len(lower))
    over = [cell.strip() for cell in upper] + [""] * (width - len(upper))
    under = [cell.strip() for cell in lower] + [""] * (width - len(lower))
    if sum(map(bool, over)) < 2 or not any(under):
        return False
    spans = [merge for merge in merges if merge[0][0] == merge[1][0] == number and merge[1][1] > merge[0][1]]
    tall = [merge for merge in merges if merge[0][0] <= number < merge[1][0]]
    if merges:
        if not spans or any(left == 0 and right >= width - 1 for (_, left), (_, right) in spans):
            return False
        covered = {column for (_, left), (_, right) in spans for column in range(left, right + 1)}
        stays = {column for (_, left), (_, right) in tall for column in range(left, right + 1)}
        return all(under[c] for c in covered if c < width) and all(
            not under[c] or c in stays or c in covered or not over[c] for c in range(width)
        )
    # without merges: a blank right of a group has a word below it, a word without a blank right of it has none
    for column in range(width):
        grouped = not over[column] or (column + 1 < width and over[column] and not over[column + 1])
        if grouped != bool(under[column]) or (under[column] and _is_value(under[column])):
            return False
    return any(not cell for cell in over)


def _is_value(text: str) -> bool:
    return bool(re.fullmatch(r"[\d.,:/\-\s]+", text))


def _joined(upper: Sequence[str], lower: Sequence[str], merges: Sequence[Merge], number: int) -> list[str]:
    """Headings of two rows in one; a cell that reaches over both rows counts once."""
    width = max(len(upper), len(lower))
    over = [cell.strip() for cell in upper] + [""] * (width - len(upper))
    under = [cell.strip() for cell in lower] + [""] * (width - len(lower))
    spans = {
        column: over[left]
        for (top, left), (bottom, right) in merges
        if top == bottom == number
        for column in range(left, min(right, width - 1) + 1)
    }
    headings, group = [], ""
    for column in range(width):
        group = spans.get(column, over[column]) if merges else (over[column] or group)
        if not under[column] or under[column] == over[column]:
            headings.append(over[column] or under[column])
        else:
            headings.append(f"{group}{JOINT}{under[column]}" if group else under[column])
    return headings


def unique_headings(row: Sequence[str], layer: Layer, file: str, findings: Findings) -> list[str]:
    """Headings without outer spaces and line breaks; empty ones numbered, repeated ones told apart."""
    headings: list[str] = []
    for number, cell in enumerate(row, start=1):
        name = " ".join(cell.split()) or f"column_{number}"
        name = "given_source_row" if name == "source_row" else name
        if name in headings:
            findings.add(
                layer.name, "heading_twice", f"the heading {name!r} stands twice",
                f"the later one kept as '{name}_{number}'", field=name, file=file,
            )  # fmt: skip
            name = f"{name}_{number}"
        headings.append(name)
    return headings


def no_things(
    rows: Cells, headings: Sequence[str], first: int | Sequence[int], layer: Layer, file: str, findings: Findings
) -> list[bool]:
    """Which rows below the headings are no things: totals, remarks, headings once more.

    Parameters
    ----------
    first
        Number of the first of `rows` in the file, from 1; or the number of each.

    Examples
    --------
    >>> from layers.schema import layer
    >>> rows = [["1", "甲", "25"], ["合 计", "", "25"], ["填表人：某某", "", ""]]
    >>> findings = Findings()
    >>> no_things(rows, ["序号", "名称", "户数"], 2, layer("buildings"), "a.csv", findings)
    [False, True, True]
    >>> [item.rule for item in findings]
    ['totals_row', 'remark_row']
    """
    heads = [normal(heading) for heading in headings]
    out = [False] * len(rows)
    found: dict[str, list[int]] = {"totals_row": [], "remark_row": [], "heading_again": []}
    for position, row in enumerate(rows):
        filled = [cell for cell in row[:6] if cell.strip()][:2]
        if not filled:
            continue
        rule = None
        if len(filled[0]) <= 12 and normal(filled[0]).rstrip("数") in TOTALS:
            rule = "totals_row"
        elif len(filled) == 1 and _REMARK.match(plain(filled[0])) and sum(bool(cell.strip()) for cell in row) <= 2:
            rule = "remark_row"
        elif normal(filled[0]) in heads and [normal(cell) for cell in row[: len(heads)]] == heads[: len(row)]:
            rule = "heading_again"
        if rule is not None:
            found[rule].append(first + position if isinstance(first, int) else first[position])
            out[position] = True
    what = {"totals_row": "totals", "remark_row": "remarks", "heading_again": "the headings once more"}
    for rule, numbers in found.items():
        if numbers:
            findings.add(
                layer.name, rule, f"{len(numbers)} rows are {what[rule]} (rows {row_ranges(numbers)})",
                "left out: they are no things", level="note", row=numbers[0], file=file,
            )  # fmt: skip
    return out


def tell_above(shape: Shape, layer: Layer, file: str, findings: Findings) -> None:
    """Say where the headings stand, if anything stands above them."""
    if shape.above:
        findings.add(
            layer.name, "heading_row", f"the headings stand in row {shape.last + 1}",
            f"{shape.above} rows above it left out", level="note", row=shape.last + 1, file=file,
        )  # fmt: skip


def tidied(frame: pd.DataFrame, headings: Sequence[str], keep: NDArray[np.bool_]) -> pd.DataFrame:
    """Rows with content that are things, and columns that have a heading or content."""
    empty = pd.Series(bool(len(headings)), index=frame.index)
    for name in headings:
        if not empty.any():
            break
        empty &= frame[name].isna()
    keep = keep & ~empty.to_numpy() if headings else np.zeros(len(frame), dtype=bool)
    unheaded = [name for name in headings if name.startswith("column_") and frame[name].isna().all()]
    frame = frame if keep.all() else frame[keep]
    return frame.drop(columns=unheaded).reset_index(drop=True)
