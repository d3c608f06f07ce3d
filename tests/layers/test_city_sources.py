"""A folder whose tables do not say their datum is told so at once, with what to write and how to find out."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from gridmap.cli import main
from layers.datum import shift
from layers.errors import UnknownDatum
from layers.read import read_city
from layers.sample import town


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample town with its facilities and incidents in tables, as AMap gives them."""
    place = tmp_path / "my town"
    place.mkdir()
    for name, frame in town().items():
        if name in ("communities", "buildings", "roads"):
            frame.to_file(place / f"{name}.gpkg")
        elif name in ("facilities", "incidents"):
            there = frame.to_crs(4326).geometry
            lon, lat = shift(there.x.to_numpy(), there.y.to_numpy(), source="wgs84", target="gcj02")
            table = pd.DataFrame(frame.drop(columns="geometry")).assign(经度=np.round(lon, 6), 纬度=np.round(lat, 6))
            table.to_csv(place / f"{name}.csv", index=False)
    return place


def refusal(folder: Path) -> tuple[str, list[str]]:
    said: list[str] = []
    with pytest.raises(UnknownDatum) as refused:
        read_city(folder, progress=said.append)
    return str(refused.value), said


def test_the_refusal_names_files_key_and_values_before_anything_else_is_read(folder: Path) -> None:
    text, said = refusal(folder)
    assert text.startswith("facilities.csv has coordinates (经度, 纬度) and no datum (and so has incidents.csv); ")
    assert f'datum = "..." under [city] in {folder / "city.toml"}' in text
    assert set(re.findall(r"(\w+) \(", text.split("one of ", 1)[1])) >= {"wgs84", "cgcs2000", "gcj02", "bd09"}
    assert said == ["facilities: facilities.csv", "incidents: incidents.csv"]


def test_the_call_that_it_names_finds_the_datum_and_then_the_city_is_read(folder: Path) -> None:
    call = re.search(r"gridmap (doctor .*) says which", refusal(folder)[0])
    assert call is not None
    told = CliRunner().invoke(main, shlex.split(call[1]))
    assert told.exit_code == 0 and told.output.startswith("probably gcj02"), told.output
    (folder / "city.toml").write_text('[city]\ndatum = "gcj02"\n', encoding="utf-8")
    said: list[str] = []
    city = read_city(folder, progress=said.append)
    assert [text.split(":")[0] for text in said[:5]] == ["communities", "buildings", "roads", "facilities", "incidents"]
    near = city.layers["facilities"].geometry.distance(town()["facilities"].to_crs(city.crs).geometry)
    assert near.max() < 0.2


def test_one_layer_may_say_it_for_itself(folder: Path) -> None:
    (folder / "city.toml").write_text('[layers.incidents]\ndatum = "gcj02"\n', encoding="utf-8")
    text, said = refusal(folder)
    assert "incidents" not in text and said == ["facilities: facilities.csv"]


def test_findings_stand_in_the_order_of_layers_whatever_is_read_first(folder: Path) -> None:
    (folder / "staff.csv").write_text("name,role,area\na,b,330106\n合计,,\n", encoding="utf-8")
    buildings = gpd.read_file(folder / "buildings.gpkg").assign(households="many")
    buildings.to_file(folder / "buildings.gpkg")
    for name in ("facilities", "incidents"):
        (folder / f"{name}.csv").write_text("name,kind,address\na,canteen,x\n合计,,\n", encoding="utf-8")
    rules = [(item.layer, item.rule) for item in read_city(folder).findings]
    order = [layer for layer, _ in rules if layer in ("buildings", "facilities", "incidents", "staff")]
    first = [order.index(name) for name in ("facilities", "incidents", "staff")]
    assert first == sorted(first)


def test_a_shapefile_without_a_crs_is_asked_too(folder: Path) -> None:
    for name in ("facilities", "incidents"):
        (folder / f"{name}.csv").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no CRS is written is the point
        gpd.GeoDataFrame(
            {"name": ["x"], "kind": ["canteen"]}, geometry=gpd.points_from_xy([114.13], [30.54])
        ).to_file(folder / "facilities.shp")
    text, said = refusal(folder)
    assert text.startswith("facilities.shp names no CRS for its degrees and no datum; ") and len(said) == 1
    assert "doctor" in text


def test_without_a_layer_to_lay_it_on_no_doctor_is_named(folder: Path) -> None:
    for name in ("communities", "buildings", "roads"):
        (folder / f"{name}.gpkg").unlink()
    assert "doctor" not in refusal(folder)[0]
