"""What if, ways, equity and hot spots of a street that can be counted by hand, and their commands."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import shapely
from click.testing import CliRunner, Result

from gridmap.city_walks import spot
from gridmap.cli import main
from gridmap.equity import find_hot_spots, measure_equity
from gridmap.stores import create_store, open_store
from gridmap.ways import way_of
from gridmap.what_if import what_if
from layers.errors import MissingLayer, NotFound, WrongCall
from tests.gridmap.street import CRS, GRID, long_street


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> str:
    """The long street with its coverage computed: 500 m to a canteen."""
    folder = tmp_path_factory.mktemp("city")
    url = long_street(folder / "street.gpkg")
    (folder / "norms.yaml").write_text(
        "standard: this town\nextends: gb50180\nnorms:\n  - {key: canteen, source: this town, distance_m: 500}\n",
        encoding="utf-8",
    )
    done = run("cover", url, "--norms", str(folder / "norms.yaml"), "--kind", "canteen", "--quiet")
    assert done.exit_code == 0, done.output
    return url


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def total(found, kind="canteen") -> pd.Series:
    rows = found.level("city", changed=False).set_index("kind")
    return rows.loc[kind]


def test_one_more_canteen_before_and_after_at_every_level(city):
    # within 300 m of the old canteen: homes 0 and 1 (10 and 210 m); of the new one at 800: homes 3, 4 and 5
    found = what_if(city, add=["canteen@800,0"])
    assert (total(found).covered_before, total(found).covered_after) == (30, 180)
    assert (total(found).aged_80_before, total(found).aged_80_after) == (9, 10)
    assert found.outcome.gained == {"canteen": 150} and found.outcome.lost == {"canteen": 0}
    assert found.level("communities")[["covered_before", "covered_after"]].values.tolist() == [[30, 180]]
    units = found.level("micro_grids")
    assert units["code"].tolist() == [f"{GRID}002"]
    assert units[["status_before", "status_after"]].values.tolist() == [["gap", "covered"]]
    assert "30 → 180 户" in found.words("zh") and "unverified" in found.words("en")
    assert "150 gain it" in found.words("en")
    # the total is the sum of any level
    for level in ("streets", "grids", "micro_grids"):
        rows = found.level(level, changed=False)
        assert rows["covered_after"].sum() == 180 and rows["households"].sum() == 210


def test_closing_moving_and_another_norm(city):
    assert total(what_if(city, close=["f1"])).covered_after == 0
    moved = what_if(city, move=["f1@400,0"])
    assert total(moved).covered_after == 20 + 30 + 40
    assert (moved.outcome.gained, moved.outcome.lost) == ({"canteen": 70}, {"canteen": 10})
    wider = what_if(city, norm=["canteen=410"])
    assert total(wider).covered_after == 60 and total(wider).norm_m_after == 410
    both = what_if(city, add=["canteen@1000,0"], norm=["canteen=210"])
    assert total(both).covered_after == 30 + 110


def test_what_cannot_be_supposed_is_named(city):
    for words, said in (
        ({}, "nothing is supposed"), ({"add": ["canteen"]}, "kind@x,y"), ({"close": ["f9"]}, "f9"),
        ({"add": ["palace@0,0"]}, "palace"), ({"norm": ["canteen"]}, "kind=metres"),
        ({"add": ["canteen@90000,0"]}, "outside the city"), ({"add": ["canteen@x,0"]}, "lon,lat"),
    ):  # fmt: skip
        with pytest.raises(WrongCall, match=said):
            what_if(city, **words)


def test_what_if_as_a_command(city, tmp_path):
    done = run("what-if", city, "--add", "canteen@800,0", "-o", str(tmp_path / "units.csv"), "--lang", "zh")
    assert done.exit_code == 0 and "30 → 180 户" in done.output and "330483001001" in done.output
    kept = pd.read_csv(tmp_path / "units.csv", dtype={"code": str})
    assert set(kept["level"]) == {"city", "districts", "streets", "communities", "grids", "micro_grids"}
    told = json.loads(run("what-if", city, "--close", "f1", "--json").output)
    assert told["lost"] == {"canteen": 30}
    assert {row["level"] for row in told["units"]} >= {"city", "micro_grids"}
    assert run("what-if", city, "--close", "f7").exit_code == 2


def test_the_way_of_a_household_is_the_walk_that_is_counted(city, tmp_path):
    way = way_of(city, "b3", "canteen")
    assert way.way.metres == pytest.approx(610) and way.facility == "f1" and not way.within
    assert shapely.get_coordinates(way.way.line.simplify(0)).tolist() == [[600, 10], [600, 0], [0, 0]]
    assert "610 米" in way.words("zh") and "beyond" in way.words("en") and "超出标准" in way.words("zh")
    told = json.loads(run("way", city, "b3", "canteen", "--json", "--map", str(tmp_path / "way.html")).output)
    assert told["metres"] == 610.0 and told["minutes"] == pytest.approx(10.167)
    assert len(told["line"]["coordinates"]) == 5 and -180 < told["line"]["coordinates"][0][0] < 180
    page = (tmp_path / "way.html").read_text(encoding="utf-8")
    assert "L.polyline(" in page and "老食堂" in page and "http://cdn" not in page
    again = tmp_path / "again.html"
    run("way", city, "b3", "canteen", "--map", str(again))
    assert again.read_bytes() == (tmp_path / "way.html").read_bytes()


def test_ways_that_are_not_there(city):
    with pytest.raises(NotFound, match="b77"):
        way_of(city, "b77", "canteen")
    with pytest.raises(NotFound, match="market"):
        way_of(city, "b1", "market")
    with pytest.raises(NotFound, match="f2"):
        way_of(city, "b1", "canteen", facility="f2")
    with pytest.raises(WrongCall, match="palace"):
        way_of(city, "b1", "palace")


def test_equity_in_figures_and_words(city):
    with open_store(city) as store:
        found = measure_equity(store)
    row = found.table.set_index(["kind", "group"]).loc[("canteen", "households")]
    # micro-grid 1: 60 of 60 within 500 m; micro-grid 2: 0 of 150
    assert row["covered"] == pytest.approx(60 / 210)
    assert row["gini"] == pytest.approx(150 / 210)
    curve = found.curves["canteen"]
    assert curve["people"].tolist() == pytest.approx([0, 150 / 210, 1]) and curve["share"].tolist() == [0, 0, 1]
    assert "28.6%" in found.words("zh") and "28.6%" in found.words("en") and "unverified" in found.words("en")
    told = json.loads(run("equity", city, "--json").output)
    assert told["unverified"] == ["canteen"] and told["kinds"][0]["covered"] == pytest.approx(60 / 210)
    assert "基尼" in run("equity", city, "--lang", "zh").output
    with open_store(city) as store, pytest.raises(WrongCall, match="palace"):
        measure_equity(store, kinds=["palace"])


def test_hot_spots_of_two_micro_grids_are_none(city, tmp_path):
    with open_store(city) as store:
        found = find_hot_spots(store, "canteen")
    assert found["cluster"].tolist() == ["none", "none"] and found["coverage"].tolist() == [1.0, 0.0]
    done = run("hot-spots", city, "canteen", "-o", str(tmp_path / "spots.gpkg"))
    assert "none 2" in done.output and (tmp_path / "spots.gpkg").is_file()


def test_a_city_without_streets_or_coverage_says_so(tmp_path):
    bare = str(tmp_path / "bare.gpkg")
    with open_store(long_street(tmp_path / "whole.gpkg")) as whole, create_store(bare, crs=CRS, name="空") as store:
        store.write_all([(name, whole.read(name)) for name in ("micro_grids", "buildings", "facilities")])
    with pytest.raises(MissingLayer, match="streets"):
        what_if(bare, close=["f1"])
    with open_store(bare) as store, pytest.raises(MissingLayer, match="coverage"):
        measure_equity(store)


def test_places_are_degrees_or_metres():
    assert spot("600.5，20", CRS) == (600.5, 20.0)
    x, y = spot("117.0,30.0", "EPSG:4548")
    assert x == pytest.approx(500_000, abs=1) and 3_300_000 < y < 3_330_000
