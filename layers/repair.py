"""Geometry mended where that is safe; whatever is mended or left out is written down.

Invalid areas are made valid by structure (rings keep their role: holes stay holes), as in GEOS `MakeValid` and JTS
`GeometryFixer`.
"""

from __future__ import annotations

import math
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.findings import Findings
from layers.rows import row_ranges, tell_rows
from layers.schema import Layer

__all__ = ["SLIVER_M", "clear_absurd", "keeps_unplaced", "repair"]

#: Geometry type numbers of shapely by our three kinds; a GeometryCollection (7) is none of them.
_KIND = np.array(["point", "line", "line", "area", "point", "line", "area", "mixed"])
_ORDER = ("area", "line", "point")
_FAR_M = 200_000.0
#: So many rows, and so large a part of the layer, on one point are worth a look.
_HEAP_ROWS, _HEAP_SHARE = 20, 0.02
#: A part or hole of an area of less than this, m2, is dust of drawing: nobody owns a hand's breadth of ground.
_DUST_M2 = 0.01
#: A strip narrower than this, metres, is drawing and rounding, not ground that anybody means.
SLIVER_M = 0.5


def keeps_unplaced(layer: Layer) -> bool:
    """Whether a row without geometry stays in the layer: in layers of points, so that an incident is still listed.

    Examples
    --------
    >>> from layers.schema import layer
    >>> keeps_unplaced(layer("incidents")), keeps_unplaced(layer("buildings"))
    (True, False)
    """
    return layer.geometry[:1] == ("point",)


def clear_absurd(
    frame: gpd.GeoDataFrame, layer: Layer, *, findings: Findings, file: str | None = None
) -> gpd.GeoDataFrame:
    """Take away geometry that is nowhere on earth: coordinates that are no numbers, or degrees out of range.

    Examples
    --------
    >>> from layers.schema import layer
    >>> frame = gpd.GeoDataFrame({"source_row": [1, 2]}, geometry=gpd.points_from_xy([7, 500], [43, 43]), crs=4326)
    >>> clear_absurd(frame, layer("incidents"), findings=Findings()).geometry.is_empty.tolist()
    [False, True]
    """
    geometry = np.asarray(frame.geometry.array)
    bounds = shapely.bounds(geometry)
    there = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    absurd = there & ~np.isfinite(bounds).all(axis=1)
    if frame.crs is not None and frame.crs.is_geographic:
        absurd |= there & ((np.abs(bounds[:, [0, 2]]) > 180).any(axis=1) | (np.abs(bounds[:, [1, 3]]) > 90).any(axis=1))
    if not absurd.any():
        return frame
    tell_rows(
        findings, layer.name, "absurd_coordinates", "coordinates that are nowhere on earth", "geometry taken away",
        frame["source_row"][absurd], codes=_codes(frame, absurd), file=file,
    )  # fmt: skip
    cleared = np.array(geometry, dtype=object)
    cleared[absurd] = shapely.Point()
    return frame.set_geometry(cleared, crs=frame.crs)


