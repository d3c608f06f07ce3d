"""A city store to measure maps on: 14,000 micro-grids, 100,000 buildings, 50,000 incidents, and the ground under them.

    python benchmarks/tile_city.py CITY.gpkg [--micro-grids N] [--buildings N] [--incidents N] [--facilities N]
        [--kinds N] [--seed N] [--cover]

Micro-grids are Voronoi cells that fill a square, joined by nearest centres to grids, communities, streets and
districts; buildings are turned boxes within them, roads the ways between their centres. Nothing is computed by the
split, so that a store of this size is there in a minute; codes begin with 9902, which no district has. Coverage is
drawn by lot too; with `--cover` it is walked, as `gridmap cover` does, which takes some minutes. Two accounts,
password `bench-mark-1`: `admin`, and `leader` of one grid.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import Delaunay, cKDTree

from gridmap.accounts import add_account
from gridmap.norms import load_norms
from gridmap.rework import cover_again
from gridmap.stores import create_store

CRS = "EPSG:4547"
WEST, SOUTH = 500_000.0, 3_390_000.0
#: Ground of a micro-grid, m2: of about 25 households, in a town with parks and works.
GROUND_M2 = 16_000.0
PASSWORD = "bench-mark-1"
KINDS = ("canteen", "clinic", "park", "bus_stop", "kindergarten")
CLASSES = ("primary", "secondary", "tertiary", "residential", "residential", "service", "footway")


def frames(
    micro_grids: int = 14_000, buildings: int = 100_000, incidents: int = 50_000, *, facilities: int = 3000,
    kinds: int = len(KINDS), seed: int = 0,
) -> dict:  # fmt: skip
    """Every layer of the city."""
    rng = np.random.default_rng(seed)
    present = _kinds(kinds)
    side = float(np.sqrt(micro_grids * GROUND_M2))
    square = shapely.box(WEST, SOUTH, WEST + side, SOUTH + side)
    points = np.array([WEST, SOUTH]) + rng.uniform(0, side, (micro_grids, 2))
    for _ in range(2):  # cells of more even size
        cells = _cells(points, square)
        points = shapely.get_coordinates(shapely.centroid(cells))
    levels = _codes(points, rng)
    order = np.argsort(levels["micro_grids"])
    cells, points = cells[order], points[order]
    codes = {name: values[order] for name, values in levels.items()}
    households = rng.integers(12, 41, micro_grids)
    units = gpd.GeoDataFrame(
        {
            "code": codes["micro_grids"], "name": [f"微网格{code[-6:]}" for code in codes["micro_grids"]],
            "parent": codes["grids"], "kind": "base", "households": households,
            "residents": (households * 2.6).astype("int64"), "buildings": rng.integers(2, 12, micro_grids),
            "area_m2": shapely.area(cells), "within_band": households >= 15,
            "compactness": 4 * np.pi * shapely.area(cells) / shapely.length(cells) ** 2,
            "leader": None, "stack": None,
        },
        geometry=cells, crs=CRS,
    )  # fmt: skip
    made = {"micro_grids": units}
    for name in ("grids", "communities", "streets", "districts"):
        made[name] = _joined(units, codes[name], name)
    houses = _houses(points, buildings, rng)
    tree = cKDTree(points)
    made["buildings"] = gpd.GeoDataFrame(
        {
            "code": [f"B{n:06d}" for n in range(buildings)], "name": [f"{n % 90 + 1}号楼" for n in range(buildings)],
            "households": rng.integers(0, 30, buildings), "levels": rng.integers(1, 34, buildings),
            "micro_grid": codes["micro_grids"][tree.query(_middles(houses))[1]],
        },
        geometry=houses, crs=CRS,
    )  # fmt: skip
    made["incidents"] = _things("E", incidents, points, codes["micro_grids"], rng, {
        "category": rng.choice(["environment", "dispute", "safety_hazard", "street_order"], incidents),
        "reported_at": pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, 300 * 1440, incidents), unit="min"),
        "status": rng.choice(["reported", "closed"], incidents, p=[0.2, 0.8]),
    })  # fmt: skip
    made["facilities"] = _things("F", facilities, points, codes["micro_grids"], rng, {
        "name": [f"设施{n}" for n in range(facilities)], "kind": rng.choice(present, facilities),
    })  # fmt: skip
    made["roads"] = _roads(points, rng)
    shares = rng.uniform(0, 1, (micro_grids, len(present))).round(3)
    made["coverage"] = pd.DataFrame({
        "micro_grid": np.repeat(codes["micro_grids"], len(present)), "kind": np.tile(present, micro_grids),
        "norm_m": 500.0,
        "coverage": shares.ravel(), "walk_m_mean": 400.0, "verified": False,
        "status": np.select([shares.ravel() > 0.95, shares.ravel() < 0.3], ["covered", "gap"], "partial"),
    })  # fmt: skip
    rivers = shapely.LineString([(WEST, SOUTH + side * 0.6), (WEST + side * 0.5, SOUTH + side * 0.5),
                                 (WEST + side, SOUTH + side * 0.7)]).buffer(60)
    made["water"] = gpd.GeoDataFrame({"kind": ["river"], "name": ["榆溪"]}, geometry=[rivers], crs=CRS)
    parks = shapely.buffer(shapely.points(points[rng.choice(micro_grids, 300, replace=False)]), 45, quad_segs=4)
    made["green"] = gpd.GeoDataFrame({"kind": ["park"] * 300, "name": None}, geometry=parks, crs=CRS)
    return made


def _kinds(count: int) -> list[str]:
    """So many kinds of facility: those of `KINDS`, then others that have a norm."""
    known = [norm.key for norm in load_norms().with_distance()]
    return [*dict.fromkeys([*KINDS, *known])][:count]


def _cells(points: np.ndarray, square: shapely.Geometry) -> np.ndarray:
    """Voronoi cells in the order of their points, on millimetres."""
    found = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=square, ordered=True))
    return shapely.intersection(found, square, grid_size=0.001)


def _codes(points: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Codes of each level: micro-grids go to the nearest centre of the level above, which goes to its own."""
    count = len(points)
    sizes = {"grids": max(count // 16, 4), "communities": max(count // 110, 3), "streets": max(count // 1100, 2),
             "districts": max(count // 7000, 1)}
    at, above = points, {}
    for name, size in sizes.items():
        centres = at[np.sort(rng.choice(len(at), min(size, len(at)), replace=False))]
        above[name] = cKDTree(centres).query(at)[1]
        at = centres
    code = np.array([f"9902{n + 1:02d}" for n in range(len(at))])
    found = {"districts": code}
    for name, below in (("districts", "streets"), ("streets", "communities"), ("communities", "grids"),
                        ("grids", "micro_grids")):
        parent = found[name][above[name]]
        number = pd.Series(parent).groupby(parent).cumcount().to_numpy() + 1
        found[below] = np.array([f"{code}{n:03d}" for code, n in zip(parent, number, strict=True)])
    whole = found["micro_grids"].astype(object)
    ends = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}
    return {name: np.array([code[:end] for code in whole], dtype=object) for name, end in ends.items()}


def _joined(units: gpd.GeoDataFrame, codes: np.ndarray, name: str) -> gpd.GeoDataFrame:
    groups = pd.Series(range(len(codes))).groupby(codes)
    geometry = [shapely.coverage_union_all(units.geometry.to_numpy()[rows.to_numpy()]) for _, rows in groups]
    sums = units.groupby(codes)[["households", "residents"]].sum()
    return gpd.GeoDataFrame(
        {"code": sums.index.astype(object), "name": [f"{name[:-1]} {code[-3:]}" for code in sums.index],
         "households": sums["households"].to_numpy(), "residents": sums["residents"].to_numpy()},
        geometry=geometry, crs=CRS,
    )  # fmt: skip


def _houses(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    middle = points[rng.integers(0, len(points), count)] + rng.uniform(-45, 45, (count, 2))
    length, width, turn = rng.uniform(12, 60, count), rng.uniform(10, 16, count), rng.uniform(0, np.pi, count)
    along = np.column_stack([np.cos(turn), np.sin(turn)]) * length[:, None] / 2
    across = np.column_stack([-np.sin(turn), np.cos(turn)]) * width[:, None] / 2
    corners = np.stack([middle + along + across, middle + along - across, middle - along - across,
                        middle - along + across], axis=1)
    return shapely.polygons(corners.round(3))


def _middles(geometry: np.ndarray) -> np.ndarray:
    return shapely.get_coordinates(shapely.centroid(geometry))


def _things(
    letter: str, count: int, points: np.ndarray, codes: np.ndarray, rng: np.random.Generator, more: dict
) -> gpd.GeoDataFrame:
    own = rng.integers(0, len(points), count)
    code = codes[own]
    places = points[own] + rng.uniform(-30, 30, (count, 2))
    return gpd.GeoDataFrame(
        {"code": [f"{letter}{n:06d}" for n in range(count)], "micro_grid": code, "grid": [c[:15] for c in code],
         "community": [c[:12] for c in code], "attached_by": "within", **more},
        geometry=shapely.points(places), crs=CRS,
    )  # fmt: skip


def _roads(points: np.ndarray, rng: np.random.Generator) -> gpd.GeoDataFrame:
    triangles = Delaunay(points[rng.permutation(len(points))[: len(points) // 2]])
    pairs = np.concatenate([triangles.simplices[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    lines = shapely.linestrings(triangles.points[pairs])
    return gpd.GeoDataFrame(
        {"class": rng.choice(CLASSES, len(lines)), "name": [f"{n % 400}路" for n in range(len(lines))]},
        geometry=lines, crs=CRS,
    )  # fmt: skip


def write(path: Path, **sizes: int) -> None:
    """The city as a store, with its accounts."""
    with create_store(path, crs=CRS, name="样城") as store:
        store.write_all(frames(**sizes).items())
        leaders = store.read("grids")["code"].tolist()
    add_account(path, "admin", password=PASSWORD, role="admin", area="")
    add_account(path, "leader", password=PASSWORD, role="grid_leader", area=leaders[len(leaders) // 2])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city", type=Path)
    parser.add_argument("--micro-grids", type=int, default=14_000)
    parser.add_argument("--buildings", type=int, default=100_000)
    parser.add_argument("--incidents", type=int, default=50_000)
    parser.add_argument("--facilities", type=int, default=3000)
    parser.add_argument("--kinds", type=int, default=len(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cover", action="store_true", help="compute coverage, levels and gaps, as gridmap cover does")
    asked = parser.parse_args()
    sizes = {name: getattr(asked, name) for name in ("micro_grids", "buildings", "incidents", "facilities", "kinds")}
    write(asked.city, **sizes, seed=asked.seed)
    if asked.cover:
        begun, used = time.perf_counter(), time.process_time()
        rows = cover_again(asked.city)
        told = ", ".join(f"{count:,} {name}" for name, count in rows.items())
        print(f"covered in {time.perf_counter() - begun:.0f} s ({time.process_time() - used:.0f} CPU s): {told}")
