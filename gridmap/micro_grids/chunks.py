"""A city cut into chunks of about one community, each small enough to be split by itself.

A chunk is a given community, or what of a street has none. Where that holds more than one community's households it is
first cut along its streets into communities: blocks are the cells, a building on a street line stays whole in the
block that holds most of it. So memory and time grow with the number of communities, and a cluster can share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from gridmap.micro_grids.edges import face_edges
from gridmap.micro_grids.fabric import Fabric, containing, home_of, units_of
from gridmap.micro_grids.given import Given
from gridmap.micro_grids.graph import make_graph
from gridmap.micro_grids.levels import LEVELS, Rules, derive_communities
from gridmap.micro_grids.noding import Faces, faces_of, node, well_inside
from gridmap.micro_grids.places import Places

__all__ = ["Chunk", "Ground", "make_chunks"]

_GRID_M = 0.001
#: Lines are followed this far beyond a chunk, metres.
_BEYOND_M = 5.0
#: A piece of a block smaller than this, cut off by a building, is no block of its own, square metres.
_CRUMB_M2 = 200.0


@dataclass(frozen=True)
class Ground:
    """What a city's ground is made of, before it is cut: one entry a building piece, and one a line.

    `geometry`, `households`, `stacked`, `things` (see `CellGraph`) and `residents` per building piece; `lines` with
    their `strengths`, and which of them are `streets`; `places` are the areas that mean something.
    """

    geometry: np.ndarray
    households: np.ndarray
    stacked: np.ndarray
    things: np.ndarray
    residents: np.ndarray
    lines: np.ndarray
    strengths: np.ndarray
    streets: np.ndarray
    places: Places


@dataclass
class Chunk:
    """One chunk: its outline on the millimetre grid, and what of the city lies in it.

    `skeleton` are the lines that bound blocks, noded once for the whole city, so that neighbours share their
    border: the ends of each segment in metres, (n, 2, 2);
    `atoms` are positions in the city's building pieces, `ground` the same cut to the outline; `given` the position of
    the given unit at each level down to the community (-1 for none); `lower` the given areas below it by level, with
    their positions, `implied` the grid that the code of each given micro-grid implies; `cut` the pieces that reach out
    of the chunk, with the square metres outside.
    """

    outline: shapely.Geometry
    skeleton: np.ndarray
    atoms: np.ndarray
    ground: Ground
    given: dict[str, int]
    lower: dict[str, tuple[np.ndarray, np.ndarray]]
    implied: np.ndarray
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
    outline = shapely.set_precision(shapely.force_2d(given.outline), _GRID_M)
    shapely.prepare(outline)
    used = _dividing(given)
    skeleton = [shapely.boundary(outline), *ground.lines[shapely.intersects(outline, ground.lines)]]
    for level in used:
        skeleton += list(shapely.boundary(shapely.set_precision(_areas(given, level), _GRID_M)))
    noded = node(skeleton)
    cut = faces_of(noded, outline)
    blocks, block = cut.areas, np.arange(len(cut))
    block_home, several = home_of(blocks, ground.geometry)
    if len(several):
        # A building on a street line stays whole with the block that holds most of it.
        noded = node(shapely.boundary(ground.geometry[several]), onto=noded)
        cut = faces_of(noded, outline)
        owned = containing(ground.geometry[several], cut.middle)
        block = np.where(owned >= 0, block_home[several[np.maximum(owned, 0)]], containing(blocks, cut.middle))
    faces = cut.areas
    keys = _given_keys(given, cut, used)
    names, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.ravel().astype(np.int64)
    home = home_of(faces, ground.geometry)[0]
    chunk = group.copy()
    made = len(names)
    for number in np.flatnonzero(names[:, 2] < 0):  # what no community is given for
        here = np.flatnonzero(group == number)
        label = _communities(faces, here, block, home, ground, given, rules)
        if label is not None and label.max() > 0:
            chunk[here] = np.where(label == 0, number, made + label - 1)
            names = np.vstack([names, np.repeat(names[number : number + 1], int(label.max()), axis=0)])
            made += int(label.max())
    outlines = _joined(faces, chunk, made)
    return _filled(outlines, names, given, ground, noded.lines, rules)


def _areas(given: Given, level: str) -> np.ndarray:
    return given.frames[level].geometry.to_numpy()


def _dividing(given: Given) -> list[str]:
    """Given levels that tell chunks apart."""
    used = [level for level in given.levels if LEVELS.index(level) <= LEVELS.index("communities")]
    lower = [level for level in ("grids", "micro_grids") if level in given.frames]
    # Given grids are not cut by a derived community, and the codes of what is given may tell communities apart.
    communities = set(given.codes("communities"))
    told = [level for level in lower if any(code and code[:12] not in communities for code in given.codes(level))]
    return used + (told[:1] or ([] if "communities" in given.frames else lower[:1]))


def _given_keys(given: Given, cut: Faces, used: Sequence[str]) -> np.ndarray:
    """Position of the given district, street and community of each face, -1 for none; one column each."""
    _, found = units_of(cut.areas, cut.middle, cut.edges, [_areas(given, level) for level in used])
    units = np.full((len(cut), len(given.levels)), -1, dtype=np.int64)
    for column, level in enumerate(used):
        units[:, given.levels.index(level)] = found[:, column]
    of_faces = given.of_cells(units)
    nothing = np.full(len(cut), -1, dtype=np.int64)
    return np.column_stack([of_faces.get(level, nothing) for level in LEVELS[:3]])


def _filled(
    outlines: np.ndarray, names: np.ndarray, given: Given, ground: Ground, skeleton: np.ndarray, rules: Rules
) -> list[Chunk]:
    """Chunks with what of the city lies in each."""
    home, several = home_of(outlines, ground.geometry)
    lower = [level for level in given.levels if LEVELS.index(level) > LEVELS.index("communities")]
    order = np.argsort(home, kind="stable")
    begin = np.searchsorted(home[order], np.arange(len(outlines) + 1))
    crossing = np.zeros(len(home), dtype=bool)
    crossing[several] = True
    trees = {"lines": shapely.STRtree(ground.lines), "skeleton": shapely.STRtree(skeleton)}
    trees |= {level: shapely.STRtree(_areas(given, level)) for level in lower}
    implied = given.implied("grids") if "micro_grids" in lower else np.empty(0, dtype=np.int64)
    chunks = []
    for number, outline in enumerate(outlines):
        near = {name: np.sort(tree.query(outline, predicate="intersects")) for name, tree in trees.items()}
        atoms = order[begin[number] : begin[number + 1]]
        part, lost = _part(ground, atoms, near["lines"], outline, crossing[atoms])
        shapely.prepare(outline)
        bounds = skeleton[near["skeleton"]]
        # As numbers: so many small lines would fill the memory of a whole city.
        bounds = shapely.get_coordinates(bounds[shapely.covers(outline, bounds)]).reshape(-1, 2, 2)
        below = {level: (_plain(_areas(given, level)[near[level]]), near[level].astype(np.int64)) for level in lower}
        known = {level: int(names[number, column]) for column, level in enumerate(LEVELS[:3])}
        chunks.append(Chunk(_plain(outline), bounds, atoms, part, known, below, implied, rules, lost))
    return chunks


def _joined(faces: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Union of the faces of each group, every vertex kept; empty where a group has none."""
    order = np.argsort(group, kind="stable")
    begin = np.searchsorted(group[order], np.arange(count + 1))
    made = [
        shapely.coverage_union_all(faces[order[begin[number] : begin[number + 1]]]) for number in range(count)
    ]
    return shapely.normalize(np.array(made, dtype=object))


