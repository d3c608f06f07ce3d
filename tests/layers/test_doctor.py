"""The doctor tells GCJ-02 from the truth, says how sure it is, and keeps silent where it cannot know."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from layers.datum import shift
from layers.doctor import diagnose
from layers.errors import WrongCall
from layers.places import shift_geometry


def put(frame: gpd.GeoDataFrame, datum: str) -> gpd.GeoDataFrame:
    """The frame with its coordinates in a datum, still calling itself WGS 84."""
    there = shapely.transform(
        np.asarray(frame.geometry.array), lambda c: np.column_stack(shift(*c.T, source="wgs84", target=datum))
    )
    return gpd.GeoDataFrame(geometry=there, crs=4326)


def town() -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Houses in uneven blocks, and the streets between them, in degrees near Beijing."""
    rng = np.random.default_rng(7)
    cuts = np.cumsum(rng.uniform(0.0008, 0.0022, 14))
    streets = [shapely.LineString([(116.3 + c, 39.9), (116.3 + c, 39.92)]) for c in cuts]
    streets += [shapely.LineString([(116.3, 39.9 + c), (116.32, 39.9 + c)]) for c in cuts]
    houses = [
        shapely.box(116.3 + a + 1e-4, 39.9 + c + 1e-4, 116.3 + b - 1e-4, 39.9 + d - 1e-4)
        for a, b in pairwise(cuts) for c, d in pairwise(cuts)
    ]
    return gpd.GeoDataFrame(geometry=houses, crs=4326), gpd.GeoDataFrame(geometry=streets, crs=4326)


@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
@pytest.mark.parametrize("pair", ["houses on houses", "houses on streets", "points on houses", "streets on streets"])
def test_every_datum_is_told(datum: str, pair: str) -> None:
    houses, streets = town()
    what, known = {
        "houses on houses": (houses, houses), "houses on streets": (houses, streets),
        "points on houses": (houses.set_geometry(houses.representative_point()), houses),
        "streets on streets": (streets, streets),
    }[pair]  # fmt: skip
    found = diagnose(put(what, datum), known.to_crs(4548))
    assert found.datum == datum and found.doubtful == (datum != "wgs84")
    assert f"probably {datum}" in found.sentence()
    if datum == "gcj02":
        assert 400 < found.offset_m < 700 and 200 < found.bearing < 320  # GCJ-02 lies north-east of the truth here


def test_a_layer_read_under_the_wrong_datum_is_told_too() -> None:
    houses, _ = town()
    read = houses.set_geometry(shift_geometry(np.asarray(houses.geometry.array), "gcj02"), crs=4326)  # was WGS 84
    found = diagnose(read, houses, stated="gcj02")
    assert found.datum == "wgs84" and found.doubtful


def test_where_nothing_can_be_known_nothing_is_said() -> None:
    houses, _ = town()
    elsewhere = houses.set_geometry(houses.translate(1.0, 1.0))
    found = diagnose(elsewhere, houses)
    assert found.datum is None and not found.doubtful and "no datum is clearly likelier" in found.sentence()
    few = houses.iloc[:1].set_geometry(houses.iloc[:1].representative_point())
    assert diagnose(few, houses).datum is None
    with pytest.raises(WrongCall, match="the doctor needs"):
        diagnose(houses.iloc[:0], houses)


@pytest.mark.district
def test_gcj02_districts_of_china_are_told_and_true_ones_are_left_alone(shared_data: Path) -> None:
    path = shared_data / "china_admin" / "china_admin.gpkg"
    shifted = pyogrio.read_dataframe(path, layer="county_gcj02_datav").set_crs(4326, allow_override=True)
    codes = [f"'156{code}'" for code in shifted["adcode"]]
    true = pyogrio.read_dataframe(path, layer="county_cgcs2000", where=f"gb IN ({', '.join(codes)})").to_crs(4326)
    true = true.set_index(true["gb"].str[3:])
    told = asked = 0
    shifted = shifted.iloc[::4]  # a quarter is enough to see; of all 103 it tells 101
    for code, shape in zip(shifted["adcode"].astype(str), shapely.make_valid(shifted.geometry.array), strict=True):
        if code not in true.index:
            continue
        own = true.loc[[code]]
        mine = gpd.GeoDataFrame(geometry=[shape], crs=4326)
        outline = shapely.make_valid(own.geometry.iloc[0])
        overlap = shapely.area(shapely.intersection(shape, outline)) / shapely.area(shapely.union(shape, outline))
        if overlap > 0.8:
            asked += 1
            told += diagnose(mine, own).datum == "gcj02"
        corrected = mine.set_geometry(shift_geometry(np.asarray(mine.geometry.array), "gcj02"), crs=4326)
        assert diagnose(own, corrected).datum != "gcj02", code
        assert diagnose(own, own).datum == "wgs84", code
    assert asked > 20 and told >= 0.9 * asked
