"""From the layers of a city to who reaches what: walks, coverage, gaps. Whoever builds or reworks a city asks here."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd
import shapely

from gridmap.access.barriers import build_barriers
from gridmap.access.catchment import accessibility
from gridmap.access.completeness import completeness, unknown_not_gap
from gridmap.access.coverage import coverage
from gridmap.access.gaps import find_gaps
from gridmap.access.hours import coverage_hours
from gridmap.access.levels import coverage_levels
from gridmap.access.network import WalkNetwork, build_network
from gridmap.access.reasons import Explainer, titles_of
from gridmap.access.walk import meet_streets, nearest_facilities, walk_pairs
from gridmap.norms import Norms
from gridmap.progress import Progress, silent
from gridmap.settings import CoverSettings
from layers.findings import Findings

__all__ = ["READ", "cover", "explained_gaps", "walking_network"]

Frames = dict[str, gpd.GeoDataFrame | pd.DataFrame]

#: Layers that are read.
READ = (
    "districts", "streets", "communities", "grids", "micro_grids", "buildings", "facilities", "roads", "barriers",
    "water", "gates",
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
    Frames by layer: `coverage`, `coverage_levels`, `completeness`, `accessibility`, `coverage_hours` and `gaps`;
    nothing where there are no facilities.
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
    progress("finding coverage and gaps", 0.8)
    micro_grids = layers["micro_grids"]
    known = completeness(buildings, facilities, norms.with_distance().keys(), complete=settings.complete)
    _tell_unmapped(known, findings)
    made: Frames = {
        "coverage": unknown_not_gap(coverage(micro_grids, buildings, metres, norms, nearest=which), known),
        "coverage_levels": coverage_levels(micro_grids, buildings, metres, norms, completeness=known),
        "completeness": known,
    }
    pairs = _pairs(buildings, placed, network, norms)
    made["accessibility"] = accessibility(micro_grids, buildings, placed, pairs, norms)
    made["coverage_hours"] = coverage_hours(buildings, placed, pairs, norms)
    progress("saying why there are gaps", 0.88)
    homes = buildings[~buildings["micro_grid"].astype("object").str[:12].isin(_unmapped(known))]
    made["gaps"] = explained_gaps(
        homes, placed, network, metres, which, norms, titles=titles_of(norms), merge_m=settings.gap_merge_m,
        outline=_areas(layers, "districts").geometry.union_all(),
    )
    return made


def explained_gaps(
    homes: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    network: WalkNetwork | None,
    metres: pd.DataFrame,
    which: pd.DataFrame,
    norms: Norms | Mapping[str, float],
    *,
    titles: dict[str, tuple[str, str]],
    merge_m: float,
    outline: shapely.Geometry,
) -> gpd.GeoDataFrame:
    """Gaps as places, each with its reason and where a facility would close it: the one door for whoever keeps gaps.

    Parameters
    ----------
    homes, facilities, network, metres, which
        Buildings, facilities with a place, and what `nearest_facilities` says of them.
    norms
        As `find_gaps` takes them.
    titles
        Kind -> Chinese and English title.
    merge_m, outline
        As in `find_gaps`.
    """
    explainer = Explainer(homes, network, facilities, which.loc[homes.index], titles)
    return find_gaps(homes, metres, norms, outline=outline, merge_m=merge_m, explainer=explainer)


def _pairs(
    buildings: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame, network: WalkNetwork | None, norms: Norms
) -> pd.DataFrame:
    """Buildings and facilities within the norm of the kind; kinds of one norm are asked together."""
    metres = {norm.key: norm.metres for norm in norms if norm.metres is not None}
    reach = facilities["kind"].map(metres)
    found = [
        walk_pairs(buildings, facilities[reach == limit], network, limit_m=float(limit))
        for limit in sorted(reach.dropna().unique())
    ]
    empty = pd.DataFrame({"building": [], "facility": [], "metres": []})
    return pd.concat(found, ignore_index=True) if found else empty


def _unmapped(known: pd.DataFrame) -> set[str]:
    """Communities of which no kind on the map is known."""
    on_map = known[known.groupby("kind")["mapped"].transform("sum") > 0]
    states = on_map.groupby("code")["state"].agg(lambda state: set(state) == {"unmapped"})
    return set(states.index[states.astype(bool)])


def _tell_unmapped(known: pd.DataFrame, findings: Findings) -> None:
    for code in sorted(_unmapped(known)):
        row = known[known["code"] == code].iloc[0]
        findings.add(
            "facilities", "unmapped",
            f"{row['mapped_any']:,} facilities are mapped in a community of {row['households']:,} households where "
            f"{row['expected_any']:,.0f} would be usual in this city",
            "what looks like a gap there is marked no_data; name kinds with a full register under [cover] complete",
            code=code,
        )  # fmt: skip


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
    barriers, water, gates = (frame if isinstance(frame, gpd.GeoDataFrame) and len(frame) else None
                              for frame in (layers.get("barriers"), layers.get("water"), layers.get("gates")))
    walls = build_barriers(barriers=barriers, water=water, roads=roads, gates=gates)
    network = build_network(roads, barriers=walls)
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
            "they go to the nearest street through the barrier: put its gate into the layer gates", level="warning",
            code=example,
        )  # fmt: skip


def _areas(layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], name: str) -> gpd.GeoDataFrame:
    frame = layers[name]
    assert isinstance(frame, gpd.GeoDataFrame), name
    return frame
