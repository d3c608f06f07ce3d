"""Grids of a built city planned again: their micro-grids follow, and what is locked stays together."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest

from gridmap.pipeline import build
from gridmap.replan import set_locks, split_again
from gridmap.stores import open_store
from gridmap.verify import verify
from layers.errors import WrongCall
from layers.sample import town


def read(city: Path, layer: str) -> gpd.GeoDataFrame:
    with open_store(city) as store:
        return store.read(layer)  # type: ignore[return-value]


def broken(city: Path) -> list[str]:
    with open_store(city) as store:
        return [f"{item.name}: {item.examples}" for item in verify(store).promises if not item.ok]


def test_grids_are_planned_again_and_given_ones_stay(tmp_path: Path) -> None:
    for name, frame in town().items():
        frame.to_file(tmp_path / f"{name}.gpkg")
    city = tmp_path / "city.gpkg"
    build(tmp_path, city)
    buildings = read(city, "buildings")
    held = buildings.set_index("code").at["990101001001-V", "micro_grid"]
    members = set(buildings["code"][buildings["micro_grid"] == held])
    set_locks(city, lock=[held])
    split_again(city, level="grids", households=(100, 150, 200), day="2026-05-01")
    grids = read(city, "grids")
    assert broken(city) == [] and len(grids) >= 3 and grids["within_band"].all() and grids["derived"].all()
    assert int(grids["households"].sum()) == 500 and set(grids["parent"]) == {"990101001001"}
    now = read(city, "buildings").groupby("micro_grid")["code"].agg(set)
    assert members in now.tolist()
    with open_store(city) as store:
        assert json.loads(store.meta()["settings"])["split"]["grid_households"] == [100, 150, 200]
    before = set(grids["code"])
    done = split_again(city, level="grids", keep_old=True, day="2026-06-01")
    assert done.figures["share_kept"] == 1.0 and set(read(city, "grids")["code"]) == before
    split_again(city, level="grids", households=(200, 260, 320), keep_old=True, day="2026-07-01")
    assert broken(city) == [] and read(city, "grids")["households"].between(200, 320).all()
    with open_store(city) as store:
        store.write("grids", store.read("grids").assign(derived=False))
    with pytest.raises(WrongCall, match="given"):
        split_again(city, level="grids")
