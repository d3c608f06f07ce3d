"""Levels kept where given and derived where not, in every combination; the norms of a community."""

from __future__ import annotations

from itertools import product

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.levels import LEVELS, Rules, derive_communities
from gridmap.micro_grids.split import Split, split_levels
from gridmap.micro_grids.unpeopled import unpeopled
from layers.sample import town
from tests import checks
from tests.gridmap.micro_grids.houses import frame, houses

#: The drawn town cut by hand: west and east of the main street, and along the lane.
X, Y = (512_000.0, 512_125.0, 512_360.0), (3_380_810.0, 3_380_925.0, 3_381_000.0)


def box(i: int, j: int, k: int = 1, m: int = 1) -> shapely.Polygon:
    return shapely.box(X[i], Y[j], X[i + k], Y[j + m])


#: Level -> what may be given of it: everything, or only some.
GIVEN: dict[str, dict[str, list[tuple[str, shapely.Polygon]]]] = {
    "districts": {"all": [("990101", box(0, 0, 2, 2))]},
    "streets": {"all": [("990101001", box(0, 0, 2, 2))]},
    "communities": {
        "all": [("990101001002", box(0, 0, 1, 2)), ("990101001005", box(1, 0, 1, 2))],
        "some": [("990101001002", box(0, 0, 1, 2))],
    },
    "grids": {
        "all": [(f"99010100100{2 if i == 0 else 5}00{j + 3}", box(i, j)) for i in (0, 1) for j in (0, 1)],
        "some": [("990101001002007", box(0, 1))],
    },
    "micro_grids": {"some": [("990101001002007011", box(0, 1))]},
}
CHOICES = [["", *GIVEN[level]] for level in LEVELS]
COMBINATIONS = [
    combination for combination in product(*CHOICES)
    # The topmost given level fills the town: it is the outline. Districts and streets are one unit each, and a
    # micro-grid is given in a grid of its own or beside given ones.
    if next((choice for choice in combination if choice), "") == "all"
    and not (combination[0] and combination[2] == "all")
    and not (combination[4] and combination[3] == "all")
]


def given_layer(level: str, choice: str) -> gpd.GeoDataFrame:
    codes, shapes = zip(*GIVEN[level][choice], strict=True)
    names = [f"{level} {code[-3:]}" for code in codes]
    return gpd.GeoDataFrame({"code": codes, "name": names}, geometry=list(shapes), crs="EPSG:4547")


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
def test_every_combination_of_given_levels_nests_and_keeps_its_codes(combination: tuple[str, ...]) -> None:
    layers = {name: frame for name, frame in town().items() if name in ("buildings", "roads", "barriers", "water")}
    kept = {level: choice for level, choice in zip(LEVELS, combination, strict=True) if choice}
    layers |= {level: given_layer(level, choice) for level, choice in kept.items()}
    split = split_levels(layers, rules=Rules(community_households=300))
    whole(split)
    for level in kept:
        units = split.units[level].set_index("code")
        for code, area in GIVEN[level][kept[level]]:
            assert code in units.index, (level, code)
            row = units.loc[code]
            assert not row["derived"] and row["name"] == f"{level} {code[-3:]}"
            assert row.geometry.symmetric_difference(area).area < 2.0
        codes = sorted(code for code, _ in GIVEN[level][kept[level]])
        assert units.loc[~units["derived"].astype(bool)].index.tolist() == codes


def whole(split: Split) -> None:
    outline = split.units["districts"].geometry.union_all()
    checks.assert_tiles(split.units["micro_grids"], outline)
    checks.assert_connected(split.units["micro_grids"])
    checks.assert_conserved(split.units["micro_grids"], split.buildings, split.households)
    checks.assert_band(split.units["micro_grids"], 15, 40)
    checks.assert_codes(split.units)


def test_a_new_code_beside_given_ones_is_free() -> None:
    layers = {name: frame for name, frame in town().items() if name in ("buildings", "roads")}
    layers |= {"communities": given_layer("communities", "all"), "grids": given_layer("grids", "some")}
    codes = split_levels(layers).units["grids"]["code"].tolist()
    assert "990101001002007" in codes and "990101001002001" in codes and len(set(codes)) == len(codes)


def test_a_given_community_beyond_the_norm_is_kept_and_said() -> None:
    homes = houses(12, 8, 6).assign(residents=40)
    layers = {"communities": frame([shapely.box(0, 0, 360, 240)], code=["990101001001"], name=["大社区"])}
    layers["buildings"] = homes
    split = split_levels(layers, rules=Rules(community_households=500, community_residents=3000))
    said = [item for item in split.findings if item.rule == "community_over_norm"]
    assert len(split.units["communities"]) == 1 and len(said) == 1
    assert "576 households" in said[0].what and "3,840 residents" in said[0].what
    calm = split_levels(layers)
    assert "community_over_norm" not in calm.findings.counts()


def test_derived_communities_keep_both_norms_where_people_crowd_together() -> None:
    homes = houses(30, 20, 2)
    homes["residents"] = np.where(homes.geometry.centroid.x < 400_300, 16, 2)  # dormitories in the west
    layers = {"districts": frame([shapely.box(0, 0, 900, 600)]), "buildings": homes}
    split = split_levels(layers, rules=Rules(community_households=1000, community_residents=2000))
    communities = split.units["communities"]
    assert communities["households"].max() <= 1000
    assert communities["residents"].max() <= 2000
    assert communities["residents"].sum() == homes["residents"].sum()
    whole(split)


def chain(areas: list[float], households: list[int]) -> CellGraph:
    """Cells in a row."""
    n = len(areas)
    loads, edge = np.array(households), np.ones(n - 1)
    return CellGraph(
        weight=loads, households=loads, area=np.array(areas), perimeter=np.full(n, 4.0), a=np.arange(n - 1),
        b=np.arange(1, n), length=edge * 5, bare=edge * 5, strong=edge * 0, open=edge > 0,
    )  # fmt: skip


def test_a_few_households_get_the_ground_to_their_neighbours_if_it_is_not_too_wide() -> None:
    areas, loads = [100.0, 8_000.0, 9_000.0, 100.0, 80_000.0, 100.0, 30_000.0], [20, 0, 0, 5, 0, 3, 0]
    far = np.array([load == 0 for load in loads])
    found = unpeopled(chain(areas, loads), far, low=15, least_m2=5_000, wide_m2=60_000)
    # the five reach the twenty over 1.7 ha; the three do not reach anyone over 8 ha
    assert found.tolist() == [False, False, False, False, True, False, True]


def test_contracted_cells_keep_every_sum() -> None:
    graph = chain([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4])
    graph.open[1] = False
    pair = graph.contract(np.array([0, 0, 1, 1]))
    assert pair.households.tolist() == [3, 7] and pair.area.tolist() == [3.0, 7.0]
    assert pair.perimeter.tolist() == [8.0 - 10.0, 8.0 - 10.0]  # two cells less the boundary inside, twice
    assert pair.length.tolist() == [5.0] and pair.open.tolist() == [False]


def test_communities_of_one_graph_are_whole_where_they_fit() -> None:
    assert derive_communities(chain([1.0] * 4, [5] * 4), np.full(4, 9.0), Rules()).tolist() == [0, 0, 0, 0]
