"""Plans that people are editing: kept as lists of moves, so that a draft outlives its page and the service."""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, current_app

from gridmap.replan_draft import set_lock
from gridmap.replan_hand import Move, Opened, open_draft
from layers.errors import GridmapError, MoveNotAllowed, NotFound

__all__ = ["Draft", "Drafts", "get_drafts", "init_app"]

#: Opened drafts held in memory; the others are opened again from their moves.
MOST = 6
#: Drafts of one city; more than an office works on at a time.
MOST_KEPT = 200
#: Drafts that were put in force, one line each.
_RECORD = "adopted.jsonl"


@dataclass(kw_only=True)
class Draft:
    """One draft: its moves, and the plan opened with them made.

    `serial` counts its changes, so that two processes of the service see when the other has gone on. `locks` are
    micro-grids locked or unlocked in it; `proposed` says who put it forward (`by`, `at`, `day` from which it should
    hold, `note`), and is empty while it is edited.
    """

    id: str
    within: str
    owner: str
    made_at: str
    serial: int = 0
    moves: list[Move] = field(default_factory=list)
    undone: list[Move] = field(default_factory=list)
    locks: dict[str, bool] = field(default_factory=dict)
    proposed: dict[str, str] = field(default_factory=dict)
    opened: Opened | None = field(default=None, repr=False)

    def facts(self) -> dict[str, Any]:
        """What a list of drafts says of it."""
        return {
            "id": self.id, "within": self.within, "owner": self.owner, "made_at": self.made_at,
            "moves": len(self.moves), "proposed": dict(self.proposed),
        }  # fmt: skip


class Drafts:
    """The drafts of one city.

    Parameters
    ----------
    city
        Store URL.
    folder
        Where their moves are kept, one file a draft.
    """

    def __init__(self, city: str, folder: Path) -> None:
        self.city, self.folder = city, folder
        self._held: OrderedDict[str, Draft] = OrderedDict()
        self._lock = threading.RLock()

    def make(self, within: str, owner: str) -> Draft:
        """Open a part of the plan for editing.

        Raises
        ------
        GridmapError
            Where that part cannot be opened; see `open_draft`.
        MoveNotAllowed
            Where there are too many drafts.
        """
        with self._lock:
            if len(self.listed()) >= MOST_KEPT:
                raise MoveNotAllowed(f"there are {MOST_KEPT} drafts; close some that nobody needs")
            opened = open_draft(self.city, within=within)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            draft = Draft(id=secrets.token_hex(8), within=within, owner=owner, made_at=now, opened=opened)
            self._hold(draft)
            self._write(draft)
            return draft

    @contextmanager
    def open(self, id_: str) -> Iterator[Draft]:
        """A draft with its plan open; what was done to it is kept at the end. One at a time.

        Raises
        ------
        NotFound
            Where there is no such draft.
        MoveNotAllowed
            Where the city's plan has changed so that its moves can no longer be made.
        """
        with self._lock:
            kept = self.read(id_)
            draft = self._held.get(id_)
            if draft is None or draft.serial != kept.serial or draft.opened is None:
                draft = self._again(kept)
            self._hold(draft)
            before = (draft.moves[:], draft.undone[:], dict(draft.locks), dict(draft.proposed))
            yield draft
            assert draft.opened is not None
            draft.moves, draft.undone = draft.opened.draft.history, draft.opened.draft.undone
            draft.locks = dict(draft.opened.locks)
            if (draft.moves, draft.undone, draft.locks, draft.proposed) != before:
                draft.serial += 1
                self._write(draft)

    def read(self, id_: str) -> Draft:
        """A draft as it is kept, its plan not open."""
        path = self.folder / f"{id_}.json"
        if not (id_.isalnum() and path.is_file()):
            raise NotFound(f"there is no draft {id_[:40]!r}; it was closed or adopted")
        told = json.loads(path.read_text(encoding="utf-8"))
        for name in ("moves", "undone"):
            told[name] = [Move(tuple(m["cells"]), tuple(m["to"]), m["what"]) for m in told[name]]
        return Draft(**told)

    def listed(self) -> list[Draft]:
        """All drafts, newest first."""
        if not self.folder.is_dir():
            return []
        found = [self.read(path.stem) for path in self.folder.glob("*.json")]
        return sorted(found, key=lambda draft: (draft.made_at, draft.id), reverse=True)

    def drop(self, id_: str) -> None:
        """Forget a draft."""
        with self._lock:
            self.read(id_)
            self._held.pop(id_, None)
            (self.folder / f"{id_}.json").unlink()

    def _again(self, kept: Draft) -> Draft:
        kept.opened = open_draft(self.city, within=kept.within)
        plan = kept.opened.draft
        try:
            for move in [*kept.moves, *kept.undone]:
                plan.apply(move)
        except GridmapError as error:
            raise MoveNotAllowed(
                f"the plan of {kept.within} was changed under this draft, and its moves can no longer be made "
                f"({error}); close it and start anew"
            ) from error
        for _ in kept.undone:
            plan.undo()
        for code, locked in kept.locks.items():
            set_lock(kept.opened, code, locked=locked)
        return kept

    def record(self, draft: Draft, told: dict[str, Any]) -> None:
        """Write down that a draft was put in force, and by whom."""
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / _RECORD).open("a", encoding="utf-8") as file:
                line = {"within": draft.within, "owner": draft.owner, **told}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def adopted(self) -> list[dict[str, Any]]:
        """Drafts that were put in force, the latest first."""
        path = self.folder / _RECORD
        if not path.is_file():
            return []
        return [json.loads(line) for line in reversed(path.read_text(encoding="utf-8").splitlines())]

    def _hold(self, draft: Draft) -> None:
        self._held[draft.id] = draft
        self._held.move_to_end(draft.id)
        while len(self._held) > MOST:
            self._held.popitem(last=False)

    def _write(self, draft: Draft) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {name: value for name, value in draft.__dict__.items() if name not in ("opened", "moves", "undone")}
        told |= {"moves": [asdict(m) for m in draft.moves], "undone": [asdict(m) for m in draft.undone]}
        # whole or not at all
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".part", delete=False, encoding="utf-8") as part:
            json.dump(told, part, ensure_ascii=False)
        Path(part.name).replace(self.folder / f"{draft.id}.json")


def get_drafts() -> Drafts:
    """The drafts of the city that is served."""
    drafts: Drafts = current_app.extensions["drafts"]
    return drafts


def init_app(app: Flask) -> None:
    """Keep drafts in the instance's folder."""
    app.extensions["drafts"] = Drafts(app.config["CITY"], Path(app.instance_path) / "drafts")
