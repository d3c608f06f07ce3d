"""Coverage of every level and group, capacity, hours and completeness: counted by hand, by PySAL, and their laws."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

from gridmap.access.barriers import build_barriers
from gridmap.access.catchment import COLUMNS, STEPS, accessibility, two_step
from gridmap.access.completeness import completeness, unknown_not_gap
from gridmap.access.coverage import coverage
from gridmap.access.gaps import find_gaps
from gridmap.access.hours import coverage_hours, open_hours
from gridmap.access.levels import LEVELS, coverage_levels
from gridmap.access.network import build_network
from gridmap.access.reasons import Explainer
from gridmap.access.walk import nearest_facilities, walk_pairs
from layers.errors import WrongCall
from layers.schema import layer

ONE, TWO = "330106001001", "330106001002"
CODES = [f"{ONE}001001", f"{ONE}001002", f"{TWO}001001"]


def homes() -> pd.DataFrame:
    return pd.DataFrame({
        "micro_grid": [CODES[0], CODES[0], CODES[1], CODES[2]], "households": [30, 10, 20, 40],
        "residents": [90, 20, 60, 100], "aged_80": [3, 5, 0, 2],
    })


UNITS = pd.DataFrame({"code": CODES})


def test_needs_and_levels_counted_by_hand():
    table = coverage_levels(UNITS, homes(), pd.DataFrame({"market": [100.0, 600, 500, np.nan]}), {"market": 500})
    assert tuple(table.columns) == tuple(column.name for column in layer("coverage_levels"))
    rows = table.set_index("code")
    assert rows.loc[ONE, ["households", "covered_households", "coverage"]].tolist() == [60, 50, 50 / 60]
    assert rows.loc[ONE, ["aged_80", "covered_aged_80", "residents", "covered_residents"]].tolist() == [8, 3, 170, 150]
    assert rows.loc[TWO, ["coverage", "status"]].tolist() == [0, "gap"]
    assert rows.loc["330106", ["level", "households", "covered_households"]].tolist() == ["districts", 100, 50]
    assert rows["living_alone"].isna().all()
    assert rows.loc[CODES[0], "minutes_mean"] == pytest.approx((30 * 100 + 10 * 600) / 40 / 60)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_whole_is_the_mean_of_its_parts_and_micro_grids_agree_with_the_coverage_table(seed):
    rng = np.random.default_rng(seed)
    houses = pd.DataFrame({"micro_grid": rng.choice(CODES, 9), "households": rng.integers(0, 9, 9)})
    metres = pd.DataFrame({"market": np.where(rng.random(9) < 0.2, np.nan, rng.uniform(0, 900, 9))})
    table = coverage_levels(UNITS, houses, metres, {"market": 500}).set_index("code")
    plain = coverage(UNITS, houses, metres, {"market": 500}).set_index("micro_grid")
    pd.testing.assert_series_equal(table.loc[CODES, "coverage"], plain.loc[CODES, "coverage"], check_names=False)
    assert table.loc[CODES, "status"].tolist() == plain.loc[CODES, "status"].tolist()
    for whole in (ONE, "330106"):
        parts = table.loc[[code for code in CODES if code.startswith(whole)]]
        if parts["households"].sum():
            mean = np.average(parts["coverage"].fillna(0), weights=parts["households"].astype(float))
            assert table.loc[whole, "coverage"] == pytest.approx(mean)


def test_unmapped_is_not_a_gap():
    shops = pd.DataFrame({"kind": ["shops"] * 40 + ["market"], "micro_grid": [CODES[0]] * 41})
    known = completeness(homes(), shops, ["market", "toilet"], complete=())
    states = known.set_index(["code", "kind"])["state"]
    assert states.to_dict() == {
        (ONE, "market"): "mapped", (TWO, "market"): "unmapped", (ONE, "toilet"): "unmapped", (TWO, "toilet"): "unmapped"
    }
    metres = pd.DataFrame({"market": [100.0, 600, 700, 900]})
    table = unknown_not_gap(coverage(UNITS, homes(), metres, {"market": 500}), known)
    assert table["status"].tolist() == ["partial", "gap", "no_data"]
    assert table["coverage"].isna().tolist() == [False, False, True]
    levels = coverage_levels(UNITS, homes(), metres, {"market": 500}, completeness=known).set_index("code")
    assert levels.loc["330106", ["unknown_households", "coverage"]].tolist() == [40, 0.5]
    assert levels.loc[TWO, "status"] == "no_data"
    # a full register says otherwise
    sure = completeness(homes(), shops, ["market"], complete=["market"])
    assert set(sure["state"]) == {"complete"}
    assert unknown_not_gap(coverage(UNITS, homes(), metres, {"market": 500}), sure)["status"].tolist()[2] == "gap"


def test_capacity_is_shared_and_overlap_counted():
    pairs = pd.DataFrame({
        "building": [0, 1, 1, 2], "facility": ["a", "a", "b", "b"], "metres": [100.0, 450, 300, 499],
    })
    sites = pd.DataFrame({"code": ["a", "b"], "kind": "canteen", "capacity": [170, None]})
    table = accessibility(UNITS, homes(), sites, pairs, {"canteen": 500}).set_index("micro_grid")
    assert tuple(table.reset_index().columns) == COLUMNS == tuple(column.name for column in layer("accessibility"))
    # a: 170 meals for 110 people, b (the median) for 80
    a, b = 170 / 110, 170 / 80
    assert table.loc[CODES[0], "per_1000"] == pytest.approx(1000 * (90 * a + 20 * (a + b)) / 110)
    assert table.loc[CODES[1], "per_1000"] == pytest.approx(1000 * b)
    assert table.loc[CODES[0], ["served_once", "served_several", "supply_known"]].tolist() == [30, 10, 0.5]
    assert table.loc[CODES[2], ["served_once", "per_1000", "facilities_mean"]].tolist() == [0, 0, 0]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_all_supply_that_somebody_reaches_is_given_away(seed):
    rng = np.random.default_rng(seed)
    demand, supply = rng.integers(1, 50, 12).astype(float), rng.uniform(1, 9, 4)
    place, facility = np.nonzero(rng.random((12, 4)) < 0.4)
    metres = rng.uniform(0, 900, len(place))
    for steps in ({900.0: 1.0}, {900 * at: weight for at, weight in STEPS.items()}):
        shares = two_step(demand, supply, (place, facility), metres, steps=steps)
        assert (shares * demand).sum() == pytest.approx(supply[np.unique(facility)].sum())


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Mo-Fr 08:00-18:00; Sa 09:00-12:00", [10] * 5 + [3, 0]), ("24/7", [24] * 7), ("全天", [24] * 7),
        ("周一至周五 8:30-17:30，周末休息", [9] * 5 + [0, 0]), ("8:00-12:00,14:00-18:00", [8] * 7),
        ("Mo-Su 20:00-02:00", [6] * 7), ("Fr 22:00-02:00", [0] * 4 + [2, 2, 0]),
        ("Mo,We 10:00-12:00", [2, 0, 2] + [0] * 4),
        ("9:00-17:00（周一闭馆）", [0] + [8] * 6), ("工作日9点-17点", [8] * 5 + [0, 0]),
        ("Mo-Sa 8:00-20:00; PH off", [12] * 6 + [0]),
        ("sunrise-sunset", None), ("", None), (None, None), ("Mo-Fr 08:00-18:00 by appointment", None),
    ],
)
def test_opening_hours_as_they_are_written(text, hours):
    week = open_hours(text)
    assert (None if week is None else week.sum(axis=1).tolist()) == hours


def test_a_canteen_that_is_closed_serves_nobody():
    pairs = pd.DataFrame({"building": [0, 3, 3], "facility": ["a", "a", "b"], "metres": [100.0, 100, 100]})
    sites = pd.DataFrame({"code": ["a", "b"], "kind": "canteen", "hours": ["Mo-Fr 11:00-13:00", "?"]})
    table = coverage_hours(homes(), sites, pairs, {"canteen": 500}, digits=12).set_index(["code", "day", "hour"])
    assert table.loc[(ONE, 1, 12), ["covered_households", "coverage", "facilities_open"]].tolist() == [30, 0.5, 1]
    assert table.loc[(TWO, 5, 11), "covered_households"] == 40
    assert table.loc[(TWO, 6, 12), "covered_households"] == table.loc[(TWO, 1, 13), "covered_households"] == 0
    assert set(table["facilities_unknown"]) == {1}


def test_a_gap_says_why_and_where_a_facility_would_close_it():
    streets = [LineString([(0, 0), (400, 0)]), LineString([(0, 100), (400, 100)]), LineString([(400, 0), (400, 100)])]
    roads = gpd.GeoDataFrame(geometry=streets, crs="EPSG:4549")
    river = gpd.GeoDataFrame({"kind": ["river"]}, geometry=[LineString([(-50, 50), (390, 50)])], crs="EPSG:4549")
    network = build_network(roads, barriers=build_barriers(water=river))
    houses = gpd.GeoDataFrame({"households": [20, 15, 9]}, geometry=[Point(50, -5), Point(90, -5), Point(50, 110)],
                              crs="EPSG:4549")
    site = gpd.GeoDataFrame({"kind": ["canteen"], "code": ["c1"], "name": ["Noon"]}, geometry=[Point(60, 105)],
                            crs="EPSG:4549")
    metres, which = nearest_facilities(houses, site, network)
    explainer = Explainer(houses, network, site, which, {"canteen": ("食堂", "Canteen")})
    gaps = find_gaps(houses, metres, {"canteen": 300}, explainer=explainer)
    assert gaps["households"].tolist() == [35]
    gap = gaps.iloc[0]
    assert (gap["nearest"], gap["between"]) == ("c1", "river")
    said = "the nearest canteen (Noon) is 783 m on foot, 110 m straight, a river between"
    assert gap["reason"] == said + "; the map has only 1 of the kind"
    assert gap["reason_zh"] == "最近的食堂（Noon）步行783米，直线110米，隔河流；全市地图上只有1处"
    assert (gap["closing_households"], gap["closing_y"]) == (35, 0)
    assert 50 <= gap["closing_x"] <= 90


def test_a_reason_says_where_the_map_ends_and_names_no_nameless_thing():
    roads = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (2000, 0)])], crs="EPSG:4549")
    houses = gpd.GeoDataFrame({"households": [20, 20]}, geometry=[Point(10, 5), Point(900, 5)], crs="EPSG:4549")
    sites = gpd.GeoDataFrame({"kind": ["canteen"] * 3, "code": list("abc"), "name": ["canteen", None, " "]},
                             geometry=[Point(x, 5) for x in (1990, 1995, 1999)], crs="EPSG:4549")
    network = build_network(roads)
    metres, which = nearest_facilities(houses, sites, network)
    explainer = Explainer(houses, network, sites, which, {"canteen": ("食堂", "Canteen")})
    outline = box(-100, -500, 2100, 500)
    gaps = find_gaps(houses, metres, {"canteen": 300}, explainer=explainer, outline=outline).sort_values("straight_m")
    assert gaps["reason"].tolist() == [
        "the nearest canteen is 1100 m on foot",
        "the nearest canteen is 1990 m on foot; the edge of the map is 110 m away, what lies beyond is not known",
    ]
    assert gaps["reason_zh"].iloc[1] == "最近的食堂步行1990米；离边界110米，界外情况不明"


def test_a_city_of_one_community_is_held_to_what_is_usual():
    def states(households: int, mapped: int) -> set[str]:
        homes = pd.DataFrame({"micro_grid": ["330106001001001001"], "households": [households]})
        things = pd.DataFrame({"kind": ["shops"] * mapped, "micro_grid": ["330106001001001001"] * mapped})
        return set(completeness(homes, things, ["shops"])["state"])

    # 5 for each 1,000 households would be usual: 20 for 4,000
    assert states(4000, 1) == {"unmapped"} and states(4000, 5) == {"thin"} and states(4000, 19) == {"mapped"}
    # few households say nothing
    assert states(400, 1) == {"mapped"}


def test_wrong_calls():
    with pytest.raises(WrongCall, match="there is no level 'wards'"):
        coverage_levels(UNITS, homes(), pd.DataFrame({"market": [1.0] * 4}), {"market": 5}, levels=("wards",))
    with pytest.raises(WrongCall, match="pairs have no column 'metres'"):
        none = pd.DataFrame(columns=["building", "facility", "code", "kind"])
        accessibility(UNITS, homes(), none, none, {})
    with pytest.raises(WrongCall, match="facilities have no column 'micro_grid'"):
        completeness(homes(), pd.DataFrame({"kind": []}), [])
    with pytest.raises(WrongCall, match="pairs without a limit"):
        walk_pairs(gpd.GeoDataFrame(), gpd.GeoDataFrame(), None, limit_m=None)
    assert list(LEVELS.values()) == [6, 9, 12, 15, 18]
