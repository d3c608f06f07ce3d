"""What the first split knew of a cell, kept with it in the layer `cells`, and read again for a re-split or an edit.

Estate, residents' group and old grid by name; the special site and the settlement that it is part of, each named after
the first of its cells; the kind of land; and what its households are made of (`CellGraph.things`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.micro_grids.lines import ESTATE
from gridmap.micro_grids.places import GROUPS, PREFERRED, CellPlaces, PlaceRules
from gridmap.micro_grids.special import Site
from gridmap.micro_grids.villages import Settlements

__all__ = ["COLUMNS", "Told", "by_first_code", "inherited", "join_told", "knows_places", "places_of_cells", "tell"]

#: Columns of a cell that say what its places are.
COLUMNS = (
    "things", *GROUPS.values(), "site", "site_of", "site_name", "settlement", "village", "apart_m", "land",
)  # fmt: skip
#: Columns that number what several cells are part of.
_NUMBERED = ("site_of", "settlement")

#: One array a column, one entry a cell.
Told = dict[str, np.ndarray]


def tell(places: CellPlaces, things: np.ndarray) -> Told:
    """Columns of some cells; sites and settlements by number (-1 for none) until the cells have codes."""
    count = len(things)
    told: Told = {"things": things.astype(np.int64)}
    for column in GROUPS.values():
        told[column] = np.full(count, None, dtype=object)
    for (label, _), (column, names) in zip(places.groups, places.names, strict=True):
        told[column][label >= 0] = names[label[label >= 0]]
    site = places.site
    told["site_of"], told["settlement"] = site, places.settlement
    for column, values in (
        ("site", [item.kind for item in places.sites]), ("site_name", [item.name for item in places.sites]),
    ):  # fmt: skip
        told[column] = np.full(count, None, dtype=object)
        told[column][site >= 0] = np.array(values, dtype=object)[site[site >= 0]]
    lived = places.settlement >= 0
    told["village"], told["apart_m"] = np.zeros(count, dtype=bool), np.full(count, np.nan)
    told["village"][lived] = places.settlements.village[places.settlement[lived]]
    apart = places.settlements.apart_m[places.settlement[lived]]
    told["apart_m"][lived] = np.where(np.isfinite(apart), np.round(apart, 1), np.nan)
    told["land"] = places.land
    return {column: told[column] for column in COLUMNS}


def join_told(parts: Sequence[Told]) -> Told:
    """Columns of several parts of a city one after the other, sites and settlements numbered on."""
    joined: Told = {}
    for column in COLUMNS:
        pieces = [part[column] for part in parts]
        if column in _NUMBERED:
            sizes = np.array([int(piece.max(initial=-1)) + 1 for piece in pieces], dtype=np.int64)
            begin = np.cumsum(sizes) - sizes
            pieces = [np.where(piece >= 0, piece + n, -1) for piece, n in zip(pieces, begin, strict=True)]
        joined[column] = np.concatenate(pieces)
    return joined


def by_first_code(told: Told, codes: np.ndarray) -> Told:
    """The same with sites and settlements named after the first of their cells, by code.

    Examples
    --------
    >>> numbered = {"site_of": np.array([-1, 0, 0])}
    >>> by_first_code(numbered, np.array(["a", "c", "b"], dtype=object))["site_of"].tolist()
    [None, 'b', 'b']
    """
    named = dict(told)
    for column in [name for name in _NUMBERED if name in told]:
        number = told[column]
        has = number >= 0
        first = pd.Series(codes[has]).groupby(number[has]).min()
        named[column] = np.full(len(number), None, dtype=object)
        named[column][has] = first.reindex(number[has]).to_numpy(dtype=object)
    return named


def knows_places(cells: pd.DataFrame) -> bool:
    """Whether a store keeps the places of its cells; those built by an older gridmap do not."""
    return "things" in cells and bool(cells["things"].notna().any())


def places_of_cells(cells: gpd.GeoDataFrame, rules: PlaceRules) -> CellPlaces | None:
    """The places of kept cells; None where the store does not say them.

    Parameters
    ----------
    cells
        The layer `cells`, or some of its rows.
    rules
        Which places count.

    Examples
    --------
    >>> places_of_cells(gpd.GeoDataFrame({"code": ["c1"]}), PlaceRules()) is None
    True
    """
    if not knows_places(cells):
        return None
    strength = {GROUPS["estates"]: ESTATE} | {PREFERRED[layer]: rules.prefer_strength for layer in rules.prefer}
    groups, names = [], []
    for column, least in strength.items():
        label, own = _numbers(cells, column)
        if len(own) or column == GROUPS["estates"]:
            groups.append((label, least))
            names.append((column, own))
    known = cells["site"].isin(rules.special).to_numpy(dtype=bool)
    site, first = _first_rows(cells, "site_of", known)
    sites = [
        Site(str(kind), name if isinstance(name, str) else None)
        for kind, name in zip(cells["site"].iloc[first], cells["site_name"].iloc[first], strict=True)
    ]
    settlement, first = _first_rows(cells, "settlement", np.full(len(cells), rules.villages.on))
    rows = cells.iloc[first]
    village = rows["village"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    apart = rows["apart_m"].astype("float64").fillna(np.inf).to_numpy()
    nobody = np.full(0, -1, dtype=np.int64)
    land = cells["land"].astype("object").where(cells["land"].notna(), None).to_numpy(dtype=object)
    return CellPlaces(groups, site, sites, settlement, Settlements(nobody, village, apart), land, names)


def _numbers(cells: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Number of the value of each cell, -1 where it has none, and the values."""
    if column not in cells:
        return np.full(len(cells), -1, dtype=np.int64), np.empty(0, dtype=object)
    values = cells[column].astype("object")
    number, names = pd.factorize(values.where(values.notna(), None), sort=True)
    return number.astype(np.int64), np.asarray(names, dtype=object)


def _first_rows(cells: pd.DataFrame, column: str, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of what each usable cell is part of, from 0 without a gap, and the position of its first cell."""
    number, _ = _numbers(cells, column)
    number = np.where(usable, number, -1)
    has = np.flatnonzero(number >= 0)
    own, first, place = np.unique(number[has], return_index=True, return_inverse=True)
    number[has] = place.ravel()
    return number, has[first] if len(own) else np.empty(0, dtype=np.int64)


def inherited(cells: pd.DataFrame, places: np.ndarray) -> Mapping[str, object]:
    """Columns of new cells on the ground of old ones, by the positions of those."""
    return {column: cells[column].iloc[places].array for column in COLUMNS if column in cells}