def _communities(
    faces: np.ndarray,
    here: np.ndarray,
    block: np.ndarray,
    home: np.ndarray,
    ground: Ground,
    given: Given,
    rules: Rules,
) -> np.ndarray | None:
    """Community of each of the faces `here`, cut along streets; None where they hold no more than one may."""
    place = np.full(len(faces), -1, dtype=np.int64)
    place[here] = np.arange(len(here))
    inside = np.flatnonzero((home >= 0) & (place[np.maximum(home, 0)] >= 0))
    households, residents = ground.households[inside], ground.residents[inside]
    if households.sum() <= rules.community_households and residents.sum() <= rules.community_residents:
        return None
    key = block[here]
    if "grids" in given.frames:
        grid = containing(_areas(given, "grids"), well_inside(faces[here]))
        key = np.where(grid >= 0, len(faces) + grid, key)
    edges = face_edges(faces[here])
    cell = edges.components(key)
    # A piece of a block across a building, or a sliver, joins the neighbour that it meets most.
    size = np.bincount(cell, weights=shapely.area(faces[here]))
    key_of = np.zeros(len(size), dtype=np.int64)
    key_of[cell] = key
    main = np.zeros(int(key.max()) + 1)
    np.maximum.at(main, key_of, size)
    cell = edges.absorb(cell, (size < main[key_of]) & (size < _CRUMB_M2), key)
    cell = np.unique(cell, return_inverse=True)[1].astype(np.int64)
    count = int(cell.max()) + 1
    nobody = np.full(count, -1, dtype=np.int64)
    fabric = Fabric(faces[here], cell, nobody, np.empty((count, 0), dtype=np.int64), edges, {})
    graph = make_graph(fabric, np.empty(0, np.int64), np.empty(0, bool), ground.lines, ground.strengths)
    of_piece = cell[place[home[inside]]]
    graph.households = np.bincount(of_piece, weights=households, minlength=count).astype(np.int64)
    people = np.bincount(of_piece, weights=residents, minlength=count)
    return derive_communities(graph, people, rules)[cell]


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
        _plain(geometry), ground.households[atoms], ground.stacked[atoms], ground.things[atoms],
        ground.residents[atoms], _plain(clipped), ground.strengths[lines], ground.streets[lines],
        ground.places.part(outline, atoms),
    )  # fmt: skip
    return part, lost


def _plain(geometry: Any) -> Any:
    """The same without the grid that GEOS remembers: it is lost on the way to another process, and changes answers."""
    return shapely.set_precision(geometry, 0.0)


def _areas_of(geometry: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a geometry, without points and lines."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts: Sequence[shapely.Geometry] = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"]
    return shapely.multipolygons(parts) if parts else shapely.Polygon()
