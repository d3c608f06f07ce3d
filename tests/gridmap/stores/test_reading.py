"""What is within an area, in a box, valid on a day: the right rows, in the right order, from either store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine, select

from gridmap.stores import Store, create_store
from gridmap.stores.models import Kind
from gridmap.stores.scope import covering, starts_with
from layers.errors import UnknownLayer, WrongCall

CRS = "EPSG:4549"
EAST, WEST = "330483001001", "330483001002"


@pytest.fixture(scope="module")
def store(fresh_url: Callable[[], str], town: dict[str, gpd.GeoDataFrame]) -> Iterator[Store]:
    """The town, only to be read."""
    with create_store(fresh_url(), crs=CRS) as store:
        store.write_all(town.items())
        yield store


def test_rows_come_in_the_order_of_the_key(store: Store) -> None:
    assert store.read("buildings")["code"].tolist() == ["b1", "b2", "b3", "b4"]
    assert store.read("coverage")["micro_grid"].is_monotonic_increasing
    # the key of staff is name, role, area, by code point
    assert store.read("staff")["name"].tolist() == ["李", "王"]
    # without a key, as written
    assert store.read("findings")["rule"].tolist() == ["z", "a"]
    assert store.read("roads")["name"].tolist() == ["长街", "西巷", "远路"]
    assert store.read("buildings").index.equals(pd.RangeIndex(4))


def test_order_is_by_bytes_whatever_the_language(url: str) -> None:
    codes = ["a", "B", "Z", "é", "_", "10", "9", "\uffff", "😀", "中"]
    with create_store(url, crs=CRS) as store:
        store.write("buildings", gpd.GeoDataFrame({"code": codes}, geometry=[shapely.Point(0, 0)] * 10, crs=CRS))
        assert store.read("buildings")["code"].tolist() == sorted(codes, key=str.encode)


@pytest.mark.parametrize(
    ("layer", "within", "expected"),
    [
        ("micro_grids", [EAST], [f"{EAST}001001", f"{EAST}001002"]),
        ("micro_grids", [f"{WEST}001002"], [f"{WEST}001002"]),
        ("micro_grids", [EAST, f"{WEST}001001"], [f"{EAST}001001", f"{EAST}001002", f"{WEST}001001"]),
        ("micro_grids", ["330483"], None),
        ("micro_grids", [""], None),
        ("micro_grids", [], []),
        ("micro_grids", ["%"], []),
        ("micro_grids", ["33048300100_"], []),
        ("micro_grids", ["' OR 1=1 --"], []),
        ("communities", [f"{EAST}001"], []),
        ("communities", ["330483001"], [EAST, WEST]),
        ("buildings", [WEST], ["b3", "b4"]),
    ],
)
def test_units_and_things_are_within_by_their_code(
    store: Store, layer: str, within: list[str], expected: list[str] | None
) -> None:
    rows = store.read(layer, within=within)
    whole = store.read(layer)["code"].tolist()
    assert rows["code"].tolist() == (whole if expected is None else expected)
    assert store.count(layer, within=within) == len(rows)


def test_tables_are_within_by_their_code(store: Store) -> None:
    assert store.read("coverage", within=[WEST])["households"].tolist() == [2, 1]
    assert store.read("staff", within=[WEST])["name"].tolist() == ["李"]
    # findings speak of the whole city
    assert len(store.read("findings", within=[WEST])) == 0 and store.count("findings", within=[WEST]) == 0
    assert store.count("findings") == 2


def test_things_without_a_micro_grid_are_only_in_the_whole_city(url: str) -> None:
    stray = gpd.GeoDataFrame(
        {"name": ["远店"], "kind": ["shop"], "micro_grid": [None], "attached_by": ["none"]},
        geometry=[shapely.Point(50, 50)], crs=CRS,
    )
    with create_store(url, crs=CRS) as store:
        store.write("organizations", stray)
        assert store.count("organizations") == 1 and store.count("organizations", within=["3"]) == 0


def test_layers_without_a_code_are_within_where_they_meet_the_area(store: Store) -> None:
    assert store.read("roads", within=[EAST])["name"].tolist() == ["长街", "西巷"]
    assert store.read("roads", within=[WEST])["name"].tolist() == ["长街"]
    assert store.read("roads", within=[f"{EAST}001001"])["name"].tolist() == ["长街", "西巷"]
    assert store.count("roads", within=[WEST]) == 1
    # no district and no street is kept: the area is that of the communities under it
    assert store.read("roads", within=["330483001"])["name"].tolist() == ["长街", "西巷"]
    # a part of the codes of a level is an area too; what one code lacks another one may have
    assert store.read("roads", within=["33048300100", "999999", f"{WEST}001"])["name"].tolist() == ["长街", "西巷"]
    assert store.count("roads", within=["999999"]) == 0 and store.count("roads", within=[]) == 0
    assert store.count("roads") == 3


def test_a_box_finds_what_meets_it(store: Store) -> None:
    assert store.read("buildings", bbox=(0, 0, 45, 45))["code"].tolist() == ["b1"]
    # touching is meeting
    assert store.read("buildings", bbox=(60, 40, 140, 40))["code"].tolist() == ["b1", "b2"]
    # the box meets the road's extent, but not the road
    assert store.read("roads", bbox=(10, 60, 30, 90))["name"].tolist() == []
    assert store.read("roads", bbox=(10, 60, 70, 90))["name"].tolist() == ["西巷"]
    assert store.read("buildings", bbox=(0, 0, 400, 100), within=[WEST])["code"].tolist() == ["b3", "b4"]
    assert len(store.read("buildings", bbox=(9000, 9000, 9001, 9001))) == 0
    assert store.read("buildings", bbox=np.array([0, 0, 45, 45]))["code"].tolist() == ["b1"]


def test_a_box_reads_only_what_the_index_finds(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    many = gpd.GeoDataFrame(geometry=shapely.points(np.arange(2000) * 10.0, 0.0), crs=CRS)
    decoded: list[int] = []
    with create_store(url, crs=CRS) as store:
        store.write("buildings", many)
        decode = store._geometries
        monkeypatch.setattr(store, "_geometries", lambda values: decoded.append(len(values)) or decode(values))
        assert len(store.read("buildings", bbox=(0, -1, 25, 1))) == 3
    assert decoded == [3]


def test_a_box_is_exact_beyond_single_precision(url: str) -> None:
    # at these northings a float32 steps by 0.25 m; the index alone would let neighbours in
    x = 40_500_000 + np.arange(40) * 0.01
    points = gpd.GeoDataFrame(
        {"code": [f"{i:02d}" for i in range(40)]}, geometry=shapely.points(x, 3_400_000.0), crs="EPSG:4528"
    )
    with create_store(url, crs="EPSG:4528") as store:
        store.write("buildings", points)
        box = (x[10], 3_399_999.0, x[19], 3_400_001.0)
        assert store.read("buildings", bbox=box)["code"].tolist() == [f"{i}" for i in range(10, 20)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(*[st.floats(-60, 460)] * 2), st.tuples(*[st.floats(-20, 120)] * 2))
def test_a_box_finds_what_shapely_finds(
    store: Store, town: dict[str, gpd.GeoDataFrame], x: tuple[float, float], y: tuple[float, float]
) -> None:
    box = (min(x), min(y), max(x), max(y))
    expected = town["micro_grids"][town["micro_grids"].intersects(shapely.box(*box))]
    assert store.read("micro_grids", bbox=box)["code"].tolist() == expected["code"].tolist()


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2023, 12, 31), [40]),
        (date(2024, 1, 1), [20, 25, 40]),
        (date(2024, 12, 31), [20, 25, 40]),
        (date(2025, 1, 1), [20, 40]),
        (date(2025, 6, 1), [20, 30, 40]),
    ],
)
def test_a_day_leaves_out_what_was_not_valid(store: Store, day: date, expected: list[int]) -> None:
    assert store.read("micro_grids", as_of=day)["households"].tolist() == expected


def test_a_day_leaves_out_staff_and_says_nothing_of_roads(store: Store) -> None:
    assert store.read("staff", as_of=date(2020, 1, 1))["name"].tolist() == ["李"]
    assert len(store.read("roads", as_of=date(1900, 1, 1))) == 3


@pytest.mark.parametrize(
    ("layer", "asked", "error", "words"),
    [
        ("houses", {}, UnknownLayer, "the layers are"),
        ("roads", {"within": EAST}, WrongCall, "several codes"),
        ("staff", {"bbox": (0, 0, 1, 1)}, WrongCall, "no geometry"),
        ("roads", {"bbox": (1, 0, 0, 1)}, WrongCall, "minx, miny"),
        ("roads", {"bbox": (0, 0, 1)}, WrongCall, "minx, miny"),
        ("roads", {"bbox": (0, 0, float("nan"), 1)}, WrongCall, "minx, miny"),
    ],
)
def test_a_wrong_question_is_refused(
    store: Store, layer: str, asked: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        store.read(layer, **asked)


def test_many_areas_are_asked_at_once(store: Store) -> None:
    codes = [f"99{i:010d}" for i in range(5000)] + [f"{EAST}001002", WEST]
    assert store.read("buildings", within=codes)["code"].tolist() == ["b2", "b3", "b4"]
    assert store.read("roads", within=codes[-70:])["name"].tolist() == ["长街"]


text = st.text(alphabet=st.sampled_from(["0", "1", "9", "%", "_", "a", "\ud7ff", "\U0010ffff"]), max_size=4)


@given(st.lists(text, max_size=5), st.lists(text, max_size=80))
@settings(max_examples=60, deadline=None)
def test_a_prefix_means_what_startswith_means(names: list[str], within: list[str]) -> None:
    assert {name for name in names if name.startswith(tuple(covering(within)))} == {
        name for name in names if name.startswith(tuple(within))
    }
    table = Table("t", MetaData(), Column("code", Kind("text")))
    condition = starts_with(table.c.code, within)
    with create_engine("sqlite://").connect() as connection:
        table.create(connection)
        for name in names:
            connection.execute(table.insert().values(code=name))
        found = set(connection.execute(select(table.c.code).where(condition)).scalars())
    assert found == {name for name in names if name.startswith(tuple(within))}
