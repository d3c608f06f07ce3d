"""Several kinds under one budget, against every plan counted out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gridmap.access import siting_cover
from gridmap.access.siting_budget import KindAsked, solve_kinds
from layers.errors import WrongCall


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("one_a_site", [True, False])
def test_no_plan_within_the_budget_is_better(large, one_a_site, monkeypatch):
    if large:
        monkeypatch.setattr(siting_cover, "EXACT_PAIRS", 0)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        metres = rng.integers(0, 9, (8, 4)).astype(float)
        weights = rng.integers(1, 9, (2, 8)).astype(float)
        cost = [3.0, 2.0]
        plan = solve_kinds(
            {name: KindAsked(distances=metres, radius_m=2, cost=cost[at], weights=weights[at],
                             fixed=(3,) if at else ()) for at, name in enumerate(("a", "b"))},
            budget=6, one_a_site=one_a_site,
        )  # fmt: skip
        best = 0.0
        for chosen in product((0, 1), repeat=8):
            built = np.array(chosen, dtype=bool).reshape(2, 4)
            if built[0, 3] and one_a_site:
                continue  # the fixed one of b stands there
            if one_a_site and (built.sum(axis=0) > 1).any():
                continue
            spent = built[0].sum() * cost[0] + built[1, :3].sum() * cost[1]
            if spent <= 6:
                built[1, 3] = True
                best = max(best, sum(weights[k][(metres[:, built[k]] <= 2).any(axis=1)].sum() for k in (0, 1)))
        assert plan.bound >= best - 1e-6
        assert plan.spent <= 6
        assert 3 in plan.facilities["b"]
        if one_a_site:
            assert not set(plan.facilities["a"]) & set(plan.facilities["b"])
        assert plan.objective <= best + 1e-9
        assert plan.objective >= best * (0.9 if large else 1.0) - 1e-9
        if not large:
            assert plan.status == "optimal"


def test_wrong_calls():
    one = KindAsked(distances=np.ones((2, 2)), radius_m=1, cost=1)
    for message, asked, budget in (
        ("no kind", {}, 1), ("budget must be", {"a": one}, -1),
        ("cost of a must be above 0", {"a": KindAsked(distances=np.ones((2, 2)), radius_m=1, cost=0)}, 1),
        ("has 3 candidates", {"a": one, "b": KindAsked(distances=np.ones((2, 3)), radius_m=1, cost=1)}, 1),
    ):
        with pytest.raises(WrongCall, match=message):
            solve_kinds(asked, budget=budget)
