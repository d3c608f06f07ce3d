"""Which column of a file is which column of the schema.

A heading is matched first as it stands, then without spaces, case and full-width forms, then by the Chinese and
English titles and the other words of the schema for that column, and last by likeness (rapidfuzz), which is said with
its score. Columns that mean nothing to the schema are kept. Where two headings have the same claim to one column, a
reader that nobody watches takes the first and says so; the command line refuses (`strict`) and the web page asks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping

import pandas as pd
from rapidfuzz import fuzz

from layers.errors import AmbiguousHeading, BadSettings
from layers.findings import Findings
from layers.schema import Column, Layer

__all__ = ["RESERVED", "check_mapping", "guess", "known_headings", "match_headings", "normal", "rename", "variants"]

#: Columns that the reader itself makes; one of that name in a file is kept as `given_...`.
RESERVED = ("geometry", "source_row", "given_code")

#: Coordinate columns, which a mapping may name as well.
PLACES = ("lon", "lat", "wkt")

#: From this likeness on (0 to 100) a heading is taken for a column, and one column must lead the next by so much.
LIKE, LEAD = 84.0, 4.0

_BRACKETS = re.compile(r"[((\[【〔<《].*?[))\]】〕>》]")
_MARKS = re.compile(r"[\s_\-.:：、/*#'\"]+")


#: Traditional characters of headings and the simplified ones that the schema is written in.
_SIMPLE = str.maketrans(
    "經緯戶數樓棟稱編號類別區層單態電話聯繫組織員務範圍總積築齡歲殘獨負責職結時間報來內點處標題劃當屬機構設營業開種級路運動園館",
    "经纬户数楼栋称编号类别区层单态电话联系组织员务范围总积筑龄岁残独负责职结时间报来内点处标题划当属机构设营业开种级路运动园馆",
)


def normal(heading: object) -> str:
    """A heading without what people vary: case, spaces, full-width and traditional forms, marks, a unit in brackets.

    Examples
    --------
    >>> normal("　户 数(户)"), normal("Building_ID"), normal("ＮＡＭＥ*")
    ('户数', 'buildingid', 'name')
    """
    text = unicodedata.normalize("NFKC", str(heading)).casefold().translate(_SIMPLE)
    return _MARKS.sub("", _BRACKETS.sub("", text)) or _MARKS.sub("", text)


def variants(character: str) -> set[str]:
    """Everyday characters that `normal` turns into this one.

    Examples
    --------
    >>> sorted(variants("编")), sorted(variants("n"))
    (['編', '编'], ['N', 'n', 'ｎ'])
    """
    other = {chr(code) for code, simple in _SIMPLE.items() if chr(simple) == character}
    wide = {chr(ord(character) + 0xFEE0)} if len(character) == 1 and "!" <= character <= "~" else set()
    return {character, character.upper(), *other, *wide}


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
    strict: bool = False,
) -> dict[Hashable, str]:
    """Find which heading is which column.

    Parameters
    ----------
    headings
        Headings of the file, in order.
    mapping
        {ours: theirs}, which wins over every guess. `theirs` is compared as it stands, then in normal form.
    strict
        Refuse where two headings have the same claim to one column, rather than take the first.

    Returns
    -------
    {heading: our column}; headings that mean nothing to the schema are not in it.

    Raises
    ------
    BadSettings
        The mapping names a heading that the file does not have.
    AmbiguousHeading
        Two headings have the same claim, and `strict`.

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
        known = words.get(normal(heading)) or words.get(normal(str(heading).rpartition(" / ")[2])) or []
        meant = next((ours for ours in known if ours not in taken), None)
        if meant is not None:
            candidates.setdefault(meant, []).append(heading)
    for ours, found in candidates.items():
        best = min(found, key=lambda heading: _rank(heading, ours, layer))
        matched[best] = ours
        taken.add(ours)
        if len(found) > 1:
            if strict and _rank(best, ours, layer)[0]:
                raise AmbiguousHeading(
                    f"{', '.join(repr(str(heading)) for heading in found)} of {file or 'the file'} may all be {ours} "
                    f'of {layer.name}; say which one, {ours} = "..." in a mapping file (--mapping)'
                )
            others = ", ".join(repr(str(heading)) for heading in found if heading != best)
            findings.add(
                layer.name, "ambiguous_heading", f"{str(best)!r} and {others} may all be {ours}",
                f"{str(best)!r} taken, the others kept beside it; name the right one in a mapping",
                field=ours, file=file,
            )  # fmt: skip
    _match_alike(all_headings, layer, matched, findings, file, strict=strict)
    return matched


