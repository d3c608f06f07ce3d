"""What if, asked again and again within one's area: a city kept ready, changes as short texts, before and after.

`gridmap.what_if` answers one question for a whole city, with the gaps as they would be. Here a city is made ready once
for many people and questions: only where its doors meet the streets is kept, so that it is there in seconds and
answers at once. A list of changes is a list of steps such as `add:canteen@119.96,29.30`, each of which can stand in an
address; places are longitude and latitude in degrees.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gridmap.access.completeness import completeness
from gridmap.access.held_to import Limit
from gridmap.access.supposing import Change, Supposing
from gridmap.access.unit_sums import Sums, UnitSums
from gridmap.city_walks import CityWalks, near_city
from gridmap.plain_columns import distinct_rows
from gridmap.stores import Store
from layers.errors import NotYourArea, WrongCall
from layers.schema import NEEDS

__all__ = ["Answer", "FarAway", "Ground", "Step", "held_norms", "read_steps"]

WHAT = ("add", "move", "close")
#: More steps than a person looks through are refused.
MOST_STEPS = 50


class FarAway(WrongCall):
    """Nobody lives near the place that was chosen."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One change: what is done, to which kind (`add`) or code, and the place in degrees (longitude, latitude)."""

    what: str
    name: str
    place: tuple[float, float] | None = None

    def text(self) -> str:
        """The step as it stands in an address.

        Examples
        --------
        >>> Step(what="move", name="SS0008", place=(119.96, 29.3)).text()
        'move:SS0008@119.960000,29.300000'
        """
        where = "" if self.place is None else f"@{self.place[0]:.6f},{self.place[1]:.6f}"
        return f"{self.what}:{self.name}{where}"


def read_steps(texts: Sequence[str]) -> list[Step]:
    """Steps as they stand in an address.

    Raises
    ------
    WrongCall
        Where one cannot be read, or there are too many.

    Examples
    --------
    >>> read_steps(["add:canteen@119.96,29.3", "close:SS0008"])[1]
    Step(what='close', name='SS0008', place=None)
    """
    if len(texts) > MOST_STEPS:
        raise WrongCall(f"{len(texts)} changes are more than the {MOST_STEPS} answered at once; take some back")
    return [_step(text) for text in texts]


def _step(text: str) -> Step:
    what, mark, rest = text.partition(":")
    if not mark or what not in WHAT or not rest:
        raise WrongCall(f"a change is add:kind@lon,lat, move:code@lon,lat or close:code, not {text[:60]!r}")
    if what == "close":
        return Step(what=what, name=rest)
    name, mark, where = rest.rpartition("@")
    try:
        lon, lat = (float(part) for part in where.split(","))
    except ValueError:
        raise WrongCall(f"a place is lon,lat in degrees such as 119.96,29.30, not {where[:40]!r}") from None
    if not (name and mark and -180 <= lon <= 180 and -90 <= lat <= 90):
        raise WrongCall(f"a place is lon,lat in degrees such as 119.96,29.30, not {where[:40]!r}")
    return Step(what=what, name=name, place=(lon, lat))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the steps would do, within the area of who asked.

    Parameters
    ----------
    kinds
        One row a kind that is touched: `kind`, `zh`, `en`, `norm_m`, `verified`, `gained` and `lost` households.
    units
        As `gridmap.what_if.Supposed.units`, for the units of the area; `level` = city is all of the area.
    """

    kinds: list[dict[str, Any]]
    units: pd.DataFrame

    def changed(self) -> pd.DataFrame:
        """Micro-grids whose figures differ."""
        return self.units[(self.units["level"] == "micro_grids") & self.units["changed"]]

    def facts(self) -> list[dict[str, Any]]:
        """Each kind with the figures of the whole area before and after, and of each need."""
        told = []
        whole = self.units[self.units["level"] == "city"].set_index("kind")
        for kind in self.kinds:
            if kind["kind"] not in whole.index:
                continue
            row = whole.loc[kind["kind"]]
            needs = [need for need in NEEDS if f"{need.name}_before" in row.index]
            told.append({
                **kind, "households": int(row["households"]), "unknown": int(row["unknown_households_before"]),
                **{when: {
                    "covered": int(row[f"covered_{when}"]), "coverage": _number(row[f"coverage_{when}"]),
                    "walk_m_mean": _number(row[f"walk_m_mean_{when}"]),
                    "needs": {need.name: int(row[f"{need.name}_{when}"]) for need in needs},
                } for when in ("before", "after")},
            })  # fmt: skip
        return told


@dataclass
class _Area:
    """The part of a city within somebody's reach: who is counted, and where a facility may be put."""

    units: UnitSums
    households: np.ndarray
    rows: np.ndarray
    tree: shapely.STRtree
    before: dict[str, Sums] = field(default_factory=dict)


