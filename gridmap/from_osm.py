"""An OpenStreetMap extract to a city folder: outline, buildings with households, streets, and what stands along them.

GDAL's OSM driver reads `.osm.pbf` and `.osm` (also packed with gzip); `osmconf.ini` beside this file says which tags it
gives. Kinds come from `layers/osm_kinds.yaml`,
    households from `osm_households`. Data of OpenStreetMap is under the ODbL:
maps made of it say "© OpenStreetMap contributors, ODbL".
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from gridmap.osm_households import households_of
from layers.city_file import CITY_TOML
from layers.datum import metric_crs
from layers.errors import BadFile, WrongCall
from layers.findings import Findings
from layers.kinds import OTHER, kind_rules, kinds_of
from layers.schema import layer

__all__ = ["FromOsm", "from_osm"]

#: Endings of extracts.
EXTRACTS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
#: OpenStreetMap's level -> ours, where the areas of that level fill the outline.
_LEVELS = {"8": "streets", "10": "communities"}
#: Areas of a level must fill so much of the outline to count as a level.
_FILLED = 0.98
_GATES = (  # barriers that are points and that one walks through
    "gate", "entrance", "lift_gate", "swing_gate", "sliding_gate", "kissing_gate", "turnstile", "full-height_turnstile",
)
_WALKABLE = (
    "motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential", "living_street", "service",
    "pedestrian", "footway", "path", "steps", "cycleway", "track", "road", "bridleway", "corridor", "motorway_link",
    "trunk_link", "primary_link", "secondary_link", "tertiary_link",
)  # fmt: skip
_RAIL = ("rail", "light_rail", "subway", "tram", "narrow_gauge", "monorail")


@dataclass
class FromOsm:
    """What was written: rows by layer, what the outline is, and what was odd."""

    folder: Path
    rows: dict[str, int]
    outline: str
    households: int
    findings: Findings = field(default_factory=Findings)


def from_osm(
    extract: str | Path,
    folder: str | Path,
    *,
    within: str | None = None,
    progress: Callable[[str, float], None] = lambda _doing, _share: None,
) -> FromOsm:
    """Write a city folder from an OpenStreetMap extract.

    Parameters
    ----------
    extract
        `.osm.pbf`, `.osm` or `.osm.gz`.
    folder
        Made where it is not there; layers already in it are never replaced.
    within
        Name of an administrative area in the extract that is the outline; None for the smallest that holds nine tenths
        of its buildings and lies in its box for the larger part, else the box.
    progress
        Told what is being done.

    Returns
    -------
    FromOsm. The folder holds a GeoPackage a layer (longitude and latitude on WGS 84) and `city.toml`; every building
    has `households` and `households_basis`, the rule that gave them.

    Raises
    ------
    BadFile
        No OpenStreetMap data, or damaged.
    WrongCall
        The folder holds layers already, or has no area of that name.
    """
    extract, folder = Path(extract), Path(folder)
    if not extract.is_file():
        raise BadFile(f"cannot read {extract}: there is no such file; check its path")
    if not extract.name.lower().endswith(EXTRACTS):
        raise BadFile(f"cannot read {extract.name}: an extract ends in {', '.join(EXTRACTS)}")
    taken = [path.name for path in folder.glob("*.gpkg")] + [p.name for p in folder.glob(CITY_TOML)]
    if taken:
        raise WrongCall(f"{folder} holds {', '.join(sorted(taken)[:5])} already; take an empty folder")
    findings = Findings()
    progress("reading points", 0.05)
    points = _read(extract, "points", findings)
    progress("reading lines", 0.2)
    lines = _read(extract, "lines", findings)
    progress("reading areas", 0.4)
    areas = _read(extract, "multipolygons", findings)
    if not len(points) and not len(lines) and not len(areas):
        raise BadFile(f"{extract.name} holds no node, way or relation of OpenStreetMap; take another extract")
    outline, said = _outline(areas, _box(extract, points, lines), within, findings)
    progress("sorting", 0.7)
    layers = _layers(points, lines, areas, outline, findings)
    layers = {name: frame for name, frame in layers.items() if len(frame)}
    progress("writing", 0.85)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in layers.items():
            frame.reset_index(drop=True).to_file(folder / f"{name}.gpkg", layer=name, driver="GPKG")
        (folder / CITY_TOML).write_text(_toml(extract.name, said), encoding="utf-8")
    except OSError as error:
        raise WrongCall(f"cannot write to {folder}: {error.strerror}; take another folder") from None
    rows = {name: len(frame) for name, frame in layers.items()}
    return FromOsm(folder, rows, said, int(layers["buildings"]["households"].sum()) if "buildings" in layers else 0,
        findings)


def _toml(extract: str, outline: str) -> str:
    name = outline.replace("\\", "").replace('"', "")
    return (
        f'# Made from {extract.encode("ascii", "replace").decode()} by gridmap from-osm.\n'
        "# Data © OpenStreetMap contributors, ODbL 1.0: say so on every map.\n"
        "# Households are estimated; households_basis of each building says by which rule.\n"
        f'[city]\nname = "{name}"\ndatum = "wgs84"\n'
    )


def _read(extract: Path, what: str, findings: Findings) -> gpd.GeoDataFrame:
    """One of GDAL's layers; ways whose ring is broken are left out and said."""
    source = f"/vsigzip/{extract}" if extract.suffix == ".gz" else str(extract)
    with as_file(files("gridmap") / "osmconf.ini") as conf, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frame = pyogrio.read_dataframe(source, layer=what, CONFIG_FILE=str(conf), on_invalid="ignore")
        except (RuntimeError, ValueError, OSError) as error:
            text = str(error).split("; ")[0].replace(f"{extract.parent}/", "")
            raise BadFile(f"cannot read {extract.name}: {text}; fetch the extract again") from None
    lost = shapely.is_missing(frame.geometry.array) | shapely.is_empty(frame.geometry.array)
    if lost.any():
        findings.add(
            "", "broken_way", f"{int(lost.sum())} {what} have no usable geometry", "left out", level="note",
                file=extract
        )  # fmt: skip
    frame = frame[~lost].reset_index(drop=True)
    for name in frame.columns:
        if name != "geometry":
            frame[name] = frame[name].astype("str").where(frame[name].notna()).astype("str")
    return frame


