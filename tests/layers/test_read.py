"""The door, from a messy folder to a clean city."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from layers import read_city, read_layer
from layers.datum import shift
from layers.errors import BadFile, BadSettings, CrsMismatch, MissingLayer, NotACity, UnknownDatum, UnknownLayer
from layers.read import City
from layers.sample import town
from layers.schema import LAYERS


def write_town(folder: Path) -> dict[str, gpd.GeoDataFrame]:
    """The drawn town as an office would send it: formats, encodings, headings and datums mixed."""
    layers = town()
    wgs84 = {name: frame.to_crs(4326) for name, frame in layers.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wgs84["communities"].to_file(folder / "communities.geojson")
        headings = {"code": "楼栋编号", "households": "户数", "levels": "层数", "units": "单元数"}
        wgs84["buildings"].rename(columns=headings).to_file(folder / "buildings.shp", encoding="gb18030")
        layers["roads"].to_file(folder / "roads.gpkg")
        wgs84["incidents"].to_file(folder / "incidents.fgb")
        for name in ("barriers", "water", "green", "estates"):
            wgs84[name].to_file(folder / "rest.gpkg", layer=name)
    (folder / "buildings.cpg").unlink()
    for name in ("facilities", "organizations"):
        lon, lat = shift(wgs84[name].geometry.x, wgs84[name].geometry.y, source="wgs84", target="gcj02")
        table = pd.DataFrame(wgs84[name].drop(columns="geometry")).assign(经度=lon, 纬度=lat)
        table = table.rename(columns={"code": "编码", "name": "名称", "kind": "类型"})
        if name == "facilities":
            table.to_csv(folder / "facilities.csv", index=False, encoding="gb18030")
        else:
            table.to_excel(folder / "organizations.xlsx", index=False)
    (folder / "city.toml").write_text(
        '[city]\nname = "桂花"\ncode = "990101001001"\ncrs = "EPSG:4547"\n'
        '[layers.facilities]\ndatum = "gcj02"\n[layers.organizations]\ndatum = "gcj02"\n[split]\nseed = 3\n',
        encoding="utf-8",
    )
    return layers


def assert_is_a_city(city: City) -> None:
    """What every reader of a city counts on."""
    assert city.crs.is_projected and city.crs.axis_info[0].unit_name == "metre"
    assert list(city.layers) == [name for name in LAYERS if name in city.layers]
    for name, frame in city.layers.items():
        assert isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0, name
        assert str(frame["source_row"].dtype) == "Int64", name
        assert ("code" in frame.columns) == (name != "staff"), name
        codes = frame["code"].dropna() if "code" in frame else pd.Series(dtype="str")
        assert codes.is_unique and all(isinstance(code, str) for code in codes), name
        if not LAYERS[name].geometry:
            assert not isinstance(frame, gpd.GeoDataFrame)
            continue
        assert frame.crs == city.crs and frame.active_geometry_name == "geometry", name
        assert frame.geometry.is_valid.all() and frame.geometry.notna().all() and not frame.has_z.any(), name
        kinds = {"area": "Polygon", "line": "LineString", "point": "Point"}
        allowed = {each for kind in LAYERS[name].geometry for each in (kinds[kind], f"Multi{kinds[kind]}")}
        assert set(frame.geom_type) <= allowed, name
        if LAYERS[name].geometry[0] != "point":
            assert not frame.geometry.is_empty.any(), name


def test_the_drawn_town_comes_back_whole(tmp_path: Path) -> None:
    drawn = write_town(tmp_path)
    told: list[str] = []
    city = read_city(tmp_path, progress=told.append)
    assert_is_a_city(city)
    assert (city.name, city.code, city.crs.to_epsg()) == ("桂花", "990101001001", 4547)
    assert city.options == {"split": {"seed": 3}}
    assert [item.what for item in city.findings if item.level != "note"] == []
    assert set(city.layers) == set(drawn) and "buildings: buildings.shp" in told
    for name, frame in drawn.items():
        found = city.layers[name].sort_values("code").reset_index(drop=True)
        expected = frame.sort_values("code").reset_index(drop=True)
        assert found["code"].tolist() == expected["code"].tolist(), name
        gap = shapely.hausdorff_distance(found.geometry.array, expected.geometry.array)
        assert gap.max() < 0.001, name
        for column in set(expected.columns) - {"geometry"}:
            assert found[column].astype("str").tolist() == expected[column].astype("str").tolist(), (name, column)


def test_the_drawn_town_nests_as_read(tmp_path: Path) -> None:
    write_town(tmp_path)
    whole = read_city(tmp_path).layers["communities"].geometry.iloc[0]
    west, south, east, north = whole.bounds
    halves = [shapely.box(west, south, west + 100, north), shapely.box(west + 99, south, east + 5, north)]
    codes = ["990101001001001", "990101001001002"]
    gpd.GeoDataFrame({"code": codes}, geometry=halves, crs=4547).to_file(tmp_path / "grids.gpkg")
    rules = [item.rule for item in read_city(tmp_path).findings if item.layer == "grids"]
    assert rules == ["overlap", "outside_parent"]


def test_crs_is_chosen_by_the_outline_and_strays_do_not_pull_it(tmp_path: Path) -> None:
    points = gpd.GeoDataFrame(
        {"category": "x"}, crs=4326, index=range(6),
        geometry=gpd.points_from_xy([118.8] * 5 + [-70], [32.0, 32.1, 32.2, 32.3, 32.4, 5]),
    )  # fmt: skip
    points.to_file(tmp_path / "incidents.gpkg")
    city = read_city(tmp_path)
    assert city.crs == pyproj.CRS("EPSG:4549")
    assert "far_away" in city.findings.counts()
    outline = gpd.GeoDataFrame(geometry=[shapely.box(7.4, 43.7, 7.5, 43.8)], crs=4326)
    outline.to_file(tmp_path / "districts.gpkg")
    city = read_city(tmp_path)
    assert city.crs == pyproj.CRS("EPSG:32632")
    assert_is_a_city(city)


def test_a_layer_of_another_city_is_said(tmp_path: Path) -> None:
    gpd.GeoDataFrame(geometry=[shapely.box(118.7, 32.0, 118.8, 32.1)], crs=4326).to_file(tmp_path / "districts.gpkg")
    away = gpd.GeoDataFrame({"category": ["x"]}, geometry=[shapely.Point(118.9, 32.05)], crs=4326)
    away.to_file(tmp_path / "incidents.gpkg")
    found = [item for item in read_city(tmp_path).findings if item.rule == "elsewhere"]
    assert [(item.layer, item.level) for item in found] == [("incidents", "error")]
    assert "by 9,383 m" in found[0].what


def test_the_code_of_the_city_goes_to_an_outline_without_one(tmp_path: Path) -> None:
    outline = gpd.GeoDataFrame(geometry=[shapely.box(118.7, 32.0, 118.8, 32.1)], crs=4326)
    outline.to_file(tmp_path / "districts.gpkg")
    (tmp_path / "city.toml").write_text('[city]\ncode = "320106"')
    city = read_city(tmp_path)
    assert city.layers["districts"]["code"].tolist() == ["320106"] and city.findings.counts() == {"code_given": 1}
    (tmp_path / "city.toml").write_text('[city]\ncode = "320106001"')
    assert read_city(tmp_path).layers["districts"]["code"].isna().all()
    outline.assign(code="1").to_file(tmp_path / "districts.gpkg")
    (tmp_path / "city.toml").write_text('[city]\ncode = "320106"')
    assert read_city(tmp_path).layers["districts"]["code"].tolist() == ["1"]


def test_the_datum_of_the_city_is_for_files_that_name_none(tmp_path: Path) -> None:
    (tmp_path / "incidents.csv").write_text("category,lon,lat\nx,118.8,32.0\n")
    point = gpd.GeoDataFrame({"name": ["x"], "kind": ["y"]}, geometry=[shapely.Point(118.8, 32.0)])
    point.set_crs(4326).to_file(tmp_path / "facilities.gpkg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no CRS is written is the point
        point.to_file(tmp_path / "organizations.shp")
    (tmp_path / "city.toml").write_text('[city]\ndatum = "gcj02"')
    layers = {name: frame.to_crs(4326).geometry.iloc[0] for name, frame in read_city(tmp_path).layers.items()}
    assert shapely.distance(layers["facilities"], shapely.Point(118.8, 32.0)) < 1e-9
    lon, lat = shift(118.8, 32.0, source="gcj02", target="wgs84")
    for name in ("incidents", "organizations"):
        assert shapely.distance(layers[name], shapely.Point(lon, lat)) < 1e-9
    (tmp_path / "city.toml").unlink()
    with pytest.raises(UnknownDatum):
        read_city(tmp_path)


def test_a_layer_without_rows_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "incidents.csv").write_text("category,lon,lat\n")
    (tmp_path / "staff.csv").write_text("name,role,area\na,b,330106\n")
    (tmp_path / "city.toml").write_text('[city]\ndatum = "wgs84"')
    city = read_city(tmp_path)
    assert {name: len(frame) for name, frame in city.layers.items()} == {"incidents": 0, "staff": 1}
    assert_is_a_city(city)


def test_nothing_leaves_a_table_without_a_finding(tmp_path: Path) -> None:
    rows = ["a,x,118.8,32.0", "b,,118.8,32.1", "c,x,,", "d,x,0,0", ",,,", "a,x,32.0,118.8", "e,x,118.9,32.2"]
    path = tmp_path / "incidents.csv"
    path.write_text("code,category,lon,lat\n" + "\n".join(rows))
    frame, findings = read_layer(path, "incidents", datum="wgs84")
    assert frame["source_row"].tolist() == [2, 3, 4, 5, 7, 8] and frame.geometry.is_empty.sum() == 2
    assert frame["code"].fillna("-").tolist() == ["a", "b", "c", "d", "-", "e"] and frame.loc[4, "given_code"] == "a"
    assert {(item.rule, item.row) for item in findings} == {
        ("no_category", 3), ("no_coordinates", 4), ("absurd_coordinates", 5), ("duplicate_code", 7),
        ("lon_lat_swapped", 7),
    }  # fmt: skip


def test_mapping_values_and_kinds(tmp_path: Path) -> None:
    path = tmp_path / "pois.csv"
    path.write_text("title,amenity,kind,east,north\na,clinic,old,118.8,32.0\nb,bench,old,118.9,32.1\n")
    mapping = {"name": "title", "lon": "east", "lat": "north"}
    frame, findings = read_layer(
        path, "facilities", datum="wgs84", mapping=mapping, kinds="osm", values={"hours": "24/7"}
    )
    assert frame[["name", "kind", "given_kind", "hours", "amenity"]].values.tolist() == [
        ["a", "clinic", "old", "24/7", "clinic"], ["b", "other", "old", "24/7", "bench"]
    ]  # fmt: skip
    assert findings.counts() == {"kind_other": 1}
    toml = "\n".join(f"{ours} = '{theirs}'" for ours, theirs in mapping.items())
    for name, text in (("m.json", json.dumps(mapping)), ("m.toml", toml)):
        (tmp_path / name).write_text(text)
        again, _ = read_layer(path, "facilities", datum="wgs84", mapping=tmp_path / name)
        assert again["name"].tolist() == ["a", "b"] and again["kind"].tolist() == ["old", "old"]


def test_a_column_called_id_is_a_code_only_if_it_tells_rows_apart(tmp_path: Path) -> None:
    path = tmp_path / "roads.gpkg"
    lines = [shapely.LineString([(7, 43 + i / 1000), (7.1, 43)]) for i in range(4)]
    for ids, codes in (([0, 0, 0, 0], None), ([1, 2, 3, 4], ["1", "2", "3", "4"])):
        gpd.GeoDataFrame({"Id": ids}, geometry=lines, crs=4326).to_file(path)
        frame, findings = read_layer(path, "roads")
        assert frame["code"].isna().all() if codes is None else frame["code"].tolist() == codes
        assert findings.counts() == ({"no_code": 1} if codes is None else {})
        assert ("Id" in frame.columns) == (codes is None)
    forced, findings = read_layer(path, "roads", mapping={"code": "Id"})
    assert forced["code"].tolist() == ["1", "2", "3", "4"]


def test_columns_of_the_file_never_overwrite_ours(tmp_path: Path) -> None:
    path = tmp_path / "roads.csv"
    path.write_text('source_row,given_code,name,wkt\n9,8,a,"LINESTRING (7 43, 7.1 43)"\n')
    frame, _ = read_layer(path, "roads", datum="wgs84")
    assert frame["source_row"].tolist() == [2]
    assert frame["given_source_row"].tolist() == ["9"] and frame["given_given_code"].tolist() == ["8"]


def test_a_table_without_a_place(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,kind,地址\na,clinic,桂花街1号\n")
    frame, findings = read_layer(path, "facilities")
    assert len(frame) == 1 and frame.geometry.is_empty.all() and frame["address"].tolist() == ["桂花街1号"]
    assert [(item.rule, item.level) for item in findings] == [("no_coordinates", "error")]
    frame, findings = read_layer(path, "districts")
    assert len(frame) == 0
    assert [item.rule for item in findings if item.level == "error"] == ["no_coordinates", "no_geometry"]


@pytest.mark.parametrize("crs", [4490, 4549, 4526, 3857, 32650, 2385])
def test_any_crs_comes_over_to_the_metric_one(tmp_path: Path, crs: int) -> None:
    place = gpd.GeoDataFrame({"category": ["x"]}, geometry=[shapely.Point(118.8, 32.0)], crs=4326)
    place.to_crs(crs).to_file(tmp_path / "incidents.gpkg")
    frame, findings = read_layer(tmp_path / "incidents.gpkg", "incidents")
    assert frame.crs.to_epsg() == 4549
    assert frame.geometry.distance(place.to_crs(4549).geometry).max() < (0.001 if crs != 2385 else 10)
    assert findings.counts() == ({} if crs != 2385 else {"old_datum": 1})


def test_crs_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "incidents.csv"
    path.write_text("category,lon,lat\nx,118.8,32.0\n")
    assert read_layer(path, "incidents", datum="wgs84", crs="EPSG:32650")[0].crs.to_epsg() == 32650
    with pytest.raises(BadSettings, match="EPSG:99999"):
        read_layer(path, "incidents", datum="wgs84", crs="EPSG:99999")
    for wrong in ("EPSG:4326", "EPSG:2263"):
        with pytest.raises(CrsMismatch, match="not in metres"):
            read_layer(path, "incidents", datum="wgs84", crs=wrong)


def test_wrong_calls_say_what_would_be_right(tmp_path: Path) -> None:
    path = tmp_path / "roads.csv"
    path.write_text("name,lon,lat\na,7,43\n")
    with pytest.raises(UnknownLayer, match="buildings"):
        read_layer(path, "houses")
    with pytest.raises(BadFile, match=r"cannot read .*none\.csv: there is no such file"):
        read_layer(tmp_path / "none.csv", "roads")
    with pytest.raises(BadFile, match="ending must be one of"):
        read_layer(Path(__file__), "roads")
    with pytest.raises(UnknownDatum, match="datum='wgs'"):
        read_layer(path, "roads", datum="wgs")
    with pytest.raises(BadSettings, match="where does not work on tables"):
        read_layer(path, "roads", where="a = 1")
    with pytest.raises(BadSettings, match="no column 'x'"):
        read_layer(path, "roads", values={"x": 1})
    with pytest.raises(BadFile, match=r"mapping none\.toml"):
        read_layer(path, "roads", mapping=tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("x")
    with pytest.raises(BadSettings, match=r"mapping bad\.toml cannot be read"):
        read_layer(path, "roads", mapping=tmp_path / "bad.toml")
    with pytest.raises(NotACity):
        read_city(tmp_path / "none")


@pytest.mark.district
@pytest.mark.parametrize(
    ("bundle", "epsg", "buildings"),
    [("monaco", 32632, 1207), ("nanjing_xinjiekou", 4549, 1277), ("beijing_wudaokou", 4548, 521),
     ("taichung_xitun", 32651, 475), ("shanghai_lujiazui", 4550, 1321), ("baltimore", 32618, 1736)],
)  # fmt: skip
def test_real_districts(shared_data: Path, tmp_path: Path, bundle: str, epsg: int, buildings: int) -> None:
    file = shared_data / bundle / f"{bundle}.gpkg"
    sections = {"districts": "boundary", "buildings": "buildings", "roads": "roads", "barriers": "barriers",
                "water": "water", "green": "green", "facilities": "pois", "estates": "landuse"}  # fmt: skip
    tag = "kind" if bundle.startswith("shanghai") else "landuse"
    text = ""
    for name, layer in sections.items():
        text += f'[layers.{name}]\nfile = "{file}"\nlayer = "{layer}"\n'
        text += 'kinds = "osm"\n' if name in ("barriers", "water", "green", "facilities", "estates") else ""
        text += f"where = \"{tag} = 'residential'\"\n" if name == "estates" else ""
        text += "where = \"kind = 'extract_bbox'\"\n" if name == "districts" else ""
    (tmp_path / "city.toml").write_text(text, encoding="utf-8")
    city = read_city(tmp_path)
    assert_is_a_city(city)
    assert city.crs.to_epsg() == epsg and len(city.layers["buildings"]) == buildings
    assert city.layers["buildings"]["households"].notna().all() and city.findings.errors == []
    assert city.layers["roads"]["class"].notna().mean() > 0.98
    kinds = city.layers["facilities"]["kind"]
    assert (kinds != "other").mean() > 0.4 and {"bus_stop", "public_green", "shops"} & set(kinds)


@pytest.mark.district
def test_real_incidents(shared_data: Path) -> None:
    path = shared_data / "incidents_baltimore_311" / "baltimore_311_sample_10000.csv"
    with pytest.raises(UnknownDatum, match="Longitude, Latitude"):
        read_layer(path, "incidents")
    mapping = {"category": "SRType", "reported_at": "CreatedDate", "closed_at": "CloseDate", "code": "SRRecordID"}
    frame, findings = read_layer(path, "incidents", datum="wgs84", mapping=mapping)
    assert len(frame) == 10_000 and frame.geometry.is_empty.sum() == 590 + 885  # missing, and the placeholder (39, -77)
    assert frame["reported_at"].notna().all() and frame["closed_at"].isna().sum() == 208
    assert frame["reported_at"].dt.year.between(2014, 2019).all()
    assert findings.counts() == {"no_coordinates": 1, "placeholder": 1, "guessed_heading": 1}
    assert "885 rows: 10 and more rows on one point" in next(i.what for i in findings if i.rule == "placeholder")


@pytest.mark.district
def test_real_shifted_counties_come_to_lie_on_the_true_ones(shared_data: Path) -> None:
    path = shared_data / "china_admin" / "china_admin.gpkg"
    with pytest.raises(MissingLayer, match="province_cgcs2000"):
        read_layer(path, "districts")
    with pytest.raises(UnknownDatum):
        read_layer(path, "districts", source_layer="county_gcj02_datav")
    where = "name = '鼓楼区' OR name = '玄武区'"
    true, _ = read_layer(path, "districts", source_layer="county_cgcs2000", where=where, crs="EPSG:4549")
    share = {}
    for datum in ("wgs84", "gcj02"):
        read, findings = read_layer(
            path, "districts", source_layer="county_gcj02_datav", datum=datum, where="name = '玄武区'", crs="EPSG:4549"
        )
        assert len(read) == 1 and findings.errors == []
        both = read.geometry.iloc[0].intersection(true.geometry.union_all()).area
        share[datum] = both / read.area.iloc[0]
    assert share["gcj02"] > share["wgs84"] and share["gcj02"] > 0.95
    lines, findings = read_layer(path, "districts", source_layer="province_cgcs2000")
    assert len(lines) == 34 and len(findings.errors) == 8 and np.isfinite(lines.total_bounds).all()


def test_a_vector_file_without_geometry_is_read_as_a_table(tmp_path: Path) -> None:
    table = pd.DataFrame({"category": ["x", "y"], "lon": [118.8, None], "lat": [32.0, None]})
    table.to_parquet(tmp_path / "incidents.parquet")
    frame, findings = read_layer(tmp_path / "incidents.parquet", "incidents", datum="wgs84")
    assert frame.geometry.is_empty.tolist() == [False, True] and frame["source_row"].tolist() == [1, 2]
    assert [(item.rule, item.row) for item in findings] == [("no_coordinates", 2)]
    with pytest.raises(UnknownDatum):
        read_layer(tmp_path / "incidents.parquet", "incidents")
