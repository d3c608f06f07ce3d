"""Roads made into a network that one can walk: where lines meet, where they only pass over each other.

Street data comes in two manners. OpenStreetMap shares a vertex where ways meet; drawings of street offices let lines
cross, or end a hand's breadth before they meet. Both are read: lines meet at shared vertices at any level, at crossings
on the same level, and at ends that lie within half a metre. Bridges and tunnels meet others at shared vertices and ends
only.

Nothing is cut: a line keeps its length, and its *stops* say where along it (in metres) the nodes lie. A door or a
facility is a place on a line, so that it can lie between two stops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gridmap.access.arcs import Arcs, Stops, make_arcs, shortest
from gridmap.access.barriers import Barriers
from gridmap.access.cells import Cells
from gridmap.access.frames import require_metres
from gridmap.access.roads import levels, private, walkable
from layers.errors import WrongCall

__all__ = ["ISLAND_M", "ISLAND_SHARE", "WalkNetwork", "build_network"]

#: A part of the network that is shorter than both (metres; share of the whole length) is an island: most likely a path
#: whose link to the street nobody has drawn. The largest part never is one.
ISLAND_M = 300.0
ISLAND_SHARE = 0.01

#: Vertices that agree to the millimetre are one place.
_MILLIMETRES = 1000.0

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class WalkNetwork:
    """Walkable lines, the straight segments they consist of, and where they meet.

    Parameters
    ----------
    crs
        Metric CRS of everything here.
    start, end
        Ends of the segments, (segments, 2).
    segment_line, segment_from_m
        The line of each segment, and how far along that line it begins.
    aloft
        How far a line is from street level, up or down: its layer's number, and a half for a bridge or tunnel.
    stops
        Where nodes lie along the lines.
    links
        From node, to node, metres: the short gaps that were bridged between ends that nearly meet.
    nodes
        How many nodes there are.
    island
        Whether a line belongs to an island (`ISLAND_M`, `ISLAND_SHARE`).
    private
        Whether a line is walked only to and from the doors on it (`access.roads.private`).
    barriers
        What no access leg crosses; None where nothing is known.
    heights
        Metres above sea at both ends of the segments, (segments, 2), NaN where not known; None where no road says.
    facts
        What was made of the roads: `roads` given, `walkable` of them, `private` of these, `metres` in all, `parts` not
        connected with each other, `largest_share` of the length, `islands` and `island_metres`, `crossings` (nodes made
        where lines cross without a shared vertex), `links`.
    """

    crs: pyproj.CRS
    start: Floats
    end: Floats
    segment_line: Ints
    segment_from_m: Floats
    aloft: Floats
    stops: Stops
    links: tuple[Ints, Ints, Floats]
    nodes: int
    island: NDArray[np.bool_]
    private: NDArray[np.bool_]
    facts: dict[str, float]
    barriers: Barriers | None = None
    heights: Floats | None = None

    @cached_property
    def cells(self) -> Cells:
        """Every segment, to be asked for the nearest one."""
        return Cells.of(self.start, self.end)

    def points_on(self, line: Ints, metres: Floats) -> Floats:
        """Coordinates of places on lines, (n, 2), so many metres from the beginning of each line."""
        base = np.concatenate([[0.0], np.cumsum(np.hypot(*(self.end - self.start).T))])
        opens = np.searchsorted(self.segment_line, line)  # segments stand line by line
        segment = np.searchsorted(base, base[opens] + metres, side="right") - 1
        closes = np.searchsorted(self.segment_line, line, side="right") - 1
        segment = np.clip(segment, opens, closes)
        along = self.end[segment] - self.start[segment]
        share = (metres - self.segment_from_m[segment]) / np.hypot(*along.T)
        return self.start[segment] + np.clip(share, 0.0, 1.0)[:, None] * along

    def heights_on(self, line: Ints, metres: Floats) -> Floats:
        """Metres above sea at places on lines; NaN where it is not known."""
        if self.heights is None:
            return np.full(len(line), np.nan)
        opens, closes = (np.searchsorted(self.segment_line, line, side=side) for side in ("left", "right"))
        keys = self.segment_line * 1e9 + self.segment_from_m
        segment = np.clip(np.searchsorted(keys, line * 1e9 + metres, side="right") - 1, opens, closes - 1)
        length = np.hypot(*(self.end[segment] - self.start[segment]).T)
        share = np.clip((metres - self.segment_from_m[segment]) / length, 0.0, 1.0)
        low, high = self.heights[segment].T
        return low + share * (high - low)

    @cached_property
    def arcs(self) -> Arcs:
        """The graph to search."""
        return make_arcs(self.stops, self.links, self.nodes, self.private)


def build_network(
    roads: gpd.GeoDataFrame, *, join_m: float = 0.5, barriers: Barriers | None = None
) -> WalkNetwork:
    """The walking network of the roads.

    Parameters
    ----------
    roads
        Lines, metric CRS, with any of the columns that `access.roads.walkable`, `private` and `levels` read; heights
        from `height_from` and `height_to` (metres, at the ends of a line), else from the third coordinate.
    join_m
        Ends within this many metres of another line's end, or of a line on the same level, are linked to it by the
        length of the gap.
    barriers
        What no access leg crosses, from `build_barriers`.

    Returns
    -------
    WalkNetwork; without any line where no road may be walked.

    Raises
    ------
    CrsMismatch
        Where `roads` have no CRS or are not in metres.
    WrongCall
        Where `join_m` is not a length.

    Examples
    --------
    Two streets that cross without a shared vertex, and a bridge over both:

    >>> lines = [[(0, 0), (100, 0)], [(50, -50), (50, 50)], [(0, -50), (100, 50)]]
    >>> roads = gpd.GeoDataFrame({"class": ["residential"] * 3, "bridge": [None, None, "yes"]},
    ...                          geometry=[shapely.LineString(line) for line in lines], crs="EPSG:4549")
    >>> facts = build_network(roads).facts
    >>> facts["crossings"], facts["parts"], facts["metres"]
    (1, 2, 341.4)
    """
    if not (isinstance(join_m, int | float) and math.isfinite(join_m) and join_m >= 0):
        raise WrongCall(f"join_m must be metres, 0 or more, not {join_m!r}; give a number such as 0.5")
    require_metres(roads=roads)
    closed = private(roads).to_numpy()
    allowed = walkable(roads).to_numpy() | closed
    drawn = _draw(roads.loc[allowed])
    tree = shapely.STRtree(straight_lines(drawn.start, drawn.end))

    # three manners of meeting: shared vertices (and ends), crossings, ends beside a line
    vertex = drawn.is_end | drawn.shared
    cross_segment, cross_xy = _crossings(tree, drawn)
    ends = np.flatnonzero(drawn.is_end)
    near_end, near_segment, near_xy = _beside(tree, drawn, ends, join_m)
    hit, hit_xy = np.concatenate([cross_segment, near_segment]), np.concatenate([cross_xy, near_xy])
    node_xy = np.concatenate([drawn.xy[vertex], hit_xy])
    node = _along_the_ground(_places(node_xy), node_xy)
    nodes = int(node.max(initial=-1)) + 1
    stops = Stops.ordered(
        np.concatenate([drawn.line[vertex], drawn.segment_line[hit]]),
        np.concatenate([drawn.along[vertex], drawn.segment_from_m[hit] + _apart(hit_xy, drawn.start[hit])]),
        node,
    )

    # links: from each end to the line beside it, and to other ends at any level
    vertex_node = np.full(len(drawn.xy), -1, dtype=np.intp)
    vertex_node[vertex] = node[: vertex.sum()]
    pair = ends[_close_pairs(drawn.xy[ends], join_m)]
    from_vertex = np.concatenate([ends[near_end], pair[:, 0]])
    one = vertex_node[from_vertex]
    other = np.concatenate([node[len(node) - len(near_end):], vertex_node[pair[:, 1]]])
    to_xy = np.concatenate([near_xy, drawn.xy[pair[:, 1]]])
    metres = _apart(drawn.xy[from_vertex], to_xy)
    onto = np.concatenate([drawn.segment_line[near_segment], drawn.line[pair[:, 1]]])
    links = _links(stops, nodes, one, other, drawn.line[from_vertex], onto, metres)

    island, facts = _islands(stops, links, nodes, drawn)
    made = np.unique(node[vertex.sum():][: len(cross_segment)])
    counted = {"crossings": len(made), "links": len(links[0]), "private": int(closed.sum())}
    return WalkNetwork(
        crs=roads.crs, start=drawn.start, end=drawn.end, segment_line=drawn.segment_line,
        segment_from_m=drawn.segment_from_m, aloft=drawn.aloft, stops=stops, links=links, nodes=nodes,
        island=island, private=closed[allowed][drawn.road], barriers=barriers,
        heights=_heights(roads.loc[allowed], drawn),
        facts={"roads": len(roads), "walkable": int(allowed.sum()), **facts, **counted},
    )


def straight_lines(start: Floats, end: Floats) -> NDArray[np.object_]:
    """Segments as geometries."""
    return shapely.linestrings(np.stack([start, end], axis=1))


def foot_of(xy: Floats, start: Floats, end: Floats) -> Floats:
    """The point of each segment that is nearest to each place; all arrays (n, 2)."""
    along = end - start
    square = np.einsum("ij,ij->i", along, along)
    share = np.clip(np.einsum("ij,ij->i", xy - start, along) / square, 0.0, 1.0)
    # at either end the vertex itself, so that segments that share it give the same place to the last digit
    return np.where((share == 1.0)[:, None], end, start + share[:, None] * along)


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """Lines as vertices, and the segments between neighbouring vertices of one line."""

    xy: Floats
    line: Ints
    road: Ints
    along: Floats
    is_end: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    aloft: Floats
    level: Floats
    start: Floats
    end: Floats
    place: Ints
    start_place: Ints
    end_place: Ints
    segment_line: Ints
    segment_from_m: Floats
    start_z: Floats
    end_z: Floats


def _heights(roads: gpd.GeoDataFrame, drawn: _Drawn) -> Floats | None:
    """Metres above sea at both ends of each segment: what the road's columns say, else the third coordinate."""
    made = np.column_stack([drawn.start_z, drawn.end_z])
    if "height_from" in roads and "height_to" in roads:
        length = np.bincount(drawn.segment_line, weights=_apart(drawn.start, drawn.end))
        road = drawn.road
        low, high = (
            pd.to_numeric(roads[name]).to_numpy(dtype="float64", na_value=np.nan)[road]
            for name in ("height_from", "height_to")
        )
        # a road in several pieces does not say where along it each lies
        low = np.where(np.bincount(road, minlength=len(roads))[road] > 1, np.nan, low)
        own = drawn.segment_line
        ends = [drawn.segment_from_m, drawn.segment_from_m + _apart(drawn.start, drawn.end)]
        said = np.column_stack([low[own] + (high - low)[own] * at / length[own] for at in ends])
        made = np.where(np.isfinite(said), said, made)
    return made if np.isfinite(made).any() else None


