"""What the compiled search works on, in four tuples that numba reads by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Nodes", "Table", "Ties", "Work"]


class Nodes(NamedTuple):
    """One entry a cell: households (`weight`), `things`, load in steps, cost alone (`single`), area, perimeter."""

    weight: np.ndarray
    things: np.ndarray
    load: np.ndarray
    single: np.ndarray
    area: np.ndarray
    perimeter: np.ndarray


class Ties(NamedTuple):
    """Edges both ways as compressed rows: row starts (`indptr`), then one entry an edge."""

    indptr: np.ndarray
    nbr: np.ndarray
    length: np.ndarray
    bare: np.ndarray
    strong: np.ndarray
    is_open: np.ndarray
    affinity: np.ndarray
    cut: np.ndarray


class Table(NamedTuple):
    """Costs: of a zone by its load (`close`), the limits of the band, the weights of shape, streets and inside."""

    close: np.ndarray
    band: np.ndarray
    want: np.ndarray


class Work(NamedTuple):
    """Memory that the search uses again and again, one entry a cell unless it says otherwise."""

    mark: np.ndarray
    local: np.ndarray
    cells: np.ndarray
    parent: np.ndarray
    order: np.ndarray
    out: np.ndarray
    best_out: np.ndarray
    piece: np.ndarray
    #: Two entries a cell and some more.
    free: np.ndarray
    trial: np.ndarray
    cut_cost: np.ndarray
    load: np.ndarray
    single: np.ndarray
    #: Six figures of a zone, see `measure`.
    figures: np.ndarray
