"""`gridmap site` on a street that can be counted by hand."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

from gridmap.cli import main
from gridmap.siting import draw_plan, site_city
from layers.errors import WrongCall
from tests.gridmap.street import CRS, GRID, long_street


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> str:
    return long_street(tmp_path_factory.mktemp("city") / "street.gpkg")


def test_one_more_goes_where_most_households_gain(city):
    plan = site_city(city, kind="canteen", count=1, radius_m=215)
    assert (plan.existing, plan.candidates, plan.total) == (1, 6, 210)
    # the canteen reaches homes 0 and 1; corner 4 reaches 3, 4 and 5
    assert plan.before == 30
    assert plan.after == 180
    assert plan.sites.geometry.x.tolist() == [800]
    assert plan.sites["gain"].tolist() == [150]
    assert plan.siting.status == "optimal"
    assert plan.verified is False
    assert "30 → 180" in plan.words("zh") and "14.3% -> 85.7%" in plan.words("en")
    shares = plan.coverage.set_index(["micro_grid", "kind"])["coverage"]
    assert shares[f"{GRID}001"].tolist() == [0.5, 0.5]
    assert shares[f"{GRID}002"].tolist() == pytest.approx([1.0, 0.0]) or shares[f"{GRID}002"].tolist() == [0.0, 1.0]


def test_everybody_with_as_few_as_can_be_and_a_need_in_place_of_households(city):
    everybody = site_city(city, kind="canteen", cover_all=True, radius_m=215)
    assert everybody.after == everybody.total
    assert len(everybody.sites) == 2
    aged = site_city(city, kind="canteen", count=1, radius_m=100, weight="aged_80")
    assert (aged.total, aged.before, aged.after) == (10, 9, 10)
    far = site_city(city, kind="canteen", count=1, method="p-center")
    assert far.siting.objective == pytest.approx(410)
    median = site_city(city, kind="canteen", count=1, method="p-median")
    assert median.siting.facilities[-1] == 6
    assert median.sites.geometry.x.tolist() == [800]


def test_candidates_exclusion_and_wishes_come_from_files(city, tmp_path):
    places = gpd.GeoDataFrame({"name": ["a", "b"], "kind": "plot"}, crs=CRS,
                              geometry=[shapely.Point(600, 5), shapely.Point(1000, 5)])
    barred = gpd.GeoDataFrame({"name": ["酒吧"]}, geometry=[shapely.box(590, -5, 610, 15)], crs=CRS)
    places.to_file(tmp_path / "plots.gpkg")
    barred.to_file(tmp_path / "barred.gpkg")
    asked = {"kind": "canteen", "count": 1, "radius_m": 225, "candidates": tmp_path / "plots.gpkg"}
    assert site_city(city, **asked).sites.geometry.x.tolist() == [600]
    assert site_city(city, **asked, exclude=tmp_path / "barred.gpkg").sites.geometry.x.tolist() == [1000]
    wished = gpd.GeoDataFrame({"name": ["绿地"]}, geometry=[shapely.box(990, -5, 1010, 15)], crs=CRS)
    wished.to_file(tmp_path / "wished.gpkg")
    assert site_city(city, **asked, prefer=tmp_path / "wished.gpkg").sites.geometry.x.tolist() == [600]
    near = site_city(city, **asked, prefer=tmp_path / "wished.gpkg", give_up=0.5)
    assert near.sites.geometry.x.tolist() == [1000]
    grid = tmp_path / "land.asc"
    head = "ncols 10\nnrows 1\nxllcorner 0\nyllcorner -50\ncellsize 100\n"
    grid.write_text(f"{head}0 0 0 0 0 0 0 0 1 0\n", encoding="ascii")
    assert site_city(city, kind="canteen", count=1, radius_m=300, candidates=grid).sites.geometry.x.tolist() == [850]


def test_the_command_prints_writes_and_refuses(city, tmp_path):
    run = CliRunner().invoke
    done = run(main, ["site", city, "--kind", "canteen", "--count", "1", "--radius", "215", "--json",
                      "-o", str(tmp_path / "sites.geojson"), "--map", str(tmp_path / "map.html")])  # fmt: skip
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output)
    assert facts["after"] == 180 and facts["gap"] == 0
    assert len(gpd.read_file(tmp_path / "sites.geojson")) == 1
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "方案 planned" in page and "现状 now" in page
    short = run(main, ["site", city, "--kind", "canteen", "--cover-all", "--radius", "5"])
    assert short.exit_code == 1
    assert "farther than 5 m from every candidate" in short.output
    assert run(main, ["site", city, "--kind", "canteen"]).exit_code == 2


def test_wrong_calls_say_what_is_wrong(city):
    for message, asked in {
        "no norm for 'moon'": {"kind": "moon", "count": 1},
        "parking has no distance": {"kind": "parking", "count": 1},
        "set-cover goes with": {"kind": "canteen", "count": 1, "method": "set-cover"},
        "no column 'cats'": {"kind": "canteen", "count": 1, "weight": "cats"},
        "1 or more, not 0": {"kind": "canteen", "count": 0},
    }.items():
        with pytest.raises(WrongCall, match=message):
            site_city(city, **asked)


def test_a_plan_draws_before_and_after(city, tmp_path):
    plan = site_city(city, kind="canteen", count=2, radius_m=215)
    path = draw_plan(city, plan, tmp_path / "plan.html", lang="en")
    assert path.stat().st_size > 10_000
    assert isinstance(plan.coverage, pd.DataFrame) and set(plan.coverage["status"]) <= {"covered", "partial", "gap"}
