"""Where a person may go: the entries of the bar, in groups, as far as they exist and the person may use them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request
from flask_login import current_user

from gridmap.roles import may
from webapp.guard import PUBLIC, get_user, right_of

__all__ = ["GROUPS", "Entry", "entries", "init_app"]

#: Group -> endpoints, in the order in which they stand. Words: `nav.group.<group>` and `nav.<endpoint>`.
GROUPS: dict[str, tuple[str, ...]] = {
    "": ("mine.show", "maps.show", "incidents.show"),
    "services": ("coverage.show", "what_if.show", "siting.show", "equity.show"),
    "plan": ("quality.show", "planning.show", "plans.show"),
    "street": ("street.show", "roster.show", "border.show"),
    "data": ("uploads.show", "export.show", "findings.show"),
    "admin": ("admin.show", "users.show"),
}
#: Entries of some roles only: others may open the page, but it is not theirs.
_THEIRS = {"mine.show": ("grid_leader", "grid_member")}
#: With no more entries than this they stand side by side, without groups.
_FLAT = 4


@dataclass(frozen=True)
class Entry:
    """One link: its endpoint, and whether the person is there now."""

    endpoint: str
    here: bool

    @property
    def word(self) -> str:
        """Key of its word."""
        return f"nav.{self.endpoint.removesuffix('.show')}"


def entries() -> list[tuple[str, list[Entry]]]:
    """Groups with the entries that the person may use; a group of one entry, and of few in all, has no name."""
    groups = [(name, list(_own(endpoints))) for name, endpoints in GROUPS.items()]
    groups = [(name, own) for name, own in groups if own]
    flat = sum(len(own) for _, own in groups) <= _FLAT
    return [("" if flat or len(own) == 1 else name, own) for name, own in groups]


def _own(endpoints: tuple[str, ...]) -> Iterator[Entry]:
    for endpoint in endpoints:
        theirs = _THEIRS.get(endpoint)
        if endpoint not in current_app.view_functions or (theirs and get_user().role not in theirs):
            continue
        right = right_of(current_app, endpoint)
        if right == PUBLIC or (right is not None and may(get_user(), right)):
            yield Entry(endpoint, request.blueprint == endpoint.split(".")[0])


def init_app(app: Flask) -> None:
    """Give templates the entries."""

    @app.context_processor
    def links() -> dict[str, Any]:
        return {"navigation": entries() if current_user.is_authenticated else []}
