"""The ground of a change, cut anew: its old cells joined, new cells made, the neighbours sewn to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.atoms import Atoms, make_atoms
from gridmap.micro_grids.band import Band
from gridmap.micro_grids.built import COUNTS, building_rows, part_codes
from gridmap.micro_grids.cell_places import inherited, knows_places
from gridmap.micro_grids.cells import dissolve
from gridmap.micro_grids.edges import face_edges
from gridmap.micro_grids.fabric import make_fabric
from gridmap.micro_grids.lines import block_lines, street_lines
from gridmap.micro_grids.patch_seams import sew
from gridmap.micro_grids.places import PREFERRED
from gridmap.micro_grids.towers import share_out
from layers.errors import DataBroken
from layers.findings import Findings

__all__ = ["cut_anew"]

_GRID_M = 0.001
#: Lines farther than this from ground that is cut do not touch it; a gate in a wall is narrower.
_NEAR_M = 50.0


@dataclass
class _Piece:
    """One new cell: its area, the cells that stood there, and what stands on it (an atom, or a cell of kept rows)."""

    geometry: shapely.Polygon
    place: int
    atom: int = -1
    kept: str | None = None


def cut_anew(
    cells: gpd.GeoDataFrame,
    rows: gpd.GeoDataFrame,
    owner: np.ndarray,
    wanted: gpd.GeoDataFrame,
    kept: gpd.GeoDataFrame,
    redo: set[str],
    ground: np.ndarray,
    band: Band,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    findings: Findings,
    given_grids: Collection[str] = (),
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """New cells and building rows.

    Parameters
    ----------
    cells, rows, owner
        As kept, with the code of the whole building of each row.
    wanted
        The buildings as they are now, by code.
    kept
        Rows of the buildings that stay divided as they are; their `cell` is brought up to date.
    redo
        Codes of the buildings to be divided anew.
    ground
        Positions of the cells to be cut.
    band, layers, findings, given_grids
        As for `gridmap.micro_grids.patch.patch`.

    Returns
    -------
    cells, rows
        All of them, `fresh` (bool) among the columns of the cells.
    """
    shapes = cells.geometry.to_numpy().copy()
    chosen = wanted[wanted.index.isin(redo)].reset_index(drop=True)
    atoms = make_atoms(chosen, band, findings) if len(chosen) else None
    edges = face_edges(shapes[ground])
    region = edges.components(np.zeros(len(ground), dtype=np.int64))
    lines, streets = _inner_lines(shapes[ground], layers)
    # a building divided anew may move the boundary of a derived grid, never that of a given one or of a community
    grids = cells["micro_grid"].astype(str).str[:15]
    unit = grids.where(grids.isin(given_grids), grids.str[:12]).to_numpy(dtype=object)
    standing = kept[kept["cell"].isin(cells["code"].to_numpy()[ground])]
    pieces: list[_Piece] = []
    tree = shapely.STRtree(shapes)
    inside = np.zeros(len(cells), dtype=bool)
    inside[ground] = True
    for number in range(int(region.max()) + 1):  # regions do not touch each other
        here = ground[region == number]
        outline = shapely.coverage_union_all(shapes[here])
        made = _cells_of(outline, here, cells, atoms, standing, (lines, streets), unit)
        around = np.setdiff1d(np.unique(tree.query(outline, predicate="intersects")), here)
        areas = np.array([piece.geometry for piece in made], dtype=object)
        geometry, shapes[around] = sew(outline, areas, shapes[around])
        for piece, area in zip(made, geometry, strict=True):
            piece.geometry = area
        pieces += made
    _must_stand(atoms, pieces)
    return _frames(cells.assign(geometry=shapes), ~inside, pieces, rows, owner, chosen, kept, atoms)


def _inner_lines(
    shapes: np.ndarray, layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame]
) -> tuple[np.ndarray, np.ndarray]:
    """Streets and barriers inside the ground, as the old cells were cut along them; and which of them are streets."""
    edges = face_edges(shapes)
    segment = np.flatnonzero(edges.inner)
    nothing = np.empty(0, dtype=object)
    if not len(segment):
        return nothing, nothing
    tree = shapely.STRtree(shapes)
    near: dict[str, gpd.GeoDataFrame | None] = {}
    for name in ("roads", "barriers", "water", "estates"):
        frame = layers.get(name)
        usable = isinstance(frame, gpd.GeoDataFrame) and len(frame)
        near[name] = None
        if usable:
            close = tree.query(frame.geometry.to_numpy(), predicate="dwithin", distance=_NEAR_M)[0]  # type: ignore
            near[name] = frame.iloc[np.unique(close)]  # type: ignore[union-attr]
    found, strengths = block_lines(near["roads"], near["barriers"], near["water"], estates=near["estates"])
    along = edges.strengths(segment, found, strengths) > 0
    lines = shapely.linestrings(np.stack([edges.start, edges.end], axis=1)[segment[along]] / 1000.0)
    roads = street_lines(near["roads"])
    on_street = edges.strengths(segment[along], roads, np.ones(len(roads))) > 0
    return lines, lines[on_street]


def _cells_of(
    outline: shapely.Geometry,
    here: np.ndarray,
    cells: gpd.GeoDataFrame,
    atoms: Atoms | None,
    standing: gpd.GeoDataFrame,
    lines: tuple[np.ndarray, np.ndarray],
    unit: np.ndarray,
) -> list[_Piece]:
    """New cells of one region."""
    codes = cells["code"].to_numpy()[here]
    rows = standing[standing["cell"].isin(codes)]
    shapes: list[shapely.Geometry] = []
    names: list[tuple[int, str | None]] = []
    for cell, members in rows.groupby("cell"):
        footprint = members.geometry.to_numpy()
        points = shapely.get_dimensions(footprint) < 2
        footprint = np.where(points, shapely.buffer(footprint, 3.0, quad_segs=1), footprint)
        shapes.append(shapely.union_all(footprint, grid_size=_GRID_M))
        names.append((-1, str(cell)))
    if atoms is not None:
        for number in np.flatnonzero(shapely.intersects(outline, shapely.point_on_surface(atoms.geometry))):
            shapes.append(atoms.geometry[number])
            names.append((int(number), None))
    footprints = np.array(shapes, dtype=object) if shapes else np.empty(0, dtype=object)
    if len(footprints):
        footprints = _disjoint(shapely.intersection(footprints, outline, grid_size=_GRID_M))
    levels = [_areas_of(cells.geometry.to_numpy()[here], unit[here])] if len(set(unit[here])) > 1 else []
    border = shapely.boundary(shapely.set_precision(outline, _GRID_M))
    skeleton = np.array([border, *lines[0]], dtype=object)
    fabric = make_fabric(outline, footprints, lines[0], streets=lines[1], levels=levels, skeleton=skeleton)
    if fabric.edges.overused:
        raise DataBroken(f"{fabric.edges.overused} boundaries have more than two cells; please report the input")
    geometry = dissolve(fabric.faces, fabric.cell)
    spots = shapely.point_on_surface(geometry)
    place = np.full(len(geometry), here[0], dtype=np.int64)
    old = cells.geometry.to_numpy()[here]
    which, cell = shapely.STRtree(old).query(spots, predicate="intersects")
    place[which] = here[cell]
    pieces = []
    for area, atom, spot in zip(geometry, fabric.atom.tolist(), place.tolist(), strict=True):
        new, kept = names[atom] if atom >= 0 else (-1, None)
        pieces.append(_Piece(area, int(spot), new, kept))
    return pieces


def _areas_of(shapes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    names = sorted(set(groups))
    return np.array([shapely.coverage_union_all(shapes[groups == name]) for name in names], dtype=object)


def _disjoint(footprints: np.ndarray) -> np.ndarray:
    """Footprints as polygons that share no ground: the smaller keeps what two have in common, as in the first split."""
    done = footprints.copy()
    area = shapely.area(footprints)
    left, right = shapely.STRtree(done).query(done, predicate="intersects")
    for a, b in zip(left.tolist(), right.tolist(), strict=True):  # few, each on the last
        if a < b and shapely.area(shapely.intersection(done[a], done[b])) > 1e-6:
            big, small = (a, b) if (area[a], a) >= (area[b], b) else (b, a)
            rest = shapely.difference(done[big], done[small], grid_size=_GRID_M)
            done[big] = done[big] if rest.is_empty else rest
    for position in np.flatnonzero(~np.isin(shapely.get_type_id(done), (3, 6))):
        polygons = [part for part in shapely.get_parts(done[position]) if part.geom_type == "Polygon"]
        done[position] = shapely.multipolygons(polygons) if polygons else shapely.Polygon()
    return done


def _must_stand(atoms: Atoms | None, pieces: list[_Piece]) -> None:
    """Every piece of a building has a cell, or households would be lost."""
    if atoms is None:
        return
    missing = np.setdiff1d(np.arange(len(atoms.geometry)), [piece.atom for piece in pieces])
    if len(missing):
        raise DataBroken(
            f"{len(missing)} pieces of changed buildings have no ground to stand on; split the city from scratch "
            "(gridmap split without --keep-old)"
        )


def _frames(
    cells: gpd.GeoDataFrame,
    stay: np.ndarray,
    pieces: list[_Piece],
    rows: gpd.GeoDataFrame,
    owner: np.ndarray,
    chosen: gpd.GeoDataFrame,
    kept: gpd.GeoDataFrame,
    atoms: Atoms | None,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    taken = set(cells["code"][stay])
    zone_of_cell = cells.set_index("code")["micro_grid"]
    parts = _parts(chosen, atoms, pieces)
    names = part_codes(parts, chosen) if len(parts) else np.empty(0, dtype=object)
    home = _homes(rows, owner, zone_of_cell, parts, chosen, names)
    codes: list[str] = []
    zones: list[str] = []
    fresh: list[bool] = []
    moved: dict[str, str] = {}
    for position, piece in enumerate(pieces):
        place = str(cells["micro_grid"].iat[piece.place])
        community = str(cells["community"].iat[piece.place])
        new = False
        if piece.kept is not None:
            wish, place = piece.kept, str(zone_of_cell[piece.kept])
        elif piece.atom >= 0:
            mine = np.flatnonzero(parts["cell"].to_numpy() == position)
            wish = str(min(names[mine]))
            known = next((zone for name in names[mine] if (zone := home[name]) is not None), None)
            # what crosses into another grid belongs where its ground is
            new = known is None
            place = place if known is None or known[:15] != place[:15] else known
        else:
            wish = f"{community}G0001"
        code = _free(wish, taken, ground=piece.kept is None and piece.atom < 0)
        if piece.kept is not None:
            moved[piece.kept] = code
        taken.add(code)
        codes.append(code)
        zones.append(place)
        fresh.append(new)
    at = pd.Series(np.arange(len(cells)), index=cells["code"].to_numpy())
    spots = [piece.place if piece.kept is None else int(at[piece.kept]) for piece in pieces]
    made = gpd.GeoDataFrame(
        {
            "code": codes, "micro_grid": zones,
            "community": [cells["community"].iat[piece.place] for piece in pieces],
            "households": 0, "alone": False, "fresh": fresh,
            **_places(cells, np.array(spots, dtype=np.int64), pieces, parts, chosen, atoms),
        },
        geometry=[piece.geometry for piece in pieces], crs=cells.crs,
    )  # fmt: skip
    everything = pd.concat([cells[stay].assign(fresh=False), made], ignore_index=True)
    built = kept.assign(cell=kept["cell"].map(lambda code: moved.get(code, code)))
    if len(parts):
        parts["micro_grid"] = pd.Series([home[name] for name in names], dtype="object")
        own = building_rows(parts, chosen, np.array(codes, dtype=object), chosen.crs)
        built = pd.concat([built, own[[name for name in own if name in built or name in chosen]]], ignore_index=True)
    frame = gpd.GeoDataFrame(built, geometry="geometry", crs=rows.crs).sort_values("code", ignore_index=True)
    return gpd.GeoDataFrame(everything, geometry="geometry", crs=cells.crs), frame


def _places(
    cells: gpd.GeoDataFrame, spots: np.ndarray, pieces: list[_Piece], parts: pd.DataFrame, chosen: gpd.GeoDataFrame,
    atoms: Atoms | None,
) -> dict[str, object]:  # fmt: skip
    """What new cells are: what the ground was before, and what a new building says of itself."""
    told: dict[str, object] = dict(inherited(cells, spots))
    if atoms is None or not knows_places(cells):
        return told
    own = np.array([piece.atom for piece in pieces], dtype=np.int64)
    things = pd.Series(told["things"]).astype("Int64")
    things[own >= 0] = atoms.things[own[own >= 0]]
    told["things"] = things.array
    building = parts.drop_duplicates("cell").set_index("cell")["building"]
    for column in [name for name in PREFERRED.values() if name in chosen and name in told]:
        said = chosen[column].iloc[building.to_numpy(dtype=np.int64)].set_axis(building.index).dropna()
        values = pd.Series(told[column]).astype("object")
        values.loc[said.index] = said.astype(str).str.strip()
        told[column] = values.array
    return told


def _free(wish: str, taken: set[str], *, ground: bool) -> str:
    """A code that no cell has."""
    if ground:
        stem, number = wish[:-4], 1
        while f"{stem}{number:04d}" in taken:
            number += 1
        return f"{stem}{number:04d}"
    code, number = wish, 1
    while code in taken:
        number += 1
        code = f"{wish}~{number}"
    return code


def _parts(chosen: gpd.GeoDataFrame, atoms: Atoms | None, pieces: list[_Piece]) -> pd.DataFrame:
    """Parts of the buildings divided anew, with the position of their cell and their share of every count."""
    if atoms is None:
        return pd.DataFrame({"cell": [], "building": []})
    parts = atoms.parts.copy()
    cell = np.full(len(atoms.geometry), -1, dtype=np.int64)
    for position, piece in enumerate(pieces):
        if piece.atom >= 0:
            cell[piece.atom] = position
    parts["cell"] = cell[parts["atom"].to_numpy()]
    owner = parts["building"].to_numpy()
    for column in [name for name in COUNTS if name in chosen]:
        values = pd.to_numeric(chosen[column], errors="coerce").astype("Float64").round().astype("Int64")
        shares = values.iloc[owner].reset_index(drop=True)
        for building in np.unique(owner[parts["building"].duplicated(keep=False)]):
            here = np.flatnonzero(owner == building)
            if pd.notna(values.iloc[building]):
                weight = parts["households"].to_numpy(dtype=float)[here]
                shares.iloc[here] = share_out(int(values.iloc[building]), np.where(weight > 0, weight, 1e-9))
        parts[column] = shares
    return parts


def _homes(
    rows: gpd.GeoDataFrame,
    owner: np.ndarray,
    zone_of_cell: pd.Series,
    parts: pd.DataFrame,
    chosen: gpd.GeoDataFrame,
    names: np.ndarray,
) -> dict[str, str | None]:
    """Micro-grid (drawn) that each part of a changed building had; of one divided otherwise, where most of it was."""
    zone = zone_of_cell.reindex(rows["cell"]).to_numpy(dtype=object)
    own = dict(zip(rows["code"], zone, strict=True))
    load = rows["households"].astype("Int64").fillna(0).astype(int).to_numpy()
    table = pd.DataFrame({"owner": owner, "zone": zone, "load": load})
    table = table.groupby(["owner", "zone"])["load"].sum().reset_index()
    table = table.sort_values(["owner", "load", "zone"], ascending=[True, False, True]).drop_duplicates("owner")
    most = dict(zip(table["owner"], table["zone"], strict=True))
    whole = chosen["code"].to_numpy(dtype=object)[parts["building"].to_numpy(dtype=np.int64)]
    return {str(name): own.get(name, most.get(building)) for name, building in zip(names, whole, strict=True)}
