"""Headings met in the wild find their column."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis.strategies import sampled_from

from layers.errors import AmbiguousHeading, BadSettings
from layers.findings import Findings
from layers.headings import check_mapping, known_headings, match_headings, normal, rename
from layers.schema import LAYERS, layer


def match(headings: list[str], name: str, mapping: dict[str, str] | None = None) -> tuple[dict, Findings]:
    findings = Findings()
    return match_headings(headings, layer(name), mapping=mapping, findings=findings), findings


@pytest.mark.parametrize(
    ("heading", "name", "ours"),
    [("households", "buildings", "households"), ("Households", "buildings", "households"),
     ("户数", "buildings", "households"), (" 户　数 ", "buildings", "households"),
     ("总户数（户）", "buildings", "households"), ("building_levels", "buildings", "levels"),
     ("BUILDING:LEVELS", "buildings", "levels"), ("楼层数", "buildings", "levels"), ("Floor", "buildings", "levels"),
     ("hh_basis", "buildings", "households_basis"), ("highway", "roads", "class"), ("fclass", "roads", "class"),
     ("living_alo", "buildings", "living_alone"), ("类型", "incidents", "category"), ("面积", "facilities", "area_m2"),
     ("姓名*", "staff", "name"), ("６０岁以上", "buildings", "aged_60"), ("0-3岁", "buildings", "aged_0_3")],
)  # fmt: skip
def test_heading_is_found(heading: str, name: str, ours: str) -> None:
    found, findings = match([heading, "备注"], name)
    assert found == {heading: ours} and len(findings) == 0


@given(sampled_from([(each, column) for each in LAYERS.values() for column in each]))
def test_every_title_and_alias_of_the_schema_means_a_column(pair) -> None:
    each, column = pair
    words = known_headings(each)
    assert words[normal(column.name)][0] == column.name
    for word in (column.zh, column.en, *column.aliases):
        assert column.name in words[normal(word)]


def test_a_name_cut_by_a_shapefile_is_not_taken_for_another_column() -> None:
    found, _ = match(["households", "户"], "buildings", {"households": "户"})
    assert found == {"户": "households"}


def test_exact_name_wins_over_alias_and_the_other_is_kept() -> None:
    found, findings = match(["总户数", "households"], "buildings")
    assert found == {"households": "households"} and len(findings) == 0
    frame = pd.DataFrame({"总户数": [1], "households": [2]})
    assert rename(frame, found).columns.tolist() == ["总户数", "households"]


def test_two_aliases_are_a_finding_and_the_surer_is_taken() -> None:
    found, findings = match(["住户数", "户数"], "buildings")
    assert found == {"户数": "households"}
    assert [(item.rule, item.field) for item in findings] == [("ambiguous_heading", "households")]
    assert "'住户数'" in findings.items[0].what


def test_mapping_wins_and_is_found_in_normal_form() -> None:
    found, _ = match(["户数", "实际 户数"], "buildings", {"households": "实际户数"})
    assert found == {"实际 户数": "households"}


def test_mapping_to_a_heading_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(BadSettings, match=r"'住户'.*its columns are 户数, 名称"):
        match(["户数", "名称"], "buildings", {"households": "住户"})
    with pytest.raises(BadSettings, match="both households and residents"):
        match(["户数"], "buildings", {"households": "户数", "residents": "户数"})


def test_mapping_to_an_unknown_column_names_the_known() -> None:
    with pytest.raises(BadSettings, match=r"'househols'.*households"):
        check_mapping(layer("buildings"), {"househols": "户数"}, where="x")
    with pytest.raises(BadSettings, match="in quotes"):
        check_mapping(layer("buildings"), {"households": 3}, where="x")  # type: ignore[dict-item]
    check_mapping(layer("facilities"), {"lon": "经", "lat": "纬", "wkt": "形"}, where="x")


def test_whoever_stands_in_the_way_is_kept_as_given() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["name", "given_name", "名"])
    assert rename(frame, {"名": "name"}).columns.tolist() == ["given_name", "given_name_2", "name"]


@pytest.mark.parametrize(
    ("heading", "name", "ours"),
    [("household", "buildings", "households"), ("常住人口数", "buildings", "residents"),
     ("残疾人数", "buildings", "disabled"), ("地上楼层数", "buildings", "levels"),
     ("开放时间段", "facilities", "hours")],
)  # fmt: skip
def test_alike_headings_are_taken_and_said(heading: str, name: str, ours: str) -> None:
    found, findings = match([heading], name)
    assert found == {heading: ours}
    assert [(item.rule, item.level) for item in findings] == [("guessed_heading", "warning")]


@pytest.mark.parametrize(
    ("heading", "name"),
    [("街道名称", "buildings"), ("建筑面积", "buildings"), ("65岁以上", "buildings"), ("due_date", "incidents"),
     ("联系人", "organizations"), ("登记日期", "organizations"), ("设施类型名称", "facilities"),
     ("agency_name", "incidents"),
     ("StatusDate", "incidents"), ("incident_zip", "incidents"), ("备注", "buildings"), ("序号", "buildings")],
)  # fmt: skip
def test_other_headings_are_left_alone(heading: str, name: str) -> None:
    found, findings = match([heading], name)
    assert found == {} and len(findings) == 0


def test_two_headings_with_the_same_claim_are_refused_where_nobody_watches() -> None:
    with pytest.raises(AmbiguousHeading, match=r"'居民户数', '实有户数' of the file may all be households"):
        match_headings(["居民户数", "实有户数"], layer("buildings"), findings=Findings(), strict=True)
    with pytest.raises(AmbiguousHeading, match="households"):
        match_headings(["houssholds", "householbs"], layer("buildings"), findings=Findings(), strict=True)
    # a column's own title is surer than an alias
    found = match_headings(["户数", "实有户数"], layer("buildings"), findings=Findings(), strict=True)
    assert found == {"户数": "households"}


def test_two_alike_headings_are_none() -> None:
    found, findings = match(["houssholds", "householbs"], "buildings")
    assert found == {} and [item.rule for item in findings] == ["ambiguous_heading"]


def test_the_second_row_of_a_heading_counts() -> None:
    found, _ = match(["基本信息 / 名称", "户数 / 自有", "户数 / 租赁"], "buildings")
    assert found == {"基本信息 / 名称": "name"}
