"""Which column of a file is which column of the schema.

A heading is matched first as it stands, then without spaces, case and full-width forms, then by the Chinese and
English titles and the other words of the schema for that column. Columns that mean nothing to the schema are kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping

import pandas as pd

from layers.errors import BadSettings
from layers.findings import Findings
from layers.schema import Column, Layer

__all__ = ["RESERVED", "check_mapping", "known_headings", "match_headings", "normal", "rename"]

#: Columns that the reader itself makes; one of that name in a file is kept as `given_...`.
RESERVED = ("geometry", "source_row", "given_code")

#: Coordinate columns, which a mapping may name as well.
PLACES = ("lon", "lat", "wkt")

_BRACKETS = re.compile(r"[((\[【〔<《].*?[))\]】〕>》]")
_MARKS = re.compile(r"[\s_\-.:：、/*#'\"]+")


def normal(heading: object) -> str:
    """A heading without what people vary: case, spaces, full-width forms, marks, a unit in brackets.

    Examples
    --------
    >>> normal("　户 数(户)"), normal("Building_ID"), normal("ＮＡＭＥ*")
    ('户数', 'buildingid', 'name')
    """
    text = unicodedata.normalize("NFKC", str(heading)).casefold()
    return _MARKS.sub("", _BRACKETS.sub("", text)) or _MARKS.sub("", text)


def known_headings(layer: Layer) -> dict[str, list[str]]:
    """Normal form of every word of the schema -> the columns it may mean, surest first.

    Examples
    --------
    >>> from layers.schema import layer
    >>> known_headings(layer("buildings"))["户数"]
    ['households']
    """
    words: dict[str, list[str]] = {}
    # A column's own names come before the aliases of another ('面积' is a title here and an alias there).
    own = {column.name for column in layer}
    for words_of in (lambda c: (c.name, c.short), lambda c: (c.zh, c.en), lambda c: c.aliases, lambda c: _cut(c, own)):
        for column in layer:
            for word in words_of(column):
                found = words.setdefault(normal(word), [])
                if column.name not in found:
                    found.append(column.name)
    return words


def _cut(column: Column, own: set[str]) -> tuple[str, ...]:
    """A long name as a shapefile cuts it, unless that is the name of another column."""
    cut = column.name[:10]
    return () if cut in own else (cut,)


def check_mapping(layer: Layer, mapping: Mapping[str, str], *, where: str) -> None:
    """Refuse a mapping that names columns the layer does not have.

    Raises
    ------
    BadSettings
        With the columns that exist.

    Examples
    --------
    >>> from layers.schema import layer
    >>> check_mapping(layer("staff"), {"name": "姓名"}, where="mapping")
    """
    allowed = [column.name for column in layer] + list(PLACES)
    for ours, theirs in mapping.items():
        if ours not in allowed:
            raise BadSettings(
                f"{where}: {layer.name} has no column {ours!r}; on the left stands one of {', '.join(allowed)}"
            )
        if not isinstance(theirs, str) or not theirs.strip():
            raise BadSettings(f"{where}: {ours} must name a heading of the file in quotes, not {theirs!r}")


def match_headings(
    headings: Iterable[Hashable],
    layer: Layer,
    *,
    mapping: Mapping[str, str] | None = None,
    findings: Findings,
    file: str | None = None,
) -> dict[Hashable, str]:
    """Find which heading is which column.

    Parameters
    ----------
    headings
        Headings of the file, in order.
    mapping
        {ours: theirs}, which wins over every guess. `theirs` is compared as it stands, then in normal form.

    Returns
    -------
    {heading: our column}; headings that mean nothing to the schema are not in it.

    Raises
    ------
    BadSettings
        The mapping names a heading that the file does not have.

    Examples
    --------
    >>> from layers.schema import layer
    >>> match_headings(["楼栋编号", "总户数", "备注"], layer("buildings"), findings=Findings())
    {'楼栋编号': 'code', '总户数': 'households'}
    """
    all_headings = list(headings)
    matched = _by_mapping(all_headings, layer, mapping or {})
    taken = set(matched.values())
    # As it stands: the exact name is never ambiguous.
    for heading in all_headings:
        if heading not in matched and heading in layer and heading not in taken:
            matched[heading] = str(heading)
            taken.add(str(heading))
    candidates: dict[str, list[Hashable]] = {}
    words = known_headings(layer)
    for heading in all_headings:
        if heading in matched:
            continue
        meant = next((ours for ours in words.get(normal(heading), ()) if ours not in taken), None)
        if meant is not None:
            candidates.setdefault(meant, []).append(heading)
    for ours, found in candidates.items():
        best = min(found, key=lambda heading: _rank(heading, ours, layer))
        matched[best] = ours
        if len(found) > 1:
            others = ", ".join(repr(str(heading)) for heading in found if heading != best)
            findings.add(
                layer.name, "ambiguous_heading", f"{str(best)!r} and {others} may all be {ours}",
                f"{str(best)!r} taken, the others kept beside it; name the right one in a mapping",
                field=ours, file=file,
            )  # fmt: skip
    return matched


def _by_mapping(headings: list[Hashable], layer: Layer, mapping: Mapping[str, str]) -> dict[Hashable, str]:
    """Headings that the user named."""
    matched: dict[Hashable, str] = {}
    for ours, theirs in mapping.items():
        if ours in PLACES:
            continue
        heading = find_heading(headings, theirs)
        if heading is None:
            raise BadSettings(
                f"the mapping of {layer.name} wants {ours} from a column {theirs!r}, which the file does not have; "
                f"its columns are {', '.join(map(str, headings))}"
            )
        if heading in matched:
            raise BadSettings(f"the mapping of {layer.name} wants both {matched[heading]} and {ours} from {theirs!r}")
        matched[heading] = ours
    return matched


def find_heading(headings: Iterable[Hashable], wanted: str) -> Hashable | None:
    """The heading that is `wanted`, as it stands or in normal form; None where there is none."""
    found = list(headings)
    if wanted in found:
        return wanted
    return next((heading for heading in found if normal(heading) == normal(wanted)), None)


def _rank(heading: Hashable, ours: str, layer: Layer) -> tuple[int, int]:
    """How sure a heading is for a column: own name, title, then aliases in their order."""
    column = layer.column(ours)
    assert column is not None
    names = [normal(column.name), normal(column.short), normal(column.zh), normal(column.en)]
    aliases = [normal(alias) for alias in (*column.aliases, column.name[:10])]
    key = normal(heading)
    return (0, names.index(key)) if key in names else (1, aliases.index(key))


def rename(frame: pd.DataFrame, matched: Mapping[Hashable, str]) -> pd.DataFrame:
    """Give the columns our names; whoever stood in the way is kept as `given_...`.

    Examples
    --------
    >>> frame = pd.DataFrame({"households": [9], "户数": [7]})
    >>> rename(frame, {"户数": "households"}).to_dict("list")
    {'given_households': [9], 'households': [7]}
    """
    ours = set(matched.values())
    names: list[Hashable] = []
    taken: set[Hashable] = set(ours)
    for column in frame.columns:
        name: Hashable = matched.get(column, column)
        if column not in matched and name in ours:
            name = f"given_{name}"
        while column not in matched and name in taken:
            name = f"{name}_2"
        taken.add(name)
        names.append(name)
    return frame.set_axis(names, axis=1)
