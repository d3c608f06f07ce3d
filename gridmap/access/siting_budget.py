"""Several kinds of facility under one budget: which to build where, so that most need is met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from gridmap.access.siting_cover import most
from gridmap.access.siting_problem import Floats, Problem, gap_between, read_problem
from layers.errors import WrongCall

__all__ = ["KindAsked", "KindsPlan", "solve_kinds"]


@dataclass(frozen=True, kw_only=True)
class KindAsked:
    """One kind in a common plan.

    Parameters
    ----------
    distances
        Metres, demand x candidates, as `solve_siting` takes them.
    radius_m
        Longest walk that counts for this kind.
    cost
        What one costs: a number, or one a candidate; above 0.
    weights
        Of its demand rows, in a unit that all kinds share; 1 without it.
    fixed
        Columns of existing facilities of this kind; they cost nothing.
    """

    distances: object
    radius_m: float
    cost: ArrayLike
    weights: ArrayLike | None = None
    fixed: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class KindsPlan:
    """What is built for each kind, what it costs, the weight within the walks of all kinds, and its bound and gap."""

    facilities: dict[str, tuple[int, ...]]
    spent: float
    objective: float
    bound: float
    gap: float
    status: str


def solve_kinds(
    asked: Mapping[str, KindAsked], *, budget: float, one_a_site: bool = True, seed: int = 0
) -> KindsPlan:
    """Most weight within each kind's walk, for all kinds together within one budget.

    Parameters
    ----------
    asked
        Kind -> its question; the candidates are the same sites in the same order for every kind.
    budget
        What all new facilities may cost together.
    one_a_site
        Whether a site takes one kind only.
    seed
        Of the local search.

    Returns
    -------
    KindsPlan; `status` is `optimal` where the bound is met, else `feasible`. The bound is Lagrangian: no plan is worth
    more.

    Raises
    ------
    WrongCall
        Where nothing is asked, candidates differ in number, or a cost or the budget is no amount.

    Examples
    --------
    Two homes, a site beside each; a canteen costs 3 and a nursery 2:

    >>> metres = [[0, 900], [900, 0]]
    >>> plan = solve_kinds({"canteen": KindAsked(distances=metres, radius_m=300, cost=3, weights=[50, 20]),
    ...                     "nursery": KindAsked(distances=metres, radius_m=300, cost=2, weights=[9, 8])}, budget=5)
    >>> plan.facilities, plan.spent, plan.objective
    ({'canteen': (0,), 'nursery': (1,)}, 5.0, 58.0)
    """
    if not asked:
        raise WrongCall("no kind is asked for; give at least one")
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget < math.inf:
        raise WrongCall(f"the budget must be an amount, 0 or more, not {budget!r}; correct it")
    kinds = sorted(asked)
    parts = {
        kind: read_problem(
            asked[kind].distances, weights=asked[kind].weights, radius_m=asked[kind].radius_m, fixed=asked[kind].fixed
        )
        for kind in kinds
    }
    sites = parts[kinds[0]].candidates
    odd = [kind for kind in kinds if parts[kind].candidates != sites]
    if odd:
        have = parts[odd[0]].candidates
        raise WrongCall(f"{odd[0]} has {have} candidates and {kinds[0]} {sites}; give each the same")
    costs = np.concatenate([_costs(asked[kind].cost, sites, kind) for kind in kinds])
    problem = _stacked([parts[kind] for kind in kinds], sites, one_a_site)
    found = most(problem, seed=seed, costs=costs, budget=float(budget))
    assert found.facilities is not None
    new = np.setdiff1d(found.facilities, problem.fixed)
    gap = gap_between(found.objective, found.bound)
    return KindsPlan(
        facilities={
            kind: tuple(int(j) - at * sites for j in found.facilities if j // sites == at)
            for at, kind in enumerate(kinds)
        },
        spent=float(costs[new].sum()), objective=found.objective, bound=found.bound, gap=gap,
        status="optimal" if gap == 0 else "feasible",
    )  # fmt: skip


def _stacked(parts: list[Problem], sites: int, one_a_site: bool) -> Problem:
    """All kinds as one question: their demand one below the other, their candidates side by side."""
    begins, rows = [np.zeros(1, dtype=np.int64)], 0
    for part in parts:
        begins.append(part.pairs.indptr[1:] + begins[-1][-1])
        rows += part.pairs.shape[0]
    column = np.concatenate([part.pairs.indices + at * sites for at, part in enumerate(parts)])
    metres = np.concatenate([part.pairs.data for part in parts])
    apart = np.empty((0, 2), dtype=np.intp)
    if one_a_site:
        site = np.arange(sites)
        pairs = [
            np.column_stack([site + a * sites, site + b * sites])
            for b in range(len(parts)) for a in range(b)
        ]  # fmt: skip
        apart = np.concatenate([apart, *pairs])
    return Problem(
        pairs=csr_array((metres, column, np.concatenate(begins)), shape=(rows, len(parts) * sites)),
        weights=np.concatenate([part.weights for part in parts]), rows=np.arange(rows), total_rows=rows, count=None,
        fixed=np.concatenate([part.fixed + at * sites for at, part in enumerate(parts)]).astype(np.intp),
        capacity=None, apart=apart, prefer=None, give_up=0.0, radius_m=math.inf,
        nearest_m=np.concatenate([part.nearest_m for part in parts]),
    )  # fmt: skip


def _costs(cost: ArrayLike, sites: int, kind: str) -> Floats:
    try:
        costs = np.broadcast_to(np.asarray(cost, dtype=np.float64), (sites,))
    except (TypeError, ValueError):
        raise WrongCall(f"the cost of {kind} must be one amount, or one a candidate ({sites})") from None
    if not np.isfinite(costs).all() or (costs <= 0).any():
        raise WrongCall(f"the cost of {kind} must be above 0; correct it")
    return costs
