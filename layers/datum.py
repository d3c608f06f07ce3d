"""Datums of coordinates met in China, and the metric CRS of a place.

Maps of AMap and Tencent carry GCJ-02, Baidu BD-09: both are shifted against WGS 84 by some hundred metres, by a
formula that was never published by its makers but has long been known (the constants below are those of the public
libraries eviltransform, coordtransform and gcoord). CGCS2000 agrees with WGS 84 well within a metre, so that the two
are one here. The formulas run forward; backward they are solved point by point until the step is below 0.01 mm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from layers.errors import UnknownDatum, WrongCall
from layers.mainland import in_mainland

__all__ = ["CHOICES", "DATUMS", "in_mainland", "metric_crs", "shift"]

#: Names that `shift` knows. bd09mc is Baidu's own Mercator in metres; all others are degrees.
DATUMS = ("wgs84", "cgcs2000", "gcj02", "bd09", "bd09mc")
#: The datums of degrees, and whose they are.
CHOICES = "wgs84 (GPS, OpenStreetMap), cgcs2000 (Tianditu, surveys), gcj02 (AMap, Tencent), bd09 (Baidu)"

Floats = NDArray[np.float64]
Step = Callable[[Floats, Floats], tuple[Floats, Floats]]

_A = 6378245.0  # semi-major axis of Krassovsky's ellipsoid, m
_EE = 0.00669342162296594323  # its squared eccentricity
_BD_PI = np.pi * 3000.0 / 180.0
_STEP_DEG = 1e-9  # 0.1 mm; what is left after such a step is a hundredth of it
_SIN_35, _COS_35 = math.sin(math.radians(35.0)), math.cos(math.radians(35.0))
_ROUNDS = 30  # four are enough everywhere but within a millimetre of the kink of the formula at 105 E
_CHUNK = 1 << 13  # points at a time: the working arrays stay in the processor's cache

# Baidu's Mercator: a polynomial in |latitude| a band of 15 degrees (from its public JavaScript map).
_BD_BANDS = (75.0, 60.0, 45.0, 30.0, 15.0, 0.0)
_LL2MC = np.array([
    [-0.0015702102444, 111320.7020616939, 1704480524535203, -10338987376042340, 26112667856603880,
     -35149669176653700, 26595700718403920, -10725012454188240, 1800819912950474, 82.5],
    [0.0008277824516172526, 111320.7020463578, 647795574.6671607, -4082003173.641316, 10774905663.51142,
     -15171875531.51559, 12053065338.62167, -5124939663.577472, 913311935.9512032, 67.5],
    [0.00337398766765, 111320.7020202162, 4481351.045890365, -23393751.19931662, 79682215.47186455,
     -115964993.2797253, 97236711.15602145, -43661946.33752821, 8477230.501135234, 52.5],
    [0.00220636496208, 111320.7020209128, 51751.86112841131, 3796837.749470245, 992013.7397791013,
     -1221952.21711287, 1340652.697009075, -620943.6990984312, 144416.9293806241, 37.5],
    [-0.0003441963504368392, 111320.7020576856, 278.2353980772752, 2485758.690035394, 6070.750963243378,
     54821.18345352118, 9540.606633304236, -2710.55326746645, 1405.483844121726, 22.5],
    [-0.0003218135878613132, 111320.7020701615, 0.00369383431289, 823725.6402795718, 0.46104986909093,
     2351.343141331292, 1.58060784298199, 8.77738589078284, 0.37238884252424, 7.45],
])  # fmt: skip


def shift(
    lon: ArrayLike, lat: ArrayLike, *, source: str, target: str, also: Collection[str] = ()
) -> tuple[Any, Any]:
    """Bring coordinates from one datum to another.

    Parameters
    ----------
    lon, lat
        Degrees (metres where `source` is bd09mc), arrays of one shape or two numbers. NaN stays NaN.
    source, target
        Names of `DATUMS`. wgs84 and cgcs2000 are taken as one: they differ by less than a metre (by 0.1 mm through
        the ellipsoid, the rest by plate motion since 2000).
    also
        Any of "hongkong", "macau" and "taiwan", where the maker of the map shifts them too; unasked they are left as
        they are (`in_mainland`).

    Returns
    -------
    (lon, lat) in degrees (metres where `target` is bd09mc): numbers for numbers, else float arrays of the input's
    shape.

    Notes
    -----
    GCJ-02 differs from WGS 84 only in the mainland (`in_mainland`); elsewhere it is left as it is. BD-09 differs from
    GCJ-02 everywhere, as with Baidu. The inverse of each formula is found by stepping back and is exact to
    below a millimetre; only in the strip of some 500 m along the border, where shifted and unshifted places lie over
    one another, a GCJ-02 point is taken as shifted if its origin lies inside.

    Raises
    ------
    UnknownDatum
        A name that is not one of `DATUMS`.
    WrongCall
        Arrays that do not fit each other.

    Examples
    --------
    >>> lon, lat = shift(116.377817, 39.911954, source="wgs84", target="gcj02")  # Beijing
    >>> round(lon, 6), round(lat, 6)
    (116.384047, 39.913345)
    >>> back = shift(lon, lat, source="gcj02", target="wgs84")
    >>> round(back[0], 8), round(back[1], 8)
    (116.377817, 39.911954)
    >>> shift([126.98], [37.57], source="wgs84", target="gcj02")  # Seoul stays
    (array([126.98]), array([37.57]))
    """
    start, end = _place(source, "source"), _place(target, "target")
    try:
        x, y = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    except ValueError as error:
        raise WrongCall(f"lon and lat must be numbers, one lat for each lon, but {error}; give both alike") from None
    shape = x.shape
    x, y = x.ravel().copy(), y.ravel().copy()
    forward: list[Step] = [partial(_wgs84_to_gcj02, also=also), *_FORWARD]
    backward: list[Step] = [partial(_gcj02_to_wgs84, also=also), *_BACKWARD]
    steps = forward[start:end] if start <= end else backward[end:start][::-1]
    for step in steps:
        for first in range(0, len(x), _CHUNK):
            part = slice(first, first + _CHUNK)
            x[part], y[part] = step(x[part], y[part])
    return (float(x[0]), float(y[0])) if shape == () else (x.reshape(shape), y.reshape(shape))


def _place(name: str, argument: str) -> int:
    """Where a datum stands in the chain wgs84 - gcj02 - bd09 - bd09mc."""
    if name not in DATUMS:
        raise UnknownDatum(f"{argument}={name!r} is not a datum that gridmap knows; take one of {', '.join(DATUMS)}")
    return max(DATUMS.index(name) - 1, 0)


def _offset(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Degrees by which GCJ-02 lies off WGS 84 at that place (which must be in the mainland)."""
    x, y = lon - 105.0, lat - 35.0
    root, product = np.sqrt(np.abs(x)), 0.1 * x * y
    # every sine of the formula is of a whole multiple of a sixtieth of the angle (x) or of a hundred-and-eightieth (y)
    sin_a, cos_a = _turns(x * (np.pi / 60.0))
    sin_2a = 2.0 * sin_a * cos_a
    sin_5a, cos_5a = _five(sin_a, cos_a)
    sin_20a, cos_20a = _doubled(*_doubled(sin_5a, cos_5a))
    sin_60a, cos_60a = _three(sin_20a, cos_20a)
    sin_120a = 2.0 * sin_60a * cos_60a
    waves = 20.0 * (sin_120a * (3.0 - 4.0 * sin_120a * sin_120a) + sin_120a)
    sin_c, cos_c = _turns(y * (np.pi / 180.0))
    sin_b, cos_b = _three(sin_c, cos_c)
    sin_2b = 2.0 * sin_b * cos_b
    sin_5b, cos_5b = _five(sin_b, cos_b)
    sin_20b, _ = _doubled(*_doubled(sin_5b, cos_5b))
    sin_60b = sin_20b * (3.0 - 4.0 * sin_20b * sin_20b)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + product + 0.2 * root + (
        waves + 20.0 * sin_60b + 40.0 * sin_20b + 160.0 * sin_5b + 320.0 * sin_2b
    ) * (2.0 / 3.0)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + product + 0.1 * root + (
        waves + 20.0 * sin_60a + 40.0 * sin_20a + 150.0 * sin_5a + 300.0 * sin_2a
    ) * (2.0 / 3.0)
    sin_phi = sin_c * _COS_35 + cos_c * _SIN_35
    cos_phi = cos_c * _COS_35 - sin_c * _SIN_35
    magic = 1.0 - _EE * sin_phi * sin_phi
    per_degree_east = (np.pi / 180.0 * _A) / np.sqrt(magic)
    per_degree_north = per_degree_east * ((1.0 - _EE) / magic)
    return east / (per_degree_east * cos_phi), north / per_degree_north


