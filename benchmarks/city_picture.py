"""A picture of layers, and of the micro-grids over them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import shapely

mpl.use("Agg")

from matplotlib import pyplot as plt

_WIDE = {"motorway": 2.6, "primary": 2.0, "secondary": 1.5, "tertiary": 1.1, "residential": 0.7}


def draw(
    layers: Mapping[str, gpd.GeoDataFrame], path: Path, *, window: shapely.Polygon | None = None,
    micro_grids: gpd.GeoDataFrame | None = None, inches: float = 12.0,
) -> None:  # fmt: skip
    """Write a PNG of the layers, of a window where one is given."""
    figure, axes = plt.subplots(figsize=(inches, inches))
    west, south, east, north = (window or layers["buildings"].union_all().envelope).bounds
    scale = 1500.0 / max(east - west, north - south)
    shapely_box = shapely.box(west, south, east, north)

    def part(name: str) -> gpd.GeoDataFrame | None:
        frame = layers.get(name)
        if frame is None or not len(frame):
            return None
        frame = frame[frame.intersects(shapely_box)]
        return frame if len(frame) else None

    for name, colour in (("green", "#d5e8c8"), ("estates", "#f6efe0"), ("water", "#a9cfe8")):
        frame = part(name)
        if frame is not None:
            frame.plot(ax=axes, color=colour, linewidth=0)
    roads = part("roads")
    if roads is not None:
        for kind, rows in roads.groupby("class"):
            colour = "#e0903c" if kind == "motorway" else "#b8b8b8"
            rows.plot(ax=axes, color=colour, linewidth=_WIDE.get(str(kind), 0.5) * max(scale, 0.25) * 1.6)
    buildings = part("buildings")
    if buildings is not None:
        homes = buildings["households"].fillna(0)
        colours = ["#c9c9d6" if h == 0 else "#e8b796" if h <= 3 else "#d98566" if h <= 40 else "#a03c3c" for h in homes]
        buildings.plot(ax=axes, color=colours, linewidth=0)
    barriers = part("barriers")
    if barriers is not None:
        rail = barriers["kind"] == "rail"
        if rail.any():
            barriers[rail].plot(ax=axes, color="#333333", linewidth=1.6, linestyle=(0, (4, 2)))
        if (~rail).any() and scale > 0.4:
            barriers[~rail].plot(ax=axes, color="#7a5230", linewidth=0.6)
    communities = part("communities")
    if communities is not None:
        communities.boundary.plot(ax=axes, color="#2d5fa8", linewidth=0.8)
    if micro_grids is not None:
        micro_grids[micro_grids.intersects(shapely_box)].boundary.plot(ax=axes, color="#1a7a3c", linewidth=1.0)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_axis_off()
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)
