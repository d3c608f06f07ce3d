"""An old plan carried over to cells after a change: which zones stand as they were, and which need mending."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.graph import CellGraph

__all__ = ["Carried", "carry", "match", "shut_between"]


@dataclass
class Carried:
    """Zones of cells after a change; numbers below `old` are zones that existed, `todo` those to look at, `frozen`
    those that stay as they are.
    """

    zone: np.ndarray
    todo: set[int]
    frozen: frozenset[int]


def shut_between(graph: CellGraph, group: np.ndarray) -> CellGraph:
    """The same graph with every edge shut between cells of different groups: nothing is joined across them."""
    whole = graph.part(np.arange(len(graph)))
    whole.open = whole.open & (group[whole.a] == group[whole.b])
    return whole


def carry(
    graph: CellGraph,
    zone: np.ndarray,
    count: int,
    before: np.ndarray,
    band: Band,
    *,
    locked: Collection[int] = (),
    stacks: Collection[int] = (),
    own: Collection[int] = (),
) -> Carried:
    """Make every zone one piece, towers alone, and say which zones are out of order.

    Parameters
    ----------
    graph
        Cells as they are now, shut between grids; edges inside zones that only a hard barrier joined are opened in it.
    zone
        Zone of each cell by place or building, from 0.
    count
        Number of zones that existed.
    before
        Households of each zone before the change.
    band
        Households a zone should have.
    locked, stacks
        Zones that stay as they are, and zones that are a stack of floors.
    own
        Zones that are a special site or a village: the band's minimum is not for them.

    Returns
    -------
    Carried
    """
    zone = zone.copy()
    held = np.isin(zone, list(locked))
    alone = graph.weight > graph.households
    # A tract where nobody lives lies on both sides of hard lines, as long as nobody moves in.
    now = np.bincount(zone[zone >= 0], weights=graph.households[zone >= 0], minlength=count)[:count]
    _open_inside(graph, zone, count, (before > 0) | (now == 0))
    fresh = count
    for number in np.unique(zone[alone & ~held]).tolist():  # towers: few
        cells = np.flatnonzero(zone == number)
        towers = cells[alone[cells]]
        others = cells[(graph.households[cells] > 0) & ~alone[cells]]
        towers = towers[np.lexsort((towers, -graph.households[towers]))]
        keeps = number in stacks or not len(others)
        if keeps:
            zone[others] = -1
        for tower in towers[int(keeps) :].tolist():
            zone[tower] = fresh
            fresh += 1
    zone = _whole(graph, zone, held)
    zone = _settled(graph, zone, fresh, locked)
    return _judged(graph, zone, count, before, band, locked, own)


def _open_inside(graph: CellGraph, zone: np.ndarray, count: int, held: np.ndarray) -> None:
    """Open the hard edges that hold an old zone together: it was so before."""
    open_pieces = _pieces(graph, zone, graph.open)
    all_pieces = _pieces(graph, zone, np.ones(len(graph.a), dtype=bool))
    first = np.zeros(int(all_pieces.max(initial=0)) + 1, dtype=np.int64)
    apart = np.zeros(len(first), dtype=bool)
    first[all_pieces[::-1]] = open_pieces[::-1]
    apart[all_pieces[open_pieces != first[all_pieces]]] = True
    inside = (zone[graph.a] == zone[graph.b]) & apart[all_pieces[graph.a]] & ~graph.open
    inside &= zone[graph.a] < count
    graph.open = graph.open | (inside & held[np.minimum(np.maximum(zone[graph.a], 0), count - 1)])


def _pieces(graph: CellGraph, zone: np.ndarray, usable: np.ndarray) -> np.ndarray:
    keep = usable & (zone[graph.a] == zone[graph.b])
    ties = coo_matrix((np.ones(int(keep.sum()), np.int8), (graph.a[keep], graph.b[keep])), shape=(len(zone),) * 2)
    return connected_components(ties, directed=False)[1].astype(np.int64)


def _whole(graph: CellGraph, zone: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Of a zone in pieces the one with most households stays, the others are free (-1)."""
    piece = _pieces(graph, zone, graph.open)
    count = int(piece.max(initial=-1)) + 1
    load = np.bincount(piece, weights=graph.households, minlength=count)
    area = np.bincount(piece, weights=graph.area, minlength=count)
    owner = np.full(count, -1, dtype=np.int64)
    owner[piece] = zone
    order = np.lexsort((np.arange(count), -area, -load, owner))
    main = np.zeros(count, dtype=bool)
    main[order[np.r_[True, owner[order][1:] != owner[order][:-1]]]] = True
    return np.where(main[piece] | held, zone, -1)


