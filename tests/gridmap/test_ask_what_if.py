"""What if, asked within an area: the figures are those of a city in which the change was really made."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridmap.ask_what_if import Ground, Step, held_norms, read_steps
from gridmap.city_walks import read_walks
from gridmap.pipeline import build
from gridmap.rework import cover_again
from gridmap.stores import open_store
from gridmap.what_if import what_if
from layers.errors import NotYourArea, WrongCall
from layers.sample import town
from tests.gridmap.street import GRID, long_street


def ground_of(city: str | Path) -> Ground:
    with open_store(city) as store:
        return Ground(read_walks(store), held_norms(store))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample town, built and covered."""
    place = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        frame.to_file(place / f"{name}.gpkg")
    build(place, place / "city.gpkg")
    return place / "city.gpkg"


@pytest.fixture(scope="module")
def ground(city: Path) -> Ground:
    return ground_of(city)


def spots(city: Path, count: int) -> list[tuple[float, float]]:
    """Doors of the town in degrees, spread over it."""
    with open_store(city) as store:
        homes = store.read("buildings")
    points = homes.geometry.representative_point().to_crs(4326)
    return [(round(p.x, 6), round(p.y, 6)) for p in points.iloc[:: max(1, len(points) // count)]][:count]


def really(city: Path, copy: Path, steps: Sequence[Step]) -> pd.DataFrame:
    """Coverage of every unit after the steps were made in the store itself, computed by `gridmap cover`."""
    shutil.copy(city, copy)
    with open_store(copy) as store:
        facilities = store.read("facilities")
        rows = facilities.copy()
        for number, step in enumerate(steps):
            if step.what == "close":
                rows = rows[rows["code"] != step.name]
                continue
            assert step.place is not None
            place = gpd.GeoSeries([shapely.Point(step.place)], crs=4326).to_crs(store.crs).iloc[0]
            if step.what == "move":
                rows.loc[rows["code"] == step.name, "geometry"] = place
            else:
                more = gpd.GeoDataFrame(
                    {"code": [f"X{number}"], "name": ["新"], "kind": [step.name]}, geometry=[place], crs=store.crs
                )
                # whose micro-grid it is in does not matter to who walks there
                rows = pd.concat([rows, more], ignore_index=True)
        store.write("facilities", rows)
    cover_again(copy)
    with open_store(copy) as store:
        return store.read("coverage_levels")


CHANGES = {
    "one more": lambda at: [Step(what="add", name="canteen", place=at[0])],
    "two more of two kinds": lambda at: [
        Step(what="add", name="canteen", place=at[1]), Step(what="add", name="toilet", place=at[2])
    ],
    "moved": lambda at: [Step(what="move", name="F2", place=at[2])],
    "closed and put elsewhere": lambda at: [
        Step(what="close", name="F1"), Step(what="add", name="canteen", place=at[3])
    ],
    "the first of its kind": lambda at: [Step(what="add", name="market", place=at[1])],
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_answer_is_what_the_city_would_be(city: Path, ground: Ground, tmp_path: Path, what: str) -> None:
    steps = CHANGES[what](spots(city, 5))
    found = ground.ask(steps)
    with open_store(city) as store:
        before = store.read("coverage_levels")
    after = really(city, tmp_path / "city.gpkg", steps)
    assert found.kinds and found.units["changed"].any()
    for kind in (row["kind"] for row in found.kinds):
        rows = found.units[(found.units["kind"] == kind) & (found.units["level"] != "city")].set_index("code")
        assert len(rows) > 3
        for when, table in (("before", before), ("after", after)):
            real = table[table["kind"] == kind].set_index("code").loc[rows.index]
            known = real["covered_households"].fillna(0)
            assert rows[f"covered_{when}"].tolist() == known.tolist(), (kind, when)
            assert rows[f"walk_m_mean_{when}"].tolist() == pytest.approx(real["walk_m_mean"].tolist(), nan_ok=True)
            for need in ("aged_60", "aged_80", "living_alone"):
                assert rows[f"{need}_{when}"].tolist() == real[f"covered_{need}"].fillna(0).tolist()


def test_the_answer_is_that_of_the_command(city: Path, ground: Ground) -> None:
    lon, lat = spots(city, 5)[1]
    found = ground.ask(read_steps([f"add:canteen@{lon},{lat}", "close:F2"]))
    same = what_if(city, add=[f"canteen@{lon},{lat}"], close=["F2"])
    columns = [name for name in same.units if name in found.units]
    pd.testing.assert_frame_equal(
        found.units.sort_values(["kind", "code"], ignore_index=True)[columns],
        same.units.sort_values(["kind", "code"], ignore_index=True)[columns], check_dtype=False,
    )
    assert set(columns) == set(same.units)
    assert {row["kind"]: row["gained"] for row in found.kinds} == same.outcome.gained
    assert {row["kind"]: row["lost"] for row in found.kinds} == same.outcome.lost


def test_questions_leave_the_city_as_it_is(city: Path, ground: Ground) -> None:
    at = spots(city, 5)
    first = ground.ask(CHANGES["one more"](at)).facts()
    ground.ask(CHANGES["closed and put elsewhere"](at))
    assert ground.ask(CHANGES["one more"](at)).facts() == first
    assert ground.ask([]).facts() == []


@pytest.fixture
def street(tmp_path: Path) -> Ground:
    """The long street, held to 300 m by the packaged norms."""
    return ground_of(long_street(tmp_path / "street.gpkg"))


def on_street(street: Ground, x: float) -> tuple[float, float]:
    point = gpd.GeoSeries([shapely.Point(x, 0)], crs=street.walks.crs).to_crs(4326).iloc[0]
    return point.x, point.y


def test_an_answer_is_of_ones_own_area_alone(street: Ground) -> None:
    east, west = (f"{GRID}002",), (f"{GRID}001",)
    # a canteen at 800 m serves homes 3, 4 and 5, all in the east
    new = [Step(what="add", name="canteen", place=on_street(street, 800))]
    whole = street.ask(new).facts()[0]
    assert (whole["before"]["covered"], whole["after"]["covered"], whole["households"]) == (30, 180, 210)
    assert (whole["before"]["needs"], whole["after"]["needs"]) == ({"aged_80": 9}, {"aged_80": 10})
    own = street.ask(new, east)
    assert (own.facts()[0]["before"]["covered"], own.facts()[0]["after"]["covered"]) == (0, 150)
    assert own.facts()[0]["households"] == 150 and own.kinds[0]["gained"] == 150
    assert set(own.units.loc[own.units["level"] == "micro_grids", "code"]) == set(east)
    with pytest.raises(NotYourArea, match="place"):
        street.ask(new, west)
    with pytest.raises(NotYourArea, match="f1"):
        street.ask([Step(what="close", name="f1")], east)
    # whether it exists or not, the words are the same
    with pytest.raises(NotYourArea, match="f9"):
        street.ask([Step(what="close", name="f9")], east)
    assert street.own_facilities(west)["code"].tolist() == ["f1"] and street.own_facilities(east).empty
    assert street.ask([], ()).facts() == []


def test_what_cannot_be_asked_is_named(street: Ground) -> None:
    with pytest.raises(WrongCall, match="palace"):
        street.ask([Step(what="add", name="palace", place=on_street(street, 800))])
    with pytest.raises(WrongCall, match="outside the city"):
        street.ask([Step(what="add", name="canteen", place=(100.0, 20.0))])
    for wrong in ("canteen", "add:canteen", "add:canteen@1", "add:canteen@1,x", "open:f1", "move:@1,2", "add:x@200,1"):
        with pytest.raises(WrongCall):
            read_steps([wrong])
    with pytest.raises(WrongCall, match="51 changes"):
        read_steps(["close:f1"] * 51)
    # a code may hold anything, also the marks of a step
    assert read_steps(["move:a@b:c@120.5,30"])[0].name == "a@b:c"


def test_a_city_covered_by_a_norm_of_its_own_is_held_to_that(tmp_path: Path) -> None:
    city = long_street(tmp_path / "street.gpkg")
    (tmp_path / "norms.yaml").write_text(
        "standard: this town\nextends: gb50180\nnorms:\n  - {key: canteen, source: this town, distance_m: 500}\n",
        encoding="utf-8",
    )
    cover_again(city, norms=tmp_path / "norms.yaml", kinds=["canteen"])
    ground = ground_of(city)
    told = ground.ask([Step(what="add", name="canteen", place=on_street(ground, 1000))]).facts()[0]
    assert told["norm_m"] == 500 and told["before"]["covered"] == 60


def test_where_nobody_has_mapped_what_looks_like_a_gap_is_unknown(tmp_path: Path) -> None:
    city = long_street(tmp_path / "street.gpkg")
    far = "330483001002001001"
    with open_store(city) as store:
        homes, units, known = (store.read(name) for name in ("buildings", "micro_grids", "facilities"))
        more = homes.iloc[:1].assign(code="b9", micro_grid=far, households=4000)
        homes = pd.concat([homes.assign(households=homes["households"] * 40), more], ignore_index=True)
        homes.loc[homes["code"] == "b9", "geometry"] = shapely.Point(5000, 0)
        units = pd.concat([units, units.iloc[:1].assign(code=far, parent=far[:15])], ignore_index=True)
        # everything that is mapped stands in the first community
        shops = pd.concat([known.assign(code=f"s{n}", kind="shops") for n in range(60)], ignore_index=True)
        store.write_all([("buildings", homes), ("micro_grids", units),
                         ("facilities", pd.concat([known, shops], ignore_index=True))])
    ground = ground_of(city)
    lon, lat = on_street(ground, 800)
    found, same = ground.ask([Step(what="add", name="canteen", place=(lon, lat))]), what_if(city, add=["canteen@800,0"])
    assert found.facts()[0]["unknown"] == 4000 and found.facts()[0]["households"] == 4000 + 210 * 40
    columns = ["code", "kind", "status_before", "coverage_before", "unknown_households_after", "status_after"]
    pd.testing.assert_frame_equal(
        found.units.sort_values("code", ignore_index=True)[columns],
        same.units.sort_values("code", ignore_index=True)[columns], check_dtype=False,
    )
