"""A city's units as they were on a day, for one person: numbered rows, and tiles cut of them as they are asked for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import geopandas as gpd
from flask import Flask, current_app

from gridmap.maps.geojson import with_place
from gridmap.maps.tiles.cut import first_zoom
from gridmap.maps.tiles.encode import AreaTiles
from gridmap.maps.tiles.plan import PLAN, TileLayer
from gridmap.maps.tiles.shelf import Version
from gridmap.maps.values import Values, unit_values
from gridmap.past import PlanDays, plan_days
from layers.errors import NotFound, NotYourArea, WrongCall
from webapp.replies import kept_text
from webapp.seen import Seen

__all__ = ["LEVELS", "PastLevel", "days_of", "get_level", "init_app", "read_day", "stamp_of"]

#: Levels whose boundaries are kept, as they become tiles; coarse ones first.
LEVELS: dict[str, TileLayer] = {item.name: item for item in PLAN if item.group == "units"}
#: Levels of days kept in memory.
_MOST = 24


@dataclass(frozen=True)
class PastLevel:
    """Units of a level on a day: `frame` in the order of their numbers, from 1, and what draws them."""

    item: TileLayer
    frame: gpd.GeoDataFrame = field(repr=False)
    tiles: AreaTiles = field(repr=False)
    minzoom: int
    values: list[Values] = field(repr=False)

    def number(self, code: str) -> int:
        """The number of a unit; 0 where there is none of that code."""
        found = self.frame.index[self.frame["code"] == code]
        return int(found[0]) + 1 if len(found) else 0


class Kept:
    """Levels of days, the longest unused dropped first."""

    def __init__(self) -> None:
        self._items: OrderedDict[tuple, PastLevel] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, seen: Seen, name: str, plan: str) -> PastLevel:
        """A level as one person sees it; `plan` "" is the time before the first one."""
        key = (seen.meta().get("data_version", ""), seen.user.role, seen.reach, name, plan)
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
        made = _read(seen, LEVELS[name], date.fromisoformat(plan) if plan else None)
        with self._lock:
            self._items[key] = made
            while len(self._items) > _MOST:
                self._items.popitem(last=False)
        return made


def read_day(text: str) -> str:
    """A day as ISO text.

    Raises
    ------
    WrongCall
        Where it is none.

    Examples
    --------
    >>> read_day("2026-03-02")
    '2026-03-02'
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise WrongCall(f"a day is written like 2026-03-02, not {text[:20]!r}") from None


def days_of(seen: Seen) -> PlanDays:
    """When the plan that the person sees began and changed."""

    def make() -> str:
        found = plan_days(seen, made_at=seen.meta().get("made_at", ""))
        return json.dumps([found.first, list(found.changes)])

    first, changes = json.loads(kept_text("past days", make))
    return PlanDays(first, tuple(changes))


def stamp_of(seen: Seen, version: Version) -> str:
    """Names what addresses of the past were made of: another one after every change of the city."""
    text = f"{version.name} {seen.meta().get('data_version', '')}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def get_level(seen: Seen, name: str, plan: str) -> PastLevel:
    """A level on a day, as the person sees it.

    Raises
    ------
    NotFound
        Where no boundaries of such a level are kept.
    NotYourArea
        Where the person's role may not see it.
    """
    if name not in LEVELS:
        raise NotFound(f"there are no boundaries of {name[:40]!r} by day; there are {', '.join(LEVELS)}")
    if not seen.sees(name):
        raise NotYourArea(f"a {seen.user.role} may not see {name}; ask the administrator of the city")
    known = days_of(seen)
    kept: Kept = current_app.extensions["past"]
    return kept.get(seen, name, "" if known.state(plan) == "before" else known.plan(plan))


def _read(seen: Seen, item: TileLayer, day: date | None) -> PastLevel:
    frame = with_place(seen.read(item.name, as_of=day)).sort_values("code", ignore_index=True)
    frame = frame if day is not None else frame.iloc[:0]
    more: dict[str, Any] = {}
    if len(frame) and item.name != "micro_grids" and seen.sees("micro_grids"):
        more["micro_grids"] = seen.read("micro_grids", as_of=day)
    tiles = AreaTiles(item.name, frame.geometry)
    rows = frame[["geometry"]].to_crs(3857)
    return PastLevel(
        item, frame, tiles, first_zoom(rows, item) if len(rows) else item.minzoom,
        unit_values(frame, **more) if len(frame) else [],
    )


def init_app(app: Flask) -> None:
    """Make room for days of the past."""
    app.extensions["past"] = Kept()
