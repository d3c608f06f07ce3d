"""Files brought into a city again and again: nothing twice, nothing lost, everything to be taken back."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner

from gridmap.cli import main
from gridmap.importing import import_file, imports, undo_import
from gridmap.pipeline import build
from gridmap.rework import cover_again
from gridmap.stores import open_store
from gridmap.verify import verify
from layers.errors import AmbiguousHeading, NotFound, WrongCall
from layers.sample import town


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_file(folder / f"{name}.gpkg")
    build(folder, folder / "city.gpkg")
    return folder / "city.gpkg"


@pytest.fixture
def city(built: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "city.gpkg"
    copy.write_bytes(built.read_bytes())
    return copy


def facilities(city: Path, folder: Path, name: str = "facilities.csv") -> tuple[Path, pd.DataFrame]:
    """The city's facilities as an office would send them: a table with degrees."""
    with open_store(city) as store:
        frame = store.read("facilities").to_crs(4326)
    table = pd.DataFrame({
        "编号": frame["code"], "名称": frame["name"], "类别": frame["kind"], "经度": frame.geometry.x.round(9),
        "纬度": frame.geometry.y.round(9),
    })
    return write(folder / name, table), table


def write(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False, encoding="gb18030")
    return path


def read(city: Path, layer: str = "facilities") -> pd.DataFrame:
    with open_store(city) as store:
        return store.read(layer)


def test_the_same_file_twice_changes_nothing(city: Path, tmp_path: Path) -> None:
    before = read(city)
    path, _ = facilities(city, tmp_path)
    for _ in range(2):
        done = import_file(city, "facilities", path, datum="wgs84", by="li").record
        assert (done.new, done.changed, done.ended, done.unchanged) == (0, 0, 0, len(before))
    pd.testing.assert_frame_equal(read(city), before)
    assert imports(city)["code"].tolist() == ["I000002", "I000001"] and set(imports(city)["by"]) == {"li"}


@pytest.mark.parametrize("coded", [True, False])
def test_a_newer_file_updates_ends_and_is_undone(city: Path, tmp_path: Path, coded: bool) -> None:
    before = read(city)
    path, table = facilities(city, tmp_path)
    table["容量"] = None
    table.loc[0, "容量"] = "300人"
    table.loc[1, "经度"] += 0.0001
    newer = table.drop(index=2)
    newer = pd.concat([newer, table.iloc[[0]].assign(编号="X9", 名称="新食堂", 类别="社区食堂")], ignore_index=True)
    if not coded:
        newer = newer.drop(columns="编号")
    done = import_file(city, "facilities", write(path, newer), datum="wgs84").record
    assert (done.new, done.changed, done.ended) == (1, 2, 1) and done.unchanged == len(before) - 3
    assert done.rows == done.new + done.changed + done.unchanged + done.refused + done.merged
    after = read(city).set_index("name")
    assert after.loc[table.loc[0, "名称"], "capacity"] == 300
    assert pd.notna(after.loc[table.loc[2, "名称"], "valid_to"])  # ended, not deleted
    fresh = after.loc["新食堂"]
    assert fresh["kind"] == "canteen" and pd.notna(fresh["micro_grid"]) and pd.notna(fresh["valid_from"])
    with open_store(city) as store:
        result = verify(store)
    assert result.ok, [promise for promise in result.promises if not promise.ok]
    # the row comes back
    again = import_file(city, "facilities", write(path, newer.iloc[:-1]), datum="wgs84", complete=True).record
    assert (again.new, again.changed, again.ended) == (0, 0, 1)
    with pytest.raises(WrongCall, match=again.code):
        undo_import(city, done.code)
    assert undo_import(city).code == again.code
    undone = undo_import(city, by="wang")
    assert undone.code == done.code and undone.undone_by == "wang"
    back = read(city)
    shared = [name for name in before.columns if name in back.columns]
    pd.testing.assert_frame_equal(back[shared], before[shared], check_dtype=False)
    with pytest.raises(NotFound, match="no import"):
        undo_import(city)


