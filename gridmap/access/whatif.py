"""What if: a facility more, one moved or closed, another norm; only what that touches is computed again.

A `WhatIf` is made once for a city: its doors have met the streets, its walks are known, its gaps are drawn. Each
question then searches one kind again, counts the micro-grids whose doors changed, and draws the gaps that are new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.access.coverage import coverage
from gridmap.access.frames import require_metres
from gridmap.access.gap_places import GapPlaces
from gridmap.access.gaps import Outline, find_gaps, make_ready
from gridmap.access.held_to import limits
from gridmap.access.network import WalkNetwork
from gridmap.access.supposing import Change, Supposing, changed_facilities
from gridmap.access.walk import nearest_facilities
from gridmap.norms import Norms
from layers.errors import WrongCall

__all__ = ["Change", "Outcome", "WhatIf"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What it would change.

    Parameters
    ----------
    kinds
        Kinds that were computed again.
    coverage
        Rows of the coverage table that differ, as they would be; `covered_before` is what `covered_households` was.
    gaps
        Gaps of those kinds, as they would be.
    gained, lost
        Households that would come within the norm, and fall out of it, by kind.
    walks
        Metres of every building to the nearest facility of those kinds, as they would be.
    """

    kinds: tuple[str, ...]
    coverage: pd.DataFrame
    gaps: gpd.GeoDataFrame
    gained: dict[str, int]
    lost: dict[str, int]
    walks: pd.DataFrame


class WhatIf:
    """A city ready to be asked.

    Parameters
    ----------
    micro_grids, buildings, facilities
        As `coverage` and `nearest_facilities` take them; facilities with `code` and `kind`.
    network
        Walking network of `build_network`.
    norms
        `load_norms()`, or {kind: metres}.
    limit_m, merge_m, outline
        As in `nearest_facilities` and `find_gaps`.
    """

    def __init__(
        self,
        micro_grids: pd.DataFrame,
        buildings: gpd.GeoDataFrame,
        facilities: gpd.GeoDataFrame,
        network: WalkNetwork,
        norms: Norms | Mapping[str, float],
        *,
        limit_m: float = 3000.0,
        merge_m: float = 60.0,
        outline: Outline | None = None,
    ) -> None:
        require_metres(buildings=buildings, facilities=facilities)
        self._micro_grids, self._buildings, self._facilities = micro_grids, buildings, facilities
        self._merge, self._outline = merge_m, outline
        self._norms = {limit.kind: limit.metres for limit in limits(norms)}
        self._drawn: dict[bytes, shapely.Geometry] = {}
        placed = facilities[facilities["kind"].isin(list(self._norms))]
        self.metres, self.nearest = nearest_facilities(buildings, placed, network, limit_m=limit_m)
        self._places, self._ready = GapPlaces(buildings, network), make_ready(buildings, merge_m=merge_m)
        self._supposing = Supposing(buildings, facilities, network, limit_m=limit_m)
        self.coverage = coverage(micro_grids, buildings, self.metres, self._norms, nearest=self.nearest)
        self.gaps = find_gaps(
            buildings, self.metres, self._norms, merge_m=merge_m, outline=outline, drawn=self._drawn,
            places=self._places, ready=self._ready,
        )

    def ask(self, change: Change) -> Outcome:
        """What the change would do; the city itself stays as it is.

        Raises
        ------
        WrongCall
            For a facility that is not there, a kind without a norm, or a distance that is none.
        """
        facilities, norms = self._changed(change)
        old = self._facilities
        touched = {kind for kind, _ in change.add} | set(change.norms or {})
        touched |= set(old.loc[old["code"].isin([*change.close, *(change.move or {})]), "kind"]) & set(norms)
        kinds = tuple(sorted(touched))
        walks, leads = self._supposing.walk(facilities, kinds)
        rows: list[pd.DataFrame] = []
        gained: dict[str, int] = {}
        lost: dict[str, int] = {}
        people = self._buildings["households"].fillna(0).to_numpy(dtype=np.float64)
        for kind in kinds:
            now = walks[kind].fillna(np.inf).to_numpy() <= norms[kind] + 1e-6
            known = self.metres[kind] if kind in self.metres else pd.Series(np.nan, index=self._buildings.index)
            was = known.fillna(np.inf).to_numpy() <= self._norms[kind] + 1e-6
            gained[kind], lost[kind] = round(float(people[now & ~was].sum())), round(float(people[was & ~now].sum()))
            moved = ~((walks[kind] == known) | (walks[kind].isna() & known.isna())).to_numpy() | (now != was)
            if kind in (change.norms or {}) or kind not in self.metres:
                units = self._micro_grids  # every row names its norm; a kind new to the map is known everywhere
            else:
                units = self._micro_grids[self._micro_grids["code"].isin(set(self._buildings["micro_grid"][moved]))]
            rows.append(coverage(
                units, self._buildings[self._buildings["micro_grid"].isin(set(units["code"]))], walks[[kind]],
                {kind: norms[kind]}, nearest=leads[[kind]],
            ))
        table = pd.concat(rows, ignore_index=True) if rows else self.coverage.iloc[:0]
        known_rows = self.coverage[self.coverage["kind"].isin(kinds)]
        before = known_rows.set_index(["micro_grid", "kind"])["covered_households"]
        own = pd.MultiIndex.from_frame(table[["micro_grid", "kind"]])
        table = table.assign(covered_before=before.reindex(own).to_numpy())
        gaps = find_gaps(
            self._buildings, walks, {kind: norms[kind] for kind in kinds}, merge_m=self._merge, outline=self._outline,
            drawn=self._drawn, places=self._places, ready=self._ready,
        )
        return Outcome(kinds=kinds, coverage=table, gaps=gaps, gained=gained, lost=lost, walks=walks)

    def _changed(self, change: Change) -> tuple[gpd.GeoDataFrame, dict[str, float]]:
        norms = dict(self._norms)
        for limit in limits(dict(change.norms or {})):
            norms[limit.kind] = limit.metres
        for kind in [kind for kind, _ in change.add]:
            if kind not in norms:
                raise WrongCall(f"there is no norm for {kind!r}; the kinds are {', '.join(sorted(norms))}")
        return changed_facilities(self._facilities, change), norms
