"""The one place that knows a layer and its columns.

Readers, stores, map pop-ups, export headings and forms all read this page: what a column is called in Chinese and
English, which headings met in the wild mean it, its type and unit, and its name in a shapefile (ASCII, at most
10 bytes). Frames carry these names as plain columns; `code` is a column of text, never a number.
"""

from __future__ import annotations

from layers.columns import NEEDS, Column, Layer, history
from layers.columns import column as _c
from layers.errors import UnknownLayer

__all__ = ["LAYERS", "LEVEL_PARENTS", "NEEDS", "Column", "Layer", "layer"]


#: Level -> the level above it, by codes.
LEVEL_PARENTS = {
    "streets": "districts",
    "communities": "streets",
    "grids": "communities",
    "micro_grids": "grids",
}

_CODE = _c("code", "text", "编码", "Code", None, "代码", "编号", "区划代码", "id", "统一编码", "唯一编码",
    "唯一标识", "objectcode")
_NAME = _c("name", "text", "名称", "Name", None, "名字", "全称", "单位名称", "地名")
_NAME_REQ = _c("name", "text", "名称", "Name", None, "名字", "全称", "单位名称", "机构名称", "设施名称", "组织名称",
    "社会组织名称", "小区名称", "场所名称", required=True)
_PARENT = _c("parent", "text", "上级编码", "Parent code", None, "上级", "所属")
_HOUSEHOLDS = _c("households", "integer", "户数", "Households", None, "总户数", "住户数", "户", "居民户数", "实有户数",
    "常住户数", "入住户数", "家庭户数", "total_households", "no_of_households", unit="households",
)
_RESIDENTS = _c("residents", "integer", "人口", "Residents", None, "常住人口", "人数", "人口数", "实有人口",
    "居住人口", "总人口", "population", "pop", unit="people",
)
_LEADER = _c("leader", "text", "负责人", "Leader", None, "网格长", "微网格长")
_KIND = _c("kind", "text", "类别", "Kind", None, "类型", "种类", "分类")
_KIND_REQ = _c("kind", "text", "类别", "Kind", None, "类型", "种类", "分类", "机构类型", "设施类型", "组织类型",
    "组织类别", "设施类别", "机构类别", required=True,
)
_SITE = _c("site", "text", "场所", "Site", None)
_ADDRESS = _c("address", "text", "地址", "Address", None, "详细地址", "地点", "位置", "住址", "单位地址", "详细住址",
    "门牌地址", "坐落", "incident_address", "street_address", "addr",
)
_DERIVED = _c("derived", "boolean", "系统生成", "Derived", None)
_BASIS = _c("households_basis", "text", "户数依据", "Basis of households", "hh_basis", "户数来源")
_FROM = _c("valid_from", "date", "启用日期", "Valid from", None)
_TO = _c("valid_to", "date", "停用日期", "Valid to", None)
_LOCKED = _c("locked", "boolean", "已锁定", "Locked", None)
_ATTACHED = (
    _c("micro_grid", "text", "所属微网格", "Micro-grid", None),
    _c("grid", "text", "所属网格", "Grid", None),
    _c("community", "text", "所属社区", "Community", None),
    _c("attached_by", "text", "归属方式", "Attached by", "attach_by"),
    _c("attach_distance_m", "number", "归属距离", "Distance to micro-grid", "attach_m", unit="m"),
)
_LEVEL = (_CODE, _NAME, _PARENT, _HOUSEHOLDS, _RESIDENTS, _DERIVED, _FROM, _TO)
_COUNTS = (
    _c("buildings", "integer", "楼栋数", "Buildings", None, unit="buildings"),
    _c("area_m2", "number", "面积", "Area", None, unit="m2"),
    _c("compactness", "number", "紧凑度", "Compactness", "compact"),
    _c("within_band", "boolean", "户数达标", "Within the band", "in_band"),
    _c("reason", "text", "原因（英文）", "Reason", None),
    _c("reason_zh", "text", "原因", "Reason (Chinese)", None),
)
_MICRO_GRID = (
    _CODE, _NAME, _PARENT, _KIND, _SITE, _HOUSEHOLDS, _RESIDENTS, *NEEDS, *_COUNTS,
    _c("wish_reason", "text", "未达理想户数的原因（英文）", "Why the wish is missed", "wish_why"),
    _c("wish_reason_zh", "text", "未达理想户数的原因", "Why the wish is missed (Chinese)", "wish_zh"),
    _c("stack", "text", "共用楼栋", "Shared footprint", None),
    _c("floor_from", "integer", "起始楼层", "Floor from", None),
    _c("floor_to", "integer", "终止楼层", "Floor to", None),
    _LEADER, _LOCKED, _DERIVED, _FROM, _TO,
)

