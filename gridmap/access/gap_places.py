"""A gap too large for one facility is parted into places that a planner can act on, one facility each.

What one further facility would serve within the norm is a place. Candidates are doors of the gap, a third of the norm
apart; the one that serves most is taken, then the one that serves most of the rest (greedy cover), until a further one
would serve few. Each home then goes to the nearest of the places taken, so that the parts are compact; homes that none
of them reaches go with the nearest neighbour that one does.
"""

from __future__ import annotations

from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import cKDTree

from gridmap.access.arcs import Floats, Ints
from gridmap.access.frames import spots, whole_numbers
from gridmap.access.held_to import Limit
from gridmap.access.network import WalkNetwork
from gridmap.access.reach import Places, pairs_within, place
from gridmap.access.walk import DETOUR, meet_streets

__all__ = ["GapPlaces"]

#: Candidates stand in squares of this share of the norm.
_SQUARE = 1 / 3
#: A further place is opened while it would serve as many households as are worth an entry of their own: a fifth of what
#: the first one serves, but 15 at least, and 60 are always enough.
_FEW, _SHARE, _ENOUGH = 15, 0.2, 60


class GapPlaces:
    """Homes that can be parted by who would walk to the same new facility.

    Parameters
    ----------
    buildings
        Areas or points with `households`, metric CRS.
    network
        Walking network in the same CRS; None: straight lines times the usual detour.

    Examples
    --------
    A row of homes 100 m apart; one facility reaches homes up to 300 m away:

    >>> homes = gpd.GeoDataFrame(
    ...     {"households": [20] * 12}, geometry=gpd.points_from_xy(range(0, 1200, 100), [0] * 12), crs="EPSG:4549")
    >>> roads = gpd.GeoDataFrame(geometry=[shapely.LineString([(-10, 0), (1200, 0)])], crs="EPSG:4549")
    >>> from gridmap.access.network import build_network
    >>> parts = GapPlaces(homes, build_network(roads)).divide(Limit("canteen", 300.0, False), [np.arange(12)])
    >>> [rows.tolist() for rows, _ in parts]
    [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11]]
    """

    def __init__(self, buildings: gpd.GeoDataFrame, network: WalkNetwork | None) -> None:
        self._shapes = buildings.geometry.to_numpy()
        self.network = network
        self.xy = spots(buildings)
        self.households = whole_numbers(buildings, "households", "buildings")
        self.doors: Places | None = None
        self._of_row = np.full(len(buildings), -1, dtype=np.intp)
        if network is not None:
            self.doors = place(network, meet_streets(buildings, network)).in_order_of_rows()
            self._of_row[self.doors.row] = np.arange(len(self.doors))
        self._parted: dict[tuple[float, bytes], list[tuple[Ints, int]]] = {}

    def divide(self, limit: Limit, gaps: list[Ints]) -> list[tuple[Ints, int]]:
        """Parts of the gaps of one kind.

        Parameters
        ----------
        limit
            The norm.
        gaps
            Rows of the buildings of each gap; no row in two.

        Returns
        -------
        For each part its rows, ascending, and the row at whose door a facility would serve most of it (-1 where none
        stands at a street). A gap that one place serves is one part.
        """
        asked = [rows for rows in gaps if (limit.metres, rows.tobytes()) not in self._parted]
        for rows, parts in zip(asked, self._part(limit, asked), strict=True):
            self._parted[limit.metres, rows.tobytes()] = parts
        return [part for rows in gaps for part in self._parted[limit.metres, rows.tobytes()]]

    @cached_property
    def cells(self) -> np.ndarray:
        """For each building the ground that is nearer to it than to any other inhabited one; None without a place."""
        made = np.full(len(self.xy), None, dtype=object)
        lived = np.flatnonzero((self.households > 0) & np.isfinite(self.xy).all(axis=1))
        spot, at = np.unique(self.xy[lived], axis=0, return_inverse=True)
        if len(spot) < 2:
            made[lived] = shapely.buffer(shapely.points(self.xy[lived]), 1e5)
            return made
        found = shapely.get_parts(
            shapely.voronoi_polygons(shapely.multipoints(spot), extend_to=shapely.box(*_around(spot)), ordered=True)
        )
        made[lived] = found[at.ravel()]
        return made

    def _part(self, limit: Limit, gaps: list[Ints]) -> list[list[tuple[Ints, int]]]:
        if not gaps:
            return []
        rows = np.concatenate(gaps)
        gap = np.repeat(np.arange(len(gaps)), [len(members) for members in gaps])
        site, home, metres = self._reached(limit, rows, gap)
        parts = []
        begins = np.searchsorted(gap[site], np.arange(len(gaps) + 1))
        first = np.concatenate([[0], np.cumsum([len(members) for members in gaps])])
        for number, members in enumerate(gaps):
            own = slice(begins[number], begins[number + 1])
            parts.append(self._greedy(
                members, site[own] - first[number], home[own] - first[number], metres[own]
            ))
        return parts

    def _reached(self, limit: Limit, rows: Ints, gap: Ints) -> tuple[Ints, Ints, Floats]:
        """Candidate, home of the same gap, metres within the norm: numbers into `rows`, by gap and candidate."""
        with_door = self._of_row[rows] >= 0 if self.network is not None else np.isfinite(self.xy[rows]).all(axis=1)
        missed = usable = np.flatnonzero(with_door)
        found = []
        # homes across a wall from the candidate of their square are asked again among themselves
        while len(missed):
            tried = self._candidates(limit, rows, gap, missed)
            site, home, metres = self._pairs(limit, rows, tried, usable)
            same = gap[site] == gap[home]
            found.append((site[same], home[same], metres[same]))
            still = np.setdiff1d(missed, np.union1d(home[same], tried))
            if len(still) == len(missed):
                break
            missed = still
        if not found:
            return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
        site, home, metres = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.lexsort((home, site, gap[site]))
        return site[order], home[order], metres[order]

    def _candidates(self, limit: Limit, rows: Ints, gap: Ints, among: Ints) -> Ints:
        """One home a square and gap: the one nearest to the middle of the square's households."""
        xy, weight = self.xy[rows[among]], self.households[rows[among]]
        square = np.floor(xy / (limit.metres * _SQUARE))
        cell = np.unique(np.column_stack([gap[among], square]), axis=0, return_inverse=True)[1].ravel()
        size = np.bincount(cell, weights=weight)
        middle = np.column_stack([np.bincount(cell, weights=weight * xy[:, axis]) / size for axis in (0, 1)])
        away = np.hypot(*(xy - middle[cell]).T)
        order = np.lexsort((xy[:, 1], xy[:, 0], away.round(6), cell))
        return np.sort(among[order[np.unique(cell[order], return_index=True)[1]]])

    def _pairs(self, limit: Limit, rows: Ints, tried: Ints, usable: Ints) -> tuple[Ints, Ints, Floats]:
        """Candidates and homes within the norm of each other, of whatever gap."""
        if self.network is None or self.doors is None:
            near = cKDTree(self.xy[rows[tried]]).query_ball_point(self.xy[rows[usable]], limit.metres / DETOUR)
            home = np.repeat(usable, [len(some) for some in near])
            site = tried[np.concatenate([np.array(some, dtype=np.intp) for some in near])]
            return site, home, np.hypot(*(self.xy[rows[site]] - self.xy[rows[home]]).T) * DETOUR
        sites = self.doors.take(self._of_row[rows[tried]])
        # a facility stands at the street itself
        sites = Places(**{**sites.__dict__, "leg": np.zeros(len(sites))})
        doors = self.doors.take(self._of_row[rows[usable]])
        one, other, metres = pairs_within(self.network, doors, sites, limit.metres)
        return tried[one], usable[other], metres

    def _greedy(self, members: Ints, site: Ints, home: Ints, metres: Floats) -> list[tuple[Ints, int]]:
        """One gap in parts; `site` and `home` are numbers into its members."""
        if not len(site):
            return [(np.sort(members), -1)]
        weight = self.households[members]
        left = np.ones(len(members), dtype=bool)
        gain = np.bincount(site, weights=weight[home], minlength=len(members))
        walked = np.bincount(site, weights=weight[home] * metres, minlength=len(members))
        # ties go to the shorter walks, then west, then south: not by the order of rows
        rank = np.lexsort((self.xy[members, 1], self.xy[members, 0], walked.round(3)))
        by_home = np.argsort(home, kind="stable")
        begins = np.searchsorted(home[by_home], np.arange(len(members) + 1))
        opens = np.searchsorted(site, np.arange(len(members) + 1))
        taken: list[int] = []
        most = 0.0
        while True:
            best = int(rank[np.argmax(gain[rank].round(6))])
            if taken and gain[best] < max(_FEW, min(_SHARE * most, _ENOUGH)):
                break
            most = max(most, float(gain[best]))
            taken.append(best)
            fresh = home[opens[best]:opens[best + 1]]
            fresh = fresh[left[fresh]]
            left[fresh] = False
            # what is served counts for no other candidate any more
            for one in fresh:
                reach = site[by_home[begins[one]:begins[one + 1]]]
                gain[reach] -= weight[one]
            if not left.any():
                break
        if len(taken) == 1:
            return [(np.sort(members), int(members[taken[0]]))]
        owner, nearest = np.full(len(members), -1, dtype=np.intp), np.full(len(members), np.inf)
        for number, chosen in enumerate(taken):
            own = slice(opens[chosen], opens[chosen + 1])
            nearer = metres[own] < nearest[home[own]] - 1e-9
            owner[home[own][nearer]], nearest[home[own][nearer]] = number, metres[own][nearer]
        lost, found = np.flatnonzero(owner < 0), np.flatnonzero(owner >= 0)
        if len(lost):
            owner[lost] = owner[found[cKDTree(self.xy[members[found]]).query(self.xy[members[lost]])[1]]]
        return [
            (np.sort(members[owner == number]), int(members[chosen]))
            for number, chosen in enumerate(taken) if (owner == number).any()
        ]


def _around(spot: Floats) -> tuple[float, float, float, float]:
    west, south = spot.min(axis=0) - 10_000.0
    east, north = spot.max(axis=0) + 10_000.0
    return float(west), float(south), float(east), float(north)
