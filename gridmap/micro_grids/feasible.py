"""An impossible wish: which buildings or pieces prevent it, and the nearest wish that a split really reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas as gpd

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.levels import Rules
from gridmap.micro_grids.split import Split, split_levels

__all__ = ["Feasible", "Obstacle", "nearest_wish"]


@dataclass(frozen=True)
class Obstacle:
    """One micro-grid that cannot be brought into the band: where it is, how many households, which buildings, why."""

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
        named = ", ".join(self.buildings[:3]) + (" and others" if len(self.buildings) > 3 else "")
        return f"at ({self.x:.0f}, {self.y:.0f}), {self.households} households in {named}: {self.reason}"


@dataclass(frozen=True)
class Feasible:
    """Whether a band can be kept everywhere: `wish` is the band that a split was seen to keep, the one asked for where
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
        said = "; ".join(item.sentence for item in self.obstacles[:5])
        if self.wish is None:
            return f"{band} cannot be kept: {said}; no wider band was found that can"
        return (
            f"{band} cannot be kept: {said}; nearest wish that works: "
            f"({self.wish.low}, {self.wish.target}, {self.wish.high})"
        )


def nearest_wish(
    layers: Mapping[str, gpd.GeoDataFrame], band: Band, *, rules: Rules | None = None, tries: int = 4
) -> Feasible:
    """Whether every peopled micro-grid can be kept in a band; if not, what prevents it and the nearest band that works.

    The band is tried by a split; what stays out of it widens the band just so far, and the wider one is tried by a
    split of its own until one is kept everywhere. So the answer is a band that was reached, not a guess; that no
    narrower one exists is not proved.

    Parameters
    ----------
    layers
        As for `gridmap.micro_grids.split.split_levels`.
    band
        The band asked for.
    rules
        Everything else that a split aims at.
    tries
        Wider bands tried at most.

    Returns
    -------
    Feasible

    Raises
    ------
    MissingLayer, CrsMismatch
        As `split_levels`.

    Examples
    --------
    >>> import shapely
    >>> houses = gpd.GeoDataFrame(
    ...     {"households": [17]}, geometry=[shapely.box(10, 10, 22, 30)], crs="EPSG:4547")
    >>> ground = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 40, 40)], crs="EPSG:4547")
    >>> answer = nearest_wish({"districts": ground, "buildings": houses}, Band(20, 25, 30))
    >>> (answer.wish.low, answer.wish.target, answer.wish.high)
    (17, 25, 30)
    """
    aim = rules or Rules()
    split = split_levels(layers, rules=replace(aim, micro_grids=band))
    first = _obstacles(split)
    wish, left = band, first
    for _ in range(tries):
        if not left:
            break
        loads = [item.households for item in left]
        wish = Band(min(wish.low, *loads), wish.target, max(wish.high, *loads))
        left = _obstacles(split_levels(layers, rules=replace(aim, micro_grids=wish)))
    return Feasible(band, None if left else wish, first)


def _obstacles(split: Split) -> tuple[Obstacle, ...]:
    """Derived base micro-grids with people that are out of the band."""
    rows = split.units["micro_grids"]
    out = rows[(rows["households"] > 0) & ~rows["within_band"].astype(bool) & rows["derived"].astype(bool)]
    out = out[out["kind"] == "base"]
    inside = split.buildings[split.buildings["households"] > 0].groupby("micro_grid")["code"].agg(tuple)
    spots = out.geometry.representative_point()
    return tuple(
        Obstacle(
            str(code), int(households), float(x), float(y), tuple(map(str, inside.get(code, ()))), str(reason),
            str(reason_zh),
        )
        for code, households, x, y, reason, reason_zh in zip(
            out["code"], out["households"], spots.x, spots.y, out["reason"], out["reason_zh"], strict=True
        )
    )
