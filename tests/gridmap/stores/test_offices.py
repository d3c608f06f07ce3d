"""What the street office and the administrator do, in a GeoPackage and in PostGIS: counts, placing, roster, norms."""

from __future__ import annotations

from datetime import date
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridmap.city_norms import change_norm, norm_history, norms_in_force, undo_norm
from gridmap.city_settings import change_settings, live_settings
from gridmap.desk import close
from gridmap.norms import load_norms
from gridmap.placing import COLUMNS, decided_things, place, placements, undo_placement
from gridmap.rework import attach_again
from gridmap.roles import User
from gridmap.roster import assign, end_duty
from gridmap.storage import storage_of
from gridmap.stores import create_store, open_store
from gridmap.stores.cells import cells_of
from gridmap.stores.records import read_records
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.tallies import columns_of, tally
from layers.errors import MoveNotAllowed, NotFound, NotYourArea, WrongCall
from tests.gridmap.stores.conftest import CRS

DAYS = ["2026-06-30", "2026-06-25", "2026-05-01", None, "2026-06-29"]


@pytest.fixture
def office(url: str, town: dict[str, Any]) -> str:
    """The town with five incidents, one of them on the border of two micro-grids."""
    codes = town["micro_grids"]["code"].tolist()
    incidents = gpd.GeoDataFrame(
        {
            "code": [f"E{n}" for n in range(5)], "category": "environment",
            "reported_at": pd.to_datetime(pd.Series(DAYS)), "closed_at": pd.to_datetime(pd.Series([None] * 5)),
            "status": ["reported", "reported", "closed", None, "reported"], "micro_grid": [codes[0]] * 3 + codes[2:],
        },
        geometry=gpd.points_from_xy([50, 60, 70, 250, 300], [50] * 5), crs=CRS,
    )  # fmt: skip
    with create_store(url, crs=CRS, settings="{}") as store:
        store.write_all([(name, frame) for name, frame in town.items() if name != "findings"])
        units = store.read("micro_grids")
        store.write("micro_grids", units.assign(valid_from=None, valid_to=None))
        store.write("incidents", incidents)
    attach_again(url)
    return url


def test_counts_come_straight_from_the_database(office: str, town: dict[str, Any]) -> None:
    codes = town["micro_grids"]["code"].tolist()
    with open_store(office) as store:
        steps = ["2026-05-31T00:00:00", "2026-06-27T00:00:00"]
        rows = tally(store, "incidents", ["micro_grid", "?closed_at"], steps={"reported_at": steps})
        found = {
            (row["micro_grid"], row["step_reported_at"] if pd.notna(row["step_reported_at"]) else None): row["n"]
            for row in rows.to_dict("records")
        }
        assert found == {
            (codes[0], 2): 1, (codes[0], 1): 1, (codes[0], 0): 1, (codes[2], None): 1, (codes[2], 2): 1,
        }
        open_ = tally(store, "incidents", ["micro_grid"], without=["closed_at"], unless={"status": ["closed"]})
        assert dict(zip(open_["micro_grid"], open_["n"], strict=True)) == {codes[0]: 2, codes[2]: 2}
        assert tally(store, "incidents", ["micro_grid"], without=["status"])["n"].tolist() == [1]
        whole = tally(store, "micro_grids", ["code"], sums=["households"], digits={"code": 15})
        assert dict(zip(whole["code"], whole["households"], strict=True)) == {codes[0][:15]: 45, codes[2][:15]: 70}
        some = tally(store, "micro_grids", [], sums=["households"], within=[codes[0][:15]])
        assert some["households"].tolist() == [45] and tally(store, "micro_grids", ["code"], within=()).empty
        for only, without, n in (
            (None, [], 5), (None, ["reported_at", "colour"], 1), ({"micro_grid": [codes[0]]}, [], 3),
            ({"micro_grid": [codes[0]]}, ["reported_at"], 0), ({"micro_grid": codes}, ["reported_at"], 1),
        ):  # fmt: skip
            assert tally(store, "incidents", [], only=only, without=without)["n"].tolist() == [n], (only, without)
        assert tally(store, "incidents", [], only={"colour": ["red"]})["n"].tolist() == [0]
        plain = columns_of(store, "micro_grids", ["code", "households", "missing"], within=[codes[2][:15]])
        assert plain["households"].tolist() == [30, 40] and plain["missing"].isna().all()
        assert columns_of(store, "micro_grids", ["code"], codes=[codes[1]])["code"].tolist() == [codes[1]]
        every = columns_of(store, "micro_grids", ["code", "name", "households"])
        picked = columns_of(store, "micro_grids", ["code"], only={"code": codes[1:], "households": ["30", "40"]})
        assert picked["code"].tolist() == every.loc[every["households"].isin([30, 40]), "code"].tolist()
        assert columns_of(store, "incidents", ["code"], known=["status"])["code"].tolist() == ["E0", "E1", "E2", "E4"]
        assert columns_of(store, "incidents", ["code"], known=["reported_at"], without=["status"]).empty
        assert columns_of(store, "micro_grids", ["code"], known=["colour"]).empty
        assert columns_of(store, "micro_grids", ["code"], only={"colour": ["red"]}).empty
        staff = columns_of(store, "staff", ["name"], as_of=date(2023, 1, 1))
        assert staff["name"].tolist() == ["李"]
        with pytest.raises(WrongCall, match="no column"):
            tally(store, "incidents", ["colour"])
        with pytest.raises(WrongCall, match="not found by a code"):
            columns_of(store, "roads", ["name"])
        assert len(store.read("incidents", most=2)) == 2 and len(store.read("roads", within=[codes[0]], most=1)) == 1


