"""A built city split again, or edited by hand, over its store: one transaction, codes and leaders kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from gridmap.micro_grids.band import Band, as_band
from gridmap.micro_grids.households import fill_households
from gridmap.micro_grids.lineage import lineage_of
from gridmap.micro_grids.moves import compare, move_list
from gridmap.micro_grids.obstacles import Feasible, wish_of_plan
from gridmap.micro_grids.patch import whole_buildings
from gridmap.micro_grids.regrid import Regrid
from gridmap.micro_grids.resplit import resplit
from gridmap.progress import Progress, silent
from gridmap.replan_keep import Outcome, keep_outcome
from gridmap.replan_scope import (
    Scope,
    as_areas,
    band_of,
    codes_ever,
    has_own_bands,
    read_scope,
    settings_of,
    with_locks,
)
from gridmap.stores import Store, open_store
from layers.errors import CrsMismatch, WrongCall
from layers.findings import Findings
from layers.text import cell_text

__all__ = ["Replanned", "judged_as_before", "set_locks", "split_again", "today"]

#: What is said of a micro-grid beside a band.
JUDGED = ("within_band", "reason", "reason_zh", "wish_reason", "wish_reason_zh")


@dataclass
class Replanned:
    """What a re-split did, or would do: figures of both plans, the move list, and the micro-grids before and after.

    `wish` says what keeps the new plan out of its band, and the nearest band that it keeps.
    """

    city: str
    within: str
    kept_old: bool
    written: bool
    figures: dict[str, Any]
    moves: pd.DataFrame
    before: gpd.GeoDataFrame
    after: gpd.GeoDataFrame
    lineage: pd.DataFrame
    findings: Findings
    wish: Feasible
    buildings: gpd.GeoDataFrame

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: figures, moves, lineage."""
        return {
            "city": self.city, "within": self.within, "kept_old": self.kept_old, "written": self.written,
            **self.figures, "nearest_wish": self.wish.to_dict(),
            "moves": json.loads(self.moves.to_json(orient="records", force_ascii=False)),
            "lineage": json.loads(self.lineage.to_json(orient="records", force_ascii=False)),
            "findings": self.findings.counts(),
        }  # fmt: skip

    def write_moves(self, path: str | Path) -> None:
        """The move list as CSV that Excel and WPS open: UTF-8 with a mark, formulas made harmless."""
        table = self.moves.copy()
        for column in table.select_dtypes(include=["object", "string"]):
            table[column] = table[column].map(cell_text, na_action="ignore")
        Path(path).write_bytes(table.to_csv(index=False).encode("utf-8-sig"))


def today() -> str:
    """The day of now in UTC, as ISO text."""
    return datetime.now(UTC).date().isoformat()


def split_again(
    city: str | Path,
    *,
    level: str = "micro_grids",
    within: str = "",
    households: Band | Sequence[int] | None = None,
    keep_old: bool = False,
    dry_run: bool = False,
    lock: Collection[str] = (),
    unlock: Collection[str] = (),
    buildings: gpd.GeoDataFrame | None = None,
    day: str | None = None,
    progress: Progress = silent,
    also: Callable[[Store], None] | None = None,
) -> Replanned:
    """Split the micro-grids of a city again.

    Parameters
    ----------
    city
        Store URL.
    level
        `micro_grids`, or `grids`: then the derived grids of each community are planned again first, and the band is
        theirs. Given grids stay.
    within
        Code of the district, street, community or grid to split; "" for the whole city. All else stays.
    households
        Min, target and max in place of the city's own; kept for the next time.
    keep_old
        Change as little as possible: only micro-grids that are out of order and their neighbours are mended. Without
        it every grid is planned anew, and a micro-grid keeps its code where half of its households stay together.
    dry_run
        Compute everything and write nothing.
    lock, unlock
        Codes of micro-grids that no re-split and no edit may change, from now on or no longer.
    buildings
        The buildings as they are now, one row each with `code`, in the store's CRS; None where the households in the
        store's own layer were changed.
    day
        ISO day from which the new plan holds; today without it.
    progress
        Told what is being done.
    also
        What else is written in the same transaction as the plan.

    Returns
    -------
    Replanned

    Raises
    ------
    MissingLayer
        Where the city has no cells: it was built by an older gridmap.
    NotFound
        Where `within`, or a code to lock, is no unit of the city.
    StoreBusy
        Where the city was changed by somebody else meanwhile.
    """
    day = date.fromisoformat(day).isoformat() if day is not None else today()
    with open_store(city) as store:
        version = store.meta().get("data_version", "")
        progress("reading", 0.05)
        scope = read_scope(store, within, lock=lock, unlock=unlock)
        settings = settings_of(store)
        old_band = band_of(store, within)
        given_band = None if households is None else as_band(households)
        band = old_band if given_band is None or level == "grids" else given_band
        grids = _grids_asked(store, scope, within, given_band) if level == "grids" else None
        same_band = band == old_band and not has_own_bands(store, within)
        progress("splitting again", 0.2)
        found = resplit(
            scope.cells, scope.buildings, scope.micro_grids, layers=scope.lines,
            rules=replace(settings.rules, micro_grids=band), wanted=_as_they_are(scope, buildings), keep_old=keep_old,
            same_band=same_band, locked=scope.barred, taken=codes_ever(store), day=day,
            grids=grids, given_grids=_given_grids(store),
        )  # fmt: skip
        found.micro_grids = judged_as_before(found.micro_grids, scope.micro_grids, within)
        lineage = lineage_of(found.flows, scope.micro_grids, found.micro_grids, day)
        outcome = Outcome(
            before=scope.micro_grids, micro_grids=found.micro_grids, cells=found.cells, buildings=found.buildings,
            lineage=lineage, day=day, band=None if same_band else (within, band), findings=found.findings,
            grid_band=None if grids is None else grids.band,
        )  # fmt: skip
        if not dry_run:
            progress("attaching, covering, keeping", 0.7)
            keep_outcome(store, outcome, version=version, also=also, within=within)
    progress("done", 1.0)
    before, after = (units[units["code"].str.startswith(within)] for units in (scope.micro_grids, found.micro_grids))
    here = found.flows[found.flows["old"].str.startswith(within) | found.flows["new"].str.startswith(within)]
    moves = move_list(here, found.buildings, before, after)
    figures = compare(here, before, after, band)
    return Replanned(
        str(city), within, keep_old, not dry_run, figures, moves, before.reset_index(drop=True),
        after.reset_index(drop=True), lineage, found.findings, wish_of_plan(after, found.buildings, band),
        found.buildings[found.buildings["micro_grid"].str.startswith(within)].reset_index(drop=True),
    )  # fmt: skip


