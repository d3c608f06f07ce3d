"""Columns judged: required ones there, types as the schema says, codes that tell rows apart, counts that can be.

Nothing is dropped here. What cannot be read becomes empty, with a finding that names row and value.
"""

from __future__ import annotations

import pandas as pd

from layers.cells import repeated_rows
from layers.findings import Findings
from layers.kinds import kind_words, named_kinds
from layers.rows import tell_rows
from layers.schema import Column, Layer
from layers.values import as_boolean, as_code, as_number, as_text, as_time, is_blank

__all__ = ["check", "codes_apart", "order_columns"]

#: Columns that hold codes of units or things.
CODES = ("code", "parent", "part_of", "stack", "micro_grid", "grid", "community", "area")

_TIME_REMARKS = {
    "ambiguous": (
        "ambiguous_date", "day and month cannot be told apart (04/05/2024)", "read as month first, as in the US",
        "warning",
    ),
    "mixed": (
        "ambiguous_date", "some dates have the day first and some the month", "read as fits, month first where both do",
        "warning",
    ),
    "zone": ("time_zone_dropped", "times carry a time zone", "kept as written, the zone dropped", "note"),
}  # fmt: skip


def check(frame: pd.DataFrame, layer: Layer, *, findings: Findings, file: str | None = None) -> pd.DataFrame:
    """Make the columns what the schema says, and write down what did not fit.

    Parameters
    ----------
    frame
        Columns under our names (others are kept as they are), with `source_row`.

    Returns
    -------
    A frame of the same rows in the same order: text as `str`, whole numbers `Int64`, numbers `float64`, truth values
    `boolean`, dates and times `datetime64[ms]`; `code` where the layer has codes, NaN where none was given. Later rows
    of a repeated code have theirs moved to `given_code`.

    Examples
    --------
    >>> from layers.schema import layer
    >>> frame = pd.DataFrame({"code": ["1.0", "1"], "households": ["25户", "many"], "source_row": [2, 3]})
    >>> findings = Findings()
    >>> checked = check(frame, layer("buildings"), findings=findings)
    >>> checked[["code", "households", "given_code"]].values.tolist()
    [['1', 25, nan], [nan, <NA>, '1']]
    >>> sorted(findings.counts())
    ['duplicate_code', 'no_households', 'not_a_number']
    """
    frame = frame.copy()
    for column in layer:
        if column.name in frame.columns:
            frame[column.name] = _typed(frame, column, layer, findings, file)
    for name in [name for name in frame.columns if name not in layer and name not in ("geometry", "source_row")]:
        if frame[name].dtype == object:
            frame[name] = _plain_extra(frame[name])
    if layer.name in kind_words() and "kind" in frame.columns:
        frame["kind"], turned = named_kinds(frame["kind"], layer)
        if turned:
            findings.add(
                layer.name, "kind_named", f"{turned} kinds stand in words, such as 幼儿园",
                "written as keys (kindergarten)", level="note", field="kind", file=file,
            )  # fmt: skip
    _tell_missing(frame, layer, findings, file)
    if "code" in layer:
        frame = codes_apart(frame, layer, findings, file)
    if layer.name == "incidents" and {"reported_at", "closed_at"} <= set(frame.columns):
        early = (frame["closed_at"] < frame["reported_at"]).fillna(False).astype(bool)
        tell_rows(
            findings, layer.name, "closed_before_reported", "closed before it was reported", "nothing: look at it",
            frame["source_row"][early], values=frame["closed_at"][early].astype("str"), codes=frame["code"][early],
            field="closed_at", file=file,
        )  # fmt: skip
    if layer.name == "buildings":
        _tell_no_households(frame, findings, file)
    return frame


