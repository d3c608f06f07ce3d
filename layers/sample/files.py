"""The demo town as the files a street office would have: six formats, two CRS, two languages, a few odd rows.

`write_demo` draws the town (`layers.sample.filling` and after), lays it down at a place on the map and writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.random import PCG64, Generator

from layers.errors import WrongCall
from layers.sample import organizations as organization
from layers.sample import services as service
from layers.sample.filling import Ground, fill
from layers.sample.grids import grids
from layers.sample.incidents import incidents
from layers.sample.names import COMMUNITY, DISTRICT, STREET
from layers.sample.people import buildings, estates
from layers.sample.texts import CITY_TOML, README

__all__ = ["CRS", "SEED", "DemoCity", "demo_layers", "write_demo"]

#: CGCS2000, 3-degree Gauss-Krueger, central meridian 114 E; metres.
CRS = "EPSG:4547"
SEED = 3
#: Where the plan's corner lies (easting, northing) and how far it is turned from the grid, counter-clockwise.
_CORNER_M, _TURN_DEGREES = (461_000.0, 3_242_600.0), -7.0
_MARK = "# gridmap demo"

#: Accounts for trying the web service. An area that exists only after the build is None, and `pick` says which.
_ACCOUNTS: tuple[dict[str, str | None], ...] = (
    {"name": "leader", "password": "demo-leader", "role": "grid_leader", "area": None, "pick": "micro_grid"},
    {"name": "member", "password": "demo-member", "role": "grid_member", "area": None, "pick": "grid"},
    {"name": "street", "password": "demo-street", "role": "street_office", "area": STREET[0], "pick": None},
    {"name": "planner", "password": "demo-planner", "role": "planner", "area": DISTRICT[0], "pick": None},
    {"name": "admin", "password": "demo-admin", "role": "admin", "area": "", "pick": None},
)

_BUILDING_HEADINGS = {
    "code": "楼栋编码", "name": "名称", "households": "户数", "levels": "层数", "units": "单元数", "use": "用途",
    "residents": "人口", "aged_60": "60岁以上", "aged_80": "80岁以上", "living_alone": "独居老人",
    "disabled": "残疾人",
    "low_income": "低保户", "aged_0_3": "0-3岁", "aged_3_6": "3-6岁", "address": "地址", "estate": "所属小区",
    "resident_group": "resident_group",
}
_FACILITY_HEADINGS = {
    "code": "编号", "name": "名称", "kind": "类别", "lon": "经度", "lat": "纬度", "address": "地址",
    "hours": "开放时间",
    "functions": "功能", "capacity": "容量", "area_m2": "建筑面积",
}
_ORGANIZATION_HEADINGS = {
    "code": "编号", "name": "单位名称", "kind": "机构类型", "services": "服务项目", "service_area": "服务范围",
    "status": "登记状态",
    "members": "人员数", "phone": "联系电话", "address": "地址", "lon": "经度", "lat": "纬度",
}
_INCIDENT_HEADINGS = {
    "code": "编号", "category": "事件类别", "reported_at": "上报时间", "closed_at": "结案时间", "status": "办理状态",
    "source": "上报渠道", "text": "问题描述", "address": "地点", "lon": "经度", "lat": "纬度",
}
_STAFF_HEADINGS = {"name": "姓名", "role": "岗位", "area": "负责区域", "from": "任职日期", "phone": "联系电话"}


@dataclass(frozen=True, kw_only=True)
class DemoCity:
    """What `write_demo` wrote.

    `accounts` are dicts of name, password, role, area and pick: where `area` is None, `pick` names the level of which
    one unit is to be picked once the city is built. `figures` counts what is in the files.
    """

    folder: Path
    accounts: list[dict[str, str | None]]
    figures: dict[str, int]


def demo_layers(*, seed: int = SEED) -> dict[str, gpd.GeoDataFrame | pd.DataFrame]:
    """
    The demo town as frames: layer name -> frame with the schema's columns, geometry in metres (EPSG:4547).

    Parameters
    ----------
    seed
        Same seed, same town. Streets, blocks and totals are the same for every seed: 400,000 m2, 3,056 households,
        10,398 residents, 21 estates of which 19 unmanaged, 728 shops, 900 incidents.

    Examples
    --------
    >>> int(demo_layers()["buildings"]["households"].sum())  # doctest: +SKIP
    3056
    """
    rng = Generator(PCG64(seed))
    ground = fill(rng)
    homes = buildings(ground, rng, CRS)
    lands = estates(ground, homes)
    served = service.facilities(ground, homes, rng)
    organized = organization.organizations(ground, homes, rng)
    happened = incidents(ground, homes, served, rng)
    quarters = grids(ground, homes)
    duties = organization.staff(rng, dict(zip(quarters["code"], quarters["households"], strict=True)))
    codes = dict(zip(lands["name"], lands["code"], strict=True))
    homes = homes.assign(estate=homes["estate"].map(codes))
    frames = {
        **_levels(ground, homes),
        "grids": quarters,
        "estates": lands,
        "buildings": homes[[*_BUILDING_HEADINGS, "geometry"]],
        **_land(ground),
        "organizations": organized,
        "facilities": served,
        "incidents": happened,
    }
    return {name: _placed(frame) for name, frame in frames.items()} | {"staff": duties}


def write_demo(folder: str | Path, *, seed: int = SEED) -> DemoCity:
    """
    Write the demo city's input files into a folder.

    Parameters
    ----------
    folder
        A new or empty folder, or one that holds an earlier demo, which is written over.
    seed
        See `demo_layers`.

    Returns
    -------
    DemoCity: the folder, accounts to try, and what is in the files.

    Raises
    ------
    WrongCall
        Where the folder is a file, or holds something that is not a demo.

    Examples
    --------
    >>> import tempfile
    >>> write_demo(Path(tempfile.mkdtemp()) / "demo").figures["households"]  # doctest: +SKIP
    3056
    """
    folder = Path(folder)
    _check_folder(folder)
    layers = demo_layers(seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    homes, lands, served = layers["buildings"], layers["estates"], layers["facilities"]
    figures = {
        "area_m2": int(layers["communities"].area.sum().round(-1)),
        "households": int(homes["households"].sum()),
        "residents": int(homes["residents"].sum()),
        "buildings": len(homes),
        "estates": len(lands),
        "unmanaged_estates": int((~lands["managed"]).sum()),
        "shops": int(served["kind"].isin(["shops", "convenience_store"]).sum()),
        "facilities": len(served),
        "facility_kinds": int(served["kind"].nunique()),
        "organizations": len(layers["organizations"]),
        "incidents": len(layers["incidents"]),
        "roads": len(layers["roads"]),
        "staff": len(layers["staff"]),
    }
    _write_vectors(folder, layers)
    _write_tables(folder, layers)
    accounts = [dict(account) for account in _ACCOUNTS]
    _write_texts(folder, figures, accounts)
    return DemoCity(folder=folder, accounts=accounts, figures=figures)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise WrongCall(f"{folder} is a file; give a folder for the demo city's files")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    told = folder / "city.toml"
    if not (told.is_file() and told.read_text(encoding="utf-8", errors="replace").startswith(_MARK)):
        raise WrongCall(f"{folder} holds other files; give a new folder, so that the demo writes over nothing of yours")


def _levels(ground: Ground, homes: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """District, street and community: one of each, so that each is as large as the community and nests in the next."""
    totals = {name: [int(homes[name].sum())] for name in ("households", "residents")}
    levels = (("districts", DISTRICT, None), ("streets", STREET, DISTRICT[0]), ("communities", COMMUNITY, STREET[0]))
    return {
        level: gpd.GeoDataFrame(
            {"code": [code], "name": [name], **({"parent": [parent]} if parent else {}), **totals},
            geometry=[ground.bones.outline], crs=CRS,
        )
        for level, (code, name), parent in levels
    }


def _land(ground: Ground) -> dict[str, gpd.GeoDataFrame]:
    """Roads, walls, water and green, with codes."""
    roads, fabric = ground.roads, ground.fabric
    greens = {"park": "公园", "riverside": "滨河绿带", "garden": "小区绿地", "pitch": "操场"}
    return {
        "roads": gpd.GeoDataFrame(
            {
                "code": [f"DL{number:04d}" for number in range(1, len(roads) + 1)],
                "name": [road.name or None for road in roads], "class": [road.kind for road in roads],
                "bridge": ["yes" if road.bridge else None for road in roads],
            },
            geometry=[road.line for road in roads], crs=CRS,
        ),
        "barriers": gpd.GeoDataFrame(
            {"code": [f"WQ{number:02d}" for number in range(1, len(fabric.walls) + 1)], "kind": "wall"},
            geometry=fabric.walls, crs=CRS,
        ),
        "water": gpd.GeoDataFrame(
            {
                "code": [f"SY{number:02d}" for number in range(1, len(fabric.ponds) + 2)],
                "kind": ["river", *["pond"] * len(fabric.ponds)], "name": ["榆溪", *[None] * len(fabric.ponds)],
            },
            geometry=[ground.bones.river, *fabric.ponds], crs=CRS,
        ),
        "green": gpd.GeoDataFrame(
            {
                "code": [f"LD{number:03d}" for number in range(1, len(fabric.greens) + 1)],
                "kind": [kind for kind, _, _ in fabric.greens],
                "name": [name or greens[kind] for kind, name, _ in fabric.greens],
            },
            geometry=[shape for _, _, shape in fabric.greens], crs=CRS,
        ),
    }


def _placed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The plan turned and moved to its place on the map."""
    turn = np.radians(_TURN_DEGREES)
    matrix = [np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn), *_CORNER_M]
    return frame.set_geometry(frame.geometry.affine_transform(matrix))


