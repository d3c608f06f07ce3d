"""Real districts read as gridmap reads them (data © OpenStreetMap contributors, ODbL)."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

DISTRICTS = (
    "monaco", "nanjing_xinjiekou", "beijing_wudaokou", "shanghai_lujiazui", "taichung_xitun", "baltimore",
    "liechtenstein",
)  # fmt: skip
#: Layer that the given units of a bundle stand for, and which rows of `boundary` they are.
GIVEN = {
    "monaco": ("communities", "kind = 'admin'"),
    "liechtenstein": ("communities", "kind = 'admin' AND admin_level = '8' AND name IS NOT NULL"),
    "nanjing_xinjiekou": ("districts", "kind = 'county_clipped_to_extract'"),
    "beijing_wudaokou": ("districts", "kind = 'county_clipped_to_extract'"),
    "shanghai_lujiazui": ("districts", "kind = 'county_clipped_to_extract'"),
}


def read(bundle: Path, *, outline: str = "box") -> dict[str, gpd.GeoDataFrame]:
    """Layers of a bundle in its UTM zone, named as gridmap names them.

    `outline` is "box" (the extract's box, one outline) or "given" (the wards, municipalities or counties of it).
    """
    box = pyogrio.read_dataframe(bundle, layer="boundary", where="kind = 'extract_bbox'")
    crs = box.estimate_utm_crs()
    if outline == "given":
        level, where = GIVEN[bundle.stem]
        units = pyogrio.read_dataframe(bundle, layer="boundary", where=where)
        layers = {level: units[["name", "geometry"]].to_crs(crs)}
    else:
        layers = {"districts": box.to_crs(crs)}
    names = set(pyogrio.list_layers(bundle)[:, 0])
    for name in ("buildings", "roads", "barriers", "water", "waterways"):
        if name in names:
            layers[name] = pyogrio.read_dataframe(bundle, layer=name).to_crs(crs)
    layers["roads"] = layers["roads"].rename(
        columns={"highway": "class", "is_bridge": "bridge", "is_tunnel": "tunnel"}
    )
    if "barriers" in layers and "kind" in layers["barriers"]:
        # Vector tiles keep ferries and paths beside the rails.
        layers["barriers"] = layers["barriers"].query("kind == 'rail'")[["kind", "is_tunnel", "geometry"]].rename(
            columns={"is_tunnel": "tunnel"}
        )
    if "waterways" in layers:
        # Rivers and streams are lines of the layer water; `kind` says which.
        lines = layers.pop("waterways")
        lines["kind"] = lines["waterway"]
        areas = layers.get("water")
        layers["water"] = lines if areas is None else pd.concat([areas, lines], ignore_index=True)
    buildings = layers["buildings"]
    buildings["levels"] = buildings["levels_est"]
    units = next(iter(layers.values()))
    spots = gpd.GeoDataFrame(geometry=buildings.representative_point())
    inside = spots.sjoin(units[["geometry"]], predicate="within").index.unique()
    buildings = buildings[buildings.index.isin(inside)].reset_index(drop=True)
    buildings["code"] = buildings["osm_id"].astype(str)
    buildings["households"] = buildings["households"].fillna(0).astype(int)
    layers["buildings"] = buildings
    return {name: frame.reset_index(drop=True) for name, frame in layers.items()}
