"""A store as one person may see it: their area, their layers, their columns. Views know no other store."""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from gridmap.city_norms import norms_in_force
from gridmap.city_walks import CityWalks, read_walks
from gridmap.desk import degrees_of, moves, photo, photos
from gridmap.norms import Norms
from gridmap.roles import User, may, reach
from gridmap.stores import Store
from gridmap.stores.incident_log import LoggedMove, Photo
from gridmap.stores.incident_rows import (
    Asked,
    Found,
    find_incidents,
    incident_row,
    latest_reports,
    rows_of_codes,
)
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.tallies import columns_of, tally
from layers.errors import NotFound, NotYourArea
from layers.schema import LAYERS, layer

__all__ = ["Seen"]

#: Right -> layer -> columns that only its holders see.
_GUARDED: dict[str, dict[str, tuple[str, ...]]] = {
    "contact.view": {"organizations": ("phone",), "facilities": ("phone",), "staff": ("phone",)},
    "incident.text.view": {"incidents": ("text", "address")},
}


#: Layers of what lies on the ground for everyone to see, and how far around one's area a map shows it, metres.
GROUND = ("roads", "water", "green", "barriers")
AROUND_M = 300.0
#: How far an organization may be from a micro-grid to be called near, metres in a straight line.
NEAR_M = 1000.0

Box = tuple[float, float, float, float]


