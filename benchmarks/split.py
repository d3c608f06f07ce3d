"""How good and how fast the split is on real districts, beside METIS on the same cells, in one run.

    python benchmarks/split.py FOLDER_OF_DISTRICTS [NAME ...]

METIS (`pip install pymetis`) is asked for as many parts as the households need and minimises the cut with balance as a
side condition; it may change nothing else. CPU seconds are of one process; the compiler's first run is left out.
Data © OpenStreetMap contributors, ODbL.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from districts import DISTRICTS, read
from peers import metis
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gridmap.micro_grids.atoms import make_atoms
from gridmap.micro_grids.balance import balance
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.fabric import Fabric, make_fabric
from gridmap.micro_grids.graph import ALONE, CellGraph, make_graph
from gridmap.micro_grids.lines import block_lines, street_lines
from gridmap.micro_grids.split import split_levels
from layers.findings import Findings

BAND = Band(15, 25, 40)


def cells(layers: dict[str, gpd.GeoDataFrame], band: Band = BAND) -> tuple[Fabric, CellGraph]:
    """The cells that both share."""
    outline = layers["districts"].geometry.iloc[0]
    atoms = make_atoms(layers["buildings"], band, Findings(), outline=outline)
    lines, strengths = block_lines(*(layers.get(name) for name in ("roads", "barriers", "water")))
    fabric = make_fabric(outline, atoms.geometry, lines, streets=street_lines(layers.get("roads")))
    graph = make_graph(fabric, atoms.households, atoms.stacked, lines, strengths, things=atoms.things)
    graph.join_small(band.low)
    return fabric, graph


def figures(fabric: Fabric, graph: CellGraph, unit: np.ndarray) -> str:
    """Share in the band, in the wish (of several buildings), connected, mean compactness, share on streets."""
    count = int(unit.max()) + 1
    load = np.bincount(unit, weights=graph.households, minlength=count)
    inhabited = np.bincount(unit, weights=graph.households > 0, minlength=count)
    stack = np.bincount(unit, weights=graph.weight >= ALONE, minlength=count) > 0
    keep = ~stack & (load > 0)
    several = keep & (inhabited > 1)
    same = graph.open & (unit[graph.a] == unit[graph.b])
    links = coo_matrix((np.ones(int(same.sum())), (graph.a[same], graph.b[same])), shape=(len(graph),) * 2)
    pieces = connected_components(links, directed=False)[1]
    connected = np.array([len(np.unique(pieces[unit == number])) == 1 for number in range(count)])
    label = unit[fabric.cell]
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    areas = np.array([shapely.coverage_union_all(fabric.faces[group]) for group in groups])
    compact = 4 * np.pi * shapely.area(areas) / shapely.length(areas) ** 2
    between = unit[graph.a] != unit[graph.b]
    street = 1 - graph.bare[between].sum() / graph.length[between].sum()
    band = ((load >= BAND.low) & (load <= BAND.high))[keep].mean()
    wish = ((load >= BAND.wish_low) & (load <= BAND.wish_high))[several].mean()
    return f"{count:6} {band:9.1%} {wish:9.1%} {connected.mean():9.1%} {compact.mean():7.3f} {street:7.1%}"


def main() -> None:
    """Print one line a district and method."""
    root = Path(sys.argv[1])
    names = sys.argv[2:] or DISTRICTS
    warm = read(root / "taichung_xitun" / "taichung_xitun.gpkg")
    split_levels(warm)
    heads = [f"{'CPU s':>7}", f"{'zones':>6}", f"{'15-40':>9}", f"{'20-30*':>9}", f"{'connected':>9}", f"{'PP':>7}"]
    print(f"{'district':20} {'method':8} {' '.join(heads)} {'street':>7}")
    for name in names:
        layers = read(root / name / f"{name}.gpkg")
        start = time.process_time()
        fabric, graph = cells(layers)
        made = time.process_time() - start
        print(f"{name:20} {'cells':8} {made:7.2f} {len(graph):6}")
        for method, cut in (("gridmap", lambda g: balance(g, BAND, seed=0)), ("METIS", lambda g: metis(g, BAND))):
            try:
                start = time.process_time()
                unit = cut(graph)
                spent = time.process_time() - start
            except ImportError:
                print(f"{name:20} {method:8} not installed")
                continue
            print(f"{name:20} {method:8} {spent:7.2f} {figures(fabric, graph, unit)}")
        start = time.process_time()
        split_levels(layers)
        print(f"{name:20} {'whole':8} {time.process_time() - start:7.2f}  (all levels, to valid polygons)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"* of units of several inhabited cells, in the wish of +-20 %; peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    main()
