"""What the compiled search works on, in six tuples that numba reads by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridmap.compiling import compiled

__all__ = ["Bunch", "Memo", "Nodes", "Table", "Ties", "Work", "make_bunch", "make_memo", "make_work"]


class Nodes(NamedTuple):
    """One entry a cell: households (`weight`), `things`, load in steps, cost alone (`single`), area, perimeter."""

    weight: np.ndarray
    things: np.ndarray
    load: np.ndarray
    single: np.ndarray
    area: np.ndarray
    perimeter: np.ndarray


class Ties(NamedTuple):
    """Edges both ways as compressed rows: row starts (`indptr`), then one entry an edge."""

    indptr: np.ndarray
    nbr: np.ndarray
    length: np.ndarray
    bare: np.ndarray
    strong: np.ndarray
    is_open: np.ndarray
    affinity: np.ndarray
    cut: np.ndarray


class Table(NamedTuple):
    """Costs: of a zone by its load (`close`), the limits of the band, the weights of shape, streets and inside."""

    close: np.ndarray
    band: np.ndarray
    want: np.ndarray


class Bunch(NamedTuple):
    """Some cells that are cut anew, by their number among themselves, and memory for their spanning trees."""

    #: One entry an edge: its two cells, and its number in `Ties`.
    one: np.ndarray
    other: np.ndarray
    edge: np.ndarray
    #: One entry an edge: how loose it is (1 / affinity), and what it is sorted by: a number, and the same bits as an
    #: integer.
    loose: np.ndarray
    key: np.ndarray
    code: np.ndarray
    #: One entry a cell: boundary off streets to other cells, forest, tree edges, and the tree as compressed rows.
    outer: np.ndarray
    root: np.ndarray
    kept: np.ndarray
    begin: np.ndarray
    fill: np.ndarray
    #: Two entries a cell.
    around: np.ndarray
    which: np.ndarray


class Memo(NamedTuple):
    """Memory for the cheapest cut of a tree."""

    #: Rows of one entry a state, one row a cell: cost of the open zone by its load, and the cost of the parent's before
    #: the cell was merged into it.
    cost: np.ndarray
    before: np.ndarray
    #: Cheapest end of the zone of a cell, and the state it has then.
    best: np.ndarray
    ends: np.ndarray
    #: The least load of the open zone of a cell (its own), the most, and the most of its parent's before the merge.
    low: np.ndarray
    top: np.ndarray
    top_before: np.ndarray
    #: The child merged last, the child of the same parent merged before, the state chosen.
    last: np.ndarray
    sibling: np.ndarray
    chosen: np.ndarray


class Work(NamedTuple):
    """The state of a search and memory that it uses again and again, one entry a cell unless it says otherwise."""

    #: One entry a zone: a cell of it (-1: no such zone), and tries in vain since it or a zone beside it changed.
    first: np.ndarray
    idle: np.ndarray
    #: Six figures of each zone: households, things in it, area, perimeter, bare, strong.
    sums: np.ndarray
    #: Numbers that no zone has; the last entry says how many they are.
    spare: np.ndarray
    mark: np.ndarray
    local: np.ndarray
    cells: np.ndarray
    parent: np.ndarray
    order: np.ndarray
    out: np.ndarray
    best_out: np.ndarray
    free: np.ndarray
    #: One entry an edge.
    rim: np.ndarray
    cut_cost: np.ndarray
    load: np.ndarray
    single: np.ndarray
    #: Figures as `sums`, of the zones of a cut and of the best cut.
    figures: np.ndarray
    best_figures: np.ndarray


@compiled
def make_bunch(n, edges):  # type: ignore[no-untyped-def]
    """Memory for a bunch of at most n cells with so many edges."""
    key = np.empty(edges, np.float64)
    return Bunch(
        np.empty(edges, np.int64), np.empty(edges, np.int64), np.empty(edges, np.int64), np.empty(edges, np.float64),
        key, key.view(np.int64), np.empty(n, np.float64), np.empty(n, np.int64), np.empty(n, np.int64),
        np.empty(n + 1, np.int64), np.empty(n, np.int64), np.empty(2 * n, np.int64), np.empty(2 * n, np.int64),
    )  # fmt: skip


@compiled
def make_memo(n, states):  # type: ignore[no-untyped-def]
    """Memory for trees of at most n cells and so many states of load."""
    return Memo(
        np.empty(n * states, np.float64), np.empty(n * states, np.float64), np.empty(n, np.float64),
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
    )  # fmt: skip


@compiled
def make_work(n, edges):  # type: ignore[no-untyped-def]
    """Memory for a search among n cells with so many edges both ways."""
    spare = np.empty(n + 1, np.int64)
    spare[n] = 0
    return Work(
        np.full(n, -1, np.int64), np.zeros(n, np.int64), np.zeros((n, 6), np.float64), spare,
        np.full(n, -1, np.int64), np.full(n, -1, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
        np.empty(edges, np.int64), np.empty(n, np.float64), np.empty(n, np.int64), np.empty(n, np.float64),
        np.empty((n, 6), np.float64), np.empty((n, 6), np.float64),
    )  # fmt: skip
