"""The levels, strictly nested: given units are kept, missing ones are derived.

From the top down: each community is cut into grids, each grid into micro-grids; where communities are missing too, the
street is cut into communities first. Cells never cross a given boundary, so nesting holds by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gridmap.micro_grids.balance import Wishes, balance
from gridmap.micro_grids.band import GRIDS, MICRO_GRIDS, Band
from gridmap.micro_grids.graph import CellGraph

__all__ = ["LEVELS", "Plan", "Rules", "derive_communities", "plan_levels"]

#: From the top down.
LEVELS = ("districts", "streets", "communities", "grids", "micro_grids")


@dataclass(frozen=True)
class Rules:
    """What a split aims at.

    `community_households` and `community_residents` are the most a community may hold (Tongxiang: 3,000 households,
    10,000 residents); `unpeopled_m2` is the least ground without a household near by that becomes a micro-grid of its
    own; `unpeopled_far_m` is how far from the nearest inhabited building such ground lies. A tract that holds small
    settlements together stays with them up to `unpeopled_wide_m2`; a wider one does not.
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
    """

    units: dict[str, np.ndarray]
    given: dict[str, np.ndarray]
    opened: np.ndarray
    unpeopled: np.ndarray


def plan_levels(
    graph: CellGraph,
    given: Mapping[str, np.ndarray],
    residents: np.ndarray,
    far: np.ndarray,
    rules: Rules,
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
    """
    count = len(graph)
    units: dict[str, np.ndarray] = {}
    origin: dict[str, np.ndarray] = {}
    opened = np.zeros(count, dtype=bool)
    alone = np.zeros(count, dtype=bool)
    parent = np.zeros(count, dtype=np.int64)
    for level in LEVELS:
        known = given.get(level, np.full(count, -1, dtype=np.int64))
        unit = np.full(count, -1, dtype=np.int64)
        made = 0
        for mother in range(int(parent.max()) + 1):
            cells = np.flatnonzero(parent == mother)
            here, kept = known[cells], known[cells] >= 0
            if kept.any():
                _, numbers = np.unique(here[kept], return_inverse=True)
                unit[cells[kept]] = made + numbers
                made += int(numbers.max()) + 1
            rest = cells[~kept]
            if len(rest):
                label, crossed, empty = _derive(level, graph, rest, residents, far, rules)
                unit[rest] = made + label
                made += int(label.max()) + 1
                opened[rest] |= crossed
                alone[rest] |= empty
        units[level] = unit
        first = np.unique(unit, return_index=True)[1]
        origin[level] = known[first]
        parent = unit
    last = units["micro_grids"]
    total = int(last.max()) + 1
    return Plan(
        units,
        origin,
        opened=np.bincount(last, weights=opened, minlength=total) > 0,
        unpeopled=np.bincount(last, weights=alone, minlength=total) > 0,
    )


def derive_communities(graph: CellGraph, residents: np.ndarray, rules: Rules) -> np.ndarray:
    """Community of each cell of an area that holds more households or residents than one community may.

    Parameters
    ----------
    graph
        Cells of the area, blocks as a rule.
    residents
        People of each cell.
    rules
        `community_households`, `community_residents`, seed and weights.

    Returns
    -------
    array of int64, from 0.
    """
    cells = np.arange(len(graph))
    return _derive("communities", graph, cells, residents, np.zeros(len(graph), dtype=bool), rules)[0]


def _derive(
    level: str, graph: CellGraph, cells: np.ndarray, residents: np.ndarray, far: np.ndarray, rules: Rules
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units of some cells of one mother unit: label, whether a hard barrier was opened there, whether unpeopled."""
    nothing = np.zeros(len(cells), dtype=bool)
    whole = np.zeros(len(cells), dtype=np.int64)
    if level in ("districts", "streets"):
        return whole, nothing, nothing
    part = graph.part(cells)
    total = int(part.households.sum())
    if level == "micro_grids":
        return _derive_micro_grids(part, far[cells], rules)
    if level == "communities":
        people = float(residents[cells].sum())
        if total <= rules.community_households and people <= rules.community_residents:
            return whole, nothing, nothing
        band = rules.communities
        if people > 0 and total > 0 and people / total > rules.community_residents / rules.community_households:
            band = _below(max(3, int(rules.community_residents * total / people)))
    else:
        band = rules.grids
        if total <= band.high:
            return whole, nothing, nothing
    part.weight = part.households.copy()  # a stack is as good as any other cell here
    part.join_small(band.low)
    wishes = Wishes(shape=1.2, streets=1.2, inside=1.0, rounds=rules.wishes.rounds, tries=rules.wishes.tries)
    return balance(part, band, seed=rules.seed, wishes=wishes), nothing, nothing


def _derive_micro_grids(
    part: CellGraph, far: np.ndarray, rules: Rules
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    empty = _unpeopled(part, far, rules)
    label = np.zeros(len(part), dtype=np.int64)
    crossed = np.zeros(len(part), dtype=bool)
    made = 0
    if empty.any():
        bare = np.flatnonzero(empty)
        label[bare] = part.part(bare).pieces()
        made = int(label[bare].max()) + 1
    peopled = np.flatnonzero(~empty)
    if len(peopled):
        graph = part.part(peopled)
        opened = graph.join_small(rules.micro_grids.low)
        unit = balance(graph, rules.micro_grids, seed=rules.seed, wishes=rules.wishes)
        label[peopled] = made + unit
        inside = opened[unit[graph.a[opened]] == unit[graph.b[opened]]]
        crossed[peopled] = np.isin(unit, np.unique(unit[graph.a[inside]]))
    return label, crossed, empty


def _unpeopled(part: CellGraph, far: np.ndarray, rules: Rules) -> np.ndarray:
    """Cells of the tracts far from any household, big enough, and not needed to hold their neighbours together."""
    if not part.households.any():
        return np.ones(len(part), dtype=bool)
    bare = far & (part.households == 0)
    if not bare.any():
        return bare
    piece = part.pieces(among=bare.astype(np.int64))
    area = np.bincount(piece, weights=np.where(bare, part.area, 0.0))
    chosen = bare & (area[piece] >= rules.unpeopled_m2)
    for tract in np.unique(piece[chosen & (area[piece] < rules.unpeopled_wide_m2)]):
        # Each one is tried on the state that the ones before it left.
        left = ~chosen
        if _stranded(part, left, rules.micro_grids.low) and not _stranded(
            part, left | (piece == tract), rules.micro_grids.low
        ):
            chosen[piece == tract] = False
    return chosen


def _stranded(part: CellGraph, keep: np.ndarray, low: int) -> bool:
    """Whether some piece of the kept cells holds too few households and could hold enough with all cells kept."""
    graph = part.part(np.flatnonzero(keep))
    piece = graph.pieces()
    total = np.bincount(piece, weights=graph.households)
    return bool((total < low).any())
