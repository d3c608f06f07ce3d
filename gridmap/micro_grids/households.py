"""Households where a file does not say them: estimated by a plain rule, and marked as estimated."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.findings import Findings

__all__ = ["fill_households"]

#: Gross floor area that one household takes, m2, and the share of a footprint's floors that is living space.
M2_PER_HOUSEHOLD = 90.0
LIVING_SHARE = 0.8
DEFAULT_LEVELS = 3
SMALLEST_HOME_M2 = 20.0

#: Uses in which nobody lives (OpenStreetMap `building` values and plain Chinese words).
NOT_HOMES = (
    "commercial", "retail", "office", "industrial", "warehouse", "school", "hospital", "university", "church",
    "temple", "garage", "garages", "shed", "roof", "kiosk", "train_station", "public", "government", "hotel",
    "商业", "办公", "学校", "医院", "厂房", "仓库", "车库", "公共",
)  # fmt: skip


def fill_households(buildings: gpd.GeoDataFrame, findings: Findings) -> gpd.GeoDataFrame:
    """The buildings with whole numbers of households and the basis of each.

    A missing number is estimated as footprint x floors x 0.8 / 90 m2 (3 floors where unknown); 0 for points, footprints
    under 20 m2 and uses in which nobody lives.

    Parameters
    ----------
    buildings
        Metric CRS; `households` (may hold nulls or be absent), `levels`, `use` where known.
    findings
        One finding says how many were estimated.

    Returns
    -------
    GeoDataFrame
        A copy with `households` (int64) and `households_basis` (text).

    Examples
    --------
    >>> frame = gpd.GeoDataFrame({"levels": [6]}, geometry=[shapely.box(0, 0, 50, 12)], crs="EPSG:4547")
    >>> fill_households(frame, Findings())[["households", "households_basis"]].values.tolist()
    [[32, 'estimated: footprint x floors x 0.8 / 90 m2']]
    """
    result = buildings.copy()
    known = _number(buildings, "households")
    levels = _number(buildings, "levels").fillna(DEFAULT_LEVELS).clip(lower=1)
    area = np.where(shapely.get_dimensions(buildings.geometry.to_numpy()) == 2, buildings.geometry.area, 0.0)
    guess = pd.Series(np.rint(area * levels * LIVING_SHARE / M2_PER_HOUSEHOLD), index=buildings.index)
    guess = guess.where(area >= SMALLEST_HOME_M2, 0.0)
    if "use" in buildings:
        guess = guess.mask(buildings["use"].astype("string").str.lower().isin(NOT_HOMES).fillna(False).astype(bool), 0)
    missing = known.isna()
    result["households"] = known.where(~missing, guess).astype("int64")
    basis = (
        buildings["households_basis"].astype("object")
        if "households_basis" in buildings
        else pd.Series(None, index=buildings.index, dtype="object")
    )
    basis = basis.where(basis.notna(), "given")
    result["households_basis"] = basis.mask(missing, "estimated: footprint x floors x 0.8 / 90 m2")
    if missing.any():
        findings.add(
            "buildings", "households_estimated",
            f"{int(missing.sum())} of {len(buildings)} buildings have no number of households",
            "estimated as footprint x floors x 0.8 / 90 m2 and marked in households_basis",
            level="note", field="households",
        )  # fmt: skip
    return result


def _number(frame: pd.DataFrame, column: str) -> pd.Series:
    if column not in frame:
        return pd.Series(np.nan, index=frame.index)
    return pd.to_numeric(frame[column], errors="coerce").astype("float64")
