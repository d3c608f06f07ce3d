"""The door: a file or a folder in, clean layers and their findings out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from layers.checks import check, order_columns
from layers.city_file import CityFile, LayerSource, read_city_file
from layers.datum import DATUMS, metric_crs
from layers.errors import BadFile, BadSettings, CrsMismatch, UnknownDatum
from layers.findings import Findings
from layers.headings import RESERVED, check_mapping, match_headings, rename
from layers.kinds import kind_rules, kinds_of
from layers.nesting import LEVELS, check_nesting
from layers.places import to_points
from layers.repair import clear_absurd, keeps_unplaced, repair
from layers.schema import Layer
from layers.schema import layer as layer_of
from layers.tables import TABLES, read_table
from layers.vectors import VECTORS, place_vector, read_vector

__all__ = ["City", "read_city", "read_layer"]

#: Digits of a city's code -> the level it names.
_CODE_LEVEL = {6: "districts", 9: "streets", 12: "communities"}


@dataclass(frozen=True, kw_only=True)
class City:
    """A city as read.

    `layers` holds a frame for each layer that the folder has: GeoDataFrames in `crs` (metres), a DataFrame for
    `staff`; every frame has a RangeIndex, `code` (but `staff`), `source_row`, and its geometry in `geometry`.
    `options` are the sections of `city.toml` that are not about reading, as they stand there.
    """

    name: str
    crs: pyproj.CRS
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame]
    findings: Findings
    options: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None


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
    spec = layer_of(layer)
    given = _mapping(mapping)
    check_mapping(spec, given, where="mapping")
    for ours in values or {}:
        if ours not in spec:
            columns = ", ".join(column.name for column in spec)
            raise BadSettings(f"values: {layer} has no column {ours!r}; its columns are {columns}")
    if datum is not None and datum not in DATUMS:
        raise UnknownDatum(f"datum={datum!r} is not a datum that gridmap knows; take one of {', '.join(DATUMS)}")
    source = LayerSource(
        layer=layer, file=Path(path), source_layer=source_layer, where=where, datum=datum, encoding=encoding,
        kinds=kinds, columns=given, values=values or {},
    )  # fmt: skip
    findings = Findings()
    raw = _raw(source, None, None, findings)
    target = _metric(crs) if crs is not None else _crs_for([raw])
    return cast(gpd.GeoDataFrame, _finished(raw, source, target, findings)), findings


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
    raws: dict[str, pd.DataFrame] = {}
    for source in said.sources:
        if progress is not None:
            progress(f"{source.layer}: {source.file.name}")
        raws[source.layer] = _raw(source, said.datum, said.encoding, findings)
    first = [*LEVELS, "buildings"]
    crs = _metric(said.crs) if said.crs else _crs_for([raws[name] for name in [*first, *raws] if name in raws])
    layers: dict[str, gpd.GeoDataFrame | pd.DataFrame] = {}
    for source in said.sources:
        if progress is not None:
            progress(f"{source.layer}: checking {len(raws[source.layer])} rows")
        layers[source.layer] = _finished(raws.pop(source.layer), source, crs, findings)
    _fill_code(layers, said, findings)
    findings.extend(check_nesting({name: layers[name] for name in LEVELS if name in layers}))
    _tell_elsewhere(layers, findings)
    return City(
        name=said.name, crs=crs, layers=layers, findings=findings, options=dict(said.options), code=said.code
    )


def _mapping(mapping: Mapping[str, str] | str | Path | None) -> dict[str, str]:
    """A mapping, perhaps from a file."""
    if mapping is None or isinstance(mapping, Mapping):
        return dict(mapping or {})
    path = Path(mapping)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        found = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise BadFile(f"cannot read the mapping {path.name}: {error.strerror}; check its path") from None
    except ValueError as error:
        raise BadSettings(f'the mapping {path.name} cannot be read: {error}; write ours = "theirs"') from None
    if not isinstance(found, dict):
        raise BadSettings(f'the mapping {path.name} must hold ours = "theirs", a line each')
    return found


def _raw(source: LayerSource, datum: str | None, encoding: str | None, findings: Findings) -> pd.DataFrame:
    """One file read, its headings ours, its place known, nothing judged yet."""
    spec, path = layer_of(source.layer), source.file
    suffix = path.suffix.lower()
    if not path.is_file():
        raise BadFile(f"cannot read {path}: there is no such file; check its path")
    if suffix in VECTORS:
        frame = read_vector(
            path, spec, source_layer=source.source_layer, where=source.where, encoding=source.encoding,
            fallback=encoding, findings=findings,
        )  # fmt: skip
    elif suffix in TABLES:
        if source.where is not None:
            raise BadSettings(f"where does not work on tables such as {path.name}; filter it in the spreadsheet")
        frame, told = read_table(
            path, spec, encoding=source.encoding, fallback=encoding, sheet=source.source_layer
        )  # fmt: skip
        findings.extend(told)
    else:
        raise BadFile(f"cannot read {path.name}: its ending must be one of {', '.join((*VECTORS, *TABLES))}")
    frame = _placed(frame, spec, source, datum, findings)
    return _named(frame, spec, source, findings)


def _placed(
    frame: pd.DataFrame, spec: Layer, source: LayerSource, datum: str | None, findings: Findings
) -> pd.DataFrame:
    """Geometry settled, or taken away where the layer has none."""
    file = source.file.name
    if not spec.geometry:
        return pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    if isinstance(frame, gpd.GeoDataFrame):
        placed = place_vector(
            frame, spec, datum=source.datum, default_datum=datum, findings=findings, file=file
        )  # fmt: skip
        return clear_absurd(placed, spec, findings=findings, file=file)
    points = to_points(frame, spec, datum=source.datum or datum, mapping=source.columns, findings=findings, file=file)
    if points is None:
        headings = ", ".join(str(name) for name in frame.columns if name != "source_row")
        if len(frame):
            findings.add(
                spec.name, "no_coordinates", f"no longitude and latitude, nor WKT, among {headings or 'no columns'}",
                "rows kept without a place" if keeps_unplaced(spec) else "rows left out", level="error", file=file,
            )  # fmt: skip
        points = gpd.GeoDataFrame(frame, geometry=[shapely.Point()] * len(frame), crs="EPSG:4326")
    return clear_absurd(points, spec, findings=findings, file=file)


def _named(frame: pd.DataFrame, spec: Layer, source: LayerSource, findings: Findings) -> pd.DataFrame:
    """Headings to our names, constants and kinds put in."""
    file = source.file.name
    headings = [name for name in frame.columns if name not in ("geometry", "source_row")]
    kinds = None
    if source.kinds is not None:
        kinds = kinds_of(frame, spec, kind_rules(source.kinds, spec), findings=findings, file=file)
    # what is a coordinate in a table may still be named in the mapping: those columns are gone
    wanted = {ours: theirs for ours, theirs in source.columns.items() if ours in spec}
    matched = match_headings(headings, spec, mapping=wanted, findings=findings, file=file)
    _drop_empty_ids(frame, matched, wanted, spec, findings, file)
    frame = rename(frame, {name: ours for name, ours in matched.items() if name != ours or name in spec})
    frame = frame.rename(columns={name: f"given_{name}" for name in RESERVED[2:] if name in frame.columns})
    made = dict(source.values) | ({} if kinds is None else {"kind": kinds})
    if made:
        frame = frame.rename(columns={name: f"given_{name}" for name in made if name in frame.columns})
        frame = frame.assign(**made)
    return frame


def _drop_empty_ids(
    frame: pd.DataFrame, matched: dict[Any, str], wanted: Mapping[str, str], spec: Layer, findings: Findings, file: str
) -> None:
    """A column called `id` that does not tell rows apart is no code, unless the user says so."""
    heading = next((name for name, ours in matched.items() if ours == "code"), None)
    if heading is None or "code" in wanted or str(heading) == "code" or len(frame) < 2:
        return
    distinct = frame[heading].nunique()
    if distinct * 2 < len(frame):
        del matched[heading]
        findings.add(
            spec.name, "no_code", f"{str(heading)!r} has {distinct} values in {len(frame)} rows", "not taken as code",
            level="note", field="code", file=file,
        )  # fmt: skip


def _finished(raw: pd.DataFrame, source: LayerSource, crs: pyproj.CRS, findings: Findings) -> pd.DataFrame:
    """Types, checks, repair, in the city's CRS."""
    spec, file = layer_of(source.layer), source.file.name
    frame = check(raw, spec, findings=findings, file=file)
    if isinstance(frame, gpd.GeoDataFrame):
        if frame.crs != crs:
            frame = clear_absurd(frame.to_crs(crs), spec, findings=findings, file=file)
        frame = repair(frame, spec, findings=findings, file=file)
    return order_columns(frame.reset_index(drop=True), spec)


def _metric(crs: str | pyproj.CRS) -> pyproj.CRS:
    """A CRS that the user names, in metres."""
    try:
        found = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError:
        raise BadSettings(f"crs = {str(crs)!r} is not known to PROJ; write one such as \"EPSG:4549\"") from None
    if not found.is_projected or any(axis.unit_name != "metre" for axis in found.axis_info):
        raise CrsMismatch(f"crs = {found.name} is not in metres; take a projected one such as \"EPSG:4549\"")
    return found


def _crs_for(frames: list[pd.DataFrame]) -> pyproj.CRS:
    """The metric CRS of the first frame that lies anywhere: by the middle of its features, which strays cannot pull."""
    for frame in frames:
        if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None:
            continue
        bounds = shapely.bounds(frame.geometry.array)
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        if len(bounds):
            x, y = np.median((bounds[:, 0] + bounds[:, 2]) / 2), np.median((bounds[:, 1] + bounds[:, 3]) / 2)
            lon, lat = pyproj.Transformer.from_crs(frame.crs, 4326, always_xy=True).transform(x, y)
            return metric_crs(float(lon), float(lat))
    return pyproj.CRS.from_epsg(4549)  # nothing lies anywhere: any will do


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


