"""Texts of a layer: those of its frame, row for row, and the middle of each row's box."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap.searching import build_index
from gridmap.stores import create_store
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.texts import texts_of

CRS = "EPSG:4549"
EAST = "330483001001001001"


@pytest.fixture
def store(url: str, town: dict[str, gpd.GeoDataFrame]) -> Iterator[SqlStore]:
    named = ["7号楼", None, "", "10号楼"]
    homes = town["buildings"].assign(name=named, 备注=[1.5, None, 2.0, 3.0], address="学士路8号")
    estates = gpd.GeoDataFrame({"name": ["龙南小区"]}, geometry=[shapely.box(50, 10, 150, 90)], crs=CRS)
    with create_store(url, crs=CRS, name="玉溪里") as store:
        store.write_all([*(town | {"buildings": homes, "estates": estates}).items()])
        yield store


def test_texts_are_those_of_the_frame(store: SqlStore) -> None:
    for layer in ("micro_grids", "buildings", "roads", "staff", "facilities", "findings"):
        for day in (None, date(2024, 6, 1), date(2025, 7, 1)):
            compare(store, layer, day)


def compare(store: SqlStore, layer: str, day: date | None) -> None:
    frame = store.read(layer, as_of=day)
    columns = ["code", "name", "address", "备注", "households", "within_band", "valid_to", ""]
    told = texts_of(store, layer, columns, as_of=day)
    for name in columns:
        wanted = ["" if pd.isna(value) else str(value) for value in frame[name]] if name in frame else None
        assert told.texts[name] == ([""] * len(frame) if wanted is None else wanted), name
    if isinstance(frame, gpd.GeoDataFrame) and len(frame):
        west, south, east, north = frame.bounds.to_numpy().T
        assert np.array_equal(told.middles(), np.column_stack([(west + east) / 2, (south + north) / 2]))


def test_units_of_the_past_are_found_on_their_day(store: SqlStore) -> None:
    past = store.read("micro_grids").iloc[[0]].assign(name="旧微网格", code="330483001001001009", valid_to="2020-12-31")
    store.write("micro_grids_history", past.assign(valid_from="2020-01-01"))
    told = texts_of(store, "micro_grids", ["code", "name"], as_of=date(2020, 6, 1))
    assert "旧微网格" in told.texts["name"] and told.texts["code"] == sorted(told.texts["code"])
    assert "旧微网格" not in texts_of(store, "micro_grids", ["name"], as_of=date(2024, 6, 1)).texts["name"]


def test_everything_with_a_name_is_in_the_index(store: SqlStore) -> None:
    index = build_index(store, today=date(2024, 6, 1))
    assert [hit.name for hit in index.find("西巷")] == ["西巷"] and index.find("没有") == []
    # the estate lies in two micro-grids and is found from either; the whole city has it once
    for within in ([EAST], [f"{EAST[:-1]}2"], [""]):
        assert [hit.name for hit in index.find("lnxq", within=within)] == ["龙南小区"]
    assert index.find("lnxq", within=["330483001002"]) == []
    [home] = index.find("b1")
    there = gpd.GeoSeries([shapely.Point(50, 50)], crs=CRS).to_crs(4326).iloc[0]
    assert (home.lon, home.lat) == pytest.approx((there.x, there.y), abs=1e-7) and home.area == EAST
