"""A siting question, read and checked once: who asks, which places may answer, and within how many metres.

Rows are demand (buildings, micro-grids), columns are candidates. Only pairs that can serve are kept, so a city of fifty
thousand doors and five thousand places fits as well as a table of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array, csr_array, issparse

from layers.errors import WrongCall

__all__ = ["METHODS", "Floats", "Ints", "Problem", "Refusal", "Siting", "gap_between", "read_problem"]

#: What may be asked for: as many households as possible within the radius with a given number of places; everybody
#: within the radius with as few places as possible; the least walk in all; the least longest walk.
METHODS = ("max-cover", "set-cover", "p-median", "p-center")

#: Rounding never makes a walk too long: a micrometre over the radius is within it.
_FORGIVEN_M = 1e-6

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request cannot be met, in both languages, and the nearest one that can, as arguments to change."""

    en: str
    zh: str
    nearest: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Siting:
    """Where to build, how good that is, and how much better anything could be.

    Parameters
    ----------
    method
        One of `METHODS`.
    facilities
        Column numbers in use, ascending; those that were `fixed` are among them.
    objective
        `max-cover`: weight within the radius. `set-cover`: number of facilities. `p-median`: weight times metres,
        summed. `p-center`: the longest walk in metres. NaN where the request cannot be met.
    bound
        No plan does better than this: an upper bound for `max-cover`, a lower one for the others.
    gap
        |objective - bound| as a share of the smaller of the two; 0 where the plan is proven best.
    status
        `optimal`, `feasible` (a plan, not proven best), or `infeasible`.
    assigned
        For each demand row the column that serves it (the nearest in use, or as capacities allow; where a row is
        split between several, the one that serves most of it); -1 for none.
    refusal
        Where `infeasible`: why, and what could be met instead.
    """

    method: str
    facilities: tuple[int, ...]
    objective: float
    bound: float
    gap: float
    status: str
    assigned: Ints
    refusal: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What `read_problem` made of the arguments.

    Parameters
    ----------
    pairs
        Metres by demand row and candidate, (rows, candidates); what is not stored cannot serve. 0 m is stored as 0.
    weights
        Weight of each row, all above 0.
    rows
        Number of each row in the caller's table; rows of weight 0 ask for nothing and are left out.
    total_rows
        How many the caller gave.
    count
        How many places may be in use, fixed ones included; None for as few as possible.
    fixed
        Candidates that are in use whatever happens.
    capacity
        Weight that each candidate can serve; None for any.
    apart
        Pairs of candidates that may not both be in use, (pairs, 2).
    prefer, give_up
        How much each place is wished for, and the share of the objective that may be given up for it.
    radius_m
        Longest walk that counts; inf for any.
    nearest_m
        Metres from each row to its nearest candidate, whatever the radius; inf where there is no way to any.
    """

    pairs: csr_array
    weights: Floats
    rows: Ints
    total_rows: int
    count: int | None
    fixed: Ints
    capacity: Floats | None
    apart: Ints
    prefer: Floats | None
    give_up: float
    radius_m: float
    nearest_m: Floats

    @property
    def candidates(self) -> int:
        """How many places may be chosen from."""
        return int(self.pairs.shape[1])

    @cached_property
    def by_column(self) -> csc_array:
        """The same pairs, candidate by candidate."""
        return self.pairs.tocsc()

    @cached_property
    def conflicts(self) -> tuple[Ints, Ints]:
        """For each candidate those that it excludes, as (offsets, numbers)."""
        both = np.concatenate([self.apart, self.apart[:, ::-1]])
        both = np.unique(both, axis=0) if len(both) else both
        begins = np.searchsorted(both[:, 0], np.arange(self.candidates + 1))
        return begins.astype(np.intp), np.ascontiguousarray(both[:, 1])

    def within(self, radius_m: float) -> Problem:
        """The same question with a shorter longest walk."""
        near = self.pairs.data <= radius_m + _FORGIVEN_M
        begins = np.concatenate([[0], np.cumsum(near)])[self.pairs.indptr]
        kept = csr_array((self.pairs.data[near], self.pairs.indices[near], begins), shape=self.pairs.shape)
        return replace(self, pairs=kept, radius_m=radius_m)

    def nearest_in_use(self, facilities: Ints) -> tuple[Ints, Floats]:
        """The nearest facility in use and its metres for each row: (-1, inf) where none can serve.

        Of two equally near the smaller number.
        """
        used = np.zeros(self.candidates, dtype=bool)
        used[facilities] = True
        row = np.repeat(np.arange(self.pairs.shape[0]), np.diff(self.pairs.indptr))
        keep = used[self.pairs.indices]
        row, column, metres = row[keep], self.pairs.indices[keep], self.pairs.data[keep]
        order = np.lexsort((column, metres, row))
        row, column, metres = row[order], column[order], metres[order]
        first = np.ones(len(row), dtype=bool)
        first[1:] = row[1:] != row[:-1]
        which = np.full(self.pairs.shape[0], -1, dtype=np.intp)
        away = np.full(self.pairs.shape[0], np.inf)
        which[row[first]], away[row[first]] = column[first], metres[first]
        return which, away

    def spread(self, which: Ints) -> Ints:
        """Answers by row put back on the caller's rows, -1 for those of weight 0."""
        found = np.full(self.total_rows, -1, dtype=np.intp)
        found[self.rows] = which
        return found


