"""Coverage by hour of the week: a canteen that is closed serves nobody.

Opening hours are read as they are written: OpenStreetMap's way (`Mo-Fr 08:00-18:00; Sa 09:00-12:00`, `24/7`) and the
way of Chinese signs (周一至周五 8:30-17:30，周末休息；全天). What cannot be read is said, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gridmap.access.frames import whole_numbers
from gridmap.access.held_to import limits
from gridmap.norms import Norms
from layers.errors import WrongCall

__all__ = ["COLUMNS", "coverage_hours", "open_hours"]

#: Columns of the table, as the layer `coverage_hours` has them.
COLUMNS = (
    "code", "kind", "day", "hour", "norm_m", "households", "covered_households", "coverage", "facilities_open",
    "facilities_unknown",
)

_DAYS = {name: day for day, names in enumerate((
    ("mo", "monday", "mon", "周一", "星期一", "礼拜一"), ("tu", "tuesday", "tue", "周二", "星期二", "礼拜二"),
    ("we", "wednesday", "wed", "周三", "星期三", "礼拜三"), ("th", "thursday", "thu", "周四", "星期四", "礼拜四"),
    ("fr", "friday", "fri", "周五", "星期五", "礼拜五"), ("sa", "saturday", "sat", "周六", "星期六", "礼拜六"),
    ("su", "sunday", "sun", "周日", "星期日", "周天", "星期天", "礼拜天"),
)) for name in names}
_GROUPS = {"每天": range(7), "每日": range(7), "天天": range(7), "工作日": range(5), "周末": range(5, 7),
           "双休日": range(5, 7), "daily": range(7)}
_DAY = "|".join(sorted([*_DAYS, *_GROUPS], key=len, reverse=True))
_DAY_RANGE = re.compile(rf"({_DAY})\.?(?:\s*[-–—~至到]\s*({_DAY}))?")
_TIMES = re.compile(r"(\d{1,2})[:.点时](\d{2})?分?\s*[-–—~至到]\s*(\d{1,2})[:.点时](\d{2})?分?")
_RULES = re.compile(rf"[;；。|（(\n]|[,，](?=\s*(?:{_DAY}))")
_ALWAYS = re.compile(r"24\s*/\s*7|24\s*小时|全天|全日|昼夜")
_CLOSED = re.compile(r"\b(?:off|closed)\b|休息|闭馆|关闭|不开放|休")
#: Days that no week has, and words that change nothing.
_HOLIDAY = re.compile(r"\b(?:ph|sh)\b|节假日|法定")
_NOISE = re.compile(r"开放|营业|时间|上午|下午|open|[,，、:：()（）\s.&和及]")


def open_hours(text: object) -> NDArray[np.bool_] | None:
    """In which hours of the week something is open: 7 days from Monday, 24 hours; an hour counts by its middle.

    Returns
    -------
    Array of (7, 24), or None where the text is empty or cannot be read as a whole.

    Examples
    --------
    >>> open_hours("Mo-Fr 08:00-18:00; Sa 09:00-12:00").sum(axis=1).tolist()
    [10, 10, 10, 10, 10, 3, 0]
    >>> open_hours("周一至周五 8:30-17:30，周末休息")[0].nonzero()[0].tolist()
    [8, 9, 10, 11, 12, 13, 14, 15, 16]
    >>> open_hours("全天").sum(), open_hours("ask inside")
    (np.int64(168), None)
    """
    if not isinstance(text, str) or not text.strip():
        return None
    week = np.zeros((7, 24), dtype=np.bool_)
    days: list[int] | None = None
    waiting: list[int] = []
    for part in _RULES.split(text.lower().replace("：", ":").replace("～", "-")):
        if not part.strip() or _HOLIDAY.search(part):
            continue
        rest, named = _days(part)
        if named is not None and not _NOISE.sub("", rest):
            waiting += named  # "Mo, We 10:00-12:00": the hours come with the last day of the list
            continue
        if named is not None:
            named, waiting = sorted({*named, *waiting}), []
        days = named if named is not None else days
        applies = days if days is not None else list(range(7))
        times = _TIMES.findall(rest)
        rest = _TIMES.sub("", rest)
        if _ALWAYS.search(rest):
            week[applies] = True
            rest = _ALWAYS.sub("", rest)
        elif _CLOSED.search(rest) and not times:
            week[applies] = False
            rest = _CLOSED.sub("", rest)
        elif times:
            if named is not None:
                week[applies] = False  # a later rule for a day goes before an earlier one
            for start_h, start_m, end_h, end_m in times:
                _open(week, applies, int(start_h) + int(start_m or 0) / 60, int(end_h) + int(end_m or 0) / 60)
        elif _NOISE.sub("", part):
            return None
        if _NOISE.sub("", rest):
            return None
    return week if week.any() else None


def _days(part: str) -> tuple[str, list[int] | None]:
    """What is left of a rule without its days, and the days; None where it names none."""
    named: list[int] = []
    for first, last in _DAY_RANGE.findall(part):
        if last and first in _DAYS and last in _DAYS:
            named += [(_DAYS[first] + step) % 7 for step in range((_DAYS[last] - _DAYS[first]) % 7 + 1)]
        else:
            for word in filter(None, (first, last)):
                named += list(_GROUPS[word]) if word in _GROUPS else [_DAYS[word]]
    return _DAY_RANGE.sub("", part), sorted(set(named)) or None


def _open(week: NDArray[np.bool_], days: list[int], start: float, end: float) -> None:
    """Mark the hours whose middle lies between two times; past midnight they belong to the next day."""
    if end <= start:
        end += 24
    for hour in range(48):
        if start <= hour + 0.5 < end:
            for day in days:
                week[(day + hour // 24) % 7, hour % 24] = True


def coverage_hours(
    buildings: pd.DataFrame,
    facilities: pd.DataFrame,
    pairs: pd.DataFrame,
    norms: Norms | Mapping[str, float],
    *,
    digits: int = 9,
) -> pd.DataFrame:
    """Households within the norm of a facility that is open, for each hour of the week.

    Parameters
    ----------
    buildings
        Rows with `micro_grid` and `households`; index as in `pairs`.
    facilities
        Rows with `code`, `kind`, `hours`.
    pairs
        From `walk_pairs`, to the longest norm at least.
    norms
        `load_norms()`, or {kind: metres}.
    digits
        How many digits of the micro-grid's code make a unit: 9 for streets, 12 for communities.

    Returns
    -------
    DataFrame with `COLUMNS`, ordered by code, kind, day (1 Monday to 7 Sunday) and hour, for the kinds of which some
    hours can be read. A facility without readable hours serves nobody here; `facilities_unknown` says how many of the
    kind there are.

    Raises
    ------
    WrongCall
        Where a column is missing.
    """
    for name, frame, columns in (
        ("buildings", buildings, ("micro_grid", "households")), ("facilities", facilities, ("code", "kind")),
        ("pairs", pairs, ("building", "facility", "metres")),
    ):
        missing = [column for column in columns if column not in frame]
        if missing:
            raise WrongCall(f"{name} have no column {missing[0]!r}; see coverage_hours() for what is needed")
    if "hours" not in facilities:
        return pd.DataFrame(columns=list(COLUMNS))
    households = whole_numbers(buildings, "households", "buildings")
    lived = np.flatnonzero((households > 0) & buildings["micro_grid"].notna().to_numpy())
    unit, codes = pd.factorize(buildings["micro_grid"].iloc[lived].astype(str).str[:digits], sort=True)
    homes = np.bincount(unit, weights=households[lived], minlength=len(codes))
    by_unit = csr_array((households[lived], (unit, np.arange(len(lived)))), shape=(len(codes), len(lived)))
    place = buildings.index[lived].get_indexer(pd.Index(pairs["building"]))
    tables = []
    for limit in limits(norms):
        own = facilities[facilities["kind"] == limit.kind].drop_duplicates("code")
        weeks = [open_hours(text) for text in own["hours"]]
        readable = np.array([week is not None for week in weeks], dtype=bool)
        if not readable.any():
            continue
        table = np.array([week.ravel() for week in weeks if week is not None], dtype=np.float64)
        site = pd.Index(own["code"].astype(str)[readable]).get_indexer(pd.Index(pairs["facility"].astype(str)))
        near = np.flatnonzero((site >= 0) & (place >= 0) & (pairs["metres"].to_numpy() <= limit.metres + 1e-6))
        reach = csr_array((np.ones(len(near)), (place[near], site[near])), shape=(len(lived), len(table)))
        covered = by_unit @ ((reach @ table) > 0).astype(np.float64)
        tables.append(pd.DataFrame({
            "code": np.repeat(codes.to_numpy(dtype=object), 168), "kind": limit.kind,
            "day": np.tile(np.repeat(np.arange(1, 8), 24), len(codes)), "hour": np.tile(np.arange(24), 7 * len(codes)),
            "norm_m": limit.metres, "households": np.repeat(np.rint(homes).astype("int64"), 168),
            "covered_households": np.rint(covered).astype("int64").ravel(),
            "coverage": (covered / homes[:, None]).ravel(),
            "facilities_open": np.tile(table.sum(axis=0).astype("int64"), len(codes)),
            "facilities_unknown": int((~readable).sum()),
        }))
    made = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    return made.sort_values(["code", "kind", "day", "hour"], ignore_index=True)[list(COLUMNS)]