def test_a_file_that_lacks_most_is_asked_about(city: Path, tmp_path: Path) -> None:
    path, table = facilities(city, tmp_path)
    write(path, table.iloc[:1])
    with pytest.raises(WrongCall, match=r"--complete.*--partial"):
        import_file(city, "facilities", path, datum="wgs84")
    assert import_file(city, "facilities", path, datum="wgs84", complete=False).record.ended == 0
    dry = import_file(city, "facilities", path, datum="wgs84", complete=True, dry_run=True).record
    assert dry.ended == len(table) - 1 and read(city)["valid_to"].isna().all()


def test_incidents_never_end_and_staff_do(city: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "i.csv", pd.DataFrame({"编号": ["N1"], "事件类型": ["路灯"], "上报时间": ["2024年3月5日"]}))
    assert import_file(city, "incidents", path).record.new == 1
    path = write(tmp_path / "i.csv", pd.DataFrame({"编号": ["N2"], "事件类型": ["井盖"], "上报时间": ["2024年3月6日"]}))
    done = import_file(city, "incidents", path).record
    assert (done.new, done.ended) == (1, 0)
    rows = {"姓名": ["某甲", "某乙"], "角色": ["网格长", "网格员"], "区域": ["990101001001001"] * 2}
    path = write(tmp_path / "s.csv", pd.DataFrame(rows))
    assert import_file(city, "staff", path).record.new == 2
    done = import_file(city, "staff", write(path, pd.DataFrame(rows).iloc[:1])).record
    assert (done.unchanged, done.ended) == (1, 1)
    assert read(city, "staff").set_index("name")["to"].notna().to_dict() == {"某甲": False, "某乙": True}
    undo_import(city)
    assert read(city, "staff")["to"].isna().all()


def test_ambiguous_headings_are_refused_with_their_names(city: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"机构名称": ["a"], "设施名称": ["b"], "类别": ["x"], "经度": [1], "纬度": [1]})
    with pytest.raises(AmbiguousHeading, match="'机构名称', '设施名称'"):
        import_file(city, "facilities", write(tmp_path / "a.csv", table), datum="wgs84")


def test_refused_rows_come_back_as_a_file_and_go_in_when_corrected(city: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"名称": ["甲苑", "乙苑"], "wkt": ["POLYGON ((0 0, 0 1, 1 1, 0 0))", "POINT (1 1)"]})
    with open_store(city) as store:
        epsg = store.crs.to_epsg()
    words = ["import", city, "estates", write(tmp_path / "e.csv", table), "--datum", "wgs84", "--partial", "--json"]
    refused = tmp_path / "refused.csv"
    result = CliRunner().invoke(main, [str(w) for w in [*words, "--refused", refused]], catch_exceptions=False)
    assert result.exit_code == 1 and json.loads(result.output)["refused"] == 1 and epsg is not None
    back = pd.read_csv(refused)
    assert back["名称"].tolist() == ["乙苑"] and "not area" in back["gridmap_reason"][0]
    back["wkt"] = "POLYGON ((0 0, 0 2, 2 2, 0 0))"
    words[3] = write(tmp_path / "again.csv", back.drop(columns="gridmap_reason"))
    result = CliRunner().invoke(main, [str(w) for w in words], catch_exceptions=False)
    assert result.exit_code == 0 and json.loads(result.output)["new"] == 1


def test_things_without_coordinates_are_placed_by_their_address(city: Path, tmp_path: Path) -> None:
    with open_store(city) as store:
        homes = store.read("buildings")
        homes["address"] = [f"曙光路{2 * n + 1}号" for n in range(len(homes))]
        store.write("buildings", homes)
    sent = pd.DataFrame({"编号": ["N1", "N2"], "事件类型": ["路灯", "路灯"], "地址": ["曙光路5号门口", "不知何处"]})
    done = import_file(city, "incidents", write(tmp_path / "i.csv", sent))
    assert done.record.new == 2
    kept = read(city, "incidents").set_index("code")
    where = homes.geometry.iloc[2]
    assert where.intersects(kept.loc["N1"].geometry) and kept.loc["N1", "placed_by"] == "road_number"
    assert kept.loc["N1", "micro_grid"] == homes["micro_grid"].iloc[2] and kept.loc["N2"].geometry.is_empty
    assert [item.row for item in done.findings if item.rule == "address_doubtful"] == [3]
    again = import_file(city, "incidents", write(tmp_path / "i.csv", sent)).record
    assert (again.new, again.changed, again.unchanged) == (0, 0, 2)


