"""Siting by mixed-integer programming (HiGHS through SciPy): the best plan and its proof, while questions are small.

Models after Church and ReVelle (1974, maximal cover), Toregas et al. (1971, set cover), and, for the p-median, the
formulation by distances in place of assignments (Cornuejols, Nemhauser and Wolsey 1980): far fewer columns where many
doors share few candidates. Where capacities count, doors are assigned and may be split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, eye_array, hstack, vstack

from gridmap.access.siting_problem import Floats, Ints, Problem

__all__ = ["Exact", "assignments", "cover_everybody", "cover_most", "least_walk", "most_that_fit"]

#: HiGHS stops after this many nodes of its search tree (the same on every machine), or after this many seconds.
_NODES = 20_000
_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Exact:
    """What HiGHS found: the columns in use (None where it found no plan), what they are worth, and its bound.

    `status` is `optimal`, `stopped` (a limit was reached) or `infeasible`; `shares` are assigned shares by pair, where
    the model has them.
    """

    status: str
    facilities: Ints | None = None
    objective: float = np.nan
    bound: float = np.nan
    shares: Floats | None = None


def _solve(
    cost: Floats, rows: list[tuple[csr_array, float | Floats, float | Floats]], binary: int, low: Floats, high: Floats,
    *, shares: slice | None = None,
) -> Exact:
    """Minimise; the first `binary` columns are places, used or not."""
    whole = np.zeros(len(cost))
    whole[:binary] = 1
    found = milp(
        cost, integrality=whole, bounds=Bounds(low, high),
        constraints=[LinearConstraint(matrix, lower, upper) for matrix, lower, upper in rows if matrix.shape[0]],
        options={"mip_rel_gap": 0.0, "node_limit": _NODES, "time_limit": _SECONDS},
    )
    if found.status == 2:
        return Exact(status="infeasible")
    bound = found.mip_dual_bound
    bound = -np.inf if bound is None or not np.isfinite(bound) else float(bound)
    if found.x is None:
        return Exact(status="stopped", bound=bound)
    return Exact(
        status="optimal" if found.status == 0 else "stopped",
        facilities=np.flatnonzero(found.x[:binary] > 0.5), objective=float(found.fun),
        bound=float(found.fun) if found.status == 0 else bound,
        shares=None if shares is None else found.x[shares],
    )


def _places(problem: Problem, extra: int = 0) -> tuple[Floats, Floats]:
    """Lower and upper bounds of the columns: places from 0 to 1, fixed ones 1, and `extra` columns from 0 to 1."""
    low, high = np.zeros(problem.candidates + extra), np.ones(problem.candidates + extra)
    low[problem.fixed] = 1
    return low, high


def _side(problem: Problem, extra: int = 0) -> list[tuple[csr_array, float | Floats, float | Floats]]:
    """What every model holds: how many places, and which not together. Fixed neighbours are there already."""
    width = problem.candidates + extra
    rows: list[tuple[csr_array, float | Floats, float | Floats]] = []
    if problem.count is not None:
        places = np.arange(problem.candidates)
        ones = coo_array((np.ones(len(places)), (np.zeros(len(places), dtype=int), places)), shape=(1, width))
        rows.append((csr_array(ones), -np.inf, float(problem.count)))
    apart = problem.apart[~np.isin(problem.apart, problem.fixed).all(axis=1)] if len(problem.apart) else problem.apart
    if len(apart):
        number = np.repeat(np.arange(len(apart)), 2)
        rows.append((csr_array(coo_array((np.ones(2 * len(apart)), (number, apart.ravel())),
                                         shape=(len(apart), width))), -np.inf, 1.0))
    return rows


def most_that_fit(problem: Problem) -> int:
    """The largest number of places that the minimum spacing leaves room for, fixed ones included."""
    low, high = _places(problem)
    rows = [row for row in _side(problem) if row[0].shape[0] != 1 or problem.count is None]
    found = _solve(-np.ones(problem.candidates), rows, problem.candidates, low, high)
    return 0 if found.facilities is None else len(found.facilities)


def cover_everybody(cover: csr_array, problem: Problem, *, floor: tuple[Floats, float] | None = None) -> Exact:
    """Fewest places that reach every row of `cover` (rows x candidates).

    `floor` turns it round: among plans of at most so many places, the one with the most of what is wished for.
    """
    low, high = _places(problem)
    rows = [(cover, 1.0, np.inf), *_side(problem)]
    cost = np.ones(problem.candidates)
    if floor is not None:
        wish, places = floor
        rows.append((csr_array(cost[None, :]), -np.inf, places + 1e-6))
        cost = -wish
    return _solve(cost, rows, problem.candidates, low, high)


def cover_most(
    cover: csr_array, weights: Floats, problem: Problem, *, floor: tuple[Floats, float] | None = None,
    purse: tuple[Floats, float] | None = None,
) -> Exact:
    """Most weight reached; objective and bound are positive.

    `floor`: most wished for at no less than that weight. `purse`: costs of places and what they may cost together;
    fixed ones cost nothing.
    """
    reached = len(weights)
    low, high = _places(problem, reached)
    rows = [(csr_array(hstack([-cover, eye_array(reached)])), -np.inf, 0.0), *_side(problem, reached)]
    if purse is not None:
        costs = np.concatenate([purse[0], np.zeros(reached)])
        costs[problem.fixed] = 0.0
        rows.append((csr_array(costs[None, :]), -np.inf, purse[1] + 1e-9))
    cost = np.concatenate([np.zeros(problem.candidates), -weights])
    if floor is not None:
        wish, least = floor
        rows.append((csr_array(-cost[None, :]), least - 1e-6 * max(abs(least), 1.0), np.inf))
        cost = np.concatenate([-wish, np.zeros(reached)])
    return _turned(_solve(cost, rows, problem.candidates, low, high))


def least_walk(problem: Problem, *, floor: tuple[Floats, float] | None = None) -> Exact:
    """Least weight times metres, everybody served.

    Column `z` of a row and a distance says that nothing in use is that near; then the step to its next distance is
    walked. Nothing within the farthest distance of a row: the row cannot be served.
    """
    pairs = problem.pairs
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    order = np.lexsort((pairs.data, row))
    row, column, metres = row[order], pairs.indices[order], pairs.data[order]
    # steps: the different distances of each row, ascending
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (metres[1:] != metres[:-1])
    step = np.cumsum(new) - 1
    step_row, step_m = row[new], metres[new]
    last = np.ones(len(step_row), dtype=bool)
    last[:-1] = step_row[1:] != step_row[:-1]
    first = np.roll(last, 1)
    steps = len(step_row)
    # z of a step >= z of the step before, less the candidates at this very distance
    places, width = problem.candidates, problem.candidates + steps
    begins = np.flatnonzero(~first)
    matrix = coo_array(
        (np.concatenate([np.ones(len(column)), np.ones(steps), -np.ones(len(begins))]),
         (np.concatenate([step, np.arange(steps), begins]),
          np.concatenate([column, places + np.arange(steps), places + begins - 1]))), shape=(steps, width),
    )
    low, high = _places(problem, steps)
    # nobody is left out: behind its farthest distance there is nothing to walk to
    high[places:][last] = 0.0
    walk = np.zeros(width)
    weight = problem.weights[step_row]
    walk[places:][~last] = (np.append(step_m[1:], 0.0) - step_m)[~last] * weight[~last]
    nearest_of_all = float((step_m[first] * weight[first]).sum())
    rows = [(csr_array(matrix), np.where(first, 1.0, 0.0), np.inf), *_side(problem, steps)]
    cost = walk
    if floor is not None:
        wish, most = floor
        rows.append((csr_array(walk[None, :]), -np.inf, (most - nearest_of_all) + 1e-6 * max(abs(most), 1.0)))
        cost, nearest_of_all = np.concatenate([-wish, np.zeros(steps)]), 0.0
    found = _solve(cost, rows, places, low, high)
    return Exact(status=found.status, facilities=found.facilities, objective=found.objective + nearest_of_all,
                 bound=found.bound + nearest_of_all)


def assignments(problem: Problem, method: str) -> Exact:
    """Any method with capacities: how much of each row goes to which place; a row may be split.

    For `p-center` the radius is given: the answer is the fewest places that serve everybody within it.
    """
    assert problem.capacity is not None
    pairs, places = problem.pairs, problem.candidates
    count, width = pairs.nnz, places + pairs.nnz
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    number = np.arange(count)
    served = csr_array(coo_array((np.ones(count), (row, places + number)), shape=(pairs.shape[0], width)))
    limited = np.flatnonzero(np.isfinite(problem.capacity))
    rank = np.full(places, -1)
    rank[limited] = np.arange(len(limited))
    mine = rank[pairs.indices] >= 0
    load = coo_array(
        (np.concatenate([problem.weights[row[mine]], -problem.capacity[limited]]),
         (np.concatenate([rank[pairs.indices[mine]], np.arange(len(limited))]),
          np.concatenate([places + number[mine], limited]))), shape=(len(limited), width),
    )
    open_first = coo_array(
        (np.concatenate([np.ones(count), -np.ones(count)]),
         (np.concatenate([number, number]), np.concatenate([places + number, pairs.indices]))), shape=(count, width),
    )
    everybody = method != "max-cover"
    rows = [(served, 1.0 if everybody else -np.inf, 1.0), (csr_array(vstack([csr_array(load), csr_array(open_first)])),
            -np.inf, 0.0), *_side(problem, count)]
    cost = np.zeros(width)
    if method == "max-cover":
        cost[places:] = -problem.weights[row]
    elif method == "p-median":
        cost[places:] = problem.weights[row] * pairs.data
    else:
        cost[:places] = 1.0
    low, high = _places(problem, count)
    found = _solve(cost, rows, places, low, high, shares=slice(places, None))
    return _turned(found) if method == "max-cover" else found


def _turned(found: Exact) -> Exact:
    """A maximum in place of the minimum of its negative."""
    return Exact(status=found.status, facilities=found.facilities, objective=-found.objective, bound=-found.bound,
                 shares=found.shares)
