"""The first step: the tables of the store itself, and an empty table for every layer."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
from sqlalchemy import Connection

from gridmap.stores.frames import make_ready
from gridmap.stores.sql_store import SqlStore
from layers.schema import LAYERS


def run(store: SqlStore, connection: Connection) -> None:
    """Make the layers, each empty and with the columns of the schema."""
    for layer in LAYERS.values():
        frame = gpd.GeoDataFrame(geometry=[], crs=store.crs) if layer.geometry else pd.DataFrame()
        ready = make_ready(layer, frame, store.crs)
        store.fresh_layer(connection, ready, store.crs)
        store.put_kept(connection, layer.name, ready.kept)
