"""Who reaches which facility: for each micro-grid and kind the share of households within the norm's walk.

Counted by households, door by door, never by area: a micro-grid is covered where its people are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.access.frames import whole_numbers
from gridmap.access.held_to import Limit, aligned, limits, within
from gridmap.norms import Norms
from layers.errors import WrongCall

__all__ = ["COLUMNS", "STATUSES", "coverage"]

#: Columns of the table, as the layer `coverage` has them.
COLUMNS = (
    "micro_grid", "kind", "norm_m", "households", "covered_households", "coverage", "walk_m_mean", "walk_m_max",
    "nearest", "status", "basis", "verified",
)

#: All households within the norm, some, none; and where that cannot be said: no facility of the kind is on the map, or
#: nobody lives in the micro-grid.
STATUSES = ("covered", "partial", "gap", "no_data")


def coverage(
    micro_grids: pd.DataFrame,
    buildings: pd.DataFrame,
    distances: pd.DataFrame,
    norms: Norms | Mapping[str, float],
    *,
    nearest: pd.DataFrame | None = None,
    basis: str | None = None,
) -> pd.DataFrame:
    """The coverage table: one row a micro-grid and facility kind that has a distance.

    Parameters
    ----------
    micro_grids
        Rows with `code`; geometry is not needed.
    buildings
        Rows (parts of buildings where they were cut) with `micro_grid` and `households`. Rows in none of the
        micro-grids are not counted.
    distances
        Metres on foot, one row a building, one column a kind (`walk_distances`). NaN: none within reach, so beyond
        the norm. A kind without a column has no facility on the map.
    norms
        `load_norms()`, or {kind: metres}.
    nearest
        The facility that each walk leads to, same shape as `distances` (`nearest_facilities`).
    basis
        `network` or `straight_line`; by default what `distances.attrs` say, else `network`.

    Returns
    -------
    DataFrame with the columns of the layer `coverage`, ordered by micro-grid and kind:

    - `norm_m` in metres; `verified` where a person has checked it against its source;
    - `households`, `covered_households` (Int64; null where the kind has no facility on the map), `coverage` (0 to 1,
      null where nobody lives or nothing is known);
    - `walk_m_mean` (weighted by households) and `walk_m_max` in metres, over the households that reach any facility;
    - `nearest`: the facility that is nearest to most of the micro-grid's households; of two, the smaller code;
    - `status`: one of `STATUSES`; `basis` as above.

    Raises
    ------
    WrongCall
        Where a column or a building's distances are missing, or a count is no count.

    Examples
    --------
    >>> micro_grids = pd.DataFrame({"code": ["1", "2"]})
    >>> homes = pd.DataFrame({"micro_grid": ["1", "1", "2"], "households": [30, 10, 5]})
    >>> metres = pd.DataFrame({"market": [400.0, 600.0, 700.0]})
    >>> table = coverage(micro_grids, homes, metres, {"market": 500})
    >>> table[["micro_grid", "coverage", "walk_m_mean", "status"]].values.tolist()
    [['1', 0.75, 450.0, 'partial'], ['2', 0.0, 700.0, 'gap']]
    """
    held_to = limits(norms)
    codes = _codes(micro_grids)
    metres = aligned(distances, buildings)
    leads_to = None if nearest is None else aligned(nearest, buildings, "nearest")
    if "micro_grid" not in buildings:
        raise WrongCall("buildings have no column 'micro_grid'; attach or split them first")
    people = whole_numbers(buildings, "households", "buildings")
    unit: NDArray[np.intp] = codes.get_indexer(pd.Index(buildings["micro_grid"]))

    # buildings where somebody lives
    lived = np.flatnonzero((unit >= 0) & (people > 0))
    unit, people = unit[lived], people[lived]
    households = np.bincount(unit, weights=people, minlength=len(codes)).astype(np.float64)

    tables = []
    for limit in held_to:  # one kind at a time: memory for one column, not for all
        known = limit.kind in metres
        walk = metres[limit.kind].to_numpy(dtype="float64", na_value=np.nan)[lived] if known else None
        lead = leads_to[limit.kind].iloc[lived] if known and leads_to is not None and limit.kind in leads_to else None
        tables.append(_one_kind(codes, limit, households, unit, people, walk, lead))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    table["basis"] = basis or distances.attrs.get("basis", "network")
    return table.sort_values(["micro_grid", "kind"], ignore_index=True)[list(COLUMNS)]


def _codes(micro_grids: pd.DataFrame) -> pd.Index:
    if "code" not in micro_grids:
        raise WrongCall("micro_grids have no column 'code'; give each its code as text")
    codes = pd.Index(micro_grids["code"])
    if codes.has_duplicates or codes.hasnans:
        raise WrongCall("a code of micro_grids is missing or stands twice; give each its own")
    return codes


def _one_kind(
    codes: pd.Index,
    limit: Limit,
    households: NDArray[np.float64],
    unit: NDArray[np.intp],
    people: NDArray[np.float64],
    walk: NDArray[np.float64] | None,
    lead: pd.Series | None,
) -> pd.DataFrame:
    """The rows of one kind; `unit`, `people`, `walk` and `lead` are those of the buildings where somebody lives."""
    count = len(codes)
    made = pd.DataFrame({
        "micro_grid": codes, "kind": limit.kind, "norm_m": limit.metres, "verified": limit.verified,
        "households": pd.array(np.rint(households), dtype="Int64"),
    })
    nothing = pd.array([pd.NA] * count, dtype="Int64")
    if walk is None:
        empty = np.full(count, np.nan)
        return made.assign(
            covered_households=nothing, coverage=empty, walk_m_mean=empty, walk_m_max=empty,
            nearest=pd.Series(None, index=made.index, dtype="object"), status="no_data",
        )

    covered = np.bincount(unit, weights=np.where(within(walk, limit), people, 0.0), minlength=count)
    reached = np.isfinite(walk)
    of_reached, weight, far = unit[reached], people[reached], walk[reached]
    weights = np.bincount(of_reached, weights=weight, minlength=count)
    longest = np.full(count, -np.inf)
    np.maximum.at(longest, of_reached, far)
    with np.errstate(invalid="ignore"):  # nobody lives there, or nobody reaches any: 0 by 0 is the null that is meant
        share = covered / households
        mean = np.bincount(of_reached, weights=weight * far, minlength=count) / weights
    status = np.select([households == 0, covered == households, covered > 0], ["no_data", "covered", "partial"], "gap")
    return made.assign(
        covered_households=pd.array(np.rint(covered), dtype="Int64"), coverage=share, walk_m_mean=mean,
        walk_m_max=np.where(np.isfinite(longest), longest, np.nan),
        nearest=_most(of_reached, weight, None if lead is None else lead[reached], count), status=status,
    )


def _most(
    unit: NDArray[np.intp], weight: NDArray[np.float64], lead: pd.Series | None, count: int
) -> pd.Series:
    """The facility that most households of each unit are led to; of two with as many, the smaller code."""
    if lead is None:
        return pd.Series(None, index=range(count), dtype="object")
    votes = pd.DataFrame({"unit": unit, "lead": lead.astype(str).to_numpy(), "weight": weight})
    votes = votes[lead.notna().to_numpy()].groupby(["unit", "lead"], as_index=False, sort=True)["weight"].sum()
    # sorted by code already; the first of the largest stays first
    votes = votes.sort_values("weight", ascending=False, kind="stable").drop_duplicates("unit")
    return votes.set_index("unit")["lead"].reindex(range(count)).astype("object")
