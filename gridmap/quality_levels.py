"""Figures of the levels above the micro-grids, of the band of each place, and of what keeps a plan out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.obstacles import Feasible, wish_of_plan

__all__ = ["Level", "bands_of_facts", "bands_of_rows", "levels_of", "nearest_of", "wish_of"]

#: The most that a community holds, and the band of grids, where the settings do not say.
_COMMUNITY, _GRIDS = (3000, 10_000), (300, 400, 500)

Numbers = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level above the micro-grids beside its band.

    `units` are those where people live, `counted` those that the band is for (no special sites, no villages), `in_band`
    the share of them within `low` to `high`, `deviation` the mean distance from the target over the target (None where
    there is none), `nested` the share of all units that lie within the unit above.
    """

    level: str
    units: int
    counted: int
    low: int
    high: int
    in_band: float | None
    deviation: float | None
    smallest: int | None
    largest: int | None
    nested: float


def bands_of_facts(facts: Mapping[str, str]) -> dict[str, Numbers]:
    """Min, target and max households of micro-grids by area; "" is the whole city.

    Examples
    --------
    >>> bands_of_facts({"bands": '{"990101": [10, 20, 30]}'})
    {'': (15, 25, 40), '990101': (10, 20, 30)}
    """
    found: dict[str, Numbers] = {"": (15, 25, 40)}
    with suppress(KeyError, ValueError, TypeError):
        low, target, high = json.loads(facts["settings"])["split"]["households"]
        found[""] = (int(low), int(target), int(high))
    with suppress(KeyError, ValueError, TypeError, AttributeError):
        found |= {str(area): (int(a), int(b), int(c)) for area, (a, b, c) in json.loads(facts["bands"]).items()}
    return found


def bands_of_rows(codes: pd.Series, bands: Mapping[str, Numbers]) -> NDArray[np.int64]:
    """Min, target and max for each micro-grid: those of the smallest area with a band of its own; three columns."""
    found = np.tile(np.array(bands[""], dtype=np.int64), (len(codes), 1))
    for area in sorted(bands, key=len):
        if area:
            found[codes.astype(str).str.startswith(area).to_numpy(dtype=bool)] = bands[area]
    return found


def wish_of(bands: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The wish of each band: target -20 % and +20 %, within the band."""
    low, target, high = bands.T
    return np.maximum(low, -(-target * 4 // 5)), np.minimum(high, target * 6 // 5)


def nearest_of(
    units: gpd.GeoDataFrame, buildings: pd.DataFrame, bands: Mapping[str, Numbers], holds: pd.Series
) -> tuple[tuple[str, Feasible], ...]:
    """For each area with a band: what keeps the plan out of it, and the nearest band that works there."""
    known = units.assign(within_band=holds)
    for name in ("reason", "reason_zh"):
        if name not in known:
            known[name] = None
    own = pd.Series("", index=known.index)
    for area in sorted(bands, key=len):
        own[known["code"].astype(str).str.startswith(area)] = area
    return tuple(
        (area, wish_of_plan(known[own == area], buildings, Band(*bands[area])))
        for area in sorted(bands) if (own == area).any() or not area
    )  # fmt: skip


def levels_of(
    frames: Mapping[str, pd.DataFrame], facts: Mapping[str, str], nested: Mapping[str, float]
) -> tuple[tuple[Level, ...], pd.DataFrame]:
    """Figures of communities and grids, and those of them that are out of their band, with reasons.

    Parameters
    ----------
    frames
        `communities` and `grids` as kept.
    facts
        Of the store; its `settings` say the bands.
    nested
        Share of the units of each level that lie within the unit above.
    """
    try:
        split: dict[str, Any] = json.loads(facts["settings"])["split"]
    except (KeyError, ValueError, TypeError):
        split = {}
    most = int(split.get("community_households", _COMMUNITY[0])), int(split.get("community_residents", _COMMUNITY[1]))
    low, target, high = (int(number) for number in split.get("grid_households", _GRIDS))
    made, out = [], []
    for level, band in (("communities", (0, None, most[0])), ("grids", (low, target, high))):
        frame = frames[level]
        if not len(frame):
            continue
        households = frame["households"].fillna(0).astype(int)
        kind = frame["kind"] if "kind" in frame else pd.Series(None, index=frame.index, dtype="object")
        lived = households > 0
        counted = lived & ~kind.isin(["special", "village"])
        holds = households.between(band[0], band[2])
        if level == "communities" and "residents" in frame:
            holds &= frame["residents"].fillna(0).astype(int) <= most[1]
        loads, wanted = households[counted], band[1]
        made.append(Level(
            level=level, units=int(lived.sum()), counted=int(counted.sum()), low=band[0], high=band[2],
            in_band=round(float(holds[counted].mean()), 4) if len(loads) else None,
            deviation=round(float((loads - wanted).abs().mean() / wanted), 4) if len(loads) and wanted else None,
            smallest=int(loads.min()) if len(loads) else None, largest=int(loads.max()) if len(loads) else None,
            nested=round(nested.get(level, 1.0), 4),
        ))  # fmt: skip
        rows = frame[lived & ~holds].reindex(columns=["code", "name", "kind", "households", "reason", "reason_zh"])
        if level == "communities" and len(rows):
            rows["reason"] = f"given with more than {most[0]} households or {most[1]} residents"
            rows["reason_zh"] = f"原有社区，超过{most[0]}户或{most[1]}人"
        out.append(rows.assign(level=level))
    columns = ["level", "code", "name", "kind", "households", "reason", "reason_zh"]
    table = pd.concat(out, ignore_index=True)[columns] if out else pd.DataFrame(columns=columns)
    return tuple(made), table.astype("object").where(table.notna(), None)
