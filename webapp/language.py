"""Chinese or English for this request, and the words of the pages in it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, g, request, session

from gridmap.maps.words import LANGUAGES
from gridmap.roles import ROLE_TITLES
from layers.schema import LAYERS

__all__ = ["current", "init_app", "say", "translations"]


@lru_cache(maxsize=1)
def translations() -> dict[str, dict[str, str]]:
    """Language -> {key: text}, from `translations/<language>.json`."""
    folder = Path(__file__).with_name("translations")
    return {lang: json.loads((folder / f"{lang}.json").read_text(encoding="utf-8")) for lang in LANGUAGES}


def current() -> str:
    """The language: asked for in the address or chosen before; Chinese for everyone who has not chosen."""
    if "lang" not in g:
        asked = request.args.get("lang")
        if asked in LANGUAGES:
            session["lang"] = asked
        g.lang = session.get("lang") or LANGUAGES[0]
    return g.lang


def say(key: str, **values: Any) -> str:
    """A word of the pages in the language of this request."""
    return translations()[current()][key].format(**values)


def say_of(beginning: str, name: str) -> str:
    """A word of the pages for a name of the data; the name itself where there is no word for it."""
    key = f"{beginning}{name}"
    return say(key) if key in translations()[current()] else str(name)


def other_language() -> str:
    """The address of this page in the other language."""
    other = LANGUAGES[1 - LANGUAGES.index(current())]
    asked = {**request.args.to_dict(flat=False), "lang": [other]}
    return f"{request.path}?{urlencode(asked, doseq=True)}"


def init_app(app: Flask) -> None:
    """Give templates the words."""
    app.before_request(lambda: current() and None)

    @app.context_processor
    def words() -> dict[str, Any]:
        lang = current()

        def titled(thing: Any) -> str:
            return str(thing[lang] if isinstance(thing, dict) else getattr(thing, lang))

        def layer_title(name: str) -> str:
            return titled(LAYERS[name]) if name in LAYERS else str(name)

        return {
            "say": say, "say_of": say_of, "lang": lang, "titled": titled, "layers": LAYERS, "layer_title": layer_title,
            "roles": ROLE_TITLES, "other_language": other_language,
        }
