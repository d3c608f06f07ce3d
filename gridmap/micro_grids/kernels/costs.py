"""Costs of a unit, compiled by numba: its size, its shape, its boundary off streets, the streets inside it."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import math

from numba import njit

__all__ = ["measure", "size_cost", "zone_cost"]


@njit(cache=True)
def size_cost(h, k, band):  # type: ignore[no-untyped-def]
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
def zone_cost(h, k, area, perimeter, bare, strong, band, want):  # type: ignore[no-untyped-def]
    """Cost of a zone: its size, its shape (1 / sqrt of Polsby-Popper), its boundary off streets, streets inside it."""
    cost = size_cost(h, k, band)
    cost += want[0] * perimeter / math.sqrt(4.0 * math.pi * max(area, 1.0))
    cost += want[1] * bare / max(perimeter, 1.0)
    cost += want[2] * strong / max(perimeter, 1.0)
    return cost


@njit(cache=True)
def measure(zone, cells, count, z, weight, area, perimeter, indptr, nbr, length, bare, strong, out):  # type: ignore[no-untyped-def]
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
