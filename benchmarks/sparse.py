"""An outline that is almost empty: a small town and some hamlets in wide fields."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from city import CRS, GRID, city, frame_of


def sparse(households: int = 3000, *, seed: int = 0, share: float = 0.01) -> dict[str, gpd.GeoDataFrame]:
    """A small town and some hamlets in an outline of which they fill only a share: fields, a lake, country roads.

    One district is given, no community; buildings lie on `share` of it.
    """
    layers = city(households, seed=seed)
    rng = np.random.default_rng([seed, 7])
    town = shapely.union_all(layers["communities"].geometry.to_numpy())
    side = float(np.sqrt(town.area / share))
    west, south = shapely.bounds(town)[:2] - side * rng.uniform(0.35, 0.5, 2)
    turn = np.sort(rng.uniform(0, 2 * np.pi, 40))
    radius = side / 2 * (1 + 0.12 * np.sin(3 * turn + 1) + 0.05 * np.sin(7 * turn)) * 1.1
    middle = np.array([west, south]) + side / 2
    outline = shapely.Polygon(np.round(middle + np.column_stack([np.cos(turn), np.sin(turn)]) * radius[:, None], 3))
    outline = shapely.set_precision(shapely.union(outline, shapely.buffer(town, 200, join_style="mitre")), GRID)

    spots = middle + rng.uniform(-0.36, 0.36, (9, 2)) * side
    spots = spots[shapely.distance(shapely.points(spots), town) > 900][:6]
    hamlets: list[dict] = []
    lanes: list[dict] = []
    heart = np.array(town.centroid.coords[0])
    for spot in spots:
        count = int(rng.integers(5, 14))
        across = spot + rng.uniform(-90, 90, (count, 2))
        homes = shapely.box(*(across - 5).T, *(across + rng.uniform(4, 7, (count, 2))).T)
        clear = np.array([not shapely.intersects(homes[:n], homes[n]).any() for n in range(count)], dtype=bool)
        for home in shapely.set_precision(homes[clear], GRID):
            people = int(rng.integers(1, 3))
            facts = {"use": "house", "levels": 2, "households": people, "residents": 3 * people}
            hamlets.append({**facts, "geometry": home})
        bend = (spot + heart) / 2 + rng.uniform(-300, 300, 2)
        lanes.append({"class": "unclassified", "geometry": shapely.LineString(np.round([spot, bend, heart], 3))})
    through = np.array([[-1.2, rng.uniform(-0.3, 0.3)], [0, rng.uniform(-0.1, 0.1)], [1.2, rng.uniform(-0.3, 0.3)]])
    country = shapely.intersection(shapely.LineString(middle + through * side / 2), outline)
    lanes += [{"class": "secondary", "geometry": line} for line in shapely.get_parts(country)]
    roads = shapely.union_all([row["geometry"] for row in lanes])
    free = shapely.points(middle + rng.uniform(-0.35, 0.35, (40, 2)) * side)
    shore = free[np.argmax(shapely.distance(free, shapely.union(roads, town)))]
    turn = np.linspace(0, 2 * np.pi, 60)[:-1]
    wide = side * 0.05 * (1 + 0.25 * np.sin(2 * turn + 1) + 0.12 * np.sin(5 * turn))
    ring = shapely.get_coordinates(shore) + np.column_stack([np.cos(turn), np.sin(turn)]) * wide[:, None]
    lake = shapely.Polygon(ring)
    lake = shapely.set_precision(shapely.intersection(lake, outline), GRID)

    buildings = pd.concat([layers["buildings"], frame_of(hamlets)], ignore_index=True)
    buildings["code"] = [f"B{number:06d}" for number in range(1, len(buildings) + 1)]
    outside = [
        {"class": row["class"], "geometry": line}
        for row in lanes
        for line in shapely.get_parts(shapely.difference(row["geometry"], town))
    ]
    water = [{"kind": "lake", "name": "大湖", "geometry": lake}]
    district = {"code": "990101", "name": "示例县", "households": int(buildings["households"].sum())}
    return {
        "districts": frame_of([{**district, "geometry": outline}]),
        "buildings": gpd.GeoDataFrame(buildings, crs=CRS),
        "roads": gpd.GeoDataFrame(pd.concat([layers["roads"], frame_of(outside)], ignore_index=True), crs=CRS),
        "water": gpd.GeoDataFrame(pd.concat([layers["water"], frame_of(water)], ignore_index=True), crs=CRS),
        **{name: layers[name] for name in ("estates", "barriers", "green")},
    }
