"""A file brought into a built city, again and again: what is new, changed, unchanged or gone, and how to take it back.

Rows are matched by code, else by name and place. A row that a newer file no longer has is ended (`valid_to`), never
deleted. Each import is a record with what stood before, so that it can be undone.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.attaching import AREAS, ATTACHED, attach_layers
from gridmap.import_match import Changes, compare, end_of, keys_of
from gridmap.import_scope import own_rows, tell_outside, whole_city
from gridmap.micro_grids.attach import attach, attach_findings
from gridmap.rework import cover_settings
from gridmap.stores import Store, open_store
from layers.errors import MissingLayer, NotFound, NotYourArea, WrongCall
from layers.findings import Findings
from layers.gazetteer import place_by_address
from layers.read import Reading, read_file
from layers.schema import LAYERS, Layer
from layers.tally import Tally, refuse

__all__ = ["IMPORTED", "ImportRecord", "Imported", "import_file", "imports", "undo_import"]

#: Layers that a file may be brought into. Units and buildings are what the split was made from: they want a new build.
IMPORTED = (
    "organizations", "facilities", "incidents", "estates", "roads", "barriers", "water", "green", "staff",
)  # fmt: skip
#: Layers of things that happened: a file never holds all of them, so none ends because a file lacks it.
_EVENTS = ("incidents",)
#: A file that lacks more than so many of the rows there are is asked about: it may hold a part only.
_MOST_ENDED = 0.5
#: Layers that coverage is made of.
_COVERS = ("facilities", "organizations", "roads", "barriers")
#: Layers that say where an address lies.
_KNOWN = ("streets", "communities", "estates", "roads", "buildings", "organizations", "facilities")
#: So many imports of a layer can be undone; of earlier ones only the record stays.
_UNDO = 20


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """One import: `code` counts from I000001; `rows` = `new` + `changed` + `unchanged` + `refused` + `merged`."""

    code: str
    layer: str
    file: str
    sha256: str
    by: str
    at: str
    rows: int
    new: int
    changed: int
    unchanged: int
    ended: int
    refused: int
    merged: int
    undone_at: str | None = None
    undone_by: str | None = None


@dataclass(frozen=True)
class Imported:
    """What an import did: its record, what was odd, where every row of the file went, and the file as read."""

    record: ImportRecord
    findings: Findings
    tally: Tally
    reading: Reading


def import_file(
    city: str | Path,
    layer: str,
    file: str | Path,
    *,
    by: str | None = None,
    datum: str | None = None,
    encoding: str | None = None,
    mapping: Mapping[str, str] | str | Path | None = None,
    source_layer: str | None = None,
    source_crs: str | None = None,
    kinds: str | Mapping[str, str] | None = None,
    complete: bool | None = None,
    dry_run: bool = False,
    name: str | None = None,
    within: Sequence[str] = ("",),
    strict: bool = True,
) -> Imported:
    """Bring a file into a layer of a built city.

    Parameters
    ----------
    city
        Store URL.
    layer
        One of `IMPORTED`.
    file
        Anything that `layers.read_layer` reads; the keywords are its own.
    by
        Who imports; None for the user of this machine.
    complete
        True where the file holds every row there is,
            so that rows it lacks are ended; False where it holds a part. None:
        it is taken for complete (not for incidents), unless it lacks more than half of the rows there are.
    dry_run
        Only say what would be done.
    name
        Name of the file as people know it, where it lies under another.
    within
        Area codes that the sender may change: rows elsewhere are refused, and nothing elsewhere changes or ends.
    strict
        Refuse ambiguous headings rather than take the first.

    Returns
    -------
    Imported

    Raises
    ------
    WrongCall
        A layer that no file is brought into, or a file that lacks so many rows that somebody must say whether it is
        complete.
    GridmapError
        What `read_layer` raises, `AmbiguousHeading` among it, and what the store does.
    """
    if layer not in IMPORTED:
        more = "; put the file in the city's folder and build again" if layer in LAYERS else ""
        raise WrongCall(f"no file is imported into {layer}; take one of {', '.join(IMPORTED)}{more}")
    path = Path(file)
    with open_store(city) as store:
        read = read_file(
            path, layer, datum=datum, encoding=encoding, mapping=mapping, source_layer=source_layer,
            source_crs=source_crs, kinds=kinds, crs=store.crs, strict=strict,
        )  # fmt: skip
        now = datetime.now(UTC)
        before = store.read(layer)
        read = _by_address(store, layer, read, within)
        frame, tally, own = _own(store, layer, before, read, within)
        changes = compare(before, frame, LAYERS[layer], day=now.date(),
            ends=layer not in _EVENTS and complete is not False, own=own)
        mine = before[own]
        living = int(mine[end].isna().sum()) if (end := end_of(LAYERS[layer])) in mine.columns else len(mine)
        if complete is None and len(changes.ended) > max(1, _MOST_ENDED * living):
            raise WrongCall(
                f"{path.name} lacks {len(changes.ended)} of the {living} {layer} there are; say whether it holds all "
                "of them (--complete: the others end) or a part (--partial: the others stay)"
            )
        after = _attached(store, layer, changes, read.findings)
        record = ImportRecord(
            code=_next_code(store), layer=layer, file=name or path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), by=by or _me(), at=now.isoformat(timespec="seconds"),
            rows=tally.rows, new=len(changes.new), changed=len(changes.changed), unchanged=changes.unchanged,
            ended=len(changes.ended), refused=len(tally.refused), merged=tally.merged + changes.merged,
        )  # fmt: skip
        if changes.steps and layer in _COVERS and store.count("coverage"):
            read.findings.add(
                layer, "coverage_stale", f"coverage and gaps are of before these {layer}",
                "marked so; gridmap cover makes them anew", file=path.name,
            )  # fmt: skip
        if not dry_run:
            _keep(store, record, after, changes)
            if changes.steps:
                _mark_stale(store, layer, record.code)
    return Imported(record, read.findings, tally, read)


def _by_address(store: Store, layer: str, read: Reading, within: Sequence[str]) -> Reading:
    """Things without coordinates placed by their address, where the city within the sender's areas knows it."""
    frame = read.frame
    if layer not in ATTACHED or "address" not in frame.columns or not frame.geometry.is_empty.any():
        return read
    kept = set(store.layers())
    known = {name: store.read(name, within=within) for name in _KNOWN if name in kept}
    placed, told = place_by_address({layer: frame}, known=known)
    for item in told:  # of this file, so that they come back with its rows
        read.findings.extend([replace(item, file=read.tally.file)])
    return replace(read, frame=placed.get(layer, frame))


