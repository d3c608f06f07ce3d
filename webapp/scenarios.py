"""Scenarios that people keep under a name: lists of changes, in the instance's folder, never in the city's store."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, current_app

from gridmap.ask_what_if import read_steps
from layers.errors import MoveNotAllowed, NotFound, WrongCall

__all__ = ["Scenario", "Scenarios", "get_scenarios", "init_app"]

#: Of one person; and the longest name.
MOST, LONGEST = 50, 80


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One list of changes under a name."""

    id: str
    name: str
    steps: tuple[str, ...]
    made_at: str


class Scenarios:
    """What each person has kept, one file a person.

    Parameters
    ----------
    folder
        Made when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def of(self, owner: str) -> list[Scenario]:
        """A person's scenarios, newest first."""
        path = self._path(owner)
        if not path.is_file():
            return []
        told = json.loads(path.read_text(encoding="utf-8"))
        return [Scenario(**{**one, "steps": tuple(one["steps"])}) for one in told]

    def keep(self, owner: str, name: str, steps: list[str]) -> Scenario:
        """Keep changes under a name; one of the same name is replaced.

        Raises
        ------
        WrongCall
            Where there is no name or no change, or a change cannot be read.
        MoveNotAllowed
            Where the person has too many.
        """
        name = " ".join(name.split())[:LONGEST]
        if not name:
            raise WrongCall("a scenario needs a name; type one")
        read_steps(steps)
        if not steps:
            raise WrongCall("nothing is changed yet; add, move or close a facility first")
        made = Scenario(
            id=secrets.token_hex(8), name=name, steps=tuple(steps),
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with self._lock:
            others = [one for one in self.of(owner) if one.name != name]
            if len(others) >= MOST:
                raise MoveNotAllowed(f"you have {MOST} scenarios; delete some that nobody needs")
            self._write(owner, [made, *others])
        return made

    def drop(self, owner: str, id_: str) -> None:
        """Forget one.

        Raises
        ------
        NotFound
            Where the person has no such scenario.
        """
        with self._lock:
            every = self.of(owner)
            rest = [one for one in every if one.id != id_]
            if len(rest) == len(every):
                raise NotFound(f"there is no scenario {id_[:40]!r}; it was deleted")
            self._write(owner, rest)

    def _path(self, owner: str) -> Path:
        return self.folder / f"{hashlib.sha256(owner.encode()).hexdigest()[:32]}.json"

    def _write(self, owner: str, every: list[Scenario]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # whole or not at all
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".part", delete=False, encoding="utf-8") as part:
            json.dump([asdict(one) for one in every], part, ensure_ascii=False)
        Path(part.name).replace(self._path(owner))


def get_scenarios() -> Scenarios:
    """The scenarios of this service."""
    scenarios: Scenarios = current_app.extensions["scenarios"]
    return scenarios


def init_app(app: Flask) -> None:
    """Keep them in the instance's folder."""
    app.extensions["scenarios"] = Scenarios(Path(app.instance_path) / "scenarios")