def repair(
    frame: gpd.GeoDataFrame, layer: Layer, *, findings: Findings, file: str | None = None, unplaced: bool = False
) -> gpd.GeoDataFrame:
    """Make every geometry valid and of a kind that the layer allows.

    Parameters
    ----------
    frame
        In a metric CRS, with `source_row`, perhaps `code`.
    unplaced
        Keep rows without geometry (with an empty point) in every layer.

    Returns
    -------
    GeoDataFrame on a new RangeIndex: invalid geometries mended, parts of another kind dropped, rows without usable
    geometry left out (in layers of points kept with an empty point). Each of these is a finding.

    Examples
    --------
    >>> from layers.schema import layer
    >>> bowtie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    >>> frame = gpd.GeoDataFrame({"source_row": [1, 2]}, geometry=[bowtie, shapely.Point(1, 1)], crs=4549)
    >>> findings = Findings()
    >>> mended = repair(frame, layer("districts"), findings=findings)
    >>> mended.geometry.is_valid.tolist(), [item.rule for item in findings]
    ([True], ['invalid_geometry', 'wrong_geometry'])
    """
    geometry = np.array(frame.geometry.array, dtype=object)
    geometry[shapely.is_missing(geometry)] = shapely.Point()

    def tell(mask: NDArray[np.bool_], rule: str, what: str, done: str, level: str = "warning", **more: Any) -> None:
        tell_rows(
            findings, layer.name, rule, what, done, frame["source_row"][mask],
            codes=_codes(frame, mask), level=level, file=file, **more,
        )  # fmt: skip

    if keeps_unplaced(layer) and not shapely.get_type_id(geometry).any():
        # every row a point, or none: nothing that could be mended
        return _told(frame.set_geometry(geometry, crs=frame.crs).reset_index(drop=True), layer, findings, file)
    was_empty = shapely.is_empty(geometry)
    invalid = ~was_empty & ~shapely.is_valid(geometry)
    if invalid.any():
        reasons = pd.Series(shapely.is_valid_reason(geometry[invalid])).str.replace(r"\[.*", "", regex=True)
        geometry[invalid] = _valid(geometry[invalid])
        tell(invalid, "invalid_geometry", "invalid geometry", "mended", values=reasons)
    collapsed = ~was_empty & shapely.is_empty(geometry)

    geometry, mixed = _own_parts(geometry, layer)
    tell(mixed, "mixed_geometry", "geometry of several kinds", f"only the parts that are {_allowed(layer)} kept")
    if keeps_unplaced(layer):
        geometry, several = _single_points(geometry)
        tell(several, "several_points", "several points in one row", "their middle taken")

    geometry, dusty = _without_dust(geometry)
    tell(dusty, "tiny_part", f"parts or holes of less than {_DUST_M2:g} m2 beside larger ones", "left out as dust")

    kinds = _KIND[shapely.get_type_id(geometry)]
    empty = shapely.is_empty(geometry)
    wrong = ~empty & ~np.isin(kinds, layer.geometry)
    left_out = wrong.copy()
    if keeps_unplaced(layer) or unplaced:
        # rows of a table without a place were told when it was read
        geometry[empty] = shapely.Point()
    else:
        left_out |= empty
        tell(empty & ~collapsed, "no_geometry", "no geometry", "row left out", "error")
        tell(empty & collapsed, "no_geometry", "geometry without any extent", "row left out", "error")
    if wrong.any() and wrong.sum() == (~empty).sum():
        findings.add(
            layer.name, "wrong_geometry", f"all {int(wrong.sum())} rows are {'/'.join(sorted(set(kinds[wrong])))}, "
            f"and {layer.name} must be {_allowed(layer)}", "all these rows left out", level="error", file=file,
        )  # fmt: skip
    else:
        tell(
            wrong, "wrong_geometry", f"not {_allowed(layer)}", "row left out", "error",
            values=pd.Series(kinds[wrong]),
        )  # fmt: skip
    frame = frame.set_geometry(geometry, crs=frame.crs)
    frame = (frame[~left_out] if left_out.any() else frame).reset_index(drop=True)
    return _told(frame, layer, findings, file)


def _told(frame: gpd.GeoDataFrame, layer: Layer, findings: Findings, file: str | None) -> gpd.GeoDataFrame:
    """What is odd about rows beside one another."""
    x, y = _middles(np.asarray(frame.geometry.array))
    _tell_far(frame, x, y, layer, findings, file)
    if keeps_unplaced(layer):
        _tell_heaps(frame, x, y, layer, findings, file)
    _tell_twins(frame, layer, findings, file)
    return frame


def _allowed(layer: Layer) -> str:
    return " or ".join(layer.geometry)


def _codes(frame: pd.DataFrame, mask: NDArray[np.bool_]) -> pd.Series | None:
    return frame["code"][mask] if "code" in frame.columns else None


