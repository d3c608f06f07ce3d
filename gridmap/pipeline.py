"""A folder in, a city out: read, split, attach, walk, cover, keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd

import gridmap
from gridmap.attaching import ATTACHED, attach_layers
from gridmap.covering import cover
from gridmap.desk_settle import settle
from gridmap.engines import Engine
from gridmap.micro_grids.obstacles import Feasible, wish_of_plan
from gridmap.micro_grids.split import Split, split_levels
from gridmap.norms import Norms, load_norms
from gridmap.of_today import only_valid
from gridmap.progress import Progress, silent
from gridmap.settings import CitySettings
from gridmap.stores import Store, writing
from layers.errors import MissingLayer
from layers.findings import Findings
from layers.read import City, read_city

__all__ = ["Built", "Frames", "build", "compute"]

#: Layers that are kept as they came.
KEPT = (
    "roads", "barriers", "water", "green", "estates", "special_sites", "plots", "gates", "resident_groups", "old_grids",
    "staff",
)

Frames = dict[str, gpd.GeoDataFrame | pd.DataFrame]


@dataclass
class Built:
    """What a build made: rows by layer, findings, and a few figures for the person who waits.

    `wish` says what keeps the plan out of its band, and the nearest band that it keeps.
    """

    city: str
    rows: dict[str, int]
    findings: Findings
    households: int
    micro_grids: int
    within_band: float
    street_share: float
    wish: Feasible


def build(
    folder: str | Path,
    city: str | Path,
    *,
    seed: int | None = None,
    norms: str | Path | None = None,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> Built:
    """Read a city folder, compute everything, and keep it in a store, whole or not at all.

    Parameters
    ----------
    folder
        City folder, with or without `city.toml`.
    city
        Path ending in `.gpkg`, or a `postgresql://` URL. What was there is replaced only when all is done; accounts are
        kept.
    seed
        Seed of the split in place of the one in `city.toml`.
    norms
        Norms file in place of the one in `city.toml`.
    engine
        Where communities are split (`gridmap.engines.open_engine`); None for this process. The answer is the same.
    progress
        Told what is being done.

    Returns
    -------
    Built

    Raises
    ------
    GridmapError
        Any of `layers.errors`: a folder that is no city, no outline, no buildings, bad settings, a store in use.
    """
    folder = Path(folder)
    progress("reading", 0.02)
    source = read_city(folder, progress=lambda what: progress(f"reading {what}", 0.05))
    settings = CitySettings.from_options(source.options).with_seed(seed)
    own = norms or (folder / settings.cover.norms if settings.cover.norms else None)
    frames, findings, split = compute(source, settings, load_norms(own), engine=engine, progress=progress)
    progress("keeping", 0.92)
    rows_in = {layer: len(source.layers[layer]) for layer in ATTACHED if layer in source.layers}
    with writing(str(city), crs=source.crs) as store:
        keep(store, frames, source, settings, split, rows_in)
        settle(store, nearest_m=settings.cover.nearest_m)
    progress("done", 1.0)
    micro_grids = frames["micro_grids"]
    return Built(
        city=str(city),
        rows={layer: len(frame) for layer, frame in frames.items()},
        findings=findings,
        households=split.households,
        micro_grids=len(micro_grids),
        within_band=float(micro_grids["within_band"].mean()),
        street_share=split.street_share,
        wish=wish_of_plan(split.units["micro_grids"], split.buildings, settings.split.households),
    )


def compute(
    source: City,
    settings: CitySettings,
    norms: Norms,
    *,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> tuple[Frames, Findings, Split]:
    """Every layer of a city, computed from what was read; nothing is written.

    Parameters
    ----------
    source
        From `layers.read_city`.
    settings, norms
        The city's choices.
    engine
        As in `build`.
    progress
        Told what is being done.

    Returns
    -------
    frames, findings, split
        Frames by layer as the store keeps them (with `findings` among them), the findings, and the split.
    """
    findings = Findings(source.findings)
    _must_have(source)
    progress("splitting into micro-grids", 0.15)
    areas = {name: frame for name, frame in source.layers.items() if isinstance(frame, gpd.GeoDataFrame)}
    split = split_levels(
        areas, rules=settings.split.rules, code=source.code, name=source.name, mapper=engine.map if engine else map
    )
    findings.extend(split.findings)
    frames: Frames = dict(split.units)
    frames["buildings"] = split.buildings
    frames["cells"] = split.cells
    frames |= {layer: source.layers[layer] for layer in KEPT if layer in source.layers}
    micro_grids = _with_leaders(split.units["micro_grids"], frames.get("staff"))
    frames["micro_grids"] = micro_grids
    frames["grids"] = _with_leaders(split.units["grids"], frames.get("staff"))

    progress("attaching organizations, facilities and incidents", 0.55)
    coded = {layer: _coded(source.layers[layer], layer) for layer in ATTACHED if layer in source.layers}
    attached, odd = attach_layers({**source.layers, **coded}, micro_grids, nearest_m=settings.cover.nearest_m)
    frames |= attached
    findings.extend(odd)

    frames |= cover(only_valid(frames), norms, settings.cover, findings, progress=progress)
    frames["findings"] = findings.to_frame()
    return frames, findings, split


def keep(
    store: Store,
    frames: Frames,
    source: City,
    settings: CitySettings,
    split: Split,
    rows_in: dict[str, int],
) -> None:
    """Write all frames and the facts about the city into a store."""
    store.write_all(sorted(frames.items()))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    store.set_meta(
        name=source.name,
        made_at=now,
        gridmap_version=gridmap.__version__,
        seed=str(settings.split.seed),
        settings=settings.to_json(),
        households_in=str(split.households),
        rows_in=json.dumps(rows_in, sort_keys=True),
        street_share=f"{split.street_share:.4f}",
    )


def _must_have(source: City) -> None:
    levels = [name for name in ("districts", "streets", "communities", "grids", "micro_grids") if name in source.layers]
    if not any(len(source.layers[name]) for name in levels):
        raise MissingLayer(
            f"city {source.name!r} has no outline; add a layer districts, streets, communities or grids with its area"
        )
    if "buildings" not in source.layers or not len(source.layers["buildings"]):
        raise MissingLayer(f"city {source.name!r} has no buildings; add a layer 'buildings' with footprints")


def _coded(things: gpd.GeoDataFrame, layer: str) -> gpd.GeoDataFrame:
    """The things with a code each; new ones count on from the rows of the file."""
    codes = things["code"].astype("object").where(things["code"].notna(), None)
    letter = layer[0].upper()
    taken = set(codes.dropna())
    made = (f"{letter}{number:06d}" for number in range(1, 2 * len(things) + 2))
    free = iter([code for code in made if code not in taken])
    return things.assign(code=pd.Series([code if code is not None else next(free) for code in codes], dtype="object"))


def _with_leaders(units: gpd.GeoDataFrame, staff: pd.DataFrame | None) -> gpd.GeoDataFrame:
    """Units with the leader that the staff table names for their code, where the unit itself names none."""
    if staff is None or not len(staff):
        return units
    leads = staff[staff["role"].astype("string").isin(LEADERS)]
    by_area = leads.drop_duplicates("area").set_index("area")["name"]
    return units.assign(leader=units["leader"].where(units["leader"].notna(), units["code"].map(by_area)))


#: Roles in a staff table that lead a unit, in both languages.
LEADERS: Sequence[str] = ("grid_leader", "micro_grid_leader", "网格长", "微网格长")
