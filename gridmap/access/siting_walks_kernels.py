"""The inner loops of the p-median, compiled by numba: swaps of one place for another, and the bound beside them."""
# Loops over pairs are the point of this file: numba compiles them.
# mypy: disable-error-code="assignment"

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["median_bound", "swap_places"]


@compiled
def _two_nearest(rptr, rcol, metres, used, far, first, first_m, second_m):  # type: ignore[no-untyped-def]
    """For each row the nearest place in use and the metres to it and to the next one; `far` stands for none."""
    for i in range(len(rptr) - 1):
        first[i], first_m[i], second_m[i] = -1, far, far
        for at in range(rptr[i], rptr[i + 1]):
            if used[rcol[at]]:
                d = metres[at]
                if d < first_m[i]:
                    second_m[i] = first_m[i]
                    first[i], first_m[i] = rcol[at], d
                elif d < second_m[i]:
                    second_m[i] = d


@compiled
def swap_places(rptr, rcol, metres, w, count, fixed, cfptr, conflict, far, start, rounds):  # type: ignore[no-untyped-def]
    """Least weight times metres with `count` places: greedy, then the best swap of one for another while it helps.

    Gains and losses of all swaps at once as Resende and Werneck (2007). A row that nothing serves walks `far` metres.
    """
    m, n = len(fixed), len(rptr) - 1
    used = start.copy()
    blocked = np.zeros(m, np.int64)
    number = 0
    for j in np.flatnonzero(used):
        number += 1
        for at in range(cfptr[j], cfptr[j + 1]):
            blocked[conflict[at]] += 1
    first, first_m, second_m = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
    gain, loss = np.zeros(m), np.zeros(m)
    extra = np.zeros((count, m))
    rank = np.full(m, -1, np.int64)
    for _ in range(count + rounds):
        _two_nearest(rptr, rcol, metres, used, far, first, first_m, second_m)
        adding = number < count
        gain[:] = 0.0
        loss[:] = 0.0
        open_now = np.flatnonzero(used)
        if not adding:
            extra[:] = 0.0
            for at in range(len(open_now)):
                rank[open_now[at]] = at
        for i in range(n):
            mine = first[i]
            if not adding and mine >= 0:
                loss[mine] += w[i] * (second_m[i] - first_m[i])
            for at in range(rptr[i], rptr[i + 1]):
                j, d = rcol[at], metres[at]
                if d < first_m[i]:
                    gain[j] += w[i] * (first_m[i] - d)
                if not adding and mine >= 0 and d < second_m[i]:
                    extra[rank[mine], j] += w[i] * (second_m[i] - max(first_m[i], d))
        into, out, best = -1, -1, 1e-9
        if adding:
            for j in range(m):
                if not used[j] and blocked[j] == 0 and gain[j] > best:
                    into, best = j, gain[j]
            if into < 0:
                # nothing more to gain, or no room: go on with swaps of what there is
                count = number
                continue
        else:
            for at in range(len(open_now)):
                k = open_now[at]
                if fixed[k]:
                    continue
                for j in range(m):
                    if used[j]:
                        continue
                    worth = gain[j] - loss[k] + extra[at, j]
                    if worth > best * (1.0 + 1e-12):
                        free = blocked[j] == 0
                        if not free and blocked[j] == 1:
                            for other in range(cfptr[k], cfptr[k + 1]):
                                if conflict[other] == j:
                                    free = True
                        if free:
                            into, out, best = j, k, worth
            if into < 0:
                break
            used[out] = False
            number -= 1
            for at in range(cfptr[out], cfptr[out + 1]):
                blocked[conflict[at]] -= 1
        used[into] = True
        number += 1
        for at in range(cfptr[into], cfptr[into + 1]):
            blocked[conflict[at]] += 1
    return used


@compiled
def median_bound(rptr, rcol, metres, w, count, fixed, walked, start, steps):  # type: ignore[no-untyped-def]
    """Lower bound of weight times metres: Lagrangian relaxation of 'everybody is served once' (Cornuejols et al. 1977).

    `start` are the metres that each row walks in a known plan, `walked` their weighted sum.
    """
    m, n = len(fixed), len(rptr) - 1
    price = w * start
    worth, take = np.zeros(m), np.zeros(m, np.bool_)
    slope, away = np.zeros(n), np.zeros(n)
    best, keep, pace, idle = -np.inf, price.copy(), 1.0, 0
    free = count - int(fixed.sum())
    for _ in range(steps):
        worth[:] = 0.0
        bound = 0.0
        for i in range(n):
            bound += price[i]
            for at in range(rptr[i], rptr[i + 1]):
                saved = price[i] - w[i] * metres[at]
                if saved > 0.0:
                    worth[rcol[at]] += saved
        take[:] = fixed
        left = free
        for j in np.argsort(-worth):
            if left == 0 or worth[j] <= 0.0:
                break
            if not fixed[j]:
                take[j] = True
                left -= 1
        for j in range(m):
            if take[j]:
                bound -= worth[j]
        if bound > best:
            idle = idle + 1 if bound < best + 1e-5 * abs(best) else 0
            best = bound
            keep[:] = price
        else:
            idle += 1
        if walked - best <= 1e-9 * max(1.0, walked):
            break
        if idle >= 15:
            idle = 0
            pace *= 0.7
            price[:] = keep
            away[:] = 0.0
            if pace < 1e-4:
                break
            continue
        norm = 0.0
        for i in range(n):
            served = 0.0
            for at in range(rptr[i], rptr[i + 1]):
                if take[rcol[at]] and w[i] * metres[at] < price[i]:
                    served += 1.0
            slope[i] = 1.0 - served
            away[i] = slope[i] + 0.6 * away[i]
            norm += away[i] * away[i]
        if norm <= 0.0:
            break
        step = pace * (walked - bound) / norm
        for i in range(n):
            price[i] = price[i] + step * away[i]
    return best
