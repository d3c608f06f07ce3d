"""Cover: most weight within the radius by a number of places, or everybody by as few as can be.

Rows that the same candidates reach count as one. Small questions are solved to the end; large ones by local search,
with a Lagrangian bound beside it that no plan can beat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csc_array, csr_array

from gridmap.access.siting_exact import Exact, cover_everybody, cover_most
from gridmap.access.siting_kernels import most_bound, most_covered, search_cover
from gridmap.access.siting_problem import Floats, Ints, Problem

__all__ = ["Cover", "everybody", "make_cover", "most"]

#: Up to this many pairs HiGHS is asked; beyond, sixty seconds of it gave worse plans than a second of local search.
EXACT_PAIRS = 60_000

#: Subgradient steps of the bounds, and pairs looked at by each local search: fixed numbers, so that the same question
#: has the same answer on any machine.
_BOUND_STEPS = 900
_MOST_VISITS = 1.5e9
_COVER_VISITS = 6e8

#: The linear relaxation of set cover grows by rows that share few candidates: no candidate stands in more than so many
#: of the rows that one round adds; rounds, at most, for few and for many pairs.
_SPREAD = 5
_ROUNDS, _ROUNDS_LARGE, _LARGE = 24, 10, 1_000_000


@dataclass(frozen=True, kw_only=True)
class Cover:
    """Who can reach whom, rows with the same candidates joined: a table of ones, rows x candidates, and its weights."""

    rows: csr_array
    weights: Floats

    @property
    def columns(self) -> csc_array:
        """The same candidate by candidate."""
        return self.rows.tocsc()


def make_cover(problem: Problem, *, drop_fixed: bool = True) -> Cover:
    """The rows of a problem that the fixed places do not reach already, with equal rows joined.

    Rows that nothing reaches are left out.
    """
    pairs = problem.pairs
    draw = np.random.default_rng(20170314).integers(1, 2**63, size=(2, problem.candidates), dtype=np.uint64)
    lengths = np.diff(pairs.indptr)
    keep = lengths > 0
    if drop_fixed and len(problem.fixed):
        fixed = np.zeros(problem.candidates)
        fixed[problem.fixed] = 1
        ones = csr_array((np.ones(pairs.nnz), pairs.indices, pairs.indptr), shape=pairs.shape)
        keep &= ones @ fixed == 0
    # a row is known by its number of candidates and two sums of 64 random bits: others agree once in 2^128
    with np.errstate(over="ignore"):
        sums = [np.concatenate([[np.uint64(0)], np.cumsum(bits[pairs.indices])]) for bits in draw]
        marks = [part[pairs.indptr[1:]] - part[pairs.indptr[:-1]] for part in sums]
    known = np.flatnonzero(keep)
    order = np.lexsort((known, marks[1][known], marks[0][known], lengths[known]))
    known = known[order]
    new = np.ones(len(known), dtype=bool)
    new[1:] = (
        (lengths[known][1:] != lengths[known][:-1]) | (marks[0][known][1:] != marks[0][known][:-1])
        | (marks[1][known][1:] != marks[1][known][:-1])
    )
    weights = np.bincount(np.cumsum(new) - 1, weights=problem.weights[known])
    chosen = pairs[known[new]]
    rows = csr_array((np.ones(chosen.nnz), chosen.indices, chosen.indptr), shape=chosen.shape)
    return Cover(rows=rows, weights=weights.astype(np.float64))


def most(problem: Problem, *, seed: int = 0, costs: Floats | None = None, budget: float | None = None) -> Exact:
    """Most weight reached with `problem.count` places, or with places of these costs within a budget.

    Returns
    -------
    Exact: the plan, the weight it reaches (that of the fixed places too) and an upper bound.
    """
    cover = make_cover(problem)
    reached_by_fixed = _reached(problem, problem.fixed)
    if not len(cover.weights):
        # nobody else can be reached
        return Exact(status="optimal", facilities=problem.fixed, objective=reached_by_fixed, bound=reached_by_fixed)
    if costs is None:
        assert problem.count is not None
        costs, budget = np.ones(problem.candidates), float(problem.count - len(problem.fixed))
    assert budget is not None
    if cover.rows.nnz <= EXACT_PAIRS:
        found = cover_most(cover.rows, cover.weights, problem, purse=(costs, budget))
        if found.status != "stopped":
            return _moved(found, reached_by_fixed)
    columns, fixed, (begins, conflict) = cover.columns, _mask(problem), problem.conflicts
    arrays = (_index(columns.indptr), _index(columns.indices))
    rows = (_index(cover.rows.indptr), _index(cover.rows.indices))
    rounds = int(np.clip(_MOST_VISITS / max(cover.rows.nnz * max(budget, 1.0) / 20, 1.0), 8, 400))
    used = most_covered(
        *arrays, *rows, cover.weights, costs, budget, fixed, begins, conflict, rounds, seed
    )
    facilities = np.flatnonzero(used)
    reached = _reached(problem, facilities)
    bound = most_bound(
        *arrays, cover.weights, costs, budget, fixed, reached - reached_by_fixed, _BOUND_STEPS
    ) + reached_by_fixed
    bound = max(min(bound, reached_by_fixed + float(cover.weights.sum())), reached)
    return Exact(status=_status(reached, bound), facilities=facilities, objective=reached, bound=bound)


def everybody(problem: Problem, *, seed: int = 0, enough: int = 0, quick: bool = False) -> Exact:
    """Fewest places that reach every row that can be reached at all.

    Parameters
    ----------
    problem
        The question; `count` is not looked at.
    enough
        No search for fewer places than these: a plan of that size does.
    quick
        A short search, and no bound.

    Returns
    -------
    Exact: the plan, its number of places, and a lower bound (a whole number). Where a minimum spacing keeps the search
    from finding any plan, `stopped` without one.
    """
    cover = make_cover(problem)
    count = len(problem.fixed)
    if not len(cover.weights):
        return Exact(status="optimal", facilities=problem.fixed, objective=float(count), bound=float(count))
    if cover.rows.nnz <= EXACT_PAIRS:
        found = cover_everybody(cover.rows, problem)
        if found.status != "stopped":
            return found
    columns, fixed, (begins, conflict) = cover.columns, _mask(problem), problem.conflicts
    arrays = (_index(columns.indptr), _index(columns.indices))
    rows = (_index(cover.rows.indptr), _index(cover.rows.indices))
    ones, free = np.ones(len(cover.weights)), np.ones(problem.candidates)
    start = most_covered(
        *arrays, *rows, ones, free, float(problem.candidates), fixed, begins, conflict, 0, seed
    )
    if (cover.rows @ start.astype(np.float64) == 0).any():
        return Exact(status="stopped", bound=float(count))
    low = 0.0 if quick else relaxed_bound(cover.rows)
    bound = count + math.ceil(low - 1e-6)
    near = (columns.T @ columns).tocsr()
    steps = int(np.clip(_COVER_VISITS * problem.candidates / cover.rows.nnz / 2, 2_000, 20_000 if quick else 200_000))
    used = search_cover(
        *arrays, *rows, fixed, begins, conflict, _index(near.indptr), _index(near.indices), start,
        max(enough, bound, 1), steps, seed,
    )
    facilities = np.flatnonzero(used)
    places = float(len(facilities))
    best = min(float(bound), places)
    return Exact(status=_status(places, best), facilities=facilities, objective=places, bound=best)


def relaxed_bound(rows: csr_array) -> float:
    """Lower bound of the places that reach every row: the linear relaxation on the rows that matter.

    Leaving rows out only lowers it, so it holds at every round. The prices that HiGHS gives the rows are put into the
    Lagrangian bound, which holds for any prices, so that no rounding can make it too high.

    Examples
    --------
    >>> relaxed_bound(csr_array(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])))
    1.5
    """
    count, places = rows.shape
    degree = np.diff(rows.indptr)
    core = np.sort(np.argsort(degree, kind="stable")[: max(places // 2, 100)])
    best = 0.0
    for _ in range(_ROUNDS_LARGE if rows.nnz > _LARGE else _ROUNDS):
        found = linprog(
            np.ones(places), A_ub=-rows[core], b_ub=-np.ones(len(core)), bounds=(0, None), method="highs-ds"
        )
        if found.status != 0:
            break
        price = np.zeros(count)
        price[core] = np.maximum(0.0, -found.ineqlin.marginals)
        best = max(best, float(price.sum() + np.minimum(0.0, 1.0 - rows.T @ price).sum()))
        covered = rows @ found.x
        short = np.flatnonzero(covered < 1 - 1e-6)
        if not len(short):
            break
        # rows that hold back nothing leave; the least covered ones come, a few from each neighbourhood
        times = np.zeros(places, dtype=np.intp)
        new = []
        for row in short[np.argsort(covered[short], kind="stable")]:
            here = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
            if times[here].max() < _SPREAD:
                times[here] += 1
                new.append(row)
        core = np.union1d(core[covered[core] < 1 + 1e-6], new)
    return best


def _reached(problem: Problem, facilities: Ints) -> float:
    """Weight of the rows that these places reach."""
    used = np.zeros(problem.candidates)
    used[facilities] = 1
    pairs = problem.pairs
    ones = csr_array((np.ones(pairs.nnz), pairs.indices, pairs.indptr), shape=pairs.shape)
    return float(problem.weights[ones @ used > 0].sum())


def _moved(found: Exact, by: float) -> Exact:
    return Exact(status=found.status, facilities=found.facilities, objective=found.objective + by,
                 bound=found.bound + by)


def _status(objective: float, bound: float) -> str:
    return "optimal" if abs(objective - bound) <= 1e-9 * max(abs(bound), 1.0) else "stopped"


def _mask(problem: Problem) -> np.ndarray:
    fixed = np.zeros(problem.candidates, dtype=bool)
    fixed[problem.fixed] = True
    return fixed


def _index(numbers: np.ndarray) -> np.ndarray:
    """One kind of integer for the compiled loops, so that they are compiled once."""
    return np.ascontiguousarray(numbers, dtype=np.int64)
