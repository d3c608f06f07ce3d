"""Where too few are reached: areas of homes beyond the norm's walk, the largest first.

A gap is a cluster of inhabited buildings that none of a kind's facilities reaches within the norm: each lies within
the merging distance of another one. A cluster too large for one further facility is parted into places that one would
serve (`access.gap_places`). The area of a gap is drawn around its buildings with a rounded margin of half the merging
distance, parts of a cluster along the middle between their buildings; gaps of one kind do not overlap, and every
household beyond the norm is in exactly one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from gridmap.access.frames import require_metres, whole_numbers
from gridmap.access.gap_places import GapPlaces
from gridmap.access.held_to import aligned, limits, within
from gridmap.access.reasons import Explainer
from gridmap.norms import Norms
from layers.errors import WrongCall
from layers.schema import NEEDS

__all__ = ["COLUMNS", "Ready", "find_gaps", "make_ready"]

#: Columns of the result, as the layer `gaps` has them.
COLUMNS = ("kind", "households", "residents", "walk_m_mean", "rank")
NEEDS_COLUMNS = tuple(need.name for need in NEEDS)
REASON_COLUMNS = (
    "reason", "reason_zh", "nearest", "straight_m", "between", "closing_x", "closing_y", "closing_households",
)  # fmt: skip

#: Corners are rounded with this many segments a quarter, and outlines simplified by this share of the merging distance.
_ROUND = 6
_SIMPLER = 0.01

Outline: TypeAlias = gpd.GeoDataFrame | gpd.GeoSeries | shapely.Geometry


def find_gaps(
    buildings: gpd.GeoDataFrame,
    distances: pd.DataFrame,
    norms: Norms | Mapping[str, float],
    *,
    outline: Outline | None = None,
    merge_m: float = 60.0,
    min_households: int = 1,
    places: GapPlaces | None = None,
    explainer: Explainer | None = None,
    drawn: dict[bytes, shapely.Geometry] | None = None,
    ready: Ready | None = None,
) -> gpd.GeoDataFrame:
    """Gap areas of each facility kind.

    Parameters
    ----------
    buildings
        Areas or points, metric CRS, with `households`, and `residents` where they are known.
    distances
        Metres on foot, one row a building, one column a kind (`walk_distances`). NaN: none within reach. A kind without
        a column has no facility on the map and no gaps: that is missing data, not a gap.
    norms
        `load_norms()`, or {kind: metres}.
    outline
        Areas, a series or a geometry in the same CRS; gaps are drawn no farther than this.
    merge_m
        Buildings at most this far apart (metres between their outlines) belong to one gap.
    min_households
        Smaller gaps are left out.
    places
        Parts clusters into what one further facility each would serve, for the same buildings; without it, and without
        an `explainer` that has one, a cluster is one gap, however large.
    explainer
        Says of each gap why it is one and where a facility would close it: more columns (`access.reasons`).
    drawn
        Areas drawn by an earlier call for the same buildings, `merge_m` and outline; taken where a gap is the same, and
        added to.
    ready
        From `make_ready` for the same buildings and `merge_m`, where gaps are asked for more than once.

    Returns
    -------
    GeoDataFrame of areas, ordered by kind and rank, with the columns of the layer `gaps`: `kind`; `households` and
    `residents` (Int64; residents null where not known) beyond the norm; `walk_m_mean` in metres, weighted by
    households, over those that reach any facility at all (null where none does); `rank` within the kind, 1 the most
    households (ties: the more residents, then the one farther west, then south).
    Buildings without geometry cannot be drawn and are in none. Counts of needs follow where buildings have them, and
    with an `explainer`: `reason`, `reason_zh`, `nearest` (facility), `straight_m` to it, `between` (kind of barrier),
    `closing_x`, `closing_y` (in the CRS of the buildings) and `closing_households` that a facility there would serve.

    Raises
    ------
    CrsMismatch
        Where buildings or outline are not in one metric CRS.
    WrongCall
        Where a column or a building's distances are missing, or `merge_m` or `min_households` is out of range.

    Examples
    --------
    >>> homes = gpd.GeoDataFrame({"households": [20, 15, 40]},
    ...                          geometry=gpd.points_from_xy([0, 50, 500], [0, 0, 0]), crs="EPSG:4549")
    >>> metres = pd.DataFrame({"market": [700.0, 600.0, 900.0]})
    >>> find_gaps(homes, metres, {"market": 500})[["households", "walk_m_mean", "rank"]].values.tolist()
    [[40, 900.0, 1], [35, 657.1428571428571, 2]]
    """
    if isinstance(merge_m, bool) or not isinstance(merge_m, int | float) or not 0 < merge_m < math.inf:
        raise WrongCall(f"merge_m must be metres above 0, not {merge_m!r}; give a number such as 60")
    if isinstance(min_households, bool) or not isinstance(min_households, int) or min_households < 1:
        raise WrongCall(f"min_households must be a whole number from 1 on, not {min_households!r}; correct it")
    require_metres(buildings=buildings)
    edge = _edge(outline, buildings)
    metres = aligned(distances, buildings)
    ready = make_ready(buildings, merge_m=merge_m) if ready is None else ready
    homes, close = ready.homes, ready.close
    row_of, shapes = homes["row"].to_numpy(), homes["shape"].to_numpy()

    found = []
    drawn = {} if drawn is None else drawn
    if places is None and explainer is not None:
        places = explainer.places
    for limit in limits(norms):  # one kind at a time
        if limit.kind not in metres:
            continue
        walk = metres[limit.kind].to_numpy(dtype="float64", na_value=np.nan)[row_of]
        beyond = np.flatnonzero(~within(walk, limit))
        clusters = _clusters(beyond, close)
        parts = [(members, -1) for members in clusters]
        whole = np.ones(len(clusters), dtype=bool)
        if places is not None:
            number = np.full(len(buildings), -1, dtype=np.intp)
            number[row_of] = np.arange(len(homes))
            divided = places.divide(limit, [row_of[members] for members in clusters])
            parts = [(number[rows], site) for rows, site in divided]
            of = np.full(len(homes), -1, dtype=np.intp)
            for at, members in enumerate(clusters):
                of[members] = at
            size = np.bincount([of[members[0]] for members, _ in parts], minlength=len(clusters))
            whole = np.array([size[of[members[0]]] == 1 for members, _ in parts], dtype=bool)
        sums = _sums(homes.assign(walk=walk), [members for members, _ in parts])
        kept = [at for at, gap in enumerate(sums) if gap["households"] >= min_households]
        rows = [row_of[parts[at][0]] for at in kept]
        everywhere = metres[limit.kind].to_numpy(dtype="float64", na_value=np.nan)
        reasons: list[dict[str, object]] = (
            [{}] * len(kept) if explainer is None
            else explainer.explain(limit, rows, everywhere, sites=[parts[at][1] for at in kept], edge=edge)
        )
        for at, row, reason in zip(kept, rows, reasons, strict=True):
            # many kinds have the very same gap: it is drawn once
            key = row.tobytes() + bytes([int(whole[at])])
            if key not in drawn:
                cells = None if whole[at] or places is None else places.cells[row]
                drawn[key] = _draw(shapes[parts[at][0]], merge_m, edge, cells)
            found.append({"kind": limit.kind, **sums[at], **reason, "geometry": drawn[key]})
    return _ranked(found, buildings)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Homes that have a place, and which of them lie within the merging distance of each other: once for all kinds."""

    homes: pd.DataFrame
    close: csr_array


