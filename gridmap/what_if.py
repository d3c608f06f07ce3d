"""What if, for a whole city: before and after for every micro-grid, grid, community, street and the total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from gridmap.access.completeness import completeness
from gridmap.access.levels import LEVELS, coverage_levels
from gridmap.access.whatif import Change, Outcome, WhatIf
from gridmap.city_walks import CityWalks, near_city, read_walks, spot
from gridmap.norms import Norms
from gridmap.progress import Progress, silent
from gridmap.stores import open_store
from layers.errors import WrongCall

__all__ = ["Supposed", "side_by_side", "suppose", "what_if"]

_WORDS = ("status", "coverage", "covered_households", "walk_m_mean")


@dataclass(frozen=True, kw_only=True)
class Supposed:
    """What a change would do.

    Parameters
    ----------
    units
        One row a unit and kind computed again, from the total (`level` = city, `code` = "") down to micro-grids:
        `households`, and before and after of `covered_households`, `coverage`, `status` and `walk_m_mean` as
        `covered_before`, `covered_after` and so on, and of each need that is counted (`aged_80_before`, ...);
        `changed` where anything differs.
    outcome
        The answer of `gridmap.access.whatif`: coverage rows that differ, gaps as they would be.
    gaps_before
        Gaps of the kinds as they are.
    titles
        Kind -> Chinese and English title.
    verified
        Kind -> whether the distance it is held to is a norm that somebody has checked.
    """

    units: pd.DataFrame
    outcome: Outcome
    gaps_before: gpd.GeoDataFrame
    titles: dict[str, tuple[str, str]]
    verified: dict[str, bool]

    def level(self, name: str, *, changed: bool = True) -> pd.DataFrame:
        """Rows of one level, those that differ or all."""
        rows = self.units[self.units["level"] == name]
        return rows[rows["changed"]] if changed else rows

    def words(self, lang: str = "zh") -> str:
        """The answer in a few sentences, one a kind."""
        said = []
        for row in self.level("city", changed=False).itertuples():
            zh, en = self.titles[row.kind]
            norm, gained, lost = row.norm_m_after, self.outcome.gained[row.kind], self.outcome.lost[row.kind]
            gaps = [int((frame["kind"] == row.kind).sum()) for frame in (self.gaps_before, self.outcome.gaps)]
            share = [row.covered_before / row.households, row.covered_after / row.households] if row.households else [
                0.0, 0.0]  # fmt: skip
            doubt = not self.verified[row.kind]
            if lang == "zh":
                said.append(
                    f"{zh}（{norm:g}米{'，未核对' if doubt else ''}）: 达标 {row.covered_before:,} → "
                    f"{row.covered_after:,} 户（{share[0]:.1%} → {share[1]:.1%}）; 新达标 {gained:,} 户, 不再达标 "
                    f"{lost:,} 户; 缺口 {gaps[0]} → {gaps[1]} 处。"
                )
            else:
                said.append(
                    f"{en} ({norm:g} m{', unverified' if doubt else ''}): {row.covered_before:,} -> "
                    f"{row.covered_after:,} households within the norm ({share[0]:.1%} -> {share[1]:.1%}); {gained:,} "
                    f"gain it, {lost:,} lose it; gaps {gaps[0]} -> {gaps[1]}."
                )
        return "\n".join(said)


def what_if(
    city: str | Path,
    *,
    add: Sequence[str] = (),
    move: Sequence[str] = (),
    close: Sequence[str] = (),
    norm: Sequence[str] = (),
    norms: str | Path | None = None,
    progress: Progress = silent,
) -> Supposed:
    """What a change of facilities or norms would do to a city; the city stays as it is.

    Parameters
    ----------
    city
        Store URL.
    add
        New facilities, each `kind@x,y`; `x,y` in degrees (longitude first) or in the city's metres.
    move
        `code@x,y`: a facility and its new place.
    close
        Codes of facilities.
    norm
        `kind=metres`: another longest walk.
    norms
        Norms file in place of the packaged one and of what is changed in the store.
    progress
        Told what is being done.

    Raises
    ------
    WrongCall
        Where nothing is supposed, or something that is said cannot be read or is not there.
    """
    if not (add or move or close or norm):
        raise WrongCall("nothing is supposed; say --add, --move, --close or --norm")
    progress("reading", 0.05)
    with open_store(city) as store:
        walks = read_walks(store, norms=norms)
    homes, reach = walks.areas("buildings"), walks.settings.limit_m
    added, moved = [], {}
    for text in add:
        kind, place = _at(text, walks, "kind")
        near_city(place, homes, within_m=reach, text=text)
        added.append((kind, place))
    for text in move:
        code, place = _at(text, walks, "code")
        near_city(place, homes, within_m=reach, text=text)
        moved[code] = place
    change = Change(add=added, move=moved, close=tuple(close), norms=dict(_norm(text) for text in norm))
    progress("walking", 0.3)
    return suppose(walks, change, progress=progress)


def suppose(walks: CityWalks, change: Change, *, progress: Progress = silent) -> Supposed:
    """The same for a city that has been read; only the kinds that the change touches are looked at.

    Raises
    ------
    WrongCall
        For a facility or a kind that is not there.
    """
    facilities = walks.facilities()
    codes = [*change.close, *(change.move or {})]
    kinds = {kind for kind, _ in change.add} | set(change.norms or {})
    kinds |= set(facilities.loc[facilities["code"].isin(codes), "kind"])
    missing = [code for code in codes if code not in set(facilities["code"])]
    if missing:
        raise WrongCall(f"there is no facility {missing[0]!r} of a kind with a norm; name one by its code")
    unknown = sorted(kind for kind in kinds if kind not in walks.norms)
    if unknown:
        raise WrongCall(f"no norm with a distance for {unknown[0]!r}; the kinds are {', '.join(walks.norms.keys())}")
    table = walks.norms.only(sorted(kinds))
    micro_grids, buildings = walks.areas("micro_grids"), walks.areas("buildings")
    city = WhatIf(
        micro_grids, buildings, facilities[facilities["kind"].isin(kinds)], walks.network, table,
        limit_m=walks.settings.limit_m, merge_m=walks.settings.gap_merge_m,
        outline=walks.areas("districts").geometry.union_all() if len(walks.areas("districts")) else None,
    )
    progress("supposing", 0.7)
    outcome = city.ask(change)
    progress("before and after", 0.9)
    known = completeness(buildings, walks.areas("facilities"), sorted(kinds), complete=walks.settings.complete)
    held = {norm.key: norm.metres for norm in table if norm.metres is not None}
    before = coverage_levels(micro_grids, buildings, city.metres, held, completeness=known)
    after = coverage_levels(
        micro_grids, buildings, outcome.walks, held | dict(change.norms or {}), completeness=known
    )
    return Supposed(
        units=side_by_side(before, after), outcome=outcome, gaps_before=city.gaps,
        titles={norm.key: (norm.zh, norm.en) for norm in table}, verified=_verified(table, change),
    )


def _verified(table: Norms, change: Change) -> dict[str, bool]:
    return {norm.key: norm.distance_verified and norm.key not in (change.norms or {}) for norm in table}


def side_by_side(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two tables of `coverage_levels` on one row a unit and kind, the total first, as `Supposed.units` has them."""
    needs = [
        name.removeprefix("covered_") for name in before
        if name.startswith("covered_") and name != "covered_households" and before[name].notna().any()
    ]
    columns = ["norm_m", "unknown_households", *_WORDS, *(f"covered_{need}" for need in needs)]
    key = ["level", "code", "kind"]
    one, other = (_with_total(frame, key, columns) for frame in (before, after))
    table = one.merge(other, on=[*key, "households"], suffixes=("_before", "_after"), validate="one_to_one")
    short = {f"covered_households_{when}": f"covered_{when}" for when in ("before", "after")}
    short |= {f"covered_{need}_{when}": f"{need}_{when}" for need in needs for when in ("before", "after")}
    table = table.rename(columns=short)
    same = pd.Series(True, index=table.index)
    for name in (*_WORDS, "norm_m", *needs):
        stem = "covered" if name == "covered_households" else name
        left, right = table[f"{stem}_before"], table[f"{stem}_after"]
        same &= (left == right).fillna(False).astype(bool) | (left.isna() & right.isna())
    return table.assign(changed=~same)


