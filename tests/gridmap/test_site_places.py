"""Candidates from plots, corners and rasters, capacities, and several kinds under one budget, on the long street."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from gridmap.cli import main
from gridmap.siting import site_city
from gridmap.siting_kinds import draw_kinds, site_kinds
from gridmap.stores import open_store
from layers.errors import BadFile, CrsMismatch, MissingLayer, WrongCall
from tests.gridmap.street import CRS, long_street

# the street lies at the origin of its CRS, thousands of kilometres west of its meridian: rasters use the same numbers


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> str:
    """Idle plots of 20 x 20 m at 600 (for housing) and of 30 x 30 m at 985 to 1015, and a place without an outline."""
    url = long_street(tmp_path_factory.mktemp("city") / "street.gpkg")
    plots = gpd.GeoDataFrame(
        {"code": ["p1", "p2", "p3"], "use": ["居住用地", "公共服务用地", "公共服务用地"],
         "area_m2": [None, None, 50.0]},
        geometry=[shapely.box(590, 5, 610, 25), shapely.box(985, 5, 1015, 35), shapely.Point(200, 5)], crs=CRS,
    )
    with open_store(url) as store:
        store.write("plots", plots)
    return url


def x_of(plan) -> list[float]:
    return plan.sites.geometry.x.round().tolist()


def test_idle_plots_of_the_city_by_use_and_by_size(city):
    assert x_of(site_city(city, kind="canteen", count=1, radius_m=240, candidates="plots")) == [600]
    public = site_city(city, kind="canteen", count=2, radius_m=240, candidates="plots", use="公共服务")
    assert public.candidates == 2 and x_of(public) == [1000, 200]
    assert site_city(city, kind="canteen", count=1, candidates="plots", min_area_m2=800).candidates == 1
    with pytest.raises(WrongCall, match="no candidate is left"):
        site_city(city, kind="canteen", count=1, candidates="plots", use="绿地")
    with pytest.raises(WrongCall, match="no column 'use'"):
        site_city(city, kind="canteen", count=1, candidates="corners", use="绿地")


def test_a_city_without_plots_says_so(tmp_path):
    with pytest.raises(MissingLayer, match="plots"):
        site_city(long_street(tmp_path / "bare.gpkg"), kind="canteen", count=1, candidates="plots")


def tif(path, land, crs=CRS, west=0.0, north=50.0, cell=10.0, **more):
    rasterio = pytest.importorskip("rasterio")
    land = np.asarray(land)
    with rasterio.open(
        path, "w", driver="GTiff", height=land.shape[0], width=land.shape[1], count=1, dtype=land.dtype, crs=crs,
        transform=rasterio.Affine(cell, 0.0, west, 0.0, -cell, north), **more,
    ) as file:
        file.write(land, 1)
    return path


def test_a_geotiff_of_buildable_land_gives_one_place_a_square(city, tmp_path):
    land = np.zeros((8, 105), dtype=np.uint8)
    land[3, 59:61] = 1  # two cells around 600 in one square of 100 m and the next
    land[3, 99] = 255  # no data
    plan = site_city(city, kind="canteen", count=1, radius_m=240, candidates=tif(tmp_path / "a.tif", land, nodata=255))
    assert plan.candidates == 2 and x_of(plan)[0] in (595, 605)
    flat = tmp_path / "degrees.tif"
    tif(flat, land, crs="EPSG:4326", west=100.0, north=1.0, cell=0.0001)
    far = site_city(city, kind="canteen", count=1, radius_m=240, candidates=flat)
    assert far.candidates >= 2 and far.after == far.before  # read in its own CRS, so hundreds of kilometres away


def test_rasters_that_cannot_be_used_are_named(city, tmp_path):
    pytest.importorskip("rasterio")
    (tmp_path / "no.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(BadFile, match="GeoTIFF"):
        site_city(city, kind="canteen", count=1, candidates=tmp_path / "no.tif")
    with pytest.raises(CrsMismatch, match="where it lies"):
        site_city(city, kind="canteen", count=1, candidates=tif(tmp_path / "nowhere.tif", np.ones((2, 2)), crs=None))
    with pytest.raises(WrongCall, match="no candidate is left"):
        site_city(city, kind="canteen", count=1, candidates=tif(tmp_path / "empty.tif", np.zeros((2, 2))))


def test_capacities_share_the_demand(city):
    free = site_city(city, kind="canteen", count=1, radius_m=1200, method="p-median")
    assert free.siting.status == "optimal"
    full = site_city(city, kind="canteen", count=3, radius_m=1200, method="p-median", capacity=80)
    loads = np.bincount(full.siting.assigned, weights=[10, 20, 30, 40, 50, 60])
    assert len(full.sites) == 3 and loads.max() <= 80
    refused = site_city(city, kind="canteen", count=1, radius_m=1200, method="p-median", capacity=80)
    assert refused.siting.refusal is not None and refused.siting.refusal.nearest["count"] == 3
    with pytest.raises(WrongCall, match="above 0"):
        site_city(city, kind="canteen", count=1, capacity=0)


def test_existing_facilities_nearer_than_the_spacing_stay(tmp_path):
    url = long_street(tmp_path / "two.gpkg")
    with open_store(url) as store:
        one = store.read("facilities")
        two = one.assign(code="f2", geometry=[shapely.Point(30, 0)])
        store.write("facilities", gpd.GeoDataFrame(gpd.pd.concat([one, two], ignore_index=True), crs=CRS))
    plan = site_city(url, kind="canteen", count=1, radius_m=215, spacing_m=300)
    assert plan.existing == 2 and x_of(plan) == [800]


def test_several_kinds_under_one_budget(city, tmp_path):
    # a canteen reaches 300 m, a nursery 300 m: a corner and its neighbours on either side
    plan = site_kinds(city, {"canteen": 3, "nursery": 2}, budget=5, weight="households")
    assert plan.plan.spent == 5 and plan.plan.status == "optimal"
    rows = plan.kinds.set_index("kind")
    assert rows.loc["canteen", ["before", "after", "existing", "new"]].tolist() == [30, 180, 1, 1]
    assert rows.loc["nursery", ["before", "after", "existing", "new"]].tolist() == [0, 120, 0, 1]
    spots = plan.sites.set_index("kind").geometry.x
    assert spots["canteen"] == 800 and spots["nursery"] in (600, 1000)  # a site takes one kind only
    assert "30 → 180" in plan.words("zh") and "proven best" in plan.words("en")
    aged = site_kinds(city, {"canteen": 3}, budget=9, weight="norms", candidates="plots")
    assert set(aged.kinds["weight"]) == {"households"}  # nobody counted aged_60 here
    page = draw_kinds(city, plan, tmp_path / "plan.html").read_text(encoding="utf-8")
    assert "社区食堂（方案 planned）" in page and "托儿所（现状 now）" in page


def test_several_kinds_as_a_command(city, tmp_path):
    done = CliRunner().invoke(main, [
        "site-kinds", city, "--kind", "canteen=3", "--kind", "nursery=2", "--budget", "5", "--json",
        "-o", str(tmp_path / "sites.gpkg"), "--map", str(tmp_path / "sites.html"),
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["spent"] == 5 and len(told["sites"]) == 2 and len(gpd.read_file(tmp_path / "sites.gpkg")) == 2
    for words, said in ((["canteen"], "kind=cost"), (["palace=3"], "palace"), (["canteen=0"], "above 0")):
        wrong = CliRunner().invoke(main, ["site-kinds", city, "--budget", "5", "--kind", *words])
        assert wrong.exit_code == 2 and said in wrong.output
