"""Records of imports: who brought what in when, what became of its rows, and what stood before."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from gridmap.import_match import Changes, end_of
from gridmap.stores import Store
from layers.errors import WrongCall
from layers.findings import Findings
from layers.read import Reading
from layers.schema import LAYERS
from layers.tally import Tally

__all__ = [
    "UNDO", "ImportRecord", "Imported", "asked_whether_complete", "me", "new_record", "next_code", "record_of",
    "with_record", "with_steps",
]

#: So many imports of a layer can be undone; of earlier ones only the record stays.
UNDO = 20
#: A file that lacks more than so many of the rows there are is asked about: it may hold a part only.
_MOST_ENDED = 0.5


@dataclass(frozen=True, kw_only=True)
class ImportRecord:
    """One import: `code` counts from I000001; `rows` = `new` + `changed` + `unchanged` + `refused` + `merged`."""

    code: str
    layer: str
    file: str
    sha256: str
    by: str
    at: str
    rows: int
    new: int
    changed: int
    unchanged: int
    ended: int
    refused: int
    merged: int
    undone_at: str | None = None
    undone_by: str | None = None


@dataclass(frozen=True)
class Imported:
    """What an import did: its record, what was odd, where every row of the file went, and the file as read."""

    record: ImportRecord
    findings: Findings
    tally: Tally
    reading: Reading


def record_of(row: pd.Series) -> ImportRecord:
    """A row of the layer `imports` as a record."""
    fields = ImportRecord.__dataclass_fields__
    values: dict[str, Any] = {name: (None if pd.isna(row[name]) else row[name]) for name in fields}
    whole = ("rows", "new", "changed", "unchanged", "ended", "refused", "merged")
    counts: dict[str, Any] = {name: int(row[name]) for name in whole}
    return ImportRecord(**{**values, **counts})


def me() -> str:
    """The user of this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def next_code(store: Store) -> str:
    """The code of the next import of a city."""
    table = store.read("imports")
    last = int(str(table["code"].max())[1:]) if len(table) else 0
    return f"I{last + 1:06d}"


def with_record(store: Store, record: ImportRecord) -> tuple[str, pd.DataFrame]:
    """The layer `imports` with one more."""
    known = pd.DataFrame(store.read("imports"))
    return "imports", pd.concat([known, pd.DataFrame([asdict(record)])], ignore_index=True)


def with_steps(store: Store, record: ImportRecord, steps: Sequence[dict[str, Any]]) -> tuple[str, pd.DataFrame]:
    """The layer `import_rows` with the steps of one more import; of the oldest imports of a layer they go."""
    columns = ["import", "layer", "code", "step", "before"]
    made = pd.DataFrame([{"import": record.code, "layer": record.layer, **step} for step in steps], columns=columns)
    earlier = pd.DataFrame(store.read("import_rows"))
    table = pd.DataFrame(store.read("imports"))
    last = table[table["layer"] == record.layer]["code"].sort_values().tolist()[1 - UNDO :] if len(table) else []
    mine = earlier["import"].isin(table[table["layer"] == record.layer]["code"] if len(table) else [])
    earlier = earlier[~mine | earlier["import"].isin(last)]
    return "import_rows", pd.concat([earlier, made], ignore_index=True)


def new_record(
    store: Store, layer: str, path: Path, tally: Tally, changes: Changes, *, name: str | None, by: str | None
) -> ImportRecord:
    """The record of an import that is about to be kept."""
    return ImportRecord(
        code=next_code(store), layer=layer, file=name or path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(), by=by or me(),
        at=datetime.now(UTC).isoformat(timespec="seconds"), rows=tally.rows, new=len(changes.new),
        changed=len(changes.changed), unchanged=changes.unchanged, ended=len(changes.ended), refused=len(tally.refused),
        merged=tally.merged + changes.merged,
    )  # fmt: skip


def asked_whether_complete(before: Any, ended: int, complete: bool | None, path: Path, layer: str) -> None:
    """Refuse a file that lacks so much that somebody must say whether it is everything.

    Parameters
    ----------
    before
        Rows that may end; `ended` of them would.
    """
    end = end_of(LAYERS[layer])
    living = int(before[end].isna().sum()) if end in before.columns else len(before)
    if complete is None and ended > max(1, _MOST_ENDED * living):
        raise WrongCall(
            f"{path.name} lacks {ended} of the {living} {layer} there are; say whether it holds all "
            "of them (--complete: the others end) or a part (--partial: the others stay)"
        )
