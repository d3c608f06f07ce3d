"""A built city split again over its store: written whole or not at all, and every promise kept afterwards."""

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
from gridmap.micro_grids.cell_places import COLUMNS
from gridmap.micro_grids.patch import whole_buildings
from gridmap.replan import set_locks, split_again
from gridmap.replan_keep import keep_outcome
from gridmap.stores import open_store
from gridmap.verify import verify
from layers.errors import CrsMismatch, NotFound, StoreBusy, WrongCall
from layers.sample import town

GRID = "990101001001001"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        frame.to_file(place / f"{name}.gpkg")
    assert run("build", place, "-o", place / "city.gpkg", "--quiet").exit_code == 0
    return place / "city.gpkg"


@pytest.fixture
def city(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built, tmp_path / "city.gpkg"))


def broken(city: object) -> list[str]:
    with open_store(str(city)) as store:
        return [f"{item.name}: {item.examples}" for item in verify(store).promises if not item.ok]


def read(city: object, layer: str) -> gpd.GeoDataFrame:
    with open_store(str(city)) as store:
        return store.read(layer)  # type: ignore[return-value]


def with_more(city: Path, households: int = 20) -> None:
    """More households in one house, as somebody would write them into the layer."""
    with open_store(city) as store:
        buildings = store.read("buildings")
        here = buildings["code"] == "990101001001-x"
        store.write("buildings", buildings.assign(households=buildings["households"] + here * households))


def test_a_dry_run_writes_nothing_and_says_everything(city: Path) -> None:
    before = city.read_bytes()
    result = run("split", city, "--households", 20, 25, 30, "--dry-run")
    assert result.exit_code == 0 and "Nothing was written" in result.output and "keep their micro-grid" in result.output
    told = json.loads(run("split", city, "--households", 20, 25, 30, "--dry-run", "--json").output)
    assert told["written"] is False and told["after"]["households"] == told["before"]["households"] == 500
    assert sum(row["households"] for row in told["moves"]) == told["households_moved"]
    assert city.read_bytes() == before


def test_a_split_that_changes_nothing_leaves_every_row(city: Path) -> None:
    before = read(city, "micro_grids")
    done = split_again(city, keep_old=True)
    assert done.figures["share_kept"] == 1.0 and not len(done.moves) and not len(done.lineage)
    after = read(city, "micro_grids")
    columns = [name for name in before if name not in ("geometry", "locked")]
    pd.testing.assert_frame_equal(pd.DataFrame(after[columns]), pd.DataFrame(before[columns]))
    assert (shapely.to_wkb(after.geometry.to_numpy()) == shapely.to_wkb(before.geometry.to_numpy())).all()
    assert broken(city) == []


def test_households_that_changed_are_mended_and_remembered(city: Path) -> None:
    with_more(city)
    before = read(city, "micro_grids")
    done = split_again(city, keep_old=True, day="2026-05-01")
    assert broken(city) == []
    after = read(city, "micro_grids")
    assert int(after["households"].sum()) == 520 and after["within_band"].all()
    assert 0.9 <= done.figures["share_kept"] <= 1.0
    changed = after[after["valid_from"] == "2026-05-01"]
    assert 0 < len(changed) < len(after)
    past = read(city, "micro_grids_history").set_index("code")
    assert set(past.index) == set(changed["code"]) & set(before["code"]) | set(before["code"]) - set(after["code"])
    assert (past["valid_to"] == "2026-04-30").all()
    assert (past["households"] == before.set_index("code")["households"][past.index]).all()
    lineage = read(city, "lineage")
    assert set(lineage["kind"]) <= {"kept", "moved", "split", "merged", "new", "ended"} and len(lineage)
    again = split_again(city, keep_old=True, day="2026-06-01")
    assert again.figures["share_kept"] == 1.0 and len(read(city, "micro_grids_history")) == len(past)


