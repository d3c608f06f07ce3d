"""Is there enough of it: supply within reach of each door, shared with all others who reach it; and how often served.

Two-step floating catchment areas (Luo and Wang 2003): each facility's supply is divided by the people who reach it,
then each door sums the shares of the facilities that it reaches. The enhanced form (Luo and Qi 2009) lets distance
count in steps, in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.access.frames import whole_numbers
from gridmap.access.held_to import limits
from gridmap.norms import Norms
from layers.errors import WrongCall

__all__ = ["COLUMNS", "STEPS", "accessibility", "two_step"]

#: Share of the norm's distance -> weight of a walk up to it (Luo and Qi 2009: three zones of ten minutes each).
STEPS = {1 / 3: 1.0, 2 / 3: 0.68, 1.0: 0.22}

#: Columns of the table, as the layer `accessibility` has them.
COLUMNS = (
    "micro_grid", "kind", "norm_m", "households", "served_once", "served_several", "facilities_mean", "supply_unit",
    "supply_known", "demand", "per_1000", "per_1000_enhanced",
)

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def two_step(
    demand: Floats, supply: Floats, pair: tuple[Ints, Ints], metres: Floats, *, steps: Mapping[float, float]
) -> Floats:
    """Supply per head at each place of demand, by two-step floating catchment areas.

    Parameters
    ----------
    demand
        People at each place.
    supply
        Supply at each facility, in any unit.
    pair
        Place and facility of each pair that may reach each other.
    metres
        Walk of each pair.
    steps
        Longest walk -> its weight; walks beyond the last one do not count. One step of weight 1 is the plain 2SFCA.

    Returns
    -------
    One number a place: supply per person; 0 where no facility is reached.

    Examples
    --------
    Two places of 10 and 30 people share a clinic of 4 beds:

    >>> import numpy as np
    >>> pairs = np.array([0, 1]), np.array([0, 0])
    >>> two_step(np.array([10.0, 30.0]), np.array([4.0]), pairs, np.array([100.0, 500.0]), steps={600: 1.0})
    array([0.1, 0.1])
    """
    edges = sorted(steps)
    weights = np.array([*(steps[edge] for edge in edges), 0.0])
    weight = weights[np.searchsorted(np.array(edges) + 1e-6, metres, side="left")]
    place, facility = pair
    asked = np.bincount(facility, weights=weight * demand[place], minlength=len(supply))
    rate = np.divide(supply, asked, out=np.zeros(len(supply)), where=asked > 0)
    return np.bincount(place, weights=weight * rate[facility], minlength=len(demand)).astype(np.float64)


def accessibility(
    micro_grids: pd.DataFrame,
    buildings: pd.DataFrame,
    facilities: pd.DataFrame,
    pairs: pd.DataFrame,
    norms: Norms | Mapping[str, float],
) -> pd.DataFrame:
    """Supply per 1,000 people and how often households are served, per micro-grid and kind.

    Parameters
    ----------
    micro_grids
        Rows with `code`.
    buildings
        Rows with `micro_grid`, `households`, and `residents` where they are known; index as in `pairs`.
    facilities
        Rows with `code`, `kind`, and `capacity` or `area_m2` where they are known.
    pairs
        From `walk_pairs`, to the longest norm at least: `building`, `facility`, `metres`.
    norms
        `load_norms()`, or {kind: metres}.

    Returns
    -------
    DataFrame with `COLUMNS`, ordered by micro-grid and kind, for kinds that have a facility:

    - `served_once`, `served_several`: households with exactly one, and with two or more facilities within the norm;
      `facilities_mean`: facilities within the norm, mean over households: overlap beside gap;
    - `supply_unit`: `capacity`, `area_m2`, or `count` where neither is known of any; `supply_known`: share of the
      kind's facilities that state it (the median stands in for the others);
    - `demand`: `residents`, or `households` where residents are not known of every inhabited building;
    - `per_1000`, `per_1000_enhanced`: supply per 1,000 of them by 2SFCA and E2SFCA, the mean of the doors weighted by
      demand; null where nobody lives.

    Raises
    ------
    WrongCall
        Where a column is missing.
    """
    for name, frame, columns in (
        ("micro_grids", micro_grids, ("code",)), ("buildings", buildings, ("micro_grid", "households")),
        ("facilities", facilities, ("code", "kind")), ("pairs", pairs, ("building", "facility", "metres")),
    ):
        missing = [column for column in columns if column not in frame]
        if missing:
            raise WrongCall(f"{name} have no column {missing[0]!r}; see accessibility() for what is needed")
    codes = pd.Index(sorted(set(micro_grids["code"].astype(str))))
    unit = codes.get_indexer(pd.Index(buildings["micro_grid"]))
    households = whole_numbers(buildings, "households", "buildings")
    residents = whole_numbers(buildings, "residents", "buildings") if "residents" in buildings else np.zeros(len(unit))
    by_residents = bool((households > 0).any()) and bool((residents[households > 0] > 0).all())
    demand = np.where(unit >= 0, residents if by_residents else households, 0.0)
    place = buildings.index.get_indexer(pd.Index(pairs["building"]))
    tables = []
    for limit in limits(norms):
        own = facilities[facilities["kind"] == limit.kind].drop_duplicates("code")
        if not len(own):
            continue
        site = pd.Index(own["code"].astype(str)).get_indexer(pd.Index(pairs["facility"].astype(str)))
        metres = pairs["metres"].to_numpy()
        near = np.flatnonzero((site >= 0) & (place >= 0) & (metres <= limit.metres + 1e-6))
        pair, walks = (place[near], site[near]), metres[near]
        supply, what, known = _supply(own)
        plain = two_step(demand, supply, pair, walks, steps={limit.metres: 1.0})
        enhanced = two_step(demand, supply, pair, walks, steps={limit.metres * at: w for at, w in STEPS.items()})
        reached = np.bincount(pair[0], minlength=len(buildings))
        lived = np.flatnonzero((unit >= 0) & (households > 0))
        people = np.bincount(unit[lived], weights=demand[lived], minlength=len(codes))

        def summed(values: Floats, lived: Ints = lived) -> Floats:
            return np.bincount(unit[lived], weights=values[lived], minlength=len(codes)).astype(np.float64)

        homes = summed(households)
        with np.errstate(invalid="ignore", divide="ignore"):
            tables.append(pd.DataFrame({
                "micro_grid": codes, "kind": limit.kind, "norm_m": limit.metres,
                "households": pd.array(np.rint(homes), dtype="Int64"),
                "served_once": pd.array(np.rint(summed(households * (reached == 1))), dtype="Int64"),
                "served_several": pd.array(np.rint(summed(households * (reached > 1))), dtype="Int64"),
                "facilities_mean": summed(households * reached) / homes, "supply_unit": what, "supply_known": known,
                "demand": "residents" if by_residents else "households",
                "per_1000": 1000 * summed(demand * plain) / people,
                "per_1000_enhanced": 1000 * summed(demand * enhanced) / people,
            }))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    return table.sort_values(["micro_grid", "kind"], ignore_index=True)[list(COLUMNS)]


def _supply(facilities: pd.DataFrame) -> tuple[Floats, str, float]:
    """Supply of each facility, its unit, and of which share of them it is known."""
    for name in ("capacity", "area_m2"):
        if name in facilities:
            stated = pd.to_numeric(facilities[name], errors="coerce").astype("float64")
            known = stated > 0
            if known.any():
                return stated.where(known, stated[known].median()).to_numpy(), name, float(known.mean())
    return np.ones(len(facilities)), "count", 1.0
