"""The norms of living circles, read from YAML and validated on the way.

The packaged `gb50180.yaml` holds the facility table of GB 50180-2018 with what corroborates it; a city may lay its
own file over it. Every row carries its source and whether a person has checked it against the printed standard.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from layers.errors import BadFile, BadSettings, WrongCall
from layers.schema import NEEDS

__all__ = ["GROUPS", "Circle", "Norm", "Norms", "load_norms"]

#: What a facility is for; maps draw one glyph a group.
GROUPS = ("care", "learning", "health", "daily", "safety", "gathering")

_PACKAGED = "gb50180"
_NEEDS = tuple(column.name for column in NEEDS)

Range = tuple[float, float | None]


@dataclass(frozen=True, kw_only=True)
class Circle:
    """One living circle: how far it reaches on foot and how many people it serves (GB 50180-2018, 3.0.4)."""

    key: str
    zh: str
    en: str
    source: str
    radius_m: Range | None = None
    people: Range | None = None
    dwellings: Range | None = None
    clause: str | None = None
    note: str | None = None
    corroboration: str | None = None
    verified: bool = False


@dataclass(frozen=True, kw_only=True)
class Norm:
    """What one kind of facility is held to.

    Parameters
    ----------
    key
        Facility kind, as in the column `kind` of the layer `facilities`.
    zh, en
        Titles.
    group
        One of `GROUPS`.
    source, clause
        Who says so, and where.
    circle
        Key of the living circle it belongs to; None for kinds that only map data know.
    distance_m
        Longest walk in metres; None where the source gives none.
    proposed_m
        Longest walk that gridmap proposes where the source gives none.
    building_m2, land_m2, people
        Floor area, land area and people served by one, as (from, to); `to` is None for "at least".
    m2_per_1000
        Area for each 1,000 residents, as (from, to).
    needs
        Column of the need that it serves above all (`layers.schema.NEEDS`, such as `aged_60`); None for everybody.
    note, corroboration
        What else the source says, and who else says the same.
    verified
        True once a person has laid the row beside the printed standard.
    """

    key: str
    zh: str
    en: str
    group: str
    source: str
    clause: str | None = None
    circle: str | None = None
    distance_m: float | None = None
    proposed_m: float | None = None
    building_m2: Range | None = None
    land_m2: Range | None = None
    people: Range | None = None
    m2_per_1000: Range | None = None
    needs: str | None = None
    note: str | None = None
    corroboration: str | None = None
    verified: bool = False

    @property
    def metres(self) -> float | None:
        """Longest walk to measure against: the norm's, else the proposal, else None."""
        return self.distance_m if self.distance_m is not None else self.proposed_m

    @property
    def distance_verified(self) -> bool:
        """True where `metres` comes from the source itself and a person has checked it."""
        return self.verified and self.distance_m is not None


@dataclass(frozen=True)
class Norms:
    """All norms of one file, by kind, in the order of the file.

    Examples
    --------
    >>> norms = load_norms()
    >>> norms["kindergarten"].metres, norms["canteen"].metres, norms["canteen"].distance_m
    (300.0, 300.0, None)
    >>> "parking" in norms, "parking" in norms.with_distance()
    (True, False)
    """

    items: tuple[Norm, ...]
    circles: tuple[Circle, ...] = ()
    standard: str = ""
    name: str = ""

    def __iter__(self) -> Iterator[Norm]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, key: object) -> bool:
        return any(norm.key == key for norm in self.items)

    def __getitem__(self, key: str) -> Norm:
        """The norm of that kind; WrongCall where there is none."""
        found = self.get(key)
        if found is None:
            raise WrongCall(f"there is no norm for {key!r} in {self.name}; the kinds are {', '.join(self.keys())}")
        return found

    def get(self, key: str) -> Norm | None:
        """The norm of that kind, or None."""
        return next((norm for norm in self.items if norm.key == key), None)

    def keys(self) -> tuple[str, ...]:
        """Every kind, in the order of the file."""
        return tuple(norm.key for norm in self.items)

    def only(self, kinds: Iterable[str]) -> Norms:
        """The norms of these kinds; WrongCall for a kind that is not there."""
        return Norms(tuple(self[kind] for kind in dict.fromkeys(kinds)), self.circles, self.standard, self.name)

    def with_distance(self) -> Norms:
        """The norms that coverage can be measured against: those with a distance, given or proposed."""
        measurable = tuple(norm for norm in self.items if norm.metres is not None)
        return Norms(measurable, self.circles, self.standard, self.name)

    def to_frame(self) -> pd.DataFrame:
        """One row a kind, columns as the fields of `Norm`; ranges as two columns (`land_m2_from`, `land_m2_to`)."""
        frame = pd.DataFrame([asdict(norm) for norm in self.items], columns=[field.name for field in fields(Norm)])
        for name in ("building_m2", "land_m2", "people", "m2_per_1000"):
            at = frame.columns.get_loc(name)
            pairs = [pair if isinstance(pair, tuple) else (None, None) for pair in frame.pop(name)]
            frame.insert(at, f"{name}_from", pd.Series([low for low, _ in pairs], dtype="float64"))
            frame.insert(at + 1, f"{name}_to", pd.Series([high for _, high in pairs], dtype="float64"))
        return frame.astype({"distance_m": "float64", "proposed_m": "float64"})


