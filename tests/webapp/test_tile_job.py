"""The service makes tiles anew when the city changed: once, in a process of its own, whoever asks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gridmap.city_tiles import tiles_folder
from gridmap.maps.tiles.shelf import Shelf
from gridmap.stores import open_store
from tests.webapp.small_city import log_in
from webapp.tile_job import TileJob


def test_a_changed_city_gets_new_tiles_by_itself(fresh: Callable[..., Flask]) -> None:
    app = fresh(TILE_JOBS=True)
    city = app.config["CITY"]
    shelf = Shelf(tiles_folder(city))
    client = log_in(app, "grid_leader")
    versions = []
    for _ in range(2):
        with open_store(city) as store:
            frame: Any = store.read("micro_grids")
            store.write("micro_grids", frame.assign(geometry=frame.geometry.translate(2.0)))
            state = store.meta()["data_version"]
        until = time.time() + 240
        while (version := shelf.current()) is None or version.data_version != state:
            assert client.get("/tiles/layers.json").status_code == (200 if versions else 404) or version
            assert time.time() < until, "no tiles were made"
            time.sleep(0.2)
        versions.append(version.name)
        assert client.get("/tiles/layers.json").json["version"] == version.name
    assert versions[0] != versions[1]


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Jobs of two services of one city, and what was run."""
    run: list[str] = []
    monkeypatch.setattr(TileJob, "_run", lambda job: run.append(job.city))
    return TileJob("one", tmp_path / "t"), TileJob("two", tmp_path / "t"), run


def test_two_services_make_them_once(jobs: Any, tmp_path: Path) -> None:
    one, two, run = jobs
    assert one.start("s1") and not two.start("s1") and not one.start("s1")
    time.sleep(0.2)
    assert run == ["one"]
    # the sign of a process that died does not stand in the way for ever
    past = time.time() - 3600
    os.utime(tmp_path / "t" / ".making", (past, past))
    assert two.start("s1")


def test_what_failed_is_not_tried_again_for_the_same_state(jobs: Any, tmp_path: Path) -> None:
    one, _, _ = jobs
    assert one.start("s1")
    (tmp_path / "t" / ".making").unlink()
    assert not one.start("s1") and one.start("s2")
