"""On which days a plan changed."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Reads", "change_days"]


class Reads(Protocol):
    """A store, or what one user may see of it."""

    def read(self, name: str, /) -> Any:
        """Rows of a layer."""


def change_days(store: Reads) -> list[str]:
    """ISO days on which the plan changed, latest first."""
    return sorted({str(day) for day in store.read("lineage")["date"].dropna()}, reverse=True)
