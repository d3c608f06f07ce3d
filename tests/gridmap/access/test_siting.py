"""Sites: equal to spopt on San Francisco, to every plan counted out on small drawings, and honest where it is hard."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gridmap import solve_siting
from gridmap.access import siting, siting_cover, siting_median
from gridmap.access.siting_problem import METHODS
from layers.errors import WrongCall


@pytest.fixture(scope="module")
def san_francisco(shared_data):
    """Metres from 205 census tracts to 16 candidate stores, and the people of each tract."""
    folder = shared_data / "sf_siting"
    walks = pd.read_csv(
        folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv", dtype={"DestinationName": str}
    )
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv", dtype={"NAME": str}).set_index("NAME")
    metres = walks.pivot_table(values="distance", index="DestinationName", columns="name")
    return metres.to_numpy(), tracts.loc[metres.index, "POP2000"].to_numpy()


@pytest.mark.district
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
def test_san_francisco_equals_spopt(san_francisco, method):
    import pulp
    from spopt.locate import LSCP, MCLP, PCenter, PMedian

    metres, people = san_francisco
    models = {
        "set-cover": lambda: LSCP.from_cost_matrix(metres, service_radius=5000),
        "max-cover": lambda: MCLP.from_cost_matrix(metres, people, service_radius=5000, p_facilities=4),
        "p-median": lambda: PMedian.from_cost_matrix(metres, people, p_facilities=4),
        "p-center": lambda: PCenter.from_cost_matrix(metres, p_facilities=4),
    }
    theirs = models[method]().solve(pulp.PULP_CBC_CMD(msg=False))
    asked = {"count": 4, "weights": people}
    radius = {"max-cover": 5000, "set-cover": 5000}
    ours = solve_siting(
        metres, method=method, radius_m=radius.get(method), **({} if method == "set-cover" else asked)
    )
    assert ours.status == "optimal"
    assert ours.gap == 0
    # the p-center's longest walk comes back from CBC as text of eight digits
    digits = 1e-7 if method == "p-center" else 1e-9
    assert ours.objective == pytest.approx(pulp.value(theirs.problem.objective), rel=digits)
    # and the plan is worth what it says, counted here
    nearest = metres[:, list(ours.facilities)].min(axis=1)
    worth = {
        "set-cover": len(ours.facilities), "max-cover": people[nearest <= 5000].sum(),
        "p-median": (people * nearest).sum(), "p-center": nearest.max(),
    }
    assert ours.objective == pytest.approx(worth[method], rel=1e-12)
    assert (metres[np.arange(len(metres)), ours.assigned] == nearest).sum() == (ours.assigned >= 0).sum()


# ---- small questions, every plan counted out

TABLES = st.integers(1, 7).flatmap(
    lambda rows: st.integers(1, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.one_of(st.integers(0, 9), st.just(np.inf)), min_size=columns, max_size=columns),
            min_size=rows, max_size=rows,
        )
    )
)


def worth(metres, weights, method, radius, chosen):
    """Plain words: what a plan is worth; None where somebody is left out who may not be."""
    near = metres[:, chosen].min(axis=1) if chosen else np.full(len(metres), np.inf)
    near = np.where(near <= radius, near, np.inf)
    if method == "max-cover":
        return weights[np.isfinite(near)].sum()
    if np.isinf(near[weights > 0]).any():
        return None
    near = np.where(weights > 0, near, 0)
    return {"set-cover": len(chosen), "p-median": (weights * near).sum(), "p-center": near.max(initial=0)}[method]


def best_of_all(metres, weights, method, radius, count, fixed):
    found = []
    for size in range(len(fixed), min(count, metres.shape[1]) + 1):
        for chosen in combinations(range(metres.shape[1]), size):
            if set(fixed) <= set(chosen):
                value = worth(metres, weights, method, radius, list(chosen))
                if value is not None:
                    found.append(value)
    if not found:
        return None
    return max(found) if method == "max-cover" else min(found)


@given(
    table=TABLES, method=st.sampled_from(METHODS), radius=st.integers(0, 9), count=st.integers(1, 4),
    fixed=st.booleans(), seed=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_no_plan_of_all_is_better(table, method, radius, count, fixed, seed):
    metres = np.array(table, dtype=float)
    weights = np.random.default_rng(seed).integers(0, 5, len(metres)).astype(float)
    have = [metres.shape[1] - 1] if fixed else []
    plan = solve_siting(metres, method=method, weights=weights, count=count, radius_m=radius, fixed=have)
    best = best_of_all(metres, weights, method, radius, count, have)
    if best is None:
        assert plan.status == "infeasible"
        assert plan.refusal is not None and plan.refusal.en and plan.refusal.zh
    else:
        assert plan.status == "optimal"
        assert plan.objective == pytest.approx(best) == pytest.approx(plan.bound)
        assert set(have) <= set(plan.facilities)
        assert len(plan.facilities) <= count
        assert worth(metres, weights, method, radius, list(plan.facilities)) == pytest.approx(best)


@given(table=TABLES, count=st.integers(1, 4), radius=st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_more_places_and_longer_walks_never_reach_fewer(table, count, radius):
    metres = np.array(table, dtype=float)
    one = solve_siting(metres, method="max-cover", count=count, radius_m=radius).objective
    assert solve_siting(metres, method="max-cover", count=count + 1, radius_m=radius).objective >= one
    assert solve_siting(metres, method="max-cover", count=count, radius_m=radius + 1).objective >= one


# ---- large questions: the local search, made to answer small ones


@pytest.fixture(scope="module")
def town():
    """120 homes and 40 corners thrown on a square of 1 km; exact answers are known."""
    rng = np.random.default_rng(7)
    homes, corners = rng.uniform(0, 1000, (120, 2)), rng.uniform(0, 1000, (40, 2))
    return np.hypot(*(homes[:, None] - corners[None]).T).T, rng.integers(1, 40, 120).astype(float)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fixed", [(), (3, 17)])
def test_the_search_for_large_questions_brackets_the_best_plan(town, method, fixed, monkeypatch):
    metres, weights = town
    # a home that nobody reaches would refuse the question
    asked = {"method": method, "weights": weights, "fixed": fixed, "radius_m": None if method[0] == "p" else 320.0}
    if method != "set-cover":
        asked["count"] = 6
    best = solve_siting(metres, **asked)
    assert best.status == "optimal"
    monkeypatch.setattr(siting_cover, "EXACT_PAIRS", 0)
    monkeypatch.setattr(siting_median, "EXACT_PAIRS", 0)
    found = solve_siting(metres, **asked)
    low, high = sorted([found.objective, found.bound])
    assert low - 1e-6 <= best.objective <= high + 1e-6
    # local search is good: at most two per cent worse than the best plan (a place more for set cover)
    slack = 1 if method == "set-cover" else 0.02 * best.objective
    assert abs(found.objective - best.objective) <= slack
    assert set(fixed) <= set(found.facilities)
    assert solve_siting(metres, **asked).facilities == found.facilities
    assert found.gap < 0.3


def test_sparse_frames_and_arrays_say_the_same(town):
    metres, weights = town
    near = np.where(metres <= 300, metres, 0)
    asked = {"method": "max-cover", "weights": weights, "count": 4, "radius_m": 250}
    plans = [solve_siting(kind, **asked) for kind in (metres, csr_array(near), pd.DataFrame(metres))]
    assert len({(plan.facilities, plan.objective) for plan in plans}) == 1


def test_of_a_pair_stored_twice_the_shorter_counts():
    twice = csr_array((np.array([9.0, 4.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 1))
    assert solve_siting(twice, method="p-center", count=1).objective == 4


# ---- side conditions


def test_minimum_spacing_keeps_neighbours_apart():
    # the two best corners are neighbours
    metres = np.array([[0, 1, 9], [0, 1, 9], [9, 0, 9], [9, 0, 9], [9, 9, 0]], dtype=float)
    asked = {"method": "max-cover", "count": 2, "radius_m": 0}
    assert solve_siting(metres, **asked).facilities == (0, 1)
    assert solve_siting(metres, **asked, apart=[(1, 0)]).facilities in ((0, 2), (1, 2))
    refused = solve_siting(metres, method="set-cover", radius_m=0, apart=[(0, 1)])
    assert refused.status == "infeasible"
    assert refused.refusal.nearest == {"spacing_m": 0}


def test_the_search_keeps_spacing_as_well(town, monkeypatch):
    metres, weights = town
    monkeypatch.setattr(siting_cover, "EXACT_PAIRS", 0)
    monkeypatch.setattr(siting_median, "EXACT_PAIRS", 0)
    pairs = [(a, b) for a in range(40) for b in range(a) if (a + b) % 3 == 0]
    for method in ("max-cover", "p-median"):
        plan = solve_siting(
            metres, method=method, weights=weights, count=5, apart=pairs, radius_m=300 if method[0] == "m" else None
        )
        assert not [pair for pair in pairs if set(pair) <= set(plan.facilities)]


def test_a_place_that_is_full_sends_people_elsewhere():
    metres = np.array([[1, 5], [1, 5], [1, 5]], dtype=float)
    weights = [100, 100, 100]
    free = solve_siting(metres, method="p-median", weights=weights, count=2)
    assert free.objective == 300
    full = solve_siting(metres, method="p-median", weights=weights, count=2, capacity=[100, 250])
    assert full.objective == pytest.approx(100 + 200 * 5)
    assert solve_siting(metres, method="max-cover", weights=weights, count=1, radius_m=9,
                        capacity=[100, 250]).facilities == (1,)
    assert solve_siting(metres, method="set-cover", weights=weights, radius_m=9, capacity=[200, 250]).objective == 2
    assert solve_siting(metres, method="p-center", weights=weights, count=2, capacity=[100, 250]).objective == 5
    short = solve_siting(metres, method="set-cover", weights=weights, radius_m=9, capacity=[100, 150])
    assert short.status == "infeasible" and "250 of 300" in short.refusal.en


def test_a_place_that_is_wished_for_costs_no_more_than_allowed():
    metres = np.array([[0, 3, 9], [9, 9, 9], [2, 0, 9], [9, 9, 0]], dtype=float)
    weights, wish = [50, 1, 50, 99], [0, 0, 1]
    asked = {"method": "max-cover", "weights": weights, "count": 1, "radius_m": 3, "prefer": wish}
    assert solve_siting(metres, **asked).objective == 100
    given_up = solve_siting(metres, **asked, give_up=0.02)
    assert given_up.facilities == (2,)
    assert (given_up.objective, given_up.bound, given_up.status) == (99, 100, "feasible")


@pytest.mark.parametrize("method", METHODS)
def test_wishes_are_met_by_exact_and_by_searched_plans(town, method, monkeypatch):
    metres, weights = town
    wish = np.zeros(40)
    wish[::2] = 1
    asked = {"method": method, "weights": weights, "radius_m": None if method[0] == "p" else 320.0}
    if method != "set-cover":
        asked["count"] = 6
    plain = solve_siting(metres, **asked)
    for large in (False, True):
        if large:
            for room in (siting, siting_cover):
                monkeypatch.setattr(room, "EXACT_PAIRS", 0)
            monkeypatch.setattr(siting_median, "EXACT_PAIRS", 0)
        before = solve_siting(metres, **asked)
        plan = solve_siting(metres, **asked, prefer=wish, give_up=0.1)
        assert wish[list(plan.facilities)].sum() >= wish[list(before.facilities)].sum()
        worse = plan.objective / before.objective
        assert 0.9 - 1e-9 <= worse <= 1.1 + 1e-9
    assert plain.status == "optimal"


# ---- requests that cannot be met


def test_a_radius_that_reaches_not_everybody_is_told_the_one_that_does():
    metres = np.array([[100.0, 900], [812.5, 950], [50, 20]])
    plan = solve_siting(metres, method="set-cover", radius_m=500)
    assert (plan.status, plan.facilities, plan.refusal.nearest) == ("infeasible", (), {"radius_m": 812.5})
    assert plan.refusal.en == (
        "1 of 3 demand points lie farther than 500 m from every candidate, the farthest 812.5 m"
    )
    assert "812.5米" in plan.refusal.zh
    assert solve_siting(metres, method="set-cover", radius_m=812.5).status == "optimal"


def test_too_few_places_are_told_how_many_it_takes():
    metres = np.where(np.eye(4) > 0, 0.0, np.inf)
    for method in ("set-cover", "p-median", "p-center"):
        plan = solve_siting(metres, method=method, count=2, radius_m=10)
        assert plan.status == "infeasible"
        assert plan.refusal.nearest == {"count": 4}
        assert solve_siting(metres, method=method, count=4, radius_m=10).status == "optimal"


def test_more_that_stay_than_may_be_and_homes_without_a_way():
    assert solve_siting(np.ones((2, 3)), method="max-cover", count=1, radius_m=5,
                        fixed=[0, 2]).refusal.nearest == {"count": 2}
    lost = solve_siting(np.array([[1.0], [np.nan]]), method="p-center", count=1)
    assert lost.refusal.nearest == {"without_rows": 1}


def test_rows_that_weigh_nothing_ask_for_nothing():
    metres = np.array([[0.0, 9], [9, 0]])
    plan = solve_siting(metres, method="set-cover", radius_m=1, weights=[5, 0])
    assert plan.facilities == (0,)
    assert plan.assigned.tolist() == [0, -1]
    assert solve_siting(metres, method="p-center", count=1, weights=[0, 0]).objective == 0


# ---- wrong calls

WRONG = {
    "method must be one of max-cover": {"method": "best"},
    "max-cover needs count": {"method": "max-cover", "radius_m": 5},
    "set-cover needs radius_m": {"method": "set-cover"},
    "count must be a whole number": {"method": "p-median", "count": 0},
    "radius_m must be metres": {"method": "set-cover", "radius_m": -1},
    "fixed names a column": {"method": "p-median", "count": 1, "fixed": [7]},
    "weights must be one number a demand row, 2": {"method": "p-median", "count": 1, "weights": [1]},
    "weights hold a number below 0": {"method": "p-median", "count": 1, "weights": [1, -1]},
    "capacity must be one number a candidate": {"method": "p-median", "count": 1, "capacity": [1]},
    "apart must pair two different": {"method": "p-median", "count": 1, "apart": [(1, 1)]},
    "give_up must be a share": {"method": "p-median", "count": 1, "give_up": 2},
}


@pytest.mark.parametrize(("message", "asked"), WRONG.items())
def test_wrong_calls_say_what_is_wrong(message, asked):
    with pytest.raises(WrongCall, match=message):
        solve_siting(np.ones((2, 3)), **asked)


def test_distances_that_are_none():
    for wrong in (np.ones(3), [["a", "b"]], np.ones((2, 0)), -np.ones((2, 2))):
        with pytest.raises(WrongCall, match="distances"):
            solve_siting(wrong, method="p-median", count=1)
