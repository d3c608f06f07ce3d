"""Buildings as atoms: the smallest pieces that a split moves around.

Overlapping and nested footprints become one atom where they fit together; a building above the maximum becomes
several. Households are conserved to the last one: every step counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.necks import ANNEX_SHARE, cut_at_necks, without_scraps
from gridmap.micro_grids.towers import Part, divide_building, divide_footprint, share_out
from layers.errors import DataBroken
from layers.findings import Findings

__all__ = ["Atoms", "make_atoms"]

#: Square metres of overlap between two footprints that count as touching only.
TOUCH_M2 = 0.1
#: Half the side of the square that stands for a building known as a point only, metres.
POINT_HALF_M = 3.0
_GRID_M = 0.001


@dataclass
class Atoms:
    """Pieces of buildings, all with a footprint of their own.

    `geometry`, `households`, `stacked`, `things` have one entry an atom; `parts` one row a part (several floor bands
    stand on one atom), with the position of its building, its atom, unit, floors, households and the reason why it is
    too big.
    """

    geometry: np.ndarray
    households: np.ndarray
    #: True where the atom is alone by nature: floor bands, or more households than the maximum.
    stacked: np.ndarray
    #: 1 for one whole building or known entrance, 2 for what should meet the wish even alone (see `CellGraph.things`).
    things: np.ndarray
    parts: pd.DataFrame


def _usable(geometry: np.ndarray) -> np.ndarray:
    """Footprints on the millimetre grid; a point stands for a small square."""
    points = np.isin(shapely.get_type_id(geometry), (0, 4))
    geometry = geometry.copy()
    if points.any():
        x, y = shapely.get_x(shapely.centroid(geometry[points])), shapely.get_y(shapely.centroid(geometry[points]))
        geometry[points] = shapely.box(x - POINT_HALF_M, y - POINT_HALF_M, x + POINT_HALF_M, y + POINT_HALF_M)
    return _on_grid(geometry)


def _on_grid(geometry: np.ndarray) -> np.ndarray:
    """Areas with every corner on the millimetre grid, in one form however they were drawn."""
    points, owner = shapely.get_coordinates(geometry, return_index=True)
    points = np.round(points, 3)
    rounded = shapely.set_coordinates(geometry.copy(), points)
    # Rounding may fold a thin footprint or one with corners nearer than a millimetre: GEOS mends those.
    again = (points[1:] == points[:-1]).all(axis=1) & (owner[1:] == owner[:-1])
    hard = ~shapely.is_valid(rounded) | (shapely.get_dimensions(rounded) != 2)
    hard[owner[1:][again]] = True
    rounded[hard] = shapely.set_precision(shapely.set_precision(geometry[hard], _GRID_M), 0.0)
    return shapely.normalize(rounded)


def _areas(geometry: np.ndarray) -> np.ndarray:
    """Geometry without the points and lines that an intersection may leave."""
    mixed = np.flatnonzero(~np.isin(shapely.get_type_id(geometry), (3, 6)))
    for position in mixed:  # rare
        parts = [part for part in shapely.get_parts(geometry[position]) if part.geom_type == "Polygon"]
        geometry[position] = shapely.multipolygons(parts) if parts else shapely.Polygon()
    return geometry


def _overlaps(geometry: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of footprints that share ground, first position lower, and the square metres shared."""
    left, right = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    keep = left < right
    left, right = left[keep], right[keep]
    # Most neighbours only share a wall: that is told without cutting them.
    keep = ~shapely.touches(geometry[left], geometry[right])
    left, right = left[keep], right[keep]
    common = shapely.intersection(geometry[left], geometry[right])
    shared = shapely.area(common)
    # Walls drawn askew share a strip thinner than the grid: it vanishes when the ground is cut.
    keep = shared > np.maximum(1e-6, 0.5 * _GRID_M * shapely.length(common))
    return left[keep], right[keep], shared[keep]


