"""The engine on this machine: in this process, or in several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["LocalEngine"]

P = TypeVar("P")
R = TypeVar("R")


class LocalEngine:
    """Parts one after the other in this process, or shared among `workers` processes.

    Processes are started afresh (not forked), so that no open file or thread of the caller goes along.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
        """The answer for each part, in order."""
        if self.workers == 1:
            return map(function, parts)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"))
        return self._pool.map(function, parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
