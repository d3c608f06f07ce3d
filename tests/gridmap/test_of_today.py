"""Whoever measures walks counts the facilities of today by the norms in force, as coverage does."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridmap.ask_coverage import coverage_of
from gridmap.ask_what_if import Ground, Step, held_norms
from gridmap.city_norms import change_norm, undo_norm
from gridmap.city_walks import read_walks
from gridmap.equity import measure_equity
from gridmap.norms import load_norms
from gridmap.pipeline import build
from gridmap.rework import cover_again, cover_as_before
from gridmap.siting import site_city
from gridmap.siting_kinds import site_kinds
from gridmap.stores import open_store
from gridmap.ways import way_of
from gridmap.what_if import what_if
from layers.sample import town
from tests.gridmap.street import CRS, GRID, long_street

DECISION = "某某区民政局文件"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The long street: canteens at its east that closed or are yet to open, and 500 m to one by a decision of its own.

    ::

        corner    0     1     2     3     4     5
        homes    10    20    30    40    50    60
        canteen   x                       (-)   (+)
    """
    city = long_street(tmp_path_factory.mktemp("city") / "street.gpkg")
    with open_store(city) as store:
        facilities = store.read("facilities")
        more = gpd.GeoDataFrame(
            {"code": ["closed", "planned"], "kind": "canteen", "micro_grid": f"{GRID}002",
             "valid_from": ["2001-01-01", "2999-01-01"], "valid_to": ["2020-12-31", None]},
            geometry=[shapely.Point(800, 0), shapely.Point(1000, 0)], crs=CRS,
        )  # fmt: skip
        store.write("facilities", pd.concat([facilities, more], ignore_index=True))
    change_norm(city, "canteen", metres=500, source=DECISION, verified=True)
    cover_again(city, kinds=["canteen"])
    return city


def test_coverage_counts_the_canteen_of_today(city: str) -> None:
    with open_store(city) as store:
        table = store.read("coverage")
    assert set(table["norm_m"]) == {500.0} and table["covered_households"].sum() == 60


def test_sites_are_sought_beside_the_facilities_of_today_within_the_norm_in_force(city: str) -> None:
    plan = site_city(city, kind="canteen", count=1)
    assert (plan.existing, plan.radius_m, plan.verified, plan.before) == (1, 500.0, True, 60)
    assert site_city(city, kind="canteen", count=1, radius_m=215).before == 30


def test_a_budget_is_spent_beside_the_facilities_of_today_within_the_norm_in_force(city: str) -> None:
    row = site_kinds(city, {"canteen": 1.0}, budget=1.0).kinds.iloc[0]
    assert (row["existing"], row["norm_m"], bool(row["verified"]), row["before"]) == (1, 500.0, True, 60)


def test_before_a_change_is_what_coverage_says(city: str) -> None:
    found = what_if(city, add=["canteen@800,0"])
    total = found.level("city", changed=False).iloc[0]
    assert (total["norm_m_before"], total["covered_before"], found.verified) == (500.0, 60, {"canteen": True})
    with open_store(city) as store:
        ground = Ground(read_walks(store), held_norms(store))
    place = gpd.GeoSeries([shapely.Point(800, 0)], crs=CRS).to_crs(4326).iloc[0]
    told = ground.ask([Step(what="add", name="canteen", place=(place.x, place.y))]).facts()[0]
    assert (told["norm_m"], told["before"]["covered"], told["after"]["covered"]) == (500.0, 60, 210)
    assert ground.own_facilities()["code"].tolist() == ["f1"]


def test_the_way_leads_to_a_canteen_of_today(city: str) -> None:
    assert way_of(city, "b5", "canteen").facility == "f1"


def test_equity_is_of_the_same_coverage(city: str) -> None:
    with open_store(city) as store:
        found = measure_equity(store)
    row = found.table[found.table["group"] == "households"].iloc[0]
    assert row["covered"] == pytest.approx(60 / 210) and not found.unverified


def test_the_source_that_is_named_is_that_of_the_distance(tmp_path: Path) -> None:
    city, packaged = long_street(tmp_path / "street.gpkg"), load_norms()["canteen"]
    cover_again(city, kinds=["canteen"])
    change_norm(city, "canteen", metres=500, source=DECISION)
    for metres, source in ((packaged.metres, packaged.source), (500.0, DECISION)):
        with open_store(city) as store:
            found = coverage_of(store, "canteen")
        assert found.norm is not None and (found.kind["norm_m"], found.norm["source"]) == (metres, source)
        cover_again(city, kinds=["canteen"])


def test_coverage_after_an_import_takes_the_norm_that_was_changed_meanwhile(tmp_path: Path) -> None:
    city = long_street(tmp_path / "street.gpkg")
    cover_again(city, kinds=["canteen"])
    change_norm(city, "canteen", metres=500, source=DECISION)
    cover_as_before(city)
    with open_store(city) as store:
        assert set(store.read("coverage")["norm_m"]) == {500.0} and store.meta()["coverage_stale"] == ""
    undo_norm(city, "canteen")
    cover_as_before(city)
    with open_store(city) as store:
        assert set(store.read("coverage")["norm_m"]) == {load_norms()["canteen"].metres}


def test_a_city_is_built_with_the_facilities_of_today(tmp_path: Path) -> None:
    for name, frame in town().items():
        if not isinstance(frame, gpd.GeoDataFrame):
            continue
        if name == "facilities":
            closed = frame[frame["kind"] == "canteen"].assign(valid_to="2020-12-31")
            frame = pd.concat([frame[frame["kind"] != "canteen"], closed], ignore_index=True)
        frame.to_file(tmp_path / f"{name}.gpkg")
    city = str(tmp_path / "city.gpkg")
    build(tmp_path, city)
    with open_store(city) as store:
        built = store.read("coverage")
        assert (store.read("facilities")["kind"] == "canteen").any()
    assert not built.loc[built["kind"] == "canteen", "covered_households"].any()
    cover_again(city)
    with open_store(city) as store:
        pd.testing.assert_frame_equal(built, store.read("coverage"))
