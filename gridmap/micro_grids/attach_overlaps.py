"""Areas and the micro-grids that they cover: service areas of organizations, parks, idle plots.

A thing is attached to one micro-grid; what it serves, or the ground it takes, may lie in many. Each pair is a row with
both shares: how much of the micro-grid is covered, and how much of the area lies there.
"""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.micro_grids.attach import areas_by_code, same_metres
from layers.findings import Findings

__all__ = ["COLUMNS", "overlaps", "service_areas"]

#: Columns, as the layer `overlaps` has them.
COLUMNS = ("layer", "code", "micro_grid", "basis", "area_m2", "share_of_micro_grid", "share_of_area")

#: Less than this is a touch: a square millimetre of ground, or a billionth of the smaller of the two.
_TOUCH_M2 = 1e-6
_TOUCH = 1e-9

_CODE = re.compile(r"\d{6,18}")
_METRES = re.compile(r"(?:半径|radius)?\s*(\d+(?:\.\d+)?)\s*(m|米|公尺|km|公里)(?:以内|范围)?", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;，；、|/]+")


def overlaps(
    things: gpd.GeoDataFrame, micro_grids: gpd.GeoDataFrame, *, layer: str, basis: str = "area"
) -> pd.DataFrame:
    """Every micro-grid that each area covers, wholly or in part.

    Parameters
    ----------
    things
        Rows with a geometry, metric CRS; rows that are no areas are passed over. With a column `code`, rows are named
        by it, else by their index label.
    micro_grids
        Areas with `code`, same CRS. Those that share a footprint are each covered by the same share.
    layer, basis
        Written into each row; `basis` is `area` (the thing itself) or `service_area` (what it serves).

    Returns
    -------
    DataFrame ordered by code and micro-grid: `layer`, `code`, `micro_grid`, `basis`, `area_m2` of the common ground,
    `share_of_micro_grid` and `share_of_area` (both above 0, at most 1). Areas that only touch have no row.

    Raises
    ------
    CrsMismatch, WrongCall
        As `attach`.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["330106001001001001", "330106001001001002"]},
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], crs="EPSG:4549")
    >>> park = gpd.GeoDataFrame({"code": ["p"]}, geometry=[shapely.box(75, 0, 200, 50)], crs="EPSG:4549")
    >>> table = overlaps(park, squares, layer="green")
    >>> table[["share_of_micro_grid", "share_of_area"]].values.tolist()
    [[0.125, 0.2], [0.5, 0.8]]
    """
    same_metres(things, micro_grids)
    areas, codes = areas_by_code(micro_grids)
    shapes = np.array(things.geometry.array, dtype=object)
    flat = np.flatnonzero(np.isin(
        shapely.get_type_id(shapes), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON]
    ))  # fmt: skip
    thing, unit = shapely.STRtree(areas).query(shapes[flat], predicate="intersects")
    thing = flat[thing]
    common = _common(shapes, areas, thing, unit)
    name = things["code"] if "code" in things else pd.Series(things.index.astype(str), index=things.index)
    table = pd.DataFrame({
        "layer": layer, "code": name.to_numpy(dtype=object)[thing], "micro_grid": codes.to_numpy(dtype=object)[unit],
        "basis": basis, "area_m2": common,
        "share_of_micro_grid": np.minimum(common / shapely.area(areas[unit]), 1.0),
        "share_of_area": np.minimum(common / shapely.area(shapes[thing]), 1.0),
    })  # fmt: skip
    real = (common > _TOUCH_M2) & (table[["share_of_micro_grid", "share_of_area"]].max(axis=1) > _TOUCH)
    return table[real].sort_values(["code", "micro_grid"], kind="stable", ignore_index=True)[list(COLUMNS)]


