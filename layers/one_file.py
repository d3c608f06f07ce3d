"""One file on its way: read, its headings ours, its place known; then types, checks and repair in the city's CRS."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from layers.checks import check, order_columns
from layers.city_file import LayerSource
from layers.datum import metric_crs
from layers.errors import BadFile, BadSettings, CrsMismatch
from layers.findings import Findings
from layers.headings import RESERVED, match_headings, normal, rename
from layers.kinds import kind_rules, kinds_of
from layers.places import to_points
from layers.repair import clear_absurd, keeps_unplaced, repair
from layers.schema import Layer
from layers.schema import layer as layer_of
from layers.tables import TABLES, read_table
from layers.tally import REASON, Tally, merge_same_rows, tally_of
from layers.vectors import VECTORS, place_vector, read_vector

__all__ = ["Raw", "crs_for", "finish", "mapping_of", "metric_named", "read_raw"]


def mapping_of(mapping: Mapping[str, str] | str | Path | None) -> dict[str, str]:
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


@dataclass(frozen=True)
class Raw:
    """A file read: `frame` with our headings, `original` with its own."""

    frame: pd.DataFrame
    original: pd.DataFrame


def read_raw(
    source: LayerSource, datum: str | None, encoding: str | None, findings: Findings,
    *, strict: bool = False,
) -> Raw:  # fmt: skip
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
    placed = _placed(frame.drop(columns=_ignored(frame, source)), spec, source, datum, findings)
    return Raw(_named(placed, spec, source, findings, strict=strict), frame)


def _placed(
    frame: pd.DataFrame, spec: Layer, source: LayerSource, datum: str | None, findings: Findings
) -> pd.DataFrame:
    """Geometry settled, or taken away where the layer has none."""
    file = source.file.name
    if not spec.geometry:
        return pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    if isinstance(frame, gpd.GeoDataFrame):
        if source.source_crs is not None:
            frame = frame.set_crs(known_crs(source.source_crs), allow_override=True)
        placed = place_vector(
            frame, spec, datum=source.datum, default_datum=datum, findings=findings, file=file
        )  # fmt: skip
        return clear_absurd(placed, spec, findings=findings, file=file)
    crs = None if source.source_crs is None else known_crs(source.source_crs)
    points = to_points(
        frame, spec, datum=source.datum or datum, mapping=source.columns, crs=crs, findings=findings, file=file
    )
    if points is None:
        headings = ", ".join(str(name) for name in frame.columns if name != "source_row")
        if len(frame) and not source.unplaced:
            findings.add(
                spec.name, "no_coordinates", f"no longitude and latitude, nor WKT, among {headings or 'no columns'}",
                "rows kept without a place" if keeps_unplaced(spec) else "rows left out", level="error", file=file,
            )  # fmt: skip
        points = gpd.GeoDataFrame(frame, geometry=[shapely.Point()] * len(frame), crs="EPSG:4326")
    return clear_absurd(points, spec, findings=findings, file=file)


def _named(
    frame: pd.DataFrame, spec: Layer, source: LayerSource, findings: Findings, *, strict: bool
) -> pd.DataFrame:
    """Headings to our names, constants and kinds put in."""
    file = source.file.name
    headings = [name for name in frame.columns if name not in ("geometry", "source_row")]
    kinds = None
    if source.kinds is not None:
        kinds = kinds_of(frame, spec, kind_rules(source.kinds, spec), findings=findings, file=file)
    # what is a coordinate in a table may still be named in the mapping: those columns are gone
    wanted = {ours: theirs for ours, theirs in source.columns.items() if ours in spec}
    matched = match_headings(headings, spec, mapping=wanted, findings=findings, file=file, strict=strict)
    _drop_empty_ids(frame, matched, wanted, spec, findings, file)
    frame = rename(frame, {name: ours for name, ours in matched.items() if name != ours or name in spec})
    frame = frame.rename(columns={name: f"given_{name}" for name in RESERVED[2:] if name in frame.columns})
    made = dict(source.values) | ({} if kinds is None else {"kind": kinds})
    if made:
        frame = frame.rename(columns={name: f"given_{name}" for name in made if name in frame.columns})
        frame = frame.assign(**made)
    return frame


def _ignored(frame: pd.DataFrame, source: LayerSource) -> list[Any]:
    """Headings that the user wants left out, and the reason that refused rows came back with."""
    unwanted = {normal(name) for name in (*source.ignore, REASON)}
    return [name for name in frame.columns if name not in ("geometry", "source_row") and normal(name) in unwanted]


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


def finish(
    raw: Raw, source: LayerSource, crs: pyproj.CRS, findings: Findings
) -> tuple[pd.DataFrame, Tally]:
    """Types, checks, repair, in the city's CRS; and where every row went."""
    spec, file = layer_of(source.layer), source.file.name
    frame, merged = merge_same_rows(raw.frame, spec, findings=findings, file=file)
    frame = check(frame.reset_index(drop=True), spec, findings=findings, file=file)
    if isinstance(frame, gpd.GeoDataFrame):
        if frame.crs != crs:
            frame = clear_absurd(frame.to_crs(crs), spec, findings=findings, file=file)
        frame = repair(frame, spec, findings=findings, file=file, unplaced=source.unplaced)
    frame = order_columns(frame.reset_index(drop=True), spec)
    there = pd.concat([frame["source_row"], raw.frame["source_row"][merged]])
    tally = tally_of(raw.original, there, int(merged.sum()), source.layer, file, findings)
    return frame, tally


def known_crs(crs: str | pyproj.CRS) -> pyproj.CRS:
    """A CRS that the user names."""
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError:
        raise BadSettings(f"crs = {str(crs)!r} is not known to PROJ; write one such as \"EPSG:4549\"") from None


def metric_named(crs: str | pyproj.CRS) -> pyproj.CRS:
    """A CRS that the user names, in metres."""
    found = known_crs(crs)
    if not found.is_projected or any(axis.unit_name != "metre" for axis in found.axis_info):
        raise CrsMismatch(f"crs = {found.name} is not in metres; take a projected one such as \"EPSG:4549\"")
    return found


def crs_for(frames: list[pd.DataFrame]) -> pyproj.CRS:
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
