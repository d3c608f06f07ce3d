"""Findings in the reader's language: a title for every rule, and every sentence in Chinese with its values.

A finding is written in English, once, where it is found. `finding_words.json` holds for each rule its titles, and for
each sentence its pattern in both languages, values in braces: a sentence is known again by its pattern, and its values
go into the other. So findings that a store keeps since an earlier day are read in either language as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

__all__ = ["in_words", "say_reason", "say_sentence", "title"]

_ROW = re.compile(r"row (\d+): (.*)", re.DOTALL)
_ROWS = re.compile(r"([\d,]+) rows: (.*?)(?:, such as (.*))? \(rows (.*)\)", re.DOTALL)
_MORE = re.compile(r" and (\d+) more$")
#: A value in quotes behind a sentence, as `layers.rows.tell_rows` writes it.
_VALUE = re.compile(r"(.*?): ((['\"]).*)", re.DOTALL)


@cache
def _words() -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(files("layers").joinpath("finding_words.json").read_text(encoding="utf-8"))
    return told


@cache
def _plain() -> Mapping[str, str]:
    return {en: zh for en, zh in _words()["says"] if "{" not in en}


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Patterns with values, those with most fixed text first: 'code {0}: {1}' fits much."""
    found = [(en, zh) for en, zh in _words()["says"] if "{" in en]
    found.sort(key=lambda pair: -len(re.sub(r"\{\d\}", "", pair[0])))
    return [(re.compile(re.sub(r"\\\{\d\\\}", "(.*?)", re.escape(en)), re.DOTALL), zh) for en, zh in found]


def title(rule: str, lang: str) -> str:
    """What a rule is called; the rule itself where nobody named it.

    Examples
    --------
    >>> title("lon_lat_swapped", "zh"), title("lon_lat_swapped", "en")
    ('经纬度颠倒', 'Longitude and latitude swapped')
    """
    zh, en = _words()["rules"].get(rule, (rule, rule))
    return str(zh if lang == "zh" else en)


def say_sentence(text: str, lang: str) -> str:
    """A sentence of a finding (`what` or `done`) in a language; as it stands where nobody translated it.

    Examples
    --------
    >>> say_sentence("row 4: not a number: 'many'", "zh")
    "第 4 行：不是数字：'many'"
    >>> say_sentence("97 rows: no name (rows 2-98)", "zh")
    '97 行没有名称（第 2-98 行）'
    """
    if lang != "zh" or not text:
        return text
    if text in _plain():
        return _plain()[text]
    if one := _ROW.fullmatch(text):
        return f"第 {one[1]} 行：{_inner(one[2])}"
    if many := _ROWS.fullmatch(text):
        such = f"，如 {many[3]}" if many[3] else ""
        return f"{many[1]} 行{_inner(many[2])}{such}（第 {_MORE.sub(lambda m: f' 等，另有 {m[1]}', many[4])} 行）"
    return _inner(text)


def say_reason(text: str, lang: str) -> str:
    """The reason of a refused row: sentences with semicolons between them."""
    if lang != "zh" or not isinstance(text, str):
        return text
    return "；".join(say_sentence(part, lang) for part in text.split("; "))


def in_words(frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    """A table of findings in a language: sentences said, and what each rule is called in the column `kind`.

    Examples
    --------
    >>> frame = pd.DataFrame({"rule": ["no_name"], "what": ["row 7: no name"], "done": ["row kept without one"]})
    >>> in_words(frame, "zh").values.tolist()
    [['no_name', '没有名称', '第 7 行：没有名称', '保留该行，此项为空']]
    """
    out = frame.copy()
    out.insert(out.columns.get_loc("rule") + 1, "kind", [title(str(rule), lang) for rule in frame["rule"]])
    for name in ("what", "done"):
        out[name] = [say_sentence(text, lang) if isinstance(text, str) else text for text in frame[name]]
    return out


def _inner(text: str) -> str:
    """A sentence without its row, perhaps with a value behind it: fixed sentences first, they fit surest."""
    valued = _VALUE.fullmatch(text)
    if text in _plain():
        return _plain()[text]
    if valued and valued[1] in _plain():
        return f"{_plain()[valued[1]]}：{valued[2]}"
    known = _known(text)
    if known is not None:
        return known
    said = _known(valued[1]) if valued else None
    return text if said is None or valued is None else f"{said}：{valued[2]}"


def _known(text: str) -> str | None:
    if text in _plain():
        return _plain()[text]
    for pattern, zh in _patterns():
        if found := pattern.fullmatch(text):
            return zh.format(*found.groups())
    return None
