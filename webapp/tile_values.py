"""The measures of a layer of tiles for one person: made of what they see, kept while the city stays as it is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from flask import Flask, current_app

from gridmap.maps.colouring import COLUMNS, kind_titles, packaged_norms
from gridmap.maps.tiles.plan import PLAN, tile_layer
from gridmap.maps.tiles.shelf import TilesOf, Version, keys_of
from gridmap.maps.values import (
    FACTS,
    Values,
    incident_values,
    kind_values,
    number_values,
    placed,
    unit_values,
)
from layers.errors import NotFound, WrongCall
from layers.schema import layer
from webapp.replies import desk_version
from webapp.seen import Seen
from webapp.tiles import get_tiles

__all__ = ["floors_of", "init_app", "measure_list", "rows_with", "values_of"]

#: Digits of the codes of a level.
_DIGITS = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}
#: Columns of buildings that colour them.
_COUNTS = ("households", "residents", "levels")


class Made:
    """Measures made, the longest unused dropped first."""

    def __init__(self, most: int = 200) -> None:
        self.most = most
        self._items: OrderedDict[tuple, dict[str, Values]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple, make: Callable[[], list[Values]]) -> dict[str, Values]:
        """What was made under the key, or is made now."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
        made = {item.name: item for item in make()}
        with self._lock:
            self._items[key] = made
            while len(self._items) > self.most:
                self._items.popitem(last=False)
        return made


def measure_list(version: Version, tiles: TilesOf) -> list[dict[str, Any]]:
    """What a layer can be coloured by, told from what is known without reading its rows."""
    name, columns = tiles.name, set(tiles.columns)
    if name in _DIGITS:
        found = [_fact(name, column, group) for column, group in COLUMNS.items() if column in columns]
        if name != "micro_grids":
            found = [item for item in found if item["name"] != "within_band"]
            if "micro_grids" in version.layers and "within_band" in version.layers["micro_grids"].columns:
                found.append({**FACTS["within_band_share"]})
        if "incidents" in version.layers:
            found += [{**FACTS["incidents"]}, {**FACTS["incidents_open"]}]
        norms = packaged_norms()
        for kind in version.kinds:
            zh, en = kind_titles(kind, norms)
            found.append(_facts(f"coverage:{kind}", zh, en, "coverage", "number", None))
        return found
    plan = tile_layer(name)
    style = plan.style if plan is not None else None
    found = [] if style is None or style not in columns else [_fact(name, style, "kinds", kind="class")]
    if name == "buildings":
        found += [_fact(name, column, "people") for column in _COUNTS if column in columns]
        found += [_fact(name, column, "kinds", kind="class") for column in ("use",) if column in columns]
    if name == "incidents":
        found.append({**FACTS["state"]})
        found += [{**FACTS["week"]}] if "reported_at" in columns else []
    return found


def values_of(seen: Seen, version: Version, tiles: TilesOf, measure: str) -> Values:
    """One measure of a layer, for all its rows; what the person may not see is NaN.

    Raises
    ------
    NotFound
        Where the layer has no such measure.
    """
    known = {item["name"]: item for item in measure_list(version, tiles)}
    if measure not in known:
        raise NotFound(f"{tiles.name} cannot be shown by {measure[:60]!r}; there is {', '.join(known) or 'nothing'}")
    part = _part(tiles.name, measure)
    facts = seen.meta()
    desk = desk_version(soon=True) if part == "incidents" or tiles.name == "incidents" else ""
    key = (version.name, facts.get("data_version", ""), desk, tiles.name, part, seen.user.role, seen.reach)
    made: Made = current_app.extensions["tile_values"]
    found = made.get(key, lambda: _make(seen, version, tiles, part))
    if measure in found:
        return found[measure]
    # known in the city, but not of anything that this person sees
    return Values(**known[measure], numbers=np.full(tiles.count, np.nan))


def rows_with(values: Values, wanted: str) -> np.ndarray:
    """Which rows have a value, told as it stands in an address: a key of a kind, a whole number of the others.

    Raises
    ------
    WrongCall
        Where it is no number.

    Examples
    --------
    >>> weeks = Values(name="week", zh="周", en="Week", group="events", kind="number", numbers=np.array([3, np.nan, 4]))
    >>> rows_with(weeks, "4").tolist()
    [False, False, True]
    """
    if values.kind == "class":
        place = values.keys.index(wanted) if wanted in values.keys else -1
    elif wanted.lstrip("-").isdecimal():
        place = int(wanted)
    else:
        raise WrongCall(f"{values.name} is told as a whole number, not {wanted[:20]!r}")
    return np.asarray(values.numbers == place)


