"""Faces between noded lines, compiled by numba: loops around them, and what lies on either side of each line."""
# Loops over edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled
from gridmap.micro_grids.kernels.pieces import pieces

__all__ = ["faces_between"]


@compiled
def _before(points, node, one, two):  # type: ignore[no-untyped-def]
    """Whether the way from a node to `one` comes before that to `two`, turning left from due east."""
    ax, ay = points[one, 0] - points[node, 0], points[one, 1] - points[node, 1]
    bx, by = points[two, 0] - points[node, 0], points[two, 1] - points[node, 1]
    low_a, low_b = ay < 0 or (ay == 0 and ax < 0), by < 0 or (by == 0 and bx < 0)
    if low_a != low_b:
        return low_b
    return ax * by - ay * bx > 0


@compiled
def _prune(ends, alive, count):  # type: ignore[no-untyped-def]
    """Drop the edges that end in nothing, one after the other."""
    degree = np.zeros(count, np.int64)
    # The exclusive or of the edges at a node is the last one left.
    left = np.zeros(count, np.int64)
    for e in range(len(ends)):
        if alive[e]:
            for k in range(2):
                degree[ends[e, k]] += 1
                left[ends[e, k]] ^= e
    for first in range(count):
        node = first
        while degree[node] == 1:
            e = left[node]
            alive[e] = False
            other = ends[e, 0] if ends[e, 1] == node else ends[e, 1]
            degree[node] = 0
            degree[other] -= 1
            left[other] ^= e
            node = other


