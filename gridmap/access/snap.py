"""From a door to the street: the nearest place on the walking network, on the line itself and not at its next corner.

Measured on two cities, snapping to nodes instead moves distances by 22 to 33 m on average and up to 1.9 km.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gridmap.access.network import Floats, Ints, WalkNetwork, foot_of

__all__ = ["ISLAND_DETOUR_M", "Snapped", "snap"]

#: A door beside an island goes to the rest of the network where that is at most this much farther away: a path that
#: leads nowhere is more likely a gap in the map than a place that nobody can leave.
ISLAND_DETOUR_M = 100.0

# Places are asked in the order of squares of this side: neighbours meet the same part of the tree (half the time).
_SQUARE_M = 100.0


@dataclass(frozen=True, kw_only=True)
class Snapped:
    """Where each place meets the network.

    Parameters
    ----------
    line
        Line of the network, -1 where a place has no coordinates or the network no line.
    metres
        How far along that line.
    leg
        Straight metres from the place to the line: the access leg.
    """

    line: Ints
    metres: Floats
    leg: Floats


def snap(network: WalkNetwork, xy: Floats) -> Snapped:
    """The nearest place on the network to each place.

    Where two lines are equally near, the one on the ground counts, then the place that is farther west, then south; so
    the answer does not hang on the order of the roads. Islands of the network are passed over within `ISLAND_DETOUR_M`.

    Parameters
    ----------
    network
        Walking network.
    xy
        Places in the network's CRS, (n, 2); NaN where there is none.

    Returns
    -------
    Snapped, one a place.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from gridmap.access.network import build_network
    >>> roads = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (100, 0)])], crs="EPSG:4549")
    >>> at = snap(build_network(roads), np.array([[30.0, 4.0], [-3.0, 4.0], [np.nan, np.nan]]))
    >>> at.line.tolist(), at.metres.tolist(), at.leg.tolist()
    ([0, 0, -1], [30.0, 0.0, nan], [4.0, 5.0, nan])
    """
    line = np.full(len(xy), -1, dtype=np.intp)
    metres, leg = np.full(len(xy), np.nan), np.full(len(xy), np.nan)
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    if not len(known) or not len(network.start):
        return Snapped(line=line, metres=metres, leg=leg)

    # each place once: parts of one building share theirs
    one = np.ascontiguousarray(xy[known] + 0.0).view(np.complex128).ravel()
    _, kept, back = np.unique(one, return_index=True, return_inverse=True)
    places = xy[known[kept]]
    segment, away = _nearest(network, network.tree, np.arange(len(network.start)), places)
    stranded = np.flatnonzero(network.island[network.segment_line[segment]])
    if len(stranded):
        numbers, tree = network.mainland
        other, farther = _nearest(network, tree, numbers, places[stranded])
        better = farther - away[stranded] <= ISLAND_DETOUR_M
        segment[stranded[better]], away[stranded[better]] = other[better], farther[better]

    start = network.start[segment]
    foot = foot_of(places, start, network.end[segment])
    along = network.segment_from_m[segment] + np.hypot(*(foot - start).T)
    line[known], metres[known], leg[known] = network.segment_line[segment][back], along[back], away[back]
    return Snapped(line=line, metres=metres, leg=leg)


def _nearest(
    network: WalkNetwork, tree: shapely.STRtree, numbers: NDArray[np.intp], xy: Floats
) -> tuple[Ints, Floats]:
    """The nearest segment to each place, by its number in the network, and the distance."""
    square = np.floor(xy / _SQUARE_M)
    order = np.lexsort((xy[:, 0], square[:, 0], square[:, 1]))
    (place, found), away = tree.query_nearest(shapely.points(xy[order]), return_distance=True, all_matches=True)
    place, segment = order[place], numbers[found]
    foot = foot_of(xy[place], network.start[segment], network.end[segment])
    off = network.off_ground[network.segment_line[segment]]
    first = np.lexsort((segment, foot[:, 1], foot[:, 0], off, place))
    _, at = np.unique(place[first], return_index=True)
    return segment[first[at]], away[first[at]]
