"""Where an address lies, told by the city's own layers: buildings, estates, numbers along roads, names. No internet.

The gazetteer is made of what the city has; an address is compared with it part by part. Every place that it may mean is
kept with a score; below the threshold nobody is placed, and a person is given the candidates.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rapidfuzz import fuzz, process

from layers.addresses import Address, parse_address
from layers.findings import Findings

__all__ = ["THRESHOLD", "Candidate", "Gazetteer", "place_by_address"]

#: From this score on a row is placed by itself.
THRESHOLD = 0.8
#: What each way of finding a place is worth at best.
SCORES = {
    "building": 0.97, "road_number": 0.95, "name": 0.9, "between_numbers": 0.82, "estate": 0.8, "near_number": 0.6,
    "road": 0.3, "community": 0.2,
}  # fmt: skip
#: Layers whose names are known places, and how a name is worth.
_NAMED = ("organizations", "facilities", "buildings")
_LIKE = 85.0
_BETWEEN = 20  # house numbers that may lie between two known ones
_NEAR = 10
_ELSEWHERE = 0.5  # in another community or street than the address says: worth so much less
_MOST = 5
_TAIL = re.compile(r"(?:东门|西门|南门|北门|门口|门前|附近|旁边|旁|对面|内|里面|斜对面|路口)$")
_PLACED = ("organizations", "facilities", "incidents")


@dataclass(frozen=True)
class Candidate:
    """A place that an address may mean: `by` says how it was found, `label` what it is; `x`, `y` in the city's CRS."""

    score: float
    by: str
    label: str
    x: float
    y: float


