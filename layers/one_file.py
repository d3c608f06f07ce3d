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
from numpy.typing import NDArray

from layers.cells import distinct_count
from layers.checks import check, order_columns
from layers.city_file import LayerSource
from layers.datum import metric_crs
from layers.errors import BadFile, BadSettings, CrsMismatch
from layers.findings import Findings
from layers.headings import RESERVED, match_headings, normal, rename
from layers.kinds import kind_rules, kinds_of
from layers.places import Places, places_of, points_of
from layers.repair import clear_absurd, keeps_unplaced, repair
from layers.schema import Layer
from layers.schema import layer as layer_of
from layers.tables import TABLES, read_table
from layers.tally import REASON, REASON_ZH, Tally, merge_same_rows, tally_of
from layers.vectors import VECTORS, place_vector, read_vector

_WGS84 = pyproj.CRS.from_epsg(4326)

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
    """A file read: `frame` with our headings, `original` with its own.

    Points of a table stay numbers (degrees on WGS 84, NaN for nowhere) until the city's CRS is known: `frame` has no
    geometry then.
    """

    frame: pd.DataFrame
    original: pd.DataFrame
    points: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes of the middles of what lies anywhere, on WGS 84."""
        if self.points is not None:
            x, y = self.points
            there = ~(np.isnan(x) | np.isnan(y))
            return (x, y) if there.all() else (x[there], y[there])
        none = np.zeros(0)
        if not isinstance(self.frame, gpd.GeoDataFrame) or self.frame.crs is None:
            return none, none
        bounds = shapely.bounds(self.frame.geometry.array)
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        if not len(bounds):
            return none, none
        x, y = np.median((bounds[:, 0] + bounds[:, 2]) / 2), np.median((bounds[:, 1] + bounds[:, 3]) / 2)
        lon, lat = pyproj.Transformer.from_crs(self.frame.crs, 4326, always_xy=True).transform(x, y)
        return np.array([lon]), np.array([lat])


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
    points = None
    if isinstance(placed, Places):
        points = None if placed.x is None or placed.y is None else (placed.x, placed.y)
        placed = placed.frame() if points is None else placed.table
    return Raw(_named(placed, spec, source, findings, strict=strict), frame, points)


def _placed(
    frame: pd.DataFrame, spec: Layer, source: LayerSource, datum: str | None, findings: Findings
) -> pd.DataFrame | Places:
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
    places = places_of(
        frame, spec, datum=source.datum or datum, mapping=source.columns, crs=crs, findings=findings, file=file
    )
    if places is None:
        headings = ", ".join(str(name) for name in frame.columns if name != "source_row")
        if len(frame) and not source.unplaced:
            findings.add(
                spec.name, "no_coordinates", f"no longitude and latitude, nor WKT, among {headings or 'no columns'}",
                "rows kept without a place" if keeps_unplaced(spec) else "rows left out", level="error", file=file,
            )  # fmt: skip
        nowhere = np.full(len(frame), np.nan)
        return Places(frame.reset_index(drop=True), x=nowhere, y=nowhere)
    if places.x is not None and places.y is not None and _on_earth(places.x, places.y):
        return places
    return clear_absurd(places.frame(), spec, findings=findings, file=file)


def _on_earth(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether all numbers are degrees, or missing."""
    return not len(x) or bool(
        np.nanmax(np.abs(x), initial=0.0) <= 180 and np.nanmax(np.abs(y), initial=0.0) <= 90
    )


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
    unwanted = {normal(name) for name in (*source.ignore, REASON, REASON_ZH)}
    return [name for name in frame.columns if name not in ("geometry", "source_row") and normal(name) in unwanted]


def _drop_empty_ids(
    frame: pd.DataFrame, matched: dict[Any, str], wanted: Mapping[str, str], spec: Layer, findings: Findings, file: str
) -> None:
    """A column called `id` that does not tell rows apart is no code, unless the user says so."""
    heading = next((name for name, ours in matched.items() if ours == "code"), None)
    if heading is None or "code" in wanted or str(heading) == "code" or len(frame) < 2:
        return
    distinct = distinct_count(frame[heading])
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
    frame, merged = merge_same_rows(raw.frame, spec, findings=findings, file=file, points=raw.points)
    frame = check(frame.reset_index(drop=True), spec, findings=findings, file=file)
    if raw.points is not None:
        x, y = (values[~merged] if merged.any() else values for values in raw.points)
        frame = _in_crs(frame, x, y, crs, spec, findings, file)
    elif isinstance(frame, gpd.GeoDataFrame) and frame.crs != crs:
        frame = clear_absurd(frame.to_crs(crs), spec, findings=findings, file=file)
    if isinstance(frame, gpd.GeoDataFrame):
        frame = repair(frame, spec, findings=findings, file=file, unplaced=source.unplaced)
    frame = order_columns(frame.reset_index(drop=True), spec)
    there = pd.concat([frame["source_row"], raw.frame["source_row"][merged]])
    tally = tally_of(raw.original, there, int(merged.sum()), source.layer, file, findings)
    return frame, tally


def _in_crs(
    frame: pd.DataFrame, x: NDArray[np.float64], y: NDArray[np.float64], crs: pyproj.CRS, spec: Layer,
    findings: Findings, file: str,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Points on WGS 84 as geometry in the city's CRS."""
    nowhere = np.isnan(x) | np.isnan(y)
    if crs != _WGS84:
        transformer = pyproj.Transformer.from_crs(_WGS84, crs, always_xy=True)
        if nowhere.any():
            x, y = x.copy(), y.copy()
            x[~nowhere], y[~nowhere] = transformer.transform(x[~nowhere], y[~nowhere])
        else:
            x, y = transformer.transform(x, y)
    placed = gpd.GeoDataFrame(frame, geometry=points_of(x, y), crs=crs)
    if np.isfinite(x).all() and np.isfinite(y).all():
        return placed
    return clear_absurd(placed, spec, findings=findings, file=file)


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


def crs_for(raws: list[Raw]) -> pyproj.CRS:
    """The metric CRS of the first file that lies anywhere: by the middle of its features, which strays cannot pull."""
    for raw in raws:
        lon, lat = raw.middles()
        if len(lon):
            return metric_crs(float(np.median(lon)), float(np.median(lat)))
    return pyproj.CRS.from_epsg(4549)  # nothing lies anywhere: any will do
