"""The key of a picture: title, classes with their counts, what is shown, scale, north, sources."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from matplotlib.patches import Rectangle

from gridmap.maps.colouring import Measure
from gridmap.maps.picture_parts import Fill, Sheet, fill_of
from gridmap.maps.words import words

__all__ = ["draw_key", "draw_scale", "key_rows"]

#: Letters of Latin type in the room of one Chinese one.
_NARROW = 0.56


def key_rows(measure: Measure, lang: str) -> list[tuple[Fill, str, int]]:
    """The rows of a legend: fill, label, how many micro-grids; those of nothing are left out.

    Examples
    --------
    >>> m = Measure(name="n", zh="", en="", group="", kind="classes", values=[1, 9, None], breaks=(1.0, 5.0, 9.0),
    ...             colours=("#eee", "#333"))
    >>> [(label, count) for _, label, count in key_rows(m, "en")]
    [('1 - 4', 1), ('5 - 9', 1), ('No data', 1)]
    """
    text = {key: pair[lang] for key, pair in words().items()}
    rows: list[tuple[Fill, str]] = []
    if measure.kind == "yes_no":
        rows = [(Fill("yes"), text["yes"]), (Fill("no"), text["no"])]
    else:
        if measure.kind == "coverage":
            rows = [(Fill("gap"), text["status.gap"])]
        rows += [(Fill("class", colour), _range(measure, i)) for i, colour in enumerate(measure.colours)]
    rows.append((Fill("none"), text["no_data"]))
    fills = [fill_of(measure, [i]) for i in range(len(measure.values))]
    return [(fill, label, fills.count(fill)) for fill, label in rows if fill in fills]


def _range(measure: Measure, i: int) -> str:
    low, high = measure.breaks[i], measure.breaks[i + 1]
    last = i == len(measure.colours) - 1
    if measure.kind == "coverage":
        return "100%" if last else f"{low:.0%} - {min(high, 0.99):.0%}"
    whole = all(value is None or float(value).is_integer() for value in measure.values)
    if whole:
        high -= 0 if last else 1
        digits = 0
    else:
        digits = 2 if high < 10 else 0
    a, b = f"{low:,.{digits}f}", f"{high:,.{digits}f}"
    return a if a == b else f"{a} - {b}"


#: Digits of the code of a grid.
_GRID_DIGITS = 15


def draw_key(sheet: Sheet, drawn: gpd.GeoDataFrame, shown: Measure | None, *, title: str, attribution: str) -> None:
    """Write the key into the room at the right of the map."""
    text = {key: pair[sheet.lang] for key, pair in words().items()}
    left, width = sheet.size[0] - sheet.key + 22, sheet.key - 44
    y = sheet.size[1] - 30.0
    for line in _wrapped(title or text["map"], width, 24)[:3]:
        sheet.text(left, y, line, size=24, on_map=False, va="top")
        y -= 33
    ground = drawn["households"].sum() if "households" in drawn else None
    grids = bool((drawn["code"].astype(str).str.len() == _GRID_DIGITS).all())
    counts = {"n": f"{len(drawn):,}", "h": "-" if ground is None else f"{int(ground):,}"}
    told = text["summary_grids" if grids else "summary"].format(**counts)
    for line in _wrapped(told, width, 14):
        sheet.text(left, y - 2, line, size=14, on_map=False, va="top", color=sheet.theme.quiet)
        y -= 21
    if shown is not None:
        y -= 24
        for line in _wrapped(shown.zh if sheet.lang == "zh" else shown.en, width, 17)[:2]:
            sheet.text(left, y, line, size=17, on_map=False, va="top")
            y -= 25
        y -= 6
        for fill, label, count in key_rows(shown, sheet.lang):
            _swatch(sheet, fill, left, y - 17)
            sheet.text(left + 44, y, label, size=14, on_map=False, va="top")
            sheet.text(left + width, y, f"{count:,}", size=14, on_map=False, va="top", ha="right",
                       color=sheet.theme.quiet)  # fmt: skip
            y -= 29
        if shown.verified is False:
            for line in _wrapped(text["unverified_long"], width, 12):
                sheet.text(left, y - 4, line, size=12, on_map=False, va="top", color=sheet.theme.quiet)
                y -= 18
    foot = 22.0
    for line in reversed(_wrapped(attribution, width, 11)[:4]):
        sheet.text(left, foot, line, size=11, on_map=False, va="bottom", color=sheet.theme.quiet)
        foot += 16


def draw_scale(sheet: Sheet) -> None:
    """A bar of a round length and an arrow to grid north, in the lower left corner."""
    room = 0.2 * (sheet.size[0] - sheet.key) * sheet.scale
    step = 10 ** np.floor(np.log10(room))
    metres = float(max(step * factor for factor in (1, 2, 5) if step * factor <= room))
    long = metres / sheet.scale
    x, y = 24.0, 24.0
    west, south = sheet.bounds[0] + x * sheet.scale, sheet.bounds[1] + y * sheet.scale
    high = 5 * sheet.scale
    for colour, start, length in (("#ffffff", 0.0, metres), (sheet.theme.ink, 0.0, metres / 2)):
        where = (west + start, south)
        bar = Rectangle(where, length, high, facecolor=colour, edgecolor=sheet.theme.ink, lw=0.8, zorder=12)
        sheet.axes.add_patch(bar)
    told = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    sheet.text(west + metres + 6 * sheet.scale, south, told, size=12, va="bottom", zorder=12)
    top = south + 46 * sheet.scale
    sheet.axes.annotate(
        "", xy=(west, top), xytext=(west, top - 28 * sheet.scale),
        arrowprops={"arrowstyle": "-|>", "color": sheet.theme.ink, "lw": 1.2}, zorder=12,
    )  # fmt: skip
    sheet.text(west + 6 * sheet.scale, top - 12 * sheet.scale, "N", size=12, va="center", zorder=12)
    sheet.taken.append((x - 8, y - 8, x + long + 70, y + 56))


def _swatch(sheet: Sheet, fill: Fill, x: float, y: float) -> None:
    wide, high = sheet.size
    where = (x / wide, y / high)
    size = (34 / wide, 18 / high)
    figure = sheet.figure
    land = sheet.theme.land
    figure.add_artist(Rectangle(where, *size, transform=figure.transFigure, facecolor=land, edgecolor="none"))
    style = fill.style(sheet.theme)
    style.pop("linewidth", None)
    style.setdefault("edgecolor", "none")
    figure.add_artist(Rectangle(where, *size, transform=figure.transFigure, linewidth=0, **style))


def _wrapped(text: str, width: float, size: float) -> list[str]:
    """Lines that fit: broken at spaces where there are any, else between Chinese characters.

    Examples
    --------
    >>> _wrapped("龙南社区居民委员会", 100, 20)
    ['龙南社区居', '民委员会']
    >>> _wrapped("a map of the town", 60, 10)
    ['a map of', 'the town']
    """
    lines, line, used, space = [], "", 0.0, -1
    for letter in text:
        wide = size if ord(letter) > 0x2E7F else size * _NARROW
        if used + wide > width and line:
            at = space if letter != " " and space > 0 else len(line)
            lines.append(line[:at].rstrip())
            line = line[at:].lstrip()
            used = sum(size if ord(each) > 0x2E7F else size * _NARROW for each in line)
            space = -1
        if letter == " ":
            space = len(line)
        line += letter
        used += wide
    return [*lines, line.rstrip()] if line.strip() else lines