def _grids_asked(store: Store, scope: Scope, within: str, band: Band | None) -> Regrid:
    """What is asked of the grids: given ones and those outside stay."""
    if within and band is not None:
        raise WrongCall("a band of grids holds for the whole city; leave out the area, or the band")
    given = _given_grids(store)
    outside = set(scope.cells["micro_grid"].to_numpy()[~scope.free])
    fixed = given | {code[:15] for code in outside} | _special_grids(store)
    if not set(scope.cells["micro_grid"].str[:15]) - fixed:
        raise WrongCall("all these grids are special or given by the city's own files; those stay, change them there")
    asked = band if band is not None else settings_of(store).grid_households
    return Regrid(asked, frozenset(fixed), frozenset(code[:15] for code in codes_ever(store)))


def _given_grids(store: Store) -> set[str]:
    layer = as_areas(store, "grids")
    return set(layer["code"][~layer["derived"].astype("boolean").fillna(False).astype(bool)])


def _special_grids(store: Store) -> set[str]:
    layer = as_areas(store, "grids")
    return set(layer["code"][layer["kind"] == "special"]) if "kind" in layer else set()


def _as_they_are(scope: Scope, buildings: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    """The buildings as they are now, with what lies outside the scope as it was."""
    if buildings is None:
        return None
    if "code" not in buildings or buildings["code"].isna().any() or buildings["code"].duplicated().any():
        raise WrongCall("every building needs a code of its own, so that it is known again; fill the column code")
    if buildings.crs is None or not buildings.crs.equals(scope.cells.crs, ignore_axis_order=True):
        raise CrsMismatch(f"the buildings must be in the city's CRS, {scope.cells.crs.name}; bring them over first")
    known = whole_buildings(scope.buildings)
    ground = shapely.union_all(scope.cells.geometry.to_numpy()[scope.free])
    near = shapely.intersects(ground, shapely.point_on_surface(buildings.geometry.to_numpy()))
    mine = fill_households(buildings[near].reset_index(drop=True), Findings())
    outside = known[~shapely.intersects(ground, shapely.point_on_surface(known.geometry.to_numpy()))]
    outside = outside[~outside["code"].isin(mine["code"])]
    return gpd.GeoDataFrame(pd.concat([mine, outside], ignore_index=True), geometry="geometry", crs=scope.cells.crs)


def judged_as_before(units: gpd.GeoDataFrame, before: gpd.GeoDataFrame, within: str) -> gpd.GeoDataFrame:
    """Neighbours outside the scope are held to their own band: what was said of them still holds."""
    was = before.drop_duplicates("code").set_index("code").reindex(units["code"])
    outside = ~units["code"].str.startswith(within).to_numpy(dtype=bool)
    outside &= (was["households"].fillna(-1).astype(int).to_numpy() == units["households"].to_numpy())
    done = units.copy()
    for column in [name for name in JUDGED if name in was and name in done]:
        done[column] = [old if out else new for old, new, out in zip(was[column], units[column], outside, strict=True)]
    return done


def set_locks(city: str | Path, *, lock: Collection[str] = (), unlock: Collection[str] = ()) -> list[str]:
    """Lock micro-grids against re-splits and edits, or unlock them.

    Returns
    -------
    Codes of all that are locked afterwards.

    Raises
    ------
    NotFound
        For a code that is no micro-grid of the city.
    """
    with open_store(city) as store:
        micro_grids = with_locks(as_areas(store, "micro_grids"), lock, unlock)
        store.write("micro_grids", micro_grids)
    return micro_grids["code"][micro_grids["locked"]].tolist()