@dataclass
class Gazetteer:
    """Known places of a city.

    Examples
    --------
    >>> homes = gpd.GeoDataFrame({"name": ["3号楼"], "address": ["曙光路12号"]}, geometry=[shapely.box(0, 0, 10, 10)])
    >>> estate = gpd.GeoDataFrame({"name": ["金都花园"]}, geometry=[shapely.box(-50, -50, 90, 90)])
    >>> known = Gazetteer.of({"buildings": homes, "estates": estate})
    >>> [(c.by, c.score) for c in known.find("曙光路12号")], known.find("金都花园3栋2单元501")[0].by
    ([('road_number', 0.95)], 'building')
    """

    numbers: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(dict))
    homes: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    estates: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    roads: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    units: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame]) -> Gazetteer:
        """Make it of layers in one metric CRS: levels, `estates`, `roads`, `buildings` and named things."""
        made = cls()
        for level in ("streets", "communities"):
            for name, shape in _rows(layers, level, "name"):
                made.units[name].append(shape)
        for name, shape in _rows(layers, "estates", "name"):
            made.estates[name].append(shape)
        for name, shape in _rows(layers, "roads", "name"):
            made.roads[name].append(shape)
        for layer in _NAMED:
            for address, shape in _rows(layers, layer, "address"):
                made._learn(parse_address(address), shape)
            for name, shape in _rows(layers, layer, "name"):
                made.names[name].append((layer, shape))
        made._learn_homes(layers)
        return made

    def find(self, text: object) -> list[Candidate]:
        """Places that an address may mean, the likeliest first, at most five."""
        said = parse_address(text)
        found = [*self._by_home(said), *self._by_number(said), *self._by_name(said), *self._coarsely(said)]
        return self._judged(found, said)

    def _learn(self, said: Address, shape: Any) -> None:
        if said.road and said.number:
            self.numbers[said.road].setdefault(said.number, []).append(shape)
        if said.estate and said.building:
            self.homes[said.estate, said.building].append(shape)

    def _learn_homes(self, layers: Mapping[str, Any]) -> None:
        """Buildings whose name is a number, in the estate that they stand in."""
        estates, homes = layers.get("estates"), layers.get("buildings")
        if not isinstance(homes, gpd.GeoDataFrame) or "name" not in homes.columns:
            return
        parsed = [parse_address(name) for name in homes["name"]]
        shapes = np.asarray(homes.geometry.array)
        for said, shape in zip(parsed, shapes, strict=True):
            if said.building and said.estate:
                self.homes[said.estate, said.building].append(shape)
        if not isinstance(estates, gpd.GeoDataFrame) or "name" not in estates.columns or estates.empty:
            return
        asked = [n for n, said in enumerate(parsed) if said.building and not said.estate]
        points = shapely.point_on_surface(shapes[asked])
        which, inside = shapely.STRtree(np.asarray(estates.geometry.array)).query(points, predicate="intersects")
        for at, estate in zip(which, inside, strict=True):
            name, number = estates["name"].iloc[estate], parsed[asked[at]].building
            if isinstance(name, str) and number:
                self.homes[name, number].append(shapes[asked[at]])

    def _by_home(self, said: Address) -> list[Candidate]:
        """Estate (or community) and number of the building."""
        if not said.building:
            return []
        out = []
        for place in (said.estate, said.community, f"{said.road}{said.number}号" if said.number else None):
            for name, like in self._alike(place, {name for name, _ in self.homes}):
                for shape in self.homes.get((name, said.building), []):
                    out.append(_candidate(shape, "building", f"{name}{said.building}号楼", like))
        return out

    def _by_number(self, said: Address) -> list[Candidate]:
        """Number along a road: known, between two known ones on its side, or near one."""
        if not said.road or not said.number:
            return []
        known = self.numbers.get(said.road, {})
        if said.number in known:
            label = f"{said.road}{said.number}号"
            return [_candidate(shape, "road_number", label) for shape in known[said.number]]
        if not said.number.split("-")[0].isdigit():
            return []
        wanted = int(said.number.split("-")[0])
        side = {int(n): shapes[0] for n, shapes in known.items() if n.isdigit() and (int(n) - wanted) % 2 == 0}
        below = max((n for n in side if n <= wanted), default=None)
        above = min((n for n in side if n >= wanted), default=None)
        if below is not None and above is not None and above - below <= _BETWEEN:
            share = 0.0 if above == below else (wanted - below) / (above - below)
            a, b = (np.array(shapely.centroid(side[n]).coords[0]) for n in (below, above))
            middle = shapely.Point(a + (b - a) * share)
            return [_candidate(middle, "between_numbers", f"{said.road}{below}-{above}号")]
        near = sorted((abs(n - wanted), n) for n in side if abs(n - wanted) <= _NEAR)[:1]
        return [_candidate(side[n], "near_number", f"{said.road}{n}号") for _, n in near]

    def _by_name(self, said: Address) -> list[Candidate]:
        """A name that somebody gave a place."""
        out = []
        name = _TAIL.sub("", said.estate or "")
        for known, like in self._alike(name, self.names):
            out += [_candidate(shape, "name", known, like) for _, shape in self.names[known]]
        for known, like in self._alike(name, self.estates):
            worth = 1.0 if not said.building else 0.85  # the building itself is not known
            out += [_candidate(shape, "estate", known, like * worth) for shape in self.estates[known]]
        return out

    def _coarsely(self, said: Address) -> list[Candidate]:
        """The road as a whole, or the community: for a person to look at, never to place by."""
        out = []
        if said.road and self.roads.get(said.road):
            whole = shapely.union_all(self.roads[said.road])
            out.append(_candidate(shapely.line_interpolate_point(shapely.line_merge(whole), 0.5, normalized=True)
                if shapely.get_type_id(shapely.line_merge(whole)) == 1 else whole, "road", said.road))
        for part in (said.community, said.street):
            shapes = self.units.get(part or "", [])
            out += [_candidate(shape, "community", str(part)) for shape in shapes]
            if shapes:
                break
        return out

    def _alike(self, wanted: str | None, known: Any) -> list[tuple[str, float]]:
        """Names like a wanted one, with their likeness from 0 to 1; numbers in them must agree."""
        if not wanted:
            return []
        if wanted in known:
            return [(wanted, 1.0)]
        if len(wanted) < 3:
            return []
        digits = re.findall(r"\d+", wanted)
        close = process.extract(wanted, list(known), scorer=fuzz.ratio, score_cutoff=_LIKE, limit=_MOST)
        return [(name, score / 100.0) for name, score, _ in close if re.findall(r"\d+", name) == digits]

    def _judged(self, found: list[Candidate], said: Address) -> list[Candidate]:
        """The best of each place; places outside what the address says are worth less, several alike less each."""
        area = next((self.units[part] for part in (said.community, said.street) if part in self.units), None)
        best: dict[tuple[float, float], Candidate] = {}
        for one in found:
            if area is not None and one.by != "community":
                inside = bool(shapely.intersects_xy(np.asarray(area, dtype=object), one.x, one.y).any())
                one = one if inside else Candidate(round(one.score * _ELSEWHERE, 3), one.by, one.label, one.x, one.y)
            place = (round(one.x), round(one.y))
            if place not in best or best[place].score < one.score:
                best[place] = one
        order = sorted(best.values(), key=lambda one: (-one.score, one.label, one.x, one.y))[:_MOST]
        top = [one for one in order if order and one.score >= order[0].score - 0.02]
        if len(top) > 1 and not _together(top):
            # which of several nobody knows
            order = [Candidate(round(one.score / len(top), 3), one.by, one.label, one.x, one.y) if one in top else one
                     for one in order]
            order.sort(key=lambda one: (-one.score, one.label, one.x, one.y))
        return order


