"""Cells: the pieces of ground that a plan moves around, and how neighbours meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from gridmap.micro_grids.graph import CellGraph

__all__ = ["Cells", "dissolve", "join_graphs"]


@dataclass
class Cells:
    """All cells of a city, chunk after chunk.

    `geometry` are polygons that tile the outline on the millimetre grid; `atom` is the building piece that a cell
    stands for (-1 for ground without one); `chunk` the number of the chunk it was made in; `graph` has the same cells
    as nodes. Chunks never share a unit below the community, so the graph has no edge between two of them: `border`
    holds the metres of boundary between chunks, and how many of them follow no line.
    """

    geometry: np.ndarray
    atom: np.ndarray
    chunk: np.ndarray
    graph: CellGraph
    border: tuple[float, float]

    def __len__(self) -> int:
        return len(self.atom)


def dissolve(areas: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Area of each unit, exact on the pieces that it is made of.

    Parameters
    ----------
    areas
        Polygons of a noded tiling.
    unit
        Number of the unit of each, from 0 without a gap.

    Returns
    -------
    array of polygons, one a unit, normalized.

    Examples
    --------
    >>> two = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    >>> [area.area for area in dissolve(two, np.array([0, 0]))]
    [2.0]
    """
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(unit[order]) > 0])
    groups = np.split(order, starts[1:])
    return shapely.normalize(np.array([_joined(areas[group]) for group in groups], dtype=object))


def _joined(areas: np.ndarray) -> shapely.Geometry:
    if len(areas) == 1:
        return areas[0]
    try:
        return shapely.coverage_union_all(areas)
    except shapely.GEOSException:  # two borders a millimetre apart: `gridmap verify` names the place
        return shapely.union_all(areas, grid_size=0.001)


def join_graphs(graphs: Sequence[CellGraph]) -> CellGraph:
    """The graphs of several chunks as one, cells numbered on through all of them."""
    counts = np.array([len(graph) for graph in graphs], dtype=np.int64)
    begin = np.cumsum(counts) - counts

    def chain(name: str) -> np.ndarray:
        return np.concatenate([getattr(graph, name) for graph in graphs])

    ends = {
        name: np.concatenate([getattr(graph, name) + first for graph, first in zip(graphs, begin, strict=True)])
        for name in ("a", "b")
    }
    return CellGraph(
        weight=chain("weight"), households=chain("households"), area=chain("area"), perimeter=chain("perimeter"),
        a=ends["a"], b=ends["b"], length=chain("length"), bare=chain("bare"), strong=chain("strong"),
        open=chain("open"), things=chain("things"),
    )  # fmt: skip
