"""What pictures of maps are put together from: the sheet, areas, fills and labels that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke

from gridmap.maps.colouring import Measure

__all__ = ["THEME", "Fill", "Sheet", "Theme", "areas", "fill_of", "labels"]

#: Pixels an inch: sizes below are pixels of the picture.
DPI = 100
#: The picture's margin around what it shows, share of the larger side.
MARGIN = 0.03


@dataclass(frozen=True)
class Theme:
    """Colours; those of the page by daylight (`gridmap-style.js`)."""

    land: str = "#f4f2ec"
    outside: str = "#e9e7e0"
    green: str = "#d5e5c8"
    water: str = "#bcd7e6"
    building: str = "#dcd8cf"
    building_edge: str = "#b9b2a4"
    road: str = "#ffffff"
    road_edge: str = "#d3cec3"
    path: str = "#c9c2b2"
    rail: str = "#9b968c"
    wall: str = "#a58f78"
    ink: str = "#1f2a2e"
    line: str = "#0b4f4b"
    accent: str = "#0b6e69"
    gap: str = "#e8772e"
    no_data: str = "#8d958f"
    yes: str = "#78b9b2"
    no: str = "#c9a6d8"
    quiet: str = "#5c686b"


THEME = Theme()


@dataclass(frozen=True)
class Fill:
    """What an area is filled with: `plain`, `class` (with its colour), `yes`, `no`, `gap` or `none` (no data)."""

    kind: str
    colour: str = ""

    def style(self, theme: Theme) -> dict[str, Any]:
        """Colours and hatching for matplotlib: gaps and missing data are legible in grey print."""
        if self.kind == "class":
            return {"facecolor": self.colour, "alpha": 0.72}
        if self.kind == "yes":
            return {"facecolor": theme.yes, "alpha": 0.72}
        if self.kind == "plain":
            return {"facecolor": theme.accent, "alpha": 0.08}
        ink, ground, hatch = {
            "gap": (theme.gap, (0.94, 0.59, 0.31, 0.30), "//"),
            "no": (theme.no, (0.63, 0.47, 0.75, 0.25), "//"),
            "none": (theme.no_data, (0.59, 0.63, 0.61, 0.08), "\\\\"),
        }[self.kind]
        return {"facecolor": ground, "edgecolor": ink, "linewidth": 0.0, "hatch": hatch}


def fill_of(measure: Measure | None, positions: Sequence[int]) -> Fill:
    """The fill of the micro-grids of one ground: one, or the floors of a tower, which are shown by their mean.

    Examples
    --------
    >>> m = Measure(name="n", zh="", en="", group="", kind="classes", values=[1, 9, None], breaks=(0, 5, 9),
    ...             colours=("#eee", "#333"))
    >>> [fill_of(m, [i]).colour for i in (0, 1)], fill_of(m, [2]).kind, fill_of(m, [0, 1]).colour
    (['#eee', '#333'], 'none', '#333')
    """
    if measure is None:
        return Fill("plain")
    known = [measure.values[i] for i in positions if measure.values[i] is not None]
    if measure.kind == "yes_no":
        return Fill("none") if not known else Fill("yes" if all(known) else "no")
    if measure.status:
        letters = [measure.status[i] for i in positions]
        if "g" in letters:
            return Fill("gap")
        if set(letters) == {"n"}:
            return Fill("none")
    if not known or not measure.colours:
        return Fill("none")
    mean = sum(known) / len(known)
    index = int(np.searchsorted(measure.breaks[1:-1], mean, side="right"))
    return Fill("class", measure.colours[min(index, len(measure.colours) - 1)])


@dataclass
class Sheet:
    """A figure with a map part, in metres, and room for a key in pixels.

    `bounds` is what the map part shows (CRS of the map, metres), `scale` metres a pixel.
    """

    figure: Figure
    axes: Any
    bounds: tuple[float, float, float, float]
    scale: float
    size: tuple[int, int]
    key: int
    font: Path
    lang: str
    theme: Theme = THEME
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    @classmethod
    def over(cls, extent: Iterable[float], *, size: tuple[int, int], key: int, font: Path, lang: str) -> Sheet:
        """A sheet that shows an extent (metres) with a margin, as large as fits."""
        west, south, east, north = extent
        wide, high = size[0] - key, size[1]
        margin = MARGIN * max(east - west, north - south, 1.0)
        scale = max((east - west + 2 * margin) / wide, (north - south + 2 * margin) / high)
        x, y = (west + east) / 2, (south + north) / 2
        bounds = (x - wide * scale / 2, y - high * scale / 2, x + wide * scale / 2, y + high * scale / 2)
        figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor="#ffffff")
        axes = figure.add_axes((0, 0, wide / size[0], 1))
        axes.set(xlim=bounds[::2], ylim=bounds[1::2], xticks=[], yticks=[], facecolor=THEME.outside)
        for side in axes.spines.values():
            side.set_visible(False)
        return cls(figure, axes, bounds, scale, size, key, font, lang)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Matplotlib as pictures need it: text as outlines, names of parts that are the same each time."""
        with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "gridmap", "hatch.linewidth": 1.4}):
            yield

    def pixels(self, x: float, y: float) -> tuple[float, float]:
        """Place on the sheet in pixels from the lower left corner."""
        return (x - self.bounds[0]) / self.scale, (y - self.bounds[1]) / self.scale

    def text(self, x: float, y: float, text: str, *, size: float, on_map: bool = True, **style: Any) -> Any:
        """Text as typed: nothing in it is taken for a formula. On the map in metres, else in pixels of the sheet."""
        prop = FontProperties(fname=str(self.font), size=size * 72 / DPI)
        style = {"color": self.theme.ink, "parse_math": False, **style, "fontproperties": prop}
        if on_map:
            halo = [withStroke(linewidth=2.4, foreground="#ffffff")]
            return self.axes.text(x, y, text, path_effects=halo, clip_on=True, **style)
        return self.figure.text(x / self.size[0], y / self.size[1], text, **style)

    def free(self, x: float, y: float, text: str, size: float) -> bool:
        """Take the room of a label centred there (metres), unless it meets another or the edge."""
        wide = sum(size if ord(letter) > 0x2E7F else size * 0.58 for letter in text) / 2 + 3
        high = size * 0.62 + 2
        px, py = self.pixels(x, y)
        box = (px - wide, py - high, px + wide, py + high)
        if box[0] < 0 or box[1] < 0 or box[2] > self.size[0] - self.key or box[3] > self.size[1]:
            return False
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in self.taken):
            return False
        self.taken.append(box)
        return True


