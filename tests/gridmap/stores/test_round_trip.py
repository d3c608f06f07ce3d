"""What goes into a store comes out of it, whatever it is, and the same out of either store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from gridmap.stores import Store, create_store, open_store
from layers.errors import CrsMismatch, DataBroken, UnknownLayer, WrongCall
from layers.schema import LAYERS

CRS = "EPSG:4549"
LAST = pd.Timestamp("9999-12-31T23:59:59.999").as_unit("us")
HOSTILE = [
    "'; DROP TABLE buildings; --", '"quoted"', "tab\there", "line\nbreak\r\n", "back\\slash \\N \\.", "${7*7}`",
    "<img src=x onerror=alert(1)>", "%s %(x)s :name ?", "𠮷野家 😀 👩‍👩‍👧", "é e\u0301", "\u202eright to left", " ", "",
]


@pytest.fixture(scope="module")
def store(fresh_url: Callable[[], str]) -> Iterator[Store]:
    """One city for all: each test puts its own frame in place."""
    with create_store(fresh_url(), crs=CRS) as store:
        yield store


def written_and_read(store: Store, layer: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame after it was kept, as another who opens the store reads it."""
    store.write(layer, frame)
    with open_store(store.url) as other:
        return other.read(layer)


def points(count: int) -> gpd.GeoSeries:
    return gpd.GeoSeries(shapely.points(np.arange(count), 0.0), crs=CRS)


def test_every_type_of_the_schema_comes_back(store: Store) -> None:
    frame = gpd.GeoDataFrame(
        {
            "code": ["001", "002", None],
            "category": ["矛盾纠纷", "", "😀"],
            "reported_at": pd.array(["2024-05-01T08:30", "1999-12-31T23:59:59.123", None], dtype="datetime64[us]"),
            "closed_at": ["2024-05-02T00:00:00", None, None],
            "attach_distance_m": [0.1, np.nan, 1e-300],
        },
        geometry=points(3),
    )
    back = written_and_read(store, "incidents", frame)
    # ordered by code, those without one first
    assert back["code"].tolist()[1:] == ["001", "002"] and pd.isna(back["code"][0])
    assert back["category"].tolist() == ["😀", "矛盾纠纷", ""]
    assert back["reported_at"].dtype == "datetime64[us]" and back["closed_at"].dtype == "datetime64[us]"
    assert back["reported_at"].tolist() == [
        pd.NaT, pd.Timestamp("2024-05-01T08:30:00"), pd.Timestamp("1999-12-31T23:59:59.123"),
    ]
    assert back["closed_at"].tolist() == [pd.NaT, pd.Timestamp("2024-05-02"), pd.NaT]
    assert_series_equal(
        back["attach_distance_m"], pd.Series([1e-300, 0.1, np.nan], name="attach_distance_m"), check_exact=True
    )


def test_counts_booleans_and_dates_come_back(store: Store) -> None:
    frame = gpd.GeoDataFrame(
        {
            "code": ["330483001001001001", "330483001001001002", "330483001001001003"],
            "households": [25.0, np.nan, 9_007_199_254_740_991.0],
            "floor_from": pd.array([-3, None, 33], dtype="Int64"),
            "within_band": [True, None, False],
            "valid_from": [date(2024, 5, 1), None, pd.Timestamp("2025-01-02 15:00")],
            "valid_to": pd.to_datetime(["2030-01-01", None, None]),
        },
        geometry=shapely.box(0, 0, [1, 2, 3], 1), crs=CRS,
    )
    back = written_and_read(store, "micro_grids", frame)
    assert back["households"].dtype == "Int64" and back["within_band"].dtype == "boolean"
    assert back["households"].tolist() == [25, pd.NA, 9_007_199_254_740_991]
    assert back["floor_from"].tolist() == [-3, pd.NA, 33]
    assert back["within_band"].tolist() == [True, pd.NA, False]
    assert back["valid_from"].tolist()[::2] == ["2024-05-01", "2025-01-02"] and pd.isna(back["valid_from"][1])
    assert back["valid_to"][0] == "2030-01-01"


