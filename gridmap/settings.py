"""What a city may choose: one frozen value, read from the tables of `city.toml` and checked at once.

The reading house hands through every table of `city.toml` that is not about reading; this page knows the rest:
`[split]` and `[cover]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from gridmap.micro_grids.balance import Wishes
from gridmap.micro_grids.band import GRIDS, MICRO_GRIDS, Band
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.places import PREFERRED, PlaceRules
from gridmap.micro_grids.special import SITE_KINDS
from gridmap.micro_grids.villages import VillageRules
from layers.errors import BadSettings

__all__ = ["CitySettings", "CoverSettings", "SplitSettings"]


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """The `[split]` table.

    Parameters
    ----------
    households, grid_households
        Band of micro-grids and of grids: `{min = 15, target = 25, max = 40}`.
    community_households, community_residents
        The most that a derived community holds.
    seed
        Same seed, same plan.
    special
        Kinds of special sites (school, hospital, mall, park, ...) that get grids of their own; none for an empty list.
    prefer, prefer_strength
        Layers whose boundaries micro-grids should follow (`resident_groups`, `old_grids`), and how much they count,
        0 to 1; a lane counts 0.6, a main street 1.
    villages
        Whether settlements in thinly settled country are kept whole.
    village_gap_m, village_most
        Houses this near belong to one settlement, metres; a village has at most so many households.
    shape, streets, inside
        How much compactness, boundary on streets, and main streets inside a unit count beside even loads.
    """

    households: Band = MICRO_GRIDS
    grid_households: Band = GRIDS
    community_households: int = 3000
    community_residents: int = 10_000
    seed: int = 0
    special: tuple[str, ...] = tuple(SITE_KINDS)
    prefer: tuple[str, ...] = tuple(PREFERRED)
    prefer_strength: float = 0.75
    villages: bool = True
    village_gap_m: float = 60.0
    village_most: int = 300
    shape: float = 0.8
    streets: float = 0.5
    inside: float = 0.6

    @property
    def rules(self) -> Rules:
        """The same for the split step."""
        return Rules(
            micro_grids=self.households,
            grids=self.grid_households,
            community_households=self.community_households,
            community_residents=self.community_residents,
            seed=self.seed,
            wishes=Wishes(shape=self.shape, streets=self.streets, inside=self.inside),
            places=PlaceRules(
                special=self.special, prefer=self.prefer, prefer_strength=min(1.0, self.prefer_strength),
                villages=VillageRules(on=self.villages, gap_m=self.village_gap_m, most=self.village_most),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class CoverSettings:
    """The `[cover]` table.

    Parameters
    ----------
    norms
        A norms file of the city's own (YAML), relative to the folder; None for the packaged one.
    limit_m
        Distances beyond this are not followed, metres on foot.
    gap_merge_m
        Uncovered buildings this near to each other belong to one gap, metres.
    complete
        Kinds of facility of which the city's list is complete: where none of them is, there is none.
    nearest_m
        A thing outside every micro-grid is given to the nearest one within this, metres.
    """

    norms: str | None = None
    limit_m: float = 3000.0
    gap_merge_m: float = 60.0
    nearest_m: float = 50.0
    complete: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CitySettings:
    """All that a city may choose, handed in; nothing below reads files or the environment for it."""

    split: SplitSettings = field(default_factory=SplitSettings)
    cover: CoverSettings = field(default_factory=CoverSettings)

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> CitySettings:
        """Settings from the tables of `city.toml` that are not about reading.

        Raises
        ------
        BadSettings
            For an unknown table or key, or a value of the wrong kind, with the allowed ones.

        Examples
        --------
        >>> settings = CitySettings.from_options({"split": {"households": {"min": 20, "target": 25, "max": 30}}})
        >>> settings.split.households
        Band(low=20, target=25, high=30)
        """
        tables = {"split": SplitSettings, "cover": CoverSettings}
        for name in options:
            if name not in tables:
                allowed = ", ".join(f"[{table}]" for table in ("city", "layers.NAME", *tables))
                raise BadSettings(f"city.toml has an unknown table [{name}]; the tables are {allowed}")
        made = {name: _table(kind, options.get(name, {}), name) for name, kind in tables.items()}
        return cls(**made)

    def with_seed(self, seed: int | None) -> CitySettings:
        """The same with another seed; unchanged for None."""
        return self if seed is None else replace(self, split=replace(self.split, seed=seed))

    def to_json(self) -> str:
        """One line of JSON for the store: bands as [min, target, max]."""
        found: dict[str, dict[str, Any]] = {}
        for name in ("split", "cover"):
            table = getattr(self, name)
            values = {item.name: getattr(table, item.name) for item in fields(table)}
            found[name] = {
                key: [value.low, value.target, value.high] if isinstance(value, Band) else value
                for key, value in values.items()
            }
        return json.dumps(found, sort_keys=True)


def _table(kind: type[Any], given: object, name: str) -> Any:
    if not isinstance(given, Mapping):
        raise BadSettings(f"[{name}] in city.toml must be a table, not {given!r}")
    known = {item.name: item for item in fields(kind)}
    values: dict[str, object] = {}
    for key, value in given.items():
        if key not in known:
            raise BadSettings(f"[{name}] {key} is not a setting; the settings are {', '.join(known)}")
        default = getattr(kind(), key)
        values[key] = _value(f"[{name}] {key}", value, default)
    return kind(**values)


def _value(where: str, value: object, default: object) -> object:
    if isinstance(default, Band):
        return _band(where, value)
    if isinstance(default, tuple) and default:  # the default is all there is to choose from
        if not isinstance(value, list) or not set(map(str, value)) <= set(default):
            raise BadSettings(f"{where} is a list of some of {', '.join(default)}, not {value!r}")
        return tuple(item for item in default if item in value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise BadSettings(f"{where} must be true or false, not {value!r}")
        return value
    if isinstance(default, int | float):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadSettings(f"{where} must be a number, not {value!r}")
        if value < 0:
            raise BadSettings(f"{where} must not be negative, it is {value}")
        if isinstance(default, int):
            if int(value) != value:
                raise BadSettings(f"{where} must be a whole number, not {value!r}")
            return int(value)
        return float(value)
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadSettings(f'{where} must be a list of texts such as ["kindergarten"], not {value!r}')
        return tuple(value)
    if not isinstance(value, str):
        raise BadSettings(f"{where} must be text, not {value!r}")
    return value


def _band(where: str, value: object) -> Band:
    if isinstance(value, Mapping) and set(value) == {"min", "target", "max"}:
        numbers = [value["min"], value["target"], value["max"]]
    elif isinstance(value, list) and len(value) == 3:
        numbers = list(value)
    else:
        raise BadSettings(f"{where} must be {{min = 15, target = 25, max = 40}}, not {value!r}")
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise BadSettings(f"{where} takes whole numbers, not {numbers}")
    try:
        return Band(*numbers)
    except BadSettings as error:
        raise BadSettings(f"{where}: {error}") from None
