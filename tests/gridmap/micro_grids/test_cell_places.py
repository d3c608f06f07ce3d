"""What the first split knew of a cell is kept, and a re-split and an edit go by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import gridmap.micro_grids.split as splitting
from gridmap.micro_grids.band import MICRO_GRIDS
from gridmap.micro_grids.cell_graph import graph_of_cells
from gridmap.micro_grids.cell_places import COLUMNS, places_of_cells
from gridmap.micro_grids.edit import Draft
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.own_kinds import own_kinds
from gridmap.micro_grids.patch import whole_buildings
from gridmap.micro_grids.places import welcome_outlines
from gridmap.micro_grids.regrid import Regrid
from gridmap.micro_grids.resplit import Resplit, resplit
from gridmap.micro_grids.split import Split, split_levels
from layers.sample import town
from tests import checks
from tests.gridmap.micro_grids.houses import frame, houses
from tests.gridmap.micro_grids.test_special import around_a_school

Layers = dict[str, gpd.GeoDataFrame]


def countryside() -> Layers:
    """Two villages side by side that together would be just right, and one by itself."""
    return {
        "communities": frame([shapely.box(0, 0, 2000, 2000)], code=["990101201001"]),
        "buildings": pd.concat(
            [houses(4, 4, 1, x=200, y=200), houses(4, 4, 1, x=420, y=200), houses(6, 6, 1, x=900, y=900)],
            ignore_index=True,
        ),
    }  # fmt: skip


def groups() -> Layers:
    """Plain rows of houses, and residents' groups whose borders are on no street."""
    homes = houses(15, 8, 3)
    centre = homes.geometry.centroid
    slope = (centre.x - 400_000) + 0.8 * (centre.y - 3_300_000)
    return {
        "communities": frame([shapely.box(0, 0, 450, 240)], code=["990101001001"]),
        "buildings": homes.assign(resident_group=np.where(slope < 245, "一组", np.where(slope < 400, "二组", "三组"))),
    }


def school() -> Layers:
    return around_a_school(caretakers=3)


def again(layers: Layers, split: Split, cells: gpd.GeoDataFrame | None = None, **options: object) -> Resplit:
    return resplit(
        split.cells if cells is None else cells, split.buildings, split.units["micro_grids"], layers=layers,
        **{"rules": Rules(), **options},  # type: ignore[arg-type]
    )  # fmt: skip


def with_households(split: Split, change: Callable[[pd.DataFrame], pd.Series]) -> gpd.GeoDataFrame:
    wanted = whole_buildings(split.buildings)
    return wanted.assign(households=change(wanted))


def graph_of(layers: Layers, split: Split) -> CellGraph:
    lines = {name: layers.get(name) for name in ("roads", "barriers", "water", "estates")}
    rules = Rules().places
    return graph_of_cells(
        split.cells, **lines, built=split.cells["code"].isin(split.buildings["cell"]).to_numpy(),
        places=places_of_cells(split.cells, rules), outlines=welcome_outlines(layers, rules),
    )[0]  # fmt: skip