def _turns(angle: Floats) -> tuple[Floats, Floats]:
    """Sine and cosine of an angle."""
    return np.sin(angle), np.cos(angle)


def _doubled(sine: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    """Sine and cosine of twice the angle."""
    return 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine


def _three(sine: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    """Sine and cosine of three times the angle."""
    return sine * (3.0 - 4.0 * sine * sine), cosine * (4.0 * cosine * cosine - 3.0)


def _five(sine: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    """Sine and cosine of five times the angle."""
    s, c = sine * sine, cosine * cosine
    return sine * (5.0 + s * (16.0 * s - 20.0)), cosine * (5.0 + c * (16.0 * c - 20.0))


def _shifted(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    east, north = _offset(lon, lat)
    return lon + east, lat + north


def _wgs84_to_gcj02(lon: Floats, lat: Floats, *, also: Collection[str]) -> tuple[Floats, Floats]:
    inside = in_mainland(lon, lat, also=also)
    lon, lat = lon.copy(), lat.copy()
    lon[inside], lat[inside] = _shifted(lon[inside], lat[inside])
    return lon, lat


def _gcj02_to_wgs84(lon: Floats, lat: Floats, *, also: Collection[str]) -> tuple[Floats, Floats]:
    # The shift is below 0.02 degrees: whoever has no mainland within it need not be tried.
    near = (lon > 73.0) & (lon < 136.0) & (lat > 17.0) & (lat < 54.0)
    x, y = _solve(_shifted, lon[near], lat[near])
    inside = in_mainland(x, y, also=also)
    lon, lat = lon.copy(), lat.copy()
    where = np.flatnonzero(near)[inside]
    lon[where], lat[where] = x[inside], y[inside]
    return lon, lat


def _gcj02_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_PI)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _bd09_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    return _solve(_gcj02_to_bd09, lon, lat)


def _bd09_to_bd09mc(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y, _ = _bd_mercator(lon, np.clip(lat, -74.0, 74.0))
    return x, y


def _bd09mc_to_bd09(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    # Newton from the latitude of a plain Mercator; the digits that are right double each round.
    radius = 6378137.0
    lat = np.degrees(2.0 * np.arctan(np.exp(np.clip(y, -1.26e7, 1.26e7) / radius)) - np.pi / 2.0)
    for _ in range(_ROUNDS):
        _, north, slope = _bd_mercator(np.zeros_like(lat), lat)
        step = (y - north) / slope
        lat = np.clip(lat + step, -74.0, 74.0)
        if not np.any(np.abs(step) > _STEP_DEG):
            break
    scale = _LL2MC[_band(lat), 1]
    lon = np.sign(x) * np.maximum(np.abs(x) - _LL2MC[_band(lat), 0], 0.0) / scale
    return lon, lat


def _band(lat: Floats) -> NDArray[np.intp]:
    """Row of the table for each latitude."""
    return np.clip(np.digitize(np.abs(np.nan_to_num(lat)), _BD_BANDS), 0, len(_BD_BANDS) - 1)


def _bd_mercator(lon: Floats, lat: Floats) -> tuple[Floats, Floats, Floats]:
    """Baidu's x and y in metres, and the slope of y in metres a degree."""
    rows = _LL2MC[_band(lat)]
    share = np.abs(lat) / rows[:, 9]
    y, slope = rows[:, 8].copy(), np.zeros_like(share)
    for power in range(7, 1, -1):  # Horner, with the derivative alongside
        slope = slope * share + y
        y = y * share + rows[:, power]
    x = np.sign(lon) * (rows[:, 0] + rows[:, 1] * np.abs(lon))
    return x, np.sign(lat) * y, slope / rows[:, 9]


def _solve(formula: Step, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The place that `formula` brings to (lon, lat), by stepping back; only points still moving are worked on."""
    x, y = lon.copy(), lat.copy()
    open_ = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
    for _ in range(_ROUNDS):
        if not len(open_):
            break
        there = formula(x[open_], y[open_])
        east, north = lon[open_] - there[0], lat[open_] - there[1]
        x[open_] += east
        y[open_] += north
        open_ = open_[np.maximum(np.abs(east), np.abs(north)) > _STEP_DEG]
    return x, y


# Beyond the step between WGS 84 and GCJ-02, which asks where the border is.
_FORWARD: list[Step] = [_gcj02_to_bd09, _bd09_to_bd09mc]
_BACKWARD: list[Step] = [_bd09_to_gcj02, _bd09mc_to_bd09]


def metric_crs(lon: float | Sequence[float], lat: float | None = None) -> pyproj.CRS:
    """The CRS in metres for a place, fit for a city.

    In the mainland of China the CGCS2000 3-degree Gauss-Krueger zone named by its central meridian (EPSG:4534 to
    4554, no zone number in the easting); elsewhere the UTM zone on WGS 84.

    Parameters
    ----------
    lon, lat
        Degrees on WGS 84: one place, or `lon` alone as bounds (west, south, east, north), whose middle is taken.

    Raises
    ------
    WrongCall
        Coordinates that are not degrees, or not four bounds.

    Examples
    --------
    >>> metric_crs(118.78, 32.04).to_epsg(), metric_crs((116.30, 39.99, 116.34, 40.01)).to_epsg()
    (4549, 4548)
    >>> metric_crs(7.42, 43.74).to_epsg(), metric_crs(-76.6, 39.3).to_epsg(), metric_crs(-46.6, -23.5).to_epsg()
    (32632, 32618, 32723)
    """
    if lat is None:
        bounds = np.asarray(lon, dtype=float)
        if bounds.shape != (4,):
            raise WrongCall("metric_crs takes a longitude and a latitude, or four bounds (west, south, east, north)")
        x, y = float(bounds[0] + bounds[2]) / 2.0, float(bounds[1] + bounds[3]) / 2.0
    else:
        x, y = float(np.asarray(lon, dtype=float)), float(lat)
    if not (-180.0 <= x <= 180.0 and -90.0 <= y <= 90.0):
        raise WrongCall(f"({x:g}, {y:g}) is not longitude and latitude in degrees; bring the data to EPSG:4326 first")
    if in_mainland(x, y).item():
        return pyproj.CRS.from_epsg(4534 + round(x / 3.0) - 25)
    zone = min(int((x + 180.0) // 6.0) + 1, 60)
    return pyproj.CRS.from_epsg((32600 if y >= 0 else 32700) + zone)
