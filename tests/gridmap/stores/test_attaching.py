"""Attaching gives the same answer whichever store keeps the city."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridmap.rework import attach_again
from gridmap.stores import create_store, open_store

CRS = "EPSG:4549"
LAYERS = ("organizations", "facilities", "border_inbox", "overlaps")


@pytest.mark.postgis
def test_both_stores_attach_alike(tmp_path, fresh_schema, town):
    teams = gpd.GeoDataFrame(
        {"code": ["t1", "t2", "t3"], "name": ["一", "二", "三"], "kind": "volunteer_team",
         "service_area": ["330483001001", "60 m", None]},
        geometry=[shapely.Point(10, 10), shapely.Point(200, 50), shapely.Point(410, 50)], crs=CRS,
    )
    sites = gpd.GeoDataFrame(
        {"code": ["f1", "f2", "f3", "f4"], "name": "所", "kind": "park"},
        geometry=[shapely.Point(100, 0), shapely.Point(101.25, 7), shapely.box(150, 0, 250, 100),
                  shapely.Point(999, 999)], crs=CRS,
    )
    read = []
    for url in (str(tmp_path / "a.gpkg"), fresh_schema()):
        with create_store(url, crs=CRS) as store:
            store.write_all([*town.items(), ("organizations", teams), ("facilities", sites)])
        counts = attach_again(url)
        with open_store(url) as store:
            read.append((counts, {name: store.read(name) for name in LAYERS}))
            # a thing in the inbox is seen from its own community alone
            assert len(store.read("border_inbox", within=("330483001002",))) < len(store.read("border_inbox"))
    (one, ours), (other, theirs) = read
    assert one == other
    assert one["border_inbox tie"] == 3 and one["border_inbox outside"] == 1
    for name in LAYERS:
        pd.testing.assert_frame_equal(pd.DataFrame(ours[name]), pd.DataFrame(theirs[name]))
    shares = ours["overlaps"].set_index(["code", "micro_grid"])["share_of_micro_grid"]
    assert shares["t1"].tolist() == [1.0, 1.0]
    assert shares["f3"].tolist() == [0.5, 0.5]
