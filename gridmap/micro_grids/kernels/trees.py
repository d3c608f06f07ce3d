"""Spanning trees and their cheapest cuts, compiled by numba.

Every random step comes from one xorshift state seeded by the caller, and only additions, multiplications, divisions
and square roots are used, so that the same seed gives the same plan on every machine.
"""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["cut_tree", "next_random", "plant", "span", "start_random", "take_edges"]

_BIG = 1e18
#: Bits of a key that hold the number of an edge: a million edges in a piece.
_ITEM = (1 << 20) - 1


@compiled
def start_random(seed, salt):  # type: ignore[no-untyped-def]
    """A state for `next_random`."""
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(2654435761) + np.uint64(salt)
    return state


@compiled
def next_random(state):  # type: ignore[no-untyped-def]
    """The next random integer below 2**31 (xorshift64, Marsaglia 2003)."""
    x = state[0]
    x ^= (x << np.uint64(13)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x ^= x >> np.uint64(7)
    x ^= (x << np.uint64(17)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    state[0] = x
    return np.int64(x >> np.uint64(33))


@compiled
def take_edges(cells, count, local, ties, bunch):  # type: ignore[no-untyped-def]
    """The edges among cells[:count], each once: open ones from the front of the lists, shut ones from their end.

    Returns how many are open, and where the shut ones begin. `bunch.outer` gets for each cell the bare boundary to
    cells that are not among them.
    """
    last, opens = len(bunch.one), 0
    for i in range(count):
        c = cells[i]
        outer = 0.0
        for e in range(ties.indptr[c], ties.indptr[c + 1]):
            j = local[ties.nbr[e]]
            if j < 0:
                outer += ties.bare[e]
            elif j > i:
                if ties.is_open[e]:
                    k = opens
                    opens += 1
                else:
                    last -= 1
                    k = last
                bunch.one[k] = i
                bunch.other[k] = j
                bunch.edge[k] = e
                bunch.loose[k] = 1.0 / ties.affinity[e]
        bunch.outer[i] = outer
    return opens, last


@compiled
def _sort(code, count):  # type: ignore[no-untyped-def]
    """Sort code[:count] in place."""
    if count > 60:
        code[:count].sort()
        return
    for i in range(1, count):
        k = code[i]
        j = i - 1
        while j >= 0 and code[j] > k:
            code[j + 1] = code[j]
            j -= 1
        code[j + 1] = k


@compiled
def span(count, opens, bunch, ties, state, wild, parent, order, cut_cost):  # type: ignore[no-untyped-def]
    """A spanning tree of a bunch of cells that prefers strong ties.

    Writes the parent of each cell, an order with parents first, and what it costs to cut each cell from its parent;
    returns how many cells the tree reaches.
    """
    key, code, root, kept = bunch.key, bunch.code, bunch.root, bunch.kept
    for k in range(opens):
        u = (next_random(state) + 1.0) / 2147483648.0
        key[k] = (1.0 + wild * u * 8.0) * bunch.loose[k]
        # Positive numbers are in the order of their bits; the last ones make room for the number of the edge.
        code[k] = (code[k] & ~_ITEM) | k
    _sort(code, opens)
    begin, fill, around, which = bunch.begin, bunch.fill, bunch.around, bunch.which
    for i in range(count):
        root[i] = i
        begin[i] = 0
    begin[count] = 0
    found = 0
    for k in range(opens):
        e = code[k] & _ITEM
        a, b = bunch.one[e], bunch.other[e]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b:
            root[b] = a
            kept[found] = e
            found += 1
            begin[bunch.one[e] + 1] += 1
            begin[bunch.other[e] + 1] += 1
            if found == count - 1:
                break
    for i in range(count):
        begin[i + 1] += begin[i]
        fill[i] = begin[i]
    for k in range(found):
        e = kept[k]
        a, b = bunch.one[e], bunch.other[e]
        around[fill[a]], which[fill[a]] = b, e
        fill[a] += 1
        around[fill[b]], which[fill[b]] = a, e
        fill[b] += 1
    start = next_random(state) % count
    parent[start] = -1
    cut_cost[start] = 0.0
    order[0] = start
    head, tail = 0, 1
    while head < tail:
        v = order[head]
        head += 1
        for i in range(begin[v], begin[v + 1]):
            u = around[i]
            if u != parent[v]:
                parent[u] = v
                cut_cost[u] = ties.cut[bunch.edge[which[i]]]
                order[tail] = u
                tail += 1
    return tail


@compiled
def _end(u, low, top, cost, close, best, states):  # type: ignore[no-untyped-def]
    """The state in which the open zone of a node ends cheapest."""
    for s in range(low[u], top[u] + 1):
        if cost[u * states + s] + close[s] == best[u]:
            return s
    return states - 1


@compiled
def cut_tree(count, parent, order, load, single, states, close, cut_cost, out, memo):  # type: ignore[no-untyped-def]
    """The cheapest cut of a tree into zones, exactly, by dynamic programming over the load of the open zone.

    load[v] in 0..states-2, or states-1 for a cell that must stay alone with empty ones. close[s] is the cost of a zone
    that ends with load s; single[v] the cost of a zone that holds v and nobody else, where that differs (a whole
    building that is good as it is). The zone of each node is written to `out`; the number of zones and their cost are
    returned. `memo` is memory from `make_memo`.
    """
    alone = states - 1
    cost, before, best = memo.cost, memo.before, memo.best
    low, top, top_before = memo.low, memo.top, memo.top_before
    last, sibling, chosen = memo.last, memo.sibling, memo.chosen
    for v in range(count):
        at = v * states
        if load[v] != alone:
            low[v] = load[v]
            cost[at + load[v]] = 0.0
        else:
            low[v] = 0
            cost[at] = _BIG
        top[v] = low[v]
        cost[at + alone] = single[v]
        last[v] = -1
    for i in range(count - 1, -1, -1):
        u = order[i]
        of_u = u * states
        low_u, top_u = low[u], top[u]
        least = cost[of_u + alone]
        for s in range(low_u, top_u + 1):
            c = cost[of_u + s] + close[s]
            least = c if c < least else least
        best[u] = least
        v = parent[u]
        if v < 0:
            continue
        of_v = v * states
        low_v, top_v = low[v], top[v]
        sibling[u] = last[v]
        last[v] = u
        top_before[u] = top_v
        top[v] = min(top_v + top_u, states - 2)
        # Cut the edge between u and v ...
        extra = least + cut_cost[u]
        for s in range(low_v, top_v + 1):
            c = cost[of_v + s]
            before[of_u + s] = c
            cost[of_v + s] = c + extra
        for s in range(top_v + 1, top[v] + 1):
            cost[of_v + s] = _BIG
        by_itself = cost[of_v + alone]
        before[of_u + alone] = by_itself
        cost[of_v + alone] = by_itself + extra
        # ... or keep it.
        for s in range(low_v, top_v + 1):
            here = before[of_u + s]
            if here >= _BIG:
                continue
            at = of_v + s
            for t in range(low_u, min(top_u, states - 2 - s) + 1):
                c = here + cost[of_u + t]
                most = cost[at + t]
                cost[at + t] = c if c < most else most  # no branch: the processor could not foresee it
        if low_u == 0 and by_itself + cost[of_u] < cost[of_v + alone]:
            cost[of_v + alone] = by_itself + cost[of_u]
        if low_v == 0 and before[of_u] + cost[of_u + alone] < cost[of_v + alone]:
            cost[of_v + alone] = before[of_u] + cost[of_u + alone]
    # Walk back: each node knows the state with which its open zone ended; children are undone last one first.
    root = order[0]
    chosen[root] = _end(root, low, top, cost, close, best, states)
    out[root] = 0
    zones = 1
    for i in range(count):
        v = order[i]
        state = chosen[v]
        u = last[v]
        while u >= 0:
            of_u = u * states
            extra = best[u] + cut_cost[u]
            own, child, least = -1, -1, 2.0 * _BIG
            if state == alone:
                by_itself = before[of_u + alone]
                own, least = alone, by_itself + extra
                if low[u] == 0 and by_itself + cost[of_u] < least:
                    own, child, least = alone, 0, by_itself + cost[of_u]
                if low[v] == 0 and before[of_u] + cost[of_u + alone] < least:
                    own, child = 0, alone
            else:
                if state <= top_before[u]:
                    own, least = state, before[of_u + state] + extra
                for s in range(max(low[v], state - top[u]), min(top_before[u], state - low[u]) + 1):
                    c = before[of_u + s] + cost[of_u + state - s]
                    if c < least:
                        own, child, least = s, state - s, c
            if child < 0:
                chosen[u] = _end(u, low, top, cost, close, best, states)
                out[u] = zones
                zones += 1
            else:
                chosen[u] = child
                out[u] = out[v]
            state = own
            u = sibling[u]
    return zones, best[root]


@compiled
def plant(nodes, ties, table, bunch, memo, seed, tries):  # type: ignore[no-untyped-def]
    """A first plan of a connected piece: the best tree cut of several spanning trees, by the cost of the cut itself."""
    n = len(nodes.load)
    state = start_random(seed, 88172645463325252)
    cells = np.arange(n)
    parent = np.empty(n, np.int64)
    order = np.empty(n, np.int64)
    cut_cost = np.zeros(n, np.float64)
    out = np.zeros(n, np.int64)
    best = np.zeros(n, np.int64)
    best_cost = _BIG
    opens, _ = take_edges(cells, n, cells, ties, bunch)
    for t in range(tries):
        reached = span(n, opens, bunch, ties, state, 0.0 if t == 0 else 1.0, parent, order, cut_cost)
        if reached < n:
            return best, -1
        _, cost = cut_tree(
            n, parent, order, nodes.load, nodes.single, len(table.close), table.close, cut_cost, out, memo
        )
        if cost < best_cost:
            best_cost = cost
            best[:] = out
    return best, int(best.max()) + 1
