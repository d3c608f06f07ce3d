"""Whether areas fit together: slivers, gaps between units, footprints on one another, buildings across an outline.

Nothing is moved here. Ground belongs to somebody, and which of two drawings is right no program knows: each is written
down with the area concerned, the largest first. Drawing dust is
taken away before, by `repair`, and strips between units are mended by `mending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.doctor import diagnose
from layers.findings import Findings
from layers.nesting import LEVELS
from layers.repair import SLIVER_M
from layers.rows import tell_rows

__all__ = ["check_datums", "check_fit"]

#: Two footprints may overlap so far, m2 and share of the smaller: walls are drawn twice.
FOOTPRINT_M2, FOOTPRINT_SHARE = 2.0, 0.05
#: A building may reach so far across an outline, m2 and share of it.
ACROSS_M2, ACROSS_SHARE = 1.0, 0.02
#: A hole between units of more than this is a place that somebody left out, m2.
GAP_M2 = 0.01
#: So many things within so many metres of the middle of an outline stand for "somewhere in the city".
_MIDDLE_ROWS, _MIDDLE_M = 3, 1.0
#: The doctor is asked from so many things on.
_FEWEST = 20
#: BD-09 lies so far from WGS 84 at most, metres.
_SHIFT_M = 1500.0
_FIRST = 200


def check_fit(layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame]) -> Findings:
    """Look at areas beside one another.

    Parameters
    ----------
    layers
        Frames in one metric CRS with valid geometry and `source_row`, by layer name.

    Returns
    -------
    Findings: `sliver` (an area narrower than 0.5 m), `gap` (a hole between the units of a level), `footprints_overlap`
    (buildings on one another, but for floors of a `stack`), `crosses_outline` (a building on both sides of an outline
    of the lowest level given), `city_middle` (things on the very middle of an outline, where geocoders put what they
    do not find); each with areas or counts, nothing done.

    Examples
    --------
    >>> unit = gpd.GeoDataFrame({"code": ["330106001"], "source_row": [1]}, geometry=[shapely.box(0, 0, 90, 90)],
    ...                         crs=4549)
    >>> homes = gpd.GeoDataFrame({"code": ["B1"], "source_row": [1]}, geometry=[shapely.box(80, 0, 100, 10)], crs=4549)
    >>> for item in check_fit({"streets": unit, "buildings": homes}):
    ...     print(item.rule, item.what)
    crosses_outline 100.0 of 200.0 m2 of B1 lie outside 330106001 of streets
    """
    findings = Findings()
    for name, frame in layers.items():
        if isinstance(frame, gpd.GeoDataFrame) and len(frame) and (name in (*LEVELS, "estates", "buildings")):
            _tell_slivers(frame, name, findings)
            if name in LEVELS:
                _tell_gaps(frame, name, findings)
    buildings = layers.get("buildings")
    lowest = next((name for name in reversed(LEVELS) if len(layers.get(name, ()))), None)
    if isinstance(buildings, gpd.GeoDataFrame) and len(buildings):
        _tell_footprints(buildings, findings)
        if lowest is not None:
            _tell_across(buildings, layers[lowest], lowest, findings)
    for name in ("organizations", "facilities", "incidents"):
        things = layers.get(name)
        if isinstance(things, gpd.GeoDataFrame) and len(things):
            _tell_middles(things, name, layers, findings)
    return findings


def check_datums(layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], stated: Mapping[str, str | None]) -> Findings:
    """Ask the datum doctor about layers that can be laid on another one: things on buildings, buildings on streets.

    Parameters
    ----------
    stated
        Datum under which each layer was read; None for WGS 84.

    Returns
    -------
    Findings `datum_doubted`, which offer the shift; nothing is shifted.
    """
    findings = Findings()
    for name, other in (
        ("organizations", "buildings"), ("facilities", "buildings"), ("incidents", "buildings"), ("buildings", "roads"),
    ):
        frame, reference = layers.get(name), layers.get(other)
        if not isinstance(frame, gpd.GeoDataFrame) or not isinstance(reference, gpd.GeoDataFrame):
            continue
        there = frame[~(shapely.is_missing(frame.geometry.array) | shapely.is_empty(frame.geometry.array))]
        if other == "roads":
            # houses that another datum puts off the map cross no street there: only those well inside are asked
            west, south, east, north = reference.total_bounds + np.array([1, 1, -1, -1]) * _SHIFT_M
            there = there.cx[west:east, south:north] if west < east and south < north else there.iloc[:0]
        if len(there) < _FEWEST or len(reference) < _FEWEST:
            continue
        datum = stated.get(name) or "wgs84"
        told = diagnose(there, reference, stated=datum)
        if told.doubtful and told.trials[0].misfit_m < 0.6 * told.trials[1].misfit_m:
            findings.add(
                name, "datum_doubted", f"read as {datum}, but {told.sentence()}, laid on {other}",
                f'nothing is shifted; if so, write datum = "{told.datum}" for {name} in city.toml and read again',
            )  # fmt: skip
    return findings


def _label(frame: pd.DataFrame, at: int | np.integer) -> str:
    for column in ("code", "name"):
        if column in frame.columns and pd.notna(frame[column].iloc[at]):
            return str(frame[column].iloc[at])
    return f"row {frame['source_row'].iloc[at]}"


def _tell(
    findings: Findings, frame: pd.DataFrame, layer: str, rule: str, found: list[tuple[float, int, str]]
) -> None:
    """Write down (size, position, sentence), the largest first; beyond the first two hundred in one."""
    found = sorted(found, key=lambda item: (-item[0], item[1]))
    for _, at, text in found[:_FIRST]:
        code = frame["code"].iloc[at] if "code" in frame.columns else None
        row = frame["source_row"].iloc[at] if "source_row" in frame.columns else None
        findings.add(layer, rule, text, "nothing: look at it", row=row if pd.notna(row) else None, code=code)
    if rest := found[_FIRST:]:
        size = sum(item[0] for item in rest)
        findings.add(layer, rule, f"{len(rest)} more, {size:,.1f} m2 together", "nothing: look at them")


def _tell_slivers(frame: gpd.GeoDataFrame, name: str, findings: Findings) -> None:
    """Areas narrower than a strip on average (twice the area by the outline)."""
    shapes = np.asarray(frame.geometry.array)
    area, around = shapely.area(shapes), shapely.length(shapes)
    thin = (area > 0) & (2.0 * area < SLIVER_M * around) & np.isin(shapely.get_type_id(shapes), (3, 6))
    tell_rows(
        findings, name, "sliver", f"an area less than {SLIVER_M:g} m wide", "nothing: look at it",
        frame["source_row"][thin], codes=frame["code"][thin] if "code" in frame.columns else None,
        values=pd.Series([f"{value:.2f} m2" for value in area[thin]]),
    )  # fmt: skip


def _tell_gaps(frame: gpd.GeoDataFrame, name: str, findings: Findings) -> None:
    """Holes that the units of a level leave between them; a unit's own hole, such as a lake, is one too."""
    whole = shapely.union_all(np.asarray(frame.geometry.array))
    parts = shapely.get_parts(whole)
    counts = shapely.get_num_interior_rings(parts)
    if not counts.sum():
        return
    rings = np.concatenate([[shapely.get_interior_ring(part, n) for n in range(k)] for part, k in zip(parts, counts,
        strict=True) if k])
    holes = shapely.polygons(rings)
    area = shapely.area(holes)
    tree = shapely.STRtree(np.asarray(frame.geometry.array))
    found = []
    for at in np.flatnonzero(area > GAP_M2):  # a sentence each
        beside = np.sort(tree.query(holes[at], predicate="intersects"))
        names = ", ".join(_label(frame, n) for n in beside[:4])
        found.append((float(area[at]), int(beside[0]), f"{area[at]:,.2f} m2 between {names} belong to nobody"))
    _tell(findings, frame, name, "gap", found)


