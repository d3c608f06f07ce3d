"""Old plan against new plan: figures of both, the buildings that move, a map page and a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.maps.change_map import draw_change
from gridmap.maps.change_picture import change_picture
from gridmap.maps.page import write_page
from gridmap.micro_grids.band import MICRO_GRIDS, Band
from gridmap.micro_grids.moves import compare, move_list
from gridmap.past import Reads, change_days
from gridmap.quality_levels import bands_of_facts
from layers.errors import NotFound, WrongCall

__all__ = ["PlanChange", "change_between", "change_of", "map_of", "write_change"]

#: What lies under the borders.
GROUND = ("water", "green", "roads")
#: How far around the changed micro-grids the ground is drawn, metres.
_AROUND_M = 120.0


@dataclass
class PlanChange:
    """Two plans of one area.

    `figures` as `gridmap.micro_grids.moves.compare` gives them, `moves` the move list, `before` and `after` the
    micro-grids that differ, `buildings` those on their ground with `was` and `micro_grid` (equal where they stay).
    """

    old_day: str
    new_day: str
    figures: dict[str, Any]
    moves: pd.DataFrame
    before: gpd.GeoDataFrame
    after: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame

    @property
    def same(self) -> bool:
        """Whether nothing changed."""
        return not len(self.before) and not len(self.after)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "from": self.old_day, "to": self.new_day, **self.figures,
            "moves": json.loads(self.moves.to_json(orient="records", force_ascii=False)),
        }  # fmt: skip


def change_between(
    store: Any, old: str | None = None, new: str | None = None, *, within: str = ""
) -> PlanChange:
    """The plan of one day against that of another, as a store keeps both.

    Parameters
    ----------
    store
        An open store, or a user's view of it.
    old, new
        ISO days; without them the plan before the last change, and the present one.
    within
        Code of the area to look at.

    Raises
    ------
    NotFound
        Where the plan never changed and no days are given, or there is no plan on a day.
    WrongCall
        For a day that is none, or days the wrong way round.

    Notes
    -----
    Households are those that live in the buildings now: which micro-grid they were in follows from where a building
    stands, and of a tower from its floors. A building that was divided otherwise since is told by its present parts;
    the change itself (`change_of`) lays both divisions over each other and is exact there too.
    """
    first, last = _days(store, old, new)
    areas = (within,)
    before, after = (_as_areas(store.read("micro_grids", within=areas, as_of=day)) for day in (first, last))
    if not len(before) or not len(after):
        raise NotFound(f"there is no plan of {within or 'the city'} on {first if not len(before) else last}")
    rows = _as_areas(store.read("buildings", within=areas))
    homes = rows.assign(was=unit_of(rows, before))
    homes["micro_grid"] = unit_of(homes, after) if last is not None else homes["micro_grid"]
    low, target, high = bands_of_facts(store.meta())[""]
    days = first.isoformat(), last.isoformat() if last else ""
    return _change(*days, before, after, homes, Band(low, target, high))


def change_of(done: Any) -> PlanChange:
    """What a re-split or an edit did, or would do.

    Parameters
    ----------
    done
        A `gridmap.replan.Replanned`.
    """
    before, after = _as_areas(done.before), _as_areas(done.after)
    homes = done.buildings.assign(was=unit_of(done.buildings, before))
    change = _change("", "", before, after, homes, MICRO_GRIDS)
    change.figures, change.moves = done.figures, done.moves
    return change


def _days(store: Reads, old: str | None, new: str | None) -> tuple[date, date | None]:
    try:
        first, last = (None if text is None else date.fromisoformat(text) for text in (old, new))
    except ValueError as error:
        raise WrongCall(f"a day is written like 2026-05-01: {error}") from None
    if first is None:
        known = [day for day in change_days(store) if last is None or day <= last.isoformat()]
        if not known:
            raise NotFound("the plan has not changed yet; give two days, or split it again first")
        first = date.fromisoformat(known[0]) - timedelta(days=1)
    if last is not None and last < first:
        raise WrongCall(f"the old plan is of {first} and the new one of {last}; give the earlier day first")
    return first, last


def _as_areas(frame: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(frame).reset_index(drop=True)


def unit_of(buildings: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> np.ndarray:
    """Code of the micro-grid that each building stands in, of a stack that of its floors; None outside all."""
    spots = shapely.point_on_surface(np.asarray(buildings.geometry.array, dtype=object))
    row, unit = shapely.STRtree(np.asarray(units.geometry.array, dtype=object)).query(spots, predicate="intersects")
    found = np.full(len(buildings), None, dtype=object)
    floor = buildings["floor_from"].astype("Float64").fillna(0).to_numpy(dtype=float)
    low = units["floor_from"].astype("Float64").fillna(-1e6).to_numpy(dtype=float)
    high = units["floor_to"].astype("Float64").fillna(1e6).to_numpy(dtype=float)
    codes = units["code"].to_numpy(dtype=object)
    # of several units on one ground the one whose floors these are, else the lowest
    fits = (floor[row] >= low[unit]) & (floor[row] <= high[unit])
    order = np.lexsort((codes[unit].astype(str), low[unit], ~fits, row))[::-1]
    found[row[order]] = codes[unit[order]]
    return found


def _change(
    old_day: str, new_day: str, before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, homes: gpd.GeoDataFrame, band: Band
) -> PlanChange:
    known = homes[homes["was"].notna() & homes["micro_grid"].notna() & (homes["households"].fillna(0) > 0)]
    whole = known["part_of"].where(known["part_of"].notna(), known["code"])
    flow = pd.DataFrame(
        {
            "building": whole, "part": known["code"], "old": known["was"], "new": known["micro_grid"],
            "households": known["households"].astype(int),
        }
    )  # fmt: skip
    both = before.merge(after, on="code", suffixes=("", "_new"))
    ground = shapely.equals_exact(np.asarray(both.geometry.array), np.asarray(both["geometry_new"], dtype=object), 1e-6)
    quiet = set(both["code"][ground & (both["households"] == both["households_new"]).to_numpy(dtype=bool)])
    touched = [units[~units["code"].isin(quiet)].reset_index(drop=True) for units in (before, after)]
    codes = {code for units in touched for code in units["code"]}
    shown = homes[homes["was"].isin(codes) | homes["micro_grid"].isin(codes)].reset_index(drop=True)
    return PlanChange(
        old_day, new_day, compare(flow, before, after, band), move_list(flow, homes, before, after), touched[0],
        touched[1], shown,
    )  # fmt: skip


def map_of(
    store: Any, change: PlanChange, *, title: str = "", lang: str = "zh", assets: str = "inline", switch: bool = True
) -> folium.Map:
    """The map page of a change, with streets and water from a store (or a user's view of it)."""
    return draw_change(
        change.before, change.after, change.buildings, change.figures, ground=_ground(store, change), title=title,
        days=(change.old_day, change.new_day), lang=lang, assets=assets, language_switch=switch,
    )  # fmt: skip


def _ground(store: Any, change: PlanChange) -> dict[str, gpd.GeoDataFrame]:
    frames = [units for units in (change.before, change.after) if len(units)]
    if not frames:
        return {}
    bounds = np.array([units.total_bounds for units in frames])
    west, south = (float(value) - _AROUND_M for value in bounds[:, :2].min(axis=0))
    east, north = (float(value) + _AROUND_M for value in bounds[:, 2:].max(axis=0))
    read = getattr(store, "ground", store.read)
    found = {name: read(name, bbox=(west, south, east, north)) for name in GROUND}
    return {name: _as_areas(frame) for name, frame in found.items() if len(frame)}


def write_change(
    store: Any, change: PlanChange, files: Sequence[Path], *, lang: str = "zh", title: str = ""
) -> list[Path]:
    """Write a change as a map page (`.html`, self-contained) or a picture (`.png`, `.svg`), by the ending of each file.

    Raises
    ------
    WrongCall
        For another ending, or where nothing changed.
    """
    if change.same:
        raise WrongCall("the two plans are the same: there is nothing to draw")
    name = title or store.meta().get("name", "")
    written = []
    for path in files:
        if path.suffix.lower() == ".html":
            written.append(write_page(map_of(store, change, title=name, lang=lang), path, self_contained=True))
        else:
            how: Mapping[str, Any] = {"ground": _ground(store, change), "title": name, "lang": lang}
            written.append(
                change_picture(
                    change.before, change.after, change.buildings, change.figures, path,
                    days=(change.old_day, change.new_day), **how,
                )
            )  # fmt: skip
    return written
