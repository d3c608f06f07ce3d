"""Who lives in the demo town: households, residents and needs by building, with totals that come out exactly.

The totals are those published for one old-town community of 0.4 km2: 3,056 households and 10,398 residents. Needs are
counts, never lists of people; shares follow what such a community may have, the old quarter being older and poorer.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.random import Generator

from layers.sample.filling import Ground
from layers.sample.names import COMMUNITY
from layers.sample.streets import WIDTH_M, Street

__all__ = ["HOUSEHOLDS", "RESIDENTS", "buildings", "estates", "share_out"]

HOUSEHOLDS = 3056
RESIDENTS = 10_398
#: Block -> residents' group. Groups run across what later become grids, as such divisions do.
_GROUPS = {
    "old_south": "第一居民小组", "old_north": "第二居民小组", "west": "第三居民小组", "north_west": "第四居民小组",
    "north": "第五居民小组", "north_east": "第五居民小组", "east": "第六居民小组", "south_east": "第六居民小组",
}
#: Share of residents aged 60 and over: old quarter, managed estates, elsewhere.
_AGED = (0.33, 0.14, 0.24)


def share_out(weights: np.ndarray, total: int) -> np.ndarray:
    """
    Whole numbers that add up to the total and follow the weights (largest remainders; Hamilton's method).

    Examples
    --------
    >>> share_out(np.array([1.0, 1.0, 1.0]), 10).tolist()
    [4, 3, 3]
    """
    exact = weights / weights.sum() * total
    shares = np.floor(exact).astype(int)
    rest = np.argsort(shares - exact, kind="stable")[: total - shares.sum()]
    shares[rest] += 1
    return shares


def buildings(ground: Ground, rng: Generator, crs: str) -> gpd.GeoDataFrame:
    """
    Every building with its people, numbered in rows from the north, west to east.

    Returns
    -------
    GeoDataFrame in the plan's metres (`crs` names what they are metres of) with the schema's columns, the column
    `resident_group`, and `front` (street of its shops) and `public` (key of what it houses) for those who place
    services.
    """
    found = ground.fabric.buildings
    table = gpd.GeoDataFrame(
        {
            "use": [one.use for one in found],
            "levels": [one.levels for one in found],
            "units": [one.units for one in found],
            "dwellings": [one.dwellings for one in found],
            "estate": [one.estate for one in found],
            "block": [one.block for one in found],
            "front": [one.front for one in found],
            "public": [one.public for one in found],
        },
        geometry=[one.shape for one in found], crs=crs,
    )
    middle = shapely.point_on_surface(table.geometry.array)
    order = np.lexsort((shapely.get_x(middle), -np.floor(shapely.get_y(middle) / 60.0)))
    table = table.iloc[order].reset_index(drop=True)
    table["address"] = _addresses(table, ground.roads)
    table["name"] = _names(table)
    table["code"] = [f"{COMMUNITY[0]}-{number:05d}" for number in range(1, len(table) + 1)]
    table["resident_group"] = table["block"].map(_GROUPS)
    _settle(table, [one for one in ground.plots if one.use == "managed"], rng)
    return table


def estates(ground: Ground, table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The 21 estates with the sums of their buildings; small ones are courtyards, two have property management."""
    plots = [plot for plot in ground.plots if plot.estate is not None]
    names = [str(plot.estate) for plot in plots]
    sums = table.groupby("estate")[["households", "residents"]].sum().reindex(names)
    lands = [ground.fabric.lands[name] for name in names]
    return gpd.GeoDataFrame(
        {
            "code": [f"XQ{number:02d}" for number in range(1, len(names) + 1)],
            "name": names,
            "kind": np.where(shapely.area(lands) < 4500.0, "courtyard", "estate"),
            "managed": [plot.use == "managed" for plot in plots],
            "households": sums["households"].to_numpy(),
            "residents": sums["residents"].to_numpy(),
        },
        geometry=lands, crs=table.crs,
    )


def _settle(table: gpd.GeoDataFrame, managed: Sequence, rng: Generator) -> None:
    """Add households, residents and needs to the table."""
    rooms = table["dwellings"].to_numpy(dtype=float)
    households = share_out(rooms * rng.uniform(0.8, 1.0, len(rooms)), HOUSEHOLDS)
    sizes = rng.normal(3.4, 0.28, len(rooms)).clip(2.5, 4.3)
    residents = share_out(households * sizes, RESIDENTS)
    old = table["block"].str.startswith("old").to_numpy()
    new = table["estate"].isin([plot.estate for plot in managed]).to_numpy()
    aged_60 = rng.binomial(residents, np.select([old, new], _AGED[:2], _AGED[2]))
    younger = residents - aged_60
    aged_0_3 = rng.binomial(younger, np.where(new, 0.045, 0.028))
    needs = {
        "aged_60": aged_60,
        "aged_80": rng.binomial(aged_60, 0.17),
        "living_alone": np.minimum(rng.binomial(aged_60, np.where(old, 0.16, 0.1)), households),
        "disabled": rng.binomial(residents, 0.021),
        "low_income": rng.binomial(households, np.select([old, new], (0.06, 0.004), 0.03)),
        "aged_0_3": aged_0_3,
        "aged_3_6": rng.binomial(younger - aged_0_3, np.where(new, 0.05, 0.034)),
    }
    for name, values in {"households": households, "residents": residents, **needs}.items():
        table[name] = pd.array(values, dtype="Int64")
    for name in ("levels", "units"):
        table[name] = table[name].astype("Int64")


def _addresses(table: gpd.GeoDataFrame, roads: Sequence[Street]) -> list[str]:
    """Street and number: the nearest street with a name, odd numbers on its left, counted from its beginning."""
    named = [road for road in roads if road.name]
    names = np.array([road.name for road in named])
    whole = {name: shapely.line_merge(shapely.union_all([road.line for road in named if road.name == name]))
             for name in dict.fromkeys(names)}
    # houses of a wide street stand further from its middle than those of a lane
    half = np.array([WIDTH_M[road.kind] / 2 for road in named])
    away = shapely.distance(table.geometry.to_numpy()[:, None], np.array([road.line for road in named])[None, :]) - half
    names = names[away.argmin(axis=1)]
    street = np.array([whole[name] for name in names])
    points = shapely.point_on_surface(table.geometry.to_numpy())
    along = shapely.line_locate_point(street, points)
    foot, ahead = (
        shapely.get_coordinates(shapely.line_interpolate_point(street, along + step)) for step in (-0.5, 0.5)
    )
    course, aside = ahead - foot, shapely.get_coordinates(points) - foot
    left = course[:, 0] * aside[:, 1] - course[:, 1] * aside[:, 0] > 0
    order = pd.DataFrame({"street": names, "left": left, "along": along})
    rank = order.groupby(["street", "left"])["along"].rank(method="first").astype(int)
    numbers = rank * 2 - np.where(left, 1, 0)
    return [f"{name}{number}号" for name, number in zip(names, numbers, strict=True)]


def _names(table: gpd.GeoDataFrame) -> list[str]:
    """Estate and number of the block in it; the address elsewhere."""
    number = table.groupby("estate").cumcount() + 1
    return [
        f"{estate}{int(which)}栋" if isinstance(estate, str) else address
        for estate, which, address in zip(table["estate"], number, table["address"], strict=True)
    ]
