"""Pieces of a page that are the same for many: rendered once, as long as the city stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import render_template
from markupsafe import Markup

from webapp.language import current
from webapp.replies import kept_text

__all__ = ["kept_part"]


def kept_part(what: str, template: str, make: Callable[[], Mapping[str, Any]], *, incidents: bool = False) -> Markup:
    """A piece of a page, the same for everyone of one role, reach and language.

    Parameters
    ----------
    what, incidents
        As for `webapp.replies.kept_text`; `what` names everything that the piece depends on besides the city.
    template
        Shows nothing of the person who asks, and holds no form that is sent with their token.
    make
        What the template is given, worked out where the piece is not at hand.
    """
    text = kept_text(f"{what} {current()}", lambda: render_template(template, **make()), incidents=incidents)
    return Markup(text)  # noqa: S704 - our own template made it, and escaped what it was given
