"""Coordinates as people write them: degrees, minutes and seconds, both in one cell, metres of a projection.

Everything here takes columns of text and gives numbers; which datum they are in is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import NDArray

from layers.errors import CrsMismatch
from layers.values import as_number, plain

__all__ = ["Projection", "as_degrees", "as_pair", "columns_by_value", "projection_of"]

Floats = NDArray[np.float64]

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_DMS = re.compile(
    r"(?P<before>[NSEW东西南北])?\s*(?P<sign>[+-])?(?P<d>\d{1,3}(?:\.\d+)?)\s*(?:[°o度d:\s]\s*)"
    r"(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*(?:['′’分m:]|\s|$)\s*)?(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:\"|”|''|′′|’’|秒|s)?\s*)?"
    r"(?P<after>[NSEW东西南北])?",
    re.IGNORECASE,
)
_SIDE = "[NSEW东西南北]"
_LETTERED = re.compile(
    rf"(?P<before>{_SIDE})\s*:?\s*(?P<a>{_NUMBER})|(?P<b>{_NUMBER})\s*(?P<after>{_SIDE})", re.IGNORECASE
)
_POINT = re.compile(rf"POINT\s*(?:Z\s*)?\(\s*({_NUMBER})[\s,]+({_NUMBER})", re.IGNORECASE)
_PAIR = re.compile(rf"[((\[]?\s*({_NUMBER})\s*[,;，；、\s]\s*({_NUMBER})\s*[))\]]?\s*\Z")
_CHINA_LON, _CHINA_LAT = (73.0, 136.0), (3.0, 54.0)


def as_degrees(column: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Degrees from numbers and from degrees, minutes and seconds.

    Returns
    -------
    (float64, bad): NaN where a cell is empty or unreadable; south and west are negative.

    Examples
    --------
    >>> cells = ["113.25", "113°15′36″E", "东经113度15分", "W 77.5", "23 7 30", "about 113", None]
    >>> values, bad = as_degrees(pd.Series(cells))
    >>> values.round(4).tolist(), bad.tolist()
    ([113.25, 113.26, 113.25, -77.5, 23.125, nan, nan], [False, False, False, False, False, True, False])
    """
    values, bad = as_number(column, whole=False)
    odd = column[bad]
    if len(odd):
        read = {text: _degrees(plain(text)) for text in odd.unique()}
        values = values.copy()
        values.loc[odd.index] = odd.map(read).astype("float64")
        bad = bad & values.isna()
    return values, bad.astype(bool)


def _degrees(text: str) -> float:
    text = text.replace("经", "").replace("纬", "")
    found = _DMS.fullmatch(text)
    if found is not None:
        side = (found["before"] or found["after"] or "").upper()
        parts = [float(found[name]) if found[name] else 0.0 for name in ("d", "m", "s")]
        if parts[1] >= 60 or parts[2] >= 60:
            return float("nan")
        value = parts[0] + parts[1] / 60 + parts[2] / 3600
        return -value if found["sign"] == "-" or side in ("S", "W", "南", "西") else value
    lettered = _LETTERED.fullmatch(text)
    if lettered is not None:
        side = (lettered["before"] or lettered["after"]).upper()
        value = float(lettered["a"] or lettered["b"])
        return -value if side in ("S", "W", "南", "西") else value
    return float("nan")


