"""How good a plan is, in figures: the city, each community, each grid, and the exceptions with their reasons.

Read off a store alone (or off what one user may see of it), by code that the split does not share. `gridmap verify` and
the page of quality show the same figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.tiling import area_outside
from layers.errors import MissingLayer

__all__ = ["Quality", "Shares", "measure_quality"]

#: Roads that bound nothing (OpenStreetMap highway values).
_FOOT = {"footway", "path", "steps", "cycleway", "bridleway", "corridor", "elevator", "platform", "proposed"}
#: A boundary segment follows a line within this distance, metres.
_ON_LINE_M = 0.05
#: Ground of a unit outside the unit above it that counts as a fault, m2.
_OUTSIDE_M2 = 0.01
_NAMES = {6: "districts", 9: "streets", 12: "communities", 15: "grids"}


class Reads(Protocol):
    """What quality is read from: a store, or what one user may see of it."""

    def read(self, name: str) -> Any:
        """All rows of a layer."""

    def meta(self) -> dict[str, str]:
        """Facts about the city."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The figures of one area.

    `micro_grids` are those that the band is for: where people live, and no special site. `special` are special sites,
    `villages` settlements kept whole (both with people, counted apart when out of the band), `unpeopled` ground without
    people. `in_band` is the share of `micro_grids` within the band, `in_wish` that of the `several` (several buildings,
    entrances or floors) within target +-20 %; `deviation` the mean distance from the target over the target, `largest`
    and `smallest` the households of the fullest and the emptiest. `connected` is the share that is one polygon,
    `compactness` the mean of Polsby and Popper (1991), `on_lines` the share of the boundary inside the city that
    follows streets and barriers, None where there is no such boundary. `out` counts what is out of the band, `silent`
    what of it says no reason.
    """

    code: str
    name: str
    households: int
    residents: int | None
    micro_grids: int
    villages: int
    special: int
    unpeopled: int
    in_band: float | None
    several: int
    in_wish: float | None
    deviation: float | None
    smallest: int | None
    largest: int | None
    connected: float
    compactness: float | None
    on_lines: float | None
    out: int
    silent: int


@dataclass(frozen=True)
class Quality:
    """Figures of a city, of its communities and grids, and what is out of the band.

    `band` is min, target, max; `nested` the share of units that lie within the unit above them, `conserved` whether
    the households of micro-grids, of buildings and of the input agree. `exceptions` has one row a micro-grid out of
    the band: code, name, kind, site, households, reason, reason_zh.
    """

    band: tuple[int, int, int]
    wish: tuple[int, int]
    city: Shares
    communities: tuple[Shares, ...]
    grids: tuple[Shares, ...]
    nested: float
    conserved: bool
    households_in: int | None
    exceptions: pd.DataFrame

    def sentences(self) -> list[str]:
        """The figures of the city in a few lines of English, and each exception with people in one."""
        city, (low, target, high) = self.city, self.band
        lines = [
            f"{city.micro_grids} micro-grids for the band, {_percent(city.in_band)} with {low}-{high} households "
            f"(target {target}, mean deviation {_percent(city.deviation)}); beside them {city.special} special, "
            f"{city.unpeopled} without people, {city.out} out of the band in all that has people",
            f"{city.several} of several buildings, entrances or floors, {_percent(city.in_wish)} with "
            f"{self.wish[0]}-{self.wish[1]}",
            f"{_percent(city.connected)} in one piece, compactness {city.compactness or 0:.2f}, "
            f"{_percent(city.on_lines)} of the boundary on streets and barriers, {_percent(self.nested)} of units "
            "nested",
        ]
        lived = self.exceptions[self.exceptions["households"] > 0]
        return lines + [
            f"  {row['code']}  {row['households']} households: {row['reason']}" for row in lived.to_dict("records")
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and texts, for JSON."""
        rows = self.exceptions.astype(object).where(self.exceptions.notna(), None).to_dict("records")
        return {
            "band": list(self.band), "wish": list(self.wish), "nested": self.nested, "conserved": self.conserved,
            "households_in": self.households_in, "city": asdict(self.city),
            "communities": [asdict(item) for item in self.communities], "grids": [asdict(item) for item in self.grids],
            "exceptions": rows,
        }  # fmt: skip


