"""Units of a level that overlap by a strip, or leave one between them: mended, since nobody means a strip as ground.

Only strips are mended: common ground, or a hole between units, that is nowhere wider than `layers.repair.SLIVER_M`. A
strip that two units share goes to the one that stands first; one that nobody has to the unit that borders on most of
it. Everything broader is somebody's to decide and stays a finding (`layers.nesting`, `layers.fit`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.findings import Findings
from layers.repair import SLIVER_M

__all__ = ["MENDED_LEVELS", "mend_levels"]

#: Levels whose outlines are drawn by hand; micro-grids may be stacked, and are the split's own.
MENDED_LEVELS = ("districts", "streets", "communities", "grids")
#: Common ground below this, m2, is rounding of coordinates: not worth a word.
_NOTHING_M2 = 1e-6


def mend_levels(layers: Mapping[str, Any]) -> tuple[dict[str, gpd.GeoDataFrame], Findings]:
    """Mend strips between the units of each level.

    Parameters
    ----------
    layers
        Frames in one metric CRS, geometry valid; other layers than `MENDED_LEVELS` are not looked at.

    Returns
    -------
    (frames, findings): the levels that changed; `overlap_mended`, `gap_filled` and `strip_dropped`, a note each with
    the area.

    Examples
    --------
    >>> parts = [shapely.box(0, 0, 6, 10), shapely.box(5.8, 0, 12, 10)]
    >>> communities = gpd.GeoDataFrame({"code": ["330106001001", "330106001002"]}, geometry=parts, crs=4549)
    >>> mended, findings = mend_levels({"communities": communities})
    >>> mended["communities"].area.tolist(), findings.items[0].what
    ([60.0, 60.0], '330106001001 and 330106001002 overlapped by 2.00 m2, a strip less than 0.5 m wide')
    """
    findings = Findings()
    found: dict[str, gpd.GeoDataFrame] = {}
    for level in MENDED_LEVELS:
        frame = layers.get(level)
        if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
            continue
        shapes = np.array(frame.geometry.array, dtype=object)
        count = len(findings)
        _drop_strips(frame, shapes, level, findings)
        if len(frame) > 1:
            _part_overlaps(frame, shapes, level, findings)
            _fill_gaps(frame, shapes, level, findings)
        if len(findings) > count:
            found[level] = frame.set_geometry(shapes, crs=frame.crs)
    return found, findings


def _is_strip(shapes: Any) -> Any:
    """Whether areas are nowhere wider than a strip."""
    return shapely.is_empty(shapely.buffer(shapes, -SLIVER_M / 2, join_style="mitre"))


def _name(frame: pd.DataFrame, at: int) -> str:
    for column in ("code", "name"):
        if column in frame.columns and pd.notna(frame[column].iloc[at]):
            return str(frame[column].iloc[at])
    return f"unit {at + 1}"


def _tell(findings: Findings, frame: pd.DataFrame, level: str, rule: str, at: int, what: str, done: str) -> None:
    row = frame["source_row"].iloc[at] if "source_row" in frame.columns else None
    code = frame["code"].iloc[at] if "code" in frame.columns else None
    findings.add(level, rule, what, done, level="note", row=row, code=code)


def _drop_strips(frame: pd.DataFrame, shapes: NDArray[Any], level: str, findings: Findings) -> None:
    """Parts of a unit that are strips beside a part that is ground."""
    for at in np.flatnonzero(shapely.get_num_geometries(shapes) > 1):  # few units have several parts
        parts = shapely.get_parts(shapes[at])
        thin = _is_strip(parts)
        if thin.any() and not thin.all():
            kept = parts[~thin]
            shapes[at] = kept[0] if len(kept) == 1 else shapely.multipolygons(kept)
            area, whose = float(shapely.area(parts[thin]).sum()), _name(frame, int(at))
            _tell(
                findings, frame, level, "strip_dropped", int(at),
                f"{whose} had {int(thin.sum())} parts less than {SLIVER_M:g} m wide, {area:.2f} m2 together",
                "left out as drawing",
            )  # fmt: skip


def _part_overlaps(frame: pd.DataFrame, shapes: NDArray[Any], level: str, findings: Findings) -> None:
    """Strips that two units share, given to the first of them."""
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    order = np.lexsort((right, left))
    for i, j in zip(left[order], right[order], strict=True):  # one after another: each changes a unit
        if i >= j:
            continue
        one, other = _name(frame, int(i)), _name(frame, int(j))
        common = shapely.intersection(shapes[i], shapes[j])
        area = float(shapely.area(common))
        if area <= _NOTHING_M2 or not _is_strip(common):
            continue
        rest = shapely.difference(shapes[j], shapes[i])
        if not shapely.is_valid(rest) or shapely.get_num_geometries(rest) != shapely.get_num_geometries(shapes[j]):
            continue  # a unit would fall apart: somebody looks at it
        shapes[j] = rest
        _tell(
            findings, frame, level, "overlap_mended", int(j),
            f"{one} and {other} overlapped by {area:.2f} m2, a strip less than {SLIVER_M:g} m wide",
            f"the strip goes to {one}",
        )  # fmt: skip


def _fill_gaps(frame: pd.DataFrame, shapes: NDArray[Any], level: str, findings: Findings) -> None:
    """Strips that units enclose and nobody has, given to the unit that borders on most of it."""
    parts = shapely.get_parts(shapely.union_all(shapes))
    holes = [ring for part in parts for ring in part.interiors]
    if not holes:
        return
    gaps = shapely.polygons(holes)
    tree = shapely.STRtree(shapes)
    for gap in gaps[_is_strip(gaps)]:  # one after another: each changes a unit
        beside = np.sort(tree.query(gap, predicate="intersects"))
        if len(beside) < 2:
            continue  # a unit's own hole
        shared = shapely.length(shapely.intersection(gap.exterior, shapely.boundary(shapes[beside])))
        taker = int(beside[int(np.argmax(np.round(shared, 3)))])
        whole = shapely.union(shapes[taker], gap)
        if not shapely.is_valid(whole) or shapely.get_num_geometries(whole) > shapely.get_num_geometries(shapes[taker]):
            continue
        shapes[taker] = whole
        names = ", ".join(_name(frame, int(at)) for at in beside[:4])
        _tell(
            findings, frame, level, "gap_filled", taker,
            f"{gap.area:.2f} m2 between {names} belonged to nobody, a strip less than {SLIVER_M:g} m wide",
            f"the strip goes to {_name(frame, taker)}",
        )  # fmt: skip
