"""Big buildings are divided by entrances, then by whole floors, and nobody is lost."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.towers import divide_building, divide_footprint, share_out

BAND = Band(15, 25, 40)
SLAB = shapely.box(0, 0, 60, 12)


@given(total=st.integers(0, 5000), weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_shares_add_up_and_stay_within_one_of_the_exact_share(total: int, weights: list[float]) -> None:
    shares = share_out(total, np.array(weights))
    assert int(shares.sum()) == total
    exact = total * np.array(weights) / sum(weights)
    assert np.abs(shares - exact).max() < 1 + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 12), width=st.floats(5, 120), depth=st.floats(5, 120), angle=st.floats(0, 180),
    notch=st.booleans(),
)  # fmt: skip
def test_pieces_are_connected_even_and_fill_the_footprint(
    count: int, width: float, depth: float, angle: float, notch: bool
) -> None:
    shape = shapely.box(0, 0, width, depth)
    if notch:  # an L
        shape = shape.difference(shapely.box(width / 2, depth / 2, width, depth))
    shape = shapely.affinity.rotate(shape, angle)
    pieces = divide_footprint(shape, count)
    assert all(piece.geom_type == "Polygon" for piece in pieces)
    assert all(piece.difference(shape.buffer(0.002)).is_empty for piece in pieces)
    overlaps = [shapely.intersection(a, b, grid_size=0.001).area for n, a in enumerate(pieces) for b in pieces[:n]]
    assert max(overlaps, default=0.0) < 0.5
    assert sum(piece.area for piece in pieces) == pytest.approx(shape.area, abs=0.5)
    if not notch:
        assert len(pieces) == count
        assert max(piece.area for piece in pieces) == pytest.approx(shape.area / count, abs=0.5)


def test_known_entrances_become_that_many_strips() -> None:
    parts = divide_building(SLAB, 72, BAND, units=6)
    assert [part.households for part in parts] == [12] * 6
    assert [part.unit for part in parts] == [1, 2, 3, 4, 5, 6]
    assert all(part.floor_from is None for part in parts)
    middles = [part.geometry.centroid.x for part in parts]
    assert middles == sorted(middles)


def test_unknown_entrances_are_small_enough_to_join_each_other_where_the_length_allows() -> None:
    parts = divide_building(SLAB, 61, BAND)
    assert [part.households for part in parts] == [11, 10, 10, 10, 10, 10]
    assert not any(part.known for part in parts)


@pytest.mark.parametrize("households", range(41, 160))
def test_a_lone_building_is_divided_so_that_its_pieces_make_good_units_alone(households: int) -> None:
    parts = [part.households for part in divide_building(shapely.box(0, 0, 200, 14), households, BAND)]
    assert sum(parts) == households
    # Neighbouring pieces in runs of about equal number: some number of runs is within the wish throughout.
    runs = [np.array_split(np.array(parts), count) for count in range(1, len(parts) + 1)]
    assert any(all(20 <= run.sum() <= 30 for run in cut) for cut in runs)


def test_a_short_building_becomes_pieces_that_meet_the_wish_themselves() -> None:
    parts = divide_building(shapely.box(0, 0, 26, 12), 52, BAND)
    assert [part.households for part in parts] == [26, 26]


def test_a_narrow_tower_of_unknown_entrances_is_divided_by_floors_that_meet_the_wish() -> None:
    # Three bands of 19 or two of 28 and 29: the wish decides.
    parts = divide_building(shapely.box(0, 0, 10, 10), 57, BAND, levels=12)
    assert [(part.floor_from, part.floor_to, part.households) for part in parts] == [(1, 6, 28), (7, 12, 29)]


def test_a_known_entrance_is_one_thing_and_kept_whole_up_to_the_maximum() -> None:
    parts = divide_building(SLAB, 72, BAND, units=2)
    assert [(part.households, part.known, part.floor_from) for part in parts] == [(36, True, None)] * 2


@settings(max_examples=150, deadline=None)
@given(
    length=st.floats(6, 120), depth=st.floats(6, 40), households=st.integers(41, 400),
    units=st.none() | st.integers(1, 8), levels=st.none() | st.integers(1, 40), target=st.integers(16, 30),
)  # fmt: skip
def test_parts_are_whole_floors_and_hold_every_household(
    length: float, depth: float, households: int, units: int | None, levels: int | None, target: int
) -> None:
    band = Band(15, target, 40)
    parts = divide_building(shapely.box(0, 0, length, depth), households, band, units=units, levels=levels)
    assert sum(part.households for part in parts) == households
    stacks: dict[int, list[tuple[int, int]]] = {}
    for part in parts:
        if part.floor_from is not None and part.floor_to is not None:
            stacks.setdefault(id(part.geometry), []).append((part.floor_from, part.floor_to))
        assert part.households <= band.high or part.reason
    for floors in stacks.values():  # every floor once, from the ground up, in bands of even height
        assert [floor for low, high in floors for floor in range(low, high + 1)] == list(range(1, (levels or 0) + 1))
        heights = [high - low + 1 for low, high in floors]
        assert max(heights) - min(heights) <= 1
    if units is not None and min(units, households) == len({id(part.geometry) for part in parts}):
        assert all(part.known == (part.floor_from is None) for part in parts)


def test_a_tower_becomes_even_bands_of_whole_floors_on_one_ground() -> None:
    tower = shapely.box(0, 0, 20, 20)
    parts = divide_building(tower, 132, BAND, units=1, levels=33)
    assert [(part.floor_from, part.floor_to) for part in parts] == [(1, 7), (8, 14), (15, 21), (22, 27), (28, 33)]
    assert sum(part.households for part in parts) == 132
    assert all(15 <= part.households <= 40 for part in parts)
    assert all(part.geometry is parts[0].geometry for part in parts)


def test_what_cannot_be_divided_says_why() -> None:
    (part,) = divide_building(shapely.box(0, 0, 11, 11), 44, BAND, units=1)
    assert part.reason == "one entrance of 44 households cannot be divided: floors unknown"
    low = divide_building(shapely.box(0, 0, 11, 11), 90, BAND, units=1, levels=2)
    assert [part.households for part in low] == [45, 45]
    assert all(part.reason and "a floor is not divided" in part.reason for part in low)