#: What the made tables of walks share.
_FACILITY_KIND = _c("kind", "text", "设施类别", "Facility kind", None)
_NORM_M = _c("norm_m", "number", "标准距离", "Norm distance", None, unit="m")
_COVERED = _c("covered_households", "integer", "已覆盖户数", "Covered households", "covered_hh", unit="households")
_SHARE = _c("coverage", "number", "覆盖率", "Coverage", None)
_WALK = _c("walk_m_mean", "number", "平均步行距离", "Mean walk", "walk_mean", unit="m")
_PLAIN_CODE = _c("code", "text", "编码", "Code", None)
_OF_MICRO_GRID = _c("micro_grid", "text", "微网格", "Micro-grid", None)
_VERIFIED = _c("verified", "boolean", "标准已核对", "Norm verified", None)
_STATE = _c("status", "text", "状态", "Status", None)

_GRID = (
    _CODE, _NAME, _PARENT, _KIND, _SITE, _HOUSEHOLDS, _RESIDENTS, *_COUNTS, _LEADER, _DERIVED, _FROM, _TO,
)  # fmt: skip

_BUILDING = (
    _c("code", "text", "楼栋编码", "Building code", None, "编码", "楼栋编号", "栋号", "building_id",
        "建筑编码", "房屋编码", "楼号", "幢号", "楼栋代码"),
    _c("name", "text", "名称", "Name", None, "名字", "全称", "地名", "楼栋名称", "楼名", "建筑名称",
        "楼宇名称"),
    _HOUSEHOLDS, _BASIS,
    _c(
        "levels", "integer", "层数", "Levels", None,
        "楼层数", "building_levels", "地上层数", "层", "总层数", "建筑层数", "楼层总数", "floors", "floor",
            "num_floors", "no_of_floors", "storeys",
        unit="floors",
    ),
    _c("units", "integer", "单元数", "Entrance units", None, "单元", unit="entrances"),
    _c("use", "text", "用途", "Use", None, "房屋用途", "建筑用途", "使用性质", "building_use"),
    _RESIDENTS, *NEEDS, _ADDRESS,
    _c("estate", "text", "所属小区", "Estate", None),
    _c("resident_group", "text", "居民小组", "Residents' group", "res_group", "小组"),
    _c("old_grid", "text", "原网格", "Old grid", None, "原有网格", "旧网格"),
    _c("part", "text", "部分", "Part", None),
    _c("part_of", "text", "所属楼栋", "Part of", None),
    _c("unit_no", "integer", "单元号", "Entrance no.", None),
    _c("floor_from", "integer", "起始楼层", "Floor from", None),
    _c("floor_to", "integer", "终止楼层", "Floor to", None),
    _c("micro_grid", "text", "所属微网格", "Micro-grid", None),
    _c("grid", "text", "所属网格", "Grid", None),
    _c("community", "text", "所属社区", "Community", None),
    _c("cell", "text", "所在地块", "Cell", None), _FROM,
)

