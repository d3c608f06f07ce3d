"""The search for a better plan, compiled by numba: units merged and cut anew, then single cells moved."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np
from numba import njit

from gridmap.micro_grids.kernels.arrays import Work
from gridmap.micro_grids.kernels.costs import cost_of, measure, size_cost, zone_cost
from gridmap.micro_grids.kernels.trees import cut_tree, edge_costs, next_random, span

__all__ = ["improve", "move_cells"]


@njit(cache=True)
def gather(start, zone, ties, mark, stamp, out, begin):  # type: ignore[no-untyped-def]
    """Append the cells of the zone of `start` that open edges reach from it to out[begin:]; the new end."""
    z = zone[start]
    mark[start] = stamp
    out[begin] = start
    head, tail = begin, begin + 1
    while head < tail:
        c = out[head]
        head += 1
        for e in range(ties.indptr[c], ties.indptr[c + 1]):
            n = ties.nbr[e]
            if ties.is_open[e] and zone[n] == z and mark[n] != stamp:
                mark[n] = stamp
                out[tail] = n
                tail += 1
    return tail


@njit(cache=True)
def recombine(start, joins, tries, slack, most_cells, zone, zones, nodes, ties, table, state, stamp, work):  # type: ignore[no-untyped-def]
    """Join the zone of `start` with some random neighbours and cut them anew, in place.

    The cheapest of `tries` cuts along random spanning trees is kept where it costs less than before, or at most `slack`
    more (and is another cut). Returns the change of the cost and the number of zones; 0 where nothing changed.
    """
    indptr, nbr, is_open = ties.indptr, ties.nbr, ties.is_open
    mark, local, cells, out, figures = work.mark, work.local, work.cells, work.out, work.figures
    count = gather(start, zone, ties, mark, stamp, cells, 0)
    measure(zone, cells, count, zone[start], nodes, ties, figures)
    old = cost_of(figures, table)
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
        end = gather(pick, zone, ties, mark, stamp, cells, count)
        if end > most_cells:
            for i in range(count, end):
                mark[cells[i]] = -1
            break
        for i in range(count, end):
            work.piece[i - count] = cells[i]
        measure(zone, work.piece, end - count, zone[pick], nodes, ties, figures)
        old += cost_of(figures, table)
        count = end
    if count < 2:
        return 0.0, zones
    for i in range(count):
        local[cells[i]] = i
        work.load[i] = nodes.load[cells[i]]
        work.single[i] = nodes.single[cells[i]]
    best_new = old - 1e-9 + slack
    best_zones = 0
    states = len(table.close)
    for _try in range(tries):
        reached = span(
            cells, count, local, indptr, nbr, is_open, ties.affinity, state, 1.0, work.parent, work.order
        )
        if reached < count:
            break
        edge_costs(cells, count, local, indptr, nbr, work.parent, ties.cut, work.cut_cost)
        found, _ = cut_tree(
            count, work.parent, work.order, work.load, work.single, states, table.close, work.cut_cost, out
        )
        for i in range(count):
            work.trial[cells[i]] = out[i]
        new = 0.0
        for k in range(found):
            members = 0
            for i in range(count):
                if out[i] == k:
                    work.piece[members] = cells[i]
                    members += 1
            measure(work.trial, work.piece, members, k, nodes, ties, figures)
            new += cost_of(figures, table)
            if new >= best_new:
                break
        for i in range(count):
            work.trial[cells[i]] = -1
        if new < best_new and (slack == 0.0 or new < old - 1e-9 or abs(new - old) > 1e-9):
            best_new = new
            best_zones = found
            for i in range(count):
                work.best_out[i] = out[i]
    for i in range(count):
        local[cells[i]] = -1
    if best_zones == 0:
        return 0.0, zones
    # The numbers of the old zones serve again; new numbers follow where more are needed.
    frees = 0
    for i in range(count):
        old_zone = zone[cells[i]]
        known = False
        for k in range(frees):
            if work.free[k] == old_zone:
                known = True
                break
        if not known:
            work.free[frees] = old_zone
            frees += 1
    while frees < best_zones:
        work.free[frees] = zones
        zones += 1
        frees += 1
    for i in range(count):
        zone[cells[i]] = work.free[work.best_out[i]]
    return best_new - old, zones


@njit(cache=True)
def improve(zone, nodes, ties, table, seed, rounds, tries, most_cells, mends):  # type: ignore[no-untyped-def]
    """Make a plan better in place: neighbouring zones merged and cut anew, then single cells moved.

    A zone and up to two of its neighbours are joined and cut along random spanning trees into any number of zones
    (recombination, DeFord, Duchin and Solomon 2021, with the exact tree cut in place of a random one); the result is
    kept where the cost falls. Zones out of the band come first and get more tries. At last, zones that still miss the
    wish are mended (`mend`).
    """
    n = len(zone)
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(2654435761) + np.uint64(362436069362436069)
    work = Work(
        mark=np.full(n, -1, np.int64), local=np.full(n, -1, np.int64), cells=np.empty(n, np.int64),
        parent=np.empty(n, np.int64), order=np.empty(n, np.int64), out=np.empty(n, np.int64),
        best_out=np.empty(n, np.int64), piece=np.empty(n, np.int64), free=np.empty(2 * n + 8, np.int64),
        trial=np.full(n, -1, np.int64), cut_cost=np.empty(n, np.float64), load=np.empty(n, nodes.load.dtype),
        single=np.empty(n, np.float64), figures=np.empty(6, np.float64),
    )  # fmt: skip
    zones = int(zone.max()) + 1
    stamp = 0
    visit = np.empty(n, np.int64)
    for _sweep in range(rounds):
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
                count = gather(start, zone, ties, work.mark, stamp, work.cells, 0)
                measure(zone, work.cells, count, z, nodes, ties, work.figures)
                bad = size_cost(work.figures[0], work.figures[1], table.band) > 1.0
                if phase == 0 and not bad:
                    continue
                if z < len(done):
                    done[z] = True
                for attempt in range(3 if bad else 1):
                    stamp += 1
                    joins = 1 + next_random(state) % 2 if not bad else 1 + (attempt + next_random(state)) % 3
                    _, zones = recombine(
                        start, joins, tries * (2 if bad else 1), 0.0, most_cells, zone, zones, nodes, ties, table,
                        state, stamp, work,
                    )
        stamp += 1
        stamp = move_cells(zone, zones, nodes, ties, table, work.mark, work.cells, 2, stamp)
    zones, stamp = mend(zone, zones, nodes, ties, table, state, most_cells, tries, mends, stamp, work)
    return zones


@njit(cache=True)
def mend(zone, zones, nodes, ties, table, state, most_cells, tries, mends, stamp, work):  # type: ignore[no-untyped-def]
    """Zones that miss the wish joined with more neighbours and cut anew, allowing the plan to get a little worse.

    So a surplus wanders from zone to zone until it meets a place that can take it (simulated annealing on the bad zones
    alone); the cheapest plan met on the way is kept.
    """
    n = len(zone)
    best_zone = zone.copy()
    total, best_total = 0.0, 0.0
    starts = np.empty(n, np.int64)
    for turn in range(mends):
        slack = 1.5 * (1.0 - turn / mends)
        sums = np.zeros((zones, 2), np.float64)
        first = np.full(zones, -1, np.int64)
        for c in range(n):
            sums[zone[c], 0] += nodes.weight[c]
            sums[zone[c], 1] += nodes.things[c]
            if first[zone[c]] < 0:
                first[zone[c]] = c
        bad = 0
        for z in range(zones):
            if first[z] >= 0 and size_cost(sums[z, 0], sums[z, 1], table.band) > 1.0:
                starts[bad] = first[z]
                bad += 1
        if bad == 0:
            break
        for i in range(bad):
            stamp += 1
            joins = 2 + next_random(state) % 3
            change, zones = recombine(
                starts[i], joins, 2 * tries, slack, most_cells, zone, zones, nodes, ties, table, state, stamp, work
            )
            total += change
            if total < best_total - 1e-9:
                best_total = total
                best_zone[:] = zone
    zone[:] = best_zone
    return zones, stamp


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
def move_cells(zone, zones, nodes, ties, table, mark, queue, sweeps, stamp):  # type: ignore[no-untyped-def]
    """Single cells to a neighbouring zone where that lowers the cost and keeps both zones in one piece."""
    weight, things, area, perimeter = nodes.weight, nodes.things, nodes.area, nodes.perimeter
    indptr, nbr, is_open = ties.indptr, ties.nbr, ties.is_open
    length, bare, strong = ties.length, ties.bare, ties.strong
    band, want = table.band, table.want
    n = len(weight)
    sums = np.zeros((zones, 6), np.float64)
    members = np.zeros(zones, np.int64)
    for c in range(n):
        z = zone[c]
        members[z] += 1
        sums[z, 0] += weight[c]
        sums[z, 1] += things[c]
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
            k = things[c]
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
    return stamp
