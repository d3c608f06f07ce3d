"""What the town is filled with while it is drawn: buildings without people, ways, walls and greens."""

from __future__ import annotations

from dataclasses import dataclass, field

import shapely

from layers.sample.streets import Street

__all__ = ["Building", "Fabric"]


@dataclass(kw_only=True)
class Building:
    """A building before anybody lives in it.

    `dwellings` is how many homes it has room for, `front` the street its ground floor shops look at, `public` the
    key of what it houses.
    """

    shape: shapely.Polygon
    use: str
    levels: int
    dwellings: int = 0
    units: int | None = None
    estate: str | None = None
    block: str = ""
    front: str | None = None
    public: str | None = None


@dataclass
class Fabric:
    """All that the plots have been filled with so far; `gates` and `lands` by estate, gates of public plots by use."""

    buildings: list[Building] = field(default_factory=list)
    ways: list[Street] = field(default_factory=list)
    walls: list[shapely.LineString] = field(default_factory=list)
    greens: list[tuple[str, str, shapely.Polygon]] = field(default_factory=list)
    ponds: list[shapely.Polygon] = field(default_factory=list)
    gates: dict[str, shapely.Point] = field(default_factory=dict)
    lands: dict[str, shapely.Polygon] = field(default_factory=dict)
