"""The old quarter's small houses on their lanes, and the walk-ups that belong to no estate.

Rows between lanes are cut into lots across; a house stands on the lane side of its lot from one neighbour's wall to
the other's, with a yard behind it or a court inside.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.random import Generator

from layers.sample.fabric import Building, Fabric
from layers.sample.plots import Plot, clear, cut_apart
from layers.sample.shapes import GRID_M, cut, longest_side
from layers.sample.streets import Street

__all__ = ["build_lanes", "build_scattered"]

_LOT_WIDTHS_M = (6.5, 7.5, 8.5, 9.5, 11.0, 13.0)


def build_lanes(fabric: Fabric, plot: Plot, main: dict[str, shapely.Geometry], rng: Generator) -> None:
    """
    Small houses on a row of the old quarter, back to back where the row is deep.

    `main` holds the streets, by name, along which the ground floors are shops.
    """
    along, _, depth = longest_side(plot.net)
    halves = [plot.net]
    if depth > 17.0:
        middle = shapely.get_coordinates(plot.net.centroid)[0]
        halves = cut(plot.net, shapely.LineString([middle - along * 200.0, middle + along * 200.0])) or halves
    lots = [lot for half in halves for lot in _lots(half, rng)]
    names = list(main)
    for lot in lots:
        near = shapely.distance(lot, np.array(list(main.values())))
        front = names[int(near.argmin())] if near.min() < 12.5 else None
        _house(fabric, plot, lot, front, rng)


def build_scattered(
    fabric: Fabric, plot: Plot, land: shapely.Polygon, streets: list[Street], rng: Generator
) -> shapely.Geometry:
    """
    Walk-ups, one on each of the odd parcels that footpaths cut the plot into.

    `land` is what the houses along the main streets leave. The footpaths come back as one geometry.
    """
    parcels, ways = cut_apart(plot.gross, rng, least_m2=750.0, most_m2=1250.0, lean=9.0)
    paths = [Street(name="", kind="footway", line=line) for line in ways]
    fabric.ways += paths
    for parcel in parcels:
        own = shapely.intersection(parcel, land, grid_size=GRID_M)
        if own.is_empty or own.area < 120.0:
            continue
        free = clear(max(shapely.get_parts(own), key=shapely.area), [*streets, *paths], beside=0.8)
        shape = shapely.buffer(free, -rng.uniform(0.8, 2.2), join_style="mitre")
        if shape.geom_type != "Polygon" or shape.area < 75.0:
            continue
        along, length, depth = longest_side(shape)
        if depth > 14.5:
            middle = shapely.get_coordinates(shape.centroid)[0]
            line = shapely.LineString([middle - along * length, middle + along * length])
            band = shapely.buffer(line, rng.uniform(5.5, 7.0), cap_style="flat")
            shape = max(shapely.get_parts(shapely.intersection(shape, band)), key=shapely.area)
        levels = int(rng.choice((3, 4, 4, 5, 5)))
        fabric.buildings.append(
            Building(
                shape=shapely.set_precision(shape, GRID_M), use="住宅", levels=levels, block=plot.block,
                units=max(1, round(length / 16.0)), dwellings=max(2, round(shape.area * levels / 130.0)),
            )
        )
    return shapely.union_all([path.line for path in paths])


def _lots(half: shapely.Polygon, rng: Generator) -> list[shapely.Polygon]:
    """A row in lots of 6 to 14 m along it, cut one after the other from its western or southern end."""
    along, _, _ = longest_side(half)
    across = np.array([-along[1], along[0]])
    places = shapely.get_coordinates(half) @ along
    lots: list[shapely.Polygon] = []
    at, rest = float(places.min()), half
    level = float(shapely.get_coordinates(half.centroid)[0] @ across)
    while True:
        at += rng.choice(_LOT_WIDTHS_M) * rng.uniform(0.92, 1.08)
        if at > places.max() - 5.0:
            return [*lots, rest]
        tilt = across + along * rng.normal(0.0, 0.03)
        start = along * at + across * level
        parts = cut(rest, shapely.LineString([start - tilt * 60.0, start + tilt * 60.0]))
        if parts:
            parts.sort(key=lambda part: float(shapely.get_coordinates(part.centroid)[0] @ along))
            lots.append(parts[0])
            rest = parts[1]


def _house(fabric: Fabric, plot: Plot, lot: shapely.Polygon, front: str | None, rng: Generator) -> None:
    """A house on the lane side of its lot, with a yard behind or a court in the middle; now and then none at all."""
    chance = rng.random()
    shape = shapely.intersection(lot, shapely.buffer(plot.net.exterior, rng.uniform(7.5, 11.5), join_style="mitre"))
    court = shapely.buffer(lot, -4.2, join_style="mitre")
    if chance > 0.72 and lot.area > 110.0:
        shape = shapely.difference(lot, court) if court.area > 9.0 else lot
    shape = max(shapely.get_parts(shapely.set_precision(shape, GRID_M)), key=shapely.area)
    if shape.area < 26.0 or (chance < 0.05 and front is None):
        return
    levels = int(rng.choice((2, 2, 3) if front else (1, 1, 2, 2, 2, 3)))
    homes = np.clip(round(shape.area * levels / (190.0 if front else 150.0) + rng.normal(0.0, 0.6)), 0, 4)
    fabric.buildings.append(
        Building(
            shape=shape, use="商住" if front else "住宅", levels=levels, dwellings=int(homes), block=plot.block,
            front=front,
        )
    )
