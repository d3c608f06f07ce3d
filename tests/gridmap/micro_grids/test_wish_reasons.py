"""Whatever is put together from several pieces and misses the wish says why, and what it says is so."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.cell_graph import graph_of_cells
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.resplit import resplit
from gridmap.micro_grids.split import split_levels
from gridmap.micro_grids.wish_reasons import explain_wish
from tests.gridmap.micro_grids.houses import frame, houses

BAND = Band(15, 25, 40)


def said(loads: list[int], zones: list[int], **columns: object) -> pd.DataFrame:
    """Cells of 10 m in a row with so many households, and the zone of each."""
    cells = gpd.GeoDataFrame(
        {"households": loads, "alone": False},
        geometry=[shapely.box(10 * i, 0, 10 * i + 10, 10) for i in range(len(loads))], crs="EPSG:4547",
    )  # fmt: skip
    zone = np.array(zones)
    count = int(zone.max()) + 1
    table = pd.DataFrame(
        {
            "zone": range(count), "households": np.bincount(zone, weights=loads).astype(int), "given": False,
            "floor_from": pd.array([pd.NA] * count, dtype="Int64"),
            "floor_to": pd.array([pd.NA] * count, dtype="Int64"), "grid": 0,
        }
    ).assign(**columns)  # fmt: skip
    return explain_wish(graph_of_cells(cells)[0], zone, table, BAND, [True] * count)


def test_no_piece_can_change_sides() -> None:
    found = said([9, 9, 28], [0, 0, 1])
    assert found["wish_reason"].tolist() == [
        "18 households of pieces 9+9; beside 28: no piece at its border can change sides so that both have 20-30", None,
    ]  # fmt: skip
    assert found["wish_reason_zh"][0] == "18户（9+9）；相邻28户，边界上没有一栋调整后能使双方都达到20-30户"


def test_a_piece_that_could_go_over_is_admitted() -> None:
    found = said([9, 9, 4, 24], [0, 0, 1, 1])
    assert "beside 28: a piece could go over, but" in found["wish_reason"][0]


def test_one_whole_building_what_is_in_the_wish_and_what_is_out_of_the_band_say_nothing() -> None:
    assert said([18, 20, 25, 4, 5], [0, 1, 1, 2, 2])["wish_reason"].isna().all()


def test_what_is_given_and_what_nobody_can_reach_says_so() -> None:
    found = said([9, 9, 28], [0, 0, 1], given=[True, False])
    assert found["wish_reason"][0] == "given with 18 households; the wish is 20-30"
    assert "no neighbour of the same grid" in said([9, 9, 28], [0, 0, 1], grid=[0, 1])["wish_reason"][0]


@pytest.mark.parametrize("seed", range(3))
def test_after_a_split_and_a_resplit_every_miss_has_words_in_both_languages(seed: int) -> None:
    rng = np.random.default_rng(seed)
    homes = houses(9, 6, 5).assign(units=1, code=[f"b{number:02d}" for number in range(54)])
    homes["households"] = rng.choice([7, 13, 17, 52], len(homes))
    homes["levels"] = 3
    layers = {"districts": frame([shapely.box(0, 0, 270, 180)]), "buildings": homes}
    split = split_levels(layers)
    done = resplit(split.cells, split.buildings, split.units["micro_grids"], layers=layers, rules=Rules(),
                   keep_old=False)  # fmt: skip
    misses = 0
    for units, rows in ((split.units["micro_grids"], split.buildings), (done.micro_grids, done.buildings)):
        pieces = rows[rows["households"] > 0].groupby("micro_grid").size().reindex(units["code"]).fillna(0).to_numpy()
        several = (pieces > 1) | units["floor_from"].notna().to_numpy()
        wished = units["households"].between(20, 30)
        inside = units["households"].between(15, 40) & ~wished
        for column in ("wish_reason", "wish_reason_zh"):
            assert units[column][inside & several].str.len().gt(10).all()
            assert units[column][~units["households"].between(15, 40) | wished].isna().all()
        misses += int((inside & several).sum())
    assert misses
