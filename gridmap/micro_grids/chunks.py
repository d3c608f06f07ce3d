"""A city cut into chunks of about one community, each small enough to be split by itself.

A chunk is a given community, or what of a street has none. Where that holds more than one community's households it is
first cut along its streets into communities: blocks are the cells, a building on a street line stays whole in the
block that holds most of it. So memory and time grow with the number of communities, and a cluster can share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from gridmap.micro_grids.edges import face_edges
from gridmap.micro_grids.fabric import Fabric, containing, faces_of, home_of, node, units_of, well_inside
from gridmap.micro_grids.given import Given
from gridmap.micro_grids.graph import make_graph
from gridmap.micro_grids.levels import LEVELS, Rules, derive_communities

__all__ = ["Chunk", "Ground", "make_chunks"]

_GRID_M = 0.001
#: Lines are followed this far beyond a chunk, metres.
_BEYOND_M = 5.0


@dataclass(frozen=True)
class Ground:
    """What a city's ground is made of, before it is cut: one entry a building piece, and one a line.

    `geometry`, `households`, `stacked`, `residents` and `estate` (-1 for none) per building piece; `lines` with their
    `strengths`, and which of them are `streets`.
    """

    geometry: np.ndarray
    households: np.ndarray
    stacked: np.ndarray
    residents: np.ndarray
    estate: np.ndarray
    lines: np.ndarray
    strengths: np.ndarray
    streets: np.ndarray


@dataclass
class Chunk:
    """One chunk: its outline on the millimetre grid, and what of the city lies in it.

    `atoms` are positions in the city's building pieces, `ground` the same cut to the outline; `given` the position of
    the given unit at each level down to the community (-1 for none); `lower` the given areas below it by level, with
    their positions; `cut` the pieces that reach out of the chunk, with the square metres outside.
    """

    outline: shapely.Geometry
    atoms: np.ndarray
    ground: Ground
    given: dict[str, int]
    lower: dict[str, tuple[np.ndarray, np.ndarray]]
    rules: Rules
    cut: dict[int, float] = field(default_factory=dict)


def make_chunks(given: Given, ground: Ground, rules: Rules) -> list[Chunk]:
    """Cut a city into chunks.

    Parameters
    ----------
    given
        The units that the city has.
    ground
        Building pieces and lines of the whole city.
    rules
        Bands, seed and weights.

    Returns
    -------
    list of Chunk; their outlines are a noded tiling of the outline on the millimetre grid.
    """
    faces, keys = _given_faces(given)
    home, _ = home_of(faces, ground.geometry)
    households = np.bincount(np.maximum(home, 0), weights=ground.households, minlength=len(faces))
    residents = np.bincount(np.maximum(home, 0), weights=ground.residents, minlength=len(faces))
    areas: list[shapely.Geometry] = []
    owner: list[int] = []
    cut = False
    for number, face in enumerate(faces):
        open_ended = keys["communities"][number] < 0
        many = households[number] > rules.community_households or residents[number] > rules.community_residents
        parts = _communities(face, np.flatnonzero(home == number), ground, given, rules) if open_ended and many else []
        cut |= len(parts) > 1
        areas += parts or [face]
        owner += [number] * max(1, len(parts))
    outlines = np.array(areas, dtype=object)
    if cut:
        # New borders end on old ones: node them together once more.
        pieces = faces_of(node([shapely.boundary(area) for area in outlines]), shapely.union_all(faces))
        outlines = _joined(pieces, containing(outlines, well_inside(pieces)), len(outlines))
        keep = np.array([not area.is_empty for area in outlines])
        outlines, owner = outlines[keep], [owner[i] for i in np.flatnonzero(keep)]
    home, several = home_of(outlines, ground.geometry)
    lower = [level for level in given.levels if LEVELS.index(level) > LEVELS.index("communities")]
    tree = shapely.STRtree(ground.lines) if len(ground.lines) else None
    order = np.argsort(home, kind="stable")
    begin = np.searchsorted(home[order], np.arange(len(outlines) + 1))
    crossing = np.zeros(len(home), dtype=bool)
    crossing[several] = True
    chunks = []
    for number, outline in enumerate(outlines):
        atoms = order[begin[number] : begin[number + 1]]
        lines = np.sort(tree.query(outline, predicate="intersects")) if tree is not None else np.empty(0, np.int64)
        part, lost = _part(ground, atoms, lines, outline, crossing[atoms])
        below = {}
        for level in lower:
            units = given.frames[level].geometry.to_numpy()
            near = np.sort(shapely.STRtree(units).query(outline, predicate="intersects"))
            below[level] = (units[near], near.astype(np.int64))
        known = {level: int(keys[level][owner[number]]) for level in LEVELS[:3]}
        chunks.append(Chunk(outline, atoms, part, known, below, rules, lost))
    return chunks


def _given_faces(given: Given) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Areas of one combination of given district, street and community each, and their positions (-1 for none)."""
    outline = shapely.set_precision(shapely.force_2d(given.outline), _GRID_M)
    shapely.prepare(outline)
    areas = dict(zip(given.levels, given.areas, strict=True))
    used = [level for level in given.levels if LEVELS.index(level) <= LEVELS.index("communities")]
    if "communities" not in areas:
        # Codes of grids or micro-grids may tell communities apart.
        coded = [level for level in ("grids", "micro_grids") if level in areas and any(given.codes(level))]
        used += coded[:1]
    lines = [shapely.boundary(outline)]
    for level in used:
        lines += list(shapely.boundary(shapely.set_precision(areas[level], _GRID_M)))
    faces = faces_of(node(lines), outline)
    _, found = units_of(faces, well_inside(faces), face_edges(faces), [areas[level] for level in used])
    units = np.full((len(faces), len(given.levels)), -1, dtype=np.int64)
    for column, level in enumerate(used):
        units[:, given.levels.index(level)] = found[:, column]
    of_faces = given.of_cells(units)
    nothing = np.full(len(faces), -1, dtype=np.int64)
    keys = np.column_stack([of_faces.get(level, nothing) for level in LEVELS[:3]])
    names, group = np.unique(keys, axis=0, return_inverse=True)
    joined = _joined(faces, group.ravel(), len(names))
    return joined, {level: names[:, column] for column, level in enumerate(LEVELS[:3])}


