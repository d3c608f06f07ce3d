"""Coverage of every unit and of every group in need: micro-grid, grid, community, street, district.

One count for all levels: households, residents and people in need are summed door by door, so that the coverage of a
larger unit is the mean of its parts, weighted by the people they hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.access.completeness import in_unmapped
from gridmap.access.frames import whole_numbers
from gridmap.access.held_to import Limit, aligned, limits, within
from gridmap.norms import Norms
from layers.errors import WrongCall
from layers.schema import NEEDS

__all__ = ["LEVELS", "WALK_SPEED", "WALK_SPEED_AGED", "coverage_levels", "minutes"]

#: Level -> digits of its codes: units nest by prefix.
LEVELS = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}

#: Metres a second; distance is the rule, minutes are derived. The second is a proposal for the aged.
WALK_SPEED = 1.0
WALK_SPEED_AGED = 0.7

_COUNTED = ("households", "residents", *(need.name for need in NEEDS))
_COLUMNS = (
    "level", "code", "kind", "norm_m", "verified", "households", "covered_households", "unknown_households",
    "coverage", "status", "walk_m_mean", "minutes_mean", "minutes_mean_aged", "residents", "covered_residents",
    *(name for need in NEEDS for name in (need.name, f"covered_{need.name}")),
)  # fmt: skip


def minutes(metres: float, *, speed: float = WALK_SPEED) -> float:
    """Minutes on foot, derived from metres at a speed in metres a second.

    Examples
    --------
    >>> minutes(300.0), round(minutes(300.0, speed=WALK_SPEED_AGED), 1)
    (5.0, 7.1)
    """
    return metres / minutes_metres(speed)


def minutes_metres(speed: float) -> float:
    """Metres that one walks in a minute at a speed in metres a second."""
    return speed * 60.0


def coverage_levels(
    micro_grids: pd.DataFrame,
    buildings: pd.DataFrame,
    distances: pd.DataFrame,
    norms: Norms | Mapping[str, float],
    *,
    completeness: pd.DataFrame | None = None,
    levels: tuple[str, ...] = tuple(LEVELS),
) -> pd.DataFrame:
    """Coverage of the units of every level, for households, residents and each group in need.

    Parameters
    ----------
    micro_grids
        Rows with `code` (text; larger units are its beginnings).
    buildings
        Rows with `micro_grid`, `households`, and any of `residents` and the needs of `layers.schema.NEEDS` as counts.
    distances, norms
        As `access.coverage.coverage` takes them.
    completeness
        From `access.completeness.completeness`: where a community is unmapped, what looks like a gap is unknown.
    levels
        Which levels to give, of `LEVELS`.

    Returns
    -------
    DataFrame, one row a unit and kind, ordered by code and kind, with the columns of the layer `coverage_levels`.
    `coverage` is `covered_households` by the households of which it is known; null where there are none. Counts of a
    group are null where no building states any. `status` as in `coverage`. Minutes are derived from the mean walk at
    1.0 and 0.7 m/s.

    Raises
    ------
    WrongCall
        As `coverage`, and for a level that is none.

    Examples
    --------
    >>> grid = "330106001001001"
    >>> homes = pd.DataFrame({"micro_grid": [grid + "001", grid + "002"], "households": [30, 10], "aged_80": [1, 3]})
    >>> metres = pd.DataFrame({"market": [400.0, 600.0]})
    >>> units = pd.DataFrame({"code": homes["micro_grid"]})
    >>> table = coverage_levels(units, homes, metres, {"market": 500}, levels=("grids", "micro_grids"))
    >>> table[["level", "coverage", "status", "covered_aged_80", "minutes_mean"]].values.tolist()
    [['grids', 0.75, 'partial', 1, 7.5],
     ['micro_grids', 1.0, 'covered', 1, 6.666666666666667],
     ['micro_grids', 0.0, 'gap', 0, 10.0]]
    """
    wrong = [name for name in levels if name not in LEVELS]
    if wrong:
        raise WrongCall(f"there is no level {wrong[0]!r}; the levels are {', '.join(LEVELS)}")
    if "code" not in micro_grids or "micro_grid" not in buildings:
        raise WrongCall("micro_grids need a column 'code' and buildings 'micro_grid'; split the city first")
    metres = aligned(distances, buildings)
    codes = pd.Index(sorted(set(micro_grids["code"].astype(str))))
    unit = codes.get_indexer(pd.Index(buildings["micro_grid"]))
    stated = [name for name in _COUNTED[1:] if name in buildings and buildings[name].notna().any()]
    counted = ["households", *stated]
    people = np.column_stack([whole_numbers(buildings, name, "buildings") for name in counted])
    inside = np.flatnonzero((unit >= 0) & (people.sum(axis=1) > 0))
    unit, people = unit[inside], people[inside]
    grouping = {
        level: pd.factorize(pd.Series(codes).str[: LEVELS[level]]) for level in LEVELS if level in levels
    }
    whole = _sums(unit, people, len(codes))
    tables = []
    for limit in limits(norms):
        walk = metres[limit.kind].to_numpy(dtype="float64", na_value=np.nan)[inside] if limit.kind in metres else None
        tables += _one_kind(limit, walk, codes, unit, people, counted, whole, grouping, completeness)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    for name in _COLUMNS:
        if name not in table:
            table[name] = pd.array([pd.NA] * len(table), dtype="Int64")
    return table.sort_values(["code", "kind"], ignore_index=True)[list(_COLUMNS)]


def _sums(unit: NDArray[np.intp], people: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Sums of each column of people by unit, (count, columns)."""
    return np.column_stack([
        np.bincount(unit, weights=people[:, at], minlength=count) for at in range(people.shape[1])
    ]) if people.shape[1] else np.zeros((count, 0))


