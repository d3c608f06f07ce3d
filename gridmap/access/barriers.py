"""What nobody walks through on the way from a door to the street: walls, fences, railways, rivers, motorways.

Streets are taken as they are drawn, bridges and crossings among them; barriers bind only what no map draws, the access
leg from a door to its street. A street that leads through a wall is its gate; where the gates themselves are known, a
wall is open there, and a door behind it may walk to the gate and on to the street.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from gridmap.access.cells import Cells, Floats, Ints
from gridmap.access.frames import require_metres, spots
from gridmap.access.roads import FAST, levels, walkable, words

__all__ = ["Barriers", "build_barriers"]

#: Kinds of the layer `barriers` that one steps over or through, or that lie underground; no kind at all is a wall.
_PASSED = frozenset({
    "subway", "ferry", "path", "barrier", "kerb", "bollard", "block", "chain", "gate", "lift_gate", "swing_gate",
    "kissing_gate", "entrance", "stile", "turnstile", "cycle_barrier", "toll_booth", "height_restrictor", "log", "rope",
})

#: Railways that run in the street, or no more.
_PASSED_RAILS = frozenset({
    "tram", "abandoned", "disused", "razed", "dismantled", "platform", "proposed", "construction", "subway", "station",
})

#: Waters that one steps over.
_SMALL_WATERS = frozenset({"stream", "ditch", "drain", "pool", "swimming_pool", "fountain"})

#: Roads that one does not cross on foot where walkers are kept off them; motorways are so in any case.
_FAST_WITHOUT_WALKERS = frozenset({"trunk", "trunk_link"})


#: What a gate opens, how wide, and how far from the line of it a gate may be drawn, metres.
_OPENED = frozenset({"wall", "fence", "hedge", "retaining_wall", "city_wall"})
_GATE_M, _BESIDE_M = 3.0, 10.0

#: A gate that says so lets nobody through.
_SHUT = frozenset({"no", "emergency", "locked", "关闭"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Barriers:
    """Straight pieces that no access leg crosses, the kind of each, and where gates open them, (gates, 2)."""

    crs: pyproj.CRS
    start: Floats
    end: Floats
    kind: NDArray[np.object_]
    gates: Floats = field(default_factory=lambda: np.empty((0, 2)))

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def cells(self) -> Cells:
        """The pieces, to be asked what lies on a way."""
        return Cells.of(self.start, self.end)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The pieces as lines."""
        return shapely.STRtree(shapely.linestrings(np.stack([self.start, self.end], axis=1)))

    def touched_by(self, shapes: NDArray[np.object_]) -> tuple[Ints, Ints]:
        """Pieces that run along or through each shape: where each shape's begin, and their numbers."""
        shape, piece = self.tree.query(shapes, predicate="intersects")
        order = np.lexsort((piece, shape))
        begins = np.concatenate([[0], np.cumsum(np.bincount(shape, minlength=len(shapes)))])
        return begins.astype(np.intp), piece[order]

    def between(self, xy: Floats, other: Floats) -> NDArray[np.object_]:
        """Kind of the first barrier on the straight way from each place to each other place; None where it is free.

        Examples
        --------
        >>> wall = gpd.GeoDataFrame({"kind": ["wall"]}, geometry=[shapely.LineString([(5, -5), (5, 5)])], crs=4549)
        >>> build_barriers(barriers=wall).between(np.array([[0.0, 0.0]] * 2), np.array([[9.0, 0.0], [0.0, 9.0]]))
        array(['wall', None], dtype=object)
        """
        first = self.cells.first_crossed(xy, other)
        found = np.full(len(first), None, dtype=object)
        found[first >= 0] = self.kind[first[first >= 0]]
        return found