def make_ready(buildings: gpd.GeoDataFrame, *, merge_m: float = 60.0) -> Ready:
    """What `find_gaps` finds out about the buildings whatever is asked of them.

    Examples
    --------
    >>> homes = gpd.GeoDataFrame({"households": [20, 0, 40]},
    ...                          geometry=gpd.points_from_xy([0, 50, 80], [0, 0, 0]), crs="EPSG:4549")
    >>> ready = make_ready(homes)
    >>> ready.homes["row"].tolist(), ready.close.toarray().tolist()
    ([0, 2], [[1, 0], [0, 1]])
    """
    homes = _homes(buildings)
    return Ready(homes=homes, close=_close(homes["shape"].to_numpy(), merge_m))


def _homes(buildings: gpd.GeoDataFrame) -> pd.DataFrame:
    """Buildings where somebody lives and that have a place: row, shape, households, residents (NaN where unknown)."""
    shape = buildings.geometry.to_numpy()
    households = whole_numbers(buildings, "households", "buildings")
    residents = np.full(len(buildings), np.nan)
    if "residents" in buildings:
        known = buildings["residents"].notna().to_numpy()
        residents[known] = whole_numbers(buildings, "residents", "buildings")[known]
    row = np.flatnonzero((households > 0) & ~shapely.is_missing(shape) & ~shapely.is_empty(shape))
    needs = {
        name: whole_numbers(buildings, name, "buildings")[row]
        for name in NEEDS_COLUMNS if name in buildings and buildings[name].notna().any()
    }
    return pd.DataFrame(
        {"row": row, "shape": shape[row], "households": households[row], "residents": residents[row], **needs}
    )


