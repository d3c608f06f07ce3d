"""A town drawn in characters: small enough to see whole, odd enough to test with.

One character is 10 by 10 metres. Letters are buildings (a rectangle of one letter is one building; letters side by
side touch), `=` is a street, `H` its bridge, `#` a wall, `~` the river, `*` the park; digits are facilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

__all__ = ["CELL_M", "COMMUNITY", "CRS", "DRAWING", "town"]

#: North is up. The walled estate in the north-west has its gate in the east.
DRAWING = """
##########..=..........=............
#AAAA.BBB#..=.TT.KKKK..=.xyz.uv.qr..
#........#..=.TT......1=.xyz.uv.qr..
#CCCC.DDD...=....LLLL..=............
#........#..=.UU.......=.ab..de.fg..
#EEEE.FFF#..=.UU.MMMM..=.ab.3de.fg..
##########2.=..........=............
====================================
.NN.OO.PP...=.SS.Q.R...=.m.n.ok.....
.NN.OO.PP...=..........=............
...........4=.GGG..III.=.h.i.j..***.
..VVV.WWW...=.GGG..III.=........***.
............=..........=.s.tw...***.
============================5.......
.p.l.c..X.Y.=.Z..J...............6..
............=.......................
~~~~~~~~~~~~H~~~~~~~~~~~~~~~~~~~~~~~
~~~~~~~~~~~~H~~~~~~~~~~~~~~~~~~~~~~~
............=.......................
"""

CELL_M = 10.0
COMMUNITY = "990101001001"
#: CGCS2000, 3-degree Gauss-Krueger, central meridian 114 E; metres.
CRS = "EPSG:4547"
_WEST, _NORTH = 512000.0, 3381000.0

#: letter -> households, levels, units, use; levels and units None where the file does not know them
_FACTS: dict[str, tuple[int, int | None, int | None, str]] = {
    "A": (30, 5, 3, "residential"), "B": (20, 5, 2, "residential"), "C": (30, 5, 3, "residential"),
    "D": (20, 5, 2, "residential"), "E": (30, 5, 3, "residential"), "F": (20, 5, 2, "residential"),
    "T": (96, 16, 2, "residential"), "U": (52, None, None, "residential"), "K": (22, 6, 2, "residential"),
    "L": (22, 6, 2, "residential"), "M": (30, 6, 3, "residential"), "N": (12, 3, 1, "residential"),
    "O": (14, 4, 1, "residential"), "P": (16, 4, 1, "residential"), "V": (18, 3, 2, "residential"),
    "W": (18, 3, 2, "residential"), "G": (0, 3, 1, "school"), "I": (0, 2, 1, "market"),
    "S": (0, 1, None, "shop"), "Q": (0, 1, None, "shop"), "R": (0, 1, None, "shop"), "Z": (0, 1, None, "shop"),
}
#: households of the small houses, by letter; all of two floors and without entrance units
_HOUSES = {
    "x": 2, "y": 1, "z": 3, "u": 2, "v": 2, "q": 1, "r": 1, "a": 2, "b": 1, "d": 3, "e": 1, "f": 2, "g": 4, "m": 1,
    "n": 2, "o": 1, "k": 2, "h": 1, "i": 2, "j": 0, "s": 1, "t": 2, "w": 3, "p": 1, "l": 1, "c": 2, "X": 3, "Y": 1,
    "J": 2,
}
_STREETS = ("桂花街", "柳岸路", "桥头路", "竹巷")
_FACILITIES = {
    "1": ("桂花街社区食堂", "canteen"), "2": ("柳岸卫生服务站", "health_station"),
    "3": ("柳岸幼儿园", "kindergarten"), "4": ("桥头便利店", "convenience_store"),
    "5": ("竹巷公共厕所", "toilet"), "6": ("竹巷健身场地", "fitness_ground"),
}
#: name, kind, column and row in the drawing
_ORGANIZATIONS = (
    ("柳岸社区居民委员会", "residents_committee", 14.5, 14.5),
    ("柳岸社区志愿服务队", "volunteer_team", 17.5, 8.5),
    ("桂花苑物业服务部", "property_company", 9.5, 3.5),
    ("邻里书画社", "community_org", 26.0, 4.5),
)
#: category, state, reported and closed (None: still open), column and row in the drawing
_INCIDENTS = (
    ("environment", "closed", "2026-03-02 08:15", "2026-03-03 10:00", 20.5, 10.6),
    ("environment", "closed", "2026-03-09 17:40", "2026-03-12 09:30", 19.4, 12.2),
    ("street_order", "closed", "2026-04-18 19:05", "2026-04-18 21:00", 18.4, 7.5),
    ("safety_hazard", "in_progress", "2026-10-05 11:20", None, 15.0, 5.2),
    ("dispute", "closed", "2026-05-21 20:10", "2026-06-02 16:00", 3.0, 3.5),
    ("livelihood", "reported", "2026-10-30 09:00", None, 28.6, 4.9),
    ("environment", "dispatched", "2026-10-29 14:30", None, 12.5, 13.5),
    ("other", "closed", "2026-07-01 10:00", "2026-07-01 15:00", 40.0, 9.0),
)


def _at(column: float | np.ndarray, row: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Easting and northing in metres of a place in the drawing, counted in characters from its north-west corner."""
    return _WEST + np.asarray(column) * CELL_M, _NORTH - np.asarray(row) * CELL_M


