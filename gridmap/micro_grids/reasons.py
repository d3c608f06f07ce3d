"""Why a micro-grid is out of its band, in words and figures, Chinese and English."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.graph import CellGraph

__all__ = ["explain"]


def explain(
    graph: CellGraph,
    zone: np.ndarray,
    table: pd.DataFrame,
    band: Band,
    piece_households: np.ndarray,
) -> pd.DataFrame:
    """Reasons for the rows that are out of the band.

    Parameters
    ----------
    graph
        Cells of the city, with the hard edges shut.
    zone
        Drawn unit of each cell.
    table
        One row a micro-grid: `zone`, `households`, `part_reason` (from the towers), `given`, `unpeopled`, `opened`,
        `floor_from`, `floor_to`, `grid` (number of the grid).
    band
        Households a micro-grid.
    piece_households
        Per micro-grid, the households of the connected piece of its grid that it lies in.

    Returns
    -------
    DataFrame
        `reason` and `reason_zh` on the index of `table`; None where the band holds and nothing needs saying.
    """
    low, high = band.low, band.high
    households = table["households"].to_numpy()
    neighbours = _neighbour_loads(graph, zone, table)
    reasons: list[str | None] = []
    words: list[str | None] = []
    opened = table["opened"].tolist()
    for row, count in enumerate(households.tolist()):  # sentences are put together one by one
        en: str | None = None
        zh: str | None = None
        around = neighbours.get(row, [])
        if not band.holds(count):
            floors = table["floor_from"].iat[row]
            if table["given"].iat[row]:
                en = f"given with {count} households; the band is {low}-{high}"
                zh = f"原有微网格，{count}户；标准为{low}-{high}户"
            elif pd.notna(table["part_reason"].iat[row]):
                en = str(table["part_reason"].iat[row])
                zh = f"单个单元{count}户，楼层不详或无法再分"
            elif pd.notna(floors):
                top = table["floor_to"].iat[row]
                en = f"floors {floors}-{top} of one tower hold {count} households; only whole floors are divided"
                zh = f"同一楼栋{floors}-{top}层共{count}户；只按整层划分"
            elif count == 0:
                en, zh = "nobody lives here", "无人居住"
            elif piece_households[row] < low:
                en = f"cut off by hard barriers, the outline or stacked towers: only {count} households can be reached"
                zh = f"被河流、铁路、边界或整栋高楼隔开，只有{count}户"
            elif around:
                listed = ", ".join(str(item) for item in around[:4])
                if min(around) + count > high:
                    en = f"{count} households; its neighbours hold {listed}; joining any of them gives more than {high}"
                    zh = f"{count}户；相邻微网格{listed}户，合并后超过{high}户"
                else:
                    en = f"{count} households beside {listed}; the best plan found leaves it out of the band"
                    zh = f"{count}户；相邻{listed}户，未找到更好的划分"
            else:
                en = f"{count} households stand alone: no neighbour of the same grid can be joined"
                zh = f"{count}户独处，同一网格内无相邻片区可并"
        if opened[row]:
            crossing = "crosses a hard barrier, because a piece behind it could not reach the minimum"
            crossing_zh = "跨越屏障：屏障后的片区户数不足，无法单独成格"
            en = crossing if en is None else f"{en}; {crossing}"
            zh = crossing_zh if zh is None else f"{zh}；{crossing_zh}"
        reasons.append(en)
        words.append(zh)
    return pd.DataFrame(
        {"reason": pd.Series(reasons, dtype="object"), "reason_zh": pd.Series(words, dtype="object")}
    ).set_axis(table.index)


def _neighbour_loads(graph: CellGraph, zone: np.ndarray, table: pd.DataFrame) -> dict[int, list[int]]:
    """Households of the open neighbours of each row in the same grid, fewest first; stacks are no neighbours."""
    load = table["households"].to_numpy()
    single = ~table["zone"].duplicated(keep=False).to_numpy() & table["part_reason"].isna().to_numpy()
    row_of = dict(zip(table["zone"].to_numpy()[single].tolist(), np.flatnonzero(single).tolist(), strict=True))
    grid = table["grid"].to_numpy()
    a, b = zone[graph.a[graph.open]], zone[graph.b[graph.open]]
    differ = a != b
    pairs = np.unique(np.column_stack([np.minimum(a, b)[differ], np.maximum(a, b)[differ]]), axis=0)
    found: dict[int, list[int]] = {}
    for left, right in pairs.tolist():
        i, j = row_of.get(left), row_of.get(right)
        if i is not None and j is not None and grid[i] == grid[j] and load[i] > 0 and load[j] > 0:
            found.setdefault(i, []).append(int(load[j]))
            found.setdefault(j, []).append(int(load[i]))
    return {row: sorted(loads) for row, loads in found.items()}
