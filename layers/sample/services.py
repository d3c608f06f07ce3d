"""What serves the people of the demo town: 728 shops, and facilities of two dozen kinds with gaps left on purpose.

The only canteen is in the north, so that the south is far beyond 300 m; nobody runs a day care for the elderly; there
is one health station, in the east. Shops stand on the ground floors along the main streets and in the market.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.random import Generator

from layers.sample.filling import Ground
from layers.sample.names import brands
from layers.sample.people import share_out
from layers.sample.streets import WIDTH_M

__all__ = ["KINDS", "SHOPS", "facilities"]

SHOPS = 728
_STALLS = 64

#: Facility kind -> what an office calls it; also what the workbook holds.
KINDS = {
    "primary_school": "小学", "kindergarten": "幼儿园", "nursery": "托儿所", "after_school": "三点半课堂",
    "health_center": "社区医院", "health_station": "社区卫生服务站", "clinic": "门诊部", "canteen": "社区食堂",
    "market": "菜市场", "shops": "商业网点", "convenience_store": "便利店", "party_service_center": "党群服务中心",
    "community_service_station": "社区服务站", "culture_station": "文化活动站", "police_room": "警务室",
    "micro_fire_station": "微型消防站", "volunteer_station": "志愿服务站", "social_work_station": "社工站",
    "deliberation_site": "议事阵地", "fitness_ground": "健身场地", "ball_court_s": "球场",
    "play_ground": "儿童活动场地",
    "public_green": "社区绿地", "bus_stop": "公交站", "toilet": "公共厕所", "waste_station": "垃圾收集站",
    "waste_point": "垃圾投放点", "recycling": "废品回收点", "parcel": "快递驿站", "charging": "充电桩",
    "parking": "停车场",
}

#: kind, name, place in the plan (m), hours, functions; a place is moved to the nearest building or street
_SINGLES: tuple[tuple[str, str, tuple[float, float], str, str], ...] = (
    ("canteen", "老埠社区长者食堂", (300, 610), "10:30-13:00,16:30-18:30", "助餐,送餐"),
    ("health_station", "老埠社区卫生服务站", (600, 430), "08:00-17:30", "全科,预防接种"),
    ("clinic", "榆溪口腔门诊部", (350, 470), "09:00-20:00", "口腔"),
    ("clinic", "石榴路中医门诊部", (130, 310), "08:30-18:00", "中医"),
    ("nursery", "小禾苗托育园", (560, 560), "07:30-18:00", "托育"),
    ("after_school", "三点半课堂", (80, 560), "15:30-18:00", "课后托管"),
    ("community_service_station", "老埠社区服务站", (240, 360), "08:30-17:30", "民政,社保,证明"),
    ("micro_fire_station", "老埠微型消防站", (150, 185), "00:00-24:00", "消防"),
    ("volunteer_station", "老埠志愿服务站", (255, 365), "09:00-17:00", "志愿服务"),
    ("social_work_station", "榆溪街道社工站", (235, 350), "08:30-17:30", "社工"),
    ("deliberation_site", "埠头茶叙议事点", (100, 170), "", "议事"),
    ("deliberation_site", "望溪花园议事亭", (460, 600), "", "议事"),
    ("fitness_ground", "榆溪公园健身场", (320, 80), "", "健身"),
    ("fitness_ground", "麦场健身点", (200, 540), "", "健身"),
    ("ball_court_s", "东圃球场", (580, 290), "06:00-21:00", "篮球"),
    ("play_ground", "榆溪公园儿童乐园", (330, 130), "", "游戏"),
    ("play_ground", "蒲塘儿童活动场", (600, 520), "", "游戏"),
    ("public_green", "榆溪公园", (320, 105), "", "游憩"),
    ("public_green", "滨河绿带", (500, 52), "", "游憩"),
    ("waste_station", "石榴路垃圾收集站", (640, 335), "05:00-22:00", "转运"),
    ("recycling", "木行街废品回收点", (120, 420), "08:00-18:00", "回收"),
    ("recycling", "菱角街废品回收点", (560, 185), "08:00-18:00", "回收"),
    ("parking", "市场停车场", (380, 180), "00:00-24:00", "停车"),
    ("parking", "青榆大道停车场", (250, 650), "00:00-24:00", "停车"),
    ("bus_stop", "望溪街北口站", (380, 580), "06:00-22:00", ""),
    ("bus_stop", "石榴路口站", (300, 260), "06:00-22:00", ""),
    ("bus_stop", "望溪桥站", (265, 75), "06:00-22:00", ""),
    ("bus_stop", "蒲塘路站", (655, 420), "06:00-22:00", ""),
    ("bus_stop", "柘林路站", (10, 400), "06:00-22:00", ""),
    ("toilet", "埠头公厕", (120, 70), "00:00-24:00", ""),
    ("toilet", "老埠街公厕", (200, 195), "00:00-24:00", ""),
    ("toilet", "市场公厕", (400, 230), "05:00-21:00", ""),
    ("toilet", "公园公厕", (330, 70), "06:00-22:00", ""),
    ("toilet", "麦场街公厕", (150, 490), "00:00-24:00", ""),
)
_ON_GREEN = ("fitness_ground", "ball_court_s", "play_ground", "public_green")
_ON_STREETS = ("bus_stop", "parking")
_PUBLIC_NAMES = {
    "primary_school": ("老埠小学", "", "教育"), "kindergarten": ("藕池幼儿园", "07:30-17:00", "学前教育"),
    "health_center": ("榆溪街道社区医院", "00:00-24:00", "门诊,急诊,住院"),
    "market": ("石榴路农贸市场", "05:00-19:00", "生鲜"),
    "party_service_center": ("老埠社区党群服务中心", "08:30-20:00", "党建,议事,图书"),
    "culture_station": ("老埠文化活动站", "09:00-21:00", "棋牌,排练"),
    "police_room": ("老埠社区警务室", "00:00-24:00", "治安"),
}
#: trade -> what follows the brand, share, hours
_TRADES = {
    "餐饮": (("面馆", "小吃店", "饭馆", "米粉店", "烧烤店", "茶饮店"), 0.27, "06:30-21:30"),
    "副食": (("副食店", "粮油店", "水果店", "干货行", "烟酒店"), 0.21, "07:00-21:00"),
    "生活服务": (("理发店", "裁缝铺", "洗衣店", "修配店", "打印社", "照相馆"), 0.19, "08:30-20:00"),
    "服装百货": (("服装店", "鞋店", "布行", "百货店", "文具店"), 0.15, "09:00-21:00"),
    "五金建材": (("五金店", "灯具店", "建材行", "电器行"), 0.1, "08:00-19:00"),
    "酒吧": (("小酒馆", "酒吧", "清吧"), 0.0, "18:00-02:00"),
    "医药": (("药房", "眼镜店"), 0.08, "08:00-21:30"),
}
_CONVENIENCE = 34
#: Bars stand together at the lower end of the old street.
_BARS, _BAR_COUNT = (225, 175), 22


def facilities(ground: Ground, table: gpd.GeoDataFrame, rng: Generator) -> gpd.GeoDataFrame:
    """
    Facilities and shops as points in the plan, with name, kind (a key of `KINDS`), functions, hours and address.

    Parameters
    ----------
    table
        Buildings, as `layers.sample.people.buildings` gives them.
    """
    frames = [_public(table), _singles(ground, table), _repeated(ground, table, rng), _shops(ground, table, rng)]
    found = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=table.crs)
    # bus stops on border streets stand on the community's side
    home = shapely.buffer(ground.bones.outline, -2.0)
    found.geometry = shapely.get_point(shapely.shortest_line(home, found.geometry.to_numpy()), 0)
    found.insert(0, "code", [f"SS{number:04d}" for number in range(1, len(found) + 1)])
    rows = table.sindex.nearest(found.geometry, return_all=False)[1]
    found["address"] = table["address"].to_numpy()[rows]
    return found


def _public(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What the public buildings hold."""
    held = table[table["public"].notna()]
    facts = [_PUBLIC_NAMES[key] for key in held["public"]]
    area = (held.area * held["levels"].astype(float) * 0.9).round(-1).to_numpy()
    return gpd.GeoDataFrame(
        {
            "name": [fact[0] for fact in facts], "kind": held["public"].to_numpy(),
            "hours": [fact[1] for fact in facts], "functions": [fact[2] for fact in facts], "area_m2": area,
        },
        geometry=held.representative_point().to_numpy(), crs=table.crs,
    )


