"""The small city in a store, the service of it, and clients that are logged in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from gridmap.accounts import hash_password
from gridmap.pipeline import build
from gridmap.stores import Account, create_store, open_store
from layers.sample import town
from tests.webapp.small_city import AREAS, CRS, PASSWORD, frames, log_in
from webapp import create_app


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Passwords hashed with little work: the real work is the point of argon2, and tests log in a hundred times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gridmap.accounts._hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory, quick_hashes: None) -> str:
    """Path of the city's store; tests that change it copy it first."""
    path = tmp_path_factory.mktemp("city") / "city.gpkg"
    hashed = hash_password(PASSWORD)
    with create_store(path, crs=CRS, name="青溪区") as store:
        store.write_all(frames().items())
        store.set_meta(made_at="2026-11-01T08:00:00Z", settings='{"split": {"households": [15, 25, 40]}}')
        for role, area in AREAS.items():
            kept = role.removesuffix("_without_area")
            store.keep_account(Account(name=role, role=kept, area=area, password_hash=hashed))
        store.keep_account(Account(name="gone", role="admin", area="", password_hash=hashed, active=False))
    return str(path)


@pytest.fixture(scope="session")
def app(city: str, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The service of that city."""
    return create_app(city, INSTANCE=tmp_path_factory.mktemp("instance"), TESTING=True, PROPAGATE_EXCEPTIONS=False)


@pytest.fixture(scope="session")
def logged_in(app: Flask) -> dict[str, FlaskClient]:
    """Account name -> client; `nobody` is not logged in."""
    return {**{name: log_in(app, name) for name in AREAS}, "nobody": app.test_client()}


@pytest.fixture
def clients(logged_in: dict[str, FlaskClient]) -> dict[str, FlaskClient]:
    """The same, each in the language of who has not chosen: a test before may have read English."""
    for client in logged_in.values():
        with client.session_transaction() as session:
            session.pop("lang", None)
    return logged_in


@pytest.fixture
def fresh(city: str, tmp_path: Path) -> Callable[..., Flask]:
    """Makes a service of a copy of the city, for tests that change accounts or count attempts."""
    copy = tmp_path / "city.gpkg"
    with open_store(city):
        shutil.copy(city, copy)

    def make(**config: Any) -> Flask:
        return create_app(copy, INSTANCE=tmp_path / "instance", TESTING=True, PROPAGATE_EXCEPTIONS=False, **config)

    return make


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, quick_hashes: None) -> Path:
    """The sample town, split, with a planner of the district, an office of the street and one of another street."""
    place = tmp_path_factory.mktemp("plan")
    for name, frame in town().items():
        frame.to_file(place / f"{name}.gpkg")
    build(place, place / "city.gpkg")
    with open_store(place / "city.gpkg") as store:
        street = store.read("streets")["code"].iloc[0]
        for name, role, area in (
            ("planner", "planner", street[:6]), ("office", "street_office", street),
            ("elsewhere", "street_office", f"{street[:6]}999"), ("leader", "grid_leader", f"{street}001001"),
        ):  # fmt: skip
            store.keep_account(Account(name=name, role=role, area=area, password_hash=hash_password(PASSWORD)))
    return place / "city.gpkg"