def _group(
    geometry: np.ndarray, households: np.ndarray, band: Band, overlaps: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Group number of each footprint: overlapping ones together while the group holds at most the maximum.

    Largest overlap first, so that the answer does not depend on the order of rows.
    """
    keep = overlaps[2] > TOUCH_M2
    left, right, shared = (item[keep] for item in overlaps)
    group = np.arange(len(geometry))
    weight = households.copy()

    def root(item: int) -> int:
        while group[item] != item:
            group[item] = group[group[item]]
            item = int(group[item])
        return item

    centre = shapely.get_coordinates(shapely.centroid(geometry))
    order = np.lexsort((centre[left, 0], centre[left, 1], -np.round(shared, 3)))
    for position in order:  # each merge depends on the ones before it
        a, b = root(int(left[position])), root(int(right[position]))
        if a != b and weight[a] + weight[b] <= band.high:
            group[max(a, b)] = min(a, b)
            weight[min(a, b)] += weight[max(a, b)]
    return np.array([root(item) for item in range(len(geometry))])


def make_atoms(
    buildings: gpd.GeoDataFrame, band: Band, findings: Findings, *, outline: shapely.Geometry | None = None
) -> Atoms:
    """The pieces that a split moves around.

    Parameters
    ----------
    buildings
        RangeIndex; `households` without nulls; geometry areas or points, metric CRS; `units` and `levels` where known.
    band
        Households a micro-grid; a building above `band.high` is divided.
    findings
        Overlaps that had to be resolved are written down here.
    outline
        Footprints end at it, so that every piece of a building has ground to stand on.

    Returns
    -------
    Atoms

    Raises
    ------
    DataBroken
        Where households were lost on the way: a bug, never bad data.
    """
    count = len(buildings)
    households = buildings["households"].to_numpy(dtype=np.int64)
    geometry = _usable(buildings.geometry.to_numpy())
    if outline is not None:
        crossing = ~shapely.covers(outline, geometry)
        geometry[crossing] = _areas(shapely.intersection(geometry[crossing], outline, grid_size=_GRID_M))
    live = ~(shapely.is_empty(geometry) | shapely.is_missing(geometry))
    codes = buildings["code"].to_numpy(dtype=object)
    if not live.all():
        # Too thin for the grid: stand for it by a small square where it was, so that its households stay.
        where = np.flatnonzero(~live)
        spots = shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy()[where]))
        geometry[where] = shapely.box(
            spots[:, 0] - 0.5, spots[:, 1] - 0.5, spots[:, 0] + 0.5, spots[:, 1] + 0.5
        )
        live[:] = True
    overlaps = _overlaps(geometry)
    group = _group(geometry, households, band, overlaps)
    geometry = _part_overlaps(geometry, group, overlaps, codes, findings)

    atoms: list[shapely.Geometry] = []
    weights: list[int] = []
    stacked: list[bool] = []
    things: list[int] = []
    rows: list[tuple[int, int, Part]] = []
    units = _numbers(buildings, "units")
    levels = _numbers(buildings, "levels")
    members = pd.Series(np.arange(count)).groupby(group).indices
    for head in sorted(members):  # one head a group; most groups are one building
        group_members = members[head]
        total = int(households[group_members].sum())
        if len(group_members) == 1 and total > band.high:
            parts = _divided(geometry[head], total, band, units[head], levels[head])
            seen: dict[int, int] = {}
            for part in parts:
                if id(part.geometry) not in seen:
                    seen[id(part.geometry)] = len(atoms)
                    atoms.append(part.geometry)
                    weights.append(0)
                    stacked.append(part.floor_from is not None or part.households > band.high)
                    things.append(1 if part.known or len(parts) == 1 else 2)
                atom = seen[id(part.geometry)]
                weights[atom] += part.households
                rows.append((int(head), atom, part))
        else:
            shape = geometry[head] if len(group_members) == 1 else shapely.union_all(geometry[group_members])
            atoms.append(shape)
            weights.append(total)
            stacked.append(total > band.high)
            things.append(min(2, max(1, int((households[group_members] > 0).sum()))))
            rows += [(int(item), len(atoms) - 1, Part(shape, int(households[item]))) for item in group_members]
    table = pd.DataFrame(
        {
            "building": [building for building, _, _ in rows],
            "atom": [atom for _, atom, _ in rows],
            "households": [part.households for _, _, part in rows],
            "unit": pd.array([part.unit for _, _, part in rows], dtype="Int64"),
            "floor_from": pd.array([part.floor_from for _, _, part in rows], dtype="Int64"),
            "floor_to": pd.array([part.floor_to for _, _, part in rows], dtype="Int64"),
            "reason": pd.Series([part.reason for _, _, part in rows], dtype="object"),
            "geometry": pd.Series([part.geometry for _, _, part in rows], dtype="object"),
        }
    )
    result = Atoms(
        np.array(atoms, dtype=object), np.array(weights, dtype=np.int64), np.array(stacked, dtype=bool),
        np.array(things, dtype=np.int64), table,
    )  # fmt: skip
    if int(result.households.sum()) != int(households.sum()) or int(table["households"].sum()) != int(households.sum()):
        raise DataBroken(
            f"{int(households.sum())} households went in and {int(result.households.sum())} came out of the atoms; "
            "this is a fault of gridmap, please report it with the input"
        )
    return result


def _divided(
    footprint: shapely.Geometry, households: int, band: Band, units: float, levels: float
) -> list[Part]:
    """Parts of a big building; of one with several outlines each outline is divided by its share of the area."""
    known_units = None if np.isnan(units) else int(units)
    known_levels = None if np.isnan(levels) else int(levels)
    outlines = shapely.get_parts(footprint)
    if len(outlines) == 1:
        return divide_building(outlines[0], households, band, units=known_units, levels=known_levels)
    # Annexes stay with the first outline and hold nobody.
    areas = shapely.area(outlines)
    main = outlines[areas >= min(ANNEX_SHARE * areas.sum(), areas.max())]
    counts = share_out(households, shapely.area(main))
    parts: list[Part] = []
    for outline, count in zip(main, counts.tolist(), strict=True):
        units_here = None if known_units is None else max(1, round(known_units * count / households))
        if count > (band.high if known_units is not None else band.wish_high):
            here = divide_building(outline, count, band, units=units_here, levels=known_levels)
        else:
            here = [Part(outline, count)]
        parts += here
    return [
        replace(p, unit=n)
        for n, p in zip(_unit_numbers(parts), parts, strict=True)
    ]


def _unit_numbers(parts: list[Part]) -> list[int]:
    """Running unit numbers; floor bands of one outline share theirs."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(id(part.geometry), len(numbers) + 1) for part in parts]


def _numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    if column not in frame:
        return np.full(len(frame), np.nan)
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.where(values >= 1, np.floor(values), np.nan)


def _part_overlaps(
    geometry: np.ndarray,
    group: np.ndarray,
    overlaps: tuple[np.ndarray, np.ndarray, np.ndarray],
    codes: np.ndarray,
    findings: Findings,
) -> np.ndarray:
    """Footprints of different groups made disjoint: the smaller keeps the shared ground, the larger gives it up."""
    keep = group[overlaps[0]] != group[overlaps[1]]
    left, right, shared = (item[keep] for item in overlaps)
    if not len(left):
        return cut_at_necks(geometry)
    area = shapely.area(geometry)
    geometry = geometry.copy()
    smaller: set[int] = set()
    for a, b, overlap in zip(left.tolist(), right.tolist(), shared.tolist(), strict=True):  # few, each on the last
        big, small = (a, b) if (area[a], a) >= (area[b], b) else (b, a)
        rest = shapely.set_precision(shapely.difference(geometry[big], geometry[small]), _GRID_M)
        kept, named = f"the shared ground counts to {codes[small]}", big
        if rest.is_empty:
            # The two are the same ground: halve it, so that both keep a place to stand on.
            halves = divide_footprint(_one(geometry[small]), 2)
            if len(halves) == 2:
                geometry[small], rest = shapely.set_precision(np.array(halves, dtype=object), _GRID_M)
                # Now the smaller one may lie in two micro-grids: the finding is its own.
                kept, named = f"nothing else is left of {codes[big]}: each has half of the ground", small
            else:
                continue
        geometry[big] = rest
        smaller.add(big)
        if overlap > TOUCH_M2:
            findings.add(
                "buildings", "overlap_resolved",
                f"footprints of {codes[a]} and {codes[b]} overlap by {overlap:.1f} m2 and hold too many households "
                "together for one micro-grid",
                kept, code=codes[named],
            )
    geometry = cut_at_necks(_areas(geometry))
    for position in sorted(smaller):
        geometry[position] = without_scraps(geometry[position])
    return geometry


def _one(geometry: shapely.Geometry) -> shapely.Polygon:
    return max(shapely.get_parts(geometry), key=lambda part: part.area)