def _together(places: list[Candidate], metres: float = 50.0) -> bool:
    """Whether places lie within so many metres of the first: parts of one building, say."""
    return all(np.hypot(one.x - places[0].x, one.y - places[0].y) <= metres for one in places)


def _candidate(shape: Any, by: str, label: str, like: float = 1.0) -> Candidate:
    point = shapely.point_on_surface(shape)
    return Candidate(round(SCORES[by] * like, 3), by, label, float(point.x), float(point.y))


def _rows(layers: Mapping[str, Any], layer: str, column: str) -> list[tuple[str, Any]]:
    """Texts of a column with the geometry of their rows."""
    frame = layers.get(layer)
    if not isinstance(frame, gpd.GeoDataFrame) or column not in frame.columns:
        return []
    shapes = np.asarray(frame.geometry.array)
    there = frame[column].notna().to_numpy() & ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    return list(zip(frame[column].to_numpy()[there], shapes[there], strict=True))


def place_by_address(
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    *,
    known: Mapping[str, gpd.GeoDataFrame | pd.DataFrame] | None = None,
    threshold: float = THRESHOLD,
) -> tuple[dict[str, gpd.GeoDataFrame], Findings]:
    """Place things that have an address and no coordinates.

    Parameters
    ----------
    layers
        Frames in one metric CRS; `organizations`, `facilities` and `incidents` are looked at.
    known
        Layers of which the gazetteer is made; None for the same.
    threshold
        Score from which a thing is placed by itself.

    Returns
    -------
    (frames, findings): the layers that changed, with `placed_by` (how, null where the file said the place),
    `placed_score` (0 to 1) and `placed_candidates` (JSON of the five likeliest: score, by, label, x, y in the city's
    CRS) for every row that was looked for. Rows below the threshold stay without a place; each is a finding with its
    candidates, a list for a person.
    """
    findings = Findings()
    out: dict[str, gpd.GeoDataFrame] = {}
    gazetteer: Gazetteer | None = None
    for name in _PLACED:
        frame = layers.get(name)
        if not isinstance(frame, gpd.GeoDataFrame) or "address" not in frame.columns or frame.empty:
            continue
        shapes = np.array(frame.geometry.array, dtype=object)
        asked = np.flatnonzero((shapely.is_missing(shapes) | shapely.is_empty(shapes)) & frame["address"].notna())
        if not len(asked):
            continue
        gazetteer = gazetteer or Gazetteer.of(known if known is not None else layers)
        by: list[str | None] = [None] * len(frame)
        score = np.full(len(frame), np.nan)
        told: list[str | None] = [None] * len(frame)
        memory: dict[str, list[Candidate]] = {}
        placed = 0
        for at in asked:  # each distinct address once
            text = str(frame["address"].iloc[at])
            found = memory.setdefault(text, gazetteer.find(text)) if text not in memory else memory[text]
            told[at] = json.dumps([[c.score, c.by, c.label, round(c.x, 2), round(c.y, 2)] for c in found],
                ensure_ascii=False)
            if not found:
                _tell_row(findings, frame, name, int(at), f"no place of the city is like the address {text!r}")
                continue
            score[at] = found[0].score
            if found[0].score >= threshold:
                by[at], shapes[at] = found[0].by, shapely.Point(found[0].x, found[0].y)
                placed += 1
            else:
                said = "; ".join(f"{c.label} ({c.by}, {c.score:.2f})" for c in found[:3])
                _tell_row(findings, frame, name, int(at), f"the address {text!r} may mean {said}")
        if placed:
            findings.add(
                name, "placed_by_address", f"{placed} rows without coordinates have an address of the city",
                "placed there; placed_by, placed_score and placed_candidates say how", level="note", field="address",
            )  # fmt: skip
        out[name] = frame.set_geometry(shapes, crs=frame.crs).assign(
            placed_by=pd.Series(by, index=frame.index, dtype="str"), placed_score=score,
            placed_candidates=pd.Series(told, index=frame.index, dtype="str"),
        )  # fmt: skip
    return out, findings


def _tell_row(findings: Findings, frame: pd.DataFrame, layer: str, at: int, what: str) -> None:
    code = frame["code"].iloc[at] if "code" in frame.columns else None
    row = frame["source_row"].iloc[at] if "source_row" in frame.columns else None
    findings.add(
        layer, "address_doubtful", what, "kept without a place; a person places it",
        row=row if row is not None and pd.notna(row) else None, code=code, field="address",
    )  # fmt: skip
