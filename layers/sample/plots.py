"""Blocks into plots, by chance: who may build what where, and the side streets and lanes between.

A block is cut across its longer side again and again, never into equal halves and never quite at a right angle, until
it has as many plots as its program asks for. Early cuts become streets; every plot keeps a side on a street.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.random import Generator

from layers.sample.shapes import GRID_M, cut, longest_side, smooth
from layers.sample.streets import WIDTH_M, Bones, Street

__all__ = ["Plot", "clear", "cut_apart", "lay_out", "touching"]

#: Cuts reach so far into the streets around, for a grid of a centimetre would leave some of them short.
_REACH_M = 0.05
#: Plots of this gross size or more are cut by a side street, smaller ones by a wall or fence.
_STREET_FROM_M2 = 15_000.0
#: A plot has at least so much of a street along it.
_FRONTAGE_M = 22.0

#: block -> number of plots, and the uses that are fixed: use, and the point it should be
#: near (None: the largest plot left)
_PROGRAM: dict[str, tuple[int, tuple[tuple[str, tuple[float, float] | None], ...]]] = {
    "north_west": (6, (("school", (90, 590)), ("scattered", (330, 530)))),
    "west": (6, (("centre", (250, 330)), ("scattered", (40, 330)))),
    "north": (4, (("hospital", (420, 420)), ("scattered", (360, 420)), ("managed", None))),
    "north_east": (5, (("kindergarten", (640, 380)),)),
    "east": (6, (("market", (340, 240)), ("scattered", (640, 240)))),
    "south_east": (5, (("park", (330, 90)), ("scattered", (640, 200)), ("managed", None))),
}
_SIDE_STREETS = (
    "榆荫巷", "桑园里", "染坊街", "书院巷", "桂子里", "铁匠巷", "石桥里", "盐仓街", "槐花里", "水井巷", "竹篾街",
    "东圃里",
    "灯笼街", "豆腐巷", "棉花巷", "酱园里", "钟鼓巷", "柳荫里", "瓦窑巷", "磨坊里", "木行街", "小校场", "鹤鸣里",
    "丝线街", "南圃里", "窑湾巷",
)
_LANES = (
    "米市巷", "针线弄", "半边弄", "曲尺弄", "猪行弄", "糖坊弄", "后埠弄", "船工弄", "会馆弄",
    "青石弄", "灰埠弄", "篷索弄",
)


@dataclass
class Plot:
    """A piece of land with one use. `gross` reaches to the middle of the streets around, `net` to their edge."""

    use: str
    block: str
    gross: shapely.Polygon
    net: shapely.Polygon = field(default_factory=shapely.Polygon)
    estate: str | None = None


def lay_out(bones: Bones, rng: Generator) -> tuple[list[Plot], list[Street]]:
    """
    Every plot of the town and every street with a name.

    Uses are `estate`, `managed` (an estate with property management), `scattered` (walk-ups that belong to no
    estate), `lanes` (a row of the old quarter between two lanes) and the public ones of the program. There are 21
    estates with either use, two of them managed.

    Examples
    --------
    >>> from layers.sample.streets import draw_bones
    >>> plots, streets = lay_out(draw_bones(), np.random.default_rng(1))
    >>> sum(plot.use in ("estate", "managed") for plot in plots)
    21
    """
    streets, plots = list(bones.streets), []
    names, lanes = iter(_SIDE_STREETS), iter(_LANES)
    for block, (count, fixed) in _PROGRAM.items():
        pieces, cuts = _divide(bones.blocks[block], count, rng, _lines(streets))
        streets += [Street(name=next(names), kind="residential", line=line) for line in cuts]
        uses = _choose(pieces, fixed)
        plots += [Plot(use, block, piece) for piece, use in zip(pieces, uses, strict=True)]
    for block in ("old_north", "old_south"):
        rows, ways = cut_apart(bones.blocks[block], rng, least_m2=1500.0, most_m2=2300.0, lean=11.0, bend=4.0)
        for line in ways:
            wide = line.length > 75.0
            name = next(lanes, "") if wide else ""
            streets.append(Street(name=name, kind="living_street" if wide else "footway", line=line))
        plots += [Plot("lanes", block, row) for row in rows]
    for plot in plots:
        plot.net = clear(plot.gross, streets)
    return plots, streets


def clear(area: shapely.Polygon, streets: Sequence[Street], *, beside: float = 0.0) -> shapely.Polygon:
    """The largest part of an area that no street takes, `beside` metres away from the street's edge."""
    near = [street for street in streets if shapely.dwithin(street.line, area, 30.0)]
    taken = [shapely.buffer(street.line, WIDTH_M[street.kind] / 2 + beside, cap_style="square") for street in near]
    left = shapely.difference(area, shapely.union_all(taken), grid_size=GRID_M)
    return max(shapely.get_parts(left), key=shapely.area)


