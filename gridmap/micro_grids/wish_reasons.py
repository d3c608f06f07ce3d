"""Why a micro-grid within its band misses the wish, though it was put together from pieces or cut from a bigger one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.graph import ALONE, CellGraph

__all__ = ["explain_wish"]

_MOST = 4


def explain_wish(
    graph: CellGraph, zone: np.ndarray, table: pd.DataFrame, band: Band, plain: Sequence[bool]
) -> pd.DataFrame:
    """Reasons for the rows that are within the band, out of the wish, and more than one whole building.

    Parameters
    ----------
    graph
        Cells of the city, with the hard edges shut.
    zone
        Drawn unit of each cell.
    table
        One row a micro-grid: `zone`, `households`, `given`, `floor_from`, `floor_to`, `grid` (number of the grid).
    band
        Households a micro-grid.
    plain
        False for special sites and villages: no wish is for them.

    Returns
    -------
    DataFrame
        `wish_reason` and `wish_reason_zh` on the index of `table`; None where nothing needs saying.
    """
    load = table["households"].to_numpy(dtype=np.int64)
    zones = table["zone"].to_numpy(dtype=np.int64)
    count = int(zone.max(initial=-1)) + 1
    floors = table["floor_from"].notna().to_numpy()
    several = floors | (np.bincount(zone, weights=graph.things, minlength=count)[zones] > 1)
    inside = (load >= band.low) & (load <= band.high)
    off = inside & several & ((load < band.wish_low) | (load > band.wish_high)) & np.asarray(plain, dtype=bool)
    found: dict[str, list[str | None]] = {"wish_reason": [None] * len(table), "wish_reason_zh": [None] * len(table)}
    rows = np.flatnonzero(off)
    if len(rows):
        around, trades = _around(graph, zone, table, band)
        order = np.argsort(zone, kind="stable")
        begin = np.searchsorted(zone[order], np.arange(count + 1))
        given = table["given"].to_numpy(dtype=bool)
        low, high = table["floor_from"].tolist(), table["floor_to"].tolist()
        for row in rows.tolist():  # few: some in a hundred
            number = int(zones[row])
            pieces = graph.households[order[begin[number] : begin[number + 1]]]
            tower = (int(low[row]), int(high[row])) if floors[row] else None
            en, zh = _words(
                int(load[row]), np.sort(pieces[pieces > 0])[::-1], around.get(number, []), number in trades, band,
                tower, bool(given[row]),
            )  # fmt: skip
            found["wish_reason"][row], found["wish_reason_zh"][row] = en, zh
    return pd.DataFrame({name: pd.Series(said, dtype="object") for name, said in found.items()}).set_axis(table.index)


def _words(
    load: int, pieces: np.ndarray, around: list[int], trade: bool, band: Band, tower: tuple[int, int] | None,
    given: bool,
) -> tuple[str, str]:  # fmt: skip
    wish, wish_zh = f"{band.wish_low}-{band.wish_high}", f"{band.wish_low}-{band.wish_high}户"
    if given:
        return f"given with {load} households; the wish is {wish}", f"原有微网格，{load}户；理想为{wish_zh}"
    if tower is not None:
        return (
            f"floors {tower[0]}-{tower[1]} of one tower hold {load} households; whole floors in even bands come no "
            f"nearer to {wish}",
            f"同一楼栋{tower[0]}-{tower[1]}层共{load}户；按整层均分，无法更接近{wish_zh}",
        )
    made = "+".join(str(item) for item in pieces[:_MOST].tolist()) + ("+…" if len(pieces) > _MOST else "")
    en, zh = f"{load} households of pieces {made}", f"{load}户（{made}）"
    if not around:
        why = ("no neighbour of the same grid can be reached", "同一网格内没有可达的相邻微网格")
        return f"{en}; {why[0]}", f"{zh}；{why[1]}"
    listed = ", ".join(str(item) for item in around[:_MOST])
    listed_zh = "、".join(str(item) for item in around[:_MOST])
    if trade:
        why = ("a piece could go over, but not without breaking a micro-grid, its shape or a street",
               "虽有可调整的楼栋，但会破坏连通、形状或沿街边界")
        return f"{en}; beside {listed}: {why[0]}", f"{zh}；相邻{listed_zh}户，{why[1]}"
    return (
        f"{en}; beside {listed}: no piece at its border can change sides so that both have {wish}",
        f"{zh}；相邻{listed_zh}户，边界上没有一栋调整后能使双方都达到{wish_zh}",
    )


def _around(
    graph: CellGraph, zone: np.ndarray, table: pd.DataFrame, band: Band
) -> tuple[dict[int, list[int]], set[int]]:
    """Households of the neighbours of each zone in its grid, fewest first, and the zones that have a piece at their
    border, or their neighbour has one, with which both would meet the wish."""
    one = table.drop_duplicates("zone")
    count = int(zone.max(initial=-1)) + 1
    load, grid = np.zeros(count, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    load[one["zone"]] = np.bincount(zone, weights=graph.households, minlength=count)[one["zone"]]
    grid[one["zone"]] = one["grid"]
    lonely = np.bincount(zone, weights=graph.weight >= ALONE, minlength=count) > 0
    a, b = zone[graph.a], zone[graph.b]
    usable = graph.open & (a != b) & (grid[a] == grid[b]) & (load[a] > 0) & (load[b] > 0) & ~lonely[a] & ~lonely[b]
    ends = np.concatenate([np.column_stack([graph.a, graph.b]), np.column_stack([graph.b, graph.a])])
    ends = ends[np.concatenate([usable, usable])]
    from_zone, to_zone, piece = zone[ends[:, 0]], zone[ends[:, 1]], graph.households[ends[:, 0]]

    def wished(households: np.ndarray) -> np.ndarray:
        return (households >= band.wish_low) & (households <= band.wish_high)

    good = (piece > 0) & wished(load[from_zone] - piece) & wished(load[to_zone] + piece)
    trades = set(from_zone[good].tolist()) | set(to_zone[good].tolist())
    around: dict[int, list[int]] = {}
    for left, right in np.unique(np.column_stack([from_zone, to_zone]), axis=0).tolist():
        around.setdefault(left, []).append(int(load[right]))
    return {number: sorted(loads) for number, loads in around.items()}, trades
