"""On which days a plan changed, and which plan was in force on a day."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import pandas as pd

from gridmap.stores.history import HISTORY

__all__ = ["PlanDays", "Reads", "change_days", "plan_days"]


class Reads(Protocol):
    """A store, or what one user may see of it."""

    def read(self, name: str, /) -> Any:
        """Rows of a layer."""


def change_days(store: Reads) -> list[str]:
    """ISO days on which the plan changed, latest first."""
    return sorted({str(day) for day in store.read("lineage")["date"].dropna()}, reverse=True)


@dataclass(frozen=True)
class PlanDays:
    """When the plan began and changed, as ISO days.

    Parameters
    ----------
    first
        First day of the first plan; None where it is not written down.
    changes
        Days after it on which a unit began, changed or ended, earliest first.
    """

    first: str | None
    changes: tuple[str, ...] = ()

    def state(self, day: str) -> str:
        """What is known of a day: `plan`, `before` the first one, or `oldest` (its beginning is not written down).

        Examples
        --------
        >>> days = PlanDays("2026-03-02", ("2026-05-01",))
        >>> days.state("2026-03-01"), days.state("2026-03-02")
        ('before', 'plan')
        >>> PlanDays(None, ("2026-05-01",)).state("1990-01-01")
        'oldest'
        """
        if self.first is None:
            return "oldest" if not self.changes or day < self.changes[0] else "plan"
        return "before" if day < self.first else "plan"

    def since(self, day: str) -> str | None:
        """Since when the boundaries were what they are on a day; None where that is not known, or there are none."""
        place = bisect_right(self.changes, day)
        if place:
            return self.changes[place - 1]
        return self.first if self.first is not None and self.first <= day else None

    def until(self, day: str) -> str | None:
        """The next day after it on which the plan changed; None where it is in force still.

        Examples
        --------
        >>> days = PlanDays("2026-03-02", ("2026-05-01", "2026-06-01"))
        >>> days.since("2026-05-09"), days.until("2026-05-09"), days.until("2026-06-01")
        ('2026-05-01', '2026-06-01', None)
        """
        place = bisect_right(self.changes, day)
        return self.changes[place] if place < len(self.changes) else None

    def plan(self, day: str) -> str:
        """A day that stands for all days with the same boundaries, so that what was made for one serves them all."""
        until = self.until(day)
        if until is None or self.state(day) == "before":
            return self.since(day) or day
        return self.since(day) or (date.fromisoformat(until) - timedelta(days=1)).isoformat()


def plan_days(reads: Reads, *, made_at: str = "") -> PlanDays:
    """When the plan of what is seen began and changed.

    Parameters
    ----------
    reads
        A store, or what one user may see of it.
    made_at
        When the city was built, ISO: its first plan is in force from that day on, where the units have no day.

    Notes
    -----
    Where units without a first day ended before the city was built, the first day of the plan is not known.
    """
    began: set[str] = set()
    ended: set[str] = set()
    undated = False
    for level, history in HISTORY.items():
        for name in (level, history):
            frame = reads.read(name)
            if frame.empty:
                continue
            starts = _days(frame, "valid_from")
            undated |= len(starts) < len(frame)
            began |= set(starts)
            ended |= set(_days(frame, "valid_to"))
    changes = began | {(date.fromisoformat(day) + timedelta(days=1)).isoformat() for day in ended}
    first = min(began, default=None)
    if undated:
        built = _local_day(made_at)
        first = min(built, first or built) if built and all(day >= built for day in ended) else None
    return PlanDays(first, tuple(sorted(day for day in changes if first is None or day > first)))


def _local_day(made_at: str) -> str:
    try:
        return datetime.fromisoformat(made_at).astimezone().date().isoformat()
    except ValueError:
        return ""


def _days(frame: pd.DataFrame, column: str) -> list[str]:
    return [str(day)[:10] for day in frame[column].dropna()] if column in frame else []
