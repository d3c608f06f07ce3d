"""A city of two streets with two grids each and one account a role, small enough to know by heart.

::

    north  | 002: grids 001 002 |      each grid is four micro-grids in a row of 100 m squares;
    south  | 001: grids 001 002 |      everything in micro-grid N of a grid has its code in its name
"""

from __future__ import annotations

import re
from typing import Any

import geopandas as gpd
import pandas as pd
from flask import Flask
from flask.testing import FlaskClient
from shapely.geometry import LineString, box

CRS = "EPSG:4547"
X, Y = 512000.0, 3381000.0
DISTRICT = "990101"
STREETS = (f"{DISTRICT}001", f"{DISTRICT}002")
COMMUNITIES = tuple(f"{street}001" for street in STREETS)
GRIDS = tuple(f"{community}{grid:03d}" for community in COMMUNITIES for grid in (1, 2))
CODES = tuple(f"{grid}{number:03d}" for grid in GRIDS for number in (1, 2, 3, 4))
PASSWORD = "chang-jiang-1"

#: role -> area: a leader of the first grid, a member of two micro-grids of the last, the office of the first street
AREAS = {
    "grid_leader": GRIDS[0],
    "grid_member": f"{CODES[-1]},{CODES[-2]}",
    "street_office": STREETS[0],
    "planner": DISTRICT,
    "admin": "",
    "grid_leader_without_area": "",
}


def in_reach(role: str, code: str) -> bool:
    """Whether the role's account may see a unit: told by the areas above, not by the code under test."""
    if role == "admin":
        return True
    return any(code.startswith(area) for area in AREAS[role].split(",") if area)


def _square(position: int, size: float = 100.0, offset: float = 0.0) -> Any:
    """Square of a micro-grid by its number in `CODES`: eight in a row, two rows."""
    west, south = X + position % 8 * 100 + offset, Y + position // 8 * 100 + offset
    return box(west, south, west + size, south + size)


def frames() -> dict[str, Any]:
    """Every layer of the city."""
    squares = [_square(n) for n in range(len(CODES))]
    units = gpd.GeoDataFrame({"code": CODES}, geometry=squares, crs=CRS)

    def level(digits: int, names: str) -> gpd.GeoDataFrame:
        joined = units.assign(code=units["code"].str[:digits]).dissolve("code").reset_index()
        return joined.assign(name=names + joined["code"], households=pd.array([25] * len(joined), dtype="Int64"))

    micro_grids = units.assign(
        name="微网格" + units["code"], parent=units["code"].str[:15],
        households=pd.array(range(10, 10 + len(CODES)), dtype="Int64"),
        residents=pd.array(range(30, 30 + len(CODES)), dtype="Int64"),
        within_band=[n >= 5 for n in range(len(CODES))],
        leader="长" + units["code"], stack=None,
    )
    micro_grids.loc[[1, 2], "stack"] = "stack-1"  # floors of one tower, in the first grid
    micro_grids.loc[2, "geometry"] = squares[1]
    micro_grids["floor_from"] = pd.array([None, 1, 9, *[None] * 13], dtype="Int64")
    micro_grids["floor_to"] = pd.array([None, 8, 16, *[None] * 13], dtype="Int64")
    middle = units.geometry.centroid

    def things(prefix: str, **columns: Any) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(
            {"code": [prefix + code for code in CODES], "micro_grid": CODES, "grid": [code[:15] for code in CODES],
             "community": [code[:12] for code in CODES], "attached_by": "within", **columns},
            geometry=list(middle), crs=CRS,
        )

    return {
        "districts": level(6, "区"), "streets": level(9, "街道"), "communities": level(12, "社区"),
        "grids": level(15, "网格"), "micro_grids": micro_grids,
        "buildings": gpd.GeoDataFrame(
            {"code": [f"B{code}" for code in CODES], "name": [f"楼{code}" for code in CODES], "micro_grid": CODES,
             "households": pd.array([20] * len(CODES), dtype="Int64")},
            geometry=[_square(n, 40, 20) for n in range(len(CODES))], crs=CRS,
        ),
        "roads": gpd.GeoDataFrame(
            {"code": ["R1"], "name": ["桂花街"], "class": ["secondary"]},
            geometry=[LineString([(X - 50, Y + 100), (X + 850, Y + 100)])], crs=CRS,
        ),
        "facilities": things("F", name=["食堂" + code for code in CODES], kind="canteen"),
        "organizations": things(
            "O", name=["志愿队" + code for code in CODES], kind="volunteer_team",
            phone=["138" + code[-8:] for code in CODES], id_card=["ID" + code for code in CODES],
        ),
        "incidents": things(
            "E", category="environment", status="reported", reported_at=pd.Timestamp("2026-03-02 08:15"),
            text=["路灯不亮" + code for code in CODES], address=["某号" + code for code in CODES],
        ),
        "staff": pd.DataFrame(
            {"name": ["员" + code for code in CODES], "role": "grid_member", "area": CODES, "phone": "13900000000"}
        ),
        "coverage": pd.DataFrame(
            {"micro_grid": CODES, "kind": "canteen", "norm_m": 500.0,
             "households": pd.array([20] * 16, dtype="Int64"), "covered_households": pd.array([10] * 16, dtype="Int64"),
             "coverage": 0.5, "walk_m_mean": 240.0, "walk_m_max": 400.0,
             "nearest": ["F" + code for code in reversed(CODES)], "status": "partial", "verified": False}
        ),
        "findings": pd.DataFrame(
            {"layer": ["buildings"] * 16 + ["micro_grids"] * 16 + ["roads"], "rule": "odd_thing",
             "what": [f"=1+1 楼{code} 有问题" for code in CODES] + [f"界{code}" for code in CODES] + ["道路缺少名称"],
             "done": "nothing", "level": ["warning"] * 32 + ["note"],
             "row": pd.array(range(33), dtype="Int64"),
             "code": [f"B{code}" for code in CODES] + list(CODES) + [None],
             "field": None, "file": "buildings.gpkg"}
        ),
    }


def token_of(page: str) -> str:
    """The CSRF token in a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def log_in(app: Flask, name: str, password: str = PASSWORD) -> FlaskClient:
    """A client that is logged in, by the form as a person would."""
    client = app.test_client()
    token = token_of(client.get("/login").text)
    answer = client.post("/login", data={"name": name, "password": password, "csrf_token": token})
    assert answer.status_code == 302, answer.text
    return client
