"""Where the households of a micro-grid went: flows between two plans, and the lineage of codes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridmap.micro_grids.towers import share_out

__all__ = ["FLOW_COLUMNS", "flows", "lineage_of"]

FLOW_COLUMNS = ("building", "part", "old", "new", "households")


def flows(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Households by building part, with the micro-grid that they were in and the one that they are in.

    A part that is there before and after is compared with itself. A building divided otherwise is laid out in order of
    its entrances and floors, before and after, and what lies over each other is taken for the same households; where
    the numbers differ, the smaller one counts: who moved in or out has no micro-grid to keep.

    Parameters
    ----------
    before, after
        Building rows with `code`, `part_of`, `households`, `micro_grid`, `unit_no`, `floor_from`, `floor_to`.

    Returns
    -------
    DataFrame
        `building` (code of the whole), `part` (code of the row it is in now), `old`, `new`, `households`.

    Examples
    --------
    >>> def rows(*parts):
    ...     frame = pd.DataFrame(parts, columns=["code", "part_of", "households", "micro_grid"])
    ...     return frame.assign(unit_no=None, floor_from=None, floor_to=None)
    >>> tower = rows(("T-1", "T", 20, "g1"), ("T-2", "T", 20, "g2"))
    >>> flows(tower, rows(("T", None, 30, "g1")))[["old", "new", "households"]].to_numpy().tolist()
    [['g1', 'g1', 15], ['g2', 'g1', 15]]
    """
    old, new = _ordered(before), _ordered(after)
    known = old[old["micro_grid"].notna()]
    same = known.merge(new, on=["building", "code"], suffixes=("_old", "_new"))
    counts_old, counts_new = known.groupby("building").size(), new.groupby("building").size()
    matched = same.groupby("building").size()
    alike = matched.index[
        (counts_old.reindex(matched.index) == matched) & (counts_new.reindex(matched.index) == matched)
    ]
    same = same[same["building"].isin(alike)]
    parts = [
        pd.DataFrame(
            {
                "building": same["building"], "part": same["code"], "old": same["micro_grid_old"],
                "new": same["micro_grid_new"],
                "households": np.minimum(same["households_old"], same["households_new"]),
            }
        )
    ]  # fmt: skip
    rest = sorted((set(known["building"]) & set(new["building"])) - set(alike))
    groups_old, groups_new = known.groupby("building"), new.groupby("building")
    for building in rest:  # buildings that are divided otherwise than before: few
        parts.append(_overlaid(building, groups_old.get_group(building), groups_new.get_group(building)))
    table = pd.concat(parts, ignore_index=True)
    table = table[table["households"] > 0].sort_values(["building", "part", "old", "new"], ignore_index=True)
    return table.astype({"households": "int64"})


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "building": rows["part_of"].where(rows["part_of"].notna(), rows["code"]).astype(str),
            "code": rows["code"].astype(str),
            "micro_grid": rows["micro_grid"],
            "households": rows["households"].astype("Int64").fillna(0).astype("int64"),
            "unit": rows["unit_no"].astype("Int64").fillna(0).astype("int64"),
            "floor": rows["floor_from"].astype("Int64").fillna(0).astype("int64"),
        }
    )
    return frame.sort_values(["building", "unit", "floor", "code"], ignore_index=True)


def _overlaid(building: str, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Two divisions of one building laid over each other, each as a line of length 1."""
    total = int(min(old["households"].sum(), new["households"].sum()))
    empty = pd.DataFrame({name: [] for name in FLOW_COLUMNS})
    if total == 0:
        return empty
    ends_old = np.r_[0.0, np.cumsum(old["households"]) / old["households"].sum()]
    ends_new = np.r_[0.0, np.cumsum(new["households"]) / new["households"].sum()]
    shared = np.minimum(ends_old[1:, None], ends_new[None, 1:]) - np.maximum(ends_old[:-1, None], ends_new[None, :-1])
    row, column = np.nonzero(shared > 1e-9)
    counts = share_out(total, shared[row, column])
    return pd.DataFrame(
        {
            "building": building, "part": new["code"].to_numpy()[column], "old": old["micro_grid"].to_numpy()[row],
            "new": new["micro_grid"].to_numpy()[column], "households": counts,
        }
    )  # fmt: skip


def lineage_of(moved: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, day: str) -> pd.DataFrame:
    """Rows for the table `lineage`: what became of every micro-grid that a change touched.

    Parameters
    ----------
    moved
        From `flows`.
    before, after
        Micro-grids with `code` and `households`, before and after.
    day
        ISO day of the change.

    Returns
    -------
    DataFrame
        `old_code`, `new_code`, `households`, `date`, `kind`: `kept` (goes on with part of its households), `moved` (to
        another one that was there), `split` (to a new one), `merged` (of one that ends, to one that was there), `new`
        (no households before), `ended` (nothing is left of it).

    Examples
    --------
    >>> moved = pd.DataFrame({"old": ["g1", "g2"], "new": ["g1", "g1"], "households": [20, 10]})
    >>> units = pd.DataFrame({"code": ["g1", "g2"], "households": [20, 10]})
    >>> told = lineage_of(moved, units, units.iloc[:1].assign(households=30), "2026-05-01")
    >>> told[["old_code", "new_code", "kind"]].to_numpy().tolist()
    [['g1', 'g1', 'kept'], ['g2', 'g1', 'merged']]
    """
    was, now = set(before["code"]), set(after["code"])
    table = moved.groupby(["old", "new"])["households"].sum().reset_index()
    loads = before.set_index("code")["households"], after.set_index("code")["households"]
    same = table[table["old"] == table["new"]].set_index("old")["households"]
    unchanged = {code for code in was & now if loads[0][code] == loads[1][code] == same.get(code, 0)}
    table = table[~(table["old"].isin(unchanged) & table["new"].isin(unchanged))]
    kind = np.select(
        [table["old"] == table["new"], ~table["new"].isin(was), ~table["old"].isin(now)],
        ["kept", "split", "merged"], default="moved",
    )  # fmt: skip
    rows = pd.DataFrame(
        {
            "old_code": table["old"].to_numpy(), "new_code": table["new"].to_numpy(),
            "households": table["households"].to_numpy(), "date": day, "kind": kind,
        }
    )  # fmt: skip
    reached, left = set(table["new"]), set(table["old"])
    born = sorted(code for code in now - was if code not in reached)
    gone = sorted(code for code in was - now if code not in left)
    extra = [
        pd.DataFrame({"old_code": None, "new_code": born, "households": 0, "date": day, "kind": "new"}),
        pd.DataFrame({"old_code": gone, "new_code": None, "households": 0, "date": day, "kind": "ended"}),
    ]
    found = pd.concat([rows, *(part for part in extra if len(part))], ignore_index=True)
    return found.sort_values(["old_code", "new_code"], na_position="last", ignore_index=True)
