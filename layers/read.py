"""The door: a file or a folder in, clean layers and their findings out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from layers.cells import calm
from layers.checks import codes_apart, order_columns
from layers.city_file import CityFile, LayerSource, read_city_file
from layers.city_sources import read_sources
from layers.datum import DATUMS
from layers.errors import BadSettings, UnknownDatum
from layers.findings import Findings
from layers.fit import check_datums, check_fit
from layers.gazetteer import place_by_address
from layers.headings import check_mapping
from layers.mending import mend_levels
from layers.nesting import LEVELS, check_nesting
from layers.one_file import crs_for, finish, mapping_of, metric_named, read_raw
from layers.schema import layer as layer_of
from layers.tally import Tally, merge_same_rows

__all__ = ["City", "Reading", "read_city", "read_file", "read_layer"]

#: Digits of a city's code -> the level it names.
_CODE_LEVEL = {6: "districts", 9: "streets", 12: "communities"}


@dataclass(frozen=True, kw_only=True)
class City:
    """A city as read.

    `layers` holds a frame for each layer that the folder has: GeoDataFrames in `crs` (metres), a DataFrame for
    `staff`; every frame has a RangeIndex, `code` (but `staff`), `source_row`, and its geometry in `geometry`.
    A layer of several files has `source_file`. `options` are the sections of `city.toml` that are not about reading, as
    they stand there; `tallies` say of each file where its rows went.
    """

    name: str
    crs: pyproj.CRS
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame]
    findings: Findings
    options: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    tallies: tuple[Tally, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One file as read: its rows, what was odd, and where every row went.

    `original` holds the rows of the file under its own headings, with `source_row`.
    """

    frame: gpd.GeoDataFrame | pd.DataFrame
    findings: Findings
    tally: Tally
    original: pd.DataFrame


def read_layer(
    path: str | Path,
    layer: str,
    *,
    datum: str | None = None,
    encoding: str | None = None,
    mapping: Mapping[str, str] | str | Path | None = None,
    source_layer: str | None = None,
    where: str | None = None,
    kinds: str | Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    crs: str | pyproj.CRS | None = None,
    source_crs: str | None = None,
) -> tuple[gpd.GeoDataFrame, Findings]:
    """Read one file as one layer.

    Parameters
    ----------
    path
        Any of .gpkg .shp .zip .geojson .fgb .parquet .kml .csv .xlsx (and .json, .xls).
    layer
        Name of `layers.schema.LAYERS`.
    datum
        Datum of the coordinates; it wins over the CRS of the file. Tables with coordinates must be given one.
    encoding
        Of a CSV or shapefile; None to find it.
    mapping
        {ours: theirs} for headings that are not found by themselves (also lon, lat, wkt), or a TOML or JSON file of it.
    source_layer
        Layer of a file with several, or sheet of a workbook.
    where
        OGR attribute filter for vector files.
    kinds
        "osm", or {"column=value": kind}, to fill `kind`.
    values
        {ours: constant} for whole columns.
    crs
        CRS of the result, in metres; None to choose by the place (`layers.datum.metric_crs`).
    source_crs
        CRS of coordinates that do not say it themselves, such as "EPSG:4549".

    Returns
    -------
    (frame, findings): frame in a metric CRS on a RangeIndex, columns typed by the schema, others kept; a DataFrame for
    `staff`, which has no geometry.

    Raises
    ------
    UnknownLayer, BadFile, MissingLayer, BadSettings, UnknownDatum, CrsMismatch
        The call or the file does not allow reading. Bad rows never raise: they are findings.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "shops.csv"
    >>> _ = path.write_text("名称,类型,经度,纬度\\n早点铺,餐饮,116.3840,39.9133\\n", encoding="gb18030")
    >>> shops, findings = read_layer(path, "organizations", datum="gcj02")
    >>> shops.crs.to_epsg(), shops[["name", "kind"]].values.tolist(), len(findings)
    (4548, [['早点铺', '餐饮']], 0)
    """
    read = read_file(
        path, layer, datum=datum, encoding=encoding, mapping=mapping, source_layer=source_layer, where=where,
        kinds=kinds, values=values, crs=crs, source_crs=source_crs,
    )  # fmt: skip
    return cast(gpd.GeoDataFrame, read.frame), read.findings