def _tell_footprints(buildings: gpd.GeoDataFrame, findings: Findings) -> None:
    shapes = np.asarray(buildings.geometry.array)
    areas = np.flatnonzero(np.isin(shapely.get_type_id(shapes), (3, 6)))
    # pairs whose insides meet: row houses share walls, which cost nothing to leave out
    left, right = shapely.STRtree(shapes[areas]).query(shapes[areas], predicate="intersects")
    left, right = areas[left], areas[right]
    keep = left < right
    left, right = left[keep], right[keep]
    if "stack" in buildings.columns:
        stack = buildings["stack"].to_numpy(dtype=object)
        same = (stack[left] == stack[right]) & pd.notna(stack[left])
        left, right = left[~same], right[~same]
    if not len(left):
        return
    shared = _shared(shapes[left], shapes[right])
    least = np.minimum(shapely.area(shapes[left]), shapely.area(shapes[right]))
    bad = (shared > FOOTPRINT_M2) & (shared > FOOTPRINT_SHARE * least)
    found = [
        (float(shared[n]), int(right[n]),
            f"{_label(buildings, left[n])} and {_label(buildings, right[n])} overlap by {shared[n]:,.1f} m2, "
            f"{shared[n] / least[n]:.0%} of the smaller")
        for n in np.flatnonzero(bad)
    ]  # fmt: skip
    _tell(findings, buildings, "buildings", "footprints_overlap", found)


