"""The way of one household to a facility, as a line: so that a planner can check a figure with their own eyes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely

from gridmap.access.arcs import Floats, Ints
from gridmap.access.frames import require_metres, spots
from gridmap.access.kernels import reach_from
from gridmap.access.levels import WALK_SPEED, WALK_SPEED_AGED, minutes
from gridmap.access.network import WalkNetwork
from gridmap.access.reach import Places, place
from gridmap.access.snap import snap
from layers.errors import WrongCall

__all__ = ["Way", "flat_metres", "way_between"]


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way on foot.

    Parameters
    ----------
    line
        From the door to the street, along the streets, to the facility; None where there is no way.
    metres
        Its length, access legs included; infinity where there is none.
    leg_from, leg_to
        Metres of the access legs.
    straight
        Metres in a straight line.
    climb
        Metres upwards on the way to the facility; NaN where no street says how high it lies.
    flat
        Metres on the flat that take as long as the way there and back, halved (`flat_metres`); `metres` where no height
        is known. Only minutes hang on it: norms are held to metres.
    """

    line: shapely.LineString | None
    metres: float
    leg_from: float
    leg_to: float
    straight: float
    climb: float = np.nan
    flat: float = np.nan

    @property
    def minutes(self) -> float:
        """Minutes at 1.0 m/s on the flat, derived."""
        return minutes(self.flat if np.isfinite(self.flat) else self.metres, speed=WALK_SPEED)

    @property
    def minutes_aged(self) -> float:
        """Minutes at 0.7 m/s on the flat, derived."""
        return minutes(self.flat if np.isfinite(self.flat) else self.metres, speed=WALK_SPEED_AGED)


def flat_metres(metres: Floats, rise: Floats) -> float:
    """Metres on the flat that take as long as steps of a way there and back, halved.

    Speed falls with the slope as exp(-3.5 |slope + 0.05|), beside its value on the flat (Tobler 1993, hiking function).
    Steps of unknown rise (NaN) count as flat.

    Examples
    --------
    >>> flat_metres(np.array([100.0]), np.array([0.0])), round(flat_metres(np.array([100.0]), np.array([10.0])))
    (100.0, 121)
    """
    slope = np.divide(np.nan_to_num(rise), metres, out=np.zeros(len(metres)), where=metres > 0)
    slower = [np.exp(3.5 * (np.abs(way * slope + 0.05) - 0.05)) for way in (1.0, -1.0)]
    return float((metres * (slower[0] + slower[1]) / 2).sum())


def way_between(door: gpd.GeoDataFrame, facility: gpd.GeoDataFrame, network: WalkNetwork) -> Way:
    """The shortest way on foot between one building and one facility.

    Parameters
    ----------
    door, facility
        One row each, in the network's CRS.
    network
        From `build_network`.

    Returns
    -------
    Way, as long as `walk_distances` says.

    Raises
    ------
    WrongCall
        Where either is not one row with a place.

    Examples
    --------
    >>> from gridmap.access.network import build_network
    >>> roads = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (100, 0), (100, 100)])], crs="EPSG:4549")
    >>> one, other = (gpd.GeoDataFrame(geometry=[shapely.Point(spot)], crs=4549) for spot in ((0, 10), (105, 90)))
    >>> way = way_between(one, other, build_network(roads))
    >>> way.metres, way.line.wkt
    (205.0, 'LINESTRING (0 10, 0 0, 100 0, 100 90, 105 90)')
    """
    require_metres(door=door, facility=facility)
    for name, frame in (("door", door), ("facility", facility)):
        if len(frame) != 1 or not np.isfinite(spots(frame)).all():
            raise WrongCall(f"{name} must be one row with a place, not {len(frame)} rows; pick one by its code")
    xy, site_xy = spots(door), spots(facility)
    straight = float(np.hypot(*(xy - site_xy)[0]))
    shapes = [np.array(frame.geometry.array, dtype=object) for frame in (door, facility)]
    met = [snap(network, at, shape) for at, shape in zip((xy, site_xy), shapes, strict=True)]
    start, end = (place(network, where) for where in met)
    if not len(start) or not len(end):
        return Way(line=None, metres=np.inf, leg_from=np.nan, leg_to=np.nan, straight=straight)
    legs = float(start.leg[0]), float(end.leg[0])
    along, metres = _along(network, start, end)
    if along is None:
        return Way(line=None, metres=np.inf, leg_from=legs[0], leg_to=legs[1], straight=straight)
    # a leg may lead through a gate
    gates = [where.via[np.isfinite(where.via).all(axis=1)] for where in met]
    first, last = along[0, 2], along[-1, 2]
    points = np.concatenate([_level(xy, first), _level(gates[0], first), along, _level(gates[1], last),
                             _level(site_xy, last)])  # fmt: skip
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = (np.abs(np.diff(points[:, :2], axis=0)) > 1e-9).any(axis=1)
    points = points[keep] if keep.sum() > 1 else points[:2]
    length, rise = np.hypot(*np.diff(points[:, :2], axis=0).T), np.diff(points[:, 2])
    whole = legs[0] + metres + legs[1]
    known = np.isfinite(rise).any()
    return Way(
        line=shapely.LineString(points[:, :2]), metres=whole, leg_from=legs[0], leg_to=legs[1], straight=straight,
        climb=float(np.nansum(np.maximum(rise, 0.0))) if known else np.nan,
        flat=flat_metres(length, rise) if known else whole,
    )


