"""Ground where nobody lives: which of it is a unit of its own, and which of it neighbours need to reach each other."""

from __future__ import annotations

import heapq

import numpy as np

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.strips import STRIP_M

__all__ = ["tracts", "unpeopled"]


#: What it costs a way to cross a hard line, in square metres of ground.
_CROSSING_M2 = 10_000.0


def unpeopled(
    part: CellGraph, far: np.ndarray, *, low: int, least_m2: float, wide_m2: float, cross: bool = False
) -> np.ndarray:
    """Cells of the tracts far from any household that are big enough and not needed to hold neighbours together.

    Ground that hard lines cut off from every home, between tracks or carriageways, is as good as far.

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
    cross
        Whether a way may cross hard lines where there is no better one.

    Returns
    -------
    array of bool, one a cell.
    """
    if not part.households.any():
        return np.ones(len(part), dtype=bool)
    piece = part.pieces()
    cut_off = np.bincount(piece, weights=part.households)[piece] == 0
    bare = (far | cut_off) & (part.households == 0)
    # Ground near homes counts half: a bank or a median goes with somebody, a yard does not.
    worth = np.where(far, part.area, 0.5 * part.area)
    if not bare.any():
        return bare
    chosen = _wide(part, bare, worth, least_m2)
    neighbours = _neighbours(part, cross)
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
        chosen = _wide(part, chosen, worth, least_m2)
    return chosen


def _wide(part: CellGraph, bare: np.ndarray, worth: np.ndarray, least_m2: float) -> np.ndarray:
    """The marked cells that lie in a tract of at least that much ground, each cell for what it is worth."""
    if not bare.any():
        return bare
    label = tracts(part, bare, least_m2)
    area = np.bincount(label[bare], weights=worth[bare])
    return bare & (area[label] >= least_m2)


def tracts(part: CellGraph, bare: np.ndarray, least_m2: float) -> np.ndarray:
    """Number of the tract of each marked cell, from 0; -1 for the others.

    A tract is what hangs together without a hard line; one of less ground than `least_m2`, or a strip narrower than a
    street, joins the tract beside it with which it shares most boundary, whatever line runs between: nobody lives in
    either.

    Examples
    --------
    >>> from gridmap.micro_grids.graph import CellGraph
    >>> nobody, two = np.zeros(3, dtype=np.int64), np.zeros(2, dtype=np.int64)
    >>> row = CellGraph(
    ...     nobody, nobody, np.array([900.0, 5.0, 900.0]), np.array([120.0, 0.5, 120.0]),
    ...     np.array([0, 1]), np.array([1, 2]), np.array([30.0, 40.0]), two + 0.0, two + 0.0, two > 0)
    >>> tracts(row, np.ones(3, dtype=bool), 10.0).tolist(), tracts(row, np.ones(3, dtype=bool), 1.0).tolist()
    ([0, 1, 1], [0, 1, 2])
    """
    label = np.full(len(part), -1, dtype=np.int64)
    label[bare] = np.unique(part.pieces(among=bare.astype(np.int64))[bare], return_inverse=True)[1].ravel()
    area = np.bincount(label[bare], weights=part.area[bare]).tolist()
    inside = bare[part.a] & (label[part.a] == label[part.b])
    shared = np.bincount(label[part.a[inside]], weights=part.length[inside], minlength=len(area))
    around = (np.bincount(label[bare], weights=part.perimeter[bare]) - 2.0 * shared).tolist()

    def small(tract: int) -> bool:
        return bool(area[tract] < least_m2 or 2.0 * area[tract] < STRIP_M * around[tract])

    beside: list[dict[int, float]] = [{} for _ in area]
    between = bare[part.a] & bare[part.b] & (label[part.a] != label[part.b])
    for a, b, length in zip(
        label[part.a[between]].tolist(), label[part.b[between]].tolist(), part.length[between].tolist(), strict=True
    ):
        beside[a][b] = beside[a].get(b, 0.0) + length
        beside[b][a] = beside[b].get(a, 0.0) + length
    into = list(range(len(area)))
    heap = [(area[n], n) for n in range(len(area)) if small(n) and beside[n]]
    heapq.heapify(heap)
    while heap:
        size, mine = heapq.heappop(heap)
        if into[mine] != mine or size != area[mine] or not beside[mine]:
            continue
        host = max(beside[mine], key=lambda n: (beside[mine][n], -n))
        into[mine] = host
        area[host] += area[mine]
        around[host] += around[mine] - 2.0 * beside[mine][host]
        for other, length in beside[mine].items():
            del beside[other][mine]
            if other != host:
                beside[host][other] = beside[host].get(other, 0.0) + length
                beside[other][host] = beside[host][other]
        if small(host):
            heapq.heappush(heap, (area[host], host))
    for number in range(len(into)):
        root = number
        while into[root] != root:
            root = into[root]
        into[number] = root
    label[bare] = np.unique(np.array(into)[label[bare]], return_inverse=True)[1].ravel()
    return label


def _neighbours(part: CellGraph, cross: bool) -> list[list[tuple[int, float]]]:
    """Cells beside each cell, with what it costs to get over the line between."""
    found: list[list[tuple[int, float]]] = [[] for _ in range(len(part))]
    keep = part.open | cross
    toll = np.where(part.open, 0.0, _CROSSING_M2)[keep]
    for a, b, cost in zip(part.a[keep].tolist(), part.b[keep].tolist(), toll.tolist(), strict=True):
        found[a].append((b, cost))
        found[b].append((a, cost))
    return found


def _way(
    part: CellGraph,
    neighbours: list[list[tuple[int, float]]],
    start: np.ndarray,
    group: np.ndarray,
    total: np.ndarray,
    most: float,
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
        for other, toll in neighbours[cell]:
            step = so_far + toll + (float(area[other]) if group[other] < 0 else 0.0)
            if step <= most and step < cost.get(other, np.inf):
                cost[other] = step
                before[other] = cell
                heapq.heappush(heap, (step, other))
    return []
