"""The ground under an edit: cells with their neighbours, and what a set of them would look like as a micro-grid."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.edit_answers import LEAST_COMPACT, Breach, Figures, apart, band_breach
from gridmap.micro_grids.graph import CellGraph

__all__ = ["Ground"]


#: Columns of a cell whose cells of one value belong together.
TOGETHER = ("settlement", "estate", "resident_group", "old_grid")


class Ground:
    """Cells as plain lists, quick for sets of a few dozen.

    Parameters
    ----------
    cells
        `households`, `alone`, `community` and geometry a row.
    graph
        Of the same cells.
    """

    def __init__(self, cells: gpd.GeoDataFrame, graph: CellGraph) -> None:
        self.graph = graph
        self.shape = np.asarray(cells.geometry.array, dtype=object)
        self.community: list[str] = cells["community"].astype(str).tolist()
        self.alone: list[bool] = cells["alone"].astype(bool).tolist()
        self.load: list[int] = graph.households.tolist()
        self._area: list[float] = graph.area.tolist()
        self._length: list[float] = graph.perimeter.tolist()
        self.ties = _ties(graph)
        self.labels = {name: _labels(cells, name) for name in TOGETHER if name in cells}
        self.together = {name: _members(label) for name, label in self.labels.items()}

    def figures(self, members: set[int]) -> Figures:
        """What a set of cells is as a micro-grid: a few microseconds a cell."""
        area = perimeter = between = bare = 0.0
        households = 0
        for cell in members:
            area += self._area[cell]
            perimeter += self._length[cell]
            households += self.load[cell]
            for other, length, off_street, _ in self.ties[cell]:
                if other in members:
                    perimeter -= length
                else:
                    between += length
                    bare += off_street
        pieces = self._pieces(members, through=False)
        whole = pieces if pieces == 1 else self._pieces(members, through=True)
        return Figures(
            households=households, cells=len(members), pieces=whole, crossing=pieces > whole,
            compactness=float(4.0 * np.pi * area / max(perimeter, 1e-9) ** 2),
            street_share=1.0 - bare / between if between > 0 else None,
        )  # fmt: skip

    def drawn(self, members: set[int]) -> shapely.Geometry:
        """Area of a set of cells, exact on them; the same bytes for the same set."""
        cells = self.shape[sorted(members)]
        return shapely.normalize(cells[0] if len(cells) == 1 else shapely.coverage_union_all(cells))

    def breaches(
        self, code: str, members: set[int], figures: Figures, before: Figures | None, band: Band | None
    ) -> Iterable[Breach]:
        """What a micro-grid of these cells would break; `before` is what it was, `band` None where none is for it."""
        lonely = sum(self.alone[cell] for cell in members)
        if lonely and (lonely > 1 or any(self.load[cell] and not self.alone[cell] for cell in members)):
            yield Breach(
                "stack", f"{code} would mix a tower that stands alone with other households",
                f"{code}不能把单独成格的高楼与其他住户合并", True,
            )  # fmt: skip
        if figures.pieces > 1:
            yield apart(code, figures.pieces)
        elif figures.crossing and not (before is not None and before.crossing):
            yield Breach(
                "barrier", f"{code} would cross a river, a railway or another hard barrier",
                f"{code}将跨越河流、铁路等屏障", False,
            )  # fmt: skip
        breach = None if lonely or band is None else band_breach(code, figures.households, band)
        if breach is not None and not (before is not None and before.households == figures.households == 0):
            yield breach
        if figures.compactness < LEAST_COMPACT and (before is None or figures.compactness < before.compactness):
            yield Breach(
                "compactness", f"{code} would be drawn out (compactness {figures.compactness:.2f})",
                f"{code}形状过于狭长（紧凑度{figures.compactness:.2f}）", False,
            )  # fmt: skip

    def _pieces(self, members: set[int], *, through: bool) -> int:
        """Connected pieces over open boundaries, or over any (`through`)."""
        left = set(members)
        count = 0
        while left:
            count += 1
            queue = [left.pop()]
            while queue:
                for other, _, _, is_open in self.ties[queue.pop()]:
                    if other in left and (through or is_open):
                        left.remove(other)
                        queue.append(other)
        return count


def _labels(cells: gpd.GeoDataFrame, column: str) -> list[str | None]:
    """What each cell belongs to; of settlements only villages count."""
    values = cells[column].astype("object")
    known = values.notna()
    if column == "settlement":
        known &= cells["village"].astype("boolean").fillna(False).astype(bool)
    return values.where(known, None).tolist()


def _members(labels: list[str | None]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for cell, label in enumerate(labels):
        if label is not None:
            found.setdefault(label, []).append(cell)
    return found


def _ties(graph: CellGraph) -> list[list[tuple[int, float, float, bool]]]:
    """Neighbours of each cell: which, over how many metres, how many of them off any line, and whether it is open."""
    ties: list[list[tuple[int, float, float, bool]]] = [[] for _ in range(len(graph))]
    columns = (graph.a, graph.b, graph.length, graph.bare, graph.open)
    for a, b, length, bare, is_open in zip(*(column.tolist() for column in columns), strict=True):
        ties[a].append((b, length, bare, is_open))
        ties[b].append((a, length, bare, is_open))
    return ties
