"""Which lines bound blocks, and how strongly each one parts neighbours.

Strength runs from 0 (nothing there) to 1 (a main street); `HARD` marks what people do not cross to reach a neighbour:
rail, river, motorway, the walls of cities, communities and estates. A wall or fence is an estate's wall where it runs
along the estate's outline over most of a side; its gates stay passages. What lies in a tunnel or a culvert parts
nobody, and neither does a long viaduct.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

__all__ = ["BARS", "ESTATE", "HARD", "block_lines", "street_lines", "viaduct_lines"]

#: Strength of a line that a micro-grid does not cross while it can do without.
HARD = 2.0
#: Strength of a hard line that ground does not cross either: a bank goes with the street beside it, not with the houses
#: across the river. The strip in front of an estate's wall (`HARD`) goes with the estate.
BARS = 2.5
#: Strength of the boundary between two estates, and of the gate in an estate's wall.
ESTATE = 0.9

#: OpenStreetMap highway class -> strength. Footways, steps and cycleways bound nothing by themselves.
ROADS = {
    "motorway": BARS, "motorway_link": BARS, "trunk": 1.0, "trunk_link": 0.9,
    "primary": 1.0, "primary_link": 0.9, "secondary": 0.9, "secondary_link": 0.8,
    "tertiary": 0.8, "tertiary_link": 0.7, "unclassified": 0.6, "residential": 0.6, "road": 0.6,
    "living_street": 0.55, "pedestrian": 0.55, "service": 0.35, "track": 0.3,
}  # fmt: skip

#: Kind of barrier -> strength.
BARRIERS = {
    "rail": BARS, "light_rail": BARS, "narrow_gauge": BARS, "river": BARS, "canal": BARS, "motorway": BARS,
    "city_wall": BARS, "community_wall": HARD, "estate_wall": HARD,
    "wall": 0.85, "retaining_wall": 0.8, "fence": 0.7, "stream": 0.6, "ditch": 0.5, "drain": 0.5,
    "guard_rail": 0.5, "hedge": 0.4,
}  # fmt: skip
_OTHER_BARRIER = 0.6
_UNDERGROUND = {"subway"}
_RAILS = {"rail", "light_rail", "narrow_gauge"}

#: A long bridge of a railway or a motorway can be walked under anywhere: the boundary may follow it, people pass.
_VIADUCT = 0.4
#: Shorter bridges span one street: the line stays a barrier, metres.
VIADUCT_M = 60.0
#: Kinds that are an estate's wall where they run along its outline.
_WALLS = {"wall", "fence"}
#: How near a wall must run to the outline, metres, and over how much of a side.
WALL_NEAR_M, WALL_SHARE = 6.0, 0.5
#: Widest gap in an estate's wall that counts as its gate, metres.
GATE_M = 25.0
#: An outline this near to a street or a wall is that line, drawn twice, metres.
SAME_LINE_M = 8.0


def _no(frame: pd.DataFrame, column: str) -> pd.Series:
    """True where an OSM yes/no column is empty or says no."""
    if column not in frame:
        return pd.Series(True, index=frame.index)
    values = frame[column].astype("string").str.strip().str.lower()
    return (values.isna() | values.isin(["", "no", "false", "0", "none", "nan"])).astype(bool)


def _on_ground(frame: pd.DataFrame) -> pd.Series:
    """True for what lies on the ground: neither in a tunnel or a culvert, nor covered, nor below it."""
    ground = _no(frame, "tunnel") & _no(frame, "covered")
    if "layer" in frame:
        ground &= pd.to_numeric(frame["layer"], errors="coerce").astype("Float64").fillna(0).astype(float) >= 0
    return ground


def _kind(frame: pd.DataFrame) -> pd.Series:
    """What each barrier is: `kind`, or the OpenStreetMap tag that says it."""
    kind = pd.Series(None, index=frame.index, dtype="object")
    for column in ("kind", "barrier", "railway", "waterway"):
        if column in frame:
            kind = kind.where(kind.notna(), frame[column].astype("object"))
    return kind


def _as_lines(geometry: np.ndarray) -> np.ndarray:
    """Outlines of areas, and lines as they are."""
    area = shapely.get_dimensions(geometry) == 2
    return np.where(area, shapely.boundary(geometry), geometry)


def street_lines(roads: gpd.GeoDataFrame | None) -> np.ndarray:
    """Centre lines of the streets that bound blocks.

    Parameters
    ----------
    roads
        As for `block_lines`.

    Returns
    -------
    array of lines, those of `block_lines(roads)`.
    """
    return block_lines(roads)[0]


def block_lines(
    roads: gpd.GeoDataFrame | None,
    barriers: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    *,
    estates: gpd.GeoDataFrame | None = None,
    outlines: Sequence[tuple[gpd.GeoDataFrame, float]] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Lines that bound blocks, with their strengths.

    Parameters
    ----------
    roads
        Lines in a metric CRS with `class` (OSM highway values); tunnels and what lies below ground are left out. Where
        there is no `class` at all, every line counts as an ordinary street.
    barriers, water
        Lines or areas in the same CRS; of areas the outline counts. `kind` of a barrier gives its strength.
    estates
        Areas whose outlines bound blocks; a wall or fence along one is hard, with its gates open.
    outlines
        Further areas whose outlines are welcome as boundaries, each frame with its strength, 0 to 1.

    Returns
    -------
    lines, strengths
        Arrays of the same length; strength 0 to 1, `HARD` or `BARS`.
    """
    lines: list[np.ndarray] = []
    strengths: list[np.ndarray] = []

    def take(frame: gpd.GeoDataFrame, strength: pd.Series) -> None:
        keep = (strength > 0) & ~(frame.geometry.is_empty | frame.geometry.isna())
        lines.append(_as_lines(frame.geometry.to_numpy()[keep]))
        strengths.append(strength.to_numpy(dtype=float)[keep])

    if roads is not None and len(roads):
        if "class" in roads and roads["class"].notna().any():
            strength = roads["class"].map(ROADS).fillna(0.0)
            strength = strength.mask(_viaduct(roads, strength >= HARD), _VIADUCT)
        else:
            strength = pd.Series(ROADS["residential"], index=roads.index)
        take(roads, strength.where(_on_ground(roads), 0.0))
    if barriers is not None and len(barriers):
        kind = _kind(barriers)
        strength = kind.map(BARRIERS).fillna(_OTHER_BARRIER)
        strength = strength.mask(_viaduct(barriers, kind.isin(_RAILS)), _VIADUCT)
        strength = strength.where(_on_ground(barriers) & ~kind.isin(_UNDERGROUND), 0.0)
        take(barriers, strength)
        walls = kind.isin(_WALLS) & (strength > 0) & ~(barriers.geometry.is_empty | barriers.geometry.isna())
        if estates is not None and len(estates) and walls.any():
            walled, gates = _estate_walls(_as_lines(barriers.geometry.to_numpy()[walls]), estates.geometry.to_numpy())
            lines += [walled, gates]
            strengths += [np.full(len(walled), HARD), np.full(len(gates), ESTATE)]
    if water is not None and len(water):
        kind = _kind(water)
        wide = water.geometry.area > 2000.0
        strength = kind.map(BARRIERS).fillna(0.6).where(~wide, BARS)
        take(water, strength.where(_on_ground(water), 0.0))
    areas = [] if estates is None or not len(estates) else [(estates, ESTATE)]
    for frame, strength_of_outline in (*areas, *outlines):
        known = np.concatenate(lines) if lines else np.empty(0, dtype=object)
        drawn = _outlines(frame, known)
        lines.append(drawn)
        strengths.append(np.full(len(drawn), strength_of_outline))
    if not lines:
        return np.empty(0, dtype=object), np.empty(0)
    return np.concatenate(lines), np.concatenate(strengths)


