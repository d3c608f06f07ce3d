"""Common boundaries: which faces meet, over how many metres, and along what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gridmap.micro_grids.kernels.beside import strongest_beside
from gridmap.micro_grids.kernels.pieces import pieces

__all__ = ["Edges", "face_edges"]

#: A boundary segment belongs to a line that it follows within this distance, metres (noding moves by a millimetre).
ON_LINE_M = 0.02


@dataclass
class Edges:
    """Segments between faces, on the millimetre grid.

    `left` and `right` are positions of faces (`right` is -1 on the outer boundary); `length` in metres; `middle` the
    midpoints; `start` and `end` their ends in whole millimetres, (n, 2). `overused` counts segments that more than two
    faces claim: 0 in an exact tiling.
    """

    left: np.ndarray
    right: np.ndarray
    length: np.ndarray
    middle: np.ndarray
    start: np.ndarray
    end: np.ndarray
    overused: int
    faces: int

    @property
    def inner(self) -> np.ndarray:
        """True for segments between two faces."""
        return self.right >= 0

    def components(self, key: np.ndarray, shut: np.ndarray | None = None) -> np.ndarray:
        """Number of the connected piece of each face: faces of equal key are joined, but not over a shut segment."""
        keep = self.inner & (key[self.left] == key[self.right])
        if shut is not None:
            keep &= ~shut
        return pieces(self.left[keep], self.right[keep], self.faces)

    def absorb(
        self,
        piece: np.ndarray,
        stray: np.ndarray,
        block: np.ndarray,
        *,
        within: np.ndarray | None = None,
        shut: np.ndarray | None = None,
    ) -> np.ndarray:
        """Pieces after each stray one has joined the neighbour with which it shares most boundary.

        A neighbour within the same block comes first; strays in a chain join one after the other. `within` has one
        entry a piece: only pieces of equal entry join; nothing joins over segments that are `shut`.
        """
        piece = piece.copy()
        usable = self.inner if shut is None else self.inner & ~shut
        for _ in range(20):
            is_stray = stray[piece]
            if not is_stray.any():
                break
            a = np.concatenate([self.left[usable], self.right[usable]])
            b = np.concatenate([self.right[usable], self.left[usable]])
            length = np.concatenate([self.length[usable]] * 2)
            keep = is_stray[a] & (piece[a] != piece[b]) & ~is_stray[b]
            if within is not None:
                keep &= within[piece[a]] == within[piece[b]]
            if not keep.any():
                break
            a, b, length = a[keep], b[keep], length[keep]
            score = length * np.where(block[a] == block[b], 1000.0, 1.0)
            pair, first = np.unique(np.column_stack([piece[a], piece[b]]), axis=0, return_inverse=True)
            total = np.bincount(first.ravel(), weights=score)
            order = np.lexsort((-pair[:, 1], np.round(total, 6)))
            target = np.arange(len(stray))
            target[pair[order, 0]] = pair[order, 1]
            piece = target[piece]
        return piece

    def between(self, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Segments whose two faces are in different groups: the two groups (lower first) and the segment positions."""
        where = np.flatnonzero(self.inner)
        a, b = group[self.left[where]], group[self.right[where]]
        differ = a != b
        return np.minimum(a, b)[differ], np.maximum(a, b)[differ], where[differ]

    def strengths(self, segments: np.ndarray, lines: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Strength of the strongest line that each of the segments follows; 0 where it follows none."""
        if not len(lines) or not len(segments):
            return np.zeros(len(segments))
        parts, line = shapely.get_parts(lines, return_index=True)
        corners, part = shapely.get_coordinates(parts, return_index=True)
        same = part[1:] == part[:-1]
        steps = np.hstack([corners[:-1][same], corners[1:][same]])
        return np.asarray(strongest_beside(self.middle[segments], steps, strength[line[part[:-1][same]]], ON_LINE_M))


def face_edges(faces: np.ndarray) -> Edges:
    """The segments of faces, each once, with the faces on its two sides.

    Parameters
    ----------
    faces
        Polygons of a noded tiling; coordinates are compared in whole millimetres.

    Examples
    --------
    >>> edges = face_edges(np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)]))
    >>> int(edges.inner.sum()), float(edges.length[edges.inner].sum()), edges.overused
    (1, 1.0, 0)
    """
    rings, owner = shapely.get_rings(faces, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    grid = np.round(points * 1000.0).astype(np.int64)
    same = ring[1:] == ring[:-1]
    start, end = grid[:-1][same], grid[1:][same]
    face = owner[ring[:-1][same]]
    moved = (start != end).any(axis=1)
    start, end, face = start[moved], end[moved], face[moved]
    flip = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    low = np.where(flip[:, None], end, start)
    high = np.where(flip[:, None], start, end)
    order = np.lexsort((face, high[:, 1], high[:, 0], low[:, 1], low[:, 0]))
    low, high, face = low[order], high[order], face[order]
    new = np.r_[True, ((low[1:] != low[:-1]) | (high[1:] != high[:-1])).any(axis=1)]
    first = np.flatnonzero(new)
    uses = np.diff(np.r_[first, len(face)])
    right = np.full(len(first), -1, dtype=np.int64)
    twice = uses >= 2
    right[twice] = face[first[twice] + 1]
    delta = (high[first] - low[first]) / 1000.0
    return Edges(
        left=face[first].astype(np.int64),
        right=right,
        length=np.hypot(delta[:, 0], delta[:, 1]),
        middle=(low[first] + high[first]) / 2000.0,
        start=low[first],
        end=high[first],
        overused=int((uses > 2).sum()),
        faces=len(faces),
    )
