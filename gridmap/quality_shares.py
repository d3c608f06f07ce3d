"""The figures of many areas of a plan at once: counts, means and extremes of the micro-grids of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Shares", "shares_by"]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The figures of one area.

    `micro_grids` are those that the band is for: where people live, and no special site. `special` are special sites,
    `villages` settlements kept whole (both with people, counted apart when out of the band), `unpeopled` ground without
    people. `in_band` is the share of `micro_grids` within the band, `in_wish` that of the `several` (several buildings,
    entrances or floors) within target +-20 %; `deviation` the mean distance from the target over the target, `largest`
    and `smallest` the households of the fullest and the emptiest. `connected` is the share that is one polygon,
    `compactness` the mean of Polsby and Popper (1991), `on_lines` the share of the boundary inside the city that
    follows streets and barriers, None where there is no such boundary. `nested` is the share that lies within its grid.
    `out` counts what is out of the band, `silent` what of it says no reason, `missed` what of the `several` is in the
    band and misses the wish.
    """

    code: str
    name: str
    households: int
    residents: int | None
    micro_grids: int
    villages: int
    special: int
    unpeopled: int
    in_band: float | None
    several: int
    in_wish: float | None
    deviation: float | None
    smallest: int | None
    largest: int | None
    connected: float
    compactness: float | None
    on_lines: float | None
    nested: float
    out: int
    missed: int
    silent: int


def shares_by(
    codes: Sequence[str], names: Sequence[str], number: NDArray[np.intp], table: pd.DataFrame,
    on_lines: NDArray[np.float64],
) -> tuple[Shares, ...]:  # fmt: skip
    """Figures of each area.

    Parameters
    ----------
    codes, names
        Of the areas; each has a micro-grid at least.
    number
        For each row of `table` the position of its area.
    table
        Micro-grids with what they are counted as (`gridmap.quality`): `households`, `residents` where they are known,
        and the columns `counted`, `several`, `lived`, `holds`, `wished`, `missed`, `village`, `special`, `off`,
        `one`, `round`, `drawn`, `nested`, `silent`.
    on_lines
        Share of the boundary of each area that follows lines; NaN where it has none.
    """
    areas = len(codes)

    def flags(name: str) -> NDArray[np.bool_]:
        return table[name].to_numpy(dtype=bool)

    def count(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(number[rows], minlength=areas)

    def mean(values: NDArray[np.float64], rows: NDArray[np.bool_]) -> list[float | None]:
        held = count(rows)
        total = np.bincount(number[rows], values[rows], minlength=areas)
        return [round(float(part) / int(n), 4) if n else None for part, n in zip(total, held, strict=True)]

    everything = np.ones(len(table), dtype=bool)
    households = table["households"].to_numpy(dtype=np.int64)
    counted, several, lived, holds = flags("counted"), flags("several"), flags("lived"), flags("holds")
    least, most = np.full(areas, np.iinfo(np.int64).max), np.full(areas, -1)
    np.minimum.at(least, number[counted], households[counted])
    np.maximum.at(most, number[counted], households[counted])
    people: list[int | None] = [None] * areas
    if "residents" in table:
        residents = table["residents"].to_numpy(dtype="float64", na_value=np.nan)
        told = np.isfinite(residents)
        sums = np.bincount(number[told], residents[told], minlength=areas)
        people = [int(total) if n else None for total, n in zip(sums, count(told), strict=True)]
    homes = np.zeros(areas, dtype=np.int64)
    np.add.at(homes, number, households)
    counts = {
        "micro_grids": count(counted), "villages": count(flags("village")), "special": count(flags("special")),
        "unpeopled": count(~lived), "several": count(several), "out": count(lived & ~holds),
        "missed": count(flags("missed")), "silent": count(flags("silent")),
    }  # fmt: skip
    in_band = mean(holds.astype(float), counted)
    in_wish = mean(flags("wished").astype(float), several)
    deviation = mean(table["off"].to_numpy(dtype=float), counted)
    compactness = mean(table["round"].to_numpy(dtype=float), flags("drawn") & lived)
    connected = mean(flags("one").astype(float), everything)
    nested = mean(flags("nested").astype(float), everything)
    return tuple(
        Shares(
            code=codes[at], name=names[at], households=int(homes[at]), residents=people[at],
            in_band=in_band[at], in_wish=in_wish[at], deviation=deviation[at], compactness=compactness[at],
            smallest=int(least[at]) if counts["micro_grids"][at] else None,
            largest=int(most[at]) if counts["micro_grids"][at] else None,
            connected=connected[at] or 0.0, nested=nested[at] or 0.0,
            on_lines=None if np.isnan(on_lines[at]) else round(float(on_lines[at]), 4),
            **{name: int(values[at]) for name, values in counts.items()},
        )
        for at in range(areas)
    )  # fmt: skip
