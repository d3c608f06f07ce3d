"""The nearest piece of street to each place, and the first barrier on a way, compiled by numba.

Straight pieces lie in square cells, each in every cell that it touches; a place asks the cells around it, ring by
ring, until no nearer piece can lie farther out. The answers are those of asking every piece.
"""
# Loops over pieces and cells are the point of this file: numba compiles them.

from __future__ import annotations

import math

import numpy as np

from gridmap.compiling import compiled

__all__ = ["fill_cells", "first_crossed", "free_place", "nearest_pieces"]

#: Distances that differ by less are equal: what is left after rounding, in coordinates of 4000 km.
_TIE_M = 1e-8


@compiled
def _span(start, end, low, side, column):  # type: ignore[no-untyped-def]
    """Lowest and highest y of a piece within one column of cells, a millimetre more on either side."""
    left = low[0] + column * side - 1e-3
    right = left + side + 2e-3
    x0, y0, x1, y1 = start[0], start[1], end[0], end[1]
    if x0 > x1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    if x1 - x0 > 1e-9:
        rise = (y1 - y0) / (x1 - x0)
        if x0 < left:
            x0, y0 = left, y0 + (left - x0) * rise
        if x1 > right:
            x1, y1 = right, y0 + (right - x0) * rise
    return min(y0, y1) - 1e-3, max(y0, y1) + 1e-3


@compiled
def fill_cells(start, end, low, side, columns, rows):  # type: ignore[no-untyped-def]
    """The pieces of every cell: where each cell's begin, and their numbers."""
    begins = np.zeros(columns * rows + 1, dtype=np.int64)
    numbers = np.empty(0, dtype=np.int32)
    for turn in range(2):  # first counted, then filled
        for piece in range(len(start)):
            x0, x1 = min(start[piece, 0], end[piece, 0]), max(start[piece, 0], end[piece, 0])
            first = min(max(int((x0 - 1e-3 - low[0]) / side), 0), columns - 1)
            last = min(max(int((x1 + 1e-3 - low[0]) / side), 0), columns - 1)
            for column in range(first, last + 1):
                y0, y1 = _span(start[piece], end[piece], low, side, column)
                bottom = min(max(int((y0 - low[1]) / side), 0), rows - 1)
                top = min(max(int((y1 - low[1]) / side), 0), rows - 1)
                for row in range(bottom, top + 1):
                    cell = row * columns + column
                    if turn == 0:
                        begins[cell + 1] += 1
                    else:
                        numbers[begins[cell]] = piece
                        begins[cell] += 1
        if turn == 0:
            for cell in range(columns * rows):
                begins[cell + 1] += begins[cell]
            numbers = np.empty(begins[-1], dtype=np.int32)
    for cell in range(columns * rows, 0, -1):
        begins[cell] = begins[cell - 1]
    begins[0] = 0
    return begins, numbers