def touching(area: shapely.Geometry, line: shapely.Geometry, *, within: float = 0.05) -> float:
    """Metres of a line that run along (or through) an area."""
    return float(shapely.length(shapely.intersection(line, shapely.buffer(area, within))))


def _lines(streets: Sequence[Street]) -> shapely.Geometry:
    return shapely.union_all([street.line for street in streets])


def _across(area: shapely.Polygon, rng: Generator, *, lean: float, bend: float) -> shapely.LineString:
    """A line across the area near its middle: leaning by up to `lean` degrees, bent by up to `bend` metres."""
    along, length, depth = longest_side(area)
    angle = np.radians(90.0 + rng.uniform(-lean, lean))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    across = turn @ along
    middle = shapely.get_coordinates(area.centroid)[0] + along * length * rng.uniform(-0.09, 0.09)
    steps = np.linspace(-0.75, 0.75, 5)[:, None] * depth * across
    sway = np.array([0.0, *rng.uniform(-bend, bend, 3), 0.0])[:, None] * along
    return shapely.LineString(smooth([tuple(point) for point in middle + steps + sway], steps=6))


def _divide(
    block: shapely.Polygon, count: int, rng: Generator, streets: shapely.Geometry
) -> tuple[list[shapely.Polygon], list[shapely.LineString]]:
    """A block in `count` plots, and the side streets that this took."""
    pieces, ways = [block], []
    # a handful of cuts; each looks at the largest piece that the ones before have left
    while len(pieces) < count:
        piece = max(pieces, key=shapely.area)
        parts, way = _split(piece, rng, streets)
        pieces.remove(piece)
        pieces += parts
        if way is not None:
            ways.append(way)
            streets = shapely.union(streets, way)
    return pieces, ways


def _split(
    piece: shapely.Polygon, rng: Generator, streets: shapely.Geometry
) -> tuple[list[shapely.Polygon], shapely.LineString | None]:
    """Two parts of a piece, each with a side on a street, and the new street where the cut had to be one."""
    # asks for parts less and less alike, so that it ends
    for attempt in range(400):
        line = _across(piece, rng, lean=7.0, bend=2.5)
        parts = cut(piece, line)
        if not parts or parts[1].area < (0.38 - attempt * 0.0009) * piece.area:
            continue
        fronts = all(touching(part, streets) > _FRONTAGE_M for part in parts)
        if fronts and piece.area < _STREET_FROM_M2:
            return parts, None
        way = shapely.intersection(line, shapely.buffer(piece, _REACH_M))
        if way.geom_type == "LineString" and shapely.distance(way.boundary, streets) < 0.1:
            return parts, way
    raise ValueError("the plot has no cut that leaves both parts a street; its block in _PROGRAM asks for too many")


def cut_apart(
    area: shapely.Polygon, rng: Generator, *, least_m2: float, most_m2: float, lean: float, bend: float = 0.0
) -> tuple[list[shapely.Polygon], list[shapely.LineString]]:
    """
    An area in pieces of between half of `least_m2` and `most_m2`, and the lines that cut it, longest-lived first.

    Lines lean by up to `lean` degrees and bend by up to `bend` metres.
    """
    waiting, pieces, ways = [area], [], []
    while waiting:
        piece = waiting.pop()
        if piece.area < rng.uniform(least_m2, most_m2):
            pieces.append(piece)
            continue
        parts: list[shapely.Polygon] = []
        while not parts or parts[1].area < 0.3 * piece.area:
            line = _across(piece, rng, lean=lean, bend=min(bend, piece.area / 2500.0))
            parts = cut(piece, line)
        ways.append(shapely.intersection(line, shapely.buffer(piece, _REACH_M)))
        waiting += parts
    return pieces, ways


def _choose(pieces: list[shapely.Polygon], fixed: tuple[tuple[str, tuple[float, float] | None], ...]) -> list[str]:
    """A use for each piece: the fixed ones by nearness to their point, estates for the rest."""
    uses = ["estate"] * len(pieces)
    for use, point in fixed:
        free = [number for number, given in enumerate(uses) if given == "estate"]
        shapes = np.array([pieces[number] for number in free])
        if point is None:
            best = shapely.area(shapes).argmax()
        else:
            near = shapely.distance(shapes, shapely.Point(point))
            best = np.lexsort((shapely.distance(shapely.centroid(shapes), shapely.Point(point)), near))[0]
        uses[free[int(best)]] = use
    return uses