def _write_vectors(folder: Path, layers: dict[str, Any]) -> None:
    """Buildings as a survey gives them, the rest as GeoJSON in WGS 84 with centimetres."""
    path = folder / "buildings.gpkg"
    path.unlink(missing_ok=True)
    layers["buildings"].rename(columns=_BUILDING_HEADINGS).to_file(path, layer="buildings", engine="pyogrio")
    for name in ("districts", "streets", "communities", "grids", "estates", "roads", "barriers", "water", "green"):
        path = folder / f"{name}.geojson"
        path.unlink(missing_ok=True)
        layers[name].to_crs(4326).to_file(path, driver="GeoJSON", COORDINATE_PRECISION=7)


def _write_tables(folder: Path, layers: dict[str, Any]) -> None:
    """Workbooks and CSV with Chinese headings, and coordinates in degrees."""
    served = _with_degrees(layers["facilities"]).assign(kind=layers["facilities"]["kind"].map(service.KINDS))
    _workbook(folder / "facilities.xlsx", served, _FACILITY_HEADINGS, "设施")
    roles = layers["staff"]["role"].map(organization.ROLES)
    _workbook(folder / "staff.xlsx", layers["staff"].assign(role=roles), _STAFF_HEADINGS, "人员")
    organized = _with_degrees(layers["organizations"])
    organized = organized.assign(kind=organized["kind"].map(organization.KINDS))
    _csv(folder / "organizations.csv", organized, _ORGANIZATION_HEADINGS, "gb18030")
    happened = _with_degrees(layers["incidents"])
    for name in ("reported_at", "closed_at"):
        happened[name] = happened[name].dt.strftime("%Y-%m-%d %H:%M")
    _csv(folder / "incidents.csv", happened, _INCIDENT_HEADINGS, "utf-8-sig")


