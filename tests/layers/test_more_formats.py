"""KMZ, MapInfo and DXF as offices send them; KML that would fetch other files is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import LineString, Point, box

from layers.errors import BadFile
from layers.findings import Findings
from layers.read import read_layer
from layers.schema import layer
from layers.vectors import read_vector, source_layers


def parks(path: Path, **how: str) -> Path:
    frame = gpd.GeoDataFrame({"name": ["人民公园", "北湖"], "kind": ["park", "lake"]},
        geometry=[box(116.3, 39.9, 116.31, 39.91), box(116.4, 39.9, 116.41, 39.91)], crs=4326)
    frame.to_file(path, **how)
    return path


def test_kmz(tmp_path: Path) -> None:
    kml = parks(tmp_path / "doc.kml", driver="LIBKML", layer="green")
    with zipfile.ZipFile(tmp_path / "绿地.kmz", "w") as archive:
        archive.write(kml, "doc.kml")
        archive.writestr("files/other.kml", b"<kml/>")
        archive.writestr("../../outside.txt", b"x")
    assert source_layers(tmp_path / "绿地.kmz") == ["green"]
    frame, _ = read_layer(tmp_path / "绿地.kmz", "green")
    assert frame["name"].tolist() == ["人民公园", "北湖"] and not (tmp_path.parent / "outside.txt").exists()


@pytest.mark.parametrize("start", [
    b'<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>', b'<!ENTITY a "aaaa">', b"<!doctype kml>",
])
@pytest.mark.parametrize("zipped", [False, True])
def test_entities_are_refused(tmp_path: Path, start: bytes, zipped: bool) -> None:
    text = b'<?xml version="1.0"?>' + start + b'<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'
    path = tmp_path / ("a.kmz" if zipped else "a.kml")
    for data in (text, text.decode().encode("utf-16")):
        if zipped:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("doc.kml", data)
        else:
            path.write_bytes(data)
        with pytest.raises(BadFile, match="entities"):
            read_layer(path, "green")


@pytest.mark.parametrize("broken", [b"PK\x03\x04", b"nothing"])
def test_a_broken_kmz_is_a_sentence(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "a.kmz").write_bytes(broken)
    with pytest.raises(BadFile, match=r"a\.kmz"):
        read_layer(tmp_path / "a.kmz", "green")


@pytest.mark.parametrize("ending", ["tab", "mif"])
def test_mapinfo(tmp_path: Path, ending: str) -> None:
    path = parks(tmp_path / f"green.{ending}", driver="MapInfo File", encoding="CP936")
    frame, _ = read_layer(path, "green")
    assert frame["name"].tolist() == ["人民公园", "北湖"] and frame.crs.to_epsg() == 4548
    assert frame.to_crs(4326).geometry.iloc[0].bounds == pytest.approx((116.3, 39.9, 116.31, 39.91), abs=1e-6)


def test_outlines_of_a_drawing(tmp_path: Path) -> None:
    lines = [box(500000, 4400000, 500090, 4400090).exterior, box(500090, 4400000, 500180, 4400090).exterior]
    drawn = gpd.GeoDataFrame({"Layer": ["社区"] * 4},
        geometry=[*map(LineString, lines), LineString([(500000, 4400000), (500050, 4400050)]), Point(500001, 4400001)],
        crs=4548)
    drawn.to_file(tmp_path / "社区.dxf", driver="DXF")
    findings = Findings()
    raw = read_vector(tmp_path / "社区.dxf", layer("communities"), findings=findings)
    assert raw.geometry.geom_type.tolist() == ["Polygon", "Polygon", "LineString", "Point"]
    frame, told = read_layer(tmp_path / "社区.dxf", "communities", source_crs="EPSG:4548")
    assert frame.area.tolist() == [8100, 8100]
    assert told.counts()["wrong_geometry"] == 2 and told.counts()["closed_lines"] == 1
    lines_kept = read_vector(tmp_path / "社区.dxf", layer("roads"), findings=Findings())
    assert "Polygon" not in set(lines_kept.geometry.geom_type)
