"""Drawings of CAD as layers: closed lines taken for the areas that they outline."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.findings import Findings
from layers.schema import Layer

__all__ = ["closed_lines"]


def closed_lines(frame: pd.DataFrame, layer: Layer, file: str, findings: Findings) -> pd.DataFrame:
    """Closed lines of a drawing as areas, where the layer wants areas: CAD knows no other outlines."""
    if "area" not in layer.geometry or "line" in layer.geometry or not isinstance(frame, gpd.GeoDataFrame):
        return frame
    shapes = np.array(frame.geometry.array, dtype=object)
    rings = (shapely.get_type_id(shapes) == 1) & shapely.is_closed(shapes) & (shapely.get_num_points(shapes) >= 4)
    if rings.any():
        shapes[rings] = shapely.polygons(shapely.linearrings(shapely.get_coordinates(shapes[rings]),
            indices=shapely.get_coordinates(shapes[rings], return_index=True)[1]))
        findings.add(
            layer.name, "closed_lines", f"{int(rings.sum())} closed lines of the drawing", "taken as areas",
            level="note", file=file,
        )  # fmt: skip
    return frame.set_geometry(shapes, crs=frame.crs)
