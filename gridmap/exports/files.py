"""One door to every format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from gridmap.exports.delivered import Delivered
from gridmap.exports.order import Order
from gridmap.exports.package import Stager, deliver
from gridmap.exports.shapefile import stage_shapefile
from gridmap.exports.vector import stage_geojson, stage_geopackage, stage_kml
from gridmap.exports.workbook import stage_csv, stage_xlsx

__all__ = ["STAGERS", "write_layer", "write_layers"]

#: Format -> what writes it.
STAGERS: dict[str, Stager] = {
    "shapefile": stage_shapefile,
    "geopackage": stage_geopackage,
    "geojson": stage_geojson,
    "kml": stage_kml,
    "csv": stage_csv,
    "xlsx": stage_xlsx,
}


def write_layers(frames: Iterable[tuple[str, pd.DataFrame]], path: str | Path, order: Order) -> list[Delivered]:
    """Write several layers as one order, all or none; see `gridmap.exports.package.deliver`.

    Examples
    --------
    >>> import tempfile
    >>> staff = pd.DataFrame({"name": ["李"], "role": ["grid_leader"], "area": ["330101001001001"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = write_layers([("staff", staff)], Path(folder, "out"), Order(format="csv", names="zh"))
    ...     made[0].files[-1].name, made[0].dictionary["short"].tolist()
    ('staff.csv', ['姓名', '角色', '负责区域编码'])
    """
    return deliver(frames, path, order, STAGERS[order.format])


def write_layer(
    frame: pd.DataFrame,
    path: str | Path,
    *,
    layer: str,
    format: str = "shapefile",
    encoding: str = "gb18030",
    crs: Any = None,
    datum: str | None = None,
    names: str = "en",
    scope: Sequence[str] = ("",),
    as_of: date | None = None,
    attribution: str | None = None,
) -> Delivered:
    """Write one layer in any format to a folder, a .zip or a file, read it back, and put it into place.

    Parameters
    ----------
    frame
        The rows, in any CRS.
    path
        A folder (new, empty, or holding an earlier delivery), a .zip, or a file ending like the format's.
    layer
        Layer name of `layers.schema.LAYERS`.
    format
        shapefile, geopackage, geojson, kml, csv or xlsx.
    encoding
        Of a shapefile's texts: gb18030 or utf-8; every other format is UTF-8.
    crs, datum
        Where the coordinates are to lie; None leaves them, but for GeoJSON and KML, which are WGS 84.
    names
        Headings: `en` for the columns' own names, `zh` for their Chinese titles; a shapefile's are short ASCII ones.
    scope, as_of, attribution
        For the README.

    Raises
    ------
    UnknownLayer, WrongCall
        Where the call cannot be met.
    DataBroken
        Where the file reads back otherwise than it was written; nothing is left at `path`.

    Examples
    --------
    >>> import tempfile
    >>> table = pd.DataFrame({"micro_grid": ["330101001001001001"], "kind": ["canteen"], "coverage": [0.25]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = write_layer(table, Path(folder, "coverage.xlsx"), layer="coverage", format="xlsx")
    ...     [path.name for path in made.files]
    ['coverage.xlsx']
    """
    order = Order(
        format=format,
        encoding=encoding,
        crs=crs,
        datum=datum,
        names=names,
        scope=scope,
        as_of=as_of,
        attribution=attribution,
    )
    return write_layers([(layer, frame)], path, order)[0]
