"""Parts of a built city computed again, without reading its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd

from gridmap.covering import READ, cover
from gridmap.micro_grids.attach import attach
from gridmap.norms import load_norms
from gridmap.pipeline import ATTACHED
from gridmap.progress import Progress, silent
from gridmap.settings import CoverSettings
from gridmap.stores import Store, open_store
from layers.errors import MissingLayer, WrongCall
from layers.findings import Findings

__all__ = ["attach_again", "cover_again"]


def _cover_settings(store: Store) -> CoverSettings:
    kept = json.loads(store.meta().get("settings", "{}")).get("cover", {})
    known = CoverSettings.__dataclass_fields__
    return CoverSettings(**{key: value for key, value in kept.items() if key in known})


def attach_again(city: str | Path) -> dict[str, int]:
    """Attach every organization, facility and incident of a city to its micro-grids again.

    Returns
    -------
    Rows by layer and way of attaching.
    """
    counts: dict[str, int] = {}
    with open_store(city) as store:
        micro_grids = _must_read(store, "micro_grids")
        nearest_m = _cover_settings(store).nearest_m
        frames = []
        for layer in ATTACHED:
            things = store.read(layer)
            if isinstance(things, gpd.GeoDataFrame) and len(things):
                done = attach(things, micro_grids, nearest_m=nearest_m)
                frames.append((layer, done))
                counts |= {f"{layer} {way}": int(n) for way, n in done["attached_by"].value_counts().items()}
        store.write_all(frames)
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
        Norms file in place of the packaged one.
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
    table = load_norms(norms).with_distance()
    unknown = [kind for kind in kinds if kind not in table]
    if unknown:
        raise WrongCall(f"no norm with a distance for {', '.join(unknown)}; the kinds are {', '.join(table.keys())}")
    if kinds:
        table = table.only(kinds)
    with open_store(city) as store:
        for layer in ("micro_grids", "buildings", "facilities"):
            _must_read(store, layer)
        layers = {layer: store.read(layer) for layer in READ}
        made = cover(layers, table, _cover_settings(store), Findings(), progress=progress)
        store.write_all(sorted(made.items()))
    return {layer: len(frame) for layer, frame in sorted(made.items())}


def _must_read(store: Store, layer: str) -> gpd.GeoDataFrame:
    frame = store.read(layer)
    if not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
        raise MissingLayer(f"the city has no {layer}; build it again with a layer {layer} in its folder")
    return frame
