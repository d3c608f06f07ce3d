"""From a store to files: the right rows of the right layers, whole or not at all."""

from __future__ import annotations

import zipfile
from datetime import date

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from gridmap.delivery import export_layers
from gridmap.stores import create_store
from layers.errors import DataBroken, NotFound, UnknownLayer, WrongCall

WEST, EAST = "330101001001001", "330101001001002"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two grids of two micro-grids each, one of them no longer valid, facilities in the west, and a table."""
    codes = [f"{grid}00{number}" for grid in (WEST, EAST) for number in (1, 2)]
    micro_grids = gpd.GeoDataFrame(
        {
            "code": codes,
            "name": ["长安街一号", "㙍头", "𠮷里", "=东"],
            "households": pd.array([25, 30, 20, 24], dtype="Int64"),
            "within_band": pd.array([True, True, False, True], dtype="boolean"),
            "valid_from": [date(2024, 1, 1)] * 4,
            "valid_to": [None, None, None, date(2024, 12, 31)],
        },
        geometry=[shapely.box(500000 + 10 * place, 3540000, 500010 + 10 * place, 3540010) for place in range(4)],
        crs=4549,
    )
    grids = gpd.GeoDataFrame(
        {"code": [WEST, EAST], "name": ["西", "东"]},
        geometry=[shapely.box(500000, 3540000, 500020, 3540010), shapely.box(500020, 3540000, 500040, 3540010)],
        crs=4549,
    )
    facilities = gpd.GeoDataFrame(
        {"code": ["f1"], "name": ["老王早点铺"], "kind": ["canteen"], "micro_grid": [codes[0]]},
        geometry=[shapely.Point(500005, 3540005)],
        crs=4549,
    )
    coverage = pd.DataFrame({"micro_grid": codes, "kind": ["canteen"] * 4, "coverage": [1.0, 0.5, 0.0, None]})
    path = tmp_path_factory.mktemp("store") / "city.gpkg"
    with create_store(path, crs=4549) as kept:
        kept.write_all(
            [("micro_grids", micro_grids), ("grids", grids), ("facilities", facilities), ("coverage", coverage)]
        )
        kept.set_meta(attribution="© OpenStreetMap contributors, ODbL")
        yield kept


def test_layers_of_an_area_go_into_a_folder(tmp_path, store):
    made = export_layers(store, ["micro_grids", "grids", "coverage"], tmp_path / "out", within=[EAST])
    assert made.rows == {"micro_grids": 2, "grids": 1, "coverage": 2}
    got = gpd.read_file(tmp_path / "out" / "micro_grids.shp")
    assert got["code"].tolist() == [f"{EAST}001", f"{EAST}002"]
    assert got["name"].tolist() == ["𠮷里", "=东"] and got["in_band"].tolist() == ["F", "T"]
    assert got.crs.to_epsg() == 4549
    assert set(made.paths) == set((tmp_path / "out").iterdir())
    readme = (tmp_path / "out" / "README.txt").read_text(encoding="utf-8-sig")
    assert "OpenStreetMap" in readme and EAST in readme


def test_the_state_of_a_day(tmp_path, store):
    made = export_layers(store, ["micro_grids"], tmp_path / "out", as_of=date(2025, 6, 1))
    assert made.rows == {"micro_grids": 3}
    assert "2025-06-01" in (tmp_path / "out" / "README.txt").read_text(encoding="utf-8-sig")


def test_a_zip_holds_all_layers(tmp_path, store):
    made = export_layers(store, ["micro_grids", "facilities"], tmp_path / "out.zip", crs="EPSG:4490")
    assert made.paths == (tmp_path / "out.zip",)
    assert gpd.read_file(f"zip://{tmp_path / 'out.zip'}!facilities.shp").crs.to_epsg() == 4490
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert {"micro_grids.shp", "facilities.dbf", "fields.csv", "README.txt"} <= set(packed.namelist())


@pytest.mark.parametrize(
    ("format", "ending"),
    [("geopackage", "gpkg"), ("geojson", "geojson"), ("kml", "kml"), ("csv", "csv"), ("xlsx", "xlsx")],
)
def test_one_layer_is_one_file(tmp_path, store, format, ending):
    made = export_layers(store, "facilities", tmp_path / f"shops.{ending}", format=format, names="zh")
    assert made.paths == (tmp_path / f"shops.{ending}",) == tuple(tmp_path.iterdir())
    assert made.rows == {"facilities": 1}


def test_several_layers_are_one_geopackage(tmp_path, store):
    export_layers(store, ["grids", "micro_grids"], tmp_path / "some.gpkg", format="geopackage")
    assert pyogrio.list_layers(tmp_path / "some.gpkg")[:, 0].tolist() == ["grids", "micro_grids"]


def test_a_layer_that_is_empty_there_is_written_with_a_warning(tmp_path, store):
    made = export_layers(store, ["grids", "facilities"], tmp_path / "out", within=[EAST])
    assert made.rows == {"grids": 1, "facilities": 0}
    assert [(notice.rule, notice.layer) for notice in made.warnings] == [("empty_layer", "facilities")]
    assert list(gpd.read_file(tmp_path / "out" / "facilities.shp").columns)[:3] == ["code", "name", "kind"]


@pytest.mark.parametrize(("within", "says"), [(["999999"], "area of 999999"), ([], "area of no code")])
def test_nothing_at_all_is_not_found(tmp_path, store, within, says):
    with pytest.raises(NotFound, match=says):
        export_layers(store, ["grids", "facilities"], tmp_path / "out", within=within)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"layers": ["nothing"]}, UnknownLayer, "the layers are districts"),
        ({"layers": []}, WrongCall, "no layer was named"),
        ({"format": "dwg"}, WrongCall, "shapefile, geopackage, geojson, kml, csv, xlsx"),
        ({"encoding": "big5"}, WrongCall, "gb18030, utf-8"),
        ({"crs": "EPSG:4490", "datum": "bd09"}, WrongCall, "give one of them"),
    ],
)
def test_wrong_calls_name_what_is_allowed(tmp_path, store, options, error, says):
    with pytest.raises(error, match=says):
        export_layers(store, **{"layers": ["grids"], "out": tmp_path / "out", **options})
    assert list(tmp_path.iterdir()) == []


def test_several_layers_do_not_go_into_one_csv(tmp_path, store):
    with pytest.raises(WrongCall, match="one layer a file"):
        export_layers(store, ["grids", "facilities"], tmp_path / "out.csv", format="csv")
    assert list(tmp_path.iterdir()) == []


def test_a_layer_named_twice_is_written_once(tmp_path, store):
    made = export_layers(store, ["grids", "grids"], tmp_path / "out")
    assert made.rows == {"grids": 2}


def test_where_the_last_layer_fails_nothing_stands(tmp_path, store):
    class Breaking:
        meta = staticmethod(store.meta)

        @staticmethod
        def read(layer, **options):
            if layer == "coverage":
                raise DataBroken("the database went away; try again")
            return store.read(layer, **options)

    with pytest.raises(DataBroken):
        export_layers(Breaking(), ["grids", "coverage"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_all_warnings_of_all_layers_arrive(tmp_path, store):
    made = export_layers(store, ["micro_grids", "coverage"], tmp_path / "out", format="csv")
    told = {(notice.layer, notice.rule, notice.field) for notice in made.warnings}
    assert ("micro_grids", "formula_quoted", "name") in told
    assert ("coverage", "digits_lost_in_excel", "micro_grid") in told


def test_micro_grids_of_a_real_district_come_back_as_they_were(tmp_path, shared_data):
    path = shared_data / "nanjing_xinjiekou" / "nanjing_xinjiekou.gpkg"
    buildings = gpd.read_file(path, layer="buildings").to_crs(4549)
    with create_store(tmp_path / "city.gpkg", crs=4549) as kept:
        kept.write("buildings", buildings.assign(code=[f"b{row}" for row in range(len(buildings))]))
        made = export_layers(kept, ["buildings"], tmp_path / "out", attribution="© OpenStreetMap contributors, ODbL")
        stored = kept.read("buildings")
    got = gpd.read_file(tmp_path / "out" / "buildings.shp")
    assert made.rows["buildings"] == len(buildings) == len(got) > 1000
    assert got["code"].tolist() == stored["code"].tolist()
    assert got["name"].fillna("").tolist() == stored["name"].fillna("").str.strip(" ").tolist()
    assert got.geometry.geom_equals(stored.geometry).mean() > 0.99
