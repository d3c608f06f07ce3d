"""The worst gaps of a built city, one map each and a contact sheet: `python docs/images/gaps.py CITY NAME [FOLDER]`.

Writes `gaps_NAME.png` beside this file (ten maps) and, with FOLDER, each map larger as `NAME_01.png` ..., and prints a
table for `docs/gaps.md`. The worst are those of most households, at most two of one kind and two of one place. Needs
matplotlib, which gridmap itself does not.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import geopandas as gpd
import matplotlib
import numpy as np
import pandas as pd
import shapely
from PIL import Image

from gridmap.access.walk import walk_distances
from gridmap.city_walks import CityWalks, read_walks
from gridmap.stores import open_store
from gridmap.ways import way_from

matplotlib.use("agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).resolve().parent
plt.rcParams["font.sans-serif"] = ["Noto Sans CJK SC", "WenQuanYi Zen Hei", "DejaVu Sans"]
THANKS = "© OpenStreetMap contributors, ODbL; households estimated"
MANY = 10


def worst(gaps: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The ten of most households, at most two of a kind and two of a place (areas that share more than half)."""
    order = gaps.sort_values(["households", "kind", "rank"], ascending=[False, True, True])
    chosen: list[int] = []
    for at in order.index:
        shape, kind = gaps.geometry[at], gaps["kind"][at]
        same = [
            other for other in chosen
            if shape.intersection(gaps.geometry[other]).area > 0.5 * min(shape.area, gaps.geometry[other].area)
        ]
        if len(same) < 2 and sum(gaps["kind"][other] == kind for other in chosen) < 2:
            chosen.append(at)
        if len(chosen) == MANY:
            break
    return gaps.loc[chosen].reset_index(drop=True)


def draw(axes, walks: CityWalks, gap, extra: dict[str, gpd.GeoDataFrame], number: int) -> None:
    """One gap: homes beyond the norm in red, within it in green, one household's way, and where to build."""
    homes, facilities = walks.areas("buildings"), walks.facilities((gap.kind,))
    metres = extra[f"walk:{gap.kind}"]
    norm = float(walks.norms[gap.kind].metres or 0)
    west, south, east, north = gap.geometry.bounds
    nearest = facilities[facilities["code"] == gap.nearest]
    if len(nearest) and gap.straight_m < 1500:
        spot = nearest.geometry.iloc[0].representative_point()
        west, south, east, north = min(west, spot.x), min(south, spot.y), max(east, spot.x), max(north, spot.y)
    x, y, side = (west + east) / 2, (south + north) / 2, max(east - west, north - south, 400) * 1.12
    box = shapely.box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    for name, style in (
        ("green", {"color": "#dfeadb"}), ("water", {"color": "#a9cbe8"}),
        ("roads", {"color": "#b8b2a7", "linewidth": 0.8}), ("barriers", {"color": "#444", "linewidth": 0.8, "ls": ":"}),
    ):
        frame = extra[name]
        seen = frame[frame.geometry.intersects(box)] if len(frame) else frame
        if len(seen):
            seen.plot(ax=axes, **style)
    gpd.GeoSeries([gap.geometry]).plot(ax=axes, color="#f5a623", alpha=0.28, edgecolor="#c96a00", linewidth=1.2)
    seen = homes[homes.geometry.intersects(box)]
    lived = seen["households"].fillna(0) > 0
    within = metres.loc[seen.index].fillna(np.inf) <= norm
    for rows, colour in ((~lived, "#d5d2cc"), (lived & within, "#5a9e5f"), (lived & ~within, "#c0392b")):
        if rows.any():
            seen[rows].plot(ax=axes, color=colour, markersize=6)
    inside = seen[lived & ~within & seen.geometry.intersects(gap.geometry)]
    if len(inside):
        middle = inside.loc[metres.loc[inside.index].fillna(1e9).sort_values().index[len(inside) // 2]]
        way = way_from(walks, str(middle["code"]), gap.kind)
        if way.way.line is not None:
            gpd.GeoSeries([way.way.line]).plot(ax=axes, color="#6a1b9a", linewidth=2)
    if len(facilities):
        facilities.geometry.representative_point().plot(ax=axes, color="#1257a8", markersize=45, marker="s", zorder=5)
    if pd.notna(gap.closing_x):
        axes.plot([gap.closing_x], [gap.closing_y], marker="*", color="#ffd600", markeredgecolor="black", markersize=15)
    axes.plot([x - side * 0.46, x - side * 0.46 + 200], [y - side * 0.46] * 2, color="black", linewidth=3)
    axes.text(x - side * 0.46, y - side * 0.445, "200 m", fontsize=8)
    axes.set_xlim(x - side / 2, x + side / 2)
    axes.set_ylim(y - side / 2, y + side / 2)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("")
    axes.set_ylabel("")
    title = f"{number}. {gap.kind} ({norm:g} m): {gap.households} households; star serves {gap.closing_households}"
    axes.set_title("\n".join([title, *textwrap.wrap(str(gap.reason), 66)[:4]]), fontsize=8, loc="left")


def main() -> None:
    """Draw the city named."""
    city, name = sys.argv[1:3]
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with open_store(city) as store:
        walks = read_walks(store)
        gaps = store.read("gaps")
        extra = {layer: store.read(layer) for layer in ("green", "water", "roads", "barriers")}
    chosen = worst(gaps)
    kinds = tuple(sorted(set(chosen["kind"])))
    table = walk_distances(walks.areas("buildings"), walks.facilities(kinds), walks.network, limit_m=3000)
    extra |= {f"walk:{kind}": table[kind] for kind in kinds}
    figure, every = plt.subplots(4, 3, figsize=(13.5, 20), dpi=80)
    for at, axes in enumerate(every.flat):
        if at >= len(chosen):
            axes.set_axis_off()
            continue
        gap = chosen.iloc[at]
        draw(axes, walks, gap, extra, at + 1)
        if folder is not None:
            one, alone = plt.subplots(figsize=(8, 8.6), dpi=90)
            draw(alone, walks, gap, extra, at + 1)
            one.savefig(folder / f"{name}_{at + 1:02}.png")
            plt.close(one)
        print(f"| {at + 1} | {gap.kind} | {gap.households} | {gap.closing_households} | {gap.reason} |")
    legend = ("red: homes beyond the norm    green: within it", "orange: the gap    blue: facilities of the kind",
              "purple: the way of its middle household", "star: where one would close it", "", THANKS)
    every.flat[-1].text(0, 0.5, "\n".join(legend), fontsize=11)
    figure.tight_layout()
    path = HERE / f"gaps_{name}.png"
    figure.savefig(path)
    with Image.open(path) as picture:  # a palette keeps the file small
        small = picture.convert("RGB").quantize(160, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        small.save(path, optimize=True)


if __name__ == "__main__":
    main()