def _close(shapes: NDArray[np.object_], merge_m: float) -> csr_array:
    """Which buildings lie within the merging distance of each other: once for all kinds."""
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=merge_m)
    count = len(shapes)
    return coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count)).tocsr()


def _clusters(beyond: NDArray[np.intp], close: csr_array) -> list[NDArray[np.intp]]:
    """Clusters of some of the homes: numbers of the homes in each."""
    if not len(beyond):
        return []
    _, cluster = connected_components(close[beyond][:, beyond], directed=False)
    order = np.argsort(cluster, kind="stable")
    return [beyond[part] for part in np.split(order, np.cumsum(np.bincount(cluster))[:-1])]


def _sums(homes: pd.DataFrame, gaps: list[NDArray[np.intp]]) -> list[dict[str, Any]]:
    """Households, residents, mean walk and needs of each gap."""
    if not gaps:
        return []
    inside = homes.iloc[np.concatenate(gaps)]
    gap = np.repeat(np.arange(len(gaps)), [len(members) for members in gaps])
    needs = [name for name in NEEDS_COLUMNS if name in homes]
    sums = pd.DataFrame({
        **{name: inside[name] for name in needs}, "households": inside["households"], "residents": inside["residents"],
        "reached": inside["households"].where(inside["walk"].notna(), 0),
        "metres": (inside["households"] * inside["walk"]).fillna(0),
    }).groupby(gap).sum(min_count=1)
    return [
        {
            "households": round(row.households),
            "residents": pd.NA if math.isnan(row.residents) else round(row.residents),
            "walk_m_mean": row.metres / row.reached if row.reached else math.nan,
            **{name: round(getattr(row, name)) for name in needs},
        }
        for row in sums.itertuples(index=False)  # one entry a gap
    ]


def _draw(
    shapes: NDArray[np.object_], merge_m: float, edge: shapely.Geometry | None, cells: NDArray[np.object_] | None = None
) -> shapely.Geometry:
    """The area around the buildings of one gap; of a part of a cluster, no farther than the cells of its buildings.

    Grown by three quarters of the merging distance and shrunk by a quarter: neighbours at the merging distance stay
    joined by a neck, and another gap's area is never reached.
    """
    grown = shapely.union_all(shapely.buffer(shapes, merge_m * 0.75, quad_segs=_ROUND))
    area = shapely.simplify(shapely.buffer(grown, -merge_m * 0.25, quad_segs=_ROUND), merge_m * _SIMPLER)
    if cells is not None:
        area = shapely.intersection(area, shapely.union_all(cells))
    if edge is None:
        return area
    parts = shapely.get_parts(shapely.intersection(area, edge))
    # where the edge only touches the area, lines and points remain; homes outside the outline keep their area
    parts = parts[shapely.area(parts) > 0]
    return shapely.union_all(parts) if len(parts) else area


def _edge(outline: Outline | None, buildings: gpd.GeoDataFrame) -> shapely.Geometry | None:
    if outline is None or isinstance(outline, shapely.Geometry):
        return outline
    if isinstance(outline, gpd.GeoSeries):
        outline = outline.to_frame("geometry")
    require_metres(buildings=buildings, outline=outline)
    return shapely.union_all(outline.geometry.to_numpy())


def _ranked(found: list[dict[str, object]], buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    more = [name for name in (*NEEDS_COLUMNS, *REASON_COLUMNS) if found and name in found[0]]
    columns = [*COLUMNS, *more, "geometry"]
    gaps = gpd.GeoDataFrame(pd.DataFrame(found, columns=columns), geometry="geometry", crs=buildings.crs)
    whole = ("households", "residents", "closing_households", *NEEDS_COLUMNS)
    gaps = gaps.astype({name: "Int64" for name in whole if name in gaps} | {"walk_m_mean": "float64"})
    west_south = gaps.bounds.round(3)
    gaps = gaps.assign(west=west_south["minx"], south=west_south["miny"]).sort_values(
        ["kind", "households", "residents", "west", "south"], ascending=[True, False, False, True, True],
        ignore_index=True,
    )
    gaps["rank"] = (gaps.groupby("kind").cumcount() + 1).astype("Int64")
    return gaps[columns]