def _tell_across(buildings: gpd.GeoDataFrame, units: gpd.GeoDataFrame, level: str, findings: Findings) -> None:
    """Buildings of which a part lies in another unit than the rest, or in none."""
    shapes, ground = np.asarray(buildings.geometry.array), np.asarray(units.geometry.array)
    area = shapely.area(shapes)
    tree = shapely.STRtree(ground)
    inside = np.zeros(len(shapes), dtype=bool)
    inside[tree.query(shapes, predicate="covered_by")[0]] = True
    asked = np.flatnonzero(~inside & (area > 0))
    mine, theirs = tree.query(shapes[asked], predicate="intersects")
    shared = _shared(shapes[asked[mine]], ground[theirs])
    best = pd.DataFrame({"mine": mine, "theirs": theirs, "shared": shared})
    best = best[best["shared"] > 0].sort_values(["mine", "shared", "theirs"]).drop_duplicates("mine", keep="last")
    at = asked[best["mine"].to_numpy()]
    beyond = area[at] - best["shared"].to_numpy()
    bad = (beyond > ACROSS_M2) & (beyond > ACROSS_SHARE * area[at])
    found = [
        (float(beyond[n]), int(at[n]),
            f"{beyond[n]:,.1f} of {area[at[n]]:,.1f} m2 of {_label(buildings, at[n])} lie outside "
            f"{_label(units, best['theirs'].iloc[n])} of {level}")
        for n in np.flatnonzero(bad)
    ]  # fmt: skip
    _tell(findings, buildings, "buildings", "crosses_outline", found)


def _shared(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Area that pairs of areas share; those that only touch are not laid over one another."""
    shapely.prepare(left)
    meet = ~shapely.touches(left, right)
    shared = np.zeros(len(left))
    shared[meet] = shapely.area(shapely.intersection(left[meet], right[meet]))
    return shared


def _tell_middles(
    things: gpd.GeoDataFrame, name: str, layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], findings: Findings
) -> None:
    """Things on the middle of an outline: of its ground, or of the box around it."""
    points = shapely.centroid(np.asarray(things.geometry.array))
    there = np.flatnonzero(~shapely.is_empty(points))
    tree = shapely.STRtree(points[there])
    for level in LEVELS[:3]:
        units = layers.get(level)
        if not isinstance(units, gpd.GeoDataFrame) or units.empty:
            continue
        shapes = np.asarray(units.geometry.array)
        seen: set[int] = set()
        for middles in (shapely.centroid(shapes), shapely.centroid(shapely.box(*shapely.bounds(shapes).T))):
            unit, which = tree.query(middles, predicate="dwithin", distance=_MIDDLE_M)
            for at, count in zip(*np.unique(unit, return_counts=True), strict=True):
                if count < _MIDDLE_ROWS or at in seen:
                    continue
                seen.add(int(at))
                rows = things["source_row"].iloc[np.sort(there[which[unit == at]])].tolist()
                said = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
                findings.add(
                    name, "city_middle", f"{count} things lie on the middle of {_label(units, at)} of {level}, where a "
                    f"search puts what it does not find (rows {said})", "nothing: look at them",
                )  # fmt: skip
