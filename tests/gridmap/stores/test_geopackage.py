"""The file is a GeoPackage like any other: GDAL says so, reads it and writes into it while we work."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gridmap.stores import Account, Store, create_store, open_store, writing
from gridmap.stores.gpkg_format import blobs, envelope_functions, wkb_of
from gridmap.stores.steps import STEPS
from layers.errors import BadFile, NotACity, NotFound, StoreTooNew
from layers.schema import LAYERS

CRS = "EPSG:4549"
VALIDATOR = Path("/usr/lib/python3/dist-packages/osgeo_utils/samples/validate_gpkg.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "城 市.gpkg"


@pytest.fixture
def city(path: Path, town: dict[str, gpd.GeoDataFrame]) -> Iterator[Store]:
    with create_store(path, crs=CRS, name="玉溪里") as store:
        store.write_all(town.items())
        yield store


def rows(path: Path, query: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_gdals_validator_finds_nothing(path: Path, city: Store) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or not VALIDATOR.exists():
        pytest.skip("no python3-gdal on this machine, whose validator judges GeoPackages")
    stamps = pd.to_datetime(["2024-05-01T08:30:01.5", "2024-05-01T08:30:01"], format="ISO8601")
    # no empty point: the validator of GDAL 3.6 looks for the empty flag in the wrong bit, and faults GDAL's own too
    mixed = [shapely.Point(1, 2, 3), None]
    city.write("incidents", gpd.GeoDataFrame({"category": "x", "reported_at": stamps}, geometry=mixed, crs=CRS))
    judged = subprocess.run(
        [python, str(VALIDATOR), "--extra", "--warning-as-error", str(path)], capture_output=True, text=True
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")
    # the judge is awake: a file that breaks the rules is told so
    sick = path.with_name("sick.gpkg")
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM INTO ?", (str(sick),))
    connection.close()
    with sqlite3.connect(sick) as connection:
        connection.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'POINT'")
    connection.close()
    assert subprocess.run([python, str(VALIDATOR), "-q", str(sick)], capture_output=True).returncode != 0


def test_gdal_reads_it_while_the_service_runs(path: Path, city: Store, town: dict[str, gpd.GeoDataFrame]) -> None:
    with city.snapshot():
        assert city.count("buildings") == 4
        names = dict(pyogrio.list_layers(path).tolist())
        frame = gpd.read_file(path, layer="micro_grids")
        info = pyogrio.read_info(path, layer="buildings")
        found = gpd.read_file(path, layer="buildings", bbox=(0, 0, 45, 45))
    # accounts and the store's own tables are nobody's business in QGIS
    assert set(names) == set(LAYERS)
    assert names["micro_grids"] == "Polygon" and names["roads"] == "LineString" and names["staff"] is None
    assert frame["code"].tolist() == town["micro_grids"]["code"].tolist()
    assert frame["within_band"].tolist() == [True, True, True, False]
    assert frame.geometry.geom_equals_exact(town["micro_grids"].geometry, 0).all() and frame.crs == CRS
    assert info["total_bounds"] == (40.0, 40.0, 360.0, 60.0) and info["layer_metadata"]["DESCRIPTION"] == "楼栋"
    assert found["code"].tolist() == ["b1"]


def test_ogrinfo_reads_it(path: Path, city: Store) -> None:
    if shutil.which("ogrinfo") is None:
        pytest.skip("no ogrinfo on this machine")
    said = subprocess.run(["ogrinfo", "-ro", "-so", path, "micro_grids"], capture_output=True, text=True, check=True)
    assert "Feature Count: 4" in said.stdout and "within_band: Integer(Boolean)" in said.stdout
    assert "valid_from: Date" in said.stdout and "Warning" not in said.stderr


def test_gdal_writes_into_it_and_the_index_follows(path: Path, city: Store) -> None:
    one = gpd.GeoDataFrame({"code": ["new"], "households": [7]}, geometry=[shapely.box(900, 900, 901, 901)], crs=CRS)
    pyogrio.write_dataframe(one, path, layer="buildings", append=True)
    assert city.read("buildings", bbox=(890, 890, 910, 910))["households"].tolist() == [7]
    assert city.count("buildings") == 5


def test_sql_changes_keep_the_index(city: Store) -> None:
    far, empty = blobs(np.array([shapely.Point(700, 700), shapely.Point()]), 4549)
    with city.transaction() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE buildings SET geom = ? WHERE code = 'b1'", (far,))
        connection.exec_driver_sql("UPDATE buildings SET geom = ? WHERE code = 'b2'", (empty,))
        connection.exec_driver_sql("DELETE FROM buildings WHERE code = 'b3'")
        connection.exec_driver_sql("UPDATE buildings SET fid = 99 WHERE code = 'b4'")
        indexed = connection.exec_driver_sql("SELECT id FROM rtree_buildings_geom ORDER BY id").scalars().all()
    assert city.read("buildings", bbox=(699, 699, 701, 701))["code"].tolist() == ["b1"]
    assert city.read("buildings", bbox=(0, 0, 400, 100))["code"].tolist() == ["b4"]
    assert len(indexed) == 2 and 99 in indexed


def test_the_index_holds_what_the_table_holds(path: Path, city: Store, town: dict[str, gpd.GeoDataFrame]) -> None:
    gaps = [shapely.Point(5, 5), None, shapely.Point(), shapely.Point(9, 9)]
    city.write("facilities", gpd.GeoDataFrame({"name": "x", "kind": "y"}, index=range(4), geometry=gaps, crs=CRS))
    city.write("buildings", town["buildings"].iloc[:2])
    assert rows(path, "SELECT id FROM rtree_facilities_geom ORDER BY id") == [(1,), (4,)]
    assert rows(path, "SELECT count(*) FROM rtree_buildings_geom") == [(2,)]
    assert rows(path, "SELECT min_x, max_y FROM gpkg_contents WHERE table_name = 'facilities'") == [(5.0, 9.0)]
    assert rows(path, "SELECT rtreecheck('rtree_buildings_geom')") == [("ok",)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)] and rows(path, "PRAGMA foreign_key_check") == []


def test_what_the_standard_asks_for_is_there(path: Path, city: Store) -> None:
    assert rows(path, "PRAGMA application_id") == [(0x47504B47,)] and rows(path, "PRAGMA user_version") == [(10300,)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    kinds = dict(rows(path, "SELECT table_name, geometry_type_name FROM gpkg_geometry_columns"))
    assert kinds["micro_grids"] == "POLYGON" and kinds["water"] == "GEOMETRY"
    plain = rows(path, "SELECT table_name FROM gpkg_contents WHERE data_type = 'attributes' ORDER BY 1")
    assert plain == [(name,) for name in sorted(LAYERS) if not LAYERS[name].geometry]
    assert ("coverage",) in plain and ("micro_grids",) not in plain
    types = {kind for (kind,) in rows(path, "SELECT type FROM pragma_table_info('micro_grids')")}
    assert types == {"INTEGER", "TEXT", "REAL", "BOOLEAN", "DATE", "POLYGON"}
    assert rows(path, "SELECT definition LIKE 'PROJCS%' FROM gpkg_spatial_ref_sys WHERE srs_id = 4549") == [(1,)]


def test_codes_find_their_index(path: Path, city: Store) -> None:
    plan = rows(path, "EXPLAIN QUERY PLAN SELECT * FROM micro_grids WHERE code >= '330' AND code < '331'")
    assert "USING INDEX ix_micro_grids_code" in plan[0][3]


def test_last_change_is_updated(path: Path, city: Store, town: dict[str, gpd.GeoDataFrame]) -> None:
    query = "SELECT last_change FROM gpkg_contents WHERE table_name = "
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE gpkg_contents SET last_change = '2000-01-01T00:00:00.000Z'")
    connection.close()
    city.write("roads", town["roads"])
    assert rows(path, f"{query}'roads'")[0][0] > "2020" and rows(path, f"{query}'green'")[0][0] < "2001"


def test_mixed_polygons_are_declared_as_such(path: Path, city: Store) -> None:
    mixed = shapely.from_wkt(["POLYGON ((0 0, 1 0, 1 1, 0 0))", "MULTIPOLYGON (((5 5, 6 5, 6 6, 5 5)))"])
    city.write("estates", gpd.GeoDataFrame({"name": ["甲", "乙"]}, geometry=mixed, crs=CRS))
    assert pyogrio.read_dataframe(path, layer="estates").geom_type.tolist() == ["Polygon", "MultiPolygon"]


def test_styles_that_qgis_saved_stay_when_a_city_is_built_anew(path: Path, city: Store) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, styleQML TEXT)")
        connection.execute("INSERT INTO layer_styles VALUES (1, '<qgis/>')")
    connection.close()
    with writing(path, crs=CRS):
        pass
    assert rows(path, "SELECT * FROM layer_styles") == [(1, "<qgis/>")]


def test_the_log_of_a_city_that_was_removed_does_not_haunt_the_next(path: Path, city: Store) -> None:
    city.set_meta(name="old")
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 0
    haunted = path.with_name("next.gpkg")
    shutil.copy(log, haunted.with_name(haunted.name + "-wal"))
    with create_store(haunted, crs=CRS, name="new") as store:
        assert store.meta()["name"] == "new" and store.layers() == []
    shutil.copy(log, path.with_name("third.gpkg-wal"))
    with writing(path.with_name("third.gpkg"), crs=CRS, name="third"):
        pass
    with open_store(path.with_name("third.gpkg")) as store:
        assert store.meta()["name"] == "third" and store.layers() == []


def test_a_log_that_was_turned_off_is_turned_on(path: Path, city: Store) -> None:
    city.close()
    assert rows(path, "PRAGMA journal_mode = DELETE") == [("delete",)]
    with open_store(path) as store:
        assert store.count("buildings") == 4
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_what_is_no_city_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gridmap build"):
        open_store(tmp_path / "none.gpkg")
    with pytest.raises(NotFound, match="no folder"):
        create_store(tmp_path / "none" / "city.gpkg", crs=CRS)
    torn = b"SQLite format 3\0" + b"x" * 5000
    for name, content in (("empty.gpkg", b""), ("text.gpkg", b"hello"), ("torn.gpkg", torn)):
        (tmp_path / name).write_bytes(content)
        for door in (open_store, lambda path: writing(path, crs=CRS).__enter__()):
            with pytest.raises(NotACity, match=name):
                door(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content
    foreign = tmp_path / "foreign.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0)], crs=CRS).to_file(foreign)
    before = foreign.read_bytes()
    with pytest.raises(NotACity, match="no city of gridmap"):
        open_store(foreign)
    with pytest.raises(NotACity, match="no city of gridmap"), writing(foreign, crs=CRS):
        raise AssertionError("the block must not begin")
    # opened, the file may be given its log; its content stays
    assert gpd.read_file(foreign)["a"].tolist() == [1] and len(foreign.read_bytes()) == len(before)


def test_a_city_of_a_later_gridmap_is_told(path: Path, city: Store) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE gridmap_meta SET value = '99' WHERE key = 'schema_version'")
    connection.close()
    with pytest.raises(StoreTooNew, match=rf"version 99 and this gridmap knows up to {STEPS[-1].number}; install"):
        open_store(path)
    with pytest.raises(StoreTooNew), writing(path, crs=CRS):
        raise AssertionError("the block must not begin")


def test_a_file_that_may_not_be_written_is_told(path: Path, city: Store) -> None:
    with city.transaction() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("PRAGMA query_only = 1")
        try:
            with pytest.raises(BadFile, match="may not be written"), city._speaking():  # type: ignore[attr-defined]
                city.keep_account(Account(name="a", role="r", area="", password_hash="-"))
        finally:
            connection.exec_driver_sql("PRAGMA query_only = 0")


coordinates = st.floats(-1e7, 1e7)


@given(coordinates, coordinates, coordinates, coordinates)
def test_envelopes_are_those_of_the_geometry(a: float, b: float, c: float, d: float) -> None:
    line = shapely.LineString([(a, b), (c, d)])
    (blob,) = blobs(np.array([line]), 4549)
    functions = envelope_functions()
    names = ("ST_MinX", "ST_MinY", "ST_MaxX", "ST_MaxY")
    assert tuple(functions[name](blob) for name in names) == line.bounds
    # a blob without an envelope, as other programs write, is read to the end
    bare = blob[:3] + b"\x01" + blob[4:8] + wkb_of([blob])[0]
    assert tuple(functions[name](bare) for name in names) == line.bounds
    assert functions["ST_IsEmpty"](blob) == functions["ST_IsEmpty"](bare) == 0
    assert functions["ST_IsEmpty"](blobs(np.array([shapely.Polygon()]), 0)[0]) == 1
    assert functions["ST_IsEmpty"](None) is None and functions["ST_MinX"](None) is None
