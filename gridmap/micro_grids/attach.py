"""Which micro-grid holds each service point, report or site: exactly one, by one rule, whatever the order of rows.

The rule has four steps. A thing that one micro-grid touches is `within`; on a shared border (or in a tower whose
micro-grids share one footprint) the smallest code takes it, `border_rule`; a thing outside all goes to the `nearest`
within a limit; the rest, and things without a place, get `none`. What a person placed by hand stays `manual`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.micro_grids.attach_pairs import runs_in_boxes
from layers.errors import CrsMismatch, WrongCall
from layers.findings import Findings

__all__ = [
    "ATTACHED_BY", "areas_by_code", "attach", "attach_changes", "attach_findings", "places", "same_metres",
]

#: How a thing may have come to its micro-grid.
ATTACHED_BY = ("within", "border_rule", "nearest", "manual", "none")

_WITHIN, _BORDER, _NEAREST, _MANUAL, _NONE = range(5)
_MICRO_GRID, _GRID, _COMMUNITY = 18, 15, 12


def attach(
    points: gpd.GeoDataFrame, micro_grids: gpd.GeoDataFrame, *, nearest_m: float = 50.0
) -> gpd.GeoDataFrame:
    """Say for each thing which micro-grid holds it, and how that was decided.

    One test decides everywhere: GEOS `intersects` (a border belongs to both sides), then the smallest micro-grid
    code. Never `within` or `contains`, which lose every point on a border in silence. The result does not depend on
    the order of either frame.

    Parameters
    ----------
    points
        Things to attach, any geometry, metric CRS. Areas and lines count at their representative point. Rows whose
        column `attached_by` is `manual` keep their `micro_grid`, as long as it still exists.
    micro_grids
        Areas with a column `code` (text, unique), same CRS.
    nearest_m
        How far in metres a thing outside every micro-grid may lie from one, and still be its.

    Returns
    -------
    A copy of `points` (same index, order and columns) with `micro_grid`, `grid` and `community` (text; the first 15
    and 12 digits of an 18-digit micro-grid code, null for codes of another length), `attached_by` (one of
    `ATTACHED_BY`, never null) and `attach_distance_m` (0 inside; metres to the micro-grid for `nearest` and `manual`;
    null for `none`). `attrs["manual_lost"]` holds {index label: code} of hand-placed rows whose micro-grid no longer
    exists; they were attached by their place.

    Raises
    ------
    CrsMismatch
        Where the frames differ in CRS, have none, or are in degrees.
    WrongCall
        Where `micro_grids` has no usable `code`, or `nearest_m` is not a distance.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["330106001001001001", "330106001001001002"]},
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame(geometry=gpd.points_from_xy([50, 100, 230, 900], [50, 50, 50, 50]), crs="EPSG:4549")
    >>> attached = attach(shops, squares)
    >>> attached["attached_by"].tolist()
    ['within', 'border_rule', 'nearest', 'none']
    >>> attached["micro_grid"].str[-3:].tolist()[:3], attached["attach_distance_m"].tolist()[:3]
    (['001', '001', '002'], [0.0, 0.0, 30.0])
    """
    if not (isinstance(nearest_m, int | float) and math.isfinite(nearest_m) and nearest_m >= 0):
        raise WrongCall(f"nearest_m must be metres, 0 or more, not {nearest_m!r}; give a number such as 50")
    same_metres(points, micro_grids)
    areas, codes = areas_by_code(micro_grids)
    where = places(points)

    # rank = place of the micro-grid in the order of codes, so that the smallest rank is the smallest code
    rank = np.full(len(points), -1, dtype=np.intp)
    how = np.full(len(points), _NONE, dtype=np.int8)
    metres = np.full(len(points), np.nan)
    placed = np.flatnonzero(~shapely.is_missing(where))

    hand, lost = _manual(points, codes)
    kept = hand >= 0
    rank[kept], how[kept] = hand[kept], _MANUAL
    metres[kept] = shapely.distance(areas[hand[kept]], where[kept])

    ask = placed[~kept[placed]]
    first, times = _first_touching(areas, where[ask])
    touched = times > 0
    rank[ask[touched]] = first[touched]
    how[ask] = np.where(times == 1, _WITHIN, np.where(times > 1, _BORDER, _NONE))
    metres[ask[touched]] = 0.0

    ask = ask[~touched]
    first, away = _first_nearest(areas, where[ask], nearest_m)
    near = first >= 0
    rank[ask[near]], how[ask[near]], metres[ask[near]] = first[near], _NEAREST, away[near]

    attached = points.copy()
    # the text type of this pandas, so that a million codes are taken without being read again
    codes = codes.astype("str")
    full = codes.str.len() == _MICRO_GRID
    units = (("micro_grid", codes), ("grid", codes.str[:_GRID].where(full)),
             ("community", codes.str[:_COMMUNITY].where(full)))
    for name, values in units:
        attached[name] = pd.Series(pd.api.extensions.take(values.array, rank, allow_fill=True), index=points.index)
    attached["attached_by"] = pd.Series(ATTACHED_BY, dtype="str").array.take(how)
    attached["attach_distance_m"] = metres
    attached.attrs.pop("manual_lost", None)
    if lost:
        attached.attrs["manual_lost"] = lost
    return attached


def attach_changes(
    attached: gpd.GeoDataFrame,
    micro_grids: gpd.GeoDataFrame,
    *,
    before: gpd.GeoDataFrame,
    changed: Iterable[Hashable] = (),
    nearest_m: float = 50.0,
) -> gpd.GeoDataFrame:
    """Attach again only what a change touches: the same answer as `attach`, for the price of the change.

    Parameters
    ----------
    attached
        What `attach` gave for `before`; rows in `changed` may have moved since.
    micro_grids
        Micro-grids as they are now.
    before
        Micro-grids as they were.
    changed
        Index labels of the rows of `attached` whose own place or hand-placing changed; new rows may be among them.
    nearest_m
        As it was given to `attach`.

    Returns
    -------
    As `attach`, with the same index, order and columns as `attached`. `attrs["attached_again"]` says how many rows were
    looked at.

    Raises
    ------
    CrsMismatch, WrongCall
        As `attach`.

    Examples
    --------
    >>> before = gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=[shapely.box(0, 0, 9, 9), shapely.box(9, 0, 20, 9)],
    ...                           crs="EPSG:4549")
    >>> now = before.assign(geometry=[shapely.box(0, 0, 7, 9), shapely.box(7, 0, 20, 9)])
    >>> shops = attach(gpd.GeoDataFrame(geometry=gpd.points_from_xy([1, 8], [5, 5]), crs="EPSG:4549"), before)
    >>> attach_changes(shops, now, before=before)["micro_grid"].tolist()
    ['1', '2']
    """
    same_metres(attached, micro_grids)
    same_metres(attached, before)
    was, had = areas_by_code(before)
    is_now, have = areas_by_code(micro_grids)
    # a micro-grid that is the same in code and in every coordinate cannot have changed any answer
    place = pd.Index(had).get_indexer(pd.Index(have))
    same = np.zeros(len(have), dtype=bool)
    same[place >= 0] = shapely.equals_identical(is_now[place >= 0], was[place[place >= 0]])
    kept = np.zeros(len(had), dtype=bool)
    kept[place[same]] = True
    moved = np.concatenate([was[~kept], is_now[~same]])
    again = attached.index.isin(list(changed)) | attached["attached_by"].isna().to_numpy()
    gone = pd.Index(attached["micro_grid"]).isin(pd.Index(had[~kept]))
    again |= gone
    if len(moved):
        where = places(attached)
        placed = np.flatnonzero(~shapely.is_missing(where))
        west, south, east, north = shapely.bounds(moved).T
        around = shapely.box(west - nearest_m, south - nearest_m, east + nearest_m, north + nearest_m)
        runs = runs_in_boxes(around, shapely.get_x(where[placed]), shapely.get_y(where[placed]))
        point = placed[runs.order[runs.at]]
        again[point[shapely.dwithin(moved[runs.area], where[point], nearest_m)]] = True
    rows = np.flatnonzero(again)
    done = attached.copy()
    done.attrs.pop("manual_lost", None)
    if len(rows):
        part = attach(attached.iloc[rows], micro_grids, nearest_m=nearest_m)
        for name in ("micro_grid", "grid", "community", "attached_by", "attach_distance_m"):
            values = done[name].astype(part[name].dtype)
            values.iloc[rows] = part[name].to_numpy()
            done[name] = values
        if "manual_lost" in part.attrs:
            done.attrs["manual_lost"] = part.attrs["manual_lost"]
    done.attrs["attached_again"] = len(rows)
    return done


def attach_findings(
    attached: gpd.GeoDataFrame, layer: str, micro_grids: gpd.GeoDataFrame | None = None
) -> Findings:
    """What a clerk should look at after `attach`.

    Parameters
    ----------
    attached
        What `attach` gave. Where it has the columns `code` and `source_row`, findings carry them.
    layer
        Name of the layer, for the findings.
    micro_grids
        Those that it was attached to; with them, a thing that got `none` is told how far away the nearest one is.

    Returns
    -------
    Findings: `attach_border` (note, one with the count), `attach_nearest` (note, each), `attach_none` (warning, each,
    with the reason) and `attach_manual_lost` (warning, each).

    Examples
    --------
    >>> square = gpd.GeoDataFrame(
    ...     {"code": ["330106001001001001"]}, geometry=[shapely.box(0, 0, 9, 9)], crs="EPSG:4549")
    >>> far = gpd.GeoDataFrame({"code": ["a"]}, geometry=gpd.points_from_xy([209], [5]), crs="EPSG:4549")
    >>> [finding.what for finding in attach_findings(attach(far, square), "facilities", square)]
    ['a lies 200.0 m from the nearest micro-grid']
    """
    findings = Findings()
    by = attached["attached_by"].to_numpy()
    rows = attached["source_row"] if "source_row" in attached else pd.Series(pd.NA, index=attached.index)
    codes = attached["code"] if "code" in attached else pd.Series(pd.NA, index=attached.index, dtype="object")

    borders = int((by == "border_rule").sum())
    if borders:
        findings.add(
            layer, "attach_border", f"{borders} lie on a border, or where several micro-grids share one footprint",
            "given to the smallest micro-grid code", level="note",
        )

    def each(chosen: NDArray[np.bool_]) -> Iterable[tuple[int, object, object, str]]:
        # row by row on purpose: each row becomes one finding with its own words
        for at in np.flatnonzero(chosen):
            row, code = rows.iloc[at], codes.iloc[at]
            name = str(code) if pd.notna(code) else f"row {row}" if pd.notna(row) else f"row {attached.index[at]}"
            yield int(at), None if pd.isna(row) else row, code, name

    for at, row, code, name in each(by == "nearest"):
        away = attached["attach_distance_m"].iloc[at]
        findings.add(
            layer, "attach_nearest", f"{name} lies {away:.1f} m outside every micro-grid",
            f"given to the nearest, {attached['micro_grid'].iloc[at]}", level="note", row=row, code=code,
        )

    none = by == "none"
    where = places(attached)
    away_m = np.full(len(attached), np.nan)
    if micro_grids is not None and none.any():
        areas, _ = areas_by_code(micro_grids)
        ask = np.flatnonzero(none & ~shapely.is_missing(where))
        _, away_m[ask] = _first_nearest(areas, where[ask], math.inf)
    for at, row, code, name in each(none):
        if where[at] is None:
            why = f"{name} has no place (empty geometry)"
        elif math.isfinite(away_m[at]):
            why = f"{name} lies {away_m[at]:.1f} m from the nearest micro-grid"
        else:
            why = f"{name} lies too far from every micro-grid"
        findings.add(layer, "attach_none", why, "attached to none: look at its place", row=row, code=code)

    lost: dict[object, str] = attached.attrs.get("manual_lost", {})
    for at, row, code, name in each(attached.index.isin(list(lost))):
        gone = lost[attached.index[at]]
        findings.add(
            layer, "attach_manual_lost", f"{name} was placed by hand in {gone}, which no longer exists",
            "attached by its place: look at it", row=row, code=code,
        )
    return findings


def same_metres(points: gpd.GeoDataFrame, micro_grids: gpd.GeoDataFrame) -> None:
    """Refuse frames that are not in one CRS in metres."""
    for name, frame in (("points", points), ("micro_grids", micro_grids)):
        if not isinstance(frame, gpd.GeoDataFrame):
            raise WrongCall(f"{name} must be a GeoDataFrame, not {type(frame).__name__}; read it with read_layer()")
        if frame.crs is None:
            raise CrsMismatch(f"{name} have no CRS; name the one they are in with set_crs()")
        if frame.crs.is_geographic:
            raise CrsMismatch(f"{name} are in degrees ({frame.crs.name}); bring them to a metric CRS with to_crs()")
        if any(axis.unit_conversion_factor != 1 for axis in frame.crs.axis_info[:2]):
            raise CrsMismatch(f"{name} are not in metres ({frame.crs.name}); bring them over with to_crs()")
    if points.crs != micro_grids.crs:
        raise CrsMismatch(
            f"points are in {points.crs.name}, micro_grids in {micro_grids.crs.name}; bring one over with to_crs()"
        )


def areas_by_code(micro_grids: gpd.GeoDataFrame) -> tuple[NDArray[np.object_], pd.Series]:
    """Areas and codes in the order of codes."""
    if "code" not in micro_grids:
        raise WrongCall("micro_grids have no column 'code'; give each its code as text")
    codes = micro_grids["code"].reset_index(drop=True)
    if len(codes) and pd.api.types.infer_dtype(codes, skipna=False) != "string":
        raise WrongCall("a code of micro_grids is not text; give every micro-grid its code as text")
    if codes.duplicated().any():
        raise WrongCall(f"code {codes[codes.duplicated()].iloc[0]} stands twice in micro_grids; give each its own")
    order = np.argsort(codes.to_numpy(dtype=object), kind="stable")
    areas = np.asarray(micro_grids.geometry.array, dtype=object)[order]
    return areas, codes.iloc[order].reset_index(drop=True)


def places(points: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """One point a row; None where a row has no place."""
    shapes = np.array(points.geometry.array, dtype=object)
    spread = ~shapely.is_missing(shapes) & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    shapes[spread] = shapely.point_on_surface(shapes[spread])
    # GEOS refuses to say where an empty point lies
    shapes[shapely.is_empty(shapes)] = None
    real = np.isfinite(shapely.get_x(shapes)) & np.isfinite(shapely.get_y(shapes))
    shapes[~real] = None
    return shapes


def _manual(points: gpd.GeoDataFrame, codes: pd.Series) -> tuple[NDArray[np.intp], dict[object, str]]:
    """Rank of the micro-grid that a person chose (-1: none chosen, or it is gone) and the choices that are gone."""
    if "attached_by" not in points or "micro_grid" not in points:
        return np.full(len(points), -1, dtype=np.intp), {}
    chosen = points["micro_grid"].where((points["attached_by"] == "manual").fillna(False))
    hand = pd.Index(codes).get_indexer(pd.Index(chosen))
    gone = chosen[chosen.notna() & (hand < 0)]
    return hand, {label: str(code) for label, code in gone.items()}


def _first_touching(
    areas: NDArray[np.object_], where: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Smallest rank among the areas that each point touches (len(areas) where none), and how many it touches."""
    x, y = shapely.get_x(where), shapely.get_y(where)
    # by boxes first: far fewer questions than one for each point and area
    runs = runs_in_boxes(areas, x, y)
    x, y, area, at = x[runs.order], y[runs.order], runs.area, runs.at
    # an area prepared once answers for all its points; only what we prepared ourselves is let go again
    ours = areas[~shapely.is_prepared(areas)]
    shapely.prepare(ours)
    touches = shapely.intersects_xy(areas[area], x[at], y[at])
    shapely.destroy_prepared(ours)
    area, at = area[touches], at[touches]
    first, times = np.full(len(where), len(areas), dtype=np.intp), np.zeros(len(where), dtype=np.intp)
    smallest = np.full(len(runs.order), len(areas), dtype=np.intp)
    np.minimum.at(smallest, at, area)
    first[runs.order], times[runs.order] = smallest, np.bincount(at, minlength=len(runs.order))
    return first, times


def _first_nearest(
    areas: NDArray[np.object_], where: NDArray[np.object_], limit_m: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Smallest rank among the areas nearest to each point within the limit (-1 where none), and the distance."""
    first = np.full(len(where), len(areas), dtype=np.intp)
    away = np.full(len(where), np.nan)
    if limit_m > 0 and len(where) and len(areas):
        (point, area), metres = shapely.STRtree(areas).query_nearest(
            where, max_distance=None if math.isinf(limit_m) else limit_m, return_distance=True, all_matches=True
        )
        np.minimum.at(first, point, area)
        away[point] = metres
    first[first == len(areas)] = -1
    return first, away
