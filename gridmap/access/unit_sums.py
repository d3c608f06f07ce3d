"""Coverage of the units of every level before and after a change, counted again and again for the same doors.

The figures are those of `access.levels.coverage_levels`; what does not change from question to question (which doors
are in which unit, and who lives there) is laid out once, so that a question costs a few sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.access.frames import whole_numbers
from gridmap.access.held_to import Limit, within
from gridmap.access.levels import LEVELS
from layers.schema import NEEDS

__all__ = ["Sums", "UnitSums"]

Floats = NDArray[np.float64]
_NEEDS = ("residents", *(need.name for need in NEEDS))


@dataclass(frozen=True)
class Sums:
    """One kind counted: by micro-grid what is covered of each group, what is not known, who reaches any, and metres."""

    covered: Floats
    unknown: Floats
    reached: Floats
    metres: Floats


class UnitSums:
    """Doors laid out by unit.

    Parameters
    ----------
    codes
        Codes of the micro-grids that are counted.
    buildings
        Rows with `micro_grid`, `households` and needs as counts; those in none of the micro-grids are left out.

    Examples
    --------
    >>> grid = "330106001001001"
    >>> homes = pd.DataFrame({"micro_grid": [grid + "001", grid + "002"], "households": [30, 10], "aged_80": [1, 3]})
    >>> units = UnitSums([grid + "001", grid + "002"], homes)
    >>> limit = Limit("market", 500.0, False)
    >>> now, then = (units.count(np.array(metres), limit) for metres in ([400.0, 600.0], [400.0, 300.0]))
    >>> table = units.compare(now, then, limit)
    >>> table.loc[table["level"] == "city", ["covered_before", "covered_after", "aged_80_after"]].values.tolist()
    [[30, 40, 4]]
    >>> table.loc[table["changed"], "level"].tolist()
    ['city', 'districts', 'streets', 'communities', 'grids', 'micro_grids']
    """

    def __init__(self, codes: Sequence[str], buildings: pd.DataFrame) -> None:
        self.codes = pd.Index(sorted(set(codes)))
        unit = self.codes.get_indexer(pd.Index(buildings["micro_grid"]))
        self.needs = [name for name in _NEEDS if name in buildings and buildings[name].notna().any()]
        people = np.column_stack([whole_numbers(buildings, name, "buildings") for name in ("households", *self.needs)])
        self.rows = np.flatnonzero((unit >= 0) & (people.sum(axis=1) > 0))
        self._unit, self._people = unit[self.rows], people[self.rows].astype(np.float64)
        self._whole = self._sums(self._people)
        text = pd.Series(self.codes, dtype="object").astype(str)
        self._groups = {level: pd.factorize(text.str[:digits]) for level, digits in LEVELS.items()}
        self.communities = text.str[: LEVELS["communities"]].to_numpy(dtype=object)

    def count(
        self, walk: Floats, limit: Limit, *, unmapped: NDArray[np.bool_] | None = None, mapped: bool = True
    ) -> Sums:
        """Count one kind.

        Parameters
        ----------
        walk
            Metres of every building that was given, in that order; NaN where none is within reach.
        limit
            What it is held to.
        unmapped
            Of `codes`: where the kind is most likely not mapped, so that what looks like a gap is unknown.
        mapped
            False where there is none of the kind at all, so that nothing is known.
        """
        own = walk[self.rows]
        covered = self._sums(self._people * within(own, limit)[:, None])
        near = np.isfinite(own)
        homes = np.where(near, self._people[:, 0], 0.0)
        known = np.full(len(self.codes), mapped)
        if unmapped is not None:
            known &= ~(unmapped & (covered[:, 0] == 0))
        return Sums(
            covered=covered, unknown=np.where(known, 0.0, self._whole[:, 0]),
            reached=_up(homes, self._unit, len(self.codes)),
            metres=_up(homes * np.where(near, own, 0.0), self._unit, len(self.codes)),
        )

    def compare(self, before: Sums, after: Sums, limit: Limit) -> pd.DataFrame:
        """Both on one row a unit, the whole first (`level` = city); columns as `gridmap.what_if.Supposed.units`."""
        tables = []
        for level, (group, names) in self._groups.items():
            told = {"level": level, "code": names.to_numpy(dtype=object), "kind": limit.kind}
            told |= {"households": _up(self._whole[:, 0], group, len(names)).astype(np.int64)}
            for when, sums in (("before", before), ("after", after)):
                told |= self._figures(sums, group, len(names), when, limit)
            tables.append(told)
        tables.insert(0, self._total(tables[0], limit))
        columns = list(tables[1])
        made = pd.DataFrame({
            name: np.concatenate([np.broadcast_to(table[name], len(table["code"])) for table in tables])
            for name in columns
        })
        same = np.ones(len(made), dtype=bool)
        for stem in ("status", "coverage", "covered", "walk_m_mean", *self.needs):
            left, right = made[f"{stem}_before"].to_numpy(), made[f"{stem}_after"].to_numpy()
            alike = left == right
            if left.dtype.kind == "f":
                alike |= np.isnan(left) & np.isnan(right)
            same &= alike
        return made.assign(changed=~same)

    def _figures(self, sums: Sums, group: NDArray, size: int, when: str, limit: Limit) -> dict[str, NDArray]:
        inside = [_up(sums.covered[:, at], group, size) for at in range(sums.covered.shape[1])]
        unsure = _up(sums.unknown, group, size)
        sure = _up(self._whole[:, 0], group, size) - unsure
        with np.errstate(invalid="ignore"):
            share, mean = inside[0] / sure, _up(sums.metres, group, size) / _up(sums.reached, group, size)
        return _named(when, inside, unsure, sure, share, mean, self.needs, limit)

    def _total(self, districts: dict, limit: Limit) -> dict:
        """The row of the whole from those of the districts: sums, and the mean walk by their households."""
        told = {"level": "city", "code": np.array([""], dtype=object), "kind": limit.kind,
                "households": np.array([districts["households"].sum()])}
        for when in ("before", "after"):
            inside = [districts[f"{name}_{when}"].sum(keepdims=True).astype(np.float64)
                      for name in ("covered", *self.needs)]
            unsure = districts[f"unknown_households_{when}"].sum(keepdims=True).astype(np.float64)
            sure = told["households"] - unsure
            mean = districts[f"walk_m_mean_{when}"]
            weight = districts["households"] * ~np.isnan(mean)
            with np.errstate(invalid="ignore"):
                share = inside[0] / sure
                walked = np.array([np.nansum(mean * weight)]) / weight.sum()
            told |= _named(when, inside, unsure, sure, share, walked, self.needs, limit)
        return told

    def _sums(self, values: Floats) -> Floats:
        return np.column_stack([
            np.bincount(self._unit, weights=values[:, at], minlength=len(self.codes)) for at in range(values.shape[1])
        ])


def _named(
    when: str, inside: list[Floats], unsure: Floats, sure: Floats, share: Floats, mean: Floats, needs: Sequence[str],
    limit: Limit,
) -> dict[str, NDArray]:
    status = np.select(
        [sure == 0, inside[0] == sure, inside[0] > 0], ["no_data", "covered", "partial"], "gap"
    ).astype(object)
    return {
        f"norm_m_{when}": np.full(len(sure), limit.metres),
        f"unknown_households_{when}": np.rint(unsure).astype(np.int64),
        f"status_{when}": status, f"coverage_{when}": share,
        f"covered_{when}": np.rint(inside[0]).astype(np.int64), f"walk_m_mean_{when}": mean,
        **{f"{need}_{when}": np.rint(values).astype(np.int64) for need, values in zip(needs, inside[1:], strict=True)},
    }


def _up(values: Floats, group: NDArray, size: int) -> Floats:
    return np.bincount(group, weights=values, minlength=size).astype(np.float64)
