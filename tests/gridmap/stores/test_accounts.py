"""Accounts are kept beside the city, under their name, and go nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from gridmap.stores import Account, Store, create_store, open_store
from layers.errors import WrongCall

WANG = Account(name="王网格", role="grid_leader", area="330483001001001", password_hash="$argon2id$v=19$x")
ADMIN = Account(name="admin", role="admin", area="", password_hash="$argon2id$v=19$y", active=False)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with create_store(url, crs="EPSG:4549") as store:
        yield store


def test_accounts_come_back_by_name(store: Store) -> None:
    assert store.accounts() == []
    store.keep_account(WANG)
    store.keep_account(ADMIN)
    with open_store(store.url) as again:
        assert again.accounts() == [ADMIN, WANG]
        assert again.account("王网格") == WANG and again.account("admin") == ADMIN
        assert again.account("admin") != WANG
        assert type(again.accounts()[0].active) is bool


def test_an_account_is_put_in_place_of_the_one_of_its_name(store: Store) -> None:
    store.keep_account(WANG)
    first = store.account("王网格")
    changed = Account(name="王网格", role="planner", area="", password_hash="new", active=False)
    store.keep_account(changed)
    assert store.accounts() == [changed]
    after = store.account("王网格")
    assert first is not None and after is not None and after.created_at == first.created_at is not None
    assert datetime.fromisoformat(first.created_at).tzinfo is not None


def test_names_are_plain_text(store: Store) -> None:
    store.keep_account(WANG)
    for name in ("' OR 1=1 --", "%", "王%", "ADMIN", ""):
        assert store.account(name) is None
    hostile = Account(name="x'; DROP TABLE accounts; --", role="r", area="", password_hash="%s :x")
    store.keep_account(hostile)
    assert store.accounts() == [hostile, WANG]


def test_an_account_needs_a_name(store: Store) -> None:
    with pytest.raises(WrongCall, match="needs a name"):
        store.keep_account(Account(name="  ", role="r", area="", password_hash="-"))
    assert store.accounts() == []


def test_accounts_do_not_change_the_version_of_the_data(store: Store) -> None:
    before = store.meta()
    store.keep_account(WANG)
    assert store.meta() == before
