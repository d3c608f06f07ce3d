"""Steps: each once, each whole or not at all, whoever runs them and however often."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from sqlalchemy import Connection, text

from gridmap.stores import create_store, migrate, open_store
from gridmap.stores.migrations import check_version, migrate_store, steps_taken
from gridmap.stores.models import control_tables
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.steps import STEPS, Step
from layers.errors import DataBroken, NotACity, StoreTooNew, StoreTooOld

CRS = "EPSG:4549"
#: The number of a step that comes after those there are.
NEXT = len(STEPS) + 1


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with create_store(url, crs=CRS, name="玉溪里") as store:
        store.write("staff", pd.DataFrame({"name": ["王"]}))
        yield store


def qualified(store: SqlStore, name: str) -> str:
    return name if store.schema is None else f'"{store.schema}".{name}'


def add_table(store: SqlStore, connection: Connection) -> None:
    connection.execute(text(f"CREATE TABLE {qualified(store, 'extra')} (n INTEGER)"))


def fail_halfway(store: SqlStore, connection: Connection) -> None:
    connection.execute(text(f"CREATE TABLE {qualified(store, 'half')} (n INTEGER)"))
    store.put_facts(connection, {"name": "half"})
    raise ZeroDivisionError


def tables(store: SqlStore) -> set[str]:
    query = (
        "SELECT name FROM sqlite_master" if store.schema is None
        else f"SELECT tablename FROM pg_tables WHERE schemaname = '{store.schema}'"
    )
    with store.reading() as connection:
        return set(connection.execute(text(query)).scalars())


def test_steps_are_numbered_in_order() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_a_new_city_is_up_to_date(store: SqlStore) -> None:
    assert [(number, name) for number, name, _ in steps_taken(store)] == [(step.number, step.name) for step in STEPS]
    assert all(done.startswith("20") for *_, done in steps_taken(store))
    assert migrate(store.url) == []


def test_a_step_is_taken_once(store: SqlStore) -> None:
    steps = (*STEPS, Step(NEXT, "extra table", add_table))
    assert migrate_store(store, steps) == ["extra table"]
    # a second run would fail to make the table again
    assert migrate_store(store, steps) == []
    assert "extra" in tables(store) and [number for number, *_ in steps_taken(store)] == [*range(1, NEXT + 1)]
    assert store.read("staff")["name"].tolist() == ["王"] and store.meta()["name"] == "玉溪里"


def test_a_step_that_fails_leaves_nothing_and_keeps_the_ones_before(store: SqlStore) -> None:
    steps = (*STEPS, Step(NEXT, "extra table", add_table), Step(NEXT + 1, "bad", fail_halfway))
    with pytest.raises(ZeroDivisionError):
        migrate_store(store, steps)
    assert "extra" in tables(store) and "half" not in tables(store) and store.meta()["name"] == "玉溪里"
    assert [number for number, *_ in steps_taken(store)] == [*range(1, NEXT + 1)]
    assert migrate_store(store, (*steps[:NEXT], Step(NEXT + 1, "mended", lambda *_: None))) == ["mended"]


def test_a_city_of_another_version_is_told_what_to_do(store: SqlStore) -> None:
    later = (*STEPS, Step(NEXT, "extra table", add_table))
    with pytest.raises(StoreTooOld, match=rf"version {NEXT - 1} and .* works with {NEXT}; run gridmap migrate"):
        check_version(store, later)
    migrate_store(store, later)
    check_version(store, later)
    for door in (open_store, migrate):
        told = rf"version {NEXT} and .* knows up to {NEXT - 1}; install a newer gridmap"
        with pytest.raises(StoreTooNew, match=told):
            door(store.url)


def test_a_city_without_its_version_is_none(store: SqlStore) -> None:
    with store.transaction() as connection:
        store.put_facts(connection, {"schema_version": "two"})
    with pytest.raises(NotACity, match="which version"):
        open_store(store.url)


def test_a_layer_that_came_later_is_read_as_empty_and_made_when_written(store: SqlStore) -> None:
    with store.transaction() as connection:
        connection.execute(text(f"DROP TABLE {qualified(store, 'gaps')}"))
        table = control_tables(store.schema)["gridmap_columns"]
        connection.execute(table.delete().where(table.c.layer == "gaps"))
    assert store.layers() == ["staff"] and store.count("gaps") == 0
    assert "walk_m_mean" in store.read("gaps", within=["330483"]).columns
    gap = gpd.GeoDataFrame({"kind": ["clinic"], "rank": [1]}, geometry=[shapely.box(0, 0, 9, 9)], crs=CRS)
    store.write("gaps", gap)
    assert store.read("gaps", bbox=(1, 1, 2, 2))["kind"].tolist() == ["clinic"]


def test_a_column_or_layer_that_somebody_took_away_is_told(store: SqlStore) -> None:
    with store.transaction() as connection:
        connection.execute(text(f"ALTER TABLE {qualified(store, 'staff')} DROP COLUMN phone"))
        connection.execute(text(f"DROP TABLE {qualified(store, 'gaps')}"))
    for ask in (lambda: store.read("staff"), lambda: store.count("gaps"), store.layers):
        with pytest.raises(DataBroken, match="lacks what gridmap made"):
            ask()


def test_a_column_that_came_later_is_read_as_missing_and_made_when_written(store: SqlStore) -> None:
    with store.transaction() as connection:
        connection.execute(text(f"ALTER TABLE {qualified(store, 'staff')} DROP COLUMN phone"))
        table = control_tables(store.schema)["gridmap_columns"]
        connection.execute(table.delete().where((table.c.layer == "staff") & (table.c.name == "phone")))
    assert store.read("staff")["phone"].isna().all()
    store.write("staff", store.read("staff").assign(phone="0573"))
    assert store.read("staff")["phone"].tolist() == ["0573"]