def test_columns_that_a_file_brought_are_kept_by_their_type(store: Store) -> None:
    frame = gpd.GeoDataFrame(
        {
            "code": ["1", "2"],
            "备注": ["甲", None],
            "Code": ["other", "column"],
            "fid": [7, 8],
            'x"; DROP TABLE roads': [1.5, np.nan],
            "flag": [True, False],
            "seen": pd.to_datetime(["2024-01-01T00:00:00+08:00", None]),
            "day": [date(2024, 1, 1), None],
            "tags": [{"a": [1, "二"]}, [1, 2]],
            "mixed": ["x", 7],
            "huge": [2**70, 1],
            "grade": pd.Categorical(["a", "b"]),
            "字" * 30 + "甲": [1, 2],
            "字" * 30 + "乙": [3, 4],
            3: ["number", "name"],
        },
        geometry=points(2),
    )
    back = written_and_read(store, "organizations", frame)
    extra = [name for name in back.columns if name not in LAYERS["organizations"] and name != "geometry"]
    assert extra == [str(name) for name in frame.columns if name not in ("code", "geometry")]
    kinds = {name: str(back[name].dtype) for name in extra}
    assert kinds["fid"] == "Int64" and kinds["flag"] == "boolean" and kinds['x"; DROP TABLE roads'] == "float64"
    assert kinds["seen"] == "datetime64[us, UTC]"
    assert back["seen"][0] == pd.Timestamp("2023-12-31T16:00:00Z")
    assert back["Code"].tolist() == ["other", "column"] and back["code"].tolist() == ["1", "2"]
    assert back["day"][0] == "2024-01-01"
    assert back["tags"].tolist() == ['{"a": [1, "二"]}', "[1, 2]"]
    assert back["mixed"].tolist() == ["x", "7"]
    assert back["huge"].tolist() == [str(2**70), "1"]
    assert back["grade"].tolist() == ["a", "b"]
    assert back["字" * 30 + "甲"].tolist() == [1, 2] and back["字" * 30 + "乙"].tolist() == [3, 4]
    assert back["3"].tolist() == ["number", "name"]


def test_hostile_text_is_only_text(store: Store) -> None:
    frame = gpd.GeoDataFrame({"code": [f"{i:02d}" for i in range(len(HOSTILE))], "name": HOSTILE, "own": HOSTILE},
                             geometry=points(len(HOSTILE)))
    back = written_and_read(store, "buildings", frame)
    assert back["name"].tolist() == HOSTILE and back["own"].tolist() == HOSTILE


def test_text_that_no_database_takes_is_marked(store: Store) -> None:
    names = pd.Series(["a\x00b", "c\ud800d", "fine"], dtype=object)
    frame = pd.DataFrame({"name": names, "role": "r", "area": ["1", "2", "3"]})
    assert sorted(written_and_read(store, "staff", frame)["name"]) == ["a\ufffdb", "c\ufffdd", "fine"]


def test_stamps_are_rounded_to_the_millisecond_and_never_leave_the_calendar(store: Store) -> None:
    stamps = ["2024-05-01T08:29:59.999999", "1969-12-31T23:59:59.9994", "9999-12-31T23:59:59.999999"]
    frame = gpd.GeoDataFrame(
        {"code": list("abc"), "category": "x", "reported_at": pd.array(stamps, dtype="datetime64[us]")},
        geometry=points(3),
    )
    assert written_and_read(store, "incidents", frame)["reported_at"].astype(str).tolist() == [
        "2024-05-01 08:30:00.000", "1969-12-31 23:59:59.999", "9999-12-31 23:59:59.999",
    ]


def test_geometry_comes_back_to_the_byte(store: Store) -> None:
    wkt = [
        "POLYGON ((0 0, 0.1 0, 0.30000000000000004 1e-12, 0 0))",
        "POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0), (1 1, 2 1, 2 2, 1 1))",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
        "POINT (500000.123456789 3400000.987654321)",
        "POINT Z (1 2 3)",
        "POLYGON EMPTY",
        "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))",
    ]
    geometry = [*shapely.from_wkt(wkt), None]
    frame = gpd.GeoDataFrame({"code": list("abcdefgh")}, geometry=geometry, crs=CRS)
    back = written_and_read(store, "buildings", frame)
    assert shapely.to_wkb(back.geometry.array).tolist() == shapely.to_wkb(np.array(geometry)).tolist()
    assert back.crs == frame.crs


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(
        st.tuples(
            st.none() | st.text(),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.booleans(),
            st.none() | st.datetimes(),
        ),
        max_size=6,
    )
)
def test_any_values_come_back(store: Store, data: list[tuple]) -> None:
    names = ["name", "households", "ratio", "flag", "at"]
    types = ["object", "Int64", "float64", "boolean", "datetime64[us]"]
    columns = dict(zip(names, zip(*data, strict=True), strict=True)) if data else dict.fromkeys(names, ())
    frame = gpd.GeoDataFrame(
        {name: pd.Series(list(columns[name]), dtype=kind) for name, kind in zip(names, types, strict=True)},
        geometry=points(len(data)),
    )
    store.write("buildings", frame)
    back = store.read("buildings")
    assert [None if pd.isna(text) else text for text in back["name"]] == [
        None if text is None else text.replace("\x00", "\ufffd") for text in columns["name"]
    ]
    if data:
        for name in ("households", "ratio", "flag", "at"):
            kept = frame[name].dt.round("ms").clip(upper=LAST) if name == "at" else frame[name]
            assert_series_equal(back[name], kept, check_exact=True)


