"""Versions of tiles: switched whole, kept a while, the same for the same city, seen alike by two services."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridmap.maps.tiles import shelf as shelves
from gridmap.maps.tiles.shelf import Rows, Shelf, publish
from layers.errors import DataBroken

CRS = "EPSG:4547"


def city(names: str = "ab", east: float = 0.0) -> dict[str, Rows]:
    frame = gpd.GeoDataFrame(
        {"code": ["1", "2"], "name": list(names)},
        geometry=[shapely.box(512000 + east + n, 3381000, 512001 + east + n, 3381001) for n in (0, 1)], crs=CRS,
    )
    roads = gpd.GeoDataFrame(
        {"code": ["R"], "class": ["primary"]}, geometry=[shapely.LineString([(512000, 3381000), (512400, 3381000)])],
        crs=CRS,
    )
    return {"grids": Rows(frame, frame["code"]), "roads": Rows(roads)}


def test_a_version_says_what_each_number_means(tmp_path: Path) -> None:
    version = publish(tmp_path / "t", city(), data_version="d1", kinds=["canteen"])
    grids, roads = version.layers["grids"], version.layers["roads"]
    assert (version.data_version, version.kinds) == ("d1", ("canteen",))
    texts = grids.table[["key", "code", "name", "area"]].to_numpy().tolist()
    assert texts == [["1", "1", "a", "1"], ["2", "2", "b", "2"]]
    assert grids.coded and not roads.coded and roads.table["style"].tolist() == ["primary"]
    assert grids.columns == ("code", "name") and grids.boxes[0][0] < grids.boxes[1][0]


def test_the_same_city_is_the_same_version_with_the_same_bytes(tmp_path: Path) -> None:
    one = publish(tmp_path / "one", city(), data_version="d1")
    two = publish(tmp_path / "two", city(), data_version="d2")
    assert one.name == two.name
    files = sorted((tmp_path / "one" / one.name).glob("*.pmtiles"))
    assert len(files) == 2
    assert all(path.read_bytes() == (tmp_path / "two" / two.name / path.name).read_bytes() for path in files)


@pytest.mark.parametrize("change", [{"names": "ac"}, {"east": 1.0}])
def test_another_name_or_place_is_another_version(tmp_path: Path, change: dict) -> None:
    shelf = Shelf(tmp_path)
    publish(tmp_path, city(), data_version="d1")
    before = shelf.current()
    publish(tmp_path, city(**change), data_version="d2")
    after = shelf.current()
    assert before is not None and after is not None and before.name != after.name


def test_what_did_not_change_is_not_cut_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish(tmp_path, city(), data_version="d1")
    cut, real = [], shelves.cut
    monkeypatch.setattr(shelves, "cut", lambda frame, item: cut.append(item.name) or real(frame, item))
    publish(tmp_path, city(), data_version="d2")
    assert cut == []
    after = publish(tmp_path, city("ac"), data_version="d3")
    assert cut == ["grids"] and after.name != before.name
    assert after.layers["roads"].archive.path.read_bytes() == before.layers["roads"].archive.path.read_bytes()


def test_a_new_state_of_the_same_tiles_keeps_what_is_mapped(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    publish(tmp_path, city(), data_version="d1")
    first = shelf.current()
    publish(tmp_path, city(), data_version="d2")
    second = shelf.current()
    assert first is not None and second is not None and second.data_version == "d2"
    assert second.layers is first.layers


def test_making_that_fails_leaves_the_old_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish(tmp_path, city(), data_version="d1")

    def broken(frame: gpd.GeoDataFrame, item: object) -> None:
        raise DataBroken("row 1 is not found again")

    monkeypatch.setattr(shelves, "cut", broken)
    with pytest.raises(DataBroken):
        publish(tmp_path, city("xy", 50.0), data_version="d2")
    after = Shelf(tmp_path).current()
    assert after is not None and (after.name, after.data_version) == (before.name, "d1")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([before.name, "current.json"])


def test_two_services_see_whole_versions_while_they_change(tmp_path: Path) -> None:
    """Two readers ask all the time while versions come and go: each answer is one that was whole."""
    states = {publish(tmp_path, city(), data_version="a").name: "a"}
    seen: list[set[str]] = [set(), set()]
    wrong: list[str] = []
    stop = threading.Event()

    def read(number: int) -> None:
        shelf = Shelf(tmp_path)
        while not stop.is_set():
            version = shelf.current()
            if version is None or set(version.layers) != {"grids", "roads"}:
                wrong.append(str(version))
                return
            for tiles in version.layers.values():
                if len(tiles.table) != tiles.count or not any(tiles.get(*tile) for tile in tiles.archive):
                    wrong.append(tiles.name)
            seen[number].add(version.name)

    readers = [threading.Thread(target=read, args=(number,)) for number in (0, 1)]
    for reader in readers:
        reader.start()
    for state, names in enumerate(("ac", "ad", "ae")):
        states[publish(tmp_path, city(names), data_version=str(state)).name] = str(state)
        time.sleep(0.2)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert seen[0] <= set(states) and max(len(names) for names in seen) > 1


def test_old_versions_go_after_a_while(tmp_path: Path) -> None:
    old = publish(tmp_path, city(), data_version="d1")
    shelf = Shelf(tmp_path)
    reading = shelf.current()
    assert reading is not None
    reading.layers["grids"].get(0, 0, 0)  # maps the file
    publish(tmp_path, city("ac"), data_version="d2")
    assert (tmp_path / old.name).is_dir()
    past = time.time() - shelves.KEEP_SECONDS - 5
    os.utime(tmp_path / old.name, (past, past))
    left = tmp_path / ".half-a-version"
    left.mkdir()
    os.utime(left, (past, past))
    now = publish(tmp_path, city("ac"), data_version="d3")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([now.name, "current.json"])
    assert len(list(reading.layers["grids"].archive)) > 0  # who reads them still can


def test_a_folder_without_tiles_or_with_others_has_none(tmp_path: Path) -> None:
    assert Shelf(tmp_path / "none").current() is None
    version = publish(tmp_path, city(), data_version="d1")
    facts = json.loads((tmp_path / version.name / "version.json").read_text())
    (tmp_path / version.name / "version.json").write_text(json.dumps({**facts, "format": 0}))
    assert Shelf(tmp_path).current() is None
    (tmp_path / "current.json").write_text("{")
    assert Shelf(tmp_path).current() is None


def test_nothing_with_a_place_makes_no_tiles(tmp_path: Path) -> None:
    empty = gpd.GeoDataFrame({"code": ["1"]}, geometry=[None], crs=CRS)
    with pytest.raises(DataBroken, match="place"):
        publish(tmp_path, {"grids": Rows(empty, pd.Series(["1"]))}, data_version="d1")
