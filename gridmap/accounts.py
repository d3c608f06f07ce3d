"""Accounts of a city: who may log in, with passwords kept as argon2id hashes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gridmap.audit import note
from gridmap.roles import check_area
from gridmap.stores import Account, open_store
from layers.errors import NotFound, WrongCall

__all__ = [
    "LEAST_PASSWORD", "add_account", "change_account", "disable_account", "hash_password", "password_fits",
    "set_password",
]

#: Least number of characters of a password (NIST SP 800-63B, 5.1.1.1).
LEAST_PASSWORD = 8

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash of a password (RFC 9106, with the defaults of argon2-cffi).

    Raises
    ------
    WrongCall
        Where the password is too short.

    Examples
    --------
    >>> password_fits("chang-jiang-1", hash_password("chang-jiang-1"))
    True
    """
    if len(password) < LEAST_PASSWORD:
        raise WrongCall(f"a password has at least {LEAST_PASSWORD} characters; choose a longer one")
    return _hasher.hash(password)


def password_fits(password: str, hashed: str) -> bool:
    """Whether a password is the one that was hashed; False for a hash that is none.

    Examples
    --------
    >>> password_fits("anything", "not a hash")
    False
    """
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def add_account(
    city: str | Path, name: str, *, password: str, role: str, area: str = "", by: str | None = None
) -> Account:
    """Add an account to a city.

    Parameters
    ----------
    city
        Store URL.
    name, password
        What the user types to log in.
    role, area
        See `gridmap.roles`; `area` is a unit code, or several with commas.
    by
        The account that adds it, for the audit log; None for the user of this machine.

    Raises
    ------
    WrongCall
        Where the name is empty or taken, the password short, the role unknown, or the area wider than the role may see.
    """
    name = name.strip()
    if not name:
        raise WrongCall("an account needs a name; give the one that the user will type")
    account = Account(name=name, role=role, area=check_area(role, area), password_hash=hash_password(password))
    with open_store(city) as store:
        if store.account(name) is not None:
            raise WrongCall(f"there is an account {name!r} already; use 'gridmap user password' to change its password")
        with store.transaction():
            store.keep_account(account)
            note(store, "user.add", by=by, area=account.area, name=name, role=role)
    return account


def change_account(city: str | Path, name: str, *, role: str, area: str = "", by: str | None = None) -> Account:
    """Give an account another role or area; it sees by them from its next click on.

    Raises
    ------
    NotFound
        Where there is no such account.
    WrongCall
        Where the role is unknown, or the area wider than the role may see.
    """
    with open_store(city) as store:
        before = _known(store.account(name), name)
        after = replace(before, role=role, area=check_area(role, area))
        with store.transaction():
            store.keep_account(after)
            note(
                store, "user.change", by=by, area=after.area, name=name, role_before=before.role, role=after.role,
                area_before=before.area,
            )
    return after


def disable_account(city: str | Path, name: str, *, by: str | None = None) -> None:
    """Keep an account from logging in; its name stays taken.

    Raises
    ------
    NotFound
        Where there is no such account.
    """
    with open_store(city) as store:
        account = _known(store.account(name), name)
        with store.transaction():
            store.keep_account(replace(account, active=False))
            note(store, "user.disable", by=by, area=account.area, name=name)


def set_password(city: str | Path, name: str, password: str, *, by: str | None = None) -> None:
    """Give an account a new password and let it log in again.

    Raises
    ------
    NotFound
        Where there is no such account.
    """
    hashed = hash_password(password)
    with open_store(city) as store:
        account = _known(store.account(name), name)
        with store.transaction():
            store.keep_account(replace(account, password_hash=hashed, active=True))
            note(store, "user.password", by=by, area=account.area, name=name, was_disabled=not account.active)


def _known(account: Account | None, name: str) -> Account:
    if account is None:
        raise NotFound(f"there is no account {name!r}; 'gridmap user list' shows those that exist")
    return account
