"""The band of households that a unit should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layers.errors import BadSettings

__all__ = ["GRIDS", "MICRO_GRIDS", "Band", "as_band"]


@dataclass(frozen=True)
class Band:
    """Households per unit: at least `low`, best `target`, at most `high`.

    The band is the promise; the *wish* is the target +-20 %, cut to the band (`wish_low`, `wish_high`).

    Examples
    --------
    >>> band = Band(15, 25, 40)
    >>> band.wish_low, band.wish_high, band.holds(36), band.holds(41)
    (20, 30, True, False)
    """

    low: int
    target: int
    high: int

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.target <= self.high):
            raise BadSettings(
                f"households must be 0 < min <= target <= max, not {self.low}, {self.target}, {self.high}; "
                "the usual band for micro-grids is 15, 25, 40"
            )

    @property
    def wish_low(self) -> int:
        """Lower end of the wish."""
        return max(self.low, -(-self.target * 4 // 5))

    @property
    def wish_high(self) -> int:
        """Upper end of the wish."""
        return min(self.high, self.target * 6 // 5)

    def holds(self, households: int) -> bool:
        """Whether so many households are within the band."""
        return self.low <= households <= self.high


#: Tongxiang's 25 households a micro-grid; 15-40 is gridmap's proposal, since no national number exists.
MICRO_GRIDS = Band(15, 25, 40)
#: 300-500 households a grid (GB/T 34300-2017, clause not verified).
GRIDS = Band(300, 400, 500)


def as_band(households: Band | Sequence[int]) -> Band:
    """A band from three numbers (min, target, max).

    Raises
    ------
    BadSettings
        Where there are not three numbers, or they are not in order.

    Examples
    --------
    >>> as_band((20, 25, 30)).high
    30
    """
    if isinstance(households, Band):
        return households
    if len(households) != 3:
        raise BadSettings(f"households takes three numbers (min, target, max), not {tuple(households)!r}")
    low, target, high = (int(value) for value in households)
    return Band(low, target, high)
