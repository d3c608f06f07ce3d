"""The fabric: ground cut into cells along streets, barriers and between buildings, with no gap and no overlap.

All lines (outline, given boundaries, streets, barriers, footprints, the lines midway between buildings) are noded
together once on a grid of one millimetre and polygonized, so the faces tile the outline by construction. Every face is
then given to one cell: a face inside a footprint to that building, any other to the nearest building of its block
(Okabe et al. 2000, *Spatial Tessellations*, generalised Voronoi diagram of areas, here by points along the outlines).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from scipy.ndimage import label as connected_squares
from scipy.spatial import Delaunay, QhullError, cKDTree

from gridmap.micro_grids.edges import Edges
from gridmap.micro_grids.lines import BARS, HARD
from gridmap.micro_grids.noding import faces_of, node
from gridmap.micro_grids.sides import beyond_sides, hard_segments
from gridmap.micro_grids.stitch import onto_outline
from gridmap.micro_grids.strips import REACH_M, sources_of_blocks

__all__ = ["Fabric", "containing", "home_of", "make_fabric", "units_of"]

GRID_M = 0.001
#: Distance between points along a footprint, metres: 6 m cut buildings in a test on real data, and the footprint pass
#: mends what is left.
SAMPLE_M = 5.0
#: Points stand this far inside the footprint, so that two houses with a common wall have the line in the wall.
INSET_M = 0.4
#: A line midway between buildings is drawn to this accuracy, metres; it stays within the inset of a common wall.
STRAIGHT_M = 0.3
#: Ground farther than this from any building is a cell of its own, where it is big enough to be called empty land.
FAR_M = 100.0
FAR_AREA_M2 = 20_000.0
#: Distance between the spots that tell whether there is such ground at all, metres.
_SPOT_M = 20.0
#: Ground between given units that is smaller than this is a fault of drawing, not a place, square metres.
SLIVER_M2 = 500.0
#: Footprint outside its own cell that counts as a cut building, square metres.
CUT_M2 = 0.5
#: Ground between hard lines that is smaller than this is no cell of its own, square metres.
WEDGE_M2 = 25.0


@dataclass
class Fabric:
    """Faces that tile the ground, and the cell that each belongs to.

    `faces` are polygons; `cell` has one entry a face: the cell it belongs to. Per cell: `atom`, the building piece that
    the cell stands for (-1 for empty ground), and `units`, one column a given level, the position of the given unit
    that the cell lies in (-1 where none). `edges` are the common boundaries of faces. `cut_atoms` are the building
    pieces that a given boundary crosses, with the square metres outside their own cell. `beyond` marks faces that a
    hard line parts from the main ground of their cell: what is left of a building that stands across a railway, a strip
    in front of a wall.
    """

    faces: np.ndarray
    cell: np.ndarray
    atom: np.ndarray
    units: np.ndarray
    edges: Edges
    cut_atoms: dict[int, float]
    beyond: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.atom)


def make_fabric(
    outline: shapely.Geometry,
    atoms: np.ndarray,
    lines: np.ndarray,
    *,
    streets: np.ndarray | None = None,
    strengths: np.ndarray | None = None,
    levels: Sequence[np.ndarray] = (),
    skeleton: np.ndarray | None = None,
) -> Fabric:
    """Cut an outline into cells, one a building piece and one an empty block.

    Parameters
    ----------
    outline
        Polygon or MultiPolygon, metric CRS.
    atoms
        Disjoint footprints, array of polygons (`gridmap.micro_grids.atoms`).
    lines
        Lines that bound blocks (`gridmap.micro_grids.lines`).
    streets
        Those of the lines that are street centre lines: a strip without buildings between a wall and the middle of the
        street goes to the buildings behind the wall, not to those across the street.
    strengths
        Of `lines`: a cell does not lie on both sides of one that bars the way (`BARS`), but for the footprint of a
        building that stands across it.
    levels
        Given units that cells must not cross, an array of areas a level, in order of their codes: where two units of
        a level overlap, the first one has the ground.
    skeleton
        The outline, the lines and the given units noded beforehand, for one chunk of a city: the outer boundary then
        stays on the millimetre grid, to be stitched to that of other chunks.

    Returns
    -------
    Fabric
    """
    given = shapely.force_2d(outline)
    outline = shapely.set_precision(given, GRID_M)
    shapely.prepare(outline)
    near = [] if skeleton is not None else [lines[shapely.intersects(lines, outline)] if len(lines) else lines]
    near += [shapely.boundary(shapely.set_precision(areas, GRID_M)) for areas in levels]
    near.append(np.array(_far_from_buildings(outline, atoms), dtype=object))
    more = np.concatenate(near)
    bounds = node([*([shapely.boundary(outline)] if skeleton is None else skeleton), *more])
    ground = faces_of(bounds, outline)
    blocks = ground.areas

    block_of_atom, samples, sample_atom = _sample(blocks, atoms)
    strengths = np.zeros(len(lines)) if strengths is None else strengths
    sources = sources_of_blocks(ground, block_of_atom, samples, sample_atom, streets, lines[strengths >= BARS])
    ridges = _ridges(blocks, sources, samples, sample_atom)
    inside = atoms[shapely.intersects(atoms, outline)] if len(atoms) else atoms
    cut = faces_of(node([*shapely.boundary(inside), *ridges], onto=bounds), outline)
    faces, middle, edges = cut.areas, cut.middle, cut.edges
    block = containing(blocks, middle)
    owned = containing(atoms, middle) if len(atoms) else np.full(len(faces), -1, dtype=np.int64)
    label = _label(middle, block, owned, sources, samples, sample_atom)
    unit, units = units_of(faces, middle, edges, levels)
    hard = hard_segments(edges, lines, strengths)
    # A footprint stays whole, whatever runs through it.
    house = edges.inner & (owned[edges.left] >= 0) & (owned[edges.left] == owned[edges.right])
    shut = (hard >= BARS) & ~house
    cell, atom, cut_atoms = _cells(faces, label, block, unit, edges, owned, len(atoms), shut)
    beyond = beyond_sides(faces, cell, edges, hard >= HARD, owned)
    one_each = np.unique(cell, return_index=True)[1]
    if skeleton is None:
        outer = np.unique(np.vstack([edges.start[~edges.inner], edges.end[~edges.inner]]), axis=0)
        faces = onto_outline(faces, outer, given)
    return Fabric(faces, cell, atom, units[one_each], edges, cut_atoms, beyond)


def _far_from_buildings(outline: shapely.Geometry, atoms: np.ndarray) -> list[shapely.Geometry]:
    """Outlines of the large tracts that lie far from any building."""
    if not len(atoms):
        return []
    hulls = shapely.convex_hull(atoms)
    if _all_near(outline, hulls):
        return []
    settled = shapely.union_all(shapely.buffer(hulls, FAR_M, quad_segs=2))
    settled = shapely.buffer(shapely.buffer(settled, FAR_M, quad_segs=2), -FAR_M, quad_segs=2)
    far = shapely.get_parts(shapely.difference(outline, shapely.simplify(settled, 4.0)))
    far = far[shapely.area(far) >= FAR_AREA_M2]
    return list(shapely.boundary(far))


def _all_near(outline: shapely.Geometry, hulls: np.ndarray) -> bool:
    """Whether spots all over an outline lie so near to buildings that no large tract between them can be far."""
    west, south, east, north = shapely.bounds(outline)
    if (east - west) * (north - south) > 4.0 * shapely.area(outline) + 1e6:
        return False  # a thin outline askew: too many spots for what they save
    x, y = np.meshgrid(np.arange(west, east + _SPOT_M, _SPOT_M), np.arange(south, north + _SPOT_M, _SPOT_M))
    # A buffer of eight corners reaches FAR_M * cos(22.5 degrees), simplifying takes 4 m; a spot stands for its square.
    half = _SPOT_M / np.sqrt(2.0)
    reach = FAR_M * np.cos(np.pi / 8.0) - 4.0 - half
    corners = cKDTree(shapely.get_coordinates(shapely.segmentize(shapely.boundary(hulls), _SPOT_M)))
    away = ~np.isfinite(corners.query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=reach)[0])
    around = shapely.buffer(outline, half)
    shapely.prepare(around)
    square = np.zeros(x.size, dtype=bool)
    square[away] = shapely.contains_xy(around, x.ravel()[away], y.ravel()[away])
    tract, count = connected_squares(square.reshape(x.shape), structure=np.ones((3, 3)))
    most = np.bincount(tract.ravel(), minlength=count + 1)[1:].max(initial=0)
    return bool(most * _SPOT_M**2 < FAR_AREA_M2)


def containing(areas: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Position of the area that holds each point; -1 where none does. Areas do not overlap."""
    found = np.full(len(points), -1, dtype=np.int64)
    which, area = shapely.STRtree(areas).query(points, predicate="intersects")
    found[which[::-1]] = area[::-1]
    return found


