"""Single cells moved to a neighbouring zone, compiled by numba."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled
from gridmap.micro_grids.kernels.costs import zone_cost

__all__ = ["move_cells"]


@compiled
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


@compiled
def move_cells(zone, nodes, ties, table, sweeps, stamp, work):  # type: ignore[no-untyped-def]
    """Single cells to a neighbouring zone where that lowers the cost and keeps both zones in one piece."""
    weight, things, area, perimeter = nodes.weight, nodes.things, nodes.area, nodes.perimeter
    indptr, nbr, is_open = ties.indptr, ties.nbr, ties.is_open
    length, bare, strong = ties.length, ties.bare, ties.strong
    band, want = table.band, table.want
    n = len(weight)
    sums, mark, queue = work.sums, work.mark, work.cells
    members = np.bincount(zone, minlength=n)
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
                work.idle[a] = 0
                work.idle[b] = 0
                if work.first[a] == c:
                    for e in range(indptr[c], indptr[c + 1]):
                        if is_open[e] and zone[nbr[e]] == a:
                            work.first[a] = nbr[e]
                            break
        if moved == 0:
            break
    return stamp
