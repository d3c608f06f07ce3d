"""The organizations of the demo town and the people on duty: who can be called upon, and where they sit.

Kinds are those of community grid work: committees, branches, property companies, associations, filed and registered
community groups, volunteers, units of state and business in the area.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.random import Generator

from layers.sample.filling import Ground
from layers.sample.names import COMMUNITY, DISTRICT, MANAGED, STREET, people, phones

__all__ = ["KINDS", "ROLES", "organizations", "staff"]

#: Organization kind -> what an office calls it; also what the table holds.
KINDS = {
    "residents_committee": "居委会", "party_branch": "党支部", "owners_committee": "业委会",
    "property_company": "物业",
    "association": "社会团体", "private_nonprofit": "社会服务机构", "foundation": "基金会",
    "community_org": "社区社会组织", "social_work_agency": "社工机构", "volunteer_team": "志愿队", "mass_org": "群团",
    "social_enterprise": "社会企业", "resident_unit": "驻区单位", "merchant_alliance": "商家联盟",
    "department": "职能部门",
}
_GROUP_NAMES = ("第一", "第二", "第三", "第四", "第五", "第六")

#: kind, name, services, status (blank where it does not apply), members, place in the plan (m)
_GIVEN: tuple[tuple[str, str, str, str, int, tuple[float, float]], ...] = (
    ("residents_committee", "老埠社区居民委员会", "民政;社保;调解", "", 11, (240, 360)),
    *(("party_branch", f"老埠社区{name}党支部", "党员服务", "", members, place) for name, members, place in zip(
        _GROUP_NAMES, (38, 41, 57, 49, 62, 71),
        ((140, 120), (130, 240), (160, 420), (190, 570), (480, 540), (480, 200)), strict=True)),
    ("owners_committee", f"{MANAGED[0]}业主委员会", "业主事务", "", 7, (460, 600)),
    ("owners_committee", f"{MANAGED[1]}业主委员会", "业主事务", "", 7, (520, 110)),
    ("owners_committee", "麦场片区自治管理小组", "院落自管", "filed", 9, (200, 560)),
    ("property_company", "禾禾物业服务部", "保洁;维修;门岗", "registered", 24, (470, 610)),
    ("property_company", "临岸物业服务部", "保洁;维修;门岗", "registered", 19, (500, 90)),
    ("association", "榆溪商会", "商户协调", "registered", 86, (310, 250)),
    ("association", "老埠书画协会", "文化活动", "registered", 42, (250, 375)),
    ("association", "榆溪棋牌协会", "文体活动", "registered", 55, (160, 200)),
    ("association", "老埠健身气功协会", "健身指导", "registered", 63, (320, 100)),
    ("private_nonprofit", "青禾社区助老服务中心", "助餐;探访;助浴", "registered", 16, (240, 600)),
    ("private_nonprofit", "小满亲子服务中心", "亲子阅读;托管", "registered", 8, (560, 540)),
    ("private_nonprofit", "舟渡残障人士之家", "康复;手作", "registered", 12, (620, 250)),
    ("private_nonprofit", "明岫法律援助社", "法律咨询;调解", "registered", 6, (350, 360)),
    ("foundation", "老埠社区微基金", "资助微项目", "filed", 5, (245, 365)),
    ("community_org", "银龄互助队", "高龄探访", "filed", 34, (120, 250)),
    ("community_org", "埠头说事会", "邻里调解", "filed", 15, (100, 170)),
    ("community_org", "巧手编织社", "手工", "filed", 22, (200, 260)),
    ("community_org", "榆溪晨练队", "健身", "filed", 48, (330, 90)),
    ("community_org", "老船工故事会", "口述历史", "filed", 18, (60, 100)),
    ("community_org", "麦场院落花友会", "花坛认领", "filed", 27, (190, 590)),
    ("community_org", "东圃读书会", "阅读", "filed", 19, (590, 290)),
    ("community_org", "蒲塘广场舞队", "文体活动", "filed", 66, (600, 480)),
    ("community_org", "柘林宠物文明公约组", "文明养宠", "filed", 14, (60, 430)),
    ("community_org", "菱角塘护水队", "巡河", "filed", 21, (560, 70)),
    ("community_org", "藕池妈妈帮", "育儿互助", "filed", 58, (540, 580)),
    ("community_org", "石榴院落自管小组", "院落自管", "filed", 12, (300, 420)),
    ("community_org", "老街夜巡队", "夜间巡查", "filed", 24, (220, 180)),
    ("community_org", "旧物修理角", "维修", "filed", 9, (420, 300)),
    ("social_work_agency", "见山社会工作服务社", "个案;小组;社区工作", "registered", 13, (240, 355)),
    ("social_work_agency", "望舒青少年社会工作中心", "青少年服务", "registered", 9, (110, 540)),
    ("volunteer_team", "老埠党员志愿服务队", "综合", "", 112, (245, 370)),
    ("volunteer_team", "老埠应急救援志愿队", "应急", "", 26, (150, 185)),
    ("volunteer_team", "榆溪文明劝导队", "劝导", "", 40, (310, 200)),
    ("volunteer_team", "老埠便民理发队", "理发", "", 11, (110, 230)),
    ("volunteer_team", "家电义修队", "维修", "", 8, (580, 300)),
    ("volunteer_team", "河长制志愿巡查队", "巡河", "", 31, (420, 50)),
    ("volunteer_team", "护学岗志愿队", "护学", "", 29, (70, 570)),
    ("volunteer_team", "新居民互助队", "新居民服务", "", 37, (600, 150)),
    ("mass_org", "老埠社区妇女联合会", "维权;家教", "", 9, (240, 362)),
    ("mass_org", "老埠社区团支部", "青年服务", "", 33, (238, 364)),
    ("mass_org", "榆溪街道工会联合会", "职工服务", "", 140, (330, 380)),
    ("social_enterprise", "老埠共享菜园社", "社区食材;就业", "registered", 12, (400, 280)),
    ("social_enterprise", "榆溪邻里维修社", "连片物业;维修", "registered", 17, (180, 400)),
    ("resident_unit", "老埠小学", "场地共享", "", 96, (90, 610)),
    ("resident_unit", "榆溪街道社区医院", "义诊", "", 128, (420, 420)),
    ("resident_unit", "石榴路农贸市场管理处", "市场管理", "", 15, (370, 230)),
    ("resident_unit", "榆溪农商储蓄所", "金融服务", "", 14, (345, 460)),
    ("resident_unit", "榆溪供水营业厅", "供水", "", 10, (300, 300)),
    ("resident_unit", "榆溪邮政所", "邮政", "", 8, (290, 220)),
    ("resident_unit", "藕池幼儿园", "场地共享", "", 34, (630, 400)),
    ("resident_unit", "榆溪公交站务组", "公交", "", 12, (380, 600)),
    ("merchant_alliance", "老埠街商家联盟", "让利;巡街", "filed", 73, (180, 190)),
    ("department", "榆溪街道综合执法中队老埠组", "市容执法", "", 9, (250, 350)),
    ("department", "老埠社区警务室", "治安", "", 4, (265, 345)),
    ("department", "榆溪街道市场监管所", "市场监管", "", 11, (330, 400)),
    ("department", "榆溪街道司法所老埠窗口", "调解", "", 3, (242, 358)),
)

#: Role -> what an office calls it; also what the workbook holds.
ROLES = {
    "grid_leader": "网格长", "grid_member": "网格员", "micro_grid_leader": "微网格长", "planner": "社区规划师",
    "street_office": "街道干部",
}
#: Households of a micro-grid, and the share of micro-grids that have a leader.
_MICRO_GRID = 26
_LED = 0.85


def organizations(ground: Ground, table: gpd.GeoDataFrame, rng: Generator) -> gpd.GeoDataFrame:
    """
    Some sixty organizations, each in the building nearest to its place, beside those that sit there already.

    Parameters
    ----------
    table
        Buildings, as `layers.sample.people.buildings` gives them.
    """
    kinds, names, services, status, members, places = zip(*_GIVEN, strict=True)
    wanted = shapely.points(np.array(places, dtype=float))
    rows = table.sindex.nearest(wanted, return_all=False)[1]
    # several may share a house: each gets a room of its own, a metre or two from the middle
    turn = rng.uniform(0.0, 2 * np.pi, len(rows))
    middle = shapely.get_coordinates(shapely.point_on_surface(table.geometry.to_numpy()[rows]))
    points = shapely.points(middle + 1.5 * np.column_stack((np.cos(turn), np.sin(turn))))
    number = phones(rng)
    return gpd.GeoDataFrame(
        {
            "code": [f"ZZ{which:03d}" for which in range(1, len(names) + 1)],
            "name": names, "kind": kinds, "services": services, "status": status, "members": members,
            "service_area": [COMMUNITY[1] if kind != "department" else STREET[1] for kind in kinds],
            "phone": [next(number) for _ in names],
            "address": table["address"].to_numpy()[rows],
        },
        geometry=points, crs=table.crs,
    )


def staff(rng: Generator, grids: Mapping[str, int]) -> pd.DataFrame:
    """
    People on duty with role (a key of `ROLES`), area code and since when.

    `grids` has the households of each grid by code. Micro-grids do not exist yet when the files are written; their
    codes begin with 001 under each grid, so duties for the first ones are known. The last ones of a grid are vacant.

    Examples
    --------
    >>> staff(np.random.default_rng(0), {"990101001001001": 400}).query("role == 'planner'")["area"].tolist()
    ['990101']
    """
    duties = [("street_office", STREET[0])] * 2 + [("planner", DISTRICT[0])]
    duties += [("grid_leader", grid) for grid in grids] + [("grid_member", grid) for grid in grids]
    for grid, households in grids.items():
        led = max(1, round(_LED * households / _MICRO_GRID))
        duties += [("micro_grid_leader", f"{grid}{number:03d}") for number in range(1, led + 1)]
    number = phones(rng)
    days = rng.integers(30, 2200, len(duties))
    return pd.DataFrame(
        {
            "name": people(rng, len(duties)),
            "role": [role for role, _ in duties],
            "area": [area for _, area in duties],
            "from": (pd.Timestamp("2026-10-01") - pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%d"),
            "phone": [next(number) for _ in duties],
        }
    )
