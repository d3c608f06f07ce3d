"""What only PostGIS can show: schemas side by side, what GDAL and QGIS learn, rights, errors in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Engine, create_engine, make_url, select, text

from gridmap.stores import Store, create_store, open_store, writing
from gridmap.stores.frames import schema_columns
from gridmap.stores.models import layer_table
from layers.errors import BadFile, NotACity, NotFound, StoreBusy, WrongCall
from layers.schema import layer

CRS = "EPSG:4549"
pytestmark = pytest.mark.postgis


@pytest.fixture
def city(fresh_schema: Callable[[], str], town: dict[str, gpd.GeoDataFrame]) -> Iterator[Store]:
    with create_store(fresh_schema(), crs=CRS) as store:
        store.write_all(town.items())
        yield store


@pytest.fixture
def engine(postgis_url: str) -> Iterator[Engine]:
    engine = create_engine(make_url(postgis_url).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


def ask(engine: Engine, query: str, **values: object) -> list[tuple]:
    with engine.begin() as connection:
        result = connection.execute(text(query), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def test_cities_stand_side_by_side(city: Store, fresh_schema: Callable[[], str]) -> None:
    with create_store(fresh_schema(), crs="EPSG:4527", name="other") as other:
        assert other.layers() == [] and other.crs == "EPSG:4527"
    assert city.count("buildings") == 4 and city.crs == CRS


def test_a_schema_without_a_city_is_told(fresh_schema: Callable[[], str]) -> None:
    with pytest.raises(NotACity, match="no city of gridmap"):
        open_store(fresh_schema())


def test_qgis_learns_type_and_srid(city: Store, engine: Engine) -> None:
    query = "SELECT type, srid FROM geometry_columns WHERE f_table_schema = :s AND f_table_name = :t"
    schema = city.schema  # type: ignore[attr-defined]
    assert ask(engine, query, s=schema, t="micro_grids") == [("POLYGON", 4549)]
    assert ask(engine, query, s=schema, t="water") == [("GEOMETRY", 4549)]
    city.write("micro_grids", gpd.GeoDataFrame({"code": ["a"]}, geometry=[shapely.MultiPolygon()], crs=CRS))
    assert ask(engine, query, s=schema, t="micro_grids") == [("MULTIPOLYGON", 4549)]


def test_rights_granted_on_a_layer_stay(city: Store, engine: Engine, town: dict[str, gpd.GeoDataFrame]) -> None:
    schema = city.schema  # type: ignore[attr-defined]
    ask(engine, f'GRANT SELECT ON "{schema}".roads TO PUBLIC')
    with writing(city.url, crs=CRS) as store:
        store.write("roads", town["roads"].assign(own=1))
    assert ask(engine, f"SELECT has_table_privilege('public', '\"{schema}\".roads', 'SELECT')") == [(True,)]


def test_a_box_uses_the_spatial_index(city: Store, engine: Engine) -> None:
    schema = city.schema  # type: ignore[attr-defined]
    many = gpd.GeoDataFrame(geometry=shapely.points(range(3000), 0.0), crs=CRS)
    city.write("facilities", many.assign(name="x", kind="y"))
    ask(engine, f'ANALYZE "{schema}".facilities')
    item = layer("facilities")
    table = layer_table(item, schema_columns(item), schema=schema)
    asked = select(table.c.code).where(city._near(table, (1, -1, 2, 1)))  # type: ignore[attr-defined]
    query = asked.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.begin() as connection:
        # where the index can be used at all, it is; so few rows would be read through otherwise
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(text(f"EXPLAIN {query}")).scalars().all()
    assert any("ix_facilities_geom" in line for line in plan)
    assert len(city.read("facilities", bbox=(1, -1, 2, 1))) == 2


def test_a_reader_that_meets_a_lock_says_busy(city: Store, engine: Engine) -> None:
    schema = city.schema  # type: ignore[attr-defined]
    with engine.connect() as other, other.begin(), open_store(city.url, busy_seconds=0.1) as reader:
        other.execute(text(f'LOCK TABLE "{schema}".roads IN ACCESS EXCLUSIVE MODE'))
        with pytest.raises(StoreBusy, match="try again"):
            reader.read("roads")
        assert reader.count("buildings") == 4


def test_two_that_make_the_same_city_do_not_both_win(fresh_schema: Callable[[], str]) -> None:
    url = fresh_schema()
    outcomes: list[str] = []

    def make() -> None:
        try:
            create_store(url, crs=CRS).close()
            outcomes.append("made")
        except WrongCall:
            outcomes.append("refused")

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused", "refused"]


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    with pytest.raises(NotFound, match="does not answer") as caught:
        open_store("postgresql://clerk:secret@127.0.0.1:1/city")
    assert "secret" not in str(caught.value) and "clerk:***@127.0.0.1:1/city" in str(caught.value)


def test_a_role_without_rights_is_told(city: Store, engine: Engine, postgis_url: str) -> None:
    schema = city.schema  # type: ignore[attr-defined]
    ask(engine, "DROP ROLE IF EXISTS t_clerk; CREATE ROLE t_clerk LOGIN")
    ask(engine, f'GRANT USAGE ON SCHEMA "{schema}" TO t_clerk')
    ask(engine, f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO t_clerk')
    address = make_url(city.url).set(username="t_clerk")
    try:
        with open_store(address.render_as_string(hide_password=False)) as store:
            assert store.count("roads") == 3
            with pytest.raises(BadFile, match="ask the database's owner"):
                store.set_meta(name="x")
        other = address.update_query_dict({"schema": "t_nobody"}).render_as_string(hide_password=False)
        with pytest.raises(BadFile, match="ask the database's owner"):
            create_store(other, crs=CRS)
    finally:
        ask(engine, "DROP OWNED BY t_clerk; DROP ROLE t_clerk")


def test_the_url_is_shown_without_its_password() -> None:
    from gridmap.stores.postgis import Postgis

    store = Postgis("postgresql://clerk:secret@127.0.0.1/city?schema=mine")
    assert store.title == "postgresql://clerk:***@127.0.0.1/city, schema mine"
    assert "secret" not in repr(store)
    store.close()
