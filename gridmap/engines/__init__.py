"""Engines: apply a pure function to the parts of a city, here or on other machines, with the same answer."""

from __future__ import annotations

from gridmap.engines.base import Engine
from gridmap.engines.local import LocalEngine
from layers.errors import WrongCall

__all__ = ["Engine", "LocalEngine", "open_engine"]


def open_engine(name: str = "local", *, workers: int = 1, scheduler: str | None = None) -> Engine:
    """The engine of that name.

    Parameters
    ----------
    name
        `local` (this process, or several on this machine) or `dask` (a cluster, `pip install gridmap[dask]`).
    workers
        Processes; 1 stays in this one. With a scheduler the cluster's own number counts.
    scheduler
        Address of a Dask scheduler (`tcp://host:8786`); None starts a cluster on this machine.

    Raises
    ------
    WrongCall
        For an unknown name, fewer than one worker, a scheduler without dask, or dask that is not installed.

    Examples
    --------
    >>> with open_engine("local") as engine:
    ...     list(engine.map(abs, [-2, 1]))
    [2, 1]
    """
    if workers < 1:
        raise WrongCall(f"an engine needs at least one worker, not {workers}; leave --workers out for one process")
    if name == "local":
        if scheduler is not None:
            raise WrongCall("--scheduler goes with --engine dask; leave it out for --engine local")
        return LocalEngine(workers)
    if name == "dask":
        from gridmap.engines.dask import DaskEngine

        return DaskEngine(workers, scheduler)
    raise WrongCall(f"there is no engine {name!r}; the engines are local, dask")
