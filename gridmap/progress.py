"""How long work says where it is: a callable that takes a sentence and the share done."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "silent"]

#: Called with what is being done now and how much of the whole is done, 0 to 1.
Progress = Callable[[str, float], None]


def silent(doing: str, share: float) -> None:
    """Say nothing.

    Examples
    --------
    >>> silent("reading", 0.1)
    """
