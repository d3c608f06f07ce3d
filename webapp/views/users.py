"""Accounts: who may log in, as what, for which area."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import AnyOf, InputRequired, Length

from gridmap.accounts import LEAST_PASSWORD, add_account, change_account, disable_account, set_password
from gridmap.roles import ROLE_TITLES, ROLES
from layers.errors import GridmapError, MoveNotAllowed, NotFound
from webapp.guard import get_user, needs
from webapp.language import current, say
from webapp.pages import Page
from webapp.refusals import say_refusal
from webapp.store import get_store

__all__ = ["bp"]

bp = Blueprint("users", __name__)

#: Accounts of a page.
_ROWS = 40


class AccountForm(FlaskForm):
    """A new account."""

    name = StringField(validators=[InputRequired(), Length(max=200)])
    role = StringField(validators=[AnyOf(ROLES)])
    area = StringField(validators=[Length(max=2000)])
    password = PasswordField(validators=[InputRequired(), Length(min=LEAST_PASSWORD, max=1000)])
    submit = SubmitField()


class ChangeForm(FlaskForm):
    """Another role, another area."""

    role = StringField(validators=[AnyOf(ROLES)])
    area = StringField(validators=[Length(max=2000)])


class PasswordForm(FlaskForm):
    """A new password for an account, which may log in again with it."""

    password = PasswordField(validators=[InputRequired(), Length(min=LEAST_PASSWORD, max=1000)])


class EmptyForm(FlaskForm):
    """A button."""


@bp.route("/users", methods=["GET", "POST"])
@needs("users.manage")
def show() -> ResponseReturnValue:
    """The accounts, and the form for a new one."""
    form = AccountForm()
    if form.validate_on_submit():
        try:
            made = add_account(
                current_app.config["CITY"], form.name.data, password=form.password.data, role=form.role.data,
                area=form.area.data or "", by=get_user().name,
            )
        except GridmapError as refusal:
            flash(say_refusal(refusal), "danger")
        else:
            flash(say("users.added", name=made.name), "success")
            return redirect(url_for(".show"))
    accounts, text = get_store().accounts(), request.args.get("q", "").strip()[:80]
    if text:
        accounts = [one for one in accounts if text in one.name or f",{text}" in f",{one.area}"]
    page = Page(len(accounts), _ROWS)
    return render_template(
        "users.html", form=form, accounts=accounts[page.skip : page.skip + _ROWS], page=page, q=text, user=get_user(),
        titles={role: ROLE_TITLES[role][current()] for role in ROLES}, least=LEAST_PASSWORD,
    )


@bp.post("/users/<name>/change")
@needs("users.manage")
def change(name: str) -> ResponseReturnValue:
    """Give an account another role or area; it holds from its next click on."""
    if name == get_user().name:
        raise MoveNotAllowed("you cannot change your own role; ask another administrator")
    form = ChangeForm()
    if form.validate_on_submit():
        try:
            change_account(
                current_app.config["CITY"], name, role=form.role.data, area=form.area.data or "", by=get_user().name
            )
        except NotFound:
            raise
        except GridmapError as refusal:
            flash(say_refusal(refusal), "danger")
        else:
            flash(say("users.changed", name=name), "success")
    return redirect(url_for(".show"))


@bp.post("/users/<name>/disable")
@needs("users.manage")
def disable(name: str) -> ResponseReturnValue:
    """Keep an account from logging in."""
    if name == get_user().name:
        raise MoveNotAllowed("you cannot disable your own account; ask another administrator")
    if EmptyForm().validate_on_submit():
        disable_account(current_app.config["CITY"], name, by=get_user().name)
        flash(say("users.disabled", name=name), "success")
    return redirect(url_for(".show"))


@bp.post("/users/<name>/password")
@needs("users.manage")
def password(name: str) -> ResponseReturnValue:
    """Give an account a new password."""
    form = PasswordForm()
    if form.validate_on_submit():
        set_password(current_app.config["CITY"], name, form.password.data, by=get_user().name)
        flash(say("users.password_set", name=name), "success")
    else:
        flash(say("users.password_short", n=LEAST_PASSWORD), "danger")
    return redirect(url_for(".show"))
