"""The street office's pages: figures counted another way, one's own area and no other, people by right."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap import street
from gridmap.desk import report
from gridmap.importing import import_file
from gridmap.placing import COLUMNS
from gridmap.rework import attach_again
from gridmap.roles import User
from gridmap.stores import open_store
from gridmap.stores.records import read_records
from tests.webapp.small_city import AREAS, CODES, CRS, GRIDS, STREETS, in_reach, log_in, token_of
from tests.webapp.test_scope import codes_in
from webapp.seen import Seen

TODAY = date(2026, 6, 30)
SEEN = ("street_office", "planner", "admin")


def post(client: FlaskClient, path: str, page: str = "/roster", **form: str) -> Any:
    return client.post(path, data={**form, "csrf_token": token_of(client.get(page).text)})


def figures(url: str, role: str, deed: Callable[..., Any], *more: Any) -> Any:
    with open_store(url) as store:
        seen = Seen(store, User(name="x", role=role, area=AREAS[role]))
        return deed(seen, seen.reach, *more)


@pytest.mark.parametrize("role", SEEN)
def test_sizes_are_those_of_ones_own(city: str, role: str) -> None:
    told = figures(city, role, street.sizes, TODAY)
    own = [n for n, code in enumerate(CODES) if in_reach(role, code)]
    assert told["micro_grids"]["counted"] == len(own)
    assert told["micro_grids"]["within"] == len([n for n in own if n >= 5])
    assert [row["code"] for row in told["micro_grids"]["out"]] == [CODES[n] for n in own if n < 5]
    assert told["band"] == [15, 25, 40]


def test_who_is_in_charge_goes_by_the_staff_and_its_dates(fresh: Callable[..., Flask]) -> None:
    url = fresh().config["CITY"]
    staff = pd.DataFrame({
        "name": ["甲", "乙", "丙", "丁"], "role": ["微网格长", "grid_leader", "微网格长", "网格员"], "area": CODES[:4],
        "from": ["2026-01-01", None, "2026-07-01", None], "to": [None, "2026-06-30", None, None],
    })  # fmt: skip
    with open_store(url) as store:
        store.write("staff", staff)
    told = figures(url, "street_office", street.leaders, TODAY)
    assert (told["micro_grids"]["counted"], told["micro_grids"]["without"]) == (8, 6)  # 丙 is to come, 丁 no leader
    assert [row["code"] for row in told["micro_grids"]["rows"]] == list(CODES[2:8])
    assert figures(url, "street_office", street.leaders, date(2026, 7, 1))["micro_grids"]["without"] == 6
    planner = figures(url, "planner", street.leaders, TODAY)  # sees no staff
    assert planner["by_staff"] is False and planner["micro_grids"]["without"] == 0


def test_workload_is_shared_by_two_and_its_gini_is_of_leaders(fresh: Callable[..., Flask]) -> None:
    url = fresh().config["CITY"]
    staff = pd.DataFrame({"name": ["甲", "乙", "甲"], "role": "微网格长", "area": [CODES[0], CODES[0], CODES[1]]})
    with open_store(url) as store:
        store.write("staff", staff)
    told = figures(url, "street_office", street.workload, TODAY)
    assert told["by"] == "leader"
    assert {row["name"]: (row["households"], row["incidents"]) for row in told["rows"]} == {
        "甲": (16.0, 1.5), "乙": (5.0, 0.5),  # households 10 and 11, an incident each
    }
    assert told["spread"]["households"]["gini"] == pytest.approx((16 - 5) / (2 * 21), abs=1e-3)
    planner = figures(url, "planner", street.workload, TODAY)
    assert planner["by"] == "micro_grid" and planner["n"] == 16 and "甲" not in str(planner)


def test_incidents_are_counted_by_age_and_rate(fresh: Callable[..., Flask]) -> None:
    url = fresh().config["CITY"]
    days = ["2026-06-30", "2026-06-28", "2026-06-25", "2026-06-01", "2025-07-01", "2025-01-01", None, "2026-06-29"]
    with open_store(url) as store:
        frame = store.read("incidents").iloc[:8]
        frame["reported_at"] = pd.to_datetime(pd.Series(days))
        frame["status"] = ["reported", "in_progress", "dispatched", None, "reported", "reported", "reported", "closed"]
        frame["closed_at"] = pd.to_datetime(pd.Series([None] * 8))
        store.write("incidents", frame)
    told = figures(url, "street_office", street.incident_rates, TODAY)
    assert told["level"] == "grids"  # its one community says nothing
    everything = told["all"]
    assert everything["ages"] == [2, 1, 1, 3] and everything["open"] == 7 and everything["overdue"] == 4
    assert everything["reported"] == 6  # within a year, the closed one too; not 2025-01 and the one without a time
    assert everything["households"] == 50 and everything["per_1000"] == 120.0
    assert [row["open"] for row in told["rows"]] == [4, 3]


def test_uncovered_households_by_kind(city: str) -> None:
    (row,) = figures(city, "street_office", street.coverage_gaps, {"canteen": ("食堂", "Canteen")})
    told = [row[name] for name in ("zh", "households", "uncovered", "partial", "verified")]
    assert told == ["食堂", 160, 80, 8, False]


@pytest.mark.parametrize("role", SEEN)
def test_the_page_is_about_ones_own_area(clients: dict[str, FlaskClient], role: str) -> None:
    page = clients[role].get("/street").text
    assert codes_in(page) <= {code for code in CODES if in_reach(role, code)} and codes_in(page)
    assert "13900000000" not in page and "员990101" not in page.replace("网格员", "")
    part = clients[role].get(f"/street?within={GRIDS[0]}").text
    assert codes_in(part) <= {code for code in CODES if code.startswith(GRIDS[0])}
    assert clients["street_office"].get(f"/street?within={STREETS[1]}").status_code == 403
    assert clients["street_office"].get("/street?within=99").status_code == 403


def test_the_page_follows_every_move_of_the_desk(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    shown = [client.get("/street").text for _ in range(2)]
    with open_store(app.config["CITY"]) as store:
        report(store, by=User(name="x", role="admin"), category="environment", micro_grid=CODES[0])
    shown.append(client.get("/street").text)
    assert [re.search(r'href="#incidents"><span>[^<]*</span><b>(\d+)</b>', page).group(1) for page in shown] == [
        "8", "8", "9",
    ]  # type: ignore[union-attr]


def test_the_roster_is_of_ones_own_area_and_phones_go_by_right(clients: dict[str, FlaskClient]) -> None:
    page = clients["street_office"].get("/roster").text
    assert codes_in(page) == {code for code in CODES if in_reach("street_office", code)}
    assert "13900000000" in page
    assert clients["planner"].get("/roster").status_code == 403
    assert clients["street_office"].get(f"/roster?within={STREETS[1]}").status_code == 403
    for form in ("csv", "xlsx"):
        with clients["street_office"].get(f"/roster/roster.{form}") as answer:
            assert answer.status_code == 200
        assert clients["street_office"].get(f"/roster/roster.{form}?within={STREETS[1]}").status_code == 403


def test_somebody_is_put_in_charge_replaced_and_ended_and_the_past_stays(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client, url = log_in(app, "street_office"), app.config["CITY"]
    given = {"area": CODES[0], "role": "微网格长", "phone": "0571-1"}

    def rows() -> list[tuple[Any, ...]]:
        with open_store(url) as store:
            staff = store.read("staff")
        own = staff[(staff["area"] == CODES[0]) & (staff["role"] == "微网格长")].sort_values("from")
        plain = own[["name", "from", "to"]].astype(object)
        return list(plain.where(plain.notna(), None).itertuples(index=False, name=None))

    post(client, "/roster", **given, name="甲", day="2026-01-01")
    post(client, "/roster", **given, name="乙", day="2026-03-01")
    assert rows() == [("甲", "2026-01-01", "2026-02-28"), ("乙", "2026-03-01", None)]
    post(client, "/roster", **given, name="丙", day="2026-02-01")  # before the one there is
    post(client, "/roster", **given, name="乙", day="2026-04-01")  # who holds it already
    assert len(rows()) == 2
    post(client, "/roster", **given, name="丁", day="2026-04-01", beside="1")
    post(client, "/roster/end", area=CODES[0], role="微网格长", name="乙", day="2026-05-31")
    last = [("乙", "2026-03-01", "2026-05-31"), ("丁", "2026-04-01", None)]
    assert rows() == [("甲", "2026-01-01", "2026-02-28"), *last]
    past, present = client.get("/roster?past=1").text, client.get("/roster").text
    assert ">甲<" in past and ">甲<" not in present and ">丁<" in present
    for area, status in ((CODES[-1], 403), ("99", 403)):
        assert post(client, "/roster", **{**given, "area": area}, name="甲", day="2026-01-01").status_code == status
        assert post(client, "/roster/end", area=area, role="x", name="x", day="2026-01-01").status_code == status
    before = len(rows())
    post(client, "/roster", **{**given, "area": CODES[0][:15] + "777"}, name="甲", day="2026-01-01")  # no such unit
    assert len(rows()) == before
    with open_store(url) as store:
        told = [row for row in read_records(store, "audit") if row["what"] == "roster.set"]
    assert len(told) == 4 and {row["by"] for row in told} == {"street_office"}
    assert "甲" not in str(told) and "0571" not in str(told)


def test_a_roster_file_holds_no_formula(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    post(client, "/roster", area=CODES[0], role="微网格长", name="=1+1", day="2026-01-01")
    with client.get("/roster/roster.csv") as answer:
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert any("'=1+1" in row for row in rows) and not any("=1+1" in row for row in rows)
    assert codes_in(answer.text if hasattr(answer, "text") else "") <= {c for c in CODES if c.startswith(STREETS[0])}


@pytest.fixture
def bordered(fresh: Callable[..., Flask]) -> Flask:
    """The small city with a facility on the border of two micro-grids, attached and listed."""
    app = fresh()
    with open_store(app.config["CITY"]) as store:
        frame = store.read("facilities")
        units = store.read("micro_grids")
        edge = units.geometry.iloc[4].intersection(units.geometry.iloc[5]).centroid
        frame.geometry = gpd.GeoSeries([*frame.geometry.iloc[:4], edge, *frame.geometry.iloc[5:]], crs=CRS)
        store.write("facilities", frame)
    attach_again(app.config["CITY"])
    return app


def _cells(app: Flask, code: str) -> dict[str, Any]:
    with open_store(app.config["CITY"]) as store:
        frame = store.read("facilities")
    row = frame.loc[frame["code"] == code, list(COLUMNS)]
    return dict(row.astype(object).where(row.notna(), None).iloc[0])


def test_a_thing_on_a_border_is_decided_and_that_is_taken_back(bordered: Flask) -> None:
    code, client = f"F{CODES[4]}", log_in(bordered, "street_office")
    before = _cells(bordered, code)
    assert before["attached_by"] == "border_rule" and before["micro_grid"] == CODES[4]
    assert code in client.get("/border").text
    answer = post(client, "/border", "/border", of="facilities", code=code, micro_grid=CODES[5])
    done = re.search(r"done=(\w+)", answer.location)
    assert done is not None
    after = _cells(bordered, code)
    assert after == {"micro_grid": CODES[5], "grid": GRIDS[1], "community": CODES[5][:12], "attached_by": "manual",
                     "attach_distance_m": 0.0}
    page = client.get("/border").text
    assert "没有待判定的事物" in page.replace("\n", "") or f'value="{code}"' not in page
    attach_again(bordered.config["CITY"])  # what a person decided is left alone
    assert _cells(bordered, code) == after
    undone = post(client, f"/border/undo/{done.group(1)}", "/border")
    assert undone.status_code == 302 and _cells(bordered, code) == before
    assert post(client, f"/border/undo/{done.group(1)}", "/border").status_code == 404
    with open_store(bordered.config["CITY"]) as store:
        kinds = [row["what"] for row in read_records(store, "audit") if row["what"].startswith("placement")]
    assert kinds == ["placement.undone", "placement.set"]


def test_nobody_decides_beyond_their_area(bordered: Flask) -> None:
    client, other = log_in(bordered, "street_office"), f"F{CODES[-1]}"
    for code, unit in ((other, CODES[0]), (f"F{CODES[4]}", CODES[-1])):
        assert post(client, "/border", "/border", of="facilities", code=code, micro_grid=unit).status_code == 403
    assert _cells(bordered, other)["micro_grid"] == CODES[-1]
    for form in ({"of": "buildings", "code": f"B{CODES[0]}"}, {"of": "facilities", "code": "none"}):
        assert post(client, "/border", "/border", **form, micro_grid=CODES[0]).status_code == 302
    admin = log_in(bordered, "admin")
    answer = post(admin, "/border", "/border", of="facilities", code=other, micro_grid=CODES[-2])
    done = re.search(r"done=(\w+)", answer.location)
    assert done is not None and _cells(bordered, other)["micro_grid"] == CODES[-2]
    assert post(client, f"/border/undo/{done.group(1)}", "/border").status_code == 404
    assert done.group(1) not in client.get("/border").text
    assert log_in(bordered, "planner").get("/border").status_code == 403


def test_a_decision_about_a_decided_thing_waits_for_the_later_one(bordered: Flask) -> None:
    client, code = log_in(bordered, "street_office"), f"F{CODES[4]}"
    marks = []
    for unit in (CODES[5], CODES[6]):
        answer = post(client, "/border", "/border", of="facilities", code=code, micro_grid=unit)
        marks.append(str(answer.location).rpartition("done=")[2])
    assert post(client, f"/border/undo/{marks[0]}", "/border").status_code == 409
    assert post(client, f"/border/undo/{marks[1]}", "/border").status_code == 302
    assert _cells(bordered, code)["micro_grid"] == CODES[5]


def test_an_import_after_a_hand_over_still_works(fresh: Callable[..., Flask], tmp_path: Any) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    for name, day in (("甲", "2026-01-01"), ("乙", "2026-02-01"), ("甲", "2026-03-01")):  # comes back to the same unit
        post(client, "/roster", area=CODES[0], role="微网格长", name=name, day=day)
    path = tmp_path / "staff.csv"
    path.write_text(f"姓名,角色,负责区域编码\n戊,网格员,{CODES[1]}\n", encoding="utf-8")
    done = import_file(app.config["CITY"], "staff", path, complete=False)
    assert done.record.new == 1
