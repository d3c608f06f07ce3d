"""The public page: closed by default; open, it tells no small number and nobody's name."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.publishing import LEAST, ROUND_HOUSEHOLDS, ROUND_SHARE, shown_coverage
from gridmap.stores import open_store
from tests.webapp.small_city import GRIDS


def test_it_is_closed_unless_the_city_opens_it(fresh: Callable[..., Flask]) -> None:
    for path in ("/public", "/public/canteen.png"):
        assert fresh().test_client().get(path).status_code == 404
        assert fresh(PUBLIC_PAGE=True).test_client().get(path).status_code == 200


def test_open_it_shows_grids_and_facilities_and_no_people(fresh: Callable[..., Flask]) -> None:
    app = fresh(PUBLIC_PAGE=True, MAP_APPROVAL="审图号 示例(2026)1号")
    page = app.test_client().get("/public?kind=canteen").text
    assert all(f"网格{code}" in page for code in GRIDS) and "50%" in page and "食堂" in page and "审图号 示例" in page
    assert not re.search(r"员99|长99|13900000000|138\d{8}|路灯|某号", page)
    assert "微网格99" not in page
    # anything else stays behind the door
    for path in ("/", "/search", "/data/facilities.geojson", "/export"):
        assert app.test_client().get(path).status_code in (302, 401)
    assert app.test_client().get("/public/nothing.png").status_code == 404


def test_a_kind_that_is_not_there_is_another_one(fresh: Callable[..., Flask]) -> None:
    page = fresh(PUBLIC_PAGE=True).test_client().get("/public?kind=<script>").text
    assert "<script>" not in page.replace('<script nonce', "")


def test_a_change_of_the_city_shows(fresh: Callable[..., Flask]) -> None:
    app = fresh(PUBLIC_PAGE=True)
    client = app.test_client()
    assert "50%" in client.get("/public").text
    with open_store(app.config["CITY"]) as store:
        coverage = store.read("coverage")
        store.write("coverage", coverage.assign(covered_households=coverage["households"], status="covered"))
    assert "100%" in client.get("/public").text and "50%" not in client.get("/public").text


def pairs(row: dict[str, object]) -> list[tuple[int, int]]:
    """Everything that a reader of a published row can think of: (households, reached), not knowing the rule."""
    if row["households"] is None or pd.isna(row["households"]):
        return []
    middle = int(str(row["households"]))
    around = range(max(0, middle - ROUND_HOUSEHOLDS // 2), middle + ROUND_HOUSEHOLDS // 2 + 1)
    share = float(str(row["coverage"]))
    return [
        (households, reached) for households in around for reached in range(households + 1)
        if households and abs(reached / households - share) <= ROUND_SHARE / 2 + 1e-9
    ]


counts = st.integers(0, 60).flatmap(lambda households: st.tuples(st.just(households), st.integers(0, households)))


@settings(max_examples=150, deadline=None)
@given(st.lists(counts, min_size=1, max_size=12))
def test_no_count_below_five_can_be_told_or_worked_out(units: list[tuple[int, int]]) -> None:
    table = pd.DataFrame({
        "micro_grid": [f"510504001001{n // 3 + 1:03d}{n % 3 + 1:03d}" for n in range(len(units))], "kind": "canteen",
        "norm_m": 300.0, "verified": True, "households": [unit[0] for unit in units],
        "covered_households": [unit[1] for unit in units], "status": "partial",
    })  # fmt: skip
    shown = shown_coverage(table)
    true = table.assign(grid=table["micro_grid"].str[:15]).groupby("grid")[["households", "covered_households"]].sum()
    for row in shown.to_dict("records"):
        households, reached = true.loc[row["micro_grid"]]
        small = any(0 < count < LEAST for count in (households, reached, households - reached))
        assert pd.isna(row["coverage"]) == (small or households == 0)
        if 0 < households < LEAST:
            assert pd.isna(row["households"])
        if not small and households:
            thought = pairs(row)
            assert (households, reached) in thought
            # a reader is left with more than one answer: nothing exact to subtract from another figure
            assert len(thought) > 1 and len({pair[0] for pair in thought}) > 1


def test_totals_hold_what_is_shown_alone(fresh: Callable[..., Flask]) -> None:
    from geopandas import GeoDataFrame

    from gridmap.publishing import Published

    table = pd.DataFrame({
        "micro_grid": ["510504001001001", "510504001001002"], "kind": "canteen",
        "households": pd.array([100, 40], dtype="Int64"), "coverage": [0.5, np.nan], "status": ["partial", "hidden"],
    })
    total = Published(grids=GeoDataFrame(), coverage=table, facilities=GeoDataFrame()).total("canteen")
    assert total == {"households": 100, "coverage": 0.5, "hidden": 1}
