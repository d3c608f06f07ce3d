"""The search for a better plan, compiled by numba: units merged and cut anew, then single cells moved."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np
from numba import njit

from gridmap.micro_grids.kernels.costs import measure, size_cost, zone_cost
from gridmap.micro_grids.kernels.trees import cut_tree, edge_costs, next_random, span

__all__ = ["improve", "move_cells"]


@njit(cache=True)
def gather(start, zone, indptr, nbr, is_open, mark, stamp, out, begin):  # type: ignore[no-untyped-def]
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
            j = next_random(state) % (i + 1)
            visit[i], visit[j] = visit[j], visit[i]
        done = np.zeros(zones + n + 1, np.bool_)
        for phase in range(2):  # zones out of the band first
            for step in range(n):
                start = visit[step]
                z = zone[start]
                if z < len(done) and done[z]:
                    continue
                stamp += 1
                count = gather(start, zone, indptr, nbr, is_open, mark, stamp, cells, 0)
                measure(zone, cells, count, z, weight, area, perimeter, indptr, nbr, length, bare, strong, figures)
                size = size_cost(figures[0], figures[1], band)
                bad = size > 1.0
                if phase == 0 and not bad:
                    continue
                if z < len(done):
                    done[z] = True
                attempts = 3 if bad else 1
                for attempt in range(attempts):
                    stamp += 1
                    count = gather(start, zone, indptr, nbr, is_open, mark, stamp, cells, 0)
                    old = 0.0
                    measure(
                        zone, cells, count, zone[start], weight, area, perimeter, indptr, nbr, length, bare, strong,
                        figures,
                    )
                    old += zone_cost(
                        figures[0], figures[1], figures[2], figures[3], figures[4], figures[5], band, want
                    )
                    joins = 1 + next_random(state) % 2 if not bad else 1 + (attempt + next_random(state)) % 3
                    for _join in range(joins):
                        # A random neighbour over an open edge (reservoir of one).
                        pick, seen = -1, 0
                        for i in range(count):
                            for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
                                if is_open[e] and mark[nbr[e]] != stamp:
                                    seen += 1
                                    if next_random(state) % seen == 0:
                                        pick = nbr[e]
                        if pick < 0:
                            break
                        end = gather(pick, zone, indptr, nbr, is_open, mark, stamp, cells, count)
                        if end > most_cells:
                            for i in range(count, end):
                                mark[cells[i]] = -1
                            break
                        for i in range(count, end):
                            piece[i - count] = cells[i]
                        measure(
                            zone, piece, end - count, zone[pick], weight, area, perimeter, indptr, nbr, length, bare,
                            strong, figures,
                        )
                        old += zone_cost(
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
                        reached = span(
                            cells, count, local, indptr, nbr, is_open, affinity, state, 1.0, parent, order
                        )
                        if reached < count:
                            break
                        edge_costs(cells, count, local, indptr, nbr, parent, cut, cut_cost)
                        found = cut_tree(count, parent, order, sub_load, states, close, cut_cost, out)
                        for i in range(count):
                            trial[cells[i]] = out[i]
                        new = 0.0
                        for k in range(found):
                            members = 0
                            for i in range(count):
                                if out[i] == k:
                                    piece[members] = cells[i]
                                    members += 1
                            measure(
                                trial, piece, members, k, weight, area, perimeter, indptr, nbr, length, bare, strong,
                                figures,
                            )
                            new += zone_cost(
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
        move_cells(
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
def move_cells(  # type: ignore[no-untyped-def]
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
            cost_a = zone_cost(
                sums[a, 0], sums[a, 1], sums[a, 2], sums[a, 3], sums[a, 4], sums[a, 5], band, want
            )
            left_perimeter = sums[a, 3] - perimeter[c] + 2.0 * own_length
            left_bare = sums[a, 4] - (all_bare - own_bare) + own_bare
            left_strong = sums[a, 5] - own_strong
            cost_left = zone_cost(
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
                cost_b = zone_cost(
                    sums[b, 0], sums[b, 1], sums[b, 2], sums[b, 3], sums[b, 4], sums[b, 5], band, want
                )
                new_perimeter = sums[b, 3] + perimeter[c] - 2.0 * b_length
                new_bare = sums[b, 4] + (all_bare - b_bare) - b_bare
                new_strong = sums[b, 5] + b_strong
                cost_joined = zone_cost(
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
