"""The numbered steps that made the store what it is; a step that was released is never changed again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from gridmap.stores.sql_store import SqlStore
from gridmap.stores.steps import s0001_layers_and_accounts, s0002_incident_desk, s0003_offices

__all__ = ["STEPS", "Step"]


@dataclass(frozen=True)
class Step:
    """One change of every store: its number from 1 on, its name, what it does within a transaction."""

    number: int
    name: str
    run: Callable[[SqlStore, Connection], None]


#: Every step, in order.
STEPS: tuple[Step, ...] = (
    Step(1, "layers and accounts", s0001_layers_and_accounts.run),
    Step(2, "incident desk", s0002_incident_desk.run),
    Step(3, "offices", s0003_offices.run),
)
