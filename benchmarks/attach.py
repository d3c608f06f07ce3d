"""A million points given to 14,000 and to 100,000 polygons: `attach` beside geopandas and DuckDB, in one run.

    python benchmarks/attach.py

Polygons tile a square and share wobbly borders of 12 vertices each; 1 % of the points are bit-equal to shared vertices,
1 % lie on the middles of edges. Every other tool's pairs are brought to the tie rule (smallest code) and compared point
by point. CPU seconds; DuckDB's extension is a wheel (`pip install duckdb-extension-spatial`), one thread.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.attach import attach, attach_changes

POINTS = 1_000_000
CRS = "EPSG:4549"


def tiles(count: int) -> gpd.GeoDataFrame:
    """About `count` polygons of 12 vertices that tile a square of 10 km without gap or overlap."""
    side = math.isqrt(count)
    rng = np.random.default_rng(1)
    step = 10_000 / side
    corner = np.stack(np.meshgrid(np.arange(side + 1), np.arange(side + 1), indexing="ij"), -1) * step
    corner = corner + rng.uniform(-0.2, 0.2, corner.shape) * step
    # two more vertices on each side of a square, shared by both neighbours
    shares = np.array([1 / 3, 2 / 3])[:, None]

    def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        line = a[..., None, :] * (1 - shares) + b[..., None, :] * shares
        return line + rng.uniform(-0.05, 0.05, line.shape) * step

    along, up = between(corner[:-1], corner[1:]), between(corner[:, :-1], corner[:, 1:])
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    ring = np.concatenate([
        corner[i, j][:, None], along[i, j], corner[i + 1, j][:, None], up[i + 1, j], corner[i + 1, j + 1][:, None],
        along[i, j + 1][:, ::-1], corner[i, j + 1][:, None], up[i, j][:, ::-1],
    ], axis=1)  # fmt: skip
    order = rng.permutation(len(ring))
    codes = [f"330483001001{at // 1000:03d}{at % 1000:03d}" for at in range(len(ring))]
    return gpd.GeoDataFrame({"code": codes}, geometry=shapely.polygons(ring[order]), crs=CRS)


def points(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Points all over the square, some on shared vertices and on middles of edges."""
    rng = np.random.default_rng(2)
    xy = rng.uniform(-100, 10_100, (POINTS, 2))
    rings = shapely.get_coordinates(areas.geometry.array).reshape(len(areas), -1, 2)
    at, vertex = rng.integers(0, len(rings), POINTS // 50), rng.integers(0, rings.shape[1] - 1, POINTS // 50)
    half = POINTS // 100
    xy[:half] = rings[at[:half], vertex[:half]]
    xy[half : 2 * half] = (rings[at[half:], vertex[half:]] + rings[at[half:], vertex[half:] + 1]) / 2
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(*rng.permutation(xy).T), crs=CRS)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the CPU seconds it took."""
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def duckdb_join(things: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> Callable[[], pd.DataFrame] | None:
    """The same join in DuckDB; tables are made beforehand."""
    try:
        import duckdb
        import duckdb_extension_spatial
    except ImportError:
        print("  DuckDB or its spatial extension is not installed")
        return None
    database = duckdb.connect()
    wheel = Path(duckdb_extension_spatial.__file__).parent
    database.execute(f"LOAD '{next(wheel.rglob('*.duckdb_extension'))}'")
    database.execute("SET threads = 1")
    raw = pd.DataFrame({"row": np.arange(len(things)), "wkb": shapely.to_wkb(things.geometry.array)})
    shapes = pd.DataFrame({"code": areas["code"].astype(object), "wkb": shapely.to_wkb(areas.geometry.array)})
    database.execute("CREATE TABLE p AS SELECT row, ST_GeomFromWKB(wkb) AS g FROM raw")
    database.execute("CREATE TABLE a AS SELECT code, ST_GeomFromWKB(wkb) AS g FROM shapes")
    del raw, shapes
    return lambda: database.execute(
        "SELECT p.row, min(a.code) AS code FROM p JOIN a ON ST_Intersects(p.g, a.g) GROUP BY p.row"
    ).df()


def compare(areas: gpd.GeoDataFrame, things: gpd.GeoDataFrame, times: int) -> None:
    """One block: the best of some runs each, turn by turn."""
    print(f"{len(things):,} points, {len(areas):,} polygons; loaded {peak():,} MB")
    ours = theirs = math.inf
    for turn in range(times):
        done, spent = timed(lambda: attach(things, areas, nearest_m=0))
        ours = min(ours, spent)
        if not turn:
            print(f"  peak after attach {peak():,} MB")
        joined, spent = timed(lambda: things.sjoin(areas, predicate="intersects"))
        theirs = min(theirs, spent)
    best = joined.groupby(level=0)["code"].min().reindex(done.index)
    differ = int((done["micro_grid"].fillna("") != best.fillna("")).sum())
    ties = int((done["attached_by"] == "border_rule").sum())
    print(f"  attach {ours:.2f} CPU s, sjoin {theirs:.2f} CPU s, ratio {ours / theirs:.2f}; {ties:,} on borders; "
          f"{differ} rows differ from sjoin after the tie rule")  # fmt: skip
    query = duckdb_join(things, areas)
    if query is not None:
        found, spent = timed(query)
        code = found.set_index("row")["code"].reindex(done.index)
        differ = int((done["micro_grid"].fillna("") != code.fillna("")).sum())
        print(f"  DuckDB {spent:.2f} CPU s, one thread; {differ} rows differ")
    # one border moves: what is attached again
    now = areas.copy()
    now.loc[0, "geometry"] = shapely.buffer(areas.geometry[0], -1.0)
    again, spent = timed(lambda: attach_changes(done, now, before=areas, nearest_m=0))
    print(f"  one polygon changed: {spent:.2f} CPU s, {again.attrs['attached_again']} points looked at")


def main() -> None:
    """Print one block for each number of polygons."""
    for count in (14_000, 100_000):
        areas = tiles(count)
        assert shapely.coverage_is_valid(areas.geometry.array)
        compare(areas, points(areas), int(sys.argv[1]) if len(sys.argv) > 1 else 3)


def peak() -> int:
    """Largest memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
