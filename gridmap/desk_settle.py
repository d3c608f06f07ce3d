"""Reports attached again after their layer was written anew, and what the desk shares with that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import geopandas as gpd
from sqlalchemy import or_, select

from gridmap.micro_grids.attach import attach
from gridmap.stores.incident_log import put_back
from gridmap.stores.single_rows import change_rows, open_table
from gridmap.stores.sql_store import SqlStore

__all__ = ["ATTACHED_COLUMNS", "attached_records", "settle", "units_of_today"]

#: Columns that attaching fills.
ATTACHED_COLUMNS = ("micro_grid", "grid", "community", "attached_by", "attach_distance_m")


def settle(store: SqlStore, *, nearest_m: float) -> int:
    """Attach the reports of the desk that were put back into a layer that others wrote: a build, an import, a split.

    Parameters
    ----------
    store
        An open store; within its transaction where one is open.
    nearest_m
        As for `gridmap.attach`.

    Returns
    -------
    How many were attached to the micro-grids of now.
    """
    with store.transaction() as connection:
        put_back(store, connection)
        found = open_table(store, connection, "incidents")
        units = units_of_today(store, None)
        if found is None or not len(units):
            return 0
        table, kept = found
        of = {name: table.c[kept[name].column] for name in ("code", "micro_grid", "grid", "attached_by")}
        rows = connection.execute(
            select(of["code"], of["micro_grid"], of["attached_by"], store._geometry_column(table))
            # a row that was put back knows at most the micro-grid that a person chose
            .where(or_(of["attached_by"].is_(None), of["attached_by"] == "manual"), of["grid"].is_(None))
            .where(of["code"].in_(select(store.control["incident_moves"].c.code)))
        ).all()
        if not rows:
            return 0
        codes = [row[0] for row in rows]
        things = gpd.GeoDataFrame(
            {"code": codes, "micro_grid": [row[1] for row in rows], "attached_by": [row[2] for row in rows]},
            geometry=store._geometries([row[3] for row in rows]), crs=store.crs_of(connection),
        )  # fmt: skip
        done = attached_records(attach(things, units, nearest_m=nearest_m))
        change_rows(store, connection, "incidents", zip(codes, done, strict=True))
        return len(codes)


def units_of_today(store: SqlStore, box: tuple[float, float, float, float] | None) -> gpd.GeoDataFrame:
    """The micro-grids in force today that meet a box; None for all."""
    today = datetime.now().astimezone().date()
    return gpd.GeoDataFrame(store.read("micro_grids", bbox=box, as_of=today))


def attached_records(attached: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """What attaching found, as plain values by row."""
    frame = attached[list(ATTACHED_COLUMNS)].astype("object")
    return frame.where(frame.notna(), None).to_dict("records")
