"""Walks: the least in all (p-median), and the least longest one (p-center)."""

from __future__ import annotations

import math

import numpy as np

from gridmap.access.siting_cover import everybody, make_cover, relaxed_bound
from gridmap.access.siting_exact import Exact, least_walk
from gridmap.access.siting_problem import Problem
from gridmap.access.siting_walks_kernels import median_bound, swap_places

__all__ = ["least_in_all", "least_longest"]

#: Up to this many pairs HiGHS is asked for the p-median.
EXACT_PAIRS = 40_000

_BOUND_STEPS = 900
_SWAPS = 400
#: Pairs looked at by restarts from shaken plans; at least two and at most thirty restarts.
_SHAKE_VISITS = 3e8


def least_in_all(problem: Problem, *, seed: int = 0) -> Exact:
    """Least weight times metres with `problem.count` places; every row must be served."""
    assert problem.count is not None
    if problem.pairs.nnz <= EXACT_PAIRS:
        found = least_walk(problem)
        if found.status != "stopped":
            return found
    pairs, count = problem.pairs, min(problem.count, problem.candidates)
    fixed = np.zeros(problem.candidates, dtype=bool)
    fixed[problem.fixed] = True
    arrays = (pairs.indptr.astype(np.int64), pairs.indices.astype(np.int64), pairs.data)
    far = 10.0 * float(pairs.data.max(initial=0.0)) + 1.0
    begins, conflict = problem.conflicts
    rng = np.random.default_rng(seed)
    best, start = (math.inf, fixed), fixed
    for _ in range(1 + int(np.clip(_SHAKE_VISITS / (problem.pairs.nnz * count), 2, 30))):
        used = swap_places(*arrays, problem.weights, count, fixed, begins, conflict, far, start, _SWAPS)
        _, metres = problem.nearest_in_use(np.flatnonzero(used))
        walked = float((problem.weights * np.where(np.isfinite(metres), metres, far)).sum())
        if walked < best[0]:
            best = (walked, used)
        # shaken: a third of the places of the best plan are closed, at random
        start = best[1] & (fixed | (rng.random(problem.candidates) > 1 / 3))
    walked, facilities = best[0], np.flatnonzero(best[1])
    _, metres = problem.nearest_in_use(facilities)
    served = np.isfinite(metres)
    bound = median_bound(*arrays, problem.weights, count, fixed, walked, np.where(served, metres, far), _BOUND_STEPS)
    nearest_of_all = float((problem.weights * np.minimum.reduceat(pairs.data, pairs.indptr[:-1])).sum())
    bound = max(float(bound), nearest_of_all)
    if not served.all():
        return Exact(status="stopped", bound=bound)
    bound = min(bound, walked)
    status = "optimal" if walked - bound <= 1e-9 * max(walked, 1.0) else "stopped"
    return Exact(status=status, facilities=facilities, objective=walked, bound=bound)


def least_longest(problem: Problem, *, seed: int = 0) -> Exact:
    """The least longest walk with `problem.count` places: a search over the distances that occur.

    At each distance the fewest places that reach everybody within it are sought; where that number is above `count`
    for certain, no plan is that good, and the bound lies above that distance.
    """
    assert problem.count is not None
    if not len(problem.rows):
        return Exact(status="optimal", facilities=problem.fixed, objective=0.0, bound=0.0)
    distances = np.unique(problem.pairs.data)
    nearest = np.minimum.reduceat(problem.pairs.data, problem.pairs.indptr[:-1])
    # below `excluded` no plan can be; none was found below `low`; `plan` has its longest walk at `high`
    excluded = low = int(np.searchsorted(distances, nearest.max()))
    high, plan, stride = len(distances), None, 1
    while low < high:
        at = min(low + stride - 1, len(distances) - 1) if plan is None else (low + high) // 2
        found = everybody(problem.within(distances[at]), seed=seed, enough=problem.count, quick=True)
        if found.facilities is not None and len(found.facilities) <= problem.count:
            plan = found.facilities
            high = min(at, int(np.searchsorted(distances, problem.nearest_in_use(plan)[1].max())))
        else:
            if found.status in ("optimal", "infeasible"):
                excluded = at + 1
            low, stride = at + 1, stride * 2
    top = high
    while excluded < top:
        middle = (excluded + top) // 2
        if _excluded(problem, float(distances[middle])):
            excluded = middle + 1
        else:
            top = middle
    if plan is None:
        if excluded == len(distances):
            return Exact(status="infeasible")
        return Exact(status="stopped", bound=float(distances[excluded]))
    return Exact(status="optimal" if excluded == high else "stopped", facilities=plan,
                 objective=float(distances[high]), bound=float(distances[excluded]))


def _excluded(problem: Problem, radius_m: float) -> bool:
    """Whether more places than `count` are needed within that distance, for certain."""
    assert problem.count is not None
    cover = make_cover(problem.within(radius_m))
    return len(problem.fixed) + math.ceil(relaxed_bound(cover.rows) - 1e-6) > problem.count
