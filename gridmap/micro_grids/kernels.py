"""The inner loops of the balance, compiled by numba.

Every random step comes from one xorshift state seeded by the caller, and only additions, multiplications, divisions
and square roots are used, so that the same seed gives the same plan on every machine.
"""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["improve", "plant", "zone_costs"]

_BIG = 1e18


@njit(cache=True)
def _next(state):  # type: ignore[no-untyped-def]
    """The next random integer below 2**31 (xorshift64, Marsaglia 2003)."""
    x = state[0]
    x ^= (x << np.uint64(13)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x ^= x >> np.uint64(7)
    x ^= (x << np.uint64(17)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    state[0] = x
    return np.int64(x >> np.uint64(33))


@njit(cache=True)
def _size_cost(h, k, band):  # type: ignore[no-untyped-def]
    """Cost of h households in k inhabited cells; band = low, wish_low, target, wish_high, high, alone."""
    low, wish_low, target, wish_high, high, alone = band[0], band[1], band[2], band[3], band[4], band[5]
    if h >= alone:
        return 0.0 if h == alone else 30.0 + 10.0 * k
    if h == 0:
        return 9.0
    d = (h - target) / target
    cost = 0.5 * d * d
    if h < low:
        cost += 6.0 + 6.0 * (low - h) / target
    elif h > high:
        cost += 6.0 + 6.0 * (h - high) / target
    elif k > 1 and h < wish_low:
        cost += 1.2 + 2.0 * (wish_low - h) / target
    elif k > 1 and h > wish_high:
        cost += 1.2 + 2.0 * (h - wish_high) / target
    return cost


@njit(cache=True)
def _zone_cost(h, k, area, perimeter, bare, strong, band, want):  # type: ignore[no-untyped-def]
    """Cost of a zone: its size, its shape (1 / sqrt of Polsby-Popper), its boundary off streets, streets inside it."""
    cost = _size_cost(h, k, band)
    cost += want[0] * perimeter / math.sqrt(4.0 * math.pi * max(area, 1.0))
    cost += want[1] * bare / max(perimeter, 1.0)
    cost += want[2] * strong / max(perimeter, 1.0)
    return cost


@njit(cache=True)
def _measure(zone, cells, count, z, weight, area, perimeter, indptr, nbr, length, bare, strong, out):  # type: ignore[no-untyped-def]
    """Figures of the zone made of cells[:count]: households, inhabited cells, area, perimeter, bare, strong."""
    for i in range(6):
        out[i] = 0.0
    for i in range(count):
        c = cells[i]
        out[0] += weight[c]
        if weight[c] > 0:
            out[1] += 1.0
        out[2] += area[c]
        out[3] += perimeter[c]
        for e in range(indptr[c], indptr[c + 1]):
            if zone[nbr[e]] == z:
                out[3] -= length[e]
                out[5] += 0.5 * strong[e]
            else:
                out[4] += bare[e]


@njit(cache=True)
def _gather(start, zone, indptr, nbr, is_open, mark, stamp, out, begin):  # type: ignore[no-untyped-def]
    """Append the cells of the zone of `start` that open edges reach from it to out[begin:]; the new end."""
    z = zone[start]
    mark[start] = stamp
    out[begin] = start
    head, tail = begin, begin + 1
    while head < tail:
        c = out[head]
        head += 1
        for e in range(indptr[c], indptr[c + 1]):
            n = nbr[e]
            if is_open[e] and zone[n] == z and mark[n] != stamp:
                mark[n] = stamp
                out[tail] = n
                tail += 1
    return tail


@njit(cache=True)
def _tree(cells, count, local, indptr, nbr, is_open, affinity, state, wild, parent, order):  # type: ignore[no-untyped-def]
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
                u = (_next(state) + 1.0) / 2147483648.0
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
    start = _next(state) % count
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
def _cut_tree(count, parent, order, load, states, close, cut_cost, out):  # type: ignore[no-untyped-def]
    """The cheapest cut of a tree into zones, exactly, by dynamic programming over the load of the open zone.

    load[v] in 0..states-2, or states-1 for a cell that stays alone with empty ones. close[s] is the cost of a zone that
    ends with load s. The zone of each node is written to `out`; the number of zones is returned.
    """
    alone = states - 1
    cost = np.full((count, states), _BIG)
    top = np.zeros(count, np.int64)
    from_self = np.full((count, states), -1, np.int16)
    from_child = np.full((count, states), -2, np.int16)
    for v in range(count):
        cost[v, load[v]] = 0.0
        top[v] = load[v] if load[v] != alone else 0
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
        if cost[u, alone] + close[alone] < best:
            best = cost[u, alone] + close[alone]
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
    return zones


@njit(cache=True)
def plant(weight, load, states, close, indptr, nbr, is_open, affinity, cut, seed, tries):  # type: ignore[no-untyped-def]
    """A first plan of a connected piece: the best tree cut of several spanning trees, by the cost of the cut itself."""
    n = len(weight)
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
        reached = _tree(cells, n, local, indptr, nbr, is_open, affinity, state, 0.0 if t == 0 else 1.0, parent, order)
        if reached < n:
            return best, -1
        _edge_costs(cells, n, local, indptr, nbr, parent, cut, cut_cost)
        zones = _cut_tree(n, parent, order, load, states, close, cut_cost, out)
        total = np.zeros(zones, np.int64)
        alone = np.zeros(zones, np.int64)
        for c in range(n):
            if load[c] == states - 1:
                alone[out[c]] += 1
            else:
                total[out[c]] += load[c]
        cost = 0.0
        for z in range(zones):
            cost += close[states - 1] if alone[z] > 0 else close[total[z]]
        for c in range(n):
            if parent[c] >= 0 and out[c] != out[parent[c]]:
                cost += cut_cost[c]
        if cost < best_cost:
            best_cost = cost
            best[:] = out
    return best, int(best.max()) + 1


@njit(cache=True)
def _edge_costs(cells, count, local, indptr, nbr, parent, cut, cut_cost):  # type: ignore[no-untyped-def]
    for i in range(count):
        cut_cost[i] = 0.0
        for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
            j = local[nbr[e]]
            if j >= 0 and j == parent[i]:
                cut_cost[i] = cut[e]


@njit(cache=True)
def improve(  # type: ignore[no-untyped-def]
    zone, weight, load, states, close, area, perimeter, indptr, nbr, length, bare, strong, is_open, affinity, cut,
    band, want, seed, rounds, tries, most_cells,
):
    """Make a plan better in place: neighbouring zones merged and cut anew, then single cells moved.

    A zone and up to two of its neighbours are joined and cut along random spanning trees into any number of zones
    (recombination, DeFord, Duchin and Solomon 2021, with the exact tree cut in place of a random one); the result is
    kept where the cost falls. Zones out of the band come first and get more tries.
    """
    n = len(weight)
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(2654435761) + np.uint64(362436069362436069)
    mark = np.full(n, -1, np.int64)
    local = np.full(n, -1, np.int64)
    cells = np.empty(n, np.int64)
    parent = np.empty(n, np.int64)
    order = np.empty(n, np.int64)
    out = np.empty(n, np.int64)
    best_out = np.empty(n, np.int64)
    cut_cost = np.empty(n, np.float64)
    sub_load = np.empty(n, load.dtype)
    figures = np.empty(6, np.float64)
    piece = np.empty(n, np.int64)
    free = np.empty(2 * n + 8, np.int64)
    frees = 0
    zones = int(zone.max()) + 1
    trial = np.full(n, -1, np.int64)
    stamp = 0
    for sweep in range(rounds):
        visit = np.empty(n, np.int64)
        for i in range(n):
            visit[i] = i
        for i in range(n - 1, 0, -1):
            j = _next(state) % (i + 1)
            visit[i], visit[j] = visit[j], visit[i]
        done = np.zeros(zones + n + 1, np.bool_)
        for phase in range(2):  # zones out of the band first
            for step in range(n):
                start = visit[step]
                z = zone[start]
                if z < len(done) and done[z]:
                    continue
                stamp += 1
                count = _gather(start, zone, indptr, nbr, is_open, mark, stamp, cells, 0)
                _measure(zone, cells, count, z, weight, area, perimeter, indptr, nbr, length, bare, strong, figures)
                size = _size_cost(figures[0], figures[1], band)
                bad = size > 1.0
                if phase == 0 and not bad:
                    continue
                if z < len(done):
                    done[z] = True
                attempts = 3 if bad else 1
                for attempt in range(attempts):
                    stamp += 1
                    count = _gather(start, zone, indptr, nbr, is_open, mark, stamp, cells, 0)
                    old = 0.0
                    _measure(
                        zone, cells, count, zone[start], weight, area, perimeter, indptr, nbr, length, bare, strong,
                        figures,
                    )
                    old += _zone_cost(
                        figures[0], figures[1], figures[2], figures[3], figures[4], figures[5], band, want
                    )
                    joins = 1 + _next(state) % 2 if not bad else 1 + (attempt + _next(state)) % 3
                    for _join in range(joins):
                        # A random neighbour over an open edge (reservoir of one).
                        pick, seen = -1, 0
                        for i in range(count):
                            for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
                                if is_open[e] and mark[nbr[e]] != stamp:
                                    seen += 1
                                    if _next(state) % seen == 0:
                                        pick = nbr[e]
                        if pick < 0:
                            break
                        end = _gather(pick, zone, indptr, nbr, is_open, mark, stamp, cells, count)
                        if end > most_cells:
                            for i in range(count, end):
                                mark[cells[i]] = -1
                            break
                        for i in range(count, end):
                            piece[i - count] = cells[i]
                        _measure(
                            zone, piece, end - count, zone[pick], weight, area, perimeter, indptr, nbr, length, bare,
                            strong, figures,
                        )
                        old += _zone_cost(
                            figures[0], figures[1], figures[2], figures[3], figures[4], figures[5], band, want
                        )
                        count = end
                    if count < 2:
                        break
                    for i in range(count):
                        local[cells[i]] = i
                        sub_load[i] = load[cells[i]]
                    best_new = old - 1e-9
                    best_zones = 0
                    for _try in range(tries * (2 if bad else 1)):
                        reached = _tree(
                            cells, count, local, indptr, nbr, is_open, affinity, state, 1.0, parent, order
                        )
                        if reached < count:
                            break
                        _edge_costs(cells, count, local, indptr, nbr, parent, cut, cut_cost)
                        found = _cut_tree(count, parent, order, sub_load, states, close, cut_cost, out)
                        for i in range(count):
                            trial[cells[i]] = out[i]
                        new = 0.0
                        for k in range(found):
                            members = 0
                            for i in range(count):
                                if out[i] == k:
                                    piece[members] = cells[i]
                                    members += 1
                            _measure(
                                trial, piece, members, k, weight, area, perimeter, indptr, nbr, length, bare, strong,
                                figures,
                            )
                            new += _zone_cost(
                                figures[0], figures[1], figures[2], figures[3], figures[4], figures[5], band, want
                            )
                            if new >= best_new:
                                break
                        for i in range(count):
                            trial[cells[i]] = -1
                        if new < best_new:
                            best_new = new
                            best_zones = found
                            for i in range(count):
                                best_out[i] = out[i]
                    for i in range(count):
                        local[cells[i]] = -1
                    if best_zones > 0:
                        # The numbers of the old zones serve again; new numbers follow where more are needed.
                        frees = 0
                        for i in range(count):
                            old_zone = zone[cells[i]]
                            known = False
                            for k in range(frees):
                                if free[k] == old_zone:
                                    known = True
                                    break
                            if not known:
                                free[frees] = old_zone
                                frees += 1
                        while frees < best_zones:
                            free[frees] = zones
                            zones += 1
                            frees += 1
                        for i in range(count):
                            zone[cells[i]] = free[best_out[i]]
        _move_cells(
            zone, zones, weight, area, perimeter, indptr, nbr, length, bare, strong, is_open, band, want, state, mark,
            cells, 2, (sweep + 1) << 40,
        )
    return zones


@njit(cache=True)
def _connected_without(c, z, zone, indptr, nbr, is_open, mark, stamp, queue):  # type: ignore[no-untyped-def]
    """Whether the zone z stays in one piece over open edges when the cell c leaves it."""
    first, around = -1, 0
    for e in range(indptr[c], indptr[c + 1]):
        if is_open[e] and zone[nbr[e]] == z:
            around += 1
            first = nbr[e]
    if around == 0:
        return False
    if around == 1:
        return True
    mark[c] = stamp
    mark[first] = stamp
    queue[0] = first
    head, tail = 0, 1
    left = around - 1
    while head < tail and left > 0:
        v = queue[head]
        head += 1
        for e in range(indptr[v], indptr[v + 1]):
            n = nbr[e]
            if is_open[e] and zone[n] == z and mark[n] != stamp:
                mark[n] = stamp
                queue[tail] = n
                tail += 1
                for f in range(indptr[c], indptr[c + 1]):
                    if nbr[f] == n and is_open[f]:
                        left -= 1
                        break
    return left == 0


@njit(cache=True)
def _move_cells(  # type: ignore[no-untyped-def]
    zone, zones, weight, area, perimeter, indptr, nbr, length, bare, strong, is_open, band, want, state, mark, queue,
    sweeps, stamp,
):
    """Single cells to a neighbouring zone where that lowers the cost and keeps both zones in one piece."""
    n = len(weight)
    sums = np.zeros((zones, 6), np.float64)
    members = np.zeros(zones, np.int64)
    for c in range(n):
        z = zone[c]
        members[z] += 1
        sums[z, 0] += weight[c]
        if weight[c] > 0:
            sums[z, 1] += 1.0
        sums[z, 2] += area[c]
        sums[z, 3] += perimeter[c]
        for e in range(indptr[c], indptr[c + 1]):
            if zone[nbr[e]] == z:
                sums[z, 3] -= length[e]
                sums[z, 5] += 0.5 * strong[e]
            else:
                sums[z, 4] += bare[e]
    for _sweep in range(sweeps):
        moved = 0
        for c in range(n):
            a = zone[c]
            if members[a] < 2:
                continue
            edge = False
            for e in range(indptr[c], indptr[c + 1]):
                if zone[nbr[e]] != a:
                    edge = True
                    break
            if not edge:
                continue
            stamp += 1
            if not _connected_without(c, a, zone, indptr, nbr, is_open, mark, stamp, queue):
                continue
            # Boundary of c with its own zone.
            own_length, own_bare, own_strong, all_bare = 0.0, 0.0, 0.0, 0.0
            for e in range(indptr[c], indptr[c + 1]):
                all_bare += bare[e]
                if zone[nbr[e]] == a:
                    own_length += length[e]
                    own_bare += bare[e]
                    own_strong += strong[e]
            w = weight[c]
            k = 1.0 if w > 0 else 0.0
            cost_a = _zone_cost(
                sums[a, 0], sums[a, 1], sums[a, 2], sums[a, 3], sums[a, 4], sums[a, 5], band, want
            )
            left_perimeter = sums[a, 3] - perimeter[c] + 2.0 * own_length
            left_bare = sums[a, 4] - (all_bare - own_bare) + own_bare
            left_strong = sums[a, 5] - own_strong
            cost_left = _zone_cost(
                sums[a, 0] - w, sums[a, 1] - k, sums[a, 2] - area[c], left_perimeter, left_bare, left_strong, band,
                want,
            )
            best_gain, best_zone = 1e-9, -1
            best_perimeter, best_bare, best_strong = 0.0, 0.0, 0.0
            for e in range(indptr[c], indptr[c + 1]):
                b = zone[nbr[e]]
                if b == a or not is_open[e]:
                    continue
                b_length, b_bare, b_strong = 0.0, 0.0, 0.0
                for f in range(indptr[c], indptr[c + 1]):
                    if zone[nbr[f]] == b:
                        b_length += length[f]
                        b_bare += bare[f]
                        b_strong += strong[f]
                cost_b = _zone_cost(
                    sums[b, 0], sums[b, 1], sums[b, 2], sums[b, 3], sums[b, 4], sums[b, 5], band, want
                )
                new_perimeter = sums[b, 3] + perimeter[c] - 2.0 * b_length
                new_bare = sums[b, 4] + (all_bare - b_bare) - b_bare
                new_strong = sums[b, 5] + b_strong
                cost_joined = _zone_cost(
                    sums[b, 0] + w, sums[b, 1] + k, sums[b, 2] + area[c], new_perimeter, new_bare, new_strong, band,
                    want,
                )
                gain = cost_a + cost_b - cost_left - cost_joined
                if gain > best_gain:
                    best_gain, best_zone = gain, b
                    best_perimeter, best_bare, best_strong = new_perimeter, new_bare, new_strong
            if best_zone >= 0:
                b = best_zone
                sums[a, 0] -= w
                sums[a, 1] -= k
                sums[a, 2] -= area[c]
                sums[a, 3], sums[a, 4], sums[a, 5] = left_perimeter, left_bare, left_strong
                sums[b, 0] += w
                sums[b, 1] += k
                sums[b, 2] += area[c]
                sums[b, 3], sums[b, 4], sums[b, 5] = best_perimeter, best_bare, best_strong
                members[a] -= 1
                members[b] += 1
                zone[c] = b
                moved += 1
        if moved == 0:
            break


@njit(cache=True)
def zone_costs(zone, zones, weight, area, perimeter, indptr, nbr, length, bare, strong, band, want):  # type: ignore[no-untyped-def]
    """Cost of each zone of a plan, for comparing plans."""
    sums = np.zeros((zones, 6), np.float64)
    for c in range(len(weight)):
        z = zone[c]
        sums[z, 0] += weight[c]
        if weight[c] > 0:
            sums[z, 1] += 1.0
        sums[z, 2] += area[c]
        sums[z, 3] += perimeter[c]
        for e in range(indptr[c], indptr[c + 1]):
            if zone[nbr[e]] == z:
                sums[z, 3] -= length[e]
                sums[z, 5] += 0.5 * strong[e]
            else:
                sums[z, 4] += bare[e]
    costs = np.zeros(zones, np.float64)
    for z in range(zones):
        if sums[z, 2] > 0.0:
            costs[z] = _zone_cost(sums[z, 0], sums[z, 1], sums[z, 2], sums[z, 3], sums[z, 4], sums[z, 5], band, want)
    return costs