def _draw(roads: gpd.GeoDataFrame) -> _Drawn:
    parts, road = shapely.get_parts(roads.geometry.to_numpy(), return_index=True)
    flat = np.isin(shapely.get_type_id(parts), [shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING])
    xyz, part = shapely.get_coordinates(parts[flat], return_index=True, include_z=True)
    xy, z = np.ascontiguousarray(xyz[:, :2]), xyz[:, 2]
    # a vertex that repeats the one before it, or is no number, ends nothing and joins nothing
    keep = np.isfinite(xy).all(axis=1)
    keep[1:] &= (xy[1:] != xy[:-1]).any(axis=1) | (part[1:] != part[:-1])
    keep &= np.bincount(part[keep], minlength=flat.sum())[part] > 1
    xy, part, z = xy[keep], part[keep], z[keep]
    used, line = np.unique(part, return_inverse=True)
    layer, off = levels(roads)
    of_line = road[flat][used]

    first = np.flatnonzero(line[1:] == line[:-1])
    start, end, segment_line = xy[first], xy[first + 1], line[first]
    run = np.zeros(len(xy))
    run[first + 1] = _apart(start, end)
    run = np.cumsum(run)
    opens = np.flatnonzero(np.diff(line, prepend=-1))
    along = run - run[opens][line]
    is_end = np.zeros(len(xy), dtype=bool)
    is_end[opens] = is_end[opens - 1] = True
    place = _places(xy)
    return _Drawn(
        xy=xy, line=line, road=of_line, along=along, is_end=is_end, shared=np.bincount(place)[place] > 1,
        aloft=(np.abs(layer) + off / 2)[of_line],
        # a level of its own (NaN equals nothing) for what is off the ground
        level=np.where(off, np.nan, layer)[of_line], start=start, end=end, place=place, start_place=place[first],
        end_place=place[first + 1], segment_line=segment_line, segment_from_m=along[first],
        start_z=z[first], end_z=z[first + 1],
    )