def _with_total(frame: pd.DataFrame, key: list[str], columns: list[str]) -> pd.DataFrame:
    """The frame with a row for the whole city above the others; counts of what is not known there are 0."""
    count = [name for name in ("households", *columns) if name.startswith("covered_") or name.endswith("households")]
    frame = frame.assign(**{name: frame[name].fillna(0) for name in count})
    districts = frame[frame["level"] == "districts"]
    total = districts.groupby("kind", as_index=False).agg(
        {**dict.fromkeys(count, "sum"), "norm_m": "first"}
    ).assign(level="city", code="")  # fmt: skip
    weights = districts["households"].astype("float64") * districts["walk_m_mean"].notna()
    walked = (districts["walk_m_mean"].fillna(0) * weights).groupby(districts["kind"]).sum()
    reached = weights.groupby(districts["kind"]).sum()
    mean = walked / reached.where(reached > 0)
    inside = total["covered_households"].astype("float64")
    homes = (total["households"] - total["unknown_households"]).astype("float64")
    total = total.assign(
        coverage=inside / homes.where(homes > 0), walk_m_mean=total["kind"].map(mean),
        status=[
            "no_data" if not all_ else "covered" if some == all_ else "partial" if some else "gap"
            for some, all_ in zip(inside, homes, strict=True)
        ],
    )
    levels = pd.Categorical(
        [*total["level"], *frame["level"]], categories=["city", *LEVELS], ordered=True
    )
    both = pd.concat([total[[*key, "households", *columns]], frame[[*key, "households", *columns]]], ignore_index=True)
    order = both.assign(rank=levels).sort_values(["rank", "code", "kind"]).index
    return both.loc[order].reset_index(drop=True)


def _at(text: str, walks: CityWalks, what: str) -> tuple[str, tuple[float, float]]:
    name, mark, place = text.rpartition("@")
    if not (name and mark):
        raise WrongCall(f"say {what}@x,y, not {text!r}")
    return name, spot(place, walks.crs)


def _norm(text: str) -> tuple[str, float]:
    kind, _, metres = text.partition("=")
    try:
        return kind.strip(), float(metres)
    except ValueError:
        raise WrongCall(f"say kind=metres such as canteen=500, not {text!r}") from None
