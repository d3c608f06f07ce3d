"""What stands in the blocks of the invented city: estates, courtyards, villages, offices, schools, parks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import shapely

_GRID = 0.001
Rows = dict[str, list[dict]]


@dataclass
class Pieces:
    """Footprints proposed for the blocks: rings of corners, the block of each, and what each is."""

    rings: list[np.ndarray] = field(default_factory=list)
    block: list[int] = field(default_factory=list)
    facts: list[dict] = field(default_factory=list)
    holes: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, block: int, ring: np.ndarray, **facts: object) -> None:
        self.rings.append(ring)
        self.block.append(block)
        self.facts.append(facts)


@dataclass
class Place:
    """A block to fill: its number, its ground, a frame along its rows, and chance."""

    number: int
    ground: shapely.Polygon
    turn: float
    rng: np.random.Generator
    pieces: Pieces
    rows: Rows

    def __post_init__(self) -> None:
        self.along = np.array([np.cos(self.turn), np.sin(self.turn)])
        self.up = np.array([-self.along[1], self.along[0]])
        self.middle = np.array(self.ground.centroid.coords[0])
        at = shapely.get_coordinates(self.ground) - self.middle
        self.at = np.column_stack([at @ self.along, at @ self.up])
        self.u = (float(self.at[:, 0].min()), float(self.at[:, 0].max()))
        self.v = (float(self.at[:, 1].min()), float(self.at[:, 1].max()))

    def ring(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Corners in the frame of the block to corners on the ground, on millimetres."""
        return np.round(self.middle + np.outer(u, self.along) + np.outer(v, self.up), 3)

    def box(self, u0: float, v0: float, u1: float, v1: float, **facts: object) -> None:
        """Propose a rectangular building."""
        self.pieces.add(self.number, self.ring(np.array([u0, u1, u1, u0]), np.array([v0, v0, v1, v1])), **facts)

    def span(self, v: float, depth: float, edge: float = 1.2) -> tuple[float, float]:
        """From where to where a row between two heights fits into the block."""
        low, high = self.u
        for height in (v - edge, v + depth / 2, v + depth + edge):
            side = self.at[:, 1] - height
            crossing = np.flatnonzero((side[:-1] < 0) != (side[1:] < 0))
            if len(crossing) < 2:
                return 0.0, 0.0
            share = side[crossing] / (side[crossing] - side[crossing + 1])
            u = np.sort(self.at[crossing, 0] + (self.at[crossing + 1, 0] - self.at[crossing, 0]) * share)
            wide = np.argmax(u[1::2] - u[::2][: len(u) // 2])
            low, high = max(low, float(u[2 * wide])), min(high, float(u[2 * wide + 1]))
        return low + edge, high - edge

    def rows_of(self, depth: float, gap: float, edge: float = 3.0) -> np.ndarray:
        """Lower sides of rows of a depth with a gap between them."""
        low, high = self.v[0] + edge, self.v[1] - edge - depth
        if high < low:
            return np.empty(0)
        return low + np.arange(int((high - low) // (depth + gap)) + 1) * (depth + gap)

    def estate(self, name: str, *, walled: bool, managed: bool, kind: str = "estate") -> None:
        """The block as an estate; its wall has two gates."""
        area = shapely.set_precision(shapely.buffer(self.ground, -0.5, join_style="mitre"), _GRID)
        if area.is_empty or area.geom_type != "Polygon":
            return
        self.rows["estates"].append(
            {"name": name, "kind": kind, "managed": managed, "block": self.number, "geometry": area}
        )
        if walled:
            self.wall(area)

    def wall(self, area: shapely.Polygon, kind: str = "wall") -> None:
        """A wall around an area with two gates of eight metres."""
        ring = shapely.LineString(shapely.get_coordinates(area.exterior))
        first, second = sorted(self.rng.uniform(0.05, 0.45, 2) * ring.length + np.array([0.0, 0.5 * ring.length]))
        gates = shapely.buffer(shapely.line_interpolate_point(ring, np.array([first, second])), 4.0)
        left = shapely.difference(ring, shapely.union_all(gates))
        self.rows["barriers"] += [
            {"kind": kind, "block": self.number, "geometry": line} for line in shapely.get_parts(left)
        ]


def _homes(rng: np.random.Generator, households: int, levels: int, units: int | None, use: str) -> dict:
    known = rng.uniform(size=2)
    known[0] *= levels < 11  # of a tower everybody knows the floors
    return {
        "use": use, "households": households, "residents": round(households * rng.normal(2.9, 0.15)),
        "levels": levels if known[0] < 0.9 else None, "units": units if known[1] < 0.6 else None,
    }  # fmt: skip


def _slabs(place: Place) -> None:
    rng = place.rng
    levels = int(rng.choice([5, 6, 6, 7, 11]))
    depth, gap = rng.uniform(11, 13), levels * 3.0 * rng.uniform(0.75, 1.0)
    unit, a_floor = rng.uniform(14, 18), int(rng.choice([2, 2, 3]))
    for v in place.rows_of(depth, gap):
        u, end = place.span(v, depth, 3.0)
        while end - u > 2 * unit:
            units = int(rng.integers(2, 1 + min(5, int((end - u) // unit))))
            facts = _homes(rng, units * a_floor * levels - int(rng.integers(0, 3)), levels, units, "apartments")
            place.box(u, v, u + units * unit, v + depth, **facts)
            u += units * unit + rng.uniform(6, 10)
        if gap > 14 and rng.uniform() < 0.7:
            low = v + depth + gap / 2 - 2
            start, end = place.span(low, 4.0, 4.0)
            for at in np.arange(start + 4, end - 14, rng.uniform(40, 70)):
                place.box(at, low, at + rng.uniform(7, 12), low + 4, use="garage", households=0, residents=0, levels=1)
    new = rng.uniform() < 0.6
    place.estate(f"{'金' if new else '红'}{place.number}小区", walled=new or rng.uniform() < 0.5, managed=new)


def _towers(place: Place) -> None:
    rng = place.rng
    for v in place.rows_of(18.0, rng.uniform(34, 44)):
        u, end = place.span(v, 18.0, 4.0)
        while end - u > 24:
            levels, a_floor = int(rng.integers(11, 34)), int(rng.choice([2, 4, 4, 6]))
            width, units = (24.0, 1) if a_floor < 6 or end - u < 40 else (40.0, 2)
            facts = _homes(rng, levels * a_floor - int(rng.integers(0, 4)), levels, units, "apartments")
            place.box(u, v, u + width, v + 18.0, **facts)
            u += width + rng.uniform(18, 30)
    place.estate(f"翠{place.number}花园", walled=True, managed=True)


def _courtyards(place: Place) -> None:
    rng = place.rng
    lot = rng.uniform(21, 27)
    for number, v in enumerate(place.rows_of(lot, 3.2, edge=1.5)):
        start, end = place.span(v, lot)
        at = np.arange(start, end - lot, lot + 1.4)
        for u in at:
            facts = _homes(rng, int(rng.integers(4, 16)), int(rng.integers(1, 4)), None, "residential")
            wide, deep, wing = lot, lot, rng.uniform(5.0, 7.0)
            if rng.uniform() < 0.25:
                ring = place.ring(np.array([u, u + wide, u + wide, u]), np.array([v, v, v + deep, v + deep]))
                inner = np.array([u + wing, u + wide - wing, u + wide - wing, u + wing])
                yard = place.ring(inner, np.array([v + wing, v + wing, v + deep - wing, v + deep - wing]))
                place.pieces.holes[len(place.pieces.rings)] = yard
                place.pieces.add(place.number, ring, **facts)
            else:
                corners_u = np.array([u, u + wide, u + wide, u + wide - wing, u + wide - wing, u + wing, u + wing, u])
                corners_v = np.array([v, v, v + deep, v + deep, v + wing, v + wing, v + deep, v + deep])
                place.pieces.add(place.number, place.ring(corners_u, corners_v), **facts)
        if number % 2 and len(at):
            _lane(place, v - 1.6, at[0], at[-1] + lot)
    place.estate(f"{place.number}号大院", walled=False, managed=False, kind="courtyard")


def _village(place: Place) -> None:
    rng = place.rng
    depth = rng.uniform(9.5, 12.0)
    for number, v in enumerate(place.rows_of(2 * depth, 3.6, edge=1.5)):
        for low in (v, v + depth):  # back to back
            (u, end), group = place.span(low, depth), int(rng.integers(2, 8))
            while end - u > 8:
                width = min(rng.uniform(8.0, 12.0), end - u)
                if rng.uniform() < 0.06:  # a yard without a house
                    u += width
                    continue
                households = int(rng.choice([0, 1, 1, 1, 2, 2, 3]))
                levels = int(rng.integers(1, 5))
                place.box(u, low, u + width, low + depth, **_homes(rng, households, levels, None, "house"))
                u, group = u + width, group - 1
                if group == 0:
                    u, group = u + rng.uniform(1.6, 4.0), int(rng.integers(2, 8))
        if number % 2 == 0:
            _lane(place, v - 1.8, place.u[0], place.u[1])


def _lane(place: Place, v: float, u0: float, u1: float) -> None:
    """A lane between two rows that comes from the street and ends inside."""
    rng = place.rng
    reach = u0 + (u1 - u0) * rng.uniform(0.6, 0.95)
    start = u0 - 40.0
    line = shapely.LineString(place.ring(np.array([start, reach]), np.array([v, v])))
    inner = [part for part in shapely.get_parts(shapely.intersection(line, place.ground)) if part.length > 15]
    if inner:
        place.rows["lanes"].append({"class": "service", "name": None, "bridge": None, "geometry": inner[0]})


def _offices(place: Place) -> None:
    rng = place.rng
    for v in place.rows_of(24.0, rng.uniform(12, 20)):
        u, end = place.span(v, 24.0, 3.0)
        while end - u > 24:
            width = min(rng.uniform(24, 46), end - u)
            lived = rng.uniform() < 0.15
            levels = int(rng.integers(3, 25))
            facts = _homes(rng, levels * 3, levels, None, "residential") if lived else _nobody(levels, "office")
            place.box(u, v, u + width, v + rng.uniform(18, 24), **facts)
            u += width + rng.uniform(10, 18)


def _nobody(levels: int, use: str) -> dict:
    return {"use": use, "households": 0, "residents": 0, "levels": levels}


def _one_big(place: Place, use: str, share: float, levels: int) -> None:
    half_u, half_v = (place.u[1] - place.u[0]) * share / 2, (place.v[1] - place.v[0]) * share / 2
    for step in (1.0, 0.85, 0.7, 0.55):
        u, v = half_u * step, half_v * step
        area = shapely.Polygon(place.ring(np.array([-u, u, u, -u]), np.array([-v, -v, v, v])))
        if shapely.contains(place.ground, area):
            place.box(-u, -v, u, v, **_nobody(levels, use))
            return


def _mall(place: Place) -> None:
    _one_big(place, "retail", 0.62, 5)


def _campus(place: Place, use: str, name: str, depth: float, gap: float, levels: int) -> None:
    rng = place.rng
    for number, v in enumerate(place.rows_of(depth, gap, edge=6.0)):
        if number % 3 == 2:
            continue  # a yard or a sports ground
        u, end = place.span(v, depth, 6.0)
        while end - u > 30:
            width = min(rng.uniform(30, 60), end - u)
            place.box(u, v, u + width, v + depth, **_nobody(levels, use))
            u += width + rng.uniform(10, 20)
    area = shapely.set_precision(shapely.buffer(place.ground, -1.0, join_style="mitre"), _GRID)
    if area.geom_type == "Polygon" and not area.is_empty:
        place.wall(area, "fence")


def _school(place: Place) -> None:
    _campus(place, "school", "学校", 13.0, 22.0, 4)


def _hospital(place: Place) -> None:
    _campus(place, "hospital", "医院", 20.0, 20.0, 8)


def _works(place: Place) -> None:
    _campus(place, "industrial", "厂", 28.0, 14.0, 1)


def _park(place: Place) -> None:
    area = shapely.set_precision(place.ground, _GRID)
    place.rows["green"].append({"kind": "park", "name": f"{place.number}号公园", "geometry": area})
    if place.ground.area > 9000 and place.rng.uniform() < 0.6:
        inner = shapely.buffer(shapely.buffer(place.ground, -32.0), 12.0)
        ponds = [part for part in shapely.get_parts(inner) if part.geom_type == "Polygon"]
        if ponds:
            pond = shapely.set_precision(shapely.simplify(max(ponds, key=shapely.area), 0.5), _GRID)
            place.rows["water"].append({"kind": "pond", "name": None, "geometry": pond})


#: Kind of block -> how it is filled, its share in the middle of the city, at the edge, and in the old town.
KINDS: dict[str, tuple[Callable[[Place], None], float, float, float]] = {
    "slabs": (_slabs, 0.30, 0.27, 0.22),
    "towers": (_towers, 0.13, 0.05, 0.02),
    "courtyards": (_courtyards, 0.08, 0.03, 0.75),
    "village": (_village, 0.08, 0.48, 0.10),
    "offices": (_offices, 0.17, 0.05, 0.06),
    "mall": (_mall, 0.05, 0.01, 0.02),
    "school": (_school, 0.05, 0.04, 0.04),
    "hospital": (_hospital, 0.015, 0.005, 0.01),
    "works": (_works, 0.01, 0.08, 0.0),
    "park": (_park, 0.05, 0.05, 0.03),
}


def _kinds(spots: np.ndarray, rng: np.random.Generator, centre: np.ndarray, side: float) -> np.ndarray:
    """Kind of each block: neighbours are often alike, and the middle differs from the edge."""
    share = np.array([[middle, edge, old] for _, middle, edge, old in KINDS.values()])
    far = np.hypot(*(spots - centre).T) / (side / 2)
    old_town = centre + np.array([-0.17, 0.14]) * side
    old = np.exp(-((np.hypot(*(spots - old_town).T) / (0.13 * side)) ** 2))
    middle = np.exp(-((far / 0.6) ** 2)) * (1 - old)
    weight = np.column_stack([middle, 1 - middle - old, old]) @ share.T
    wave = rng.uniform(600, 1500, (len(KINDS), 4))
    turn = rng.uniform(0, 2 * np.pi, (2, len(KINDS), 4))
    alike = np.zeros((len(spots), len(KINDS)))
    for k in range(len(KINDS)):
        for w in range(4):
            way = np.array([np.cos(turn[0, k, w]), np.sin(turn[0, k, w])])
            alike[:, k] += np.sin(spots @ way * 2 * np.pi / wave[k, w] + turn[1, k, w]) / np.sqrt(2.0)
    chance = rng.gumbel(0, 0.6, alike.shape)
    return np.argmax(np.log(np.maximum(weight, 1e-9)) + 0.8 * alike + chance, axis=1)


def fill_blocks(blocks: np.ndarray, rng: np.random.Generator, *, centre: np.ndarray, side: float) -> Rows:
    """Buildings, estates, barriers, lanes, green and water of the blocks.

    Parameters
    ----------
    blocks
        Ground of each block without its streets.
    rng
        Source of chance.
    centre, side
        Middle and side of the city, metres.

    Returns
    -------
    dict of lists of rows, each with a `geometry`.
    """
    rows: Rows = {name: [] for name in ("buildings", "estates", "barriers", "lanes", "green", "water")}
    pieces = Pieces()
    spots = shapely.get_coordinates(shapely.centroid(blocks))
    kinds = _kinds(spots, rng, centre, side)
    # Narrow strips along river and railway are green.
    narrow = 4 * np.pi * shapely.area(blocks) < 0.28 * shapely.length(blocks) ** 2
    kinds[narrow] = list(KINDS).index("park")
    fills = list(KINDS.values())
    south = rng.uniform(0, 2 * np.pi, 2)
    for number, (block, kind) in enumerate(zip(blocks, kinds, strict=True)):
        name = list(KINDS)[kind]
        # Slabs and towers look south, a little more or less by neighbourhood; the rest follows the longest street.
        turn = 0.12 * np.sin(spots[number] @ np.array([1.0, 0.6]) / 300.0 + south[0])
        if name not in ("slabs", "towers"):
            corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(block))[:3]
            one, two = np.diff(corners, axis=0)
            long = one if np.hypot(*one) >= np.hypot(*two) else two
            turn = float(np.arctan2(long[1], long[0]))
        fills[kind][0](Place(number, block, float(turn), rng, pieces, rows))
    rows["buildings"], built = _standing(pieces, blocks)
    # Nobody walls an idle plot.
    for name in ("estates", "barriers"):
        rows[name] = [row for row in rows[name] if row.pop("block") in built]
    return rows


def _standing(pieces: Pieces, blocks: np.ndarray) -> tuple[list[dict], set[int]]:
    """The proposed buildings that lie wholly in their block, and the blocks that have any."""
    sizes = np.array([len(ring) for ring in pieces.rings])
    corners = np.concatenate([np.vstack([ring, ring[:1]]) for ring in pieces.rings])
    rings = shapely.linearrings(corners, indices=np.repeat(np.arange(len(sizes)), sizes + 1))
    shapes = shapely.polygons(rings)
    for number, hole in pieces.holes.items():
        shapes[number] = shapely.Polygon(pieces.rings[number], [hole])
    ground = shapely.buffer(blocks, -0.6, join_style="mitre")
    shapely.prepare(ground)
    there = shapely.contains(ground[np.array(pieces.block)], shapes)
    blank = {"name": None, "use": None, "levels": None, "units": None, "households": 0, "residents": 0}
    standing = [
        {**blank, **facts, "geometry": shape}
        for facts, shape, stands in zip(pieces.facts, shapes, there, strict=True)
        if stands
    ]
    return standing, {block for block, stands in zip(pieces.block, there, strict=True) if stands}
