"""What of a file and of a layer belongs to the areas that somebody may change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.attaching import ATTACHED
from gridmap.micro_grids.attach import attach, places
from layers.findings import Findings
from layers.rows import tell_rows

__all__ = ["own_rows", "tell_outside", "whole_city"]


def whole_city(within: Sequence[str]) -> bool:
    """Whether areas are the whole city.

    Examples
    --------
    >>> whole_city(("",)), whole_city(("510504001",)), whole_city(())
    (True, False, False)
    """
    return "" in within


def own_rows(
    frame: Any, layer: str, within: Sequence[str], units: gpd.GeoDataFrame, *, nearest_m: float, kept: bool = False
) -> NDArray[np.bool_]:
    """Which rows lie within areas.

    Parameters
    ----------
    frame
        Rows of a file, or with `kept` of the store, in the CRS of `units`.
    within
        Area codes; ("",) is the whole city.
    units
        Micro-grids of the whole city, with `code`.
    nearest_m
        How far outside every micro-grid a thing may lie and still be given to the nearest, metres.
    kept
        The rows come from the store and say themselves which micro-grid holds them.

    Returns
    -------
    One truth a row. Things belong where their micro-grid does, staff where its `area` does, all else where its
    representative point lies (a border belongs to both sides). What lies nowhere belongs to the whole city alone.

    Examples
    --------
    >>> units = gpd.GeoDataFrame({"code": ["510504001001001001", "510504002001001001"]},
    ...     geometry=[shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)], crs="EPSG:4549")
    >>> shops = gpd.GeoDataFrame(geometry=gpd.points_from_xy([50, 150], [50, 50]), crs="EPSG:4549")
    >>> own_rows(shops, "facilities", ["510504001"], units, nearest_m=50.0).tolist()
    [True, False]
    """
    if whole_city(within) or not len(frame):
        return np.ones(len(frame), dtype=bool)
    if layer == "staff":
        return _starts(frame["area"], within)
    if layer in ATTACHED:
        if kept and "micro_grid" in frame.columns:
            return _starts(frame["micro_grid"], within)
        return _starts(attach(frame, units, nearest_m=nearest_m)["micro_grid"], within)
    area = shapely.union_all(units.geometry.to_numpy()[_starts(units["code"], within)])
    where = places(frame)
    shapely.prepare(area)
    found: NDArray[np.bool_] = shapely.intersects(area, where)
    return found


def tell_outside(
    frame: Any, own: NDArray[np.bool_], taken: pd.Index | set[str], layer: str, findings: Findings, file: str
) -> NDArray[np.bool_]:
    """Write down which rows of a file are refused because they are not the sender's, and say which they are.

    Parameters
    ----------
    own
        Which rows lie within the sender's areas.
    taken
        Codes of things outside those areas.
    """
    done = "row left out; whoever looks after that area sends it"
    tell_rows(
        findings, layer, "outside_area", "lies outside your area, or nowhere", done, frame["source_row"][~own],
        level="error", file=file,
    )  # fmt: skip
    theirs = np.zeros(len(frame), dtype=bool)
    if "code" in frame.columns:
        theirs = own & frame["code"].isin(set(taken)).to_numpy(dtype=bool)
        tell_rows(
            findings, layer, "code_of_others", "has the code of a thing outside your area", done,
            frame["source_row"][theirs], level="error", file=file,
        )  # fmt: skip
    return np.asarray(~own | theirs, dtype=bool)


def _starts(codes: pd.Series, within: Sequence[str]) -> NDArray[np.bool_]:
    known = codes.astype("object").map(lambda code: isinstance(code, str) and code.startswith(tuple(within)))
    return known.to_numpy(dtype=bool)