def gap_between(objective: float, bound: float) -> float:
    """|objective - bound| as a share of the smaller of the two; inf where one is 0 and the other is not.

    Examples
    --------
    >>> gap_between(73, 59) > 0.23, gap_between(5.0, 5.0), gap_between(1.0, 0.0)
    (True, 0.0, inf)
    """
    apart = abs(objective - bound)
    if apart <= 1e-9 * max(abs(objective), abs(bound), 1e-300):
        return 0.0
    smaller = min(abs(objective), abs(bound))
    return apart / smaller if smaller > 0 else math.inf


def read_problem(
    distances: object,
    *,
    weights: ArrayLike | None = None,
    count: int | None = None,
    radius_m: float | None = None,
    fixed: Sequence[int] = (),
    capacity: ArrayLike | None = None,
    apart: ArrayLike | None = None,
    prefer: ArrayLike | None = None,
    give_up: float = 0.0,
) -> Problem:
    """The question, checked; arguments as in `solve_siting`.

    Raises
    ------
    WrongCall
        Where an argument is not what it must be.
    """
    radius = _radius(radius_m)
    pairs, nearest_m = _pairs(distances, radius)
    rows, candidates = pairs.shape
    if not candidates:
        raise WrongCall("distances have no candidate; give at least one column")
    weight = _numbers(weights, rows, "weights", "demand row") if weights is not None else np.ones(rows)
    asks = np.flatnonzero(weight > 0)
    return Problem(
        pairs=pairs[asks] if len(asks) < rows else pairs, weights=weight[asks], rows=asks, total_rows=rows,
        count=_count(count), fixed=_columns(fixed, candidates, "fixed"),
        capacity=None if capacity is None else _numbers(capacity, candidates, "capacity", "candidate", endless=True),
        apart=_apart(apart, candidates),
        prefer=None if prefer is None else _numbers(prefer, candidates, "prefer", "candidate"),
        give_up=_share(give_up), radius_m=radius, nearest_m=nearest_m[asks],
    )


