"""A map as a picture: PNG or SVG, for cards, reports and notices, without a browser."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from gridmap.maps.colouring import Measure, measures
from gridmap.maps.fonts import chinese_font
from gridmap.maps.geojson import with_place
from gridmap.maps.picture_base import draw_base, draw_lines, draw_points
from gridmap.maps.picture_key import draw_key, draw_scale
from gridmap.maps.picture_parts import DPI, Sheet, areas, fill_of, labels
from gridmap.maps.words import check_language
from layers.errors import CrsMismatch, WrongCall

__all__ = ["FORMATS", "ONE_AT_A_TIME", "picture", "picture_bytes", "saved"]

FORMATS = ("png", "svg")
#: Smallest and largest side of a picture, pixels.
SIDES = (200, 8000)
#: Width of the key at the right, pixels, where there is one.
KEY = 300
#: Matplotlib's settings are global, and a server draws in several threads.
ONE_AT_A_TIME = threading.Lock()


def picture(micro_grids: gpd.GeoDataFrame, path: str | os.PathLike[str], **how: Any) -> Path:
    """Write a map of micro-grids as a picture.

    Parameters
    ----------
    micro_grids
        As for `gridmap.draw`.
    path
        Ends in `.png` or `.svg`; its folder must exist.
    how
        See `picture_bytes`.

    Returns
    -------
    The path.

    Raises
    ------
    WrongCall
        Where the ending is another, the folder is not there, or see `picture_bytes`.
    NoChineseFont
        Where no font on this machine can write Chinese.

    Examples
    --------
    >>> import tempfile
    >>> from shapely.geometry import box
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["510504001001001001", "510504001001001002"], "households": [24, 31]},
    ...     geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)], crs="EPSG:4547",
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     picture(squares, Path(folder) / "map.png", measure="households", title="龙南社区").stat().st_size > 5000
    True
    """
    path = Path(path)
    format_ = path.suffix.lower().removeprefix(".")
    if not path.parent.is_dir():
        raise WrongCall(f"there is no folder {path.parent} for the picture; make it first")
    path.write_bytes(picture_bytes(micro_grids, format=format_, **how))
    return path


def picture_bytes(
    micro_grids: gpd.GeoDataFrame,
    *,
    format: str = "png",
    measure: str | None = None,
    layers: Mapping[str, pd.DataFrame] | None = None,
    title: str = "",
    lang: str = "zh",
    size: tuple[int, int] = (1600, 1100),
    key: bool = True,
    chosen: str = "",
    attribution: str = "",
    view: tuple[float, float, float, float] | None = None,
    sharpness: float = 1.0,
    font: str | os.PathLike[str] | None = None,
) -> bytes:
    """A map of micro-grids as the bytes of a PNG or SVG.

    The colours, classes and patterns are those of the map in the browser (`gridmap.maps.colouring`), so a printed
    map and the page say the same. Text stands in an SVG as outlines: it looks the same where the font is missing, and
    nothing of it can run. Equal input gives equal bytes.

    Parameters
    ----------
    micro_grids
        With `code` and geometry in any CRS; drawn in a metric one. What they cover is what the picture shows.
    format
        png or svg.
    measure
        What colours them: a column such as `households`, or `coverage:<kind>`; None or "" for boundaries only.
    layers
        More layers by name as for `gridmap.draw`; `coverage` and `incidents` give measures.
    title, lang, attribution
        Heading, language of the key (zh or en), and whom to thank for the data.
    size
        Width and height in pixels.
    key
        Whether title, classes with their counts, and sources stand at the right.
    chosen
        Code of a micro-grid to show with a strong border.
    view
        What to show: west, south, east, north in the CRS of the micro-grids; None for all that they cover.
    sharpness
        Pixels of a PNG for each pixel of `size`: 2 for print, where letters and lines keep their size.
    font
        See `gridmap.maps.fonts.chinese_font`.

    Raises
    ------
    WrongCall
        Where format, language, measure or size are none that there are, or there is nothing to draw.
    CrsMismatch
        Where a layer has no CRS.
    NoChineseFont
        Where no font on this machine can write Chinese.

    Examples
    --------
    >>> from shapely.geometry import box
    >>> one = gpd.GeoDataFrame({"code": ["510504001001001001"]}, geometry=[box(0, 0, 90, 60)], crs="EPSG:4547")
    >>> picture_bytes(one, format="svg", key=False, size=(300, 200))[:38]
    b'<?xml version="1.0" encoding="utf-8" s'
    """
    check_language(lang)
    if format not in FORMATS:
        raise WrongCall(f"a picture is png or svg, not {format!r}")
    if not all(SIDES[0] <= side <= SIDES[1] for side in size):
        raise WrongCall(f"a picture is {SIDES[0]} to {SIDES[1]} pixels wide and high, not {size[0]} x {size[1]}")
    if not 0.5 <= sharpness <= 4:
        raise WrongCall(f"sharpness is 0.5 to 4, not {sharpness}")
    frames = {name: frame for name, frame in (layers or {}).items() if frame is not None and len(frame)}
    crs = _metric(micro_grids)
    drawn = with_place(micro_grids).to_crs(crs)
    if not len(drawn):
        raise WrongCall("there is no micro-grid with a geometry to draw")
    shown = _measure(drawn, measure, frames)
    bounds = drawn.total_bounds if view is None else _box(view, micro_grids.crs, crs)
    sheet = Sheet.over(bounds, size=size, key=KEY if key else 0, font=chinese_font(font), lang=lang)
    placed = {name: _near(frame, crs, sheet) for name, frame in frames.items() if isinstance(frame, gpd.GeoDataFrame)}
    with ONE_AT_A_TIME, sheet.settings():
        draw_base(sheet, placed, drawn)
        _micro_grids(sheet, drawn, shown, chosen)
        draw_lines(sheet, placed, shown)
        draw_points(sheet, placed, shown)
        labels(sheet, drawn, placed)
        draw_scale(sheet)
        if key:
            draw_key(sheet, drawn, shown, title=title, attribution=attribution)
        return saved(sheet, format, sharpness)


def saved(sheet: Sheet, format: str, sharpness: float = 1.0) -> bytes:
    """The bytes of a drawn sheet; equal sheets give equal bytes."""
    kept = io.BytesIO()
    told = {"Date": None} if format == "svg" else {"Software": "gridmap"}  # no day: equal input, equal bytes
    with warnings.catch_warnings():
        # a sign that the font cannot write, in a name that somebody typed, is an empty box and no reason to stop
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        sheet.figure.savefig(kept, format=format, metadata=told, dpi=DPI * sharpness)
    return kept.getvalue()


def _box(view: tuple[float, float, float, float], given: Any, crs: Any) -> Any:
    """The box to show, in the CRS of the picture."""
    west, south, east, north = view
    if not (west < east and south < north):
        raise WrongCall(f"a view is west, south, east, north with some ground between, not {view}")
    return gpd.GeoSeries([shapely.box(*view)], crs=given).to_crs(crs).total_bounds


def _metric(micro_grids: gpd.GeoDataFrame) -> Any:
    """A CRS in metres: the frame's own where it is one."""
    if micro_grids.crs is None:
        raise CrsMismatch("micro-grids without a CRS cannot be placed on a map; set it with set_crs()")
    return micro_grids.crs if micro_grids.crs.is_projected else micro_grids.estimate_utm_crs()


