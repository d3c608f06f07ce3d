"""Levels within one another."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from layers.nesting import check_nesting
from layers.sample import town


def level(shapes: list, codes: list[str | None] | None = None, **more: list) -> gpd.GeoDataFrame:
    columns = {} if codes is None else {"code": codes}
    return gpd.GeoDataFrame(columns | more, geometry=shapes, crs=4549)


STREET = level([shapely.box(0, 0, 100, 100)], ["330106001"])


def found(**levels: gpd.GeoDataFrame) -> list[tuple[str, str, str]]:
    return [(item.layer, item.rule, item.what) for item in check_nesting(levels)]


def test_the_drawn_town_nests() -> None:
    assert found(**town()) == []


def test_a_full_cover_is_no_finding() -> None:
    halves = level([shapely.box(0, 0, 50, 100), shapely.box(50, 0, 100, 100)], ["330106001001", "330106001002"])
    assert found(streets=STREET, communities=halves) == []


@pytest.mark.parametrize(("over", "expected"), [(0.00009, 0), (0.00011, 1)])
def test_overlaps_count_from_a_hundredth_of_a_square_metre(over: float, expected: int) -> None:
    halves = level([shapely.box(0, 0, 50 + over, 100), shapely.box(50, 0, 100, 100)], ["330106001001", "330106001002"])
    assert len(found(streets=STREET, communities=halves)) == expected


@pytest.mark.parametrize(("beyond", "expected"), [(0.009, 0), (0.011, 1)])
def test_reaching_out_counts_from_one_square_metre(beyond: float, expected: int) -> None:
    whole = level([shapely.box(0, 0, 100 + beyond, 100)], ["330106001001"])
    assert len(found(streets=STREET, communities=whole)) == expected


def test_areas_and_codes_are_said() -> None:
    parts = level(
        [shapely.box(0, 0, 60, 100), shapely.box(50, 0, 110, 100), shapely.box(500, 0, 510, 10)],
        ["330106001001", "330106001002", "440000001001"], source_row=[2, 3, 4],
    )  # fmt: skip
    assert found(streets=STREET, communities=parts) == [
        ("communities", "overlap", "330106001001 and 330106001002 overlap by 1000.00 m2"),
        ("communities", "no_parent", "440000001001 (100.0 m2) lies in no unit of streets"),
        ("communities", "outside_parent", "1000.0 m2 of 330106001002 lie outside 330106001 of streets"),
    ]
    assert [item.row for item in check_nesting({"communities": parts})] == [3]


def test_ground_left_free_is_a_note() -> None:
    part = level([shapely.box(0, 0, 100, 60)], ["330106001001"])
    findings = check_nesting({"streets": STREET, "communities": part})
    assert [(item.layer, item.rule, item.level, item.code) for item in findings] == [
        ("streets", "not_filled", "note", "330106001")
    ]
    assert findings.items[0].what == "4000.0 m2 of 330106001 are in none of its communities"


def test_parent_column_wins_over_code_and_code_over_place() -> None:
    streets = level([shapely.box(0, 0, 50, 100), shapely.box(50, 0, 100, 100)], ["330106001", "330106002"])
    here = [shapely.box(50, 0, 100, 100)]
    by_code = found(streets=streets, communities=level(here, ["330106001001"]))
    assert [text for _, rule, text in by_code if rule == "outside_parent"] == [
        "5000.0 m2 of 330106001001 lie outside 330106001 of streets"
    ]
    right = level(here, ["330106001001"], parent=["330106002"])
    assert [r for _, r, _ in found(streets=streets, communities=right)] == []
    assert [r for _, r, _ in found(streets=streets, communities=level(here, [None]))] == []
    assert [r for _, r, _ in found(streets=streets, communities=level(here))] == []


def test_a_missing_level_is_stepped_over() -> None:
    grid = level([shapely.box(90, 0, 110, 100)], ["330106001001001"])
    assert ("grids", "outside_parent", "1000.0 m2 of 330106001001001 lie outside 330106001 of streets") in found(
        streets=STREET, grids=grid
    )


def test_a_stack_shares_its_ground() -> None:
    floors = level([shapely.box(0, 0, 9, 9)] * 2, ["a", "b"], stack=["s", "s"])
    assert found(micro_grids=floors) == []
    assert [rule for _, rule, _ in found(micro_grids=floors.assign(stack=[None, None]))] == ["overlap"]


def test_many_findings_are_drawn_together_and_no_area_is_lost() -> None:
    shapes = [shapely.box(i, 0, i + 1.5, 1) for i in range(300)]
    items = list(check_nesting({"grids": level(shapes, [str(i) for i in range(300)])}))
    assert len(items) == 201 and items[-1].what == "99 more, 49.50 m2 together"
