"""Which layers are tiles, how deep they go, and how much of them a zoom shows."""

from __future__ import annotations

from dataclasses import dataclass

from layers.schema import layer

__all__ = ["PLAN", "TileLayer", "tile_layer"]

#: Streets that are drawn before one can tell the small ones apart.
MAIN_ROADS = frozenset({
    "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
    "tertiary", "tertiary_link",
})
#: The largest streets, for the view of the whole city.
GREAT_ROADS = frozenset({"motorway", "trunk", "primary", "secondary"})


@dataclass(frozen=True, kw_only=True)
class TileLayer:
    """How one layer becomes tiles.

    Parameters
    ----------
    name
        A layer of `layers.schema`.
    group
        `base` (what lies on the ground), `units` (districts to micro-grids) or `things`.
    geometry
        What the client draws: polygon, line or point.
    minzoom, maxzoom
        Tiles are made from, and to. Clients draw on beyond the deepest.
    until
        Below this zoom it stands for the finer units that are not in tiles yet.
    most
        Features that one tile may hold; a zoom with a fuller tile is left out, as long as a deeper one remains.
    style
        Column that says how a feature of the base map is drawn.
    shown
        Whether it is drawn when the page opens.
    """

    name: str
    group: str
    geometry: str
    minzoom: int
    maxzoom: int
    until: int | None = None
    most: int = 6000
    style: str | None = None
    shown: bool = True

    @property
    def zh(self) -> str:
        """Its title in Chinese."""
        return layer(self.name).zh

    @property
    def en(self) -> str:
        """Its title in English."""
        return layer(self.name).en


#: Lowest drawn first.
PLAN: tuple[TileLayer, ...] = (
    TileLayer(name="green", group="base", geometry="polygon", minzoom=9, maxzoom=15, style="kind"),
    TileLayer(name="water", group="base", geometry="polygon", minzoom=8, maxzoom=15, style="kind"),
    TileLayer(name="estates", group="base", geometry="polygon", minzoom=12, maxzoom=15, style="kind", shown=False),
    TileLayer(name="districts", group="units", geometry="polygon", minzoom=5, maxzoom=12, until=8),
    TileLayer(name="streets", group="units", geometry="polygon", minzoom=7, maxzoom=13, until=10),
    TileLayer(name="communities", group="units", geometry="polygon", minzoom=8, maxzoom=14, until=11),
    TileLayer(name="grids", group="units", geometry="polygon", minzoom=10, maxzoom=15),
    TileLayer(name="micro_grids", group="units", geometry="polygon", minzoom=11, maxzoom=15),
    TileLayer(name="roads", group="base", geometry="line", minzoom=9, maxzoom=15, style="class"),
    TileLayer(name="barriers", group="base", geometry="line", minzoom=12, maxzoom=15, style="kind"),
    TileLayer(name="buildings", group="base", geometry="polygon", minzoom=13, maxzoom=15),
    TileLayer(name="gaps", group="things", geometry="polygon", minzoom=9, maxzoom=14, style="kind", shown=False),
    TileLayer(name="organizations", group="things", geometry="point", minzoom=11, maxzoom=15, most=2000, style="kind",
              shown=False),
    TileLayer(name="facilities", group="things", geometry="point", minzoom=11, maxzoom=15, most=2000, style="kind",
              shown=False),
    TileLayer(name="incidents", group="things", geometry="point", minzoom=11, maxzoom=15, most=2000,
              style="category", shown=False),
)

_BY_NAME = {item.name: item for item in PLAN}


def tile_layer(name: str) -> TileLayer | None:
    """The plan of a layer; None where it never becomes tiles."""
    return _BY_NAME.get(name)