def viaduct_lines(roads: gpd.GeoDataFrame | None, barriers: gpd.GeoDataFrame | None) -> np.ndarray:
    """Railways and motorways on long bridges, which people walk under.

    Parameters
    ----------
    roads, barriers
        As for `block_lines`.
    """
    found = [np.empty(0, dtype=object)]
    if roads is not None and len(roads) and "class" in roads:
        hard = roads["class"].map(ROADS).fillna(0.0) >= HARD
        found.append(roads.geometry.to_numpy()[_viaduct(roads, hard) & _on_ground(roads)])
    if barriers is not None and len(barriers):
        raised = _viaduct(barriers, _kind(barriers).isin(_RAILS)) & _on_ground(barriers)
        found.append(_as_lines(barriers.geometry.to_numpy()[raised]))
    return np.concatenate(found)


def _viaduct(frame: gpd.GeoDataFrame, of: pd.Series) -> pd.Series:
    """True for those of the marked lines that lie on a long bridge, or are raised where bridges are not told."""
    raised = of.astype(bool) & ~(frame.geometry.is_empty | frame.geometry.isna())
    if "bridge" in frame:
        raised &= ~_no(frame, "bridge")
    elif "layer" in frame:
        raised &= pd.to_numeric(frame["layer"], errors="coerce").astype("Float64").fillna(0).astype(float) >= 1
    else:
        return pd.Series(False, index=frame.index)
    long = pd.Series(False, index=frame.index)
    if raised.any():
        own = frame.geometry.to_numpy()[raised]
        # Ways are cut where their tags change: a viaduct is as long as its pieces together.
        whole = shapely.get_parts(shapely.line_merge(shapely.union_all(own)))
        whole = whole[shapely.length(whole) >= VIADUCT_M]
        middle = shapely.line_interpolate_point(own, 0.5, normalized=True)
        which, _ = shapely.STRtree(whole).query(middle, predicate="dwithin", distance=0.01)
        on = np.zeros(len(own), dtype=bool)
        on[which] = True
        long[raised] = on
    return long


