"""Plots that everybody uses: school, kindergarten, health centre, market, community centre, park, river bank.

Each has a list of what stands on it: size, place on the plot, floors. A thing goes to the free place nearest to the
one asked for; where the plot is too small it is built smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator
from shapely import affinity

from layers.sample.fabric import Building, Fabric
from layers.sample.plots import Plot
from layers.sample.shapes import GRID_M, longest_side, smooth, south_facing
from layers.sample.streets import Street

__all__ = ["PUBLIC_USES", "build_park", "build_public"]


@dataclass(frozen=True)
class _Thing:
    """Width and depth in metres; place as shares of the plot from its south-west; no floors means open ground."""

    what: str
    width: float
    depth: float
    east: float
    north: float
    levels: int = 0
    key: str | None = None


_THINGS: dict[str, tuple[_Thing, ...]] = {
    "school": (
        _Thing("pitch", 60, 34, 0.35, 0.25), _Thing("学校", 58, 12, 0.4, 0.9, 5, "primary_school"),
        _Thing("学校", 13, 30, 0.9, 0.65, 4), _Thing("学校", 24, 18, 0.9, 0.1, 2), _Thing("学校", 6, 5, 0.5, 0.0, 1),
    ),
    "kindergarten": (
        _Thing("幼儿园", 36, 14, 0.5, 0.85, 3, "kindergarten"), _Thing("garden", 26, 20, 0.4, 0.4),
        _Thing("幼儿园", 12, 22, 0.9, 0.4, 2), _Thing("幼儿园", 5, 4, 0.5, 0.0, 1),
        _Thing("garden", 44, 12, 0.5, 0.08), _Thing("pitch", 26, 16, 0.15, 0.65),
        _Thing("garden", 12, 26, 0.05, 0.5),
    ),
    "hospital": (
        _Thing("医疗", 50, 17, 0.45, 0.8, 8, "health_center"), _Thing("医疗", 34, 16, 0.4, 0.25, 4),
        _Thing("garden", 24, 16, 0.7, 0.5), _Thing("医疗", 18, 13, 0.95, 0.2, 3),
        _Thing("医疗", 16, 11, 0.05, 0.5, 2),
        _Thing("医疗", 7, 6, 0.5, 0.0, 1),
    ),
    "market": (
        _Thing("市场", 54, 38, 0.5, 0.5, 2, "market"), _Thing("商铺", 46, 9, 0.5, 0.05, 1),
        _Thing("商铺", 9, 40, 0.05, 0.5, 2),
        _Thing("商铺", 46, 10, 0.5, 0.98, 2), _Thing("商铺", 22, 13, 0.95, 0.95, 3),
        _Thing("仓储", 20, 13, 0.95, 0.05, 1),
        _Thing("商铺", 9, 30, 0.98, 0.5, 1),
    ),
    "centre": (
        _Thing("办公", 38, 15, 0.5, 0.8, 4, "party_service_center"), _Thing("garden", 30, 20, 0.5, 0.4),
        _Thing("文体", 26, 18, 0.05, 0.2, 2, "culture_station"), _Thing("办公", 24, 14, 0.95, 0.3, 5, "police_room"),
        _Thing("商铺", 34, 11, 0.4, 0.0, 2), _Thing("办公", 16, 12, 0.05, 0.95, 3),
    ),
}
PUBLIC_USES = tuple(_THINGS)
_WALLED = ("school", "kindergarten")


def build_public(fabric: Fabric, plot: Plot, streets: shapely.Geometry) -> None:
    """Build what the plot's use asks for, and a way in from the nearest street; schools get a wall with a gate."""
    east = south_facing(plot.net)
    angle, origin = float(np.degrees(np.arctan2(east[1], east[0]))), plot.net.centroid
    turned = affinity.rotate(plot.net, -angle, origin=origin)
    room = shapely.buffer(turned, -4.0, join_style="mitre")
    taken: shapely.Geometry = shapely.Polygon()
    # a handful of things, each beside those placed before
    for thing in _THINGS[plot.use]:
        box = _fit(room, thing, taken)
        if box is None:
            continue
        taken = shapely.union(taken, shapely.buffer(box, 5.0, join_style="mitre"))
        shape = shapely.set_precision(affinity.rotate(box, angle, origin=origin), GRID_M)
        if thing.levels:
            fabric.buildings.append(
                Building(shape=shape, use=thing.what, levels=thing.levels, block=plot.block, public=thing.key)
            )
        else:
            fabric.greens.append((thing.what, "", shape))
    inner = shapely.point_on_surface(max(shapely.get_parts(shapely.difference(room, taken)), key=shapely.area))
    built = shapely.union_all([one.shape for one in fabric.buildings if shapely.within(one.shape, plot.net)])
    way = _way_in(affinity.rotate(inner, angle, origin=origin), plot, streets, built)
    fabric.ways.append(Street(name="", kind="service", line=way))
    fabric.gates[plot.use] = shapely.get_point(shapely.shortest_line(plot.net.exterior, way), 0)
    if plot.use in _WALLED:
        fence = shapely.buffer(plot.net, -0.6, join_style="mitre").exterior
        fence = shapely.difference(fence, shapely.buffer(way, 4.0))
        fabric.walls += list(shapely.get_parts(shapely.line_merge(fence)))


