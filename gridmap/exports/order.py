"""What was asked for, checked once: format, encoding, coordinates, names, and what the README should say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyproj
from pyproj.exceptions import CRSError

from layers.errors import WrongCall

__all__ = ["DATUMS", "ENCODINGS", "FORMATS", "NAMES", "Order"]

#: Format -> the ending of its main file.
FORMATS = {
    "shapefile": ".shp",
    "geopackage": ".gpkg",
    "geojson": ".geojson",
    "kml": ".kml",
    "csv": ".csv",
    "xlsx": ".xlsx",
}
#: Encodings of a shapefile's texts -> what its .cpg says.
ENCODINGS = {"gb18030": "GB18030", "utf-8": "UTF-8"}
#: Datums of the coordinates; the last two are shifted, with no EPSG code.
DATUMS = ("wgs84", "cgcs2000", "gcj02", "bd09")
#: Headings in Chinese or in gridmap's own English names.
NAMES = ("en", "zh")


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order for files.

    Parameters
    ----------
    format
        A key of `FORMATS`.
    encoding
        A key of `ENCODINGS`, for the texts of a shapefile; the other formats are always UTF-8.
    crs
        Target system, anything pyproj understands ("EPSG:4547"); None leaves the frame's, or the format's own.
    datum
        One of `DATUMS`: longitude and latitude in that datum; None where `crs` says it or nothing is asked.
    names
        One of `NAMES`: headings where the format allows long ones.
    scope
        Area codes the rows were read within, for the README; ("",) is the whole city.
    as_of
        Day for which the rows hold, for the README.
    attribution
        Who made the source data, for the README.
    made_on
        Day of making; None is today.

    Raises
    ------
    WrongCall
        Where a value is not one of those, or two contradict each other.

    Examples
    --------
    >>> Order(encoding="UTF8").encoding
    'utf-8'
    >>> Order(encoding="gbk")
    Traceback (most recent call last):
    layers.errors.WrongCall: gbk leaves out characters such as 㙍 and 𠮷; take gb18030, which holds all of ...
    """

    format: str = "shapefile"
    encoding: str = "gb18030"
    crs: Any = None
    datum: str | None = None
    names: str = "en"
    scope: Sequence[str] = ("",)
    as_of: date | None = None
    attribution: str | None = None
    made_on: date | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "format", _one_of(self.format, FORMATS, "format"))
        object.__setattr__(self, "encoding", _encoding(self.encoding))
        object.__setattr__(self, "names", _one_of(self.names, NAMES, "names"))
        if self.datum is not None:
            object.__setattr__(self, "datum", _one_of(self.datum, DATUMS, "datum"))
        if self.crs is not None:
            object.__setattr__(self, "crs", self._checked_crs())

    def _checked_crs(self) -> pyproj.CRS:
        try:
            crs = pyproj.CRS.from_user_input(self.crs)
        except CRSError:
            raise WrongCall(f"crs {self.crs!r} is not a coordinate system; give a code such as EPSG:4490") from None
        if not (crs.is_geographic or crs.is_projected):
            raise WrongCall(f"{crs.name} is not a system of flat or geographic coordinates; give one such as EPSG:4490")
        if self.datum is not None:
            raise WrongCall(
                f"crs {_code(crs)} and datum {self.datum} were both given, and each settles the coordinates alone; "
                "give one of them"
            )
        if self.format in ("geojson", "kml") and crs.to_epsg() != 4326:
            raise WrongCall(
                f"{self.format} is always longitude and latitude of WGS 84, not {_code(crs)}; leave crs out or take "
                "geopackage"
            )
        return crs


def _one_of(value: object, allowed: Sequence[str] | dict[str, str], what: str) -> str:
    name = value.lower() if isinstance(value, str) else value
    if name not in allowed:
        raise WrongCall(f"there is no {what} {value!r}; it is one of {', '.join(allowed)}")
    return str(name)


def _encoding(value: object) -> str:
    name = value.lower().replace("_", "-") if isinstance(value, str) else value
    if name in ("gbk", "cp936", "936", "gb2312"):
        raise WrongCall(
            f"{value} leaves out characters such as 㙍 and 𠮷; take gb18030, which holds all of {value} and the rest"
        )
    return _one_of("utf-8" if name == "utf8" else name, ENCODINGS, "encoding")


def _code(crs: pyproj.CRS) -> str:
    return f"EPSG:{code}" if (code := crs.to_epsg()) else str(crs.name)
