"""Either all of a delivery stands or none of it, and nobody else's files are touched."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from gridmap.exports import Order, write_layer, write_layers, write_shapefile
from gridmap.exports.placing import place_beside
from gridmap.exports.zipped import zip_folder
from layers.errors import DataBroken, WrongCall


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def staff(name: str = "李") -> pd.DataFrame:
    return pd.DataFrame({"name": [name], "role": ["grid_leader"], "area": ["330101"]})


def test_a_new_delivery_takes_the_place_of_the_old_one(tmp_path, points):
    write_shapefile(points({"code": ["1"], "name": ["王" * 200]}), tmp_path / "out", layer="grids")
    (tmp_path / "out" / "grids.qix").write_text("an index that a GIS program made")
    assert "long_text.csv" in names(tmp_path / "out")
    write_shapefile(points({"code": ["1"]}), tmp_path / "out", layer="grids")
    assert names(tmp_path / "out") == {
        "grids.shp", "grids.shx", "grids.dbf", "grids.prj", "grids.cpg", "fields.csv", "README.txt"
    }  # fmt: skip
    assert names(tmp_path) == {"out"}


def test_a_folder_with_other_files_is_not_touched(tmp_path, points):
    write_shapefile(points({"code": ["1"]}), tmp_path / "out", layer="grids")
    (tmp_path / "out" / "mine.docx").write_text("mine")
    before = names(tmp_path / "out")
    with pytest.raises(WrongCall, match=r"holds other files \(mine.docx\); name a new folder"):
        write_shapefile(points({"code": ["1"]}), tmp_path / "out", layer="roads")
    assert names(tmp_path / "out") == before


def test_a_readme_of_somebody_else_proves_nothing(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.txt").write_text("my project\ndata.csv\n")
    with pytest.raises(WrongCall, match=r"README\.txt"):
        write_layer(staff(), tmp_path / "out", layer="staff", format="csv")


def test_the_old_delivery_stands_where_the_new_one_fails(tmp_path, monkeypatch):
    write_layer(staff("李"), tmp_path / "out", layer="staff", format="csv")
    before = (tmp_path / "out" / "staff.csv").read_bytes()
    rename = Path.rename

    def refuse(self, target):
        if self.name == "made":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(WrongCall, match="No space left on device"):
        write_layer(staff("王"), tmp_path / "out", layer="staff", format="csv")
    assert (tmp_path / "out" / "staff.csv").read_bytes() == before
    assert names(tmp_path) == {"out"}


def test_files_placed_beside_others_are_taken_back_where_one_fails(tmp_path, monkeypatch):
    made, out = tmp_path / "made", tmp_path / "out"
    made.mkdir(), out.mkdir()
    for name in ("a.dbf", "a.shp"):
        (made / name).write_text("new")
        (out / name).write_text("old")
    (made / "a.cpg").write_text("new, without an old one")
    (out / "b.txt").write_text("other")
    rename = Path.rename

    def refuse(self, target):
        if self.parent == made and self.name == "a.shp":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="No space"):
        place_beside(made, out)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"a.dbf": "old", "a.shp": "old", "b.txt": "other"}


def test_a_second_layer_that_breaks_leaves_nothing_of_the_first(tmp_path, points):
    def frames():
        yield "grids", points({"code": ["1"]})
        raise DataBroken("the store broke off")

    with pytest.raises(DataBroken):
        write_layers(frames(), tmp_path / "out.zip", Order())
    assert list(tmp_path.iterdir()) == []


def test_an_archive_holds_what_the_folder_would(tmp_path, points):
    frames = [("grids", points({"code": ["1"]})), ("staff", staff())]
    made = write_layers(frames, tmp_path / "out.zip", Order())
    assert made[0].files == (tmp_path / "out.zip",)
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert set(packed.namelist()) == {
            "grids.shp", "grids.shx", "grids.dbf", "grids.prj", "grids.cpg", "staff.dbf", "staff.cpg", "fields.csv",
            "README.txt",
        }  # fmt: skip
        assert packed.testzip() is None
        fields = packed.read("fields.csv").decode("utf-8-sig")
    assert "grids.shp,code" in fields and "staff.dbf,role" in fields
    assert gpd.read_file(f"zip://{tmp_path / 'out.zip'}!grids.shp")["code"].tolist() == ["1"]


def test_chinese_names_in_an_archive_are_flagged_as_utf_8(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "微网格.csv").write_text("x")
    zip_folder(tmp_path / "in", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert packed.infolist()[0].flag_bits & 0x800
        assert packed.namelist() == ["微网格.csv"]


def test_a_broken_archive_is_never_handed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "testzip", lambda self: "staff.csv")
    with pytest.raises(DataBroken, match="does not read back"):
        write_layer(staff(), tmp_path / "out.zip", layer="staff", format="csv")
    assert list(tmp_path.iterdir()) == []


def test_several_layers_in_one_geopackage_and_in_no_other_file(tmp_path, points):
    frames = [("grids", points({"code": ["1"]})), ("staff", staff())]
    write_layers(frames, tmp_path / "city.gpkg", Order(format="geopackage"))
    assert pyogrio.list_layers(tmp_path / "city.gpkg")[:, 0].tolist() == ["grids", "staff"]
    with pytest.raises(WrongCall, match=r"holds one layer a file; name a folder or a \.zip"):
        write_layers(frames, tmp_path / "city.csv", Order(format="csv"))
    assert names(tmp_path) == {"city.gpkg"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("out.gpkg", "does not end like csv"),
        ("nowhere/out", "is not there; make it first"),
        ("file.txt", "is a file, where a folder is to be made"),
        ("folder.csv", "is a folder, where a file is to be made"),
        ("folder.zip", "is a folder, where a file is to be made"),
    ],
)
def test_places_that_will_not_do(tmp_path, name, says):
    (tmp_path / "file.txt").write_text("mine")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.zip").mkdir()
    before = names(tmp_path)
    with pytest.raises(WrongCall, match=says):
        write_layer(staff(), tmp_path / name, layer="staff", format="csv")
    assert names(tmp_path) == before and (tmp_path / "file.txt").read_text() == "mine"


def test_no_layer_at_all_is_refused(tmp_path):
    with pytest.raises(WrongCall, match="no layer was named"):
        write_layers([], tmp_path / "out", Order())
    assert list(tmp_path.iterdir()) == []


def test_json_is_an_ending_of_geojson(tmp_path, points):
    write_layer(points({"code": ["1"]}), tmp_path / "out.json", layer="grids", format="geojson")
    assert names(tmp_path) == {"out.json"}


def test_the_dictionary_runs_no_formula(tmp_path, points):
    write_shapefile(points({"=cmd()": ["1"]}), tmp_path / "out", layer="grids")
    table = pd.read_csv(tmp_path / "out" / "fields.csv", encoding="utf-8-sig")
    assert table["name"].tolist() == ["'=cmd()"]
