"""The incident desk in either store: the log is the truth, the layer follows it, nothing comes twice or gets lost."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError

from gridmap import desk
from gridmap.desk_moves import MOVES, state_of_log
from gridmap.desk_settle import settle
from gridmap.roles import User
from gridmap.stores import Account, backup, copy_store, create_store, migrate, open_store, writing
from gridmap.stores.incident_log import add_move, untrue_to_log
from gridmap.stores.incident_rows import Asked, find_incidents
from gridmap.stores.migrations import steps_taken
from gridmap.stores.sql_store import SqlStore
from layers.errors import MoveNotAllowed, NotFound, NotYourArea, StoreTooOld, WrongCall

CRS = "EPSG:4549"
ROOT = User(name="root", role="admin")
EAST = "330483001001001001"  # the westernmost micro-grid of the town, 0 <= x <= 100
WEST = "330483001002001001"  # the third, 200 <= x <= 300
LI = User(name="li", role="grid_leader", area="330483001001001")
PHOTO = io.BytesIO()
Image.new("RGB", (40, 30), "red").save(PHOTO, "PNG")


@pytest.fixture
def store(url: str, town: dict[str, gpd.GeoDataFrame]) -> Iterator[SqlStore]:
    from_file = gpd.GeoDataFrame(
        {"code": ["f1", "f2", "f3"], "category": "dispute", "status": ["in_progress", "已办", None],
         "closed_at": [None, pd.Timestamp("2026-03-02 08:15"), None], "reported_at": pd.Timestamp("2026-03-01 10:00"),
         "micro_grid": [EAST, EAST, None], "attached_by": ["within", "within", "none"], "备注": ["旧", None, "远"]},
        geometry=[shapely.Point(10, 10), shapely.Point(20, 20), shapely.Point(5000, 5000)], crs=CRS,
    )  # fmt: skip
    with create_store(url, crs=CRS, name="玉溪里") as store:
        store.write_all([*town.items(), ("incidents", from_file)])
        yield store


def status(store: SqlStore, code: str) -> tuple[Any, Any]:
    frame = store.read("incidents").set_index("code").astype("object")
    row = frame.loc[code].where(frame.loc[code].notna(), None)
    return row["status"], row["closed_at"]


def test_a_report_is_one_row_one_move_and_its_photos(store: SqlStore) -> None:
    before = store.read("incidents")
    code = desk.report(store, by=LI, category="environment", x=50, y=50, text="路灯不亮", photos=[PHOTO.getvalue()])
    after = store.read("incidents")
    pd.testing.assert_frame_equal(pd.DataFrame(after[after["code"] != code]).reset_index(drop=True),
                                  pd.DataFrame(before), check_dtype=False)  # fmt: skip
    row = after.set_index("code").loc[code]
    assert row.geometry == shapely.Point(50, 50) and row["micro_grid"] == EAST and row["grid"] == EAST[:15]
    assert (row["attached_by"], row["attach_distance_m"], row["community"]) == ("within", 0.0, EAST[:12])
    assert (row["status"], row["source"], row["text"]) == ("reported", "patrol", "路灯不亮")
    assert abs(row["reported_at"] - pd.Timestamp.now()) < pd.Timedelta("1min")
    (move,) = desk.moves(store, code)
    assert (move.move, move.by, move.role, move.from_state, move.to_state) == (
        "report", "li", "grid_leader", None, "reported")  # fmt: skip
    assert move.at.tzinfo is not None and move.text == "路灯不亮"
    (photo,) = desk.photos(store, code)
    assert (photo.number, photo.move, photo.width, photo.height) == (1, 1, 40, 30)
    assert Image.open(io.BytesIO(desk.photo(store, code, 1))).format == "JPEG"
    with pytest.raises(NotFound, match="no photo 2"):
        desk.photo(store, code, 2)


@pytest.mark.parametrize(
    ("x", "of", "how", "metres"),
    # the second micro-grid is no longer in force: what lies in it goes to the nearest, within 50 m
    [(50, EAST, "within", 0), (300, WEST, "border_rule", 0), (-30, EAST, "nearest", 30), (140, EAST, "nearest", 40)],
)
def test_a_place_is_attached_by_the_rule_for_everything(
    store: SqlStore, x: int, of: str, how: str, metres: float
) -> None:
    code = desk.report(store, by=ROOT, category="dispute", x=x, y=50)
    row = store.read("incidents").set_index("code").loc[code]
    assert (row["micro_grid"], row["attached_by"], row["attach_distance_m"]) == (of, how, metres)


def test_a_place_may_be_degrees_or_a_micro_grid(store: SqlStore) -> None:
    code = desk.report(store, by=ROOT, category="dispute", micro_grid=EAST)
    row = store.read("incidents").set_index("code").loc[code]
    assert (row["micro_grid"], row["attached_by"]) == (EAST, "manual")
    lon, lat = 120.5, 30.6
    code = desk.report(store, by=ROOT, category="dispute", lon=lon, lat=lat)
    frame = store.read("incidents").set_index("code")
    assert frame.loc[[code]].to_crs(4326).geometry.iloc[0].distance(shapely.Point(lon, lat)) < 1e-8
    assert frame.loc[code, "attached_by"] == "none"


def test_nobody_reports_or_moves_outside_their_area(store: SqlStore) -> None:
    for x in (250, -80, 5000):
        with pytest.raises(NotYourArea, match="not in your area"):
            desk.report(store, by=LI, category="dispute", x=x, y=50)
    nobody = User(name="wu", role="grid_leader")
    with pytest.raises(NotYourArea):
        desk.report(store, by=nobody, category="dispute", x=50, y=50)
    with pytest.raises(NotYourArea, match="may not report"):
        desk.report(store, by=User(name="p", role="planner", area="330483"), category="dispute", x=50, y=50)
    with pytest.raises(NotYourArea, match="may not close"):
        desk.close(store, "f1", by=User(name="m", role="grid_member", area=EAST))
    for code in ("f3", "nothing"):
        with pytest.raises(NotYourArea, match=code):
            desk.note(store, code, by=LI, text="x")
    with pytest.raises(NotFound):
        desk.note(store, "nothing", by=ROOT, text="x")
    assert store.count("incidents") == 3


def test_what_cannot_be_filed_says_why(store: SqlStore) -> None:
    for wrong, words in (
        ({"category": " "}, "category"), ({"x": float("nan")}, "place"), ({"text": "x" * 2001}, "2000"),
        ({"key": ""}, "key"), ({"key": "k" * 101}, "key"), ({"photos": [b""] * 7}, "too many"),
    ):  # fmt: skip
        with pytest.raises(WrongCall, match=words):
            desk.report(store, **{"by": ROOT, "category": "dispute", "x": 50.0, "y": 50.0, **wrong})
    with pytest.raises(WrongCall, match="says something"):
        desk.note(store, "f1", by=ROOT, text="  ")
    code = desk.report(store, by=ROOT, category="a\x00b", text="\ud800 ok", x=50, y=50, key="once")
    assert store.read("incidents").set_index("code").loc[code, "category"] == "ab"
    with pytest.raises(WrongCall, match="another move"):
        desk.note(store, code, by=ROOT, text="x", key="once")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tried=st.lists(st.tuples(st.sampled_from([*MOVES, "burn"]), st.sampled_from([None, "k1", "k2", "k3"])),
                      max_size=12))  # fmt: skip
def test_any_sequence_of_moves_leaves_log_and_layer_as_one(
    store: SqlStore, tried: list[tuple[str, str | None]]
) -> None:
    """Whatever is tried: what was allowed is in the log, in order, and the layer stands where it leads."""
    code = desk.report(store, by=LI, category="dispute", x=50, y=50)
    expected, keys = ["report"], set()
    stamp = f"{code}-"
    for move, key in tried:
        name = None if key is None else stamp + key + move
        try:
            filed = desk.make_move(store, code, move, by=LI, text="到场", key=name)
        except (MoveNotAllowed, NotYourArea):
            continue
        assert filed.again == (name in keys)
        if not filed.again:
            expected.append(move)
        if name is not None:
            keys.add(name)
    log = desk.moves(store, code)
    assert [move.move for move in log] == expected and [move.number for move in log] == list(range(1, len(log) + 1))
    state = state_of_log(expected)
    now, closed_at = status(store, code)
    assert (now, log[-1].to_state, closed_at is not None) == (state, state, state == "closed")
    assert all(after.from_state == before.to_state for before, after in pairwise(log))
    # a layer that is written anew without it is true to the log again
    store.write("incidents", store.read("incidents")[lambda frame: frame["code"] != code])
    assert status(store, code)[0] == state and (status(store, code)[1] is not None) == (closed_at is not None)
    assert untrue_to_log(store)[0] == []


@pytest.mark.parametrize(("code", "begins"), [("f1", "in_progress"), ("f2", "closed"), ("f3", "reported")])
def test_an_incident_of_a_file_begins_where_the_file_left_it(store: SqlStore, code: str, begins: str) -> None:
    before = status(store, code)
    desk.note(store, code, by=ROOT, text="看过")
    (move,) = desk.moves(store, code)
    assert (move.from_state, move.to_state, status(store, code)) == (begins, begins, (begins, before[1]))
    assert move.facts["status"] == before[0]
    other = "reopen" if begins == "closed" else "close"
    desk.make_move(store, code, other, by=ROOT)
    now, closed_at = status(store, code)
    assert (now, closed_at is None) == (("reported", True) if other == "reopen" else ("closed", False))


def test_a_layer_written_by_who_did_not_know_of_a_report_has_it(store: SqlStore) -> None:
    before = store.read("incidents")
    code = desk.report(store, by=LI, category="dispute", x=50, y=50)
    desk.close(store, code, by=LI)
    desk.close(store, "f1", by=LI)
    store.write("incidents", before)
    assert status(store, code)[0] == status(store, "f1")[0] == "closed" and store.count("incidents") == 4
    assert settle(store, nearest_m=50.0) == 1 and settle(store, nearest_m=50.0) == 0
    assert store.read("incidents").set_index("code").loc[code, "micro_grid"] == EAST


def test_the_same_key_is_the_same_report_for_one_account(store: SqlStore) -> None:
    first = [desk.report_once(store, by=LI, category="dispute", x=50, y=50, key="k") for _ in range(3)]
    assert {filed.code for filed in first} == {first[0].code}
    assert [filed.again for filed in first] == [False, True, True]
    other = desk.report_once(store, by=ROOT, category="dispute", x=50, y=50, key="k")
    assert other.code != first[0].code and not other.again
    assert store.count("incidents") == 5


@pytest.mark.parametrize("same", [True, False])
def test_two_at_once_are_one_report_with_one_key_and_two_with_two(store: SqlStore, same: bool) -> None:
    gate, filed, problems = threading.Barrier(6), [], []

    def send(number: int) -> None:
        try:
            with open_store(store.url) as own:
                gate.wait()
                key = "one" if same else f"key {number}"
                filed.append(desk.report_once(own, by=LI, category="dispute", x=50, y=50, key=key))
        except Exception as problem:  # a thread's error is the test's
            problems.append(problem)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len({one.code for one in filed}) == (1 if same else 6)
    assert sum(not one.again for one in filed) == (1 if same else 6)
    assert store.count("incidents") == 3 + (1 if same else 6)


def test_the_database_itself_refuses_a_second_row_of_one_key(store: SqlStore) -> None:
    code = desk.report(store, by=LI, category="dispute", x=50, y=50, key="k")
    (move,) = desk.moves(store, code)
    with pytest.raises(IntegrityError), store.transaction() as connection:
        add_move(store, connection, type(move)(**{**vars(move), "code": "other"}))
    with pytest.raises(IntegrityError), store.transaction() as connection:
        add_move(store, connection, type(move)(**{**vars(move), "key": None}))


def test_a_report_changes_no_data_version_and_its_own(store: SqlStore) -> None:
    before = store.meta()
    desk.report(store, by=LI, category="dispute", x=50, y=50)
    after = store.meta()
    assert after["data_version"] == before["data_version"]
    assert after["incidents_version"] != before.get("incidents_version")


def test_gdal_and_the_spatial_index_see_a_report(store: SqlStore) -> None:
    code = desk.report(store, by=ROOT, category="dispute", x=777, y=-777)
    assert store.read("incidents", bbox=(770, -780, 780, -770))["code"].tolist() == [code]
    if store.schema is None:
        found = pyogrio.read_dataframe(store.url, layer="incidents", bbox=(770, -780, 780, -770))
        assert found["code"].tolist() == [code]
        info = pyogrio.read_info(store.url, layer="incidents", force_total_bounds=False)
        assert info["total_bounds"][1] == -777
        bounds = "SELECT min_y, max_x FROM gpkg_contents WHERE table_name = 'incidents'"
        with store.reading() as connection:
            assert tuple(connection.execute(text(bounds)).one()) == (-777, 5000)
        desk.close(store, code, by=ROOT)
        query = "SELECT count(*) FROM rtree_incidents_geom AS r JOIN incidents AS i ON i.fid = r.id"
        with store.reading() as connection:
            assert connection.execute(text(query)).scalar() == 4


def test_a_city_built_anew_keeps_reports_moves_and_photos(
    store: SqlStore, town: dict[str, gpd.GeoDataFrame]
) -> None:
    code = desk.report(store, by=LI, category="dispute", x=50, y=50, text="吵闹", photos=[PHOTO.getvalue()], key="k")
    desk.close(store, code, by=LI, text="劝离")
    hand = desk.report(store, by=ROOT, category="dispute", micro_grid=EAST)
    desk.close(store, "f1", by=ROOT)
    log, content = desk.moves(store, code), desk.photo(store, code, 1)
    for crs in (CRS, "EPSG:4550"):
        frames = {name: frame.to_crs(crs) if isinstance(frame, gpd.GeoDataFrame) else frame
                  for name, frame in town.items()}  # fmt: skip
        with writing(store.url, crs=crs, name="新") as new:
            new.write_all(frames.items())
            assert settle(new, nearest_m=50.0) == 2
        frame = store.read("incidents").set_index("code")
        assert sorted(frame.index) == sorted([code, hand])
        row = frame.loc[code]
        assert (row["status"], row["micro_grid"], row["attached_by"]) == ("closed", EAST, "within")
        assert frame.loc[hand, "attached_by"] == "manual" and frame.loc[hand, "micro_grid"] == EAST
        assert row["closed_at"].to_pydatetime() == log[1].at.astimezone().replace(tzinfo=None)
        point = gpd.GeoSeries([row.geometry], crs=crs).to_crs(CRS).iloc[0]
        assert point.distance(shapely.Point(50, 50)) < 0.01
    assert desk.moves(store, code) == log and desk.photo(store, code, 1) == content
    assert desk.report_once(store, by=LI, category="dispute", x=50, y=50, key="k").again
    # the file comes back with its incident: it is where its moves led
    with writing(store.url, crs=CRS, name="旧") as new:
        own = gpd.GeoDataFrame({"code": ["f1"], "category": ["dispute"], "status": ["in_progress"]},
                               geometry=[shapely.Point(10, 10)], crs=CRS)  # fmt: skip
        new.write_all([*town.items(), ("incidents", own)])
    assert status(store, "f1")[0] == "closed" and status(store, "f1")[1] is not None
    assert untrue_to_log(store) == ([], 3)


def test_a_copy_and_a_backup_hold_the_log_and_the_photos(
    store: SqlStore, tmp_path: Path, fresh_schema: Callable[[], str]
) -> None:
    code = desk.report(store, by=LI, category="dispute", x=50, y=50, photos=[PHOTO.getvalue()] * 2, key="k")
    desk.close(store, code, by=LI)
    store.keep_account(Account(name="li", role="admin", area="", password_hash="$"))
    file = backup(store, tmp_path / "backup.gpkg")
    for url in (tmp_path / "copy.gpkg", fresh_schema()):
        copy_store(store, url)
        with open_store(url) as copy:
            lost = desk.report(copy, by=ROOT, category="opinion", x=50, y=50)
        copy_store(store, url)  # a second time, over what was done there meanwhile
        for place in (url, file):
            with open_store(place) as copy:
                assert desk.moves(copy, code) == desk.moves(store, code)
                assert [desk.photo(copy, code, n) for n in (1, 2)] == [desk.photo(store, code, n) for n in (1, 2)]
                assert status(copy, code) == status(store, code) and copy.count("incidents") == 4
                assert desk.moves(copy, lost) == [] or lost == code
                assert desk.report_once(copy, by=LI, category="dispute", x=50, y=50, key="k").again


def test_a_city_of_before_the_desk_gets_one(store: SqlStore) -> None:
    with store.transaction() as connection:
        for name in ("incident_moves", "incident_photos"):
            store.control[name].drop(connection)
        steps = store.control["gridmap_steps"]
        connection.execute(delete(steps).where(steps.c.number >= 2))
        store.put_facts(connection, {"schema_version": "1"})
        index = "ix_incidents_reported_at"
        connection.execute(text(f'DROP INDEX {"" if store.schema is None else store.schema + "."}"{index}"'))
    with pytest.raises(StoreTooOld):
        open_store(store.url)
    assert "incident desk" in migrate(store.url)
    assert [number for number, *_ in steps_taken(store)][:2] == [1, 2]
    desk.report(store, by=LI, category="dispute", x=50, y=50)
    catalog = (f"SELECT name FROM sqlite_master WHERE name = '{index}'" if store.schema is None
               else f"SELECT indexname FROM pg_indexes WHERE schemaname = '{store.schema}' AND indexname = '{index}'")
    with store.reading() as connection:
        assert connection.execute(text(catalog)).scalar() == index


def test_a_page_of_the_list_is_the_newest_that_fit(store: SqlStore) -> None:
    codes = [desk.report(store, by=LI, category="opinion", x=50, y=50, text=f"第{n}件 100%") for n in range(7)]
    desk.close(store, codes[2], by=LI)

    def listed(limit: int = 50, offset: int = 0, **asked: Any) -> list[str]:
        found = find_incidents(store, Asked(**{"within": ("",), **asked}), limit=limit, offset=offset)
        return [row["code"] for row in found.rows]

    assert listed(limit=3, category="opinion") == codes[:3:-1] and listed(limit=3, offset=3) == codes[3:0:-1]
    assert listed(state="closed") == [codes[2], "f2"] and listed(state="in_progress") == ["f1"]
    assert set(listed(state="open")) == {*codes, "f1", "f3"} - {codes[2]}
    assert set(listed(state="reported")) == {*codes, "f3"} - {codes[2]} and listed(state="x") == []
    assert listed(text="第3件") == [codes[3]] and len(listed(text="100%")) == 7 and listed(text="1_0%") == []
    assert listed(text="100%", search_in=("code",)) == [] and listed(within=()) == []
    assert set(listed(within=(EAST,))) == {*codes, "f1", "f2"} and listed(within=("3304830019",)) == []
    with pytest.MonkeyPatch.context() as patch:  # many rows are found another way, with the same answer
        before = listed(limit=4, offset=2)
        patch.setattr("gridmap.stores.incident_rows._STEP", 0)
        patch.setattr("gridmap.stores.incident_rows.MOST_COUNTED", 5)
        assert listed(limit=4, offset=2) == before
