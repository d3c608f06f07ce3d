"""Buildings and units brought into a built city: the plan follows, nothing is lost, everything can be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import shapely.affinity

from gridmap.importing import import_file, imports, undo_import
from gridmap.micro_grids.patch import whole_buildings
from gridmap.pipeline import build
from gridmap.replan import split_again
from gridmap.stores import open_store
from gridmap.verify import verify
from layers.errors import WrongCall
from layers.sample import town

PLAN = ("districts", "streets", "communities", "grids", "micro_grids", "buildings", "cells", "coverage", "gaps",
    "facilities", "micro_grids_history", "grids_history", "communities_history", "buildings_history", "lineage")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_file(folder / f"{name}.gpkg")
    build(folder, folder / "city.gpkg")
    return folder / "city.gpkg"


@pytest.fixture
def city(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built, tmp_path / "city.gpkg"))


def read(city: Path, layer: str) -> gpd.GeoDataFrame:
    with open_store(city) as store:
        return store.read(layer)  # type: ignore[return-value]


def state(city: Path) -> dict[str, pd.DataFrame]:
    """Everything that the plan is, as tables that compare."""
    out = {}
    for layer in PLAN:
        frame = read(city, layer)
        table = pd.DataFrame(frame)
        if isinstance(frame, gpd.GeoDataFrame):
            table["geometry"] = shapely.to_wkt(shapely.normalize(frame.geometry.to_numpy()), rounding_precision=3)
        table = table.dropna(axis=1, how="all").astype(str)
        out[layer] = table.sort_values(list(table.columns), ignore_index=True) if len(table.columns) else table
    return out


def unbroken(city: Path) -> None:
    with open_store(city) as store:
        result = verify(store)
    assert result.ok, [promise for promise in result.promises if not promise.ok]


def register(city: Path) -> pd.DataFrame:
    """The city's buildings as an office keeps them: codes and households, no places."""
    homes = whole_buildings(read(city, "buildings"))
    return pd.DataFrame({"楼栋编码": homes["code"], "户数": homes["households"], "层数": homes["levels"]})


def write(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False, encoding="gb18030")
    return path


def test_a_register_without_places_counts_households_anew(city: Path, tmp_path: Path) -> None:
    before = state(city)
    table = register(city)
    done = import_file(city, "buildings", write(tmp_path / "b.csv", table), by="li").record
    assert (done.new, done.changed, done.ended, done.unchanged, done.refused) == (0, 0, 0, len(table), 0)
    assert all(state(city)[name].equals(before[name]) for name in before)
    code = table["楼栋编码"][0]
    unit = read(city, "buildings").set_index("code").at[code, "micro_grid"]
    was = int(read(city, "micro_grids").set_index("code").at[unit, "households"])
    table.loc[0, "户数"] += 3
    table.loc[1, "户数"] = None  # nobody wrote it down: what the city knows stays
    done = import_file(city, "buildings", write(tmp_path / "b.csv", table), by="li").record
    assert (done.changed, done.unchanged) == (1, len(table) - 1)
    assert int(read(city, "micro_grids").set_index("code").at[unit, "households"]) == was + 3
    unbroken(city)
    past = read(city, "buildings_history")
    assert past["code"].tolist() == [code] and past["valid_to"].notna().all() and past["micro_grid"].tolist() == [unit]
    undo_import(city)
    after = state(city)
    assert [name for name in before if not after[name].equals(before[name])] == []
    unbroken(city)


