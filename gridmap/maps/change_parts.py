"""What a map of two plans shows: borders given up, new ones and those that stay, and the buildings that move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.maps.words import words

__all__ = ["COLOURS", "borders", "figure_rows", "with_colours"]

#: Colours of the buildings that move, by the micro-grid that they go to (Okabe and Ito 2008, no two alike for the
#: colour-blind).
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442")
_GRID = 1000.0
#: Figures of both plans, in the order in which they are shown.
_FIGURES = (
    "micro_grids", "peopled", "households", "within_band", "within_wish_of_several_buildings", "mean_households",
    "compactness",
)  # fmt: skip


def borders(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> dict[str, shapely.Geometry]:
    """Borders of two plans, line by line: `old` only there before, `new` only afterwards, `same` in both.

    Examples
    --------
    >>> halves = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:4547")
    >>> whole = gpd.GeoDataFrame(geometry=[shapely.union_all(halves.geometry)], crs="EPSG:4547")
    >>> {name: lines.length for name, lines in borders(halves, whole).items()}
    {'old': 1.0, 'new': 0.0, 'same': 6.0}
    """
    old, new = _segments(before), _segments(after)
    everything, number = np.unique(np.concatenate([old, new]), axis=0, return_inverse=True)
    there = np.zeros((2, len(everything)), dtype=bool)
    there[0, number.ravel()[: len(old)]] = True
    there[1, number.ravel()[len(old) :]] = True
    return {
        name: _lines(everything[mask])
        for name, mask in (("old", there[0] & ~there[1]), ("new", there[1] & ~there[0]), ("same", there.all(axis=0)))
    }


def _segments(units: gpd.GeoDataFrame) -> np.ndarray:
    """Border segments on a grid of a millimetre, each once: x, y of both ends."""
    rings = shapely.get_rings(shapely.get_parts(np.asarray(units.geometry.array, dtype=object)))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    steps = np.rint(points * _GRID).astype(np.int64)
    same = ring[1:] == ring[:-1]
    start, end = steps[:-1][same], steps[1:][same]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    both = np.where(swap[:, None], np.hstack([end, start]), np.hstack([start, end]))
    return np.unique(both, axis=0) if len(both) else np.empty((0, 4), dtype=np.int64)


def _lines(segments: np.ndarray) -> shapely.Geometry:
    if not len(segments):
        return shapely.MultiLineString()
    lines = shapely.linestrings(segments.reshape(-1, 2, 2) / _GRID)
    return shapely.line_merge(shapely.multilinestrings(lines))


def with_colours(buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The buildings that move, with `colour` by the micro-grid that they go to."""
    moved = (buildings["was"] != buildings["micro_grid"]) & buildings["was"].notna() & buildings["micro_grid"].notna()
    rows = buildings[moved & (buildings["households"].fillna(0) > 0)].reset_index(drop=True)
    number = pd.factorize(rows["micro_grid"], sort=True)[0]
    return rows.assign(colour=[COLOURS[n % len(COLOURS)] for n in number.tolist()])


def figure_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of both plans as rows of text: `zh`, `en`, `before` (None where it is of the change alone), `after`."""
    told = words()
    rows = [
        {**told[f"change.{name}"], "before": _text(name, figures["before"].get(name)),
         "after": _text(name, figures["after"].get(name))}
        for name in _FIGURES
    ]  # fmt: skip
    single = ("households_moved", "share_kept", "micro_grids_new", "micro_grids_ended", "leaders_kept")
    values = {name: figures.get(name) for name in single}
    if figures.get("leaders_before") is not None:
        values["leaders_kept"] = f"{figures['leaders_kept']} / {figures['leaders_before']}"
    return rows + [
        {**told[f"change.{name}"], "before": None, "after": _text(name, values[name])} for name in single
    ]


def _text(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name.startswith("within") or name.startswith("share"):
        return f"{value:.1%}"
    if isinstance(value, str):
        return value
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}"
