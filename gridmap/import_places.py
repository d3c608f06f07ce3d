"""Where things without coordinates lie: as a person says, as one said at an earlier import, or by their address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from gridmap.attaching import ATTACHED
from gridmap.import_match import matches
from gridmap.stores import Store
from layers.errors import WrongCall
from layers.findings import Finding, Findings
from layers.gazetteer import place_by_address
from layers.read import Reading
from layers.schema import LAYERS

__all__ = ["MANUAL", "Places", "doubtful", "settle_places"]

#: `placed_by` of what a person placed.
MANUAL = "manual"
#: Layers that say where an address lies.
_KNOWN = ("streets", "communities", "estates", "roads", "buildings", "organizations", "facilities")
#: Row of a file -> longitude and latitude (WGS 84) that a person gave it.
Places = Mapping[int, tuple[float, float]]


def settle_places(
    store: Store, layer: str, before: Any, read: Reading, *, places: Places, within: Sequence[str]
) -> Reading:
    """A reading whose things without coordinates have a place wherever one is known.

    Parameters
    ----------
    before
        The layer as the store has it: what a person placed by hand stays there when a newer file knows no better.
    places
        What a person chose for rows of this file; wins over addresses, never over coordinates of the file.
    within
        Areas of the sender: addresses are looked for there.

    Raises
    ------
    WrongCall
        A place is given for a row that has coordinates, or that is not there.
    """
    frame = read.frame
    if layer not in ATTACHED or not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
        if places:
            raise WrongCall(f"places by hand are for {', '.join(ATTACHED)}, not for {layer}")
        return read
    shapes = np.array(frame.geometry.array, dtype=object)
    nowhere = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    hand = _said(frame, shapes, nowhere, places, store.crs) | _as_before(frame, shapes, nowhere, before, layer)
    found = frame.set_geometry(shapes, crs=frame.crs) if hand.any() else frame
    items: list[Finding] = []
    if "address" in frame.columns and (nowhere & ~hand).any():
        kept = set(store.layers())
        known = {name: store.read(name, within=within) for name in _KNOWN if name in kept}
        placed, told = place_by_address({layer: found}, known=known)
        found = placed.get(layer, found)
        items = [replace(item, file=read.tally.file) for item in told]  # so that they come back with its rows
    if hand.any():
        more = Findings()
        more.add(
            layer, "placed_by_hand", f"{int(hand.sum())} rows without coordinates were placed by a person",
            "kept there; placed_by says manual", level="note", field="address", file=read.tally.file,
        )  # fmt: skip
        items += list(more)
    read.findings.extend(items)
    return replace(read, frame=_said_how(found, hand, before))


def _said(
    frame: gpd.GeoDataFrame, shapes: NDArray[Any], nowhere: NDArray[np.bool_], places: Places, crs: pyproj.CRS
) -> NDArray[np.bool_]:
    """Put the chosen places in; which rows that were."""
    hand = np.zeros(len(frame), dtype=bool)
    if not places:
        return hand
    at = {int(row): n for n, row in enumerate(frame["source_row"])}
    wrong = [row for row in places if row not in at or not nowhere[at[row]]]
    if wrong:
        raise WrongCall(f"row {wrong[0]} has coordinates, or is not in the file; only rows without are placed by hand")
    to_city = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    for row, (lon, lat) in places.items():  # a person's clicks: few
        x, y = to_city.transform(lon, lat)
        if not (np.isfinite(x) and np.isfinite(y)):
            raise WrongCall(f"{lon}, {lat} is no place on earth; choose one on the map")
        shapes[at[row]], hand[at[row]] = shapely.Point(round(x, 3), round(y, 3)), True
    return hand


def _as_before(
    frame: gpd.GeoDataFrame, shapes: NDArray[Any], nowhere: NDArray[np.bool_], before: Any, layer: str
) -> NDArray[np.bool_]:
    """Put in what a person placed at an earlier import; which rows that were."""
    hand = np.zeros(len(frame), dtype=bool)
    if "placed_by" not in before.columns or not (before["placed_by"] == MANUAL).any():
        return hand
    old = before[before["placed_by"] == MANUAL].reset_index(drop=True)
    open_ = np.flatnonzero(nowhere & shapely.is_empty(shapes))
    asked = frame.iloc[open_].reset_index(drop=True)
    # a row without code is known by its name and address: it has no place to compare
    if "code" not in asked.columns:
        asked = asked.assign(code=pd.Series(None, index=asked.index, dtype="str"))
    blank = old.set_geometry(np.full(len(old), shapely.Point(), dtype=object), crs=old.crs)
    same = matches(blank, asked, LAYERS[layer], np.ones(len(old), dtype=bool))
    for at, row in zip(open_, same, strict=True):
        address = [None if "address" not in f.columns else f["address"].iloc[n] for f, n in ((old, row), (frame, at))]
        if row >= 0 and (address[0] == address[1] or pd.notna(frame["code"].iloc[at])):
            shapes[at], hand[at] = old.geometry.iloc[row], True
    return hand


def _said_how(frame: gpd.GeoDataFrame, hand: NDArray[np.bool_], before: Any) -> gpd.GeoDataFrame:
    """`placed_by` and its evidence, also where a row that had none of its own has coordinates now."""
    columns = ("placed_by", "placed_score", "placed_candidates")
    if not hand.any() and not (set(columns) & set(before.columns)):
        return frame
    for name in columns:
        if name not in frame.columns:
            kind = "float64" if name == "placed_score" else "str"
            frame = frame.assign(**{name: pd.Series(None, index=frame.index, dtype=kind)})
    by = frame["placed_by"].astype("object").mask(pd.Series(hand, index=frame.index), MANUAL)
    score = frame["placed_score"].mask(pd.Series(hand, index=frame.index), 1.0)
    return frame.assign(placed_by=by.where(by.notna(), None).astype("str"), placed_score=score)


def doubtful(frame: Any, *, most: int = 200) -> list[dict[str, Any]]:
    """Things with an address and without a place, each with its candidates in degrees, for a person to choose.

    Returns
    -------
    Dicts of `row`, `code`, `name`, `address` and `candidates`, each of `score`, `by`, `label`, `lon`, `lat`.

    Examples
    --------
    >>> told = '[[0.6, "near_number", "曙光路12号", 0.0, 0.0]]'
    >>> frame = gpd.GeoDataFrame({"name": ["甲"], "address": ["曙光路18号"], "placed_candidates": [told],
    ...     "source_row": [2]}, geometry=[shapely.Point()], crs="EPSG:4549")
    >>> found = doubtful(frame)
    >>> found[0]["row"], found[0]["candidates"][0]["label"], round(found[0]["candidates"][0]["lon"], 1)
    (2, '曙光路12号', 115.5)
    """
    if not isinstance(frame, gpd.GeoDataFrame) or "address" not in frame.columns or "source_row" not in frame.columns:
        return []
    shapes = np.asarray(frame.geometry.array)
    open_ = (shapely.is_missing(shapes) | shapely.is_empty(shapes)) & frame["address"].notna().to_numpy()
    back = pyproj.Transformer.from_crs(frame.crs, 4326, always_xy=True)
    out = []
    for at in np.flatnonzero(open_)[:most]:  # a thing each, for a person
        said = frame["placed_candidates"].iloc[at] if "placed_candidates" in frame.columns else None
        candidates = []
        for score, by, label, x, y in json.loads(said) if isinstance(said, str) else []:
            lon, lat = back.transform(x, y)
            candidates.append({"score": score, "by": by, "label": label, "lon": round(lon, 7), "lat": round(lat, 7)})
        words = {name: frame[name].iloc[at] for name in ("code", "name", "category", "address") if name in frame}
        words = {name: str(value) for name, value in words.items() if pd.notna(value)}
        out.append({"row": int(frame["source_row"].iloc[at]), **words, "candidates": candidates})
    return out
