"""The way of one household to its nearest facility of a kind: figures and a line, to check a number with one's eyes."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import pandas as pd
import pyproj
import shapely

from gridmap.access.walk import walk_pairs
from gridmap.access.way import Way, way_between
from gridmap.atlas import DRAWN
from gridmap.city_walks import CityWalks, read_walks
from gridmap.maps.folium_map import draw
from gridmap.maps.page import write_page
from gridmap.norms import Norm
from gridmap.stores import open_store
from layers.errors import NotFound, WrongCall

#: Longer than any way on foot in a city, metres.
_ANY_LENGTH = 1e9

__all__ = ["HouseholdWay", "add_way", "draw_way", "reached_from", "walks_of", "way_from", "way_of"]


@dataclass(frozen=True, kw_only=True)
class HouseholdWay:
    """One building, one facility, and the way between them.

    Parameters
    ----------
    building, facility, facility_name
        Codes, and what the facility is called.
    norm
        What the kind is held to.
    way
        Line and metres.
    crs
        CRS of the line.
    """

    building: str
    facility: str
    facility_name: str
    norm: Norm
    way: Way
    crs: pyproj.CRS

    @property
    def within(self) -> bool:
        """Whether the way is within the norm."""
        return self.norm.metres is not None and self.way.metres <= self.norm.metres + 1e-6

    def words(self, lang: str = "zh") -> str:
        """The figures in a sentence or two."""
        way, norm = self.way, self.norm
        name = self.facility_name or self.facility
        climb = ""
        if math.isfinite(way.climb) and way.climb >= 1:
            climb = f", 上坡 {way.climb:.0f} 米" if lang == "zh" else f", {way.climb:.0f} m uphill"
        if not math.isfinite(way.metres):
            if lang == "zh":
                return f"从 {self.building} 步行找不到任何{norm.zh}。"
            return f"No way on foot leads from {self.building} to any {norm.en.lower()}."
        if lang == "zh":
            judged = "" if norm.metres is None else (
                f"标准 {norm.metres:g} 米{'' if norm.distance_verified else '（未核对）'}, "
                f"{'在' if self.within else '超出'}标准{'之内' if self.within else ''}。"
            )
            return (
                f"{norm.zh}: {name}, 步行 {way.metres:.0f} 米（约 {way.minutes:.0f} 分钟, 老人约 "
                f"{way.minutes_aged:.0f} 分钟）, 其中出门到街 {way.leg_from:.0f} 米、从街到门 {way.leg_to:.0f} 米; "
                f"直线 {way.straight:.0f} 米{climb}。{judged}"
            )
        judged = "" if norm.metres is None else (
            f" The norm is {norm.metres:g} m{'' if norm.distance_verified else ' (unverified)'}: "
            f"{'within' if self.within else 'beyond'} it."
        )
        return (
            f"{norm.en}: {name}, {way.metres:.0f} m on foot (about {way.minutes:.0f} min, {way.minutes_aged:.0f} for "
            f"the aged), of which {way.leg_from:.0f} m to the street and {way.leg_to:.0f} m from it; "
            f"{way.straight:.0f} m straight{climb}.{judged}"
        )

    def facts(self) -> dict[str, Any]:
        """The same as JSON has it; the line as GeoJSON in longitude and latitude, null where there is no way."""
        way = self.way

        def number(value: float) -> float | None:
            return round(float(value), 3) if math.isfinite(value) else None

        return {
            "building": self.building, "kind": self.norm.key, "facility": self.facility, "name": self.facility_name,
            "metres": number(way.metres), "minutes": number(way.minutes), "minutes_aged": number(way.minutes_aged),
            "leg_from": number(way.leg_from), "leg_to": number(way.leg_to), "straight": number(way.straight),
            "climb": number(way.climb),
            "norm_m": self.norm.metres, "verified": self.norm.distance_verified, "within": self.within,
            "line": None if way.line is None else {
                "type": "LineString", "coordinates": [[round(x, 7), round(y, 7)] for x, y in self._degrees()]
            },
            "words": {"zh": self.words("zh"), "en": self.words("en")},
        }  # fmt: skip

    def _degrees(self) -> list[tuple[float, float]]:
        line = gpd.GeoSeries([self.way.line], crs=self.crs).to_crs(4326).iloc[0]
        return [(float(x), float(y)) for x, y in shapely.get_coordinates(line)]


def way_of(
    city: str | Path, building: str, kind: str, *, facility: str | None = None, norms: str | Path | None = None
) -> HouseholdWay:
    """The way of a building's households to the nearest facility of a kind, or to a given one.

    Parameters
    ----------
    city
        Store URL.
    building
        Code of the building; of one cut into parts, the way is the same for all.
    kind
        Kind of facility.
    facility
        Code of the facility to walk to; the nearest without it.
    norms
        Norms file in place of the packaged one.

    Raises
    ------
    NotFound
        Where the building or the facility is not there.
    WrongCall
        For a kind without a norm.
    """
    return way_from(walks_of(city, norms=norms), building, kind, facility=facility)


def walks_of(city: str | Path, *, norms: str | Path | None = None) -> CityWalks:
    """A city read to walk in."""
    with open_store(city) as store:
        return read_walks(store, norms=norms)


def way_from(walks: CityWalks, building: str, kind: str, *, facility: str | None = None) -> HouseholdWay:
    """The same in a city that has been read."""
    if kind not in walks.norms:
        raise WrongCall(f"no norm with a distance for {kind!r}; the kinds are {', '.join(walks.norms.keys())}")
    door, asked = walks.building(building), walks.facilities((kind,))
    if facility is not None:
        asked = asked[asked["code"] == facility]
    if not len(asked):
        which = f"facility {facility}" if facility is not None else "facility"
        raise NotFound(f"the city has no {which} of the kind {kind}; see the layer facilities")
    near = _nearest(walks, door, asked, limit_m=_ANY_LENGTH)
    # where no way leads there, the nearest in a straight line is named
    row = asked.loc[near["at"]] if len(near) else asked.iloc[
        [int(asked.distance(door.geometry.iloc[0]).to_numpy().argmin())]
    ]  # fmt: skip
    return HouseholdWay(
        building=building, facility=str(row["code"].iloc[0]), facility_name=_text(row, "name"),
        norm=walks.norms[kind], way=way_between(door, row.iloc[:1], walks.network), crs=walks.crs,
    )


def reached_from(walks: CityWalks, building: str) -> pd.DataFrame:
    """What a building's households reach: the nearest facility of every kind that the city has.

    Returns
    -------
    DataFrame ordered by kind: `kind`, `zh`, `en`, `facility`, `name`, `metres` (NaN beyond `limit_m` of the city's
    settings), `norm_m`, `verified`, `within`.

    Raises
    ------
    NotFound
        Where the building is not there.
    """
    door, facilities = walks.building(building), walks.facilities()
    near = _nearest(walks, door, facilities, limit_m=walks.settings.limit_m).set_index("kind")
    rows = []
    for norm in walks.norms:
        if norm.key not in set(facilities["kind"]):
            continue
        found = near.loc[norm.key] if norm.key in near.index else None
        row = None if found is None else facilities.loc[[found["at"]]]
        metres = math.nan if found is None else float(found["metres"])
        rows.append({
            "kind": norm.key, "zh": norm.zh, "en": norm.en, "facility": None if row is None else row["code"].iloc[0],
            "name": "" if row is None else _text(row, "name"), "metres": metres, "norm_m": norm.metres,
            "verified": norm.distance_verified,
            "within": norm.metres is not None and metres <= norm.metres + 1e-6,
        })  # fmt: skip
    columns = ["kind", "zh", "en", "facility", "name", "metres", "norm_m", "verified", "within"]
    return pd.DataFrame(rows, columns=columns).sort_values("kind", ignore_index=True)


def _nearest(walks: CityWalks, door: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame, *, limit_m: float) -> pd.DataFrame:
    """The nearest facility of each kind: `kind`, `at` (its label), `metres`. One search, from the door."""
    if not len(facilities):
        return pd.DataFrame({"kind": [], "at": [], "metres": []})
    pairs = walk_pairs(facilities, door.assign(code="door"), walks.network, limit_m=limit_m)
    pairs = pairs.assign(
        kind=facilities["kind"].loc[pairs["building"]].to_numpy(),
        code=facilities["code"].loc[pairs["building"]].astype(str).to_numpy(), micron=pairs["metres"].round(6),
    ).sort_values(["kind", "micron", "code"])
    first = pairs.drop_duplicates("kind")
    return pd.DataFrame({"kind": first["kind"], "at": first["building"], "metres": first["metres"]})


def draw_way(
    city: str | Path, way: HouseholdWay, path: str | Path, *, lang: str = "zh", around_m: float = 250.0
) -> Path:
    """A map page of the way and what lies around it, that opens without a network.

    Raises
    ------
    WrongCall
        Where there is no way to draw.
    """
    if way.way.line is None:
        raise WrongCall(way.words("en"))
    west, south, east, north = way.way.line.bounds
    box = (west - around_m, south - around_m, east + around_m, north + around_m)
    with open_store(city) as store:
        kept = set(store.layers()) & set(DRAWN) - {"coverage", "gaps", "incidents", "organizations"}
        frames = {name: store.read(name, bbox=box) for name in sorted(kept)}
        micro_grids = store.read("micro_grids", bbox=box)
    shown = frames.get("facilities")
    if shown is not None:
        frames["facilities"] = shown[shown["kind"] == way.norm.key]
    page = draw(micro_grids, measure="", layers=frames, title=way.words(lang), lang=lang)
    return write_page(add_way(page, way), path, self_contained=True)


def add_way(page: folium.Map, way: HouseholdWay) -> folium.Map:
    """Draw a way on a map: the line over a white one, a ring at the door and a disc at the facility."""
    spots = [(lat, lon) for lon, lat in way._degrees()]
    name = f"way-{way.building}-{way.facility}"
    parts: list[Any] = [
        folium.PolyLine(spots, color="#ffffff", weight=9, opacity=0.9, interactive=False),
        folium.PolyLine(spots, color="#b3261e", weight=4, opacity=1.0, interactive=False),
        folium.CircleMarker(spots[0], radius=7, color="#b3261e", weight=3, fill=True, fill_color="#ffffff",
                            fill_opacity=1.0),
        folium.CircleMarker(spots[-1], radius=7, color="#b3261e", weight=3, fill=True, fill_color="#b3261e",
                            fill_opacity=1.0),
    ]
    for at, part in enumerate(parts):
        part._id = f"{zlib.crc32(name.encode()):x}{at}"  # a steady name: the same way makes the same page
        part.add_to(page)
    return page


def _text(row: gpd.GeoDataFrame, column: str) -> str:
    value = row[column].iloc[0] if column in row else None
    return value if isinstance(value, str) else ""
