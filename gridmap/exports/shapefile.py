"""Shapefiles that QGIS, ArcMap and WPS read as they were meant.

The format is from 1998 on top of dBASE III: names of 10 bytes, cells of 254 bytes, no truth values that ArcMap reads,
no difference between an empty text and none. GDAL cuts and drops without a word; here everything is decided before it
writes, noted where something could not be kept, and read back afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from gridmap.exports import reread
from gridmap.exports.dbase import CELL, MOST_FIELDS, Cells, cells_of, long_rows, stored_fields, table_bytes
from gridmap.exports.delivered import Delivered, Staged
from gridmap.exports.fields import Field, dictionary, short_names
from gridmap.exports.notices import Notices
from gridmap.exports.opened import Opened, opened
from gridmap.exports.order import ENCODINGS, Order
from gridmap.exports.package import deliver
from gridmap.exports.shapes import Part, by_kind, turned
from layers.errors import DataBroken, WrongCall
from layers.schema import Layer

__all__ = ["MOST_BYTES", "stage_shapefile", "write_shapefile"]

#: Lengths stand in 31 bits of 16-bit words in a .shp, and ArcMap and older GDAL stop at 2 GB for each file.
MOST_BYTES = 2**31 - 1


def write_shapefile(
    frame: gpd.GeoDataFrame | pd.DataFrame,
    path: str | Path,
    *,
    layer: str,
    encoding: str = "gb18030",
    crs: Any = None,
    datum: str | None = None,
    names: str = "en",
    scope: Sequence[str] = ("",),
    as_of: date | None = None,
    attribution: str | None = None,
) -> Delivered:
    """Write one layer as a shapefile with its dictionary and README, read it back, and put it into place.

    Field names are the schema's short ones (ASCII, at most 10 bytes), never Chinese ones; `fields.csv` says what they
    mean. Texts beyond 254 bytes stand whole in `long_text.csv`. Truth values are `T` and `F`, dates and times ISO
    8601 text, whole numbers of more than 15 digits text; a missing value is an empty cell. Areas, lines and points of
    one layer become `<name>_area.shp`, `<name>_line.shp`, `<name>_point.shp`; a plain table becomes a .dbf.

    Parameters
    ----------
    frame
        The rows, in any CRS.
    path
        A folder, a .zip, or `x.shp` to go beside other files: see `gridmap.exports.package.deliver`.
    layer
        Layer name of `layers.schema.LAYERS`.
    encoding
        `gb18030` (read by Chinese Windows as it is) or `utf-8`.
    crs, datum
        Where the coordinates are to lie; None leaves them where they are. `gcj02` and `bd09` have no EPSG code: the
        file name ends in `_gcj02` or `_bd09`, and the .prj says so.
    names
        Taken for the sake of one signature with the other formats; a shapefile's names stay ASCII.
    scope, as_of, attribution
        For the README.

    Raises
    ------
    UnknownLayer, WrongCall
        Where the call cannot be met: more than 255 columns, a file beyond 2 GB, an encoding that drops characters.
    DataBroken
        Where the file reads back otherwise than it was written; nothing is left at `path`.

    Examples
    --------
    >>> import tempfile
    >>> shop = gpd.GeoDataFrame(
    ...     {"code": ["1"], "name": ["老王早点铺"], "微网格长": ["李"]},
    ...     geometry=gpd.points_from_xy([120.1], [30.2]),
    ...     crs=4490,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = write_shapefile(shop, Path(folder, "out"), layer="facilities")
    ...     [path.name for path in made.files if path.suffix == ".dbf"], made.dictionary["short"].tolist()
    (['facilities.dbf'], ['code', 'name', 'f03'])
    """
    order = Order(
        format="shapefile", encoding=encoding, crs=crs, datum=datum, names=names, scope=scope, as_of=as_of,
        attribution=attribution,
    )  # fmt: skip
    return deliver([(layer, frame)], path, order, stage_shapefile)[0]


def stage_shapefile(
    frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None = None
) -> Staged:
    """Write and compare one layer in a folder; see `write_shapefile` and `gridmap.exports.package.Stager`."""
    ready = opened(frame, order, layer)
    fields, notices = ready.fields, ready.notices
    if len(fields) > MOST_FIELDS:
        raise WrongCall(
            f"{layer.name} has {len(fields)} columns and a shapefile holds {MOST_FIELDS}; leave some out or take "
            "geopackage"
        )
    parts = _parts(ready)
    base = name or f"{layer.name}{ready.position.suffix}"
    files = [_file_name(base, part, alone=len(parts) == 1) for part in parts]
    if len(parts) > 1:
        notices.add("split_by_kind", len(frame), detail=", ".join(files))
    long_file = f"{base}_long_text.csv" if name else "long_text.csv"
    cells = [cells_of(field, order.encoding, long_file=long_file, notices=notices) for field in fields]
    shorts = short_names(fields)
    for part, file in zip(parts, files, strict=True):
        _refuse_too_large(layer, part, cells, order)
        table = _table(part, cells, shorts)
        _write(table, part, folder / file, order)
        _compare(folder / file, table, fields, part, notices)
    dictionaries = [_dictionary(folder / file, fields, layer, notices) for file in files]
    long_texts = [
        long_rows(cells, fields, shorts, part.rows, layer, file) for part, file in zip(parts, files, strict=True)
    ]
    return Staged(
        layer=layer.name,
        rows=len(frame),
        main=tuple(files),
        dictionary=pd.concat(dictionaries, ignore_index=True),
        notices=tuple(notices),
        position=ready.position,
        long_text=pd.concat(long_texts, ignore_index=True),
    )


def _parts(ready: Opened) -> list[Part]:
    if ready.geometry is not None:
        return by_kind(turned(ready.geometry, exterior_cw=True), ready.layer, ready.notices)
    return [Part(kind="table", rows=np.arange(ready.rows), geometry=gpd.GeoSeries([]), gdal_type="")]


def _file_name(base: str, part: Part, *, alone: bool) -> str:
    if part.kind == "table":
        return f"{base}.dbf"
    return f"{base}.shp" if alone else f"{base}_{part.kind}.shp"


def _table(part: Part, cells: Sequence[Cells], shorts: Sequence[str]) -> pd.DataFrame:
    columns = {
        short: cell.written.iloc[part.rows].reset_index(drop=True) for short, cell in zip(shorts, cells, strict=True)
    }
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(part.rows)))
    if part.kind == "table":
        return table
    # no short name begins with an underscore, while one may well be "geometry"
    return gpd.GeoDataFrame(table.assign(_shape=part.geometry), geometry="_shape", crs=part.geometry.crs)


def _refuse_too_large(layer: Layer, part: Part, cells: Sequence[Cells], order: Order) -> None:
    """Raise `WrongCall` where the .dbf or the .shp would pass 2 GB (computed from widths and vertices)."""
    shapes = part.geometry.array
    vertices = int(shapely.get_num_coordinates(shapes).sum()) if len(shapes) else 0
    # a record: 8 bytes of header, 44 of type, box and counts, 4 a part (at most one for every 2 vertices), 16 or
    # 24 bytes a vertex
    shp = 100 + 52 * len(shapes) + vertices * (26 if part.gdal_type.endswith("Z") else 18)
    # widths are looked at only where full ones might be too many
    full = len(part.rows) * (1 + len(cells) * CELL)
    most = max(table_bytes(cells, len(part.rows), order.encoding) if full > MOST_BYTES // 2 else 0, shp)
    if most > MOST_BYTES:
        raise WrongCall(
            f"{layer.name} would take {most / 2**30:.1f} GB and a shapefile holds 2; choose a smaller area or take "
            "geopackage"
        )


def _write(table: pd.DataFrame, part: Part, path: Path, order: Order) -> None:
    options: dict[str, Any] = {} if part.kind == "table" else {"geometry_type": part.gdal_type}
    try:
        # without RESIZE, which would fit widths to the content: then a leader's name of three characters could not be
        # edited into one of four, for QGIS and ArcMap cut what does not fit
        pyogrio.write_dataframe(table, path, driver="ESRI Shapefile", encoding=ENCODINGS[order.encoding], **options)
    except (RuntimeError, ValueError) as error:  # what pyogrio raises for GDAL's refusals
        raise DataBroken(f"{path.name} could not be written ({error}); take geopackage and report this") from error


def _compare(path: Path, table: pd.DataFrame, fields: Sequence[Field], part: Part, notices: Notices) -> None:
    """Read the written file as any other program would, and hold every cell against what was to be written."""
    if not path.with_suffix(".cpg").is_file() or (part.kind != "table" and not path.with_suffix(".prj").is_file()):
        raise DataBroken(
            f"{path.name} lacks its .cpg or .prj, so nothing was delivered; take geopackage and report this"
        )
    # through Arrow, because otherwise whole numbers with gaps come back as floats
    got = pyogrio.read_dataframe(
        path, read_geometry=False, use_arrow=True, arrow_to_pandas_kwargs={"types_mapper": pd.ArrowDtype}
    )
    reread.check_rows(path.name, len(table), len(got))
    names = [column for column in table.columns if column != "_shape"]
    for short, field in zip(names, fields, strict=True):
        if short not in got.columns:
            raise DataBroken(f"{path.name} lacks the column {short} ({field.name}); take geopackage and report this")
        if table[short].dtype == "float64":
            reread.check_numbers(path.name, short, table[short], got[short], notices, field=field.name)
        else:
            reread.check_values(path.name, short, table[short], got[short])
    if part.kind != "table":
        shapes = pyogrio.read_dataframe(path, columns=[]).geometry
        reread.check_geometry(path.name, part.geometry, shapes, notices)


def _dictionary(path: Path, fields: Sequence[Field], layer: Layer, notices: Notices) -> pd.DataFrame:
    """The dictionary of one file, with names and widths read from the file itself."""
    # GDAL adds a column FID to a table without columns
    stored = stored_fields(path.with_suffix(".dbf"))[: len(fields)]
    return dictionary(
        fields,
        [field.name for field in stored],
        layer=layer,
        file=path.name,
        stored=[str(field) for field in stored],
        widths=[field.width for field in stored],
        notices=notices,
    )
