"""Whom each kind of facility reaches, as far as somebody sees: figures, the groups in need, units, gaps.

Everything is read from what `gridmap cover` kept: nothing is computed anew here but sums over areas that are no unit of
their own, so that a page, a table and a file say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from gridmap.city_norms import norms_in_force
from gridmap.norms import Norm, Norms, load_norms
from gridmap.plain_columns import read_columns
from layers.errors import MissingLayer, NotFound
from layers.schema import LAYERS, NEEDS

__all__ = ["UNITS", "Covered", "coverage_kinds", "coverage_of", "coverage_table", "where_people_live"]

#: Levels of the table by unit, the widest first.
UNITS = ("streets", "communities", "grids", "micro_grids")

_COUNTS = ("households", "covered_households", "unknown_households")
#: What is asked of a unit, and beside it of the whole that is seen.
_OF_UNITS = ("level", "code", "kind", *_COUNTS, "coverage", "status", "walk_m_mean")
_OF_WHOLE = (
    "level", "code", "kind", "norm_m", "verified", *_COUNTS, "walk_m_mean",
    *(name for need in NEEDS for name in (need.name, f"covered_{need.name}")),
)


@dataclass(frozen=True, kw_only=True)
class Covered:
    """Coverage of one kind of facility in an area.

    Parameters
    ----------
    kind
        As a row of `coverage_kinds`.
    norm
        Where the distance comes from: `source`, `clause`, `circle`, `note`; None for a kind that no norm names.
    needs
        One row a group in need: `name`, `zh`, `en`, `people`, `covered`, `uncovered`.
    units
        One row a unit of each level of `UNITS`, the most households beyond the norm first: `level`, `code`, `name`,
        `households`, `covered_households`, `uncovered`, `unknown_households`, `coverage`, `status`, `walk_m_mean`.
    gaps
        The kind's gaps by rank, with `lon` and `lat` of the place that closes each and of the gap's middle
        (`at_lon`, `at_lat`), the nearest facility's name and the needs as counts.
    """

    kind: dict[str, Any]
    norm: dict[str, Any] | None
    needs: list[dict[str, Any]]
    units: pd.DataFrame
    gaps: pd.DataFrame


def coverage_kinds(store: Any, *, norms: Norms | None = None) -> list[dict[str, Any]]:
    """Every kind of facility that coverage is kept for, the most households beyond the norm first.

    Parameters
    ----------
    store
        A store, or one as somebody may see it: with `reach`, the area codes that are seen.
    norms
        Titles and sources; those in force in the store without.

    Returns
    -------
    One dict a kind: `kind`, `zh`, `en`, `norm_m`, `verified`, `households`, `covered`, `uncovered`, `unknown` (where
    nobody has mapped the kind), `coverage` (covered by those of which it is known; None where there are none),
    `walk_m_mean`, `gaps`.

    Raises
    ------
    MissingLayer
        Where no coverage is kept for the area.
    """
    table = norms_in_force(store) if norms is None else norms
    whole = _whole(store)
    gaps = store.read("gaps")["kind"].value_counts() if "gaps" in store.layers() else pd.Series(dtype="int64")
    found = [_row(table, str(kind), rows, int(gaps.get(kind, 0))) for kind, rows in whole.groupby("kind", sort=True)]
    return sorted(found, key=lambda row: (-row["uncovered"], row["kind"]))


def coverage_of(store: Any, kind: str, *, norms: Norms | None = None) -> Covered:
    """One kind in full.

    Raises
    ------
    NotFound
        Where no coverage of such a kind is kept.
    MissingLayer
        As `coverage_kinds`.
    """
    table = norms_in_force(store) if norms is None else norms
    whole = _whole(store)
    whole = whole[whole["kind"] == kind]
    if whole.empty:
        raise NotFound(f"no coverage is kept for {kind[:40]!r}; choose a kind from the list")
    gaps, needs = _gaps(store, kind), []
    for need in NEEDS:
        people, covered = _count(whole[need.name]), _count(whole[f"covered_{need.name}"])
        if people:
            needs.append({"name": need.name, "zh": need.zh, "en": need.en, "people": people, "covered": covered,
                          "uncovered": people - covered})
    row = _row(table, kind, whole, len(gaps))
    return Covered(
        kind=row, norm=_norm(table, kind, row["norm_m"]), needs=needs, units=_units(store, kind), gaps=gaps
    )


def coverage_table(store: Any, kind: str, *, lang: str = "zh") -> pd.DataFrame:
    """The figures of every unit with headings in a language, for a spreadsheet; codes are text."""
    if "coverage_levels" not in store.layers():
        raise _missing()
    columns = [column.name for column in LAYERS["coverage_levels"]]
    levels = read_columns(store, "coverage_levels", columns, only={"kind": [kind]})
    if levels.empty:
        raise NotFound(f"no coverage is kept for {kind[:40]!r}; choose a kind from the list")
    order = {name: at for at, name in enumerate(("districts", *UNITS))}
    levels = levels.assign(rank=levels["level"].map(order)).sort_values(["rank", "code"]).drop(columns="rank")
    names = _names(store, levels["code"])
    levels.insert(2, "name", levels["code"].map(names))
    levels["level"] = levels["level"].map({name: getattr(LAYERS[name], lang) for name in order})
    levels = levels.dropna(axis="columns", how="all")
    layer = LAYERS["coverage_levels"]
    titles = {column.name: getattr(column, lang) for column in layer} | {"name": "名称" if lang == "zh" else "Name"}
    return levels.rename(columns=titles).reset_index(drop=True)


def where_people_live(store: Any) -> list[float] | None:
    """West, south, east, north in degrees of where nearly all households live; None where nobody does.

    A map that shows a whole outline may show little else: an outline can be many times as large as what is built.
    """
    units = store.read("micro_grids")
    units = units[pd.to_numeric(units["households"]).fillna(0) > 0]
    if not len(units):
        return None
    points = units.geometry.representative_point()
    weight = pd.to_numeric(units["households"]).to_numpy(dtype="float64")
    box, bounds = [], units.total_bounds
    for values, least, most in ((points.x.to_numpy(), bounds[0], bounds[2]), (points.y.to_numpy(), *bounds[1::2])):
        order = np.argsort(values)
        share = np.cumsum(weight[order]) / weight.sum()
        low, high = (float(values[order][min(np.searchsorted(share, at), len(order) - 1)]) for at in (0.01, 0.99))
        edge = max(0.1 * (high - low), 150.0)
        box.append((max(low - edge, least), min(high + edge, most)))
    (west, east), (south, north) = box
    corners = gpd.GeoSeries(gpd.points_from_xy([west, east], [south, north]), crs=store.crs).to_crs(4326)
    return [round(value, 6) for point in corners for value in (point.x, point.y)]


def _missing() -> MissingLayer:
    return MissingLayer("no coverage is kept for this area; bring in facilities, then run gridmap cover")


def _whole(store: Any) -> pd.DataFrame:
    """The rows that make up all that is seen, each household once.

    Raises
    ------
    MissingLayer
        Where there are none.
    """
    reach = tuple(getattr(store, "reach", ("",)))
    only = {"code": list(reach)}
    if "" in reach:
        # by their codes, which have an index
        codes = read_columns(store, "districts", ["code"])["code"].tolist() if "districts" in store.layers() else []
        only = {"level": ["districts"], **({"code": codes} if codes else {})}
    if "coverage_levels" in store.layers():
        found = read_columns(store, "coverage_levels", _OF_WHOLE, only=only)
        if len(found):
            return found
    raise _missing()


def _row(table: Norms, kind: str, rows: pd.DataFrame, gaps: int) -> dict[str, Any]:
    """What is said of a kind."""
    zh, en = _titles(table, kind)
    return {
        "kind": kind, "zh": zh, "en": en, "norm_m": float(rows["norm_m"].iloc[0]),
        "verified": bool(rows["verified"].fillna(False).all()), **_sums(rows), "gaps": gaps,
    }  # fmt: skip


def _sums(rows: pd.DataFrame) -> dict[str, Any]:
    households, covered = _count(rows["households"]), _count(rows["covered_households"])
    unknown = _count(rows["unknown_households"])
    weights = rows["households"].astype("float64") * rows["walk_m_mean"].notna()
    walked = float((rows["walk_m_mean"].fillna(0) * weights).sum())
    known = households - unknown
    return {
        "households": households, "covered": covered, "unknown": unknown, "uncovered": known - covered,
        "coverage": covered / known if known else None,
        "walk_m_mean": walked / float(weights.sum()) if weights.sum() else None,
    }


def _units(store: Any, kind: str) -> pd.DataFrame:
    rows = read_columns(store, "coverage_levels", _OF_UNITS, only={"kind": [kind], "level": UNITS})
    counts = list(_COUNTS)
    rows[counts] = rows[counts].fillna(0).astype("int64")
    rows["uncovered"] = rows["households"] - rows["unknown_households"] - rows["covered_households"]
    rows["name"] = rows["code"].map(_names(store, rows["code"]))
    kept = rows[["level", "code", "name", *counts, "uncovered", "coverage", "status", "walk_m_mean"]]
    return kept.sort_values(["uncovered", "code"], ascending=[False, True], ignore_index=True)


def _names(store: Any, codes: pd.Series) -> dict[str, str]:
    """Names of units by code, where they have one."""
    known: dict[str, str] = {}
    wanted = set(codes.str.len())
    for level, digits in (("districts", 6), ("streets", 9), ("communities", 12), ("grids", 15)):
        if digits in wanted and level in store.layers():
            named = read_columns(store, level, ["code", "name"], known=["name"])
            known |= dict(zip(named["code"], named["name"], strict=True))
    return known


def _gaps(store: Any, kind: str) -> pd.DataFrame:
    if "gaps" not in store.layers():
        return pd.DataFrame()
    gaps = store.read("gaps")
    gaps = gaps[gaps["kind"] == kind].sort_values("rank").reset_index(drop=True)
    if not len(gaps):
        return pd.DataFrame(gaps)
    degrees = pyproj.Transformer.from_crs(store.crs, 4326, always_xy=True)
    made = pd.DataFrame(gaps.drop(columns=gaps.geometry.name))
    middle = gpd.GeoSeries(gaps.geometry).representative_point()
    made["at_lon"], made["at_lat"] = degrees.transform(middle.x.to_numpy(), middle.y.to_numpy())
    if "closing_x" in made:
        made["lon"], made["lat"] = degrees.transform(
            made["closing_x"].to_numpy(dtype="float64"), made["closing_y"].to_numpy(dtype="float64")
        )
    if "nearest" in made and "facilities" in store.layers():
        names = read_columns(store, "facilities", ["code", "name"], known=["name"])
        made["nearest_name"] = made["nearest"].map(dict(zip(names["code"], names["name"], strict=True)))
    return made


def _norm(table: Norms, kind: str, metres: float) -> dict[str, Any] | None:
    """Where the distance comes from that coverage was held to: the package, where a newer norm waits for coverage."""
    norm, packaged = _find(table, kind), _find(load_norms(), kind)
    if packaged is not None and packaged.metres == metres and (norm is None or norm.metres != metres):
        norm = packaged
    if norm is None:
        return None
    return {"source": norm.source, "clause": norm.clause, "circle": norm.circle, "note": norm.note,
            "corroboration": norm.corroboration, "proposed": norm.distance_m is None, "needs": norm.needs}


def _titles(table: Norms, kind: str) -> tuple[str, str]:
    norm = _find(table, kind)
    return (kind, kind) if norm is None else (norm.zh, norm.en)


def _find(table: Norms, kind: str) -> Norm | None:
    return next((norm for norm in table if norm.key == kind), None)


def _count(values: pd.Series) -> int:
    return int(values.fillna(0).sum())
