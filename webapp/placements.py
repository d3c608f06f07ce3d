"""Decisions on borders as the pages ask for them; they are kept in the store's own tables, which have no area."""

from __future__ import annotations

from flask import g

from gridmap.placing import Placement, decided_things, placements
from webapp.own_tables import get_sql

__all__ = ["decided", "latest"]


def decided() -> set[tuple[str, str]]:
    """Layer and code of everything that was placed by hand; used to leave rows out, never to show any."""
    if "decided" not in g:
        g.decided = decided_things(get_sql())
    found: set[tuple[str, str]] = g.decided
    return found


def latest(within: tuple[str, ...]) -> list[Placement]:
    """The latest decisions within areas of the asker's."""
    return placements(get_sql(), within=within)
