"""The engine on a Dask cluster: workers on this machine, or those of a scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from layers.errors import WrongCall

__all__ = ["DaskEngine"]

P = TypeVar("P")
R = TypeVar("R")


class DaskEngine:
    """Parts shared among the workers of a cluster; they need the same gridmap installed, and no common disk."""

    def __init__(self, workers: int = 1, scheduler: str | None = None, *, wait_s: float = 15.0) -> None:
        try:
            from distributed import Client, LocalCluster
        except ImportError:
            raise WrongCall(
                "--engine dask needs Dask, which is not installed; run pip install 'gridmap[dask]', or use "
                "--engine local"
            ) from None
        self._cluster: LocalCluster | None = None
        if scheduler is None:
            self._cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
            )
            self._client = Client(self._cluster)
            return
        try:
            self._client = Client(scheduler, timeout=wait_s)
        except (OSError, ValueError) as error:
            raise WrongCall(
                f"no Dask scheduler answers at {scheduler} ({error}); start one with dask-scheduler, or leave "
                "--scheduler out"
            ) from None

    def map(self, function: Callable[[P], R], parts: Iterable[P]) -> Iterator[R]:
        """The answer for each part, in order."""
        # Each part travels to one worker by itself: not inside the task graph, where the scheduler would hold them all.
        sent = [self._client.scatter(part, hash=False) for part in parts]
        futures = self._client.map(function, sent, pure=False)
        for future in futures:
            yield future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
