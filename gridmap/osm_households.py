"""How many households live in a building of OpenStreetMap: an estimate by a fixed rule, never data.

Households = round(footprint x levels x share that is lived in / 90 m2), at least 1 where the building is a home;
`building:flats` wins where it is tagged. Levels are `building:levels`, else `height` / 3 m, else what the type mostly
has. The share is 1 for homes; for `building=yes` it is 1 in residential land and 0.5 elsewhere, unless its tags,
    its land
or its size say otherwise; 0 for every other type.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

__all__ = ["M2_A_HOUSEHOLD", "households_of"]

#: Gross floor area of a household with its share of stairs and walls, m2.
M2_A_HOUSEHOLD = 90.0
#: Smaller footprints are sheds, m2; larger ones of unknown use are halls; higher ones of unknown use are offices.
_SHED_M2, _HALL_M2, _HIGH = 20.0, 5000.0, 25
_HOMES = {
    "apartments": 6, "dormitory": 6, "residential": 4, "house": 2, "detached": 2, "semidetached_house": 2, "terrace": 2,
    "farm": 2, "bungalow": 1, "hut": 1, "cabin": 1, "static_caravan": 1, "houseboat": 1, "ger": 1,
}  # fmt: skip
_OTHER_LEVELS = 3
_NO_HOMES = (
    "commercial", "retail", "industrial", "education", "religious", "military", "railway", "garages", "construction",
    "institutional", "school", "university", "college", "hospital", "depot", "port", "quarry",
)  # fmt: skip


def households_of(buildings: gpd.GeoDataFrame, landuse: gpd.GeoDataFrame) -> pd.DataFrame:
    """Levels, households and the rule that gave them.

    Parameters
    ----------
    buildings
        Areas in a metric CRS with the tags `building`, `building_levels`, `building_flats`, `height`, `amenity`,
            `shop`,
        `office`, `leisure` as text.
    landuse
        Areas with `landuse` in the same CRS.

    Returns
    -------
    DataFrame on the index of `buildings`: `levels` (integer), `households` (integer), `basis` (text).

    Examples
    --------
    >>> tags = {"building": ["apartments", "yes", "school"], "building_levels": ["6", None, "3"]}
    >>> tags |= dict.fromkeys(["building_flats", "height", "amenity", "shop", "office", "leisure"])
    >>> squares = [shapely.box(i * 50, 0, i * 50 + 30, 15) for i in range(3)]
    >>> land = gpd.GeoDataFrame({"landuse": ["residential"]}, geometry=[shapely.box(40, -9, 90, 30)], crs=4549)
    >>> households_of(gpd.GeoDataFrame(tags, geometry=squares, crs=4549), land).values.tolist()
    [[6, 30, 'home'], [3, 15, 'residential land'], [3, 0, 'school']]
    """
    kind = buildings["building"].astype("object").fillna("yes")
    area = pd.Series(shapely.area(np.asarray(buildings.geometry.array)), buildings.index)
    levels = _levels(buildings, kind)
    land = _land(buildings, landuse)
    share = pd.Series(0.0, buildings.index)
    basis = kind.astype("object").copy()
    home = kind.isin(list(_HOMES))
    share[home], basis[home] = 1.0, "home"
    open_ = kind == "yes"
    used = open_ & (buildings["amenity"].notna() | buildings["office"].notna() | buildings["leisure"].notna())
    rules = [
        (used, 0.0, "other use"),
        (open_ & (land == "residential"), 1.0, "residential land"),
        (open_ & land.isin(_NO_HOMES), 0.0, "other land"),
        (open_ & buildings["shop"].notna(), 0.5, "shop below"),
        (open_ & ((area >= _HALL_M2) | (levels >= _HIGH)), 0.0, "unknown use, large"),
        (open_, 0.5, "unknown use"),
    ]
    settled = ~open_
    for mask, value, word in rules:
        here = mask & ~settled
        share[here], basis[here] = value, word
        settled |= here
    small = area < _SHED_M2
    share[small], basis[small] = 0.0, "shed"
    count = (area * levels * share / M2_A_HOUSEHOLD).round()
    count = count.where(share < 1.0, count.clip(lower=1.0))
    flats = _whole(buildings["building_flats"])
    count, basis = count.where(flats.isna(), flats), basis.where(flats.isna(), "building:flats")
    return pd.DataFrame({"levels": levels.astype("int64"), "households": count.astype("int64"), "basis": basis})


def _whole(tags: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(tags.astype("object").where(tags.notna(),
        None).astype("str").str.extract(r"^\s*(\d+(?:\.\d+)?)")[0])
    return numbers.where(numbers < 10_000)


def _levels(buildings: gpd.GeoDataFrame, kind: pd.Series) -> pd.Series:
    tagged = _whole(buildings["building_levels"])
    by_height = (_whole(buildings["height"]) / 3.0).round().clip(lower=1.0)
    usual = kind.map(_HOMES).fillna(_OTHER_LEVELS)
    levels = tagged.where(tagged >= 1).fillna(by_height).fillna(usual.astype("float64"))
    return levels.round().clip(upper=200.0)


def _land(buildings: gpd.GeoDataFrame, landuse: gpd.GeoDataFrame) -> pd.Series:
    """Use of the smallest piece of land that the middle of a building lies on."""
    found = pd.Series("", buildings.index, dtype="object")
    if not len(landuse):
        return found
    ground = np.asarray(landuse.geometry.array)
    middle = shapely.point_on_surface(np.asarray(buildings.geometry.array))
    which, on = shapely.STRtree(ground).query(middle, predicate="within")
    pairs = pd.DataFrame({"which": which, "on": on, "area": shapely.area(ground[on])})
    pairs = pairs.sort_values(["which", "area", "on"]).drop_duplicates("which")
    found.iloc[pairs["which"].to_numpy()] = landuse["landuse"].to_numpy()[pairs["on"].to_numpy()]
    return found
