"""What stands on the land of an estate: rows of slabs that face south, a few towers, the way in, paths and gardens.

Rows are drawn in the land's own directions (east along the row, north across), then turned back. Distances between
rows follow their height, as daylight rules ask (about 0.9 of it in old estates).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.random import Generator
from shapely import affinity

from layers.sample.fabric import Building, Fabric
from layers.sample.plots import Plot
from layers.sample.shapes import GRID_M, longest_side, south_facing
from layers.sample.streets import Street

__all__ = ["build_estate"]

_FLOOR_M = 2.9
_SPINE_M = 8.0
_TOWER_M = 25.0


def build_estate(
    fabric: Fabric, plot: Plot, land: shapely.Polygon, streets: shapely.Geometry, rng: Generator
) -> shapely.LineString:
    """
    Fill the land of an estate; its way in comes back.

    Parameters
    ----------
    fabric
        Takes what is built.
    land
        What the houses along the street leave of the plot.
    streets
        Middle lines that a way in may start from.
    """
    managed = plot.use == "managed"
    origin = tuple(shapely.get_coordinates(land.centroid)[0])
    # narrow land that slants has no room for rows to the south; there they follow its longer side
    for east in (south_facing(land), longest_side(land)[0]):
        angle = float(np.degrees(np.arctan2(east[1], east[0])))
        rows = _best_rows(affinity.rotate(land, -angle, origin=origin), rng, towers=managed)
        if rows.buildings:
            break

    def back(shape: shapely.Geometry) -> shapely.Geometry:
        return affinity.rotate(shape, angle, origin=origin)

    spine, paths = back(rows.spine_line()), [back(path) for path in rows.paths()]
    way_in = _way_in([spine, *paths], plot.gross, streets)
    # each house of the estate is turned back to where the land lies
    for building in rows.buildings:
        building.shape = shapely.set_precision(back(building.shape), GRID_M)
        building.estate, building.block = plot.estate, plot.block
    fabric.buildings += [one for one in rows.buildings if shapely.within(one.shape, land)]
    fabric.greens += [("garden", "", shapely.set_precision(back(garden), GRID_M)) for garden in rows.gardens()]
    fabric.ways += [Street(name="", kind="service", line=line) for line in (spine, way_in)]
    fabric.ways += [Street(name="", kind="footway", line=path) for path in paths]
    if managed:
        fence = shapely.buffer(land, -0.6, join_style="mitre").exterior
        gap = shapely.buffer(shapely.union_all([spine, way_in]), 4.0)
        fabric.walls += list(shapely.get_parts(shapely.line_merge(shapely.difference(fence, gap))))
    if plot.estate is not None:
        fabric.lands[plot.estate] = land
        fabric.gates[plot.estate] = shapely.line_interpolate_point(way_in, 0.5, normalized=True)
    return way_in


@dataclass
class _Row:
    """One row of houses in the turned plan; `west` and `east` grow with the houses."""

    south: float
    depth: float
    west: float = np.inf
    east: float = -np.inf
    gaps: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Style:
    """What the houses of one estate have in common; metres, and `outline` as in `_Rows._slab`."""

    levels: int
    depth: float
    unit: float
    outline: str
    towers: bool


def _best_rows(land: shapely.Polygon, rng: Generator, *, towers: bool) -> _Rows:
    """The fullest of a few ways to put rows on the land."""
    style = _Style(
        levels=6 if towers else int(rng.choice((3, 4, 4, 5, 5, 6))),
        depth=float(rng.uniform(10.5, 12.5)),
        unit=float(rng.uniform(12.5, 15.5)),
        outline=str(rng.choice(("plain", "stairs", "stairs", "stepped"))),
        towers=towers,
    )
    tries = [_Rows(land, rng, style) for _ in range(6)]
    for rows in tries:
        rows.fill()
    return max(tries, key=lambda rows: sum(one.dwellings for one in rows.buildings))


class _Rows:
    """The houses of one estate in the turned plan."""

    def __init__(self, land: shapely.Polygon, rng: Generator, style: _Style) -> None:
        self.land, self.rng, self.style = land, rng, style
        self.inside = shapely.buffer(land, -3.0, join_style="mitre")
        west, _, east, _ = land.bounds
        self.spine = west + (east - west) * rng.uniform(0.36, 0.64)
        self.rows: list[_Row] = []
        self.buildings: list[Building] = []

    def fill(self) -> None:
        """Rows from south to north until the land ends; towers, where there are any, take the last rows."""
        _, south, _, north = self.inside.bounds
        at = south + self.rng.uniform(0.2, 7.0)
        # a handful of rows; each starts where the daylight of the one before ends
        while at + self.style.depth < north + 1.0:
            tower = self.style.towers and north - at < 62.0
            levels = int(self.rng.integers(14, 19)) if tower else self.style.levels
            row = _Row(at, 18.0 if tower else self.style.depth)
            for west, east in self._room(row):
                (self._towers if tower else self._slabs)(row, west, east, levels)
            if row.west < row.east:
                self.rows.append(row)
            at += row.depth + (24.0 if tower else max(12.0, 0.88 * levels * _FLOOR_M) + self.rng.uniform(-0.8, 1.6))

    def spine_line(self) -> shapely.LineString:
        """The way from south to north between the houses."""
        _, south, _, north = self.land.bounds
        column = shapely.LineString([(self.spine, south - 1), (self.spine, north + 1)])
        parts = shapely.get_parts(shapely.intersection(column, shapely.buffer(self.land, -0.5)))
        return parts[int(np.argmax(shapely.length(parts)))]

    def paths(self) -> list[shapely.LineString]:
        """A path along each row on the side of its doors, the north, else the south where the land ends there."""
        ground, found = shapely.buffer(self.land, -1.0), []
        for row in self.rows:
            for y in (row.south + row.depth + 3.2, row.south - 3.2):
                ends = min(row.west + 2.0, self.spine), self.spine, max(row.east - 2.0, self.spine)
                path = shapely.LineString([(x, y) for x in np.unique(ends)])
                if shapely.contains(ground, path):
                    found.append(path)
                    break
        return found

    def gardens(self) -> list[shapely.Polygon]:
        """Green between two rows, now and then."""
        found = []
        for row, after in zip(self.rows, self.rows[1:], strict=False):
            south, north = row.south + row.depth + 5.0, after.south - 2.2
            west, east = max(row.west, after.west) + 2.0, min(row.east, after.east) - 2.0
            for first, last in ((west, self.spine - 5.0), (self.spine + 5.0, east)):
                if north - south > 5.0 and last - first > 14.0 and self.rng.random() < 0.75:
                    garden = shapely.intersection(shapely.box(first, south, last, north), self.inside)
                    if garden.geom_type == "Polygon" and not garden.is_empty:
                        found.append(garden)
        return found

    def _room(self, row: _Row) -> Iterator[tuple[float, float]]:
        """Where along the row both its edges are inside, west and east of the spine."""
        west, _, east, _ = self.inside.bounds
        edges = [
            shapely.intersection(self.inside, shapely.LineString([(west - 1, y), (east + 1, y)]))
            for y in (row.south, row.south + row.depth)
        ]
        if not any(shapely.is_empty(edges)):
            first, last = max(edge.bounds[0] for edge in edges), min(edge.bounds[2] for edge in edges)
            yield first, min(last, self.spine - _SPINE_M / 2)
            yield max(first, self.spine + _SPINE_M / 2), last

    def _slabs(self, row: _Row, west: float, east: float, levels: int) -> None:
        """Slabs of two to five units side by side, as many as there is room for."""
        units = int((east - west + 1.0) // self.style.unit)
        while units > 0:
            count = min(units, int(self.rng.choice([2, 3, 3, 4, 4, 5])))
            if units - count == 1 and units <= 5:
                count = units
            west += self.rng.uniform(0.0, max(0.1, min(1.5, east - west - units * self.style.unit)))
            floors = levels + int(self.rng.choice([-1, 0, 0, 0, 0, 1]))
            length = count * self.style.unit
            self._add(self._slab(west, row, count), floors, count, 2)
            row.west, row.east = min(row.west, west), max(row.east, west + length)
            west += length + self.rng.uniform(5.0, 8.5)
            units = int((east - west + 1.0) // self.style.unit)

    def _slab(self, west: float, row: _Row, units: int) -> shapely.Polygon:
        """Outline of a slab: plain, with stairs that stand out to the north, or its units set off by turns."""
        south = row.south + self.rng.uniform(-0.6, 0.6)
        step = np.tile([0.0, 1.5], units)[:units] if self.style.outline == "stepped" else np.zeros(units)
        left = west + np.arange(units) * self.style.unit
        boxes = shapely.box(left, south + step, left + self.style.unit, south + step + row.depth)
        if self.style.outline == "stairs":
            middle = left + self.style.unit / 2
            stairs = shapely.box(middle - 1.4, south, middle + 1.4, south + row.depth + 1.1)
            boxes = np.concatenate((boxes, stairs))
        return shapely.union_all(boxes, grid_size=GRID_M)

    def _towers(self, row: _Row, west: float, east: float, levels: int) -> None:
        """Towers with four homes a floor, evenly along the row: the first about one stair, the others about two."""
        count = int((east - west + 16.0) // (_TOWER_M + 16.0))
        room = (east - west) / max(count, 1)
        for number, start in enumerate(west + room * np.arange(count) + (room - _TOWER_M) / 2):
            wings = shapely.box(start, row.south + 4.5, start + _TOWER_M, row.south + 14.0)
            middle = start + _TOWER_M / 2
            core = shapely.box(middle - 7.5, row.south, middle + 7.5, row.south + row.depth)
            stairs = 1 if number == 0 else 2
            self._add(shapely.union(wings, core, grid_size=GRID_M), levels, stairs, 4 // stairs)
            row.west, row.east = min(row.west, start), max(row.east, start + _TOWER_M)

    def _add(self, shape: shapely.Polygon, levels: int, units: int, per_floor: int) -> None:
        dwellings = units * levels * per_floor
        self.buildings.append(Building(shape=shape, use="住宅", levels=levels, units=units, dwellings=dwellings))


def _way_in(
    lines: list[shapely.LineString], gross: shapely.Polygon, streets: shapely.Geometry
) -> shapely.LineString:
    """The shortest straight way on from an end of one of the lines to a street, over the plot's own land.

    Where none goes straight on, the shortest way from the first line to a street.
    """
    best: shapely.LineString | None = None
    # two ends of a handful of lines
    for line in lines:
        corners = shapely.get_coordinates(line)
        for tip, before in ((corners[0], corners[1]), (corners[-1], corners[-2])):
            ahead = (tip - before) / np.hypot(*(tip - before))
            hits = shapely.get_coordinates(shapely.intersection(shapely.LineString([tip, tip + ahead * 60.0]), streets))
            if len(hits) == 0:
                continue
            way = shapely.LineString([tip, hits[np.hypot(*(hits - tip).T).argmin()]])
            own = shapely.length(shapely.difference(way, shapely.buffer(gross, 0.05))) < 0.01
            if own and (best is None or way.length < best.length):
                best = way
    return best or shapely.shortest_line(shapely.Point(lines[0].coords[0]), streets)
