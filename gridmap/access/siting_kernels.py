"""The inner loops of siting, compiled by numba: local search for cover and for walks, and the bounds beside them.

Pairs of row and candidate come twice, by candidate (`cptr`, `crow`) and by row (`rptr`, `rcol`).
"""
# Loops over pairs are the point of this file: numba compiles them.
# mypy: disable-error-code="assignment"

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["most_bound", "most_covered", "search_cover"]


@compiled
def _open(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict):  # type: ignore[no-untyped-def]
    """Take candidate j into use; returns the weight newly reached."""
    more = 0.0
    loss[j] = 0.0
    for at in range(cptr[j], cptr[j + 1]):
        i = crow[at]
        if times[i] == 0:
            more += w[i]
            loss[j] += w[i]
            for other in range(rptr[i], rptr[i + 1]):
                gain[rcol[other]] -= w[i]
        elif times[i] == 1:
            loss[owner[i]] -= w[i]
        times[i] += 1
        owner[i] += j
    for at in range(cfptr[j], cfptr[j + 1]):
        blocked[conflict[at]] += 1
    return more


@compiled
def _close(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict):  # type: ignore[no-untyped-def]
    """Take candidate j out of use; returns the weight no longer reached."""
    less = 0.0
    for at in range(cptr[j], cptr[j + 1]):
        i = crow[at]
        times[i] -= 1
        owner[i] -= j
        if times[i] == 0:
            less += w[i]
            for other in range(rptr[i], rptr[i + 1]):
                gain[rcol[other]] += w[i]
        elif times[i] == 1:
            loss[owner[i]] += w[i]
    for at in range(cfptr[j], cfptr[j + 1]):
        blocked[conflict[at]] -= 1
    return less


@compiled
def _best_of(gain, cost, left, used, blocked):  # type: ignore[no-untyped-def]
    """The candidate that reaches most for its cost, among those that fit; -1 where none reaches more."""
    best, most = -1, 0.0
    for j in range(len(gain)):
        if not used[j] and blocked[j] == 0 and cost[j] <= left + 1e-9 and gain[j] > 1e-9:
            worth = gain[j] / cost[j]
            if worth > most:
                best, most = j, worth
    return best