def _singles(ground: Ground, table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Facilities of which there are few: in the nearest building, on the nearest green, at the nearest street."""
    kinds, names, places, hours, functions = zip(*_SINGLES, strict=True)
    points = shapely.points(np.array(places, dtype=float))
    homes = table[~table["use"].isin(["学校", "幼儿园"])]
    host = homes.geometry.to_numpy()[homes.sindex.nearest(points, return_all=False)[1]]
    greens = np.array([shape for kind, _, shape in ground.fabric.greens if kind != "pitch"])
    green = greens[shapely.STRtree(greens).nearest(points)]
    main = shapely.union_all([road.line for road in ground.roads if road.kind in ("primary", "secondary", "tertiary")])
    where = np.select(
        [np.isin(kinds, _ON_GREEN), np.isin(kinds, _ON_STREETS)],
        [shapely.get_point(shapely.shortest_line(green, points), 0),
         shapely.get_point(shapely.shortest_line(main, points), 0)],
        shapely.point_on_surface(host),
    )
    capacity = [120 if kind == "canteen" else 45 if kind == "nursery" else None for kind in kinds]
    return gpd.GeoDataFrame(
        {"name": names, "kind": kinds, "hours": hours, "functions": functions,
         "capacity": pd.array(capacity, dtype="Int64")},
        geometry=where, crs=table.crs,
    )


def _repeated(ground: Ground, table: gpd.GeoDataFrame, rng: Generator) -> gpd.GeoDataFrame:
    """Waste points at half the gates and along the lanes, parcel points, charging where an estate is managed."""
    gates = {name: ground.fabric.gates[name] for name in ground.fabric.lands}
    managed = [plot.estate for plot in ground.plots if plot.use == "managed"]
    some = sorted(gates)
    waste = [name for number, name in enumerate(some) if number % 2 == 0]
    parcel = [str(name) for name in rng.permutation(some)[:7]]
    lanes = [road for road in ground.roads if road.kind == "living_street" and road.line.length > 20.0]
    corners = [road.line.interpolate(0.5, normalized=True) for road in lanes[:: max(1, len(lanes) // 6)]]
    rows = [("waste_point", f"{name}垃圾投放点", gates[name], "06:00-09:00,17:00-20:30") for name in waste]
    rows += [("waste_point", f"老埠{number}号垃圾投放点", point, "06:00-09:00,17:00-20:30")
             for number, point in enumerate(corners, start=1)]
    rows += [("parcel", f"{name}快递驿站", gates[name], "08:30-21:00") for name in parcel]
    rows += [("charging", f"{name}充电桩", gates[str(name)], "00:00-24:00") for name in managed]
    kinds, names, points, hours = zip(*rows, strict=True)
    return gpd.GeoDataFrame({"name": names, "kind": kinds, "hours": hours}, geometry=list(points), crs=table.crs)


def _shops(ground: Ground, table: gpd.GeoDataFrame, rng: Generator) -> gpd.GeoDataFrame:
    """The 728 shops: stalls in the market, the rest along the fronts of shop houses, closer where streets are busy."""
    market = table[table["public"] == "market"].geometry.iloc[0]
    stalls = _stalls(market)
    fronts, busy = _fronts(ground, table)
    counts = share_out(shapely.length(fronts) * busy, SHOPS - len(stalls))
    number = np.repeat(np.arange(len(fronts)), counts)
    nth = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (nth + rng.uniform(0.25, 0.75, len(number))) / counts[number]
    points = shapely.line_interpolate_point(fronts[number], place, normalized=True)
    points = np.concatenate((points, stalls))
    names = brands(rng, SHOPS)
    trades = rng.choice(list(_TRADES), SHOPS, p=[trade[1] for trade in _TRADES.values()])
    trades[len(number) :] = "副食"
    trades[np.argsort(shapely.distance(points, shapely.Point(_BARS)), kind="stable")[:_BAR_COUNT]] = "酒吧"
    kinds = np.full(SHOPS, "shops", dtype=object)
    usual = np.flatnonzero(trades[: len(number)] != "酒吧")
    kinds[rng.choice(usual, _CONVENIENCE, replace=False)] = "convenience_store"
    endings = [
        "便利店" if kind == "convenience_store" else str(rng.choice(_TRADES[trade][0]))
        for kind, trade in zip(kinds, trades, strict=True)
    ]
    convenience = kinds == "convenience_store"
    return gpd.GeoDataFrame(
        {
            "name": [brand + ending for brand, ending in zip(names, endings, strict=True)],
            "kind": kinds,
            "functions": np.where(convenience, "便利", trades),
            "hours": np.where(convenience, "07:00-23:00", [_TRADES[trade][2] for trade in trades]),
        },
        geometry=points, crs=table.crs,
    )


def _stalls(market: shapely.Polygon) -> np.ndarray:
    """Places for stalls in rows across the market hall."""
    corners = shapely.get_coordinates(market)[:4]
    across, along = np.meshgrid(np.linspace(0.12, 0.88, 4), np.linspace(0.06, 0.94, _STALLS // 4))
    start, side, end = corners[0], corners[1] - corners[0], corners[3] - corners[0]
    if np.hypot(*side) < np.hypot(*end):
        side, end = end, side
    return shapely.points(start + along.ravel()[:, None] * side + across.ravel()[:, None] * end)


def _fronts(ground: Ground, table: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The side of each shop house that faces its street, a metre inside, and how busy that street is."""
    kinds = {road.name: road.kind for road in ground.roads if road.name}
    lines = {name: shapely.union_all([road.line for road in ground.roads if road.name == name])
             for name in table["front"].dropna().unique()}
    houses = table[table["front"].notna()]
    streets = np.array([lines[name] for name in houses["front"]])
    reach = np.array([WIDTH_M[kinds[name]] / 2 + 3.4 for name in houses["front"]])
    inner = shapely.boundary(shapely.buffer(houses.geometry.to_numpy(), -1.0, join_style="mitre"))
    sides = shapely.intersection(inner, shapely.buffer(streets, reach))
    parts = [shapely.get_parts(shapely.line_merge(side)) for side in sides]
    sides = np.array([max(part, key=shapely.length, default=None) for part in parts])
    busy = houses["front"].map({"望溪街": 1.6, "老埠街": 1.6, "石榴路": 1.3, "菱角街": 1.0}).fillna(0.6).to_numpy()
    there = ~shapely.is_missing(sides) & (shapely.length(sides) > 2.0)
    return sides[there], busy[there]
