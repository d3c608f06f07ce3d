"""Pages of incidents: the same as filtering and sorting a frame, and found by the index that was made for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import event, text

from gridmap.stores import create_store, incident_rows, migrate
from gridmap.stores.incident_rows import Asked, find_incidents
from gridmap.stores.sql_store import SqlStore
from layers.incidents import CLOSED, OPEN, STATES

CRS = "EPSG:4549"
INDEX = "ix_incidents_list"


@pytest.fixture(scope="module")
def frame() -> gpd.GeoDataFrame:
    """400 incidents of every sort: other people's states, no time, no place, several at the same minute."""
    rng, many = np.random.default_rng(7), 400
    units = [f"{grid}{n:03}" for grid in ("330483001001001", "330483001002001", "330484001001001") for n in range(3)]
    closed = rng.random(many) < 0.5
    return gpd.GeoDataFrame(
        {
            "code": [f"e{n}" for n in rng.permutation(many)],
            "category": rng.choice(np.array(["dispute", "环境", None], dtype=object), many),
            "status": rng.choice(np.array(["reported", "in_progress", "closed", "已办", None], dtype=object), many),
            "reported_at": pd.Series(pd.Timestamp("2026-03-01") + pd.to_timedelta(rng.integers(0, 90, many), unit="h"))
            .where(rng.random(many) < 0.9),
            "closed_at": pd.Series(pd.Timestamp("2026-04-01"), index=range(many)).where(closed),
            "micro_grid": rng.choice(np.array([*units, None], dtype=object), many),
            "text": rng.choice(np.array(["路灯坏了", "Garbage 100%", None], dtype=object), many),
        },
        geometry=shapely.points(rng.random((many, 2)) * 100), crs=CRS,
    )  # fmt: skip


@pytest.fixture
def store(url: str, frame: gpd.GeoDataFrame) -> Iterator[SqlStore]:
    with create_store(url, crs=CRS, name="玉溪里") as store:
        store.write("incidents", frame)
        yield store


@pytest.fixture
def in_file(tmp_path: Path, frame: gpd.GeoDataFrame) -> Iterator[SqlStore]:
    with create_store(tmp_path / "city.gpkg", crs=CRS) as store:
        store.write("incidents", frame)
        yield store


@pytest.fixture
def in_postgis(fresh_schema: Callable[[], str], frame: gpd.GeoDataFrame) -> Iterator[SqlStore]:
    with create_store(fresh_schema(), crs=CRS) as store:
        store.write("incidents", frame)
        yield store


def plainly(frame: gpd.GeoDataFrame, asked: Asked) -> list[str]:
    """Codes of what fits, in the order of the list, by reading every row."""
    status, closed = frame["status"].astype("object"), frame["closed_at"].notna() | frame["status"].isin(CLOSED)
    fits = frame["micro_grid"].map(lambda code: isinstance(code, str) and code.startswith(tuple(asked.within)))
    if "" in asked.within:
        fits[:] = True
    if asked.state in ("open", "closed"):
        fits &= closed == (asked.state == "closed")
    elif asked.state:
        own = status == asked.state
        own |= (asked.state == OPEN[0]) & ~status.isin(STATES)
        fits &= own & (closed == (asked.state in CLOSED))
    if asked.category:
        fits &= frame["category"] == asked.category
    if asked.text:
        fits &= frame["text"].map(lambda said: isinstance(said, str) and asked.text.lower() in said.lower())
    newest = frame[fits.astype(bool)].assign(row=lambda found: found.index)
    return list(newest.sort_values(["reported_at", "row"], ascending=False, na_position="last")["code"])


ASKED = [
    Asked(within=within, state=state, category=category, text=words)
    for within, state, category, words in product(
        [("",), ("330483",), ("330484001001001002", "330483001002"), ()],
        ["", "open", "closed", "reported", "archived"], ["", "环境"], ["", "100%"],
    )
]  # fmt: skip


def test_a_page_is_what_filtering_and_sorting_gives(
    store: SqlStore, frame: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {asked: plainly(frame, asked) for asked in ASKED}
    assert min(len(wanted[asked]) for asked in ASKED) == 0 and max(len(wanted[asked]) for asked in ASKED) == len(frame)
    for most, many, step in ((5_000, 20_000, 4), (20, 0, 0), (20, 0, 4), (20, 100, 1)):
        monkeypatch.setattr(incident_rows, "MOST_COUNTED", most)
        monkeypatch.setattr(incident_rows, "_MANY", many)
        monkeypatch.setattr(incident_rows, "_STEP", step)
        for asked in ASKED:
            found = find_incidents(store, asked, limit=25, offset=14)
            assert [row["code"] for row in found.rows] == wanted[asked][14:39], (asked, most, many, step)
            assert found.total == min(len(wanted[asked]), most + 1), asked


def test_a_list_is_counted_and_sorted_without_the_table(in_file: SqlStore) -> None:
    store = in_file
    ran: list[tuple[str, Any]] = []
    with store.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *sent: ran.append((sent[2], sent[3])))
        with store._holding(connection):
            find_incidents(store, Asked(within=("330483001",), state="open", category="环境"), limit=5)
        looked = [sent for sent in ran if "incidents" in sent[0] and "LIMIT" in sent[0]]
        counting, sorting = (
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
            for sql, values in looked[:2]
        )
    search = f"SEARCH incidents USING COVERING INDEX {INDEX} (micro_grid>? AND micro_grid<?)"
    assert search in counting and search in sorting


@pytest.mark.postgis
def test_the_newest_are_walked_along_their_index(in_postgis: SqlStore) -> None:
    newest = "SELECT code FROM {} ORDER BY reported_at DESC NULLS LAST, fid DESC LIMIT 5"
    with in_postgis.reading() as connection:
        connection.execute(text("SET LOCAL enable_sort = off"))  # 400 rows are sorted faster
        plan = connection.execute(text("EXPLAIN " + newest.format(f'"{in_postgis.schema}".incidents'))).scalars().all()
    assert any("ix_incidents_newest" in line for line in plan), plan


def test_a_city_of_before_gets_the_index(store: SqlStore, frame: gpd.GeoDataFrame) -> None:
    asked = Asked(within=("330483",), state="open")
    before = find_incidents(store, asked, limit=9)
    place = "" if store.schema is None else f'"{store.schema}".'
    with store.transaction() as connection:
        connection.execute(text(f"DROP INDEX {place}{INDEX}"))
    assert find_incidents(store, asked, limit=9) == before
    assert migrate(store.url) == ["indexes"] and migrate(store.url) == []
    assert find_incidents(store, asked, limit=9) == before
    catalog = ("SELECT name FROM sqlite_master WHERE tbl_name = 'incidents'" if store.schema is None
               else f"SELECT indexname FROM pg_indexes WHERE schemaname = '{store.schema}'")
    with store.reading() as connection:
        assert INDEX in connection.execute(text(catalog)).scalars().all()


@pytest.mark.postgis
def test_a_column_that_went_and_came_back_has_its_indexes(in_postgis: SqlStore, frame: gpd.GeoDataFrame) -> None:
    store = in_postgis
    with store.transaction() as connection:
        connection.execute(text(f'ALTER TABLE "{store.schema}".incidents DROP COLUMN category'))
        table = store.control["gridmap_columns"]
        connection.execute(table.delete().where((table.c.layer == "incidents") & (table.c.name == "category")))
    store.write("incidents", frame)
    with store.reading() as connection:
        have = connection.execute(text(f"SELECT indexname FROM pg_indexes WHERE schemaname = '{store.schema}'"))
        assert {INDEX, "ix_incidents_category"} <= set(have.scalars())
