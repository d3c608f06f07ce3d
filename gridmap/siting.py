"""Where the next facility of a kind belongs in a city: candidates, walks, a plan with its bound, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridmap.access.coverage import coverage
from gridmap.access.siting import METHODS, Siting, solve_siting
from gridmap.access.siting_candidates import closer_than
from gridmap.access.walk import walk_pairs
from gridmap.city_norms import norms_in_force
from gridmap.covering import READ, walking_network
from gridmap.maps.folium_map import draw
from gridmap.maps.page import write_page
from gridmap.of_today import read_today
from gridmap.progress import Progress, silent
from gridmap.rework import cover_settings
from gridmap.site_places import free_places, wished
from gridmap.stores import open_store
from layers.errors import MissingLayer, WrongCall
from layers.findings import Findings

__all__ = ["SitePlan", "draw_plan", "site_city", "write_places"]

#: What a plan counts, households first.
_LAYERS = ("districts", "communities", "green", "water", "barriers", "roads")


@dataclass(frozen=True, kw_only=True)
class SitePlan:
    """What `site_city` found.

    Parameters
    ----------
    kind, zh, en, radius_m, verified
        Kind and its titles; the longest walk that counts, and whether it is a norm that somebody has checked.
    siting
        The answer with bound, gap and, where the request cannot be met, the reason.
    sites
        New places, the most useful first: `rank`, `code`, `gain` (weight within the radius that no other facility in
        use reaches), `serves` (weight that is nearest to it), geometry in the city's CRS.
    candidates, existing
        How many were looked at, and how many facilities of the kind there are and stay.
    weight, total, before, after
        What was counted (`households` or a need), how much there is, and how much of it lies within the radius before
        and after.
    coverage
        The coverage table before (`now`) and after (`planned`).
    findings
        What was odd about streets and files.
    """

    kind: str
    zh: str
    en: str
    radius_m: float
    verified: bool
    siting: Siting
    sites: gpd.GeoDataFrame
    candidates: int
    existing: int
    weight: str
    total: float
    before: float
    after: float
    coverage: pd.DataFrame
    facilities: gpd.GeoDataFrame
    findings: Findings

    def words(self, lang: str = "zh") -> str:
        """The plan in a few sentences."""
        answer, new = self.siting, len(self.sites)
        zh = lang == "zh"
        if answer.refusal is not None:
            nearest = "、".join(f"{name} = {value:g}" for name, value in answer.refusal.nearest.items())
            if zh:
                return f"无法满足: {answer.refusal.zh}。" + (f"最接近的可行要求: {nearest}。" if nearest else "")
            offer = f" The nearest that can: {nearest}." if nearest else ""
            return f"This cannot be met: {answer.refusal.en}.{offer}"
        part = [share / self.total if self.total else 1.0 for share in (self.before, self.after)]
        proof = "已证明最优" if zh else "proven best"
        if answer.status != "optimal":
            gap = f"{answer.gap:.1%}"
            proof = f"与理论上限差距不超过 {gap}" if zh else f"no plan can be better by more than {gap}"
        if zh:
            mark = "" if self.verified else "（该距离未经核对）"
            return (
                f"{self.zh}: 新增 {new} 处（现有 {self.existing} 处保留, 备选 {self.candidates} 处）。"
                f"{self.radius_m:g} 米以内{mark}: {self.before:,.0f} → {self.after:,.0f}"
                f"（{part[0]:.1%} → {part[1]:.1%}）。{proof}。"
            )
        mark = "" if self.verified else " (a distance that nobody has checked)"
        return (
            f"{self.en}: {new} new places ({self.existing} exist and stay, {self.candidates} candidates). Within "
            f"{self.radius_m:g} m{mark}: {self.before:,.0f} -> {self.after:,.0f} {self.weight} "
            f"({part[0]:.1%} -> {part[1]:.1%}); {proof}."
        )


    def facts(self) -> dict[str, object]:
        """The plan as JSON has it; NaN and infinity are null."""
        answer = self.siting
        numbers = {
            name: value if np.isfinite(value) else None
            for name, value in (("objective", answer.objective), ("bound", answer.bound), ("gap", answer.gap))
        }
        refusal = answer.refusal
        return {
            "kind": self.kind, "method": answer.method, "status": answer.status, **numbers, "radius_m": self.radius_m,
            "verified": self.verified, "weight": self.weight, "total": self.total, "before": self.before,
            "after": self.after, "existing": self.existing, "candidates": self.candidates,
            "sites": [
                {"rank": int(row.rank), "code": row.code, "x": row.geometry.x, "y": row.geometry.y,
                 "gain": float(row.gain), "serves": float(row.serves)}
                for row in self.sites.itertuples()
            ],
            "refusal": None if refusal is None else {
                "en": refusal.en, "zh": refusal.zh, "nearest": refusal.nearest
            },
            "words": {"zh": self.words("zh"), "en": self.words("en")},
        }  # fmt: skip


def write_places(places: gpd.GeoDataFrame, path: str | Path) -> None:
    """Places or areas as a file: GeoPackage in the city's CRS, or GeoJSON in longitude and latitude."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".gpkg", ".geojson"):
        raise WrongCall(f"places are written as .gpkg or .geojson, not {suffix or Path(path).name!r}")
    (places.to_crs(4326) if suffix == ".geojson" else places).to_file(path)


