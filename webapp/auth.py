"""Log in, log out, who is asking."""

from __future__ import annotations

import math

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import InputRequired, Length

from gridmap.accounts import hash_password, password_fits
from gridmap.roles import User
from gridmap.stores import Account
from webapp.attempts import Attempts
from webapp.guard import DATA_PATHS, public
from webapp.language import say
from webapp.store import get_account, get_store

__all__ = ["LoggedIn", "bp", "init_app"]

bp = Blueprint("auth", __name__)

# a hash to compare with where there is no such account, so that the answer takes as long
_NOBODY = hash_password("no such account")


#: Failures within 15 minutes after which one has to wait: one person at one desk, one name from anywhere, and one
#: address, which many people may share.
_MOST = {"both": 5, "name": 30, "address": 60}
#: Who is made to wait is written down once in so many seconds, so that nobody fills the log by knocking.
_NOTED_SECONDS = 900.0


class LoggedIn(UserMixin):
    """A person with an account, as Flask-Login wants it; `user` is what the rest of gridmap asks about."""

    def __init__(self, account: Account) -> None:
        self.id = account.name
        self.user = User(name=account.name, role=account.role, area=account.area)
        self._mark = account.password_hash[-12:]

    def get_id(self) -> str:
        """Name and a piece of the password's hash: a new password ends every session of the old one."""
        return f"{self._mark}:{self.id}"


class QuietSessions(SecureCookieSessionInterface):
    """Sessions whose cookie is not written again with every tile: pages and forms keep them going."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether an answer carries the cookie."""
        if request.path.startswith(DATA_PATHS):
            return session.modified
        return super().should_set_cookie(app, session)


class LoginForm(FlaskForm):
    """Name and password."""

    name = StringField(validators=[InputRequired(), Length(max=200)])
    password = PasswordField(validators=[InputRequired(), Length(max=1000)])
    submit = SubmitField()


def init_app(app: Flask) -> None:
    """Make sessions known to the service."""
    app.session_interface = QuietSessions()
    manager = LoginManager(app)
    manager.login_view = "auth.login"
    manager.login_message = None
    manager.session_protection = "basic"
    app.extensions["attempts"] = {kind: Attempts(most=most) for kind, most in _MOST.items()}
    app.extensions["waits_noted"] = Attempts(most=1, window=_NOTED_SECONDS)
    app.register_blueprint(bp)

    @manager.user_loader
    def load(marked: str) -> LoggedIn | None:
        _, _, name = marked.partition(":")
        account = get_account(name)
        if account is None or not account.active:
            return None
        person = LoggedIn(account)
        return person if person.get_id() == marked else None


@bp.route("/login", methods=["GET", "POST"])
@public
def login() -> ResponseReturnValue:
    """The form, and what was typed into it."""
    if current_user.is_authenticated:
        return redirect(_home())
    form = LoginForm()
    status = 200
    if form.validate_on_submit():
        name, password = form.name.data.strip(), form.password.data
        keys = {"both": f"{name}\n{request.remote_addr}", "name": name, "address": str(request.remote_addr)}
        attempts: dict[str, Attempts] = current_app.extensions["attempts"]
        wait = max(attempts[kind].wait(key) for kind, key in keys.items())
        if wait:
            flash(say("login.wait", minutes=math.ceil(wait / 60)), "warning")
            noted: Attempts = current_app.extensions["waits_noted"]
            if not noted.wait(keys["address"]):
                noted.failed(keys["address"])
                _note("login.wait", name)
            status = 429
        else:
            account = _known(name, password)
            if account is not None:
                attempts["both"].succeeded(keys["both"])
                lang = session.get("lang")
                session.clear()
                session.permanent = True
                if lang:
                    session["lang"] = lang
                login_user(LoggedIn(account))
                _note("login.ok", name, account)
                return redirect(_next(account))
            for kind, key in keys.items():
                attempts[kind].failed(key)
            _note("login.failed", name)
            flash(say("login.wrong"), "danger")
            status = 401
    return render_template("login.html", form=form), status


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """End the session."""
    if current_user.is_authenticated:
        _note("logout", current_user.user.name, get_account(current_user.user.name))
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"))


def _note(what: str, name: str, account: Account | None = None) -> None:
    """Write a knock at the door down; a name that nobody has may be a password typed in the wrong field."""
    known = account or get_store().account(name)
    current_app.extensions["audit"].add(
        what, by=known.name if known else "", role=known.role if known else "", area=known.area if known else "",
        address=str(request.remote_addr),
    )


def _known(name: str, password: str) -> Account | None:
    account = get_store().account(name)
    fits = password_fits(password, account.password_hash if account is not None else _NOBODY)
    return account if account is not None and account.active and fits else None


def _next(account: Account) -> str:
    """Where the person wanted to go: a page of ours, never another host."""
    target = request.args.get("next", "")
    # browsers take //host and /\\host for another host
    ours = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if ours else _home(account.role)


def _home(role: str | None = None) -> str:
    """The page that a role begins with: people of a grid with their own micro-grid, all others with the map."""
    role = current_user.user.role if role is None else role
    return url_for("mine.show" if role in ("grid_leader", "grid_member") else "maps.show")
