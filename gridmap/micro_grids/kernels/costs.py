"""Costs of a unit, compiled by numba: its size, its shape, its boundary off streets, the streets inside it."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import math

from gridmap.compiling import compiled

__all__ = ["cost_of", "is_bad", "measure_all", "measure_cut", "size_cost", "zone_cost"]


@compiled
def size_cost(h, k, band):  # type: ignore[no-untyped-def]
    """Cost of h households in k things; band = low, wish_low, target, wish_high, high, alone.

    One thing alone (a whole building) is good anywhere in the band; several should meet the wish.
    """
    low, wish_low, target, wish_high, high, alone = band[0], band[1], band[2], band[3], band[4], band[5]
    if h >= alone:
        return 0.0 if h == alone else 30.0 + 10.0 * k
    if h == 0:
        return 9.0
    d = (h - target) / target
    cost = 1.0 * d * d
    if h < low:
        cost += 6.0 + 6.0 * (low - h) / target
    elif h > high:
        cost += 6.0 + 6.0 * (h - high) / target
    elif k > 1 and h < wish_low:
        cost += 2.5 + 2.5 * (wish_low - h) / target
    elif k > 1 and h > wish_high:
        cost += 2.5 + 2.5 * (h - wish_high) / target
    return cost


@compiled
def zone_cost(h, k, area, perimeter, bare, strong, band, want):  # type: ignore[no-untyped-def]
    """Cost of a zone: its size, its shape (1 / sqrt of Polsby-Popper), its boundary off streets, streets inside it."""
    cost = size_cost(h, k, band)
    cost += want[0] * perimeter / math.sqrt(4.0 * math.pi * max(area, 1.0))
    cost += want[1] * bare / max(perimeter, 1.0)
    cost += want[2] * strong / max(perimeter, 1.0)
    return cost


@compiled
def cost_of(figures, table):  # type: ignore[no-untyped-def]
    """Cost of a zone by its six figures: households, things in it, area, perimeter, bare, strong."""
    return zone_cost(
        figures[0], figures[1], figures[2], figures[3], figures[4], figures[5], table.band, table.want
    )


@compiled
def is_bad(figures, table):  # type: ignore[no-untyped-def]
    """Whether a zone misses the wish, or the band."""
    return size_cost(figures[0], figures[1], table.band) > 1.0


@compiled
def measure_all(zone, nodes, ties, sums):  # type: ignore[no-untyped-def]
    """Figures of every zone of a plan."""
    sums[:] = 0.0
    for c in range(len(zone)):
        z = zone[c]
        sums[z, 0] += nodes.weight[c]
        sums[z, 1] += nodes.things[c]
        sums[z, 2] += nodes.area[c]
        sums[z, 3] += nodes.perimeter[c]
        for e in range(ties.indptr[c], ties.indptr[c + 1]):
            if zone[ties.nbr[e]] == z:
                sums[z, 3] -= ties.length[e]
                sums[z, 5] += 0.5 * ties.strong[e]
            else:
                sums[z, 4] += ties.bare[e]


@compiled
def measure_cut(cells, count, out, zones, opens, shut, nodes, ties, bunch, figures):  # type: ignore[no-untyped-def]
    """Figures of the zones out[:count] of a bunch of cells."""
    figures[:zones] = 0.0
    for i in range(count):
        c, z = cells[i], out[i]
        figures[z, 0] += nodes.weight[c]
        figures[z, 1] += nodes.things[c]
        figures[z, 2] += nodes.area[c]
        figures[z, 3] += nodes.perimeter[c]
        figures[z, 4] += bunch.outer[i]
    for part in range(2):
        for k in range(0 if part == 0 else shut, opens if part == 0 else len(bunch.one)):
            e, a, b = bunch.edge[k], out[bunch.one[k]], out[bunch.other[k]]
            if a == b:
                figures[a, 3] -= 2.0 * ties.length[e]
                figures[a, 5] += ties.strong[e]
            else:
                figures[a, 4] += ties.bare[e]
                figures[b, 4] += ties.bare[e]
