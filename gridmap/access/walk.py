"""Metres on foot from each door to the nearest facility of each kind.

A door is a building's representative point; it meets the street at the nearest place on a walkable line, wherever
along the line that is. So does a facility (an area counts at a point inside it). The walk is both access legs, in
straight lines, and the shortest way along the network between the two places. One search a kind (Dijkstra from all
its facilities at once) answers for every door; nothing is rounded to street corners. Barriers that the network knows
(`build_network(roads, barriers=...)`) are not crossed by an access leg.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gridmap.access.arcs import Floats, Ints
from gridmap.access.frames import require_metres, spots
from gridmap.access.network import WalkNetwork, build_network
from gridmap.access.reach import Places, nearest_of_kinds, pairs_within, place
from gridmap.access.snap import Snapped, snap
from layers.errors import CrsMismatch, WrongCall

__all__ = [
    "DETOUR", "Sites", "access_legs", "meet_streets", "nearest_facilities", "usable_sites", "walk_distances",
    "walk_pairs",
]

#: Walk for each straight metre where there are no roads. A proposal: built-up areas measure 1.2 to 1.4.
DETOUR = 1.3


def walk_distances(
    buildings: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | WalkNetwork | None,
    *,
    limit_m: float | None = None,
) -> pd.DataFrame:
    """Metres on foot from each building to the nearest facility of each kind.

    Parameters
    ----------
    buildings
        Points or areas, metric CRS.
    facilities
        Points or areas with a column `kind`, same CRS. Rows without a kind or a place are not asked for.
    roads
        Lines, same CRS, columns as `access.roads.walkable` reads them; or a network made of them by `build_network`,
        to be used more than once. None, or roads that nobody may walk: straight lines times `DETOUR`.
    limit_m
        Longest walk to look for, in metres; None for any length.

    Returns
    -------
    DataFrame of metres on the index of `buildings`, one column a kind (sorted) that has a facility with a place; NaN
    where none can be reached within the limit. Access legs on both sides are included (`access_legs` has them alone).
    `attrs["basis"]` is `network` or `straight_line`.

    Raises
    ------
    CrsMismatch
        Where frames differ in CRS, have none, or are not in metres.
    WrongCall
        Where `facilities` have no `kind`, or `limit_m` is not a length.

    Examples
    --------
    >>> from shapely import LineString, Point
    >>> roads = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (100, 0), (100, 100)])], crs="EPSG:4549")
    >>> homes = gpd.GeoDataFrame(geometry=[Point(0, 10), Point(95, 50)], crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame(
    ...     {"kind": ["shops", "toilet"]}, geometry=[Point(105, 90), Point(40, 0)], crs="EPSG:4549")
    >>> walk_distances(homes, shops, roads).values.tolist()
    [[205.0, 50.0], [50.0, 115.0]]
    """
    return nearest_facilities(buildings, facilities, roads, limit_m=limit_m)[0]


def nearest_facilities(
    buildings: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | WalkNetwork | None,
    *,
    limit_m: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Metres on foot to the nearest facility of each kind, and which facility that is.

    Parameters and errors are those of `walk_distances`.

    Returns
    -------
    metres
        As `walk_distances` gives them.
    which
        Same index and columns: the facility's `code`, or its index label where it has none; NaN where `metres` is. Of
        two facilities equally near, one is taken.

    Examples
    --------
    >>> from shapely import Point
    >>> homes = gpd.GeoDataFrame(geometry=[Point(0, 0), Point(90, 0)], crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame({"kind": ["shops"] * 2, "code": ["s1", "s2"]},
    ...                          geometry=[Point(10, 0), Point(80, 0)], crs="EPSG:4549")
    >>> metres, which = nearest_facilities(homes, shops, None)
    >>> which["shops"].tolist(), metres["shops"].tolist(), metres.attrs["basis"]
    (['s1', 's2'], [13.0, 13.0], 'straight_line')
    """
    limit = _limit(limit_m)
    require_metres(buildings=buildings, facilities=facilities)
    network = _network(roads, buildings)
    sites = usable_sites(facilities)
    if network is None:
        metres, nearest = _straight(spots(buildings), sites)
    else:
        metres, nearest = _on_foot(network, buildings, sites, limit)
    beyond = ~(np.isfinite(metres) & (metres <= limit))
    metres[beyond], nearest[beyond] = np.nan, -1

    basis = "straight_line" if network is None else "network"
    frames = (
        pd.DataFrame(metres, index=buildings.index, columns=sites.kinds),
        pd.DataFrame(
            {kind: pd.api.extensions.take(sites.labels, nearest[:, at], allow_fill=True)
             for at, kind in enumerate(sites.kinds)},
            index=buildings.index, columns=sites.kinds,
        ),
    )
    for frame in frames:
        frame.attrs["basis"] = basis
    return frames


def access_legs(places: gpd.GeoDataFrame, roads: gpd.GeoDataFrame | WalkNetwork) -> pd.Series:
    """Straight metres from each place to where it meets the walking network: the access leg of every walk.

    Parameters
    ----------
    places
        Buildings or facilities, metric CRS.
    roads
        Roads or a network of them, same CRS.

    Returns
    -------
    Series of metres on the index of `places`; NaN where a place has no coordinates, or no road may be walked.

    Raises
    ------
    CrsMismatch
        As `walk_distances`.

    Examples
    --------
    >>> from shapely import LineString, Point
    >>> roads = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (100, 0)])], crs="EPSG:4549")
    >>> access_legs(gpd.GeoDataFrame(geometry=[Point(50, 12)], crs="EPSG:4549"), roads).tolist()
    [12.0]
    """
    require_metres(places=places)
    network = _network(roads, places)
    legs = np.full(len(places), np.nan) if network is None else meet_streets(places, network).leg
    return pd.Series(legs, index=places.index, name="access_leg_m")


def walk_pairs(
    buildings: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | WalkNetwork | None,
    *,
    limit_m: float,
) -> pd.DataFrame:
    """Every building and facility that are not farther apart than a limit, on foot.

    Parameters and errors are those of `walk_distances`; facilities need no `kind`, and the limit must be given.

    Returns
    -------
    DataFrame with `building` (label in the index of `buildings`), `facility` (its `code`, or its label) and `metres`,
    one row a pair, ordered by facility and building.

    Examples
    --------
    >>> from shapely import LineString, Point
    >>> roads = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (100, 0)])], crs="EPSG:4549")
    >>> homes = gpd.GeoDataFrame(geometry=[Point(0, 10), Point(95, 0)], crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame({"code": ["s"]}, geometry=[Point(40, 5)], crs="EPSG:4549")
    >>> walk_pairs(homes, shops, roads, limit_m=58).values.tolist()
    [[0, 's', 55.0]]
    """
    if limit_m is None:
        raise WrongCall("limit_m must be metres above 0: pairs without a limit are all pairs there are; give a number")
    limit = _limit(limit_m)
    require_metres(buildings=buildings, facilities=facilities)
    network = _network(roads, buildings)
    sites = usable_sites(facilities if "kind" in facilities else facilities.assign(kind="facility"))
    if network is None:
        site, door, metres = _straight_pairs(spots(buildings), sites, limit)
    else:
        doors = place(network, meet_streets(buildings, network))
        at = sites.meet(network)
        one, other, metres = pairs_within(network, doors, at, limit)
        site, door = at.row[one], doors.row[other]
    order = np.lexsort((door, site))
    made = pd.DataFrame({
        "building": buildings.index.to_numpy()[door[order]], "facility": sites.labels[site[order]],
        "metres": metres[order],
    })
    made.attrs["basis"] = "straight_line" if network is None else "network"
    return made


def meet_streets(places: gpd.GeoDataFrame, network: WalkNetwork) -> Snapped:
    """Where each building or facility meets the network."""
    shapes = np.array(places.geometry.array, dtype=object) if network.barriers is not None else None
    return snap(network, spots(places), shapes)


@dataclass(frozen=True, kw_only=True)
class Sites:
    """Facilities with a kind and a place, in the order of their labels."""

    xy: Floats
    shapes: NDArray[np.object_]
    kind: Ints
    kinds: list[str]
    labels: NDArray[np.object_]

    def meet(self, network: WalkNetwork) -> Places:
        """Their places on a network, in the same order."""
        return place(network, snap(network, self.xy, self.shapes)).in_order_of_rows()


def usable_sites(facilities: gpd.GeoDataFrame) -> Sites:
    """The facilities that have a kind and a place.

    Raises
    ------
    WrongCall
        Where they have no column `kind`.
    """
    if "kind" not in facilities:
        raise WrongCall("facilities have no column 'kind'; give each its kind, such as kindergarten")
    xy = spots(facilities)
    labels = pd.Series(facilities.index.astype("object"), dtype="object")
    if "code" in facilities:
        codes = facilities["code"].reset_index(drop=True).astype("object")
        labels = codes.where(codes.notna(), labels.astype(str))
    usable = np.flatnonzero(facilities["kind"].notna().to_numpy() & np.isfinite(xy).all(axis=1))
    # in the order of labels, so that ties do not hang on the order of rows
    usable = usable[np.argsort(labels.iloc[usable].astype(str).to_numpy(dtype=object), kind="stable")]
    kind, kinds = pd.factorize(facilities["kind"].iloc[usable].astype(str), sort=True)
    shapes = np.array(facilities.geometry.array, dtype=object)[usable]
    return Sites(
        xy=xy[usable], shapes=shapes, kind=kind, kinds=list(kinds), labels=labels.iloc[usable].to_numpy(dtype=object)
    )


def _network(roads: gpd.GeoDataFrame | WalkNetwork | None, places: gpd.GeoDataFrame) -> WalkNetwork | None:
    """The network to walk on; None where there is none."""
    if isinstance(roads, WalkNetwork):
        if roads.crs != places.crs:
            raise CrsMismatch(
                f"the walking network is in {roads.crs.name}, the places in {places.crs.name}; build it anew from "
                "roads in that CRS"
            )
        network = roads
    elif roads is None or len(roads) == 0:
        return None
    else:
        require_metres(places=places, roads=roads)
        network = build_network(roads)
    return network if len(network.start) else None


def _limit(limit_m: float | None) -> float:
    if limit_m is None:
        return math.inf
    if not isinstance(limit_m, int | float) or not limit_m > 0:
        raise WrongCall(f"limit_m must be metres above 0, or None for any length, not {limit_m!r}; correct it")
    return float(limit_m)


def _on_foot(
    network: WalkNetwork, buildings: gpd.GeoDataFrame, sites: Sites, limit: float
) -> tuple[Floats, Ints]:
    """Metres and number of the nearest site for each building and kind."""
    doors, at = place(network, meet_streets(buildings, network)), sites.meet(network)
    found, which = nearest_of_kinds(network, doors, at, sites.kind[at.row], len(sites.kinds), limit)
    metres = np.full((len(sites.kinds), len(buildings)), np.inf)
    nearest = np.full(metres.shape, -1, dtype=np.intp)
    metres[:, doors.row] = found
    nearest[:, doors.row] = np.where(which >= 0, at.row[which] if len(at) else -1, -1)
    return metres.T, nearest.T


def _straight(doors: Floats, sites: Sites) -> tuple[Floats, Ints]:
    """The same in straight lines, times the usual detour."""
    metres = np.full((len(doors), len(sites.kinds)), np.inf)
    nearest = np.full(metres.shape, -1, dtype=np.intp)
    known = np.flatnonzero(np.isfinite(doors).all(axis=1))
    for at in range(len(sites.kinds)):  # one tree a kind
        number = np.flatnonzero(sites.kind == at)
        away, found = cKDTree(sites.xy[number]).query(doors[known])
        metres[known, at], nearest[known, at] = away * DETOUR, number[found]
    return metres, nearest


def _straight_pairs(doors: Floats, sites: Sites, limit: float) -> tuple[Ints, Ints, Floats]:
    """Pairs of site and door within the limit, in straight lines times the usual detour."""
    known = np.flatnonzero(np.isfinite(doors).all(axis=1))
    if not len(known) or not len(sites.xy):
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    reach = cKDTree(sites.xy).query_ball_tree(cKDTree(doors[known]), limit / DETOUR)
    site = np.repeat(np.arange(len(sites.xy)), [len(found) for found in reach])
    door = known[np.concatenate([np.array(found, dtype=np.intp) for found in reach])]
    return site, door, np.hypot(*(sites.xy[site] - doors[door]).T) * DETOUR