def _box(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    west, north = _at(left, top)
    east, south = _at(right, bottom)
    return shapely.box(float(west), float(south), float(east), float(north))


def _area(marks: np.ndarray) -> shapely.Geometry:
    """Union of the characters where `marks` is True."""
    cells = [_box(column, row, column + 1, row + 1) for row, column in np.argwhere(marks)]
    return shapely.simplify(shapely.union_all(cells), 0.0)


def _lines(marks: np.ndarray, *, to_edge: bool) -> list[np.ndarray]:
    """Middle lines of the runs of two or more marks, along rows, then along columns; (column, row) pairs.

    Lines have a vertex wherever another one meets them. `to_edge` lets those that touch the drawing's edge end on it.
    """
    beside = np.pad(marks, 1)
    crossed = (beside[1:-1, :-2] | beside[1:-1, 2:]) & (beside[:-2, 1:-1] | beside[2:, 1:-1])
    found = []
    for across, (grid, knots) in enumerate(((marks, crossed), (marks.T, crossed.T))):
        for number, run in enumerate(grid):
            # a run goes from a step up to the next step down
            steps = np.flatnonzero(np.diff(np.concatenate(([False], run, [False])).astype(int)))
            for start, stop in zip(steps[::2], steps[1::2], strict=True):
                if stop - start < 2:
                    continue
                first = 0.0 if to_edge and start == 0 else start + 0.5
                last = float(stop) if to_edge and stop == len(run) else stop - 0.5
                inner = np.flatnonzero(knots[number, start:stop]) + start + 0.5
                along = np.unique(np.concatenate(([first], inner, [last])))
                side = np.full(len(along), number + 0.5)
                found.append(np.column_stack((side, along) if across else (along, side)))
    return found


def _frame(columns: dict[str, object], geometry: Sequence) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=list(geometry), crs=CRS)


