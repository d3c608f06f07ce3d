"""Old plan against new plan as a picture: the same borders, colours and figures as the page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
from matplotlib.lines import Line2D

from gridmap.maps.change_parts import borders, figure_rows, with_colours
from gridmap.maps.fonts import chinese_font
from gridmap.maps.picture import FORMATS, ONE_AT_A_TIME, saved
from gridmap.maps.picture_base import draw_base, draw_strokes
from gridmap.maps.picture_key import draw_scale
from gridmap.maps.picture_parts import Sheet, areas
from gridmap.maps.words import check_language, words
from layers.errors import WrongCall

__all__ = ["change_picture"]

_KEY = 400
_OLD, _NEW, _SAME = "#c2410c", "#0b6e69", "#8d958f"


def change_picture(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    figures: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    ground: Mapping[str, gpd.GeoDataFrame] | None = None,
    title: str = "",
    days: tuple[str, str] = ("", ""),
    lang: str = "zh",
    size: tuple[int, int] = (1700, 1100),
) -> Path:
    """Write a PNG or SVG of two plans.

    Parameters
    ----------
    before, after, buildings, figures, ground, title, days, lang
        As for `draw_change`; all frames in one metric CRS.
    path
        Ends in `.png` or `.svg`; its folder must exist.
    size
        Width and height in pixels.

    Raises
    ------
    WrongCall
        Where the ending is another or the folder is not there.
    NoChineseFont
        Where no font on this machine can write Chinese.
    """
    path = Path(path)
    check_language(lang)
    if path.suffix.lower().removeprefix(".") not in FORMATS or not path.parent.is_dir():
        raise WrongCall(f"a picture is written to a .png or .svg in a folder that exists, not to {path}")
    boxes = np.array([units.total_bounds for units in (before, after) if len(units)])
    extent = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    sheet = Sheet.over(extent, size=size, key=_KEY, font=chinese_font(None), lang=lang)
    with ONE_AT_A_TIME, sheet.settings():
        draw_base(sheet, {**(ground or {}), "buildings": buildings}, after)
        moved = with_colours(buildings)
        for colour, rows in moved.groupby("colour"):
            areas(sheet, rows.geometry, zorder=6, facecolor=colour, edgecolor="#1f2a2e", linewidth=1.0)
        lines = borders(before, after)
        draw_strokes(sheet, [lines["same"]], color=_SAME, width=1.6, zorder=7)
        draw_strokes(sheet, [lines["old"]], color=_OLD, width=3.0, zorder=8, dashes=(4, 3))
        draw_strokes(sheet, [lines["new"]], color=_NEW, width=3.4, zorder=9)
        draw_scale(sheet)
        _key(sheet, figures, title, days)
        path.write_bytes(saved(sheet, path.suffix.lower().removeprefix(".")))
    return path


def _key(sheet: Sheet, figures: Mapping[str, Any], title: str, days: tuple[str, str]) -> None:
    """Heading, figures of both plans, and what the lines mean."""
    lang = sheet.lang
    text = {key.removeprefix("change."): pair[lang] for key, pair in words().items() if key.startswith("change.")}
    left, right, y = sheet.size[0] - sheet.key + 20, sheet.size[0] - 20, sheet.size[1] - 28.0

    def write(x: float, words_: str, size: float, **style: Any) -> None:
        sheet.text(x, y, words_, size=size, on_map=False, va="top", **style)

    write(left, text["title"], 23)
    y -= 34
    write(left, title, 14, color=sheet.theme.quiet)
    y -= 32
    for x, head, day in ((right - 90, text["before"], days[0]), (right, text["after"], days[1])):
        write(x, head, 13, ha="right", color=sheet.theme.quiet)
        sheet.text(x, y - 17, day, size=11, on_map=False, va="top", ha="right", color=sheet.theme.quiet)
    y -= 38
    for row in figure_rows(figures):
        write(left, row[lang], 13)
        if row["before"] is not None:
            write(right - 90, row["before"], 14, ha="right")
        write(right, row["after"], 14, ha="right")
        y -= 27
    y -= 16
    strokes: tuple[tuple[str, str, Literal["-", "--"]], ...] = (
        (_OLD, "old_border", "--"), (_NEW, "new_border", "-"), ("#e69f00", "moved", "-"),
    )  # fmt: skip
    for colour, key, dashes in strokes:
        sheet.figure.add_artist(_stroke(sheet, left, y - 9, colour, dashes, 9.0 if key == "moved" else 3.0))
        write(left + 56, text[key], 14)
        y -= 28


def _stroke(sheet: Sheet, x: float, y: float, colour: str, dashes: Literal["-", "--"], width: float) -> Line2D:
    wide, high = sheet.size
    return Line2D([x / wide, (x + 44) / wide], [y / high] * 2, color=colour, linestyle=dashes, linewidth=width * 0.72)
