"""What reading with checks costs beside plain pandas and geopandas on the same files, in one run.

    python benchmarks/read.py [SCALE]

Invented files: a workbook of 100,000 rows, a CSV of 1,000,000 rows and 100,000 building polygons, times SCALE (1).
CPU seconds of one process; each measurement runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely


def incidents(count: int) -> pd.DataFrame:
    """Reports with codes, times and degrees, as a hotline exports them."""
    rng = np.random.default_rng(1)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 366 * 86400, count), unit="s")
    return pd.DataFrame({
        "编号": [f"R{number:08d}" for number in range(count)],
        "事件类型": rng.choice(["路灯", "井盖", "噪音", "垃圾", "占道"], count),
        "上报时间": when.strftime("%Y-%m-%d %H:%M:%S"), "状态": rng.choice(["已结案", "处理中"], count),
        "地址": np.char.add("中山路", rng.integers(1, 900, count).astype(str)),
        "经度": rng.uniform(118.6, 118.9, count).round(6), "纬度": rng.uniform(31.9, 32.2, count).round(6),
    })  # fmt: skip


def buildings(count: int) -> gpd.GeoDataFrame:
    """Footprints of a made-up city."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform(118.6, 118.9, count), rng.uniform(31.9, 32.2, count)
    shapes = shapely.box(x, y, x + rng.uniform(1e-4, 3e-4, count), y + rng.uniform(1e-4, 2e-4, count))
    columns = {"code": [f"B{n:07d}" for n in range(count)], "households": rng.integers(0, 90, count),
               "levels": rng.integers(1, 33, count), "name": [f"{n}号楼" for n in range(count)]}  # fmt: skip
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)


def ours(path: Path, layer: str) -> None:
    """The whole reading, with checks, repair and the city's CRS."""
    from layers.read import read_file

    read = read_file(path, layer, datum="wgs84")
    assert read.tally.rows == read.tally.kept


def shifted(_: Path, __: str) -> None:
    """A million points there and back."""
    from layers.datum import shift

    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(80, 130, 1_000_000), rng.uniform(20, 50, 1_000_000)
    start = time.process_time()
    there = shift(lon, lat, source="wgs84", target="gcj02")
    back = shift(*there, source="gcj02", target="wgs84")
    print(f"1,000,000 points to GCJ-02 and back: {time.process_time() - start:.2f} CPU s")
    away = np.hypot(back[0] - lon, back[1] - lat) * 111_000
    print(f"farthest off when back: {np.quantile(away, 0.999) * 1000:.6f} mm (99.9 %)")


def measured(work: Callable[[Path, str], object], path: Path, layer: str, out: multiprocessing.Queue) -> None:
    """CPU seconds and peak memory of one reading, imports left out."""
    import layers.read  # noqa: F401

    start = time.process_time()
    work(path, layer)
    spent = time.process_time() - start
    out.put((spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def run(work: Callable[[Path, str], object], path: Path, layer: str) -> tuple[float, float]:
    """One measurement in a process of its own."""
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    process = context.Process(target=measured, args=(work, path, layer, out))
    process.start()
    spent, peak = out.get()
    process.join()
    return spent, peak


def plain_csv(path: Path, _: str) -> object:
    """pandas alone."""
    return pd.read_csv(path)


def placed_csv(path: Path, _: str) -> object:
    """pandas and geopandas, as one gets points in metres by hand: no checks."""
    table = pd.read_csv(path)
    points = gpd.points_from_xy(table["经度"], table["纬度"], crs=4326)
    return gpd.GeoDataFrame(table, geometry=points).to_crs(4549)


def plain_excel(path: Path, _: str) -> object:
    """pandas alone, with its own default reader."""
    return pd.read_excel(path)


def plain_calamine(path: Path, _: str) -> object:
    """pandas with the reader that gridmap has too."""
    return pd.read_excel(path, engine="calamine")


def plain_vector(path: Path, _: str) -> object:
    """geopandas alone."""
    return gpd.read_file(path)


def made(book: Path, table: Path, shapes: Path, scale: float) -> None:
    """The three files."""
    incidents(int(100_000 * scale)).to_excel(book, index=False)
    incidents(int(1_000_000 * scale)).to_csv(table, index=False)
    buildings(int(100_000 * scale)).to_file(shapes)


def main() -> None:
    """Print one line a file and way."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory() as folder:
        book, table, shapes = Path(folder) / "i.xlsx", Path(folder) / "i.csv", Path(folder) / "b.gpkg"
        # made in a process of its own: what it took must not count as the peak of those that read
        maker = multiprocessing.get_context("spawn").Process(target=made, args=(book, table, shapes, scale))
        maker.start()
        maker.join()
        print(f"{'file':28} {'way':22} {'CPU s':>7} {'peak MB':>8} {'ratio':>6}")
        for path, layer, plains in (
            (table, "incidents", [plain_csv, placed_csv]), (book, "incidents", [plain_excel, plain_calamine]),
            (shapes, "buildings", [plain_vector]),
        ):  # fmt: skip
            mine, peak = run(ours, path, layer)
            print(f"{path.name:28} {'gridmap':22} {mine:7.2f} {peak:8.0f}")
            for plain in plains:
                spent, peak = run(plain, path, layer)
                print(f"{path.name:28} {plain.__name__:22} {spent:7.2f} {peak:8.0f} {mine / spent:6.2f}")
    shifted(Path(), "")


if __name__ == "__main__":
    main()