def _near(frame: gpd.GeoDataFrame, crs: Any, sheet: Sheet) -> gpd.GeoDataFrame:
    """What of a layer the picture shows."""
    if frame.crs is None:
        raise CrsMismatch("a layer without a CRS cannot be placed on a map; set it with set_crs()")
    placed = with_place(frame).to_crs(crs)
    return placed[shapely.intersects(shapely.box(*sheet.bounds), placed.geometry.to_numpy())]


def _measure(drawn: gpd.GeoDataFrame, name: str | None, frames: Mapping[str, pd.DataFrame]) -> Measure | None:
    if not name:
        return None
    offered = measures(drawn, coverage=frames.get("coverage"), incidents=frames.get("incidents"))
    for measure in offered:
        if measure.name == name:
            return measure
    allowed = ", ".join(measure.name for measure in offered) or "nothing"
    raise WrongCall(f"the micro-grids cannot be coloured by {name!r}; what they hold allows {allowed}")


def _micro_grids(sheet: Sheet, drawn: gpd.GeoDataFrame, shown: Measure | None, chosen: str) -> None:
    """Fills by class, then one line round each ground; floors of one tower share theirs."""
    stack = drawn["stack"] if "stack" in drawn else pd.Series(None, drawn.index, dtype=object)
    ground = stack.where(stack.notna(), drawn["code"]).to_numpy()
    members = pd.Series(range(len(drawn))).groupby(ground, sort=False).agg(list)
    geometry = drawn.geometry.to_numpy()
    by_fill: dict[Any, list[Any]] = {}
    for positions in members:
        by_fill.setdefault(fill_of(shown, positions), []).append(geometry[positions[0]])
    for fill in sorted(by_fill, key=str):
        areas(sheet, by_fill[fill], **fill.style(sheet.theme), zorder=3)
    firsts = [geometry[positions[0]] for positions in members]
    areas(sheet, firsts, facecolor="none", edgecolor=sheet.theme.line, linewidth=1.2, alpha=0.6, zorder=5)
    if chosen:
        mine = geometry[(drawn["code"] == chosen).to_numpy()]
        if not len(mine):
            raise WrongCall(f"the micro-grid {chosen!r} is not among those drawn; give the code of one that is")
        areas(sheet, mine[:1], facecolor="none", edgecolor="#ffffff", linewidth=7, alpha=0.9, zorder=8)
        areas(sheet, mine[:1], facecolor="none", edgecolor=sheet.theme.accent, linewidth=3, zorder=8)