@compiled
def most_covered(cptr, crow, rptr, rcol, w, cost, budget, fixed, cfptr, conflict, rounds, seed):  # type: ignore[no-untyped-def]
    """Most weight within a budget: greedy, then one out and the best in until nothing helps, then shaken and again.

    Fixed candidates cost nothing more. Returns which are used.
    """
    np.random.seed(seed)
    m, n = len(cptr) - 1, len(rptr) - 1
    times, owner = np.zeros(n, np.int64), np.zeros(n, np.int64)
    gain, loss = np.zeros(m), np.zeros(m)
    blocked, used = np.zeros(m, np.int64), np.zeros(m, np.bool_)
    for j in range(m):
        for at in range(cptr[j], cptr[j + 1]):
            gain[j] += w[crow[at]]
    total, left = 0.0, budget
    for j in range(m):
        if fixed[j]:
            used[j] = True
            total += _open(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
    best_used, best = used.copy(), -1.0
    added = np.zeros(m, np.int64)
    for turn in range(rounds + 1):
        if turn > 0:
            # shaken: a tenth of the places, at least two, are closed at random
            mine = np.flatnonzero(used & ~fixed)
            if len(mine) == 0:
                break
            for _ in range(max(2, len(mine) // 10)):
                j = mine[np.random.randint(len(mine))]
                if used[j]:
                    used[j] = False
                    left += cost[j]
                    total -= _close(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
                    # it may not come back in this filling
                    blocked[j] += 1
                    added[j] = -1
        while True:
            j = _best_of(gain, cost, left, used, blocked)
            if j < 0:
                break
            used[j] = True
            left -= cost[j]
            total += _open(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
        for j in range(m):
            if added[j] == -1:
                blocked[j] -= 1
                added[j] = 0
        better = True
        while better:
            better = False
            for k in np.flatnonzero(used & ~fixed):
                before, before_left = total, left
                used[k] = False
                left += cost[k]
                total -= _close(k, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
                count = 0
                while True:
                    j = _best_of(gain, cost, left, used, blocked)
                    if j < 0:
                        break
                    used[j] = True
                    left -= cost[j]
                    total += _open(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
                    added[count] = j
                    count += 1
                if total > before + 1e-9 * max(1.0, before):
                    better = True
                else:
                    for at in range(count):
                        j = added[at]
                        used[j] = False
                        left += cost[j]
                        _close(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
                    used[k] = True
                    left = before_left
                    _open(k, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
                    total = before
                for at in range(count):
                    added[at] = 0
        if total > best + 1e-9 * max(1.0, best):
            best, best_used = total, used.copy()
        elif total < best - 1e-9 * max(1.0, best):
            # back to the best plan before it is shaken again
            for j in range(m):
                if used[j] and not best_used[j]:
                    used[j] = False
                    left += cost[j]
                    total -= _close(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
            for j in range(m):
                if best_used[j] and not used[j]:
                    used[j] = True
                    left -= cost[j]
                    total += _open(j, cptr, crow, rptr, rcol, w, times, owner, gain, loss, blocked, cfptr, conflict)
    return best_used


@compiled
def _top(value, cost, budget, fixed, take):  # type: ignore[no-untyped-def]
    """Best value within the budget, fractions allowed; fixed ones are free and always taken. Fills `take`."""
    total, left = 0.0, budget
    take[:] = 0.0
    for j in np.flatnonzero(fixed):
        take[j] = 1.0
        total += value[j]
    for j in np.argsort(-value / cost):
        if left <= 1e-9 or value[j] <= 0.0:
            break
        if fixed[j]:
            continue
        share = min(1.0, left / cost[j])
        take[j] = share
        total += share * value[j]
        left -= share * cost[j]
    return total


@compiled
def most_bound(cptr, crow, w, cost, budget, fixed, reached, steps):  # type: ignore[no-untyped-def]
    """Upper bound of the weight that a budget can reach: Lagrangian relaxation of 'reached only if served'.

    Subgradient steps after Held, Wolfe and Crowder (1974), smoothed; `reached` is the weight of a known plan.
    """
    m, n = len(cptr) - 1, len(w)
    price = np.zeros(n)
    times = np.zeros(n)
    for at in range(len(crow)):
        times[crow[at]] += 1.0
    for i in range(n):
        # a row that many may serve has a low price
        price[i] = w[i] / max(1.0, times[i] ** 0.5)
    value, take = np.zeros(m), np.zeros(m)
    slope, away = np.zeros(n), np.zeros(n)
    best, keep, pace, idle = np.inf, price.copy(), 1.0, 0
    for _ in range(steps):
        for j in range(m):
            total = 0.0
            for at in range(cptr[j], cptr[j + 1]):
                total += price[crow[at]]
            value[j] = total
        bound = _top(value, cost, budget, fixed, take)
        for i in range(n):
            bound += w[i] - price[i]
            slope[i] = -1.0 if price[i] < w[i] else 0.0
        if bound < best:
            idle = idle + 1 if bound > best - 1e-5 * abs(best) else 0
            best = bound
            keep[:] = price
        else:
            idle += 1
        if idle >= 15:
            idle = 0
            pace *= 0.7
            price[:] = keep
            away[:] = 0.0
            if pace < 1e-4:
                break
            continue
        if best - reached <= 1e-9 * max(1.0, reached):
            break
        for j in np.flatnonzero(take > 0):
            for at in range(cptr[j], cptr[j + 1]):
                slope[crow[at]] += take[j]
        norm = 0.0
        for i in range(n):
            if price[i] >= w[i] and slope[i] > 0.0 and slope[i] <= 1.0:
                # at its full price a row is as well reached as not
                slope[i] = 0.0
            elif price[i] >= w[i] and slope[i] > 1.0:
                slope[i] -= 1.0
            away[i] = slope[i] + 0.6 * away[i]
            norm += away[i] * away[i]
        if norm <= 0.0:
            break
        step = pace * (bound - reached) / norm
        for i in range(n):
            price[i] = min(w[i], max(0.0, price[i] - step * away[i]))
    return best


@compiled
def _flip(j, into, cptr, crow, rptr, rcol, heavy, times, owner, score, bare, place, count):  # type: ignore[no-untyped-def]
    """Put j in or take it out; scores, and the list of rows that nothing reaches, follow. Returns their number."""
    score[j] = -score[j]
    for at in range(cptr[j], cptr[j + 1]):
        i = crow[at]
        if into:
            if times[i] == 0:
                for other in range(rptr[i], rptr[i + 1]):
                    k = rcol[other]
                    if k != j:
                        score[k] -= heavy[i]
                count -= 1
                moved = bare[count]
                bare[place[i]] = moved
                place[moved] = place[i]
                place[i] = -1
            elif times[i] == 1:
                score[owner[i]] += heavy[i]
            times[i] += 1
            owner[i] += j
        else:
            times[i] -= 1
            owner[i] -= j
            if times[i] == 0:
                for other in range(rptr[i], rptr[i + 1]):
                    k = rcol[other]
                    if k != j:
                        score[k] += heavy[i]
                place[i] = count
                bare[count] = i
                count += 1
            elif times[i] == 1:
                score[owner[i]] -= heavy[i]
    return count


@compiled
def search_cover(cptr, crow, rptr, rcol, fixed, cfptr, conflict, nptr, near, start, enough, steps, seed):  # type: ignore[no-untyped-def]
    """Fewer places that reach every row, from a plan that does: local search with weights on rows.

    After Gao, Weise and Li (2015), RWLS: while everything is reached, drop the place that matters least; else swap,
    and rows that stay unreached grow heavier. Stops at `enough` places. `near` lists the candidates that share a row.
    """
    np.random.seed(seed)
    m, n = len(cptr) - 1, len(rptr) - 1
    heavy = np.ones(n, np.int64)
    times, owner = np.zeros(n, np.int64), np.zeros(n, np.int64)
    score, stamp = np.zeros(m, np.int64), np.zeros(m, np.int64)
    used, may_come = np.zeros(m, np.bool_), np.ones(m, np.bool_)
    blocked = np.zeros(m, np.int64)
    bare, place = np.arange(n), np.arange(n)
    count, size = n, 0
    for j in range(m):
        score[j] = cptr[j + 1] - cptr[j]
    for j in np.flatnonzero(start):
        count = _flip(j, True, cptr, crow, rptr, rcol, heavy, times, owner, score, bare, place, count)
        used[j] = True
        size += 1
        for at in range(cfptr[j], cfptr[j + 1]):
            blocked[conflict[at]] += 1
    best, last = start.copy(), -1
    for step in range(1, steps + 1):
        while count == 0:
            best[:] = used
            if size <= enough:
                return best
            out = -1
            for j in range(m):
                if used[j] and not fixed[j] and (out < 0 or score[j] > score[out]):
                    out = j
            if out < 0:
                return best
            count = _flip(out, False, cptr, crow, rptr, rcol, heavy, times, owner, score, bare, place, count)
            used[out] = False
            size -= 1
            for at in range(cfptr[out], cfptr[out + 1]):
                blocked[conflict[at]] -= 1
        out = -1
        for j in range(m):
            if used[j] and not fixed[j] and j != last and (
                out < 0 or score[j] > score[out] or (score[j] == score[out] and stamp[j] < stamp[out])
            ):
                out = j
        if out >= 0:
            count = _flip(out, False, cptr, crow, rptr, rcol, heavy, times, owner, score, bare, place, count)
            used[out] = False
            size -= 1
            stamp[out] = step
            for at in range(cfptr[out], cfptr[out + 1]):
                blocked[conflict[at]] -= 1
            # what shares a row with it has seen a change and may come again
            for at in range(nptr[out], nptr[out + 1]):
                may_come[near[at]] = True
            may_come[out] = False
        if count == 0:
            continue
        i = bare[np.random.randint(count)]
        into = -1
        for wanted in (True, False):
            for other in range(rptr[i], rptr[i + 1]):
                j = rcol[other]
                if not used[j] and (may_come[j] or not wanted) and blocked[j] == 0 and (
                    into < 0 or score[j] > score[into] or (score[j] == score[into] and stamp[j] < stamp[into])
                ):
                    into = j
            if into >= 0:
                break
        if into >= 0:
            for at in range(nptr[into], nptr[into + 1]):
                may_come[near[at]] = True
            count = _flip(into, True, cptr, crow, rptr, rcol, heavy, times, owner, score, bare, place, count)
            used[into] = True
            size += 1
            stamp[into] = step
            last = into
            for at in range(cfptr[into], cfptr[into + 1]):
                blocked[conflict[at]] += 1
        for at in range(count):
            row = bare[at]
            heavy[row] += 1
            for other in range(rptr[row], rptr[row + 1]):
                score[rcol[other]] += 1
    return best
