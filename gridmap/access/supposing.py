"""Doors that have met the streets once, and walks to the facilities of a kind as they are and as they might be.

A question about one facility touches one kind, and one search along the streets answers for every door of a city in a
fraction of a second. So nothing is computed beforehand but where the doors meet the streets; walks of a kind as it is
are kept from the first question about it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.access.frames import require_metres
from gridmap.access.network import WalkNetwork
from gridmap.access.reach import nearest_of_kinds, place
from gridmap.access.walk import meet_streets, usable_sites
from layers.errors import WrongCall

__all__ = ["Change", "Supposing", "changed_facilities"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is supposed.

    Parameters
    ----------
    add
        New facilities: kind and place, (x, y) in the city's CRS.
    move
        Code of a facility -> its new place.
    close
        Codes of facilities.
    norms
        Kind -> another longest walk in metres.
    """

    add: Sequence[tuple[str, tuple[float, float]]] = ()
    move: Mapping[str, tuple[float, float]] | None = None
    close: Sequence[str] = ()
    norms: Mapping[str, float] | None = None


def changed_facilities(facilities: gpd.GeoDataFrame, change: Change) -> gpd.GeoDataFrame:
    """The facilities as they would be: `code`, `kind` and place; new ones are `new-1`, `new-2`, ...

    Raises
    ------
    WrongCall
        For a facility that is not there.

    Examples
    --------
    >>> shops = gpd.GeoDataFrame({"code": ["a", "b"], "kind": ["market"] * 2},
    ...                          geometry=gpd.points_from_xy([0, 90], [0, 0]), crs="EPSG:4549")
    >>> there = changed_facilities(shops, Change(add=[("market", (50.0, 0.0))], close=["a"], move={"b": (70.0, 0.0)}))
    >>> there["code"].tolist(), there.geometry.x.tolist()
    (['b', 'new-1'], [70.0, 50.0])
    """
    known, move = set(facilities["code"].dropna()), dict(change.move or {})
    for code in (*change.close, *move):
        if code not in known:
            raise WrongCall(f"there is no facility {code!r}; name one of the city by its code")
    stay = facilities[~facilities["code"].isin(list(change.close))]
    shapes = [
        shapely.Point(move[code]) if code in move else shape
        for code, shape in zip(stay["code"], stay.geometry, strict=True)
    ] if move else list(stay.geometry)
    return gpd.GeoDataFrame(
        {"code": [*stay["code"], *(f"new-{number}" for number in range(1, len(change.add) + 1))],
         "kind": [*stay["kind"], *(kind for kind, _ in change.add)]},
        geometry=[*shapes, *(shapely.Point(spot) for _, spot in change.add)], crs=facilities.crs,
    )


class Supposing:
    """A city's doors on its streets, to be asked how far they are from facilities.

    Parameters
    ----------
    buildings, facilities
        Metric CRS; facilities with `code` and `kind`.
    network
        Walking network of `build_network`.
    limit_m
        Longest walk to look for.

    Examples
    --------
    >>> from gridmap.access.network import build_network
    >>> roads = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (100, 0)])], crs="EPSG:4549")
    >>> homes = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 90], [0, 0]), crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame({"code": ["a"], "kind": ["market"]}, geometry=[shapely.Point(10, 0)], crs="EPSG:4549")
    >>> city = Supposing(homes, shops, build_network(roads))
    >>> city.now("market").tolist()
    [10.0, 80.0]
    >>> city.then(Change(add=[("market", (90.0, 0.0))]), ["market"])["market"].tolist()
    [10.0, 0.0]
    """

    def __init__(
        self, buildings: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame, network: WalkNetwork, *,
        limit_m: float = 3000.0,
    ) -> None:  # fmt: skip
        require_metres(buildings=buildings, facilities=facilities)
        self.index, self.facilities = buildings.index, facilities
        self._network, self._limit = network, limit_m
        self._doors = place(network, meet_streets(buildings, network))
        self._now: dict[str, pd.Series] = {}

    def now(self, kind: str) -> pd.Series:
        """Metres of every building to the nearest facility of a kind, NaN where none is within reach."""
        if kind not in self._now:
            self._now[kind] = self.walk(self.facilities, [kind])[0][kind]
        return self._now[kind]

    def then(self, change: Change, kinds: Sequence[str]) -> pd.DataFrame:
        """The same as it would be, a column a kind."""
        return self.walk(changed_facilities(self.facilities, change), kinds)[0]

    def walk(self, facilities: gpd.GeoDataFrame, kinds: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Metres to the nearest of some facilities, and which that is, for each of the kinds."""
        sites = usable_sites(facilities[facilities["kind"].isin(list(kinds))])
        at = sites.meet(self._network)
        found, which = nearest_of_kinds(
            self._network, self._doors, at, sites.kind[at.row], len(sites.kinds), self._limit
        )
        walks, leads = {}, {}
        for kind in kinds:
            metres = np.full(len(self.index), np.nan)
            lead = np.full(len(self.index), None, dtype=object)
            if kind in sites.kinds:
                number = sites.kinds.index(kind)
                reached = np.isfinite(found[number])
                row = self._doors.row[reached]
                metres[row] = found[number][reached]
                lead[row] = sites.labels[at.row[which[number][reached]]]
            walks[kind], leads[kind] = metres, lead
        return pd.DataFrame(walks, index=self.index), pd.DataFrame(leads, index=self.index, dtype=object)
