"""What places mean beside their households: estates, residents' groups, special sites, settlements, kinds of land."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.fabric import Fabric
from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.kernels.pieces import pieces
from gridmap.micro_grids.lines import ESTATE
from gridmap.micro_grids.special import SITE_KINDS, Site, kinds_of_uses, site_kind
from gridmap.micro_grids.villages import Settlements, VillageRules, find_settlements

__all__ = ["CellPlaces", "PlaceGroup", "PlaceRules", "Places", "find_places", "welcome_outlines"]

#: Layers whose boundaries may be preferred, and the column of a building that says the same.
PREFERRED = {"resident_groups": "resident_group", "old_grids": "old_grid"}
#: Layers of groups that stay together where they fit, and the column of a cell that names its group.
GROUPS = {"estates": "estate", **PREFERRED}
#: Share of a cell's ground that must lie in an area for the cell to belong to it.
_SHARE = 0.6
#: Kind of ground without people -> its name.
LAND = {
    "water": "水域", "forest": "山林", "field": "农田", "park": "公园绿地", "rail": "铁路用地", "open": "空地",
}  # fmt: skip
_LAND_OF = {
    "forest": "forest", "wood": "forest", "scrub": "forest", "nature_reserve": "forest", "fell": "forest",
    "heath": "forest", "farmland": "field", "meadow": "field", "orchard": "field", "vineyard": "field",
    "farmyard": "field", "grassland": "field", "allotments": "field", "railway": "rail",
}  # fmt: skip


@dataclass(frozen=True)
class PlaceRules:
    """Which places count.

    `special` are the kinds of special sites that get grids of their own (none: no special grids); `prefer` the layers
    whose boundaries are preferred lines, with `prefer_strength` (0 to 1, a lane is 0.6).
    """

    special: tuple[str, ...] = tuple(SITE_KINDS)
    prefer: tuple[str, ...] = tuple(PREFERRED)
    prefer_strength: float = 0.75
    villages: VillageRules = field(default_factory=VillageRules)


@dataclass
class CellPlaces:
    """The same per cell: `groups` labels with their strengths, `site` numbers of `sites`, `settlement` numbers of
    `settlements` (-1 where far from any), `land` the kind of ground. `names` has the column of each of the `groups` and
    the names that its labels stand for."""

    groups: list[tuple[np.ndarray, float]]
    site: np.ndarray
    sites: list[Site]
    settlement: np.ndarray
    settlements: Settlements
    land: np.ndarray
    names: list[tuple[str, np.ndarray]] = field(default_factory=list)

    def part(self, cells: np.ndarray) -> CellPlaces:
        """Those of some cells."""
        return replace(
            self, groups=[(label[cells], strength) for label, strength in self.groups], site=self.site[cells],
            settlement=self.settlement[cells], land=self.land[cells],
        )  # fmt: skip


@dataclass(frozen=True)
class PlaceGroup:
    """Areas whose buildings belong together, such as estates: what is of one name is one group.

    `column` is that of a cell that names its group, `strength` that of the boundary between two groups; `label` is the
    position in `names` of each of the `areas`, `told` that of each building piece where a column says it (else -1).
    """

    column: str
    strength: float
    areas: np.ndarray
    label: np.ndarray
    told: np.ndarray
    names: np.ndarray

    def part(self, outline: shapely.Geometry, atoms: np.ndarray) -> PlaceGroup:
        """What of it lies in one part of the city, with the building pieces of that part."""
        near = _touching(self.areas, outline)
        return replace(self, areas=self.areas[near], label=self.label[near], told=self.told[atoms])


@dataclass(frozen=True)
class Places:
    """Areas of a city that mean something, and what each building piece is used for.

    `groups` are layers of areas whose boundaries count; `sites` areas with what they are; `uses` the kind of site of
    each building piece, None for most; `land` areas with their kind.
    """

    groups: tuple[PlaceGroup, ...]
    site_areas: np.ndarray
    sites: tuple[Site, ...]
    uses: np.ndarray
    land_areas: np.ndarray
    land: np.ndarray

    def part(self, outline: shapely.Geometry, atoms: np.ndarray) -> Places:
        """What of it lies in one part of the city, with the building pieces of that part."""
        sites = _touching(self.site_areas, outline)
        land = _touching(self.land_areas, outline)
        return Places(
            tuple(group.part(outline, atoms) for group in self.groups),
            self.site_areas[sites], tuple(self.sites[n] for n in sites.tolist()), self.uses[atoms],
            self.land_areas[land], self.land[land],
        )  # fmt: skip

    def of_cells(
        self, fabric: Fabric, geometry: np.ndarray, households: np.ndarray, rules: PlaceRules, reach_m: float
    ) -> CellPlaces:
        """What each cell of a fabric is.

        Parameters
        ----------
        fabric
            Cells of a city or of a part of it.
        geometry, households
            Of its building pieces.
        rules
            Which places count.
        reach_m
            Ground within this of a home belongs to its settlement, metres.
        """
        share = _Shares(fabric)
        groups = []
        for group in self.groups:
            inside = share.of(group.areas)
            label = np.where(inside >= 0, group.label[inside], -1) if len(group.areas) else inside
            if (group.told >= 0).any():
                told = np.where(fabric.atom >= 0, group.told[np.maximum(fabric.atom, 0)], -1)
                label = np.where(told >= 0, told, label)
            groups.append((label, group.strength))
        site, sites = self._sites(fabric, share, rules)
        total = float(share.cell_area.sum())
        settlements = find_settlements(geometry, households, total, rules.villages)
        settlement = np.full(fabric.cells, -1, dtype=np.int64)
        if settlements.any:
            settlement = _settlement_of_cells(fabric, share, geometry, settlements, reach_m)
        land = share.of(self.land_areas, least=0.5)
        kinds = np.full(fabric.cells, None, dtype=object)
        kinds[land >= 0] = self.land[land[land >= 0]]
        names = [(group.column, group.names) for group in self.groups]
        return CellPlaces(groups, site, sites, settlement, settlements, kinds, names)

    def _sites(self, fabric: Fabric, share: _Shares, rules: PlaceRules) -> tuple[np.ndarray, list[Site]]:
        """Site of each cell: an area it lies in, else a group of buildings of one use that stand side by side."""
        wanted = np.array([site.kind in rules.special for site in self.sites], dtype=bool)
        sites = [site for site, want in zip(self.sites, wanted, strict=True) if want]
        site = share.of(self.site_areas[wanted]) if wanted.any() else np.full(fabric.cells, -1, dtype=np.int64)
        use = np.full(fabric.cells, -1, dtype=np.int64)
        kinds = list(rules.special)
        told = np.array([kinds.index(kind) if kind in kinds else -1 for kind in self.uses], dtype=np.int64)
        if len(told):
            use = np.where(fabric.atom >= 0, told[np.maximum(fabric.atom, 0)], -1)
        use[site >= 0] = -1
        if (use >= 0).any():
            low, high, _ = fabric.edges.between(fabric.cell)
            same = (use[low] == use[high]) & (use[low] >= 0)
            group = pieces(low[same], high[same], fabric.cells)
            number = np.unique(group[use >= 0], return_inverse=True)[1]
            first = np.unique(number, return_index=True)[1]
            site = site.copy()
            site[use >= 0] = len(sites) + number
            sites += [Site(kinds[kind]) for kind in use[use >= 0][first].tolist()]
        return site, sites


def hold_together(graph: CellGraph, group: np.ndarray, band: Band) -> None:
    """Shut the boundary of every group that is one unit, or can surely be divided into units that meet the wish.

    That is sure where its buildings are small beside the target; groups of lumpy buildings stay together by their cost
    alone, so that the loads stay even.

    Parameters
    ----------
    graph
        Cells; its `open` is changed.
    group
        Number of the group of each cell, -1 for none.
    band
        Households of a unit.
    """
    # A piece of a group, as far as it hangs together; what is in no group is no piece.
    piece = graph.pieces(among=group)
    load = np.bincount(piece, weights=graph.households)
    lump = np.zeros(len(load))
    np.maximum.at(lump, piece, graph.households)
    parts = np.maximum(1, np.round(load / band.target))
    fine = (load >= band.wish_low * parts) & (load <= band.wish_high * parts) & (lump <= band.target / 3)
    fits = fine | ((load >= band.low) & (load <= band.high))
    held = np.where((group >= 0) & fits[piece], piece, -1)
    graph.open = graph.open & (held[graph.a] == held[graph.b])


class _Shares:
    """Which area the ground of a cell lies in, told by the middle of its faces."""

    def __init__(self, fabric: Fabric) -> None:
        self.cell, self.count = fabric.cell, fabric.cells
        self.area = shapely.area(fabric.faces)
        self.spots = shapely.point_on_surface(fabric.faces)
        self.cell_area = np.bincount(self.cell, weights=self.area, minlength=self.count)

    def of(self, areas: np.ndarray, *, least: float = _SHARE) -> np.ndarray:
        """Position of the area that holds at least that share of each cell, -1 for none; of several the smallest."""
        found = np.full(self.count, -1, dtype=np.int64)
        if not len(areas):
            return found
        spot, area = shapely.STRtree(areas).query(self.spots, predicate="intersects")
        if not len(spot):
            return found
        pair, which = np.unique(self.cell[spot] * len(areas) + area, return_inverse=True)
        cell, area = pair // len(areas), pair % len(areas)
        held = np.bincount(which, weights=self.area[spot]) >= least * self.cell_area[cell]
        cell, area = cell[held], area[held]
        order = np.lexsort((area, -shapely.area(areas[area])))
        found[cell[order]] = area[order]
        return found

    def labels(self, spot_label: np.ndarray) -> np.ndarray:
        """Label that most of a cell's ground has, -1 where none."""
        found = np.full(self.count, -1, dtype=np.int64)
        has = np.flatnonzero(spot_label >= 0)
        if len(has):
            span = int(spot_label.max()) + 1
            pair, which = np.unique(self.cell[has] * span + spot_label[has], return_inverse=True)
            size = np.bincount(which, weights=self.area[has])
            order = np.lexsort((-pair, np.round(size, 3)))
            found[pair[order] // span] = pair[order] % span
        return found


def _settlement_of_cells(
    fabric: Fabric, share: _Shares, geometry: np.ndarray, settlements: Settlements, reach_m: float
) -> np.ndarray:
    homes = np.flatnonzero(settlements.of_atom >= 0)
    spot, home = shapely.STRtree(geometry[homes]).query_nearest(share.spots, max_distance=reach_m, all_matches=False)
    near = np.full(len(share.spots), -1, dtype=np.int64)
    near[spot] = settlements.of_atom[homes[home]]
    label = share.labels(near)
    own = np.where(fabric.atom >= 0, settlements.of_atom[np.maximum(fabric.atom, 0)], -1)
    return np.where(own >= 0, own, label)


def _touching(areas: np.ndarray, outline: shapely.Geometry) -> np.ndarray:
    return np.sort(shapely.STRtree(areas).query(outline, predicate="intersects")) if len(areas) else np.empty(0, int)


def _areas(frame: gpd.GeoDataFrame | None) -> tuple[gpd.GeoDataFrame | None, np.ndarray]:
    """The rows of a layer that have an area, in an order that depends on place alone, and their geometry."""
    if frame is None or not len(frame):
        return None, np.empty(0, dtype=object)
    geometry = frame.geometry
    frame = frame[~(geometry.isna() | geometry.is_empty) & (geometry.area > 0)]
    shapes = frame.geometry.to_numpy()
    bounds = np.round(shapely.bounds(shapes), 3)
    order = np.lexsort((np.round(shapely.area(shapes), 3), *bounds.T[::-1])) if len(shapes) else np.empty(0, int)
    return frame.iloc[order].reset_index(drop=True), shapes[order]


def find_places(
    layers: Mapping[str, gpd.GeoDataFrame], buildings: gpd.GeoDataFrame, owner: np.ndarray, rules: PlaceRules
) -> Places:
    """What the layers of a city say about its places.

    Parameters
    ----------
    layers
        `estates`, `resident_groups`, `old_grids`, `special_sites`, `green`, `water`, each where it exists; metric CRS.
    buildings
        The buildings that are split; `use` and `resident_group`, `old_grid` are read.
    owner
        Position of the building of each building piece.
    rules
        Which places count.
    """
    groups = [_group(layers.get("estates"), GROUPS["estates"], ESTATE, None, owner)]
    for layer in rules.prefer:
        column = PREFERRED[layer]
        group = _group(layers.get(layer), column, rules.prefer_strength, buildings.get(column), owner)
        if len(group.names):
            groups.append(group)
    frame, site_areas = _areas(layers.get("special_sites"))
    sites = [] if frame is None else [_site(row) for row in frame.to_dict("records")]
    parks, park_areas = _areas(layers.get("green"))
    if parks is not None:
        known = parks.reindex(columns=["kind", "leisure", "name"]).to_dict("records")
        kinds = [site_kind(row["kind"]) or site_kind(row["leisure"]) for row in known]
        is_park = np.array([kind == "park" for kind in kinds], dtype=bool)
        site_areas = np.concatenate([site_areas, park_areas[is_park]])
        sites += [Site("park", _text(row["name"])) for row, park in zip(known, is_park, strict=True) if park]
    keep = np.array([site is not None for site in sites], dtype=bool)
    uses = kinds_of_uses(buildings["use"])[owner] if "use" in buildings else np.full(len(owner), None, dtype=object)
    land_areas, land = _land(layers)
    chosen = tuple(site for site in sites if site is not None)
    return Places(tuple(groups), site_areas[keep] if len(keep) else site_areas, chosen, uses, land_areas, land)


def _group(
    layer: gpd.GeoDataFrame | None, column: str, strength: float, told: pd.Series | None, owner: np.ndarray
) -> PlaceGroup:
    """Areas of a layer and what a column of the buildings says, by one list of names."""
    frame, areas = _areas(layer)
    own = [] if frame is None else [
        _text(row["name"]) or _text(row["code"]) or f"#{number}"
        for number, row in enumerate(frame.reindex(columns=["name", "code"]).to_dict("records"), start=1)
    ]  # fmt: skip
    said = [] if told is None else [None if pd.isna(value) else _text(str(value)) for value in told]
    names = np.array(sorted({*own, *(text for text in said if text)}), dtype=object)
    number = {name: position for position, name in enumerate(names.tolist())}
    of_atom = np.full(len(owner), -1, dtype=np.int64)
    if any(said):
        of_atom = np.array([-1 if text is None else number[text] for text in said], dtype=np.int64)[owner]
    return PlaceGroup(column, strength, areas, np.array([number[name] for name in own], np.int64), of_atom, names)


def welcome_outlines(layers: Mapping[str, gpd.GeoDataFrame], rules: PlaceRules) -> list[tuple[gpd.GeoDataFrame, float]]:
    """Layers whose outlines are welcome as boundaries, with their strengths, for `block_lines`."""
    found = [(layers[layer], rules.prefer_strength) for layer in rules.prefer if len(layers.get(layer, ()))]
    sites, _ = _areas(layers.get("special_sites"))
    if sites is not None:
        known = [_site(row) for row in sites.to_dict("records")]
        wanted = np.array([site is not None and site.kind in rules.special for site in known], dtype=bool)
        found.append((sites[wanted], ESTATE))
    if "park" in rules.special and len(layers.get("green", ())):
        green = layers["green"]
        kinds = green.reindex(columns=["kind", "leisure"])
        parks = kinds.map(site_kind).eq("park").any(axis=1) & (green.geometry.area >= SITE_KINDS["park"].least_m2)
        found.append((green[parks], ESTATE))
    return [(frame, strength) for frame, strength in found if len(frame)]


def _site(row: Mapping[str, object]) -> Site | None:
    words = (row.get(column) for column in ("kind", "amenity", "leisure", "landuse", "shop", "railway"))
    kind = next((found for found in map(site_kind, words) if found), None)
    return None if kind is None else Site(kind, _text(row.get("name")))


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _land(layers: Mapping[str, gpd.GeoDataFrame]) -> tuple[np.ndarray, np.ndarray]:
    """Areas that say what ground is where nobody lives, and the kind of each."""
    shapes: list[np.ndarray] = []
    kinds: list[str] = []
    for layer in ("green", "water", "special_sites"):
        frame, areas = _areas(layers.get(layer))
        if frame is None:
            continue
        rows = frame.reindex(columns=["kind", "natural", "landuse", "leisure"]).to_dict("records")
        own = []
        for row in rows:
            words = [word for word in row.values() if isinstance(word, str)]
            kind = "water" if layer == "water" else next((_LAND_OF[word] for word in words if word in _LAND_OF), None)
            own.append(kind or ("park" if layer == "green" else None))
        keep = np.array([kind is not None for kind in own], dtype=bool)
        shapes.append(areas[keep])
        kinds += [kind for kind in own if kind is not None]
    if not shapes:
        return np.empty(0, dtype=object), np.empty(0, dtype=object)
    return np.concatenate(shapes), np.array(kinds, dtype=object)
