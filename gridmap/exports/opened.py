"""What every format begins with: plain columns, geometry where it is wanted, and what was lost on the way."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from gridmap.exports.fields import Field, fields_of
from gridmap.exports.notices import Notices
from gridmap.exports.order import Order
from gridmap.exports.position import Position, bring
from gridmap.exports.shapes import even
from layers.errors import WrongCall
from layers.schema import Layer

__all__ = ["Opened", "opened"]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A frame ready for a writer. `geometry` is None for a plain table, else in place on a RangeIndex."""

    layer: Layer
    rows: int
    fields: list[Field]
    geometry: gpd.GeoSeries | None
    position: Position
    notices: Notices


def opened(frame: pd.DataFrame, order: Order, layer: Layer) -> Opened:
    """The frame's columns in plain form and its geometry where the order wants it.

    Raises
    ------
    CrsMismatch
        Where the geometry does not say its CRS.
    WrongCall
        Where the frame is none, or the target CRS cannot hold it.

    Examples
    --------
    >>> from layers.schema import layer
    >>> ready = opened(pd.DataFrame({"name": ["老王早点铺"]}), Order(format="kml"), layer("facilities"))
    >>> ready.rows, ready.geometry is None, [notice.rule for notice in ready.notices]
    (1, True, ['table_only'])
    """
    if not isinstance(frame, pd.DataFrame):
        raise WrongCall(f"{layer.name} is a {type(frame).__name__}, not a frame; hand over a (Geo)DataFrame")
    notices = Notices(layer.name)
    if not len(frame):
        notices.note("empty_layer")
    fields = fields_of(frame, layer, notices)
    if not fields and not isinstance(frame, gpd.GeoDataFrame):
        raise WrongCall(f"{layer.name} has no columns to write; hand over a frame with at least one")
    geometry, position = None, Position(crs=None)
    if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name:
        geometry, position = bring(even(frame.geometry, notices), order, layer, notices)
        if order.format != "geopackage":  # the one format that tells an empty geometry from none
            empty = geometry.is_empty & ~geometry.isna()
            notices.add("empty_geometry_as_null", empty.sum())
            geometry = geometry.where(~empty, None)
    elif layer.geometry:
        notices.add("table_only", len(frame))
    return Opened(layer=layer, rows=len(frame), fields=fields, geometry=geometry, position=position, notices=notices)