def _crossings(tree: shapely.STRtree, drawn: _Drawn) -> tuple[Ints, Floats]:
    """Segments and places where lines of one level meet without a shared vertex; each place once for each segment."""
    level = drawn.level[drawn.segment_line]
    one, other = tree.query(tree.geometries)
    # by boxes, then by number and level, then without neighbours that share a vertex: few are left for the real test
    few = (one < other) & (level[one] == level[other])
    one, other = one[few], other[few]
    for at in (drawn.start_place, drawn.end_place):
        apart = (at[one] != drawn.start_place[other]) & (at[one] != drawn.end_place[other])
        one, other = one[apart], other[apart]
    meets = shapely.intersects(tree.geometries[one], tree.geometries[other])
    one, other = one[meets], other[meets]
    # a crossing is one point; two segments on top of each other meet from one point to another
    xy, pair = shapely.get_coordinates(
        shapely.intersection(tree.geometries[one], tree.geometries[other]), return_index=True
    )
    return np.concatenate([one[pair], other[pair]]), np.concatenate([xy, xy])


def _beside(tree: shapely.STRtree, drawn: _Drawn, ends: Ints, join_m: float) -> tuple[Ints, Ints, Floats]:
    """Ends (numbers into `ends`) beside another line of their level, that line's nearest segment, the place on it."""
    end, segment = tree.query(shapely.points(drawn.xy[ends]), predicate="dwithin", distance=join_m)
    line = drawn.line[ends]
    other = drawn.segment_line[segment]
    fit = (other != line[end]) & (drawn.level[other] == drawn.level[line[end]])
    # most ends lie on a vertex of the other line: they have met already
    at = drawn.place[ends][end]
    fit &= (drawn.start_place[segment] != at) & (drawn.end_place[segment] != at)
    end, segment, other = end[fit], segment[fit], other[fit]
    xy = foot_of(drawn.xy[ends[end]], drawn.start[segment], drawn.end[segment])
    order = np.lexsort((segment, _apart(xy, drawn.xy[ends[end]]), other, end))
    end, segment, other, xy = end[order], segment[order], other[order], xy[order]
    nearest = np.ones(len(end), dtype=bool)
    nearest[1:] = (end[1:] != end[:-1]) | (other[1:] != other[:-1])
    return end[nearest], segment[nearest], xy[nearest]


