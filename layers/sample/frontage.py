"""Shop houses along the main streets: shops on the ground floor, homes above, wall to wall.

Neighbours share their side walls, for both take the same corners from one row of points along the street.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.random import Generator

from layers.sample.fabric import Building, Fabric
from layers.sample.plots import Plot
from layers.sample.shapes import GRID_M
from layers.sample.streets import WIDTH_M, Street

__all__ = ["fronts_of", "land_behind", "line_street"]

_DEPTH_M = 11.0
_SETBACK_M = 0.8
_BEHIND_M = 2.5
#: Frontages met in old towns, m.
_WIDTHS_M = (9.0, 11.0, 12.5, 15.0, 18.0, 22.0, 27.0)
_CLASSES = ("primary", "secondary", "tertiary")

Front = tuple[Street, shapely.LineString]


def fronts_of(plot: Plot, streets: Sequence[Street]) -> list[Front]:
    """The main streets along a plot, each with the stretch of its middle line that the plot lies on."""
    edge, found = shapely.buffer(plot.gross.exterior, 0.2), []
    for street in streets:
        if street.kind in _CLASSES and shapely.dwithin(street.line, plot.gross, 0.1):
            parts = shapely.get_parts(shapely.line_merge(shapely.intersection(street.line, edge)))
            longest = max(parts, key=shapely.length)
            if longest.length > 28.0:
                found.append((street, longest))
    return found


def land_behind(plot: Plot, fronts: Sequence[Front]) -> shapely.Polygon:
    """What the shop houses along the fronts leave of the plot."""
    strips = [
        shapely.buffer(stretch, WIDTH_M[street.kind] / 2 + _SETBACK_M + _DEPTH_M + _BEHIND_M)
        for street, stretch in fronts
    ]
    left = shapely.difference(plot.net, shapely.union_all(strips), grid_size=GRID_M)
    return max(shapely.get_parts(left), key=shapely.area)


def line_street(fabric: Fabric, plot: Plot, front: Front, keep_free: shapely.Geometry, rng: Generator) -> None:
    """Put shop houses along a front, clear of what is to be kept free and of those on the street round the corner."""
    street, stretch = front
    most = int(stretch.length // min(_WIDTHS_M)) + 1
    widths = rng.choice(_WIDTHS_M, most) * rng.uniform(0.9, 1.1, most)
    gaps = np.where(rng.random(most) < 0.2, rng.uniform(1.2, 4.0, most), 0.0)
    stops = np.concatenate(([3.0], 3.0 + np.cumsum(np.column_stack((widths, gaps)).ravel())))
    stops = stops[stops < stretch.length - 3.0]
    near, far = _corners(stretch, stops, plot, WIDTH_M[street.kind] / 2 + _SETBACK_M)
    count = len(stops) // 2
    pairs = np.arange(count) * 2
    shapes = shapely.polygons(np.stack((near[pairs], near[pairs + 1], far[pairs + 1], far[pairs]), axis=1))
    shapes = shapely.intersection(
        shapely.set_precision(shapes, GRID_M), shapely.buffer(plot.net, 0.3), grid_size=GRID_M
    )
    taken = shapely.union_all([keep_free, *(one.shape for one in fabric.buildings if one.block == plot.block)])
    fits = (shapely.get_type_id(shapes) == 3) & (shapely.area(shapes) > 60.0)
    fits &= (shapely.area(shapely.intersection(shapes, taken)) < 0.15) & (rng.random(count) > 0.06)
    usual = int(rng.choice((4, 5, 6) if street.kind == "primary" else (2, 3, 3, 4)))
    levels = np.maximum(usual + rng.choice((-1, 0, 0, 1), count), 2)
    homes = np.round((levels - 1) * shapely.area(shapes) / 155.0).astype(int)
    fabric.buildings += [
        Building(
            shape=shape, use="商住", levels=int(floors), units=1 if rooms < 14 else 2, dwellings=int(rooms),
            block=plot.block, front=street.name,
        )
        for shape, floors, rooms in zip(shapes[fits], levels[fits], homes[fits], strict=True)
    ]


def _corners(
    stretch: shapely.LineString, stops: np.ndarray, plot: Plot, near: float
) -> tuple[np.ndarray, np.ndarray]:
    """Corners at the street and behind, for each stop along the stretch, on the plot's side of it."""

    def at(places: np.ndarray) -> np.ndarray:
        within = np.clip(places, 0.0, stretch.length)
        return shapely.get_coordinates(shapely.line_interpolate_point(stretch, within))

    along = at(stops + 3.0) - at(stops - 3.0)
    along /= np.hypot(*along.T)[:, None]
    left = np.column_stack((-along[:, 1], along[:, 0]))
    middle = len(stops) // 2
    inner = shapely.get_coordinates(shapely.point_on_surface(plot.net))[0]
    if np.dot(inner - at(stops)[middle], left[middle]) < 0:
        left = -left
    return at(stops) + left * near, at(stops) + left * (near + _DEPTH_M)
