"""Cells: the pieces of ground that a plan moves around, and how neighbours meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.kernels.pieces import outline_rings

__all__ = ["Cells", "dissolve", "join_graphs"]


@dataclass
class Cells:
    """All cells of a city, chunk after chunk.

    `geometry` are polygons that tile the outline on the millimetre grid; `atom` is the building piece that a cell
    stands for (-1 for ground without one); `chunk` the number of the chunk it was made in; `graph` has the same cells
    as nodes. Chunks never share a unit below the community, so the graph has no edge between two of them: `border`
    holds the metres of boundary between chunks, and how many of them follow no line; `told` what is kept of the places
    of each cell, by column.
    """

    geometry: np.ndarray
    atom: np.ndarray
    chunk: np.ndarray
    graph: CellGraph
    border: tuple[float, float]
    told: dict[str, np.ndarray]

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
    count = int(unit.max()) + 1 if len(unit) else 0
    size = np.bincount(unit, minlength=count)
    found = np.empty(count, dtype=object)
    several = size[unit] > 1
    found[unit[~several]] = shapely.normalize(areas[~several])
    if several.any():
        for number, area in _outlines(areas[several], unit[several], count).items():
            found[number] = area
    left = np.flatnonzero([area is None for area in found])
    if len(left):
        order = np.argsort(unit, kind="stable")
        begin = np.searchsorted(unit[order], np.arange(count + 1))
        for number in left.tolist():  # few: areas in several pieces, or that meet themselves in a point
            found[number] = shapely.normalize(_joined(areas[order[begin[number] : begin[number + 1]]]))
    return found


def _outlines(areas: np.ndarray, unit: np.ndarray, count: int) -> dict[int, shapely.Geometry]:
    """Outlines of the units that are one piece and meet themselves nowhere, by number, normalized."""
    if (shapely.get_type_id(areas) != shapely.GeometryType.POLYGON).any():
        areas, owner = shapely.get_parts(areas, return_index=True)
        unit = unit[owner]
    rings, part = shapely.get_rings(areas, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    points = points + 0.0  # one zero
    starts = np.searchsorted(ring, np.arange(len(rings) + 1))
    shell = np.r_[True, part[1:] != part[:-1]]
    corner, start, of_unit, outer, knotted = outline_rings(
        points, points.view(np.int64), starts, shell, unit[part], count
    )
    shells = np.bincount(of_unit[outer], minlength=count)
    good = (shells == 1) & ~knotted
    lowest = points[corner[start[:-1]]]
    # Outer rings first, then holes as GEOS has them: the longest, and of those the last by its lowest corner.
    order = np.lexsort((-lowest[:, 1], -lowest[:, 0], -np.diff(start), ~outer, of_unit))
    order = order[good[of_unit[order]]]
    length = np.diff(start)[order]
    offset = np.r_[0, np.cumsum(length)]
    place = np.repeat(start[:-1][order] - offset[:-1], length) + np.arange(offset[-1])
    names = of_unit[order]
    first = np.flatnonzero(np.r_[True, names[1:] != names[:-1]]) if len(names) else np.empty(0, dtype=np.int64)
    made = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, points[corner[place]], (offset, np.r_[first, len(names)])
    )
    return dict(zip(names[first].tolist(), made, strict=True))


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
