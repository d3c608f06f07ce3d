"""Old plan against new plan: what the store tells of two days is what the change itself said."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner, Result

from gridmap.cli import main
from gridmap.maps.assets import outside_links
from gridmap.maps.change_map import draw_change
from gridmap.maps.change_parts import borders, figure_rows, with_colours
from gridmap.micro_grids.patch import whole_buildings
from gridmap.past import change_days
from gridmap.plan_change import change_between, change_of, unit_of, write_change
from gridmap.replan import Replanned, split_again
from gridmap.stores import open_store
from layers.errors import NotFound, WrongCall
from layers.sample import town


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Replanned]:
    """A town with leaders, split again on the first of May."""
    place = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        frame.to_file(place / f"{name}.gpkg")
    assert run("build", place, "-o", place / "city.gpkg", "--quiet").exit_code == 0
    with open_store(place / "city.gpkg") as store:
        units = store.read("micro_grids")
        store.write("micro_grids", units.assign(leader=[f"余晓{n}" for n in range(len(units))]))
    with open_store(place / "city.gpkg") as store:
        homes = whole_buildings(store.read("buildings"))
    homes["households"] = homes["households"].where(~homes["code"].str[-1].isin(list("bdfhj")), 0)
    done = split_again(place / "city.gpkg", buildings=homes, keep_old=True, day="2026-05-01")
    return place / "city.gpkg", done


@pytest.fixture(scope="module")
def changed(once: tuple[Path, Replanned], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Replanned]:
    """The same town, split again on the first of July too."""
    city = Path(shutil.copy(once[0], tmp_path_factory.mktemp("twice") / "city.gpkg"))
    return city, split_again(city, households=(30, 40, 50), day="2026-07-01")


def test_the_store_tells_of_the_last_change_what_the_change_said(once: tuple[Path, Replanned]) -> None:
    city, done = once
    with open_store(city) as store:
        assert change_days(store) == ["2026-05-01"]
        told = change_between(store)
    assert told.old_day == "2026-04-30" and told.new_day == ""
    assert told.figures == done.figures and done.figures["households_moved"] > 0
    assert told.figures["leaders_before"] == 20
    assert told.figures["leaders_kept"] == told.figures["micro_grids_kept"]
    columns = ["building", "part", "households", "from_micro_grid", "to_micro_grid"]
    assert told.moves[columns].fillna("").to_numpy().tolist() == done.moves[columns].fillna("").to_numpy().tolist()
    assert not told.same and set(told.before["code"]) <= set(done.before["code"])


def test_any_two_days_can_be_compared_and_days_that_are_none_are_refused(changed: tuple[Path, Replanned]) -> None:
    city, done = changed
    with open_store(city) as store:
        assert change_days(store) == ["2026-07-01", "2026-05-01"]
        first = change_between(store, "2026-04-30", "2026-05-01")
        assert first.figures["after"]["micro_grids"] == done.figures["before"]["micro_grids"]
        assert change_between(store, "2026-05-02", "2026-06-01").same
        before = store.read("micro_grids", as_of=date(2026, 6, 30))
        assert before["code"].tolist() == sorted(done.before["code"])
        loads = done.before.set_index("code")["households"]
        assert (before.set_index("code")["households"] == loads.reindex(before["code"])).all()
        with pytest.raises(WrongCall, match="earlier day first"):
            change_between(store, "2026-05-02", "2026-04-01")
        with pytest.raises(WrongCall, match="written like 2026-05-01"):
            change_between(store, "yesterday")
        with pytest.raises(NotFound, match="no plan"):
            change_between(store, within="880101")
        with pytest.raises(NotFound, match="has not changed yet"):
            change_between(store, new="2026-04-01")


def test_floors_are_told_apart_in_a_tower() -> None:
    ground = [shapely.box(0, 0, 20, 20)] * 2
    units = gpd.GeoDataFrame(
        {"code": ["g1", "g2"], "floor_from": pd.array([1, 5], "Int64"), "floor_to": pd.array([4, 8], "Int64")},
        geometry=ground, crs="EPSG:4547",
    )  # fmt: skip
    homes = gpd.GeoDataFrame(
        {"floor_from": pd.array([1, 6, None], "Int64")}, geometry=[*ground, shapely.box(90, 0, 99, 9)], crs="EPSG:4547"
    )
    assert unit_of(homes, units).tolist() == ["g1", "g2", None]


def test_borders_are_told_apart_line_by_line() -> None:
    left = [shapely.box(0, 0, 2, 1), shapely.box(2, 0, 4, 1)]
    right = [shapely.Polygon([(0, 0), (2, 0), (3, 0), (3, 1), (2, 1), (0, 1)]),
             shapely.Polygon([(3, 0), (4, 0), (4, 1), (3, 1)])]  # fmt: skip
    found = borders(*(gpd.GeoDataFrame(geometry=shapes, crs="EPSG:4547") for shapes in (left, right)))
    assert found["old"].equals(shapely.LineString([(2, 0), (2, 1), (2, 1)])) or found["old"].length >= 1.0
    assert shapely.LineString([(3, 0), (3, 1)]).within(found["new"])
    assert not found["old"].intersects(shapely.Point(3, 0.5)) and not found["same"].intersects(shapely.Point(2, 0.5))


def test_the_command_writes_figures_a_page_and_a_picture(changed: tuple[Path, Replanned], tmp_path: Path) -> None:
    city, done = changed
    page, picture = tmp_path / "plans.html", tmp_path / "plans.png"
    said = " ".join(run("compare", city, "-o", page, "-o", picture, "--lang", "en").output.split())
    kept, had = done.figures["leaders_kept"], done.figures["leaders_before"]
    assert f"{done.figures['micro_grids_new']:,} new" in said and f"{kept} of {had} kept" in said and kept < had
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and picture.stat().st_size > 20_000
    text = page.read_text(encoding="utf-8")
    assert outside_links(text) == [] and "gridmapChange(" in text and "划分前后对照" in text
    told = json.loads(run("compare", city, "--json").output)
    assert told["from"] == "2026-06-30" and len(told["moves"]) > 5
    assert run("compare", city, "-o", tmp_path / "plans.bmp").exit_code == 2


def test_a_dry_run_draws_what_it_would_do(changed: tuple[Path, Replanned], tmp_path: Path) -> None:
    city = Path(shutil.copy(changed[0], tmp_path / "city.gpkg"))
    before = city.read_bytes()
    page = tmp_path / "plans.html"
    assert run("split", city, "--households", 15, 25, 40, "--dry-run", "--map", page, "--quiet").exit_code == 0
    assert page.is_file() and city.read_bytes() == before


def test_equal_plans_give_equal_bytes(changed: tuple[Path, Replanned], tmp_path: Path) -> None:
    with open_store(changed[0]) as store:
        change = change_of(changed[1])
        files = [tmp_path / name for name in ("a.html", "b.html", "a.png", "b.png")]
        write_change(store, change, files)
    assert files[0].read_bytes() == files[1].read_bytes() and files[2].read_bytes() == files[3].read_bytes()


def test_text_from_the_data_stays_text_and_moved_buildings_are_coloured() -> None:
    units = gpd.GeoDataFrame({"code": ["g1"], "name": ["一"]}, geometry=[shapely.box(0, 0, 40, 20)], crs="EPSG:4547")
    homes = gpd.GeoDataFrame(
        {"code": ["b1", "b2", "b3"], "name": ["</script>{{ 7*7 }}", "二", "三"], "households": [9, 8, 0],
         "was": ["g1", "g1", "g2"], "micro_grid": ["g2", "g1", "g1"]},
        geometry=[shapely.box(x, 0, x + 5, 5) for x in (0, 10, 20)], crs="EPSG:4547",
    )  # fmt: skip
    assert with_colours(homes)["code"].tolist() == ["b1"]  # b2 stays, nobody lives in b3
    figures = {
        "before": dict.fromkeys(("micro_grids", "peopled", "households"), 1), "after": {"within_band": 0.5},
        "households_moved": 9, "share_kept": 0.47, "micro_grids_new": 1, "micro_grids_ended": 0, "leaders_kept": 1,
        "leaders_before": 2,
    }  # fmt: skip
    page = draw_change(units, units, homes, figures).get_root().render()
    assert "{{ 7*7 }}" in page and "</script>{{" not in page and "\\u003c/script\\u003e" in page
    rows = {row["en"]: (row["before"], row["after"]) for row in figure_rows(figures)}
    assert rows["In the band"] == ("–", "50.0%") and rows["Leaders kept"] == (None, "1 / 2")