def guess(heading: Hashable, layer: Layer) -> list[tuple[str, float]]:
    """Columns that a heading is like, the likest first, with a score from 0 to 100 (100: the same word).

    Only columns of half the best score and more are given. The likeness is the share of characters that need not be
    changed (rapidfuzz `ratio`), or for words in another order `token_sort_ratio`; a heading that only contains a
    column's word is not like it: '街道名称' is no building's name.

    Examples
    --------
    >>> from layers.schema import layer
    >>> guess("联系电话号码", layer("organizations"))[0]
    ('phone', 80.0)
    >>> guess("Households total", layer("buildings"))[0][0]
    'households'
    """
    key = normal(heading)
    words = re.sub(r"[_\-./]+", " ", str(heading).casefold())
    best: dict[str, float] = {}
    digits = re.findall(r"\d+", key)
    for word, columns in known_headings(layer).items():
        if re.findall(r"\d+", word) != digits:
            continue  # 65 and over is not 60 and over
        score = max(fuzz.ratio(key, word), fuzz.token_sort_ratio(words, word) if words.isascii() else 0.0)
        for column in columns[:1]:
            best[column] = max(best.get(column, 0.0), score)
    most = max(best.values(), default=0.0)
    return sorted(
        ((name, round(score, 1)) for name, score in best.items() if score and score >= most / 2),
        key=lambda item: (-item[1], item[0]),
    )


def _match_alike(
    headings: list[Hashable], layer: Layer, matched: dict[Hashable, str], findings: Findings, file: str | None,
    *, strict: bool,
) -> None:  # fmt: skip
    """Columns still without a heading, by likeness; what is as like to another column is left alone."""
    open_ = [heading for heading in headings if heading not in matched and str(heading).strip()]
    claims: dict[str, list[tuple[float, Hashable]]] = {}
    taken = set(matched.values())
    for heading in open_:
        if len(normal(heading)) < 3:
            continue
        like = guess(heading, layer)
        sure = like and like[0][1] >= LIKE and (len(like) == 1 or like[0][1] - like[1][1] >= LEAD)
        if sure and like[0][0] not in taken:
            claims.setdefault(like[0][0], []).append((like[0][1], heading))
    for ours, found in claims.items():
        found.sort(key=lambda item: -item[0])
        score, heading = found[0]
        if len(found) > 1 and found[0][0] - found[1][0] < LEAD:
            said = ", ".join(f"{str(name)!r} ({value:.0f})" for value, name in found)
            if strict:
                raise AmbiguousHeading(
                    f"{said} of {file or 'the file'} are as like to {ours} of {layer.name}; say which one, "
                    f'{ours} = "..." in a mapping file (--mapping)'
                )
            findings.add(
                layer.name, "ambiguous_heading", f"{said} are as like to {ours}",
                "none taken; name the right one in a mapping", field=ours, file=file,
            )  # fmt: skip
            continue
        matched[heading] = ours
        findings.add(
            layer.name, "guessed_heading", f"{str(heading)!r} is taken for {ours}, by a likeness of {score:.0f} of 100",
            "look at it; a mapping makes it sure", field=ours, file=file,
        )  # fmt: skip


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
    if key not in names and key not in aliases:
        key = normal(str(heading).rpartition(" / ")[2])  # the lower of two rows
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
