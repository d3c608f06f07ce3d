"""Strips between units are mended and written down; everything broader stays as it was drawn."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis.strategies import floats

from layers.mending import mend_levels
from layers.nesting import check_nesting
from layers.read import read_city
from layers.repair import SLIVER_M

A, B = "330106001001", "330106001002"


def pair(left: shapely.Geometry, right: shapely.Geometry, level: str = "communities") -> dict[str, gpd.GeoDataFrame]:
    return {level: gpd.GeoDataFrame({"code": [A, B], "source_row": [1, 2]}, geometry=[left, right], crs=4549)}


@pytest.mark.parametrize(("width", "mended"), [(0.05, True), (0.45, True), (0.55, False), (3.0, False)])
def test_an_overlap_is_mended_where_it_is_a_strip(width: float, mended: bool) -> None:
    layers = pair(shapely.box(0, 0, 50, 100), shapely.box(50 - width, 0, 100, 100))
    frames, findings = mend_levels(layers)
    assert ([item.rule for item in findings] == ["overlap_mended"]) is mended and bool(frames) is mended
    after = {**layers, **frames}["communities"]
    rules = {item.rule for item in check_nesting({"communities": after})}
    assert ("overlap" in rules) is not mended
    if mended:  # the first keeps what it had, no ground is lost
        assert after.geometry.iloc[0].equals(layers["communities"].geometry.iloc[0])
        assert shapely.area(after.geometry.union_all()) == pytest.approx(100 * 100)
        assert f"{100 * width:.2f} m2" in findings.items[0].what and findings.items[0].row == 2


@pytest.mark.parametrize(("width", "mended"), [(0.3, True), (0.8, False)])
def test_a_gap_is_filled_where_it_is_a_strip(width: float, mended: bool) -> None:
    whole = shapely.box(0, 0, 100, 100)
    slit = shapely.box(50, 10, 50 + width, 90)
    left = shapely.difference(shapely.box(0, 0, 50 + width / 2, 100), slit)
    layers = pair(left, shapely.difference(shapely.difference(whole, left), slit))
    frames, findings = mend_levels(layers)
    assert ([item.rule for item in findings] == ["gap_filled"]) is mended
    after = {**layers, **frames}["communities"]
    assert shapely.area(after.geometry.union_all()) == pytest.approx(10_000 if mended else 10_000 - 80 * width)
    assert shapely.area(shapely.intersection(*after.geometry)) == pytest.approx(0, abs=1e-6)


def test_a_pond_of_a_unit_is_no_gap() -> None:
    ring = shapely.difference(shapely.box(0, 0, 50, 100), shapely.box(10, 10, 10.2, 90))
    assert not mend_levels(pair(ring, shapely.box(50, 0, 100, 100)))[1]


def test_a_strip_of_a_unit_is_left_out() -> None:
    ragged = shapely.union_all([shapely.box(0, 0, 50, 100), shapely.box(60, 0, 60.2, 5)])
    frames, findings = mend_levels(pair(ragged, shapely.box(70, 0, 100, 100)))
    assert [item.rule for item in findings] == ["strip_dropped"] and "1.00 m2" in findings.items[0].what
    assert frames["communities"].geometry.iloc[0].equals(shapely.box(0, 0, 50, 100))


def test_what_would_fall_apart_is_left_to_somebody() -> None:
    narrow = shapely.union_all([shapely.box(0, 0, 10, 10), shapely.box(10, 4.9, 12, 5.1), shapely.box(12, 0, 20, 10)])
    cut = shapely.box(10.9, -5, 11.1, 15)
    frames, findings = mend_levels(pair(cut, narrow))
    assert not frames and not findings


def test_microgrids_and_other_layers_are_not_touched() -> None:
    layers = pair(shapely.box(0, 0, 50, 100), shapely.box(49.9, 0, 100, 100), level="micro_grids")
    assert mend_levels(layers)[0] == {} and mend_levels({"buildings": layers["micro_grids"]})[0] == {}


@settings(max_examples=60, deadline=None)
@given(shift=floats(-2, 2), turn=floats(-3, 3))
def test_ground_is_never_lost_nor_doubled(shift: float, turn: float) -> None:
    left = shapely.box(0, 0, 50, 100)
    right = shapely.affinity.rotate(shapely.box(50 + shift, 0, 110, 100), turn / 100, origin=(50, 50))
    layers = pair(left, right)
    before = layers["communities"]
    frames, _ = mend_levels(layers)
    after = {**layers, **frames}["communities"]
    assert after.geometry.is_valid.all()
    was, now = (shapely.union_all(np.asarray(frame.geometry.array)) for frame in (before, after))
    assert shapely.area(shapely.difference(was, now)) < 1e-6  # what was somebody's still is
    assert after.area.sum() - now.area <= before.area.sum() - was.area + 1e-6  # no new overlap
    assert shapely.hausdorff_distance(after.geometry.iloc[1], right) <= SLIVER_M * 1.5


def test_a_city_is_mended_as_it_is_read(tmp_path: Path) -> None:
    layers = pair(shapely.box(512000, 3381000, 512050, 3381100), shapely.box(512049.8, 3381000, 512100, 3381100))
    layers["communities"].drop(columns="source_row").to_file(tmp_path / "communities.gpkg")
    city = read_city(tmp_path)
    rules = city.findings.counts()
    assert rules.get("overlap_mended") == 1 and "overlap" not in rules
    assert city.layers["communities"].area.sum() == pytest.approx(100 * 100, rel=1e-6)
