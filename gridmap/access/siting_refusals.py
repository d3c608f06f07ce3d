"""Why a request for sites cannot be met, and the nearest one that can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gridmap.access.siting_cover import everybody
from gridmap.access.siting_exact import Exact
from gridmap.access.siting_problem import Problem, Refusal

__all__ = ["why_no_plan", "why_not"]


def why_not(problem: Problem, method: str) -> Refusal | None:
    """What can be said before anything is solved: places that are there already, rows out of reach, too little room."""
    if problem.count is not None and problem.count < len(problem.fixed):
        have = len(problem.fixed)
        return Refusal(
            en=f"{have} facilities exist and stay, but only {problem.count} may be in use",
            zh=f"已有并保留的设施为{have}处, 而总数只允许{problem.count}处",
            nearest={"count": have},
        )
    if method == "max-cover":
        return None
    alone = np.flatnonzero(np.diff(problem.pairs.indptr) == 0)
    if len(alone):
        return _out_of_reach(problem, len(alone), problem.nearest_m[alone])
    if problem.capacity is not None:
        return _too_little_room(problem)
    return None


def _out_of_reach(problem: Problem, number: int, metres: np.ndarray) -> Refusal:
    lost = int(np.isinf(metres).sum())
    if lost:
        return Refusal(
            en=f"{lost} of {len(problem.rows)} demand points have no way to any candidate; leave them out or add "
            "candidates near them",
            zh=f"{len(problem.rows)}个需求点中有{lost}个到任何备选点都没有路; 请去掉它们, 或在附近增加备选点",
            nearest={"without_rows": lost},
        )
    farthest = float(metres.max())
    return Refusal(
        en=f"{number} of {len(problem.rows)} demand points lie farther than {problem.radius_m:g} m from every "
        f"candidate, the farthest {farthest:.1f} m",
        zh=f"{len(problem.rows)}个需求点中有{number}个离所有备选点都超过{problem.radius_m:g}米, "
        f"最远的为{farthest:.1f}米",
        nearest={"radius_m": farthest},
    )


def _too_little_room(problem: Problem) -> Refusal | None:
    assert problem.capacity is not None
    free = np.delete(problem.capacity, problem.fixed)
    room = np.cumsum(np.concatenate([[problem.capacity[problem.fixed].sum()], np.sort(free)[::-1]]))
    need = float(problem.weights.sum())
    enough = np.flatnonzero(room >= need - 1e-9)
    if not len(enough):
        return Refusal(
            en=f"all candidates together can serve {room[-1]:g} of {need:g}",
            zh=f"全部备选点合计只能服务{room[-1]:g}, 需求为{need:g}",
            nearest={"weights": float(room[-1] / need)},
        )
    fewest = len(problem.fixed) + int(enough[0])
    if problem.count is not None and problem.count < fewest:
        return Refusal(
            en=f"{problem.count} places cannot serve {need:g}, whichever they are; it takes at least {fewest}",
            zh=f"{problem.count}处设施无论设在哪里都不能服务{need:g}, 至少需要{fewest}处",
            nearest={"count": fewest},
        )
    return None


def why_no_plan(problem: Problem, method: str, found: Exact, solve: Callable[[Problem], Exact]) -> Refusal:
    """What can be said once no plan was found: too few places, too wide a spacing, or too short a search."""
    if problem.count is not None and problem.capacity is None:
        needed = everybody(replace(problem, count=None))
        if needed.facilities is not None and len(needed.facilities) > problem.count:
            sure = needed.bound > problem.count
            perhaps = "" if needed.status == "optimal" else ", perhaps fewer"
            return Refusal(
                en=f"{problem.count} facilities {'cannot reach' if sure else 'were not found to reach'} everybody"
                f"{_within_en(problem)}; {len(needed.facilities)} can{perhaps}",
                zh=f"{problem.count}处设施{'不能' if sure else '未能找到方案'}覆盖所有人{_within_zh(problem)}; "
                f"{len(needed.facilities)}处可以",
                nearest={"count": len(needed.facilities)},
            )
    if len(problem.apart):
        without = solve(replace(problem, apart=np.empty((0, 2), dtype=np.intp)))
        if without.facilities is not None:
            return Refusal(
                en="the minimum spacing keeps apart candidates that are both needed; without it there is a plan",
                zh="最小间距使必需的备选点不能同时选用; 去掉间距要求则有方案",
                nearest={"spacing_m": 0},
            )
    if problem.capacity is not None and problem.count is not None:
        more = solve(replace(problem, count=None if method != "p-median" else problem.candidates))
        if more.facilities is not None:
            return Refusal(
                en=f"{problem.count} facilities cannot serve everybody within their capacities; "
                f"{len(more.facilities)} can",
                zh=f"在容量限制下{problem.count}处设施不能服务所有人; {len(more.facilities)}处可以",
                nearest={"count": len(more.facilities)},
            )
    if found.status == "infeasible":
        return Refusal(
            en="no choice of candidates meets the request; allow a longer walk or add candidates",
            zh="没有满足要求的选址方案; 请放宽步行距离或增加备选点", nearest={},
        )
    return Refusal(
        en="no plan was found within the limits of the search; ask for fewer candidates or a shorter radius",
        zh="在搜索限度内没有找到方案; 请减少备选点或缩短距离", nearest={},
    )


def _within_en(problem: Problem) -> str:
    return f" within {problem.radius_m:g} m" if np.isfinite(problem.radius_m) else ""


def _within_zh(problem: Problem) -> str:
    return f"（{problem.radius_m:g}米以内）" if np.isfinite(problem.radius_m) else ""
