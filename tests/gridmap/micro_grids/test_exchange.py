"""Exchange across grid borders: more units within the wish, grids in one piece and within their band."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.micro_grids.balance import balance
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.exchange import exchange
from gridmap.micro_grids.graph import CellGraph
from tests.gridmap.micro_grids.test_balance import assert_connected, lattice

BAND, GRIDS = Band(15, 25, 40), Band(60, 100, 140)


def planned(graph: CellGraph, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grids first, micro-grids inside each."""
    grid = balance(graph, GRIDS, seed=seed)
    unit = np.zeros(len(graph), dtype=np.int64)
    for number in np.unique(grid):
        own = np.flatnonzero(grid == number)
        unit[own] = unit.max() + 1 + balance(graph.part(own), BAND, seed=seed)
    return unit, grid


def missing(graph: CellGraph, unit: np.ndarray) -> int:
    """Units of several cells out of the wish, and those out of the band."""
    loads = np.bincount(unit, weights=graph.households)
    lived = np.bincount(unit, weights=graph.households > 0)
    wish = (loads >= BAND.wish_low) & (loads <= BAND.wish_high)
    held = (loads >= BAND.low) & (loads <= BAND.high)
    return int(((lived > 0) & ~(wish | (held & (lived == 1)))).sum())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(6, 14), height=st.integers(4, 10))
def test_units_stay_connected_nested_and_nearer_to_the_wish(seed: int, width: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    households = rng.choice([0, 4, 9, 12, 13, 18], width * height)
    graph = lattice(width, height, households)
    unit, grid = planned(graph, seed)
    fixed = np.isin(unit, rng.choice(np.unique(unit), 2))
    after, new = exchange(graph, unit, grid, fixed, (BAND, GRIDS), seed=seed)
    assert_connected(graph, after)
    assert_connected(graph, new)
    assert all(len(np.unique(new[after == number])) == 1 for number in np.unique(after))
    for number in np.unique(unit[fixed]):
        assert len(np.unique(after[unit == number])) == 1 and (after == after[unit == number][0]).sum() == (
            unit == number
        ).sum()
    assert set(np.unique(new)) == set(np.unique(grid))
    before = np.bincount(grid, weights=households)
    loads = np.bincount(new, weights=households)
    was = (before >= GRIDS.low) & (before <= GRIDS.high)
    assert ((loads >= GRIDS.low) & (loads <= GRIDS.high))[was].all()
    assert missing(graph, after) <= missing(graph, unit)
    again = exchange(graph, unit, grid, fixed, (BAND, GRIDS), seed=seed)
    assert (again[0] == after).all() and (again[1] == new).all()


def test_a_border_that_leaves_no_way_to_divide_moves() -> None:
    # 18 + 18 + 18 on either side: no three of them make two units within the wish, six make four of 27.
    graph = lattice(12, 1, np.full(12, 9))
    grid = np.repeat([0, 1], 6) + 5
    unit = np.repeat([0, 1, 2, 3, 4, 5], 2)
    graph.things[:] = 2
    after, new = exchange(graph, unit, grid, np.zeros(12, dtype=bool), (BAND, Band(40, 54, 68)), seed=0)
    assert np.bincount(after, weights=graph.households).tolist() == [27] * 4
    assert set(new) == {5, 6}


def test_nothing_changes_where_a_grid_would_leave_its_band() -> None:
    # 13 x 3 on either side: three units of 26 need one across the border, and then a grid holds 52.
    graph = lattice(6, 1, np.full(6, 13))
    graph.things[:] = 2
    grid, unit = np.repeat([0, 1], 3), np.repeat([0, 1], 3)
    free = np.zeros(6, dtype=bool)
    after, new = exchange(graph, unit, grid, free, (BAND, Band(39, 39, 39)), seed=0)
    assert after.tolist() == unit.tolist() and new.tolist() == grid.tolist()
    after, new = exchange(graph, unit, grid, free, (BAND, Band(20, 39, 60)), seed=0)
    assert np.bincount(after, weights=graph.households).tolist() == [26] * 3
