"""How good the split is on real districts: the whole table, by checks that share no code with the splitter.

    python benchmarks/quality.py FOLDER_OF_DISTRICTS [NAME ...] [--outline given] [--reasons]
    python benchmarks/quality.py FOLDER_OF_DISTRICTS [NAME ...] --cells-band 20 25 30

The second form splits the cells of a band without stacks (buildings above the maximum in pieces of at most half the
target, all of them ground) beside METIS on the same cells. `city:12000` and `sparse:3000` as a NAME stand for an
invented city (`benchmarks/city.py`) and an almost empty outline with about so many households. Data © OpenStreetMap
contributors, ODbL.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from districts import DISTRICTS, GIVEN, read  # noqa: E402

from gridmap.micro_grids.split import Split, split_levels  # noqa: E402
from layers.sample import town  # noqa: E402
from tests.figures import Figures, figures  # noqa: E402

LEVELS = ("districts", "streets", "communities", "grids")


def outline_of(layers: dict[str, gpd.GeoDataFrame]) -> shapely.Geometry:
    """The area of the topmost level that is given."""
    top = next(layers[level] for level in LEVELS if level in layers)
    return shapely.union_all(top.geometry.to_numpy())


def measure(layers: dict[str, gpd.GeoDataFrame]) -> tuple[Split, Figures, float]:
    """The split, its figures and the CPU seconds of the split."""
    start = time.process_time()
    split = split_levels(layers)
    spent = time.process_time() - start
    found = figures(split.units, split.buildings, layers, outline_of(layers), said=split.findings.to_frame())
    return split, found, spent


def show(name: str, layers: dict[str, gpd.GeoDataFrame], *, reasons: bool) -> None:
    """Print the table of one district."""
    split, found, spent = measure(layers)
    outside = sum(item.rule == "outside_outline" for item in split.findings)
    # Corners on the outline's long edges lie on the millimetre grid: up to a millimetre of ground along its length.
    moved = 0.001 * shapely.length(outline_of(layers))
    tiled = "yes" if found.gap_m2 < moved and found.overlap_m2 < 0.01 and not found.bad_segments else "NO"
    rows = {
        "households; micro-grids; CPU s": f"{split.households:,}; {found.micro_grids:,}; {spent:.1f}",
        "in 15-40, of all": f"{found.in_band:.2%}",
        "in 15-40, of the peopled": f"{found.in_band_peopled:.2%} (largest {found.largest})",
        "in 20-30, of those put together": f"{found.in_wish:.2%} of {found.several:,}",
        "in 20-30, single entrances too": f"{found.in_wish_or_cut:.2%} of {found.several_or_cut:,}",
        "not connected": len(found.unconnected),
        "exact coverage": f"{tiled} (gap {found.gap_m2:.3f} m2, overlap {found.overlap_m2:.4f} m2, "
        f"{found.bad_segments} bad segments)",
        "households lost or moved": found.lost_households,
        "not nested": len(found.not_nested),
        "buildings in two micro-grids": f"{len(found.cut)}; {len(found.cut_apart)} once overlaps and given borders are "
        f"set aside; {len(found.cut_unsaid)} without a finding",
        "hard barriers crossed": f"{len(found.crossed)}; {len(found.crossed_unsaid)} without a reason",
        "Polsby-Popper": f"{found.compactness:.3f}; peopled {found.compactness_peopled:.3f}",
        "boundary on streets and barriers": f"{found.on_lines:.1%}",
        "out of band without a reason": len(found.without_reason),
        "buildings outside the outline": outside,
    }
    print(f"\n{name}")
    for head, value in rows.items():
        print(f"  {head:34} {value}")
    for head, codes in (
        ("cut", found.cut_apart), ("crossed", found.crossed_unsaid), ("nesting", found.not_nested),
        ("silent", found.without_reason), ("pieces", found.unconnected),
    ):  # fmt: skip
        if codes:
            print(f"  {head}: {', '.join(codes[:12])}{' ...' if len(codes) > 12 else ''}")
    if reasons and len(found.reasons):
        print("  out of the band (rows, households from-to):")
        for text, row in found.reasons.head(12).iterrows():
            print(f"    {row['rows']:5} {row['fewest']:4}-{row['most']:<4} {text}")


def pieces(buildings: gpd.GeoDataFrame, most: int, above: int) -> gpd.GeoDataFrame:
    """Buildings above a number of households, in pieces of ground of at most `most` each."""
    from gridmap.micro_grids.towers import divide_footprint, share_out

    rows: list[tuple[str, int, shapely.Geometry]] = []
    for code, households, shape in zip(
        buildings["code"], buildings["households"], buildings.geometry, strict=True
    ):
        outlines = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
        if households <= above or not outlines:
            rows.append((code, households, shape))
            continue
        areas = shapely.area(np.array(outlines))
        shares = share_out(households, areas)
        for number, (outline, share) in enumerate(zip(outlines, shares.tolist(), strict=True)):
            cut = divide_footprint(outline, max(1, -(-share // most)))
            counts = share_out(share, np.ones(len(cut)))
            for at, (piece, count) in enumerate(zip(cut, counts.tolist(), strict=True)):
                rows.append((f"{code}.{number}.{at}", count, piece))
    codes, counts, shapes = zip(*rows, strict=True)
    return gpd.GeoDataFrame({"code": codes, "households": counts}, geometry=list(shapes), crs=buildings.crs)


def cells_band(name: str, layers: dict[str, gpd.GeoDataFrame], low: int, target: int, high: int) -> None:
    """Print the share in a band on cells without stacks, gridmap beside METIS, in one run."""
    from peers import metis
    from split import cells

    from gridmap.micro_grids.balance import balance
    from gridmap.micro_grids.band import Band

    band = Band(low, target, high)
    layers = {**layers, "buildings": pieces(layers["buildings"], max(1, target // 2), high)}
    fabric, graph = cells(layers, band)
    for method, cut in (("gridmap", lambda g: balance(g, band, seed=0)), ("METIS", lambda g: metis(g, band))):
        start = time.process_time()
        unit = cut(graph)
        spent = time.process_time() - start
        count = int(unit.max()) + 1
        load = np.bincount(unit, weights=graph.households, minlength=count)
        areas = dissolved(fabric.faces, unit[fabric.cell])
        one = np.array([shape.geom_type == "Polygon" for shape in areas])
        keep = load > 0
        held = ((load >= low) & (load <= high))[keep]
        round_ = 4 * np.pi * shapely.area(areas) / shapely.length(areas) ** 2
        print(
            f"{name:20} {method:8} cells {len(graph):6} zones {int(keep.sum()):6} in {low}-{high} {held.mean():7.2%} "
            f"largest {int(load.max()):4} one polygon {one.mean():7.2%} PP {round_.mean():.3f} CPU s {spent:6.2f}"
        )


def dissolved(faces: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Union of the faces of each number, from 0."""
    order = np.argsort(number, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    return np.array([shapely.coverage_union_all(faces[group]) for group in groups])


def layers_of(name: str, folder: Path, outline: str) -> dict[str, gpd.GeoDataFrame]:
    """Layers of a real district, or of an invented city (`city:12000`, `sparse:3000`)."""
    kind, _, size = name.partition(":")
    if not size:
        return read(folder / name / f"{name}.gpkg", outline=outline)
    from city import city
    from sparse import sparse

    return {"city": city, "sparse": sparse}[kind](int(size))


def main() -> None:
    """Print one table a district."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("names", nargs="*", default=[])
    asked.add_argument("--outline", choices=("box", "given"), default="box")
    asked.add_argument("--reasons", action="store_true", help="tally why rows are out of the band")
    asked.add_argument("--cells-band", nargs=3, type=int, metavar=("MIN", "TARGET", "MAX"))
    args = asked.parse_args()
    split_levels(town())  # the compiler's run is no part of any figure
    for name in args.names or DISTRICTS:
        if args.outline == "given" and name in DISTRICTS and name not in GIVEN:
            continue
        layers = layers_of(name, args.folder, args.outline)
        if args.cells_band:
            cells_band(name, layers, *args.cells_band)
        else:
            show(name, layers, reasons=args.reasons)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
