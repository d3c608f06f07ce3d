"""A plan edited by hand: cells go from one micro-grid to another, with an instant answer, undo and redo.

Nothing is drawn: an edit gives cells (buildings, parts, blocks) to another micro-grid, and the areas of both sides
follow from the cells that they are made of, so that the tiling stays exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.balance import balance
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.codes import child_codes
from gridmap.micro_grids.edit_answers import Answer, Breach, Side, apart
from gridmap.micro_grids.edit_answers import locked as locked_breach
from gridmap.micro_grids.edit_ground import Ground
from gridmap.micro_grids.edit_places import place_rules
from gridmap.micro_grids.graph import CellGraph
from layers.errors import MoveNotAllowed, NotFound, WrongCall

__all__ = ["Draft", "Move"]

NEW = "new"


@dataclass(frozen=True)
class Move:
    """Cells by code, and the micro-grid that each goes to; `new` or `new 2` for one that does not exist yet."""

    cells: tuple[str, ...]
    to: tuple[str, ...]
    what: str = "move"


@dataclass(frozen=True)
class _Step:
    cells: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    move: Move


class Draft:
    """A plan opened for editing.

    Parameters
    ----------
    cells
        Kept cells: `code`, `micro_grid` (of a stack: the stack's code), `community`, `households`, `alone`, geometry.
    parts
        Buildings and parts of buildings: `code`, `part_of`, `cell`, `households`.
    graph, block
        From `graph_of_cells`, in the order of `cells`.
    band
        Households a micro-grid.
    stacks
        Codes of the micro-grids that are a stack of floors.
    locked
        Codes that no edit may touch.
    given_grids
        Grids whose boundary is not ours to move.
    taken
        Codes that exist or ever existed, beside those in `cells`: a new micro-grid gets none of them.
    kinds
        Codes of special sites (`special`) and villages (`village`), with which it is: the band is not for them.

    Examples
    --------
    >>> from gridmap.micro_grids.cell_graph import graph_of_cells
    >>> grid = "990101001001001"
    >>> cells = gpd.GeoDataFrame(
    ...     {"code": ["c1", "c2", "c3"], "micro_grid": [grid + "001", grid + "001", grid + "002"],
    ...      "community": grid[:12], "households": [10, 12, 20], "alone": False},
    ...     geometry=list(shapely.box([0, 10, 20], 0, [10, 20, 30], 10)), crs="EPSG:4547")
    >>> parts = pd.DataFrame({"code": ["a", "b", "c"], "part_of": None, "cell": ["c1", "c2", "c3"],
    ...                       "households": [10, 12, 20]})
    >>> draft = Draft(cells, parts, *graph_of_cells(cells), Band(15, 25, 40))
    >>> answer = draft.apply(draft.move(draft.cells_of_building("b"), grid + "002"))
    >>> answer.words("en")
    ['990101001001001001 would have 10 households, fewer than 15']
    >>> draft.undo()
    True
    >>> draft.households(grid + "001")
    22
    """

    def __init__(
        self,
        cells: gpd.GeoDataFrame,
        parts: pd.DataFrame,
        graph: CellGraph,
        block: np.ndarray,
        band: Band,
        *,
        stacks: Collection[str] = (),
        locked: Collection[str] = (),
        given_grids: Collection[str] = (),
        taken: Collection[str] = (),
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        if len(graph) != len(cells):
            raise WrongCall(f"the graph has {len(graph)} cells and the frame {len(cells)}; make it from the same frame")
        self.band, self.stacks, self.locked = band, frozenset(stacks), frozenset(locked)
        self.given_grids, self.kinds = frozenset(given_grids), dict(kinds or {})
        self.crs = cells.crs
        self._ground, self._block = Ground(cells, graph), block
        self._name: list[str] = cells["code"].astype(str).tolist()
        self._at = {code: number for number, code in enumerate(self._name)}
        codes, zone = np.unique(cells["micro_grid"].astype(str).to_numpy(dtype=object), return_inverse=True)
        self._code: list[str] = codes.tolist()
        self._zone: list[int] = zone.ravel().tolist()
        self._first = tuple(self._zone)
        self._number = {code: number for number, code in enumerate(self._code)}
        self._members: list[set[int]] = [set() for _ in self._code]
        for cell, number in enumerate(self._zone):
            self._members[number].add(cell)
        self._taken = set(self._code) | set(taken) | set(locked)
        self._parts = parts
        self._held: dict[int, list[str]] = {}
        for code, cell in zip(parts["code"].tolist(), parts["cell"].tolist(), strict=True):
            if cell in self._at:
                self._held.setdefault(self._at[cell], []).append(str(code))
        self._done: list[_Step] = []
        self._undone: list[_Step] = []

    # what to move

    def cells_of_building(self, code: str) -> list[str]:
        """Cells of a building, or of all its parts; what shares its cell moves along.

        Raises
        ------
        NotFound
            There is no such building here.
        """
        hit = (self._parts["code"] == code) | (self._parts["part_of"] == code)
        found = [cell for cell in dict.fromkeys(self._parts["cell"][hit].tolist()) if cell in self._at]
        if not found:
            raise NotFound(f"there is no building {code} in this plan; give a code of the layer buildings")
        return found

    def cells_of_block(self, cell: str) -> list[str]:
        """Cells of the street block that a cell lies in."""
        here = self._block[self._position(cell)]
        return [self._name[number] for number in np.flatnonzero(self._block == here)]

    def blocks(self) -> pd.Series:
        """Number of the street block of each cell, by the cell's code."""
        return pd.Series(np.asarray(self._block, dtype=np.int64), index=self._name)

    def cells_within(self, lasso: shapely.Geometry) -> list[str]:
        """Cells whose middle lies in an area drawn by hand, in the plan's CRS."""
        shapely.prepare(lasso)
        inside = shapely.intersects(lasso, shapely.point_on_surface(self._ground.shape))
        return [self._name[number] for number in np.flatnonzero(inside)]

    def cells_of(self, code: str) -> list[str]:
        """Cells of a micro-grid (of a stack: of its ground)."""
        return [self._name[cell] for cell in sorted(self._members[self._zone_number(code)])]

    def neighbours(self, cells: Sequence[str]) -> list[str]:
        """Codes of the micro-grids beside some cells, those that the cells are in left out: where they could go.

        The one with the longest common border comes first.
        """
        chosen = {self._position(cell) for cell in cells}
        own = {self._zone[cell] for cell in chosen}
        metres: dict[int, float] = {}
        for cell in chosen:
            for other, length, *_ in self._ground.ties[cell]:
                if other not in chosen and self._zone[other] not in own:
                    metres[self._zone[other]] = metres.get(self._zone[other], 0.0) + length
        return [self._code[zone] for zone in sorted(metres, key=lambda zone: (-metres[zone], self._code[zone]))]

    # moves

    def move(self, cells: Sequence[str], to: str | None) -> Move:
        """Cells to a micro-grid, or to a new one (`None`)."""
        return Move(tuple(cells), (to or NEW,) * len(cells))

    def merge(self, code: str, into: str) -> Move:
        """A micro-grid joined to another one; a stack keeps its code, whichever way round it is asked."""
        if code in self.stacks and into not in self.stacks:
            code, into = into, code
        cells = tuple(self.cells_of(code))
        return Move(cells, (into,) * len(cells), "merge")

    def divide(self, code: str, parts: int = 2) -> Move:
        """A micro-grid cut into several of about equal load; the part with most households keeps the code.

        Raises
        ------
        MoveNotAllowed
            Where it cannot be cut: one building, or a stack of floors.
        """
        members = sorted(self._members[self._zone_number(code)])
        total = sum(self._ground.load[cell] for cell in members)
        aim = max(1, total // max(parts, 2))
        label = np.zeros(len(members), dtype=np.int64)
        if not any(self._ground.alone[cell] for cell in members) and len(members) > 1:
            narrow = Band(max(1, aim // 2), aim, max(aim, -(-aim * 3 // 2)))
            label = balance(self._ground.graph.part(np.array(members)), narrow, seed=0)
        if label.max(initial=0) == 0:
            raise MoveNotAllowed(f"{code} cannot be divided: it is one building, or floors of one tower")
        loads = np.bincount(label, weights=[self._ground.load[cell] for cell in members])
        keep = int(np.argmax(loads))
        away = [(self._name[cell], int(number)) for cell, number in zip(members, label, strict=True) if number != keep]
        rank = {number: place for place, number in enumerate(sorted({number for _, number in away}), start=1)}
        names = tuple(f"{NEW} {rank[number]}" for _, number in away)
        return Move(tuple(cell for cell, _ in away), names, "divide")

    # answers

    def preview(self, move: Move, *, geometry: bool = False) -> Answer:
        """What a move would do; nothing changes.

        Parameters
        ----------
        move
            From `move`, `merge` or `divide`.
        geometry
            Whether the sides carry their areas after the move.
        """
        return self._judged(self._targets(move), geometry)[0]

    def apply(self, move: Move) -> Answer:
        """Make a move; the sides of the answer carry their new areas.

        Raises
        ------
        MoveNotAllowed
            With the sentences of the answer, where it breaks a rule that nothing can be done about.
        """
        answer, after, codes = self._judged(self._targets(move), True)
        if not answer.allowed:
            raise MoveNotAllowed("; ".join(breach.en for breach in answer.breaches if breach.refused))
        numbers = {key: self._new_zone(codes[key]) if key < 0 else key for key in after}
        cells = tuple(sorted(cell for cell in _moved(after, self._zone)))
        where = {cell: numbers[key] for key, members in after.items() for cell in members}
        step = _Step(cells, tuple(self._zone[c] for c in cells), tuple(where[c] for c in cells), move)
        self._put(step.cells, step.after)
        self._done.append(step)
        self._undone.clear()
        return answer

    def undo(self) -> bool:
        """Take the last move back; False where there is none."""
        if not self._done:
            return False
        step = self._done.pop()
        self._put(step.cells, step.before)
        self._undone.append(step)
        return True

    def redo(self) -> bool:
        """Make the move that was taken back last again; False where there is none."""
        if not self._undone:
            return False
        step = self._undone.pop()
        self._put(step.cells, step.after)
        self._done.append(step)
        return True

    @property
    def history(self) -> list[Move]:
        """Moves made, oldest first."""
        return [step.move for step in self._done]

    @property
    def undone(self) -> list[Move]:
        """Moves taken back, the next one to be made again first."""
        return [step.move for step in reversed(self._undone)]

    # the plan as it is now

    def households(self, code: str) -> int:
        """Households on the ground of a micro-grid."""
        return sum(self._ground.load[cell] for cell in self._members[self._zone_number(code)])

    def area(self, code: str) -> shapely.Geometry:
        """Area of a micro-grid, exact on its cells."""
        return self._ground.drawn(self._members[self._zone_number(code)])

    def changed(self) -> list[str]:
        """Codes of the micro-grids that have other cells than when the draft was opened, those that ended included."""
        pairs = [(old, new) for old, new in zip(self._first, self._zone, strict=True) if old != new]
        return sorted({self._code[number] for pair in pairs for number in pair})

    def zones(self) -> pd.Series:
        """Micro-grid of each cell, by the cell's code."""
        return pd.Series([self._code[number] for number in self._zone], index=self._name, dtype="object")

    def frame(self) -> gpd.GeoDataFrame:
        """Every micro-grid with its households and area, by code."""
        alive = sorted((code, number) for number, code in enumerate(self._code) if self._members[number])
        return gpd.GeoDataFrame(
            {
                "code": [code for code, _ in alive],
                "households": [sum(self._ground.load[cell] for cell in self._members[number]) for _, number in alive],
            },
            geometry=[self._ground.drawn(self._members[number]) for _, number in alive], crs=self.crs,
        )  # fmt: skip

    def check(self) -> list[Breach]:
        """Everything that would be refused, looked for in the whole plan as it is now; done again before saving."""
        found: list[Breach] = []
        first: list[set[int]] = [set() for _ in self._code]
        for cell, number in enumerate(self._first):
            first[number].add(cell)
        for number, code in enumerate(self._code):
            members = self._members[number]
            if code in self.locked and members != first[number]:
                found.append(locked_breach(code))
            if not members or members == first[number]:
                continue
            figures = self._ground.figures(members)
            found += [item for item in self._ground.breaches(code, members, figures, None, self.band) if item.refused]
            if self._ground.drawn(members).geom_type != "Polygon":
                found.append(apart(code, max(2, figures.pieces)))
        if sum(len(members) for members in self._members) != len(self._zone):
            found.append(Breach("cells", "a cell is in two micro-grids or in none", "有地块重复或遗漏", True))
        return found

    # inside

    def _position(self, cell: str) -> int:
        if cell not in self._at:
            raise NotFound(f"there is no cell {cell} in this plan; give a code of the layer cells")
        return self._at[cell]

    def _zone_number(self, code: str) -> int:
        number = self._number.get(code)
        if number is None or not self._members[number]:
            raise NotFound(f"there is no micro-grid {code} in this plan (of a stack of floors, give the stack's code)")
        return number

    def _targets(self, move: Move) -> dict[int, int]:
        """Cell -> zone it goes to; new ones have negative numbers."""
        if len(move.cells) != len(move.to) or not move.cells:
            raise WrongCall("a move names at least one cell, and one micro-grid for each")
        fresh: dict[str, int] = {}
        found: dict[int, int] = {}
        for cell, to in zip(move.cells, move.to, strict=True):
            key = fresh.setdefault(to, -1 - len(fresh)) if to.startswith(NEW) else self._zone_number(to)
            found[self._position(cell)] = key
        return {cell: key for cell, key in found.items() if self._zone[cell] != key}

    def _judged(self, targets: Mapping[int, int], geometry: bool) -> tuple[Answer, dict[int, set[int]], dict[int, str]]:
        after: dict[int, set[int]] = {}
        for cell, key in targets.items():
            source = self._zone[cell]
            after.setdefault(source, set(self._members[source])).discard(cell)
            after.setdefault(key, set(self._members[key]) if key >= 0 else set()).add(cell)
        codes = self._codes_for(after)
        breaches: list[Breach] = []
        if not targets:
            breaches.append(Breach("nothing", "nothing would change", "没有变化", True))
        breaches += [locked_breach(codes[key]) for key in after if codes[key] in self.locked]
        breaches += self._border_rules(targets, codes)
        breaches += place_rules(self._ground, targets, self._zone, self._code, codes, self.kinds)
        sides: list[Side] = []
        for key in sorted(after, key=lambda item: codes[item]):
            code, members = codes[key], after[key]
            before = self._ground.figures(self._members[key]) if key >= 0 else None
            if not members:
                breaches.append(Breach("ends", f"{code} ends: nothing is left of it", f"{code}不再保留", False))
                sides.append(Side(code, before, None, True))
                continue
            figures = self._ground.figures(members)
            band = None if code in self.kinds else self.band
            breaches += self._ground.breaches(code, members, figures, before, band)
            holds = self.band.holds(figures.households)
            sides.append(Side(code, before, figures, holds, self._ground.drawn(members) if geometry else None))
        if len(after) == 2 and min(after) < 0 and not after[max(after)]:
            breaches.append(Breach("nothing", "all of a micro-grid as a new one is no change", "没有变化", True))
        moved = sorted({code for cell in targets for code in self._held.get(cell, ())})
        total = sum(self._ground.load[cell] for cell in targets)
        return Answer(tuple(sides), tuple(breaches), tuple(moved), total), after, codes

    def _codes_for(self, after: Mapping[int, set[int]]) -> dict[int, str]:
        codes = {key: self._code[key] for key in after if key >= 0}
        # a code that was given and taken back is free again
        taken = self._taken | {self._code[number] for step in self._done for number in (*step.before, *step.after)}
        for key in sorted((key for key in after if key < 0), reverse=True):
            cell = min(after[key])
            parent = self._code[self._zone[cell]][:15]
            codes[key] = child_codes(parent, np.zeros(1, dtype=np.int64), taken, what="micro_grids")[0]
            taken.add(codes[key])
        return codes

    def _border_rules(self, targets: Mapping[int, int], codes: Mapping[int, str]) -> Iterable[Breach]:
        at, community = self._zone, self._ground.community
        pairs = sorted({(self._code[at[cell]], codes[key], community[cell]) for cell, key in targets.items()})
        for old, new, within in pairs:
            if not new.startswith(within):
                words = f"{new} lies in another community than {old}", f"{new}与{old}不在同一社区"
                yield Breach("community", *words, True)
            elif old[:15] != new[:15]:
                fixed = {old[:15], new[:15]} & self.given_grids
                yield Breach(
                    "grid", f"the boundary between grids {old[:15]} and {new[:15]} moves too",
                    f"网格{old[:15]}与{new[:15]}的边界随之改变", bool(fixed),
                )  # fmt: skip
        for code in sorted({self._code[self._zone[cell]] for cell in targets if self._ground.alone[cell]}):
            yield Breach(
                "stack", f"the tower of {code} keeps its micro-grids; give the ground beside it to others instead",
                f"{code}的高楼单独成格，请改为移出其周边地块", True,
            )  # fmt: skip

    def _new_zone(self, code: str) -> int:
        if code not in self._number:
            self._number[code] = len(self._code)
            self._code.append(code)
            self._members.append(set())
        return self._number[code]

    def _put(self, cells: Sequence[int], zones: Sequence[int]) -> None:
        for cell, zone in zip(cells, zones, strict=True):
            self._members[self._zone[cell]].discard(cell)
            self._members[zone].add(cell)
            self._zone[cell] = zone


def _moved(after: Mapping[int, set[int]], zone: Sequence[int]) -> Iterable[int]:
    """Cells that are in another zone than before."""
    return (cell for key, members in after.items() for cell in members if zone[cell] != key)
