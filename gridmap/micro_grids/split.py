"""Districts in, micro-grids out: the whole split on frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.assemble import assemble
from gridmap.micro_grids.atoms import Atoms, make_atoms
from gridmap.micro_grids.band import Band, as_band
from gridmap.micro_grids.chunks import Ground, make_chunks
from gridmap.micro_grids.community import split_chunk
from gridmap.micro_grids.given import find_given, report_crowded
from gridmap.micro_grids.households import fill_households
from gridmap.micro_grids.levels import LEVELS, Rules
from gridmap.micro_grids.lines import block_lines, street_lines
from gridmap.micro_grids.places import find_places, welcome_outlines
from gridmap.micro_grids.rows import Result, make_rows
from gridmap.micro_grids.sides import say_viaducts
from layers.errors import CrsMismatch, DataBroken, MissingLayer
from layers.findings import Findings

__all__ = ["Mapper", "Split", "split_levels", "split_micro_grids"]

#: Applies a function to each of several parts, in order.
Mapper = Callable[[Callable, Iterable], Iterable]


@dataclass
class Split:
    """What a split gives back.

    `units` has a frame a level (districts, streets, communities, grids, micro_grids), `buildings` one row a building or
    part of one, `cells` the pieces of ground that the micro-grids are made of, `findings` what had to be resolved,
    `households` the households that went in and came out, `street_share` the share of the boundary between micro-grids
    that follows streets and barriers.
    """

    units: dict[str, gpd.GeoDataFrame]
    buildings: gpd.GeoDataFrame
    cells: gpd.GeoDataFrame
    findings: Findings
    households: int
    street_share: float


def split_levels(
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    rules: Rules | None = None,
    code: str | None = None,
    name: str = "",
    mapper: Mapper = map,
) -> Split:
    """Split a city into all its levels, keeping the units that are given.

    Parameters
    ----------
    layers
        Frames by layer name, all in one metric CRS: at least one of districts, streets, communities, grids,
        micro_grids, and `buildings`; `roads`, `barriers`, `water`, `estates` where there are any.
    rules
        Bands, seed and weights.
    code
        Code (6, 9 or 12 digits) of the outline where its layer gives none.
    name
        Name of the city, for a derived district.
    mapper
        Applies a pure function to each of several parts, in order: `map`, or that of an engine (`gridmap.engines`).
        The answer is the same with any of them.

    Returns
    -------
    Split

    Raises
    ------
    MissingLayer
        Without an outline or without buildings.
    CrsMismatch
        Where a layer is in degrees or in another CRS than the outline.

    Examples
    --------
    >>> from layers.sample import town
    >>> split = split_levels(town())
    >>> micro_grids = split.units["micro_grids"]
    >>> int(micro_grids["households"].sum()) == split.households
    True
    """
    rules = rules or Rules()
    findings = Findings()
    _check_crs(layers)
    given = find_given(layers, code=code, name=name, findings=findings)
    if "buildings" not in layers or not len(layers["buildings"]):
        raise MissingLayer("there are no buildings to split by; add a layer 'buildings' with footprints and households")
    buildings = _inside(_coded(layers["buildings"]), given.outline, findings)
    if not len(buildings):
        raise MissingLayer(
            f"none of the {len(layers['buildings'])} buildings lies in the outline; check that both are of one place "
            "and datum"
        )
    buildings = fill_households(buildings, findings)

    atoms = make_atoms(buildings, rules.micro_grids, findings, outline=given.outline)
    ground = _ground(atoms, buildings, layers, rules)
    chunks = make_chunks(given, ground, rules)
    done = list(mapper(split_chunk, chunks))
    cells, plan, cut = assemble(chunks, done, given)
    del done
    _report_cut(cut, atoms.parts, buildings, findings)
    result: Result = make_rows(cells, plan, atoms, buildings, given, rules, findings)
    result.units["micro_grids"] = say_viaducts(
        result.units["micro_grids"], result.buildings, ground.lines, ground.strengths, roads=layers.get("roads"),
        barriers=layers.get("barriers"),
    )  # fmt: skip
    report_crowded(
        result.units["communities"], households=rules.community_households, residents=rules.community_residents,
        findings=findings,
    )  # fmt: skip
    total = int(result.units["micro_grids"]["households"].sum())
    if total != int(buildings["households"].sum()):
        raise DataBroken(f"{int(buildings['households'].sum())} households went in and {total} came out of the split")
    return Split(result.units, result.buildings, result.cells, findings, total, result.street_share)


def split_micro_grids(
    outline: gpd.GeoDataFrame | gpd.GeoSeries,
    buildings: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | None,
    *,
    barriers: gpd.GeoDataFrame | None = None,
    households: Band | Sequence[int] = (15, 25, 40),
    seed: int = 0,
) -> gpd.GeoDataFrame:
    """Split an outline into micro-grids of about equal numbers of households.

    The micro-grids tile the outline exactly, follow streets and run between buildings, never through one that fits; a
    building above the maximum is divided by entrances and floors.

    Parameters
    ----------
    outline
        One or several areas; a `code` column of 6, 9 or 12 digits is used for the codes where it exists.
    buildings
        Footprints (or points) with `households`; `levels` and `units` where known. Without `households` they are
        estimated.
    roads
        Street lines with `class` (OpenStreetMap highway values); None where there are none.
    barriers
        Walls, rivers, railways; `kind` says which.
    households
        Min, target and max households of a micro-grid.
    seed
        Same seed, same answer.

    Returns
    -------
    GeoDataFrame
        One row a micro-grid with the columns of the contract, in the CRS of the input (metric), by `code`.

    Raises
    ------
    CrsMismatch
        Where a frame has no CRS, is in degrees, or two differ.
    MissingLayer
        Where there are no buildings.
    BadSettings
        Where the band is not min <= target <= max.

    Examples
    --------
    >>> from layers.sample import town
    >>> layers = town()
    >>> micro_grids = split_micro_grids(layers["communities"], layers["buildings"], layers["roads"])
    >>> int(micro_grids["households"].sum()) == int(layers["buildings"]["households"].sum())
    True
    """
    areas = outline if isinstance(outline, gpd.GeoDataFrame) else gpd.GeoDataFrame(geometry=outline)
    level, code = _level_of(areas)
    layers = {level: areas, "buildings": buildings}
    layers |= {key: frame for key, frame in (("roads", roads), ("barriers", barriers)) if frame is not None}
    rules = replace(Rules(), micro_grids=as_band(households), seed=seed)
    return split_levels(layers, rules=rules, code=code).units["micro_grids"]


def _level_of(areas: gpd.GeoDataFrame) -> tuple[str, str | None]:
    """The level that an outline stands for, by the length of its codes; communities where it has none."""
    if "code" in areas and areas["code"].notna().any():
        length = len(str(areas["code"].dropna().iloc[0]))
        by_length = {6: "districts", 9: "streets", 12: "communities", 15: "grids"}
        if length in by_length:
            return by_length[length], None
    return "districts", None


def _check_crs(layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    outline = next((layers[level] for level in LEVELS if level in layers and len(layers[level])), None)
    if outline is None:
        return
    crs = outline.crs
    if crs is None or crs.is_geographic:
        raise CrsMismatch(
            "the outline is in degrees or has no CRS, and a split needs metres; bring all layers to a metric CRS"
        )
    for name, frame in layers.items():
        if isinstance(frame, gpd.GeoDataFrame) and len(frame) and frame.crs != crs:
            raise CrsMismatch(
                f"{name} is in {frame.crs.name if frame.crs else 'no CRS'}, the outline in {crs.name}; "
                "bring one over with to_crs()"
            )


def _coded(buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Buildings in an order that depends on place alone, each with a code."""
    frame = buildings[~(buildings.geometry.isna() | buildings.geometry.is_empty)]
    centre = frame.geometry.centroid
    bounds = frame.geometry.bounds
    west, north, area = np.round(centre.x, 3), -np.round(centre.y, 3), np.round(frame.geometry.area, 3)
    order = np.lexsort((bounds["maxx"], bounds["miny"], area, west, north))
    frame = frame.iloc[order].reset_index(drop=True)
    codes = frame["code"].astype("object") if "code" in frame else pd.Series(None, index=frame.index, dtype="object")
    missing = codes.isna()
    if missing.any():
        taken = set(codes.dropna())
        numbers = (f"B{number:05d}" for number in range(1, 10 * len(frame) + 10))
        free = (number for number in numbers if number not in taken)
        codes = codes.where(~missing, pd.Series([next(free) for _ in range(len(frame))], index=frame.index))
    frame["code"] = codes.astype(str)
    return frame


