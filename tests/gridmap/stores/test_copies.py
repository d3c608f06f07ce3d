"""A copy is the city, in whatever store it was and goes to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from pandas.testing import assert_frame_equal

from gridmap.stores import Account, backup, copy_store, create_store, open_store
from gridmap.stores.sql_store import SqlStore
from layers.errors import CrsMismatch, NotACity, NotFound, WrongCall
from layers.schema import LAYERS

CRS = "EPSG:4549"
WANG = Account(name="wang", role="planner", area="330483", password_hash="$argon2")
LI = Account(name="li", role="admin", area="", password_hash="$other")


@pytest.fixture
def city(url: str, town: dict[str, gpd.GeoDataFrame]) -> SqlStore:
    store = create_store(url, crs=CRS, name="玉溪里", settings='{"a": 1}')
    store.write_all(town.items())
    store.keep_account(WANG)
    return store


def assert_same_city(one: SqlStore, other: SqlStore) -> None:
    assert one.crs == other.crs and one.meta() == other.meta() and one.layers() == other.layers() != []
    for name in one.layers():
        same = assert_geodataframe_equal if LAYERS[name].geometry else assert_frame_equal
        same(one.read(name), other.read(name))


def test_a_copy_in_either_kind_is_the_city(
    city: SqlStore, tmp_path: Path, fresh_schema: Callable[[], str]
) -> None:
    with city:
        for url in (str(tmp_path / "copy.gpkg"), fresh_schema()):
            copy_store(city, url)
            with open_store(url) as copy:
                assert_same_city(city, copy)
                assert copy.accounts() == [WANG] and copy.account("wang").created_at == city.account("wang").created_at


def test_a_copy_is_of_one_moment_though_others_write(
    city: SqlStore, fresh_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, other = city.read, open_store(city.url)

    def read_while_another_writes(name: str) -> pd.DataFrame:
        other.write("staff", pd.DataFrame({"name": ["came later"]}))
        return read(name)

    monkeypatch.setattr(city, "read", read_while_another_writes)
    url = fresh_url()
    with city, other:
        copy_store(city, url)
        assert other.count("staff") == 1
    with open_store(url) as copy:
        assert copy.read("staff")["name"].tolist() == ["李", "王"]


def test_a_copy_takes_the_place_of_a_city_and_leaves_its_other_accounts(
    city: SqlStore, fresh_url: Callable[[], str]
) -> None:
    url = fresh_url()
    with create_store(url, crs="EPSG:4527", name="old") as old:
        old.write("staff", pd.DataFrame({"name": ["gone"]}))
        old.keep_account(LI)
    with city:
        copy_store(city, url)
        with open_store(url) as copy:
            assert_same_city(city, copy)
            assert copy.accounts() == [LI, WANG]


def test_a_backup_holds_the_last_write_though_the_city_is_open(city: SqlStore, tmp_path: Path) -> None:
    with city:
        city.set_meta(note="written just now")
        path = backup(city, tmp_path / "backup.gpkg")
        with open_store(path) as copy:
            assert_same_city(city, copy)
            assert copy.meta()["note"] == "written just now" and copy.accounts() == [WANG]
            # a city like any other
            copy.write("staff", pd.DataFrame({"name": ["x"]}))
        assert city.count("staff") == 2
    assert sorted(name.name for name in tmp_path.glob("*backup*")) == ["backup.gpkg"]


def test_a_backup_replaces_nothing(city: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "there.gpkg").write_text("mine")
    with city:
        with pytest.raises(WrongCall, match="exists already"):
            backup(city, tmp_path / "there.gpkg")
        with pytest.raises(WrongCall, match="does not end in"):
            backup(city, tmp_path / "backup.zip")
        with pytest.raises(NotFound, match="no folder"):
            backup(city, tmp_path / "none" / "backup.gpkg")
    assert (tmp_path / "there.gpkg").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_a_city_is_not_copied_onto_itself_or_onto_a_file_of_another_kind(city: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "there.gpkg").write_text("mine")
    with city:
        with pytest.raises(WrongCall, match="onto itself"):
            copy_store(city, city.url)
        with pytest.raises(NotACity):
            copy_store(city, tmp_path / "there.gpkg")
        with pytest.raises(WrongCall):
            copy_store(city, tmp_path / "there.shp")
        assert city.count("buildings") == 4


def test_a_copy_that_fails_leaves_the_other_city(
    city: SqlStore, fresh_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_url()
    with create_store(url, crs=CRS, name="old") as old:
        old.write("staff", pd.DataFrame({"name": ["stays"]}))

        def fail(*_: object) -> None:
            raise CrsMismatch("on purpose")

        monkeypatch.setattr(SqlStore, "keep_account", fail)
        with city, pytest.raises(CrsMismatch, match="on purpose"):
            copy_store(city, url)
        assert old.meta()["name"] == "old" and old.read("staff")["name"].tolist() == ["stays"]
