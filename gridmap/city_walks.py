"""A built city ready to walk in: its layers, its norms, its streets as a network, and places as people type them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyproj
import shapely

from gridmap.access.network import WalkNetwork
from gridmap.city_norms import norms_in_force
from gridmap.covering import READ, walking_network
from gridmap.norms import Norms
from gridmap.of_today import read_today
from gridmap.rework import cover_settings
from gridmap.settings import CoverSettings
from gridmap.stores import Store
from layers.errors import MissingLayer, NotFound, WrongCall
from layers.findings import Findings

__all__ = ["CityWalks", "read_walks", "spot"]


@dataclass(frozen=True, kw_only=True)
class CityWalks:
    """What is asked of a city when people walk in it.

    Parameters
    ----------
    crs
        Metric CRS of everything here.
    name
        The city's name.
    layers
        Frames by name, of `gridmap.covering.READ` those that there are.
    norms, settings
        Norms with a distance, and the city's choices.
    network
        Its walking network.
    findings
        What was odd about the streets.
    """

    crs: pyproj.CRS
    name: str
    layers: dict[str, gpd.GeoDataFrame | pd.DataFrame]
    norms: Norms
    settings: CoverSettings
    network: WalkNetwork
    findings: Findings

    def areas(self, name: str) -> gpd.GeoDataFrame:
        """A layer with geometry; an empty one where the city has none."""
        frame = self.layers.get(name)
        if isinstance(frame, gpd.GeoDataFrame):
            return frame
        return gpd.GeoDataFrame({"code": []}, geometry=[], crs=self.crs)

    def facilities(self, kinds: tuple[str, ...] | None = None) -> gpd.GeoDataFrame:
        """Facilities with a place, of the kinds asked for; all kinds that have a norm without any."""
        frame = self.areas("facilities")
        frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
        return frame[frame["kind"].isin(list(kinds or self.norms.keys()))] if len(frame) else frame

    def building(self, code: str) -> gpd.GeoDataFrame:
        """One building by its code; of one that was cut into parts, the first part.

        Raises
        ------
        NotFound
            Where the city has no such building.
        """
        homes = self.areas("buildings")
        found = homes[homes["code"] == code]
        if found.empty and "part_of" in homes:
            found = homes[homes["part_of"] == code].sort_values("code")
        if found.empty:
            raise NotFound(f"there is no building {code}; look for its code in the layer buildings")
        return found.iloc[:1]


def read_walks(store: Store, *, norms: str | Path | None = None) -> CityWalks:
    """A city's layers, norms and walking network, as coverage is computed from them: by what is valid today.

    Parameters
    ----------
    store
        An open store.
    norms
        Norms file in place of the packaged one and of what is changed in the store.

    Raises
    ------
    MissingLayer
        Where the city has no buildings, or no streets to walk on.
    """
    kept = set(store.layers())
    layers = read_today(store, (name for name in READ if name in kept))
    for name in ("micro_grids", "buildings"):
        if not len(layers.get(name, ())):
            raise MissingLayer(f"the city has no {name}; build it again with a layer buildings in its folder")
    findings = Findings()
    network = walking_network(layers, findings)
    if network is None:
        raise MissingLayer("the city has no streets to walk on; build it again with a layer roads in its folder")
    return CityWalks(
        crs=store.crs, name=store.meta().get("name", ""), layers=layers,
        norms=norms_in_force(store, norms).with_distance(), settings=cover_settings(store), network=network,
        findings=findings,
    )


def spot(text: str, crs: Any) -> tuple[float, float]:
    """A place as people type it, in the city's CRS: `lon,lat` in degrees of WGS 84, or `x,y` in the city's metres.

    Raises
    ------
    WrongCall
        Where it is neither, or lies where the city's CRS does not reach.

    Examples
    --------
    >>> spot("512000,3381000", "EPSG:4547")
    (512000.0, 3381000.0)
    >>> [round(value) for value in spot("114.0, 30.5", "EPSG:4547")]
    [500000, 3375542]
    """
    try:
        x, y = (float(part) for part in text.replace("，", ",").split(","))
    except ValueError:
        raise WrongCall(f"a place is lon,lat in degrees or x,y in the city's metres, not {text!r}") from None
    if -180 <= x <= 180 and -90 <= y <= 90:
        x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(x, y)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise WrongCall(f"{text!r} lies where the city's CRS does not reach; correct it")
    return float(x), float(y)


def near_city(place: tuple[float, float], buildings: gpd.GeoDataFrame, *, within_m: float, text: str) -> None:
    """Refuse a place so far from every building that it is most likely mistyped.

    Raises
    ------
    WrongCall
        With how far off it lies.
    """
    west, south, east, north = buildings.total_bounds
    away = shapely.Point(place).distance(shapely.box(west, south, east, north))
    if away > within_m:
        raise WrongCall(f"{text} lies {away / 1000:,.1f} km outside the city; longitude comes first, then latitude")