def _inside(buildings: gpd.GeoDataFrame, outline: shapely.Geometry, findings: Findings) -> gpd.GeoDataFrame:
    """The buildings of the outline: those with at least half of their footprint in it."""
    shapely.prepare(outline)
    geometry = buildings.geometry.to_numpy()
    whole = shapely.covers(outline, geometry)
    share = np.ones(len(buildings))
    edge = np.flatnonzero(~whole)
    area = shapely.area(geometry[edge])
    inner = shapely.area(shapely.intersection(geometry[edge], outline))
    touching = shapely.intersects(geometry[edge], outline).astype(float)
    share[edge] = np.where(area > 0, inner / np.maximum(area, 1e-9), touching)
    outside = share < 0.5
    for code, row in zip(buildings["code"][outside], _source_rows(buildings, outside), strict=True):
        findings.add(
            "buildings", "outside_outline", f"building {code} lies outside the outline", "left out of the split",
            level="warning", code=code, row=row,
        )  # fmt: skip
    lost = np.zeros(len(buildings))
    lost[edge] = area - inner
    crossing = ~outside & (lost > 0.5)
    for position in np.flatnonzero(crossing):
        findings.add(
            "buildings", "crosses_outline",
            f"building {buildings['code'].iat[position]} lies with {lost[position]:.1f} m2 outside the outline",
            "counted inside; its micro-grid ends at the outline", level="note", code=buildings["code"].iat[position],
        )  # fmt: skip
    return buildings[~outside].reset_index(drop=True)


