"""Snap rounding, compiled by numba: segments in whole millimetres cut where they meet.

Every end of a segment and every crossing of two is the middle of a hot pixel, a square of one millimetre; a segment
that passes through a hot pixel gets a vertex there (Hobby 1999, *Segment intersection with output-sensitive bit
complexity*). Sides are told in whole numbers, so nothing depends on rounding but the pixel of a crossing.
"""
# Loops over segments and buckets are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["bucket_segments", "crossings", "snapped"]


@compiled
def _columns(seg, row, size, wide):  # type: ignore[no-untyped-def]
    """First and last bucket of a row that a segment comes within a millimetre of; first after last for none."""
    x0, y0, x1, y1 = seg
    low, high = min(x0, x1), max(x0, x1)
    if y0 != y1:
        slope = (x1 - x0) / (y1 - y0)
        first = x0 + (max(min(y0, y1), row * size - 2) - y0) * slope
        last = x0 + (min(max(y0, y1), (row + 1) * size + 2) - y0) * slope
        low, high = max(float(low), min(first, last)), min(float(high), max(first, last))
    return max(int((low - 2) // size), 0), min(int((high + 2) // size), wide - 1)


@compiled
def bucket_segments(segments, size, wide, tall):  # type: ignore[no-untyped-def]
    """Segments near each square bucket, as compressed rows."""
    start = np.zeros(wide * tall + 1, np.int64)
    for turn in range(2):
        if turn == 1:
            for cell in range(wide * tall):
                start[cell + 1] += start[cell]
            held = np.empty(start[-1], np.int64)
            place = start[:-1].copy()
        for i in range(len(segments)):
            seg = segments[i]
            low = max((min(seg[1], seg[3]) - 2) // size, 0)
            high = min((max(seg[1], seg[3]) + 2) // size, tall - 1)
            for row in range(low, high + 1):
                first, last = _columns((seg[0], seg[1], seg[2], seg[3]), row, size, wide)
                for column in range(first, last + 1):
                    cell = row * wide + column
                    if turn == 0:
                        start[cell + 1] += 1
                    else:
                        held[place[cell]] = i
                        place[cell] += 1
    return start, held


@compiled
def _side(ax, ay, bx, by, px, py):  # type: ignore[no-untyped-def]
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@compiled
def crossings(segments, start, held):  # type: ignore[no-untyped-def]
    """Points, rounded to whole millimetres, where two segments cross; a point may come more than once."""
    found = np.empty((1024, 2), np.int64)
    count = 0
    for cell in range(len(start) - 1):
        for i in range(start[cell], start[cell + 1]):
            ax, ay, bx, by = segments[held[i]]
            for j in range(i + 1, start[cell + 1]):
                cx, cy, dx, dy = segments[held[j]]
                if max(ax, bx) < min(cx, dx) or max(cx, dx) < min(ax, bx):
                    continue
                if max(ay, by) < min(cy, dy) or max(cy, dy) < min(ay, by):
                    continue
                one, two = _side(ax, ay, bx, by, cx, cy), _side(ax, ay, bx, by, dx, dy)
                if (one >= 0 and two >= 0) or (one <= 0 and two <= 0):
                    continue
                one, two = _side(cx, cy, dx, dy, ax, ay), _side(cx, cy, dx, dy, bx, by)
                if (one >= 0 and two >= 0) or (one <= 0 and two <= 0):
                    continue
                share = one / (one - two)
                if count == len(found):
                    found = np.concatenate((found, np.empty_like(found)))
                found[count, 0] = int(np.floor(ax + share * (bx - ax) + 0.5))
                found[count, 1] = int(np.floor(ay + share * (by - ay) + 0.5))
                count += 1
    return found[:count]


@compiled
def _through(ax, ay, bx, by, x, y):  # type: ignore[no-untyped-def]
    """Whether a segment meets the pixel around a point; its left and lower sides belong to it, the others do not.

    All in half millimetres: the corners of pixels are whole numbers too.
    """
    ax, ay, bx, by, x, y = 2 * ax, 2 * ay, 2 * bx, 2 * by, 2 * x, 2 * y
    if ax > bx:
        ax, ay, bx, by = bx, by, ax, ay
    if ax >= x + 1 or bx < x - 1 or min(ay, by) >= y + 1 or max(ay, by) < y - 1:
        return False
    if ax == bx or ay == by:
        return True
    up = by > ay
    upper_left = _side(ax, ay, bx, by, x - 1, y + 1)
    upper_right = _side(ax, ay, bx, by, x + 1, y + 1)
    lower_left = _side(ax, ay, bx, by, x - 1, y - 1)
    lower_right = _side(ax, ay, bx, by, x + 1, y - 1)
    if up:  # from the lower left: the upper left and the lower right corner are the outermost, and not of the pixel
        return upper_left > 0 and lower_right < 0
    # Downward the lower left corner is the pixel's, the upper right one is not.
    return lower_left <= 0 and upper_right > 0


@compiled
def snapped(segments, size, wide, pixels, begin, order):  # type: ignore[no-untyped-def]
    """Pairs of pixels that segments join after each has been drawn from pixel to pixel.

    `pixels` are the middles of hot pixels; `order` lists them by bucket, `begin` says where each bucket starts. A pair
    may come more than once, the lower pixel first.
    """
    tall = (len(begin) - 1) // wide
    pairs = np.empty((4 * len(segments) + 16, 2), np.int64)
    count = 0
    on, along = np.empty(64, np.int64), np.empty(64, np.int64)
    for i in range(len(segments)):
        ax, ay, bx, by = segments[i]
        hits = 0
        for row in range(max((min(ay, by) - 2) // size, 0), min((max(ay, by) + 2) // size, tall - 1) + 1):
            first, last = _columns((ax, ay, bx, by), row, size, wide)
            for k in range(begin[row * wide + first], begin[row * wide + last + 1] if last >= first else 0):
                p = order[k]
                x, y = pixels[p]
                if not _through(ax, ay, bx, by, x, y):
                    continue
                if hits == len(on):
                    on = np.concatenate((on, np.empty_like(on)))
                    along = np.concatenate((along, np.empty_like(along)))
                far = (x - ax) * (bx - ax) + (y - ay) * (by - ay)
                at = hits
                while at > 0 and (along[at - 1] > far or (along[at - 1] == far and on[at - 1] > p)):
                    on[at], along[at] = on[at - 1], along[at - 1]
                    at -= 1
                on[at], along[at] = p, far
                hits += 1
        if count + hits > len(pairs):
            pairs = np.concatenate((pairs, np.empty((len(pairs) + hits, 2), np.int64)))
        for k in range(1, hits):
            pairs[count, 0], pairs[count, 1] = min(on[k - 1], on[k]), max(on[k - 1], on[k])
            count += 1
    return pairs[:count]