def _joined(faces: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Union of the faces of each group, every vertex kept; empty where a group has none."""
    order = np.argsort(group, kind="stable")
    begin = np.searchsorted(group[order], np.arange(count + 1))
    made = [
        shapely.coverage_union_all(faces[order[begin[number] : begin[number + 1]]]) for number in range(count)
    ]
    return shapely.normalize(np.array(made, dtype=object))


def _communities(
    area: shapely.Geometry, atoms: np.ndarray, ground: Ground, given: Given, rules: Rules
) -> list[shapely.Geometry]:
    """An area of too many households for one community, cut along its streets."""
    shapely.prepare(area)
    lines, strengths = ground.lines, ground.strengths
    near = np.flatnonzero(shapely.intersects(area, lines)) if len(lines) else np.empty(0, dtype=np.int64)
    clipped = _clipped(lines[near], area)
    skeleton = [shapely.boundary(area), *clipped]
    whole = {level: given.frames[level].geometry.to_numpy() for level in ("grids",) if level in given.frames}
    for units in whole.values():  # given grids are not cut
        skeleton += list(shapely.boundary(shapely.set_precision(units[shapely.intersects(units, area)], _GRID_M)))
    bounds = node(skeleton)
    blocks = faces_of(bounds, area)
    pieces = ground.geometry[atoms]
    home, several = home_of(blocks, pieces)
    faces = faces_of(node([bounds, *shapely.boundary(pieces[several])]), area) if len(several) else blocks
    middle = well_inside(faces)
    key = containing(blocks, middle)
    if len(several):
        owned = containing(pieces[several], middle)
        key = np.where(owned >= 0, home[several[np.maximum(owned, 0)]], key)
    for units in whole.values():
        grid = containing(units, middle)
        key = np.where(grid >= 0, len(blocks) + grid, key)
    edges = face_edges(faces)
    cell = edges.components(key)
    # A piece of a block across a building, or a sliver, joins the neighbour that it meets most.
    size = np.bincount(cell, weights=shapely.area(faces))
    main = np.zeros(int(key.max()) + 1)
    key_of = np.zeros(len(size), dtype=np.int64)
    key_of[cell] = key
    np.maximum.at(main, key_of, size)
    cell = edges.absorb(cell, (size < main[key_of]) & (size < 200.0), key)
    cell = np.unique(cell, return_inverse=True)[1].astype(np.int64)
    count = int(cell.max()) + 1
    place = home_of(faces, pieces)[0]
    nobody = np.full(count, -1, dtype=np.int64)
    fabric = Fabric(faces, cell, nobody, np.empty((count, 0), dtype=np.int64), edges, {})
    graph = make_graph(fabric, np.empty(0, np.int64), np.empty(0, bool), clipped, strengths[near])
    held = place >= 0
    graph.households = np.bincount(cell[place[held]], weights=ground.households[atoms][held], minlength=count).astype(
        np.int64
    )
    people = np.bincount(cell[place[held]], weights=ground.residents[atoms][held], minlength=count)
    label = derive_communities(graph, people, rules)
    return list(_joined(faces, label[cell], int(label.max()) + 1))


def _clipped(lines: np.ndarray, area: shapely.Geometry) -> np.ndarray:
    """Lines cut off beyond the bounds of an area."""
    west, south, east, north = shapely.bounds(area)
    return shapely.clip_by_rect(
        lines, west - _BEYOND_M, south - _BEYOND_M, east + _BEYOND_M, north + _BEYOND_M
    )


def _part(
    ground: Ground, atoms: np.ndarray, lines: np.ndarray, outline: shapely.Geometry, crossing: np.ndarray
) -> tuple[Ground, dict[int, float]]:
    """What of the ground lies in one chunk; footprints end at its outline."""
    geometry = ground.geometry[atoms].copy()
    lost: dict[int, float] = {}
    for position in np.flatnonzero(crossing):  # few
        whole = geometry[position]
        inside = _areas_of(shapely.intersection(whole, outline, grid_size=_GRID_M))
        outside = shapely.area(whole) - shapely.area(inside)
        if outside > 0.0:
            lost[int(atoms[position])] = float(outside)
            geometry[position] = inside
    clipped = _clipped(ground.lines[lines], outline) if len(lines) else ground.lines[lines]
    part = Ground(
        geometry, ground.households[atoms], ground.stacked[atoms], ground.residents[atoms], ground.estate[atoms],
        clipped, ground.strengths[lines], ground.streets[lines],
    )  # fmt: skip
    return part, lost


def _areas_of(geometry: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a geometry, without points and lines."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts: Sequence[shapely.Geometry] = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"]
    return shapely.multipolygons(parts) if parts else shapely.Polygon()
