"""The levels, strictly nested: given units are kept, missing ones are derived.

From the top down: each community is cut into grids, each grid into micro-grids; where communities are missing too, the
street is cut into communities first. Cells never cross a given boundary, so nesting holds by construction. Special
sites are taken out of a community before its grids are drawn (`special`), villages stay whole (`villages`), ground
where nobody lives is a unit of its own where it is wide (`unpeopled`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gridmap.micro_grids.balance import Wishes, balance
from gridmap.micro_grids.band import GRIDS, MICRO_GRIDS, Band
from gridmap.micro_grids.exchange import exchange
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.lines import ESTATE
from gridmap.micro_grids.own_kinds import sort_land
from gridmap.micro_grids.places import CellPlaces, PlaceRules, hold_together
from gridmap.micro_grids.sorts import Sort
from gridmap.micro_grids.special import choose_sites, sort_of_site
from gridmap.micro_grids.unpeopled import tracts, unpeopled
from gridmap.micro_grids.villages import join_farms, sort_of_village, spread

__all__ = ["LEVELS", "Plan", "Rules", "crosses", "derive_communities", "plan_levels"]

#: From the top down.
LEVELS = ("districts", "streets", "communities", "grids", "micro_grids")


@dataclass(frozen=True)
class Rules:
    """What a split aims at.

    `community_households` and `community_residents` are the most a community may hold (Tongxiang: 3,000 households,
    10,000 residents); `unpeopled_m2` is the least ground without a household near by that becomes a micro-grid of its
    own; `unpeopled_far_m` is how far from the nearest inhabited building such ground lies. Ground that a few households
    need to reach the next ones stays with them up to `unpeopled_wide_m2`; wider ground does not. `places` says which
    special sites, preferred boundaries and villages count.
    """

    micro_grids: Band = MICRO_GRIDS
    grids: Band = GRIDS
    community_households: int = 3000
    community_residents: int = 10_000
    unpeopled_m2: float = 10_000.0
    unpeopled_far_m: float = 60.0
    unpeopled_wide_m2: float = 60_000.0
    seed: int = 0
    wishes: Wishes = field(default_factory=Wishes)
    places: PlaceRules = field(default_factory=PlaceRules)

    @property
    def communities(self) -> Band:
        """Band of derived communities: a little below the most, since loads are rounded while they are planned."""
        return _below(self.community_households)


def _below(most: int) -> Band:
    high = max(1, most - most // 25)
    return Band(max(1, high // 3), max(1, high * 2 // 3), high)


@dataclass
class Plan:
    """Unit of each cell at every level, numbered from 0 through the whole city.

    `given` says for each unit of a level which given unit it is (-1 for a derived one); `opened` marks the micro-grids
    that cross a hard barrier because a piece could not stand alone; `unpeopled` the ones where nobody lives near.
    `sorts` says for each grid and micro-grid what it is besides (`None`: nothing else).
    """

    units: dict[str, np.ndarray]
    given: dict[str, np.ndarray]
    opened: np.ndarray
    unpeopled: np.ndarray
    sorts: dict[str, list[Sort | None]] = field(default_factory=dict)


@dataclass
class _Derived:
    """Units of some cells of one mother unit: number of each cell, and per unit what it is; per cell, whether its
    unit crosses a hard barrier, and whether it is ground without people."""

    label: np.ndarray
    sorts: list[Sort | None]
    crossed: np.ndarray
    empty: np.ndarray


def plan_levels(
    graph: CellGraph,
    given: Mapping[str, np.ndarray],
    residents: np.ndarray,
    far: np.ndarray,
    rules: Rules,
    places: CellPlaces | None = None,
) -> Plan:
    """Give every cell its unit at every level.

    Parameters
    ----------
    graph
        All cells.
    given
        Level -> position of the given unit of each cell, -1 where the level is not given there. Levels may be absent.
    residents
        People of each cell.
    far
        True for cells far from any inhabited building (`unpeopled_far_m`).
    rules
        Bands, seed and weights.
    places
        What the cells are besides; without it there are no special grids and no villages.
    """
    count = len(graph)
    units: dict[str, np.ndarray] = {}
    origin: dict[str, np.ndarray] = {}
    sorts: dict[str, list[Sort | None]] = {"grids": [], "micro_grids": []}
    opened = np.zeros(count, dtype=bool)
    alone = np.zeros(count, dtype=bool)
    parent = np.zeros(count, dtype=np.int64)
    for level in LEVELS:
        known = given.get(level, np.full(count, -1, dtype=np.int64))
        unit = np.full(count, -1, dtype=np.int64)
        said: list[Sort | None] = []
        for mother in range(int(parent.max()) + 1):
            cells = np.flatnonzero(parent == mother)
            here, kept = known[cells], known[cells] >= 0
            if kept.any():
                names, numbers = np.unique(here[kept], return_inverse=True)
                unit[cells[kept]] = len(said) + numbers
                said += [None] * len(names)
            rest = cells[~kept]
            if len(rest):
                made = _derive(level, graph, rest, residents, far, rules, places)
                unit[rest] = len(said) + made.label
                said += made.sorts
                opened[rest] |= made.crossed
                alone[rest] |= made.empty
        units[level] = unit
        if level in sorts:
            sorts[level] = said
        parent = unit
    _exchange(graph, given, units, sorts, opened, alone, rules, places)
    for level in LEVELS:
        known = given.get(level, np.full(count, -1, dtype=np.int64))
        origin[level] = known[np.unique(units[level], return_index=True)[1]]
    last = units["micro_grids"]
    total = int(last.max()) + 1
    return Plan(
        units,
        origin,
        opened=np.bincount(last, weights=opened, minlength=total) > 0,
        unpeopled=np.bincount(last, weights=alone, minlength=total) > 0,
        sorts=sorts,
    )


def _exchange(
    graph: CellGraph,
    given: Mapping[str, np.ndarray],
    units: dict[str, np.ndarray],
    sorts: dict[str, list[Sort | None]],
    opened: np.ndarray,
    alone: np.ndarray,
    rules: Rules,
    places: CellPlaces | None,
) -> None:
    """Exchange across the borders of derived base grids, community by community, in place."""
    nothing = np.full(len(graph), -1, dtype=np.int64)
    grid, micro = units["grids"], units["micro_grids"]
    plain = np.array([sort is None for sort in sorts["grids"]], dtype=bool)
    movable = (given.get("grids", nothing) < 0) & plain[grid]
    own = np.array([sort is not None for sort in sorts["micro_grids"]], dtype=bool)
    still = own[micro] | alone | (given.get("micro_grids", nothing) >= 0)
    old = micro.copy()
    for number in np.unique(units["communities"][movable]).tolist():
        cells = np.flatnonzero(movable & (units["communities"] == number))
        if len(np.unique(grid[cells])) < 2:
            continue
        part = graph.part(cells)
        around = None if places is None else places.part(cells)
        village = _villages(part, rules, around)
        fixed = still[cells] if village is None else still[cells] | (village >= 0)
        fixed = np.isin(micro[cells], np.unique(micro[cells][fixed]))
        hard = ~part.open
        if around is not None:
            _hold_groups(part, around, rules)
        label, moved = exchange(
            part, micro[cells], grid[cells], fixed, (rules.micro_grids, rules.grids), seed=rules.seed,
            wishes=rules.wishes,
        )  # fmt: skip
        micro[cells] = int(micro.max()) + 1 + label
        grid[cells] = moved
        still[cells] = fixed
        opened[cells] = np.where(fixed, opened[cells], crosses(part, label, hard))
    first, number_of = np.unique(micro, return_index=True, return_inverse=True)[1:]
    units["micro_grids"] = number_of
    sorts["micro_grids"] = [sorts["micro_grids"][old[cell]] for cell in first.tolist()]


def _hold_groups(graph: CellGraph, places: CellPlaces, rules: Rules) -> None:
    """Shut the boundaries of the estates that are units, or can surely be divided into them."""
    for group, strength in places.groups:
        if strength >= ESTATE:
            hold_together(graph, group, rules.micro_grids)


def derive_communities(graph: CellGraph, residents: np.ndarray, rules: Rules) -> np.ndarray:
    """Community of each cell of an area that may hold more than one community's households or residents.

    Parameters
    ----------
    graph
        Cells of the area.
    residents
        People of each cell.
    rules
        `community_households`, `community_residents`, seed and weights.

    Returns
    -------
    array of int64, from 0.
    """
    label = np.zeros(len(graph), dtype=np.int64)
    total, people = int(graph.households.sum()), float(residents.sum())
    if total <= rules.community_households and people <= rules.community_residents:
        return label
    most = rules.community_households
    if people > 0 and total > 0:
        most = min(most, max(3, int(rules.community_residents * total / people)))
    for _ in range(6):
        label = _balanced(graph.part(np.arange(len(graph))), _below(most), rules)
        crowd = float(np.bincount(label, weights=residents).max())
        if crowd <= rules.community_residents or most <= 3:
            break
        # People do not go by households everywhere: fewer households, until the fullest one fits.
        most = max(3, int(most * 0.95 * rules.community_residents / crowd))
    return label


def _balanced(part: CellGraph, band: Band, rules: Rules) -> np.ndarray:
    """Communities or grids of some cells; the graph is changed."""
    part.weight = part.households.copy()  # a stack is as good as any other cell here
    part.join_small(band.low)
    wishes = replace(rules.wishes, shape=1.2, streets=1.2, inside=1.0, finish=1.0)
    return balance(part, band, seed=rules.seed, wishes=wishes)


def _derive(
    level: str,
    graph: CellGraph,
    cells: np.ndarray,
    residents: np.ndarray,
    far: np.ndarray,
    rules: Rules,
    places: CellPlaces | None,
) -> _Derived:
    nothing = np.zeros(len(cells), dtype=bool)
    whole = np.zeros(len(cells), dtype=np.int64)
    if level in ("districts", "streets"):
        return _Derived(whole, [None], nothing, nothing)
    part = graph.part(cells)
    if level == "communities":
        label = derive_communities(part, residents[cells], rules)
        return _Derived(label, [None] * (int(label.max()) + 1), nothing, nothing)
    around = None if places is None else places.part(cells)
    return _with_sites(level, part, far[cells], rules, around)


def _with_sites(
    level: str, part: CellGraph, far: np.ndarray, rules: Rules, places: CellPlaces | None
) -> _Derived:
    """Grids or micro-grids of some cells: special sites for themselves, then the rest."""
    count = len(part)
    chosen = np.full(count, -1, dtype=np.int64)
    if places is not None:
        chosen = choose_sites(part, places.site, places.sites, low=rules.micro_grids.low, most=rules.grids.low)
    label = np.full(count, -1, dtype=np.int64)
    sorts: list[Sort | None] = []
    crossed, empty = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    rest = np.flatnonzero(chosen < 0)
    if len(rest):
        derive = _grids if level == "grids" else _micro_grids
        made = derive(part.part(rest), far[rest], rules, None if places is None else places.part(rest))
        label[rest], crossed[rest], empty[rest] = made.label, made.crossed, made.empty
        sorts += made.sorts
    for number in np.unique(chosen[chosen >= 0]).tolist():
        own = np.flatnonzero(chosen == number)
        households = part.households[own]
        site = places.sites[number] if places is not None else None
        unit = np.zeros(len(own), dtype=np.int64)
        if level == "micro_grids" and households.sum() > rules.micro_grids.high:
            inside = part.part(own)
            inside.join_small(rules.micro_grids.low)
            unit = balance(inside, rules.micro_grids, seed=rules.seed, wishes=rules.wishes)
        loads = np.bincount(unit, weights=households).astype(np.int64).tolist()
        label[own] = len(sorts) + unit
        if site is not None:
            sorts += [sort_of_site(site, n, i + 1 if len(loads) > 1 else 0) for i, n in enumerate(loads)]
    return _Derived(label, sorts, crossed, empty)


def _grids(part: CellGraph, far: np.ndarray, rules: Rules, places: CellPlaces | None) -> _Derived:
    """Base grids of some cells; a village is in one grid."""
    nothing = np.zeros(len(part), dtype=bool)
    label = np.zeros(len(part), dtype=np.int64)
    rural = _villages(part, rules, places)
    if int(part.households.sum()) > rules.grids.high:
        node = np.arange(len(part))
        if rural is not None:
            # A village is one node, as far as it hangs together.
            piece = part.pieces(among=np.where(rural >= 0, rural, -1 - node))
            node = np.unique(piece, return_inverse=True)[1]
        label = _balanced(part.contract(node), rules.grids, rules)[node]
    sorts: list[Sort | None] = [None] * (int(label.max()) + 1)
    if rural is not None:
        total = np.bincount(label, weights=part.households)
        country = np.bincount(label, weights=np.where(rural >= 0, part.households, 0))
        for number in np.flatnonzero((country * 2 > total) & (total > 0)).tolist():
            sorts[number] = Sort(
                "village", None, None, f"villages: {int(total[number])} households, the band of towns is not for them",
                f"农村网格：{int(total[number])}户，不按城市户数标准",
            )  # fmt: skip
    return _Derived(label, sorts, nothing, nothing)


def _villages(part: CellGraph, rules: Rules, places: CellPlaces | None) -> np.ndarray | None:
    """Village of each cell, -1 for the town and for ground far from any home; None where there is no village."""
    if places is None or not places.settlements.any:
        return None
    village = np.where(
        (places.settlement >= 0) & places.settlements.village[np.maximum(places.settlement, 0)], places.settlement, -1
    )
    return village if (village >= 0).any() else None


def _micro_grids(part: CellGraph, far: np.ndarray, rules: Rules, places: CellPlaces | None) -> _Derived:
    """Micro-grids of some cells: wide ground without people, villages, and the town."""
    low, high = rules.micro_grids.low, rules.micro_grids.high
    empty = unpeopled(
        part, far, low=low, least_m2=rules.unpeopled_m2, wide_m2=rules.unpeopled_wide_m2,
        cross=_villages(part, rules, places) is None,
    )  # fmt: skip
    label = np.full(len(part), -1, dtype=np.int64)
    crossed = np.zeros(len(part), dtype=bool)
    sorts: list[Sort | None] = []
    bare = np.flatnonzero(empty)
    if len(bare):
        label = tracts(part, empty, rules.unpeopled_m2)
        land = np.full(len(part), None, dtype=object) if places is None else places.land
        sorts += [
            sort_land(land[label == number], part.area[label == number]) for number in range(int(label[bare].max()) + 1)
        ]
    peopled = np.flatnonzero(~empty)
    if not len(peopled):
        return _Derived(label, sorts, crossed, empty)
    graph = part.part(peopled)
    hard = ~graph.open
    village = _villages(graph, rules, None if places is None else places.part(peopled))
    whole = np.zeros(len(graph), dtype=bool)
    home = None
    if village is not None and places is not None:
        home = join_farms(graph, spread(graph, places.settlement[peopled]), low, high)
        country = _country(graph, home, village)
        # Neighbouring settlements do not share a micro-grid where one of them is a village.
        graph.open &= (home[graph.a] == home[graph.b]) | ~(country[graph.a] | country[graph.b])
        size = np.bincount(home[home >= 0], weights=graph.households[home >= 0], minlength=int(home.max()) + 1)
        whole = country & (home >= 0) & (size[np.maximum(home, 0)] <= high)
    graph.join_small(low if home is None else 1)
    unit = np.full(len(graph), -1, dtype=np.int64)
    made = 0
    if home is not None and whole.any():
        piece = graph.pieces(among=np.where(whole, home, -1))
        unit[whole] = np.unique(piece[whole], return_inverse=True)[1]
        made = int(unit.max()) + 1
    if not whole.all():
        rest = np.flatnonzero(~whole)
        town = graph.part(rest)
        if places is not None:
            _hold_groups(town, places.part(peopled).part(rest), rules)
        town.join_small(low)
        unit[rest] = made + balance(town, rules.micro_grids, seed=rules.seed, wishes=rules.wishes)
    unit = np.unique(unit, return_inverse=True)[1]
    for index, load in enumerate(np.bincount(unit, weights=graph.households).astype(np.int64).tolist()):
        own = unit == index
        sort: Sort | None = None
        if home is not None and places is not None and whole[own].all():
            together = np.unique(places.settlement[peopled][own & (graph.households > 0)])
            sort = sort_of_village(load, places.settlements.apart(together)) if load else None
        sorts.append(sort)
    label[peopled] = (int(label[bare].max()) + 1 if len(bare) else 0) + unit
    crossed[peopled] = crosses(graph, unit, hard)
    return _Derived(label, sorts, crossed, empty)


def _country(graph: CellGraph, home: np.ndarray, village: np.ndarray) -> np.ndarray:
    """True for cells of settlements all of whose households live in villages."""
    count = int(home.max()) + 1 if len(home) else 0
    town = np.bincount(
        home[home >= 0], weights=np.where(village < 0, graph.households, 0)[home >= 0], minlength=max(count, 1)
    )
    return (home >= 0) & (town[np.maximum(home, 0)] == 0)


def crosses(graph: CellGraph, unit: np.ndarray, hard: np.ndarray) -> np.ndarray:
    """Cells of units in which people live on both sides of a hard barrier."""
    inside = hard & (unit[graph.a] == unit[graph.b])
    if not inside.any():
        return np.zeros(len(graph), dtype=bool)
    keep = ~hard & (unit[graph.a] == unit[graph.b])
    sides = graph.pieces_over(keep)
    lived = np.unique(np.column_stack([unit, sides])[graph.households > 0], axis=0)
    number, times = np.unique(lived[:, 0], return_counts=True)
    return np.isin(unit, number[times > 1])
