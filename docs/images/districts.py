"""Pictures of real districts at street level: `python docs/images/districts.py FOLDER [NAME...]`.

FOLDER holds one folder a district with `NAME/NAME.gpkg` (layers boundary, buildings, roads, barriers, water, green,
landuse as OpenStreetMap has them). Needs matplotlib, which gridmap itself does not. Households are estimates.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import matplotlib
import numpy as np
import pyogrio
import shapely
from PIL import Image

from gridmap.micro_grids.split import Split, split_levels
from gridmap.settings import CitySettings
from layers.read import read_city

matplotlib.use("agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).resolve().parent
#: District -> layer of the outline, its filter, and where to look: shares of its width and height, side in metres.
DISTRICTS = {
    "monaco": ("communities", "kind = 'admin'", (0.42, 0.45), 700),
    "nanjing_xinjiekou": ("districts", "kind = 'extract_bbox'", (0.62, 0.45), 1000),
    "beijing_wudaokou": ("districts", "kind = 'extract_bbox'", (0.62, 0.30), 900),
    "shanghai_lujiazui": ("districts", "kind = 'extract_bbox'", (0.22, 0.70), 900),
    "taichung_xitun": ("districts", "kind = 'extract_bbox'", (0.45, 0.55), 900),
    "baltimore": ("districts", "kind = 'extract_bbox'", (0.30, 0.45), 1100),
    "liechtenstein": ("communities", "admin_level = '8'", (0.55, 0.62), 3000),
}
#: Colours of land next to each other; special, village and unpeopled ground have their own.
GROUND = ("#f6e3c5", "#d8e8d3", "#d5e3f0", "#f1d6d6", "#e6dbee", "#f3efc4")
OF_KIND = {"special": "#c9c9c9", "unpeopled": "#e9eee6"}
STREETS = {"motorway": 3.0, "trunk": 2.6, "primary": 2.4, "secondary": 2.0, "tertiary": 1.6}


def split_district(bundle: Path) -> tuple[Split, dict[str, gpd.GeoDataFrame]]:
    """A district split, and the layers that it was split by."""
    outline, where, *_ = DISTRICTS[bundle.stem]
    have = {name for name, _ in pyogrio.list_layers(bundle)}
    lines = ["[city]", f'name = "{bundle.stem}"', f"[layers.{outline}]", f'file = "{bundle}"', 'layer = "boundary"']
    lines.append(f'where = "{where}"')
    sources = {name: name for name in ("buildings", "roads", "barriers", "water", "green")}
    if "landuse" in have and "landuse" in _columns(bundle, "landuse"):
        sources |= {"special_sites": "landuse"}
    for layer, source in sources.items():
        if source in have:
            lines += [f"[layers.{layer}]", f'file = "{bundle}"', f'layer = "{source}"']
            lines += ['columns = { levels = "levels_est" }'] if layer == "buildings" else []
            lines += ['kinds = "osm"'] if layer == "special_sites" else []
            # Vector tiles keep ferries and paths beside the rails.
            lines += ["where = \"kind = 'rail'\""] if layer == "barriers" and "kind" in _columns(bundle, source) else []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "city.toml").write_text("\n".join(lines), encoding="utf-8")
        city = read_city(Path(folder))
    layers = {name: frame for name, frame in city.layers.items() if isinstance(frame, gpd.GeoDataFrame)}
    rules = CitySettings.from_options(city.options).split.rules
    return split_levels(layers, rules=rules, code=city.code, name=city.name), layers


def _columns(bundle: Path, layer: str) -> set[str]:
    return set(pyogrio.read_info(bundle, layer=layer)["fields"])


def draw(split: Split, layers: dict[str, gpd.GeoDataFrame], name: str, path: Path) -> None:
    """One picture: micro-grids in colours, their households, buildings, streets, water, grids."""
    _, _, (right, up), side = DISTRICTS[name]
    micro_grids = split.units["micro_grids"]
    west, south, east, north = micro_grids.total_bounds
    x, y = west + right * (east - west), south + up * (north - south)
    window = shapely.box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    seen = {
        layer: frame[frame.geometry.intersects(window)]
        for layer, frame in {**layers, **split.units, "buildings": split.buildings}.items() if len(frame)
    }  # fmt: skip
    units = seen["micro_grids"]
    units = units[units["stack"].isna() | ~units["stack"].duplicated()]
    kind = np.where(units["households"] == 0, "unpeopled", units["kind"])
    colour = [OF_KIND.get(what) or GROUND[int(code[-3:]) * 5 % len(GROUND)] for what, code in
              zip(kind, units["code"], strict=True)]
    figure, axes = plt.subplots(figsize=(7.2, 7.2), dpi=110)
    axes.set_axis_off()
    axes.set_position((0, 0, 1, 1))
    units.plot(ax=axes, color=colour)
    if "water" in seen:
        seen["water"].plot(ax=axes, color="#a9cbe8")
    if "roads" in seen:
        width = seen["roads"]["class"].map(STREETS).fillna(0.5)
        seen["roads"].plot(ax=axes, color="#ffffff", linewidth=width)
    homes = seen["buildings"]["households"].fillna(0) > 0
    if (~homes).any():
        seen["buildings"][~homes].plot(ax=axes, color="#b9b4ae")
    seen["buildings"][homes].plot(ax=axes, color="#8b7d70")
    units.boundary.plot(ax=axes, color="#c2453c", linewidth=0.9)
    seen["grids"].boundary.plot(ax=axes, color="#5c1a66", linewidth=2.0)
    if "barriers" in seen and len(seen["barriers"]):
        seen["barriers"].plot(ax=axes, color="#222222", linewidth=1.0, linestyle=":")
    every = seen["micro_grids"].assign(drawn=seen["micro_grids"]["stack"].fillna(seen["micro_grids"]["code"]))
    loads = every.groupby("drawn")["households"].agg(lambda values: "+".join(str(value) for value in values))
    for code, stack, area in zip(units["code"], units["stack"], units.geometry, strict=True):
        spot = area.intersection(window).representative_point()
        text = loads[stack if isinstance(stack, str) else code]
        axes.text(spot.x, spot.y, text if len(text) < 14 else text[:12] + "…", fontsize=6, ha="center", va="center")
    axes.set_xlim(x - side / 2, x + side / 2)
    axes.set_ylim(y - side / 2, y + side / 2)
    axes.text(
        0.99, 0.01, "© OpenStreetMap contributors, ODbL; households estimated", transform=axes.transAxes, fontsize=7,
        ha="right", va="bottom", bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2},
    )  # fmt: skip
    figure.savefig(path)
    plt.close(figure)
    with Image.open(path) as picture:  # a palette keeps the file small
        picture.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw the districts named, or all."""
    folder, names = Path(sys.argv[1]).resolve(), sys.argv[2:] or list(DISTRICTS)
    for name in names:
        split, layers = split_district(folder / name / f"{name}.gpkg")
        peopled = split.units["micro_grids"].query("households > 0")
        print(f"{name}: {len(peopled)} peopled, {peopled['within_band'].mean():.1%} in the band")
        draw(split, layers, name, HERE / f"district_{name}.png")


if __name__ == "__main__":
    main()
