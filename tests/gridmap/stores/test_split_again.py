"""A city in PostGIS is split again with the same answer as one in a GeoPackage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely

from gridmap.pipeline import build
from gridmap.replan import split_again
from gridmap.stores import copy_store, open_store
from gridmap.verify import verify
from layers.sample import town


@pytest.mark.postgis
def test_both_stores_give_the_same_plan(tmp_path: Path, fresh_schema: Callable[[], str]) -> None:
    for name, frame in town().items():
        frame.to_file(tmp_path / f"{name}.gpkg")
    here, there = tmp_path / "city.gpkg", fresh_schema()
    build(tmp_path, here)
    with open_store(here) as store:
        rows = store.read("buildings")
        more = 20 * (rows["code"] == "990101001001-x")
        store.write("buildings", rows.assign(households=rows["households"] + more))
        copy_store(store, there)
    plans = [split_again(city, keep_old=True, day="2026-05-01").after for city in (here, there)]
    assert plans[0]["code"].tolist() == plans[1]["code"].tolist()
    areas = []
    for city in (here, there):
        with open_store(city) as store:
            assert [item.name for item in verify(store).promises if not item.ok] == []
            areas.append(shapely.to_wkb(store.read("micro_grids").geometry.to_numpy()))
            assert store.count("lineage") and store.count("micro_grids_history")
    assert np.array_equal(*areas)
