"""The figures of a street office: sizes against the norms, who is in charge, what is uncovered, how work is spread.

Read by counts and plain columns, off what one person sees of the city; no geometry is loaded. Each figure is told with
its numerator and denominator, so that a page can say what it means.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd

from gridmap.measures.equity import gini
from gridmap.quality_levels import bands_of_facts
from layers.incidents import CLOSED
from layers.schema import NEEDS

__all__ = [
    "AGES", "PERIOD_DAYS", "border_rows", "borders", "coverage_gaps", "incident_rates", "leaders", "leads", "sizes",
    "workload",
]

#: Ages of open incidents, in days: up to 3, to 7, to 30, above.
AGES = (3, 7, 30)
#: Rates count what was reported within so many days.
PERIOD_DAYS = 365
_NEEDS = tuple(need.name for need in NEEDS)
#: Digits of a code -> the layer of such units.
_LEVELS = {9: "streets", 12: "communities", 15: "grids", 18: "micro_grids"}
_LEADS = ("微网格长", "网格长", "micro_grid_leader", "grid_leader", "leader")

Told = dict[str, Any]


class Reads(Protocol):
    """What the figures are read from: what one person sees of a store."""

    def meta(self) -> dict[str, str]: ...

    def sees(self, name: str) -> bool: ...

    def columns(
        self, name: str, columns: Sequence[str], *, within: Sequence[str] = ..., as_of: date | None = ...,
        without: Sequence[str] = ..., only: Mapping[str, Sequence[str]] | None = ...,
    ) -> pd.DataFrame: ...  # fmt: skip

    def tally(
        self, name: str, by: Sequence[str], *, sums: Sequence[str] = ..., within: Sequence[str] = ...,
        digits: Mapping[str, int] | None = ..., steps: Mapping[str, Sequence[str]] | None = ...,
        as_of: date | None = ..., only: Mapping[str, Sequence[str]] | None = ..., without: Sequence[str] = ...,
        unless: Mapping[str, Sequence[str]] | None = ...,
    ) -> pd.DataFrame: ...  # fmt: skip


def sizes(seen: Reads, within: Sequence[str], today: date, *, most: int = 300) -> Told:
    """Micro-grids, grids and communities against their bands.

    Micro-grids count where people live and that are no special site; grids likewise. Communities are held to the most
    households and residents that the settings name.

    Returns
    -------
    For each level: `counted`, `within`, and `out` (rows of code, name, households, reason, reason_zh; at most `most`).
    """
    facts = seen.meta()
    told: Told = {}
    for level in ("micro_grids", "grids"):
        units = seen.columns(
            level, ["code", "name", "kind", "households", "within_band", "reason", "reason_zh"], within=within,
            as_of=today,
        )
        lived = units[(units["households"].fillna(0) > 0) & (units["kind"].astype("object") != "special")]
        out = lived[~lived["within_band"].fillna(False).astype(bool)]
        told[level] = {"counted": len(lived), "within": len(lived) - len(out), "out": _rows(out, most)}
    settings = _split_settings(facts)
    units = seen.columns("communities", ["code", "name", "households", "residents"], within=within, as_of=today)
    homes, people = (pd.to_numeric(units[name]).fillna(0) for name in ("households", "residents"))
    over = (homes > settings["community_households"]) | (people > settings["community_residents"])
    told["communities"] = {
        "counted": len(units), "within": int((~over).sum()), "out": _rows(units[over], most),
        "most": [settings["community_households"], settings["community_residents"]],
    }
    low, target, high = bands_of_facts(facts)[""]
    told["band"] = [low, target, high]
    return told


def leaders(seen: Reads, within: Sequence[str], today: date, *, most: int = 300) -> Told:
    """Micro-grids and grids with people and without somebody who leads them today, by `staff`.

    Where one may not see the staff, the column `leader` of the units speaks.

    Returns
    -------
    For each level: `counted`, `without`, and `rows`.
    """
    told: Told = {"by_staff": seen.sees("staff")}
    led = set(holders(seen, within, today)["area"]) if seen.sees("staff") else set()
    for level in ("micro_grids", "grids"):
        units = seen.columns(level, ["code", "name", "households", "leader"], within=within, as_of=today)
        lived = units[units["households"].fillna(0) > 0]
        has = lived["code"].isin(led) if seen.sees("staff") else lived["leader"].notna()
        bare = lived[~has]
        told[level] = {"counted": len(lived), "without": len(bare), "rows": _rows(bare, most)}
    return told


def holders(seen: Reads, within: Sequence[str], today: date) -> pd.DataFrame:
    """Who leads which unit today: name, role, area."""
    staff = seen.columns("staff", ["name", "role", "area", "from", "to"], within=within, as_of=today)
    return staff[staff["role"].astype("object").map(leads).astype(bool)].reset_index(drop=True)


def leads(role: object) -> bool:
    """Whether somebody of that role is in charge of the unit.

    Examples
    --------
    >>> leads("微网格长"), leads("grid_leader"), leads("网格员"), leads(None)
    (True, True, False, False)
    """
    return isinstance(role, str) and role.strip().lower() in _LEADS


def coverage_gaps(seen: Reads, within: Sequence[str], titles: Mapping[str, tuple[str, str]]) -> list[Told]:
    """Households beyond the norm by kind of facility, the most first.

    `buildings` are those of micro-grids where nobody is covered.
    """
    rows = seen.tally(
        "coverage", ["kind", "status", "norm_m", "verified"], sums=("households", "covered_households"), within=within
    )
    if rows.empty:
        return []
    homes = seen.columns("micro_grids", ["code", "buildings"], within=within)
    bare = seen.columns("coverage", ["micro_grid", "kind"], within=within, only={"status": ["gap"]})
    bare = bare.assign(buildings=pd.to_numeric(bare["micro_grid"].map(homes.set_index("code")["buildings"])).fillna(0))
    standing = bare.groupby("kind")["buildings"].sum()
    told = []
    for kind, part in rows.groupby("kind"):
        known = part[part["status"] != "no_data"]
        households, covered = int(known["households"].sum()), int(known["covered_households"].sum())
        told.append({
            "kind": kind, "zh": titles.get(kind, (kind, kind))[0], "en": titles.get(kind, (kind, kind))[1],
            "norm_m": float(part["norm_m"].max()), "verified": bool(part["verified"].fillna(False).astype(bool).all()),
            "households": households, "uncovered": households - covered,
            "micro_grids": int(part.loc[part["status"] == "gap", "n"].sum()),
            "partial": int(part.loc[part["status"] == "partial", "n"].sum()),
            "unknown": int(part.loc[part["status"] == "no_data", "n"].sum()),
            "buildings": int(standing.get(kind, 0)),
        })  # fmt: skip
    return sorted(told, key=lambda row: (-row["uncovered"], row["kind"]))


def borders(seen: Reads, within: Sequence[str], decided: set[tuple[str, str]]) -> Told:
    """How many things wait in the border inbox, by layer and reason, and how many were decided by hand."""
    left = border_rows(seen, within, decided)
    counts = left.groupby(["layer", "reason"]).size()
    return {
        "waiting": len(left), "decided": len(left.attrs["decided"]),
        "rows": [{"layer": layer, "reason": reason, "n": int(n)} for (layer, reason), n in counts.items()],
    }  # fmt: skip


def border_rows(seen: Reads, within: Sequence[str], decided: set[tuple[str, str]]) -> pd.DataFrame:
    """What waits in the border inbox: not what was placed by hand, and no incident that nobody works on any more.

    `attrs["decided"]` holds layer and code of what was placed by hand.
    """
    inbox = seen.columns(
        "border_inbox", ["layer", "code", "reason", "micro_grid", "others", "distance_m"], within=within
    )
    things = list(zip(inbox["layer"], inbox["code"], strict=True))
    done = [thing in decided for thing in things]
    open_ = set()
    if (inbox["layer"] == "incidents").any():
        rows = seen.columns("incidents", ["code", "status"], within=within, without=("closed_at",))
        open_ = set(rows.loc[~rows["status"].isin(CLOSED), "code"])
    over = [layer == "incidents" and code not in open_ for layer, code in things]
    left = inbox[~(np.array(done, dtype=bool) | np.array(over, dtype=bool))].reset_index(drop=True)
    left.attrs["decided"] = [thing for thing, is_done in zip(things, done, strict=True) if is_done]
    return left


def workload(seen: Reads, within: Sequence[str], today: date, *, most: int = 300) -> Told:
    """Households, people with needs and open incidents of each leader, and how evenly they are spread.

    Without the right to see staff, and where nobody is in charge, micro-grids stand for their leaders.

    Returns
    -------
    `by` (leader or micro_grid), `n`, `spread` (for households, needs and incidents: gini, mean, least, most), `rows`
    by households.
    """
    needs = [*_NEEDS]
    units = seen.columns("micro_grids", ["code", "name", "households", *needs], within=within, as_of=today)
    units = units[units["households"].fillna(0) > 0]
    table = pd.DataFrame({
        "code": units["code"], "households": pd.to_numeric(units["households"]).fillna(0),
        "needs": units[needs].apply(pd.to_numeric).fillna(0).sum(axis=1),
    })  # fmt: skip
    table["incidents"] = pd.to_numeric(table["code"].map(_open(seen, within))).fillna(0)
    by, named = "micro_grid", units["code"].map(units.set_index("code")["name"])
    who = holders(seen, within, today) if seen.sees("staff") else pd.DataFrame({"name": [], "area": []})
    who = who[who["area"].astype("object").isin(table["code"])]
    if len(who):
        by = "leader"
        # of two in charge of one unit each has half of it
        share = 1.0 / who.groupby("area")["area"].transform("size")
        joined = who[["name", "area"]].assign(share=share).merge(table, left_on="area", right_on="code")
        for name in ("households", "needs", "incidents"):
            joined[name] = joined[name] * joined["share"]
        # two people of one name in two communities are two people
        grouped = joined.groupby(["name", joined["area"].str[:12].rename("community")])
        table = grouped[["households", "needs", "incidents"]].sum().reset_index().drop(columns="community")
        table["units"] = grouped.size().to_numpy()
        table["code"] = grouped["area"].min().to_numpy()
    else:
        table = table.assign(name=named, units=1)
    table = table.sort_values(["households", "code"], ascending=[False, True])
    return {
        "by": by, "n": len(table),
        "spread": {name: _spread(table[name]) for name in ("households", "needs", "incidents")},
        "rows": [
            {**row, "households": round(row["households"], 1), "needs": round(row["needs"], 1),
             "incidents": round(row["incidents"], 1)}
            for row in table.head(most).astype(object).where(table.head(most).notna(), None).to_dict("records")
        ],
    }  # fmt: skip


def incident_rates(seen: Reads, within: Sequence[str], today: date) -> Told:
    """Incidents in all and by the units below: reported in a year, for each 1,000 households, open by age, overdue.

    Returns
    -------
    `all` and `rows` (by unit) with `households`, `reported`, `per_1000` (None where nobody lives), `open`, `ages` (open
    ones up to 3, 7, 30 days old, and older), `level` of the units, `period_days`.
    """
    size, units = _units_below(seen, within, today)
    level = _LEVELS[size]
    if not seen.sees("incidents") or units.empty:
        return {"level": level, "all": _rate(0, 0, [0] * (len(AGES) + 1)), "rows": [], "period_days": PERIOD_DAYS}
    times = [_start(today, PERIOD_DAYS), *(_start(today, age) for age in reversed(AGES))]
    found = seen.tally(
        "incidents", ["micro_grid", "status", "?closed_at"], digits={"micro_grid": size},
        steps={"reported_at": times}, within=within,
    )
    open_ = ~(found["status"].isin(CLOSED) | found["closed_at"].eq(1))
    # a report without a time is as old as can be, and in no year
    step = pd.to_numeric(found["step_reported_at"]).fillna(0).astype(int)
    bucket = np.array([3, 3, 2, 1, 0])[step]  # before the year, in it, 30, 7, 3 days
    rows = []
    by_unit: dict[str, Told] = {}
    for code, part in found.assign(open=open_, recent=step > 0, bucket=bucket).groupby("micro_grid"):
        waiting = part[part["open"]].groupby("bucket")["n"].sum()
        by_unit[str(code)] = {
            "reported": int(part.loc[part["recent"], "n"].sum()), "ages": [int(waiting.get(at, 0)) for at in range(4)],
        }  # fmt: skip
    for code, name, households in zip(units["code"], units["name"], units["households"], strict=True):
        counted = by_unit.get(code, {"reported": 0, "ages": [0] * 4})
        homes = 0 if pd.isna(households) else int(households)
        rows.append({
            "code": code, "name": None if pd.isna(name) else name,
            **_rate(homes, counted["reported"], counted["ages"]),
        })  # fmt: skip
    totals = [sum(row["ages"][at] for row in rows) for at in range(4)]
    return {
        "level": level, "period_days": PERIOD_DAYS, "rows": rows,
        "all": _rate(sum(row["households"] for row in rows), sum(row["reported"] for row in rows), totals),
    }  # fmt: skip


def _open(seen: Reads, within: Sequence[str]) -> pd.Series:
    """Open incidents by micro-grid."""
    if not seen.sees("incidents"):
        return pd.Series(dtype="float64")
    found = seen.tally("incidents", ["micro_grid"], within=within, without=("closed_at",), unless={"status": CLOSED})
    return found.dropna(subset=["micro_grid"]).set_index("micro_grid")["n"]


def _rate(households: int, reported: int, ages: list[int]) -> Told:
    per = round(1000.0 * reported / households, 1) if households else None
    return {
        "households": households, "reported": reported, "per_1000": per, "open": sum(ages), "ages": ages,
        "overdue": ages[-2] + ages[-1],
    }  # fmt: skip


def _spread(values: pd.Series) -> Told:
    numbers = values.to_numpy(dtype="float64")
    if not len(numbers):
        return {"gini": None, "mean": None, "least": None, "most": None}
    found = gini(numbers)
    return {
        "gini": None if math.isnan(found) else round(found, 3), "mean": round(float(numbers.mean()), 1),
        "least": round(float(numbers.min()), 1), "most": round(float(numbers.max()), 1),
    }  # fmt: skip


def _units_below(seen: Reads, within: Sequence[str], today: date) -> tuple[int, pd.DataFrame]:
    """Digits and rows of the units that an area is told by: the level below it that has more than one of them."""
    shortest = min((len(code) for code in within), default=0)
    sizes = [size for size in _LEVELS if size > shortest] or [18]
    for size in sizes:
        units = seen.columns(_LEVELS[size], ["code", "name", "households"], within=within, as_of=today)
        if len(units) > 1:
            break
    return size, units


def _start(today: date, days: int) -> str:
    return f"{(today - timedelta(days=days)).isoformat()}T00:00:00"


def _split_settings(facts: Mapping[str, str]) -> dict[str, int]:
    kept = json.loads(facts.get("settings", "{}")).get("split", {})
    return {
        "community_households": int(kept.get("community_households", 3000)),
        "community_residents": int(kept.get("community_residents", 10_000)),
    }


def _rows(frame: pd.DataFrame, most: int) -> list[Told]:
    head = frame.head(most)
    return [
        {name: (value if not hasattr(value, "item") else value.item()) for name, value in row.items()}
        for row in head.astype(object).where(head.notna(), None).to_dict("records")
    ]