def test_coverage_follows_an_import_and_its_undoing(city: Path, tmp_path: Path) -> None:
    def mark() -> str:
        with open_store(city) as store:
            assert store.count("coverage") > 0
            return store.meta().get("coverage_stale", "")

    before = {name: read(city, name) for name in ("coverage", "gaps", "coverage_levels")}
    path, table = facilities(city, tmp_path)
    assert mark() == "" and import_file(city, "facilities", path, datum="wgs84").record.changed == 0 and mark() == ""
    kind = table["类别"][0]
    write(path, table[table["类别"] != kind])
    done = import_file(city, "facilities", path, datum="wgs84", complete=True)
    assert done.record.ended >= 1 and mark() == "" and not done.findings
    now = read(city, "coverage")
    gone = now[(now["kind"] == kind) & (now["households"] > 0)]
    assert len(gone) and gone["nearest"].isna().all()  # what ended serves nobody any more
    undo_import(city)
    for name, frame in before.items():
        columns = [column for column in frame.columns if column != "geometry"]
        pd.testing.assert_frame_equal(pd.DataFrame(read(city, name))[columns], pd.DataFrame(frame)[columns])
    assert mark() == ""


def test_coverage_may_wait_and_says_so(city: Path, tmp_path: Path) -> None:
    path, table = facilities(city, tmp_path)
    before = read(city, "coverage")
    write(path, table.iloc[1:])
    done = import_file(city, "facilities", path, datum="wgs84", complete=True, cover=False)
    assert [item.rule for item in done.findings] == ["coverage_stale"]
    with open_store(city) as store:
        assert store.meta()["coverage_stale"] == f"facilities {done.record.code}"
    pd.testing.assert_frame_equal(read(city, "coverage"), before)
    undo_import(city, cover=False)
    with open_store(city) as store:
        assert store.meta()["coverage_stale"] == f"facilities {done.record.code} undone"
    cover_again(city)
    with open_store(city) as store:
        assert store.meta()["coverage_stale"] == ""


def test_a_person_places_what_no_address_can(city: Path, tmp_path: Path) -> None:
    with open_store(city) as store:
        spot = store.read("buildings").geometry.iloc[7].representative_point()
        degrees = gpd.GeoSeries([spot], crs=store.crs).to_crs(4326).iloc[0]
    sent = pd.DataFrame({"事件类型": ["路灯", "井盖"], "地址": ["不知何处", "不知何处二"]})
    path = write(tmp_path / "i.csv", sent)
    with pytest.raises(WrongCall, match="row 9"):
        import_file(city, "incidents", path, places={9: (degrees.x, degrees.y)})
    done = import_file(city, "incidents", path, places={2: (degrees.x, degrees.y)})
    assert done.record.new == 2
    kept = read(city, "incidents").query("address == '不知何处'")
    assert kept.geometry.iloc[0].distance(spot) < 0.01 and kept["placed_by"].tolist() == ["manual"]
    assert kept["micro_grid"].notna().all()
    again = import_file(city, "incidents", path).record  # nobody is asked twice
    assert (again.new, again.changed, again.unchanged) == (0, 0, 2)
    assert read(city, "incidents").query("address == '不知何处'").geometry.iloc[0].distance(spot) < 0.01


def test_headings_may_be_left_out(city: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"机构名称": ["a"], "设施名称": ["b"], "类别": ["x"], "经度": [1], "纬度": [1]})
    path = write(tmp_path / "a.csv", table)
    done = import_file(city, "facilities", path, datum="wgs84", complete=False, ignore=["机构名称"])
    assert done.record.new == 1 and "机构名称" not in read(city).columns and "b" in set(read(city)["name"])
