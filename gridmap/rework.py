"""Parts of a built city computed again, without reading its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gridmap.attaching import AREAS, ATTACHED, attach_layers
from gridmap.city_norms import changed_kinds, norms_in_force
from gridmap.covering import READ, cover
from gridmap.desk_settle import settle
from gridmap.norms import Norm, Norms, load_norms
from gridmap.of_today import read_today
from gridmap.progress import Progress, silent
from gridmap.settings import CoverSettings
from gridmap.stores import Store, open_store
from layers.errors import MissingLayer, WrongCall
from layers.findings import Findings

__all__ = ["attach_again", "cover_again", "cover_as_before", "cover_settings", "norms_of"]

def cover_settings(store: Store) -> CoverSettings:
    """The settings that the city was covered with."""
    kept = json.loads(store.meta().get("settings", "{}")).get("cover", {})
    known = CoverSettings.__dataclass_fields__
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in kept.items() if key in known
    }
    return CoverSettings(**values)


def attach_again(city: str | Path) -> dict[str, int]:
    """Attach every organization, facility and incident of a city to its micro-grids again.

    Returns
    -------
    Rows by layer and way of attaching, and rows of the border inbox by reason.
    """
    counts: dict[str, int] = {}
    with open_store(city) as store:
        micro_grids = _must_read(store, "micro_grids")
        nearest_m = cover_settings(store).nearest_m
        kept = set(store.layers())
        layers = {name: store.read(name) for name in (*ATTACHED, *AREAS) if name in kept}
        frames, _ = attach_layers(layers, micro_grids, nearest_m=nearest_m)
        for layer in (name for name in ATTACHED if name in frames):
            ways = frames[layer]["attached_by"].value_counts()
            counts |= {f"{layer} {way}": int(n) for way, n in ways.items()}
        for reason, n in frames.get("border_inbox", pd.DataFrame({"reason": []}))["reason"].value_counts().items():
            counts[f"border_inbox {reason}"] = int(n)
        store.write_all(frames.items())
        settle(store, nearest_m=nearest_m)  # what was reported meanwhile
    return counts


def cover_again(
    city: str | Path,
    *,
    norms: str | Path | None = None,
    kinds: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, int]:
    """Compute coverage and gaps of a city again, with other norms or for some kinds only.

    Parameters
    ----------
    city
        Store URL.
    norms
        Norms file in place of the packaged one and of what is changed in the store.
    kinds
        Kinds of facility that the new tables hold; all that have a norm when empty.
    progress
        Told what is being done.

    Returns
    -------
    Rows by table.

    Raises
    ------
    WrongCall
        For a kind without a norm.
    MissingLayer
        Where the city has no buildings or no facilities.
    """
    with open_store(city) as store:
        table = norms_in_force(store, norms).with_distance()
    unknown = [kind for kind in kinds if kind not in table]
    if unknown:
        raise WrongCall(f"no norm with a distance for {', '.join(unknown)}; the kinds are {', '.join(table.keys())}")
    if kinds:
        table = table.only(kinds)
    with open_store(city) as store:
        for layer in ("micro_grids", "buildings", "facilities"):
            _must_read(store, layer)
        made = _covered(store, table, progress)
        if not kinds:
            store.set_meta(coverage_stale="")
    return {layer: len(frame) for layer, frame in sorted(made.items())}


def cover_as_before(city: str | Path, *, progress: Progress = silent) -> dict[str, int]:
    """Compute coverage and gaps again by the norms and kinds that the city was covered with, after its things changed.

    Returns
    -------
    Rows by table; {} where the city was never covered, or has no facilities any more.
    """
    with open_store(city) as store:
        table = norms_of(store) if store.count("coverage") else load_norms().only(())
        if not len(table) or not store.count("facilities"):
            return {}
        made = _covered(store, table, progress)
        store.set_meta(coverage_stale="")
    return {layer: len(frame) for layer, frame in sorted(made.items())}


def norms_of(store: Store) -> Norms:
    """The norms that a city was covered with: those of the package, with the kinds and distances of its own table.

    A kind whose norm was changed in the store is held to that, whatever its table says: the table may be older.
    """
    kept = pd.DataFrame(store.read("coverage")).drop_duplicates("kind")
    known, changed = norms_in_force(store), changed_kinds(store)
    found = []
    for kind, metres, verified in zip(kept["kind"], kept["norm_m"], kept["verified"], strict=True):
        norm = known.get(kind) or Norm(key=kind, zh=kind, en=kind, group="other", source="the city's own norms")
        if norm.metres != metres and kind not in changed:
            norm = replace(norm, distance_m=float(metres), verified=bool(verified), source="the city's own norms")
        found.append(norm)
    return replace(known, items=tuple(found))


def _covered(store: Store, norms: Norms, progress: Progress) -> dict[str, Any]:
    """Coverage by what is valid today, kept."""
    made = cover(read_today(store, READ), norms, cover_settings(store), Findings(), progress=progress)
    store.write_all(sorted(made.items()))
    return made


def _must_read(store: Store, layer: str) -> gpd.GeoDataFrame:
    frame = store.read(layer)
    if not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
        raise MissingLayer(f"the city has no {layer}; build it again with a layer {layer} in its folder")
    return frame