@compiled
def _foot(x, y, ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """The nearest point of a piece; at either end the very vertex."""
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    t = ((x - ax) * dx + (y - ay) * dy) / square if square > 0 else 0.0
    if t <= 0.0:
        return ax, ay
    if t >= 1.0:
        return bx, by
    return ax + t * dx, ay + t * dy


@compiled
def _sooner(away, aloft, fx, fy, piece, best, best_aloft, bx, by, found):  # type: ignore[no-untyped-def]
    """Whether a piece goes before the best so far among those equally near: street level, then west, then south."""
    if found < 0 or away < best - _TIE_M:
        return True
    if away > best + _TIE_M:
        return False
    if aloft != best_aloft:
        return aloft < best_aloft
    if abs(fx - bx) > 1e-6:
        return fx < bx
    if abs(fy - by) > 1e-6:
        return fy < by
    return piece < found


@compiled
def _rings(x, y, low, side, columns, rows):  # type: ignore[no-untyped-def]
    """Cell of a place, the first ring around it that meets the cells at all, and the last."""
    i, j = math.floor((x - low[0]) / side), math.floor((y - low[1]) / side)
    begin = max(0, i - (columns - 1), -i, j - (rows - 1), -j)
    last = max(i, columns - 1 - i, j, rows - 1 - j)
    return i, j, begin, last


@compiled
def nearest_pieces(xy, start, end, aloft, usable, low, side, columns, rows, begins, numbers, out, out_m):  # type: ignore[no-untyped-def]
    """Number of the nearest usable piece to each place and metres to it, into `out` and `out_m`; -1 without any."""
    for place in range(len(xy)):
        x, y = xy[place, 0], xy[place, 1]
        i, j, ring, last = _rings(x, y, low, side, columns, rows)
        # twice over the same rings: the smallest distance, then the piece that counts among those equally near
        shortest = np.inf
        begin = ring
        while ring <= last:
            # nothing in this ring or beyond lies nearer than the edge of the square of rings before it
            inner = (ring - 1) * side + min(
                x - low[0] - i * side, low[0] + (i + 1) * side - x, y - low[1] - j * side, low[1] + (j + 1) * side - y
            )
            if ring > 0 and shortest < inner - 1e-6:
                break
            for row in range(max(j - ring, 0), min(j + ring, rows - 1) + 1):
                step = 1 if row == j - ring or row == j + ring else 2 * ring
                one, other = i - ring, i + ring
                if step == 1:
                    one, other = max(one, 0), min(other, columns - 1)
                for column in range(one, other + 1, step):
                    if column < 0 or column >= columns:
                        continue
                    cell = row * columns + column
                    for at in range(begins[cell], begins[cell + 1]):
                        piece = numbers[at]
                        if usable[piece]:
                            fx, fy = _foot(
                                x, y, start[piece, 0], start[piece, 1], end[piece, 0], end[piece, 1]
                            )
                            away = math.hypot(fx - x, fy - y)
                            if away < shortest:
                                shortest = away
            ring += 1
        found, bx, by, best_aloft = -1, 0.0, 0.0, 0.0
        for around in range(begin, ring):
            if shortest == np.inf:
                break
            for row in range(max(j - around, 0), min(j + around, rows - 1) + 1):
                step = 1 if row == j - around or row == j + around else 2 * around
                one, other = i - around, i + around
                if step == 1:
                    one, other = max(one, 0), min(other, columns - 1)
                for column in range(one, other + 1, step):
                    if column < 0 or column >= columns:
                        continue
                    cell = row * columns + column
                    for at in range(begins[cell], begins[cell + 1]):
                        piece = numbers[at]
                        if usable[piece]:
                            fx, fy = _foot(
                                x, y, start[piece, 0], start[piece, 1], end[piece, 0], end[piece, 1]
                            )
                            away = math.hypot(fx - x, fy - y)
                            if away <= shortest + _TIE_M and (found < 0 or _sooner(
                                shortest, aloft[piece], fx, fy, piece, shortest, best_aloft, bx, by, found
                            )):
                                found, bx, by, best_aloft = piece, fx, fy, aloft[piece]
                                out_m[place] = away
        out[place] = found


@compiled
def _crosses(px, py, qx, qy, ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """How far along p-q (0 to 1) it meets a-b; infinity where it does not."""
    dx, dy, ex, ey = qx - px, qy - py, bx - ax, by - ay
    cross = dx * ey - dy * ex
    if cross == 0.0:
        return np.inf
    t = ((ax - px) * ey - (ay - py) * ex) / cross
    u = ((ax - px) * dy - (ay - py) * dx) / cross
    if t < 0.0 or t > 1.0 or u < 0.0 or u > 1.0:
        return np.inf
    return t


@compiled
def _first_on(px, py, qx, qy, skip, start, end, low, side, columns, rows, begins, numbers):  # type: ignore[no-untyped-def]
    """The piece that a way from p to q meets first, -1 for none; pieces numbered in `skip` are passed."""
    left, right = min(px, qx), max(px, qx)
    bottom, top = min(py, qy), max(py, qy)
    if right < low[0] or top < low[1] or left > low[0] + columns * side or bottom > low[1] + rows * side:
        return -1
    first = min(max(int((left - low[0]) / side), 0), columns - 1)
    last = min(max(int((right - low[0]) / side), 0), columns - 1)
    lowest = min(max(int((bottom - low[1]) / side), 0), rows - 1)
    highest = min(max(int((top - low[1]) / side), 0), rows - 1)
    found, soonest = -1, np.inf
    for row in range(lowest, highest + 1):
        for column in range(first, last + 1):
            cell = row * columns + column
            for at in range(begins[cell], begins[cell + 1]):
                piece = numbers[at]
                passed = False
                for other in skip:
                    if other == piece:
                        passed = True
                if passed:
                    continue
                t = _crosses(
                    px, py, qx, qy, start[piece, 0], start[piece, 1], end[piece, 0], end[piece, 1]
                )
                if t < soonest or (t == soonest and t < np.inf and piece < found):
                    found, soonest = piece, t
    return found


@compiled
def first_crossed(xy, foot, spare_m, skip_begins, skip, start, end, low, side, columns, rows, begins, numbers):  # type: ignore[no-untyped-def]
    """The barrier that each way from `xy` to `foot` meets first, its last `spare_m` metres left out; -1 for none."""
    out = np.full(len(xy), -1, dtype=np.int64)
    for way in range(len(xy)):
        px, py, qx, qy = xy[way, 0], xy[way, 1], foot[way, 0], foot[way, 1]
        length = math.hypot(qx - px, qy - py)
        if length <= spare_m:
            continue
        share = 1.0 - spare_m / length
        out[way] = _first_on(
            px, py, px + (qx - px) * share, py + (qy - py) * share, skip[skip_begins[way]:skip_begins[way + 1]],
            start, end, low, side, columns, rows, begins, numbers,
        )
    return out


@compiled
def free_place(  # type: ignore[no-untyped-def]
    xy, start, end, aloft, usable, low, side, columns, rows, begins, numbers, within_m, step_m, spare_m,
    skip_begins, skip, wall_start, wall_end, wall_low, wall_side, wall_columns, wall_rows, wall_begins, wall_numbers,
):
    """The nearest point of a usable piece to which no barrier bars the straight way, for each place.

    On each piece its nearest point and every `step_m` metres are tried. Piece (-1 where there is none within
    `within_m`) and the point.
    """
    out = np.full(len(xy), -1, dtype=np.int64)
    point = np.full((len(xy), 2), np.nan)
    for place in range(len(xy)):
        x, y = xy[place, 0], xy[place, 1]
        i, j, ring, last = _rings(x, y, low, side, columns, rows)
        best, found, bx, by, best_aloft = within_m, -1, 0.0, 0.0, 0.0
        while ring <= last:
            inner = (ring - 1) * side + min(
                x - low[0] - i * side, low[0] + (i + 1) * side - x, y - low[1] - j * side, low[1] + (j + 1) * side - y
            )
            if ring > 0 and best < inner - 1e-6:
                break
            for row in range(max(j - ring, 0), min(j + ring, rows - 1) + 1):
                step = 1 if row == j - ring or row == j + ring else 2 * ring
                one, other = i - ring, i + ring
                if step == 1:
                    one, other = max(one, 0), min(other, columns - 1)
                for column in range(one, other + 1, step):
                    if column < 0 or column >= columns:
                        continue
                    cell = row * columns + column
                    for at in range(begins[cell], begins[cell + 1]):
                        piece = numbers[at]
                        if not usable[piece]:
                            continue
                        ax, ay, ex, ey = start[piece, 0], start[piece, 1], end[piece, 0], end[piece, 1]
                        fx, fy = _foot(x, y, ax, ay, ex, ey)
                        if math.hypot(fx - x, fy - y) > best + _TIE_M:
                            continue
                        length = math.hypot(ex - ax, ey - ay)
                        tries = int(length / step_m) + 1
                        for k in range(-1, tries + 1):
                            if k >= 0:
                                share = k / tries
                                fx, fy = ax + (ex - ax) * share, ay + (ey - ay) * share
                            away = math.hypot(fx - x, fy - y)
                            if away > within_m or not _sooner(
                                away, aloft[piece], fx, fy, piece, best, best_aloft, bx, by, found
                            ):
                                continue
                            share = 1.0 - spare_m / away if away > spare_m else 0.0
                            if _first_on(
                                x, y, x + (fx - x) * share, y + (fy - y) * share,
                                skip[skip_begins[place]:skip_begins[place + 1]], wall_start, wall_end, wall_low,
                                wall_side, wall_columns, wall_rows, wall_begins, wall_numbers,
                            ) < 0:
                                best, found, bx, by, best_aloft = away, piece, fx, fy, aloft[piece]
            ring += 1
        if found >= 0:
            out[place], point[place, 0], point[place, 1] = found, bx, by
    return out, point
