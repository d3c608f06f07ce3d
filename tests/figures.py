"""The figures of a split, by Shapely, numpy and pandas alone: nothing here comes from the splitter.

What counts as a street or as a hard barrier is told again here from OpenStreetMap's tags, so that a slip in the
splitter's own table is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from tests.checks import drawn, tiling

#: Roads that bound blocks; footways, paths, steps and cycleways do not.
STREETS = {
    "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
    "tertiary", "tertiary_link", "unclassified", "residential", "road", "living_street", "pedestrian", "service",
    "track",
}  # fmt: skip
HARD_ROADS = {"motorway", "motorway_link"}
HARD_KINDS = {"rail", "light_rail", "narrow_gauge", "river", "canal", "motorway", "city_wall"}
#: Metres of a hard line inside a micro-grid, half a metre from its edge, that count as crossing.
CROSSING_M = 3.0
#: Square metres of a footprint in another micro-grid that count as cut.
CUT_M2 = 0.5
#: A water area beyond this is a hard barrier, m2.
WIDE_WATER_M2 = 2000.0
_LEVELS = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}


@dataclass
class Lines:
    """Lines that bound blocks, and those of them that nobody crosses."""

    all: np.ndarray
    hard: np.ndarray


@dataclass
class Figures:
    """The quality of one split; shares are 0 to 1, lists hold codes."""

    micro_grids: int
    in_band: float
    in_band_peopled: float
    several: int
    in_wish: float
    several_or_cut: int
    in_wish_or_cut: float
    unconnected: list[str]
    gap_m2: float
    overlap_m2: float
    bad_segments: int
    lost_households: int
    not_nested: list[str]
    cut: list[str]
    cut_apart: list[str]
    cut_unsaid: list[str]
    crossed: list[str]
    crossed_unsaid: list[str]
    compactness: float
    compactness_peopled: float
    on_lines: float
    without_reason: list[str]
    largest: int
    reasons: pd.DataFrame = field(repr=False)


def bounding_lines(layers: Mapping[str, gpd.GeoDataFrame]) -> Lines:
    """Streets, barriers and shores of the layers, and the hard ones among them."""
    every: list[np.ndarray] = []
    hard: list[np.ndarray] = []

    def take(frame: gpd.GeoDataFrame, bounds: np.ndarray, stops: np.ndarray) -> None:
        shapes = frame.geometry.to_numpy()
        there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes)) & _above_ground(frame)
        area = shapely.get_dimensions(shapes) == 2
        shapes = np.where(area, shapely.boundary(shapes), shapes)
        every.append(shapes[there & bounds])
        hard.append(shapes[there & bounds & stops])

    roads = layers.get("roads")
    if roads is not None and len(roads):
        if "class" in roads and roads["class"].notna().any():
            take(roads, roads["class"].isin(STREETS).to_numpy(), roads["class"].isin(HARD_ROADS).to_numpy())
        else:
            take(roads, np.ones(len(roads), dtype=bool), np.zeros(len(roads), dtype=bool))
    barriers = layers.get("barriers")
    if barriers is not None and len(barriers):
        kind = _first_of(barriers, ("kind", "barrier", "railway", "waterway"))
        take(barriers, (kind != "subway").to_numpy(), kind.isin(HARD_KINDS).to_numpy())
    water = layers.get("water")
    if water is not None and len(water):
        kind = _first_of(water, ("kind", "barrier", "railway", "waterway"))
        wide = water.geometry.area.to_numpy() > WIDE_WATER_M2
        take(water, np.ones(len(water), dtype=bool), kind.isin(HARD_KINDS).to_numpy() | wide)
    nothing = np.empty(0, dtype=object)
    return Lines(np.concatenate([nothing, *every]), np.concatenate([nothing, *hard]))


def _first_of(frame: pd.DataFrame, columns: Iterable[str]) -> pd.Series:
    """The first of some columns that says anything, row by row."""
    found = pd.Series("", index=frame.index, dtype="object")
    for column in columns:
        if column in frame:
            found = found.where(found != "", frame[column].astype("object").fillna(""))
    return found


def _above_ground(frame: pd.DataFrame) -> np.ndarray:
    result = np.ones(len(frame), dtype=bool)
    if "tunnel" in frame:
        said = frame["tunnel"].astype("object").fillna("").astype(str).str.lower()
        result &= said.isin(["", "no", "false", "0", "none", "nan"]).to_numpy()
    if "layer" in frame:
        result &= pd.to_numeric(frame["layer"], errors="coerce").fillna(0).to_numpy() >= 0
    return result


def figures(
    units: Mapping[str, gpd.GeoDataFrame],
    parts: gpd.GeoDataFrame,
    layers: Mapping[str, gpd.GeoDataFrame],
    outline: shapely.Geometry,
    *,
    said: pd.DataFrame | None = None,
    band: tuple[int, int, int] = (15, 25, 40),
) -> Figures:
    """All figures of a split.

    `parts` are the buildings as the split gives them back, `layers` what went in (`buildings` with `households`),
    `said` the findings with a `code`.
    """
    low, target, high = band
    table = units["micro_grids"].reset_index(drop=True)
    areas = drawn(table)
    count = table["households"].to_numpy()
    inside = (count >= low) & (count <= high)
    peopled = count > 0
    made = put_together(table, parts)
    divided = table["code"].isin(parts["micro_grid"][(parts["part_of"].notna()) & (parts["households"] > 0)]).to_numpy()
    wish = (count >= max(low, -(-target * 4 // 5))) & (count <= min(high, target * 6 // 5))
    gap, overlap, bad, on_lines = tiling(areas.geometry.to_numpy(), outline, bounding_lines(layers).all)
    cut, apart = cut_buildings(areas.geometry.to_numpy(), layers["buildings"], parts, units, high)
    known = set() if said is None else set(said["code"].dropna())
    crossed = crossings(table, parts, bounding_lines(layers).hard)
    reason = table["reason"].fillna("")
    explained = reason.str.contains("barrier|rail|river|motorway|city wall|water").to_numpy()
    silent = ~inside & ((reason.str.len() <= 10) | (table["reason_zh"].fillna("").str.len() <= 3)).to_numpy()
    round_ = compactness(areas.geometry.to_numpy())
    return Figures(
        micro_grids=len(table),
        in_band=float(inside.mean()),
        in_band_peopled=float(inside[peopled].mean()),
        several=int(made.sum()),
        in_wish=float(wish[made].mean()) if made.any() else 1.0,
        several_or_cut=int((made | divided).sum()),
        in_wish_or_cut=float(wish[made | divided].mean()) if (made | divided).any() else 1.0,
        unconnected=table["code"][table.geometry.geom_type != "Polygon"].tolist(),
        gap_m2=gap,
        overlap_m2=overlap,
        bad_segments=bad,
        lost_households=lost_households(table, parts, layers["buildings"], outline),
        not_nested=not_nested(units),
        cut=cut,
        cut_apart=apart,
        cut_unsaid=[code for code in cut if code not in known],
        crossed=table["code"][crossed].tolist(),
        crossed_unsaid=table["code"][crossed & ~explained].tolist(),
        compactness=float(round_.mean()),
        compactness_peopled=float(round_[(areas["households"] > 0).to_numpy()].mean()),
        on_lines=on_lines,
        without_reason=table["code"][silent].tolist(),
        largest=int(count.max()),
        reasons=tally(table[~inside]),
    )


def put_together(micro_grids: pd.DataFrame, parts: pd.DataFrame) -> np.ndarray:
    """True for micro-grids of several inhabited buildings, entrances or floors.

    One whole building and one whole entrance do not count: they are as they are. Some floors of a tower do.
    """
    inhabited = parts[parts["households"] > 0]
    several = inhabited.groupby("micro_grid").size().reindex(micro_grids["code"]).fillna(0).to_numpy() > 1
    floors = inhabited[inhabited["floor_from"].notna()]["micro_grid"]
    return several | (micro_grids["code"].isin(floors).to_numpy() & (micro_grids["households"] > 0).to_numpy())


def compactness(areas: np.ndarray) -> np.ndarray:
    """Polsby and Popper (1991): 4 pi area / perimeter squared."""
    return 4 * np.pi * shapely.area(areas) / np.maximum(shapely.length(areas), 1e-9) ** 2


def inside_outline(buildings: gpd.GeoDataFrame, outline: shapely.Geometry) -> np.ndarray:
    """True for buildings with at least half of their footprint in the outline."""
    shapes = buildings.geometry.to_numpy()
    shapely.prepare(outline)
    result = shapely.covers(outline, shapes)
    edge = np.flatnonzero(~result & shapely.intersects(outline, shapes))
    area = shapely.area(shapes[edge])
    result[edge] = shapely.area(shapely.intersection(shapes[edge], outline)) >= 0.5 * area
    return result


def lost_households(
    micro_grids: pd.DataFrame, parts: pd.DataFrame, buildings: gpd.GeoDataFrame, outline: shapely.Geometry
) -> int:
    """Households that went in and are not in exactly one micro-grid: lost, invented, or counted in another one."""
    total = int(buildings["households"].fillna(0)[inside_outline(buildings, outline)].sum())
    listed = parts.groupby("micro_grid")["households"].sum().reindex(micro_grids["code"]).fillna(0).to_numpy()
    moved = int(np.abs(listed - micro_grids["households"].to_numpy()).sum())
    return abs(total - int(micro_grids["households"].sum())) + abs(total - int(parts["households"].sum())) + moved


def not_nested(units: Mapping[str, gpd.GeoDataFrame]) -> list[str]:
    """Codes of units that do not lie in the unit that their code names, or that their children do not fill."""
    wrong: list[str] = []
    for level, length in list(_LEVELS.items())[:0:-1]:
        above = list(_LEVELS)[list(_LEVELS).index(level) - 1]
        frame, mothers = drawn(units[level]) if level == "micro_grids" else units[level], units[above]
        shapes = mothers.set_index("code").geometry
        named = frame["code"].astype(str).str[: _LEVELS[above]]
        known = named.isin(shapes.index) & (frame["code"].astype(str).str.len() == length)
        wrong += frame["code"][~known].tolist()
        frame, named = frame[known], named[known]
        out = shapely.area(shapely.difference(frame.geometry.to_numpy(), shapes[named].to_numpy()))
        wrong += frame["code"][out > 0.01].tolist()
        filled = frame.geometry.area.groupby(named.to_numpy()).sum().reindex(shapes.index).fillna(0.0)
        short = (filled - shapes.area).abs() > 0.01 + 1e-9 * shapes.area
        wrong += shapes.index[short].tolist()
        counted = units[level]["households"].groupby(units[level]["code"].str[: _LEVELS[above]].to_numpy()).sum()
        odd = counted.reindex(mothers["code"]).fillna(0).to_numpy() != mothers["households"].to_numpy()
        wrong += mothers["code"][odd].tolist()
    return sorted(set(wrong))


def cut_buildings(
    areas: np.ndarray,
    buildings: gpd.GeoDataFrame,
    parts: pd.DataFrame,
    units: Mapping[str, gpd.GeoDataFrame],
    high: int,
) -> tuple[list[str], list[str]]:
    """Codes of buildings of at most `high` households that lie in more than one micro-grid.

    The second list leaves out ground that two footprints share, and buildings across a given boundary.
    """
    fits = buildings["households"].fillna(0).to_numpy() <= high
    small = buildings[fits].reset_index(drop=True)
    code = small["code"].astype(str).to_numpy()
    shapes = small.geometry.to_numpy()
    cut = _in_several(shapes, areas)
    # A building that fits must not be divided on paper either.
    cut |= np.isin(code, parts["part_of"].dropna().astype(str).to_numpy())
    everything = buildings.geometry.to_numpy()
    tree = shapely.STRtree(everything)
    apart: list[str] = []
    for row in np.flatnonzero(cut):
        others = [
            everything[other]
            for other in tree.query(shapes[row], predicate="intersects")
            if not shapely.equals_exact(everything[other], shapes[row])
        ]
        alone = shapely.difference(shapes[row], shapely.union_all(others)) if others else shapes[row]
        # What lies beyond a footprint drawn over it cannot be reached; the largest piece is the building.
        alone = max(shapely.get_parts(alone), key=shapely.area, default=alone)
        given = any(
            _in_several(np.array([shapes[row]]), frame.geometry.to_numpy()[~frame["derived"].astype(bool)])[0]
            for frame in units.values()
            if "derived" in frame and (~frame["derived"].astype(bool)).sum() > 1
        )
        if _in_several(np.array([alone]), areas)[0] and not given:
            apart.append(str(code[row]))
    return sorted(code[cut].tolist()), sorted(apart)


def _in_several(shapes: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """True for shapes with ground to speak of in more than one area."""
    which, area = shapely.STRtree(areas).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[which], areas[area]))
    inner = np.bincount(which, weights=shared, minlength=len(shapes))
    most = np.zeros(len(shapes))
    np.maximum.at(most, which, shared)
    return inner - most > CUT_M2


def crossings(micro_grids: gpd.GeoDataFrame, parts: gpd.GeoDataFrame, hard: np.ndarray) -> np.ndarray:
    """True for micro-grids with households on both sides of a hard line that runs through them.

    A micro-grid falls into faces along its hard lines; a line that ends inside parts nothing. A building counts in the
    face that holds most of it; one that stands on the line itself counts nowhere.
    """
    crossed = np.zeros(len(micro_grids), dtype=bool)
    if not len(hard):
        return crossed
    shapes = micro_grids.geometry.to_numpy()
    inner = shapely.buffer(shapes, -0.5)
    line, area = shapely.STRtree(inner).query(hard, predicate="intersects")
    length = shapely.length(shapely.intersection(hard[line], inner[area]))
    suspects = np.flatnonzero(np.bincount(area, weights=length, minlength=len(shapes)) > CROSSING_M)
    homes = parts[parts["households"] > 0]
    by_code = homes.groupby("micro_grid").indices
    for number in suspects:  # few
        mine = homes.geometry.to_numpy()[by_code.get(micro_grids["code"].iat[number], np.empty(0, dtype=np.int64))]
        through = shapely.intersection(hard[line[area == number]], shapes[number])
        noded = shapely.union_all([*through, shapely.boundary(shapes[number])])
        faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(np.array([noded]))))
        faces = faces[shapely.covered_by(shapely.point_on_surface(faces), shapes[number])]
        if len(faces) < 2 or len(mine) < 2:
            continue
        share = shapely.area(shapely.intersection(mine[:, None], faces[None, :]))
        total = np.maximum(share.sum(axis=1), 1e-9)
        settled = share.max(axis=1) > 0.9 * total
        crossed[number] = len(np.unique(share.argmax(axis=1)[settled])) > 1
    return crossed


def tally(rows: pd.DataFrame) -> pd.DataFrame:
    """Reasons by kind, figures and codes left out: how often, and the fewest and most households."""
    kind = rows["reason"].fillna("(none)").map(lambda text: re.sub(r"\d+(, \d+)*", "N", str(text)))
    grouped = rows["households"].groupby(kind.to_numpy())
    result = pd.DataFrame({"rows": grouped.size(), "fewest": grouped.min(), "most": grouped.max()})
    return result.sort_values(["rows"], ascending=False)
