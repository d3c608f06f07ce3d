"""Addresses taken apart and found by the city's own layers: right ones placed, doubtful ones left to a person."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, Point, box

from layers.addresses import parse_address
from layers.gazetteer import THRESHOLD, Gazetteer, place_by_address
from layers.read import read_city
from layers.sample import write_demo

CRS = 4549


@pytest.mark.parametrize(("text", "parts"), [
    ("四川省泸州市龙马潭区莲花池街道龙南社区龙南路31号", "四川省 泸州市 龙马潭区 莲花池街道 龙南社区 龙南路 31"),
    ("北京市海淀区中关村大街27号院2号楼1003室", "北京市 海淀区 中关村大街 27 2 1003"),
    ("上海市黄浦区中山东一路18弄5号602室", "上海市 黄浦区 中山东一路 18弄5 602"),
    ("内蒙古自治区呼和浩特市新城区成吉思汗大街100号", "内蒙古自治区 呼和浩特市 新城区 成吉思汗大街 100"),
    ("曙光路十二号", "曙光路 12"), ("曙光路一百二十号(邮局旁)", "曙光路 120"), ("建设路5-1号", "建设路 5-1"),
    ("长江中路二段８８号", "长江中路二段 88"), ("石桥里3号附近", "石桥里 3"), ("石杨路17号附1号", "石杨路 17"),
    ("龙南小区3-2-501", "龙南小区 3 2 501"), ("龙南小区三栋二单元", "龙南小区 3 2"), ("幸福新村12栋", "幸福新村 12"),
    ("龙南社区3号楼", "龙南社区 3"), ("XX大厦A座1201", "XX大厦 A 1201"),
    ("滨江花园二期6幢2单元1102", "滨江花园二期 6 2 1102"),
    ("人民公园东门", "人民公园东门"), ("3号楼1单元501室", "3 1 501"), ("", ""), (None, ""), (float("nan"), ""),
])
def test_parts(text: object, parts: str) -> None:
    assert list(parse_address(text).said().values()) == parts.split()


def town() -> dict[str, gpd.GeoDataFrame]:
    """Two estates with a building 3 each, a road with numbers 1, 5, 9 and 2, two communities."""
    def frame(shapes: list[object], **columns: object) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)

    return {
        "communities": frame([box(0, 0, 500, 500), box(500, 0, 1000, 500)], name=["东社区", "西社区"]),
        "estates": frame([box(0, 0, 200, 200), box(600, 0, 800, 200)], name=["金都花园", "银都花园"]),
        "buildings": frame(
            [box(10, 10, 30, 30), box(610, 10, 630, 30), *(box(x, 300, x + 10, 310) for x in (100, 200, 300, 150))],
            name=["3号楼", "3号楼", None, None, None, None],
            address=[None, None, "曙光路1号", "曙光路5号", "曙光路9号", "曙光路2号"],
        ),
        "roads": frame([LineString([(0, 320), (1000, 320)])], name=["曙光路"]),
        "facilities": frame([Point(400, 400)], name=["人民公园"], kind=["park"]),
    }  # fmt: skip


@pytest.mark.parametrize(("text", "by", "x"), [
    ("金都花园3栋2单元501", "building", 20), ("银都花园三号楼", "building", 620),
    ("东社区金都花园3号楼", "building", 20),
    ("曙光路5号", "road_number", 205), ("曙光路3号", "between_numbers", 155), ("人民公园东门", "name", 400),
    ("金都花圆", None, None), ("曙光路13号", None, None), ("曙光路", None, None), ("西社区金都花园3号楼", None, None),
    ("3号楼", None, None), ("不知道哪里", None, None), ("金都花园", "estate", 100),
])
def test_places(text: str, by: str | None, x: float | None) -> None:
    asked = gpd.GeoDataFrame({"code": ["E1"], "category": ["灯"], "address": [text], "source_row": [2]},
        geometry=[Point()], crs=CRS)
    out, findings = place_by_address({"incidents": asked}, known=town())
    row = out["incidents"].iloc[0]
    if by is None:
        assert row.geometry.is_empty and pd.isna(row["placed_by"])
        assert findings.counts() == {"address_doubtful": 1} and findings.items[0].row == 2
        assert pd.isna(row["placed_score"]) or row["placed_score"] < THRESHOLD
    else:
        assert row["placed_by"] == by and row.geometry.x == pytest.approx(x, abs=1) and row["placed_score"] >= THRESHOLD
        assert json.loads(row["placed_candidates"])[0][1] == by


def test_one_name_in_two_places_is_left_to_a_person() -> None:
    layers = town()
    layers["estates"] = layers["estates"].assign(name="金都花园")
    first, second = Gazetteer.of(layers).find("金都花园3号楼")[:2]
    assert first.score == second.score < THRESHOLD


def test_rows_with_coordinates_are_left_alone() -> None:
    asked = gpd.GeoDataFrame({"address": ["曙光路5号"]}, geometry=[Point(1, 2)], crs=CRS)
    assert place_by_address({"incidents": asked}, known=town())[0] == {}


def test_the_demo_city_is_placed_by_its_addresses(tmp_path: Path) -> None:
    write_demo(tmp_path)
    city = read_city(tmp_path)
    layers = dict(city.layers)
    reports = layers.pop("incidents")
    reports = reports[~reports.geometry.is_empty & reports["address"].notna()].reset_index(drop=True)
    hidden = reports.set_geometry([shapely.Point()] * len(reports), crs=reports.crs)
    out, _ = place_by_address({"incidents": hidden}, known=layers)
    placed = out["incidents"]["placed_by"].notna().to_numpy()
    metres = out["incidents"].geometry.distance(reports.geometry)[placed]
    assert placed.mean() > 0.85
    assert np.median(metres) < 20 and (metres < 100).mean() > 0.97
