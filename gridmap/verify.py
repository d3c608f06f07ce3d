"""Every promise that a store makes, checked on what is in it.

Codes and counts are checked here, geometry with `gridmap.tiling`; nothing is taken from the steps that made the city,
so that a fault of theirs cannot hide itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.barriers import hard_lines, parted
from gridmap.stores import Store
from gridmap.stores.incident_log import reports_at_desk, untrue_to_log
from gridmap.tiling import area_outside, missing_area, overlaps, segments
from layers.errors import MissingLayer
from layers.schema import LEVEL_PARENTS

__all__ = ["Promise", "Verification", "verify"]

#: Level -> digits of its code.
DIGITS = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}
#: Layers whose things belong to a micro-grid.
ATTACHED = ("organizations", "facilities", "incidents")
#: How a thing came to its micro-grid; `none` where it has none.
ATTACHED_BY = ("within", "border_rule", "nearest", "manual", "none")
#: Findings that tell why a building reaches out of its micro-grid.
EXCUSES = ("crosses_outline", "overlap_resolved", "crosses_given_boundary")

#: Ground that the union may miss or exceed, that two areas may share, that a building may have outside, in m2.
UNION_M2, SHARED_M2, BUILDING_M2 = 1.0, 0.01, 0.5
_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One promise and whether it is kept.

    `broken` counts the rows that break it, `examples` are codes of some of them, `figure` says what was counted.
    """

    name: str
    zh: str
    en: str
    ok: bool
    broken: int
    examples: tuple[str, ...]
    figure: str

    @property
    def sentence(self) -> str:
        """The promise in English."""
        return self.en


