"""A file brought into a built city, again and again: what is new, changed, unchanged or gone, and how to take it back.

Rows are matched by code, else by name and place. A row that a newer file no longer has is ended (`valid_to`), never
deleted. Each import is a record with what stood before, so that it can be undone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.attaching import AREAS, ATTACHED, attach_layers
from gridmap.audit import note
from gridmap.desk_settle import settle
from gridmap.import_buildings import import_buildings
from gridmap.import_levels import import_level
from gridmap.import_match import Changes, compare, keys_of
from gridmap.import_places import Places, settle_places
from gridmap.import_record import (
    UNDO,
    Imported,
    ImportRecord,
    asked_whether_complete,
    me,
    new_record,
    record_of,
    with_record,
    with_steps,
)
from gridmap.import_scope import own_rows, tell_outside, whole_city
from gridmap.import_steps import put_back
from gridmap.micro_grids.attach import attach, attach_findings
from gridmap.rework import cover_as_before, cover_settings
from gridmap.stores import Store, open_store
from gridmap.stores.history import HISTORY
from gridmap.stores.incident_log import reports_at_desk
from layers.errors import MissingLayer, NotFound, NotYourArea, WrongCall
from layers.findings import Findings
from layers.read import Reading, read_file
from layers.schema import LAYERS, Layer
from layers.tally import Tally, refuse

__all__ = ["IMPORTED", "ImportRecord", "Imported", "import_file", "imports", "undo_import"]

#: Layers that a file may be brought into.
IMPORTED = (
    "organizations", "facilities", "incidents", "buildings", "estates", "roads", "barriers", "water", "green", "staff",
    *HISTORY,
)  # fmt: skip
#: Layers of things that happened: a file never holds all of them, so none ends because a file lacks it.
_EVENTS = ("incidents",)
#: Layers that coverage is made of.
_COVERS = ("facilities", "organizations", "roads", "barriers", "water", "buildings")
#: Steps that count in a record; others hold what stood before.
_STEPS = ("new", "changed", "ended")


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
    ignore: Sequence[str] = (),
    places: Places | None = None,
    cover: bool = True,
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
        True where the file holds every row there is, so that rows it lacks are ended; False where it holds a part;
        units never end. None: it is taken for complete (not for incidents), unless it lacks more than half of the rows
        there are.
    dry_run
        Only say what would be done.
    name
        Name of the file as people know it, where it lies under another.
    within
        Area codes that the sender may change: rows elsewhere are refused, and nothing elsewhere changes or ends.
    strict
        Refuse ambiguous headings rather than take the first.
    ignore
        Headings whose columns are left out.
    places
        {row of the file: (longitude, latitude)} in WGS 84, for organizations, facilities and incidents without
        coordinates that a person places; kept as `placed_by` = manual, also when the file comes again.
    cover
        Make coverage and gaps anew where they are made of this layer; without it they are marked stale.

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
    reading = {
        "datum": datum, "encoding": encoding, "mapping": mapping, "source_layer": source_layer,
        "source_crs": source_crs, "kinds": kinds, "strict": strict, "ignore": ignore,
    }  # fmt: skip
    how: dict[str, Any] = {"reading": reading, "by": by, "dry_run": dry_run, "name": name, "within": within}
    if places and layer not in ATTACHED:
        raise WrongCall(f"places by hand are for {', '.join(ATTACHED)}, not for {layer}")
    if layer in HISTORY:
        done = import_level(city, layer, path, **how)
    elif layer == "buildings":
        done = import_buildings(city, path, complete=complete, **how)
    else:
        done = _import_things(city, layer, path, complete=complete, places=places or {}, **how)
    if not dry_run:
        _note(city, "import.done", done.record, by, within)
    changed = done.record.new + done.record.changed + done.record.ended
    if changed and layer in _COVERS:
        _cover(city, layer, done.record.code, done.findings, path.name, later=not cover or dry_run, told=not dry_run)
    return done


def _import_things(
    city: str | Path, layer: str, path: Path, *, reading: Mapping[str, Any], by: str | None, complete: bool | None,
    dry_run: bool, name: str | None, within: Sequence[str], places: Places,
) -> Imported:  # fmt: skip
    """A file of things that lie in the plan, or that it does not hang on."""
    with open_store(city) as store:
        read = read_file(path, layer, crs=store.crs, **reading)
        before = store.read(layer)
        read = settle_places(store, layer, before, read, places=places, within=within)
        frame, tally, own = _own(store, layer, before, read, within)
        changes = compare(before, frame, LAYERS[layer], day=datetime.now(UTC).date(),
            ends=layer not in _EVENTS and complete is not False, own=own)
        asked_whether_complete(before[own], len(changes.ended), complete, path, layer)
        after = _attached(store, layer, changes, read.findings)
        record = new_record(store, layer, path, tally, changes, name=name, by=by)
        if not dry_run:
            _keep(store, record, after, changes)
    return Imported(record, read.findings, tally, read)


def _cover(
    city: str | Path, layer: str, code: str, findings: Findings, file: str, *, later: bool, told: bool
) -> None:
    """Coverage made anew after a change, or marked as of yesterday where that is left for later."""
    with open_store(city) as store:
        if not store.count("coverage"):
            return
        if later:
            if told:
                store.set_meta(coverage_stale=f"{layer} {code}")
            findings.add(
                layer, "coverage_stale", f"coverage and gaps are of before these {layer}",
                "made anew after the import, or with gridmap cover", level="note", file=file,
            )  # fmt: skip
            return
        store.set_meta(coverage_stale=f"{layer} {code}")  # until it is made: whoever is cut off leaves the mark
    cover_as_before(city)


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
    city: str | Path, code: str | None = None, *, by: str | None = None, own: bool = False, cover: bool = True
) -> ImportRecord:
    """Take an import back: new rows go, changed and ended ones stand as before.

    Parameters
    ----------
    code
        Of the import; None for the latest that is not undone.
    own
        Only what `by` brought in may be taken back.
    cover
        Make coverage anew, as for `import_file`.

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
        did = open_[["new", "changed", "ended"]].sum(axis=1) > 0  # what changed nothing is in nobody's way
        later = open_[(open_["layer"] == layer) & (open_["code"] > code) & did]["code"].tolist()
        if later:
            raise WrongCall(f"{layer} was imported again by {', '.join(later)}; undo those first, the latest first")
        steps = pd.DataFrame(store.read("import_rows"))
        steps = steps[steps["import"] == code]
        if steps["step"].isin(_STEPS).sum() != int(row["new"] + row["changed"] + row["ended"]):
            raise WrongCall(f"{code} is too old to undo: only the last {UNDO} imports keep what stood before")
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        mine = table["code"] == code
        table.loc[mine, ["undone_at", "undone_by"]] = [stamp, by or me()]
        if layer in HISTORY or layer == "buildings":
            _put_plan_back(store, steps, table)
        else:
            _put_things_back(store, layer, steps, table)
    if layer in _COVERS:
        _cover(city, layer, f"{code} undone", Findings(), "", later=not cover, told=True)
    record = record_of(table[mine].iloc[0])
    _note(city, "import.undone", record, by)
    return record


