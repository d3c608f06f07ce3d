"""How good and how fast siting is: beside spopt on San Francisco, and against certified bounds where it is large.

    python benchmarks/siting.py FOLDER_OF_SHARED_DATA

San Francisco: 205 census tracts, 16 candidate stores (data of spopt, BSD-3). Large: homes and candidates in clusters on
a square of 20 km, seed 0, pairs within 1000 m. OR-tools' set-cover search, where installed, is asked the same. CPU
seconds of one process; compiling is left out by a small question beforehand.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from gridmap import solve_siting
from gridmap.access.siting_cover import make_cover
from gridmap.access.siting_problem import read_problem


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the CPU seconds it took."""
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def clusters(candidates: int, homes: int, radius_m: float) -> tuple[csr_array, np.ndarray]:
    """Metres within the radius, and households of each home."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 20_000, (60, 2))

    def draw(count: int) -> np.ndarray:
        xy = centres[rng.integers(0, 60, count)] + rng.normal(0, 1500, (count, 2))
        loose = rng.random(count) < 0.25
        xy[loose] = rng.uniform(0, 20_000, (loose.sum(), 2))
        return np.clip(xy, 0, 20_000)

    demand, places = cKDTree(draw(homes)), cKDTree(draw(candidates))
    households = rng.integers(1, 60, homes).astype(float)
    return csr_array(demand.sparse_distance_matrix(places, radius_m, output_type="coo_matrix").tocsr()), households


def san_francisco(folder: Path) -> None:
    """The four models beside spopt with CBC: building and solving, as a caller waits for both."""
    import pulp
    from spopt.locate import LSCP, MCLP, PCenter, PMedian

    walks = pd.read_csv(
        folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv", dtype={"DestinationName": str}
    )
    tracts = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv", dtype={"NAME": str}).set_index("NAME")
    table = walks.pivot_table(values="distance", index="DestinationName", columns="name")
    metres, people = table.to_numpy(), tracts.loc[table.index, "POP2000"].to_numpy()
    theirs = {
        "set-cover": lambda: LSCP.from_cost_matrix(metres, service_radius=5000),
        "max-cover": lambda: MCLP.from_cost_matrix(metres, people, service_radius=5000, p_facilities=4),
        "p-median": lambda: PMedian.from_cost_matrix(metres, people, p_facilities=4),
        "p-center": lambda: PCenter.from_cost_matrix(metres, p_facilities=4),
    }
    asked = {
        "set-cover": {"radius_m": 5000}, "max-cover": {"radius_m": 5000, "count": 4, "weights": people},
        "p-median": {"count": 4, "weights": people}, "p-center": {"count": 4},
    }  # fmt: skip
    print(f"{'San Francisco':14} {'gridmap s':>9} {'spopt s':>8} {'ratio':>6}  objective, status")
    for method, build in theirs.items():
        solve_siting(metres, method=method, **asked[method])
        plan, ours_s = timed(lambda method=method: solve_siting(metres, method=method, **asked[method]))
        start = time.perf_counter()  # CBC is a process of its own: its time is on the clock, not in our CPU seconds
        model = build().solve(pulp.PULP_CBC_CMD(msg=False))
        theirs_s = time.perf_counter() - start
        value = pulp.value(model.problem.objective)
        same = "equal" if abs(value - plan.objective) <= 1e-7 * value else f"spopt {value}"
        print(f"{method:14} {ours_s:9.3f} {theirs_s:8.3f} {ours_s / theirs_s:6.2f}  {plan.objective:.4f} "
              f"{plan.status}, {same}")  # fmt: skip


def large(candidates: int, homes: int, count: int) -> None:
    """Both covers, with OR-tools beside set cover."""
    metres, households = clusters(candidates, homes, 1000)
    # a home that nobody reaches would refuse the question
    reached = np.diff(metres.indptr) > 0
    weights = np.where(reached, households, 0)
    print(f"{candidates:,} x {homes:,}: {metres.nnz:,} pairs within 1000 m")
    for method, more in (("max-cover", {"count": count}), ("set-cover", {})):
        plan, seconds = timed(
            lambda method=method, more=more: solve_siting(
                metres, method=method, weights=weights, radius_m=1000, **more
            )
        )
        print(f"  {method:10} {seconds:7.2f} CPU s  objective {plan.objective:,.0f}  bound {plan.bound:,.0f}  "
              f"gap {plan.gap:.1%}")  # fmt: skip
    try:
        from ortools.set_cover.python import set_cover
    except ImportError:
        print("  OR-tools is not installed")
        return
    cover = make_cover(read_problem(metres, weights=weights, radius_m=1000))
    columns = cover.columns

    def search() -> float:
        model = set_cover.SetCoverModel()
        for at in range(candidates):
            model.add_empty_subset(1.0)
            for row in columns.indices[columns.indptr[at] : columns.indptr[at + 1]].tolist():
                model.add_element_to_last_subset(row)
        state = set_cover.SetCoverInvariant(model)
        set_cover.GreedySolutionGenerator(state).next_solution()
        set_cover.SteepestSearch(state).next_solution()
        guided = set_cover.GuidedLocalSearch(state)
        guided.initialize()
        guided.set_max_iterations(100_000)
        guided.next_solution()
        return state.cost()

    places, seconds = timed(search)
    print(f"  OR-tools greedy, steepest, guided local search: {places:.0f} places, {seconds:.2f} CPU s, no bound")


def main() -> None:
    """Print the tables."""
    warm, weights = clusters(200, 9000, 4000)
    solve_siting(warm, method="max-cover", weights=weights, radius_m=4000, count=5)
    reached = np.diff(warm.indptr) > 0
    solve_siting(warm, method="set-cover", weights=reached.astype(float), radius_m=4000)
    san_francisco(Path(sys.argv[1]) / "sf_siting")
    large(2_000, 10_000, 60)
    large(5_000, 50_000, 120)


if __name__ == "__main__":
    main()
