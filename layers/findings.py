"""What was odd in a layer, row by row, as a table a person can read.

A finding says where (file, layer, row, field), what was seen, and what was done about it. A clerk gets one list
of everything, not one error a day.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

__all__ = ["LEVELS", "Finding", "Findings"]

#: How bad: `error` (the row or layer cannot be used), `warning` (used, but look at it), `note` (mended or derived).
LEVELS = ("error", "warning", "note")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One odd thing.

    Parameters
    ----------
    layer
        Layer name of `layers.schema.LAYERS`, or "" where the finding is about the whole folder.
    rule
        Short stable name of the rule, in snake_case, for filters: `invalid_geometry`, `duplicate_code`.
    what
        What was seen, in one sentence.
    done
        What was done about it: 'mended', 'row left out', 'nothing: look at it'.
    level
        One of `LEVELS`.
    row
        Row of the source as a person counts it there: sheet row for tables (heading is row 1), feature number
        from 1 for vector files; None where the finding is about the whole layer.
    code
        Code of the thing, where it has one.
    field
        Column concerned, where there is one.
    file
        File name, without its folder.
    """

    layer: str
    rule: str
    what: str
    done: str
    level: str = "warning"
    row: int | None = None
    code: str | None = None
    field: str | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"a finding's level is one of {', '.join(LEVELS)}, not {self.level!r}")


class Findings:
    """A growing list of findings.

    Examples
    --------
    >>> findings = Findings()
    >>> findings.add("buildings", "no_households", "row 7 has no households", "counted as 0", row=7)
    >>> len(findings), findings.worst
    (1, 'warning')
    >>> findings.to_frame().loc[0, "rule"]
    'no_households'
    """

    def __init__(self, items: Iterable[Finding] = ()) -> None:
        self.items: list[Finding] = list(items)

    def add(
        self,
        layer: str,
        rule: str,
        what: str,
        done: str,
        *,
        level: str = "warning",
        row: Hashable | None = None,
        code: object = None,
        field: str | None = None,
        file: str | Path | None = None,
    ) -> None:
        """Write one finding down; see `Finding` for the words."""
        self.items.append(
            Finding(
                layer=layer,
                rule=rule,
                what=what,
                done=done,
                level=level,
                row=None if row is None else int(row),  # type: ignore[call-overload]
                code=None if code is None or pd.isna(code) else str(code),
                field=field,
                file=None if file is None else Path(file).name,
            )
        )

    def extend(self, other: Iterable[Finding]) -> None:
        """Take over the findings of another reading."""
        self.items.extend(other)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def errors(self) -> list[Finding]:
        """The findings of level `error`."""
        return [item for item in self.items if item.level == "error"]

    @property
    def worst(self) -> str | None:
        """The worst level among the findings; None where there is none."""
        return next((level for level in LEVELS if any(item.level == level for item in self.items)), None)

    def counts(self) -> dict[str, int]:
        """How many findings each rule has, most first."""
        rules = pd.Series([item.rule for item in self.items], dtype="object")
        return {str(rule): int(count) for rule, count in rules.value_counts().items()}

    def to_frame(self) -> pd.DataFrame:
        """One row a finding, columns as the fields of `Finding`."""
        columns = [field.name for field in fields(Finding)]
        return pd.DataFrame([asdict(item) for item in self.items], columns=columns).astype({"row": "Int64"})

    def to_csv(self, path: str | Path) -> None:
        """Write the list as CSV that Excel and WPS open with the right text (UTF-8 with a byte-order mark)."""
        self.to_frame().to_csv(path, index=False, encoding="utf-8-sig")