def load_norms(path: str | Path | None = None) -> Norms:
    """Norms from a YAML file; the packaged table of GB 50180-2018 where none is named.

    A city's own file holds `norms:` (a list, one mapping a kind, fields as in `Norm`) and may hold `circles:`. With
    `extends: gb50180` it is laid over the packaged table: a row of a kind that is there already needs only the fields
    that differ, and a row that changes a distance must name its own source, so that no local number passes for the
    standard's.

    Parameters
    ----------
    path
        File to read; None for the packaged table.

    Returns
    -------
    Norms, in the order of the file (rows that a file adds come after those that it extends).

    Raises
    ------
    BadFile
        Where there is no such file, or it cannot be read as UTF-8.
    BadSettings
        Where a value breaks its rule; the message names the file, the kind and the rule.

    Examples
    --------
    >>> norms = load_norms()
    >>> norms["primary_school"].zh, norms["primary_school"].metres, norms["primary_school"].verified
    ('小学', 500.0, False)
    """
    if path is None:
        return _packaged()
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadFile(f"cannot read the norms {place}: {error.strerror}; name a YAML file") from None
    except UnicodeDecodeError:
        raise BadFile(f"cannot read the norms {place}: it is not UTF-8; save it as UTF-8") from None
    return _parse(text, place.name)


@cache
def _packaged() -> Norms:
    # read once: a frozen value that most pages ask for, and YAML takes 60 ms
    resource = files("gridmap.norms").joinpath(f"{_PACKAGED}.yaml")
    return _parse(resource.read_text(encoding="utf-8"), f"{_PACKAGED}.yaml")


def _parse(text: str, name: str) -> Norms:
    top = _mapping(_yaml(text, name), name, "the file")
    unknown = sorted(set(top) - {"standard", "extends", "circles", "norms"})
    if unknown:
        raise BadSettings(f"{name}: {unknown[0]!r} is not known; use standard, extends, circles, norms")
    base = Norms(())
    if "extends" in top:
        if top["extends"] != _PACKAGED:
            raise BadSettings(
                f"{name}: extends must be {_PACKAGED}, not {top['extends']!r}; leave it out to start anew"
            )
        base = _packaged()
    circles = {circle.key: circle for circle in base.circles}
    for row in _rows(top, "circles", name):
        _no_strangers(row, Circle, name)
        circles[row["key"]] = _make(Circle, row, name)
    norms = {norm.key: norm for norm in base}
    for row in _rows(top, "norms", name):
        _no_strangers(row, Norm, name)
        norms[row["key"]] = _make(Norm, _over(norms.get(row["key"]), row, name), name)
    if not norms:
        raise BadSettings(f"{name}: there are no norms; write a list of kinds under 'norms:'")
    for norm in norms.values():
        if norm.circle is not None and norm.circle not in circles:
            raise BadSettings(
                f"{name}: {norm.key}: circle must be one of {', '.join(circles) or 'those under circles:'}, "
                f"not {norm.circle!r}; correct it"
            )
    standard = _text(top.get("standard"), f"{name}: standard") or base.standard
    return Norms(tuple(norms.values()), tuple(circles.values()), standard, name)


