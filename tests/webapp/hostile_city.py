"""A small city whose every column of text, of every layer, holds what a browser, a sheet or a template might run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import LineString, box

from gridmap.stores import open_store
from layers.schema import LAYERS, LEVEL_PARENTS, Layer
from tests.webapp.small_city import CODES, COMMUNITIES, CRS, DISTRICT, GRIDS, STREETS, X, Y

__all__ = ["EVIL", "EXEMPT", "fill", "told"]

#: Every text begins with the first sign and ends with the last, so that what was left out or changed is seen.
EVIL = (
    "<script>window.hacked=1</script>${window.hacked=1}`${window.hacked=1}`\"'>"
    "<img src=x onerror=window.hacked=1>{{7*7}}{% if 1 %}{{ config }}<svg onload=window.hacked=1>"
    "javascript:window.hacked=1 </script></textarea><!-- &lt;b&gt; %3Cb%3E \\u003cb\\u003e {0} %s $x^2$ 🙂"
)

#: Columns that name units or join tables: their values are codes, and a city would fall apart without them.
EXEMPT = {
    **{name: {"code", "parent"} for level in ("districts", *LEVEL_PARENTS) for name in (level, f"{level}_history")},
    **{
        name: {"micro_grid", "grid", "community"}
        for name in ("buildings", "cells", "organizations", "facilities", "incidents", "border_inbox", "overlaps")
    },
    "coverage": {"micro_grid"}, "accessibility": {"micro_grid"}, "lineage": {"old_code", "new_code", "community"},
    "staff": {"area"}, "imports": {"code", "sha256", "at", "undone_at"}, "import_rows": {"import", "code", "before"},
    **{name: {"code", "level"} for name in ("coverage_levels", "coverage_hours", "completeness")},
    # a hash and a time are shown by their beginnings; the layer and the level of a finding are words of our own
    "findings": {"layer", "level", "code"},
    "border_inbox": {"micro_grid", "grid", "community", "others"},  # codes of the units beside it
}
_UNITS: dict[str, tuple[str, ...]] = {
    "districts": (DISTRICT,), "streets": STREETS, "communities": COMMUNITIES, "grids": GRIDS, "micro_grids": CODES,
}


def told(layer: str, column: str) -> str:
    """The text of a column."""
    return f"〖{EVIL} {layer}.{column}〗"


def fill(path: Path) -> dict[str, set[str]]:
    """Fill a copy of the small city; gives the columns of text that now hold it, by layer."""
    filled: dict[str, set[str]] = {}
    with open_store(path) as store:
        frames = {}
        for item in LAYERS.values():
            before = store.read(item.name) if item.name in store.layers() else None
            frame, names = _frame(item, before if before is not None and len(before) else None)
            frames[item.name] = frame
            filled[item.name] = names
        store.write_all(frames.items())
        store.set_meta(name=told("city", "name"), attribution=told("city", "attribution"))
    return filled


def _frame(item: Layer, before: Any) -> tuple[Any, set[str]]:
    codes = _UNITS.get(item.name, CODES)
    frame = before if before is not None else _new(item, codes)
    texts: set[str] = set()
    for column in item:
        if column.type == "text" and column.name not in EXEMPT.get(item.name, set()):
            text = told(item.name, column.name)
            texts.add(column.name)
            if column.name in item.key or column.name in ("code", "stack"):
                # told apart, as keys must be
                frame[column.name] = [f"{text} {number}" for number in range(len(frame))]
            else:
                frame[column.name] = text
    if item.name in _UNITS:
        frame["valid_from"] = "2026-05-01"  # before that the rows of the past are shown
    if item.name == "coverage":
        frame["kind"] = told("coverage", "kind")
        frame["nearest"] = [f"{told('facilities', 'code')} {number}" for number in range(len(frame))]
    return frame, texts


def _new(item: Layer, codes: tuple[str, ...]) -> Any:
    """Rows for a layer that the small city does not have."""
    count = len(codes)
    columns: dict[str, Any] = {}
    for column in item:
        if column.type == "text":
            columns[column.name] = list(codes)
        elif column.type == "integer":
            columns[column.name] = pd.array(range(1, count + 1), dtype="Int64")
        elif column.type == "number":
            columns[column.name] = [0.5] * count
        elif column.type == "boolean":
            columns[column.name] = [True] * count
        elif column.type == "date":
            over = column.name in ("to", "valid_to") and not item.name.endswith("_history")
            columns[column.name] = [None if over else "2026-03-02"] * count
        else:
            columns[column.name] = [pd.Timestamp("2026-03-02 08:00")] * count
    if item.name == "lineage":
        columns["community"] = [code[:12] for code in codes]
    if not item.geometry:
        return pd.DataFrame(columns)
    shapes = []
    for number in range(count):
        west, south = X + number % 8 * 100, Y + number // 8 * 100
        area = box(west + 5, south + 5, west + 95, south + 95)
        line = LineString([(west + 5, south + 50), (west + 95, south + 50)])
        shapes.append({"area": area, "line": line, "point": area.centroid}[item.geometry[0]])
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
