"""Villages: settlements of small houses away from the town are units as they stand, not forced to 25 households.

GB/T 34300-2017 forms rural grids by villagers' group or natural village. A settlement is what single linkage finds:
inhabited buildings whose footprints lie within `GAP_M` of each other (DBSCAN with one building as core, Ester et al.
1996). It is a village where the ground around is thinly settled, its houses are small, and it holds at most as many
households as a grid. Isolated farms join the settlement next to them, unless a hard barrier parts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.sorts import Sort

__all__ = ["Settlements", "VillageRules", "find_settlements", "join_farms", "sort_of_village", "spread"]


@dataclass(frozen=True)
class VillageRules:
    """When a settlement is a village.

    `gap_m` is the widest gap between footprints of one settlement (villages in practice lie 50-80 m from the next
    house at most); `density` the households a square kilometre above which ground is a town; `house` the most
    households that a building has on average; `most` the most households of a village; `built` the share of ground
    under buildings of any kind from which on it is a town, where offices, works or homes of unknown number stand
    between. Proposals, no norm is known.
    """

    on: bool = True
    gap_m: float = 60.0
    density: float = 1000.0
    house: float = 8.0
    most: int = 300
    built: float = 0.05


@dataclass
class Settlements:
    """Number of the settlement of each building piece (-1 where nobody lives), and per settlement: whether it is a
    village, how far the nearest other settlement is (metres; infinite for the only one), and its footprints."""

    of_atom: np.ndarray
    village: np.ndarray
    apart_m: np.ndarray
    shapes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=object))

    @property
    def any(self) -> bool:
        """Whether there is a village at all."""
        return bool(self.village.any())

    def apart(self, together: np.ndarray) -> float:
        """Metres from some settlements that are one unit to the nearest other one; infinite where there is none."""
        if len(together) < 2 or not len(self.shapes):
            return float(self.apart_m[together].max(initial=0.0))
        others = np.delete(self.shapes, together)
        return float(shapely.distance(self.shapes[together][:, None], others[None, :]).min(initial=np.inf))


def find_settlements(
    geometry: np.ndarray, households: np.ndarray, area_m2: float, rules: VillageRules
) -> Settlements:
    """Settlements of some building pieces.

    Parameters
    ----------
    geometry, households
        Footprints (metric CRS) and households of each piece.
    area_m2
        Ground that they stand on.
    rules
        Distances and limits.

    Examples
    --------
    >>> houses = shapely.box([0, 30, 500], 0, [10, 40, 510], 10)
    >>> found = find_settlements(houses, np.array([2, 3, 4]), 1e6, VillageRules())
    >>> found.of_atom.tolist(), found.village.tolist(), found.apart_m.tolist()
    ([0, 0, 1], [True, True], [460.0, 460.0])
    """
    of_atom = np.full(len(geometry), -1, dtype=np.int64)
    homes = np.flatnonzero(households > 0)
    total = float(households.sum())
    built = float(shapely.area(geometry).sum())
    town = total * 1e6 > rules.density * area_m2 or built > rules.built * area_m2
    if not rules.on or not len(homes) or town:
        return Settlements(of_atom, np.zeros(0, dtype=bool), np.zeros(0))
    left, right = shapely.STRtree(geometry[homes]).query(geometry[homes], predicate="dwithin", distance=rules.gap_m)
    ties = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(len(homes),) * 2)
    count, label = connected_components(ties, directed=False)
    of_atom[homes] = label
    load = np.bincount(label, weights=households[homes], minlength=count)
    size = np.bincount(label, minlength=count)
    village = (load <= rules.most) & (load / size <= rules.house)
    apart = np.full(count, np.inf)
    order = np.argsort(label, kind="stable")
    begin = np.flatnonzero(np.r_[True, np.diff(label[order]) > 0])
    groups = np.split(order, begin[1:])
    whole = np.array([shapely.multipolygons(shapely.get_parts(geometry[homes[group]])) for group in groups])
    if count > 1:
        (one, _), metres = shapely.STRtree(whole).query_nearest(
            whole, return_distance=True, exclusive=True, all_matches=False
        )
        apart[one] = metres
    return Settlements(of_atom, village, apart, whole)


def spread(graph: CellGraph, label: np.ndarray) -> np.ndarray:
    """Labels with the cells that have none (-1) given that of the neighbour with most common boundary, step by step."""
    label = label.copy()
    a = np.concatenate([graph.a[graph.open], graph.b[graph.open]])
    b = np.concatenate([graph.b[graph.open], graph.a[graph.open]])
    length = np.concatenate([graph.length[graph.open]] * 2)
    while True:
        front = np.flatnonzero((label[a] < 0) & (label[b] >= 0))
        if not len(front):
            return label
        order = front[np.lexsort((-label[b[front]], np.round(length[front], 3), a[front]))]
        label[a[order]] = label[b[order]]  # the longest comes last


def join_farms(graph: CellGraph, label: np.ndarray, low: int, high: int) -> np.ndarray:
    """Settlements after each one of fewer than `low` households has joined the one next to it over open ground.

    The smallest goes first; it joins one that stays within `high` where there is one, else the largest; of equal ones
    that with which it shares most boundary.
    """
    label = label.copy()
    a, b, length = graph.a[graph.open], graph.b[graph.open], graph.length[graph.open]
    stuck: set[int] = set()
    while True:
        count = int(label.max()) + 1
        total = np.bincount(label[label >= 0], weights=graph.households[label >= 0], minlength=count)
        small = [n for n in np.flatnonzero((total > 0) & (total < low)).tolist() if n not in stuck]
        if not small:
            return label
        mine = min(small, key=lambda n: (total[n], n))
        touch = (label[a] == mine) ^ (label[b] == mine)
        other = np.where(label[a[touch]] == mine, label[b[touch]], label[a[touch]])
        shared = np.bincount(other[other >= 0], weights=length[touch][other >= 0], minlength=count)
        near = np.flatnonzero((shared > 0) & (total > 0)).tolist()
        if not near:
            stuck.add(mine)
            continue
        fits = [n for n in near if total[n] + total[mine] <= high]
        best = max(fits, key=lambda n: (shared[n], -n)) if fits else max(near, key=lambda n: (total[n], shared[n], -n))
        label[label == mine] = best


def sort_of_village(households: int, apart_m: float) -> Sort:
    """What a village is, with the reason for whatever its number of households."""
    far = f", {apart_m:,.0f} m from the next" if np.isfinite(apart_m) else ""
    far_zh = f"，距最近聚落{apart_m:.0f}米" if np.isfinite(apart_m) else ""
    return Sort(
        "village", "village", None, f"village: a settlement of {households} households kept whole{far}",
        f"自然村：{households}户整体成格{far_zh}",
    )  # fmt: skip
