"""A plan mended where it broke: as few households as possible change their micro-grid.

After a change most micro-grids are as good as before. Only those that are not are looked at: cells are traded with a
neighbour, two micro-grids are joined, one is cut, or one and up to three neighbours are cut anew; of all that is tried
the cheapest is taken, and every household that changes its micro-grid costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gridmap.micro_grids.balance import Wishes, balance
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.edit_ground import Ground

__all__ = ["Mending", "mend"]

#: Cost of a target's households that change micro-grid, beside the costs of load and shape.
STAY = 1.0
#: Neighbours that are cut anew together with a bad micro-grid, at most.
MOST_JOINED = 3
#: Cells that are cut anew at once, at most.
_MOST_CELLS = 250
_BAD, _MEAGRE = 6.0, 1.2


@dataclass(frozen=True)
class Mending:
    """What is asked of a mended plan.

    `frozen` zones are left as they are and take nothing; `stay` is the cost of moving one target's households;
    `most_cells` are cut anew at once.
    """

    band: Band
    seed: int = 0
    wishes: Wishes = field(default_factory=Wishes)
    stay: float = STAY
    frozen: frozenset[int] = frozenset()
    most_cells: int = _MOST_CELLS


def mend(ground: Ground, zone: np.ndarray, home: np.ndarray, todo: Collection[int], rules: Mending) -> np.ndarray:
    """Zones of cells with the bad ones mended.

    Parameters
    ----------
    ground
        Cells with their neighbours.
    zone
        Zone of each cell, each zone one piece over open boundaries.
    home
        Zone that the households of each cell had before the change, -1 for new ones.
    todo
        Zones to look at first; others are touched only as their neighbours.
    rules
        Band, weights, seed, and the zones that stay as they are.

    Returns
    -------
    array of int64: the zone of each cell; numbers that were not in use before stand for new zones.

    Examples
    --------
    See `gridmap.micro_grids.resplit`.
    """
    work = _Work(ground, zone, home, rules)
    queue = sorted(set(todo) - rules.frozen)
    tries: dict[int, int] = {}
    while queue:
        number = queue.pop(0)
        if not work.members.get(number) or work.size_cost(number) < _MEAGRE:
            continue
        tries[number] = tries.get(number, 0) + 1
        touched = work.mend_one(number)
        for other in touched:
            if tries.get(other, 0) < 3 and other not in queue and work.size_cost(other) >= _MEAGRE:
                queue.append(other)
    return work.zone


class _Work:
    """A plan while it is mended."""

    def __init__(self, ground: Ground, zone: np.ndarray, home: np.ndarray, rules: Mending) -> None:
        self.ground, self.rules = ground, rules
        self.zone = np.array(zone, dtype=np.int64)
        self.home: list[int] = home.tolist()
        self.members: dict[int, set[int]] = {}
        for cell, number in enumerate(self.zone.tolist()):
            self.members.setdefault(number, set()).add(cell)
        self._next = int(self.zone.max(initial=-1)) + 1

    # costs

    def size_cost(self, number: int) -> float:
        """0 for a load as wished, at least 1.2 for one out of the wish, at least 6 out of the band."""
        return self._size_cost(self.members[number])

    def _size_cost(self, members: set[int]) -> float:
        ground, band = self.ground, self.rules.band
        lonely = sum(ground.alone[cell] for cell in members)
        load = sum(ground.load[cell] for cell in members)
        peopled = sum(ground.load[cell] > 0 for cell in members)
        if lonely:
            return 0.0 if lonely == peopled == 1 else 30.0 * (lonely + peopled)
        if load == 0:
            return 9.0
        away = (load - band.target) / band.target
        cost = 0.5 * away * away
        if not band.holds(load):
            cost += _BAD + 6.0 * max(band.low - load, load - band.high) / band.target
        elif peopled > 1 and not band.wish_low <= load <= band.wish_high:
            cost += _MEAGRE + 2.0 * max(band.wish_low - load, load - band.wish_high) / band.target
        return cost

    def _cost(self, groups: list[set[int]]) -> float:
        """Cost of zones made of some cells: loads, shapes, boundaries off streets, and households that move."""
        wishes = self.rules.wishes
        total = 0.0
        for members in groups:
            figures = self.ground.figures(members)
            if figures.pieces > 1 or figures.crossing:
                return np.inf
            total += self._size_cost(members) + 1.1
            total += wishes.shape / max(figures.compactness, 1e-6) ** 0.5
            total += wishes.streets * (1.0 - (figures.street_share if figures.street_share is not None else 1.0))
        return total + self.rules.stay * self._moved(groups) / self.rules.band.target

    def _moved(self, groups: list[set[int]]) -> int:
        """Households that are not with the zone that most of their group had before; each zone is matched once."""
        load, home = self.ground.load, self.home
        shares: dict[tuple[int, int], int] = {}
        all_of_them = 0
        for position, members in enumerate(groups):
            for cell in members:
                if home[cell] >= 0 and load[cell]:
                    all_of_them += load[cell]
                    key = (position, home[cell])
                    shares[key] = shares.get(key, 0) + load[cell]
        matched, used_groups, used_homes = 0, set(), set()
        for (position, old), count in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
            if position not in used_groups and old not in used_homes:
                used_groups.add(position)
                used_homes.add(old)
                matched += count
        return all_of_them - matched

    # candidates

    def mend_one(self, number: int) -> list[int]:
        """The best that can be done for one zone; the zones that it left in another state."""
        best: tuple[float, tuple[int, ...], list[set[int]]] | None = None
        for effort in (self._trades, self._joins, self._near_cuts, self._far_cuts):
            for old, groups in effort(number):
                gain = self._cost(groups) - self._cost([self.members[item] for item in old])
                if gain < -1e-9 and (best is None or gain < best[0] - 1e-9):
                    best = (gain, old, groups)
            if best is not None and all(self._size_cost(group) < _MEAGRE for group in best[2]):
                break  # good: no need to look for something larger
        return [] if best is None else self._put(best[1], best[2])

    def _around(self, members: set[int]) -> list[int]:
        """Zones beside some cells over open boundaries, those with most common boundary first; none that is frozen."""
        shared: dict[int, float] = {}
        for cell in members:
            for other, length, _, is_open in self.ground.ties[cell]:
                if is_open and other not in members:
                    number = int(self.zone[other])
                    shared[number] = shared.get(number, 0.0) + length
        usable = [item for item in shared if item not in self.rules.frozen and not self._stack(item)]
        return sorted(usable, key=lambda item: (-round(shared[item], 3), item))

    def _stack(self, number: int) -> bool:
        return any(self.ground.alone[cell] for cell in self.members[number])

    def _trades(self, number: int) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
        """One inhabited cell taken from a neighbour or given to it."""
        mine = self.members[number]
        if self._stack(number):
            return
        for other in self._around(mine):
            theirs = self.members[other]
            for source, target, taking in ((theirs, mine, True), (mine, theirs, False)):
                for cell in sorted(source):
                    if not self.ground.load[cell] or len(source) < 2:
                        continue
                    if any(tie[0] in target and tie[3] for tie in self.ground.ties[cell]):
                        left, right = source - {cell}, target | {cell}
                        yield (number, other), [right, left] if taking else [left, right]

    def _joins(self, number: int) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
        """The zone joined to a neighbour; a stack takes only ground where nobody lives."""
        mine = self.members[number]
        for other in self._around(mine):
            yield (number, other), [mine | self.members[other]]

    def _near_cuts(self, number: int) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
        """The zone, alone or with one neighbour, cut anew."""
        if not self._stack(number):
            yield from self._cut((number,))
            for other in self._around(self.members[number]):
                yield from self._cut((number, other))

    def _far_cuts(self, number: int) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
        """A zone out of the band with several neighbours: what it lacks may be found only one zone further on."""
        if self._stack(number) or self.size_cost(number) < _BAD:
            return
        around = self._around(self.members[number])
        chains = {
            tuple(sorted((number, first, item)))
            for first in around[:4]
            for item in [other for other in self._around(self.members[first]) if other != number][:4]
        }
        for chosen in sorted(chains):
            yield from self._cut(chosen)
        if len(around) >= MOST_JOINED:
            yield from self._cut((number, *around[:MOST_JOINED]))

    def _cut(self, chosen: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], list[set[int]]]]:
        cells = np.array(sorted(set().union(*(self.members[item] for item in chosen))), dtype=np.int64)
        if not 2 <= len(cells) <= self.rules.most_cells:
            return
        wishes = replace(self.rules.wishes, rounds=2, tries=4, polish=1, finish=1.0)
        label = balance(self.ground.graph.part(cells), self.rules.band, seed=self.rules.seed, wishes=wishes)
        yield chosen, [set(cells[label == item].tolist()) for item in range(int(label.max()) + 1)]

    def _put(self, old: tuple[int, ...], groups: list[set[int]]) -> list[int]:
        """New groups in place of old zones; each keeps the number of the zone from which it has most households."""
        load = self.ground.load
        shares = sorted(
            (-sum(load[cell] for cell in group & self.members[item]), -len(group & self.members[item]), item, position)
            for item in old
            for position, group in enumerate(groups)
        )
        numbers: dict[int, int] = {}
        for _, common, item, position in shares:
            if common and position not in numbers and item not in numbers.values():
                numbers[position] = item
        for item in old:
            self.members[item] = set()
        for position, group in enumerate(groups):
            if position not in numbers:
                numbers[position] = self._next
                self._next += 1
            self.members[numbers[position]] = group
            self.zone[sorted(group)] = numbers[position]
        return [numbers[position] for position in range(len(groups))]