def _one_kind(
    limit: Limit,
    walk: NDArray[np.float64] | None,
    codes: pd.Index,
    unit: NDArray[np.intp],
    people: NDArray[np.float64],
    counted: list[str],
    whole: NDArray[np.float64],
    grouping: Mapping[str, tuple[NDArray[np.intp], pd.Index]],
    completeness: pd.DataFrame | None,
) -> list[pd.DataFrame]:
    count, at = len(codes), counted.index("households")
    metres: NDArray
    reached: NDArray
    if walk is None:
        covered, known = np.zeros_like(whole), np.zeros(count, dtype=bool)
        metres = reached = np.zeros(count)
    else:
        covered = _sums(unit, people * within(walk, limit)[:, None], count)
        near = np.isfinite(walk)
        reached = np.bincount(unit[near], weights=people[near, at], minlength=count)
        metres = np.bincount(unit[near], weights=people[near, at] * walk[near], minlength=count)
        known = np.ones(count, dtype=bool)
        if completeness is not None:
            unmapped = in_unmapped(pd.Series(codes), limit.kind, completeness).to_numpy()
            known &= ~(unmapped & (covered[:, at] == 0))
    unknown = np.where(known, 0.0, whole[:, at])
    made = []
    for level, (group, names) in grouping.items():
        def up(values: NDArray, group: NDArray[np.intp] = group, size: int = len(names)) -> NDArray:
            return np.bincount(group, weights=values, minlength=size).astype(np.float64)

        homes, unsure, inside = up(whole[:, at]), up(unknown), up(covered[:, at])
        sure = homes - unsure
        with np.errstate(invalid="ignore"):
            share, mean = inside / sure, up(metres) / up(reached)
        status = np.select([sure == 0, inside == sure, inside > 0], ["no_data", "covered", "partial"], "gap")
        nothing = walk is None
        table = pd.DataFrame({
            "level": level, "code": names.to_numpy(dtype=object), "kind": limit.kind, "norm_m": limit.metres,
            "verified": limit.verified, "unknown_households": pd.array(np.rint(unsure), dtype="Int64"),
            "coverage": share, "status": status, "walk_m_mean": mean, "minutes_mean": mean / minutes_metres(WALK_SPEED),
            "minutes_mean_aged": mean / minutes_metres(WALK_SPEED_AGED),
        })
        for number, name in enumerate(counted):
            table[name] = pd.array(np.rint(up(whole[:, number])), dtype="Int64")
            table[f"covered_{name}"] = (
                pd.array([pd.NA] * len(names), dtype="Int64") if nothing
                else pd.array(np.rint(up(covered[:, number])), dtype="Int64")
            )
        made.append(table)
    return made