def service_areas(organizations: gpd.GeoDataFrame, micro_grids: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, Findings]:
    """What each organization serves, as an area.

    The column `service_area` may hold codes of units (6 to 18 digits, several separated by commas or blanks: all
    micro-grids within them), or a radius (`500 m`, `1.5公里`) around its place. An organization that is drawn as an
    area serves that area, where the column says nothing.

    Returns
    -------
    areas
        `code` and geometry of the organizations whose service area could be read, in their order.
    findings
        `service_area_unread` (warning): a text that is neither, or codes that name no micro-grid.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["330106001001001001", "330106001001001002"]},
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], crs="EPSG:4549")
    >>> teams = gpd.GeoDataFrame({"code": ["t1", "t2"], "service_area": ["330106001001", "附近"]},
    ...                          geometry=gpd.points_from_xy([5, 6], [5, 6]), crs="EPSG:4549")
    >>> served, findings = service_areas(teams, squares)
    >>> served.area.tolist(), [finding.what for finding in findings]
    ([20000.0], ["the service area of t2 is '附近'"])
    """
    same_metres(organizations, micro_grids)
    areas, codes = areas_by_code(micro_grids)
    findings = Findings()
    shapes = np.array(organizations.geometry.array, dtype=object)
    texts = organizations["service_area"] if "service_area" in organizations else pd.Series(dtype=object)
    texts = texts.reindex(organizations.index)
    names = organizations["code"] if "code" in organizations else organizations.index.astype(str).to_series()
    rows = organizations["source_row"] if "source_row" in organizations else pd.Series(pd.NA, index=texts.index)
    known = codes.to_numpy(dtype=object)
    unions: dict[str, shapely.Geometry | None] = {}
    made, kept = [], []
    # row by row on purpose: each text is read by itself
    for at, (text, name, row) in enumerate(zip(texts, names, rows, strict=True)):
        shape = shapes[at]
        area = shape if shape is not None and shapely.get_dimensions(shape) == 2 else None
        if isinstance(text, str) and text.strip():
            if text not in unions or _METRES.fullmatch(text.strip()):
                unions[text] = _read(text.strip(), shape, areas, known)
            area = unions[text]
            if area is None:
                findings.add(
                    "organizations", "service_area_unread", f"the service area of {name} is {text!r}",
                    "not attached to the units it serves; write codes of units, or a radius such as 500 m",
                    row=None if pd.isna(row) else row, code=name, field="service_area",
                )  # fmt: skip
        if area is not None and not area.is_empty:
            made.append(area)
            kept.append(name)
    return gpd.GeoDataFrame({"code": pd.Series(kept, dtype=object)}, geometry=made, crs=organizations.crs), findings


def _read(
    text: str, shape: shapely.Geometry | None, areas: NDArray[np.object_], codes: NDArray[np.object_]
) -> shapely.Geometry | None:
    """The area that a text means; None where it means none."""
    metres = _METRES.fullmatch(text)
    if metres is not None:
        if shape is None or shape.is_empty:
            return None
        return shapely.buffer(shape, float(metres[1]) * (1000 if metres[2].lower() in ("km", "公里") else 1))
    words = [word for word in _BETWEEN.split(text) if word]
    if not words or not all(_CODE.fullmatch(word) for word in words):
        return None
    within = np.array([code.startswith(tuple(words)) for code in codes], dtype=bool)
    if not all(any(code.startswith(word) for code in codes) for word in words):
        return None
    return shapely.union_all(areas[within])


def _common(
    shapes: NDArray[np.object_], areas: NDArray[np.object_], thing: NDArray[np.intp], unit: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Square metres that each pair has in common; one that holds the other needs no overlay."""
    common = np.empty(len(thing))
    ours = shapes[thing]
    shapely.prepare(ours)
    whole = shapely.contains_properly(ours, areas[unit])
    common[whole] = shapely.area(areas[unit[whole]])
    rest = np.flatnonzero(~whole)
    common[rest] = shapely.area(shapely.intersection(ours[rest], areas[unit[rest]]))
    return common
