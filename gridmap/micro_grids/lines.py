"""Which lines bound blocks, and how strongly each one parts neighbours.

Strength runs from 0 (nothing there) to 1 (a main street); `HARD` marks what people do not cross to reach a neighbour:
rail, river, motorway, city wall.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

__all__ = ["HARD", "block_lines", "street_lines"]

#: Strength of a line that a micro-grid does not cross while it can do without.
HARD = 2.0

#: OpenStreetMap highway class -> strength. Footways, steps and cycleways bound nothing by themselves.
ROADS = {
    "motorway": HARD, "motorway_link": HARD, "trunk": 1.0, "trunk_link": 0.9,
    "primary": 1.0, "primary_link": 0.9, "secondary": 0.9, "secondary_link": 0.8,
    "tertiary": 0.8, "tertiary_link": 0.7, "unclassified": 0.6, "residential": 0.6, "road": 0.6,
    "living_street": 0.55, "pedestrian": 0.55, "service": 0.35, "track": 0.3,
}  # fmt: skip

#: Kind of barrier -> strength.
BARRIERS = {
    "rail": HARD, "light_rail": HARD, "narrow_gauge": HARD, "river": HARD, "canal": HARD, "motorway": HARD,
    "city_wall": HARD, "wall": 0.9, "retaining_wall": 0.8, "fence": 0.7, "stream": 0.6, "ditch": 0.5,
    "guard_rail": 0.5, "hedge": 0.4,
}  # fmt: skip
_OTHER_BARRIER = 0.6
_UNDERGROUND = {"subway"}


def _no(frame: pd.DataFrame, column: str) -> pd.Series:
    """True where an OSM yes/no column is empty or says no."""
    if column not in frame:
        return pd.Series(True, index=frame.index)
    values = frame[column].astype("string").str.strip().str.lower()
    return (values.isna() | values.isin(["", "no", "false", "0", "none", "nan"])).astype(bool)


def _on_ground(frame: pd.DataFrame) -> pd.Series:
    """True for what lies on the ground: neither in a tunnel nor below it."""
    ground = _no(frame, "tunnel")
    if "layer" in frame:
        ground &= pd.to_numeric(frame["layer"], errors="coerce").astype("Float64").fillna(0).astype(float) >= 0
    return ground


def _kind(frame: pd.DataFrame) -> pd.Series:
    """What each barrier is: `kind`, or the OpenStreetMap tag that says it."""
    kind = pd.Series(None, index=frame.index, dtype="object")
    for column in ("kind", "barrier", "railway", "waterway"):
        if column in frame:
            kind = kind.where(kind.notna(), frame[column].astype("object"))
    return kind


def _as_lines(geometry: np.ndarray) -> np.ndarray:
    """Outlines of areas, and lines as they are."""
    area = shapely.get_dimensions(geometry) == 2
    return np.where(area, shapely.boundary(geometry), geometry)


def street_lines(roads: gpd.GeoDataFrame | None) -> np.ndarray:
    """Centre lines of the streets that bound blocks.

    Parameters
    ----------
    roads
        As for `block_lines`.

    Returns
    -------
    array of lines, those of `block_lines(roads)`.
    """
    return block_lines(roads)[0]


def block_lines(
    roads: gpd.GeoDataFrame | None,
    barriers: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Lines that bound blocks, with their strengths.

    Parameters
    ----------
    roads
        Lines in a metric CRS with `class` (OSM highway values); tunnels and what lies below ground are left out. Where
        there is no `class` at all, every line counts as an ordinary street.
    barriers, water
        Lines or areas in the same CRS; of areas the outline counts. `kind` of a barrier gives its strength.

    Returns
    -------
    lines, strengths
        Arrays of the same length; strength 0 to 1, or `HARD`.
    """
    lines: list[np.ndarray] = []
    strengths: list[np.ndarray] = []

    def take(frame: gpd.GeoDataFrame, strength: pd.Series) -> None:
        keep = (strength > 0) & ~(frame.geometry.is_empty | frame.geometry.isna())
        lines.append(_as_lines(frame.geometry.to_numpy()[keep]))
        strengths.append(strength.to_numpy(dtype=float)[keep])

    if roads is not None and len(roads):
        if "class" in roads and roads["class"].notna().any():
            strength = roads["class"].map(ROADS).fillna(0.0)
        else:
            strength = pd.Series(ROADS["residential"], index=roads.index)
        take(roads, strength.where(_on_ground(roads), 0.0))
    if barriers is not None and len(barriers):
        kind = _kind(barriers)
        strength = kind.map(BARRIERS).fillna(_OTHER_BARRIER)
        take(barriers, strength.where(_on_ground(barriers) & ~kind.isin(_UNDERGROUND), 0.0))
    if water is not None and len(water):
        kind = _kind(water)
        wide = water.geometry.area > 2000.0
        strength = kind.map(BARRIERS).fillna(0.6).where(~wide, HARD)
        take(water, strength.where(_on_ground(water), 0.0))
    if not lines:
        return np.empty(0, dtype=object), np.empty(0)
    return np.concatenate(lines), np.concatenate(strengths)