def _with_degrees(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """The table with lon and lat in WGS 84, to a centimetre, in place of its points."""
    degrees = frame.geometry.to_crs(4326)
    return pd.DataFrame(frame.drop(columns="geometry")).assign(lon=degrees.x.round(7), lat=degrees.y.round(7))


def _csv(path: Path, table: pd.DataFrame, headings: dict[str, str], encoding: str) -> None:
    table[list(headings)].rename(columns=headings).to_csv(path, index=False, encoding=encoding, lineterminator="\r\n")


def _workbook(path: Path, table: pd.DataFrame, headings: dict[str, str], sheet: str) -> None:
    table[list(headings)].rename(columns=headings).to_excel(path, sheet_name=sheet, index=False, engine="openpyxl")


def _write_texts(folder: Path, figures: dict[str, int], accounts: list[dict[str, str | None]]) -> None:
    """`city.toml` and the folder's README, from `layers.sample.texts`."""
    kinds = {
        f"{name}_kinds": "\n".join(f'"{heading}={word}" = "{key}"' for key, word in words.items())
        for name, heading, words in (
            ("facilities", _FACILITY_HEADINGS["kind"], service.KINDS),
            ("organizations", _ORGANIZATION_HEADINGS["kind"], organization.KINDS),
        )
    }
    people = "\n".join(f"| {one['name']} | {one['password']} | {one['role']} |" for one in accounts)
    facts = {**{name: f"{value:,}" for name, value in figures.items()}, **kinds, "accounts": people, "crs": CRS}
    for name, text in (("city.toml", CITY_TOML), ("README.md", README)):
        (folder / name).write_text(Template(text).substitute(facts), encoding="utf-8")
