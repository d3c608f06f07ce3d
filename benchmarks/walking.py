"""How fast walks are: 30 kinds on synthetic streets of 10,000 to 950,000 edges, beside igraph on the same graph.

    python benchmarks/walking.py [EDGES ...]

Streets are a lattice with bent corners and missing bits, in shuffled order; buildings stand within 25 m of a street.
igraph (`pip install igraph`) gets the same nodes and arcs and one search a kind from a super-source, without access
legs and without a limit; `gridmap, any length` is the like-for-like row. CPU seconds of one process; the compiler's
first run is left out. What-if is measured on 14,000 micro-grids.
"""

from __future__ import annotations

import resource
import sys
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.access.network import WalkNetwork, build_network
from gridmap.access.reach import Places, nearest_of_kinds, place
from gridmap.access.snap import snap
from gridmap.access.whatif import Change, WhatIf

KINDS = 30
WHAT_IF_KINDS = 30
SIZES = (10_000, 30_000, 100_000, 300_000, 950_000)
CRS = "EPSG:4549"


def streets(edges: int, seed: int = 0) -> gpd.GeoDataFrame:
    """A lattice of about so many street bits, 80 m apart, its corners moved and a tenth of its bits missing."""
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(edges / 1.8))
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1) * 80.0
    at += rng.uniform(-20, 20, at.shape)
    start = np.concatenate([at[:-1].reshape(-1, 2), at[:, :-1].reshape(-1, 2)])
    end = np.concatenate([at[1:].reshape(-1, 2), at[:, 1:].reshape(-1, 2)])
    keep = rng.permutation(len(start))[: int(0.9 * len(start))]
    lines = shapely.linestrings(np.stack([start[keep], end[keep]], axis=1))
    return gpd.GeoDataFrame({"class": "residential"}, geometry=lines, crs=CRS, index=range(len(lines)))


def beside(roads: gpd.GeoDataFrame, count: int, rng: np.random.Generator) -> np.ndarray:
    """Places within 25 m of a street."""
    ends = shapely.get_coordinates(roads.geometry.to_numpy()).reshape(-1, 2, 2)
    line = rng.integers(0, len(ends), count)
    share = rng.uniform(0, 1, (count, 1))
    return ends[line, 0] * (1 - share) + ends[line, 1] * share + rng.uniform(-17, 17, (count, 2))


def spent(work, *arguments):
    """What the work gives, and its CPU seconds."""
    began = time.process_time()
    made = work(*arguments)
    return made, time.process_time() - began


def igraph_walks(network: WalkNetwork, sites: Places, kind: np.ndarray) -> float:
    """CPU seconds of igraph for one search a kind from all its sites at once."""
    import igraph

    arcs = network.arcs
    nodes = len(arcs.begins) - 1
    tail = np.repeat(np.arange(nodes), np.diff(arcs.begins))
    once = tail < arcs.heads
    seconds = 0.0
    graph = igraph.Graph(n=nodes + 1, edges=np.column_stack([tail[once], arcs.heads[once]]))
    graph.es["metres"] = arcs.metres[once].tolist()
    for number in range(KINDS):
        ends = sites.ends[kind == number].ravel()
        metres = (sites.to_ends + sites.leg[:, None])[kind == number].ravel()
        first = graph.ecount()
        graph.add_edges([(nodes, int(end)) for end in ends], attributes={"metres": metres.tolist()})
        began = time.process_time()
        graph.distances(source=[nodes], weights="metres", algorithm="dijkstra")
        seconds += time.process_time() - began
        graph.delete_edges(range(first, graph.ecount()))
    return seconds


