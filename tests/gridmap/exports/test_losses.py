"""Everything a format loses has a name and counts its rows: the list of what GDAL drops in silence, line by line."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from gridmap.exports import write_layer, write_shapefile
from gridmap.exports.dbase import cells_of
from gridmap.exports.fields import DICTIONARY, Field, fields_of
from gridmap.exports.notices import RULES, Notices
from gridmap.exports.order import FORMATS
from gridmap.exports.texts import (
    UNHOLDABLE,
    changed,
    empty_as_null,
    modern_gb18030,
    without,
    without_outer_spaces,
)
from layers.schema import LAYERS

WIDE = 2**53 + 1


def told(made) -> dict[tuple[str, str | None], int]:
    return {(notice.rule, notice.field): notice.rows for notice in made.warnings}


def read(folder, name="grids"):
    return pyogrio.read_dataframe(folder / "out" / f"{name}.shp")


def test_long_text_is_cut_at_a_whole_character_and_stands_whole_beside(tmp_path, points):
    texts = ["王" * 200, "ab" + "㙍" * 99, "王" * 127, None]
    frame = points({"code": ["1", "2", "3", "4"], "name": texts})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert told(made) == {("long_text", "name"): 2}
    got = read(tmp_path)["name"].tolist()
    assert got[:3] == ["王" * 127, "ab" + "㙍" * 63, "王" * 127]
    whole = pd.read_csv(tmp_path / "out" / "long_text.csv", dtype=str, encoding="utf-8-sig")
    assert whole[["file", "row", "code", "short", "name", "text"]].values.tolist() == [
        ["grids.shp", "1", "1", "name", "name", texts[0]],
        ["grids.shp", "2", "2", "name", "name", texts[1]],
    ]


def test_long_text_in_utf_8_keeps_84_chinese_characters(tmp_path, points):
    frame = points({"code": ["1", "2"], "name": ["王" * 85, "王" * 84]})
    made = write_shapefile(frame, tmp_path / "out", layer="grids", encoding="utf-8")
    assert told(made) == {("long_text", "name"): 1}
    assert read(tmp_path)["name"].tolist() == ["王" * 84, "王" * 84]


def test_long_text_in_csv_does_not_run_as_a_formula(tmp_path, points):
    write_shapefile(points({"code": ["1"], "name": ["=1+" + "1" * 300]}), tmp_path / "out", layer="grids")
    assert pd.read_csv(tmp_path / "out" / "long_text.csv")["text"][0].startswith("'=1+1")


def test_whole_numbers_beyond_15_digits_become_text(tmp_path, points):
    frame = points({"code": ["1", "2", "3"], "big": [WIDE, -(2**63), 7], "fits": [10**15 - 1, 1, 2]})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert told(made) == {("integer_as_text", "big"): 2}
    got = read(tmp_path)
    assert got["big"].tolist() == [str(WIDE), str(-(2**63)), "7"]
    assert got["fits"].tolist() == [10**15 - 1, 1, 2]


def test_huge_and_endless_numbers_become_text(tmp_path, points):
    frame = points({"code": ["1", "2", "3"], "area_m2": [1e300, float("-inf"), 0.5]})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert told(made) == {("number_as_text", "area_m2"): 2}
    assert read(tmp_path)["area_m2"].tolist() == ["1e+300", "-inf", "0.5"]


def test_tiny_numbers_are_rounded_aloud(tmp_path, points):
    made = write_shapefile(
        points({"code": ["1", "2", "3"], "area_m2": [1e-20, 1 / 3, 1e-9 / 3]}), tmp_path / "out", layer="grids"
    )
    assert told(made) == {("number_rounded", "area_m2"): 2}


def test_empty_text_becomes_an_empty_cell(tmp_path, points):
    made = write_shapefile(points({"code": ["1", "2", "3"], "name": ["", None, "a"]}), tmp_path / "out", layer="grids")
    assert told(made) == {("empty_text_as_null", "name"): 1}
    assert read(tmp_path)["name"].isna().tolist() == [True, True, False]


def test_spaces_at_the_ends_go(tmp_path, points):
    frame = points({"code": ["1", "2", "3", "4"], "name": [" a", "b ", "  ", "　全角　"]})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert told(made) == {("outer_spaces_lost", "name"): 3}
    assert read(tmp_path)["name"].tolist()[3] == "　全角　"


def test_characters_that_gbk_lacks_are_kept_and_old_private_places_mapped(tmp_path, points, gdal):
    # what Python reads from the GB18030 bytes FE 51 of 𠂇, and what iconv would drop
    old = b"\xfe\x51\xa6\xd9".decode("gb18030")
    assert old == "\ue816\ue78d"
    frame = points({"code": ["1", "2"], "name": ["王" + old, "㙍𠮷"]})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert told(made) == {("characters_mapped", "name"): 1}
    wanted = ["王\U00020087\ufe10", "㙍𠮷"]
    assert read(tmp_path)["name"].tolist() == wanted
    assert [row["name"] for row in gdal(tmp_path / "out" / "grids.shp")] == wanted


def test_half_characters_and_nul_go(tmp_path, points):
    names = pd.Series(["a\x00b", "\ud842c"], dtype=object)
    made = write_shapefile(points({"code": ["1", "2"], "name": names}), tmp_path / "out", layer="grids")
    assert told(made) == {("characters_removed", "name"): 2}
    assert read(tmp_path)["name"].tolist() == ["ab", "c"]


def test_values_of_no_type_are_written_out(tmp_path, points):
    frame = points(
        {"code": ["1", "2", "3"], "tags": [{"楼": 1}, ["a"], "b"], "mixed": pd.Series([1, "x", None], dtype=object)}
    )
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert told(made) == {("value_as_text", "tags"): 2, ("value_as_text", "mixed"): 1}
    assert read(tmp_path)["tags"].tolist() == ['{"楼": 1}', '["a"]', "b"]


def test_dates_and_times_are_iso_text_and_the_dictionary_says_so(tmp_path, points):
    frame = points(
        {"code": ["1"], "valid_from": pd.to_datetime(["2024-02-29"]), "at": pd.to_datetime(["2024-02-29 08:30"])}
    )
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert made.warnings == ()
    assert read(tmp_path)[["valid_from", "at"]].values.tolist() == [["2024-02-29", "2024-02-29T08:30:00"]]
    notes = made.dictionary.set_index("name")
    assert notes.loc["valid_from", ["type", "note"]].tolist() == ["date", "ISO 8601"]
    assert notes.loc["at", ["type", "note"]].tolist() == ["datetime", "ISO 8601"]


def test_empty_numbers_that_arcmap_shows_as_0_are_noted_in_the_dictionary(tmp_path, points):
    frame = points({"code": ["1", "2"], "households": pd.array([None, 3], dtype="Int64")})
    made = write_shapefile(frame, tmp_path / "out", layer="grids")
    assert "1 rows are empty, which ArcMap shows as 0" in made.dictionary.set_index("name").loc["households", "note"]


def test_mixed_kinds_are_split_rather_than_bent(tmp_path, shapes):
    line = shapely.LineString([(500000, 3540000), (500009, 3540000)])
    frame = shapes(shapely.box(500000, 3540000, 500010, 3540010), line, None, shapely.Point(500000, 3540000))
    made = write_shapefile(frame, tmp_path / "out", layer="green")
    assert told(made) == {("split_by_kind", None): 4}
    kinds = {kind: read(tmp_path, f"green_{kind}") for kind in ("area", "line", "point")}
    assert {kind: got["code"].tolist() for kind, got in kinds.items()} == {
        "area": [frame["code"][0], frame["code"][2]], "line": [frame["code"][1]], "point": [frame["code"][3]]
    }  # fmt: skip
    assert kinds["line"].geometry[0].equals(line)
    assert set(made.dictionary["file"]) == {"green_area.shp", "green_line.shp", "green_point.shp"}


def test_collections_are_taken_apart(tmp_path, shapes):
    area, dot = shapely.box(500000, 3540000, 500010, 3540010), shapely.Point(500000, 3540000)
    nested = shapely.GeometryCollection(
        [area, shapely.GeometryCollection([shapely.MultiPoint([dot]), shapely.Point()])]
    )
    made = write_shapefile(shapes(nested, area), tmp_path / "out", layer="green")
    assert told(made) == {("collection_split", None): 1, ("split_by_kind", None): 2}
    assert read(tmp_path, "green_area").geometry.geom_equals(gpd.GeoSeries([area, area], crs=4549)).all()
    assert read(tmp_path, "green_point").geometry.tolist() == [dot]


def test_empty_geometry_becomes_none(tmp_path, shapes):
    made = write_shapefile(
        shapes(shapely.Point(), shapely.Point(500000, 3540000)), tmp_path / "out", layer="facilities"
    )
    assert told(made) == {("empty_geometry_as_null", None): 1}
    assert read(tmp_path, "facilities").geometry.isna().tolist() == [True, False]


def test_heights_are_filled_and_measures_dropped_aloud(tmp_path, shapes):
    frame = shapes(
        shapely.Point(500000, 3540000, 7), shapely.Point(500010, 3540000), shapely.from_wkt("POINT M (1 2 9)")
    )
    made = write_shapefile(frame, tmp_path / "out", layer="facilities")
    assert told(made) == {("measure_dropped", None): 1, ("height_filled", None): 2}
    assert shapely.get_z(read(tmp_path, "facilities").geometry.array).tolist() == [7, 0, 0]


def test_points_among_multipoints(tmp_path, shapes):
    pair = shapely.MultiPoint([(500000, 3540000), (500010, 3540000)])
    made = write_shapefile(shapes(pair, shapely.Point(500020, 3540000)), tmp_path / "out", layer="facilities")
    assert told(made) == {("points_as_multipoints", None): 1}
    assert read(tmp_path, "facilities").geom_type.tolist() == ["MultiPoint", "MultiPoint"]


def test_invalid_geometry_is_kept_and_counted(tmp_path, shapes):
    bowtie = shapely.Polygon([(500000, 3540000), (500010, 3540010), (500010, 3540000), (500000, 3540010)])
    made = write_shapefile(shapes(bowtie), tmp_path / "out", layer="green")
    assert told(made) == {("invalid_geometry", None): 1}
    assert read(tmp_path, "green").geometry.length[0] == pytest.approx(bowtie.length)


@pytest.mark.filterwarnings("ignore:.*rings with invalid winding order")  # GDAL, on reading this very file
def test_an_invalid_geometry_that_reads_back_in_another_shape_is_told(tmp_path, shapes):
    # a hole outside its polygon: readers make it a polygon of its own
    shell, hole = (shapely.box(x, 3540000, x + 10, 3540010).exterior for x in (500000, 500020))
    made = write_shapefile(shapes(shapely.Polygon(shell, [hole])), tmp_path / "out", layer="green")
    assert told(made) == {("invalid_geometry", None): 1, ("invalid_geometry_changed", None): 1}
    assert read(tmp_path, "green").area[0] == 200


@pytest.mark.parametrize("format", ["geojson", "kml"])
def test_another_datum_than_the_standard_says(tmp_path, points, format):
    made = write_layer(points({"code": ["1"]}), tmp_path / "out", layer="facilities", format=format, datum="cgcs2000")
    assert told(made) == {("datum_not_standard", None): 1}


def test_every_rule_is_met_in_some_test():
    """A rule that no test meets could be wrong for years."""
    written = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [rule for rule in RULES if f'"{rule}"' not in written] == []


def test_every_rule_speaks_both_languages():
    for english, chinese in RULES.values():
        assert english.isascii() and not chinese.isascii()


def test_the_manual_names_every_rule_format_and_column():
    manual = (Path(__file__).parents[3] / "docs" / "files-out.md").read_text(encoding="utf-8")
    for word in (*RULES, *FORMATS, *DICTIONARY):
        assert f"`{word}`" in manual, word


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai"])
@pytest.mark.parametrize("part", ["", ".25"])
def test_times_are_written_as_python_writes_them(unit: str, zone: str | None, part: str) -> None:
    told = pd.to_datetime(pd.Series(["2026-03-02 08:15:07", f"1999-12-31 23:59:59{part}", None]), format="ISO8601")
    times = told.astype(f"datetime64[{unit}]") if zone is None else told.dt.tz_localize(zone).dt.as_unit(unit)
    (field,) = fields_of(pd.DataFrame({"x": times}), LAYERS["incidents"], Notices("incidents"))
    assert field.type == "datetime"
    assert field.values.tolist() == [None if pd.isna(time) else time.isoformat() for time in times]


@pytest.mark.parametrize(("character", "fits"), [("a", 254), ("王", 127), ("\U00020087", 63)])
def test_a_text_is_long_from_the_byte_on_that_a_cell_has_no_room_for(character: str, fits: int) -> None:
    for size, long in ((fits, False), (fits + 1, True)):
        field = Field(name="name", type="text", values=pd.Series(["x", None, character * size], dtype=object))
        cells = cells_of(field, "gb18030", long_file="long_text.csv", notices=Notices("roads"))
        assert cells.long.tolist() == [False, False, long]
        assert cells.values.tolist() == ["x", None, character * fits] and cells.whole.tolist()[2] == character * size


def test_texts_with_nothing_to_change_are_given_back_as_they_are() -> None:
    plain = pd.Series(["长安街 1", None, ""], dtype=object)
    assert without(plain, UNHOLDABLE) is plain and modern_gb18030(plain) is plain
    assert without_outer_spaces(plain) is plain and not changed(plain, plain).any()
    assert empty_as_null(plain).tolist() == ["长安街 1", None, None]
    odd = pd.Series(["a\x00b", "\ue816", None], dtype=object)
    assert without(odd, UNHOLDABLE)[0] == "ab" and modern_gb18030(odd)[1] == "\U00020087"
    for text, bare in ((" c", "c"), ("d ", "d"), (" ", "")):
        assert without_outer_spaces(pd.Series(["x", None, text], dtype=object)).tolist() == ["x", None, bare]
