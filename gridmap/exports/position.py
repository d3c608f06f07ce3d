"""Where the coordinates are to lie: a CRS with its EPSG code, or a shifted datum that has none.

GCJ-02 (AMap, Tencent) and BD-09 (Baidu) are no coordinate systems that EPSG knows: the points are moved by 100 to
700 m, more for BD-09, by a formula without a closed inverse. A file in them says so in its name, its .prj and its
README, never "WGS 84".
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from gridmap.exports.notices import Notices
from gridmap.exports.order import Order
from layers.datum import shift
from layers.errors import CrsMismatch, WrongCall
from layers.schema import Layer

__all__ = ["Position", "bring", "decimals"]

WGS84 = pyproj.CRS.from_epsg(4326)
CGCS2000 = pyproj.CRS.from_epsg(4490)

_SHIFTED = {"gcj02": "GCJ-02", "bd09": "BD-09"}


@dataclass(frozen=True, kw_only=True)
class Position:
    """What the coordinates of a file are.

    `crs` is None for a plain table. `shifted` names the datum where no EPSG code exists; the CRS is then a geographic
    one made up under that name, so that no software takes it for WGS 84.
    """

    crs: pyproj.CRS | None
    shifted: str | None = None

    @property
    def suffix(self) -> str:
        """What a file name gets: `_gcj02`, `_bd09` or nothing."""
        return f"_{self.shifted}" if self.shifted else ""

    @property
    def label(self) -> str:
        """Name and code, for a README.

        Examples
        --------
        >>> Position(crs=CGCS2000).label
        'China Geodetic Coordinate System 2000 (EPSG:4490)'
        """
        if self.crs is None:
            return "-"
        if self.shifted:
            return f"{_SHIFTED[self.shifted]} (no EPSG code)"
        authority = self.crs.to_authority(min_confidence=100)
        return f"{self.crs.name} ({':'.join(authority)})" if authority else str(self.crs.name)

    @property
    def degrees(self) -> bool:
        """Whether the coordinates are longitude and latitude."""
        return self.crs is not None and self.crs.is_geographic


def decimals(position: Position) -> int:
    """Decimals of a coordinate written as text: 10 for degrees (0.01 mm), 5 for metres (0.01 mm)."""
    return 10 if position.degrees else 5


def bring(geometry: gpd.GeoSeries, order: Order, layer: Layer, notices: Notices) -> tuple[gpd.GeoSeries, Position]:
    """The geometry where the order wants it, on a RangeIndex, and what its coordinates then are.

    Without `crs` and `datum` it stays where it is, but for GeoJSON and KML, which are WGS 84. Longitude comes first,
    whatever the axis order in the EPSG register.

    Raises
    ------
    CrsMismatch
        Where the frame does not say its CRS.
    WrongCall
        Where the target system cannot hold a coordinate.

    Examples
    --------
    >>> from layers.schema import layer
    >>> here = gpd.GeoSeries([shapely.Point(500000, 3540000)], crs="EPSG:4549")
    >>> there, position = bring(here, Order(crs="EPSG:4490"), layer("facilities"), Notices("facilities"))
    >>> there.get_coordinates().round(2).values.tolist(), position.label
    ([[120.0, 31.98]], 'China Geodetic Coordinate System 2000 (EPSG:4490)')
    """
    geometry = geometry.reset_index(drop=True)
    if geometry.crs is None:
        raise CrsMismatch(f"{layer.name} does not say its coordinate system; name it with set_crs() before exporting")
    target = _target(order, geometry.crs)
    moved = geometry if geometry.crs == target else geometry.to_crs(target)
    if not np.isfinite(shapely.get_coordinates(moved.array)).all():
        raise WrongCall(f"{target.name} cannot hold every coordinate of {layer.name}; choose a system for its region")
    shifted = order.datum if order.datum in _SHIFTED else None
    rows = int((~moved.isna() & ~moved.is_empty).sum())
    if shifted:
        coordinates = shapely.get_coordinates(moved.array)
        lon, lat = shift(coordinates[:, 0], coordinates[:, 1], source="wgs84", target=shifted)
        # only x and y move; a height, where there is one, stays
        moved = _with_xy(moved, np.column_stack([lon, lat]))
        notices.add("shifted_datum", rows, detail=_SHIFTED[shifted])
    elif order.format in ("geojson", "kml") and order.datum == "cgcs2000":
        notices.add("datum_not_standard", rows, detail="CGCS2000")
    position = Position(crs=_made_up(shifted) if shifted else target, shifted=shifted)
    return moved.set_crs(position.crs, allow_override=True), position


def _target(order: Order, own: pyproj.CRS) -> pyproj.CRS:
    if order.crs is not None:
        return order.crs
    if order.datum == "cgcs2000":
        return CGCS2000
    if order.datum is not None or order.format in ("geojson", "kml"):
        return WGS84
    return own


def _with_xy(geometry: gpd.GeoSeries, xy: np.ndarray) -> gpd.GeoSeries:
    heights = shapely.get_coordinates(geometry.array, include_z=True)[:, 2:]
    has_z = bool(shapely.has_z(geometry.array).any())
    coordinates = np.hstack([xy, heights]) if has_z else xy
    moved = shapely.transform(geometry.array, lambda _: coordinates, include_z=has_z)
    return gpd.GeoSeries(moved, index=geometry.index, crs=geometry.crs)


def _made_up(datum: str) -> pyproj.CRS:
    """A geographic CRS of that name on the ellipsoid of WGS 84, tied to no register."""
    name = _SHIFTED[datum]
    return pyproj.CRS.from_wkt(
        f'GEOGCS["{name} (not WGS 84)",DATUM["{name}",SPHEROID["WGS 84",6378137,298.257223563]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
    )
