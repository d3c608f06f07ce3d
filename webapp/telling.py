"""Times, lengths of time and sizes as a reader of either language writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask

from webapp.language import current
from webapp.refusals import say_failure

__all__ = ["init_app", "say_bytes", "say_span", "say_when"]


def say_when(moment: Any, lang: str) -> str:
    """A moment (UTC where it has no zone) by the clock of this machine, or a day; the text itself where it is neither.

    Examples
    --------
    >>> say_when("2026-11-01", "zh"), say_when("2026-11-01", "en"), say_when("soon", "en")
    ('2026年11月1日', '1 Nov 2026', 'soon')
    """
    if moment is None or moment == "":
        return ""
    try:
        if isinstance(moment, str) and len(moment) == 10:
            moment = date.fromisoformat(moment)
        elif isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
    except ValueError:
        return str(moment)
    clock = ""
    if isinstance(moment, datetime):
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone()
        clock = f" {moment:%H:%M}"
    if lang == "zh":
        return f"{moment.year}年{moment.month}月{moment.day}日{clock}"
    return f"{moment.day} {moment:%b %Y}{clock}"


def say_span(seconds: float, lang: str) -> str:
    """How long something took, in seconds, from two minutes on in minutes.

    Examples
    --------
    >>> say_span(4.4, "en"), say_span(4.4, "zh"), say_span(1500, "en"), say_span(1500, "zh")
    ('4 s', '4 秒', '25 min', '25 分钟')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} {'秒' if lang == 'zh' else 's'}"
    return f"{round(seconds / 60):,} {'分钟' if lang == 'zh' else 'min'}"


def say_bytes(size: int | None) -> str:
    """A size in the largest unit that leaves a number above 1.

    Examples
    --------
    >>> say_bytes(900), say_bytes(1_500_000), say_bytes(None)
    ('900 B', '1.5 MB', '')
    """
    if size is None:
        return ""
    value, unit = float(size), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def init_app(app: Flask) -> None:
    """Give templates these as filters."""
    app.jinja_env.filters["when"] = lambda moment: say_when(moment, current())
    app.jinja_env.filters["span"] = lambda seconds: say_span(seconds, current())
    app.jinja_env.filters["bytes"] = say_bytes
    app.jinja_env.filters["failure"] = say_failure
