"""The coverage table: counted by hand on four homes, its laws, and every wrong call.

    micro-grid 1: home a (30 households), home b (10)        micro-grid 2: home c (5), d (0: an office)
    micro-grid 3: nobody lives there                          home e lies in no micro-grid
"""

from __future__ import annotations

import itertools
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from gridmap.access.coverage import COLUMNS, STATUSES, coverage
from gridmap.access.held_to import limits
from gridmap.access.walk import nearest_facilities, walk_distances
from gridmap.norms import load_norms
from layers.errors import WrongCall
from layers.schema import layer

GRID = "330106001001001"
CODES = [f"{GRID}00{n}" for n in (1, 2, 3)]


@pytest.fixture
def micro_grids() -> pd.DataFrame:
    return pd.DataFrame({"code": CODES[::-1]})


@pytest.fixture
def homes() -> pd.DataFrame:
    return pd.DataFrame(
        {"micro_grid": [CODES[0], CODES[0], CODES[1], CODES[1], None],
         "households": pd.array([30, 10, 5, None, 99], dtype="Int64")},
        index=list("abcde"),
    )


@pytest.fixture
def metres() -> pd.DataFrame:
    return pd.DataFrame(
        {"market": [400.0, 600.0, 700.0, 1.0, 1.0], "nursery": [300.0, 299.0, np.nan, 10.0, 1.0]}, index=list("abcde")
    )


def test_counted_by_hand(micro_grids, homes, metres):
    table = coverage(micro_grids, homes, metres, {"market": 500, "nursery": 300, "toilet": 300})
    assert table["micro_grid"].tolist() == [code for code in CODES for _ in range(3)]
    assert table["kind"].tolist() == ["market", "nursery", "toilet"] * 3
    table = table.set_index(["micro_grid", "kind"])
    first = table.loc[(CODES[0], "market")]
    assert (first["norm_m"], first["households"], first["covered_households"], first["coverage"]) == (500, 40, 30, 0.75)
    assert (first["walk_m_mean"], first["walk_m_max"], first["status"]) == (450, 600, "partial")
    assert table.loc[(CODES[0], "nursery"), ["coverage", "status"]].tolist() == [1.0, "covered"]
    beyond = table.loc[(CODES[1], "market")]
    assert (beyond["households"], beyond["covered_households"], beyond["coverage"]) == (5, 0, 0)
    assert (beyond["walk_m_mean"], beyond["status"]) == (700, "gap")
    # no way to any nursery: a gap as well, with no walk to speak of
    unreached = table.loc[(CODES[1], "nursery")]
    assert (unreached["coverage"], unreached["status"]) == (0, "gap")
    assert unreached[["walk_m_mean", "walk_m_max"]].isna().all()


@pytest.mark.parametrize(("near", "status"), [(0, "gap"), (1, "partial"), (999, "partial"), (1000, "covered")])
def test_one_household_more_or_less_decides_the_status(near, status):
    homes = pd.DataFrame({"micro_grid": "1", "households": [near, 1000 - near]})
    table = coverage(pd.DataFrame({"code": ["1"]}), homes, pd.DataFrame({"market": [1.0, 900.0]}), {"market": 500})
    assert table.loc[0, ["covered_households", "status"]].tolist() == [near, status]


def test_what_nobody_knows_is_no_data(micro_grids, homes, metres):
    table = coverage(micro_grids, homes, metres, {"market": 500, "toilet": 300}).set_index(["micro_grid", "kind"])
    unmapped = table.loc[(CODES[0], "toilet")]
    assert (unmapped["households"], unmapped["status"]) == (40, "no_data")
    assert unmapped[["covered_households", "coverage", "walk_m_mean", "walk_m_max", "nearest"]].isna().all()
    empty = table.loc[(CODES[2], "market")]
    assert (empty["households"], empty["covered_households"], empty["status"]) == (0, 0, "no_data")
    assert pd.isna(empty["coverage"])


def test_columns_and_types_are_those_of_the_layer(micro_grids, homes, metres):
    table = coverage(micro_grids, homes, metres, load_norms())
    assert tuple(table.columns) == COLUMNS == tuple(column.name for column in layer("coverage"))
    assert table["households"].dtype == table["covered_households"].dtype == "Int64"
    assert set(table["status"]) <= set(STATUSES)
    assert len(table) == 3 * len(load_norms().with_distance())
    assert not table.duplicated(["micro_grid", "kind"]).any()


