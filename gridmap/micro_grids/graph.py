"""Cells and their neighbours, as arrays that the balance works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from gridmap.micro_grids.fabric import Fabric
from gridmap.micro_grids.kernels.pieces import pieces
from gridmap.micro_grids.lines import HARD

__all__ = ["ALONE", "CellGraph", "make_graph"]

#: Weight of a cell that must not share its unit with other households: a stack of floors, or a building too big.
ALONE = 1_000_000
#: How much more than a street the boundary of an estate costs inside a unit: people of one estate share a gate and a
#: committee.
HOLD = 1.0
#: Neighbours that meet over less than this without a hard line between them count as parted, metres.
PASSAGE_M = 3.0


@dataclass
class CellGraph:
    """Cells as nodes, common boundaries as edges (each once, `a` < `b`).

    Per cell: `weight` (households; `ALONE` for a cell that stays alone), `households`, `area` (m2), `perimeter` (m).
    Per edge: `length` (m), `bare` (metres of it that follow no line, weighted by 1 - strength), `strong` (metres on
    lines, weighted by the square of their strength: a main street inside a unit costs three times a lane, a driveway
    a tenth), `open` (False where only a hard line parts the two). `things` per cell is 0 where nobody lives, 1 for
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
        return self.pieces_over(self.open if among is None else self.open & (among[self.a] == among[self.b]))

    def pieces_over(self, keep: np.ndarray) -> np.ndarray:
        """Number of the connected piece of each cell over the edges that are kept, whether open or not."""
        return pieces(self.a[keep], self.b[keep], len(self))

    def contract(self, node: np.ndarray) -> CellGraph:
        """The graph whose cells are groups of these: `node` numbers the group of each cell, from 0 without a gap.

        A boundary between two groups is open where one of its pieces is.
        """
        count = int(node.max()) + 1
        a, b = np.minimum(node[self.a], node[self.b]), np.maximum(node[self.a], node[self.b])
        outer = a != b
        pair, which = np.unique(a[outer] * count + b[outer], return_inverse=True)

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(which, weights=values[outer], minlength=len(pair))

        def of_groups(values: np.ndarray) -> np.ndarray:
            return np.bincount(node, weights=values, minlength=count)

        inner = np.bincount(a[~outer], weights=self.length[~outer], minlength=count)
        return CellGraph(
            weight=of_groups(self.weight).astype(np.int64), households=of_groups(self.households).astype(np.int64),
            area=of_groups(self.area), perimeter=of_groups(self.perimeter) - 2.0 * inner,
            a=pair // count, b=pair % count, length=total(self.length), bare=total(self.bare),
            strong=total(self.strong), open=total(self.open.astype(np.float64)) > 0,
        )  # fmt: skip

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
    groups: Sequence[tuple[np.ndarray, float]] = (),
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
    groups
        Groups that should stay together where they fit, such as estates: the number of the group of each cell (-1 for
        none), and the strength that a boundary between two groups has at least, wherever their outline is drawn.
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
    apart = np.zeros(len(strength))
    for group, least in groups:
        parted = group[low] != group[high]
        strength = np.where(parted, np.maximum(strength, least), strength)
        apart = np.where(parted, np.maximum(apart, HOLD * least), apart)
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
    shut = strength >= HARD
    if fabric.beyond.any():
        # Whoever lives there is on the other side of a railway or a wall.
        shut |= fabric.beyond[edges.left[segment]] | fabric.beyond[edges.right[segment]]
    hard = total(np.where(shut, length, 0.0))
    return CellGraph(
        weight=weight,
        households=own,
        area=area,
        perimeter=perimeter,
        a=pair // count,
        b=pair % count,
        length=shared,
        bare=total(length * (1.0 - soft)),
        strong=total(length * (soft**2 + apart)),
        open=(hard <= 0.0) | (shared - hard >= PASSAGE_M),
        things=held,
    )
