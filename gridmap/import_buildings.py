"""A register of buildings brought into a built city: its plan follows by the splitter's own rules for change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.import_match import Changes, compare, end_of, matches
from gridmap.import_record import Imported, asked_whether_complete, new_record, with_record, with_steps
from gridmap.import_scope import own_rows, tell_outside, whole_city
from gridmap.import_steps import standing, steps_between
from gridmap.micro_grids.patch import whole_buildings
from gridmap.replan import split_again
from gridmap.replan_scope import as_areas
from gridmap.rework import cover_settings
from gridmap.stores import Store, open_store
from layers.read import Reading, read_file
from layers.rows import tell_rows
from layers.schema import LAYERS, Layer
from layers.tally import Tally, refuse

__all__ = ["import_buildings"]

#: A point of a register that lies so near to a known footprint says the same place less well, metres.
_NEAR_M = 30.0
#: What the split made of buildings, which no file says.
_MADE = ("part", "part_of", "unit_no", "floor_from", "floor_to", "micro_grid", "grid", "community", "cell")


def import_buildings(
    city: str | Path,
    path: Path,
    *,
    reading: Mapping[str, Any],
    by: str | None,
    complete: bool | None,
    dry_run: bool,
    name: str | None,
    within: Sequence[str],
) -> Imported:
    """Bring a file of buildings into a city; see `gridmap.importing.import_file`.

    Buildings are matched by code, else by name and place. A row without a place, or a point within 30 m of the known
    footprint, changes the other columns and leaves the footprint; an empty number of households leaves the known one,
    and that of a new building is estimated as at the build. What changed goes through `gridmap.replan.split_again`
    with the old plan kept: the ground of new and changed buildings is cut anew, households are counted anew, and only
    micro-grids that are out of their band are mended. The file, the plan and the record are kept in one transaction.

    Returns
    -------
    Imported
    """
    with open_store(city) as store:
        read = read_file(path, "buildings", crs=store.crs, unplaced=True, **reading)
        now = datetime.now(UTC)
        rows = as_areas(store, "buildings")
        unit_of = _units(rows)
        spec = _dated(LAYERS["buildings"])
        before = whole_buildings(rows)
        ground = shapely.union_all(as_areas(store, "cells").geometry.to_numpy())
        frame, tally, own = _usable(store, before, read, within, ground, spec)
        changes = compare(before, frame, spec, day=now.date(), ends=complete is not False, own=own)
        asked_whether_complete(before[own], len(changes.ended), complete, path, "buildings")
        record = new_record(store, "buildings", path, tally, changes, name=name, by=by)
        stood = standing(store) if changes.steps and not dry_run else {}
    done = Imported(record, read.findings, tally, read)
    if changes.steps:
        read.findings.add(
            "buildings", "plan_follows", f"{len(changes.steps)} buildings are new, changed or ended",
            "households of their micro-grids are counted anew; borders change only where a band is broken",
            level="note", file=path.name,
        )  # fmt: skip
    if dry_run:
        return done
    if not changes.steps:
        with open_store(city) as store:
            store.write_all([with_record(store, record)])
        return done
    living, past = _after(changes, before, unit_of, now.date())

    def keep(store: Store) -> None:
        """In the transaction of the plan: buildings that were, the record, and what leads back."""
        kept = store.read("buildings_history")
        both = [part for part in (kept, past) if len(part)]
        if both:
            history = gpd.GeoDataFrame(pd.concat(both, ignore_index=True), geometry="geometry", crs=past.crs)
            store.write_all([("buildings_history", history)])
        back = steps_between(stood, standing(store))
        said = [{**step, "layer": "buildings", "before": None} for step in changes.steps]
        store.write_all([with_steps(store, record, [*said, *back]), with_record(store, record)])

    again = split_again(city, within=_common(within), keep_old=True, buildings=living, also=keep)
    read.findings.extend(again.findings)
    return done


def _dated(layer: Layer) -> Layer:
    """The layer with an end, which in the store stands in `buildings_history`."""
    end = LAYERS["buildings_history"].column("valid_to")
    assert end is not None
    return replace(layer, columns=(*layer.columns, end))


def _usable(
    store: Store, before: gpd.GeoDataFrame, read: Reading, within: Sequence[str], ground: shapely.Geometry, spec: Layer
) -> tuple[gpd.GeoDataFrame, Tally, NDArray[np.bool_]]:
    """Rows that can be brought in, with what the city knows of them; the tally of the others; rows that may change."""
    frame = gpd.GeoDataFrame(read.frame)
    frame = frame.drop(columns=[column for column in _MADE if column in frame.columns]).reset_index(drop=True)
    own = np.ones(len(before), dtype=bool)
    units = as_areas(store, "micro_grids")
    nearest_m = cover_settings(store).nearest_m
    if not whole_city(within):
        own = own_rows(before, "buildings", within, units, nearest_m=nearest_m)
    if "code" not in frame.columns:
        frame = frame.assign(code=pd.Series(None, index=frame.index, dtype="str"))
    frame = _as_known(before, frame, matches(before, frame, spec, own))
    file = read.tally.file

    def tell(mask: NDArray[np.bool_], rule: str, what: str) -> None:
        tell_rows(
            read.findings, "buildings", rule, what, "row left out", frame["source_row"][mask],
            codes=frame["code"][mask], level="error", file=file,
        )  # fmt: skip

    shapes = np.asarray(frame.geometry.array, dtype=object)
    nowhere = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    tell(nowhere, "no_geometry", "no place, and no building of the city has its code or its name")
    shapely.prepare(ground)
    beyond = ~nowhere & ~shapely.intersects(ground, shapely.point_on_surface(shapes))
    tell(beyond, "outside_outline", "lies outside the outline of the city")
    out = nowhere | beyond
    if not whole_city(within):
        inside = own_rows(frame, "buildings", within, units, nearest_m=nearest_m)
        theirs = set(before["code"][~own].dropna())
        out |= tell_outside(frame, inside | out, theirs, "buildings", read.findings, file)
    tally = refuse(read.tally, read.original, frame["source_row"][out].tolist(), read.findings)
    return gpd.GeoDataFrame(frame[~out]), tally, own


def _as_known(before: gpd.GeoDataFrame, frame: gpd.GeoDataFrame, match: NDArray[np.int64]) -> gpd.GeoDataFrame:
    """Rows of the file with the footprint and the households that the city knows, where they say less."""
    known = np.flatnonzero(match >= 0)
    rows = match[known]
    shapes = np.array(frame.geometry.array, dtype=object)
    old = before.geometry.to_numpy()[rows]
    point = shapely.get_dimensions(shapes[known]) == 0
    near = shapely.is_empty(shapes[known]) | (point & (shapely.distance(shapes[known], old) <= _NEAR_M))
    shapes[known[near]] = old[near]
    frame = frame.set_geometry(shapes, crs=frame.crs)
    if "households" not in frame.columns:
        return frame
    said = frame["households"].astype("Int64")
    before_n = before["households"].astype("Int64").to_numpy()[rows]
    full = said.copy()
    full.iloc[known] = said.iloc[known].fillna(pd.Series(before_n, index=said.index[known]))
    basis = frame["households_basis"] if "households_basis" in frame.columns else pd.Series(None, index=frame.index)
    basis = basis.astype("object").where(basis.notna(), None)
    same = (full.iloc[known].to_numpy() == before_n).astype(bool)
    was = before["households_basis"].astype("object").to_numpy()[rows]
    given = basis.iloc[known].to_numpy(dtype=object)
    given = np.where(same, was, np.where(pd.isna(given), "given", given))
    basis.iloc[known] = given
    return frame.assign(households=full, households_basis=basis.astype("str"))


def _after(
    changes: Changes, before: gpd.GeoDataFrame, unit_of: pd.Series, day: date
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Buildings that stand now, and rows of the past: what ended and what was other, valid to the day before."""
    after = gpd.GeoDataFrame(changes.after)
    end = str(end_of(_dated(LAYERS["buildings"])))
    living = after[after[end].isna()].drop(columns=end).reset_index(drop=True)
    changed = living["code"].isin(changes.changed)
    living["valid_from"] = pd.to_datetime(living["valid_from"]).mask(changed, pd.Timestamp(day))
    eve = pd.Timestamp(day - timedelta(days=1))
    past = before[before["code"].isin([*changes.changed, *changes.ended])].reset_index(drop=True)
    unit = past["code"].map(unit_of).astype("object")
    past = past.assign(
        micro_grid=unit.astype("str"), grid=unit.str[:15].astype("str"), community=unit.str[:12].astype("str"),
        **{end: pd.Series(eve, index=past.index, dtype="datetime64[ms]")},
    )  # fmt: skip
    living["valid_from"] = living["valid_from"].astype("datetime64[ms]")
    return living, past


def _units(rows: gpd.GeoDataFrame) -> pd.Series:
    """Code of a whole building -> the micro-grid of its first part."""
    owner = rows["part_of"].where(rows["part_of"].notna(), rows["code"])
    return rows["micro_grid"].groupby(owner.to_numpy()).first()


def _common(within: Sequence[str]) -> str:
    """The smallest area of the code system that holds all of some."""
    first, last = min(within), max(within)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: max((digits for digits in (0, 6, 9, 12, 15) if digits <= same), default=0)]