def test_a_thing_is_placed_and_put_back(office: str, town: dict[str, Any]) -> None:
    codes = town["micro_grids"]["code"].tolist()
    with open_store(office) as store:
        before = cells_of(store, "incidents", "E4", COLUMNS)
        versions = store.meta()
    assert before is not None and before["attached_by"] == "border_rule" and before["micro_grid"] == codes[2]
    done = place(office, "incidents", "E4", codes[3], by="王", within=(codes[2][:12],))
    with open_store(office) as store:
        after = cells_of(store, "incidents", "E4", COLUMNS)
        assert after == {**done.after} and after["attached_by"] == "manual" and after["attach_distance_m"] == 0.0
        assert decided_things(store) == {("incidents", "E4")}
        assert [one.id for one in placements(store, within=(codes[3],))] == [done.id]
        assert placements(store, within=(codes[0],)) == []
        assert store.meta()["data_version"] == versions["data_version"]  # the rest of the city stays as it is
        assert store.meta()["incidents_version"] != versions.get("incidents_version")
        moved = store.read("incidents")
        assert shapely.equals_exact(moved.loc[moved["code"] == "E4", "geometry"].iloc[0], shapely.Point(300, 50))
    attach_again(office)
    with open_store(office) as store:
        assert cells_of(store, "incidents", "E4", COLUMNS) == after
    for area, error in (((codes[0],), NotYourArea), ((codes[3],), MoveNotAllowed)):
        with pytest.raises(error):
            place(office, "incidents", "E4", codes[3], within=area)
    with pytest.raises(NotFound):
        undo_placement(office, done.id, within=(codes[0],))
    undo_placement(office, done.id, by="李")
    with open_store(office) as store:
        assert cells_of(store, "incidents", "E4", COLUMNS) == before and decided_things(store) == set()
        events = [(row["what"], row["by"], row["area"]) for row in read_records(store, "audit")]
    assert events[:2] == [("placement.undone", "李", codes[3]), ("placement.set", "王", codes[3])]


def test_the_roster_keeps_its_past(office: str, town: dict[str, Any]) -> None:
    code = town["micro_grids"]["code"].iloc[0]
    assert assign(office, area=code, name="甲", role="微网格长", day="2026-01-01") == 0
    assert assign(office, area=code, name="乙", role="微网格长", day="2026-02-01", phone="1") == 1
    end_duty(office, area=code, name="乙", role="微网格长", day="2026-02-28")
    with pytest.raises(NotYourArea):
        assign(office, area=code, name="丙", role="微网格长", day="2026-03-01", within=("330483001002",))
    with open_store(office) as store:
        staff = store.read("staff", within=[code])
    assert staff[["name", "from", "to"]].values.tolist() == [
        ["乙", "2026-02-01", "2026-02-28"], ["甲", "2026-01-01", "2026-01-31"],
    ]


def test_norms_and_settings_change_with_a_record(office: str) -> None:
    packaged = load_norms()["canteen"]
    change_norm(office, "canteen", metres=450, source="某区文件", clause="二", verified=True, by="王")
    change_settings(office, {"cover": {"nearest_m": 75.0}}, by="王")
    with open_store(office) as store:
        assert isinstance(store, SqlStore)
        norm = norms_in_force(store)["canteen"]
        assert (norm.metres, norm.source, norm.distance_verified) == (450.0, "某区文件", True)
        assert live_settings(store)["cover"]["nearest_m"] == 75.0
    undo_norm(office, "canteen")
    with open_store(office) as store:
        assert norms_in_force(store)["canteen"] == packaged
        assert [row["after"] is None for row in norm_history(store)] == [True, False]
        state = storage_of(store, {})
        assert state.rows["micro_grids"] == 4 and state.store_bytes > 10_000 and state.schema_version >= 3


def test_a_move_of_an_incident_is_in_the_log_without_its_words(office: str) -> None:
    leader = User(name="李", role="grid_leader", area="330483001001001")
    with open_store(office) as store:
        close(store, "E0", by=leader, text="水管已修好")
        told = read_records(store, "audit")[0]
    assert (told["what"], told["by"], told["area"]) == ("incident.move", "李", "330483001001001001")
    assert '"move": "close"' in told["facts"] and "水管" not in str(told)
