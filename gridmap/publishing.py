"""What everyone may see of a city: coverage by grid and facilities, no people and no small numbers.

The rule is that of official statistics (cell suppression and rounding: Hundepool et al., Statistical Disclosure
Control, Wiley 2012, chapters 4 and 5): a count below five is hidden, whether it is of households, of those that are
reached or of those that are not; what is shown is rounded, so that no two figures can be subtracted from each other.
Only one level of units is shown and totals are made from what is shown, so that no total tells what is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import geopandas as gpd
import pandas as pd

from gridmap.stores import Store
from layers.errors import NotFound

__all__ = ["LEAST", "ROUND_HOUSEHOLDS", "ROUND_SHARE", "Published", "publish", "shown_coverage"]

#: Counts of 1 to `LEAST` - 1 are hidden.
LEAST = 5
#: Households are given to the nearest multiple of this, shares to the nearest multiple of that.
ROUND_HOUSEHOLDS, ROUND_SHARE = 10, 0.05

#: What is told of a facility.
_FACILITY = ("code", "name", "kind", "functions", "hours", "address")
#: What lies on the ground for everyone to see.
_GROUND = ("roads", "water", "green")


@dataclass(frozen=True, kw_only=True)
class Published:
    """What everyone may see.

    Parameters
    ----------
    grids
        `code`, `name` and geometry of the grids.
    coverage
        One row a grid and kind: `micro_grid` (the code of the grid, as maps call it), `kind`, `norm_m`, `verified`,
        `households` (rounded; missing where hidden), `coverage` (0 to 1, rounded; missing where hidden), `status`.
    facilities
        What is told of each facility, and where it is.
    ground
        Streets, water and green by layer, for the map.
    """

    grids: gpd.GeoDataFrame
    coverage: pd.DataFrame
    facilities: gpd.GeoDataFrame
    ground: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)

    def total(self, kind: str) -> dict[str, Any]:
        """Figures of one kind over the grids that are shown: made from what is shown and nothing else."""
        rows = self.coverage[(self.coverage["kind"] == kind) & self.coverage["coverage"].notna()]
        households = int(rows["households"].sum())
        reached = float((rows["households"] * rows["coverage"]).sum())
        hidden = int(((self.coverage["kind"] == kind) & self.coverage["coverage"].isna()).sum())
        return {"households": households, "coverage": reached / households if households else None, "hidden": hidden}


def shown_coverage(coverage: pd.DataFrame) -> pd.DataFrame:
    """Coverage by grid as everyone may see it.

    Parameters
    ----------
    coverage
        The table of the store: `micro_grid`, `kind`, `norm_m`, `households`, `covered_households`, `status`,
        `verified`.

    Returns
    -------
    See `Published.coverage`. `status` is `hidden` where a count of 1 to 4 would show, `no_data` where nothing is known.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "micro_grid": ["510504001001001001", "510504001001001002", "510504001001002001"], "kind": "canteen",
    ...     "norm_m": 300.0, "verified": False, "households": [150, 150, 41], "covered_households": [150, 21, 38],
    ...     "status": ["covered", "partial", "partial"],
    ... })
    >>> shown_coverage(table)[["micro_grid", "households", "coverage", "status"]].to_dict("records")
    [{'micro_grid': '510504001001001', 'households': 300, 'coverage': 0.55, 'status': 'partial'}, \
{'micro_grid': '510504001001002', 'households': 40, 'coverage': nan, 'status': 'hidden'}]
    """
    known = coverage[coverage["status"].isin(["covered", "partial", "gap"])]
    known = known.assign(grid=known["micro_grid"].astype("object").str[:15])
    figures = {"households": "sum", "covered_households": "sum", "norm_m": "first", "verified": "first"}
    rows = known.groupby(["grid", "kind"], sort=True).agg(figures).reset_index()
    households = rows["households"].astype("int64")
    reached = rows["covered_households"].astype("int64")
    missed = households - reached
    small = _small(households) | _small(reached) | _small(missed)
    share = ((reached / households.where(households > 0)) / ROUND_SHARE).round() * ROUND_SHARE
    rounded = (households / ROUND_HOUSEHOLDS).round().astype("Int64") * ROUND_HOUSEHOLDS
    # a share near its ends is a full or empty one to the reader: what is hidden for being small never gets there
    status = pd.Series("partial", rows.index).mask(missed == 0, "covered").mask(reached == 0, "gap")
    return pd.DataFrame({
        "micro_grid": rows["grid"], "kind": rows["kind"], "norm_m": rows["norm_m"], "verified": rows["verified"],
        "households": rounded.mask(_small(households)),
        "coverage": share.mask(small).round(2),
        "status": status.mask(households == 0, "no_data").mask(small, "hidden"),
    })  # fmt: skip


def publish(store: Store, *, today: date | None = None) -> Published:
    """Read what everyone may see.

    Raises
    ------
    NotFound
        Where the city has no grids or no coverage yet.
    """
    present = set(store.layers())
    if not {"grids", "coverage"} <= present:
        raise NotFound("the city has no coverage to publish yet; run gridmap cover first")
    grids = store.read("grids", as_of=today)
    facilities = store.read("facilities", as_of=today) if "facilities" in present else grids.iloc[:0]
    return Published(
        grids=grids[["code", "name", "geometry"]],
        coverage=shown_coverage(store.read("coverage")),
        facilities=facilities[[name for name in (*_FACILITY, "geometry") if name in facilities]],
        ground={name: store.read(name, as_of=today) for name in _GROUND if name in present},
    )


def _small(count: pd.Series) -> pd.Series:
    return (count > 0) & (count < LEAST)
