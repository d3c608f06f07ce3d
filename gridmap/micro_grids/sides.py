"""Sides of hard lines: which segments are hard, what ground lies beyond them, which micro-grids pass under bridges."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.edges import Edges
from gridmap.micro_grids.lines import HARD, viaduct_lines

__all__ = ["beyond_sides", "hard_segments", "say_viaducts"]


def hard_segments(edges: Edges, lines: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Strength of the hard line that each segment between two faces follows, 0 where it follows none.

    Parameters
    ----------
    edges
        Common boundaries of faces.
    lines, strengths
        From `gridmap.micro_grids.lines.block_lines`.

    Examples
    --------
    >>> from gridmap.micro_grids.edges import face_edges
    >>> edges = face_edges(shapely.box([0, 1], 0, [1, 2], 1))
    >>> river = np.array([shapely.LineString([(1, -5), (1, 5)])])
    >>> hard_segments(edges, river, np.array([HARD]))[edges.inner].tolist()
    [2.0]
    """
    found = np.zeros(len(edges.left))
    kept = strengths >= HARD
    if kept.any():
        inner = np.flatnonzero(edges.inner)
        found[inner] = edges.strengths(inner, lines[kept], strengths[kept])
    return found


def beyond_sides(
    faces: np.ndarray, cell: np.ndarray, edges: Edges, hard: np.ndarray, owned: np.ndarray
) -> np.ndarray:
    """True for faces that hard lines part from the main ground of their cell: the piece with most of its building.

    Parameters
    ----------
    faces, cell
        Polygons of a noded tiling and the cell of each.
    edges
        Their common boundaries.
    hard
        True for the segments along hard lines.
    owned
        Footprint that each face lies in, -1 for none.
    """
    if not hard.any():
        return np.zeros(len(faces), dtype=bool)
    piece = edges.components(cell, hard)
    area = shapely.area(faces)
    size = np.bincount(piece, weights=area)
    built = np.bincount(piece, weights=np.where(owned >= 0, area, 0.0))
    of_piece = np.zeros(len(size), dtype=np.int64)
    of_piece[piece] = cell
    order = np.lexsort((size, built))
    main = np.zeros(int(cell.max()) + 1, dtype=np.int64)
    main[of_piece[order]] = order  # the last one has most
    return piece != main[cell]


def say_viaducts(
    micro_grids: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    lines: np.ndarray,
    strengths: np.ndarray,
    *,
    roads: gpd.GeoDataFrame | None,
    barriers: gpd.GeoDataFrame | None,
) -> gpd.GeoDataFrame:
    """Micro-grids with a reason where people live on both sides of a railway or motorway on a bridge.

    Such a line is walked under and bars nobody, but on a map it looks as if it did.

    Parameters
    ----------
    micro_grids, buildings
        Frames of a split.
    lines, strengths
        From `gridmap.micro_grids.lines.block_lines`.
    roads, barriers
        The layers that went in.
    """
    above = viaduct_lines(roads, barriers)
    if not len(above):
        return micro_grids
    shapes = micro_grids.geometry.to_numpy()
    near = np.unique(shapely.STRtree(shapes).query(above, predicate="intersects")[1])
    near = near[~micro_grids["stack"].iloc[near].duplicated().to_numpy() | micro_grids["stack"].iloc[near].isna()]
    homes = buildings[buildings["households"] > 0]
    spots = shapely.point_on_surface(homes.geometry.to_numpy())
    of_code = homes.groupby("micro_grid").indices
    hard = lines[strengths >= HARD]
    on_ground, raised = shapely.STRtree(hard), shapely.STRtree(above)
    under: list[int] = []
    for row in near.tolist():  # few
        own = spots[of_code.get(micro_grids["code"].iat[row], np.empty(0, dtype=np.int64))]
        ground = hard[on_ground.query(shapes[row], predicate="intersects")]
        over = above[raised.query(shapes[row], predicate="intersects")]
        # What a line on the ground parts has its own reason.
        if _lived_sides(shapes[row], [*ground, *over], own) > _lived_sides(shapes[row], ground, own):
            under.append(row)
    if not len(under):
        return micro_grids
    said = micro_grids.copy()
    for column, words, comma in (
        ("reason", "lies on both sides of a railway or motorway on a bridge, a barrier that is walked under", "; "),
        ("reason_zh", "位于高架铁路或公路两侧，桥下可通行", "；"),
    ):
        before = said[column].astype("object").to_numpy().copy()
        before[under] = [words if pd.isna(text) else f"{text}{comma}{words}" for text in before[under]]
        said[column] = pd.Series(before, index=said.index, dtype="object")
    return said


def _lived_sides(area: shapely.Geometry, lines: Iterable[shapely.Geometry], homes: np.ndarray) -> int:
    """Into how many pieces with homes lines divide an area."""
    if len(homes) < 2:
        return len(homes)
    noded = shapely.union_all([shapely.boundary(area), *lines])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    return len(np.unique(shapely.STRtree(faces).query(homes, predicate="intersects")[1]))
