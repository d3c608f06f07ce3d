"""How much of the boundary between micro-grids follows streets and barriers, from the cells that a store keeps."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.micro_grids.cell_places import places_of_cells
from gridmap.micro_grids.edges import face_edges
from gridmap.micro_grids.lines import block_lines
from gridmap.micro_grids.places import PlaceRules, welcome_outlines

__all__ = ["share_on_streets"]


def share_on_streets(
    cells: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], rules: PlaceRules
) -> float:
    """Share of the boundary between micro-grids that follows streets and barriers, as the first split measures it.

    A metre along a line counts by the strength of that line, 1 for a main street; so does a metre between two estates
    (or residents' groups, old grids) of one community. The boundary of the city does not count.

    Parameters
    ----------
    cells
        All cells of a city as kept: `code`, `micro_grid` (of a stack: the stack's code), `community`, polygons that
        tile the ground, metric CRS.
    layers
        `roads`, `barriers`, `water`, `estates`, `resident_groups`, `old_grids`, `special_sites`, `green` where there
        are any, in the same CRS.
    rules
        Which places count.

    Returns
    -------
    float, 0 to 1; 0 where there is one micro-grid only.

    Examples
    --------
    >>> import shapely
    >>> cells = gpd.GeoDataFrame(
    ...     {"code": ["a", "b", "c"], "micro_grid": ["1", "2", "3"], "community": "0"},
    ...     geometry=list(shapely.box([0, 10, 20], 0, [10, 20, 30], 10)), crs="EPSG:4547")
    >>> street = gpd.GeoDataFrame({"class": ["primary"]}, geometry=[shapely.LineString([(10, 0), (10, 10)])],
    ...     crs="EPSG:4547")
    >>> share_on_streets(cells, {"roads": street}, PlaceRules())
    0.5
    """
    areas = {name: frame for name, frame in layers.items() if isinstance(frame, gpd.GeoDataFrame) and len(frame)}
    lines, strengths = block_lines(
        *(areas.get(name) for name in ("roads", "barriers", "water")), estates=areas.get("estates"),
        outlines=welcome_outlines(areas, rules),
    )  # fmt: skip
    edges = face_edges(np.asarray(cells.geometry.array, dtype=object))
    segment = edges.between(pd.factorize(cells["micro_grid"])[0])[2]
    left, right = edges.left[segment], edges.right[segment]
    strength = np.minimum(edges.strengths(segment, lines, strengths), 1.0)
    places = places_of_cells(cells, rules)
    community = pd.factorize(cells["community"])[0]
    within = community[left] == community[right]
    for group, least in () if places is None else places.groups:
        parted = within & (group[left] != group[right])
        strength = np.where(parted, np.maximum(strength, least), strength)
    length = edges.length[segment]
    total = float(length.sum())
    return float((length * strength).sum()) / total if total else 0.0