def floors_of(seen: Seen, tiles: TilesOf) -> dict[str, str]:
    """Number -> first and last floor of the micro-grids in towers that the person sees."""
    frame, rows = _own_rows(seen, tiles)
    if not {"stack", "floor_from", "floor_to"} <= set(frame.columns):
        return {}
    told = (frame["stack"].notna() & frame["floor_from"].notna() & frame["floor_to"].notna()).to_numpy()
    spans = zip(frame["floor_from"][told].astype(int), frame["floor_to"][told].astype(int), strict=True)
    return {str(row + 1): f"{low}-{high}" for row, (low, high) in zip(rows[told].tolist(), spans, strict=True)}


def _part(name: str, measure: str) -> str:
    """What is read together: the rows themselves, incidents, coverage."""
    if name in _DIGITS:
        if measure.startswith("coverage:"):
            return "coverage"
        if measure in ("incidents", "incidents_open"):
            return "incidents"
        return "band" if measure == "within_band_share" else "rows"
    return "style" if measure == (tile_layer(name) or PLAN[0]).style else "rows"


def _make(seen: Seen, version: Version, tiles: TilesOf, part: str) -> list[Values]:
    name = tiles.name
    if part == "style":
        plan = tile_layer(name)
        assert plan is not None and plan.style is not None, name
        mine, _ = get_tiles().scope(seen, version, tiles)
        styles = tiles.table["style"] if mine is None else tiles.table["style"].where(mine[1:])
        return [kind_values(name, plan.style, styles)]
    if part == "rows" or name not in _DIGITS:
        frame, rows = _own_rows(seen, tiles)
        if name in _DIGITS:
            found = unit_values(frame)
        elif name == "incidents":
            found = incident_values(frame)
        else:
            found = [number_values(name, column, frame[column]) for column in _COUNTS if column in frame]
            found += [kind_values(name, "use", frame["use"])] if "use" in frame else []
        return [placed(item, rows, tiles.count) for item in found]
    # what is counted by code needs no more of the units than their codes
    mine, _ = get_tiles().scope(seen, version, tiles)
    rows = np.flatnonzero(np.ones(tiles.count, dtype=bool) if mine is None else mine[1:])
    units = pd.DataFrame({"code": tiles.table["code"].iloc[rows].to_numpy()})
    coverage = None
    if part == "coverage" and name == "micro_grids" and seen.sees("coverage"):
        coverage = seen.read("coverage")
    elif part == "coverage" and seen.sees("coverage_levels"):
        coverage = seen.read("coverage_levels")
        coverage = coverage[coverage["level"] == name]
    incidents = seen.read("incidents") if part == "incidents" and seen.sees("incidents") else None
    micro_grids = seen.read("micro_grids") if part == "band" else None
    found = unit_values(units, coverage=coverage, incidents=incidents, micro_grids=micro_grids)
    return [placed(item, rows, tiles.count) for item in found]


def _own_rows(seen: Seen, tiles: TilesOf) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of the layer that the person sees and that have a number, and their places from 0."""
    frame = seen.read(tiles.name)
    numbers = keys_of(frame, placed=not tiles.coded).map(tiles.by_key[~tiles.by_key.index.duplicated()])
    known = numbers.notna().to_numpy()
    return frame[known].reset_index(drop=True), numbers[known].to_numpy(dtype="int64") - 1


def _fact(name: str, column: str, group: str, kind: str | None = None) -> dict[str, Any]:
    known = layer("micro_grids" if name in _DIGITS else name).column(column)
    assert known is not None, column
    kind = kind or ("class" if known.type == "boolean" else "number")
    return _facts(column, known.zh, known.en, group, kind, known.unit)


def _facts(name: str, zh: str, en: str, group: str, kind: str, unit: str | None) -> dict[str, Any]:
    return {"name": name, "zh": zh, "en": en, "group": group, "kind": kind, "unit": unit}


def init_app(app: Flask) -> None:
    """Make room for measures."""
    app.extensions["tile_values"] = Made()
