"""Which line runs beside a point, compiled by numba."""
# Loops over points and steps are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["strongest_beside"]


@compiled
def strongest_beside(points, steps, strength, reach):  # type: ignore[no-untyped-def]
    """Greatest strength of the straight steps, (n, 4), within `reach` of each point; 0 where there is none."""
    found = np.zeros(len(points))
    west, south = points[:, 0].min() - reach, points[:, 1].min() - reach
    east, north = points[:, 0].max() + reach, points[:, 1].max() + reach
    # Squares of a size that holds about two points each; a step is listed in every square that it may come near.
    size = max(np.sqrt((east - west) * (north - south) / max(len(points) / 2.0, 1.0)), 100.0 * reach)
    wide, tall = int((east - west) / size) + 1, int((north - south) / size) + 1
    start = np.zeros(wide * tall + 1, np.int64)
    for turn in range(2):
        if turn == 1:
            for cell in range(wide * tall):
                start[cell + 1] += start[cell]
            held = np.empty(start[-1], np.int64)
            place = start[:-1].copy()
        for i in range(len(steps)):
            x0, y0, x1, y1 = steps[i]
            bottom, top = min(y0, y1) - reach, max(y0, y1) + reach
            if bottom > north or top < south or min(x0, x1) - reach > east or max(x0, x1) + reach < west:
                continue
            for row in range(max(int((bottom - south) / size), 0), min(int((top - south) / size), tall - 1) + 1):
                left, right = min(x0, x1), max(x0, x1)
                if abs(y1 - y0) > reach:
                    # Where the step is while it passes the row, with room to spare.
                    slope = (x1 - x0) / (y1 - y0)
                    one = x0 + (south + row * size - 2.0 * reach - y0) * slope
                    two = x0 + (south + (row + 1) * size + 2.0 * reach - y0) * slope
                    left, right = max(left, min(one, two)), min(right, max(one, two))
                first = max(int(np.floor((left - 2.0 * reach - west) / size)), 0)
                last = min(int(np.floor((right + 2.0 * reach - west) / size)), wide - 1)
                for column in range(first, last + 1):
                    cell = row * wide + column
                    if turn == 0:
                        start[cell + 1] += 1
                    else:
                        held[place[cell]] = i
                        place[cell] += 1
    for p in range(len(points)):
        x, y = points[p]
        cell = int((y - south) / size) * wide + int((x - west) / size)
        for k in range(start[cell], start[cell + 1]):
            i = held[k]
            if strength[i] <= found[p]:
                continue
            x0, y0, x1, y1 = steps[i]
            dx, dy = x1 - x0, y1 - y0
            along = dx * dx + dy * dy
            share = 0.0 if along == 0.0 else min(max(((x - x0) * dx + (y - y0) * dy) / along, 0.0), 1.0)
            gap_x, gap_y = x - x0 - share * dx, y - y0 - share * dy
            if gap_x * gap_x + gap_y * gap_y <= reach * reach:
                found[p] = strength[i]
    return found
