"""Loops compiled by numba: kept on disk where a folder can be written, and told of where the first run waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import njit
from numba.core.event import Event, Listener, install_listener

__all__ = ["compiled", "telling"]

ONCE = "compiling for this machine: this first run takes up to a minute longer, later runs do without"
ALWAYS = (
    "compiling, which takes up to a minute: no folder can be written to keep it in, so that every run does it; name "
    "one in the environment variable NUMBA_CACHE_DIR"
)


def compiled(function: Callable[..., Any]) -> Any:
    """A function as machine code, compiled when it is first called.

    The code is kept beside the source, else in the user's cache folder; where neither can be written it is compiled in
    every process.

    Examples
    --------
    >>> @compiled
    ... def twice(number):
    ...     return 2 * number
    >>> twice(21)
    42
    """
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # numba has no place for the code
        return njit(function)


class _Teller(Listener):
    def __init__(self, say: Callable[[str], None]) -> None:
        self.say: Callable[[str], None] | None = say

    def on_start(self, event: Event) -> None:
        if self.say is not None:
            say, self.say = self.say, None
            say(ONCE if event.data["dispatcher"].stats.cache_path else ALWAYS)

    def on_end(self, event: Event) -> None:
        """Nothing is said when a function is done: the next one follows."""


@contextmanager
def telling(say: Callable[[str], None]) -> Iterator[None]:
    """Say one sentence where something must be compiled within: not where all is kept from an earlier run.

    Parameters
    ----------
    say
        Called with the sentence, at most once.
    """
    with install_listener("numba:compile", _Teller(say)):
        yield
