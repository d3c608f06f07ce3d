"""The bones of the demo town: river, border, main streets, and the blocks between them.

Drawn by hand and the same for every seed: an old river town of 0.4 km2 with a curved main street down to the bridge,
its old quarter west of it, estates around. What fills the blocks is drawn by chance (`layers.sample.plots`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from layers.sample.shapes import GRID_M, smooth

__all__ = ["AREA_M2", "WIDTH_M", "Bones", "Street", "draw_bones", "pave"]

#: The community's area, as published for the one it follows.
AREA_M2 = 400_000.0

#: Street class (OpenStreetMap's highway values) -> width between the plots in metres.
WIDTH_M = {
    "primary": 24.0, "secondary": 18.0, "tertiary": 13.0, "residential": 8.0, "pedestrian": 7.0,
    "living_street": 4.6, "service": 5.0, "footway": 2.4,
}

_BANK = [(-90, 76), (60, 52), (180, 34), (300, 22), (430, 30), (560, 58), (760, 112)]
_WEST = [(34, 10), (12, 140), (-4, 270), (10, 400), (34, 520), (40, 645), (34, 740)]
_NORTH = [(-60, 636), (40, 645), (200, 668), (380, 655), (540, 640), (660, 652), (760, 664)]
_EAST = [(672, 40), (652, 170), (640, 280), (664, 400), (670, 520), (657, 652), (650, 740)]
_RIVER_M = 62.0
_QUAY_M = 19.0

#: name, class, points; an end named after a street is moved onto it, ends elsewhere stay as they are
_STREETS: tuple[tuple[str, str, list[tuple[float, float]], str, str], ...] = (
    ("望溪街", "secondary",
     [(404, 740), (396, 655), (378, 560), (334, 440), (316, 320), (290, 200), (262, 90), (250, 10), (238, -130)],
     "", ""),
    ("石榴路", "tertiary",
     [(-90, 318), (0, 298), (120, 288), (230, 302), (318, 330), (440, 366), (560, 372), (655, 346), (760, 330)],
     "", ""),
    ("麦场街", "residential", [(24, 468), (120, 480), (240, 502), (352, 496)], "柘林路", "望溪街"),
    ("藕池街", "residential", [(470, 370), (486, 460), (512, 560), (518, 642)], "石榴路", "青榆大道"),
    ("菱角街", "tertiary", [(285, 182), (380, 170), (500, 188), (648, 222)], "望溪街", "蒲塘路"),
    ("老埠街", "pedestrian", [(4, 196), (80, 174), (160, 192), (230, 178), (280, 168)], "柘林路", "望溪街"),
)
#: block -> a point in it
_BLOCKS = {
    "old_north": (130, 240), "old_south": (140, 120), "north_west": (190, 580), "west": (160, 400),
    "north": (440, 520), "north_east": (590, 500), "east": (480, 280), "south_east": (460, 110),
    "bank_west": (140, 48), "bank_east": (400, 35),
}


@dataclass(frozen=True, kw_only=True)
class Street:
    """A street's middle line with its name and class."""

    name: str
    kind: str
    line: shapely.LineString
    bridge: bool = False


@dataclass(frozen=True, kw_only=True)
class Bones:
    """What is there before the first house; metres of the town's own plan."""

    outline: shapely.Polygon
    river: shapely.Polygon
    streets: tuple[Street, ...]
    blocks: dict[str, shapely.Polygon]


