"""Ground that hard lines cut off: a yard between tracks is one tract, not tentacles of its neighbours."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.split import split_levels
from gridmap.micro_grids.unpeopled import tracts, unpeopled
from tests.figures import bounding_lines, crossings
from tests.gridmap.micro_grids.houses import CRS, frame, houses


def row(households: list[int], area: list[float], open_: list[bool]) -> CellGraph:
    """Cells in a row, each beside the next over 30 m."""
    count = len(area)
    load, edges = np.array(households, dtype=np.int64), np.arange(count - 1)
    return CellGraph(
        load, load, np.array(area), 4 * np.sqrt(np.array(area)), edges, edges + 1, np.full(count - 1, 30.0),
        np.zeros(count - 1), np.zeros(count - 1), np.array(open_, dtype=bool),
    )  # fmt: skip


def test_a_yard_between_tracks_is_one_tract_near_homes_too() -> None:
    tracks = [shapely.LineString([(-10, y), (1010, y)]) for y in range(200, 310, 10)]
    layers = {
        "communities": frame([shapely.box(0, 0, 1000, 500)], code=["990101201001"]),
        "buildings": gpd.GeoDataFrame(
            [*houses(30, 2, 4, x=20, y=130).to_dict("records"), *houses(30, 2, 4, x=20, y=310).to_dict("records")],
            crs=CRS,
        ),
        "barriers": frame(tracks, kind=["rail"] * len(tracks)),
    }
    split = split_levels(layers)
    micro_grids = split.units["micro_grids"]
    assert not crossings(micro_grids, split.buildings, bounding_lines(layers).hard).any()
    assert micro_grids.query("households > 0")["within_band"].all()
    between = micro_grids.clip(frame([shapely.box(0, 200, 1000, 300)]))
    yard = between[between.area > 1.0]
    # All of the yard is one unpeopled micro-grid; nobody's micro-grid reaches into it along the tracks.
    assert len(yard) == 1 and yard["households"].iat[0] == 0 and yard.area.iat[0] > 99_000


def test_a_small_tract_joins_the_one_beside_it_over_a_hard_line() -> None:
    graph = row([0, 0, 0, 20], [12_000.0, 1200.0, 1700.0, 900.0], [False, False, True])
    assert tracts(graph, graph.households == 0, 10_000.0).tolist() == [0, 0, 0, -1]
    assert tracts(graph, graph.households == 0, 100.0).tolist() == [0, 1, 2, -1]


def test_a_way_crosses_a_hard_line_only_where_it_may() -> None:
    # Five households, a yard behind a railway, and a town.
    graph = row([5, 0, 60], [2000.0, 20_000.0, 9000.0], [True, False])
    far = np.array([False, True, False])
    rules = {"low": 15, "least_m2": 10_000.0, "wide_m2": 60_000.0}
    assert unpeopled(graph, far, **rules).tolist() == [False, True, False]
    assert unpeopled(graph, far, **rules, cross=True).tolist() == [False, False, False]
    assert unpeopled(graph, far, **{**rules, "wide_m2": 25_000.0}, cross=True).tolist() == [False, True, False]