def _own(
    store: Store, layer: str, before: Any, read: Reading, within: Sequence[str]
) -> tuple[Any, Tally, NDArray[np.bool_]]:
    """Rows of the file that its sender may bring in, the tally with the others refused, and rows that may change."""
    if whole_city(within):
        return read.frame, read.tally, np.ones(len(before), dtype=bool)
    units = store.read("micro_grids", as_of=datetime.now(UTC).date())
    if not len(units):
        raise MissingLayer("the city has no micro-grids; build it first")
    nearest_m = cover_settings(store).nearest_m
    own = own_rows(before, layer, within, units, nearest_m=nearest_m, kept=True)
    inside = own_rows(read.frame, layer, within, units, nearest_m=nearest_m)
    others = set(before["code"][~own].dropna()) if "code" in before.columns else set()
    out = tell_outside(read.frame, inside, others, layer, read.findings, read.tally.file)
    tally = refuse(read.tally, read.original, read.frame["source_row"][out].tolist(), read.findings)
    return read.frame[~out], tally, own


def imports(city: str | Path) -> pd.DataFrame:
    """Every import of a city, the latest first: the fields of `ImportRecord`."""
    with open_store(city) as store:
        table = pd.DataFrame(store.read("imports"))
    return table.sort_values("code", ascending=False).reset_index(drop=True)


def undo_import(
    city: str | Path, code: str | None = None, *, by: str | None = None, own: bool = False
) -> ImportRecord:
    """Take an import back: new rows go, changed and ended ones stand as before.

    Parameters
    ----------
    code
        Of the import; None for the latest that is not undone.
    own
        Only what `by` brought in may be taken back.

    Returns
    -------
    Its record, now with `undone_at`.

    Raises
    ------
    NotFound
        No such import, or none that can be undone.
    WrongCall
        A later import changed the same layer and is not undone, or the import is too old.
    NotYourArea
        Somebody else brought it in, and `own`.
    """
    with open_store(city) as store:
        table = pd.DataFrame(store.read("imports"))
        open_ = table[table["undone_at"].isna()] if len(table) else table
        if code is None and len(open_):
            code = str(open_["code"].max())
        if code is None or code not in set(open_["code"] if len(open_) else []):
            raise NotFound(f"there is no import {code or ''} to undo; list them with gridmap imports")
        row = table[table["code"] == code].iloc[0]
        layer = str(row["layer"])
        if own and row["by"] != by:
            raise NotYourArea(f"{code} was brought in by somebody else; ask them, or the administrator of the city")
        later = open_[(open_["layer"] == layer) & (open_["code"] > code)]["code"].tolist()
        if later:
            raise WrongCall(f"{layer} was imported again by {', '.join(later)}; undo those first, the latest first")
        steps = pd.DataFrame(store.read("import_rows"))
        steps = steps[steps["import"] == code]
        if len(steps) != int(row["new"] + row["changed"] + row["ended"]):
            raise WrongCall(f"{code} is too old to undo: only the last {_UNDO} imports keep what stood before")
        frame = _restored(store.read(layer), LAYERS[layer], steps)
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        mine = table["code"] == code
        table.loc[mine, ["undone_at", "undone_by"]] = [stamp, by or _me()]
        store.write_all([(layer, frame), ("imports", table), *_laid_again(store, layer, frame)])
        _count_rows(store, layer, len(frame))
        _mark_stale(store, layer, f"{code} undone")
    return _record(table[mine].iloc[0])


