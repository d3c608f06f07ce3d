"""The ground of a picture: the city's own land, water, green, streets and buildings, and what stands on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib.collections import LineCollection

from gridmap.maps.colouring import Measure, packaged_norms
from gridmap.maps.picture_parts import DPI, Sheet, areas

__all__ = ["draw_base", "draw_lines", "draw_points", "draw_strokes"]

#: Class of a street -> rank and width in pixels at 1 m a pixel, as in the browser.
ROADS = {
    "motorway": (6, 9), "trunk": (6, 9), "primary": (5, 8), "secondary": (4, 7), "tertiary": (3, 5.5),
    "unclassified": (2, 4.5), "residential": (2, 4.5), "living_street": (2, 4), "road": (2, 4), "pedestrian": (2, 4),
    "service": (1, 2.6), "track": (1, 2), "cycleway": (0, 1.2), "footway": (0, 1.1), "path": (0, 1.1),
    "steps": (0, 1.1),
}  # fmt: skip
#: Circle of life -> marker and colour, for facilities.
CIRCLES = {
    "care": ("o", "#8c2d4f"), "learning": ("^", "#7a5a00"), "health": ("P", "#b3261e"), "daily": ("s", "#3f51a3"),
    "safety": ("D", "#5b3d8a"), "gathering": ("h", "#2e6b2f"),
}  # fmt: skip


def draw_base(sheet: Sheet, placed: Mapping[str, gpd.GeoDataFrame], drawn: gpd.GeoDataFrame) -> None:
    """Land under the micro-grids, then green, water, streets with casings, walls and rails, buildings."""
    theme = sheet.theme
    areas(sheet, drawn.geometry.to_numpy(), facecolor=theme.land, zorder=0)
    for name, colour in (("green", theme.green), ("water", theme.water)):
        if name in placed:
            frame = placed[name]
            areas(sheet, frame.geometry.to_numpy(), facecolor=colour, zorder=1)
            draw_strokes(sheet, _only_lines(frame), color=colour, width=3.0 / max(sheet.scale, 0.3), zorder=1)
    if "roads" in placed:
        _streets(sheet, placed["roads"])
    if "barriers" in placed:
        frame = placed["barriers"]
        kind = frame["kind"].fillna("").astype(str) if "kind" in frame else pd.Series("", frame.index)
        draw_strokes(sheet, frame.geometry[kind != "rail"], color=theme.wall, width=1.0, zorder=2.4)
        draw_strokes(sheet, frame.geometry[kind == "rail"], color=theme.rail, width=1.6, zorder=2.4, dashes=(4, 2))
    if "buildings" in placed and sheet.scale <= 6:
        edge = theme.building_edge if sheet.scale <= 1.5 else "none"
        geometry = placed["buildings"].geometry.to_numpy()
        areas(sheet, geometry, facecolor=theme.building, edgecolor=edge, linewidth=0.6, alpha=0.75, zorder=3.6)


def draw_lines(sheet: Sheet, placed: Mapping[str, gpd.GeoDataFrame], shown: Measure | None) -> None:
    """Borders of the units above, heavier the higher; the gaps of the kind that is shown."""
    theme = sheet.theme
    gaps, kind = placed.get("gaps"), _kind(shown)
    if gaps is not None and kind:
        here = gaps[gaps["kind"] == kind].geometry.to_numpy()
        areas(sheet, here, facecolor="none", edgecolor=theme.gap, linewidth=2.4, zorder=6)
    for name, width, dashes in (("grids", 2.0, None), ("communities", 3.0, (4, 2)), ("streets", 4.0, (6, 2, 1, 2))):
        if name in placed:
            borders = placed[name].geometry.boundary
            draw_strokes(sheet, borders, color=theme.line, width=width, zorder=7, dashes=dashes)


def draw_points(sheet: Sheet, placed: Mapping[str, gpd.GeoDataFrame], shown: Measure | None) -> None:
    """Facilities of the kind that is shown; all of them where the picture is near enough to tell them apart."""
    frame = placed.get("facilities")
    if frame is None or "kind" not in frame:
        return
    kind = _kind(shown)
    frame = frame[frame["kind"] == kind] if kind else frame
    if not kind and sheet.scale > 1.5:
        return
    mark = 9 if len(frame) <= 120 else 4.5  # a street of shops is a row of dots, not a wall of signs
    norms = packaged_norms()
    circle = frame["kind"].map(lambda key: getattr(norms.get(key), "group", "daily"))
    for name, rows in frame.groupby(circle.to_numpy(), sort=True):
        marker, colour = CIRCLES.get(str(name), CIRCLES["daily"])
        where = shapely.get_coordinates(shapely.point_on_surface(rows.geometry.to_numpy()))
        sheet.axes.scatter(
            where[:, 0], where[:, 1], s=(mark * 72 / DPI) ** 2, marker=marker, color=colour, edgecolors="#ffffff",
            linewidths=mark / 12, zorder=8.5,
        )  # fmt: skip


def _kind(shown: Measure | None) -> str:
    """The kind of facility whose coverage is shown; "" for none."""
    return shown.name.removeprefix("coverage:") if shown and shown.name.startswith("coverage:") else ""


def _streets(sheet: Sheet, roads: gpd.GeoDataFrame) -> None:
    kind = roads["class"] if "class" in roads else pd.Series("road", roads.index)
    kind = kind.fillna("road").astype(str).str.removesuffix("_link")
    rank = kind.map(lambda key: ROADS.get(key, ROADS["road"])[0]).to_numpy()
    width = kind.map(lambda key: ROADS.get(key, ROADS["road"])[1]).to_numpy()
    least = int(np.digitize(sheet.scale, (2.0, 4.0, 9.0, 20.0)))  # what would be a tangle from afar is left out
    geometry = roads.geometry.to_numpy()
    for level in sorted(set(rank.tolist())):
        if level < least:
            continue
        here = rank == level
        px = max(float(width[here].max()) / max(sheet.scale, 0.35) ** 0.75, 0.8)
        if level == 0:
            draw_strokes(sheet, geometry[here], color=sheet.theme.path, width=px, zorder=2.0, dashes=(3, 2))
            continue
        draw_strokes(sheet, geometry[here], color=sheet.theme.road_edge, width=px + 1.4, zorder=2.0 + level * 0.01)
        draw_strokes(sheet, geometry[here], color=sheet.theme.road, width=px, zorder=2.1 + level * 0.01)


def _only_lines(frame: gpd.GeoDataFrame) -> Any:
    return frame.geometry[frame.geometry.geom_type.isin(["LineString", "MultiLineString"])]


def draw_strokes(
    sheet: Sheet, geometries: Any, *, color: str, width: float, zorder: float, dashes: tuple[float, ...] | None = None
) -> None:
    parts = shapely.get_parts(np.asarray(geometries, dtype=object))
    parts = parts[shapely.get_dimensions(parts) == 1]
    if not len(parts):
        return
    style: Any = "solid" if dashes is None else (0, dashes)
    lines = [shapely.get_coordinates(part) for part in parts]
    kept = LineCollection(
        lines, colors=color, linewidths=width * 72 / DPI, linestyles=[style], zorder=zorder, capstyle="butt" if dashes
        else "round",
    )  # fmt: skip
    sheet.axes.add_collection(kept, autolim=False)