def order_columns(frame: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """Schema's columns first, in its order, then those the file brought, then `source_row` and `geometry`.

    Examples
    --------
    >>> from layers.schema import layer
    >>> list(order_columns(pd.DataFrame(columns=["source_row", "x", "name", "code"]), layer("roads")))
    ['code', 'name', 'x', 'source_row']
    """
    ours = [column.name for column in layer if column.name in frame.columns]
    last = [name for name in ("source_row", "geometry") if name in frame.columns]
    brought = [name for name in frame.columns if name not in ours and name not in last]
    return frame[[*ours, *brought, *last]]


def _typed(frame: pd.DataFrame, column: Column, layer: Layer, findings: Findings, file: str | None) -> pd.Series:
    """One column in its type."""
    given = frame[column.name]

    def tell(mask: pd.Series, rule: str, what: str, done: str, level: str = "warning") -> None:
        tell_rows(
            findings, layer.name, rule, what, done, frame["source_row"][mask], values=given[mask],
            codes=frame["code"][mask] if "code" in frame.columns and column.name != "code" else None,
            field=column.name, level=level, file=file,
        )  # fmt: skip

    if column.type == "text" and column.name in CODES:
        values, bad = as_code(given)
        tell(bad, "digits_lost", "a code that went through a number, its last digits lost", "left empty", "error")
        if column.name == "code" and bad.any():
            frame["given_code"] = as_text(given)[0].where(bad)
        return values
    if column.type == "text":
        return as_text(given)[0]
    if column.type in ("integer", "number"):
        whole = column.type == "integer"
        values, bad = as_number(given, whole=whole)
        tell(bad, "not_a_number", "not a whole number" if whole else "not a number", "left empty")
        if column.unit is not None or column.name == "capacity":
            negative = (values < 0).fillna(False).astype(bool)
            tell(negative, "negative", "below zero", "left empty")
            values = values.mask(negative)
        return values
    if column.type == "boolean":
        values, bad = as_boolean(given)
        tell(bad, "not_yes_or_no", "neither yes nor no", "left empty")
        return values
    values, bad, remarks = as_time(given, day=column.type == "date")
    tell(bad, "not_a_date", "not a date", "left empty")
    for remark in sorted(remarks):
        rule, what, done, level = _TIME_REMARKS[remark]
        findings.add(layer.name, rule, what, done, level=level, field=column.name, file=file)
    return values


def _plain_extra(column: pd.Series) -> pd.Series:
    """A column of no meaning to us: text where all of it is text, else as it came."""
    known = column.dropna()
    return column.astype("str") if len(known) == 0 or known.map(type).eq(str).all() else column


def _tell_missing(frame: pd.DataFrame, layer: Layer, findings: Findings, file: str | None) -> None:
    """Say which required columns, or cells of them, are missing."""
    others = [name for name in frame.columns if name not in layer and name not in ("geometry", "source_row")]
    for name in layer.required:
        column = layer.column(name)
        assert column is not None
        if name not in frame.columns:
            findings.add(
                layer.name, "missing_column", f"no column is {name} ({column.zh}); "
                f"columns without a meaning here are {', '.join(others) or 'none'}",
                f'nothing: name it, [layers.{layer.name}.columns] {name} = "..."', level="error", field=name, file=file,
            )  # fmt: skip
            continue
        blank = is_blank(frame[name])
        codes = frame["code"][blank] if "code" in frame.columns else None
        tell_rows(
            findings, layer.name, f"no_{name}", f"no {name}", "row kept without one", frame["source_row"][blank],
            codes=codes, field=name, file=file,
        )  # fmt: skip


def codes_apart(frame: pd.DataFrame, layer: Layer, findings: Findings, file: str | None = None) -> pd.DataFrame:
    """A code column whose codes tell rows apart."""
    if "code" not in frame.columns:
        return frame.assign(code=pd.Series(None, index=frame.index, dtype="str"))
    again = pd.Series(repeated_rows(frame["code"], later=True), index=frame.index)
    if not again.any():
        return frame
    tell_rows(
        findings, layer.name, "duplicate_code", "a code that an earlier row has",
        "code left empty, kept as given_code", frame["source_row"][again], values=frame["code"][again],
        codes=frame["code"][again], field="code", file=file,
    )  # fmt: skip
    earlier = frame["given_code"] if "given_code" in frame.columns else pd.Series(None, index=frame.index, dtype="str")
    return frame.assign(given_code=earlier.where(~again, frame["code"]), code=frame["code"].mask(again))


def _tell_no_households(frame: pd.DataFrame, findings: Findings, file: str | None) -> None:
    """One finding for all buildings whose households nobody knows."""
    count = len(frame) if "households" not in frame.columns else int(frame["households"].isna().sum())
    if count:
        findings.add(
            "buildings", "no_households", f"{count} of {len(frame)} buildings have no number of households",
            "left empty; the split estimates them", field="households", file=file,
        )  # fmt: skip