def test_new_changed_and_ended_buildings(city: Path, tmp_path: Path) -> None:
    before = state(city)
    homes = whole_buildings(read(city, "buildings"))[["code", "households", "levels", "geometry"]]
    park = town()["green"].geometry.iloc[0].centroid
    spot = park.buffer(8, cap_style="square")
    hut = shapely.affinity.translate(park, 0, 22).buffer(5, cap_style="square")
    gone = homes["code"].iloc[5]
    newer = homes.drop(index=5)
    newer.loc[0, "households"] += 1
    more = gpd.GeoDataFrame({"code": ["tower", None], "households": [90, None], "levels": [30, 6]},
        geometry=[spot, hut], crs=homes.crs)
    newer = gpd.GeoDataFrame(pd.concat([newer, more], ignore_index=True), crs=homes.crs)
    newer.to_file(tmp_path / "buildings.gpkg")
    done = import_file(city, "buildings", tmp_path / "buildings.gpkg")
    record = done.record
    assert (record.new, record.changed, record.ended) == (2, 1, 1)
    assert record.rows == record.new + record.changed + record.unchanged + record.refused + record.merged
    unbroken(city)
    rows = read(city, "buildings")
    assert rows["part_of"].eq("tower").sum() >= 3 and gone not in set(rows["code"]) | set(rows["part_of"].dropna())
    fresh = rows[~rows["code"].isin(homes["code"]) & ~rows["part_of"].eq("tower") & rows["valid_from"].notna()]
    assert fresh["households"].gt(0).any() and fresh["micro_grid"].notna().all()
    assert set(read(city, "buildings_history")["code"]) == {gone, homes["code"].iloc[0]}
    units = read(city, "micro_grids")
    assert set(read(city, "coverage")["micro_grid"]) == set(units["code"])
    again = import_file(city, "buildings", tmp_path / "buildings.gpkg").record
    assert (again.new, again.changed, again.ended) == (0, 0, 0), again
    undo_import(city, record.code)  # over one that changed nothing
    after = state(city)
    assert [n for n in before if not after[n].equals(before[n])] == []
    unbroken(city)


def test_what_cannot_be_placed_is_refused(city: Path, tmp_path: Path) -> None:
    rows = pd.DataFrame({"楼栋编码": ["x1", "x2"], "户数": [1, 2], "wkt": [None, "POLYGON ((0 0, 0 1, 1 1, 0 0))"]})
    done = import_file(city, "buildings", write(tmp_path / "b.csv", rows), datum="wgs84", complete=False)
    assert done.record.refused == 2 and done.record.new == 0
    assert [item.rule for item in done.findings.errors] == ["no_geometry", "outside_outline"]
    assert done.tally.refused["gridmap_reason"].str.len().gt(10).all()


def test_buildings_of_others_stay(city: Path, tmp_path: Path) -> None:
    table = register(city)
    table["户数"] += 1
    done = import_file(city, "buildings", write(tmp_path / "b.csv", table), within=("999999",), complete=True)
    assert done.record.refused == len(table) and done.record.changed == done.record.ended == 0


def test_an_import_is_not_taken_back_over_a_later_split(city: Path, tmp_path: Path) -> None:
    table = register(city)
    table.loc[0, "户数"] += 3
    import_file(city, "buildings", write(tmp_path / "b.csv", table))
    split_again(city, households=(10, 12, 15))
    before = state(city)
    with pytest.raises(WrongCall, match="changed again since"):
        undo_import(city)
    assert all(state(city)[name].equals(before[name]) for name in before)


@pytest.mark.parametrize("layer", ["communities", "grids", "micro_grids"])
def test_names_of_units_follow_and_other_outlines_are_refused(city: Path, tmp_path: Path, layer: str) -> None:
    before = state(city)
    units = read(city, layer)[["code", "name", "geometry"]]
    code, other = units["code"].iloc[0], units["code"].iloc[-1]
    units.loc[0, "name"] = "改名社区"
    units.geometry = [units.geometry.iloc[0].simplify(0.01), *units.geometry.iloc[1:]]
    new = units.iloc[[0]].assign(code="123456", name="新社区")
    moved = units.copy()
    if len(units) > 1:
        moved.loc[len(units) - 1, "geometry"] = units.geometry.iloc[-1].buffer(5)
    moved = gpd.GeoDataFrame(pd.concat([moved, new], ignore_index=True), crs=units.crs)
    moved.to_file(tmp_path / "units.gpkg")
    done = import_file(city, layer, tmp_path / "units.gpkg")
    rules = sorted(item.rule for item in done.findings.errors)
    assert rules == (["outline_differs", "unit_unknown"] if len(units) > 1 else ["unit_unknown"])
    assert (done.record.changed, done.record.new, done.record.ended) == (1, 0, 0)
    after = read(city, layer).set_index("code")
    assert after.at[code, "name"] == "改名社区" and after.at[other, "geometry"].equals(
        read(city, layer).set_index("code").at[other, "geometry"]
    )
    assert read(city, f"{layer}_history")["code"].tolist()[-1:] == [code]
    unbroken(city)
    again = import_file(city, layer, tmp_path / "units.gpkg").record
    assert (again.changed, again.unchanged) == (0, len(units) - (len(units) > 1))
    undo_import(city, done.record.code)
    assert [n for n in before if not state(city)[n].equals(before[n])] == []
    assert imports(city)["undone_at"].notna().sum() == 1