def _valid(geometry: NDArray[Any]) -> NDArray[Any]:
    """Invalid geometries made valid."""
    mended = np.asarray(shapely.make_valid(geometry, method="structure", keep_collapsed=False))
    # GEOS (3.14) may leave parts that share an edge, which is not valid: they are joined (few rows, if any)
    for position in np.flatnonzero(~shapely.is_valid(mended)):
        mended[position] = shapely.union_all(shapely.make_valid(shapely.get_parts(mended[position])))
    return mended


def _own_parts(geometry: NDArray[Any], layer: Layer) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Collections brought down to the parts of the layer's highest kind that they have."""
    mixed = shapely.get_type_id(geometry) == 7
    mixed &= ~shapely.is_empty(geometry)
    # few rows, and each builds another geometry from its parts
    for position in np.flatnonzero(mixed):
        parts = shapely.get_parts(geometry[position])
        while (shapely.get_type_id(parts) == 7).any():
            parts = shapely.get_parts(parts)
        kinds = _KIND[shapely.get_type_id(parts)]
        kind = next((kind for kind in _ORDER if kind in layer.geometry and (kinds == kind).any()), None)
        if kind is None:  # nothing of its own kind: judged by what it mostly is
            kind = str(kinds[0])
        own = parts[kinds == kind]
        if kind == "area":
            geometry[position] = shapely.union_all(own)
        else:
            geometry[position] = own[0] if len(own) == 1 else _collect(own, kind)
    return geometry, mixed


