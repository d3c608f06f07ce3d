"""Cells and their neighbours, as arrays that the balance works on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridmap.micro_grids.fabric import Fabric
from gridmap.micro_grids.lines import HARD

__all__ = ["ALONE", "CellGraph", "make_graph"]

#: Weight of a cell that must not share its unit with other households: a stack of floors, or a building too big.
ALONE = 1_000_000
#: Strength of the boundary between two estates.
ESTATE = 0.7
#: Neighbours that meet over less than this without a hard line between them count as parted, metres.
PASSAGE_M = 3.0


@dataclass
class CellGraph:
    """Cells as nodes, common boundaries as edges (each once, `a` < `b`).

    Per cell: `weight` (households; `ALONE` for a cell that stays alone), `households`, `area` (m2), `perimeter` (m).
    Per edge: `length` (m), `bare` (metres of it that follow no line, weighted by 1 - strength), `strong` (metres on
    strong lines), `open` (False where only a hard line parts the two). `things` per cell is 0 where nobody lives, 1 for
    a whole building or one known entrance (good alone anywhere in the band), 2 for what should meet the wish even alone
    (a piece of a bigger building, several buildings on one ground); 1 wherever people live unless it is given.
    """

    weight: np.ndarray
    households: np.ndarray
    area: np.ndarray
    perimeter: np.ndarray
    a: np.ndarray
    b: np.ndarray
    length: np.ndarray
    bare: np.ndarray
    strong: np.ndarray
    open: np.ndarray
    things: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if len(self.things) != len(self.weight):
            self.things = (self.weight > 0).astype(np.int64)

    def __len__(self) -> int:
        return len(self.weight)

    def part(self, cells: np.ndarray) -> CellGraph:
        """The graph of some cells, numbered in the order given; boundary to other cells counts as outer boundary."""
        where = np.full(len(self), -1, dtype=np.int64)
        where[cells] = np.arange(len(cells))
        keep = (where[self.a] >= 0) & (where[self.b] >= 0)
        a, b = where[self.a[keep]], where[self.b[keep]]
        return CellGraph(
            self.weight[cells], self.households[cells], self.area[cells], self.perimeter[cells],
            np.minimum(a, b), np.maximum(a, b),
            self.length[keep], self.bare[keep], self.strong[keep], self.open[keep], self.things[cells],
        )  # fmt: skip

    def pieces(self, among: np.ndarray | None = None) -> np.ndarray:
        """Number of the connected piece of each cell, over open edges (and only inside groups, where given)."""
        keep = self.open if among is None else self.open & (among[self.a] == among[self.b])
        graph = coo_matrix((np.ones(int(keep.sum()), np.int8), (self.a[keep], self.b[keep])), shape=(len(self),) * 2)
        return connected_components(graph, directed=False)[1].astype(np.int64)

    def join_small(self, low: int) -> np.ndarray:
        """Open the hard edges that a piece of fewer than `low` households needs to reach a neighbour.

        The smallest piece goes first and opens the boundary to the neighbour with which it shares most; this repeats
        until every piece that has a neighbour at all is big enough.

        Returns
        -------
        Positions of the edges that were opened.
        """
        opened: list[int] = []
        while True:
            piece = self.pieces()
            count = int(piece.max()) + 1 if len(piece) else 0
            if count <= 1:
                break
            total = np.bincount(piece, weights=self.households, minlength=count)
            shut = np.flatnonzero(~self.open & (piece[self.a] != piece[self.b]))
            if not len(shut):
                break
            reachable = np.unique(np.concatenate([piece[self.a[shut]], piece[self.b[shut]]]))
            small = reachable[total[reachable] < low]
            if not len(small):
                break
            mine = small[np.lexsort((small, total[small]))[0]]
            touch = shut[(piece[self.a[shut]] == mine) | (piece[self.b[shut]] == mine)]
            other = np.where(piece[self.a[touch]] == mine, piece[self.b[touch]], piece[self.a[touch]])
            shared = np.bincount(other, weights=self.length[touch], minlength=count)
            best = int(np.lexsort((np.arange(count), -shared))[0])
            now = touch[other == best]
            self.open[now] = True
            opened += now.tolist()
        return np.array(sorted(opened), dtype=np.int64)


def make_graph(
    fabric: Fabric,
    households: np.ndarray,
    stacked: np.ndarray,
    lines: np.ndarray,
    strengths: np.ndarray,
    *,
    estates: np.ndarray | None = None,
    things: np.ndarray | None = None,
) -> CellGraph:
    """Cells of a fabric with their households and common boundaries.

    Parameters
    ----------
    fabric
        From `make_fabric`.
    households, stacked, things
        One entry an atom (see `CellGraph` for `things`).
    lines, strengths
        From `block_lines`.
    estates
        Number of the estate of each atom, -1 for none. Between cells of different estates a boundary counts like one
        along a fence, wherever the estate's outline is drawn: estates stay together where they fit.
    """
    count = fabric.cells
    has = fabric.atom >= 0
    own = np.zeros(count, dtype=np.int64)
    own[has] = households[fabric.atom[has]]
    held = (own > 0).astype(np.int64)
    if things is not None:
        held[has] = np.where(own[has] > 0, things[fabric.atom[has]], 0)
    weight = own.copy()
    weight[has] = np.where(stacked[fabric.atom[has]], ALONE, weight[has])
    area = np.bincount(fabric.cell, weights=shapely.area(fabric.faces), minlength=count)

    edges = fabric.edges
    low, high, segment = edges.between(fabric.cell)
    strength = edges.strengths(segment, lines, strengths)
    if estates is not None and len(estates):
        estate = np.full(count, -1, dtype=np.int64)
        estate[has] = estates[fabric.atom[has]]
        parted = (estate[low] != estate[high]) & has[low] & has[high]
        strength = np.where(parted, np.maximum(strength, ESTATE), strength)
    length = edges.length[segment]
    outer = np.flatnonzero(~edges.inner)
    perimeter = (
        np.bincount(low, weights=length, minlength=count)
        + np.bincount(high, weights=length, minlength=count)
        + np.bincount(fabric.cell[edges.left[outer]], weights=edges.length[outer], minlength=count)
    )
    pair, which = np.unique(low * count + high, return_inverse=True)
    soft = np.minimum(strength, 1.0)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(which, weights=values, minlength=len(pair))

    shared = total(length)
    hard = total(np.where(strength >= HARD, length, 0.0))
    return CellGraph(
        weight=weight,
        households=own,
        area=area,
        perimeter=perimeter,
        a=pair // count,
        b=pair % count,
        length=shared,
        bare=total(length * (1.0 - soft)),
        strong=total(np.where(soft >= 0.5, length * soft, 0.0)),
        open=(hard <= 0.0) | (shared - hard >= PASSAGE_M),
        things=held,
    )