def build_park(fabric: Fabric, plot: Plot, rng: Generator) -> None:
    """A park with a pond, two paths across it and a pavilion."""
    fabric.greens.append(("park", "榆溪公园", plot.net))
    along, length, depth = longest_side(plot.net)
    across = np.array([-along[1], along[0]])
    middle = shapely.get_coordinates(plot.net.centroid)[0]
    turns = np.radians(np.arange(0.0, 360.0, 45.0))
    radius = depth * 0.17 * rng.uniform(0.75, 1.25, len(turns))
    east, north = 1.5 * radius * np.cos(turns), radius * np.sin(turns)
    shore = middle + along * length * 0.14 + np.outer(east, along) + np.outer(north, across)
    pond = shapely.Polygon(smooth([tuple(point) for point in np.vstack((shore, shore[:1]))], steps=6))
    fabric.ponds.append(shapely.set_precision(pond, GRID_M))
    for shift, way in ((-0.2, across), (0.42, across), (0.0, along)):
        start = middle + (along * length * shift if way is across else across * depth * -0.28)
        sway = (along if way is across else across) * rng.uniform(3.0, 7.0)
        points = [start - way * 150.0, start - way * 20.0 + sway, start + way * 20.0 - sway, start + way * 150.0]
        path = shapely.intersection(shapely.LineString(smooth([tuple(point) for point in points])), plot.gross)
        fabric.ways.append(Street(name="", kind="footway", line=max(shapely.get_parts(path), key=shapely.length)))
    roof = shapely.buffer(shapely.Point(middle - along * length * 0.33 + across * depth * 0.1), 4.0, quad_segs=2)
    fabric.buildings.append(Building(shape=shapely.set_precision(roof, GRID_M), use="文体", levels=1, block=plot.block))


def _way_in(
    inner: shapely.Point, plot: Plot, streets: shapely.Geometry, built: shapely.Geometry
) -> shapely.LineString:
    """The shortest straight way from a point of the plot to a street around it that passes no building too near."""
    edge = shapely.intersection(streets, shapely.buffer(plot.gross, 0.1))
    starts = shapely.get_parts(shapely.extract_unique_points(shapely.segmentize(edge, 4.0)))
    ways = shapely.linestrings(np.stack((np.repeat(shapely.get_coordinates(inner), len(starts), axis=0),
                                         shapely.get_coordinates(starts)), axis=1))
    cost = shapely.length(ways) + 1000.0 * shapely.dwithin(ways, built, 1.5)
    return ways[int(cost.argmin())]


def _fit(room: shapely.Polygon, thing: _Thing, taken: shapely.Geometry) -> shapely.Polygon | None:
    """A box for the thing, wholly in the room and off what is taken, nearest to its place; smaller where need be."""
    west, south, east, north = room.bounds
    xs, ys = np.meshgrid(np.arange(west, east, 2.5), np.arange(south, north, 2.5))
    centres = np.column_stack((xs.ravel(), ys.ravel()))
    wish = np.array([west + (east - west) * thing.east, south + (north - south) * thing.north])
    centres = centres[np.argsort(np.hypot(*(centres - wish).T), kind="stable")]
    shapely.prepare(room)
    for size in (1.0, 0.88, 0.77, 0.68, 0.6):
        half = np.array([thing.width, thing.depth]) * size / 2
        boxes = shapely.box(*(centres - half).T, *(centres + half).T)
        fits = shapely.contains(room, boxes) & ~shapely.intersects(taken, boxes)
        if fits.any():
            return boxes[int(fits.argmax())]
    return None
