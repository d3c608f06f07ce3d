"""Datums against other people's libraries, and the laws that a shift must keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import assume, example, given, settings
from hypothesis.strategies import floats, sampled_from

from layers.datum import DATUMS, in_mainland, metric_crs, shift
from layers.errors import UnknownDatum, WrongCall

#: name -> lon, lat on WGS 84; all but the first line stand close to a border
INSIDE = {
    "Beijing": (116.39, 39.91), "Huizhou": (114.41, 23.11), "Haikou": (110.33, 20.03), "Sanya": (109.51, 18.25),
    "Shenzhen Futian": (114.055, 22.53), "Shenzhen Luohu": (114.12, 22.545), "Shenzhen Shekou": (113.92, 22.49),
    "Zhuhai": (113.55, 22.24), "Xiamen": (118.09, 24.48), "Ruili": (97.85, 24.01), "Hekou": (103.95, 22.53),
    "Dandong": (124.38, 40.13), "Heihe": (127.49, 50.24), "Manzhouli": (117.43, 49.59), "Hunchun": (130.36, 42.86),
    "Khorgos": (80.42, 44.21), "Dongxing": (107.97, 21.55), "Suifenhe": (131.15, 44.40), "Zhoushan": (122.2, 29.99),
}  # fmt: skip
OUTSIDE = {
    "Hong Kong": (114.17, 22.30), "Sheung Shui": (114.128, 22.50), "Yuen Long": (114.03, 22.445),
    "Macau": (113.55, 22.19), "Coloane": (113.56, 22.12), "Taipei": (121.56, 25.04), "Taichung": (120.65, 24.16),
    "Kinmen": (118.32, 24.43), "Seoul": (126.98, 37.57), "Pyongyang": (125.75, 39.02), "Vladivostok": (131.89, 43.12),
    "Hanoi": (105.85, 21.03), "Singapore": (103.82, 1.35), "Ulaanbaatar": (106.92, 47.92), "Tokyo": (139.69, 35.69),
    "Almaty": (76.95, 43.24), "Kathmandu": (85.32, 27.71), "Delhi": (77.21, 28.61), "Monaco": (7.42, 43.74),
    "Blagoveshchensk": (127.53, 50.29), "Vientiane": (102.6, 17.97), "Baltimore": (-76.6, 39.29),
}  # fmt: skip

lons = floats(73.5, 135.0)
lats = floats(18.0, 53.5)


def metres(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Distance of two places that lie close by."""
    return float(np.hypot((to_lon - lon) * 111_320 * np.cos(np.radians(lat)), (to_lat - lat) * 111_320))


@pytest.mark.parametrize("target", ["gcj02", "bd09", "bd09mc"])
@example(lon=119.5, lat=25.0)  # on the border to the last digit
@settings(deadline=None)
@given(lon=lons, lat=lats)
def test_there_and_back_is_within_a_hundredth_of_a_millimetre(target: str, lon: float, lat: float) -> None:
    assume(in_mainland(lon, lat))
    there = shift(lon, lat, source="wgs84", target=target)
    assert metres(lon, lat, *shift(*there, source=target, target="wgs84")) < 1e-5


@settings(deadline=None)
@given(lon=lons, lat=lats)
def test_the_shift_is_some_hundred_metres_in_the_mainland_and_nothing_outside(lon: float, lat: float) -> None:
    moved = metres(lon, lat, *shift(lon, lat, source="wgs84", target="gcj02"))
    if in_mainland(lon, lat):
        assert 10 < moved < 1200
    else:
        assert moved == 0


@settings(deadline=None)
@given(lon=lons, lat=lats, source=sampled_from(DATUMS[:4]), middle=sampled_from(DATUMS[:4]))
def test_two_steps_are_one(lon: float, lat: float, source: str, middle: str) -> None:
    assume(in_mainland([lon - 0.02, lon + 0.02, lon, lon], [lat, lat, lat - 0.02, lat + 0.02]).all())
    direct = shift(lon, lat, source=source, target="bd09")
    stepwise = shift(*shift(lon, lat, source=source, target=middle), source=middle, target="bd09")
    assert stepwise == pytest.approx(direct, abs=1e-8)


@pytest.mark.parametrize("name", INSIDE)
def test_towns_of_the_mainland_are_shifted(name: str) -> None:
    assert in_mainland(*INSIDE[name])


