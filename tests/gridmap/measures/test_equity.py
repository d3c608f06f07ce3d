"""Equity against the definitions written out, and laws that any such measure keeps."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.measures import equity_table, gini, lorenz, say_equity, theil
from layers.errors import WrongCall

UNITS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from("abc")), min_size=1, max_size=12)


@given(UNITS)
def test_gini_is_the_mean_difference_between_any_two_people(units):
    value, weight = np.array([u[0] for u in units], float), np.array([u[1] for u in units])
    people = np.repeat(value, weight)
    if not people.sum():
        assert math.isnan(gini(value, weight))
        return
    plain = np.abs(people[:, None] - people[None]).mean() / (2 * people.mean())
    assert gini(value, weight) == pytest.approx(plain, abs=1e-9)
    assert gini(value * 3, weight) == pytest.approx(plain, abs=1e-9)
    curve = lorenz(value, weight)
    assert (curve["share"] <= curve["people"] + 1e-12).all()
    assert curve.iloc[-1].tolist() == pytest.approx([1, 1])


@given(UNITS)
def test_theil_is_its_definition_and_its_parts_add_up(units):
    value, weight = np.array([u[0] for u in units], float), np.array([u[1] for u in units])
    group = [u[2] for u in units]
    people = np.repeat(value, weight)
    total, between, within = theil(value, weight, group)
    if not people.sum():
        assert math.isnan(total)
        return
    ratio = people / people.mean()
    plain = np.mean([r * math.log(r) if r else 0 for r in ratio])
    assert total == pytest.approx(plain, abs=1e-9)
    assert between + within == pytest.approx(total, abs=1e-9)
    # each group levelled out: what is left is between groups
    mean = pd.Series(people).groupby(np.repeat(group, weight)).transform("mean").to_numpy()
    assert between == pytest.approx(theil(mean)[0], abs=1e-9)


def test_the_table_and_the_page_tell_who_has_least():
    codes = [f"33048300100{community}001{n:03d}" for community in (1, 2) for n in (1, 2)]
    units = pd.DataFrame({"code": codes, "households": [10, 10, 20, 0], "aged_80": [0, 0, 5, 0]})
    coverage = pd.DataFrame({
        "micro_grid": codes * 2, "kind": ["canteen"] * 4 + ["nursery"] * 4,
        "coverage": [1.0, 0.5, 0.0, None, None, None, None, None],
    })
    table = equity_table(coverage, units).set_index("group")
    assert table["kind"].tolist() == ["canteen", "canteen"]
    assert table.loc["households", ["people", "covered"]].tolist() == [40, 0.375]
    assert table.loc["households", ["worst_community", "worst"]].tolist() == ["330483001002", 0]
    assert table.loc["aged_80", "covered"] == 0 and math.isnan(table.loc["aged_80", "gini"])
    page = say_equity(table.reset_index(), titles={"canteen": "社区食堂"})
    assert "社区食堂: 40 户中 37.5%" in page and "330483001002, 0.0%" in page and "80岁以上 0.0%" in page
    named = say_equity(table.reset_index(), titles={}, lang="en", names={"330483001002": "East"})
    assert "Least: East with 0.0%" in named and "aged 80 and over 0.0%" in named
    assert "unevenly spread" in say_equity(table.reset_index(), titles={}, lang="en")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_the_table_is_what_each_row_says_by_itself(seed):
    rng = np.random.default_rng(seed)
    codes = [f"33048300100{community}001{n:03d}" for community in (1, 2, 3) for n in range(3)]
    units = pd.DataFrame({"code": codes, "households": pd.array(rng.integers(0, 9, 9), dtype="Int64")}).sample(
        frac=1, random_state=seed
    )
    units["aged_80"] = pd.array([None if n < 2 else int(n) for n in rng.integers(0, 6, 9)], dtype="Int64")
    rows = pd.DataFrame({
        "micro_grid": np.tile([*codes[1:], "330483999001001001"], 2), "kind": np.repeat(["park", "canteen"], 9),
        "coverage": np.where(rng.random(18) < 0.3, np.nan, rng.integers(0, 4, 18) / 3),
    }).sample(frac=1, random_state=seed)  # fmt: skip
    told = {(row["kind"], row["group"]): row for row in equity_table(rows, units).to_dict("records")}
    count = 0
    for kind in ("canteen", "park"):
        for group in ("households", "aged_80"):
            joined = rows[rows["kind"] == kind].merge(units, left_on="micro_grid", right_on="code").dropna(
                subset=["coverage", group]
            )
            joined = joined[joined[group] > 0].sort_values("code")
            if joined.empty:
                assert (kind, group) not in told
                continue
            count += 1
            row, people = told[kind, group], joined[group].astype(float)
            assert row["people"] == people.sum()
            assert row["covered"] == pytest.approx((people * joined["coverage"]).sum() / people.sum())
            assert row["gini"] == pytest.approx(gini(joined["coverage"], people), nan_ok=True)
            total, between, _ = theil(joined["coverage"], people, joined["code"].str[:12])
            assert row["theil"] == pytest.approx(total, nan_ok=True)
            assert row["theil_between"] == pytest.approx(between, nan_ok=True)
            by = (people * joined["coverage"]).groupby(joined["code"].str[:12]).sum() / people.groupby(
                joined["code"].str[:12]
            ).sum()
            assert row["worst"] == pytest.approx(by.min()) and by[row["worst_community"]] == pytest.approx(by.min())
    assert len(told) == count


def test_wrong_calls():
    with pytest.raises(WrongCall, match="one number a unit"):
        gini([1, 2], [1])
    with pytest.raises(WrongCall, match="0 or more"):
        theil([-1.0])
    with pytest.raises(WrongCall, match="coverage have no column 'kind'"):
        equity_table(pd.DataFrame({"micro_grid": []}), pd.DataFrame({"code": [], "households": []}))
