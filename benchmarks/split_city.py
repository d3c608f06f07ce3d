"""What a split costs, from a community to a big city, and what other partitioners cost on the same cells.

    python benchmarks/split_city.py [--sizes 3000 12000 48000 120000 358000] [--plot FILE.png] [--limit SECONDS]

Each size is a fresh process that reads the layers of an invented city (`benchmarks/city.py`) and splits it to valid
polygons on every level: CPU seconds of one process (the compiler's run left out), and the peak of resident memory,
everything counted that the process holds. `partition` are the seconds in which units are chosen. METIS gets the cells
of the same run; GerryChain and max-p those of one community, with a time limit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pickle
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

SIZES = (3000, 12_000, 48_000, 120_000, 358_000)


def memory(what: str) -> float:
    """A line of /proc/self/status in MB: VmRSS (now) or VmHWM (peak)."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def forget_peak() -> None:
    """Count the peak of resident memory from here on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def write(folder: Path, households: int) -> None:
    """Layers of a city as parquet files."""
    from city import city

    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in city(households).items():
        frame.to_parquet(folder / f"{name}.parquet")


def child(folder: Path, limit: int) -> dict[str, Any]:
    """Split one city and say what it cost."""
    import peers

    import gridmap.micro_grids.levels as levels
    from gridmap.micro_grids.band import MICRO_GRIDS
    from gridmap.micro_grids.split import split_levels
    from layers.sample import town

    split_levels(town())
    layers = {path.stem: gpd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    spent = {"partition": 0.0, "aside": 0.0}
    balance = levels.balance

    def watched(graph: Any, band: Any, **more: Any) -> Any:
        start = time.process_time()
        unit = balance(graph, band, **more)
        after = time.process_time()
        spent["partition"] += after - start
        if band == MICRO_GRIDS:
            # The peers get the same cells afterwards; meanwhile they weigh on the disk, not on the memory measured.
            pickle.dump((graph, unit), aside)
            spent["aside"] += time.process_time() - after
        return unit

    levels.balance = watched
    before = memory("VmRSS")
    with (folder / "cells.pickle").open("wb") as aside:
        forget_peak()
        start = time.process_time()
        split = split_levels(layers)
        cpu = time.process_time() - start - spent["aside"]
    peak, partition = memory("VmHWM"), spent["partition"]
    micro_grids = split.units["micro_grids"]
    result: dict[str, Any] = {
        "households": split.households, "buildings": len(layers["buildings"]),
        "communities": len(layers["communities"]), "micro_grids": len(micro_grids),
        "cpu_s": cpu, "partition_s": partition, "before_mb": before, "peak_mb": peak,
        "valid": bool(shapely.is_valid(micro_grids.geometry.to_numpy()).all()),
        "in_band": float(micro_grids.query("households > 0")["within_band"].mean()),
        "compactness": float(micro_grids["compactness"].mean()),
    }  # fmt: skip
    graphs, mine = [], []
    with (folder / "cells.pickle").open("rb") as aside, contextlib.suppress(EOFError):
        while True:
            graph, unit = pickle.load(aside)
            graphs.append(graph)
            mine.append(unit)
    result["peers"] = {"gridmap": {"cpu_s": partition, **peers.shares(graphs, mine, MICRO_GRIDS)}}
    for name, method in peers.PEERS.items():
        if name != "METIS" and len(layers["communities"]) > 1:
            continue
        answer = peers.timed(method, graphs, MICRO_GRIDS, limit)
        result["peers"][name] = answer if isinstance(answer, str) else {
            "cpu_s": answer[1], **peers.shares(graphs, answer[0], MICRO_GRIDS)
        }  # fmt: skip
    return result


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """CPU seconds and memory over households."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    size = [row["households"] for row in rows]
    for key, name in (("cpu_s", "whole split"), ("partition_s", "partition alone")):
        left.plot(size, [row[key] for row in rows], marker="o", label=name)
    slope = rows[-1]["cpu_s"] / rows[-1]["households"]
    left.plot([0, size[-1]], [0, slope * size[-1]], linestyle=":", color="grey", label="linear")
    left.set(xlabel="households", ylabel="CPU seconds, one process")
    left.legend()
    right.plot(size, [row["peak_mb"] for row in rows], marker="o", label="peak resident memory")
    right.plot(size, [row["before_mb"] for row in rows], marker=".", label="before the split, layers read")
    right.set(xlabel="households", ylabel="MB", ylim=(0, None))
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print one line a size, then the peers."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    asked.add_argument("--limit", type=int, default=300, help="seconds of the clock for a peer")
    asked.add_argument("--plot", type=Path)
    asked.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    args = asked.parse_args()
    if args.write:
        write(args.write, args.sizes[0])
        return
    if args.child:
        print(json.dumps(child(args.child, args.limit)))
        return
    rows = []
    print(f"{'households':>10} {'buildings':>9} {'communities':>11} {'micro-grids':>11} {'CPU s':>7} {'per 3,000':>9} "
          f"{'partition':>9} {'MB before':>9} {'MB peak':>8} {'in band':>8} {'PP':>6}")  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        for size in args.sizes:
            folder = Path(scratch) / str(size)
            again = [sys.executable, str(Path(__file__))]
            subprocess.run([*again, "--write", str(folder), "--sizes", str(size)], check=True)
            call = [*again, "--child", str(folder), "--limit", str(args.limit)]
            row = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            rows.append(row)
            print(
                f"{row['households']:10,} {row['buildings']:9,} {row['communities']:11} {row['micro_grids']:11,} "
                f"{row['cpu_s']:7.1f} {row['cpu_s'] / row['households'] * 3000:9.2f} {row['partition_s']:9.2f} "
                f"{row['before_mb']:9.0f} {row['peak_mb']:8.0f} {row['in_band']:8.2%} {row['compactness']:6.3f}",
                flush=True,
            )
    for row in rows:
        for name, found in row["peers"].items():
            if isinstance(found, str):
                print(f"{row['households']:10,} {name:11} {found}")
                continue
            print(
                f"{row['households']:10,} {name:11} CPU s {found['cpu_s']:7.2f} units {found['units']:6,} in 15-40 "
                f"{found['in_band']:7.2%} several in 20-30 {found['in_wish']:7.2%} connected {found['connected']:7.2%}"
            )
    if args.plot and rows:
        plot(rows, args.plot)


if __name__ == "__main__":
    main()
