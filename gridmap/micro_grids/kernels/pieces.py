"""What hangs together, compiled by numba: pieces of a graph, and outlines of joined areas."""
# Loops over edges and corners are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["outline_rings", "pieces"]

_MIX_A, _MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


@compiled
def _root(parent, item):  # type: ignore[no-untyped-def]
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


@compiled
def pieces(a, b, count):  # type: ignore[no-untyped-def]
    """Number of the connected piece of each of `count` nodes over the edges a-b, in order of their first nodes."""
    parent = np.arange(count)
    for i in range(len(a)):
        x, y = _root(parent, a[i]), _root(parent, b[i])
        if x < y:
            parent[y] = x
        else:
            parent[x] = y
    label = np.empty(count, np.int64)
    found = 0
    for i in range(count):  # a root is the lowest node of its piece
        x = _root(parent, i)
        if x == i:
            label[i] = found
            found += 1
        else:
            label[i] = label[x]
    return label


@compiled
def _slot(first, second, mask):  # type: ignore[no-untyped-def]
    key = (np.uint64(first) * _MIX_A) ^ (np.uint64(second) * _MIX_B)
    key ^= key >> np.uint64(29)
    key *= _MIX_A
    key ^= key >> np.uint64(32)
    return np.int64(key & np.uint64(mask))


@compiled
def _number_points(points):  # type: ignore[no-untyped-def]
    """Number of each point, equal points alike (`points` are the bits of the coordinates)."""
    count = len(points)
    size = 16
    while size < 2 * count:
        size *= 2
    table = np.full(size, -1, np.int64)
    number = np.empty(count, np.int64)
    found = 0
    for i in range(count):
        slot = _slot(points[i, 0], points[i, 1], size - 1)
        while True:
            j = table[slot]
            if j < 0:
                table[slot] = i
                number[i] = found
                found += 1
                break
            if points[j, 0] == points[i, 0] and points[j, 1] == points[i, 1]:
                number[i] = number[j]
                break
            slot = (slot + 1) & (size - 1)
    return number


@compiled
def outline_rings(points, bits, starts, shell, unit, units):  # type: ignore[no-untyped-def]
    """Outlines of units whose areas are a noded tiling: what two areas of one unit share drops out.

    `points` are the corners of closed rings, one after the other from `starts`, `bits` the same as integers; `shell` is
    True for the outer ring of an area, `unit` the unit of each ring. Given back: the corner of each place in the new
    rings (position in `points`), where each ring starts, its unit, whether it is an outer ring, and for each unit
    whether its outline meets itself, so that these rings do not say what it is.
    """
    number = _number_points(bits)
    rings = len(starts) - 1
    total = len(points) - rings
    begin, end = np.empty(total, np.int64), np.empty(total, np.int64)
    own = np.empty(total, np.int64)
    m = 0
    for r in range(rings):
        low, high = starts[r], starts[r + 1] - 1
        twice = 0.0
        for i in range(low, high):
            twice += (points[i, 0] - points[low, 0]) * (points[i + 1, 1] - points[low, 1])
            twice -= (points[i + 1, 0] - points[low, 0]) * (points[i, 1] - points[low, 1])
        # Outer rings go left about their area, holes right: the area is on the left of every step.
        forward = (twice > 0) == shell[r]
        for i in range(low, high):
            if number[i] != number[i + 1]:
                begin[m], end[m] = (i, i + 1) if forward else (i + 1, i)
                own[m] = unit[r]
                m += 1
    # A step meets the step back of another area of the unit: both drop out.
    size = 16
    while size < 2 * m:
        size *= 2
    table = np.full(size, -1, np.int64)
    inner = np.zeros(m, np.bool_)
    for s in range(m):
        p, q = number[begin[s]], number[end[s]]
        slot = _slot(min(p, q) * units + own[s], max(p, q), size - 1)
        while True:
            t = table[slot]
            if t < 0:
                table[slot] = s
                break
            if own[t] == own[s] and number[begin[t]] == q and number[end[t]] == p and not inner[t]:
                inner[t] = inner[s] = True
                break
            slot = (slot + 1) & (size - 1)
    table[:] = -1
    knotted = np.zeros(units, np.bool_)
    for s in range(m):
        if inner[s]:
            continue
        slot = _slot(number[begin[s]], own[s], size - 1)
        while table[slot] >= 0:
            t = table[slot]
            if own[t] == own[s] and number[begin[t]] == number[begin[s]]:
                knotted[own[s]] = True
            slot = (slot + 1) & (size - 1)
        table[slot] = s
    corner = np.empty(2 * m, np.int64)
    ring_start, ring_unit, ring_shell = np.empty(m + 1, np.int64), np.empty(m, np.int64), np.empty(m, np.bool_)
    rings, k = 0, 0
    for s in range(m):
        if inner[s] or knotted[own[s]]:
            continue
        first, step = k, s
        while not inner[step]:
            inner[step] = True
            corner[k] = begin[step]
            k += 1
            slot = _slot(number[end[step]], own[s], size - 1)
            while True:
                t = table[slot]
                if t < 0:  # a border with an open end: no tiling
                    knotted[own[s]] = True
                    break
                if own[t] == own[s] and number[begin[t]] == number[end[step]]:
                    step = t
                    break
                slot = (slot + 1) & (size - 1)
        if knotted[own[s]]:
            continue
        twice = 0.0
        low = first
        base = points[corner[first]]
        for i in range(first, k):
            p, q = points[corner[i]], points[corner[i + 1 if i + 1 < k else first]]
            twice += (p[0] - base[0]) * (q[1] - base[1]) - (q[0] - base[0]) * (p[1] - base[1])
            least = points[corner[low]]
            if p[0] < least[0] or (p[0] == least[0] and p[1] < least[1]):
                low = i
        # As GEOS normalizes: from the lowest corner on, the area on the right.
        count = k - first
        turned = corner[first:k].copy()
        for i in range(count):
            corner[first + i] = turned[(low - first - i) % count]
        corner[k] = corner[first]
        k += 1
        ring_start[rings], ring_unit[rings], ring_shell[rings] = first, own[s], twice > 0
        rings += 1
    ring_start[rings] = k
    return corner[:k], ring_start[: rings + 1], ring_unit[:rings], ring_shell[:rings], knotted
