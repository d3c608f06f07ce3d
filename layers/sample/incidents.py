"""A year of reports from the demo town: where, when, what, and how long it took.

They gather where one would look for them: round the market in the morning, by the bars of the old street at night, at
the school gate twice a day, along the river in summer, and at people's doors. Words are the keys of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.random import Generator

from layers.sample.filling import Ground
from layers.sample.streets import WIDTH_M

__all__ = ["COUNT", "UNTIL", "incidents"]

COUNT = 900
#: The data end before this moment; what is not closed by then is open.
UNTIL = pd.Timestamp("2026-11-01")
_DAYS = 365
_OUTSIDE, _REPEATED = 6, 4
_CHANNELS = ("patrol", "resident", "hotline", "visit", "video", "transfer")


@dataclass(frozen=True, kw_only=True)
class _Theme:
    """A sort of report: `share` of all, `hours` of its peaks, `days` it takes (median), `channels` weighted."""

    where: str
    category: str
    share: float
    hours: tuple[float, ...]
    days: float
    channels: tuple[float, ...]
    texts: tuple[str, ...]


_THEMES = (
    _Theme(where="market", category="environment", share=0.09, hours=(7, 10, 17), days=0.4, channels=(6, 3, 1, 0, 2, 0),
           texts=("市场门口菜叶乱堆", "垃圾桶满溢", "污水外流", "地面湿滑有积水")),
    _Theme(where="market", category="street_order", share=0.08, hours=(7, 9, 17), days=0.3, channels=(6, 2, 1, 0, 3, 0),
           texts=("流动摊贩占道", "三轮车乱停堵住路口", "店外经营", "电动车停在盲道上")),
    _Theme(where="bars", category="street_order", share=0.08, hours=(22, 23.5), days=0.6, channels=(1, 5, 4, 0, 1, 0),
           texts=("深夜喧哗扰民", "露天桌椅占道", "酒后争吵", "音响声过大")),
    _Theme(where="bars", category="environment", share=0.03, hours=(8, 23), days=0.8, channels=(3, 4, 1, 0, 0, 0),
           texts=("油烟直排", "酒瓶垃圾堆在巷口", "后巷有呕吐物")),
    _Theme(where="school", category="street_order", share=0.06, hours=(7.4, 16.4), days=0.2,
           channels=(5, 3, 1, 0, 2, 0), texts=("校门口车辆拥堵", "家长车辆违停", "放学时段摊贩聚集")),
    _Theme(where="river", category="environment", share=0.05, hours=(9, 18), days=1.5, channels=(6, 2, 1, 0, 0, 1),
           texts=("河面漂浮垃圾", "步道树枝折断", "草坪被踩踏", "遛狗不清理")),
    _Theme(where="river", category="safety_hazard", share=0.02, hours=(17, 20), days=2.0, channels=(5, 2, 1, 0, 1, 0),
           texts=("护栏松动", "野泳", "台阶青苔易滑")),
    _Theme(where="street", category="construction", share=0.05, hours=(10, 15), days=4.0, channels=(5, 2, 2, 0, 1, 2),
           texts=("路面坑洼", "井盖松动", "工地围挡破损", "管网施工未恢复路面")),
    _Theme(where="street", category="advertising", share=0.06, hours=(9, 15), days=0.7, channels=(8, 1, 0, 0, 1, 0),
           texts=("墙面小广告", "店招脱落", "横幅未拆除", "立杆张贴招租")),
    _Theme(where="street", category="emergency", share=0.02, hours=(3, 15, 20), days=0.1, channels=(2, 4, 5, 0, 1, 0),
           texts=("大树倒伏", "水管爆裂", "线缆垂落", "轻微火情已扑灭")),
    _Theme(where="old", category="safety_hazard", share=0.09, hours=(10, 16), days=6.0, channels=(5, 2, 1, 5, 0, 1),
           texts=("电线老化裸露", "飞线充电", "屋顶瓦片松动", "楼道堆物", "消防通道被占")),
    _Theme(where="homes", category="safety_hazard", share=0.06, hours=(10, 19), days=3.0, channels=(4, 3, 1, 4, 0, 0),
           texts=("电动车进楼", "楼道堆物", "消防栓无水", "外墙瓷砖脱落")),
    _Theme(where="homes", category="dispute", share=0.09, hours=(11, 20), days=8.0, channels=(0, 5, 3, 3, 0, 2),
           texts=("楼上漏水", "噪声纠纷", "停车位争执", "公共部位堆放杂物", "宠物扰民")),
    _Theme(where="homes", category="livelihood", share=0.11, hours=(9, 15), days=2.0, channels=(1, 4, 2, 5, 0, 1),
           texts=("申请助餐", "咨询低保", "路灯不亮", "化粪池满溢", "高龄老人探访", "楼道灯损坏")),
    _Theme(where="homes", category="environment", share=0.07, hours=(8, 18), days=1.0, channels=(4, 4, 1, 1, 0, 0),
           texts=("垃圾未分类", "大件垃圾堆放", "花坛种菜", "乱晾晒")),
    _Theme(where="homes", category="policy_outreach", share=0.02, hours=(10, 15), days=0.5, channels=(0, 1, 0, 7, 0, 1),
           texts=("医保缴费提醒", "防诈骗宣传", "加装电梯意见征询")),
    _Theme(where="homes", category="opinion", share=0.02, hours=(10, 20), days=5.0, channels=(0, 5, 3, 3, 0, 1),
           texts=("建议增设座椅", "希望开设日间照料", "建议增加充电桩", "希望南片设食堂")),
)


def incidents(ground: Ground, table: gpd.GeoDataFrame, services: gpd.GeoDataFrame, rng: Generator) -> gpd.GeoDataFrame:
    """
    Nine hundred reports of the year before `UNTIL`, oldest first.

    Four are second reports of the same thing within the hour, six lie outside the community, one has no place (its
    geometry is None). States and times agree: what is closed has a time after its report, what is open has none.

    Parameters
    ----------
    table, services
        Buildings and facilities, as `layers.sample.people` and `layers.sample.services` give them.
    """
    shares = np.array([theme.share for theme in _THEMES])
    which = np.sort(rng.choice(len(_THEMES), COUNT - _REPEATED, p=shares / shares.sum()))
    points = np.empty(len(which), dtype=object)
    for number, theme in enumerate(_THEMES):
        mine = which == number
        points[mine] = _places(theme.where, int(mine.sum()), ground, table, services, rng)
    # what strayed over the border goes back to it: the few outside are put there on purpose, below
    home = shapely.buffer(ground.bones.outline, -2.0)
    points = shapely.get_point(shapely.shortest_line(home, points.astype(object)), 0)
    reported = _times(which, rng)
    frame = gpd.GeoDataFrame(
        {
            "category": [_THEMES[number].category for number in which],
            "reported_at": reported,
            "source": [str(rng.choice(_CHANNELS, p=_chances(_THEMES[number].channels))) for number in which],
            "text": [str(rng.choice(_THEMES[number].texts)) for number in which],
            **_ends(which, reported, rng),
        },
        geometry=points, crs=table.crs,
    )
    frame = _with_oddities(frame, ground, rng).sort_values("reported_at", kind="stable", ignore_index=True)
    stamp = frame["reported_at"].dt.strftime("%Y%m%d")
    frame.insert(0, "code", "SJ" + stamp + [f"{number:04d}" for number in range(1, COUNT + 1)])
    placed = frame.geometry.notna()
    rows = table.sindex.nearest(frame.geometry[placed], return_all=False)[1]
    frame.loc[placed, "address"] = table["address"].to_numpy()[rows] + "附近"
    return frame


def _places(
    where: str, count: int, ground: Ground, table: gpd.GeoDataFrame, services: gpd.GeoDataFrame, rng: Generator
) -> np.ndarray:
    """Points for reports of one sort."""
    if where in ("homes", "old"):
        homes = table[table["block"].str.startswith("old")] if where == "old" else table
        weight = homes["households"].to_numpy(dtype=float)
        walls = shapely.buffer(homes.geometry.to_numpy(), 1.2)[rng.choice(len(homes), count, p=weight / weight.sum())]
        return shapely.line_interpolate_point(shapely.boundary(walls), rng.random(count), normalized=True)
    if where in ("street", "river"):
        kinds = ("secondary", "tertiary", "residential", "living_street")
        inside = [road for road in ground.roads if shapely.covered_by(road.line, ground.bones.outline)]
        roads = [road for road in inside if (road.name == "临溪路" if where == "river" else road.kind in kinds)]
        lines = np.array([road.line for road in roads])
        pick = rng.choice(len(lines), count, p=shapely.length(lines) / shapely.length(lines).sum())
        on = shapely.get_coordinates(shapely.line_interpolate_point(lines[pick], rng.random(count), normalized=True))
        reach = np.array([WIDTH_M[road.kind] for road in roads])[pick] / 3
        return shapely.points(on + rng.uniform(-1.0, 1.0, (count, 2)) * reach[:, None])
    spots, spread = {
        "market": (services.geometry[services["kind"] == "market"], 32.0),
        "bars": (services.geometry[services["functions"] == "酒吧"], 7.0),
        "school": (gpd.GeoSeries([ground.fabric.gates["school"]]), 14.0),
    }[where]
    centres = shapely.get_coordinates(spots.to_numpy())[rng.integers(0, len(spots), count)]
    return shapely.points(centres + rng.normal(0.0, spread, (count, 2)))


def _times(which: np.ndarray, rng: Generator) -> pd.DatetimeIndex:
    """When each was reported: any day of the year, more in summer, about the hours of its sort."""
    day = rng.integers(0, _DAYS, len(which))
    summer = rng.random(len(which)) < 0.18
    day[summer] = rng.integers(212, 304, int(summer.sum()))  # June to August
    hour = np.array([rng.choice(_THEMES[number].hours) for number in which]) + rng.normal(0.0, 1.1, len(which))
    minutes = (day * 1440 + np.round((hour % 24.0) * 60.0)).clip(0, _DAYS * 1440 - 20).astype(int)
    return UNTIL - pd.Timedelta(days=_DAYS) + pd.to_timedelta(minutes, unit="min")


def _ends(which: np.ndarray, reported: pd.DatetimeIndex, rng: Generator) -> dict[str, object]:
    """How each went: state, and when it was closed, if it was."""
    usual = np.array([_THEMES[number].days for number in which])
    days = usual * rng.lognormal(0.0, 0.9, len(which))
    late = rng.random(len(which)) < 0.05
    days[late] = days[late] * 4.0 + rng.uniform(10.0, 45.0, int(late.sum()))
    closed = reported + pd.to_timedelta(np.maximum(np.round(days * 1440), 12), unit="min")
    chance = rng.random(len(which))
    status = np.where(chance < 0.03, "rejected", np.where(chance < 0.05, "archived", "closed")).astype(object)
    stuck = (chance > 0.93) & (days > 2.0)
    is_open = (closed >= UNTIL) | stuck
    age = np.asarray((UNTIL - reported) / pd.Timedelta(days=1))
    going = rng.choice(("dispatched", "in_progress", "in_progress", "resolved", "returned"), len(which))
    early = np.where(age < 0.3, "reported", np.where(age < 0.8, "accepted", going))
    status[is_open] = early[is_open]
    return {"closed_at": closed.where(~is_open), "status": status}


def _with_oddities(frame: gpd.GeoDataFrame, ground: Ground, rng: Generator) -> gpd.GeoDataFrame:
    """The same with what real tables have: second reports, places outside, a place nobody wrote down."""
    first = rng.choice(len(frame), _REPEATED + _OUTSIDE + 1, replace=False)
    again = frame.iloc[first[:_REPEATED]].copy()
    again["reported_at"] += pd.to_timedelta(rng.integers(5, 55, _REPEATED), unit="min")
    again["closed_at"] = again["closed_at"].clip(lower=again["reported_at"] + pd.Timedelta(minutes=10))
    again["text"] = "重复反映：" + again["text"]
    again["source"] = "hotline"
    outside = frame.index[first[_REPEATED:-1]]
    rings = shapely.boundary(shapely.buffer(ground.bones.outline, rng.uniform(70.0, 190.0, _OUTSIDE)))
    far = shapely.line_interpolate_point(rings, rng.random(_OUTSIDE), normalized=True)
    geometry = frame.geometry.to_numpy().copy()
    geometry[outside] = far
    geometry[first[-1]] = None
    return gpd.GeoDataFrame(
        pd.concat([frame.set_geometry(geometry, crs=frame.crs), again], ignore_index=True), crs=frame.crs
    )


def _chances(weights: tuple[float, ...]) -> np.ndarray:
    return np.array(weights) / sum(weights)
