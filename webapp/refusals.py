"""Refusals in the reader's language: an error is written in English, once, where it is raised, and known again here.

`translations/refusals.json` holds for each sentence its pattern in English and Chinese, values in braces.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from gridmap.roles import ROLE_TITLES
from layers.finding_words import say_sentence
from layers.schema import LAYERS
from webapp.language import current, say, translations

__all__ = ["in_chinese", "say_failure", "say_refusal"]

#: More than this is no sentence of ours.
_LONGEST = 2000


def say_refusal(refusal: BaseException | str) -> str:
    """A refusal in the language of this request; as it stands where nobody translated it."""
    text = str(refusal)
    return in_chinese(text) if current() == "zh" else text


def say_failure(message: str, about: str = "") -> str:
    """Why a job failed, in the language of this request.

    A job keeps a word of ours, such as "broke" (its text is `<about>.<word>` among the translations), or the kind of an
    error before its sentence.
    """
    if f"{about}.{message}" in translations()[current()]:
        return say(f"{about}.{message}")
    kind, colon, sentence = message.partition(": ")
    return say_refusal(sentence if colon and kind.isidentifier() else message)


def in_chinese(text: str) -> str:
    """A sentence of an error in Chinese.

    Examples
    --------
    >>> in_chinese("a planner may not see staff; ask the administrator of the city")
    '社区规划师 无权查看 人员，请联系管理员'
    >>> in_chinese("nobody wrote this one")
    'nobody wrote this one'
    """
    if len(text) > _LONGEST:
        return text
    for pattern, zh in _patterns():
        if found := pattern.fullmatch(text):
            return zh.format(*(_named(value) for value in found.groups()))
    return say_sentence(text, "zh")


def _named(value: str) -> str:
    """A role or a layer by its title; anything else as it was given."""
    plain = value.strip("'")
    if plain in ROLE_TITLES:
        return ROLE_TITLES[plain]["zh"]
    return LAYERS[plain].zh if plain in LAYERS else value


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those with most fixed text first, so that the closest one speaks."""
    path = Path(__file__).with_name("translations") / "refusals.json"
    pairs = sorted(json.loads(path.read_text(encoding="utf-8")), key=lambda pair: -len(re.sub(r"{\d}", "", pair[0])))
    return [(re.compile(re.sub(r"\\\{\d\\\}", "(.*?)", re.escape(en)), re.DOTALL), zh) for en, zh in pairs]
