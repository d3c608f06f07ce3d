"""Exchange across the borders of derived grids: what misses the wish inside a grid is cut anew with its neighbours.

A grid of 300-500 households is drawn along streets first and divided afterwards, so its last buildings often do not add
up. Where grids are our own, a unit that misses the wish is cut anew together with units of the next grid; then the
shapes of all units are improved, across those borders too. The grids follow: each micro-grid belongs to the grid that
most of it was in. Borders along streets stay where nothing is gained.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridmap.micro_grids.balance import Wishes, balance
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.graph import CellGraph

__all__ = ["exchange"]

#: Sweeps over all units once those that miss the wish are mended, and how much more the shape counts in them.
_POLISH, _FINISH = 8, 2.5
#: How much a metre of grid border inside a micro-grid counts beside one of main street, at the first and second try.
_HOLDS = (2.0, 8.0)


def exchange(
    graph: CellGraph,
    unit: np.ndarray,
    grid: np.ndarray,
    fixed: np.ndarray,
    bands: tuple[Band, Band],
    *,
    seed: int,
    wishes: Wishes | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Micro-grids that miss the wish, cut anew across the borders of their grids.

    Parameters
    ----------
    graph
        Cells of the grids of one community that may change.
    unit, grid
        Micro-grid and grid of each cell; micro-grids nest in grids.
    fixed
        True for cells whose micro-grid stays as it is.
    bands
        Households of a micro-grid, and of a grid.
    seed
        Same seed, same answer.
    wishes
        Weights of the balance.

    Returns
    -------
    unit, grid
        New numbers of micro-grids from 0, and the grid of each cell by its old number. Grids stay in one piece and,
        where they were, within their band; where that fails nothing is changed.

    Examples
    --------
    >>> row = CellGraph(
    ...     weight=np.array([12, 6, 6, 12]), households=np.array([12, 6, 6, 12]), area=np.full(4, 400.0),
    ...     perimeter=np.full(4, 80.0), a=np.arange(3), b=np.arange(1, 4), length=np.full(3, 20.0),
    ...     bare=np.full(3, 20.0), strong=np.zeros(3), open=np.ones(3, dtype=bool))
    >>> unit, grid = exchange(
    ...     row, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), np.zeros(4, dtype=bool),
    ...     (Band(10, 12, 15), Band(12, 18, 24)), seed=0)
    >>> np.bincount(unit, weights=row.households).astype(int).tolist()
    [12, 12, 12]
    """
    unit = np.unique(unit, return_inverse=True)[1].astype(np.int64)
    free = np.flatnonzero(~fixed)
    numbers, group = np.unique(grid, return_inverse=True)
    if len(numbers) < 2 or not len(free):
        return unit, grid
    for hold in _HOLDS:
        fresh = _cut_anew(graph.part(free), unit[free], group[free], bands[0], hold, seed, wishes or Wishes())
        made = unit.copy()
        made[free] = int(unit.max()) + 1 + fresh
        made = np.unique(made, return_inverse=True)[1].astype(np.int64)
        moved = _follow(graph, made, group)
        if moved is not None and _held(graph, group, moved, bands[1]):
            return made, numbers[moved]
    return unit, grid


def _cut_anew(
    part: CellGraph, unit: np.ndarray, group: np.ndarray, band: Band, hold: float, seed: int, wishes: Wishes
) -> np.ndarray:
    """A better plan of some cells that begins with the plan they have."""
    part.join_small(band.low)
    # A unit that crosses a hard line may go on doing so.
    piece = part.pieces(among=unit)
    several = np.bincount(np.unique(np.column_stack([unit, piece]), axis=0)[:, 0], minlength=int(unit.max()) + 1) > 1
    part.open = part.open | ((unit[part.a] == unit[part.b]) & several[unit[part.a]])
    border = group[part.a] != group[part.b]
    part.strong = part.strong + np.where(border, hold * part.length, 0.0)
    part.bare = np.where(border, 0.5 * part.bare, part.bare)
    return balance(part, band, seed=seed, wishes=replace(wishes, rounds=0, polish=_POLISH, finish=_FINISH), start=unit)


def _follow(graph: CellGraph, unit: np.ndarray, group: np.ndarray) -> np.ndarray | None:
    """Grid of each cell: the one that most of its micro-grid was in, each grid in one piece; None where it is not."""
    # Ground decides where nobody lives.
    share = graph.households + 1e-9 * graph.area
    count, grids = int(unit.max()) + 1, int(group.max()) + 1
    inside = np.zeros((count, grids))
    np.add.at(inside, (unit, group), share)
    chosen = inside.argmax(axis=1)
    near = (graph.open | (group[graph.a] == group[graph.b])) & (unit[graph.a] != unit[graph.b])
    a, b, length = unit[graph.a[near]], unit[graph.b[near]], graph.length[near]
    weight = np.bincount(unit, weights=share, minlength=count)
    links = CellGraph(
        weight=weight, households=weight, area=weight, perimeter=weight, a=a, b=b, length=length, bare=length,
        strong=length, open=np.ones(len(a), dtype=bool),
    )  # fmt: skip
    for _ in range(count):
        piece = links.pieces(among=chosen)
        size = np.bincount(piece, weights=weight)
        of_piece = chosen[np.unique(piece, return_index=True)[1]]
        most = np.zeros(grids)
        np.maximum.at(most, of_piece, size)
        stray = np.flatnonzero(size < most[of_piece])
        if not len(stray):
            break
        # The smallest piece that hangs off its grid goes to the neighbour it meets most.
        mine = piece == stray[np.argmin(size[stray])]
        touch = mine[a] != mine[b]
        if not touch.any():
            return None
        other = np.where(mine[a[touch]], chosen[b[touch]], chosen[a[touch]])
        chosen[mine] = np.bincount(other, weights=length[touch]).argmax()
    return chosen[unit] if len(np.unique(chosen)) == grids else None


def _held(graph: CellGraph, before: np.ndarray, after: np.ndarray, band: Band) -> bool:
    """Whether every grid that was within its band still is, and no other one strays further."""
    old, new = np.bincount(before, weights=graph.households), np.bincount(after, weights=graph.households)
    far_old = np.maximum(0.0, np.maximum(band.low - old, old - band.high))
    far_new = np.maximum(0.0, np.maximum(band.low - new, new - band.high))
    return bool((far_new <= far_old).all())
