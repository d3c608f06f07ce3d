"""Barriers by strength: the ladder of streets, walls of estates with their gates, bridges, tunnels and culverts."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gridmap.micro_grids.lines import BARRIERS, ESTATE, GATE_M, HARD, ROADS, block_lines
from gridmap.micro_grids.split import split_levels
from tests.gridmap.micro_grids.houses import frame, houses

LINE = shapely.LineString([(0, 0), (200, 0)])


def strength_of(kind: str, line: shapely.LineString = LINE, **tags: object) -> float:
    barrier = frame([line], kind=[kind], **{key: [value] for key, value in tags.items()})
    return float(block_lines(None, barrier)[1][0]) if len(block_lines(None, barrier)[1]) else 0.0


def test_the_ladder_of_streets_falls_from_the_motorway_to_the_track() -> None:
    ladder = ["motorway", "trunk", "secondary", "tertiary", "residential", "living_street", "service", "track"]
    strengths = [ROADS[name] for name in ladder]
    assert strengths == sorted(strengths, reverse=True) and len(set(strengths)) == len(strengths)
    assert ROADS["motorway"] >= HARD


@pytest.mark.parametrize("kind", ["rail", "river", "canal", "city_wall", "community_wall", "estate_wall"])
def test_what_people_do_not_cross_is_hard(kind: str) -> None:
    assert strength_of(kind) >= HARD


@pytest.mark.parametrize("kind", ["wall", "fence", "stream", "hedge", "retaining_wall"])
def test_garden_walls_and_streams_are_soft(kind: str) -> None:
    assert 0 < strength_of(kind) < 1


def test_a_tunnel_a_culvert_and_what_lies_below_ground_part_nobody() -> None:
    assert strength_of("rail", tunnel="yes") == 0
    assert strength_of("river", tunnel="culvert") == 0
    assert strength_of("river", covered="yes") == 0
    assert strength_of("rail", layer="-1") == 0
    assert strength_of("subway") == 0


def test_a_viaduct_is_walked_under_and_a_short_bridge_is_not() -> None:
    short = shapely.LineString([(0, 0), (20, 0)])
    assert 0 < strength_of("rail", bridge="yes") < 1
    assert strength_of("rail", bridge="viaduct") < 1
    assert strength_of("rail", short, bridge="yes") >= HARD
    assert strength_of("rail", layer="1") < 1  # where bridges are not told
    assert strength_of("rail", layer="1", bridge=None) >= HARD
    assert strength_of("river", bridge="yes") >= HARD  # a river under a bridge is still a river


def test_pieces_of_one_viaduct_are_as_long_as_the_whole() -> None:
    pieces = [shapely.LineString([(x, 0), (x + 25, 0)]) for x in (0, 25, 50)]
    barrier = frame(pieces, kind=["rail"] * 3, bridge=["yes"] * 3)
    assert (block_lines(None, barrier)[1] < 1).all()


def walled(*, gate: float = 0.0, off: float = 0.0) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """An estate of 150 m and the wall round it, drawn `off` metres inside, with a gate in the east."""
    ring = [(off, off), (150 - off, off), (150 - off, 75 - gate / 2)]
    rest = [(150 - off, 75 + gate / 2), (150 - off, 150 - off), (off, 150 - off), (off, off)]
    lines = [shapely.LineString(ring), shapely.LineString(rest)]
    return frame([shapely.box(0, 0, 150, 150)], name=["柳岸小区"]), frame(lines, kind=["wall", "wall"])


@pytest.mark.parametrize("off", [0.0, 4.0])
def test_a_wall_along_an_estate_is_hard_and_a_garden_wall_is_not(off: float) -> None:
    estate, wall = walled(off=off)
    garden = frame([shapely.LineString([(40, 60), (90, 60)])], kind=["wall"])
    barriers = gpd.GeoDataFrame(np.concatenate([wall, garden]), columns=wall.columns, crs=wall.crs)
    lines, strengths = block_lines(None, barriers.set_geometry("geometry"), estates=estate)
    hard = shapely.union_all(lines[strengths >= HARD])
    assert shapely.length(hard) == pytest.approx(4 * (150 - 2 * off), rel=0.05)
    assert not hard.intersects(garden.geometry[0])


def test_a_short_wall_on_a_long_side_stays_a_garden_wall() -> None:
    estate, _ = walled()
    wall = frame([shapely.LineString([(10, 0), (60, 0)])], kind=["fence"])
    assert (block_lines(None, wall, estates=estate)[1] < HARD).all()


def test_a_gate_is_closed_by_a_line_that_may_be_crossed() -> None:
    estate, wall = walled(gate=8.0)
    lines, strengths = block_lines(None, wall, estates=estate)
    gate = lines[(strengths == ESTATE) & np.isclose(shapely.length(lines), 8.0)]
    assert len(gate) == 1 and GATE_M > 8.0
    closed = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all(lines))))
    assert max(area.area for area in closed) == pytest.approx(150 * 150, rel=0.01)


@pytest.mark.parametrize("gate", [0.0, 10.0])
def test_an_estates_wall_is_crossed_at_its_gate_only(gate: float) -> None:
    estate, wall = walled(gate=gate)
    layers = {
        "districts": frame([shapely.box(-90, -90, 240, 240)]), "estates": estate, "barriers": wall,
        "buildings": houses(11, 11, 5, x=-90, y=-90),
    }  # fmt: skip
    split = split_levels(layers)
    inside = split.buildings.geometry.centroid.within(estate.geometry[0])
    shared = set(split.buildings["micro_grid"][inside]) & set(split.buildings["micro_grid"][~inside])
    assert len(shared) <= (1 if gate else 0)
    assert not split.units["micro_grids"]["reason"].fillna("").str.contains("barrier").any()


def test_outlines_beside_a_street_are_not_drawn_twice() -> None:
    roads = frame([shapely.LineString([(-20, -5), (170, -5)])], **{"class": ["residential"]})
    lines, strengths = block_lines(roads, estates=frame([shapely.box(0, 0, 150, 150)], name=["x"]))
    drawn = lines[strengths == ESTATE]
    assert shapely.length(drawn).sum() == pytest.approx(450, rel=0.08)
    assert shapely.distance(shapely.union_all(drawn), lines[0]) < 0.01  # its ends reach the street
    assert shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all(lines)))).size == 1
    assert BARRIERS["wall"] < 1


def test_preferred_boundaries_are_followed_and_weigh_as_the_settings_say() -> None:
    group = frame([shapely.box(0, 0, 150, 240), shapely.box(150, 0, 360, 240)], name=["一组", "二组"])
    layers = {"districts": frame([shapely.box(0, 0, 360, 240)]), "buildings": houses(12, 8, 6)}

    def shared(more: dict[str, gpd.GeoDataFrame]) -> int:
        buildings = split_levels({**layers, **more}).buildings
        west = buildings.geometry.centroid.within(group.geometry[0])
        return len(set(buildings["micro_grid"][west]) & set(buildings["micro_grid"][~west]))

    assert shared({}) > 1
    assert shared({"resident_groups": group}) <= 1
    assert shared({"old_grids": group}) <= 1
    west = layers["buildings"].geometry.centroid.within(group.geometry[0])
    told = layers["buildings"].assign(resident_group=np.where(west, "一组", "二组"))
    assert shared({"buildings": told}) <= 1
