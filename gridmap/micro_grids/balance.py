"""Cells joined into units of even load.

A piece of connected cells is first cut along several spanning trees, each cut being the cheapest there is on its tree
(dynamic programming over the load); then neighbouring units are merged and cut anew, and single cells are moved, as
long as the cost falls. The number of units is free. The cost of a unit adds its distance from the target, its shape,
its boundary off streets and the main streets inside it. Large units (grids, communities) are made of blocks.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import depth_first_order

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.graph import ALONE, CellGraph
from gridmap.micro_grids.kernels import improve, plant
from gridmap.micro_grids.kernels.arrays import Nodes, Table, Ties, make_bunch, make_memo
from gridmap.micro_grids.kernels.blocks import join_along

__all__ = ["Wishes", "balance", "blocks"]

_MOST_STATES = 160
#: Pieces with more cells than this are balanced by blocks where units are large, so many blocks a unit or more.
_FEW_CELLS = 30
_BLOCKS = 16
_ZONE_COST = 1.1
_NEVER = 1e18


@dataclass(frozen=True)
class Wishes:
    """How much shape and streets count beside even loads, and how long to search.

    `shape` weighs the compactness, `streets` the boundary that follows no street, `inside` main streets inside a unit;
    `rounds` and `tries` are sweeps over all units and cuts tried a sweep, `mends` the turns in which units that still
    miss the wish are cut anew with their neighbours; `polish` are the sweeps after that, in which the shape counts
    `finish` times as much (at 1 they only look at what the mending changed).
    """

    shape: float = 0.8
    streets: float = 0.5
    inside: float = 0.6
    rounds: int = 5
    tries: int = 4
    mends: int = 150
    polish: int = 6
    finish: float = 2.0


def balance(
    graph: CellGraph, band: Band, *, seed: int, wishes: Wishes | None = None, start: np.ndarray | None = None
) -> np.ndarray:
    """Unit number of each cell, from 0, each unit in one piece over open edges.

    Parameters
    ----------
    graph
        Cells; cells of different pieces are never joined (see `CellGraph.join_small`).
    band
        Households a unit should have.
    seed
        Same seed, same answer.
    start
        A plan to begin with, each unit in one piece; with `wishes.rounds` of 0 only what misses the wish is cut anew,
        together with its neighbours.

    Returns
    -------
    array of int64, one a cell.
    """
    wishes = wishes or Wishes()
    unit = np.zeros(len(graph), dtype=np.int64)
    if not len(graph):
        return unit
    piece = graph.pieces()
    count = 0
    order = np.argsort(piece, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(piece[order]) > 0])
    for cells in np.split(order, starts[1:]):  # pieces do not know each other
        part, begin = graph.part(cells), None if start is None else start[cells]
        if begin is None and band.high > _MOST_STATES and len(part) > _FEW_CELLS:
            here = _by_blocks(part, band, seed, wishes)
        else:
            here = _balance_piece(part, band, seed, wishes, begin)
        unit[cells] = here + count
        count += int(here.max()) + 1
    return unit


def _by_blocks(graph: CellGraph, band: Band, seed: int, wishes: Wishes) -> np.ndarray:
    """Large units made of blocks; then single cells are moved along their boundaries."""
    node = blocks(graph, band.target / _BLOCKS)
    unit = _balance_piece(graph.contract(node), band, seed, wishes, None)
    fine = replace(wishes, rounds=0, mends=0, polish=0, finish=1.0)
    return _balance_piece(graph, band, seed, fine, unit[node])


def blocks(graph: CellGraph, most: float) -> np.ndarray:
    """Cells joined into blocks: neighbours over open edges, those first that no street parts.

    Parameters
    ----------
    graph
        Cells.
    most
        Households that a block may hold. A cell that holds more, or a stack, is a block by itself; no block takes more
        than twice the ground that so many households would have if all lived equally far apart.

    Returns
    -------
    array of int64: the block of each cell, from 0; each block is in one piece over open edges.

    Examples
    --------
    >>> row = CellGraph(
    ...     weight=np.full(4, 10), households=np.full(4, 10), area=np.full(4, 400.0), perimeter=np.full(4, 80.0),
    ...     a=np.arange(3), b=np.arange(1, 4), length=np.full(3, 20.0), bare=np.array([20.0, 0.0, 20.0]),
    ...     strong=np.zeros(3), open=np.ones(3, dtype=bool))
    >>> blocks(row, 20).tolist()
    [0, 0, 1, 1]
    """
    soft = graph.bare / np.maximum(graph.length, 1e-9)
    small = np.minimum(graph.perimeter[graph.a], graph.perimeter[graph.b])
    tie = (0.02 + graph.length / np.maximum(small, 1.0)) * (0.02 + soft)
    order = np.lexsort((graph.b, graph.a, -tie))
    order = order[graph.open[order]]
    people = graph.weight[graph.weight < ALONE].sum()
    most_area = 2.0 * graph.area.sum() * most / max(float(people), most)
    group = join_along(graph.a[order], graph.b[order], graph.weight.astype(np.float64), graph.area, most, most_area)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _balance_piece(
    graph: CellGraph, band: Band, seed: int, wishes: Wishes, start: np.ndarray | None
) -> np.ndarray:
    n = len(graph)
    peopled = graph.weight > 0
    total = int(graph.weight[graph.weight < ALONE].sum())
    lonely = int((graph.weight >= ALONE).sum())
    if n == 1 or peopled.sum() <= 1 or (lonely == 0 and total <= band.wish_high):
        return np.zeros(n, dtype=np.int64)
    indptr, nbr, edge = _rows(graph)
    length, bare, strong = graph.length[edge], graph.bare[edge], graph.strong[edge]
    is_open = graph.open[edge]
    soft = bare / np.maximum(length, 1e-9)
    small = np.minimum(graph.perimeter[nbr], np.repeat(graph.perimeter, np.diff(indptr)))
    # Ties: long common boundary, nothing between; empty cells cling to their neighbours.
    affinity = (0.02 + length / np.maximum(small, 1.0)) * (0.15 + soft)
    cut = 0.3 * soft

    scale = max(1, -(-band.high // (_MOST_STATES - 2)))
    states = band.high // scale + 2
    load = _loads(graph, scale)
    load = np.where((graph.weight >= ALONE) | (load > states - 2), states - 1, load).astype(np.int64)
    weight = np.where((load == states - 1) & (graph.weight < ALONE), ALONE, graph.weight).astype(np.float64)
    limits = np.array([band.low, band.wish_low, band.target, band.wish_high, band.high, ALONE], dtype=np.float64)
    close = _closing_costs(states, scale, limits)
    want = np.array([wishes.shape, wishes.streets, wishes.inside], dtype=np.float64)
    own_seed = (seed * 1_000_003 + zlib.crc32(graph.weight.tobytes()) + n) % (1 << 31)

    single = _single_costs(graph, load, states, band)
    things = graph.things.astype(np.float64)
    nodes = Nodes(weight, things, load, single, graph.area, graph.perimeter)
    ties = Ties(indptr, nbr, length, bare, strong, is_open, affinity, cut)
    table = Table(close, limits, want)
    bunch, memo = make_bunch(n, len(graph.a)), make_memo(n, states)
    if start is None:
        zone, zones = plant(nodes, ties, table, bunch, memo, own_seed, 5)
        if zones < 0:  # cannot be: the piece is connected
            raise AssertionError("a piece of cells fell apart")
    else:
        zone = np.unique(start, return_inverse=True)[1].astype(np.int64)
    most = min(n, max(400, int(12 * n * band.high / max(total, 1))))
    improve(
        zone, nodes, ties, table, bunch, memo, own_seed, wishes.rounds, wishes.tries, most, wishes.mends,
        wishes.polish, wishes.finish,
    )  # fmt: skip
    return np.unique(zone, return_inverse=True)[1].astype(np.int64)


def _loads(graph: CellGraph, scale: int) -> np.ndarray:
    """Weights in steps of `scale` households, rounded so that neighbouring cells make up for each other."""
    if scale == 1:
        return graph.weight
    n = len(graph)
    ties = coo_matrix((np.ones(int(graph.open.sum())), (graph.a[graph.open], graph.b[graph.open])), shape=(n, n))
    walk = depth_first_order(ties.tocsr(), 0, directed=False, return_predecessors=False)
    sums = np.cumsum(np.where(graph.weight[walk] >= ALONE, 0, graph.weight[walk]))
    load = np.zeros(n, dtype=np.int64)
    load[walk] = np.diff((sums + scale // 2) // scale, prepend=0)
    return load


def _rows(graph: CellGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges both ways as compressed rows: row starts, neighbours, edge numbers; neighbours in ascending order."""
    n = len(graph)
    start = np.concatenate([graph.a, graph.b])
    end = np.concatenate([graph.b, graph.a])
    edge = np.concatenate([np.arange(len(graph.a))] * 2)
    order = np.lexsort((end, start))
    indptr = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(start, minlength=n), out=indptr[1:])
    return indptr, end[order], edge[order]