def _settled(graph: CellGraph, zone: np.ndarray, fresh: int, locked: Collection[int]) -> np.ndarray:
    """Free pieces: ground where nobody lives joins the neighbour that it meets most, others are zones of their own."""
    zone = zone.copy()
    free = zone < 0
    if not free.any():
        return zone
    piece = _pieces(graph, np.where(free, -1, np.arange(len(zone)) + 1), graph.open)
    barred = np.array(sorted(locked), dtype=np.int64)
    for number in np.unique(piece[free]).tolist():  # few, each on the last
        cells = np.flatnonzero(piece == number)
        if not graph.households[cells].any():
            mine = np.isin(graph.a, cells) != np.isin(graph.b, cells)
            edge = np.flatnonzero(mine & graph.open)
            other = np.where(np.isin(graph.a[edge], cells), graph.b[edge], graph.a[edge])
            there = zone[other]
            usable = (there >= 0) & ~np.isin(there, barred)
            if usable.any():
                shared = np.bincount(there[usable], weights=graph.length[edge][usable])
                zone[cells] = int(np.argmax(np.round(shared, 3)))
                continue
        zone[cells] = max(fresh, int(zone.max()) + 1)
    return zone


def _judged(
    graph: CellGraph, zone: np.ndarray, count: int, before: np.ndarray, band: Band, locked: Collection[int],
    own: Collection[int],
) -> Carried:  # fmt: skip
    total = int(zone.max(initial=-1)) + 1
    load = np.bincount(zone, weights=graph.households, minlength=total).astype(np.int64)
    peopled = np.bincount(zone, weights=graph.households > 0, minlength=total)
    alone = np.bincount(zone, weights=graph.weight > graph.households, minlength=total) > 0
    was = np.full(total, -1, dtype=np.int64)
    was[: min(count, total)] = before[: min(count, total)]
    used = np.bincount(zone, minlength=total) > 0
    out = ~((load >= band.low) & (load <= band.high))
    off = (peopled > 1) & ~((load >= band.wish_low) & (load <= band.wish_high))
    empty = (load == 0) & (was == 0)
    mixed = alone & (peopled > 1)
    # the band is not for sites and villages; where more moved in than one micro-grid may hold, they are divided
    out &= ~np.isin(np.arange(total), list(own)) | ((load > band.high) & (load != was))
    off &= ~np.isin(np.arange(total), list(own))
    todo = used & ~empty & (mixed | (~alone & (out | (off & (load != was)))))
    frozen = {int(number) for number in locked} | {int(number) for number in np.flatnonzero(empty)}
    return Carried(zone, {int(number) for number in np.flatnonzero(todo)} - frozen, frozenset(frozen))


def match(home: np.ndarray, zone: np.ndarray, load: np.ndarray, count: int, *, share: float = 0.0) -> np.ndarray:
    """Which old zone each new one continues, -1 for none: most common households first, each old zone once.

    Parameters
    ----------
    home
        Old zone of each cell, -1 where its households are new.
    zone
        New zone of each cell, from 0.
    load
        Households of each cell.
    count
        Number of old zones.
    share
        Least share of the old zone's households that has to stay together.

    Examples
    --------
    >>> match(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 2]), np.array([9, 9, 4, 8]), 2).tolist()
    [-1, -1, 1, -1, -1, 0]
    """
    total = int(zone.max(initial=-1)) + 1
    found = np.full(total, -1, dtype=np.int64)
    known = home >= 0
    pair, which = np.unique(home[known] * total + zone[known], return_inverse=True)
    common = np.bincount(which, weights=load[known], minlength=len(pair))
    cells = np.bincount(which, minlength=len(pair))
    whole = np.bincount(home[known], weights=load[known], minlength=count)
    old, new = pair // total, pair % total
    enough = common >= share * whole[old]
    used: set[int] = set()
    for position in np.lexsort((new, old, -cells, -common)):
        a, b = int(old[position]), int(new[position])
        if enough[position] and a not in used and found[b] < 0:
            found[b] = a
            used.add(a)
    return found
