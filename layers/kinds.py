"""What kind of thing a row is, told from the tags of its source: OpenStreetMap's, or a table of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

import pandas as pd

from layers.errors import BadSettings
from layers.findings import Findings
from layers.headings import normal
from layers.rows import tell_rows
from layers.schema import Layer
from layers.text import packaged_yaml
from layers.values import as_text

__all__ = ["OTHER", "kind_rules", "kind_words", "kinds_of", "named_kinds"]

#: Kind of what no rule fits.
OTHER = "other"

Rules = tuple[tuple[str, str, str], ...]


@lru_cache(maxsize=1)
def _osm() -> dict[str, Rules]:
    """Packaged rules, by layer."""
    return {name: _parsed(rules, "osm_kinds.yaml") for name, rules in packaged_yaml("osm_kinds.yaml").items()}


@lru_cache(maxsize=1)
def kind_words() -> dict[str, dict[str, tuple[str, ...]]]:
    """Layer -> kind -> the words that people write for it, its Chinese title first.

    Examples
    --------
    >>> kind_words()["facilities"]["canteen"][0]
    '社区食堂'
    """
    return {
        name: {kind: tuple(map(str, words)) for kind, words in kinds.items()}
        for name, kinds in packaged_yaml("kind_words.yaml").items()
    }


def named_kinds(column: pd.Series, layer: Layer) -> tuple[pd.Series, int]:
    """Kinds written in words as the keys that norms and maps know; what is no such word stays as it is.

    Returns
    -------
    (column, how many cells were turned into a key)

    Examples
    --------
    >>> from layers.schema import layer
    >>> column, turned = named_kinds(pd.Series(["长者食堂", "canteen", "茶馆", None]), layer("facilities"))
    >>> column.tolist(), turned
    (['canteen', 'canteen', '茶馆', nan], 1)
    """
    known = {normal(word): kind for kind, words in kind_words().get(layer.name, {}).items() for word in words}
    text = as_text(column)[0]
    keys = {value: known[normal(value)] for value in text.dropna().unique() if normal(value) in known}
    turned = text.isin(list(keys))
    return text.mask(turned, text.map(keys)).astype("str"), int(turned.sum())


def _parsed(rules: Sequence[Sequence[str]], where: str) -> Rules:
    parsed = []
    for tag, kind in rules:
        column, mark, value = str(tag).partition("=")
        if not (column.strip() and mark and value.strip()) or not isinstance(kind, str) or not kind.strip():
            raise BadSettings(f'{where}: {tag!r} = {kind!r} must read "column=value" = "kind" (value * for any)')
        parsed.append((column.strip(), value.strip(), kind.strip()))
    return tuple(parsed)


def kind_rules(kinds: str | Mapping[str, str], layer: Layer, *, where: str = "kinds") -> Rules:
    """Rules (column, value, kind) of a setting.

    Parameters
    ----------
    kinds
        "osm" for the packaged rules, or {"column=value": kind} with * for any value, first match first.

    Raises
    ------
    BadSettings
        Another word, a rule that does not read so, or a layer without kinds.

    Examples
    --------
    >>> from layers.schema import layer
    >>> kind_rules({"shop=*": "shops"}, layer("facilities"))
    (('shop', '*', 'shops'),)
    >>> len(kind_rules("osm", layer("facilities"))) > 50
    True
    """
    if "kind" not in layer:
        raise BadSettings(f"{where}: {layer.name} has no kinds; leave kinds out")
    if not isinstance(kinds, str):
        return _parsed(list(kinds.items()), where)
    if kinds != "osm":
        raise BadSettings(f'{where} = {kinds!r} is not known; write "osm", or a table of "column=value" = "kind"')
    rules = _osm().get(layer.name)
    if rules is None:
        raise BadSettings(f'{where} = "osm" is not known for {layer.name}; only for {", ".join(_osm())}')
    return rules


def kinds_of(
    frame: pd.DataFrame, layer: Layer, rules: Rules, *, findings: Findings, file: str | None = None
) -> pd.Series:
    """Kind of each row by the first rule that fits; `OTHER` where none does.

    A tag with several values ('restaurant;cafe') is taken by its first; a value with * in it ('*幼儿园*') is laid over
    the whole text.

    Parameters
    ----------
    frame
        Columns under the headings of the file, and `source_row`.

    Raises
    ------
    BadSettings
        None of the rules names a column that the file has.

    Examples
    --------
    >>> from layers.schema import layer
    >>> tags = {"amenity": ["clinic", None, "bench"], "shop": [None, "books", None]}
    >>> frame = pd.DataFrame(tags).assign(source_row=[1, 2, 3])
    >>> findings = Findings()
    >>> kinds_of(frame, layer("facilities"), kind_rules("osm", layer("facilities")), findings=findings).tolist()
    ['clinic', 'shops', 'other']
    """
    kinds = pd.Series([None] * len(frame), index=frame.index, dtype="object")
    columns = list(dict.fromkeys(column for column, _, _ in rules))
    found = [column for column in columns if column in frame.columns]
    if not found:
        headings = ", ".join(str(column) for column in frame.columns if column not in ("geometry", "source_row"))
        raise BadSettings(
            f"kinds of {layer.name} look at the columns {', '.join(columns)}, of which {file or 'the file'} has none "
            f"(it has {headings}); name the right columns, or leave kinds out"
        )
    whole = {column: as_text(frame[column])[0].astype("str") for column in found}
    tags = {column: text.str.replace(r"(?s);.*", "", regex=True).str.strip() for column, text in whole.items()}
    for column, value, kind in rules:
        if column in tags:
            if value == "*":
                fits = tags[column].notna()
            elif "*" in value:
                like = {text: fnmatchcase(text, value) for text in whole[column].dropna().unique()}
                fits = whole[column].map(like)
            else:
                fits = tags[column] == value
            kinds = kinds.mask(kinds.isna() & fits.astype("boolean").fillna(False).astype(bool), kind)
    none = kinds.isna()
    tell_rows(
        findings, layer.name, "kind_other", "no rule says what kind it is", f"kind {OTHER!r}; its tags are kept",
        frame["source_row"][none], level="note", field="kind", file=file,
    )  # fmt: skip
    return kinds.mask(none, OTHER).astype("str")
