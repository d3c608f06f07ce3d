"""What a unit is besides so many households, and the reasons that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gridmap.micro_grids.band import Band

__all__ = ["Sort", "grid_reasons", "say_sorts"]


@dataclass(frozen=True)
class Sort:
    """What a unit is besides so many households.

    `kind` is base, special or village; `site` says which kind of special site, or which land without people; `name` is
    its own name. `reason` and `reason_zh` say why the band is not for it.
    """

    kind: str
    site: str | None = None
    name: str | None = None
    reason: str | None = None
    reason_zh: str | None = None


def say_sorts(reasons: pd.DataFrame, sorts: Sequence[Sort | None], held: Sequence[bool]) -> pd.DataFrame:
    """Reasons with that of a special site or a village in the place of a general one where the band does not hold.

    Parameters
    ----------
    reasons
        `reason` and `reason_zh`, one row a unit.
    sorts, held
        What each unit is, and whether it is within its band.
    """
    said = reasons.astype("object").copy()
    for row, (sort, holds) in enumerate(zip(sorts, held, strict=True)):
        if sort is not None and sort.reason and not holds:
            # A hard barrier that had to be crossed is said beside it.
            more = [str(text) for text in said.iloc[row] if isinstance(text, str)]
            crossing = len(more) == 2 and "crosses a hard barrier" in more[0]
            said.iloc[row] = [
                f"{sort.reason}; {more[0].split('; ')[-1]}" if crossing else sort.reason,
                f"{sort.reason_zh}；{more[1].split('；')[-1]}" if crossing else sort.reason_zh,
            ]
    return said


def grid_reasons(counts: Sequence[int], derived: Sequence[bool], band: Band) -> pd.DataFrame:
    """Why grids are out of their band: `reason` and `reason_zh`, None where the band holds.

    Examples
    --------
    >>> grid_reasons([350, 120], [True, False], Band(300, 400, 500))["reason"].tolist()
    [None, 'given with 120 households; the band is 300-500']
    """
    en: list[str | None] = []
    zh: list[str | None] = []
    for count, made in zip(counts, derived, strict=True):
        if band.holds(count):
            en.append(None)
            zh.append(None)
        elif not made:
            en.append(f"given with {count} households; the band is {band.low}-{band.high}")
            zh.append(f"原有网格，{count}户；标准为{band.low}-{band.high}户")
        elif count < band.low:
            en.append(f"its community, or the part of it that can be reached, has no more: {count} households")
            zh.append(f"所在社区或可达片区户数不足：{count}户")
        else:
            en.append(f"{count} households; no better division of its community was found")
            zh.append(f"{count}户；未找到更好的划分")
    return pd.DataFrame({"reason": pd.Series(en, dtype="object"), "reason_zh": pd.Series(zh, dtype="object")})
