"""What the pages of offices share: the part of one's area that is looked at, and words for what a store keeps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import request

from gridmap.norms import load_norms
from layers.errors import NotYourArea
from webapp.exporting import scopes
from webapp.guard import get_seen

__all__ = ["chosen_area", "kind_titles", "role_titles", "today", "unit_name", "units_to_choose"]

#: Roles as files write them -> Chinese and English.
ROLES = {
    "grid_leader": ("网格长", "Grid leader"), "micro_grid_leader": ("微网格长", "Micro-grid leader"),
    "grid_member": ("网格员", "Grid member"), "street_office": ("街道干部", "Street office"),
    "planner": ("社区规划师", "Planner"),
}


def today() -> date:
    """The day on this machine's calendar."""
    return datetime.now().astimezone().date()


def chosen_area() -> tuple[str, ...]:
    """The areas that a page is about: `?within=CODE` in one's reach, else all of one's reach.

    Raises
    ------
    NotYourArea
        Where the code lies elsewhere, whether or not it exists.
    """
    asked, seen = request.values.get("within", "").strip()[:18], get_seen()
    if not asked:
        return seen.reach
    if not any(asked.startswith(own) for own in seen.reach):
        raise NotYourArea(f"area {asked} is not yours; ask the administrator of the city")
    return (asked,)


def units_to_choose() -> list[tuple[str, list[tuple[str, str]]]]:
    """Levels with the units in reach, for a field to choose from."""
    return [(level, units) for level, units in scopes() if level in ("districts", "streets", "communities")]


def unit_name(within: tuple[str, ...]) -> str:
    """What the area is called: its unit's name and code; "" for several and for the whole city."""
    if len(within) != 1 or not within[0]:
        return ""
    return next((name for _, units in scopes() for code, name in units if code == within[0]), "") or within[0]


def kind_titles() -> dict[str, tuple[str, str]]:
    """Kind of facility -> Chinese and English title."""
    return {norm.key: (norm.zh, norm.en) for norm in load_norms()}


def role_titles(role: Any, lang: str) -> str:
    """A role of the staff in the reader's language, where it is one of ours; as it stands otherwise.

    Examples
    --------
    >>> role_titles("grid_leader", "zh"), role_titles("网格长", "en"), role_titles("门卫", "en")
    ('网格长', 'Grid leader', '门卫')
    """
    text = str(role or "")
    for key, (zh, en) in ROLES.items():
        if text in (key, zh):
            return zh if lang == "zh" else en
    return text
