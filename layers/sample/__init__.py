"""Made-up places: a small town that fits on one page, and the demo town that looks like a real one.

`town` is for tests and examples: drawn in characters, the same each time. `write_demo` writes the input files of a
community of 3,056 households, in the mixed formats of a real office, for `gridmap demo`. Every name is invented.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layers.sample.drawn import town
    from layers.sample.files import DemoCity, demo_layers, write_demo

__all__ = ["DemoCity", "demo_layers", "town", "write_demo"]

_HOME = {"town": "drawn", "DemoCity": "files", "demo_layers": "files", "write_demo": "files"}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"layers.sample.{_HOME[name]}"), name)
    raise AttributeError(f"module 'layers.sample' has no attribute {name!r}")