def _estate_walls(walls: np.ndarray, estates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The walls that run along most of a side of an estate, cut to that side, and lines across their gates."""
    rings = shapely.simplify(shapely.get_exterior_ring(shapely.get_parts(estates)), WALL_NEAR_M / 2)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    sides, ring = shapely.linestrings(np.stack([corners[:-1][same], corners[1:][same]], axis=1)), ring[:-1][same]
    side, wall = shapely.STRtree(walls).query(sides, predicate="dwithin", distance=WALL_NEAR_M)
    order = np.lexsort((wall, side))
    side, wall = side[order], wall[order]
    beside = np.unique(side, return_inverse=True)[1]
    near = shapely.buffer(sides[np.unique(side)], WALL_NEAR_M)
    parts, pair = shapely.get_parts(shapely.intersection(walls[wall], near[beside]), return_index=True)
    long = shapely.length(parts) > 0
    parts, side = parts[long], side[pair[long]]
    # How much of the side has a wall beside it: the walls laid onto the side.
    ends = np.sort([shapely.line_locate_point(sides[side], shapely.get_point(parts, end)) for end in (0, -1)], axis=0)
    length = shapely.length(sides)
    hard: list[shapely.Geometry] = []
    gates: list[shapely.Geometry] = []
    walled = np.zeros(len(sides), dtype=bool)
    for number in np.unique(side).tolist():
        here = slice(*np.searchsorted(side, [number, number + 1]))
        walled[number] = _covered(ends[0, here], ends[1, here]) >= WALL_SHARE * length[number]
    kept = walled[side]
    parts, of_ring = parts[kept], ring[side[kept]]
    for number in np.unique(of_ring).tolist():
        own = parts[of_ring == number].tolist()
        hard += own
        gates += _gates(own)
    return np.array(hard, dtype=object), np.array(gates, dtype=object)


def _covered(start: np.ndarray, end: np.ndarray) -> float:
    """Length of the union of intervals."""
    total, reached = 0.0, -np.inf
    for low, high in sorted(zip(start.tolist(), end.tolist(), strict=True)):
        total += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    return total


def _gates(walls: list[shapely.Geometry]) -> list[shapely.Geometry]:
    """Lines across the gaps between the loose ends of an estate's walls, the narrowest first."""
    if not walls:
        return []
    runs = shapely.get_parts(shapely.line_merge(shapely.union_all(np.array(walls, dtype=object), grid_size=0.01)))
    runs = runs[~shapely.is_closed(runs)]
    ends = np.concatenate([shapely.get_point(runs, 0), shapely.get_point(runs, -1)])
    places, number = np.unique(np.round(shapely.get_coordinates(ends), 2), axis=0, return_inverse=True)
    loose = places[np.bincount(number.ravel()) == 1]
    gap = np.hypot(*(loose[:, None] - loose[None]).transpose(2, 0, 1))
    found: list[shapely.Geometry] = []
    left = set(range(len(loose)))
    for a, b in np.column_stack(np.unravel_index(np.argsort(gap, axis=None, kind="stable"), gap.shape)).tolist():
        if gap[a, b] > GATE_M:
            break
        if a < b and a in left and b in left:
            found.append(shapely.linestrings([loose[a], loose[b]]))
            left -= {a, b}
    return found


def _outlines(frame: gpd.GeoDataFrame, known: np.ndarray) -> np.ndarray:
    """Outlines of areas without what runs beside a known line, their loose ends tied to it."""
    geometry = frame.geometry.to_numpy()
    geometry = geometry[~(shapely.is_missing(geometry) | shapely.is_empty(geometry))]
    rings = shapely.get_rings(shapely.get_parts(geometry[shapely.get_dimensions(geometry) == 2]))
    if not len(rings) or not len(known):
        return rings
    corners, ring = shapely.get_coordinates(shapely.segmentize(rings, SAME_LINE_M), return_index=True)
    same = ring[1:] == ring[:-1]
    steps = shapely.linestrings(np.stack([corners[:-1][same], corners[1:][same]], axis=1))
    tree = shapely.STRtree(known)
    middle = shapely.line_interpolate_point(steps, 0.5, normalized=True)
    beside = np.zeros(len(steps), dtype=bool)
    beside[tree.query(middle, predicate="dwithin", distance=SAME_LINE_M)[0]] = True
    if beside.all():
        return np.empty(0, dtype=object)
    runs = shapely.get_parts(shapely.line_merge(shapely.union_all(steps[~beside])))
    loose = runs[~shapely.is_closed(runs)]
    ends = np.concatenate([shapely.get_point(loose, 0), shapely.get_point(loose, -1)])
    which, line = tree.query_nearest(ends, max_distance=2 * SAME_LINE_M, all_matches=False)
    ties = shapely.shortest_line(ends[which], known[line])
    return np.concatenate([runs, ties[shapely.length(ties) > 0.01]])