def one_size(edges: int, *, peers: bool) -> None:
    """One line of figures."""
    rng = np.random.default_rng(1)
    roads = streets(edges)
    buildings = beside(roads, round(edges * 500 / 950), rng)
    facilities = beside(roads, KINDS * max(5, edges // 1900), rng)
    kind = np.arange(len(facilities)) % KINDS
    network, building = spent(build_network, roads)
    network.arcs, network.cells  # noqa: B018 made here, so that no later figure holds them
    snapped, snapping = spent(snap, network, buildings)
    doors = place(network, snapped)
    sites = place(network, snap(network, facilities)).in_order_of_rows()
    (metres, _), near = spent(nearest_of_kinds, network, doors, sites, kind, KINDS, 1000.0)
    reached = np.isfinite(metres).mean()
    del metres
    (_, _), far = spent(nearest_of_kinds, network, doors, sites, kind, KINDS, np.inf)
    peer = ""
    if peers:
        try:
            seconds = igraph_walks(network, sites, kind)
            peer = f"{seconds:9.2f} {seconds / far:6.1f}x {seconds / near:6.1f}x"
        except ImportError:
            peer = "igraph not installed"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(roads):9,} {len(buildings):9,} {building:8.2f} {snapping / len(buildings) * 1e6:8.1f} {near:9.2f} "
        f"{near / len(roads) * 1e6:9.2f} {reached:8.0%} {far:9.2f} {peer} {peak:9,.0f}", flush=True
    )


def what_if() -> None:
    """CPU seconds of four questions to a city of 14,000 micro-grids."""
    rng = np.random.default_rng(2)
    roads = streets(120_000)
    count = 60_000
    xy = beside(roads, count, rng)
    strip = np.floor(xy / np.ptp(xy, axis=0) * 118)
    buildings = gpd.GeoDataFrame(
        {"households": rng.integers(1, 11, count),
         "micro_grid": [f"{int(x):03}{int(y):03}" for x, y in strip - strip.min(axis=0)]},
        geometry=gpd.points_from_xy(*xy.T), crs=CRS,
    )
    spots = beside(roads, WHAT_IF_KINDS * 150, rng)
    facilities = gpd.GeoDataFrame(
        {"kind": [f"kind_{number % WHAT_IF_KINDS:02}" for number in range(len(spots))],
         "code": [f"f{number}" for number in range(len(spots))]}, geometry=gpd.points_from_xy(*spots.T), crs=CRS,
    )
    norms = {f"kind_{number:02}": 300.0 + 100 * (number % 8) for number in range(WHAT_IF_KINDS)}
    units = pd.DataFrame({"code": sorted(set(buildings["micro_grid"]))})
    city, prepared = spent(lambda: WhatIf(units, buildings, facilities, build_network(roads), norms))
    sizes = f"{len(units):,} micro-grids, {count:,} buildings, {WHAT_IF_KINDS} kinds"
    print(f"what-if: {sizes}; made ready in {prepared:.1f} CPU s", flush=True)
    middle = tuple(xy.mean(axis=0))
    for name, change in (
        ("add", Change(add=[("kind_03", middle)])), ("close", Change(close=["f3"])),
        ("move", Change(move={"f3": middle})), ("norm", Change(norms={"kind_03": 500.0})),
    ):
        outcome, seconds = spent(city.ask, change)
        found = f"{len(outcome.coverage):,} rows of coverage, {len(outcome.gaps):,} gaps"
        print(f"  {name:6} {seconds:6.2f} CPU s, {found}", flush=True)


def main() -> None:
    """Print one line a size, then the questions."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    warm = streets(2_000)
    network = build_network(warm)
    doors = place(network, snap(network, beside(warm, 100, np.random.default_rng(0))))
    nearest_of_kinds(network, doors, doors, np.zeros(len(doors), dtype=np.intp), 1, 1000.0)
    print(f"{'edges':>9} {'doors':>9} {'build s':>8} {'snap us':>8} {'1000 m s':>9} {'us/edge':>9} {'reached':>8} "
          f"{'any s':>9} {'igraph s':>9} {'any':>7} {'1000 m':>7} {'peak MB':>9}")
    for size in sizes:
        one_size(size, peers=True)
    what_if()


if __name__ == "__main__":
    main()