def as_pair(column: pd.Series) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Two numbers from one cell, in the order in which they stand.

    Read are '113.2,23.1', '(39.0, -77.0)', 'POINT(113.2 23.1)' and an address with a bracket of coordinates at its end.

    Returns
    -------
    (first, second, bad); NaN where a cell is empty or unreadable.

    Examples
    --------
    >>> cells = ["113.2,23.1", "3400 BLVD\\n(39.0, -77.0)", "POINT (113.2 23.1)", "nowhere", None]
    >>> first, second, bad = as_pair(pd.Series(cells))
    >>> first.tolist(), second.tolist(), bad.tolist()
    ([113.2, 39.0, 113.2, nan, nan], [23.1, -77.0, 23.1, nan, nan], [False, False, False, True, False])
    """
    read = {text: _pair(plain(text)) for text in column.dropna().unique()}
    nothing = (np.nan, np.nan)
    pairs = np.array([read.get(text, nothing) for text in column], dtype=float).reshape(-1, 2)
    blank = column.isna().to_numpy() | (column.astype("str").str.strip() == "").to_numpy(dtype=bool)
    return pairs[:, 0], pairs[:, 1], np.isnan(pairs[:, 0]) & ~blank


def _pair(text: str) -> tuple[float, float]:
    found = _POINT.search(text) or _PAIR.search(text)
    if found is not None:
        return float(found[1]), float(found[2])
    parts = [part for part in re.split(r"[,;，；]", text) if part.strip()]
    if len(parts) == 2:
        return _degrees(parts[0].strip()), _degrees(parts[1].strip())
    return float("nan"), float("nan")


def columns_by_value(table: pd.DataFrame, columns: Sequence[object]) -> tuple[object, object] | None:
    """The two columns that hold longitudes and latitudes of China by what stands in them, where just two do.

    Nine tenths of the cells with content must be degrees in China's range with three decimals or more.

    Examples
    --------
    >>> table = pd.DataFrame({"n": ["1", "2"], "a": ["23.1291", "23.1302"], "b": ["113.2644", "113.2650"]})
    >>> columns_by_value(table, ["n", "a", "b"])
    ('b', 'a')
    """
    found: dict[str, list[object]] = {"lon": [], "lat": []}
    for column in columns:
        text = table[column].dropna().astype("str").str.strip()
        text = text[text != ""]
        if len(text) == 0:
            continue
        exact = text.str.fullmatch(r"\d{1,3}\.\d{3,}")
        if exact.mean() < 0.9:
            continue
        values = pd.to_numeric(text[exact])
        for name, (low, high) in (("lon", _CHINA_LON), ("lat", _CHINA_LAT)):
            if values.between(low, high).mean() >= 0.9:
                found[name].append(column)
    if len(found["lon"]) == 1 and len(found["lat"]) == 1:
        return found["lon"][0], found["lat"][0]
    return None


@dataclass(frozen=True)
class Projection:
    """A projection that coordinates in metres are in, and whether north stands first."""

    crs: pyproj.CRS
    north_first: bool
    evidence: str


def projection_of(first: Floats, second: Floats, *, name: str, crs: pyproj.CRS | None = None) -> Projection:
    """Which projection two columns of metres are in.

    Eastings of Gauss-Krueger with a zone number (38 500 000) say their zone: 25 to 45 is of 3 degrees (EPSG:4513 to
    4533), 13 to 23 of 6 degrees (EPSG:4491 to 4501). Eastings without one fit every zone, so that somebody must name
    the CRS. North has seven digits from 2.0 to 6.0 million, whatever the columns are called: surveyors call it X.

    Parameters
    ----------
    first, second
        Metres, in the order of the columns; NaN where missing.
    name
        Of the file, for messages.
    crs
        CRS that somebody named.

    Raises
    ------
    CrsMismatch
        The metres do not say their CRS, and nobody named it; the message lists those that fit.

    Examples
    --------
    >>> found = projection_of(np.array([2559000.0]), np.array([38500000.0]), name="a.csv")
    >>> found.crs.to_epsg(), found.north_first
    (4526, True)
    """
    a, b = (float(np.nanmedian(values)) for values in (first, second))
    north_first = _is_north(a) and not _is_north(b)
    if crs is not None:
        return Projection(crs, north_first, f"named: {crs.name}")
    easting, northing = (b, a) if north_first else (a, b)
    if _is_north(northing):
        zone, rest = divmod(easting, 1e6)
        within = np.nanmean((np.floor((second if north_first else first) / 1e6) == zone).astype(float)) > 0.99
        if 25 <= zone <= 45 and 200_000 <= rest <= 800_000 and within:
            return Projection(
                pyproj.CRS.from_epsg(4513 + int(zone) - 25), north_first,
                f"eastings start with {int(zone)}: zone {int(zone)} of 3 degrees",
            )  # fmt: skip
        mercator = _mercator_is_china(easting, northing)
        if 13 <= zone <= 23 and 200_000 <= rest <= 800_000 and within and not mercator:
            return Projection(
                pyproj.CRS.from_epsg(4491 + int(zone) - 13), north_first,
                f"eastings start with {int(zone)}: zone {int(zone)} of 6 degrees",
            )  # fmt: skip
        if 200_000 <= easting <= 800_000:
            raise CrsMismatch(
                f"{name} holds metres of Gauss-Krueger without a zone number (such as {a:.1f}, {b:.1f}), which fit "
                f"every zone: {_places(easting, northing)}; name theirs, source_crs = \"EPSG:N\""
            )
    raise CrsMismatch(
        f"{name} holds numbers that are not degrees (such as {a:.12g}, {b:.12g}); name their CRS, "
        'source_crs = "EPSG:N" (EPSG:3857 for Web Mercator), or datum = bd09mc for Baidu\'s metres'
    )


def _is_north(value: float) -> bool:
    """Metres north of the equator, as far north as China reaches."""
    return 1_800_000 <= value <= 6_000_000


def _mercator_is_china(easting: float, northing: float) -> bool:
    """Whether the pair would lie in China as Web Mercator too."""
    lon = easting / 20037508.34 * 180.0
    lat = np.degrees(2 * np.arctan(np.exp(northing / 6378137.0)) - np.pi / 2)
    return bool(_CHINA_LON[0] <= lon <= _CHINA_LON[1] and 17.0 <= lat <= _CHINA_LAT[1])


def _places(easting: float, northing: float) -> str:
    """Where the metres would lie in the 3-degree zones of populous China, as text."""
    said = []
    for meridian in range(102, 127, 3):
        crs = pyproj.CRS.from_epsg(4534 + (meridian - 75) // 3)
        lon, lat = pyproj.Transformer.from_crs(crs, 4490, always_xy=True).transform(easting, northing)
        said.append(f"EPSG:{crs.to_epsg()} {lon:.2f}, {lat:.2f}")
    return "; ".join(said)
