"""The page of coverage: the figures are those of the deed, of one's own area, and can be taken away."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.ask_coverage import coverage_kinds, coverage_of, coverage_table, where_people_live
from gridmap.stores import open_store
from gridmap.table_file import table_file
from layers.errors import MissingLayer, NotFound, WrongCall
from tests.webapp.small_city import log_in
from webapp import create_app


@pytest.fixture(scope="module")
def site(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The service of the sample town."""
    return create_app(
        built, INSTANCE=tmp_path_factory.mktemp("coverage"), TESTING=True, PROPAGATE_EXCEPTIONS=False
    )


@pytest.fixture(scope="module")
def planner(site: Flask) -> FlaskClient:
    return log_in(site, "planner")


def test_the_figures_of_the_deed_are_sums_of_the_doors(built: Path) -> None:
    with open_store(built) as store:
        kinds = {row["kind"]: row for row in coverage_kinds(store)}
        homes, levels = store.read("buildings"), store.read("coverage_levels")
        found = coverage_of(store, "canteen")
    row = kinds["canteen"]
    assert row["households"] == homes["households"].sum() == row["covered"] + row["uncovered"] + row["unknown"]
    assert row["coverage"] == row["covered"] / (row["households"] - row["unknown"])
    parts = levels[(levels["kind"] == "canteen") & (levels["level"] == "micro_grids")]
    assert row["covered"] == parts["covered_households"].sum()
    needs = {need["name"]: need for need in found.needs}
    assert needs["aged_80"]["people"] == homes["aged_80"].sum()
    assert needs["aged_80"]["uncovered"] == homes["aged_80"].sum() - parts["covered_aged_80"].sum()
    assert found.gaps["households"].sum() == row["uncovered"] and found.gaps["rank"].tolist() == sorted(
        found.gaps["rank"]
    )
    # the most households beyond the norm first
    beyond = [row["uncovered"] for row in kinds.values()]
    assert beyond == sorted(beyond, reverse=True)
    assert not row["verified"] and found.norm is not None and "GB 50180" in found.norm["source"]


def test_the_page_says_what_the_deed_says(built: Path, planner: FlaskClient) -> None:
    with open_store(built) as store:
        found = coverage_of(store, "canteen")
    told = planner.get("/coverage.json?kind=canteen").get_json()
    assert told["kind"] == found.kind and told["needs"] == found.needs
    page = planner.get("/coverage?kind=canteen&level=grids&lang=en").text
    figures = dict(re.findall(r'data-figure="(\w+)">([^<]+)<', page))
    assert figures["covered"] == f"{found.kind['covered']:,}" and figures["uncovered"] == f"{found.kind['uncovered']:,}"
    assert figures["coverage"] == f"{found.kind['coverage'] * 100:.1f}%"
    assert "unverified" in page and "GB 50180-2018" in page
    units = re.findall(r'<tr data-unit="(\d+)">.*?<td>([\d,]+)</td><td>([\d,]+)</td>', page, flags=re.S)
    rows = found.units[found.units["level"] == "grids"]
    assert [(code, int(beyond.replace(",", ""))) for code, beyond, _ in units] == list(
        zip(rows["code"], rows["uncovered"], strict=True)
    )
    for need in found.needs:
        assert re.search(rf'data-need="{need["name"]}".*?<td>{need["uncovered"]:,}</td><td>{need["people"]:,}</td>',
                         page, flags=re.S)  # fmt: skip
    assert len(re.findall(r"data-gap=", page)) == min(20, len(found.gaps))
    # a gap leads to what if at the place that closes it
    first = found.gaps.iloc[0]
    assert f"do=add:canteen@{first['lon']:.6f},{first['lat']:.6f}" in page.replace("%40", "@").replace(
        "%3A", ":").replace("%2C", ",")  # fmt: skip


def test_all_kinds_stand_in_one_list(built: Path, planner: FlaskClient) -> None:
    with open_store(built) as store:
        kinds = coverage_kinds(store)
    page = planner.get("/coverage?lang=zh").text
    known = [row["kind"] for row in kinds if row["households"] > row["unknown"]]
    assert re.findall(r'<tr data-kind="(\w+)"', page) == known and "幼儿园" in page
    assert planner.get("/coverage.json").get_json() == kinds


