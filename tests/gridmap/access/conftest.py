"""The truth for walks, told another way: lines noded by GEOS, a networkx graph, every segment asked by brute force.

Slow and plain on purpose, and sharing no code with `gridmap.access`. Written from the docstrings alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely

NEVER = {"construction", "proposed", "planned", "raceway", "abandoned", "razed", "demolished", "disused"}
BRIDGED = {"yes", "viaduct", "1", "movable", "culvert"}


def key(xy: tuple[float, float]) -> tuple[float, float]:
    return round(xy[0], 3) + 0.0, round(xy[1], 3) + 0.0


def may_walk(tags: dict) -> str:
    """yes, no, or private: to and from the doors on it only."""
    invited = tags["foot"] in ("yes", "designated", "permissive", "destination")
    fast = tags["class"] in ("motorway", "motorway_link")
    if tags["class"] in NEVER or tags["foot"] in ("no", "use_sidepath"):
        return "no"
    if tags["foot"] == "private" or (tags["access"] == "private" and not invited):
        return "no" if fast else "private"
    return "no" if (fast or tags["access"] == "no") and not invited else "yes"


@dataclass
class Reference:
    """Segments (two ends, on the ground or not, so far from street level) in a graph.

    Nodes are coordinates, where several lines share a vertex, and coordinates on one level elsewhere.
    """

    graph: nx.Graph = field(default_factory=nx.Graph)
    private: list = field(default_factory=list)
    segments: list = field(default_factory=list)
    ground: list = field(default_factory=list)
    aloft: list = field(default_factory=list)
    ends: list = field(default_factory=list)
    shared: set = field(default_factory=set)

    def node(self, level: object, xy: tuple[float, float]) -> object:
        return key(xy) if key(xy) in self.shared else (level, key(xy))

    def join(self, one: object, other: object, metres: float, private: bool = False) -> None:
        name = "private" if private else "metres"
        if one != other and metres < self.graph.get_edge_data(one, other, {}).get(name, math.inf):
            self.graph.add_edge(one, other, **{name: metres})

    def add(self, line: shapely.LineString, level: object, ground: bool, aloft: float, private: bool) -> None:
        for xy in pairwise(line.coords):
            start, end = (self.node(level, at) for at in xy)
            self.graph.add_nodes_from([start, end])
            self.join(start, end, math.dist(*xy), private)
            self.private.append(private)
            self.segments.append(shapely.LineString(xy))
            self.ends.append((start, end))
            self.ground.append(ground)
            self.aloft.append(aloft)

    def place(self, name: object, spot: shapely.Point, at: int) -> tuple[object, int, float]:
        """Put a place on a segment into the graph."""
        segment = self.segments[at]
        start, end = (shapely.Point(end) for end in segment.coords)
        foot = segment.interpolate(segment.project(spot))
        self.join(name, self.ends[at][0], foot.distance(start), self.private[at])
        self.join(name, self.ends[at][1], foot.distance(end), self.private[at])
        return name, at, foot.distance(start)


def build(roads: gpd.GeoDataFrame, join_m: float) -> Reference:
    tags = roads.reindex(columns=["class", "foot", "access", "bridge", "tunnel", "layer"]).astype(object)
    tags = tags.where(tags.notna(), None)
    lines, aloft, closed = [], [], []
    for shape, row in zip(roads.geometry, tags.to_dict("records"), strict=True):
        if may_walk(row) != "no":
            off = row["bridge"] in BRIDGED or row["tunnel"] in ("yes", "1", "culvert")
            layer = int(float(row["layer"] or 0))
            lines += [(part, None if off else layer) for part in shapely.get_parts(shape)]
            aloft += [abs(layer) + off * 0.5] * shapely.get_num_geometries(shape)
            closed += [may_walk(row) == "private"] * shapely.get_num_geometries(shape)
    made = Reference()
    vertices = Counter(key(xy) for line, _ in lines for xy in line.coords)
    made.shared = {xy for xy, count in vertices.items() if count > 1}
    for level in {level for _, level in lines if level is not None}:
        noded = shapely.union_all([line for line, own in lines if own == level])
        public = shapely.union_all([line for (line, own), shut in zip(lines, closed, strict=True)
                                    if own == level and not shut])
        for part in shapely.get_parts(noded):
            # where a private way lies on a public one, it is public
            middle = part.interpolate(0.5, normalized=True)
            made.add(part, level, True, abs(level), public.is_empty or middle.distance(public) > 1e-7)
    for number, ((line, level), high) in enumerate(zip(lines, aloft, strict=True)):
        if level is None:
            made.add(line, ("aloft", number), False, high, closed[number])
    link(made, lines, join_m)
    return made


def link(made: Reference, lines: list, join_m: float) -> None:
    """Ends beside ends (any level) and beside lines (same level, on the ground), by the length of the gap."""
    corners = [{key(xy) for xy in line.coords} for line, _ in lines]
    ends = [(number, end) for number, (line, _) in enumerate(lines) for end in (line.coords[0], line.coords[-1])]
    shapes = np.array([line for line, _ in lines], dtype=object)
    group = [("aloft", number) if level is None else level for number, (_, level) in enumerate(lines)]
    levels = np.array([math.nan if level is None else level for _, level in lines])
    spots = shapely.points([end for _, end in ends])
    for one, other in zip(*shapely.STRtree(spots).query(spots, predicate="dwithin", distance=join_m), strict=True):
        (line, end), (onto, beside) = ends[one], ends[other]
        met = line != onto and (key(end) in corners[onto] or key(beside) in corners[line])
        if one < other and not met:
            made.join(made.node(group[line], end), made.node(group[onto], beside), math.dist(end, beside))
    for one, onto in zip(*shapely.STRtree(shapes).query(spots, predicate="dwithin", distance=join_m), strict=True):
        line, end = ends[one]
        if line == onto or levels[line] != levels[onto] or key(end) in corners[onto]:
            continue
        foot = shapes[onto].interpolate(shapes[onto].project(spots[one]))
        if key(foot.coords[0]) in corners[line]:
            continue
        # the foot lies on one or two of the noded segments: it is a place on each of them
        name = made.node(group[onto], foot.coords[0])
        for at in np.flatnonzero(shapely.distance(made.segments, foot) < 1e-7):
            if made.ground[at] and shapes[onto].distance(made.segments[at].centroid) < 1e-7:
                made.place(name, foot, at)
        made.join(made.node(group[line], end), name, spots[one].distance(foot))


def nearest_segment(made: Reference, spot: shapely.Point, allowed: np.ndarray) -> tuple[int, float]:
    away = shapely.distance(np.array(made.segments, dtype=object), spot)
    away[~allowed] = math.inf
    tied = np.flatnonzero(away < away.min() + 1e-8)
    feet = [made.segments[at].interpolate(made.segments[at].project(spot)) for at in tied]
    best = min(range(len(tied)), key=lambda n: (made.aloft[tied[n]], round(feet[n].x, 6), round(feet[n].y, 6)))
    return int(tied[best]), float(away[tied[best]])


def reference_walks(
    buildings: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, join_m: float = 0.5
) -> pd.DataFrame:
    made = build(roads, join_m)
    # islands: short parts that are not the largest
    length = pd.Series([segment.length for segment in made.segments])
    part_of = {node: part for part, nodes in enumerate(nx.connected_components(made.graph)) for node in nodes}
    part = pd.Series([part_of[start] for start, _ in made.ends])
    # of two segments on top of each other one was dissolved in the union: lengths of parts are near enough here
    total = length.groupby(part).sum()
    islands = total.index[(total < 300) & (total < 0.01 * total.sum()) & (total < total.max())]
    inland, everywhere = ~part.isin(islands).to_numpy(), np.ones(len(part), dtype=bool)

    placed: dict[int, list] = {}
    legs = {}

    def put(name: object, shape: object) -> None:
        spot = shape if shape.geom_type == "Point" else shape.representative_point()
        at, away = nearest_segment(made, spot, everywhere)
        if not inland[at]:
            other, farther = nearest_segment(made, spot, inland)
            if farther - away <= 100:
                at, away = other, farther
        entry = made.place(name, spot, at)
        for neighbour, _, along in placed.setdefault(at, []):
            made.join(name, neighbour, abs(along - entry[2]), made.private[at])
        placed[at].append(entry)
        legs[name] = away

    for number, shape in enumerate(facilities.geometry):
        put(("facility", number), shape)
    for number, shape in enumerate(buildings.geometry):
        put(("door", number), shape)
    # three storeys: private ways around the facility, public ways, private ways around the door; no way back up
    storeys = nx.DiGraph()
    for node in made.graph:
        storeys.add_edge((0, node), (1, node), metres=0.0)
        storeys.add_edge((1, node), (2, node), metres=0.0)
    for one, other, data in made.graph.edges(data=True):
        for storey in (0, 1, 2):
            metres = data.get("metres" if storey == 1 else "private")
            if metres is not None:
                storeys.add_edge((storey, one), (storey, other), metres=metres)
                storeys.add_edge((storey, other), (storey, one), metres=metres)
    walks = {}
    for kind in sorted(set(facilities["kind"])):
        for number in np.flatnonzero(facilities["kind"] == kind):
            storeys.add_edge(("kind", kind), (0, ("facility", number)), metres=legs["facility", number])
        reach = nx.single_source_dijkstra_path_length(storeys, ("kind", kind), weight="metres")
        storeys.remove_node(("kind", kind))
        walks[kind] = [reach.get((2, ("door", n)), math.nan) + legs["door", n] for n in range(len(buildings))]
    return pd.DataFrame(walks, index=buildings.index)


@pytest.fixture(scope="session")
def reference() -> Callable[..., pd.DataFrame]:
    """Metres on foot by brute force: `reference(buildings, facilities, roads)`."""
    return reference_walks