@calm()
def read_file(
    path: str | Path,
    layer: str,
    *,
    datum: str | None = None,
    encoding: str | None = None,
    mapping: Mapping[str, str] | str | Path | None = None,
    source_layer: str | None = None,
    where: str | None = None,
    kinds: str | Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    crs: str | pyproj.CRS | None = None,
    source_crs: str | None = None,
    strict: bool = False,
    ignore: Sequence[str] = (),
    unplaced: bool = False,
) -> Reading:
    """Read one file as one layer, as `read_layer`, with a tally of its rows.

    Parameters
    ----------
    strict
        Refuse ambiguous headings (`AmbiguousHeading`) rather than take the first.
    ignore
        Headings whose columns are left out.
    unplaced
        Keep rows without a place in every layer, not only in layers of points.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "staff.csv"
    >>> _ = path.write_text("姓名,角色,区域\\n某某,网格长,330106001001001\\n合计,,1\\n", encoding="gb18030")
    >>> read = read_file(path, "staff")
    >>> read.tally.rows, read.tally.kept, [item.rule for item in read.findings]
    (1, 1, ['totals_row'])
    """
    spec = layer_of(layer)
    given = mapping_of(mapping)
    check_mapping(spec, given, where="mapping")
    for ours in values or {}:
        if ours not in spec:
            columns = ", ".join(column.name for column in spec)
            raise BadSettings(f"values: {layer} has no column {ours!r}; its columns are {columns}")
    if datum is not None and datum not in DATUMS:
        raise UnknownDatum(f"datum={datum!r} is not a datum that gridmap knows; take one of {', '.join(DATUMS)}")
    source = LayerSource(
        layer=layer, file=Path(path), source_layer=source_layer, where=where, datum=datum, encoding=encoding,
        kinds=kinds, columns=given, values=values or {}, source_crs=source_crs, ignore=tuple(ignore), unplaced=unplaced,
    )  # fmt: skip
    findings = Findings()
    raw = read_raw(source, None, None, findings, strict=strict)
    target = metric_named(crs) if crs is not None else crs_for([raw])
    frame, tally = finish(raw, source, target, findings)
    return Reading(frame=frame, findings=findings, tally=tally, original=raw.original)


@calm()
def read_city(folder: str | Path, *, progress: Callable[[str], None] | None = None) -> City:
    """Read a city folder.

    Parameters
    ----------
    folder
        One file a layer, or files with several, and perhaps a `city.toml` (`layers.city_file`).
    progress
        Called with what is being read.

    Returns
    -------
    City, all layers in one metric CRS: that of `city.toml`, else one chosen by the outline (or the buildings, or
    whatever there is).

    Raises
    ------
    NotACity, BadSettings, BadFile, MissingLayer, UnknownDatum, CrsMismatch
        The folder, `city.toml` or a file does not allow reading.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "incidents.csv").write_text("category,lon,lat\\nlamp,7.42,43.74\\n")
    >>> _ = (folder / "city.toml").write_text('[city]\\nname = "Monaco"\\ndatum = "wgs84"\\n')
    >>> city = read_city(folder)
    >>> city.name, city.crs.to_epsg(), list(city.layers), city.layers["incidents"]["code"].tolist()
    ('Monaco', 32632, ['incidents'], [nan])
    """
    said = read_city_file(folder)
    findings = Findings(said.findings)
    raws = read_sources(said, findings, progress=progress)
    order = {name: number for number, name in enumerate([*LEVELS, "buildings"])}
    first = sorted(raws, key=lambda item: order.get(item[0].layer, len(order)))
    crs = metric_named(said.crs) if said.crs else crs_for([raw for _, raw in first])
    parts: dict[str, list[tuple[pd.DataFrame, Tally]]] = {}
    while raws:
        source, raw = raws.pop(0)
        if progress is not None:
            progress(f"{source.layer}: checking {len(raw.frame)} rows")
        parts.setdefault(source.layer, []).append(finish(raw, source, crs, findings))
    layers: dict[str, gpd.GeoDataFrame | pd.DataFrame] = {}
    tallies: list[Tally] = []
    for name, found in parts.items():
        layers[name], counted = _together(name, found, findings)
        tallies += counted
    _fill_code(layers, said, findings)
    by_address, told = place_by_address(layers)
    layers.update(by_address)
    findings.extend(told)
    mended, told = mend_levels(layers)
    layers.update(mended)
    findings.extend(told)
    findings.extend(check_nesting({name: layers[name] for name in LEVELS if name in layers}))
    findings.extend(check_fit(layers))
    findings.extend(check_datums(layers, {source.layer: source.datum or said.datum for source in said.sources}))
    _tell_elsewhere(layers, findings)
    return City(
        name=said.name, crs=crs, layers=layers, findings=findings, options=dict(said.options), code=said.code,
        tallies=tuple(tallies),
    )  # fmt: skip


