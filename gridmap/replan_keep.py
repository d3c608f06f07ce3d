"""A changed plan kept: micro-grids, cells, buildings, what is attached to them and covered, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.access.coverage import coverage
from gridmap.access.reasons import titles_of
from gridmap.access.walk import nearest_facilities
from gridmap.attaching import AREAS, ATTACHED, attach_layers
from gridmap.audit import note
from gridmap.covering import Frames, explained_gaps, walking_network
from gridmap.desk_settle import settle
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.cells import dissolve
from gridmap.micro_grids.codes import LENGTHS
from gridmap.micro_grids.levels import LEVELS
from gridmap.micro_grids.regroup import count_up
from gridmap.micro_grids.resplit import drawn_codes
from gridmap.micro_grids.sorts import grid_reasons
from gridmap.micro_grids.street_share import share_on_streets
from gridmap.norms import load_norms
from gridmap.of_today import read_today
from gridmap.replan_past import upper_past
from gridmap.replan_scope import LINES, bands_of, settings_of
from gridmap.rework import cover_settings
from gridmap.stores import Store
from gridmap.stores.sql_store import SqlStore
from layers.errors import StoreBusy
from layers.findings import Findings

__all__ = ["Outcome", "keep_outcome"]


@dataclass
class Outcome:
    """A changed plan of some micro-grids.

    `before` are the micro-grids that it puts others in place of; `cells` and `buildings` those on their ground; `band`
    the area whose band changed, with the new one; `day` the ISO day from which all of it holds.
    """

    before: gpd.GeoDataFrame
    micro_grids: gpd.GeoDataFrame
    cells: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    lineage: pd.DataFrame
    day: str
    band: tuple[str, Band] | None
    findings: Findings
    grid_band: Band | None = None


def keep_outcome(
    store: SqlStore, outcome: Outcome, *, version: str, within: str, by: str | None = None,
    also: Callable[[Store], None] | None = None,
) -> None:  # fmt: skip
    """Put a changed plan in place of the old one, all or nothing, with a note in the audit log.

    Parameters
    ----------
    store
        An open store.
    outcome
        What changed.
    version
        `data_version` of the store when it was read.
    within, by
        The area that was planned anew, and the account that keeps it; None for the user of this machine.
    also
        What else is written in the same transaction, told the store with the new plan in it.

    Raises
    ------
    StoreBusy
        Where somebody else changed the city meanwhile; nothing was written.
    """
    frames = _frames(store, outcome)
    facts = _facts(store, outcome, frames)
    with store.transaction():
        if store.meta().get("data_version", "") != version:
            raise StoreBusy(f"{store.title} was changed by somebody else meanwhile; start again from its present state")
        store.write_all(sorted(frames.items()))
        settle(store, nearest_m=cover_settings(store).nearest_m)  # what was reported meanwhile
        store.set_meta(**facts)
        if also is not None:
            also(store)
        note(
            store, "plan.adopt", by=by, area=within, day=outcome.day, micro_grids_before=len(outcome.before),
            micro_grids=len(outcome.micro_grids),
        )


def _facts(store: Store, outcome: Outcome, frames: Frames) -> dict[str, str]:
    lines = {name: store.read(name) for name in LINES}
    share = share_on_streets(gpd.GeoDataFrame(frames["cells"]), lines, settings_of(store).rules.places)
    facts = {
        "households_in": str(int(frames["micro_grids"]["households"].sum())), "street_share": f"{share:.4f}",
    }  # fmt: skip
    settings = json.loads(store.meta().get("settings", "{}"))
    if outcome.grid_band is not None:
        band = outcome.grid_band
        settings.setdefault("split", {})["grid_households"] = [band.low, band.target, band.high]
        facts["settings"] = json.dumps(settings, sort_keys=True)
    if outcome.band is not None:
        area, band = outcome.band
        numbers = [band.low, band.target, band.high]
        kept = {code: [b.low, b.target, b.high] for code, b in bands_of(store).items() if code}
        # a band for a whole area holds for every part of it
        kept = {code: value for code, value in kept.items() if not code.startswith(area)}
        if area:
            kept[area] = numbers
        else:
            settings.setdefault("split", {})["households"] = numbers
            facts["settings"] = json.dumps(settings, sort_keys=True)
        facts["bands"] = json.dumps(kept, sort_keys=True)
    return facts


def _frames(store: Store, outcome: Outcome) -> Frames:
    old = gpd.GeoDataFrame(store.read("micro_grids"))
    gone = set(outcome.before["code"])
    micro_grids = _joined(old[~old["code"].isin(gone)], outcome.micro_grids)
    micro_grids["locked"] = micro_grids["locked"].astype("boolean").fillna(False).astype(bool)
    cells, rows = gpd.GeoDataFrame(store.read("cells")), gpd.GeoDataFrame(store.read("buildings"))
    drawn = set(drawn_codes(outcome.before))
    outside = cells[~cells["micro_grid"].isin(drawn)]
    frames: Frames = {"micro_grids": micro_grids, "cells": _joined(outside, outcome.cells)}
    frames["buildings"] = _joined(rows[rows["cell"].isin(outside["code"])], outcome.buildings)
    grids_moved = _grids_moved(cells, frames["cells"])
    frames |= _upper(store, frames, grids_moved, outcome)
    changed = _changed(outcome)
    frames |= _attached(store, micro_grids)
    same_homes = _same_homes(rows, frames["buildings"])
    frames |= _covered(store, changed, frames, everything=not same_homes)
    frames |= _past(store, outcome) | upper_past(store, frames, outcome.day)
    if len(outcome.findings):
        told = pd.concat([store.read("findings"), outcome.findings.to_frame()], ignore_index=True)
        frames["findings"] = told.drop_duplicates(ignore_index=True)
    return frames


def _joined(kept: gpd.GeoDataFrame, new: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    both = pd.concat([kept, new], ignore_index=True) if len(kept) else new
    return gpd.GeoDataFrame(both, geometry="geometry", crs=new.crs).sort_values("code", ignore_index=True)


def _changed(outcome: Outcome) -> set[str]:
    """Codes of the micro-grids, old and new, whose ground or households are not what they were."""
    same = outcome.micro_grids.merge(outcome.before, on="code", suffixes=("", "_old"))
    ground = shapely.equals_exact(same.geometry.to_numpy(), np.asarray(same["geometry_old"], dtype=object), 1e-9)
    alike = ground & (same["households"] == same["households_old"]).to_numpy(dtype=bool)
    quiet = set(same["code"][alike])
    return (set(outcome.before["code"]) | set(outcome.micro_grids["code"])) - quiet


def _same_homes(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> bool:
    """Whether the same buildings stand where they stood: then gaps in service are what they were."""
    columns = ["code", "households"]
    if len(before) != len(after):
        return False
    left = before.sort_values("code", ignore_index=True)
    right = after.sort_values("code", ignore_index=True)
    return all((left[name].fillna(-1) == right[name].fillna(-1)).all() for name in columns)


def _grids_moved(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> set[str]:
    """Grids with cells that are new, gone, of other shape or of another grid than before."""
    both = after[["code", "micro_grid", "geometry"]].merge(
        before[["code", "micro_grid", "geometry"]], on="code", how="outer", suffixes=("", "_old")
    )
    grid, old = both["micro_grid"].str[:15], both["micro_grid_old"].str[:15]
    shapes = [np.asarray(both[name], dtype=object) for name in ("geometry", "geometry_old")]
    same = (grid == old).to_numpy(dtype=bool) & shapely.equals_exact(shapes[0], shapes[1], 1e-9)
    return set(grid[~same].dropna()) | set(old[~same].dropna())


def _upper(store: Store, frames: Frames, grids_moved: set[str], outcome: Outcome) -> Frames:
    """Units above the micro-grids with figures as they are now."""
    micro_grids, rows = frames["micro_grids"], frames["buildings"]
    drawn = micro_grids[~drawn_codes(micro_grids).duplicated()]
    found: Frames = {}
    for level in LEVELS[:-1]:
        units = store.read(level)
        if not len(units):
            continue
        if level == "grids":
            units = _grids_there(gpd.GeoDataFrame(units), gpd.GeoDataFrame(drawn), outcome.day)
        own = rows["micro_grid"].str[: LENGTHS[level]]
        place = pd.Series(np.arange(len(units)), index=units["code"].to_numpy())
        sums = count_up(rows, place.reindex(own).to_numpy(dtype=np.int64), len(units))
        units = units.assign(households=sums["households"].to_numpy())
        if "residents" in sums and sums["residents"].notna().any():
            units["residents"] = sums["residents"].array
        if level == "grids":
            units["buildings"] = sums["buildings"].to_numpy()
            units = _grids(store, gpd.GeoDataFrame(units), gpd.GeoDataFrame(drawn), grids_moved, outcome)
        found[level] = units
    for level, below in zip(LEVELS[-3::-1], LEVELS[-2:0:-1], strict=True):
        if level in found and below in found and grids_moved:
            found[level] = _filled(found[level], found[below], {code[: LENGTHS[level]] for code in grids_moved})
    return found


def _filled(units: gpd.GeoDataFrame, below: gpd.GeoDataFrame, moved: set[str]) -> gpd.GeoDataFrame:
    """Units whose border may have got a vertex, drawn as what lies in them: a bend of a millimetre goes along."""
    inside = below[below["parent"].isin(moved)]
    if not len(inside):
        return units
    names, number = np.unique(inside["parent"].to_numpy(dtype=object).astype(str), return_inverse=True)
    areas = dict(zip(names.tolist(), dissolve(inside.geometry.to_numpy(), number.ravel()), strict=True))
    shapes = [areas.get(code, shape) for code, shape in zip(units["code"], units.geometry, strict=True)]
    return units.set_geometry(gpd.GeoSeries(shapes, index=units.index, crs=units.crs))


def _grids_there(grids: gpd.GeoDataFrame, drawn: gpd.GeoDataFrame, day: str) -> gpd.GeoDataFrame:
    """The grids that have micro-grids now: rows of those that ended left out, rows for new ones added."""
    kept = grids[grids["code"].isin(drawn["parent"])]
    new = sorted(set(drawn["parent"]) - set(grids["code"]))
    if not new:
        return kept.reset_index(drop=True)
    rows = pd.DataFrame({"code": new, "derived": True, "kind": "base", "valid_from": day})
    rows["parent"], rows["name"] = rows["code"].str[:12], [f"第{int(code[-3:])}网格" for code in new]
    shapes = [drawn.geometry[drawn["parent"] == code].iloc[0] for code in new]
    both = pd.concat([kept, gpd.GeoDataFrame(rows, geometry=shapes, crs=grids.crs)], ignore_index=True)
    return gpd.GeoDataFrame(both, geometry="geometry", crs=grids.crs).sort_values("code", ignore_index=True)


def _grids(
    store: Store, grids: gpd.GeoDataFrame, drawn: gpd.GeoDataFrame, moved: set[str], outcome: Outcome
) -> gpd.GeoDataFrame:
    rules = settings_of(store).rules
    if outcome.grid_band is not None:
        rules = replace(rules, grids=outcome.grid_band)
    if moved:
        chosen = drawn[drawn["parent"].isin(moved)]
        names, number = np.unique(chosen["parent"].to_numpy(dtype=object).astype(str), return_inverse=True)
        areas = dict(zip(names.tolist(), dissolve(chosen.geometry.to_numpy(), number.ravel()), strict=True))
        shapes = [areas.get(code, shape) for code, shape in zip(grids["code"], grids.geometry, strict=True)]
        grids = grids.set_geometry(gpd.GeoSeries(shapes, index=grids.index, crs=grids.crs))
        area, around = grids.geometry.area, grids.geometry.length
        grids["area_m2"] = area.round(2)
        grids["compactness"] = (4.0 * np.pi * area / around.clip(lower=1e-9) ** 2).round(4)
    loads = [int(count) for count in grids["households"]]
    grids["within_band"] = [rules.grids.holds(count) for count in loads]
    derived = grids["derived"].astype("boolean").fillna(False).astype(bool).tolist()
    said = grid_reasons(loads, derived, rules.grids).set_axis(grids.index)
    # What is no base grid says what it is.
    own = grids["kind"].isin(["special", "village"]) & grids["reason"].notna() & said["reason"].notna()
    grids[["reason", "reason_zh"]] = said.where(~own, grids[["reason", "reason_zh"]])
    return grids


def _attached(store: Store, micro_grids: gpd.GeoDataFrame) -> Frames:
    """What moved borders touch, attached again; what was placed by hand stays where it is as long as that exists."""
    there = set(store.layers())
    layers = {name: store.read(name) for name in dict.fromkeys((*ATTACHED, *AREAS)) if name in there}
    before = gpd.GeoDataFrame(store.read("micro_grids"))
    return attach_layers(layers, micro_grids, nearest_m=cover_settings(store).nearest_m, before=before)[0]


def _covered(store: Store, changed: set[str], frames: Frames, *, everything: bool) -> Frames:
    """Coverage of the changed micro-grids by the norms that it was computed with; gaps too where homes changed."""
    table, layers = store.read("coverage"), read_today(store, ("facilities", "roads", "barriers", "water", "gates"))
    facilities = layers["facilities"]
    if not len(table) or not isinstance(facilities, gpd.GeoDataFrame) or not len(facilities):
        return {}
    norms: Mapping[str, float] = dict(zip(table["kind"], table["norm_m"].astype(float), strict=True))
    settings = cover_settings(store)
    micro_grids, rows = frames["micro_grids"], gpd.GeoDataFrame(frames["buildings"])
    codes = set(micro_grids["code"]) if everything else changed & set(micro_grids["code"])
    placed = facilities[~(facilities.geometry.isna() | facilities.geometry.is_empty)]
    placed = placed[placed["kind"].isin(norms)]
    homes = rows if everything else rows[rows["micro_grid"].isin(codes)].reset_index(drop=True)
    network = walking_network(layers, Findings())
    metres, which = nearest_facilities(homes, placed, network, limit_m=settings.limit_m)
    units = micro_grids[micro_grids["code"].isin(codes)]
    fresh = coverage(units, homes, metres, norms, nearest=which)
    verified = table.drop_duplicates("kind").set_index("kind")["verified"]
    fresh["verified"] = verified.reindex(fresh["kind"]).to_numpy()
    alive = table[table["micro_grid"].isin(set(micro_grids["code"]) - codes)]
    both = pd.concat([alive, fresh], ignore_index=True) if len(alive) else fresh
    found: Frames = {"coverage": both.sort_values(["micro_grid", "kind"], ignore_index=True)}
    if everything:
        outline = gpd.GeoDataFrame(frames["districts"]).geometry.union_all()
        found["gaps"] = explained_gaps(
            rows, placed, network, metres, which, norms, titles=titles_of(load_norms()), merge_m=settings.gap_merge_m,
            outline=outline,
        )
    return found


def _past(store: Store, outcome: Outcome) -> Frames:
    """The lineage, and the rows of the micro-grids that ended or are not what they were, valid to the day before."""
    lineage = outcome.lineage.copy()
    lineage["community"] = lineage["new_code"].fillna(lineage["old_code"]).str[:12]
    found: Frames = {}
    if len(lineage):
        kept = store.read("lineage")
        found["lineage"] = pd.concat([kept, lineage], ignore_index=True) if len(kept) else lineage
    now = outcome.micro_grids.set_index("code")["valid_from"]
    before = outcome.before
    on = now.reindex(before["code"]).to_numpy(dtype=object) == outcome.day
    ended = ~before["code"].isin(now.index).to_numpy()
    began_today = (before["valid_from"] == outcome.day).to_numpy(dtype=bool)
    past = before[(on | ended) & ~began_today]
    if len(past):
        day = (date.fromisoformat(outcome.day) - timedelta(days=1)).isoformat()
        past = past.assign(valid_to=day)
        kept = store.read("micro_grids_history")
        both = pd.concat([kept, past], ignore_index=True) if len(kept) else past
        found["micro_grids_history"] = gpd.GeoDataFrame(both, geometry="geometry", crs=before.crs)
    return found
