"""What micro-grids can be coloured by: values, classes and colours, the same for the map and its legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from gridmap.maps.words import pair
from gridmap.norms import Norms, load_norms
from layers.schema import NEEDS, layer

__all__ = ["COLUMNS", "SEQUENTIAL", "Measure", "class_breaks", "kind_titles", "measures", "packaged_norms"]

#: Five steps of one hue, light to dark: ordered in grey print and for colour-blind eyes (lightness falls evenly).
SEQUENTIAL = ("#e2efe9", "#b3d8cf", "#78b9b2", "#3b8f8e", "#12595f")
_COVERAGE_BREAKS = (0.0, 0.25, 0.5, 0.75, 0.9999, 1.0)

#: Micro-grid columns that can be shown, in the order of the list, with the group they stand in.
COLUMNS = {
    "households": "people", "residents": "people",
    **{need.name: "needs" for need in NEEDS},
    "buildings": "shape", "area_m2": "shape", "compactness": "shape", "within_band": "shape",
}
#: coverage status -> one letter, so that thousands of them are one short text
_STATUS = {"covered": "c", "partial": "p", "gap": "g", "no_data": "n"}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One thing that micro-grids can be coloured by.

    `kind` is `classes` (numbers in classes), `yes_no` or `coverage` (shares, with gaps hatched). `values` holds one
    value a micro-grid, in the order of the frame, None where there is none. `breaks` are the edges of the classes,
    one more than `colours`: a value v is in class i where breaks[i] <= v < breaks[i + 1]; the last class holds its
    upper edge too. `status` has one letter a micro-grid: c covered, p partial, g gap, n no data.
    """

    name: str
    zh: str
    en: str
    group: str
    kind: str
    values: list[Any] = field(repr=False)
    unit: str | None = None
    breaks: tuple[float, ...] = ()
    colours: tuple[str, ...] = ()
    status: str | None = field(default=None, repr=False)
    norm_m: float | None = None
    verified: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """The measure as the page reads it, without what is empty."""
        facts = {name: value for name, value in self.__dict__.items() if value is not None}
        return {**facts, "breaks": list(self.breaks), "colours": list(self.colours)}


def measures(
    micro_grids: pd.DataFrame,
    *,
    coverage: pd.DataFrame | None = None,
    incidents: pd.DataFrame | None = None,
) -> list[Measure]:
    """Everything that these micro-grids can be coloured by.

    Parameters
    ----------
    micro_grids
        With `code`; every known column that holds a value becomes a measure.
    coverage
        The coverage table (`layers.schema`); every kind in it becomes a measure `coverage:<kind>`.
    incidents
        Incidents with `micro_grid`; their number becomes a measure.

    Returns
    -------
    Measures in the order in which a list should show them. Classes are quantiles of the values given, on round
    numbers: one map is coloured by itself, so colours of two maps may stand for different numbers.

    Examples
    --------
    >>> frame = pd.DataFrame({"code": list("abc"), "households": [18, 25, 31]})
    >>> [(m.name, m.breaks) for m in measures(frame)]
    [('households', (18.0, 25.0, 31.0, 31.0))]
    """
    found = [
        _column_measure(micro_grids, name, group)
        for name, group in COLUMNS.items()
        if name in micro_grids and micro_grids[name].notna().any()
    ]
    if incidents is not None and "micro_grid" in incidents:
        counts = incidents["micro_grid"].value_counts()
        values = micro_grids["code"].map(counts).fillna(0).astype(int)
        title = layer("incidents")
        found.append(_classes("incidents", title.zh, title.en, "events", values, unit="incidents"))
    if coverage is not None and len(coverage):
        norms = packaged_norms()
        kinds = [
            _coverage_measure(micro_grids, str(kind), rows, norms)
            for kind, rows in coverage.groupby("kind", sort=False)
        ]
        # a kind of which nothing is known colours nothing
        found += [measure for measure in kinds if set(measure.status or "") != {"n"}]
    return found


@lru_cache(maxsize=1)
def packaged_norms() -> Norms:
    """The packaged norms, read once: titles and groups of kinds."""
    return load_norms()


def _column_measure(micro_grids: pd.DataFrame, name: str, group: str) -> Measure:
    column = layer("micro_grids").column(name)
    assert column is not None, name
    if column.type == "boolean":
        values = micro_grids[name].astype(object)
        plain = [None if pd.isna(value) else bool(value) for value in values]
        return Measure(name=name, zh=column.zh, en=column.en, group=group, kind="yes_no", values=plain)
    return _classes(name, column.zh, column.en, group, micro_grids[name], unit=column.unit)


