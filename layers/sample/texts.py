"""Texts that the demo's folder holds beside its data: `city.toml` and README, with $names to fill in."""

from __future__ import annotations

__all__ = ["CITY_TOML", "README"]

CITY_TOML = """\
# gridmap demo: the file that says what cannot be read off the others. Lines that start with # are notes.
# 示例城市：本文件说明从其他文件里看不出来的事。以 # 开头的行是注释。

[city]
name = "老埠社区（示例）"
code = "990101001001"   # invented: no district has 99  /  虚构代码，没有以99开头的行政区
crs = "$crs"       # metres; everything is worked out in it  /  计算用的投影坐标系，单位米
datum = "wgs84"         # of longitudes and latitudes in tables: wgs84, cgcs2000, gcj02 or bd09  /  表格中经纬度的坐标系

# Micro-grids of 15 to 40 households, about 25; grids of 300 to 500.
# 微网格15至40户，以25户为宜；网格300至500户。
[split]
households = { min = 15, target = 25, max = 40 }
grid_households = { min = 300, target = 400, max = 500 }
seed = 1                # the same number gives the same plan  /  数字相同，划分结果相同

# The office calls kinds by their Chinese names; here is what they mean to gridmap.
# 表格里的类别是中文名，这里写明对应的类别代码。
[layers.facilities.kinds]
$facilities_kinds

[layers.organizations]
encoding = "gb18030"    # as Excel and WPS save CSV in Chinese  /  中文Excel、WPS保存CSV时的编码

[layers.organizations.kinds]
$organizations_kinds
"""

README = """\
# 老埠社区 / Laobu community: the demo city of gridmap

示例数据，全部虚构：地名、人名、店名、单位、电话（区号0000不存在）、代码（99开头不存在）均为编造，如有雷同纯属巧合；
它在地图上的位置也是任意选的，与当地无关。总数取自公开报道中一个老城区社区的规模。

Made up from beginning to end: places, people, shops, organizations, telephone numbers (no area has the code 0000) and
codes (none begins with 99). Any likeness is chance, and so is its place on the map. Only the totals follow what was
published about one community of an old town.

| | |
|---|---|
| 面积 area | $area_m2 m2 |
| 户数 households | $households |
| 人口 residents | $residents |
| 楼栋 buildings | $buildings |
| 小区 estates | $estates, $unmanaged_estates 无物业 without management |
| 商铺 shops | $shops |
| 设施 facilities (with shops) | $facilities, $facility_kinds 类 kinds |
| 组织 organizations | $organizations |
| 事件 incidents | $incidents (2025-11-01 - 2026-10-31) |

| 文件 file | 内容 content |
|---|---|
| `districts.geojson` `streets.geojson` `communities.geojson` | 边界，三者相同 outlines, all the same here |
| `grids.geojson` | 现有4个网格，多数超过500户 the four grids of today, most above the norm of 500 households |
| `buildings.gpkg` | 楼栋，CGCS2000投影坐标，中文字段 buildings as surveyed ($crs), Chinese headings |
| `estates.geojson` `roads.geojson` `barriers.geojson` `water.geojson` `green.geojson` | WGS 84 |
| `facilities.xlsx` `staff.xlsx` | 设施、人员 workbooks with Chinese headings |
| `organizations.csv` | GB18030 |
| `incidents.csv` | UTF-8 with a byte-order mark |
| `city.toml` | 设置 what the files do not say |

有意留下的问题 Odd on purpose:
six incidents lie outside the community, one has no place, four were reported twice; there
is no day care for the elderly at all, one canteen in the far north and one health station in the east.

事件的类别、状态、来源与组织的登记状态写作 gridmap 的词汇（如 `street_order`、`closed`、`patrol`、`filed`），
界面上显示为中文或英文。
Categories, states and sources of incidents and the status of organizations are words of gridmap's vocabulary
(`street_order`, `closed`, `patrol`, `filed`), which the screen shows in Chinese or English.

演示账号，仅供试用，切勿用于真实数据 Accounts for trying it, never for real data:

| 账号 name | 密码 password | 角色 role |
|---|---|---|
$accounts
"""