def _box(extract: Path, points: gpd.GeoDataFrame, lines: gpd.GeoDataFrame) -> shapely.Polygon:
    """The extract's box: what its header says, else where its points lie (ways reach beyond)."""
    source = f"/vsigzip/{extract}" if extract.suffix == ".gz" else str(extract)
    bounds = pyogrio.read_info(source, layer="points").get("total_bounds")
    if bounds is None or not np.isfinite(bounds).all():
        bounds = (points if len(points) else lines).total_bounds
    return shapely.box(*bounds)


def _outline(
    areas: gpd.GeoDataFrame, box: shapely.Polygon, within: str | None, findings: Findings
) -> tuple[gpd.GeoDataFrame, str]:
    """The one district, and what it is called."""
    admin = areas[(areas["boundary"] == "administrative") & areas["name"].notna()]
    if within is not None:
        found = admin[(admin["name"] == within) | (admin["name_zh"] == within)]
        if not len(found):
            names = ", ".join(sorted(set(admin["name"]))[:20]) or "no administrative area"
            raise WrongCall(f"the extract has no area {within!r}; it has {names}")
    else:
        found = admin[_holds_the_extract(areas, admin, box)]
    if len(found):
        best = found.iloc[[int(np.argmin(shapely.area(np.asarray(found.geometry.array))))]]
        shape, name = shapely.make_valid(best.geometry.iloc[0], method="structure"), str(best["name"].iloc[0])
    else:
        shape, name = box, "extract"
        findings.add(
            "districts", "outline_is_box", "no administrative area is what the extract shows",
            "the extract's box is the outline", level="note",
        )  # fmt: skip
    return gpd.GeoDataFrame({"name": [name]}, geometry=[shape], crs=4326), name


def _holds_the_extract(areas: gpd.GeoDataFrame, admin: gpd.GeoDataFrame, box: shapely.Polygon) -> list[bool]:
    """Which administrative areas are what the extract shows: most buildings in them, and most of them in its box."""
    homes = shapely.centroid(np.asarray(areas.geometry.array[areas["building"].notna()]))
    holds = []
    for shape in shapely.make_valid(np.asarray(admin.geometry.array), method="structure"):  # few, each of many corners
        shapely.prepare(shape)
        inside = shapely.within(homes, shape).mean() if len(homes) else 0.0
        holds.append(bool(inside >= 0.9 and shape.intersection(box).area >= 0.5 * shape.area))
    return holds


