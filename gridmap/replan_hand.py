"""A plan edited by hand over its store: opened, checked again, and kept in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.cell_graph import graph_of_cells
from gridmap.micro_grids.cell_places import places_of_cells
from gridmap.micro_grids.edit import Draft, Move
from gridmap.micro_grids.edit_answers import Answer
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.lineage import flows, lineage_of
from gridmap.micro_grids.moves import compare, move_list
from gridmap.micro_grids.obstacles import wish_of_plan
from gridmap.micro_grids.own_kinds import Own, own_kinds, sorts_of_zones
from gridmap.micro_grids.places import welcome_outlines
from gridmap.micro_grids.regroup import regroup
from gridmap.micro_grids.resplit import drawn_codes, say_unknown
from gridmap.replan import Replanned, judged_as_before, today
from gridmap.replan_keep import Outcome, keep_outcome
from gridmap.replan_scope import Scope, as_areas, band_of, codes_ever, read_scope, settings_of
from gridmap.stores import open_store
from layers.errors import DataBroken, MoveNotAllowed
from layers.findings import Findings

__all__ = ["Answer", "Draft", "Move", "Opened", "open_draft", "save_draft"]


@dataclass
class Opened:
    """A draft, and what is needed to keep it: edit `draft`, then `save_draft`.

    `kinds` are the special sites and villages by code, `findings` what the editor should know of the store, `locks`
    micro-grids locked (True) or unlocked in the draft (`gridmap.replan_draft.set_lock`).
    """

    draft: Draft
    city: str
    within: str
    version: str
    scope: Scope = field(repr=False)
    graph: CellGraph = field(repr=False)
    band: Band
    taken: frozenset[str] = field(repr=False)
    kinds: Mapping[str, Own] = field(repr=False)
    findings: Findings = field(repr=False)
    locks: dict[str, bool] = field(default_factory=dict)


def open_draft(city: str | Path, *, within: str = "") -> Opened:
    """Open the plan of a city, or of a part of it, for editing by hand.

    Parameters
    ----------
    city
        Store URL.
    within
        Code of the street, community or grid to edit; one community is what a person looks at, and opens in well
        under a second. What lies beside it cannot be changed.

    Raises
    ------
    NotFound
        Where nothing lies within the code.
    MissingLayer
        Where the city has no cells: it was built by an older gridmap.
    """
    with open_store(city) as store:
        version = store.meta().get("data_version", "")
        scope = read_scope(store, within)
        taken = codes_ever(store)
        band = band_of(store, within)
        grids = as_areas(store, "grids")
        rules = settings_of(store).rules.places
    areas = {name: gpd.GeoDataFrame(frame) for name, frame in scope.lines.items() if len(frame)}
    lines: dict[str, Any] = {name: areas.get(name) for name in ("roads", "barriers", "water", "estates")}
    built = scope.cells["code"].isin(scope.buildings["cell"]).to_numpy()
    places = places_of_cells(scope.cells, rules)
    graph, block = graph_of_cells(
        scope.cells, **lines, built=built, places=places, outlines=welcome_outlines(areas, rules)
    )
    kinds = own_kinds(scope.micro_grids, scope.cells)
    findings = Findings()
    if places is None:
        say_unknown(kinds, findings)
    drawn = dict(zip(scope.micro_grids["code"], drawn_codes(scope.micro_grids), strict=True))
    given = grids["code"][~grids["derived"].astype("boolean").fillna(False).astype(bool)]
    draft = Draft(
        scope.cells, pd.DataFrame(scope.buildings), graph, block, band,
        stacks=set(scope.micro_grids["stack"].dropna()), locked={str(drawn[code]) for code in scope.barred},
        given_grids=set(given), taken=taken, kinds={code: kind.kind for code, kind in kinds.items()},
    )  # fmt: skip
    return Opened(draft, str(city), within, version, scope, graph, band, frozenset(taken), kinds, findings)


def save_draft(opened: Opened, *, day: str | None = None, by: str | None = None) -> Replanned:
    """Keep an edited plan: both sides' areas and figures, buildings, cells, what is attached, coverage, lineage.

    Parameters
    ----------
    opened
        From `open_draft`, with its draft edited. Open it anew afterwards.
    day
        ISO day from which the change holds; today without it.
    by
        The account that keeps it; None for the user of this machine.

    Raises
    ------
    MoveNotAllowed
        Where the check finds what no single edit would have been allowed to do; nothing is written.
    StoreBusy
        Where the city was changed by somebody else since the draft was opened; nothing is written.
    """
    day = date.fromisoformat(day).isoformat() if day is not None else today()
    draft = opened.draft
    # what was locked in the draft is locked as it stands there, and not as it was
    shut, draft.locked = draft.locked, draft.locked - {code for code, on in opened.locks.items() if on}
    refused = draft.check()
    draft.locked = shut
    if refused:
        raise MoveNotAllowed("; ".join(breach.en for breach in refused))
    scope = opened.scope
    before = scope.micro_grids
    codes = draft.zones().reindex(scope.cells["code"]).to_numpy(dtype=object)
    names, zone = np.unique(codes.astype(str), return_inverse=True)
    known = set(drawn_codes(before))
    goes_on = [name if name in known else None for name in names.tolist()]
    named = {number: name for number, name in enumerate(names.tolist()) if name not in known}
    made = regroup(
        scope.cells, zone.ravel().astype(np.int64), goes_on, [name[:15] for name in names.tolist()], scope.buildings,
        before, opened.graph, opened.band, taken=opened.taken, day=day, named=named,
        sort_of=sorts_of_zones(
            scope.cells, zone.ravel(),
            {n: opened.kinds[name] for n, name in enumerate(names.tolist()) if name in opened.kinds}, {},
        ),
    )  # fmt: skip
    if int(made.micro_grids["households"].sum()) != int(before["households"].sum()):
        raise DataBroken("households were lost while a draft was kept; this is a fault of gridmap, please report it")
    made.micro_grids = _with_own_locks(judged_as_before(made.micro_grids, before, opened.within), opened.locks)
    moved = flows(scope.buildings, made.buildings)
    lineage = lineage_of(moved, before, made.micro_grids, day)
    outcome = Outcome(
        before=before, micro_grids=made.micro_grids, cells=made.cells, buildings=made.buildings, lineage=lineage,
        day=day, band=None, findings=opened.findings,
    )  # fmt: skip
    with open_store(opened.city) as store:
        keep_outcome(store, outcome, version=opened.version, within=opened.within, by=by)
    return Replanned(
        opened.city, opened.within, True, True, compare(moved, before, made.micro_grids, opened.band),
        move_list(moved, made.buildings, before, made.micro_grids), before, made.micro_grids, lineage, opened.findings,
        wish_of_plan(made.micro_grids, made.buildings, opened.band), made.buildings,
    )  # fmt: skip


def _with_own_locks(micro_grids: gpd.GeoDataFrame, locks: Mapping[str, bool]) -> gpd.GeoDataFrame:
    """Micro-grids locked and unlocked as the draft says; floors of one tower together."""
    if not locks:
        return micro_grids
    wanted = drawn_codes(micro_grids).map(dict(locks))
    known = micro_grids["locked"] if "locked" in micro_grids else pd.Series(False, index=micro_grids.index)
    held = known.astype("boolean").fillna(False).astype(bool)
    return micro_grids.assign(locked=wanted.where(wanted.notna(), held).astype(bool))