def _classes(name: str, zh: str, en: str, group: str, values: pd.Series, *, unit: str | None) -> Measure:
    numbers = values.astype("float64").round(4)
    breaks = class_breaks(numbers.to_numpy())
    plain = [None if np.isnan(number) else _short(number) for number in numbers.tolist()]
    count = max(len(breaks) - 1, 1)
    # few classes still reach from light to dark
    steps = np.linspace(0, len(SEQUENTIAL) - 1, count).round().astype(int).tolist() if count > 1 else [2]
    colours = tuple(SEQUENTIAL[step] for step in steps) if breaks else ()
    return Measure(
        name=name, zh=zh, en=en, group=group, kind="classes", values=plain, unit=unit, breaks=breaks, colours=colours
    )


def _coverage_measure(
    micro_grids: pd.DataFrame, kind: str, rows: pd.DataFrame, norms: Norms
) -> Measure:
    by_code = rows.drop_duplicates("micro_grid").set_index("micro_grid").reindex(micro_grids["code"])
    shares = by_code["coverage"].astype("float64").round(4)
    status = by_code["status"].map(_STATUS).fillna("n") if "status" in by_code else pd.Series("n", by_code.index)
    norm_m = by_code["norm_m"].dropna() if "norm_m" in by_code else pd.Series(dtype="float64")
    verified = by_code["verified"].dropna() if "verified" in by_code else pd.Series(dtype="object")
    zh, en = kind_titles(kind, norms)
    return Measure(
        name=f"coverage:{kind}", zh=zh, en=en, group="coverage", kind="coverage",
        values=[None if np.isnan(share) else _short(share) for share in shares.tolist()],
        breaks=_COVERAGE_BREAKS, colours=SEQUENTIAL, status="".join(status),
        norm_m=float(norm_m.iloc[0]) if len(norm_m) else None,
        verified=bool(verified.all()) if len(verified) else None,
    )


def kind_titles(kind: str, norms: Norms) -> tuple[str, str]:
    """Chinese and English title of a kind of facility, organization or incident; the kind itself where unknown."""
    norm = norms.get(kind)
    if norm is not None:
        return str(norm.zh), str(norm.en)
    return pair(f"kind.{kind}") or (kind, kind)


def class_breaks(values: Sequence[float] | np.ndarray, *, classes: int = 5) -> tuple[float, ...]:
    """Edges of classes of about equal size, on round numbers.

    Parameters
    ----------
    values
        Numbers in any unit; NaN are left out.
    classes
        The most classes that there may be.

    Returns
    -------
    Edges from the smallest to the largest value, 2 to `classes` + 1 of them; () where there is no value. Where only
    `classes` different values or fewer exist, each has its own class and the last edge stands twice.

    Examples
    --------
    >>> class_breaks([15, 17, 21, 24, 25, 26, 27, 31, 33, 38])
    (15.0, 20.0, 25.0, 26.0, 31.0, 38.0)
    >>> class_breaks([0, 0, 1, 2])
    (0.0, 1.0, 2.0, 2.0)
    """
    numbers = np.asarray(values, dtype="float64")
    numbers = numbers[np.isfinite(numbers)]
    if numbers.size == 0:
        return ()
    low, high = float(numbers.min()), float(numbers.max())
    different = np.unique(numbers)
    if different.size <= classes:
        return (*(float(value) for value in different), high)
    quantiles = np.quantile(numbers, np.linspace(0, 1, classes + 1)[1:-1])
    # two digits are enough to read: 24.6 households become 25, 0.5173 becomes 0.52, 12,345 becomes 12,000
    magnitude = np.floor(np.log10(np.maximum(np.abs(quantiles), 1e-9)))
    unit = 10.0 ** (magnitude - 1)
    if np.all(numbers == np.round(numbers)):
        unit = np.maximum(unit, 1.0)
    inner = np.unique(np.round(np.round(quantiles / unit) * unit, 9))
    return (low, *(float(edge) for edge in inner if low < edge < high), high)


def _short(number: float) -> float | int:
    """A whole number without its '.0', which thousands of values would carry."""
    return int(number) if number == int(number) else number