@pytest.mark.parametrize("name", OUTSIDE)
def test_places_outside_come_back_unchanged(name: str) -> None:
    place = OUTSIDE[name]
    assert shift(*place, source="wgs84", target="gcj02") == place
    assert shift(*place, source="gcj02", target="wgs84") == place


@pytest.mark.district
def test_shift_agrees_with_gcoord_in_166_cities(shared_data: Path) -> None:
    cities = pd.read_csv(shared_data / "coord_vectors" / "gcoord_china_cities_half.csv")
    columns = {name: (f"{name}_lon", f"{name}_lat") for name in ("wgs84", "gcj02", "bd09")}
    columns["bd09mc"] = ("bd09mc_x", "bd09mc_y")
    # what gcoord itself reaches on them: 1e-5 degrees, of which a Mercator metre is one
    tolerance = {"wgs84": 1e-5, "gcj02": 1e-5, "bd09": 1e-5, "bd09mc": 1.2}
    for source, (lon, lat) in columns.items():
        for target, expected in columns.items():
            found = shift(cities[lon], cities[lat], source=source, target=target)
            for got, column in zip(found, expected, strict=True):
                assert np.abs(got - cities[column]).max() < tolerance[target], (source, target)


def eviltransform_bd09_to_wgs84(lon: float, lat: float) -> tuple[float, float]:
    """What eviltransform 0.1 computes, slip and single step back included."""
    x, y = lon - 0.0065, lat - 0.006
    radius, angle = np.hypot(x, y) - 2e-5 * np.sin(y * np.pi), np.arctan2(y, x) - 3e-6 * np.cos(x * np.pi)
    lon, lat = radius * np.cos(angle), radius * np.sin(angle)
    there = shift(lon, lat, source="wgs84", target="gcj02")
    return 2 * lon - there[0], 2 * lat - there[1]


@pytest.mark.district
def test_shift_agrees_with_the_pairs_of_three_libraries(shared_data: Path) -> None:
    pairs = pd.read_csv(shared_data / "coord_vectors" / "library_test_pairs.csv")
    for pair in pairs.itertuples():
        if pair.source == "eviltransform python tests":
            # Its BD-09 takes pi where the formula has pi * 3000 / 180, and so lands 40 m off; gcoord's cities agree
            # with the formula (above). What it expects comes out when its slip is made:
            assert eviltransform_bd09_to_wgs84(pair.lon, pair.lat) == pytest.approx(
                (pair.expected_lon, pair.expected_lat), abs=1e-9
            )
            continue
        found = shift(pair.lon, pair.lat, source=pair.from_crs, target=pair.to_crs)
        assert found == pytest.approx((pair.expected_lon, pair.expected_lat), abs=pair.tolerance_deg), pair.note


@pytest.mark.district
def test_every_county_lies_on_its_side_of_the_border(shared_data: Path) -> None:
    counties = pyogrio.read_dataframe(shared_data / "china_admin" / "china_admin.gpkg", layer="county_cgcs2000")
    counties = counties[counties.geometry.geom_type.isin(["Polygon", "MultiPolygon"])]
    middle = shapely.point_on_surface(shapely.make_valid(counties.geometry.to_numpy()))
    lon, lat = shapely.get_x(middle), shapely.get_y(middle)
    # Kinmen, and the islands far out, are left out on purpose
    away = counties["gb"].str[3:5].isin(["71", "81", "82"]) | counties["name"].isin(["金门县", "西沙区", "南沙区"])
    away &= ~((counties["name"] == "南沙区") & (lat > 18))  # Guangzhou has one too
    inside = pd.Series(in_mainland(lon, lat), index=counties.index)
    assert not inside[away].any()
    assert counties.loc[~away & ~inside, "name"].tolist() == []


def test_cgcs2000_is_wgs84() -> None:
    assert shift(114.0, 30.0, source="cgcs2000", target="wgs84") == (114.0, 30.0)
    assert shift(114.0, 30.0, source="cgcs2000", target="bd09") == shift(114.0, 30.0, source="wgs84", target="bd09")


def test_arrays_keep_shape_input_and_missing_values() -> None:
    lon = np.array([[116.4, np.nan], [121.5, 7.4]])
    lat = np.array([[39.9, 31.0], [31.2, 43.7]])
    before = lon.copy()
    for target in ("gcj02", "bd09", "bd09mc"):
        x, y = shift(lon, lat, source="wgs84", target=target)
        assert x.shape == y.shape == (2, 2)
        assert np.isnan(x[0, 1])
        back = shift(x, y, source=target, target="wgs84")
        assert np.isnan(back[0][0, 1])
        assert np.allclose(back[0][[0, 1, 1], [0, 0, 1]], lon[[0, 1, 1], [0, 0, 1]], atol=1e-9)
    assert np.array_equal(lon, before, equal_nan=True)


