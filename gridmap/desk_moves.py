"""The table of moves: what may be done to an incident in which state, and where that leads.

The log of moves is the truth and the state is derived from it. A fuller workflow adds rows here, and right and words
for them; nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from layers.errors import MoveNotAllowed
from layers.incidents import CLOSED, OPEN, STATES

__all__ = ["MOVES", "Move", "moves_from", "state_after", "state_of_log", "state_of_row"]


@dataclass(frozen=True)
class Move:
    """One move: its name, the right that it needs, and where it leads from each state in which it is allowed.

    `leads[None]` is where an incident begins.
    """

    name: str
    right: str
    leads: Mapping[str | None, str]


#: Every move by name, in the order in which a page offers them.
MOVES: dict[str, Move] = {
    move.name: move
    for move in (
        Move("report", "incident.report", {None: "reported"}),
        Move("note", "incident.note", {state: state for state in STATES}),
        Move("close", "incident.close", dict.fromkeys(OPEN, "closed")),
        Move("reopen", "incident.close", dict.fromkeys(CLOSED, "reported")),
    )
}


def state_after(state: str | None, move: str) -> str:
    """Where a move leads.

    Parameters
    ----------
    state
        The incident's state; None where it does not exist yet.
    move
        A name in `MOVES`.

    Raises
    ------
    MoveNotAllowed
        Where there is no such move, or not in this state.

    Examples
    --------
    >>> state_after(None, "report"), state_after("reported", "close")
    ('reported', 'closed')
    >>> state_after("closed", "close")
    Traceback (most recent call last):
        ...
    layers.errors.MoveNotAllowed: an incident that is closed cannot be given 'close'; it can be given note, reopen
    """
    known = MOVES.get(move)
    if known is None or state not in known.leads:
        able = ", ".join(moves_from(state)) or "nothing"
        raise MoveNotAllowed(
            f"an incident that is {state or 'not reported yet'} cannot be given {move[:40]!r}; it can be given {able}"
        )
    return known.leads[state]


def moves_from(state: str | None) -> list[str]:
    """Names of the moves that are allowed in a state.

    Examples
    --------
    >>> moves_from("reported"), moves_from("closed")
    (['note', 'close'], ['note', 'reopen'])
    """
    return [move.name for move in MOVES.values() if state in move.leads]


def state_of_log(moves: Iterable[str], begin: str | None = None) -> str | None:
    """The state that a log of moves, oldest first, leads to.

    Parameters
    ----------
    moves
        Names of moves.
    begin
        State before the first of them: None for a report of the desk, else what its file said.

    Raises
    ------
    MoveNotAllowed
        Where the log breaks the table.

    Examples
    --------
    >>> state_of_log(["report", "note", "close", "reopen"])
    'reported'
    """
    state = begin
    for move in moves:
        state = state_after(state, move)
    return state


def state_of_row(status: str | None, closed: bool) -> str:
    """The state of an incident that a file brought, in our words: its status where it is one, else open or closed.

    Examples
    --------
    >>> state_of_row("in_progress", False), state_of_row("已办", True), state_of_row(None, False)
    ('in_progress', 'closed', 'reported')
    """
    if closed:
        return status if status in CLOSED else "closed"
    return status if status in STATES else "reported"