def test_the_norms_distance_goes_before_the_proposal_and_unchecked_stays_unverified(micro_grids, homes, tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text(
        "norms:\n- {key: market, zh: 菜场, en: M, group: daily, source: x, distance_m: 800, verified: true}\n"
        "- {key: canteen, zh: 食堂, en: C, group: care, source: x, proposed_m: 250, verified: true}\n"
        "- {key: parking, zh: 停车, en: P, group: daily, source: x}\n", encoding="utf-8",
    )
    walks = pd.DataFrame({"market": 700.0, "canteen": 300.0, "parking": 1.0}, index=homes.index)
    table = coverage(micro_grids, homes, walks, load_norms(path))
    first = table[table["micro_grid"] == CODES[0]].set_index("kind")
    assert first["norm_m"].to_dict() == {"canteen": 250, "market": 800}
    assert first["verified"].to_dict() == {"canteen": False, "market": True}
    assert first["status"].to_dict() == {"canteen": "gap", "market": "covered"}


def test_nearest_is_the_facility_of_most_households(micro_grids, homes, metres):
    leads = pd.DataFrame({"market": ["m2", "m1", "m9", "m0", "m0"], "nursery": ["n1", "n2", None, None, None]},
                         index=list("abcde"))
    table = coverage(micro_grids, homes, metres, {"market": 500, "nursery": 300}, nearest=leads)
    nearest = table.set_index(["micro_grid", "kind"])["nearest"]
    assert nearest.loc[(CODES[0], "market")] == "m2"
    assert nearest.loc[(CODES[1], "market")] == "m9"
    assert nearest.loc[[(CODES[1], "nursery"), (CODES[2], "market")]].isna().all()
    homes = homes.assign(households=[10, 10, 5, 0, 0])
    tie = coverage(micro_grids, homes, metres, {"market": 500}, nearest=leads).set_index("micro_grid")["nearest"]
    assert tie.loc[CODES[0]] == "m1"
    assert coverage(micro_grids, homes, metres, {"market": 500})["nearest"].isna().all()


def test_a_walk_of_exactly_the_norm_is_within_it_whatever_the_last_digit(micro_grids, homes, metres):
    walks = metres.assign(market=500 * (1 + 1e-12))
    assert coverage(micro_grids, homes, walks, {"market": 500})["status"].tolist()[0] == "covered"
    assert coverage(micro_grids, homes, metres.assign(market=500.001), {"market": 500})["status"].tolist()[0] == "gap"


def test_basis_comes_from_the_walks_or_from_the_caller(micro_grids):
    homes = gpd.GeoDataFrame({"micro_grid": [CODES[0]], "households": [3]}, geometry=[Point(0, 0)], crs="EPSG:4549")
    shop = gpd.GeoDataFrame({"kind": ["market"], "code": ["m"]}, geometry=[Point(90, 0)], crs="EPSG:4549")
    street = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (90, 0)])], crs="EPSG:4549")
    for roads, basis in ((street, "network"), (None, "straight_line")):
        metres, which = nearest_facilities(homes, shop, roads)
        table = coverage(micro_grids, homes, metres, {"market": 500}, nearest=which)
        assert set(table["basis"]) == {basis}
        assert table.loc[0, ["nearest", "status"]].tolist() == ["m", "covered"]
    plain = pd.DataFrame({"market": [1.0]})
    assert set(coverage(micro_grids, homes, plain, {"market": 5}, basis="straight_line")["basis"]) == {"straight_line"}


def test_distances_are_matched_by_label_and_nothing_given_is_changed(micro_grids, homes, metres):
    before = homes.copy(), metres.copy(), micro_grids.copy()
    table = coverage(micro_grids, homes, metres, {"market": 500, "nursery": 300})
    shuffled = coverage(
        micro_grids.sample(frac=1, random_state=1), homes.sample(frac=1, random_state=2),
        metres.sample(frac=1, random_state=3), {"nursery": 300, "market": 500},
    )
    pd.testing.assert_frame_equal(shuffled, table)
    for frame, old in zip((homes, metres, micro_grids), before, strict=True):
        pd.testing.assert_frame_equal(frame, old)


def test_no_micro_grids_no_homes_no_norms(micro_grids, homes, metres):
    assert len(coverage(micro_grids.iloc[:0], homes, metres, {"market": 500})) == 0
    assert coverage(micro_grids, homes.iloc[:0], metres, {"market": 500})["status"].tolist() == ["no_data"] * 3
    none = coverage(micro_grids, homes, metres, {})
    assert (len(none), tuple(none.columns)) == (0, COLUMNS)


# ---- laws