def build_barriers(
    *,
    barriers: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    roads: gpd.GeoDataFrame | None = None,
    gates: gpd.GeoDataFrame | None = None,
) -> Barriers | None:
    """Barriers from the layers of a city; None where none of the layers has any.

    Parameters
    ----------
    barriers
        Lines or areas (their outlines count) with any of the columns `kind`, `bridge`, `tunnel`, `layer`. What runs on
        a bridge or underground bars nobody, nor do kerbs, bollards, gates and trams.
    water
        Lines or areas with any of the columns `kind`, `tunnel`. Streams, ditches and pools bar nobody.
    roads
        Motorways, and trunk roads that walkers may not use, on the ground.
    gates
        Points with any of the columns `access`. Walls, fences and hedges are open for 3 m to either side of a gate that
        stands within 10 m of them; one whose `access` is no opens nothing. Other barriers have no gates.

    Returns
    -------
    Barriers, or None.

    Raises
    ------
    CrsMismatch
        Where a layer has no CRS in metres or another than the others.

    Examples
    --------
    >>> rivers = gpd.GeoDataFrame({"kind": ["river", "ditch"]}, crs="EPSG:4549", geometry=[
    ...     shapely.LineString([(0, 0), (10, 0), (10, 10)]), shapely.LineString([(0, 5), (9, 5)])])
    >>> made = build_barriers(water=rivers)
    >>> len(made), made.kind.tolist()
    (2, ['river', 'river'])
    """
    if barriers is None and water is None and roads is None:
        return None
    require_metres(barriers=barriers, water=water, roads=roads, gates=gates)
    found: list[tuple[gpd.GeoDataFrame, pd.Series]] = []
    if barriers is not None and len(barriers):
        kind, rail = words(barriers, "kind"), words(barriers, "railway")
        layer, off = levels(barriers)
        bars = ~kind.isin(_PASSED) & ~rail.isin(_PASSED_RAILS) & ~off & (layer >= 0)
        found.append((barriers.loc[bars], kind[bars].where(kind[bars] != "", "wall")))
    if water is not None and len(water):
        kind = words(water, "kind")
        bars = ~kind.isin(_SMALL_WATERS) & ~levels(water)[1]
        found.append((water.loc[bars], kind[bars].where(kind[bars] != "", "water")))
    if roads is not None and len(roads):
        kind = words(roads, "class")
        layer, off = levels(roads)
        fast = kind.isin(FAST) | kind.isin(_FAST_WITHOUT_WALKERS)
        bars = fast & ~walkable(roads).to_numpy() & ~off & (layer == 0)
        found.append((roads.loc[bars], pd.Series("motorway", index=roads.index[bars])))
    found = [(frame, kinds) for frame, kinds in found if len(frame)]
    if not found:
        return None
    starts, ends, kinds = [], [], []
    for frame, kind in found:
        start, end, row = _pieces(frame)
        starts.append(start)
        ends.append(end)
        kinds.append(kind.to_numpy(dtype=object)[row])
    made = Barriers(
        crs=found[0][0].crs, start=np.concatenate(starts), end=np.concatenate(ends), kind=np.concatenate(kinds)
    )
    if gates is None or not len(gates):
        return made
    return _opened(made, spots(gates[~words(gates, "access").isin(_SHUT)]))


def _opened(walls: Barriers, gates: Floats) -> Barriers:
    """The barriers with a hole at each gate, and the gates that stand in one."""
    gates = gates[np.isfinite(gates).all(axis=1)]
    gate, piece = walls.tree.query(shapely.points(gates), predicate="dwithin", distance=_BESIDE_M)
    opens = np.isin(walls.kind[piece], list(_OPENED))
    gate, piece = gate[opens], piece[opens]
    if not len(gate):
        return walls
    lines = walls.tree.geometries
    # the hole lies where the wall is nearest to the gate
    at = shapely.points(gates[gate])
    foot = shapely.line_interpolate_point(lines[piece], shapely.line_locate_point(lines[piece], at))
    away = shapely.distance(foot, at)
    nearest = np.full(len(gates), np.inf)
    np.minimum.at(nearest, gate, away)
    own = away <= nearest[gate] + 1e-6
    hole = shapely.union_all(shapely.buffer(foot[own], _GATE_M))
    touched = np.unique(walls.tree.query(hole, predicate="intersects"))
    touched = touched[np.isin(walls.kind[touched], list(_OPENED))]
    left, of = shapely.get_parts(shapely.difference(lines[touched], hole), return_index=True)
    some = ~shapely.is_empty(left)
    ends = shapely.get_coordinates(left[some]).reshape(-1, 2, 2)
    stays = np.ones(len(walls), dtype=bool)
    stays[touched] = False
    return Barriers(
        crs=walls.crs, start=np.concatenate([walls.start[stays], ends[:, 0]]),
        end=np.concatenate([walls.end[stays], ends[:, 1]]),
        kind=np.concatenate([walls.kind[stays], walls.kind[touched[of[some]]]]),
        gates=np.unique(shapely.get_coordinates(foot[own]).round(6), axis=0),
    )


def _pieces(frame: gpd.GeoDataFrame) -> tuple[Floats, Floats, Ints]:
    """Straight pieces of lines and of the outlines of areas, and the row that each belongs to."""
    parts, row = shapely.get_parts(shapely.force_2d(frame.geometry.to_numpy()), return_index=True)
    area = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, of_area = shapely.get_rings(parts[area], return_index=True)
    line = np.isin(shapely.get_type_id(parts), [shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING])
    lines, rows = np.concatenate([parts[line], rings]), np.concatenate([row[line], row[area][of_area]])
    xy, at = shapely.get_coordinates(lines, return_index=True)
    next_too = (at[1:] == at[:-1]) & np.isfinite(xy[1:]).all(axis=1) & np.isfinite(xy[:-1]).all(axis=1)
    next_too &= (xy[1:] != xy[:-1]).any(axis=1)
    first = np.flatnonzero(next_too)
    return xy[first], xy[first + 1], rows[at[first]]
