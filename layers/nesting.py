"""Whether the levels that a city brings lie within one another: streets in districts, communities in streets, ..."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.findings import Findings
from layers.schema import LEVEL_PARENTS

__all__ = ["LEVELS", "check_nesting"]

#: Levels from the top.
LEVELS = ("districts", *LEVEL_PARENTS)
#: A child may reach so far beyond its parent, m2: drawing and rounding, not ground.
OUTSIDE_M2 = 1.0
#: Two units of a level may overlap so far, m2.
OVERLAP_M2 = 0.01

_FIRST = 200  # so many findings of a kind and level, worst first; the rest in one


def check_nesting(layers: Mapping[str, gpd.GeoDataFrame]) -> Findings:
    """Compare each level given with itself and with the nearest level given above it.

    The parent of a unit is the one whose code stands in `parent`, else the one whose code its own code starts with,
    else the one that it overlaps most.

    Parameters
    ----------
    layers
        Frames in one metric CRS, by layer name; other layers than levels are not looked at. Geometry must be valid.

    Returns
    -------
    Findings: `overlap` (two units of a level share more than 0.01 m2), `outside_parent` (more than 1 m2 of a unit lie
    outside its parent), `no_parent` (a unit lies in no unit above), each with the area concerned, worst first; and
    `not_filled` (a note) where the units below leave more than 1 m2 of one free.

    Examples
    --------
    >>> street = gpd.GeoDataFrame({"code": ["330106001"]}, geometry=[shapely.box(0, 0, 10, 10)], crs=4549)
    >>> parts = [shapely.box(0, 0, 6, 10), shapely.box(5, 0, 12, 10)]
    >>> communities = gpd.GeoDataFrame({"code": ["330106001001", "330106001002"]}, geometry=parts, crs=4549)
    >>> for item in check_nesting({"streets": street, "communities": communities}):
    ...     print(item.rule, item.what)
    overlap 330106001001 and 330106001002 overlap by 10.00 m2
    outside_parent 20.0 m2 of 330106001002 lie outside 330106001 of streets
    """
    findings = Findings()
    above: str | None = None
    for level in LEVELS:
        frame = layers.get(level)
        if frame is None or frame.empty:
            continue
        _tell_overlaps(frame, level, findings)
        if above is not None:
            _tell_outside(frame, level, layers[above], above, findings)
        above = level
    return findings


def _label(frame: gpd.GeoDataFrame, position: int | np.integer) -> str:
    """Code of a unit, else its name, else its row."""
    for column in ("code", "name"):
        if column in frame.columns and pd.notna(frame[column].iloc[position]):
            return str(frame[column].iloc[position])
    if "source_row" in frame.columns:
        return f"row {frame['source_row'].iloc[position]}"
    return f"unit {position + 1}"


def _tell(
    findings: Findings, frame: gpd.GeoDataFrame, level: str, rule: str, found: list[tuple[float, int, str]],
    *, severity: str = "warning",
) -> None:  # fmt: skip
    """Write down (area, position, sentence), the largest first."""
    found = sorted(found, key=lambda item: -item[0])
    for _, position, text in found[:_FIRST]:
        row = frame["source_row"].iloc[position] if "source_row" in frame.columns else None
        code = frame["code"].iloc[position] if "code" in frame.columns else None
        findings.add(level, rule, text, "nothing: look at it", level=severity, row=row, code=code)
    rest = found[_FIRST:]
    if rest:
        area = sum(item[0] for item in rest)
        findings.add(level, rule, f"{len(rest)} more, {area:.2f} m2 together", "nothing: look at it", level=severity)


def _tell_overlaps(frame: gpd.GeoDataFrame, level: str, findings: Findings) -> None:
    """Units of one level that share ground; micro-grids stacked in one tower are meant to."""
    geometry = np.asarray(frame.geometry.array)
    left, right = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    keep = left < right
    left, right = left[keep], right[keep]
    if "stack" in frame.columns:
        stack = frame["stack"].to_numpy(dtype=object)
        apart = ~((stack[left] == stack[right]) & pd.notna(stack[left]))
        left, right = left[apart], right[apart]
    area = shapely.area(shapely.intersection(geometry[left], geometry[right]))
    found = []
    for i in np.flatnonzero(area > OVERLAP_M2):  # a sentence each
        text = f"{_label(frame, left[i])} and {_label(frame, right[i])} overlap by {area[i]:.2f} m2"
        found.append((float(area[i]), int(right[i]), text))
    _tell(findings, frame, level, "overlap", found)


def _tell_outside(
    frame: gpd.GeoDataFrame, level: str, above: gpd.GeoDataFrame, above_name: str, findings: Findings
) -> None:
    """Units that reach beyond their parent, and parents that their children leave partly free."""
    parent = _parents(frame, above)
    geometry, ground = np.asarray(frame.geometry.array), np.asarray(above.geometry.array)
    area = shapely.area(geometry)
    lost = []
    for i in np.flatnonzero(parent < 0):  # a sentence each, here and below
        lost.append((float(area[i]), int(i), f"{_label(frame, i)} ({area[i]:.1f} m2) lies in no unit of {above_name}"))
    _tell(findings, frame, level, "no_parent", lost)
    known = np.flatnonzero(parent >= 0)
    outside = shapely.area(shapely.difference(geometry[known], ground[parent[known]]))
    beyond = []
    for i in np.flatnonzero(outside > OUTSIDE_M2):
        child, mother = _label(frame, known[i]), _label(above, parent[known[i]])
        text = f"{outside[i]:.1f} m2 of {child} lie outside {mother} of {above_name}"
        beyond.append((float(outside[i]), int(known[i]), text))
    _tell(findings, frame, level, "outside_parent", beyond)
    # one union a parent, of its own children
    children = pd.Series(geometry[known]).groupby(parent[known])
    free: list[tuple[float, int, str]] = []
    for position, pieces in children:
        rest = shapely.area(shapely.difference(ground[position], shapely.union_all(pieces.to_numpy())))
        if rest > OUTSIDE_M2:
            text = f"{rest:.1f} m2 of {_label(above, position)} are in none of its {level}"
            free.append((float(rest), int(position), text))
    _tell(findings, above, above_name, "not_filled", free, severity="note")


def _parents(frame: gpd.GeoDataFrame, above: gpd.GeoDataFrame) -> NDArray[np.intp]:
    """Position of each unit's parent in the level above; -1 where it has none."""
    parent = np.full(len(frame), -1, dtype=np.intp)
    if "code" in above.columns:
        codes = above["code"].dropna()
        places = pd.Series(np.flatnonzero(above["code"].notna()), index=codes)
        for column in ("parent", "code"):
            if column not in frame.columns or not len(codes):
                continue
            for length in sorted(codes.str.len().unique(), reverse=True):
                begin = frame[column].str[: int(length)].map(places).fillna(-1).to_numpy(dtype=np.intp)
                parent = np.where(parent < 0, begin, parent)
    open_ = np.flatnonzero(parent < 0)
    if len(open_):
        geometry, ground = np.asarray(frame.geometry.array), np.asarray(above.geometry.array)
        mine, theirs = shapely.STRtree(ground).query(geometry[open_], predicate="intersects")
        area = shapely.area(shapely.intersection(geometry[open_[mine]], ground[theirs]))
        best = pd.DataFrame({"mine": mine, "theirs": theirs, "area": area})[area > 0]
        best = best.sort_values(["mine", "area"]).drop_duplicates("mine", keep="last")
        parent[open_[best["mine"].to_numpy()]] = best["theirs"].to_numpy()
    return parent