@given(
    walks=st.lists(st.one_of(st.floats(0, 900), st.none()), min_size=4, max_size=12),
    people=st.lists(st.integers(0, 60), min_size=12, max_size=12),
    norm=st.floats(1, 900), more=st.floats(0, 500), seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_laws_of_coverage(walks, people, norm, more, seed):
    rng = np.random.default_rng(seed)
    count = len(walks)
    homes = pd.DataFrame({"micro_grid": rng.choice(CODES, count), "households": people[:count]})
    metres = pd.DataFrame({"market": pd.array(walks, dtype="Float64").to_numpy(dtype=float, na_value=np.nan)})
    table = coverage(pd.DataFrame({"code": CODES}), homes, metres, {"market": norm})
    known = table["coverage"].dropna()
    assert known.between(0, 1).all()
    assert (table["covered_households"] <= table["households"]).all()
    assert table["households"].sum() == homes["households"].sum()
    # a larger norm never lowers it; nor does a facility more, which can only shorten walks
    wider = coverage(pd.DataFrame({"code": CODES}), homes, metres, {"market": norm + more})
    assert (wider["covered_households"] >= table["covered_households"]).all()
    nearer = metres.fillna(1000) * rng.uniform(0, 1, (count, 1))
    shorter = coverage(pd.DataFrame({"code": CODES}), homes, nearer, {"market": norm})
    assert (shorter["covered_households"] >= table["covered_households"]).all()
    # the whole is the mean of its parts, weighted by households
    whole = coverage(pd.DataFrame({"code": ["all"]}), homes.assign(micro_grid="all"), metres, {"market": norm}).iloc[0]
    if homes["households"].sum():
        assert whole["coverage"] == pytest.approx(np.average(table["coverage"].fillna(0), weights=table["households"]))
    assert whole["covered_households"] == table["covered_households"].sum()


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_a_facility_more_never_lowers_coverage_on_streets(seed):
    rng = np.random.default_rng(seed)
    streets = gpd.GeoDataFrame(geometry=[LineString(rng.uniform(0, 400, (3, 2))) for _ in range(6)], crs="EPSG:4549")
    homes = gpd.GeoDataFrame(
        {"micro_grid": rng.choice(CODES, 8), "households": rng.integers(0, 30, 8)},
        geometry=gpd.points_from_xy(*rng.uniform(0, 400, (2, 8))), crs="EPSG:4549",
    )
    sites = gpd.GeoDataFrame(
        {"kind": ["market"] * 3}, geometry=gpd.points_from_xy(*rng.uniform(0, 400, (2, 3))), crs="EPSG:4549"
    )
    walks = [walk_distances(homes, sites.iloc[:count], streets) for count in (1, 2, 3)]
    covered = [coverage(pd.DataFrame({"code": CODES}), homes, metres, {"market": 300}) for metres in walks]
    for fewer, more in itertools.pairwise(covered):
        assert (more["covered_households"] >= fewer["covered_households"]).all()


# ---- wrong calls


def test_wrong_calls_are_refused(micro_grids, homes, metres):
    with pytest.raises(WrongCall, match="building 'e' has no row in distances"):
        coverage(micro_grids, homes, metres.drop(index="e"), {"market": 500})
    with pytest.raises(WrongCall, match="building 'e' has no row in nearest"):
        coverage(micro_grids, homes, metres, {"market": 500}, nearest=metres.astype(str).drop(index="e"))
    with pytest.raises(WrongCall, match="label 'a' stands twice in the index of distances"):
        coverage(micro_grids, homes, pd.concat([metres, metres.loc[["a"]]]), {"market": 500})
    with pytest.raises(WrongCall, match="distances must be a frame"):
        coverage(micro_grids, homes, metres["market"], {"market": 500})
    with pytest.raises(WrongCall, match="no column 'micro_grid'"):
        coverage(micro_grids, homes.drop(columns="micro_grid"), metres, {"market": 500})
    with pytest.raises(WrongCall, match="no column 'households'"):
        coverage(micro_grids, homes.drop(columns="households"), metres, {"market": 500})
    with pytest.raises(WrongCall, match="holds what is no number"):
        coverage(micro_grids, homes.assign(households="many"), metres, {"market": 500})
    with pytest.raises(WrongCall, match="a count below 0"):
        coverage(micro_grids, homes.assign(households=-1), metres, {"market": 500})
    with pytest.raises(WrongCall, match="no column 'code'"):
        coverage(micro_grids.rename(columns={"code": "id"}), homes, metres, {"market": 500})
    with pytest.raises(WrongCall, match="missing or stands twice"):
        coverage(micro_grids.assign(code="1"), homes, metres, {"market": 500})


@pytest.mark.parametrize("metres", [0, -5, math.inf, math.nan, "300", True, None])
def test_a_norm_that_is_no_length_is_refused(metres):
    with pytest.raises(WrongCall, match="the norm for market must be metres above 0"):
        limits({"market": metres})


def test_norms_of_another_kind_are_refused():
    with pytest.raises(WrongCall, match=r"norms must come from load_norms\(\) or be \{kind: metres\}, not list"):
        limits(["market"])
