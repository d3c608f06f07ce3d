"""Walks and capacity on real districts, beside networkx, node snapping, straight lines, and PySAL's access.

Data © OpenStreetMap contributors, ODbL; hexagons of Porto Alegre: Brazil's census and ministries, by r5r.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from scipy.spatial import cKDTree

from gridmap.access.catchment import STEPS, two_step
from gridmap.access.frames import spots
from gridmap.access.network import WalkNetwork, build_network
from gridmap.access.reach import nearest_of_kinds, place
from gridmap.access.snap import Snapped, snap
from gridmap.access.walk import DETOUR, usable_sites, walk_distances, walk_pairs

pytestmark = pytest.mark.district

KINDS = ["toilets", "pharmacy", "kindergarten", "school", "restaurant", "bank"]


def to_nodes(network: WalkNetwork, xy: np.ndarray) -> Snapped:
    """Places put on the nearest node, as most tools do, their access legs as they are to the street."""
    at = network.points_on(network.stops.line, network.stops.metres)
    _, stop = cKDTree(at).query(xy)
    nothing = np.zeros(len(xy), dtype=np.bool_)
    return Snapped(line=network.stops.line[stop], metres=network.stops.metres[stop], leg=snap(network, xy).leg,
                   around=nothing, through=nothing, via=np.full((len(xy), 2), np.nan))


@pytest.mark.parametrize(
    ("name", "crs", "node_m", "false_share"),
    [("taichung_xitun", "EPSG:32651", 5.0, 0.05), ("monaco", "EPSG:32632", 5.0, 0.05)],
)
def test_five_hundred_doors_agree_with_brute_force_and_differ_from_cheaper_ways(
    shared_data: Path, reference, name, crs, node_m, false_share
):
    path = shared_data / name / f"{name}.gpkg"
    layers = {layer: gpd.read_file(path, layer=layer).to_crs(crs) for layer in ("buildings", "roads", "pois")}
    buildings = layers["buildings"]
    doors = buildings.sample(min(500, len(buildings)), random_state=1).sort_index()
    facilities = layers["pois"].loc[layers["pois"]["amenity"].isin(KINDS)].rename(columns={"amenity": "kind"})
    roads = layers["roads"].rename(columns={"highway": "class"})
    found = walk_distances(doors, facilities, roads)
    expected = reference(doors, facilities, roads)
    assert (found.isna() == expected.isna()).all(axis=None)
    assert np.nanmax(np.abs(found.to_numpy() - expected.to_numpy())) < 1e-6
    assert found.notna().to_numpy().mean() > 0.9

    network, sites = build_network(roads), usable_sites(facilities)
    on_nodes = [place(network, to_nodes(network, xy)) for xy in (spots(doors), sites.xy)]
    at = on_nodes[1].in_order_of_rows()
    metres, _ = nearest_of_kinds(network, on_nodes[0], at, sites.kind, len(sites.kinds), np.inf)
    by_node = np.full((len(doors), len(sites.kinds)), np.nan)
    by_node[on_nodes[0].row] = np.where(np.isfinite(metres), metres, np.nan).T
    assert np.nanmean(np.abs(by_node - found.to_numpy())) > node_m
    straight = walk_distances(doors, facilities, None).to_numpy() / DETOUR
    false = (straight <= 300) & ~(found.to_numpy() <= 300)
    assert false.sum() / (straight <= 300).sum() > false_share
    print(f"\n{name}: node snapping differs by {np.nanmean(np.abs(by_node - found.to_numpy())):.1f} m on average, "
          f"{np.nanmax(np.abs(by_node - found.to_numpy())):.0f} m at most; of walks within 300 m in a straight line "
          f"{false.sum() / (straight <= 300).sum():.1%} are farther on foot")


def test_catchment_areas_of_porto_alegre_equal_pysal(shared_data: Path):
    from access.fca import two_stage_fca
    from access.weights import step_fn

    folder = shared_data / "porto_alegre_access"
    hexagons = pd.read_csv(folder / "poa_hexgrid.csv")
    centres = gpd.GeoDataFrame(
        hexagons, geometry=gpd.points_from_xy(hexagons["lon"], hexagons["lat"]), crs="EPSG:4326"
    ).to_crs("EPSG:32722")
    ways = pyogrio.read_dataframe(
        folder / "poa_osm.pbf", layer="lines", columns=["highway"], where="highway IS NOT NULL"
    )
    network = build_network(ways.rename(columns={"highway": "class"}).to_crs("EPSG:32722"))
    clinics = centres[centres["healthcare"] > 0].assign(code=lambda frame: frame["id"])
    pairs = walk_pairs(centres, clinics, network, limit_m=3000.0)
    assert len(pairs) > 2000

    ids = hexagons["id"].to_numpy()
    costs = pd.DataFrame({"origin": ids[pairs["building"]], "dest": pairs["facility"], "cost": pairs["metres"]})
    demand = hexagons.set_index("id")[["population"]].rename(columns={"population": "demand"}).rename_axis("geoid")
    supply = clinics.set_index("id")[["healthcare"]].rename(columns={"healthcare": "supply"}).rename_axis("geoid")
    place_of = pairs["building"].to_numpy()
    site_of = pd.Index(clinics["id"]).get_indexer(pairs["facility"])
    for steps in ({3000.0: 1.0}, {3000.0 * at: weight for at, weight in STEPS.items()}):
        own = two_step(
            hexagons["population"].to_numpy(float), clinics["healthcare"].to_numpy(float), (place_of, site_of),
            pairs["metres"].to_numpy(), steps=steps,
        )
        theirs = two_stage_fca(demand, supply, costs, max_cost=3000.0, weight_fn=step_fn(steps))
        theirs = theirs.reindex(ids).fillna(0.0).replace(np.inf, 0.0).to_numpy()
        assert (own > 0).sum() > 500
        np.testing.assert_allclose(own, theirs, rtol=1e-9, atol=0)
