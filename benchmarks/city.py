"""A big invented city: layers as gridmap reads them, of any size, the same for the same seed.

    python benchmarks/city.py HOUSEHOLDS [--seed N] [--picture FILE.png] [--sparse]

Nothing in it is a lattice: communities are Voronoi cells parted by a river, a railway and an expressway; avenues run
across at any angle; inner streets come of cutting what is too big again and again at uneven angles; and all of it is
bent by a smooth warp. Blocks are slab estates and tower estates behind walls with gates, courtyards, villages of
touching houses, offices, malls, schools, hospitals, works and parks. Codes begin with 9901, which no district has.
`--sparse` puts a town of so many households into an outline that is almost empty.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from city_blocks import fill_blocks  # noqa: E402

CRS = "EPSG:4547"
#: Where the city lies in its CRS, metres.
ORIGIN = np.array([500_000.0, 3_390_000.0])
#: Ground a household takes over the whole city, m2, and households a community.
GROUND_M2 = 166.0
COMMUNITY = 2650
GRID = 0.001


@dataclass
class Plan:
    """Noded lines in the straight plane, with what each is, and the warp that bends them."""

    edges: np.ndarray
    kind: np.ndarray
    side: float
    warp: Warp


class Warp:
    """A smooth bend of the plane: waves of a kilometre and waves of a street corner; it never folds."""

    def __init__(self, rng: np.random.Generator, side: float) -> None:
        long, short = 4, 6
        wave = np.concatenate([rng.uniform(1400, 3200, long), rng.uniform(170, 420, short)])
        turn = rng.uniform(0, 2 * np.pi, len(wave))
        self.vector = np.column_stack([np.cos(turn), np.sin(turn)]) * (2 * np.pi / wave)[:, None]
        self.phase = rng.uniform(0, 2 * np.pi, (len(wave), 2))
        self.size = np.concatenate([np.full(long, min(34.0, side * 0.03)), np.full(short, 2.6)])

    def _shift(self, points: np.ndarray) -> np.ndarray:
        angle = points @ self.vector.T
        return np.stack([(np.sin(angle + self.phase[:, k]) * self.size).sum(axis=1) for k in (0, 1)], axis=1)

    def __call__(self, geometry: np.ndarray) -> np.ndarray:
        """Straight geometry bent, in the CRS of the city, on millimetres."""
        return shapely.transform(
            shapely.segmentize(geometry, 12.0), lambda at: np.round(at + self._shift(at) + ORIGIN, 3)
        )

    def back(self, points: np.ndarray) -> np.ndarray:
        """Where bent points were in the straight plane."""
        target = points - ORIGIN
        found = target.copy()
        for _ in range(30):
            found = target - self._shift(found)
        return found


def city(households: int = 358_000, *, seed: int = 0) -> dict[str, gpd.GeoDataFrame]:
    """Layers of a city of about so many households: districts, streets, communities, estates, buildings, roads,
    barriers, water, green.

    Parameters
    ----------
    households
        From about 3,000 (one community) on.
    seed
        Same seed and size, same city.

    Examples
    --------
    >>> layers = city(3000)
    >>> int(layers["communities"]["households"].sum()) == int(layers["buildings"]["households"].sum())
    True
    """
    ground, best = GROUND_M2, None
    # A large city meets the number by itself; a small one is made again on more or less ground.
    for attempt in range(16 if households < 30_000 else 1):
        layers = _made(households, np.random.default_rng([seed, households, attempt]), ground)
        total = int(layers["buildings"]["households"].sum())
        off = abs(total / households - 1)
        if best is None or off < best[0]:
            best = (off, layers)
        if off < (0.04 if households < 5000 or households >= 10_000 else 0.08):
            break
        ground *= float(np.clip(households / max(total, 1), 0.7, 1.4)) ** 0.7
    assert best is not None
    return best[1]


def _made(households: int, rng: np.random.Generator, ground: float) -> dict[str, gpd.GeoDataFrame]:
    """The layers of one attempt."""
    side = float(np.sqrt(households * ground))
    plan, seeds = _lines(rng, side, max(1, round(households / COMMUNITY)))
    bent = plan.warp(plan.edges)
    border = np.isin(plan.kind, ["outline", "community", "bare", "bridge", "river", "rail", "expressway"])
    areas = _communities(bent[border], plan, seeds)
    roads = _roads(bent, plan)
    shores = np.flatnonzero(plan.kind == "river")
    stream = shapely.line_merge(shapely.union_all(bent[shores]))
    outline = shapely.union_all(areas)
    river = shapely.intersection(shapely.buffer(stream, 34.0, cap_style="square"), outline)
    river = shapely.set_precision(shapely.get_parts(river)[np.argmax(shapely.area(shapely.get_parts(river)))], GRID)
    rail = bent[plan.kind == "rail"]

    blocks = shapely.get_parts(shapely.polygonize(plan.edges))
    blocks = blocks[np.lexsort(np.round(shapely.get_coordinates(shapely.centroid(blocks)), 3).T)]
    usable = shapely.buffer(plan.warp(blocks), -1.0, join_style="mitre")
    taken = [
        shapely.buffer(roads.geometry.to_numpy(), roads["half_m"].to_numpy(), quad_segs=2),
        shapely.buffer(rail, 14.0),
        shapely.buffer(bent[shores], 46.0),
    ]
    usable = _without(usable, np.concatenate(taken))
    filled = fill_blocks(usable, rng, centre=ORIGIN + side / 2, side=side)
    layers = {name: frame_of(rows) for name, rows in filled.items()}
    buildings = layers["buildings"]
    buildings["code"] = [f"B{number:06d}" for number in range(1, len(buildings) + 1)]
    water = [{"kind": "river", "name": "老河", "geometry": river}]
    layers["water"] = frame_of([*water, *filled["water"]])
    rails = [{"kind": "rail", "geometry": line} for line in rail]
    layers["barriers"] = frame_of([*rails, *filled["barriers"]])
    layers["roads"] = gpd.GeoDataFrame(
        pd.concat([roads.drop(columns="half_m"), layers.pop("lanes")], ignore_index=True), crs=CRS
    )
    return {**_levels(areas, buildings, rng), **layers}


def frame_of(rows: list[dict]) -> gpd.GeoDataFrame:
    if not rows:
        return gpd.GeoDataFrame({"kind": pd.Series(dtype="object")}, geometry=[], crs=CRS)
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS)


def _lines(rng: np.random.Generator, side: float, communities: int) -> tuple[Plan, np.ndarray]:
    """All lines of the plan, noded in the straight plane, and the seeds of the communities."""
    box = shapely.box(0, 0, side, side)
    across = max(1, round(np.sqrt(communities)))
    rows = [communities // across + (n < communities % across) for n in range(across)]
    lattice = [(column, row, count) for row, count in enumerate(rows) for column in range(count)]
    seeds = np.array([((u + 0.5) / count, (v + 0.5) / across) for u, v, count in lattice]) * side
    seeds += rng.uniform(-0.28, 0.28, seeds.shape) * side / across
    far = np.array([[-9, -9], [9, -9], [9, 9], [-9, 9]]) * side + side / 2
    cells = shapely.voronoi_polygons(shapely.multipoints(np.vstack([seeds, far])))
    sides: list[tuple[str, shapely.Geometry]] = [("outline", shapely.boundary(box))]
    ridges = shapely.get_parts(shapely.node(shapely.multilinestrings(list(shapely.boundary(shapely.get_parts(cells))))))
    ridges = shapely.intersection(ridges, box)
    for ridge in ridges[shapely.length(ridges) > 1.0]:
        sides.append(("bare" if rng.uniform() < 0.08 else "community", ridge))

    def line(at: float, angle: float, shift: float = 0.0) -> shapely.Geometry:
        way = np.array([np.cos(angle), np.sin(angle)])
        point = np.array([side * at, side * (1 - at)]) + np.array([-way[1], way[0]]) * shift
        return shapely.intersection(shapely.LineString([point - way * 3 * side, point + way * 3 * side]), box)

    small = communities < 5
    river, rail = rng.uniform(0.9, 1.15), rng.uniform(-0.5, -0.2)
    at = 0.86 if small else rng.uniform(0.58, 0.68)
    sides += [("river", line(at, river)), ("bank", line(at, river, 62.0)), ("bank", line(at, river, -62.0))]
    if not small:
        sides.append(("rail", line(rng.uniform(0.3, 0.4), rail)))
    if communities >= 30:
        sides.append(("expressway", line(0.2, rng.uniform(0.75, 0.85))))
    for number in range(min(5, communities // 12)):
        sides.append(("avenue", line(0.25 + 0.13 * number, rng.uniform(0, np.pi))))
    stream = sides[[name for name, _ in sides].index("river")][1]
    sides = [part for name, shape in sides for part in _over(name, shape, stream)]
    names, shapes = [name for name, _ in sides], np.array([shape for _, shape in sides], dtype=object)
    noded = shapely.union_all(shapes, grid_size=GRID)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    faces = faces[np.lexsort(np.round(shapely.get_coordinates(shapely.centroid(faces)), 3).T)]
    river_line = shapes[names.index("river")]
    for face in faces:
        if shapely.distance(shapely.point_on_surface(face), river_line) > 62.0:
            _cut(shapely.get_coordinates(face)[:-1], 0, rng, sides)
    names, shapes = [name for name, _ in sides], np.array([shape for _, shape in sides], dtype=object)
    edges = shapely.get_parts(shapely.line_merge(shapely.union_all(shapes, grid_size=GRID)))
    # What an edge is: the source line that its middle lies on, of several the first (borders come before streets).
    middle = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    at, source = shapely.STRtree(shapes).query(middle, predicate="dwithin", distance=0.01)
    first = np.full(len(edges), len(names))
    np.minimum.at(first, at, source)
    rank = np.array([*names, "lane"], dtype=object)[first]
    order = np.lexsort(np.round(shapely.bounds(edges), 3).T)
    edges, rank = edges[order], rank[order]
    return Plan(edges, rank, side, Warp(rng, side)), seeds


def _over(name: str, shape: shapely.Geometry, river: shapely.Geometry) -> list[tuple[str, shapely.Geometry]]:
    """A street in two kinds of pieces: on land, and over the river, where it is a bridge if it crosses squarely."""
    if name not in ("community", "avenue", "expressway") or not shapely.intersects(shape, shapely.buffer(river, 61.0)):
        return [(name, shape)]
    ends = [np.diff(shapely.get_coordinates(line)[[0, -1]], axis=0)[0] for line in (shape, river)]
    squarely = abs(ends[0][0] * ends[1][1] - ends[0][1] * ends[1][0]) > 0.7 * np.hypot(*ends[0]) * np.hypot(*ends[1])
    band = shapely.buffer(river, 61.0)
    over = {"community": "bridge" if squarely else "bare", "avenue": "crossing" if squarely else ""}.get(name, name)
    land = [(name, line) for line in shapely.get_parts(shapely.difference(shape, band))]
    return land + [(over, line) for line in shapely.get_parts(shapely.intersection(shape, band)) if over]


def _cut(ring: np.ndarray, depth: int, rng: np.random.Generator, sides: list[tuple[str, shapely.Geometry]]) -> None:
    """Cut a convex piece across its length until it is a block; each cut is a street."""
    x, y = ring.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    if area < rng.uniform(9_000, 24_000):
        return
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shapely.multipoints(ring)))[:3]
    if len(corners) < 3:
        return
    one, two = corners[1] - corners[0], corners[2] - corners[1]
    way = one if np.hypot(*one) >= np.hypot(*two) else two
    if np.hypot(*way) < 70:
        return
    at = corners[0 if way is one else 1] + way * rng.uniform(0.38, 0.62)
    turn = np.arctan2(way[1], way[0]) + rng.normal(0, 0.12)
    across = np.array([np.cos(turn), np.sin(turn)])
    side = (ring - at) @ across
    after = np.roll(side, -1)
    crossing = np.flatnonzero((side < 0) != (after < 0))
    if len(crossing) != 2:
        return
    following = np.roll(ring, -1, axis=0)
    share = side[crossing] / (side[crossing] - after[crossing])
    ends = ring[crossing] + (following[crossing] - ring[crossing]) * share[:, None]
    name = ("tertiary", "residential", "residential", "residential", "living_street", "service")[min(depth, 5)]
    sides.append((name, shapely.LineString(ends)))
    i, j = crossing
    _cut(np.vstack([ends[0], ring[i + 1 : j + 1], ends[1]]), depth + 1, rng, sides)
    _cut(np.vstack([ends[1], ring[j + 1 :], ring[: i + 1], ends[0]]), depth + 1, rng, sides)


_CLASS = {
    "community": "secondary", "bridge": "secondary", "crossing": "primary", "avenue": "primary", "bank": "tertiary",
    "expressway": "motorway", "tertiary": "tertiary", "residential": "residential", "living_street": "living_street",
    "service": "service",
}  # fmt: skip
_HALF_M = {
    "motorway": 16.0, "primary": 17.0, "secondary": 13.0, "tertiary": 9.0, "residential": 6.0, "living_street": 4.5,
    "service": 4.0,
}  # fmt: skip


def _roads(bent: np.ndarray, plan: Plan) -> gpd.GeoDataFrame:
    """Street lines, with half of the ground that they take; on the river they are bridges."""
    kind = pd.Series(plan.kind).map(_CLASS)
    there = kind.notna().to_numpy()
    lines, names = bent[there], kind[there].to_numpy()
    bridge = np.isin(plan.kind[there], ["bridge", "crossing"])
    return gpd.GeoDataFrame(
        {
            "class": names,
            "name": [None if name in ("service", "living_street") else f"{number % 97 + 1}号路" for number, name in
                     enumerate(names)],
            "bridge": pd.Series(np.where(bridge, "yes", None), dtype="object"),
            "half_m": [_HALF_M[name] for name in names],
        },
        geometry=lines, crs=CRS,
    )  # fmt: skip


def _communities(border: np.ndarray, plan: Plan, seeds: np.ndarray) -> np.ndarray:
    """Areas of the communities: Voronoi cells parted by river, rail and expressway, crumbs joined to a neighbour."""
    pieces = shapely.get_parts(shapely.polygonize(border))
    centre = plan.warp.back(shapely.get_coordinates(shapely.point_on_surface(pieces)))
    nearest = np.argmin(((centre[:, None, :] - seeds[None, :, :]) ** 2).sum(axis=2), axis=1)
    pieces = pieces[np.lexsort((np.round(centre[:, 0], 3), np.round(centre[:, 1], 3), nearest))]
    hard = shapely.union_all(plan.warp(plan.edges[np.isin(plan.kind, ["river", "rail", "expressway"])]))
    least = 0.3 * plan.side**2 / len(seeds)
    areas = list(pieces)
    while len(areas) > 1:
        size = shapely.area(np.array(areas))
        small = int(np.argmin(size))
        if size[small] >= least:
            break
        shared = shapely.intersection(np.array(areas), areas[small])
        # Along a river or a railway nobody is a neighbour, as long as there is another one.
        open_m = shapely.length(shapely.difference(shared, shapely.buffer(hard, 0.01)))
        open_m[small] = -1.0
        best = int(np.argmax(open_m))
        if open_m[best] < 1.0:
            lengths = shapely.length(shared)
            lengths[small] = -1.0
            best = int(np.argmax(lengths))
        joined = shapely.union(areas[best], areas[small])
        areas = [area for number, area in enumerate(areas) if number not in (best, small)] + [joined]
    return np.array(areas, dtype=object)


def _without(blocks: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """What streets and water leave of each block: its largest piece."""
    block, part = shapely.STRtree(taken).query(blocks, predicate="intersects")
    result = blocks.copy()
    order = np.argsort(block, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(block[order])) + 1) if len(order) else []
    for group in groups:
        number = block[group[0]]
        rest = shapely.difference(blocks[number], shapely.union_all(taken[part[group]]))
        pieces = [piece for piece in shapely.get_parts(rest) if piece.geom_type == "Polygon"]
        result[number] = max(pieces, key=shapely.area) if pieces else shapely.Polygon()
    return result[shapely.area(result) > 600.0]


def _levels(areas: np.ndarray, buildings: gpd.GeoDataFrame, rng: np.random.Generator) -> dict[str, gpd.GeoDataFrame]:
    """Districts, streets and communities with codes, names and counts."""
    count = len(areas)
    left, right = shapely.STRtree(areas).query(areas, predicate="touches")
    shared = shapely.length(shapely.intersection(areas[left], areas[right])) > 1.0
    centre = shapely.get_coordinates(shapely.centroid(areas))
    left, right = left[shared], right[shared]
    far = np.hypot(*(centre[left] - centre[right]).T)
    graph = coo_matrix((far, (left, right)), shape=(count, count)).tocsr()

    def clusters(members: np.ndarray, size: int) -> np.ndarray:
        """Groups of neighbours of about so many, grown from seeds far from each other."""
        seeds = [int(members[np.lexsort(np.round(centre[members].T, 3))[0]])]
        wanted = max(1, round(len(members) / size))
        reach = dijkstra(graph, indices=seeds)
        while len(seeds) < wanted:
            seeds.append(int(members[np.argmax(reach.min(axis=0)[members])]))
            reach = dijkstra(graph, indices=seeds)
        return np.argmin(reach, axis=0)

    street = clusters(np.arange(count), 12)
    east = np.array([centre[street == number, 0].mean() for number in range(street.max() + 1)])
    halves = (east > np.median(east)).astype(int) if len(east) > 4 else np.zeros(len(east), dtype=int)
    spots = shapely.point_on_surface(buildings.geometry.to_numpy())
    where = shapely.STRtree(areas).query(spots, predicate="intersects")
    owner = np.zeros(len(buildings), dtype=np.int64)
    owner[where[0]] = where[1]
    frames: dict[str, list[dict]] = {"districts": [], "streets": [], "communities": []}
    for district in range(halves.max() + 1):
        code = f"9901{district + 1:02d}"
        for number, one in enumerate(np.flatnonzero(halves == district), start=1):
            street_code = f"{code}{number:03d}"
            for position, area in enumerate(np.flatnonzero(street == one), start=1):
                frames["communities"].append(
                    {"code": f"{street_code}{position:03d}", "parent": street_code, "name": f"第{area + 1}社区",
                     **_counts(buildings, owner == area), "geometry": areas[area]}
                )  # fmt: skip
    for level, length, name in (("streets", 9, "街道"), ("districts", 6, "区")):
        codes = sorted({row["code"][:length] for row in frames["communities"]})
        for number, code in enumerate(codes, start=1):
            rows = [row for row in frames["communities"] if row["code"].startswith(code)]
            frames[level].append(
                {"code": code, "parent": code[:6] if level == "streets" else None, "name": f"第{number}{name}",
                 "households": sum(row["households"] for row in rows),
                 "residents": sum(row["residents"] for row in rows),
                 "geometry": shapely.union_all(np.array([row["geometry"] for row in rows]))}
            )  # fmt: skip
    return {level: frame_of(rows) for level, rows in frames.items()}


def _counts(buildings: gpd.GeoDataFrame, mask: np.ndarray) -> dict[str, int]:
    return {column: int(buildings[column].to_numpy()[mask].sum()) for column in ("households", "residents")}


def main() -> None:
    """Make a city, say what is in it, and draw it where asked."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("households", nargs="?", type=int, default=358_000)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--sparse", action="store_true")
    asked.add_argument("--picture", type=Path)
    args = asked.parse_args()
    start = time.process_time()
    if args.sparse:
        from sparse import sparse

        layers = sparse(args.households, seed=args.seed)
    else:
        layers = city(args.households, seed=args.seed)
    homes = layers["buildings"]["households"]
    print(f"{int(homes.sum()):,} households, {homes[homes > 30].sum() / homes.sum():.0%} of them in buildings above 30")
    print(", ".join(f"{len(frame):,} {name}" for name, frame in layers.items()))
    print(layers["buildings"].groupby("use")["households"].agg(["size", "sum"]).to_string())
    print(f"made in {time.process_time() - start:.1f} CPU s")
    if args.picture:
        from city_picture import draw

        draw(layers, args.picture)


if __name__ == "__main__":
    main()