def _together(
    name: str, found: list[tuple[pd.DataFrame, Tally]], findings: Findings
) -> tuple[pd.DataFrame, list[Tally]]:
    """Several files of one layer as one frame; rows that a later file repeats are merged."""
    if len(found) == 1:
        return found[0][0], [found[0][1]]
    spec = layer_of(name)
    marked = [frame.assign(source_file=f"{number}") for number, (frame, _) in enumerate(found)]
    whole = pd.concat(marked, ignore_index=True)
    whole, merged = merge_same_rows(whole, spec, findings=findings)
    again = pd.concat(marked, ignore_index=True)["source_file"][merged].value_counts()
    tallies = [
        replace(tally, kept=tally.kept - int(again.get(f"{number}", 0)),
            merged=tally.merged + int(again.get(f"{number}", 0)))
        for number, (_, tally) in enumerate(found)
    ]
    whole["source_file"] = whole["source_file"].map({f"{n}": tally.file for n, (_, tally) in enumerate(found)})
    if "code" in spec:
        whole = codes_apart(whole, spec, findings)
    return order_columns(whole.reset_index(drop=True), spec), tallies


def _fill_code(layers: dict[str, gpd.GeoDataFrame | pd.DataFrame], said: CityFile, findings: Findings) -> None:
    """The city's code goes to the one outline of that level that has none."""
    level = _CODE_LEVEL.get(len(said.code)) if said.code else None
    frame = layers.get(level) if level else None
    if frame is not None and len(frame) == 1 and frame["code"].isna().all():
        layers[str(level)] = frame.assign(code=pd.Series([said.code], dtype="str"))
        findings.add(
            str(level), "code_given", "the outline has no code", f"{said.code} of city.toml taken", level="note",
            code=said.code,
        )  # fmt: skip


def _tell_elsewhere(layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], findings: Findings) -> None:
    """Say which layer lies wholly away from the outline: most often a wrong datum or a file of another city."""
    outline = next((layers[name] for name in LEVELS if name in layers and len(layers[name])), None)
    if not isinstance(outline, gpd.GeoDataFrame):
        return
    area = shapely.box(*outline.total_bounds)
    for name, frame in layers.items():
        if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
            continue
        bounds = frame.total_bounds
        if np.isfinite(bounds).all() and not shapely.box(*bounds).intersects(area):
            findings.add(
                name, "elsewhere", f"the whole layer lies away from the outline, by {_gap_m(bounds, area):,.0f} m",
                "nothing: look at its datum and CRS", level="error",
            )  # fmt: skip


def _gap_m(bounds: Any, area: Any) -> float:
    return float(shapely.distance(shapely.box(*bounds), area))