@pytest.mark.parametrize("made", [town, school, countryside, groups])
def test_the_graph_of_kept_cells_is_that_of_the_first_split(
    made: Callable[[], Layers], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def spy(cells, *more):  # type: ignore[no-untyped-def]
        seen["cells"] = cells
        return rows(cells, *more)

    rows = splitting.make_rows
    monkeypatch.setattr(splitting, "make_rows", spy)
    layers = made()
    split = split_levels(layers)
    first, kept = seen["cells"].graph, graph_of(layers, split)
    place = {shape: number for number, shape in enumerate(shapely.to_wkb(seen["cells"].geometry))}
    number = np.array([place[shape] for shape in shapely.to_wkb(split.cells.geometry.to_numpy())])
    assert (first.things[number] == kept.things).all() and (first.weight[number] == kept.weight).all()

    def edges(graph: CellGraph, names: np.ndarray) -> pd.DataFrame:
        ends = np.sort(np.column_stack([names[graph.a], names[graph.b]]), axis=1)
        table = pd.DataFrame({"a": ends[:, 0], "b": ends[:, 1]})
        for column in ("length", "bare", "strong", "open"):
            table[column] = getattr(graph, column).astype(float)
        return table.sort_values(["a", "b"], ignore_index=True)

    one, two = edges(first, np.arange(len(first))), edges(kept, number)
    # ground of a cell beyond a wall that its building stands across: the first split shuts its boundary, kept cells do
    # not know of it (docs/replanning.md says so). Nothing else may differ, and nothing is shut that was open.
    assert (two["open"] >= one["open"]).all()
    alike = ["a", "b", "length", "bare", "strong"] + (["open"] if made is not town else [])
    pd.testing.assert_frame_equal(one[alike], two[alike], atol=0.02)


@pytest.mark.parametrize("keep_old", [True, False])
@pytest.mark.parametrize("made", [school, countryside])
def test_without_a_change_special_sites_and_villages_are_what_they_were(
    made: Callable[[], Layers], keep_old: bool
) -> None:
    layers = made()
    split = split_levels(layers)
    done = again(layers, split, keep_old=keep_old)
    columns = ["code", "name", "kind", "site", "households", "reason", "reason_zh"]
    before, after = split.units["micro_grids"], done.micro_grids
    own = before["kind"] != "base"
    assert own.any()
    left = before[own][columns].astype(object).where(before[own][columns].notna(), None)
    right = after[after["kind"] != "base"][columns].astype(object)
    assert right.where(right.notna(), None).to_numpy().tolist() == left.to_numpy().tolist()


@pytest.mark.parametrize("keep_old", [True, False])
def test_a_village_that_grows_stays_whole_and_a_new_house_joins_it(keep_old: bool) -> None:
    layers = countryside()
    split = split_levels(layers)
    wanted = whole_buildings(split.buildings)
    new = frame([shapely.box(325, 205, 345, 217)], code=["N1"], households=[2])
    wanted = gpd.GeoDataFrame(pd.concat([wanted, new], ignore_index=True), crs=wanted.crs)
    done = again(layers, split, wanted=wanted, keep_old=keep_old)
    lived = done.micro_grids.query("households > 0")
    assert sorted(lived["households"]) == [16, 18, 36] and (lived["kind"] == "village").all()
    checks.assert_tiles(done.micro_grids, split.units["communities"].geometry.union_all())


def test_a_village_that_grows_above_the_maximum_is_cut_by_itself() -> None:
    layers = countryside()
    split = split_levels(layers)
    big = lambda rows: rows["households"] * np.where(rows.geometry.centroid.x > 400_800, 2, 1)  # noqa: E731
    done = again(layers, split, wanted=with_households(split, big))
    lived = done.micro_grids.query("households > 0").sort_values("households")
    assert lived["households"].tolist()[:2] == [16, 16] and lived["households"].sum() == 104
    assert lived["households"].max() <= 40 and lived["kind"].tolist()[:2] == ["village", "village"]


def test_a_part_of_a_town_in_need_joins_no_village() -> None:
    layers = {
        "communities": frame([shapely.box(0, 0, 2000, 2000)], code=["990101201001"]),
        "buildings": pd.concat([houses(6, 5, 2, x=200, y=200), houses(4, 4, 1, x=450, y=200)], ignore_index=True),
    }
    split = split_levels(layers)
    village = split.units["micro_grids"].query("kind == 'village'")
    assert village["households"].tolist() == [16]
    beside = split.units["micro_grids"].query("kind == 'base'")
    beside = beside[beside.distance(village.geometry.iloc[0]) < 1.0].iloc[0]
    few = split.buildings.loc[split.buildings["micro_grid"] == beside["code"], "code"].iloc[4:]
    done = again(
        layers, split, wanted=with_households(split, lambda rows: rows["households"].where(~rows["code"].isin(few), 0))
    )
    after = done.micro_grids.set_index("code")
    assert after.at[village["code"].iloc[0], "households"] == 16 and after["households"].max() > 16
    assert (done.flows["old"] == done.flows["new"])[done.flows["old"] == village["code"].iloc[0]].all()


@pytest.mark.parametrize("keep_old", [True, False])
def test_a_school_stays_special_when_its_neighbours_change(keep_old: bool) -> None:
    layers = school()
    split = split_levels(layers)
    before = split.units["micro_grids"].query("site == 'school'").iloc[0]
    fewer = lambda rows: rows["households"].where(  # noqa: E731
        ~rows.geometry.centroid.x.between(400_140, 400_180), 0
    )
    done = again(layers, split, wanted=with_households(split, fewer), keep_old=keep_old)
    after = done.micro_grids.query("site == 'school'")
    assert after["code"].tolist() == [before["code"]] and after["kind"].tolist() == ["special"]
    assert after["households"].tolist() == [3] and after["name"].tolist() == [before["name"]]
    assert after.geometry.iloc[0].symmetric_difference(before.geometry).area < 1e-6
    checks.assert_conserved(done.micro_grids, done.buildings, int(done.buildings["households"].sum()))


def test_residents_groups_keep_their_weight_in_a_plan_made_anew() -> None:
    layers = groups()
    split = split_levels(layers)

    def parted(cells: gpd.GeoDataFrame | None) -> int:
        done = again(layers, split, cells, keep_old=False)
        rows = done.buildings
        return int(rows.groupby("micro_grid")["resident_group"].nunique().gt(1).sum())

    assert parted(None) <= 0.6 * parted(split.cells.drop(columns=list(COLUMNS)))


def test_a_store_without_the_columns_works_and_says_so() -> None:
    for made in (school, countryside):
        layers = made()
        split = split_levels(layers)
        old = split.cells.drop(columns=list(COLUMNS))
        own = split.units["micro_grids"].query("kind != 'base'")
        for keep_old in (True, False):
            done = again(layers, split, old, keep_old=keep_old)
            assert [item.rule for item in done.findings] == ["places_unknown"]
            same = done.micro_grids[done.micro_grids["code"].isin(own["code"])]
            assert same["kind"].tolist() == own["kind"].tolist()
            assert same["name"].tolist() == own["name"].tolist()
            assert same["households"].tolist() == own["households"].tolist()


def test_a_new_building_takes_the_place_of_its_ground_and_its_own_group() -> None:
    layers = groups()
    split = split_levels(layers)
    wanted = whole_buildings(split.buildings)
    here = wanted.index[wanted["resident_group"] == "一组"][0]
    wanted.loc[here, ["code", "resident_group"]] = ["N1", "二组"]
    done = again(layers, split, wanted=wanted)
    cell = done.cells.set_index("code").loc["N1"]
    assert cell["resident_group"] == "二组" and cell["things"] == 1
    assert done.cells.loc[done.cells["households"] > 0, "resident_group"].notna().all()
    assert ((done.cells["things"] == 0) == (done.cells["households"] == 0)).all()


def test_things_follow_who_lives_there() -> None:
    layers = groups()
    split = split_levels(layers)
    empty = split.buildings["code"].iloc[0]
    gone = with_households(split, lambda rows: rows["households"].where(rows["code"] != empty, 0))
    done = again(layers, split, wanted=gone)
    cells = done.cells.set_index("code")["things"]
    assert cells[empty] == 0
    back = resplit(
        done.cells, done.buildings, done.micro_grids, layers=layers, rules=Rules(),
        wanted=whole_buildings(split.buildings),
    )  # fmt: skip
    assert back.cells.set_index("code")["things"][empty] == 1


def test_grids_planned_again_part_no_village() -> None:
    corners = [(x, y) for x in range(300, 4600, 900) for y in range(300, 4600, 900)]
    layers = {
        "communities": frame([shapely.box(0, 0, 4800, 4800)], code=["990101201001"]),
        "buildings": pd.concat([houses(5, 5, 1, x=x, y=y) for x, y in corners], ignore_index=True),
    }
    split = split_levels(layers)
    rules = replace(Rules(), grids=replace(Rules().grids, low=105, target=112, high=118))
    asked = Regrid(rules.grids, frozenset(), frozenset(split.units["grids"]["code"]))
    done = again(layers, split, keep_old=False, grids=asked, rules=rules)
    middle = done.buildings.geometry.centroid
    spot = ((middle.x - 400_000) // 900).astype(str) + "-" + ((middle.y - 3_300_000) // 900).astype(str)
    assert done.buildings["grid"].nunique() > split.buildings["grid"].nunique()
    assert (done.buildings.groupby(spot)["micro_grid"].nunique() == 1).all()


def draft_of(layers: Layers) -> tuple[Draft, Split]:
    split = split_levels(layers)
    units = split.units["micro_grids"]
    kinds = {code: own.kind for code, own in own_kinds(units, split.cells).items()}
    lines = {name: layers.get(name) for name in ("roads", "barriers", "water", "estates")}
    graph, block = graph_of_cells(split.cells, **lines, places=places_of_cells(split.cells, Rules().places))
    return Draft(split.cells, split.buildings, graph, block, MICRO_GRIDS, kinds=kinds), split


def test_an_edit_says_what_it_parts() -> None:
    draft, split = draft_of(countryside())
    homes = split.buildings[split.buildings.geometry.centroid.x.between(400_400, 400_600)]
    answer = draft.preview(draft.move(draft.cells_of_building(homes["code"].iloc[0]), None))
    assert "village" in {breach.rule for breach in answer.breaches if not breach.refused}
    draft, split = draft_of(groups())
    # two homes of one group in one micro-grid: one that leaves parts the group among one micro-grid more
    homes = split.buildings.drop_duplicates("cell")
    together = homes[homes.duplicated(["micro_grid", "resident_group"], keep=False)].iloc[0]
    answer = draft.preview(draft.move([together["cell"]], None))
    said = [breach for breach in answer.breaches if breach.rule == "group"]
    assert len(said) == 1
    name = together["resident_group"]
    assert f"居民小组{name}" in said[0].zh and name in said[0].en


def test_the_band_is_not_for_a_school_and_who_moves_there_is_told() -> None:
    draft, split = draft_of(school())
    units = split.units["micro_grids"]
    code = units.query("site == 'school'")["code"].iloc[0]
    area = units.set_index("code").geometry[code]
    beside = split.buildings[(split.buildings["micro_grid"] != code) & (split.buildings.distance(area) < 20)]
    answers = [draft.preview(draft.move(draft.cells_of_building(home), code)) for home in beside["code"]]
    assert answers and all("special" in {breach.rule for breach in answer.breaches} for answer in answers)
    assert not any(breach.rule == "band" and code in breach.en for answer in answers for breach in answer.breaches)
