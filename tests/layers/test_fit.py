"""Areas beside one another: each oddity is found once with its area, and a plain town has none."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import Point, Polygon, box

from layers.findings import Findings
from layers.fit import check_datums, check_fit
from layers.read import read_city
from layers.repair import repair
from layers.sample import town
from layers.schema import layer

CRS = 4549


def areas(*shapes: object, prefix: str = "B") -> gpd.GeoDataFrame:
    codes = [f"{prefix}{n}" for n in range(len(shapes))]
    return gpd.GeoDataFrame({"code": codes, "source_row": range(1, len(shapes) + 1)}, geometry=list(shapes), crs=CRS)


def rules(findings: Findings) -> dict[str, int]:
    return findings.counts()


def test_a_plain_town_has_nothing() -> None:
    layers = {name: frame.assign(source_row=range(1, len(frame) + 1)) for name, frame in town().items()}
    assert rules(check_fit(layers)) == {}


def test_footprints_that_share_walls_are_no_overlap_and_floors_of_a_stack_neither() -> None:
    row = areas(box(0, 0, 10, 10), box(10, 0, 20, 10), box(19.9, 0, 30, 10), box(29, 0, 40, 10), box(29, 0, 40, 10))
    found = check_fit({"buildings": row})
    assert rules(found) == {"footprints_overlap": 3}
    assert next(item.what for item in found) == "B3 and B4 overlap by 110.0 m2, 100% of the smaller"
    assert rules(check_fit({"buildings": row.assign(stack=["a", "b", "c", "s", "s"])})) == {"footprints_overlap": 2}


@pytest.mark.parametrize(("home", "count"), [
    (box(85, 0, 95, 10), 1), (box(80, 0, 89.99, 10), 0), (box(80, 0, 90.05, 10), 0), (box(0, 100, 10, 110), 0),
])
def test_a_building_on_both_sides_of_an_outline(home: object, count: int) -> None:
    units = areas(box(0, 0, 90, 90), box(90, 0, 180, 90), prefix="33010600")
    assert rules(check_fit({"streets": units, "buildings": areas(home)})).get("crosses_outline", 0) == count


def test_gaps_between_units_have_their_area_and_neighbours() -> None:
    around = areas(box(0, 0, 30, 10), box(0, 10, 10, 20), box(20, 10, 30, 20), box(0, 20, 30, 30), prefix="3301060010")
    (gap,) = check_fit({"communities": around})
    assert gap.rule == "gap" and gap.what.startswith("100.00 m2 between 33010600100, 33010600101")


def test_slivers_are_told_and_alleys_not() -> None:
    found = check_fit({"estates": areas(box(0, 0, 100, 0.3), box(0, 10, 100, 12), box(0, 20, 30, 50))})
    assert rules(found) == {"sliver": 1} and "30.00 m2" in found.items[0].what


def test_dust_is_left_out_and_ground_is_not() -> None:
    dust, small = box(50, 50, 50.05, 50.05), box(60, 60, 61, 61)
    holed = Polygon(box(0, 0, 20, 20).exterior, [box(5, 5, 5.05, 5.05).exterior, box(8, 8, 9, 9).exterior])
    frame = areas(shapely.MultiPolygon([holed, dust, small]), shapely.MultiPolygon([dust]), holed)
    findings = Findings()
    mended = repair(frame, layer("communities"), findings=findings)
    assert rules(findings) == {"tiny_part": 2} and len(mended) == 3
    assert mended.area.round(3).tolist() == [400, 0.002, 399]
    assert mended.geometry.is_valid.all()
    whole = areas(shapely.MultiPolygon([box(0, 0, 5, 5), small]))
    assert repair(whole, layer("communities"), findings=(told := Findings())).geometry.equals(whole.geometry)
    assert not told


def test_things_on_the_middle_of_an_outline_are_no_places() -> None:
    unit = areas(Polygon([(0, 0), (900, 0), (900, 300), (300, 300), (300, 900), (0, 900)]), prefix="330106")
    middle, boxed = unit.geometry[0].centroid, Point(450, 450)
    points = [middle] * 3 + [boxed] * 4 + [Point(n, n) for n in range(1, 30)] + [Point()]
    reports = areas(*points, prefix="E")
    found = check_fit({"districts": unit, "incidents": reports})
    assert rules(found) == {"city_middle": 1} and "3 things" in found.items[0].what
    assert rules(check_fit({"districts": unit, "incidents": reports.iloc[1:]})) == {"city_middle": 1}
    assert rules(check_fit({"districts": unit, "incidents": reports.iloc[5:]})) == {}


def test_a_layer_in_another_datum_is_doubted_and_not_moved(tmp_path: Path) -> None:
    from layers.datum import shift

    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(116.30, 116.33, 300), rng.uniform(39.90, 39.92, 300)
    homes = gpd.GeoDataFrame({"code": [f"B{n}" for n in range(300)]},
        geometry=list(shapely.box(lon, lat, lon + 1e-4, lat + 1e-4)), crs=4326)
    homes.to_file(tmp_path / "buildings.gpkg")
    there = np.column_stack(shift(lon[:90] + 5e-5, lat[:90] + 5e-5, source="wgs84", target="gcj02"))
    lines = [f"食堂{n},canteen,{x:.7f},{y:.7f}" for n, (x, y) in enumerate(there)]
    (tmp_path / "facilities.csv").write_text("name,kind,lon,lat\n" + "\n".join(lines), encoding="utf-8")
    for datum, doubts in (("wgs84", 1), ("gcj02", 0)):
        (tmp_path / "city.toml").write_text(f'[city]\nname = "x"\n[layers.facilities]\ndatum = "{datum}"\n')
        city = read_city(tmp_path)
        doubted = [item for item in city.findings if item.rule == "datum_doubted"]
        assert len(doubted) == doubts
        near = city.layers["facilities"].distance(city.layers["buildings"].geometry.iloc[:90].reset_index(drop=True))
        assert (near.min() > 300) == (datum == "wgs84")  # read as it was said to be
    assert check_datums({"facilities": homes}, {}).items == []
