"""What keeps a plan out of its band, building by building, and the nearest band that it keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from gridmap.micro_grids.band import Band

__all__ = ["Feasible", "Obstacle", "obstacles_of", "wish_of_plan"]

#: Obstacles and buildings that a sentence names.
_MOST, _MOST_NAMES = 5, 3


@dataclass(frozen=True)
class Obstacle:
    """One micro-grid that cannot be brought into the band: where it is, how many households, which buildings (those of
    most households first), why."""

    micro_grid: str
    households: int
    x: float
    y: float
    buildings: tuple[str, ...]
    reason: str
    reason_zh: str

    @property
    def sentence(self) -> str:
        """What stands in the way, in one English sentence."""
        named = ", ".join(self.buildings[:_MOST_NAMES])
        named += " and others" if len(self.buildings) > _MOST_NAMES else ""
        return f"at ({self.x:.0f}, {self.y:.0f}), {self.households} households in {named}: {self.reason}"

    @property
    def sentence_zh(self) -> str:
        """The same in Chinese."""
        named = "、".join(self.buildings[:_MOST_NAMES]) + ("等" if len(self.buildings) > _MOST_NAMES else "")
        return f"({self.x:.0f}, {self.y:.0f})处{named}共{self.households}户：{self.reason_zh}"


@dataclass(frozen=True)
class Feasible:
    """Whether a band can be kept everywhere: `wish` is the band that a plan was seen to keep, the one asked for where
    nothing stands in the way; None where none was found by widening. `obstacles` are those of the band asked for."""

    asked: Band
    wish: Band | None
    obstacles: tuple[Obstacle, ...]

    @property
    def sentence(self) -> str:
        """The answer in one English sentence."""
        band = f"({self.asked.low}, {self.asked.target}, {self.asked.high})"
        if not self.obstacles:
            return f"{band} can be kept everywhere"
        said = "; ".join(item.sentence for item in self.obstacles[:_MOST])
        if len(self.obstacles) > _MOST:
            said += f"; and {len(self.obstacles) - _MOST} more"
        if self.wish is None:
            return f"{band} cannot be kept: {said}; no wider band was found that can"
        return (
            f"{band} cannot be kept: {said}; nearest wish that works: "
            f"({self.wish.low}, {self.wish.target}, {self.wish.high})"
        )

    @property
    def sentence_zh(self) -> str:
        """The answer in one Chinese sentence."""
        band = f"{self.asked.low}-{self.asked.high}户"
        if not self.obstacles:
            return f"{band}处处可以满足"
        said = "；".join(item.sentence_zh for item in self.obstacles[:_MOST])
        if len(self.obstacles) > _MOST:
            said += f"；另有{len(self.obstacles) - _MOST}处"
        if self.wish is None:
            return f"{band}无法处处满足：{said}；未找到可行的更宽范围"
        wish = f"{self.wish.low}-{self.wish.high}户（目标{self.wish.target}户）"
        return f"{band}无法处处满足：{said}；最接近的可行范围为{wish}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: bands as min, target, max."""
        return {
            "asked": [self.asked.low, self.asked.target, self.asked.high],
            "wish": None if self.wish is None else [self.wish.low, self.wish.target, self.wish.high],
            "obstacles": [asdict(item) for item in self.obstacles],
            "sentence": self.sentence, "sentence_zh": self.sentence_zh,
        }  # fmt: skip


def obstacles_of(micro_grids: gpd.GeoDataFrame, buildings: pd.DataFrame) -> tuple[Obstacle, ...]:
    """Derived base micro-grids with people that are out of their band.

    Parameters
    ----------
    micro_grids
        As kept: `code`, `households`, `within_band`, `derived`, `kind`, `reason`, `reason_zh`.
    buildings
        As kept: `code`, `micro_grid`, `households`.
    """
    held = micro_grids["within_band"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    wanted = (micro_grids["households"].fillna(0) > 0).to_numpy(dtype=bool) & ~held
    if "derived" in micro_grids:
        wanted &= micro_grids["derived"].astype("boolean").fillna(True).to_numpy(dtype=bool)
    if "kind" in micro_grids:
        wanted &= ~micro_grids["kind"].isin(["special", "village"]).to_numpy(dtype=bool)
    out = micro_grids[wanted]
    if not len(out):
        return ()
    lived = buildings[(buildings["households"].fillna(0) > 0) & buildings["micro_grid"].isin(out["code"])]
    lived = lived.sort_values(["households", "code"], ascending=[False, True])
    inside = lived.groupby("micro_grid")["code"].agg(tuple)
    spots = gpd.GeoSeries(out.geometry).representative_point()
    columns = (out["code"], out["households"], spots.x, spots.y, out["reason"], out["reason_zh"])
    found = []
    for code, households, x, y, *reasons in zip(*columns, strict=True):
        en, zh = (text if isinstance(text, str) else "" for text in reasons)
        named = tuple(map(str, inside.get(code, ())))
        found.append(Obstacle(str(code), int(households), round(float(x), 1), round(float(y), 1), named, en, zh))
    return tuple(found)


def wish_of_plan(micro_grids: gpd.GeoDataFrame, buildings: pd.DataFrame, band: Band) -> Feasible:
    """What keeps a plan out of a band, and the nearest band that this very plan keeps.

    The band is widened just as far as the households that are out of it ask for, so that the plan at hand proves that
    it can be kept. A split that aims at a band of its own may find a narrower one (`nearest_wish`).

    Parameters
    ----------
    micro_grids, buildings
        As for `obstacles_of`, judged by the band.
    band
        The band asked for.

    Examples
    --------
    >>> import shapely
    >>> said = {"reason": ["one entrance"], "reason_zh": ["单个单元"]}
    >>> units = gpd.GeoDataFrame({"code": ["g1"], "households": [44], "within_band": [False], **said},
    ...     geometry=[shapely.box(0, 0, 20, 20)], crs="EPSG:4547")
    >>> homes = pd.DataFrame({"code": ["b1"], "micro_grid": ["g1"], "households": [44]})
    >>> wish_of_plan(units, homes, Band(15, 25, 40)).wish
    Band(low=15, target=25, high=44)
    """
    found = obstacles_of(micro_grids, buildings)
    loads = [item.households for item in found]
    return Feasible(band, Band(min([band.low, *loads]), band.target, max([band.high, *loads])), found)
