"""From the layers of a city to who reaches what: walks, coverage, gaps. Whoever builds or reworks a city asks here."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

from gridmap.access.barriers import build_barriers
from gridmap.access.coverage import coverage
from gridmap.access.gaps import find_gaps
from gridmap.access.network import WalkNetwork, build_network
from gridmap.access.walk import meet_streets, nearest_facilities
from gridmap.norms import Norms
from gridmap.progress import Progress, silent
from gridmap.settings import CoverSettings
from layers.findings import Findings

__all__ = ["READ", "cover", "walking_network"]

Frames = dict[str, gpd.GeoDataFrame | pd.DataFrame]

#: Layers that are read.
READ = (
    "districts", "streets", "communities", "grids", "micro_grids", "buildings", "facilities", "roads", "barriers",
    "water",
)  # fmt: skip


def cover(
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    norms: Norms,
    settings: CoverSettings,
    findings: Findings,
    *,
    progress: Progress = silent,
) -> Frames:
    """Coverage and gaps of a city.

    Parameters
    ----------
    layers
        Frames by name, of `READ` those that there are; `buildings` with their `micro_grid`.
    norms, settings
        The city's choices.
    findings
        What was odd about streets and barriers is added here.
    progress
        Told what is being done.

    Returns
    -------
    Frames by layer: `coverage` and `gaps`; nothing where there are no facilities.
    """
    facilities = layers.get("facilities")
    if not isinstance(facilities, gpd.GeoDataFrame) or not len(facilities):
        return {}
    progress("walking to the nearest facilities", 0.65)
    buildings = _areas(layers, "buildings")
    placed = facilities[~(facilities.geometry.isna() | facilities.geometry.is_empty)]
    placed = placed[placed["kind"].isin(norms.with_distance().keys())]
    network = walking_network(layers, findings)
    metres, which = nearest_facilities(buildings, placed, network, limit_m=settings.limit_m)
    if network is not None:
        _tell_barred(buildings, network, findings)
    progress("finding coverage and gaps", 0.85)
    micro_grids = layers["micro_grids"]
    outline = _areas(layers, "districts").geometry.union_all()
    return {
        "coverage": coverage(micro_grids, buildings, metres, norms, nearest=which),
        "gaps": find_gaps(buildings, metres, norms, outline=outline, merge_m=settings.gap_merge_m),
    }


def walking_network(
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], findings: Findings
) -> WalkNetwork | None:
    """The walking network of a city with what bars the way to it, and findings on it; None without walkable roads."""
    roads = layers.get("roads")
    if not isinstance(roads, gpd.GeoDataFrame) or not len(roads):
        findings.add(
            "roads", "no_roads", "there are no roads to walk on",
            "distances are straight lines x 1.3 and marked so in coverage.basis", level="warning",
        )  # fmt: skip
        return None
    barriers, water = (frame if isinstance(frame, gpd.GeoDataFrame) and len(frame) else None
                       for frame in (layers.get("barriers"), layers.get("water")))
    network = build_network(roads, barriers=build_barriers(barriers=barriers, water=water, roads=roads))
    facts = network.facts
    if not facts["walkable"]:
        findings.add(
            "roads", "nothing_walkable", f"none of the {facts['roads']:,.0f} roads may be walked",
            "distances are straight lines x 1.3 and marked so in coverage.basis", level="warning",
        )  # fmt: skip
        return None
    if facts["parts"] > 1:
        findings.add(
            "roads", "network_in_parts",
            f"the walking network falls into {facts['parts']:.0f} parts, the largest with "
            f"{facts['largest_share']:.1%} of its length; {facts['islands']:.0f} small islands hold "
            f"{facts['island_metres']:,.0f} m",
            "doors beside an island use the next larger part; what no part reaches counts as beyond the norm",
            level="note",
        )  # fmt: skip
    if facts["private"]:
        findings.add(
            "roads", "private_roads", f"{facts['private']:.0f} roads are private",
            "they are walked to and from the doors on them, never through", level="note",
        )  # fmt: skip
    return network


def _tell_barred(buildings: gpd.GeoDataFrame, network: WalkNetwork, findings: Findings) -> None:
    """Findings on the doors whose way to the street a barrier bars."""
    lived_in = buildings[buildings["households"].fillna(0) > 0]
    met = meet_streets(lived_in, network)
    if met.around.any():
        findings.add(
            "barriers", "leg_goes_round",
            f"{int(met.around.sum()):,} inhabited buildings have a barrier between them and the nearest street",
            "they go to the nearest street on their own side", level="note",
        )  # fmt: skip
    if met.through.any():
        example = lived_in["code"].iloc[int(met.through.argmax())] if "code" in lived_in else None
        findings.add(
            "barriers", "leg_goes_through",
            f"{int(met.through.sum()):,} inhabited buildings are cut off by barriers from every street near",
            "they go to the nearest street through the barrier: draw its gate as a road through it", level="warning",
            code=example,
        )  # fmt: skip


def _areas(layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], name: str) -> gpd.GeoDataFrame:
    frame = layers[name]
    assert isinstance(frame, gpd.GeoDataFrame), name
    return frame