def _pairs(distances: object, radius: float) -> tuple[csr_array, Floats]:
    """Pairs within the radius, and metres to the nearest candidate of each row."""
    if isinstance(distances, pd.DataFrame):
        distances = distances.to_numpy(dtype="float64", na_value=np.nan)
    if issparse(distances):
        table = csr_array(distances, dtype=np.float64)
        if not table.has_canonical_format:
            # of a pair that is stored twice the shorter counts; adding them up would be wrong
            table = _shorter(table)
        values, column, begins, shape = table.data, table.indices, table.indptr, table.shape
    else:
        try:
            dense = np.asarray(distances, dtype=np.float64)
        except (TypeError, ValueError):
            raise WrongCall("distances must be metres, demand x candidates, as an array or a sparse one") from None
        if dense.ndim != 2:
            raise WrongCall(f"distances must have two dimensions, demand x candidates, not {dense.ndim}")
        shape = dense.shape
        values, column = dense.ravel(), np.tile(np.arange(shape[1]), shape[0])
        begins = np.arange(shape[0] + 1) * shape[1]
    if (values < 0).any():
        raise WrongCall(f"distances hold {values.min():g}; metres are 0 or more, NaN or inf where there is no way")
    nearest = np.full(shape[0], np.inf)
    some = np.flatnonzero(np.diff(begins))
    nearest[some] = np.minimum.reduceat(np.nan_to_num(values, nan=np.inf), begins[some]) if len(some) else np.inf
    keep = np.isfinite(values) & (values <= radius + _FORGIVEN_M)
    begins = np.concatenate([[0], np.cumsum(keep)])[begins]
    return csr_array((values[keep], column[keep], begins), shape=shape), nearest


def _shorter(table: csr_array) -> csr_array:
    row = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    order = np.lexsort((table.data, table.indices, row))
    row, column, metres = row[order], table.indices[order], table.data[order]
    first = np.ones(len(row), dtype=bool)
    first[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    begins = np.concatenate([[0], np.cumsum(np.bincount(row[first], minlength=table.shape[0]))])
    return csr_array((metres[first], column[first], begins), shape=table.shape)


def _radius(radius_m: float | None) -> float:
    if radius_m is None:
        return math.inf
    if isinstance(radius_m, bool) or not isinstance(radius_m, int | float | np.number) or not radius_m >= 0:
        raise WrongCall(f"radius_m must be metres, 0 or more, not {radius_m!r}; correct it")
    return float(radius_m)


def _count(count: int | None) -> int | None:
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise WrongCall(f"count must be a whole number of facilities, 1 or more, not {count!r}; correct it")
    return int(count)


def _share(give_up: float) -> float:
    if isinstance(give_up, bool) or not isinstance(give_up, int | float) or not 0 <= give_up < 1:
        raise WrongCall(f"give_up must be a share from 0 to below 1, not {give_up!r}; 0.02 gives up two per cent")
    return float(give_up)


def _numbers(values: ArrayLike, length: int, name: str, of: str, *, endless: bool = False) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise WrongCall(f"{name} must be numbers, one a {of}") from None
    if numbers.shape != (length,):
        raise WrongCall(f"{name} must be one number a {of}, {length} in all, not of shape {numbers.shape}")
    if not (np.isfinite(numbers) | (endless & (numbers == np.inf))).all() or (numbers < 0).any():
        raise WrongCall(f"{name} hold a number below 0, or none at all; correct it")
    return numbers


def _columns(columns: Sequence[int], candidates: int, name: str) -> Ints:
    numbers = np.asarray(list(columns))
    if not len(numbers):
        return np.empty(0, dtype=np.intp)
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise WrongCall(f"{name} must be column numbers of candidates, not {list(columns)[:3]!r}")
    if numbers.min() < 0 or numbers.max() >= candidates:
        raise WrongCall(f"{name} names a column that is not there; the candidates are 0 to {candidates - 1}")
    return np.unique(numbers).astype(np.intp)


def _apart(apart: ArrayLike | None, candidates: int) -> Ints:
    pairs = np.empty((0, 2), dtype=np.intp) if apart is None else np.asarray(apart)
    if not pairs.size:
        return np.empty((0, 2), dtype=np.intp)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise WrongCall("apart must be pairs of column numbers, of shape (pairs, 2)")
    if pairs.min() < 0 or pairs.max() >= candidates or (pairs[:, 0] == pairs[:, 1]).any():
        raise WrongCall(f"apart must pair two different candidates of 0 to {candidates - 1}; correct it")
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.intp)