def _without_dust(geometry: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Areas without their tiniest parts and holes; an area that is nothing else stays as it is."""
    dusty = np.zeros(len(geometry), dtype=bool)
    kinds = shapely.get_type_id(geometry)
    # most areas are one ring: only those with holes or parts are taken apart
    several = np.flatnonzero((kinds == 6) | (shapely.get_num_interior_rings(geometry) > 0))
    several = several[~shapely.is_empty(geometry[several])]
    if not len(several):
        return geometry, dusty
    parts, owner = shapely.get_parts(geometry[several], return_index=True)
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    first = np.r_[True, ring_owner[1:] != ring_owner[:-1]] if len(rings) else np.zeros(0, dtype=bool)
    many = shapely.get_num_interior_rings(parts) > 0
    small = np.zeros(len(rings), dtype=bool)
    look = many[ring_owner] & ~first
    small[look] = shapely.area(shapely.polygons(rings[look])) < _DUST_M2
    multi = np.bincount(owner, minlength=len(several)) > 1
    tiny = np.zeros(len(parts), dtype=bool)
    tiny[multi[owner]] = shapely.area(parts[multi[owner]]) < _DUST_M2
    alone = np.bincount(owner, weights=~tiny, minlength=len(several)) == 0
    tiny &= ~alone[owner]
    for at in np.unique(owner[tiny | (np.bincount(ring_owner, weights=small, minlength=len(parts)) > 0)]):
        # few rows, and each is put together anew
        kept = []
        for part in np.flatnonzero((owner == at) & ~tiny):
            own = rings[(ring_owner == part) & ~small]
            kept.append(shapely.polygons(own[0], holes=list(own[1:]) or None))
        geometry[several[at]] = kept[0] if len(kept) == 1 else shapely.multipolygons(kept)
        dusty[several[at]] = True
    return geometry, dusty


def _collect(parts: NDArray[Any], kind: str) -> Any:
    single = shapely.get_parts(parts)
    return shapely.multilinestrings(single) if kind == "line" else shapely.multipoints(single)


def _single_points(geometry: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Multi-points as points; several points as their middle."""
    multi = shapely.get_type_id(geometry) == 4
    several = multi & (shapely.get_num_geometries(geometry) > 1)
    geometry[multi] = shapely.centroid(geometry[multi])
    return geometry, several


def _middles(geometry: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles of the boxes around geometries, NaN where empty."""
    points = shapely.get_coordinates(geometry)
    if len(points) == len(geometry) and not shapely.get_type_id(geometry).any():
        return points[:, 0], points[:, 1]
    bounds = shapely.bounds(geometry).T
    return (bounds[0] + bounds[2]) / 2.0, (bounds[1] + bounds[3]) / 2.0


def _tell_far(
    frame: gpd.GeoDataFrame, x: NDArray[np.float64], y: NDArray[np.float64], layer: Layer, findings: Findings,
    file: str | None,
) -> None:  # fmt: skip
    """Say which rows lie so far from the others that they cannot belong to one city."""
    there = np.isfinite(x)
    if not there.any():
        return
    if max(np.ptp(x if there.all() else x[there]), np.ptp(y if there.all() else y[there])) < _FAR_M / 2:
        return  # all within a smaller square
    far = np.hypot(x - np.nanmedian(x), y - np.nanmedian(y)) > _FAR_M
    tell_rows(
        findings, layer.name, "far_away", "more than 200 km from the middle of the layer", "nothing: look at it",
        frame["source_row"][far], codes=_codes(frame, far), file=file,
    )  # fmt: skip


def _tell_heaps(
    frame: gpd.GeoDataFrame, x: NDArray[np.float64], y: NDArray[np.float64], layer: Layer, findings: Findings,
    file: str | None,
) -> None:  # fmt: skip
    """Say where so many rows lie on one point that it may stand for "unknown" (a map's middle, whole degrees)."""
    there = ~np.isnan(x) & (shapely.get_type_id(np.asarray(frame.geometry.array)) == 0)
    west = np.sort(x if there.all() else x[there])
    least = math.ceil(max(_HEAP_ROWS, _HEAP_SHARE * len(west)))
    if len(west) < least or not (west[least - 1 :] == west[: len(west) - least + 1]).any():
        return  # not so many share as much as their easting
    points = pd.DataFrame({"x": x[there], "y": y[there]})
    rows = frame["source_row"][there].reset_index(drop=True)
    counts = points.groupby(["x", "y"])["x"].transform("size")
    heap = counts[counts >= max(_HEAP_ROWS, _HEAP_SHARE * len(points))]
    for _, here in points.loc[heap.index].groupby(["x", "y"], sort=False):
        findings.add(
            layer.name, "same_place", f"{len(here)} of {len(points)} rows lie on one point, which may mean that nobody "
            f"knows their place (rows {row_ranges(rows[here.index])})", "nothing: look at it", file=file,
        )  # fmt: skip


def _tell_twins(frame: gpd.GeoDataFrame, layer: Layer, findings: Findings, file: str | None) -> None:
    """Say which rows repeat the geometry of an earlier one (for points: also its name and kind).

    Incidents are left out: two reports from one address are two reports.
    """
    if layer.name == "incidents" or frame.empty:
        return
    shapes = np.asarray(frame.geometry.array)
    # twins begin at the same west: whoever does not needs no closer look
    same_west = pd.Series(shapely.bounds(shapes)[:, 0]).duplicated(keep=False).to_numpy()
    suspects = np.flatnonzero(same_west & ~shapely.is_empty(shapes))
    key = pd.DataFrame({"shape": shapely.to_wkb(shapely.normalize(shapes[suspects]))})
    for column in ("stack", "floor_from", *(("name", "kind") if keeps_unplaced(layer) else ())):
        if column in frame.columns:
            key[column] = frame[column].iloc[suspects].astype("str").to_numpy()
    twins = np.zeros(len(frame), dtype=bool)
    twins[suspects] = key.duplicated().to_numpy()
    tell_rows(
        findings, layer.name, "same_geometry", "the same geometry as an earlier row", "nothing: look at it",
        frame["source_row"][twins], codes=_codes(frame, twins), file=file,
    )  # fmt: skip
