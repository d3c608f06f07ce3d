"""The demo town's ground: bones, plots and everything that stands on them, put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator

from layers.sample.estates import build_estate
from layers.sample.fabric import Fabric
from layers.sample.frontage import fronts_of, land_behind, line_street
from layers.sample.lanes import build_lanes, build_scattered
from layers.sample.names import ESTATES, MANAGED
from layers.sample.plots import Plot, clear, lay_out
from layers.sample.public import PUBLIC_USES, build_park, build_public
from layers.sample.streets import Bones, Street, draw_bones, pave

__all__ = ["Ground", "fill"]

_SHOPPING = ("primary", "secondary", "tertiary", "pedestrian")


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The town without its people; `roads` are cut where they meet, footways and ways into estates among them."""

    bones: Bones
    plots: list[Plot]
    fabric: Fabric
    roads: list[Street]


def fill(rng: Generator) -> Ground:
    """
    Draw the bones and fill every plot.

    Examples
    --------
    >>> len(fill(np.random.default_rng(3)).fabric.buildings)  # doctest: +SKIP
    717
    """
    bones = draw_bones()
    plots, streets = lay_out(bones, rng)
    lines = shapely.union_all([street.line for street in streets])
    shopping = _by_name([street for street in streets if street.kind in _SHOPPING])
    fabric, names = Fabric(), {"estate": iter(ESTATES), "managed": iter(MANAGED)}
    for plot in plots:
        if plot.use in names:
            plot.estate = next(names[plot.use])
        if plot.use == "lanes":
            build_lanes(fabric, plot, shopping, rng)
        elif plot.use == "park":
            build_park(fabric, plot, rng)
        elif plot.use in PUBLIC_USES:
            build_public(fabric, plot, lines)
        else:
            _build_homes(fabric, plot, bones, streets, lines, rng)
    for block in ("bank_west", "bank_east"):
        green = clear(bones.blocks[block], streets)
        fabric.greens.append(("riverside", "榆溪滨河绿带", green))
        fabric.ways += _promenade(green, bones, lines)
    return Ground(bones=bones, plots=plots, fabric=fabric, roads=pave([*streets, *fabric.ways]))


def _build_homes(
    fabric: Fabric, plot: Plot, bones: Bones, streets: list[Street], lines: shapely.Geometry, rng: Generator
) -> None:
    """An estate or scattered walk-ups, with shop houses where the plot lies on a main street."""
    fronts = [] if plot.use == "managed" else fronts_of(plot, bones.streets)
    land = land_behind(plot, fronts)
    if plot.use == "scattered":
        ways: shapely.Geometry = build_scattered(fabric, plot, land, streets, rng)
    else:
        ways = build_estate(fabric, plot, land, lines, rng)
    keep_free = shapely.buffer(ways, 2.0)
    for front in fronts:
        line_street(fabric, plot, front, keep_free, rng)


def _promenade(green: shapely.Polygon, bones: Bones, streets: shapely.Geometry) -> list[Street]:
    """A footpath along the river's bank, with a way up to the street every hundred metres."""
    walk = shapely.intersection(shapely.boundary(shapely.buffer(bones.river, 3.5)), green)
    walk = max(shapely.get_parts(shapely.line_merge(walk)), key=shapely.length)
    shares = np.linspace(0.03, 0.97, max(2, round(walk.length / 100.0)))
    stops = shapely.line_interpolate_point(walk, shares, normalized=True)
    return [Street(name="", kind="footway", line=line) for line in (walk, *shapely.shortest_line(stops, streets))]


def _by_name(streets: list[Street]) -> dict[str, shapely.Geometry]:
    names = np.array([street.name for street in streets])
    lines = np.array([street.line for street in streets])
    return {str(name): shapely.union_all(lines[names == name]) for name in dict.fromkeys(names)}
