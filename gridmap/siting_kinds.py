"""What to build where for several kinds of facility under one budget, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridmap.access.coverage import coverage
from gridmap.access.siting_budget import KindAsked, KindsPlan, solve_kinds
from gridmap.access.walk import walk_pairs
from gridmap.city_walks import CityWalks, read_walks
from gridmap.maps.folium_map import draw
from gridmap.maps.page import write_page
from gridmap.progress import Progress, silent
from gridmap.site_places import free_places
from gridmap.stores import open_store
from layers.errors import WrongCall
from layers.findings import Findings

__all__ = ["KindsSited", "costs_of", "draw_kinds", "site_kinds"]

_LAYERS = ("districts", "communities", "green", "water", "barriers", "roads")


@dataclass(frozen=True, kw_only=True)
class KindsSited:
    """What `site_kinds` found.

    Parameters
    ----------
    plan
        The answer with bound and gap.
    kinds
        One row a kind: `kind`, `zh`, `en`, `norm_m`, `verified`, `cost`, `weight` (what was counted), `total`, `before`
        and `after` (how much of it lies within the norm), `existing`, `new`.
    sites
        New places: `code`, `kind`, geometry in the city's CRS.
    budget
        What could be spent.
    candidates
        How many places were looked at.
    coverage
        Coverage tables before and after, under the titles that the map uses.
    facilities
        Existing and new ones under the same titles.
    """

    plan: KindsPlan
    kinds: pd.DataFrame
    sites: gpd.GeoDataFrame
    budget: float
    candidates: int
    coverage: pd.DataFrame
    facilities: gpd.GeoDataFrame

    def words(self, lang: str = "zh") -> str:
        """The plan in a few sentences."""
        zh, plan = lang == "zh", self.plan
        proof = ("已证明最优" if zh else "proven best") if plan.status == "optimal" else (
            f"与理论上限差距不超过 {plan.gap:.1%}" if zh else f"no plan can be better by more than {plan.gap:.1%}"
        )
        said = [
            f"预算 {self.budget:g} 用去 {plan.spent:g}, 备选 {self.candidates} 处, 新增 {len(self.sites)} 处; {proof}。"
            if zh else
            f"{plan.spent:g} of {self.budget:g} spent, {self.candidates} candidates, {len(self.sites)} new places; "
            f"{proof}."
        ]
        for row in self.kinds.itertuples():
            share = [part / row.total if row.total else 1.0 for part in (row.before, row.after)]
            doubt = "" if row.verified else ("（未核对）" if zh else " (unverified)")
            said.append(
                f"{row.zh}: 新增 {row.new} 处（现有 {row.existing} 处）, {row.norm_m:g} 米{doubt}以内 "
                f"{row.before:,.0f} → {row.after:,.0f}（{share[0]:.1%} → {share[1]:.1%}）。" if zh else
                f"{row.en}: {row.new} new ({row.existing} exist); within {row.norm_m:g} m{doubt} {row.before:,.0f} -> "
                f"{row.after:,.0f} {row.weight} ({share[0]:.1%} -> {share[1]:.1%})."
            )
        return "\n".join(said)

    def facts(self) -> dict[str, object]:
        """The plan as JSON has it."""
        plan = self.plan
        return {
            "spent": plan.spent, "budget": self.budget, "objective": plan.objective, "bound": plan.bound,
            "gap": plan.gap if np.isfinite(plan.gap) else None, "status": plan.status, "candidates": self.candidates,
            "kinds": self.kinds.to_dict("records"),
            "sites": [
                {"code": row.code, "kind": row.kind, "x": row.geometry.x, "y": row.geometry.y}
                for row in self.sites.itertuples()
            ],
            "words": {"zh": self.words("zh"), "en": self.words("en")},
        }  # fmt: skip


def site_kinds(
    city: str | Path,
    costs: Mapping[str, float],
    *,
    budget: float,
    candidates: str | Path | None = None,
    exclude: str | Path | None = None,
    use: str | None = None,
    min_area_m2: float = 0.0,
    weight: str = "households",
    norms: str | Path | None = None,
    datum: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> KindsSited:
    """Choose what to build where for several kinds, so that most is within the norms of all of them together.

    Parameters
    ----------
    city
        Store URL.
    costs
        Kind -> what one new facility costs, above 0.
    budget
        What all new ones may cost together. A site takes one kind only; existing facilities stay and cost nothing.
    candidates, exclude, use, min_area_m2, datum
        As in `gridmap.siting.site_city`.
    weight
        What is counted for every kind: `households` or a need; `norms`: for each kind the need that its norm names
        (`aged_60` for a canteen), households where it names none.
    norms
        Norms file in place of the packaged one and of what is changed in the store.
    seed
        Of the search.

    Raises
    ------
    WrongCall
        For a kind without a norm, a cost or budget that is none, or a weight that the buildings do not have.
    """
    progress("reading", 0.05)
    with open_store(city) as store:
        walks = read_walks(store, norms=norms)
        plots = store.read("plots") if "plots" in store.layers() else None
    unknown = [kind for kind in costs if kind not in walks.norms]
    if unknown or not costs:
        known = ", ".join(walks.norms.keys())
        raise WrongCall(f"no norm with a distance for {unknown[0]!r}; the kinds are {known}" if unknown else "no kind")
    layers = walks.layers if plots is None else {**walks.layers, "plots": plots}
    free = free_places(
        candidates, layers, walks.crs, datum=datum, exclude=exclude, use=use, min_area_m2=min_area_m2,
        findings=Findings(),
    )
    progress("walking between homes and candidates", 0.3)
    exist = walks.facilities(tuple(costs)).reset_index(drop=True)
    places = gpd.GeoDataFrame(
        {"code": [str(at) for at in range(len(free) + len(exist))]}, geometry=[*free.geometry, *exist.geometry],
        crs=walks.crs,
    )
    homes = walks.areas("buildings").reset_index(drop=True)
    asked, counted = {}, {}
    for kind in sorted(costs):
        counted[kind] = _weight(walks, kind, weight, homes)
        own = np.flatnonzero(exist["kind"].to_numpy() == kind) + len(free)
        asked[kind] = KindAsked(
            distances=_metres(walks, kind, homes, places, [*range(len(free)), *own]),
            radius_m=float(walks.norms[kind].metres or 0), cost=costs[kind],
            weights=homes[counted[kind]].fillna(0).to_numpy(dtype="float64"), fixed=tuple(int(at) for at in own),
        )
    progress("choosing", 0.6)
    plan = solve_kinds(asked, budget=budget, seed=seed)
    progress("before and after", 0.85)
    return _sited(walks, plan, asked, counted, costs, budget, free, exist, homes)


def draw_kinds(city: str | Path, sited: KindsSited, path: str | Path, *, lang: str = "zh") -> Path:
    """A map page of the plan that opens without a network: each kind now and as planned, to switch between."""
    with open_store(city) as store:
        micro_grids = store.read("micro_grids")
        frames = {name: store.read(name) for name in _LAYERS if name in store.layers()}
        name = store.meta().get("name", "")
    page = draw(
        micro_grids, measure=f"coverage:{_titles(sited.kinds['zh'].iloc[0])[1]}",
        layers={**frames, "coverage": sited.coverage, "facilities": sited.facilities},
        title=f"{name} · {sited.words(lang)}", lang=lang,
    )
    return write_page(page, path, self_contained=True)


def costs_of(texts: Sequence[str]) -> dict[str, float]:
    """Kinds and costs as people type them.

    Examples
    --------
    >>> costs_of(["canteen=30", "nursery=20.5"])
    {'canteen': 30.0, 'nursery': 20.5}
    """
    found = {}
    for text in texts:
        kind, _, cost = text.partition("=")
        try:
            found[kind.strip()] = float(cost)
        except ValueError:
            raise WrongCall(f"say kind=cost such as canteen=30, not {text!r}") from None
    return found


def _titles(zh: str) -> tuple[str, str]:
    return f"{zh}（现状 now）", f"{zh}（方案 planned）"


def _weight(walks: CityWalks, kind: str, weight: str, homes: gpd.GeoDataFrame) -> str:
    """Column that is counted for a kind."""
    if weight == "norms":
        need = walks.norms[kind].needs
        known = need is not None and need in homes and homes[need].notna().any()
        return need if known and need is not None else "households"
    if weight not in homes:
        raise WrongCall(f"the buildings have no column {weight!r} to count; take households or a need that they have")
    return weight


def _metres(
    walks: CityWalks, kind: str, homes: gpd.GeoDataFrame, places: gpd.GeoDataFrame, usable: list[int]
) -> csr_array:
    """Metres between homes and the places that a kind can use, within its norm."""
    pairs = walk_pairs(homes, places.iloc[usable], walks.network, limit_m=float(walks.norms[kind].metres or 0))
    where = pairs["building"].to_numpy(), pairs["facility"].astype(int).to_numpy()
    return csr_array((pairs["metres"].to_numpy(), where), shape=(len(homes), len(places)))


def _sited(
    walks: CityWalks, plan: KindsPlan, asked: Mapping[str, KindAsked], counted: Mapping[str, str],
    costs: Mapping[str, float], budget: float, free: gpd.GeoDataFrame, exist: gpd.GeoDataFrame, homes: gpd.GeoDataFrame,
) -> KindsSited:  # fmt: skip
    rows, sites, shown = [], [], []
    walked: dict[str, np.ndarray] = {}
    limits: dict[str, float] = {}
    for kind in sorted(asked):
        norm, question = walks.norms[kind], asked[kind]
        new = [at for at in plan.facilities[kind] if at < len(free)]
        table, weights = csr_array(question.distances), np.asarray(question.weights)
        titles = _titles(norm.zh)
        near = {title: _nearest(table, columns) for title, columns in zip(
            titles, (question.fixed, plan.facilities[kind]), strict=True
        )}  # fmt: skip
        within = [float(weights[np.isfinite(metres)].sum()) for metres in near.values()]
        walked |= {title: np.where(np.isfinite(metres), metres, np.nan) for title, metres in near.items()}
        limits |= dict.fromkeys(titles, question.radius_m)
        rows.append({
            "kind": kind, "zh": norm.zh, "en": norm.en, "norm_m": question.radius_m, "verified": norm.distance_verified,
            "cost": float(costs[kind]), "weight": counted[kind], "total": float(weights.sum()), "before": within[0],
            "after": within[1], "existing": len(question.fixed), "new": len(new),
        })  # fmt: skip
        spots = free.geometry.to_numpy()[new]
        sites.append(pd.DataFrame({"kind": kind, "geometry": spots}))
        own = exist[exist["kind"] == kind]
        for title in titles:
            shown.append(pd.DataFrame({"code": own["code"], "name": own.get("name"), "kind": title,
                                       "geometry": own.geometry.to_numpy()}))
        shown.append(pd.DataFrame({"code": [f"{kind}-{at + 1}" for at in range(len(new))], "kind": titles[1],
                                   "name": [f"{norm.zh} {at + 1}" for at in range(len(new))], "geometry": spots}))
    chosen = pd.concat(sites, ignore_index=True)
    chosen.insert(0, "code", [f"N{at + 1:03d}" for at in range(len(chosen))])
    drawn = [part for part in shown if len(part)] or shown[:1]
    return KindsSited(
        plan=plan, kinds=pd.DataFrame(rows), sites=gpd.GeoDataFrame(chosen, geometry="geometry", crs=walks.crs),
        budget=float(budget), candidates=len(free),
        coverage=coverage(walks.areas("micro_grids"), homes, pd.DataFrame(walked, index=homes.index), limits),
        facilities=gpd.GeoDataFrame(pd.concat(drawn, ignore_index=True), geometry="geometry", crs=walks.crs),
    )


def _nearest(metres: csr_array, columns: Sequence[int]) -> np.ndarray:
    """Metres of each row to the nearest of the columns, inf where none is within the norm."""
    used = np.zeros(metres.shape[1], dtype=bool)
    used[list(columns)] = True
    row = np.repeat(np.arange(metres.shape[0]), np.diff(metres.indptr))
    keep = used[metres.indices]
    nearest = np.full(metres.shape[0], np.inf)
    np.minimum.at(nearest, row[keep], metres.data[keep])
    return nearest
