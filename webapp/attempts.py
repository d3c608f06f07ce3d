"""How often logging in may fail before a person has to wait: guessing passwords must take years."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Attempts"]


class Attempts:
    """Counts failures by key within a window; kept in memory, for one process.

    Parameters
    ----------
    most
        Failures within the window after which the key has to wait.
    window
        Seconds.
    keys
        Most keys that are remembered; the oldest go first, so nobody can fill the memory.
    clock
        Seconds, rising.

    Examples
    --------
    >>> seconds = iter(range(100))
    >>> attempts = Attempts(most=2, window=10, clock=lambda: next(seconds))
    >>> for _ in range(2): attempts.failed("li")
    >>> attempts.wait("li") > 0, attempts.wait("wang")
    (True, 0.0)
    """

    def __init__(
        self, *, most: int = 5, window: float = 900.0, keys: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most, self.window, self.keys = most, window, keys
        self._clock = clock
        self._failures: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Seconds until the key may try again; 0 where it may now."""
        now = self._clock()
        with self._lock:
            recent = [moment for moment in self._failures.get(key, []) if moment > now - self.window]
            if len(recent) < self.most:
                return 0.0
            return recent[-self.most] + self.window - now

    def failed(self, key: str) -> None:
        """Write a failure down."""
        now = self._clock()
        with self._lock:
            recent = [moment for moment in self._failures.pop(key, []) if moment > now - self.window]
            # back at the end: the first key is the one that failed longest ago
            self._failures[key] = [*recent, now][-self.most :]
            while len(self._failures) > self.keys:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, key: str) -> None:
        """Forget the key's failures."""
        with self._lock:
            self._failures.pop(key, None)
