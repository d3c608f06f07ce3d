"""Vector files: shapefiles from everywhere, zips, lost CRS, shifted datums, broken files."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from layers.datum import shift
from layers.errors import BadFile, BadSettings, CrsMismatch, MissingLayer, UnknownDatum
from layers.findings import Findings
from layers.schema import layer
from layers.vectors import VECTORS, place_vector, read_vector, source_layers

NAMES = ["王府井小区", "二号楼", "㙍𠮷苑"]
PLACES = [(118.78, 32.04), (118.79, 32.05), (118.80, 32.06)]


def frame(names: list[str] | None = None, crs: object = 4326) -> gpd.GeoDataFrame:
    names = NAMES if names is None else names
    return gpd.GeoDataFrame(
        {"名称": names, "户数": range(len(names))}, crs=crs,
        geometry=gpd.points_from_xy(*zip(*PLACES[: len(names)], strict=True)),
    )  # fmt: skip


def save(path: Path, data: gpd.GeoDataFrame | None = None, **options: object) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (frame() if data is None else data).to_file(path, **options)
    return path


def read(path: Path, name: str = "facilities", **options: object) -> tuple[pd.DataFrame, Findings]:
    findings = Findings()
    return read_vector(path, layer(name), findings=findings, **options), findings


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".fgb", ".kml", ".shp", ".parquet"])
def test_every_kind_of_file_reads_alike(tmp_path: Path, ending: str) -> None:
    assert ending in VECTORS
    path = tmp_path / f"facilities{ending}"
    if ending == ".parquet":
        frame().to_parquet(path)
    else:
        save(path, driver="LIBKML" if ending == ".kml" else None)
    found, findings = read(path)
    if ending == ".fgb":  # sorted by place in the file
        found = found.sort_values("户数").reset_index(drop=True)
    more = ["id", "Name", "description"] if ending == ".kml" else []
    assert sorted(found.columns) == sorted(["名称", "户数", "geometry", "source_row", *more])
    assert found["名称"].tolist() == NAMES
    assert found["户数"].astype(int).tolist() == [0, 1, 2]
    assert sorted(found["source_row"]) == [1, 2, 3]
    assert found.crs.to_epsg() == 4326 and len(findings) == 0
    assert found.geometry.x.round(6).tolist() == [118.78, 118.79, 118.80]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize("cpg", ["right", "none", "wrong", "odd"])
def test_shapefile_text_is_right_whatever_the_cpg_says(tmp_path: Path, encoding: str, cpg: str) -> None:
    path = save(tmp_path / "a.shp", encoding=encoding)
    said = {"none": None, "wrong": "UTF-8" if encoding == "gb18030" else "Big5", "odd": "what is this",
            "right": "936" if encoding == "gb18030" else "65001"}[cpg]  # fmt: skip
    path.with_suffix(".cpg").unlink()
    if said is not None:
        path.with_suffix(".cpg").write_text(said)
    found, findings = read(path)
    assert found["名称"].tolist() == NAMES and "户数" in found.columns
    assert [item.rule for item in findings] == (["wrong_cpg"] if cpg == "wrong" else [])


def test_shapefile_text_cut_inside_a_character_is_read_and_said(tmp_path: Path) -> None:
    long = "社" * 100  # 300 bytes in UTF-8; a cell of a .dbf holds 254
    data = frame([long, "x", "y"]).rename(columns={"户数": "微网格名称编码"})
    path = save(tmp_path / "a.shp", data, encoding="utf-8")
    found, findings = read(path)
    assert found["名称"].tolist() == ["社" * 84, "x", "y"]
    assert [column for column in found.columns if column.startswith("微网格")]
    assert "text_cut" in findings.counts()


def test_shapefile_encoding_can_be_said(tmp_path: Path) -> None:
    raw = [name.encode("big5").decode("latin-1") for name in ("組長", "二號", "三")]
    data = frame(raw).rename(columns={"名称": "name", "户数": "n"})
    path = save(tmp_path / "a.shp", data, encoding="ISO-8859-1")
    path.with_suffix(".cpg").unlink()
    assert read(path, encoding="big5")[0]["name"].tolist() == ["組長", "二號", "三"]
    assert read(path, fallback="big5")[0]["name"].tolist() == ["組長", "二號", "三"]
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = 0x4F  # what programs in Taiwan write there
    path.with_suffix(".dbf").write_bytes(table)
    assert read(path)[0]["name"].tolist() == ["組長", "二號", "三"]
    with pytest.raises(BadSettings, match="big6"):
        read(path, encoding="big6")


def test_shapefile_in_western_text_of_no_known_encoding_is_refused(tmp_path: Path) -> None:
    data = frame(["caf\xe9", "x", "y"]).rename(columns={"名称": "name", "户数": "n"})
    path = save(tmp_path / "a.shp", data, encoding="ISO-8859-1")
    path.with_suffix(".cpg").unlink()
    with pytest.raises(BadFile, match=r"neither UTF-8 nor gb18030.*encoding ="):
        read(path)
    assert read(path, encoding="latin-1")[0]["name"][0] == "caf\xe9"


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson"])
def test_filter_keeps_the_numbers_of_the_file(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"facilities{ending}", encoding="gb18030" if ending == ".shp" else None)
    found, _ = read(path, where="\"名称\" = '二号楼'")
    assert found["名称"].tolist() == ["二号楼"] and found["source_row"].tolist() == [2]
    with pytest.raises(BadSettings, match=r"where = .*nothing"):
        read(path, where="nothing = 1")


def test_whole_numbers_beside_empty_cells_keep_every_digit(tmp_path: Path) -> None:
    code = 330106001001000123
    data = frame().assign(code=pd.array([code, None, 1], dtype="Int64"))
    found, _ = read(save(tmp_path / "a.gpkg", data))
    assert found["code"].tolist()[0] == code


def test_layers_of_a_file(tmp_path: Path) -> None:
    path = save(tmp_path / "city.gpkg", layer="楼栋")
    save(path, frame(["a"]), layer="Roads")
    assert source_layers(path) == ["楼栋", "Roads"]
    assert len(read(path, "buildings")[0]) == 3
    assert len(read(path, "roads")[0]) == 1
    assert len(read(path, "roads", source_layer="楼栋")[0]) == 3
    with pytest.raises(MissingLayer, match="no layer named green; its layers are 楼栋, Roads"):
        read(path, "green")
    with pytest.raises(MissingLayer, match="no layer 'parks'"):
        read(path, "green", source_layer="parks")


def test_zip_with_names_of_windows(tmp_path: Path) -> None:
    save(tmp_path / "x.shp", encoding="gb18030")
    path = tmp_path / "buildings.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in tmp_path.glob("x.*"):
            if part.suffix != ".zip":
                item = zipfile.ZipInfo("数据/楼栋".encode("gb18030").decode("cp437") + part.suffix.upper())
                archive.writestr(item, part.read_bytes())
                item.flag_bits = 0
        archive.writestr("readme.txt", "hello")
    # what ZipFile wrote as UTF-8 is set back to what Windows writes
    assert source_layers(path)
    found, _ = read(path, "buildings")
    assert found["名称"].tolist() == NAMES


def test_zip_of_two_shapefiles_and_of_none(tmp_path: Path) -> None:
    for name in ("roads", "water"):
        save(tmp_path / f"{name}.shp", frame([name, "b", "c"]))
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(tmp_path.iterdir()):
            if part != path:
                archive.write(part, f"sub/{part.name}")
                archive.writestr(f"__MACOSX/sub/._{part.name}", b"junk")
    assert source_layers(path) == ["roads", "water"]
    assert read(path, "water")[0]["名称"][0] == "water"
    empty = tmp_path / "none.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadFile, match=r"none\.zip: no shapefile"):
        read(empty)


@pytest.mark.parametrize("ending", VECTORS)
def test_broken_and_missing_files_are_one_sentence(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"roads{ending}"
    with pytest.raises(BadFile, match=f"cannot read roads{ending}: there is no such file"):
        read(path, "roads")
    path.write_bytes(b"this is no such file\x01\x02" * 200)
    with pytest.raises(BadFile, match=f"cannot read roads{ending}: .*;") as caught:
        read(path, "roads")
    assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)


def test_shapefile_without_its_parts_says_which(tmp_path: Path) -> None:
    path = save(tmp_path / "a.shp")
    path.with_suffix(".shx").unlink()
    with pytest.raises(BadFile, match=r"its part \.shx is missing"):
        read(path)


def test_cut_file_is_refused_or_said(tmp_path: Path) -> None:
    path = save(tmp_path / "a.geojson")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadFile, match=r"a\.geojson"):
        read(path)


def test_geojson_in_gb18030(tmp_path: Path) -> None:
    path = save(tmp_path / "a.geojson")
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert read(path)[0]["名称"].tolist() == NAMES


def test_heights_go_and_lists_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature",'
        '"properties": {"tags": ["a", "b"], "o": {"x": 1}}, "geometry": {"type": "Point", "coordinates": [1, 2, 3]}}]}'
    )
    found, findings = read(path)
    assert not found.has_z.any() and found.geometry[0] == shapely.Point(1, 2)
    assert [(item.rule, item.level) for item in findings] == [("heights_dropped", "note")]
    assert all(isinstance(found.loc[0, name], str) for name in ("tags", "o"))


def test_a_table_in_a_geopackage_has_no_geometry(tmp_path: Path) -> None:
    path = tmp_path / "city.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"name": ["a"], "role": ["b"]}), path, layer="staff")
    found, _ = read(path, "staff")
    assert not isinstance(found, gpd.GeoDataFrame) and found["name"].tolist() == ["a"]


def place(data: gpd.GeoDataFrame, **options: object) -> tuple[gpd.GeoDataFrame, Findings]:
    findings = Findings()
    given = {"datum": None} | options
    return place_vector(data, layer("facilities"), findings=findings, file="a.shp", **given), findings


def test_a_file_with_a_crs_stays_in_it() -> None:
    for crs in (4326, 4490, 4549, 3857, 32650):
        data = frame().to_crs(crs)
        found, findings = place(data, default_datum="gcj02")
        assert found.crs == data.crs and found.geometry.equals(data.geometry) and len(findings) == 0


def test_a_datum_that_is_said_wins_over_the_crs() -> None:
    lon, lat = shift(118.78, 32.04, source="wgs84", target="gcj02")
    for crs in (4326, 4490, None):
        data = gpd.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs=crs)
        found, _ = place(data, datum="gcj02")
        assert found.crs.to_epsg() == 4326
        assert (found.geometry.x[0], found.geometry.y[0]) == pytest.approx((118.78, 32.04), abs=1e-9)
    # shifted degrees that somebody projected
    projected = gpd.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs=4326).to_crs(32650)
    found, _ = place(projected, datum="gcj02")
    assert (found.geometry.x[0], found.geometry.y[0]) == pytest.approx((118.78, 32.04), abs=1e-9)


def test_without_a_crs_somebody_must_say_the_datum() -> None:
    data = frame(crs=None)
    with pytest.raises(UnknownDatum, match=r"a\.shp names no CRS.*gcj02"):
        place(data)
    assert place(data, default_datum="wgs84")[0].crs.to_epsg() == 4326
    moved, _ = place(data, default_datum="bd09")
    assert moved.geometry.x[0] == shift(*PLACES[0], source="bd09", target="wgs84")[0]
    with pytest.raises(UnknownDatum, match="'gcj'"):
        place(data, datum="gcj")


def test_metres_without_a_crs_are_refused_but_baidus() -> None:
    data = frame().to_crs(4549).set_crs(None, allow_override=True)
    with pytest.raises(CrsMismatch, match=r"not degrees.*\.prj"):
        place(data, datum="wgs84")
    baidu = np.column_stack(shift(*np.array(PLACES).T, source="wgs84", target="bd09mc"))
    found, _ = place(gpd.GeoDataFrame(geometry=gpd.points_from_xy(*baidu.T)), datum="bd09mc")
    assert found.geometry.x.tolist() == pytest.approx([118.78, 118.79, 118.80], abs=1e-9)
    with pytest.raises(CrsMismatch, match="bd09 rather"):
        place(frame(), datum="bd09mc")


def test_latitude_first_is_turned() -> None:
    turned = gpd.GeoDataFrame(geometry=[shapely.Point(lat, lon) for lon, lat in PLACES], crs=4326)
    found, findings = place(turned)
    assert found.geometry.x.tolist() == [118.78, 118.79, 118.80] and [i.rule for i in findings] == ["lon_lat_swapped"]


def test_old_datums_are_said() -> None:
    _, findings = place(frame().to_crs(2436))  # Beijing 1954
    assert [(item.rule, item.level) for item in findings] == [("old_datum", "note")]


def test_drawings_without_a_real_crs_count_as_without() -> None:
    data = frame(crs=None)
    data.crs = 'ENGCRS["x",EDATUM["x"],CS[Cartesian,2],AXIS["e",east],AXIS["n",north],LENGTHUNIT["metre",1]]'
    with pytest.raises(UnknownDatum):
        place(data)