def draw_bones() -> Bones:
    """
    Border, river, main streets and blocks of the demo town.

    Blocks reach to the middle lines of the streets around them. The border runs along the middle of three streets and
    along the river's bank; streets go on beyond it.

    Examples
    --------
    >>> bones = draw_bones()
    >>> round(bones.outline.area / 1e6, 3), len(bones.blocks)
    (0.4, 10)
    """
    scale = _scale()
    bank, *edges = (shapely.LineString(smooth(points) * scale) for points in (_BANK, _WEST, _NORTH, _EAST))
    quay = shapely.offset_curve(bank, _QUAY_M)
    streets = [
        Street(name="柘林路", kind="tertiary", line=edges[0]),
        Street(name="青榆大道", kind="primary", line=edges[1]),
        Street(name="蒲塘路", kind="tertiary", line=edges[2]),
        Street(name="临溪路", kind="tertiary", line=quay),
    ]
    for name, kind, points, start, end in _STREETS:
        lines = {street.name: street.line for street in streets}
        ends = [np.array(point) * scale for point in points]
        for place, other in ((0, start), (-1, end)):
            if other:
                ends[place] = _nearest(lines[other], ends[place])
        streets.append(Street(name=name, kind=kind, line=shapely.LineString(smooth([tuple(end) for end in ends]))))
    outline = _face([bank, *edges], scale * np.array([330.0, 330.0]))
    faces = [bank, *edges, *(street.line for street in streets)]
    river = shapely.set_precision(shapely.buffer(bank, -_RIVER_M, single_sided=True, cap_style="flat"), GRID_M)
    return Bones(
        outline=outline,
        river=river,
        streets=tuple(piece for street in streets for piece in _over(street, river)),
        blocks={name: _face(faces, scale * np.array(point, dtype=float)) for name, point in _BLOCKS.items()},
    )


def pave(streets: Sequence[Street]) -> list[Street]:
    """
    The streets cut where they meet, so that neighbours share a point and a walker can turn.

    Ends of streets that lead nowhere within 25 m are left out, as are splinters of half a metre.

    Examples
    --------
    >>> line = [shapely.LineString(ends) for ends in ([(0, 0), (90, 0)], [(40, 0), (40, 30)])]
    >>> pieces = pave([Street(name="a", kind="residential", line=each) for each in line])
    >>> sorted(piece.line.length for piece in pieces)
    [30.0, 40.0, 50.0]
    """
    lines = np.array([street.line for street in streets])
    pieces = shapely.get_parts(shapely.union_all(lines, grid_size=GRID_M))
    tree = shapely.STRtree(lines)
    middles = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    owner = tree.nearest(middles)
    ends = np.concatenate((shapely.get_point(pieces, 0), shapely.get_point(pieces, -1)))
    places = shapely.get_coordinates(ends).round(2)
    _, number, count = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    loose = (count[number.ravel()] == 1).reshape(2, -1).any(axis=0)
    least = np.array([0.5 if street.kind in ("service", "footway") else 25.0 for street in streets])[owner]
    kept = ~loose | (shapely.length(pieces) > least)
    return [replace(streets[which], line=piece) for which, piece in zip(owner[kept], pieces[kept], strict=True)]


def _scale() -> float:
    """Factor that gives the hand-drawn border exactly the community's area."""
    lines = [shapely.LineString(smooth(points)) for points in (_BANK, _WEST, _NORTH, _EAST)]
    return float(np.sqrt(AREA_M2 / _face(lines, np.array([330.0, 330.0]), grid=0.0).area))


def _face(lines: list[shapely.LineString], point: np.ndarray, *, grid: float = GRID_M) -> shapely.Polygon:
    """The area around a point that the lines close in."""
    edges = shapely.union_all(lines, grid_size=grid) if grid else shapely.union_all(lines)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    return faces[shapely.contains_xy(faces, *point)][0]


def _nearest(line: shapely.LineString, point: np.ndarray) -> np.ndarray:
    place = shapely.line_interpolate_point(line, shapely.line_locate_point(line, shapely.Point(point)))
    return shapely.get_coordinates(place)[0]


def _over(street: Street, river: shapely.Polygon) -> list[Street]:
    """The street in pieces, that over the river marked as a bridge; without a far bank it ends at the river."""
    if not shapely.intersects(street.line, river):
        return [street]
    land = shapely.get_parts(shapely.difference(street.line, river))
    pieces = [replace(street, line=part) for part in land]
    if len(pieces) > 1:
        pieces.append(replace(street, line=shapely.intersection(street.line, river), bridge=True))
    return pieces
