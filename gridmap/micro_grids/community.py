"""One chunk split by itself: a pure function, so that workers can share a city."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import shapely

from gridmap.micro_grids.cell_places import Told, tell
from gridmap.micro_grids.cells import dissolve
from gridmap.micro_grids.chunks import Chunk
from gridmap.micro_grids.fabric import CUT_M2, Fabric, make_fabric
from gridmap.micro_grids.graph import CellGraph, make_graph
from gridmap.micro_grids.levels import Plan, Rules, plan_levels
from gridmap.micro_grids.stitch import Border, outer_rings
from layers.errors import DataBroken

__all__ = ["ChunkSplit", "split_chunk"]


@dataclass
class ChunkSplit:
    """The cells of one chunk and its plan, units numbered from 0 within the chunk.

    `atom` is the position of the building piece in the whole city, -1 for ground; `cut` as in `Chunk`; `told` is what
    is kept of each cell's places.
    """

    cells: np.ndarray
    atom: np.ndarray
    graph: CellGraph
    plan: Plan
    border: Border
    cut: dict[int, float]
    told: Told


def split_chunk(chunk: Chunk) -> ChunkSplit:
    """Cells, communities, grids and micro-grids of one chunk.

    Parameters
    ----------
    chunk
        From `gridmap.micro_grids.chunks.make_chunks`.

    Returns
    -------
    ChunkSplit; the same for the same chunk, whatever the process and the machine.

    Raises
    ------
    DataBroken
        Where the cells do not tile the ground, or households were lost: a fault of gridmap.
    """
    ground = chunk.ground
    streets = ground.lines[ground.streets]
    levels = [areas for areas, _ in chunk.lower.values()]
    fabric = make_fabric(
        chunk.outline, ground.geometry, ground.lines, streets=streets, strengths=ground.strengths, levels=levels,
        skeleton=shapely.linestrings(chunk.skeleton),
    )
    if fabric.edges.overused:
        raise DataBroken(f"{fabric.edges.overused} boundaries have more than two cells; please report the input")
    rules = chunk.rules
    around = ground.places.of_cells(
        fabric, ground.geometry, ground.households, rules.places, rules.unpeopled_far_m
    )
    graph = make_graph(
        fabric, ground.households, ground.stacked, ground.lines, ground.strengths, groups=around.groups,
        things=ground.things,
    )  # fmt: skip
    went_in, came_out = int(ground.households.sum()), int(graph.households.sum())
    if went_in != came_out:
        raise DataBroken(
            f"{went_in} households went in and {came_out} came out of the fabric; this is a fault of gridmap, please "
            "report it with the input"
        )
    given = {"communities": np.full(fabric.cells, chunk.given["communities"], dtype=np.int64)}
    for column, (level, (_, position)) in enumerate(chunk.lower.items()):
        here = fabric.units[:, column]
        given[level] = np.where(here >= 0, position[np.maximum(here, 0)], -1) if len(position) else here
    if "micro_grids" in given and (chunk.implied >= 0).any():
        grids, lowest = given.get("grids", np.full(fabric.cells, -1, dtype=np.int64)), given["micro_grids"]
        given["grids"] = np.where((grids < 0) & (lowest >= 0), chunk.implied[np.maximum(lowest, 0)], grids)
    residents = np.zeros(fabric.cells)
    built = np.flatnonzero(fabric.atom >= 0)
    residents[built] = ground.residents[fabric.atom[built]]
    far = _far_cells(fabric, ground.geometry, ground.households, rules)
    plan = plan_levels(graph, given, residents, far, rules, around)
    cells = dissolve(fabric.faces, fabric.cell)
    cut = dict(chunk.cut)
    for inner, lost in fabric.cut_atoms.items():
        piece = int(chunk.atoms[inner])
        cut[piece] = cut.get(piece, 0.0) + lost
    atom = np.where(fabric.atom >= 0, chunk.atoms[np.maximum(fabric.atom, 0)], -1) if len(chunk.atoms) else fabric.atom
    border = _border(fabric, cells, ground.lines, ground.strengths)
    told = tell(around, graph.things)
    return ChunkSplit(cells, atom, graph, plan, border, {k: v for k, v in cut.items() if v > CUT_M2}, told)


def _border(fabric: Fabric, cells: np.ndarray, lines: np.ndarray, strengths: np.ndarray) -> Border:
    """The outer boundary of a chunk, and how bare each segment of it is."""
    edges = fabric.edges
    outer = np.flatnonzero(~edges.inner)
    bare = 1.0 - np.minimum(edges.strengths(outer, lines, strengths), 1.0)
    ends = zip(edges.start[outer].tolist(), edges.end[outer].tolist(), bare.tolist(), strict=True)
    share = {(*start, *end): value for start, end, value in ends}
    rings = outer_rings(cells)
    shares = []
    for ring in rings:
        points = ring.tolist()
        keys = [(*min(p, q), *max(p, q)) for p, q in itertools.pairwise(points)]
        shares.append(np.array([share.get(key, 1.0) for key in keys]))
    return Border(rings, shares)


def _far_cells(fabric: Fabric, geometry: np.ndarray, households: np.ndarray, rules: Rules) -> np.ndarray:
    """True for cells without households of which most lies far from any inhabited building."""
    homes = geometry[households > 0]
    count = fabric.cells
    if not len(homes):
        return np.ones(count, dtype=bool)
    nobody = (fabric.atom < 0) | (households[np.maximum(fabric.atom, 0)] == 0)
    asked = np.flatnonzero(nobody[fabric.cell])
    spots = shapely.point_on_surface(fabric.faces[asked])
    which, _ = shapely.STRtree(homes).query_nearest(spots, max_distance=rules.unpeopled_far_m, all_matches=False)
    near = asked[which]
    near_area = np.bincount(fabric.cell[near], weights=shapely.area(fabric.faces[near]), minlength=count)
    total = np.bincount(fabric.cell[asked], weights=shapely.area(fabric.faces[asked]), minlength=count)
    return nobody & (near_area < 0.25 * total)