def _yaml(text: str, name: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = re.sub(r"\s+", " ", str(getattr(error, "problem", None) or "not YAML"))
        raise BadSettings(f"{name}{line}: {problem}; correct the YAML there") from None


def _mapping(value: object, name: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadSettings(f"{name}: {what} must be a mapping of names to values; see the packaged {_PACKAGED}.yaml")
    return value


def _rows(top: dict[str, Any], section: str, name: str) -> list[dict[str, Any]]:
    value = top.get(section) or []
    if not isinstance(value, list):
        raise BadSettings(f"{name}: {section} must be a list, one row a kind; begin each row with '- key:'")
    rows = [_mapping(row, name, f"row {number} of {section}") for number, row in enumerate(value, 1)]
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        key = row.get("key")
        if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9_]+", key):
            raise BadSettings(
                f"{name}: row {number} of {section}: key must be text of a-z, 0-9 and _, not {key!r}; "
                "put a bare number in quotes"
            )
        if key in seen:
            raise BadSettings(f"{name}: {key} stands twice under {section}; keep one row a kind")
        seen.add(key)
    return rows


def _no_strangers(row: dict[str, Any], kind: type[Norm] | type[Circle], name: str) -> None:
    allowed = [field.name for field in fields(kind)]
    strangers = [key for key in row if key not in allowed]
    if strangers:
        raise BadSettings(f"{name}: {row['key']}: {strangers[0]!r} is not known; use {', '.join(allowed)}")


def _over(base: Norm | None, row: dict[str, Any], name: str) -> dict[str, Any]:
    """A row laid over the one that it extends; it is unverified unless it says otherwise itself."""
    if base is None:
        return row
    if ("distance_m" in row or "proposed_m" in row) and "source" not in row:
        raise BadSettings(f"{name}: {row['key']}: a distance of one's own needs its source; add 'source:'")
    kept = asdict(base) | {"verified": False}
    if "source" in row:
        kept |= {"clause": None, "corroboration": None}
    return kept | row


def _make(kind: type[Any], row: dict[str, Any], name: str) -> Any:
    """One norm or circle from a row, every value checked; the first broken rule is named."""
    readers: dict[str, Callable[[object, str], object]] = {
        "radius_m": _range, "people": _range, "dwellings": _range, "building_m2": _range, "land_m2": _range,
        "m2_per_1000": _range,
        "distance_m": _metres, "proposed_m": _metres, "verified": _truth,
    }
    where = f"{name}: {row['key']}"
    made: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in row and row[field.name] is not None:
            made[field.name] = readers.get(field.name, _text)(row[field.name], f"{where}: {field.name}")
        elif field.default is MISSING:
            raise BadSettings(f"{where}: {field.name} is missing; add '{field.name}:'")
    if "group" in made and made["group"] not in GROUPS:
        raise BadSettings(f"{where}: group must be one of {', '.join(GROUPS)}, not {made['group']!r}; correct it")
    if "needs" in made and made["needs"] not in _NEEDS:
        raise BadSettings(f"{where}: needs must be one of {', '.join(_NEEDS)}, not {made['needs']!r}; correct it")
    return kind(**made)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _metres(value: object, where: str) -> float:
    if not _number(value) or float(value) <= 0:  # type: ignore[arg-type]
        raise BadSettings(f"{where} must be metres above 0, not {value!r}; leave it out where there is none")
    return float(value)  # type: ignore[arg-type]


def _range(value: object, where: str) -> Range:
    pair = list(value) if isinstance(value, list | tuple) else []
    sound = len(pair) == 2 and _number(pair[0]) and (pair[1] is None or _number(pair[1]))
    if not sound or pair[0] < 0 or (pair[1] is not None and pair[1] < pair[0]):
        raise BadSettings(f"{where} must be [from, to] with from not above to, not {value!r}; null for an open end")
    return float(pair[0]), None if pair[1] is None else float(pair[1])


def _truth(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadSettings(f"{where} must be true or false, not {value!r}; correct it")
    return value


def _text(value: object, where: str) -> str | None:
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise BadSettings(f"{where} must be text, not {value!r}; write it in quotes")
    return value