def _layers(
    points: gpd.GeoDataFrame, lines: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, outline: gpd.GeoDataFrame,
    findings: Findings,
) -> dict[str, gpd.GeoDataFrame]:  # fmt: skip
    """Everything sorted into gridmap's layers."""
    ground = outline.geometry.iloc[0]
    shapely.prepare(ground)
    layers: dict[str, gpd.GeoDataFrame] = {"districts": outline}
    admin = areas[(areas["boundary"] == "administrative") & areas["name"].notna()]
    for number, name in _LEVELS.items():
        level = admin[admin["admin_level"] == number]
        level = level[shapely.within(shapely.point_on_surface(np.asarray(level.geometry.array)), ground)]
        filled = shapely.area(shapely.intersection(shapely.union_all(np.asarray(level.geometry.array)), ground))
        if len(level) > 1 and filled >= _FILLED * shapely.area(ground):
            layers[name] = level[["name", "geometry"]]
    middle = shapely.point_on_surface(np.asarray(areas.geometry.array))
    inside = shapely.within(middle, ground)
    is_building = areas["building"].notna() & (areas["building"] != "no")
    buildings = areas[is_building & inside].reset_index(drop=True)
    layers["buildings"] = _buildings(buildings, areas)
    near = shapely.intersects(np.asarray(lines.geometry.array), ground)
    near_area = shapely.intersects(np.asarray(areas.geometry.array), ground)
    roads = lines[lines["highway"].isin(_WALKABLE) & near].rename(columns={"highway": "class"})
    layers["roads"] = roads[["name", "class", "oneway", "foot", "access", "bridge", "tunnel", "layer", "geometry"]]
    walls = lines[(lines["barrier"].notna() | lines["railway"].isin(_RAIL)) & near]
    layers["barriers"] = _kinded(walls, "barriers", ["name", "bridge", "tunnel", "layer"], findings)
    gates = points[points["barrier"].isin(_GATES) & shapely.within(np.asarray(points.geometry.array), ground)]
    layers["gates"] = gates.rename(columns={"barrier": "kind"})[["name", "kind", "access", "geometry"]]
    wet = pd.concat([
        areas[(areas["natural"].eq("water") | areas["water"].notna() | areas["landuse"].isin(["basin",
            "reservoir"])) & near_area],
        lines[lines["waterway"].notna() & near],
    ])  # fmt: skip
    layers["water"] = _kinded(wet, "water", ["name"], findings)
    park = areas["leisure"].isin(["park", "garden", "pitch", "playground", "nature_reserve", "golf_course"])
    park |= areas["landuse"].isin(["forest", "grass", "meadow", "recreation_ground", "village_green", "cemetery"])
    park |= areas["natural"].isin(["wood", "scrub", "grassland"])
    layers["green"] = _kinded(areas[park & near_area & ~is_building], "green", ["name"], findings)
    homes = areas[areas["landuse"].eq("residential") & areas["name"].notna() & inside]
    layers["estates"] = homes.assign(kind="estate")[["name", "kind", "geometry"]]
    stops = points[shapely.within(np.asarray(points.geometry.array), ground)]
    spots = areas[inside].set_geometry(middle[inside], crs=4326)
    layers["facilities"] = _things(stops, spots, "facilities", findings)
    layers["organizations"] = _things(stops, spots, "organizations", findings)
    return layers


def _buildings(buildings: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Footprints with levels, use and estimated households."""
    if not len(buildings):
        return buildings
    west, south, east, north = buildings.total_bounds
    crs = metric_crs((west, south, east, north))
    metres = buildings.to_crs(crs)
    landuse = areas[areas["landuse"].notna() & ~areas["building"].notna()].to_crs(crs)
    estimated = households_of(metres, landuse)
    number = buildings["osm_way_id"].where(buildings["osm_way_id"].notna(), "r" + buildings["osm_id"].astype("str"))
    address = (buildings["addr_street"].fillna("") + " " + buildings["addr_housenumber"].fillna("")).str.strip()
    made = gpd.GeoDataFrame(
        {
            "code": number.astype("str"), "name": buildings["name"], "use": buildings["building"],
            "levels": estimated["levels"], "households": estimated["households"],
            "households_basis": estimated["basis"], "address": address.mask(address == ""),
        },
        geometry=buildings.geometry.array, crs=4326,
    )
    return made.drop_duplicates("code")


def _kinded(frame: pd.DataFrame, name: str, columns: list[str], findings: Findings) -> gpd.GeoDataFrame:
    """Lines and areas with the kind that the packaged rules give."""
    frame = gpd.GeoDataFrame(frame.reset_index(drop=True), geometry="geometry", crs=4326)
    if not len(frame):
        return frame
    kinds = _kinds(frame, name, findings)
    return frame.assign(kind=kinds)[["kind", *(c for c in columns if c in frame.columns), "geometry"]]


def _kinds(frame: gpd.GeoDataFrame, name: str, findings: Findings) -> pd.Series:
    quiet = Findings()
    numbered = frame.assign(source_row=range(1, len(frame) + 1))
    return kinds_of(numbered, layer(name), kind_rules("osm", layer(name)), findings=quiet)


def _things(
    stops: gpd.GeoDataFrame, spots: gpd.GeoDataFrame, name: str, findings: Findings
) -> gpd.GeoDataFrame:
    """Points, and the middle of areas, that the rules know a kind for; things without a name get that of their kind."""
    both = gpd.GeoDataFrame(pd.concat([stops, spots], ignore_index=True), geometry="geometry", crs=4326)
    if not len(both):
        return both
    kinds = _kinds(both, name, findings)
    both = both.assign(kind=kinds)[(kinds != OTHER).to_numpy()]
    unnamed = int(both["name"].isna().sum())
    if unnamed:
        findings.add(
            name, "no_name", f"{unnamed} of {len(both)} {name} have no name", "called by their kind", level="note"
        )  # fmt: skip
    address = (both["addr_street"].fillna("") + " " + both["addr_housenumber"].fillna("")).str.strip()
    made = gpd.GeoDataFrame(
        {
            "name": both["name"].where(both["name"].notna(), both["kind"]), "kind": both["kind"],
            "hours": both["opening_hours"], "address": address.mask(address == ""),
        },
        geometry=both.geometry.array, crs=4326,
    )
    if name == "organizations":
        made = made.drop(columns="hours")
    # a school is often both a point and an area: the same name and kind within a few metres is one thing
    return made.assign(place=made.geometry.to_wkb()).drop_duplicates(["name", "kind", "place"]).drop(columns="place")