def _ground(
    atoms: Atoms, buildings: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame], rules: Rules
) -> Ground:
    """Building pieces, lines and places of the city."""
    lines, strengths = block_lines(
        *(layers.get(item) for item in ("roads", "barriers", "water")), estates=layers.get("estates"),
        outlines=welcome_outlines(layers, rules.places),
    )  # fmt: skip
    streets = np.arange(len(lines)) < len(street_lines(layers.get("roads")))
    # Noding depends on the order of lines and of their vertices: both follow from the place alone.
    lines = shapely.normalize(lines)
    order = np.lexsort((strengths, streets, shapely.to_wkb(lines)))
    lines, strengths, streets = lines[order], strengths[order], streets[order]
    count = len(atoms.geometry)
    places = find_places(layers, buildings, _owners(atoms.parts, count), rules.places)
    return Ground(
        atoms.geometry, atoms.households, atoms.stacked, atoms.things, _residents(atoms.parts, buildings, count), lines,
        strengths, streets, places,
    )  # fmt: skip


def _owners(parts: pd.DataFrame, count: int) -> np.ndarray:
    """Position of the building that each building piece belongs to, the first one where several share it."""
    owner = np.zeros(count, dtype=np.int64)
    first = parts.drop_duplicates("atom")
    owner[first["atom"].to_numpy()] = first["building"].to_numpy()
    return owner


def _source_rows(frame: pd.DataFrame, mask: np.ndarray) -> list[int | None]:
    if "source_row" not in frame:
        return [None] * int(mask.sum())
    return [None if pd.isna(value) else int(value) for value in frame["source_row"][mask]]


def _report_cut(
    cut: Mapping[int, float], parts: pd.DataFrame, buildings: gpd.GeoDataFrame, findings: Findings
) -> None:
    """A finding for each building that a given boundary runs through."""
    if not cut:
        return
    affected = parts[parts["atom"].isin(list(cut))].drop_duplicates("building")
    known = {item.code for item in findings if item.rule == "crosses_outline"}
    for building, atom in zip(affected["building"], affected["atom"], strict=True):
        code = buildings["code"].iat[building]
        if code not in known:
            findings.add(
                "buildings", "crosses_given_boundary",
                f"a given boundary, or an outline apart, leaves {cut[atom]:.1f} m2 of building {code} outside",
                "the whole building counts where most of it lies", level="warning", code=code,
            )  # fmt: skip


def _residents(parts: pd.DataFrame, buildings: gpd.GeoDataFrame, count: int) -> np.ndarray:
    """Residents of each building piece; 0 where unknown."""
    per_atom = np.zeros(count)
    if "residents" not in buildings:
        return per_atom
    people = pd.to_numeric(buildings["residents"], errors="coerce").fillna(0).to_numpy(dtype=float)
    share = parts["households"].to_numpy() / np.maximum(
        buildings["households"].to_numpy()[parts["building"].to_numpy()], 1
    )
    alone = ~parts["building"].duplicated(keep=False).to_numpy()
    share = np.where(alone, 1.0, share)
    np.add.at(per_atom, parts["atom"].to_numpy(), people[parts["building"].to_numpy()] * share)
    return per_atom
