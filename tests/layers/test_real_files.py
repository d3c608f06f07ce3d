"""Real files as published come in with one `city.toml` each and no code; every row is accounted for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from layers.findings import Findings
from layers.read import City, read_city
from layers.repair import keeps_unplaced
from layers.schema import layer

pytestmark = pytest.mark.district

NYC = '[layers.incidents]\nfile = "{}/incidents_nyc_311/{}"\n'
POI = """[layers.facilities]
file = "{}/shanghai_poi/{}"
[layers.facilities.kinds]
"type=*公交车站*" = "bus_stop"
"type=*幼儿园*" = "kindergarten"
"type=*小学*" = "primary_school"
"type=*中学*" = "junior_school"
"type=*高等院校*" = "university"
"type=*综合医院*" = "hospital"
"type=*诊所*" = "clinic"
"type=*餐*" = "restaurant"
"""


def read(folder: Path, text: str) -> City:
    (folder / "city.toml").write_text(f'[city]\nname = "real"\n{text}', encoding="utf-8")
    return read_city(folder)


def accounted(city: City, rows: int) -> None:
    """Rows in = kept + refused + merged, to the row; refused rows come back with a reason."""
    assert sum(tally.rows for tally in city.tallies) == rows
    for tally in city.tallies:
        assert tally.rows == tally.kept + len(tally.refused) + tally.merged
        assert tally.refused["gridmap_reason"].str.len().gt(8).all()
    kept = sum(len(frame) for frame in city.layers.values())
    assert kept == sum(tally.kept for tally in city.tallies)


def rules(findings: Findings, rule: str) -> list:
    return [item for item in findings if item.rule == rule]


def test_baltimore(shared_data: Path, tmp_path: Path) -> None:
    city = read(tmp_path, f"""datum = "wgs84"
[layers.incidents]
file = "{shared_data}/incidents_baltimore_311/baltimore_311_sample_10000.csv"
columns = {{ code = "SRRecordID" }}
""")
    accounted(city, 10_000)
    frame = city.layers["incidents"]
    assert len(frame) == 10_000 and frame["category"].notna().all() and frame["code"].is_unique
    (placeholder,) = rules(city.findings, "placeholder")
    assert placeholder.what.startswith("885 rows") and "-77, 39" in placeholder.what
    assert frame.geometry.is_empty.sum() == 590 + 885
    assert frame.loc[frame.geometry.is_empty, "Latitude"].notna().sum() == 885  # what stood there stays to be seen


@pytest.mark.parametrize(
    ("name", "rows"),
    [("nyc_311_2018.csv", 1000), ("nyc_311_2022.csv", 924), ("nyc_311_2023.csv", 500),
     ("nyc_311_2024_quoted_iso.csv", 1000), ("nyc_311_2024_reordered.csv", 1000),
     ("nyc_311_two_types_2010_2025.csv", 5895)],
)  # fmt: skip
def test_new_york_file_by_file(shared_data: Path, tmp_path: Path, name: str, rows: int) -> None:
    city = read(tmp_path, 'datum = "wgs84"\n' + NYC.format(shared_data, name))
    accounted(city, rows)
    frame = city.layers["incidents"]
    assert {"code", "category", "reported_at", "closed_at", "status", "text", "address"} <= set(frame.columns)
    assert frame["code"].notna().all() and frame["reported_at"].notna().all()
    assert city.crs.to_epsg() == 32618


def test_new_york_six_layouts_of_one_thing_in_one_city(shared_data: Path, tmp_path: Path) -> None:
    city = read(tmp_path, 'datum = "wgs84"\n' + NYC.format(shared_data, "*.csv"))
    accounted(city, 1000 + 924 + 500 + 1000 + 1000 + 5895)
    frame = city.layers["incidents"]
    assert frame["code"].dropna().is_unique and frame["source_file"].nunique() == 6
    early = frame["closed_at"] < frame["reported_at"]
    told = rules(city.findings, "closed_before_reported")
    assert early.sum() == 12 == sum(1 if item.row is not None else int(item.what.split()[0]) for item in told)


@pytest.mark.parametrize(
    ("name", "rows", "kind"),
    [("shanghai_bus.csv", 10186, "bus_stop"), ("shanghai_food.csv", 14398, "restaurant"),
     ("shanghai_hospital.csv", 7513, "hospital"), ("shanghai_kindergarten.csv", 2284, "kindergarten"),
     ("shanghai_school.csv", 6151, "primary_school"), ("shanghai_university.csv", 1872, "university")],
)  # fmt: skip
def test_shanghai(shared_data: Path, tmp_path: Path, name: str, rows: int, kind: str) -> None:
    city = read(tmp_path, 'datum = "wgs84"\n' + POI.format(shared_data, name))
    accounted(city, rows)
    frame = city.layers["facilities"]
    assert (frame["kind"] == kind).sum() > rows / 20 and not frame.geometry.is_empty.any()


def test_shanghai_all_in_one(shared_data: Path, tmp_path: Path) -> None:
    city = read(tmp_path, 'datum = "wgs84"\n' + POI.format(shared_data, "*.csv"))
    accounted(city, 10186 + 14398 + 7513 + 2284 + 6151 + 1872)
    assert sum(tally.merged for tally in city.tallies) > 500  # kindergartens stand among the schools as well


def test_suzhou(shared_data: Path, tmp_path: Path) -> None:
    city = read(tmp_path,
        f'[layers.buildings]\nfile = "{shared_data}/suzhou_gusu_buildings/suzhou_gusu_buildings.geojson"')
    accounted(city, 3076)
    assert city.layers["buildings"]["levels"].notna().all() and city.layers["buildings"]["code"].isna().all()


@pytest.mark.parametrize(
    ("name", "rows", "lines"),
    [("province_cgcs2000", 42, 8), ("city_cgcs2000", 388, 13), ("county_cgcs2000", 2898, 7),
     ("county_gcj02_datav", 158, 0)],
)  # fmt: skip
def test_chinese_areas(shared_data: Path, tmp_path: Path, name: str, rows: int, lines: int) -> None:
    code = '"adcode"' if "gcj02" in name else '"gb"'
    city = read(tmp_path, f"""datum = "gcj02"
[layers.districts]
file = "{shared_data}/china_admin/china_admin.gpkg"
layer = "{name}"
columns = {{ code = {code} }}
""")
    accounted(city, rows)
    frame = city.layers["districts"]
    refused = city.tallies[0].refused
    assert len(refused) + city.tallies[0].merged == lines
    assert (frame.geometry.area > 0).all() and frame.geometry.is_valid.all()
    assert refused["gridmap_reason"].str.contains("not area").all() and refused["name"].eq("境界线").all()


def test_fujian(shared_data: Path, tmp_path: Path) -> None:
    city = read(tmp_path, f'[layers.streets]\nfile = "{shared_data}/fujian_towns/fujian_towns.gpkg"')
    accounted(city, 51)
    assert len(rules(city.findings, "mixed_geometry")) == 8 and len(city.layers["streets"]) == 51


def test_fujian_as_it_was_found(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "fujian_towns" / "fujian_towns_originals.zip"
    city = read(tmp_path, f'datum = "wgs84"\n[layers.streets]\nfile = "{path}"\nlayer = "*街道"')
    assert len(city.tallies) > 20
    accounted(city, sum(tally.rows for tally in city.tallies))
    assert pd.Series(city.layers["streets"]["name"]).str.contains("鼓东街道").any()
    assert not keeps_unplaced(layer("streets"))
