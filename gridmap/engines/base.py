"""What every engine promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self, TypeVar

__all__ = ["Engine"]

P = TypeVar("P")
R = TypeVar("R")


class Engine(Protocol):
    """Applies a pure function to parts, and gives the answers back in the order of the parts."""

    def map(self, function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
        """The answer for each part, in order, whatever the number of workers."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