def site_city(
    city: str | Path,
    *,
    kind: str,
    count: int | None = None,
    cover_all: bool = False,
    radius_m: float | None = None,
    method: str | None = None,
    candidates: str | Path | None = None,
    exclude: str | Path | None = None,
    prefer: str | Path | None = None,
    give_up: float = 0.02,
    spacing_m: float = 0.0,
    capacity: float | None = None,
    use: str | None = None,
    min_area_m2: float = 0.0,
    weight: str = "households",
    within: Sequence[str] = ("",),
    norms: str | Path | None = None,
    datum: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> SitePlan:
    """Choose places for new facilities of a kind.

    Parameters
    ----------
    city
        Store URL.
    kind
        Facility kind; those that exist today stay in use.
    count
        How many new ones; or
    cover_all
        as few as reach everybody within the radius.
    radius_m
        Longest walk that counts, metres; the norm's distance without it.
    method
        One of `METHODS`; `max-cover` for a count and `set-cover` for `cover_all` without it.
    candidates
        `plots`: the city's idle plots; a file of places (points or areas), an ESRI ASCII grid (`.asc`, in the city's
        CRS) or a GeoTIFF (`.tif`) of buildable land; `corners` of the city's streets without it.
    exclude, prefer
        Files of areas: no place in the first; places in the second are wished for.
    give_up
        Share of the objective that may be given up for wished-for places.
    spacing_m
        Straight metres between any two new places, and between new and existing ones.
    capacity
        Weight that each new one can serve; an existing one serves its own `capacity` where that is known, else as much.
        Asked of up to 60,000 pairs within the radius (`solve_siting`): beyond, the refusal says what to do.
    use, min_area_m2
        Of plots and areas: only those whose `use` holds this text, and no smaller ones.
    weight
        What is counted: `households`, or a need such as `aged_60`, as the layer buildings has it.
    within
        Area codes: only who lives there is counted, and only places there are candidates. Facilities beyond serve on.
    norms
        Norms file in place of the packaged one and of what is changed in the store.
    datum
        Datum of the files, where they do not say.
    seed
        Of the search.

    Raises
    ------
    WrongCall
        For an unknown kind or method, a kind without a distance and no radius, no count, or a weight that the
        buildings do not have.
    MissingLayer
        Where the city has no buildings or, without a file, no streets.
    """
    method = _method(method, count, cover_all)
    with open_store(city) as store:
        table = norms_in_force(store, norms)
        norm = table[kind]
        radius = radius_m if radius_m is not None else norm.metres
        if radius is None:
            raise WrongCall(f"{kind} has no distance in {table.name}; name one with --radius")
        progress("reading", 0.05)
        findings = Findings()
        kept = set(store.layers())
        layers = read_today(store, (name for name in (*READ, "plots") if name in kept))
        limit_m = max(cover_settings(store).limit_m, radius)
        crs = store.crs
    buildings = layers.get("buildings")
    if not isinstance(buildings, gpd.GeoDataFrame) or not len(buildings):
        raise MissingLayer("the city has no buildings; build it again with a layer buildings in its folder")
    units = layers["micro_grids"]
    if "" not in within:
        buildings, units = (frame[_lies(frame[name], within)] for frame, name in (
            (buildings, "micro_grid"), (units, "code")
        ))
        if not len(buildings):
            raise MissingLayer("no building lies in this area; choose another one")
    if weight not in buildings:
        raise WrongCall(f"the buildings have no column {weight!r} to count; take households or a need that they have")
    facilities = layers.get("facilities")
    exist = facilities[facilities["kind"] == kind] if isinstance(facilities, gpd.GeoDataFrame) else None
    exist = gpd.GeoDataFrame({"code": []}, geometry=[], crs=crs) if exist is None else exist
    exist = exist[~(exist.geometry.isna() | exist.geometry.is_empty)]

    progress("gathering candidates", 0.15)
    free = free_places(
        candidates, layers, crs, datum=datum, exclude=exclude, use=use, min_area_m2=min_area_m2, findings=findings,
        area=None if "" in within else units.geometry.union_all(),
    )
    places = gpd.GeoDataFrame(
        {"code": [str(at) for at in range(len(free) + len(exist))]},
        geometry=[*free.geometry, *exist.geometry], crs=crs,
    )
    wish = None
    if prefer is not None:
        wish = np.concatenate([wished(free, prefer, crs, datum, findings), np.zeros(len(exist))])

    progress("walking between homes and candidates", 0.3)
    weights = pd.to_numeric(buildings[weight]).fillna(0).to_numpy(dtype="float64")
    network = walking_network(layers, findings)
    reach = radius if method.endswith("cover") else limit_m
    # where everybody is to be reached, how far the farthest would have to walk is part of the answer
    followed = radius if method == "max-cover" else limit_m
    asks = buildings[weights > 0].reset_index(drop=True)
    pairs = walk_pairs(asks, places, network, limit_m=followed)
    metres = csr_array(
        (pairs["metres"].to_numpy(), (pairs["building"].to_numpy(), pairs["facility"].astype(int).to_numpy())),
        shape=(len(asks), len(places)),
    )
    progress("choosing", 0.6)
    siting = solve_siting(
        metres, method=method, weights=weights[weights > 0], radius_m=reach,
        count=None if count is None else count + len(exist), fixed=range(len(free), len(places)),
        capacity=_capacities(capacity, len(free), exist), apart=_apart(places, spacing_m, len(free)), prefer=wish,
        give_up=give_up if wish is not None else 0.0, seed=seed,
    )  # fmt: skip
    progress("before and after", 0.85)
    return _plan(
        kind, norm.zh, norm.en, radius, bool(norm.distance_verified and radius == norm.metres), siting, free, exist,
        weight, weights[weights > 0], metres, asks, units, findings,
    )


def draw_plan(city: str | Path, plan: SitePlan, path: str | Path, *, lang: str = "zh") -> Path:
    """A map page of the plan: coverage now and as planned to switch between, with the new places.

    It opens without a network.
    """
    with open_store(city) as store:
        micro_grids = store.read("micro_grids")
        frames = {name: store.read(name) for name in _LAYERS if name in store.layers()}
        name = store.meta().get("name", "")
    page = draw(
        micro_grids, measure=f"coverage:{_titles(plan.zh)[1]}",
        layers={**frames, "coverage": plan.coverage, "facilities": plan.facilities},
        title=f"{name} · {plan.words(lang)}", lang=lang,
    )
    return write_page(page, path, self_contained=True)


def _lies(codes: pd.Series, within: Sequence[str]) -> pd.Series:
    """Whether codes lie in any of some areas."""
    starts = tuple(within)
    return codes.map(lambda code: isinstance(code, str) and code.startswith(starts)).astype(bool)


def _apart(places: gpd.GeoDataFrame, spacing_m: float, free: int) -> np.ndarray:
    """Pairs that are too close to each other; existing ones stand where they stand."""
    pairs = closer_than(places, spacing_m)
    return pairs[(pairs < free).any(axis=1)]


def _capacities(capacity: float | None, free: int, exist: gpd.GeoDataFrame) -> np.ndarray | None:
    if capacity is None:
        return None
    if not capacity > 0:
        raise WrongCall(f"the capacity of a new facility must be above 0, not {capacity:g}")
    own = pd.to_numeric(exist["capacity"], errors="coerce") if "capacity" in exist else pd.Series(np.nan, exist.index)
    return np.concatenate([np.full(free, capacity), own.astype("float64").fillna(capacity).to_numpy()])


def _titles(zh: str) -> tuple[str, str]:
    """What the measures before and after are called on the map."""
    return f"{zh}（现状 now）", f"{zh}（方案 planned）"


def _method(method: str | None, count: int | None, cover_all: bool) -> str:
    if (count is None) == (not cover_all):
        raise WrongCall("say how many new facilities (--count N) or that everybody is to be reached (--cover-all)")
    if count is not None and count < 1:
        raise WrongCall(f"the number of new facilities must be 1 or more, not {count}")
    method = method or ("set-cover" if cover_all else "max-cover")
    if method not in METHODS:
        raise WrongCall(f"method must be one of {', '.join(METHODS)}, not {method!r}; correct it")
    if cover_all != (method == "set-cover"):
        raise WrongCall("set-cover goes with --cover-all, the other methods with --count")
    return method


def _plan(
    kind: str, zh: str, en: str, radius: float, verified: bool, siting: Siting, free: gpd.GeoDataFrame,
    exist: gpd.GeoDataFrame, weight: str, weights: np.ndarray, metres: csr_array, asks: gpd.GeoDataFrame,
    micro_grids: gpd.GeoDataFrame | pd.DataFrame, findings: Findings,
) -> SitePlan:  # fmt: skip
    have = np.arange(len(free), len(free) + len(exist))
    used = np.array(siting.facilities, dtype=np.intp)
    new = used[used < len(free)]
    now, planned = _nearest(metres, have), _nearest(metres, np.union1d(have, new))
    gain, serves = _use(metres, new, have, weights, siting.assigned, radius)
    order = np.lexsort((new, -serves, -gain))
    sites = gpd.GeoDataFrame(
        {
            "rank": np.arange(1, len(new) + 1), "code": [f"N{at + 1:03d}" for at in range(len(new))], "kind": kind,
            "gain": gain[order], "serves": serves[order],
        },
        geometry=free.geometry.to_numpy()[new[order]], crs=free.crs,
    )
    titles = _titles(zh)
    table = coverage(
        micro_grids, asks, pd.DataFrame({titles[0]: now, titles[1]: planned}).replace(np.inf, np.nan),
        dict.fromkeys(titles, radius),
    )
    shown = [
        gpd.GeoDataFrame(
            {"code": part["code"].to_numpy(), "name": name, "kind": title}, geometry=part.geometry.to_numpy(),
            crs=free.crs,
        )
        for part, names, kinds in ((exist, exist.get("name"), titles), (sites, sites["code"], titles[1:]))
        for title in kinds for name in [names.to_numpy() if names is not None else ""] if len(part)
    ]
    total, inside_m = float(weights.sum()), radius + 1e-6
    return SitePlan(
        kind=kind, zh=zh, en=en, radius_m=radius, verified=verified, siting=siting, sites=sites, candidates=len(free),
        existing=len(exist), weight=weight, total=total, before=float(weights[now <= inside_m].sum()),
        after=float(weights[planned <= inside_m].sum()), coverage=table,
        facilities=gpd.GeoDataFrame(pd.concat(shown, ignore_index=True), crs=free.crs) if shown else sites.iloc[:0],
        findings=findings,
    )


def _nearest(metres: csr_array, columns: np.ndarray) -> np.ndarray:
    """Metres of each row to the nearest of the columns, inf where none is near."""
    used = np.zeros(metres.shape[1], dtype=bool)
    used[columns] = True
    row = np.repeat(np.arange(metres.shape[0]), np.diff(metres.indptr))
    keep = used[metres.indices]
    nearest = np.full(metres.shape[0], np.inf)
    np.minimum.at(nearest, row[keep], metres.data[keep])
    return nearest


def _use(
    metres: csr_array, new: np.ndarray, have: np.ndarray, weights: np.ndarray, assigned: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each new place the weight that it alone brings within the radius, and the weight that it serves."""
    used = np.zeros(metres.shape[1], dtype=bool)
    used[np.union1d(new, have)] = True
    row = np.repeat(np.arange(metres.shape[0]), np.diff(metres.indptr))
    keep = used[metres.indices] & (metres.data <= radius + 1e-6)
    row, column = row[keep], metres.indices[keep]
    alone = np.bincount(row, minlength=metres.shape[0])[row] == 1
    gain = np.bincount(column[alone], weights[row[alone]], minlength=metres.shape[1])
    served = assigned >= 0
    serves = np.bincount(assigned[served], weights[served], minlength=metres.shape[1])
    return gain[new], serves[new]
