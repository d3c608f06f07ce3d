"""The instant answer to an edit: both sides before and after, and what it would break, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import shapely

from gridmap.micro_grids.band import Band

__all__ = ["LEAST_COMPACT", "Answer", "Breach", "Figures", "Side", "apart", "band_breach", "locked"]

#: Polsby-Popper below which a micro-grid counts as a tentacle.
LEAST_COMPACT = 0.2


@dataclass(frozen=True)
class Figures:
    """A micro-grid at one moment.

    `pieces` counts its connected pieces, `crossing` says whether only a hard barrier holds it together,
    `street_share` is the share of its boundary to other micro-grids that follows streets and barriers (None where it
    has no such boundary), `compactness` Polsby-Popper.
    """

    households: int
    cells: int
    pieces: int
    crossing: bool
    compactness: float
    street_share: float | None


@dataclass(frozen=True)
class Side:
    """One micro-grid that an edit touches: `before` is None for a new one, `after` for one that ends."""

    code: str
    before: Figures | None
    after: Figures | None
    within_band: bool
    geometry: shapely.Geometry | None = None


@dataclass(frozen=True)
class Breach:
    """A rule that an edit would break: refused where nothing can be done about it, else a warning."""

    rule: str
    en: str
    zh: str
    refused: bool


@dataclass(frozen=True)
class Answer:
    """What an edit does: its sides, the buildings that change micro-grid, and what it breaks.

    Examples
    --------
    >>> Answer((), (Breach("locked", "990101001001001001 is locked", "990101001001001001已锁定", True),), (), 0).allowed
    False
    """

    sides: tuple[Side, ...]
    breaches: tuple[Breach, ...]
    buildings: tuple[str, ...]
    households: int

    @property
    def allowed(self) -> bool:
        """Whether the edit can be made at all; warnings do not count."""
        return not any(breach.refused for breach in self.breaches)

    @property
    def connected(self) -> bool:
        """Whether every side that stays is one piece."""
        return all(side.after is None or side.after.pieces == 1 for side in self.sides)

    def words(self, lang: str = "zh") -> list[str]:
        """What breaks, one sentence each, refusals first; empty where nothing does."""
        ordered = sorted(self.breaches, key=lambda breach: not breach.refused)
        return [breach.zh if lang == "zh" else breach.en for breach in ordered]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the geometry."""
        sides = [
            {
                "code": side.code,
                "before": None if side.before is None else asdict(side.before),
                "after": None if side.after is None else asdict(side.after),
                "within_band": side.within_band,
            }
            for side in self.sides
        ]
        return {
            "allowed": self.allowed, "connected": self.connected, "households": self.households,
            "buildings": list(self.buildings), "sides": sides, "breaches": [asdict(item) for item in self.breaches],
        }  # fmt: skip


def band_breach(code: str, households: int, band: Band) -> Breach | None:
    """The warning where so many households are out of the band; None where they are in it.

    Examples
    --------
    >>> band_breach("990101001001001001", 12, Band(15, 25, 40)).en
    '990101001001001001 would have 12 households, fewer than 15'
    """
    if band.holds(households):
        return None
    if households == 0:
        return Breach("band", f"nobody would live in {code}", f"{code}将无人居住", False)
    few = households < band.low
    bound = band.low if few else band.high
    return Breach(
        "band",
        f"{code} would have {households} households, {'fewer' if few else 'more'} than {bound}",
        f"{code}将有{households}户，{'少' if few else '多'}于{bound}户",
        False,
    )


def locked(code: str) -> Breach:
    """The refusal to touch a locked micro-grid."""
    return Breach("locked", f"{code} is locked; unlock it first", f"{code}已锁定，请先解锁", True)


def apart(code: str, pieces: int) -> Breach:
    """The refusal of a micro-grid in pieces."""
    return Breach(
        "apart", f"{code} would fall into {pieces} pieces", f"{code}将分成{pieces}块，不再连通", True
    )
