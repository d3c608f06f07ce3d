"""What features of tiles are worth: one small array of whole numbers a measure, in the order of their numbers.

Tiles hold shapes and numbers only. What they are coloured by comes beside them, so that another measure needs no new
tile, and so that who may see a shape and who may see a figure is decided in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gridmap.maps.breaks import QUALITATIVE, breaks_by, ramp
from gridmap.maps.colouring import Measure, kind_titles, measures, packaged_norms
from gridmap.maps.words import pair
from layers.incidents import CLOSED
from layers.schema import layer

__all__ = [
    "FACTS", "MISSING", "Values", "incident_values", "kind_values", "number_values", "placed", "unit_values",
    "values_document",
]

#: Shares and ratios are sent in ten-thousandths.
_FINE = 10_000
#: Kinds beyond so many share the last colour.
_OTHER = QUALITATIVE[-1]
def _facts_of(name: str, zh: str, en: str, group: str, kind: str, unit: str | None = None) -> dict[str, Any]:
    return {"name": name, "zh": zh, "en": en, "group": group, "kind": kind, "unit": unit}


#: Measures that no single column holds.
FACTS: dict[str, dict[str, Any]] = {
    item["name"]: item
    for item in (
        _facts_of("within_band_share", "达标微网格比例", "Micro-grids within the band", "shape", "number"),
        _facts_of("incidents", "事件数", "Incidents", "events", "number", "incidents"),
        _facts_of("incidents_open", "未办结事件", "Open incidents", "events", "number", "incidents"),
        _facts_of("state", "办结情况", "State", "events", "class"),
        _facts_of("week", "周", "Week", "events", "number"),
    )
}
MISSING = {"zh": "无数据", "en": "No data", "colour": "#f0f0ee"}


@dataclass(frozen=True, kw_only=True)
class Values:
    """One measure of a layer.

    `numbers` holds a whole number a row as float, NaN where there is none: value x `scale` for the kind `number`, the
    place in `keys` for the kind `class`. `titles` are the keys in words. `status` has one letter a row for coverage: c
    covered, p partial, g gap, n no data. `edges`, in whole numbers, where the classes are fixed by what they mean.
    """

    name: str
    zh: str
    en: str
    group: str
    kind: str
    numbers: np.ndarray = field(repr=False)
    unit: str | None = None
    scale: int = 1
    keys: tuple[str, ...] = ()
    titles: tuple[tuple[str, str], ...] = ()
    edges: tuple[int, ...] = ()
    status: str | None = field(default=None, repr=False)
    norm_m: float | None = None
    verified: bool | None = None
    origin: str | None = None


def placed(values: Values, rows: np.ndarray, count: int) -> Values:
    """The same measure for all `count` rows of a layer, where it is known for some: `rows` are their places from 0."""
    numbers = np.full(count, np.nan)
    numbers[rows] = values.numbers
    status = None
    if values.status is not None:
        letters = np.full(count, "n")
        letters[rows] = list(values.status)
        status = "".join(letters)
    return replace(values, numbers=numbers, status=status)


def values_document(values: Values, layer_name: str, *, method: str = "quantile", classes: int = 5) -> dict[str, Any]:
    """A measure as the map reads it.

    Parameters
    ----------
    values
        The measure. Classes are made of these numbers alone: one map tells nothing of what it does not show.
    layer_name
        Its layer.
    method, classes
        See `gridmap.maps.breaks.breaks_by`; measures whose classes are fixed keep theirs.

    Raises
    ------
    WrongCall
        Where the method or the number of classes is none.

    Examples
    --------
    >>> few = Values(name="households", zh="户数", en="Households", group="people", kind="number",
    ...              numbers=np.array([18, np.nan, 31]))
    >>> document = values_document(few, "micro_grids")
    >>> document["values"], document["breaks"], [item["en"] for item in document["classes"]]
    ([18, None, 31], [18, 31, 31], ['18–30', '31'])
    """
    edges: tuple[float, ...] = breaks_by(method, values.numbers, classes=classes) if values.kind == "number" else ()
    if values.edges and len(edges):
        edges = values.edges
    whole = [None if np.isnan(number) else int(number) for number in values.numbers.tolist()]
    bounds = _whole_edges(edges)
    document: dict[str, Any] = {
        "layer": layer_name, "measure": values.name, "zh": values.zh, "en": values.en, "group": values.group,
        "kind": values.kind, "unit": values.unit, "scale": values.scale, "breaks_by": method, "values": whole,
        "breaks": bounds, "classes": _number_classes(bounds, values) if values.kind == "number" else _kinds(values),
        "missing": MISSING,
    }  # fmt: skip
    more = {"status": values.status, "norm_m": values.norm_m, "verified": values.verified, "origin": values.origin}
    return {**document, **{name: value for name, value in more.items() if value is not None}}


def _whole_edges(edges: tuple[float, ...]) -> list[int]:
    """Edges as whole numbers, each once but for the last, which may stand twice."""
    if not edges:
        return []
    inner = sorted({int(np.ceil(edge)) for edge in edges[:-1]})
    return [*inner, max(int(np.ceil(edges[-1])), inner[-1])]


def _number_classes(edges: list[int], values: Values) -> list[dict[str, Any]]:
    colours = ramp(len(edges) - 1)
    percent = values.scale == _FINE and values.unit is None and bool(values.edges)

    def text(number: int) -> str:
        if percent:
            return f"{number / _FINE:.0%}"
        return f"{number:,}" if values.scale == 1 else f"{number / values.scale:,.4g}"

    found = []
    for place, colour in enumerate(colours):
        low, high = edges[place], edges[place + 1]
        # counts up to the next class, all else to its edge; the last class holds its upper edge
        top = high - 1 if values.scale == 1 and place < len(colours) - 1 else high
        if percent and high == _FINE - 1:
            words = f"{text(low)}–<100%"
        elif percent and low == _FINE - 1:
            words = "100%"
        else:
            words = text(low) if top <= low else f"{text(low)}–{text(top)}"
        found.append({"zh": words, "en": words, "colour": colour, "hatch": False})
    return found


def _kinds(values: Values) -> list[dict[str, Any]]:
    yes_no = values.keys == ("yes", "no")
    colours = (ramp(5)[3], ramp(5)[0]) if yes_no else QUALITATIVE
    return [
        {"key": key, "zh": zh, "en": en, "colour": colours[place] if place < len(colours) else _OTHER,
         "hatch": yes_no and key == "no"}
        for place, (key, (zh, en)) in enumerate(zip(values.keys, values.titles, strict=True))
    ]  # fmt: skip


def unit_values(
    units: pd.DataFrame, *, coverage: pd.DataFrame | None = None, incidents: pd.DataFrame | None = None,
    micro_grids: pd.DataFrame | None = None,
) -> list[Values]:
    """What units of one level can be coloured by.

    Parameters
    ----------
    units
        Districts, streets, communities, grids or micro-grids, with `code`.
    coverage
        The table `coverage` (by `micro_grid`) or `coverage_levels` (by `code`).
    incidents
        With `micro_grid`; the open ones are those without `closed_at`.
    micro_grids
        For units above them: the share of those within is within the band.

    Returns
    -------
    In the order of the list, each in the order of the rows.
    """
    if coverage is not None and "micro_grid" not in coverage:
        coverage = coverage.rename(columns={"code": "micro_grid"})
    found = [_of_measure(item) for item in measures(units, coverage=coverage)]
    codes = units["code"].astype("object")
    if micro_grids is not None and "within_band" in micro_grids:
        share = _by_unit(micro_grids["code"], micro_grids["within_band"].astype("float64"), codes, "mean")
        found = [item for item in found if item.name != "within_band"]
        found.append(Values(
            **FACTS["within_band_share"], scale=_FINE, numbers=np.round(share * _FINE), edges=_SHARES,
        ))  # fmt: skip
    if incidents is not None and "micro_grid" in incidents:
        one = pd.Series(1.0, incidents.index)
        for name, kept in (("incidents", one > 0), ("incidents_open", _is_open(incidents))):
            counts = _by_unit(incidents["micro_grid"][kept], one[kept], codes, "sum")
            found.append(Values(**FACTS[name], numbers=np.nan_to_num(counts)))
    return found


_SHARES = (0, 2500, 5000, 7500, 9999, _FINE)


def _by_unit(codes: pd.Series, values: pd.Series, units: pd.Series, how: str) -> np.ndarray:
    """Values by the unit that their codes begin with, in the order of the units."""
    digits = units.str.len().max() if len(units) else 0
    grouped = values.groupby(codes.astype("object").str[: int(digits)].to_numpy(), dropna=True).agg(how)
    return units.map(grouped).to_numpy(dtype="float64", na_value=np.nan)


def _of_measure(measure: Measure) -> Values:
    given: dict[str, Any] = {
        "name": measure.name, "zh": measure.zh, "en": measure.en, "group": measure.group, "unit": measure.unit,
        "norm_m": measure.norm_m, "verified": measure.verified, "status": measure.status,
    }  # fmt: skip
    raw = np.array([np.nan if value is None else float(value) for value in measure.values])
    if measure.kind == "yes_no":
        titles = (pair("yes") or ("是", "Yes"), pair("no") or ("否", "No"))
        return Values(kind="class", numbers=1 - raw, keys=("yes", "no"), titles=titles, **given)
    if measure.kind == "coverage":
        return Values(kind="number", scale=_FINE, numbers=np.round(raw * _FINE), edges=_SHARES, **given)
    known = raw[~np.isnan(raw)]
    # a whole number, or one so large that its fraction says nothing, goes as it is
    scale = 1 if not len(known) or np.all(known == np.round(known)) or np.abs(known).max() > _FINE else _FINE
    return Values(kind="number", scale=scale, numbers=np.round(raw * scale), **given)


def kind_values(name: str, column: str, kinds: pd.Series) -> Values:
    """A column of kinds: facilities by kind, streets by class. The most frequent kind comes first.

    Examples
    --------
    >>> found = kind_values("facilities", "kind", pd.Series(["canteen", "clinic", "canteen", None]))
    >>> found.keys, found.numbers.tolist()
    (('canteen', 'clinic'), [0.0, 1.0, 0.0, nan])
    """
    texts = kinds.astype("object").where(kinds.notna(), None)
    counts = texts.value_counts()
    keys = tuple(sorted((str(key) for key in counts.index), key=lambda key: (-int(counts[key]), key)))
    known = layer(name).column(column)
    norms = packaged_norms()
    place = {key: float(index) for index, key in enumerate(keys)}
    return Values(
        name=column, zh=known.zh if known else column, en=known.en if known else column, group="kinds", kind="class",
        numbers=texts.map(place).to_numpy(dtype="float64", na_value=np.nan), keys=keys,
        titles=tuple(kind_titles(key, norms) for key in keys),
    )


def number_values(name: str, column: str, numbers: pd.Series) -> Values:
    """A column of counts."""
    known = layer(name).column(column)
    raw = numbers.to_numpy(dtype="float64", na_value=np.nan)
    return Values(
        name=column, zh=known.zh if known else column, en=known.en if known else column, group="people", kind="number",
        unit=known.unit if known else None, numbers=np.round(raw),
    )


def incident_values(incidents: pd.DataFrame) -> list[Values]:
    """Week and state of incidents: `week` counts whole weeks from the Monday in `origin`, `state` is open or closed."""
    opened = _is_open(incidents).to_numpy()
    found = [Values(
        **FACTS["state"], keys=("open", "closed"),
        titles=(("未办结", "Open"), ("已办结", "Closed")), numbers=np.where(opened, 0.0, 1.0),
    )]  # fmt: skip
    times = pd.to_datetime(incidents["reported_at"], errors="coerce") if "reported_at" in incidents else None
    if times is not None and times.notna().any():
        if times.dt.tz is not None:
            times = times.dt.tz_localize(None)
        days = times.dt.normalize()
        origin = days.min() - pd.Timedelta(days=int(days.min().weekday()))
        weeks = np.floor((days - origin).dt.days.to_numpy(dtype="float64", na_value=np.nan) / 7)
        found.append(Values(**FACTS["week"], numbers=weeks, origin=origin.date().isoformat()))
    return found


def _is_open(incidents: pd.DataFrame) -> pd.Series:
    closed = incidents["closed_at"].notna() if "closed_at" in incidents else pd.Series(False, incidents.index)
    if "status" in incidents:
        closed |= incidents["status"].isin(CLOSED)
    return ~closed
