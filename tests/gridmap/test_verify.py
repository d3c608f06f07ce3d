"""A city drawn by hand that keeps every promise; then each promise broken on purpose, and found out.

::

    y 200 +--------+--------+-----------------+
          |        | E2, E3 |       W2        |    E2 and E3: floors 1-8 and 9-16 of one tower, one polygon
      100 |   E1   | tower  +-----------------+
          |        |        |       W1        |
        0 +--------+--------+-----------------+
          0       100      200               400
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from shapely import box

from gridmap.stores import create_store
from gridmap.verify import Verification, verify
from layers.errors import MissingLayer

CRS = "EPSG:4549"
DISTRICT, STREET, EAST, WEST = "330483", "330483001", "330483001001", "330483001002"
E1, E2, E3 = (f"{EAST}00100{number}" for number in (1, 2, 3))
W1, W2 = (f"{WEST}00100{number}" for number in (1, 2))
#: The tower's side to the west has a vertex where W1 and W2 meet it.
TOWER = shapely.Polygon([(100, 0), (200, 0), (200, 100), (200, 200), (100, 200)])
EXCLAVE = box(1000, 0, 1010, 10)
PROMISES = [
    "codes", "connected", "disjoint", "stacks", "tiled", "segments", "nested", "buildings", "footprints", "households",
    "households_total", "within_band", "reasons", "barriers", "attached", "kept", "desk",
    "coverage",
]  # fmt: skip


def frame(geometry: list, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=CRS)


@dataclass
class City:
    """Frames and facts of a city, to be changed and then kept."""

    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def put(self, layer: str, code: str, column: str, value: object) -> None:
        """Change one value, in the row of that code (or, for coverage, of that micro-grid)."""
        table = self.frames[layer]
        key = "code" if "code" in table else "micro_grid"
        rows = table.index[table[key] == code]
        assert len(rows)
        table[column] = [value if index in rows else old for index, old in table[column].items()]

    def verified(self, path: Path) -> Verification:
        with create_store(path, crs=CRS, **self.facts) as store:
            store.write_all(self.frames.items())
            return verify(store)


@pytest.fixture
def city() -> City:
    east, west = box(0, 0, 200, 200), box(200, 0, 400, 200)
    whole = box(0, 0, 400, 200)
    frames = {
        "districts": frame([whole], code=[DISTRICT]),
        "streets": frame([whole], code=[STREET], parent=[DISTRICT]),
        "communities": frame([east, west], code=[EAST, WEST], parent=[STREET] * 2),
        "grids": frame([east, west], code=[f"{EAST}001", f"{WEST}001"], parent=[EAST, WEST]),
        "micro_grids": frame(
            [box(0, 0, 100, 200), TOWER, TOWER, box(200, 0, 400, 100), box(200, 100, 400, 200)],
            code=[E1, E2, E3, W1, W2], parent=[f"{EAST}001"] * 3 + [f"{WEST}001"] * 2,
            households=[20, 25, 30, 18, 8], within_band=[True, True, True, True, False],
            reason=[None, None, None, None, "too few reached"], stack=[None, "tower", "tower", None, None],
            floor_from=[None, 1, 9, None, None], floor_to=[None, 8, 16, None, None],
        ),
        "buildings": frame(
            [box(10, 10, 30, 30), box(120, 50, 180, 99), box(120, 101, 180, 150), box(250, 20, 270, 40),
             box(250, 120, 270, 140), box(300, 20, 310, 30)],
            code=["b1", "t-1", "t-2", "b2", "b3", "shed"], part_of=[None, "t", "t", None, None, None],
            households=[20, 25, 30, 18, 8, 0], micro_grid=[E1, E2, E3, W1, W2, W1],
        ),
        "organizations": frame(
            [shapely.Point(50, 50), shapely.Point(200, 50)], code=["o1", "o2"], name=["甲", "乙"], kind=["x", "x"],
            micro_grid=[E1, E2], grid=[f"{EAST}001"] * 2, community=[EAST] * 2, attached_by=["within", "border_rule"],
        ),
        "facilities": frame(
            [shapely.Point(-20, 50), box(290, 50, 310, 70)], code=["f1", "f2"], name=["丙", "丁"], kind=["clinic"] * 2,
            micro_grid=[E1, W1], grid=[f"{EAST}001", f"{WEST}001"], community=[EAST, WEST],
            attached_by=["nearest", "within"], attach_distance_m=[20.0, 0.0],
        ),
        "incidents": frame(
            [shapely.Point(5000, 0), None], code=["i1", "i2"], category=["x"] * 2, attached_by=["none"] * 2,
        ),
        "coverage": pd.DataFrame({
            "micro_grid": [E1, E2, E3, W1, W2], "kind": ["clinic"] * 5, "households": [20, 25, 30, 18, 8],
            "covered_households": [20, 10, 0, 18, 4], "coverage": [1.0, 0.4, 0.0, 1.0, 0.5],
            "status": ["covered", "partial", "gap", "covered", "partial"],
        }),
        "findings": pd.DataFrame({"layer": ["buildings"], "rule": ["no_households"], "code": ["b2"]}),
    }  # fmt: skip
    facts = {
        "settings": json.dumps({"split": {"households": [15, 25, 40]}}), "households_in": "101",
        "rows_in": json.dumps({"organizations": 2, "facilities": 2, "incidents": 2}),
    }  # fmt: skip
    return City(frames, facts)


def broken(result: Verification) -> list[str]:
    return [promise.name for promise in result.promises if not promise.ok]


def test_a_good_city_keeps_every_promise(city: City, tmp_path: Path) -> None:
    result = city.verified(tmp_path / "city.gpkg")
    assert [promise.name for promise in result.promises] == PROMISES
    assert {promise.name: promise.examples for promise in result.promises if not promise.ok} == {}
    assert result.ok and all(promise.broken == 0 for promise in result.promises)
    assert result["segments"].figure == "4 border segments between two areas, 9 on the outline, 0 neither"
    assert result["households_total"].figure == "101 households kept of 101 that came in"
    assert result["stacks"].figure == "1 stacks of 2 micro-grids"


def test_the_result_is_plain_json(city: City, tmp_path: Path) -> None:
    city.facts["households_in"] = "102"
    result = city.verified(tmp_path / "city.gpkg")
    plain = json.loads(json.dumps(result.to_dict(), ensure_ascii=False))
    assert plain["ok"] is False and len(plain["promises"]) == len(PROMISES)
    total = plain["promises"][PROMISES.index("households_total")]
    assert total == {
        "name": "households_total", "zh": "总户数一户不少", "en": "no household of the input is lost", "ok": False,
        "broken": 1, "examples": ["households_in"], "figure": "101 households kept of 102 that came in",
    }  # fmt: skip


def parent_of_another(city: City) -> None:
    city.put("micro_grids", W2, "parent", f"{EAST}001")


def grid_twice(city: City) -> None:
    grids = city.frames["grids"]
    city.frames["grids"] = pd.concat([grids, grids.iloc[:1]], ignore_index=True)


def two_parts(city: City) -> None:
    middle = box(0, 50, 100, 150)
    city.put("micro_grids", E1, "geometry", shapely.MultiPolygon([box(0, 0, 100, 50), box(0, 150, 100, 200)]))
    for code in (E2, E3):
        city.put("micro_grids", code, "geometry", TOWER.union(middle))


def overlap_less_than_a_millimetre(city: City) -> None:
    city.put("micro_grids", W1, "geometry", box(200, 0, 400, 100.0004))


def stack_of_two_shapes(city: City) -> None:
    city.put("micro_grids", E3, "geometry", box(100, 0, 199, 200))


def outline_with_an_empty_part(city: City) -> None:
    for layer, code in (
        ("districts", DISTRICT), ("streets", STREET), ("communities", WEST), ("grids", f"{WEST}001")
    ):  # fmt: skip
        old = city.frames[layer].set_index("code").geometry[code]
        city.put(layer, code, "geometry", shapely.MultiPolygon([old, EXCLAVE]))


def vertex_that_one_side_lacks(city: City) -> None:
    for code in (E2, E3):
        city.put("micro_grids", code, "geometry", box(100, 0, 200, 200))


def street_too_small(city: City) -> None:
    city.put("streets", STREET, "geometry", box(0, 0, 400, 199.999))


def building_in_two(city: City) -> None:
    again = frame([box(380, 10, 390, 20)], code=["b1"], households=[0], micro_grid=[W1])
    city.frames["buildings"] = pd.concat([city.frames["buildings"], again], ignore_index=True)


def building_in_none(city: City) -> None:
    city.put("buildings", "shed", "micro_grid", None)


def divided_without_need(city: City) -> None:
    # 55 households: with a maximum of 60 the tower was not to be divided
    city.facts["settings"] = json.dumps({"split": {"households": [15, 25, 60]}})


def whole_and_divided(city: City) -> None:
    again = frame([box(380, 10, 390, 20)], code=["t"], households=[0], micro_grid=[W1])
    city.frames["buildings"] = pd.concat([city.frames["buildings"], again], ignore_index=True)


def footprint_reaches_out(city: City) -> None:
    city.put("buildings", "b1", "geometry", box(90, 10, 100.06, 20))


def part_reaches_out(city: City) -> None:
    city.put("buildings", "t-2", "geometry", box(90, 101, 180, 150))


def households_elsewhere(city: City) -> None:
    for code, count in ((E1, 21), (W1, 17)):
        city.put("micro_grids", code, "households", count)
        city.put("coverage", code, "households", count)
    city.put("coverage", W1, "covered_households", 17)
    city.put("coverage", E1, "coverage", 20 / 21)


def household_lost(city: City) -> None:
    city.facts["households_in"] = "102"


def total_not_told(city: City) -> None:
    del city.facts["households_in"]


def mark_is_wrong(city: City) -> None:
    city.put("micro_grids", W2, "within_band", True)


def mark_is_missing(city: City) -> None:
    city.put("micro_grids", E1, "within_band", None)
    city.put("micro_grids", E1, "reason", "said")


def no_reason(city: City) -> None:
    city.put("micro_grids", W2, "reason", "  ")


def thing_elsewhere(city: City) -> None:
    city.put("organizations", "o1", "geometry", shapely.Point(150, 50))


def thing_of_another_grid(city: City) -> None:
    city.put("organizations", "o1", "grid", f"{WEST}001")


def thing_of_no_micro_grid(city: City) -> None:
    city.put("facilities", "f2", "micro_grid", f"{WEST}001009")


def thing_that_does_not_say(city: City) -> None:
    city.put("facilities", "f1", "attached_by", None)


def nowhere_and_somewhere(city: City) -> None:
    city.put("facilities", "f1", "attached_by", "none")


def thing_twice(city: City) -> None:
    city.put("incidents", "i2", "code", "i1")


def thing_lost(city: City) -> None:
    city.frames["incidents"] = city.frames["incidents"].iloc[:1]


def rows_not_told(city: City) -> None:
    del city.facts["rows_in"]


def covered_more_than_live_there(city: City) -> None:
    city.put("coverage", W2, "covered_households", 9)
    city.put("coverage", W2, "coverage", 9 / 8)


def share_is_wrong(city: City) -> None:
    city.put("coverage", E2, "coverage", 0.41)


def share_is_missing(city: City) -> None:
    city.put("coverage", E2, "coverage", None)


def coverage_of_other_households(city: City) -> None:
    city.put("coverage", E1, "households", 40)
    city.put("coverage", E1, "coverage", 0.5)


def rail_between_homes(city: City) -> None:
    city.frames["barriers"] = frame([shapely.LineString([(285, -5), (285, 105)])], kind=["rail"])
    city.put("buildings", "b2", "households", 10)
    city.put("buildings", "shed", "households", 8)


def kind_twice(city: City) -> None:
    city.put("coverage", E2, "micro_grid", E1)


@pytest.mark.parametrize(
    ("fault", "promise", "example"),
    [
        (parent_of_another, "codes", W2),
        (grid_twice, "codes", f"{EAST}001"),
        (two_parts, "connected", E1),
        (overlap_less_than_a_millimetre, "disjoint", W1),
        (stack_of_two_shapes, "stacks", E3),
        (outline_with_an_empty_part, "tiled", f"{WEST}001"),
        (vertex_that_one_side_lacks, "segments", W1),
        (street_too_small, "nested", EAST),
        (building_in_two, "buildings", "b1"),
        (building_in_none, "buildings", "shed"),
        (divided_without_need, "buildings", "t-1"),
        (whole_and_divided, "buildings", "t-1"),
        (footprint_reaches_out, "footprints", "b1"),
        (part_reaches_out, "footprints", "t-2"),
        (households_elsewhere, "households", E1),
        (household_lost, "households_total", "households_in"),
        (total_not_told, "households_total", "households_in"),
        (mark_is_wrong, "within_band", W2),
        (mark_is_missing, "within_band", E1),
        (no_reason, "reasons", W2),
        (rail_between_homes, "barriers", W1),
        (thing_elsewhere, "attached", "organizations o1"),
        (thing_of_another_grid, "attached", "organizations o1"),
        (thing_of_no_micro_grid, "attached", "facilities f2"),
        (thing_that_does_not_say, "attached", "facilities f1"),
        (nowhere_and_somewhere, "attached", "facilities f1"),
        (thing_twice, "attached", "incidents i1"),
        (thing_lost, "kept", "incidents"),
        (rows_not_told, "kept", "rows_in"),
        (covered_more_than_live_there, "coverage", W2),
        (share_is_wrong, "coverage", E2),
        (share_is_missing, "coverage", E2),
        (coverage_of_other_households, "coverage", E1),
        (kind_twice, "coverage", E1),
    ],
)
def test_a_broken_promise_is_found_and_no_other(
    city: City, tmp_path: Path, fault: Callable[[City], None], promise: str, example: str
) -> None:
    fault(city)
    result = city.verified(tmp_path / "city.gpkg")
    assert broken(result) == [promise] and not result.ok
    assert example in result[promise].examples and result[promise].broken >= 1
    assert result[promise].sentence and result[promise].zh and result[promise].figure


def test_a_gap_between_areas_is_found(city: City, tmp_path: Path) -> None:
    city.put("micro_grids", W2, "geometry", box(200, 100, 400, 195))
    result = city.verified(tmp_path / "city.gpkg")
    assert broken(result) == ["tiled", "segments"]
    assert result["tiled"].figure == "1000.00 m2 of the outline left out, 0.00 m2 beyond it"
    assert result["tiled"].examples == (f"{WEST}001",)


def test_ground_beyond_the_outline_is_found(city: City, tmp_path: Path) -> None:
    # the grid grew with it, so that it is filled; the district did not
    for layer, code, area in (
        ("micro_grids", W2, box(200, 100, 400, 210)), ("grids", f"{WEST}001", box(200, 0, 400, 210)),
    ):  # fmt: skip
        city.put(layer, code, "geometry", area)
    result = city.verified(tmp_path / "city.gpkg")
    assert broken(result) == ["tiled", "segments", "nested"]
    assert result["tiled"].examples == (W2,)


@pytest.mark.parametrize("rule", ["crosses_outline", "overlap_resolved", "crosses_given_boundary"])
def test_a_footprint_may_reach_out_where_a_finding_says_why(city: City, tmp_path: Path, rule: str) -> None:
    footprint_reaches_out(city)
    city.frames["findings"] = pd.DataFrame({"layer": ["buildings"], "rule": [rule], "code": ["b1"]})
    result = city.verified(tmp_path / "city.gpkg")
    assert result.ok and result["footprints"].figure == "5 of 6 footprints inside; 1 more reach out and say why"


def test_a_part_may_reach_out_where_a_finding_names_its_building(city: City, tmp_path: Path) -> None:
    part_reaches_out(city)
    city.frames["findings"] = pd.DataFrame({"layer": ["buildings"], "rule": ["crosses_outline"], "code": ["t"]})
    assert city.verified(tmp_path / "city.gpkg").ok


def test_a_band_that_is_not_told_breaks_what_needs_it(city: City, tmp_path: Path) -> None:
    city.facts["settings"] = "{}"
    result = city.verified(tmp_path / "city.gpkg")
    assert broken(result) == ["buildings", "within_band"]


def test_examples_are_few(city: City, tmp_path: Path) -> None:
    city.frames["micro_grids"]["parent"] = "330483001009001"
    extra = pd.concat([city.frames["grids"]] * 3, ignore_index=True)
    city.frames["grids"] = extra
    result = city.verified(tmp_path / "city.gpkg")
    assert result["codes"].broken == 11 and len(result["codes"].examples) == 5


def test_a_city_without_micro_grids_cannot_be_verified(city: City, tmp_path: Path) -> None:
    del city.frames["micro_grids"]
    with pytest.raises(MissingLayer, match="run gridmap build first"):
        city.verified(tmp_path / "city.gpkg")
