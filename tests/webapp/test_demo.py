"""The demo is made once, has an account for each role, and is served as it is from then on."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from gridmap.roles import User, reach
from gridmap.stores import open_store
from layers.sample import DemoCity, town
from tests.webapp.small_city import log_in
from webapp import create_app, demo

ACCOUNTS: list[dict[str, str | None]] = [
    {"name": "leader", "password": "demo-leader", "role": "grid_leader", "area": None, "pick": "micro_grid"},
    {"name": "admin", "password": "demo-admin", "role": "admin", "area": "", "pick": None},
]


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The drawn town in place of the demo town, which takes long to build; gives what was written."""
    written = []

    def write(folder: Path) -> DemoCity:
        folder.mkdir(parents=True)
        for name, frame in town().items():
            frame.to_file(folder / f"{name}.geojson", driver="GeoJSON")
        written.append(folder)
        return DemoCity(folder=folder, accounts=ACCOUNTS, figures={})

    monkeypatch.setattr(demo, "write_demo", write)
    return written


def _service(city: Path, folder: Path) -> Flask:
    return create_app(city, INSTANCE=folder / "instance", TESTING=True)


def test_the_demo_is_made_once_and_everyone_can_log_in(small_demo: list[Path], tmp_path: Path) -> None:
    told: list[str] = []
    city, accounts = demo.prepare(tmp_path / "demo", tell=told.append)
    assert any("micro-grids" in text for text in told)
    app = _service(city, tmp_path)
    shown = {}
    for account in accounts:
        client = log_in(app, account["name"], account["password"])
        shown[account["role"]] = len(client.get("/data/micro_grids.geojson").json["features"])
    assert shown["grid_leader"] == 1 < shown["admin"]

    before = city.stat().st_mtime_ns
    again, same = demo.prepare(tmp_path / "demo")
    assert (again, same) == (city, accounts)
    assert city.stat().st_mtime_ns == before and len(small_demo) == 1


def test_a_leader_without_an_area_is_given_one_where_something_happens(
    small_demo: list[Path], tmp_path: Path
) -> None:
    city, accounts = demo.prepare(tmp_path / "demo")
    area = next(account["area"] for account in accounts if account["name"] == "leader")
    assert reach(User(name="leader", role="grid_leader", area=area)) == (area,)
    with open_store(city) as store:
        codes = store.read("micro_grids")["code"]
        assert area in set(codes)
        counts = store.read("incidents")["micro_grid"].value_counts().reindex(codes, fill_value=0)
        assert counts[area] >= counts.median()
        assert demo.area_of(store, {"area": None, "pick": "grid"}) in set(codes.str[:15])
        assert demo.area_of(store, {"area": "990101", "pick": None}) == "990101"


def test_accounts_that_are_there_keep_their_passwords(small_demo: list[Path], tmp_path: Path) -> None:
    city, accounts = demo.prepare(tmp_path / "demo")
    with open_store(city) as store:
        before = store.account("leader")
    demo.add_accounts(city, [{**account, "password": "another-one"} for account in accounts])
    with open_store(city) as store:
        assert store.account("leader") == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine.txt").write_text("keep me")
    assert demo.main([str(tmp_path)]) == 2
    assert "other files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["mine.txt"]
