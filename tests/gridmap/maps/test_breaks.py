"""Classes by three methods, one of them held to another package; colours that read in grey and by colour-blind eyes."""

from __future__ import annotations

from itertools import pairwise

import mapclassify
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gridmap.maps.breaks import METHODS, QUALITATIVE, breaks_by, ramp
from layers.errors import WrongCall

NUMBERS = some.lists(some.integers(-1000, 100_000), min_size=1, max_size=120)


@settings(deadline=None)
@given(NUMBERS, some.sampled_from(METHODS), some.integers(2, 9))
def test_classes_hold_every_number_and_rise(numbers: list[int], method: str, classes: int) -> None:
    edges = breaks_by(method, numbers, classes=classes)
    assert edges[0] == min(numbers) and edges[-1] == max(numbers)
    assert all(low < high for low, high in pairwise(edges[:-1]))
    assert 1 <= len(edges) - 1 <= classes


def spread(numbers: np.ndarray, edges: tuple[float, ...]) -> float:
    """Squares within the classes; the last class holds its upper edge too."""
    place = np.searchsorted(np.array(edges[1:-1]), numbers, side="right")
    return float(sum(((numbers[place == n] - numbers[place == n].mean()) ** 2).sum() for n in set(place.tolist())))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("classes", [3, 5, 7])
def test_natural_breaks_are_no_worse_than_those_of_mapclassify(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.concatenate([rng.normal(20, 3, 120), rng.normal(45, 8, 60), rng.exponential(30, 40)]).round(1)
    ours = breaks_by("natural", numbers, classes=classes)
    theirs = mapclassify.FisherJenks(numbers, k=classes)
    groups = [numbers[theirs.yb == n] for n in range(classes)]
    best = sum(((group - group.mean()) ** 2).sum() for group in groups if len(group))
    # theirs is sometimes a little off the best
    assert best * 0.999 <= spread(numbers, ours) <= best * (1 + 1e-9)


def test_many_numbers_are_rounded_first_and_still_nearly_as_good() -> None:
    numbers = np.random.default_rng(5).gamma(2.0, 40.0, 14_000)
    ours = spread(numbers, breaks_by("natural", numbers, classes=5))
    theirs = mapclassify.NaturalBreaks(numbers, k=5)
    best = sum(((numbers[theirs.yb == n] - numbers[theirs.yb == n].mean()) ** 2).sum() for n in range(5))
    assert ours <= best * 1.01


def test_equal_classes_are_equally_wide() -> None:
    assert np.diff(breaks_by("equal", range(101), classes=4)).tolist() == [25.0] * 4


@pytest.mark.parametrize("wrong", [{"method": "moon"}, {"classes": 1}, {"classes": 10}])
def test_what_is_no_class_is_named(wrong: dict) -> None:
    asked = {"method": "equal", "classes": 5, **wrong}
    with pytest.raises(WrongCall):
        breaks_by(asked["method"], [1, 2, 3], classes=asked["classes"])


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255


def grey(colour: str) -> float:
    """Lightness L* of a colour, 0 to 100 (CIE 1976)."""
    line = rgb(colour)
    linear = np.where(line <= 0.04045, line / 12.92, ((line + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


#: What is left of linear red, green and blue for eyes without red or without green cones (Viénot and others, 1999).
BLIND = {
    "red": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "green": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.mark.parametrize("count", range(2, 10))
def test_steps_can_be_told_apart_in_grey(count: int) -> None:
    lightness = [grey(colour) for colour in ramp(count)]
    steps = -np.diff(lightness)
    assert steps.min() >= (9 if count <= 5 else 4)  # 2 can be seen side by side
    assert len(set(ramp(count))) == count


@pytest.mark.parametrize("eyes", list(BLIND))
def test_kinds_can_be_told_apart_by_colour_blind_eyes(eyes: str) -> None:
    seen = [np.array(BLIND[eyes]) @ rgb(colour) ** 2.2 for colour in QUALITATIVE[:8]]
    lab = [np.clip(one, 0, 1) ** (1 / 2.2) * 255 for one in seen]
    apart = [np.linalg.norm(one - two) for n, one in enumerate(lab) for two in lab[:n]]
    assert min(apart) > 25
