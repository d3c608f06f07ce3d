"""How good a plan is, in figures: the city, each community, each grid, and the exceptions with their reasons.

Read off a store alone (or off what one user may see of it), by code that the split does not share. `gridmap verify` and
the page of quality show the same figures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.micro_grids.obstacles import Feasible
from gridmap.plain_columns import read_columns
from gridmap.quality_levels import Level, bands_of_facts, bands_of_rows, levels_of, nearest_of, wish_of
from gridmap.quality_shares import Shares, shares_by
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


@dataclass(frozen=True)
class Quality:
    """Figures of a city, of its communities and grids, and what is out of the band.

    `band` is min, target, max of the city, `bands` those of the areas that have their own; `nested` the share of units
    that lie within the unit above them, `conserved` whether the households of micro-grids, of buildings and of the
    input agree. `levels` are communities and grids beside their bands, `level_exceptions` those of them that are out.
    `exceptions` has one row a micro-grid out of the band: code, name, kind, site, households, reason, reason_zh;
    `missed` one a micro-grid of several pieces that is in the band and misses the wish. `nearest` says for each area
    with a band what prevents it, and the nearest band that works.
    """

    band: tuple[int, int, int]
    bands: dict[str, tuple[int, int, int]]
    wish: tuple[int, int]
    city: Shares
    communities: tuple[Shares, ...]
    grids: tuple[Shares, ...]
    nested: float
    conserved: bool
    households_in: int | None
    levels: tuple[Level, ...]
    level_exceptions: pd.DataFrame
    exceptions: pd.DataFrame
    missed: pd.DataFrame
    nearest: tuple[tuple[str, Feasible], ...]

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
        lines += [
            f"{item.counted} {item.level} for the band, {_percent(item.in_band)} with {item.low}-{item.high} "
            f"households (mean deviation {_percent(item.deviation)}), {_percent(item.nested)} nested"
            for item in self.levels if item.counted
        ]
        lines += [f"{area or 'whole city'}: {found.sentence}" for area, found in self.nearest if found.obstacles]
        told = [(self.exceptions[self.exceptions["households"] > 0], "reason"), (self.level_exceptions, "reason")]
        return lines + [
            f"  {row['code']}  {row['households']} households: {row[why] or 'no reason is given'}"
            for rows, why in (*told, (self.missed, "wish_reason")) for row in rows.to_dict("records")
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and texts, for JSON."""
        return {
            "band": list(self.band), "bands": {area: list(band) for area, band in self.bands.items()},
            "wish": list(self.wish), "nested": self.nested, "conserved": self.conserved,
            "households_in": self.households_in, "city": asdict(self.city),
            "communities": [asdict(item) for item in self.communities], "grids": [asdict(item) for item in self.grids],
            "levels": [asdict(item) for item in self.levels],
            "nearest": [{"area": area, **found.to_dict()} for area, found in self.nearest],
            **{name: _plain_rows(getattr(self, name)) for name in ("exceptions", "missed", "level_exceptions")},
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
    bands = bands_of_facts(facts)
    buildings = read_columns(store, "buildings", ["code", "micro_grid", "households"])
    levels = {level: store.read(level) for level in _NAMES.values()}
    table = _table(units, buildings, bands, levels["grids"])
    nested, by_level = _nested(table, levels)
    upper, upper_out = levels_of(levels, facts, by_level)
    edges = _boundary(table, _lines(store))
    said = facts.get("households_in", "")
    came_in = int(said) if said.isdecimal() else None
    total = int(table["households"].sum())
    known = int(buildings["households"].fillna(0).sum()) if len(buildings) else 0
    out = table[~table["holds"]]
    columns = ["code", "name", "kind", "site", "households", "reason", "reason_zh"]
    wish_low, wish_high = wish_of(np.array([bands[""]]))
    missed = table[table["missed"]][[*columns[:5], "wish_reason", "wish_reason_zh"]]
    return Quality(
        band=bands[""],
        bands={area: band for area, band in bands.items() if area},
        wish=(int(wish_low[0]), int(wish_high[0])),
        city=_whole(facts.get("name", ""), table, edges),
        communities=_by(levels["communities"], 12, table, edges),
        grids=_by(levels["grids"], 15, table, edges),
        nested=nested,
        conserved=total == known and (came_in in (None, total) or not whole),
        households_in=came_in,
        levels=upper,
        level_exceptions=upper_out,
        exceptions=pd.DataFrame(out[columns]).sort_values("code", ignore_index=True),
        missed=pd.DataFrame(missed).sort_values("code", ignore_index=True),
        nearest=nearest_of(units, buildings, bands, table["holds"]),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _text(frame: pd.DataFrame, column: str) -> pd.Series:
    return frame[column].astype("object") if column in frame else pd.Series(None, index=frame.index, dtype="object")


def _table(
    units: gpd.GeoDataFrame, buildings: pd.DataFrame, bands: dict[str, tuple[int, int, int]], grids: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Micro-grids with what they are counted as."""
    households = units["households"].fillna(0).astype(int)
    parts = buildings[buildings["households"].fillna(0) > 0].groupby("micro_grid").size() if len(buildings) else None
    things = units["code"].map(parts).fillna(0) if parts is not None else pd.Series(0, index=units.index)
    kind, reason = _text(units, "kind"), _text(units, "reason")
    lived = households > 0
    special = lived & kind.eq("special")
    own = bands_of_rows(units["code"], bands)
    low, target, high = own.T
    wish_low, wish_high = wish_of(own)
    holds, wished = households.between(low, high), households.between(wish_low, wish_high)
    several = lived & ~special & ~kind.eq("village") & ((things > 1) | units["floor_from"].notna())
    missed = several & holds & ~wished
    geometry = np.asarray(units.geometry.array, dtype=object)
    length = shapely.length(geometry)
    stack = _text(units, "stack")
    return units.assign(
        households=households,
        holds=holds,
        lived=lived,
        special=special,
        village=lived & kind.eq("village"),
        counted=lived & ~special & (~kind.eq("village") | holds),
        several=several,
        wished=wished,
        missed=missed,
        off=(households - target).abs() / target,
        nested=_inside(geometry, units["code"].str[:15], grids),
        one=(shapely.get_type_id(geometry) == 3) & shapely.is_valid(geometry),
        round=4.0 * np.pi * shapely.area(geometry) / np.maximum(length, 1e-9) ** 2,
        drawn=stack.isna() | ~stack.duplicated(),
        silent=~holds & reason.fillna("").astype(str).str.strip().eq(""),
        site=_text(units, "site"),
        reason=reason,
        reason_zh=_text(units, "reason_zh"),
        wish_reason=_text(units, "wish_reason"),
        wish_reason_zh=_text(units, "wish_reason_zh"),
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
    sides = [np.bincount(number[side], weights=values, minlength=len(codes)) for side in (edges.left, edges.right)
             for values in (edges.length, edges.on_line)]
    inner = number[edges.left] == number[edges.right]
    both = [np.bincount(number[edges.left[inner]], weights=values[inner], minlength=len(codes))
            for values in (edges.length, edges.on_line)]
    length, on_line = sides[0] + sides[2] - both[0], sides[1] + sides[3] - both[1]
    share = np.divide(on_line, length, out=np.full(len(codes), np.nan), where=length > 0)
    found = codes.tolist()
    return shares_by(found, [str(names.get(code) or code) for code in found], number, table, share)


def _whole(name: str, table: gpd.GeoDataFrame, edges: _Edges) -> Shares:
    """Figures of everything."""
    total = float(edges.length.sum())
    share = float(edges.on_line.sum()) / total if total > 0 else np.nan
    return shares_by([""], [name], np.zeros(len(table), dtype=np.intp), table, np.array([share]))[0]


def _inside(geometry: NDArray[np.object_], parent: pd.Series, parents: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each unit lies in the unit above it; True where that is not seen: who sees a part sees no more."""
    found = np.ones(len(geometry), dtype=bool)
    if len(parents):
        place = pd.Index(parents["code"]).get_indexer(pd.Index(parent))
        seen = place >= 0
        above = np.asarray(gpd.GeoSeries(parents.geometry).array, dtype=object)
        found[seen] = area_outside(geometry[seen], above[place[seen]]) <= _OUTSIDE_M2
    return found


def _nested(table: gpd.GeoDataFrame, levels: dict[str, Any]) -> tuple[float, dict[str, float]]:
    """Share of units that lie in the unit above them, by code and by ground: of all, and of each level."""
    drawn = table["drawn"].to_numpy(dtype=bool)
    good, total = int(table["nested"][drawn].sum()), int(drawn.sum())
    shares: dict[str, float] = {}
    steps = (("grids", "communities", 12), ("communities", "streets", 9), ("streets", "districts", 6))
    for level, above, digits in steps:
        frame = levels[level]
        if len(frame):
            inside = _inside(np.asarray(frame.geometry.array, dtype=object), frame["code"].str[:digits], levels[above])
            shares[level] = float(inside.mean())
            good, total = good + int(inside.sum()), total + len(inside)
    return good / total if total else 1.0, shares