def test_a_code_that_ended_is_never_given_again(city: Path) -> None:
    codes = set(read(city, "micro_grids")["code"])
    for target, day in ((60, "2026-01-01"), (20, "2026-02-01"), (60, "2026-03-01"), (15, "2026-04-01")):
        split_again(city, households=(target // 2, target, 2 * target), day=day)
        now = set(read(city, "micro_grids")["code"])
        history, lineage = set(read(city, "micro_grids_history")["code"]), read(city, "lineage")
        ended = codes - now
        assert ended <= history
        back = now - (codes - ended)
        reborn = lineage[(lineage["date"] == day) & lineage["new_code"].isin(back)]
        assert not set(reborn["new_code"]) & (history - now - codes)
        codes = now
        assert broken(city) == []
    ever = pd.concat([read(city, "micro_grids_history")["code"], read(city, "micro_grids")["code"]])
    born = read(city, "lineage").query("kind in ['split', 'new']").groupby("new_code")["date"].nunique()
    assert (born == 1).all() and ever.str.len().eq(18).all()


def test_a_new_tower_by_a_frame_of_buildings(city: Path) -> None:
    homes = whole_buildings(read(city, "buildings"))
    park = town()["green"].geometry.iloc[0].centroid
    tower = gpd.GeoDataFrame(
        {"code": ["tower"], "households": [90], "levels": [30], "units": [1]},
        geometry=[park.buffer(8, cap_style="square")], crs=homes.crs,
    )
    wanted = pd.concat([homes, tower], ignore_index=True)
    done = split_again(city, keep_old=True, buildings=gpd.GeoDataFrame(wanted, crs=homes.crs))
    assert broken(city) == [] and done.figures["share_kept"] == 1.0
    assert read(city, "buildings")["part_of"].eq("tower").sum() >= 3
    coverage = read(city, "coverage")
    assert set(coverage["micro_grid"]) == set(read(city, "micro_grids")["code"])
    with pytest.raises(CrsMismatch):
        split_again(city, buildings=homes.to_crs(4326))
    with pytest.raises(WrongCall, match="code"):
        split_again(city, buildings=homes.assign(code="same"))


def test_locks_are_kept_and_hold(city: Path) -> None:
    before = read(city, "buildings")
    code = before.set_index("code").at["990101001001-V", "micro_grid"]
    assert set_locks(city, lock=[code]) == [code]
    result = run("split", city, "--households", 10, 12, 15, "--quiet")
    assert result.exit_code == 0 and broken(city) == []
    after = read(city, "buildings")
    mine = [set(rows["code"][rows["micro_grid"] == code]) for rows in (before, after)]
    assert mine[0] == mine[1] and read(city, "micro_grids").set_index("code").at[code, "locked"]
    assert run("split", city, "--unlock", code, "--quiet").exit_code == 0
    assert not read(city, "micro_grids")["locked"].any()
    with pytest.raises(NotFound, match="to lock"):
        set_locks(city, lock=[GRID + "999"])


def test_a_part_of_the_city_may_have_its_own_band(city: Path) -> None:
    community = GRID[:12]
    split_again(city, within=community, households=(20, 25, 30))
    assert broken(city) == []
    with open_store(city) as store:
        assert json.loads(store.meta()["bands"]) == {community: [20, 25, 30]}
    split_again(city, households=(15, 25, 40))
    assert broken(city) == []
    with open_store(city) as store:
        assert json.loads(store.meta()["bands"]) == {}


def test_somebody_elses_change_is_not_written_over(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(store: object, outcome: object, **told: object) -> None:
        with open_store(city) as other:
            other.write("green", other.read("green"))
        keep_outcome(store, outcome, **told)  # type: ignore[arg-type]

    monkeypatch.setattr("gridmap.replan.keep_outcome", meanwhile)
    before = read(city, "micro_grids")
    with pytest.raises(StoreBusy, match="somebody else"):
        split_again(city, households=(10, 12, 15))
    assert read(city, "micro_grids")["code"].tolist() == before["code"].tolist()


def test_the_move_list_is_written_for_a_spreadsheet(city: Path, tmp_path: Path) -> None:
    with open_store(city) as store:
        units = store.read("micro_grids")
        store.write("micro_grids", units.assign(leader="=cmd()"))
    assert run("split", city, "--households", 10, 12, 15, "--moves", tmp_path / "moves.csv", "--quiet").exit_code == 0
    table = pd.read_csv(tmp_path / "moves.csv", dtype=str)
    assert len(table) and (table["from_leader"] == "'=cmd()").all()
    assert (tmp_path / "moves.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_wrong_calls_end_with_2_and_one_sentence(city: Path) -> None:
    for words in (["--within", "12"], ["--within", "990101009"], ["--households", 9, 5, 1], ["--lock", "1"]):
        result = run("split", city, *words)
        assert result.exit_code == 2 and result.output.count("\n") == 1, result.output


def test_a_store_of_an_older_gridmap_is_split_again_and_says_what_it_lacks(city: Path) -> None:
    with open_store(city) as store:
        store.write("cells", store.read("cells").drop(columns=list(COLUMNS)))
        homes = whole_buildings(store.read("buildings"))
    special = read(city, "micro_grids").query("kind == 'special'")[["code", "name", "kind", "site"]]
    homes.loc[homes["code"] == "990101001001-x", ["code", "households"]] = ["990101001001-new", 30]
    for _ in range(2):
        done = split_again(city, keep_old=True, buildings=homes)
        assert [item.rule for item in done.findings if item.layer == "cells"] == ["places_unknown"]
    assert read(city, "findings")["rule"].eq("places_unknown").sum() == 1
    after = read(city, "micro_grids")
    assert after[after["code"].isin(special["code"])][["code", "name", "kind", "site"]].equals(
        special.reset_index(drop=True)
    ) or len(special) == 0
    assert broken(city) == []


def test_a_band_that_cannot_be_kept_is_told_with_what_prevents_it(city: Path) -> None:
    done = run("split", city, "--households", 24, 25, 26, "--dry-run")
    assert "(24, 25, 26) cannot be kept: at (" in done.output and "nearest wish that works: (" in done.output
    assert "24-26户无法处处满足" in done.output
    told = json.loads(run("split", city, "--households", 24, 25, 26, "--dry-run", "--json").output)["nearest_wish"]
    low, _, high = told["wish"]
    assert low < 24 and high >= 26 and len(told["obstacles"]) > 5
    loads = [item["households"] for item in told["obstacles"]]
    assert min(loads) == low and max(*loads, 26) == high
    assert "cannot be kept" not in run("split", city, "--households", *told["wish"], "--keep-old", "--dry-run").output


def test_grids_and_what_lies_above_keep_their_history_and_any_day_can_be_read(city: Path) -> None:
    before = {level: read(city, level) for level in ("grids", "communities", "streets", "districts")}
    with_more(city, 20)
    split_again(city, keep_old=True, day="2026-05-01")
    with_more(city, 3)
    split_again(city, keep_old=True, day="2026-07-01")
    for level, old in before.items():
        loads = []
        for day in (date(2026, 4, 30), date(2026, 6, 30), date(2026, 7, 1)):
            with open_store(city) as store:
                rows = store.read(level, as_of=day)
            assert rows["code"].tolist() == old["code"].tolist(), level
            loads.append(int(rows["households"].sum()))
        assert loads == [int(old["households"].sum()) + more for more in (0, 20, 23)], level
        past = read(city, f"{level}_history")
        assert set(past["valid_to"]) == {"2026-04-30", "2026-06-30"} and past["code"].isin(old["code"]).all()
    split_again(city, keep_old=True, day="2026-08-01")
    assert read(city, "communities_history")["valid_to"].max() == "2026-06-30"  # nothing changed: nothing is kept
    assert broken(city) == []


def test_an_export_of_another_day_has_the_plan_of_that_day(city: Path, tmp_path: Path) -> None:
    before = read(city, "micro_grids")
    split_again(city, households=(30, 40, 50), day="2026-05-01")
    assert run("export", city, "--layer", "micro_grids", "-o", tmp_path / "old.gpkg", "--format", "geopackage",
               "--as-of", "2026-04-30", "--quiet").exit_code == 0  # fmt: skip
    old = gpd.read_file(tmp_path / "old.gpkg")
    assert sorted(old["code"]) == sorted(before["code"]) and len(old) != len(read(city, "micro_grids"))
    assert sorted(old["households"]) == sorted(before["households"])
