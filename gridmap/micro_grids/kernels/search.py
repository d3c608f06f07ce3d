"""The search for a better plan, compiled by numba: units merged and cut anew, then single cells moved."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled
from gridmap.micro_grids.kernels.arrays import make_work
from gridmap.micro_grids.kernels.costs import cost_of, is_bad, measure_all, measure_cut
from gridmap.micro_grids.kernels.moves import move_cells
from gridmap.micro_grids.kernels.trees import cut_tree, next_random, span, start_random, take_edges

__all__ = ["improve"]

#: Tries in vain after which a zone is left alone until something changes beside it.
_PATIENCE = 12


@compiled
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


@compiled
def recombine(start, joins, tries, slack, most_cells, zone, nodes, ties, table, state, stamp, bunch, memo, work):  # type: ignore[no-untyped-def]
    """Join the zone of `start` with some random neighbours and cut them anew, in place.

    The cheapest of `tries` cuts along random spanning trees is kept where it costs less than before, or at most `slack`
    more (and is another cut). Returns the change of the cost; 0 where nothing changed.
    """
    indptr, nbr, is_open = ties.indptr, ties.nbr, ties.is_open
    mark, local, cells, out = work.mark, work.local, work.cells, work.out
    count = gather(start, zone, ties, mark, stamp, cells, 0)
    work.free[0] = zone[start]
    frees = 1
    old = cost_of(work.sums[zone[start]], table)
    bad = int(is_bad(work.sums[zone[start]], table))
    rims, looked = 0, 0
    for _join in range(joins):
        # A random neighbour over an open edge.
        for i in range(looked, count):
            for e in range(indptr[cells[i]], indptr[cells[i] + 1]):
                if is_open[e] and mark[nbr[e]] != stamp:
                    work.rim[rims] = nbr[e]
                    rims += 1
        looked = count
        kept = 0
        for i in range(rims):
            if mark[work.rim[i]] != stamp:
                work.rim[kept] = work.rim[i]
                kept += 1
        rims = kept
        if rims == 0:
            break
        pick = work.rim[next_random(state) % rims]
        end = gather(pick, zone, ties, mark, stamp, cells, count)
        if end > most_cells:
            break
        old += cost_of(work.sums[zone[pick]], table)
        bad += is_bad(work.sums[zone[pick]], table)
        work.free[frees] = zone[pick]
        frees += 1
        count = end
    if count < 2:
        return 0.0
    for i in range(count):
        local[cells[i]] = i
        work.load[i] = nodes.load[cells[i]]
        work.single[i] = nodes.single[cells[i]]
    opens, shut = take_edges(cells, count, local, ties, bunch)
    for i in range(count):
        local[cells[i]] = -1
    best_new = old - 1e-9 + slack
    best_zones = 0
    for _try in range(tries):
        reached = span(count, opens, bunch, ties, state, 1.0, work.parent, work.order, work.cut_cost)
        if reached < count:
            break
        found, _ = cut_tree(
            count, work.parent, work.order, work.load, work.single, len(table.close), table.close, work.cut_cost, out,
            memo,
        )
        measure_cut(cells, count, out, found, opens, shut, nodes, ties, bunch, work.figures)
        new, worse = 0.0, -bad
        for k in range(found):
            new += cost_of(work.figures[k], table)
            worse += is_bad(work.figures[k], table)
            if new >= best_new:
                break
        if worse > 0 and slack == 0.0:
            continue
        if new < best_new and (slack == 0.0 or new < old - 1e-9 or abs(new - old) > 1e-9):
            best_new = new
            best_zones = found
            work.best_out[:count] = out[:count]
            work.best_figures[:found] = work.figures[:found]
    if best_zones == 0:
        return 0.0
    _put(cells, count, best_zones, frees, zone, ties, work)
    return best_new - old


@compiled
def _put(cells, count, zones, frees, zone, ties, work):  # type: ignore[no-untyped-def]
    """The best cut of a bunch put in place of the zones work.free[:frees]."""
    left = len(work.spare) - 1
    # The numbers of the old zones serve again; more numbers come from those that no zone has.
    while frees < zones:
        work.spare[left] -= 1
        work.free[frees] = work.spare[work.spare[left]]
        frees += 1
    for k in range(zones, frees):
        work.spare[work.spare[left]] = work.free[k]
        work.spare[left] += 1
        work.first[work.free[k]] = -1
    for i in range(count):
        z = work.free[work.best_out[i]]
        zone[cells[i]] = z
        work.first[z] = cells[i]
    for k in range(zones):
        work.sums[work.free[k]] = work.best_figures[k]
    for i in range(count):
        c = cells[i]
        work.idle[zone[c]] = 0
        for e in range(ties.indptr[c], ties.indptr[c + 1]):
            work.idle[zone[ties.nbr[e]]] = 0


@compiled
def _count(zone, nodes, ties, work):  # type: ignore[no-untyped-def]
    """Figures, a cell and spare numbers of all zones of a plan."""
    n = len(zone)
    measure_all(zone, nodes, ties, work.sums)
    work.first[:] = -1
    for c in range(n - 1, -1, -1):
        work.first[zone[c]] = c
    work.spare[n] = 0
    for z in range(n - 1, -1, -1):
        if work.first[z] < 0:
            work.spare[work.spare[n]] = z
            work.spare[n] += 1


@compiled
def improve(zone, nodes, ties, table, bunch, memo, seed, rounds, tries, most_cells, mends, polish, finish):  # type: ignore[no-untyped-def]
    """Make a plan better in place: neighbouring zones merged and cut anew, then single cells moved.

    A zone and up to two of its neighbours are joined and cut along random spanning trees into any number of zones
    (recombination, DeFord, Duchin and Solomon 2021, with the exact tree cut in place of a random one); the result is
    kept where the cost falls. Zones out of the band come first and get more tries. Then zones that still miss the wish
    are mended (`mend`), and what changed is swept again; with a `finish` above 1 all is, and the shape counts so many
    times as much.
    """
    n = len(zone)
    state = start_random(seed, 362436069362436069)
    work = make_work(n, len(ties.nbr))
    _count(zone, nodes, ties, work)
    if rounds == 0:
        work.idle[:] = _PATIENCE
    stamp = sweep(zone, nodes, ties, table, bunch, memo, state, rounds, tries, most_cells, 0, work)
    stamp = mend(zone, nodes, ties, table, bunch, memo, state, most_cells, tries, mends, stamp, work)
    if finish > 1.0:
        work.idle[:] = 0
    table.want[0] *= finish
    stamp = sweep(zone, nodes, ties, table, bunch, memo, state, polish, tries, most_cells, stamp, work)
    move_cells(zone, nodes, ties, table, 4, stamp + 1, work)


@compiled
def sweep(zone, nodes, ties, table, bunch, memo, state, rounds, tries, most_cells, stamp, work):  # type: ignore[no-untyped-def]
    """Zones joined with one or two neighbours and cut anew, where that is cheaper; single cells moved."""
    n = len(zone)
    visit = np.empty(n, np.int64)
    done = np.empty(n, np.bool_)
    for _round in range(rounds):
        zones = 0
        for z in range(n):
            if work.first[z] >= 0 and work.idle[z] < _PATIENCE:
                visit[zones] = z
                zones += 1
        if zones == 0:
            break
        for i in range(zones - 1, 0, -1):
            j = next_random(state) % (i + 1)
            visit[i], visit[j] = visit[j], visit[i]
        done[:] = False
        for phase in range(2):  # zones out of the wish first
            for step in range(zones):
                z = visit[step]
                if done[z] or work.first[z] < 0 or work.idle[z] >= _PATIENCE:
                    continue
                bad = is_bad(work.sums[z], table)
                if phase == 0 and not bad:
                    continue
                done[z] = True
                for attempt in range(3 if bad else 1):
                    if work.first[z] < 0:
                        break
                    joins = 1 + next_random(state) % 2 if not bad else 1 + (attempt + next_random(state)) % 3
                    stamp += 1
                    work.idle[z] += 1
                    recombine(
                        work.first[z], joins, tries * (2 if bad else 1), 0.0, most_cells, zone, nodes, ties, table,
                        state, stamp, bunch, memo, work,
                    )  # fmt: skip
        stamp = move_cells(zone, nodes, ties, table, 2, stamp + 1, work)
    return stamp


@compiled
def mend(zone, nodes, ties, table, bunch, memo, state, most_cells, tries, mends, stamp, work):  # type: ignore[no-untyped-def]
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
        bad = 0
        for z in range(n):
            if work.first[z] >= 0 and is_bad(work.sums[z], table):
                starts[bad] = work.first[z]
                bad += 1
        if bad == 0:
            break
        for i in range(bad):
            stamp += 1
            joins = 2 + next_random(state) % 3
            total += recombine(
                starts[i], joins, 3 * tries, slack, most_cells, zone, nodes, ties, table, state, stamp, bunch, memo,
                work,
            )  # fmt: skip
            if total < best_total - 1e-9:
                best_total = total
                best_zone[:] = zone
    zone[:] = best_zone
    _count(zone, nodes, ties, work)
    return stamp
