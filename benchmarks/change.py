"""A city split again after a change, and edits by hand: what they cost, and how much of the plan they keep.

    python benchmarks/change.py [--sizes 3000 12000 48000] [--share 0.05] [--edits 400]

About `--share` of all households change: houses are torn down, empty buildings become homes under a new code, others
gain or lose households. `kept` is counted here, building by building: households that are there before and after and
have the same micro-grid. An edit moves a cell on a border to the micro-grid beside it; its time takes in the answer and
the new areas of both sides.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from city import city  # noqa: E402

from gridmap.micro_grids.band import MICRO_GRIDS  # noqa: E402
from gridmap.micro_grids.cell_graph import graph_of_cells  # noqa: E402
from gridmap.micro_grids.edit import Draft  # noqa: E402
from gridmap.micro_grids.levels import Rules  # noqa: E402
from gridmap.micro_grids.patch import whole_buildings  # noqa: E402
from gridmap.micro_grids.resplit import resplit  # noqa: E402
from gridmap.micro_grids.split import Split, split_levels  # noqa: E402
from layers.sample import town  # noqa: E402
from tests.checks import drawn, tiling  # noqa: E402
from tests.figures import compactness, put_together  # noqa: E402

Layers = dict[str, gpd.GeoDataFrame]


def changed(buildings: gpd.GeoDataFrame, share: float, seed: int = 0) -> tuple[gpd.GeoDataFrame, float]:
    """The buildings after a change, and the share of households that came or went."""
    rng = np.random.default_rng(seed)
    after = buildings.reset_index(drop=True)
    before = after["households"].to_numpy(dtype=np.int64)
    total = before.sum()

    def some(candidates: np.ndarray, weights: np.ndarray, wanted: float) -> np.ndarray:
        order = rng.permutation(candidates)
        return order[: int(np.searchsorted(np.cumsum(weights[order]), wanted * total)) + 1]

    torn = some(np.flatnonzero((before > 0) & (before <= 40)), before, share * 0.3)
    born = some(np.flatnonzero((before == 0) & (after.geometry.area > 60)), np.full(len(after), 24), share * 0.3)
    left = np.setdiff1d(np.flatnonzero(before > 2), torn)
    other = some(left, np.maximum(1, before // 4), share * 0.4)
    now = before.copy()
    now[born] = rng.integers(10, 39, len(born))
    now[other] = np.maximum(0, before[other] + rng.choice([-1, 1], len(other)) * np.maximum(1, before[other] // 4))
    code = after["code"].to_numpy(dtype=object).copy()
    code[born] = [f"N{number:05d}" for number in range(len(born))]
    after = after.assign(code=code, households=now)
    keep = np.ones(len(after), dtype=bool)
    keep[torn] = False
    moved = np.abs(now - before)[keep].sum() + before[torn].sum()
    return after[keep].reset_index(drop=True), float(moved / total)


def held(parts: pd.DataFrame) -> pd.Series:
    """Households by building and micro-grid."""
    whole = parts["part_of"].where(parts["part_of"].notna(), parts["code"])
    return parts["households"].groupby([whole.to_numpy(), parts["micro_grid"].to_numpy()]).sum()


def kept(before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Share of the households that are there before and after whose micro-grid has the same code."""
    old, new = held(before), held(after)
    both = pd.concat([old, new], axis=1).fillna(0).min(axis=1).sum()
    totals = pd.concat([old.groupby(level=0).sum(), new.groupby(level=0).sum()], axis=1).fillna(0).min(axis=1).sum()
    return float(both / totals)


def again(layers: Layers, split: Split, first_s: float, share: float) -> None:
    """Print what a re-split costs and keeps."""
    wanted, moved = changed(whole_buildings(split.buildings), share)
    start = time.process_time()
    done = resplit(
        split.cells, split.buildings, split.units["micro_grids"], layers=layers, rules=Rules(), wanted=wanted
    )
    spent = time.process_time() - start
    table = done.micro_grids.reset_index(drop=True)
    peopled = table[table["households"] > 0]
    several = put_together(table, done.buildings)
    wish = table["households"].between(MICRO_GRIDS.wish_low, MICRO_GRIDS.wish_high)[several].mean()
    outline = layers["districts"].geometry.union_all()
    gap, overlap, bad, _ = tiling(drawn(table).geometry.to_numpy(), outline, np.empty(0, dtype=object))
    lost = int(wanted["households"].sum()) - int(table["households"].sum())
    print(
        f"  re-split after {moved:.1%}: {spent:.2f} CPU s, {spent / first_s:.0%} of the first split ({first_s:.2f}); "
        f"kept {kept(split.buildings, done.buildings):.2%} (it says {done.kept:.2%}); in 15-40 "
        f"{peopled['within_band'].mean():.2%}, several in 20-30 {wish:.2%}, PP "
        f"{compactness(drawn(table).geometry.to_numpy()).mean():.3f}, gap {gap:.3f} m2, overlap {overlap:.4f} m2, bad "
        f"segments {bad}, households lost {lost}"
    )


def edits(layers: Layers, split: Split, count: int) -> None:
    """Print what edits by hand cost."""
    cells = split.cells.reset_index(drop=True).copy()
    if "alone" not in cells:
        cells["alone"] = cells["stacked"] | (cells["households"] > MICRO_GRIDS.high)
    if "community" not in cells:
        cells["community"] = cells["micro_grid"].astype(str).str[:12]
    lines = {name: layers.get(name) for name in ("roads", "barriers", "water", "estates")}
    start = time.process_time()
    graph, block = graph_of_cells(cells, **lines)
    draft = Draft(cells, split.buildings, graph, block, MICRO_GRIDS)
    opened = time.process_time() - start
    owner, name = cells["micro_grid"].to_numpy(dtype=object), cells["code"].to_numpy(dtype=object)
    border = np.flatnonzero(graph.open & (owner[graph.a] != owner[graph.b]))
    rng = np.random.default_rng(0)
    took, refused = [], 0
    for edge in rng.permutation(border)[:count]:
        move = draft.move([name[graph.a[edge]]], owner[graph.b[edge]])
        start = time.process_time()
        answer = draft.preview(move, geometry=True)
        if answer.allowed:
            draft.apply(move)
            took.append(time.process_time() - start)
            draft.undo()
        else:
            took.append(time.process_time() - start)
            refused += 1
    ms = np.array(took) * 1000
    print(
        f"  opened for editing in {opened:.2f} CPU s; {len(ms)} edits ({refused} refused): median {np.median(ms):.2f} "
        f"ms, 95 % under {np.percentile(ms, 95):.2f} ms, longest {ms.max():.2f} ms (asked, made, both areas drawn)"
    )


def main() -> None:
    """Print what a change and an edit cost at several sizes."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sizes", nargs="*", type=int, default=(3000, 12_000, 48_000))
    asked.add_argument("--share", type=float, default=0.05)
    asked.add_argument("--edits", type=int, default=400)
    args = asked.parse_args()
    # The compiler's runs are no part of any figure.
    small = split_levels(town())
    resplit(small.cells, small.buildings, small.units["micro_grids"], layers=town(), rules=Rules(),
            wanted=changed(whole_buildings(small.buildings), 0.2)[0])  # fmt: skip
    for size in args.sizes:
        layers = city(size)
        start = time.process_time()
        split = split_levels(layers)
        first = time.process_time() - start
        print(f"{split.households:,} households, {len(split.units['micro_grids']):,} micro-grids", flush=True)
        again(layers, split, first, args.share)
        edits(layers, split, args.edits)


if __name__ == "__main__":
    main()