def _level(xy: Floats, height: float) -> Floats:
    """Places as high as the street beside them."""
    return np.column_stack([xy, np.full(len(xy), height)])


def _along(network: WalkNetwork, start: Places, end: Places) -> tuple[Floats | None, float]:
    """Vertices of the way along the streets from one place to the other, and its metres."""
    arcs = network.arcs
    nodes = len(arcs.begins) - 1
    state = np.full((nodes, 2), np.inf)
    state[:, 1] = -1.0
    seeds = np.where(end.private[:, None], arcs.arriving[end.ends], end.ends)[0]
    reach_from(
        arcs.begins, arcs.heads, arcs.metres, seeds, end.to_ends[0], np.array([0, 1], dtype=np.int32), np.inf,
        arcs.width, arcs.longest, state,
    )
    reach = state[:, 0]
    read = np.where(start.private[:, None], arcs.leaving[start.ends], start.ends)[0]
    by = reach[read] + start.to_ends[0]
    same = abs(start.at[0] - end.at[0]) if start.stretch[0] == end.stretch[0] else np.inf
    line_of = network.stops.line
    if same <= by.min():
        if not np.isfinite(same):
            return None, np.inf
        return _piece(network, int(line_of[start.stretch[0]]), float(start.at[0]), float(end.at[0])), float(same)
    # back from node to node: each next one is nearer to the facility by just the arc between
    tail = np.repeat(np.arange(nodes), np.diff(arcs.begins))
    order = np.argsort(arcs.heads, kind="stable")
    into = np.searchsorted(arcs.heads[order], np.arange(nodes + 1))
    node = int(read[np.argmin(by)])
    passed, steps = [node], []
    while True:
        at = [number for number in np.flatnonzero(seeds == node) if reach[node] == end.to_ends[0][number]]
        if at:
            break
        ways = order[into[node]: into[node + 1]]
        gain = np.abs(reach[tail[ways]] + arcs.metres[ways] - reach[node])
        chosen = ways[np.lexsort((reach[tail[ways]], gain > 1e-7))[0]]
        node = int(tail[chosen])
        passed.append(node)
        steps.append(float(arcs.metres[chosen]))
    base = _base_nodes(network)[np.array(passed)]
    first, last = int(np.argmin(by)), int(at[0])
    pieces = [_piece(network, int(line_of[start.stretch[0]]), float(start.at[0]),
                     float(network.stops.metres[start.stretch[0] + first]))]
    pieces += [
        _between(network, int(one), int(other), step) for (one, other), step in zip(pairwise(base), steps, strict=True)
    ]
    pieces.append(_piece(network, int(line_of[end.stretch[0]]), float(network.stops.metres[end.stretch[0] + last]),
                         float(end.at[0])))
    return np.concatenate(pieces), float(by.min())


def _base_nodes(network: WalkNetwork) -> np.ndarray:
    """The node of which each node of the search is a copy."""
    arcs = network.arcs
    base = np.arange(len(arcs.begins) - 1)
    for copy in (arcs.arriving, arcs.leaving):
        base[copy] = np.arange(network.nodes)
    return base


def _between(network: WalkNetwork, one: int, other: int, metres: float) -> Floats:
    """Vertices of the bit of a line of that length between two neighbouring nodes; over a short gap, its other side."""
    stops = network.stops
    if one == other:
        return np.empty((0, 3))
    same = stops.line[1:] == stops.line[:-1]
    here, there = stops.node[:-1], stops.node[1:]
    ahead = np.flatnonzero(same & (here == one) & (there == other))
    back = np.flatnonzero(same & (here == other) & (there == one))
    both = np.concatenate([ahead, back])
    if not len(both):
        across = int(np.flatnonzero(stops.node == other)[0])
        return _at(network, stops.line[[across]], stops.metres[[across]])
    length = stops.metres[both + 1] - stops.metres[both]
    at = int(both[np.argmin(np.abs(length - metres))])
    ends = float(stops.metres[at]), float(stops.metres[at + 1])
    return _piece(network, int(stops.line[at]), *(ends if stops.node[at] == one else ends[::-1]))


def _piece(network: WalkNetwork, line: int, start_m: float, end_m: float) -> Floats:
    """Vertices of a line from one place on it to another."""
    low, high = min(start_m, end_m), max(start_m, end_m)
    own = slice(*np.searchsorted(network.segment_line, [line, line + 1]))
    from_m = network.segment_from_m[own]
    inside = (from_m > low) & (from_m < high)
    metres = np.concatenate([[low], from_m[inside], [high]])
    points = _at(network, np.full(len(metres), line), metres)
    # the very vertices of the line
    points[1:-1, :2] = network.start[own][inside]
    return points if start_m <= end_m else points[::-1]


def _at(network: WalkNetwork, line: Ints, metres: Floats) -> Floats:
    """Coordinates and height of places on lines, (n, 3)."""
    return np.column_stack([network.points_on(line, metres), network.heights_on(line, metres)])