@dataclass(frozen=True)
class Verification:
    """All promises of a store, in the order in which they were checked."""

    promises: tuple[Promise, ...]

    @property
    def ok(self) -> bool:
        """Whether every promise is kept."""
        return all(promise.ok for promise in self.promises)

    def __getitem__(self, name: str) -> Promise:
        return next(promise for promise in self.promises if promise.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and texts, for JSON."""
        return {"ok": self.ok, "promises": [asdict(promise) for promise in self.promises]}


def verify(store: Store) -> Verification:
    """
    Check every promise of a store.

    Parameters
    ----------
    store
        A built city, in a metric CRS. Its facts `settings`, `households_in` and `rows_in`, written by the build, say
        what went in; where one is missing, the promise that needs it counts as broken.

    Returns
    -------
    Verification

    Raises
    ------
    MissingLayer
        The store has no micro-grids yet.

    Examples
    --------
    >>> import tempfile
    >>> from gridmap.stores import create_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> with create_store(f"{folder.name}/city.gpkg", crs=4549) as store:
    ...     verify(store)
    Traceback (most recent call last):
    layers.errors.MissingLayer: the city has no micro-grids to verify; run gridmap build first
    >>> folder.cleanup()
    """
    city = _City(store)
    if not len(city.micro_grids):
        raise MissingLayer("the city has no micro-grids to verify; run gridmap build first")
    return Verification(tuple(
        Promise(
            name=name, zh=zh, en=en, ok=not broken, broken=len(broken),
            examples=tuple(dict.fromkeys(str(code) for code in broken))[:_EXAMPLES], figure=figure,
        )
        for name, zh, en, check in _PROMISES
        for broken, figure in [check(city)]
    ))  # fmt: skip


class _City:
    """What a store holds, each layer read once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.facts = store.meta()
        self.levels = {level: store.read(level) for level in DIGITS}
        self.micro_grids = gpd.GeoDataFrame(self.levels["micro_grids"])
        self.codes = self.micro_grids["code"]

    @cached_property
    def buildings(self) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(self.store.read("buildings"))

    @cached_property
    def footprints(self) -> gpd.GeoDataFrame:
        """Each drawn area once: micro-grids that share a tower stand for one."""
        stack = self.micro_grids["stack"]
        return self.micro_grids[stack.isna() | ~stack.duplicated()]

    @cached_property
    def areas(self) -> NDArray[np.object_]:
        return np.asarray(self.footprints.geometry.array, dtype=object)

    @cached_property
    def outline(self) -> shapely.Geometry:
        """The areas of the coarsest level that the store keeps, joined."""
        coarsest = next(frame for frame in self.levels.values() if len(frame))
        return shapely.union_all(np.asarray(coarsest.geometry.array, dtype=object))

    @cached_property
    def bands(self) -> dict[str, tuple[int, int]] | None:
        """The least and the most households of a micro-grid, as the settings have them; of parts with their own too."""
        try:
            kept = {"": json.loads(self.facts["settings"])["split"]["households"]}
            kept |= json.loads(self.facts.get("bands", "{}"))
            return {str(area): (int(low), int(high)) for area, (low, _, high) in kept.items()}
        except (KeyError, ValueError, TypeError):
            return None

    def band_of(self, codes: pd.Series) -> pd.DataFrame:
        """`low` and `high` for each micro-grid: those of the smallest area with a band of its own."""
        bands = self.bands or {}
        found = pd.DataFrame({"low": 0, "high": 0}, index=codes.index)
        for area in sorted(bands, key=len):
            found.loc[codes.fillna("").str.startswith(area), ["low", "high"]] = bands[area]
        return found

    def area_of(self, codes: pd.Series) -> NDArray[np.object_]:
        """The area of the micro-grid of each code; None where there is none."""
        return _looked_up(self.micro_grids, codes)


Broken = tuple[list[str], str]


def _codes(city: _City) -> Broken:
    broken: list[str] = []
    for level, digits in DIGITS.items():
        frame = city.levels[level]
        code = frame["code"].fillna("")
        bad = ~code.str.fullmatch(rf"[0-9]{{{digits}}}") | code.duplicated(keep=False)
        above = city.levels.get(LEVEL_PARENTS.get(level, ""))
        if above is not None and len(above):
            parent = code.str[: DIGITS[LEVEL_PARENTS[level]]]
            bad |= ~parent.isin(above["code"]) | (frame["parent"].notna() & (frame["parent"] != parent))
        broken += code[bad].tolist()
    return broken, f"{sum(len(frame) for frame in city.levels.values())} units"


def _connected(city: _City) -> Broken:
    geometry = np.asarray(city.micro_grids.geometry.array, dtype=object)
    bad = (shapely.get_type_id(geometry) != 3) | shapely.is_empty(geometry) | ~shapely.is_valid(geometry)
    return city.codes[bad].tolist(), f"{int((~bad).sum())} of {len(bad)} are one valid polygon"


def _disjoint(city: _City) -> Broken:
    pairs, shared = overlaps(city.areas, at_least_m2=SHARED_M2)
    codes = city.footprints["code"].to_numpy()[pairs.ravel()]
    return codes.tolist(), f"{len(pairs)} pairs share {shared.sum():.2f} m2"


def _stacks(city: _City) -> Broken:
    stacked = city.micro_grids[city.micro_grids["stack"].notna()]
    first = stacked.groupby("stack")["code"].transform("first")
    size = stacked.groupby("stack")["code"].transform("size")
    same = shapely.equals(np.asarray(stacked.geometry.array, dtype=object), city.area_of(first))
    bad = ~same | (size < 2).to_numpy(dtype=bool)
    return stacked["code"][bad].tolist(), f"{first.nunique()} stacks of {len(stacked)} micro-grids"


def _tiled(city: _City) -> Broken:
    missing, beyond = missing_area(city.areas, city.outline)
    # the same for each grid, by codes: what its own micro-grids leave of it or have beyond it
    grids = city.levels["grids"]
    own = city.footprints["code"].str[: DIGITS["grids"]]
    filled = pd.Series(shapely.area(city.areas)).groupby(own.to_numpy()).sum()
    gap = (grids.geometry.area - grids["code"].map(filled).fillna(0.0)).abs()
    broken = grids["code"][gap > UNION_M2].tolist()
    if missing + beyond > UNION_M2 and not broken:
        broken = [city.footprints["code"].iat[i] for i in _at_fault(city)]
    return broken, f"{missing:.2f} m2 of the outline left out, {beyond:.2f} m2 beyond it"


def _at_fault(city: _City) -> list[int]:
    """Positions of the footprints that reach beyond the outline, else of the first that touches what is left out."""
    outline = np.full(len(city.areas), city.outline, dtype=object)
    beyond = np.flatnonzero(area_outside(city.areas, outline) > SHARED_M2)
    if len(beyond):
        return beyond.tolist()
    left_out = city.outline.difference(shapely.union_all(city.areas))
    return [int(np.argmin(shapely.distance(city.areas, left_out)))]


def _segments(city: _City) -> Broken:
    found = segments(city.areas, city.outline)
    figure = f"{found.twice} border segments between two areas, {found.edge} on the outline, {found.odd} neither"
    return city.footprints["code"].to_numpy()[found.areas].tolist() if found.odd else [], figure


def _nested(city: _City) -> Broken:
    broken: list[str] = []
    most = 0.0
    for level, above in LEVEL_PARENTS.items():
        frame = city.footprints if level == "micro_grids" else city.levels[level]
        parents = city.levels[above]
        if len(frame) and len(parents):
            parent = frame["code"].str[: DIGITS[above]]
            known = parent.isin(parents["code"]).to_numpy()
            frame, parent = frame[known], parent[known]
            outside = area_outside(np.asarray(frame.geometry.array, dtype=object), _looked_up(parents, parent))
            broken += frame["code"][outside > SHARED_M2].tolist()
            most = max(most, float(outside.max(initial=0.0)))
    return broken, f"at most {most:.4f} m2 of a unit outside the unit above"


def _building_codes(city: _City) -> pd.Series:
    rows = pd.Series(city.buildings.index.map("row {}".format), index=city.buildings.index)
    return city.buildings["code"].where(city.buildings["code"].notna(), rows)


def _buildings(city: _City) -> Broken:
    buildings, code = city.buildings, _building_codes(city)
    bad = ~buildings["micro_grid"].isin(city.codes) | code.duplicated(keep=False)
    parts = buildings["part_of"].notna()
    figure = f"{int((~parts).sum())} whole buildings, {buildings['part_of'].nunique()} divided ones"
    if parts.any():
        # a building that is divided must be one that no single micro-grid may hold
        whole = buildings.groupby("part_of")["households"].transform("sum")
        bad |= parts & (buildings["part_of"].isin(code[~parts]))
        if city.bands is None:
            return ["settings"], f"{figure}; the store does not say the band"
        # what is locked stays as it is, also where the building has fewer households now
        held = set(city.codes[city.micro_grids["locked"].fillna(False).astype(bool)])
        small = (whole <= city.band_of(buildings["micro_grid"])["high"]).fillna(False).astype(bool)
        bad |= parts & small & ~buildings["micro_grid"].isin(held)
    return code[bad].tolist(), figure


def _footprints(city: _City) -> Broken:
    findings = city.store.read("findings")
    excused = set(findings["code"][findings["rule"].isin(EXCUSES)].dropna())
    buildings = city.buildings[city.buildings["micro_grid"].isin(city.codes)]
    geometry = np.asarray(buildings.geometry.array, dtype=object)
    outside = np.nan_to_num(area_outside(geometry, city.area_of(buildings["micro_grid"])))
    far = pd.Series(outside > BUILDING_M2, index=buildings.index)
    allowed = far & buildings["part_of"].fillna(buildings["code"]).isin(excused)
    figure = f"{int((~far).sum())} of {len(far)} footprints inside; {int(allowed.sum())} more reach out and say why"
    return _building_codes(city)[buildings.index][far & ~allowed].tolist(), figure


def _households(city: _City) -> Broken:
    counted = city.buildings.groupby("micro_grid")["households"].sum()
    bad = city.micro_grids["households"].fillna(-1) != city.codes.map(counted).fillna(0)
    return city.codes[bad].tolist(), f"{int((~bad).sum())} of {len(bad)} micro-grids have those of their buildings"


def _total(city: _City) -> Broken:
    said = city.facts.get("households_in", "")
    have = int(city.micro_grids["households"].fillna(0).sum())
    if not said.isdecimal():
        return ["households_in"], f"{have} households kept; the store does not say how many came in"
    return [] if int(said) == have else ["households_in"], f"{have} households kept of {said} that came in"


def _within_band(city: _City) -> Broken:
    if city.bands is None:
        return ["settings"], "the store does not say the band"
    band = city.band_of(city.codes)
    right = city.micro_grids["households"].between(band["low"], band["high"]).fillna(False)
    flagged = city.micro_grids["within_band"]
    bad = flagged.isna() | (flagged.fillna(False).astype(bool) != right.astype(bool))
    words = _in_words(city.bands)
    return city.codes[bad].tolist(), f"{int(right.sum())} of {len(right)} micro-grids have {words} households"


def _in_words(bands: dict[str, tuple[int, int]]) -> str:
    """The bands, that of the whole city first."""
    return ", ".join(f"{low} to {high}{f' in {area}' if area else ''}" for area, (low, high) in sorted(bands.items()))


def _reasons(city: _City) -> Broken:
    out = ~city.micro_grids["within_band"].fillna(False).astype(bool)
    silent = out & city.micro_grids["reason"].fillna("").str.strip().eq("")
    return city.codes[silent].tolist(), f"{int(out.sum())} micro-grids out of the band"


def _barriers(city: _City) -> Broken:
    hard = hard_lines(city.store)
    homes = city.buildings[city.buildings["households"].fillna(0) > 0]
    crossed = parted(city.areas, hard, homes, city.footprints["code"].to_numpy())
    said = city.footprints["reason"].fillna("").str.contains("barrier").to_numpy()
    codes = city.footprints["code"]
    figure = f"{int(crossed.sum())} of {len(crossed)} micro-grids have homes on both sides of one"
    return codes[crossed & ~said].tolist(), figure


def _attached(city: _City) -> Broken:
    broken: list[str] = []
    total = 0
    for layer in ATTACHED:
        things = city.store.read(layer)
        total += len(things)
        unit, way = things["micro_grid"], things["attached_by"]
        placed = way.isin(ATTACHED_BY[:-1]) & unit.isin(city.codes)
        for column, digits in (("grid", DIGITS["grids"]), ("community", DIGITS["communities"])):
            placed &= things[column].fillna("") == unit.fillna("").str[:digits]
        nowhere = way.eq("none") & unit.isna()
        # by their own geometry: what is said to lie within must touch its micro-grid
        touching = pd.Series(shapely.distance(things.geometry.array, city.area_of(unit)) <= SHARED_M2, things.index)
        bad = ~(placed | nowhere) | (way.isin(["within", "border_rule"]) & ~touching)
        bad |= things["code"].notna() & things["code"].duplicated(keep=False)
        broken += [f"{layer} {code}" for code in things["code"].fillna("?")[bad]]
    return broken, f"{total} things"


def _kept(city: _City) -> Broken:
    try:
        came = {str(layer): int(rows) for layer, rows in json.loads(city.facts["rows_in"]).items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return ["rows_in"], "the store does not say how many rows came in"
    have = {layer: city.store.count(layer) for layer in came}
    if "incidents" in have:
        have["incidents"] -= reports_at_desk(city.store)  # they came in no file
    figure = ", ".join(f"{layer} {have[layer]} of {rows}" for layer, rows in came.items()) or "nothing came in"
    return [layer for layer, rows in came.items() if have[layer] != rows], figure


def _desk(city: _City) -> Broken:
    bad, moved = untrue_to_log(city.store)
    return bad, f"{moved} incidents with moves"


def _coverage(city: _City) -> Broken:
    table = city.store.read("coverage")
    households, covered, share = table["households"], table["covered_households"], table["coverage"]
    units = city.micro_grids.drop_duplicates("code").set_index("code")
    own = table["micro_grid"].map(units["households"].fillna(-1))
    lived_in = households.fillna(0) > 0
    expected = (covered / households.where(lived_in)).astype("float64")
    # Of what nobody mapped nothing is known: neither a count nor a share.
    unknown = table["status"].eq("no_data")
    bad = own.isna() | (own != households)
    bad |= ~unknown & ~covered.between(0, households).fillna(False)
    bad |= ~unknown & lived_in & ~((share - expected).abs() <= 1e-6)
    bad |= (unknown | ~lived_in) & share.notna()
    bad |= unknown & lived_in & covered.notna()
    bad |= table.duplicated(["micro_grid", "kind"], keep=False)
    return table["micro_grid"].fillna("?")[bad.fillna(True).astype(bool)].tolist(), f"{len(table)} rows"


def _looked_up(units: pd.DataFrame, codes: Iterable[Any]) -> NDArray[np.object_]:
    """The geometry of the unit of each code, None where there is none; of a code used twice, the first."""
    place = pd.Index(units["code"].drop_duplicates()).get_indexer(pd.Index(codes))
    first = np.flatnonzero(~units["code"].duplicated())
    geometry = np.asarray(units.geometry.array, dtype=object)
    found = np.full(len(place), None, dtype=object)
    found[place >= 0] = geometry[first[place[place >= 0]]]
    return found


_PROMISES: tuple[tuple[str, str, str, Callable[[_City], Broken]], ...] = (
    ("codes", "编码位数正确、唯一、逐级包含", "codes have their digits, are unique and nest by prefix", _codes),
    ("connected", "每个微网格是一块连通的面", "every micro-grid is one connected polygon", _connected),
    ("disjoint", "微网格互不重叠", "micro-grids do not overlap", _disjoint),
    ("stacks", "共用楼栋的微网格共用同一个面", "micro-grids of one stack share exactly one polygon", _stacks),
    ("tiled", "微网格铺满网格和全域，不缺不溢", "micro-grids fill their grids and the outline", _tiled),
    ("segments", "每段边界恰由两侧共用，或在外边界上", "every border segment has two sides or is outline", _segments),
    ("nested", "各级单元严格嵌套", "every unit lies within the unit above it", _nested),
    ("buildings", "不超上限的楼栋只属于一个微网格", "no building up to the maximum is in two micro-grids", _buildings),
    ("footprints", "楼栋轮廓不越出所属微网格", "no footprint reaches out of its micro-grid unexplained", _footprints),
    ("households", "微网格户数等于所属楼栋之和", "every household of a building counts in its micro-grid", _households),
    ("households_total", "总户数一户不少", "no household of the input is lost", _total),
    ("within_band", "户数达标标记正确", "the mark of the band is right", _within_band),
    ("reasons", "未达标的都有原因", "every micro-grid out of the band says why", _reasons),
    ("barriers", "未无故跨越铁路、河流、围墙", "no micro-grid crosses rail, river or wall without a reason", _barriers),
    ("attached", "每个事物只归一个微网格或注明无", "a thing is in one micro-grid, or said to be in none", _attached),
    ("kept", "组织、设施、事件一条不丢", "no organization, facility or incident is lost", _kept),
    ("desk", "事件状态与办理记录一致", "the state of every incident is where its moves led", _desk),
    ("coverage", "覆盖率计算一致", "the figures of coverage add up", _coverage),
)  # fmt: skip
