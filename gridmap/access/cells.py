"""Straight pieces of street or wall in square cells, so that what is near a place is found without asking all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridmap.access.kernels import fill_cells, first_crossed, free_place, nearest_pieces

__all__ = ["SPARE_M", "Cells"]

#: The last bit of an access leg is not asked for barriers: a wall drawn on the very line of a street bars no door.
SPARE_M = 0.3

#: On a piece of street of which a barrier hides the nearest point, further points are tried at this distance.
_STEP_M = 5.0

#: Never more cells than this, however far apart the pieces lie.
_MOST = 16_000_000

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Pieces from `start` to `end`, (n, 2) each, in cells of `side` metres from the corner `low` on."""

    start: Floats
    end: Floats
    low: Floats
    side: float
    columns: int
    rows: int
    begins: NDArray[np.int64]
    numbers: NDArray[np.int32]

    @classmethod
    def of(cls, start: Floats, end: Floats) -> Cells:
        """Pieces put into cells about as large as there is room between pieces.

        Examples
        --------
        >>> street = Cells.of(np.array([[0.0, 0.0]]), np.array([[100.0, 0.0]]))
        >>> street.nearest(np.array([[50.0, 3.0]]))
        (array([0]), array([3.]))
        """
        start, end = np.ascontiguousarray(start, dtype=np.float64), np.ascontiguousarray(end, dtype=np.float64)
        if not len(start):
            return cls(
                start=start.reshape(0, 2), end=end.reshape(0, 2), low=np.zeros(2), side=1.0, columns=1, rows=1,
                begins=np.zeros(2, dtype=np.int64), numbers=np.empty(0, dtype=np.int32),
            )  # fmt: skip
        low = np.minimum(start.min(axis=0), end.min(axis=0)) - 1.0
        width, height = np.maximum(start.max(axis=0), end.max(axis=0)) + 1.0 - low
        side = max(math.sqrt(width * height / len(start)), math.sqrt(width * height / _MOST), width / _MOST,
                   height / _MOST, 10.0)
        columns, rows = int(width / side) + 1, int(height / side) + 1
        begins, numbers = fill_cells(start, end, low, side, columns, rows)
        return cls(
            start=start, end=end, low=low, side=side, columns=columns, rows=rows, begins=begins, numbers=numbers
        )

    def __len__(self) -> int:
        return len(self.start)

    @property
    def _cells(self) -> tuple[Any, ...]:
        return self.low, self.side, self.columns, self.rows, self.begins, self.numbers

    def nearest(
        self, xy: Floats, *, aloft: Floats | None = None, usable: NDArray[np.bool_] | None = None
    ) -> tuple[Ints, Floats]:
        """Number of the nearest usable piece to each place, and metres; -1 and infinity where there is none.

        Of pieces equally near the one with the smallest `aloft` counts, then the point farther west, then south.
        """
        found, away = np.full(len(xy), -1, dtype=np.intp), np.full(len(xy), np.inf)
        if len(self) and len(xy):
            aloft = np.zeros(len(self)) if aloft is None else aloft
            usable = np.ones(len(self), dtype=np.bool_) if usable is None else usable
            nearest_pieces(
                np.ascontiguousarray(xy), self.start, self.end, aloft, usable, *self._cells, found, away
            )
        return found, away

    def first_crossed(self, xy: Floats, foot: Floats, skip: tuple[Ints, Ints] | None = None) -> Ints:
        """Number of the piece that the straight way from each place to each foot meets first; -1 where it is free.

        `skip` lists pieces that do not count, place by place: where each place's begin, and their numbers. The last
        `SPARE_M` of a way are not asked.
        """
        if not len(self) or not len(xy):
            return np.full(len(xy), -1, dtype=np.intp)
        begins, passed = skip or _nothing(len(xy))
        return first_crossed(
            np.ascontiguousarray(xy), np.ascontiguousarray(foot), SPARE_M, begins, passed, self.start, self.end,
            *self._cells,
        )

    def free_place(
        self, xy: Floats, walls: Cells, *, aloft: Floats, usable: NDArray[np.bool_], within_m: float,
        skip: tuple[Ints, Ints] | None = None,
    ) -> tuple[Ints, Floats]:
        """The nearest point of a usable piece that each place sees past the walls, and its piece; -1 for none."""
        begins, passed = skip or _nothing(len(xy))
        return free_place(
            np.ascontiguousarray(xy), self.start, self.end, aloft, usable, *self._cells, within_m, _STEP_M, SPARE_M,
            begins, passed, walls.start, walls.end, *walls._cells,
        )


def _nothing(count: int) -> tuple[Ints, Ints]:
    return np.zeros(count + 1, dtype=np.intp), np.empty(0, dtype=np.intp)
