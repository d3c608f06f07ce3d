"""Hard lines that end, that run through a building or over a bridge: ground and people stay on their side."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap.micro_grids.fabric import make_fabric
from gridmap.micro_grids.graph import make_graph
from gridmap.micro_grids.lines import BARS, HARD, block_lines
from gridmap.micro_grids.split import Split, split_levels
from tests.figures import bounding_lines, crossings

CRS = "EPSG:4549"
X, Y = 500_000.0, 3_500_000.0
OUTLINE = shapely.box(X, Y, X + 400, Y + 300)


def moved(shapes: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.transform(shapes, lambda points: points + np.array([X, Y])), dtype=object)


def line(*corners: tuple[float, float]) -> shapely.LineString:
    return moved(np.array([shapely.LineString(corners)]))[0]


def houses(spots: list[tuple[float, float]], side: float = 12.0) -> np.ndarray:
    west, south = np.array(spots).T
    return moved(shapely.box(west, south, west + side, south + side))


def frame(column: str, values: list, shapes: np.ndarray | list) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({column: values}, geometry=list(shapes), crs=CRS)


def town(homes: np.ndarray, households: list[int], **more: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    outline = gpd.GeoDataFrame({"code": ["990101001001"]}, geometry=[OUTLINE], crs=CRS)
    codes = [f"B{number:02d}" for number in range(len(homes))]
    buildings = gpd.GeoDataFrame({"code": codes, "households": households}, geometry=list(homes), crs=CRS)
    return {"communities": outline, "buildings": buildings, **more}


def sides_of(area: shapely.Geometry, river: shapely.Geometry) -> int:
    """Pieces that a river leaves of an area."""
    noded = shapely.union_all([shapely.boundary(area), shapely.intersection(river, area)], grid_size=0.001)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(np.array([noded]))))
    faces = faces[shapely.covers(area, shapely.point_on_surface(faces))]
    return int((shapely.area(faces) > 1.0).sum())


def crossed(split: Split, layers: dict[str, gpd.GeoDataFrame]) -> list[str]:
    """Codes of micro-grids with people on both sides of a hard line, by the independent check."""
    table = split.units["micro_grids"]
    return table["code"][crossings(table, split.buildings, bounding_lines(layers).hard)].tolist()


BOTH_BANKS = [(x, y) for x in (20, 70, 120, 170, 220) for y in (120, 165)] + [(330, 140)]


@pytest.mark.parametrize("kind", ["river", "rail", "canal"])
def test_no_cell_lies_on_both_banks_of_a_river_that_ends(kind: str) -> None:
    stream = line((-10, 148), (130, 156), (265, 149))
    homes = houses(BOTH_BANKS)
    lines, strengths = block_lines(None, frame("kind", [kind], [stream]))
    fabric = make_fabric(OUTLINE, homes, lines, strengths=strengths)
    cells = [shapely.coverage_union_all(fabric.faces[fabric.cell == cell]) for cell in range(fabric.cells)]
    assert [sides_of(cell, stream) for cell in cells] == [1] * len(cells)
    # Without its strength the same line parts nobody: some house has ground across it.
    open_ground = make_fabric(OUTLINE, homes, lines)
    cells = [shapely.coverage_union_all(open_ground.faces[open_ground.cell == n]) for n in range(open_ground.cells)]
    assert max(sides_of(cell, stream) for cell in cells) == 2


def test_nobody_is_joined_across_a_river_that_ends() -> None:
    # The river runs nearer to one bank's houses; the houses across it are nearer than those of the same bank.
    river = line((-10, 140), (130, 142), (265, 140))
    spots = [(x, y) for x in (20, 200) for y in (120, 165)]
    layers = town(houses(spots), [12] * 4, water=frame("kind", ["river"], [river]))
    split = split_levels(layers)
    assert crossed(split, layers) == []
    micro_grids = split.units["micro_grids"].query("households > 0")
    assert micro_grids["households"].tolist() == [24, 24]
    assert micro_grids["reason"].isna().all()
    # Without the river the nearer ones are together.
    dry = {name: layer for name, layer in layers.items() if name != "water"}
    assert len(crossed(split_levels(dry), layers)) == 1


def test_ground_behind_a_siding_that_ends_is_not_the_house_before_it() -> None:
    # A house at a siding in a wide yard: what lies behind the rails is ground of its own.
    siding = line((-10, 100), (150, 100))
    lines, strengths = block_lines(None, frame("kind", ["rail"], [siding]))
    fabric = make_fabric(OUTLINE, houses([(40, 70), (200, 70)]), lines, strengths=strengths)
    x, y = shapely.get_coordinates(shapely.point_on_surface(fabric.faces)).T
    behind = (y > Y + 101) & (x < X + 120)
    assert behind.any()
    assert set(fabric.atom[fabric.cell[behind]].tolist()) == {-1}
    before = (y < Y + 99) & (x < X + 120)
    assert 0 in fabric.atom[fabric.cell[before]]


def test_a_station_across_the_railway_is_no_way_over_it() -> None:
    rail = line((-10, 150), (410, 150))
    station = moved(np.array([shapely.box(190, 135, 210, 165)]))
    homes = np.concatenate([houses([(180, 60), (180, 230)]), station])
    lines, strengths = block_lines(None, frame("kind", ["rail"], [rail]))
    fabric = make_fabric(OUTLINE, homes, lines, strengths=strengths)
    graph = make_graph(fabric, np.array([20, 20, 0]), np.zeros(3, dtype=bool), lines, strengths)
    own = shapely.coverage_union_all(fabric.faces[fabric.atom[fabric.cell] == 2])
    assert shapely.difference(station[0], own).area < 0.5  # the footprint stays whole
    piece = graph.pieces()
    at = {int(atom): int(piece[cell]) for cell, atom in enumerate(fabric.atom) if atom >= 0}
    assert at[0] != at[1]
    # One side of the railway has the station, and only one.
    assert at[2] in (at[0], at[1])
    assert fabric.beyond.any()


def test_the_strip_before_an_estates_wall_stays_with_the_estate() -> None:
    # A street, a wall 6 m beside it, houses behind the wall and across the street.
    street = line((-10, 150), (410, 150))
    wall = line((-10, 158), (410, 158))
    homes = houses([(100, 190), (280, 190), (190, 90)])
    for strength, owners in ((HARD, {0, 1}), (BARS, {2})):
        lines, strengths = np.array([street, wall], dtype=object), np.array([0.6, strength])
        fabric = make_fabric(OUTLINE, homes, lines, streets=lines[:1], strengths=strengths)
        x, y = shapely.get_coordinates(shapely.point_on_surface(fabric.faces)).T
        strip = (y > Y + 150) & (y < Y + 158) & (x < X + 350)  # what is farther is far from everybody
        assert strip.any()
        assert set(fabric.atom[fabric.cell[strip]].tolist()) == owners
        graph = make_graph(fabric, np.array([9, 9, 9]), np.zeros(3, dtype=bool), lines, strengths)
        piece = graph.pieces()[[int(np.flatnonzero(fabric.atom == atom)[0]) for atom in (0, 1, 2)]]
        assert piece[0] == piece[1] != piece[2]


def test_people_on_both_sides_of_a_viaduct_are_told_why() -> None:
    rail = [line((-10, 150), (410, 150))]
    both = [(180, 130), (180, 160)]
    for bridge, words in (("yes", "bridge"), (None, "crosses a hard barrier")):
        rails = frame("kind", ["rail"], rail).assign(bridge=pd.Series([bridge], dtype="object"))
        layers = town(houses(both), [12, 12], barriers=rails)
        split = split_levels(layers)
        micro_grids = split.units["micro_grids"].query("households > 0")
        assert micro_grids["households"].tolist() == [24]
        assert crossed(split, layers) == micro_grids["code"].tolist()
        assert words in micro_grids["reason"].iat[0]
        assert micro_grids["reason_zh"].iat[0]
    # In a tunnel it parts nobody, and there is nothing to say.
    layers = town(houses(both), [12, 12], barriers=frame("kind", ["rail"], rail).assign(tunnel="yes"))
    assert split_levels(layers).units["micro_grids"].query("households > 0")["reason"].isna().all()
