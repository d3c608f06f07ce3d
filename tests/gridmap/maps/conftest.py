"""A town of six micro-grids to draw, two of them floors of one tower, with everything that a map can show."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import LineString, Point, box

CRS = "EPSG:4547"
X, Y = 512000.0, 3381000.0
GRID = "990101001001001"


def square(column: float, row: float, size: float = 100.0) -> box:
    """A square of the town, counted from its south-west corner in squares of 100 m."""
    west, south = X + column * 100, Y + row * 100
    return box(west, south, west + size, south + size)


def place(column: float, row: float) -> Point:
    """A place of the town, in the same count."""
    return Point(X + column * 100, Y + row * 100)


@pytest.fixture
def micro_grids() -> gpd.GeoDataFrame:
    """
    ::

        004  005+006   (005 and 006 are floors 1-8 and 9-16 of one tower)
        001  002  003
    """
    codes = [f"{GRID}{number:03d}" for number in range(1, 7)]
    return gpd.GeoDataFrame(
        {
            "code": codes,
            "name": ["一号", None, "三号", "四号", None, None],
            "parent": GRID,
            "households": pd.array([18, 25, 31, 52, 40, 38], dtype="Int64"),
            "residents": pd.array([50, 70, 90, 150, 120, None], dtype="Int64"),
            "aged_80": pd.array([2, 0, 4, 6, 1, 3], dtype="Int64"),
            "area_m2": 10000.0,
            "compactness": 0.785,
            "within_band": [True, True, True, False, True, True],
            "reason": [None, None, None, "52 households in one building", None, None],
            "reason_zh": [None, None, None, "整栋52户", None, None],
            "stack": [None, None, None, None, f"{GRID}-T", f"{GRID}-T"],
            "floor_from": pd.array([None, None, None, None, 1, 9], dtype="Int64"),
            "floor_to": pd.array([None, None, None, None, 8, 16], dtype="Int64"),
            "leader": ["王秀英", None, None, None, None, None],
        },
        geometry=[square(0, 0), square(1, 0), square(2, 0), square(0, 1), square(1, 1), square(1, 1)],
        crs=CRS,
    )


@pytest.fixture
def layers(micro_grids: gpd.GeoDataFrame) -> dict[str, pd.DataFrame]:
    """Layers around the micro-grids."""
    codes = micro_grids["code"].tolist()
    points = {
        "facilities": gpd.GeoDataFrame(
            {"code": ["F1", "F2"], "name": ["桂花幼儿园", "柳岸食堂"], "kind": ["kindergarten", "canteen"],
             "hours": ["8:00-17:00", None], "micro_grid": [codes[0], codes[2]], "attached_by": "within"},
            geometry=[place(0.5, 0.5), place(2.5, 0.2)], crs=CRS,
        ),
        "organizations": gpd.GeoDataFrame(
            {"code": ["O1"], "name": ["志愿服务队"], "kind": ["volunteer_team"], "phone": ["0830-1234567"],
             "micro_grid": [codes[0]]},
            geometry=[place(0.2, 0.8)], crs=CRS,
        ),
        "incidents": gpd.GeoDataFrame(
            {"code": ["E1", "E2", "E3"], "category": ["environment", "dispute", "other"],
             "status": ["closed", "in_progress", "reported"],
             "reported_at": pd.to_datetime(["2026-03-02 08:15", "2026-10-05 11:20", "2026-10-30 00:00"]),
             "closed_at": pd.to_datetime(["2026-03-03 10:00", None, None]),
             "text": ["路灯不亮", "楼道堆物", None], "micro_grid": [codes[0], codes[0], codes[3]]},
            geometry=[place(0.6, 0.3), place(0.7, 0.3), place(0.5, 1.5)], crs=CRS,
        ),
    }
    coverage = pd.DataFrame(
        {
            "micro_grid": codes * 2,
            "kind": ["kindergarten"] * 6 + ["canteen"] * 6,
            "norm_m": [300.0] * 6 + [500.0] * 6,
            "households": pd.array([18, 25, 31, 52, 40, 38] * 2, dtype="Int64"),
            "covered_households": pd.array([18, 25, 10, 0, 40, 0] + [0] * 6, dtype="Int64"),
            "coverage": [1.0, 1.0, 10 / 31, 0.0, 1.0, None] + [0.0] * 6,
            "walk_m_mean": [90.0, 180.0, 320.0, 640.0, 200.0, None] + [900.0] * 6,
            "walk_m_max": [120.0, 250.0, 400.0, 700.0, 260.0, None] + [1000.0] * 6,
            "nearest": ["F1"] * 6 + ["F2"] * 6,
            "status": ["covered", "covered", "partial", "gap", "covered", "no_data"] + ["gap"] * 6,
            "verified": [False] * 12,
        }
    )
    return {
        "roads": gpd.GeoDataFrame(
            {"name": ["桂花街", None], "class": ["secondary", "footway"]},
            geometry=[LineString([(X, Y + 100), (X + 300, Y + 100)]), LineString([(X + 100, Y), (X + 100, Y + 200)])],
            crs=CRS,
        ),
        "water": gpd.GeoDataFrame({"name": ["青溪"]}, geometry=[square(2, 1)], crs=CRS),
        "buildings": gpd.GeoDataFrame(
            {"code": ["B1", "B2", "T-1", "T-2"], "name": ["1栋", None, "塔楼", "塔楼"],
             "households": pd.array([10, 8, 40, 38], dtype="Int64"),
             "levels": pd.array([5, None, 16, 16], dtype="Int64"),
             "floor_from": pd.array([None, None, 1, 9], dtype="Int64"),
             "floor_to": pd.array([None, None, 8, 16], dtype="Int64"),
             "part_of": [None, None, "T", "T"], "micro_grid": [codes[0], codes[0], codes[4], codes[5]]},
            geometry=[square(0.1, 0.1, 30), square(0.5, 0.1, 30), square(1.2, 1.2, 40), square(1.2, 1.2, 40)],
            crs=CRS,
        ),
        "coverage": coverage,
        **points,
    }