def _closing_costs(states: int, scale: int, limits: np.ndarray) -> np.ndarray:
    """Cost of a unit by its load, for the tree cut; the last state is a cell that stays alone."""
    low, wish_low, target, wish_high, high, _ = limits
    h = np.arange(states, dtype=np.float64) * scale
    d = (h - target) / target
    cost = _ZONE_COST + 1.0 * d * d
    cost += np.where(h < low, 6.0 + 6.0 * (low - h) / target, 0.0)
    cost += np.where(h > high, 6.0 + 6.0 * (h - high) / target, 0.0)
    cost += np.where((h >= low) & (h < wish_low), 2.5 + 2.5 * (wish_low - h) / target, 0.0)
    cost += np.where((h > wish_high) & (h <= high), 2.5 + 2.5 * (h - wish_high) / target, 0.0)
    cost[0] = 9.0
    cost[-1] = _NEVER
    return cost


def _single_costs(graph: CellGraph, load: np.ndarray, states: int, band: Band) -> np.ndarray:
    """Cost of a unit that holds one cell and empty ones: least for a stack, little for a whole building in the band."""
    d = (graph.weight - band.target) / band.target
    whole = (graph.things == 1) & (graph.weight >= band.low) & (graph.weight <= band.high)
    cost = np.where(whole, _ZONE_COST + 1.0 * d * d, _NEVER)
    return np.where(load == states - 1, _ZONE_COST, cost)