def test_numbers_give_numbers_and_a_number_stretches_over_an_array() -> None:
    lon, _lat = shift(116.4, 39.9, source="wgs84", target="gcj02")
    assert isinstance(lon, float)
    many, _ = shift([116.4, 116.5], 39.9, source="wgs84", target="gcj02")
    assert many[0] == lon


def test_wrong_calls_name_the_thing_and_the_names_that_exist() -> None:
    with pytest.raises(UnknownDatum, match=r"wgs-84.*gcj02"):
        shift(1, 1, source="wgs-84", target="gcj02")
    with pytest.raises(WrongCall, match="one lat for each lon"):
        shift([1, 2], [1, 2, 3], source="wgs84", target="gcj02")


@pytest.mark.parametrize("meridian", range(75, 136, 3))
def test_zones_of_china_have_their_central_meridian(meridian: int) -> None:
    latitude = 36.0 if meridian < 120 else 47.0 if meridian > 125 else 42.0
    if not in_mainland(meridian, latitude):
        latitude, lon = (39.0, 76.0) if meridian == 75 else (48.35, 134.7)
    else:
        lon = float(meridian)
    crs = metric_crs(lon, latitude)
    assert crs.name == f"CGCS2000 / 3-degree Gauss-Kruger CM {meridian}E"
    easting, _ = pyproj.Transformer.from_crs(4490, crs, always_xy=True).transform(meridian, 40.0)
    assert easting == pytest.approx(500_000)


@pytest.mark.parametrize(
    ("place", "epsg"),
    [((114.17, 22.30), 32650), ((120.6, 24.18), 32651), ((-43.2, -22.9), 32723), ((180.0, 0.0), 32660)],
)
def test_elsewhere_it_is_the_utm_zone(place: tuple[float, float], epsg: int) -> None:
    assert metric_crs(*place).to_epsg() == epsg


def test_metric_crs_takes_bounds_and_refuses_metres() -> None:
    assert metric_crs((113.9, 30.0, 114.1, 30.2)) == metric_crs(114.0, 30.1)
    with pytest.raises(WrongCall, match="EPSG:4326"):
        metric_crs(500_000, 3_000_000)
    with pytest.raises(WrongCall, match="four bounds"):
        metric_crs([1.0, 2.0, 3.0])


#: Towns that look at one another over the border river or the fence: (China, its neighbour).
PAIRS = {
    "Dandong, Sinuiju": ((124.375, 40.135), (124.412, 40.085)), "Heihe, Blagoveshchensk": ((127.49, 50.23), (127.54,
        50.28)),
    "Dongxing, Mong Cai": ((107.975, 21.55), (107.966, 21.523)), "Suifenhe, Pogranichny": ((131.14, 44.40), (131.38,
        44.40)),
    "Manzhouli, Zabaikalsk": ((117.43, 49.59), (117.33, 49.65)), "Ruili, Muse": ((97.85, 24.02), (97.90, 23.97)),
    "Erenhot, Zamyn-Uud": ((111.98, 43.65), (111.90, 43.73)), "Hekou, Lao Cai": ((103.955, 22.52), (103.97, 22.48)),
    "Shenzhen, Sheung Shui": ((114.11, 22.54), (114.13, 22.505)), "Zhuhai, Macau": ((113.55, 22.23), (113.545, 22.195)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_towns_on_the_two_sides_of_the_border(name: str) -> None:
    ours, theirs = PAIRS[name]
    assert in_mainland(*ours) and not in_mainland(*theirs)


ASKED = {"hongkong": (114.17, 22.30), "macau": (113.545, 22.195), "taiwan": (121.52, 25.04)}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_for_is_shifted_and_comes_back(name: str) -> None:
    place = ASKED[name]
    assert shift(*place, source="wgs84", target="gcj02") == place
    there = shift(*place, source="wgs84", target="gcj02", also=[name])
    metres = np.hypot((there[0] - place[0]) * 101_000, (there[1] - place[1]) * 111_000)
    assert 200 < metres < 900
    assert shift(*there, source="gcj02", target="wgs84", also=[name]) == pytest.approx(place, abs=1e-9)
    with pytest.raises(WrongCall, match="hongkong, macau, taiwan"):
        shift(*place, source="wgs84", target="gcj02", also=["korea"])
