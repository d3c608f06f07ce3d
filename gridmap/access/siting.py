"""Where the next facility belongs: four questions, and for each an answer that says how good it is.

Small questions are solved to the end by mixed-integer programming, large ones by local search; either way the answer
carries a bound that no plan can beat, and the gap to it. A request that cannot be met is told why, with the nearest
one that can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from gridmap.access.siting_cover import EXACT_PAIRS, everybody, make_cover, most
from gridmap.access.siting_exact import Exact, assignments, cover_everybody, cover_most, least_walk
from gridmap.access.siting_median import least_in_all, least_longest
from gridmap.access.siting_problem import METHODS, Floats, Ints, Problem, Siting, gap_between, read_problem
from gridmap.access.siting_refusals import why_no_plan, why_not
from layers.errors import WrongCall

__all__ = ["METHODS", "Siting", "solve_siting"]

#: Plans looked at for places that are wished for, where a question is too large for HiGHS.
_LOOKED_AT = 300


def solve_siting(
    distances: object,
    *,
    method: str,
    weights: ArrayLike | None = None,
    count: int | None = None,
    radius_m: float | None = None,
    fixed: Sequence[int] = (),
    capacity: ArrayLike | None = None,
    apart: ArrayLike | None = None,
    prefer: ArrayLike | None = None,
    give_up: float = 0.0,
    seed: int = 0,
) -> Siting:
    """Choose places among candidates.

    Parameters
    ----------
    distances
        Metres on foot, demand x candidates: an array or frame (NaN or inf where there is no way), or a sparse array (a
        pair that is not stored has no way; 0 m must be stored).
    method
        `max-cover`: as much weight as possible within `radius_m`. `set-cover`: everybody within `radius_m` with as few
        places as possible (Toregas et al. 1971). `p-median`: the least weight times metres (Hakimi 1964). `p-center`:
        the least longest walk.
    weights
        Households, or any need, of each demand row; 1 without it. Rows of weight 0 ask for nothing. For `set-cover`
        and `p-center` only that matters.
    count
        How many places may be in use, the fixed ones included; fewer are used where more would not help. Needed by all
        but `set-cover`, where it is a limit.
    radius_m
        Longest walk that counts, metres. Needed by the two covers; `p-median` and `p-center` may have one.
    fixed
        Column numbers of existing facilities; they stay.
    capacity
        Weight that each candidate can serve (inf for any). Demand is then assigned and may be split. Asked only of
        questions of up to 60,000 pairs within the radius.
    apart
        Pairs of columns that are too close to each other to be both built, (pairs, 2).
    prefer, give_up
        How much each place is wished for (any scale from 0), and the share of the objective that may be given up for
        it: among plans at most so much worse than the best one found, the one with the most wished-for places. Bound
        and gap remain those of the objective.
    seed
        Of the local search. The same question and seed give the same answer.

    Returns
    -------
    Siting: `facilities` (column numbers), `objective`, `bound`, `gap`, `status` (`optimal`, `feasible`, `infeasible`),
    `assigned` by row, and `refusal` where the request cannot be met.

    Raises
    ------
    WrongCall
        Where an argument is missing or not what it must be.

    Examples
    --------
    Three homes along a street, two corners to build on, 300 m apart:

    >>> metres = [[0, 300], [100, 200], [300, 0]]
    >>> plan = solve_siting(metres, method="max-cover", weights=[20, 30, 40], count=1, radius_m=200)
    >>> plan.facilities, plan.objective, plan.bound, plan.gap, plan.status
    ((1,), 70.0, 70.0, 0.0, 'optimal')
    >>> solve_siting(metres, method="p-center", count=2).objective
    100.0
    >>> none = solve_siting(metres, method="set-cover", radius_m=50)
    >>> none.status, none.refusal.nearest
    ('infeasible', {'radius_m': 100.0})
    """
    if method not in METHODS:
        raise WrongCall(f"method must be one of {', '.join(METHODS)}, not {method!r}; correct it")
    problem = read_problem(
        distances, weights=weights, count=count, radius_m=radius_m, fixed=fixed, capacity=capacity, apart=apart,
        prefer=prefer, give_up=give_up,
    )
    if problem.count is None and method != "set-cover":
        raise WrongCall(f"{method} needs count, the number of facilities; add it")
    if radius_m is None and method in ("max-cover", "set-cover"):
        raise WrongCall(f"{method} needs radius_m, the longest walk that counts in metres; add it")
    if problem.capacity is not None and problem.pairs.nnz > EXACT_PAIRS:
        raise WrongCall(
            f"capacities are weighed for up to {EXACT_PAIRS:,} pairs of demand and candidate, these are "
            f"{problem.pairs.nnz:,}; take a shorter radius_m, fewer candidates, or demand by micro-grid"
        )
    refusal = why_not(problem, method)
    if refusal is None:
        found = _solve(problem, method, seed)
        if found.facilities is not None:
            if problem.prefer is not None:
                found = _preferred(problem, method, found)
            return _answer(problem, method, found)
        refusal = why_no_plan(problem, method, found, lambda other: _solve(other, method, seed))
    return Siting(
        method=method, facilities=(), objective=np.nan, bound=np.nan, gap=np.nan, status="infeasible",
        assigned=problem.spread(np.full(len(problem.rows), -1, dtype=np.intp)), refusal=refusal,
    )


def _solve(problem: Problem, method: str, seed: int) -> Exact:
    if problem.capacity is not None:
        return _shortest_with_capacity(problem) if method == "p-center" else assignments(problem, method)
    if method == "max-cover":
        return most(problem, seed=seed)
    if method == "set-cover":
        return everybody(problem, seed=seed)
    return least_in_all(problem, seed=seed) if method == "p-median" else least_longest(problem, seed=seed)


def _shortest_with_capacity(problem: Problem) -> Exact:
    """The p-center where places can be full: the first distance within which everybody can be assigned."""
    distances = np.unique(problem.pairs.data)
    low, high, plan = 0, len(distances), None
    while low < high:
        middle = (low + high) // 2
        found = assignments(problem.within(distances[middle]), "p-center")
        if found.facilities is not None:
            plan, high = found, middle
        elif found.status == "infeasible":
            low = middle + 1
        else:
            return found
    if plan is None:
        return Exact(status="infeasible")
    # shares are those of the pairs within the radius; put back among all pairs
    shares = np.zeros(problem.pairs.nnz)
    shares[problem.pairs.data <= distances[high] + 1e-6] = plan.shares
    best = float(distances[high])
    return Exact(status="optimal", facilities=plan.facilities, objective=best, bound=best, shares=shares)


def _answer(problem: Problem, method: str, found: Exact) -> Siting:
    assert found.facilities is not None
    facilities = np.union1d(found.facilities, problem.fixed).astype(np.intp)
    if found.shares is None:
        which, _ = problem.nearest_in_use(facilities)
    else:
        which = _most_of_each(problem, found.shares)
    objective, bound = found.objective, found.bound
    if method == "set-cover":
        objective = float(len(facilities))
        # a number of places is whole
        bound = min(np.ceil(bound - 1e-6), objective)
    gap = gap_between(objective, bound)
    return Siting(
        method=method, facilities=tuple(int(j) for j in facilities), objective=objective, bound=float(bound), gap=gap,
        status="optimal" if gap == 0 else "feasible", assigned=problem.spread(which),
    )


def _most_of_each(problem: Problem, shares: Floats) -> Ints:
    """The column that serves most of each row; of two with as much the nearer, then the smaller number."""
    pairs = problem.pairs
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    order = np.lexsort((pairs.indices, pairs.data, -np.round(shares, 9), row))
    order = order[shares[order] > 1e-9]
    which = np.full(pairs.shape[0], -1, dtype=np.intp)
    first = np.ones(len(order), dtype=bool)
    first[1:] = row[order][1:] != row[order][:-1]
    which[row[order][first]] = pairs.indices[order][first]
    return which


def _preferred(problem: Problem, method: str, found: Exact) -> Exact:
    """A plan with more of the places that are wished for, worse by no more than `give_up`."""
    assert problem.prefer is not None and found.facilities is not None
    if problem.capacity is not None:
        raise WrongCall("prefer and capacity are not weighed together; leave one of them out")
    worst = found.objective * (1 - problem.give_up if method == "max-cover" else 1 + problem.give_up)
    if method == "set-cover":
        worst = np.floor(worst + 1e-9)
    other = None
    small = problem.pairs.nnz <= EXACT_PAIRS
    if small and method == "max-cover":
        cover = make_cover(problem, drop_fixed=False)
        other = cover_most(cover.rows, cover.weights, problem, floor=(problem.prefer, worst))
    elif small and method == "p-median":
        other = least_walk(problem, floor=(problem.prefer, worst))
    elif small:
        within = problem if method == "set-cover" else problem.within(worst)
        places = worst if method == "set-cover" else float(problem.count or problem.candidates)
        cover = make_cover(within, drop_fixed=False)
        other = cover_everybody(cover.rows, within, floor=(problem.prefer, places))
    facilities = _swapped(problem, method, found.facilities, worst) if other is None else other.facilities
    if facilities is None:
        return found
    return replace(found, facilities=facilities, objective=_worth(problem, method, facilities))


def _swapped(problem: Problem, method: str, facilities: Ints, worst: float) -> Ints:
    """The same by trying, for each place, the more wished-for ones that share most demand with it."""
    assert problem.prefer is not None
    columns, plan, looked = problem.by_column, facilities.copy(), 0
    ones = columns.copy()
    ones.data = np.ones_like(ones.data)
    begins, conflict = problem.conflicts
    for at in np.argsort(problem.prefer[plan], kind="stable"):
        if plan[at] in problem.fixed:
            continue
        mine = columns.indices[columns.indptr[plan[at]] : columns.indptr[plan[at] + 1]]
        shared = np.bincount(problem.pairs[mine].indices, minlength=problem.candidates)
        better = np.flatnonzero((problem.prefer > problem.prefer[plan[at]]) & (shared > 0))
        better = better[~np.isin(better, plan)]
        for into in better[np.lexsort((better, -shared[better], -problem.prefer[better]))][:8]:
            changed = plan.copy()
            changed[at] = into
            looked += 1
            if looked > _LOOKED_AT:
                return plan
            if np.isin(conflict[begins[into] : begins[into + 1]], changed).any():
                continue
            worth = _worth(problem, method, changed)
            if worth >= worst if method == "max-cover" else worth <= worst:
                plan = changed
                break
    return np.sort(plan)


def _worth(problem: Problem, method: str, facilities: Ints) -> float:
    """What a plan is worth; inf for one that leaves somebody out where nobody may be."""
    _, metres = problem.nearest_in_use(facilities)
    served = np.isfinite(metres)
    if method == "max-cover":
        return float(problem.weights[served].sum())
    if not served.all():
        return np.inf
    if method == "set-cover":
        return float(len(facilities))
    return float((problem.weights * metres).sum()) if method == "p-median" else float(metres.max(initial=0.0))
