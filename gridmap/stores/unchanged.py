"""What was read from a store and holds until the store changes: asking for it again costs a look at two dates.

A page asks for the facts of the city and for its layers again and again, by itself and through everything that it
calls; each time a GeoPackage would be opened, its description read and a few rows fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from copy import copy
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["while_unchanged"]

P = ParamSpec("P")
R = TypeVar("R")

#: Answers kept of one state of a store.
_MOST = 500


def while_unchanged(read: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Keep what a method of a store reads for as long as `store.stamp()` stays the same.

    Within a transaction, and where a store cannot tell cheaply whether it changed, everything is read anew. The method
    gives something small whose parts nobody changes; each caller gets a copy.

    Parameters
    ----------
    read
        A method of a `SqlStore` that only reads; lists among its arguments are told apart by what they hold.

    Examples
    --------
    >>> class Counted:
    ...     _held_connection, state, read = None, 1, 0
    ...     def stamp(self): return self.state
    ...     @while_unchanged
    ...     def names(self, *, within=("",)):
    ...         self.read += 1
    ...         return [f"{self.state}{code}" for code in within]
    >>> store = Counted()
    >>> store.names(within=["a"]), store.names(within=["a"]), store.read
    (['1a'], ['1a'], 1)
    >>> store.state = 2
    >>> store.names(within=["a"]), store.read
    (['2a'], 2)
    """

    @wraps(read)
    def kept(store: Any, /, *args: P.args, **named: P.kwargs) -> R:
        # the state is looked at before reading: what changes in between is read again the next time
        stamp = None if store._held_connection is not None else store.stamp()
        if stamp is None:
            return read(store, *args, **named)
        state, answers = vars(store).get("_unchanged", (None, {}))
        if state != stamp or len(answers) >= _MOST:
            answers = {}
            store._unchanged = (stamp, answers)
        key = (read.__name__, *map(_plain, args), *((name, _plain(value)) for name, value in sorted(named.items())))
        if key not in answers:
            answers[key] = read(store, *args, **named)
        return copy(answers[key])

    return kept


def _plain(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list | tuple) else value
