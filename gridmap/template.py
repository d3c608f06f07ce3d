"""An empty city folder to fill in: `city.toml` with comments, and a workbook with a sheet a layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from gridmap.norms import load_norms
from layers.city_file import CITY_TOML
from layers.errors import WrongCall
from layers.kinds import kind_words
from layers.schema import LAYERS, Column, Layer

__all__ = ["SHEETS", "NewFolder", "write_new", "write_workbook"]

#: Layers that an office can type: those with points or without geometry. Outlines and lines come from a GIS.
SHEETS = ("buildings", "organizations", "facilities", "incidents", "staff")
#: Columns that gridmap makes itself, left out of the sheets.
_MADE = (
    "derived", "households_basis", "micro_grid", "grid", "community", "attached_by", "attach_distance_m", "part",
    "part_of", "unit_no", "floor_from", "floor_to", "valid_from", "valid_to",
)  # fmt: skip
_ROWS = 2000  # rows with drop-down lists
_HEAD, _MUST = PatternFill("solid", fgColor="1F4E79"), PatternFill("solid", fgColor="B45309")
_TYPES = {
    "text": ("文字", "text"), "integer": ("整数", "whole number"), "number": ("数字", "number"),
    "boolean": ("是 / 否", "是 (yes) / 否 (no)"), "date": ("日期 2024-03-05", "date 2024-03-05"),
    "datetime": ("日期时间 2024-03-05 14:30", "date and time 2024-03-05 14:30"),
}  # fmt: skip
_TOML = """\
# 城市文件夹说明 / What this folder says about its city. Lines that start with # are comments.
# 填好 {book} 后运行 / When {book} is filled in, run:  gridmap check {folder}

[city]
name = "{name}"
# 行政区划代码 / code of the district (6 digits), street (9) or community (12):
# code = "510504001001"
# 表格经纬度的坐标基准，选错会偏几百米到一公里多；GIS 文件以自带的坐标系为准，不受影响。
# Datum of longitude and latitude in tables; a wrong one puts all some hundred metres off. GIS files say their own CRS.
#   "gcj02"     高德、腾讯、微信 / AMap, Tencent, WeChat
#   "bd09"      百度 / Baidu
#   "cgcs2000"  天地图、测绘 / Tianditu, surveys
#   "wgs84"     GPS, OpenStreetMap
# 不确定？/ Not sure?  gridmap doctor facilities.csv buildings.gpkg --layer facilities --reference-layer buildings
datum = "gcj02"
# 投影 / metric CRS; found by the place if left out:
# crs = "EPSG:4549"

# 边界、道路等从 GIS 文件来 / Outlines, roads and so on come from GIS files beside this one, named after the layer:
# communities.gpkg, buildings.shp, roads.geojson ... 或 / or:
# [layers.communities]
# file = "社区边界.shp"
# columns = {{ code = "社区代码", name = "社区名称" }}