def test_the_table_is_taken_away_with_whole_codes(built: Path, planner: FlaskClient) -> None:
    with open_store(built) as store:
        table = coverage_table(store, "canteen", lang="en")
    answer = planner.get("/coverage.xlsx?kind=canteen&lang=en")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert list(rows[0]) == list(table.columns) and len(rows) == len(table) + 1
    assert [row[1] for row in rows[1:]] == table["Code"].tolist() and isinstance(rows[1][1], str)
    answer = planner.get("/coverage.csv?kind=canteen&lang=en")
    assert "attachment" in answer.headers["Content-Disposition"] and answer.data.startswith(b"\xef\xbb\xbf")
    kept = pd.read_csv(io.BytesIO(answer.data), dtype={"Code": str})
    assert kept["Households"].tolist() == table["Households"].tolist()


def test_the_map_begins_where_people_live(built: Path, planner: FlaskClient) -> None:
    with open_store(built) as store:
        west, south, east, north = where_people_live(store) or [0.0] * 4
        homes = store.read("buildings").to_crs(4326)
        empty = Part({"micro_grids": store.read("micro_grids").assign(households=0)}, ("",))
    points = homes[homes["households"] > 0].geometry.representative_point()
    inside = points.x.between(west, east) & points.y.between(south, north)
    assert inside.mean() > 0.95 and f'data-lived="{west},{south},{east},{north}"' in planner.get("/coverage").text
    assert where_people_live(empty) is None


def test_what_is_not_there_is_said(planner: FlaskClient, built: Path) -> None:
    assert planner.get("/coverage?kind=palace").status_code == 404
    assert planner.get("/coverage.json?kind=palace").status_code == 404
    assert planner.get("/coverage.csv").status_code == 404
    with open_store(built) as store, pytest.raises(NotFound):
        coverage_table(store, "palace")
    with pytest.raises(WrongCall, match="csv or xlsx"):
        table_file(pd.DataFrame(), "pdf")


def test_an_office_sees_its_own_street_and_another_none(site: Flask, built: Path) -> None:
    with open_store(built) as store:
        street = store.read("streets")["code"].iloc[0]
    own = log_in(site, "office").get("/coverage.json?kind=canteen").get_json()
    assert own["kind"]["households"] > 0 and {unit["code"][:9] for unit in own["units"]} == {street}
    other = log_in(site, "elsewhere")
    page = other.get("/coverage?lang=zh")
    assert page.status_code == 200 and "还没有覆盖数据" in page.text and other.get("/coverage.json").get_json() == []
    assert other.get("/coverage.json?kind=canteen").status_code in (404, 422)
    for address in ("/coverage", "/coverage.json", "/coverage.csv?kind=canteen"):
        assert log_in(site, "leader").get(address).status_code == 403


class Part:
    """A store of which only a part is seen."""

    def __init__(self, frames: dict[str, Any], reach: tuple[str, ...]) -> None:
        self.frames, self.reach, self.crs = frames, reach, "EPSG:4547"

    def layers(self) -> list[str]:
        return list(self.frames)

    def read(self, name: str) -> Any:
        return self.frames[name]


def test_a_few_columns_say_what_whole_layers_say(built: Path) -> None:
    with open_store(built) as store:
        frames = {name: store.read(name) for name in store.layers()}
        whole = Part(frames, ("",))
        whole.crs = store.crs
        kinds = coverage_kinds(store)
        assert kinds == coverage_kinds(whole) and len(kinds) > 3
        for row in kinds:
            quick, plain = coverage_of(store, row["kind"]), coverage_of(whole, row["kind"])
            assert quick.kind == plain.kind == row and quick.norm == plain.norm and quick.needs == plain.needs
            pd.testing.assert_frame_equal(quick.units, plain.units, check_dtype=False)
            pd.testing.assert_frame_equal(quick.gaps, plain.gaps, check_dtype=False)
            table = coverage_table(store, row["kind"])
            pd.testing.assert_frame_equal(table, coverage_table(whole, row["kind"]), check_dtype=False)
    units = plain.units
    levels = frames["coverage_levels"]
    assert len(units) == ((levels["kind"] == row["kind"]) & (levels["level"] != "districts")).sum()


def test_two_areas_of_one_person_are_added_up(built: Path) -> None:
    with open_store(built) as store:
        levels = store.read("coverage_levels")
    grids = sorted(levels.loc[levels["level"] == "grids", "code"].unique())[:2]
    own = levels[levels["code"].str.startswith(tuple(grids))]
    row = next(row for row in coverage_kinds(Part({"coverage_levels": own}, tuple(grids))) if row["kind"] == "canteen")
    parts = levels[(levels["kind"] == "canteen") & levels["code"].isin(grids)]
    assert row["households"] == parts["households"].sum() and row["covered"] == parts["covered_households"].sum()
    with pytest.raises(MissingLayer):
        coverage_kinds(Part({}, ("",)))
