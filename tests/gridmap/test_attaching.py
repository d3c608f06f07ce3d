"""Attaching after a border has moved: only what it touches is looked at, with the answer of attaching everything."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import gridmap.attaching
from gridmap.attaching import attach_layers

CRS = "EPSG:4549"
GRID = "330483001001001"


def columns(edges: list[float]) -> gpd.GeoDataFrame:
    """Micro-grids side by side, 100 m high, with borders at the edges."""
    pairs = list(pairwise(edges))
    return gpd.GeoDataFrame(
        {"code": [f"{GRID}{at + 1:03d}" for at in range(len(pairs))]},
        geometry=[shapely.box(west, 0, east, 100) for west, east in pairs], crs=CRS,
    )


def test_a_moved_border_asks_only_what_lies_by_it(monkeypatch):
    rng = np.random.default_rng(0)
    shops = gpd.GeoDataFrame(
        {"code": [f"s{n}" for n in range(500)], "kind": "shops"},
        geometry=gpd.points_from_xy(rng.uniform(0, 1000, 500), rng.uniform(-20, 120, 500)), crs=CRS,
    )
    before, now = columns([0, 200, 400, 600, 800, 1000]), columns([0, 200, 400, 640, 800, 1000])
    first, _ = attach_layers({"facilities": shops}, before, nearest_m=50)
    asked: list[int] = []
    changes = gridmap.attaching.attach_changes

    def counted(*given, **more):
        done = changes(*given, **more)
        asked.append(done.attrs["attached_again"])
        return done

    monkeypatch.setattr(gridmap.attaching, "attach_changes", counted)
    kept, _ = attach_layers({"facilities": first["facilities"]}, now, nearest_m=50, before=before)
    again, _ = attach_layers({"facilities": shops}, now, nearest_m=50)
    assert len(asked) == 1 and 150 < asked[0] < 300  # those in and around the two columns that changed
    for name in ("facilities", "border_inbox", "overlaps"):
        pd.testing.assert_frame_equal(pd.DataFrame(kept[name]), pd.DataFrame(again[name]))
    assert (kept["facilities"]["micro_grid"] != first["facilities"]["micro_grid"]).sum() > 0