class Seen:
    """A city's store within the reach of one user.

    Reads like a store (`read`, `layers`, `count`, `meta`, `crs`), so that deeds such as `export_layers` take it; it
    changes nothing and gives nothing beyond `reach(user)` and the user's rights, whatever is asked.

    Parameters
    ----------
    store
        An open store.
    user
        Who asks.
    """

    def __init__(self, store: Store, user: User) -> None:
        self.user = user
        self.reach = reach(user)
        self._store = store

    @property
    def url(self) -> str:
        """The store's URL."""
        return self._store.url

    @property
    def crs(self) -> pyproj.CRS:
        """The city's metric CRS."""
        return self._store.crs

    def meta(self) -> dict[str, str]:
        """Facts about the city."""
        return self._store.meta()

    def layers(self) -> list[str]:
        """Names of the layers that the city has and the user's role may see."""
        return [name for name in self._store.layers() if self.sees(name)]

    def sees(self, name: str) -> bool:
        """Whether the user's role may see a layer."""
        return may(self.user, f"layer.{layer(name).name}.view")

    def within(self, asked: Sequence[str] = ("",)) -> tuple[str, ...]:
        """What of the asked areas the user reaches, as area codes; () for nothing.

        Examples
        --------
        >>> seen = Seen(None, User(name="li", role="grid_leader", area="510504001001001"))
        >>> seen.within(["510504001001001007", "510504001001002", "510504"])
        ('510504001001001007', '510504001001001')
        """
        codes = [
            code if code.startswith(own) else own
            for code in asked for own in self.reach
            if code.startswith(own) or own.startswith(code)
        ]
        return tuple(dict.fromkeys(codes))

    def read(
        self,
        name: str,
        *,
        within: Sequence[str] = ("",),
        bbox: tuple[float, float, float, float] | None = None,
        as_of: date | None = None,
        most: int | None = None,
    ) -> Any:
        """Rows of a layer that the user may see, with the columns that the user may see.

        Raises
        ------
        NotYourArea
            Where the user's role may not see the layer at all.
        UnknownLayer
            Where there is no such layer.
        """
        if not self.sees(name):
            raise NotYourArea(f"a {self.user.role} may not see {name}; ask the administrator of the city")
        areas = self.within(within)
        if name == "findings":
            # they have no place of their own: a store gives all or none
            return self._own_findings(self._store.read(name), areas)
        return self._own_columns(name, self._store.read(name, within=areas, bbox=bbox, as_of=as_of, most=most))

    def ground(self, name: str, *, bbox: Box | None = None) -> Any:
        """Streets, water, green or walls of one's area and a little around it, so that a map shows where it lies.

        What lies on the ground for everyone to see is not confined to an area; nothing else is given beyond it.
        """
        if name not in GROUND or self.reach in ((), ("",)):
            return self.read(name, bbox=bbox)
        own = self.read("micro_grids").total_bounds
        if not np.isfinite(own).all():
            return self.read(name, bbox=bbox)
        around = own + np.array([-1, -1, 1, 1]) * AROUND_M
        if bbox is not None:
            around = np.array([*np.maximum(around[:2], bbox[:2]), *np.minimum(around[2:], bbox[2:])])
        if around[0] > around[2] or around[1] > around[3]:
            return self.read(name, bbox=bbox)
        west, south, east, north = (float(value) for value in around)
        return self._own_columns(name, self._store.read(name, bbox=(west, south, east, north)))

    def nearest(self, code: str) -> Any:
        """Names of the facilities that the coverage of a micro-grid in reach calls nearest, wherever they are.

        A canteen across the border of one's area serves it too: its code, name and kind are given, and nothing else.
        """
        if not (self.sees("facilities") and self.sees("coverage")):
            return pd.DataFrame(columns=["code", "name", "kind"])
        coverage = self.read("coverage", within=(code,))
        # none lies farther off in a straight line than the longest walk
        reached = self.read("micro_grids", within=(code,)).total_bounds
        box = reached + np.array([-1, -1, 1, 1]) * coverage["walk_m_max"].astype("float64").max()
        if not np.isfinite(box).all():
            return pd.DataFrame(columns=["code", "name", "kind"])
        west, south, east, north = (float(value) for value in box)
        facilities = self._store.read("facilities", bbox=(west, south, east, north))
        return pd.DataFrame(facilities.loc[facilities["code"].isin(coverage["nearest"]), ["code", "name", "kind"]])

    def answerable(self, code: str, *, as_of: date | None = None) -> pd.DataFrame:
        """Who answers for a micro-grid in reach: staff of it and of the units above it, wherever those reach.

        Who is on duty for one's own door is told to who may see staff at all; telephone numbers by their own right.
        """
        if not (self.sees("staff") and self.within((code,)) == (code,)):
            return pd.DataFrame(columns=["name", "role", "area"])
        staff = self._store.read("staff", within=(code[:9],), as_of=as_of)
        area = staff["area"].astype("object")
        own = area.map(lambda text: isinstance(text, str) and code.startswith(text)).astype(bool)
        return pd.DataFrame(self._own_columns("staff", staff[own]))

    def above(self, code: str) -> list[str]:
        """Names of the street, the community and the grid of a micro-grid in reach, the widest first."""
        if self.within((code,)) != (code,):
            return []
        names = []
        for layer_name, digits in (("streets", 9), ("communities", 12), ("grids", 15)):
            own = code[:digits]
            unit = columns_of(self._sql, layer_name, ("name",), within=(own,), codes=(own,))
            named = unit["name"].iloc[0] if len(unit) else None
            names.append(named if isinstance(named, str) and named else code[:digits])
        return names

    def organizations_near(self, code: str, *, most: int = 8) -> pd.DataFrame:
        """Organizations nearest to a micro-grid in reach, with `distance_m` in a straight line; 0 in it.

        One across the border of one's area may help too: its name and kind are given, and nothing else.
        """
        if not self.sees("organizations"):
            return pd.DataFrame(columns=["code", "name", "kind", "distance_m"])
        place = self.micro_grid(code).geometry.union_all()
        west, south, east, north = place.buffer(NEAR_M).bounds if not place.is_empty else (0.0, 0.0, 0.0, 0.0)
        found = self._own_columns("organizations", self._store.read("organizations", bbox=(west, south, east, north)))
        found = found.assign(distance_m=found.distance(place).round())
        found = found[found["distance_m"] <= NEAR_M].sort_values(["distance_m", "code"], kind="stable").head(most)
        own = found["micro_grid"].astype("object").map(lambda at: isinstance(at, str) and at.startswith(self.reach))
        plain = pd.DataFrame(found.drop(columns=found.geometry.name))
        open_to_all = plain.columns.isin(["code", "name", "kind", "distance_m"])
        plain.loc[~own.to_numpy(dtype=bool), plain.columns[~open_to_all]] = None
        return plain

    def count(self, name: str, *, within: Sequence[str] = ("",)) -> int:
        """How many rows of a layer the user may see."""
        if name == "findings":
            return len(self.read(name, within=within))
        return self._store.count(name, within=self.within(within)) if self.sees(name) else 0

    def columns(
        self, name: str, columns: Sequence[str], *, within: Sequence[str] = ("",), **how: Any
    ) -> pd.DataFrame:
        """Some columns of a layer, without geometry, for figures; those that the user may not see are empty.

        `how` is as for `gridmap.stores.tallies.columns_of`.
        """
        if not self.sees(name):
            return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})
        found = columns_of(self._sql, name, columns, within=self.within(within), **how)
        own = self._own_columns(name, found)
        return own.reindex(columns=list(columns))

    def tally(self, name: str, by: Sequence[str], *, within: Sequence[str] = ("",), **how: Any) -> pd.DataFrame:
        """How many rows of a layer in reach there are of each kind; see `gridmap.stores.tallies.tally`."""
        areas = self.within(within) if self.sees(name) else ()
        return tally(self._sql, name, by, within=areas, **how)

    def rows(self, name: str) -> int:
        """How many rows a layer has in the whole city: how heavy it is, not what is in it."""
        return self._store.count(name)

    def building(self, code: str) -> dict[str, str]:
        """Code and name of one building in reach; of one that was cut, of its first part in reach.

        Raises
        ------
        NotYourArea
            Where no such building is in the user's reach, whether or not it exists elsewhere.
        """
        homes = self.read("buildings")
        own = homes[homes["code"] == code]
        if own.empty and "part_of" in homes:
            own = homes[homes["part_of"] == code].sort_values("code")
        if own.empty:
            raise NotYourArea(f"building {code} is not in your area; ask the administrator of the city")
        name = own["name"].iloc[0] if "name" in own else None
        return {"code": str(own["code"].iloc[0]), "name": name if isinstance(name, str) else ""}

    def norms(self) -> Norms:
        """The norms that the city holds its services to; they are the same for everybody."""
        return norms_in_force(self._store)

    def walks(self) -> CityWalks:
        """The whole city ready to walk in, for one question about one door in reach.

        Streets lie there for everyone to see; of facilities beyond one's area only what `nearest` gives leaves this.
        """
        return read_walks(self._store)

    def micro_grid(self, code: str) -> gpd.GeoDataFrame:
        """One micro-grid and, where it shares its footprint, the others of its stack that the user may see.

        Raises
        ------
        NotYourArea
            Where the code is outside the user's reach, whether or not it exists.
        NotFound
            Where there is no such micro-grid.
        """
        if not any(code.startswith(own) for own in self.reach):
            raise NotYourArea(f"micro-grid {code} is not in your area; ask the administrator of the city")
        own = self.read("micro_grids", within=(code,))
        own = own[own["code"] == code]
        if own.empty:
            raise NotFound(f"there is no micro-grid {code}; look for it on the map")
        stack = own["stack"].iloc[0]
        if pd.isna(stack):
            return own
        # floors of one building lie in one grid
        neighbours = self.read("micro_grids", within=(code[:15],))
        return neighbours[neighbours["stack"] == stack]

    def incidents(
        self, *, unit: str = "", state: str = "", category: str = "", text: str = "", limit: int, offset: int = 0
    ) -> Found:
        """A page of incidents in reach, the newest first; words are looked for only in what the person may read."""
        if not self.sees("incidents"):
            return Found(rows=[], total=0)
        reads = may(self.user, "incident.text.view")
        asked = Asked(
            within=self.within((unit,)), state=state, category=category, text=text,
            search_in=("code", "text", "address") if reads else ("code",),
        )
        found = find_incidents(self._sql, asked, limit=limit, offset=offset)
        return Found(rows=[self._own_facts(row) for row in found.rows], total=found.total)

    def moment(self) -> AbstractContextManager[Any]:
        """A block in which everything that is read is of one moment."""
        return self._sql.snapshot()

    def incident(self, code: str) -> dict[str, Any]:
        """One incident in reach, with its place (`geometry`, in the city's CRS, None where it has none).

        Raises
        ------
        NotYourArea, NotFound
            Where no such incident is in the user's reach, whether or not it exists elsewhere.
        """
        row = incident_row(self._sql, code, within=self.reach) if self.sees("incidents") else None
        if row is None:
            if self.reach == ("",):
                raise NotFound(f"there is no incident {code[:60]}; look for it in the list")
            raise NotYourArea(f"incident {code[:60]} is not in your area; ask the administrator of the city")
        return self._own_facts(row)

    def degrees(self, place: Any) -> list[float]:
        """Longitude and latitude of a place in the city's CRS, to a centimetre."""
        return [round(value, 7) for value in degrees_of(self._sql, place)]

    def incident_moves(self, code: str) -> list[LoggedMove]:
        """What was done to an incident in reach, without texts that the person may not read."""
        self.incident(code)
        found = moves(self._sql, code)
        return found if may(self.user, "incident.text.view") else [replace(move, text="") for move in found]

    def incident_photos(self, code: str) -> list[Photo]:
        """The photos of an incident in reach; none for who may not read its text."""
        self.incident(code)
        return photos(self._sql, code) if may(self.user, "incident.text.view") else []

    def incident_photo(self, code: str, number: int) -> bytes:
        """One photo of an incident in reach.

        Raises
        ------
        NotFound, NotYourArea
            No such photo, no such incident in reach, or a role that may not see photos.
        """
        self.incident(code)
        if not may(self.user, "incident.text.view"):
            raise NotYourArea(f"a {self.user.role} may not see photos; ask the administrator of the city")
        return photo(self._sql, code, number)

    def reported_since(self, known: Container[str], *, most: int) -> tuple[gpd.GeoDataFrame, int]:
        """Reports of the desk that are not among the `known` codes: those in reach, and how many in the whole city.

        Only the latest are looked at, `most` of them.
        """
        fresh = [code for code in latest_reports(self._sql, most=most) if code not in known]
        rows = rows_of_codes(self._sql, fresh, within=self.reach) if self.sees("incidents") else []
        placed = [self._own_facts(row) for row in rows if row["geometry"] is not None]
        frame = pd.DataFrame(placed, columns=[column.name for column in LAYERS["incidents"]])
        return gpd.GeoDataFrame(frame, geometry=[row["geometry"] for row in placed], crs=self.crs), len(fresh)

    @property
    def _sql(self) -> SqlStore:
        assert isinstance(self._store, SqlStore), "figures and incidents are found by the database"
        return self._store

    def _own_facts(self, row: dict[str, Any]) -> dict[str, Any]:
        """What of an incident the person may see."""
        reads = may(self.user, "incident.text.view")
        return row if reads else {**row, **dict.fromkeys(_GUARDED["incident.text.view"]["incidents"])}

    def _own_columns(self, name: str, frame: Any) -> Any:
        """The frame without what the user may not see; then also without columns that only the file knew."""
        hidden: set[str] = set()
        for right, columns in _GUARDED.items():
            if name in columns and not may(self.user, right):
                known = {column.name for column in LAYERS[name]} | {"geometry"}
                hidden |= {*columns[name], *(str(column) for column in frame.columns if column not in known)}
        return frame.drop(columns=[column for column in frame.columns if column in hidden])

    def _own_findings(self, frame: pd.DataFrame, areas: Sequence[str]) -> pd.DataFrame:
        """Findings about things that the user sees; those about whole layers are for who sees the whole city."""
        if self._whole_city(areas):
            return frame
        if not areas:
            return frame.iloc[:0]
        code = frame["code"].astype("object")
        own = code.map(lambda value: isinstance(value, str) and value.startswith(tuple(areas))).astype(bool)
        for name in set(frame["layer"].dropna()) & set(LAYERS) - {"findings"}:
            if self.sees(name) and "code" in LAYERS[name]:
                seen = set(self._store.read(name, within=areas)["code"].dropna())
                own |= (frame["layer"] == name) & code.isin(seen)
        return frame[own].reset_index(drop=True)

    def whole_city(self) -> bool:
        """Whether the user's reach holds every district of the city."""
        return self._whole_city(self.reach)

    def _whole_city(self, areas: Sequence[str]) -> bool:
        return "" in areas or (
            bool(areas) and self._store.count("districts", within=areas) == self._store.count("districts") > 0
        )
