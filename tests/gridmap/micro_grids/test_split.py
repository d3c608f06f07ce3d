"""The whole split on drawn towns: promises, levels kept and derived, reasons, refusals."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import gridmap
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.split import Split, split_levels
from layers.errors import BadSettings, CrsMismatch, MissingLayer
from layers.sample import town
from tests import checks

CRS = "EPSG:4547"
WEST, SOUTH = 400_000.0, 3_300_000.0


def frame(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    moved = [shapely.affinity.translate(shape, WEST, SOUTH) for shape in shapes]
    return gpd.GeoDataFrame(columns, geometry=moved, crs=CRS)


def rows_of_houses(across: int, down: int, households: int, *, step: float = 30.0) -> gpd.GeoDataFrame:
    corners = [(x * step + 5, y * step + 5) for y in range(down) for x in range(across)]
    shapes = [shapely.box(x, y, x + 20, y + 12) for x, y in corners]
    return frame(shapes, households=[households] * len(shapes))


def assert_promises(split: Split) -> None:
    micro_grids = split.units["micro_grids"]
    outline = split.units["districts"].geometry.union_all()
    checks.assert_tiles(micro_grids, outline)
    checks.assert_stacks(micro_grids)
    checks.assert_connected(micro_grids)
    checks.assert_conserved(micro_grids, split.buildings, split.households)
    checks.assert_band(micro_grids, 15, 40)
    checks.assert_codes(split.units)
    known = {item.code for item in split.findings if item.rule in ("overlap_resolved", "crosses_given_boundary")}
    whole = split.buildings[split.buildings["part_of"].isna()]
    cut = whole.iloc[checks.whole_buildings_cut(micro_grids, whole.reset_index(drop=True), 40)]
    assert set(cut["code"]) <= known


def test_the_drawn_town_keeps_every_promise() -> None:
    layers = town()
    split = split_levels(layers)
    assert_promises(split)
    assert split.households == int(layers["buildings"]["households"].sum())
    outline = layers["communities"].geometry.union_all()
    assert split.units["micro_grids"].geometry.union_all().symmetric_difference(outline).area < 1.0


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_any_town_keeps_every_promise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = []
    for _ in range(int(rng.integers(5, 90))):
        x, y = rng.uniform(0, 560), rng.uniform(0, 360)
        house = shapely.box(x, y, x + rng.uniform(6, 40), y + rng.uniform(6, 16))
        shapes.append(shapely.affinity.rotate(house, float(rng.uniform(0, 90))))
    count = len(shapes)
    levels = rng.integers(1, 30, count)
    buildings = frame(shapes, households=rng.integers(0, 60, count), levels=levels, units=rng.integers(1, 4, count))
    roads = frame([shapely.LineString(rng.uniform(0, 600, (3, 2))) for _ in range(4)], **{"class": ["residential"] * 4})
    rivers = frame([shapely.LineString(rng.uniform(0, 600, (2, 2)))], kind=["river"])
    outline = frame([shapely.box(0, 0, 600, 400)])
    layers = {"districts": outline, "buildings": buildings, "roads": roads, "barriers": rivers}
    assert_promises(split_levels(layers))


def test_row_order_and_repetition_change_nothing() -> None:
    layers = town()
    first = split_levels(layers)
    shuffled = {name: item.sample(frac=1, random_state=5).reset_index(drop=True) for name, item in layers.items()}
    second = split_levels(shuffled)
    for level, units in first.units.items():
        assert units["code"].tolist() == second.units[level]["code"].tolist()
        assert shapely.to_wkb(units.geometry.to_numpy()).tolist() == shapely.to_wkb(
            second.units[level].geometry.to_numpy()
        ).tolist()
    columns = ["code", "micro_grid", "households"]
    pd.testing.assert_frame_equal(first.buildings[columns], second.buildings[columns])


def test_another_seed_may_give_another_plan_but_never_breaks_a_promise() -> None:
    layers = town()
    assert_promises(split_levels(layers, rules=Rules(seed=7)))


def test_missing_levels_are_derived_and_marked() -> None:
    layers = {"districts": frame([shapely.box(0, 0, 900, 600)]), "buildings": rows_of_houses(30, 20, 6)}
    split = split_levels(layers, code="990777", name="测试区")
    counts = {level: len(units) for level, units in split.units.items()}
    assert counts["streets"] == 1 and counts["communities"] == 2
    assert 7 <= counts["grids"] <= 12
    assert split.units["grids"]["households"].between(300, 500).all()
    assert split.units["micro_grids"]["households"].between(15, 40).all()
    assert split.units["communities"]["derived"].all()
    assert split.units["districts"]["code"].tolist() == ["990777"]
    assert split.units["districts"]["name"].tolist() == ["测试区"]
    assert_promises(split)


def test_given_units_are_kept_with_code_name_leader_and_area() -> None:
    left, right = shapely.box(0, 0, 450, 600), shapely.box(450, 0, 900, 600)
    communities = frame([left, right], code=["990101001002", "990101001001"], name=["桥西社区", "桥东社区"])
    grids = frame(
        [shapely.box(0, 0, 450, 100)], code=["990101001002005"], leader=["余晓"], name=["老街网格"], kind=["base"]
    )
    layers = {"communities": communities, "grids": grids, "buildings": rows_of_houses(30, 20, 4)}
    split = split_levels(layers)
    kept = split.units["communities"].set_index("code")
    assert kept.loc["990101001002", "name"] == "桥西社区"
    assert not kept["derived"].any()
    grid = split.units["grids"].set_index("code").loc["990101001002005"]
    assert (grid["name"], grid["leader"], bool(grid["derived"])) == ("老街网格", "余晓", False)
    assert grid.geometry.symmetric_difference(layers["grids"].geometry[0]).area < 0.01
    others = split.units["grids"].query("code != '990101001002005'")
    assert others["derived"].all()
    assert split.units["streets"]["code"].tolist() == ["990101001"]
    assert_promises(split)


def test_a_building_on_a_given_boundary_counts_once_where_most_of_it_lies() -> None:
    halves = [shapely.box(0, 0, 300, 300), shapely.box(300, 0, 600, 300)]
    communities = frame(halves, code=["990101001001", "990101001002"])
    houses = rows_of_houses(20, 10, 5)
    across = frame([shapely.box(285, 120, 325, 140)], households=[12], code=["跨界楼"])
    houses = houses[~houses.intersects(across.geometry[0])]
    layers = {"communities": communities, "buildings": pd.concat([houses.assign(code=None), across], ignore_index=True)}
    split = split_levels(layers)
    own = split.buildings.set_index("code").loc["跨界楼"]
    assert own["community"] == "990101001002"
    assert split.findings.counts()["crosses_given_boundary"] == 1
    assert_promises(split)


def test_codes_that_cannot_be_kept_are_replaced_with_a_finding() -> None:
    communities = frame([shapely.box(0, 0, 300, 300)], code=["12-34"], name=["旧码社区"])
    split = split_levels({"communities": communities, "buildings": rows_of_houses(10, 10, 5)})
    assert split.findings.counts()["code_not_kept"] == 1
    assert split.units["communities"]["given_code"].tolist() == ["12-34"]


def test_a_piece_behind_a_river_that_is_too_small_crosses_it_and_says_so() -> None:
    river = frame([shapely.LineString([(30, -10), (30, 400)])], kind=["river"])
    houses = rows_of_houses(20, 3, 5)
    houses.loc[houses.centroid.x < WEST + 30, "households"] = 1
    layers = {"districts": frame([shapely.box(0, 0, 600, 90)]), "buildings": houses, "barriers": river}
    split = split_levels(layers)
    said = split.units["micro_grids"]["reason"].fillna("")
    assert said.str.contains("crosses a hard barrier").sum() == 1
    assert split.units["micro_grids"]["within_band"].all()


def test_empty_land_is_a_named_unpeopled_micro_grid_not_nobodys() -> None:
    layers = {"districts": frame([shapely.box(0, 0, 3000, 2000)]), "buildings": rows_of_houses(10, 10, 6)}
    split = split_levels(layers)
    empty = split.units["micro_grids"].query("households == 0")
    assert 1 <= len(empty) <= 4
    assert (empty["kind"] == "special").all()
    assert empty["reason"].tolist() == ["nobody lives here"] * len(empty)
    assert split.units["micro_grids"].query("households > 0")["area_m2"].max() < 100_000
    assert_promises(split)


def test_a_tower_shares_its_ground_and_its_parts_carry_floors() -> None:
    tower = frame([shapely.box(140, 140, 160, 158)], households=[132], levels=[33], units=[1], code=["塔1"])
    houses = rows_of_houses(10, 10, 5)
    houses = houses[~houses.intersects(tower.geometry[0].buffer(3))].assign(code=None)
    buildings = pd.concat([houses, tower], ignore_index=True)
    split = split_levels({"districts": frame([shapely.box(0, 0, 300, 300)]), "buildings": buildings})
    stack = split.units["micro_grids"].query("stack.notna()")
    assert stack["households"].sum() == 132
    assert stack["floor_from"].tolist()[0] == 1 and stack["floor_to"].tolist()[-1] == 33
    parts = split.buildings.query("part_of == '塔1'")
    assert parts["part"].tolist() == ["floors 1-7", "floors 8-14", "floors 15-21", "floors 22-27", "floors 28-33"]
    assert parts["micro_grid"].tolist() == stack["code"].tolist()
    assert_promises(split)


def test_needs_and_residents_are_shared_out_to_the_last_person() -> None:
    slab = frame([shapely.box(10, 10, 90, 22)], households=[96], units=[6], residents=[251], aged_60=[47], code=["板1"])
    split = split_levels({"districts": frame([shapely.box(0, 0, 100, 60)]), "buildings": slab})
    assert int(split.buildings["residents"].sum()) == 251
    assert int(split.units["micro_grids"]["aged_60"].sum()) == 47
    assert int(split.units["districts"]["residents"].sum()) == 251


def test_the_parts_of_a_building_are_its_own_pieces_of_ground() -> None:
    slab = frame([shapely.box(10, 10, 90, 22)], households=[96], units=[6], code=["板1"])
    split = split_levels({"districts": frame([shapely.box(0, 0, 100, 60)]), "buildings": slab})
    assert split.buildings.area.sum() == pytest.approx(slab.area.sum())
    assert len(split.buildings) == 6 and split.buildings.area.max() < slab.area.sum() / 5


def test_a_building_outside_the_outline_is_left_out_and_said() -> None:
    houses = pd.concat([rows_of_houses(9, 9, 5), frame([shapely.box(900, 900, 920, 912)], households=[7])])
    houses = houses.reset_index(drop=True)
    split = split_levels({"districts": frame([shapely.box(0, 0, 300, 300)]), "buildings": houses})
    assert split.households == 405
    assert split.findings.counts()["outside_outline"] == 1


def test_one_community_without_a_code_takes_that_of_the_city() -> None:
    layers = {"communities": frame([shapely.box(0, 0, 300, 300)]), "buildings": rows_of_houses(9, 9, 5)}
    split = split_levels(layers, code="990101001007")
    assert split.units["communities"]["code"].tolist() == ["990101001007"]


def test_row_order_changes_nothing_where_nothing_has_a_code() -> None:
    halves = frame([shapely.box(300, 0, 600, 300), shapely.box(0, 0, 300, 300)], name=["东", "西"])
    layers = {"communities": halves, "buildings": rows_of_houses(20, 10, 5)}
    first = split_levels(layers)
    second = split_levels({name: item.iloc[::-1].reset_index(drop=True) for name, item in layers.items()})
    for one, other in ((first.units["communities"], second.units["communities"]), (first.buildings, second.buildings)):
        assert one["code"].tolist() == other["code"].tolist()
        assert shapely.equals_exact(one.geometry.to_numpy(), other.geometry.to_numpy(), 0).all()
    assert first.units["communities"]["name"].tolist() == ["西", "东"]  # numbered from west to east


def test_an_estate_stays_together_where_it_fits() -> None:
    estate = frame([shapely.box(0, 0, 152, 152)], name=["柳岸小区"])
    layers = {"districts": frame([shapely.box(0, 0, 360, 240)]), "buildings": rows_of_houses(12, 8, 6)}

    def shared(split: Split) -> int:
        inside = split.buildings.geometry.centroid.within(estate.geometry[0])
        codes = split.buildings["micro_grid"]
        return len(set(codes[inside]) & set(codes[~inside]))

    with_estate = split_levels({**layers, "estates": estate})
    assert shared(with_estate) == 0
    assert shared(split_levels(layers)) > 0
    assert_promises(with_estate)


@pytest.mark.parametrize("kind", ["river", "canal", "rail", "city_wall"])
def test_hard_barriers_are_not_crossed(kind: str) -> None:
    barrier = frame([shapely.LineString([(300, -10), (300, 400)])], kind=[kind])
    houses = rows_of_houses(20, 13, 5)
    layers = {"districts": frame([shapely.box(0, 0, 600, 390)]), "buildings": houses, "barriers": barrier}
    crossed = split_levels(layers).units["micro_grids"].buffer(-1).intersects(barrier.geometry[0])
    assert not crossed.any()


def test_a_strip_along_a_street_goes_to_the_buildings_beside_it() -> None:
    wall = frame([shapely.LineString([(0, 95), (300, 95)])], kind=["fence"])
    road = frame([shapely.LineString([(0, 100), (300, 100)])], **{"class": ["residential"]})
    houses = rows_of_houses(10, 6, 5)
    houses = houses[~houses.intersects(wall.geometry[0].buffer(3)) & ~houses.intersects(road.geometry[0].buffer(3))]
    layers = {
        "districts": frame([shapely.box(0, 0, 300, 180)]), "buildings": houses.reset_index(drop=True), "roads": road,
        "barriers": wall,
    }  # fmt: skip
    split = split_levels(layers)
    assert split.units["micro_grids"]["compactness"].min() > 0.3
    assert not split.units["micro_grids"].buffer(-0.5).intersects(road.geometry[0]).any()


def test_residents_stay_unknown_where_nobody_counted_them() -> None:
    split = split_levels({"districts": frame([shapely.box(0, 0, 300, 300)]), "buildings": rows_of_houses(9, 9, 5)})
    assert split.units["micro_grids"]["residents"].isna().all()


def test_households_are_estimated_only_where_missing_and_marked() -> None:
    houses = frame([shapely.box(0, 0, 50, 12), shapely.box(60, 0, 110, 12)], households=[20, None], levels=[6, 6])
    split = split_levels({"districts": frame([shapely.box(-5, -5, 120, 30)]), "buildings": houses})
    by_basis = split.buildings.groupby("households_basis")["households"].sum()
    assert by_basis["given"] == 20
    assert by_basis.drop("given").tolist() == [32]


def test_the_public_function_takes_frames_and_another_band() -> None:
    layers = town()
    outline, barriers = layers["communities"], layers["barriers"]
    micro_grids = gridmap.split_micro_grids(
        outline, layers["buildings"], layers["roads"], barriers=barriers, households=(20, 25, 30)
    )
    assert int(micro_grids["households"].sum()) == int(layers["buildings"]["households"].sum())
    contract = {
        "code", "name", "parent", "kind", "households", "residents", "buildings", "area_m2", "compactness",
        "within_band", "reason", "stack", "floor_from", "floor_to", "leader", "valid_from", "valid_to", "geometry",
    }  # fmt: skip
    assert contract <= set(micro_grids.columns)
    assert micro_grids["code"].str.len().eq(18).all()
    checks.assert_band(micro_grids, 20, 30)


def test_wrong_calls_say_what_to_do() -> None:
    layers = town()
    with pytest.raises(CrsMismatch, match="metric CRS"):
        split_levels({name: item.to_crs(4490) for name, item in layers.items()})
    with pytest.raises(CrsMismatch, match="to_crs"):
        split_levels({**layers, "roads": layers["roads"].to_crs(4549)})
    with pytest.raises(MissingLayer, match="no outline"):
        split_levels({"buildings": layers["buildings"]})
    with pytest.raises(MissingLayer, match="no buildings"):
        split_levels({"communities": layers["communities"]})
    with pytest.raises(BadSettings, match="min <= target <= max"):
        gridmap.split_micro_grids(layers["communities"], layers["buildings"], None, households=(40, 25, 15))
    with pytest.raises(BadSettings, match="6, 9 or 12 digits"):
        split_levels(layers, code="12")
    assert Band(15, 25, 40).holds(15)
