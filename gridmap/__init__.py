"""Community grid governance on a map: split, attach, cover, keep, draw, export.

The public functions take and give frames; no store and no web service is needed. Nothing heavy is imported until it
is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridmap.access.coverage import coverage
    from gridmap.access.siting import solve_siting
    from gridmap.access.walk import walk_distances
    from gridmap.maps.folium_map import draw
    from gridmap.micro_grids.attach import attach
    from gridmap.micro_grids.split import split_micro_grids

__all__ = ["attach", "coverage", "draw", "solve_siting", "split_micro_grids", "walk_distances"]

__version__ = "0.1.0"

_HOME = {
    "attach": "micro_grids.attach",
    "coverage": "access.coverage",
    "draw": "maps.folium_map",
    "solve_siting": "access.siting",
    "split_micro_grids": "micro_grids.split",
    "walk_distances": "access.walk",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"gridmap.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gridmap' has no attribute {name!r}")
