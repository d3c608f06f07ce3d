"""Who may go where: every route carries its right, and a route without one is refused to everyone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import Forbidden, Unauthorized

from gridmap.roles import RIGHTS, User, may
from webapp.seen import Seen
from webapp.store import close_store, get_store

__all__ = ["DATA_PATHS", "PUBLIC", "get_seen", "get_user", "init_app", "needs", "public", "right_of"]

View = TypeVar("View", bound=Callable[..., Any])

#: The right of routes that need no login: the login page itself, scripts and styles.
PUBLIC = "public"
#: Addresses that scripts ask, which want JSON and no page to log in.
DATA_PATHS = ("/data/", "/tiles/", "/values/", "/feature/", "/base/", "/past/", "/mine/")
#: Routes of libraries, which we cannot mark: their files are the same for everyone.
_LIBRARY_FILES = frozenset({"static", "bootstrap.static"})


def needs(right: str) -> Callable[[View], View]:
    """Mark a view with the right that it needs.

    Raises
    ------
    ValueError
        Where no role has such a right: a slip in the view.
    """
    if right not in RIGHTS["admin"]:
        raise ValueError(f"no role has the right {right!r}; add it to gridmap.roles.RIGHTS")

    def mark(view: View) -> View:
        view.right = right  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that everyone may see, also without logging in."""
    view.right = PUBLIC  # type: ignore[attr-defined]
    return view


def right_of(app: Flask, endpoint: str) -> str | None:
    """The right of a route; None where its view is not marked."""
    if endpoint in _LIBRARY_FILES:
        return PUBLIC
    return getattr(app.view_functions[endpoint], "right", None)


def get_user() -> User:
    """Who is asking."""
    user: User = current_user.user
    return user


def get_seen() -> Seen:
    """The store as the person who asks may see it: the one getter of every view."""
    if "seen" not in g:
        g.seen = Seen(get_store(), get_user())
    return g.seen


def init_app(app: Flask) -> None:
    """Ask before every request."""

    @app.before_request
    def ask() -> ResponseReturnValue | None:
        if request.endpoint is None:
            # no such page, or not for this method: Flask says so to who is logged in; the door for everyone else
            return None if current_user.is_authenticated else _to_the_door()
        right = right_of(current_app, request.endpoint)
        if right == PUBLIC:
            return None
        if not current_user.is_authenticated:
            return _to_the_door()
        if right is None or not may(get_user(), right):
            raise Forbidden
        return None

    app.teardown_appcontext(close_store)

    @app.context_processor
    def rights() -> dict[str, Any]:
        return {"may": lambda right: current_user.is_authenticated and may(get_user(), right)}


def _to_the_door() -> ResponseReturnValue:
    if request.path.startswith(DATA_PATHS) or request.accept_mimetypes.best == "application/json":
        raise Unauthorized
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("auth.login", next=target if target != "/" else None))