def _note(
    city: str | Path, what: str, record: ImportRecord, by: str | None, within: Sequence[str] = ("",)
) -> None:  # fmt: skip
    """Write an import to the audit log."""
    with open_store(city) as store:
        note(
            store, what, by=by, area=",".join(within), code=record.code, layer=record.layer, file=record.file,
            sha256=record.sha256, rows=record.rows, refused=record.refused,
        )


def _put_things_back(store: Store, layer: str, steps: pd.DataFrame, table: pd.DataFrame) -> None:
    frame = _restored(store.read(layer), LAYERS[layer], steps)
    store.write_all([(layer, frame), ("imports", table), *_laid_again(store, layer, frame)])
    _count_rows(store, layer)


def _put_plan_back(store: Any, steps: pd.DataFrame, table: pd.DataFrame) -> None:
    """The plan as it stood, with what is attached to it, in one transaction."""
    if not len(steps):
        store.write("imports", table)
        return
    with store.transaction():
        frames, facts = put_back(store, steps)
        before = gpd.GeoDataFrame(store.read("micro_grids"))
        store.write_all([*frames, ("imports", table)])
        store.set_meta(**facts)
        kept = set(store.layers())
        layers = {name: store.read(name) for name in dict.fromkeys((*ATTACHED, *AREAS)) if name in kept}
        units = gpd.GeoDataFrame(store.read("micro_grids"))
        attached, _ = attach_layers(layers, units, nearest_m=cover_settings(store).nearest_m, before=before)
        store.write_all(sorted(attached.items()))


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
    written: list[tuple[str, Any]] = [with_record(store, record)]
    if changes.steps:
        written += _laid_again(store, record.layer, after)
        written += [(record.layer, after), with_steps(store, record, changes.steps)]
    store.write_all(written)
    _count_rows(store, record.layer)


def _laid_again(store: Store, layer: str, after: Any) -> list[tuple[str, Any]]:
    """The border inbox and the overlaps, which are about several layers, made again with the new one."""
    units = store.read("micro_grids", as_of=datetime.now(UTC).date())
    if layer not in (*ATTACHED, *AREAS) or not len(units):
        return []
    kept = set(store.layers())
    layers = {name: store.read(name) for name in (*ATTACHED, *AREAS) if name in kept and name != layer}
    frames, _ = attach_layers({**layers, layer: after}, units, nearest_m=cover_settings(store).nearest_m)
    return [(name, frame) for name, frame in frames.items() if name in ("border_inbox", "overlaps")]


def _count_rows(store: Any, layer: str) -> None:
    """What `gridmap verify` holds the store to: no thing of the input is lost."""
    if layer in ATTACHED:
        came = json.loads(store.meta().get("rows_in", "{}"))
        if layer == "incidents":
            settle(store, nearest_m=cover_settings(store).nearest_m)  # what was reported meanwhile
        with store.snapshot():
            count = store.count(layer) - (reports_at_desk(store) if layer == "incidents" else 0)
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
