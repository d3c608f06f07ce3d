"""The words of a map page in Chinese and English; words of the data stand in `layers.schema` and the norms."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from layers.errors import WrongCall

__all__ = ["LANGUAGES", "check_language", "pair", "words"]

#: The first is the default.
LANGUAGES = ("zh", "en")


@lru_cache(maxsize=1)
def words() -> dict[str, dict[str, str]]:
    """Key -> {language: text}, from `words.json`. Texts may hold {names} that the page fills in.

    Examples
    --------
    >>> words()["legend"]
    {'zh': '图例', 'en': 'Legend'}
    """
    text = Path(__file__).with_name("words.json").read_text(encoding="utf-8")
    return {key: {"zh": zh, "en": en} for key, (zh, en) in json.loads(text).items()}


def pair(key: str) -> tuple[str, str] | None:
    """Chinese and English of a key, or None."""
    texts = words().get(key)
    return None if texts is None else (texts["zh"], texts["en"])


def check_language(lang: str) -> str:
    """The language, or a refusal.

    Raises
    ------
    WrongCall
        Where it is neither zh nor en.
    """
    if lang not in LANGUAGES:
        raise WrongCall(f"there is no language {lang!r}; give zh or en")
    return lang