def _links(
    stops: Stops, nodes: int, one: Ints, other: Ints, own: Ints, onto: Ints, metres: Floats
) -> tuple[Ints, Ints, Floats]:
    """Links between nodes `one` and `other`, of the lines `own` and `onto`; none where these two lines meet there."""
    apart = one != other
    one, other, own, onto, metres = one[apart], other[apart], own[apart], onto[apart], metres[apart]
    concerned = np.zeros(nodes, dtype=bool)
    concerned[one] = concerned[other] = True
    few = concerned[stops.node]
    stands_on = stops.line[few] * nodes + stops.node[few]
    # where the two lines meet at that very end, a link would only cut the corner
    met = (own != onto) & (np.isin(onto * nodes + one, stands_on) | np.isin(own * nodes + other, stands_on))
    return shortest(np.minimum(one, other)[~met], np.maximum(one, other)[~met], metres[~met])


def _close_pairs(xy: Floats, within_m: float) -> Ints:
    if not len(xy):
        return np.empty((0, 2), dtype=np.intp)
    return cKDTree(xy).query_pairs(within_m, output_type="ndarray")


def _islands(
    stops: Stops, links: tuple[Ints, Ints, Floats], nodes: int, drawn: _Drawn
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """Which lines belong to an island, and the facts about parts of the network."""
    tail, head, _ = (np.concatenate(pair) for pair in zip(stops.edges, links, strict=True))
    graph = coo_array((np.ones(len(tail)), (tail, head)), shape=(nodes, nodes))
    parts, part = connected_components(graph, directed=False) if nodes else (0, np.empty(0, dtype=np.intp))
    opens = np.flatnonzero(np.diff(stops.line, prepend=-1))
    part_of_line = part[stops.node[opens]]
    length = np.bincount(drawn.segment_line, weights=_apart(drawn.start, drawn.end), minlength=len(opens))
    metres = np.bincount(part_of_line, weights=length, minlength=parts)
    whole = metres.sum()
    small = (metres < ISLAND_M) & (metres < ISLAND_SHARE * whole) & (metres < metres.max(initial=0.0))
    return small[part_of_line], {
        "metres": round(float(whole), 1), "parts": parts,
        "largest_share": round(float(metres.max(initial=0.0) / whole), 4) if whole else 0.0,
        "islands": int(small.sum()), "island_metres": round(float(metres[small].sum()), 1),
    }


def _places(xy: Floats) -> Ints:
    """Number of the place of each point; points that agree to the millimetre are one place."""
    # + 0.0 makes one zero of two; two numbers as one complex are hashed at once
    rounded = np.ascontiguousarray(np.rint(xy * _MILLIMETRES) + 0.0)
    return pd.factorize(rounded.view(np.complex128).ravel())[0]


def _along_the_ground(node: Ints, xy: Floats) -> Ints:
    """The nodes renumbered square by square: neighbours on the ground are neighbours in memory (half the time)."""
    count = int(node.max(initial=-1)) + 1
    if not count:
        return node
    at = np.empty((count, 2))
    at[node[::-1]] = xy[::-1]
    low = at.min(axis=0)
    square = np.floor((at - low) / max(float((at.max(axis=0) - low).max()) / 65535, 10.0)).astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        square = (square | (square << np.uint64(shift))) & np.uint64(mask)
    rank = np.empty(count, dtype=np.intp)
    rank[np.lexsort((at[:, 1], at[:, 0], square[:, 0] | (square[:, 1] << np.uint64(1))))] = np.arange(count)
    return rank[node]


def _apart(one: Floats, other: Floats) -> Floats:
    return np.hypot(one[:, 0] - other[:, 0], one[:, 1] - other[:, 1])
