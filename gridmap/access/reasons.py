"""Why a gap is a gap, and where a facility would close it.

The reason names the nearest facility of the kind, how far it is on foot and in a straight line, and what lies between.
The place that closes a gap is found among the places where its own doors meet the street: the one that serves most of
its households within the norm, and of several the one with the shortest walks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.access.arcs import Floats, Ints
from gridmap.access.frames import spots
from gridmap.access.gap_places import GapPlaces
from gridmap.access.held_to import Limit
from gridmap.access.network import WalkNetwork
from gridmap.access.reach import Places, pairs_within
from gridmap.norms import Norms

__all__ = ["BETWEEN", "Explainer", "titles_of"]

#: What lies between, in Chinese and English.
BETWEEN = {
    "wall": ("围墙", "a wall"), "fence": ("围栏", "a fence"), "hedge": ("绿篱", "a hedge"),
    "rail": ("铁路", "a railway"),
    "river": ("河流", "a river"), "canal": ("运河", "a canal"), "lake": ("水面", "water"), "water": ("水面", "water"),
    "motorway": ("快速路", "a motorway"),
}

#: So many doors of a gap are tried as places that would close it.
_TRIED = 12

#: So few of a kind in a whole city are worth saying: more likely the map lacks them than the city.
_HARDLY_MAPPED = 2

#: A way so much longer than the straight line is a detour worth saying.
_DETOUR = 1.6


@dataclass
class Explainer:
    """What is asked again for each gap: the doors on the network, the facilities, their places.

    Parameters
    ----------
    buildings
        As `find_gaps` takes them.
    network
        Walking network; None where there are no roads (then no closing place is found).
    facilities
        With `code` and `kind`; geometry in the same CRS.
    which
        From `nearest_facilities`.
    titles
        Kind -> its Chinese and English title.
    """

    buildings: gpd.GeoDataFrame
    network: WalkNetwork | None
    facilities: gpd.GeoDataFrame
    which: pd.DataFrame
    titles: dict[str, tuple[str, str]]

    def __post_init__(self) -> None:
        #: Parts clusters of the same buildings.
        self.places = GapPlaces(self.buildings, self.network)
        self._xy = self.places.xy
        site_xy = spots(self.facilities)
        codes = self.facilities["code"].astype("object")
        labels = codes.where(codes.notna(), pd.Series(self.facilities.index.astype(str), index=codes.index))
        self._site = dict(zip(labels.astype(str), site_xy, strict=True))
        names = self.facilities["name"] if "name" in self.facilities else pd.Series(None, index=codes.index)
        kinds = self.facilities["kind"]
        self._name = {
            code: name for code, name, kind in zip(labels.astype(str), names, kinds, strict=True)
            if isinstance(name, str) and name.strip() and name != kind  # nameless things are called by their kind
        }
        self._mapped = kinds.value_counts().to_dict()
        self._households = self.places.households
        self._doors = self.places.doors

    def explain(
        self, limit: Limit, gaps: list[Ints], walk: Floats, *, sites: list[int] | None = None,
        edge: shapely.Geometry | None = None,
    ) -> list[dict[str, object]]:
        """Reason, nearest facility and closing place of each gap of a kind.

        Parameters
        ----------
        limit
            The norm.
        gaps
            Rows of the buildings of each gap.
        walk
            Metres of every building to the nearest facility of the kind.
        sites
            For each gap a row at whose door a facility would serve most of it (`GapPlaces.divide`), to be tried too.
        edge
            Outline of the city: what lies beyond it is not known, and a reason says so where it is near.
        """
        closing = self._closing(limit, gaps, sites or [-1] * len(gaps))
        rim = None if edge is None else shapely.boundary(edge)
        return [self._reason(limit, rows, walk[rows], rim) | closing[number] for number, rows in enumerate(gaps)]

    def _reason(
        self, limit: Limit, rows: Ints, walk: Floats, rim: shapely.Geometry | None
    ) -> dict[str, object]:
        zh, en = self.titles.get(limit.kind, (limit.kind, limit.kind))
        weight = self._households[rows]
        lead = self.which[limit.kind].iloc[rows].astype("object")
        votes = pd.Series(weight, index=lead.to_numpy()).groupby(level=0).sum() if lead.notna().any() else pd.Series()
        if not len(votes):
            return {
                "reason": f"no way on foot to any {en.lower()} was found", "reason_zh": f"步行找不到任何{zh}",
                "nearest": None, "straight_m": np.nan, "between": None,
            }
        code = str(votes.index[votes.to_numpy() == votes.max()].astype(str).sort_values()[0])
        led = lead.astype(str).to_numpy() == code
        # the door in the middle of those that are led there stands for them
        at = rows[led][np.argsort(walk[led], kind="stable")[led.sum() // 2]]
        metres = float(np.average(walk[led], weights=weight[led]))
        door, site = self._xy[at][None, :], np.asarray(self._site[code])[None, :]
        straight = float(np.hypot(*(door - site)[0]))
        kind = None
        if self.network is not None and self.network.barriers is not None:
            kind = self.network.barriers.between(door, site)[0]
        said_zh, said_en = f"最近的{zh}", f"the nearest {en.lower()}"
        name = self._name.get(code)
        if name is not None:
            said_zh, said_en = f"{said_zh}（{name}）", f"{said_en} ({name})"
        zh_more, en_more = "", ""
        if straight * _DETOUR < metres or straight <= limit.metres:
            between = BETWEEN.get(str(kind), ("", "")) if kind is not None else ("", "")
            zh_more = f"，直线{straight:.0f}米" + (f"，隔{between[0]}" if between[0] else "，路要绕")
            by = f"{between[1]} between" if between[1] else "a detour by street"
            en_more = f", {straight:.0f} m straight, {by}"
        mapped = self._mapped.get(limit.kind, 0)
        if mapped <= _HARDLY_MAPPED:
            zh_more += f"；全市地图上只有{mapped}处"
            en_more += f"; the map has only {mapped} of the kind"
        away = np.inf if rim is None else float(shapely.distance(shapely.points(door[0]), rim))
        if away < min(limit.metres, straight):
            zh_more += f"；离边界{away:.0f}米，界外情况不明"
            en_more += f"; the edge of the map is {away:.0f} m away, what lies beyond is not known"
        return {
            "reason": f"{said_en} is {metres:.0f} m on foot{en_more}",
            "reason_zh": f"{said_zh}步行{metres:.0f}米{zh_more}",
            "nearest": code, "straight_m": straight, "between": kind,
        }

    def _closing(self, limit: Limit, gaps: list[Ints], known: list[int]) -> list[dict[str, object]]:
        """Where a facility would serve most households of each gap within the norm."""
        nothing: dict[str, object] = {"closing_x": np.nan, "closing_y": np.nan, "closing_households": pd.NA}
        if self.network is None or self._doors is None or not gaps:
            return [dict(nothing) for _ in gaps]
        of_row = np.full(len(self.buildings), -1, dtype=np.intp)
        of_row[self._doors.row] = np.arange(len(self._doors))
        gap_of = np.full(len(self._doors), -1, dtype=np.intp)
        tried: list[Ints] = []
        owner: list[int] = []
        for number, rows in enumerate(gaps):
            doors = of_row[rows]
            doors = doors[doors >= 0]
            gap_of[doors] = number
            # evenly along the gap, from its west end to its east end
            doors = doors[np.lexsort((self._xy[self._doors.row[doors], 1], self._xy[self._doors.row[doors], 0]))]
            pick = doors[np.unique(np.linspace(0, len(doors) - 1, min(_TRIED, len(doors))).round().astype(int))]
            if known[number] >= 0:
                pick = np.union1d(pick, of_row[known[number]])
            tried.append(pick)
            owner += [number] * len(pick)
        sites = self._doors.take(np.concatenate(tried))
        # a facility stands at the street itself
        sites = Places(**{**sites.__dict__, "leg": np.zeros(len(sites))})
        members = np.flatnonzero(gap_of >= 0)
        site, door, metres = pairs_within(self.network, self._doors.take(members), sites, limit.metres)
        owners = np.array(owner)
        own = gap_of[members[door]] == owners[site]
        weight = self._households[self._doors.row[members[door[own]]]]
        served = np.bincount(site[own], weights=weight, minlength=len(sites))
        walked = np.bincount(site[own], weights=weight * metres[own], minlength=len(sites))
        xy = self._street(sites)
        order = np.lexsort((xy[:, 1], xy[:, 0], walked, -served, owners))
        first = order[np.searchsorted(owners[order], np.arange(len(gaps)))] if len(order) else order
        made = []
        for number in range(len(gaps)):
            if number >= len(first) or owners[first[number]] != number:
                made.append(dict(nothing))
                continue
            at = first[number]
            made.append({
                "closing_x": round(float(xy[at, 0]), 2), "closing_y": round(float(xy[at, 1]), 2),
                "closing_households": round(served[at]),
            })
        return made

    def _street(self, places: Places) -> Floats:
        """Where places meet the street, as coordinates."""
        assert self.network is not None
        line = self.network.stops.line[places.stretch]
        return self.network.points_on(line, places.at)


def titles_of(norms: Norms | Mapping[str, float]) -> dict[str, tuple[str, str]]:
    """Chinese and English title of each kind; none where norms are plain distances.

    Examples
    --------
    >>> from gridmap.norms import load_norms
    >>> titles_of(load_norms())["canteen"][0], titles_of({"canteen": 300})
    ('社区食堂', {})
    """
    return {norm.key: (norm.zh, norm.en) for norm in norms} if isinstance(norms, Norms) else {}
