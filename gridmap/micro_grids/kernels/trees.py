"""Spanning trees and their cheapest cuts, compiled by numba.

Every random step comes from one xorshift state seeded by the caller, and only additions, multiplications, divisions
and square roots are used, so that the same seed gives the same plan on every machine.
"""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["cut_tree", "edge_costs", "next_random", "plant", "span"]

_BIG = 1e18


@njit(cache=True)
def next_random(state):  # type: ignore[no-untyped-def]
    """The next random integer below 2**31 (xorshift64, Marsaglia 2003)."""
    x = state[0]
    x ^= (x << np.uint64(13)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x ^= x >> np.uint64(7)
    x ^= (x << np.uint64(17)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    state[0] = x
    return np.int64(x >> np.uint64(33))


@njit(cache=True)
def span(cells, count, local, indptr, nbr, is_open, affinity, state, wild, parent, order):  # type: ignore[no-untyped-def]
    """A spanning tree of cells[:count] that prefers strong ties: parent and an order with parents first."""
    m = 0
    for i in range(count):
        for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
            j = local[nbr[e]]
            if is_open[e] and j > i:
                m += 1
    ends = np.empty((m, 2), np.int64)
    key = np.empty(m, np.float64)
    m = 0
    for i in range(count):
        for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
            j = local[nbr[e]]
            if is_open[e] and j > i:
                ends[m, 0] = i
                ends[m, 1] = j
                u = (next_random(state) + 1.0) / 2147483648.0
                key[m] = (1.0 + wild * u * 8.0) / affinity[e]
                m += 1
    root = np.arange(count)
    degree = np.zeros(count + 1, np.int64)
    kept = np.empty(max(count - 1, 0), np.int64)
    k = 0
    for e in np.argsort(key, kind="mergesort"):
        a, b = ends[e, 0], ends[e, 1]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b:
            root[b] = a
            kept[k] = e
            k += 1
            degree[ends[e, 0]] += 1
            degree[ends[e, 1]] += 1
            if k == count - 1:
                break
    begin = np.zeros(count + 1, np.int64)
    for i in range(count):
        begin[i + 1] = begin[i] + degree[i]
    fill = begin.copy()
    around = np.empty(2 * k, np.int64)
    for i in range(k):
        a, b = ends[kept[i], 0], ends[kept[i], 1]
        around[fill[a]] = b
        fill[a] += 1
        around[fill[b]] = a
        fill[b] += 1
    start = next_random(state) % count
    parent[start] = -1
    order[0] = start
    head, tail = 0, 1
    while head < tail:
        v = order[head]
        head += 1
        for i in range(begin[v], begin[v + 1]):
            u = around[i]
            if u != parent[v]:
                parent[u] = v
                order[tail] = u
                tail += 1
    return tail


@njit(cache=True)
def cut_tree(count, parent, order, load, single, states, close, cut_cost, out):  # type: ignore[no-untyped-def]
    """The cheapest cut of a tree into zones, exactly, by dynamic programming over the load of the open zone.

    load[v] in 0..states-2, or states-1 for a cell that must stay alone with empty ones. close[s] is the cost of a zone
    that ends with load s; single[v] the cost of a zone that holds v and nobody else, where that differs (a whole
    building that is good as it is). The zone of each node is written to `out`; the number of zones and their cost are
    returned.
    """
    alone = states - 1
    cost = np.full((count, states), _BIG)
    top = np.zeros(count, np.int64)
    from_self = np.full((count, states), -1, np.int16)
    from_child = np.full((count, states), -2, np.int16)
    for v in range(count):
        if load[v] != alone:
            cost[v, load[v]] = 0.0
            top[v] = load[v]
        cost[v, alone] = single[v]
    merged = np.empty(states, np.float64)
    best_close = np.empty(count, np.int64)
    for i in range(count - 1, -1, -1):
        u = order[i]
        best = _BIG
        best_close[u] = -1
        for s in range(top[u] + 1):
            if cost[u, s] + close[s] < best:
                best = cost[u, s] + close[s]
                best_close[u] = s
        if cost[u, alone] < best:
            best = cost[u, alone]
            best_close[u] = alone
        v = parent[u]
        if v < 0:
            continue
        # Cut the edge between u and v ...
        for s in range(states):
            merged[s] = cost[v, s] + best + cut_cost[u]
            from_self[u, s] = s
            from_child[u, s] = -1
        reach = min(top[v] + top[u], states - 2)
        # ... or keep it.
        for s in range(top[v] + 1):
            here = cost[v, s]
            if here >= _BIG:
                continue
            for t in range(min(top[u], states - 2 - s) + 1):
                c = here + cost[u, t]
                if c < merged[s + t]:
                    merged[s + t] = c
                    from_self[u, s + t] = s
                    from_child[u, s + t] = t
        if cost[v, alone] + cost[u, 0] < merged[alone]:
            merged[alone] = cost[v, alone] + cost[u, 0]
            from_self[u, alone] = alone
            from_child[u, alone] = 0
        if cost[v, 0] + cost[u, alone] < merged[alone]:
            merged[alone] = cost[v, 0] + cost[u, alone]
            from_self[u, alone] = 0
            from_child[u, alone] = alone
        for s in range(states):
            cost[v, s] = merged[s]
        top[v] = reach
    # Walk back: each node knows the state with which its open zone ended; children are undone last one first.
    chosen = np.full(count, -1, np.int64)
    zones = 0
    root = order[0]
    chosen[root] = best_close[root]
    out[root] = 0
    zones = 1
    last = np.full(count, -1, np.int64)
    before = np.full(count, -1, np.int64)
    for i in range(count - 1, 0, -1):  # children in the order in which they were merged
        u = order[i]
        before[u] = last[parent[u]]
        last[parent[u]] = u
    for i in range(count):
        v = order[i]
        state = chosen[v]
        u = last[v]
        while u >= 0:
            child = from_child[u, state]
            if child == -1:
                chosen[u] = best_close[u]
                out[u] = zones
                zones += 1
            else:
                chosen[u] = child
                out[u] = out[v]
            state = from_self[u, state]
            u = before[u]
    return zones, cost[root, chosen[root]] + (0.0 if chosen[root] == alone else close[chosen[root]])


@njit(cache=True)
def plant(load, single, states, close, indptr, nbr, is_open, affinity, cut, seed, tries):  # type: ignore[no-untyped-def]
    """A first plan of a connected piece: the best tree cut of several spanning trees, by the cost of the cut itself."""
    n = len(load)
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(2654435761) + np.uint64(88172645463325252)
    cells = np.arange(n)
    local = np.arange(n)
    parent = np.empty(n, np.int64)
    order = np.empty(n, np.int64)
    cut_cost = np.zeros(n, np.float64)
    out = np.zeros(n, np.int64)
    best = np.zeros(n, np.int64)
    best_cost = _BIG
    for t in range(tries):
        reached = span(cells, n, local, indptr, nbr, is_open, affinity, state, 0.0 if t == 0 else 1.0, parent, order)
        if reached < n:
            return best, -1
        edge_costs(cells, n, local, indptr, nbr, parent, cut, cut_cost)
        _, cost = cut_tree(n, parent, order, load, single, states, close, cut_cost, out)
        if cost < best_cost:
            best_cost = cost
            best[:] = out
    return best, int(best.max()) + 1


@njit(cache=True)
def edge_costs(cells, count, local, indptr, nbr, parent, cut, cut_cost):  # type: ignore[no-untyped-def]
    for i in range(count):
        cut_cost[i] = 0.0
        for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
            j = local[nbr[e]]
            if j >= 0 and j == parent[i]:
                cut_cost[i] = cut[e]
