"""A file looked at before it is brought in: its headings, its first rows on the map, what it would change."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from gridmap.attaching import ATTACHED
from gridmap.import_places import Places, doubtful
from gridmap.importing import Imported, ImportRecord, import_file
from gridmap.stores import open_store
from layers.coordinates import columns_by_value
from layers.doctor import diagnose
from layers.errors import BadSettings
from layers.findings import Findings
from layers.headings import PLACES, guess, match_headings, normal
from layers.places import place_columns
from layers.schema import LAYERS, Layer
from layers.tally import REASON, REASON_ZH, Tally
from layers.vectors import VECTORS, source_layers
from layers.workbooks import WORKBOOKS, sheets

__all__ = ["MOST_ROWS", "Heading", "Preview", "parts_of", "preview_import"]

#: So many rows of a file are drawn and shown.
MOST_ROWS = 500
_SAMPLES = 3
#: The datum doctor is asked from so many things on.
_FEWEST = 20


@dataclass(frozen=True)
class Heading:
    """A heading of a file: what it is taken for, how sure that is, and a few of its values.

    `ours` is a column of the layer, one of lon, lat and wkt, or None; `how` one of `known`, `alike` (by likeness),
    `ambiguous` (another heading has the same claim: somebody must say), `ignored` and `unknown`;
    `candidates` the columns that it may be, the likest first.
    """

    heading: str
    ours: str | None
    how: str
    candidates: tuple[str, ...]
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What is in a file and what importing it would do; nothing is written.

    `record` counts what would happen; `asks` are the columns that somebody must choose a heading for; `doctor` is the
    datum doctor's sentence where it doubts the datum, and `doctor_datum` what it takes the file for; `places` GeoJSON
    of the first rows in degrees; `parts` the sheets or layers of the file; `doubtful` what has an address and no place
    (`gridmap.import_places.doubtful`).
    """

    record: ImportRecord
    headings: tuple[Heading, ...]
    asks: tuple[str, ...]
    findings: Findings
    tally: Tally
    places: str
    placed: int
    parts: tuple[str, ...] = ()
    doctor: str | None = None
    doctor_datum: str | None = None
    doubtful: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Everything but the refused rows and the places, as plain values."""
        return {
            "record": asdict(self.record), "headings": [asdict(one) for one in self.headings],
            "asks": list(self.asks), "placed": self.placed, "parts": list(self.parts), "doctor": self.doctor,
            "doctor_datum": self.doctor_datum,
        }  # fmt: skip


def preview_import(
    city: str | Path,
    layer: str,
    file: str | Path,
    *,
    datum: str | None = None,
    encoding: str | None = None,
    mapping: Mapping[str, str] | None = None,
    source_layer: str | None = None,
    within: Sequence[str] = ("",),
    by: str | None = None,
    ignore: Sequence[str] = (),
    places: Places | None = None,
) -> Preview:
    """Read a file as `import_file` would, and say what it would do.

    Parameters
    ----------
    city, layer, file, datum, encoding, mapping, source_layer, within, by, ignore, places
        As for `import_file`. `record.ended` counts as if the file held every row there is.

    Returns
    -------
    Preview

    Raises
    ------
    GridmapError
        What `import_file` raises, but for ambiguous headings, which are among `asks`.
    """
    path = Path(file)
    done = import_file(
        city, layer, path, datum=datum, encoding=encoding, mapping=mapping, source_layer=source_layer, within=within,
        by=by, complete=True, dry_run=True, strict=False, ignore=ignore, places=places,
    )  # fmt: skip
    spec = LAYERS[layer]
    headings, asks = _headings(done, spec, mapping or {}, ignore)
    doctor = _doctor(city, done, datum) if spec.geometry else None
    frame = done.reading.frame
    placed = 0
    drawn = '{"type": "FeatureCollection", "features": []}'
    if isinstance(frame, gpd.GeoDataFrame):
        there = ~(shapely.is_missing(frame.geometry.array) | shapely.is_empty(frame.geometry.array))
        placed = int(there.sum())
        shown = [name for name in ("code", "name", "category", "kind", "address", "source_row") if name in frame]
        rows = frame.loc[there, [*shown, "geometry"]].head(MOST_ROWS).to_crs(4326)
        rows = rows.set_geometry(shapely.set_precision(rows.geometry.array, 1e-6, mode="pointwise"))
        drawn = rows.reset_index(drop=True).to_json(na="drop", drop_id=True, ensure_ascii=False)
    return Preview(
        record=done.record, headings=headings, asks=asks, findings=done.findings, tally=done.tally, places=drawn,
        placed=placed, parts=tuple(parts_of(path)), doctor=doctor and doctor[0], doctor_datum=doctor and doctor[1],
        doubtful=doubtful(frame) if layer in ATTACHED else [],
    )  # fmt: skip


def parts_of(file: str | Path) -> list[str]:
    """Sheets with rows of a workbook, or layers of a file with several; [] for a file of one.

    Raises
    ------
    BadFile
        Not readable as its ending says.
    """
    path = Path(file)
    suffix = path.suffix.lower()
    names: list[str] = []
    if suffix in WORKBOOKS and path.read_bytes()[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        names = [name for name, rows in sheets(path).items() if rows >= 2]
    elif suffix in VECTORS:
        names = source_layers(path)
    return names if len(names) > 1 else []


def _headings(
    done: Imported, spec: Layer, mapping: Mapping[str, str], ignore: Sequence[str]
) -> tuple[tuple[Heading, ...], tuple[str, ...]]:
    """Every heading with what it is taken for, and the columns that are asked about."""
    original = done.reading.original
    names: list[Hashable] = [name for name in original.columns if name not in ("geometry", "source_row")]
    wanted = {ours: theirs for ours, theirs in mapping.items() if ours in spec}
    asks = {item.field for item in done.findings if item.rule == "ambiguous_heading" and item.field}
    alike = {item.field for item in done.findings if item.rule == "guessed_heading"}
    matched: dict[Hashable, str] = {}
    left_out = {normal(name) for name in (*ignore, REASON, REASON_ZH)}
    heard = [name for name in names if normal(name) not in left_out]
    if spec.geometry and not isinstance(original, gpd.GeoDataFrame):
        matched |= _place_headings(original, heard, mapping)
    rest = [name for name in heard if name not in matched]
    matched |= match_headings(rest, spec, mapping=wanted, findings=Findings())
    out = []
    for name in names:
        ours = matched.get(name)
        candidates = [column for column, _ in guess(name, spec)][:4]
        how = "unknown" if ours is None else "alike" if ours in alike else "known"
        if name not in heard:
            how = "ignored"
        elif asks & {ours, *candidates[:1]}:
            how = "ambiguous"
        filled = original[name].dropna()
        samples = tuple(str(value)[:60] for value in filled.head(_SAMPLES))
        out.append(Heading(str(name), ours, how, tuple(candidates), samples))
    return tuple(out), tuple(sorted(asks))


def _place_headings(table: pd.DataFrame, names: list[Hashable], mapping: Mapping[str, str]) -> dict[Hashable, str]:
    try:
        found = place_columns(names, mapping=mapping) or columns_by_value(table, names)
    except BadSettings:
        return {}
    if not found:
        return {}
    return dict(zip(found, PLACES[:2] if len(found) == 2 else PLACES[2:], strict=True))


def _doctor(city: str | Path, done: Imported, datum: str | None) -> tuple[str, str | None] | None:
    """What the datum doctor says where it doubts; None where it does not, or has too little to go by."""
    frame = done.reading.frame
    if not isinstance(frame, gpd.GeoDataFrame) or done.record.layer not in (*ATTACHED, "estates"):
        return None
    there = frame[~(shapely.is_missing(frame.geometry.array) | shapely.is_empty(frame.geometry.array))]
    with open_store(city) as store:
        reference = store.read("buildings")
    if len(there) < _FEWEST or not isinstance(reference, gpd.GeoDataFrame) or len(reference) < _FEWEST:
        return None
    found = diagnose(there, reference, stated=datum or "wgs84")
    return (found.sentence(), found.datum) if found.doubtful else None
