"""Cells as a store keeps them, made a graph again: neighbours, common boundaries, streets and barriers between them."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridmap.micro_grids.edges import Edges, face_edges
from gridmap.micro_grids.fabric import Fabric
from gridmap.micro_grids.graph import CellGraph, make_graph
from gridmap.micro_grids.lines import ESTATE, block_lines
from gridmap.micro_grids.places import CellPlaces

__all__ = ["blocks_of", "graph_of_cells"]

#: Share of a common boundary along a street from which on two cells are in different street blocks.
_PARTED = 0.5


def graph_of_cells(
    cells: gpd.GeoDataFrame,
    *,
    roads: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    estates: gpd.GeoDataFrame | None = None,
    built: np.ndarray | None = None,
    places: CellPlaces | None = None,
    outlines: Sequence[tuple[gpd.GeoDataFrame, float]] = (),
) -> tuple[CellGraph, np.ndarray]:
    """The graph that the split worked on, from kept cells.

    Parameters
    ----------
    cells
        One polygon a row that tile the ground exactly, metric CRS; `households`, and `alone` (bool) for a stack of
        floors or a piece above the maximum; `things` (see `CellGraph`) where the store says it.
    roads, barriers, water
        As for `block_lines`.
    estates
        Areas; between cells of different estates the boundary counts like a fence.
    built
        True for cells with a building. All with households where it is not given.
    places
        What the cells are besides, from `places_of_cells`: its groups are those of the first split. Without it the
        estate of a cell is looked up.
    outlines
        From `welcome_outlines`.

    Returns
    -------
    graph, block
        `CellGraph` on the rows of `cells`, and the number of the street block that each cell lies in.

    Examples
    --------
    >>> two = gpd.GeoDataFrame(
    ...     {"households": [3, 4], "alone": [False, False]},
    ...     geometry=list(shapely.box([0, 10], 0, [10, 20], 10)), crs="EPSG:4547")
    >>> graph, block = graph_of_cells(two)
    >>> graph.length.tolist(), graph.weight.tolist(), block.tolist()
    ([10.0], [3, 4], [0, 0])
    """
    faces = np.asarray(cells.geometry.array, dtype=object)
    households = cells["households"].to_numpy(dtype=np.int64)
    alone = cells["alone"].to_numpy(dtype=bool)
    count = len(faces)
    edges = face_edges(faces)
    has = households > 0 if built is None else built
    number = np.arange(count, dtype=np.int64)
    fabric = Fabric(faces, number, np.where(has, number, -1), np.empty((count, 0), dtype=np.int64), edges, {})
    near = [(frame, strength) for layer, strength in outlines if (frame := _near(layer, faces)) is not None]
    lines, strengths = block_lines(
        _near(roads, faces), _near(barriers, faces), _near(water, faces), estates=_near(estates, faces),
        outlines=[(frame, strength) for frame, strength in near if len(frame)],
    )  # fmt: skip
    if places is not None:
        groups = places.groups
    else:
        estate = _estate_of(faces, estates)
        groups = [] if estate is None else [(estate, ESTATE)]
    things = None
    if "things" in cells and cells["things"].notna().all():
        things = cells["things"].to_numpy(dtype=np.int64)
    graph = make_graph(fabric, households, alone, lines, strengths, groups=groups, things=things)
    return graph, blocks_of(edges, _near(roads, faces))


def _near(frame: gpd.GeoDataFrame | None, faces: np.ndarray) -> gpd.GeoDataFrame | None:
    """What of a layer comes near the faces."""
    if not isinstance(frame, gpd.GeoDataFrame) or not len(frame) or not len(faces):
        return None
    box = shapely.box(*(shapely.total_bounds(faces) + np.array([-1.0, -1.0, 1.0, 1.0])))
    return frame[shapely.intersects(frame.geometry.to_numpy(), box)].reset_index(drop=True)


def _estate_of(faces: np.ndarray, estates: gpd.GeoDataFrame | None) -> np.ndarray | None:
    """Number of the smallest estate that each cell lies in, -1 for none."""
    near = _near(estates, faces)
    if near is None or not len(near):
        return None
    areas = near.geometry.to_numpy()
    found = np.full(len(faces), -1, dtype=np.int64)
    which, estate = shapely.STRtree(areas).query(shapely.point_on_surface(faces), predicate="intersects")
    order = np.lexsort((shapely.to_wkb(areas[estate]), -shapely.area(areas[estate])))
    found[which[order]] = estate[order]
    return found


def blocks_of(edges: Edges, roads: gpd.GeoDataFrame | None) -> np.ndarray:
    """Number of the street block of each face: faces are in one block where no street runs between them.

    Parameters
    ----------
    edges
        Common boundaries of the faces.
    roads
        Street lines; None where there are none, then connected faces are one block.
    """
    low, high, segment = edges.between(np.arange(edges.faces))
    lines, _ = block_lines(roads)
    on_street = edges.strengths(segment, lines, np.ones(len(lines)))
    pair, which = np.unique(low * edges.faces + high, return_inverse=True)
    length = np.bincount(which, weights=edges.length[segment], minlength=len(pair))
    along = np.bincount(which, weights=edges.length[segment] * on_street, minlength=len(pair))
    kept = pair[along < _PARTED * length]
    ties = coo_matrix(
        (np.ones(len(kept), np.int8), (kept // edges.faces, kept % edges.faces)), shape=(edges.faces, edges.faces)
    )
    return connected_components(ties, directed=False)[1].astype(np.int64)