# 微网格 / the split:
# [split]
# households = [15, 25, 40]
"""


@dataclass(frozen=True)
class NewFolder:
    """What `write_new` wrote."""

    folder: Path
    city_toml: Path
    workbook: Path


def write_new(folder: str | Path) -> NewFolder:
    """Write an empty city folder.

    Parameters
    ----------
    folder
        Made where it is not there; files in it are never replaced.

    Raises
    ------
    WrongCall
        The folder has a `city.toml` or a `city.xlsx`, or cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> made = write_new(Path(tempfile.mkdtemp()) / "guihua")
    >>> made.city_toml.name, made.workbook.name
    ('city.toml', 'city.xlsx')
    """
    folder = Path(folder)
    made = NewFolder(folder, folder / CITY_TOML, folder / "city.xlsx")
    for path in (made.city_toml, made.workbook):
        if path.exists():
            raise WrongCall(f"{path} is there already and is not replaced; take another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_workbook(made.workbook)
        name = folder.resolve().name.replace("\\", "").replace('"', "")
        made.city_toml.write_text(
            _TOML.format(book=made.workbook.name, folder=folder.name, name=name), encoding="utf-8"
        )
    except OSError as error:
        raise WrongCall(f"cannot write to {folder}: {error.strerror}; take another folder") from None
    return made


def write_workbook(path: str | Path) -> None:
    """Write the template: a sheet of explanation, a sheet a layer of `SHEETS`, drop-down lists for kinds.

    Headings stand in Chinese; the English title, the type and the unit stand in the note of each heading and on the
    sheet of explanation. Headings that must be filled in are brown. Sheets are named in Chinese, so that `read_city`
    finds them; empty ones count as absent.

    Examples
    --------
    >>> import tempfile
    >>> from layers.tables import sheets
    >>> path = Path(tempfile.mkdtemp()) / "city.xlsx"
    >>> write_workbook(path)
    >>> list(sheets(path))
    ['说明', '楼栋', '组织', '设施', '事件', '人员']
    """
    book = Workbook()
    about = book.active
    assert about is not None
    about.title = "说明"
    lists = book.create_sheet("选项")
    lists.sheet_state = "hidden"
    _explain(about)
    for name in SHEETS:
        layer = LAYERS[name]
        _layer_sheet(book.create_sheet(layer.zh), layer, lists, book)
    book.move_sheet(lists, offset=len(SHEETS))
    book.save(Path(path))


def _columns(layer: Layer) -> list[Column]:
    columns = [column for column in layer if column.name not in _MADE]
    return sorted(columns, key=lambda column: not column.required)


def _layer_sheet(sheet: Worksheet, layer: Layer, lists: Worksheet, book: Workbook) -> None:
    columns = _columns(layer)
    heads = [(column.zh, column) for column in columns]
    places: list[tuple[str, Column | None]] = [("经度", None), ("纬度", None)] if layer.geometry else []
    for position, (title, column) in enumerate([*heads, *places], start=1):
        cell = sheet.cell(row=1, column=position, value=title)
        cell.font = Font(bold=True, color="FFFFFF")
        must = column is not None and column.required
        cell.fill = _MUST if must else _HEAD
        cell.alignment = Alignment(horizontal="center", vertical="center")
        letter = get_column_letter(position)
        sheet.column_dimensions[letter].width = max(10, 2 * len(title) + 4)
        if column is None:
            cell.comment = Comment("度 / degrees; datum 在 city.toml 里写 / its datum stands in city.toml", "gridmap")
            continue
        unit = f" ({column.unit})" if column.unit else ""
        cell.comment = Comment(f"{column.en}{unit}\n{_TYPES[column.type][1]}{', required' if must else ''}", "gridmap")
        if column.type == "text":
            for row in range(2, 202):  # text stays text: codes keep their zeros and their last digits
                sheet.cell(row=row, column=position).number_format = "@"
        choices = _choices(layer, column)
        if choices:
            _drop_down(sheet, letter, choices, lists, book, f"{layer.name}_{column.name}")
    sheet.freeze_panes = "A2"
    sheet.row_dimensions[1].height = 22


def _choices(layer: Layer, column: Column) -> list[str]:
    """What may stand in a column, where that is a list."""
    if column.type == "boolean":
        return ["是", "否"]
    if column.name == "kind" and layer.name in ("facilities", "organizations"):
        return [zh for zh, _ in _kinds(layer.name).values()]
    if layer.name == "incidents" and column.name == "source":
        return ["巡查", "居民上报", "热线", "走访", "视频", "转办", "上级交办"]
    if layer.name == "staff" and column.name == "role":
        return ["网格长", "微网格长", "网格员", "网格指导员", "楼栋长", "社区规划师"]
    return []


def _kinds(layer: str) -> dict[str, tuple[str, str]]:
    """Kind -> its titles in Chinese and English, for the kinds of a layer that stand in `layers/kind_words.yaml`."""
    titles = {norm.key: norm.en for norm in load_norms(None)} if layer == "facilities" else {}
    words = kind_words()[layer]
    return {kind: (found[0], titles.get(kind, kind.replace("_", " ").capitalize())) for kind, found in words.items()}


def _drop_down(
    sheet: Worksheet, letter: str, choices: list[str], lists: Worksheet, book: Workbook, name: str
) -> None:
    """A list to choose from; other words may be typed after a question."""
    column = 1 if lists.max_column == 1 and lists.cell(1, 1).value is None else lists.max_column + 1
    for row, choice in enumerate(choices, start=1):
        lists.cell(row=row, column=column, value=choice)
    there = get_column_letter(column)
    book.defined_names[name] = DefinedName(name, attr_text=f"'{lists.title}'!${there}$1:${there}${len(choices)}")
    rule = DataValidation(type="list", formula1=f"={name}", allow_blank=True, errorStyle="warning",
        showErrorMessage=True)
    rule.error = "不在列表中 / not in the list"
    sheet.add_data_validation(rule)
    rule.add(f"{letter}2:{letter}{_ROWS}")


def _explain(sheet: Worksheet) -> None:
    """The first sheet: how to fill in, every column, every kind."""
    rows: list[tuple[str, ...]] = [
        ("每张表一行一个对象；棕色表头必填；不要合并单元格，不要写合计行。",
         "One thing a row on each sheet; brown headings must be filled in; no merged cells, no totals."),
        ("编码写成文本（不要让表格软件变成 3.3E+17）；数字可以带单位（25户）。",
         "Codes are text (never 3.3E+17); numbers may carry a unit (25户)."),
        ("经度、纬度是度数，坐标基准写在 city.toml 的 datum；没有坐标可以只写地址。",
         "Longitude and latitude in degrees, their datum in city.toml; an address will do where nobody knows them."),
        ("只登记数量，不登记个人：不要写居民的姓名、身份证号。",
         "Counts, not people: no names and no identity numbers of residents."),
        (),
        ("工作表", "列", "类型", "必填", "Sheet", "Column", "Type", "Name in files"),
    ]  # fmt: skip
    for name in SHEETS:
        layer = LAYERS[name]
        for column in _columns(layer):
            zh, en = _TYPES[column.type]
            must = "是" if column.required else ""
            rows.append((layer.zh, column.zh, zh, must, layer.en, column.en, en, column.name))
    rows += [(), ("类别", "名称", "", "", "Kind of", "Title", "", "Key")]
    for name in ("facilities", "organizations"):
        for key, (zh, en) in _kinds(name).items():
            rows.append((LAYERS[name].zh, zh, "", "", LAYERS[name].en, en, "", key))
    for row, cells in enumerate(rows, start=1):
        for place, text in enumerate(cells, start=1):
            cell = sheet.cell(row=row, column=place, value=text)
            if cells[:1] in (("工作表",), ("类别",)):
                cell.font = Font(bold=True)
    for place, width in enumerate((14, 18, 26, 8, 22, 26, 30, 24), start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
