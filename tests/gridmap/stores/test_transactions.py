"""All or nothing, whoever reads or writes meanwhile, and whatever happens to the writer."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridmap.stores import Account, create_store, open_store, writing
from layers.errors import CrsMismatch, NotACity, NotFound, StoreBusy, WrongCall

CRS = "EPSG:4549"


def houses(count: int, name: str = "h") -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": [f"{name}{i:04d}" for i in range(count)]},
        geometry=shapely.box(range(count), 0, range(1, count + 1), 1), crs=CRS,
    )



def test_several_layers_are_written_all_or_none(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        store.write_all([("buildings", houses(3)), ("staff", pd.DataFrame({"name": ["a"]}))])
        before = store.meta()["data_version"]
        with pytest.raises(CrsMismatch):
            store.write_all([("buildings", houses(9)), ("roads", houses(1).set_crs(4527, allow_override=True))])
        assert store.count("buildings") == 3 and store.meta()["data_version"] == before
        with pytest.raises(RuntimeError, match="at the last row"), store.transaction():
            store.write_all([("buildings", houses(9)), ("staff", pd.DataFrame())])
            store.set_meta(name="other")
            store.keep_account(Account(name="x", role="admin", area="", password_hash="-"))
            assert store.count("buildings") == 9
            raise RuntimeError("at the last row")
        assert store.count("buildings") == 3 and store.count("staff") == 1
        assert store.meta() == {"data_version": before} and store.accounts() == []


def test_a_write_gives_a_new_data_version(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        versions = [store.meta()["data_version"]]
        for _ in range(2):
            store.write("buildings", houses(1))
            versions.append(store.meta()["data_version"])
    assert len(set(versions)) == 3


def test_facts_are_kept_over_those_of_the_same_name(url: str) -> None:
    with create_store(url, crs=CRS, name="甲", settings="{}") as store:
        store.set_meta(name="'乙'", made_at="2024")
        assert store.meta() | {"data_version": ""} == {
            "name": "'乙'", "settings": "{}", "made_at": "2024", "data_version": "",
        }
        with pytest.raises(WrongCall, match="schema_version"):
            store.set_meta(schema_version="99")
        with pytest.raises(WrongCall, match="must be text, not int"):
            store.set_meta(seed=7)  # type: ignore[arg-type]


def test_readers_go_on_while_a_writer_works(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        store.write("buildings", houses(3))
        with open_store(url) as reader, store.transaction():
            store.write("buildings", houses(9))
            assert reader.count("buildings") == 3 and len(reader.read("buildings", bbox=(0, 0, 9, 9))) == 3
            assert store.count("buildings") == 9
        with open_store(url) as reader:
            assert reader.count("buildings") == 9


def test_a_snapshot_is_of_one_moment(url: str) -> None:
    with create_store(url, crs=CRS) as store, open_store(url) as reader:
        store.write("buildings", houses(3))
        with reader.snapshot():
            assert reader.count("buildings") == 3
            store.write_all([("buildings", houses(9)), ("staff", pd.DataFrame({"name": ["a"]}))])
            assert reader.count("buildings") == 3 and reader.layers() == ["buildings"]
        assert reader.count("buildings") == 9


def test_a_second_writer_waits_and_then_says_that_the_store_is_busy(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        with open_store(url, busy_seconds=0.1) as other, store.transaction():
            store.write("buildings", houses(2))
            with pytest.raises(StoreBusy, match="try again"):
                other.write("buildings", houses(5))
        assert store.count("buildings") == 2
        with open_store(url, busy_seconds=0.1) as other:
            other.write("buildings", houses(5))
        assert store.count("buildings") == 5


def test_writers_in_turn_lose_nothing(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        failures: list[Exception] = []

        def work(name: str) -> None:
            try:
                for number in range(4):
                    store.keep_account(Account(name=f"{name}{number}", role="r", area="", password_hash="-"))
                    store.write("buildings", houses(20, name))
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert [account.name for account in store.accounts()] == [f"{name}{i}" for name in "abc" for i in range(4)]
        codes = store.read("buildings")["code"]
        # one whole frame, never a mixture
        assert len(codes) == 20 and codes.str[0].nunique() == 1


def test_a_writer_that_is_killed_leaves_the_store_as_it_was(fresh_url: Callable[[], str]) -> None:
    url = fresh_url()
    with create_store(url, crs=CRS) as store:
        store.write("buildings", houses(3))
        program = textwrap.dedent(f"""
            import geopandas as gpd, shapely, sys, time
            from gridmap.stores import open_store
            with open_store({url!r}) as store, store.transaction():
                many = gpd.GeoDataFrame(geometry=shapely.points(range(20000), 0.0), crs={CRS!r})
                store.write("buildings", many)
                print("written", flush=True)
                time.sleep(60)
        """)
        root = Path(__file__).parents[3]
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root) as child:
            assert child.stdout is not None and child.stdout.readline() == b"written\n"
            child.send_signal(signal.SIGKILL)
            child.wait()
    with open_store(url) as store:
        assert store.count("buildings") == 3 and len(store.read("buildings", bbox=(0, 0, 9, 9))) == 3
        store.write("buildings", houses(4))
        assert store.count("buildings") == 4


def test_a_new_city_is_whole_or_not_there(fresh_url: Callable[[], str]) -> None:
    url = fresh_url()
    with pytest.raises(ZeroDivisionError), writing(url, crs=CRS, name="玉溪里") as store:
        store.write("buildings", houses(3))
        raise ZeroDivisionError
    with pytest.raises((NotFound, NotACity)):
        open_store(url)
    if url.endswith(".gpkg"):
        assert list(Path(url).parent.glob(f"*{Path(url).stem}*")) == []
    with writing(url, crs=CRS, name="玉溪里") as store:
        store.write("buildings", houses(3))
        assert store.count("buildings") == 3
        with pytest.raises((NotFound, NotACity)):
            open_store(url)
    with open_store(url) as store:
        assert store.count("buildings") == 3 and store.meta()["name"] == "玉溪里"
    if url.endswith(".gpkg"):
        assert [path.name for path in Path(url).parent.glob(f"*{Path(url).stem}*")] == [Path(url).name]


def test_a_city_built_anew_keeps_its_accounts_and_nothing_else(url: str) -> None:
    account = Account(name="wang", role="planner", area="330483", password_hash="$argon2")
    with create_store(url, crs=CRS, name="old", seed="1") as store:
        store.write_all([("buildings", houses(3).assign(own="x")), ("staff", pd.DataFrame({"name": ["a"]}))])
        store.keep_account(account)
    with open_store(url) as reader:
        with writing(url, crs=CRS, name="new") as store:
            store.write("buildings", houses(2).assign(own="y"))
            assert store.layers() == ["buildings"]
            # the web service reads on, and a clerk logs in
            assert reader.count("buildings") == 3 and reader.count("staff") == 1 and reader.meta()["name"] == "old"
            assert reader.account("wang") == account
        assert reader.read("buildings")["own"].tolist() == ["y", "y"]
        assert reader.layers() == ["buildings"] and reader.count("staff") == 0
        facts = reader.meta()
        assert facts.pop("data_version") and facts == {"name": "new"}
        assert reader.accounts() == [account]


def test_a_city_may_be_built_anew_in_another_shape(url: str) -> None:
    with create_store(url, crs=CRS) as reader:
        with writing(url, crs=CRS) as store:
            store.write("buildings", houses(3).assign(own="x", more=1))
        with writing(url, crs="EPSG:4527") as store:
            others = houses(2).set_crs(4527, allow_override=True).assign(own=1.5, geometry=shapely.points([0, 1], 0.0))
            store.write("buildings", others)
        assert reader.crs == "EPSG:4527"
        back = reader.read("buildings", bbox=(0.5, 0, 2, 0))
        assert back.crs == "EPSG:4527" and back["own"].tolist() == [1.5] and "more" not in back
        # a layer that was not written stands in the new system too
        assert reader.read("roads").crs == "EPSG:4527"
        reader.write("roads", gpd.GeoDataFrame(geometry=[shapely.Point(1, 1)], crs=4527))


def test_a_city_that_fails_to_be_built_anew_stays(url: str) -> None:
    with create_store(url, crs=CRS, name="old") as store:
        store.write("buildings", houses(3))
        before = store.meta()
        with pytest.raises(ZeroDivisionError), writing(url, crs="EPSG:4527", name="new") as new:
            new.write("buildings", houses(2).set_crs(4527, allow_override=True))
            raise ZeroDivisionError
        assert store.count("buildings") == 3 and store.crs == CRS and store.meta() == before
        assert len(store.read("buildings", bbox=(0, 0, 9, 9))) == 3


def test_making_a_city_where_there_is_one_is_refused(url: str) -> None:
    create_store(url, crs=CRS).close()
    with pytest.raises(WrongCall, match="already"):
        create_store(url, crs=CRS)
    open_store(url).close()


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:2263", "EPSG:999999", None, "nonsense"])
def test_a_city_is_kept_in_metres(url: str, crs: str | None) -> None:
    with pytest.raises(CrsMismatch):
        create_store(url, crs=crs)
    with pytest.raises(CrsMismatch), writing(url, crs=crs):
        raise AssertionError("the block must not begin")
    with pytest.raises((NotFound, NotACity)):
        open_store(url)


def test_a_crs_without_a_number_is_kept_whole(url: str) -> None:
    local = "+proj=tmerc +lat_0=0 +lon_0=120.25 +k=1 +x_0=50000 +y_0=-3000000 +ellps=GRS80 +units=m +no_defs"
    frame = gpd.GeoDataFrame({"code": ["a"]}, geometry=[shapely.Point(1, 2)], crs=local)
    for _ in range(2):
        with writing(url, crs=local) as store:
            store.write("buildings", frame)
    with open_store(url) as store:
        back = store.read("buildings", bbox=(0, 0, 3, 3))
    assert back.crs == frame.crs and back.geometry[0].wkt == "POINT (1 2)"


@pytest.mark.parametrize("url", ["city.shp", "mysql://x", "", "postgresql://host:port/city", "postgresql://h/d?schema=a-b"])
def test_what_is_no_city_by_its_name_is_refused(url: str) -> None:
    with pytest.raises(WrongCall):
        open_store(url)


def test_a_city_opened_twice_outlives_another_process_that_writes(tmp_path: Path) -> None:
    path = tmp_path / "city.gpkg"
    with create_store(path, crs=4549, name="青溪区") as store:
        assert store.meta()["name"] == "青溪区"
        open_store(path).close()  # a second look must not drop the locks of the first
        other = "import sys; from gridmap.stores import open_store\n"
        other += "with open_store(sys.argv[1]) as s: print(s.meta().get('note')); s.set_meta(name=sys.argv[2])"
        for number in range(3):
            store.set_meta(note=f"note {number}")
            command = [sys.executable, "-c", other, str(path), f"name {number}"]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            assert said.strip() == f"note {number}" and store.meta()["name"] == f"name {number}"
            assert path.with_name("city.gpkg-wal").exists()  # the log of an open city stays


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3"])
def test_a_file_of_another_kind_is_no_city(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "city.gpkg"
    path.write_bytes(content)
    with pytest.raises(NotACity):
        open_store(path)
