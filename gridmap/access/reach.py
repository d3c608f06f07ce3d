"""From places on the network to other places: the nearest of each kind, or all within a limit.

A place lies on a *stretch*, the bit of a line between two stops. A way leads from it to either end of its stretch and
along the network; two places on one stretch meet without passing an end. Access legs count on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmap.access.arcs import Arcs, Floats, Ints
from gridmap.access.kernels import reach_all, reach_places
from gridmap.access.network import WalkNetwork
from gridmap.access.snap import Snapped

__all__ = ["Places", "nearest_of_kinds", "pairs_within", "place"]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Places that have met the network, in the order of their stretches.

    Parameters
    ----------
    row
        Which of the places given each one is; those that meet no street are left out.
    stretch
        Number of the stop before it, which names its stretch.
    at
        Metres along its line.
    leg
        Straight metres to the line.
    ends, to_ends
        The nodes at both ends of its stretch, and metres to each, (n, 2).
    private
        Whether the way is walked only to and from the doors on it.
    """

    row: Ints
    stretch: Ints
    at: Floats
    leg: Floats
    ends: Ints
    to_ends: Floats
    private: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: Ints | NDArray[np.bool_]) -> Places:
        """Some of them, in the order asked for."""
        return Places(**{name: getattr(self, name)[which] for name in self.__dataclass_fields__})

    def in_order_of_rows(self) -> Places:
        """In the order of the places given."""
        return self.take(np.argsort(self.row, kind="stable"))


def place(network: WalkNetwork, snapped: Snapped) -> Places:
    """Places on the stretches of a network."""
    known = np.flatnonzero(snapped.line >= 0)
    line, at, stops = snapped.line[known], snapped.metres[known], network.stops
    before = stops.around(line, at) if len(known) else known
    ends = np.column_stack([stops.node[before], stops.node[before + (len(known) > 0)]])
    to_ends = np.column_stack([at - stops.metres[before], stops.metres[before + (len(known) > 0)] - at])
    # nodes are numbered over the ground: neighbours are asked one after the other
    order = np.lexsort((before, ends[:, 0]))
    places = Places(
        row=known, stretch=before, at=at, leg=snapped.leg[known], ends=ends, to_ends=np.maximum(to_ends, 0.0),
        private=network.private[line],
    )
    return places.take(order)


def _seeds(arcs: Arcs, sites: Places) -> tuple[Ints, Ints, Floats]:
    """Where each site's seeds begin, their nodes, their metres."""
    ends = np.where(sites.private[:, None], arcs.arriving[sites.ends], sites.ends)
    return 2 * np.arange(len(sites) + 1), ends.ravel(), (sites.leg[:, None] + sites.to_ends).ravel()


def _read(arcs: Arcs, doors: Places) -> Ints:
    """The nodes that a door reads, (n, 2)."""
    return np.where(doors.private[:, None], arcs.leaving[doors.ends], doors.ends)


def nearest_of_kinds(
    network: WalkNetwork, doors: Places, sites: Places, kind: Ints, kinds: int, limit: float
) -> tuple[Floats, NDArray[np.int32]]:
    """Metres from each door to the nearest site of each kind, and the number of that site among `sites`.

    Parameters
    ----------
    network
        Walking network.
    doors
        Any order; memory is asked least in the order of `place`.
    sites
        In the order in which ties are broken, the first first.
    kind
        Kind of each site, 0 to `kinds` - 1.
    limit
        Longest walk in metres.

    Returns
    -------
    metres, site
        (kinds, doors); infinity and -1 where none lies within the limit.
    """
    metres = np.full((kinds, len(doors)), np.inf)
    found = np.full((kinds, len(doors)), -1, dtype=np.int32)
    if not len(doors) or not len(sites):
        return metres, found
    order = np.argsort(kind, kind="stable")
    sites, kind = sites.take(order), kind[order]
    arcs = network.arcs
    reach_places(
        arcs.begins, arcs.heads, arcs.metres, limit, arcs.width, arcs.longest,
        np.searchsorted(kind, np.arange(kinds + 1)), *_seeds(arcs, sites), sites.stretch, sites.at, sites.leg,
        len(network.stops.line), doors.stretch, doors.at, doors.leg, _read(arcs, doors), doors.to_ends,
        metres, found,
    )
    return metres, np.append(order, -1).astype(np.int32)[found]  # -1 asks for the last


def pairs_within(
    network: WalkNetwork, doors: Places, sites: Places, limit: float
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Every pair of a site and a door not farther apart than the limit: their numbers and metres, site by site."""
    if not len(doors) or not len(sites):
        return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
    arcs = network.arcs
    ends = _read(arcs, doors)
    door = np.repeat(np.arange(len(doors), dtype=np.int32), 2)
    at_node = np.argsort(ends.ravel(), kind="stable")
    by_stretch = np.argsort(doors.stretch, kind="stable")
    return reach_all(
        arcs.begins, arcs.heads, arcs.metres, limit, arcs.width, arcs.longest,
        *_seeds(arcs, sites), sites.stretch, sites.at, sites.leg,
        _where_begin(ends.ravel()[at_node], len(arcs.begins) - 1), door[at_node], doors.to_ends.ravel()[at_node],
        _where_begin(doors.stretch[by_stretch], len(network.stops.line)), by_stretch.astype(np.int32),
        doors.at, doors.leg,
    )


def _where_begin(numbers: Ints, count: int) -> Ints:
    """Where the run of each number begins in sorted numbers, and where the last one ends."""
    return np.searchsorted(numbers, np.arange(count + 1)).astype(np.intp)
