"""The figures of quality on a drawn plan, each one counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

from gridmap.micro_grids.band import Band
from gridmap.quality import Quality, measure_quality
from gridmap.quality_shares import Shares, shares_by
from gridmap.stores import create_store
from layers.errors import MissingLayer

CRS = "EPSG:4549"
GRID, OTHER = "330483001001001", "330483001001002"
CODES = [f"{GRID}001", f"{GRID}002", f"{GRID}003", f"{OTHER}001", f"{OTHER}002"]


def frame(shapes: list, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)


def measured(path: Path, *, facts: dict[str, str] | None = None, **changed: pd.DataFrame) -> Quality:
    """Five squares of 100 m in a row: 25, 40, 12 households, a park, and a village of 9; a street between 1 and 2."""
    squares = [box(x, 0, x + 100, 100) for x in range(0, 500, 100)]
    whole = box(0, 0, 500, 100)
    frames = {
        "districts": frame([whole], code=["330483"]), "streets": frame([whole], code=["330483001"]),
        "communities": frame([whole], code=["330483001001"], name=["桥东社区"]),
        "grids": frame([box(0, 0, 300, 100), box(300, 0, 500, 100)], code=[GRID, OTHER], name=["一", "二"]),
        "micro_grids": frame(
            squares, code=CODES, households=[25, 40, 12, 0, 9], kind=["base", "base", "base", "special", "village"],
            site=[None, None, None, "park", "village"],
            reason=[None, None, "cut off by hard barriers", "nobody lives here", "village: kept whole"],
            reason_zh=[None, None, "被隔开", "无人居住", "自然村"],
        ),
        "buildings": frame(
            [box(x, 10, x + 8, 20) for x in (10, 30, 110, 130, 210, 410)], code=list("abcdef"),
            households=[10, 15, 20, 20, 12, 9], micro_grid=[*CODES[:1] * 2, *CODES[1:2] * 2, CODES[2], CODES[4]],
        ),
        "roads": frame(
            [shapely.LineString([(100, -10), (100, 110)]), shapely.LineString([(200, 0), (200, 100)])],
            **{"class": ["residential", "footway"]},
        ),
    } | changed  # fmt: skip
    known = {"settings": json.dumps({"split": {"households": [15, 25, 40]}}), "households_in": "86", "name": "小城"}
    with create_store(path, crs=CRS, **known, **(facts or {})) as store:
        store.write_all(frames.items())
        return measure_quality(store)


def test_figures_are_those_counted_by_hand(tmp_path: Path) -> None:
    quality = measured(tmp_path / "city.gpkg")
    city = quality.city
    assert (quality.band, quality.wish) == ((15, 25, 40), (20, 30))
    # the village of 9 and the park are counted apart
    assert (city.micro_grids, city.villages, city.special, city.unpeopled) == (3, 1, 0, 1)
    assert city.in_band == pytest.approx(2 / 3, abs=1e-4)
    assert (city.several, city.in_wish) == (2, 0.5)  # 25 and 40 are several buildings, 12 is one
    assert city.deviation == pytest.approx((0 + 15 + 13) / 25 / 3, abs=1e-4)
    assert (city.smallest, city.largest, city.out, city.silent) == (12, 40, 2, 0)
    assert city.compactness == pytest.approx(0.7854, abs=1e-4)
    assert city.on_lines == 0.25  # one of four common sides; a footway bounds nothing
    assert (quality.nested, quality.conserved, city.households) == (1.0, True, 86)
    assert quality.exceptions["code"].tolist() == [CODES[2], CODES[3], CODES[4]]


def test_communities_and_grids_have_figures_of_their_own(tmp_path: Path) -> None:
    quality = measured(tmp_path / "city.gpkg")
    assert [(item.code, item.name, item.households) for item in quality.grids] == [(GRID, "一", 77), (OTHER, "二", 9)]
    first, second = quality.grids
    assert first.on_lines == pytest.approx(1 / 3, abs=1e-4) and second.on_lines == 0.0
    assert second.micro_grids == 0 and second.in_band is None
    assert [item.households for item in quality.communities] == [86]


def test_what_is_wrong_shows(tmp_path: Path) -> None:
    units = [shapely.union_all([box(0, 0, 50, 100), box(60, 0, 100, 100)]), box(100, 0, 520, 100)]
    nothing = [None, None]
    wrong = frame(
        units, code=CODES[:2], households=[25, 60], kind=["base"] * 2, reason=nothing, reason_zh=nothing
    )
    quality = measured(tmp_path / "city.gpkg", micro_grids=wrong)
    assert quality.city.connected == 0.5 and quality.city.silent == 1
    assert quality.nested < 1 and not quality.conserved


def test_the_sentences_name_every_exception_with_people(tmp_path: Path) -> None:
    lines = measured(tmp_path / "city.gpkg").sentences()
    assert "66.7%" in lines[0] and "25.0% of the boundary" in lines[2]
    assert lines[3].startswith("whole city: (15, 25, 40) cannot be kept: at (250, 50), 12 households in e: cut off by")
    assert lines[3].endswith("nearest wish that works: (12, 25, 40)")
    assert [line.split()[0] for line in lines[4:]] == [CODES[2], CODES[4], CODES[1]]


def test_plain_figures_are_json(tmp_path: Path) -> None:
    told = json.loads(json.dumps(measured(tmp_path / "city.gpkg").to_dict(), allow_nan=False))
    assert told["exceptions"][0]["reason_zh"] == "被隔开"


def test_without_micro_grids_there_is_nothing_to_measure(tmp_path: Path) -> None:
    with create_store(tmp_path / "empty.gpkg", crs=CRS) as store, pytest.raises(MissingLayer):
        measure_quality(store)


def test_what_prevents_the_band_and_the_nearest_that_works_are_named_in_both_languages(tmp_path: Path) -> None:
    ((area, found),) = measured(tmp_path / "city.gpkg").nearest
    assert area == "" and [item.micro_grid for item in found.obstacles] == [CODES[2]]
    assert found.obstacles[0].buildings == ("e",)
    assert found.sentence_zh == "15-40户无法处处满足：(250, 50)处e共12户：被隔开；最接近的可行范围为12-40户（目标25户）"
    told = measured(tmp_path / "other.gpkg").to_dict()["nearest"][0]
    assert told["wish"] == [12, 25, 40] and told["sentence_zh"] == found.sentence_zh


def test_what_misses_the_wish_stands_in_a_list_of_its_own(tmp_path: Path) -> None:
    quality = measured(tmp_path / "city.gpkg")
    assert quality.missed["code"].tolist() == [CODES[1]] and quality.city.missed == 1
    assert [item.missed for item in quality.grids] == [1, 0]


def test_an_area_with_a_band_of_its_own_is_judged_by_that(tmp_path: Path) -> None:
    own = json.dumps({GRID: [10, 12, 30]})
    quality = measured(tmp_path / "city.gpkg", facts={"bands": own})
    first, _ = quality.grids
    assert quality.bands == {GRID: (10, 12, 30)}
    assert first.in_band == pytest.approx(2 / 3, abs=1e-4) and first.out == 1  # 25 and 12 hold, 40 does not
    assert first.deviation == pytest.approx((13 + 28 + 0) / 12 / 3, abs=1e-4)
    assert {area: found.wish for area, found in quality.nearest} == {"": Band(15, 25, 40), GRID: Band(10, 12, 40)}


def test_grids_and_communities_stand_beside_their_bands(tmp_path: Path) -> None:
    grids = frame(
        [box(0, 0, 300, 100), box(300, 0, 520, 100)], code=[GRID, OTHER], name=["一", "二"], households=[377, 120],
        kind=["base", "base"], reason=[None, "its community has no more"], reason_zh=[None, "户数不足"],
    )  # fmt: skip
    quality = measured(tmp_path / "city.gpkg", grids=grids)
    level = {item.level: item for item in quality.levels}["grids"]
    assert (level.counted, level.in_band, level.low, level.high, level.nested) == (2, 0.5, 300, 500, 0.5)
    assert level.deviation == pytest.approx((23 + 280) / 400 / 2, abs=1e-4)
    assert quality.level_exceptions["reason_zh"].tolist() == ["户数不足"]
    assert any(OTHER in line and "no more" in line for line in quality.sentences())


@pytest.mark.parametrize("seed", range(5))
def test_figures_of_many_areas_at_once_are_those_of_each_by_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, flags = 60, ("counted", "several", "lived", "holds", "wished", "missed", "village", "special", "one", "drawn",
                       "nested", "silent")  # fmt: skip
    table = pd.DataFrame({name: rng.random(rows) < 0.6 for name in flags})
    table["households"] = rng.integers(0, 50, rows)
    table["residents"] = pd.array([None if n < 40 else int(n) for n in rng.integers(0, 99, rows)], dtype="Int64")
    table["off"], table["round"] = rng.random(rows), rng.random(rows)
    number = rng.permutation(np.r_[0:12, rng.integers(0, 12, rows - 12)])
    table.loc[number == 3, ["counted", "several", "drawn"]] = False
    table.loc[number == 4, "residents"] = None
    lines = np.where(np.arange(12) == 5, np.nan, rng.random(12))
    found = shares_by([f"A{n}" for n in range(12)], [f"n{n}" for n in range(12)], number, table, lines)

    def mean(values: pd.Series) -> float | None:
        return round(float(values.mean()), 4) if len(values) else None

    for at, told in enumerate(found):
        part = table[number == at]
        counted, several = part[part["counted"]], part[part["several"]]
        people = part["residents"].sum(min_count=1)
        assert told == Shares(
            code=f"A{at}", name=f"n{at}", households=int(part["households"].sum()),
            residents=None if pd.isna(people) else int(people), micro_grids=len(counted),
            villages=int(part["village"].sum()), special=int(part["special"].sum()),
            unpeopled=int((~part["lived"]).sum()), in_band=mean(counted["holds"]), several=len(several),
            in_wish=mean(several["wished"]), deviation=mean(counted["off"]),
            smallest=int(counted["households"].min()) if len(counted) else None,
            largest=int(counted["households"].max()) if len(counted) else None,
            connected=mean(part["one"]), compactness=mean(part.loc[part["drawn"] & part["lived"], "round"]),
            on_lines=None if at == 5 else round(float(lines[at]), 4), nested=mean(part["nested"]),
            out=int((part["lived"] & ~part["holds"]).sum()), missed=int(part["missed"].sum()),
            silent=int(part["silent"].sum()),
        )  # fmt: skip