_ALL = (
    Layer(name="districts", zh="区县", en="Districts", geometry=("area",), columns=_LEVEL),
    Layer(name="streets", zh="街道", en="Streets (subdistricts)", geometry=("area",), columns=_LEVEL),
    Layer(name="communities", zh="社区", en="Communities", geometry=("area",), columns=_LEVEL),
    Layer(name="grids", zh="网格", en="Grids", geometry=("area",), columns=_GRID),
    Layer(name="micro_grids", zh="微网格", en="Micro-grids", geometry=("area",), columns=_MICRO_GRID),
    history("micro_grids", "微网格", "Micro-grids", _MICRO_GRID),
    history("grids", "网格", "Grids", _GRID),
    history("communities", "社区", "Communities", _LEVEL),
    history("streets", "街道", "Streets", _LEVEL),
    history("districts", "区县", "Districts", _LEVEL),
    Layer(
        name="lineage", zh="编码沿革", en="Lineage of codes", geometry=(), source="made",
        key=("date", "old_code", "new_code"),
        columns=(
            _c("old_code", "text", "原编码", "Old code", None),
            _c("new_code", "text", "新编码", "New code", None),
            _HOUSEHOLDS,
            _c("date", "date", "日期", "Date", None),
            _c("kind", "text", "变更类型", "Kind of change", None),
            _c("community", "text", "所属社区", "Community", None),
        ),
    ),
    Layer(
        name="estates", zh="小区", en="Estates", geometry=("area",),
        columns=(
            _CODE, _NAME_REQ, _KIND,
            _c("managed", "boolean", "有物业", "Managed", None, "物业管理", "是否有物业"),
            _HOUSEHOLDS, _RESIDENTS, _FROM, _TO,
        ),
    ),
    Layer(
        name="special_sites", zh="专属场所", en="Special sites", geometry=("area",), columns=(_CODE, _NAME, _KIND),
    ),
    Layer(
        name="plots", zh="闲置地块", en="Idle plots", geometry=("area", "point"),
        columns=(
            _CODE, _NAME,
            _c("use", "text", "用途", "Use", None, "规划用途", "土地用途", "用地性质", "地类"),
            _c("area_m2", "number", "面积", "Area", None, "用地面积", "地块面积", unit="m2"),
            _c("status", "text", "状态", "Status", None, "现状", "土地状态"),
            _ADDRESS, _FROM, _TO,
        ),
    ),
    Layer(
        name="gates", zh="大门", en="Gates", geometry=("point",),
        columns=(_CODE, _NAME, _KIND, _c("access", "text", "通行", "Access", None), _FROM, _TO),
    ),
    Layer(name="resident_groups", zh="居民小组", en="Residents' groups", geometry=("area",), columns=(_CODE, _NAME)),
    Layer(name="old_grids", zh="原有网格", en="Old grids", geometry=("area",), columns=(_CODE, _NAME)),
    Layer(name="buildings", zh="楼栋", en="Buildings", geometry=("area", "point"), columns=_BUILDING),
    Layer(
        name="buildings_history", zh="楼栋沿革", en="Buildings of the past", geometry=("area", "point"), source="made",
        key=("code", "valid_from"), columns=(*_BUILDING, _TO),
    ),
    Layer(
        name="cells", zh="地块单元", en="Cells", geometry=("area",), source="made",
        columns=(
            _CODE,
            _c("micro_grid", "text", "所属微网格", "Micro-grid", None),
            _c("community", "text", "所属社区", "Community", None),
            _HOUSEHOLDS,
            _c("alone", "boolean", "单独成格", "Stays alone", None),
            # what the first split knew of it: a re-split and an edit go by it
            _c("things", "integer", "住户构成", "Made of (0 nobody, 1 one whole, 2 several or a piece)", None),
            _c("estate", "text", "所属小区", "Estate"), _c("old_grid", "text", "原网格", "Old grid"), _SITE,
            _c("resident_group", "text", "居民小组", "Residents' group", "res_group"),
            _c("site_of", "text", "场所地块", "Site of cell"), _c("site_name", "text", "场所名称", "Name of the site"),
            _c("settlement", "text", "聚落地块", "Settlement of cell"), _c("village", "boolean", "自然村", "Village"),
            _c("apart_m", "number", "距最近聚落", "To the next settlement", unit="m"),
            _c("land", "text", "土地类别", "Land"),
        ),
    ),
    Layer(
        name="roads", zh="道路", en="Roads", geometry=("line",),
        columns=(
            _CODE, _c("name", "text", "名称", "Name", None, "名字", "全称", "地名", "路名", "道路名称"),
            _c("class", "text", "道路等级", "Class", None, "highway", "等级", "道路类型", "fclass"),
            _c("oneway", "text", "单行", "One way", None),
            _c("foot", "text", "步行", "Foot", None),
            _c("access", "text", "通行", "Access", None),
            _c("bridge", "text", "桥梁", "Bridge", None),
            _c("tunnel", "text", "隧道", "Tunnel", None),
            _c("layer", "integer", "层", "Layer", None),
            _c("height_from", "number", "起点高程", "Height at its start", "height_a", "起点标高", unit="m"),
            _c("height_to", "number", "终点高程", "Height at its end", "height_b", "终点标高", unit="m"),
            _FROM, _TO,
        ),
    ),
    Layer(name="barriers", zh="屏障", en="Barriers", geometry=("line", "area"), columns=(
        _CODE, _KIND, _NAME, _c("bridge", "text", "桥梁", "Bridge", None),
        _c("tunnel", "text", "隧道", "Tunnel", None), _c("layer", "integer", "层", "Layer", None), _FROM, _TO,
    )),
    Layer(name="water", zh="水域", en="Water", geometry=("area", "line"), columns=(_CODE, _KIND, _NAME, _FROM, _TO)),
    Layer(name="green", zh="绿地", en="Green", geometry=("area", "line"), columns=(_CODE, _KIND, _NAME, _FROM, _TO)),
    Layer(
        name="organizations", zh="组织", en="Organizations", geometry=("point", "area"),
        columns=(
            _CODE, _NAME_REQ, _KIND_REQ,
            _c("services", "text", "服务内容", "Services", None, "服务项目", "业务范围"),
            _c("service_area", "text", "服务范围", "Service area", "serv_area"),
            _c("capacity", "integer", "服务能力", "Capacity", None),
            _c("members", "integer", "成员数", "Members", None, "会员数", "人员数", unit="people"),
            _c("status", "text", "状态", "Status", None, "登记状态"),
            _c("phone", "text", "电话", "Phone", None, "联系电话", "联系方式", "手机", "手机号", "电话号码",
                "手机号码"),
            _ADDRESS, *_ATTACHED, _FROM, _TO,
        ),
    ),
    Layer(
        name="facilities", zh="设施", en="Facilities", geometry=("point", "area"),
        columns=(
            _CODE, _NAME_REQ, _KIND_REQ,
            _c("functions", "text", "功能", "Functions", None),
            _c("hours", "text", "开放时间", "Opening hours", None, "营业时间", "opening_hours"),
            _c("capacity", "integer", "容量", "Capacity", None, "床位数", "供餐能力"),
            _c("area_m2", "number", "建筑面积", "Floor area", None, "面积", unit="m2"),
            _ADDRESS, *_ATTACHED, _FROM, _TO,
        ),
    ),
    Layer(
        name="incidents", zh="事件", en="Incidents", geometry=("point",),
        columns=(
            _c(
                "code", "text", "编码", "Code", None, "代码", "编号", "事件编号", "工单编号", "案件编号", "受理编号",
                "id", "unique_key", "case_id", "service_request_id",
            ),
            _c(
                "category", "text", "事件类别", "Category", None, "类别", "类型", "事件类型", "问题类型", "案件类别",
                    "诉求类型",
                "complaint_type", "request_type", "service_name", "srtype", required=True,
            ),
            _c("reported_at", "datetime", "上报时间", "Reported at", "reported", "时间", "发生时间", "上报日期",
                "受理时间", "登记时间", "created_date", "created_at", "opened_at", "requested_datetime"),
            _c("closed_at", "datetime", "结案时间", "Closed at", "closed", "办结时间", "办结日期", "结案日期",
                "closed_date", "close_date", "closedate", "resolved_at"),
            _c("status", "text", "状态", "Status", None, "办理状态", "案件状态", "处理状态"),
            _c("source", "text", "来源", "Source", None, "上报渠道", "事件来源", "诉求来源"),
            _c("text", "text", "描述", "Text", None, "内容", "事件描述", "问题描述", "诉求内容", "descriptor"),
            _ADDRESS, *_ATTACHED,
        ),
    ),
    Layer(
        name="staff", zh="人员", en="Staff", geometry=(), key=("name", "role", "area"),
        columns=(
            _c("name", "text", "姓名", "Name", None, "人员姓名", "网格员姓名", required=True),
            _c("role", "text", "角色", "Role", None, "职务", "岗位", "人员类型", required=True),
            _c("area", "text", "负责区域编码", "Area", None, "区域", "负责区域", "所在网格", "网格编码",
                required=True),
            _c("from", "date", "任职日期", "From", None, "开始日期"),
            _c("to", "date", "离任日期", "To", None, "结束日期"),
            _c("phone", "text", "电话", "Phone", None, "联系电话", "联系方式", "手机", "手机号", "电话号码",
                "手机号码"),
        ),
    ),
    Layer(
        name="coverage", zh="设施覆盖", en="Coverage", geometry=(), source="made", key=("micro_grid", "kind"),
        columns=(
            _OF_MICRO_GRID, _FACILITY_KIND, _NORM_M,
            _c("households", "integer", "户数", "Households", None, unit="households"), _COVERED, _SHARE, _WALK,
            _c("walk_m_max", "number", "最远步行距离", "Longest walk", "walk_max", unit="m"),
            _c("nearest", "text", "最近设施", "Nearest facility", None), _STATE,
            _c("basis", "text", "距离依据", "Basis of distance", None), _VERIFIED,
        ),
    ),
    Layer(
        name="gaps", zh="服务缺口", en="Gaps", geometry=("area",), source="made", key=("kind", "rank"),
        columns=(
            _FACILITY_KIND, _HOUSEHOLDS, _RESIDENTS, _WALK, _c("rank", "integer", "排序", "Rank", None), *NEEDS,
            _c("reason", "text", "原因（英文）", "Reason", None),
            _c("reason_zh", "text", "原因", "Reason (Chinese)", None),
            _c("nearest", "text", "最近设施", "Nearest facility", None),
            _c("straight_m", "number", "直线距离", "Straight distance", None, unit="m"),
            _c("between", "text", "阻隔", "Barrier between", None),
            _c("closing_x", "number", "补点东坐标", "Closing place, east", None, unit="m"),
            _c("closing_y", "number", "补点北坐标", "Closing place, north", None, unit="m"),
            _c("closing_households", "integer", "补点可覆盖户数", "Households served there", "closing_hh",
               unit="households"),
        ),
    ),
    Layer(
        name="coverage_levels", zh="各级覆盖", en="Coverage by level", geometry=(), source="made", key=("code", "kind"),
        columns=(
            _c("level", "text", "层级", "Level", None), _PLAIN_CODE,
            _FACILITY_KIND, _NORM_M, _VERIFIED, _HOUSEHOLDS, _COVERED,
            _c("unknown_households", "integer", "情况不明户数", "Households unknown", "unknown_hh", unit="households"),
            _SHARE, _STATE, _WALK,
            _c("minutes_mean", "number", "平均步行分钟", "Mean minutes", "min_mean", unit="min"),
            _c("minutes_mean_aged", "number", "老人步行分钟", "Mean minutes of the aged", "min_aged", unit="min"),
            _RESIDENTS,
            _c("covered_residents", "integer", "已覆盖人口", "Covered residents", "cov_resid", unit="people"),
            *(column for need in NEEDS for column in (need, _c(
                f"covered_{need.name}", "integer", f"已覆盖{need.zh}", f"Covered: {need.en}", f"c_{need.short}"[:10],
                unit=need.unit))),
        ),
    ),
    Layer(
        name="accessibility", zh="服务可达", en="Accessibility", geometry=(), source="made", key=("micro_grid", "kind"),
        columns=(
            _OF_MICRO_GRID, _FACILITY_KIND, _NORM_M, _HOUSEHOLDS,
            _c("served_once", "integer", "一处服务户数", "Households served once", "once_hh", unit="households"),
            _c("served_several", "integer", "多处服务户数", "Households served by several", "several_hh",
               unit="households"),
            _c("facilities_mean", "number", "平均可达设施数", "Facilities in reach, mean", "fac_mean"),
            _c("supply_unit", "text", "供给单位", "Unit of supply", "sup_unit"),
            _c("supply_known", "number", "供给已知比例", "Supply known", "sup_known"),
            _c("demand", "text", "需求单位", "Unit of demand", None),
            _c("per_1000", "number", "每千人供给（2SFCA）", "Supply per 1,000 (2SFCA)", None),
            _c("per_1000_enhanced", "number", "每千人供给（E2SFCA）", "Supply per 1,000 (E2SFCA)", "per1000e"),
        ),
    ),
    Layer(
        name="coverage_hours", zh="分时覆盖", en="Coverage by hour", geometry=(), source="made",
        key=("code", "kind", "day", "hour"),
        columns=(
            _PLAIN_CODE, _FACILITY_KIND,
            _c("day", "integer", "星期", "Day of the week", None), _c("hour", "integer", "时", "Hour", None),
            _NORM_M, _HOUSEHOLDS, _COVERED, _SHARE,
            _c("facilities_open", "integer", "开放设施数", "Facilities open", "fac_open"),
            _c("facilities_unknown", "integer", "时间不明设施数", "Facilities of unknown hours", "fac_unk"),
        ),
    ),
    Layer(
        name="completeness", zh="资料完整度", en="Completeness of the map", geometry=(), source="made",
        key=("code", "kind"),
        columns=(
            _PLAIN_CODE, _FACILITY_KIND, _HOUSEHOLDS,
            _c("mapped", "integer", "已有设施", "Mapped", None), _c("expected", "number", "预期设施", "Expected", None),
            _c("mapped_any", "integer", "已有各类设施", "Mapped, any kind", None),
            _c("expected_any", "number", "预期各类设施", "Expected, any kind", "expect_any"),
            _c("state", "text", "完整度", "State", None),
        ),
    ),
    Layer(
        name="border_inbox", zh="边界待核", en="Border inbox", geometry=("point",), source="made",
        key=("layer", "code"),
        columns=(
            _c("layer", "text", "图层", "Layer", None),
            _c("code", "text", "编码", "Code", None),
            _c("reason", "text", "原因", "Reason", None),
            _c("micro_grid", "text", "所属微网格", "Micro-grid", None),
            _c("others", "text", "相邻微网格", "Other micro-grids", None),
            _c("distance_m", "number", "距离", "Distance", None, unit="m"),
        ),
    ),
    Layer(
        name="overlaps", zh="服务范围", en="Overlaps", geometry=(), source="made",
        key=("layer", "code", "micro_grid"),
        columns=(
            _c("layer", "text", "图层", "Layer", None),
            _c("code", "text", "编码", "Code", None),
            _c("micro_grid", "text", "微网格", "Micro-grid", None),
            _c("basis", "text", "依据", "Basis", None),
            _c("area_m2", "number", "重叠面积", "Common area", None, unit="m2"),
            _c("share_of_micro_grid", "number", "占微网格比例", "Share of the micro-grid", "share_grid"),
            _c("share_of_area", "number", "占自身比例", "Share of the area", "share_area"),
        ),
    ),
    Layer(
        name="imports", zh="导入记录", en="Imports", geometry=(), source="made",
        columns=(
            _c("code", "text", "编号", "Code", None),
            _c("layer", "text", "图层", "Layer", None),
            _c("file", "text", "文件", "File", None),
            _c("sha256", "text", "文件指纹", "SHA-256", None),
            _c("by", "text", "导入人", "By", None),
            _c("at", "text", "导入时间", "At", None),
            _c("rows", "integer", "行数", "Rows", None, unit="rows"),
            _c("new", "integer", "新增", "New", None, unit="rows"),
            _c("changed", "integer", "变更", "Changed", None, unit="rows"),
            _c("unchanged", "integer", "未变", "Unchanged", None, unit="rows"),
            _c("ended", "integer", "停用", "Ended", None, unit="rows"),
            _c("refused", "integer", "退回", "Refused", None, unit="rows"),
            _c("merged", "integer", "合并", "Merged", None, unit="rows"),
            _c("undone_at", "text", "撤销时间", "Undone at", None),
            _c("undone_by", "text", "撤销人", "Undone by", None),
        ),
    ),
    Layer(
        name="import_rows", zh="导入前的内容", en="Before the import", geometry=(), source="made",
        key=("import", "code"),
        columns=(
            _c("import", "text", "导入编号", "Import", None),
            _c("layer", "text", "图层", "Layer", None),
            _c("code", "text", "编码", "Code", None),
            _c("step", "text", "变化", "Step", None),
            _c("before", "text", "原值", "Before", None),
        ),
    ),
    Layer(
        name="findings", zh="检查结果", en="Findings", geometry=(), source="made", key=(),
        columns=(
            _c("layer", "text", "图层", "Layer", None),
            _c("rule", "text", "规则", "Rule", None),
            _c("what", "text", "问题", "What", None),
            _c("done", "text", "处理", "Done", None),
            _c("level", "text", "级别", "Level", None),
            _c("row", "integer", "行", "Row", None),
            _c("code", "text", "编码", "Code", None),
            _c("field", "text", "字段", "Field", None),
            _c("file", "text", "文件", "File", None),
        ),
    ),
)

#: Every layer by name, in the order in which a city is read.
LAYERS: dict[str, Layer] = {item.name: item for item in _ALL}


def layer(name: str) -> Layer:
    """The layer of that name.

    Raises
    ------
    UnknownLayer
        With the names that exist.

    Examples
    --------
    >>> layer("micro_grids").zh
    '微网格'
    >>> layer("buildings").column("levels").type
    'integer'
    """
    try:
        return LAYERS[name]
    except KeyError:
        raise UnknownLayer(f"there is no layer {name!r}; the layers are {', '.join(LAYERS)}") from None
