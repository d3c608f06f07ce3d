"""A folder in, a city out: what the pipeline adds between the steps."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest

from gridmap.pipeline import build
from gridmap.stores import open_store
from layers.errors import BadSettings, MissingLayer
from layers.sample import town


def write_town(folder: Path, *leave_out: str) -> Path:
    for name, frame in town().items():
        if isinstance(frame, gpd.GeoDataFrame) and name not in leave_out:
            frame.to_file(folder / f"{name}.gpkg")
    return folder


def test_everything_that_came_in_is_in_the_store(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    write_town(tmp_path)
    built = build(tmp_path, tmp_path / "city.gpkg", progress=lambda doing, share: told.append((doing, share)))
    layers = town()
    with open_store(tmp_path / "city.gpkg") as store:
        for name in ("organizations", "facilities", "incidents", "roads", "water", "green", "estates"):
            assert store.count(name) == len(layers[name]), name
        assert int(store.meta()["households_in"]) == built.households == 500
        assert set(store.read("facilities")["attached_by"]) <= {"within", "border_rule", "nearest", "none"}
        parts = store.read("buildings")
    assert set(layers["buildings"]["code"]) == set(parts["part_of"].fillna(parts["code"]))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_without_roads_distances_are_straight_lines_and_say_so(tmp_path: Path) -> None:
    build(write_town(tmp_path, "roads"), tmp_path / "city.gpkg")
    with open_store(tmp_path / "city.gpkg") as store:
        coverage, findings = store.read("coverage"), store.read("findings")
    assert set(coverage["basis"].dropna()) == {"straight_line"}
    assert "no_roads" in set(findings["rule"])


def test_a_city_of_outline_and_buildings_alone_is_enough(tmp_path: Path) -> None:
    extra = [name for name in town() if name not in ("communities", "buildings")]
    built = build(write_town(tmp_path, *extra), tmp_path / "city.gpkg")
    assert built.micro_grids > 10
    with open_store(tmp_path / "city.gpkg") as store:
        assert store.count("coverage") == 0


def test_leaders_come_from_the_staff_table(tmp_path: Path) -> None:
    write_town(tmp_path)
    (tmp_path / "staff.csv").write_text(
        "姓名,角色,负责区域编码\n余晓,网格长,990101001001001\n林一,微网格长,990101001001001001\n某某,志愿者,990101001001002\n",
        encoding="utf-8",
    )
    build(tmp_path, tmp_path / "city.gpkg")
    with open_store(tmp_path / "city.gpkg") as store:
        grids, micro_grids = (store.read(level).set_index("code")["leader"] for level in ("grids", "micro_grids"))
    assert grids["990101001001001"] == "余晓"
    assert micro_grids["990101001001001001"] == "林一"
    assert micro_grids.notna().sum() == 1


def test_settings_of_city_toml_reach_the_split(tmp_path: Path) -> None:
    write_town(tmp_path)
    (tmp_path / "city.toml").write_text("[split]\nhouseholds = { min = 30, target = 50, max = 80 }\n", encoding="utf-8")
    build(tmp_path, tmp_path / "city.gpkg")
    with open_store(tmp_path / "city.gpkg") as store:
        micro_grids = store.read("micro_grids")
    assert micro_grids.query("within_band")["households"].between(30, 80).all()
    assert 7 <= len(micro_grids) <= 14


@pytest.mark.parametrize("missing", ["communities", "buildings"])
def test_what_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(MissingLayer, match="outline" if missing == "communities" else "buildings"):
        build(write_town(tmp_path, missing, "grids"), tmp_path / "city.gpkg")
    assert not (tmp_path / "city.gpkg").exists()


def test_a_wrong_setting_stops_before_any_work(tmp_path: Path) -> None:
    write_town(tmp_path)
    (tmp_path / "city.toml").write_text("[split]\nhouseholds = 25\n", encoding="utf-8")
    with pytest.raises(BadSettings, match="households"):
        build(tmp_path, tmp_path / "city.gpkg")