def measure_quality(store: Reads, *, whole: bool = True) -> Quality:
    """
    The quality of the plan that a store keeps.

    Parameters
    ----------
    store
        A built city in a metric CRS, or a user's view of it: then the figures are those of what the user sees.
    whole
        False for a view of a part, whose households are fewer than came in.

    Returns
    -------
    Quality

    Raises
    ------
    MissingLayer
        There are no micro-grids to measure.

    Examples
    --------
    >>> import tempfile
    >>> from gridmap.stores import create_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> with create_store(f"{folder.name}/city.gpkg", crs=4549) as store:
    ...     measure_quality(store)
    Traceback (most recent call last):
    layers.errors.MissingLayer: there are no micro-grids to measure; run gridmap build first
    >>> folder.cleanup()
    """
    units = gpd.GeoDataFrame(store.read("micro_grids"))
    if not len(units):
        raise MissingLayer("there are no micro-grids to measure; run gridmap build first")
    facts = store.meta()
    band = _band(facts)
    buildings = store.read("buildings")
    table = _table(units, buildings, band)
    levels = {level: store.read(level) for level in _NAMES.values()}
    edges = _boundary(table, _lines(store))
    said = facts.get("households_in", "")
    came_in = int(said) if said.isdecimal() else None
    total = int(table["households"].sum())
    known = int(buildings["households"].fillna(0).sum()) if len(buildings) else 0
    out = table[~table["holds"]]
    columns = ["code", "name", "kind", "site", "households", "reason", "reason_zh"]
    return Quality(
        band=band,
        wish=_wish(band),
        city=_shares("", facts.get("name", ""), table, edges, np.ones(len(table), dtype=bool)),
        communities=_by(levels["communities"], 12, table, edges),
        grids=_by(levels["grids"], 15, table, edges),
        nested=_nested(table, levels),
        conserved=total == known and (came_in in (None, total) or not whole),
        households_in=came_in,
        exceptions=pd.DataFrame(out[columns]).sort_values("code", ignore_index=True),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _band(facts: dict[str, str]) -> tuple[int, int, int]:
    try:
        low, target, high = json.loads(facts["settings"])["split"]["households"]
        return int(low), int(target), int(high)
    except (KeyError, ValueError, TypeError):
        return 15, 25, 40


def _wish(band: tuple[int, int, int]) -> tuple[int, int]:
    low, target, high = band
    return max(low, -(-target * 4 // 5)), min(high, target * 6 // 5)


def _text(frame: pd.DataFrame, column: str) -> pd.Series:
    return frame[column].astype("object") if column in frame else pd.Series(None, index=frame.index, dtype="object")


def _table(units: gpd.GeoDataFrame, buildings: pd.DataFrame, band: tuple[int, int, int]) -> gpd.GeoDataFrame:
    """Micro-grids with what they are counted as."""
    households = units["households"].fillna(0).astype(int)
    parts = buildings[buildings["households"].fillna(0) > 0].groupby("micro_grid").size() if len(buildings) else None
    things = units["code"].map(parts).fillna(0) if parts is not None else pd.Series(0, index=units.index)
    kind, reason = _text(units, "kind"), _text(units, "reason")
    lived = households > 0
    special = lived & kind.eq("special")
    low, _, high = band
    wish_low, wish_high = _wish(band)
    geometry = np.asarray(units.geometry.array, dtype=object)
    length = shapely.length(geometry)
    stack = _text(units, "stack")
    return units.assign(
        households=households,
        holds=households.between(low, high),
        lived=lived,
        special=special,
        village=lived & kind.eq("village"),
        counted=lived & ~special & (~kind.eq("village") | households.between(low, high)),
        several=lived & ~special & ~kind.eq("village") & ((things > 1) | units["floor_from"].notna()),
        wished=households.between(wish_low, wish_high),
        off=(households - band[1]).abs() / band[1],
        one=(shapely.get_type_id(geometry) == 3) & shapely.is_valid(geometry),
        round=4.0 * np.pi * shapely.area(geometry) / np.maximum(length, 1e-9) ** 2,
        drawn=stack.isna() | ~stack.duplicated(),
        silent=~households.between(low, high) & reason.fillna("").astype(str).str.strip().eq(""),
        site=_text(units, "site"),
        reason=reason,
        reason_zh=_text(units, "reason_zh"),
        kind=kind,
        name=_text(units, "name"),
    )


def _lines(store: Reads) -> NDArray[np.object_]:
    """Streets, barriers and shores."""
    found: list[NDArray[np.object_]] = []
    for layer in ("roads", "barriers", "water", "estates"):
        frame = store.read(layer)
        if not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
            continue
        if layer == "roads":
            frame = frame[~_text(frame, "class").isin(_FOOT)]
        shapes = np.asarray(frame.geometry.array, dtype=object)
        shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
        found.append(np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes))
    return np.concatenate(found) if found else np.empty(0, dtype=object)


@dataclass
class _Edges:
    """Boundary between two micro-grids: the rows on its sides, its length, and how much of it follows a line."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    length: NDArray[np.float64]
    on_line: NDArray[np.float64]


def _boundary(table: gpd.GeoDataFrame, lines: NDArray[np.object_]) -> _Edges:
    """Segments that two drawn areas share, on a grid of a millimetre."""
    rows = np.flatnonzero(table["drawn"].to_numpy())
    geometry = np.asarray(table.geometry.array, dtype=object)[rows]
    rings, owner = shapely.get_rings(geometry, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    steps = np.rint(points * 1000.0).astype(np.int64)
    same = (ring[1:] == ring[:-1]) & (steps[1:] != steps[:-1]).any(axis=1)
    start, end, own = steps[:-1][same], steps[1:][same], owner[ring[:-1][same]]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    low, high = np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)
    order = np.lexsort((high[:, 1], high[:, 0], low[:, 1], low[:, 0]))
    low, high, own = low[order], high[order], own[order]
    twice = np.flatnonzero((low[1:] == low[:-1]).all(axis=1) & (high[1:] == high[:-1]).all(axis=1))
    length = np.hypot(*(high[twice] - low[twice]).T) / 1000.0
    on_line = np.zeros(len(twice))
    if len(lines) and len(twice):
        middle = shapely.points((low[twice] + high[twice]) / 2000.0)
        hit = shapely.STRtree(lines).query(middle, predicate="dwithin", distance=_ON_LINE_M)[0]
        on_line[hit] = length[hit]
    return _Edges(rows[own[twice]], rows[own[twice + 1]], length, on_line)


def _by(frame: pd.DataFrame, digits: int, table: gpd.GeoDataFrame, edges: _Edges) -> tuple[Shares, ...]:
    """Figures of each unit of a level, by code."""
    names = dict(zip(frame["code"], _text(frame, "name"), strict=True)) if len(frame) else {}
    prefix = table["code"].str[:digits].to_numpy()
    codes, number = np.unique(prefix.astype(str), return_inverse=True)
    # Boundary by the unit on its left and on its right, each side counts.
    rows = np.argsort(number, kind="stable")
    begin = np.searchsorted(number[rows], np.arange(len(codes) + 1))
    sides = [np.bincount(number[side], weights=values, minlength=len(codes)) for side in (edges.left, edges.right)
             for values in (edges.length, edges.on_line)]
    inner = number[edges.left] == number[edges.right]
    both = [np.bincount(number[edges.left[inner]], weights=values[inner], minlength=len(codes))
            for values in (edges.length, edges.on_line)]
    length, on_line = sides[0] + sides[2] - both[0], sides[1] + sides[3] - both[1]
    made = []
    for position, code in enumerate(codes.tolist()):
        part = table.iloc[rows[begin[position] : begin[position + 1]]]
        share = on_line[position] / length[position] if length[position] > 0 else None
        made.append(_figures(code, str(names.get(code) or code), part, share))
    return tuple(made)


def _shares(
    code: str, name: str, table: gpd.GeoDataFrame, edges: _Edges, inside: NDArray[np.bool_]
) -> Shares:
    total = float(edges.length.sum())
    share = float(edges.on_line.sum()) / total if total > 0 else None
    return _figures(code, name, table[inside], share)


def _figures(code: str, name: str, part: pd.DataFrame, on_lines: float | None) -> Shares:
    counted, several = part[part["counted"]], part[part["several"]]
    drawn = part[part["drawn"]]
    people = part["residents"].sum(min_count=1) if "residents" in part else None

    def mean(values: pd.Series) -> float | None:
        return round(float(values.mean()), 4) if len(values) else None

    return Shares(
        code=code,
        name=name,
        households=int(part["households"].sum()),
        residents=None if people is None or pd.isna(people) else int(people),
        micro_grids=len(counted),
        villages=int(part["village"].sum()),
        special=int(part["special"].sum()),
        unpeopled=int((~part["lived"]).sum()),
        in_band=mean(counted["holds"]),
        several=len(several),
        in_wish=mean(several["wished"]),
        deviation=mean(counted["off"]),
        smallest=int(counted["households"].min()) if len(counted) else None,
        largest=int(counted["households"].max()) if len(counted) else None,
        connected=round(float(part["one"].mean()), 4),
        compactness=mean(drawn.loc[drawn["lived"], "round"]),
        on_lines=None if on_lines is None else round(on_lines, 4),
        out=int((part["lived"] & ~part["holds"]).sum()),
        silent=int(part["silent"].sum()),
    )


def _nested(table: gpd.GeoDataFrame, levels: dict[str, Any]) -> float:
    """Share of units that lie in the unit above them, by code and by ground."""
    good = total = 0
    frames: Sequence[tuple[pd.DataFrame, str, int]] = (
        (table[table["drawn"]], "grids", 15), (levels["grids"], "communities", 12),
        (levels["communities"], "streets", 9), (levels["streets"], "districts", 6),
    )  # fmt: skip
    for frame, above, digits in frames:
        parents = levels[above]
        if not len(frame) or not len(parents):
            continue
        place = pd.Index(parents["code"]).get_indexer(pd.Index(frame["code"].str[:digits]))
        seen = place >= 0  # who sees a part may not see what it is a part of
        own = np.asarray(frame.geometry.array, dtype=object)[seen]
        outside = area_outside(own, np.asarray(parents.geometry.array, dtype=object)[place[seen]])
        good += int((outside <= _OUTSIDE_M2).sum())
        total += len(own)
    return good / total if total else 1.0
