"""An impossible wish: which buildings or pieces prevent it, and the nearest wish that a split really reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import geopandas as gpd

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.obstacles import Feasible, Obstacle, obstacles_of
from gridmap.micro_grids.split import split_levels

__all__ = ["Feasible", "Obstacle", "nearest_wish"]


def nearest_wish(
    layers: Mapping[str, gpd.GeoDataFrame], band: Band, *, rules: Rules | None = None, tries: int = 4
) -> Feasible:
    """Whether every peopled micro-grid can be kept in a band; if not, what prevents it and the nearest band that works.

    The band is tried by a split; what stays out of it widens the band just so far, and the wider one is tried by a
    split of its own until one is kept everywhere. So the answer is a band that was reached, not a guess; that no
    narrower one exists is not proved.

    Parameters
    ----------
    layers
        As for `gridmap.micro_grids.split.split_levels`.
    band
        The band asked for.
    rules
        Everything else that a split aims at.
    tries
        Wider bands tried at most.

    Returns
    -------
    Feasible

    Raises
    ------
    MissingLayer, CrsMismatch
        As `split_levels`.

    Examples
    --------
    >>> import shapely
    >>> houses = gpd.GeoDataFrame(
    ...     {"households": [17]}, geometry=[shapely.box(10, 10, 22, 30)], crs="EPSG:4547")
    >>> ground = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 40, 40)], crs="EPSG:4547")
    >>> answer = nearest_wish({"districts": ground, "buildings": houses}, Band(20, 25, 30))
    >>> (answer.wish.low, answer.wish.target, answer.wish.high)
    (17, 25, 30)
    """
    aim = rules or Rules()
    split = split_levels(layers, rules=replace(aim, micro_grids=band))
    first = obstacles_of(split.units["micro_grids"], split.buildings)
    wish, left = band, first
    for _ in range(tries):
        if not left:
            break
        loads = [item.households for item in left]
        wish = Band(min(wish.low, *loads), wish.target, max(wish.high, *loads))
        split = split_levels(layers, rules=replace(aim, micro_grids=wish))
        left = obstacles_of(split.units["micro_grids"], split.buildings)
    return Feasible(band, None if left else wish, first)