def outline(geometry: Any) -> Outline | None:
    """A polygon, or several, as one path with holes; None where there is no area."""
    rings = [ring for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"
             for ring in shapely.get_rings(shapely.orient_polygons(part))]  # fmt: skip
    if not rings:
        return None
    return Outline.make_compound_path(*(Outline(shapely.get_coordinates(ring), closed=True) for ring in rings))


def areas(sheet: Sheet, geometries: Iterable[Any], *, zorder: float, **style: Any) -> None:
    """Areas in one style; what is no area is left out."""
    paths = [path for path in map(outline, geometries) if path is not None]
    if not paths:
        return
    width = style.pop("linewidth", 0.0) * 72 / DPI
    hatch = style.pop("hatch", None)
    style.setdefault("edgecolor", "none")
    kept = PathCollection(paths, linewidths=width, zorder=zorder, **style)
    if hatch:
        kept.set_hatch(hatch)
    sheet.axes.add_collection(kept, autolim=False)


def labels(sheet: Sheet, drawn: gpd.GeoDataFrame, placed: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Names that fit: of communities and grids from afar, numbers of micro-grids and names of streets near by."""
    for name, size, most in (("streets", 20, 40.0), ("communities", 16, 14.0), ("grids", 13, 3.5)):
        frame = placed.get(name)
        if frame is None or sheet.scale > most or "name" not in frame or (name == "streets" and len(frame) < 2):
            continue
        for text, area in zip(frame["name"], frame.geometry, strict=True):
            _label(sheet, text, area, size=size, weight="bold", zorder=10)
    grids = placed.get("grids")
    if sheet.scale <= 2.5 and not (grids is not None and drawn["code"].isin(grids["code"]).all()):  # they have names
        stack = drawn["stack"] if "stack" in drawn else pd.Series(None, drawn.index, dtype=object)
        ground = stack.where(stack.notna(), drawn["code"])
        for _, rows in drawn.groupby(ground.to_numpy(), sort=False):
            _label(sheet, _numbers(rows), rows.geometry.iloc[0], size=12, color=sheet.theme.line, zorder=9)
    roads = placed.get("roads")
    if roads is not None and sheet.scale <= 3 and "name" in roads:
        named = roads[roads["name"].notna()]
        longest = named.assign(metres=named.length).sort_values(["metres", "name"], ascending=[False, True])
        for text, line in longest.drop_duplicates("name")[["name", "geometry"]].itertuples(index=False):
            _along(sheet, str(text), line)


def _numbers(rows: pd.DataFrame) -> str:
    """'007', or the floors of a tower: '1-8 | 9-16'."""
    if len(rows) == 1 or "floor_from" not in rows:
        return str(rows["code"].iloc[0])[-3:]
    rows = rows.sort_values("floor_from")
    return " | ".join(f"{a}-{b}" for a, b in zip(rows["floor_from"], rows["floor_to"], strict=True))


def _label(sheet: Sheet, text: Any, area: Any, *, size: float, **style: Any) -> None:
    if not isinstance(text, str) or not text:
        return
    seen = shapely.intersection(area, shapely.box(*sheet.bounds))
    if seen.is_empty:
        return
    spot = shapely.point_on_surface(seen)
    style.pop("weight", None)
    if sheet.free(spot.x, spot.y, text, size):
        sheet.text(spot.x, spot.y, text, size=size, ha="center", va="center", **style)


def _along(sheet: Sheet, text: str, line: Any) -> None:
    """A street's name along its middle, where the street is long enough for it."""
    size = 12
    if line.length / sheet.scale < size * len(text) * 1.1:
        return
    middle = shapely.line_interpolate_point(line, 0.5, normalized=True)
    ends = shapely.line_interpolate_point(line, [0.47, 0.53], normalized=True)
    angle = float(np.degrees(np.arctan2(ends[1].y - ends[0].y, ends[1].x - ends[0].x)))
    if sheet.free(middle.x, middle.y, text, size):
        sheet.text(
            middle.x, middle.y, text, size=size, ha="center", va="center", color=sheet.theme.quiet, zorder=9,
            rotation=(angle + 90) % 180 - 90, rotation_mode="anchor",
        )
