"""An old plan against a new one: the list of moves for handing out, and the figures of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridmap.micro_grids.band import Band

__all__ = ["MOVE_COLUMNS", "compare", "move_list"]

#: Columns of the move list.
MOVE_COLUMNS = (
    "building", "name", "address", "part", "floor_from", "floor_to", "households",
    "from_micro_grid", "from_name", "from_leader", "to_micro_grid", "to_name", "to_leader",
)  # fmt: skip


def move_list(
    moved: pd.DataFrame, buildings: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame
) -> pd.DataFrame:
    """Every building, or part of one, whose households change their micro-grid.

    Parameters
    ----------
    moved
        From `gridmap.micro_grids.lineage.flows`.
    buildings
        Rows as they are after the change.
    before, after
        Micro-grids with `code`, `name`, `leader`.

    Returns
    -------
    DataFrame
        Columns `MOVE_COLUMNS`, by the micro-grid that they leave, so that a leader's own lines stand together.

    Examples
    --------
    >>> moved = pd.DataFrame({"building": ["a", "b"], "part": ["a", "b"], "old": ["g1", "g1"], "new": ["g2", "g1"],
    ...                       "households": [12, 9]})
    >>> homes = pd.DataFrame({"code": ["a", "b"], "name": ["1栋", "2栋"]})
    >>> units = pd.DataFrame({"code": ["g1", "g2"], "name": ["一", "二"], "leader": ["余晓", None]})
    >>> move_list(moved, homes, units, units)[["building", "households", "from_leader", "to_name"]].values.tolist()
    [['a', 12, '余晓', '二']]
    """
    away = moved[moved["old"] != moved["new"]]
    rows = buildings.drop_duplicates("code").set_index("code")
    old, new = (units.drop_duplicates("code").set_index("code") for units in (before, after))
    found = pd.DataFrame({"building": away["building"], "households": away["households"]})
    for column in ("name", "address", "part", "floor_from", "floor_to"):
        found[column] = rows[column].reindex(away["part"]).array if column in rows else None
    for side, codes, units in (("from", away["old"], old), ("to", away["new"], new)):
        found[f"{side}_micro_grid"] = codes
        for column in ("name", "leader"):
            found[f"{side}_{column}"] = units[column].reindex(codes).array if column in units else None
    order = ["from_micro_grid", "to_micro_grid", "building", "floor_from"]
    return found[list(MOVE_COLUMNS)].sort_values(order, ignore_index=True)


def compare(moved: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, band: Band) -> dict[str, Any]:
    """Figures of two plans side by side.

    Parameters
    ----------
    moved
        From `flows`.
    before, after
        Micro-grids with `households`, `buildings`, `compactness`, `leader`, `code`.
    band
        The band that both are held to.

    Returns
    -------
    dict
        `before` and `after` with counts and shares; `households_kept` and `households_moved` of those there before and
        after, `share_kept`; `micro_grids_kept`, `..._ended`, `..._new`; `leaders_before`, how many micro-grids had a
        leader, and `leaders_kept`, how many of them still have the same one; `leaders_affected`, the leaders named for
        a micro-grid that loses or gains households.

    Examples
    --------
    >>> moved = pd.DataFrame({"building": ["a"], "part": ["a"], "old": ["g1"], "new": ["g1"], "households": [20]})
    >>> units = pd.DataFrame({"code": ["g1"], "households": [20], "buildings": [2], "compactness": [0.7],
    ...                       "leader": ["余晓"]})
    >>> told = compare(moved, units, units, Band(15, 25, 40))
    >>> told["share_kept"], told["after"]["within_band"], told["leaders_affected"]
    (1.0, 1.0, [])
    """
    total = int(moved["households"].sum())
    away = moved[moved["old"] != moved["new"]]
    kept = total - int(away["households"].sum())
    was, now = set(before["code"]), set(after["code"])
    loads_old, loads_new = (units.drop_duplicates("code").set_index("code")["households"] for units in (before, after))
    touched = set(away["old"]) | set(away["new"]) | (was ^ now)
    touched |= {code for code in was & now if int(loads_old[code]) != int(loads_new[code])}
    leaders = pd.concat([units[["code", "leader"]] for units in (before, after) if "leader" in units])
    named = leaders[leaders["code"].isin(touched)]["leader"].dropna()
    return {
        "before": _figures(before, band),
        "after": _figures(after, band),
        "households_kept": kept,
        "households_moved": total - kept,
        "share_kept": round(kept / total, 4) if total else 1.0,
        "micro_grids_kept": len(was & now),
        "micro_grids_ended": len(was - now),
        "micro_grids_new": len(now - was),
        **_leaders(before, after),
        "leaders_affected": sorted({str(name) for name in named}),
    }


def _leaders(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, int]:
    if "leader" not in before or "leader" not in after:
        return {"leaders_before": 0, "leaders_kept": 0}
    old, new = (units.drop_duplicates("code").set_index("code")["leader"].dropna() for units in (before, after))
    return {"leaders_before": len(old), "leaders_kept": int((new.reindex(old.index) == old).sum())}


def _figures(units: pd.DataFrame, band: Band) -> dict[str, Any]:
    peopled = units[units["households"] > 0]
    loads = peopled["households"].astype(int).to_numpy()
    several = (peopled["buildings"].astype("Int64").fillna(0) > 1).to_numpy(dtype=bool)
    wish = (loads >= band.wish_low) & (loads <= band.wish_high)
    return {
        "micro_grids": len(units),
        "peopled": len(peopled),
        "households": int(loads.sum()),
        "within_band": _share((loads >= band.low) & (loads <= band.high)),
        "within_wish": _share(wish),
        "within_wish_of_several_buildings": _share(wish[several]),
        "mean_households": round(float(loads.mean()), 2) if len(loads) else None,
        "compactness": round(float(units["compactness"].mean()), 4) if len(units) else None,
    }


def _share(marks: np.ndarray) -> float | None:
    return round(float(marks.mean()), 4) if len(marks) else None
