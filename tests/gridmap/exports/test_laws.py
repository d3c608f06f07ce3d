"""What holds for any table: it comes back, or a warning names the column; names are safe; nothing breaks a writer."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.exports import write_layer, write_shapefile
from gridmap.exports.fields import Field, headings, short_names
from gridmap.exports.notices import Notices
from gridmap.exports.texts import beginning, byte_lengths, modern_gb18030
from layers.schema import LAYERS

ODD = [
    "", " ", "a ", " a", "=1", "@x", "'", "\r\n", "\t", "\x00", "\x1b", "\ud800", "\ue816", "\u2028", "㙍𠮷",
    "王" * 128, "a" * 254, "ab" + "𠮷" * 63, "0012", "330101001001001001", "TRUE", "NULL", "nan", "2024-01-01", "1e5",
    "_x0041_", "<b>&",
]  # fmt: skip
# every character, halves of characters included
texts = st.one_of(st.none(), st.sampled_from(ODD), st.text(st.characters(exclude_categories=()), max_size=8))
integers = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-1000, 1000))
numbers = st.one_of(st.none(), st.floats(), st.floats(-1e6, 1e6), st.integers(-9, 9).map(float))
booleans = st.one_of(st.none(), st.booleans())
COLUMNS = [(texts, "object"), (integers, "Int64"), (numbers, "float64"), (booleans, "boolean")]

names = st.one_of(
    st.sampled_from(
        ["code", "name", "Name", "households", "residents_total", "residents_2020", "微网格名称", "fid", "FID", "geom",
         "geometry2", "description", "lon", "x", "wkt", "shape", "", " ", "=a", 'a"b', "a\nb", "within_band", "id"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)  # fmt: skip
SHAPES = [
    None, shapely.Point(), shapely.Point(500000, 3540000), shapely.box(500000, 3540000, 500010, 3540010),
    shapely.LineString([(500000, 3540000), (500010, 3540000)]), shapely.Point(500000, 3540000, 5),
    shapely.MultiPoint([(500000, 3540000), (500010, 3540000)]),
    shapely.GeometryCollection([shapely.Point(500000, 3540000), shapely.box(500000, 3540000, 500010, 3540010)]),
]  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A frame of a few rows and columns of any names, with points, with mixed geometry, or without."""
    rows = draw(st.integers(0, 4))
    kinds = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=5))
    columns = [pd.Series(draw(st.lists(values, min_size=rows, max_size=rows)), dtype=dtype) for values, dtype in kinds]
    frame = pd.concat(columns, axis=1)
    frame.columns = draw(st.lists(names, min_size=len(columns), max_size=len(columns)))
    geometry = draw(st.sampled_from(["none", "points", "mixed"]))
    if geometry == "none":
        return frame
    shapes = [shapely.Point(500000 + 10 * row, 3540000) for row in range(rows)]
    if geometry == "mixed":
        shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=rows, max_size=rows))
    place = gpd.GeoSeries(shapes, name="the place", crs=4549)
    return gpd.GeoDataFrame(pd.concat([frame, place], axis=1), geometry="the place", crs=4549)


def same(before: object, after: object) -> bool:
    missing = [
        value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) for value in (before, after)
    ]
    if any(missing):
        return all(missing)
    if isinstance(before, bool):
        return after == ("T" if before else "F")
    if isinstance(before, float):
        return math.isclose(before, after, rel_tol=1e-12) if isinstance(after, float) else False
    return before == after


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(texts, integers, numbers, booleans), min_size=1, max_size=4),
    st.sampled_from(["gb18030", "utf-8"]),
)
def test_any_table_comes_back_from_a_shapefile_or_is_warned_about(rows, encoding):
    columns = {
        name: pd.Series([row[place] for row in rows], dtype=dtype)
        for place, (name, (_, dtype)) in enumerate(zip(["说明", "count_2020", "share", "open"], COLUMNS, strict=True))
    }
    points = gpd.points_from_xy([500000.0 + row for row in range(len(rows))], [3540000.0] * len(rows))
    frame = gpd.GeoDataFrame(columns, geometry=points, crs=4549)
    with tempfile.TemporaryDirectory() as folder:
        made = write_shapefile(frame, Path(folder, "out"), layer="facilities", encoding=encoding)
        got = pyogrio.read_dataframe(Path(folder, "out", "facilities.shp"))
    warned = {notice.field: notice.rows for notice in made.warnings}
    assert len(got) == len(frame)
    for name, short in zip(made.dictionary["name"], made.dictionary["short"], strict=True):
        differ = [a for a, b in zip(frame[name].tolist(), got[short].tolist(), strict=True) if not same(a, b)]
        assert not differ or warned.get(name, 0) > 0, (name, differ)


@pytest.mark.parametrize("format", ["shapefile", "geopackage", "geojson", "kml", "csv", "xlsx"])
@settings(max_examples=25, deadline=None)
@given(frame=frames(), language=st.sampled_from(["zh", "en"]))
def test_no_table_breaks_a_writer(format, frame, language):
    with tempfile.TemporaryDirectory() as folder:
        made = write_layer(frame, Path(folder, "out"), layer="micro_grids", format=format, names=language)
        assert all(path.is_file() for path in made.files) and made.rows == len(frame)


def fields(given_names: list[str]) -> list[Field]:
    layer = LAYERS["micro_grids"]
    empty = pd.Series([None], dtype=object)
    return [Field(name=name, type="text", values=empty, column=layer.column(name)) for name in given_names]


@given(st.lists(names, max_size=40))
def test_short_names_are_ascii_short_and_unlike_in_any_case(given_names):
    shorts = short_names(fields(given_names))
    assert all(short.isascii() and 0 < len(short) <= 10 and short[0].isalpha() for short in shorts)
    assert all(short.replace("_", "").isalnum() for short in shorts)
    assert len({short.lower() for short in shorts}) == len(shorts)


@given(st.lists(names, max_size=40))
def test_headings_are_unlike_in_any_case_and_keep_clear_of_the_format(given_names):
    found = headings(fields(given_names), names="en", notices=Notices("grids"), reserved={"fid", "geom"})
    lower = [heading.lower() for heading in found]
    assert len(set(lower)) == len(lower) and not {"fid", "geom", ""} & set(lower)


@given(st.text(max_size=80), st.integers(0, 60), st.sampled_from(["gb18030", "utf-8"]))
def test_a_beginning_is_the_longest_that_fits(text, limit, encoding):
    cut = beginning(text, encoding, limit)
    assert text.startswith(cut) and len(cut.encode(encoding)) <= limit
    assert cut == text or len(text[: len(cut) + 1].encode(encoding)) > limit


def test_byte_lengths_count_no_less_than_gdal_writes(tmp_path):
    """All characters of the basic plane: what fits by Python's GB18030 fits by the one that GDAL encodes with."""
    characters = [chr(code) for code in range(0x20, 0x10000) if not 0xD800 <= code < 0xE000]
    lines = ["x" + "".join(characters[start : start + 40]) + "x" for start in range(0, len(characters), 40)]
    write_shapefile(pd.DataFrame({"text": lines}), tmp_path / "out", layer="incidents")
    data = (tmp_path / "out" / "incidents.dbf").read_bytes()
    header, width = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    written = [data[header + row * width + 1 : header + (row + 1) * width].rstrip(b" ") for row in range(len(lines))]
    counted = byte_lengths(modern_gb18030(pd.Series(lines, dtype=object)), "gb18030")
    assert all(len(row) <= count for row, count in zip(written, counted, strict=True))
