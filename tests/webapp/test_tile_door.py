"""The short way to a tile gives what the long way gives, to whom the long way gives it, and no longer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.accounts import disable_account, set_password
from gridmap.city_tiles import make_tiles, tiles_folder
from gridmap.maps.tiles.shelf import Shelf
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, log_in
from webapp.tile_door import HOLDS, TileDoor


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def let_in(app: Flask, name: str) -> FlaskClient:
    """Log in, and wait until the note of it in the audit log is no change of this very moment any more."""
    client = log_in(app, name)
    with app.app_context():
        while app.extensions["store"].stamp() is None:
            time.sleep(0.01)
    return client


@pytest.fixture
def service(fresh: Callable[..., Flask]) -> Any:
    """A service with tiles, its door, a clock, and the paths that went the long way."""
    app = fresh()
    make_tiles(app.config["CITY"])
    door: TileDoor = app.extensions["tile_door"]
    door._clock = clock = Clock()
    long_way: list[str] = []
    inner = door.inner

    def watched(environ: dict[str, Any], start_response: Any) -> Any:
        long_way.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    door.inner = watched
    return app, clock, long_way


def addresses(app: Flask, layers: str = "micro_grids") -> list[str]:
    version = Shelf(tiles_folder(app.config["CITY"])).current()
    assert version is not None
    return [f"/tiles/{version.name}/{layers}/{z}/{x}/{y}.pbf" for z, x, y in version.layers["micro_grids"].archive]


@pytest.mark.parametrize("role", list(AREAS))
@pytest.mark.parametrize("layers", ["micro_grids", "micro_grids,buildings"])
def test_both_ways_say_the_same(service: Any, role: str, layers: str) -> None:
    app, _, long_way = service
    client = let_in(app, role)
    first = [client.get(address) for address in addresses(app, layers)]
    long_way.clear()
    again = [client.get(address) for address in addresses(app, layers)]
    for one, two in zip(first, again, strict=True):
        assert (one.status_code, one.data) == (two.status_code, two.data)
        for header in ("Cache-Control", "Content-Encoding", "Content-Type", "Vary", "X-Content-Type-Options"):
            assert one.headers.get(header) == two.headers.get(header)
    # and what has content did not go the long way again
    full = [answer.request.path for answer in first if answer.status_code == 200]
    assert not set(full) & set(long_way)
    assert bool(full) == (role != "grid_leader_without_area")


def test_nobody_comes_by_the_short_way(service: Any) -> None:
    app, _, _ = service
    known: FlaskClient = let_in(app, "admin")
    for address in addresses(app):
        assert known.get(address).status_code in (200, 204)
        assert app.test_client().get(address).status_code == 401
        # the cookie alone, from another browser
        assert known.get(address, headers={"User-Agent": "another"}).status_code in (200, 204, 401)


def test_a_session_does_not_carry_over_to_another_area(service: Any) -> None:
    app, _, _ = service
    address = addresses(app)[0]
    answers = {role: [let_in(app, role).get(address).data for _ in range(2)] for role in ("admin", "grid_leader")}
    assert answers["admin"][0] == answers["admin"][1] != answers["grid_leader"][0] == answers["grid_leader"][1]


@pytest.mark.parametrize("change", ["disabled", "password", "area"])
def test_a_change_of_the_account_ends_it_at_once(service: Any, change: str) -> None:
    app, _, _ = service
    city = app.config["CITY"]
    client = let_in(app, "street_office")
    address = next(a for a in addresses(app) if client.get(a).status_code == 200)
    assert client.get(address).status_code == 200
    if change == "disabled":
        disable_account(city, "street_office")
    elif change == "password":
        set_password(city, "street_office", "another-password-1")
    else:
        with open_store(city) as store:
            account = store.account("street_office")
            assert account is not None
            store.keep_account(type(account)(**{**account.__dict__, "area": "990199001"}))
    assert client.get(address).status_code == (403 if change == "area" else 401)


def test_reading_does_not_end_it_and_writing_does(service: Any) -> None:
    app, _, long_way = service
    city = app.config["CITY"]
    client, other = let_in(app, "admin"), let_in(app, "planner")
    address = addresses(app)[0]
    client.get(address)
    for _ in range(3):
        assert other.get("/data/micro_grids.geojson").status_code == 200
        with open_store(city) as store:
            store.read("micro_grids")
            long_way.clear()
            assert client.get(address).status_code == 200 and not long_way
    with open_store(city) as store:
        store.set_meta(note="changed")
    assert client.get(address).status_code == 200 and long_way


def test_a_service_sees_changes_however_others_open_the_file(service: Any) -> None:
    """Whoever opens and closes the file in this process drops its locks; the next to leave may remove the log."""
    app, _, _ = service
    city = Path(app.config["CITY"])
    client = let_in(app, "admin")
    for number in range(3):
        client.get("/tiles/layers.json")
        city.open("rb").close()
        change = f"""
from gridmap.stores import open_store
with open_store({str(city)!r}) as store:
    frame = store.read("micro_grids")
    store.write("micro_grids", frame.assign(households={number}))
"""
        subprocess.run([sys.executable, "-c", change], check=True)
        version = Shelf(tiles_folder(str(city))).current()
        assert version is not None
        values = client.get(f"/values/{version.name}/micro_grids/households.json").json["values"]
        assert set(values) == {number}


def test_it_holds_for_a_minute_only(service: Any) -> None:
    app, clock, long_way = service
    client = let_in(app, "admin")
    address = addresses(app)[0]
    for now, way in ((0.0, 1), (HOLDS - 1, 0), (HOLDS + 1, 1), (HOLDS + 2, 0)):
        clock.now = now
        long_way.clear()
        assert client.get(address).status_code == 200
        assert len(long_way) == way, now


def test_a_new_version_ends_it(service: Any, tmp_path: Path) -> None:
    app, _, _ = service
    client = let_in(app, "admin")
    address = addresses(app)[0]
    assert client.get(address).status_code == client.get(address).status_code == 200
    with open_store(app.config["CITY"]) as store:
        frame: Any = store.read("micro_grids")
        store.write("micro_grids", frame.assign(geometry=frame.geometry.translate(3.0)))
    make_tiles(app.config["CITY"])
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("path", ["/tiles/x.pbf", "/tiles/v/micro_grids/1/2/-3.pbf", "/tiles/v/micro_grids/１/2/3.pbf"])
def test_odd_addresses_go_the_long_way(service: Any, path: str) -> None:
    app, _, long_way = service
    client = let_in(app, "admin")
    assert client.get(addresses(app)[0]).status_code == 200
    assert client.get(path).status_code == 404
    assert long_way[-1].endswith(".pbf")
    assert client.post(addresses(app)[0]).status_code in (400, 405)
