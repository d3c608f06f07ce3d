"""Ground where nobody lives: which of it is a unit of its own, and which of it neighbours need to reach each other."""

from __future__ import annotations

import heapq

import numpy as np

from gridmap.micro_grids.graph import CellGraph

__all__ = ["unpeopled"]


def unpeopled(part: CellGraph, far: np.ndarray, *, low: int, least_m2: float, wide_m2: float) -> np.ndarray:
    """Cells of the tracts far from any household that are big enough and not needed to hold neighbours together.

    Parameters
    ----------
    part
        Cells of one grid.
    far
        True for cells far from any inhabited building.
    low
        A group of fewer households that the tracts cut off gets the ground on its shortest way to the next group.
    least_m2
        Least ground of a tract.
    wide_m2
        Most ground that such a way may take; a strip takes as much as a square of its perimeter.

    Returns
    -------
    array of bool, one a cell.
    """
    if not part.households.any():
        return np.ones(len(part), dtype=bool)
    bare = far & (part.households == 0)
    if not bare.any():
        return bare
    chosen = _wide(part, bare, least_m2)
    neighbours = _neighbours(part)
    tried: set[int] = set()
    while chosen.any():
        kept = np.flatnonzero(~chosen)
        group = np.full(len(part), -1, dtype=np.int64)
        group[kept] = part.part(kept).pieces()
        total = np.bincount(group[kept], weights=part.households[kept])
        first = np.full(len(total), len(part), dtype=np.int64)
        np.minimum.at(first, group[kept], kept)
        # Small groups, the smallest first; a group is known by its first cell.
        small = [n for n in np.flatnonzero((total > 0) & (total < low)).tolist() if int(first[n]) not in tried]
        if not small:
            break
        mine = min(small, key=lambda n: (total[n], first[n]))
        way = _way(part, neighbours, np.flatnonzero(group == mine), group, total, wide_m2)
        if not way:
            tried.add(int(first[mine]))
            continue
        chosen[way] = False
        # What the way leaves of a tract may be too small to stand alone.
        chosen = _wide(part, chosen, least_m2)
    return chosen


def _wide(part: CellGraph, bare: np.ndarray, least_m2: float) -> np.ndarray:
    """The marked cells that lie in a piece of at least that much ground."""
    piece = part.pieces(among=bare.astype(np.int64))
    area = np.bincount(piece, weights=np.where(bare, part.area, 0.0))
    return bare & (area[piece] >= least_m2)


def _neighbours(part: CellGraph) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(len(part))]
    for a, b in zip(part.a[part.open].tolist(), part.b[part.open].tolist(), strict=True):
        found[a].append(b)
        found[b].append(a)
    return found


def _way(
    part: CellGraph, neighbours: list[list[int]], start: np.ndarray, group: np.ndarray, total: np.ndarray, most: float
) -> list[int]:
    """Empty cells of least ground from a group to another one where people live (Dijkstra); none where there is no
    way within the limit. A strip counts as much as the square of its perimeter: it would make a tentacle."""
    area = np.maximum(part.area, (part.perimeter / 4.0) ** 2)
    cost = dict.fromkeys(start.tolist(), 0.0)
    before: dict[int, int] = {}
    heap = [(0.0, cell) for cell in start.tolist()]
    heapq.heapify(heap)
    own = int(group[start[0]])
    while heap:
        so_far, cell = heapq.heappop(heap)
        if so_far > cost[cell]:
            continue
        if group[cell] >= 0 and group[cell] != own and total[group[cell]] > 0:
            way = []
            while cell in before:
                cell = before[cell]
                if group[cell] < 0:
                    way.append(cell)
            return way
        for other in neighbours[cell]:
            step = so_far + (float(area[other]) if group[other] < 0 else 0.0)
            if step <= most and step < cost.get(other, np.inf):
                cost[other] = step
                before[other] = cell
                heapq.heappush(heap, (step, other))
    return []