def _buildings(grid: np.ndarray) -> gpd.GeoDataFrame:
    facts = _FACTS | {letter: (households, 2, None, "residential") for letter, households in _HOUSES.items()}
    rows, shapes = [], []
    # forty-odd letters, each found in the drawing once
    for letter, (households, levels, units, use) in facts.items():
        cells = np.argwhere(grid == letter)
        (top, left), (bottom, right) = cells.min(axis=0), cells.max(axis=0) + 1
        rows.append((letter, households, levels, units, use))
        shapes.append(_box(left, top, right, bottom))
    table = pd.DataFrame(rows, columns=["letter", "households", "levels", "units", "use"])
    people = table["households"] * 17 // 5
    return _frame(
        {
            "code": COMMUNITY + "-" + table["letter"],
            "name": table["letter"] + "栋",
            "households": table["households"].astype("Int64"),
            "levels": table["levels"].astype("Int64"),
            "units": table["units"].astype("Int64"),
            "use": table["use"],
            "residents": people.astype("Int64"),
            "aged_60": (people * 22 // 100).astype("Int64"),
            "aged_80": (people * 4 // 100).astype("Int64"),
            "living_alone": (people * 3 // 100).astype("Int64"),
        },
        shapes,
    )


def _roads(grid: np.ndarray) -> gpd.GeoDataFrame:
    rows: list[tuple[str, str | None, shapely.LineString]] = []
    wet = np.argwhere(grid == "H")
    column, bank, other_bank = wet[0, 1] + 0.5, float(wet[:, 0].min()), float(wet[:, 0].max() + 1)
    for name, line in zip(_STREETS, _lines(np.isin(grid, ["=", "H"]), to_edge=True), strict=True):
        pieces: list[tuple[str | None, np.ndarray]] = [(None, line)]
        if (line[:, 0] == column).all():
            # the bridge is a piece of its own, from bank to bank
            near, far = np.array([[column, bank]]), np.array([[column, other_bank]])
            north, south = line[line[:, 1] < bank], line[line[:, 1] > other_bank]
            parts = (None, north, near), ("yes", near, far), (None, far, south)
            pieces = [(bridge, np.vstack((one, other))) for bridge, one, other in parts]
        rows += [(name, bridge, shapely.linestrings(*_at(*piece.T))) for bridge, piece in pieces]
    kinds = {"桂花街": "secondary", "柳岸路": "tertiary", "桥头路": "tertiary", "竹巷": "residential"}
    names, bridges, shapes = zip(*rows, strict=True)
    codes = [f"R{number}" for number in range(1, len(rows) + 1)]
    return _frame({"code": codes, "name": names, "class": [kinds[name] for name in names], "bridge": bridges}, shapes)


def _points(rows: tuple, names: list[str], prefix: str) -> gpd.GeoDataFrame:
    """Rows that end in column and row of the drawing, as points with codes."""
    table = pd.DataFrame([row[:-2] for row in rows], columns=names)
    xs, ys = _at(np.array([row[-2] for row in rows]), np.array([row[-1] for row in rows]))
    table.insert(0, "code", [f"{prefix}{number}" for number in range(1, len(rows) + 1)])
    return gpd.GeoDataFrame(table, geometry=shapely.points(xs, ys), crs=CRS)


def town() -> dict[str, gpd.GeoDataFrame]:
    """
    A small drawn town, the same each time.

    One community of 360 by 190 m with 51 buildings and 500 households: a walled estate of slabs, a tower of 96
    households (16 levels, 2 units), a building of 52 households whose levels nobody knows, shops and a school where
    nobody lives, rows of touching houses, a river with a bridge. One incident lies outside the community.

    Returns
    -------
    Layer name -> frame with the columns of `layers.schema`: communities, estates, buildings, roads, barriers, water,
    green, organizations, facilities, incidents. Geometry in metres, EPSG:4547; counts are Int64, times are datetimes.
    The frames are new at every call, so a test may change them.

    Examples
    --------
    >>> layers = town()
    >>> int(layers["buildings"]["households"].sum()), len(layers["buildings"])
    (500, 51)
    >>> layers["buildings"].set_index("code").loc["990101001001-T", ["households", "levels", "units"]].tolist()
    [96, 16, 2]
    """
    grid = np.array([list(line) for line in DRAWING.split()])
    height, width = grid.shape
    buildings = _buildings(grid)
    outline = _box(0, 0, width, height)
    totals = {"households": [int(buildings["households"].sum())], "residents": [int(buildings["residents"].sum())]}
    digits = np.argwhere(np.isin(grid, list(_FACILITIES)))
    facilities = tuple((*_FACILITIES[grid[row, column]], column + 0.5, row + 0.5) for row, column in digits)
    walls = [shapely.linestrings(*_at(*line.T)) for line in _lines(grid == "#", to_edge=False)]
    incidents = _points(_INCIDENTS, ["category", "status", "reported_at", "closed_at"], "E")
    incidents[["reported_at", "closed_at"]] = incidents[["reported_at", "closed_at"]].apply(pd.to_datetime)
    return {
        "communities": _frame(
            {"code": [COMMUNITY], "name": ["柳岸社区"], "parent": [COMMUNITY[:9]], **totals}, [outline]
        ),
        "estates": _frame(
            {"code": ["X1"], "name": ["桂花苑"], "kind": ["estate"], "managed": [True]},
            [shapely.box(*shapely.total_bounds(walls))],
        ),
        "buildings": buildings,
        "roads": _roads(grid),
        "barriers": _frame({"code": [f"B{number}" for number in range(1, len(walls) + 1)], "kind": "wall"}, walls),
        "water": _frame({"code": ["W1"], "kind": ["river"], "name": ["青溪"]}, [_area(np.isin(grid, ["~", "H"]))]),
        "green": _frame({"code": ["G1"], "kind": ["park"], "name": ["竹园"]}, [_area(grid == "*")]),
        "organizations": _points(_ORGANIZATIONS, ["name", "kind"], "O"),
        "facilities": _points(facilities, ["name", "kind"], "F"),
        "incidents": incidents,
    }
