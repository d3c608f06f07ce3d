"""Cells joined into blocks, compiled by numba."""
# Loops over cells and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["join_along"]


@compiled
def join_along(one, other, weight, area, most, most_area):  # type: ignore[no-untyped-def]
    """Group of each cell: edges in the order given join two groups where the limits of weight and area hold."""
    n = len(weight)
    root = np.arange(n)
    held, ground = weight.copy(), area.copy()
    for e in range(len(one)):
        a, b = one[e], other[e]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b and held[a] + held[b] <= most and ground[a] + ground[b] <= most_area:
            low, high = min(a, b), max(a, b)
            root[high] = low
            held[low] += held[high]
            ground[low] += ground[high]
    for c in range(n):
        r = c
        while root[r] != r:
            r = root[r]
        root[c] = r
    return root