class Ground:
    """A city ready to be asked what if.

    Parameters
    ----------
    walks
        The city with its walking network.
    held
        Kind -> (longest walk in metres, whether somebody has checked it), from `held_norms`; the packaged norms for
        kinds that are not in it.
    """

    def __init__(self, walks: CityWalks, held: dict[str, tuple[float, bool]] | None = None) -> None:
        self.walks = walks
        self.norms = {
            norm.key: (float(norm.metres), norm.distance_verified) for norm in walks.norms if norm.metres is not None
        } | (held or {})
        facilities = walks.areas("facilities")
        placed = facilities[~(facilities.geometry.isna() | facilities.geometry.is_empty)]
        self.facilities = placed[placed["kind"].isin(list(self.norms))] if len(placed) else placed
        self._supposing = Supposing(
            walks.areas("buildings"), self.facilities, walks.network, limit_m=walks.settings.limit_m
        )
        self._to_metres = pyproj.Transformer.from_crs(4326, walks.crs, always_xy=True)
        self._areas: dict[tuple[str, ...], _Area] = {}
        self._known: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Walk once for nobody: what the first walk of an installation compiles is compiled before somebody waits."""
        if len(self.facilities):
            self._supposing.now(str(self.facilities["kind"].iloc[0]))

    def titles(self, kind: str) -> tuple[str, str]:
        """Chinese and English title of a kind."""
        found = next((norm for norm in self.walks.norms if norm.key == kind), None)
        return (kind, kind) if found is None else (found.zh, found.en)

    def own_facilities(self, within: Sequence[str] = ("",), *, kind: str | None = None) -> gpd.GeoDataFrame:
        """Facilities with a norm that lie in an area, of one kind or all."""
        frame = self.facilities[_inside(self.facilities["micro_grid"], within)]
        return frame if kind is None else frame[frame["kind"] == kind]

    def ask(self, steps: Sequence[Step], within: Sequence[str] = ("",)) -> Answer:
        """What the steps would do to the units of an area; doors and facilities beyond it are walked to as ever.

        Raises
        ------
        WrongCall
            For a kind without a norm, a facility that is not there, or a place far outside the city.
        NotYourArea
            For a facility or a place outside the area.
        """
        with self._lock:  # one question at a time: what is kept from it is there for the next
            area = self._area(tuple(within))
            change = self._change(steps, within, area)
            touched = {kind for kind, _ in change.add} | self._kinds_of([*change.close, *(change.move or {})])
            kinds = sorted(touched)
            then = self._supposing.then(change, kinds)
            tables, rows = [], []
            for kind in kinds:
                metres, verified = self.norms[kind]
                limit = Limit(kind, metres, verified)
                now, will = (walk.to_numpy()[area.rows] for walk in (self._supposing.now(kind), then[kind]))
                gained, lost = _flips(now, will, limit.metres, area.households)
                zh, en = self.titles(kind)
                rows.append({"kind": kind, "zh": zh, "en": en, "norm_m": metres, "verified": verified,
                             "gained": gained, "lost": lost})
                unmapped = self._unmapped(kind, area)
                if kind not in area.before:
                    there = bool((self.facilities["kind"] == kind).any())
                    area.before[kind] = area.units.count(now, limit, unmapped=unmapped, mapped=there)
                after = area.units.count(will, limit, unmapped=unmapped)
                tables.append(area.units.compare(area.before[kind], after, limit))
        empty = pd.DataFrame(columns=["level", "code", "kind", "changed"])
        return Answer(kinds=rows, units=pd.concat(tables, ignore_index=True) if tables else empty)

    def shapes(self, codes: Sequence[str]) -> gpd.GeoDataFrame:
        """Micro-grids by their codes."""
        micro_grids = self.walks.areas("micro_grids")
        return micro_grids[micro_grids["code"].isin(set(codes))]

    def _unmapped(self, kind: str, area: _Area) -> np.ndarray:
        """Of the area's micro-grids those in whose community a kind is most likely not mapped."""
        if kind not in self._known:
            known = completeness(
                self.walks.areas("buildings"), self.walks.areas("facilities"), [kind],
                complete=self.walks.settings.complete,
            )
            self._known[kind] = set(known.loc[known["state"] == "unmapped", "code"])
        return np.isin(area.units.communities, list(self._known[kind]))

    def _area(self, within: tuple[str, ...]) -> _Area:
        if within not in self._areas:
            units, homes = self.walks.areas("micro_grids"), self.walks.areas("buildings")
            own = units[_inside(units["code"], within)]
            rows = np.flatnonzero(_inside(homes["micro_grid"], within).to_numpy())
            counted = pd.DataFrame(homes.drop(columns=homes.geometry.name)).iloc[rows]
            while len(self._areas) > 16:
                self._areas.pop(next(iter(self._areas)))
            self._areas[within] = _Area(
                units=UnitSums(own["code"].tolist(), counted), rows=rows,
                households=pd.to_numeric(counted["households"]).fillna(0).to_numpy(dtype="float64"),
                tree=shapely.STRtree(own.geometry.to_numpy()),
            )
        return self._areas[within]

    def _kinds_of(self, codes: Sequence[str]) -> set[str]:
        return set(self.facilities.loc[self.facilities["code"].isin(list(codes)), "kind"])

    def _change(self, steps: Sequence[Step], within: Sequence[str], area: _Area) -> Change:
        own = set(self.own_facilities(within)["code"])
        add: list[tuple[str, tuple[float, float]]] = []
        move: dict[str, tuple[float, float]] = {}
        close: list[str] = []
        for step in steps:
            if step.what == "add" and step.name not in self.norms:
                raise WrongCall(f"no norm with a distance for {step.name[:40]!r}; choose another kind of facility")
            if step.what != "add" and step.name not in own:
                raise NotYourArea(f"facility {step.name[:40]} is not in your area; choose one that is on your map")
            if step.what == "close":
                close.append(step.name)
                continue
            spot = self._spot(step, area)
            if step.what == "add":
                add.append((step.name, spot))
            else:
                move[step.name] = spot
        return Change(add=add, move={code: spot for code, spot in move.items() if code not in close}, close=close)

    def _spot(self, step: Step, area: _Area) -> tuple[float, float]:
        assert step.place is not None
        x, y = self._to_metres.transform(*step.place)
        if not (np.isfinite(x) and np.isfinite(y)):
            raise WrongCall(f"{step.text()} lies where the city's CRS does not reach; correct it")
        homes = self.walks.areas("buildings")
        try:
            near_city((x, y), homes, within_m=self.walks.settings.limit_m, text=step.text())
        except WrongCall as error:
            raise FarAway(str(error)) from error
        if not len(area.tree.query(shapely.Point(x, y), predicate="intersects")):
            raise NotYourArea("this place is not in your area; choose one within it")
        return float(x), float(y)


def held_norms(store: Store) -> dict[str, tuple[float, bool]]:
    """What the kept coverage of a city was held to: kind -> metres, verified; so that before is what is shown."""
    if "coverage" not in store.layers():
        return {}
    rows = distinct_rows(store, "coverage", ["kind", "norm_m", "verified"]).drop_duplicates("kind")
    return {
        str(kind): (float(metres), bool(mark)) for kind, metres, mark in
        zip(rows["kind"], pd.to_numeric(rows["norm_m"]), rows["verified"].fillna(False), strict=True)
        if metres == metres
    }  # fmt: skip


def _inside(codes: pd.Series, within: Sequence[str]) -> pd.Series:
    if "" in within:
        return pd.Series(True, index=codes.index)
    starts = tuple(within)
    return codes.map(lambda code: isinstance(code, str) and code.startswith(starts)).astype(bool)


def _flips(now: np.ndarray, will: np.ndarray, limit: float, people: np.ndarray) -> tuple[int, int]:
    """Households that come within a norm, and that fall out of it."""
    was, then = (walk <= limit + 1e-6 for walk in (now, will))
    return round(float(people[then & ~was].sum())), round(float(people[was & ~then].sum()))


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