def _record(row: pd.Series) -> ImportRecord:
    values: dict[str,
        Any] = {name: (None if pd.isna(row[name]) else row[name]) for name in ImportRecord.__dataclass_fields__}
    whole = ("rows", "new", "changed", "unchanged", "ended", "refused", "merged")
    counts: dict[str, Any] = {name: int(row[name]) for name in whole}
    return ImportRecord(**{**values, **counts})


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _next_code(store: Store) -> str:
    table = store.read("imports")
    last = int(str(table["code"].max())[1:]) if len(table) else 0
    return f"I{last + 1:06d}"


def _attached(store: Store, layer: str, changes: Changes, findings: Findings) -> Any:
    """The layer after the import; things that are new or moved are attached to their micro-grids."""
    after = changes.after
    moved = np.flatnonzero(changes.touched.to_numpy(dtype=bool))
    if layer not in ATTACHED or not len(moved):
        return after
    units = store.read("micro_grids", as_of=datetime.now(UTC).date())
    if not len(units):
        raise MissingLayer("the city has no micro-grids; build it first")
    done = attach(after.iloc[moved], units, nearest_m=cover_settings(store).nearest_m)
    findings.extend(attach_findings(done, layer, units))
    for column in ("micro_grid", "grid", "community", "attached_by", "attach_distance_m"):
        whole = after[column].astype("object").copy() if column in after.columns else pd.Series(None, after.index,
            dtype="object")
        whole.iloc[moved] = done[column].astype("object").where(done[column].notna(), None).to_numpy()
        after = after.assign(**{column: whole.astype("float64" if column == "attach_distance_m" else "str")})
    return after


def _keep(store: Store, record: ImportRecord, after: Any, changes: Changes) -> None:
    """Layer, record and undo in one transaction; a file that changes nothing leaves the layer alone."""
    table = pd.concat([pd.DataFrame(store.read("imports")), pd.DataFrame([asdict(record)])], ignore_index=True)
    written: list[tuple[str, Any]] = [("imports", table)]
    if changes.steps:
        written += _laid_again(store, record.layer, after)
        steps = pd.DataFrame(
            [{"import": record.code, "layer": record.layer, **step} for step in changes.steps],
            columns=["import", "layer", "code", "step", "before"],
        )
        earlier = pd.DataFrame(store.read("import_rows"))
        keep = table[table["layer"] == record.layer]["code"].sort_values().tolist()[-_UNDO:]
        earlier = earlier[(earlier["layer"] != record.layer) | earlier["import"].isin(keep)]
        written += [(record.layer, after), ("import_rows", pd.concat([earlier, steps], ignore_index=True))]
    store.write_all(written)
    _count_rows(store, record.layer, len(after))


def _laid_again(store: Store, layer: str, after: Any) -> list[tuple[str, Any]]:
    """The border inbox and the overlaps, which are about several layers, made again with the new one."""
    units = store.read("micro_grids", as_of=datetime.now(UTC).date())
    if layer not in (*ATTACHED, *AREAS) or not len(units):
        return []
    kept = set(store.layers())
    layers = {name: store.read(name) for name in (*ATTACHED, *AREAS) if name in kept and name != layer}
    frames, _ = attach_layers({**layers, layer: after}, units, nearest_m=cover_settings(store).nearest_m)
    return [(name, frame) for name, frame in frames.items() if name in ("border_inbox", "overlaps")]


def _mark_stale(store: Store, layer: str, why: str) -> None:
    """Say in the store since which change its coverage is of yesterday; `cover_again` takes the mark away."""
    if layer in _COVERS and store.count("coverage"):
        store.set_meta(coverage_stale=f"{layer} {why}")


def _count_rows(store: Store, layer: str, count: int) -> None:
    """What `gridmap verify` holds the store to: no thing of the input is lost."""
    if layer in ATTACHED:
        came = json.loads(store.meta().get("rows_in", "{}"))
        store.set_meta(rows_in=json.dumps({**came, layer: count}, sort_keys=True))


def _restored(frame: Any, layer: Layer, steps: pd.DataFrame) -> Any:
    """The layer with the steps of an import taken back."""
    gone = set(steps["code"][steps["step"] == "new"])
    frame = frame[[key not in gone for key in keys_of(frame, layer)]].reset_index(drop=True)
    places = {key: at for at, key in enumerate(keys_of(frame, layer))}
    geometry = np.asarray(frame.geometry.array, dtype=object).copy() if isinstance(frame, gpd.GeoDataFrame) else None
    columns: dict[str, dict[int, Any]] = {}
    for _, step in steps[steps["step"] != "new"].iterrows():  # a thing each
        at = places[step["code"]]
        for column, value in json.loads(step["before"]).items():
            if column == "geometry":
                assert geometry is not None
                geometry[at] = shapely.from_wkb(value)
            else:
                columns.setdefault(column, {})[at] = value
    for column, values in columns.items():
        dtype = frame[column].dtype
        cells = frame[column].astype("object").copy()
        for at, value in values.items():
            cells.iloc[at] = pd.Timestamp(value) if value is not None and dtype.kind == "M" else value
        frame[column] = cells.astype(dtype)
    return frame if geometry is None else frame.set_geometry(geometry, crs=frame.crs)
