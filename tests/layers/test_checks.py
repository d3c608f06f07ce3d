"""Columns judged."""

from __future__ import annotations

import pandas as pd
import pytest

from layers.checks import check, order_columns
from layers.findings import Findings
from layers.schema import LAYERS, layer


def judge(name: str, /, **columns: list) -> tuple[pd.DataFrame, Findings]:
    findings = Findings()
    frame = pd.DataFrame({key: pd.Series(value, dtype="object") for key, value in columns.items()})
    frame["source_row"] = pd.array(range(2, 2 + len(frame)), dtype="Int64")
    return check(frame, layer(name), findings=findings, file="x.csv"), findings


DTYPES = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean", "date": "datetime64[ms]",
          "datetime": "datetime64[ms]"}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, each in LAYERS.items() if each.source == "given"])
def test_every_column_gets_its_type_whatever_it_holds(name: str) -> None:
    given = {column.name: ["1", "甲", None, 3, 2.5] for column in layer(name)}
    frame, _ = judge(name, **given)
    for column in layer(name):
        assert str(frame[column.name].dtype) == DTYPES[column.type], column.name
    assert len(frame) == 5


def test_what_cannot_be_read_is_empty_and_named() -> None:
    frame, findings = judge(
        "buildings", code=["a", "b", "c"], households=["25户", "几十", -3], levels=["6", "6.5", ""], residents=[1, 2, 3]
    )
    assert frame["households"].tolist() == [25, pd.NA, pd.NA] and frame["levels"].tolist() == [6, pd.NA, pd.NA]
    assert [(item.rule, item.row, item.code, item.field) for item in findings][:3] == [
        ("not_a_number", 3, "b", "households"), ("negative", 4, "c", "households"), ("not_a_number", 3, "b", "levels")
    ]  # fmt: skip
    assert findings.items[0].what == "row 3: not a whole number: '几十'" and findings.items[0].file == "x.csv"


def test_levels_below_ground_are_no_fault() -> None:
    frame, findings = judge("roads", layer=["-1", "1"])
    assert frame["layer"].tolist() == [-1, 1] and len(findings) == 0
    assert judge("buildings", floor_from=[-2], households=[1])[1].counts() == {}


def test_repeated_codes_keep_the_first_and_lose_nothing() -> None:
    frame, findings = judge("roads", code=["7", "8", "7", None, None, "7.0"])
    assert frame["code"].fillna("").tolist() == ["7", "8", "", "", "", ""]
    assert frame["given_code"].fillna("").tolist() == ["", "", "7", "", "", "7"]
    assert [(item.rule, item.row, item.code) for item in findings] == [
        ("duplicate_code", 4, "7"), ("duplicate_code", 7, "7")
    ]  # fmt: skip


def test_codes_that_lost_digits_are_kept_beside() -> None:
    frame, findings = judge("grids", code=["3.30106E+17", "330106001001001"])
    assert frame["code"].isna().tolist() == [True, False]
    assert frame["given_code"].fillna("").tolist() == ["3.30106E+17", ""]
    assert [(item.rule, item.level) for item in findings] == [("digits_lost", "error")]


def test_a_layer_has_a_code_column_but_staff() -> None:
    assert judge("roads", name=["a"])[0]["code"].isna().all()
    assert "code" not in judge("staff", name=["a"], role=["b"], area=["1"])[0]


def test_missing_columns_are_errors_and_missing_cells_warnings() -> None:
    frame, findings = judge("facilities", name=["a", None, " "], 用途=["x", "y", "z"])
    assert len(frame) == 3
    assert [(item.rule, item.level, item.row) for item in findings] == [
        ("no_name", "warning", 3), ("no_name", "warning", 4), ("missing_column", "error", None)
    ]  # fmt: skip
    assert "用途" in findings.items[2].what and "[layers.facilities.columns]" in findings.items[2].done


def test_buildings_without_households_are_one_finding() -> None:
    assert [item.what for item in judge("buildings", households=[1, None, None])[1]] == [
        "2 of 3 buildings have no number of households"
    ]
    assert judge("buildings", name=["a"])[1].counts() == {"no_households": 1}
    assert judge("buildings", households=[0])[1].counts() == {}


def test_dates_carry_their_remarks() -> None:
    frame, findings = judge("incidents", category=["a", "b"], reported_at=["04/05/2024 07:08", "2024-05-06T07:08:00Z"])
    assert frame["reported_at"].dt.month.tolist() == [4, 5]
    assert sorted(findings.counts()) == ["ambiguous_date", "time_zone_dropped"]
    assert judge("grids", valid_from=["soon"])[1].counts() == {"not_a_date": 1}


def test_other_columns_are_kept_as_they_came() -> None:
    frame, _ = judge("roads", colour=["red", None], lanes=[2, 4])
    assert frame["colour"].tolist()[0] == "red" and frame["lanes"].tolist() == [2, 4]


def test_the_frame_given_is_not_changed() -> None:
    frame = pd.DataFrame({"code": ["1", "1.0"], "layer": ["2", "x"], "source_row": [1, 2]})
    before = frame.copy()
    check(frame, layer("roads"), findings=Findings())
    pd.testing.assert_frame_equal(frame, before)


def test_order() -> None:
    names = ["geometry", "z", "households", "source_row", "code", "a"]
    assert list(order_columns(pd.DataFrame(columns=names), layer("buildings"))) == [
        "code", "households", "z", "a", "source_row", "geometry"
    ]  # fmt: skip