def home_of(areas: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The area that holds the largest share of each footprint (-1 for none), and the footprints that lie in several.

    Parameters
    ----------
    areas
        Polygons that do not overlap.
    atoms
        Footprints.
    """
    home = containing(areas, shapely.point_on_surface(atoms))
    which, area = shapely.STRtree(areas).query(atoms, predicate="intersects")
    several = np.flatnonzero(np.bincount(which, minlength=len(atoms)) > 1)
    crossing = np.isin(which, several)
    which, area = which[crossing], area[crossing]
    share = shapely.area(shapely.intersection(atoms[which], areas[area]))
    order = np.lexsort((-area, share))  # the largest share last, the lower number on a tie
    home[which[order]] = area[order]
    return home, several


def _sample(blocks: np.ndarray, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Home block of each atom, and points along the footprints with the atom of each."""
    if not len(atoms):
        return np.empty(0, np.int64), np.empty((0, 2)), np.empty(0, np.int64)
    home, _ = home_of(blocks, atoms)
    shrunk = shapely.buffer(atoms, -INSET_M, quad_segs=1, join_style="mitre")
    rings = np.where(shapely.is_empty(shrunk), atoms, shrunk)
    rings = shapely.segmentize(shapely.boundary(rings), SAMPLE_M)
    points, atom = shapely.get_coordinates(rings, return_index=True)
    points = np.round(points, 3)
    _, first = np.unique(np.column_stack([points, atom]), axis=0, return_index=True)
    first.sort()
    return home, points[first], atom[first]


def _ridges(
    blocks: np.ndarray, sources: dict[int, np.ndarray], samples: np.ndarray, sample_atom: np.ndarray
) -> list[shapely.Geometry]:
    """Lines midway between the buildings of a block, cut at the block's edge."""
    numbers, bundles = [], []
    for number, here in sources.items():  # one Voronoi diagram a block
        if (sample_atom[here] != sample_atom[here[0]]).any():
            segments = _voronoi_between(samples[here], sample_atom[here], shapely.bounds(blocks[number]))
            if len(segments):
                numbers.append(number)
                bundles.append(segments)
    if not bundles:
        return []
    which = np.repeat(np.arange(len(bundles)), [len(segments) for segments in bundles])
    segments = shapely.multilinestrings(shapely.linestrings(np.concatenate(bundles)), indices=which)
    # From junction to junction a midway line is a zigzag between samples: straighten it.
    lines, which = shapely.get_parts(shapely.simplify(shapely.line_merge(segments), STRAIGHT_M), return_index=True)
    block = blocks[np.array(numbers)]
    shapely.prepare(block)
    inside = shapely.contains_properly(block[which], lines)
    edge, which = lines[~inside], which[~inside]
    meet = shapely.intersects(block[which], edge)
    return [*lines[inside], *shapely.intersection(edge[meet], block[which[meet]])]


def _voronoi_between(points: np.ndarray, owner: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Voronoi edges between points of different owners, (n, 2, 2), long enough to leave the bounds."""
    centre = np.array([bounds[0] + bounds[2], bounds[1] + bounds[3]]) / 2.0
    span = 4.0 * max(bounds[2] - bounds[0], bounds[3] - bounds[1]) + 4.0 * REACH_M + 100.0
    # Four far points close every cell, so that no edge that matters runs to infinity.
    frame = np.array([[-span, 0], [span, 0], [0, -span], [0, span]])
    local = np.vstack([points - centre, frame])
    try:
        mesh = Delaunay(local)
    except QhullError:  # pragma: no cover - four far points keep the input from being flat
        return np.empty((0, 2, 2))
    # Each side of a triangle crosses the edge from its centre to that of the triangle beyond.
    corners, beyond = mesh.simplices, mesh.neighbors
    centres = _centres(local[corners])
    triangle, side = np.nonzero(beyond > np.arange(len(beyond))[:, None])
    pairs = np.column_stack([corners[triangle, (side + 1) % 3], corners[triangle, (side + 2) % 3]])
    owners = np.r_[owner, [-1, -2, -3, -4]]
    between = (pairs < len(points)).all(axis=1) & (owners[pairs[:, 0]] != owners[pairs[:, 1]])
    triangle, side = triangle[between], side[between]
    ends = np.stack([centres[triangle], centres[beyond[triangle, side]]], axis=1)
    ends = ends[np.isfinite(ends).all(axis=(1, 2))]
    ends = np.round(ends + centre, 4)
    return ends[(ends[:, 0] != ends[:, 1]).any(axis=1)]


def _centres(triangles: np.ndarray) -> np.ndarray:
    """Centre of the circle through the corners of each triangle, (n, 3, 2) to (n, 2)."""
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    twice = 2.0 * (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    one, two = (first**2).sum(axis=1), (second**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (second[:, 1] * one - first[:, 1] * two) / twice
        y = (first[:, 0] * two - second[:, 0] * one) / twice
    return triangles[:, 0] + np.column_stack([x, y])


def _label(
    middle: np.ndarray,
    block: np.ndarray,
    owned: np.ndarray,
    sources: dict[int, np.ndarray],
    samples: np.ndarray,
    sample_atom: np.ndarray,
) -> np.ndarray:
    """Atom of each face: the footprint it lies in, else the nearest of its block; -1 in a block without buildings."""
    label = np.full(len(middle), -1, dtype=np.int64)
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    face_order = np.argsort(block, kind="stable")
    face_starts = np.flatnonzero(np.r_[True, np.diff(block[face_order]) > 0])
    for here in np.split(face_order, face_starts[1:]):  # one nearest-neighbour tree a block
        candidates = sources.get(int(block[here[0]]))
        if candidates is not None:
            _, nearest = cKDTree(samples[candidates]).query(np.column_stack([x[here], y[here]]))
            label[here] = sample_atom[candidates[nearest]]
    return np.where(owned >= 0, owned, label)


def units_of(
    faces: np.ndarray, middle: np.ndarray, edges: Edges, levels: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Given units of each face: one number for the combination, and one column a level."""
    columns = [containing(areas, middle) for areas in levels]
    if not columns:
        return np.zeros(len(faces), dtype=np.int64), np.empty((len(faces), 0), dtype=np.int64)
    area = shapely.area(faces)
    for number, column in enumerate(columns):
        # Slivers between units that should meet belong to the unit that they share most boundary with.
        piece = edges.components(column)
        size = np.bincount(piece, weights=area)
        sliver = (size < SLIVER_M2) & (column[np.unique(piece, return_index=True)[1]] < 0)
        if sliver.any():
            joined = edges.absorb(piece, sliver, np.zeros(len(faces), dtype=np.int64))
            owner = np.full(len(size), -1, dtype=np.int64)
            owner[piece] = column
            columns[number] = owner[joined]
    units = np.column_stack(columns)
    return np.unique(units, axis=0, return_inverse=True)[1].ravel().astype(np.int64), units


def _cells(
    faces: np.ndarray,
    label: np.ndarray,
    block: np.ndarray,
    unit: np.ndarray,
    edges: Edges,
    owned: np.ndarray,
    atoms: int,
    shut: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, dict[int, float]]:
    """Connected cells: one an atom, one an empty block; stray faces join the neighbour with most common boundary.

    Nothing is joined over `shut` segments, but for wedges too small for a cell.
    """
    key = np.where(label >= 0, label, atoms + block)
    key = np.unique(np.column_stack([key, unit]), axis=0, return_inverse=True)[1].ravel()
    piece = edges.components(key, shut)
    area = shapely.area(faces)
    # The piece that holds most of a footprint is the atom's cell; all others are strays.
    covered = np.zeros(len(faces))
    held = label >= 0
    covered[owned >= 0] = area[owned >= 0]
    pieces = int(piece.max()) + 1 if len(piece) else 0
    piece_covered = np.bincount(piece, weights=covered, minlength=pieces)
    piece_area = np.bincount(piece, weights=area, minlength=pieces)
    piece_label = np.full(pieces, -1, dtype=np.int64)
    piece_label[piece] = np.where(held, label, -1)
    order = np.lexsort((np.arange(pieces), -piece_area, -piece_covered))
    barred = np.zeros(pieces, dtype=bool)
    barred[piece[np.concatenate([edges.left[shut], edges.right[shut]])]] = True
    seen: set[int] = set()
    stray = np.zeros(pieces, dtype=bool)
    for number in order:  # largest first
        mine = int(piece_label[number])
        if mine < 0:
            continue
        if mine in seen:
            # A second outline of the same building keeps a cell of its own; bare ground does not.
            # So does ground behind a barrier, where there is something of it.
            stray[number] = piece_covered[number] < 0.5 and (piece_area[number] < SLIVER_M2 or not barred[number])
            piece_label[number] = -1
        seen.add(mine)
    # Slivers of empty blocks are strays too.
    stray |= (piece_label < 0) & (piece_area < 1.0) & (piece_covered < 0.5)
    piece_unit = np.zeros(pieces, dtype=np.int64)
    piece_unit[piece] = unit
    piece = edges.absorb(piece, stray, block, within=piece_unit, shut=shut)
    if shut.any():
        wedge = (piece_label < 0) & (np.bincount(piece, weights=area, minlength=pieces) < WEDGE_M2)
        wedge &= np.bincount(piece, weights=covered, minlength=pieces) < 0.5
        piece = edges.absorb(piece, wedge, block, within=piece_unit)
    kept, cell = np.unique(piece, return_inverse=True)
    atom = piece_label[kept]
    outside = (owned >= 0) & (atom[cell] != owned)
    lost = np.bincount(owned[outside], weights=area[outside], minlength=atoms)
    return cell.astype(np.int64), atom, {int(item): float(lost[item]) for item in np.flatnonzero(lost > CUT_M2)}