@compiled
def _rings(points, ends, alive):  # type: ignore[no-untyped-def]
    """Next half-edge of each (2 e runs as edge e, 2 e + 1 against it) around the face on its left, and its ring."""
    halves = 2 * len(ends)
    start = np.zeros(len(points) + 1, np.int64)
    for e in range(len(ends)):
        if alive[e]:
            start[ends[e, 0] + 1] += 1
            start[ends[e, 1] + 1] += 1
    for node in range(len(points)):
        start[node + 1] += start[node]
    out = np.empty(start[-1], np.int64)
    fill = start[:-1].copy()
    for h in range(halves):
        if not alive[h // 2]:
            continue
        node, goal = ends[h // 2, h % 2], ends[h // 2, 1 - h % 2]
        at = fill[node]
        while at > start[node] and _before(points, node, goal, ends[out[at - 1] // 2, 1 - out[at - 1] % 2]):
            out[at] = out[at - 1]
            at -= 1
        out[at] = h
        fill[node] += 1
    follow = np.full(halves, -1, np.int64)
    for node in range(len(points)):
        first, last = start[node], start[node + 1]
        for k in range(first, last):
            # Who comes in along out[k] goes on by the next way to the right.
            follow[out[k] ^ 1] = out[k - 1 if k > first else last - 1]
    ring = np.full(halves, -1, np.int64)
    rings = 0
    for h in range(halves):
        if alive[h // 2] and ring[h] < 0:
            step = h
            while ring[step] < 0:
                ring[step] = rings
                step = follow[step]
            rings += 1
    return follow, ring, rings


@compiled
def _loops(points, ends, follow, ring, rings):  # type: ignore[no-untyped-def]
    """Rings taken apart where they meet themselves: nodes of each loop, its start, its ring and twice its area."""
    halves = len(ring)
    nodes, start = np.empty(halves, np.int64), np.empty(halves + 1, np.int64)
    of_ring, twice = np.empty(halves, np.int64), np.empty(halves, np.int64)
    path, place = np.empty(halves + 1, np.int64), np.full(len(points), -1, np.int64)
    seen = np.zeros(rings, np.bool_)
    held, loops = 0, 0
    for h in range(halves):
        if ring[h] < 0 or seen[ring[h]]:
            continue
        seen[ring[h]] = True
        path[0] = ends[h // 2, h % 2]
        place[path[0]] = 0
        length, step = 1, h
        while True:
            node = ends[step // 2, 1 - step % 2]
            if place[node] >= 0:  # a loop is closed
                first = place[node]
                start[loops], of_ring[loops] = held, ring[h]
                area = 0
                bx, by = points[node]
                for k in range(first, length):
                    nodes[held] = path[k]
                    held += 1
                    nxt = path[k + 1] if k + 1 < length else node
                    area += (points[path[k], 0] - bx) * (points[nxt, 1] - by)
                    area -= (points[nxt, 0] - bx) * (points[path[k], 1] - by)
                    if k > first:
                        place[path[k]] = -1
                twice[loops] = area
                loops += 1
                length = first + 1
            else:
                place[node] = length
                path[length] = node
                length += 1
            step = follow[step]
            if step == h:
                break
        place[path[0]] = -1
    start[loops] = held
    return nodes[:held], start[: loops + 1], of_ring[:loops], twice[:loops]


@compiled
def _around(points, ends, alive, piece, ring, first):  # type: ignore[no-untyped-def]
    """Ring on whose left each piece of the lines lies, -1 for none: that of the edge left of its lowest node."""
    count = len(first)
    if count == 0:
        return np.full(0, -1, np.int64)
    low, high = points[:, 1].min(), points[:, 1].max()
    strips = max(1, min(4096, len(ends) // 8))
    tall = (high - low) // strips + 1
    start = np.zeros(strips + 1, np.int64)
    for turn in range(2):
        if turn == 1:
            for s in range(strips):
                start[s + 1] += start[s]
            held = np.empty(start[-1], np.int64)
            fill = start[:-1].copy()
        for e in range(len(ends)):
            if not alive[e]:
                continue
            one, two = points[ends[e, 0], 1], points[ends[e, 1], 1]
            for s in range((min(one, two) - low) // tall, (max(one, two) - low) // tall + 1):
                if turn == 0:
                    start[s + 1] += 1
                else:
                    held[fill[s]] = e
                    fill[s] += 1
    found = np.full(count, -1, np.int64)
    for p in range(count):
        x, y = points[first[p]]
        best, best_slope = -np.inf, 0.0
        s = (y - low) // tall
        for k in range(start[s], start[s + 1]):
            e = held[k]
            u, v = ends[e]
            if piece[u] == p or points[u, 1] == points[v, 1]:
                continue
            half = 2 * e + 1  # down: the ground to the right of the edge is on its left
            if points[u, 1] > points[v, 1]:
                u, v = v, u
                half = 2 * e
            if not points[u, 1] <= y < points[v, 1]:
                continue
            slope = (points[v, 0] - points[u, 0]) / (points[v, 1] - points[u, 1])
            at = points[u, 0] + (y - points[u, 1]) * slope
            if at < x and (at > best or (at == best and slope > best_slope)):
                best, best_slope = at, slope
                found[p] = ring[half]
    return found


@compiled
def faces_between(points, ends):  # type: ignore[no-untyped-def]
    """Faces that edges between points enclose; lines that part nothing are left out.

    `points` are whole millimetres in order of x and y, `ends` the two points of each edge. Given back: the nodes of
    each loop around a face, as GEOS normalizes rings, where each loop starts, its face, whether it is the outer
    one; and the face left and right of each edge, -1 for none.
    """
    alive = np.ones(len(ends), np.bool_)
    _prune(ends, alive, len(points))
    follow, ring, rings = _rings(points, ends, alive)
    for e in range(len(ends)):
        if alive[e] and ring[2 * e] == ring[2 * e + 1]:
            alive[e] = False
    _prune(ends, alive, len(points))
    follow, ring, rings = _rings(points, ends, alive)
    nodes, start, of_ring, twice = _loops(points, ends, follow, ring, rings)
    # A ring that goes left about its ground is a face; any other one is the border of holes.
    face = np.full(rings, -1, np.int64)
    faces = 0
    outer = np.zeros(rings, np.bool_)
    for k in range(len(of_ring)):
        if twice[k] > 0:
            outer[of_ring[k]] = True
    for r in range(rings):
        if outer[r]:
            face[r] = faces
            faces += 1
    used = ends[alive]
    piece = pieces(used[:, 0], used[:, 1], len(points))
    first = np.full(len(points), -1, np.int64)
    for node in range(len(points)):
        if first[piece[node]] < 0:
            first[piece[node]] = node
    count = int(piece.max()) + 1 if len(points) else 0
    around = _around(points, ends, alive, piece, ring, first[:count])
    # A ring of holes lies in the face around its piece of the lines; what is around may itself be a hole's border.
    own = np.full(count, -1, np.int64)
    border = np.full(rings, -1, np.int64)
    for h in range(len(ring)):
        if ring[h] >= 0 and not outer[ring[h]]:
            border[ring[h]] = piece[ends[h // 2, 0]]
    for r in range(rings):
        if border[r] < 0:
            continue
        p = border[r]
        while p >= 0:
            up = around[p]
            if up < 0:
                break
            if outer[up]:
                own[border[r]] = face[up]
                break
            p = border[up]
        face[r] = own[border[r]]
    loop_face = np.empty(len(of_ring), np.int64)
    for k in range(len(of_ring)):
        loop_face[k] = face[of_ring[k]]
        low = start[k]
        for i in range(start[k], start[k + 1]):
            if nodes[i] < nodes[low]:
                low = i
        count = start[k + 1] - start[k]
        turned = nodes[start[k] : start[k + 1]].copy()
        for i in range(count):
            nodes[start[k] + i] = turned[(low - start[k] - i) % count]
    sides = np.full((len(ends), 2), -1, np.int64)
    for e in range(len(ends)):
        if alive[e]:
            sides[e, 0], sides[e, 1] = face[ring[2 * e]], face[ring[2 * e + 1]]
    return nodes, start, loop_face, twice > 0, sides, faces
