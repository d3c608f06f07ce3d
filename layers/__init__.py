"""Reading: a path in, a clean layer and its findings out.

`read_layer` and `read_city` are the doors; `LAYERS` is the schema. Nothing heavy is imported until it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layers.findings import Finding, Findings
    from layers.read import City, read_city, read_layer
    from layers.schema import LAYERS, Column, Layer

__all__ = ["LAYERS", "City", "Column", "Finding", "Findings", "Layer", "read_city", "read_layer"]

_HOME = {
    "LAYERS": "schema", "Column": "schema", "Layer": "schema",
    "Finding": "findings", "Findings": "findings",
    "City": "read", "read_city": "read", "read_layer": "read",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"layers.{_HOME[name]}"), name)
    raise AttributeError(f"module 'layers' has no attribute {name!r}")