def test_both_stores_give_the_same(
    tmp_path: Path, fresh_schema: Callable[[], str], town: dict[str, gpd.GeoDataFrame]
) -> None:
    urls = [str(tmp_path / "city.gpkg"), fresh_schema()]
    stores = [create_store(url, crs=CRS) for url in urls]
    for store in stores:
        store.write_all(town.items())
    one, other = stores
    assert one.layers() == other.layers() == [name for name in LAYERS if name in town]
    for name in LAYERS:
        for asked in ({}, {"within": ["330483001001"]}, {"as_of": date(2024, 12, 31)}, {"bbox": (0, 0, 90, 90)}):
            if "bbox" in asked and not LAYERS[name].geometry:
                continue
            mine, yours = one.read(name, **asked), other.read(name, **asked)
            same = assert_geodataframe_equal if LAYERS[name].geometry else assert_frame_equal
            same(mine, yours)
    for store in stores:
        store.close()


def test_an_empty_layer_has_its_columns(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        roads, staff = store.read("roads"), store.read("staff")
        assert store.layers() == []
    assert roads.columns.tolist() == [*(column.name for column in LAYERS["roads"]), "geometry"]
    assert len(roads) == 0 and roads.crs == CRS and roads["layer"].dtype == "Int64"
    assert staff.columns.tolist() == ["name", "role", "area", "from", "to", "phone"]
    assert not isinstance(staff, gpd.GeoDataFrame)


def test_an_empty_frame_empties_the_layer(store: Store, town: dict[str, gpd.GeoDataFrame]) -> None:
    store.write("roads", town["roads"])
    store.write("roads", town["roads"].iloc[:0])
    assert "roads" not in store.layers() and store.count("roads") == 0


def test_the_frame_given_is_not_changed(store: Store, town: dict[str, gpd.GeoDataFrame]) -> None:
    before = town["micro_grids"].copy(deep=True)
    store.write("micro_grids", town["micro_grids"])
    assert_geodataframe_equal(town["micro_grids"], before)


def test_a_geometry_of_another_name_is_the_geometry(store: Store) -> None:
    frame = gpd.GeoDataFrame({"code": ["a"], "shape": [shapely.Point(3, 4)]}, geometry="shape", crs=CRS)
    assert written_and_read(store, "facilities", frame).geometry[0].wkt == "POINT (3 4)"


@pytest.mark.parametrize(
    ("layer", "frame", "error", "words"),
    [
        ("streeets", pd.DataFrame(), UnknownLayer, "the layers are"),
        ("roads", pd.DataFrame({"name": ["x"]}), WrongCall, "needs a GeoDataFrame"),
        ("staff", gpd.GeoDataFrame({"name": ["x"]}, geometry=points(1)), WrongCall, "without geometry"),
        ("roads", gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326), CrsMismatch, "to_crs"),
        ("roads", gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)]), CrsMismatch, "set_crs"),
        ("roads", gpd.GeoDataFrame({"name": [7]}, geometry=points(1)), WrongCall, "column name of roads"),
        ("buildings", gpd.GeoDataFrame({"levels": [2.5]}, geometry=points(1)), WrongCall, "column levels of buildings"),
        ("buildings", gpd.GeoDataFrame({"levels": [2**64]}, geometry=points(1)), WrongCall, "column levels"),
        ("estates", gpd.GeoDataFrame({"managed": ["maybe"]}, geometry=points(1)), WrongCall, "column managed"),
        ("grids", gpd.GeoDataFrame({"valid_from": ["soon"]}, geometry=points(1)), WrongCall, "column valid_from"),
        ("incidents", gpd.GeoDataFrame({"closed_at": ["?"]}, geometry=points(1)), WrongCall, "column closed_at"),
        ("roads", gpd.GeoDataFrame({"b": points(1)}, geometry=points(1)), WrongCall, "second geometry"),
    ],
)
def test_what_is_no_frame_of_the_layer_is_refused(
    store: Store, layer: str, frame: pd.DataFrame, error: type[Exception], words: str
) -> None:
    before, version = store.layers(), store.meta()["data_version"]
    with pytest.raises(error, match=words):
        store.write(layer, frame)
    assert store.layers() == before and store.meta()["data_version"] == version


def test_a_name_given_twice_is_refused(store: Store) -> None:
    twice = pd.DataFrame([["a", "b"]], columns=["name", "name"])
    store.write("staff", pd.DataFrame())
    with pytest.raises(WrongCall, match="'name' twice"):
        store.write("staff", twice)
    with pytest.raises(WrongCall, match="staff is given twice"):
        store.write_all([("staff", pd.DataFrame({"name": ["x"]}))] * 2)
    assert store.count("staff") == 0


def test_a_value_that_somebody_else_put_in_is_named(tmp_path: Path) -> None:
    import sqlite3

    url = str(tmp_path / "city.gpkg")
    with create_store(url, crs=CRS) as store:
        store.write("staff", pd.DataFrame({"name": ["x"], "own": [5]}))
        with sqlite3.connect(url) as connection:
            connection.execute("UPDATE staff SET own = 'five'")
        connection.close()
        with pytest.raises(DataBroken, match="column own of staff"):
            store.read("staff")
